// SPDX-License-Identifier: Apache-2.0
//
// Memory comes back: ten seconds after a peak the process holds what is booked, and a quarter of it. The release binary
// runs here, as sanitizers keep freed memory on purpose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, RELEASE, openMany, startServer, until } from './support.mjs';

const PATIENCE_MS = 10_000;
const PROCESS_KIB = 1280;   // what the process has grown by that is nobody's memory: code touched, stacks, allocator

/** Booked bytes and resident ones, in KiB. */
async function memory(server) {
  return { booked: (await server.metric('plenum_memory_used_bytes')) / 1024, resident: server.rss };
}

/** Waits until what came on top of `before` is little, and resident memory is what is booked, give or take a quarter. */
async function comesBack(t, server, before, peak, booked_kib) {
  let now;
  const start = performance.now();
  await until(async () => {
    now = await memory(server);
    return now.booked - before.booked <= booked_kib &&
      now.resident <= before.resident + PROCESS_KIB + 1.25 * Math.max(0, now.booked - before.booked);
  }, () => `memory to come back: before ${JSON.stringify(before)}, peak ${JSON.stringify(peak)}, now ${JSON.stringify(now)} KiB`,
  PATIENCE_MS);
  t.diagnostic(`KiB before ${JSON.stringify(before)}, peak ${JSON.stringify(peak)}, ` +
    `${Math.round(performance.now() - start)} ms later ${JSON.stringify(now)}`);
}

test('200 MiB of unread direct messages', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=2', '--limits.reply_bytes=16777216',
    '--server.memory_mb=512', '--rooms.member_grace_s=0'] });
  const speaker = await Native.open(server);
  const readers = await openMany(server, 14);
  const before = await memory(server);
  const data = 'x'.repeat(60_000);
  for (const client of readers) {
    client.socket.pause();
    for (let i = 0; i < 260; i++) speaker.send({ type: 'direct', to: client.user, data });
    await speaker.ask({ type: 'direct', to: client.user, data });
  }
  await until(async () => (await memory(server)).booked > 190 * 1024, 'messages to pile up');
  const peak = await memory(server);
  assert.ok(peak.resident - before.resident > 0.9 * (peak.booked - before.booked), JSON.stringify({ before, peak }));
  for (const client of readers) client.cut();
  await server.settles('plenum_connections', 2);   // the speaker, and who asks
  await comesBack(t, server, before, peak, 400);   // the shards' working buffers have seen long messages
});

test('20,000 rooms that are over', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=1', '--rooms.per_connection_max=4096',
    '--limits.address_rooms_percent=100', '--rooms.grace_s=1', '--rooms.member_grace_s=0', '--server.memory_mb=512'] });
  const makers = await openMany(server, 5);
  await makers[0].join('talk');
  const before = await memory(server);
  await Promise.all(makers.map(async (client, who) => {
    for (let i = 0; i < 4000; i++) {
      client.send({ type: 'join', room: `room ${who} ${i}` });
      client.send({ type: 'message', room: `room ${who} ${i}`, data: 1 });
    }
    await client.ask({ type: 'ping' }, 60_000);   // answered when all of it is done
  }));
  await server.settles('plenum_rooms', 20_001, 60_000);
  const peak = await memory(server);
  assert.ok(peak.booked - before.booked > 20 * 1024, JSON.stringify(peak));
  for (const client of makers.slice(1)) client.cut();
  for (let i = 0; i < 4000; i++) makers[0].send({ type: 'leave', room: `room 0 ${i}` });
  await server.settles('plenum_rooms', 1, 60_000);
  await comesBack(t, server, before, peak, 512);
});

test('10,000 members who have departed', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['--server.shards=2', '--rooms.member_grace_s=15',
    '--rooms.grace_s=1', '--server.memory_mb=512'] });
  const watcher = await Native.open(server);
  await watcher.join('big');
  const warm = await openMany(server, 100);
  await Promise.all(warm.map((client) => client.join('big')));
  const before = await memory(server);
  let most = 0;
  for (let round = 0; round < 50; round++) {
    const crowd = await openMany(server, 200);
    await Promise.all(crowd.map((client) => client.join('big')));
    most = Math.max(most, await server.metric('plenum_members'));
    for (const client of crowd) client.cut();
  }
  const peak = await memory(server);
  assert.ok(most > 3000, `${most} members at most`);
  await server.settles('plenum_members', 101, 60_000);
  await comesBack(t, server, before, peak, 256);
});
