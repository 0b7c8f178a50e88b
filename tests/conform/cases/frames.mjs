// SPDX-License-Identifier: Apache-2.0
//
// Frames (RFC 6455 section 5): every bit and every length of a header, masks, fragments, control frames among them; and streams that
// end in the middle of one. What the fuzzing client tries as well is in fuzzing.mjs.
import { FIN, said } from '../play.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame } from '../websocket.mjs';
import { MESSAGE_MAX, cut, fails, fragments, hex, lives, octets, textFrame, ws } from './parts.mjs';

const NAMES = { [CONTINUATION]: 'a continuation', [TEXT]: 'text', [BINARY]: 'binary', [CLOSE]: 'a close frame', [PING]: 'a ping', [PONG]: 'a pong' };
const CONTROL = [PING, PONG, CLOSE];
const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
const begun = textFrame('begun', { fin: false });
const payloadOf = (opcode) => (opcode === CLOSE ? closePayload(1000) : 'x');
// A continuation needs something to continue.
const within = (opcode, bytes) => (opcode === CONTINUATION ? [begun, bytes] : [bytes]);

// ---- the first octet ----------------------------------------------------------------------------------------------

const reservedBits = Object.keys(NAMES).map(Number).flatMap((opcode) => [1, 2, 3, 4, 5, 6, 7].map((rsv) =>
  fails(`RSV = ${rsv} on ${NAMES[opcode]}`, '6455 5.2', within(opcode, frame(opcode, payloadOf(opcode), { rsv })), 1002)));

const reservedOpcodes = RESERVED.flatMap((opcode) => [
  fails(`opcode ${opcode} within a message`, '6455 5.2', [begun, frame(opcode, 'x')], 1002),
  fails(`opcode ${opcode} without FIN`, '6455 5.2', [frame(opcode, 'x', { fin: false })], 1002),
  ws(`opcode ${opcode} is seen in the first octet`, '6455 5.2', [Buffer.from([0x80 | opcode])], [said.close(1002)]),
]);

const fragmentedControl = CONTROL.flatMap((opcode) => [
  fails(`${NAMES[opcode]} without FIN`, '6455 5.5', [frame(opcode, payloadOf(opcode), { fin: false })], 1002),
  fails(`${NAMES[opcode]} without FIN and without a payload`, '6455 5.5', [frame(opcode, '', { fin: false })], 1002),
  fails(`${NAMES[opcode]} without FIN within a message`, '6455 5.5', [begun, frame(opcode, payloadOf(opcode), { fin: false })], 1002),
]);

// ---- masks --------------------------------------------------------------------------------------------------------

const unmasked = Object.keys(NAMES).map(Number).flatMap((opcode) => [
  fails(`${NAMES[opcode]} without a mask`, '6455 5.1', within(opcode, frame(opcode, payloadOf(opcode), { mask: false })), 1002),
  fails(`${NAMES[opcode]} without a mask and without a payload`, '6455 5.1', within(opcode, frame(opcode, '', { mask: false })), 1002),
]);
const MASKS = ['00000000', 'ffffffff', '000000ff', 'ff000000', '80808080', '01020304', '0d0a0d0a'];
const masks = [
  ...MASKS.map((mask) => lives(`the mask ${mask}`, '6455 5.3', [frame(BINARY, octets(37, 0x5a), { mask: hex(mask) }), textFrame('and the next')],
    [said.binary(octets(37, 0x5a)), said.text('and the next')])),
  ...Array.from({ length: 17 }, (_, n) => lives(`a mask over ${n} octets, and another one behind them`, '6455 5.3',
    [frame(BINARY, octets(n, n + 1), { mask: hex('11223344') }), frame(BINARY, octets(n + 1, n + 2), { mask: hex('a1b2c3d4') })],
    [said.binary(octets(n, n + 1)), said.binary(octets(n + 1, n + 2))])),
  lives('each fragment and each ping between has a mask of its own', '6455 5.3',
    [textFrame('one ', { fin: false, mask: hex('01010101') }), frame(PING, 'ping', { mask: hex('f0e0d0c0') }),
      frame(CONTINUATION, 'message', { mask: hex('20202020') })], [said.pong('ping'), said.text('one message')]),
  lives('a mask goes on over a frame that is cut anywhere', '6455 5.3', [frame(BINARY, octets(131), { mask: hex('deadbeef') })],
    [said.binary(octets(131))]),
];

