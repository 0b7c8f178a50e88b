// SPDX-License-Identifier: Apache-2.0
//
// The native protocol, command by command: what is taken, what is refused and with which code, and that a refusal
// leaves the connection as it was. The shapes of the commands are a table, and every wrong value is tried on each.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { elapsed, sharedServer, withServer } from './support.mjs';
import { CLOSE, Native, TEXT, Ws } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0'] });

let rooms = 0;
const freshRoom = () => `room ${++rooms}`;

const works = async (client) => assert.equal((await client.call({ type: 'ping' })).type, 'pong');

// ---- the grammar --------------------------------------------------------------------------------------------------

const str = (n) => ({ kind: 'string', max: n });
const OPTIONS = { token: str(16384), history: { kind: 'integer', min: 0, max: 1000 }, since: { kind: 'since' },
  members: { kind: 'boolean' } };
const PAGE = { limit: { kind: 'integer', min: 1, max: 1000 }, after: str(256) };
const GRAMMAR = {
  join: { room: { kind: 'room', required: true }, ...OPTIONS },
  leave: { room: { kind: 'room', required: true } },
  switch: { from: { kind: 'room', required: true }, to: { kind: 'room', required: true }, ...OPTIONS },
  message: { room: { kind: 'room', required: true }, data: { kind: 'any', required: true }, key: str(64),
    echo: { kind: 'boolean' } },
  direct: { to: { kind: 'string', max: 64, required: true }, data: { kind: 'any', required: true }, key: str(64) },
  members: { room: { kind: 'room', required: true }, ...PAGE },
  history: { room: { kind: 'room', required: true }, limit: PAGE.limit, before: { kind: 'integer', min: 1,
    max: 2 ** 53 - 1 }, since: { kind: 'since' } },
  rooms: { prefix: { kind: 'string', max: 128, empty: true }, ...PAGE },
  ping: {},
  role: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true },
    role: { kind: 'role', required: true } },
  kick: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true }, reason: str(256) },
  ban: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true }, reason: str(256),
    seconds: { kind: 'integer', min: 1, max: 315360000 } },
  unban: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true } },
  mute: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true }, reason: str(256),
    seconds: { kind: 'integer', min: 1, max: 315360000 } },
  unmute: { room: { kind: 'room', required: true }, user: { kind: 'string', max: 64, required: true } },
  slow: { room: { kind: 'room', required: true }, seconds: { kind: 'integer', min: 0, max: 315360000, required: true } },
  readonly: { room: { kind: 'room', required: true }, on: { kind: 'boolean', required: true } },
};
const HELLO = { name: { kind: 'name', max: 64 }, resume: str(8000), token: str(16384) };

// Any value, with what it is; the text is put into the message as it stands.
const VALUES = [['null', 'null'], ['true', 'boolean'], ['false', 'boolean'], ['0', 'number'], ['-1', 'number'],
  ['1.5', 'number'], ['1e2', 'number'], ['-0', 'number'],
  ['9007199254740993', 'number'], ['1e1000000000', 'number'], ['18446744073709551616', 'number'],
  ['9'.repeat(400), 'number'], ['""', 'string'], ['"x"', 'string'],
  [JSON.stringify('x'.repeat(20_000)), 'string'], ['"1"', 'string'], ['"true"', 'string'], ['[]', 'array'],
  ['["x"]', 'array'], ['{}', 'object'], ['{"epoch":1}', 'object']];

// Values that this key does not take, with the code it is refused with.
function wrong(spec) {
  const fits = { string: 'string', name: 'string', room: 'string', boolean: 'boolean', integer: 'number',
    since: 'object' }[spec.kind];
  const result = [];
  if (spec.kind === 'any') return result;
  for (const [text, kind] of VALUES) if (kind !== fits) result.push([text, 'bad_command']);
  if (spec.kind === 'room') {
    for (const name of ['', 'x'.repeat(129), 'é'.repeat(65), ' x', 'x ', 'a\nb', 'a\0b', '\x1b[2J', '\x7f', '\u0085'])
      result.push([JSON.stringify(name), 'bad_room']);
  }
  if (spec.kind === 'string' || spec.kind === 'name') {
    result.push([JSON.stringify('x'.repeat(spec.max + 1)), 'bad_command'],
      [JSON.stringify('é'.repeat(spec.max / 2 + 1)), 'bad_command']);
    if (!spec.empty) result.push(['""', 'bad_command']);
  }
  if (spec.kind === 'name') for (const name of [' x', 'x ', 'a\nb', 'a\0b', '\x9b']) result.push([JSON.stringify(name),
    'bad_command']);
  if (spec.kind === 'integer') {
    for (const text of ['-1', '1.5', '1.0', '1e2', '-0', '1e1000000000', '9007199254740993', '18446744073709551616',
      '9'.repeat(400), String(spec.max + 1), String(spec.min - 1)]) {
      if (!(text === '9007199254740993' && spec.max > 2 ** 53)) result.push([text, 'bad_command']);
    }
  }
  if (spec.kind === 'since') {
    for (const text of ['{}', '{"epoch":"x"}', '{"offset":1}', '{"epoch":1,"offset":1}', '{"epoch":"x","offset":"1"}',
      '{"epoch":"x","offset":-1}', '{"epoch":"x","offset":1.5}',
      '{"epoch":null,"offset":1}', '{"epoch":"x","offset":9007199254740992}',
      `{"epoch":"${'x'.repeat(65)}","offset":1}`]) result.push([text, 'bad_command']);
    result.push(['{"epoch":"x","offset":1,"offset":2}', 'bad_json'], ['{"epoch":"x","epo\\u0063h":"y","offset":2}',
      'bad_json']);
  }
  return result;
}

const GOOD = { room: '"grammar"', from: '"grammar"', to: '"grammar"', data: '1', user: '"u"', role: '"member"',
  seconds: '5', on: 'true' };
const pairsOf = (keys) => Object.entries(keys).map(([key, text]) => `,"${key}":${text}`).join('');
const compose = (type, id, keys) => `{"type":"${type}","id":${id}${pairsOf(keys)}}`;

function required(shape) {
  const keys = Object.keys(shape).filter((key) => shape[key].required);
  return Object.fromEntries(keys.map((key) => [key, GOOD[key]]));
}

