// SPDX-License-Identifier: Apache-2.0
//
// menu.js: one menu at a time, by the ARIA menu pattern: arrow keys, Home, End, the first letter; Esc and Tab close it, and the
// focus goes back to where it came from. It is a popover, so it lies above everything and a click beside it closes it.

import { $, h, icon } from './dom.js';

const EDGE = 8;   // px that stay between the menu and the window's edge

let opener = null;

/**
 * @param {HTMLElement} from  the button that opens it
 * @param {string} label  what it is a menu of
 * @param {object[]} items  {label, icon?, run(), danger?, checked?: boolean, kind?: 'checkbox' | 'radio'}, {head: text}, or {row: items
 *                          that stand side by side, each {label, text or icon, run(), checked?}}
 */
export function openMenu(from, label, items) {
  closeMenu();
  const menu = h('div.menu', { id: 'menu', popover: 'auto', role: 'menu', 'aria-label': label, tabindex: -1, data: { testid: 'menu' } },
    items.map(row));
  (from.closest('main, aside, dialog') ?? document.body).append(menu);   // in the landmark of what opens it
  opener = from;
  from.setAttribute('aria-expanded', 'true');
  menu.addEventListener('keydown', (e) => onKey(e, menu));
  menu.addEventListener('toggle', (e) => { if (e.newState === 'closed') forget(menu); });
  menu.showPopover();
  place(menu, from.getBoundingClientRect());
  buttons(menu)[0]?.focus();
}

export function closeMenu() {
  const menu = $('menu');
  if (!menu) return;
  menu.hidePopover();
  forget(menu);
}

const buttons = (menu) => [...menu.querySelectorAll('button')];

function cell(item) {
  const tick = item.checked !== undefined;
  return h('button.menu-cell', {
    type: 'button', role: tick ? 'menuitemcheckbox' : 'menuitem', tabindex: -1, 'aria-checked': tick ? item.checked : null, 'aria-label': item.label, title: item.label,
    onclick: () => choose(item), data: { testid: 'menu-cell', key: item.text ?? '' },
  }, item.icon ? icon(item.icon) : item.text);
}

function choose(item) {
  const back = opener;
  closeMenu();
  back?.focus();
  item.run();
}

function row(item) {
  if (item.row) return h('div.menu-row', { role: 'group', 'aria-label': 'Reactions' }, item.row.map(cell));
  if (item.head) return h('p.menu-head', { role: 'presentation' }, item.head);
  const role = item.kind ? `menuitem${item.kind}` : 'menuitem';
  return h('button.menu-item', {
    type: 'button', role, tabindex: -1, class: item.danger ? 'danger' : '', 'aria-checked': item.kind ? item.checked : null,
    onclick: () => choose(item), data: { testid: 'menu-item' },
  }, h('span.menu-icon', { 'aria-hidden': 'true' }, item.icon ? icon(item.icon) : item.checked ? icon('check') : ''), h('span', {}, item.label));
}

function forget(menu) {
  if (!menu.isConnected) return;
  const inside = menu.contains(document.activeElement) || document.activeElement === document.body;
  menu.remove();
  opener?.setAttribute('aria-expanded', 'false');
  if (inside && opener?.isConnected) opener.focus();
  opener = null;
}

/** Below the button and in line with its nearer edge; above it where there is no room. */
function place(menu, at) {
  const { width, height } = menu.getBoundingClientRect();
  const left = at.left + width + EDGE > innerWidth ? at.right - width : at.left;
  const below = at.bottom + 4;
  const top = below + height + EDGE > innerHeight ? at.top - height - 4 : below;
  menu.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  menu.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`;
}

function onKey(e, menu) {
  const all = buttons(menu);
  const at = all.indexOf(document.activeElement);
  const [next, before] = [(at + 1) % all.length, (at - 1 + all.length) % all.length];
  const inRow = document.activeElement.matches('.menu-cell');
  const go = { ArrowDown: inRow ? Math.max(0, all.findIndex((b) => !b.matches('.menu-cell'))) : next, ArrowUp: before, Home: 0, End: all.length - 1,
    ...(inRow ? { ArrowRight: next, ArrowLeft: before } : {}) }[e.key];
  if (e.key === 'Escape' || e.key === 'Tab') {
    e.preventDefault();
    closeMenu();
  } else if (go !== undefined) {
    e.preventDefault();
    all[go].focus();
  } else if (e.key.length === 1 && e.key !== ' ' && !e.ctrlKey && !e.metaKey && !e.altKey) {
    const starts = (b) => b.textContent.trim().toLowerCase().startsWith(e.key.toLowerCase());
    (all.slice(at + 1).find(starts) ?? all.find(starts))?.focus();
  }
  e.stopPropagation();   // the page has keys of its own
}
