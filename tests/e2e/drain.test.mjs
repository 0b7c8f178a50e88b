// SPDX-License-Identifier: Apache-2.0
//
// Leaving in good order: SIGTERM with people connected.
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { Native, openMany, refuses, startServer, until, within } from './support.mjs';

test('SIGTERM with 300 clients: told, paced, nothing acknowledged is lost, exit 0', async (t) => {
  const count = 300;
  const batch = 50;
  const interval_ms = 500;
  const server = await startServer(t, { flags: ['--server.shards=2', `--drain.batch=${batch}`,
    `--drain.interval_ms=${interval_ms}`, '--drain.spread_ms=4000', '--drain.deadline_s=20'] });
  const clients = await openMany(server, count);
  const reader = clients[0];
  await Promise.all(clients.map((c) => c.join('room', { members: false })));
  const keepAlive = await connectedSocket(server);   // listeners close, connections do not

  const start = performance.now();
  // Words said in the last moment: each that is acknowledged must have reached those who are still there.
  const words = Array.from({ length: 100 }, (_, i) => clients[count - 1 - i].say('room', i).catch(() => null));
  server.kill('SIGTERM');
  // At once: this connection has its turn to be closed as well.
  const ready = await until(async () => {
    const answer = await keepAlive.get('/readyz');
    return /^HTTP\/1\.1 200 /.test(answer) ? null : answer;
  }, 'readiness to flip');
  assert.match(ready, /^HTTP\/1\.1 503 /);
  assert.match(ready, /draining/);
  await until(() => refuses(server.http), 'the HTTP listener to close');
  await until(() => refuses(server.text), 'the text listener to close');

  await within(Promise.all(clients.map((c) => c.ended)), 'all clients to be closed', 30_000);
  assert.deepEqual(await within(server.ended, 'the server to end'), { code: 0, signal: null });
  const took = performance.now() - start;
  assert.ok(took < 20_000, `within the deadline, it took ${took} ms`);
  assert.match(server.stderr, /event=stopped connections="all closed"/);

  const delays = clients.map((c) => {
    const drains = c.of('drain');
    assert.equal(drains.length, 1, 'one drain for each');
    assert.ok(Number.isInteger(drains[0].reconnect_ms) && drains[0].reconnect_ms >= 0 && drains[0].reconnect_ms <= 4000);
    assert.ok(drains[0].at < c.closed.at);
    assert.equal(c.closed.code, 1012);
    return drains[0].reconnect_ms;
  });
  assert.ok(new Set(delays).size > count / 2, 'a delay of one\'s own');
  assert.ok(Math.min(...delays) < 1000 && Math.max(...delays) > 3000, 'spread over the whole time');

  // Paced: no close is heard before its batch is due. (Several may be heard at once: this process is busy too.)
  const times = clients.map((c) => c.closed.at - start).sort((a, b) => a - b);
  for (const [i, at] of times.entries()) {
    const due = (Math.floor(i / batch) + 1) * interval_ms;
    assert.ok(at >= due - 10, `close ${i} after ${at} ms, due after ${due}`);
  }

  const acks = (await Promise.all(words)).map((ack, i) => ack && [ack.offset, i]).filter(Boolean);
  for (const c of clients.filter((each) => each.closed.at === Math.max(...clients.map((x) => x.closed.at))).concat(reader)) {
    const lastHeard = c.entries('room').at(-1).offset;
    for (const [offset, word] of acks) {
      if (offset > lastHeard || c.heard.some((m) => m.type === 'ack' && m.offset === offset)) continue;
      assert.equal(c.entries('room').find((m) => m.offset === offset)?.data, word, 'an acknowledged entry');
    }
  }
  const longest = clients.reduce((a, b) => (a.closed.at > b.closed.at ? a : b));
  for (const [offset] of acks) {
    assert.ok(longest.heard.some((m) => m.offset === offset), `the last to go misses acknowledged entry ${offset}`);
  }
});

