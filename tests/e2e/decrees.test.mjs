// SPDX-License-Identifier: Apache-2.0
//
// A host at a terminal, somebody in a program, and the JavaScript module: the same decrees for all of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, Nc, WebSocket, root, startServer, until } from './support.mjs';

const { Plenum } = await import(`${root}/web/plenum.js`);

test('a host at a terminal keeps order over two shards', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--rooms.host=first'] });
  const ada = new Nc(t, server);
  await ada.sees('* joined lobby, 1 member');
  ada.type('/nick Ada');
  await ada.sees('* you are now Ada');
  const eve = new Nc(t, server);
  await eve.sees('* joined lobby, 2 members');
  eve.type('/nick Eve');
  await eve.sees('* you are now Eve');
  const bob = await Native.open(server, { name: 'Bob' });
  await bob.join('lobby');

  eve.type('/kick Bob');
  await eve.sees(/^\* error forbidden: This needs the right `kick` in the room, which a `member` does not have\.$/);
  ada.type('/mute Bob 10m too loud');
  for (const reader of [ada, eve]) await reader.sees('* Bob was muted by Ada for 10 minutes (too loud)');
  await until(() => bob.heard.some((m) => m.type === 'member:muted' && m.reason === 'too loud'), 'the mute');
  ada.type('/unmute Bob');
  await eve.sees('* Bob may speak again, unmuted by Ada');
  ada.type('/kick Bob enough');
  await eve.sees('* Bob was removed by Ada (enough)');
  await eve.sees('* Bob left');
  await until(() => bob.heard.some((m) => m.type === 'left' && m.reason === 'kicked' && m.note === 'enough'), 'left');
  await bob.join('lobby');
  ada.type('/ban Eve 1h');
  await eve.sees('* Eve was banned by Ada for 1 hour');
  await eve.sees('* left lobby (banned by Ada)');
  eve.type('/join lobby');
  await eve.sees(/^\* error banned: You are banned from the room `lobby`\. Try again in \d+ ms\.$/);
  ada.type('/readonly');
  await ada.sees('* Ada made the room read-only');
  // Who has decided what about whom is in the log, and who was not allowed to.
  await until(() => server.lines.filter((line) => / event=decreed /.test(line)).length === 6, 'five decrees and the first role');
  assert.ok(server.lines.some((line) => / event=decreed .*\babout=guest-\w+ reason=kick$/.test(line)), server.stderr);
  assert.ok(server.lines.some((line) => / event=denied .*\broom=lobby reason=forbidden$/.test(line)), server.stderr);
});

test('plenum.js: a host governs, and knows how things stand', async (t) => {
  const server = await startServer(t, { flags: ['--rooms.host=first'] });
  const [ada, bob] = ['Ada', 'Bob'].map((name) => new Plenum(`ws://${server.http}/ws`, { name, WebSocket }));
  t.after(() => { ada.close(); bob.close(); });
  const [hers, his] = [ada.room('lobby'), bob.room('lobby')];
  const heard = [];
  his.on('*', (event, type) => heard.push(type));
  await ada.connect();
  await bob.connect();
  await hers.join();
  await his.join();
  assert.deepEqual([hers.role, his.role], ['host', 'member']);
  await assert.rejects(his.kick(ada.session.user), { code: 'forbidden' });
  await hers.setSlow(30);
  await hers.setReadonly(true);
  await until(() => his.slow_s === 30 && his.readonly, 'slow mode and read-only');
  await assert.rejects(his.publish('x'), { code: 'forbidden' });
  await hers.setReadonly(false);
  await hers.setSlow(0);
  await hers.setRole(bob.session.user, 'guest');
  await until(() => his.role === 'guest', 'another role');
  await assert.rejects(his.publish('x'), { code: 'forbidden' });
  await hers.mute(bob.session.user, { seconds: 60, reason: 'hush' });
  await hers.unmute(bob.session.user);
  await assert.rejects(hers.ban(bob.session.user, { second: 1 }), { code: 'bad_argument' });
  await hers.ban(bob.session.user, { seconds: 600, reason: 'enough' });
  await until(() => his.state === 'out', 'the end');
  await assert.rejects(his.join(), { code: 'banned' });
  await hers.unban(bob.session.user);
  await his.join();
  assert.equal(his.role, 'guest');
  await hers.setLocked(true);
  await until(() => his.locked, 'the room to be locked');
  await hers.setLocked(false);
  for (const type of ['room:changed', 'member:role', 'member:muted', 'member:unmuted', 'member:banned', 'left'])
    assert.ok(heard.includes(type), type);
});

test('plenum.js: a room that is made before anybody is in it', async (t) => {
  const server = await startServer(t, { flags: ['--rooms.rules=[{name: quiz, host: first, members_max: 1}]'] });
  const [ada, bob] = ['Ada', 'Bob'].map((name) => new Plenum(`ws://${server.http}/ws`, { name, WebSocket }));
  t.after(() => { ada.close(); bob.close(); });
  await Promise.all([ada.connect(), bob.connect()]);
  const den = ada.room('den');
  const { offset, role, rule } = await den.create({ rule: 'quiz' });
  assert.deepEqual([offset, role, rule, den.state], [1, 'host', 'quiz', 'out']);
  await assert.rejects(bob.room('den').create(), { code: 'conflict' });
  await assert.rejects(bob.room('other').create({ rule: 'none' }), { code: 'not_found' });
  await assert.rejects(den.create({ rules: 'quiz' }), { code: 'bad_argument' });
  await den.join();
  assert.equal(den.role, 'host');
  assert.deepEqual((await den.history()).history.map((m) => [m.type, m.rule, m.user]), [['room:created', 'quiz', ada.session.user]]);
  await assert.rejects(bob.room('den').join(), { code: 'room_full' });
});

test('plenum.js: how far one has read, which is told to others and is no entry', async (t) => {
  const server = await startServer(t, { flags: ['--rooms.receipts=true'] });
  const [ada, bob] = ['Ada', 'Bob'].map((name) => new Plenum(`ws://${server.http}/ws`, { name, WebSocket }));
  t.after(() => { ada.close(); bob.close(); });
  const [hers, his] = [ada.room('lobby'), bob.room('lobby')];
  await Promise.all([ada.connect(), bob.connect()]);
  await hers.join();
  await his.join();
  const heard = [];
  for (const type of ['read', 'message', 'gap']) hers.on(type, (m) => heard.push([type, m.offset, m.from?.name]));
  const first = await hers.publish('one');
  const { offset } = await his.publish('two');
  await his.read(first.offset);   // an offset that she has seen
  await his.read(offset);
  await until(() => heard.length === 3, () => `both; she has heard ${JSON.stringify(heard)}`);
  assert.deepEqual(heard, [['message', offset, 'Bob'], ['read', first.offset, 'Bob'], ['read', offset, 'Bob']]);
  assert.equal(hers.cursor, offset);
  await hers.publish('three');
  await his.leave();
  assert.equal((await his.join()).read, offset);
  assert.equal((await bob.rooms()).rooms[0].unread, 1);
  await assert.rejects(his.read(1_000), { code: 'not_found' });
  await assert.rejects(his.read('x'), { code: 'bad_argument' });
});
