// SPDX-License-Identifier: Apache-2.0
//
// incoming.js: what the server tells of rooms and people, put where it belongs: joins and removals, entries of the log and what passes,
// direct messages. Live, replayed and from pages of history it goes one way, take(). No DOM here.

import { refusedJoin, removalOf } from './allowed.js';
import { CHANGES, apply, asTold } from './changes.js';
import { Conversation } from './conversation.js';
import { DECREES, plain, wordsOf } from './decrees.js';
import { displayOf, sentence } from './format.js';
import { patiently } from './patience.js';
import { mentions, nameShown } from './words.js';

const HISTORY = 50;          // messages asked for on join
const MEMBERS_SHOWN_MAX = 500;

export class Incoming {
  #chat;

  constructor(chat) {
    this.#chat = chat;
    const { client } = chat;
    client.on('joined', (m) => this.#onJoined(m));
    client.on('reset', (m) => this.#onReset(m));
    client.on('left', (m) => this.#onLeft(m));
    client.on('gap', (m) => this.#onGap(m));
    client.on('direct', (m) => this.#onDirect(m));
    for (const type of ['message', 'state:updated', ...CHANGES, ...DECREES, 'member:joined', 'member:left', 'member:changed', 'members:count']) {
      client.on(type, (m) => this.#onEntry(m));
    }
    const inRoom = (type, hear) => client.on(type, (m) => { const it = this.#room(m); if (it) hear(it, m); });
    inRoom('shared', (it) => { it.pinsTold = chat.shared.pins(it); chat.view.changed('all'); });
    inRoom('signal', (it, m) => chat.typing.heard(it, m));
    inRoom('read', (it, m) => chat.reading.told(it, m));
  }

  #room(m) { return this.#chat.conversation('room', m.room); }

  // ---- coming and going -------------------------------------------------------------------------------------

  /** `token`: what lets one in. It is of use once: then one is known there. */
  async join(it, token) {
    const { client, view } = this.#chat;
    it.status = 'joining';
    it.error = null;
    view.changed('all');
    const options = { history: HISTORY, members: true };
    try {
      await client.join(it.name, token === undefined ? options : { ...options, token });
      if (token !== undefined) client.join(it.name, options).catch(() => {});   // who comes back after a cut needs it no more
    } catch (error) {
      if (error.code === 'closed' || !this.#chat.conversations.has(it.id) || it.status !== 'joining') return;
      it.status = it.items.length > 0 ? 'removed' : 'refused';   // what is there can still be read
      it.error = refusedJoin(error);
      this.#chat.save();
      view.changed('all');
    }
  }

  /** Up to which offset of the joined log the person has seen what was said. A room that is new to us is followed by
   *  history that nobody missed; one that we knew by what happened meanwhile, all of it where it was started anew. */
  #seenIn(it, m) {
    if (it.epoch === m.epoch) return Math.max(it.seen, it.readFloor);
    if (it.before?.epoch === m.epoch) return it.before.seen;
    return it.epoch === null && it.before === null ? m.offset : 0;
  }

  #onJoined(m) {
    const chat = this.#chat;
    const it = this.#room(m);
    if (!it) return;
    it.status = 'joined';
    it.error = it.asked = null;
    it.stuck = false;   // a new connection may have what the last one had not
    const first = it.epoch === null;
    if (!first) it.before = null;   // what a reload had saved is of use once
    const same = it.epoch === m.epoch;
    const seen = this.#seenIn(it, m);
    if (!same && it.items.some((item) => item.kind === 'message')) {
      it.keepAsPast(m.epoch);
    } else if (!same || m.recovered === undefined) {
      // A join that does not continue (the first one, and one after a removal) replays the newest messages; what is
      // here from before would leave a hole between the two.
      it.startOver(m.epoch, same || it.before?.epoch === m.epoch);
    }
    it.head = m.offset;
    it.heardTo = seen;
    it.readFloor = it.seen = chat.reading.joined(it, m, { same, first }) ? m.offset : Math.max(seen, it.readTo);
    it.setMembers(m.members ?? [], m.members_count);
    it.pinsTold = chat.shared.pins(it);
    chat.typing.forget(it);
    // The decree may be further back than what is read of the room; where it is read, it says more.
    if (m.muted && !it.standing.find('muted', chat.me.user)) {
      it.standing.tell('muted', chat.me.user, m.muted_until === undefined ? Infinity : m.muted_until - chat.skew, 0);
    }
    if ((m.members_count ?? 0) > it.members.size) this.#moreMembers(it);
    chat.view.changed('all');
  }

  async #freshMembers(it) {
    it.setMembers([], it.membersCount);
    await this.#moreMembers(it);
    it.membersCount = Math.max(it.members.size, it.members.size < MEMBERS_SHOWN_MAX ? 0 : it.membersCount);
    this.#chat.view.changed('people');
  }

  /** The member list comes in pages; we stop at what a person would scroll through. */
  async #moreMembers(it) {
    let after;
    try {
      do {
        const options = { limit: 200, ...(after === undefined ? {} : { after }) };
        const page = await patiently(() => this.#chat.client.members(it.name, options), () => it.status === 'joined');
        for (const member of page.members ?? []) it.members.set(member.user, member);
        after = page.next;
        this.#chat.view.changed('people');
      } while (after !== undefined && after !== null && it.members.size < MEMBERS_SHOWN_MAX);
    } catch { /* the count is right, the names come with the next join */ }
  }

  #onReset(m) {
    const it = this.#room(m);
    if (!it) return;
    const live = it.epoch !== m.epoch;   // while we are in it; else `joined` has said so before
    if (live) {
      it.startOver(m.epoch, true);
      it.head = it.readFloor = it.seen = it.heardTo = m.offset;
      it.readTo = 0;
    }
    it.complete = false;
    this.#chat.archive.loadBefore(it, m.offset + 1, !live);   // nobody has seen these: they are what was said in between
  }

  #onLeft(m) {
    const chat = this.#chat;
    const it = this.#room(m);
    if (!it || (!m.reason && !m.error)) return;   // our own leave
    it.status = 'removed';
    it.error = removalOf(it, m, chat.me.user);
    it.setMembers([], 0);
    chat.typing.forget(it);
    if (it.error.by === undefined) it.notice(sentence(it.error), 'warn');   // else the decree stands there
    chat.save();
    const told = `#${it.label}: ${sentence(it.error)}`;
    if (it === chat.active) chat.view.announce(told);
    else chat.view.toast(told);
    chat.view.changed('all');
  }

  // ---- entries ----------------------------------------------------------------------------------------------

  #onEntry(m) {
    const it = this.#room(m);
    if (!it) return;
    this.take(it, m, true);
    this.#chat.view.changed(it === this.#chat.active ? 'stream' : null, m.member ? 'people' : null, 'lists');
  }

  /** Puts a log entry, live or from history, where it belongs. `fresh`: it may be one that nobody has seen. */
  take(it, m, live, fresh = live) {
    if (m.offset !== undefined) it.lowest = Math.min(it.lowest ?? m.offset, m.offset);
    if (m.type === 'message') this.#takeMessage(it, m, fresh);
    else if (m.type === 'state:updated') this.#takeState(it, m);
    else if (CHANGES.includes(m.type)) this.#takeChange(it, m, live);
    else if (m.type === 'member:joined' || m.type === 'member:left') this.#takePresence(it, m, live);
    else if (m.type === 'member:changed') {
      if (live) it.applyPresence(m);
      this.#takeRename(it, m, live);
    } else if (m.type === 'members:count') {
      if (live) it.membersCount = m.count;
    } else if (DECREES.includes(m.type)) {
      this.#takeDecree(it, m);
    }
    if (fresh && m.offset > it.seen) it.seen = m.offset;
  }

  #takeMessage(it, m, fresh) {
    const { me, typing } = this.#chat;
    const own = m.from.session === me.session;
    if (own && it.adopt(m)) return;
    const item = { kind: 'message', offset: m.offset, time: m.time, from: m.from, own, state: 'sent', ...asTold(m) };
    if (!it.insert(item)) return;
    item.mention = this.#meansMe(item);
    if (fresh) typing.forget(it, m.from.user);
    if (!fresh || own) return;
    if (m.offset > it.readFloor) this.#notify(it, item);
    else if (m.offset > it.readTo) this.#noticeMissed(it, item);
  }

  #meansMe(item) {
    return !item.own && !item.deleted && mentions(displayOf(item.data).text ?? '', this.#chat.me.name);
  }

  #takeChange(it, m, live) {
    const item = it.byOffset.get(m.target);
    it.changes.take(item, m, live);
    if (it.pinned.get(m.target) && live) {   // looked up, as it is pinned
      apply(it.pinned.get(m.target), m);
      this.#chat.view.changed('all');
    }
    if (!item) return;
    item.mention = this.#meansMe(item);
    if (it.editing?.offset === m.target && item.deleted) this.#chat.outgoing.leaveEdit(it);
    if (live && this.#chat.shared.isPinned(it, m.target)) this.#chat.view.changed('all');
  }

  #takePresence(it, m, live) {
    if (live) it.applyPresence(m);
    if (m.member.user === this.#chat.me.user) return;
    const { user, name } = m.member;
    if (m.type === 'member:left') {
      this.#chat.typing.forget(it, user);
      it.readers.delete(user);
    }
    it.insertPassing({ kind: 'presence', verb: m.type.slice('member:'.length), time: m.time, user, name }, m.after);
  }

  #takeDecree(it, m) {
    const chat = this.#chat;
    const now = m.offset > it.head;   // not from history, and not replayed: the list of members has the outcome of those
    if (now) chat.skew = m.time - Date.now();
    if (m.type === 'room:closed') it.closed_until = m.until - chat.skew;
    it.standing.note(m, m.until === undefined ? Infinity : m.until - chat.skew);
    const given = m.type === 'member:role' || m.type === 'member:admitted';
    if (given && m.user === chat.me.user) it.given = true;
    const member = it.members.get(m.user);
    if (now && given && member) it.members.set(m.user, { ...member, role: m.role });
    this.#insertDecree(it, m, now);
    chat.view.changed('all');
  }

  /** A line of the stream that says what somebody has decided. */
  #insertDecree(it, m, now) {
    const chat = this.#chat;
    const fresh = it.insert({ kind: 'decree', offset: m.offset, time: m.time, decree: m });
    if (fresh && now && it === chat.active && chat.focused) {
      chat.view.announce(plain(wordsOf(m, chat.me.user, (user) => chat.directory.nameIn(it, user))));
    }
  }

