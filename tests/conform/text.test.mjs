// SPDX-License-Identifier: Apache-2.0
//
// The text dialect, over raw TCP and over WebSocket /echo: the same conversation on both, and what only one of them
// can do wrong. A terminal is on the other side, so nobody's words may begin a line of the server or move its cursor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elapsed, pool, sharedServer, withServer } from './support.mjs';
import { BINARY, CLOSE, CONTINUATION, Native, PING, PONG, TEXT, Ws, frame } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.commands_per_s=0', '--limits.message_bytes=4096'] });

// One conversation. say() sends a line, line() is the next line from the server.
class TcpText {
  static async open(where = server) {
    const text = new TcpText();
    text.tcp = await where.connect(where.text);
    return text.greeted();
  }

  async greeted() {
    const [, name] = /^\* welcome to plenum \S+, you are (.+); \/help lists the commands$/.exec(await this.line());
    this.name = name;
    assert.match(await this.line(), /^\* joined lobby, \d+ members?$/);
    return this;
  }

  say(line) {
    this.tcp.write(`${line}\n`);
    return this;
  }

  async line() {
    const line = (await this.tcp.readUntil('\n')).toString();
    assert.doesNotMatch(line, /\r/);
    return line.slice(0, -1);
  }

  // The next line that matches; others on the way are passed over.
  async find(pattern) {
    for (;;) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }

  // Sends a line whose answer is the next line that is no entry.
  async ask(line) {
    this.say(line);
    return this.find(/^\* (?!.* (joined|left|is away|is back)$)(?!.* is now )/);
  }

  async ended() {
    const rest = await this.tcp.readEnd(3000);
    assert.equal(rest.length, 0, String(rest));
    this.tcp.destroy();
  }
}

class WsText extends TcpText {
  static async open(where = server) {
    const text = new WsText();
    text.ws = await Ws.open(where, '/echo');
    text.tcp = text.ws.tcp;
    return text.greeted();
  }

  say(line) {
    this.ws.text(line);
    return this;
  }

  async line() {
    for (;;) {
      const got = await this.ws.frame();
      if (got.opcode === PING) this.ws.send(PONG, got.payload);
      else {
        assert.equal(got.opcode, TEXT, `opcode ${got.opcode}: ${got.payload}`);
        assert.ok(!got.payload.includes(10), 'one line per message');
        return got.payload.toString();
      }
    }
  }

  ended() {
    return this.ws.expectClose(1000);
  }
}

const CLOCK = String.raw`\[\d\d:\d\d:\d\d\] `;
const quote = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const spoken = (name, text) => new RegExp(`^${CLOCK}${quote(name)}: ${quote(text)}$`);

let rooms = 0;
const freshRoom = () => `text room ${++rooms}`;

