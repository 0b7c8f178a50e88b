// SPDX-License-Identifier: Apache-2.0
//
// message.js: one message of the stream as a row: who, when, what it answers, what it says, who has reacted, and the buttons of what one
// may do about it. stream.js says when to make it, acts.js what the buttons do.

import { openMessageMenu, openReactions } from './acts.js';
import { canAct, maySpeak } from './allowed.js';
import { h, icon } from './dom.js';
import { nameOf } from './emoji.js';
import { avatar, count, displayOf, fullTimeOf, hueOf, plural, rendered, sentence, timeOf } from './format.js';
import { plainOf } from './markdown.js';
import { openPersonMenu } from './moderation.js';
import { nameShown, textShown } from './words.js';

const LONG_CHARS = 2400;        // longer messages are folded
const LONG_LINES = 28;
const QUOTE_CHARS = 140;
const NAMES_TOLD = 8;
const READERS_SHOWN = 5;

/** What the message that is answered says, in a line: {who, text}; what is not here is only known to be. */
export function quoteOf(it, offset) {
  const item = it.byOffset.get(offset);
  if (item?.kind !== 'message') return { who: null, text: 'an earlier message' };
  return { who: item.from, text: item.deleted ? 'deleted' : lineOf(item) };
}

/** A message in one line. */
export function lineOf(item) {
  const { text, json, action } = displayOf(item.data);
  const start = (text ?? json).slice(0, 4 * QUOTE_CHARS);
  const line = (json !== undefined || action ? start.replace(/\s+/g, ' ') : plainOf(start)).slice(0, QUOTE_CHARS + 1);
  return line.length > QUOTE_CHARS ? `${line.slice(0, QUOTE_CHARS)}…` : line;
}

/** All that a row shows of a message and that may change: as a text, to be compared. */
export function signatureOf(chat, it, item) {
  if (it.kind !== 'room') return `${item.state}${item.delivered ?? ''}`;
  const quote = item.replyTo === undefined ? null : quoteOf(it, item.replyTo);
  return JSON.stringify([item.state, item.offset, item.version, item.deleted, item.reason, item.remover?.user, it.changes.reactionsTo(item, chat.me.user), it.changes.repliesTo(item),
    quote, canAct(chat, it, item), maySpeak(chat, it), chat.shared.isPinned(it, item.offset), item.mention]);
}

/**
 * @param {object} row  {item, lead: with its author above, menu: the author has one, unfolded, seen: [{user, name}], who has read up to it}
 * @param {object} on   {unfold(item), jump(offset), thread(offset)}
 */
export function messageRow(chat, it, { item, lead, menu, unfolded, seen }, on) {
  const { from } = item;
  const openAuthor = (e) => {
    if (menu) openPersonMenu(chat, it, from, e.currentTarget);
    else if (!item.own && it.kind === 'room') chat.open('direct', from.user, { title: from.name });
  };
  const time = h('time', { datetime: new Date(item.time).toISOString(), title: fullTimeOf(item.time) }, timeOf(item.time));
  const body = h('div.msg-body', {}, lead && h('div.msg-head', {},
    h(`button.msg-author.${hueOf(from.user)}`, { type: 'button', onclick: openAuthor, tabindex: -1, 'aria-haspopup': menu ? 'menu' : null, data: { testid: 'author' },
      title: item.own ? `${nameShown(from.name)} (you)` : `${nameShown(from.name)} · ${from.user}` }, h('bdi', {}, nameShown(from.name))),
    item.own && h('span.tag', {}, 'you'), time));
  if (item.replyTo !== undefined) body.append(quote(it, item, on));
  const [content, ...more] = item.deleted ? [deleted(chat, item)] : contentOf(chat, it, item, unfolded, on);
  body.append(h('div.msg-line', {}, content, mark(it, item), pinMark(chat, it, item), readersOf(seen)), ...more);
  body.append(...below(chat, it, item, on));
  if (item.state === 'failed') body.append(failure(chat, it, item));
  if (canAct(chat, it, item)) body.append(buttons(chat, it, item));
  const side = lead
    ? avatar(h('span', { 'aria-hidden': 'true' }), from)
    : h('span.msg-side', {}, time);
  return h('li.msg.row', {
    class: `${lead ? 'lead' : ''} ${item.own ? 'own' : ''} ${item.state} ${item.mention ? 'mention' : ''}`,
    data: { testid: 'message', state: item.state, offset: item.offset ?? '', own: item.own ? 'true' : 'false' },
  }, side, body);
}

function contentOf(chat, it, item, unfolded, on) {
  const { text, json, action } = displayOf(item.data);
  const edited = item.edited !== undefined
    && h('span.msg-edited', { title: `Edited ${fullTimeOf(item.edited)}`, data: { testid: 'edited' } }, ' (edited)');
  if (json !== undefined) return [h('pre.msg-json', { data: { testid: 'message-text' }, tabindex: 0 }, json), edited].filter(Boolean);
  const long = text.length > LONG_CHARS || text.split('\n', LONG_LINES + 2).length > LONG_LINES;
  const folded = long && !unfolded;
  const node = h('div.msg-text', {
    dir: 'auto', class: `${folded ? 'folded' : ''} ${action ? 'action' : ''} ${text === '' ? 'empty' : ''}`, data: { testid: 'message-text' },
  }, action && ['* ', h('bdi', {}, nameShown(item.from.name)), ' '],
  text === '' ? '(an empty message)' : rendered(text, { plain: action, me: chat.me.name, names: it.names }));
  const line = edited ? h('div.msg-said', {}, node, edited) : node;
  if (!folded) return [line];
  return [line, h('button.unfold', { type: 'button', onclick: () => on.unfold(item) }, `Show all (${plural(text.length, 'character')})`)];
}

