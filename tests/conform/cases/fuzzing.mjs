// SPDX-License-Identifier: Apache-2.0
//
// What the public fuzzing client of the Autobahn test suite tries, in its order and under its numbers, in our own words and
// as strictly as it can be taken: what it would call "non-strict" or "informational" is a failure here. Its categories 12
// and 13 are about compression, 9 is about size and time.
//
// Where it sends the same octets twice, only cut in another way, one case has both numbers: every case is cut here.
import { FIN, said } from '../play.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame } from '../websocket.mjs';
import { cut, fails, fragments, hex, lives, octets, textFrame, ws } from './parts.mjs';

const TEXT_WORDS = 'words, as they are';
const STAR = 0x2a, BYTE = 0xfe;

// ---- 1: framing ---------------------------------------------------------------------------------------------------

const SIZES = [0, 125, 126, 127, 128, 65535, 65536];

// 8 is 65,536 octets in chops; 6.1.1 is the empty text again.
function likeSize(number, size, i) {
  return [`${number}.${i + 1}`, ...(size === 65536 ? [`${number}.8`] : []), ...(size === 0 && number === '1.1' ? ['6.1.1'] : [])];
}

function category1() {
  return [[TEXT, '1.1', STAR, said.text], [BINARY, '1.2', BYTE, said.binary]].flatMap(([opcode, number, octet, word]) =>
    SIZES.map((size, i) => lives(`a message of ${size} octets, ${number === '1.1' ? 'text' : 'binary'}`, '6455 5.2',
      [frame(opcode, octets(size, octet))], [word(octets(size, octet))],
      { like: likeSize(number, size, i) })));
}

// ---- 2: pings and pongs -------------------------------------------------------------------------------------------

function category2() {
  const ping = (payload) => frame(PING, payload);
  const ten = Array.from({ length: 10 }, (_, i) => `ping no. ${i}`);
  return [
    lives('a ping without a payload', '6455 5.5.2', [ping('')], [said.pong()], { like: ['2.1'] }),
    lives('a ping with text', '6455 5.5.2', [ping('who is there')], [said.pong('who is there')], { like: ['2.2'] }),
    lives('a ping with what is no text', '6455 5.5.2', [ping(hex('00fffefd01'))], [said.pong(hex('00fffefd01'))], { like: ['2.3'] }),
    lives('a ping of 125 octets', '6455 5.5', [ping(octets(125, BYTE))], [said.pong(octets(125, BYTE))], { like: ['2.4', '2.6'] }),
    fails('a ping of 126 octets', '6455 5.5', [ping(octets(126, BYTE))], 1002, { like: ['2.5'] }),
    lives('a pong that nobody asked for', '6455 5.5.3', [frame(PONG)], [], { like: ['2.7'] }),
    lives('a pong that nobody asked for, with a payload', '6455 5.5.3', [frame(PONG, 'unasked')], [], { like: ['2.8'] }),
    lives('a pong that nobody asked for, then a ping', '6455 5.5.3', [frame(PONG, 'unasked'), ping('asked')], [said.pong('asked')],
      { like: ['2.9'] }),
    lives('ten pings at once', '6455 5.5.2', ten.map(ping), ten.map((text) => said.pong(text)), { like: ['2.10', '2.11'] }),
  ];
}

// ---- 3, 4: reserved bits and opcodes ------------------------------------------------------------------------------

function category3() {
  const echoed = { before: [said.text(TEXT_WORDS)] };
  const second = (rsv) => [textFrame(TEXT_WORDS), textFrame(TEXT_WORDS, { rsv })];
  return [
    fails('RSV = 1 on text', '6455 5.2', [textFrame(TEXT_WORDS, { rsv: 1 })], 1002, { like: ['3.1'] }),
    fails('RSV = 2 on the second message', '6455 5.2', second(2), 1002, { ...echoed, like: ['3.2'] }),
    fails('RSV = 3 on the second message', '6455 5.2', second(3), 1002, { ...echoed, like: ['3.3'] }),
    fails('RSV = 4 on the second message', '6455 5.2', second(4), 1002, { ...echoed, like: ['3.4'] }),
    fails('RSV = 5 on binary', '6455 5.2', [frame(BINARY, hex('00fffefdfcfb00ff'), { rsv: 5 })], 1002, { like: ['3.5'] }),
    fails('RSV = 6 on a ping', '6455 5.2', [frame(PING, TEXT_WORDS, { rsv: 6 })], 1002, { like: ['3.6'] }),
    fails('RSV = 7 on a close frame', '6455 5.2', [frame(CLOSE, '', { rsv: 7 })], 1002, { like: ['3.7'] }),
  ];
}

function category4() {
  const [first, second] = [[3, 4, 5, 6, 7], [11, 12, 13, 14, 15]];
  const one = (opcode, i, kind) => {
    const payload = i === 0 || i === 2 ? '' : 'of no meaning';
    const before = i >= 2;
    return fails(`opcode ${opcode}${payload ? ' with a payload' : ''}${before ? ' behind a message' : ''}`, '6455 5.2',
      [...(before ? [textFrame(TEXT_WORDS)] : []), frame(opcode, payload)], 1002,
      { before: before ? [said.text(TEXT_WORDS)] : [], like: [`4.${kind}.${i + 1}`] });
  };
  return [...first.map((opcode, i) => one(opcode, i, 1)), ...second.map((opcode, i) => one(opcode, i, 2))];
}

