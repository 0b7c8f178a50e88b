// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 as far as it is served (RFC 9112, RFC 9110): where a request ends, and that what two servers could read differently is
// not read at all. Behind each request lies another one, which is answered where the connection goes on, and must not be seen
// where it ends.
import { FIN } from '../play.mjs';
import { LAST, ends, get, goesOn, http, octets, request } from './parts.mjs';

const SHOWN_MAX = 60;
const shown = (text) => {
  const quoted = JSON.stringify(text);
  return quoted.length > SHOWN_MAX ? `${quoted.slice(0, SHOWN_MAX)}... of ${text.length}` : quoted;
};
const post = (path, ...lines) => request(`POST ${path} HTTP/1.1`, 'Host: a', ...lines);

// ---- the request line (section 3) ---------------------------------------------------------------------------------

const HOST = '\r\nHost: a\r\n\r\n';
const WRONG_LINES = ['GET /healthz', 'GET', ' GET / HTTP/1.1', 'GET / HTTP/1.1 ', 'GET /  HTTP/1.1', 'GET  / HTTP/1.1', 'GET\t/\tHTTP/1.1', 'GET / HTTP/1.1 x', 'GET/ HTTP/1.1', 'G\0T / HTTP/1.1',
  'G(T / HTTP/1.1', 'GE\xd4 / HTTP/1.1', 'GET / HTTP/1.', 'GET / HTTP/.1', 'GET / HTTP/1', 'GET / HTTP/11', 'GET / HTTP/1.10', 'GET / HTTP/01.1', 'GET / HTTP/1.1\0', 'GET / HTTP/a.b', 'GET / HTTP/-1.1',
  'GET / HTTP/+1.1', 'GET / HTTPS/1.1', 'GET / http/1.1', 'GET / Http/1.1', 'GET / HTTP 1.1', 'GET / ICY/1.1', 'GET HTTP/1.1', 'HTTP/1.1 200 OK', 'GET / /HTTP/1.1', 'GET /\r HTTP/1.1', 'GET / HTTP/1.1\r'];
const requestLine = [
  ...WRONG_LINES.map((line) => ends(`the request line ${shown(line)}`, '9112 3', `${line}${HOST}`, 400)),
  ...['1.2', '1.9', '2.0', '3.0', '0.9', '9.9', '0.0'].map((version) => ends(`the version ${version}`, '9112 2.3', `GET /healthz HTTP/${version}${HOST}`, 505)),
  ends('the preface of HTTP/2', '9113 3.4', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
  ends('a TLS handshake', '9112 3', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 400),
  ends('zeros', '9112 3', octets(8, 0).toString('latin1'), 400),
  ends('JSON', '9112 3', '{"type":"hello"}\r\n', 400),
  ends('a line end, a line end', '9112 2.2', '\r\n\r\n', 400),
  ends('a bare LF before the request', '9112 2.2', `\n${get('/healthz')}`, 400),
  ends('a space before the request', '9112 2.2', `  ${get('/healthz')}`, 400),
  goesOn('an empty line before the request', '9112 2.2', `\r\n${get('/healthz')}`, '200 keep'),
  ends('two empty lines before the request', '9112 2.2', `\r\n\r\n${get('/healthz')}`, 400),
];

const methods = [
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'get', 'Get', 'PROPFIND', 'X!#$', 'M'.repeat(40)].map((method) =>
    goesOn(`the method ${method} on a page`, '9110 9', request(`${method} /healthz HTTP/1.1`, 'Host: a'), '405 keep', { fields: { allow: 'GET, HEAD' } })),
  ...['POST', 'DELETE', 'OPTIONS'].map((method) => goesOn(`the method ${method} where nothing is`, '9110 9', request(`${method} /none HTTP/1.1`, 'Host: a'), '404 keep', { fields: { allow: null } })),
  goesOn('HEAD has no body', '9110 9.3.2', request('HEAD /healthz HTTP/1.1', 'Host: a'), '200 keep', { headOnly: [0], fields: { 'content-length': '3' } }),
  goesOn('HEAD with a body', '9110 9.3.2', `${request('HEAD /none HTTP/1.1', 'Host: a', 'Content-Length: 5')}hello`, '404 keep', { headOnly: [0] }),
  ends('HEAD that is wrong', '9110 9.3.2', request('HEAD /healthz HTTP/1.1', 'Host: a', 'X : y'), 400, { headOnly: [0] }),
  ends('HEAD without a Host', '9110 9.3.2', request('HEAD /healthz HTTP/1.1'), 400, { headOnly: [0] }),
  ends('HEAD of a length that is wrong', '9110 9.3.2', request('HEAD /healthz HTTP/1.1', 'Host: a', 'Content-Length: x'), 400, { headOnly: [0] }),
  ends('HEAD of a target that is too long', '9110 9.3.2', request(`HEAD /${'a'.repeat(9000)} HTTP/1.1`, 'Host: a'), 414, { headOnly: [0] }),
  ends('HEAD with too many fields', '9110 9.3.2', request('HEAD /healthz HTTP/1.1', 'Host: a', ...Array(64).fill('X: y')), 431, { headOnly: [0] }),
  ends('HEAD of a version that is not spoken', '9110 9.3.2', request('HEAD /healthz HTTP/2.0', 'Host: a'), 505, { headOnly: [0] }),
  goesOn('HEAD of what is not there has no body either', '9110 9.3.2', request('HEAD /none HTTP/1.1', 'Host: a'), '404 keep', { headOnly: [0] }),
  ends('CONNECT to an authority', '9112 3.2.3', request('CONNECT a:80 HTTP/1.1', 'Host: a:80'), 400),
  ends('OPTIONS of the server', '9112 3.2.4', request('OPTIONS * HTTP/1.1', 'Host: a'), 400),
];

