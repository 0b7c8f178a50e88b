// SPDX-License-Identifier: Apache-2.0
//
// notify.js: desktop notifications of mentions and direct messages that come while nobody looks at the page. It is asked for when the
// first one would have been of use, by a line in the page whose button asks the browser: browsers let nobody ask without a click. What
// has been read, here or on another device, is taken off the desktop.

import { $, h, icon } from './dom.js';
import { person } from './settings.js';
import { displayOf } from './format.js';
import { lineOf } from './message.js';
import { nameShown } from './words.js';

const there = () => 'Notification' in globalThis;

export class Notify {
  #chat;
  #shown = new Map();   // conversation -> what is on the desktop of it

  constructor(chat) {
    this.#chat = chat;
    $('notify-choice').addEventListener('change', (e) => this.#choose(e.target.checked));
  }

  /** Something came that is meant for this person, and was not seen coming. */
  tell(it, item) {
    if (!there() || person.notify === false || Notification.permission === 'denied') return;
    if (Notification.permission === 'granted' && person.notify) {
      if (!this.#chat.focused) this.#show(it, item);
    } else if (!this.#chat.focused) this.#ask();
  }

  #show(it, item) {
    const { action } = displayOf(item.data);
    const who = nameShown(item.from.name);
    try {
      const note = new Notification(it.kind === 'room' ? `${who} in #${it.label}` : who, {
        body: `${action ? `${who} ` : ''}${lineOf(item)}`, tag: `plenum ${it.id}`, renotify: true, icon: '/favicon.svg',
      });
      this.#shown.set(it, note);
      note.onclick = () => { window.focus(); this.#chat.activate(it); note.close(); };
    } catch { /* Chromium on Android has the name, and nothing behind it */ }
  }

  /** Something has been read. */
  clear() {
    for (const [it, note] of this.#shown) {
      if (it.unread > 0) continue;
      note.close();
      this.#shown.delete(it);
    }
  }

  /** Stays until it is answered: who was away finds it. */
  #ask() {
    const bar = $('notify-ask');
    if (!bar.hidden) return;
    const answer = (wanted) => { bar.hidden = true; this.#choose(wanted); };
    bar.replaceChildren(icon('bell'), h('span.banner-text', {}, 'Somebody wanted to reach you while you were not looking. Be told next time?'),
      h('button.banner-button', { type: 'button', onclick: () => answer(true), data: { testid: 'notify-yes' } }, 'Tell me'),
      h('button.banner-button', { type: 'button', onclick: () => answer(false), data: { testid: 'notify-no' } }, 'No'));
    bar.hidden = false;
  }

  async #choose(wanted) {
    person.notify = wanted;
    if (wanted && there() && Notification.permission === 'default') await Notification.requestPermission();
    this.drawChoice();
  }

  /** In the profile. */
  drawChoice() {
    const denied = there() && Notification.permission === 'denied';
    $('notify-choice').disabled = !there() || denied;
    $('notify-choice').checked = there() && Notification.permission === 'granted' && person.notify === true;
    $('notify-note').hidden = there() && !denied;
    $('notify-note').textContent = denied ? 'The browser is set not to let this page notify you.' : 'This browser has no notifications for pages on plain http.';
  }
}
