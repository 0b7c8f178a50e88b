// SPDX-License-Identifier: Apache-2.0
//
// parts.js: what the views are built of: numbers as they are read, tables whose rows change without losing the focus, pages of a list,
// and the note on what a key may not. Whatever a user has chosen goes through nameShown or a text node; nothing here is markup.
import { h, reconcile, setText } from '/dom.js';
import { nameShown } from '/words.js';

const number = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const count = (n) => number.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const timeOf = (ms) => clock.format(ms);
const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const shortDateOf = (ms) => short.format(ms);
export const dateOf = (ms) => day.format(ms);

/** 512 B, 1.5 KiB, 312 MiB. */
export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let value = n;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  return `${value >= 100 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** 3.2, 48, 12,300: as much of it as is of use. */
export const rate = (n) => (n >= 100 || Number.isInteger(n) ? count(Math.round(n)) : n.toFixed(1));

/** 4 s, 12 min, 3 h 5 min, 2 d 4 h. */
export function lasting(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** A name that somebody chose, as text of its own direction. */
export const named = (text, spec = 'bdi.name') => h(spec, {}, nameShown(text));

/** Who: the name, and the id where that is another one. */
export function person({ user, name }) {
  if (!user) return h('span.faint', {}, 'no session');
  return h('span.person', {}, named(name ?? user), name && name !== user ? h('bdi.faint', {}, nameShown(user)) : null);
}

/** What is wider than its place can be scrolled by keyboard, too; what is not is no stop of Tab. */
function reachable(box, name) {
  const wide = box.scrollWidth > box.clientWidth;
  for (const [attribute, value] of Object.entries({ tabindex: 0, role: 'region', 'aria-label': name })) {
    if (wide) box.setAttribute(attribute, value);
    else box.removeAttribute(attribute);
  }
}

/**
 * A table: columns are { title, cell(row), kind? }, kind 'number' (to the right), 'wide' (not on a phone), 'acts' (a line of its own
 * there, which is why roles are said: without its display a table has none). even: columns do not depend on what is in them.
 */
export class Table {
  #columns;
  #body;
  #empty;

  constructor(caption, columns, { empty = 'Nothing.', testid, even = false } = {}) {
    this.#columns = columns;
    this.#body = h('tbody', { role: 'rowgroup' });
    this.#empty = h('p.empty', { hidden: true }, empty);
    const head = columns.map(({ title, kind, hidden }) => h('th', { scope: 'col', role: 'columnheader', class: kind ?? '' }, hidden ? h('span.visually-hidden', {}, title) : title));
    this.element = h('div.table-box', {},
      h('table', { role: 'table', class: even ? 'even' : '', data: { testid: testid ?? '' } },
        h('caption.visually-hidden', {}, caption), h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...head)), this.#body),
      this.#empty);
    new ResizeObserver(([{ target }]) => reachable(target, caption)).observe(this.element);
  }

  /** Shows these rows; key(row) says which is which, and a row that is as it was stays as it is. */
  show(rows, key, empty) {
    reconcile(this.#body, rows.map((row) => ({ key: key(row), sig: JSON.stringify(row), row })), ({ row, key: k }) =>
      h('tr', { role: 'row', data: { key: k } }, ...this.#columns.map(({ kind, cell }) => h('td', { role: 'cell', class: kind ?? '' }, cell(row)))));
    this.#empty.hidden = rows.length > 0;
    if (empty) setText(this.#empty, empty);
    this.#body.parentElement.hidden = rows.length === 0;
  }
}

/** Pages of a list: load(after) gives { rows, next? }, shown by show(rows, { first, last }). */
export class Pages {
  #load;
  #show;
  #before = [];   // where the pages before this one began
  #at;
  #next;
  #asked = 0;

  constructor(load, show) {
    this.#load = load;
    this.#show = show;
    this.back = h('button.secondary', { type: 'button', disabled: true, data: { testid: 'page-back' }, onclick: () => this.#go(this.#before.pop(), true) }, 'Back');
    this.on = h('button.secondary', { type: 'button', disabled: true, data: { testid: 'page-next' }, onclick: () => { this.#before.push(this.#at); this.#go(this.#next, true); } }, 'Next');
    this.element = h('div.pages', { hidden: true }, this.back, this.on);
  }

  first() { this.#before = []; return this.#go(undefined); }
  again() { return this.#go(this.#at); }

  async #go(after, turned = false) {
    const asked = ++this.#asked;
    const { rows, next } = await this.#load(after);
    if (asked !== this.#asked) return;   // another page was asked for meanwhile
    this.#at = after;
    this.#next = next;
    this.back.disabled = this.#before.length === 0;
    this.on.disabled = !next;
    this.element.hidden = this.back.disabled && this.on.disabled;
    this.#show(rows, { more: Boolean(next) });
    if (turned && document.activeElement?.disabled !== false) (this.on.disabled ? this.back : this.on).focus();
  }
}

/** A line that says what is not here, and why. Nothing where nothing is missing. */
export function notWith(missing) {
  if (missing.length === 0) return null;
  const list = missing.length === 1 ? missing[0] : `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}`;
  return h('p.note', { data: { testid: 'not-with-this-key' } }, `Not with this key: ${list}. Its rights say so (rights in api.keys, or server in the token’s caps).`);
}

/** A field with its label. */
export function field(label, input, spec = 'label.field') {
  return h(spec, {}, h('span.label', {}, label), input);
}

export const section = (title, ...children) => h('section.card', {}, h('h2', {}, title), ...children);
