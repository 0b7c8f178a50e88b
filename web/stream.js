// SPDX-License-Identifier: Apache-2.0
//
// stream.js: draws the active conversation as rows and looks after scrolling.
//
// Every draw derives the list of rows anew from the conversation (days, groups of one author, runs of people
// coming and going, gaps) and lets reconcile() touch only what differs. That is simple, and with at most
// `shown` rows it costs well under a frame. The page draws at most once per animation frame.

import { $, h, icon, reconcile } from './dom.js';
import {
  avatar, count, dayKey, dayLabel, displayOf, fullTimeOf, hueOf, linked, plural, sentence, timeOf,
} from './format.js';
import { wordsOf } from './decrees.js';
import { inviteRow } from './invite.js';
import { decreesFor, openPersonMenu, undoOf } from './moderation.js';
import { nameShown } from './words.js';

const GROUP_MS = 5 * 60_000;    // one author's messages within this are one group
const WINDOW = 300;             // rows drawn while at the newest message; more as one scrolls up
const PINNED_PX = 48;           // this near to the end counts as being there
const PILL_PX = 240;            // this far from it the way back is offered
const NAMES_IN_NOTICE = 3;
const LONG_CHARS = 2400;        // longer messages are folded
const LONG_LINES = 28;

export class Stream {
  #chat; #shownId = null; #lastKey = null; #unseen = 0; #unfolded = new Set(); #height = 0;
  #keys = new WeakMap();   // row element -> key of its row
  #box = $('stream'); #rows = $('rows'); #pill = $('pill');

  constructor(chat) {
    this.#chat = chat;
    this.#box.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    this.#pill.addEventListener('click', () => this.toEnd());
    this.#rows.addEventListener('keydown', (e) => this.#onAuthorKey(e));
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

    this.#offerAuthor(it);
    if (it.scroll.pinned) this.#pin();
    else if (changed) box.scrollTop = it.scroll.top;
    else if (anchor) this.#holdTo(anchor);

    this.#countUnseen(it, changed);
    // A first page too short to scroll would leave no way to ask for more.
    if (box.scrollHeight <= box.clientHeight + 1) this.#chat.loadEarlier(it);
  }

  /** Where authors have menus one of them is in the order of Tab, the newest; the arrow keys go to the others. */
  #offerAuthor(it) {
    const authors = [...this.#rows.querySelectorAll('.msg-author[aria-haspopup]')];
    for (const author of authors) author.tabIndex = -1;
    const at = authors.includes(document.activeElement) ? document.activeElement : authors.at(-1);
    if (at && it.kind === 'room') at.tabIndex = 0;
  }

  #onAuthorKey(e) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    if (!step || e.altKey || !e.target.matches('.msg-author[aria-haspopup]')) return;
    e.preventDefault();
    const authors = [...this.#rows.querySelectorAll('.msg-author[aria-haspopup]')];
    const next = authors[authors.indexOf(e.target) + step];
    if (!next) return;
    e.target.tabIndex = -1;
    next.tabIndex = 0;
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
      rows.push({ type: 'message', key: item.key, item, lead, menu,
        sig: `${lead}${menu}${item.state}${item.offset ?? ''}${item.delivered ?? ''}${this.#unfolded.has(item.key)}` });
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

  #message(it, { item, lead, menu }) {
    const { from } = item;
    const openAuthor = (e) => {
      if (menu) openPersonMenu(this.#chat, it, from, e.currentTarget);
      else if (!item.own && it.kind === 'room') this.#chat.open('direct', from.user, from.name);
    };
    const time = h('time', { datetime: new Date(item.time).toISOString(), title: fullTimeOf(item.time) }, timeOf(item.time));
    const body = h('div.msg-body', {}, lead && h('div.msg-head', {},
      h(`button.msg-author.${hueOf(from.user)}`, { type: 'button', onclick: openAuthor, tabindex: -1, 'aria-haspopup': menu ? 'menu' : null, data: { testid: 'author' },
        title: item.own ? `${nameShown(from.name)} (you)` : `${nameShown(from.name)} · ${from.user}` }, h('bdi', {}, nameShown(from.name))),
      item.own && h('span.tag', {}, 'you'), time));
    const [content, ...more] = this.#content(item);
    body.append(h('div.msg-line', {}, content, this.#mark(it, item)), ...more);
    if (item.state === 'failed') body.append(this.#failure(it, item));
    const side = lead
      ? avatar(h('span', { 'aria-hidden': 'true' }), from)
      : h('span.msg-side', {}, time);
    return h('li.msg.row', {
      class: `${lead ? 'lead' : ''} ${item.own ? 'own' : ''} ${item.state} ${item.mention ? 'mention' : ''}`,
      data: { testid: 'message', state: item.state, offset: item.offset ?? '', own: item.own ? 'true' : 'false' },
    }, side, body);
  }

  #content(item) {
    const { text, json, action } = displayOf(item.data);
    if (json !== undefined) return [h('pre.msg-json', { data: { testid: 'message-text' }, tabindex: 0 }, json)];
    const long = text.length > LONG_CHARS || text.split('\n', LONG_LINES + 2).length > LONG_LINES;
    const folded = long && !this.#unfolded.has(item.key);
    const node = h('div.msg-text', {
      dir: 'auto', class: `${folded ? 'folded' : ''} ${action ? 'action' : ''} ${text === '' ? 'empty' : ''}`, data: { testid: 'message-text' },
    }, action && ['* ', h('bdi', {}, nameShown(item.from.name)), ' '], text === '' ? '(an empty message)' : linked(text));
    if (!folded) return [node];
    const unfold = () => { this.#unfolded.add(item.key); this.draw(); };
    return [node, h('button.unfold', { type: 'button', onclick: unfold }, `Show all (${plural(text.length, 'character')})`)];
  }

  /** What stands behind an own message: on its way, or delivered. */
  #mark(it, item) {
    const mark = (text, picture, data) => h('span.msg-state', { title: text, data },
      icon(picture), h('span.visually-hidden', {}, text));
    if (item.state === 'pending') return mark('Sending', 'clock', {});
    if (it.kind === 'direct' && item.own && item.delivered) {
      const text = item.delivered === 1 ? 'Delivered' : `Delivered to ${count(item.delivered)} sessions`;
      return mark(text, 'check', { testid: 'delivered' });
    }
    return null;
  }

  #failure(it, item) {
    return h('div.msg-failed', { role: 'alert', data: { testid: 'message-failed' } },
      icon('alert'), h('span', {}, sentence(item.error)),
      h('button', { type: 'button', onclick: () => this.#chat.retry(it, item) }, 'Try again'),
      h('button', { type: 'button', onclick: () => this.#chat.discard(it, item) }, 'Discard'));
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
