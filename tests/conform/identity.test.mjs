// SPDX-License-Identifier: Apache-2.0
//
// Who somebody says he is, against the real binary: tokens that are forged, confused, malformed, out of time or somebody else's, and
// what they would open. The rules one by one are in tests/unit (test_wire_jws, test_wire_jwk, test_core_auth_verify); this is what
// a peer meets.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sharedServer, withServer } from './support.mjs';
import { Native, Ws } from './websocket.mjs';

const SECRET = 'a secret of this test, of more than 64 bytes, so that it will do for each of HS256 to HS512';
const ISSUER = 'https://id.example.com';
const folder = mkdtempSync(join(tmpdir(), 'plenum-identity-'));
after(() => rmSync(folder, { recursive: true }));

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
function pem(name, { publicKey }) {
  writeFileSync(join(folder, name), publicKey.export({ type: 'spki', format: 'pem' }));
  return join(folder, name);
}
const KEYS = `
auth:
  guests: true
  issuers:
    - name: main
      issuer: ${ISSUER}
      audience: [plenum, chat]
      keys:
        - {kid: rsa, algorithm: RS256, file: ${pem('rsa.pem', rsa)}}
        - {kid: ec, algorithm: ES256, file: ${pem('ec.pem', ec)}}
        - {kid: ed, algorithm: EdDSA, file: ${pem('ed.pem', ed)}}
        - {kid: hs, algorithm: HS256, secret: "${SECRET}"}
`;
const server = await sharedServer({ config: KEYS, flags: ['--limits.commands_per_s=0', '--logging.level=debug'] });

const now = () => Math.floor(Date.now() / 1000);
const b64 = (value) => Buffer.from(typeof value === 'object' && !Buffer.isBuffer(value) ? JSON.stringify(value) : value).toString('base64url');
const CLAIMS = { sub: 'ada', iss: ISSUER, aud: 'plenum' };
const hmac = (input, key = SECRET, hash = 'sha256') => createHmac(hash, key).update(input).digest();

/** What would be signed: claims may be the text of them. */
function unsigned(header, claims = {}) {
  return `${b64(header)}.${b64(typeof claims === 'string' ? claims : { exp: now() + 300, ...CLAIMS, ...claims })}`;
}
function mint(claims, { header, signer = hmac } = {}) {
  const input = unsigned({ alg: 'HS256', kid: 'hs', typ: 'JWT', ...header }, claims);
  return `${input}.${b64(signer(input))}`;
}
const by = {
  rsa: (input) => sign('sha256', Buffer.from(input), rsa.privateKey),
  ec: (input) => sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  ed: (input) => sign(null, Buffer.from(input), ed.privateKey),
};

// One connection for all that is refused: it must be of use afterwards.
const tried = Native.bare(await Ws.open(server));
async function hello(token) {
  return tried.call({ type: 'hello', token });
}
/** Each is refused, with a sentence in which nothing of the token is. */
async function refuses(tokens, code = 'unauthorized') {
  for (const [what, token] of Object.entries(tokens)) {
    const answer = await hello(token);
    assert.equal(answer.type, 'error', `${what} was taken`);
    assert.equal(answer.code, code, `${what}: ${answer.message}`);
    for (const part of token.split('.')) assert.ok(part.length < 10 || !answer.message.includes(part), answer.message);
  }
}
/** A token is taken: by a connection of its own. */
async function takes(what, token) {
  const client = Native.bare(await Ws.open(server));
  const answer = await client.call({ type: 'hello', token });
  assert.equal(answer.type, 'welcome', `${what}: ${answer.message}`);
  await client.close();
  return answer;
}

test('the tokens that the others are bent from are good', async () => {
  await takes('HS256', mint({}));
  for (const [kid, alg] of [['rsa', 'RS256'], ['ec', 'ES256'], ['ed', 'EdDSA']])
    assert.equal((await takes(alg, mint({ sub: kid }, { header: { alg, kid }, signer: by[kid] }))).user, kid);
});

