// SPDX-License-Identifier: Apache-2.0
//
// Tokens from the command line and from elsewhere: `plenum token`, `plenum keys`, key files, a server that takes what they say
// and one that does not, keys that change while it runs; and that no token is ever written down.
import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, PLENUM, Program, root, run, startServer, until, within } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-token-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name) => join(folder, name);
function file(name, text) {
  writeFileSync(path(name), text);
  return path(name);
}
const plenum = (...args) => run(PLENUM, args);
const SECRET = 'a secret of this test, long enough for HS256';
const now = () => Math.floor(Date.now() / 1000);
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token as somebody else makes it: with node's own cryptography. */
function mint(claims, { secret, key, alg = secret ? 'HS256' : 'RS256', header = {} } = {}) {
  const input = `${b64({ alg, typ: 'JWT', ...header })}.${b64({ exp: now() + 300, ...claims })}`;
  const hash = `sha${alg.slice(2)}`;
  let signature;
  if (alg.startsWith('HS')) signature = createHmac(hash, secret).update(input).digest();
  else if (alg === 'EdDSA') signature = sign(null, Buffer.from(input), key);
  else if (alg.startsWith('ES')) signature = sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  else if (alg.startsWith('PS')) signature = sign(hash, Buffer.from(input), { key, padding: 6, saltLength: -1 });
  else signature = sign(hash, Buffer.from(input), key);
  return `${input}.${signature.toString('base64url')}`;
}

const pairs = {
  RS256: ['rsa', { modulusLength: 2048 }], RS384: ['rsa', { modulusLength: 2048 }], RS512: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }], PS384: ['rsa', { modulusLength: 2048 }], PS512: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }], ES384: ['ec', { namedCurve: 'P-384' }], ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519', {}],
};
const made = Object.fromEntries(Object.entries(pairs).map(([alg, [kind, options]]) => [alg, generateKeyPairSync(kind, options)]));

async function refusal(server, token) {
  const error = await Native.open(server, { token }).then(() => null, (e) => e);
  assert.ok(error, 'the token was taken');
  return error.reply;
}

