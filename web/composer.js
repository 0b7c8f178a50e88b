// SPDX-License-Identifier: Apache-2.0
//
// composer.js: the message box: drafts per conversation, growing with its text, Enter to send, / for commands; what one answers or
// changes stands above it.

import { hindrance, isHeldUp, slowWait, slowWords, whenBack } from './allowed.js';
import { understand } from './commands.js';
import { Completion } from './completion.js';
import { $, h, icon } from './dom.js';
import { withEmoji } from './emoji.js';
import { count, sentence, utf8Length } from './format.js';
import { quoteOf } from './message.js';
import { nameShown, typed } from './words.js';

const HEIGHT_MAX = 220;    // px, about ten lines; scrolls inside from there
const ENVELOPE = 200;      // bytes of a message that are not its text
const SHOW_LEFT = 500;     // bytes left from which the count is shown
const KEPT = 'What you wrote is kept until then.';   // nothing is wrong with it

export class Composer {
  #chat; #stream; #on; #completion;
  #shown = null;         // what stands in the box: of which conversation, and of which message
  #blocked = false;      // one may not write here now
  #problem = null;       // what is wrong with what stands in the box
  #had_focus = false;    // when that began; it gets it back, if nobody has taken it elsewhere
  #input = $('composer-input'); #hint = $('composer-hint');

  /** `on`: {sign_in()} for a guest who would write if he were not one. */
  constructor(chat, stream, on) {
    this.#chat = chat;
    this.#stream = stream;
    this.#on = on;
    $('composer').addEventListener('submit', (e) => { e.preventDefault(); this.#send(); });
    this.#completion = new Completion(this.#input, $('completion'), () => this.#people());
    this.#input.addEventListener('input', () => this.#onInput());
    this.#input.addEventListener('keydown', (e) => this.#onKey(e));
    // Tapping "send" must not close the phone's keyboard.
    $('send').addEventListener('pointerdown', (e) => e.preventDefault());
  }

  focus() {
    // On a touch screen focus means a keyboard over half the page: only where the person asked for it.
    if (matchMedia('(hover: hover)').matches) this.#input.focus({ preventScroll: true });
  }

  /** Where the person has asked for it, on a phone as well. */
  focusNow() {
    this.draw();
    this.#input.focus({ preventScroll: true });
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  draw() {
    const it = this.#chat.active;
    const usable = it !== null && (it.status === 'joined' || it.status === 'joining');
    $('composer').hidden = !usable;
    this.#drawRemoved(it);
    if (!usable) return;
    const shown = `${it.id} ${it.editing?.offset ?? ''}`;
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#problem = null;
      this.#completion.close();
      this.#input.value = it.editing?.text ?? it.draft;
      this.#fit();
    }
    this.#drawAbout(it);
    const place = it.kind === 'room' ? `#${it.label}` : it.label;
    this.#input.placeholder = `Message ${place}`;
    this.#input.setAttribute('aria-label', `Message ${place}`);
    this.#drawState(it);
    this.#check();
  }

  #onKey(e) {
    // While an input method is composing, Enter belongs to it.
    if (e.isComposing || e.keyCode === 229 || this.#completion.key(e)) return;
    const it = this.#chat.active;
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      this.#send();
    } else if (e.key === 'Escape' && it && (it.editing || it.replyTo !== null)) {
      e.preventDefault();
      e.stopPropagation();
      this.#leave(it);
    } else if (e.key === 'ArrowUp' && !e.altKey && !e.shiftKey && this.#input.value === '' && it && !it.editing) {
      const own = this.#chat.outgoing.lastOwn(it);
      if (!own) return;
      e.preventDefault();
      this.#chat.outgoing.beginEdit(it, own);
    }
  }

  #leave(it) {
    if (it.editing) this.#chat.outgoing.leaveEdit(it);
    else this.#chat.outgoing.answer(it, null);
    this.draw();
  }

  #people() {
    const it = this.#chat.active;
    return it?.kind === 'room' ? [...it.members.values()].filter((m) => m.user !== this.#chat.me.user) : [];
  }

  /** What one answers or changes. */
  #drawAbout(it) {
    const bar = $('composer-about');
    const offset = it.editing?.offset ?? it.replyTo;
    bar.hidden = offset === null;
    if (bar.hidden) { bar.dataset.of = ''; return bar.replaceChildren(); }
    const { who, text } = quoteOf(it, offset);
    const of = `${it.id} ${offset} ${it.editing !== null} ${text}`;
    if (bar.dataset.of === of) return;
    bar.dataset.of = of;
    bar.replaceChildren(icon(it.editing ? 'pencil' : 'reply'),
      h('span.composer-about-text', {}, it.editing ? 'Changing your message: ' : ['Answering ', who && h('bdi.strong', {}, nameShown(who.name)), ': '], h('bdi', {}, text)),
      h('button.icon-button.small', {
        type: 'button', 'aria-label': it.editing ? 'Leave it as it is' : 'Answer nothing', title: 'Esc', onclick: () => { this.#leave(it); this.focus(); }, data: { testid: 'composer-leave' },
      }, icon('close')));
  }

