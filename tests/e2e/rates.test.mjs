// SPDX-License-Identifier: Apache-2.0
//
// Rates of users, addresses, rooms and their members, at the release binary with two shards, by the clock on the wall.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Native, Nc, RELEASE, SECRET, mint, startServer, until } from './support.mjs';

const token = (sub) => mint({ sub });

const start = (t, ...flags) => startServer(t, {
  bin: RELEASE, env: { PLENUM_AUTH_SECRET: SECRET },
  flags: ['--server.shards=2', '--logging.level=debug', ...flags],
});

/** Says a command so many times at once; resolves with how many were carried out, and the refusals. */
async function burst(client, count, command) {
  const replies = await Promise.allSettled(Array.from({ length: count }, () => client.ask(command)));
  const refused = replies.filter((r) => r.status === 'rejected').map((r) => r.reason.reply);
  return { done: count - refused.length, refused };
}

const total = (parts, key) => parts.reduce((sum, part) => sum + (key === 'done' ? part.done : part.refused.length), 0);

test('a user with ten connections on two shards has one rate, and nobody else feels it', async (t) => {
  const RATE = 20, BURST = 40;
  const server = await start(t, `--limits.user_commands_per_s=${RATE}`, `--limits.user_commands_burst=${BURST}`);
  const shardsOf = (sub) => server.lines.filter((line) => / event=session_started /.test(line) && line.includes(` user=${sub} `))
    .map((line) => Number(/ shard=(\d)/.exec(line)[1]));
  const ada = [];
  await until(async () => {   // the kernel puts them where it likes: at least three on each shard, ten of them in the end
    ada.push(await Native.open(server, { token: token('ada') }));
    const on = shardsOf('ada');
    return ada.length >= 10 && on.filter((s) => s === 0).length >= 3 && on.filter((s) => s === 1).length >= 3;
  }, 'connections on both shards');
  while (ada.length > 10) await ada.pop().close();
  const bob = await Native.open(server, { token: token('bob') });

  const began = performance.now();
  let done = 0, refused = 0;
  for (let round = 0; round < 4; round++) {
    const parts = await Promise.all(ada.map((one) => burst(one, 15, { type: 'ping' })));
    done += total(parts, 'done');
    refused += total(parts, 'refused');
    for (const error of parts.flatMap((part) => part.refused)) {
      assert.equal(error.code, 'rate_limited');
      assert.match(error.message, /of this user/);
      assert.ok(error.retry_ms >= 1 && error.retry_ms <= 1000, `retry_ms ${error.retry_ms}`);
    }
    assert.ok(done <= BURST + (performance.now() - began) / 1000 * RATE + 1, `${done} in ${performance.now() - began} ms`);
    assert.equal((await burst(bob, 5, { type: 'ping' })).done, 5);
    const next = performance.now() + 500;
    await until(() => performance.now() > next, 'half a second');
  }
  assert.ok(done >= BURST + 3 * RATE / 2 - 4, `only ${done} were carried out`);
  assert.equal(await server.metric('plenum_limit_hits_total{limit="user_rate"}'), refused);
});

test('an address has one rate; another address is not touched', async (t) => {
  const server = await start(t, '--limits.address_commands_per_s=10', '--limits.address_commands_burst=30');
  const here = [], there = [];
  for (let i = 0; i < 6; i++) here.push(await Native.open(server, {}, { localAddress: '127.0.0.2' }));
  there.push(await Native.open(server, {}, { localAddress: '127.0.0.3' }));
  const began = performance.now();
  const parts = await Promise.all(here.map((one) => burst(one, 10, { type: 'ping' })));
  assert.ok(total(parts, 'done') <= 24 + (performance.now() - began) / 100 + 10);
  assert.ok(total(parts, 'done') >= 24);
  assert.ok(total(parts, 'refused') >= 20);
  assert.match(parts.flatMap((part) => part.refused)[0].message, /from your address/);
  assert.equal((await burst(there[0], 20, { type: 'ping' })).done, 20);
});

