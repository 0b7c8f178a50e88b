// SPDX-License-Identifier: Apache-2.0
//
// tls_support.mjs: an authority by Debian's openssl, which issues, revokes, and says so (OCSP).
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { run, within } from './support.mjs';

const DAY_MS = 86_400_000;
/** As `openssl ca` takes a time: YYMMDDHHMMSSZ. */
const stamp = (ms) => new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '').slice(2);

export class Authority {
  constructor(folder) {
    this.folder = folder;
    mkdirSync(folder);
  }

  static async create(folder, name = 'authority') {
    const ca = new Authority(folder);
    writeFileSync(ca.path('index.txt'), '');
    writeFileSync(ca.path('serial'), '1000\n');
    writeFileSync(ca.path('ca.cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=${ca.path('index.txt')}\nserial=${ca.path('serial')}\nnew_certs_dir=${folder}\n` +
      `certificate=${ca.path('ca.pem')}\nprivate_key=${ca.path('ca.key')}\ndefault_md=sha256\ndefault_days=30\npolicy=p\ncopy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n`);
    await ca.openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', ca.path('ca.key'), '-out', ca.path('ca.pem'), '-subj', `/CN=${name}`, '-days', '30');
    return ca;
  }

  path(name) { return join(this.folder, name); }
  pem(name) { return readFileSync(this.path(`${name}.pem`)); }
  key(name) { return readFileSync(this.path(`${name}.key`)); }
  own(name) { return { cert: this.pem(name), key: this.key(name) }; }

  openssl(...args) { return this.says('openssl', ...args); }

  async says(command, ...args) {
    const done = await run(command, args);
    assert.equal(done.code, 0, `${command} ${args.join(' ')}\n${done.stderr}`);
    return done.stdout;
  }

  /** NAME.pem, with the authority behind it, and NAME.key. alternative: `DNS:localhost,email:a@b`. */
  async issue(name, { cn = name, alternative = '', until = Date.now() + 10 * DAY_MS } = {}) {
    const more = alternative !== '' ? ['-addext', `subjectAltName=${alternative}`] : [];
    await this.openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.csr`), '-subj', `/CN=${cn}`, ...more);
    await this.openssl('ca', '-batch', '-notext', '-config', this.path('ca.cnf'), '-in', this.path(`${name}.csr`), '-out', this.path(`${name}.one`), '-startdate', stamp(Date.now() - 60_000), '-enddate', stamp(until));
    writeFileSync(this.path(`${name}.pem`), Buffer.concat([readFileSync(this.path(`${name}.one`)), this.pem('ca')]));
  }

  async revoke(name) { await this.openssl('ca', '-config', this.path('ca.cnf'), '-revoke', this.path(`${name}.one`)); }

  /** What it says of a certificate, for so many days (0: it does not say how long). */
  async answer(name, file, days = 1) {
    await this.openssl(...await this.#answering(name, file), ...(days > 0 ? ['-ndays', String(days)] : []));
  }

  /** The same, for so many seconds, of 60 at most: openssl knows minutes, so it is a clock behind that it is asked by. */
  async answerBriefly(name, file, seconds) {
    await this.says('faketime', '-f', `-${60 - seconds}s`, 'openssl', ...await this.#answering(name, file), '-nmin', '1');
  }

  async #answering(name, file) {
    await this.openssl('ocsp', '-issuer', this.path('ca.pem'), '-cert', this.path(`${name}.one`), '-no_nonce', '-reqout', this.path('req.der'));
    return ['ocsp', '-index', this.path('index.txt'), '-CA', this.path('ca.pem'), '-rsigner', this.path('ca.pem'), '-rkey', this.path('ca.key'), '-reqin', this.path('req.der'), '-respout', file];
  }

  /** As a revocation names a certificate: x509: and its SHA-256. */
  async id(name) {
    const print = await this.openssl('x509', '-noout', '-fingerprint', '-sha256', '-in', this.path(`${name}.one`));
    return `x509:${print.trim().split('=')[1].replaceAll(':', '').toLowerCase()}`;
  }
}

export const portOf = (server, name) => Number(new RegExp(`^ready.* ${name}=\\S+:(\\d+)`, 'm').exec(server.stdout)[1]);

/** A TLS connection whose handshake is over; TLS 1.3 clients learn later that their certificate is refused. */
export function secure(port, options = {}) {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  socket.text = '';
  socket.on('data', (data) => { socket.text += data; });
  socket.gone = new Promise((done) => socket.once('close', () => done(true)));
  return within(new Promise((done, fail) => {
    socket.once('secureConnect', () => done(socket));
    socket.once('error', fail);
  }), 'the handshake');
}
