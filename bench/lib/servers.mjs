// SPDX-License-Identifier: Apache-2.0
//
// The servers that are measured: how each is built, started and addressed. Every measurement gets a fresh process on
// a free port, so that nobody inherits another run's memory.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const out = path.join(root, 'build/bench');
let release = path.join(root, 'build/release');
const peers = path.join(root, 'bench/peers');
const modules = path.join(root, 'bench/node_modules');
const START_MS = 10_000;

export const loadTool = () => path.join(release, 'plenum-bench');

export function useBuild(folder) {
  release = path.resolve(folder);
}

// name -> command line; the first line on stdout is the port. Behind it the port to listen on (0: any) and, but for gorilla,
// a certificate and its key, or 'deflate'.
const commands = {
  'floor each': () => [path.join(release, 'bench/floor'), 'each'],
  'floor batch': () => [path.join(release, 'bench/floor'), 'batch'],
  bun: () => [path.join(modules, '.bin/bun'), path.join(peers, 'bun_hub.js')],
  ws: () => [process.execPath, path.join(peers, 'ws_hub.mjs')],
  gorilla: () => [path.join(out, 'gorilla_hub')],
};

// The same for all who speak TLS: ECDSA on P-256, made by Plenum.
const certificate = () => {
  const file = path.join(out, 'certificate');
  if (!existsSync(`${file}.pem`) && spawnSync(path.join(release, 'plenum'), ['cert', '--out', file]).status !== 0)
    throw new Error('plenum cert made no certificate');
  return [`${file}.pem`, `${file}.key`];
};

