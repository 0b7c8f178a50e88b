// SPDX-License-Identifier: Apache-2.0
//
// support.mjs - the real server as a child, and TCP connections with control over every byte.
//
// Whatever a test is about, it also fails when the server dies, when a sanitizer has something to say, or when the
// server does not leave with exit code 0. Nothing here sleeps: every wait is for a condition and has a limit.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { after } from 'node:test';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const PLENUM = process.env.PLENUM_BIN ?? join(root, 'build/dev/plenum');
export const PLENUM_RELEASE = process.env.PLENUM_RELEASE_BIN ?? join(root, 'build/release/plenum');

const WAIT_MS = 10_000; // a wait that takes longer has failed
const SANITIZER = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior|runtime error:|[Aa]ssertion/;

// Resolves as soon as probe() (may be async) returns something true, with that; rejects after `limit` ms.
export async function until(what, probe, limit = WAIT_MS) {
  const start = performance.now();
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() - start > limit) throw new Error(`waited ${limit} ms for: ${what}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

// ---- the server ---------------------------------------------------------------------------------------------------

const running = new Set();
const shared = [];
after(async () => {
  try {
    for (const server of shared) await server.stop();
  } finally { // what a failed test left behind must not keep its file from ending
    for (const server of running) server.child.kill('SIGKILL');
  }
});

// A server for all tests of a file, stopped after them.
export async function sharedServer(options) {
  const server = await Server.start(options);
  shared.push(server);
  return server;
}

// Runs fn with a server of its own, and stops it.
export async function withServer(options, fn) {
  const server = await Server.start(options);
  try {
    await fn(server);
  } catch (error) {
    server.child.kill('SIGKILL');
    throw error;
  }
  await server.stop();
}

export class Server {
  // options: flags (strings), config (YAML text), program, under (what runs it), env, nofile and as (RLIMIT_*, soft
  // and hard), names (what Host may say, beside this machine's own names)
  static async start(options = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), 'plenum-conform-'));
    const argv = ['serve', '--server.http=127.0.0.1:0', '--server.text=127.0.0.1:0', '--server.admin=', '--server.echo=true',
      '--drain.spread_ms=0', '--drain.batch=100000', '--drain.interval_ms=1', '--server.memory_mb=1024'];
    const names = options.names ?? ['*'];
    if (names.length > 0) argv.push(`--server.names=${names}`);
    if (options.config !== undefined) {
      const file = join(server.folder, 'plenum.yaml');
      writeFileSync(file, options.config);
      argv.push('-c', file);
    }
    argv.push(...(options.flags ?? []));
    const command = [...(options.under ?? []), options.program ?? PLENUM, ...argv];
    if (options.as) command.unshift('prlimit', `--as=${options.as}:${options.as}`);
    if (options.nofile) command.unshift('prlimit', `--nofile=${options.nofile}:${options.nofile}`);
    server.clients = new Set();
    server.stdout = '';
    server.stderr = '';
    server.exit = null;
    server.child = spawn(command[0], command.slice(1),
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    server.child.stdout.on('data', (chunk) => (server.stdout += chunk));
    server.child.stderr.on('data', (chunk) => (server.stderr += chunk));
    server.child.on('error', (error) => (server.exit = { code: null, signal: error.message }));
    server.child.on('close', (code, signal) => {
      server.exit = { code, signal };
      running.delete(server);
      for (const client of server.clients) client.destroy();
      rmSync(server.folder, { recursive: true, force: true });
    });
    running.add(server);
    const ready = await server.until('the ready line',
      () => /^ready http=\S+:(\d+) text=\S+:(\d+) .*pid=(\d+)/m.exec(server.stdout), options.under ? 6 * WAIT_MS : WAIT_MS);
    [server.http, server.text, server.pid] = ready.slice(1).map(Number);
    return server;
  }

  // Another configuration file, and the signal to read it.
  configure(text) {
    writeFileSync(join(this.folder, 'plenum.yaml'), text);
    this.child.kill('SIGHUP');
  }

  // stderr without what is merely told.
  complaints() {
    return this.stderr.split('\n').filter((line) => !/ level=(info|debug) /.test(line)).join('\n').slice(0, 8000);
  }

  check() {
    if (this.exit !== null) {
      assert.fail(`the server died (code ${this.exit.code}, signal ${this.exit.signal}):\n${this.complaints()}`);
    }
    if (SANITIZER.test(this.stderr)) assert.fail(`the server's stderr:\n${this.complaints()}`);
  }

  until(what, probe, limit) {
    return until(what, () => (this.check(), probe()), limit);
  }

  // Asks it to leave; only once, as a second time means at once.
  leave() {
    if (this.exit === null && !this.leaving) this.child.kill('SIGTERM');
    this.leaving = true;
  }

  // The same, and holds it to leaving well.
  async stop() {
    for (const client of this.clients) client.destroy();
    if (this.exit === null) {
      this.leave();
      await until('the server to leave', () => this.exit !== null, 30_000).catch((error) => {
        this.child.kill('SIGKILL');
        throw new Error(`${error.message}\n${this.stderr.slice(-4000)}`);
      });
    }
    assert.ok(!SANITIZER.test(this.stderr), this.complaints());
    assert.deepEqual(this.exit, { code: 0, signal: null }, this.complaints());
  }

  connect(port = this.http) {
    return Tcp.connect(this, port);
  }

  // One request on a connection of its own.
  async request(text) {
    const tcp = await this.connect();
    tcp.write(text);
    const answer = await tcp.response(text.startsWith('HEAD'));
    tcp.destroy();
    return answer;
  }

  // The metrics page as an object: name with labels -> number.
  async metrics() {
    const { status, body } = await this.request('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.equal(status, 200);
    const result = {};
    for (const line of body.toString().split('\n')) {
      const at = line.lastIndexOf(' ');
      if (at > 0 && !line.startsWith('#')) result[line.slice(0, at)] = Number(line.slice(at + 1));
    }
    return result;
  }

  // Processor time of its threads so far, in ms (proc(5): schedstat, in ns). What others on the machine do is not in it.
  cpuMs() {
    const tasks = `/proc/${this.pid}/task`;
    return readdirSync(tasks).reduce((sum, task) =>
      sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6;
  }

  rssBytes() {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]) * 1024;
  }
}

