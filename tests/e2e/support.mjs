// SPDX-License-Identifier: Apache-2.0
//
// support.mjs: what the end-to-end tests share: starting a server, waiting for conditions, and clients. The clients
// stand on programs that nobody here wrote: npm's `ws` and Debian's `nc`; what is ours is only the book-keeping.
//
//   const server = await startServer(t, { flags: ['--server.shards=2'] });   // ends with the test `t`
//   const ada = await Native.open(server, { name: 'Ada' });
//   const joined = await ada.join('lobby');
//   await until(() => ada.messages('lobby').length === 3, 'three messages');
//
// Nothing sleeps for a fixed time. `until` looks again and again and fails with a sentence saying what did not come.
// A server started here must have printed no sanitizer report when its test ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const PLENUM = process.env.PLENUM_BIN ?? join(root, 'build/dev/plenum');
export const RELEASE = process.env.PLENUM_RELEASE_BIN ?? join(root, 'build/release/plenum');
export { WebSocket };

const LOOK_MS = 10;
const PATIENCE_MS = 20_000;   // generous: sanitizers on a busy machine; only a failure ever waits so long

/** Waits until `condition()` is truthy and returns what it gave. `what` may be a function, asked on failure. */
export async function until(condition, what, patience_ms = PATIENCE_MS) {
  const deadline = performance.now() + patience_ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) {
      throw new Error(`waited ${patience_ms} ms in vain for ${typeof what === 'function' ? what() : what}`);
    }
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/** `promise`, or a failure that says what did not come. */
export function within(promise, what, patience_ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience_ms} ms in vain for ${what}`)), patience_ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---- programs ---------------------------------------------------------------------------------------------------

/** A child process with its output collected; `ended` resolves with {code, signal}. */
export class Program {
  stdout = '';
  stderr = '';
  result = null;

  constructor(path, args, { env = {}, input = 'ignore' } = {}) {
    this.child = spawn(path, args, { env: { ...cleanEnvironment(), ...env }, stdio: [input, 'pipe', 'pipe'] });
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.ended = new Promise((done, fail) => {
      this.child.on('error', fail);
      this.child.on('close', (code, signal) => done(this.result = { code, signal }));
    });
    this.ended.catch(() => {});
  }

  get pid() { return this.child.pid; }
  kill(signal = 'SIGTERM') { return this.child.kill(signal); }
  get lines() { return this.stderr.split('\n').filter((line) => line !== ''); }
}

/** The developer's own PLENUM_SERVER_… must not reach the servers under test. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PLENUM_')));
}

/** Runs a program to its end. */
export async function run(path, args, options) {
  const program = new Program(path, args, options);
  const result = await within(program.ended, `${path} ${args.join(' ')} to end`);
  return { ...result, stdout: program.stdout, stderr: program.stderr };
}

const REPORT = /ERROR: \w*Sanitizer|runtime error:|WARNING: ThreadSanitizer|ASSERT|event=crash/;

export class Server extends Program {
  http = '';   // host:port
  text = '';
  get url() { return `http://${this.http}`; }
  get ws() { return `ws://${this.http}/ws`; }
  get textPort() { return Number(this.text.replace(/.*:/, '')); }

  async ready() {
    const found = () => /^ready https?=(\S+)(?: text(?:-tls)?=(\S+))?/m.exec(this.stdout);
    await until(() => found() || this.result, 'the ready line');
    assert.ok(found(), `the server did not start: ${JSON.stringify(this.result)}\n${this.stdout}${this.stderr}`);
    [, this.http, this.text] = found();
    return this;
  }

  /** SIGTERM, and the end in good order that every test implies. */
  async stop() {
    if (!this.result) this.kill('SIGTERM');
    const result = await within(this.ended, 'the server to stop', 60_000);
    this.check();
    return result;
  }

  check() {
    assert.doesNotMatch(this.stderr, REPORT, `the server reported a fault of its own:\n${this.stderr.slice(-6000)}`);
  }

  async get(path, options) {
    return within(fetch(this.url + path, { headers: { connection: 'close' }, ...options }), `GET ${path}`);
  }

  /** All samples of /metrics as a Map from `name{labels}` to a number. */
  async metrics() {
    return parseMetrics(await (await this.get('/metrics')).text());
  }

  async metric(name) {
    const all = await this.metrics();
    assert.ok(all.has(name), `/metrics has no ${name}`);
    return all.get(name);
  }

  /** Waits for a metric to become `value`. */
  async settles(name, value, patience_ms) {
    let last;
    await until(async () => (last = await this.metric(name)) === value, () => `${name} = ${value}; it is ${last}`, patience_ms);
  }

  /** Resident memory in KiB. */
  get rss() {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }
}

