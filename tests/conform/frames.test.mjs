// SPDX-License-Identifier: Apache-2.0
//
// Frames (RFC 6455 sections 5 to 8) against the echo endpoint, in the order in which conformance suites go about it:
// messages, pings, reserved bits, opcodes, fragments, UTF-8, closing. What depends on a dialect is at the end, on /ws.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { firstBad } from './cases/utf8.mjs';
import { elapsed, pool, sharedServer, withServer } from './support.mjs';
import {
  BINARY, CLOSE, CONTINUATION, Native, PING, PONG, TEXT, Ws, closePayload, frame, parseFrame,
} from './websocket.mjs';

const MESSAGE_MAX = 1 << 20;
const server = await sharedServer({ flags: [`--limits.message_bytes=${MESSAGE_MAX}`, '--limits.commands_per_s=0',
  '--limits.reply_bytes=8388608'] });

const echo = () => Ws.open(server, '/conformance/echo');

// A text is echoed, then `bytes` fail the connection with `code`; in one segment, so that the echo was still queued.
async function fails(bytes, code) {
  const ws = await echo();
  ws.tcp.write(Buffer.concat([frame(TEXT, 'before'), bytes]));
  await ws.expect(TEXT, 'before');
  await ws.expectClose(code);
}

// ---- 1: messages --------------------------------------------------------------------------------------------------

const SIZES = [0, 1, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537, 262_144, MESSAGE_MAX];

test('messages of every form of length come back', async () => {
  const ws = await echo();
  for (const size of SIZES) {
    const bytes = randomBytes(size);
    await ws.send(BINARY, bytes).expect(BINARY, bytes);
    const text = 'é'.repeat(size >> 1) + 'x'.repeat(size & 1);
    await ws.send(TEXT, text).expect(TEXT, text);
  }
  await ws.close();
});

test('chopped into segments of any size', async () => {
  const payload = randomBytes(65536);
  const bytes = frame(BINARY, payload);
  for (const chop of [997, 1024, 4096, 65537]) {
    const ws = await echo();
    const pieces = [];
    for (let at = 0; at < bytes.length; at += chop) pieces.push(bytes.subarray(at, at + chop));
    await ws.tcp.writePieces(pieces);
    await ws.expect(BINARY, payload);
    await ws.close();
  }
  const ws = await echo();
  await ws.tcp.writePieces(Array.from(frame(TEXT, 'one octet at a time: ✓'), (byte) => Buffer.from([byte])));
  await ws.expect(TEXT, 'one octet at a time: ✓');
  await ws.close();
});

test('many messages in one segment come back in order, whatever the masks', async () => {
  const ws = await echo();
  const texts = Array.from({ length: 5000 }, (_, i) => `message ${i}`);
  ws.tcp.write(Buffer.concat(texts.map((text, i) => frame(TEXT, text,
    { mask: i % 3 ? randomBytes(4) : [0, 0, 0, 0] }))));
  for (const text of texts) await ws.expect(TEXT, text);
  await ws.close();
});

test('an echo that nobody reads for a while is complete and in order', async () => {
  const ws = await echo();
  ws.tcp.socket.pause();
  const payload = randomBytes(65536);
  const count = 400; // 25 MiB: more than the socket's and the server's buffers
  let written = 0;
  const bytes = frame(BINARY, payload);
  while (written < count) {
    written++;
    if (!ws.tcp.socket.write(bytes) && written % 50 === 0) await new Promise((next) => setImmediate(next));
  }
  await server.until('the server to stop reading', async () => ws.tcp.socket.writableLength > 0);
  ws.tcp.socket.resume();
  for (let i = 0; i < count; i++) await ws.expect(BINARY, payload);
  await ws.close();
});

// ---- 2: pings and pongs -------------------------------------------------------------------------------------------

