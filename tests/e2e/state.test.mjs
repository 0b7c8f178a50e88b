// SPDX-License-Identifier: Apache-2.0
//
// The shared state of a room, at the real server over two shards: programs, a terminal and a backend see one; who counts up at the
// same time with `if_version` loses nothing; and who has heard all updates, over cut connections too, has what the server has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Nc, WebSocket, root, startServer, until } from './support.mjs';

const { Plenum } = await import(`${root}/web/plenum.js`);

function clients(t, server, names, options = {}) {
  const all = names.map((name) => new Plenum(`ws://${server.http}/ws`, { name, WebSocket, backoff_base_ms: 20, ...options }));
  t.after(() => { for (const client of all) client.close(); });
  return all;
}

async function backend(server, body) {
  const reply = await fetch(`http://${server.http}/api/v1/state`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

test('a program, a terminal and a backend share one state', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  const [ada] = clients(t, server, ['Ada']);
  await ada.connect();
  const room = ada.room('lobby');
  await room.join();
  const told = [];
  room.on('state:updated', (m) => told.push(m));
  const nc = new Nc(t, server);
  await nc.sees('* joined lobby, 2 members');
  nc.type('/nick Bob');
  await nc.sees('* you are now Bob');

  const ack = await room.setState({ topic: 'Tea', pins: [1, 2.50] }, { merge: { game: { turn: 'ada' } } });
  assert.equal(ack.version, 1);
  await nc.sees('* Ada set topic: Tea');
  await nc.sees('* Ada set pins: [1,2.5]');
  await nc.sees('* Ada set game: {"turn":"ada"}');
  await until(() => told.length === 3, 'three keys');
  assert.deepEqual(told.map((m) => [m.offset, m.version, m.key]), [[ack.offset, 1, 'topic'], [ack.offset, 1, 'pins'], [ack.offset, 1, 'game']]);
  nc.type('/topic Cake & more');
  await until(() => room.shared.topic === 'Cake & more', 'the topic');
  nc.type('/state pins -');
  await until(() => !('pins' in room.shared), 'no pins');
  const by = await backend(server, { room: 'lobby', merge: { game: { turn: null, over: true } }, if_version: { game: 1 } });
  assert.equal(by.status, 200);
  assert.equal(by.body.version, 4);
  await nc.sees('* server set game: {"over":true}');
  const late = await backend(server, { room: 'lobby', set: { topic: 1 }, if_version: { topic: 1 } });
  assert.deepEqual([late.status, late.body.error.code, late.body.error.version], [409, 'conflict', 2]);
  assert.deepEqual({ ...room.shared }, { topic: 'Cake & more', game: { over: true } });
  assert.deepEqual((await room.readState()).versions, { game: 4, topic: 2 });
  await assert.rejects(room.setState({ big: 'x'.repeat(20000) }), { code: 'too_large' });
  await assert.rejects(room.setState({ a: 1 }, { unset: ['a'] }), { code: 'bad_command' });
  const after = new Nc(t, server);
  await after.sees('* joined lobby, 3 members');
  await after.sees('*   topic: Cake & more');
});

test('who counts up at the same time loses nothing', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  const people = clients(t, server, ['a', 'b', 'c']);
  const rooms = await Promise.all(people.map(async (client) => {
    await client.connect();
    await client.room('counter').join();
    return client.room('counter');
  }));
  let conflicts = 0;
  const ROUNDS = 15;
  await Promise.all(rooms.map(async (room) => {
    for (let done = 0; done < ROUNDS;) {
      const { version, state } = await room.readState();
      try {
        await room.setState({ n: (state.n ?? 0) + 1 }, { if_version: version });
        done++;
      } catch (e) {
        assert.equal(e.code, 'conflict');
        assert.ok(e.reply.version > version);
        conflicts++;
      }
    }
  }));
  assert.equal((await rooms[0].readState()).state.n, 3 * ROUNDS);
  assert.ok(conflicts > 0, 'nobody was ever faster');
});

test('all updates come to what the server has, over cut connections', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--log.entries=20'] });
  const people = clients(t, server, ['a', 'b']);
  const sockets = [];
  const [reader] = clients(t, server, ['reader'], {
    WebSocket: class extends WebSocket { constructor(...args) { super(...args); sockets.push(this); } },
  });
  for (const client of [...people, reader]) {
    await client.connect();
    await client.room('r').join({ history: 10 });
  }
  const mine = reader.room('r');
  for (let i = 0; i < 120; i++) {
    const room = people[i % 2].room('r');
    const key = `k${(i * 7) % 5}`;
    const change = i % 6 === 5 ? [{}, { unset: [key] }] : i % 3 === 1 ? [{}, { merge: { [key]: { [`m${i % 4}`]: i }, x: null } }] : [{ [key]: i, x: i }];
    await room.setState(...change);
    if (i % 30 !== 29) continue; // cut while others go on
    await until(() => reader.state === 'open' && mine.state === 'in', 'the reader is in');
    sockets.at(-1).terminate();
  }
  const { state, version } = await people[0].room('r').readState();
  await until(() => reader.state === 'open' && mine.state === 'in' && mine.shared_version === version, 'the newest version');
  assert.deepEqual({ ...mine.shared }, state);
  assert.ok(sockets.length > 3, 'the connection was cut');
});
