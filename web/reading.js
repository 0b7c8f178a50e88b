// SPDX-License-Identifier: Apache-2.0
//
// reading.js: how far we have read, what is unread, and how far others have read. No DOM here.
//
// The server keeps one position per user and room (`read`) and counts from it when we come; from there on we count what comes, and it is
// told as messages are shown to somebody who looks. What one has said in another window, or read there where others are told of it
// (`rooms.receipts`), counts as read here, too.

const TELL_MS = 1_000;      // a room is told no more often than this
const READERS_MAX = 500;    // per room

export class Reading {
  #chat;
  #sent = new WeakMap();    // conversation -> when the server was told last
  #waiting = new Map();     // conversation -> timer

  constructor(chat) { this.#chat = chat; }

  /** Somebody looks at the end of it: what comes is read as it comes. */
  watched(it) {
    return it === this.#chat.active && this.#chat.focused && it.scroll.pinned;
  }

  /** `joined` has come; `same`: it is the log that we know. True: what is unread up to there is counted. */
  joined(it, m, { same, first }) {
    if (!same) it.readTo = 0;
    it.toldRead = m.read ?? 0;
    if (m.read === undefined || m.read < it.readTo) return false;   // what it does not know of we count as it is replayed
    it.readTo = m.read;
    it.unread = m.unread ?? 0;
    if (it.unread === 0) it.mentioned = false;
    if (it.unread > 0 && (first || !this.watched(it))) it.fresh ??= { after: m.read, count: it.unread };
    this.look();
    return true;
  }

  /** A message that was not counted yet. True: nobody was looking. */
  arrived(it, item) {
    if (item.from.user === this.#chat.me.user) {   // said in another window: one has read what is above it
      this.#moveTo(it, item.offset);
      return false;
    }
    if (this.watched(it)) return false;
    it.fresh ??= { after: item.order - 0.0001, count: 0 };
    it.fresh.count++;
    it.unread++;
    it.mentioned ||= item.mention || it.kind === 'direct';
    return true;
  }

  /** The active conversation is opened, or the page is looked at again: at its end there is nothing unread. */
  look() {
    const it = this.#chat.active;
    if (!it || !this.watched(it)) return;
    it.unread = 0;
    it.mentioned = false;
  }

  /** Of what is shown, the newest message has that offset; `atEnd`: nothing is below it. */
  shown(it, offset, atEnd) {
    if (!this.#chat.focused) return;
    if (it.kind === 'room' && offset > it.readTo && it.status === 'joined') {
      it.readTo = offset;
      this.#tell(it);
    }
    const before = it.unread;
    if (atEnd) { it.unread = 0; it.mentioned = false; } else if (it.kind === 'room') this.#recount(it);
    if (it.unread !== before) this.#chat.view.changed('lists');
  }

  /** So many are unread by what the server says: fewer, where one has read in another window. */
  counted(it, unread) {
    if (it.status !== 'joined' || unread >= it.unread) return;
    it.unread = unread;
    if (unread === 0) it.mentioned = false;
  }

  /** Somebody has read up to there. */
  told(it, { from, offset }) {
    if (!Number.isSafeInteger(offset) || offset < 1 || typeof from?.user !== 'string') return;
    if (from.user === this.#chat.me.user) {
      it.toldRead = Math.max(it.toldRead, offset);
      return this.#moveTo(it, offset);
    }
    if (!it.readers.has(from.user) && it.readers.size >= READERS_MAX) return;
    const known = it.readers.get(from.user)?.offset ?? 0;
    it.readers.set(from.user, { user: from.user, name: String(from.name), offset: Math.max(known, offset) });
    this.#chat.view.changed('stream');
  }

  /** Who has read up to which message: offset -> [{user, name}], each at the newest that they have read. */
  readersOf(it) {
    const found = new Map();
    if (it.readers.size === 0) return found;
    const messages = it.items.filter((item) => item.kind === 'message' && item.offset !== undefined);
    for (const reader of it.readers.values()) {
      const item = messages.findLast((message) => message.offset <= reader.offset);
      if (!item || item.from.user === reader.user || !it.members.has(reader.user)) continue;
      if (!found.has(item.offset)) found.set(item.offset, []);
      found.get(item.offset).push(reader);
    }
    return found;
  }

  #moveTo(it, offset) {
    if (offset <= it.readTo) return;
    it.readTo = offset;
    if (it.unread > 0) this.#recount(it);
    this.#chat.view.changed('lists');
  }

  #recount(it) {
    const left = it.unreadBehind(it.readTo, this.#chat.me.user);
    it.unread = Math.min(it.unread, left.length);
    it.mentioned = it.unread > 0 && left.some((item) => item.mention);
  }

  // ---- telling the server ---------------------------------------------------------------------------------------

  #tell(it) {
    if (this.#waiting.has(it)) return;
    const wait = (this.#sent.get(it) ?? -TELL_MS) + TELL_MS - performance.now();
    if (wait <= 0) return this.flush(it);
    this.#waiting.set(it, setTimeout(() => this.flush(it), wait));
  }

  /** Now, as the room or the page is left. */
  flush(it) {
    clearTimeout(this.#waiting.get(it));
    this.#waiting.delete(it);
    const offset = it.readTo;
    if (offset <= it.toldRead || it.status !== 'joined' || !this.#chat.online) return;
    this.#sent.set(it, performance.now());
    const known = it.toldRead;
    it.toldRead = offset;
    this.#chat.client.room(it.name).read(offset).catch(() => { if (it.toldRead === offset) it.toldRead = known; });   // the next one says more
  }

  flushAll() {
    for (const it of [...this.#waiting.keys()]) this.flush(it);
  }
}
