// SPDX-License-Identifier: Apache-2.0
//
// TLS as clients meet it: node's own, over the server's listeners; certificates that are chosen by name, replaced while people
// are there, made by `plenum cert`, and refused by name.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Native, PLENUM, run, startServer, until, within } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-tls-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name) => join(folder, name);
const pem = (name) => readFileSync(path(`${name}.pem`));

async function certificate(name, ...more) {
  const made = await run(PLENUM, ['cert', '--out', path(name), ...more]);
  assert.equal(made.code, 0, made.stderr);
}
before(async () => {
  await certificate('a');
  await certificate('b', '--names', 'b.example,*.c.example');
});

const identity = (name) => `{cert: ${path(`${name}.pem`)}, key: ${path(`${name}.key`)}}`;
const tlsFlags = (name, more = '') => [`--server.tls=[${identity(name)}]`,
  `--server.listen=[{address: "127.0.0.1:0"}, {address: "127.0.0.1:0", kind: text}${more}]`];

/** Ports by their names in the ready line, the first of each name. */
async function start(t, flags, options) {
  const server = await startServer(t, { flags, ...options }).catch((e) => e);
  if (server instanceof Error) throw server;
  return server;
}
const portOf = (server, name) => Number(new RegExp(`^ready.* ${name}=\\S+:(\\d+)`, 'm').exec(server.stdout)[1]);

/** A TLS connection whose handshake is over. */
function secure(port, options = {}) {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: pem('a'), ...options });
  socket.text = '';
  socket.on('data', (data) => { socket.text += data; });
  socket.gone = new Promise((done) => socket.once('close', () => done(true)));
  return within(new Promise((done, fail) => {
    socket.once('secureConnect', () => done(socket));
    socket.once('error', fail);
  }), 'the handshake');
}
const refused = async (port, options) => secure(port, options).then(() => assert.fail('it was let in'), (e) => e);

async function get(port, options = {}) {
  return within(new Promise((done, fail) => {
    request({ port, host: '127.0.0.1', path: '/healthz', servername: 'localhost', ca: pem('a'), agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (data) => { body += data; }).on('end', () => done({ status: response.statusCode, body, headers: response.headers }));
    }).on('error', fail).end();
  }), 'a page');
}
const person = (port, name) => Native.open(`wss://localhost:${port}/ws`, { name }, { ca: pem('a'), origin: `https://localhost:${port}` });

test('people meet in one room, with and without TLS, in frames and in lines', async (t) => {
  const server = await start(t, [...tlsFlags('a'), '--server.shards=2']);
  const https = portOf(server, 'https'), http = portOf(server, 'http');
  assert.equal((await get(https)).body, 'ok\n');
  const people = [await person(https, 'ada'), await person(https, 'bob'), await Native.open(`ws://127.0.0.1:${http}/ws`, { name: 'cyd' })];
  const lines = await secure(portOf(server, 'text-tls'));
  await until(() => lines.text.includes('joined lobby'), 'the lobby');
  for (const one of people) await one.ask({ type: 'join', room: 'lobby' });
  const long = 'x'.repeat(40_000); // more than a record
  await people[0].ask({ type: 'message', room: 'lobby', data: { text: 'good morning' } });
  await people[2].ask({ type: 'message', room: 'lobby', data: { text: long } });
  const heard = [[long], ['good morning', long], ['good morning']]; // of the others
  for (const [i, one] of people.entries()) {
    const words = () => one.heard.filter((m) => m.type === 'message').map((m) => m.data.text);
    await until(() => words().length === heard[i].length, 'all of it');
    assert.deepEqual(words(), heard[i]);
  }
  await until(() => lines.text.includes('ada: good morning\n'), 'a line');
  lines.write('and from me\n');
  await until(() => people[1].heard.some((m) => m.data === 'and from me' || m.data?.text === 'and from me'), 'what a terminal says');
  lines.destroy();
  for (const one of people) one.socket.close();
});

test('browsers are told to come by TLS only, where that is set, and only over TLS', async (t) => {
  const server = await start(t, [...tlsFlags('a'), '--server.hsts_days=30']), silent = await start(t, tlsFlags('a'));
  const said = async (one, path) => (await get(portOf(one, 'https'), { path })).headers['strict-transport-security'];
  for (const path of ['/', '/healthz', '/plenum.js', '/nothing-here', '/ws', `/${'x'.repeat(9000)}`]) {
    assert.equal(await said(server, path), `max-age=${30 * 86_400}`, path);
    assert.equal(await said(silent, path), undefined, path);
  }
  const plain = await fetch(`http://127.0.0.1:${portOf(server, 'http')}/healthz`);
  assert.equal(plain.headers.get('strict-transport-security'), null); // RFC 6797 section 7.2
});

