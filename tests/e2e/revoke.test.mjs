// SPDX-License-Identifier: Apache-2.0
//
// Tokens that a backend revokes: who is here by one is sent away on every shard, and nobody comes in or back by one; the page's
// module goes on with the next token.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Plenum } from '../../web/plenum.js';
import { Native, RELEASE, WebSocket, parseMetrics, startServer, until, within } from './support.mjs';

const SECRET = 'a secret of this test, long enough for HS256';
const now = () => Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function mint(claims) {
  const input = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: now(), exp: now() + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

const serve = (t, flags = []) => startServer(t, { env: { PLENUM_AUTH_SECRET: SECRET }, bin: RELEASE,
  flags: ['--server.shards=2', '--auth.guests=true', ...flags] });

async function revoke(server, body) {
  const response = await fetch(`http://${server.http}/api/v1/revoke`,
    { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  return { status: response.status, body: await response.json() };
}

async function refused(server, hello) {
  const error = await Native.open(server, hello).then(() => null, (e) => e);
  return error?.code;
}

test('a user is out on all shards within a second, and does not come back by token or resume', async (t) => {
  const server = await serve(t);
  const token = mint({ sub: 'ada' });
  const hers = await Promise.all(Array.from({ length: 16 }, () => Native.open(server, { token })));
  const eve = await Native.open(server, { token: mint({ sub: 'eve' }) });
  for (const client of [...hers, eve]) await client.join('here');
  const began = performance.now();
  assert.deepEqual(await revoke(server, { user: 'ada', reason: 'lost her phone' }), { status: 200, body: {} });
  const answered = performance.now();
  const late = await Native.open(server, { token }).then(() => null, (e) => e.code);
  assert.equal(late, 'token_revoked');
  for (const client of hers) {
    const { code, reason, at } = await within(client.ended, 'the close');
    assert.deepEqual([code, reason], [1008, 'token_revoked']);
    assert.ok(at - began < 1000, `${at - began} ms, answered after ${answered - began} ms`);
  }
  assert.equal(await refused(server, { resume: hers[3].welcome.resume }), 'token_revoked');
  assert.equal(eve.closed, null);
  await eve.say('here', 'still here');
  const next = mint({ sub: 'ada', iat: now() + 1 });
  const back = await Native.open(server, { token: next, resume: hers[0].welcome.resume });
  assert.equal(back.user, 'ada');
  const metrics = parseMetrics(await (await fetch(`http://${server.http}/metrics`)).text());
  assert.equal(metrics.get('plenum_sessions_revoked_total'), 16);
  assert.equal(metrics.get('plenum_revocations'), 1);
  assert.match(server.stderr, /event=revoked shard=0 user=ada why="lost her phone" reason="a user"/);
});

test('a token by its id, all before a time, a guest; and for a while only', async (t) => {
  const server = await serve(t);
  const one = mint({ sub: 'ada', jti: 'one' }), two = mint({ sub: 'ada', jti: 'two' });
  const old = mint({ sub: 'bob', iat: now() - 100 });
  const [a, b, c, guest] = await Promise.all([{ token: one }, { token: two }, { token: old }, {}].map((h) => Native.open(server, h)));
  assert.equal((await revoke(server, { token_id: 'one' })).status, 200);
  assert.equal((await within(a.ended, 'the close')).reason, 'token_revoked');
  assert.equal((await revoke(server, { issued_before: now() - 50, seconds: 1 })).status, 200);
  assert.equal((await within(c.ended, 'the close')).reason, 'token_revoked');
  assert.equal(await refused(server, { token: old }), 'token_revoked');
  await until(async () => await refused(server, { token: old }) === undefined, 'the end of what was revoked for a second');
  assert.equal((await revoke(server, { user: guest.user })).status, 200);
  assert.equal((await within(guest.ended, 'the close')).reason, 'token_revoked');
  assert.equal(await refused(server, { resume: guest.welcome.resume }), 'token_revoked');
  assert.equal(b.closed, null);
  assert.equal((await revoke(server, {})).status, 400);
});

test('the module comes back with the token that it is given next, to where it was', async (t) => {
  const server = await serve(t);
  let iat = now(), asked = 0;
  const client = new Plenum(server.ws, { WebSocket, token: () => { asked++; return mint({ sub: 'ada', iat }); }, backoff_base_ms: 10 });
  t.after(() => client.close());
  await client.connect();
  const room = client.room('here');
  await room.join();
  await room.publish('before');
  iat = now() + 1;
  const open = new Promise((done) => client.on('session', done));
  assert.equal((await revoke(server, { user: 'ada' })).status, 200);
  const again = await within(open, 'the next session');
  assert.equal(again.user, 'ada');
  assert.ok(asked >= 2);
  await until(() => room.state === 'in', 'the room');
  await room.publish('after');
  const guest = new Plenum(server.ws, { WebSocket, backoff_base_ms: 10 });
  const over = new Promise((done) => guest.on('state', (e) => e.state === 'closed' && done(e)));
  const { user } = await guest.connect();
  assert.equal((await revoke(server, { user })).status, 200);
  assert.equal((await within(over, 'the end of the guest')).code, 'token_revoked');
});
