// SPDX-License-Identifier: Apache-2.0
//
// outgoing.js: what we say, and what we do about what was said: messages on their way, answers, edits, reactions. No DOM here.

import { canAct, mayChange } from './allowed.js';
import { displayOf, sentence } from './format.js';
import { isBlank } from './words.js';

export class Outgoing {
  #chat;

  constructor(chat) { this.#chat = chat; }

  // ---- messages ---------------------------------------------------------------------------------------------

  say(it, text, { action = false } = {}) {
    if (isBlank(text)) return;
    it.fresh = null;
    it.saidAt = Date.now();
    const { replyTo } = it;
    it.replyTo = null;
    this.#chat.typing.said(it);
    this.send(it, action ? { text, action } : { text }, { replyTo: replyTo ?? undefined });
  }

  /** `key`: of one that may have been sent already. */
  async send(it, data, { key = newKey(), replyTo } = {}) {
    const item = it.addPending({ ...this.#chat.me }, data, key, replyTo);
    await this.#deliver(it, item);
  }

  retry(it, item) {
    item.state = 'pending';
    item.error = null;
    this.#deliver(it, item);
  }

  discard(it, item) {
    it.discard(item);
    this.#chat.view.changed('stream');
  }

  async #deliver(it, item) {
    const { client, view } = this.#chat;
    view.changed('stream');
    try {
      const options = { key: item.publishKey };
      const ack = it.kind === 'room'
        ? await client.publish(it.name, item.data, { ...options, replyTo: item.replyTo })
        : await client.direct(it.name, item.data, options);
      if (it.kind === 'direct' && ack.delivered === 0) {
        it.fail(item, { code: 'not_online', message: `${it.label} is not online. Nothing was delivered.` });
        item.publishKey = newKey();   // the server remembers the old key as done
      } else {
        it.confirm(item, ack);
      }
    } catch (error) {
      if (error.code === 'closed') return;
      this.#failed(it, item, error);
    }
    view.changed('stream', 'lists');
  }

  #failed(it, item, error) {
    const chat = this.#chat;
    if (error.code === 'muted') {
      it.standing.tell('muted', chat.me.user, error.retry_ms === undefined ? Infinity : Date.now() + error.retry_ms, it.seen);
      chat.view.changed('all');
    }
    it.fail(item, error);
    if (chat.conversations.has(it.id)) chat.view.toast(sentence(error), 'error');
  }

  // ---- what becomes of messages -----------------------------------------------------------------------------

  /** What is written next answers that message; null: none. */
  answer(it, item) {
    this.leaveEdit(it);
    it.replyTo = item?.offset ?? null;
    this.#chat.view.changed('all');
    this.#chat.view.write();
  }

  /** The message goes into the box, to be changed there. */
  beginEdit(it, item) {
    it.replyTo = null;
    it.editing = { offset: item.offset, version: item.version ?? item.offset, text: item.data?.text ?? item.data };
    this.#chat.view.changed('all');
    this.#chat.view.write();
    this.#chat.view.announce('You are changing a message. Escape leaves it as it is.');
  }

  leaveEdit(it) {
    if (!it.editing) return;
    it.editing = null;
    this.#chat.view.changed('all');
  }

  /** One's own last message that can be changed, or null. */
  lastOwn(it) {
    const chat = this.#chat;
    return it.items.findLast((item) => item.kind === 'message' && item.from.user === chat.me.user && !item.deleted && displayOf(item.data).text !== undefined
      && canAct(chat, it, item) && mayChange(chat, it, item)) ?? null;
  }

  /** Rejects with why not, with `conflict` where it has other words by now than when one began; what has changed everybody sees in
   *  its place. */
  async edit(it, { offset, version }, text) {
    const item = it.byOffset.get(offset);
    if (!item || (item.data?.text ?? item.data) === text) return;
    const data = typeof item.data === 'string' ? text : { ...item.data, text };
    await this.#chat.client.room(it.name).edit(offset, data, { ifVersion: version });
  }

  async react(it, item, key, on) {
    try {
      await this.#chat.client.room(it.name).react(item.offset, key, on);
    } catch (error) {
      this.#chat.view.toast(sentence(error), 'error');
    }
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
