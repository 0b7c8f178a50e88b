// SPDX-License-Identifier: Apache-2.0
//
// rows.js: a conversation as the rows of the stream: days, groups of one author, runs of people coming and going, gaps, what was decided;
// and the element of each. stream.js draws them. A message is a row of message.js.

import { h, icon } from './dom.js';
import { avatar, count, dayKey, dayLabel, displayOf, fullTimeOf, plural } from './format.js';
import { wordsOf } from './decrees.js';
import { inviteRow } from './invite.js';
import { messageRow, signatureOf } from './message.js';
import { decreesFor, undoOf } from './moderation.js';
import { nameShown } from './words.js';

const GROUP_MS = 5 * 60_000;    // one author's messages within this are one group
const NAMES_IN_NOTICE = 3;
const DECREE_ICONS = { topic: 'pencil', pinned: 'pin', locked: 'lock', 'member:admitted': 'invite', 'invitation:made': 'invite', 'invitation:ended': 'invite' };

/** The rows of a conversation, anew at each draw. `unfolded`: keys of the long messages that somebody has opened. */
export function rowsOf(chat, it, unfolded) {
  const start = firstShown(it);
  let fresh = lineAt(it, start);
  const readers = chat.reading.readersOf(it);
  const rows = [topRow(it, start)];
  let day = null;
  let previous = null;   // the message above, if the next one may join its group
  let run = null;        // the presence run being collected
  for (const item of [...it.items.slice(start), ...it.pending]) {
    const key = dayKey(item.time);
    if (key !== day) {
      rows.push({ type: 'day', key: `day-${key}`, sig: dayLabel(item.time), time: item.time });
      day = key;
      previous = run = null;
    }
    if (item.order > fresh && isNew(chat, item)) {
      rows.push({ type: 'unread', key: 'unread', sig: '' });
      fresh = Infinity;
      previous = run = null;
    }
    if (isPassing(item)) {
      if (!run) rows.push(run = { type: 'presence', key: `run-${item.key}`, sig: '', items: [] });
      run.items.push(item);
      run.sig = String(run.items.length);
      previous = null;
      continue;
    }
    run = null;
    if (item.kind !== 'message') {
      rows.push(plainRow(chat, it, item));
      previous = null;
      continue;
    }
    const { action } = displayOf(item.data);
    const menu = !item.own && decreesFor(chat, it, item.from).length > 0;
    const lead = !action && (!previous || previous.from.user !== item.from.user || previous.from.name !== item.from.name
      || item.time - previous.time > GROUP_MS);
    const open = unfolded.has(item.key);
    const seen = readers.get(item.offset) ?? [];
    const sig = `${lead}${menu}${open}${seen.map(({ user, name }) => `${user} ${name}`)}${signatureOf(chat, it, item)}`;
    rows.push({ type: 'message', key: item.key, item, lead, menu, unfolded: open, seen, sig });
    previous = action ? null : item;
  }
  return rows;
}

/** A message of somebody else. */
export const isNew = (chat, item) => item.kind === 'message' && !item.own && item.from.user !== chat.me.user;

function topRow(it, start) {
  if (it.stuck && start === 0) return { type: 'stuck', key: 'top', sig: `stuck${it.id}` };
  if (!it.complete || start > 0) return { type: 'loading', key: 'top', sig: 'loading' };
  if (it.kind === 'room' && !it.hasMessages) return { type: 'invite', key: 'top', sig: `invite${it.id}` };
  return { type: 'start', key: 'top', sig: `start${it.id}${it.title}` };
}

function plainRow(chat, it, item) {
  if (item.kind === 'gap') {
    const missing = it.missingIn(item);
    return { type: 'gap', key: item.key, item, missing, sig: String(missing) };
  }
  if (item.kind === 'decree') {
    const undo = undoOf(chat, it, item.decree);
    return { type: 'decree', key: item.key, item, undo, sig: undo?.label ?? '' };
  }
  const type = item.kind === 'restart' || item.kind === 'help' ? item.kind : 'notice';
  return { type, key: item.key, item, sig: '' };
}

/** `on`: what the buttons of a message do that are about the stream. */
export function makeRow(chat, it, row, on) {
  switch (row.type) {
    case 'loading': return h('li.top-row', { 'aria-hidden': 'true', data: { testid: 'loading' } }, h('span.top-dots'));
    case 'stuck': return h('li.top-row', {}, h('button.secondary', {
      type: 'button', onclick: () => chat.archive.retry(it), data: { testid: 'retry-earlier' },
    }, 'Try to load older messages again'));
    case 'start': return startRow(it);
    case 'invite': return inviteRow(it);
    case 'restart': return h('li.restart.row', { data: { testid: 'restart-line' } },
      h('span', {}, 'Room restarted: what is above is only on this screen.'));
    case 'help': return helpRow(row.item);
    case 'day': return h('li.day.row', {}, h('span', {}, dayLabel(row.time)));
    case 'unread': return h('li.unread-line', { data: { testid: 'unread-line' } }, h('span', {}, 'New messages'));
    case 'presence': return h('li.notice.row', { data: { testid: 'presence-notice' } }, presenceText(row.items));
    case 'decree': return decreeRow(chat, it, row);
    case 'gap': return gapRow(row);
    case 'notice': return h('li.notice.row', { class: row.item.tone, data: { testid: 'notice' } }, row.item.text);
    default: return messageRow(chat, it, row, on);
  }
}

