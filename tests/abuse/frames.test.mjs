// SPDX-License-Identifier: Apache-2.0
//
// Group B of the catalogue: what frames may cost. That each of these is answered rightly is conform/frames'; here is what the server
// spends and holds while they come, and how soon it is rid of who does not end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BINARY, CLOSE, CONTINUATION, END_MS, HEALTHY_MS, Healthy, PING, PONG, SLOWER, TEXT, Ws, closePayload, cpu, elapsed, frame, linear, parseFrame, used, withServer,
} from './support.mjs';

const CAP = 1 << 18;   // limits.message_bytes
const STEP = 4096;     // what a message under way may hold beyond what was received of it (B9)
const STATE = 256;     // and what says where it stands
const PAGE = 65_536;   // of the page of metrics that says so: whether its own bytes are held just then differs from time to time
const CAPPED = { flags: [`--limits.message_bytes=${CAP}`] };

const echo = (server) => Ws.open(server, '/conformance/echo');
const echoes = (server, count) => Promise.all(Array.from({ length: count }, () => echo(server)));

/** All have been read up to here: a ping behind it all is answered. */
async function read(all) {
  for (const [i, ws] of all.entries()) ws.send(PING, `read ${i}`);
  for (const [i, ws] of all.entries()) await ws.expect(PONG, `read ${i}`);
}

// ---- memory -------------------------------------------------------------------------------------------------------

