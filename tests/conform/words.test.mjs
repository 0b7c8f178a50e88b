// SPDX-License-Identifier: Apache-2.0
//
// What becomes of messages, on the wire, against the real binary: edits, deletions, reactions, threads; who hears what, and what who comes
// later is told. The rules one by one, and by dice: tests/unit/test_core_words.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer } from './support.mjs';
import { Native } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.host=first', '--server.shards=2', '--server.admin=127.0.0.1:0'] });

let rooms = 0;
const keys = (message) => Object.keys(message).filter((key) => key !== 'raw');
const bare = ({ raw, from, time, ...message }) => message;

async function people() {
  const room = `words ${++rooms}`;
  const [host, ada, bob] = [await Native.open(server), await Native.open(server), await Native.open(server)];
  for (const client of [host, ada, bob]) await client.call({ type: 'join', room });
  const { offset } = await ada.call({ type: 'message', room, data: { text: 'helo' } });
  return { room, host, ada, bob, offset };
}

// The next message of that type.
async function hears(client, type) {
  for (;;) {
    const message = await client.next();
    if (message.type === type) return message;
  }
}

// A message as who comes now is told of it, by history and behind a join.
async function told(room, offset) {
  const late = await Native.open(server);
  await late.call({ type: 'join', room, history: 100 });
  let live;
  do live = await hears(late, 'message'); while (live.offset !== offset);
  const { history } = await late.call({ type: 'history', room });
  const row = history.find((entry) => entry.offset === offset);
  assert.deepEqual({ ...live, raw: undefined }, { ...row, raw: undefined });
  late.close?.();
  return row;
}

test('an edit: everybody is told, who comes later gets the words of now', async () => {
  const { room, host, ada, bob, offset } = await people();
  await told(room, offset); // frames of the old words are there
  const ack = await ada.call({ type: 'edit', room, offset, data: { text: 'hello' } });
  assert.deepEqual(keys(ack), ['type', 'id', 'room', 'offset', 'epoch']);
  for (const client of [host, ada, bob]) {
    const edited = await hears(client, 'message:edited');
    assert.deepEqual(keys(edited), ['type', 'room', 'offset', 'time', 'from', 'target', 'data']);
    assert.deepEqual([edited.offset, edited.target, edited.data, edited.from.user], [ack.offset, offset, { text: 'hello' }, ada.welcome.user]);
  }
  const row = await told(room, offset);
  assert.deepEqual(keys(row), ['type', 'room', 'offset', 'time', 'from', 'data', 'edited', 'version']);
  assert.deepEqual([row.data, row.version], [{ text: 'hello' }, ack.offset]);
  const again = await ada.call({ type: 'edit', room, offset, data: 'third', if_version: ack.offset });
  await ada.refused({ type: 'edit', room, offset, data: 'fourth', if_version: ack.offset }, 'conflict');
  const { history } = await bob.call({ type: 'history', room });
  assert.deepEqual(bare(history.find((entry) => entry.offset === ack.offset)), { type: 'void', room, offset: ack.offset });
  assert.equal((await told(room, offset)).version, again.offset);
});

test('what is deleted is not there for anybody who comes', async () => {
  const { room, ada, bob, offset } = await people();
  await ada.call({ type: 'edit', room, offset, data: 'a secret' });
  await told(room, offset);
  const ack = await ada.call({ type: 'delete', room, offset, reason: 'a slip' });
  const deleted = await hears(bob, 'message:deleted');
  assert.deepEqual(keys(deleted), ['type', 'room', 'offset', 'time', 'from', 'target', 'reason']);
  assert.deepEqual([deleted.offset, deleted.target, deleted.reason], [ack.offset, offset, 'a slip']);
  assert.deepEqual(keys(await told(room, offset)), ['type', 'room', 'offset', 'time', 'from', 'deleted']);
  const { history } = await bob.call({ type: 'history', room });
  assert.ok(!JSON.stringify(history).includes('secret') && !JSON.stringify(history).includes('helo'));
  for (const command of [{ type: 'edit', data: 1 }, { type: 'delete' }, { type: 'react', key: '+' }])
    await ada.refused({ ...command, room, offset }, 'not_found');
});

