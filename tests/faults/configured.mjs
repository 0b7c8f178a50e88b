// SPDX-License-Identifier: Apache-2.0
//
// configured.mjs: what the people of native.mjs and lines.mjs do, by other ways in: TLS with certificates of clients, deflate, proxies, Unix
// sockets, tokens of every algorithm, keys that are fetched, an audit; and the configuration read again in every step.
import assert from 'node:assert/strict';
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Native, run, within } from '../e2e/support.mjs';
import { Authority } from '../e2e/tls_support.mjs';
import { KEY, answered, ask } from './api.mjs';
import { Terminal } from './lines.mjs';
import { native } from './native.mjs';
import { again } from './sweep.mjs';

/** The same with something in front of each step, and behind the set-up. */
const also = (scenario, { setup, step, end, abandon }) => ({
  ...scenario,
  async setup(world) {
    await setup?.(world);
    await scenario.setup(world);
  },
  async step(world, i) {
    await step(world, i);
    await scenario.step(world, i);
  },
  async end(world) {
    await scenario.end(world);
    await end?.(world);
  },
  abandon(world) {
    abandon?.(world);
    scenario.abandon(world);
  },
});

/** Writes the configuration of step i, and has it read until what it says holds. */
async function reload(world, i, text, holds) {
  writeFileSync(join(world.folder, 'new.yaml'), text);
  renameSync(join(world.folder, 'new.yaml'), join(world.folder, 'plenum.yaml'));
  await again(`reload ${i}`, async () => {
    world.server.kill('SIGHUP');
    const until_ms = performance.now() + 1500;
    while (!await holds().catch(() => false)) {
      if (performance.now() > until_ms) throw new Error('it does not hold');
      await new Promise((done) => setTimeout(done, 5));
    }
  });
}

// ---- TLS

const authority = async (world) => {
  if (world.scenario.ca === undefined) {
    const ca = world.scenario.ca = await Authority.create(join(world.folder, 'ca'));
    await ca.issue('server', { cn: 'localhost', alternative: 'DNS:localhost,IP:127.0.0.1' });
    for (const name of ['ada', 'bob']) await ca.issue(name);
  }
  return world.scenario.ca;
};
const tlsRow = (ca) => `tls: {cert: ${ca.path('server.pem')}, key: ${ca.path('server.key')}, client_ca: ${ca.path('ca.pem')}, client_cert: request, client_user: cn}`;
const tlsFlags = async (world) => {
  const ca = await authority(world);
  return [`--server.listen=[{address: "127.0.0.1:0", ${tlsRow(ca)}}, {address: "127.0.0.1:0", kind: text, ${tlsRow(ca)}}]`];
};
const tlsHow = async (world) => ({ ca: (await authority(world)).pem('ca'), origin: `https://localhost:${world.port('https')}` });
/** Actors are by turns ada and bob, by their certificates; witnesses have none. */
const personOf = (who) => (who.startsWith('actor') ? ['ada', 'bob'][Number(who.slice(5)) % 2] : null);

/** A request over TLS: its answer, and the session to come back with. */
function page(world, options) {
  const socket = connectTls({ port: world.port('https'), host: '127.0.0.1', servername: 'localhost', ca: world.scenario.ca.pem('ca'), ...options });
  const got = new Promise((done, fail) => {
    let text = '', session = null;
    socket.on('session', (s) => { session = s; });
    socket.on('data', (data) => { text += data; });
    socket.on('error', fail);
    socket.on('close', () => (/^HTTP\/1\.1 200/.test(text) ? done({ session, reused: socket.isSessionReused() }) : fail(new Error(`cut off: ${text.slice(0, 100)}`))));
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  });
  return within(got, 'a page by TLS').finally(() => socket.destroy());
}

/** Somebody who speaks no TLS where it is spoken. */
function plain(world) {
  const socket = createConnection({ port: world.port('https'), host: '127.0.0.1' });
  const got = new Promise((done, fail) => {
    let text = '';
    socket.on('data', (data) => { text += data; });
    socket.on('error', fail);
    socket.on('close', () => (/^HTTP\/1\.1 400/.test(text) ? done() : fail(new Error(`cut off: ${text}`))));
    socket.write('GET / HTTP/1.1\r\n\r\n');
  });
  return within(got, 'an answer to who speaks no TLS').finally(() => socket.destroy());
}

