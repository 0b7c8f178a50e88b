// SPDX-License-Identifier: Apache-2.0
//
// users.js: one user, whether connected or not: where they are, and what may be done about them.
import { h, setText } from '/dom.js';
import { act, actButton } from './acts.js';
import { q } from './ask.js';
import { Table, count, field, named, notWith, plural, section } from './parts.js';

const IN_A_ROOM = ['ban', 'unban', 'mute', 'unmute', 'kick'];
const COLUMNS = [
  { title: 'Connection', cell: (c) => c.connection },
  { title: 'Name', cell: (c) => named(c.name ?? c.user) },
  { title: 'Address', cell: (c) => c.address },
  { title: 'Rooms', kind: 'number', cell: (c) => count(c.rooms_count) },
];

export class Users {
  #server;
  #input = h('input', { name: 'user', type: 'text', required: true, maxlength: 64, autocomplete: 'off', spellcheck: false, data: { testid: 'user-id' } });
  #error = h('p.error', { role: 'alert', data: { testid: 'users-error' } });
  #here = new Table('Their connections', COLUMNS, { testid: 'user-connections' });
  #found = h('div', { data: { testid: 'user' } });

  constructor(server) {
    this.#server = server;
    const form = h('form.filters', { role: 'search', onsubmit: (event) => { event.preventDefault(); this.#look(); } },
      field('User id', this.#input), h('button.primary', { type: 'submit', data: { testid: 'user-find' } }, 'Look up'));
    this.element = h('div.view', {}, h('h1', {}, 'Users'), form, this.#error, this.#found,
      server.may('revoke') ? section('A token', this.#tokenForm()) : null, notWith(server.lacks('disconnect', 'revoke', ...IN_A_ROOM)));
  }

  start() {}
  stop() {}

  async #look() {
    const user = this.#input.value.trim();
    if (!user) return;
    setText(this.#error, '');
    this.#found.replaceChildren(this.#about(user));
    if (!this.#server.may('connections')) return;
    try {
      const { connections, next } = await this.#server.call('connections', { user, limit: 100 });
      this.#here.show(connections.map(({ age_s, ...c }) => c), (c) => c.connection, 'They are not connected.');
      setText(this.#found.querySelector('.count'), `${plural(connections.length, 'connection')}${next ? ', and more' : ''}`);
    } catch (refused) {
      setText(this.#error, refused.message);
    }
  }

  #about(user) {
    const server = this.#server;
    const inRoom = IN_A_ROOM.map((command) => actButton(server, command, { user }, null, { inRoom: true }));
    return section(q(user),
      server.may('connections') ? h('div', {}, h('p.count', {}, '…'), this.#here.element) : notWith(['connections']),
      h('div.acts', {}, actButton(server, 'disconnect', { user }, () => this.#look()), actButton(server, 'revoke', { user }, () => this.#look())),
      inRoom.some(Boolean) ? h('div.acts', {}, h('span.label', {}, 'In a room:'), ...inRoom.filter(Boolean)) : null);
  }

  #tokenForm() {
    const id = h('input', { name: 'token_id', type: 'text', required: true, maxlength: 128, autocomplete: 'off', spellcheck: false, data: { testid: 'token-id' } });
    return h('form.filters', { onsubmit: (event) => { event.preventDefault(); act(this.#server, 'revoke', { token_id: id.value.trim() }); } },
      field('Its id (the claim jti)', id), h('button.secondary', { type: 'submit', data: { testid: 'token-revoke' } }, 'Revoke…'));
  }
}
