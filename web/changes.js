// SPDX-License-Identifier: Apache-2.0
//
// changes.js: what becomes of the messages of a room: edits, deletions, reactions, answers (docs/protocol/native.md, "Changes"). No DOM.
//
// A message may come as it was said, with its changes behind it, or as it is now, with some of them behind it all the same; pages of
// history come from the newest backwards, so changes may come before their message. What holds in any order: an edit counts that is
// newer than the message's version, a deletion always, and of what was counted the newest that was told live.

export const CHANGES = ['message:edited', 'message:deleted', 'message:reactions'];

const WAITING_MAX = 500;       // messages whose changes are kept until they come
const REACTIONS_MAX = 5000;    // messages of which we know who has reacted
const NOTED_MAX = 10_000;

/** What a message says of itself, of the keys that it has by now. */
export function asTold(m) {
  return {
    data: m.data, deleted: m.deleted === true, edited: m.edited, version: m.version, replyTo: m.reply_to, replies: m.replies ?? 0,
    counts: new Map(Object.entries(m.reactions ?? {})),
  };
}

export class Changes {
  #waiting = new Map();   // offset of a message -> its changes, of each kind the newest
  #reacted = new Map();   // offset of a message -> Map(key -> Map(user -> {name, on, offset}))
  #answers = new Map();   // offset of a message -> offsets of those that answer it
  #noted = new Set();     // offsets of the changes themselves

  /** Another numbering. */
  clear() {
    for (const map of [this.#waiting, this.#reacted, this.#answers, this.#noted]) map.clear();
  }

  /** Some were not told: what waits may be old by the time that its message comes. */
  forgetWaiting() { this.#waiting.clear(); }

  /** An entry that is no item of its own, so that nobody takes its offset for a missing one. */
  note(offset) {
    if (this.#noted.size >= NOTED_MAX) this.#noted.clear();
    this.#noted.add(offset);
  }
  countIn(from, to) { return [...this.#noted].filter((offset) => offset >= from && offset <= to).length; }

  /** A change; `item` is its message, if that is here. One of history says nothing to a message that came as it is now. */
  take(item, m, live) {
    this.note(m.offset);
    if (m.type === 'message:reactions') this.#noteWho(m);
    const counts = live || m.type === 'message:deleted';   // who did it, and why, is in no message
    if (item && (counts || m.offset > (item.asOf ?? 0))) apply(item, m);
    else if (!item && counts) this.#wait(m);
  }

  #noteWho({ target, key, from, on, offset }) {
    if (!from) return;
    const keys = bounded(this.#reacted, target, REACTIONS_MAX);
    if (!keys.has(key)) keys.set(key, new Map());
    const users = keys.get(key);
    if ((users.get(from.user)?.offset ?? 0) < offset) users.set(from.user, { name: from.name, on, offset });
  }

  #wait(m) {
    bounded(this.#waiting, m.target, WAITING_MAX).set(m.type === 'message:reactions' ? `reaction ${m.key}` : m.type, m);
  }

  /** A message has got its place. */
  arrived(item) {
    if (item.replyTo !== undefined) {
      if (!this.#answers.has(item.replyTo)) this.#answers.set(item.replyTo, new Set());
      this.#answers.get(item.replyTo).add(item.offset);
    }
    for (const m of this.#waiting.get(item.offset)?.values() ?? []) apply(item, m);
    this.#waiting.delete(item.offset);
  }

  /** How many answer it: as told, or those that we have seen since. */
  repliesTo(item) {
    return Math.max(item.replies ?? 0, this.#answers.get(item.offset)?.size ?? 0);
  }

  /** [{key, count, mine, names}]: who has reacted is known of those reactions that the log still has. */
  reactionsTo(item, me) {
    const known = this.#reacted.get(item.offset);
    return [...item.counts ?? []].filter(([, count]) => count > 0).map(([key, count]) => {
      const users = known?.get(key);
      const names = [...users ?? []].filter(([user, { on }]) => on && user !== me).map(([, { name }]) => name);
      return { key, count, mine: users?.get(me)?.on === true, names };
    });
  }
}

function bounded(map, key, max) {
  if (!map.has(key)) {
    if (map.size >= max) map.delete(map.keys().next().value);
    map.set(key, new Map());
  }
  return map.get(key);
}

/** What a change makes of a message. */
export function apply(item, m) {
  if (m.type === 'message:deleted') {
    Object.assign(item, { data: undefined, deleted: true, reason: m.reason, remover: m.from, edited: undefined, mention: false, counts: new Map() });
  } else if (item.deleted) {
    return;   // nothing comes of it any more
  } else if (m.type === 'message:reactions') {
    item.counts ??= new Map();
    if (m.count > 0) item.counts.set(m.key, m.count);
    else item.counts.delete(m.key);
  } else if (m.offset > (item.version ?? item.offset)) {
    Object.assign(item, { data: m.data, version: m.offset, edited: m.time });
  }
}