// ---- lengths ------------------------------------------------------------------------------------------------------

const OFF_BORDER = [1, 2, 124, 129, 255, 256, 257, 1023, 65534, 65537];
const lengths = [
  ...OFF_BORDER.flatMap((n) => [
    lives(`binary of ${n} octets`, '6455 5.2', [frame(BINARY, octets(n))], [said.binary(octets(n))]),
    lives(`text of ${n} octets in two fragments`, '6455 5.4', fragments(TEXT, cut(octets(n, 0x61), Math.ceil(n / 2))), [said.text(octets(n, 0x61))]),
  ]),
  ...[1, 2, 7, 124].map((n) => lives(`a ping of ${n} octets`, '6455 5.5.2', [frame(PING, octets(n))], [said.pong(octets(n))])),
];

const NOT_SHORTEST = [[2, [0, 1, 125]], [8, [0, 1, 125, 126, 65535]]];
const notShortest = [TEXT, BINARY, CONTINUATION].flatMap((opcode) => NOT_SHORTEST.flatMap(([lengthBytes, sizes]) => sizes.map((n) =>
  fails(`${NAMES[opcode]}: a length of ${n} in ${lengthBytes} octets`, '6455 5.2',
    within(opcode, frame(opcode, n > 1000 ? '' : octets(n, 0x61), { length: BigInt(n), lengthBytes })), 1002))));

const controlLengths = CONTROL.flatMap((opcode) => [
  ...(opcode === PING ? [] : [fails(`${NAMES[opcode]} of 126 octets`, '6455 5.5', [frame(opcode, octets(126))], 1002)]),
  fails(`${NAMES[opcode]} of 127 octets`, '6455 5.5', [frame(opcode, octets(127))], 1002),
  fails(`${NAMES[opcode]}: a length of 2 in 2 octets`, '6455 5.5', [frame(opcode, payloadOf(CLOSE), { lengthBytes: 2 })], 1002),
  fails(`${NAMES[opcode]}: a length in 8 octets`, '6455 5.5', [frame(opcode, '', { length: 65536n, lengthBytes: 8 })], 1002),
  fails(`${NAMES[opcode]}: a length with its top bit set`, '6455 5.5', [frame(opcode, '', { length: 1n << 63n, lengthBytes: 8 })], 1002),
  ws(`${NAMES[opcode]} that is too long is seen in its second octet`, '6455 5.5', [Buffer.from([0x80 | opcode, 0xfe])], [said.close(1002)]),
]);

// Nothing of them is sent but the header: they are refused before there is anything to hold.
const BEYOND = { 'one more than may be': BigInt(MESSAGE_MAX) + 1n, '2^31': 1n << 31n, '2^32 - 1': (1n << 32n) - 1n, '2^32': 1n << 32n,
  '2^32 + 5': (1n << 32n) + 5n, '2^53': 1n << 53n, '2^63 - 1': (1n << 63n) - 1n };
const TOP_BIT = { '2^63': 1n << 63n, '2^63 + 1': (1n << 63n) + 1n, '2^64 - 1': (1n << 64n) - 1n };
const huge = [TEXT, BINARY, CONTINUATION].flatMap((opcode) => [
  ...Object.entries(BEYOND).map(([name, length]) => ws(`${NAMES[opcode]}: a length of ${name}`, '6455 5.2, 10.4',
    within(opcode, frame(opcode, '', { length, lengthBytes: 8 })), [said.close(1009)])),
  ...Object.entries(TOP_BIT).map(([name, length]) => ws(`${NAMES[opcode]}: a length of ${name}`, '6455 5.2',
    within(opcode, frame(opcode, '', { length, lengthBytes: 8 })), [said.close(1002)])),
]);
const together = [
  ws('fragments that together are one octet too many', '6455 10.4',
    [textFrame('abc', { fin: false }), frame(CONTINUATION, '', { length: BigInt(MESSAGE_MAX - 2), lengthBytes: 8 })], [said.close(1009)]),
  ws('a third fragment that makes it too many', '6455 10.4', [textFrame('abc', { fin: false }), frame(CONTINUATION, 'def', { fin: false }),
    frame(CONTINUATION, '', { length: BigInt(MESSAGE_MAX - 5), lengthBytes: 8 })], [said.close(1009)]),
  ws('a message behind another one has the whole length again', '6455 10.4',
    [textFrame('abc'), frame(BINARY, '', { length: BigInt(MESSAGE_MAX), lengthBytes: 8 }), FIN], [said.text('abc')]),
];

