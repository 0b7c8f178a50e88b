// SPDX-License-Identifier: Apache-2.0
//
// room.js: one room: who is in it, what its people share, what was said last, and what may be done about it. Looked at anew while it
// is shown, so who comes and goes is seen.
import { h, reconcile, setText } from '/dom.js';
import { nameShown, textShown } from '/words.js';
import { actButton } from './acts.js';
import { Pages, Table, dateOf, named, notWith, person, section, shortDateOf, timeOf } from './parts.js';

const EVERY_MS = 4000;
const WORDS = 20;

/** What an entry says, in one line of text. */
function wordsOf(entry) {
  if (entry.type !== 'message') return { kind: 'faint', text: entry.type };
  const data = entry.data;
  if (entry.deleted) return { kind: 'faint', text: 'deleted' };
  const text = typeof data === 'string' ? data : typeof data?.text === 'string' ? data.text : JSON.stringify(data);
  return { kind: '', text: textShown(text ?? '') };
}

export class Room {
  #server;
  #name;
  #timer = null;
  #error = h('p.error', { role: 'alert', data: { testid: 'room-error' } });
  #words = h('ol.said', { data: { testid: 'said' } });
  #state = h('pre.state', { tabindex: 0, 'aria-label': 'State of the room', data: { testid: 'room-state' } });
  #members;
  #pages;

  constructor(server, name) {
    this.#server = server;
    this.#name = name;
    this.#members = new Table('Members', this.#columns(), { empty: 'Nobody is in it.', testid: 'members-table' });
    this.#pages = new Pages((after) => this.#load(after), (rows) => this.#members.show(rows, (m) => m.user));
    const close = actButton(server, 'close', { room: name }, () => { location.hash = '#rooms'; });
    this.element = h('div.view', {},
      h('p.crumb', {}, h('a', { href: '#rooms' }, 'Rooms')),
      h('div.title', {}, h('h1', {}, named(name, 'bdi')), close), this.#error,
      section('Members', server.may('members') ? h('div', {}, this.#members.element, this.#pages.element) : null,
        notWith(server.lacks('members', 'role', 'mute', 'unmute', 'kick', 'ban', 'close'))),
      section('Said last', server.may('history') ? this.#words : null, notWith(server.lacks('history'))),
      section('State', server.may('state') ? this.#state : null, notWith(server.lacks('state'))));
  }

  #columns() {
    const button = (m, command) => actButton(this.#server, command, { room: this.#name, user: m.user, name: m.name }, () => this.#look());
    return [
      { title: 'Who', cell: person },
      { title: 'Role', cell: (m) => m.role },
      { title: 'Here', kind: 'wide', cell: (m) => (m.connected === false ? 'away' : 'yes') },
      { title: 'Since', kind: 'wide', cell: (m) => (m.joined_at ? shortDateOf(m.joined_at) : '–') },
      { title: 'Acts', hidden: true, kind: 'acts', cell: (m) => h('div.acts', {}, button(m, 'role'), button(m, 'mute'), button(m, 'unmute'), button(m, 'kick'), button(m, 'ban')) },
    ];
  }

  start() { this.#pages.first().catch((refused) => this.#say(refused)); this.#look(true); }
  stop() { clearTimeout(this.#timer); this.#timer = null; }

  #say(refused) { setText(this.#error, refused?.code === 'unknown_type' ? '' : refused?.message ?? ''); }

  async #load(after) {
    if (!this.#server.may('members')) return { rows: [] };
    const page = await this.#server.call('members', { room: this.#name, limit: 50, ...(after && { after }) });
    return { rows: page.members, next: page.next };
  }

  /** Looks at all of it, now and every so often. */
  async #look(first = false) {
    clearTimeout(this.#timer);
    const timer = this.#timer = setTimeout(() => this.#look(), EVERY_MS);
    if (document.hidden && !first) return;
    const room = { room: this.#name };
    try {
      const [, history, state] = await Promise.all([
        first ? null : this.#pages.again(),
        this.#server.may('history') && this.#server.call('history', { ...room, limit: WORDS }),
        this.#server.may('state') && this.#server.call('state', room),
      ]);
      if (this.#timer !== timer) return;
      this.#say(null);
      if (history) this.#showWords(history.history);
      if (state) setText(this.#state, state.version === 0 ? 'Nothing is in it.' : JSON.stringify(state.state, null, 2));
    } catch (refused) {
      this.#say(refused);
    }
  }

  #showWords(entries) {
    const rows = entries.slice(-WORDS).reverse();
    const list = rows.length ? rows.map((entry) => ({ key: entry.offset, sig: JSON.stringify(entry), entry })) : [{ key: 0, sig: '', entry: null }];
    reconcile(this.#words, list, ({ entry }) => {
      if (!entry) return h('li.faint', {}, 'Nothing that is kept.');
      const { kind, text } = wordsOf(entry);
      return h('li', {}, h('time', { datetime: new Date(entry.time).toISOString(), title: dateOf(entry.time) }, timeOf(entry.time)),
        h('bdi.said-by', {}, nameShown(entry.from?.name ?? '')), h('bdi', { class: kind ? `said-text ${kind}` : 'said-text' }, text));
    });
  }
}
