// SPDX-License-Identifier: Apache-2.0
//
// dom.js: the few helpers the page builds its elements with. Nothing here parses markup: text goes into the page
// through textContent and text nodes only, so whatever a user typed stays text.

export const $ = (id) => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';

/** Strokes on a 20x20 grid, 1.6 wide with round ends. */
const ICONS = {
  search: ['M9 15a6 6 0 1 0 0-12a6 6 0 0 0 0 12z', 'M13.5 13.5L17 17'],
  refresh: ['M16 5.5V9h-3.5', 'M15.8 9A6.2 6.2 0 1 0 16 12'],
  plus: ['M10 4.5v11', 'M4.5 10h11'],
  close: ['M5.5 5.5l9 9', 'M14.5 5.5l-9 9'],
  moon: ['M16.5 11.6A6.8 6.8 0 0 1 8.4 3.5a6.8 6.8 0 1 0 8.1 8.1z'],
  sun: ['M10 13.2a3.2 3.2 0 1 0 0-6.4a3.2 3.2 0 0 0 0 6.4z', 'M10 2.5v1.6', 'M10 15.9v1.6', 'M2.5 10h1.6',
    'M15.9 10h1.6', 'M4.7 4.7l1.1 1.1', 'M14.2 14.2l1.1 1.1', 'M4.7 15.3l1.1-1.1', 'M14.2 5.8l1.1-1.1'],
  menu: ['M3.5 6h13', 'M3.5 10h13', 'M3.5 14h8'],
  people: ['M7.5 9.5a2.8 2.8 0 1 0 0-5.6a2.8 2.8 0 0 0 0 5.6z', 'M2.5 16a5 5 0 0 1 10 0', 'M13 4.2a2.7 2.7 0 0 1 0 5.1',
    'M14.6 11.6A4.6 4.6 0 0 1 17.5 16'],
  down: ['M10 4.5v11', 'M5.5 11l4.5 4.5L14.5 11'],
  send: ['M10 15.5v-11', 'M5.5 9L10 4.5L14.5 9'],
  message: ['M4 4.5h12a1.2 1.2 0 0 1 1.2 1.2v7.1a1.2 1.2 0 0 1-1.2 1.2H9.5L6 17v-3H4a1.2 1.2 0 0 1-1.2-1.2V5.7A1.2 1.2 0 0 1 4 4.5z'],
  check: ['M4.5 10.5l3.6 3.6l7.4-8'],
  clock: ['M10 17a7 7 0 1 0 0-14a7 7 0 0 0 0 14z', 'M10 6.2V10l2.6 1.8'],
  alert: ['M10 17a7 7 0 1 0 0-14a7 7 0 0 0 0 14z', 'M10 6.4v4.2', 'M10 13.4v.1'],
  terminal: ['M4.5 6l4 4l-4 4', 'M10.5 14.5h5'],
  link: ['M8.5 11.5a3 3 0 0 0 4.3 0l3-3a3 3 0 0 0-4.3-4.3l-1 1', 'M11.5 8.5a3 3 0 0 0-4.3 0l-3 3a3 3 0 0 0 4.3 4.3l1-1'],
  pin: ['M7.2 3.5h5.6', 'M8 3.5v5L5.5 12h9L12 8.5v-5', 'M10 12v5'],
  up: ['M10 15.5v-11', 'M5.5 9L10 4.5L14.5 9'],
  invite: ['M8 9.8a3.2 3.2 0 1 0 0-6.4a3.2 3.2 0 0 0 0 6.4z', 'M2.5 16.5a5.5 5.5 0 0 1 11 0', 'M15.5 6v5', 'M13 8.5h5'],
  left: ['M12 4.5L6.5 10l5.5 5.5'],
  right: ['M8 4.5l5.5 5.5L8 15.5'],
  more: ['M5 10h.1', 'M10 10h.1', 'M15 10h.1'],
  shield: ['M10 2.8l6 2.2v4.4c0 3.6-2.5 6.2-6 7.8c-3.5-1.6-6-4.2-6-7.8V5z'],
  mute: ['M4 8v4h2.6l3.6 3V5L6.6 8z', 'M13 8l4 4', 'M17 8l-4 4'],
  speak: ['M4 8v4h2.6l3.6 3V5L6.6 8z', 'M13 7.6a3.4 3.4 0 0 1 0 4.8', 'M15 5.4a6.5 6.5 0 0 1 0 9.2'],
  leave: ['M8 4H4.5v12H8', 'M8.5 10H17', 'M14 6.8l3.2 3.2l-3.2 3.2'],
  ban: ['M10 17a7 7 0 1 0 0-14a7 7 0 0 0 0 14z', 'M5.2 5.2l9.6 9.6'],
  person: ['M10 9.8a3.2 3.2 0 1 0 0-6.4a3.2 3.2 0 0 0 0 6.4z', 'M4 16.5a6 6 0 0 1 12 0'],
  lock: ['M5 9h10v7.5H5z', 'M7 9V6.5a3 3 0 0 1 6 0V9'],
  reply: ['M8 5L3.5 9.5L8 14', 'M4 9.5h7.5a5 5 0 0 1 5 5v1'],
  pencil: ['M12.5 4.5l3 3', 'M4 16l.8-3.6l8.7-8.7a1.4 1.4 0 0 1 2 0l.8.8a1.4 1.4 0 0 1 0 2L7.6 15.2z'],
  trash: ['M4 6h12', 'M8 6V3.8h4V6', 'M5.5 6l.8 10.5h7.4L14.5 6', 'M8.6 9v4.5', 'M11.4 9v4.5'],
  copy: ['M7.5 7.5h8.5v8.5H7.5z', 'M5.5 12.5H4V4h8.5v1.5'],
  smile: ['M10 17a7 7 0 1 0 0-14a7 7 0 0 0 0 14z', 'M7.6 8.4v.1', 'M12.4 8.4v.1', 'M7 11.6a3.6 3.6 0 0 0 6 0'],
  bell: ['M5 14V9a5 5 0 0 1 10 0v5l1.2 1.2H3.8z', 'M8.6 17a1.6 1.6 0 0 0 2.8 0'],
  hash: ['M8 3.5L6.5 16.5', 'M13.5 3.5L12 16.5', 'M4 7.5h13', 'M3 12.5h13'],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of ICONS[name] ?? []) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** Puts the icons into the static page. */
