// SPDX-License-Identifier: Apache-2.0
//
// web/plenum.js in all its encodings against one real server: the same program, told the same, in one room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plenum, PlenumError } from '../../web/plenum.mjs';
import { WebSocket, startServer, until, within } from './support.mjs';

const ENCODINGS = ['json', 'json.bytes', 'protobuf'];

function open(t, server, encoding, options = {}) {
  const client = new Plenum(server.ws, { WebSocket, encoding, backoff_base_ms: 20, ...options });
  t.after(() => client.close());
  return client;
}

test('everyone publishes at once, in all encodings; everyone gets all of it, once, in order, by its author', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--log.entries=10000', '--log.bytes=16777216', '--limits.commands_per_s=0'] });
  const each = 100;
  const clients = Array.from({ length: 6 }, (_, i) => open(t, server, ENCODINGS[i % 3], { name: `c${i}` }));
  const heard = clients.map((c) => {
    const all = [];
    c.on('message', (m) => all.push(m));
    return all;
  });
  for (const c of clients) {
    await c.connect();
    await c.join('room');
  }
  await within(Promise.all(clients.map((c, i) => Promise.all(Array.from({ length: each }, (_, n) => c.publish('room', [i, n]))))), 'all acks', 60_000);
  await until(() => heard.every((h) => h.length === (clients.length - 1) * each), 'all messages');
  for (const [i, all] of heard.entries()) {
    assert.deepEqual(all.map((m) => m.offset), all.map((m) => m.offset).sort((a, b) => a - b));
    for (const m of all) {
      assert.equal(m.from.user, clients[m.data[0]].session.user);
      assert.equal(m.from.name, `c${m.data[0]}`);
      assert.notEqual(m.data[0], i);
    }
  }
});

test('bytes go through as bytes, whoever sends and whoever reads them', async (t) => {
  const server = await startServer(t);
  for (const sender of ENCODINGS) {
    for (const reader of ENCODINGS) {
      const [ada, bob] = [open(t, server, sender), open(t, server, reader)];
      const room = `${sender} to ${reader}`;
      for (const c of [ada, bob]) {
        await c.connect();
        await c.join(room);
      }
      const heard = { message: [], signal: [], direct: [], 'message:edited': [] };
      for (const type of Object.keys(heard)) bob.on(type, (m) => heard[type].push(m));
      const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 31);
      const { offset } = await ada.publish(room, bytes, { contentType: 'image/png' });
      await ada.publish(room, bytes.buffer);
      await ada.publish(room, new Uint8Array());
      await ada.publish(room, { json: true });
      await ada.room(room).edit(offset, bytes.subarray(1, 3), { contentType: 'a/b' });
      assert.ok(ada.signal(room, new Uint8Array([7]), { contentType: 'x/y' }));
      await ada.direct(bob.session.user, new Uint16Array([258]), { contentType: 'x/z' });
      await until(() => heard.message.length === 4 && heard.signal.length + heard.direct.length + heard['message:edited'].length === 3, 'all of it');
      assert.deepEqual(heard.message.map((m) => m.content_type), ['image/png', 'application/octet-stream', 'application/octet-stream', undefined]);
      assert.deepEqual(heard.message.map((m) => m.data), [bytes, bytes, new Uint8Array(), { json: true }]);
      assert.deepEqual([heard.signal[0].data, heard.signal[0].content_type], [new Uint8Array([7]), 'x/y']);
      assert.deepEqual([heard.direct[0].data, heard.direct[0].content_type], [new Uint8Array([2, 1]), 'x/z']);
      assert.deepEqual([heard['message:edited'][0].data, heard['message:edited'][0].content_type], [bytes.slice(1, 3), 'a/b']);
      const { history } = await bob.history(room);
      assert.deepEqual(history[0].data, bytes.slice(1, 3), 'as it is by now');
      await assert.rejects(ada.publish(room, { no: 'bytes' }, { contentType: 'a/b' }), { code: 'bad_argument' });
    }
  }
});

test('cut again and again while publishing in protobuf: nothing lost, nothing twice, nobody mistaken', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--log.entries=10000', '--log.bytes=16777216'] });
  const sockets = [];
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
  }
  const ada = open(t, server, 'protobuf', { WebSocket: Cuttable });
  const bob = open(t, server, 'protobuf', { WebSocket: Cuttable });
  const heard = [];
  const losses = [];
  bob.on('message', (m) => heard.push(m));
  for (const type of ['gap', 'reset']) bob.on(type, (m) => losses.push(m));
  for (const c of [ada, bob]) {
    await c.connect();
    await c.join('room');
  }
  for (let i = 0; i < 60; i++) {
    const published = ada.publish('room', i);
    if (i % 10 === 5) sockets.splice(0).forEach((ws) => ws.terminate());
    await within(published, 'an ack', 30_000);
  }
  await until(() => heard.length === 60, 'all of it');
  assert.deepEqual(losses, []);
  assert.deepEqual(heard.map((m) => m.data), Array.from({ length: 60 }, (_, i) => i));
  assert.ok(heard.every((m) => m.from.user === ada.session.user));
});

test('an encoding that is none is an error; a command that is none, too', async (t) => {
  const server = await startServer(t);
  assert.throws(() => open(t, server, 'xml'), (e) => e instanceof PlenumError && e.code === 'bad_argument');
  const ada = open(t, server, 'protobuf');
  await ada.connect();
  await assert.rejects(ada.request({ type: 'nothing' }), { code: 'bad_argument' });
  assert.equal((await ada.request({ type: 'ping' })).type, 'pong');
});
