// SPDX-License-Identifier: Apache-2.0
//
// What the claim `caps` says of the server: exactly its words, for who is connected; and a claim that is silent about it makes the
// rooms that it lets into, and no more.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Native, PLENUM, startServer } from '../e2e/support.mjs';

const SECRET = 'a secret of this test, long enough for HS256';
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function mint(claims) {
  const input = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ exp: Math.floor(Date.now() / 1000) + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

test('caps.server: create, direct and rooms, each by its name', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'], env: { PLENUM_AUTH_SECRET: SECRET } });
  const guest = await Native.open(server);
  await guest.join('there');
  const all = { '**': ['join', 'publish'] };
  let i = 0;
  for (const [caps, words] of [
    [undefined, ['create', 'direct', 'rooms']],
    [{}, []],
    [{ rooms: all }, ['create']],
    [{ rooms: all, server: [] }, []],
    [{ rooms: all, server: ['create'] }, ['create']],
    [{ rooms: all, server: ['direct', 'publish', 'ban'] }, ['direct']],
    [{ rooms: all, server: ['rooms'] }, ['rooms']],
    [{ rooms: all, server: ['rooms', 'direct', 'create'] }, ['create', 'direct', 'rooms']],
  ]) {
    const who = await Native.open(server, { token: mint({ sub: `u${++i}`, caps }) });
    if (caps === undefined || caps.rooms) await who.join('there');
    const tried = {
      create: () => who.join(`new ${i}`),
      direct: () => who.ask({ type: 'direct', to: guest.user, data: i }),
      rooms: () => who.ask({ type: 'rooms', prefix: 'new' }),
    };
    for (const [word, ask] of Object.entries(tried)) {
      const error = await ask().then(() => null, (e) => e);
      if (words.includes(word)) assert.equal(error, null, `${JSON.stringify(caps)} gives ${word}`);
      else assert.equal(error?.code, 'forbidden', `${JSON.stringify(caps)} does not give ${word}`);
      if (error) assert.match(error.reply.message, caps.rooms ? new RegExp(`\`${word}\` in \`caps\\.server\``) : /`(join|direct|rooms)`/);
    }
    const { rooms } = await guest.ask({ type: 'rooms', prefix: `new ${i}` });
    assert.equal(rooms.length, words.includes('create') ? 1 : 0);
    who.cut();
  }
  assert.deepEqual(guest.of('direct').map((m) => m.data), [1, 6, 8]);
});

test('auth.guest_caps: what guests may, by name, also after a resume; a reload changes it; a token is not held to it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plenum-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'c.yaml');
  const write = (caps) => writeFileSync(file, `auth:\n  guest_caps: ${caps}\nrooms:\n  rules:\n    - {match: "kept-*", access: token}\n`);
  write('{rooms: {lobby: [join, publish], "hall-*": [join], "kept-*": [join]}, server: [create]}');
  const server = await startServer(t, { flags: ['-c', file], env: { PLENUM_AUTH_SECRET: SECRET } });
  assert.match(server.stdout, /what auth\.guest_caps gives/);
  const forbidden = async (asked, words) => assert.rejects(asked, (e) => e.code === 'forbidden' && words.test(e.reply.message));
  const trial = async (who) => {
    await who.join('lobby');
    await who.ask({ type: 'message', room: 'lobby', data: 1 });
    await who.join('hall-1');
    await forbidden(who.ask({ type: 'message', room: 'hall-1', data: 1 }), /`publish` in the room, which guests here do not have/);
    await forbidden(who.join('elsewhere'), /`elsewhere`, and guests here do not have it/);
    await forbidden(who.join('kept-1'), /not for guests/);
    await forbidden(who.ask({ type: 'rooms' }), /`rooms` .* guests here do not have/);
    await forbidden(who.ask({ type: 'direct', to: 'ada', data: 1 }), /`direct` .* guests here do not have/);
  };
  const guest = await Native.open(server);
  await trial(guest);
  guest.cut();
  const back = await Native.open(server, { resume: guest.welcome.resume });
  assert.equal(back.welcome.session, guest.welcome.session);
  await trial(back);
  const ada = await Native.open(server, { token: mint({ sub: 'ada' }) });
  await ada.join('elsewhere');
  write('{rooms: {lobby: [join]}}');
  server.kill('SIGHUP');
  for (let said = true; said;) // until it is taken up
    said = await back.ask({ type: 'message', room: 'lobby', data: 2 }).then(() => true, (e) => e.code !== 'forbidden');
  const shown = spawnSync(PLENUM, ['config', '--room', 'lobby', '-c', file], { encoding: 'utf8' });
  assert.match(shown.stdout, /c\.yaml:2: auth\.guest_caps: a guest may join, read, list\n/);
});

test('auth.guest_caps: what is wrong with it is said, with its place', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plenum-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'c.yaml');
  for (const [caps, why] of [
    ['{rooms: {lobby: [fly]}}', /rights that are refused \(There is no right `fly` in a room;/],
    ['{room: {lobby: [join]}}', /`caps` has a key `room`/],
    ['{rooms: {lobby: join}}', /rights that are refused/],
    ['{rooms: {a: [join], a: [publish]}}', /refused|twice/],
    ['{rooms: {a: [[join]]}}', /got a mapping with something else in it, expected rights like/],
    ['{rooms: {[a]: [join]}}', /got a mapping with something else in it/],
    ['{rooms: {a: [[[join]]]}}', /got a mapping with something else in it, expected rights like/],
    ['{rooms: {a: [*b]}}', /expected/],
    ['[join]', /got a list, expected rights like/],
    ['5', /got "5", expected rights like/],
    ['"{\\"rooms\\":"', /expected rights like/],
    [`{rooms: {"${'x'.repeat(1000)}": [join]}}`, /got a longer one, expected rights like/],
  ]) {
    writeFileSync(file, `auth:\n  guest_caps: ${caps}\n`);
    const checked = spawnSync(PLENUM, ['check-config', file], { encoding: 'utf8' });
    assert.notEqual(checked.status, 0, caps);
    const said = checked.stdout + checked.stderr;
    assert.match(said, /c\.yaml:2: /, said);
    assert.match(said, why, said);
  }
  const flag = spawnSync(PLENUM, ['config', '--effective', '--auth.guest_caps={"rooms":{"a":["join"]}}'], { encoding: 'utf8' });
  assert.match(flag.stdout, /guest_caps: \{"rooms":\{"a":\["join"\]\}\}/);
});
