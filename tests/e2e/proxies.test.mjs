// SPDX-License-Identifier: Apache-2.0
//
// Proxies as they speak on the wire: PROXY headers of both versions in front of plain connections and TLS, X-Forwarded-For and Forwarded,
// Unix sockets. Whose address it is that is shown, limited and written down; and that nobody is believed who is not named.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Native, PLENUM, Program, run, startServer, until, within } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-proxies-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name) => join(folder, name);
const KEY = 'an api key of this test';
const portOf = (server, name) => Number([...server.stdout.matchAll(new RegExp(`(?<=^ready.* )${name}=\\S+:(\\d+)`, 'gm'))].at(-1)[1]);

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** A header of version 2: command and version, family and protocol, what follows. */
function v2(command, family, rest, length = rest.length) {
  const head = Buffer.from([command, family, length >> 8, length & 255]);
  return Buffer.concat([SIGNATURE, head, rest]);
}
const v2From = (a, b, c, d, port, tlvs = Buffer.alloc(0)) =>
  v2(0x21, 0x11, Buffer.concat([Buffer.from([a, b, c, d, 198, 51, 100, 1, port >> 8, port & 255, 1, 187]), tlvs]));
const v1From = (address, port) => Buffer.from(`PROXY TCP4 ${address} 198.51.100.1 ${port} 443\r\n`);

/** A connection that begins with `header`, in pieces of `piece` bytes. at: a port, or {path}. */
function dial(at, header, piece = Infinity) {
  const socket = createConnection(typeof at === 'number' ? { port: at, host: '127.0.0.1' } : at);
  socket.setNoDelay(true);
  socket.text = '';
  socket.on('error', () => {});
  socket.gone = new Promise((done) => socket.once('close', () => done(true)));
  for (let from = 0; from < header.length; from += piece) socket.write(header.subarray(from, from + piece));
  return socket;
}
/** What comes until the other side closes. */
async function answer(socket, said = '') {
  socket.on('data', (data) => { socket.text += data; });
  if (said !== '') socket.write(said);
  await within(socket.gone, () => `the end; it said ${socket.text}`);
  return socket.text;
}
const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** Somebody by a socket that is there, or with fields of a proxy. */
const person = (url, name, options) => Native.open(url, { name }, options);
const by = (socket) => ({ createConnection: () => socket });