// Sends all messages in one go; each must be refused with its code and id, in order.
async function allRefused(client, messages) {
  for (const { text } of messages) client.text(text);
  for (const { text, code, id } of messages) {
    const reply = await client.next();
    const shown = `${text.slice(0, 150)} -> ${reply.raw}`;
    assert.equal(reply.type, 'error', shown);
    assert.equal(reply.code, code, shown);
    if (id !== undefined) assert.ok(reply.raw.startsWith(`{"type":"error","id":${id},`), shown);
    else assert.equal(reply.id, undefined, shown);
  }
  await works(client);
}

test('F6: every command with every key missing or of a wrong kind, size or form', async () => {
  const client = await Native.open(server);
  await client.join('grammar');
  let id = 1000;
  for (const [type, shape] of Object.entries(GRAMMAR)) {
    const messages = [];
    for (const [key, spec] of Object.entries(shape)) {
      const keys = required(shape);
      delete keys[key];
      if (spec.required) messages.push({ text: compose(type, ++id, keys), code: 'bad_command', id });
      for (const [text, code] of wrong(spec)) {
        id++;
        messages.push({ text: compose(type, id, { ...keys, [key]: text }), code,
          id: code === 'bad_json' ? undefined : id });
      }
    }
    // A bad_json inside `since` is found after the id was read: either is right, so those are tried apart.
    const apart = messages.filter(({ code }) => code === 'bad_json');
    await allRefused(client, messages.filter(({ code }) => code !== 'bad_json'));
    for (const { text } of apart) {
      client.text(text);
      const reply = await client.next();
      assert.equal(reply.code, 'bad_json', `${text} -> ${reply.raw}`);
    }
  }
  await client.close();
  const fresh = await Native.bare(await Ws.open(server));
  for (const [key, spec] of Object.entries(HELLO)) {
    await allRefusedHello(fresh, key, spec);
  }
  assert.equal((await fresh.call({ type: 'hello', name: 'x' })).type, 'welcome');
  await fresh.close();
});

async function allRefusedHello(client, key, spec) {
  for (const [text, code] of wrong(spec)) {
    client.text(`{"type":"hello","id":"h","${key}":${text}}`);
    const reply = await client.next();
    assert.deepEqual([reply.type, reply.code, reply.id], ['error', code, 'h'],
      `${key}: ${text.slice(0, 100)} -> ${reply.raw}`);
  }
}

test('unknown keys are ignored; keys are found by what they say, not by how they are written', async () => {
  const client = await Native.open(server);
  const room = freshRoom();
  client.text(`{"zzz":[{}],"typ\\u0065":"join","id":7,"r\\u006fom":${JSON.stringify(room)},"Room":1,"":null}`);
  assert.equal((await client.next()).type, 'joined');
  client.text(` \n\t{ "id" : 8 ,\r "type" : "message" , "room" : ${JSON.stringify(room)} , "data" : [ ] } \n`);
  assert.equal((await client.nextOf('ack')).id, 8);
  await client.close();
});

test('F10: ids come back byte for byte, or are refused', async () => {
  const client = await Native.open(server);
  for (const id of ['0', '1', '-1', '2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991',
    '9007199254740993', '9223372036854775807', '-9223372036854775808',
    '""', '"x"', '"\\u0041"', '"\\"\\\\"', '"é✓"', `"${'x'.repeat(64)}"`]) {
    for (const type of ['ping', 'nothing', 'leave']) {
      client.text(`{"type":"${type}","id":${id}}`);
      const { raw } = await client.next();
      assert.ok(raw.includes(`"id":${id},`), `${id} -> ${raw}`);
    }
  }
  for (const id of ['9223372036854775808', '-9223372036854775809', '18446744073709551616', '1.0', '1e2',
    '1e1000000000', 'null', 'true', '[]', '{}', `"${'x'.repeat(65)}"`,
    '"\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041"', '9'.repeat(400)]) {
    client.text(`{"type":"ping","id":${id}}`);
    const reply = await client.next();
    assert.equal(reply.code, 'bad_command', `${id} -> ${reply.raw}`);
    assert.equal(reply.id, undefined);
  }
  await works(client);
  await client.close();
});

// ---- JSON ---------------------------------------------------------------------------------------------------------

const deep = (n, open = '[', close = ']', core = '') => open.repeat(n) + core + close.repeat(n);

test('F1, F2, F4: what is not one JSON object is bad_json', async () => {
  const client = await Native.open(server);
  const bad = ['', ' ', '[]', '"x"', '1', 'null', '{', '}', '{}{}', '{} x', '{"type"}', '{"type":}',
    '{"type":"ping",}', '{,}', '{"type" "ping"}', "{'type':'ping'}", '{type:"ping"}',
    '{"type":"ping","type":"ping"}', '{"type":"ping","t\\u0079pe":"ping"}', '{"type":"ping","x":1,"x":2}',
    '{"type":"ping","":1,"":2}', '[{"type":"ping"}]', '\ufeff{"type":"ping"}', '{"type":"ping"}\0',
    '{"type":"ping","x":01}', '{"type":"ping","x":+1}',
    '{"type":"ping","x":.5}', '{"type":"ping","x":1.}', '{"type":"ping","x":1e}', '{"type":"ping","x":--1}',
    '{"type":"ping","x":0x1}', '{"type":"ping","x":NaN}', '{"type":"ping","x":Infinity}',
    '{"type":"ping","x":True}', '{"type":"ping","x":nul}', '{"type":"ping","x":"\t"}', '{"type":"ping","x":"\n"}',
    '{"type":"ping","x":"\0"}', '{"type":"ping","x":"\\x41"}', '{"type":"ping","x":"\\u12"}',
    '{"type":"ping","x":"\\ud800"}',
    '{"type":"ping","x":"\\udc00"}', '{"type":"ping","x":"\\ud800\\u0041"}', '{"type":"ping","x":"}',
    '{"type":"ping","x":"\\"}', '{"type":"ping","x":[1,]}', '{"type":"ping","x":[,1]}', '{"type":"ping","x":[1 2]}',
    '{"type":"ping","x":]}',
    '{"type":"ping","x":[}', '{"type":"ping"/**/}', '{"type":"ping"}//', '{"type":"ping",\u00a0"x":1}',
    '{"type":"ping","x":\v1}', `{"type":"ping","x":${deep(64)}}`, `{"type":"ping","x":${deep(30_000)}}`,
    '['.repeat(60_000), '{"x":'.repeat(12_000),
    `{"type":"ping","x":${deep(64, '{"a":', '}', '1')}}`, `{${Array.from({ length: 33 }, (_, i) => `"k${i}":1`)}}`,
      `{"type":"ping",${Array.from({ length: 5000 }, (_, i) => `"k${i}":1`)}}`];
  await allRefused(client, bad.map((text) => ({ text, code: 'bad_json' })));
  const good = [`{"type":"ping","x":${deep(63)}}`, `{"type":"ping","x":${deep(63, '{"a":', '}', '1')}}`,
    `{"type":"ping",${Array.from({ length: 31 }, (_, i) => `"k${i}":1`)}}`, '{"type":"ping","x":1e1000000000}',
    '{"type":"ping","x":-0}',
    '{"type":"ping","x":{"a":1,"a":2}}', '{"type":"ping","x":"\\ud83d\\ude00\\u0000"}',
    '{"type":"ping","x":"\x7f\u2028"}'];
  for (const text of good) {
    client.text(text);
    assert.equal((await client.next()).type, 'pong', text.slice(0, 80));
  }
  await client.close();
});

