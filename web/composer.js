// SPDX-License-Identifier: Apache-2.0
//
// composer.js: the message box: drafts per conversation, growing with its text, Enter to send, / for commands.

import { understand } from './commands.js';
import { $, h } from './dom.js';
import { count, sentence, utf8Length } from './format.js';
import { typed } from './words.js';

const HEIGHT_MAX = 220;    // px, about ten lines; scrolls inside from there
const ENVELOPE = 200;      // bytes of a message that are not its text
const SHOW_LEFT = 500;     // bytes left from which the count is shown

export class Composer {
  #chat; #stream; #shown = null;
  #input = $('composer-input'); #hint = $('composer-hint');

  constructor(chat, stream) {
    this.#chat = chat;
    this.#stream = stream;
    $('composer').addEventListener('submit', (e) => { e.preventDefault(); this.#send(); });
    this.#input.addEventListener('input', () => this.#onInput());
    this.#input.addEventListener('keydown', (e) => {
      // While an input method is composing, Enter belongs to it.
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return;
      e.preventDefault();
      this.#send();
    });
    // Tapping "send" must not close the phone's keyboard.
    $('send').addEventListener('pointerdown', (e) => e.preventDefault());
  }

  focus() {
    // On a touch screen focus means a keyboard over half the page: only where the person asked for it.
    if (matchMedia('(hover: hover)').matches) this.#input.focus({ preventScroll: true });
  }

  draw() {
    const it = this.#chat.active;
    const usable = it !== null && (it.status === 'joined' || it.status === 'joining');
    $('composer').hidden = !usable;
    this.#drawRemoved(it);
    if (!usable) return;
    if (this.#shown !== it.id) {
      this.#shown = it.id;
      this.#input.value = it.draft;
      this.#fit();
    }
    const place = it.kind === 'room' ? `#${it.label}` : it.label;
    this.#input.placeholder = `Message ${place}`;
    this.#input.setAttribute('aria-label', `Message ${place}`);
    this.#check();
  }

  /** Who was removed from a room may still read what is there, and is told so where one would write. */
  #drawRemoved(it) {
    const bar = $('removed');
    bar.hidden = !(it?.status === 'removed' && it.items.length > 0);
    if (bar.hidden) return bar.replaceChildren();
    bar.replaceChildren(h('span', {}, sentence(it.error)),
      h('button.secondary', {
        type: 'button', onclick: () => this.#chat.rejoin(it), data: { testid: 'rejoin' },
      }, 'Join again'),
      h('button.secondary', { type: 'button', onclick: () => this.#chat.close(it) }, 'Close'));
  }

  #onInput() {
    if (this.#chat.active) this.#chat.active.draft = this.#input.value;
    this.#fit();
    this.#check();
  }

  #fit() {
    const { style } = this.#input;
    style.height = 'auto';
    style.height = `${Math.min(this.#input.scrollHeight, HEIGHT_MAX)}px`;
    style.overflowY = this.#input.scrollHeight > HEIGHT_MAX ? 'auto' : 'hidden';
    // Measuring made the box small for a moment and the stream tall, which moved its end.
    this.#stream.settle();
  }

  /** Says how much still fits once that is little. */
  #check() {
    const text = this.#input.value;
    const max = (this.#chat.client.session?.limits?.message_bytes ?? 65_536) - ENVELOPE;
    const left = text.length * 3 < max - SHOW_LEFT ? Infinity : max - utf8Length(JSON.stringify(text));
    $('send').disabled = typed(text) === '' || left < 0;
    this.#hint.classList.toggle('over', left < 0);
    this.#hint.textContent = left < 0 ? `Too long by ${count(-left)} bytes.`
      : left < SHOW_LEFT ? `${count(left)} bytes left.` : '';
    return left >= 0;
  }

  #send() {
    const it = this.#chat.active;
    const text = typed(this.#input.value);
    if (!it || text === '' || !this.#check()) return;
    const { say, problem, run } = understand(text);
    if (problem) return this.#complain(problem);
    this.#clear(it);
    if (run) return this.#run(it, run, text);
    this.#chat.say(it, say);
    this.#stream.toEnd();
  }

  #clear(it) {
    this.#input.value = '';
    it.draft = '';
    this.#fit();
    this.#check();
  }

  /** A command that cannot be done comes back into the box, to be mended. */
  async #run(it, run, text) {
    const problem = await run(this.#chat, it);
    if (!problem) return this.#chat.active === it && this.#stream.toEnd();
    if (this.#chat.active !== it || this.#input.value !== '') return this.#chat.tell(it, problem);
    this.#input.value = it.draft = text;
    this.#fit();
    this.#complain(problem);
  }

  #complain(problem) {
    this.#hint.classList.add('over');
    this.#hint.textContent = problem;
  }
}
