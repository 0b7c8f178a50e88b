// SPDX-License-Identifier: Apache-2.0
//
// web/plenum.js, the client module, on npm's ws against the real server, and against a scripted one for what a
// real one does seldom.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket, root, startServer, until, within } from './support.mjs';

// Node 18 takes a .js file without a package of its own for CommonJS.
const source = readFileSync(join(root, 'web/plenum.js')).toString('base64');
const { Plenum, PlenumError } = await import(`data:text/javascript;base64,${source}`);

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

/** A server in a script: `play` gets each command, a moment after it was sent, and answers through `say`; it may also
 *  close the `socket`. */
function scripted(play) {
  return class {
    static count = 0;
    readyState = 1;
    constructor() { this.constructor.count++; setTimeout(() => this.onopen(), 0); }
    send(text) { queueMicrotask(() => play(JSON.parse(text), (m) => this.onmessage({ data: JSON.stringify(m) }), this)); }
    close() {}
  };
}

const welcome = (m) => ({ type: 'welcome', id: m.id, session: 's1', user: 'me', name: m.name ?? 'me', resume: 'r1', heartbeat_s: 30, limits: {} });

test('a room that goes on in another epoch: its numbers are others, and an ack may say so before', async (t) => {
  const entry = (offset) => ({ type: 'message', room: 'room', offset, time: 1, from: { user: 'u', session: 's', name: 'n' }, data: offset });
  let speak;
  let epoch = 'e';
  const WebSocket = scripted((m, say) => {
    speak = say;
    if (m.type === 'hello') say(welcome(m));
    if (m.type === 'join') say({ type: 'joined', id: m.id, room: 'room', epoch: 'e', offset: 5, role: 'guest', members_count: 2 });
    if (m.type === 'message') say({ type: 'ack', id: m.id, room: 'room', offset: m.data, epoch });
  });
  const client = new Plenum('ws://nowhere', { WebSocket });
  t.after(() => client.close());
  const heard = listen(client, 'room');
  await client.connect();
  await client.join('room');
  speak(entry(6));
  epoch = 'f';
  await client.publish('room', 4);
  assert.equal(client.room('room').cursor, 6, 'of an epoch that it has not been told of');
  speak({ type: 'epoch', room: 'room', after: 6, time: 1, epoch: 'f', offset: 2 });
  assert.deepEqual([client.room('room').epoch, client.room('room').cursor], ['f', 2]);
  speak(entry(3));
  speak(entry(5));
  assert.equal(client.room('room').cursor, 5, '4 is our own');
  assert.deepEqual(heard.offsets, [6, 3, 5]);
  assert.deepEqual(heard.losses.map((m) => [m.type, m.epoch, m.offset, m.same_epoch]), [['reset', 'f', 2, false]]);
  assert.deepEqual(client.room('room').resumePoint(), { epoch: 'f', offset: 5 });
});

