// SPDX-License-Identifier: Apache-2.0
//
// switcher.js: Ctrl/Cmd+K: one box that finds every room and person, and makes a room that does not exist yet.

import { $, h, icon, reconcile } from './dom.js';
import { avatar, plural } from './format.js';
import { nameShown } from './words.js';

const RESULTS_MAX = 12;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class Switcher {
  #chat; #dialog = $('switcher'); #input = $('switcher-input'); #list = $('switcher-list');
  #results = []; #at = 0;

  constructor(chat) {
    this.#chat = chat;
    this.#input.addEventListener('input', () => { this.#at = 0; this.#draw(); });
    this.#input.addEventListener('keydown', (e) => this.#onKey(e));
    this.#dialog.addEventListener('click', (e) => { if (e.target === this.#dialog) this.#dialog.close(); });
  }

  open() {
    if (this.#dialog.open) return this.#dialog.close();
    this.#chat.directory.refresh().then(() => { if (this.#dialog.open) this.#draw(); });
    this.#input.value = '';
    this.#at = 0;
    this.#dialog.showModal();
    this.#draw();
    this.#input.focus();
  }

  /** Everything one can go to, best match first; unread conversations lead while nothing is typed. */
  #find(query) {
    const chat = this.#chat;
    const found = [];
    const offer = (kind, name, title, detail, bonus) => {
      const score = match(title, query) || (kind === 'direct' && match(name, query) ? 1 : 0);
      if (score > 0) found.push({ kind, name, title, detail, score: score + bonus });
    };
    const open = (it) => (it === chat.active ? -0.5 : 0) + (it ? 0.3 : 0) + (it?.unread ? 0.4 : 0);
    for (const room of chat.directory.list) {
      offer('room', room.name, room.name, plural(room.count, 'person', 'people'), open(room.open));
    }
    const people = new Map();
    for (const it of chat.list) {
      if (it.kind === 'direct') people.set(it.name, { title: it.title, it });
      for (const m of it.members.values()) if (!people.has(m.user)) people.set(m.user, { title: m.name, it: null });
    }
    people.delete(chat.me.user);
    for (const [user, { title, it }] of people) {
      offer('direct', user, title, { online: 'Online', away: 'Away' }[chat.directory.presenceOf(user)] ?? '', open(it) - 0.1);
    }
    found.sort((a, b) => b.score - a.score || collator.compare(a.title, b.title));
    const results = found.slice(0, RESULTS_MAX);
    const name = query.replace(/^#+/, '').trim();
    if (name && !chat.directory.list.some((r) => r.name === name)) {
      results.push({ kind: 'new', name, title: name, detail: 'Create or join', score: 0 });
    }
    return results;
  }

  #draw() {
    this.#results = this.#find(this.#input.value.trim());
    this.#at = Math.max(0, Math.min(this.#at, this.#results.length - 1));
    reconcile(this.#list, this.#results.map((result, index) => ({
      key: `${result.kind}:${result.name}`, sig: `${index}|${index === this.#at}|${result.detail}`, result, index,
    })), ({ result, index }) => this.#option(result, index));
    const chosen = this.#list.children[this.#at];
    chosen?.scrollIntoView({ block: 'nearest' });
    this.#input.setAttribute('aria-activedescendant', chosen?.id ?? '');
  }

  #option(result, index) {
    const face = result.kind === 'direct'
      ? avatar(h('span', { 'aria-hidden': 'true' }), { user: result.name, name: result.title })
      : h('span.glyph', { 'aria-hidden': 'true' }, icon(result.kind === 'new' ? 'plus' : 'hash'));
    return h('li.option', {
      role: 'option', id: `option-${index}`, 'aria-selected': index === this.#at, onclick: () => this.#choose(result),
      onpointermove: () => { if (this.#at !== index) { this.#at = index; this.#draw(); } },
      data: { testid: 'switcher-option', kind: result.kind, name: result.name },
    }, face, h('bdi.option-name', { title: nameShown(result.title) }, nameShown(result.title)), h('span.option-detail', {}, result.detail));
  }

  #onKey(e) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && !e.altKey) {
      e.preventDefault();
      const n = this.#results.length;
      if (n) this.#at = (this.#at + step + n) % n;
      this.#draw();
    } else if (e.key === 'Enter' && !e.isComposing) {
      e.preventDefault();
      if (this.#results[this.#at]) this.#choose(this.#results[this.#at]);
    }
  }

  #choose({ kind, name, title }) {
    this.#dialog.close();
    if (kind === 'direct') this.#chat.open('direct', name, { title });
    else this.#chat.open('room', name);
  }
}

/** 3 equal, 2.5 prefix, 2 a word's beginning, 1.5 anywhere, 1 the letters in order, 0 no. */
function match(text, query) {
  const t = text.toLowerCase();
  const q = query.toLowerCase().replace(/^[#@]+/, '');
  if (q === '') return 1;
  if (t === q) return 3;
  const at = t.indexOf(q);
  if (at === 0) return 2.5;
  if (at > 0) return /[\p{L}\p{N}]/u.test(t[at - 1]) ? 1.5 : 2;
  let i = 0;
  for (const c of t) if (c === q[i]) i++;
  return i === q.length ? 1 : 0;
}
