// SPDX-License-Identifier: Apache-2.0
//
// completion.js: what the message box offers while one types: people behind @, emoji behind a colon. By the ARIA pattern of a text box
// with a list: the focus stays in the box, the arrow keys choose, Enter and Tab take, Esc closes.

import { h } from './dom.js';
import { emojiCalled } from './emoji.js';
import { avatar } from './format.js';
import { nameShown } from './words.js';

const ROWS_MAX = 8;
const EMOJI = /(?:^|[\s(])(:[a-z0-9_+-]{2,32})$/i;
const PERSON = /(?:^|[\s([{"'])(@[^\n@]{0,64})$/u;

export class Completion {
  #input; #box; #people; #rows = []; #at = -1; #token = '';

  /** `people()`: those who may be called here, as {user, name}. */
  constructor(input, box, people) {
    this.#input = input;
    this.#box = box;
    this.#people = people;
    input.addEventListener('blur', () => this.close());
  }

  get open() { return this.#rows.length > 0; }

  /** After each change of the text. */
  update() {
    const { selectionStart, selectionEnd, value } = this.#input;
    const before = selectionStart === selectionEnd ? value.slice(Math.max(0, selectionStart - 100), selectionStart) : '';
    const emoji = EMOJI.exec(before)?.[1];
    const person = emoji ? undefined : PERSON.exec(before)?.[1];
    this.#token = emoji ?? person ?? '';
    this.#rows = emoji ? emojiRows(emoji.slice(1)) : person ? this.#personRows(person.slice(1)) : [];
    // Who has typed a whole name may mean just that: Enter sends then, unless one has been chosen.
    const typed = this.#token.slice(1).toLowerCase();
    this.#at = typed === '' || this.#rows.some((row) => row.whole === typed) ? -1 : 0;
    if (this.#rows.length === 1 && this.#rows[0].whole === typed) this.#rows = [];
    this.#draw();
  }

  #personRows(part) {
    const wanted = part.normalize('NFC').toLowerCase();
    const people = this.#people().map((m) => ({ ...m, folded: m.name.normalize('NFC').toLowerCase() }));
    const starts = people.filter((m) => m.folded.startsWith(wanted));
    const within = wanted === '' || wanted.includes(' ') ? [] : people.filter((m) => !m.folded.startsWith(wanted) && m.folded.split(/\s+/).some((w) => w.startsWith(wanted)));
    return [...starts, ...within].slice(0, ROWS_MAX)
      .map((m) => ({ text: `@${m.name} `, whole: m.folded, key: m.user, shown: [avatar(h('span', { 'aria-hidden': 'true' }), m), h('bdi.option-name', {}, nameShown(m.name))] }));
  }

  close() {
    if (!this.open) return;
    this.#rows = [];
    this.#draw();
  }

  /** True if the key was meant for the list. */
  key(e) {
    if (!this.open || e.isComposing || e.altKey || e.ctrlKey || e.metaKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const n = this.#rows.length;
    if (step) this.#at = this.#at < 0 ? (step > 0 ? 0 : n - 1) : (this.#at + step + n) % n;
    else if (e.key === 'Escape') this.#rows = [];
    else if ((e.key === 'Enter' && !e.shiftKey) || (e.key === 'Tab' && !e.shiftKey)) {
      if (this.#at < 0) { this.close(); return false; }
      this.#take(this.#rows[this.#at]);
    } else return false;
    e.preventDefault();
    e.stopPropagation();
    this.#draw();
    return true;
  }

  #take({ text }) {
    const input = this.#input;
    const end = input.selectionStart;
    input.setRangeText(text, end - this.#token.length, end, 'end');
    this.#rows = [];
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }

  #draw() {
    const box = this.#box;
    box.hidden = !this.open;
    box.replaceChildren(...this.#rows.map((row, i) => h('li.option', {
      id: `completion-${i}`, role: 'option', 'aria-selected': i === this.#at, data: { testid: 'completion-option', key: row.key },
      onpointerdown: (e) => e.preventDefault(),   // the focus stays where one types
      onclick: () => { this.#take(row); this.#draw(); },
    }, row.shown)));
    box.children[this.#at]?.scrollIntoView({ block: 'nearest' });
    if (this.#at >= 0 && this.open) this.#input.setAttribute('aria-activedescendant', `completion-${this.#at}`);
    else this.#input.removeAttribute('aria-activedescendant');
  }
}

function emojiRows(part) {
  return emojiCalled(part, ROWS_MAX).map(({ name, emoji }) => ({
    text: `${emoji} `, whole: name, key: emoji, shown: [h('span.option-emoji', { 'aria-hidden': 'true' }, emoji), h('span.option-name', {}, `:${name}:`)],
  }));
}
