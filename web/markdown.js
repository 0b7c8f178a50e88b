// SPDX-License-Identifier: Apache-2.0
//
// markdown.js: the part of Markdown that messages have: `code`, ``` blocks of it, **bold**, *italic* or _italic_, ~~struck~~, and
// [links](https://…). From a text to a tree, which format.js makes nodes of: no markup is ever put together as text. Whatever is not well
// formed stays as it was typed. Signs count at the edges of words only: a_b_c and 2*3*4 are what they are.
//
// Tree: strings, {href, text} of addresses, {code}, {block} of code, {strong}, {em}, {del} with a tree each.

import { withAddresses } from './words.js';

const REACH = 4000;    // as far as a sign looks for the one that closes it, in characters
const TRIES = 20;      // and at so many of them
const DEPTH_MAX = 4;
const MARKS = { '**': 'strong', '~~': 'del', '*': 'em', _: 'em' };
const WORD = /[\p{L}\p{N}_]/u;

export function parse(text) {
  const parts = [];
  const lines = text.split('\n');
  let plain = [];
  const flush = () => { if (plain.length) parts.push(...inline(plain.join('\n'), 0)); plain = []; };
  for (let i = 0; i < lines.length; i++) {
    if (!/^```[^`]*$/.test(lines[i])) { plain.push(lines[i]); continue; }
    let end = i + 1;
    while (end < lines.length && !/^```\s*$/.test(lines[end])) end++;
    if (end === lines.length) { plain.push(...lines.slice(i)); break; }   // it is never closed: no block
    flush();
    parts.push({ block: lines.slice(i + 1, end).join('\n') });
    i = end;
  }
  flush();
  return parts;
}

/** What is left of it in a line, without its signs. */
export function plainOf(text) {
  const told = (part) => (typeof part === 'string' ? part : part.text ?? part.code ?? part.block ?? Object.values(part)[0].map(told).join(''));
  return parse(text).map((part) => (part.block === undefined ? told(part) : ` ${part.block} `)).join('').replace(/\s+/g, ' ').trim();
}

function inline(text, depth) {
  const addresses = rangesOf(text);
  const missing = new Set();   // signs that are not there any more further on
  const parts = [];
  let plain = '';
  const put = (part) => { if (plain) parts.push(plain); plain = ''; parts.push(part); };
  for (let at = 0; at < text.length;) {
    while (addresses.length && addresses[0].start < at) addresses.shift();
    const found = addresses[0]?.start === at ? addresses[0]
      : text[at] === '`' ? codeAt(text, at, missing)
        : text[at] === '[' ? linkAt(text, at) : markedAt(text, at, depth, missing, addresses);
    if (found) { put(found.part); at = found.end; } else plain += text[at++];
  }
  if (plain) parts.push(plain);
  return parts;
}

function rangesOf(text) {
  let at = 0;
  const ranges = [];
  for (const part of withAddresses(text)) {
    const { length } = part.text ?? part;
    if (typeof part !== 'string') ranges.push({ start: at, end: at + length, part });
    at += length;
  }
  return ranges;
}

/** Where `sign` comes next, in reach and in the same paragraph, or -1. */
function nextOf(text, sign, from, missing) {
  if (missing.has(sign)) return -1;
  const at = text.slice(from, from + REACH).indexOf(sign);
  if (at < 0 && from + REACH >= text.length) missing.add(sign);
  return at < 0 ? -1 : from + at;
}

function codeAt(text, at, missing) {
  const [sign] = /^`+/.exec(text.slice(at, at + 8));
  const from = at + sign.length;
  const end = nextOf(text, sign, from, missing);
  if (end <= from || text[end + sign.length] === '`' || text.slice(from, end).includes('\n')) return null;
  return { part: { code: text.slice(from, end) }, end: end + sign.length };
}

function linkAt(text, at) {
  const match = /^\[([^[\]\n]{1,300})\]\((https?:\/\/[^\s()<>]{1,2000})\)/.exec(text.slice(at, at + 2400));
  const [only, ...more] = match ? withAddresses(match[2]) : [];
  if (!only?.href || more.length) return null;
  return { part: { href: only.href, text: match[1], title: only.href }, end: at + match[0].length };
}

function markedAt(text, at, depth, missing, addresses) {
  const sign = ['**', '~~', '*', '_'].find((mark) => text.startsWith(mark, at));
  if (!sign || depth >= DEPTH_MAX || WORD.test(text[at - 1] ?? ' ') || /^(?:\s|$)/.test(text.slice(at + sign.length, at + sign.length + 1))) return null;
  const from = at + sign.length;
  for (let end = nextOf(text, sign, from, missing), tries = 0; end > 0 && tries < TRIES; end = nextOf(text, sign, end + 1, missing), tries++) {
    const inAddress = addresses.some((range) => end >= range.start && end < range.end);
    const other = text[end + sign.length] === sign[0] || (sign.length === 1 && text[end - 1] === sign);   // part of a longer one
    if (end === from || inAddress || other || /\s/.test(text[end - 1]) || WORD.test(text[end + sign.length] ?? ' ')) continue;
    return { part: { [MARKS[sign]]: inline(text.slice(from, end), depth + 1) }, end: end + sign.length };
  }
  return null;
}
