// SPDX-License-Identifier: Apache-2.0
//
// The end of a room, by an owner with the page's module and by a backend, against the release binary with two shards; and a room
// that a backend makes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plenum } from '../../web/plenum.js';
import { Native, Nc, RELEASE, WebSocket, startServer, until, within } from './support.mjs';

const serve = (t, flags = []) => startServer(t, { bin: RELEASE, flags: ['--server.shards=2', '--rooms.grace_s=2', ...flags] });

async function call(server, command, body) {
  const response = await fetch(`http://${server.http}/api/v1/${command}`,
    { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  return { status: response.status, ...await response.json() };
}

test('an owner closes a room: everybody is out with why, the name is free after the grace, and nothing is left of it', async (t) => {
  const server = await serve(t);
  const owner = new Plenum(server.ws, { WebSocket });
  t.after(() => owner.close());
  await owner.connect();
  const room = owner.room('lobby');
  await room.join();
  const others = await Promise.all(Array.from({ length: 12 }, () => Native.open(server)));
  for (const other of others) await other.join('lobby');
  const typed = new Nc(t, server);
  await until(() => typed.stdout.includes('joined lobby'), 'the terminal in the lobby');
  await room.publish('before');
  await assert.rejects(room.close(), { code: 'forbidden' });
  assert.equal((await call(server, 'role', { room: 'lobby', user: owner.session.user, role: 'owner' })).status, 200);
  const closed = new Promise((done) => room.on('room:closed', done)), left = new Promise((done) => room.on('left', done));
  const began = performance.now();
  const ack = await room.close({ reason: 'that was it' });
  assert.equal((await within(closed, 'room:closed')).offset, ack.offset);
  const out = await within(left, 'left');
  assert.deepEqual([out.reason, out.by.user, out.note], ['room_closed', owner.session.user, 'that was it']);
  assert.equal(room.state, 'out');
  for (const other of others) {
    const gone = await other.hears((m) => m.type === 'left' && m.id === undefined, 'left');
    assert.equal(gone.reason, 'room_closed');
    assert.ok(gone.at - began < 1000);
    assert.deepEqual(other.data('lobby'), ['before']);
  }
  await until(() => typed.stdout.includes('* left lobby (room closed by '), 'the terminal out');
  await assert.rejects(room.join(), { code: 'room_closed' });
  const refused = await others[0].join('lobby').then(() => null, (e) => e.reply);
  assert.ok(refused.code === 'room_closed' && refused.retry_ms <= 2000);
  assert.equal((await call(server, 'publish', { room: 'lobby', data: 1 })).error.code, 'room_closed');
  let joined;
  await until(async () => (joined = await others[1].join('lobby', { history: 100 }).catch(() => null)) !== null, 'the lobby anew');
  assert.equal(joined.offset, 0);
  assert.notEqual(joined.epoch, ack.epoch);
  assert.equal(joined.role, 'member');
});

test('a backend makes a room, and ends it', async (t) => {
  const server = await serve(t);
  const made = await call(server, 'create', { room: 'stage' });
  assert.deepEqual([made.status, made.room, made.offset], [200, 'stage', 1]);
  assert.equal((await call(server, 'create', { room: 'stage' })).duplicate, true);
  const ada = await Native.open(server);
  assert.equal((await ada.join('stage')).epoch, made.epoch);
  assert.equal((await call(server, 'close', { room: 'stage', reason: 'the end' })).status, 200);
  const left = await ada.hears('left');
  assert.deepEqual([left.reason, left.note], ['room_closed', 'the end']);
  assert.equal((await call(server, 'create', { room: 'stage' })).status, 409);
  await until(async () => (await call(server, 'create', { room: 'stage' })).status === 200, 'the stage anew');
});
