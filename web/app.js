// SPDX-License-Identifier: Apache-2.0
//
// app.js: where the chat page starts. It makes the client and the state (chat.js), lets the views draw what
// changed once per frame, and owns what concerns the page as a whole: dialogs, drawers, keys, title, address.

import { Plenum } from './plenum.js';
import { Chat } from './chat.js';
import { Composer } from './composer.js';
import { Lists } from './lists.js';
import { People } from './people.js';
import { Status, announce, toast } from './status.js';
import { Stream } from './stream.js';
import { Switcher } from './switcher.js';
import { $, fillIcons, h, icon } from './dom.js';
import { avatar, sentence, utf8Length } from './format.js';
import { copyAddress } from './invite.js';
import { keepSecret, person, theme } from './settings.js';
import { isBlank, nameShown } from './words.js';

const NAME_BYTES_MAX = 64;           // the server's limit; letters beyond ASCII take two to four
const DIRECTORY_STALE_MS = 30_000;   // coming back to the page after this long refreshes the room list
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

fillIcons(document);
const client = new Plenum(new URL('/ws', location.href.replace(/^http/, 'ws')), {
  name: person.name || undefined,
  resume: keepSecret(() => client.resume),
  max_attempts: Infinity,   // the server delivered this page, so it will be back
});

// ---- drawing: at most once per frame, only what is stale --------------------------------------------------------

const stale = new Set();
let frame = 0;

function changed(...parts) {
  for (const part of parts) if (part) stale.add(part);
  drawTitle();   // also while the page is hidden, when frames do not come
  if (!frame) frame = requestAnimationFrame(draw);
}

const chat = new Chat(client, { changed, toast, announce });
const stream = new Stream(chat);
const composer = new Composer(chat, stream);
const lists = new Lists(chat);
const people = new People(chat);
const status = new Status(chat);
const switcher = new Switcher(chat);

let drawn = null;
let begun = false;   // has a name and is connecting

function draw() {
  frame = 0;
  const now = new Set(stale);
  stale.clear();   // before drawing: what drawing itself makes stale (older messages being asked for) is for the next frame
  const all = now.has('all');
  const { active } = chat;
  if (all || now.has('lists')) lists.draw();
  if (all || now.has('people')) { people.draw(); lists.draw(); }
  if (all) { composer.draw(); drawMe(); drawBlank(active); drawPeopleColumn(active); status.draw(); }
  if (all || now.has('stream')) stream.draw();
  if (active !== drawn) {
    drawn = active;
    drawAddress(active);
    closeDrawers();
    // Who goes through the tabs with the arrow keys stays there; everybody else wants to write.
    if (!$('tabs').querySelector(':focus-visible')) composer.focus();
  }
}

function drawTitle() {
  const { unread, active } = chat;
  const place = active ? `${active.kind === 'room' ? '#' : ''}${active.label} · ` : '';
  const title = `${unread ? `(${unread > 99 ? '99+' : unread}) ` : ''}${place}Plenum`;
  if (document.title !== title) document.title = title;
}

function drawMe() {
  const name = chat.me.name || person.name || 'Guest';
  avatar($('me-avatar'), { user: chat.me.user || name, name });
  $('me-name').textContent = nameShown(name);
  $('me-user').textContent = chat.me.user === name ? '' : chat.me.user;
  $('app').classList.toggle('offline', !chat.online);
}

/** What stands in the stream's place when there is nothing to read: no tab, a refusal, an empty room. */
function drawBlank(it) {
  const box = $('blank');
  const refused = it?.status === 'refused' || (it?.status === 'removed' && it.items.length === 0);
  box.hidden = (it !== null && !refused) || !begun;
  $('stream').hidden = !box.hidden;
  if (box.hidden) return box.replaceChildren();
  if (!it) {
    return box.replaceChildren(h('h2', {}, 'No conversation is open'),
      h('p', {}, 'Choose a room on the left, or start one of your own.'),
      h('button.primary', { type: 'button', onclick: () => switcher.open() }, 'Find a room'));
  }
  box.replaceChildren(h('span.blank-icon', { 'aria-hidden': 'true' }, icon('alert')),
    h('h2', {}, 'You could not join ', h('bdi', {}, `#${it.label}`)),
    h('p', { data: { testid: 'join-error' } }, sentence(it.error)),
    h('div.blank-actions', {},
      h('button.primary', { type: 'button', onclick: () => chat.rejoin(it) }, 'Try again'),
      h('button.secondary', { type: 'button', onclick: () => chat.close(it) }, 'Close')));
}

