// SPDX-License-Identifier: Apache-2.0
//
// Data that are bytes on JSON connections and over the HTTP API, against the real binary: in binary frames for who has asked for them by
// `plenum.v1.json.bytes`, in base64 for who has not, up to the most that a message may have; and bodies that are bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, inflateRawSync } from 'node:zlib';
import { sharedServer, withServer } from './support.mjs';
import { BINARY, Native, PING, PONG, TEXT, parseFrame, upgradeRequest } from './websocket.mjs';

const CAP = 300_000;
const server = await sharedServer({
  flags: ['--limits.commands_per_s=0', `--limits.message_bytes=${CAP}`, '--api.body_bytes=1MiB', '--server.shards=2', '--websocket.deflate=true',
    '--log.bytes=16MiB'],
});

const COMPRESSED = 4; // RSV1, of three reserved bits
let rooms = 0;
const aRoom = () => `bytes ${++rooms}`;

function framed(head, tail) {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, tail]);
}

function unframed(payload) {
  const end = 4 + payload.readUInt32BE(0);
  return { ...JSON.parse(payload.subarray(4, end).toString()), data: payload.subarray(end) };
}

const inflated = (payload) =>
  inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: constants.Z_SYNC_FLUSH });

// A client of JSON that is told bytes as they are. `opcode` of a message: how it came.
class Bytes extends Native {
  static async open(at = server, fields = {}) {
    const client = new Bytes(await at.connect());
    client.tcp.write(upgradeRequest('/ws', { 'Sec-WebSocket-Protocol': 'plenum.v1.json.bytes', ...fields }));
    const answer = await client.tcp.response();
    assert.deepEqual([answer.status, answer.headers['sec-websocket-protocol']], [101, 'plenum.v1.json.bytes']);
    client.nextId = 1;
    client.welcome = await client.call({ type: 'hello' });
    assert.equal(client.welcome.type, 'welcome');
    return client;
  }

  async frame(limit) {
    const found = await this.tcp.wait('a frame', () => parseFrame(this.tcp.bytes(), COMPRESSED), limit);
    this.tcp.take(found.size);
    return found;
  }

  async next(limit) {
    for (;;) {
      const got = await this.frame(limit);
      if (got.opcode === PING) {
        this.send(PONG, got.payload);
        continue;
      }
      const payload = got.rsv === COMPRESSED ? inflated(got.payload) : got.payload;
      assert.ok(got.opcode === TEXT || got.opcode === BINARY, `opcode ${got.opcode}`);
      const message = got.opcode === BINARY ? unframed(payload) : JSON.parse(payload.toString());
      Object.defineProperty(message, 'raw', { value: payload.toString('latin1') });
      Object.defineProperty(message, 'opcode', { value: got.opcode });
      Object.defineProperty(message, 'deflated', { value: got.rsv === COMPRESSED });
      return message;
    }
  }

  post(command, tail) {
    const id = this.nextId++;
    this.send(BINARY, framed({ ...command, id }, tail));
    return this.replyTo(id);
  }
}

const noise = (n) => Buffer.from(Uint8Array.from({ length: n }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 255));
const base64 = (bytes) => Buffer.from(bytes).toString('base64');

test('who has asked is told bytes in binary frames, who has not in base64, and all else as text', async () => {
  const room = aRoom();
  const [ada, bob, eve] = [await Bytes.open(), await Bytes.open(), await Native.open(server)];
  for (const client of [ada, bob, eve]) await client.join(room);
  for (const bytes of [noise(0), noise(1), noise(125), noise(70_000)]) {
    const { offset } = await ada.post({ type: 'message', room, content_type: 'image/png' }, bytes);
    const heard = await bob.nextOf('message');
    assert.deepEqual([heard.opcode, heard.offset, heard.content_type, heard.from.user], [BINARY, offset, 'image/png', ada.welcome.user]);
    assert.ok(heard.data.equals(bytes));
    const plain = await eve.nextOf('message');
    assert.deepEqual([plain.offset, plain.data, plain.content_type], [offset, base64(bytes), 'image/png']);
    const { data, ...rest } = heard;
    const { data: text, ...other } = plain;
    assert.deepEqual(Object.keys(rest), Object.keys(other), 'the same keys in the same order, but for the data');
    assert.deepEqual(rest, other);
  }
  // Bytes that are JSON are JSON, and what is JSON is text.
  await ada.post({ type: 'message', room, content_type: 'application/json' }, Buffer.from('{"a":[1]}'));
  const json = await bob.nextOf('message');
  assert.deepEqual([json.opcode, json.data, json.content_type], [TEXT, { a: [1] }, undefined]);
  await eve.call({ type: 'message', room, data: base64(noise(99)), content_type: 'x/y' });
  const sent = [await bob.nextOf('message'), await ada.nextOf('message')];
  for (const one of sent) assert.deepEqual([one.opcode, one.content_type, one.data.equals(noise(99))], [BINARY, 'x/y', true]);
});

