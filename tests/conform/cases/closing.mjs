// SPDX-License-Identifier: Apache-2.0
//
// Closing (RFC 6455 sections 5.5.1 and 7): codes of every range, reasons, what comes behind a close frame, and behind a failure.
import { said } from '../play.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame } from '../websocket.mjs';
import { fails, fragments, hex, octets, textFrame, ws } from './parts.mjs';

const close = (...payload) => frame(CLOSE, payload.length ? closePayload(...payload) : '');
const reasonOf = (text) => Buffer.concat([closePayload(1000), hex(text)]);

// ---- codes (section 7.4) ------------------------------------------------------------------------------------------

// 1012 to 1014 came into the registry of section 11.7 later.
const GOOD = [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3500, 3999, 4000, 4001, 4500, 4999];
const BAD = [0, 1, 100, 500, 998, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2500, 2999, 5001, 9999, 32767, 32768, 65534];
const codes = [
  ...GOOD.map((code) => ws(`close code ${code} comes back`, '6455 7.4', [close(code)], [said.close(code)])),
  ...BAD.map((code) => ws(`close code ${code} is an error`, '6455 7.4', [close(code)], [said.close(1002)])),
];

// ---- reasons (section 7.1.6) --------------------------------------------------------------------------------------

const GOOD_REASONS = { 'an octet': '78', NUL: '00', 'two octets': 'c3a9', 'three octets': 'e282ac', 'four octets': 'f09f9880',
  'a byte order mark': 'efbbbf', 'the last code point': 'f48fbfbf', 'a character of nobody': 'efbfbf', 'control characters': '0d0a1b5b327d' };
const BAD_REASONS = { 'ff': 'ff', 'a continuation': '80', 'half a character': 'c3', 'two thirds of one': 'e282', 'three quarters of one': 'f09f98',
  'a surrogate': 'eda080', 'a pair of surrogates': 'eda080edb080', 'beyond the last code point': 'f4908080', 'NUL, too long': 'c080',
  'a slash, too long': 'e080af', 'five octets': 'f888808080', 'text, then half a character': '6f6b20c3', 'Latin-1': 'e9746520' };
const reasons = [
  ...Object.entries(GOOD_REASONS).map(([name, text]) => ws(`a reason: ${name}`, '6455 7.1.6', [frame(CLOSE, reasonOf(text))], [said.close(1000)])),
  ...Object.entries(BAD_REASONS).map(([name, text]) => ws(`no reason: ${name}`, '6455 5.5.1, 8.1', [frame(CLOSE, reasonOf(text))], [said.close(1002)])),
  ws('a reason of 123 octets that ends with a whole character', '6455 5.5', [close(1000, `${'x'.repeat(120)}€`)], [said.close(1000)]),
  ws('a reason of 123 octets that ends with half a character', '6455 5.5.1, 8.1', [frame(CLOSE, reasonOf(`${'78'.repeat(121)}e282`))], [said.close(1002)]),
  ws('a code that is wrong, with a reason that is right', '6455 7.4', [close(1005, 'x')], [said.close(1002)]),
];

// ---- the frame ----------------------------------------------------------------------------------------------------

const frames = [
  ...['00', '03', 'e8', 'ff'].map((octet) => ws(`a close frame of the one octet ${octet}`, '6455 5.5.1', [frame(CLOSE, hex(octet))], [said.close(1002)])),
  ws('a close frame with a mask of zeros', '6455 5.3', [frame(CLOSE, closePayload(1000), { mask: [0, 0, 0, 0] })], [said.close(1000)]),
  ws('a close frame without a payload, with a mask of zeros', '6455 5.3', [frame(CLOSE, '', { mask: [0, 0, 0, 0] })], [said.close()]),
  ws('a close frame within text', '6455 5.4', [textFrame('be', { fin: false }), close(1000), frame(CONTINUATION, 'gun')], [said.close(1000)]),
  ws('a close frame within a character', '6455 5.4', [textFrame(hex('e282'), { fin: false }), close(1000)], [said.close(1000)]),
  ws('a close frame within binary', '6455 5.4', [frame(BINARY, 'be', { fin: false }), close(3333)], [said.close(3333)]),
  ws('a close frame that is wrong, within text', '6455 5.5.1', [textFrame('be', { fin: false }), close(1006)], [said.close(1002)]),
];

// ---- what was due, and what comes too late (section 5.5.1) --------------------------------------------------------

const LATE = { 'nothing more': '', text: textFrame('late'), 'text, two fragments': Buffer.concat(fragments(TEXT, ['la', 'te'])), binary: frame(BINARY, 'late'),
  'a ping': frame(PING, 'late'), 'a pong': frame(PONG, 'late'), 'a close frame': close(1001), 'a close frame that is wrong': close(1005),
  'a continuation of nothing': frame(CONTINUATION, 'late'), 'a reserved opcode': frame(3, 'late'), 'a reserved bit': textFrame('late', { rsv: 4 }),
  'a frame without a mask': textFrame('late', { mask: false }), 'what is not UTF-8': textFrame(hex('ff')), 'half a frame': textFrame('late').subarray(0, 5),
  'a length that is too large': frame(BINARY, '', { length: 1n << 40n, lengthBytes: 8 }), HTTP: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'octets at random': hex('e1f4209b77c30d60a5d8'), zeros: octets(64, 0) };
const late = Object.entries(LATE).flatMap(([name, bytes]) => [
  ws(`behind the close frame: ${name}`, '6455 5.5.1', [textFrame('due'), close(1000), bytes], [said.text('due'), said.close(1000)]),
  ws(`behind a failure: ${name}`, '6455 7.1.7', [textFrame('due'), frame(4, 'wrong'), bytes], [said.text('due'), said.close(1002)]),
]);
const due = [
  ws('the pong that is due comes before the close frame', '6455 5.5.1', [frame(PING, 'due'), close(1000)], [said.pong('due'), said.close(1000)]),
  ws('all that is due comes before the close frame', '6455 5.5.1', [textFrame('1'), frame(BINARY, '2'), frame(PING, '3'), textFrame('4'), close(4000)],
    [said.text('1'), said.binary('2'), said.pong('3'), said.text('4'), said.close(4000)]),
  ws('all that is due comes before a failure', '6455 7.1.7', [textFrame('1'), frame(PING, '2'), frame(BINARY, '3'), frame(12)],
    [said.text('1'), said.pong('2'), said.binary('3'), said.close(1002)]),
  ws('a large message comes back whole before a failure', '6455 7.1.7', [frame(BINARY, octets(70_000)), textFrame(hex('c0'))],
    [said.binary(octets(70_000)), said.close(1007)]),
];

// ---- failures, one behind another: the first one counts -----------------------------------------------------------

const WRONG = { 'a reserved opcode': [frame(7), 1002], 'what is not UTF-8': [textFrame(hex('fe')), 1007],
  'a length that is too large': [frame(BINARY, '', { length: 1n << 33n, lengthBytes: 8 }), 1009], 'a frame without a mask': [textFrame('x', { mask: false }), 1002] };
const first = Object.entries(WRONG).flatMap(([one, [bytes, code]]) => Object.entries(WRONG).filter(([other]) => other !== one).map(([other, [more]]) =>
  fails(`${one}, then ${other}`, '6455 7.1.7', [bytes, more], code)));

export const cases = [codes, reasons, frames, late, due, first].flat();
