// SPDX-License-Identifier: Apache-2.0
//
// plenum.v1.protobuf on the wire, against the real binary: what it takes, that it says what JSON says, and that both meet in one
// room. Message by message it is held to protobuf-c by tests/unit/test_dialect_protobuf.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Speech, decode, encode } from '../../web/plenum-protobuf.mjs';
import { Tcp, sharedServer } from './support.mjs';
import { BINARY, Native, PING, PONG, TEXT, Ws } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--rooms.host=first', '--server.shards=2', '--rooms.receipts=true'] });
const SUBPROTOCOL = { 'Sec-WebSocket-Protocol': 'plenum.v1.protobuf' };
let rooms = 0;

// A client of the native protocol that speaks protobuf. `sizes`: of the frames of what came last, heads included.
class Compact extends Native {
  static async open(at = server, hello = {}) {
    const client = new Compact((await Ws.open(at, '/ws', SUBPROTOCOL)).tcp);
    client.nextId = 1;
    client.ready = [];
    client.speech = new Speech((command) => client.say(command));
    client.welcome = await client.call({ type: 'hello', ...hello });
    assert.equal(client.welcome.type, 'welcome');
    return client;
  }

  say(command) {
    return this.send(BINARY, encode(command));
  }

  async next(limit) {
    while (this.ready.length === 0) {
      const got = await this.frame(limit);
      if (got.opcode === PING) {
        this.send(PONG, got.payload);
        continue;
      }
      assert.equal(got.opcode, BINARY);
      for (const message of this.speech.receive(got.payload)) {
        Object.defineProperty(message, 'raw', { value: JSON.stringify(message) });
        Object.defineProperty(message, 'payload', { value: got.payload });
        this.ready.push(message);
      }
    }
    return this.ready.shift();
  }
}

const both = async (fn) => [await fn(Native), await fn(Compact)];

test('a text of 20 bytes is at most 60 on the wire, whoever says it, wherever', async () => {
  const room = 'a room of 20 letters';
  const [ada, bob, eve] = [await Compact.open(), await Compact.open(), await Native.open(server)];
  for (const client of [ada, bob, eve]) await client.join(room);
  const text = 'a text of 20 letters';
  assert.deepEqual([text.length, room.length], [20, 20]);
  for (const author of [eve, ada]) {
    for (let i = 0; i < 3; i++) {
      await author.call({ type: 'message', room, data: text });
      const heard = await bob.nextOf('message');
      assert.deepEqual([heard.data, heard.room, heard.from.user], [text, room, author.welcome.user]);
      const size = heard.payload.length + 2;
      if (i === 0) assert.ok(size > 60, 'the first one says who that is');
      else assert.ok(size <= 60, `${size} bytes`);
    }
  }
  // As text/plain it is as short.
  await ada.call({ type: 'message', room, data: new TextEncoder().encode(text), content_type: 'text/plain' });
  const plain = await bob.nextOf('message');
  assert.ok(plain.payload.length + 2 <= 60, `${plain.payload.length + 2} bytes`);
});