test('an ack may overtake entries below it; a hole among entries is told', async (t) => {
  const entry = (offset) => ({ type: 'message', room: 'room', offset, time: 1, from: { user: 'u', session: 's', name: 'n' }, data: offset });
  let speak;
  const WebSocket = scripted((m, say) => {
    speak = say;
    if (m.type === 'hello') say(welcome(m));
    if (m.type === 'join') say({ type: 'joined', id: m.id, room: 'room', epoch: 'e', offset: 5, role: 'member', members_count: 2 });
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

/** What a promise was rejected with; anything but a PlenumError fails. */
async function rejection(promise, what = 'the rejection') {
  const error = await within(promise.then((value) => assert.fail(`${what}: it resolved with ${JSON.stringify(value)}`), (e) => e), what);
  assert.ok(error instanceof PlenumError, `${what}: ${error?.stack ?? error}`);
  assert.ok(error.code && error.message, what);
  return error;
}

const bad = (pattern) => (e) => e instanceof PlenumError && e.code === 'bad_argument' && pattern.test(e.message);

test('what is misspelt or of the wrong type is told at once', async (t) => {
  const make = (options) => () => new Plenum('ws://nowhere/ws', { WebSocket, ...options });
  assert.throws(make({ nmae: 'Ada' }), bad(/no option nmae; there are .*\bname\b/));
  assert.throws(make({ name: 7 }), bad(/name is number, expected string/));
  assert.throws(make({ token: {} }), bad(/token is object, expected string or function/));
  assert.throws(make({ window: '16' }), bad(/window is string, expected number/));
  assert.throws(() => new Plenum('ws://nowhere/ws', 'Ada'), bad(/options are string/));
  const client = make({ name: undefined, resume: null, max_attempts: Infinity })();
  t.after(() => client.close());

  for (const on of ['on', 'once', 'off']) {
    assert.throws(() => client[on]('mesage', () => {}), bad(/no event mesage; there are .*\bmessage\b/));
    assert.throws(() => client[on]('message'), bad(/handler is undefined, expected a function/));
    assert.throws(() => client[on]('message', {}), bad(/handler is object/));
    assert.throws(() => client.room('a')[on]('session', () => {}), bad(/no event session/));
    client[on]('member:changed', () => {});
    client.room('a')[on]('*', () => {});
  }

  assert.throws(() => client.restart({ nam: 'x' }), bad(/no option nam/));
  assert.throws(() => client.room(), bad(/room: name is undefined/));
  for (const [promise, pattern] of [
    [client.connect({ timeout: 5 }), /connect: there is no option timeout; there are timeout_ms/],
    [client.connect({ timeout_ms: '5' }), /timeout_ms is string/],
    [client.join('a', { histroy: 5 }), /join: there is no option histroy/],
    [client.switch('a', 'b', { members: 1 }), /members is number, expected boolean/],
    [client.publish('a', 1, { echo: 'yes' }), /echo is string/],
    [client.direct('u', 1, { echo: true }), /no option echo/],
    [client.members('a', { after: 3 }), /after is number/],
    [client.history('a', { before: '3' }), /before is string/],
    [client.rooms({ prefx: '' }), /no option prefx/],
    [client.request({}), /type is undefined/],
    [client.request(), /type is undefined/],
    [client.direct('u', undefined), /not a JSON value/],
    [client.direct('u', () => {}), /not a JSON value/],
    [client.direct('u', 1n), /not a JSON value/],
    [client.join(7), /join: room is number, expected a string/],
    [client.leave(), /leave: room is undefined/],
    [client.switch('a', null), /switch: to is null/],
    [client.publish(Symbol('a'), 1), /publish: room is symbol/],
    [client.direct({}, 1), /direct: to is object/],
  ]) assert.ok(bad(pattern)(await rejection(promise, String(pattern))), String(pattern));
  assert.equal(client.state, 'idle');
});

test('what has no JSON, and a token that cannot be had, reject, and nothing else comes to harm', async (t) => {
  const server = await startServer(t);
  const client = new Plenum(server.ws, { WebSocket });
  t.after(() => client.close());
  await client.connect();
  await client.join('a');
  const circle = {};
  circle.circle = circle;
  const noToken = { token: async () => { throw new Error('the shop is shut'); } };
  for (const [promise, pattern] of [
    [client.request({ type: 'ping', circle }), /^bad_argument: ping: there is no JSON/],
    [client.rename(1n), /^bad_argument: rename: there is no JSON/],
    [client.members(circle), /^bad_argument: members: there is no JSON/],
    [client.join('b', { since: circle }), /^bad_argument: join: there is no JSON/],
    [client.publish('a', circle), /^bad_argument: data is not a JSON value/],
    [client.join('c', noToken), /^unauthorized: Could not get a token: the shop is shut$/],
    [client.switch('a', 'd', noToken), /^unauthorized: Could not get a token: the shop is shut$/],
  ]) {
    const error = await rejection(promise, String(pattern));
    assert.match(`${error.code}: ${error.message}`, pattern);
  }
  assert.deepEqual(['a', 'b', 'c', 'd'].map((room) => client.room(room).state), ['in', 'out', 'out', 'out']);
  assert.equal((await client.switch('a', 'd')).left, 'a');
});

test('an address that is none: bad_url, by the promise, and again on the next try', async () => {
  for (const url of ['nonsense', 'ftp://127.0.0.1/ws', 'ws://127.0.0.1:99999/ws', '']) {
    const client = new Plenum(url, { WebSocket });
    for (let i = 0; i < 2; i++) assert.equal((await rejection(client.connect(), url)).code, 'bad_url');
    assert.equal(client.state, 'closed');
  }
});

const QUICK = { WebSocket, backoff_base_ms: 1 };

/** Connects in vain, and says what the `state` events told on the way. */
async function inVain(t, url, options) {
  const client = new Plenum(url, { ...QUICK, max_attempts: 3, ...options });
  t.after(() => client.close());
  const waits = [];
  client.on('state', (s) => { if (s.state === 'waiting') waits.push(s); });
  const error = await rejection(client.connect(), url);
  assert.equal(client.state, 'closed');
  assert.equal(waits.length, (options?.max_attempts ?? 3) - 1, 'the waits between the attempts');
  for (const wait of waits) {
    assert.equal(wait.error.code, error.code);
    assert.equal(wait.reason, error.message);
  }
  return error;
}

test('a wrong path, a refused origin, nobody there: the reason by events, and the promise ends', async (t) => {
  const server = await startServer(t);
  const path = await inVain(t, `${server.ws}x`);
  assert.equal(path.code, 'wrong_path');
  assert.match(path.message, /^There is no WebSocket at ws:.*\/wsx \(HTTP 404: There is nothing here/);

  class Elsewhere extends WebSocket {
    constructor(url, protocols) { super(url, protocols, { origin: 'http://evil.example' }); }
  }
  const origin = await inVain(t, server.ws, { WebSocket: Elsewhere, max_attempts: 2 });
  assert.equal(origin.code, 'origin_refused');
  assert.match(origin.message, /HTTP 403: Pages of `http:\/\/evil\.example` may not connect; .*`origin\.allowed`/);

  const nobody = await inVain(t, 'ws://127.0.0.1:1/ws');
  assert.equal(nobody.code, 'unreachable');
  assert.match(nobody.message, /ECONNREFUSED/);

  // A WebSocket that tells nothing but 1006, as a browser's: a plain request to the same address finds out.
  class Mute {
    readyState = 3;
    constructor() { setTimeout(() => this.onclose({ code: 1006, reason: '' }), 0); }
    close() {}
  }
  assert.equal((await inVain(t, `${server.ws}x`, { WebSocket: Mute })).code, 'wrong_path');
  assert.equal((await inVain(t, 'ws://127.0.0.1:1/ws', { WebSocket: Mute })).code, 'unreachable');
  assert.match((await inVain(t, server.ws, { WebSocket: Mute })).message, /is there, but no WebSocket comes through/);
});

test('connect ends in time where a server accepts and says nothing', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  const sockets = [];
  silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
  t.after(() => { silent.close(); sockets.forEach((socket) => socket.destroy()); });
  await until(() => silent.listening, 'the silent server');
  const url = `ws://127.0.0.1:${silent.address().port}/ws`;

  const attempts = await inVain(t, url, { connect_timeout_ms: 50, max_attempts: 2 });
  assert.equal(attempts.code, 'timeout');
  assert.match(attempts.message, /no welcome within 50 ms/);

  const client = new Plenum(url, { ...QUICK, max_attempts: Infinity, connect_timeout_ms: 50 });
  const start = performance.now();
  const error = await rejection(client.connect({ timeout_ms: 400 }));
  assert.equal(error.code, 'timeout');
  assert.match(error.message, /no welcome within 400 ms\. The last attempt: /);
  assert.ok(performance.now() - start >= 395);
  assert.equal(client.state, 'closed');
});

test('a client that was welcome waits for as long as it takes', async (t) => {
  const server = await startServer(t, { flags: ['--drain.spread_ms=0'] });
  let down = false;
  class Flaky extends WebSocket {
    constructor(url, protocols) { super(down ? 'ws://127.0.0.1:1/ws' : url, protocols); }
  }
  const client = new Plenum(server.ws, { ...QUICK, WebSocket: Flaky, max_attempts: 2 });
  t.after(() => client.close());
  let waits = 0;
  client.on('state', (s) => { if (s.state === 'waiting') waits++; });
  await client.connect({ timeout_ms: 60_000 });
  down = true;
  await server.stop();
  await until(() => waits > 5, 'six attempts in vain');
  assert.notEqual(client.state, 'closed');
});

test('replaced by another connection: told, and no coming back by itself', async (t) => {
  let socket;
  const WebSocket = scripted((m, say, self) => {
    socket = self;
    if (m.type === 'hello') say(welcome(m));
  });
  const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 1 });
  t.after(() => client.close());
  await client.connect();
  const told = [];
  client.on('replaced', (e) => told.push(e));
  const query = client.rooms();
  socket.onclose({ code: 4001, reason: 'session resumed elsewhere' });
  assert.deepEqual(told, [{ code: 4001, reason: 'session resumed elsewhere' }]);
  assert.equal(client.state, 'closed');   // which has no timers
  assert.equal((await rejection(query)).code, 'replaced');
  assert.equal(WebSocket.count, 1);
  await client.connect();                 // taking it back is for the person to decide
  assert.equal(WebSocket.count, 2);
});

test('rename: the same session under another name and with another secret', async (t) => {
  const hellos = [];
  let socket;
  const WebSocket = scripted((m, say, self) => {
    socket = self;
    if (m.type === 'hello') { hellos.push(m); say(welcome(m)); }
    if (m.type === 'rename' && m.name === 'Ada') say({ type: 'renamed', id: m.id, name: 'Ada', resume: 'r2' });
    if (m.type === 'rename' && m.name === '') say({ type: 'error', id: m.id, code: 'bad_command', message: 'No name.' });
  });
  const client = new Plenum('ws://nowhere', { WebSocket, name: 'Eve', backoff_base_ms: 1 });
  t.after(() => client.close());
  assert.equal((await rejection(client.rename('Ada'))).code, 'disconnected');
  await client.connect();
  const told = [];
  client.on('renamed', (m) => told.push(m.name));
  assert.equal((await client.rename('Ada')).name, 'Ada');
  assert.deepEqual(told, ['Ada']);
  assert.deepEqual([client.name, client.resume, client.session.name, client.session.session], ['Ada', 'r2', 'Ada', 's1']);
  assert.equal((await rejection(client.rename(''))).code, 'bad_command');
  assert.equal(client.name, 'Ada');
  socket.onclose({ code: 1006, reason: '' });
  await until(() => hellos.length === 2, 'the second hello');
  assert.deepEqual([hellos[1].name, hellos[1].resume], ['Ada', 'r2']);
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

/** A script that welcomes as one session, joins, and keeps what it was told; `sockets` are its connections. */
function keeping({ limits = {}, hello, session = () => 's1' } = {}) {
  const kept = [];
  const sockets = [];
  const Scripted = scripted((m, say, socket) => {
    kept.push(m);
    if (m.type === 'hello' && hello?.(m, say, socket, kept)) return;
    if (m.type === 'hello') say({ ...welcome(m), session: session(), limits });
    for (const join of m.type === 'join' ? [m] : m.rooms ?? []) {
      say({ type: 'joined', id: join.id, room: join.room, epoch: 'e', offset: join.since?.offset ?? 5, role: 'member',
        members_count: 1, ...(join.since ? { recovered: true } : {}) });
    }
    if (m.type === 'leave') say({ type: 'left', id: m.id, room: m.room });
  });
  class WebSocket extends Scripted {
    constructor() { super(); sockets.push(this); }
    close() { this.onclose?.({ code: 1005, reason: '' }); }
  }
  const cut = () => { kept.length = 0; sockets.at(-1).onclose({ code: 1006, reason: '' }); };
  return { kept, sockets, WebSocket, cut };
}

test('a session that goes on is in its rooms again by its hello', async (t) => {
  const { kept, WebSocket, cut } = keeping();
  const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 1 });
  t.after(() => client.close());
  const states = [];
  client.on('session', () => states.push('session'));
  client.on('joined', (m) => states.push(m.room));
  const first = client.join('red', { members: true });
  await client.connect();
  await first;
  await client.join('blue', { token: 't' });
  let asked = 0;
  await client.join('late', { token: async () => `t${++asked}` });
  await client.join('gone');
  await client.leave('gone');
  assert.deepEqual(kept.map((m) => [m.type, m.room, m.rooms]).slice(0, 2), [['hello', undefined, undefined], ['join', 'red', undefined]],
    'who does not know yet who he is comes into no room');
  states.length = 0;
  cut();
  await until(() => ['red', 'blue', 'late'].every((name) => client.room(name).state === 'in'), 'it to be back in all rooms');
  assert.deepEqual(states, ['session', 'red', 'blue', 'late']);
  assert.deepEqual(kept.map((m) => m.type), ['hello', 'join']);
  assert.deepEqual(kept[0].rooms.map(({ id, ...join }) => join), [
    { room: 'red', since: { epoch: 'e', offset: 5 }, members: true }, { room: 'blue', since: { epoch: 'e', offset: 5 }, token: 't' }]);
  assert.deepEqual([kept[1].room, kept[1].token, asked], ['late', 't2', 2], 'nothing waits for a function');
});

test('more rooms than a hello takes follow the welcome: by number, and by size', async (t) => {
  for (const [rooms, message_bytes, most] of [[300, 1 << 20, 255], [60, 1000, 20]]) {
    const { kept, WebSocket, cut } = keeping({ limits: { message_bytes } });
    const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 1, requests_max: 1000 });
    t.after(() => client.close());
    await client.connect();
    const names = Array.from({ length: rooms }, (_, i) => `room ü ${i}`);
    await Promise.all(names.map((name) => client.join(name)));
    cut();
    await until(() => names.every((name) => client.room(name).state === 'in'), 'all of them');
    const [hello, ...joins] = kept;
    assert.ok(hello.rooms.length <= most && hello.rooms.length > most / 3, `${hello.rooms.length} rooms`);
    assert.ok(Buffer.byteLength(JSON.stringify(hello)) <= message_bytes);
    assert.deepEqual([...hello.rooms, ...joins].map((m) => m.room), names, 'each once');
  }
});

