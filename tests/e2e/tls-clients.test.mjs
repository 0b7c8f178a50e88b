// SPDX-License-Identifier: Apache-2.0
//
// Who clients are by their certificates, and what an authority says of the server's: certificates, revocations and OCSP responses by
// Debian's openssl.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mint, Native, PLENUM, parseMetrics, run, SECRET, startServer, until, within } from './support.mjs';
import { Authority, portOf, secure } from './tls_support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-tls-clients-'));
after(() => rmSync(folder, { recursive: true }));
let ca, staff; // who vouches for the server, and for clients
before(async () => {
  [ca, staff] = await Promise.all([Authority.create(join(folder, 'ca')), Authority.create(join(folder, 'staff'), 'staff')]);
  await ca.issue('server', { cn: 'localhost', alternative: 'DNS:localhost,IP:127.0.0.1' });
  await staff.issue('ada', { alternative: 'email:ada@example.com,URI:spiffe://example.com/ada' });
  await staff.issue('bob');
  await ca.issue('stranger');
});

const tls = (more) => `{cert: ${ca.path('server.pem')}, key: ${ca.path('server.key')}${more}}`;
const clients = (how) => `, client_ca: ${staff.path('ca.pem')}, ${how}`;
/** https, lines, and plain http for metrics and the API. */
const start = (t, more, flags = []) => startServer(t, {
  flags: [`--server.listen=[{address: "127.0.0.1:0", tls: ${tls(more)}}, {address: "127.0.0.1:0", kind: text, tls: ${tls(more)}}]`, ...flags],
});
const person = (server, hello, who, authority = staff) => Native.open(`wss://localhost:${portOf(server, 'https')}/ws`, hello, { ca: ca.pem('ca'), origin: `https://localhost:${portOf(server, 'https')}`, ...(who ? authority.own(who) : {}) });

test('a certificate says who its client is, to WebSocket and to lines, and may say it in several ways', async (t) => {
  for (const [part, user] of [['cn', 'ada'], ['email', 'ada@example.com'], ['uri', 'spiffe://example.com/ada']]) {
    const server = await start(t, clients(`client_user: ${part}`), ['--auth.guests=false']);
    const ada = await person(server, {}, 'ada');
    assert.equal(ada.welcome.user, user);
    assert.equal(ada.welcome.name, user);
    const named = await person(server, { name: 'Ada L.' }, 'ada');
    assert.equal(named.welcome.user, user);
    assert.equal(named.welcome.name, 'Ada L.');
    await ada.ask({ type: 'join', room: 'lobby' });
    const lines = await secure(portOf(server, 'text-tls'), { ca: ca.pem('ca'), ...staff.own('ada') });
    await until(() => lines.text.includes('joined lobby'), 'the lobby');
    lines.write('good morning\n');
    await until(() => ada.heard.some((m) => m.type === 'message'), 'a line');
    assert.equal(ada.heard.find((m) => m.type === 'message').from.user, user);
    const seen = await server.metrics();
    assert.equal(seen.get('plenum_certificate_sessions_total'), 3);
    assert.equal(seen.get('plenum_tls_client_certificates_total'), 3);
    lines.destroy();
    for (const one of [ada, named]) one.socket.close();
  }
});

test('none, a stranger\'s, one without a user: refused in the handshake, or let in as nobody where it is only asked for', async (t) => {
  const server = await start(t, clients('client_user: email'));
  const refusals = [[null, staff], ['stranger', ca], ['bob', staff]]; // bob has no address
  for (const [who, authority] of refusals) await assert.rejects(person(server, {}, who, authority));
  await server.settles('plenum_tls_handshakes_failed_total{reason="certificate"}', refusals.length);
  const asking = await start(t, clients('client_cert: request, client_user: cn'));
  const guest = await person(asking, {}, null), ada = await person(asking, {}, 'ada');
  assert.match(guest.welcome.user, /^guest-/);
  assert.equal(ada.welcome.user, 'ada');
  await assert.rejects(person(asking, {}, 'stranger', ca)); // who shows one shows a good one
  for (const one of [guest, ada]) one.socket.close();
});

