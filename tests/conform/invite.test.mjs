// SPDX-License-Identifier: Apache-2.0
//
// Invitations on the wire, against the real binary: JSON, the HTTP API and a terminal; what is refused, and that nothing of it has
// happened. The rules one by one, and by dice: tests/unit/test_core_invite.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer, until } from './support.mjs';
import { Native } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.host=first', '--server.shards=2', '--server.admin=127.0.0.1:0',
  '--rooms.invitations_max=5', '--rooms.invitation_max_s=3600'] });

let rooms = 0;
const keys = (message) => Object.keys(message).filter((key) => key !== 'raw');
const api = async (command, body) => {
  const reply = await fetch(`http://127.0.0.1:${server.http}/api/v1/${command}`,
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: reply.status, ...(await reply.json()) };
};

async function hears(client, type) {
  for (;;) {
    const message = await client.next();
    if (message.type === type) return message;
  }
}

async function hosted({ locked = true } = {}) {
  const room = `invite ${++rooms}`;
  const host = await Native.open(server);
  await host.call({ type: 'join', room });
  if (locked) await host.call({ type: 'lock', room, on: true });
  return { room, host };
}

test('made, told of, used, told of, listed and taken back: the keys of each', async () => {
  const { room, host } = await hosted();
  const eve = await Native.open(server), now = Date.now();
  const made = await host.call({ type: 'invite', room, uses: 2, ttl_s: 600, role: 'guest' });
  assert.deepEqual(keys(made), ['type', 'id', 'room', 'offset', 'epoch', 'invitation', 'token', 'role', 'uses', 'expires']);
  assert.deepEqual([made.type, made.room, made.role, made.uses], ['invited', room, 'guest', 2]);
  assert.match(made.token, /^inv_[\w-]{32}$/);
  assert.ok(made.token.startsWith(`inv_${made.invitation}`));
  assert.ok(Math.abs(made.expires - now - 600_000) < 5000);
  const told = await hears(host, 'invitation:made');
  assert.deepEqual(keys(told), ['type', 'room', 'offset', 'time', 'from', 'invitation', 'role', 'uses', 'until']);
  assert.deepEqual([told.offset, told.invitation, told.until], [made.offset, made.invitation, made.expires]);
  assert.ok(!told.raw.includes(made.token.slice(12)));
  const joined = await eve.call({ type: 'join', room, token: made.token, history: 10 });
  assert.deepEqual([joined.type, joined.role, joined.locked], ['joined', 'guest', true]);
  const admitted = await hears(host, 'member:admitted');
  assert.deepEqual(keys(admitted), ['type', 'room', 'offset', 'time', 'from', 'user', 'name', 'invitation', 'role']);
  assert.deepEqual([admitted.user, admitted.from.user, admitted.invitation, admitted.role], [eve.welcome.user, eve.welcome.user, made.invitation, 'guest']);
  assert.equal(admitted.offset, joined.offset);
  const { invitations } = await host.call({ type: 'invites', room });
  assert.deepEqual(invitations, [{ invitation: made.invitation, role: 'guest', uses: 2, left: 1, expires: made.expires, by: host.welcome.user }]);
  await host.call({ type: 'uninvite', room, invitation: made.invitation });
  const ended = await hears(eve, 'invitation:ended');
  assert.deepEqual(keys(ended), ['type', 'room', 'offset', 'time', 'from', 'invitation']);
  assert.deepEqual((await host.call({ type: 'invites', room })).invitations, []);
  await (await Native.open(server)).refused({ type: 'join', room, token: made.token }, 'invitation_invalid');
  const { history } = await host.call({ type: 'history', room });
  assert.deepEqual(history.map((entry) => entry.type), ['member:role', 'room:changed', 'invitation:made', 'member:admitted', 'invitation:ended']);
});

test('E15: used up, over, another secret, another room: refused, and nothing has happened', async () => {
  const { room, host } = await hosted();
  const other = await hosted();
  const [ada, bob] = [await Native.open(server), await Native.open(server)];
  const { token } = await host.call({ type: 'invite', room });
  const wrong = token.slice(0, -2) + (token.at(-2) === 'A' ? 'B' : 'A') + token.at(-1);
  for (const bad of [wrong, 'inv_', `${token}A`, token.slice(0, -1), token.toUpperCase().replace('INV_', 'inv_'), `inv_${'A'.repeat(32)}`])
    await bob.refused({ type: 'join', room, token: bad }, 'invitation_invalid');
  await bob.refused({ type: 'join', room: other.room, token }, 'invitation_invalid');
  await bob.refused({ type: 'join', room: `nowhere ${room}`, token }, 'invitation_invalid');
  assert.equal((await api('members', { room: `nowhere ${room}` })).status, 404); // and no room was made
  assert.equal((await host.call({ type: 'invites', room })).invitations[0].left, 1);
  assert.equal((await ada.call({ type: 'join', room, token })).type, 'joined');
  const used = await bob.refused({ type: 'join', room, token }, 'invitation_used');
  assert.match(used?.message ?? 'ask', /ask/);
  // Who has used it needs it no more, and uses nothing more up.
  await ada.call({ type: 'leave', room });
  assert.equal((await ada.call({ type: 'join', room, token })).role, 'member');
  await ada.call({ type: 'leave', room });
  assert.equal((await ada.call({ type: 'join', room })).role, 'member');
  const short = await host.call({ type: 'invite', room, ttl_s: 1 });
  await until('it is over', async () => (await host.call({ type: 'invites', room })).invitations.length === 0);
  await bob.refused({ type: 'join', room, token: short.token }, 'invitation_expired');
  await ada.refused({ type: 'invite', room }, 'forbidden');
  await host.refused({ type: 'invite', room, role: 'host' }, 'forbidden');
  await host.refused({ type: 'invite', room, role: 'king' }, 'bad_command');
  await host.refused({ type: 'invite', room, uses: 0 }, 'bad_command');
  await host.refused({ type: 'invite', room, ttl_s: 3601 }, 'limit_reached');
  await host.refused({ type: 'invite', room, expires: Date.now() - 1000 }, 'bad_command');
  await host.refused({ type: 'invite', room, expires: Date.now() + 9000, ttl_s: 9 }, 'bad_command');
  await host.refused({ type: 'uninvite', room, invitation: 'AAAAAAAA' }, 'not_found');
  await host.refused({ type: 'uninvite', room, invitation: 'AAAA' }, 'bad_command');
  for (let i = 0; i < 5; i++) await host.call({ type: 'invite', room });
  await host.refused({ type: 'invite', room }, 'limit_reached');
});

