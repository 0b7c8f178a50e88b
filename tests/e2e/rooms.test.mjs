// SPDX-License-Identifier: Apache-2.0
//
// Rooms, seen by npm's ws, with one shard, two, and more shards than cores: who gets what, in which order, who is
// said to be there, and that an empty room goes with all its memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, assertContiguous, openMany, startServer, until } from './support.mjs';

const memberTypes = (client, room) => client.passing(room).filter((m) => m.type.startsWith('member:'));

for (const shards of [1, 2, 7]) {
  const options = (...flags) => ({ flags: [`--server.shards=${shards}`, ...flags] });

  test(`${shards} shards: a room's entries reach its members and nobody else`, async (t) => {
    const server = await startServer(t, options());
    const rooms = ['red', 'green', 'blue', 'white', 'a room with spaces', 'räume/ü'];
    const clients = await openMany(server, 12, (i) => ({ name: `n${i}` }));
    // Everyone is in two of the six rooms.
    const inRoom = (i, r) => i % rooms.length === r || (i * 5 + 1) % rooms.length === r;
    await Promise.all(clients.flatMap((c, i) => rooms.filter((_, r) => inRoom(i, r)).map((room) => c.join(room))));
    await Promise.all(clients.flatMap((c, i) => rooms.filter((_, r) => inRoom(i, r))
      .map((room) => c.say(room, { by: i, room }, { echo: true }))));
    for (const [r, room] of rooms.entries()) {
      const members = clients.filter((_, i) => inRoom(i, r));
      await until(() => members.every((c) => c.messages(room).length === members.length), `all of ${room}`);
      const expected = members[0].data(room).map((d) => d.by);
      for (const c of members) assert.deepEqual(c.data(room).map((d) => d.by), expected, `the same order in ${room}`);
      for (const c of clients) {
        assert.ok(c.messages(room).every((m) => m.data.room === room), 'a message of another room');
        if (!members.includes(c)) assert.equal(c.entries(room).length, 0, `an outsider heard of ${room}`);
      }
    }
    // Who is not in a room has no say in it and no look into it.
    const outsider = await Native.open(server);
    for (const ask of [{ type: 'message', data: 1 }, { type: 'history' }, { type: 'members' }, { type: 'leave' }]) {
      await assert.rejects(outsider.ask({ ...ask, room: 'red' }), { code: 'not_member' }, ask.type);
    }
    assert.equal(outsider.entries('red').length, 0);
  });

  test(`${shards} shards: leave and switch`, async (t) => {
    const server = await startServer(t, options());
    const [ada, bob] = await openMany(server, 2, (i) => ({ name: ['Ada', 'Bob'][i] }));
    await ada.join('one');
    await ada.join('two');
    await bob.join('one');
    await bob.say('one', 'before');
    assert.equal((await bob.leave('one')).room, 'one');
    await ada.say('one', 'after bob left');
    await ada.hears((m) => m.type === 'member:left' && m.member.name === 'Bob', 'that Bob left');
    await assert.rejects(bob.leave('one'), { code: 'not_member' });
    await assert.rejects(bob.say('one', 'x'), { code: 'not_member' });
    assert.equal(bob.data('one').length, 0, 'nothing of the room after leaving it');

    await bob.join('one', { history: 10 });
    await until(() => bob.data('one').length === 2, 'history');
    assert.deepEqual(bob.data('one'), ['before', 'after bob left']);

    const switched = await bob.ask({ type: 'switch', from: 'one', to: 'two' });
    assert.equal(switched.room, 'two');
    assert.equal(switched.left, 'one');
    assert.equal(switched.members_count, 2);
    const count = bob.entries('one').length;
    await ada.say('one', 'to nobody');
    await ada.say('two', 'to bob');
    await bob.hears((m) => m.type === 'message' && m.room === 'two', 'the message in two');
    assert.equal(bob.entries('one').length, count, 'nothing of `from` after the switch');

    // All or nothing: both errors leave everything as it was.
    await assert.rejects(bob.ask({ type: 'switch', from: 'one', to: 'three' }), { code: 'not_member' });
    await bob.join('one');
    await assert.rejects(bob.ask({ type: 'switch', from: 'one', to: 'two' }), { code: 'already_member' });
    await bob.say('one', 'still in one');
    await bob.say('two', 'still in two');
    await assert.rejects(bob.say('three', 'x'), { code: 'not_member' });
  });

  test(`${shards} shards: with one room per connection, switch is the way`, async (t) => {
    const server = await startServer(t, options('--rooms.per_connection_max=1'));
    const ada = await Native.open(server);
    assert.equal(ada.welcome.limits.rooms, 1);
    await ada.join('one');
    await assert.rejects(ada.join('two'), { code: 'limit_reached' });
    for (const [from, to] of [['one', 'two'], ['two', 'three'], ['three', 'one']]) {
      assert.equal((await ada.ask({ type: 'switch', from, to })).left, from);
    }
    await ada.say('one', 1);
    await assert.rejects(ada.say('three', 1), { code: 'not_member' });
  });

  test(`${shards} shards: presence, entry by entry`, async (t) => {
    const server = await startServer(t, options('--rooms.member_grace_s=1', '--rooms.presence_damping_ms=0'));
    const ada = await Native.open(server, { name: 'Ada' });
    const first = await ada.join('lobby', { members: true });
    assert.equal(first.members_count, 1);
    assert.deepEqual(first.members.map((m) => [m.user, m.name, m.role, m.connected, m.sessions]),
      [[ada.user, 'Ada', 'member', true, 1]]);

    const bob = await Native.open(server, { name: 'Bob' });
    const second = await bob.join('lobby', { members: true });
    assert.deepEqual(second.members.map((m) => m.name).sort(), ['Ada', 'Bob']);
    const joined = await ada.hears((m) => m.type === 'member:joined' && m.member.user === bob.user, 'Bob joined');
    assert.equal(joined.after, second.offset, 'nothing was said yet');
    assert.deepEqual(Object.keys(joined.member), ['user', 'name', 'role', 'connected', 'joined_at', 'last_active', 'sessions']);

    bob.cut();
    const away = await ada.hears((m) => m.type === 'member:changed' && m.member.user === bob.user, 'Bob away');
    assert.equal(away.member.connected, false);
    assert.equal(away.member.sessions, 0);
    const again = await Native.open(server, { resume: bob.welcome.resume });
    assert.equal(again.user, bob.user);
    assert.equal(again.welcome.session, bob.welcome.session);
    assert.equal(again.welcome.name, 'Bob');
    const back = await again.join('lobby', { since: { epoch: second.epoch, offset: second.offset } });
    assert.equal(back.recovered, true);
    const backEntry = await ada.hears((m) => m.type === 'member:changed' && m.member.connected, 'Bob back');
    assert.equal(backEntry.member.joined_at, joined.member.joined_at, 'still the same member');

    again.cut();
    const left = await ada.hears((m) => m.type === 'member:left', 'Bob gone after the grace time');
    assert.equal(left.member.user, bob.user);
    const story = memberTypes(ada, 'lobby').map((m) => [m.type, m.member.connected]);
    assert.deepEqual(story, [['member:joined', true], ['member:changed', false], ['member:changed', true],
      ['member:changed', false], ['member:left', false]]);
    assert.equal((await ada.ask({ type: 'history', room: 'lobby' })).history.length, 0, 'none of it is history');
    const page = await ada.ask({ type: 'members', room: 'lobby' });
    assert.deepEqual(page.members.map((m) => m.user), [ada.user]);

    // Who leaves on purpose is gone at once.
    const cleo = await Native.open(server, { name: 'Cleo' });
    await cleo.join('lobby');
    await cleo.leave('lobby');
    await ada.hears((m) => m.type === 'member:left' && m.member.name === 'Cleo', 'Cleo left');
    assert.ok(!memberTypes(ada, 'lobby').some((m) => m.type === 'member:changed' && m.member.name === 'Cleo'));
  });

  test(`${shards} shards: who is back in a moment is not told of, who stays away is`, async (t) => {
    const server = await startServer(t, options('--rooms.presence_damping_ms=1500'));
    const ada = await Native.open(server, { name: 'Ada' });
    await ada.join('lobby');
    let bob = await Native.open(server, { name: 'Bob' });
    const { user } = bob;
    const of = (page) => page.members.filter((m) => m.user === user).map((m) => [m.connected, m.sessions]);
    await bob.join('lobby');
    for (let i = 0; i < 5; i++) {
      const { resume } = bob.welcome;
      bob.cut();
      await bob.ended;
      assert.deepEqual(of(await ada.ask({ type: 'members', room: 'lobby' })), [[true, 1]], 'as has been told');
      bob = await Native.open(server, { resume });
      await bob.join('lobby');
    }
    await bob.say('lobby', 'still here');
    await ada.hears((m) => m.data === 'still here', 'what Bob says behind his last return');
    assert.deepEqual(memberTypes(ada, 'lobby').map((m) => [m.type, m.member.user === user]), [['member:joined', true]]);
    const cut = performance.now();
    bob.cut();
    const away = await ada.hears('member:changed');
    assert.ok(performance.now() - cut >= 1400, `after ${performance.now() - cut} ms`);
    assert.deepEqual([away.member.user, away.member.connected], [user, false]);
    assert.deepEqual(of(await ada.ask({ type: 'members', room: 'lobby' })), [[false, 0]]);
  });

  test(`${shards} shards: in a large room the count is told instead`, async (t) => {
    const server = await startServer(t, options('--rooms.presence_exact_max=3', '--rooms.member_grace_s=1'));
    const clients = await openMany(server, 8, (i) => ({ name: `n${i}` }));
    for (const c of clients) await c.join('hall');
    await until(() => clients[0].of('members:count').at(-1)?.count === 8, 'a count of 8');
    const exact = clients[0].of('member:joined').map((m) => m.member.name);
    assert.deepEqual(exact, ['n1', 'n2'], 'joins are entries up to the third member');
    assert.ok(clients[0].of('members:count').length <= 3, 'at most one count a second');
    for (const c of clients.slice(2)) await c.leave('hall');
    await until(() => clients[0].of('members:count').at(-1)?.count < 8 || clients[0].of('member:left').length > 0, 'news of the leaving');
    await until(async () => (await clients[0].ask({ type: 'members', room: 'hall' })).members.length === 2, 'two members');
    assert.deepEqual(clients[0].entries('hall'), [], 'nothing of it has an offset');
    // The members can still be listed, page by page.
    for (const c of clients.slice(2)) await c.join('hall');
    const seen = [];
    let after;
    do {
      const page = await clients[0].ask({ type: 'members', room: 'hall', limit: 3, ...(after && { after }) });
      assert.ok(page.members.length <= 3);
      seen.push(...page.members.map((m) => m.user));
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual([...seen].sort(), clients.map((c) => c.user).sort());
  });

  test(`${shards} shards: a resumed session takes over from the older connection`, async (t) => {
    const server = await startServer(t, options());
    const watcher = await Native.open(server, { name: 'Watcher' });
    await watcher.join('lobby');
    for (let round = 0; round < 8; round++) {   // on whichever shards the two connections land
      const old = await Native.open(server, { name: `Ada ${round}` });
      const joined = await old.join('lobby');
      const young = await Native.open(server, { resume: old.welcome.resume });
      assert.equal(young.user, old.user);
      assert.equal(young.welcome.session, old.welcome.session);
      assert.notEqual(young.welcome.resume, '', 'a token for the next time');
      assert.equal((await until(() => old.closed, 'the older connection to be closed')).code, 4001);
      const again = await young.join('lobby', { since: { epoch: joined.epoch, offset: joined.offset } });
      assert.equal(again.recovered, true);
      await young.say('lobby', `from ${round}`);
      await until(() => watcher.data('lobby').includes(`from ${round}`), 'the message');
      assert.equal(watcher.messages('lobby').at(-1).from.session, old.welcome.session);
      const page = await watcher.ask({ type: 'members', room: 'lobby' });
      assert.deepEqual(page.members.filter((m) => m.user === old.user).map((m) => [m.connected, m.sessions]), [[true, 1]]);
      await young.leave('lobby');
      await young.close();
    }
    await assert.doesNotReject(Native.open(server, { resume: 'not-a-token' }).then((c) => {
      assert.match(c.user, /^guest-.{10}$/, 'somebody new');
    }));
  });

  test(`${shards} shards: direct messages`, async (t) => {
    const server = await startServer(t, options());
    const clients = await openMany(server, 8, (i) => ({ name: `n${i}` }));
    // Everyone to everyone, so that every pair of shards has its turn.
    const replies = await Promise.all(clients.flatMap((c, i) => clients.map((to, j) =>
      c.ask({ type: 'direct', to: to.user, data: { from: i, to: j } }))));
    assert.ok(replies.every((r) => r.delivered === 1), JSON.stringify(replies.find((r) => r.delivered !== 1)));
    await until(() => clients.every((c) => c.of('direct').length === clients.length), 'all directs');
    for (const [j, c] of clients.entries()) {
      assert.deepEqual(c.of('direct').map((m) => m.data.from).sort(), clients.map((_, i) => i));
      assert.ok(c.of('direct').every((m) => m.data.to === j && m.from.user === clients[m.data.from].user));
    }
    const nobody = await clients[0].ask({ type: 'direct', to: 'guest-aaaaaaaaaa', data: 1 });
    assert.equal(nobody.delivered, 0);
    await clients[1].close();
    await until(async () => (await clients[0].ask({ type: 'direct', to: clients[1].user, data: 1 })).delivered === 0,
      'nobody there any more');
    const once = { type: 'direct', to: clients[2].user, data: 'once', key: 'k1' };
    await clients[0].ask(once);
    const twice = await clients[0].ask(once);
    assert.equal(twice.duplicate, true);
    await clients[0].ask({ type: 'direct', to: clients[2].user, data: 'end' });
    await clients[2].hears((m) => m.type === 'direct' && m.data === 'end', 'the last direct');
    assert.equal(clients[2].of('direct').filter((m) => m.data === 'once').length, 1);
  });

  test(`${shards} shards: history, since, data byte for byte, and once`, async (t) => {
    const server = await startServer(t, options());
    const ada = await Native.open(server);
    const joined = await ada.join('log');
    for (let i = 0; i < 30; i++) await ada.say('log', i);
    const bob = await Native.open(server);
    const here = await bob.join('log', { history: 5 });
    await until(() => bob.data('log').length === 5, 'five messages of history');
    assert.deepEqual(bob.data('log'), [25, 26, 27, 28, 29]);
    assert.ok(bob.entries('log').every((m) => m.offset <= here.offset), 'replay up to the head');

    const newest = await bob.ask({ type: 'history', room: 'log', limit: 3 });
    assert.deepEqual(newest.history.map((m) => m.offset), [here.offset - 2, here.offset - 1, here.offset]);
    const all = [];
    for (let before = here.offset + 1; ;) {
      const page = await bob.ask({ type: 'history', room: 'log', before, limit: 7 });
      if (page.history.length === 0) break;
      assertContiguous(page.history.map((m) => m.offset));
      all.unshift(...page.history);
      before = page.history[0].offset;
    }
    assert.equal(all[0].offset, 1);
    assertContiguous(all.map((m) => m.offset));
    assert.equal(all.at(-1).offset, here.offset);
    const forward = await bob.ask({ type: 'history', room: 'log', since: { epoch: joined.epoch, offset: 10 }, limit: 4 });
    assert.deepEqual(forward.history.map((m) => m.offset), [11, 12, 13, 14]);

    const texts = ['{"a" :1.50e+01,"a":2, "\\u00e9": [ ] }', '  "\\ud83d\\ude00 😀"  ', '-0', '1e400', 'null', '[[[[]]]]'];
    const raw = [];
    bob.socket.on('message', (data) => raw.push(String(data)));
    for (const text of texts) ada.socket.send(`{"type":"message","room":"log","data":${text}}`);
    await until(() => raw.length === texts.length, 'all of them');
    for (const [i, text] of texts.entries()) assert.ok(raw[i].includes(`"data":${text.trim()}`), raw[i]);

    const first = await ada.say('log', 'once', { key: 'k' });
    const second = await ada.say('log', 'once', { key: 'k' });
    assert.deepEqual([second.offset, second.duplicate, first.duplicate], [first.offset, true, undefined]);
    await ada.say('log', 'end');
    await bob.hears((m) => m.data === 'end', 'the end');
    assert.equal(bob.data('log').filter((d) => d === 'once').length, 1);
  });

  test(`${shards} shards: many publishers, one order for all`, async (t) => {
    const server = await startServer(t, options('--log.entries=20000', '--log.bytes=16777216', '--rooms.lag_bytes=16777216'));
    const writers = 10;
    const each = 100;
    const clients = await openMany(server, 2 * writers, (i) => ({ name: `n${i}` }));
    await Promise.all(clients.map((c) => c.join('busy')));
    const heads = await Promise.all(clients.map((c) => c.ask({ type: 'history', room: 'busy', limit: 1 })));
    assert.ok(heads.every((h) => h.history.length === 0));
    // Half of the writers see their own words come back, half only the ack.
    const acks = await Promise.all(clients.slice(0, writers).map((c, i) => Promise.all(
      Array.from({ length: each }, (_, n) => c.say('busy', [i, n], { echo: i % 2 === 0 })))));
    const total = writers * each;
    await until(() => clients.every((c, i) => c.messages('busy').length === (i < writers && i % 2 === 1 ? total - each : total)),
      () => `all messages: ${clients.map((c) => c.messages('busy').length)}`);

    const truth = new Map(clients.at(-1).messages('busy').map((m) => [m.offset, m.data.join()]));
    assertContiguous([...truth.keys()], 'what a mere reader saw');
    for (const [i, c] of clients.entries()) {
      const offsets = [];
      const next = Array(writers).fill(0);
      for (const m of c.heard) {
        if (m.room !== 'busy') continue;
        if (m.type === 'message') {
          assert.equal(m.data.join(), truth.get(m.offset), 'everyone sees the same entry at an offset');
          assert.equal(m.data[1], next[m.data[0]]++, 'a sender\'s own order');
          offsets.push(m.offset);
        } else if (m.type === 'ack' && !(i % 2 === 0)) {
          offsets.push(m.offset);
        }
      }
      const sorted = offsets.slice().sort((a, b) => a - b);
      if (i >= writers || i % 2 === 0) assert.deepEqual(offsets, sorted, 'rising as they come');
      assertContiguous(sorted, `reader ${i}, own acks included`);
    }
    for (const [i, list] of acks.entries()) {
      for (const [n, ack] of list.entries()) assert.equal(truth.get(ack.offset), `${i},${n}`, 'the ack names the offset');
    }
    // An ack is never later than the echo of the same entry.
    for (const c of clients.slice(0, writers)) {
      const acked = new Set();
      for (const m of c.heard) {
        if (m.type === 'ack') acked.add(m.offset);
        else if (m.type === 'message' && m.from.session === c.welcome.session) assert.ok(acked.has(m.offset), 'echo before ack');
      }
    }
  });

  test(`${shards} shards: the list of rooms, in pages`, async (t) => {
    const server = await startServer(t, options());
    const clients = await openMany(server, 3);
    const names = Array.from({ length: 60 }, (_, i) => `${i % 2 ? 'game' : 'chat'}/${String(i).padStart(2, '0')}`);
    await Promise.all(names.map((name, i) => clients[i % 3].join(name)));
    const list = async (extra) => {
      const rooms = [];
      let after;
      do {
        const page = await clients[0].ask({ type: 'rooms', limit: 7, ...extra, ...(after && { after }) });
        assert.ok(page.rooms.length <= 7);
        rooms.push(...page.rooms);
        after = page.next;
      } while (after !== undefined);
      return rooms;
    };
    const all = await list({});
    assert.deepEqual(all.map((r) => r.room).sort(), [...names].sort());
    assert.ok(all.every((r) => r.members_count === 1));
    assert.deepEqual((await list({ prefix: 'game/' })).map((r) => r.room).sort(), names.filter((n) => n.startsWith('game')).sort());
    assert.deepEqual(await list({ prefix: 'nothing' }), []);
  });

  test(`${shards} shards: an empty room goes after its grace time, with all its memory`, async (t) => {
    const server = await startServer(t, options('--rooms.grace_s=1', '--rooms.member_grace_s=0'));
    const watcher = await Native.open(server);
    const before = await server.metrics();
    assert.equal(before.get('plenum_rooms'), 0);
    const clients = await openMany(server, 6);
    const rooms = Array.from({ length: 20 }, (_, i) => `room ${i}`);
    const epochs = [];
    for (const room of rooms) epochs.push((await Promise.all(clients.map((c) => c.join(room))))[0].epoch);
    await Promise.all(rooms.map((room) => clients[0].say(room, 'x'.repeat(2000))));
    const during = await server.metrics();
    assert.equal(during.get('plenum_rooms'), 20);
    assert.equal(during.get('plenum_members'), 120);
    assert.equal(during.get('plenum_memberships'), 120);
    assert.ok(during.get('plenum_log_bytes') > 40_000);

    // Within the grace time the log is still there.
    await Promise.all(clients.map((c) => c.leave(rooms[0])));
    const back = await clients[0].join(rooms[0], { history: 1 });
    assert.equal(back.epoch, epochs[0]);
    await clients[0].hears((m) => m.type === 'message' && m.room === rooms[0], 'the history');

    await Promise.all(clients.map((c) => c.close()));
    for (const gauge of ['rooms', 'members', 'memberships', 'outlets', 'log_bytes']) await server.settles(`plenum_${gauge}`, 0);
    const again = await watcher.join(rooms[0], { since: { epoch: back.epoch, offset: back.offset } });
    assert.notEqual(again.epoch, back.epoch, 'a new room, a new epoch');
    assert.equal(again.offset, 0);
    assert.equal(again.recovered, false);
  });
}

test('the log is limited by count, by bytes, and by age', async (t) => {
  const kept = async (client, room) => {
    const { history } = await client.ask({ type: 'history', room, limit: 1000 });
    assertContiguous(history.map((m) => m.offset));
    return history;
  };

  await t.test('count', async (t) => {
    const server = await startServer(t, { flags: ['--log.entries=50'] });
    const ada = await Native.open(server);
    await ada.join('r');
    await Promise.all(Array.from({ length: 500 }, (_, i) => ada.say('r', i)));
    const history = await kept(ada, 'r');
    assert.equal(history.at(-1).data, 499);
    assert.ok(history.length <= 50 && history.length >= 25, `kept ${history.length} of at most 50`);
  });

  await t.test('bytes', async (t) => {
    const server = await startServer(t, { flags: ['--log.bytes=65536'] });
    const ada = await Native.open(server);
    await ada.join('r');
    await Promise.all(Array.from({ length: 400 }, (_, i) => ada.say('r', `${i} ${'x'.repeat(1000)}`)));
    const history = await kept(ada, 'r');
    assert.match(history.at(-1).data, /^399 /);
    assert.ok(history.length >= 25 && history.length <= 66, `kept ${history.length} entries of 1 KB in 64 KiB`);
    assert.ok(await server.metric('plenum_log_bytes') <= 65536 + 8192, `${await server.metric('plenum_log_bytes')} bytes`);
  });

  await t.test('age', async (t) => {
    const server = await startServer(t, { flags: ['--log.age_s=1'] });
    const ada = await Native.open(server);
    const joined = await ada.join('r');
    await ada.say('r', 'old');
    await until(async () => (await kept(ada, 'r')).length === 0, 'the log to empty itself', 6000);
    const { offset, epoch } = await ada.say('r', 'new');
    assert.equal(epoch, joined.epoch, 'the numbering goes on');
    assert.equal(offset, 2);
    assert.deepEqual((await kept(ada, 'r')).map((m) => m.data), ['new']);
  });
});
