// SPDX-License-Identifier: Apache-2.0
//
// D11: what the kernel may say to any call on a socket, said all the time (meddler.c, which is preloaded into the server). Not an octet is
// lost, doubled or out of its place; who is cut off is cut off, and nobody else; nothing spins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BINARY, CLOSE, Native, PING, PONG, SANITIZED, SLOWER, TEXT, Ws, cpu, elapsed, preload, withServer } from './support.mjs';

const meddled = (seed, breaks = 0) => preload('meddler', { MEDDLER_SEED: String(seed), MEDDLER_BREAKS: String(breaks) });

/** Octets in which each place is different from its neighbours. */
function stream(n, seed) {
  const bytes = Buffer.alloc(n);
  for (let i = 0, state = seed; i < n; i++) bytes[i] = (state = (state * 48271) % 2147483647) >> 8;
  return bytes;
}

async function echoes(server, seed) {
  const ws = await Ws.open(server, '/conformance/echo');
  for (const size of [1, 2, 125, 126, 1000, 30_000, 65_535]) {
    const bytes = stream(size, seed + size);
    ws.send(BINARY, bytes).send(PING, `${size}`).send(BINARY, bytes.subarray(0, size >> 1));
    await ws.expect(BINARY, bytes);
    await ws.expect(PONG, `${size}`);
    await ws.expect(BINARY, bytes.subarray(0, size >> 1));
  }
  await ws.close();
}

async function pages(server) {
  const whole = (await server.request('GET /plenum.js HTTP/1.1\r\nHost: a\r\n\r\n')).body;
  const tcp = await server.connect();
  tcp.write('GET /plenum.js HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
  for (let i = 0; i < 3; i++) assert.ok((await tcp.response()).body.equals(whole));
  tcp.destroy();
}

async function room(server) {
  const [ada, bob, ...listeners] = await Promise.all(Array.from({ length: 4 }, () => Native.open(server)));
  for (const client of [ada, bob, ...listeners]) await client.join('r');
  const count = 60;
  const said = (i) => `${i} ${'x'.repeat((i * 97) % 3000)}`;
  for (let i = 0; i < count; i++) (i % 2 ? ada : bob).say({ type: 'message', room: 'r', data: said(i) });
  const heard = [];
  for (const client of listeners) {
    const mine = [];
    while (mine.length < count) {
      const got = await client.nextOf('message');
      assert.equal(got.offset, mine.push(got.data));
    }
    heard.push(mine);
  }
  assert.deepEqual(heard[1], heard[0]);
  for (const who of [0, 1]) { // each as it said it, in its order
    const theirs = heard[0].filter((data) => Number.parseInt(data, 10) % 2 === who);
    assert.deepEqual(theirs, Array.from({ length: count / 2 }, (_, i) => said(2 * i + who)));
  }
  for (const client of [ada, bob, ...listeners]) await client.close();
}

async function lines(server) {
  const tcp = await server.connect(server.text);
  await tcp.readUntil('* joined lobby');
  for (let i = 0; i < 50; i++) tcp.write(`line ${i} ${'y'.repeat(i * 20)}\n`);
  for (let i = 0; i < 50; i++) await tcp.readUntil(`line ${i} ${'y'.repeat(i * 20)}\n`);
  tcp.destroy();
}

for (const shards of [1, 2]) {
  test(`D11: one octet at a time, EAGAIN, EINTR at every call: nothing is lost, doubled or out of order (${shards} shards)`, async (t) => {
    await withServer({ flags: [`--server.shards=${shards}`], env: meddled(shards) }, async (server) => {
      const start = performance.now();
      const spent = await cpu(server, () => Promise.all([echoes(server, 1), echoes(server, 2), pages(server), room(server), lines(server)]));
      t.diagnostic(`${spent.toFixed(0)} ms of CPU in ${elapsed(start).toFixed(0)} ms`);
      assert.ok((await server.metrics()).plenum_writes_blocked_total > 10, 'the kernel was meddled with');
      assert.ok(spent < 600 * SLOWER, `${spent} ms of CPU`);
      // With nothing to do it does nothing: what was refused is waited for, not asked for again and again.
      const idle = await Ws.open(server);
      const since = performance.now();
      const resting = await cpu(server, () => server.until('half a second', () => elapsed(since) > 500));
      assert.ok(resting < 0.05 * elapsed(since) * (SANITIZED ? 2 : 1), `${resting} ms of CPU with nothing to do`);
      await idle.alive();
    });
  });
}

test('D11: ECONNRESET and EPIPE at any read and write cut off that one, without SIGPIPE, and nobody else', async (t) => {
  await withServer({ flags: ['--server.shards=2', '--rooms.member_grace_s=0'], env: meddled(3, 60) }, async (server) => {
    const outcomes = { well: 0, cut: 0 };
    const life = async (i) => {
      try {
        const client = await Native.open(server);
        await client.join(`r${i % 3}`);
        for (let k = 0; k < 10; k++) await client.call({ type: 'message', room: `r${i % 3}`, data: k });
        client.send(CLOSE);
        for (let got; (got = await client.frame()).opcode !== CLOSE;) assert.ok([TEXT, PING].includes(got.opcode));
        outcomes.well++;
      } catch (error) {
        assert.match(error.message, /the connection ended \((ECONNRESET|EPIPE|FIN)\)/);
        outcomes.cut++;
      }
    };
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 25 }, (_, i) => life(i)));
    t.diagnostic(JSON.stringify(outcomes));
    assert.ok(outcomes.well > 20 && outcomes.cut > 20, JSON.stringify(outcomes));
    for (const tcp of server.clients) tcp.destroy();
    let page = null;
    await server.until('everybody to be gone', async () => {
      page = await server.metrics().catch(() => page); // who asks may be cut off, too
      return page !== null && page.plenum_connections <= 1 && page.plenum_members === 0;
    });
  });
});
