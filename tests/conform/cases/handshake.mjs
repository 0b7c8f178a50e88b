// SPDX-License-Identifier: Apache-2.0
//
// The opening handshake (RFC 6455 section 4): every field that it has, what may be said in another way, what may not, and
// what a request that is refused hides behind itself.
import { FIN, said } from '../play.mjs';
import { closePayload, frame, upgradeRequest } from '../websocket.mjs';
import { BYE, ECHO, LAST, fails, get, hex, http, lives, octets, textFrame } from './parts.mjs';

const BASE = { Host: 'a' };
const upgrade = (fields, line) => upgradeRequest(ECHO, { ...BASE, ...fields }, line);
const shown = (value) => (value === null ? 'none' : [value].flat().map((one) => (one.length > 40 ? `${one.slice(0, 40)}... of ${one.length} octets` : `"${one}"`)).join(' and '));

// The handshake is made, and what is behind it are frames.
function accepted(name, rfc, bytes, more = {}) {
  return { name, rfc, send: [bytes, { wait: 1 }, textFrame('hello'), BYE], says: ['101', said.text('hello'), said.close(1000)], ...more };
}
// One answer, then the end: neither frames nor a request that lie behind are read.
function refused(name, rfc, bytes, status, more = {}) {
  return { name, rfc, send: [bytes, LAST], says: [`${status} close`], ...more };
}

// One field, in many forms of the same meaning or with mistakes.
const yes = (field, rfc, values, more) => values.map((value) => accepted(`${field}: ${shown(value)}`, rfc, upgrade({ [field]: value }), more));
const no = (field, rfc, values, status, more) => values.map((value) => refused(`${field}: ${shown(value)}`, rfc, upgrade({ [field]: value }), status, more));

// ---- the request line ---------------------------------------------------------------------------------------------

const lines = [
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'get', 'Get', 'GETX', 'X'].map((method) =>
    refused(`the method ${method}`, '6455 4.1', upgrade({}, `${method} ${ECHO} HTTP/1.1`), 405, { fields: { allow: /\bGET\b/ } })),
  { ...refused('the method HEAD', '6455 4.1', upgrade({}, `HEAD ${ECHO} HTTP/1.1`), 405), headOnly: [0] },
  refused('HTTP/1.0', '6455 4.1', upgrade({}, `GET ${ECHO} HTTP/1.0`), 400),
  ...['HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0'].map((version) => refused(version, '6455 4.1', upgrade({}, `GET ${ECHO} ${version}`), 505)),
  ...['', 'HTTP/1', 'HTTP/1.', 'HTTP/11', 'HTTP/1.11', 'http/1.1', 'HTTPS/1.1', 'WS/1.1', 'HTTP/1,1', 'HTTP /1.1'].map((version) =>
    refused(`the version "${version}"`, '9112 2.3', upgrade({}, `GET ${ECHO} ${version}`), 400)),
  ...[`http://a${ECHO}`, `ws://a${ECHO}`, 'conformance/echo', '*', 'a:80', `${ECHO}#x`, `${ECHO}\\`, '/conformance/./echo', '/conformance//../echo', '/conformance/%65cho%00', '/%2e/echo'].map((target) =>
    refused(`the target ${target}`, '6455 4.1, 9112 3.2', upgrade({}, `GET ${target} HTTP/1.1`), 400)),
  ...['/', '/healthz', '/readyz'].map((path) => refused(`an upgrade of the page ${path}`, '9110 7.8', upgrade({}, `GET ${path} HTTP/1.1`), 200)),
  ...['/conformance/echo/', '/CONFORMANCE/echo', '/conformance', '/conformance/echo2', '//conformance/echo', '/conformance/echo%20', '/none'].map((path) =>
    refused(`the path ${path}`, '6455 4.2.2', upgrade({}, `GET ${path} HTTP/1.1`), 404)),
  accepted('a query is no part of the path', '6455 4.1', upgrade({}, `GET ${ECHO}?a=b&c=%20 HTTP/1.1`)),
  accepted('an empty query', '6455 4.1', upgrade({}, `GET ${ECHO}? HTTP/1.1`)),
  refused('a target of 9,000 octets', '9112 3', upgrade({}, `GET ${ECHO}?${'a'.repeat(9000)} HTTP/1.1`), 414),
];

// ---- Host ---------------------------------------------------------------------------------------------------------

