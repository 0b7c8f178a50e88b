// SPDX-License-Identifier: Apache-2.0
//
// A reader that stops reading in a busy room: it alone pays, and it is told what it missed. The release binary runs
// here, because resident memory is one of the things looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, RELEASE, assertContiguous, openMany, startServer, until, within } from './support.mjs';

const FLAGS = ['--server.shards=2', '--log.bytes=524288', '--log.entries=1000', '--rooms.lag_bytes=131072'];
const PAYLOAD = 'x'.repeat(8000);
const FEW = 8;   // of them are half of what a reader may be behind

/** Says `count` large things, a few at a time, each few when `readers` have heard the last ones: they keep up. */
async function flood(client, room, count, readers = []) {
  const head = readers.map((reader) => ({ offset: 0, wake: () => {}, reader }));
  for (const each of head) {
    each.reader.onMessage((m) => {
      if (m.type !== 'message' || m.room !== room) return;
      each.offset = m.offset;
      each.wake();
    });
  }
  for (let i = 0; i < count; i += FEW) {
    const replies = await Promise.all(Array.from({ length: Math.min(FEW, count - i) }, () => client.say(room, PAYLOAD)));
    const last = replies.at(-1).offset;
    for (const each of head) {
      while (each.offset < last) await within(new Promise((done) => { each.wake = done; }), `entry ${last}`);
    }
  }
}

/** Milliseconds from saying to hearing, one message at a time, sorted. */
async function latencies(speaker, hearer, room, count) {
  const result = [];
  for (let i = 0; i < count; i++) {
    const word = `probe ${i} ${Math.random()}`;
    const start = performance.now();
    const heard = new Promise((done) => hearer.onMessage((m) => { if (m.data === word) done(m.at); }));
    speaker.send({ type: 'message', room, data: word });
    result.push(await within(heard, 'a probe') - start);
  }
  return result.sort((a, b) => a - b);
}
const middle = (sorted) => sorted[sorted.length >> 1];

test('policy gap: the exact gap is told, the others lose nothing and wait for nobody', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: FLAGS });
  const [speaker, slow, ...others] = await openMany(server, 6, (i) => ({ name: `n${i}` }));
  const joined = await Promise.all([speaker, slow, ...others].map((c) => c.join('busy')));
  await flood(speaker, 'busy', 200, others);   // warm: buffers and logs have their size
  await latencies(speaker, others[0], 'busy', 50);
  const calm = await latencies(speaker, others[0], 'busy', 200);
  const before = { rss: server.rss, used: await server.metric('plenum_memory_used_bytes') };

  slow.socket.pause();
  await flood(speaker, 'busy', 3000, others);
  await server.settles('plenum_connections_blocked', 1);
  const stalled = await latencies(speaker, others[0], 'busy', 200);
  assert.ok(middle(stalled) < 3 * middle(calm) + 3, `median ${middle(calm)} ms before, ${middle(stalled)} ms with a stalled reader`);

  const used = await server.metric('plenum_memory_used_bytes');
  assert.ok(used - before.used < 2 << 20, `24 MB were said; memory used grew by ${used - before.used} bytes`);
  assert.ok(server.rss - before.rss < 16 << 10, `resident memory grew by ${server.rss - before.rss} KiB`);
  const { offset: head } = await speaker.say('busy', 'the last word');
  await until(() => others.every((c) => c.entries('busy').at(-1).offset === head), 'the others to have everything');
  for (const c of others) {
    assertContiguous(c.entries('busy').map((m) => m.offset));
    assert.equal(c.of('gap').length, 0);
  }

  slow.socket.resume();
  await until(() => slow.entries('busy').at(-1).offset === head, 'the slow one to arrive at the head');
  let next = joined[1].offset + 1;
  for (const m of slow.heard.filter((each) => each.room === 'busy' && each.id === undefined && each.after === undefined)) {
    if (m.type === 'gap') {
      assert.equal(m.from, next, 'a gap begins where reading ended');
      assert.ok(m.to >= m.from);
      assert.equal(m.reason, 'slow');
      next = m.to + 1;
    } else {
      if (m.offset <= joined[1].offset) continue;
      assert.equal(m.offset, next, `after ${next - 1}`);
      next++;
    }
  }
  assert.equal(next, head + 1);
  assert.ok(slow.of('gap').length >= 1);
  const all = await server.metrics();
  assert.equal(all.get('plenum_gap_entries_total'), slow.of('gap').reduce((n, g) => n + g.to - g.from + 1, 0), 'as counted');
  await slow.say('busy', 'back again');
  await others[0].hears((m) => m.data === 'back again', 'the one who was slow');
  await server.settles('plenum_connections_blocked', 0);
});

