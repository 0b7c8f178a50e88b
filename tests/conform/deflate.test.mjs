// SPDX-License-Identifier: Apache-2.0
//
// permessage-deflate (RFC 7692) over real sockets: what is agreed, messages there and back by node's zlib and by `ws`, and what hostile
// peers send (abuse cases A8, A9, C1 to C5). How much is inflated in a second (C7): tests/abuse/resources.test.mjs, tests/unit/test_core_deflate.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { WebSocket } from 'ws';
import { sharedServer, until, withServer } from './support.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Ws, frame, parseFrame, upgradeRequest } from './websocket.mjs';

const MESSAGE_MAX = 1 << 20, RSV1 = 4;
const DEFLATE = ['--websocket.deflate=true', '--websocket.deflate_min_bytes=32', '--limits.commands_per_s=0'];
const flags = [...DEFLATE, `--limits.message_bytes=${MESSAGE_MAX}`, '--limits.reply_bytes=8388608'];
const server = await sharedServer({ flags });

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const SYNC = { finishFlush: zlib.constants.Z_SYNC_FLUSH };

function deflate(bytes, options = {}) {
  const all = zlib.deflateRawSync(bytes, { ...SYNC, ...options });
  assert.ok(all.subarray(-4).equals(TAIL));
  return all.subarray(0, -4);
}

// A client that has agreed on it.
class Deflated extends Ws {
  static async open(on, path = '/conformance/echo', offer = 'permessage-deflate') {
    const ws = new Deflated(await on.connect());
    ws.tcp.write(upgradeRequest(path, { 'Sec-WebSocket-Extensions': offer }));
    const answer = await ws.tcp.response();
    assert.equal(answer.status, 101);
    ws.agreed = answer.headers['sec-websocket-extensions'];
    ws.windowBits = Number(/server_max_window_bits=(\d+)/.exec(ws.agreed)?.[1] ?? 15);
    ws.compressed = 0;
    return ws;
  }

  async frame(limit) {
    const found = await this.tcp.wait('a frame', () => parseFrame(this.tcp.bytes(), RSV1), limit);
    this.tcp.take(found.size);
    if (found.rsv === 0) return found;
    this.compressed++;
    const payload = zlib.inflateRawSync(Buffer.concat([found.payload, TAIL]), { ...SYNC, windowBits: this.windowBits });
    assert.ok(payload.length > found.payload.length, 'deflated though that was not shorter');
    return { ...found, payload };
  }

  deflated(opcode, bytes, options = {}) {
    return this.send(opcode, deflate(bytes, options), { rsv: RSV1 });
  }
}

const metric = async (on, name) => (await on.metrics())[name];

// ---- what is agreed ------------------------------------------------------------------------------------------------

const OURS = 'permessage-deflate; server_no_context_takeover';
const AGREED = [
  ['permessage-deflate', OURS],
  ['permessage-deflate; client_max_window_bits', `${OURS}; client_max_window_bits=12`],
  ['permessage-deflate; client_max_window_bits=8', `${OURS}; client_max_window_bits=8`],
  ['permessage-deflate; client_max_window_bits="10"', `${OURS}; client_max_window_bits=10`],
  ['permessage-deflate; client_no_context_takeover', `${OURS}; client_no_context_takeover`],
  ['permessage-deflate; server_no_context_takeover', OURS],
  ['permessage-deflate; server_max_window_bits=15', `${OURS}; server_max_window_bits=15`],
  ['permessage-deflate; server_max_window_bits=9', `${OURS}; server_max_window_bits=9`],
  ['permessage-deflate; server_max_window_bits=14; client_max_window_bits=14; client_no_context_takeover',
    `${OURS}; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=14`],
  ['permessage-deflate; server_max_window_bits=8, permessage-deflate', OURS],
  ['x-custom; a="b, permessage-deflate", permessage-deflate', OURS],
];
const DECLINED = [
  'permessage-deflate; server_max_window_bits', 'permessage-deflate; server_max_window_bits=8',
  ...['7', '16', '08', '""', '-1', 'x'].flatMap((v) => [`permessage-deflate; client_max_window_bits=${v}`,
    `permessage-deflate; server_max_window_bits=${v}`]),
  'permessage-deflate; client_no_context_takeover; client_no_context_takeover', 'permessage-deflate; level=9',
  'permessage-deflate; client_no_context_takeover=1', 'x-webkit-deflate-frame', 'permessage-deflate; a="never ends',
];

