// SPDX-License-Identifier: Apache-2.0
//
// Keys that are fetched: a real HTTP server publishes them, well and badly, and the real binary fetches, keeps, and asks again.
// Nothing of a token says where; how often is bounded whatever comes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, PLENUM, run, startServer, until, within } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-jwks-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name) => join(folder, name);
function file(name, text) {
  writeFileSync(path(name), text);
  return path(name);
}
const now = () => Math.floor(Date.now() / 1000);
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A pair of keys with a name, and tokens by it. */
class Key {
  constructor(kid) {
    this.kid = kid;
    Object.assign(this, generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  }

  get jwk() { return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: 'ES256', use: 'sig' }; }

  token(claims = {}, header = {}) {
    const input = `${b64({ alg: 'ES256', kid: this.kid, ...header })}.${b64({ sub: 'ada', aud: 'plenum', exp: now() + 300, ...claims })}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key: this.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}

/** Who publishes keys. `answer` may be anything that a server does. */
class Issuer {
  keys = [];
  requests = [];
  headers = {};
  answer = (request, response) => {
    const body = JSON.stringify({ keys: this.keys.map((key) => key.jwk ?? key) });
    response.writeHead(200, { 'content-type': 'application/json', ...this.headers }).end(body);
  };

  /** On a free port, or again on the one that it had. */
  async open(t, { tls, port = 0 } = {}) {
    const on = (request, response) => {
      this.requests.push(request);
      this.answer(request, response);
    };
    this.server = tls ? createTlsServer(tls, on) : createServer(on);
    this.server.on('tlsClientError', () => {});
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
    this.url = `${tls ? 'https' : 'http'}://127.0.0.1:${this.port}/jwks.json`;
    t.after(() => this.close());
    return this;
  }

  close() {
    this.server.closeAllConnections?.();
    return new Promise((done) => this.server.close(done));
  }
}

/** A configuration in which each issuer has the columns that are given. */
const yaml = (name, issuers, auth = {}) => file(`${name}.yaml`, JSON.stringify({
  auth: { ...auth, issuers: issuers.map((issuer) => ({ audience: ['plenum'], ...issuer })) },
}));
const serve = (t, config, flags = []) => startServer(t, { flags: ['-c', config, '--server.shards=2', ...flags] });
const userOf = async (server, token) => (await Native.open(server, { token })).user;
async function refusal(server, token) {
  const error = await Native.open(server, { token }).then(() => null, (e) => e);
  assert.ok(error?.reply, `the token was taken, or ${error}`);
  return error.reply;
}
const logged = (server, event, wanted = () => true) => until(() => server.lines.find((line) => line.includes(`event=${event} `) && wanted(line)), `${event} in the log:\n${server.stderr}`);
const fetches = (server, issuer, result) => server.metric(`plenum_keys_fetches_total{issuer="${issuer}",result="${result}"}`);

