// SPDX-License-Identifier: Apache-2.0
//
// web/plenum.js, the client module, on npm's ws against the real server, and against a scripted one for what a
// real one does seldom.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket, root, startServer, until, within } from './support.mjs';

// Node 18 has no global crypto, and takes a .js file without a package of its own for CommonJS.
globalThis.crypto ??= webcrypto;
const source = readFileSync(join(root, 'web/plenum.js')).toString('base64');
const { Plenum } = await import(`data:text/javascript;base64,${source}`);

/** What a room's listener heard: offsets of entries, and everything that tells of a loss. */
function listen(client, name) {
  const heard = { data: [], offsets: [], losses: [] };
  const room = client.room(name);
  room.on('message', (m) => { heard.data.push(m.data); heard.offsets.push(m.offset); });
  for (const type of ['gap', 'reset']) room.on(type, (m) => heard.losses.push(m));
  return heard;
}

for (const shards of [1, 2]) {
  test(`${shards} shards: everyone publishes at once; everyone gets all of it, once, in order`, async (t) => {
    const server = await startServer(t, { flags: [`--server.shards=${shards}`, '--log.entries=10000', '--log.bytes=16777216'] });
    const count = 8;
    const each = 200;
    const clients = Array.from({ length: count }, () => new Plenum(server.ws, { WebSocket }));
    t.after(() => clients.forEach((c) => c.close()));
    const heard = clients.map((c) => listen(c, 'room'));
    for (const c of clients) {
      await c.connect();
      await c.join('room');
    }
    const acks = await within(Promise.all(clients.map((c, i) => Promise.all(
      Array.from({ length: each }, (_, n) => c.publish('room', [i, n]))))), 'all acks', 60_000);
    await until(() => heard.every((h) => h.data.length === (count - 1) * each), 'all messages');
    for (const [i, h] of heard.entries()) {
      assert.deepEqual(h.losses, []);
      assert.deepEqual(h.offsets, h.offsets.slice().sort((a, b) => a - b), 'in order');
      const all = [...h.offsets, ...acks[i].map((ack) => ack.offset)].sort((a, b) => a - b);
      assert.equal(new Set(all).size, count * each);
      assert.ok(clients[i].room('room').cursor >= all.at(-1), 'the cursor is behind nothing');
    }
  });
}

test('cut again and again while publishing: nothing lost, nothing twice', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--log.entries=10000', '--log.bytes=16777216'] });
  let sockets = [];
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
  }
  const ada = new Plenum(server.ws, { WebSocket: Cuttable, backoff_base_ms: 20 });
  const bob = new Plenum(server.ws, { WebSocket: Cuttable, backoff_base_ms: 20 });
  t.after(() => { ada.close(); bob.close(); });
  const heard = [listen(ada, 'room'), listen(bob, 'room')];
  for (const c of [ada, bob]) { await c.connect(); await c.join('room'); }
  const acks = [];
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 10; n++) for (const c of [ada, bob]) acks.push(c.publish('room', `${c === ada ? 'a' : 'b'} ${round * 10 + n}`));
    for (const socket of sockets) socket.terminate();
    sockets = [];
    await until(() => ada.state === 'open' && bob.state === 'open', 'both to be back');
  }
  await within(Promise.all(acks), 'all acks', 60_000);
  // An own message whose ack was cut off may come back in a replay; what counts is what the other one said.
  const others = () => heard.map((h, i) => h.data.filter((d) => d.startsWith('ba'[i])));
  await until(() => others().every((list) => list.length >= 200), () => `all: ${others().map((list) => list.length)}`);
  for (const [i, list] of others().entries()) {
    assert.deepEqual(heard[i].losses, []);
    assert.equal(list.join(), Array.from({ length: 200 }, (_, n) => `${'ba'[i]} ${n}`).join());
  }
});