test('each parameter is agreed on as the RFC has it, and a bad offer is declined', async () => {
  for (const [offer, wanted] of AGREED) {
    const ws = await Deflated.open(server, '/conformance/echo', offer);
    assert.equal(ws.agreed, wanted, offer);
    await ws.close();
  }
  for (const offer of DECLINED) {
    const ws = await Deflated.open(server, '/conformance/echo', offer);
    assert.equal(ws.agreed, undefined, offer);
    await ws.send(TEXT, 'plain').expect(TEXT, 'plain');
    await ws.close();
  }
});

test('a thousand offers: one is accepted, the first good one', async () => {
  const many = Array(400).fill('permessage-deflate; a').concat('permessage-deflate; server_max_window_bits=10', 'permessage-deflate');
  const ws = await Deflated.open(server, '/conformance/echo', many.join(','));
  assert.equal(ws.agreed, `${OURS}; server_max_window_bits=9`);
  await ws.close();
});

test('it is off where nobody turned it on', async () => {
  await withServer({ flags: ['--echo'] }, async (own) => {
    const ws = await Deflated.open(own);
    assert.equal(ws.agreed, undefined);
    ws.deflated(TEXT, 'Hello Hello Hello');
    await ws.expectClose(1002);
  });
});

// ---- messages ------------------------------------------------------------------------------------------------------

const SIZES = [0, 1, 31, 32, 125, 126, 1000, 65535, 65536, 100_000, MESSAGE_MAX];

test('messages of every size come back, deflated where that is shorter', async () => {
  for (const offer of ['permessage-deflate', 'permessage-deflate; server_max_window_bits=9; client_no_context_takeover']) {
    const ws = await Deflated.open(server, '/conformance/echo', offer);
    for (const size of SIZES) {
      let text = '';
      for (let i = 0; text.length < size * 0.8 - 20; i++) text += `${i * 7919} Grüße an alle. `; // not one thing over and over
      await ws.deflated(TEXT, text, { windowBits: 9 }).expect(TEXT, text);
      await ws.send(TEXT, text).expect(TEXT, text);
      const noise = randomBytes(Math.min(size, MESSAGE_MAX));
      await ws.deflated(BINARY, noise).expect(BINARY, noise);
    }
    assert.ok(ws.compressed >= 8, `${ws.compressed}`);
    await ws.close();
  }
});

test('in fragments, at each split, with pings between them', async () => {
  const text = 'what is cut is put together: what is cut is put together', bytes = deflate(text);
  const ws = await Deflated.open(server);
  for (let cut = 0; cut <= bytes.length; cut++) {
    ws.send(TEXT, bytes.subarray(0, cut), { rsv: RSV1, fin: false }).send(PING, 'between')
      .send(CONTINUATION, '', { fin: false }).send(CONTINUATION, bytes.subarray(cut));
    await ws.expect(PONG, 'between');
    await ws.expect(TEXT, text);
  }
  await ws.close();
});

// node's own stream, kept over all messages.
async function stream(windowBits) {
  const z = zlib.createDeflateRaw({ windowBits, level: 9 });
  let parts = [];
  z.on('data', (part) => parts.push(part));
  return (text) => new Promise((done) => {
    z.write(text);
    z.flush(zlib.constants.Z_SYNC_FLUSH, () => {
      const all = Buffer.concat(parts);
      parts = [];
      done(all.subarray(0, -4));
    });
  });
}

