// SPDX-License-Identifier: Apache-2.0
//
// stream.js: draws the active conversation as rows and looks after scrolling.
//
// Every draw derives the list of rows anew from the conversation (days, groups of one author, runs of people
// coming and going, gaps) and lets reconcile() touch only what differs. That is simple, and with at most
// `shown` rows it costs well under a frame. The page draws at most once per animation frame.

import { $, h, icon, reconcile } from './dom.js';
import { avatar, count, dayKey, dayLabel, displayOf, fullTimeOf, plural } from './format.js';
import { wordsOf } from './decrees.js';
import { inviteRow } from './invite.js';
import { messageRow, signatureOf } from './message.js';
import { decreesFor, undoOf } from './moderation.js';
import { nameShown } from './words.js';

const GROUP_MS = 5 * 60_000;    // one author's messages within this are one group
const WINDOW = 300;             // rows drawn while at the newest message; more as one scrolls up
const PINNED_PX = 48;           // this near to the end counts as being there
const PILL_PX = 240;            // this far from it the way back is offered
const NAMES_IN_NOTICE = 3;
const AUTHORS = '.msg-author[aria-haspopup]';
const FLASH_MS = 1600;          // a message that one has jumped to stands out for so long

export class Stream {
  #chat; #shownId = null; #lastKey = null; #unseen = 0; #unfolded = new Set(); #height = 0;
  #keys = new WeakMap();   // row element -> key of its row
  #box = $('stream'); #rows = $('rows'); #pill = $('pill');