const host = [
  ...yes('Host', '9112 3.2', ['a:1', 'a.example:65535', 'A.Example', 'a-b_c.example', '[::1]', '[::1]:8000', '127.0.0.1', '127.0.0.1:80']),
  ...no('Host', '9112 3.2', [null, '', ['a', 'a'], ['a', 'b'], 'a b', 'a, b', 'a/b', 'a@b', 'a:0', 'a:65536', 'a:b', 'a:', ':80', '[::1', '::1', '[]', 'a\\b', 'a?b', 'a#b', 'a%20b'], 400),
];

// ---- Upgrade and Connection ---------------------------------------------------------------------------------------

const tokens = [
  ...yes('Upgrade', '6455 4.2.1', ['WebSocket', 'WEBSOCKET', 'h2c, websocket', 'websocket, h2c', ', websocket,', 'websocket\t', ['h2c', 'websocket']]),
  ...no('Upgrade', '6455 4.2.1', [null, '', 'h2c', 'websocket2', 'websocke', 'web socket', '"websocket"', 'websocket;q=1', 'websocket/13'], 426,
    { fields: { upgrade: 'websocket' } }),
  ...yes('Connection', '6455 4.2.1', ['upgrade', 'UPGRADE', 'keep-alive, Upgrade', 'Upgrade,keep-alive', ',Upgrade', 'close, Upgrade', 'keep-alive,\tUpgrade , x',
    ['keep-alive', 'Upgrade']]),
  ...no('Connection', '6455 4.2.1', [null, '', 'keep-alive', 'close', 'upgraded', 'up grade', '"Upgrade"', 'Upgrade;x', 'Upgrade keep-alive'], 400),
];

// ---- the key ------------------------------------------------------------------------------------------------------

const KEYS = ['dGhlIHNhbXBsZSBub25jZQ==', 'AAAAAAAAAAAAAAAAAAAAAA==', '/////////////////////w==', '+++++++++++++++++++++w==', 'AQIDBAUGBwgJCgsMDQ4PEA=='];
const WRONG_KEYS = [null, '', '==', 'x', 'AAAA', 'AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAA=', 'AAAAAAAAAAAAAAAAAAAAA===', 'AAAAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAA',
  'AAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'AAAAAAAAAAAA AAAAAAAAA==', 'AAAAAAAAAA*AAAAAAAAAAA==', '____________________-w==', '++++++++++++++++++++++==', 'AAAAAAAAAAAAAAAAAAAAAB==', 'AAAAAAAAAAAAAAAAAAAAAA==,', 'AAAAAAAAAAAAAAAAAAAAAA==AA',
  '"AAAAAAAAAAAAAAAAAAAAAA=="', ['AAAAAAAAAAAAAAAAAAAAAA==', 'AAAAAAAAAAAAAAAAAAAAAA=='], ['AAAAAAAAAAAAAAAAAAAAAA==', ''], 'A'.repeat(2000)];
