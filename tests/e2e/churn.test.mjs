// SPDX-License-Identifier: Apache-2.0
//
// 100,000 joins and as many leaves: afterwards everything is as it was before. The release binary is looked at for
// resident memory (ASan keeps freed memory on purpose); the one with sanitizers does a tenth of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, PLENUM, RELEASE, WebSocket, openMany, startServer, until, within } from './support.mjs';

// What stays differs a little from round to round: tables and scratch grow on the shard that the connections happened
// to land on. A single byte lost with each of 100,000 joins and leaves would be more than this.
const SLACK = 192 << 10;
const GAUGES = ['connections', 'sessions', 'rooms', 'members', 'memberships', 'outlets', 'log_bytes'];

/** One connection that joins and leaves `pairs` times over the rooms, with up to `window` commands on the way. */
function churn(url, rooms, pairs, window = 64) {
  return new Promise((done, fail) => {
    const socket = new WebSocket(url, 'plenum.v1.json', { perMessageDeflate: false });
    let sent = 0;
    let answered = 0;
    const more = () => {
      while (sent < 2 * pairs && sent - answered < window) {
        const room = rooms[(sent >> 1) % rooms.length];
        socket.send(`{"type":"${sent % 2 ? 'leave' : 'join'}","id":${sent},"room":"${room}"}`);
        sent++;
      }
    };
    socket.on('open', more);
    socket.on('error', fail);
    socket.on('close', (code) => (answered === 2 * pairs ? done() : fail(new Error(`closed with ${code} after ${answered}`))));
    socket.on('message', (data) => {
      const text = String(data);
      if (text.startsWith('{"type":"error"')) return fail(new Error(text));
      if (!text.startsWith('{"type":"joined","id"') && !text.startsWith('{"type":"left","id"')) return;
      answered++;
      if (answered === 2 * pairs) socket.close(1000);
      else more();
    });
  });
}

/** All metrics of a moment in which only the watcher and the one that asks are connected, and no room is left. */
async function quiet(server) {
  let all;
  await until(async () => {
    all = await server.metrics();
    return all.get('plenum_connections') === 2 && all.get('plenum_rooms') === 0;
  }, () => `quiet; there are ${all.get('plenum_connections')} connections and ${all.get('plenum_rooms')} rooms`);
  return all;
}

for (const [what, bin, total] of [['release', RELEASE, 100_000], ['with sanitizers', PLENUM, 10_000]]) {
  test(`D7: ${total} joins and leaves, ${what}`, async (t) => {
    const server = await startServer(t, { bin, flags: ['--server.shards=2', '--rooms.grace_s=0', '--rooms.member_grace_s=0'] });
    const watcher = await Native.open(server);
    const connections = 20;
    const rooms = Array.from({ length: 50 }, (_, i) => `room ${i}`);
    const round = (joins) => within(Promise.all(Array.from({ length: connections }, (_, i) =>
      churn(server.ws, [...rooms.slice(i), ...rooms.slice(0, i)], joins / connections))), 'the churn', 120_000);

    await round(total / 10);   // warm: pools and tables have their size
    const before = await quiet(server);
    const rss = server.rss;
    await round(total);
    const after = await quiet(server);
    for (const gauge of GAUGES) assert.equal(after.get(`plenum_${gauge}`), before.get(`plenum_${gauge}`), gauge);
    const grown = after.get('plenum_memory_used_bytes') - before.get('plenum_memory_used_bytes');
    assert.ok(grown <= SLACK, `memory used moved by ${grown} bytes`);
    if (bin === RELEASE) assert.ok(server.rss - rss < 2048, `resident memory grew by ${server.rss - rss} KiB`);
    const commands = (page) => page.get('plenum_commands_total{type="join"}') + page.get('plenum_commands_total{type="leave"}');
    assert.ok(commands(after) - commands(before) >= 2 * total);
    await watcher.join('room 1');
    await watcher.say('room 1', 'still here');
  });
}

test('connections come and go with their rooms, politely and not', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=2', '--rooms.grace_s=0', '--rooms.member_grace_s=0'] });
  const watcher = await Native.open(server);
  const round = async () => {
    const crowd = await openMany(server, 250);
    await Promise.all(crowd.flatMap((c, i) => [0, 1, 2].map((r) => c.join(`r${(i * 3 + r) % 40}`))));
    await Promise.all(crowd.map((c, i) => (i % 2 ? c.close() : (c.cut(), within(c.ended, 'the cut')))));
    return { all: await quiet(server), rss: server.rss };
  };
  await round();
  const before = await round();
  for (let i = 0; i < 6; i++) await round();
  const after = await round();
  for (const gauge of GAUGES) assert.equal(after.all.get(`plenum_${gauge}`), before.all.get(`plenum_${gauge}`), gauge);
  const grown = after.all.get('plenum_memory_used_bytes') - before.all.get('plenum_memory_used_bytes');
  assert.ok(grown <= SLACK, `memory used moved by ${grown} bytes`);
  assert.ok(after.rss - before.rss < 3072, `resident memory grew by ${after.rss - before.rss} KiB`);
  await until(() => watcher.closed === null, 'the watcher');
});
