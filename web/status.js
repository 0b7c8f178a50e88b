// SPDX-License-Identifier: Apache-2.0
//
// status.js: how the connection is doing (the dot, the banner, the countdown), toasts, and what screen readers
// are told.

import { $, h, icon, setText } from './dom.js';

const GRACE_MS = 1200;       // a cut shorter than this is not worth a banner
const TOASTS_MAX = 4;
const TOAST_MS = 6500;
const ANNOUNCE_MS = 700;     // at most one spoken line in this time; the newest wins

export class Status {
  #chat; #since = performance.now(); #clock = null; #lost = false;

  /** `on`: {renew()} for who wants to bring a new token. */
  constructor(chat, on) {
    this.#chat = chat;
    $('banner-button').addEventListener('click', () => {
      const { state } = chat.client;
      if (state === 'open' || chat.ended) on.renew();
      else if (state === 'closed') chat.client.connect();
      else chat.client.reconnectNow();
    });
    chat.client.on('token_expiring', () => {
      this.#tick(chat.client.state);
      if (chat.expiresAt !== null) announce(this.#expiry());
    });
    chat.client.on('token_refreshed', () => { this.#tick(chat.client.state); announce('You stay signed in.'); });
    chat.client.on('state', ({ state, previous }) => {
      if (previous === 'open' || previous === 'closed' || previous === 'idle') this.#since = performance.now();
      this.#tick(state);
      this.#tell(state, previous);
      this.draw();
    });
  }

  /** The turns of the connection in words, once each: a countdown read out every second would be torture. */
  #tell(state, previous) {
    if (state === 'open') { if (this.#lost) announce('Connected again.'); this.#lost = false; }
    if (state === 'waiting' && previous === 'open') announce('The connection was lost. Reconnecting.');
    if (state === 'closed') announce('Disconnected.');
    this.#lost ||= state === 'waiting' || state === 'closed';
  }

  /** The countdown is the one thing on the page that changes by itself, and only while it is shown. */
  #tick(state) {
    clearInterval(this.#clock);
    const counts = state === 'open' ? this.#chat.expiresAt !== null : state !== 'closed';
    this.#clock = counts ? setInterval(() => this.draw(), 250) : null;
  }

  #expiry() {
    const seconds = Math.max(0, Math.ceil((this.#chat.expiresAt - Date.now()) / 1000));
    return `Your sign-in ends in ${seconds} s.`;
  }

  draw() {
    const { client } = this.#chat;
    const seconds = client.retry_at === null ? 0 : Math.max(0, Math.ceil((client.retry_at - Date.now()) / 1000));
    const wait = seconds > 0 ? `in ${seconds} s` : 'now';
    const [label, text, action] = {
      idle: ['Starting', '', null],
      open: ['Connected', ...(this.#chat.expiresAt === null ? ['', null] : [this.#expiry(), 'Stay signed in'])],
      connecting: ['Connecting', 'Connecting to the server…', null],
      waiting: [`Retry ${wait}`, `No connection. Trying again ${wait}. What you send is kept until then.`, 'Try now'],
      closed: ['Disconnected', this.#chat.closedBecause ?? 'Disconnected from the server.', this.#chat.ended ? 'Sign in again' : 'Connect again'],
    }[client.state];
    const conn = $('conn');
    conn.dataset.state = client.state;
    setText($('conn-label'), label);

    const patient = !['open', 'closed'].includes(client.state) && performance.now() - this.#since < GRACE_MS;
    $('banner').hidden = text === '' || patient;
    $('banner').dataset.state = client.state;
    setText($('banner-text'), text);
    $('banner-button').hidden = action === null;
    setText($('banner-button'), action ?? '');
  }
}

export function toast(text, tone = 'quiet') {
  const box = $('toasts');
  // The same sentence again (a burst of refusals) makes its toast stay, not a stack.
  const same = [...box.children].find((t) => t.dataset.text === text);
  same?.remove();
  while (box.children.length >= TOASTS_MAX) box.firstChild.remove();
  let timer;
  const close = () => { clearTimeout(timer); node.remove(); };
  const arm = () => { clearTimeout(timer); timer = setTimeout(close, TOAST_MS); };
  const node = h('div.toast', {
    class: tone, role: tone === 'error' ? 'alert' : null, data: { testid: 'toast', text },
    onpointerenter: () => clearTimeout(timer), onpointerleave: arm,
  }, tone === 'error' && icon('alert'), h('span', {}, text),
  h('button.icon-button.small', { type: 'button', 'aria-label': 'Dismiss', onclick: close }, icon('close')));
  box.append(node);
  arm();
}

let waiting = null;
let spoken = 0;

export function announce(text) {
  clearTimeout(waiting);
  const delay = Math.max(0, spoken + ANNOUNCE_MS - performance.now());
  waiting = setTimeout(() => { spoken = performance.now(); $('announcer').textContent = text; }, delay);
}