// ---- the address: #room=name, #direct=user ----------------------------------------------------------------------

function wantedByAddress() {
  const match = /^#(room|direct)=(.+)$/.exec(location.hash);
  if (!match) return null;
  try {
    return { kind: match[1], name: decodeURIComponent(match[2]) };
  } catch {
    return null;   // not something we wrote
  }
}

function drawAddress(it) {
  const hash = it ? `#${it.kind}=${encodeURIComponent(it.name)}` : '';
  if (location.hash !== hash) history.replaceState(null, '', location.pathname + location.search + hash);
}

addEventListener('hashchange', () => {
  const wanted = wantedByAddress();
  if (wanted) chat.open(wanted.kind, wanted.name);
});

// ---- drawers and the people column ------------------------------------------------------------------------------

const narrow = matchMedia('(max-width: 760px)');
const medium = matchMedia('(max-width: 1080px)');
let drawer = null;   // 'sidebar' | 'people' | null

let opener = null;   // what had the focus before the drawer

function openDrawer(which) {
  drawer = which;
  opener = document.activeElement;
  drawDrawers();
  (which === 'sidebar' ? $('jump') : $('close-people')).focus();
}

function closeDrawers() {
  if (!drawer) return;
  drawer = null;
  drawDrawers();
  opener?.focus();
}

/** What is off the screen must be out of reach of the keyboard too, hence `inert`. */
function drawDrawers() {
  const app = $('app');
  app.classList.toggle('sidebar-open', drawer === 'sidebar');
  app.classList.toggle('people-open', drawer === 'people');
  $('scrim').hidden = drawer === null;
  $('sidebar').inert = narrow.matches && drawer !== 'sidebar';
  $('people').inert = medium.matches && drawer !== 'people';
  $('main').inert = drawer !== null;
}

function drawPeopleColumn(it) {
  const wanted = it?.kind === 'room' && it.status !== 'refused' && !person.peopleHidden;
  $('app').classList.toggle('no-people', !wanted);
  $('toggle-people').setAttribute('aria-expanded', String(medium.matches ? drawer === 'people' : wanted));
}

$('copy-link').addEventListener('click', () => copyAddress(chat.active.name));
$('open-sidebar').addEventListener('click', () => openDrawer('sidebar'));
$('close-people').addEventListener('click', closeDrawers);
$('scrim').addEventListener('click', closeDrawers);
$('toggle-people').addEventListener('click', () => {
  if (medium.matches) return openDrawer('people');
  person.peopleHidden = !person.peopleHidden;
  drawPeopleColumn(chat.active);
});
// A drawer stays open while the page is narrow enough for it to be one: who turns a tablet is not sent away, and the change that
// made it a drawer may be told after somebody has opened it.
for (const query of [narrow, medium]) {
  query.addEventListener('change', () => {
    if (!(drawer === 'sidebar' ? narrow : medium).matches) drawer = null;
    drawDrawers();
    changed('all');
  });
}

// ---- dialogs ----------------------------------------------------------------------------------------------------

function askName(error) {
  const wanted = wantedByAddress();
  if (wanted?.kind === 'room') {
    $('name-place').replaceChildren('You are invited to ', h('bdi.strong', {}, `#${nameShown(wanted.name)}`),
      '. Pick the name that people there will see; you can change it at any time.');
  }
  $('name-input').value = person.name;
  $('name-error').hidden = !error;
  $('name-error').textContent = error ?? '';
  if (!$('name-dialog').open) $('name-dialog').showModal();
}

