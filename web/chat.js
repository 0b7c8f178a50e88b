// SPDX-License-Identifier: Apache-2.0
//
// chat.js: the page's application state and everything that changes it. It listens to the client (plenum.js),
// keeps one Conversation per open tab, and says what became stale through `changed(...)`; the views (stream.js,
// lists.js, people.js, composer.js) read this state and call its methods. No DOM here either.

import { canAct, mayChange, refusedJoin, removalOf } from './allowed.js';
import { CHANGES, asTold } from './changes.js';
import { Conversation } from './conversation.js';
import { DECREES, plain, wordsOf } from './decrees.js';
import { displayOf, sentence } from './format.js';
import { isGuest } from './identity.js';
import { person, tab } from './settings.js';
import { isBlank, mentions, nameShown } from './words.js';

const HISTORY = 50;          // messages asked for on join
const PAGE = 100;            // entries per page of older history
const PAGES_MAX = 100;       // of them to one message
const MEMBERS_SHOWN_MAX = 500;
const DIRECTORY_MAX = 200;
const FALLBACK_ROOM = 'lobby';
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class Chat {
  /**
   * @param {import('./plenum.js').Plenum} client
   * @param {object} view  {changed(...parts), toast(text, tone), announce(text), write(): to the message box}
   */
  constructor(client, view) {
    this.client = client;
    this.view = view;
    this.conversations = new Map();   // id -> Conversation, in tab order
    this.active = null;
    this.directory = [];              // [{name, members_count}] as the server last told
    this.directoryAt = 0;
    this.me = { user: '', name: client.name ?? '', session: '' };
    this.focused = true;              // is anybody looking at the page
    this.expiresAt = null;            // when the session's token ends, once that is near and nobody has brought another
    this.ended = false;               // it has, or was refused: connecting again takes another one
    this.wantedName = null;           // chosen without a connection
    this.skew = 0;                    // by how much the server's clock is ahead of ours, ms
    this.#listen();
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
      if (it.kind === 'room' && it.status !== 'removed') this.#join(it);
      for (const p of entry.pending ?? []) this.#send(it, p.data, { key: p.publishKey, replyTo: p.replyTo });
    }
    if (wanted) this.open(wanted.kind, wanted.name);
    else if (this.conversations.size === 0) this.open('room', FALLBACK_ROOM);
    else this.activate(this.conversations.get(saved?.active) ?? this.list[0]);
  }

  save() {
    tab.set('tabs', { open: this.list.map((c) => c.save()), active: this.active?.id });
  }

  /** Opens a tab, or goes to it if it is open. */
  open(kind, name, title) {
    let it = this.conversation(kind, name);
    if (!it) {
      it = new Conversation(kind, name, title ?? this.nameOf(name) ?? name);
      this.conversations.set(it.id, it);
      if (kind === 'room') this.#join(it);
    }
    this.activate(it);
    return it;
  }

  activate(it) {
    if (!it) return;
    if (this.active && this.active !== it) this.active.firstUnread = null;
    this.active = it;
    this.#seen();
    this.save();
    this.view.changed('all');
  }

  close(it) {
    const list = this.list;
    const next = list[list.indexOf(it) + 1] ?? list[list.indexOf(it) - 1] ?? null;
    this.conversations.delete(it.id);
    if (it.kind === 'room') this.client.leave(it.name).then(() => this.refreshDirectory());
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
    if (focused) this.#seen();
    this.view.changed('lists');
  }

  #seen() {
    if (!this.focused || !this.active) return;
    this.active.unread = 0;
    this.active.mentioned = false;
  }

  // ---- people -----------------------------------------------------------------------------------------------

  /** A user's display name as far as any open room knows it. */
  nameOf(user) {
    for (const it of this.conversations.values()) {
      const member = it.members.get(user);
      if (member) return member.name;
    }
    return null;
  }

  /** What somebody is called in a room, who need not be there any more. */
  nameIn(it, user) {
    return it.members.get(user)?.name ?? it.standing.nameOf(user)
      ?? it.items.findLast((item) => item.kind === 'message' && item.from.user === user)?.from.name ?? this.nameOf(user);
  }

  /** Those whom a name or an id means: in this room first, else wherever we see people. */
  peopleCalled(wanted, it) {
    const everywhere = [...this.conversations.values()].flatMap((c) => [...c.members.values()])
      .concat(this.list.filter((c) => c.kind === 'direct').map((c) => ({ user: c.name, name: c.title })));
    const same = (a, b) => a.localeCompare(b, undefined, { sensitivity: 'accent' }) === 0;
    for (const list of [[...it.members.values()], everywhere]) {
      for (const fits of [(m) => m.user === wanted, (m) => m.name === wanted, (m) => same(m.name, wanted)]) {
        const found = new Map(list.filter((m) => m.user !== this.me.user && fits(m)).map((m) => [m.user, m]));
        if (found.size > 0) return [...found.values()];
      }
    }
    return [];
  }

  /** 'online' | 'away' | 'unknown' while we are cut off ourselves | null when no open room has that user. */
  presenceOf(user) {
    if (!this.online) return 'unknown';
    let presence = null;
    for (const it of this.conversations.values()) {
      const member = it.members.get(user);
      if (member?.connected) return 'online';
      if (member) presence = 'away';
    }
    return presence;
  }

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

  #onRenamed(user, from, to) {
    const direct = this.conversation('direct', user);
    if (direct && direct.title === from) direct.title = to;
  }

  // ---- the room list ----------------------------------------------------------------------------------------

  async refreshDirectory() {
    if (this.client.state !== 'open') return;
    this.directoryAt = Date.now();
    try {
      const reply = await this.client.rooms({ limit: DIRECTORY_MAX });
      this.directory = (reply.rooms ?? [])
        .map((r) => ({ name: String(r.room ?? r.name), members_count: r.members_count ?? 0 }));
      this.view.changed('lists');
    } catch (error) {
      if (error.code !== 'disconnected') this.view.toast(sentence(error), 'error');
    }
  }

  /** Rooms that are open here, and others that exist. */
  get roomList() {
    const open = this.list.filter((c) => c.kind === 'room' && c.status !== 'refused');
    const listed = new Map(this.directory.map((r) => [r.name, r.members_count]));
    const mine = open.map((c) => ({ name: c.name, open: c,
      count: c.status === 'joined' ? c.membersCount : listed.get(c.name) ?? 0 }));
    const others = this.directory.filter((r) => !open.some((c) => c.name === r.name))
      .map((r) => ({ name: r.name, open: null, count: r.members_count }));
    const byName = (a, b) => collator.compare(a.name, b.name);
    return [...mine.sort(byName), ...others.sort(byName)];
  }

  // ---- rooms ------------------------------------------------------------------------------------------------

  async #join(it) {
    it.status = 'joining';
    it.error = null;
    it.stuck = false;
    this.view.changed('all');
    try {
      await this.client.join(it.name, { history: HISTORY, members: true });
    } catch (error) {
      if (error.code === 'closed' || !this.conversations.has(it.id) || it.status !== 'joining') return;
      it.status = it.items.length > 0 ? 'removed' : 'refused';   // what is there can still be read
      it.error = refusedJoin(error);
      this.save();
      this.view.changed('all');
    }
  }

  rejoin(it) { this.#join(it); }

  /** Up to which offset of the joined log the person has seen what was said. A room that is new to us is followed by
   *  history that nobody missed; one that we knew by what happened meanwhile, all of it where it was started anew. */
  #seenIn(it, m) {
    if (it.epoch === m.epoch) return Math.max(it.seen, it.readFloor);
    if (it.before?.epoch === m.epoch) return it.before.seen;
    return it.epoch === null && it.before === null ? m.offset : 0;
  }

  #onJoined(m) {
    const it = this.conversation('room', m.room);
    if (!it) return;
    it.status = 'joined';
    it.error = null;
    if (it.epoch !== null) it.before = null;   // what a reload had saved is of use once
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
    it.readFloor = it.seen = seen;
    it.setMembers(m.members ?? [], m.members_count);
    // The decree may be further back than what is read of the room; where it is read, it says more.
    if (m.muted && !it.standing.find('muted', this.me.user)) {
      it.standing.tell('muted', this.me.user, m.muted_until === undefined ? Infinity : m.muted_until - this.skew, 0);
    }
    if ((m.members_count ?? 0) > it.members.size) this.#moreMembers(it);
    this.view.changed('all');
  }

  async #freshMembers(it) {
    it.setMembers([], it.membersCount);
    await this.#moreMembers(it);
    it.membersCount = Math.max(it.members.size, it.members.size < MEMBERS_SHOWN_MAX ? 0 : it.membersCount);
    this.view.changed('people');
  }

  /** The member list comes in pages; we stop at what a person would scroll through. */
  async #moreMembers(it) {
    let after;
    try {
      do {
        const page = await this.client.members(it.name, { limit: 200, ...(after === undefined ? {} : { after }) });
        for (const member of page.members ?? []) it.members.set(member.user, member);
        after = page.next;
        this.view.changed('people');
      } while (after !== undefined && after !== null && it.members.size < MEMBERS_SHOWN_MAX);
    } catch { /* the count is right, the names come with the next join */ }
  }

  #onReset(m) {
    const it = this.conversation('room', m.room);
    if (!it) return;
    const live = it.epoch !== m.epoch;   // while we are in it; else `joined` has said so before
    if (live) {
      it.startOver(m.epoch, true);
      it.head = it.readFloor = it.seen = m.offset;
    }
    it.complete = false;
    this.#loadBefore(it, m.offset + 1, !live);   // nobody has seen these: they are what was said in between
  }

  #onLeft(m) {
    const it = this.conversation('room', m.room);
    if (!it || (!m.reason && !m.error)) return;   // our own leave
    it.status = 'removed';
    it.error = removalOf(it, m, this.me.user);
    it.setMembers([], 0);
    if (it.error.by === undefined) it.notice(sentence(it.error), 'warn');   // else the decree stands there
    this.save();
    const told = `#${it.label}: ${sentence(it.error)}`;
    if (it === this.active) this.view.announce(told);
    else this.view.toast(told);
    this.view.changed('all');
  }

  // ---- entries ----------------------------------------------------------------------------------------------

  #onEntry(m) {
    const it = this.conversation('room', m.room);
    if (!it) return;
    this.#take(it, m, true);
    this.view.changed(it === this.active ? 'stream' : null, m.member ? 'people' : null, 'lists');
  }

  /** Puts a log entry, live or from history, where it belongs. `fresh`: it may be one that nobody has seen. */
  #take(it, m, live, fresh = live) {
    if (m.offset !== undefined) it.lowest = Math.min(it.lowest ?? m.offset, m.offset);
    if (m.type === 'message') this.#takeMessage(it, m, fresh);
    else if (CHANGES.includes(m.type)) this.#takeChange(it, m, live);
    else if (m.type === 'member:joined' || m.type === 'member:left') {
      if (live) it.applyPresence(m);
      if (m.member.user === this.me.user) return;
      const { user, name } = m.member;
      it.insertPassing({ kind: 'presence', verb: m.type.slice('member:'.length), time: m.time, user, name }, m.after);
    } else if (m.type === 'member:changed') {
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
    const own = m.from.session === this.me.session;
    if (own && it.adopt(m)) return;
    const item = { kind: 'message', offset: m.offset, time: m.time, from: m.from, own, state: 'sent', ...asTold(m) };
    if (!it.insert(item)) return;
    item.mention = this.#meansMe(item);
    if (it.before?.firstUnread === m.offset) it.firstUnread = item.key;
    if (fresh && !own && m.offset > it.readFloor) this.#notify(it, item);
  }

  #meansMe(item) {
    return !item.own && !item.deleted && mentions(displayOf(item.data).text ?? '', this.me.name);
  }

  #takeChange(it, m, live) {
    const item = it.byOffset.get(m.target);
    it.changes.take(item, m, live);
    if (!item) return;
    item.mention = this.#meansMe(item);
    if (it.editing?.offset === m.target && item.deleted) this.leaveEdit(it);
  }

  #takeDecree(it, m) {
    const now = m.offset > it.head;   // not from history, and not replayed: the list of members has the outcome of those
    if (now) this.skew = m.time - Date.now();
    if (m.type === 'room:closed') it.closed_until = m.until - this.skew;
    it.standing.note(m, m.until === undefined ? Infinity : m.until - this.skew);
    if (m.type === 'member:role' && m.user === this.me.user) it.given = true;
    const member = it.members.get(m.user);
    if (now && m.type === 'member:role' && member) it.members.set(m.user, { ...member, role: m.role });
    const fresh = it.insert({ kind: 'decree', offset: m.offset, time: m.time, decree: m });
    if (fresh && now && it === this.active && this.focused) this.view.announce(plain(wordsOf(m, this.me.user, (user) => this.nameIn(it, user))));
    this.view.changed('all');
  }

  #takeRename(it, m, live) {
    const { user, name } = m.member;
    if (m.previous_name === undefined || user === this.me.user) return;
    it.insertPassing({ kind: 'rename', time: m.time, user, from: m.previous_name, to: name }, m.after);
    if (live) this.#onRenamed(user, m.previous_name, name);
  }

  #onGap(m) {
    const it = this.conversation('room', m.room);
    if (!it) return;
    it.changes.forgetWaiting();
    if (m.from !== undefined) it.insert({ kind: 'gap', from: m.from, to: m.to, reason: m.reason, time: Date.now(), order: m.from - 0.0005 });
    if (m.passing) this.#freshMembers(it);   // who came and went meanwhile is not told any more
    this.view.changed('stream');
  }

  #notify(it, item) {
    const watched = it === this.active && this.focused;
    if (watched) {
      const { text = 'data', action } = displayOf(item.data);
      this.view.announce(`${nameShown(item.from.name)}${action ? '' : ':'} ${text.slice(0, 200)}`);
      return;
    }
    it.unread++;
    it.firstUnread ??= item.key;
    it.mentioned ||= item.mention || it.kind === 'direct';
    if (item.mention || it.kind === 'direct') this.view.notify(it, item);
  }

  /** Older messages for somebody who scrolled to the top. */
  loadEarlier(it) {
    if (it.complete || it.loading || it.stuck || it.status !== 'joined' || this.client.state !== 'open') return;
    // With nothing here yet the room need not be empty: `joined` may have come and its replay not. The log knows.
    const before = Math.min(it.lowest ?? Infinity, it.firstOffset ?? it.head + 1);
    if (before <= 1) { it.complete = true; return this.view.changed('stream'); }
    this.#loadBefore(it, before);
  }

  retryEarlier(it) {
    it.stuck = false;
    this.loadEarlier(it);
  }

  #loadBefore(it, before, fresh = false) {
    it.loading = true;
    it.load = this.#readBefore(it, before, fresh);
    return it.load;
  }

  async #readBefore(it, before, fresh) {
    this.view.changed('stream');
    try {
      const reply = await this.client.history(it.name, { before, limit: PAGE });
      const asOf = Math.max(it.seen, ...(reply.history ?? []).map((e) => e.offset));
      for (const entry of reply.history ?? []) {
        this.#take(it, entry, false, fresh);
        if (entry.type === 'message') it.byOffset.get(entry.offset).asOf ??= asOf;   // it came as it is now
      }
      const lowest = Math.min(...(reply.history ?? []).map((e) => e.offset));
      if (!(lowest < before) || lowest <= 1) it.complete = true;
    } catch (error) {
      if (error.code !== 'disconnected') { it.stuck = true; this.view.toast(sentence(error), 'error'); }
    } finally {
      it.loading = false;
      this.view.changed('stream');
    }
  }

  // ---- sending ----------------------------------------------------------------------------------------------

  say(it, text, { action = false } = {}) {
    if (isBlank(text)) return;
    it.firstUnread = null;
    it.saidAt = Date.now();
    const { replyTo } = it;
    it.replyTo = null;
    this.#send(it, action ? { text, action } : { text }, { replyTo: replyTo ?? undefined });
  }

  // ---- what becomes of messages -----------------------------------------------------------------------------

  /** What is written next answers that message; null: none. */
  answer(it, item) {
    this.leaveEdit(it);
    it.replyTo = item?.offset ?? null;
    this.view.changed('all');
    this.view.write();
  }

  /** The message goes into the box, to be changed there. */
  beginEdit(it, item) {
    it.replyTo = null;
    it.editing = { offset: item.offset, version: item.version ?? item.offset, text: item.data?.text ?? item.data };
    this.view.changed('all');
    this.view.write();
    this.view.announce('You are changing a message. Escape leaves it as it is.');
  }

  leaveEdit(it) {
    if (!it.editing) return;
    it.editing = null;
    this.view.changed('all');
  }

  /** One's own last message that can be changed, or null. */
  lastOwn(it) {
    return it.items.findLast((item) => item.kind === 'message' && item.from.user === this.me.user && !item.deleted && displayOf(item.data).text !== undefined
      && canAct(this, it, item) && mayChange(this, it, item)) ?? null;
  }

  /** Rejects with why not, with `conflict` where it has other words by now than when one began; what has changed everybody sees in
   *  its place. */
  async edit(it, { offset, version }, text) {
    const item = it.byOffset.get(offset);
    if (!item || (item.data?.text ?? item.data) === text) return;
    const data = typeof item.data === 'string' ? text : { ...item.data, text };
    await this.client.room(it.name).edit(offset, data, { ifVersion: version });
  }

  async react(it, item, key, on) {
    try {
      await this.client.room(it.name).react(item.offset, key, on);
    } catch (error) {
      this.view.toast(sentence(error), 'error');
    }
  }

  /** Brings the message with that offset, as far back as the server has it. True if it is here. */
  async reach(it, offset) {
    it.scroll.pinned = false;   // else what is read back is let go again
    for (let pages = 0; !it.byOffset.has(offset) && !it.complete && (it.lowest ?? Infinity) > offset && pages < PAGES_MAX; pages++) {
      if (it.status !== 'joined' || !this.online || it.stuck) break;
      await (it.loading ? it.load : this.#loadBefore(it, it.lowest ?? it.head + 1));
    }
    return it.byOffset.get(offset)?.kind === 'message';
  }

  /** Something that only the person at this page is told. */
  tell(it, text) {
    it.notice(text, 'told');
    this.view.announce(text);
    this.view.changed('stream');
  }

  async #send(it, data, { key = newKey(), replyTo } = {}) {
    const item = it.addPending({ ...this.me }, data, key, replyTo);
    await this.#deliver(it, item);
  }

  retry(it, item) {
    item.state = 'pending';
    item.error = null;
    this.#deliver(it, item);
  }

  discard(it, item) {
    it.discard(item);
    this.view.changed('stream');
  }

  async #deliver(it, item) {
    this.view.changed('stream');
    try {
      const options = { key: item.publishKey };
      const ack = it.kind === 'room'
        ? await this.client.publish(it.name, item.data, { ...options, replyTo: item.replyTo })
        : await this.client.direct(it.name, item.data, options);
      if (it.kind === 'direct' && ack.delivered === 0) {
        it.fail(item, { code: 'not_online', message: `${it.label} is not online. Nothing was delivered.` });
        item.publishKey = newKey();   // the server remembers the old key as done
      } else {
        it.confirm(item, ack);
      }
    } catch (error) {
      if (error.code === 'closed') return;
      if (error.code === 'muted') {
        it.standing.tell('muted', this.me.user, error.retry_ms === undefined ? Infinity : Date.now() + error.retry_ms, it.seen);
        this.view.changed('all');
      }
      it.fail(item, error);
      if (it === this.active || this.conversations.has(it.id)) this.view.toast(sentence(error), 'error');
    }
    this.view.changed('stream', 'lists');
  }

  #onDirect(m) {
    const name = String(m.from.name || m.from.user);
    let it = this.conversation('direct', m.from.user);
    if (!it) {
      it = new Conversation('direct', m.from.user, name);
      this.conversations.set(it.id, it);
    }
    it.title = name;
    const item = { kind: 'message', time: m.time, from: m.from, data: m.data, own: false, state: 'sent' };
    it.insert(item);
    this.#notify(it, item);
    if (it !== this.active) this.view.announce(`Direct message from ${nameShown(name)}`);
    this.save();
    this.view.changed('stream', 'lists');
  }

  // ---- the client's voice -----------------------------------------------------------------------------------

  #listen() {
    const { client } = this;
    client.on('session', (s) => this.#onSession(s));
    client.on('renamed', () => this.#onSession(client.session));
    client.on('state', ({ state, previous, code }) => {
      if (state === 'open') {
        this.refreshDirectory();
        // A session that goes on keeps its name; one chosen without a connection is told now.
        const wanted = this.wantedName ?? (isGuest(this.me.user) ? person.name : '');
        if (wanted && wanted !== this.me.name) this.rename(wanted);
      }
      if (state === 'closed') {
        this.expiresAt = null;
        this.ended = code === 'token_expired' || code === 'unauthorized' || (code === 'token_revoked' && !isGuest(this.me.user));
      }
      // A client that gave up has left its rooms; starting it again means joining them again.
      if (state === 'connecting' && previous === 'closed') {
        for (const it of this.list) if (it.kind === 'room' && it.status !== 'removed') this.#join(it);
      }
      this.view.changed('all');
    });
    client.on('token_expiring', ({ expires_in }) => { this.expiresAt = Date.now() + expires_in * 1000; this.view.changed('all'); });
    client.on('token_refreshed', () => { this.expiresAt = null; this.view.changed('all'); });
    client.on('joined', (m) => this.#onJoined(m));
    client.on('reset', (m) => this.#onReset(m));
    client.on('left', (m) => this.#onLeft(m));
    client.on('gap', (m) => this.#onGap(m));
    client.on('direct', (m) => this.#onDirect(m));
    for (const type of ['message', ...CHANGES, ...DECREES, 'member:joined', 'member:left', 'member:changed', 'members:count']) {
      client.on(type, (m) => this.#onEntry(m));
    }
    client.on('drain', () => this.view.toast('The server is restarting. You will be reconnected in a moment.'));
    client.on('error', (error) => this.view.toast(sentence(error), 'error'));
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