test('a room has a rate, and each member in it; a rule and a reload say which', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-rates-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'plenum.yaml');
  const rules = (text) => writeFileSync(file, `rooms:\n  rules:\n${text}`);
  rules('    - {match: "busy-*", messages_per_s: 1, messages_burst: 10}\n'
    + '    - {match: hall, member_messages_per_s: 1, member_messages_burst: 3}\n');
  const server = await start(t, '-c', file);
  const people = [];
  for (const sub of ['ada', 'ada', 'bob', 'eve']) people.push(await Native.open(server, { token: token(sub) }));
  for (const one of people) for (const room of ['busy-one', 'hall', 'lobby']) await one.join(room);
  const say = (room, count) => Promise.all(people.map((one) => burst(one, count, { type: 'message', room, data: 1 })));

  const busy = await say('busy-one', 5);
  assert.ok(total(busy, 'done') >= 10 && total(busy, 'done') <= 13, `${total(busy, 'done')}`);
  assert.match(busy.flatMap((part) => part.refused)[0].message, /More is said in the room `busy-one`/);
  const hall = await say('hall', 4);
  assert.ok(hall[0].done + hall[1].done >= 3 && hall[0].done + hall[1].done <= 5, 'both of one user');
  for (const one of [hall[2], hall[3]]) assert.ok(one.done >= 3 && one.done <= 4);
  assert.match(hall.flatMap((part) => part.refused)[0].message, /You say more in the room `hall`/);
  assert.equal(total(await say('lobby', 5), 'done'), 20);
  assert.ok(await server.metric('plenum_limit_hits_total{limit="room_rate"}') >= 7);
  assert.ok(await server.metric('plenum_limit_hits_total{limit="member_rate"}') >= 7);

  // Somebody at a terminal is told so, too.
  const nc = new Nc(t, server);
  await nc.sees('* joined lobby, 4 members');
  nc.type('/join hall');
  await nc.sees('* joined hall, 4 members');
  for (let i = 0; i < 5; i++) nc.type(`line ${i}`);
  await nc.sees(/^\* error rate_limited: You say more in the room `hall` than one may at once; wait a moment\. Try again in \d+ ms\.$/);

  rules('    - {match: hall, messages_per_s: 1000000, messages_burst: 1000000}\n');
  server.kill('SIGHUP');
  await until(async () => total(await say('hall', 4), 'done') === 16, 'the rule without a rate');
  assert.equal(total(await say('busy-one', 5), 'done'), 20);
});

test('who goes on in spite of it is closed, and nobody else', async (t) => {
  const server = await start(t, '--rooms.messages_per_s=1', '--rooms.messages_burst=1');
  const [loud, quiet] = [await Native.open(server), await Native.open(server)];
  for (const one of [loud, quiet]) await one.join('r');
  await until(() => {
    for (let i = 0; i < 20 && !loud.closed; i++) loud.send({ type: 'message', room: 'r', data: 1 });
    return loud.closed;
  }, 'the end of who pushes');
  assert.equal(loud.closed.code, 1008);
  await quiet.ask({ type: 'ping' });
  await until(() => quiet.ask({ type: 'message', room: 'r', data: 2 }).then(() => true, (error) => {
    assert.equal(error.code, 'rate_limited');
    return false;
  }), 'a word of who waits');
});

test('a user has so many connections over both shards, and one that goes makes place', async (t) => {
  const server = await start(t, '--limits.sessions_per_user=4');
  const ada = [];
  for (let i = 0; i < 4; i++) ada.push(await Native.open(server, { token: token('ada') }));
  await Native.open(server, { token: token('bob') });
  for (let i = 0; i < 6; i++) {
    const refused = await Native.open(server, { token: token('ada') }).then(() => null, (error) => error);
    assert.equal(refused?.code, 'limit_reached');
  }
  const back = await Native.open(server, { token: token('ada'), resume: ada[0].welcome.resume });
  assert.equal(back.welcome.session, ada[0].welcome.session);
  await ada[1].close();
  await until(() => Native.open(server, { token: token('ada') }).then(() => true, () => false), 'a place');
  assert.ok(await server.metric('plenum_limit_hits_total{limit="sessions"}') >= 6);
});