test('pings of every size are answered with their payload, pongs are not answered', async () => {
  const ws = await echo();
  for (const size of [0, 1, 8, 124, 125]) {
    const payload = randomBytes(size); // need not be UTF-8
    await ws.send(PING, payload).expect(PONG, payload);
  }
  for (let i = 0; i < 10; i++) ws.send(PING, `ping ${i}`);
  for (let i = 0; i < 10; i++) await ws.expect(PONG, `ping ${i}`);
  ws.send(PONG).send(PONG, 'unsolicited').send(PONG, randomBytes(125));
  await ws.alive();
  await ws.tcp.writePieces(Array.from(frame(PING, randomBytes(125)), (byte) => Buffer.from([byte])));
  assert.equal((await ws.frame()).payload.length, 125);
  await ws.close();
});

test('B6: control frames longer than 125 octets or in fragments fail', async () => {
  for (const opcode of [PING, PONG, CLOSE]) {
    await fails(frame(opcode, randomBytes(126)), 1002);
    await fails(frame(opcode, randomBytes(65536)), 1002);
    await fails(frame(opcode, 'x', { lengthBytes: 2 }), 1002);
    await fails(Buffer.concat([frame(opcode, 'a', { fin: false }), frame(CONTINUATION, 'b')]), 1002);
  }
});

// ---- 3, 4: reserved bits, opcodes, masks, lengths -----------------------------------------------------------------

test('B4: reserved bits fail, on every frame', async () => {
  for (let rsv = 1; rsv < 8; rsv++) {
    for (const opcode of [TEXT, BINARY, PING, PONG, CLOSE])
      await fails(frame(opcode, opcode === CLOSE ? closePayload(1000) : 'x', { rsv }), 1002);
    await fails(Buffer.concat([frame(TEXT, 'a', { fin: false }), frame(CONTINUATION, 'b', { rsv })]), 1002);
  }
});

test('B5: reserved opcodes fail, with and without a payload, also inside a message', async () => {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    await fails(frame(opcode), 1002);
    await fails(frame(opcode, 'payload'), 1002);
    await fails(Buffer.concat([frame(TEXT, 'a', { fin: false }), frame(opcode, 'x')]), 1002);
  }
});

test('B1: frames without a mask fail', async () => {
  for (const opcode of [TEXT, BINARY, PING, PONG]) await fails(frame(opcode, 'x', { mask: false }), 1002);
  await fails(frame(TEXT, '', { mask: false }), 1002);
  await fails(frame(CLOSE, closePayload(1000), { mask: false }), 1002);
});

test('B2: lengths beyond the limit fail before any of it is taken', async () => {
  const before = (await server.metrics()).plenum_memory_used_bytes;
  const big = [2n ** 31n, 2n ** 32n + 5n, 2n ** 53n, 2n ** 63n - 1n, BigInt(MESSAGE_MAX) + 1n];
  for (const length of big) {
    for (const opcode of [TEXT, BINARY]) await fails(frame(opcode, '', { length, lengthBytes: 8 }), 1009);
  }
  for (const length of [2n ** 63n, 2n ** 64n - 1n]) await fails(frame(BINARY, '', { length, lengthBytes: 8 }), 1002);
  await fails(frame(PING, '', { length: 2n ** 63n - 1n, lengthBytes: 8 }), 1002);
  assert.ok((await server.metrics()).plenum_memory_used_bytes - before < 1 << 20);
});

test('B3: lengths not in their shortest form fail', async () => {
  for (const [size, lengthBytes] of [[0, 2], [5, 2], [125, 2], [0, 8], [5, 8], [126, 8], [65535, 8]]) {
    await fails(frame(BINARY, randomBytes(size), { lengthBytes }), 1002);
  }
});

// ---- 5: fragments -------------------------------------------------------------------------------------------------