test('edits, signals, directs and what is told behind a join; a page of history is one text', async () => {
  const room = aRoom();
  const [ada, bob] = [await Bytes.open(), await Bytes.open()];
  for (const client of [ada, bob]) await client.join(room);
  const { offset } = await ada.post({ type: 'message', room, content_type: 'a/b' }, noise(500));
  await bob.nextOf('message');
  await ada.post({ type: 'edit', room, offset, content_type: 'a/c' }, noise(300));
  const edited = await bob.nextOf('message:edited');
  assert.deepEqual([edited.opcode, edited.target, edited.content_type, edited.data.equals(noise(300))], [BINARY, offset, 'a/c', true]);
  ada.send(BINARY, framed({ type: 'signal', room, content_type: 'x/y' }, noise(3)));
  const signal = await bob.nextOf('signal');
  assert.deepEqual([signal.opcode, signal.content_type, signal.data.equals(noise(3))], [BINARY, 'x/y', true]);
  await ada.post({ type: 'direct', to: bob.welcome.user, content_type: 'x/z' }, noise(4));
  const direct = await bob.nextOf('direct');
  assert.deepEqual([direct.opcode, direct.content_type, direct.data.equals(noise(4))], [BINARY, 'x/z', true]);
  const late = await Bytes.open();
  await late.join(room, { history: 5 });
  const row = await late.nextOf('message');
  assert.deepEqual([row.opcode, row.offset, row.content_type, row.data.equals(noise(300))], [BINARY, offset, 'a/c', true]);
  const page = await late.call({ type: 'history', room, limit: 5 });
  assert.equal(page.opcode, TEXT);
  assert.deepEqual([page.history[0].data, page.history[0].content_type], [base64(noise(300)), 'a/c']);
  // What was taken back has no bytes, and so no frame of its own kind.
  await ada.call({ type: 'delete', room, offset });
  await late.nextOf('message:deleted');
  const later = await Bytes.open();
  await later.join(room, { history: 5 });
  const gone = await later.nextOf('message');
  assert.deepEqual([gone.opcode, gone.offset, gone.deleted, gone.data], [TEXT, offset, true, undefined]);
});

test('up to the most that a message may have', async () => {
  const room = aRoom();
  const [ada, bob] = [await Bytes.open(), await Bytes.open()];
  for (const client of [ada, bob]) await client.join(room);
  assert.equal(ada.welcome.limits.message_bytes, CAP);
  const head = { type: 'message', room, content_type: 'video/mp4', id: ada.nextId };
  const all = noise(CAP - framed(head, Buffer.alloc(0)).length);
  ada.nextId++;
  ada.send(BINARY, framed(head, all));
  await ada.replyTo(head.id);
  const heard = await bob.nextOf('message');
  assert.equal(heard.opcode, BINARY);
  assert.ok(heard.data.equals(all));
  ada.send(BINARY, framed({ ...head, id: ada.nextId }, Buffer.concat([all, Buffer.alloc(1)])));
  await ada.expectClose(1009);
});

test('deflated, a binary message is one', async () => {
  const room = aRoom();
  const deflated = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' };
  const [ada, bob] = [await Bytes.open(), await Bytes.open(server, deflated)];
  for (const client of [ada, bob]) await client.join(room);
  const bytes = Buffer.from('again and again '.repeat(200));
  await ada.post({ type: 'message', room, content_type: 'text/plain' }, bytes);
  const heard = await bob.nextOf('message');
  assert.deepEqual([heard.opcode, heard.deflated, heard.data.equals(bytes)], [BINARY, true, true]);
  await ada.call({ type: 'message', room, data: bytes.toString() });
  const text = await bob.nextOf('message');
  assert.deepEqual([text.opcode, text.deflated, text.data], [TEXT, true, bytes.toString()]);
});

