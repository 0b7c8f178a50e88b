// SPDX-License-Identifier: Apache-2.0
//
// play.mjs - plays a case of the conformance suite against a server, and writes down what the server said.
//
// A case is what a client sends, and what must come back:
//
//   name    what is tried, unique in the table
//   rfc     the section that it is held to
//   send    a list: bytes or text (as Latin-1), each a write of its own; {wait: n}, not before the server has said n things;
//           FIN, the end of what the client sends
//   says    a list: what the server says, then the end of TCP, which is always in good order
//   fields  of the first response: a value, a pattern, or null for a field that must not be there
//   headOnly  the numbers of the responses that are answers to HEAD
//   secure  false: not over TLS, as what is sent names a scheme
//
// The whole of what is sent decides what is said, never when it comes. So each case is played in several ways, and all of them
// must come to the same words.
//
// What the server says, one word each:  HTTP  `200 keep`, `400 close`, `101`  the status, and whether the connection goes on
//                                       frames  `text "abc"`, `binary 00ff`, `pong 616263`, `close 1002`, `close` (no code)
// A payload longer than SHOWN_MAX is its length and a digest.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { BINARY, CLOSE, PING, PONG, TEXT, acceptOf, parseFrame } from './websocket.mjs';

export const FIN = Symbol('FIN');

const LIMIT_MS = 60_000; // a case that takes longer hangs
const SHOWN_MAX = 80;
const EDGE = 256; // of longer streams, so many octets at both ends are sent one by one, and those between in one

// ---- words --------------------------------------------------------------------------------------------------------

function shown(payload, form) {
  const bytes = Buffer.from(payload);
  if (bytes.length <= SHOWN_MAX) return form === 'text' ? JSON.stringify(bytes.toString()) : bytes.toString('hex');
  return `${bytes.length} octets ${createHash('sha1').update(bytes).digest('hex').slice(0, 12)}`;
}

export const said = {
  text: (payload) => `text ${shown(payload, 'text')}`,
  binary: (payload) => `binary ${shown(payload)}`.trimEnd(),
  pong: (payload = '') => `pong ${shown(payload)}`.trimEnd(),
  close: (code) => (code === undefined ? 'close' : `close ${code}`),
};

function frameWord({ fin, opcode, payload }) {
  assert.ok(fin, 'a fragment from the server');
  if (opcode === TEXT) return said.text(payload);
  if (opcode === BINARY) return said.binary(payload);
  if (opcode === PONG) return said.pong(payload);
  if (opcode === PING) return `ping ${shown(payload)}`;
  assert.equal(opcode, CLOSE);
  assert.notEqual(payload.length, 1, 'half a close code from the server');
  new TextDecoder('utf-8', { fatal: true }).decode(payload.subarray(2));
  return said.close(payload.length === 0 ? undefined : payload.readUInt16BE());
}

// ---- what was said ------------------------------------------------------------------------------------------------

// One response at the front of bytes, or null when it is not whole yet. Held to RFC 9112 wherever that leaves no choice.
function parseResponse(bytes, headOnly) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.subarray(0, end).toString('latin1');
  const [line, ...lines] = head.split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(line);
  assert.ok(match, `a status line, not ${line}`);
  const status = Number(match[1]);
  const fields = {};
  for (const field of lines) {
    const [, name, value] = /^([!#-'*+.0-9A-Z^-z|~-]+): ([ -~]*)$/.exec(field) ?? assert.fail(`a field, not ${field}`);
    assert.ok(!(name.toLowerCase() in fields), `${name} is there twice`);
    fields[name.toLowerCase()] = value;
  }
  const bodyless = headOnly || status < 200 || status === 204 || status === 304;
  assert.equal(fields['transfer-encoding'], undefined);
  if (status === 101) assert.equal(fields['content-length'], undefined);
  else if (!bodyless) assert.match(fields['content-length'] ?? '', /^\d+$/, head);
  const n = bodyless ? 0 : Number(fields['content-length']);
  if (bytes.length < end + 4 + n) return null;
  return { status, fields, body: bytes.subarray(end + 4, end + 4 + n), size: end + 4 + n };
}

// Of the frame that begins there, as far as its header tells.
function frameSize(bytes) {
  if (bytes.length < 2) return 0;
  const short = bytes[1] & 127;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < 4 ? 4 : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? 10 : 10 + Number(bytes.readBigUInt64BE(2));
}

// What comes from the server, as words; and with everything that they leave out, for ways to be held against each other.
class Transcript {
  words = [];
  full = [];
  frames = false;
  rest = Buffer.alloc(0);
  chunks = []; // behind `rest`: they are put together when there is enough of them for the frame that it begins
  waiting = 0;
  need = 0;

  constructor(headOnly) {
    this.headOnly = headOnly; // numbers of the responses that are answers to HEAD
  }

  take(chunk) {
    this.chunks.push(chunk);
    this.waiting += chunk.length;
    if (this.rest.length + this.waiting < this.need) return;
    this.settle();
    while (this.rest.length > 0 && (this.frames ? this.frame() : this.response()));
    this.need = this.frames ? frameSize(this.rest) : 0;
  }

  settle() {
    this.rest = Buffer.concat([this.rest, ...this.chunks]);
    this.chunks = [];
    this.waiting = 0;
  }

  frame() {
    const found = parseFrame(this.rest);
    if (found === null) return false;
    this.words.push(frameWord(found));
    this.full.push(createHash('sha1').update(this.rest.subarray(0, found.size)).digest('hex'));
    this.rest = this.rest.subarray(found.size);
    return true;
  }

  response() {
    const found = parseResponse(this.rest, this.headOnly.includes(this.words.length));
    if (found === null) return false;
    const { date, ...fields } = found.fields;
    if (found.status !== 101) assert.ok(!Number.isNaN(Date.parse(date)), `a Date, not ${date}`);
    const end = /\bclose\b/.test(fields.connection ?? '') ? 'close' : 'keep';
    this.words.push(found.status === 101 ? '101' : `${found.status} ${end}`);
    this.full.push({ status: found.status, fields, body: found.body.toString('latin1') });
    this.frames = found.status === 101;
    this.rest = this.rest.subarray(found.size);
    return true;
  }
}

// ---- a connection -------------------------------------------------------------------------------------------------

class Line {
  constructor(at, headOnly) {
    this.transcript = new Transcript(headOnly);
    this.end = ''; // how the server's side ended
    this.waiters = [];
    const options = { port: at.port, host: '127.0.0.1', allowHalfOpen: true };
    this.socket = at.secure ? tls.connect({ ...options, secureContext: at.secure, servername: 'localhost' }) : net.connect(options);
    this.ready = new Promise((done) => this.socket.once(at.secure ? 'secureConnect' : 'connect', done));
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.hear(chunk));
    this.socket.on('end', () => this.over('FIN'));
    this.socket.on('error', (error) => this.over(error.code ?? error.message));
    this.socket.on('close', () => this.over('closed'));
  }

  hear(chunk) {
    if (this.failure) return;
    try {
      this.transcript.take(chunk);
    } catch (error) {
      this.failure = error;
    }
    this.wake();
  }

  over(how) {
    this.end ||= how;
    this.wake();
  }

  wake() {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }

  // Until probe() is true, or nothing more can come.
  async until(probe) {
    while (!probe() && !this.end && !this.failure) await new Promise((next) => this.waiters.push(next));
  }

  write(bytes) {
    return new Promise((next) => (this.end ? next() : this.socket.write(bytes, () => next())));
  }
}