test('JSON, protobuf and lines in one room: data pass between them', async () => {
  const room = `meeting ${++rooms}`;
  const [json, proto] = [await Native.open(server), await Compact.open()];
  const line = await Tcp.connect(server, server.text);
  line.write(`/join ${room}\n`);
  await line.wait('the join', () => line.bytes().includes('* joined'));
  await json.join(room);
  await proto.join(room);
  const data = { text: 'héllo', n: [1, 2.5, null, true], deep: { a: '"\u0000' } };
  await json.call({ type: 'message', room, data });
  assert.deepEqual((await proto.nextOf('message')).data, data);
  await proto.call({ type: 'message', room, data });
  assert.deepEqual((await json.nextOf('message')).data, data);
  const bytes = Uint8Array.from({ length: 3214 }, (_, i) => i * 7);
  const base64 = Buffer.from(bytes).toString('base64');
  await proto.call({ type: 'message', room, data: bytes, content_type: 'image/png' });
  const heard = await json.nextOf('message');
  assert.deepEqual([heard.data, heard.content_type], [base64, 'image/png']);
  await line.wait('the bytes in words', () => line.bytes().includes(': [3.2 KB of image/png]\n'));
  // What a JSON client has read it can say: base64 with its type.
  await json.call({ type: 'message', room, data: base64, content_type: 'image/png' });
  const back = await proto.nextOf('message');
  assert.equal(back.content_type, 'image/png');
  assert.deepEqual(Buffer.from(back.data), Buffer.from(bytes));
  // In a binary frame without base64; also where there are none, and behind a join.
  for (const [type, tail] of [['application/x-thing', bytes], ['text/plain', new Uint8Array()]]) {
    const id = json.nextId++;
    json.send(BINARY, binary({ type: 'message', room, id, content_type: type }, tail));
    const { offset } = await json.replyTo(id);
    const live = await proto.nextOf('message');
    assert.deepEqual([live.offset, live.content_type], [offset, type]);
    assert.deepEqual(Buffer.from(live.data), Buffer.from(tail));
    const late = await Compact.open();
    await late.join(room, { history: 1 });
    const row = await late.nextOf('message');
    assert.deepEqual({ ...row, data: [...row.data] }, { ...live, data: [...live.data] });
  }
  // Edits, signals and directs carry them, too.
  const { offset } = await proto.call({ type: 'message', room, data: 'to be edited' });
  await json.nextOf('message');
  await proto.call({ type: 'edit', room, offset, data: bytes, content_type: 'a/b' });
  assert.deepEqual((await json.nextOf('message:edited')).content_type, 'a/b');
  const page = await json.call({ type: 'history', room, limit: 2 });
  assert.deepEqual([page.history[0].data, page.history[0].content_type], [base64, 'a/b']);
  proto.say({ type: 'signal', room, data: new Uint8Array([0, 255]), content_type: 'x/y' });
  const signal = await json.nextOf('signal');
  assert.deepEqual([signal.data, signal.content_type], ['AP8=', 'x/y']);
  await proto.call({ type: 'direct', to: json.welcome.user, data: new Uint8Array([1]), content_type: 'x/y' });
  const direct = await json.nextOf('direct');
  assert.deepEqual([direct.data, direct.content_type], ['AQ==', 'x/y']);
});

function binary(head, tail) {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, tail]);
}

test('binary frames on a JSON connection: what is wrong is refused in words', async () => {
  const json = await Native.open(server);
  const wrong = async (payload, code, pattern) => {
    json.send(BINARY, payload);
    const error = await json.next();
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
  };
  await wrong(Buffer.alloc(0), 'bad_command', /length of a JSON object/);
  await wrong(Buffer.from([0, 0, 0]), 'bad_command', /length of a JSON object/);
  await wrong(Buffer.from([0, 0, 0, 9, 0x7b, 0x7d]), 'bad_command', /length of a JSON object/);
  await wrong(binary({ type: 'ping' }, Buffer.alloc(1)), 'bad_command', /takes `content_type`/);
  await wrong(binary({ type: 'message', room: 'r' }, Buffer.alloc(1)), 'bad_command', /`content_type` must be/);
  await wrong(binary({ type: 'message', room: 'r', content_type: 'none' }, Buffer.alloc(1)), 'bad_command', /`content_type` must be/);
  await wrong(Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from([0x7b, 0x22, 0xff, 0x7d])]), 'bad_json', /UTF-8/);
  await json.refused({ type: 'message', room: 'r', data: 'not base64', content_type: 'a/b' }, 'bad_command');
  await json.refused({ type: 'message', room: 'r', data: 5, content_type: 'a/b' }, 'bad_command');
});

test('what is no message of plenum.proto is refused in words, and the connection goes on', async () => {
  const client = await Compact.open();
  const cases = [
    [[], 'unknown_type', /no command/],
    [[0x80], 'bad_command', /a varint is cut at position 1/],
    [[0x08, 0x80, 0x00], 'bad_command', /more bytes than it needs/],
    [[0x08, ...Array(10).fill(0xff), 0x01], 'bad_command', /more than 64 bits/],
    [[0x12, 0x05, 0x0a], 'bad_command', /longer than what it is in/],
    [[0x13], 'bad_command', /wire type/],
    [[0x00, 0x01], 'bad_command', /no number/],
    [[0x10, 0x01], 'bad_command', /no message of its own/],
    [[0x32, 0x00, 0x32, 0x00], 'bad_command', /second command/],
    [[0x0a, 0x01, 0x41], 'bad_command', /`id` must be/],
    [[0x12, 0x02, 0x08, 0x01], 'bad_command', /`room` must be .*; got a varint/],
    [[0x52, 0x03, 0x0a, 0x01, 0xff], 'bad_room', /no UTF-8/],
    [[0xfa, 0x7f, 0x00], 'unknown_type', /no command/],
  ];
  for (const [bytes, code, pattern] of cases) {
    client.send(BINARY, Buffer.from(bytes));
    const error = await client.next();
    assert.equal(error.code, code, `${bytes}: ${error.raw}`);
    assert.match(error.message, pattern);
  }
  // What nobody knows is passed over, whatever it is, around the command and in it.
  const unknown = [0xb8, 0x3e, 0x05, 0xba, 0x3e, 0x01, 0x41, 0xb9, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xbd, 0x3e, 1, 2, 3, 4];
  client.send(BINARY, Buffer.from([0x08, 0x63, ...unknown, 0x32, unknown.length, ...unknown]));
  const pong = await client.next();
  assert.deepEqual([pong.type, pong.id], ['pong', 0x63]);
  assert.deepEqual((await client.call({ type: 'ping' })).type, 'pong');
});

