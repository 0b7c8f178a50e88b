// SPDX-License-Identifier: Apache-2.0
//
// allowed.js: what one may do in a room at this moment, and what one is told where one may not: muted, read-only, slow mode,
// sent away. From what was decided (decrees.js) and what one's role and token allow (rights.js). No DOM here.

import { shortSpanOf, spanOf } from './decrees.js';
import { claimsOf, isGuest } from './identity.js';
import { isBelow, rightsIn } from './rights.js';
import { nameShown, textShown } from './words.js';

const REMOVALS = {
  expired: 'What let you into this room has ended.',
};
const oneLine = (text) => textShown(text).replace(/\n/g, ' ');
const secondsTo = (until) => (until - Date.now()) / 1000;

const computed = new WeakMap();   // conversation -> {key, rights}: every row of the list of people asks

/** My rights in a room, as far as a page can know them: {may(right), rank}. */
export function rightsOf(chat, it) {
  const token = isGuest(chat.me.user) ? null : chat.client.token;
  const role = chat.client.room(it.name).role ?? '';
  const key = `${role} ${it.given} ${token}`;
  if (computed.get(it)?.key !== key) {
    computed.set(it, { key, rights: rightsIn(it.name, role, token ? claimsOf(token).caps : undefined, it.given) });
  }
  return computed.get(it).rights;
}

/** Why one may not write here now: {text, until?, sign_in?}, or null. */
export function hindrance(chat, it) {
  if (it.kind !== 'room' || it.status !== 'joined') return null;
  const muted = it.standing.find('muted', chat.me.user);
  if (muted) {
    const span = muted.until < Infinity ? ` for ${shortSpanOf(secondsTo(muted.until))}` : '';
    return { text: `You are muted${span}${muted.reason ? `: ${oneLine(muted.reason)}` : ''}`, until: muted.until };
  }
  const { may } = rightsOf(chat, it);
  if (!may('publish')) {
    const guest = isGuest(chat.me.user) && !it.given;   // else it is not for want of a token
    return { text: guest ? 'Guests may only read here' : 'You may only read here', sign_in: guest };
  }
  if (chat.client.room(it.name).readonly && !may('readonly')) return { text: 'This room is read-only: only hosts may write' };
  return null;
}

/** One may write here now, and so answer and react. */
export const maySpeak = (chat, it) => it.status === 'joined' && hindrance(chat, it) === null;

/** Something may be done about it at all: it is a message of a room, has its place there, and its words are still to be had. */
export const canAct = (chat, it, item) => it.kind === 'room' && it.status === 'joined' && chat.online
  && item.kind === 'message' && item.offset !== undefined && item.state === 'sent' && !item.deleted;

/** One may let a message say something else; one may take it away. */
export const mayChange = (chat, it, item) => !it.standing.find('muted', chat.me.user) && mayTo(chat, it, item, 'edit');
export const mayRemove = (chat, it, item) => mayTo(chat, it, item, 'delete');

function mayTo(chat, it, { from }, verb) {
  const rights = rightsOf(chat, it);
  if (from.user === chat.me.user) return rights.may(`${verb}_own`);
  return rights.may(`${verb}_any`) && isBelow(it.members.get(from.user)?.role ?? 'member', rights);
}

/** The slow mode of the room is one for me, too. */
export function isHeldUp(chat, it) {
  return it.kind === 'room' && it.status === 'joined' && chat.client.room(it.name).slow_s > 0 && !rightsOf(chat, it).may('slow');
}

/** How long until one may say the next thing, ms. */
export function slowWait(chat, it) {
  return isHeldUp(chat, it) ? Math.max(0, it.saidAt + chat.client.room(it.name).slow_s * 1000 - Date.now()) : 0;
}

export const slowWords = (ms) => `Slow mode: you may write again in ${shortSpanOf(ms / 1000)}`;

/** Something that is shown of it changes by itself, as time passes. */
export function isCounting(chat, it) {
  return slowWait(chat, it) > 0 || hindrance(chat, it)?.until < Infinity || (it.error?.until ?? 0) > Date.now();
}

/** Who has sent us away, why, and for how long: {code, message, by?, until?}. */
export function removalOf(it, m, me) {
  if (m.error) return refusedJoin(m.error);
  if (!['kicked', 'banned', 'room_closed'].includes(m.reason)) {
    return { code: m.reason, message: REMOVALS[m.reason] ?? 'You are no longer in this room.' };
  }
  const by = m.by ? nameShown(m.by.name || m.by.user) : 'The server';
  const why = m.note ? `: ${oneLine(m.note)}` : '';
  if (m.reason === 'kicked') return { code: m.reason, message: `${by} removed you from this room${why}`, by: m.by ?? null };
  if (m.reason === 'room_closed') return { code: m.reason, message: `${by} closed this room${why}`, by: m.by ?? null, until: it.closed_until };
  const ban = it.standing.find('banned', me);
  const until = ban && ban.until < Infinity ? ban.until : undefined;
  const span = until === undefined ? 'for good' : `for ${spanOf(Math.round(secondsTo(until)))}`;
  return { code: m.reason, message: `${by} banned you ${span}${why}`, by: m.by ?? null, until };
}

/** Of invitations, each with what to do about it. */
const INVITATIONS = {
  invitation_invalid: 'This invitation is not one to this room, or was taken back. See that you have all of the link, or ask for another one.',
  invitation_expired: 'This invitation is over. Ask whoever gave it to you for another one.',
  invitation_used: 'This invitation has been used as often as it may be. Ask whoever gave it to you for another one.',
};

const REFUSALS = { banned: 'You are banned from this room.', room_closed: 'This room has been closed.' };

/** Why a room was not joined, or not joined again, with the end of it where it has one. */
export function refusedJoin(error) {
  // The code is that of every other refusal, so it is known by its sentence alone; where that is another one day, it is shown as it is.
  if (error.code === 'forbidden' && /\bis locked\b/.test(error.message)) return { code: 'locked', message: 'This room is locked: nobody new comes in at the moment.' };
  if (isOfInvitation(error)) return { code: error.code, message: INVITATIONS[error.code] };
  if (!REFUSALS[error.code]) return error;
  return { code: error.code, message: REFUSALS[error.code], until: error.retry_ms === undefined ? undefined : Date.now() + error.retry_ms };
}

export const isOfInvitation = ({ code }) => Object.hasOwn(INVITATIONS, code);

/** Whether and when one may come back. */
export function whenBack({ code, until }) {
  if (code === 'kicked') return 'You may come in again.';
  if (code === 'expired') return 'To come in again you may need to be invited anew.';
  if (code === 'locked') return 'Who keeps order there may open it, or invite you.';
  if (code === 'room_closed') {
    return until > Date.now() ? `In ${shortSpanOf(secondsTo(until))} it may be opened anew.` : 'You may open it anew.';
  }
  if (code !== 'banned') return '';
  if (!until) return 'No end is set; somebody who may has to let you in.';
  return until > Date.now() ? `You may come back in ${shortSpanOf(secondsTo(until))}.` : 'You may come back now.';
}
