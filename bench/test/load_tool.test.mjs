// SPDX-License-Identifier: Apache-2.0
//
// Does plenum-bench see what goes wrong? It is run against a server that makes a known number of mistakes, and must
// report that very number, and none where there is none.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FaultyServer } from './faulty_server.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const tool = process.env.PLENUM_BENCH_BIN ?? path.join(root, 'build/release/plenum-bench');
const plenum = process.env.PLENUM_BIN ?? path.join(root, 'build/release/plenum');
const lasting = (seconds) => ['--duration', String(seconds), '--warmup', '0.1', '--json', '--quiet'];
const brief = lasting(0.4);

async function run(args) {
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => (stdout += piece));
  child.stderr.on('data', (piece) => (stderr += piece));
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

// Once more, and longer, where the machine was too busy for the tool to hear anything worth counting.
async function enough(fault, dialect, args, least = 100, counted = (result) => result.deliveries) {
  for (let seconds = 0.4; ; seconds *= 4) {
    const result = await against(fault, dialect, args, lasting(seconds));
    if (counted(result) > least || seconds > 10) return result;
  }
}

let made;
function certificate() {
  if (!made) {
    made = mkdtempSync(path.join(tmpdir(), 'plenum-bench-test-'));
    execFileSync(plenum, ['cert', '--out', path.join(made, 'a')]);
  }
  return { cert: readFileSync(path.join(made, 'a.pem')), key: readFileSync(path.join(made, 'a.key')) };
}
after(() => made && rmSync(made, { recursive: true }));

// dialect: 'json over TLS' is json, spoken through TLS.
async function against(fault, way, args, time = brief) {
  const server = new FaultyServer(fault);
  const [dialect, how] = way.split(' over ');
  const native = { protobuf: dialect === 'protobuf', deflate: args.includes('--deflate'), tls: how === 'TLS' ? certificate() : undefined };
  const url = dialect === 'text' ? await server.listenText() : await server.listenNative(native);
  try {
    const { status, stdout, stderr } = await run(['--dialect', dialect, '--url', url, ...args, ...time]);
    assert.notEqual(stdout, '', stderr);
    return { status, faults: server.faults, ...JSON.parse(stdout) };
  } finally {
    server.close();
  }
}

const found = { none: undefined, drop: 'lost', double: 'duplicated', swap: 'reordered', gap: 'announced' };
const ways = {
  'json with echo': ['json', ['--clients', '10', '--publishers', 'all', '--echo']],
  'json without echo': ['json', ['--clients', '10', '--publishers', 'all', '--inflight', '3']],
  'json, open loop': ['json', ['--clients', '30', '--rate', '300']],
  'json, several rooms': ['json', ['--clients', '10', '--rooms', '5', '--members', '6', '--rate', '300']],
  'protobuf with echo': ['protobuf', ['--clients', '10', '--publishers', 'all', '--echo']],
  'protobuf without echo, several rooms': ['protobuf', ['--clients', '10', '--rooms', '5', '--members', '6', '--inflight', '3']],
  'json over TLS, compressed': ['json over TLS', ['--clients', '10', '--publishers', 'all', '--echo', '--deflate', '--words', '--size', '200']],
  'text, everyone talks': ['text', ['--clients', '10', '--publishers', 'all', '--inflight', '3']],
  'text, open loop': ['text', ['--clients', '30', '--rate', '300']],
};

describe('mistakes of a server', { concurrency: 4 }, () => {
  for (const [way, [dialect, args]] of Object.entries(ways)) {
    for (const [fault, key] of Object.entries(found)) {
      test(`${way}: ${fault}`, async () => {
        const result = await enough(fault, dialect, args);
        assert.ok(result.deliveries > 100, `only ${result.deliveries} deliveries`);
        assert.equal(result.faults > 0, fault !== 'none');
        if (args.includes('--deflate')) assert.ok(result.inflated >= result.deliveries, `${result.inflated} of ${result.deliveries} came compressed`);
        for (const name of ['lost', 'duplicated', 'reordered', 'announced'])
          assert.equal(result.checked[name], name === key ? result.faults : 0, name);
        assert.equal(result.checked.stray + result.checked.foreign + result.checked.protocol_errors, 0);
        assert.equal(result.status, fault === 'none' || fault === 'gap' ? 0 : 1);
      });
    }
  }
});

test('an error from the server: shown with its code, exit 1', async () => {
  const result = await enough('refuse', 'json', ['--clients', '5', '--rate', '100'], 10, ({ checked }) => checked.errors);
  assert.ok(result.checked.errors > 10, `only ${result.checked.errors} errors`);
  assert.equal(result.checked.reasons['error rate_limited: too many'], result.checked.errors);
  assert.equal(result.status, 1);
});

test('a cut and resume: all back, nothing lost or doubled', async () => {
  const args = ['--clients', '60', '--rooms', '2', '--rate', '200', '--reconnect-storm'];
  const result = await against('none', 'json', args);
  assert.equal(result.cut, 58);
  assert.equal(result.back_ms.count, 58);
  assert.equal(result.checked.lost + result.checked.duplicated + result.checked.reordered, 0);
  assert.equal(result.status, 0);
});

test('joins and leaves do not disturb the checks', async () => {
  for (const dialect of ['json', 'text']) {
    const args = ['--clients', '30', '--rate', '300', '--churn', '200'];
    const result = await enough('none', dialect, args, 20, ({ checked }) => checked.churned);
    assert.ok(result.checked.churned > 20, `only ${result.checked.churned} joins`);
    assert.equal(result.checked.lost + result.checked.duplicated + result.checked.reordered, 0, dialect);
    assert.equal(result.status, 0);
  }
});

test('a server that does not compress, where that was asked for: nobody is in, exit 1', async () => {
  const server = new FaultyServer();
  const url = await server.listenNative();
  const { status, stdout } = await run(['--clients', '3', '--url', url, '--deflate', ...brief]);
  server.close();
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout).checked.reasons, { 'the server does not compress': 3 });
});

test('nobody listens: said, counted, exit 1', async () => {
  const closed = new FaultyServer();
  const url = await closed.listenNative();
  closed.close();
  const { status, stdout } = await run(['--clients', '3', '--url', url, ...brief]);
  assert.equal(status, 1);
  assert.equal(JSON.parse(stdout).checked.failed, 3);
  assert.deepEqual(JSON.parse(stdout).checked.reasons, { 'connect: Connection refused': 3 });
});

test('bad arguments: one sentence, exit 2', async () => {
  const pair = ['--rate', '1', '--inflight', '2'];
  const bad = [['--clients', '0'], ['--dialect', 'x'], pair, ['--bogus'], ['more'], ['--size']];
  for (const args of bad) {
    const { status, stdout, stderr } = await run(args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^plenum-bench: .*\n$/);
  }
});