// ---- fragments ----------------------------------------------------------------------------------------------------

const alone = [true, false].flatMap((fin) => ['', 'x'].map((payload) =>
  fails(`a continuation${payload && ' with a payload'} of nothing, ${fin ? 'with' : 'without'} FIN`, '6455 5.4',
    [frame(CONTINUATION, payload, { fin })], 1002)));
const interrupted = [TEXT, BINARY].flatMap((first) => [TEXT, BINARY].flatMap((second) => [true, false].map((fin) =>
  fails(`${NAMES[second]} ${fin ? 'with' : 'without'} FIN within a message of ${NAMES[first]}`, '6455 5.4',
    [frame(first, 'a', { fin: false }), frame(second, 'b', { fin })], 1002))));
const MESSAGES = { 'two fragments': ['he', 'llo'], 'three fragments': ['h', 'e', 'llo'], 'an empty first fragment': ['', 'hello'],
  'an empty last fragment': ['hello', ''], 'an empty fragment in the middle': ['hel', '', 'lo'], 'only empty fragments': ['', ''],
  'four empty ones around one octet': ['', '', 'h', '', ''] };
const whole = Object.entries(MESSAGES).flatMap(([name, parts]) => [
  lives(`text of ${name}`, '6455 5.4', [...fragments(TEXT, parts), textFrame('next')], [said.text(parts.join('')), said.text('next')]),
  lives(`binary of ${name}`, '6455 5.4', [...fragments(BINARY, parts), frame(BINARY, 'next')], [said.binary(parts.join('')), said.binary('next')]),
]);

