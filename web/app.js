// SPDX-License-Identifier: Apache-2.0
//
// app.js: where the chat page starts. It makes the client and the state (chat.js), lets the views draw what
// changed once per frame, and owns what concerns the page as a whole: dialogs, drawers, keys, title, address.

import { Plenum } from './plenum.js';
import { isCounting, isOfInvitation, whenBack } from './allowed.js';
import { Chat } from './chat.js';
import { Composer } from './composer.js';
import { Drawers } from './drawers.js';
import { Head } from './head.js';
import { Lists } from './lists.js';
import { Notify } from './notify.js';
import { People } from './people.js';
import { Pins } from './pins.js';
import { Profile } from './profile.js';
import { Search } from './search.js';
import { Status, announce, toast } from './status.js';
import { Stream } from './stream.js';
import { Switcher } from './switcher.js';
import { TypingLine } from './typing.js';
import { $, fillIcons, h, icon } from './dom.js';
import { avatar, sentence } from './format.js';
import { claimsOf, identity, isGuest, mayTakeOver, takeTokenFromAddress } from './identity.js';
import { copyAddress } from './invite.js';
import { takeInvitationFromAddress } from './inviting.js';
import { SignIn, holderOf, refusalOf } from './signin.js';
import { forgetEverything, keepSecret, person } from './settings.js';
import { nameShown } from './words.js';

const COUNT_MS = 500;                // seconds are shown, so each is
const LEAVING_MS = 1_000;            // who signs out waits no longer than this for the rooms to be left
const DIRECTORY_STALE_MS = 30_000;   // coming back to the page after this long refreshes the room list
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

const handedOver = takeTokenFromAddress();   // before anything else: nobody is to see it there
let invitation = takeInvitationFromAddress();
fillIcons(document);
const url = new URL('/ws', location.href.replace(/^http/, 'ws'));
const client = new Plenum(url, {
  name: person.name || undefined,
  token: identity.token ?? undefined,
  resume: keepSecret(() => client.resume),
  max_attempts: Infinity,   // the server delivered this page, so it will be back
});

// ---- drawing: at most once per frame, only what is stale --------------------------------------------------------

const stale = new Set();
let frame = 0;

function changed(...parts) {
  for (const part of parts) if (part) stale.add(part);
  drawTitle();      // these also while the page is hidden, when frames do not come
  notify.clear();
  if (!frame) frame = requestAnimationFrame(draw);
}

const chat = new Chat(client, {
  changed, toast, announce,
  write: () => composer.focusNow(), find: (words) => search.find(words), thread: (offset) => search.thread(offset), notify: (it, item) => notify.tell(it, item),
});
const stream = new Stream(chat);
const composer = new Composer(chat, stream, { sign_in: () => askForToken() });
const lists = new Lists(chat);
const head = new Head(chat);
const pins = new Pins(chat, stream);
const typing = new TypingLine(chat);
const drawers = new Drawers(chat);
const people = new People(chat);
const status = new Status(chat, { renew: () => renew() });
const switcher = new Switcher(chat);
const search = new Search(chat, stream);
const notify = new Notify(chat);
new Profile(chat, notify, { opens: () => drawers.close(), signIn: () => askForToken(), signOut: () => signOut() });
$('find').addEventListener('click', () => search.find(''));
$('copy-link').addEventListener('click', () => copyAddress(chat.active.name));

let drawn = null;
let begun = false;   // has a name and is connecting
let clock = 0;       // of what counts down

