// SPDX-License-Identifier: Apache-2.0
//
// Coming back: a crowd cut off under load, a place the log no longer reaches, and a room that is another one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, RELEASE, assertContiguous, openMany, startServer, until, within } from './support.mjs';

/** Where a client is in a room: all up to there has been heard. */
const position = (client, room, epoch) => ({ epoch, offset: client.entries(room).at(-1).offset });

for (const shards of [1, 3]) {
  test(`${shards} shards: 200 clients cut at once under load lose nothing and get nothing twice`, async (t) => {
    const server = await startServer(t, { flags: [`--server.shards=${shards}`, '--log.entries=50000',
      '--log.bytes=67108864', '--rooms.lag_bytes=67108864', '--rooms.presence_exact_max=1000'] });
    const count = 200;
    const rooms = ['a', 'b'];
    const publishers = await openMany(server, 4);
    const readers = await openMany(server, count);
    const epochs = {};
    for (const room of rooms) {
      for (const c of publishers) epochs[room] = (await c.join(room)).epoch;
      await Promise.all(readers.map((c) => c.join(room)));
    }
    // Open loop: so many a second, whatever the server does.
    let said = 0;
    const acks = [];
    const load = setInterval(() => {
      for (const [i, c] of publishers.entries()) acks.push(c.say(rooms[i % 2], said++));
    }, 20);
    try {
      await until(() => readers.every((c) => c.messages('a').length > 20), 'the load to flow');
      const where = readers.map((c) => rooms.map((room) => position(c, room, epochs[room])));
      for (const c of readers) c.cut();
      // What arrived between looking and cutting was heard as well.
      const heard = readers.map((c) => Object.fromEntries(rooms.map((room) => [room, c.entries(room)])));
      const start = performance.now();
      const back = await Promise.all(readers.map(async (old, i) => {
        const c = await Native.open(server, { resume: old.welcome.resume });
        assert.equal(c.welcome.session, old.welcome.session);
        assert.equal(c.user, old.user);
        const replies = await Promise.all(rooms.map((room, r) => c.join(room, {
          since: { epoch: epochs[room], offset: heard[i][room].at(-1)?.offset ?? where[i][r].offset } })));
        for (const [r, reply] of replies.entries()) {
          assert.equal(reply.recovered, true);
          assert.equal(reply.epoch, epochs[rooms[r]]);
        }
        return c;
      }));
      assert.ok(performance.now() - start < 10_000, `all back after ${performance.now() - start} ms`);
      await until(() => back.every((c) => c.messages('a').length > 100), 'the load to go on');
      clearInterval(load);
      const offsets = { a: [], b: [] };
      for (const ack of await Promise.all(acks)) offsets[ack.room].push(ack.offset);
      const last = Object.fromEntries(rooms.map((room) => [room, Math.max(...offsets[room])]));
      await until(() => back.every((c) => rooms.every((room) => c.entries(room).at(-1).offset >= last[room])), 'the last words');
      for (const [i, c] of back.entries()) {
        assert.equal(c.of('gap').length, 0);
        for (const room of rooms) {
          const all = [...heard[i][room], ...c.entries(room)].map((m) => m.offset);
          assertContiguous(all, `client ${i} in ${room}, before and after the cut`);
          const set = new Set(all);
          for (const offset of offsets[room]) assert.ok(set.has(offset) || offset < all[0], `acknowledged entry ${offset} is missing`);
        }
      }
      assert.equal(await server.metric('plenum_resumed_total'), count);
      assert.equal(await server.metric('plenum_recovered_total'), count * rooms.length);
    } finally {
      clearInterval(load);
    }
  });
}

test('beyond the log: recovered is false, the gap is exact, and nothing is replayed in part', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--log.entries=50'] });
  const ada = await Native.open(server);
  const bob = await Native.open(server);
  const { epoch } = await ada.join('room');
  await bob.join('room');
  await ada.say('room', 'heard');
  await bob.hears('message');
  const since = position(bob, 'room', epoch);
  bob.cut();
  for (let i = 0; i < 200; i++) await ada.say('room', i);

  const back = await Native.open(server, { resume: bob.welcome.resume });
  const joined = await back.join('room', { since });
  assert.equal(joined.recovered, false);
  assert.equal(joined.epoch, epoch);
  const gap = await back.hears('gap');
  assert.deepEqual([gap.room, gap.from, gap.to, gap.reason], ['room', since.offset + 1, joined.offset, 'trimmed']);
  const { offset } = await ada.say('room', 'after');
  const first = await back.hears('message');
  assert.deepEqual([first.offset, first.data], [offset, 'after']);
  assert.equal(offset, gap.to + 1, 'it goes on right after the gap');
  assert.ok(back.heard.indexOf(joined) < back.heard.indexOf(gap) && back.heard.indexOf(gap) < back.heard.indexOf(first));
  // What is still kept can be read.
  const { history } = await back.ask({ type: 'history', room: 'room', before: joined.offset + 1 });
  assert.ok(history.length > 10);
  assert.equal(history.at(-1).offset, joined.offset);

  // The edge: everything after the oldest entry but one is still there.
  await back.leave('room');
  const kept = (await ada.ask({ type: 'history', room: 'room', limit: 1000 })).history;
  const edge = await back.join('room', { since: { epoch, offset: kept[0].offset + 5 } });
  assert.equal(edge.recovered, true);
  await until(() => back.entries('room').at(-1).offset >= kept.at(-1).offset, 'the rest');
  // An offset that does not exist yet is no place to continue from.
  await back.leave('room');
  const future = await back.join('room', { since: { epoch, offset: 1_000_000 } });
  assert.equal(future.recovered, false);
  await back.say('room', 'lives');
});