test('B7: fragments, empty ones too, with control frames between them answered at once', async () => {
  const ws = await echo();
  ws.send(TEXT, 'frag', { fin: false }).send(CONTINUATION, 'ment');
  await ws.expect(TEXT, 'fragment');
  ws.send(BINARY, '', { fin: false }).send(CONTINUATION, '', { fin: false }).send(CONTINUATION, '');
  await ws.expect(BINARY, '');
  ws.send(TEXT, '', { fin: false }).send(CONTINUATION, 'middle', { fin: false }).send(CONTINUATION, '');
  await ws.expect(TEXT, 'middle');
  for (const part of ['a', 'b', 'c', 'd']) {
    ws.send(part === 'a' ? TEXT : CONTINUATION, part, { fin: false });
    await ws.send(PING, part).expect(PONG, part); // before the message is complete
    ws.send(PONG, 'unsolicited');
  }
  await ws.send(CONTINUATION, 'e').expect(TEXT, 'abcde');
  // The same in one segment, and one octet at a time.
  const stream = Buffer.concat([frame(TEXT, 'x', { fin: false }), frame(PING, '1'), frame(CONTINUATION, 'y',
    { fin: false }), frame(PING, '2'), frame(CONTINUATION, 'z'), frame(TEXT, '!')]);
  for (const pieces of [[stream], Array.from(stream, (byte) => Buffer.from([byte]))]) {
    await ws.tcp.writePieces(pieces);
    await ws.expect(PONG, '1');
    await ws.expect(PONG, '2');
    await ws.expect(TEXT, 'xyz');
    await ws.expect(TEXT, '!');
  }
  await ws.close();
});

test('B7: continuations of nothing, and messages inside messages, fail', async () => {
  for (const fin of [true, false]) {
    await fails(frame(CONTINUATION, 'x', { fin }), 1002);
    await fails(frame(CONTINUATION, '', { fin }), 1002);
    await fails(Buffer.concat([frame(TEXT, 'a', { fin: false }), frame(TEXT, 'b', { fin })]), 1002);
    await fails(Buffer.concat([frame(TEXT, 'a', { fin: false }), frame(BINARY, 'b', { fin })]), 1002);
    await fails(Buffer.concat([frame(BINARY, '', { fin: false }), frame(TEXT, '', { fin })]), 1002);
  }
  const ws = await echo(); // after a complete one there is nothing to continue either
  ws.send(TEXT, 'a', { fin: false }).send(CONTINUATION, 'b');
  await ws.expect(TEXT, 'ab');
  await ws.send(CONTINUATION, 'c').expectClose(1002);
});

test('B8: the limit is that of the message, not of the frame', async () => {
  const ws = await echo();
  const piece = Buffer.alloc(65536, 'x');
  ws.send(BINARY, piece, { fin: false });
  for (let n = 2 * piece.length; n <= MESSAGE_MAX; n += piece.length) ws.send(CONTINUATION, piece, { fin: false });
  await ws.alive(); // exactly at the limit
  await ws.send(CONTINUATION, 'x', { fin: false }).expectClose(1009);
  // Endless ones: the connection is failed while they still come.
  const endless = await echo();
  endless.send(TEXT, piece, { fin: false });
  for (let i = 0; i < 20; i++) endless.send(CONTINUATION, piece, { fin: false });
  await endless.expectClose(1009);
});

// Runs fn(ws, held) with held() as what the server has taken since. One shard, and every buffer of it used before: a
// shard's first request or its first long message is no part of this. The page of metrics itself may outgrow its
// buffer between two looks, as its numbers do.
const PAGE_GROWTH = 32_768; // a page of 16 KiB in a buffer that doubles
async function measured(fn) {
  await withServer({ flags: ['--server.shards=1', `--limits.message_bytes=${MESSAGE_MAX}`] }, async (own) => {
    const ws = await Ws.open(own, '/conformance/echo');
    await ws.send(TEXT, 'x').expect(TEXT, 'x');
    await own.metrics();
    await own.metrics();
    const before = (await own.metrics()).plenum_memory_used_bytes;
    await fn(ws, async () => (await own.metrics()).plenum_memory_used_bytes - before);
    await ws.close();
  });
}

test('B9: 131,072 fragments of one octet are one message and hold no more than its size', async () => {
  const count = 131_072;
  await measured(async (ws, held) => {
    const rest = Buffer.concat(Array(count - 1).fill(frame(CONTINUATION, 'a', { fin: false })));
    ws.tcp.write(Buffer.concat([frame(BINARY, 'a', { fin: false }), rest]));
    await ws.send(PING, 'all read').expect(PONG, 'all read');
    const bytes = await held();
    assert.ok(bytes <= count + 4096 + PAGE_GROWTH, `${bytes} bytes held for ${count}`);
    await ws.send(CONTINUATION, '').expect(BINARY, 'a'.repeat(count));
    await ws.alive();
    assert.ok((await held()) <= 4096 + PAGE_GROWTH, 'given back');
  });
});