test('who speaks plainly to TLS is told what to say, and who speaks TLS to a plain port is refused', async (t) => {
  const server = await start(t, tlsFlags('a'));
  const said = (port, text) => within(new Promise((done) => {
    let heard = '';
    connectPlain(port, '127.0.0.1').on('data', (data) => { heard += data; }).on('close', () => done(heard)).write(text);
  }), 'the end');
  const http = await said(portOf(server, 'https'), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(http, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks TLS: say https:\/\/ or wss:\/\/ instead\.\n$/);
  assert.match(await said(portOf(server, 'text-tls'), 'hello\n'), /^\* this port speaks TLS: .*\n$/);
  assert.ok(await refused(portOf(server, 'http')));
  assert.equal((await get(portOf(server, 'https'))).body, 'ok\n');
});

test('versions and protocols: 1.2 and 1.3, http/1.1, nothing older and nothing else', async (t) => {
  const server = await start(t, tlsFlags('a'));
  const port = portOf(server, 'https');
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const socket = await secure(port, { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.getProtocol(), version);
    assert.equal(socket.alpnProtocol, 'http/1.1');
    assert.match(socket.getCipher().standardName, /GCM|CHACHA20/);
    socket.destroy();
  }
  for (const version of ['TLSv1', 'TLSv1.1'])
    assert.match((await refused(port, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })).code, /PROTOCOL|ECONNRESET/);
  assert.match((await refused(port, { ALPNProtocols: ['h2'] })).code, /NO_APPLICATION_PROTOCOL/);
});

test('the name that is asked for chooses the certificate', async (t) => {
  const server = await start(t, [`--server.tls=[${identity('a')}, ${identity('b')}]`]);
  const shown = async (servername) => {
    const socket = await secure(portOf(server, 'https'), { servername, rejectUnauthorized: false });
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  assert.equal(await shown('localhost'), 'localhost');
  assert.equal(await shown('b.example'), 'b.example');
  assert.equal(await shown('x.c.example'), 'b.example');
  assert.equal(await shown('nobody.example'), 'localhost');
});

test('a session is resumed on any shard, and after the certificates were read again', async (t) => {
  const server = await start(t, [...tlsFlags('a'), '--server.shards=2']);
  const port = portOf(server, 'https');
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const first = await secure(port, { minVersion: version, maxVersion: version });
    first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => first.text.includes('ok'), 'a page, and the ticket before it');
    const session = first.getSession();
    for (let i = 0; i < 8; i++) { // which the kernel spreads over the shards
      if (i === 4) {
        server.kill('SIGHUP');
        await until(() => (server.stderr.match(/certificates_reloaded/g) ?? []).length >= (version === 'TLSv1.2' ? 2 : 4), 'the files to be read');
      }
      const next = await secure(port, { minVersion: version, maxVersion: version, session });
      assert.ok(next.isSessionReused());
      next.destroy();
    }
    first.destroy();
  }
});