export const tls = also(native('tls', ['json', 'protobuf'], { flags: tlsFlags, how: tlsHow, url: (world) => `wss://localhost:${world.port('https')}/ws`,
  own: (world, who) => (personOf(who) ? world.scenario.ca.own(personOf(who)) : {}),
  came: (who, session) => { if (personOf(who)) assert.equal(session.user, personOf(who)); } }), {
  async step(world, i) {
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2']) {
      const { session } = await again(maxVersion, () => page(world, { maxVersion, ...world.scenario.ca.own('ada') }));
      await again(`${maxVersion} again`, () => page(world, { maxVersion, session }));
    }
    await again('plain', () => plain(world));
    if (i % 4 === 0) world.server.kill('SIGHUP'); // reads the certificates anew
  },
});

export const tlsTerminal = (world) => Terminal.tcp(world.port('text-tls'), { connect: connectTls, servername: 'localhost', ca: world.scenario.ca.pem('ca') });
export { tlsFlags };

// ---- other ways in

export const deflate = native('deflate', ['json', 'protobuf'], {
  flags: () => ['--websocket.deflate=true', '--websocket.deflate_min_bytes=32'],
  how: () => ({ perMessageDeflate: { threshold: 0 } }),
});

const header = (i) => Buffer.from(`PROXY TCP4 203.0.113.${i % 250} 198.51.100.1 ${1000 + i} 443\r\n`);
export const proxied = native('proxy', ['json', 'protobuf'], {
  flags: () => ['--server.trusted_proxies=127.0.0.0/8', '--auth.guests=true', '--server.listen=[{address: "127.0.0.1:0", proxy_protocol: true}]'],
  how: (world) => ({ createConnection: () => {
    const socket = createConnection({ port: world.ports('http').at(-1), host: '127.0.0.1' });
    socket.write(header(world.steps));
    return socket;
  } }),
});

export const unix = native('unix', ['json', 'protobuf'], {
  flags: (world) => ['--server.trusted_proxies=unix:', '--auth.guests=true', `--server.listen=[{address: "unix:${join(world.folder, 'web.sock')}"}]`],
  url: (world) => `ws+unix:${join(world.folder, 'web.sock')}:/ws`,
});

// ---- tokens

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const SECRET = 'a secret of this test, long enough for HS256';
const now = () => Math.floor(Date.now() / 1000);

class Signer {
  constructor(kid, alg, kind, options = {}) {
    Object.assign(this, { kid, alg }, generateKeyPairSync(kind, options));
  }

  get jwk() { return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.alg, use: 'sig' }; }

  token(iss, claims) {
    const input = `${b64({ alg: this.alg, kid: this.kid })}.${b64({ iss, aud: 'plenum', exp: now() + 300, ...claims })}`;
    const hash = this.alg === 'EdDSA' ? null : 'sha256';
    const more = this.alg === 'ES256' ? { dsaEncoding: 'ieee-p1363' } : this.alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
    return `${input}.${sign(hash, Buffer.from(input), { key: this.privateKey, ...more }).toString('base64url')}`;
  }
}
function secretToken(iss, claims) {
  const input = `${b64({ alg: 'HS256' })}.${b64({ iss, aud: 'plenum', exp: now() + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

const SIGNERS = [new Signer('rs', 'RS256', 'rsa', { modulusLength: 2048 }), new Signer('ps', 'PS256', 'rsa', { modulusLength: 2048 }),
  new Signer('es', 'ES256', 'ec', { namedCurve: 'P-256' }), new Signer('ed', 'EdDSA', 'ed25519')];
const FETCHED = [new Signer('one', 'ES256', 'ec', { namedCurve: 'P-256' }), new Signer('two', 'ES256', 'ec', { namedCurve: 'P-256' })];

const yaml = (world, apiSecret) => JSON.stringify({
  api: { keys: [{ name: 'backend', secret: apiSecret, rights: ['all'] }] },
  auth: { guests: true, issuers: [
    { name: 'secret', issuer: 'secret', audience: ['plenum'], keys: [{ algorithm: 'HS256', secret: SECRET }] },
    { name: 'file', issuer: 'file', audience: ['plenum'], jwks_file: 'keys.json' },
    ...(world.issuer ? [{ name: 'fetched', issuer: 'fetched', audience: ['plenum'], jwks_url: world.issuer.url }] : []),
  ] },
  rooms: { host: 'first', rules: [{ match: 'invited*', access: 'invite' }] },
});

async function issuerOpen(world) {
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: FETCHED.map((key) => key.jwk) })));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  world.issuer = { server, url: `http://127.0.0.1:${server.address().port}/jwks.json` };
}
const issuerClose = (world) => {
  world.issuer?.server.closeAllConnections();
  world.issuer?.server.close();
};

