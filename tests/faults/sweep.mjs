// SPDX-License-Identifier: Apache-2.0
//
// sweep.mjs: leads a server through a scenario again and again, with one fault more in each step, until a step meets none that is new.
//
//   step:    arm one fault (ledger.mjs); do all that the scenario can do, as clients do who try again; disarm
//   settle:  everybody who listens has heard each record once, in order; nobody is left over, no file, no member, no ask
//   end:     SIGTERM; exit status 0 in time, nothing said by a sanitizer, no leak (LeakSanitizer, in the build that has it)
//
// A step in which that does not come true is a finding. It names the fault, as there was only one; and the sweep goes on with a fresh
// server. What shows at the end only, a leak, is one of many faults': their half is tried again alone, and half of that, until it is one.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, root, until, within } from '../e2e/support.mjs';
import { Ledger } from './ledger.mjs';

const LIBRARY = join(process.env.PLENUM_FAULTS_TOOLS ?? join(root, 'build/dev/tests/faults'), 'faults.so');
const FINDINGS_MAX = 40;
const IDLE_STEPS = 6;        // so many armed steps without a fault are the end
const END_MS = 30_000;       // from SIGTERM to the end; drain.deadline_s is 5
/** What has to be after each step what it was before the first one. */
const GAUGES = ['connections', 'sessions', 'rooms', 'members', 'memberships', 'asks', 'leavers', 'deflate_contexts', 'connections_blocked'];
/** And what may have been more: memory has the hall's 200 entries in all encodings, and shares settle per 64 KiB (base/mem.h); of files, a fetch of keys. */
const SLACK = { memory: 2 << 20, files: 0 };

