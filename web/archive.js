// SPDX-License-Identifier: Apache-2.0
//
// archive.js: what was said before: pages of a room's history, read backwards as somebody scrolls up, or as far as to one message. No
// DOM here.
//
// A page can fail to come: the server has no time or memory for it, which passes and is asked for again (patience.js); the connection
// goes, and whoever still sees the beginning of what is here asks once it is back (stream.js); or the server will not have it, which the
// person reads, with a button to try again. And it can come too late: the room was joined anew, another log has begun, or what it would
// lead up to was let go. `it.asked` is the ask whose answer counts; without that, a late page would leave a hole behind it.

import { sentence } from './format.js';
import { isLost, patiently } from './patience.js';

const PAGE = 100;            // entries per page of older history
const PAGES_MAX = 100;       // of them to one message

export class Archive {
  #chat;

  constructor(chat) { this.#chat = chat; }

  /** Older messages for somebody who sees the first ones that are here. */
  loadEarlier(it) {
    if (it.complete || it.loading || it.stuck || it.status !== 'joined' || !this.#chat.online) return;
    // With nothing here yet the room need not be empty: `joined` may have come and its replay not. The log knows.
    const before = Math.min(it.lowest ?? Infinity, it.firstOffset ?? it.head + 1);
    if (before <= 1) { it.complete = true; return this.#chat.view.changed('stream'); }
    this.loadBefore(it, before);
  }

  /** The person asks for it. */
  retry(it) {
    it.stuck = false;
    this.loadEarlier(it);
  }

  /** Brings the message with that offset, as far back as the server has it. 'here', 'gone', or 'unknown': it could not be asked. */
  async reach(it, offset) {
    it.scroll.pinned = false;   // else what is read back is let go again
    it.stuck = false;
    const further = () => !it.byOffset.has(offset) && !it.complete && (it.lowest ?? Infinity) > offset;
    for (let pages = 0; further() && pages < PAGES_MAX; pages++) {
      if (it.status !== 'joined' || !this.#chat.online || it.stuck) break;
      await (it.loading ? it.load : this.loadBefore(it, it.lowest ?? it.head + 1));
    }
    if (it.byOffset.get(offset)?.kind === 'message') return 'here';
    return further() ? 'unknown' : 'gone';
  }

  /** `fresh`: it may be that nobody has seen what comes. */
  loadBefore(it, before, fresh = false) {
    it.asked = { before, fresh };
    it.load = this.#readBefore(it, it.asked);
    return it.load;
  }

  async #readBefore(it, asked) {
    const { view } = this.#chat;
    const wanted = () => it.asked === asked && it.status === 'joined';
    view.changed('stream');
    try {
      const reply = await patiently(() => this.#page(it, asked), wanted);
      if (wanted()) this.#take(it, asked, reply.history ?? []);
    } catch (error) {
      if (wanted() && !isLost(error)) { it.stuck = true; view.toast(sentence(error), 'error'); }
    } finally {
      if (it.asked === asked) it.asked = null;
      view.changed('stream');
    }
  }

  async #page(it, { before }) {
    const reply = await this.#chat.client.history(it.name, { before, limit: PAGE });
    if (reply.epoch === it.epoch) return reply;
    // We are about to be told so, which makes an end of this ask.
    throw Object.assign(new Error('The room has begun anew. Try again.'), { code: 'unavailable' });
  }

  #take(it, { before, fresh }, history) {
    const offsets = history.map((entry) => entry.offset);
    const asOf = Math.max(it.seen, ...offsets);
    for (const entry of history) {
      this.#chat.incoming.take(it, entry, false, fresh);
      const item = it.byOffset.get(entry.offset);
      if (item?.kind === 'message') item.asOf ??= asOf;   // it came as it is now
    }
    const lowest = Math.min(...offsets);
    if (!(lowest < before) || lowest <= 1) it.complete = true;
  }
}