test('a client may refer to what it said before, as far as was agreed', async () => {
  for (const [offer, bits] of [['permessage-deflate; client_max_window_bits', 12], ['permessage-deflate', 15]]) {
    const ws = await Deflated.open(server, '/conformance/echo', offer);
    const next = await stream(bits), novel = randomBytes(300).toString('hex');
    const sizes = [];
    for (let i = 0; i < 60; i++) {
      const text = `${i} ${novel} ${'-'.repeat(i)}`, bytes = await next(text);
      sizes.push(bytes.length);
      await ws.send(TEXT, bytes, { rsv: RSV1 }).expect(TEXT, text);
    }
    assert.ok(sizes[30] * 5 < sizes[0], `${sizes}`);
    await ws.close();
  }
});

// ---- hostile peers -------------------------------------------------------------------------------------------------

async function fails(bytes, code, options = { rsv: RSV1 }) {
  const ws = await Deflated.open(server, '/conformance/echo', 'permessage-deflate; client_no_context_takeover');
  ws.tcp.write(Buffer.concat([frame(TEXT, 'before'), frame(TEXT, bytes, options)]));
  await ws.expect(TEXT, 'before');
  await ws.expectClose(code);
}

test('C3: what is not DEFLATE is 1007, and so is what is not UTF-8 when it is inflated', async () => {
  const hello = deflate('Hello Hello Hello');
  await fails('', 1007);
  await fails(Buffer.from([0xff, 0xff]), 1007);
  await fails(hello.subarray(0, 4), 1007); // cut
  await fails(Buffer.concat([hello, Buffer.from([0xff])]), 1007); // trailing
  await fails(Buffer.from('000500000048656c6c6f00', 'hex'), 1007); // LEN and NLEN
  await fails(Buffer.from('f200110000', 'hex'), 1007); // refers to what is not there
  await fails(deflate(Buffer.from([0xc3, 0x28])), 1007);
  const ws = await Deflated.open(server);
  await ws.send(TEXT, Buffer.from('f348cdc9c9070000', 'hex'), { rsv: RSV1 }).expect(TEXT, 'Hello'); // BFINAL is 1
  await ws.send(TEXT, Buffer.from('000500faff48656c6c6f00', 'hex'), { rsv: RSV1 }).expect(TEXT, 'Hello'); // stored
  await ws.send(TEXT, Buffer.from([0]), { rsv: RSV1 }).expect(TEXT, ''); // empty
  await ws.close();
});

test('C4: RSV1 where no message begins, and RSV2 and RSV3 anywhere, are 1002', async () => {
  for (const bytes of [frame(PING, '', { rsv: RSV1 }), frame(CLOSE, '', { rsv: RSV1 }), frame(TEXT, 'x', { rsv: 2 }),
    frame(TEXT, 'x', { rsv: 5 }), Buffer.concat([frame(TEXT, 'x', { fin: false }), frame(CONTINUATION, 'x', { rsv: RSV1 })])]) {
    const ws = await Deflated.open(server);
    ws.tcp.write(bytes);
    await ws.expectClose(1002);
  }
});

test('C5: who was told not to refer back and does, is told 1007', async () => {
  const ws = await Deflated.open(server, '/conformance/echo', 'permessage-deflate; client_no_context_takeover');
  const next = await stream(15);
  await ws.send(TEXT, await next('said once and for all'), { rsv: RSV1 }).expect(TEXT, 'said once and for all');
  ws.send(TEXT, await next('said once and for all'), { rsv: RSV1 });
  await ws.expectClose(1007);
});

