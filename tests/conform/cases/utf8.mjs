// SPDX-License-Identifier: Apache-2.0
//
// Text is UTF-8 (RFC 6455 section 8.1): every sequence of Markus Kuhn's decoder test, with the numbers that the Autobahn suite
// gives them (6.5 to 6.23), and the borders of each row of Unicode's table of what is well-formed, from both sides.
//
// Each is sent as a whole. Then what is UTF-8 is cut into two fragments at every octet; what is not is sent in fragments of an
// octet, and as the beginning of a longer frame, of which nothing comes behind the octet that cannot be.
import { said } from '../play.mjs';
import { TEXT, frame } from '../websocket.mjs';
import { cut, fails, fragments, hex, lives, textFrame, ws } from './parts.mjs';

// Table 3-7 of the Unicode standard: the first octet from, to; the second one from, to; how many more of 80..bf.
const WELL_FORMED = [
  [0x00, 0x7f], [0xc2, 0xdf, 0x80, 0xbf, 0], [0xe0, 0xe0, 0xa0, 0xbf, 1], [0xe1, 0xec, 0x80, 0xbf, 1], [0xed, 0xed, 0x80, 0x9f, 1],
  [0xee, 0xef, 0x80, 0xbf, 1], [0xf0, 0xf0, 0x90, 0xbf, 2], [0xf1, 0xf3, 0x80, 0xbf, 2], [0xf4, 0xf4, 0x80, 0x8f, 2],
];

// Index of the first octet that cannot be; bytes.length where only an end is missing; -1 where all is well.
export function firstBad(bytes) {
  let at = 0;
  while (at < bytes.length) {
    const row = WELL_FORMED.find(([from, to]) => bytes[at] >= from && bytes[at] <= to);
    if (!row) return at;
    at++;
    const [, , low, high, more] = row;
    if (low === undefined) continue;
    for (let i = 0; i <= more; i++, at++) {
      if (at === bytes.length) return at;
      if (bytes[at] < (i ? 0x80 : low) || bytes[at] > (i ? 0xbf : high)) return at;
    }
  }
  return -1;
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => (from + i).toString(16).padStart(2, '0'));
const lonely = (from, to) => range(from, to).map((octet) => `${octet}20`).join('');
const KOSME = 'cebae1bdb9cf83cebcceb5';
const NO_LAST = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'];
const HELLO = Buffer.from('hello').toString('hex'), WORLD = Buffer.from('world').toString('hex');

// The last two code points of each plane are characters of nobody, and well-formed.
const NON_CHARACTERS = ['efbfbe', 'efbfbf', ...['f0', 'f1', 'f2', 'f3', 'f4'].flatMap((first) =>
  ['8f', '9f', 'af', 'bf'].flatMap((second) => [`${first}${second}bfbe`, `${first}${second}bfbf`]))
  .filter((text) => firstBad(hex(text)) === -1)];

