// SPDX-License-Identifier: Apache-2.0
//
// B15: nothing goes out that was not put there. Under valgrind's memcheck the release build is led through everything that it can say, and
// each octet that the kernel is handed must have been written; and what one has said, and the server has let go of, is in nobody else's bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BINARY, CLOSE, CONTINUATION, Native, PING, PLENUM_RELEASE, SANITIZED, TEXT, Ws, closePayload, frame, preload, until, upgradeRequest, withServer,
} from './support.mjs';

const VALGRIND = ['valgrind', '--quiet', '--leak-check=no', '--error-exitcode=99'];
const FLAGS = ['--heartbeat.interval_s=1', '--heartbeat.min_s=1', '--rooms.member_grace_s=0', '--rooms.grace_s=0'];
const UNWRITTEN = /points to uninitialised byte/;

const get = (path, fields = '', method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}\r\n`;

/** All that came until the server ended, or `enough` says so. */
async function all(tcp, enough = () => false) {
  await tcp.wait('what is to come', () => tcp.ended || tcp.closed || enough(tcp.bytes()));
  const got = tcp.take(tcp.size);
  tcp.destroy();
  return got;
}

async function http(server) {
  const heads = [...['/', '/plenum.js', '/healthz', '/readyz', '/metrics', '/none', '/%', `/${'x'.repeat(9000)}`].map((path) => get(path)),
    get('/', '', 'BREW'), get('/', 'X: y\r\n'.repeat(70)), get('/', 'Content-Length: x\r\n'), 'PRI * HTTP/2.0\r\n\r\n', '\x16\x03\x01\x02\r\n\r\n',
    get('/plenum.js', 'If-None-Match: *\r\n'), get('/api/v1/rooms'), get('/api/v1/rooms/r/messages', 'Content-Length: 2\r\nContent-Type: application/json\r\n', 'POST') + '{}',
    ...[{ Origin: 'http://evil.net' }, { 'Sec-WebSocket-Version': '8' }, { 'Sec-WebSocket-Key': 'x' }].map((fields) => upgradeRequest('/ws', fields))];
  return Promise.all(heads.map(async (head) => {
    const tcp = await server.connect();
    tcp.write(head.replace('\r\n', '\r\nConnection: close\r\n'));
    return all(tcp);
  }));
}

async function closes(server) {
  const frames = [frame(3), frame(TEXT, 'x', { mask: false }), frame(TEXT, 'x', { rsv: 4 }), frame(TEXT, Buffer.from([0xff])), frame(CONTINUATION, 'x'),
    frame(PING, 'x'.repeat(126)), frame(BINARY, '', { length: 1n << 40n, lengthBytes: 8 }), frame(CLOSE, 'x'), frame(CLOSE), frame(CLOSE, closePayload(1000, 'bye')),
    Buffer.concat(Array(1100).fill(frame(PING, 'p')))];
  return Promise.all(['/conformance/echo', '/ws', '/echo'].flatMap((path) => frames.map(async (bytes) => {
    const ws = await Ws.open(server, path);
    ws.tcp.write(Buffer.concat([frame(PING, 'first'), frame(TEXT, '{"type":"ping"}'), bytes]));
    return all(ws.tcp);
  })));
}

async function rooms(server) {
  const [ada, bob] = [await Native.open(server, { name: 'Ada' }), await Native.open(server)];
  const got = [];
  const call = async (client, command) => got.push(Buffer.from(JSON.stringify(await client.call(command).catch((error) => {
    throw new Error(`${JSON.stringify(command)}: ${error.message}`);
  }))));
  await call(ada, { type: 'join', room: 'r', members: true });
  await call(bob, { type: 'join', room: 'r', history: 10 });
  const { offset } = await ada.call({ type: 'message', room: 'r', data: { text: 'hello' } });
  for (const command of [{ type: 'edit', offset, data: 'x' }, { type: 'react', offset, reaction: '+' }, { type: 'delete', offset }, { type: 'state', set: { a: 1 } },
    { type: 'signal', name: 'typing' }, { type: 'members' }, { type: 'history', limit: 10 }, { type: 'kick', user: bob.welcome.user }, { type: 'invite' }, { type: 'nothing' },
    { type: 'rename', name: 'Eve' }, { type: 'leave' }]) await call(ada, { room: 'r', ...command });
  await call(ada, { type: 'direct', to: bob.welcome.user, data: 'x' });
  await call(ada, { type: 'rooms' });
  const idle = await Ws.open(server, '/conformance/echo'); // until the heartbeat has asked for it
  assert.equal((await idle.frame()).opcode, PING);
  idle.tcp.destroy();
  const line = await server.connect(server.text);
  line.write('hello\n/nick Grace\n/who\n/rooms\n/help\n/nonsense\n/leave\n/join r\n/quit\n');
  got.push(await all(line));
  for (const client of [ada, bob]) got.push(client.tcp.take(client.tcp.size));
  return got;
}

/** Everything that the server can say, but for what needs a configuration of its own. */
async function tour(server) {
  return (await Promise.all([http(server), closes(server), rooms(server)])).flat();
}

// Slow, and the same whichever build is under test: once, with the release build.
if (!SANITIZED) {
  test('B15: under memcheck no octet goes out that nobody has written', async (t) => {
    await withServer({ program: PLENUM_RELEASE, under: VALGRIND, flags: FLAGS }, async (server) => {
      const got = await tour(server);
      t.diagnostic(`${got.length} answers, ${got.reduce((sum, bytes) => sum + bytes.length, 0)} octets`);
      assert.doesNotMatch(server.stderr, /^==\d+==/m);
    });
  });

  test('B15: and one that does is seen', async () => {
    await withServer({ program: PLENUM_RELEASE, under: VALGRIND, env: preload('forgetful') }, async (server) => {
      await server.until('memcheck to see it', async () => {
        await server.request(get('/healthz')).catch(() => {});
        return UNWRITTEN.test(server.stderr);
      });
      server.child.kill('SIGKILL');
      await until('the end', () => server.exit !== null);
      server.exit = { code: 0, signal: null }; // it was not to leave well
    });
  });
}

test('B15: what was said and let go of is in nobody else\'s bytes', async () => {
  await withServer({ flags: FLAGS }, async (server) => {
    const CANARY = 'canary-4a7f1b';
    for (let round = 0; round < 2; round++) {
      const said = await Promise.all(Array.from({ length: 8 }, () => Native.open(server, { name: CANARY })));
      for (const [i, client] of said.entries()) {
        await client.join(`${CANARY} ${i}`);
        for (const size of [13, 300, 5000, 60_000]) await client.call({ type: 'message', room: `${CANARY} ${i}`, data: CANARY.repeat(size / CANARY.length) });
        await client.call({ type: 'state', room: `${CANARY} ${i}`, set: { [CANARY]: CANARY } });
        client.send(TEXT, CANARY.repeat(500), { fin: false });
      }
      const heads = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
      for (const tcp of heads) tcp.write(`GET /${CANARY} HTTP/1.1\r\nX: ${CANARY.repeat(700)}`);
      for (const client of said) client.tcp.reset();
      for (const tcp of heads) tcp.reset();
      await server.until('all of it to be over', async () => (await server.metrics()).plenum_rooms === 0);
      for (const bytes of await tour(server)) assert.ok(!bytes.includes(CANARY.slice(0, 9)), bytes.toString().slice(0, 500));
    }
  });
});
