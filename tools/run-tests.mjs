#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// run-tests: finds every test program of a build, runs them all, and sums up.
//
//     node tools/run-tests.mjs [--build build/dev] [--release build/release] [--only TEXT] [--jobs N]
//                              [--slow FACTOR] [--seeds N] [--release-seeds N] [--long] [--kinds unit,sim]
//
//   checks   tools/check-*: layers, arrows, banned functions, shape, links, assertions, symbols, unused functions, fresh mutants, and that the checks and make can fail
//   unit     <build>/tests/unit/test_*         cmocka, TAP on stdout
//   fuzz     <build>/tests/fuzz/replay_*       with tests/fuzz/corpus/<name>/; one test per target
//   sim      <build>/tests/sim/plenum-sim      --from N --count N; one test per seed; and of the release build --lies, one per kind
//   bench    bench/test/*.test.mjs             the load tool against a server that makes mistakes
//   conform  tests/conform/*.test.mjs          node's test runner against the real binary
//   long     tests/conform/long/*.test.mjs     likewise, what takes most of an hour: with --long these run, and nothing else
//   e2e      tests/e2e/*.test.mjs              the same, with clients that nobody here wrote
//   abuse    tests/abuse/*.test.mjs            what the catalogue of abuse bounds, against the build and once more against the release build
//
// What computes takes a core each. Beside it runs what mostly waits (WAITING), as many again. Then comes, one at a time,
// what needs the machine for itself, as it measures time or memory.
//
// A test must not vanish quietly. So these are failures too: a source file without its program, a program that
// prints fewer results than it announced or none at all, one that exits with an error though no test failed, and
// one that is still running at its time-out (it is killed with all its children, and its output is shown).
//
// Prints one line per program, the whole output of those that failed, and as the last line `N passed, N failed`.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const { values: options } = parseArgs({
  options: {
    build: { type: 'string', default: 'build/dev' },
    release: { type: 'string', default: 'build/release' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: String(Math.min(4, cpus().length)) },
    slow: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    'release-seeds': { type: 'string', default: '500' },
    long: { type: 'boolean', default: false },
    kinds: { type: 'string', default: '' },
  },
});
const build = resolve(options.build);
const release = resolve(options.release);
const jobs = Number(options.jobs);
const slow = Number(options.slow);
const seeds = Number(options.seeds);
const releaseSeeds = Number(options['release-seeds']);
for (const [name, value] of Object.entries({ jobs, slow, seeds, 'release-seeds': releaseSeeds })) {
  if (!(value > 0)) {
    console.error(`run-tests: --${name}: got ${options[name]}, expected a number above 0`);
    process.exit(2);
  }
}

const env = {
  ...process.env,
  CMOCKA_MESSAGE_OUTPUT: 'TAP',
  PLENUM_BIN: join(build, 'plenum'),
  PLENUM_BENCH_BIN: join(build, 'plenum-bench'),
  PLENUM_RELEASE_BIN: join(release, 'plenum'),
  PLENUM_RELEASE_BENCH_BIN: join(release, 'plenum-bench'),
  PLENUM_ABUSE_TOOLS: join(build, 'tests/abuse'),
  ASAN_OPTIONS: `detect_stack_use_after_return=1:strict_string_checks=1:${process.env.ASAN_OPTIONS ?? ''}`,
  UBSAN_OPTIONS: `print_stacktrace=1:${process.env.UBSAN_OPTIONS ?? ''}`,
  TSAN_OPTIONS: `halt_on_error=1:second_deadlock_stack=1:${process.env.TSAN_OPTIONS ?? ''}`,
};
// Set by npm and by node's own runner; a nested `node --test` would run nothing.
delete env.NODE_TEST_CONTEXT;

// ---- finding --------------------------------------------------------------------------------------------------

function list(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => pattern.test(name)).sort().map((name) => join(folder, name));
}

