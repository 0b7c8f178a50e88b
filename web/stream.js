// SPDX-License-Identifier: Apache-2.0
//
// stream.js: draws the active conversation as rows and looks after scrolling.
//
// Every draw derives the list of rows anew from the conversation (rows.js) and lets reconcile() touch only what differs. That is
// simple, and with at most `shown` rows it costs well under a frame. The page draws at most once per animation frame.

import { $, reconcile, setText } from './dom.js';
import { plural } from './format.js';
import { firstShown, isNew, makeRow, rowsOf } from './rows.js';

const WINDOW = 300;             // rows drawn while at the newest message; more as one scrolls up
const PINNED_PX = 48;           // this near to the end counts as being there
const READ_PX = 8;              // a message is read when no more of it than this is below the edge
const PILL_PX = 240;            // this far from it the way back is offered
const AUTHORS = '.msg-author[aria-haspopup]';
const EARLIER_PX = 240;         // this near to the beginning of what is here, more of it is wanted
const FLASH_MS = 1600;          // a message that one has jumped to stands out for so long
const NOT_NOW = 'Older messages cannot be had at the moment. Try again in a while.';

export class Stream {
  #chat; #shownId = null; #unfolded = new Set(); #height = 0;
  #on = {
    unfold: (item) => { this.#unfolded.add(item.key); this.draw(); },
    jump: (offset) => this.jump(offset),
    thread: (offset) => this.#chat.view.thread(offset),
  };
  #of = new WeakMap();     // row element -> its row
  #box = $('stream'); #rows = $('rows'); #pill = $('pill'); #newer = $('unread-jump');