const key = [
  accepted('the key of the RFC has the answer of the RFC', '6455 1.3', upgrade({ 'Sec-WebSocket-Key': KEYS[0] }),
    { fields: { 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' } }),
  ...yes('Sec-WebSocket-Key', '6455 4.2.1', KEYS.slice(1)),
  ...no('Sec-WebSocket-Key', '6455 4.2.1', WRONG_KEYS, 400),
];

// ---- the version --------------------------------------------------------------------------------------------------

const version = no('Sec-WebSocket-Version', '6455 4.2.1, 4.4', [null, '', '0', '7', '8', '12', '14', '25', '255', '256', '013', '+13', '13.0', '13x', 'x13', '"13"', '13, 8', '8, 13', '13 8',
  ['13', '13'], ['13', '8'], ['8', '13']], 426, { fields: { 'sec-websocket-version': '13' } });

// ---- subprotocols and extensions ----------------------------------------------------------------------------------

const NONE = { fields: { 'sec-websocket-protocol': null, 'sec-websocket-extensions': null } };
const chosen = (value, expected, path = '/ws') => ({ name: `of ${shown(value)}, ${expected ?? 'none'} is chosen`, rfc: '6455 4.2.2',
  send: [upgradeRequest(path, { ...BASE, 'Sec-WebSocket-Protocol': value }), { wait: 1 }, BYE], says: ['101', said.close(1000)],
  fields: { 'sec-websocket-protocol': expected } });
const protocols = [
  ...[null, '', ',', ',,,', 'chat', 'chat, superchat', 'PLENUM.V1.JSON', 'plenum.v1.json2', 'plenum.v1', 'plenum.v9.json', 'x'.repeat(2000)].map((value) => chosen(value, null)),
  ...['plenum.v1.json', 'chat, plenum.v1.json', 'plenum.v1.json, chat', ',plenum.v1.json,', 'chat,\tplenum.v1.json\t, x', ['chat', 'plenum.v1.json']].map((value) =>
    chosen(value, 'plenum.v1.json')),
  accepted('a subprotocol is not chosen where there is none', '6455 4.2.2', upgrade({ 'Sec-WebSocket-Protocol': 'plenum.v1.json' }), NONE),
  ...no('Sec-WebSocket-Protocol', '6455 4.1, 11.3.4', ['a b', 'a/b', '"a"', 'a;x=1', 'a=b', '(a)', 'a\tb', 'a:b', '{a}', '\xe9'], 400),
];

// What may be offered and is not known, in every broken form: it is no mistake of the rest of the request.
const EXTENSIONS = ['foo', 'foo; bar', 'foo; bar=1', 'foo; bar="1"', 'foo, bar, foo', ['foo', 'bar'], '', ',', ';', '=', 'foo;', 'foo; =', 'foo; bar=', 'foo; bar="', 'foo; bar="\\', '"foo"',
  'x-webkit-deflate-frame', 'bbf-usp-protocol', `foo; x="${'\\x'.repeat(900)}"`, ','.repeat(2000), 'a'.repeat(2000)];
const extensions = yes('Sec-WebSocket-Extensions', '6455 4.2.2, 9.1', EXTENSIONS, NONE);

// ---- Origin -------------------------------------------------------------------------------------------------------

const origin = [
  ...yes('Origin', '6455 10.2', ['http://a', 'HTTP://A', 'http://a:80'], { secure: false }),
  ...no('Origin', '6455 10.2', ['', 'null', 'http://b', 'http://a:81', 'http://a.b', 'http://b.a', 'http://a/', 'http://a?', 'http://a#', 'http://a@b', 'http://b@a', 'ftp://a', 'a', '//a', 'http:a',
    'http://', 'http://a http://b', 'http://a:b', 'http://a:', 'http://[a', 'http://a.', 'http://*', '\xe9'], 403),
  ...no('Origin', '6455 10.2', [['http://a', 'http://a'], ['http://a', 'http://b']], 400),
];

// ---- fields in general --------------------------------------------------------------------------------------------

const text = upgrade({});
const withLine = (line) => text.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`);
const reversed = (() => {
  const [line, ...fields] = text.trimEnd().split('\r\n');
  return [line, ...fields.reverse(), '', ''].join('\r\n');
})();
const inCase = (change) => text.split('\r\n').map((line, i) => (i === 0 ? line : line.replace(/^[^:]+/, change))).join('\r\n');
const general = [
  accepted('fields in another order', '9110 5.3', reversed),
  accepted('names in lower case', '9110 5.1', inCase((name) => name.toLowerCase())),
  accepted('names in upper case', '9110 5.1', inCase((name) => name.toUpperCase())),
  accepted('values without a space before them', '9112 5', text.replaceAll(': ', ':')),
  accepted('values with much white space around them', '9112 5', text.replaceAll(/: (.*)\r\n/g, ': \t  $1 \t \r\n')),
  accepted('an empty line before the request', '9112 2.2', `\r\n${text}`),
  refused('two empty lines before the request', '9112 2.2', `\r\n\r\n${text}`, 400),
  ...['X-Empty:', 'X: a\tb', 'X: \xe9', 'Cookie: a=b; c="d"', 'User-Agent: x/1 (y; z)', 'X-!#$%&\'*+.^_`|~: x', 'Content-Length: 0', 'Pragma: no-cache', 'Expect-CT: x',
    'Authorization: Basic eDp5', 'TE: trailers', 'Accept-Encoding: gzip, br', 'Sec-WebSocket-Accept: x', 'Sec-WebSocket-Key1: 1', 'HTTP2-Settings: x'].map((line) =>
    accepted(`beside it: ${line}`, '9110 5', withLine(line))),
  ...[': x', 'X : y', 'X\t: y', ' X: y', '\tX: y', 'X: y\r\n folded', 'X: y\r\n\tfolded', 'X', 'X y: z', 'X: a\0b', 'X: a\rb', 'X: \x1b[31m', 'X: \x7f', 'X: \x01', 'X\xe9: y', 'X\0: y', '(X): y', 'X/: y',
    'X[]: y', 'X@: y', 'X,: y', '"X": y', 'X: a\nY: b', 'X: a\n', '\0: x'].map((line) =>
    refused(`not beside it: ${JSON.stringify(line)}`, '9112 5', withLine(line), 400)),
  refused('lines that end with LF', '9112 2.2', text.replaceAll('\r\n', '\n'), 400),
  refused('one line that ends with LF', '9112 2.2', text.replace('Upgrade: websocket\r\n', 'Upgrade: websocket\n'), 400),
  refused('an empty line that ends with LF', '9112 2.2', text.replace('\r\n\r\n', '\r\n\n'), 400),
  refused('a line that ends with CR', '9112 2.2', text.replace('Upgrade: websocket\r\n', 'Upgrade: websocket\r'), 400),
  refused('sixty-six fields', '9110 5.4', text.replace('\r\n\r\n', `\r\n${'X: y\r\n'.repeat(61)}\r\n`), 431),
  accepted('sixty-four fields', '9110 5.4', text.replace('\r\n\r\n', `\r\n${'X: y\r\n'.repeat(59)}\r\n`)),
];

// ---- bodies, and what is hidden behind ----------------------------------------------------------------------------

const body = [
  ...[['Content-Length', '5'], ['Content-Length', '1000000'], ['Content-Length', '-1'], ['Content-Length', 'a'], ['Content-Length', ['0', '0']], ['Transfer-Encoding', 'chunked']].map(([field, value]) =>
    refused(`a body: ${field}: ${[value].flat().join(' and ')}`, '6455 4.1', `${upgrade({ [field]: value })}hello`, 400)),
  refused('a body: both lengths', '9112 6.1', `${upgrade({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' })}5\r\nhello\r\n0\r\n\r\n`, 400),
];
const frames = Buffer.concat([textFrame('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n', { mask: [0, 0, 0, 0] }), BYE]);
const hidden = Object.entries({ 'frames': frames, 'a request': get('/metrics'), 'another handshake': text, 'octets at random': hex('e1f4209b77c30d60a5d8'), '3,000 line ends': octets(3000, 0x0d) })
  .flatMap(([name, bytes]) => [
    { name: `a refused handshake hides ${name}`, rfc: '6455 4.2.2', send: [upgrade({ 'Sec-WebSocket-Version': '8' }), bytes], says: ['426 close'] },
    { name: `a handshake from elsewhere hides ${name}`, rfc: '6455 10.2', send: [upgrade({ Origin: 'http://evil.example' }), bytes], says: ['403 close'] },
  ]);

// ---- together with what is around it ------------------------------------------------------------------------------

const around = [
  { name: 'requests, then the handshake, then frames', rfc: '9110 7.8', send: [get('/healthz'), { wait: 1 }, get('/readyz'), { wait: 2 }, text, { wait: 3 }, textFrame('hello'), BYE],
    says: ['200 keep', '200 keep', '101', said.text('hello'), said.close(1000)] },
  { name: 'frames in the segment of the handshake', rfc: '6455 4.1', send: [Buffer.concat([Buffer.from(text), textFrame('hello'), frame(9, 'p'), BYE])],
    says: ['101', said.text('hello'), said.pong('p'), said.close(1000)] },
  { name: 'half a frame in the segment of the handshake', rfc: '6455 4.1', send: [Buffer.concat([Buffer.from(text), textFrame('halves').subarray(0, 7)]), { wait: 1 }, textFrame('halves').subarray(7), BYE],
    says: ['101', said.text('halves'), said.close(1000)] },
  { name: 'a handshake that ends within a field', rfc: '9112 8', send: [text.slice(0, 60), FIN], says: [] },
  { name: 'a handshake that ends before its last LF', rfc: '9112 8', send: [text.slice(0, -1), FIN], says: [] },
  fails('a second handshake on the connection is no frame', '6455 4.1', [text], 1002),
  http('no handshake at all is told so', '6455 4.2.1', [get(ECHO)], '426 close', { fields: { upgrade: 'websocket' } }),
];

export const cases = [lines, host, tokens, key, version, protocols, extensions, origin, general, body, hidden, around].flat();