test('plenum token makes what node reads and the server takes', async (t) => {
  const result = await plenum('token', '--secret', SECRET, '--sub', 'ada', '--name', 'Ada L', '--ttl', '15m', '--iss', 'me',
    '--aud=plenum', '--info', '{"team": 7}', '--caps', '{"rooms":{"lobby":["join"]}}');
  assert.equal(result.code, 0, result.stderr);
  const token = result.stdout.trim();
  const [header, payload, signature] = token.split('.');
  assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url')), { alg: 'HS256', typ: 'JWT' });
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  assert.ok(Math.abs(claims.iat - now()) < 60);
  assert.match(claims.jti, /^[\w-]{22}$/);
  assert.deepEqual({ ...claims, iat: 0, jti: 0 }, { sub: 'ada', name: 'Ada L', iss: 'me', aud: 'plenum', iat: 0, jti: 0,
    exp: claims.iat + 900, info: { team: 7 }, caps: { rooms: { lobby: ['join'] } } });
  assert.equal(createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url'), signature);

  const server = await startServer(t, { env: { PLENUM_AUTH_SECRET: SECRET } });
  const ada = await Native.open(server, { token });
  assert.equal(ada.welcome.user, 'ada');
  assert.equal(ada.welcome.name, 'Ada L');
});

test('an issuer has a leeway of its own, or that of all', async () => {
  const yaml = file('leeway.yaml', `auth:
  leeway_s: 100
  issuers:
    - {name: exact, issuer: exact, audience: a, leeway_s: 0, keys: [{algorithm: HS256, secret: "${SECRET}"}]}
    - {name: loose, issuer: loose, audience: a, keys: [{algorithm: HS256, secret: "${SECRET}"}]}
`);
  const inspect = (iss) => plenum('token', 'inspect', mint({ iss, sub: 'ada', aud: 'a', exp: now() - 5 }, { secret: SECRET }), '-c', yaml);
  assert.match((await inspect('exact')).stdout, /`exp` was \d+ s ago/);
  assert.match((await inspect('loose')).stdout, /accepted as the user "ada"/);
});

test('plenum keys: a private file for its owner, a public set on stdout, and a way from one to the other', async () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'PS512']) {
    const out = path(`${alg}.pem`);
    const keys = await plenum('keys', '--alg', alg, '--out', out);
    assert.equal(keys.code, 0, keys.stderr);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const [jwk, ...more] = JSON.parse(keys.stdout).keys;
    assert.equal(more.length, 0);
    assert.deepEqual([jwk.alg, jwk.use, jwk.kid.length], [alg, 'sig', 43]);
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.ok(!(secret in jwk), `${secret} in the public set`);
    const theirs = createPublicKey(createPrivateKey(readFileSync(out))).export({ format: 'jwk' });
    for (const [name, value] of Object.entries(theirs)) assert.equal(jwk[name], value);
    const again = await plenum('keys', '--alg', alg, '--out', out);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /^plenum keys: --out: .*: got "File exists", expected a file that is not there yet\n$/);
    assert.equal((await plenum('keys', '--alg', alg, '--from', out)).stdout, keys.stdout);

    file(`${alg}.json`, keys.stdout);
    const yaml = file(`${alg}.yaml`, `auth:\n  issuers:\n    - {name: main, audience: plenum, jwks_file: ${alg}.json}\n`);
    const token = (await plenum('token', '--key', out, '--alg', alg, '--sub', 'ada', '--aud', 'plenum')).stdout.trim();
    const seen = await plenum('token', 'inspect', token, '-c', yaml); // the set is found beside the configuration
    assert.equal(seen.code, 0, seen.stdout + seen.stderr);
    assert.ok(seen.stdout.endsWith(`accepted as the user "ada", by the ${alg} key "${jwk.kid}" of main\n`), seen.stdout);
  }
  const secret = await plenum('keys', '--alg', 'HS512');
  assert.match(secret.stdout, /^[\w-]{86}\n$/);
  for (const args of [['keys'], ['keys', '--alg', 'none'], ['keys', '--out', path('no/such/folder')], ['keys', '--from', path('none')],
    ['keys', '--otu', 'x'], ['keys', '--kid'], ['keys', '--kid', '', '--out', path('kid')]]) {
    const result = await plenum(...args);
    assert.equal(result.code, 2, args.join(' '));
    assert.match(result.stderr, /^plenum keys: .*got .*expected /, args.join(' '));
  }
  assert.ok(!existsSync(path('kid')));
});