test('a restarted server: the same session with the same secret, but another epoch', async (t) => {
  const env = { PLENUM_SESSIONS_SECRET: 'the same secret before and after' };
  const server = await startServer(t, { env });
  const ada = await Native.open(server, { name: 'Ada' });
  const joined = await ada.join('room');
  await ada.say('room', 'before');
  const { http } = server;
  server.kill('SIGKILL');
  await within(ada.ended, 'the cut');
  await within(server.ended, 'the death');

  const next = await startServer(t, { env, http });
  const back = await Native.open(next, { resume: ada.welcome.resume });
  assert.deepEqual([back.user, back.welcome.name, back.welcome.session], [ada.user, 'Ada', ada.welcome.session]);
  const again = await back.join('room', { since: { epoch: joined.epoch, offset: joined.offset + 1 } });
  assert.notEqual(again.epoch, joined.epoch);
  assert.equal(again.recovered, false);
  await back.say('room', 'after');
  assert.equal(back.of('gap').length, 0);
  assert.equal(back.messages('room').length, 0, 'own words are not echoed, and there is nothing old');

  // Without the secret a token is worth nothing, and does no harm.
  const other = await startServer(t);
  const stranger = await Native.open(other, { resume: ada.welcome.resume, name: 'Ada' });
  assert.notEqual(stranger.user, ada.user);
});

test('a resume token expires, and a changed one is worth nothing', async (t) => {
  const server = await startServer(t, { flags: ['--sessions.resume_s=1'] });
  const ada = await Native.open(server);
  const token = ada.welcome.resume;
  for (let i = 0; i < token.length; i += 7) {
    const forged = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
    const c = await Native.open(server, { resume: forged });
    assert.notEqual(c.user, ada.user, `changed at ${i}`);
  }
  assert.equal(ada.closed, null, 'nobody was thrown out by a forgery');
  const old = token;
  await until(async () => {
    const c = await Native.open(server, { resume: old });
    c.cut();
    return c.user !== ada.user;
  }, 'the token to expire');
});

test('publishing again with the same key after a cut says it once', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  const reader = await Native.open(server);
  const { epoch } = await reader.join('room');
  let ada = await Native.open(server);
  let { offset } = await ada.join('room');
  const first = new Map();
  for (let round = 0; round < 10; round++) {
    // Ten go out, the connection breaks before their acks can be read, all ten go out again.
    for (let i = 0; i < 10; i++) ada.send({ type: 'message', id: i, room: 'room', data: [round, i], key: `${round}/${i}` });
    await new Promise((done) => setImmediate(done));
    ada.cut();
    ada = await Native.open(server, { resume: ada.welcome.resume });
    const joined = await ada.join('room', { since: { epoch, offset } });
    assert.equal(joined.recovered, true);
    for (let i = 0; i < 10; i++) {
      const ack = await ada.say('room', [round, i], { key: `${round}/${i}` });
      first.set(`${round},${i}`, ack.offset);
      offset = Math.max(offset, ack.offset);
    }
  }
  await until(() => reader.messages('room').length >= 100, 'all words');
  await reader.ask({ type: 'ping' });
  const words = reader.data('room').map(String);
  assert.equal(words.length, 100);
  assert.equal(new Set(words).size, 100);
  for (const m of reader.messages('room')) assert.equal(first.get(String(m.data)), m.offset, 'the ack names the first one\'s offset');
});

test('one hello brings back all rooms, each with exactly what was missed, on another shard as well', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=2'] });
  const names = Array.from({ length: 20 }, (_, i) => `room ${i}`);
  const [ada, bob] = await openMany(server, 2);
  const at = new Map();
  for (const name of names) {
    await ada.join(name);
    await bob.join(name);
    const { epoch, offset } = await bob.say(name, 'heard', { key: name });
    at.set(name, { epoch, offset });
  }
  await ada.hears((m) => m.room === names.at(-1) && m.data === 'heard', 'the last word');
  ada.cut();
  for (const name of names) for (const word of ['missed', 'too']) await bob.say(name, word);
  for (let times = 0; times < 3; times++) {
    const rooms = names.map((room, i) => ({ id: `j${i}`, room, since: at.get(room) }));
    const back = await Native.open(server, { resume: ada.welcome.resume, rooms });
    assert.deepEqual([back.user, back.welcome.session], [ada.user, ada.welcome.session]);
    for (const [i, name] of names.entries()) {
      const joined = await back.hears((m) => m.id === `j${i}`, name);
      assert.deepEqual([joined.type, joined.room, joined.recovered, joined.role], ['joined', name, true, 'member']);
      await back.hears((m) => m.room === name && m.data === 'too', `what was missed in ${name}`);
      assert.deepEqual(back.data(name), ['missed', 'too']);
    }
    back.cut();
  }
});