export function fillIcons(root) {
  for (const span of root.querySelectorAll('[data-icon]')) span.replaceChildren(icon(span.dataset.icon));
}

/**
 * h('button.primary', {type: 'button', onclick: fn, data: {testid: 'send'}}, 'Send', node, …): an element.
 * Strings among the children become text nodes; null and false are skipped. Attribute values of null, undefined
 * and false are left out, true is the empty attribute; aria-* says "true" and "false".
 */
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith('aria-')) element.setAttribute(key, String(value));   // here false is a value, not an absence
    else if (value === false) continue;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(element.dataset, value);
    else if (key === 'class') element.classList.add(...value.split(' ').filter(Boolean));
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** Only real changes reach the page: a live region speaks on every write. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const rendered = new WeakMap();   // parent -> Map(key -> {node, sig})

/**
 * Makes the children of `parent` match `rows` ({key, sig, …}) with the least work: a node is built by `make(row)`
 * when its key is new or its signature changed, and moved when its place changed. Focus survives a rebuild.
 */
export function reconcile(parent, rows, make) {
  const old = rendered.get(parent) ?? new Map();
  const next = new Map();
  const keys = new Set(rows.map((row) => row.key));
  for (const [key, { node }] of old) if (!keys.has(key)) node.remove();

  let place = parent.firstChild;
  for (const row of rows) {
    let entry = old.get(row.key);
    if (!entry || entry.sig !== row.sig) {
      const node = make(row);
      if (entry) {
        if (place === entry.node) place = node;
        swap(entry.node, node);
      }
      entry = { node, sig: row.sig };
    }
    if (entry.node === place) place = place.nextSibling;
    else parent.insertBefore(entry.node, place);
    next.set(row.key, entry);
  }
  rendered.set(parent, next);
}

/** Replaces a node; if the focus was inside, it goes to what is the same in the new one, by its name or else by its place. */
function swap(node, fresh) {
  const path = [];
  for (let at = document.activeElement; at && node.contains(at) && at !== node; at = at.parentElement) {
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  node.replaceWith(fresh);
  if (!focused) return;
  const { testid, key } = focused.dataset;
  let target = testid && [...fresh.querySelectorAll(`[data-testid="${testid}"]`)].find((same) => same.dataset.key === key);
  if (!target) { target = fresh; for (const index of path) target = target?.children[index]; }
  target?.focus({ preventScroll: true });
}