test('plenum token inspect says what is in a token, and why it would not be taken', async () => {
  const inspect = (token, ...args) => plenum('token', 'inspect', token, ...args);
  const good = await inspect(mint({ sub: 'ada' }, { secret: SECRET }), '--secret', SECRET);
  assert.equal(good.code, 0);
  assert.match(good.stdout, /^header {3}\{"alg":"HS256","typ":"JWT"\}\nclaims {3}\{"exp":\d+,"sub":"ada"\}\nexpires {2}20\S+Z \(in \d+ s\)\naccepted as the user "ada", by the HS256 key of --secret\n$/);
  for (const [token, why] of [
    [mint({ sub: 'ada' }, { secret: `${SECRET}!` }), 'The signature is not that of the HS256 key of the issuer `--secret`.'],
    [mint({ sub: 'ada', exp: now() - 312 }, { secret: SECRET }), /`exp` was 31\d s ago\./],
    [mint({ sub: 'ada', exp: undefined }, { secret: SECRET }), 'The token has no `exp`: one that never ends is not taken.'],
    [mint({}, { secret: SECRET }), 'The token has no `sub`, which says who the user is.'],
    [mint({ sub: 'ada' }, { key: made.RS256.privateKey }), 'The token is signed with RS256; the key of the issuer `--secret` takes HS256 only.'],
    [mint({ sub: 'ada' }, { secret: SECRET, header: { jku: 'https://evil.example' } }), 'The token\'s header has `jku`, which is not accepted here.'],
    [`${b64({ alg: 'none' })}.${b64({ sub: 'ada' })}.`, 'The token is not signed: its `alg` is `none`.'],
    ['nonsense', 'The token is not three parts with a dot between them.'],
  ]) {
    const result = await inspect(token, '--secret', SECRET);
    assert.equal(result.code, 1, result.stdout);
    const said = /^refused {2}(.*)$/m.exec(result.stdout)?.[1];
    if (typeof why === 'string') assert.equal(said, why);
    else assert.match(said, why);
  }
  const unknown = await inspect(mint({ sub: 'ada' }, { secret: SECRET }));
  assert.equal(unknown.code, 0);
  assert.match(unknown.stdout, /^unknown {2}whether it would be taken: /m);
  const evil = await inspect(mint({ sub: 'ada', name: '\u202e\u009b1m' }, { secret: SECRET }), '--secret', SECRET);
  assert.ok(evil.stdout.includes('\\u202e\\u009b1m'), evil.stdout);

  const piped = new Program(PLENUM, ['token', 'inspect', '--secret', SECRET], { input: 'pipe' });
  piped.child.stdin.end(`  ${mint({ sub: 'ada' }, { secret: SECRET })}\n\n`);
  assert.equal((await within(piped.ended, 'the end')).code, 0);
  assert.match(piped.stdout, /^accepted as the user "ada"/m);

  for (const args of [[], ['--sub', ''], ['--sub', 'guest-1'], ['--sub', 'a\nb'], ['--sub', 'a', '--ttl', 'soon'], ['--sub', 'a', '--ttl', '0'],
    ['--sub', 'a', '--caps', '[]'], ['--sub', 'a', '--caps', '{'], ['--sub', 'a', '--caps', '{"rooms":{"lobby":["fly"]}}'], ['--sub', 'a', '--info', '{'], ['--sub', 'a', '--info', `"${'x'.repeat(1023)}"`], ['--sub', 'a', '--alg', 'none'],
    ['--sub', 'a', '--secret', 'short'], ['--sub', 'a', '--key', path('none')], ['--sub', 'a', '--key', path('ES256.json')],
    ['--sub', 'a', '--secret', SECRET, '--key', 'x'], ['--sub', 'a', '--name', ' '], ['--sub'], ['extra'], ['inspect', 'a', 'b'],
    ['inspect', 'a', '--sub', 'b'], ['inspect', 'a', '-c', path('none')]]) {
    const result = await plenum('token', ...args);
    assert.equal(result.code, 2, args.join(' '));
    assert.match(result.stderr, /got .*expected /, args.join(' '));
    assert.ok(!result.stderr.includes(SECRET) && !result.stdout.includes(SECRET));
  }
});

