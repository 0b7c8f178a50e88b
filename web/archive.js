// SPDX-License-Identifier: Apache-2.0
//
// archive.js: what was said before: pages of a room's history, read backwards as somebody scrolls up, or as far as to one message. No
// DOM here.

import { sentence } from './format.js';

const PAGE = 100;            // entries per page of older history
const PAGES_MAX = 100;       // of them to one message

export class Archive {
  #chat;

  constructor(chat) { this.#chat = chat; }

  /** Older messages for somebody who scrolled to the top. */
  loadEarlier(it) {
    if (it.complete || it.loading || it.stuck || it.status !== 'joined' || !this.#chat.online) return;
    // With nothing here yet the room need not be empty: `joined` may have come and its replay not. The log knows.
    const before = Math.min(it.lowest ?? Infinity, it.firstOffset ?? it.head + 1);
    if (before <= 1) { it.complete = true; return this.#chat.view.changed('stream'); }
    this.loadBefore(it, before);
  }

  retry(it) {
    it.stuck = false;
    this.loadEarlier(it);
  }

  /** Brings the message with that offset, as far back as the server has it. True if it is here. */
  async reach(it, offset) {
    it.scroll.pinned = false;   // else what is read back is let go again
    for (let pages = 0; !it.byOffset.has(offset) && !it.complete && (it.lowest ?? Infinity) > offset && pages < PAGES_MAX; pages++) {
      if (it.status !== 'joined' || !this.#chat.online || it.stuck) break;
      await (it.loading ? it.load : this.loadBefore(it, it.lowest ?? it.head + 1));
    }
    return it.byOffset.get(offset)?.kind === 'message';
  }

  /** `fresh`: it may be that nobody has seen what comes. */
  loadBefore(it, before, fresh = false) {
    it.loading = true;
    it.load = this.#readBefore(it, before, fresh);
    return it.load;
  }

  async #readBefore(it, before, fresh) {
    const { client, incoming, view } = this.#chat;
    view.changed('stream');
    try {
      const reply = await client.history(it.name, { before, limit: PAGE });
      const asOf = Math.max(it.seen, ...(reply.history ?? []).map((e) => e.offset));
      for (const entry of reply.history ?? []) {
        incoming.take(it, entry, false, fresh);
        if (entry.type === 'message') it.byOffset.get(entry.offset).asOf ??= asOf;   // it came as it is now
      }
      const lowest = Math.min(...(reply.history ?? []).map((e) => e.offset));
      if (!(lowest < before) || lowest <= 1) it.complete = true;
    } catch (error) {
      if (error.code !== 'disconnected') { it.stuck = true; view.toast(sentence(error), 'error'); }
    } finally {
      it.loading = false;
      view.changed('stream');
    }
  }
}
