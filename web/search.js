// SPDX-License-Identifier: Apache-2.0
//
// search.js: a list of messages to jump to: those that have all of some words, or those that answer one. In what the page has, and behind
// that in what the server keeps, page by page; what is read for it is not put into the stream.

import { $, h } from './dom.js';
import { lineOf } from './message.js';
import { asTold } from './changes.js';
import { displayOf, fullTimeOf, momentOf, plural, sentence } from './format.js';
import { patiently } from './patience.js';
import { isBlank, nameShown } from './words.js';

const PAGE = 200;
const PAGES_MAX = 50;
const FOUND_MAX = 100;
const AFTER_MS = 250;     // after the last key
const BEFORE_CHARS = 30;  // of a long message, in front of the first word that was looked for
const LINE_CHARS = 140;

/** The line of a message that has the words; of a long one, from a little in front of the first of them. */
function excerptOf(item, words) {
  const line = lineOf(item);
  const missing = words.find((word) => !line.toLocaleLowerCase().includes(word));
  if (missing === undefined) return line;
  const { text, json } = displayOf(item.data);
  const whole = (text ?? json).replace(/\s+/g, ' ');
  const at = whole.toLocaleLowerCase().indexOf(missing);
  return at < 0 ? line : `…${whole.slice(Math.max(0, at - BEFORE_CHARS), at + LINE_CHARS)}`;   // else it is in the author's name
}

/** The words stand out. */
function marked(line, words) {
  if (words.length === 0) return [line];
  const any = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|')})`, 'giu');
  return line.split(any).map((part, i) => (i % 2 ? h('mark', {}, part) : part));
}

export class Search {
  #chat; #stream; #turn = 0; #timer = null; #found = []; #it = null; #words = [];
  #dialog = $('search-dialog'); #input = $('search-input');

  constructor(chat, stream) {
    this.#chat = chat;
    this.#stream = stream;
    this.#input.addEventListener('input', () => { clearTimeout(this.#timer); this.#timer = setTimeout(() => this.#look(), AFTER_MS); });
    this.#input.addEventListener('keydown', (e) => { if (e.key === 'ArrowDown') { e.preventDefault(); $('search-list').querySelector('button')?.focus(); } });
    $('search-list').addEventListener('keydown', (e) => this.#onListKey(e));
    $('search-form').addEventListener('submit', (e) => { e.preventDefault(); clearTimeout(this.#timer); this.#look(); });
    $('search-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (e) => { if (e.target === this.#dialog) this.#dialog.close(); });
    this.#dialog.addEventListener('close', () => { this.#turn++; clearTimeout(this.#timer); });
  }

  /** Opens the search, with words to begin with. */
  find(words) {
    this.#open(`Search in ${this.#chat.active.label}`, true);
    this.#input.value = words;
    this.#input.focus();
    this.#look();
  }

  /** Opens the answers to a message. */
  thread(offset) {
    this.#open('Replies', false);
    this.#lookBack((item) => item.replyTo === offset, (before) => this.#chat.client.room(this.#it.name).thread(offset, { limit: PAGE, ...before }));
  }

  #open(title, typed) {
    this.#it = this.#chat.active;
    $('search-title').textContent = title;
    $('search-shown').textContent = typed ? '' : title;
    this.#words = [];
    this.#input.hidden = !typed;
    $('search-shown').hidden = typed;
    this.#show([], '');
    if (!this.#dialog.open) this.#dialog.showModal();
    if (!typed) $('search-close').focus();
  }

  #look() {
    const words = this.#words = this.#input.value.toLocaleLowerCase().split(/\s+/).filter((word) => !isBlank(word));
    this.#turn++;
    if (words.length === 0) return this.#show([], '');
    const fits = (item) => {
      const { text, json } = displayOf(item.data);
      const whole = `${text ?? json} ${item.from.name}`.toLocaleLowerCase();
      return words.every((word) => whole.includes(word));
    };
    this.#lookBack(fits, (before) => this.#chat.client.history(this.#it.name, { limit: PAGE, ...before }));
  }

  /** The newest first: what is here, then pages of the server. */
  async #lookBack(fits, pageOf) {
    const turn = ++this.#turn;
    const it = this.#it;
    const found = [...it.items, ...it.pending].filter((item) => item.kind === 'message' && !item.deleted && !item.past && fits(item)).reverse();
    const known = new Set(found.map((item) => item.offset));
    const more = it.kind === 'room' && it.status === 'joined' && this.#chat.online && !it.complete;
    this.#show(found, more ? 'Looking further back…' : '', more);
    let before = it.lowest ?? it.head + 1;
    try {
      for (let pages = 0; more && before > 1 && pages < PAGES_MAX && found.length < FOUND_MAX; pages++) {
        const { history } = await patiently(() => pageOf({ before }), () => turn === this.#turn);
        if (turn !== this.#turn) return;
        if (history.length === 0) break;
        before = Math.min(...history.map((entry) => entry.offset));
        for (const m of history.filter(({ type, offset }) => type === 'message' && !known.has(offset)).reverse()) {
          const item = { kind: 'message', offset: m.offset, time: m.time, from: m.from, ...asTold(m) };
          if (!item.deleted && fits(item)) found.push(item);
        }
        this.#show(found, 'Looking further back…', true);
      }
      this.#show(found, '');
    } catch (error) {
      if (turn === this.#turn) this.#show(found, sentence(error));
    }
  }

  #show(found, note, looking = false) {
    this.#found = found.slice(0, FOUND_MAX);
    const asked = this.#input.hidden || this.#input.value.trim() !== '';
    const told = found.length > FOUND_MAX ? `The newest ${FOUND_MAX}.` : found.length === 0 && asked ? 'Nothing found in what is kept.' : found.length > 0 ? `${plural(found.length, 'message')}.` : '';
    const text = note || (looking ? '' : told);
    if ($('search-note').textContent !== text) $('search-note').textContent = text;
    $('search-list').replaceChildren(...this.#found.map((item) => h('li', {}, h('button.search-row', {
      type: 'button', disabled: item.offset === undefined && this.#it.kind === 'room', onclick: () => this.#go(item), data: { testid: 'search-result', offset: item.offset ?? '' },
    }, h('span.search-head', {}, h('bdi', {}, nameShown(item.from.name)), ' ', h('time', { title: fullTimeOf(item.time) }, momentOf(item.time))), h('span.search-text', { dir: 'auto' }, marked(excerptOf(item, this.#words), this.#words))))));
  }

  #onListKey(e) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    const all = [...$('search-list').querySelectorAll('button')];
    const next = all[all.indexOf(document.activeElement) + step];
    (next ?? (step < 0 && !this.#input.hidden ? this.#input : null))?.focus();
  }

  #go(item) {
    this.#dialog.close();
    if (this.#chat.active !== this.#it) this.#chat.activate(this.#it);
    this.#stream.jumpTo(item);
  }
}
