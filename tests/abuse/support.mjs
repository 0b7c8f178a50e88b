// SPDX-License-Identifier: Apache-2.0
//
// support.mjs - what bounds are held with: the server's processor time, the memory it has booked, and the factor by which
// a build with sanitizers may take longer.
//
// The catalogue's bounds are those of the release build. Every test here runs against both builds (tools/run-tests.mjs), on whatever
// PLENUM_BIN names. Time is the processor time of the server's threads (proc(5), schedstat): what else the machine does is not in it,
// so the bounds need no slack for that. Memory is what the server has booked (`plenum_memory_used_bytes`), which is exact, and the same
// in both builds; what is resident is looked at in the release build, as AddressSanitizer keeps what was freed on purpose.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PLENUM, withServer as withAnyServer } from '../conform/support.mjs';

export * from '../conform/support.mjs';
export * from '../conform/websocket.mjs';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');

/** Built with sanitizers, which say so in the program themselves. */
export const SANITIZED = ['__asan_init', '__tsan_init'].some((name) => readFileSync(PLENUM).includes(name));

/** What may be preloaded into the server: tests/abuse/NAME.c. Beside sanitizers, which would rather be first. */
export function preload(name, env = {}) {
  const path = join(process.env.PLENUM_ABUSE_TOOLS ?? join(ROOT, 'build/dev/tests/abuse'), `${name}.so`);
  assert.ok(existsSync(path), `${path} is missing: build the tests`);
  return { LD_PRELOAD: path, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`, ...env };
}

/**
 * How much longer a build with sanitizers takes, without optimization: the floods here took it 4 to 9 times the processor time of the
 * release build (docs/SECURITY.md, "What the bounds are").
 */
export const SLOWER = SANITIZED ? 8 : 1;

const QUIET = ['--limits.requests_per_s=0', '--limits.commands_per_s=0'];   // all tests come from one address, and ask for metrics

/** A server of one shard, so that what is measured is not spread, all buffers of which have been used before. */
export function withServer(options, fn) {
  const flags = ['--server.shards=1', ...QUIET, ...(options.flags ?? [])];
  return withAnyServer({ ...options, flags }, async (server) => {
    await used(server);
    await used(server);
    await fn(server);
  });
}

/** Bytes that the server has booked. */
export async function used(server) {
  return (await server.metrics()).plenum_memory_used_bytes;
}

/** Runs fn; returns what it took of the server's processor time, in ms. */
export async function cpu(server, fn) {
  const before = server.cpuMs();
  await fn();
  return server.cpuMs() - before;
}

/** The least of several runs: what a run cost beyond it was others', whose cache lines and segments are not the server's doing. */
export async function least(times, measure) {
  let found = Infinity;
  for (let i = 0; i < times; i++) found = Math.min(found, await measure());
  return found;
}

/**
 * Holds that cost(2n) is no more than 2.5 times cost(n), beyond what a run costs in any case. What is measured in single milliseconds is
 * held to three times, as proc's own grain is in it.
 */
export async function linear(t, what, n, measure) {
  const cost = { one: Infinity, two: Infinity };
  for (let round = 0; round < 3; round++) {
    cost.one = Math.min(cost.one, await measure(n));
    cost.two = Math.min(cost.two, await measure(2 * n));
  }
  const told = `${what}: ${cost.one.toFixed(2)} ms of CPU for ${n}, ${cost.two.toFixed(2)} for ${2 * n}`;
  t.diagnostic(told);
  assert.ok(cost.two <= (cost.one < 5 ? 3 : 2.5) * cost.one + 1, told);
}

/**
 * How long the healthy may wait at the p99 beside a flood, in ms. The catalogue's bound, a fifth more than without one, is a comparison,
 * for which a test's machine is not quiet enough: `bench/floods` makes it. This one is absolute, and shows who is starved.
 */
export const HEALTHY_MS = SANITIZED ? 1000 : 250;

/** From what makes the server want to end to the end of TCP (A3, B12): 2 s, with the default of limits.close_ms. */
export const END_MS = SANITIZED ? 4000 : 2000;

const WAIT_MS = 20_000;
const HEALTHZ = ['GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', 'ok\n'];

/**
 * Somebody who asks all the while, one question after the other, from a thread of its own: [bytes, what comes]. `prelude` is what it has to
 * say first, likewise.
 */
export class Healthy {
  static async start(server, { prelude = [], ask = HEALTHZ } = {}) {
    const one = new Healthy();
    one.worker = new Worker(new URL('healthy.mjs', import.meta.url), { workerData: { port: server.http, prelude, ask } });
    one.failed = new Promise((_, fail) => one.worker.once('error', fail));
    one.failed.catch(() => {});
    await one.#hears();
    return one;
  }

  #hears() {
    const late = new Promise((_, fail) => {
      setTimeout(() => fail(new Error('the healthy one is not answered')), WAIT_MS).unref();
    });
    return Promise.race([this.failed, late, new Promise((done) => this.worker.once('message', done))]);
  }

  async stop() {
    const times = this.#hears();
    this.worker.postMessage('stop');
    this.times = (await times).sort((a, b) => a - b);
    return this;
  }

  /** at(0.99) is the p99, in ms. */
  at(share) { return this.times[Math.min(this.times.length - 1, Math.floor(this.times.length * share))]; }
  get told() { return `p50 ${this.at(0.5).toFixed(2)} ms, p99 ${this.at(0.99).toFixed(2)} ms of ${this.times.length}`; }
}
