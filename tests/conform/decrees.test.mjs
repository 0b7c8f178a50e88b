// SPDX-License-Identifier: Apache-2.0
//
// Decrees on the wire, against the real binary: what a host may, whom it reaches, what those hear, with which keys. That each
// command takes its right is tests/unit/test_core_rights.c's; that nothing on its way escapes, tests/unit/test_core_decrees.c's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer } from './support.mjs';
import { Native } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.host=first', '--server.shards=2'] });

let rooms = 0;
const keys = (message) => Object.keys(message);

async function people() {
  const room = `decrees ${++rooms}`;
  const [host, bob, eve] = [await Native.open(server), await Native.open(server), await Native.open(server)];
  assert.equal((await host.call({ type: 'join', room })).role, 'host');
  for (const client of [bob, eve]) assert.equal((await client.call({ type: 'join', room })).role, 'member');
  return { room, host, bob, eve };
}

// The next message of that type.
async function hears(client, type, but = () => true) {
  for (;;) {
    const message = await client.next();
    if (message.type === type && but(message)) return message;
  }
}

test('a kick: the decree, member:left, left; and in again', async () => {
  const { room, host, bob, eve } = await people();
  const user = bob.welcome.user;
  const ack = await host.call({ type: 'kick', room, user, reason: 'spam' });
  assert.deepEqual(keys(ack), ['type', 'id', 'room', 'offset', 'epoch']);
  for (const client of [host, bob, eve]) {
    const kicked = await hears(client, 'member:kicked');
    assert.deepEqual(keys(kicked), ['type', 'room', 'offset', 'time', 'from', 'user', 'name', 'reason']);
    assert.deepEqual([kicked.offset, kicked.from.user, kicked.user, kicked.name, kicked.reason],
      [ack.offset, host.welcome.user, user, bob.welcome.name, 'spam']);
  }
  assert.equal((await hears(eve, 'member:left')).member.user, user);
  const left = await hears(bob, 'left');
  assert.deepEqual({ ...left, raw: undefined }, { type: 'left', room, reason: 'kicked',
    by: { user: host.welcome.user, name: host.welcome.name }, note: 'spam', raw: undefined });
  await bob.refused({ type: 'message', room, data: 1 }, 'not_member');
  assert.equal((await bob.call({ type: 'join', room })).role, 'member');
  const { history } = await eve.call({ type: 'history', room });
  assert.deepEqual(history.map(({ type }) => type), ['member:role', 'member:kicked']);
});

test('a ban holds over a resume and a switch, with the time that is left, until it is over or taken back', async () => {
  const { room, host, bob } = await people();
  const user = bob.welcome.user;
  await host.call({ type: 'ban', room, user, seconds: 600 });
  const banned = await hears(bob, 'member:banned');
  assert.deepEqual(keys(banned), ['type', 'room', 'offset', 'time', 'from', 'user', 'name', 'until']);
  assert.equal(banned.until, banned.time + 600_000);
  assert.equal((await hears(bob, 'left')).reason, 'banned');
  const error = await bob.call({ type: 'join', room });
  assert.equal(error.code, 'banned');
  assert.ok(error.retry_ms > 590_000 && error.retry_ms <= 600_000);
  const other = `decrees ${++rooms}`;
  await bob.join(other);
  assert.equal((await bob.call({ type: 'switch', from: other, to: room })).code, 'banned');
  assert.equal((await bob.call({ type: 'message', room: other, data: 'still here' })).type, 'ack');
  await host.call({ type: 'unban', room, user });
  assert.equal((await bob.call({ type: 'switch', from: other, to: room })).type, 'joined');
  await host.call({ type: 'ban', room, user, seconds: 1 });
  await hears(bob, 'left');
  for (;;) {
    const reply = await bob.call({ type: 'join', room });
    if (reply.type === 'joined') break;
    assert.ok(reply.retry_ms > 0 && reply.retry_ms <= 1000);
    await new Promise((done) => setTimeout(done, reply.retry_ms));
  }
});

test('mutes, slow mode and read-only hold what is said; roles change who is held', async () => {
  const { room, host, bob, eve } = await people();
  const say = (client) => client.call({ type: 'message', room, data: 'x' });
  await host.call({ type: 'mute', room, user: bob.welcome.user });
  await hears(bob, 'member:muted');
  assert.deepEqual([(await say(bob)).code, (await say(eve)).type], ['muted', 'ack']);
  await host.call({ type: 'unmute', room, user: bob.welcome.user });
  await host.call({ type: 'slow', room, seconds: 600 });
  assert.equal((await hears(bob, 'room:changed')).slow_s, 600);
  assert.equal((await say(bob)).type, 'ack');
  const slow = await say(bob);
  assert.ok(slow.code === 'rate_limited' && slow.retry_ms > 590_000);
  assert.equal((await say(host)).type, 'ack');
  assert.equal((await say(host)).type, 'ack');
  await host.call({ type: 'slow', room, seconds: 0 });
  assert.equal((await say(bob)).type, 'ack');
  await host.call({ type: 'readonly', room, on: true });
  assert.equal((await hears(eve, 'room:changed', (m) => 'readonly' in m)).readonly, true);
  assert.equal((await say(bob)).code, 'forbidden');
  const late = await Native.open(server);
  assert.equal((await late.call({ type: 'join', room })).readonly, true);
  await host.call({ type: 'readonly', room, on: false });
  await host.call({ type: 'role', room, user: bob.welcome.user, role: 'guest' });
  assert.equal((await hears(bob, 'member:role')).role !== undefined, true);
  assert.equal((await say(bob)).code, 'forbidden');
  await host.refused({ type: 'role', room, user: bob.welcome.user, role: 'host' }, 'forbidden');
  await host.refused({ type: 'kick', room, user: 'nobody' }, 'not_member');
  await host.refused({ type: 'kick', room, user: host.welcome.user }, 'forbidden');
});