// ---- 5: fragments -------------------------------------------------------------------------------------------------

function category5() {
  const parts = ['first part, ', 'second part'];
  const whole = said.text(parts.join(''));
  const [begun, ended] = fragments(TEXT, parts);
  const alone = (fin) => frame(CONTINUATION, 'of nothing', { fin });
  const five = ['one ', 'two ', 'three ', 'four ', 'five'];
  const many = fragments(TEXT, five);
  return [
    fails('a ping in two fragments', '6455 5.5', [frame(PING, 'pi', { fin: false }), frame(CONTINUATION, 'ng')], 1002, { like: ['5.1'] }),
    fails('a pong in two fragments', '6455 5.5', [frame(PONG, 'po', { fin: false }), frame(CONTINUATION, 'ng')], 1002, { like: ['5.2'] }),
    lives('text in two fragments', '6455 5.4', [begun, ended], [whole], { like: ['5.3', '5.4', '5.5'] }),
    lives('text in two fragments, a ping between them', '6455 5.4', [begun, frame(PING, 'between'), ended],
      [said.pong('between'), whole], { like: ['5.6', '5.7', '5.8'] }),
    fails('a last fragment of nothing, then text', '6455 5.4', [alone(true), textFrame(TEXT_WORDS)], 1002, { like: ['5.9', '5.10', '5.11'] }),
    fails('a fragment of nothing, then text', '6455 5.4', [alone(false), textFrame(TEXT_WORDS)], 1002, { like: ['5.12', '5.13', '5.14'] }),
    fails('a fragment of nothing behind a message of two', '6455 5.4', [begun, ended, alone(false), textFrame(TEXT_WORDS)], 1002,
      { before: [whole], like: ['5.15'] }),
    fails('a fragment of nothing before a message of two, twice', '6455 5.4', [alone(false), begun, ended, alone(false), begun, ended], 1002,
      { like: ['5.16'] }),
    fails('a last fragment of nothing before a message of two, twice', '6455 5.4', [alone(true), begun, ended, alone(true), begun, ended], 1002,
      { like: ['5.17'] }),
    fails('two fragments that both are a beginning', '6455 5.4', [begun, textFrame('again')], 1002, { like: ['5.18'] }),
    lives('five fragments, and pings that are answered before the last', '6455 5.4',
      [many[0], many[1], frame(PING, 'now 1'), { wait: 1 }, many[2], many[3], frame(PING, 'now 2'), { wait: 2 }, many[4]],
      [said.pong('now 1'), said.pong('now 2'), said.text(five.join(''))], { like: ['5.19', '5.20'] }),
  ];
}

// ---- 6: UTF-8 -----------------------------------------------------------------------------------------------------

const GREEK = 'ce ba e1 bd b9 cf 83 ce bc ce b5'; // kosme, with an accent that takes three octets
const MIXED = Buffer.from('Grüße-µ@ßöäüàá-UTF-8!!');

function category6() {
  const empty = said.text('');
  const kosme = hex(GREEK);
  const surrogate = hex(`${GREEK} eda080 656469746564`);
  return [
    lives('text of three empty fragments', '6455 5.4', fragments(TEXT, ['', '', '']), [empty], { like: ['6.1.2'] }),
    lives('text of an empty, a full and an empty fragment', '6455 5.4', fragments(TEXT, ['', 'in the middle', '']), [said.text('in the middle')],
      { like: ['6.1.3'] }),
    lives('text beyond ASCII', '6455 8.1', [textFrame(MIXED)], [said.text(MIXED)], { like: ['6.2.1'] }),
    lives('text beyond ASCII, cut between two characters', '6455 8.1', fragments(TEXT, [MIXED.subarray(0, 9), MIXED.subarray(9)]),
      [said.text(MIXED)], { like: ['6.2.2'] }),
    lives('text beyond ASCII in fragments of an octet', '6455 8.1', fragments(TEXT, cut(MIXED, 1)), [said.text(MIXED)], { like: ['6.2.3'] }),
    lives('Greek text in fragments of an octet', '6455 8.1', fragments(TEXT, cut(kosme, 1)), [said.text(kosme)], { like: ['6.2.4'] }),
    fails('a surrogate within Greek text', '6455 8.1', [textFrame(surrogate)], 1007, { like: ['6.3.1'] }),
    fails('a surrogate within Greek text, in fragments of an octet', '6455 8.1', fragments(TEXT, cut(surrogate, 1)), 1007, { like: ['6.3.2'] }),
    ...failsFast(),
  ];
}