test('all algorithms, each from a file of its own, PEM or JWK, and each for itself only', async (t) => {
  const keys = Object.entries(made).map(([alg, pair], i) => {
    const jwk = i % 2 === 0;
    file(`own-${alg}`, jwk ? JSON.stringify(pair.publicKey.export({ format: 'jwk' })) : pair.publicKey.export({ format: 'pem', type: 'spki' }));
    return `{kid: ${alg}, algorithm: ${alg}, file: own-${alg}}`;
  });
  const yaml = file('all.yaml', `auth:
  secret: ${JSON.stringify(SECRET)}
  issuers:
    - name: main
      issuer: "https://id.example.com"
      audience: [plenum, other]
      keys: [${keys.slice(0, 8).join(', ')}]
    - name: second
      issuer: "https://second.example.com"
      user_claim: email
      keys: [${keys.slice(8).join(', ')}, {kid: hs, algorithm: HS384, secret: "${SECRET.padEnd(48, '.')}"}]
`);
  const server = await startServer(t, { flags: ['-c', yaml] });
  for (const [i, [alg, pair]] of Object.entries(made).entries()) {
    const who = i < 8 ? { iss: 'https://id.example.com', aud: ['x', 'plenum'], sub: `u-${alg}` } : { iss: 'https://second.example.com', email: `u-${alg}` };
    const one = await Native.open(server, { token: mint(who, { alg, key: pair.privateKey, header: { kid: alg } }) });
    assert.equal(one.user, `u-${alg}`);
    await one.close();
    // Another's signature, and another's name.
    const other = alg === 'ES256' ? 'RS256' : 'ES256';
    const forged = mint(who, { alg: other, key: made[other].privateKey, header: { kid: alg } });
    const reply = await refusal(server, forged);
    assert.equal(reply.code, 'unauthorized');
    assert.equal(reply.message, `The token is signed with ${other}; the key \`${alg}\` takes ${alg} only.`);
    assert.equal((await refusal(server, mint(who, { secret: pair.publicKey.export({ format: 'pem', type: 'spki' }), header: { kid: alg } }))).code, 'unauthorized');
  }
  const hs = await Native.open(server, { token: mint({ iss: 'https://second.example.com', email: 'ada@example.com' }, { alg: 'HS384', secret: SECRET.padEnd(48, '.') }) });
  assert.equal(hs.user, 'ada@example.com');
  const short = await Native.open(server, { token: mint({ sub: 'ada', iss: 'whoever' }, { secret: SECRET }) });
  assert.equal(short.user, 'ada');
  assert.equal((await refusal(server, mint({ sub: 'ada', iss: 'https://id.example.com' }, { secret: SECRET }))).code, 'unauthorized');
  assert.equal((await refusal(server, mint({ sub: 'ada', exp: now() - 60 }, { secret: SECRET }))).code, 'token_expired');
});

test('who may come without a token, and what is said about it at the start', async (t) => {
  const open = { http: '0.0.0.0:0' };
  const nobody = await startServer(t, open);
  assert.match(nobody.stdout, /who may talk nobody: there is no auth\.secret and no auth\.issuers/);
  const local = `ws://127.0.0.1:${nobody.http.replace(/.*:/, '')}/ws`;
  await assert.rejects(Native.open(local), { code: 'unauthorized' });

  const tokens = await startServer(t, { ...open, env: { PLENUM_AUTH_SECRET: SECRET } });
  assert.match(tokens.stdout, /who may talk whoever has a token of auth\.secret\n/);
  const there = `ws://127.0.0.1:${tokens.http.replace(/.*:/, '')}/ws`;
  await assert.rejects(Native.open(there), { code: 'unauthorized' });
  assert.equal((await Native.open(there, { token: mint({ sub: 'ada' }, { secret: SECRET }) })).user, 'ada');

  const all = await startServer(t, { ...open, flags: ['--auth.guests=true'] });
  assert.match(all.stdout, /who may talk anyone who can reach 0\.0\.0\.0:\d+: no token is asked for/);
  assert.match((await Native.open(`ws://127.0.0.1:${all.http.replace(/.*:/, '')}/ws`)).user, /^guest-/);

  const own = await startServer(t, { flags: ['--auth.guests=false'], env: { PLENUM_AUTH_SECRET: SECRET } });
  await assert.rejects(Native.open(own), { code: 'unauthorized' });
  const loopback = await startServer(t);
  assert.doesNotMatch(loopback.stdout, /who may talk/);
  assert.match((await Native.open(loopback)).user, /^guest-/);
});