test('keys turn over at the issuer: the first token of a new key is taken, one request later; nothing is restarted or noticed', async (t) => {
  const [a, b] = [new Key('a'), new Key('b')];
  const issuer = await new Issuer().open(t);
  issuer.keys = [a, { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' }, { ...new Key('enc').jwk, use: 'enc' }, { kty: 'XYZ' }];
  const server = await serve(t, yaml('turn', [{ name: 'main', issuer: 'https://id', jwks_url: issuer.url }]));
  const token = (key) => key.token({ iss: 'https://id' });
  assert.equal(await userOf(server, token(a)), 'ada');
  assert.match(await logged(server, 'keys_changed'), /name=main keys=1 names=a/);
  assert.equal(issuer.requests.length, 1);
  assert.equal(issuer.requests[0].headers['user-agent'].split('/')[0], 'plenum');
  assert.equal(issuer.requests[0].headers.cookie, undefined);

  const before = await Native.open(server, { token: token(a) });
  issuer.keys = [a, b];
  assert.equal(await userOf(server, token(b)), 'ada'); // waits for the fetch that it causes
  assert.equal(issuer.requests.length, 2);
  assert.match(await logged(server, 'keys_changed', (line) => line.includes('keys=2')), /names="a, b"/);

  issuer.keys = [b]; // until they are fetched again, what was said counts; a reload has them fetched
  assert.equal(await userOf(server, token(a)), 'ada');
  server.kill('SIGHUP');
  await logged(server, 'keys_changed', (line) => /keys=1 names=b/.test(line));
  assert.equal(await userOf(server, token(b)), 'ada');
  const refused = await refusal(server, token(a)); // not out of the memory of those that check
  assert.equal(refused.code, 'unavailable'); // the issuer was asked for a key a moment ago, and might have it by now
  assert.ok(refused.retry_ms > 0 && refused.retry_ms <= 30_000);
  assert.equal(issuer.requests.length, 3);
  assert.equal(before.closed, null);
  assert.equal(await fetches(server, 'main', 'changed'), 3);
  assert.equal(await server.metric('plenum_keys_fetched{issuer="main"}'), 1);
  assert.ok(await server.metric('plenum_keys_age_seconds{issuer="main"}') < 60);
});

test('a storm of keys that there are not costs the issuer one request, and those who are known nothing', async (t) => {
  const [a, forged] = [new Key('a'), new Key('f')];
  const issuer = await new Issuer().open(t);
  issuer.keys = [a];
  const server = await serve(t, yaml('storm', [{ name: 'main', jwks_url: issuer.url }]), ['--limits.connections_per_address=0']);
  assert.equal(await userOf(server, a.token()), 'ada');
  assert.equal(issuer.requests.length, 1);
  for (let wave = 0; wave < 3; wave++) {
    const replies = await Promise.all(Array.from({ length: 80 }, (_, i) => refusal(server,
      forged.token({}, { kid: `${wave}-${i}`, ...(i % 2 ? { typ: 'JWT' } : {}) }))));
    for (const reply of replies) {
      if (reply.code === 'unauthorized') {
        assert.match(reply.message, /^There is no key `\d-\d+` at the issuer `main`\.$/);
        assert.equal(reply.retry_ms, undefined);
      } else {
        assert.equal(reply.code, 'unavailable');
        assert.equal(reply.message, "The token's key is not known here yet; the issuer `main` is asked for it again soon.");
        assert.ok(reply.retry_ms > 0 && reply.retry_ms <= 30_000, `${reply.retry_ms}`);
      }
    }
    assert.ok(wave === 0 || replies.every((reply) => reply.code === 'unavailable')); // not before the issuer is asked again
    assert.ok(issuer.requests.length <= 2, `${issuer.requests.length} requests`);
  }
  // What says where its key is, is no token; what has run out is told so, and neither has anybody asked.
  for (const name of ['jku', 'x5u']) {
    assert.match((await refusal(server, forged.token({}, { kid: 'x', [name]: `${issuer.url}/evil` }))).message, new RegExp(name));
  }
  assert.equal((await refusal(server, forged.token({ exp: 1 }, { kid: 'y' }))).code, 'token_expired');
  assert.equal((await refusal(server, forged.token({ aud: 'others' }, { kid: 'z' }))).code, 'unauthorized');
  assert.equal(await userOf(server, a.token()), 'ada');
  assert.ok(issuer.requests.length <= 2);
  assert.deepEqual([...new Set(issuer.requests.map((request) => request.url))], ['/jwks.json']);
  assert.ok(await server.metric('plenum_tokens_put_off_total') >= 160);
});

test('an issuer that is not there at the start: the server is, its tokens are told to come again, and then are taken', async (t) => {
  const [a, own, first] = [new Key('a'), new Key('own'), new Key('first')];
  const issuer = await new Issuer().open(t);
  const { port } = issuer;
  await issuer.close();
  file('own.pem', own.publicKey.export({ format: 'pem', type: 'spki' }));
  file('first.json', JSON.stringify({ keys: [first.jwk] }));
  const server = await serve(t, yaml('late', [
    { name: 'main', issuer: 'https://id', jwks_url: issuer.url, keys: [{ kid: 'own', algorithm: 'ES256', file: 'own.pem' }] },
    { name: 'first', issuer: 'https://first', jwks_url: issuer.url, jwks_file: 'first.json' },
  ]));
  assert.match(await logged(server, 'keys_not_fetched'), /name=main retry_ms=\d+ reason=/);
  const early = await refusal(server, a.token({ iss: 'https://id' }));
  assert.equal(early.code, 'unavailable');
  assert.equal(early.message, 'The keys of the issuer `main` have not been fetched yet.');
  assert.ok(early.retry_ms > 0 && early.retry_ms <= 30_000);
  assert.equal(await userOf(server, own.token({ iss: 'https://id' })), 'ada');     // the operator's own keys count
  assert.equal(await userOf(server, first.token({ iss: 'https://first' })), 'ada'); // and a first set
  assert.equal((await refusal(server, a.token({ iss: 'https://first' }))).code, 'unavailable');

  issuer.keys = [a];
  await issuer.open(t, { port });
  await logged(server, 'keys_changed');
  assert.equal(issuer.requests.length, 1); // two issuers, one URL
  assert.equal(await userOf(server, a.token({ iss: 'https://id' })), 'ada');
  assert.equal(await userOf(server, own.token({ iss: 'https://id' })), 'ada');
  assert.equal(await userOf(server, a.token({ iss: 'https://first' })), 'ada');
  const gone = await refusal(server, first.token({ iss: 'https://first' })); // what was fetched has taken its place
  assert.match(gone.message, /`first`/);
});

test('answers that are none: each is refused for what it is, within its time and its size, and holds up nobody', async (t) => {
  const good = new Key('good');
  const set = JSON.stringify({ keys: [good.jwk] });
  const endless = (response) => {
    const chunk = 'x'.repeat(65536);
    const more = () => { while (!response.destroyed && response.write(chunk)); };
    response.on('drain', more).on('error', () => {});
    more();
  };
  const elsewhere = await new Issuer().open(t);
  elsewhere.keys = [good];
  const rows = {
    garbage: [(q, r) => r.end('not json'), /the answer is no JWK set/],
    html: [(q, r) => r.end('<html>log in first</html>'), /the answer is no JWK set/],
    list: [(q, r) => r.end('[]'), /the answer is no JWK set/],
    unusable: [(q, r) => r.end('{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"RSA","n":"AQAB","e":"AQAB"}]}'), /none of its keys can be used here/],
    private: [(q, r) => r.end(JSON.stringify({ keys: [good.privateKey.export({ format: 'jwk' })] })), /none of its keys can be used here/],
    large: [(q, r) => r.writeHead(200, { 'content-length': 10 << 20 }).end(Buffer.alloc(10 << 20, 'x')), /the answer is too large/],
    endless: [(q, r) => endless(r), /the answer is too large/],
    heads: [(q, r) => { r.writeHead(200, Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x-${i}`, 'y'.repeat(1000)]))).end(set); }, /the answer is too large/],
    moved: [(q, r) => r.writeHead(302, { location: elsewhere.url }).end(), /status 302: redirects are not followed/],
    broken: [(q, r) => r.writeHead(500).end(set), /status 500/],
    empty: [(q, r) => r.writeHead(204).end(), /status 204/],
    unchanged: [(q, r) => r.writeHead(304).end(), /status 304/],
    packed: [(q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(Buffer.from('1f8b08', 'hex')), /the answer is no JWK set|content/i],
    cut: [(q, r) => { r.writeHead(200, { 'content-length': 1000 }); r.write(set, () => r.destroy()); }, /./],
    silent: [() => {}, /timed out|time/i],
  };
  const names = Object.keys(rows);
  assert.ok(names.length <= 15);
  const issuers = await Promise.all(names.map(async (name) => {
    const issuer = await new Issuer().open(t);
    issuer.answer = rows[name][0];
    return issuer;
  }));
  const server = await serve(t, yaml('bad', [{ name: 'good', issuer: 'good', jwks_url: elsewhere.url },
    ...names.map((name, i) => ({ name, issuer: name, jwks_url: issuers[i].url }))]), ['--logging.level=debug']);
  assert.equal(await userOf(server, good.token({ iss: 'good' })), 'ada');
  for (const name of names) {
    const line = await logged(server, 'keys_not_fetched', (l) => l.includes(`name=${name} `));
    assert.match(/reason=("(?:[^"\\]|\\.)*"|\S+)/.exec(line)[1], rows[name][1], name);
    assert.equal((await refusal(server, good.token({ iss: name }))).code, 'unavailable', name);
  }
  assert.equal(elsewhere.requests.length, 1); // a redirect leads nowhere
  assert.doesNotMatch(server.stderr, /log in first|xxxx|c2VjcmV0/); // nor does a body get into the log
  assert.equal(await userOf(server, good.token({ iss: 'good' })), 'ada');
  for (const name of names) assert.ok(await fetches(server, name, 'failed') >= 1);
  // One that has found itself again is heard.
  const mended = issuers[names.indexOf('garbage')];
  mended.answer = elsewhere.answer;
  await logged(server, 'keys_changed', (line) => line.includes('name=garbage '));
  assert.equal(await userOf(server, good.token({ iss: 'garbage' })), 'ada');
});

test('fresh, asked for again before they are stale, stale, gone, and there again', async (t) => {
  const a = new Key('a');
  const issuer = await new Issuer().open(t);
  issuer.keys = [a];
  const answer = issuer.answer;
  issuer.headers = { etag: '"one"', 'cache-control': 'max-age=3600' };
  issuer.answer = (request, response) => {
    if (request.headers['if-none-match'] === '"one"') response.writeHead(304).end();
    else answer(request, response);
  };
  const began = performance.now();
  const server = await serve(t, yaml('fresh', [{ name: 'main', jwks_url: issuer.url }], { jwks_fresh_s: 10, jwks_stale_s: 2 }));
  assert.equal(await userOf(server, a.token()), 'ada');
  await until(() => issuer.requests.length === 2, 'the second request'); // 7 to 8 s on, of 10
  const second = performance.now() - began;
  assert.ok(second > 6_500, `${second}`);
  assert.equal(issuer.requests[0].headers['if-none-match'], undefined);
  assert.equal(issuer.requests[1].headers['if-none-match'], '"one"');
  await server.settles('plenum_keys_fetches_total{issuer="main",result="same"}', 1);
  assert.equal(await userOf(server, a.token()), 'ada');

  issuer.answer = (request, response) => response.writeHead(503).end();
  assert.match(await logged(server, 'keys_not_fetched'), /reason="status 503"/);
  assert.equal(await userOf(server, a.token()), 'ada'); // an outage of the issuer's is none of its users'
  assert.match(await logged(server, 'keys_outdated'), /level=error.*name=main/); // 10 + 2 s after it was good
  const late = await refusal(server, a.token());
  assert.equal(late.code, 'unavailable');
  assert.equal(await server.metric('plenum_keys_fetched{issuer="main"}'), 0);
  assert.ok(!(await server.metrics()).has('plenum_keys_age_seconds{issuer="main"}'));

  issuer.answer = answer;
  server.kill('SIGHUP');
  await logged(server, 'keys_changed', (line) => server.lines.indexOf(line) > server.lines.findIndex((l) => l.includes('event=keys_outdated ')));
  assert.equal(issuer.requests.at(-1).headers['if-none-match'], undefined); // what is not there any more cannot be the same
  assert.equal(await userOf(server, a.token()), 'ada');
});

test('https: the certificate is looked at, by the system or by ca_file alone', async (t) => {
  const key = path('tls.key'), cert = path('tls.pem'), other = path('other.pem');
  const make = (name, out) => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', out === cert ? key : path('other.key'), '-out', out, '-days', '2', '-subj', '/CN=test', '-addext', `subjectAltName=${name}`], { stdio: 'pipe' });
  make('IP:127.0.0.1', cert);
  make('DNS:id.example.com', other);
  const a = new Key('a');
  const [issuer, wrong] = [await new Issuer().open(t, { tls: { key: readFileSync(key), cert: readFileSync(cert) } }),
    await new Issuer().open(t, { tls: { key: readFileSync(path('other.key')), cert: readFileSync(other) } })];
  issuer.keys = wrong.keys = [a];
  const server = await serve(t, yaml('tls', [
    { name: 'vouched', issuer: 'vouched', jwks_url: issuer.url, ca_file: 'tls.pem' },
    { name: 'unknown', issuer: 'unknown', jwks_url: issuer.url },
    { name: 'another', issuer: 'another', jwks_url: issuer.url, ca_file: 'other.pem' },
    { name: 'misnamed', issuer: 'misnamed', jwks_url: wrong.url, ca_file: 'other.pem' },
  ]));
  assert.equal(await userOf(server, a.token({ iss: 'vouched' })), 'ada');
  for (const name of ['unknown', 'another', 'misnamed']) {
    assert.match(await logged(server, 'keys_not_fetched', (line) => line.includes(`name=${name} `)), /certificate|SSL/i);
    assert.equal((await refusal(server, a.token({ iss: name }))).code, 'unavailable');
  }
  assert.equal(issuer.requests.length, 1);
  assert.equal(wrong.requests.length, 0);

  file('nothing.pem', 'no certificate');
  const mistakes = await run(PLENUM, ['check-config', yaml('mistakes', [
    { name: 'one', jwks_url: 'https://id.example.com/', ca_file: 'nothing.pem' },
    { name: 'two', jwks_url: 'https://user:pass@id.example.com/' },
    { name: 'three', jwks_url: 'http://127.0.0.1:1@id.example.com/' },
    { name: 'four', jwks_url: 'http://id.example.com/' },
  ])]);
  assert.equal(mistakes.code, 2);
  for (const wanted of [/\[1\]\.jwks_url/, /\[2\]\.jwks_url/, /\[3\]\.jwks_url/]) assert.match(mistakes.stderr, wanted);
  const certificate = await run(PLENUM, ['check-config', yaml('nothing', [{ name: 'one', jwks_url: 'https://id.example.com/', ca_file: 'nothing.pem' }])]);
  assert.match(certificate.stderr, /auth\.issuers\[0\]\.ca_file: nothing\.pem: got no certificate, expected one or more in PEM/);
});

test('an environment full of proxies is not followed', async (t) => {
  const a = new Key('a');
  const [issuer, proxy] = [await new Issuer().open(t), await new Issuer().open(t)];
  issuer.keys = [a];
  const at = `http://127.0.0.1:${proxy.port}`;
  const server = await startServer(t, { flags: ['-c', yaml('proxy', [{ name: 'main', jwks_url: issuer.url }])],
    env: { http_proxy: at, HTTP_PROXY: at, https_proxy: at, all_proxy: at, ALL_PROXY: at, no_proxy: '' } });
  assert.equal(await userOf(server, a.token()), 'ada');
  assert.equal(proxy.requests.length, 0);
});

test('a reload names another URL: its keys count, the old ones do not', async (t) => {
  const [a, b] = [new Key('a'), new Key('b')];
  const [one, two] = [await new Issuer().open(t), await new Issuer().open(t)];
  one.keys = [a];
  two.keys = [b];
  const config = yaml('moves', [{ name: 'main', jwks_url: one.url }]);
  const server = await serve(t, config);
  assert.equal(await userOf(server, a.token()), 'ada');
  let held;
  const answer = two.answer;
  two.answer = (request, response) => { held = () => answer(request, response); };
  yaml('moves', [{ name: 'main', jwks_url: two.url }]);
  server.kill('SIGHUP');
  await until(() => held, 'a request to the new one');
  const waits = Native.open(server, { token: a.token() }).catch((e) => e.reply); // of a key that may be there, too
  const comes = userOf(server, b.token());
  await server.settles('plenum_tokens_total', 3); // both are there
  two.answer = answer;
  held();
  assert.equal(await comes, 'ada');
  assert.equal((await waits).message, 'There is no key `a` at the issuer `main`.');
  assert.equal(one.requests.length, 1);
  yaml('moves', [{ name: 'main', keys: [{ algorithm: 'HS256', secret: 'x'.repeat(32) }] }]); // and none at all
  server.kill('SIGHUP');
  await until(() => server.lines.filter((line) => line.includes('event=reloaded ')).length === 2, 'the second reload');
  assert.equal((await refusal(server, b.token())).code, 'unauthorized');
  assert.ok(!(await server.metrics()).has('plenum_keys_fetched{issuer="main"}'));
});

test('SIGTERM in the middle of a fetch, with somebody waiting for it', async (t) => {
  const a = new Key('a');
  const issuer = await new Issuer().open(t);
  issuer.answer = () => {};
  const server = await serve(t, yaml('ends', [{ name: 'main', jwks_url: issuer.url }]));
  await until(() => issuer.requests.length === 1, 'a request');
  const client = new Native(server.ws);
  await within(client.opened, 'the WebSocket to open');
  client.send({ type: 'hello', id: 1, token: a.token() });
  await server.settles('plenum_tokens_total', 1);
  assert.deepEqual(client.heard, []);
  const began = performance.now();
  const result = await server.stop();
  assert.deepEqual(result, { code: 0, signal: null });
  const took = performance.now() - began;
  assert.ok(took < 8_000, `${took} ms`); // a fetch may take ten seconds, and had hardly begun
  await within(client.ended, 'the end of the connection');
});