test('E1: without a signature, under whatever name', async () => {
  const tokens = {};
  for (const alg of ['none', 'None', 'nOnE', 'NONE', 'none ', '', 'hs256', 'HS256 ', 'HS1', 'HS2560', null, 0, false, [], ['HS256'], {}, undefined]) {
    for (const [how, signature] of Object.entries({ empty: '', zero: 'AA', right: null, words: 'bm9uZQ' })) {
      const input = unsigned({ alg, kid: 'hs', typ: 'JWT' });
      tokens[`${JSON.stringify(alg)} ${how}`] = `${input}.${signature ?? b64(hmac(input))}`;
    }
  }
  tokens['no third part'] = unsigned({ alg: 'HS256', kid: 'hs' });
  tokens['no signature'] = `${unsigned({ alg: 'HS256', kid: 'hs' })}.`;
  await refuses(tokens);
});

test('E2: a key is for its own algorithm, and no public key is a secret', async () => {
  const tokens = { 'an empty key': mint({}, { signer: (input) => hmac(input, '') }), 'a key of zeros': mint({}, { signer: (input) => hmac(input, Buffer.alloc(64)) }) };
  for (const [name, { publicKey }] of Object.entries({ rsa, ec, ed })) {
    const forms = { pem: publicKey.export({ type: 'spki', format: 'pem' }), der: publicKey.export({ type: 'spki', format: 'der' }),
      jwk: JSON.stringify(publicKey.export({ format: 'jwk' })) };
    forms.trimmed = forms.pem.trim();
    for (const [form, bytes] of Object.entries(forms)) {
      for (const kid of [name, 'hs', undefined])
        tokens[`${name} as ${form}, kid ${kid}`] = mint({}, { header: { kid }, signer: (input) => hmac(input, bytes) });
    }
  }
  for (const alg of ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    for (const [kid, signer] of Object.entries({ ...by, hs: hmac })) {
      if ({ rsa: 'RS256', ec: 'ES256', ed: 'EdDSA', hs: 'HS256' }[kid] !== alg) tokens[`${kid} for ${alg}`] = mint({}, { header: { alg, kid }, signer });
    }
  }
  for (const [kid, alg] of [['rsa', 'RS256'], ['ec', 'ES256'], ['ed', 'EdDSA']])
    for (const other of ['rsa', 'ec', 'ed']) if (other !== kid) tokens[`${alg} by ${other}`] = mint({}, { header: { alg, kid }, signer: by[other] });
  await refuses(tokens);
});

test('E3: signatures that are not quite one', async () => {
  const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'); // of P-256: SEC 2, section 2.4.2
  const zero = Buffer.alloc(32), one = Buffer.alloc(32, 0), pair = (r, s) => Buffer.concat([r, s]);
  one[31] = 1;
  const L = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex'); // of Ed25519, little-endian: RFC 8032, section 5.1
  /** s + L: the same number to who does not check that it is the smallest (RFC 8032, section 5.1.7). */
  const malleable = (input) => {
    const whole = Buffer.from(by.ed(input));
    for (let i = 0, carry = 0; i < 32; i++) {
      const sum = whole[32 + i] + L[i] + carry;
      whole[32 + i] = sum & 255;
      carry = sum >> 8;
    }
    return whole;
  };
  const bent = {
    ec: { 'r and s 0': () => pair(zero, zero), 'r 0': (i) => pair(zero, by.ec(i).subarray(32)), 's 0': (i) => pair(by.ec(i).subarray(0, 32), zero),
      'r and s 1': () => pair(one, one), 'r and s the order': () => pair(ORDER, ORDER), 'r the order': (i) => pair(ORDER, by.ec(i).subarray(32)),
      DER: (i) => sign('sha256', Buffer.from(i), ec.privateKey), 'one octet short': (i) => by.ec(i).subarray(0, 63), 'one octet long': (i) => pair(by.ec(i), Buffer.alloc(1)),
      'r and s changed over': (i) => pair(by.ec(i).subarray(32), by.ec(i).subarray(0, 32)), none: () => Buffer.alloc(0) },
    rsa: { zeros: () => Buffer.alloc(256), ones: () => Buffer.alloc(256, 255), short: (i) => by.rsa(i).subarray(1), long: (i) => pair(Buffer.alloc(1), by.rsa(i)),
      'of another hash': (i) => sign('sha512', Buffer.from(i), rsa.privateKey), 'with a salt': (i) => sign('sha256', Buffer.from(i), { key: rsa.privateKey, padding: 6, saltLength: 32 }),
      'of half of it': (i) => by.rsa(i.slice(0, i.length / 2)) },
    ed: { zeros: () => Buffer.alloc(64), 's + L': malleable, short: (i) => by.ed(i).subarray(0, 63), long: (i) => pair(by.ed(i), Buffer.alloc(1)) },
    hs: { short: (i) => hmac(i).subarray(0, 31), one: (i) => hmac(i).subarray(0, 1), long: (i) => pair(hmac(i), Buffer.alloc(1)), 'of another hash': (i) => hmac(i, SECRET, 'sha512') },
  };
  const tokens = {};
  for (const [kid, forms] of Object.entries(bent)) {
    const alg = { ec: 'ES256', rsa: 'RS256', ed: 'EdDSA', hs: 'HS256' }[kid];
    for (const [what, signer] of Object.entries(forms)) tokens[`${alg}: ${what}`] = mint({}, { header: { alg, kid }, signer });
    const good = Buffer.from(mint({}, { header: { alg, kid }, signer: by[kid] ?? hmac }).split('.')[2], 'base64url');
    for (const bit of [0, 7, 8 * good.length - 1]) {
      tokens[`${alg}: bit ${bit}`] = mint({}, { header: { alg, kid }, signer: (input) => {
        const bytes = Buffer.from((by[kid] ?? hmac)(input));
        bytes[bit >> 3] ^= 1 << (bit & 7);
        return bytes;
      } });
    }
  }
  await refuses(tokens);
});

