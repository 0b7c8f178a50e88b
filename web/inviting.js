// SPDX-License-Identifier: Apache-2.0
//
// inviting.js: letting people in who could not come in by themselves: the dialog that makes an invitation, and the link that carries it. It
// stands behind the #, which browsers do not send, so no log on the way has it; who opens the link does not keep it in the address.

import { $, h, icon } from './dom.js';
import { rightsOf } from './allowed.js';
import { count, fullTimeOf, plural, sentence } from './format.js';
import { copy, roomAddress } from './invite.js';
import { ROLES, isBelow } from './rights.js';
import { nameShown } from './words.js';

const IN_ADDRESS = /(^#|&)invite=([^&]*)/;

/** Takes an invitation out of the address: #room=…&invite=…. Returns it, or undefined. */
export function takeInvitationFromAddress() {
  const found = IN_ADDRESS.exec(location.hash);
  if (!found) return undefined;
  const rest = location.hash.replace(IN_ADDRESS, '$1').replace(/^[#&]+|&+$/g, '').replace(/&&/g, '&');
  history.replaceState(null, '', location.pathname + location.search + (rest === '' ? '' : `#${rest}`));
  return /^inv_[\w-]{1,512}$/.test(found[2]) ? found[2] : undefined;
}

export const mayInvite = (chat, it) => it?.kind === 'room' && it.status === 'joined' && chat.online && rightsOf(chat, it).may('invite');

const dialog = $('invite-dialog');
let of = null;   // {chat, it}

export function openInviting(chat, it) {
  of = { chat, it };
  $('invite-form').reset();
  $('invite-title').replaceChildren('Invite people to ', h('bdi', {}, `#${it.label}`));
  const roles = ROLES.filter((role) => isBelow(role, rightsOf(chat, it)));
  $('invite-role').replaceChildren(...roles.map((role) => h('option', { value: role, selected: role === 'member' }, ROLE_WORDS[role] ?? role)));
  show('form');
  complain('');
  dialog.showModal();
  dialog.querySelector('input[name="invite-uses"]:checked').focus();
  drawOpen();
}

const ROLE_WORDS = { guest: 'Guests, who may only read', member: 'Members', host: 'Hosts, who keep order' };

function show(part) {
  $('invite-form').hidden = part !== 'form';
  $('invite-made').hidden = part !== 'made';
}

function complain(text) {
  $('invite-error').hidden = text === '';
  $('invite-error').textContent = text;
}

const chosen = (name) => Number(dialog.querySelector(`input[name="${name}"]:checked`).value);

async function make() {
  const { chat, it } = of;
  const [uses, ttl_s, role] = [chosen('invite-uses'), chosen('invite-ttl'), $('invite-role').value];
  $('invite-submit').disabled = true;
  complain('');
  try {
    const made = await chat.client.room(it.name).invite({ uses, ttl_s, role });
    $('invite-link').value = `${roomAddress(it.name)}&invite=${made.token}`;
    $('invite-note').textContent = `${plural(made.uses, 'person', 'people')} may come in by it until ${fullTimeOf(made.expires - chat.skew)}. It can be handed on, so give it to those only whom you mean. It is shown this once.`;
    show('made');
    $('invite-copied').textContent = '';
    $('invite-copy').focus();
    drawOpen();
  } catch (error) {
    complain(sentence(error));
  } finally {
    $('invite-submit').disabled = false;
  }
}

/** The invitations that are open, each with a way to take it back. */
async function drawOpen() {
  const { chat, it } = of;
  const list = $('invite-open');
  const { invitations = [] } = await chat.client.room(it.name).invites().catch(() => ({}));
  if (of?.it !== it) return;
  $('invite-open-box').hidden = invitations.length === 0;
  list.replaceChildren(...invitations.map((row) => h('li.invite-row', { data: { testid: 'invite-row' } },
    h('span.invite-words', {}, `${count(row.left)} of ${count(row.uses)} left, as ${row.role}, until ${fullTimeOf(row.expires - chat.skew)}`,
      row.by && [', by ', row.by === chat.me.user ? 'you' : h('bdi', {}, nameShown(chat.directory.nameIn(it, row.by) ?? row.by))]),
    h('button.icon-button.small', { type: 'button', 'aria-label': 'Take it back', title: 'Take it back', onclick: () => takeBack(row), data: { testid: 'uninvite' } }, icon('trash')))));
}

async function takeBack({ invitation }) {
  try {
    await of.chat.client.room(of.it.name).uninvite(invitation);
  } catch (error) {
    complain(sentence(error));
  }
  drawOpen();
  ($('invite-form').hidden ? $('invite-copy') : $('invite-submit')).focus();
}

for (const id of ['invite-cancel', 'invite-done']) $(id).addEventListener('click', () => dialog.close());
$('invite-another').addEventListener('click', () => { show('form'); $('invite-submit').focus(); });
$('invite-form').addEventListener('submit', (e) => { e.preventDefault(); make(); });
$('invite-link').addEventListener('focus', (e) => e.target.select());
$('invite-copy').addEventListener('click', async () => {
  const done = await copy($('invite-link').value, $('invite-link'));
  $('invite-copied').textContent = done ? 'Copied.' : 'The browser does not let this page copy. The link is marked: copy it yourself.';
  if (!done) $('invite-link').focus();
});
dialog.addEventListener('close', () => { of = null; $('invite-link').value = ''; });