test('F5: one message is one command, and what may be many has an end', async () => {
  const room = freshRoom();
  const client = await Native.open(server), hearer = await Native.open(server);
  for (const each of [hearer, client]) await each.call({ type: 'join', room });
  const one = JSON.stringify({ type: 'message', room, data: 1 });
  const many = [`[${Array(500).fill(one)}]`, Array(500).fill(one).join('\n'), Array(500).fill(one).join(''),
    `{"type":"batch","id":1,"commands":[${Array(500).fill(one)}]}`, `{"type":"broadcast","id":1,"rooms":["${room}"],"data":1}`];
  for (const text of many) client.text(text);
  for (const text of many) assert.equal((await client.next()).type, 'error', text.slice(0, 60));   // one reply each
  const call = async (command, body) => (await fetch(`http://127.0.0.1:${server.http}/api/v1/${command}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).status;
  const said = JSON.parse(one);
  assert.equal(await call('batch', { commands: Array(101).fill({ ...said, type: 'publish' }) }), 413);
  assert.equal(await call('batch', { commands: Array(1001).fill({ ...said, type: 'publish' }) }), 400);
  assert.equal(await call('broadcast', { rooms: Array(1001).fill(room), data: 1 }), 400);
  const inner = { type: 'batch', commands: [{ ...said, type: 'publish' }] };
  assert.equal(await call('batch', { commands: [inner] }), 200);   // whose only command is refused: none in another
  await works(client);
  const ack = await client.call({ type: 'message', room, data: 'the first word' });
  assert.equal(ack.offset, 1);   // nothing of all that was said
  for (;;) {
    const heard = await hearer.next();
    if (heard.type !== 'message') continue;
    assert.equal(heard.data, 'the first word');
    break;
  }
  await client.close();
  await hearer.close();
});

test('F1, F3: hostile JSON costs time in proportion to its size', async () => {
  const client = await Native.open(server);
  const hostile = ['['.repeat(65_000), `{"type":"ping","x":${'9'.repeat(65_000)}}`,
    `{"type":"ping","x":1e${'9'.repeat(65_000)}}`, `{"type":"ping","x":"${'\\u0041'.repeat(10_900)}"}`,
    `{"type":"ping","x":[${'1,'.repeat(32_000)}1]}`, `{"${'k'.repeat(65_000)}":1}`, `{"type":"${'x'.repeat(65_000)}"}`];
  const before = server.cpuMs();
  for (const text of hostile) {
    for (let i = 0; i < 10; i++) {
      client.text(text);
      await client.next();
    }
  }
  const each = (server.cpuMs() - before) / (hostile.length * 10);
  assert.ok(each < 5, `${each} ms each`); // under ASan; a number of 400 digits is far below 1 ms then
  await client.close();
});

test('F4: data comes out byte for byte', async () => {
  const [alice, bob] = [await Native.open(server), await Native.open(server)];
  const room = freshRoom();
  await alice.join(room);
  await bob.join(room);
  const data = ['null', 'true', '0', '-0', '-0.0', '1E+2', '1e1000000000', '123456789012345678901234567890',
    '9'.repeat(400), '""', '"\\u0000\\ud83d\\ude00\\/\\b"', '"\u2028\u2029\x7f\ufeff"', '"<script>alert(1)</script>"',
    '"\\u003cb\\u003e"',
    '[]', '[ ]', '[ 1 ,\t2\n,\r3 ]', '{}', '{ "a" : 1 , "a" : 2 }', '{"__proto__":{"x":1},"constructor":null}',
    '{"type":"message","room":"x"}', deep(62), `"${'x'.repeat(60_000)}"`, '"é✓😀"', '{"text":"hi"}', '"\\r\\n* left"'];
  for (const [i, text] of data.entries()) {
    alice.text(`{"type":"message","id":${i},"room":${JSON.stringify(room)},"data":\n ${text}\t,"echo":true}`);
    const echoed = await alice.nextOf('message');
    const seen = await bob.nextOf('message');
    assert.equal(echoed.raw, seen.raw);
    assert.ok(seen.raw.endsWith(`,"data":${text}}`), `${text} -> ${seen.raw}`);
    bob.text(`{"type":"direct","to":"${alice.welcome.user}","data": ${text} }`);
    const direct = await alice.nextOf('direct');
    assert.ok(direct.raw.endsWith(`,"data":${text}}`), direct.raw);
  }
  const { raw } = await alice.call({ type: 'history', room, limit: 100 });
  for (const text of data) assert.ok(raw.includes(`"data":${text}}`), text);
  await alice.close();
  await bob.close();
});

// ---- commands and their errors --------------------------------------------------------------------------------------

test('hello: once, first or never; any command implies one', async () => {
  const client = await Native.open(server, { name: 'Ada' });
  assert.match(client.welcome.user, /^guest-[a-z0-9]{10}$/);
  assert.equal(client.welcome.name, 'Ada');
  assert.match(client.welcome.session, /^[\w-]{22}$/);
  assert.ok(client.welcome.resume.length <= 400);
  assert.deepEqual(client.welcome.limits, { message_bytes: 65536, rooms: 32, messages_per_s: 0 });
  await client.refused({ type: 'hello' }, 'bad_command');
  await works(client);
  await client.close();
  const implied = Native.bare(await Ws.open(server));
  implied.say({ type: 'ping', id: 5 });
  const welcome = await implied.next();
  assert.equal(welcome.type, 'welcome');
  assert.equal(welcome.id, undefined);
  assert.match(welcome.name, /^[a-z]+-[a-z]+-\d{3}$/);
  assert.equal((await implied.next()).id, 5);
  await implied.refused({ type: 'hello' }, 'bad_command');
  await implied.close();
});

test('every error code of today, and the connection works on', async () => {
  const client = await Native.open(server);
  const room = freshRoom();
  await client.refused({ type: 'message', room, data: 1 }, 'not_member');
  await client.refused({ type: 'leave', room }, 'not_member');
  await client.refused({ type: 'members', room }, 'not_member');
  await client.refused({ type: 'history', room }, 'not_member');
  await client.refused({ type: 'switch', from: room, to: `${room} b` }, 'not_member');
  await client.join(room);
  await client.refused({ type: 'join', room }, 'already_member');
  await client.refused({ type: 'switch', from: room, to: room }, 'already_member');
  await client.refused({ type: 'join', room: 'x'.repeat(129) }, 'bad_room');
  await client.refused({ type: 'nothing' }, 'unknown_type');
  for (const type of ['', 'Message', 'message ', 'x'.repeat(1000), 'welcome', 'joined', '__proto__'])
    await client.refused({ type }, 'unknown_type');
  await client.refused({ type: 'state', room: `${room} b` }, 'not_member');
  await client.refused({ type: 'state', room, set: { k: 1 }, if_version: 3 }, 'conflict');
  await client.refused({ type: 'state', room, set: { k: 'x'.repeat(20000) } }, 'too_large');
  for (const type of ['role', 'kick', 'ban', 'unban', 'mute', 'unmute', 'slow', 'readonly']) {
    const decree = { type, room, user: client.welcome.user, role: 'guest', seconds: 5, on: true };
    await client.refused(decree, 'forbidden');
    await client.refused({ ...decree, room: `${room} b` }, 'not_member');
  }
  await client.refused({ type: 'history', room, before: 5, since: { epoch: 'x', offset: 1 } }, 'bad_command');
  for (const after of ['x', '-1', '1.5', '99999999999999999999', '\0'])
    await client.refused({ type: 'members', room, after }, 'bad_command');
  for (const type of [1, null, [], {}]) await client.refused({ type }, 'bad_command');
  client.text('{"id":9}');
  assert.equal((await client.next()).code, 'bad_command');
  await works(client);
  assert.equal((await client.call({ type: 'leave', room })).type, 'left');
  await client.close();
});

// What decoders say is in tests/unit/test_dialect_problem.c; this is what edges and homes say.
test('every sentence with which a command is refused, whole', async () => {
  const flags = ['--rooms.per_connection_max=2', '--rooms.members_max=1', '--limits.rooms=2', '--limits.address_rooms_percent=100',
    '--server.shards=1',
    '--limits.commands_per_s=1000', '--limits.commands_burst=1000'];
  await withServer({ flags }, async (own) => {
    const ada = await Native.open(own);
    const bob = await Native.open(own);
    await ada.call({ type: 'join', room: 'full' });
    const said = async (client, command) => {
      const { code, message } = await client.call(command);
      return `${code}: ${message}`;
    };
    const room = 'tea "room"';
    for (const [client, command, wanted] of [
      [ada, { type: 'message', room, data: 1 }, 'not_member: You are not in the room `tea "room"`; join it first.'],
      [ada, { type: 'members', room }, 'not_member: You are not in the room `tea "room"`; join it first.'],
      [ada, { type: 'history', room }, 'not_member: You are not in the room `tea "room"`; join it first.'],
      [ada, { type: 'leave', room }, 'not_member: You are not in the room `tea "room"`.'],
      [ada, { type: 'switch', from: room, to: 'x' }, 'not_member: You are not in the room `tea "room"`; switch from one that you are in.'],
      [ada, { type: 'join', room: 'full' }, 'already_member: You are in the room `full` already.'],
      [bob, { type: 'join', room: 'full' }, 'room_full: The room `full` is full; try again later.'],
      [ada, { type: 'hello' }, 'bad_command: This connection has said `hello` already; it is said once, first.'],
      [ada, { type: 'members', room: 'full', after: 'x'.repeat(80) }, `bad_command: \`after\` must be the \`next\` of an earlier reply; got \`${'x'.repeat(64)}...\`.`],
      [ada, { type: 'join', room: 'second' }, 'undefined: undefined'],
      [ada, { type: 'join', room: 'third' }, 'limit_reached: You are in as many rooms as you may be; leave one first, or switch.'],
      [bob, { type: 'join', room: 'third' }, 'limit_reached: There are as many rooms as there may be; join one that exists.'],
    ]) {
      assert.equal(await said(client, command), wanted, JSON.stringify(command));
    }
    for (const [type, right] of [['role', 'role'], ['kick', 'kick'], ['ban', 'ban'], ['unban', 'ban'], ['mute', 'mute'],
      ['unmute', 'mute'], ['slow', 'slow'], ['readonly', 'readonly']]) {
      assert.equal(await said(ada, { type, room: 'full', user: 'x', role: 'guest', seconds: 1, on: true }),
        `forbidden: This needs the right \`${right}\` in the room, which a \`member\` does not have.`);
    }
    const line = await own.connect(own.text);
    line.write('/leave lobby\n/who\nhello\n');
    line.finish();
    const lines = (await line.readEnd()).toString();
    assert.match(lines, /^\* error limit_reached: There are as many rooms as there may be; join one that exists\. Try again in \d+ ms\.$/m);
    assert.match(lines, /^\* error not_member: You are not in the room `lobby`\.$/m);
    assert.match(lines, /^\* error not_member: You are in no room; join one first\.$/m);
  });
  const few = ['--limits.rooms_created_per_s=1', '--limits.rooms_created_burst=1', '--limits.commands_per_s=1',
    '--limits.commands_burst=4'];
  await withServer({ flags: few }, async (own) => {
    const ada = await Native.open(own);
    assert.equal((await ada.call({ type: 'join', room: 'one' })).type, 'joined');
    let last = await ada.call({ type: 'join', room: 'two' });
    assert.deepEqual([last.code, last.message, last.retry_ms > 0],
      ['rate_limited', 'Too many new rooms at once; wait a moment, or join one that exists.', true]);
    do last = await ada.call({ type: 'ping' }); while (last.type !== 'error');
    assert.deepEqual([last.code, last.message, last.retry_ms > 0],
      ['rate_limited', 'Too many commands at once; wait a moment before the next one.', true]);
  });
  const share = ['--limits.address_rooms_percent=1', '--limits.rooms=100', '--rooms.per_connection_max=1000',
    '--limits.commands_per_s=0'];
  await withServer({ flags: share }, async (own) => {
    const ada = await Native.open(own);
    let last;
    for (let i = 0; i < 150 && last?.type !== 'error'; i++) last = await ada.call({ type: 'join', room: `room ${i}` });
    assert.equal(`${last.code}: ${last.message}`,
      'limit_reached: Your address has made as many rooms as an address may; join one that exists.');
  });
});