// ---- the target (section 3.2) -------------------------------------------------------------------------------------

const WRONG_TARGETS = ['*', 'healthz', '?x', '#', '\\', 'a:80', '//a@b/..', 'http://a/', 'http://a/healthz', 'https://a/', 'http:/healthz', '/healthz#', '/healthz\\', '/..', '/../etc/passwd', '/./healthz', '/a/../healthz',
  '/a/.', '/%2e%2e/healthz', '/%2E/healthz', '/.%2e/x', '/..%2f', '/%2fhealthz', '/a%2Fb', '/%5c..%5c', '/healthz%00', '/healthz%0d%0aX:%20y', '/%c0%ae%c0%ae/', '/%e0%80%ae/', '/%ff', '/%f0%80%80%ae', '/%ed%a0%80', '/%', '/%1', '/%gg',
  '/%u002e', '/a\x7f', '/a\x01', '/a\0', '/\xe9', '/a\tb', '/<\x1b>'];
const target = [
  ...WRONG_TARGETS.map((path) => ends(`the target ${shown(path)}`, '9112 3.2', `GET ${path} HTTP/1.1${HOST}`, 400)),
  ...['//', '//healthz', '/healthz/', '/healthz;x', '/healthz%20', '/HEALTHZ', '/.git', '/etc/passwd', '/...', '/a..b', '/%c3%a9', '/<script>', '/"', '/{}', '/|', `/${'a/'.repeat(2000)}`].map((path) =>
    goesOn(`the path ${shown(path)}, where nothing is`, '9110 15.5.5', `GET ${path} HTTP/1.1${HOST}`, '404 keep')),
  ...['/healthz?', '/healthz?a=b&c=d', '/healthz?%00%2f..', '/healthz?a?b', '/healthz?/../', '/healthz?"<>', '/%68ealthz'].map((path) =>
    goesOn(`the target ${shown(path)}`, '9112 3.2.1', `GET ${path} HTTP/1.1${HOST}`, path === '/%68ealthz' ? '404 keep' : '200 keep')),
  ...[8193, 16384, 65536].map((n) => ends(`a target of ${n} octets`, '9112 3', `GET /${'a'.repeat(n - 1)} HTTP/1.1${HOST}`, 414)),
  goesOn('a target of 8,192 octets', '9112 3', `GET /${'a'.repeat(8191)} HTTP/1.1${HOST}`, '404 keep'),
];

// ---- Host (section 3.2) -------------------------------------------------------------------------------------------