// What cannot become UTF-8 any more fails at the octet that shows it: nothing is sent behind that, and the message, or even the
// frame, is far from its end. What can still become UTF-8 is waited for: then it is our end of TCP that ends it.
function failsFast() {
  const good = hex(GREEK), beyond = hex(`${GREEK} f4 90`), at = good.length + 1;
  const open = (payload) => frame(TEXT, payload, { length: 25n });
  return [
    ws('text that can go on, in a first fragment: waited for', '6455 8.1', [textFrame(good, { fin: false }), FIN], []),
    ws('a fragment beyond U+10FFFF, and more of the message to come', '6455 8.1',
      [textFrame(good, { fin: false }), frame(CONTINUATION, hex('f4908080'), { fin: false })], [said.close(1007)], { like: ['6.4.1'] }),
    ws('a fragment that ends with the octet beyond U+10FFFF', '6455 8.1',
      [textFrame(beyond.subarray(0, at), { fin: false }), frame(CONTINUATION, beyond.subarray(at), { fin: false })], [said.close(1007)],
      { like: ['6.4.2'] }),
    ws('text that can go on, within a frame: waited for', '6455 8.1', [open(good), FIN], []),
    ws('a character beyond U+10FFFF, and more of the frame to come', '6455 8.1', [open(Buffer.concat([good, hex('f4908080')]))],
      [said.close(1007)], { like: ['6.4.3'] }),
    ws('the octet that leads beyond U+10FFFF, and more of the frame to come', '6455 8.1', [open(beyond)], [said.close(1007)], { like: ['6.4.4'] }),
  ];
}

// ---- 7: closing ---------------------------------------------------------------------------------------------------

function category7() {
  const close = (...payload) => frame(CLOSE, payload.length ? closePayload(...payload) : '');
  const [begun, ended] = fragments(TEXT, ['begun, ', 'ended']);
  const large = Buffer.alloc(256 * 1024, 'BAsd7&jh23'.slice(0, 8));
  return [
    lives('a message, then a close frame', '6455 7.1.2', [textFrame(TEXT_WORDS)], [said.text(TEXT_WORDS)], { like: ['7.1.1'] }),
    ws('two close frames', '6455 5.5.1', [close(1000), close()], [said.close(1000)], { like: ['7.1.2'] }),
    ws('a ping behind the close frame', '6455 5.5.1', [close(1000), frame(PING)], [said.close(1000)], { like: ['7.1.3'] }),
    ws('text behind the close frame', '6455 5.5.1', [close(1000), textFrame(TEXT_WORDS)], [said.close(1000)], { like: ['7.1.4'] }),
    ws('a close frame between two fragments', '6455 5.5.1', [begun, close(1000), ended], [said.close(1000)], { like: ['7.1.5'] }),
    ws('256 KiB, a word, a close frame, a ping: both messages come back first', '6455 5.5.1',
      [textFrame(large), textFrame(TEXT_WORDS), close(1000), frame(PING)], [said.text(large), said.text(TEXT_WORDS), said.close(1000)],
      { like: ['7.1.6'] }),
    ws('a close frame without a code', '6455 7.1.5', [close()], [said.close()], { like: ['7.3.1'] }),
    ws('a close frame of one octet', '6455 5.5.1', [frame(CLOSE, 'a')], [said.close(1002)], { like: ['7.3.2'] }),
    ws('a close frame with a code', '6455 7.1.5', [close(1000)], [said.close(1000)], { like: ['7.3.3'] }),
    ws('a close frame with a code and a reason', '6455 7.1.6', [close(1000, 'it is late')], [said.close(1000)], { like: ['7.3.4'] }),
    ws('a close frame with the longest reason', '6455 7.1.6', [close(1000, '*'.repeat(123))], [said.close(1000)], { like: ['7.3.5'] }),
    ws('a close frame with a reason that is too long', '6455 5.5', [close(1000, '*'.repeat(124))], [said.close(1002)], { like: ['7.3.6'] }),
    ws('a close frame with a surrogate in its reason', '6455 8.1', [frame(CLOSE, hex(`03e8 ${GREEK} eda080 656469746564`))], [said.close(1002)],
      { like: ['7.5.1'] }),
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((code, i) =>
      ws(`close code ${code}, which may be sent`, '6455 7.4', [close(code, 'why')], [said.close(code)], { like: [`7.7.${i + 1}`] })),
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].map((code, i) =>
      ws(`close code ${code}, which may not be sent`, '6455 7.4', [close(code, 'why')], [said.close(1002)], { like: [`7.9.${i + 1}`] })),
    ...[5000, 65535].map((code, i) =>
      ws(`close code ${code}, which is none`, '6455 7.4', [close(code)], [said.close(1002)], { like: [`7.13.${i + 1}`] })),
  ];
}

// ---- 10: what else ------------------------------------------------------------------------------------------------

function category10() {
  const payload = octets(65536, STAR);
  return [lives('64 KiB in fragments of 1,300', '6455 5.4', fragments(TEXT, cut(payload, 1300)), [said.text(payload)], { like: ['10.1.1'] })];
}

export const cases = [category1, category2, category3, category4, category5, category6, category7, category10].flatMap((one) => one());