test('keys change while the server runs; a broken file changes nothing', async (t) => {
  const keys = (...algs) => file('live.json', JSON.stringify({ keys: algs.map((alg) => ({ ...made[alg].publicKey.export({ format: 'jwk' }), kid: alg, alg })) }));
  keys('ES256');
  const yaml = file('live.yaml', 'auth:\n  issuers:\n    - {name: main, audience: [plenum], jwks_file: live.json}\n');
  const server = await startServer(t, { flags: ['-c', yaml] });
  const token = (alg) => mint({ sub: `by-${alg}`, aud: 'plenum' }, { alg, key: made[alg].privateKey, header: { kid: alg } });
  const [old, fresh] = [token('ES256'), token('EdDSA')];
  const first = await Native.open(server, { token: old });
  assert.equal((await refusal(server, fresh)).message, 'There is no key `EdDSA` at the issuer `main`.');

  const reload = async (wanted) => {
    const before = server.stderr.length;
    server.kill('SIGHUP');
    await until(() => wanted.test(server.stderr.slice(before)), `${wanted} in the log`);
    return server.stderr.slice(before);
  };
  keys('ES256', 'EdDSA'); // the new one is added before anything is signed with it
  await reload(/event=reloaded/);
  assert.equal((await Native.open(server, { token: fresh })).user, 'by-EdDSA');
  assert.equal((await Native.open(server, { token: old })).user, 'by-ES256');

  file('live.json', '{"keys":[]}');
  assert.match(await reload(/event=reload_rejected/), /live\.yaml:3: auth\.issuers\[0\]\.jwks_file: live\.json: got a set without keys/);
  assert.equal((await Native.open(server, { token: old })).user, 'by-ES256');

  keys('EdDSA');
  await reload(/event=reloaded/);
  assert.equal((await refusal(server, old)).message, 'There is no key `ES256` at the issuer `main`.'); // not out of the cache
  assert.equal((await Native.open(server, { token: fresh })).user, 'by-EdDSA');
  assert.equal(first.closed, null);
});

test('a mistake in a key file is one in the configuration: file, line, key, what was expected; exit code 2', async () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  file('weak.pem', weak.publicKey.export({ format: 'pem', type: 'spki' }));
  file('private.pem', made.ES256.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  file('set.json', JSON.stringify({ keys: [{ kty: 'oct', k: b64(SECRET) }] }));
  file('large.pem', 'x'.repeat(300_000));
  const yaml = file('mistakes.yaml', `auth:
  issuers:
    - name: main
      audience: [plenum]
      keys:
        - {kid: a, algorithm: RS256, file: weak.pem}
        - {kid: b, algorithm: ES256, file: private.pem}
        - {kid: c, algorithm: HS512, secret: tooshort}
        - {kid: d, algorithm: RS256, file: missing.pem}
        - {kid: e, algorithm: RS256, file: large.pem}
    - {name: auth.secret, audience: [a], jwks_file: set.json}
`);
  const wanted = [
    'mistakes.yaml:6: auth.issuers[0].keys[0].file: weak.pem: got an RSA key of 1024 bits, expected one of 2048 bits or more',
    'mistakes.yaml:7: auth.issuers[0].keys[1].file: private.pem: got a private key, expected the public one (`openssl pkey -in FILE -pubout`): the private one stays with who signs',
    'mistakes.yaml:8: auth.issuers[0].keys[2].secret: got a secret of 8 bytes, expected one of 64 bytes or more for HS512',
    `mistakes.yaml:9: auth.issuers[0].keys[3].file: ${path('missing.pem')}: got "No such file or directory", expected a readable file with a key`,
    `mistakes.yaml:10: auth.issuers[0].keys[4].file: ${path('large.pem')}: got "more than 256 KiB", expected a readable file with a key`,
    'mistakes.yaml:11: auth.issuers[1].name: got "auth.secret", expected another name: so the issuer of auth.secret is called',
    'mistakes.yaml:11: auth.issuers[1].jwks_file: set.json: got a JWK of the kind `oct`, expected RSA, EC or OKP: a set of keys is no place for secrets',
  ];
  for (const args of [['check-config', yaml], ['serve', '-c', yaml], ['token', 'inspect', 'x', '-c', yaml]]) {
    const result = await plenum(...args);
    assert.equal(result.code, 2, args[0]);
    assert.equal(result.stdout, '');
    assert.deepEqual(result.stderr.trimEnd().split('\n').map((line) => line.replace(`${folder}/mistakes`, 'mistakes')), wanted);
  }
  const short = await plenum('serve', '--auth.secret=short');
  assert.equal(short.code, 2);
  assert.equal(short.stderr, '--auth.secret: got a value that does not fit, expected 32 to 256 octets, or "" for no such tokens\n');
});

