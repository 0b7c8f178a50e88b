// SPDX-License-Identifier: Apache-2.0
//
// pins.js: the messages that are pinned: the newest in a line under the room's name, all of them in a dialog. What they say is looked up,
// so it is what they say now; a click goes there.

import { pin } from './acts.js';
import { $, h, icon, reconcile } from './dom.js';
import { fullTimeOf, hueOf, momentOf, plural } from './format.js';
import { lineOf } from './message.js';
import { nameShown } from './words.js';

export class Pins {
  #chat; #stream; #it = null;
  #dialog = $('pins-dialog');

  constructor(chat, stream) {
    this.#chat = chat;
    this.#stream = stream;
    $('pins-all').addEventListener('click', () => this.open());
    $('pins-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('click', (e) => { if (e.target === this.#dialog) this.#dialog.close(); });
  }

  draw() {
    const it = this.#chat.active;
    const pins = it?.kind === 'room' && it.status === 'joined' ? this.#chat.shared.pins(it) : [];
    $('pins').hidden = pins.length === 0;
    if (pins.length > 0) {
      const offset = pins.findLast((pinned) => this.#chat.shared.message(it, pinned) !== null) ?? pins.at(-1);   // of those that are kept
      const row = this.#row(it, offset);
      reconcile($('pins-newest'), [row], () => h('button.pin-go', {
        type: 'button', disabled: row.item === null, title: row.item ? 'Go to the pinned message' : null,
        onclick: () => this.#stream.jump(offset), data: { testid: 'pin-newest', offset },
      }, icon('pin'), h('span.visually-hidden', {}, 'Pinned: '), this.#words(row.item)));
      $('pins-all').textContent = pins.length === 1 ? 'Show' : `All ${pins.length}`;
      $('pins-all').setAttribute('aria-label', `Show ${plural(pins.length, 'pinned message')}`);
    }
    if (this.#dialog.open) this.#drawAll();
  }

  open() {
    this.#it = this.#chat.active;
    this.#dialog.showModal();
    this.#drawAll();
    ($('pins-list').querySelector('button:not(:disabled)') ?? $('pins-close')).focus();
  }

  #drawAll() {
    const it = this.#it;
    const pins = this.#chat.shared.pins(it);
    if (pins.length === 0 || it !== this.#chat.active) return this.#dialog.close();
    const may = this.#chat.shared.mayChange(it);
    const rows = [...pins].reverse().map((offset) => { const row = this.#row(it, offset); return { ...row, sig: `${row.sig}${may}` }; });
    reconcile($('pins-list'), rows, ({ offset, item }) => h('li.pin-row', {},
      h('button.search-row', {
        type: 'button', disabled: !item, onclick: () => { this.#dialog.close(); this.#stream.jump(offset); }, data: { testid: 'pin', offset },
      }, item && h('span.search-head', {}, h('bdi', {}, nameShown(item.from.name)), ' ', h('time', { title: fullTimeOf(item.time) }, momentOf(item.time))),
      h('span.search-text', { dir: 'auto' }, text(item))),
      may && h('button.icon-button', {
        type: 'button', 'aria-label': 'Unpin', title: 'Unpin', onclick: () => pin(this.#chat, it, offset, false), data: { testid: 'unpin', offset },
      }, icon('close'))));
    if (document.activeElement === document.body) $('pins-close').focus();   // what had it is gone
  }

  #row(it, offset) {
    const item = this.#chat.shared.message(it, offset);
    const sig = item ? JSON.stringify([item.version, item.deleted, lineOf(item), item.from.name]) : String(item);
    return { key: `${it.id} ${it.epoch} ${offset}`, offset, item, sig };
  }

  #words(item) {
    const said = item && !item.deleted;
    return h('span.pin-text', {}, said && h(`bdi.msg-quote-name.${hueOf(item.from.user)}`, {}, nameShown(item.from.name)), said && ' ', h('bdi', {}, text(item)));
  }
}

function text(item) {
  if (item === undefined) return '…';
  if (item === null) return 'A message that is not kept any more';
  return item.deleted ? 'This message was deleted' : lineOf(item);
}
