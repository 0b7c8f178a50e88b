// SPDX-License-Identifier: Apache-2.0
//
// words.js: what people write, made fit to be shown: nothing invisible in names, nothing that turns the text around,
// no walls of blank lines; and what is in it: mentions and addresses. Pure functions of strings, no DOM.
//
// Names identify people and rooms, so every invisible character in them is shown: "Ada" and "Ada" with a zero-width
// space must not look alike. In messages only what can deceive or break the page is shown; marks that a script needs
// stay, and each message is a paragraph of its own whose direction ends with it (app.css). The escapes are those that a
// terminal gets (docs/protocol/text.md).

/** Emoji flags of tags, and joiners with a letter beyond ASCII or a pictogram on either side, are parts of words. */
const NEEDED = /\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}|(?<=[^\p{ASCII}])[\u200c\u200d](?=[^\p{ASCII}])/u;
/** Controls, format characters, line separators, and letters that have no ink. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/u;
const IN_NAMES = new RegExp(`(${NEEDED.source})|${UNSEEN.source}`, 'gu');
/** Format characters that do have a shape: signs set around numbers. */
const SHAPED = /[\u0600-\u0605\u06dd\u08e2\u{110bd}\u{110cd}]/u;
/** Controls but TAB and LF; embeddings and overrides of direction. Isolates end with their paragraph by themselves. */
const IN_TEXTS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e]/g;
const BLANK = /^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u;

function escaped(character) {
  const code = character.codePointAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}

/** True if there is nothing to see in it. */
export const isBlank = (text) => BLANK.test(text);

/** A name of a person or a room as it may be shown. */
export function nameShown(name) {
  const text = String(name);
  if (isBlank(text)) return [...text].map(escaped).join('') || '(no name)';
  return text.replace(IN_NAMES, (found, needed) => (needed || SHAPED.test(found) ? found : escaped(found)));
}

/** A message's text as it may be shown: line ends of all kinds are one, blank lines at its ends are gone, and
 *  several in a row are one. May be empty. */
export function textShown(text) {
  const lines = text.replace(/\r\n?|[\u2028\u2029]/g, '\n').split('\n');
  const kept = lines.filter((line, i) => !isBlank(line) || !(i === 0 || isBlank(lines[i - 1])))
    .map((line) => (isBlank(line) ? '' : line));
  while (kept.length && kept[0] === '') kept.shift();
  while (kept.length && kept.at(-1) === '') kept.pop();
  return kept.join('\n').replace(IN_TEXTS, escaped);
}

/** What of a typed text is worth sending: without blank lines at its ends and blanks after its last word. */
export function typed(text) {
  return isBlank(text) ? '' : text.replace(/^(?:[^\S\n]*\n)+/, '').replace(/\s+$/, '');
}

const WORD = '[\\p{L}\\p{N}\\p{M}_]';
const UNSPACED = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}]';   // words without spaces between
const SPACED_WORD = `(?!${UNSPACED})${WORD}`;

/** Where a text calls that name, as the source of an expression; '' for a name that cannot be called. */
function callOf(name) {
  const wanted = name.normalize('NFC').trim();
  if (isBlank(wanted)) return '';
  const literal = wanted.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  const ends = (pattern) => new RegExp(`${pattern}$`, 'u').test(wanted);
  const end = ends(UNSPACED) ? `(?!${WORD})` : ends(WORD) ? `(?!-?${SPACED_WORD})` : '';
  return `(?<!${SPACED_WORD})@${literal}${end}`;
}

/** True if the text calls that name: "@Ada" as a word of its own, in any case. */
export function mentions(text, name) {
  const call = callOf(name);
  return call !== '' && new RegExp(call, 'iu').test(text.normalize('NFC'));
}

let calls = { key: '', pattern: null };   // of the names asked for last

/** Splits a text into strings and {call: "@Ada", me: bool}: who of `names` is called, the longest name first. */
export function withCalls(text, names, me) {
  if (!text.includes('@')) return [text];
  const key = JSON.stringify([me, names]);
  if (calls.key !== key) {
    const sources = [...new Set([me, ...names])].sort((a, b) => b.length - a.length).map(callOf).filter(Boolean);
    calls = { key, pattern: sources.length ? new RegExp(sources.join('|'), 'giu') : null };
  }
  const whole = text.normalize('NFC');
  const parts = [];
  let last = 0;
  for (const match of calls.pattern ? whole.matchAll(calls.pattern) : []) {
    if (match.index > last) parts.push(whole.slice(last, match.index));
    parts.push({ call: match[0], me: mentions(match[0], me) });
    last = match.index + match[0].length;
  }
  if (last < whole.length) parts.push(whole.slice(last));
  return parts;
}

// ---- addresses ----------------------------------------------------------------------------------------------------

const STOP = '[^\\s<>"\'`\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]';
const BEFORE = '(?<![\\p{L}\\p{N}_@./:+%-])';   // not in the middle of something longer
const ADDRESS = new RegExp(`(?<url>https?://${STOP}+)|(?<www>${BEFORE}www\\.[\\p{L}\\p{N}]${STOP}*)`
  + `|(?<mail>${BEFORE}[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\\.[a-z0-9-]+)*\\.[a-z]{2,})(?![\\p{L}\\p{N}_@])`, 'giu');

/** Splits a text into strings and {href, text}: http and https addresses, www. ones, and those of mail. */
export function withAddresses(text) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const { mail } = match.groups;
    const found = mail ?? withoutPunctuation(match[0]);
    const href = mail ? `mailto:${encodeURIComponent(mail).replace('%40', '@')}` : webAddress(found, match.groups.www !== undefined);
    if (!href) continue;
    if (match.index > last) parts.push(text.slice(last, match.index));
    parts.push({ href, text: found });
    last = match.index + found.length;
  }
  if (last < text.length) parts.push(text.slice(last));
  return parts;
}

function webAddress(text, bare) {
  if (bare && !/^www\.[^./?#]+\.[^./?#]/i.test(text)) return null;   // "www.x" is no address yet
  try {
    const url = new URL(bare ? `https://${text}` : text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** A sentence's punctuation is not part of the address; a closing bracket is when the address opened it. */
function withoutPunctuation(address) {
  for (;;) {
    const end = address.at(-1);
    if ('.,;:!?*_~'.includes(end)) { address = address.slice(0, -1); continue; }
    const open = { ')': '(', ']': '[', '}': '{' }[end];
    if (open && address.split(end).length > address.split(open).length) { address = address.slice(0, -1); continue; }
    return address;
  }
}
