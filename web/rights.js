// SPDX-License-Identifier: Apache-2.0
//
// rights.js: what somebody may do in a room, as far as a page can know: so that it offers what the server will do, and nothing
// else. The server decides (docs/protocol/native.md, "Roles and rights"); a test holds this table to `plenum rights`.
//
// A role is enough, unless one has signed in with a token that says what it allows (`caps`, docs/RULES.md): then exactly
// that counts, and what a role allows that was given in the room.

export const ROLES = ['guest', 'member', 'host', 'owner'];   // in their rank

/** The least role that has a right. */
export const LEAST_ROLE = {
  join: 'guest', read: 'guest', list: 'guest',
  publish: 'member', signal: 'member', state: 'member', edit_own: 'member', delete_own: 'member',
  invite: 'host', edit_any: 'host', delete_any: 'host', kick: 'host', mute: 'host', slow: 'host', readonly: 'host',
  ban: 'host', role: 'host',
  close: 'owner',
};

/** What the words of a token's `caps` stand for. */
const WORDS = {
  join: ['join', 'read', 'list'],
  publish: ['publish', 'signal', 'edit_own', 'delete_own'],
  state: ['state'],
  invite: ['invite'],
  moderate: ['kick', 'mute', 'delete_any', 'slow'],
  host: Object.keys(LEAST_ROLE).filter((right) => right !== 'close'),
};

const rankOf = (role) => ROLES.indexOf(role);
const rightsOf = (role) => Object.keys(LEAST_ROLE).filter((right) => rankOf(LEAST_ROLE[right]) <= rankOf(role));

// Between a member and a host are those whom a token lets keep order.
const RANK = { guest: 0, member: 2, host: 4, owner: 6 };
const KEEPS_ORDER = ['kick', 'mute', 'delete_any'];
const RANK_OF_ORDER = 3;

/** What I may in a room where my role is `role`.
 *  @param {object} [caps]  the claim of the token that I am signed in with
 *  @param {boolean} [given]  the role was given to me there, and does not come from the room's rule
 *  @returns {{may(right): boolean, rank: number}} */
export function rightsIn(room, role, caps, given = false) {
  const byRole = rightsOf(role);
  if (!caps) return { may: (right) => byRole.includes(right), rank: RANK[role] ?? -1 };
  const granted = (capsFor(caps, room) ?? []).flatMap((word) => (Object.hasOwn(WORDS, word) ? WORDS[word] : []));
  const all = new Set([...granted, ...(given || rankOf(role) >= rankOf('host') ? byRole : [])]);
  const order = KEEPS_ORDER.some((right) => granted.includes(right)) ? RANK_OF_ORDER : 0;
  return { may: (right) => all.has(right), rank: Math.max(RANK[role] ?? -1, order) };
}

/** Those whom one decides about have to be below. */
export const isBelow = (role, rights) => (RANK[role] ?? 0) < rights.rank;

/** The roles that one may give to somebody who has `role`. */
export function rolesToGive(role, rights, mine) {
  if (mine) return ROLES.slice(1, Math.max(0, rankOf(role)));   // some of one's own may be given up
  if (!rights.may('role') || !isBelow(role, rights)) return [];
  return ROLES.filter((other) => other !== role && isBelow(other, rights));
}

// ---- patterns -----------------------------------------------------------------------------------------------------

/** The words of the most specific pattern that matches the room, or null. */
function capsFor(caps, room) {
  const rows = Object.entries(caps.rooms ?? {}).filter(([pattern, words]) => Array.isArray(words) && matches(pattern, room));
  rows.sort(([a], [b]) => bySpecificity(a, b));
  return rows[0]?.[1] ?? null;
}

function matches(pattern, room) {
  const source = pattern.replace(/\*\*|\*|[.+?^${}()|[\]\\]/g, (it) => ({ '**': '[^]*', '*': '[^/:]*' }[it] ?? `\\${it}`));
  return new RegExp(`^${source}$`, 'u').test(room);
}

const octets = (text) => new TextEncoder().encode(text).length;
const wide = (pattern) => (pattern.match(/\*\*/g) ?? []).length;
const narrow = (pattern) => (pattern.replaceAll('**', '').match(/\*/g) ?? []).length;

function bySpecificity(a, b) {
  return octets(b.replaceAll('*', '')) - octets(a.replaceAll('*', '')) || wide(a) - wide(b) || narrow(a) - narrow(b)
    || octets(b.split('*')[0]) - octets(a.split('*')[0]) || (a < b ? -1 : 1);
}