/** name -> address of those who are here, as the API lists them. */
async function addresses(server) {
  const response = await server.get('/api/v1/connections', { method: 'POST', body: '{}',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` } });
  assert.equal(response.status, 200);
  return Object.fromEntries((await response.json()).connections.filter((c) => c.name).map((c) => [c.name, c.address]));
}
const start = (t, flags, options) => startServer(t, { flags: ['--auth.guests=true', `--api.key=${KEY}`, ...flags], ...options });
const listen = (...rows) => `--server.listen=[${rows.join(', ')}]`;
const HERE = '--server.trusted_proxies=127.0.0.0/8';
const PROXIED = '{address: "127.0.0.1:0", proxy_protocol: true}';

test('a PROXY header says whose connection it is, in front of HTTP, lines and TLS', async (t) => {
  const made = await run(PLENUM, ['cert', '--out', path('a')]);
  assert.equal(made.code, 0, made.stderr);
  const server = await start(t, [HERE, '--server.shards=2', listen(PROXIED, '{address: "127.0.0.1:0", kind: text, proxy_protocol: true}',
    `{address: "127.0.0.1:0", proxy_protocol: true, tls: {cert: ${path('a.pem')}, key: ${path('a.key')}}}`)]);
  const http = portOf(server, 'http'), url = `ws://127.0.0.1:${http}/ws`;
  const tlvs = Buffer.concat([Buffer.from([4, 0, 200]), Buffer.alloc(200)]);
  await person(url, 'one', by(dial(http, v1From('203.0.113.1', 5001))));
  await person(url, 'two', by(dial(http, v2From(203, 0, 113, 2, 5002, tlvs))));
  await person(url, 'pieces', by(dial(http, v2From(203, 0, 113, 3, 5003, tlvs), 1)));
  await person(url, 'unknown', by(dial(http, Buffer.from('PROXY UNKNOWN\r\n'))));
  await person(url, 'unix', by(dial(http, v2(0x21, 0x31, Buffer.alloc(216)))));
  const https = portOf(server, 'https');
  const tls = connectTls({ socket: dial(https, v1From('203.0.113.4', 5004)), ca: readFileSync(path('a.pem')), servername: 'localhost' });
  await within(new Promise((done, fail) => tls.once('secureConnect', done).once('error', fail)), 'the handshake');
  await person(`ws://localhost:${https}/ws`, 'sealed', { ...by(tls), origin: `https://localhost:${https}` });
  const there = await addresses(server);
  assert.deepEqual(there, { one: '203.0.113.1', two: '203.0.113.2', pieces: '203.0.113.3', unknown: '127.0.0.1', unix: '127.0.0.1', sealed: '203.0.113.4' });
  const line = dial(portOf(server, 'text'), Buffer.concat([v1From('203.0.113.5', 5005), Buffer.from('/who\r\n')]));
  line.on('data', (data) => { line.text += data; });
  await until(() => line.text.includes('you are'), 'the greeting');
  assert.match(await answer(dial(http, v2(0x20, 0, Buffer.alloc(0))), GET), /^HTTP\/1\.1 200/); // LOCAL: it looks whether we are there
});

test('A12: what is no PROXY header, comes from elsewhere or never is refused, in words and in the log', async (t) => {
  const server = await start(t, ['--server.trusted_proxies=127.0.0.1', '--limits.handshake_ms=1000', '--logging.level=warn', listen(PROXIED)]);
  const port = portOf(server, 'http');
  const long = Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}\r\n`);
  const broken = [Buffer.from(GET), long, v2(0x31, 0x11, Buffer.alloc(12)), v2(0x21, 0x11, Buffer.alloc(4)), v2(0x21, 0x11, Buffer.alloc(12), 65535),
    Buffer.from('PROXY TCP4 203.0.113.1, 127.0.0.1 198.51.100.1 1 2\r\n'), Buffer.from('\x16\x03\x01')];
  for (const header of broken) assert.match(await answer(dial(port, header)), /^HTTP\/1\.1 400 .*PROXY header/s);
  const cut = [dial(port, v2From(203, 0, 113, 1, 1).subarray(0, 20)), dial(port, Buffer.from('PROXY TCP4 203.0')), dial(port, Buffer.alloc(0))];
  for (const socket of cut) assert.match(await answer(socket), /^HTTP\/1\.1 400/); // in time
  dial(port, Buffer.from('PROXY ')).end();
  const elsewhere = createConnection({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  elsewhere.gone = new Promise((done) => elsewhere.once('close', () => done(true)));
  elsewhere.text = '';
  elsewhere.write(v1From('127.0.0.1', 1));
  assert.match(await answer(elsewhere), /^HTTP\/1\.1 403 .*server\.trusted_proxies/s);
  await until(() => /event=proxy_refused .*peer=127\.0\.0\.2:\d+ reason="it is in none/.test(server.stderr), () => server.stderr);
  const counted = [...await server.metrics()].filter(([name]) => name.startsWith('plenum_proxy_refused_total'));
  assert.equal(counted.reduce((n, [, v]) => n + v, 0), broken.length + cut.length + 1);
  assert.match(await answer(dial(port, v1From('203.0.113.1', 1)), GET), /^HTTP\/1\.1 200/);
});

const forwarded = (value, more = {}) => ({ headers: { 'x-forwarded-for': value, ...more } });

test('A12: X-Forwarded-For is believed from trusted proxies only, from the right', async (t) => {
  const server = await start(t, ['--server.trusted_proxies=127.0.0.1,10.0.0.0/8', listen('{address: "127.0.0.1:0"}')]);
  await person(server, 'plain', forwarded('203.0.113.1'));
  await person(server, 'chain', forwarded('1.1.1.1, 203.0.113.2:77, 10.0.0.7'));
  await person(server, 'six', forwarded('2001:db8::9'));
  await person(server, 'unknown', forwarded('1.1.1.1, unknown'));
  await person(server, 'other', { headers: { forwarded: 'for=203.0.113.9' } });
  await person(server, 'two', forwarded(['1.1.1.1', '203.0.113.3']));
  await person(server, 'long', forwarded('9,'.repeat(3000) + '203.0.113.4'));
  await person(server, 'empty', forwarded(''));
  // Another address of this machine, which nobody has named.
  const spoof = new Native(server.ws, { ...forwarded('203.0.113.6'), localAddress: '127.0.0.2' });
  await within(spoof.opened, 'the WebSocket');
  await spoof.ask({ type: 'hello', name: 'spoof' });
  const there = await addresses(server);
  assert.deepEqual(there, { plain: '203.0.113.1', chain: '203.0.113.2', six: '[2001:db8::9]', unknown: '127.0.0.1', other: '127.0.0.1',
    two: '203.0.113.3', long: '203.0.113.4', empty: '127.0.0.1', spoof: '127.0.0.2' });
});

test('Forwarded is read where it is the one that proxies set', async (t) => {
  const server = await start(t, [HERE, '--server.forwarded_by=forwarded']);
  await person(server, 'seven', { headers: { forwarded: 'for="[2001:db8::7]:4711";proto=https' } });
  await person(server, 'quote', { headers: { forwarded: 'for=1.1.1.1;x=", for=203.0.113.2' } });
  await person(server, 'other', forwarded('203.0.113.9'));
  assert.deepEqual(await addresses(server), { seven: '[2001:db8::7]', quote: '203.0.113.2', other: '127.0.0.1' });
});

test('a page that came by https to the proxy is a page of this server', async (t) => {
  const server = await start(t, [HERE]);
  const page = (more) => person(server, 'page', { origin: 'https://chat.example', ...forwarded('203.0.113.1', { host: 'chat.example', ...more }) });
  await page({ 'x-forwarded-proto': 'https' });
  await assert.rejects(page({}), /403/);
  await assert.rejects(page({ 'x-forwarded-proto': 'https, http' }), /403/);
});

test('A12: limits count who is behind the proxy, and the proxy itself is not limited', async (t) => {
  const server = await start(t, [HERE, '--limits.connections_per_address=2', listen(PROXIED)]);
  const port = portOf(server, 'http'), url = `ws://127.0.0.1:${port}/ws`;
  const two = [await person(server, 'a', forwarded('203.0.113.1')), await person(server, 'b', forwarded('203.0.113.1'))];
  await assert.rejects(person(server, 'c', forwarded('203.0.113.1')), /429/);
  assert.match(await answer(dial(port, v1From('203.0.113.1', 1)), GET), /^HTTP\/1\.1 429/); // the same address, said otherwise
  await person(server, 'd', forwarded('203.0.113.2'));
  await person(url, 'e', by(dial(port, v1From('203.0.113.2', 1))));
  await assert.rejects(person(url, 'f', by(dial(port, v1From('203.0.113.2', 2)))), /429/);
  for (const one of two) await one.close();
  await until(() => person(server, 'again', forwarded('203.0.113.1')).then(() => true, () => false), 'a free place');
});