test('a hello that is refused brings its rooms again; what is told of the first ones is of no interest', async (t) => {
  let refuse = false;
  const { kept, WebSocket, cut } = keeping({
    hello: (m, say) => {
      if (!refuse) return false;
      refuse = false;
      say({ type: 'error', id: m.id, code: 'token_expired', message: 'It was good once.' });
      for (const join of m.rooms) say({ type: 'error', id: join.id, code: 'unauthorized', message: 'Say hello.' });
      return true;
    },
  });
  const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 1, token: async () => 't' });
  t.after(() => client.close());
  const told = [];
  for (const type of ['error', 'left']) client.on(type, (m) => told.push(m));
  await client.connect();
  await client.join('red');
  refuse = true;
  cut();
  await until(() => client.room('red').state === 'in', 'it to be back');
  assert.deepEqual(kept.map((m) => [m.type, m.rooms?.map((r) => r.room)]), [['hello', ['red']], ['hello', ['red']]]);
  assert.deepEqual(told, []);
});

test('a room that is left while the hello is under way is left there, too', async (t) => {
  const { kept, WebSocket, cut } = keeping();
  const client = new Plenum('ws://nowhere', { WebSocket, backoff_base_ms: 1 });
  t.after(() => client.close());
  await client.connect();
  for (const room of ['red', 'blue', 'new']) await client.join(room);
  await client.leave('new');
  const off = client.on('session', () => {
    off();
    client.leave('red');
    client.leave('blue');
    client.join('blue', { history: 3 });
    client.join('new');
  });
  cut();
  await until(() => ['blue', 'new'].every((name) => client.room(name).state === 'in'), 'it to be in two');
  assert.equal(client.room('red').state, 'out');
  assert.deepEqual(kept.map((m) => [m.type, m.room ?? m.rooms.map((r) => r.room)]),
    [['hello', ['red', 'blue']], ['leave', 'red'], ['join', 'blue'], ['join', 'new']]);
});