test('B2: a length is a word: 200 frames of a quarter of a mebibyte each that were announced hold what came of them', async () => {
  await withServer(CAPPED, async (server) => {
    const all = await echoes(server, 200);
    await read(all);
    const before = await used(server);
    const bytes = (await server.metrics()).plenum_received_bytes_total;
    const begun = Buffer.concat([frame(BINARY, '', { length: BigInt(CAP), lengthBytes: 8 }), Buffer.from('x')]);
    for (const ws of all) ws.tcp.write(begun);
    await server.until('all of it to be read', async () => (await server.metrics()).plenum_received_bytes_total - bytes >= all.length * begun.length);
    const held = (await used(server) - before) / all.length;
    assert.ok(held > 0 && held <= 1 + STEP + STATE, `${held} bytes each`);
    // And those that are too long hold nothing, whatever they say.
    for (const length of [2n ** 31n, 2n ** 32n + 5n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const ws = await echo(server);
      const idle = await used(server);
      ws.send(BINARY, '', { length, lengthBytes: 8 });
      const { payload } = await ws.frame();
      assert.equal(payload.readUInt16BE(), length >> 63n ? 1002 : 1009);
      assert.ok((await used(server)) - idle < 2048);
      ws.tcp.destroy();
    }
    for (const ws of all) ws.tcp.destroy();
    await server.until('all of it to be given back', async () => (await used(server)) <= before);
  });
});

test('B8: messages without end are 1009 at the cap of the message, and what was held is given back', async () => {
  await withServer(CAPPED, async (server) => {
    const before = await used(server);
    const piece = frame(CONTINUATION, Buffer.alloc(32_768, 'x'), { fin: false });
    const all = await echoes(server, 8);
    const allPieces = async (upto) => { for (let n = 0; n < upto; n += 32_768) for (const ws of all) ws.tcp.write(piece); };
    for (const ws of all) ws.send(BINARY, '', { fin: false });
    await allPieces(CAP); // exactly so much is held
    await read(all);
    const held = await used(server) - before;
    assert.ok(held >= all.length * CAP - PAGE && held <= all.length * (CAP + STEP + STATE) + PAGE, `${held} bytes for ${all.length}`);
    await allPieces(CAP);
    for (const ws of all) {
      const { opcode, payload } = await ws.frame();
      assert.equal(opcode, CLOSE);
      assert.equal(payload.readUInt16BE(), 1009);
    }
    await server.until('all of it to be given back', async () => (await used(server)) - before < 65_536);
    for (const ws of all) ws.tcp.destroy();
  });
});

test('B9: fragments of one octet hold no more than came and 4 KiB', async (t) => {
  await withServer(CAPPED, async (server) => {
    const fragments = (count) => Buffer.concat([frame(BINARY, 'a', { fin: false }), ...Array(count - 1).fill(frame(CONTINUATION, 'a', { fin: false }))]);
    for (const count of [100_001, 131_072]) {
      const all = await echoes(server, 10);
      await read(all);
      const before = await used(server);
      const bytes = fragments(count);
      for (const ws of all) ws.tcp.write(bytes);
      await read(all);
      const held = await used(server) - before;
      assert.ok(held >= all.length * count - PAGE && held <= all.length * (count + STEP + STATE) + PAGE,
        `${held} bytes for ${all.length} of ${count}`);
      await all[0].send(CONTINUATION, '').expect(BINARY, 'a'.repeat(count));
      for (const ws of all) ws.tcp.destroy();
    }
    // Each costs the same, however many there are.
    await linear(t, 'fragments of one octet', 65_536, async (n) => {
      const one = await echo(server);
      const bytes = fragments(n);
      const spent = await cpu(server, async () => {
        one.tcp.write(bytes);
        await read([one]);
      });
      one.tcp.destroy();
      assert.ok(spent < n / 1000 * SLOWER, `${spent} ms of CPU for ${n}`);
      return spent;
    });
  });
});

test('B9: one octet at a time holds no more than came and 4 KiB', async () => {
  await withServer({}, async (server) => {
    const ws = await echo(server);
    await read([ws]);
    const before = await used(server);
    const received = (await server.metrics()).plenum_received_bytes_total;
    const text = 'é'.repeat(3000);
    const octets = Array.from(frame(TEXT, text), (byte) => Buffer.from([byte]));
    await ws.tcp.writePieces(octets.slice(0, 5000));
    await server.until('all of it to be read', async () => (await server.metrics()).plenum_received_bytes_total - received >= 5000);
    const held = (await used(server)) - before;
    assert.ok(held <= 5000 + STEP + STATE + PAGE, `${held} bytes`);
    await ws.tcp.writePieces(octets.slice(5000));
    await ws.expect(TEXT, text);
    ws.tcp.destroy();
  });
});

// ---- peers that do not end ----------------------------------------------------------------------------------------

const BAD = frame(15, 'x');
const GOODBYE = frame(CLOSE, closePayload(1000));
const LATE = { messages: Buffer.concat(Array(500).fill(frame(TEXT, 'late'))), closes: Buffer.concat(Array(500).fill(GOODBYE)) };
// What it says, then what it goes on saying.
const PEERS = {
  'our close is never answered': [[BAD]],
  'its own close, and its side of TCP stays open': [[GOODBYE]],
  'messages for ever behind its close': [[GOODBYE], LATE.messages],
  'close frames for ever': [[BAD], LATE.closes],
  'half a frame, and its side of TCP ends': [[frame(TEXT, 'abc').subarray(0, 5), 'FIN']],
  'a broken frame, and nothing is read of what is due before': [['DEAF', ...Array(16).fill(frame(BINARY, Buffer.alloc(60_000))), BAD]],
};

function says(ws, what) {
  if (what === 'FIN') ws.tcp.finish();
  else if (what === 'DEAF') ws.tcp.socket.pause();
  else ws.tcp.write(what);
}

test('B12: TCP is gone in 2 s, whatever the peer does, or does not do, when it is to end', async (t) => {
  await withServer({}, async (server) => {
    const all = [];
    for (const [what, [first, onwards]] of Object.entries(PEERS))
      for (const ws of await echoes(server, 8)) all.push({ what, ws, first, onwards });
    const closed = async () => (await server.metrics()).plenum_connections - 1;
    for (const { ws, first } of all) for (const bytes of first) says(ws, bytes);
    await server.until('all to have said it', () => all.every(({ ws }) => ws.tcp.socket.writableLength === 0));
    const start = performance.now();
    const spent = await cpu(server, () => server.until('all to be gone', async () => {
      for (const { ws, onwards } of all) if (onwards && !ws.tcp.closed && ws.tcp.socket.writableLength < 262_144) ws.tcp.write(onwards);
      return (await closed()) === 0;
    }));
    t.diagnostic(`${elapsed(start).toFixed(0)} ms, ${spent.toFixed(0)} ms of CPU for ${all.length}`);
    assert.ok(elapsed(start) < END_MS, `${elapsed(start)} ms`);
    assert.ok(spent < 500 * SLOWER, `${spent} ms of CPU`);
    for (const { ws } of all) ws.tcp.destroy();
  });
});

// ---- floods of what says nothing ----------------------------------------------------------------------------------

const FLOODS = { pings: frame(PING, 'x'.repeat(125)), pongs: frame(PONG, ''), 'empty fragments': frame(CONTINUATION, '', { fin: false }) };

test('B9, B14: floods of pings, pongs and empty fragments are 1008, hold nothing, and do not hold up others', async (t) => {
  await withServer({}, async (server) => {
    const before = await used(server);
    for (const [what, one] of Object.entries(FLOODS)) {
      const many = Buffer.concat(Array(20_000).fill(one));
      const healthy = await Healthy.start(server);
      let most = 0;
      const hits = (await server.metrics())['plenum_limit_hits_total{limit="noise"}'];
      // A dozen, four at a time; those that are cut off come back at once.
      const spent = await cpu(server, () => Promise.all(Array.from({ length: 4 }, async () => {
        for (let i = 0; i < 3; i++) {
          const ws = await Ws.open(server);
          if (what === 'empty fragments') ws.send(TEXT, '{', { fin: false });
          ws.tcp.write(many);
          most = Math.max(most, await used(server));
          let got;
          do got = await ws.frame(); while (got.opcode === PONG);
          assert.equal(got.opcode, CLOSE);
          assert.equal(got.payload.readUInt16BE(), 1008);
          ws.tcp.destroy();
        }
      })));
      await healthy.stop();
      t.diagnostic(`${what}: ${spent.toFixed(0)} ms of CPU, ${most - before} bytes held at most; others: ${healthy.told}`);
      assert.equal((await server.metrics())['plenum_limit_hits_total{limit="noise"}'], hits + 12);
      assert.ok(spent < 400 * SLOWER, `${what}: ${spent} ms of CPU`);
      assert.ok(most - before < 1 << 20, `${what}: ${most - before} bytes`);
      assert.ok(healthy.at(0.99) < HEALTHY_MS, `${what}: p99 ${healthy.at(0.99)} ms`);
    }
    // Within its budget (64 a second and 1,000 at once) a peer may ping, and does not read: what waits for it is bounded.
    const deaf = await echo(server);
    deaf.tcp.socket.pause();
    const bytes = (await server.metrics()).plenum_received_bytes_total;
    for (let i = 0; i < 900; i++) deaf.send(PING, 'x'.repeat(125));
    await server.until('all of them to be answered', async () => (await server.metrics()).plenum_received_bytes_total - bytes >= 900 * 131);
    assert.ok((await used(server)) - before < 262_144);
    deaf.tcp.socket.resume();
    for (let i = 0; i < 900; i++) assert.equal((await deaf.frame()).opcode, PONG);
    assert.equal(parseFrame(deaf.tcp.bytes()), null);
  });
});