test('a direct reaches all sessions of a user, or none; nothing is read into the name', async () => {
  const [sender, target] = [await Native.open(server), await Native.open(server)];
  const { user } = target.welcome;
  assert.equal((await sender.call({ type: 'direct', to: user, data: 'x' })).delivered, 1);
  const direct = await target.nextOf('direct');
  assert.deepEqual(direct.from, { user: sender.welcome.user, session: sender.welcome.session,
    name: sender.welcome.name });
  for (const to of ['nobody', '*', '>', 'guest-*', `${user} `, user.toUpperCase(), `${user}\0`, `${user}\r\nX`,
    "' or 1=1 --"]) {
    assert.equal((await sender.call({ type: 'direct', to, data: 'x' })).delivered, 0, to);
  }
  assert.equal((await sender.call({ type: 'direct', to: sender.welcome.user, data: 'self' })).delivered, 1);
  sender.say({ type: 'direct', to: user, data: 'no id, no reply' });
  await target.nextOf('direct');
  await works(sender);
  await sender.close();
  await target.close();
});

test('F9: room names are names, whatever they look like', async () => {
  const [a, b] = [await Native.open(server), await Native.open(server)];
  const names = ['*', '>', '.', '..', '../..', 'a.b.*', 'a.b.c', 'a/b', '%2e%2e', "'; drop table rooms; --", '{{x}}',
    '${x}', '"', '\\', '\u00a0', '\u202e', 'é', 'e\u0301', 'ROOM', 'room', 'x'.repeat(128), '😀'.repeat(32)];
  for (const room of names) {
    await a.join(room);
    assert.equal((await b.join(room)).room, room);
    await a.call({ type: 'message', room, data: room });
    const seen = await b.nextOf('message');
    assert.deepEqual([seen.room, seen.data], [room, room]);
    assert.equal((await a.call({ type: 'leave', room })).room, room);
    assert.equal((await b.call({ type: 'leave', room })).room, room);
  }
  const listed = await a.call({ type: 'rooms', limit: 1000 });
  for (const room of names) assert.ok(listed.rooms.some((row) => row.room === room), room);
  const wild = await a.call({ type: 'rooms', prefix: '*' });
  assert.deepEqual(wild.rooms, [{ room: '*', members_count: 0 }]);
  await a.close();
  await b.close();
});