test('no token is ever written down, whatever becomes of it', async (t) => {
  const server = await startServer(t, { flags: ['--logging.level=debug'], env: { PLENUM_AUTH_SECRET: SECRET } });
  const good = mint({ sub: 'ada' }, { secret: SECRET }), forged = mint({ sub: 'eve' }, { secret: `${SECRET}!` }), late = mint({ sub: 'bob', exp: 1 }, { secret: SECRET });
  await Native.open(server, { token: good });
  for (const token of [forged, late, 'a.b.c', `${good}x`]) {
    const reply = await refusal(server, token);
    for (const part of token.split('.')) assert.ok(part.length < 5 || !reply.message.includes(part));
  }
  const metrics = await (await server.get('/metrics')).text();
  await server.stop();
  for (const written of [server.stderr, server.stdout, metrics]) {
    for (const part of [...good.split('.'), ...forged.split('.'), ...late.split('.'), SECRET]) assert.ok(!written.includes(part));
  }
});

// ---- docs/AUTH.md ----------------------------------------------------------------------------------------------

const page = readFileSync(join(root, 'docs/AUTH.md'), 'utf8');
const block = (language, has) => {
  const found = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter((m) => m[1] === language && m[2].includes(has));
  assert.equal(found.length, 1, `docs/AUTH.md has one block of ${language} with ${has}`);
  return found[0][2];
};

test('the ten lines of docs/AUTH.md make tokens that the server takes, in every language that is here', async (t) => {
  const server = await startServer(t, { env: { PLENUM_AUTH_SECRET: SECRET } });
  const languages = [
    ['node', [file('mint.mjs', block('js', 'createHmac'))]],
    ['python3', [file('mint.py', block('python', 'hmac'))]],
    ['go', ['run', file('mint.go', block('go', 'hmac'))]],
    ['php', [file('mint.php', block('php', 'hash_hmac'))]],
  ];
  const ran = [];
  for (const [program, args] of languages) {
    const minted = await run(program, args, { env: { PLENUM_AUTH_SECRET: SECRET } }).catch((e) => {
      if (e.code !== 'ENOENT') throw e; // not installed: PHP is brought for this, Go is 450 MB
    });
    if (!minted) continue;
    assert.equal(minted.code, 0, minted.stderr);
    const one = await Native.open(server, { token: minted.stdout.trim() });
    assert.deepEqual([one.user, one.welcome.name], ['ada', 'Ada'], program);
    ran.push(program);
  }
  t.diagnostic(`made by ${ran.join(', ')}`);
  assert.ok(ran.includes('node'));
});

test('the worker of docs/AUTH.md and the server are of one mind about a token', async (t) => {
  const worker = file('worker.mjs', block('js', 'export async function allowed'));
  const { allowed } = await import(worker);
  const keys = [['ES256', 'a'], ['RS256', 'r']].map(([alg, kid]) => ({ ...made[alg].publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' }));
  file('worker.json', JSON.stringify({ keys }));
  const yaml = file('worker.yaml', 'auth:\n  leeway_s: 0\n  issuers:\n    - {name: main, audience: [plenum], jwks_file: worker.json}\n');
  const server = await startServer(t, { flags: ['-c', yaml] });
  const of = (claims, options) => mint({ sub: 'ada', aud: 'plenum', ...claims }, { alg: 'ES256', key: made.ES256.privateKey, header: { kid: 'a' }, ...options });
  for (const [token, good] of [
    [of(), true], [of({ aud: ['x', 'plenum'] }), true],
    [of({ exp: now() - 5 }), false], [of({ exp: undefined }), false], [of({ aud: 'x' }), false], [of({ aud: undefined }), false],
    [of({}, { key: made.ES384.privateKey }), false], [of({}, { header: { kid: 'b' } }), false], [of({}, { alg: 'RS256', key: made.RS256.privateKey }), false],
    [of({}, { secret: 'x', alg: 'HS256' }), false], [`${of()}.x`, false], [of().replace(/\.[^.]*$/, '.'), false], ['', false], ['a.b.c', false],
  ]) {
    assert.equal(await allowed(token, keys), good, token);
    if (token === '') continue;
    const taken = await Native.open(server, { token }).then(() => true, () => false);
    assert.equal(taken, good, token);
  }
});
