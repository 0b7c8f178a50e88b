// SPDX-License-Identifier: Apache-2.0
//
// acts.js: what one may do about a message: its menu, reactions, and the dialogs of these. Only what one may is offered (allowed.js);
// what the server refuses all the same is said.

import { $, h } from './dom.js';
import { mayChange, mayRemove, maySpeak } from './allowed.js';
import { QUICK, emojiCalled, nameOf } from './emoji.js';
import { displayOf, sentence, utf8Length } from './format.js';
import { copy } from './invite.js';
import { openMenu } from './menu.js';
import { askFirst } from './moderation.js';
import { toast } from './status.js';
import { nameShown } from './words.js';

const KEY_BYTES_MAX = 64;    // the server's limit of a reaction
const FOUND_MAX = 40;

function reactionRow(chat, it, item, more) {
  const mine = new Set(it.changes.reactionsTo(item, chat.me.user).filter((r) => r.mine).map((r) => r.key));
  return { row: [...QUICK.map((key) => ({ label: nameOf(key), text: key, checked: mine.has(key), run: () => chat.outgoing.react(it, item, key, !mine.has(key)) })),
    { label: 'Another reaction', icon: 'plus', run: more }] };
}

export function openReactions(chat, it, item, from) {
  openMenu(from, 'React', [reactionRow(chat, it, item, () => askReaction(chat, it, item, from))]);
}

export function openMessageMenu(chat, it, item, from) {
  const items = [];
  if (maySpeak(chat, it)) {
    items.push(reactionRow(chat, it, item, () => askReaction(chat, it, item, from)), { icon: 'reply', label: 'Reply', run: () => chat.outgoing.answer(it, item) });
  }
  if (it.changes.repliesTo(item) > 0) items.push({ icon: 'message', label: 'Show the replies', run: () => chat.view.thread(item.offset) });
  const { text } = displayOf(item.data);
  if (text !== undefined && mayChange(chat, it, item)) items.push({ icon: 'pencil', label: 'Edit', run: () => chat.outgoing.beginEdit(it, item) });
  if (chat.shared.mayChange(it)) {
    const on = !chat.shared.isPinned(it, item.offset);
    items.push({ icon: 'pin', label: on ? 'Pin' : 'Unpin', run: () => pin(chat, it, item.offset, on) });
  }
  items.push({ icon: 'copy', label: 'Copy the text', run: () => copyText(text ?? JSON.stringify(item.data)) });
  if (mayRemove(chat, it, item)) items.push({ icon: 'trash', label: 'Delete…', danger: true, run: () => askRemoval(chat, it, item) });
  openMenu(from, `Message of ${nameShown(item.from.name)}`, items);
}

export async function pin(chat, it, offset, on) {
  try {
    await chat.shared.pin(it, offset, on);
  } catch (error) {
    toast(sentence(error), 'error');
  }
}

async function copyText(text) {
  if (await copy(text)) toast('Copied.');
  else toast('The browser does not let this page copy.', 'error');
}

function askRemoval(chat, it, item) {
  const mine = item.from.user === chat.me.user;
  askFirst({
    title: mine ? 'Delete your message?' : h('span', {}, 'Delete this message of ', h('bdi', {}, nameShown(item.from.name)), '?'),
    note: 'What it says will be gone for everybody; that it was there stays.', reasoned: !mine, submit: 'Delete',
    act: (reason) => chat.client.room(it.name).delete(item.offset, reason === '' ? {} : { reason }),
  });
}

// ---- any reaction -------------------------------------------------------------------------------------------------

const dialog = $('react-dialog');
let wish = null;   // {chat, it, item, from}

function askReaction(chat, it, item, from) {
  wish = { chat, it, item, from };
  $('react-input').value = '';
  drawFound();
  dialog.showModal();
  $('react-input').focus();
}

function drawFound() {
  const typed = $('react-input').value.trim();
  const part = typed.replace(/^:|:$/g, '');
  const found = emojiCalled(part, FOUND_MAX);
  const tooLong = utf8Length(typed) > KEY_BYTES_MAX;
  $('react-error').hidden = !tooLong;
  $('react-found').replaceChildren(...found.map(({ name, emoji }) => h('button.react-key', {
    type: 'button', title: name, 'aria-label': name.replaceAll('_', ' '), onclick: () => take(emoji), data: { testid: 'react-key', key: emoji },
  }, emoji)));
  $('react-submit').disabled = typed === '' || tooLong;
}

function take(key) {
  dialog.close();
  const { chat, it, item } = wish;
  chat.outgoing.react(it, item, key, true);
}

$('react-input').addEventListener('input', drawFound);
$('react-cancel').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => { if (wish?.from.isConnected) wish.from.focus(); });
$('react-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const typed = $('react-input').value.trim();
  const name = /^:?([a-z0-9_+-]+):?$/i.exec(typed)?.[1].toLowerCase();
  // A name of an emoji is that; a sign, or another word, is what it is.
  const named = name && emojiCalled(name, 1).find((it) => it.name === name || typed.startsWith(':'));
  if (typed !== '' && utf8Length(typed) <= KEY_BYTES_MAX) take(named ? named.emoji : typed);
});
