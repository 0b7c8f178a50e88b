// SPDX-License-Identifier: Apache-2.0
//
// A room with the policy conflate: whoever stops reading for a while gets the newest of each key when it reads again, is told what was
// left out, and goes on from there like anybody else. The release binary, as its sockets and its speed are what is looked at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Native, RELEASE, WebSocket, assertContiguous, openMany, root, startServer, until, within } from './support.mjs';

const source = readFileSync(join(root, 'web/plenum.js')).toString('base64');
const { Plenum } = await import(`data:text/javascript;base64,${source}`);

const FLAGS = ['--server.shards=2', '--rooms.slow_policy=conflate', '--log.entries=20000', '--log.bytes=32m', '--rooms.lag_bytes=4m'];
const KEYS = 50;
const PAD = 'x'.repeat(200);
const keyOf = (n) => (n % 97 === 0 ? undefined : `k${(n * 7) % KEYS}`);   // now and then something without a key

/** Says prices from..to, a hundred at a time, each when `readers` have heard those before: they keep up. Returns the key of each offset. */
async function quote(speaker, from, to, keys = new Map(), readers = []) {
  for (let n = from; n <= to; n += 100) {
    const some = Array.from({ length: Math.min(100, to - n + 1) }, (_, i) => n + i);
    const acks = await Promise.all(some.map((i) => speaker.say('prices', { n: i, pad: PAD }, keyOf(i) ? { conflate: keyOf(i) } : {})));
    acks.forEach((ack, i) => keys.set(ack.offset, keyOf(some[i])));
    await until(() => readers.every((r) => r.heard.at(-1).offset === acks.at(-1).offset), 'the others to keep up');
  }
  return keys;
}

/** Holds what a connection was told to what was said: each offset once, as itself or in a gap of what has a newer one. Returns how many were left out. */
function assertNothingLost(client, keys, joined, head) {
  let next = joined + 1, out = 0;
  const newest = new Map([...keys].map(([offset, key]) => [key, offset]));
  for (const m of client.heard.filter((each) => each.room === 'prices' && (each.type === 'gap' || each.type === 'message'))) {
    if (m.type === 'message') {
      assert.equal(m.offset, next++);
      continue;
    }
    assert.equal(m.reason, 'conflated');
    assert.equal(m.from, next, 'a gap begins where reading ended');
    assert.ok(m.to >= m.from);
    for (; next <= m.to; next++, out++) assert.ok(keys.get(next) !== undefined && newest.get(keys.get(next)) > next, `${next} has a newer one`);
  }
  assert.equal(next, head + 1);
  return out;
}

test('a reader that stalls gets the newest of each key, and everything without one; the others get all', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: FLAGS });
  const [speaker, slow, ...others] = await openMany(server, 5, (i) => ({ name: `n${i}` }));
  const joined = await Promise.all([speaker, slow, ...others].map((c) => c.join('prices')));
  const keys = await quote(speaker, 1, 500, undefined, others);
  await until(() => slow.messages('prices').length === 500, 'what is said while it reads');
  assert.equal(slow.of('gap').length, 0, 'who keeps up is told all');

  slow.socket.pause();
  await quote(speaker, 501, 8500, keys, others);
  const reply = await fetch(`${server.url}/api/v1/publish`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ room: 'prices', data: 'from the backend', conflate: 'k1' }) });
  const { offset: head } = await reply.json();
  keys.set(head, 'k1');
  await server.settles('plenum_connections_blocked', 1);
  slow.socket.resume();
  await until(() => slow.messages('prices').at(-1).offset === head, 'the slow one to arrive at the head');
  const out = assertNothingLost(slow, keys, joined[1].offset, head);
  assert.ok(out > 4000, `${out} of 8001 were left out`);
  assert.equal(await server.metric('plenum_conflated_entries_total'), out);
  assert.equal(await server.metric('plenum_gaps_total'), 0);
  await until(() => others.every((c) => c.messages('prices').at(-1).offset === head), 'the others to have everything');
  for (const c of others) {
    assertContiguous(c.messages('prices').map((m) => m.offset));
    assert.equal(c.of('gap').length, 0);
  }
  await speaker.say('prices', 'again', { conflate: 'k1' });
  await speaker.say('prices', 'and again', { conflate: 'k1' });
  await slow.hears((m) => m.data === 'again', 'that it keeps up again');
});

test('plenum.js: what was left out is no hole, and a resume goes on behind it', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: FLAGS });
  const sockets = [];
  class Kept extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
  }
  const speaker = await Native.open(server);
  await speaker.join('prices');
  const client = new Plenum(server.ws, { WebSocket: Kept, backoff_base_ms: 1 });
  t.after(() => client.close());
  const heard = new Map(), gaps = [], resets = [];
  const prices = client.room('prices');
  prices.on('message', (m) => {
    assert.ok(!heard.has(m.offset), `${m.offset} came twice`);
    heard.set(m.offset, m.data);
  });
  prices.on('gap', (m) => gaps.push(m));
  prices.on('reset', (m) => resets.push(m));
  await client.connect();
  const { offset: joined } = await prices.join();

  sockets[0].pause();
  const keys = await quote(speaker, 1, 6000);
  await server.settles('plenum_connections_blocked', 1);
  sockets[0].resume();
  const head = [...keys.keys()].at(-1);
  await until(() => prices.cursor === head, 'it to arrive at the head');
  assert.ok(gaps.length > 0);
  for (const gap of gaps) assert.equal(gap.reason, 'conflated');
  const covered = gaps.reduce((n, gap) => n + gap.to - gap.from + 1, heard.size);
  assert.equal(covered, head - joined, 'each offset once');

  const count = gaps.length;
  sockets[0].terminate();
  await quote(speaker, 6001, 6300, keys);
  await within(prices.publish('mine', { conflate: 'k3' }), 'an ack');
  const end = [...keys.keys()].at(-1);
  await until(() => prices.cursor > end, 'it to be there again');
  for (let offset = head + 1; offset <= end; offset++) assert.ok(heard.has(offset), `${offset} was missing behind the resume`);
  assert.equal(gaps.length, count);
  assert.equal(resets.length, 0);
  await speaker.hears((m) => m.data === 'mine', 'what it says');
});

test('a key that is none is refused, and says so', async (t) => {
  const server = await startServer(t);
  const client = await Native.open(server);
  await client.join('prices');
  for (const [conflate, what] of [['', 'conflate'], ['x'.repeat(65), 'conflate'], [7, 'conflate']]) {
    await assert.rejects(client.say('prices', 1, { conflate }), (e) => e.code === 'bad_command' && e.message.includes(`\`${what}\``));
  }
  assert.equal((await client.say('prices', 1, { conflate: 'x'.repeat(64) })).offset, 1);
});
