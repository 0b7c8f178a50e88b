// SPDX-License-Identifier: Apache-2.0
//
// lists.js: the places that name conversations: tabs, the room list, direct messages.

import { $, h, icon, reconcile } from './dom.js';
import { count, plural } from './format.js';
import { nameShown } from './words.js';

const badgeText = (n) => (n > 99 ? '99+' : String(n));

/** `it`: a conversation, or {unread} of a room that is not open. */
function badge(it) {
  if (!it?.unread) return null;
  return h('span.badge', { class: it.mentioned ? 'loud' : '', data: { testid: 'unread' } },
    badgeText(it.unread), h('span.visually-hidden', {}, ' unread'));
}

export function glyph(it, chat) {
  if (it.kind === 'room') return h('span.glyph', { 'aria-hidden': 'true' }, icon('hash'));
  const presence = chat.directory.presenceOf(it.name);
  return h('span.presence', { class: presence ?? 'unknown', 'aria-hidden': 'true', data: { presence: presence ?? 'unknown' } });
}

export class Lists {
  #chat;

  constructor(chat) {
    this.#chat = chat;
    $('tabs').addEventListener('keydown', (e) => this.#onTabKey(e));
    $('tabs').addEventListener('scroll', () => this.#drawOverflow(), { passive: true });
    new ResizeObserver(() => this.#drawOverflow()).observe($('tabs'));
    $('tabs-left').addEventListener('click', () => this.#turn(-1));
    $('tabs-right').addEventListener('click', () => this.#turn(1));
    $('rooms-refresh').addEventListener('click', () => chat.directory.refresh());
    $('join-form').addEventListener('submit', (e) => { e.preventDefault(); this.#joinByName(); });
  }

  draw() {
    this.#drawTabs();
    this.#drawRooms();
    this.#drawDirects();
    const unread = this.#chat.unread;
    $('menu-badge').hidden = unread === 0;
  }

  // ---- tabs -------------------------------------------------------------------------------------------------

  #drawTabs() {
    const chat = this.#chat;
    const rows = chat.list.map((it) => {
      const active = it === chat.active;
      return { key: it.id, it, active,
        sig: [active, it.unread, it.mentioned, it.title, it.status, it.kind === 'direct' && chat.directory.presenceOf(it.name)].join('|') };
    });
    const before = $('tabs').querySelector('.tab.active')?.dataset.id;
    reconcile($('tabs'), rows, (row) => this.#tab(row));
    if (chat.active && before !== chat.active.id) {
      $('tabs').querySelector('.tab.active')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    this.#drawOverflow();
  }

  /** What does not fit is counted at the end where it is. A tab counts as hidden when most of it is. */
  #drawOverflow() {
    const box = $('tabs');
    const { left, right } = box.getBoundingClientRect();
    const hidden = { left: [], right: [] };
    for (const tab of box.children) {
      const edge = tab.getBoundingClientRect();
      const middle = (edge.left + edge.right) / 2;
      if (middle < left) hidden.left.push(tab);
      else if (middle > right) hidden.right.push(tab);
    }
    for (const side of ['left', 'right']) {
      const tabs = hidden[side];
      const more = $(`tabs-${side}`);
      const unread = tabs.some((tab) => tab.classList.contains('has-unread'));
      box.classList.toggle(`more-${side}`, tabs.length > 0);
      more.hidden = tabs.length === 0;
      more.classList.toggle('fresh', unread);
      more.setAttribute('aria-label', `${plural(tabs.length, 'more conversation')} on the ${side}${unread ? ', some unread' : ''}`);
      $(`tabs-${side}-count`).textContent = count(tabs.length);
    }
  }

  #turn(direction) {
    const box = $('tabs');
    const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth';
    box.scrollBy({ left: direction * box.clientWidth * 0.8, behavior });
  }

  #tab({ it, active }) {
    const chat = this.#chat;
    const close = () => chat.close(it);
    const select = h('button.tab-select', {
      type: 'button', role: 'tab', title: it.label, 'aria-keyshortcuts': 'Delete', 'aria-selected': active, 'aria-controls': 'panel', tabindex: active ? 0 : -1,
      onclick: () => chat.activate(it),
      onauxclick: (e) => { if (e.button === 1) close(); },
    }, glyph(it, chat), h('bdi.tab-name', {}, it.label), badge(it));
    return h('div.tab', {
      role: 'presentation', class: `${active ? 'active' : ''} ${it.unread ? 'has-unread' : ''} ${it.status}`,
      data: { testid: 'room-tab', id: it.id, room: it.name, kind: it.kind },
    }, select, h('button.tab-close', {
      type: 'button', tabindex: -1, title: `${it.kind === 'room' ? 'Leave' : 'Close'} ${it.label}`, onclick: close,
      'aria-hidden': true,   // a list of tabs holds tabs only; by keyboard it is Delete, and /leave
      data: { testid: 'tab-close' },
    }, icon('close')));
  }

  /** The arrow keys of the ARIA tabs pattern; Delete closes. */
  #onTabKey(e) {
    const chat = this.#chat;
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    if (e.key === 'ArrowRight') chat.cycle(1);
    else if (e.key === 'ArrowLeft') chat.cycle(-1);
    else if (e.key === 'Home') chat.activate(chat.list[0]);
    else if (e.key === 'End') chat.activate(chat.list.at(-1));
    else if (e.key === 'Delete' && chat.active) chat.close(chat.active);
    else return;
    e.preventDefault();
    this.draw();
    $('tabs').querySelector('[aria-selected="true"]')?.focus();
  }

  // ---- sidebar ----------------------------------------------------------------------------------------------

  #drawRooms() {
    const chat = this.#chat;
    const rows = chat.directory.list.map(({ name, open, unread, count: people }) => ({
      key: name, name, open, unread, people,
      sig: [open !== null && open === chat.active, open !== null, unread, open?.mentioned, open?.status, people].join('|'),
    }));
    reconcile($('room-list'), rows, (row) => this.#roomItem(row));
    $('room-list-empty').hidden = rows.length > 0;
  }

  #roomItem({ name, open, unread, people }) {
    const chat = this.#chat;
    const active = open !== null && open === chat.active;
    return h('li', {}, h('button.list-item', {
      type: 'button', class: `${active ? 'active' : ''} ${open ? 'open' : ''} ${unread ? 'has-unread' : ''}`,
      'aria-current': active ? 'true' : null, onclick: () => chat.open('room', name),
      title: open ? nameShown(name) : `Join ${nameShown(name)}`, data: { testid: 'room-list-item', room: name },
    }, h('span.glyph', { 'aria-hidden': 'true' }, icon('hash')), h('bdi.list-name', {}, nameShown(name)),
    badge(open ?? { unread, mentioned: false }) ?? h('span.list-count', {
      title: plural(people, 'person', 'people'), data: { testid: 'room-members-count' },
    }, count(people))));
  }

  #drawDirects() {
    const chat = this.#chat;
    const rows = chat.list.filter((it) => it.kind === 'direct').map((it) => ({
      key: it.id, it, sig: `${it === chat.active}|${it.unread}|${it.title}|${chat.directory.presenceOf(it.name)}`,
    }));
    $('directs-section').hidden = rows.length === 0;
    reconcile($('direct-list'), rows, ({ it }) => h('li', {}, h('button.list-item.open', {
      type: 'button', class: `${it === chat.active ? 'active' : ''} ${it.unread ? 'has-unread' : ''}`,
      'aria-current': it === chat.active ? 'true' : null, onclick: () => chat.activate(it),
      title: it.label, data: { testid: 'direct-list-item', user: it.name },
    }, glyph(it, chat), h('bdi.list-name', {}, it.label), badge(it))));
  }

  #joinByName() {
    const input = $('join-input');
    const name = input.value.trim().replace(/^#+/, '');
    if (!name) return input.focus();
    input.value = '';
    this.#chat.open('room', name);
    this.#chat.directory.refresh();
  }
}