function decreeRow(chat, it, { item, undo }) {
  const words = wordsOf(item.decree, chat.me.user, (user) => chat.directory.nameIn(it, user));
  return h('li.notice.decree.row', { title: fullTimeOf(item.time), data: { testid: 'decree', type: item.decree.type } },
    icon(DECREE_ICONS[item.decree.key ?? (item.decree.locked === undefined ? item.decree.type : 'locked')] ?? 'shield'), h('span.decree-text', {}, words.map((word) => (word.name === undefined ? word : h('bdi', {}, word.name)))),
    undo && h('button.decree-undo', { type: 'button', onclick: undo.run, data: { testid: 'decree-undo' } }, undo.label));
}

/** People coming, going and changing their names are told in one line. */
const isPassing = ({ kind }) => kind === 'presence' || kind === 'rename';

/** Where the newest `it.shown` rows begin. A run of people coming and going is one row, however long. */
export function firstShown(it) {
  let rows = 0;
  for (let i = it.items.length - 1; i > 0; i--) {
    const inRun = isPassing(it.items[i]) && isPassing(it.items[i - 1]);
    if (!inRun && ++rows >= it.shown) return i;
  }
  return 0;
}

/** Behind which order the "new" line stands. Infinity: nowhere, as the first of what is new is not here. */
function lineAt(it, start) {
  if (!it.fresh) return Infinity;
  const { after } = it.fresh;
  const here = it.kind === 'direct' || it.complete || after < 0 || (it.lowest ?? Infinity) <= Math.floor(after) + 1;
  return here && !(it.items[start - 1]?.order > after) ? after : Infinity;
}

function startRow(it) {
  if (it.kind === 'direct') {
    return h('li.start.row', {}, avatar(h('span'), { user: it.name, name: it.title }),
      h('h2', {}, h('bdi', {}, it.label)),
      h('p', {}, 'Direct messages reach this person right away while they are online. They are not kept on the server.'));
  }
  return h('li.start.row', {}, h('span.start-glyph', { 'aria-hidden': 'true' }, icon('hash')),
    h('h2', {}, h('bdi', {}, it.label)),
    h('p', {}, 'As far back as this room remembers. What is said here reaches everyone in it.'));
}

function gapRow({ item, missing }) {
  const text = missing <= 0 ? 'Caught up after an interruption.'
    : item.reason === 'conflated' ? `${plural(missing, 'entry', 'entries')} left out: newer ones have taken ${missing === 1 ? 'its' : 'their'} place.`
      : item.reason === 'slow' ? `${plural(missing, 'entry', 'entries')} skipped, because this connection could not keep up.`
        : `${plural(missing, 'entry', 'entries')} from while you were away ${missing === 1 ? 'is' : 'are'} no longer kept.`;
  return h('li.gap.row', { data: { testid: 'gap' }, title: `Offsets ${item.from} to ${item.to}` }, h('span', {}, text));
}

function helpRow({ commands }) {
  return h('li.notice.told.row', { data: { testid: 'help' } }, h('p', {}, 'What a line with a slash does:'),
    h('dl.help', {}, commands.map(({ usage, help }) => h('div', {}, h('dt', {}, usage), h('dd', {}, help)))),
    h('p', {}, 'A line that begins with // is sent with one slash. Only you see this.'));
}

/** "Ada and Bob joined · Cleo left": what a run of comings and goings amounts to. */
function presenceText(items) {
  const last = new Map();
  const first = new Map();
  const renamed = items.filter((item) => item.kind === 'rename');
  for (const item of items) {
    if (item.kind === 'rename') continue;
    if (!first.has(item.user)) first.set(item.user, item.verb);
    last.set(item.user, item);
  }
  const joined = [];
  const left = [];
  const visited = [];
  const back = [];
  for (const [user, item] of last) {
    const came = first.get(user) === 'joined';
    if (item.verb === 'joined') (came ? joined : back).push(item.name);
    else (came ? visited : left).push(item.name);
  }
  const parts = [];
  if (joined.length) parts.push(names(joined, 'joined'));
  if (left.length) parts.push(names(left, 'left'));
  if (back.length) parts.push(names(back, 'came back'));
  if (visited.length) parts.push(names(visited, 'came and went'));
  for (const { from, to } of renamed) parts.push([h('bdi', {}, nameShown(from)), ' is now ', h('bdi', {}, nameShown(to))]);
  return parts.flatMap((p, i) => (i ? [' · ', ...p] : p));
}

function names(all, verb) {
  const list = [...new Set(all)];   // two guests may go by one name
  const shown = list.length <= NAMES_IN_NOTICE + 1 ? list : list.slice(0, NAMES_IN_NOTICE);
  const nodes = shown.flatMap((name, i) => {
    const glue = i === 0 ? '' : i === list.length - 1 ? ' and ' : ', ';
    return [glue, h('bdi', {}, nameShown(name))];
  });
  if (shown.length < list.length) nodes.push(` and ${count(list.length - shown.length)} others`);
  return [...nodes, ` ${verb}`];
}