test('E4, E5: headers choose among the keys that there are, and fetch nothing', async (t) => {
  let asked = 0;
  const evil = createServer((request, response) => { asked++; response.end('{"keys":[]}'); });
  await new Promise((done) => evil.listen(0, '127.0.0.1', done));
  t.after(() => evil.close());
  const url = `http://127.0.0.1:${evil.address().port}/keys`;
  const jwk = ec.publicKey.export({ format: 'jwk' });
  const tokens = {};
  for (const kid of ['../../../../etc/passwd', '/dev/null', "' OR 1=1 --", url, 'hs\0', 'HS', ' hs', 'x'.repeat(300), '', '%', '\u202ehs'])
    tokens[`kid ${JSON.stringify(kid).slice(0, 40)}`] = mint({}, { header: { kid } });
  for (const kid of [1, null, [], {}, ['hs']]) tokens[`kid ${JSON.stringify(kid)}`] = mint({}, { header: { kid } });
  for (const [name, value] of Object.entries({ jku: url, x5u: url, jwk, x5c: ['MIIB'], crit: ['exp'], b64: false }))
    tokens[name] = mint({}, { header: { [name]: value } });
  tokens['crit that names nothing'] = mint({}, { header: { crit: [] } });
  tokens['a typ of others'] = mint({}, { header: { typ: 'dpop+jwt' } });
  tokens['an issuer that is a way to keys'] = mint({ iss: url });
  await refuses(tokens);
  // A name for a certificate, which nobody looks for.
  await takes('x5t', mint({}, { header: { x5t: 'AAAA' } }));
  assert.equal(asked, 0, 'nothing was fetched');
});