  /** Of what a room shares the page shows the topic and what is pinned; other keys are of others' programs. */
  #takeState(it, m) {
    const told = this.#chat.shared.told(it, m);
    if (told) this.#insertDecree(it, told, m.offset > it.head);
    else if (!it.byOffset.has(m.offset)) it.changes.note(m.offset);
    if (told) this.#chat.view.changed('all');
  }

  #takeRename(it, m, live) {
    const { user, name } = m.member;
    if (m.previous_name === undefined || user === this.#chat.me.user) return;
    it.insertPassing({ kind: 'rename', time: m.time, user, from: m.previous_name, to: name }, m.after);
    const direct = live ? this.#chat.conversation('direct', user) : null;
    if (direct && direct.title === m.previous_name) direct.title = name;
  }

  #onGap(m) {
    const it = this.#room(m);
    if (!it) return;
    it.changes.forgetWaiting();
    if (m.reason === 'coalesced') return;   // of what changes all the time nobody misses the older values
    it.pinned.clear();   // what has become of those may be among it
    if (m.from !== undefined) it.insert({ kind: 'gap', from: m.from, to: m.to, reason: m.reason, time: Date.now(), order: m.from - 0.0005 });
    if (m.passing) this.#freshMembers(it);   // who came and went meanwhile is not told any more
    this.#chat.view.changed('stream');
  }

  // ---- telling the person -----------------------------------------------------------------------------------

  #notify(it, item) {
    const { reading, view, active, focused } = this.#chat;
    const missed = reading.arrived(it, item);
    if (it === active && focused) {
      const { text = 'data', action } = displayOf(item.data);
      view.announce(`${nameShown(item.from.name)}${action ? '' : ':'} ${text.slice(0, 200)}`);
    } else if (missed && (item.mention || it.kind === 'direct')) {
      view.notify(it, item);
    }
  }

  /** Replayed, and counted by the server. */
  #noticeMissed(it, item) {
    if (!item.mention || it.unread === 0) return;
    it.mentioned = true;
    if (item.offset > it.heardTo) this.#chat.view.notify(it, item);
  }

  #onDirect(m) {
    const chat = this.#chat;
    const name = String(m.from.name || m.from.user);
    let it = chat.conversation('direct', m.from.user);
    if (!it) {
      it = new Conversation('direct', m.from.user, name);
      chat.conversations.set(it.id, it);
    }
    it.title = name;
    const item = { kind: 'message', time: m.time, from: m.from, data: m.data, own: false, state: 'sent' };
    it.insert(item);
    this.#notify(it, item);
    if (it !== chat.active) chat.view.announce(`Direct message from ${nameShown(name)}`);
    chat.save();
    chat.view.changed('stream', 'lists');
  }
}