const stem = (path) => path.replace(/.*\//, '').replace(/\..*/, '');

// Programs that wait most of the time, for browsers and timers, and whose bounds are met beside any other work: the longest
// first. A program that is not named here has the machine for itself.
const WAITING = {
  abuse: ['table'],
  faults: ['slice'],
  conform: ['suite-tls', 'suite-octets', 'suite', 'volume', 'text', 'identity', 'api', 'api-once', 'bytes', 'invite', 'words', 'decrees', 'state', 'caps'],
  e2e: ['browser-change', 'browser-auth', 'browser-admin', 'browser-moderation', 'jwks', 'browser-room', 'browser-history', 'browser', 'readme',
    'rooms', 'browser-rooms', 'tls', 'tls-clients', 'tls-abuse', 'proxies',
    'drain', 'browser-access', 'text', 'heartbeat', 'client', 'room-token', 'browser-words', 'token', 'module', 'audit', 'resume', 'cli',
    'info', 'health', 'state', 'decrees', 'rules', 'invite', 'crash-ledger', 'store'],
};

// A job: what to run, how to read its output, how long it may take (seconds), and whether it computes, waits or needs
// the machine alone. `missing` replaces the run where there is nothing to run.
function checks() {
  return [
    { name: 'check-layers', argv: ['tools/check-layers'], read: readExit },
    { name: 'check-banned', argv: ['tools/check-banned'], read: readExit },
    { name: 'check-shape', argv: ['tools/check-shape'], read: readExit },
    { name: 'check-links', argv: ['tools/check-links'], read: readExit },
    { name: 'check-assertions', argv: ['tools/check-assertions.mjs'], read: readExit },
    { name: 'check-make', argv: ['tools/check-make'], read: readExit },
    { name: 'check-symbols', argv: ['tools/check-symbols', build], read: readExit },
    { name: 'check-unused', argv: ['tools/check-unused', build], read: readExit },
    { name: 'check-arrows', argv: ['tools/check-arrows', '.', build], read: readExit },
    { name: 'check-mutants', argv: ['node', 'tools/mutants.mjs', '--check'], read: readSummary },
    { name: 'check-selftest', argv: ['tools/check-selftest'], read: readSummary },
  ].map((job) => ({ ...job, kind: 'checks', needs: 'core', seconds: 60 }));
}

function unit() {
  return list('tests/unit', /^test_.*\.c$/).map((source) => {
    const program = join(build, 'tests/unit', stem(source));
    return {
      kind: 'unit', name: stem(source), needs: 'core', argv: [program], read: readTap, seconds: 300,
      missing: existsSync(program) ? '' : `${source} has no program ${relative(root, program)}`,
    };
  });
}

function fuzz() {
  return list('tests/fuzz', /^fuzz_.*\.c$/).map((source) => {
    const name = stem(source).replace(/^fuzz_/, '');
    const program = join(build, 'tests/fuzz', `replay_${name}`);
    const corpus = join('tests/fuzz/corpus', name);
    const inputs = list(corpus, /^[^.]/);
    let missing = '';
    if (!existsSync(program)) missing = `${source} has no program ${relative(root, program)}`;
    else if (inputs.length === 0) missing = `${source} has no inputs in ${corpus}/`;
    return {
      kind: 'fuzz', name: `replay_${name} (${inputs.length} inputs)`, needs: 'core', argv: [program, corpus], read: readExit,
      seconds: 180, missing,
    };
  });
}

// The first seeds with sanitizers, and more of them as it runs in production, assertions and all, which takes a fifth of the
// time. Seeds are independent, so they are dealt out in shares that are small enough for all cores to end at the same time.
function sim() {
  if (list('tests/sim', /\.c$/).length === 0) return [];
  const shares = (folder, note, from, to) => {
    const share = Math.min(50, Math.ceil((to - from + 1) / jobs));
    return Array.from({ length: Math.ceil((to - from + 1) / share) }, (_, k) => {
      const first = from + k * share;
      return simulator(folder, `plenum-sim seeds ${first}..${Math.min(to, first + share - 1)}${note}`, ['--from', first, '--count', Math.min(share, to - first + 1)]);
    });
  };
  return [...lies(), ...shares(build, '', 1, seeds), ...shares(release, ' (release)', seeds + 1, seeds + releaseSeeds)];
}

function simulator(folder, name, argv) {
  const program = join(folder, 'tests/sim/plenum-sim');
  return {
    kind: 'sim', name, needs: 'core', argv: [program, ...argv.map(String)], read: readSummary, seconds: 900,
    missing: existsSync(program) ? '' : `tests/sim has no program ${relative(root, program)}`,
  };
}

// Whether its checkers find what is wrong is nothing for sanitizers to see.
function lies() {
  const kinds = (readFileSync('src/sim/sim.h', 'utf8').match(/^ {4}MUTATE_\w+,/gm) ?? []).length;
  const share = Math.ceil(kinds / 4);
  return Array.from({ length: Math.ceil(kinds / share) }, (_, k) => {
    const from = k * share + 1;
    const count = Math.min(share, kinds - from + 1);
    return simulator(release, `plenum-sim lies ${from}..${from + count - 1}`, ['--lies', '--from', from, '--count', count]);
  });
}

function script(kind, folder = `tests/${kind}`) {
  const waiting = WAITING[kind] ?? [];
  const measuring = list(folder, /\.test\.mjs$/).map(stem).filter((name) => !waiting.includes(name));
  return [...waiting, ...measuring].map((name) => {
    const file = join(folder, `${name}.test.mjs`);
    return {
      kind, name, needs: waiting.includes(name) ? 'patience' : 'quiet', read: readNodeTap, seconds: 600,
      argv: [process.execPath, '--test', '--test-reporter=tap', file], missing: existsSync(file) ? '' : `${file} is gone`,
    };
  });
}

// The same bounds twice: with sanitizers, which see more and are given more time, and as it runs in production.
function abuse() {
  const found = script('abuse');
  const again = found.map((job) => ({ ...job, name: `${job.name} (release)`, env: { PLENUM_BIN: join(release, 'plenum') } }));
  return [...found, ...again.filter((job) => job.needs === 'quiet')];
}

// One at a time, as much in them has a time within which it is to be there.
function long() {
  return script('long', 'tests/conform/long').map((job) => ({ ...job, seconds: 7200 }));
}

// ---- reading results: each returns {passed, failed, skipped, note} ----------------------------------------------

function readExit({ code }) {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

// Programs that close with `N passed, N failed`.
function readSummary({ code, output }) {
  const found = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].pop();
  if (!found) return { passed: 0, failed: 1, note: 'it printed no summary' };
  return settle(code, { passed: Number(found[1]), failed: Number(found[2]) });
}

// cmocka's TAP: a plan `1..N` per group, then `ok N - name`, `not ok N - name`, `not ok N # SKIP name`.
function readTap({ code, output }) {
  const result = { passed: 0, failed: 0, skipped: 0 };
  let planned = 0;
  for (const line of output.split('\n')) {
    const plan = /^1\.\.(\d+)\s*$/.exec(line);
    if (plan) planned += Number(plan[1]);
    else if (/^(not )?ok\b.*# SKIP\b/.test(line)) result.skipped += 1;
    else if (/^ok\b/.test(line)) result.passed += 1;
    else if (/^not ok\b/.test(line)) result.failed += 1;
  }
  const seen = result.passed + result.failed + result.skipped;
  if (planned === 0) return { ...result, failed: result.failed + 1, note: 'it announced no tests' };
  if (seen < planned) {
    return { ...result, failed: result.failed + planned - seen, note: `it ended after ${seen} of ${planned} tests` };
  }
  return settle(code, result);
}

// node's TAP closes with `# pass N`, `# fail N`, `# cancelled N`, `# skipped N`, `# todo N`.
function readNodeTap({ code, output }) {
  const number = (name) => {
    const found = [...output.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].pop();
    return found ? Number(found[1]) : NaN;
  };
  const result = {
    passed: number('pass'), failed: number('fail') + number('cancelled'), skipped: number('skipped') + number('todo'),
  };
  if (Number.isNaN(result.passed + result.failed)) return { passed: 0, failed: 1, note: 'it printed no summary' };
  if (result.passed + result.failed + result.skipped === 0) return { passed: 0, failed: 1, note: 'it has no tests' };
  return settle(code, result);
}

function settle(code, result) {
  if (code !== 0 && result.failed === 0) return { ...result, failed: 1, note: 'no test failed, but its exit did' };
  return result;
}

// ---- running ----------------------------------------------------------------------------------------------------

const running = new Set();

// A program leads a process group of its own, so that servers and browsers it started go with it.
function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

// CPU time of a program and of the children it has waited for (proc(5), stat: fields 14 to 17, in hundredths).
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  } catch {
    return 0; // it has just ended
  }
}