test('E6: times, for whom and by whom', async () => {
  const t = now(), claims = (more) => `{"sub":"ada","iss":"${ISSUER}","aud":"plenum",${more}}`;
  const tokens = {}, late = {};
  for (const exp of ['"1795161700"', 'null', 'true', '-1', '[1795161700]', '{}', '1e400', '1e1000000000', `${t}000`, '9'.repeat(400)]) tokens[`exp ${exp.slice(0, 20)}`] = claims(`"exp":${exp}`);
  tokens['no exp'] = `{"sub":"ada","iss":"${ISSUER}","aud":"plenum"}`;
  for (const name of ['nbf', 'iat']) {
    for (const value of [`${t + 60}`, '"0"', 'null', '1e400', '[]']) tokens[`${name} ${value}`] = claims(`"exp":${t + 300},"${name}":${value}`);
  }
  for (const aud of ['"other"', '""', '[]', '["other"]', '1', 'null', '{"plenum":1}', '"plenum "', '"Plenum"'])
    tokens[`aud ${aud}`] = `{"sub":"ada","iss":"${ISSUER}","aud":${aud},"exp":${t + 300}}`;
  tokens['no aud'] = `{"sub":"ada","iss":"${ISSUER}","exp":${t + 300}}`;
  for (const iss of ['"https://id.example.com/"', '"https://evil.example"', '"HTTPS://ID.EXAMPLE.COM"', 'null', '1', '[]', `["${ISSUER}"]`])
    tokens[`iss ${iss}`] = `{"sub":"ada","iss":${iss},"aud":"plenum","exp":${t + 300}}`;
  for (const sub of ['""', 'null', '1', '[]', '"guest-abcdefghij"', '"a\\u0000b"', `"${'x'.repeat(65)}"`, '" ada"'])
    tokens[`sub ${sub.slice(0, 20)}`] = `{"sub":${sub},"iss":"${ISSUER}","aud":"plenum","exp":${t + 300}}`;
  for (const exp of [0, t - 3600, t - 12, (t - 12).toExponential()]) late[`exp ${exp}`] = claims(`"exp":${exp}`);
  await refuses(Object.fromEntries(Object.entries(tokens).map(([what, text]) => [what, mint(text)])));
  await refuses(Object.fromEntries(Object.entries(late).map(([what, text]) => [what, mint(text)])), 'token_expired');
  // Within the leeway of ten seconds, to both sides; an audience among several.
  for (const more of [`"exp":${t - 5}`, `"exp":${t + 300},"nbf":${t + 5}`, `"exp":${t + 300},"iat":${t + 5}`, `"exp":${(t + 300).toExponential()}`, `"exp":${t + 300}.25`])
    await takes(more, mint(claims(more)));
  await takes('several', mint(`{"sub":"ada","iss":"${ISSUER}","aud":["x","chat"],"exp":${t + 300}}`));
});

test('E6: a session ends with its token, though it talks', async () => {
  const brief = KEYS.replace('auth:', 'auth:\n  leeway_s: 0\n  expiry_grace_s: 0');
  await withServer({ config: brief }, async (own) => {
    const client = await Native.open(own, { token: mint({ exp: now() + 2 }) });
    await client.join('r');
    let event;
    do event = await client.next(); while (event.type !== 'token_expiring');
    assert.match(await client.expectClose(1008), /^token_expired/);
  });
});

test('E8: what a token opens is a room of that very name', async () => {
  const client = await Native.open(server, { token: mint({ sub: 'eve', caps: { rooms: { 'team/a': ['join', 'publish'], 'one-*': ['join'] } } }) });
  await client.join('team/a');
  await client.join('one-two');
  const others = ['team/b', 'Team/a', 'team/a ', 'team/A', 'team/a/', 'team//a', 'team/./a', 'team/../team/a', 'team%2fa', 'team\\a', 'te\u0430m/a', 'team/a\u200b',
    'team/\u212b', 'team/a\u0301', 'one', 'one-*/x', 'one-/x', 'two', '*', '**', 'team/*', 'none-x'];
  for (const room of others) {
    for (const command of [{ type: 'join', room, history: 5, members: true }, { type: 'join', room, since: { epoch: 'x', offset: 0 } }, { type: 'switch', from: 'one-two', to: room }]) {
      const answer = await client.call(command);
      assert.equal(answer.type, 'error', `${room}: ${JSON.stringify(answer)}`);
      assert.match(answer.code, /^(forbidden|bad_room)$/, `${room}: ${answer.message}`);
    }
    for (const command of [{ type: 'message', data: 1 }, { type: 'signal', data: 1 }, { type: 'history' }, { type: 'members' }, { type: 'kick', user: 'ada' }, { type: 'leave' }]) {
      const { code } = await client.call({ room, ...command });
      assert.match(code, /^(forbidden|not_member|bad_room)$/, `${command.type} ${room}: ${code}`);
    }
  }
  await client.refused({ type: 'join', room: 'team/a\0' }, 'bad_room');
  // A room that is there is refused like one that is not.
  const other = await Native.open(server);
  await other.join('team/b');
  const said = [];
  for (const room of ['team/b', 'team/x']) said.push({ ...await client.call({ type: 'join', room }), id: 0 });
  assert.deepEqual(JSON.stringify(said[0]).replaceAll('team/b', 'ROOM'), JSON.stringify(said[1]).replaceAll('team/x', 'ROOM'));
  await other.close();
  // In a room where it may only listen, it may only listen.
  for (const command of [{ type: 'message', data: 1 }, { type: 'signal', data: 1 }, { type: 'readonly', on: true }, { type: 'slow', seconds: 5 }, { type: 'role', user: 'eve', role: 'owner' },
    { type: 'ban', user: 'ada' }, { type: 'mute', user: 'ada' }, { type: 'unban', user: 'ada' }, { type: 'unmute', user: 'ada' }, { type: 'kick', user: 'ada' }])
    await client.refused({ room: 'one-two', ...command }, 'forbidden');
  assert.equal((await client.call({ type: 'message', room: 'team/a', data: 1 })).type, 'ack');
  await client.close();
});