test('lists: pages, limits, ends', async () => {
  await withServer({ flags: ['--limits.commands_per_s=0', '--rooms.per_connection_max=300', '--server.shards=3',
    '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0',
    '--limits.address_rooms_created_per_s=0'] }, async (own) => {
    const client = await Native.open(own);
    for (let i = 0; i < 250; i++) client.say({ type: 'join', room: `p/${String(i).padStart(3, '0')}` });
    for (let i = 0; i < 250; i++) await client.nextOf('joined');
    const seen = [];
    for (let after; ;) {
      const page = await client.call({ type: 'rooms', prefix: 'p/', limit: 60, ...(after ? { after } : {}) });
      seen.push(...page.rooms.map((row) => row.room));
      assert.ok(page.rooms.length <= 60);
      if (!(after = page.next)) break;
    }
    assert.deepEqual(seen, Array.from({ length: 250 }, (_, i) => `p/${String(i).padStart(3, '0')}`));
    assert.equal((await client.call({ type: 'rooms' })).rooms.length, 100);
    assert.equal((await client.call({ type: 'rooms', limit: 1000 })).rooms.length, 250);
    assert.deepEqual((await client.call({ type: 'rooms', prefix: 'q' })).rooms, []);
    const others = await Promise.all(Array.from({ length: 25 }, () => Native.open(own)));
    for (const other of others) await other.join('p/000');
    const users = [];
    for (let after; ;) {
      const page = await client.call({ type: 'members', room: 'p/000', limit: 7, ...(after ? { after } : {}) });
      users.push(...page.members.map((member) => member.user));
      if (!(after = page.next)) break;
    }
    assert.deepEqual(users, [client, ...others].map((one) => one.welcome.user)); // in order of joining
  });
});

// ---- joining, history, resuming -----------------------------------------------------------------------------------

const offsets = (messages) => messages.map((message) => message.offset);