test('B9: empty fragments are not stored', async () => {
  await measured(async (ws, held) => {
    const rest = Buffer.concat(Array(900).fill(frame(CONTINUATION, '', { fin: false })));
    ws.tcp.write(Buffer.concat([frame(TEXT, '', { fin: false }), rest]));
    await ws.send(PING, 'all read').expect(PONG, 'all read');
    assert.ok((await held()) <= 4096 + PAGE_GROWTH);
    await ws.send(CONTINUATION, '').expect(TEXT, '');
  });
});

// The floods of one connection until it hears 1008 (lines: until it is cut off).
const FLOODS = [
  ['/ws', frame(PING, '')],
  ['/ws', frame(PONG, '')],
  ['/ws', frame(CONTINUATION, '', { fin: false }), frame(TEXT, '{', { fin: false })],
  ['/conformance/echo', frame(CONTINUATION, '', { fin: false }), frame(BINARY, '', { fin: false })],
  ['/echo', frame(TEXT, '')],
];

test('B9, B14: endless empty fragments, pings and empty lines are cut off, whatever commands_per_s says', async () => {
  await withServer({ flags: ['--limits.commands_per_s=0'] }, async (own) => {
    for (const [path, noise, first = ''] of FLOODS) {
      const ws = await Ws.open(own, path);
      ws.tcp.write(Buffer.concat([Buffer.from(first), ...Array(20_000).fill(noise)]));
      let got;
      do got = await ws.frame(); while (got.opcode === PONG || got.opcode === TEXT);
      assert.equal(got.opcode, CLOSE, path);
      assert.equal(got.payload.readUInt16BE(), 1008, path);
      ws.tcp.destroy();
    }
    const line = await own.connect(own.text);
    line.write('\n'.repeat(200_000));
    assert.match((await line.readEnd(3000, { reset: true })).toString(), /^\* closing: too many [^\n]*\n$/m);
    assert.equal((await own.metrics())['plenum_limit_hits_total{limit="noise"}'], FLOODS.length + 1);
  });
});

// ---- 6: UTF-8 -----------------------------------------------------------------------------------------------------

const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
// Borders of every length, non-characters, and everything that is not UTF-8 in every way it can be not.
const VALID = ['', '00', '7f', 'c280', 'dfbf', 'e0a080', 'ed9fbf', 'ee8080', 'efbfbd', 'efbfbe', 'efbfbf', 'f0908080',
  'f48fbfbf',
  'f09fbfbe', 'efbbbf', 'cebae1bdb9cf83cebcceb5', 'e282ac f09f9880 c3a9 78'];
const INVALID = ['80', 'bf', '8080', '80bf80bf80bf80', 'c0', 'c1', 'f5', 'fe', 'ff', 'fefeffff', 'c080', 'c0af',
  'c1bf', 'e08080', 'e080af', 'e09fbf',
  'f0808080', 'f08080af', 'f08fbfbf', 'f888808080', 'f8888080 80', 'fc8480808080', 'eda080', 'edadbf', 'edae80',
  'edafbf', 'edb080', 'edbfbf',
  'eda080edb080', 'edafbfedbfbf', 'f4908080', 'f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf', 'c320', 'e28220', 'e220',
  'f09f9820', 'f09f20', 'f020',
  'c3', 'e2', 'e282', 'f0', 'f09f', 'f09f98', 'c3c3a9', 'e282e282ac',
  'cebae1bdb9cf83cebcceb5eda08065646974656'.slice(0, 38),
  'cebae1bdb9cf83cebcceb5f4908080656469746564'];