const withHost = (...lines) => request('GET /healthz HTTP/1.1', ...lines);
const WRONG_HOSTS = [[], ['Host:'], ['Host: '], ['Host: a', 'Host: a'], ['Host: a', 'Host: b'], ['Host: a', 'host: a'], ['Host: a, b'], ['Host: a b'], ['Host: a/b'], ['Host: a:b'], ['Host: a:'], ['Host: a:0'], ['Host: a:65536'],
  ['Host: a:99999999999'], ['Host: a:-1'], ['Host: :80'], ['Host: [::1'], ['Host: ::1'], ['Host: [::g]'], ['Host: a@b'], ['Host: a\xe9'], ['Host: a%20b'], ['Host: http://a'], ['Host: a?'], ['Host: a#'], ['Host: a;b'], ['Host: "a"'], ['Host : a'],
  ['Hos: a'], ['\0Host: a']];
const host = [
  ...WRONG_HOSTS.map((lines) => ends(`${lines.length === 0 ? 'no Host' : lines.map(shown).join(' and ')}`, '9112 3.2', withHost(...lines), 400)),
  ...['a', 'a.example', 'A.EXAMPLE:80', 'a.', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[2001:db8::1]:443', 'xn--e1afmkfd.example', 'a_b', '  a  ', '\ta\t'].map((name) =>
    goesOn(`Host: ${shown(name)}`, '9112 3.2', withHost(`Host: ${name}`), '200 keep')),
  goesOn('Host behind other fields', '9110 7.2', withHost('Accept: */*', 'hOST: a'), '200 keep'),
];

// ---- fields (section 5) -------------------------------------------------------------------------------------------

const WRONG_FIELDS = [': x', 'X', 'X y: z', 'X : y', 'X\t: y', ' X: y', '\tX: y', 'X: y\r\n folded', 'X: y\r\n\tfolded', 'X: y\r\n \r\nZ: z', 'X: a\0b', 'X: \0', 'X: a\rb', 'X: a\r', 'X: \x01', 'X: \x08', 'X: \x0b', 'X: \x0c',
  'X: \x1b[31m', 'X: \x7f', 'X: a\nY: b', 'X: a\n', 'X\0: y', 'X\r: y', 'X\xe9: y', '\xfe\xff: y', '(X): y', 'X(: y', 'X@: y', 'X,: y', 'X;: y', 'X/: y', 'X?: y', 'X=: y', 'X<: y', 'X[: y', 'X]: y', 'X{: y', 'X}: y', 'X\\: y', '"X": y', 'Xü: y', '=: y', ':', '::',
  '\x7f: y'];
const RIGHT_FIELDS = ['X:', 'X: ', 'X:\t', 'X:y', 'X:  y  ', 'X: y:z', 'X: "a b"', 'X: a\tb', 'X: \xe9\xff', 'X: ()<>@,;:\\"/[]?={}', 'x!#$%&\'*+-.^_`|~9: y', '1: y', 'X: a, b', 'Accept: */*;q=0.1', 'Cookie: a=b; c', 'Range: bytes=0-1', 'If-Match: *',
  'Connection: x, y', 'Connection:', 'Keep-Alive: timeout=5', 'TE: trailers', 'Trailer: X', 'Via: 1.1 a', 'X-Forwarded-For: 1.2.3.4', 'Transfer-Encodin: chunked', 'Content-Lengt: 5', 'Content_Length: 5', 'Max-Forwards: 0'];
const fields = [
  ...WRONG_FIELDS.map((line) => ends(`the line ${shown(line)}`, '9112 5', get('/healthz', line), 400)),
  ...RIGHT_FIELDS.map((line) => goesOn(`the field ${shown(line)}`, '9110 5', get('/healthz', line), '200 keep')),
  goesOn('the same field twice', '9110 5.3', get('/healthz', 'X: a', 'X: b'), '200 keep'),
  goesOn('sixty-four fields', '9110 5.4', get('/healthz', ...Array(63).fill('X: y')), '200 keep'),
  ends('sixty-five fields', '9110 5.4', get('/healthz', ...Array(64).fill('X: y')), 431),
  ends('three hundred fields without a value', '9110 5.4', get('/healthz', ...Array(300).fill('X:')), 431),
  goesOn('a value of 15,000 octets', '9110 5.4', get('/healthz', `X: ${'y'.repeat(15_000)}`), '200 keep'),
  ends('a value of 17,000 octets', '9110 5.4', get('/healthz', `X: ${'y'.repeat(17_000)}`), 431),
  ends('a name of 17,000 octets', '9110 5.4', get('/healthz', `${'y'.repeat(17_000)}: X`), 431),
  ends('17,000 octets of white space', '9110 5.4', get('/healthz', `X: ${' '.repeat(17_000)}`), 431),
];

