// SPDX-License-Identifier: Apache-2.0
//
// Tenants, as an operator writes them into a file, at the release binary with two shards: whose a room and a user is, that nobody
// hears, finds or reaches anything of another tenant, and that each limit is its own and is refused by its name.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, Nc, RELEASE, WebSocket, root, run, startServer, until, within } from './support.mjs';

const { Plenum } = await import(`${root}/web/plenum.js`);
const folder = mkdtempSync(join(tmpdir(), 'plenum-tenants-'));
after(() => rmSync(folder, { recursive: true }));
function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const SECRETS = { acme: 'the secret of acme, long enough for HS256', free: 'the secret of nobody, long enough for HS256' };
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
function mint(issuer, claims) {
  const input = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ iss: issuer, exp: Math.floor(Date.now() / 1000) + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', SECRETS[issuer]).update(input).digest('base64url')}`;
}
const issuers = `
auth:
  guests: "true"
  issuers:
${Object.entries(SECRETS).map(([name, secret]) => `    - {name: ${name}, issuer: ${name}, audience: [], keys: [{algorithm: HS256, secret: "${secret}"}]}`).join('\n')}
`;
const config = (tenants) => `${issuers}\ntenants:\n${tenants.map((row) => `  - {${row}}`).join('\n')}\n`;
const start = (t, name, tenants, flags = []) =>
  startServer(t, { bin: RELEASE, flags: ['-c', file(`${name}.yaml`, config(tenants)), '--server.shards=2', ...flags] });

/** A guest of a tenant, or somebody with a token, by the subprotocol or without. */
const of = (tenant) => ({ protocols: ['plenum.v1.json', `plenum.tenant.${tenant}`] });
const open = (server, tenant, hello = {}) => Native.open(server, hello, tenant ? of(tenant) : {});
const refused = (promise) => promise.then(() => assert.fail('it was taken'), (error) => error);