// ---- bytes over TCP -----------------------------------------------------------------------------------------------

export class Tcp {
  static async connect(server, port) {
    const tcp = new Tcp();
    tcp.server = server;
    tcp.chunks = [];
    tcp.size = 0;
    tcp.ended = false; // FIN received
    tcp.closed = false;
    tcp.error = null;
    tcp.waiters = new Set();
    tcp.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const wake = () => {
      for (const waiter of tcp.waiters) waiter();
    };
    tcp.socket.on('data', (chunk) => {
      tcp.chunks.push(chunk);
      tcp.size += chunk.length;
      wake();
    });
    tcp.socket.on('end', () => ((tcp.ended = true), wake()));
    tcp.socket.on('error', (error) => ((tcp.error = error), wake()));
    tcp.socket.on('close', () => ((tcp.closed = true), server.clients.delete(tcp), wake()));
    tcp.opened = false;
    tcp.socket.on('connect', () => ((tcp.opened = true), wake()));
    server.clients.add(tcp);
    await tcp.wait('a TCP connection', () => tcp.opened);
    return tcp;
  }

  // Like until(), but woken by what arrives. Ends early, with an error, when nothing can arrive any more.
  wait(what, probe, limit = WAIT_MS) {
    return new Promise((done, fail) => {
      const finish = (call, value) => {
        clearTimeout(timer);
        clearInterval(watch);
        this.waiters.delete(step);
        call(value);
      };
      const step = () => {
        let found;
        try {
          found = probe();
          if (!found) this.server.check();
        } catch (error) {
          return finish(fail, error);
        }
        if (found) finish(done, found);
        else if (this.closed || this.ended) {
          finish(fail, this.missed(`the connection ended (${this.error?.code ?? 'FIN'}) before: ${what}`));
        }
      };
      const timer = setTimeout(() => finish(fail, this.missed(`waited ${limit} ms for: ${what}`)), limit);
      const watch = setInterval(step, 100);
      this.waiters.add(step);
      step();
    });
  }

  missed(text) {
    return new Error(`${text}; ${this.size} bytes there: ${this.bytes().subarray(0, 300).toString('latin1')}`);
  }

  bytes() {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  take(n) {
    const all = this.bytes();
    assert.ok(n <= all.length);
    this.chunks = n === all.length ? [] : [all.subarray(n)];
    this.size -= n;
    return all.subarray(0, n);
  }

  write(data) {
    if (!this.socket.destroyed) this.socket.write(data);
    return this;
  }

  // Each piece is a write of its own, which without Nagle is a segment of its own; the server may still find two of
  // them together. That every single cut is harmless is the unit tests' business, which feed the decoders directly.
  async writePieces(pieces) {
    for (const piece of pieces) {
      if (this.socket.destroyed) return this;
      await new Promise((next) => this.socket.write(piece, () => setImmediate(next)));
    }
    return this;
  }

  finish() {
    this.socket.end();
    return this;
  }

  destroy() {
    this.socket.destroy();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  async read(n) {
    await this.wait(`${n} bytes`, () => this.size >= n);
    return this.take(n);
  }

  // Up to and including the marker.
  async readUntil(marker) {
    const at = await this.wait(JSON.stringify(marker), () => this.bytes().indexOf(marker) + 1);
    return this.take(at - 1 + Buffer.byteLength(marker));
  }

  // The rest, after the peer's FIN (or a reset where `reset` allows it).
  async readEnd(limit = WAIT_MS, { reset = false } = {}) {
    await this.wait('the end of the connection', () => this.ended || this.closed, limit);
    if (!reset && this.error) throw new Error(`expected FIN, got ${this.error.code}`);
    return this.take(this.size);
  }

  // One HTTP response: {status, head, headers, body}.
  async response(headOnly = false) {
    const head = (await this.readUntil('\r\n\r\n')).toString('latin1');
    const [line, ...fields] = head.trimEnd().split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) [A-Za-z ]+$/.exec(line);
    assert.ok(match, `a status line, not ${line}`);
    const headers = {};
    for (const field of fields) {
      const [, name, value] = /^([^:\s]+): (.*)$/.exec(field);
      assert.ok(!(name.toLowerCase() in headers), `${name} is there twice`);
      headers[name.toLowerCase()] = value;
    }
    const status = Number(match[1]);
    const bodyless = headOnly || status === 101 || status === 204 || status === 304;
    const body = bodyless ? Buffer.alloc(0) : Buffer.from(await this.read(Number(headers['content-length'])));
    return { status, head, headers, body };
  }
}

// ---- small things -------------------------------------------------------------------------------------------------

// Runs fn(item) over all items, `width` at a time.
export async function pool(items, width, fn) {
  const queue = [...items];
  await Promise.all(Array.from({ length: Math.min(width, queue.length) }, async () => {
    while (queue.length > 0) await fn(queue.shift());
  }));
}

export function elapsed(start) {
  return performance.now() - start;
}
