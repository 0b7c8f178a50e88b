// SPDX-License-Identifier: Apache-2.0
//
// Rules of rooms, as an operator writes them into a file: what holds in which room, what `plenum config --room` says of it, and
// that a reload brings new ones to rooms that are there.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, Nc, RELEASE, run, startServer, until } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-rules-'));
after(() => rmSync(folder, { recursive: true }));
function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const RULES = `
rooms:
  rules: # first match wins
    - {match: "team-*", access: token, host: first, members_max: 50, slow_policy: disconnect}
    - {match: "small/**", members_max: 2, log_entries: 3, echo: true}
    - match: news
      presence: none
      listed: false
`;

test('each room is as its rule says', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: ['-c', file('rules.yaml', RULES), '--server.shards=2'] });
  const [ada, bob, eve] = [await Native.open(server), await Native.open(server), await Native.open(server)];

  await assert.rejects(ada.join('team-red'), { code: 'forbidden', message: /`team-red` is not for guests; say hello with a token/ });
  await ada.join('team-red/plans'); // a star stands for a part of a segment

  await ada.join('small/talk');
  await bob.join('small/talk');
  await assert.rejects(eve.join('small/talk'), { code: 'room_full' });
  for (let i = 1; i <= 8; i++) await ada.say('small/talk', i);
  await until(() => ada.data('small/talk').length === 8, 'its own words');
  await bob.leave('small/talk');
  assert.equal((await eve.join('small/talk', { history: 100 })).members_count, 2);
  await eve.say('small/talk', 'end');
  await until(() => eve.data('small/talk').at(-1) === 'end', 'the end');
  assert.deepEqual(eve.data('small/talk'), [6, 7, 8, 'end']);

  await ada.join('news');
  await bob.join('news');
  await bob.leave('news');
  await bob.join('news');
  await bob.say('news', 'hear ye');
  await until(() => ada.data('news').length === 1, 'the news');
  assert.deepEqual(ada.passing('news'), []);
  assert.deepEqual(bob.data('news'), []);
  const names = (await ada.ask({ type: 'rooms' })).rooms.map((row) => row.room);
  assert.deepEqual(names, ['small/talk', 'team-red/plans']);

  const nc = new Nc(t, server);
  await nc.sees(/you are /);
  nc.type('/join team-blue');
  await nc.sees(/team-blue.* is not for guests/);
});

test('a reload brings rules to rooms that are there, and a mistake in one changes nothing', async (t) => {
  const path = file('reload.yaml', 'rooms:\n  rules: []\n');
  const server = await startServer(t, { bin: RELEASE, flags: ['-c', path, '--server.shards=2'] });
  const [ada, bob] = [await Native.open(server), await Native.open(server)];
  await ada.join('hall');

  file('reload.yaml', 'rooms:\n  rules:\n    - {match: hall, access: token, echo: true}\n');
  server.kill('SIGHUP');
  await until(() => /event=reloaded changed=1/.test(server.stderr), 'the reload');
  assert.match(server.stderr, /event=setting_changed key=rooms\.rules old=\[\] new="\[\{match: \\"hall\\", access: token, echo: true\}\]"/);
  await ada.say('hall', 'heard');
  await until(() => ada.data('hall').length === 1, 'its own word');
  await assert.rejects(bob.join('hall'), { code: 'forbidden' });

  file('reload.yaml', 'rooms:\n  rules:\n    - {match: hall, acess: open}\n');
  server.kill('SIGHUP');
  await until(() => /event=reload_rejected/.test(server.stderr), 'the refusal');
  assert.match(server.stderr, /reload\.yaml:3: rooms\.rules\[0\]\.acess: got an unknown key, expected match, .* \(did you mean access\?\)/);
  await assert.rejects(bob.join('hall'), { code: 'forbidden' });

  file('reload.yaml', 'rooms:\n  rules:\n    - {match: hall, members_max: 2}\n');
  server.kill('SIGHUP');
  await until(() => server.lines.filter((line) => /event=reloaded changed=1/.test(line)).length === 2, 'the reload');
  await bob.join('hall');
  await ada.say('hall', 'not heard');
  await until(() => bob.data('hall').length === 1, 'the word');
  assert.deepEqual(ada.data('hall'), ['heard']);
});

