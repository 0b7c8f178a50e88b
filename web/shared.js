// SPDX-License-Identifier: Apache-2.0
//
// shared.js: what the people of a room share by its state (docs/ROOMS.md), of which the page knows two keys: `topic`, a text, and `pinned`, a
// list of offsets of messages. Whoever may change the state may set them to anything, so what is no such thing is as good as not there. No
// DOM here.

import { maySpeak, rightsOf } from './allowed.js';
import { asTold } from './changes.js';
import { textShown } from './words.js';

export const TOPIC_BYTES_MAX = 1_000;   // the server takes more; a line under a name does not
const TOPIC_SHOWN = 1_000;              // characters
export const PINS_MAX = 50;
const AGAIN_MS = 5_000;                 // a message that could not be looked up is asked for again
const TRIES = 8;                        // of a change that others come before

export function topicOf(value) {
  return typeof value === 'string' ? textShown(value.slice(0, 4 * TOPIC_SHOWN)).replace(/\s+/g, ' ').trim().slice(0, TOPIC_SHOWN) : '';
}

const NONE = Object.freeze([]);
const known = new WeakMap();            // value -> its offsets: every message of the stream asks

/** The offsets in the order in which they were pinned; not to be written to. */
export function pinsOf(value) {
  if (!Array.isArray(value)) return NONE;
  if (!known.has(value)) known.set(value, [...new Set(value.filter((offset) => Number.isSafeInteger(offset) && offset > 0))].slice(-PINS_MAX));
  return known.get(value);
}

export class Shared {
  #chat;
  #asked = new WeakMap();   // conversation -> offsets that are being looked up

  constructor(chat) { this.#chat = chat; }

  #room(it) { return this.#chat.client.room(it.name); }

  topic(it) { return it.kind === 'room' ? topicOf(this.#room(it).shared.topic) : ''; }
  pins(it) { return it.kind === 'room' ? pinsOf(this.#room(it).shared.pinned) : NONE; }
  isPinned(it, offset) { return offset !== undefined && this.pins(it).includes(offset); }

  /** One may change them now. */
  mayChange(it) {
    return it.kind === 'room' && this.#chat.online && maySpeak(this.#chat, it) && rightsOf(this.#chat, it).may('state');
  }

  /** What the topic is at the server, and its version. */
  async readTopic(it) {
    const { state, versions } = await this.#room(it).readState();
    return { text: typeof state.topic === 'string' ? state.topic : '', version: versions.topic ?? 0 };
  }

  /** Rejects with `conflict` where it is of another version by now. */
  async setTopic(it, text, version) {
    const options = { if_version: { topic: version } };
    if (text === '') return version === 0 ? null : this.#room(it).setState({}, { ...options, unset: ['topic'] });
    return this.#room(it).setState({ topic: text }, options);
  }

  /** Pins a message, or takes the pin away. Of two who do so at once the second does it again, on what the first has left. */
  async pin(it, offset, on) {
    for (let tries = 1; ; tries++) {
      const { state, versions } = await this.#room(it).readState();
      const pins = pinsOf(state.pinned);
      if (pins.includes(offset) === on) return;
      if (on && pins.length >= PINS_MAX) throw new Error(`No more than ${PINS_MAX} messages can be pinned. Take one away first.`);
      const next = on ? [...pins, offset] : pins.filter((other) => other !== offset);
      const options = { if_version: { pinned: versions.pinned ?? 0 } };
      try {
        await (next.length ? this.#room(it).setState({ pinned: next }, options) : this.#room(it).setState({}, { ...options, unset: ['pinned'] }));
        return;
      } catch (error) {
        if (error.code !== 'conflict' || tries >= TRIES) throw error;
      }
    }
  }

  /** A pinned message as it is now; null: it is not kept any more; undefined: it is being looked up. */
  message(it, offset) {
    const item = it.messageAt(offset);
    if (item) return item;
    if (it.pinned.has(offset)) return null;
    this.#lookUp(it, offset);
    return undefined;
  }

  async #lookUp(it, offset) {
    const asked = this.#asked.get(it) ?? new Set();
    this.#asked.set(it, asked);
    if (asked.has(offset) || it.status !== 'joined' || !this.#chat.online) return;
    asked.add(offset);
    const { epoch } = it;
    const done = () => { asked.delete(offset); this.#chat.view.changed('pins'); };
    try {
      const { history } = await this.#chat.client.history(it.name, { before: offset + 1, limit: 1 });
      const m = history.find((entry) => entry.offset === offset && entry.type === 'message');
      if (it.epoch === epoch) it.pinned.set(offset, m ? { kind: 'message', offset, time: m.time, from: m.from, state: 'sent', ...asTold(m) } : null);
      done();
    } catch {
      setTimeout(done, AGAIN_MS);
    }
  }

  /** A change as a decree for the stream, or null where it is of another key. What `pinned` was before is known of changes that come live. */
  told(it, m) {
    if (m.key === 'topic') return { ...m, topic: topicOf(m.value) };
    if (m.key !== 'pinned') return null;
    const now = pinsOf(m.value);
    const before = it.pinsTold;
    if (m.offset > it.head) it.pinsTold = now;
    const known = m.offset > it.head && before !== undefined;
    return { ...m, pinned: known ? now.filter((offset) => !before.includes(offset)).length : undefined,
      unpinned: known ? before.filter((offset) => !now.includes(offset)).length : undefined };
  }
}