// ---- line ends (section 2.2) --------------------------------------------------------------------------------------

const plain = get('/healthz', 'X: y');
const lineEnds = [
  ends('all lines end with LF', '9112 2.2', plain.replaceAll('\r\n', '\n'), 400),
  ends('all lines end with CR', '9112 2.2', plain.replaceAll('\r\n', '\r'), 400),
  ends('all lines end with LF CR', '9112 2.2', plain.replaceAll('\r\n', '\n\r'), 400),
  ends('all lines end with CR CR LF', '9112 2.2', plain.replaceAll('\r\n', '\r\r\n'), 400),
  ends('the request line ends with LF', '9112 2.2', plain.replace('\r\n', '\n'), 400),
  ends('a field ends with LF', '9112 2.2', plain.replace('a\r\n', 'a\n'), 400),
  ends('the last field ends with LF', '9112 2.2', plain.replace('y\r\n', 'y\n'), 400),
  ends('the head ends with CR LF LF', '9112 2.2', plain.replace('\r\n\r\n', '\r\n\n'), 400),
  ends('the head ends with CR LF CR CR LF', '9112 2.2', plain.replace('\r\n\r\n', '\r\n\r\r\n'), 400),
  ends('a field is between CR and LF', '9112 2.2', plain.replace('X: y\r\n', '\rX: y\n'), 400),
  ends('white space before the first field', '9112 2.2', plain.replace('\r\n', '\r\n '), 400),
  ends('a line of white space', '9112 2.2', plain.replace('X: y', '  '), 400),
];

// ---- the length of a body (section 6) -----------------------------------------------------------------------------