test('text frames are not taken here', async () => {
  const client = await Compact.open();
  client.send(TEXT, '{"type":"ping"}');
  await client.expectClose(1003);
});

// Both say the same: the same commands in a room of each, and what is answered and told compared, but for who and when.
test('every command once, and each is answered as in JSON', async () => {
  const scripts = await both(script);
  assert.deepEqual(scripts[1], scripts[0]);
});

async function script(Kind) {
  const room = `script ${++rooms}`;
  const names = new Map();
  const told = [];
  const open = async (name) => {
    const client = await Kind.open(server, { name });
    for (const key of ['user', 'session', 'resume']) names.set(client.welcome[key], `${name} ${key}`);
    return client;
  };
  const [host, ada, bob] = [await open('host'), await open('ada'), await open('bob')];
  const VOLATILE = ['time', 'joined_at', 'last_active', 'epoch', 'resume', 'token', 'invitation', 'expires', 'until', 'edited', 'id'];
  const plain = (value, key) => {
    if (VOLATILE.includes(key)) return typeof value;
    if (typeof value === 'string') return names.get(value) ?? value.replaceAll(room, 'ROOM').replaceAll(/guest-\w+/g, (id) => names.get(id) ?? id).replaceAll('the string ', '');
    if (Array.isArray(value)) return value.map((v) => plain(v));
    if (value && typeof value === 'object') return Object.fromEntries(Object.keys(value).sort().map((k) => [k, plain(value[k], k)]));
    return value;
  };
  let last;
  const call = async (client, command) => {
    last = await client.call(command);
    told.push([command.type, plain(last)]);
    return last;
  };
  await call(host, { type: 'create', room });
  await call(host, { type: 'join', room, members: true });
  await call(ada, { type: 'join', room, members: true });
  const { offset } = await call(ada, { type: 'message', room, data: [1], key: 'k1', echo: true });
  await call(ada, { type: 'message', room, data: [1], key: 'k1' });
  await call(host, { type: 'message', room, data: 'answer', reply_to: offset, conflate: 'c' });
  await call(ada, { type: 'edit', room, offset, data: { a: 1 }, if_version: offset });
  await call(host, { type: 'react', room, offset, key: '👍' });
  await call(host, { type: 'history', room });
  await call(host, { type: 'history', room, reply_to: offset });
  await call(host, { type: 'read', room, offset });
  await call(host, { type: 'state', room, set: { topic: 'x', 'a"b': [1, { b: null }] } });
  await call(ada, { type: 'state', room, merge: { topic: null }, unset: [], if_version: last.version });
  await call(ada, { type: 'state', room, set: { y: 1 }, if_version: { topic: 1 } });
  await call(ada, { type: 'state', room });
  await call(host, { type: 'invite', room, uses: 2, ttl_s: 600, role: 'guest' });
  const { token, invitation } = last;
  await call(host, { type: 'invites', room });
  await call(bob, { type: 'join', room, token });
  await call(host, { type: 'uninvite', room, invitation });
  await call(host, { type: 'role', room, user: ada.welcome.user, role: 'host' });
  await call(host, { type: 'slow', room, seconds: 1 });
  await call(host, { type: 'slow', room, seconds: 0 });
  await call(host, { type: 'readonly', room, on: true });
  await call(host, { type: 'readonly', room, on: false });
  await call(host, { type: 'lock', room, on: true });
  await call(host, { type: 'mute', room, user: bob.welcome.user, seconds: 60, reason: 'noise' });
  await call(bob, { type: 'message', room, data: 1 });
  await call(host, { type: 'unmute', room, user: bob.welcome.user });
  await call(bob, { type: 'rename', name: 'bert' });
  await call(bob, { type: 'switch', from: room, to: `${room} too` });
  await call(bob, { type: 'leave', room: `${room} too` });
  await call(host, { type: 'members', room, limit: 1 });
  await call(host, { type: 'members', room, after: last.next });
  await call(host, { type: 'rooms', prefix: room, limit: 1 });
  await call(host, { type: 'kick', room, user: ada.welcome.user, reason: 'out' });
  await call(host, { type: 'ban', room, user: ada.welcome.user, seconds: 60 });
  await call(host, { type: 'unban', room, user: ada.welcome.user });
  await call(host, { type: 'delete', room, offset, reason: 'old' });
  await call(host, { type: 'direct', to: ada.welcome.user, data: { d: 1 }, key: 'd1' });
  await call(host, { type: 'refresh', token: 'no token' });
  await call(host, { type: 'ping' });
  await call(host, { type: 'message', room: ' bad', data: 1 });
  await call(host, { type: 'history', room, before: 3, limit: 2 });
  await call(host, { type: 'history', room, since: { epoch: last.epoch, offset: 1 }, limit: 3 });
  await call(host, { type: 'close', room, reason: 'end' });
  // What each of them was told beside its replies.
  for (const client of [host, ada, bob]) {
    const ping = await client.call({ type: 'ping' });
    told.push([ping.type, client.before.map((m) => plain(m))]);
  }
  for (const client of [host, ada, bob]) client.tcp.destroy();
  return told;
}