test('reactions: each once, counted, taken back', async () => {
  const { room, host, ada, bob, offset } = await people();
  const first = await bob.call({ type: 'react', room, offset, key: '👍' });
  const again = await bob.call({ type: 'react', room, offset, key: '👍' });
  assert.deepEqual([again.offset, again.duplicate], [first.offset, true]);
  await host.call({ type: 'react', room, offset, key: '👍', on: true });
  await host.call({ type: 'react', room, offset, key: '🎉' });
  const heard = [await hears(ada, 'message:reactions'), await hears(ada, 'message:reactions'), await hears(ada, 'message:reactions')];
  assert.deepEqual(keys(heard[0]), ['type', 'room', 'offset', 'time', 'from', 'target', 'key', 'on', 'count']);
  assert.deepEqual(heard.map(({ target, key, on, count }) => [target, key, on, count]),
    [[offset, '👍', true, 1], [offset, '👍', true, 2], [offset, '🎉', true, 1]]);
  assert.deepEqual((await told(room, offset)).reactions, { '👍': 2, '🎉': 1 });
  await bob.call({ type: 'react', room, offset, key: '👍', on: false });
  assert.equal((await hears(ada, 'message:reactions')).count, 1);
  assert.deepEqual((await told(room, offset)).reactions, { '👍': 1, '🎉': 1 });
  await bob.refused({ type: 'react', room, offset, key: 'x'.repeat(10_000) }, 'bad_command');
  for (let i = 0; i < 30; i++) assert.equal((await bob.call({ type: 'react', room, offset, key: `kind ${i}` })).type, 'ack');
  await bob.refused({ type: 'react', room, offset, key: 'one kind more' }, 'limit_reached');
  assert.equal((await bob.call({ type: 'react', room, offset, key: '👍' })).type, 'ack'); // of a kind that is there
});

test('a locked room: who has a role, or is there, comes in; nobody else', async () => {
  const { room, host, ada, bob } = await people();
  const eve = await Native.open(server);
  await ada.refused({ type: 'lock', room, on: true }, 'forbidden');
  await host.call({ type: 'lock', room, on: true });
  const locked = await hears(bob, 'room:changed');
  assert.deepEqual([keys(locked), locked.locked, locked.from.user], [['type', 'room', 'offset', 'time', 'from', 'locked'], true, host.welcome.user]);
  await eve.refused({ type: 'join', room }, 'forbidden');
  await host.call({ type: 'role', room, user: eve.welcome.user, role: 'member' });
  assert.equal((await eve.call({ type: 'join', room })).locked, true);
  await bob.call({ type: 'leave', room });
  await bob.refused({ type: 'join', room }, 'forbidden');
  await host.call({ type: 'lock', room, on: false });
  assert.equal((await hears(eve, 'room:changed')).locked, false);
  assert.ok(!('locked' in (await bob.call({ type: 'join', room }))));
});

test('threads: what answers a message, in pages', async () => {
  const { room, host, ada, bob, offset } = await people();
  const answers = [];
  for (let i = 0; i < 5; i++) {
    answers.push((await bob.call({ type: 'message', room, data: `answer ${i}`, reply_to: offset })).offset);
    await ada.call({ type: 'message', room, data: 'beside it' });
  }
  await hears(host, 'message');
  const live = await hears(host, 'message');
  assert.deepEqual([live.reply_to, live.data], [offset, 'answer 0']);
  assert.equal((await told(room, offset)).replies, 5);
  const page = async (more) => (await ada.call({ type: 'history', room, reply_to: offset, ...more })).history.map((row) => row.offset);
  assert.deepEqual(await page({}), answers);
  assert.deepEqual(await page({ limit: 2 }), answers.slice(3));
  assert.deepEqual(await page({ limit: 2, before: answers[3] }), answers.slice(1, 3));
  assert.deepEqual(await page({ before: answers[0] }), []);
  assert.deepEqual((await ada.call({ type: 'history', room, reply_to: 999 })).history, []);
  await bob.refused({ type: 'message', room, data: 1, reply_to: 999 }, 'not_found');
});

test('whose words they are: rights, ranks, muted people', async () => {
  const { room, host, ada, bob, offset } = await people();
  await bob.refused({ type: 'edit', room, offset, data: 1 }, 'forbidden');
  await bob.refused({ type: 'delete', room, offset }, 'forbidden');
  await bob.refused({ type: 'edit', room, offset: 999, data: 1 }, 'not_found');
  await bob.refused({ type: 'edit', room, offset: 0, data: 1 }, 'bad_command');
  const mine = await bob.call({ type: 'message', room, data: 'mine' });
  await host.call({ type: 'mute', room, user: bob.welcome.user });
  await bob.refused({ type: 'edit', room, offset: mine.offset, data: 1 }, 'muted');
  await bob.refused({ type: 'react', room, offset, key: '+' }, 'muted');
  assert.equal((await bob.call({ type: 'delete', room, offset: mine.offset })).type, 'ack');
  assert.equal((await host.call({ type: 'delete', room, offset, reason: 'spam' })).type, 'ack');
  assert.equal((await hears(ada, 'message:deleted')).target, mine.offset);
  assert.equal((await hears(ada, 'message:deleted')).from.user, host.welcome.user);
});

