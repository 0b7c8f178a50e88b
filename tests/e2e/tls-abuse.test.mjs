// SPDX-License-Identifier: Apache-2.0
//
// What TLS is tried with: handshakes that stall, records of an octet, old versions, renegotiation, the wrong protocol on either port, and
// certificates that change while everybody comes.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Native, PLENUM, Program, run, startServer, until, within } from './support.mjs';
import { portOf, secure } from './tls_support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-tls-abuse-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name) => join(folder, name);
const pem = (name) => readFileSync(path(`${name}.pem`));
const certificate = async (name, ...more) => assert.equal((await run(PLENUM, ['cert', '--out', path(name), ...more])).code, 0);
before(() => certificate('a'));

const identity = (name) => `{cert: ${path(`${name}.pem`)}, key: ${path(`${name}.key`)}}`;
const start = (t, flags = [], name = 'a') => startServer(t, {
  flags: [`--server.listen=[{address: "127.0.0.1:0", tls: ${identity(name)}}, {address: "127.0.0.1:0", kind: text, tls: ${identity(name)}}]`, ...flags],
});
const failed = (reason) => `plenum_tls_handshakes_failed_total{reason="${reason}"}`;

/** Says bytes on a plain socket; all that comes back until its end. */
const said = (port, bytes) => within(new Promise((done) => {
  const heard = [];
  connectPlain(port, '127.0.0.1').on('data', (data) => heard.push(data)).on('error', () => {}).on('close', () => done(Buffer.concat(heard))).write(bytes);
}), 'the end');

/** A first flight of node's, as it would send it. */
function clientHello(options = {}) {
  return within(new Promise((done) => {
    const socket = new Duplex({ read() {}, write(chunk, _, next) { done(chunk); next(); } });
    connect({ socket, servername: 'localhost', ...options }).on('error', () => {});
  }), 'a hello');
}
const record = (payload) => Buffer.concat([Buffer.from([0x16, 3, 1, payload.length >> 8, payload.length & 255]), payload]);

test('A14: a hello that stalls is cut in time, on both kinds of port, and nobody is greeted meanwhile', async (t) => {
  const server = await start(t, ['--limits.handshake_ms=700']);
  const hello = await clientHello();
  for (const port of [portOf(server, 'https'), portOf(server, 'text-tls')])
    for (const n of [0, 1, 5, hello.length - 1]) {
      const from = performance.now();
      assert.equal((await said(port, hello.subarray(0, n))).length, 0);
      assert.ok(performance.now() - from > 500);
    }
  await server.settles(failed('gone'), 8);
  assert.equal((await server.metrics()).get('plenum_sessions'), 0);
});

test('A14: records of one octet are a hello like any other', async (t) => {
  const server = await start(t);
  const inner = connectPlain(portOf(server, 'https'), '127.0.0.1').setNoDelay(true);
  let first = true;
  const split = new Duplex({
    read() {},
    write(chunk, _, done) {
      const pieces = first ? Array.from(chunk.subarray(5), (octet) => record(Buffer.from([octet]))) : [chunk];
      first = false;
      inner.write(Buffer.concat(pieces));
      done();
    },
  });
  inner.on('data', (data) => split.push(data)).on('close', () => split.push(null));
  const socket = connect({ socket: split, servername: 'localhost', ca: pem('a') });
  let text = '';
  socket.on('data', (data) => { text += data; });
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => text.endsWith('ok\n'), 'the page');
  socket.destroy();
  inner.destroy();
});

