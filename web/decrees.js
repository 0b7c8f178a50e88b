// SPDX-License-Identifier: Apache-2.0
//
// decrees.js: what those who may have decided in a room, in words: who is muted until when, how long that is, what a line
// of the stream says of it. No DOM here: a text is a list of strings and of {name} for what people call themselves.

import { plural } from './format.js';
import { nameShown, textShown } from './words.js';

export const DECREES = ['member:role', 'member:kicked', 'member:banned', 'member:unbanned', 'member:muted', 'member:unmuted',
  'member:admitted', 'invitation:made', 'invitation:ended', 'room:created', 'room:changed', 'room:closed'];

const UNITS = [[86_400, 'day', 'd'], [3600, 'hour', 'h'], [60, 'minute', 'min'], [1, 'second', 's']];

/** "10 minutes", "1 hour 30 minutes": the two greatest units. */
export function spanOf(seconds) {
  return parts(seconds).map(([n, unit]) => plural(n, unit)).join(' ') || 'no time';
}

/** "every 10 minutes", "every hour" */
export const everyOf = (seconds) => `every ${spanOf(seconds).replace(/^1 (?=\w+$)/, '')}`;

/** The same in short, for what counts down: "9 min 30 s". */
export function shortSpanOf(seconds) {
  return parts(seconds).map(([n, , short]) => `${n} ${short}`).join(' ') || '0 s';
}

function parts(seconds) {
  let left = Math.max(0, Math.ceil(seconds));
  const found = [];
  for (const [size, unit, short] of UNITS) {
    const n = Math.floor(left / size);
    if (n > 0) found.push([n, unit, short]);
    else if (found.length > 0) break;   // not "1 day 1 second"
    left -= n * size;
    if (found.length === 2) break;
  }
  return found;
}

/** A time as it is typed: 30s, 10m, 2h, 7d, or seconds. null where it is none. */
export function secondsOf(word) {
  const match = /^(\d{1,9})([smhd]?)$/.exec(word);
  const seconds = match ? Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] || 's'] : 0;
  return seconds >= 1 && seconds <= SECONDS_MAX ? seconds : null;
}
export const SECONDS_MAX = 315_360_000;   // the server's limit

const ROLE_WORDS = { guest: 'a guest, who may only read', member: 'a member', host: 'a host', owner: 'an owner' };

/** What a decree says: strings, and {name} for names. `me` is one's user id; `nameOf(user)` knows those whom the decree does
 *  not name, as they were not in the room. */
export function wordsOf(m, me, nameOf) {
  const by = !m.from ? 'The server' : m.from.user === me ? 'You' : { name: nameShown(m.from.name || m.from.user) };
  const whom = m.user === undefined ? '' : m.user === me ? 'you' : { name: nameShown(m.name ?? nameOf(m.user) ?? m.user) };
  const span = m.until === undefined ? '' : ` for ${spanOf((m.until - m.time) / 1000)}`;
  const words = {
    'member:role': () => (m.from ? [by, ' made ', m.from.user === m.user && m.user === me ? 'yourself' : whom, ` ${ROLE_WORDS[m.role] ?? m.role}`]
      : [whom === 'you' ? 'You are ' : whom, whom === 'you' ? '' : ' is ', ROLE_WORDS[m.role] ?? m.role]),
    'member:admitted': () => [whom === 'you' ? 'You' : whom, ' came in by an invitation', m.role === 'member' ? '' : `, as ${ROLE_WORDS[m.role] ?? m.role}`],
    'invitation:made': () => [by, ` made an invitation for ${plural(m.uses, 'person', 'people')}`],
    'invitation:ended': () => [by, ' took an invitation back'],
    'member:kicked': () => [by, ' removed ', whom],
    'member:banned': () => [by, ' banned ', whom, span || ' for good'],
    'member:unbanned': () => [by, ' let ', whom, ' come in again'],
    'member:muted': () => [by, ' muted ', whom, span],
    'member:unmuted': () => [by, ' let ', whom, ' speak again'],
    'room:changed': () => [by, settingWords(m)],
    'room:created': () => [by, ' made this room', ...(m.rule === undefined ? [] : [', by the rule ', { name: nameShown(m.rule) }])],
    'room:closed': () => [by, ' closed the room'],
    'state:updated': () => [by, ...sharedWords(m)],
  }[m.type]();
  return m.reason ? [...words, ': ', { name: textShown(m.reason).replace(/\n/g, ' ') }] : words;
}

/** Of a setting of the room. One that this page does not know is not nothing. */
function settingWords({ slow_s, readonly, locked }) {
  if (slow_s !== undefined) return slow_s > 0 ? ` turned on slow mode: one message ${everyOf(slow_s)}` : ' turned off slow mode';
  if (readonly !== undefined) return readonly ? ' made the room read-only' : ' opened the room for everybody to write';
  if (locked !== undefined) return locked ? ' locked the room: nobody new comes in' : ' unlocked the room';
  return ' changed the room';
}

/** Of what a room shares: the topic, and what is pinned (shared.js). */
function sharedWords({ topic, pinned, unpinned }) {
  if (topic !== undefined) return topic === '' ? [' removed the topic'] : [' set the topic: ', { name: topic }];
  const did = [pinned > 0 && ` pinned ${some(pinned)}`, unpinned > 0 && ` unpinned ${some(unpinned)}`].filter(Boolean);
  return [did.join(' and') || ' changed what is pinned'];
}
const some = (n) => (n === 1 ? 'a message' : plural(n, 'message'));

export const plain = (words) => words.map((word) => word.name ?? word).join('');

/** Who is muted or banned, by what was decided. Decrees may come in any order: history is read backwards. */
export class Standing {
  #of = new Map();   // user -> {muted?, banned?}: {offset, until, reason, by, name}, of which until 0 says that it is lifted

  clear() { this.#of.clear(); }

  /** `until`: in milliseconds of this machine's clock, Infinity without an end. */
  note(m, until) {
    const [, kind] = /^member:(?:un)?(muted|banned)$/.exec(m.type) ?? [];
    if (!kind) return;
    const known = this.#of.get(m.user) ?? {};
    if ((known[kind]?.offset ?? -1) > m.offset) return;
    const lifted = m.type.startsWith('member:un');
    const name = m.name ?? known[kind]?.name;
    this.#of.set(m.user, { ...known, [kind]: { offset: m.offset, until: lifted ? 0 : until, reason: m.reason, by: m.from, name } });
  }

  /** What the server has told us of by refusing something; it holds until a decree behind `offset` says otherwise. */
  tell(kind, user, until, offset) {
    const known = this.#of.get(user) ?? {};
    this.#of.set(user, { ...known, [kind]: { ...known[kind], offset, until } });
  }

  /** What is in force: {until, reason?, by?}, or null. */
  find(kind, user, now = Date.now()) {
    const found = this.#of.get(user)?.[kind];
    return found && found.until > now ? found : null;
  }

  /** What somebody was called when it was decided. */
  nameOf(user) {
    const of = this.#of.get(user);
    return of?.banned?.name ?? of?.muted?.name ?? null;
  }

  /** Anything has been decided about it: it need not be asked whether it was before we came. */
  known(kind, user) { return this.#of.get(user)?.[kind] !== undefined; }

  /** Users for whom it is in force, with the names they had. */
  all(kind, now = Date.now()) {
    return [...this.#of].filter(([user]) => this.find(kind, user, now)).map(([user, of]) => ({ user, name: of[kind].name ?? user }));
  }
}