// By Kuhn's headings.
const SECTIONS = [
  ['6.5', 'characters of each length', ['24', 'c2a2', 'e282ac', 'f0a4ada2'].map((text) => HELLO + text + WORLD).concat(KOSME)],
  ['6.6', 'beginnings of a word', Array.from({ length: 11 }, (_, i) => KOSME.slice(0, 2 * (i + 1)))],
  ['6.7', 'the first of each length', ['00', 'c280', 'e0a080', 'f0908080']],
  ['6.8', 'the first of five and six octets', ['f888808080', 'fc8480808080']],
  ['6.9', 'the last of each length', ['7f', 'dfbf', 'efbfbf', 'f48fbfbf']],
  ['6.10', 'the last of four, five and six octets', ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf']],
  ['6.11', 'other borders', ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', 'f4908080']],
  ['6.12', 'continuations of nothing', ['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', range(0x80, 0xbe).join('')]],
  ['6.13', 'beginnings of nothing', [lonely(0xc0, 0xde), lonely(0xe0, 0xee), lonely(0xf0, 0xf6), lonely(0xf8, 0xfa), lonely(0xfc, 0xfc)]],
  ['6.14', 'without the last octet', NO_LAST],
  ['6.15', 'all of those together', [NO_LAST.join('')]],
  ['6.16', 'octets that are nowhere', ['fe', 'ff', 'fefeffff']],
  ['6.17', 'a slash, too long', ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af']],
  ['6.18', 'the last that are too long', ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf']],
  ['6.19', 'NUL, too long', ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080']],
  ['6.20', 'a surrogate', ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf']],
  ['6.21', 'a pair of surrogates', ['eda080', 'edadbf', 'edae80', 'edafbf'].flatMap((high) => [`${high}edb080`, `${high}edbfbf`])],
  ['6.22', 'characters of nobody', NON_CHARACTERS],
  ['6.23', 'special ones', ['efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf']],
];

// What Kuhn leaves out: beyond the borders of each row, with the second octet in front of its range, at its ends, and behind.
function borders() {
  const last = (n) => Array.from({ length: n }, () => 'bf').join('');
  const octet = (n) => n.toString(16).padStart(2, '0');
  const rows = WELL_FORMED.slice(1).flatMap(([from, to, low, high, more]) => [...new Set([from, to])].flatMap((first) =>
    [low - 1, low, high, high + 1].map((second) => octet(first) + octet(second) + last(more))));
  const nowhere = ['c0', 'c1', ...range(0xf5, 0xff)].map((first) => `${first}80`);
  const third = ['e0a07f', 'e0a0c0', 'efbf20', 'f0907f80', 'f09080c0', 'f48fbf7f'];
  return [...rows, ...nowhere, ...third, 'efbbbf', 'c3a9c3', 'e282ace282'];
}

// hex -> {title, like}, each once.
function sequences() {
  const all = new Map();
  const put = (text, title, number) => {
    const row = all.get(text) ?? { title, like: [] };
    if (number) row.like.push(number);
    all.set(text, row);
  };
  for (const [section, title, texts] of SECTIONS) texts.forEach((text, i) => put(text, title, `${section}.${i + 1}`));
  for (const text of borders()) put(text, 'at a border', '');
  const seen = new Set(); // what fails at its second octet is one case, however it would have gone on
  return [...all].map(([text, row]) => ({ ...row, text, bytes: hex(text), bad: firstBad(hex(text)) }))
    .map((row) => {
      const upTo = row.text.slice(0, 2 * (row.bad + 1));
      const fresh = row.bad >= 0 && row.bad < row.bytes.length && !seen.has(upTo);
      seen.add(upTo);
      return { ...row, fresh };
    });
}

function wellFormed({ text, title, like, bytes }) {
  const echoed = said.text(bytes);
  const cuts = Array.from({ length: bytes.length + 1 }, (_, at) => at);
  return [
    lives(`UTF-8, ${title}: ${text}`, '6455 8.1', [textFrame(bytes)], [echoed], { like }),
    lives(`UTF-8, ${title}: ${text} in two fragments, cut at every octet`, '6455 8.1',
      cuts.flatMap((at) => fragments(TEXT, [bytes.subarray(0, at), bytes.subarray(at)])), cuts.map(() => echoed)),
  ];
}

function malformed({ text, title, like, bytes, bad, fresh }) {
  const short = text.length > 48 ? `${text.slice(0, 48)}...` : text;
  const cases = [fails(`not UTF-8, ${title}: ${short}`, '6455 8.1', [textFrame(bytes)], 1007, { like })];
  if (bytes.length > 1) {
    cases.push(fails(`not UTF-8, ${title}: ${short} in fragments of an octet`, '6455 8.1', fragments(TEXT, cut(bytes, 1)), 1007));
  }
  if (fresh) {
    cases.push(ws(`not UTF-8, ${title}: ${short} is seen at octet ${bad}`, '6455 8.1',
      [frame(TEXT, bytes.subarray(0, bad + 1), { length: 1000n })], [said.close(1007)]));
  }
  return cases;
}

export const cases = sequences().flatMap((one) => (one.bad === -1 ? wellFormed(one) : malformed(one)));