  constructor(chat) {
    this.#chat = chat;
    this.#box.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    this.#pill.addEventListener('click', () => this.toEnd());
    this.#rows.addEventListener('keydown', (e) => this.#onRowKey(e));
    new ResizeObserver(() => this.#onResize()).observe(this.#box);
  }

  draw() {
    const it = this.#chat.active;
    const box = this.#box;
    if (!it) { reconcile(this.#rows, [], () => null); this.#pill.hidden = true; return; }
    const changed = this.#shownId !== it.id;
    if (changed) {
      this.#shownId = it.id;
      this.#unseen = 0;
      this.#lastKey = null;
      it.shown = WINDOW;
    }
    const anchor = changed || it.scroll.pinned ? null : this.#anchor();
    reconcile(this.#rows, this.#derive(it), (row) => {
      const node = this.#make(it, row);
      this.#keys.set(node, row.key);
      return node;
    });

    this.#offerStops(it);
    if (it.scroll.pinned) this.#pin();
    else if (changed) box.scrollTop = it.scroll.top;
    else if (anchor) this.#holdTo(anchor);

    this.#countUnseen(it, changed);
    // A first page too short to scroll would leave no way to ask for more.
    if (box.scrollHeight <= box.clientHeight + 1) this.#chat.loadEarlier(it);
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
    if (!it || !await this.#chat.reach(it, offset)) return this.#chat.view.toast('That message is not kept any more.');
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
    const node = [...this.#rows.children].find((row) => this.#keys.get(row) === item.key);
    node.scrollIntoView({ block: 'center', behavior: 'instant' });
    it.scroll.top = this.#box.scrollTop;
    this.#offerStop('.msg-more', node.querySelector('.msg-more'));
    (node.querySelector('.msg-more') ?? this.#box).focus({ preventScroll: true });
    for (const other of this.#rows.querySelectorAll('.found')) other.classList.remove('found');
    node.classList.add('found');
    setTimeout(() => node.classList.remove('found'), FLASH_MS);
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
      if (bottom > edge && node.classList.contains('msg')) return { key: this.#keys.get(node), bottom };
    }
    return null;
  }

  #holdTo({ key, bottom }) {
    const node = [...this.#rows.children].find((row) => this.#keys.get(row) === key);
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
    if (it.scroll.pinned) this.#unseen = 0;
    this.#drawPill();
    if (box.scrollTop < 240) {
      if (firstShown(it) > 0) { it.shown += WINDOW; this.draw(); } else this.#chat.loadEarlier(it);
    }
  }

  #countUnseen(it, changed) {
    const last = it.items[it.items.length - 1];
    if (!changed && !it.scroll.pinned && last && last.key !== this.#lastKey) {
      const from = it.items.findIndex((i) => i.key === this.#lastKey);
      this.#unseen += it.items.slice(from + 1).filter((i) => i.kind === 'message' && !i.own).length;
    }
    if (it.scroll.pinned) this.#unseen = 0;
    this.#lastKey = last?.key ?? null;
    this.#drawPill();
  }

  #drawPill() {
    const it = this.#chat.active;
    const away = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
    this.#pill.hidden = !it || it.scroll.pinned || (this.#unseen === 0 && away < PILL_PX);
    this.#pill.classList.toggle('fresh', this.#unseen > 0);
    $('pill-text').textContent = this.#unseen > 0 ? plural(this.#unseen, 'new message') : 'Newest messages';
  }

  // ---- rows -------------------------------------------------------------------------------------------------

  #derive(it) {
    const start = firstShown(it);
    const rows = [this.#topRow(it, start)];
    let day = null;
    let previous = null;   // the message above, if the next one may join its group
    let run = null;        // the presence run being collected
    for (const item of [...it.items.slice(start), ...it.pending]) {
      const key = dayKey(item.time);
      if (key !== day) {
        rows.push({ type: 'day', key: `day-${key}`, sig: dayLabel(item.time), time: item.time });
        day = key;
        previous = run = null;
      }
      if (item.key === it.firstUnread) {
        rows.push({ type: 'unread', key: 'unread', sig: '' });
        previous = run = null;
      }
      if (isPassing(item)) {
        if (!run) rows.push(run = { type: 'presence', key: `run-${item.key}`, sig: '', items: [] });
        run.items.push(item);
        run.sig = String(run.items.length);
        previous = null;
        continue;
      }
      run = null;
      if (item.kind !== 'message') {
        rows.push(this.#plainRow(it, item));
        previous = null;
        continue;
      }
      const { action } = displayOf(item.data);
      const menu = !item.own && decreesFor(this.#chat, it, item.from).length > 0;
      const lead = !action && (!previous || previous.from.user !== item.from.user || previous.from.name !== item.from.name
        || item.time - previous.time > GROUP_MS);
      const unfolded = this.#unfolded.has(item.key);
      rows.push({ type: 'message', key: item.key, item, lead, menu, unfolded, sig: `${lead}${menu}${unfolded}${signatureOf(this.#chat, it, item)}` });
      previous = action ? null : item;
    }
    return rows;
  }

  #topRow(it, start) {
    if (it.stuck && start === 0) return { type: 'stuck', key: 'top', sig: `stuck${it.id}` };
    if (!it.complete || start > 0) return { type: 'loading', key: 'top', sig: 'loading' };
    if (it.kind === 'room' && !it.hasMessages) return { type: 'invite', key: 'top', sig: `invite${it.id}` };
    return { type: 'start', key: 'top', sig: `start${it.id}${it.title}` };
  }

  #plainRow(it, item) {
    if (item.kind === 'gap') {
      const missing = it.missingIn(item);
      return { type: 'gap', key: item.key, item, missing, sig: String(missing) };
    }
    if (item.kind === 'decree') {
      const undo = undoOf(this.#chat, it, item.decree);
      return { type: 'decree', key: item.key, item, undo, sig: undo?.label ?? '' };
    }
    const type = item.kind === 'restart' || item.kind === 'help' ? item.kind : 'notice';
    return { type, key: item.key, item, sig: '' };
  }

  #message(it, row) {
    return messageRow(this.#chat, it, row, {
      unfold: (item) => { this.#unfolded.add(item.key); this.draw(); },
      jump: (offset) => this.jump(offset),
      thread: (offset) => this.#chat.view.thread(offset),
    });
  }

  #make(it, row) {
    switch (row.type) {
      case 'loading': return h('li.top-row', { 'aria-hidden': 'true', data: { testid: 'loading' } }, h('span.top-dots'));
      case 'stuck': return h('li.top-row', {}, h('button.secondary', {
        type: 'button', onclick: () => this.#chat.retryEarlier(it), data: { testid: 'retry-earlier' },
      }, 'Try to load older messages again'));
      case 'start': return startRow(it);
      case 'invite': return inviteRow(it);
      case 'restart': return h('li.restart.row', { data: { testid: 'restart-line' } },
        h('span', {}, 'Room restarted: what is above is only on this screen.'));
      case 'help': return helpRow(row.item);
      case 'day': return h('li.day.row', {}, h('span', {}, dayLabel(row.time)));
      case 'unread': return h('li.unread-line', { data: { testid: 'unread-line' } }, h('span', {}, 'New'));
      case 'presence': return h('li.notice.row', { data: { testid: 'presence-notice' } }, presenceText(row.items));
      case 'decree': return this.#decree(it, row);
      case 'gap': return gapRow(row);
      case 'notice': return h('li.notice.row', { class: row.item.tone, data: { testid: 'notice' } }, row.item.text);
      default: return this.#message(it, row);
    }
  }

  #decree(it, { item, undo }) {
    const words = wordsOf(item.decree, this.#chat.me.user, (user) => this.#chat.nameIn(it, user));
    return h('li.notice.decree.row', { title: fullTimeOf(item.time), data: { testid: 'decree', type: item.decree.type } },
      icon('shield'), h('span.decree-text', {}, words.map((word) => (word.name === undefined ? word : h('bdi', {}, word.name)))),
      undo && h('button.decree-undo', { type: 'button', onclick: undo.run, data: { testid: 'decree-undo' } }, undo.label));
  }
}

/** People coming, going and changing their names are told in one line. */
const isPassing = ({ kind }) => kind === 'presence' || kind === 'rename';

/** Where the newest `it.shown` rows begin. A run of people coming and going is one row, however long. */
function firstShown(it) {
  let rows = 0;
  for (let i = it.items.length - 1; i > 0; i--) {
    const inRun = isPassing(it.items[i]) && isPassing(it.items[i - 1]);
    if (!inRun && ++rows >= it.shown) return i;
  }
  return 0;
}

function startRow(it) {
  if (it.kind === 'direct') {
    return h('li.start.row', {}, avatar(h('span'), { user: it.name, name: it.title }),
      h('h2', {}, h('bdi', {}, it.label)),
      h('p', {}, 'Direct messages reach this person right away while they are online. They are not kept on the server.'));
  }
  return h('li.start.row', {}, h('span.start-glyph', { 'aria-hidden': 'true' }, icon('hash')),
    h('h2', {}, h('bdi', {}, it.label)),
    h('p', {}, 'As far back as this room remembers. What is said here reaches everyone in it.'));
}

function gapRow({ item, missing }) {
  const text = missing <= 0 ? 'Caught up after an interruption.'
    : item.reason === 'conflated' ? `${plural(missing, 'entry', 'entries')} left out: newer ones have taken ${missing === 1 ? 'its' : 'their'} place.`
      : item.reason === 'slow' ? `${plural(missing, 'entry', 'entries')} skipped, because this connection could not keep up.`
        : `${plural(missing, 'entry', 'entries')} from while you were away ${missing === 1 ? 'is' : 'are'} no longer kept.`;
  return h('li.gap.row', { data: { testid: 'gap' }, title: `Offsets ${item.from} to ${item.to}` }, h('span', {}, text));
}

function helpRow({ commands }) {
  return h('li.notice.told.row', { data: { testid: 'help' } }, h('p', {}, 'What a line with a slash does:'),
    h('dl.help', {}, commands.map(({ usage, help }) => h('div', {}, h('dt', {}, usage), h('dd', {}, help)))),
    h('p', {}, 'A line that begins with // is sent with one slash. Only you see this.'));
}

/** "Ada and Bob joined · Cleo left": what a run of comings and goings amounts to. */
function presenceText(items) {
  const last = new Map();
  const first = new Map();
  const renamed = items.filter((item) => item.kind === 'rename');
  for (const item of items) {
    if (item.kind === 'rename') continue;
    if (!first.has(item.user)) first.set(item.user, item.verb);
    last.set(item.user, item);
  }
  const joined = [];
  const left = [];
  const visited = [];
  const back = [];
  for (const [user, item] of last) {
    const came = first.get(user) === 'joined';
    if (item.verb === 'joined') (came ? joined : back).push(item.name);
    else (came ? visited : left).push(item.name);
  }
  const parts = [];
  if (joined.length) parts.push(names(joined, 'joined'));
  if (left.length) parts.push(names(left, 'left'));
  if (back.length) parts.push(names(back, 'came back'));
  if (visited.length) parts.push(names(visited, 'came and went'));
  for (const { from, to } of renamed) parts.push([h('bdi', {}, nameShown(from)), ' is now ', h('bdi', {}, nameShown(to))]);
  return parts.flatMap((p, i) => (i ? [' · ', ...p] : p));
}

function names(all, verb) {
  const list = [...new Set(all)];   // two guests may go by one name
  const shown = list.length <= NAMES_IN_NOTICE + 1 ? list : list.slice(0, NAMES_IN_NOTICE);
  const nodes = shown.flatMap((name, i) => {
    const glue = i === 0 ? '' : i === list.length - 1 ? ' and ' : ', ';
    return [glue, h('bdi', {}, nameShown(name))];
  });
  if (shown.length < list.length) nodes.push(` and ${count(list.length - shown.length)} others`);
  return [...nodes, ` ${verb}`];
}