for (const Text of [TcpText, WsText]) {
  const on = Text === TcpText ? 'TCP' : 'WebSocket';

  test(`${on}: every command and its answer`, async () => {
    const [a, b] = [await Text.open(), await Text.open()];
    const room = freshRoom();
    assert.match(a.name, /^127\.0\.0\.1:\d+$/);
    assert.equal(await a.ask(`/join ${room}`), `* joined ${room}, 1 member`);
    assert.equal(await b.ask(`/JOIN   ${room}  `), `* joined ${room}, 2 members`);
    await a.find(/ joined$/);
    a.say('hello').say('').say('//not a command').say(' /nor this').say('* left').say('[00:00:00] x: y');
    for (const text of ['hello', '/not a command', ' /nor this', '* left', '[00:00:00] x: y']) {
      assert.match(await b.line(), spoken(a.name, text));
      assert.match(await a.line(), spoken(a.name, text));
    }
    assert.equal(await a.ask('/nick Ada Lovelace'), '* you are now Ada Lovelace');
    assert.equal(await b.line(), `* ${a.name} is now Ada Lovelace`);
    a.say('/nick Countess');
    assert.equal(await b.line(), '* Ada Lovelace is now Countess');
    a.say('/nick Ada Lovelace');
    assert.equal(await b.line(), '* Countess is now Ada Lovelace');
    await a.find(/^\* you are now Ada Lovelace$/);
    assert.equal(await b.ask('/who'), `* in ${room}: Ada Lovelace, ${b.name}`);
    assert.equal(await b.ask(`/rooms ${room}`), `* ${room} (2)`);
    assert.equal(await b.ask('/rooms no such'), '* no rooms');
    assert.equal(await b.ask('/msg "Ada Lovelace" psst: "you" '), '* delivered to 1 session');
    assert.equal(await a.find(/direct/), `* direct from ${b.name}: psst: "you"`);
    assert.equal(await b.ask('/msg nobody x'), '* nobody is not online');
    b.say('/history 4');
    assert.match(await b.find(/: \[00/), spoken(a.name, '[00:00:00] x: y'));
    assert.equal(await a.ask('/state'), `* state of ${room}, version 0`);
    assert.equal(await a.ask('/topic Tea at five'), '* Ada Lovelace set topic: Tea at five');
    assert.equal(await b.find(/ set /), '* Ada Lovelace set topic: Tea at five');
    assert.equal(await a.ask('/state "two words" {"x":[1]}'), '* Ada Lovelace set two words: {"x":[1]}');
    assert.equal(await a.ask('/state topic'), `* state of ${room}, version 2`);
    assert.equal(await a.find(/^\* {3}/), '*   topic: Tea at five');
    assert.equal(await a.ask('/topic -'), '* Ada Lovelace unset topic');
    assert.match(await a.ask('/state "x'), /^\* error bad_command: /);
    a.say('/help');
    for (const word of ['/join', '/create', '/leave', '/nick', '/me', '/who', '/rooms', '/msg', '/history', '/edit', '/delete', '/react', '/role', '/kick',
      '/ban', '/unban', '/mute', '/unmute', '/slow', '/readonly', '/lock', '/invite', '/uninvite', '/invites', '/state', '/topic', '/close', '/help', '/quit'])
      assert.ok((await a.find(/^\* \//)).startsWith(`* ${word}`));
    await a.find(/^\* a line that begins/);
    assert.equal(await a.ask('/leave'), `* left ${room}`);
    await b.find(/^\* Ada Lovelace left$/);
    assert.equal(await b.ask(`/leave ${room}`), `* left ${room}`);
    assert.equal(await b.ask('/quit with words behind'), '* bye');
    assert.equal(await a.ask('/Quit'), '* bye');
    await a.ended();
    await b.ended();
  });

  test(`${on}: errors, after which all goes on`, async () => {
    const text = await Text.open();
    const wrong = { '/': 'unknown_type', '/foo': 'unknown_type', '/joinx a': 'unknown_type',
      '/ join a': 'unknown_type', '/hello': 'unknown_type', '/join': 'bad_command', '/join  ': 'bad_command',
      [`/join ${'x'.repeat(129)}`]: 'bad_room', '/join a\x1bb': 'bad_room', '/join a\u0085b': 'bad_room',
      '/join lobby': 'already_member', '/nick': 'bad_command', [`/nick ${'x'.repeat(65)}`]: 'bad_command',
      '/nick a\x07b': 'bad_command',
      '/who x': 'bad_command', [`/rooms ${'x'.repeat(129)}`]: 'bad_command', '/msg': 'bad_command',
      '/msg x': 'bad_command', '/msg  x  ': 'bad_command', '/msg "x': 'bad_command', '/msg "x"': 'bad_command',
      '/msg "" x': 'bad_command',
      [`/msg ${'x'.repeat(65)} x`]: 'bad_command', '/history 0': 'bad_command', '/history 1001': 'bad_command',
      '/history -1': 'bad_command', '/history 1e1': 'bad_command', '/history x': 'bad_command',
      '/history 99999999999999999999': 'bad_command',
      '/leave nowhere': 'not_member', [`/leave ${'x'.repeat(129)}`]: 'bad_command' };
    for (const [line, code] of Object.entries(wrong)) {
      const answer = await text.ask(line);
      assert.ok(answer.startsWith(`* error ${code}: `), `${JSON.stringify(line.slice(0, 50))} -> ${answer}`);
    }
    assert.equal(await text.ask('/leave'), '* left lobby');
    for (const line of ['hello', '/who', '/history', '/leave', '/leave lobby'])
      assert.match(await text.ask(line), /^\* error not_member: /, line);
    assert.equal(await text.ask('/msg nobody x'), '* nobody is not online');
    assert.match(await text.ask('/nick Wanderer'), /^\* you are now Wanderer$/);
    assert.match(await text.ask('/join lobby'), /^\* joined lobby, /);
    text.say('/quit');
    await text.find(/^\* bye$/);
    await text.ended();
  });

  test(`${on}: what others wrote cannot draw on the terminal; other dialects get it as it was`, async () => {
    const [reader, writer] = [await Text.open(), await Native.open(server)];
    const room = freshRoom();
    await reader.ask(`/join ${room}`);
    await writer.join(room);
    await reader.find(/ joined$/);
    const cases = { 'a\nb': 'a\\nb', '\r\n* left': '\\r\\n* left', '\x1b[2J': '\\x1b[2J',
      '\0\x07\x08\x7f': '\\x00\\x07\\x08\\x7f', '\u009b31m': '\\x9b31m', '\u202eevil\u2066': '\\u202eevil\\u2066',
      'tab\tstays': 'tab\tstays',
      '\\x1b': '\\x1b', 'é✓😀\u00a0': 'é✓😀\u00a0', '\u2028\u2029\u061c': '\\u2028\\u2029\\u061c',
      '\u200e\u200f\u200b\ufeff': '\\u200e\\u200f\\u200b\\ufeff', '👨‍👩': '👨‍👩' };
    for (const [data, shown] of Object.entries(cases)) {
      await writer.call({ type: 'message', room, data });
      assert.match(await reader.line(), spoken(writer.welcome.name, shown));
      await writer.call({ type: 'message', room, data: { text: data, more: 1 } });
      assert.match(await reader.line(), spoken(writer.welcome.name, shown));
      await writer.call({ type: 'direct', to: await nameOf(reader, writer, room), data });
      assert.equal(await reader.line(), `* direct from ${writer.welcome.name}: ${shown}`);
    }
    for (const [data, shown] of [['[1, 2]', '[1, 2]'], ['{"a":{"text":"x"}}', '{"a":{"text":"x"}}'],
      ['{"text":1}', '{"text":1}'], ['null', 'null'], ['{"text":"a","text":"b"}', '{"text":"a","text":"b"}'],
      ['"\\u001b"', '\\x1b']]) {
      writer.text(`{"type":"message","room":${JSON.stringify(room)},"data":${data}}`);
      assert.match(await reader.line(), spoken(writer.welcome.name, shown));
    }
    // And back: a line is a JSON string, byte for byte.
    for (const line of ['plain', 'quote " and \\ backslash', '\x1b[0m', '\x01\x02', 'tab\t', 'é✓😀', '{"a":1}',
      '\u2028']) {
      reader.say(line);
      assert.equal((await writer.nextOf('message')).data, line);
    }
    await writer.close();
    reader.tcp.destroy();
  });
}

async function nameOf(text, native, room) {
  const { members } = await native.call({ type: 'members', room });
  return members.find(({ name }) => name === text.name).user;
}

test('both transports, and JSON, are in the same room', async () => {
  const [tcp, ws, json] = [await TcpText.open(), await WsText.open(), await Native.open(server, { name: 'Jay' })];
  const room = freshRoom();
  await tcp.ask(`/join ${room}`);
  await ws.ask(`/join ${room}`);
  await json.join(room);
  tcp.say('from tcp');
  assert.match(await ws.find(/from tcp/), spoken(tcp.name, 'from tcp'));
  assert.equal((await json.nextOf('message')).data, 'from tcp');
  ws.say('from ws\r\n'); // line-oriented clients leave the end in it
  assert.match(await tcp.find(/from ws/), spoken(ws.name, 'from ws'));
  assert.equal((await json.nextOf('message')).data, 'from ws');
  await json.call({ type: 'message', room, data: 'from json' });
  assert.match(await tcp.find(/from json/), spoken('Jay', 'from json'));
  assert.match(await ws.find(/from json/), spoken('Jay', 'from json'));
  json.tcp.destroy();
  assert.equal(await tcp.find(/Jay/), '* Jay is away');
  ws.tcp.destroy();
  await tcp.find(/ left$/); // a terminal has nothing to come back with
  tcp.tcp.destroy();
});

test('history for those who come in: the last ten messages', async () => {
  const a = await TcpText.open();
  const room = freshRoom();
  await a.ask(`/join ${room}`);
  for (let i = 0; i < 15; i++) a.say(`line ${i}`);
  for (let i = 0; i < 15; i++) await a.find(new RegExp(`line ${i}$`));
  const b = await TcpText.open();
  assert.equal(await b.ask(`/join ${room}`), `* joined ${room}, 2 members`);
  for (let i = 5; i < 15; i++) assert.match(await b.find(/line/), spoken(a.name, `line ${i}`));
  b.say('/history 3');
  await b.find(/line 13$/);
  await b.find(/line 14$/);
  a.tcp.destroy();
  b.tcp.destroy();
});

// ---- bytes over TCP -----------------------------------------------------------------------------------------------

test('TCP: LF and CR LF, one byte at a time, many lines in one segment', async () => {
  const [a, b] = [await TcpText.open(), await TcpText.open()];
  const room = freshRoom();
  await a.ask(`/join ${room}`);
  await b.ask(`/join ${room}`);
  await a.find(/ joined$/);
  a.tcp.write('one\r\ntwo\n\r\n\n\rthree\n');
  for (const text of ['one', 'two', '\\rthree']) assert.match(await b.line(), spoken(a.name, text));
  await a.tcp.writePieces(Array.from(Buffer.from('vier: é✓😀\r\n//x\n'), (byte) => Buffer.from([byte])));
  assert.match(await b.line(), spoken(a.name, 'vier: é✓😀'));
  assert.match(await b.line(), spoken(a.name, '/x'));
  a.tcp.write(Array.from({ length: 2000 }, (_, i) => `many ${i}\n`).join(''));
  for (let i = 0; i < 2000; i++) assert.match(await b.line(), spoken(a.name, `many ${i}`));
  a.tcp.destroy();
  b.tcp.destroy();
});

test('TCP: a line may be as long as a message; a longer one is skipped, whatever its size and cut', async () => {
  const text = await TcpText.open();
  await text.ask(`/join ${freshRoom()}`);
  const limit = 4096;
  for (const end of ['\n', '\r\n']) {
    text.tcp.write('x'.repeat(limit) + end);
    assert.equal((await text.line()).length, '[00:00:00] : '.length + text.name.length + limit);
    for (const n of [limit + 1, limit + 2, 65_536, 1_000_000]) {
      text.tcp.write(`${'x'.repeat(n)}${end}after\n`);
      assert.match(await text.line(), /^\* error too_large: /);
      assert.match(await text.line(), spoken(text.name, 'after'));
    }
  }
  // The answer does not wait for an end that never comes; and what is skipped is not kept.
  const used = async () => (await server.metrics()).plenum_memory_used_bytes;
  const before = await used();
  text.tcp.write('y'.repeat(4_000_000));
  assert.match(await text.line(), /^\* error too_large: /);
  text.tcp.write('y'.repeat(4_000_000));
  const received = async () => (await server.metrics()).plenum_received_bytes_total;
  await server.until('all to be read', async () => (await received()) > 8_000_000);
  const held = (await used()) - before;
  assert.ok(held < 1 << 20, `${held} bytes held`); // what others do at that time included
  text.tcp.write('\nafter\n');
  assert.match(await text.line(), spoken(text.name, 'after'));
  text.tcp.destroy();
});

test('TCP: bytes that are not UTF-8 are refused with a sentence', async () => {
  const text = await TcpText.open();
  await text.ask(`/join ${freshRoom()}`);
  for (const hex of ['ff', '80', 'c0af', 'eda080', 'f4908080', 'e282', '68e969', '2f6e69636b20ff']) {
    text.tcp.write(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('\n')]));
    assert.match(await text.line(), /^\* error bad_command: .*UTF-8/);
  }
  text.tcp.write('\0\n'); // a control character, but UTF-8
  assert.match(await text.line(), spoken(text.name, '\\x00'));
  text.tcp.destroy();
});

test('TCP: other protocols on this port are told so, heard by nobody, and logged', async () => {
  const text = await TcpText.open();
  const noted = () => server.stderr.split('\n').filter((line) => /event=wrong_protocol/.test(line));
  const before = noted().length;
  // What a browser sends for fetch('http://127.0.0.1:9000/', {method: 'POST', mode: 'no-cors', body: '...'}).
  const body = '/nick boss\nbuy this\n';
  const request = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${server.text}\r\nOrigin: http://evil.example\r\n` +
    `Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (const bytes of [request, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'BREW /pot HTTP/1.0\r\n\r\nwords\n']) {
    const browser = await server.connect(server.text);
    browser.write(bytes);
    const { status, headers, body: sentence } = await browser.response();
    assert.equal(status, 400);
    assert.equal(headers.connection, 'close');
    assert.match(String(sentence), new RegExp(`lines of text.* HTTP and WebSocket are on port ${server.http}\\.`));
    assert.equal((await browser.readEnd(3000)).length, 0);
    browser.destroy();
  }
  const secure = await server.connect(server.text);
  secure.write(Buffer.concat([Buffer.from('1603010200', 'hex'), Buffer.from('\nwords\n')]));
  assert.equal(String(await secure.readEnd(3000)), '* this port takes lines of text without TLS, from nc and telnet\n');
  secure.destroy();
  await server.until('four log lines', () => noted().length === before + 4);
  assert.match(noted().at(-1), /peer=127\.0\.0\.1:\d+ reason=TLS/);
  // Somebody who is in the room already may say what looks like a request.
  text.say('hello').say('GET / HTTP/1.1');
  assert.match(await text.line(), spoken(text.name, 'hello')); // and nothing came before it
  assert.match(await text.line(), spoken(text.name, 'GET / HTTP/1.1'));
  text.tcp.destroy();
});

test('TCP: half-closed: what was said is carried out, and the end comes', async () => {
  const listener = await TcpText.open();
  const room = freshRoom();
  await listener.ask(`/join ${room}`);
  const piped = await server.connect(server.text); // printf '…' | nc -N
  piped.write(`/join ${room}\nfrom a pipe\n/quit\n`);
  piped.finish();
  assert.match(await listener.find(/pipe/), /from a pipe$/);
  await piped.readEnd(3000);
  const unfinished = await server.connect(server.text); // a line without an end is no line
  unfinished.write('/join lobby2');
  unfinished.finish();
  await unfinished.readEnd(3000);
  await listener.find(/ left$/);
  listener.tcp.destroy();
  piped.destroy();
  unfinished.destroy();
});

// ---- WebSocket ----------------------------------------------------------------------------------------------------

test('WebSocket: fragments, a binary message, text that is not UTF-8, a line that is too long', async () => {
  const text = await WsText.open();
  await text.ask(`/join ${freshRoom()}`);
  text.ws.send(TEXT, 'frag', { fin: false }).send(PING, 'p').send(CONTINUATION, 'ment');
  await text.ws.expect(PONG, 'p');
  assert.match(await text.line(), spoken(text.name, 'fragment'));
  text.say('two\nlines'); // one message is one line
  assert.match(await text.line(), spoken(text.name, 'two\\nlines'));
  await text.ws.send(BINARY, 'x').expectClose(1003);
  const large = await WsText.open();
  large.ws.text('x'.repeat(4097));
  let got;
  do got = await large.ws.frame(); while (got.opcode === TEXT);
  assert.deepEqual([got.opcode, got.payload.readUInt16BE()], [CLOSE, 1009]);
  const bad = await WsText.open();
  bad.tcp.write(frame(TEXT, Buffer.from('61ff', 'hex')));
  do got = await bad.ws.frame(); while (got.opcode === TEXT);
  assert.deepEqual([got.opcode, got.payload.readUInt16BE()], [CLOSE, 1007]);
});

// ---- limits -------------------------------------------------------------------------------------------------------

test('rate limit: a sentence with the time to wait, then the end', async () => {
  await withServer({ flags: ['--limits.commands_per_s=10', '--limits.commands_burst=5'] }, async (own) => {
    for (const Text of [TcpText, WsText]) {
      const text = await Text.open(own);
      for (let i = 0; i < 12; i++) text.say('/who');
      const refused = await text.find(/error/);
      const [, ms] = /^\* error rate_limited: .*\. Try again in (\d+) ms\.$/.exec(refused);
      assert.ok(ms > 0 && ms <= 100, refused);
      for (let i = 0; i < 100; i++) text.say('x');
      if (Text === TcpText) {
        await text.find(/^\* closing: /);
        await text.tcp.readEnd(3000);
      } else {
        let got;
        do got = await text.ws.frame(); while (got.opcode === TEXT);
        assert.equal(got.payload.readUInt16BE(), 1008);
      }
    }
  });
});

test('room limits meet terminals too; the configured first room', async () => {
  await withServer({ flags: ['--rooms.members_max=2', '--limits.rooms=2', '--limits.address_rooms_percent=100',
    '--server.shards=1', '--rooms.text_room=Empfang 1'] }, async (own) => {
    const texts = [];
    for (let i = 0; i < 2; i++) {
      const tcp = await own.connect(own.text);
      assert.match((await tcp.readUntil('\n')).toString(), /welcome/);
      assert.equal((await tcp.readUntil('\n')).toString(), `* joined Empfang 1, ${i + 1} member${i ? 's' : ''}\n`);
      texts.push(tcp);
    }
    const third = await own.connect(own.text);
    await third.readUntil('\n');
    assert.match((await third.readUntil('\n')).toString(), /^\* error room_full: /);
    third.write('/join other\n/leave\n/join third\n/who\n');
    assert.match((await third.readUntil('\n')).toString(), /^\* joined other, 1 member/);
    assert.match((await third.readUntil('\n')).toString(), /^\* left other/);
    assert.match((await third.readUntil('\n')).toString(), /^\* error limit_reached: /);
    assert.match((await third.readUntil('\n')).toString(), /^\* error not_member: /);
  });
});

test('many terminals at once say much; each hears everything once and in one order', async () => {
  const count = 10;
  const texts = await Promise.all(Array.from({ length: count }, () => TcpText.open()));
  const room = freshRoom();
  for (const text of texts) await text.ask(`/join ${room}`);
  const start = performance.now();
  texts.forEach((text, i) => text.tcp.write(Array.from({ length: 100 }, (_, n) => `${i} says ${n}\n`).join('')));
  const heard = [];
  await pool(texts, count, async (text) => {
    const lines = [];
    while (lines.length < count * 100) lines.push((await text.find(/says/)).slice(11));
    heard.push(lines.join('\n'));
  });
  assert.ok(elapsed(start) < 10_000);
  assert.equal(new Set(heard).size, 1, 'everyone heard the same');
  assert.equal(new Set(heard[0].split('\n')).size, count * 100);
  for (const text of texts) text.tcp.destroy();
});