test('A14: what is older than TLS 1.2 gets the alert protocol_version', async (t) => {
  const server = await start(t);
  const hello = await clientHello({ minVersion: 'TLSv1', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT@SECLEVEL=0' });
  for (const [n, minor] of [[1, 1], [2, 2]].entries()) {
    const old = Buffer.from(hello);
    old[5 + 4 + 1] = minor[1]; // client_version, RFC 5246 section 7.4.1.2
    const alert = await said(portOf(server, 'https'), old);
    assert.deepEqual([alert[0], alert[1], ...alert.subarray(3, 7)], [21, 3, 0, 2, 2, 70]);
    await server.settles(failed('version'), n + 1);
  }
});

test('A14: nobody renegotiates', async (t) => {
  const server = await start(t);
  const client = new Program('openssl', ['s_client', '-connect', `127.0.0.1:${portOf(server, 'https')}`, '-tls1_2'], { input: 'pipe' });
  t.after(() => client.kill('SIGKILL'));
  await until(() => client.stdout.includes('Verify return code'), 'the handshake');
  client.child.stdin.write('R\n'); // which asks for it
  await until(() => /no renegotiation/.test(client.stderr), () => `an answer: ${client.stderr}`);
});

test('A14: TLS on a port without is told so in words, and in the log; curl says what everybody can look up', async (t) => {
  const server = await start(t);
  const hello = await clientHello(), http = portOf(server, 'http'), text = portOf(server, 'text');
  for (const bytes of [hello, hello.subarray(0, 1)])
    assert.match(String(await said(http, bytes)), /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks HTTP without TLS: say http:\/\/ or ws:\/\/ instead\.\n$/);
  assert.equal(String(await said(text, hello)), '* this port takes lines of text without TLS, from nc and telnet\n');
  const curl = await run('curl', ['-sS', '--max-time', '10', `https://127.0.0.1:${http}/`]);
  assert.notEqual(curl.code, 0);
  assert.match(curl.stderr, /wrong version number/);
  await until(() => /event=wrong_protocol .*reason=TLS/.test(server.stderr), 'a line of the log');
  assert.equal((await fetch(`http://127.0.0.1:${http}/healthz`)).status, 200);
});

test('A14: no TLS on a port with it is told so, and counted', async (t) => {
  const server = await start(t);
  assert.match(String(await said(portOf(server, 'https'), 'GET / HTTP/1.1\r\n\r\n')), /^HTTP\/1\.1 400 Bad Request\r\n[^]*This port speaks TLS/);
  assert.match(String(await said(portOf(server, 'text-tls'), 'hello\n')), /^\* this port speaks TLS/);
  await server.settles(failed('plain'), 2);
  assert.ok((await said(portOf(server, 'https'), Buffer.from('16030100050000000000', 'hex'))).length > 0);
  await server.settles(failed('malformed'), 1);
});

test('handshakes are counted, whole and resumed, and timed; who says no is counted, too', async (t) => {
  const server = await start(t), port = portOf(server, 'https');
  await assert.rejects(secure(port, { maxVersion: 'TLSv1.2' })); // it trusts nobody
  await assert.rejects(secure(port, { ca: pem('a'), ALPNProtocols: ['h2'] }));
  const first = await secure(port, { ca: pem('a'), maxVersion: 'TLSv1.2' });
  const next = await secure(port, { ca: pem('a'), maxVersion: 'TLSv1.2', session: first.getSession() });
  assert.ok(next.isSessionReused());
  await server.settles('plenum_tls_handshakes_total{kind="resumed"}', 1);
  await server.settles(failed('alpn'), 1);
  const seen = await server.metrics();
  const whole = seen.get('plenum_tls_handshakes_total{kind="full"}');
  assert.ok(whole === 1 || whole === 2); // who does not trust says so before it is over, or behind it
  assert.equal(seen.get('plenum_tls_handshake_seconds_count'), whole + 1);
  server.kill('SIGUSR1');
  await until(() => new RegExp(`event=status .*tls_handshakes=${whole + 1} `).test(server.stderr), 'the status');
  for (const socket of [first, next]) socket.destroy();
});

test('A14: certificates change under load: everybody is let in, by one or the other, and who is there stays', async (t) => {
  await Promise.all([certificate('one', '--names', 'localhost,one.example'), certificate('two', '--names', 'localhost,two.example'), certificate('live')]);
  const server = await start(t, ['--server.shards=2'], 'live'), port = portOf(server, 'https');
  const stays = await Native.open(`wss://localhost:${port}/ws`, {}, { rejectUnauthorized: false });
  let over = false, came = 0;
  const shown = new Set();
  const come = async () => {
    while (!over) {
      const socket = await secure(port, { rejectUnauthorized: false });
      shown.add(socket.getPeerCertificate().subjectaltname);
      came++;
      socket.destroy();
    }
  };
  const crowd = Promise.all(Array.from({ length: 4 }, come));
  const reloads = () => (server.stderr.match(/event=certificates_reloaded/g) ?? []).length;
  for (let i = 0; i < 10; i++) {
    const before = reloads(), had = came;
    for (const kind of ['key', 'pem']) {
      copyFileSync(path(`${i % 2 ? 'one' : 'two'}.${kind}`), path(`live.${kind}.new`));
      renameSync(path(`live.${kind}.new`), path(`live.${kind}`));
    }
    server.kill('SIGHUP');
    await until(() => reloads() > before && came >= had + 8, 'both to be read, and people to come');
  }
  over = true;
  await crowd;
  assert.ok([...shown].some((names) => names.includes('one.example')) && [...shown].some((names) => names.includes('two.example')));
  assert.equal((await stays.ask({ type: 'ping' })).type, 'pong');
  stays.socket.close();
});