test('files that change are read again, while those who are there stay; bad ones change nothing', async (t) => {
  await certificate('live');
  await certificate('next', '--names', 'next.example');
  const server = await start(t, tlsFlags('live'));
  const port = portOf(server, 'https');
  const subject = async () => {
    const socket = await secure(port, { rejectUnauthorized: false });
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  const stays = await Native.open(`wss://localhost:${port}/ws`, {}, { rejectUnauthorized: false });
  assert.equal(await subject(), 'localhost');
  const move = (from, to) => {
    copyFileSync(path(from), path(`${to}.new`));
    renameSync(path(`${to}.new`), path(to));
  };
  move('next.key', 'live.key'); // as certbot does: one, and then the other
  await until(() => server.stderr.includes('event=certificates_rejected'), 'the first one to be refused');
  assert.match(server.stderr, /certificates_rejected .*key values mismatch/);
  assert.equal(await subject(), 'localhost');
  move('next.pem', 'live.pem');
  await until(() => server.stderr.includes('event=certificates_reloaded'), 'both to be read');
  assert.equal(await subject(), 'next.example');
  writeFileSync(path('live.pem'), 'not a certificate\n');
  await until(() => (server.stderr.match(/certificates_rejected/g) ?? []).length >= 3, 'the bad one to be refused');
  assert.equal(await subject(), 'next.example');
  assert.equal((await stays.ask({ type: 'ping' })).type, 'pong');
  stays.socket.close();
});

test('who has to show a certificate is let in with a good one only', async (t) => {
  await certificate('client', '--names', 'someone');
  const server = await start(t, [`--server.listen=[{address: "127.0.0.1:0", tls: {cert: ${path('a.pem')}, key: ${path('a.key')}, client_ca: ${path('client.pem')}}}]`]);
  const port = portOf(server, 'https');
  const own = (name) => ({ cert: pem(name), key: readFileSync(path(`${name}.key`)) });
  assert.equal((await get(port, own('client'))).body, 'ok\n');
  await assert.rejects(get(port, own('b')));
  await assert.rejects(get(port));
});

test('a handshake that is not gone on with ends in time, one octet at a time is good', async (t) => {
  const server = await start(t, [...tlsFlags('a'), '--limits.handshake_ms=700']);
  const port = portOf(server, 'https');
  for (const start of ['', '\x16', '\x16\x03\x01\x02\x00\x01']) {
    const socket = connectPlain(port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    const gone = new Promise((done) => socket.once('close', done));
    socket.write(Buffer.from(start, 'latin1'));
    const from = performance.now();
    await within(gone, 'the end');
    assert.ok(performance.now() - from > 500);
  }
  const inner = connectPlain(port, '127.0.0.1');
  const { Duplex } = await import('node:stream');
  const slow = new Duplex({
    read() {},
    write(chunk, _, done) {
      for (const octet of chunk) inner.write(Buffer.from([octet]));
      done();
    },
  });
  inner.setNoDelay(true).on('data', (data) => slow.push(data)).on('close', () => slow.push(null));
  const socket = connect({ socket: slow, servername: 'localhost', ca: pem('a') });
  let text = '';
  socket.on('data', (data) => { text += data; });
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => text.endsWith('ok\n'), 'the page');
  socket.destroy();
  inner.destroy();
});

test('a reader that stalls behind TLS is bounded, and hears all that is kept, in order', async (t) => {
  const server = await start(t, [...tlsFlags('a'), '--rooms.lag_bytes=64MiB', '--log.bytes=64MiB', '--log.entries=100000']);
  const port = portOf(server, 'https');
  const [reader, writer] = [await person(port, 'reader'), await person(port, 'writer')];
  for (const one of [reader, writer]) await one.ask({ type: 'join', room: 'r' });
  reader.socket.pause();
  const N = 400, data = 'y'.repeat(20_000);
  for (let i = 0; i < N; i++) await writer.ask({ type: 'message', room: 'r', data: { i, data } });
  reader.socket.resume();
  await until(() => reader.heard.some((m) => m.type === 'message' && m.data.i === N - 1), 'the last one');
  assert.deepEqual(reader.heard.filter((m) => m.type === 'message').map((m) => m.data.i), Array.from({ length: N }, (_, i) => i));
  for (const one of [reader, writer]) one.socket.close();
});

test('a drain says goodbye in good order', async (t) => {
  const server = await start(t, tlsFlags('a'));
  const ada = await person(portOf(server, 'https'), 'ada');
  const lines = await secure(portOf(server, 'text-tls'));
  let ended = false;
  lines.on('end', () => { ended = true; }); // by close_notify, or node says ECONNRESET
  await until(() => lines.text.includes('joined lobby'), 'the lobby');
  server.kill('SIGTERM');
  assert.equal((await ada.ended).code, 1012);
  await within(lines.gone, 'the end');
  assert.ok(ended && lines.text.endsWith('* closing: server restarts\n'));
});

test('plenum cert, --dev-tls, and what is wrong with files', async (t) => {
  assert.equal(statSync(path('a.key')).mode & 0o777, 0o600);
  const again = await run(PLENUM, ['cert', '--out', path('a')]);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /a\.key: got "File exists", expected a file that is not there yet/);
  for (const [args, why] of [[['--out', path('x'), '--names', 'a b'], /got "a b", expected host names/], [['--out', path('x'), '--days', '399'], /--days: got "399", expected 1 to 398/], [[], /--out: got no name/]]) {
    const bad = await run(PLENUM, ['cert', ...args]);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, why);
  }
  writeFileSync(path('bad.yaml'), `server:\n  tls: {cert: a.pem, key: b.key}\n`);
  const checked = await run(PLENUM, ['check-config', path('bad.yaml')]);
  assert.equal(checked.code, 2);
  assert.match(checked.stderr, /bad\.yaml:2: server\.tls\[0\]: got "key .*\/b\.key: key values mismatch", expected files with a certificate and its key \(PEM\)/);
  writeFileSync(path('dev.yaml'), 'server: {dev_tls: true}\n');
  const server = await start(t, ['-c', path('dev.yaml')]);
  assert.equal((await get(portOf(server, 'https'), { ca: pem('plenum-dev') })).body, 'ok\n');
});
