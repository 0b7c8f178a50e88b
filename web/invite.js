// SPDX-License-Identifier: Apache-2.0
//
// invite.js: how others find a room: its address, ways to copy it, and what an empty room says.

import { h, icon } from './dom.js';
import { toast } from './status.js';

export const roomAddress = (name) => `${location.origin}${location.pathname}#room=${encodeURIComponent(name)}`;

/** Copies a text. The clipboard is closed to pages on plain http; there a selection can still be copied, in `shown` where a dialog keeps
 *  all else out of reach. */
export async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* not allowed, or not there */ }
  if (shown) {
    shown.select();
    return document.execCommand('copy');
  }
  const field = h('textarea.visually-hidden', { readonly: true, 'aria-hidden': 'true', tabindex: -1 });
  const focused = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  focused?.focus({ preventScroll: true });
  return done;
}

export async function copyAddress(name) {
  const done = await copy(roomAddress(name));
  toast(done ? 'The link is copied. Whoever opens it comes into this room.' : `Copy this link: ${roomAddress(name)}`);
}

/** What stands in a room in which nothing has been said: what it is, what to do, whom to bring. */
export function inviteRow(it) {
  const echo = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/echo`;
  return h('li.start.invite.row', { data: { testid: 'invitation' } },
    h('span.start-glyph', { 'aria-hidden': 'true' }, icon('hash')),
    h('h2', {}, h('bdi', {}, it.label)),
    h('p', {}, 'Nothing has been said here yet. Write the first words below, or bring somebody along: whoever opens this link comes into this room.'),
    h('div.invite-link', {},
      h('input', { type: 'text', readonly: true, value: roomAddress(it.name), 'aria-label': 'Link to this room',
        onfocus: (e) => e.target.select(), data: { testid: 'room-link' } }),
      h('button.secondary', { type: 'button', onclick: () => copyAddress(it.name), data: { testid: 'copy-invite' } },
        icon('link'), 'Copy link')),
    h('p.invite-terminal', {}, 'From a terminal: ', h('code', {}, `npx wscat -c ${echo}`), ' and then ',
      h('code', {}, `/join ${it.label}`)));
}