test('on the real server: a cut of forty rooms, of which one hello takes what fits, and nothing is lost', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--rooms.per_connection_max=64', '--limits.message_bytes=2048'] });
  const sockets = [];
  const hellos = [];
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
    send(text) { const m = JSON.parse(text); if (m.type === 'hello') hellos.push(m); super.send(text); }
  }
  const ada = new Plenum(server.ws, { WebSocket: Cuttable, backoff_base_ms: 1 });
  const bob = new Plenum(server.ws, { WebSocket });
  t.after(() => { ada.close(); bob.close(); });
  const names = Array.from({ length: 40 }, (_, i) => `room ${i}`);
  const heard = new Map(names.map((name) => [name, listen(ada, name)]));
  for (const client of [ada, bob]) {
    await client.connect();
    await Promise.all(names.map((name) => client.join(name)));
  }
  await Promise.all(names.map((name) => bob.publish(name, 'before')));
  await until(() => names.every((name) => heard.get(name).data.length === 1), 'what was said before');
  const before = ada.session;
  const dialled = sockets.length;
  sockets.at(-1).terminate();
  await Promise.all(names.map((name) => bob.publish(name, 'meanwhile')));
  await until(() => sockets.length > dialled && names.every((name) => ada.room(name).state === 'in'), 'Ada in all rooms');
  await Promise.all(names.map((name) => bob.publish(name, 'after')));
  await until(() => names.every((name) => heard.get(name).data.length === 3), 'all of it');
  for (const { data, losses } of heard.values()) assert.deepEqual([data, losses], [['before', 'meanwhile', 'after'], []]);
  assert.equal(ada.session.session, before.session);
  const brought = hellos.at(-1).rooms.length;
  assert.ok(brought > 10 && brought < 40, `${brought} rooms`);
});