function deleted(chat, item) {
  const { remover } = item;
  const by = remover && remover.user !== item.from.user ? [' by ', h('bdi', {}, remover.user === chat.me.user ? 'you' : nameShown(remover.name))] : [];
  const why = item.reason ? [': ', h('bdi', {}, textShown(item.reason).replace(/\n/g, ' '))] : [];
  return h('div.msg-text.gone', { data: { testid: 'message-deleted' } }, icon('trash'), h('span', {}, 'This message was deleted', by, why));
}

function quote(it, item, on) {
  const { who, text } = quoteOf(it, item.replyTo);
  const name = who ? nameShown(who.name) : '';
  return h('button.msg-quote', {
    type: 'button', tabindex: -1, title: 'Go to what this answers', onclick: () => on.jump(item.replyTo), data: { testid: 'quote', target: item.replyTo },
  }, icon('reply'), h('span.visually-hidden', {}, 'In answer to '), who && h(`bdi.msg-quote-name.${hueOf(who.user)}`, {}, name), h('span.msg-quote-text', { dir: 'auto' }, text));
}

/** Reactions, and how many have answered. */
function below(chat, it, item, on) {
  if (it.kind !== 'room' || item.offset === undefined) return [];
  const reactions = it.changes.reactionsTo(item, chat.me.user);
  const replies = it.changes.repliesTo(item);
  if (reactions.length === 0 && replies === 0) return [];
  const may = canAct(chat, it, item) && maySpeak(chat, it);
  return [h('div.msg-below', {}, reactions.map((reaction) => reactionButton(chat, it, item, reaction, may)),
    replies > 0 && h('button.msg-replies', {
      type: 'button', tabindex: -1, onclick: () => on.thread(item.offset), data: { testid: 'replies' },
    }, icon('reply'), plural(replies, 'reply', 'replies')))];
}

function reactionButton(chat, it, item, { key, count: n, mine, names }, may) {
  const told = [...mine ? ['You'] : [], ...names.slice(0, NAMES_TOLD).map(nameShown)];
  const others = n - told.length;
  const who = told.length === 0 ? '' : `${told.join(', ')}${others > 0 ? ` and ${plural(others, 'other')}` : ''}: `;
  return h('button.reaction', {
    type: 'button', tabindex: -1, class: mine ? 'mine' : '', disabled: !may, 'aria-pressed': mine, 'aria-label': `${nameOf(key)}, ${count(n)}`,
    title: `${who}${mine ? 'click to take it back' : 'click to react so, too'}`, onclick: () => chat.outgoing.react(it, item, key, !mine), data: { testid: 'reaction', key },
  }, h('bdi.reaction-key', {}, nameShown(key)), h('span.reaction-count', {}, count(n)));
}

/** Of these only the last is in the order of Tab, and of all messages one: the arrow keys go to the others. */
function buttons(chat, it, item) {
  const button = (testid, picture, label, onclick, menu) => h(`button.icon-button.small.${testid}`, {
    type: 'button', tabindex: -1, 'aria-label': label, title: label, 'aria-haspopup': menu, 'aria-expanded': menu ? false : null, onclick, data: { testid },
  }, icon(picture));
  return h('div.msg-acts', {},
    maySpeak(chat, it) && button('msg-react', 'smile', 'React', (e) => openReactions(chat, it, item, e.currentTarget), 'menu'),
    maySpeak(chat, it) && button('msg-reply', 'reply', 'Reply', () => chat.outgoing.answer(it, item)),
    button('msg-more', 'more', `What to do with this message of ${nameShown(item.from.name)}`, (e) => openMessageMenu(chat, it, item, e.currentTarget), 'menu'));
}

/** What stands behind an own message: on its way, or delivered. */
function mark(it, item) {
  const sign = (text, picture, data) => h('span.msg-state', { title: text, data },
    icon(picture), h('span.visually-hidden', {}, text));
  if (item.state === 'pending') return sign('Sending', 'clock', {});
  if (it.kind === 'direct' && item.own && item.delivered) {
    const text = item.delivered === 1 ? 'Delivered' : `Delivered to ${count(item.delivered)} sessions`;
    return sign(text, 'check', { testid: 'delivered' });
  }
  return null;
}

function pinMark(chat, it, item) {
  return chat.shared.isPinned(it, item.offset) && h('span.msg-state.pin', { title: 'Pinned', data: { testid: 'pin-mark' } }, icon('pin'), h('span.visually-hidden', {}, 'Pinned'));
}

/** Who has read up to here, and not yet further. */
function readersOf(seen) {
  if (seen.length === 0) return null;
  const names = seen.slice(0, NAMES_TOLD).map(({ name }) => nameShown(name));
  const told = `Seen by ${names.join(', ')}${seen.length > names.length ? ` and ${plural(seen.length - names.length, 'other')}` : ''}`;
  return h('span.msg-seen', { title: told, data: { testid: 'seen' } }, h('span.visually-hidden', {}, told), h('span.msg-seen-all', { 'aria-hidden': 'true' },
    seen.slice(0, READERS_SHOWN).map((reader) => avatar(h('span'), reader)), seen.length > READERS_SHOWN && `+${count(seen.length - READERS_SHOWN)}`));
}

function failure(chat, it, item) {
  return h('div.msg-failed', { role: 'alert', data: { testid: 'message-failed' } },
    icon('alert'), h('span', {}, sentence(item.error)),
    h('button', { type: 'button', onclick: () => chat.outgoing.retry(it, item) }, 'Try again'),
    h('button', { type: 'button', onclick: () => chat.outgoing.discard(it, item) }, 'Discard'));
}