const WRONG_LENGTHS = ['', '-1', '+5', '-0', '0x5', '5,5', '5, 5', '5,6', '5 5', '5;', '5.0', '5e0', '1e1', ' 5 5', '\t5\t5', 'a', '5a', 'a5', '"5"', '\xb5', '5\0', '18446744073709551616', '99999999999999999999', '9'.repeat(200), 'five', 'chunked', 'NaN', '٥'];
const length = [
  ...WRONG_LENGTHS.map((value) => ends(`Content-Length: ${shown(value)}`, '9112 6.3', `${post('/healthz', `Content-Length: ${Buffer.from(value, value === '٥' ? 'utf8' : 'latin1').toString('latin1')}`)}hello`, 400)),
  ...[['5', '5'], ['5', '6'], ['0', '0'], ['0', '5'], ['5', '']].map((pair) =>
    ends(`Content-Length twice: ${pair.map(shown).join(' and ')}`, '9112 6.3', `${post('/healthz', ...pair.map((n) => `Content-Length: ${n}`))}hello`, 400)),
  ...['65537', '1000000', '4294967296', '9223372036854775808', '18446744073709551615'].map((n) =>
    ends(`Content-Length: ${n}, more than is taken`, '9110 15.5.14', post('/healthz', `Content-Length: ${n}`), 413)),
  ...['00', '05', '010', '0000000000000005'].map((n) => // some read them as octal: docs/CONFORMANCE.md, "Stricter"
    ends(`Content-Length: ${shown(n)}, which is not read`, '9110 8.6', `${post('/healthz', `Content-Length: ${n}`)}hello`, 400)),
  ...['0', '5', ' 5 ', '\t5'].map((n) =>
    goesOn(`Content-Length: ${shown(n)}`, '9112 6.2', post('/healthz', `Content-Length: ${n}`) + 'hello'.slice(0, Number(n)), '405 keep')),
  goesOn('a body that looks like a request is passed over', '9112 6.2', post('/healthz', `Content-Length: ${LAST.length}`) + LAST, '405 keep'),
  goesOn('a body that looks like a request where nothing is', '9112 6.2', post('/none', `Content-Length: ${LAST.length}`) + LAST, '404 keep'),
  goesOn('a body of 65,536 octets', '9112 6.2', post('/healthz', 'Content-Length: 65536') + 'x'.repeat(65_536), '405 keep'),
  ends('a body for a page that takes none', '9112 9.3', `${get('/healthz', `Content-Length: ${LAST.length}`)}`, 200),
  ends('chunks for a page that takes none', '9112 9.3', `${get('/healthz', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 200),
];

const WRONG_CODINGS = ['', ',', 'identity', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, identity', 'identity, chunked', 'chunked, chunked', 'chunked,', ', chunked', 'chunked;x=y', '"chunked"', 'xchunked', 'chunkedx', 'chunked\x0b', '\x0bchunked', 'chunked\0',
  'chun ked', 'ch\tunked', 'chunked chunked', '\xa0chunked', '0'];
// 501 where another coding is asked for, 400 where chunked is one of several or the value is none.
const statusOf = (coding) => (/[\x0b\0]|,.*chunked|chunked *,/.test(coding) ? 400 : 501);
const coding = [
  ...WRONG_CODINGS.map((value) => ends(`Transfer-Encoding: ${shown(value)}`, '9112 6.1', `${post('/healthz', `Transfer-Encoding: ${value}`)}5\r\nhello\r\n0\r\n\r\n`, statusOf(value))),
  ...[['chunked', 'chunked'], ['x', 'chunked'], ['chunked', 'x'], ['', 'chunked']].map((pair) =>
    ends(`Transfer-Encoding twice: ${pair.map(shown).join(' and ')}`, '9112 6.1', `${post('/healthz', ...pair.map((one) => `Transfer-Encoding: ${one}`))}0\r\n\r\n`, 400)),
  ...[['Content-Length: 5', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 5'], ['Content-Length: 0', 'Transfer-Encoding: chunked'], ['Content-Length: 5', 'Transfer-Encoding: identity'],
    ['Content-Length: x', 'Transfer-Encoding: chunked'], ['content-length: 5', 'transfer-encoding: Chunked'], ['Transfer-Encoding: chunked', 'X: y', 'Content-Length: 5']].map((lines) =>
    ends(`both: ${lines.join(' and ')}`, '9112 6.1', `${post('/healthz', ...lines)}5\r\nhello\r\n0\r\n\r\n`, 400)),
  ...['chunked', 'Chunked', 'CHUNKED', '  chunked  ', '\tchunked'].map((value) =>
    goesOn(`Transfer-Encoding: ${shown(value)}`, '9112 7', `${post('/healthz', `Transfer-Encoding: ${value}`)}5\r\nhello\r\n0\r\n\r\n`, '405 keep')),
  ...['Content-Length : 5', 'Content-Length\t: 5', ' Content-Length: 5', 'Content-Length: 5\r\n 0', 'Transfer-Encoding : chunked', 'Transfer-Encoding:\x0bchunked', 'Transfer\0-Encoding: chunked', 'X: y\nTransfer-Encoding: chunked', 'X: y\rContent-Length: 5',
    'Content-Length: 5\nX: y', 'Transfer-Encoding: chunked\r\n\t', 'Transfer-Encoding: chunked\r\n X: y'].map((line) =>
    ends(`what others take for a length: ${shown(line)}`, '9112 5.1, 11.2', `${post('/healthz', line)}5\r\nhello\r\n0\r\n\r\n`, 400)),
];

// ---- chunks (section 7.1) -----------------------------------------------------------------------------------------

const chunked = (chunks) => post('/healthz', 'Transfer-Encoding: chunked') + chunks;
const RIGHT_CHUNKS = { 'none': '0\r\n\r\n', 'two': '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', 'three': '1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n', 'a size in capitals': 'A\r\n0123456789\r\n0\r\n\r\n', 'a size in small letters': 'a\r\n0123456789\r\n0\r\n\r\n',
  'leading zeros': '0005\r\nhello\r\n000\r\n\r\n', 'sixteen digits': '0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n', 'an extension': '5;a=b\r\nhello\r\n0\r\n\r\n', 'an extension without a value': '5;a\r\nhello\r\n0;b\r\n\r\n',
  'an extension that is quoted': '5;a="b c;d"\r\nhello\r\n0\r\n\r\n', 'a trailer': '5\r\nhello\r\n0\r\nX: y\r\n\r\n', 'trailers': '0\r\nX: y\r\nY: z\r\n\r\n', 'a trailer that means nothing here': '0\r\nContent-Length: 5\r\n\r\n',
  'data that looks like an end': '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', 'data that looks like a request': `${LAST.length.toString(16)}\r\n${LAST}\r\n0\r\n\r\n` };
const WRONG_CHUNKS = ['5\nhello\n0\n\n', '5\r\nhello\n0\r\n\r\n', '5\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '5\r\nhell\r\n0\r\n\r\n', '5\r\nhello!\r\n0\r\n\r\n', '5\r\nhello\r0\r\n\r\n', '-1\r\n', '+5\r\nhello\r\n', '0x5\r\nhello\r\n', 'x', '\r\n', ';x\r\n',
  '5 \r\nhello\r\n', ' 5\r\nhello\r\n', '5\t\r\nhello\r\n', '5 ;x\r\nhello\r\n', '5;x\ny\r\n', '5;\0\r\n', '5;\x7f\r\n', '5\rhello', '5,5\r\n', '5.\r\n', 'g\r\n', '00000000000000000\r\n\r\n', '00000000000000005\r\nhello\r\n', '0\r\n X: y\r\n\r\n', '0\r\n\tX: y\r\n\r\n',
  '0\r\nX: y\n\r\n', '0\r\n\n', '0\r\n\rX', '0\r\nX\0: y\r\n\r\n'.replace('X\0', '\0X'), '0\r\nX: \0\r\n\r\n', '0\r\n: y\r\n\r\n', '\xb5\r\n', '"5"\r\n'];
const LARGE_CHUNKS = ['10001\r\n', 'fffffff\r\n', 'ffffffff\r\n', '100000000\r\n', 'ffffffffffffffff\r\n', 'ffffffffffffffff5\r\n', '8000000000000000\r\n', '7fffffffffffffff\r\n', '0000000000010001\r\n'];
const chunks = [
  ...Object.entries(RIGHT_CHUNKS).map(([name, text]) => goesOn(`chunks: ${name}`, '9112 7.1', chunked(text), '405 keep')),
  ...WRONG_CHUNKS.map((text) => ends(`no chunks: ${shown(text)}`, '9112 7.1', chunked(text), 400)),
  ...LARGE_CHUNKS.map((text) => ends(`chunks that are too large: ${shown(text)}`, '9112 7.1', chunked(text), 413)),
  ends('chunks that together are too large', '9112 7.1', chunked(`8000\r\n${'x'.repeat(0x8000)}\r\n8001\r\n`), 413),
  ends('an extension without an end', '9112 7.1.1', chunked(`0;${'x'.repeat(65_536)}`), 413),
  ends('trailers without an end', '9112 7.1.2', chunked(`0\r\n${'X: y\r\n'.repeat(11_000)}`), 413),
];

// ---- the connection (section 9) -----------------------------------------------------------------------------------

const old = (...lines) => request('GET /healthz HTTP/1.0', ...lines);
const connection = [
  ...['close', 'Close', 'CLOSE', 'keep-alive, close', 'close, keep-alive', ' ,close, ', 'x,close,y'].map((value) =>
    ends(`Connection: ${shown(value)}`, '9112 9.6', get('/healthz', `Connection: ${value}`), 200)),
  ...['closed', 'clos', 'keep-alive', '"close"', 'close;x', 'not close'].map((value) => goesOn(`Connection: ${shown(value)}`, '9112 9.3', get('/healthz', `Connection: ${value}`), '200 keep')),
  ends('Connection: close in the second of two', '9110 7.6.1', get('/healthz', 'Connection: x', 'Connection: close'), 200),
  ends('HTTP/1.0 ends', '9112 9.3', old(), 200),
  ends('HTTP/1.0 with a Host ends', '9112 9.3', old('Host: a'), 200),
  ends('HTTP/1.0 that would be kept ends', '9112 9.3', old('Connection: keep-alive'), 200),
  ends('HTTP/1.0 with a Host that is wrong', '9112 3.2', old('Host: a b'), 400),
  ends('HTTP/1.0 with two of them', '9112 3.2', old('Host: a', 'Host: a'), 400),
  ends('HTTP/1.0 has no chunks', '9112 6.1', `${request('POST /healthz HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400),
  ends('HTTP/1.0 with a body ends behind it', '9112 9.3', `${request('POST /healthz HTTP/1.0', 'Content-Length: 5')}hello`, 405),
];

// ---- pipelines (section 9.3.2) ------------------------------------------------------------------------------------

const pipelines = [
  http('ten requests at once', '9112 9.3.2', [Array(10).fill(get('/healthz')).join(''), LAST], [...Array(10).fill('200 keep'), '200 close']),
  http('answers in the order of the requests', '9112 9.3.2', [get('/healthz') + get('/none') + post('/healthz') + get('/readyz'), LAST], ['200 keep', '404 keep', '405 keep', '200 keep', '200 close']),
  http('one after the other', '9112 9.3', [get('/healthz'), { wait: 1 }, get('/readyz'), { wait: 2 }, get('/none'), { wait: 3 }, LAST], ['200 keep', '200 keep', '404 keep', '200 close']),
  http('with an empty line between two', '9112 2.2', [`${get('/healthz')}\r\n${get('/readyz')}`, LAST], ['200 keep', '200 keep', '200 close']),
  http('a body between two', '9112 9.3.2', [`${get('/healthz')}${post('/none', 'Content-Length: 5')}hello${get('/healthz')}`, LAST], ['200 keep', '404 keep', '200 keep', '200 close']),
  http('chunks between two', '9112 9.3.2', [`${get('/healthz')}${post('/none', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nX: y\r\n\r\n${get('/healthz')}`, LAST], ['200 keep', '404 keep', '200 keep', '200 close']),
  http('HEAD among others', '9110 9.3.2', [get('/healthz') + request('HEAD /readyz HTTP/1.1', 'Host: a') + get('/readyz'), LAST], ['200 keep', '200 keep', '200 keep', '200 close'], { headOnly: [1] }),
  http('nothing behind the one that closes', '9112 9.6', [get('/healthz') + get('/healthz', 'Connection: close') + get('/readyz'), LAST], ['200 keep', '200 close']),
  http('nothing behind the one that is wrong', '9112 9.6', [`${get('/healthz')}GET / HTTP/1.1\r\n\r\n${get('/readyz')}`, LAST], ['200 keep', '400 close']),
  http('nothing behind a length that is wrong', '9112 9.6', [`${get('/healthz')}${post('/none', 'Content-Length: +0')}${get('/readyz')}`, LAST], ['200 keep', '400 close']),
  http('nothing behind chunks that are wrong', '9112 9.6', [`${get('/healthz')}${chunked('5\r\nhello0\r\n\r\n')}${get('/readyz')}`, LAST], ['200 keep', '400 close']),
];

// ---- Expect (RFC 9110 section 10.1.1) -----------------------------------------------------------------------------

const expect = ['100-continue', '100-Continue', 'nonsense', ''].map((value) =>
  ends(`Expect: ${shown(value)} for a body that nobody wants`, '9110 10.1.1', post('/healthz', 'Content-Length: 10', `Expect: ${value}`), 405));

// ---- streams that end: what is not whole is not answered (section 8 leaves that open) ---------------------------------

const ENDS = { 'in the method': 'GE', 'behind the method': 'GET ', 'in the target': 'GET /hea', 'in the version': 'GET /healthz HT', 'behind CR': 'GET /healthz HTTP/1.1\r', 'behind the request line': 'GET /healthz HTTP/1.1\r\n',
  'in a name': 'GET /healthz HTTP/1.1\r\nHo', 'in a value': 'GET /healthz HTTP/1.1\r\nHost: a', 'before the empty line': 'GET /healthz HTTP/1.1\r\nHost: a\r\n', 'in the empty line': 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r' };
const streams = [
  http('the end at once', '9112 9.5', [FIN], []),
  http('the end behind an empty line', '9112 2.2', ['\r\n', FIN], []),
  http('the end behind a request', '9112 9.6', [get('/healthz'), FIN], ['200 keep']),
  http('the end behind two requests', '9112 9.6', [get('/healthz') + get('/none'), FIN], ['200 keep', '404 keep']),
  ...Object.entries(ENDS).map(([where, text]) => http(`the end ${where}`, '9112 8', [text, FIN], [])),
  http('the end in the second request', '9112 8', [get('/healthz') + 'GET /rea', FIN], ['200 keep']),
  http('the end in a body', '9112 8', [`${post('/healthz', 'Content-Length: 10')}hello`, FIN], []),
  http('the end in a chunk', '9112 8', [chunked('5\r\nhel'), FIN], []),
  http('the end behind a chunk', '9112 8', [chunked('5\r\nhello\r\n'), FIN], []),
];

export const cases = [requestLine, methods, target, host, fields, lineEnds, length, coding, chunks, connection, pipelines, expect, streams].flat();
