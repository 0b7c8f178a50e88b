// SPDX-License-Identifier: Apache-2.0
//
// chat.js: the page's application state. It keeps one Conversation per open tab, knows who we are and which tab is active, and has a part
// for each thing that happens to them:
//
//   incoming.js   what the server tells                        archive.js    what was said before
//   outgoing.js   what we say, and do about what was said      reading.js    what is read and unread
//   typing.js     who is typing                                shared.js     the topic, and what is pinned
//   directory.js  which rooms there are, and who is called what
//
// Each says what became stale through `changed(...)`; the views (stream.js, lists.js, head.js, people.js, composer.js) read this state and
// call its methods. No DOM here either.

import { Archive } from './archive.js';
import { Conversation } from './conversation.js';
import { Directory } from './directory.js';
import { sentence } from './format.js';
import { isGuest } from './identity.js';
import { Incoming } from './incoming.js';
import { Outgoing } from './outgoing.js';
import { Reading } from './reading.js';
import { person, tab } from './settings.js';
import { Shared } from './shared.js';
import { Typing } from './typing.js';
import { nameShown } from './words.js';

const FALLBACK_ROOM = 'lobby';

export class Chat {
  /**
   * @param {import('./plenum.js').Plenum} client
   * @param {object} view  {changed(...parts), toast(text, tone), announce(text), write(): to the message box, find(words), thread(offset),
   *                        notify(it, item)}
   */
  constructor(client, view) {
    this.client = client;
    this.view = view;
    this.conversations = new Map();   // id -> Conversation, in tab order
    this.active = null;
    this.me = { user: '', name: client.name ?? '', session: '' };
    this.focused = true;              // is anybody looking at the page
    this.expiresAt = null;            // when the session's token ends, once that is near and nobody has brought another
    this.ended = false;               // it has, or was refused: connecting again takes another one
    this.wantedName = null;           // chosen without a connection
    this.skew = 0;                    // by how much the server's clock is ahead of ours, ms
    this.directory = new Directory(this);
    this.archive = new Archive(this);
    this.reading = new Reading(this);
    this.typing = new Typing(this);
    this.shared = new Shared(this);
    this.outgoing = new Outgoing(this);
    this.#listen();
    this.incoming = new Incoming(this);
  }

  get list() { return [...this.conversations.values()]; }
  /** Connected: what the page knows of others is true now. */
  get online() { return this.client.state === 'open'; }
  get unread() { return this.list.reduce((n, c) => n + c.unread, 0); }
  conversation(kind, name) { return this.conversations.get(`${kind}:${name}`); }

  // ---- tabs -------------------------------------------------------------------------------------------------

  /** Brings back the tabs of before a reload, opens what the address asks for, or at least the lobby. */
  restore(wanted) {
    const saved = tab.get('tabs', null);
    for (const entry of saved?.open ?? []) {
      const it = Conversation.restore(entry);
      if (this.conversations.has(it.id)) continue;
      this.conversations.set(it.id, it);
      const invitation = it.name === wanted?.name && it.kind === wanted.kind ? wanted.invitation : undefined;
      if (it.kind === 'room' && (it.status !== 'removed' || invitation)) this.incoming.join(it, invitation);
      for (const p of entry.pending ?? []) this.outgoing.send(it, p.data, { key: p.publishKey, replyTo: p.replyTo });
    }
    if (wanted) this.open(wanted.kind, wanted.name, { invitation: wanted.invitation });
    else if (this.conversations.size === 0) this.open('room', FALLBACK_ROOM);
    else this.activate(this.conversations.get(saved?.active) ?? this.list[0]);
  }

  save() {
    tab.set('tabs', { open: this.list.map((c) => c.save()), active: this.active?.id });
  }

  /** Opens a tab, or goes to it if it is open. `invitation`: the token of one, which lets us in. */
  open(kind, name, { title, invitation } = {}) {
    let it = this.conversation(kind, name);
    if (!it) {
      it = new Conversation(kind, name, title ?? this.directory.nameOf(name) ?? name);
      this.conversations.set(it.id, it);
      if (kind === 'room') this.incoming.join(it, invitation);
    } else if (invitation && (it.status === 'refused' || it.status === 'removed')) {
      this.incoming.join(it, invitation);
    }
    this.activate(it);
    return it;
  }

