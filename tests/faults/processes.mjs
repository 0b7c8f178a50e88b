// SPDX-License-Identifier: Apache-2.0
//
// processes.mjs: what happens once in the life of a process, with one fault in each life: the start, and the way out.
//
//   A start that fails says so in one line, with an exit status that is not 0; one that does not fail serves, and ends when it is told to.
//   A drain ends in time, with exit status 0, and lets people go.
//   A command says what it was asked for, or why it cannot.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Native, Program, Server, run, until, within } from '../e2e/support.mjs';
import { Ledger } from './ledger.mjs';
import { environment } from './sweep.mjs';

const IDLE_LIVES = 2, FINDINGS_MAX = 40;
const REPORT = /ERROR: \w*Sanitizer|runtime error:|ASSERT|event=crash|assertion/;

/** A library that is loaded later (libcurl's) has its thread-local data made when a thread first comes to it. Without memory for that glibc ends
 *  the process, in these words and with status 127; here in that library's own end, when ours is over. */
const isGlibcs = ({ server }) => server?.result?.code === 127 && /cannot allocate memory for thread-local data: ABORT/.test(server.stderr) && /event=stopped/.test(server.stderr);

async function lives({ bin, max = Infinity, seconds = Infinity, tell = () => {} }, name, prepare, live) {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-faults-')), ledger = new Ledger(join(folder, 'ledger'));
  const findings = [], start = performance.now();
  const life = { bin, ledger, folder, env: environment(ledger), i: 0 };
  let idle = 0;
  try {
    await prepare?.(life);
    while (idle < IDLE_LIVES && life.i < max && findings.length < FINDINGS_MAX && performance.now() - start < seconds * 1000) {
      const before = ledger.struck;
      life.i++;
      let error = null;
      await live(life).catch((e) => { error = e; });
      ledger.disarm();
      if (life.server && !life.server.result) life.server.kill('SIGKILL');
      const faults = ledger.news();
      idle = ledger.struck === before ? idle + 1 : 0;
      if (!error || isGlibcs(life)) continue;
      findings.push({ faults: faults.map((fault) => ledger.describe(fault)), error });
      tell(`${name}: ${faults.map((fault) => ledger.brief(fault))}: ${error.message.slice(0, 1000)}`);
    }
    return { steps: life.i, findings, faults: ledger.struck, totals: ledger.totals(), seconds: (performance.now() - start) / 1000, over: idle >= IDLE_LIVES };
  } finally {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A configuration with all that there is. */
async function files(life) {
  const cert = await run(life.bin, ['cert', '--out', join(life.folder, 'a')]);
  assert.equal(cert.code, 0, cert.stderr);
  const keys = await run(life.bin, ['keys', '--out', join(life.folder, 'key.pem')]);
  assert.equal(keys.code, 0, keys.stderr);
  life.config = join(life.folder, 'plenum.yaml');
  writeFileSync(join(life.folder, 'keys.json'), '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","alg":"EdDSA"}]}');
  writeFileSync(life.config, JSON.stringify({
    server: { http: '127.0.0.1:0', text: '127.0.0.1:0', admin: '127.0.0.1:0', shards: 2, listen: [
      { address: '127.0.0.1:0', tls: [{ cert: join(life.folder, 'a.pem'), key: join(life.folder, 'a.key') }] }, { address: `unix:${join(life.folder, 'web.sock')}` }] },
    audit: { file: join(life.folder, 'audit.log') },
    auth: { guests: true, issuers: [{ name: 'a', issuer: 'a', audience: ['b'], jwks_file: 'keys.json' }, { name: 'f', issuer: 'f', audience: ['b'], jwks_url: 'http://127.0.0.1:1/' }] },
    api: { keys: [{ name: 'a', secret: 'a secret of a backend', rights: ['all'] }] },
    rooms: { rules: [{ match: 'a*', access: 'invite' }] }, websocket: { deflate: true }, drain: { deadline_s: 5 },
  }));
}

async function begin(life) {
  life.server = new Server(life.bin, ['serve', '-c', life.config], { env: life.env });
  await until(() => /^ready .*$/m.test(life.server.stdout) || life.server.result, 'the server to be ready, or to end');
  const ready = /^ready https?=(\S+)(?: text(?:-tls)?=(\S+))?/m.exec(life.server.stdout);
  if (ready) [, life.server.http, life.server.text] = ready;
  return ready !== null && life.server.result === null;
}

async function leave(life) {
  life.server.kill('SIGTERM');
  const result = await within(life.server.ended, 'the server to leave', 25_000);
  assert.doesNotMatch(life.server.stderr, REPORT);
  assert.deepEqual(result, { code: 0, signal: null }, life.server.stderr.slice(-3000));
}

/** How a start fails: one line that says why. */
function failedWell(life) {
  const { stderr, result } = life.server;
  assert.doesNotMatch(stderr, REPORT, stderr.slice(-6000));
  assert.equal(result.signal, null, `it ended by ${result.signal}: ${stderr}`);
  assert.ok(result.code === 1 || result.code === 2, `exit status ${result.code}: ${stderr}`);
  const told = stderr.split('\n').filter((line) => line !== '' && !/level=(info|warn)/.test(line));
  assert.ok(told.length >= 1, `exit status ${result.code} without a word`);
}

export const starting = { name: 'start', run: (options) => lives(options, 'start', files, async (life) => {
  life.ledger.arm();
  const up = await begin(life);
  life.ledger.disarm();
  if (!up) {
    await within(life.server.ended, 'its end');
    return failedWell(life);
  }
  const health = await life.server.get('/healthz');
  assert.equal(health.status, 200);
  const ada = await Native.open(life.server, { name: 'Ada' });
  await ada.join('lobby');
  ada.cut();
  return leave(life);
}) };

export const leaving = { name: 'drain', run: (options) => lives(options, 'drain', files, async (life) => {
  assert.ok(await begin(life), life.server.stderr);
  const people = await Promise.all([0, 1, 2].map(() => Native.open(life.server)));
  for (const one of people) await one.join('lobby');
  await people[0].say('lobby', 'x');
  life.ledger.arm();
  try {
    life.server.kill('SIGTERM');
    await within(Promise.all(people.map((one) => one.ended)), 'everybody to be told', 20_000);
    await within(life.server.ended, 'the server to leave', 25_000);
  } finally {
    life.ledger.disarm();
    for (const one of people) one.cut();
  }
  assert.doesNotMatch(life.server.stderr, REPORT, life.server.stderr.slice(-6000));
  assert.deepEqual(life.server.result, { code: 0, signal: null }, life.server.stderr.slice(-3000));
}) };

const COMMANDS = (life) => [
  ['check-config', life.config], ['config', '--effective', '-c', life.config], ['config', '--room', 'lobby', '-c', life.config], ['doctor', '-c', life.config],
  ['token', '--secret', 'a secret, which is long enough for HS256', '--sub', 'ada', '--caps', '{"rooms":{"a":["join"]}}'], ['apikey', 'shop'],
  ['cert', '--out', join(life.folder, `c${life.i}`)], ['keys', '--out', join(life.folder, `k${life.i}.pem`)],
  ['audit', 'verify', join(life.folder, 'audit.log')],
];

export const commands = { name: 'commands', run: (options) => lives(options, 'commands', async (life) => {
  await files(life);
  const first = new Server(life.bin, ['serve', '-c', life.config], {});
  await until(() => /^ready/m.test(first.stdout) || first.result, 'a server that writes an audit');
  first.kill('SIGTERM');
  await within(first.ended, 'its end');
}, async (life) => {
  for (const args of COMMANDS(life)) {
    life.ledger.arm();
    const before = life.ledger.struck, program = new Program(life.bin, args, { env: life.env });
    const result = await within(program.ended, args.join(' '));
    life.ledger.disarm();
    const text = `${args.join(' ')}: ${JSON.stringify(result)} ${program.stderr.slice(-3000)}`;
    assert.doesNotMatch(program.stderr, REPORT, text);
    assert.equal(result.signal, null, text);
    if (result.code !== 0) assert.ok(program.stderr !== '', `without a word: ${text}`);
    if (life.ledger.struck !== before) return;
  }
}) };
