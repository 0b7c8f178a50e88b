// SPDX-License-Identifier: Apache-2.0
//
// GET /health of a running server: what it says of shards and helpers is so, it answers to whoever may ask for `info`, it has nothing of
// what people write, and it says when the server leaves.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Native, startServer, until } from './support.mjs';

const KEY = 'a key of this test';

async function start(t, { flags = [], config, env } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-health-'));
  t.after(() => rmSync(folder, { recursive: true }));
  if (config) writeFileSync(join(folder, 'plenum.yaml'), config);
  const server = await startServer(t, { env, flags: ['--server.admin=127.0.0.1:0', '--server.shards=2', ...(config ? ['-c', join(folder, 'plenum.yaml')] : []), ...flags.map((f) => f.replace('FOLDER', folder))] });
  const url = `http://${/ admin=(127\.0\.0\.1:\d+)/.exec(server.stdout)[1]}`;
  const health = async (headers = {}) => {
    const response = await fetch(`${url}/health`, { headers });
    const text = await response.text();
    return { status: response.status, type: response.headers.get('content-type'), text, body: JSON.parse(text) };
  };
  return { server, url, health };
}

test('numbers are those of the shards, and nothing in it is what somebody has written', async (t) => {
  const { server, health } = await start(t);
  const people = await Promise.all(Array.from({ length: 12 }, (_, i) => Native.open(server, { name: `name-${i}-of-somebody` })));
  t.after(() => people.forEach((p) => p.cut()));
  for (const [i, p] of people.entries()) { await p.join('room-of-all'); await p.join(`room-${i % 3}`); }
  for (const p of people) await p.say('room-of-all', { text: 'words-of-somebody' });
  const { status, type, text, body } = await health();
  assert.deepEqual([status, type, body.status], [200, 'application/json', 'ready']);
  const sum = (key) => body.shards.reduce((n, shard) => n + shard[key], 0);
  assert.equal(body.shards.length, 2);
  assert.deepEqual(body.shards.map((s) => s.shard), [0, 1]);
  assert.deepEqual([sum('sessions'), sum('rooms'), sum('members'), sum('memberships')], [12, 4, 24, 24]);
  for (const key of ['connections', 'sessions', 'rooms', 'members', 'memberships', 'log_bytes']) assert.equal(sum(key), body.totals[key], key);
  assert.ok(body.totals.entries >= 12 && body.totals.connections >= 12, text);
  assert.ok(body.time >= body.started && Math.abs(body.time - Date.now()) < 60_000 && body.since === body.started, text);
  assert.ok(body.memory.used_bytes > 0 && body.memory.used_bytes <= body.memory.budget_bytes && body.memory.resident_bytes > 0, text);
  assert.deepEqual(body.limits.map((l) => l.limit), ['connections', 'rooms', 'memory', 'open_files', 'revocations']);
  for (const l of body.limits) assert.ok(l.used <= l.max, `${l.limit}: ${l.used} of ${l.max}`);
  for (const s of body.shards) assert.ok(s.turns > 0 && s.mail >= 0 && s.busy_percent <= 100 && s.turn_ms < 10_000 && typeof s.doing === 'string', JSON.stringify(s));
  assert.doesNotMatch(text, /somebody|room-/);
  assert.deepEqual(body.warnings.map((w) => w.warning), ['api_without_key']);
});

test('who may ask for `info` may ask for it', async (t) => {
  const { server, health, url } = await start(t, { env: { PLENUM_API_KEY: KEY } });
  assert.equal((await health()).status, 401);
  assert.equal((await health({ authorization: 'Bearer something else' })).status, 401);
  const { status, text, body } = await health({ authorization: `Bearer ${KEY}` });
  assert.deepEqual([status, body.warnings], [200, []]);
  assert.ok(!text.includes(KEY));
  for (const path of ['/health', '/admin/whoami']) assert.equal((await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } })).status, 404);
  const who = await (await fetch(`${url}/admin/whoami`, { headers: { 'x-api-key': KEY } })).json();
  assert.equal(who.by, 'key');
  assert.ok(who.rights.includes('info') && who.rights.includes('disconnect'));
});

test('keys that cannot be fetched, and the audit', async (t) => {
  const config = 'auth:\n  issuers:\n    - {name: main, jwks_url: "http://127.0.0.1:9/keys", issuer: "https://main/"}\n';
  const { health } = await start(t, { config, flags: ['--audit.file=FOLDER/audit.log'] });
  let body;
  await until(async () => ({ body } = await health()).body.keys[0]?.failures > 0, () => JSON.stringify(body.keys));
  const [keys] = body.keys;
  assert.deepEqual([keys.issuer, keys.known, keys.keys], ['main', false, 0]);
  assert.match(keys.failure, /\w/);
  assert.ok(keys.last_fetch_ms >= 0 && keys.age_ms === undefined, JSON.stringify(keys));
  assert.ok(body.warnings.some((w) => w.warning === 'keys_failed'));
  assert.ok(body.audit.on && body.audit.missing === 0 && body.audit.seq >= 1, JSON.stringify(body.audit));
  assert.deepEqual(body.verifiers.map((v) => v.waiting), body.verifiers.map(() => 0));
  assert.ok(body.verifiers.length >= 1);
});

test('it says when the server leaves, and since when', async (t) => {
  const { server, health } = await start(t, { flags: ['--drain.readiness_s=20'] });
  const before = await health();
  assert.equal(before.body.status, 'ready');
  server.kill('SIGTERM');
  let body;
  await until(async () => ({ body } = await health()).body.status === 'draining', () => JSON.stringify(body));
  assert.ok(body.since >= before.body.time - 1 && body.since <= body.time + 1, JSON.stringify([body.since, before.body.time, body.time]));
  assert.equal((await fetch(`${server.url}/readyz`)).status, 503);
});

test('a limit that is near says so', async (t) => {
  const { server, health } = await start(t, { flags: ['--limits.connections=10'] });
  const people = await Promise.all(Array.from({ length: 8 }, (_, i) => Native.open(server, { name: `n${i}` })));
  t.after(() => people.forEach((p) => p.cut()));
  const { body } = await health();
  assert.deepEqual(body.limits.find((l) => l.limit === 'connections'), { limit: 'connections', used: 9, max: 10, near: true });
  assert.ok(body.warnings.some((w) => w.warning === 'limit_near'));
});