/** How a server under the sweep is started. */
export function environment(ledger) {
  assert.ok(existsSync(LIBRARY), `${LIBRARY} is missing: build the tests`);
  return { LD_PRELOAD: LIBRARY, FAULTS_LEDGER: ledger.path, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0:allocator_may_return_null=1` };
}

/** Tries again what a fault may have made fail: whoever gets no answer, or "not now", asks once more. Who waits in vain has found a fault. */
export async function again(what, fn, times = 6) {
  for (let i = 1; ; i++) {
    try {
      return await fn();
    } catch (error) {
      if (/in vain/.test(error.message) || error instanceof assert.AssertionError) throw error;
      if (i === times) throw new Error(`${what}: ${times} times in vain: ${error.stack}`);
    }
  }
}

/** A server, its ledger, and what the scenario keeps beside them. */
export class World {
  constructor(scenario, { bin, ledger, folder }) {
    Object.assign(this, { scenario, bin, ledger, folder, steps: 0 });
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    const flags = ['serve', '--server.http=127.0.0.1:0', '--server.text=127.0.0.1:0', '--server.admin=', '--server.shards=2', '--limits.commands_per_s=0',
      '--limits.requests_per_s=0', '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0', '--limits.address_rooms_created_per_s=0',
      '--drain.interval_ms=1', '--drain.spread_ms=0', '--drain.deadline_s=5', '--rooms.member_grace_s=0', '--rooms.grace_s=0', '--log.entries=200',
      ...(process.env.FAULTS_DEBUG ? ['--logging.level=debug'] : []),
      ...await this.scenario.flags?.(this) ?? []];
    this.server = await new Server(this.bin, flags, { env: environment(this.ledger) }).ready();
    await this.scenario.setup?.(this);
    for (let i = 0; i < 2; i++) await this.scenario.step(this, ++this.steps); // what is made once is there by then
    await this.scenario.settle?.(this);
    this.rest = await this.#still();
    return this;
  }

  port(name) { return Number(new RegExp(`^ready.* ${name}=\\S+:(\\d+)`, 'm').exec(this.server.stdout)[1]); }
  ports(name) { return [...this.server.stdout.matchAll(new RegExp(`(?<=^ready.* )${name}=\\S+:(\\d+)`, 'gm'))].map((m) => Number(m[1])); }
  files() { return readdirSync(`/proc/${this.server.pid}/fd`).length; }

  async gauges() {
    const before = this.files(), page = await this.server.metrics(); // who asks has a file, too
    return Object.fromEntries([...GAUGES.map((name) => [name, page.get(`plenum_${name}`)]), ['memory', page.get('plenum_memory_used_bytes')],
      ['files', Math.min(before, this.files())]]);
  }

  /** Two looks in a row that say the same: nothing is under way any more. */
  async #still() {
    let last = await this.gauges();
    await until(async () => {
      const next = await this.gauges();
      const same = Object.keys(next).every((name) => name === 'memory' || next[name] === last[name]);
      last = next;
      return same;
    }, 'the server to be at rest');
    return last;
  }

  check() {
    assert.equal(this.server.result, null, `the server has ended: ${JSON.stringify(this.server.result)}\n${this.server.stderr.slice(-3000)}`);
    this.server.check();
  }

  async settle() {
    this.check();
    await this.scenario.settle?.(this);
    let now, off;
    await until(async () => {
      this.check();
      now = await this.gauges();
      off = Object.keys(this.rest).filter((name) => (name in SLACK ? now[name] > this.rest[name] + SLACK[name] : now[name] !== this.rest[name]));
      return off.length === 0;
    }, () => `what is left over: ${off.map((name) => `${name} is ${now[name]} and was ${this.rest[name]}`)}`, 10_000);
  }

  /** One step with one fault, at most. Returns what failed. */
  async step() {
    this.ledger.arm();
    try {
      await this.scenario.step(this, ++this.steps);
    } finally {
      this.ledger.disarm();
    }
    await this.settle();
  }

  /** whole: no server before it in this folder was killed. */
  async stop(whole = false) {
    await this.scenario.end?.(this);
    this.server.kill('SIGTERM');
    const result = await within(this.server.ended, 'the server to leave', END_MS);
    this.server.check();
    assert.deepEqual(result, { code: 0, signal: null }, `the end:\n${this.server.stderr.slice(-6000)}`);
    if (whole) await this.scenario.verify?.(this);
  }

  kill() {
    if (this.server && !this.server.result) this.server.kill('SIGKILL');
    try {
      this.scenario.abandon?.(this);
    } catch {
      // what it could not have set up yet
    }
  }
}

/** Does only these faults again, in a fresh server; true if all is well. */
async function tried(scenario, where, ledger, faults) {
  ledger.only(faults);
  const world = new World(scenario, { ...where, ledger });
  try {
    await world.start();
    for (let idle = 0, struck = 0; idle < IDLE_STEPS && struck < faults.length;) {
      const before = ledger.struck;
      await world.step();
      if (ledger.struck === before) idle++;
      struck += ledger.struck - before;
    }
    await world.stop();
    return true;
  } catch {
    return false;
  } finally {
    world.kill();
  }
}

async function bisect(scenario, where, ledger, faults) {
  if (await tried(scenario, where, ledger, faults)) return [];
  for (let most = faults; ;) {
    if (most.length === 1) return most;
    const half = most.slice(0, most.length >> 1), other = most.slice(most.length >> 1);
    if (!await tried(scenario, where, ledger, half)) most = half;
    else if (!await tried(scenario, where, ledger, other)) most = other;
    else return most; // it takes two of them
  }
}

/** Records the sites of one step, of which those are to fail whose stack has it, or every nth of them. */
async function narrow(scenario, where, ledger, match, every) {
  const world = new World(scenario, { ...where, ledger });
  try {
    await world.start();
    ledger.record(true);
    await scenario.step(world, ++world.steps);
    await world.settle();
    ledger.record(false);
    const left = ledger.totals().left.filter((_, i) => i % every === 0);
    ledger.only(match.source === '(?:)' ? left : left.filter((fault) => match.test(ledger.describe(fault))));
  } finally {
    world.kill();
  }
}

/** The sweep of a scenario that serves. Returns {steps, faults, findings, totals}. */
export async function sweep(scenario, { bin, max = Infinity, seconds = Infinity, match = '', every = 1, tell = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-faults-')), ledger = new Ledger(join(folder, 'ledger'));
  const where = { bin, folder: join(folder, 'files') }, findings = [], start = performance.now();
  let steps = 0, idle = 0;
  const found = (faults, error, said = '') => {
    findings.push({ faults: faults.map((fault) => ledger.describe(fault)), error });
    if (process.env.FAULTS_DEBUG) tell(said);
    tell(`${scenario.name}: ${faults.map((fault) => ledger.brief(fault))}: ${error.message.slice(0, 1500)}`);
  };
  const over = () => idle >= IDLE_STEPS || steps >= max || findings.length >= FINDINGS_MAX || performance.now() - start > seconds * 1000;
  try {
    if (match !== '' || every > 1) await narrow(scenario, where, ledger, new RegExp(match), every);
    while (!over()) {
      const world = new World(scenario, { ...where, ledger }), done = [];
      try {
        await world.start();
        while (!over()) {
          steps++;
          const before = ledger.struck;
          let error = null;
          await world.step().catch((e) => { error = e; });
          const faults = ledger.news();
          idle = ledger.struck === before ? idle + 1 : 0;
          if (error) {
            found(faults, error, world.server.stderr.slice(-4000));
            break;
          }
          done.push(...faults);
        }
        if (!over() || findings.length >= FINDINGS_MAX) continue;
        await world.stop(findings.length === 0).catch(async (error) => {
          const guilty = await bisect(scenario, where, ledger, done);
          found(guilty.length > 0 ? guilty : done.slice(0, 1), error);
        });
      } finally {
        world.kill();
      }
    }
    return { steps, findings, faults: ledger.struck, totals: ledger.totals(), seconds: (performance.now() - start) / 1000, over: idle >= IDLE_STEPS };
  } finally {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where nothing else says it: a certificate and the like is made once for all worlds of a scenario. */
export function once(fn) {
  const made = new Map();
  return async (world) => {
    if (!made.has(world.folder)) made.set(world.folder, await fn(world));
    return made.get(world.folder);
  };
}

export const readText = (path) => readFileSync(path, 'utf8');