const firstLine = (command, args) => {
  const run = spawnSync(command, args, { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.split('\n')[0].trim() : undefined;
};

const packageVersion = (name) => {
  try {
    return JSON.parse(readFileSync(path.join(modules, name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
};

// What can be measured here, and which versions: { name: version }. A peer that is missing is left out, and said.
export function available(say) {
  mkdirSync(out, { recursive: true });
  const found = { floor: 'bench/peers/floor.c' };
  found.plenum = firstLine(path.join(release, 'plenum'), ['version']);
  if (existsSync(path.join(modules, '.bin/bun'))) found.bun = packageVersion('bun');
  if (existsSync(path.join(modules, 'ws'))) found.ws = `${packageVersion('ws')} on Node ${process.version}`;
  const go = spawnSync('go', ['build', '-o', path.join(out, 'gorilla_hub'), path.join(peers, 'gorilla_hub/main.go')], {
    encoding: 'utf8',
    env: {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: '/usr/share/gocode',
      GOCACHE: path.join(out, 'go-cache'),
      GOFLAGS: '',
    },
  });
  if (go.status === 0) {
    const version = firstLine('dpkg-query', ['-W', '-f=${Version}\n', 'golang-github-gorilla-websocket-dev']);
    found.gorilla = `${version ?? 'unknown version'} with ${firstLine('go', ['version']) ?? 'go'}`;
  } else {
    say(`gorilla: left out, it does not build: ${(go.stderr ?? go.error?.message ?? '').split('\n')[0]}`);
  }
  if (!found.plenum) say(`plenum: left out, ${path.join(release, 'plenum')} does not run`);
  for (const name of ['bun', 'ws'])
    if (!found[name]) say(`${name}: left out, not installed (scripts/install-deps bench)`);
  return found;
}

export const isAvailable = (found, server) => found[server.split(' ')[0]] !== undefined;

function launch(name, command) {
  const log = openSync(path.join(out, `${name.replaceAll(' ', '-')}.log`), 'w');
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  child.once('error', () => {});
  return { name, child, ended, pid: child.pid };
}

async function stop(server) {
  server.child.kill('SIGKILL');
  await server.ended;
}

// Waits for the line on stdout that tells the ports.
function ready(server, pattern) {
  return new Promise((resolve, reject) => {
    let seen = '';
    const fail = (why) => reject(new Error(`${server.name} ${why}, see ${out}`));
    const timer = setTimeout(() => fail('did not get ready in time'), START_MS);
    server.child.stdout.on('data', (piece) => {
      seen += piece;
      const match = pattern.exec(seen);
      if (!match) return;
      clearTimeout(timer);
      resolve(match);
    });
    server.ended.then((how) => fail(`ended (${how})`));
  });
}

async function startPlenum({ shards = 1, tls, deflate }) {
  const [cert, key] = tls ? certificate() : [];
  const server = launch('plenum', [
    path.join(release, 'plenum'),
    'serve',
    '--server.http=127.0.0.1:0',
    '--server.text=127.0.0.1:0', '--server.admin=',
    `--server.shards=${shards}`,
    '--limits.commands_per_s=0',
    '--limits.connection_rooms_created_per_s=0',
    '--limits.rooms_created_per_s=0',
    '--limits.address_rooms_created_per_s=0',
    '--limits.address_rooms_percent=100',
    '--limits.connections_per_address=0',
    '--limits.requests_per_s=0',
    ...(tls ? [`--server.listen={address: "127.0.0.1:0", tls: {cert: ${cert}, key: ${key}}}`] : []),
    ...(deflate ? ['--websocket.deflate=true'] : []),
  ]);
  const [line, http, text] = await ready(server, /^ready http=\S*:(\d+) text=\S*:(\d+).*\n/m);
  const port = tls ? / https=\S*:(\d+)/.exec(line)[1] : http;
  return { ...server, http, port, text };
}

async function startPeer(name, { tls, deflate }) {
  const how = tls ? ['0', ...certificate()] : deflate ? ['0', 'deflate'] : [];
  const server = launch(name, [...commands[name](), ...how]);
  const [, port] = await ready(server, /^(\d+)\n/);
  return { ...server, port };
}

const startServer = (contender) =>
  contender.server === 'plenum' ? startPlenum(contender) : startPeer(contender.server, contender);

// What the load tool is told about the server, by dialect.
const url = ({ tls }, { port }, place) => `${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/${place}`;
const targets = {
  json: (contender, server) => ['--dialect', 'json', '--url', url(contender, server, 'ws')],
  protobuf: (contender, server) => ['--dialect', 'protobuf', '--url', url(contender, server, 'ws')],
  text: (contender, server) => ['--dialect', 'text', '--url', `tcp://127.0.0.1:${server.text}`],
  'text-ws': (contender, server) => ['--dialect', 'text-ws', '--url', url(contender, server, 'echo')],
  raw: (contender, server) => ['--dialect', 'raw', '--url', url(contender, server, contender.several ? '{rooms}' : '{room}')],
};

async function run(program, args) {
  const tool = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  tool.stdout.on('data', (piece) => (stdout += piece));
  tool.stderr.on('data', (piece) => (stderr += piece));
  const status = await new Promise((resolve) => tool.once('close', resolve));
  const command = `${path.basename(program)} ${args.join(' ')}`;
  if (!stdout) throw new Error(`${command}: exit ${status}: ${stderr.trim()}`);
  return { result: { ...JSON.parse(stdout), command }, status };
}

// Starts the contender's server, runs the load tool against it, and returns the tool's result (its --json), with
// `trouble` if it ended with another status than 0. A contender: server; of Plenum shards, dialect; tls, deflate; several:
// clients are in several rooms each.
export async function measure(contender, args) {
  const { dialect = 'raw', deflate } = contender;
  const server = await startServer(contender);
  try {
    const all = [...targets[dialect](contender, server), ...args, ...(deflate ? ['--deflate'] : [])];
    const { result, status } = await run(loadTool(), [...all, '--json', '--quiet', '--server-pid', String(server.pid)]);
    if (contender.server === 'plenum') result.messages_per_write = await messagesPerWrite(server.http);
    if (status !== 0) result.trouble = trouble(result.checked);
    return result;
  } finally {
    await stop(server);
  }
}

const MORE_THAN_ANYBODY = '1000000'; // handshakes a second: as many as there are, 64 at a time

// The same with clients that come, are upgraded, and go: bench/peers/handshakes.c.
export async function measureHandshakes(contender, seconds) {
  const server = await startServer(contender);
  try {
    const kind = contender.tls ? 'wss' : 'tcp';
    const { result } = await run(path.join(release, 'bench/handshakes'), [kind, server.port, MORE_THAN_ANYBODY, seconds, String(server.pid)]);
    if (result.failed > 0 || result.done === 0) result.trouble = `${result.failed} of ${result.done + result.failed} failed`;
    return result;
  } finally {
    await stop(server);
  }
}

// What the server itself says, over its whole life: deliveries per write() to a socket.
async function messagesPerWrite(port) {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const read = (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(page)?.[1]);
  const each = read('plenum_deliveries_total') / read('plenum_writes_total');
  return Number.isFinite(each) ? each : undefined;
}

function trouble(checked) {
  const said = Object.entries(checked)
    .filter(([key, value]) => typeof value === 'number' && value > 0 && key !== 'deliveries' && key !== 'churned')
    .map(([key, value]) => `${key} ${value}`);
  return [...said, ...Object.entries(checked.reasons).map(([text, count]) => `${count} x ${text}`)].join(', ');
}