test('a name changed on the real server: others read who it was, and the session survives a cut under the new one', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  let socket;
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); socket = this; }
  }
  const eve = new Plenum(server.ws, { WebSocket: Cuttable, name: 'Eve', backoff_base_ms: 1 });
  const bob = new Plenum(server.ws, { WebSocket, name: 'Bob' });
  t.after(() => { eve.close(); bob.close(); });
  const heard = [];
  bob.on('member:changed', (m) => heard.push([m.previous_name, m.member.name, m.member.connected]));
  const before = await eve.connect();
  await bob.connect();
  await eve.join('room');
  await bob.join('room');
  const reply = await eve.rename('Ada');
  assert.deepEqual([reply.name, eve.resume], ['Ada', reply.resume]);
  assert.notEqual(eve.resume, before.resume);
  await until(() => heard.length === 1, 'the new name at Bob');
  assert.deepEqual(heard, [['Eve', 'Ada', true]]);
  assert.equal((await rejection(eve.rename(' no name '))).code, 'bad_command');

  let session = null;
  eve.on('session', (s) => { session = s; });
  socket.terminate();
  await until(() => session && eve.room('room').state === 'in', 'Ada to be back');
  assert.deepEqual([session.session, session.user, session.name, session.resumed], [before.session, before.user, 'Ada', true]);
});