test('how far one has read: unread messages in joined and rooms, for others where the rule says so', async () => {
  const { room, ada, bob, offset } = await people();
  assert.equal((await bob.call({ type: 'read', room, offset })).offset, offset);
  for (let i = 0; i < 3; i++) await ada.call({ type: 'message', room, data: i });
  await ada.call({ type: 'react', room, offset, key: '+' }); // no message
  assert.equal((await bob.call({ type: 'read', room, offset })).duplicate, true);
  await bob.call({ type: 'leave', room });
  const joined = await bob.call({ type: 'join', room });
  assert.deepEqual([joined.read, joined.unread], [offset, 3]);
  assert.equal((await bob.call({ type: 'rooms', prefix: room })).rooms.find((row) => row.room === room).unread, 3);
  assert.ok(!('unread' in (await ada.call({ type: 'rooms', prefix: room })).rooms.find((row) => row.room === room)));
  const ack = await bob.call({ type: 'read', room, offset: offset + 2 });
  assert.deepEqual([ack.offset, ack.duplicate], [offset + 2, undefined]);
  assert.equal((await bob.call({ type: 'rooms', prefix: room })).rooms.find((row) => row.room === room).unread, 1);
  await bob.refused({ type: 'read', room, offset: 999 }, 'not_found');
  await bob.refused({ type: 'read', room: 'elsewhere', offset: 1 }, 'not_member');

  const told = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.receipts=true'] });
  const [eve, zoe] = [await Native.open(told), await Native.open(told)];
  for (const client of [eve, zoe]) await client.call({ type: 'join', room });
  const said = await eve.call({ type: 'message', room, data: 1 });
  await zoe.call({ type: 'read', room, offset: said.offset });
  const read = await hears(eve, 'read');
  assert.deepEqual(keys(read), ['type', 'room', 'after', 'from', 'offset']);
  assert.deepEqual([read.from.user, read.offset], [zoe.welcome.user, said.offset]);
});

test('within the windows of the room', async () => {
  const own = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.host=first', '--rooms.edit_window_s=1', '--rooms.delete_window_s=1'] });
  const [host, ada] = [await Native.open(own), await Native.open(own)];
  const room = 'windows';
  await host.call({ type: 'join', room });
  await ada.call({ type: 'join', room });
  const { offset } = await ada.call({ type: 'message', room, data: 'soon' });
  assert.equal((await ada.call({ type: 'edit', room, offset, data: 'in time' })).type, 'ack');
  let late;
  for (;;) { // not so often that the log is full of it
    late = await ada.call({ type: 'edit', room, offset, data: 'in time, too' });
    if (late.type !== 'ack') break;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal(late.code, 'forbidden');
  await ada.refused({ type: 'delete', room, offset }, 'forbidden');
  assert.equal((await host.call({ type: 'edit', room, offset, data: 'at any time' })).type, 'ack');
});

test('at a terminal: the last thing one said; and by the backend', async () => {
  const { room, ada, bob, offset } = await people();
  const { connect } = await import('node:net');
  const line = connect({ host: '127.0.0.1', port: server.text });
  let lines = '';
  line.on('data', (bytes) => { lines += bytes; });
  const until = async (text) => { while (!lines.includes(text)) await new Promise((done) => line.once('data', done)); };
  line.write(`/join ${room}\n`);
  await until('* joined');
  line.write('typed at a terminal\n/edit typed once more\n/react 🎉\n');
  await until('reacted with');
  const edited = await hears(bob, 'message:edited');   // what is deleted before it is told is not told: to either of the two
  assert.equal((await hears(ada, 'message:edited')).data, 'typed once more');
  line.write('/delete\n');
  await until('took back a message');
  assert.match(lines, /\* \S+ changed a message to: typed once more\n\* \S+ reacted with 🎉\n\* \S+ took back a message\n/);
  assert.equal(edited.data, 'typed once more');
  assert.deepEqual([(await hears(bob, 'message:reactions')).target, (await hears(bob, 'message:deleted')).target], [edited.target, edited.target]);
  line.destroy();
  const api = (command, body) => fetch(`http://127.0.0.1:${server.http}/api/v1/${command}`,
    { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const reply = await api('edit', { room, offset, data: 'by the backend' });
  assert.equal(reply.status, 200);
  assert.equal((await hears(ada, 'message:edited')).data, 'by the backend');
  assert.equal((await api('react', { room, offset, key: '✅' })).status, 200);
  assert.equal((await api('delete', { room, offset })).status, 200);
  assert.equal((await api('delete', { room, offset })).status, 404);
  assert.equal((await api('delete', { room: 'nowhere', offset })).status, 404);
});
