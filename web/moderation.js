// SPDX-License-Identifier: Apache-2.0
//
// moderation.js: the menus of those who keep order in a room: at a person, at the author of a message, at the room. Only what
// one may is offered (rights.js); what the server refuses all the same is shown where one asked for it.

import { $, h } from './dom.js';
import { rightsOf } from './allowed.js';
import { everyOf } from './decrees.js';
import { sentence, utf8Length } from './format.js';
import { mayInvite, openInviting } from './inviting.js';
import { openMenu } from './menu.js';
import { isBelow, rolesToGive } from './rights.js';
import { toast } from './status.js';
import { nameShown } from './words.js';

const REASON_BYTES_MAX = 256;   // the server's limit
const SLOW_TIMES = [5, 10, 30, 60, 300, 900];
const ROLE_ICONS = { guest: 'person', member: 'person', host: 'shield', owner: 'shield' };
const ROLE_LABELS = { guest: 'Make guest, who may only read', member: 'Make member', host: 'Make host', owner: 'Make owner' };

/** What may be decided about somebody in a room. `member` may be one who is not there any more: {user, name, role?}. */
export function decreesFor(chat, it, member) {
  if (it.kind !== 'room' || it.status !== 'joined' || !chat.online) return [];
  const rights = rightsOf(chat, it);
  const room = chat.client.room(it.name);
  const { user } = member;
  const mine = user === chat.me.user;
  const role = it.members.get(user)?.role ?? member.role ?? 'member';
  const name = nameShown(member.name);
  const give = (to) => ({ icon: ROLE_ICONS[to], label: mine ? `Become a ${to} again` : ROLE_LABELS[to], run: () => tell(room.setRole(user, to)) });
  const roles = rolesToGive(role, rights, mine).map(give);
  if (mine || !isBelow(role, rights)) return roles;

  const items = [];
  const muted = it.standing.find('muted', user);
  const unsure = !it.standing.known('muted', user) && it.firstOffset !== 1;   // it may have been before what we have of the log
  if (rights.may('mute')) {
    if (!muted) items.push({ icon: 'mute', label: 'Mute…', run: () => ask({ it, verb: 'Mute', name, timed: true, note: 'They may listen, and not speak.', act: (o) => room.mute(user, o) }) });
    if (muted || unsure) items.push({ icon: 'speak', label: 'Unmute', run: () => tell(room.unmute(user)) });
  }
  if (rights.may('kick') && it.members.has(user)) {
    items.push({ icon: 'leave', label: 'Remove from the room…', danger: true, run: () => ask({ it, verb: 'Remove', name, note: 'They may come in again.', act: (o) => room.kick(user, o) }) });
  }
  if (rights.may('ban')) {
    items.push({ icon: 'ban', label: 'Ban…', danger: true, run: () => ask({ it, verb: 'Ban', name, timed: true, note: 'They are taken out, and may not come in again until it ends.', act: (o) => room.ban(user, o) }) });
  }
  return [...roles, ...items];
}

/** The menu at a person. */
export function openPersonMenu(chat, it, member, from) {
  const mine = member.user === chat.me.user;
  const write = mine ? [] : [{ icon: 'message', label: 'Write a direct message', run: () => chat.open('direct', member.user, { title: member.name }) }];
  openMenu(from, nameShown(member.name), [...write, ...decreesFor(chat, it, member)]);
}

/** What a line of the stream offers: to take back a ban or a mute that is in force. {label, run} or null. */
export function undoOf(chat, it, { type, user, offset }) {
  const kind = { 'member:banned': 'banned', 'member:muted': 'muted' }[type];
  if (!kind || it.status !== 'joined' || user === chat.me.user || !rightsOf(chat, it).may(kind === 'banned' ? 'ban' : 'mute')) return null;
  if (it.standing.find(kind, user)?.offset !== offset) return null;
  const room = chat.client.room(it.name);
  return kind === 'banned' ? { label: 'Unban', run: () => tell(room.unban(user)) } : { label: 'Unmute', run: () => tell(room.unmute(user)) };
}

// ---- the room -----------------------------------------------------------------------------------------------------

export const mayGovern = (chat, it) => it?.kind === 'room' && it.status === 'joined' && chat.online
  && ['slow', 'readonly', 'ban', 'invite'].some((right) => rightsOf(chat, it).may(right));