test('what is deleted before a slow reader was told it is not told', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: [...FLAGS, '--rooms.lag_bytes=4194304'] });
  const [speaker, slow, line] = await openMany(server, 3);
  for (const c of [speaker, slow, line]) await c.join('busy');
  slow.socket.pause();
  await server.settles('plenum_connections_blocked', 0);
  for (let i = 0; await server.metric('plenum_connections_blocked') === 0; i++) {
    assert.ok(i < 400, 'its socket is full after 25 MB');
    await flood(speaker, 'busy', FEW, [line]);
  }
  const { offset } = await speaker.say('busy', 'the secret word');
  const { offset: version } = await speaker.ask({ type: 'edit', room: 'busy', offset, data: 'the secret words' });
  await line.hears((m) => m.type === 'message:edited', 'who keeps up, the edit');
  await speaker.ask({ type: 'delete', room: 'busy', offset });
  const { offset: head } = await speaker.say('busy', 'the last word');
  slow.socket.resume();
  await until(() => slow.entries('busy').at(-1)?.offset === head, 'the slow one to arrive at the head');
  assert.ok(!JSON.stringify(slow.heard).includes('secret'), 'the words are told to nobody any more');
  assert.equal(slow.of('gap').length, 0);
  assertContiguous(slow.entries('busy').map((m) => m.offset));
  assert.equal(slow.heard.find((m) => m.offset === offset).data, undefined);
  assert.equal(slow.heard.find((m) => m.offset === version && m.type === 'void').type, 'void');
  assert.equal(slow.of('message:deleted')[0].target, offset);
});

test('policy disconnect: closed with 1013, the others notice nothing', async (t) => {
  const server = await startServer(t, { bin: RELEASE,
    flags: [...FLAGS, '--rooms.slow_policy=disconnect', '--limits.close_ms=30000', '--rooms.member_grace_s=0'] });
  const [speaker, slow, ...others] = await openMany(server, 5, (i) => ({ name: `n${i}` }));
  const joined = await Promise.all([speaker, slow, ...others].map((c) => c.join('busy')));
  slow.socket.pause();
  await flood(speaker, 'busy', 3000, others);
  await others[0].hears((m) => m.type === 'member:left' && m.member.user === slow.user, 'that the slow one is out');
  slow.socket.resume();
  await within(slow.ended, 'the close');
  assert.equal(slow.closed.code, 1013);
  assertContiguous(slow.entries('busy').map((m) => m.offset).filter((o) => o > joined[1].offset), 'until then');
  assert.equal(await server.metric('plenum_connections_closed_total{reason="slow"}'), 1);
  for (const c of others) {
    await until(() => c.messages('busy').length === 3000, 'all messages');
    assertContiguous(c.entries('busy').map((m) => m.offset));
    assert.equal(c.of('gap').length, 0);
  }
});

test('a reader who never takes its replies is read no more, and holds no memory', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: [...FLAGS, '--limits.reply_bytes=65536'] });
  const [speaker, greedy] = await openMany(server, 2);
  await speaker.join('busy');
  await greedy.join('busy');
  await flood(speaker, 'busy', 60);
  const before = await server.metric('plenum_memory_used_bytes');
  greedy.socket.pause();
  for (let i = 0; i < 500; i++) greedy.send({ type: 'history', room: 'busy', limit: 1000 });
  await server.settles('plenum_connections_blocked', 1);
  for (let i = 0; i < 200; i++) await speaker.ask({ type: 'direct', to: greedy.user, data: PAYLOAD });
  const used = await server.metric('plenum_memory_used_bytes');
  assert.ok(used - before < 4 << 20, `grew by ${used - before} bytes`);
  greedy.socket.resume();
  await greedy.hears('history');
  await speaker.say('busy', 'still fine');
});

for (const policy of ['gap', 'disconnect']) {
  test(`more readers than one turn writes to, and more to read than one may be behind: nobody is slow (${policy})`, async (t) => {
    const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=1', '--rooms.lag_bytes=8192',
      '--log.entries=8', '--rooms.presence_exact_max=0', `--rooms.slow_policy=${policy}`] });
    const speaker = await Native.open(server);
    const readers = [];
    while (readers.length < 1400) { // a turn writes to about 500
      const some = await openMany(server, 100);
      await Promise.all(some.map((client) => client.join('crowd')));
      readers.push(...some);
    }
    await speaker.join('crowd');
    const slices = await server.metric('plenum_flush_slices_total');
    const count = 50;
    for (let i = 0; i < count; i++) speaker.send({ type: 'message', room: 'crowd', data: PAYLOAD.slice(0, 1000) });
    await until(() => readers.every((client) => client.closed || client.of('gap').length > 0 ||
      client.messages('crowd').length === count), 'everyone to have heard all, or to be told that it did not');
    const all = await server.metrics();
    assert.ok(all.get('plenum_flush_slices_total') > slices, 'it took more than one turn');
    assert.equal(all.get('plenum_writes_blocked_total'), 0, 'every socket took what it was offered');
    assert.equal(all.get('plenum_gaps_total'), 0);
    assert.equal(all.get('plenum_connections_closed_total{reason="slow"}'), 0);
    for (const client of readers) assert.equal(client.closed, null);
    for (const client of readers) client.cut();
  });
}
