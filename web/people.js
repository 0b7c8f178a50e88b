// SPDX-License-Identifier: Apache-2.0
//
// people.js: the member list of the active room, in groups by presence.

import { $, h, icon, reconcile } from './dom.js';
import { avatar, count, fullTimeOf } from './format.js';
import { decreesFor, openPersonMenu } from './moderation.js';
import { nameShown } from './words.js';

const ROWS_MAX = 300;
const FILTER_FROM = 9;   // a handful of people needs no search box
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const PLAIN_ROLES = new Set(['', 'member']);   // not worth a label

export class People {
  #chat;

  constructor(chat) {
    this.#chat = chat;
    $('people-filter').addEventListener('input', () => this.draw());
  }

  draw() {
    const it = this.#chat.active;
    const me = this.#chat.me.user;
    const now = this.#chat.online;   // else the list is what we knew when the connection was lost
    const everyone = it?.kind === 'room' ? [...it.members.values()] : [];
    // In a crowd the list stops before everybody is named; oneself belongs to it all the same.
    if (it?.status === 'joined' && me && !it.members.has(me)) {
      everyone.push({ user: me, name: this.#chat.me.name, role: '', connected: true, sessions: 1, joined_at: Date.now() });
    }
    $('people-filter-box').hidden = everyone.length < FILTER_FROM;
    const wanted = everyone.length < FILTER_FROM ? '' : $('people-filter').value.trim().toLowerCase();
    const found = everyone.filter((m) => m.name.toLowerCase().includes(wanted) || m.user.toLowerCase().includes(wanted));
    const rank = (m) => (m.user === me ? 0 : 1);
    found.sort((a, b) => rank(a) - rank(b) || collator.compare(a.name, b.name) || collator.compare(a.user, b.user));
    const online = found.filter((m) => m.connected);
    const away = found.filter((m) => !m.connected);

    const rows = [];
    for (const [label, list] of [['Online', online], ['Away', away]]) {
      if (list.length === 0) continue;
      rows.push({ key: label, sig: `${list.length}|${now}`, label, now, size: list.length });
      for (const m of list.slice(0, ROWS_MAX - rows.length)) {
        const muted = it.standing.find('muted', m.user) !== null;
        const menu = decreesFor(this.#chat, it, m).length > 0;
        rows.push({ key: m.user, member: m, muted, menu, sig: `${m.name}|${m.role}|${m.connected}|${m.user === me}|${now}|${muted}|${menu}` });
      }
    }
    reconcile($('people-list'), rows, (row) => (row.member ? this.#row(it, row, me) : groupRow(row)));
    this.#note(it, everyone.length, found.length);
  }

  #note(it, known, found) {
    const note = $('people-note');
    const unnamed = (it?.membersCount ?? 0) - known;
    note.hidden = !(known > 0 && (found === 0 || unnamed > 0));
    note.textContent = found === 0 ? 'Nobody here by that name.' : `and ${count(unnamed)} more`;
  }

  #row(it, { member: m, muted, menu }, me) {
    const mine = m.user === me;
    const known = m.connected ? 'online' : 'away';
    const state = this.#chat.online ? known : 'unknown';
    const name = nameShown(m.name);
    const role = PLAIN_ROLES.has(m.role ?? '') ? '' : m.role;
    const words = { online: 'online', away: 'away', unknown: `was ${known} when the connection was lost` }[state];
    const person = h('button.person', {
      type: 'button', class: known, disabled: mine,
      title: `${name} · ${m.user}\n${words[0].toUpperCase()}${words.slice(1)}; here since ${fullTimeOf(m.joined_at)}`,
      onclick: () => this.#chat.open('direct', m.user, { title: m.name }),
      data: { testid: 'member', user: m.user, presence: state, ...(mine ? { me: 'true' } : {}) },
    }, h('span.avatar-box', { 'aria-hidden': 'true' }, avatar(h('span'), m), h('span.presence', { class: state })),
    h('bdi.person-name', {}, name),
    mine && h('span.tag', {}, 'you'),
    role !== '' && h('span.tag.role', { class: role, data: { testid: 'member-role' } }, role),
    muted && h('span.tag.muted', { title: 'Muted: may listen, and not speak', data: { testid: 'member-muted' } }, 'muted'),
    h('span.visually-hidden', {}, `, ${role === '' && m.role ? `${m.role}, ` : ''}${words}${mine ? '' : '. Write a direct message'}`),
    !mine && h('span.person-action', { 'aria-hidden': 'true', data: { testid: 'direct-open' } }, icon('message')));
    if (!menu) return h('li.person-row', {}, person);
    const more = h('button.icon-button.person-more', {
      type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': false, 'aria-label': `What may be done about ${name}`, title: 'What may be done',
      onclick: () => openPersonMenu(this.#chat, it, it.members.get(m.user) ?? m, more), data: { testid: 'member-menu', user: m.user },
    }, icon('more'));
    return h('li.person-row.has-menu', {}, person, more);
  }
}

function groupRow({ label, size, now }) {
  const text = now ? label : `Last seen ${label.toLowerCase()}`;
  return h('li.people-group', { data: { testid: `members-${label.toLowerCase()}` } }, `${text} — ${count(size)}`);
}