export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return samples;
}

/** A server on free ports. It is stopped after `t`, with the checks of `Server.stop`. */
export async function startServer(t, { flags = [], env, bin = PLENUM, http = '127.0.0.1:0' } = {}) {
  const args = ['serve', `--server.http=${http}`, '--server.text=127.0.0.1:0', '--server.admin=', '--limits.commands_per_s=0',
    '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0', '--limits.address_rooms_created_per_s=0',   // all tests come from one address
    '--drain.interval_ms=1', '--drain.deadline_s=5', ...flags];
  const server = new Server(bin, args, { env });
  t.after(async () => {
    try {
      await server.stop();
    } finally {
      if (!server.result) server.kill('SIGKILL');
    }
  });
  return server.ready();
}

// ---- tokens -----------------------------------------------------------------------------------------------------

export const SECRET = 'a secret of this test, long enough for HS256';
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token, with node's own cryptography. */
export function mint(claims, seconds = 600, secret = SECRET) {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + seconds, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

// ---- native clients ---------------------------------------------------------------------------------------------

/** Asserts that offsets rise by one each; the first may be anything. */
export function assertContiguous(offsets, what = 'offsets') {
  for (let i = 1; i < offsets.length; i++) {
    assert.equal(offsets[i], offsets[i - 1] + 1, `${what}: ${offsets[i - 1]} is followed by ${offsets[i]}`);
  }
}

/** A client of the native JSON protocol on npm's ws. It keeps everything it was told, in order, in `heard`. */
export class Native {
  heard = [];
  closed = null;       // {code, reason} once it is
  pings = [];          // times at which pings came
  #calls = new Map();
  #nextId = 1;
  #watchers = [];

  constructor(url, { protocols = 'plenum.v1.json', ...options } = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.opened = new Promise((done, fail) => {
      this.socket.once('open', done);
      this.socket.once('error', fail);
    });
    this.opened.catch(() => {});
    this.socket.on('error', () => {});   // 'close' follows and says the rest
    this.socket.on('ping', () => this.pings.push(performance.now()));
    this.socket.on('message', (data) => this.#hear(JSON.parse(data)));
    this.ended = new Promise((done) => {
      this.socket.on('close', (code, reason) => {
        this.closed = { code, reason: String(reason), at: performance.now() };
        for (const { fail, command } of this.#calls.values()) {
          fail(new Error(`closed with ${code} before the reply to ${JSON.stringify(command)}`));
        }
        this.#calls.clear();
        done(this.closed);
      });
    });
  }

  /** Connected and welcomed. `hello` is what goes into the hello. */
  static async open(server, hello = {}, options = {}) {
    const client = new Native(server.ws ?? server, options);
    await within(client.opened, 'the WebSocket to open');
    client.welcome = await client.ask({ type: 'hello', ...hello });
    return client;
  }

  get user() { return this.welcome.user; }

  #hear(message) {
    message.at = performance.now();
    this.heard.push(message);
    for (const watcher of this.#watchers) watcher(message);
    const call = message.id === undefined ? undefined : this.#calls.get(message.id);
    if (!call) return;
    this.#calls.delete(message.id);
    if (message.type === 'error') {
      call.fail(Object.assign(new Error(`${message.code}: ${message.message}`), { code: message.code, reply: message }));
    } else {
      call.done(message);
    }
  }

  onMessage(watcher) { this.#watchers.push(watcher); }

  send(command) { this.socket.send(JSON.stringify(command)); }

  /** Sends a command and resolves with its reply; an `error` rejects with its code. */
  ask(command, patience_ms) {
    const id = this.#nextId++;
    const reply = new Promise((done, fail) => this.#calls.set(id, { done, fail, command }));
    this.send({ ...command, id });
    return within(reply, `the reply to ${JSON.stringify(command)}`, patience_ms);
  }

  join(room, options = {}) { return this.ask({ type: 'join', room, ...options }); }
  leave(room) { return this.ask({ type: 'leave', room }); }
  say(room, data, options = {}) { return this.ask({ type: 'message', room, data, ...options }); }

  /** Records of a room as they came (not what `history` replies carry). */
  entries(room) { return this.heard.filter((m) => m.room === room && m.offset !== undefined && m.id === undefined && m.type !== 'joined'); }
  /** What passed in it. */
  passing(room) { return this.heard.filter((m) => m.room === room && m.after !== undefined); }
  messages(room) { return this.heard.filter((m) => m.type === 'message' && m.room === room); }
  data(room) { return this.messages(room).map((m) => m.data); }
  of(type) { return this.heard.filter((m) => m.type === type); }

  /** Waits for a message that `test` likes. */
  async hears(test, what, patience_ms) {
    const wanted = typeof test === 'string' ? (m) => m.type === test : test;
    await until(() => this.heard.some(wanted) || this.closed, () => `${what ?? test}; heard ${JSON.stringify(this.heard.slice(-5))}`, patience_ms);
    const found = this.heard.find(wanted);
    assert.ok(found, `closed with ${JSON.stringify(this.closed)} before ${what ?? test}`);
    return found;
  }

  async close() {
    this.socket.close(1000);
    return within(this.ended, 'the close handshake');
  }

  /** Gone without a word, like a phone in a tunnel that the network notices. */
  cut() { this.socket.terminate(); }
}

/** Several clients at once, in order. */
export function openMany(server, count, hello = () => ({})) {
  return Promise.all(Array.from({ length: count }, (_, i) => Native.open(server, hello(i))));
}

// ---- text clients -----------------------------------------------------------------------------------------------

/** Debian's nc, connected to the text port. */
export class Nc extends Program {
  constructor(t, server) {
    super('nc', ['127.0.0.1', String(server.textPort)], { input: 'pipe' });
    this.child.stdin.on('error', () => {});
    t.after(() => this.kill('SIGKILL'));
  }

  type(line) { this.child.stdin.write(`${line}\n`); }

  /** The server has closed. nc notices when it has nothing more to read on either side, so its input ends too. */
  async leaves(server) {
    const peer = /you are (127\.0\.0\.1:\d+);/.exec(this.stdout)[1];
    await until(() => server.result || !established(server.textPort, Number(peer.replace(/.*:/, ''))), `the end of ${peer}`);
    this.child.stdin.end();
    return within(this.ended, 'nc to end');
  }

  get seen() { return this.stdout.split('\n').slice(0, -1); }

  async sees(pattern, patience_ms) {
    const matches = (line) => (typeof pattern === 'string' ? line === pattern : pattern.test(line));
    return until(() => this.seen.find(matches), () => `the line ${pattern}; nc shows\n${this.stdout}`, patience_ms);
  }
}

/** The text dialect over a WebSocket, on npm's ws. */
export class EchoSocket {
  seen = [];

  static async open(server) {
    const client = new EchoSocket();
    client.socket = new WebSocket(`ws://${server.http}/echo`, { perMessageDeflate: false });
    client.socket.on('message', (data) => client.seen.push(String(data)));
    client.socket.on('error', () => {});
    client.ended = new Promise((done) => client.socket.on('close', (code) => done(client.closed = code)));
    await within(new Promise((done, fail) => client.socket.once('open', done).once('error', fail)), '/echo to open');
    return client;
  }

  type(line) { this.socket.send(line); }

  async sees(pattern) {
    const matches = (line) => (typeof pattern === 'string' ? line === pattern : pattern.test(line));
    return until(() => this.seen.find(matches), () => `the line ${pattern}; /echo shows\n${this.seen.join('\n')}`);
  }
}

// ---- sockets ----------------------------------------------------------------------------------------------------

/** True while the kernel has an open connection from the local port `peer` at the local port `port`. */
function established(port, peer) {
  const hex = (n) => n.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8');
  return new RegExp(`:${hex(port)} 0100007F:${hex(peer)} 01 `).test(rows);
}

/** True if nothing listens at host:port. */
export function refuses(address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address);
  return new Promise((done) => {
    const socket = createConnection({ host, port: Number(port) });
    socket.on('connect', () => { socket.destroy(); done(false); });
    socket.on('error', () => done(true));
  });
}
