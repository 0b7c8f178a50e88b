// SPDX-License-Identifier: Apache-2.0
//
// parts.mjs - what cases are made of (play.mjs says what a case is).
import { said } from '../play.mjs';
import { CLOSE, CONTINUATION, TEXT, closePayload, frame, upgradeRequest } from '../websocket.mjs';

export const ECHO = '/conformance/echo';
export const MESSAGE_MAX = 1 << 20; // what the server is told
export const HELLO = upgradeRequest(ECHO, { Host: 'a' });
export const BYE = frame(CLOSE, closePayload(1000));
export const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
export const octets = (n, value = 0xa5) => Buffer.alloc(n, value);

// ---- behind a handshake -------------------------------------------------------------------------------------------

// {wait: n} counts from the handshake's answer on.
export function ws(name, rfc, send, says, more = {}) {
  const shifted = send.map((item) => (item.wait === undefined ? item : { wait: item.wait + 1 }));
  return { name, rfc, send: [HELLO, { wait: 1 }, ...shifted], says: ['101', ...says], ...more };
}

// What is answered, and then a client that leaves in good order.
export function lives(name, rfc, send, says, more) {
  return ws(name, rfc, [...send, BYE], [...says, said.close(1000)], more);
}

// What fails the connection with that code; a ping behind it is not heard any more.
export function fails(name, rfc, send, code, { before = [], ...more } = {}) {
  return ws(name, rfc, [...send, frame(9, 'too late')], [...before, said.close(code)], more);
}

// One message in fragments of those payloads.
export function fragments(opcode, payloads) {
  return payloads.map((payload, i) => frame(i === 0 ? opcode : CONTINUATION, payload, { fin: i === payloads.length - 1 }));
}

// Cut into pieces of n octets.
export function cut(payload, n) {
  const bytes = Buffer.from(payload);
  const pieces = [];
  for (let at = 0; at < bytes.length; at += n) pieces.push(bytes.subarray(at, at + n));
  return pieces.length > 0 ? pieces : [bytes];
}

export const textFrame = (payload, options) => frame(TEXT, payload, options);

// ---- HTTP ---------------------------------------------------------------------------------------------------------

// A request as text. Field lines as they are to be sent.
export function request(line, ...lines) {
  return [line, ...lines, '', ''].join('\r\n');
}
export const get = (path, ...lines) => request(`GET ${path} HTTP/1.1`, 'Host: a', ...lines);
export const LAST = get('/healthz', 'Connection: close');

export function http(name, rfc, send, says, more = {}) {
  return { name, rfc, send: [send].flat(), says: [says].flat(), ...more };
}

// Answered with that, and the connection goes on: the next request is answered as well.
export function goesOn(name, rfc, bytes, says, more = {}) {
  return http(name, rfc, [bytes, LAST], [says, '200 close'].flat(), more);
}

// One answer with that status, and nothing of what lies behind is read.
export function ends(name, rfc, bytes, status, more = {}) {
  return http(name, rfc, [bytes, LAST], `${status} close`, more);
}