test('E11: ids come from the kernel, and are what they seem: 132 bits, no two alike, no bit that leans', async () => {
  const COUNT = 2000, ids = new Set(), users = new Set();
  for (let i = 0; i < COUNT; i++) {
    const client = await Native.open(server);
    ids.add(client.welcome.session);
    users.add(client.welcome.user);
    client.tcp.destroy();
  }
  assert.deepEqual([ids.size, users.size], [COUNT, COUNT]);
  const ones = new Uint32Array(128);
  for (const id of ids) {
    const bytes = Buffer.from(id, 'base64url');
    assert.equal(bytes.length, 16);
    for (let bit = 0; bit < 128; bit++) ones[bit] += (bytes[bit >> 3] >> (bit & 7)) & 1;
  }
  // Half of COUNT, and seven standard deviations (22.4 each): once in 10^12 for one bit.
  for (const [bit, n] of ones.entries()) assert.ok(Math.abs(n - COUNT / 2) < 7 * Math.sqrt(COUNT) / 2, `bit ${bit} is set in ${n} of ${COUNT}`);
});

test('E12: nothing is open by default or by a header', async () => {
  const ask = (path, { where = server, method = 'POST', fields = {}, body = '{"room":"r","data":1}' } = {}) =>
    where.request(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${
      Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
  assert.equal((await ask('/api/v1/publish')).status, 200, 'from this machine, without a key');
  const pages = { 'another origin': { Origin: 'https://evil.example' }, 'no origin': { Origin: 'null' }, 'another site': { 'Sec-Fetch-Site': 'cross-site' },
    'the same site': { 'Sec-Fetch-Site': 'same-site' }, 'behind a proxy': { 'X-Forwarded-For': '192.0.2.7' }, 'as one would like': { Forwarded: 'for=127.0.0.1' } };
  for (const [what, fields] of Object.entries(pages)) {
    const answer = await ask('/api/v1/publish', { fields });
    assert.equal(answer.status, 403, what);
    assert.equal(answer.headers['access-control-allow-origin'], undefined, what);
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const fields of [{}, { 'X-HTTP-Method-Override': 'POST' }, { 'X-Method-Override': 'POST' }, { 'X-HTTP-Method': 'POST' }])
      assert.equal((await ask('/api/v1/publish', { method, fields })).status, 405, method);
  }
  assert.equal((await ask('/api/v1/publish?_method=POST', { method: 'GET' })).status, 405);
  const config = `api:\n  keys:\n    - {name: shop, secret: "a key of some length, for a shop", rights: [publish]}\n`;
  await withServer({ config }, async (where) => {
    assert.equal((await ask('/api/v1/publish', { where, fields: { 'X-API-Key': 'a key of some length, for a shop' } })).status, 200);
    assert.equal((await ask('/api/v1/publish', { where })).status, 401);
    for (const password of ['admin:admin', 'admin:', ':', 'plenum:plenum', 'root:root', 'shop:a key of some length, for a shop'])
      assert.equal((await ask('/api/v1/publish', { where, fields: { Authorization: `Basic ${Buffer.from(password).toString('base64')}` } })).status, 401, password);
    for (const key of ['admin', 'secret', 'shop', 'null', 'undefined', '0', 'A key of some length, for a shop', 'a key of some length, for a sho']) {
      for (const fields of [{ 'X-API-Key': key }, { Authorization: `Bearer ${key}` }]) {
        const answer = await ask('/api/v1/publish', { where, fields });
        assert.equal(answer.status, 401, key);
        assert.ok(!answer.body.toString().includes('shop'), 'which keys there are is not told');
      }
    }
    assert.equal((await ask(`/api/v1/publish?key=${encodeURIComponent('a key of some length, for a shop')}`, { where })).status, 401);
  });
});

test('E13: a resume secret is its user\'s', async () => {
  const ada = await Native.open(server, { token: mint({}) });
  const thief = await Native.open(server, { token: mint({ sub: 'eve' }), resume: ada.welcome.resume });
  assert.deepEqual([thief.welcome.user, thief.welcome.session === ada.welcome.session], ['eve', false]);
  const { resume } = ada.welcome;
  for (const bent of [resume.slice(0, -1), `${resume}A`, resume.slice(1), resume.toUpperCase(), resume.split('').reverse().join('')]) {
    const other = await Native.open(server, { resume: bent });
    assert.match(other.welcome.user, /^guest-/);
    await other.close();
  }
  await ada.call({ type: 'ping' }); // nobody has taken it over
  const again = await Native.open(server, { resume });
  assert.deepEqual([again.welcome.user, again.welcome.session], ['ada', ada.welcome.session]);
  for (const client of [thief, again]) await client.close();
});

test('E14: what is too much, twice, or written carelessly is refused before anything is computed', async () => {
  const good = unsigned({ alg: 'HS256', kid: 'hs', typ: 'JWT' }), signature = b64(hmac(good));
  const [head, body] = good.split('.'), t = now() + 300, who = `"sub":"ada","iss":"${ISSUER}","aud":"plenum"`;
  const padded = (value) => value + '='.repeat((4 - value.length % 4) % 4 || 1);
  const standard = (value) => Buffer.from(value, 'base64url').toString('base64');
  /** The last character has bits that are of no byte: they must be 0 (RFC 4648, section 3.5). */
  const loose = signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1);
  const carelessly = {
    padding: `${padded(head)}.${body}.${padded(signature)}`, 'loose bits': `${head}.${body}.${loose}`, 'a space': `${head}.${body}.${signature} `,
    'a line end': `${head}\n.${body}.${signature}`, 'four parts': `${good}.${signature}.x`, 'five parts (JWE)': `${good}.x.y.z`, 'JSON serialisation': JSON.stringify({ payload: body, signatures: [] }),
    'the other alphabet': `${head}.${standard(`${body}`).replace(/=/g, '')}+/.${signature}`, 'a byte order mark': `\ufeff${good}.${signature}`,
  };
  const bodies = {
    'a claim twice': `{${who},"exp":${t},"exp":${t + 1e6}}`, 'the user twice': `{"sub":"eve",${who},"exp":${t}}`, 'twice, written differently': `{"s\\u0075b":"eve",${who},"exp":${t}}`,
    deep: `{${who},"exp":${t},"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'no object': `[1]`, 'no JSON': `{${who},"exp":${t}`, 'behind it': `{${who},"exp":${t}} x`,
    'not UTF-8': Buffer.from(`{${who},"exp":${t},"x":"\xff"}`, 'latin1'), comments: `{${who}/**/,"exp":${t}}`, '65 claims': `{${who},"exp":${t},${Array.from({ length: 61 }, (_, i) => `"c${i}":0`)}}`,
    info: `{${who},"exp":${t},"info":"${'x'.repeat(1023)}"}`,
  };
  const tokens = { ...carelessly };
  for (const [what, text] of Object.entries(bodies)) {
    const input = `${head}.${b64(text)}`;
    tokens[what] = `${input}.${b64(hmac(input))}`;
  }
  tokens['a header key twice'] = ((input) => `${input}.${b64(hmac(input))}`)(`${b64('{"alg":"none","alg":"HS256","kid":"hs"}')}.${body}`);
  await refuses(tokens);
  await tried.refused({ type: 'hello', token: 'x'.repeat(16385) }, 'bad_command');
  // 64 KiB is a message; a mebibyte is none, and is not held.
  const big = Native.bare(await Ws.open(server));
  big.say({ type: 'hello', token: 'x'.repeat(1 << 20) });
  await big.expectClose(1009);
  const before = server.cpuMs();
  for (let i = 0; i < 100; i++) await hello(`${head}.${'A'.repeat(16000 - head.length)}.${signature}`);
  assert.ok(server.cpuMs() - before < 2000, 'a hundred of the longest take no time');
});

test('whoever was refused all that may still be somebody, once', async () => {
  const welcome = await hello(mint({}));
  assert.deepEqual([welcome.type, welcome.user], ['welcome', 'ada']);
  await tried.close();
  assert.ok(!server.stderr.includes(SECRET));
});