test('B10: text is checked as it arrives: valid at every split, refused at the first octet that cannot be',
  async () => {
  for (const text of VALID) {
    const bytes = hex(text);
    assert.equal(firstBad(bytes), -1);
    const ws = await echo();
    await ws.send(TEXT, bytes).expect(TEXT, bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      ws.send(TEXT, bytes.subarray(0, cut), { fin: false }).send(CONTINUATION, bytes.subarray(cut));
      await ws.expect(TEXT, bytes);
    }
    await ws.send(BINARY, bytes).expect(BINARY, bytes);
    await ws.close();
  }
  await pool(INVALID, 8, async (text) => {
    const bytes = hex(text);
    const bad = firstBad(bytes);
    assert.notEqual(bad, -1, text);
    await fails(frame(TEXT, bytes), 1007);
    const ws = await echo(); // as binary it is welcome
    await ws.send(BINARY, bytes).expect(BINARY, bytes);
    await ws.close();
    for (let cut = 0; cut <= bytes.length; cut++) {
      await fails(Buffer.concat([frame(TEXT, bytes.subarray(0, cut), { fin: false }),
        frame(CONTINUATION, bytes.subarray(cut))]), 1007);
    }
    if (bad === bytes.length) return;
    // Fail fast: a frame that says it is longer, of which nothing comes behind the bad octet.
    const fast = await echo();
    fast.send(TEXT, bytes.subarray(0, bad), { fin: false });
    await fast.alive();
    fast.tcp.write(frame(CONTINUATION, bytes.subarray(bad, bad + 1), { length: 1000n }));
    await fast.expectClose(1007);
  });
});

// ---- 7: closing ---------------------------------------------------------------------------------------------------

test('the close handshake: our code comes back, TCP ends, at once', async () => {
  for (const payload of [Buffer.alloc(0), closePayload(1000), closePayload(1000, 'bye'),
    closePayload(1000, 'x'.repeat(123)), closePayload(1001, '✓')]) {
    const ws = await echo();
    const start = performance.now();
    ws.send(CLOSE, payload);
    await ws.expectClose(payload.length ? payload.readUInt16BE() : null, { answer: false });
    assert.ok(elapsed(start) < 1000, `${elapsed(start)} ms`);
  }
});

test('a broken frame is answered with a close frame and FIN, also where nothing comes back', async () => {
  const broken = [[frame(CLOSE, closePayload(1000, 'x'.repeat(124))), 1002], [frame(3), 1002],
    [frame(TEXT, Buffer.from([0xff])), 1007], [frame(BINARY, '', { length: 1n << 40n, lengthBytes: 8 }), 1009]];
  const fin = async (other, bytes, code) => {
    const ws = await Ws.open(other, '/conformance/echo');
    ws.tcp.write(Buffer.concat([frame(TEXT, 'before'), bytes]));
    await ws.expect(TEXT, 'before');
    assert.equal((await ws.frame()).payload.readUInt16BE(), code);
    assert.equal((await ws.tcp.readEnd()).length, 0); // FIN, and no reset
    return ws.tcp;
  };
  await withServer({ flags: ['--limits.close_ms=60000'] }, async (patient) => { // nothing is waited for
    for (const [bytes, code] of broken) (await fin(patient, bytes, code)).destroy();
  });
  await withServer({ flags: ['--limits.close_ms=50'] }, async (hasty) => { // when it gives up, still no reset
    const silent = [];
    for (const [bytes, code] of broken) silent.push(await fin(hasty, bytes, code));
    await hasty.until('the server to be alone', async () => (await hasty.metrics()).plenum_connections === 1);
    for (const tcp of silent) {
      assert.equal(tcp.error, null);
      tcp.destroy();
    }
  });
});

test('B11: close codes', async () => {
  const good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
  const bad = [0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65535];
  for (const code of good) {
    const ws = await echo();
    await ws.send(CLOSE, closePayload(code, 'reason')).expectClose(code, { answer: false });
  }
  for (const code of bad) {
    const ws = await echo();
    await ws.send(CLOSE, closePayload(code)).expectClose(1002, { answer: false });
  }
  for (const code of [1012, 1013, 1014]) { // registered with IANA since; they may be echoed or refused
    const ws = await echo();
    ws.send(CLOSE, closePayload(code));
    const got = await ws.frame();
    assert.ok([code, 1002].includes(got.payload.readUInt16BE()));
    ws.tcp.destroy();
  }
});