test('many bring it at once: as many come in as may, and no more', async () => {
  const { room, host } = await hosted();
  const { token } = await host.call({ type: 'invite', room, uses: 7 });
  const crowd = await Promise.all(Array.from({ length: 20 }, () => Native.open(server)));
  const replies = await Promise.all(crowd.map((client) => client.call({ type: 'join', room, token })));
  const joined = replies.filter((reply) => reply.type === 'joined');
  assert.equal(joined.length, 7);
  assert.deepEqual([...new Set(replies.filter((reply) => reply.type !== 'joined').map((reply) => reply.code))], ['invitation_used']);
  assert.equal((await host.call({ type: 'members', room, limit: 100 })).members.length, 8);
});

test('a switch and a hello bring it; a session that comes back has its role', async () => {
  const { room, host } = await hosted();
  const { token } = await host.call({ type: 'invite', room, uses: 2 });
  const ada = await Native.open(server);
  await ada.call({ type: 'join', room: `${room} beside` });
  const switched = await ada.call({ type: 'switch', from: `${room} beside`, to: room, token });
  assert.deepEqual([switched.type, switched.role, switched.left], ['joined', 'member', `${room} beside`]);
  const bob = await Native.open(server, { rooms: [{ id: 'r', room, token }] });
  assert.equal((await bob.nextOf('joined')).id, 'r');
  const { resume } = bob.welcome;
  await bob.close();
  const again = await Native.open(server, { resume, rooms: [{ id: 'r', room, token }] });
  assert.equal((await again.nextOf('joined')).role, 'member');
  assert.deepEqual((await host.call({ type: 'invites', room })).invitations, []); // both are used, and no more than both
});

test('a backend invites as any role, lists and takes back', async () => {
  const room = `invite ${++rooms}`;
  assert.equal((await api('invite', { room })).status, 404); // it makes no room
  await api('create', { room });
  const made = await api('invite', { room, role: 'owner', expires: Date.now() + 60_000 });
  assert.deepEqual([made.status, made.role, made.uses], [200, 'owner', 1]);
  const listed = await api('invites', { room });
  assert.deepEqual(listed.invitations.map(({ invitation, left, by }) => [invitation, left, by]), [[made.invitation, 1, 'server']]);
  const ada = await Native.open(server);
  assert.equal((await ada.call({ type: 'join', room, token: made.token })).role, 'owner');
  const second = await api('invite', { room });
  assert.equal((await api('uninvite', { room, invitation: second.invitation })).status, 200);
  assert.equal((await api('uninvite', { room, invitation: second.invitation })).status, 404);
  assert.equal((await api('invite', { room, expires: 1 })).status, 400);
});

test('at a terminal', async () => {
  const { room, host } = await hosted({ locked: false });
  const line = await server.connect(server.text);
  const reads = async (pattern) => {
    for (;;) {
      const found = pattern.exec((await line.readUntil('\n')).toString());
      if (found) return found;
    }
  };
  await reads(/^\* joined lobby/);
  line.write(`/join ${room}\n`);
  await reads(/^\* joined invite/);
  const { members } = await host.call({ type: 'members', room });
  await host.call({ type: 'role', room, user: members.find((member) => member.user !== host.welcome.user).user, role: 'member' });
  line.write('/invite\n');
  await reads(/^\* error forbidden: /);
  const { token, invitation } = await host.call({ type: 'invite', room, ttl_s: 120 });
  await reads(new RegExp(`made the invitation ${invitation}: 1 time as member, for 2 minutes`));
  await host.call({ type: 'lock', room, on: true });
  const other = await server.connect(server.text);
  await other.readUntil('joined lobby');
  other.write(`/join ${room}\n`);
  await other.readUntil('error forbidden');
  other.write(`/join ${room} ${token}\n`);
  await other.readUntil(`joined ${room}`);
  await reads(new RegExp(`was let in by the invitation ${invitation} as member`));
});
