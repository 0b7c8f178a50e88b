// SPDX-License-Identifier: Apache-2.0
//
// pulse.js: /health every two seconds, for whoever shows something of it: the head, and the overview.

const EVERY_MS = 2000;

export class Pulse {
  #server;
  #told;
  #heard = new Set();
  #timer = null;
  #last = null;

  /** told(health, refused): every time, one of them null. */
  constructor(server, told) {
    this.#server = server;
    this.#told = told;
    document.addEventListener('visibilitychange', () => { if (this.#timer !== null && !document.hidden) this.#look(); });
  }

  start() { this.stop(); this.#look(); }
  stop() { clearTimeout(this.#timer); this.#timer = null; this.#last = null; }

  /** Has `hears` called with what comes, and with what has come last; gives what ends that. */
  listen(hears) {
    this.#heard.add(hears);
    if (this.#last) hears(this.#last, null);
    return () => this.#heard.delete(hears);
  }

  async #look() {
    clearTimeout(this.#timer);
    const timer = this.#timer = setTimeout(() => this.#look(), EVERY_MS);
    if (document.hidden) return;
    let health = null;
    let refused = null;
    try { health = await this.#server.health(); } catch (error) { refused = error; }
    if (this.#timer !== timer) return;   // it was stopped, or another look has begun
    this.#last = health ?? this.#last;
    this.#told(health, refused);
    for (const hears of this.#heard) hears(health, refused);
  }
}
