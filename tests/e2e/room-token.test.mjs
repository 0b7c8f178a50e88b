// SPDX-License-Identifier: Apache-2.0
//
// Tokens of rooms, against the real server: invitations made on the command line, what they open, narrow and grant, how they end and
// are refreshed, and what a session that comes back has of them.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, PLENUM, WebSocket, root, run, startServer, until } from './support.mjs';

const SECRET = 'a secret of this test, long enough for HS256';
const folder = mkdtempSync(join(tmpdir(), 'plenum-room-token-'));
after(() => rmSync(folder, { recursive: true }));
const now = () => Date.now() / 1000;
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function mint(claims, secret = SECRET) {
  const input = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ exp: now() + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
const invite = (room, words = ['join', 'publish'], more = {}) => mint({ caps: { rooms: { [room]: words } }, ...more });

async function started(t, ...flags) {
  const yaml = join(folder, `${Math.random()}.yaml`);
  writeFileSync(yaml, 'rooms:\n  rules:\n    - {match: "party*", access: invite}\n    - {match: "club*", access: token, host: token}\n');
  return startServer(t, { flags: ['-c', yaml, '--server.shards=2', ...flags], env: { PLENUM_AUTH_SECRET: SECRET } });
}
const refusal = (reply) => reply.then(() => assert.fail('it was let in'), (e) => e.reply);

test('an invitation from the command line lets a guest into a room, and into no other', async (t) => {
  const server = await started(t);
  const made = await run(PLENUM, ['token', '--secret', SECRET, '--caps', '{"rooms":{"party":["join","publish"]}}', '--ttl', '5m']);
  assert.equal(made.code, 0, made.stderr);
  const token = made.stdout.trim();
  assert.ok(!('sub' in JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))));
  const seen = await run(PLENUM, ['token', 'inspect', token, '--secret', SECRET]);
  assert.equal(seen.code, 0);
  assert.match(seen.stdout, /^accepted with the join of a room, from whoever brings it, by the HS256 key of --secret$/m);
  const bare = await run(PLENUM, ['token', 'inspect', mint({}), '--secret', SECRET]);
  assert.equal(bare.code, 1);
  for (const args of [['--ttl', '5m'], ['--sub', 'guest-x']]) {
    assert.equal((await run(PLENUM, ['token', '--secret', SECRET, ...args])).code, 2, args.join(' '));
  }

  const guest = await Native.open(server);
  assert.equal((await refusal(guest.join('party'))).code, 'forbidden');
  assert.equal((await refusal(guest.join('party 2', { token }))).code, 'forbidden');
  assert.equal((await guest.join('party', { token })).role, 'member');
  await guest.say('party', 'here I am');
  assert.equal((await refusal(Native.open(server, { token }))).code, 'unauthorized');   // it is nobody's session
  const other = await Native.open(server);
  await other.join('party', { token });
  await other.hears((m) => m.type === 'member:joined' || m.room === 'party');
});

test('what it says stands in the place of what the session says', async (t) => {
  const server = await started(t);
  const ada = await Native.open(server, { token: mint({ sub: 'ada', caps: { rooms: { '**': ['join', 'publish'] } } }) });
  const guest = await Native.open(server);
  await guest.join('open');
  await ada.join('open', { token: invite('open', ['join'], { sub: 'ada' }) });
  assert.equal((await refusal(ada.say('open', 1))).code, 'forbidden');
  await ada.leave('open');
  assert.equal((await ada.join('open', { token: invite('open', ['host']) })).role, 'host');
  await ada.ask({ type: 'kick', room: 'open', user: guest.user });
  assert.equal((await guest.hears('left')).reason, 'kicked');
  assert.equal((await guest.join('club', { token: invite('club', ['host'], { sub: guest.user }) })).role, 'host');
  assert.equal((await ada.join('club')).role, 'member');
  const switched = await ada.ask({ type: 'switch', from: 'club', to: 'party', token: invite('party') });
  assert.deepEqual([switched.room, switched.left], ['party', 'club']);
  for (const [token, code] of [
    [invite('x', ['join'], { sub: 'bob' }), 'unauthorized'],
    [mint({ sub: 'ada', caps: { rooms: { x: ['join'] } } }, `${SECRET}!`), 'unauthorized'],
    [invite('x', ['join'], { exp: now() - 60 }), 'token_expired'],
    [mint({}), 'unauthorized'],
    ['nonsense', 'unauthorized'],
    [invite('y'), 'forbidden'],
  ]) {
    const reply = await refusal(ada.join('x', { token }));
    assert.equal(reply.code, code, reply.message);
    assert.ok(!reply.message.includes(token));
  }
  await ada.join('x');   // its session is what it was
});

test('it ends, and the membership with it; a refresh goes on', async (t) => {
  const server = await started(t, '--auth.expiry_grace_s=1', '--auth.leeway_s=0');
  const guest = await Native.open(server), stays = await Native.open(server);
  await guest.join('open');
  const short = () => invite('party', ['join', 'publish'], { exp: now() + 2 });
  await Promise.all([guest.join('party', { token: short() }), stays.join('party', { token: short() })]);
  const told = await stays.hears('token_expiring');
  assert.equal(told.room, 'party');
  const ack = await stays.ask({ type: 'refresh', room: 'party', token: invite('party') });
  assert.ok(ack.expires_in > 290 && ack.expires_in <= 300 && !('resume' in ack) && ack.room === 'party');
  const { at, ...left } = await guest.hears('left');
  assert.deepEqual(left, { type: 'left', room: 'party', reason: 'expired' });
  await stays.hears((m) => m.type === 'member:left' && m.member.user === guest.user);
  await guest.say('open', 'still here');
  await stays.say('party', 'so am I');
  assert.equal((await refusal(guest.say('party', 1))).code, 'not_member');
  assert.equal((await server.metrics()).get('plenum_room_tokens_expired_total'), 1);

  stays.cut();
  const back = await Native.open(server, { resume: stays.welcome.resume });
  assert.equal((await refusal(back.join('party'))).code, 'forbidden');
  await back.join('party', { token: invite('party') });
});

test('the module brings it again with each join, and the next one before it ends', async (t) => {
  const server = await started(t, '--auth.expiry_grace_s=1', '--auth.leeway_s=0');
  const source = readFileSync(join(root, 'web/plenum.js')).toString('base64');
  const { Plenum } = await import(`data:text/javascript;base64,${source}`);
  const client = new Plenum(server.ws, { WebSocket });
  t.after(() => client.close());
  let asked = 0;
  const left = [], told = [];
  client.room('party').on('left', (m) => left.push(m));
  client.room('party 2').on('left', (m) => left.push(m));
  client.on('token_expiring', (m) => told.push(m));
  await client.connect();
  await client.join('party', { token: () => invite('party', ['join', 'publish'], { exp: now() + 2 + 300 * asked++ }) });
  await client.join('party 2', { token: invite('party 2', ['join'], { exp: now() + 2 }) });
  await until(() => left.length === 1, 'the end of the one that nobody refreshes');
  assert.deepEqual([left[0].room, left[0].reason], ['party 2', 'expired']);
  assert.equal(asked, 2);
  await client.publish('party', 'still here');
  assert.deepEqual(told, []);   // its session has no token
});