  /** Why one may not write, or not yet, stands above the box: not a live region, as it counts down. */
  #drawState(it) {
    const why = hindrance(this.#chat, it);
    const wait = why ? 0 : slowWait(this.#chat, it);
    const text = why ? `${why.text}.` : wait > 0 ? `${slowWords(wait)}.` : '';
    const bar = $('composer-state');
    bar.hidden = text === '';
    if (bar.dataset.text !== `${it.id}|${text}`) {
      bar.dataset.text = `${it.id}|${text}`;
      const way = !why?.sign_in ? [] : [h('button.secondary', {
        type: 'button', onclick: () => this.#on.sign_in(), data: { testid: 'sign-in-to-write' },
      }, 'Sign in')];
      bar.replaceChildren(icon(why ? 'lock' : 'clock'), h('span', {}, text), ...way);
    }
    if (text === '') this.#input.removeAttribute('aria-describedby');
    else this.#input.setAttribute('aria-describedby', 'composer-state');
    if (why) this.#input.placeholder = 'You cannot write here now';
    else if (isHeldUp(this.#chat, it)) this.#input.placeholder += ' (slow mode)';
    if (text === '' && this.#problem === KEPT) this.#complain(null);   // then is now
    this.#block(why !== null);
  }

  #block(blocked) {
    if (blocked === this.#blocked) return;
    const focused = document.activeElement === this.#input;
    this.#blocked = blocked;
    this.#input.disabled = blocked;   // and without the focus; Tab goes on from here all the same
    $('composer').classList.toggle('blocked', blocked);
    if (!blocked && this.#had_focus && document.activeElement === document.body) this.focus();
    this.#had_focus = blocked && focused;
  }

  /** Who was removed from a room may still read what is there, and is told so where one would write. */
  #drawRemoved(it) {
    const bar = $('removed');
    bar.hidden = !(it?.status === 'removed' && it.items.length > 0);
    if (bar.hidden) return bar.replaceChildren();
    bar.replaceChildren(h('span', {}, `${sentence(it.error)} ${whenBack(it.error)}`),
      h('button.secondary', {
        type: 'button', onclick: () => this.#chat.rejoin(it), data: { testid: 'rejoin' },
      }, it.error.code === 'banned' ? 'Try again' : 'Join again'),
      h('button.secondary', { type: 'button', onclick: () => this.#chat.close(it) }, 'Close'));
  }

  #onInput() {
    const it = this.#chat.active;
    if (it?.editing) it.editing.text = this.#input.value;
    else if (it) {
      it.draft = this.#input.value;
      this.#chat.typing.typed(it, it.draft);
    }
    this.#completion.update();
    this.#problem = null;
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
    $('send').disabled = this.#blocked || typed(text) === '' || left < 0;
    this.#hint.classList.toggle('over', left < 0 || (this.#problem !== null && this.#problem !== KEPT));
    const hint = left < 0 ? `Too long by ${count(-left)} bytes.` : this.#problem ?? (left < SHOW_LEFT ? `${count(left)} bytes left.` : '');
    if (this.#hint.textContent !== hint) this.#hint.textContent = hint;   // a live region speaks on every write
    return left >= 0;
  }

  #send() {
    const it = this.#chat.active;
    const text = typed(this.#input.value);
    if (!it || this.#blocked || text === '' || !this.#check()) return;
    this.#completion.close();
    if (it.editing) return this.#sendEdit(it, withEmoji(text));
    const { say, problem, run } = understand(text);
    if (problem) return this.#complain(problem);
    const wait = say === undefined ? 0 : slowWait(this.#chat, it);
    if (wait > 0) return this.#complain(KEPT);
    this.#clear(it);
    if (run) return this.#run(it, run, text);
    this.#chat.outgoing.say(it, withEmoji(say));
    this.#chat.view.changed('all');
    this.#stream.toEnd();
  }

  /** What cannot be changed comes back, as commands do. */
  async #sendEdit(it, text) {
    const { editing } = it;
    this.#chat.outgoing.leaveEdit(it);
    try {
      await this.#chat.outgoing.edit(it, editing, text);
    } catch (error) {
      if (this.#chat.active !== it || it.editing) return this.#chat.view.toast(sentence(error), 'error');
      const { version = editing.offset } = it.byOffset.get(editing.offset) ?? {};
      it.editing = { ...editing, text, version };
      this.draw();
      this.#complain(error.code === 'conflict' ? 'It has been changed meanwhile. Enter lets it say this all the same.' : sentence(error));
    }
  }

  #clear(it) {
    this.#input.value = '';
    this.#problem = null;
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
    this.#problem = problem;
    this.#check();
  }
}