test('B11: close frames that are not well-formed', async () => {
  const ws = await echo();
  await ws.send(CLOSE, 'x').expectClose(1002, { answer: false });
  await fails(frame(CLOSE, closePayload(1000, 'x'.repeat(124))), 1002);
  for (const reason of ['ff', 'c3', 'eda080', 'cebae1bdb9cf83cebcceb5eda080656469746564']) {
    const other = await echo();
    other.send(CLOSE, Buffer.concat([closePayload(1000), hex(reason)]));
    const got = await other.frame();
    assert.ok([1002, 1007].includes(got.payload.readUInt16BE()), 'a reason that is not UTF-8');
    await other.tcp.readEnd(2000);
    other.tcp.destroy();
  }
});

test('B12: nothing is answered after the close frame', async () => {
  const after = [frame(TEXT, 'late'), frame(PING, 'late'), frame(CLOSE, closePayload(1001)),
    frame(CONTINUATION, 'late'), randomBytes(1000)];
  for (const bytes of [...after, Buffer.concat(Array(2000).fill(frame(CLOSE, closePayload(1000))))]) {
    const ws = await echo();
    ws.tcp.write(Buffer.concat([frame(TEXT, 'before'), frame(CLOSE, closePayload(1000)), bytes]));
    await ws.expect(TEXT, 'before');
    await ws.expectClose(1000, { answer: false });
  }
  const ws = await echo(); // a message that was begun is not finished
  ws.tcp.write(Buffer.concat([frame(TEXT, 'be', { fin: false }), frame(CLOSE, closePayload(1000)),
    frame(CONTINUATION, 'gun')]));
  await ws.expectClose(1000, { answer: false });
  const big = await echo(); // a large reply is complete before the close frame
  const payload = randomBytes(262_144);
  big.tcp.write(Buffer.concat([frame(BINARY, payload), frame(CLOSE, closePayload(1000)), frame(PING, 'late')]));
  await big.expect(BINARY, payload);
  await big.expectClose(1000, { answer: false });
});

// The number of connections at the server, the one that asks not counted; what failed tests left open is closed.
async function connections() {
  return (await server.metrics()).plenum_connections - 1;
}

test('B12: whoever does not answer our close, or never ends TCP, is gone within 2 s', async () => {
  for (const tcp of server.clients) tcp.destroy();
  await server.until('older connections to be gone', async () => (await connections()) === 0, 5000);
  const start = performance.now();
  const silent = await echo();
  silent.send(15, 'x'); // fails; the close frame is not answered
  assert.equal((await silent.frame()).opcode, CLOSE);
  const lingering = await echo();
  lingering.send(CLOSE, closePayload(1000)); // handshake done, but our side of TCP stays open
  assert.equal((await lingering.frame()).opcode, CLOSE);
  await lingering.tcp.readEnd(1000);
  await server.until('both to be gone', async () => (await connections()) === 0, 5000);
  assert.ok(elapsed(start) < 2000, `${elapsed(start)} ms`);
  silent.tcp.destroy();
  lingering.tcp.destroy();
});

test('B12: half-closed: what was sent is answered, then the connection ends', async () => {
  const ws = await echo();
  ws.send(TEXT, 'last words');
  ws.tcp.finish();
  await ws.expect(TEXT, 'last words');
  await ws.tcp.readEnd(2000).then((rest) => assert.ok(rest.length === 0 || parseFrame(rest).opcode === CLOSE));
  const idle = await echo();
  idle.tcp.finish();
  await idle.tcp.readEnd(2000);
  const mid = await echo(); // in the middle of a frame
  mid.tcp.write(frame(TEXT, 'abc').subarray(0, 5));
  mid.tcp.finish();
  await mid.tcp.readEnd(2000);
  await server.until('all to be gone', async () => (await connections()) === 0, 3000);
});

test('resets in the middle of anything leave nothing behind', async () => {
  const bytes = Buffer.concat([frame(TEXT, 'x'.repeat(300), { fin: false }), frame(PING, 'p'),
    frame(CONTINUATION, 'y')]);
  for (let cut = 1; cut < bytes.length; cut += 7) {
    const ws = await echo();
    ws.tcp.write(bytes.subarray(0, cut));
    await new Promise((next) => setImmediate(next));
    ws.tcp.reset();
  }
  await server.until('all to be gone', async () => (await connections()) === 0, 3000);
});

// ---- dialects -----------------------------------------------------------------------------------------------------

