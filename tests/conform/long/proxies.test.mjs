// SPDX-License-Identifier: Apache-2.0
//
// Abuse case A5, behind proxies: no client finds a request that nginx or HAProxy sees otherwise than Plenum. Each request of the table of HTTP
// (cases/http.mjs), with what lies behind it, goes through the proxy, which keeps one connection to Plenum for all of its clients. Where the two
// were of different opinion about where a request ends,
//
//   - whoever comes next would get somebody else's answer, so two others ask for pages behind each of them, and must get these;
//   - Plenum would have seen more requests than the proxy has passed on, or fewer, so both are counted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cases } from '../cases/http.mjs';
import { FIN, bytesOf } from '../play.mjs';
import { sharedServer, until } from '../support.mjs';

const PROXIES = resolve(fileURLToPath(import.meta.url), '../../../../build/proxies');
const PAGES = { '/example.html': /^HTTP\/1\.1 200 .*\r\ncontent-type: text\/html/is, '/plenum.mjs': /^HTTP\/1\.1 200 .*\r\ncontent-type: text\/javascript/is };
const END_MS = 10_000; // a proxy that has not ended the connection by then waits for more

// ---- the proxies --------------------------------------------------------------------------------------------------

async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// Each log line begins with what the proxy has passed the request on to, or a dash.
const NGINX = (folder, port, to) => `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors;
events { worker_connections 256; }
http {
  log_format passed '"$upstream_addr" $status "$request"';
  access_log ${folder}/log passed;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream plenum { server 127.0.0.1:${to}; keepalive 1; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://plenum; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; proxy_ignore_client_abort on; }
  }
}
`;
const HAPROXY = (folder, port, to) => `global
  log stdout format raw local0
  nbthread 1
defaults
  mode http
  log global
  log-format '"%[srv_name]" %ST %{+Q}r'
  option http-keep-alive
  http-reuse always
  retries 0
  timeout connect 5s
  timeout client 8s
  timeout server 8s
  timeout http-request 5s
frontend in
  bind 127.0.0.1:${port}
  default_backend plenum
backend plenum
  server plenum 127.0.0.1:${to}
`;

const KINDS = {
  nginx: { conf: NGINX, argv: (file) => ['-c', file], passed: /^"([^"-][^"]*)"/gm },
  haproxy: { conf: HAPROXY, argv: (file) => ['-db', '-f', file], passed: /^"(plenum)"/gm },
};

class Proxy {
  static async start(kind, to) {
    const proxy = new Proxy();
    const program = join(PROXIES, 'usr/sbin', kind);
    assert.ok(existsSync(program), `${program} is missing: scripts/install-deps proxies`);
    proxy.kind = KINDS[kind];
    proxy.folder = mkdtempSync(join(tmpdir(), `plenum-${kind}-`));
    proxy.port = await freePort();
    const file = join(proxy.folder, 'conf');
    writeFileSync(file, proxy.kind.conf(proxy.folder, proxy.port, to));
    const libraries = readdirSync(join(PROXIES, 'usr/lib'), { withFileTypes: true }).filter((one) => one.isDirectory()).map((one) => join(PROXIES, 'usr/lib', one.name));
    proxy.out = '';
    proxy.child = spawn(program, proxy.kind.argv(file), { env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [proxy.child.stdout, proxy.child.stderr]) stream.on('data', (data) => { proxy.out += data; });
    await until(`${kind} to listen`, () => (assert.equal(proxy.child.exitCode, null, proxy.out), ask(proxy.port, '/healthz').then(() => true, () => false)));
    return proxy;
  }

  // Requests that it has passed on.
  passed() {
    const log = join(this.folder, 'log');
    const text = existsSync(log) ? readFileSync(log, 'latin1') : this.out;
    return [...text.matchAll(this.kind.passed)].length;
  }

  stop() {
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true });
  }
}

// ---- clients ------------------------------------------------------------------------------------------------------

// Sends all of it, and that this is all. Resolves with what came back, when the other side ends too, or does not.
function exchange(port, bytes, half = true) {
  return new Promise((done, fail) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks = [];
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      done(Buffer.concat(chunks).toString('latin1'));
    };
    const timer = setTimeout(finish, END_MS);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error) => (error.code === 'ECONNREFUSED' ? fail(error) : finish()));
    socket.on('end', finish);
    if (half) socket.end(bytes);
    else socket.write(bytes);
  });
}

const ask = (port, path) => exchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, false);

// ---- the table ----------------------------------------------------------------------------------------------------

for (const kind of Object.keys(KINDS)) {
  describe(`HTTP behind ${kind}`, () => {
    let proxy, server, asked;
    const seen = async () => (await server.metrics()).plenum_http_requests_total - ++asked; // the question for it is one, too
    before(async () => {
      server = await sharedServer({ flags: ['--limits.requests_per_s=0', '--limits.handshake_ms=30000', '--server.shards=1'] });
      proxy = await Proxy.start(kind, server.http);
      asked = 0;
    });
    after(() => proxy.stop());

    for (const item of cases) {
      it(item.name, async () => {
        await exchange(proxy.port, Buffer.concat(item.send.filter((one) => one !== FIN && one.wait === undefined).map(bytesOf)));
        for (const [path, answer] of Object.entries(PAGES)) assert.match(await ask(proxy.port, path), answer, `${path}, asked for by somebody else`);
        server.check();
      });
    }

    test('A5: Plenum has seen as many requests as were passed on', async (t) => {
      let counts;
      await until('both to be of one opinion', async () => {
        counts = { passed: proxy.passed(), seen: await seen() };
        return counts.passed === counts.seen;
      }).catch((error) => assert.fail(`${error.message}; ${JSON.stringify(counts)}`));
      const table = counts.passed - 2 * cases.length - 1;
      t.diagnostic(`${table} requests of the table were passed on`);
      assert.ok(table > 100, JSON.stringify(counts));
    });
  });
}
