#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// mutants: plants small bugs in base, wire, dialect and core, one at a time, and says which test sees each.
//
//     node tools/mutants.mjs [--only TEXT,...] [--check] [--list] [--root DIR]
//
// The bugs stand in tests/mutants/*.txt:
//
//     direct-unbounded core/edge_answer.c edge_direct
//         directs to a reader that has stopped are not bounded
//         - if (c->out.bytes > 2 * (uint64_t)sh->settings->reply_bytes) {
//         + if (false) {
//
// that is: a name, the file below src/, and (optional) the function in which to look; what is wrong then; the text that
// is there, which must stand there exactly once, and what takes its place (`+` alone takes it away). White space
// matches any white space. A mutant whose text does not stand there exactly once is stale: it fails, here and, by
// --check, in `make test`. Whoever changes the line writes the bug anew.
//
// A mutant that is no bug, since nothing outside can tell, has a line `= why` and must survive.
//
// Each is built in a copy of the tree (build/mutants) and shown, until one fails, to: the unit programs named after the
// file; all of its layer; those of the layers above; the fuzz corpora; the simulator; and if it got through all of that,
// the conformance and end-to-end tests. Whatever saw a mutant last time is asked first. Without a bug all must pass.
//
// Last line: `N passed, N failed`; failed are those that nothing saw, and stale ones.
import { spawn } from 'node:child_process';
import {
  copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    check: { type: 'boolean' },
    list: { type: 'boolean' },
    root: { type: 'string', default: resolve(dirname(fileURLToPath(import.meta.url)), '..') },
  },
});
const root = resolve(options.root);
const folder = join(root, 'tests/mutants');
const work = join(root, 'build/mutants');
const tree = join(work, 'tree');
const build = join(work, 'build');
const memory = join(work, 'seen.json');
const jobs = Math.min(4, cpus().length);
const layers = ['base', 'wire', 'dialect', 'core'];
const simSeeds = 200;

// ---- the table -------------------------------------------------------------------------------------------------

