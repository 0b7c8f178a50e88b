// SPDX-License-Identifier: Apache-2.0
//
// Group A of the catalogue: what HTTP and the handshake may cost. That each of these is answered rightly is conform/http's and
// conform/handshake's; here it is sent in numbers, and what the server spends and holds is bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { END_MS, HEALTHY_MS, Healthy, SLOWER, Ws, cpu, elapsed, linear, upgradeRequest, used, withServer } from './support.mjs';

const get = (path = '/healthz', fields = '', method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const HELD_MAX = 65_536;   // of a head that is not complete (A1)

/** So many connections, each with its own beginning, which the server has read. */
async function crowd(server, count, beginning) {
  const before = (await server.metrics()).plenum_received_bytes_total;
  let bytes = 0;
  const all = await Promise.all(Array.from({ length: count }, async (_, i) => {
    const tcp = await server.connect();
    bytes += Buffer.byteLength(beginning(i));
    return tcp.write(beginning(i));
  }));
  await server.until('all of it to be read', async () => (await server.metrics()).plenum_received_bytes_total - before >= bytes);
  return all;
}

test('A1: floods of fields are 431 within a second, ten at a time', async () => {
  await withServer({}, async (server) => {
    for (const fields of ['X: y\r\n'.repeat(2000), `X: ${'y'.repeat(1 << 20)}\r\n`, 'a:\r\n'.repeat(100_000)]) {
      const start = performance.now();
      const spent = await cpu(server, () => Promise.all(Array.from({ length: 10 }, async () => {
        const tcp = await server.connect();
        tcp.write(get('/healthz', fields));
        assert.equal((await tcp.response()).status, 431);
        tcp.destroy();
      })));
      assert.ok(elapsed(start) < 10 * 1000, `${elapsed(start)} ms for ten`);
      assert.ok(spent < 10 * 5 * SLOWER, `${spent} ms of CPU for ten`);
    }
  });
});

test('A1, A13: heads that do not end, and URLs that do not, are held in no more than 64 KiB each', async () => {
  await withServer({ flags: ['--limits.handshake_ms=60000'] }, async (server) => {
    const beginnings = { fields: `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(16_000)}`, URL: `GET /${'u'.repeat(8_000)}`,
      'tiny fields': `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(60)}` };
    for (const [what, text] of Object.entries(beginnings)) {
      const before = await used(server);
      const all = await crowd(server, 200, () => text);
      const held = (await used(server) - before) / all.length;
      assert.ok(held >= text.length && held <= 2 * text.length + 1024 && held <= HELD_MAX, `${what}: ${held} bytes each`);
      for (const tcp of all) tcp.destroy();
      await server.until('all of it to be given back', async () => (await used(server)) - before < 65_536);
    }
  });
});

test('A1: a head of twice the length costs twice as much, whole and in pieces', async (t) => {
  await withServer({}, async (server) => {
    await linear(t, 'octets of one field, 200 requests', 7_000, async (n) => {
      const tcp = await server.connect();
      const text = get('/healthz', `X: ${'y'.repeat(n)}\r\n`);
      const spent = await cpu(server, async () => {
        for (let k = 0; k < 4; k++) {
          tcp.write(text.repeat(50));
          for (let i = 0; i < 50; i++) assert.equal((await tcp.response()).status, 200);
        }
      });
      tcp.destroy();
      return spent;
    });
    // What comes late finds what came before kept: it must not be read again from its start. 20 heads grow at once, by 100 octets each.
    await linear(t, 'octets of one field, in pieces of 100', 7_000, async (n) => {
      const all = await crowd(server, 20, () => 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: ');
      const spent = await cpu(server, async () => {
        for (let at = 0; at < n; at += 100) await Promise.all(all.map((tcp) => tcp.writePieces(['y'.repeat(100)])));
        for (const tcp of all) tcp.write('\r\n\r\n');
        for (const tcp of all) assert.equal((await tcp.response()).status, 200);
      });
      for (const tcp of all) tcp.destroy();
      return spent;
    });
  });
});

test('A2: 1,000 slow heads and bodies are cut by the handshake timer; the healthy are answered all the while', async (t) => {
  const limit = 2500;
  await withServer({ flags: [`--limits.handshake_ms=${limit}`] }, async (server) => {
    const start = performance.now();
    const slow = await crowd(server, 1000, (i) => ['G', 'GET / HTTP/1.1\r\nHost: a\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nX: ',
      'POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n'][i % 4]);
    const opened = elapsed(start);
    const healthy = await Healthy.start(server);
    let trickled = 0;
    await server.until('all to be cut', () => {
      if (elapsed(start) < limit) { // an octet now and then, which must not buy any time
        slow[trickled % slow.length].write('x');
        trickled++;
      }
      return slow.every((one) => one.ended || one.closed);
    });
    const last = elapsed(start) - opened;
    await healthy.stop();
    t.diagnostic(`the last was cut after ${last.toFixed(0)} ms; ${healthy.told}`);
    assert.ok(last < limit + 2500, `${last} ms`);
    assert.ok(healthy.at(0.99) < HEALTHY_MS, `p99 ${healthy.at(0.99)} ms`);
    for (const one of slow) {
      const got = one.bytes().toString('latin1');
      assert.match(got, /^HTTP\/1\.1 (400|408) .*\r\nConnection: close\r\n/s);
      assert.equal(got.split('HTTP/1.1 ').length, 2, 'one answer');
    }
  });
});

test('A3: behind a refused upgrade a peer may send for ever: one answer, nothing of it is a request, gone in 2 s', async () => {
  await withServer({}, async (server) => {
    const before = (await server.metrics()).plenum_http_requests_total;
    const second = get('/metrics').repeat(500);
    const refusals = [[{ Origin: 'http://evil.net' }, 403], [{ 'Sec-WebSocket-Version': '8' }, 426], [{ 'Sec-WebSocket-Key': 'x' }, 400],
      [{ 'Content-Length': '5' }, 400]];
    const all = await Promise.all(Array.from({ length: 40 }, () => server.connect()));
    const start = performance.now();
    all.forEach((tcp, i) => tcp.write(upgradeRequest('/ws', refusals[i % 4][0]) + second));
    for (const [i, tcp] of all.entries()) assert.equal((await tcp.response()).status, refusals[i % 4][1]);
    await server.until('all to be gone', () => { // who is not listened to goes on
      for (const tcp of all) if (!tcp.closed && tcp.socket.writableLength < 1 << 20) tcp.write(second);
      return all.every((tcp) => tcp.closed);
    }, END_MS);
    assert.ok(elapsed(start) < END_MS, `${elapsed(start)} ms`);
    for (const tcp of all) assert.equal(tcp.size, 0, 'a second answer');
    assert.equal((await server.metrics()).plenum_http_requests_total, before + all.length + 1);
  });
});

test('A7, A8: long and broken extension and protocol fields cost less than 5 ms of CPU each', async (t) => {
  const values = [' '.repeat(14_000), `permessage-deflate; x="${'\\x'.repeat(6900)}`, ','.repeat(14_000), `${','.repeat(14_000)}x`,
    'a,'.repeat(7000), 'permessage-deflate, '.repeat(700), 'permessage-deflate; client_max_window_bits=15; '.repeat(290),
    Array(50).fill('a,'.repeat(130))];
  let worst = 0;
  await withServer({}, async (server) => {
    for (const field of ['Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'Connection', 'Upgrade']) {
      for (const value of values) {
        const times = 5;
        const spent = await cpu(server, async () => {
          for (let i = 0; i < times; i++) {
            const tcp = await server.connect();
            tcp.write(upgradeRequest('/ws', { [field]: value }));
            assert.ok([101, 400, 426].includes((await tcp.response()).status));
            tcp.destroy();
          }
        }) / times;
        worst = Math.max(worst, spent);
        assert.ok(spent < 5 * SLOWER, `${spent} ms of CPU for ${field}: ${String(value).slice(0, 40)}`);
      }
    }
    await (await Ws.open(server)).alive();
  });
  t.diagnostic(`at most ${worst.toFixed(2)} ms of CPU`);
});