test('history, since, recovered, gap, other epochs', async () => {
  await withServer({ flags: ['--limits.commands_per_s=0', '--log.entries=50', '--rooms.presence_exact_max=0'] },
    async (own) => {
    const writer = await Native.open(own);
    const { epoch } = await writer.join('r');
    const publish = async (n) => {
      let last;
      for (let i = 0; i < n; i++) last = await writer.call({ type: 'message', room: 'r', data: i });
      return last.offset;
    };
    const head = await publish(30);
    const join = async (options) => {
      const client = await Native.open(own);
      const joined = await client.join('r', options);
      const got = [];
      client.say({ type: 'ping', id: 'end' });
      for (let message; (message = await client.next()).type !== 'pong';) got.push(message);
      await client.close();
      return { joined, got: got.filter(({ type }) => type !== 'members:count') };
    };
    assert.deepEqual((await join({})).got, []);
    assert.deepEqual((await join({ history: 0 })).got, []);
    const five = await join({ history: 5 });
    assert.equal(five.got.filter(({ type }) => type === 'message').length, 5);
    assert.equal(five.joined.recovered, undefined);
    assert.equal((await join({ history: 1000 })).got.filter(({ type }) => type === 'message').length, 30);
    const since = await join({ since: { epoch, offset: head - 3 } });
    assert.equal(since.joined.recovered, true);
    assert.deepEqual(offsets(since.got).slice(0, 3), [head - 2, head - 1, head]);
    assert.equal((await join({ since: { epoch, offset: 0 } })).joined.recovered, true);
    const both = await join({ since: { epoch, offset: head }, history: 20 });
    assert.equal(both.joined.recovered, true);
    assert.ok(offsets(both.got).every((offset) => offset > head));
    const foreign = await join({ since: { epoch: 'another', offset: head } });
    assert.equal(foreign.joined.recovered, false);
    assert.ok(!foreign.got.some(({ type }) => type === 'gap'));
    const future = await join({ since: { epoch, offset: 2 ** 53 - 1 } });
    assert.equal(future.joined.recovered, false);
    const last = await publish(100); // offset 1 to about 50 are trimmed now
    const trimmed = await join({ since: { epoch, offset: 1 } });
    assert.equal(trimmed.joined.recovered, false);
    const gap = trimmed.got.find(({ type }) => type === 'gap');
    assert.deepEqual([gap.room, gap.from, gap.reason], ['r', 2, 'trimmed']);
    assert.ok(gap.to >= last);
    assert.ok(trimmed.got.every(({ type, offset }) => type === 'gap' || offset > gap.to), 'no partial replay');
    const before = await writer.call({ type: 'history', room: 'r', before: last - 5, limit: 3 });
    assert.deepEqual(offsets(before.history), [last - 8, last - 7, last - 6]);
    const after = await writer.call({ type: 'history', room: 'r', since: { epoch, offset: last - 3 }, limit: 2 });
    assert.deepEqual(offsets(after.history), [last - 2, last - 1]);
    assert.deepEqual([before.epoch, before.recovered, after.epoch, after.recovered], [epoch, undefined, epoch, true]);
    // What is not all there is not given in part, and it says so.
    for (const since of [{ epoch: 'another', offset: last - 3 }, { epoch, offset: 1 }, { epoch, offset: last + 1 },
      { epoch: `${epoch}x`, offset: 0 }]) {
      const page = await writer.call({ type: 'history', room: 'r', since });
      assert.deepEqual([page.epoch, page.recovered, page.history], [epoch, false, []]);
    }
    const newest = await writer.call({ type: 'history', room: 'r', since: { epoch, offset: last } });
    assert.deepEqual([newest.epoch, newest.recovered, newest.history], [epoch, true, []]);
    assert.deepEqual((await writer.call({ type: 'history', room: 'r', before: 1 })).history, []);
    assert.ok((await writer.call({ type: 'history', room: 'r', limit: 1000 })).history.length <= 50);
    await writer.close();
  });
});

test('resume: the same session, the same person; the older connection goes; a forged one does no harm', async () => {
  const first = await Native.open(server, { name: 'Ada' });
  const room = freshRoom();
  const { epoch, offset } = await first.join(room);
  const again = await Native.open(server, { resume: first.welcome.resume });
  assert.equal(again.welcome.session, first.welcome.session);
  assert.equal(again.welcome.user, first.welcome.user);
  assert.equal(again.welcome.name, 'Ada');
  await first.tcp.wait('the older connection to be closed', () => first.tcp.ended || first.tcp.closed, 5000);
  const joined = await again.join(room, { since: { epoch, offset } });
  assert.equal(joined.recovered, true);
  const token = first.welcome.resume;
  const flip = (at) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  for (const forged of ['x', 'A'.repeat(400), token.slice(1), token.slice(0, -1), `${token}A`,
    ...Array.from({ length: token.length - 1 }, (_, at) => flip(at)), randomBytes(90).toString('base64url')]) {
    const other = await Native.open(server, { resume: forged });
    assert.notEqual(other.welcome.session, first.welcome.session, forged);
    assert.notEqual(other.welcome.user, first.welcome.user, forged);
    other.tcp.destroy();
  }
  await works(again);
  await again.close();
});

test('resume: one hello brings the session back and all its rooms, each from where it was', async () => {
  const flags = ['--server.shards=2', '--rooms.host=first', '--log.entries=100'];
  await withServer({ flags }, async (own) => {
    const [first, writer] = [await Native.open(own, { name: 'Ada' }), await Native.open(own)];
    const names = ['a', 'b', 'c', 'd'];
    const at = {};
    for (const room of names) {
      at[room] = await first.join(room);
      await writer.join(room);
    }
    first.tcp.destroy();
    for (let i = 0; i < 3; i++) for (const room of names) await writer.call({ type: 'message', room, data: `${room}${i}` });
    for (let i = 0; i < 200; i++) await writer.call({ type: 'message', room: 'd', data: i }); // more than is kept
    const again = Native.bare(await Ws.open(own));
    const rooms = names.map((room, i) => ({ id: 10 + i, room, since: { epoch: at[room].epoch, offset: at[room].offset } }));
    again.say({ type: 'hello', id: 1, resume: first.welcome.resume, rooms: [...rooms, { id: 20, room: '' }, { id: 21, room: 'a' }] });
    const heard = [];
    while (heard.filter(({ id }) => id !== undefined).length < 7) heard.push(await again.next());
    const reply = (id) => heard.find((m) => m.id === id);
    assert.deepEqual([reply(1).type, reply(1).session, reply(1).name], ['welcome', first.welcome.session, 'Ada']);
    for (const [i, room] of names.entries())
      assert.deepEqual([reply(10 + i).type, reply(10 + i).room, reply(10 + i).role, reply(10 + i).recovered], ['joined', room, 'host', room !== 'd']);
    assert.deepEqual([reply(20).code, reply(21).code], ['bad_room', 'already_member']);
    while (heard.filter(({ type }) => type === 'message').length < 9 || !heard.some(({ type }) => type === 'gap')) heard.push(await again.next());
    for (const room of ['a', 'b', 'c'])
      assert.deepEqual(heard.filter((m) => m.type === 'message' && m.room === room).map(({ data }) => data), [0, 1, 2].map((i) => `${room}${i}`));
    const gap = heard.find(({ type }) => type === 'gap');
    assert.deepEqual([gap.room, gap.from, gap.reason], ['d', at.d.offset + 1, 'trimmed']);
    await again.close();
  });
});