export function openRoomMenu(chat, from) {
  const it = chat.active;
  const { may } = rightsOf(chat, it);
  const room = chat.client.room(it.name);
  const items = [];
  if (may('readonly')) {
    items.push({ kind: 'checkbox', checked: room.readonly, label: 'Read-only: only hosts may write', run: () => tell(room.setReadonly(!room.readonly)) });
  }
  if (may('ban')) {
    items.push({ kind: 'checkbox', checked: room.locked, label: 'Locked: nobody new comes in', run: () => tell(room.setLocked(!room.locked)) });
  }
  if (may('slow')) {
    const times = [...new Set([0, ...SLOW_TIMES, room.slow_s])].sort((a, b) => a - b);
    items.push({ head: 'Slow mode' }, ...times.map((s) => ({
      kind: 'radio', checked: room.slow_s === s, label: s === 0 ? 'Off' : `One message ${everyOf(s)}`, run: () => tell(room.setSlow(s)),
    })));
  }
  const people = [
    mayInvite(chat, it) && { icon: 'invite', label: 'Invite people…', run: () => openInviting(chat, it) },
    may('ban') && { icon: 'person', label: 'Unban somebody…', run: () => askUnban(it, room) },
  ].filter(Boolean);
  if (people.length > 0) items.push({ head: 'People' }, ...people);
  openMenu(from, `Keep order in ${nameShown(it.name)}`, items);
}

// ---- the dialog ---------------------------------------------------------------------------------------------------

const dialog = $('decree-dialog');
let wish = null;   // what the dialog that is open is for

/** Asks for how long, and why; `act({seconds, reason})` is what happens then. */
function ask({ it, verb, name, timed = false, note, act }) {
  show({ title: h('span', {}, `${verb} `, h('bdi', {}, name), verb === 'Remove' ? ' from ' : ' in ', h('bdi', {}, `#${nameShown(it.name)}`), '?'),
    note, timed, reasoned: true, submit: verb, danger: true,
    act: () => {
      const reason = $('decree-reason').value.trim();
      if (utf8Length(reason) > REASON_BYTES_MAX) throw new Error('That is too long for a reason.');
      const seconds = timed ? dialog.querySelector('input[name="decree-time"]:checked').value : '';
      return act({ ...(seconds === '' ? {} : { seconds: Number(seconds) }), ...(reason === '' ? {} : { reason }) });
    } });
}

/** Asks before something is done that cannot be taken back; `act(reason)` does it. `title` is a text or a node. */
export function askFirst({ title, note, reasoned, submit, act }) {
  show({ title, note, reasoned, submit, danger: true,
    act: () => {
      const reason = $('decree-reason').value.trim();
      if (utf8Length(reason) > REASON_BYTES_MAX) throw new Error('That is too long for a reason.');
      return act(reason);
    } });
}

function askUnban(it, room) {
  const banned = it.standing.all('banned');
  $('decree-users').replaceChildren(...banned.map(({ user, name }) => h('option', { value: user }, nameShown(name))));
  show({ title: h('span', {}, 'Unban somebody in ', h('bdi', {}, `#${nameShown(it.name)}`)), named: true, submit: 'Unban',
    note: 'Those who are not in the room are known by their user id.',
    act: () => {
      const typed = $('decree-user').value.trim();
      if (typed === '') throw new Error('Please say who.');
      return room.unban(banned.find(({ user, name }) => user === typed || nameShown(name) === typed)?.user ?? typed);
    } });
}

function show({ title, note, timed = false, reasoned = false, named = false, submit, danger = false, act }) {
  wish = act;
  $('decree-title').replaceChildren(title);
  $('decree-note').textContent = note;
  $('decree-user-box').hidden = !named;
  $('decree-time').hidden = !timed;
  $('decree-reason-box').hidden = !reasoned;
  $('decree-submit').textContent = submit;
  $('decree-submit').classList.toggle('danger', danger);
  $('decree-form').reset();
  complain('');
  dialog.showModal();
  (named ? $('decree-user') : timed ? dialog.querySelector('input[name="decree-time"]') : reasoned ? $('decree-reason') : $('decree-submit')).focus();
}

function complain(text) {
  $('decree-error').hidden = text === '';
  $('decree-error').textContent = text;
}

$('decree-cancel').addEventListener('click', () => dialog.close());
$('decree-form').addEventListener('submit', async (e) => {
  e.preventDefault();
  $('decree-submit').disabled = true;
  complain('');
  try {
    await wish();
    dialog.close();
  } catch (error) {
    complain(sentence(error));
  } finally {
    $('decree-submit').disabled = false;
  }
});

/** What happens shows in the stream; what does not, here. */
async function tell(promise) {
  try {
    await promise;
  } catch (error) {
    toast(sentence(error), 'error');
  }
}
