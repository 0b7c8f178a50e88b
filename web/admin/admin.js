// SPDX-License-Identifier: Apache-2.0
//
// admin.js: the admin page: who comes in by which key, and which view is shown. Views are told apart by what is behind the '#', so
// that they have addresses; a key is never there.
//
// To add a view: a row in VIEWS, a class with element, start and stop; what it may show is said by rights of the key.
import { $, h, setText } from '/dom.js';
import { tell } from './ask.js';
import { Connections } from './connections.js';
import { Overview } from './overview.js';
import { dateOf, field, notWith } from './parts.js';
import { Pulse } from './pulse.js';
import { Room } from './room.js';
import { Rooms } from './rooms.js';
import { Server } from './server.js';
import { Users } from './users.js';

const server = new Server();
const pulse = new Pulse(server, showState);
let view = null;

// rights: one of them is enough; all: it asks about all rooms, which a key for some rooms may not.
const VIEWS = [
  { name: 'overview', title: 'Overview', rights: ['info'], all: true, make: () => new Overview(pulse) },
  { name: 'rooms', title: 'Rooms', rights: ['rooms', 'members', 'history', 'state'], make: () => new Rooms(server) },
  { name: 'connections', title: 'Connections', rights: ['connections'], all: true, make: () => new Connections(server) },
  { name: 'users', title: 'Users', rights: ['disconnect', 'revoke', 'ban', 'unban', 'mute', 'unmute', 'kick'], make: () => new Users(server) },
];
const offered = ({ rights, all }) => rights.some((right) => server.may(right)) && !(all && server.narrow);

// ---- the head

function showState(health, refused) {
  const state = health ? health.status : 'unreachable';
  $('state').dataset.state = state;
  setText($('state-text'), health ? health.status : 'no answer');
  $('state').title = health ? `Since ${dateOf(health.since)}` : refused?.message ?? '';
  if (refused?.status === 401) signedOut(refused.message);
}

const WHO = { nobody: () => 'no key on this machine', key: ({ name }) => (name ? `key ${name}` : 'API key'), token: ({ name }) => `token of ${name}` };

function showHead() {
  for (const id of ['nav', 'who']) $(id).hidden = !server.who;
  if (!server.who) return;
  setText($('who-name'), WHO[server.who.by](server.who));
  $('state').hidden = !offered(VIEWS[0]);   // who may not see the overview does not know how it is
  $('sign-out').hidden = server.who.by === 'nobody';
  $('nav').replaceChildren(...VIEWS.filter(offered).map(({ name, title }) => h('a', { href: `#${name}`, data: { view: name, testid: `nav-${name}` } }, title)));
}

// ---- views

/** What is behind the '#': a view's name, and what it is about. */
function place() {
  const [name, ...rest] = location.hash.slice(1).split('/');
  let about = '';
  try { about = decodeURIComponent(rest.join('/')); } catch { /* a broken address is the view without it */ }
  return { name, about };
}

function refusedView(row) {
  const reason = server.narrow && row.all ? 'This key is for some rooms only, and so not for what is about all of them.' : null;
  return { element: h('div.view', {}, h('h1', {}, row.title), reason ? h('p.note', {}, reason) : notWith(row.rights)), start() {}, stop() {} };
}

function viewOf({ name, about }) {
  const row = VIEWS.find((v) => v.name === name) ?? VIEWS.find(offered) ?? VIEWS[0];
  if (name === 'rooms' && about) return { row, made: new Room(server, about) };
  return { row, made: offered(row) ? row.make() : refusedView(row) };
}

function go() {
  view?.stop();
  if (!server.who) return askForKey();
  const { row, made } = viewOf(place());
  view = made;
  document.title = `${row.title} · Plenum admin`;
  for (const link of $('nav').children) {
    if (link.dataset.view === row.name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  $('view').replaceChildren(made.element);
  made.start();
}

// ---- signing in

function askForKey(why = '') {
  view = null;
  showHead();
  const error = h('p.error', { role: 'alert', data: { testid: 'sign-in-error' } }, why);
  const input = h('input', { type: 'password', name: 'key', required: true, autocomplete: 'off', spellcheck: false, data: { testid: 'key' } });
  const submit = h('button.primary', { type: 'submit', data: { testid: 'sign-in' } }, 'Sign in');
  const form = h('form.sign-in.card', { onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    setText(error, '');
    try {
      await server.signIn(input.value.trim());
      comeIn();
    } catch (refused) {
      setText(error, refused.message);
      submit.disabled = false;
      input.select();
    }
  } }, h('h1', {}, 'Sign in'), h('p', {}, 'With a key of the HTTP API, which `plenum apikey` makes, or a token that has server rights. It stays in this tab until you sign out or close it.'),
  field('API key', input), error, submit);
  document.title = 'Plenum admin';
  $('view').replaceChildren(form);
  input.focus();
}

function signedOut(why) {
  view?.stop();
  pulse.stop();
  server.signOut();
  askForKey(why);
}

function comeIn() {
  showHead();
  if (offered(VIEWS[0])) pulse.start();
  go();
}

$('sign-out').addEventListener('click', () => { signedOut(''); tell('You are signed out.'); });
addEventListener('hashchange', () => { go(); $('view').focus({ preventScroll: true }); });
try {
  await server.signIn();
  comeIn();
} catch (refused) {
  const first = refused.status === 401 && !server.key;
  if (refused.status === 401) server.signOut();
  askForKey(first ? '' : refused.message);
}
