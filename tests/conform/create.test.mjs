// SPDX-License-Identifier: Apache-2.0
//
// `create`: a room that is made before anybody is in it, by a rule of the server or by that of its name; in the native protocol, in a
// terminal, and by a backend.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer } from './support.mjs';
import { Native } from './websocket.mjs';

const RULES = '[{name: quiz, host: first, members_max: 2, log_entries: 3}, {name: tokens, access: token}, {match: "team-*", access: token}]';
const server = await sharedServer({ flags: [`--rooms.rules=${RULES}`, '--rooms.grace_s=2'] });
let rooms = 0;

async function api(command, body) {
  const response = await fetch(`http://127.0.0.1:${server.http}/api/v1/${command}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

test('a room by a rule: its maker is its host, and the rule holds for all who come', async () => {
  const room = `made ${++rooms}`;
  const [ada, bob, eve] = [await Native.open(server), await Native.open(server), await Native.open(server)];
  const made = await ada.call({ type: 'create', room, rule: 'quiz' });
  assert.deepEqual(Object.keys(made).filter((key) => key !== 'raw'), ['type', 'id', 'room', 'offset', 'epoch', 'role', 'rule']);
  assert.deepEqual([made.type, made.room, made.offset, made.role, made.rule], ['created', room, 1, 'host', 'quiz']);
  await ada.refused({ type: 'message', room, data: 1 }, 'not_member');
  assert.equal((await bob.call({ type: 'join', room })).role, 'member');
  assert.equal((await ada.call({ type: 'join', room })).role, 'host');
  await eve.refused({ type: 'join', room }, 'room_full');
  const { history } = await bob.call({ type: 'history', room });
  assert.deepEqual(history.map(({ type, offset, rule, role, user, from }) => ({ type, offset, rule, role, user, from: from.user })),
    [{ type: 'room:created', offset: 1, rule: 'quiz', role: 'host', user: ada.welcome.user, from: ada.welcome.user }]);
  for (let i = 0; i < 6; i++) await bob.call({ type: 'message', room, data: i });
  assert.equal((await bob.call({ type: 'history', room })).history.length, 3);
});

test('what it names must be there, and be for who asks; the room must not', async () => {
  const room = `made ${++rooms}`;
  const guest = await Native.open(server);
  const error = await guest.refused({ type: 'create', room, rule: 'qiuz' }, 'not_found');
  assert.match(error.message, /`qiuz`/);
  assert.doesNotMatch(error.message, /quiz|tokens/);
  await guest.refused({ type: 'create', room, rule: 'tokens' }, 'forbidden');
  await guest.refused({ type: 'create', room: 'team-red', rule: 'quiz' }, 'forbidden');
  await guest.refused({ type: 'create', room, rule: '' }, 'bad_command');
  await guest.refused({ type: 'create', room, rule: 'x'.repeat(33) }, 'bad_command');
  await guest.refused({ type: 'create', room: ' x' }, 'bad_room');
  assert.ok(!('rule' in (await guest.call({ type: 'create', room }))));
  await guest.refused({ type: 'create', room, rule: 'quiz' }, 'conflict');
  await guest.call({ type: 'join', room });
  await guest.refused({ type: 'create', room }, 'conflict');
});

test('of two who make it at once one has made it', async () => {
  const room = `made ${++rooms}`;
  const people = await Promise.all(Array.from({ length: 8 }, () => Native.open(server)));
  const replies = await Promise.all(people.map((who) => who.call({ type: 'create', room, rule: 'quiz' })));
  assert.equal(replies.filter((reply) => reply.type === 'created').length, 1);
  assert.equal(replies.filter((reply) => reply.code === 'conflict').length, 7);
  const maker = people[replies.findIndex((reply) => reply.type === 'created')];
  assert.equal((await maker.call({ type: 'join', room })).role, 'host');
});

test('nobody comes, and it is gone with its rule', async () => {
  const room = `made ${++rooms}`;
  const ada = await Native.open(server);
  await ada.call({ type: 'create', room, rule: 'quiz' });
  await new Promise((done) => setTimeout(done, 2600));
  const made = await ada.call({ type: 'create', room });
  assert.deepEqual([made.type, made.offset, 'rule' in made, 'role' in made], ['created', 1, false, false]);
});

test('by a backend: without a host, and it may ask again', async () => {
  const room = `made ${++rooms}`;
  const first = await api('create', { room, rule: 'quiz' });
  assert.deepEqual([first.status, Object.keys(first.body)], [200, ['room', 'offset', 'epoch', 'rule']]);
  assert.equal((await api('create', { room, rule: 'quiz' })).body.duplicate, true);
  assert.equal((await api('create', { room })).body.duplicate, true);
  assert.deepEqual([(await api('create', { room, rule: 'tokens' })).body.error.code, (await api('create', { room: 'new', rule: 'none' })).status], ['conflict', 404]);
  const ada = await Native.open(server);
  assert.equal((await ada.call({ type: 'join', room })).role, 'member');
});

test('in a terminal', async () => {
  const tcp = await server.connect(server.text);
  const hears = async (pattern) => {
    for (;;) {
      const line = (await tcp.readUntil('\n')).toString().slice(0, -1);
      if (pattern.test(line)) return line;
    }
  };
  tcp.write('/create "quiz night" quiz\n');
  await hears(/^\* made the room quiz night: \/join quiz night$/);
  tcp.write('/create "quiz night"\n');
  await hears(/^\* error conflict/);
  tcp.write('/create other none\n');
  await hears(/^\* error not_found.*`none`/);
  tcp.write('/join quiz night\n');
  await hears(/^\* joined quiz night/);
  tcp.write('/history\n');
  await hears(/ made this room, by the rule quiz$/);
});
