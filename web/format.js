// SPDX-License-Identifier: Apache-2.0
//
// format.js: from values to what people read: times, initials, colours, links. Pure, apart from building nodes.

import { h, icon } from './dom.js';
import { parse } from './markdown.js';
import { nameShown, textShown, withAddresses, withCalls } from './words.js';

const HUES = 12;   // app.css has a class for each: .hue-0 … .hue-11
const locale = undefined;   // the browser's
const timeFormat = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const dayYearFormat = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });
const numberFormat = new Intl.NumberFormat(locale);

export const timeOf = (ms) => timeFormat.format(ms);
export const fullTimeOf = (ms) => fullFormat.format(ms);
export const count = (n) => numberFormat.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function dayKey(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${d.getMonth() + 1}-${d.getDate()}`;
}

export function dayLabel(ms) {
  const today = new Date();
  if (dayKey(ms) === dayKey(today)) return 'Today';
  if (dayKey(ms) === dayKey(today.getTime() - 86_400_000)) return 'Yesterday';
  return new Date(ms).getFullYear() === today.getFullYear() ? dayFormat.format(ms) : dayYearFormat.format(ms);
}

/** In a list of messages of many days. */
export const momentOf = (ms) => `${dayLabel(ms)}, ${timeOf(ms)}`;

/** A user keeps one colour everywhere, so it follows the user id, which does not change with the name. FNV-1a. */
export function hueOf(user) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < user.length; i++) hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193);
  return `hue-${(hash >>> 0) % HUES}`;
}

/** Text clients are known by their address until they say /nick. */
export const looksLikeAddress = (name) => /^[\d.]+:\d+$|^\[[\da-f:.]+\]:\d+$/i.test(name);

export function initials(name) {
  const words = name.split(/[\s._@-]+/u).map((w) => w.match(/[\p{L}\p{N}]/u)?.[0]).filter(Boolean);
  if (words.length === 0) return '·';
  return (words.length > 1 ? words[0] + words[words.length - 1] : words[0]).toLocaleUpperCase();
}

/** Fills an avatar element for a user. */
export function avatar(element, { user, name }) {
  element.className = `avatar ${hueOf(user)}`;
  element.replaceChildren(looksLikeAddress(name) ? icon('terminal') : initials(nameShown(name)));
  return element;
}

/** What a message's `data` looks like to a person: {text, action} or {json}. The shapes are those of
 *  docs/protocol/native.md. */
export function displayOf(data) {
  if (data === undefined) return { text: '', action: false };   // deleted
  if (typeof data === 'string') return { text: textShown(data), action: false };
  if (data !== null && typeof data === 'object' && typeof data.text === 'string') {
    return { text: textShown(data.text), action: data.action === true };
  }
  return { json: textShown(JSON.stringify(data)) };
}

/** A message's text as strings and nodes: addresses can be clicked, who is called stands out, and its Markdown is set, unless it
 *  is to be `plain`. `me` is one's own name, `names` those of the others. */
export function rendered(text, { plain = false, me, names }) {
  const called = (part) => withCalls(part, names, me).map((it) => (typeof it === 'string' ? it
    : h('span.call', { class: it.me ? 'self' : '', data: { testid: 'call' } }, it.call)));
  const set = (tree) => tree.flatMap((part) => {
    if (typeof part === 'string') return called(part);
    if (part.href) return h('a', { href: part.href, title: part.title, target: '_blank', rel: 'noopener noreferrer nofollow' }, part.text);
    if (part.block !== undefined) return h('pre.msg-code', { tabindex: 0 }, h('code', {}, part.block));
    if (part.code !== undefined) return h('code', {}, part.code);
    const [[tag, inner]] = Object.entries(part);
    return h(tag, {}, ...set(inner));
  });
  return set(plain ? withAddresses(text) : parse(text));
}

/** What to tell a person about an error: the server's own sentence, if it sent one. */
export function sentence(error) {
  const text = String(error?.message || 'Something went wrong.').trim();
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

const encoder = new TextEncoder();
export const utf8Length = (text) => encoder.encode(text).length;