test('a token says more than a certificate; a bad one makes nobody of somebody', async (t) => {
  const server = await start(t, clients('client_user: cn'), [`--auth.secret=${SECRET}`]);
  const proxy = await person(server, { token: mint({ sub: 'cyd' }) }, 'ada');
  assert.equal(proxy.welcome.user, 'cyd');
  const plain = await start(t, clients('client_user: none'), [`--auth.secret=${SECRET}`]);
  const guest = await person(plain, {}, 'ada');
  assert.match(guest.welcome.user, /^guest-/);
  const url = `wss://localhost:${portOf(server, 'https')}/ws`;
  const bad = new Native(url, { ca: ca.pem('ca'), origin: url.replace('wss', 'https').replace('/ws', ''), ...staff.own('ada') });
  await bad.opened;
  await assert.rejects(bad.ask({ type: 'hello', token: mint({ sub: 'ada' }, 600, 'another secret, which is long enough') }), { code: 'unauthorized' });
  await assert.rejects(bad.ask({ type: 'join', room: 'lobby' }), { code: 'unauthorized' }); // which would imply a hello
  assert.equal((await bad.ask({ type: 'hello' })).user, 'ada');
  for (const one of [proxy, guest, bad]) one.socket.close();
});

test('a certificate is revoked by its id or its user, and its session ends with it', async (t) => {
  await staff.issue('short', { until: Date.now() + 20_000 });
  const file = join(folder, 'audit.jsonl');
  const server = await start(t, clients('client_user: cn'), ['--auth.expiry_grace_s=1', `--audit.file=${file}`,
    '--api.keys={name: backend, secret: secret-of-a-backend}']);
  const short = person(server, {}, 'short'), [ada, bob] = [await person(server, {}, 'ada'), await person(server, {}, 'bob')];
  const revoke = (body) => fetch(`http://${server.http}/api/v1/revoke`, { method: 'POST', headers: { authorization: 'Bearer secret-of-a-backend', 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal((await revoke({ token_id: await staff.id('ada'), seconds: 600 })).status, 200);
  assert.equal((await within(ada.ended, 'her end')).reason, 'token_revoked');
  await assert.rejects(person(server, {}, 'ada'), /token_revoked|revoked/);
  assert.equal((await bob.ask({ type: 'ping' })).type, 'pong');
  assert.equal((await revoke({ user: 'bob', seconds: 600 })).status, 200);
  assert.equal((await within(bob.ended, 'his end')).reason, 'token_revoked');
  assert.equal((await within((await short).ended, 'the end of a certificate', 60_000)).code, 1008);
  const id = await staff.id('bob');
  await until(() => readFileSync(file, 'utf8').includes(id), 'the audit');
  const line = readFileSync(file, 'utf8').split('\n').find((one) => one.includes(id));
  assert.match(line, /"event":"certificate"/);
  assert.match(line, /"user":"bob"/);
});

test('who is vouched for is asked again when those who vouch are others', async (t) => {
  const file = join(folder, 'who.pem');
  copyFileSync(staff.path('ca.pem'), file);
  const server = await start(t, `, client_ca: ${file}, client_user: cn`);
  const port = portOf(server, 'https');
  const options = { ca: ca.pem('ca'), maxVersion: 'TLSv1.2', ...staff.own('ada') };
  const first = await secure(port, options), session = first.getSession();
  const next = await secure(port, { ...options, session });
  assert.ok(next.isSessionReused());
  copyFileSync(ca.path('ca.pem'), `${file}.new`);
  renameSync(`${file}.new`, file);
  await until(() => server.stderr.includes('event=certificates_reloaded'), 'the files to be read');
  await assert.rejects(secure(port, { ...options, session }));
  for (const one of [first, next]) one.destroy();
});

test('what is the same for a listener is, and a user has somebody who vouches', async () => {
  const check = async (list) => {
    writeFileSync(join(folder, 'bad.yaml'), `server:\n  tls: ${list}\n`);
    return run(PLENUM, ['check-config', join(folder, 'bad.yaml')]);
  };
  const mixed = await check(`[${tls(clients('client_user: cn'))}, ${tls('')}]`);
  assert.equal(mixed.code, 2);
  assert.match(mixed.stderr, /bad\.yaml:2: server\.tls\[1\]: got client_ca, client_cert or client_user unlike the first certificate's/);
  assert.match((await check(tls(', client_user: cn'))).stderr, /got client_user without client_ca/);
  assert.equal((await check(tls(clients('client_user: cn')))).code, 0);
});

// ---- what an authority says of the server

const shown = async (port, ...more) => (await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-CAfile', ca.path('ca.pem'), '-verify_return_error', ...more])).stdout;

test('what the authority says is handed to who asks, and read again when it changes', async (t) => {
  await ca.issue('told', { cn: 'localhost', alternative: 'DNS:localhost' });
  const file = ca.path('told.der'), put = async (days) => {
    await ca.answer('told', `${file}.new`, days);
    renameSync(`${file}.new`, file);
  };
  await put(1);
  const server = await startServer(t, { flags: [`--server.tls={cert: ${ca.path('told.pem')}, key: ${ca.path('told.key')}, ocsp: ${file}}`] });
  const port = portOf(server, 'https');
  for (const version of ['-tls1_2', '-tls1_3']) {
    const text = await shown(port, '-status', version);
    assert.match(text, /OCSP Response Status: successful/);
    assert.match(text, /Cert Status: good/);
    assert.match(text, /Verify return code: 0 \(ok\)/);
    assert.doesNotMatch(await shown(port, version), /OCSP Response Status/);
  }
  const serial = async () => /Next Update: (.*)/.exec(await shown(port, '-status'))[1];
  const before = await serial();
  await put(2);
  await until(() => server.stderr.includes('event=certificates_reloaded'), 'it to be read');
  assert.notEqual(await serial(), before);
  const kept = await serial();
  await put(0);
  await until(() => /certificates_rejected .*told\.der: it has no nextUpdate/.test(server.stderr), 'one without an end to be refused');
  await ca.revoke('told');
  await put(3);
  await until(() => /certificates_rejected .*told\.der: it says that the certificate is revoked/.test(server.stderr), 'the bad one to be refused');
  assert.equal(await serial(), kept);
});

test('what the authority has said is sent no more when its time is over, and counted, until there is something newer', async (t) => {
  await ca.issue('brief', { cn: 'localhost', alternative: 'DNS:localhost' });
  const file = ca.path('brief.der');
  await ca.answer('brief', file);
  const server = await startServer(t, { flags: [`--server.tls={cert: ${ca.path('brief.pem')}, key: ${ca.path('brief.key')}, ocsp: ${file}}`, '--server.listen=[{address: "127.0.0.1:0"}]'] });
  const port = portOf(server, 'https'), plain = `http://127.0.0.1:${portOf(server, 'http')}`;
  const stale = async () => parseMetrics(await (await fetch(`${plain}/metrics`)).text()).get('plenum_tls_ocsp_stale');
  assert.equal(await stale(), 0);
  await ca.answerBriefly('brief', `${file}.new`, 10);
  renameSync(`${file}.new`, file);
  await until(() => server.stderr.includes('event=certificates_reloaded'), 'it to be read');
  assert.match(await shown(port, '-status'), /Cert Status: good/);
  await until(async () => await stale() === 2, 'its time to be over'); // for pages and for lines
  assert.match(server.stderr, /level=warn event=ocsp_stale responses=2 /);
  assert.doesNotMatch(await shown(port, '-status'), /OCSP Response Status/);
  await ca.answer('brief', `${file}.new`);
  renameSync(`${file}.new`, file);
  await until(async () => await stale() === 0, 'the newer one');
  assert.match(await shown(port, '-status'), /Cert Status: good/);
});

test('what is about another certificate, or none, is a mistake at start', async () => {
  const file = ca.path('server.der');
  await ca.answer('server', file);
  const check = async (name, ocsp) => {
    writeFileSync(join(folder, 'ocsp.yaml'), `server:\n  tls: {cert: ${ca.path(`${name}.pem`)}, key: ${ca.path(`${name}.key`)}, ocsp: ${ocsp}}\n`);
    return run(PLENUM, ['check-config', join(folder, 'ocsp.yaml')]);
  };
  assert.equal((await check('server', file)).code, 0);
  for (const [name, ocsp, why] of [['stranger', file, 'it is not about this certificate'], ['server', ca.path('ca.pem'), 'it is no OCSP response (DER)'], ['server', '/no/such/file', 'No such file or directory']]) {
    const checked = await check(name, ocsp);
    assert.equal(checked.code, 2);
    assert.ok(checked.stderr.includes(`ocsp ${ocsp}: ${why}`), checked.stderr);
  }
});