test('while draining, new work is refused and old connections are served', async (t) => {
  const server = await startServer(t, { flags: ['--drain.batch=1', '--drain.interval_ms=1000', '--drain.deadline_s=3'] });
  const clients = await openMany(server, 8);
  await Promise.all(clients.map((c) => c.join('room')));
  const socket = await connectedSocket(server);
  server.kill('SIGTERM');
  await clients[7].hears('drain');
  await assert.rejects(clients[7].join('another'), { code: 'draining' });
  const upgrade = await socket.get('/ws', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
    + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n');
  assert.match(upgrade, /^HTTP\/1\.1 503 /);
  assert.deepEqual(await within(server.ended, 'the server to end'), { code: 0, signal: null });
});

test('the deadline ends what a client that never answers would hold up', async (t) => {
  const server = await startServer(t, { flags: ['--drain.deadline_s=2', '--limits.close_ms=30000'] });
  const silent = await openMany(server, 3);
  for (const c of silent) c.socket.pause();   // reads nothing, so it answers no close frame
  const start = performance.now();
  server.kill('SIGTERM');
  const result = await within(server.ended, 'the server to end', 15_000);
  const took = performance.now() - start;
  assert.deepEqual(result, { code: 0, signal: null });
  assert.ok(took > 1500 && took < 6000, `deadline 2 s, took ${took} ms`);
  assert.match(server.stderr, /event=drain_overrun/);
  for (const c of silent) c.cut();
});

test('a second signal cuts it short', async (t) => {
  const server = await startServer(t, { flags: ['--drain.batch=1', '--drain.interval_ms=60000', '--drain.deadline_s=60'] });
  const clients = await openMany(server, 5);
  server.kill('SIGTERM');
  await clients[0].hears('drain');
  const start = performance.now();
  server.kill('SIGTERM');
  const result = await within(server.ended, 'the server to end', 10_000);
  assert.deepEqual(result, { code: 130, signal: null });
  assert.ok(performance.now() - start < 5000);
  await within(Promise.all(clients.map((c) => c.ended)), 'the clients to be cut off');
});

test('SIGINT, and a server without clients, leave at once', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const server = await startServer(t, { flags: ['--drain.interval_ms=100'] });
    const start = performance.now();
    server.kill(signal);
    assert.deepEqual(await within(server.ended, 'the server to end'), { code: 0, signal: null });
    assert.ok(performance.now() - start < 3000);
  }
});

test('drain.readiness_s: /readyz says 503 that long, and all else goes on; then the drain', async (t) => {
  const readiness_s = 2;
  const server = await startServer(t, { flags: ['--server.shards=2', `--drain.readiness_s=${readiness_s}`] });
  const ada = await Native.open(server);
  await ada.join('room');
  const start = performance.now();
  server.kill('SIGTERM');
  await until(async () => (await server.get('/readyz')).status === 503, 'readiness to flip');
  // Who comes now is served like anybody: a balancer takes its time.
  const bob = await Native.open(server);
  await bob.join('room');
  await bob.join('a new one');
  await bob.say('room', 'still here');
  await until(() => ada.entries('room').some((m) => m.data === 'still here'), 'what was said');
  assert.equal((await server.get('/healthz')).status, 200);
  assert.equal((await server.get('/readyz')).status, 503);
  assert.ok(await fetch(server.url).then((page) => page.ok));
  assert.equal(ada.of('drain').length, 0, 'nobody is told to go yet');
  server.kill('SIGUSR1');
  await until(() => /event=status/.test(server.stderr), 'other signals to be served');
  assert.match(server.stderr, /event=unready signal=SIGTERM readiness_s=2/);
  assert.doesNotMatch(server.stderr, /event=draining/);

  await ada.hears('drain');
  const waited = performance.now() - start;
  assert.ok(waited >= readiness_s * 1000, `told after ${waited} ms`);
  await until(() => refuses(server.http), 'the listener to close');
  await within(Promise.all([ada.ended, bob.ended]), 'the clients to be closed');
  assert.equal(ada.closed.code, 1012);
  assert.deepEqual(await within(server.ended, 'the server to end'), { code: 0, signal: null });
});

test('a second signal ends the wait for readiness, a third the drain', async (t) => {
  const server = await startServer(t, { flags: ['--drain.readiness_s=1h', '--drain.batch=1', '--drain.interval_ms=60000', '--drain.deadline_s=60'] });
  const clients = await openMany(server, 3);
  server.kill('SIGTERM');
  await until(async () => (await server.get('/readyz')).status === 503, 'readiness to flip');
  server.kill('SIGINT');
  await clients[0].hears('drain');
  assert.match(server.stderr, /event=draining signal=SIGINT/);
  server.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 'the server to end', 10_000), { code: 130, signal: null });
});

/** A keep-alive HTTP connection that was there before the drain. */
async function connectedSocket(server) {
  const [, host, port] = /^(.*):(\d+)$/.exec(server.http);
  const socket = createConnection({ host, port: Number(port) }).on('error', () => {});
  let heard = '';
  socket.setEncoding('utf8').on('data', (text) => { heard += text; });
  const get = async (path, headers = '') => {
    heard = '';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${server.http}\r\n${headers}\r\n`);
    return until(() => heard.includes('\r\n\r\n') && heard, `the answer to GET ${path}`);
  };
  assert.match(await get('/readyz'), /^HTTP\/1\.1 200 /);
  return { get };
}