/** A server in a script: `play` gets each command, a moment after it was sent, and answers through `say`. */
function scripted(play) {
  return class {
    readyState = 1;
    constructor() { setTimeout(() => this.onopen(), 0); }
    send(text) { queueMicrotask(() => play(JSON.parse(text), (m) => this.onmessage({ data: JSON.stringify(m) }))); }
    close() {}
  };
}

test('an ack may overtake entries below it; a hole among entries is told', async (t) => {
  const entry = (offset) => ({ type: 'message', room: 'room', offset, time: 1, from: { user: 'u', session: 's', name: 'n' }, data: offset });
  let speak;
  const WebSocket = scripted((m, say) => {
    speak = say;
    if (m.type === 'hello') say({ type: 'welcome', id: m.id, session: 's1', user: 'me', name: 'me', resume: 'r', heartbeat_s: 30, limits: {} });
    if (m.type === 'join') say({ type: 'joined', id: m.id, room: 'room', epoch: 'e', offset: 5, role: 'guest', members_count: 2 });
    if (m.type === 'message') say({ type: 'ack', id: m.id, room: 'room', offset: m.data, epoch: 'e' });
  });
  const client = new Plenum('ws://nowhere', { WebSocket });
  t.after(() => client.close());
  const heard = listen(client, 'room');
  await client.connect();
  await client.join('room');

  speak(entry(6));
  await client.publish('room', 9);   // its ack says 9 before 7 and 8 have come
  assert.equal(client.room('room').cursor, 6);
  speak(entry(7));
  speak(entry(8));
  assert.deepEqual(heard, { data: [6, 7, 8], offsets: [6, 7, 8], losses: [] });
  assert.equal(client.room('room').cursor, 9);

  speak(entry(12));   // 10 and 11 never came
  assert.deepEqual(heard.losses.map((g) => [g.type, g.from, g.to, g.reason]), [['gap', 10, 11, 'missing']]);
  speak(entry(12));
  speak(entry(10));
  assert.deepEqual(heard.offsets, [6, 7, 8, 12], 'nothing twice, nothing out of order');
});

test('two clients with one token: the older one ends as replaced, and does not take the session back', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  const old = new Plenum(server.ws, { WebSocket, backoff_base_ms: 1 });
  const session = await old.connect();
  const young = new Plenum(server.ws, { WebSocket, backoff_base_ms: 1, resume: session.resume });
  t.after(() => { old.close(); young.close(); });
  const states = [];
  old.on('state', (s) => states.push([s.state, s.code]));
  const asked = old.rooms().then(() => null, (error) => error.code);   // may still be answered
  assert.equal((await young.connect()).session, session.session);
  await until(() => old.state === 'closed', 'the older one to end');
  assert.deepEqual(states, [['closed', 'replaced']]);
  assert.ok([null, 'replaced'].includes(await asked));
  await young.ping();
  assert.equal(young.state, 'open');
  await old.connect();   // somebody's wish: it takes the session back, and only then
  await until(() => young.state === 'closed', 'the younger one to end');
  assert.equal(old.session.session, session.session);
});

test('a server that cannot look at the resume token just now is asked again, with the token', async (t) => {
  const hellos = [];
  const sockets = [];
  const Scripted = scripted((m, say) => {
    if (m.type !== 'hello') return;
    hellos.push(m.resume);
    if (hellos.length === 2) say({ type: 'error', id: m.id, code: 'unavailable', message: 'Try again.', retry_ms: 10 });
    else say({ type: 'welcome', id: m.id, session: 's1', user: 'me', name: 'me', resume: 'r', heartbeat_s: 30, limits: {} });
  });
  class WebSocket extends Scripted {
    constructor() { super(); sockets.push(this); }
    close() { this.onclose?.({ code: 1005, reason: '' }); }
  }
  const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 10 });
  t.after(() => client.close());
  await client.connect();
  sockets[0].onclose({ code: 1006, reason: '' });
  await until(() => hellos.length >= 3 && client.state === 'open', 'it to be back');
  assert.deepEqual(hellos, [undefined, 'r', 'r']);
});