test('switch: all or nothing, also where one room is all one may have', async () => {
  await withServer({ flags: ['--limits.commands_per_s=0', '--rooms.per_connection_max=1', '--rooms.members_max=1'] },
    async (own) => {
    const client = await Native.open(own);
    assert.equal(client.welcome.limits.rooms, 1);
    await client.join('a');
    await client.refused({ type: 'join', room: 'b' }, 'limit_reached');
    const reply = await client.call({ type: 'switch', from: 'a', to: 'b', members: true });
    assert.deepEqual([reply.type, reply.room, reply.left, reply.members.length], ['joined', 'b', 'a', 1]);
    await client.refused({ type: 'message', room: 'a', data: 1 }, 'not_member');
    const other = await Native.open(own);
    await other.join('c');
    await client.refused({ type: 'switch', from: 'b', to: 'c' }, 'room_full');
    await client.refused({ type: 'switch', from: 'b', to: ' ' }, 'bad_room');
    assert.equal((await client.call({ type: 'message', room: 'b', data: 1 })).type, 'ack'); // still there
    await other.refused({ type: 'join', room: 'b' }, 'limit_reached');
    assert.equal((await other.call({ type: 'leave', room: 'c' })).type, 'left');
    await other.refused({ type: 'join', room: 'b' }, 'room_full');
    assert.equal((await other.join('c')).members_count, 1);
  });
});

test('limits: rooms of a connection, rooms of the server, message size', async () => {
  await withServer({ flags: ['--limits.commands_per_s=0', '--rooms.per_connection_max=5', '--limits.rooms=8',
    '--limits.address_rooms_percent=100', '--server.shards=1', '--limits.message_bytes=1024', '--rooms.grace_s=0'] }, async (own) => {
    const client = await Native.open(own);
    for (let i = 0; i < 5; i++) await client.join(`a${i}`);
    await client.refused({ type: 'join', room: 'a5' }, 'limit_reached');
    const other = await Native.open(own);
    for (let i = 0; i < 3; i++) await other.join(`b${i}`);
    await other.refused({ type: 'join', room: 'b3' }, 'limit_reached');
    assert.equal((await other.join('a0')).type, 'joined'); // a room that is there is no new one
    assert.equal((await other.call({ type: 'leave', room: 'b0' })).type, 'left');
    await own.until('the empty room to go', async () => (await own.metrics()).plenum_rooms === 7);
    assert.equal((await other.join('b3')).type, 'joined');
    const frame = (n) => `{"type":"ping","x":"${'x'.repeat(n - 22)}"}`;
    client.text(frame(1024));
    assert.equal((await client.nextOf('pong')).type, 'pong');
    client.text(frame(1025));
    await client.expectClose(1009);
  });
});

test('rename: the same person by another name, in every room, and after a resume', async () => {
  const [ada, bob] = [await Native.open(server, { name: 'Old' }), await Native.open(server)];
  const rooms = Array.from({ length: 6 }, () => freshRoom()); // spread over the shards
  for (const room of rooms) {
    await ada.join(room);
    await bob.join(room);
  }
  const renamed = await ada.call({ type: 'rename', name: 'Ada "the first"' });
  assert.deepEqual(Object.keys(renamed), ['type', 'id', 'name', 'resume']);
  assert.equal(renamed.name, 'Ada "the first"');
  const told = [];
  while (told.length < rooms.length) {
    const entry = await bob.nextOf('member:changed');
    assert.deepEqual([entry.previous_name, entry.member.name, entry.member.user], ['Old', renamed.name, ada.welcome.user]);
    told.push(entry.room);
  }
  assert.deepEqual(told.sort(), rooms.slice().sort());
  for (const room of rooms) {
    const { members } = await bob.call({ type: 'members', room });
    assert.deepEqual(members.map((m) => m.name).sort(), [renamed.name, bob.welcome.name].sort());
  }
  for (const name of [undefined, 7, '', ' x', 'a\u0007', 'x'.repeat(65)]) await ada.refused({ type: 'rename', name }, 'bad_command');
  const back = await Native.open(server, { resume: renamed.resume });
  assert.deepEqual([back.welcome.user, back.welcome.session, back.welcome.name],
    [ada.welcome.user, ada.welcome.session, renamed.name]);
});

test('rate_limited with a true retry_ms; who goes on regardless is closed with 1008', async () => {
  await withServer({ flags: ['--limits.commands_per_s=20', '--limits.commands_burst=10'] }, async (own) => {
    const client = await Native.open(own); // the hello took one
    for (let i = 0; i < 14; i++) client.say({ type: 'ping', id: i });
    let refused;
    for (let i = 0; i < 14; i++) {
      const reply = await client.next();
      assert.equal(reply.id, i);
      if (reply.type === 'error' && !refused) refused = reply;
    }
    assert.equal(refused.code, 'rate_limited');
    assert.ok(refused.retry_ms > 0 && refused.retry_ms <= 50, `${refused.retry_ms}`);
    const start = performance.now();
    await own.until('the time to retry', () => elapsed(start) > refused.retry_ms + 5);
    await works(client);
    for (let i = 0; i < 200; i++) client.say({ type: 'ping' });
    let got;
    do got = await client.frame(); while (got.opcode === TEXT);
    assert.equal(got.opcode, CLOSE);
    assert.equal(got.payload.readUInt16BE(), 1008);
    // What is not even JSON counts as well.
    const rude = Native.bare(await Ws.open(own));
    for (let i = 0; i < 200; i++) rude.text('{');
    do got = await rude.frame(); while (got.opcode === TEXT);
    assert.equal(got.payload.readUInt16BE(), 1008);
  });
});

