// SPDX-License-Identifier: Apache-2.0
//
// conversation.js: what the page knows about one room or one exchange of direct messages. No DOM here.
//
// `items` is sorted by `order`. For what came from a room's log, order is its offset; direct messages count up;
// what passed (somebody came, somebody went) and what the page itself has to say (a notice) take a place between two of
// these. Own messages that the server has
// not acknowledged are in `pending`, shown after everything else, and move to their place when the ack tells it.
//
//   items:   [41 Ada "hi"] [41.001 joined Bob] [42 me "hello"]        pending: [me "still on its way"]
//
// Invariants: each order at most once among log items; `pending` and `items` are disjoint; at most ITEMS_MAX items.

import { Changes, asTold } from './changes.js';
import { Standing } from './decrees.js';
import { nameShown } from './words.js';

const ITEMS_MAX = 3000;       // about 3 MB of short messages; the oldest third goes when it is passed
const DIRECT_KEEP = 60;       // direct messages kept over a reload, per person
let serial = 0;

export class Conversation {
  constructor(kind, name, title = name) {
    this.kind = kind;          // 'room' | 'direct'
    this.name = name;          // room, or user id of the other one
    this.title = title;
    this.id = `${kind}:${name}`;
    this.items = [];
    this.pending = [];
    this.byOffset = new Map();
    this.epoch = null;
    this.head = 0;             // newest offset of the log when we joined; what is replayed lies up to here
    this.readFloor = 0;        // offsets up to here are in `unread` already, or were history when we came
    this.seen = 0;             // newest offset that was looked at for `unread`
    this.before = null;        // of before a reload: {epoch, seen}, until the room is joined again
    this.unread = 0;           // messages of others that were not shown yet
    this.mentioned = false;
    this.fresh = null;         // {after, count}: the "new" line stands behind that order; so many were new, and more since
    this.heardTo = 0;          // up to here we had been told of it when we came back
    this.readTo = 0;           // offset up to which we have read, here or in another session
    this.toldRead = 0;         // and up to which the server knows
    this.readers = new Map();  // user -> {user, name, offset}: how far others have read, where one is told
    this.pinned = new Map();   // offset -> message that is pinned and not among the items, or null: it is not kept any more
    this.draft = '';
    this.status = kind === 'room' ? 'joining' : 'joined';   // 'joining' | 'joined' | 'refused' | 'removed'
    this.error = null;
    this.complete = kind === 'direct';   // nothing older to load
    this.asked = null;         // archive.js: the ask for older messages whose answer counts
    this.load = null;          // while there is one: when it is done
    this.stuck = false;        // older messages could not be had; the person may ask again
    this.members = new Map();  // user -> member
    this.membersCount = 0;
    this.changes = new Changes();     // what has become of its messages
    this.pinsTold = [];        // offsets of what is pinned, as of the change that was told last
    this.lowest = null;        // offset of the oldest entry that we have read, which need not be a message
    this.replyTo = null;       // offset of the message that the next one answers
    this.editing = null;       // {offset, version, text}: the message that is being changed, as of when, and what it is to say
    this.standing = new Standing();   // who is muted or banned
    this.closed_until = undefined;    // once it was: until when nobody comes in, by the clock of this machine
    this.given = false;        // a role was given to us here
    this.saidAt = 0;           // when we last said something here, for slow mode
    this.scroll = { pinned: true, anchor: null, top: 0 };
    this.shown = 0;            // managed by stream.js: how many rows it draws
  }

  /** What it is called on the page. */
  get label() { return nameShown(this.title); }
  get loading() { return this.asked !== null; }
  get hasMessages() { return this.pending.length > 0 || this.items.some((item) => item.kind === 'message'); }
  /** People who may be meant here, by name. */
  get names() { return [...this.members.values()].map((member) => member.name); }
  get lastOrder() { return this.items.length ? this.items[this.items.length - 1].order : 0; }

  get firstOffset() {
    for (const item of this.items) if (item.offset !== undefined) return item.offset;
    return null;
  }

