// SPDX-License-Identifier: Apache-2.0
//
// acts.js: what an admin may do to people, rooms and connections, in one table: the command of the API, which is also the right that it
// takes, what it asks, and what it says. Each view shows those of them that its rows are about, as far as the key may.
import { h } from '/dom.js';
import { ROLES, TIMES, ask, given, q } from './ask.js';

const REASON = { name: 'reason', label: 'Reason, which the room reads (optional)' };
const FOR = { name: 'seconds', label: 'For how long', kind: 'choice', choices: TIMES, value: '3600' };
const ROOM = { name: 'room', label: 'Room', required: true, max: 128 };
const lasts = (values) => TIMES.find(([seconds]) => seconds === values.seconds)?.[1] ?? '';
const howLong = (values) => (values.seconds ? `for ${lasts(values)}` : 'for ever');

/** name: { word of the button, title, does, fields, said } of what it is about: { room?, user?, name?, connection? }. */
const ACTS = {
  kick: { word: 'Kick', fields: [REASON], title: (a) => `Kick ${q(a.name)} from ${q(a.room)}?`,
    does: () => 'All their sessions are out of the room. They may come in again.', said: (a) => `${q(a.name)} is out of ${q(a.room)}.` },
  ban: { word: 'Ban', fields: [FOR, REASON], title: (a) => `Ban ${q(a.name)} from ${q(a.room)}?`,
    does: () => 'They are out of the room, and do not come in until it ends.', said: (a, v) => `${q(a.name)} is banned from ${q(a.room)} ${howLong(v)}.` },
  unban: { word: 'Unban', fields: [], danger: false, title: (a) => `Let ${q(a.name)} into ${q(a.room)} again?`,
    does: () => 'A ban of this user in this room ends now.', said: (a) => `${q(a.name)} may come into ${q(a.room)} again.` },
  mute: { word: 'Mute', fields: [FOR, REASON], title: (a) => `Mute ${q(a.name)} in ${q(a.room)}?`,
    does: () => 'They hear the room, and say nothing there until it ends.', said: (a, v) => `${q(a.name)} is muted in ${q(a.room)} ${howLong(v)}.` },
  unmute: { word: 'Unmute', fields: [], danger: false, title: (a) => `Let ${q(a.name)} speak in ${q(a.room)} again?`,
    does: () => 'A mute of this user in this room ends now.', said: (a) => `${q(a.name)} may speak in ${q(a.room)} again.` },
  role: { word: 'Role', fields: [{ name: 'role', label: 'Role', kind: 'choice', choices: ROLES }], danger: false,
    title: (a) => `Give ${q(a.name)} another role in ${q(a.room)}?`, does: () => 'They have it in this room for as long as the room is there.',
    said: (a, v) => `${q(a.name)} is ${v.role} in ${q(a.room)}.` },
  close: { word: 'Close the room', fields: [REASON], title: (a) => `Close the room ${q(a.room)}?`,
    does: () => 'Everybody is out, and what was said and decided there is gone.', said: (a) => `The room ${q(a.room)} is closed.` },
  disconnect: { word: 'Disconnect', fields: [], title: (a) => (a.connection ? `Disconnect ${q(a.name)}, connection ${a.connection}?` : `Disconnect all sessions of ${q(a.user)}?`),
    does: () => 'The connection is closed, and does not come back by itself. It keeps nobody out: a ban, or to revoke tokens, does.',
    said: (a, v, answer) => (answer.delivered === 0 ? `Nobody was disconnected: ${q(a.name)} has no session.` : `${q(a.name)} is disconnected (${answer.delivered} ${answer.delivered === 1 ? 'connection' : 'connections'}).`) },
  revoke: { word: 'Revoke tokens', fields: [{ ...FOR, value: '86400', label: 'For how long (as long as such tokens live)' }, { name: 'reason', label: 'Reason, for the server’s log (optional)' }],
    title: (a) => (a.token_id ? `Revoke the token ${q(a.token_id)}?` : `Revoke all tokens of ${q(a.user)}?`),
    does: () => 'Tokens issued before now are refused, and whoever is here by one is closed at once. It is kept in memory only.',
    said: (a, v) => `${a.token_id ? `The token ${q(a.token_id)} is` : `Tokens of ${q(a.user)} are`} revoked ${howLong(v)}.` },
};

/** Asks and does it. `about` has the keys of the command, and `name` for its words; `inRoom`: the room is asked for. */
export function act(server, command, about, { inRoom = false } = {}) {
  const { title, does, fields, said, danger, word } = ACTS[command];
  const { name, ...keys } = about;
  const whole = (values) => ({ ...about, name: name ?? about.user ?? '', ...values });
  return ask({
    title: inRoom ? `${word} ${q(about.user)} in a room?` : title(whole({})),
    does: does(),
    act: word,
    danger,
    fields: inRoom ? [ROOM, ...fields] : fields,
    run: async (values) => {
      const answer = await server.call(command, { ...keys, ...given(values) });
      return said(whole(values), values, answer);
    },
  });
}

/** A button for it; null where the key may not. `done` runs behind it. */
export function actButton(server, command, about, done, options) {
  if (!server.may(command)) return null;
  const { word, danger } = ACTS[command];
  const what = about.name ?? about.user ?? about.room;
  return h('button', { type: 'button', class: danger === false ? 'small' : 'small dangerous', 'aria-label': what ? `${word}: ${q(what)}` : word, data: { testid: `act-${command}` },
    onclick: async () => { if (await act(server, command, about, options)) await done?.(); } }, word);
}