test('a name says whose it is, and nobody meets anybody of another tenant', async (t) => {
  const server = await start(t, 'names', ['prefix: "acme:", issuer: acme', 'prefix: "globex:", guests: true']);
  const ada = await open(server, null, { token: mint('acme', { sub: 'u1', name: 'Ada' }) });
  const bob = await open(server, 'acme', { token: mint('acme', { sub: 'u2', name: 'Bob' }) });
  const gus = await open(server, 'globex', { token: mint('free', { sub: 'u1', name: 'Gus' }) });
  const guest = await open(server, 'globex');
  const eve = await open(server, null, { token: mint('free', { sub: 'u1', name: 'Eve' }) });
  assert.deepEqual([ada, bob, gus, eve].map((c) => c.user), ['acme:u1', 'acme:u2', 'globex:u1', 'u1']);
  assert.match(guest.user, /^globex:guest-/);

  // Rooms: whose prefix it is. What is refused says nothing of whether it is there.
  for (const c of [ada, bob]) await c.join('acme:hall');
  for (const c of [gus, guest]) await c.join('globex:hall');
  await eve.join('hall');
  for (const [c, rooms] of [[ada, ['globex:hall', 'globex:none', 'hall', 'none', 'acme']], [gus, ['acme:hall', 'hall']], [eve, ['acme:hall', 'globex:none', 'acme:']]])
    for (const room of rooms) {
      const error = await refused(c.join(room));
      assert.equal(error.code, 'forbidden');
      assert.match(error.message, c === eve ? /is for users of its tenant only/ : /is not one of your tenant/);
    }
  await assert.rejects(eve.ask({ type: 'switch', from: 'hall', to: 'acme:hall' }), { code: 'forbidden' });
  for (const [c, rooms] of [[ada, ['acme:hall']], [gus, ['globex:hall']], [eve, ['hall']]])
    for (const query of [{}, { prefix: '' }, { prefix: 'a' }, { prefix: 'acme:' }, { prefix: 'g' }, { prefix: 'globex:h' }, { after: 'acme:a' }, { after: 'h' }, { prefix: 'h' }]) {
      const seen = (await c.ask({ type: 'rooms', limit: 10, ...query })).rooms.map((row) => row.room);
      assert.deepEqual(seen, rooms.filter((room) => room.startsWith(query.prefix ?? '') && room > (query.after ?? '')), JSON.stringify(query));
    }

  // Users: three of them are u1, and each is somebody else.
  assert.equal((await ada.ask({ type: 'direct', to: 'acme:u2', data: 'psst' })).delivered, 1);
  for (const [c, to] of [[ada, 'globex:u1'], [ada, 'u1'], [gus, 'acme:u1'], [gus, 'u1'], [eve, 'acme:u1'], [eve, 'globex:u9']])
    await assert.rejects(c.ask({ type: 'direct', to, data: 'psst' }), { code: 'forbidden' }, `${c.user} to ${to}`);
  await bob.hears('direct', 'the direct');
  await ada.say('acme:hall', 'one');
  await gus.say('globex:hall', 'two');
  await eve.say('hall', 'three');
  await until(() => bob.data('acme:hall').length === 1 && guest.data('globex:hall').length === 1, 'what was said');
  for (const c of [ada, bob, gus, guest, eve]) {
    const whose = /^(?:(\w+):)?/.exec(c.user)[1] ?? '';
    for (const m of c.heard)
      for (const name of [m.room, m.from?.user, m.member?.user].filter((n) => n !== undefined))
        assert.equal(/^(?:(\w+):)?/.exec(name)[1] ?? '', whose, `${c.user} heard of ${name}`);
  }

  // The backend is the server's: it sees all of them, and says whose they are.
  const api = async (command, body = {}) => (await server.get(`/api/v1/${command}`, { method: 'POST', headers: { connection: 'close', 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
  const rows = (await api('connections')).connections;
  assert.deepEqual(rows.filter((row) => row.user === 'acme:u1').map((row) => row.tenant), ['acme']);
  assert.deepEqual(rows.filter((row) => row.user === 'u1').map((row) => row.tenant), [undefined]);
  assert.deepEqual((await api('rooms')).rooms.map((row) => row.room), ['acme:hall', 'globex:hall', 'hall']);
  assert.equal((await api('direct', { to: 'acme:u1', data: 1 })).delivered, 1);
  const keys = await Promise.all(['acme', 'free'].map((issuer) => server.get('/api/v1/publish', { method: 'POST', body: JSON.stringify({ room: 'hall', data: 'by token' }),
    headers: { connection: 'close', 'content-type': 'application/json', authorization: `Bearer ${mint(issuer, { sub: 'b', caps: { rooms: { '**': ['host'] }, server: ['publish'] } })}` } })));
  assert.deepEqual(keys.map((response) => response.status), [403, 200]); // a tenant's issuer makes no keys

  const metrics = await server.metrics();
  const of_tenant = (name, tenant, limit) => metrics.get(`plenum_tenant_${name}{tenant="${tenant}"${limit ? `,limit="${limit}"` : ''}}`);
  assert.deepEqual(['acme', 'globex'].map((name) => of_tenant('connections', name)), [2, 2]);
  assert.deepEqual(['acme', 'globex'].map((name) => of_tenant('rooms', name)), [1, 1]);
  assert.deepEqual(['acme', 'globex'].map((name) => of_tenant('messages_total', name)), [1, 1]);
  assert.equal(of_tenant('refused_total', 'acme', 'names'), 7);
  assert.ok(of_tenant('received_bytes_total', 'acme') > 0 && of_tenant('sent_bytes_total', 'acme') > 0 && of_tenant('deliveries_total', 'acme') > 0);
});

test('a tenant is named by the issuer or the subprotocol, and neither can be had by who is not of it', async (t) => {
  const server = await start(t, 'issuers', ['prefix: "acme:", issuer: acme', 'prefix: "demo:", name: show, guests: true', 'prefix: "shut:"']);
  for (const [tenant, hello, code] of [
    ['acme', {}, 'unauthorized'],                                            // no guests
    ['acme', { token: mint('free', { sub: 'u1' }) }, 'unauthorized'],        // users of its issuer only
    ['show', { token: mint('acme', { sub: 'u1' }) }, 'unauthorized'],        // who is another tenant's
    ['shut', {}, 'unauthorized'],
    [null, { token: mint('free', { sub: 'acme:u1' }) }, 'unauthorized'],     // a name that would be another's
    [null, { token: mint('free', { sub: 'demo:u1' }) }, 'unauthorized'],
    [null, { token: mint('acme', { sub: 'u'.repeat(61) }) }, 'unauthorized'], // too long behind the prefix
  ]) {
    const error = await refused(open(server, tenant, hello));
    assert.equal(error.code, code, `${tenant} ${JSON.stringify(hello)}: ${error.message}`);
  }
  assert.equal((await open(server, 'show', { token: mint('free', { sub: 'acme:u1' }) })).user, 'demo:acme:u1');
  assert.equal((await open(server, null, { token: mint('acme', { sub: 'demo:u1' }) })).user, 'acme:demo:u1');
  for (const protocols of [['plenum.v1.json', 'plenum.tenant.nobody'], ['plenum.v1.json', 'plenum.tenant.demo'],
    ['plenum.v1.json', 'plenum.tenant.acme', 'plenum.tenant.show']]) {
    const socket = new WebSocket(server.ws, protocols);
    const error = await within(new Promise((done) => socket.on('error', done)), 'the refusal');
    assert.match(error.message, /403/, String(protocols));
  }

  const brought = new Native(server.ws, { ...of('show'), headers: { Authorization: `Bearer ${mint('acme', { sub: 'u1' })}` } });
  await brought.opened;
  await assert.rejects(brought.join('demo:hall'), { code: 'unauthorized' });
  await assert.rejects(brought.join('demo:hall'), { code: 'unauthorized' }); // and it is no guest by mistake
  assert.match((await brought.ask({ type: 'hello' })).user, /^demo:guest-/);

  // Coming back: by the name, with the subprotocol or without; and not as another tenant's.
  const guest = await open(server, 'show', { name: 'Gil' });
  const [user, resume] = [guest.user, guest.welcome.resume];
  guest.cut();
  assert.equal((await open(server, null, { resume })).user, user);
  assert.equal((await open(server, 'show', { resume })).user, user);
  const ada = await open(server, null, { token: mint('acme', { sub: 'u1' }) });
  assert.notEqual((await open(server, 'show', { resume: ada.welcome.resume })).user, 'acme:u1');
  assert.equal((await open(server, 'acme', { resume: ada.welcome.resume })).user, 'acme:u1');
  await assert.rejects(open(server, 'acme', { resume }), { code: 'unauthorized' });

  const plenum = new Plenum(server.ws, { tenant: 'show', WebSocket });
  t.after(() => plenum.close());
  assert.match((await plenum.connect()).user, /^demo:guest-/);
  await plenum.room('demo:hall').join();

  // Terminals: over TCP nobody's; over WebSocket a tenant's, in its own first room.
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  nc.type('/join demo:lobby');
  await nc.sees(/is for users of its tenant only/);
  const echo = new Native(`ws://${server.http}/echo`, { protocols: [], headers: { 'Sec-WebSocket-Protocol': 'plenum.tenant.show' } });
  const lines = [];
  echo.socket.removeAllListeners('message').on('message', (data) => lines.push(String(data)));
  await until(() => lines.some((line) => /^\* joined demo:lobby/.test(line)), () => `the first room; ${lines}`);
});

test('connections and rooms are counted over all shards, and one full tenant is its own trouble', async (t) => {
  const server = await start(t, 'places', ['prefix: "acme:", guests: true, connections: 3, rooms: 2', 'prefix: "globex:", guests: true']);
  const inside = [await open(server, 'acme'), await open(server, 'acme'), await open(server, 'acme')];
  for (let i = 0; i < 4; i++) {
    const late = new Native(server.ws, of('acme'));
    await late.opened;
    const error = await refused(late.ask({ type: 'hello' }));
    assert.equal(error.code, 'limit_reached');
    assert.match(error.message, /Your tenant has as many connections as it may have/);
    assert.ok(error.reply.retry_ms > 0);
    assert.equal((await within(late.ended, 'the end')).code, 1013);
  }
  const waits = new Plenum(server.ws, { tenant: 'acme', WebSocket, backoff_base_ms: 10, backoff_cap_ms: 50 });
  t.after(() => waits.close());
  const welcome = waits.connect(); // when there is a place
  await new Promise((done) => waits.on('error', (error) => { assert.equal(error.code, 'limit_reached'); done(); }));
  await inside[0].join('acme:a');
  await inside[1].join('acme:b');
  for (const room of ['acme:c', 'acme:d', 'acme:e']) {
    const error = await refused(inside[2].join(room));
    assert.equal(error.code, 'limit_reached');
    assert.match(error.message, /The tenant has as many rooms as it may have/);
  }
  await inside[2].join('acme:a'); // one that is there
  for (let i = 0; i < 8; i++) await (await open(server, i % 2 ? 'globex' : null)).join(i % 2 ? `globex:${i}` : `room ${i}`);

  // A place that is free is free at once, on every shard.
  await inside[1].leave('acme:b');
  await server.settles('plenum_tenant_rooms{tenant="acme"}', 1);
  await inside[2].join('acme:c');
  await inside[0].close();
  await welcome;
  await server.settles('plenum_tenant_connections{tenant="acme"}', 3);
  assert.ok(await server.metric('plenum_tenant_refused_total{tenant="acme",limit="connections"}') >= 5);
  assert.equal(await server.metric('plenum_tenant_refused_total{tenant="acme",limit="rooms"}'), 3);
  assert.equal(await server.metric('plenum_tenant_refused_total{tenant="globex",limit="rooms"}'), 0);

  // Limits are live; which tenants there are is not.
  file('places.yaml', config(['prefix: "acme:", guests: true, connections: 4, rooms: 2', 'prefix: "globex:", guests: true']));
  server.kill('SIGHUP');
  await until(() => /event=reloaded changed=1 need_restart=0/.test(server.stderr), 'the reload');
  await open(server, 'acme');
  await assert.rejects(open(server, 'acme'), { code: 'limit_reached' });
  file('places.yaml', config(['prefix: "acme:", guests: true, connections: 9', 'prefix: "other:", guests: true']));
  server.kill('SIGHUP');
  await until(() => /event=setting_needs_restart key=tenants/.test(server.stderr), 'what needs a restart');
  await assert.rejects(open(server, 'acme'), { code: 'limit_reached' });
  await open(server, 'globex');
});

test('all that a tenant says is counted together, and others say what they like', async (t) => {
  const server = await start(t, 'rates', ['prefix: "acme:", guests: true, messages_per_s: 1, messages_burst: 10', 'prefix: "globex:", guests: true']);
  const acme = await Promise.all(Array.from({ length: 8 }, () => open(server, 'acme'))); // on both shards
  const globex = await open(server, 'globex');
  for (const c of acme) await c.join('acme:hall');
  await globex.join('globex:hall');
  const results = await Promise.allSettled(acme.flatMap((c) => Array.from({ length: 8 }, (_, i) => c.say('acme:hall', i))));
  const said = results.filter((r) => r.status === 'fulfilled').length;
  assert.ok(said >= 10 && said <= 20, `${said} of 64`); // and one more each second
  assert.ok(results.filter((r) => r.status === 'rejected').every((r) => r.reason.code === 'rate_limited' && r.reason.reply.retry_ms > 0));
  await Promise.all(Array.from({ length: 100 }, (_, i) => globex.say('globex:hall', i)));
  assert.ok(acme.every((c) => c.closed === null));
  assert.equal(await server.metric('plenum_tenant_refused_total{tenant="acme",limit="messages"}'), 64 - said);
  assert.equal(await server.metric('plenum_tenant_messages_total{tenant="acme"}'), said);
});

test('a tenant at all of its limits takes nothing from another', async (t) => {
  const server = await start(t, 'pressed', ['prefix: "acme:", guests: true, connections: 12, rooms: 4, memory_mb: 1, messages_per_s: 200, messages_burst: 400',
    'prefix: "globex:", guests: true, memory_mb: 8']);
  const acme = await Promise.all(Array.from({ length: 12 }, () => open(server, 'acme')));
  const globex = await Promise.all(Array.from({ length: 6 }, () => open(server, 'globex')));
  for (const [i, c] of acme.entries()) await c.join(`acme:${i % 4}`);
  for (const c of globex) await c.join('globex:hall');
  await globex[0].say('globex:hall', 'the first');

  let over = false;
  const pressure = acme.map(async (c, i) => {
    while (!over) {
      await c.say(`acme:${i % 4}`, 'x'.repeat(4000)).catch((error) => assert.equal(error.code, 'rate_limited'));
      if (i < 2) await assert.rejects(c.join(`acme:more ${i}`), { code: 'limit_reached' });
      if (i === 2) await assert.rejects(open(server, 'acme'), /limit_reached|closed with 1013/);
    }
  });
  const refused = async (tenant, limit) => server.metric(`plenum_tenant_refused_total{tenant="${tenant}",limit="${limit}"}`);
  await until(async () => await server.metric('plenum_tenant_log_relieved_total{tenant="acme"}') > 0 && await refused('acme', 'messages') > 0 &&
    await refused('acme', 'rooms') > 0 && await refused('acme', 'connections') > 0, 'all of its limits');
  assert.ok(await server.metric('plenum_tenant_memory_bytes{tenant="acme"}') <= 1 << 20);

  for (let i = 0; i < 20; i++) await Promise.all(globex.map((c, k) => c.say('globex:hall', [i, k], { echo: true })));
  await until(() => globex.every((c) => c.data('globex:hall').length >= 120), 'all that was said');
  over = true;
  await Promise.all(pressure);
  for (const c of globex) {
    const offsets = c.messages('globex:hall').map((m) => m.offset).filter((offset) => offset > 1);
    assert.deepEqual(offsets, Array.from({ length: 120 }, (_, i) => i + 2));
    assert.equal(c.closed, null);
    assert.deepEqual(c.of('error'), []);
  }
  for (const limit of ['names', 'connections', 'rooms', 'memory', 'messages']) assert.equal(await refused('globex', limit), 0, limit);
  assert.equal(await server.metric('plenum_tenant_log_relieved_total{tenant="globex"}'), 0);
  const history = await globex[0].ask({ type: 'history', room: 'globex:hall', limit: 1000 });
  assert.equal(history.history[0].data, 'the first');
  assert.ok(acme.every((c) => c.closed === null));
});

test('what a tenant says of its rooms stands behind the rules; and a mistake is told with its place', async () => {
  const path = file('show.yaml', `rooms:\n  rules:\n    - {match: "acme:red", slow_policy: gap}\n${config(['prefix: "acme:", slow_policy: disconnect, lag_bytes: 64k'])}`);
  const shown = async (room) => (await run(RELEASE, ['config', '--room', room, '-c', path])).stdout;
  assert.match(await shown('acme:blue'), /tenants\[0\]: of the tenant acme\n[^]*\nslow_policy +disconnect +\S+: tenants\[0\]\.slow_policy\n[^]*lag_bytes +65536 bytes +\S+: tenants\[0\]\.lag_bytes/);
  assert.match(await shown('acme:red'), /of the tenant acme\n[^]*\nslow_policy +gap +\S+: rooms\.rules\[0\]\.slow_policy/);
  assert.match(await shown('blue'), /It is no tenant's\.\n[^]*\nslow_policy +gap +rooms\.slow_policy \(default\)/);
  for (const [rows, wrong] of [
    [['prefix: acme'], /tenants\[0\]\.prefix: got "acme", expected a word of up to 32 letters, digits and - _ \. and a colon, like acme:/],
    [['name: acme'], /tenants\[0\]: .*prefix/],
    [['prefix: "a:"', 'prefix: "a:"'], /tenants\[1\]\.prefix: got "a:", expected another prefix than that of tenants\[0\]/],
    [['prefix: "a:"', 'prefix: "b:", name: a'], /tenants\[1\]\.name: got "a", expected another name/],
    [['prefix: "a:", issuer: acme', 'prefix: "b:", issuer: acme'], /tenants\[1\]\.issuer: got "acme", expected another issuer than that of tenants\[0\]: its users cannot be of two tenants/],
    [['prefix: "a:", issuer: nobody'], /tenants\[0\]\.issuer: got "nobody", expected the name of one of auth\.issuers/],
    [['prefix: "a:", name: "b c"'], /tenants\[0\]\.name: got "b c", expected letters/],
  ]) {
    const result = await run(RELEASE, ['check-config', file('wrong.yaml', config(rows))]);
    assert.equal(result.code, 2, rows.join());
    assert.match(result.stdout + result.stderr, wrong);
  }
  const flag = await run(RELEASE, ['config', '--effective', '--tenants=[{prefix: "acme:", rooms: 3}]']);
  assert.match(flag.stdout, /\ntenants:\n {2}- prefix: "acme:"\n {4}rooms: 3\n/);
  const env = await run(RELEASE, ['config', '--effective'], { env: { PLENUM_TENANTS: '[{prefix: "acme:"}]' } });
  assert.match(env.stdout, /\ntenants:\n {2}- prefix: "acme:"\n/);
});