function draw() {
  frame = 0;
  const now = new Set(stale);
  stale.clear();   // before drawing: what drawing itself makes stale (older messages being asked for) is for the next frame
  const all = now.has('all');
  const { active } = chat;
  if (all || now.has('lists') || now.has('people')) { lists.draw(); head.draw(); }
  if (all || now.has('people')) people.draw();
  if (all) { composer.draw(); drawMe(); drawBlank(active); drawers.drawPeopleColumn(active); status.draw(); }
  if (all || now.has('pins')) pins.draw();
  if (all || now.has('typing')) typing.draw();
  if (all || now.has('stream')) stream.draw();
  if (active && !clock && isCounting(chat, active)) {
    clock = setTimeout(() => { clock = 0; changed('all'); }, COUNT_MS);
  }
  if (active !== drawn) {
    drawn = active;
    drawAddress(active);
    drawers.close();
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
  const { user } = chat.me;
  const name = chat.me.name || person.name || 'Guest';
  avatar($('me-avatar'), { user: user || name, name });
  $('me-name').textContent = nameShown(name);
  $('me-user').textContent = user === '' ? '' : isGuest(user) ? `Guest · ${user}` : `Signed in · ${nameShown(user)}`;
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
  const locked = it.error.code === 'locked';
  box.replaceChildren(h('span.blank-icon', { class: locked ? 'quiet' : '', 'aria-hidden': 'true' }, icon(locked ? 'lock' : 'alert')),
    h('h2', {}, it.status === 'removed' ? 'You are not in ' : 'You could not join ', h('bdi', {}, `#${it.label}`)),
    h('p', { data: { testid: 'join-error' } }, `${sentence(it.error)} ${whenBack(it.error)}`),
    h('div.blank-actions', {},
      h('button.primary', { type: 'button', onclick: () => chat.rejoin(it) }, isOfInvitation(it.error) ? 'Try without it' : 'Try again'),
      h('button.secondary', { type: 'button', onclick: () => chat.close(it) }, 'Close')));
}

// ---- the address: #room=name, #direct=user ----------------------------------------------------------------------

/** What the address asks for; an invitation that it had is for the room there, and taken once. */
function takeWanted() {
  const wanted = wantedByAddress();
  if (wanted?.kind === 'room') wanted.invitation = invitation;
  invitation = undefined;
  return wanted;
}

function openWanted() {
  const wanted = takeWanted();
  if (wanted) chat.open(wanted.kind, wanted.name, { invitation: wanted.invitation });
}

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
  const token = takeTokenFromAddress();
  invitation = takeInvitationFromAddress();
  if (token) {
    if (!wantedByAddress()) drawAddress(chat.active);
    return void takeToken(token);
  }
  openWanted();
});

// ---- who one is -------------------------------------------------------------------------------------------------

const signIn = new SignIn(url, {
  guest(name) {
    person.name = name;
    client.name = name;
    client.token = null;
    if (identity.owner && !isGuest(identity.owner)) client.resume = null;   // that session is not a guest's
    begin();
  },
  user: become,
  cookie: begin,
});

function askName(error) {
  const wanted = wantedByAddress();
  signIn.askName({ place: wanted?.kind === 'room' ? wanted.name : undefined, error });
}

/** A token that the server takes: the next hello says it, or the session that there is goes on with it. */
function become(token, welcome, stay) {
  identity.keep(token, stay);
  client.token = token;
  if (!begun || client.state === 'closed') return begin();
  if (chat.me.user !== welcome.user) return client.restart({ token });   // what is open stays open, if it may
  if (client.state === 'open') client.refresh(token).catch((error) => toast(sentence(error), 'error'));
}

/** A token that came by a link. Who is signed in as somebody else is asked first: a link can be anybody's. */
async function takeToken(token) {
  const holder = holderOf(token);
  const current = identity.token;
  if (current && current !== token && claimsOf(current).sub !== claimsOf(token).sub) {
    if (!begun) begin();
    const why = `A link wants to sign you in as ${holder}. You are signed in as ${holderOf(current)}.`;
    return signIn.askToken({ why, token, may_close: true });
  }
  try {
    const welcome = await signIn.try(token);
    become(token, welcome, identity.stays);
    openWanted();
    toast(`You are signed in as ${nameShown(welcome.name)}.`);
  } catch (error) {
    signIn.askToken({ why: 'The token of the link that brought you here was refused.', token, error: refusalOf(error), may_close: begun, or_guest: !begun });
  }
}

async function signOut() {
  const left = chat.list.filter((it) => it.kind === 'room').map((it) => client.leave(it.name));
  await Promise.race([Promise.allSettled(left), new Promise((done) => { setTimeout(done, LEAVING_MS); })]);
  client.close();
  identity.signOut();
  startAfresh();
}

/** The page as a new visitor gets it. */
function startAfresh() {
  forgetEverything();
  history.replaceState(null, '', location.pathname + location.search);
  location.reload();
}

// Before any room is entered: may this person see what the tab has open?
client.on('session', ({ user }) => {
  if (mayTakeOver(user)) return;
  client.close();
  location.reload();
});