test('without a key nobody who comes by a proxy is this machine; guests neither', async (t) => {
  const ask = (server, headers = {}) => server.get('/api/v1/info', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', connection: 'close', ...headers } });
  const open = await startServer(t, {});
  assert.equal((await ask(open)).status, 200);
  const server = await startServer(t, { flags: [HERE] });
  for (const headers of [{}, { 'x-forwarded-for': '127.0.0.1' }, { 'x-forwarded-for': '' }]) assert.equal((await ask(server, headers)).status, 403);
  await assert.rejects(Native.open(server, { name: 'guest' }), /unauthorized/);
});

test('the audit and the log write down who is behind the proxy', async (t) => {
  const file = path('audit');
  const server = await start(t, [HERE, `--audit.file=${file}`, '--logging.level=debug', listen(PROXIED)]);
  await person(server, 'ada', forwarded('203.0.113.8:4000'));
  await person(`ws://127.0.0.1:${portOf(server, 'http')}/ws`, 'bob', by(dial(portOf(server, 'http'), v1From('203.0.113.9', 4001))));
  const sessions = () => readFileSync(file, 'utf8').split('\n').filter((l) => l.includes('"session"')).map((l) => JSON.parse(l).address);
  await until(() => sessions().length === 2, 'two sessions');
  assert.deepEqual(sessions(), ['203.0.113.8:4000', '203.0.113.9:4001']);
  await until(() => /event=session_started .*peer=203\.0\.113\.8:4000/.test(server.stderr), 'the log');
});

test('Unix sockets: all kinds, their modes, who is at their other end', async (t) => {
  const [web, text, admin] = ['web', 'text', 'admin'].map((name) => path(`${name}.sock`));
  const file = path('unix-audit');
  const server = await startServer(t, { flags: ['--auth.guests=true', '--server.shards=2', '--server.trusted_proxies=unix:', `--audit.file=${file}`,
    listen(`{address: "unix:${web}", mode: "0660"}`, `{address: "unix:${text}", kind: text}`, `{address: "unix:${admin}", kind: admin}`)] });
  assert.deepEqual([web, text, admin].map((name) => statSync(name).mode & 0o777), [0o660, 0o600, 0o600]);
  assert.match(server.stdout, new RegExp(`^ready .* http=unix:${web} text=unix:${text} admin=unix:${admin}`, 'm'));
  const people = await Promise.all(Array.from({ length: 8 }, (_, i) => person(`ws+unix:${web}:/ws`, `p${i}`, forwarded(`203.0.113.${i}`))));
  for (const one of people) await one.join('lobby');
  await people[0].say('lobby', 'x'.repeat(30_000));
  await until(() => people.slice(1).every((p) => p.heard.some((m) => m.type === 'message')), 'the message');
  const line = dial({ path: text }, Buffer.alloc(0));
  line.on('data', (data) => { line.text += data; });
  await until(() => line.text.includes('you are'), 'the greeting');
  const said = readFileSync(file, 'utf8');
  assert.match(said, /"address":"203\.0\.113\.7:0"/);
  await until(() => readFileSync(file, 'utf8').includes(`"address":"unix:${process.getuid()}:${process.pid}"`), 'a terminal in the audit');
  await server.stop();
  assert.deepEqual([web, text, admin].map(existsSync), [false, false, false]);
});

/** A request to a Unix socket; its status. */
const ask = (socketPath, url, headers = {}) => within(new Promise((done, fail) => {
  request({ socketPath, path: url, method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json', ...headers } },
    (response) => { response.resume(); done(response.statusCode); }).on('error', fail).end('{}');
}), 'an answer');

test('who comes by the admin socket is this machine where he is its user; by another socket never', async (t) => {
  const [web, admin] = [path('w.sock'), path('m.sock')];
  const rows = listen(`{address: "unix:${web}"}`, `{address: "unix:${admin}", kind: admin}`);
  const server = await startServer(t, { flags: [rows] });
  assert.equal(await ask(admin, '/api/v1/info'), 200);
  assert.equal(await ask(admin, '/api/v1/info', { 'x-forwarded-for': '203.0.113.1' }), 403);
  assert.equal(await ask(web, '/api/v1/info'), 403);
  await assert.rejects(person(server, 'guest'), /unauthorized/); // a Unix socket is no loopback
  await server.stop();
  const trusting = await startServer(t, { flags: [rows, '--server.trusted_proxies=unix:'] });
  assert.equal(await ask(admin, '/api/v1/info'), 403);
  await trusting.stop();
});

test('a socket that an earlier run has left is taken over, one that is in use is not, and no file', async (t) => {
  const name = path('left.sock');
  const argv = ['serve', '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=', listen(`{address: "unix:${name}"}`)];
  const first = new Program(PLENUM, argv);
  t.after(() => first.kill('SIGKILL'));
  await until(() => /^ready/m.test(first.stdout), 'the first');
  const second = await run(PLENUM, argv);
  assert.match(second.stderr, /cannot listen on unix:.*: another program listens there/);
  assert.notEqual(second.code, 0);
  first.kill('SIGKILL');
  await within(first.ended, 'its end');
  assert.ok(existsSync(name));
  const server = await start(t, [listen(`{address: "unix:${name}"}`)]);
  await person(`ws+unix:${name}:/ws`, 'ada');
  await server.stop();
  assert.ok(!existsSync(name));
  writeFileSync(name, 'precious');
  const third = await run(PLENUM, argv);
  assert.match(third.stderr, /there is a file of that name, and it is no socket/);
  assert.equal(readFileSync(name, 'utf8'), 'precious');
  rmSync(name);
});

test('a socket that is another one by now is left alone', async (t) => {
  const name = path('other.sock');
  const server = await start(t, [listen(`{address: "unix:${name}"}`)]);
  rmSync(name);
  const other = createServer().listen(name);
  await within(new Promise((done) => other.once('listening', done)), 'another listener');
  await server.stop();
  assert.ok(existsSync(name));
  other.close();
});

test('proxies are named anew by a reload; what is no network is said by name', async (t) => {
  const config = path('plenum.yaml');
  writeFileSync(config, 'server: {trusted_proxies: []}\n');
  const server = await start(t, ['-c', config]);
  await person(server, 'before', forwarded('203.0.113.1'));
  writeFileSync(config, 'server: {trusted_proxies: ["127.0.0.0/8"]}\n');
  server.kill('SIGHUP');
  await until(() => /event=config_reloaded|event=reloaded/.test(server.stderr), () => server.stderr);
  await person(server, 'after', forwarded('203.0.113.2'));
  assert.deepEqual(await addresses(server), { before: '127.0.0.1', after: '203.0.113.2' });
  for (const [flag, word] of [['--server.trusted_proxies=10.0.0.1/8', /item 1.*10\.0\.0\.1\/8|10\.0\.0\.1\/8.*no bits behind the prefix/s],
    ['--server.trusted_proxies=10.0.0.0/8,proxy.example', /proxy\.example/],
    [listen(PROXIED), /proxy_protocol.*server\.trusted_proxies/s],
    [listen('{address: "127.0.0.1:0", mode: "0660"}'), /Unix socket/],
    [listen('{address: "unix:relative"}'), /unix:\/run\/plenum\.sock/]]) {
    const refused = await run(PLENUM, ['serve', '--server.http=127.0.0.1:0', flag]);
    assert.notEqual(refused.code, 0, flag);
    assert.match(refused.stdout + refused.stderr, word, flag);
  }
});