/** The name typed into a field, or null after telling why it will not do. */
function nameFrom(input) {
  const name = input.value.trim();
  input.setCustomValidity(isBlank(name) ? 'Please write a name.'
    : utf8Length(name) > NAME_BYTES_MAX ? 'That name is too long; please shorten it.' : '');
  return input.reportValidity() ? name : null;
}
for (const id of ['name-input', 'profile-name']) $(id).addEventListener('input', (e) => e.target.setCustomValidity(''));

$('name-dialog').addEventListener('cancel', (e) => { if (!person.name) e.preventDefault(); });
$('name-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const name = nameFrom($('name-input'));
  if (name === null) return;
  $('name-dialog').close();
  person.name = name;
  client.name = name;
  begin();
});

function openProfile() {
  closeDrawers();
  $('profile-name').value = chat.me.name || person.name;
  $('profile-user').textContent = chat.me.user ? `Your id: ${chat.me.user}` : '';
  for (const radio of document.querySelectorAll('input[name="theme"]')) radio.checked = radio.value === theme.choice;
  $('profile-dialog').showModal();
}

$('me').addEventListener('click', openProfile);
$('profile-close').addEventListener('click', () => $('profile-dialog').close());
$('profile-dialog').addEventListener('click', (e) => { if (e.target === $('profile-dialog')) $('profile-dialog').close(); });
$('theme-choice').addEventListener('change', (e) => { theme.choice = e.target.value; });
$('theme-toggle').addEventListener('click', () => theme.toggle());
$('profile-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const name = nameFrom($('profile-name'));
  if (name === null) return;
  $('profile-dialog').close();
  if (name !== chat.me.name) chat.rename(name);
});

// ---- keys -------------------------------------------------------------------------------------------------------

$('jump-key').textContent = isMac ? '⌘K' : 'Ctrl K';
if (isMac) for (const key of document.querySelectorAll('kbd.mod')) key.textContent = '⌘';
$('jump').addEventListener('click', () => { closeDrawers(); switcher.open(); });

addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === 'k') {
    if ($('name-dialog').open || $('profile-dialog').open) return;
    e.preventDefault();
    closeDrawers();
    return switcher.open();
  }
  if (document.querySelector('dialog[open]')) return;   // dialogs look after their own Esc
  if (e.altKey && !e.ctrlKey && !e.metaKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
    e.preventDefault();
    return chat.cycle(e.key === 'ArrowDown' ? 1 : -1, e.shiftKey);
  }
  if (e.key === 'Escape') {
    if (drawer) return closeDrawers();
    stream.toEnd();
    return composer.focus();
  }
  // Typing anywhere writes a message.
  const plain = e.key.length === 1 && e.key !== ' ' && !e.ctrlKey && !e.metaKey && !e.altKey;
  if (plain && document.activeElement === document.body) composer.focus();
});

// ---- life of the page -------------------------------------------------------------------------------------------

function looked() {
  chat.setFocused(document.visibilityState === 'visible' && document.hasFocus());
  if (chat.focused && Date.now() - chat.directoryAt > DIRECTORY_STALE_MS) chat.refreshDirectory();
}
for (const type of ['focus', 'blur']) addEventListener(type, looked);
document.addEventListener('visibilitychange', looked);
addEventListener('pagehide', () => chat.save());
document.addEventListener('visibilitychange', () => { if (document.hidden) chat.save(); });

client.on('state', ({ state, code, reason }) => {
  if (state !== 'closed') return;
  chat.closedBecause = {
    closed: 'You have left with /quit.', replaced: 'You are connected in another window, which has taken over from this one.',
    disconnected: 'The server has closed your connection.',
  }[code] ?? reason;
  // A command that is wrong in itself can only be the hello, and a guest's hello carries nothing but a name.
  if (!client.session && code === 'bad_command') askName(reason);
});

/** Connects; the first time also opens the tabs. */
function begin() {
  client.connect();
  if (begun) return;
  begun = true;
  chat.restore(wantedByAddress());
}

chat.focused = document.hasFocus();
drawDrawers();
changed('all');
if (person.name) begin();
else askName();