// What a test may take is told for a machine of its own. Beside other work it is given longer as long as it gets on:
// what has hung either waits or has used its time up. Says why it is to be killed, or nothing.
function overdue(wall, cpu, seconds) {
  if (cpu >= seconds) return `killed after ${seconds} s of CPU time`;
  if (wall >= 4 * seconds || (wall >= seconds && cpu < wall / 10)) return `killed after ${Math.round(wall)} s`;
  return '';
}

function execute(job) {
  return new Promise((done) => {
    const child = spawn(job.argv[0], job.argv.slice(1), { env: { ...env, ...job.env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let output = '';
    let hung = '';
    const start = Date.now();
    const limit = setInterval(() => {
      hung = overdue((Date.now() - start) / 1000, cpuSeconds(child.pid), job.seconds * slow);
      if (!hung) return;
      clearInterval(limit);
      killGroup(child, 'SIGTERM');
      setTimeout(() => killGroup(child, 'SIGKILL'), 3000);
    }, 1000);
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const finish = (code, signal) => {
      clearInterval(limit);
      running.delete(child);
      killGroup(child, 'SIGKILL');
      done({ code, signal, hung, output });
    };
    child.on('error', (error) => {
      output += `${error.message}\n`;
      finish(-1, null);
    });
    // `exit` and not `close`: a server that outlived its test would hold the pipes open for ever.
    child.on('exit', (code, signal) => setTimeout(() => finish(code, signal), 20));
  });
}

const total = { passed: 0, failed: 0, skipped: 0 };
const broken = [];

async function run(job) {
  const start = Date.now();
  const ended = job.missing ? { code: 1, output: `${job.missing}\n` } : await execute(job);
  let result = job.missing ? { passed: 0, failed: 1, note: 'missing' } : job.read(ended);
  if (ended.hung) {
    result = { ...result, failed: Math.max(1, result.failed), note: ended.hung };
  } else if (ended.signal) {
    result = { ...result, failed: Math.max(1, result.failed), note: `died of ${ended.signal}` };
  }
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped ?? 0;

  const counts = [`${result.passed} passed`];
  if (result.failed) counts.push(`${result.failed} FAILED`);
  if (result.skipped) counts.push(`${result.skipped} skipped`);
  const note = result.note ? ` (${result.note})` : '';
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`${job.kind.padEnd(8)}${job.name.padEnd(40)} ${seconds.padStart(6)} s  ${counts.join(', ')}${note}`);
  if (result.failed) broken.push({ job, note, output: ended.output });
}

/** Runs what is in the queues: `width` programs at a time, of the first queue that has one. */
async function runAll(width, ...queues) {
  const workers = Array.from({ length: width }, async () => {
    for (let queue; (queue = queues.find((one) => one.length > 0));) await run(queue.shift());
  });
  await Promise.all(workers);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of running) killGroup(child, 'SIGKILL');
    process.exit(130);
  });
}

const start = Date.now();
// The simulator's first: those take the longest.
const usual = () => [...sim(), ...unit(), ...checks(), ...fuzz(), ...script('e2e'), ...script('bench', 'bench/test'), ...script('conform'),
  ...script('faults'), ...abuse()];
const all = (options.long ? long() : usual())
  .filter((job) => options.kinds === '' || options.kinds.split(',').includes(job.kind))
  .filter((job) => `${job.kind} ${job.name}`.includes(options.only));
const [computing, waiting, measuring] = ['core', 'patience', 'quiet'].map((needs) => all.filter((job) => job.needs === needs));
await Promise.all([runAll(jobs, computing, waiting), runAll(jobs, waiting)]);
await runAll(1, measuring);

for (const { job, note, output } of broken) {
  console.log(`\n---- ${job.kind} ${job.name}${note}\n     ${job.argv.join(' ')}\n${output.trimEnd()}`);
}
if (all.length === 0) {
  console.log(`nothing to run for --only '${options.only}' --kinds '${options.kinds}'`);
  total.failed += 1;
}
const skipped = total.skipped ? `, ${total.skipped} skipped` : '';
console.log(`\n${all.length} programs in ${((Date.now() - start) / 1000).toFixed(1)} s${skipped}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