  /** Adds an item at its place. False if an item of that offset is there already. */
  insert(item) {
    if (item.offset !== undefined) {
      if (this.byOffset.has(item.offset)) return false;
      this.byOffset.set(item.offset, item);
    }
    item.order ??= item.offset ?? Math.floor(this.lastOrder) + 1;
    item.key ??= `i${++serial}`;
    let at = this.items.length;
    while (at > 0 && this.items[at - 1].order > item.order) at--;   // nearly always the end
    this.items.splice(at, 0, item);
    if (item.kind === 'message' && item.offset !== undefined) this.changes.arrived(item);
    if (this.items.length > ITEMS_MAX && this.scroll.pinned) this.#trim();
    return true;
  }

  /** Adds what passed behind the entry with that offset, behind what passed there before. */
  insertPassing(item, after) {
    const last = this.items.findLast(({ order }) => order < after + 1);
    const behind = Math.max(after, last?.order ?? 0);
    this.insert({ ...item, order: behind + (after + 1 - behind) / 1024 });
  }

  #trim() {
    for (const item of this.items.splice(0, Math.floor(ITEMS_MAX / 3))) {
      if (item.offset !== undefined) this.byOffset.delete(item.offset);
    }
    if (this.kind === 'room') this.complete = false;
    this.asked = null;   // what would come ends where we do not begin any more
    this.lowest = this.firstOffset;
  }

  /** Something the page says, placed after what is there. */
  notice(text, tone = 'quiet') {
    this.insertLocal({ kind: 'notice', text, tone });
  }

  insertLocal(item) {
    this.insert({ ...item, time: Date.now(), order: this.lastOrder + 0.001 });
  }

  /** An own message that is on its way. */
  addPending(from, data, key, replyTo) {
    const item = { key: `p${++serial}`, kind: 'message', own: true, state: 'pending', from, data, publishKey: key, replyTo,
      time: Date.now(), floor: Math.floor(this.lastOrder) };
    this.pending.push(item);
    return item;
  }

  /** The acknowledgement of an own message. `offset` is undefined for direct messages. */
  confirm(item, { offset, delivered }) {
    this.pending = this.pending.filter((other) => other !== item);
    item.state = 'sent';
    item.error = null;
    item.delivered = delivered;
    if (item.placed && item.offset === offset) return;
    if (item.placed) this.#unplace(item);
    if (offset !== undefined && this.byOffset.has(offset)) return;   // a replay brought it before the ack
    item.offset = offset;
    item.order = offset;
    this.insert(item);
  }

  /** A replay can bring an own message before its ack. It is taken for the oldest pending one with equal content
   *  that is not older than the sending; should that guess be wrong, the ack's offset puts it right. */
  adopt(entry) {
    const text = JSON.stringify(entry.data);
    const item = this.pending.find((p) => entry.offset > p.floor && JSON.stringify(p.data) === text);
    if (!item || this.byOffset.has(entry.offset)) return false;
    this.pending = this.pending.filter((other) => other !== item);
    Object.assign(item, asTold(entry), { offset: entry.offset, order: entry.offset, time: entry.time, state: 'sent', placed: true });
    return this.insert(item);
  }

  #unplace(item) {
    const copy = { ...item, key: `i${++serial}`, placed: false };
    this.items[this.items.indexOf(item)] = copy;
    if (copy.offset !== undefined) this.byOffset.set(copy.offset, copy);
    item.placed = false;
  }

  fail(item, error) {
    item.state = 'failed';
    item.error = error;
  }

  discard(item) {
    this.pending = this.pending.filter((other) => other !== item);
  }

  /** A new numbering, or a replay that does not continue what is here: the offsets mean other things now. */
  startOver(epoch, sameLog) {
    const { readTo } = this;
    this.items = [];
    if (!sameLog) { this.unread = 0; this.mentioned = false; this.fresh = null; this.#anew(); }   // what was unread is gone
    this.#renumber(epoch);
    if (sameLog) this.readTo = readTo;
  }

  /** A new numbering after a restart: what is on the screen stays there, in front of all that the new log can hold
   *  (whose offsets begin at 1), and takes no part in it. */
  keepAsPast(epoch) {
    const size = this.items.length;
    this.#anew();
    const line = this.fresh ? this.items.findIndex((item) => item.order > this.fresh.after) : -1;
    this.items.forEach((item, i) => { item.order = i - size; delete item.offset; item.past = true; });
    if (this.fresh) this.fresh.after = line < 0 ? -0.5 : line - size - 0.5;
    this.#renumber(epoch);
    this.insert({ kind: 'restart', time: Date.now(), order: 0 });
  }

  /** Another room by the same name: what was decided in the old one went with it. */
  #anew() {
    this.standing.clear();
    this.given = false;
  }

  #renumber(epoch) {
    this.byOffset.clear();
    this.changes.clear();
    this.lowest = this.replyTo = this.editing = this.asked = null;
    this.epoch = epoch;
    this.complete = false;
    this.readFloor = this.seen = this.readTo = this.toldRead = 0;
    this.readers.clear();
    this.pinned.clear();
    for (const item of this.pending) { item.floor = 0; }
  }

  /** Messages of others behind that offset that are here. */
  unreadBehind(offset, me) {
    return this.items.filter((item) => item.kind === 'message' && item.offset > offset && item.from.user !== me && !item.deleted);
  }

  /** A message that is among the items, or that was looked up as it is pinned. */
  messageAt(offset) {
    const item = this.byOffset.get(offset) ?? this.pinned.get(offset);
    return item?.kind === 'message' ? item : null;
  }

  /** How many offsets of a gap are in fact not here (history may have brought some since). */
  missingIn(gap) {
    let missing = gap.to - gap.from + 1;
    for (const offset of this.byOffset.keys()) if (offset >= gap.from && offset <= gap.to) missing--;
    return missing - this.changes.countIn(gap.from, gap.to);
  }

  setMembers(list, total) {
    this.members = new Map(list.map((member) => [member.user, member]));
    this.membersCount = Math.max(total ?? 0, list.length);
  }

  /** Applies what passed to the member list. */
  applyPresence(entry) {
    const { member } = entry;
    const known = this.members.has(member.user);
    if (entry.type === 'member:left') {
      this.members.delete(member.user);
      if (known) this.membersCount--;
    } else {
      this.members.set(member.user, member);
      if (!known && entry.type === 'member:joined') this.membersCount++;
    }
    this.membersCount = Math.max(this.membersCount, this.members.size);
  }

  /** What a reload needs: drafts and unsent messages, and for direct messages, which no server log keeps, a tail. */
  save() {
    const messages = this.kind === 'direct' ? this.items.filter((i) => i.kind === 'message').slice(-DIRECT_KEEP) : [];
    return {
      kind: this.kind, name: this.name, title: this.title, draft: this.draft,
      unread: this.unread, mentioned: this.mentioned, epoch: this.epoch, seen: Math.max(this.seen, this.readFloor),
      firstNew: this.kind === 'direct' && this.fresh ? messages.find((i) => i.order > this.fresh.after && !i.own)?.time : undefined,
      removed: this.error && (this.status === 'removed' || this.error.code === 'banned')
        ? { code: this.error.code, message: this.error.message, until: this.error.until } : undefined,
      pending: this.pending.map(({ data, publishKey, time, replyTo }) => ({ data, publishKey, time, replyTo })),
      items: messages.map(({ from, data, time, own, delivered }) => ({ from, data, time, own, delivered })),
    };
  }

  static restore(saved) {
    const it = new Conversation(saved.kind === 'direct' ? 'direct' : 'room', String(saved.name), String(saved.title));
    it.draft = String(saved.draft ?? '');
    it.unread = Number.isInteger(saved.unread) ? saved.unread : 0;
    it.mentioned = saved.mentioned === true;
    if (it.kind === 'room' && saved.removed) { it.status = 'removed'; it.error = saved.removed; }   // a reload is no way back in
    if (it.kind === 'room' && saved.epoch) it.before = { epoch: saved.epoch, seen: saved.seen ?? 0 };
    for (const item of saved.items ?? []) {
      it.insert({ kind: 'message', state: 'sent', ...item });
      if (saved.firstNew === item.time && !item.own) it.fresh ??= { after: it.lastOrder - 0.5, count: it.unread };
    }
    return it;
  }
}