test('the same key twice: one entry, the same answer; keys are per user and room', async () => {
  const [a, b] = [await Native.open(server), await Native.open(server)];
  const [room, other] = [freshRoom(), freshRoom()];
  for (const client of [a, b]) for (const name of [room, other]) await client.join(name);
  const first = await a.call({ type: 'message', room, data: 1, key: 'k' });
  assert.equal(first.duplicate, undefined);
  const second = await a.call({ type: 'message', room, data: 2, key: 'k' });
  assert.deepEqual([second.type, second.duplicate, second.offset, second.epoch], ['ack', true, first.offset,
    first.epoch]);
  assert.equal((await a.call({ type: 'message', room: other, data: 3, key: 'k' })).duplicate, undefined);
  assert.equal((await b.call({ type: 'message', room, data: 4, key: 'k' })).duplicate, undefined);
  assert.equal((await a.call({ type: 'message', room, data: 5, key: '\u006b ' })).duplicate, undefined);
  assert.equal((await a.call({ type: 'direct', to: b.welcome.user, data: 6, key: 'k' })).duplicate, undefined);
  const again = await a.call({ type: 'direct', to: b.welcome.user, data: 7, key: 'k' });
  assert.deepEqual([again.duplicate, again.delivered], [true, 1]);
  const history = await b.call({ type: 'history', room });
  assert.deepEqual(history.history.filter(({ type }) => type === 'message').map(({ data }) => data), [1, 4, 5]);
  await a.close();
  await b.close();
});

test('own messages: back with echo, only the ack without; nothing of a room after `left`', async () => {
  const client = await Native.open(server);
  const room = freshRoom();
  await client.join(room);
  const silent = await client.call({ type: 'message', room, data: 'silent' });
  const echoed = await client.call({ type: 'message', room, data: 'echoed', echo: true });
  assert.equal(echoed.offset, silent.offset + 1);
  const entry = await client.nextOf('message');
  assert.deepEqual([entry.data, entry.offset], ['echoed', echoed.offset]);
  client.say({ type: 'message', room, data: 'last', echo: true });
  client.say({ type: 'leave', room, id: 'l' });
  const rest = [];
  do rest.push(await client.next()); while (rest.at(-1).id !== 'l');
  await client.refused({ type: 'message', room, data: 'too late' }, 'not_member');
  rest.push(...client.before);
  assert.deepEqual(rest.filter(({ type }) => type === 'message' || type === 'left').map(({ type }) => type),
    ['message', 'left']);
  await client.close();
});

// ---- what peers say ends up in the log only as text ---------------------------------------------------------------

test('F8: log lines stay lines, whatever peers are called', async () => {
  for (const format of ['logfmt', 'json']) {
    await withServer({ flags: ['--logging.level=debug', `--logging.format=${format}`] }, async (own) => {
      const evil = ['\u202eevil', 'a" event=forged x="', 'a\\', '\u2028', 'level=error', '{"event":"forged"}',
        '\u200b', '😀'];
      for (const name of evil) {
        const client = await Native.open(own, { name });
        await client.join(name);
        await client.close();
      }
      const tcp = await own.connect();
      tcp.write('GET /\x1b[31m\r\nevent=forged HTTP/1.1\r\n\r\n');
      await tcp.readEnd();
      await own.until('the rooms in the log', () => own.stderr.split('room_created').length > evil.length);
      for (const line of own.stderr.trimEnd().split('\n')) {
        assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\u200b]/,
          JSON.stringify(line));
        if (format === 'json') assert.notEqual(JSON.parse(line).event, 'forged');
        else assert.match(line,
          /^time=\S+ level=(debug|info|warn) event=(?!forged)\w+( [\w.]+=("(?:[^"\\]|\\.)*"|[^\s"]+))*$/u, line);
      }
    });
  }
});

test('E7: no token is ever written to the log', async () => {
  const secret = 'a secret of at least thirty-two bytes';
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ sub: 'ada', exp: Math.floor(Date.now() / 1000) + 600 })}`;
  const good = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  await withServer({ flags: ['--logging.level=debug', `--auth.secret=${secret}`, '--auth.query_token=true'] }, async (own) => {
    const first = await Native.open(own, { token: good });
    assert.equal(first.welcome.user, 'ada');
    const reply = await first.refused({ type: 'join', room: 'r', token: 'tokensecret.a.b' }, 'unauthorized');
    assert.ok(!reply.message.includes('tokensecret'));
    await first.join('r');
    const { resume } = first.welcome;
    await Native.open(own, { resume });
    const refused = Native.bare(await Ws.open(own));
    for (const token of ['tokensecret.a.b', `${signed}.tokensecret`]) {
      refused.say({ type: 'hello', id: 1, token });
      const { code, message } = await refused.next();
      assert.equal(code, 'unauthorized');
      assert.ok(!message.includes('tokensecret'));
    }
    const ws = Native.bare(await Ws.open(own, '/ws?token=tokensecret'));
    ws.say({ type: 'ping', id: 1 });
    assert.equal((await ws.next()).code, 'unauthorized');
    await ws.close();
    (await own.request('GET /x?token=tokensecret HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer tokensecret\r\n\r\n'));
    await own.until('some log', () => own.stderr.includes('connection_closed'));
    assert.ok(!own.stderr.includes('tokensecret') && !own.stderr.includes(resume) && !own.stderr.includes(good));
  });
});

test('F6: random objects over the grammar: answered or ignored, never worse', async () => {
  const client = await Native.open(server);
  await client.join('grammar');
  let state = 20261120;
  const pick = (list) => list[(state = (state * 48271) % 2147483647) % list.length];
  const keys = [...new Set(Object.values({ ...GRAMMAR, hello: HELLO }).flatMap(Object.keys)), 'id', 'zzz'];
  const values = [...VALUES.map(([text]) => text), '"grammar"', '5', '{"epoch":"x","offset":3}'];
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 20; i++) {
      const chosen = new Map(Array.from({ length: 4 }, () => [pick(keys), pick(values)]));
      if (pick([0, 1, 1, 1])) chosen.set('room', '"grammar"');
      const pairs = [...chosen].map(([key, text]) => `,"${key}":${text}`).join('');
      client.text(`{"type":"${pick(Object.keys(GRAMMAR))}"${pairs}}`);
    }
    client.say({ type: 'ping', id: `round ${round}` });
    for (let reply; (reply = await client.next()).id !== `round ${round}`;) assert.ok(reply.type);
  }
  await client.close();
});
