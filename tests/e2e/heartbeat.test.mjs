// SPDX-License-Identifier: Apache-2.0
//
// Heartbeats and the other deadlines: who is gone without a goodbye is found, who is there is left alone.
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { describe, test } from 'node:test';
import { Native, startServer, until, within } from './support.mjs';

const SHORT = ['--heartbeat.interval_s=1', '--heartbeat.min_s=1', '--heartbeat.max_s=5', '--heartbeat.timeout_s=1'];

/** Sends a command every 200 ms, as a busy client would, until the connection ends. */
function keepBusy(client) {
  const timer = setInterval(() => (client.closed ? clearInterval(timer) : client.send({ type: 'ping' })), 200);
  return () => clearInterval(timer);
}

describe('heartbeats', { concurrency: true }, () => {
  test('an idle connection is pinged at its interval and stays', async (t) => {
    const server = await startServer(t, { flags: [...SHORT, '--heartbeat.adaptive=false'] });
    const idle = await Native.open(server);
    assert.equal(idle.welcome.heartbeat_s, 1);
    await until(() => idle.pings.length >= 4, 'four pings');
    for (let i = 1; i < idle.pings.length; i++) {
      const pause = idle.pings[i] - idle.pings[i - 1];
      assert.ok(pause > 700 && pause < 2500, `${pause} ms between pings`);
    }
    assert.equal(idle.closed, null);
    await idle.ask({ type: 'ping' });
  });

  test('a half-open peer is dropped, and its room is told', async (t) => {
    const server = await startServer(t, { flags: SHORT });
    const [watcher, deaf] = [await Native.open(server), await Native.open(server, { name: 'Deaf' }, { autoPong: false })];
    await watcher.join('room');
    await deaf.join('room');
    const start = performance.now();
    await within(deaf.ended, 'the half-open connection to be dropped', 10_000);
    assert.ok(performance.now() - start < 6000, 'within interval and timeout');
    assert.equal(deaf.closed.code, 1006, 'there is nobody to say goodbye to');
    const away = await watcher.hears('member:changed');
    assert.deepEqual([away.member.name, away.member.connected], ['Deaf', false]);
    assert.equal(await server.metric('plenum_connections_closed_total{reason="heartbeat"}'), 1);
    assert.equal(watcher.closed, null);
  });

  test('data counts as a sign of life', async (t) => {
    const server = await startServer(t, { flags: [...SHORT, '--heartbeat.adaptive=false'] });
    const client = await Native.open(server, {}, { autoPong: false });
    const stop = keepBusy(client);
    await until(() => client.pings.length >= 3, 'three unanswered pings');
    assert.equal(client.closed, null);
    stop();
    await within(client.ended, 'the end once it is silent', 10_000);
  });

  test('adaptive: a busy connection is pinged less, and still found when it dies', async (t) => {
    const server = await startServer(t, { flags: SHORT });
    const idle = await Native.open(server);
    const busy = await Native.open(server, {}, { autoPong: false });
    const stop = keepBusy(busy);
    await until(() => idle.pings.length >= 4, 'four pings to the idle one');
    assert.ok(busy.pings.length <= 1, `the busy one got ${busy.pings.length}`);
    stop();
    await within(busy.ended, 'the end once it is silent', 12_000);
    assert.equal(idle.closed, null);
  });

  test('who connects and says nothing is not kept', async (t) => {
    const server = await startServer(t, { flags: ['--limits.hello_ms=500', '--limits.handshake_ms=500'] });
    const mute = new Native(server.ws);
    await within(mute.opened, 'the WebSocket to open');
    await within(mute.ended, 'the hello deadline', 5000);
    assert.equal(mute.closed.code, 1008);

    const [, host, port] = /^(.*):(\d+)$/.exec(server.http);
    for (const beginning of ['', 'GET / HTTP/1.1\r\nHost: x\r\n', 'GET /ws']) {
      const socket = createConnection({ host, port: Number(port) }).on('error', () => {});
      socket.write(beginning);
      socket.resume();
      await within(new Promise((done) => socket.on('close', done)), 'the handshake deadline', 5000);
    }
    // A request that dribbles in does not move the deadline.
    const drip = createConnection({ host, port: Number(port) }).on('error', () => {}).resume();
    const timer = setInterval(() => drip.write('G'), 50);
    await within(new Promise((done) => drip.on('close', done)), 'the deadline of the one who dribbles', 5000);
    clearInterval(timer);
  });
});