client.on('state', ({ state, code, reason }) => {
  if (state !== 'closed') return;
  chat.closedBecause = {
    closed: 'You have left with /quit.', replaced: 'You are connected in another window, which has taken over from this one.',
    disconnected: 'The server has closed your connection.', token_expired: 'Your sign-in has ended.',
    token_revoked: isGuest(chat.me.user) ? 'Your session has been revoked. You may come back as somebody new.' : 'Your sign-in has been revoked.',
  }[code] ?? reason;
  if (code === 'token_expired' || code === 'unauthorized' || (code === 'token_revoked' && chat.ended)) return askAgain(code, reason);
  // A command that is wrong in itself can only be the hello, and a guest's hello carries nothing but a name.
  if (!client.session && code === 'bad_command') askName(reason);
});

function askAgain(code, reason) {
  const token = client.token ?? '';
  identity.drop();
  client.token = null;
  if (code === 'token_expired' || code === 'token_revoked') {
    const what = code === 'token_expired' ? 'has ended' : 'has been revoked';
    return signIn.askToken({ why: `Your sign-in ${what}. Paste a new token to go on where you were.`, may_close: begun, or_guest: true });
  }
  if (token === '') return signIn.noGuests({ may_close: begun && chat.list.some((it) => it.items.length > 0) });
  signIn.askToken({ why: 'The server does not take your token any more.', token, error: reason, may_close: begun, or_guest: true });
}

/** For the banner: a new token before the one there is ends, or after. */
function renew() {
  const open = client.state === 'open';
  signIn.askToken({ why: `Paste a new token to ${open ? 'stay signed in' : 'go on where you were'}.`, may_close: true, or_guest: !open });
}

identity.onElsewhere((token) => {
  if (!begun || isGuest(chat.me.user)) return;
  if (token === null) { client.close(); startAfresh(); return; }
  client.token = token;
  if (chat.ended) { signIn.dismiss(); return begin(); }
  if (client.state === 'open') client.refresh(token).catch(() => client.restart({ token }));   // somebody else has signed in
});

function askForToken() {
  signIn.askToken({ why: 'Paste the token that you were given for this server.', may_close: true });
}

// ---- keys -------------------------------------------------------------------------------------------------------

$('jump-key').textContent = isMac ? '⌘K' : 'Ctrl K';
if (isMac) for (const key of document.querySelectorAll('kbd.mod')) key.textContent = '⌘';
$('jump').addEventListener('click', () => { drawers.close(); switcher.open(); });

addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === 'k') {
    if (document.querySelector('dialog[open]:not(#switcher)')) return;
    e.preventDefault();
    drawers.close();
    return switcher.open();
  }
  if ((e.ctrlKey || e.metaKey) && !e.altKey && e.shiftKey && e.key.toLowerCase() === 'f' && chat.active && !document.querySelector('dialog[open]')) {
    e.preventDefault();
    drawers.close();
    return search.find('');
  }
  if (document.querySelector('dialog[open]')) return;   // dialogs look after their own Esc
  if (e.altKey && !e.ctrlKey && !e.metaKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
    e.preventDefault();
    return chat.cycle(e.key === 'ArrowDown' ? 1 : -1, e.shiftKey);
  }
  if (e.key === 'Escape') {
    if (drawers.isOpen) return drawers.close();
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
  if (chat.focused && Date.now() - chat.directory.at > DIRECTORY_STALE_MS) chat.directory.refresh();
}
for (const type of ['focus', 'blur']) addEventListener(type, looked);
document.addEventListener('visibilitychange', looked);
/** What is to be there when the page comes back. */
function leaving() {
  chat.reading.flushAll();
  chat.save();
}
addEventListener('pagehide', leaving);
document.addEventListener('visibilitychange', () => { if (document.hidden) leaving(); });

/** Connects; the first time also opens the tabs. */
function begin() {
  client.connect();
  if (begun) return;
  begun = true;
  chat.restore(takeWanted());
}

chat.focused = document.hasFocus();
drawers.draw();
changed('all');
if (handedOver) takeToken(handedOver);
else if (identity.token) begin();
else if (identity.owner && !isGuest(identity.owner)) {
  // Nobody who was signed in goes on as a guest without having said so.
  signIn.askToken({ why: `You were signed in as ${nameShown(identity.owner)}, which has ended.` });
} else if (person.name) begin();
else askName();
