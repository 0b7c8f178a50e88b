// SPDX-License-Identifier: Apache-2.0
//
// connections.js: who is connected, found by user, room, address or language.
import { h, setText } from '/dom.js';
import { actButton } from './acts.js';
import { q, show } from './ask.js';
import { Pages, Table, count, field, lasting, named, notWith, person } from './parts.js';

const KEYS = [['user', 'User id', 64], ['room', 'Room', 128], ['address', 'Address', 64]];
const DIALECTS = [['', 'any'], ['native', 'native'], ['text', 'text'], ['http', 'http']];

/** All that is known of one. */
function inspect(row) {
  const facts = [['Connection', row.connection], ['User', row.user], ['Name', row.name], ['Session', row.session], ['Tenant', row.tenant],
    ['Address', row.address], ['Dialect', row.dialect], ['Open for', lasting(row.age_s)]].filter(([, value]) => value !== undefined);
  const rooms = row.rooms.map((room) => h('li', {}, h('a', { href: `#rooms/${encodeURIComponent(room)}` }, named(room))));
  const hidden = row.rooms_count - row.rooms.length;
  show(`Connection ${row.connection}`,
    h('dl.facts', {}, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, named(value, 'bdi'))))),
    h('h3', {}, `Rooms (${count(row.rooms_count)})`), rooms.length ? h('ul.inline', {}, ...rooms) : h('p.faint', {}, 'None.'),
    hidden > 0 ? h('p.faint', {}, `And ${count(hidden)} more.`) : null);
}

export class Connections {
  #server;
  #table;
  #inputs;
  #error = h('p.error', { role: 'alert', data: { testid: 'connections-error' } });
  #pages = new Pages((after) => this.#load(after), (rows, { more }) => this.#table.show(rows, (row) => row.connection, more ? 'None on this page; there are more.' : 'Nobody like that is connected.'));

  constructor(server, wanted = {}) {
    this.#server = server;
    this.#table = new Table('Connections', this.#columns(), { testid: 'connections-table' });
    this.#inputs = KEYS.map(([name, label, max]) => [name, field(label, h('input', { name, type: 'text', maxlength: max, autocomplete: 'off', spellcheck: false, value: wanted[name] ?? '', data: { testid: `find-${name}` } }))]);
    const dialect = h('select', { name: 'dialect', data: { testid: 'find-dialect' } }, ...DIALECTS.map(([value, text]) => h('option', { value }, text)));
    this.form = h('form.filters', { role: 'search', onsubmit: (event) => { event.preventDefault(); this.refresh(true); } },
      ...this.#inputs.map(([, element]) => element), field('Dialect', dialect), h('button.primary', { type: 'submit', data: { testid: 'find' } }, 'Find'));
    this.element = h('div.view', {}, h('h1', {}, 'Connections'), this.form, this.#error, this.#table.element, this.#pages.element, notWith(server.lacks('disconnect')));
  }

  #columns() {
    return [
      { title: 'Who', cell: person },
      { title: 'Address', cell: (c) => c.address },
      { title: 'Dialect', kind: 'wide', cell: (c) => c.dialect },
      { title: 'Rooms', kind: 'number wide', cell: (c) => count(c.rooms_count) },
      { title: 'Acts', hidden: true, kind: 'acts', cell: (c) => h('div.acts', {},
        h('button.small', { type: 'button', 'aria-label': `Inspect: ${q(c.name ?? c.connection)}`, data: { testid: 'inspect' }, onclick: () => inspect(c) }, 'Inspect'),
        c.user ? actButton(this.#server, 'disconnect', { connection: c.connection, name: c.name }, () => this.refresh()) : null) },
    ];
  }

  start() { this.refresh(true); }
  stop() {}

  async refresh(fromStart = false) {
    setText(this.#error, '');
    try { await (fromStart ? this.#pages.first() : this.#pages.again()); } catch (refused) { setText(this.#error, refused.message); }
  }

  async #load(after) {
    const wanted = Object.fromEntries([...new FormData(this.form)].map(([k, v]) => [k, v.trim()]).filter(([, v]) => v !== ''));
    const page = await this.#server.call('connections', { limit: 50, ...wanted, ...(after && { after }) });
    return { rows: page.connections, next: page.next };
  }
}
