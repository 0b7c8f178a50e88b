#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// coverage: what of src/ the tests of a `cov` build went through, branches and lines, per file (worst first) and per layer.
//
//     node tools/coverage.mjs BUILD-FOLDER             the table; fails where a layer of FLOORS has fewer of its branches
//     node tools/coverage.mjs BUILD-FOLDER PATH...     the lines of these files or folders that have branches nobody took
//
// A branch is gcov's: one way on from a condition, so `a && b` has four. It was taken if any test took it; what a header has inline is
// counted once, whoever included it.
//
// Branches of assertions are left out: where one holds, its other way is the end of the process, so half of them cannot be taken by
// a test that passes, and each assertion more would be paid for with coverage. They are found in the text: all that stands
// between the parentheses of ASSERT(...) and UNREACHABLE(), over as many lines as it takes. What is on the same line in front of it or
// behind is left out with it; our style has nothing there but a short condition (`if (x) ASSERT(y);`).
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const FLOORS = { base: 92, wire: 92, dialect: 92, core: 92 }; // percent of branches

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const [build, ...wanted] = process.argv.slice(2);
if (!build) {
  console.error('usage: coverage.mjs BUILD-FOLDER [PATH...]');
  process.exit(2);
}

function figures(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return figures(path);
    return entry.name.endsWith('.gcda') ? [resolve(path)] : [];
  });
}

/** The numbers of the lines that an assertion stands on. */
function assertions(text) {
  const lines = new Set();
  const number = (at) => text.slice(0, at).split('\n').length;
  for (const found of text.matchAll(/\b(ASSERT|UNREACHABLE)\(/g)) {
    let at = found.index + found[0].length;
    for (let depth = 1; depth > 0 && at < text.length; at++) {
      const quoted = /^("(\\.|[^"\\])*"|'(\\.|[^'\\])*')/.exec(text.slice(at, at + 1000));
      if (quoted) at += quoted[0].length - 1;
      else if (text[at] === '(') depth++;
      else if (text[at] === ')') depth--;
    }
    for (let line = number(found.index), last = number(at); line <= last; line++) lines.add(line);
  }
  return lines;
}

// file -> line -> {count, branches: [count]}
const files = new Map();

function file(path) {
  if (!files.has(path)) files.set(path, { lines: new Map(), asserted: assertions(readFileSync(path, 'utf8')) });
  return files.get(path);
}

/** The same line of another object, or of another function that it was made part of: what one of them took is taken. */
function merge(into, line) {
  const branches = line.branches.map((branch) => branch.count);
  const known = into.get(line.line_number);
  if (!known) {
    into.set(line.line_number, { count: line.count, branches });
    return;
  }
  known.count += line.count;
  if (known.branches.length === branches.length) known.branches = branches.map((count, i) => count + known.branches[i]);
  else if (branches.length > known.branches.length) known.branches = branches;
}

/** Lines that a macro makes several of come with the functions they are in: side by side, not on top of each other. */
function gather(object) {
  for (const source of object.files) {
    const path = relative(root, resolve(object.current_working_directory, source.file));
    if (!path.startsWith('src/')) continue;
    const mine = new Map();
    for (const line of source.lines) {
      const same = mine.get(line.line_number);
      if (!same) mine.set(line.line_number, { ...line, branches: [...line.branches] });
      else {
        same.count += line.count;
        same.branches.push(...line.branches);
      }
    }
    for (const line of mine.values()) merge(file(path).lines, line);
  }
}

/** gcov ends at the first figures that are of another build of their object; those alone are left out, and said. */
function read(data) {
  const { status, stdout, stderr } = spawnSync('gcov', ['--branch-probabilities', '--json-format', '--stdout', ...data],
    { maxBuffer: 1 << 30, encoding: 'utf8' });
  if (status === 0) stdout.split('\n').filter(Boolean).forEach((line) => gather(JSON.parse(line)));
  else if (data.length > 1) [data.slice(0, data.length / 2), data.slice(data.length / 2)].forEach(read);
  else console.error(`coverage: ${data[0]}: ${stderr.trim().split('\n')[0]}`);
}
for (let data = figures(build); data.length > 0; data = data.slice(40)) read(data.slice(0, 40));
if (files.size === 0) {
  console.error('coverage: no figures: did the tests run?');
  process.exit(1);
}

function sum({ lines, asserted }) {
  const s = { lines: 0, lines_hit: 0, branches: 0, branches_hit: 0 };
  for (const [number, line] of lines) {
    s.lines++;
    s.lines_hit += line.count > 0;
    if (asserted.has(number)) continue;
    s.branches += line.branches.length;
    s.branches_hit += line.branches.filter((count) => count > 0).length;
  }
  return s;
}

const share = (hit, all) => (all === 0 ? 100 : (100 * hit) / all);
const figure = (hit, all) => `${share(hit, all).toFixed(1).padStart(6)} % of ${String(all).padStart(5)}`;

function row(s, name) {
  console.log(`${figure(s.branches_hit, s.branches)} branches, ${figure(s.lines_hit, s.lines)} lines  ${name}`);
}

function misses(path) {
  const text = readFileSync(path, 'utf8').split('\n');
  const { lines, asserted } = files.get(path);
  for (const [number, line] of [...lines].sort((a, b) => a[0] - b[0])) {
    const never = line.branches.filter((count) => count === 0).length;
    if (asserted.has(number) || never === 0) continue;
    const ways = line.count === 0 ? 'not reached' : `${never} of ${line.branches.length} never taken`;
    console.log(`${path}:${number}: ${ways}: ${text[number - 1].trim()}`);
  }
}

function table() {
  const rows = [...files].map(([path, lines]) => ({ path, ...sum(lines) }));
  rows.sort((a, b) => share(a.branches_hit, a.branches) - share(b.branches_hit, b.branches) || a.path.localeCompare(b.path));
  const layers = {};
  for (const one of rows) {
    row(one, one.path);
    const layer = (layers[one.path.split('/')[1]] ??= { lines: 0, lines_hit: 0, branches: 0, branches_hit: 0 });
    for (const key of Object.keys(layer)) layer[key] += one[key];
  }
  console.log('\nbranches without those of assertions, per layer:');
  let short = 0;
  for (const [name, s] of Object.entries(layers)) {
    const floor = FLOORS[name];
    const under = floor !== undefined && share(s.branches_hit, s.branches) < floor;
    short += under;
    row(s, name + (floor === undefined ? '' : ` (${under ? 'UNDER' : 'at least'} ${floor} %)`));
  }
  process.exitCode = short ? 1 : 0;
}

if (wanted.length === 0) table();
for (const path of wanted.flatMap((one) => (statSync(one).isDirectory() ? [...files.keys()].filter((p) => p.startsWith(join(one, '/'))) : [one])).sort()) {
  if (files.has(path)) misses(path);
  else console.log(`${path}: no figures`);
}
