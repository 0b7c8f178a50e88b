// SPDX-License-Identifier: Apache-2.0
//
// typing.js: who is typing. A signal {"typing": true} says so to those who are in the room, at most once in TELL_MS while somebody types,
// and {"typing": false} that he does not go on; what is said says that by itself, and so does leaving. One that is not repeated is
// forgotten. What others send may be anything, so nothing but that is looked at.

import { maySpeak, rightsOf } from './allowed.js';
import { $, h } from './dom.js';
import { person } from './settings.js';
import { nameShown } from './words.js';

const TELL_MS = 3_000;
const GONE_MS = 6_000;     // two of these may be lost on the way
const TURN_MS = 500;      // a server tells signals behind what is said in the same turn, and of several the last
const SPEAK_MS = 30_000;   // who listens to the page is told no more often than this
const NAMED_MAX = 3;
const PEOPLE_MAX = 100;    // per room

export class Typing {
  #chat;
  #of = new Map();         // conversation -> Map(user -> {name, until})
  #told = new WeakMap();   // conversation -> when we have told others last
  #clock = 0;

  constructor(chat) { this.#chat = chat; }

  /** The text in the box has changed. */
  typed(it, text) {
    const chat = this.#chat;
    const says = text.trim() !== '' && !/^\/(?!\/)/.test(text);
    if (!says) return this.stopped(it);
    if (it.kind !== 'room' || !person.tellTyping || it.membersCount < 2 || !maySpeak(chat, it) || !rightsOf(chat, it).may('signal')) return;
    if (performance.now() - (this.#told.get(it) ?? -TELL_MS) < TELL_MS) return;
    if (chat.client.signal(it.name, { typing: true })) this.#told.set(it, performance.now());
  }

  /** What one has begun is not gone on with, or is for later. */
  stopped(it) {
    const at = this.#told.get(it);
    this.#told.delete(it);
    if (at !== undefined && performance.now() - at < GONE_MS && it.status === 'joined') this.#chat.client.signal(it.name, { typing: false });
  }

  /** It is said. A signal of just before might come behind it, and would say that one goes on. */
  said(it) {
    if (performance.now() - (this.#told.get(it) ?? -TURN_MS) < TURN_MS) this.stopped(it);
    this.#told.delete(it);
  }

  /** A signal of somebody. */
  heard(it, { from, data }) {
    if (data === null || typeof data !== 'object' || typeof data.typing !== 'boolean' || typeof from?.user !== 'string') return;
    if (from.user === this.#chat.me.user) return;
    if (!data.typing) return this.forget(it, from.user);
    if (!this.#of.has(it)) this.#of.set(it, new Map());
    const people = this.#of.get(it);
    if (!people.has(from.user) && people.size >= PEOPLE_MAX) return;
    people.set(from.user, { name: String(from.name), until: performance.now() + GONE_MS });
    this.#wind();
    this.#chat.view.changed('typing');
  }

  /** Somebody has said something, or is gone; without `user`, everybody. */
  forget(it, user) {
    const people = this.#of.get(it);
    if (!people) return;
    if (user === undefined) people.clear();
    else people.delete(user);
    if (people.size === 0) this.#of.delete(it);
    this.#chat.view.changed('typing');
  }

  /** Their names. */
  who(it) {
    return [...this.#of.get(it)?.values() ?? []].map(({ name }) => name);
  }

  /** One timer, for the next who is to be forgotten. */
  #wind() {
    if (this.#clock) return;
    const next = Math.min(...[...this.#of.values()].flatMap((people) => [...people.values()].map(({ until }) => until)));
    if (next === Infinity) return;
    this.#clock = setTimeout(() => {
      this.#clock = 0;
      for (const [it, people] of [...this.#of]) {
        for (const [user, { until }] of [...people]) if (until <= performance.now()) this.forget(it, user);
      }
      this.#wind();
    }, Math.max(0, next - performance.now()));
  }
}

/** The line above the message box. */
export class TypingLine {
  #chat; #spoken = new WeakMap(); #drawn = '';

  constructor(chat) { this.#chat = chat; }

  draw() {
    const it = this.#chat.active;
    const names = it?.status === 'joined' ? this.#chat.typing.who(it) : [];
    const key = JSON.stringify([it?.id, names]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const box = $('typing');
    box.classList.toggle('on', names.length > 0);
    box.replaceChildren(...(names.length ? [h('span.typing-dots', { 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span.typing-text', {}, words(names))] : []));
    if (names.length > 0) this.#speak(it, names);
  }

  /** That somebody begins is worth a word; every key is not. */
  #speak(it, names) {
    if (performance.now() - (this.#spoken.get(it) ?? -SPEAK_MS) < SPEAK_MS) return;
    this.#spoken.set(it, performance.now());
    this.#chat.view.announce(line(names));
  }
}

function words(all) {
  if (all.length > NAMED_MAX) return ['Several people are typing'];
  const parts = all.flatMap((name, i) => [i === 0 ? '' : i === all.length - 1 ? ' and ' : ', ', h('bdi', {}, nameShown(name))]);
  return [...parts, all.length === 1 ? ' is typing' : ' are typing'];
}

const line = (all) => words(all).map((part) => part.textContent ?? part).join('');