/** A server whose tokens end when they say so, and a function that makes them. */
async function tokenServer(t) {
  const secret = 'a secret of at least thirty-two bytes';
  const server = await startServer(t, { flags: [`--auth.secret=${secret}`, '--auth.leeway_s=0', '--auth.expiry_grace_s=0'] });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const mint = (seconds, sub = 'ada') => {
    const claims = { sub, name: sub === 'ada' ? 'Ada' : sub, exp: Date.now() / 1000 + seconds };
    const signed = `${part({ alg: 'HS256' })}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  return { server, mint };
}

test('a token that ends is followed by the next one, and the session goes on; without a next one it ends', async (t) => {
  const { server, mint } = await tokenServer(t);
  const lives = [2, 600];
  const ada = new Plenum(server.ws, { WebSocket, token: async () => mint(lives.shift()) });
  const short = new Plenum(server.ws, { WebSocket, token: mint(2), max_attempts: 1 });
  t.after(() => { ada.close(); short.close(); });
  const told = [];
  ada.on('token_expiring', (m) => told.push(m.expires_in));
  const before = await ada.connect();
  assert.deepEqual([before.user, before.name], ['ada', 'Ada']);
  await short.connect();
  let ended;
  short.on('state', (s) => { ended ??= s.state !== 'open' ? s : undefined; });
  await until(() => ended, 'the end of who has no other token');
  assert.deepEqual([ended.state, ended.code], ['closed', 'token_expired']);
  assert.equal(told.length, 1);
  assert.equal(ada.state, 'open');
  assert.notEqual(ada.resume, before.resume);
  assert.equal((await ada.request({ type: 'ping' })).type, 'pong');
  assert.equal((await rejection(ada.refresh('x.y.z'))).code, 'unauthorized');
});

test('who ended with the token goes on with another one of the same user: the same session', async (t) => {
  const { server, mint } = await tokenServer(t);
  const plenum = new Plenum(server.ws, { WebSocket, token: mint(2), backoff_base_ms: 1 });
  t.after(() => plenum.close());
  const before = await plenum.connect();
  const states = [];
  plenum.on('state', ({ state, code }) => states.push(code ?? state));
  await until(() => plenum.state === 'closed', 'the end of the token');
  assert.deepEqual(states, ['token_expired'], 'no attempt of its own');
  assert.equal((await rejection(plenum.connect())).code, 'token_expired', 'the same token again');
  plenum.token = mint(600);
  const after = await plenum.connect();
  assert.deepEqual([after.session, after.user], [before.session, 'ada']);
});

test('a text that was refreshed is the one of the next connection', async (t) => {
  const { server, mint } = await tokenServer(t);
  let socket;
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); socket = this; }
  }
  const plenum = new Plenum(server.ws, { WebSocket: Cuttable, token: mint(3), backoff_base_ms: 1 });
  t.after(() => plenum.close());
  const refreshed = [];
  plenum.on('token_refreshed', ({ expires_in }) => refreshed.push(expires_in));
  const { session } = await plenum.connect();
  assert.equal((await rejection(plenum.refresh())).code, 'bad_argument');
  assert.equal((await rejection(plenum.refresh(mint(600, 'bob')))).code, 'unauthorized', 'another user');
  const next = mint(600);
  await plenum.refresh(next);
  assert.equal(plenum.token, next);
  assert.equal(refreshed.length, 1);
  assert.ok(refreshed[0] > 500);
  plenum.resume = null;   // so that it is the token that counts
  let back = null;
  plenum.on('session', (m) => { back = m; });
  socket.terminate();
  await until(() => back, 'it to be back');
  assert.deepEqual([back.user, back.session !== session], ['ada', true]);
});

test('a source of tokens that fails is asked again; what ended meanwhile is resumed with what it has then', async (t) => {
  const asked = [];
  const hellos = [];
  let socket;
  let passing = null;
  const Scripted = scripted((m, say) => {
    if (m.type === 'hello') {
      hellos.push([m.token, m.resume]);
      if (passing) { say({ type: 'error', id: m.id, ...passing }); passing = null; return; }
      say({ type: 'welcome', id: m.id, session: 's1', user: 'ada', name: 'Ada', resume: 'r1', heartbeat_s: 30, limits: {} });
    }
    if (m.type === 'refresh') say({ type: 'ack', id: m.id, expires_in: 60, resume: 'r2' });
  });
  class WebSocket extends Scripted {
    constructor() { super(); socket = this; }
  }
  const answers = ['t1', null, 't2', 't3', 't4'];
  const token = async () => {
    const answer = answers[asked.length];
    asked.push(answer);
    if (answer === null) throw new Error('the shop is shut');
    return answer;
  };
  const plenum = new Plenum('ws://nowhere', { WebSocket, token, backoff_base_ms: 1 });
  t.after(() => plenum.close());
  const told = [];
  plenum.on('error', (e) => told.push(e.message));
  plenum.on('token_refreshed', (e) => told.push(e.expires_in));
  await plenum.connect();
  socket.onmessage({ data: JSON.stringify({ type: 'token_expiring', expires_in: 3 }) });
  await until(() => told.length === 2, 'the second attempt');
  assert.deepEqual(told, ['Could not get a token: the shop is shut', 60]);
  assert.deepEqual([asked.length, plenum.resume], [3, 'r2']);
  // The end of a token, where there is a source, is a reason to come back.
  passing = { code: 'token_expired', message: 'It was good once.' };
  socket.onclose({ code: 1008, reason: 'token_expired' });
  await until(() => plenum.state === 'open', 'it to be back');
  assert.deepEqual(hellos, [['t1', undefined], ['t3', 'r2'], ['t4', 'r2']], 'the session is kept for the next token');
});

test('a listener that closes upon a session is obeyed', async (t) => {
  const server = await startServer(t);
  const plenum = new Plenum(server.ws, { WebSocket, name: 'Ada' });
  plenum.on('session', () => plenum.close());
  assert.equal((await rejection(plenum.connect())).code, 'closed');
  assert.equal(plenum.state, 'closed');
});

test('what becomes of messages: told to all as records, counted as such, and a cut neither loses nor repeats them', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'] });
  let sockets = [];
  class Cuttable extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
  }
  const ada = new Plenum(server.ws, { WebSocket, name: 'Ada' });
  const bob = new Plenum(server.ws, { WebSocket: Cuttable, name: 'Bob', backoff_base_ms: 20 });
  t.after(() => { ada.close(); bob.close(); });
  const room = ada.room('room');
  const of = (client) => {
    const heard = [];
    for (const type of ['message', 'message:edited', 'message:deleted', 'message:reactions', 'gap', 'reset']) client.room('room').on(type, (m) => heard.push(m));
    return heard;
  };
  const atAda = of(ada);
  const atBob = of(bob);
  for (const c of [ada, bob]) { await c.connect(); await c.join('room'); }
  const first = await room.send('helo');
  const answer = await bob.room('room').send('hello', { replyTo: first.offset });
  const edit = await room.edit(first.offset, 'hello', { ifVersion: first.offset });
  const given = await bob.room('room').react(first.offset, '👍');
  const again = await bob.room('room').react(first.offset, '👍');
  assert.deepEqual([again.duplicate, again.offset], [true, given.offset]);
  const back = await bob.room('room').react(first.offset, '👍', false);
  const gone = await bob.room('room').delete(answer.offset, { reason: 'never mind' });
  const told = [['message:edited', edit.offset, first.offset, 'hello'], ['message:reactions', given.offset, first.offset, ['👍', true, 1]],
    ['message:reactions', back.offset, first.offset, ['👍', false, 0]], ['message:deleted', gone.offset, answer.offset, 'never mind']];
  const changes = (heard) => heard.filter((m) => m.type !== 'message')
    .map((m) => [m.type, m.offset, m.target, m.data ?? m.reason ?? [m.key, m.on, m.count]]);
  for (const heard of [atAda, atBob]) await until(() => heard.at(-1)?.offset === gone.offset, () => JSON.stringify(heard));
  assert.deepEqual([changes(atAda), changes(atBob)], [told, told]);
  assert.equal(atAda.find((m) => m.type === 'message').reply_to, first.offset);
  for (const c of [ada, bob]) assert.equal(c.room('room').cursor, gone.offset, 'each counts as one');

  // As it is now, in the history and in a thread.
  const { history } = await room.history();
  assert.deepEqual([history[0].data, history[0].version, history[0].edited > 0, history[0].replies], ['hello', edit.offset, true, 1]);
  const later = await room.publish('yes, hello', { replyTo: first.offset });
  const thread = await ada.thread('room', first.offset);
  assert.deepEqual(thread.history.map((m) => [m.offset, m.deleted ?? false, m.data]), [[answer.offset, true, undefined], [later.offset, false, 'yes, hello']]);

  // Cut while others change things.
  await until(() => bob.room('room').cursor === later.offset, 'Bob to have read on');
  const before = atBob.length;
  const session = new Promise((done) => bob.on('session', done));
  for (const socket of sockets.splice(0)) socket.terminate();
  const meanwhile = [];
  for (let i = 0; i < 10; i++) meanwhile.push((await room.react(first.offset, `${i}`)).offset);
  meanwhile.push((await room.send('one more')).offset, (await room.edit(first.offset, 'hello!')).offset);
  await session;
  await until(() => bob.room('room').cursor === meanwhile.at(-1), 'Bob to have caught up');
  meanwhile.push((await room.delete(first.offset)).offset);
  await until(() => bob.room('room').cursor === meanwhile.at(-1), 'Bob to hear the last');
  assert.deepEqual(atBob.slice(before).map((m) => m.offset), meanwhile, 'each once, in order');
  assert.deepEqual(atAda.filter((m) => m.type === 'gap' || m.type === 'reset'), []);
});

test('what becomes of messages: what the server refuses, and what cannot be meant', async (t) => {
  const server = await startServer(t);
  const ada = new Plenum(server.ws, { WebSocket, name: 'Ada' });
  const bob = new Plenum(server.ws, { WebSocket, name: 'Bob' });
  t.after(() => { ada.close(); bob.close(); });
  for (const c of [ada, bob]) { await c.connect(); await c.join('room'); }
  const room = ada.room('room');
  const { offset } = await room.send('mine');
  assert.equal((await rejection(bob.room('room').edit(offset, 'yours'))).code, 'forbidden');
  assert.equal((await rejection(bob.room('room').delete(offset))).code, 'forbidden');
  await room.edit(offset, 'mine still');
  assert.equal((await rejection(room.edit(offset, 'late', { ifVersion: offset }))).code, 'conflict');
  assert.equal((await rejection(room.react(offset + 100, 'x'))).code, 'not_found');
  await room.delete(offset);
  assert.equal((await rejection(room.edit(offset, 'again'))).code, 'not_found');
  for (const promise of [room.edit('7', 'x'), room.edit(0, 'x'), room.edit(7, 'x', { if_version: 7 }), room.delete(), room.delete(7, { why: 'x' }), room.react(7, 8),
    room.react(7, 'x', 'off'), room.send('x', { replyTo: -1 }), room.send('x', { reply_to: 1 }), room.thread(1.5), room.edit(7, undefined)]) {
    assert.equal((await rejection(promise)).code, 'bad_argument');
  }
});