test('a message of a mebibyte is deflated in slices, once for all who read it so, and what is said behind it comes behind it', async () => {
  await withServer({ flags: ['--limits.message_bytes=4MiB', '--websocket.deflate=true', '--log.bytes=16MiB', '--rooms.lag_bytes=16MiB'] }, async (own) => {
    const room = aRoom();
    const deflated = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' };
    const readers = [await Bytes.open(own, deflated), await Bytes.open(own, deflated), await Bytes.open(own)];
    for (const client of readers) await client.join(room);
    const before = await own.metrics();
    const bytes = Buffer.from(Array.from({ length: 1 << 15 }, (_, i) => `${(i * 7919) % 99991} is one of many things. `.padEnd(32)).join(''));
    assert.equal(bytes.length, 1 << 20);
    const [ada] = readers;
    for (const data of [bytes, Buffer.from('behind it '.repeat(50))]) {
      ada.send(BINARY, framed({ type: 'message', room, echo: true, content_type: 'text/plain', id: ada.nextId++ }, data));
    }
    for (const client of readers) {
      const heard = [await client.nextOf('message', 20_000), await client.nextOf('message')];
      assert.deepEqual(heard.map((m) => [m.offset, m.opcode, m.deflated]), [[1, BINARY, client !== readers[2]], [2, BINARY, client !== readers[2]]]);
      assert.ok(heard[0].data.equals(bytes));
    }
    const after = await own.metrics();
    const more = (name) => after[name] - before[name];
    assert.equal(more('plenum_deflate_slices_total'), 17, 'a mebibyte and its object, 64 KiB at a time');
    assert.deepEqual([more('plenum_deflated_total'), more('plenum_deflate_put_off_total')], [2, 0]);
  });
});

async function post(command, body, type) {
  const response = await fetch(`http://127.0.0.1:${server.http}/api/v1/${command}`, { method: 'POST', body, headers: { 'content-type': type } });
  return { status: response.status, body: await response.json() };
}

test('the HTTP API takes bytes as base64 and as they are, of every command that has `content_type`', async () => {
  const [one, two] = [aRoom(), aRoom()];
  const bob = await Bytes.open();
  for (const room of [one, two]) await bob.join(room);
  const bytes = noise(1000);
  const said = { content_type: 'image/gif' };
  const both = [(command, keys) => post(command, JSON.stringify({ ...keys, ...said, data: base64(bytes) }), 'application/json'),
    (command, keys) => post(command, framed({ ...keys, ...said }, bytes), 'application/octet-stream')];
  for (const send of both) {
    const published = await send('publish', { room: one });
    assert.equal(published.status, 200, JSON.stringify(published.body));
    const heard = [await bob.nextOf('message')];
    assert.equal(heard[0].offset, published.body.offset);
    assert.equal((await send('broadcast', { rooms: [one, two] })).status, 200);
    heard.push(await bob.nextOf('message'), await bob.nextOf('message'));
    assert.deepEqual(heard.slice(1).map((m) => m.room).sort(), [one, two].sort());
    assert.equal((await send('edit', { room: one, offset: published.body.offset })).status, 200);
    heard.push(await bob.nextOf('message:edited'));
    assert.equal((await send('signal', { room: one })).status, 200);
    heard.push(await bob.nextOf('signal'));
    assert.equal((await send('direct', { to: bob.welcome.user })).status, 200);
    heard.push(await bob.nextOf('direct'));
    for (const m of heard) assert.deepEqual([m.opcode, m.content_type, m.data.equals(bytes)], [BINARY, 'image/gif', true], m.type);
  }
});

test('what is wrong with a body of bytes is said', async () => {
  const refused = async (command, body, status, pattern, type = 'application/octet-stream') => {
    const answer = await post(command, body, type);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.error.message, pattern);
  };
  await refused('publish', Buffer.from([0, 0, 0]), 400, /length of a JSON object/);
  await refused('publish', Buffer.from([0, 0, 0, 3, 0x7b, 0x7d]), 400, /length of a JSON object/);
  await refused('publish', framed({ room: 'r' }, noise(2)), 400, /`content_type` must be/);
  await refused('publish', framed({ room: 'r', content_type: 'none' }, noise(2)), 400, /`content_type` must be/);
  await refused('publish', framed({ content_type: 'a/b' }, noise(2)), 400, /`room` must be/);
  await refused('publish', Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from([0x7b, 0x22, 0xff, 0x7d])]), 400, /UTF-8/);
  await refused('publish', framed({ room: 'r', content_type: 'application/json' }, noise(2)), 400, /JSON/);
  await refused('publish', framed({ room: 'r', content_type: 'a/b' }, noise(CAP + 1)), 413, /`limits.message_bytes`/);
  await refused('kick', framed({ room: 'r', user: 'u' }, noise(2)), 415, /`application\/json`/);
  await refused('batch', framed({ commands: [] }, noise(2)), 415, /`application\/json`/);
  await refused('publish', '{"room":"r","data":1}', 415, /`application\/json`/, 'text/plain');
});