  constructor(chat) {
    this.#chat = chat;
    this.#box.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    this.#pill.addEventListener('click', () => this.toEnd());
    this.#newer.addEventListener('click', () => this.#toFirstNew());
    this.#rows.addEventListener('keydown', (e) => this.#onRowKey(e));
    new ResizeObserver(() => this.#onResize()).observe(this.#box);
  }

  draw() {
    const it = this.#chat.active;
    const box = this.#box;
    if (!it) { reconcile(this.#rows, [], () => null); this.#pill.hidden = this.#newer.hidden = true; return; }
    const changed = this.#shownId !== it.id;
    if (changed) {
      this.#shownId = it.id;
      it.shown = WINDOW;
    }
    const anchor = changed || it.scroll.pinned ? null : this.#anchor();
    reconcile(this.#rows, rowsOf(this.#chat, it, this.#unfolded), (row) => {
      const node = makeRow(this.#chat, it, row, this.#on);
      this.#of.set(node, row);
      return node;
    });

    this.#offerStops(it);
    if (it.scroll.pinned) this.#pin();
    else if (changed) box.scrollTop = it.scroll.top;
    else if (anchor) this.#holdTo(anchor);

    this.#look(it);
    this.#reachBack(it);
  }

  /** One of the buttons of messages is in the order of Tab, and where authors have menus one of these, the newest; the arrow keys go to
   *  the others. */
  #offerStops(it) {
    this.#offerStop(AUTHORS, null, it.kind === 'room');
    this.#offerStop('.msg-more');
  }

  #offerStop(kind, chosen = null, offered = true) {
    const all = [...this.#rows.querySelectorAll(kind)];
    for (const button of all) button.tabIndex = -1;
    const at = chosen ?? (all.includes(document.activeElement) ? document.activeElement : all.at(-1));
    if (at && offered) at.tabIndex = 0;
  }

  /** Up and down: from message to message. Left and right: among the buttons of one. */
  #onRowKey(e) {
    if (e.altKey || e.ctrlKey || e.metaKey || !e.target.matches('.msg button')) return;
    const kind = e.target.matches(AUTHORS) ? AUTHORS : '.msg-more';
    const step = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    const side = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!step && !side) return;
    const all = side ? [...e.target.closest('.msg').querySelectorAll('button:not(:disabled)')] : [...this.#rows.querySelectorAll(kind)];
    const from = all.includes(e.target) ? e.target : e.target.closest('.msg').querySelector(kind);
    e.preventDefault();
    const next = all[all.indexOf(from) + (step ?? side)];
    if (!next) return;
    if (step) this.#offerStop(kind, next);
    next.focus();
  }

  /** To the newest message. */
  toEnd() {
    const it = this.#chat.active;
    if (!it) return;
    it.scroll.pinned = true;
    it.shown = WINDOW;
    this.draw();
  }

  /** To the message with that offset, wherever it is; its buttons get the focus. */
  async jump(offset) {
    const it = this.#chat.active;
    if (!it) return;
    const found = await this.#chat.archive.reach(it, offset);
    if (found !== 'here') return this.#chat.view.toast(found === 'gone' ? 'That message is not kept any more.' : NOT_NOW);
    if (this.#chat.active === it) this.#showItem(it, it.byOffset.get(offset));
  }

  /** Likewise; a direct message has no offset. */
  jumpTo(item) {
    const it = this.#chat.active;
    if (item.offset !== undefined) return this.jump(item.offset);
    if (it?.items.includes(item)) this.#showItem(it, item);
  }

  #showItem(it, item) {
    it.scroll.pinned = false;
    it.shown = Math.max(it.shown, it.items.length - it.items.indexOf(item) + WINDOW / 2);
    this.draw();
    const node = this.#nodeOf(item.key);
    node.scrollIntoView({ block: 'center', behavior: 'instant' });
    it.scroll.top = this.#box.scrollTop;
    this.#offerStop('.msg-more', node.querySelector('.msg-more'));
    (node.querySelector('.msg-more') ?? this.#box).focus({ preventScroll: true });
    for (const other of this.#rows.querySelectorAll('.found')) other.classList.remove('found');
    node.classList.add('found');
    setTimeout(() => node.classList.remove('found'), FLASH_MS);
  }

  #nodeOf(key) { return [...this.#rows.children].find((node) => this.#of.get(node).key === key); }

  /** To where one left off, however far back that is. */
  async #toFirstNew() {
    const it = this.#chat.active;
    if (!it?.fresh) return;
    const { after } = it.fresh;
    const reached = it.kind === 'direct' || after < 0 ? 'here' : await this.#chat.archive.reach(it, Math.floor(after) + 1);
    if (this.#chat.active !== it || !it.fresh) return;
    if (reached === 'unknown') return this.#chat.view.toast(NOT_NOW);
    const item = it.items.find((other) => other.order > after && isNew(this.#chat, other));
    it.fresh.met = true;
    if (item) this.#showItem(it, item);
  }

  /** After a change of layout: who was at the end stays there. */
  settle() {
    if (this.#chat.active?.scroll.pinned) this.#pin();
  }

  // ---- scrolling --------------------------------------------------------------------------------------------

  #pin() {
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** The first message in view: it stays where it is while rows come and go above it. Not just any row: the day's
   *  line stays on top of all that comes below it. Known by its key and its lower edge, since what is loaded above
   *  a message may take away its author's line, which makes it another element. */
  #anchor() {
    const edge = this.#box.getBoundingClientRect().top;
    for (const node of this.#rows.children) {
      const { bottom } = node.getBoundingClientRect();
      if (bottom > edge && node.classList.contains('msg')) return { key: this.#of.get(node).key, bottom };
    }
    const last = this.#rows.lastElementChild;   // nothing but what was decided, and who came
    return last && { key: this.#of.get(last).key, bottom: last.getBoundingClientRect().bottom };
  }

  #holdTo({ key, bottom }) {
    const node = this.#nodeOf(key);
    if (node) this.#box.scrollTop += node.getBoundingClientRect().bottom - bottom;
  }

  /** A growing composer or an opening keyboard takes height away: who was at the end stays at the end. True if
   *  the height has changed, in which case a scroll event says nothing about what the person wants. */
  #onResize() {
    if (this.#height === this.#box.clientHeight) return false;
    this.#height = this.#box.clientHeight;
    this.settle();
    return true;
  }

  #onScroll() {
    const it = this.#chat.active;
    const box = this.#box;
    if (!it || this.#shownId !== it.id || this.#onResize()) return;
    it.scroll.top = box.scrollTop;
    it.scroll.pinned = box.scrollHeight - box.scrollTop - box.clientHeight < PINNED_PX;
    this.#look(it);
    if (box.scrollTop < EARLIER_PX) this.#chat.view.changed('stream');   // a draw decides: what has come may not be there yet
  }

  /** Whoever sees the beginning of what is here gets more, and not by scrolling alone: a page of history may have had nothing to show,
   *  its answer may have been lost with a connection that is back now, and what is short cannot be scrolled. */
  #reachBack(it) {
    if (this.#box.clientHeight === 0 || this.#box.scrollTop >= EARLIER_PX) return;
    if (firstShown(it) === 0) return this.#chat.archive.loadEarlier(it);
    it.shown += WINDOW;
    this.#chat.view.changed('stream');
  }

  /** What is in view is read; what is not, at either end, is offered. */
  #look(it) {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    const away = scrollHeight - scrollTop - clientHeight;
    this.#chat.reading.shown(it, this.#newestInView(it), it.scroll.pinned);
    this.#pill.hidden = it.scroll.pinned || (it.unread === 0 && away < PILL_PX);
    this.#pill.classList.toggle('fresh', it.unread > 0);
    setText($('pill-text'), it.unread > 0 ? plural(it.unread, 'new message') : 'Newest messages');
    this.#offerNew(it);
  }

  /** The way to where one left off, until it has been in view. */
  #offerNew(it) {
    const line = it.fresh && !it.fresh.met ? this.#nodeOf('unread') : null;
    const edge = this.#box.getBoundingClientRect().top;
    if (line && line.getBoundingClientRect().bottom > edge) it.fresh.met = true;
    this.#newer.hidden = !it.fresh || it.fresh.met || it.fresh.count === 0;
    if (!this.#newer.hidden) setText($('unread-jump-text'), plural(it.fresh.count, 'new message'));
  }

  /** The offset of the newest message of which something can be seen, 0 for none. */
  #newestInView(it) {
    const rows = this.#rows.children;
    const { bottom } = this.#box.getBoundingClientRect();
    let low = 0;
    let high = it.scroll.pinned ? rows.length : rows.length - 1;
    while (!it.scroll.pinned && low < high) {   // the last row that begins above the lower edge
      const middle = (low + high + 1) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= bottom + READ_PX) low = middle;
      else high = middle - 1;
    }
    for (let i = Math.min(high, rows.length - 1); i >= 0; i--) {
      const { item } = this.#of.get(rows[i]);
      if (item?.kind === 'message' && item.offset !== undefined) return item.offset;
    }
    return 0;
  }
}