// Control frames in each gap of a message of four.
const four = fragments(BINARY, ['a', 'b', 'c', 'd']);
const among = [0, 1, 2].flatMap((gap) => {
  const put = (...control) => [...four.slice(0, gap + 1), ...control, ...four.slice(gap + 1)];
  const answer = said.binary('abcd');
  return [
    lives(`a ping in gap ${gap + 1} of a message`, '6455 5.4', put(frame(PING, 'now')), [said.pong('now'), answer]),
    lives(`a pong in gap ${gap + 1} of a message`, '6455 5.4', put(frame(PONG, 'by the way')), [answer]),
    lives(`three pings in gap ${gap + 1} of a message`, '6455 5.4', put(frame(PING, '1'), frame(PING), frame(PING, octets(125))),
      [said.pong('1'), said.pong(), said.pong(octets(125)), answer]),
    ws(`a close frame in gap ${gap + 1} of a message`, '6455 5.5.1', put(frame(CLOSE, closePayload(1001))), [said.close(1001)]),
    fails(`a reserved opcode in gap ${gap + 1} of a message`, '6455 5.2', put(frame(13, '!')), 1002),
  ];
});
const mixed = [
  lives('a ping in the middle of a character', '6455 5.4', [textFrame(hex('e2'), { fin: false }), frame(PING, 'p'), frame(CONTINUATION, hex('82'), { fin: false }),
    frame(PING, 'q'), frame(CONTINUATION, hex('ac'))], [said.pong('p'), said.pong('q'), said.text('€')]),
  lives('a ping need not be UTF-8, and does not count as text', '6455 5.5.2', [textFrame(hex('e2'), { fin: false }), frame(PING, hex('ff')),
    frame(CONTINUATION, hex('82ac'))], [said.pong(hex('ff')), said.text('€')]),
  lives('binary need not be UTF-8', '6455 5.6', [frame(BINARY, hex('fffec3'))], [said.binary(hex('fffec3'))]),
  lives('binary that ends within a character does not spoil the text behind it', '6455 5.6', [frame(BINARY, hex('e282')), textFrame('ok')],
    [said.binary(hex('e282')), said.text('ok')]),
  lives('messages come back in their order, pongs among them', '6455 5.4', [textFrame('1'), frame(PING, '2'), frame(BINARY, '3'), frame(PING, '4'), textFrame('5')],
    [said.text('1'), said.pong('2'), said.binary('3'), said.pong('4'), said.text('5')]),
  lives('forty messages in a row', '6455 5.4', Array.from({ length: 40 }, (_, i) => textFrame(`no. ${i}`)), Array.from({ length: 40 }, (_, i) => said.text(`no. ${i}`))),
  lives('a hundred fragments of an octet', '6455 5.4', fragments(BINARY, cut(octets(100, 7), 1)), [said.binary(octets(100, 7))]),
  lives('NUL is text', '6455 5.6', [textFrame('\0a\0')], [said.text('\0a\0')]),
  lives('a frame in a frame is a payload', '6455 5.2', [frame(BINARY, frame(PING, 'inner'))], [said.binary(frame(PING, 'inner'))]),
  lives('HTTP in a frame is a payload', '6455 5.2', [textFrame('GET / HTTP/1.1\r\nHost: a\r\n\r\n')], [said.text('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]),
  fails('HTTP behind the handshake is no frame', '6455 5.2', ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'], 1002),
  fails('zeros behind the handshake are no frame', '6455 5.4', [octets(16, 0)], 1002),
];

// ---- a stream that ends somewhere ---------------------------------------------------------------------------------

const long = frame(BINARY, octets(300)); // 2 octets, 2 of the length, 4 of the mask, the payload
const ENDS = { 'behind the first octet of a header': 1, 'behind the second': 2, 'within a length': 3, 'behind the length': 4, 'within the mask': 6,
  'behind the mask': 8, 'within a payload': 150, 'one octet before the end of a payload': long.length - 1 };
const ended = [
  ws('the end instead of a frame', '6455 7.1.4', [FIN], []),
  ws('the end behind a message', '6455 7.1.4', [textFrame('last words'), FIN], [said.text('last words')]),
  ws('the end behind a ping', '6455 7.1.4', [frame(PING, 'last'), FIN], [said.pong('last')]),
  ws('the end within a message', '6455 7.1.4', [begun, FIN], []),
  ws('the end behind a close frame', '6455 7.1.1', [frame(CLOSE, closePayload(1000, 'and the end')), FIN], [said.close(1000)]),
  ws('the end behind what is wrong', '6455 7.1.7', [frame(5), FIN], [said.close(1002)]),
  ...Object.entries(ENDS).map(([where, at]) => ws(`the end ${where}`, '6455 7.1.4', [textFrame('before'), long.subarray(0, at), FIN], [said.text('before')])),
];

// What is wrong is seen as soon as it is there: nothing comes behind it.
const early = [
  ws('a frame without a mask is seen in its second octet', '6455 5.1', [Buffer.from([0x81, 0x05])], [said.close(1002)]),
  ws('a continuation of nothing is seen in its first octet', '6455 5.4', [Buffer.from([0x80])], [said.close(1002)]),
  ws('a message within a message is seen in its first octet', '6455 5.4', [begun, Buffer.from([0x81])], [said.close(1002)]),
  ws('a reserved bit is seen in the first octet', '6455 5.2', [Buffer.from([0xc1])], [said.close(1002)]),
  ws('a ping without FIN is seen in its first octet', '6455 5.5', [Buffer.from([0x09])], [said.close(1002)]),
  ws('a length that is not the shortest is seen before the mask', '6455 5.2', [Buffer.from([0x82, 0xfe, 0, 125])], [said.close(1002)]),
  ws('a length that is too large is seen before the mask', '6455 10.4', [Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0])], [said.close(1009)]),
];

export const cases = [reservedBits, reservedOpcodes, fragmentedControl, unmasked, masks, lengths, notShortest, controlLengths, huge, together, alone,
  interrupted, whole, among, mixed, ended, early].flat();
