// SPDX-License-Identifier: Apache-2.0
//
// rooms.js: which rooms there are, by a pattern as in rooms.rules: what is before its first star is asked of the server, the rest is
// compared here, page by page.
import { h, setText } from '/dom.js';
import { Pages, Table, count, field, named } from './parts.js';

const PAGES_MAX = 20;   // of the server's that are read for one of ours
const LIMIT = 50;
const READ = 1000;

/** The pattern as an expression: `*` is anything of one segment, which '/' and ':' part, `**` anything. */
export function matcher(pattern) {
  const parts = pattern.split(/(\*\*|\*)/).map((part) => ({ '*': '[^/:]*', '**': '.*' })[part] ?? part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('')}$`, 'su');
}

const COLUMNS = [
  { title: 'Room', cell: ({ room }) => h('a', { href: `#rooms/${encodeURIComponent(room)}`, data: { testid: 'room-link' } }, named(room)) },
  { title: 'Members', kind: 'number', cell: (r) => count(r.members_count) },
];

export class Rooms {
  #server;
  #lists;   // else rooms are looked at by name
  #table = new Table('Rooms', COLUMNS, { empty: 'There is no such room.', testid: 'rooms-table' });
  #input = h('input', { type: 'search', autocomplete: 'off', spellcheck: false, maxlength: 128, placeholder: 'team-* or game/**', data: { testid: 'rooms-pattern' } });
  #error = h('p.error', { role: 'alert', data: { testid: 'rooms-error' } });
  #pages = new Pages((after) => this.#load(after), (rows, { more }) => this.#show(rows, more));

  constructor(server) {
    this.#server = server;
    this.#lists = server.may('rooms') && !server.narrow;
    if (!this.#lists) {
      this.element = this.#opener();
      return;
    }
    const form = h('form.filters', { role: 'search', onsubmit: (event) => { event.preventDefault(); this.refresh(true); } },
      field('Name or pattern', this.#input), h('button.primary', { type: 'submit', data: { testid: 'rooms-find' } }, 'Find'));
    this.element = h('div.view', {}, h('h1', {}, 'Rooms'), form, this.#error, this.#table.element, this.#pages.element);
  }

  #opener() {
    const form = h('form.filters', { onsubmit: (event) => { event.preventDefault(); location.hash = `#rooms/${encodeURIComponent(this.#input.value.trim())}`; } },
      field('Name of a room', this.#input), h('button.primary', { type: 'submit' }, 'Open'));
    Object.assign(this.#input, { type: 'text', placeholder: '', required: true });
    return h('div.view', {}, h('h1', {}, 'Rooms'), form, h('p.note', {}, this.#server.may('rooms')
      ? `This key is for some rooms only (${this.#server.who.rooms.join(', ')}), and so not for a list of all.` : 'This key may not list rooms (the right rooms).'));
  }

  start() { if (this.#lists) this.refresh(true); }
  stop() {}

  async refresh(fromStart = false) {
    setText(this.#error, '');
    try { await (fromStart ? this.#pages.first() : this.#pages.again()); } catch (refused) { setText(this.#error, refused.message); }
  }

  async #load(after) {
    const wanted = this.#input.value.trim();
    const prefix = wanted.split('*')[0];
    if (!wanted.includes('*')) {
      const page = await this.#server.call('rooms', { limit: LIMIT, ...(wanted && { prefix: wanted }), ...(after && { after }) });
      return { rows: page.rooms, next: page.next };
    }
    return this.#sift(prefix, matcher(wanted), after);
  }

  /** Pages until one of ours is full. */
  async #sift(prefix, pattern, after) {
    const rows = [];
    let next = after;
    for (let i = 0; i < PAGES_MAX; i++) {
      const page = await this.#server.call('rooms', { limit: READ, ...(prefix && { prefix }), ...(next && { after: next }) });
      rows.push(...page.rooms.filter(({ room }) => pattern.test(room)));
      next = page.next;
      if (!next || rows.length >= LIMIT) break;
    }
    return { rows, next };
  }

  #show(rows, more) {
    this.#table.show(rows, (row) => row.room, more ? 'None on this page; there are more.' : 'There is no such room.');
  }
}