  rejoin(it) { this.incoming.join(it); }

  activate(it) {
    if (!it) return;
    if (this.active && this.active !== it) {
      this.active.fresh = null;
      this.typing.stopped(this.active);
    }
    this.active = it;
    this.reading.look();
    this.save();
    this.view.changed('all');
  }

  close(it) {
    const list = this.list;
    const next = list[list.indexOf(it) + 1] ?? list[list.indexOf(it) - 1] ?? null;
    this.reading.flush(it);
    this.typing.forget(it);
    this.conversations.delete(it.id);
    if (it.kind === 'room') this.client.leave(it.name).then(() => this.directory.refresh());
    if (this.active === it) {
      this.active = null;
      if (next) return this.activate(next);
    }
    this.save();
    this.view.changed('all');
  }

  /** Goes `step` tabs further, round and round; with `unreadOnly` to the next one that has something new. */
  cycle(step, unreadOnly = false) {
    const list = this.list;
    const from = list.indexOf(this.active);
    for (let i = 1; i <= list.length; i++) {
      const it = list[(((from + step * i) % list.length) + list.length) % list.length];
      if (!unreadOnly || it.unread > 0) return this.activate(it);
    }
  }

  setFocused(focused) {
    this.focused = focused;
    this.reading.look();
    this.view.changed('lists', 'stream');
  }

  /** Something that only the person at this page is told. */
  tell(it, text) {
    it.notice(text, 'told');
    this.view.announce(text);
    this.view.changed('stream');
  }

  // ---- who we are -------------------------------------------------------------------------------------------

  /** Another name for the same person. Without a connection it waits for the next one. */
  async rename(name) {
    const guest = isGuest(this.me.user);
    if (guest) person.name = name;   // of who is signed in it says nothing: the token does
    this.wantedName = name;
    if (!this.online) return this.view.toast(`You will be called ${nameShown(name)} when the connection is back.`);
    try {
      await this.client.rename(name);
      if (this.active) this.tell(this.active, `You are now ${nameShown(name)}.`);
    } catch (error) {
      if (guest) person.name = this.me.name;
      this.view.toast(sentence(error), 'error');
    }
    this.wantedName = null;
  }

  #onSession(s) {
    this.me = { user: s.user, name: s.name, session: s.session };
    this.expiresAt = null;   // it is told again, if it is still near
    this.ended = false;
    for (const it of this.list) {
      const member = it.members.get(s.user);
      if (member) it.members.set(s.user, { ...member, name: s.name });
    }
    this.view.changed('all');
  }

  #onState({ state, previous, code }) {
    if (state === 'open') {
      this.directory.refresh();
      // A session that goes on keeps its name; one chosen without a connection is told now.
      const wanted = this.wantedName ?? (isGuest(this.me.user) ? person.name : '');
      if (wanted && wanted !== this.me.name) this.rename(wanted);
    }
    if (state === 'closed') {
      this.expiresAt = null;
      this.ended = code === 'token_expired' || code === 'unauthorized' || (code === 'token_revoked' && !isGuest(this.me.user));
    }
    if (previous === 'open') for (const it of this.list) this.typing.forget(it);   // nobody tells any more
    // A client that gave up has left its rooms; starting it again means joining them again.
    if (state === 'connecting' && previous === 'closed') {
      for (const it of this.list) if (it.kind === 'room' && it.status !== 'removed') this.incoming.join(it);
    }
    this.view.changed('all');
  }

  #listen() {
    const { client } = this;
    client.on('session', (s) => this.#onSession(s));
    client.on('renamed', () => this.#onSession(client.session));
    client.on('state', (event) => this.#onState(event));
    client.on('token_expiring', ({ expires_in }) => { this.expiresAt = Date.now() + expires_in * 1000; this.view.changed('all'); });
    client.on('token_refreshed', () => { this.expiresAt = null; this.view.changed('all'); });
    client.on('drain', () => this.view.toast('The server is restarting. You will be reconnected in a moment.'));
    client.on('error', (error) => this.view.toast(sentence(error), 'error'));
  }
}
