// SPDX-License-Identifier: Apache-2.0
//
// The shared state of a room on the wire, against the real binary: values byte for byte, which keys messages have, what is refused and
// that nothing of it has happened. The rules one by one, and by dice: tests/unit/test_core_state.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer } from './support.mjs';
import { Native } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--server.shards=2', '--rooms.state_keys_max=8', '--rooms.state_value_max=1000',
  '--rooms.state_bytes_max=4000'] });

let rooms = 0;
const keys = (message) => Object.keys(message).filter((key) => key !== 'raw');

async function hears(client, type) {
  for (;;) {
    const message = await client.next();
    if (message.type === type) return message;
  }
}

async function people(n = 2) {
  const room = `state ${++rooms}`;
  const all = await Promise.all(Array.from({ length: n }, () => Native.open(server)));
  for (const client of all) await client.call({ type: 'join', room });
  return [room, ...all];
}

const state = async (client, room) => (await client.call({ type: 'state', room })).state;

test('values come as they were written, keys as they are read, each an event of its own', async () => {
  const [room, ada, bob] = await people();
  ada.text(`{"type":"state","room":${JSON.stringify(room)},"set":{"a\\u0062": [1 , 2.50, {"x":"\\u00e9"}] ,"n":1e400},"unset":["gone"]}`);
  for (const client of [ada, bob]) {
    const first = await hears(client, 'state:updated');
    assert.deepEqual(keys(first), ['type', 'room', 'offset', 'time', 'from', 'key', 'value', 'version']);
    assert.ok(first.raw.includes('"key":"ab","value":[1 , 2.50, {"x":"\\u00e9"}],"version":1}'), first.raw);
    const second = await client.next();
    assert.ok(second.raw.includes('"key":"n","value":1e400,"version":1}'), second.raw);
    assert.equal(second.offset, first.offset);
  }
  const reply = await bob.call({ type: 'state', room });
  assert.deepEqual(keys(reply), ['type', 'id', 'room', 'version', 'state', 'versions']);
  assert.ok(reply.raw.includes('"state":{"ab":[1 , 2.50, {"x":"\\u00e9"}],"n":1e400},"versions":{"ab":1,"n":1}'), reply.raw);
  const ack = await bob.call({ type: 'state', room, unset: ['n'] });
  assert.deepEqual(keys(ack), ['type', 'id', 'room', 'offset', 'epoch', 'version']);
  const gone = await hears(ada, 'state:updated');
  assert.deepEqual(keys(gone), ['type', 'room', 'offset', 'time', 'from', 'key', 'version']);
  const late = await Native.open(server);
  const joined = await late.call({ type: 'join', room });
  assert.ok(joined.raw.includes('"state":{"ab":[1 , 2.50, {"x":"\\u00e9"}]},"state_version":2,"members_count":3'), joined.raw);
});

test('merge patches: the cases of RFC 7396, of what a key has', async () => {
  const [room, ada] = await people(1);
  const cases = [[{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }], [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a'], ['c'], ['c']], [{ e: null }, { a: 1 }, { e: null, a: 1 }], [[1, 2], { a: 'b', c: null }, { a: 'b' }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }]];
  for (const [target, patch, result] of cases) {
    await ada.call({ type: 'state', room, set: { k: target } });
    await ada.call({ type: 'state', room, merge: { k: patch } });
    assert.deepEqual(await state(ada, room), { k: result });
  }
  await ada.call({ type: 'state', room, merge: { k: null } });
  assert.deepEqual(await state(ada, room), {});
});

test('what is refused has a code and a sentence, and nothing of it has happened', async () => {
  const [room, ada, bob] = await people();
  await ada.call({ type: 'state', room, set: { a: 1 } });
  await hears(bob, 'state:updated');
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]));
  const wide = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, 1]));
  const bad = [
    [{ set: { b: 'x'.repeat(1000) } }, 'too_large', /may have 1000 bytes/],
    [{ set: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, i])) }, 'limit_reached', /may have 8 keys/],
    [{ set: Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`k${i}`, 'x'.repeat(900)])) }, 'limit_reached', /4000 bytes together/],
    [{ set: many }, 'limit_reached', /at most 256 keys/],
    [{ merge: { a: wide } }, 'limit_reached', /256 members|at most 256/],
    [{ set: { b: 2 }, if_version: 7 }, 'conflict', /version 1 now/],
    [{ set: { b: 2 }, if_version: { a: 0 } }, 'conflict', /version 1 now/],
    [{ set: { b: 2, [`${'k'.repeat(129)}`]: 1 } }, 'bad_command', /1 to 128 bytes/],
    [{ set: { b: 2 }, unset: ['b'] }, 'bad_command', /stands once/],
    [{ set: { b: 2 }, merge: { b: 2 } }, 'bad_command', /stands once/],
    [{ set: 7 }, 'bad_command', /`set` must be an object/],
    [{ unset: { a: 1 } }, 'bad_command', /`unset` must be an array/],
    [{ set: { b: 2 }, if_version: -1 }, 'bad_command', /`if_version` must be/],
    [{ if_version: 1 }, 'bad_command', /`if_version` is for what changes/],
  ];
  for (const [what, code, sentence] of bad) {
    const reply = await ada.call({ type: 'state', room, ...what });
    assert.deepEqual([reply.type, reply.code], ['error', code], JSON.stringify([what, reply]).slice(0, 300));
    assert.match(reply.message, sentence);
    assert.equal(reply.version, code === 'conflict' ? 1 : undefined);
  }
  assert.deepEqual(await state(bob, room), { a: 1 });
  const { offset } = await ada.call({ type: 'message', room, data: 'behind' });
  assert.equal(offset, 2); // none of them has an offset
  assert.equal((await bob.next()).type, 'message');
  const stranger = await Native.open(server);
  assert.equal((await stranger.call({ type: 'state', room })).code, 'not_member');
});