test('a session is taken up again with its rooms, by what was missed', async () => {
  const room = `back ${++rooms}`;
  const [ada, bob] = [await Compact.open(), await Native.open(server)];
  const { epoch } = await ada.join(room);
  await bob.join(room);
  const { offset } = await ada.call({ type: 'message', room, data: 'before' });
  ada.tcp.destroy();
  for (const data of [1, 2]) await bob.call({ type: 'message', room, data });
  const again = await Compact.open(server, { resume: ada.welcome.resume, rooms: [{ id: 7, room, since: { epoch, offset } }, { id: 8, room: 'another' }] });
  assert.equal(again.welcome.session, ada.welcome.session);
  const joined = new Map();
  const seen = [];
  while (joined.size < 2 || seen.length < 2) { // the homes of two rooms answer in any order
    const message = await again.next();
    if (message.type === 'joined') joined.set(message.id, message);
    else if (message.type === 'message') seen.push(message);
  }
  assert.deepEqual([joined.get(7).recovered, joined.get(8).room], [true, 'another']);
  assert.deepEqual(seen.map((m) => [m.data, m.from.user]), [[1, bob.welcome.user], [2, bob.welcome.user]]);
});

test('who was not told a number asks; no number is given twice', async () => {
  const room = `numbers ${++rooms}`;
  const listener = await Compact.open();
  await listener.join(room);
  const [ada, bob] = [await Native.open(server), await Native.open(server)];
  for (const client of [ada, bob]) await client.join(room);
  await ada.call({ type: 'message', room, data: 1 });
  await bob.call({ type: 'message', room, data: 1 });
  const numbers = [];
  for (let i = 0; i < 2; i++) numbers.push(decode((await listener.nextOf('message')).payload).speaker);
  assert.notEqual(numbers[0], numbers[1]);
  for (const [i, client] of [ada, bob].entries()) {
    const reply = await listener.call({ type: 'whois', room, speaker: numbers[i] });
    assert.deepEqual([reply.type, reply.speaker, reply.from.user], ['speaker', numbers[i], client.welcome.user]);
  }
  await listener.refused({ type: 'whois', room, speaker: 99 }, 'not_found');
  await listener.refused({ type: 'whois', room: 'elsewhere', speaker: 1 }, 'not_member');
  // One who knows nobody: it hears who says what, in order, all the same.
  const late = await Compact.open();
  const receive = late.speech.receive.bind(late.speech);
  late.speech.receive = (bytes) => receive(bytes[0] === 0x0a || decode(bytes).type !== 'joined' ? bytes : withoutSpeakers(bytes));
  await late.join(room);
  for (const client of [ada, bob, ada]) await client.call({ type: 'message', room, data: client.welcome.user });
  for (const client of [ada, bob, ada]) {
    const heard = await late.nextOf('message');
    assert.deepEqual([heard.from.user, heard.data], [client.welcome.user, client.welcome.user]);
  }
  // Another name is another number.
  await ada.call({ type: 'rename', name: 'another' });
  await ada.call({ type: 'message', room, data: 2 });
  let renamed;
  do renamed = await listener.nextOf('message'); while (renamed.data !== 2);
  assert.equal(renamed.from.name, 'another');
  assert.ok(!numbers.includes(decode(renamed.payload).speaker));
});

// `joined` with field 79, `speakers`, under a number that nobody knows.
function withoutSpeakers(bytes) {
  const changed = Buffer.from(bytes);
  for (let at = 0; (at = changed.indexOf(Buffer.from([0xfa, 0x04]), at)) >= 0; at += 2) changed[at + 1] = 0x05;
  return changed;
}