// ---- ways ---------------------------------------------------------------------------------------------------------

export function bytesOf(item) {
  if (item === FIN) return Buffer.from('FIN');
  return typeof item === 'string' ? Buffer.from(item, 'latin1') : item;
}
const isBytes = (item) => typeof item === 'string' || Buffer.isBuffer(item);
const immediate = () => new Promise((next) => setImmediate(next));

// As somebody would write it: a request, a frame; waiting where a client waits.
async function playAsWritten(line, send) {
  for (const item of send) {
    if (isBytes(item)) await line.write(bytesOf(item));
    else if (item !== FIN) await line.until(() => line.transcript.words.length >= item.wait);
  }
}

async function playOctets(line, send) {
  const bytes = Buffer.concat(send.filter(isBytes).map(bytesOf));
  const edges = bytes.length > 2 * EDGE ? [EDGE, bytes.length - EDGE] : [bytes.length, bytes.length];
  for (let at = 0; at < bytes.length && !line.end;) {
    const n = at === edges[0] ? Math.max(1, edges[1] - at) : 1;
    await line.write(bytes.subarray(at, at + n));
    at += n;
    if (at % 16 === 0) await immediate(); // what has come is heard
  }
}

async function playAtOnce(line, send) {
  await line.write(Buffer.concat(send.filter(isBytes).map(bytesOf)));
}

export const WAYS = { 'as written': playAsWritten, 'octet by octet': playOctets, 'at once': playAtOnce };

// One case in one way. at: {port, secure}, a context for TLS. Resolves with {words, full, end}.
export async function play(item, way, at) {
  const line = new Line(at, item.headOnly ?? []);
  const timer = setTimeout(() => line.over(`nothing more within ${LIMIT_MS} ms`), LIMIT_MS);
  try {
    await Promise.race([line.ready, line.until(() => false)]);
    await WAYS[way](line, item.send);
    if (item.send.includes(FIN)) line.socket.end();
    await line.until(() => false);
    if (line.failure) throw line.failure;
    line.transcript.settle();
    const { words, full, rest } = line.transcript;
    const left = rest.length === 0 ? [] : [`${rest.length} octets ${rest.subarray(0, 40).toString('latin1')}`];
    return { words: [...words, ...left], full, end: line.end };
  } finally {
    clearTimeout(timer);
    line.socket.destroy();
  }
}

// What RFC 6455 section 4.2.2 wants of every answer that makes a WebSocket.
function holdHandshake(item, { fields }) {
  const key = /^sec-websocket-key:\s*(\S+)/im.exec(item.send.filter(isBytes).map((one) => bytesOf(one).toString('latin1')).join(''))[1];
  assert.equal(fields.upgrade, 'websocket');
  assert.equal(fields.connection, 'Upgrade');
  assert.equal(fields['sec-websocket-accept'], acceptOf(key));
}

function holdFields(item, response) {
  for (const [name, value] of Object.entries(item.fields ?? {})) {
    const got = response.fields[name];
    if (value instanceof RegExp) assert.match(got ?? '', value, name);
    else assert.equal(got, value ?? undefined, name);
  }
}

// The same, held to the case. `like`: what another way came to.
export async function hold(item, way, at, like = null) {
  const got = await play(item, way, at);
  assert.deepEqual([...got.words, got.end], [...item.says, 'FIN'], `${way}; ${item.rfc}`);
  for (const one of got.full) if (one.status === 101) holdHandshake(item, one);
  holdFields(item, got.full[0]);
  if (like !== null) assert.deepEqual(got.full, like.full, `${way}: other words than in another way`);
  return got;
}