test('on /ws a binary message that is no command is an error, after the replies that were due', async () => {
  const client = await Native.open(server);
  client.tcp.write(Buffer.concat([frame(TEXT, '{"type":"ping","id":"p"}'), frame(BINARY, '{}')]));
  assert.equal((await client.next()).type, 'pong');
  assert.equal((await client.next()).code, 'bad_command');
});

test('on /ws replies come before the close frame of an error behind them, wherever the room lives', async () => {
  for (let i = 0; i < 8; i++) { // rooms are spread over the shards by name
    const client = await Native.open(server);
    await client.join(`due ${i}`);
    const commands = Array.from({ length: 10 },
      (_, n) => frame(TEXT, JSON.stringify({ type: 'message', id: n, room: `due ${i}`, data: n })));
    client.tcp.write(Buffer.concat([...commands, frame(TEXT, 'x', { rsv: 4 })]));
    for (let n = 0; n < 10; n++) assert.equal((await client.nextOf('ack')).id, n);
    await client.expectClose(1002);
  }
});

test('on /ws replies come before the answer to a close frame, or to FIN, behind the commands', async () => {
  for (let i = 0; i < 32; i++) {
    const client = await Native.open(server);
    await client.join(`close ${i}`);
    const message = (n) => frame(TEXT, JSON.stringify({ type: 'message', id: n, room: `close ${i}`, data: n }));
    // The ping is answered at once, while the messages are under way to the room's shard.
    const ping = frame(TEXT, JSON.stringify({ type: 'ping' }));
    const close = [frame(TEXT, 'begun', { fin: false }), frame(CLOSE, closePayload(1000))];
    client.tcp.write(Buffer.concat([ping, ...Array.from({ length: 10 }, (_, n) => message(n)), ...(i % 2 ? [] : close)]));
    if (i % 2) client.tcp.finish();
    for (let n = 0; n < 10; n++) assert.equal((await client.nextOf('ack')).id, n);
    if (i % 2) await client.tcp.readEnd(3000);
    else await client.expectClose(1000, { answer: false });
    client.tcp.destroy();
  }
});

test('on /ws text is checked as it arrives, and limited', async () => {
  const client = await Native.open(server);
  client.tcp.write(frame(TEXT, hex('7bff'), { length: 100n }));
  await client.expectClose(1007);
  const large = await Native.open(server);
  await large.send(TEXT, ' '.repeat(MESSAGE_MAX + 1)).expectClose(1009);
});

test('B14: floods of pings and pongs meet the limit for what says nothing: 1008, and nobody else notices', async () => {
  await withServer({ flags: ['--limits.commands_per_s=100', '--limits.commands_burst=200'] }, async (limited) => {
    const other = await Native.open(limited);
    await other.join('quiet');
    for (const opcode of [PING, PONG]) {
      for (const path of ['/ws', '/conformance/echo', '/echo']) {
        const ws = await Ws.open(limited, path);
        ws.tcp.write(Buffer.concat(Array(5000).fill(frame(opcode, 'flood'))));
        const start = performance.now();
        assert.equal((await other.call({ type: 'ping' })).type, 'pong');
        assert.ok(elapsed(start) < 250, `${elapsed(start)} ms`);
        let got;
        do got = await ws.frame(); while (got.opcode === PONG || got.opcode === TEXT);
        assert.equal(got.opcode, CLOSE);
        assert.equal(got.payload.readUInt16BE(), 1008);
        ws.send(CLOSE, got.payload);
        await ws.tcp.readEnd(3000, { reset: true });
      }
    }
    await other.close();
  });
});

test('random bytes as frames: closed with a code, never more', async () => {
  await pool(Array.from({ length: 300 }, () => randomBytes(200)), 8, async (bytes) => {
    const ws = await echo();
    bytes[1] |= 0x80; // masked, or it ends too soon
    ws.tcp.write(bytes);
    ws.tcp.finish();
    const got = await ws.tcp.readEnd(3000, { reset: true });
    for (let at = 0; at < got.length;) {
      const found = parseFrame(got.subarray(at));
      assert.ok(found);
      at += found.size;
    }
    ws.tcp.destroy();
  });
});