function parse(file) {
  const mutants = [];
  readFileSync(join(folder, file), 'utf8').split('\n').forEach((line, i) => {
    const here = mutants.at(-1);
    const text = line.trim();
    if (text === '' || line.startsWith('#')) return;
    if (!/^\s/.test(line)) {
      const [name, path, inside] = text.split(/\s+/);
      mutants.push({ name, path, inside, where: `tests/mutants/${file}:${i + 1}`, what: '', why: '' });
    } else if (text.startsWith('- ')) here.from = text.slice(2);
    else if (text === '+' || text.startsWith('+ ')) here.to = text.slice(2);
    else if (text.startsWith('= ')) here.why += `${here.why ? ' ' : ''}${text.slice(2)}`;
    else here.what += `${here.what ? ' ' : ''}${text}`;
  });
  return mutants;
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// From the line that begins the function's definition to the brace that ends it, in the first column.
function functionRange(source, name) {
  const begins = new RegExp(`^[A-Za-z_][^\\n;{}]*\\b${escaped(name)}\\([^;{}]*\\)\\s*\\{`, 'm').exec(source);
  if (!begins) return null;
  const oneLine = source.slice(begins.index).split('\n', 1)[0];
  if (oneLine.includes('{') && oneLine.trimEnd().endsWith('}')) return [begins.index, begins.index + oneLine.length];
  const end = source.indexOf('\n}', begins.index);
  return end < 0 ? null : [begins.index, end];
}

// Where the mutant's text stands; a sentence where it does not stand exactly once.
function find(mutant, source) {
  let range = [0, source.length];
  if (mutant.inside) range = functionRange(source, mutant.inside);
  if (!range) return `src/${mutant.path} has no function ${mutant.inside}`;
  const pattern = new RegExp(mutant.from.trim().split(/\s+/).map(escaped).join('\\s+'), 'g');
  const hits = [...source.slice(...range).matchAll(pattern)];
  if (hits.length !== 1) return `its text stands ${hits.length} times in ${mutant.inside ?? `src/${mutant.path}`}`;
  return { at: range[0] + hits[0].index, n: hits[0][0].length };
}

function mutate(mutant, source) {
  const place = find(mutant, source);
  if (typeof place === 'string') return place;
  return { text: source.slice(0, place.at) + mutant.to + source.slice(place.at + place.n) };
}

function stale(mutant) {
  if (!mutant.path || mutant.from === undefined || mutant.to === undefined || mutant.what === '')
    return 'it needs a file, a sentence, a line `- ` and a line `+ `';
  if (!layers.includes(mutant.path.split('/')[0])) return `${mutant.path} is in none of ${layers.join(', ')}`;
  if (!existsSync(join(root, 'src', mutant.path))) return `there is no src/${mutant.path}`;
  if (mutant.from.trim() === mutant.to.trim()) return 'it changes nothing';
  const changed = mutate(mutant, readFileSync(join(root, 'src', mutant.path), 'utf8'));
  return typeof changed === 'string' ? changed : '';
}

const table = readdirSync(folder).filter((name) => name.endsWith('.txt')).sort().flatMap(parse);
const names = new Set(table.map((m) => m.name));
const wanted = options.only.split(',');
const chosen = table.filter((m) => wanted.some((text) => `${m.name} ${m.path}`.includes(text)));
for (const mutant of table) mutant.stale = stale(mutant);

function check() {
  for (const m of table.filter((one) => one.stale)) console.log(`${m.where}: ${m.name} is stale: ${m.stale}`);
  const twice = table.length - names.size;
  if (twice) console.log(`tests/mutants: ${twice} names stand twice`);
  const failed = table.filter((m) => m.stale).length + twice;
  console.log(`${table.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

// ---- running programs ------------------------------------------------------------------------------------------

const env = {
  ...process.env,
  CMOCKA_MESSAGE_OUTPUT: 'TAP',
  PLENUM_BIN: join(build, 'plenum'),
  PLENUM_RELEASE_BIN: join(build, 'plenum'),
};
delete env.NODE_TEST_CONTEXT;

const running = new Set();
function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function execute(argv, seconds, cwd = tree) {
  return new Promise((done) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let output = '';
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      killGroup(child);
    }, seconds * 1000);
    const take = (chunk) => {
      if (output.length < 1 << 20) output += chunk;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const finish = (code) => {
      clearTimeout(limit);
      running.delete(child);
      killGroup(child);
      done({ failed: code !== 0, hung, output });
    };
    child.on('error', () => finish(-1));
    child.on('exit', (code) => setTimeout(() => finish(code), 10));
  });
}

// ---- the copy --------------------------------------------------------------------------------------------------

async function copyTree() {
  const parts = ['src', 'tests', 'tools', 'cmake', 'web', 'bench', 'docs', '*.txt', '*.json', '*.md'];
  const list = await execute(['git', 'ls-files', '-co', '--exclude-standard', '--', ...parts], 60, root);
  const files = new Set(list.output.split('\n').filter((f) => f && existsSync(join(root, f))));
  for (const file of files) {
    const to = join(tree, file);
    if (existsSync(to) && readFileSync(join(root, file)).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(root, file), to);
  }
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !files.has(path.slice(tree.length + 1))) rmSync(path);
  }
  const packages = join(tree, 'node_modules');
  if (existsSync(join(root, 'node_modules')) && !existsSync(packages)) symlinkSync(join(root, 'node_modules'), packages);
}

// No sanitizers: mutants are seen by tests, and programs start five times as fast. -w: a bug may leave something unused.
async function configure() {
  if (existsSync(join(build, 'build.ninja'))) return;
  const made = await execute(['cmake', '-S', tree, '-B', build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Debug',
    '-DCMAKE_C_FLAGS_DEBUG=-O1 -g -w', '-DPLENUM_BENCH=OFF', '--log-level=WARNING'], 120);
  if (made.failed) throw new Error(made.output);
}

async function make(targets) {
  return execute(['ninja', '-C', build, `-j${jobs}`, ...targets], 900);
}

// ---- the tests, in the order in which they are asked -------------------------------------------------------------

function unitPrograms() {
  return readdirSync(join(tree, 'tests/unit')).filter((f) => /^test_\w+\.c$/.test(f)).map((f) => {
    const name = basename(f, '.c');
    return { name, layer: name.split('_')[1], targets: [name], argv: [join(build, 'tests/unit', name)] };
  });
}

function replayers() {
  return readdirSync(join(tree, 'tests/fuzz')).filter((f) => /^fuzz_\w+\.c$/.test(f)).map((f) => {
    const name = `replay_${basename(f, '.c').slice(5)}`;
    const corpus = join(tree, 'tests/fuzz/corpus', name.slice(7));
    return { name, targets: [name], argv: [join(build, 'tests/fuzz', name), corpus] };
  });
}

const simulator = {
  name: 'plenum-sim', targets: ['plenum-sim'],
  argv: [join(build, 'tests/sim/plenum-sim'), '--from', '1', '--count', String(simSeeds)],
};

// Against the mutated binary; without those of the web pages, the command line and the documents.
function scripts() {
  const list = (dir) => readdirSync(join(tree, dir)).filter((f) => f.endsWith('.test.mjs')).map((f) => join(dir, f));
  const away = /browser|client|page|axe|cli\.|install|types|readme|docs/;
  return [...list('tests/conform'), ...list('tests/e2e')].filter((f) => !away.test(f)).map((f) => ({
    name: f, targets: ['plenum'], argv: ['node', '--test', '--test-reporter=tap', f], seconds: 300,
  }));
}

const units = () => unitPrograms().filter((u) => layers.includes(u.layer));

// A test program's name has the words of the file's, or the other way round.
function akin(mutant, unit) {
  const layer = mutant.path.split('/')[0];
  const stem = basename(mutant.path, '.c').replace(/\.h$/, '');
  const rest = unit.name.slice(6 + unit.layer.length);
  return unit.layer === layer && (stem.includes(rest) || rest.includes(stem) || `native_${rest}`.includes(stem));
}

function stagesFor(mutant, all, seen) {
  const layer = mutant.path.split('/')[0];
  const cost = (u) => baseline.get(u.name) ?? 1;
  const cheap = (list) => [...list].sort((a, b) => cost(a) - cost(b));
  const above = layers.slice(layers.indexOf(layer) + 1);
  const stages = [
    all.filter((u) => u.name === seen),
    cheap(all.filter((u) => u.layer && akin(mutant, u))),
    cheap(all.filter((u) => u.layer === layer)),
    ...above.map((l) => cheap(all.filter((u) => u.layer === l))),
    all.filter((u) => u.name.startsWith('replay_')),
    [simulator],
  ];
  const asked = new Set();
  return stages.map((stage) => stage.filter((u) => !asked.has(u.name) && asked.add(u.name))).filter((s) => s.length);
}

const baseline = new Map();

// The first test that failed, by name; else how the program ended.
function whatSaw(program, ended) {
  const test = /^not ok \d+ - (.+)$/m.exec(ended.output)?.[1];
  const sim = /^seed \d+, step \d+, \d+ ms: (.{0,60})/m.exec(ended.output)?.[1];
  const died = /assertion failed: ([^\n]{0,60})/.exec(ended.output)?.[1];
  const detail = sim ?? test ?? (died ? `ASSERT(${died})` : ended.hung ? 'does not end' : 'ends with an error');
  return `${program.name}: ${detail.replace(/ # .*/, '')}`;
}

// Runs programs, so many at a time, until one fails.
async function ask(programs) {
  const queue = [...programs];
  let saw = null;
  const worker = async () => {
    while (queue.length > 0 && !saw) {
      const program = queue.shift();
      const patience = Math.max(30, 10 * (baseline.get(program.name) ?? 1));
      const ended = await execute(program.argv, program.seconds ?? patience);
      if (ended.failed && !saw) {
        saw = { program: program.name, text: whatSaw(program, ended) };
        for (const child of running) killGroup(child);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return saw;
}

// A script that fails saw the bug only if it passes without it: none of them is run without bugs beforehand.
async function askScripts(file, original, mutated) {
  for (const script of scripts()) {
    const saw = await ask([script]);
    if (!saw) continue;
    writeFileSync(file, original);
    const fixed = await make(['plenum']);
    const again = fixed.failed ? { text: 'the server does not build' } : await ask([script]);
    if (!again) return saw;
    console.log(`    without the bug too: ${again.text}`);
    writeFileSync(file, mutated);
    await make(['plenum']);
  }
  return null;
}

async function show(mutant, all, seen, file, original) {
  for (const stage of stagesFor(mutant, all, seen)) {
    const made = await make(stage.flatMap((p) => p.targets));
    if (made.failed) return { error: `it does not compile: ${made.output.split('\n').find((l) => /error/.test(l))}` };
    const saw = await ask(stage);
    if (saw) return saw;
  }
  const made = await make(['plenum']);
  if (made.failed) return { error: 'the server does not build' };
  return askScripts(file, original, readFileSync(file, 'utf8'));
}

// ---- all of it -------------------------------------------------------------------------------------------------

async function withoutBugs(all) {
  const made = await make(all.flatMap((p) => p.targets));
  if (made.failed) throw new Error(made.output.slice(-4000));
  const queue = [...all];
  const broken = [];
  const worker = async () => {
    while (queue.length > 0) {
      const program = queue.shift();
      const start = Date.now();
      const ended = await execute(program.argv, 600);
      baseline.set(program.name, (Date.now() - start) / 1000);
      if (ended.failed) broken.push(`${whatSaw(program, ended)}\n${ended.output.slice(-2000)}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (broken.length > 0) throw new Error(`without any bug these fail:\n${broken.join('\n')}`);
}

async function main() {
  if (options.check) check();
  if (options.list) {
    for (const m of chosen) console.log(`${m.name.padEnd(32)} ${m.path.padEnd(32)} ${m.what}`);
    return 0;
  }
  mkdirSync(tree, { recursive: true });
  await copyTree();
  await configure();
  const all = [...units(), ...replayers(), simulator];
  await withoutBugs(all);
  const seen = existsSync(memory) ? JSON.parse(readFileSync(memory, 'utf8')) : {};
  const total = { passed: 0, failed: 0 };
  const line = (m, text, seconds) => console.log(`${m.name.padEnd(32)} ${text.padEnd(84)} ${seconds.toFixed(1).padStart(6)} s`);
  for (const mutant of chosen) {
    const start = Date.now();
    const file = join(tree, 'src', mutant.path);
    const original = mutant.stale ? '' : readFileSync(file, 'utf8');
    let saw = null;
    if (!mutant.stale) {
      writeFileSync(file, mutate(mutant, original).text);
      saw = await show(mutant, all, seen[mutant.name], file, original);
      writeFileSync(file, original);
    }
    let text = saw?.text ?? `SURVIVED: ${mutant.what}`;
    let good = Boolean(saw?.text);
    if (mutant.stale) text = `STALE: ${mutant.stale}`;
    else if (saw?.error) text = `ERROR: ${saw.error}`;
    else if (mutant.why) {
      good = !saw;
      text = saw ? `${saw.text}, though it is called no bug: ${mutant.why}` : `no bug: ${mutant.why}`;
    }
    if (saw?.program) seen[mutant.name] = saw.program;
    total[good ? 'passed' : 'failed'] += 1;
    line(mutant, text, (Date.now() - start) / 1000);
    writeFileSync(memory, JSON.stringify(seen, null, 1));
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && chosen.length > 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(130);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`mutants: ${error.message}`);
  process.exitCode = 2;
}