test('plenum config --room says which rule a room gets, and why', async () => {
  const path = file('room.yaml', RULES);
  const said = await run(RELEASE, ['config', '--room', 'small/talk', '-c', path, '--rooms.echo=false']);
  assert.equal(said.code, 0, said.stderr);
  assert.equal(said.stdout.split('\n\n')[0], [
    'room "small/talk"',
    `${path}:4: rooms.rules[0]: match "team-*" does not match`,
    `${path}:5: rooms.rules[1]: match "small/**" matches: this is its rule`,
  ].join('\n'));
  assert.match(said.stdout, new RegExp(`^members_max +2 users +${path}:5: rooms\\.rules\\[1\\]\\.members_max$`, 'm'));
  assert.match(said.stdout, new RegExp(`^echo +true +${path}:5: rooms\\.rules\\[1\\]\\.echo$`, 'm'));
  assert.match(said.stdout, /^access +open +rooms\.access \(default\)$/m);
  const none = await run(RELEASE, ['config', '--room', '', '-c', path]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^plenum config: --room: got nothing, expected a room name /);
});

test('what would need a store is refused at start, and memory is what there is', async (t) => {
  const missing = 'expected memory: no store is configured; rooms are kept in memory in this version\n';
  const all = file('disk.yaml', 'rooms:\n  durability: disk\n');
  const one = file('async.yaml', 'rooms:\n  rules:\n    - {match: "kept/*", durability: async}\n');
  for (const [path, said] of [[all, `${all}:2: rooms.durability: got disk, `], [one, `${one}:3: rooms.rules[0].durability: got async, `]])
    for (const args of [['serve', '-c', path], ['check-config', path], ['config', '--effective', '-c', path], ['config', '--room', 'kept/a', '-c', path]]) {
      const refused = await run(RELEASE, args);
      assert.deepEqual([refused.code, refused.stdout, refused.stderr], [2, '', said + missing], args[0]);
    }
  const flag = await run(RELEASE, ['serve', '--rooms.durability=disk']);
  assert.deepEqual([flag.code, flag.stderr], [2, `--rooms.durability: got disk, ${missing}`]);
  const variable = await run(RELEASE, ['serve'], { env: { PLENUM_ROOMS_DURABILITY: 'async' } });
  assert.deepEqual([variable.code, variable.stderr], [2, `PLENUM_ROOMS_DURABILITY: got async, ${missing}`]);

  const path = file('memory.yaml', 'rooms:\n  rules:\n    - {match: "kept/*", durability: memory}\n');
  const kept = await run(RELEASE, ['config', '--room', 'kept/a', '-c', path]);
  assert.match(kept.stdout, new RegExp(`^durability +memory +${path}:3: rooms\\.rules\\[0\\]\\.durability$`, 'm'));
  assert.match((await run(RELEASE, ['config', '--room', 'other', '-c', path])).stdout, /^durability +memory +rooms\.durability \(default\)$/m);
  // A reload that asks for one changes nothing.
  const server = await startServer(t, { flags: ['-c', path] });
  file('memory.yaml', 'rooms:\n  members_max: 1\n  durability: disk\n');
  server.kill('SIGHUP');
  await until(() => server.lines.some((line) => /rooms\.durability: got disk, /.test(line)), 'the refusal');
  for (let i = 0; i < 2; i++) await (await Native.open(server)).join('r');
});

test('a file with mistakes in rows starts nothing, and names each of them', async () => {
  const path = file('wrong.yaml', 'rooms:\n  rules:\n    - {match: a***, access: opn}\n    - {name: b, members_max: 0}\n');
  const wrong = await run(RELEASE, ['serve', '-c', path]);
  assert.equal(wrong.code, 2);
  assert.deepEqual(wrong.stderr.trimEnd().split('\n').map((line) => line.replace(/, expected.*/, '')), [
    `${path}:3: rooms.rules[0].match: got "a***"`,
    `${path}:3: rooms.rules[0].access: got "opn"`,
    `${path}:4: rooms.rules[1].members_max: got "0"`,
  ]);
});