/** Somebody who says hello, does what there is to do, and is gone in any case. */
async function visit(world, hello, fn) {
  const one = new Native(world.server.ws);
  try {
    await within(one.opened, 'the WebSocket to open');
    one.welcome = await one.ask({ type: 'hello', ...hello });
    await fn(one);
  } finally {
    one.cut();
  }
}

/** A person whose token is of each kind, once in each step. */
const shown = (world, what, token) => again(what, () => visit(world, { token }, (one) => assert.equal(one.welcome.user, 'ada')), 10);

const tokens = (name, withIssuer) => also(native(name, ['json', 'protobuf'], {
  async flags(world) {
    if (withIssuer) await issuerOpen(world);
    writeFileSync(join(world.folder, 'keys.json'), JSON.stringify({ keys: SIGNERS.map((key) => key.jwk) }));
    writeFileSync(join(world.folder, 'plenum.yaml'), yaml(world, 'secret 0 of a backend'));
    return ['-c', join(world.folder, 'plenum.yaml')];
  },
  hello: (world, who) => ({ token: async () => secretToken('secret', { sub: who, name: who }) }),
}), {
  async step(world, i) {
    const secret = `secret ${i} of a backend`;
    await reload(world, i, yaml(world, secret), async () =>
      (await ask(world.port('http'), '/api/v1/info', { body: '{}', headers: { authorization: `Bearer ${secret}` } })).status === 200);
    for (const key of SIGNERS) await shown(world, key.alg, key.token('file', { sub: 'ada' }));
    if (withIssuer) for (const key of FETCHED) await shown(world, `fetched ${key.kid}`, key.token('fetched', { sub: 'ada' }));
    await again('a room\'s token', () => visit(world, {}, async (guest) => {
      await guest.join('invited', { token: secretToken('secret', { caps: { rooms: { 'invited*': ['join', 'publish'] } } }) });
      await guest.ask({ type: 'refresh', room: 'invited', token: secretToken('secret', { caps: { rooms: { 'invited*': ['join'] } } }) });
    }), 10);
    await again('a bad one', async () => {
      const error = await visit(world, { token: `${secretToken('secret', { sub: 'ada' }).slice(0, -4)}AAAA` }, () => assert.fail('it was taken')).then(() => null, (e) => e);
      if (error?.code !== 'unauthorized') throw error;
    });
  },
  end: issuerClose, abandon: issuerClose,
});
export const tokensOfFiles = tokens('tokens', false);
export const tokensFetched = tokens('jwks', true);

// ---- the audit

export const audited = also(native('audit', ['json', 'json'], {
  flags: (world) => [`--audit.file=${join(world.folder, 'audit.log')}`, `--api.key=${KEY}`, '--auth.guests=true'],
}), {
  async step(world, i) {
    const file = join(world.folder, 'audit.log');
    if (i % 5 === 0 && existsSync(file)) { // as logrotate does
      renameSync(file, join(world.folder, `audit.${String(i).padStart(6, '0')}`));
      world.rotated = [...world.rotated ?? [], join(world.folder, `audit.${String(i).padStart(6, '0')}`)];
      world.server.kill('SIGHUP');
    }
    await answered(world.port('http'), '/api/v1/disconnect', { body: '{"user":"nobody"}' });
  },
});
audited.verify = async (world) => { // all that was written is one chain, whatever the disk has said
  const checked = await run(world.bin, ['audit', 'verify', ...world.rotated ?? [], join(world.folder, 'audit.log')]);
  assert.equal(checked.code, 0, `the chain: ${checked.stdout.slice(-1000)} ${checked.stderr.slice(-1000)}`);
};