test('C1: a bomb is cut off at the cap, before anybody has said who he is', async () => {
  const bomb = deflate(Buffer.alloc(64 << 20, 0x20));
  await withServer({ flags: DEFLATE }, async (own) => {
    const before = await metric(own, 'plenum_memory_used_bytes');
    for (let i = 0; i < 5; i++) {
      const ws = await Deflated.open(own, '/ws');
      ws.send(TEXT, bomb, { rsv: RSV1 });
      await ws.expectClose(1009);
    }
    // A frame that is larger than a message may be, compressed or not, is not taken at all.
    assert.ok(await metric(own, 'plenum_inflated_plain_bytes_total') <= 5 * 65537);
    assert.ok(await metric(own, 'plenum_memory_used_bytes') - before <= 1 << 20);
    const small = deflate(Buffer.alloc(4 << 20, 0x20));
    assert.ok(small.length < 10_000);
    const ws = await Deflated.open(own, '/ws');
    ws.send(TEXT, small, { rsv: RSV1 });
    await ws.expectClose(1009);
  });
});

test('C1: what one message becomes is bounded by what came, too', async () => {
  const ws = await Deflated.open(server);
  ws.deflated(TEXT, Buffer.alloc(MESSAGE_MAX, 0x20));
  await ws.expectClose(1009);
});

// ---- rooms, by clients nobody here wrote ---------------------------------------------------------------------------

function wsClient(on, perMessageDeflate) {
  const client = new WebSocket(`ws://127.0.0.1:${on.http}/ws`, 'plenum.v1.json', { perMessageDeflate });
  client.heard = [];
  client.on('message', (bytes) => client.heard.push(JSON.parse(bytes)));
  return new Promise((done, failed) => {
    client.on('error', failed);
    client.on('open', () => done(client));
  });
}

test('a message is deflated once for all its readers, by counter, and everybody reads the same', async () => {
  await withServer({ flags: DEFLATE }, async (own) => {
    const kinds = [{}, { serverMaxWindowBits: 10 }, { clientNoContextTakeover: true }, false];
    const clients = await Promise.all(Array.from({ length: 60 }, (_, i) => wsClient(own, kinds[i % 4] && { threshold: 0, ...kinds[i % 4] })));
    const join = (client) => client.send(JSON.stringify({ type: 'join', id: 1, room: 'many' }));
    join(clients[0]);
    await until('the first is in', () => clients[0].heard.some((m) => m.type === 'joined'));
    clients.slice(1).forEach(join);
    await until('all are in', () => clients.every((c) => c.heard.some((m) => m.type === 'joined')));
    await until('and all have been told of each other', () => clients[0].heard.filter((m) => m.type === 'member:joined').length === 59);
    const before = await metric(own, 'plenum_deflated_total');
    const text = 'everybody in this room reads this sentence, and everybody reads the same one';
    for (let i = 0; i < 20; i++) clients[3].send(JSON.stringify({ type: 'message', room: 'many', echo: true, data: { i, text } }));
    const said = (c) => c.heard.filter((m) => m.type === 'message').map((m) => m.data.i);
    await until('all have heard all', () => clients.every((c) => said(c).length === 20));
    for (const client of clients) assert.deepEqual(said(client), Array.from({ length: 20 }, (_, i) => i));
    assert.equal(await metric(own, 'plenum_deflated_total') - before, 40); // 20 records, windows of 15 and of 9 bits
    for (const client of clients) client.terminate();
  });
});

test('C2: past websocket.deflate_memory_mb clients are told not to refer back', async () => {
  await withServer({ flags: [...DEFLATE, '--websocket.deflate_memory_mb=1', '--server.shards=1'] }, async (own) => {
    const all = [];
    for (let i = 0; i < 300; i++) all.push(await Deflated.open(own, '/ws', 'permessage-deflate; client_max_window_bits'));
    const without = all.filter((ws) => ws.agreed.includes('client_no_context_takeover')).length;
    assert.ok(without > 20 && without < 100, `${without}`);
    assert.equal(await metric(own, 'plenum_deflate_contexts'), 300 - without);
    assert.ok(await metric(own, 'plenum_deflate_memory_bytes') <= 1 << 20);
    for (const ws of all) ws.tcp.destroy();
    await until('their windows are given back', async () => await metric(own, 'plenum_deflate_contexts') === 0);
  });
});
