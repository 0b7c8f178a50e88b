#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// check-assertions: core says what it takes for granted, where it does.
//
//     tools/check-assertions.mjs [ROOT]
//
// 1. src/core has 30 assertions per 1,000 lines at least, most of them on live paths: not in functions named ..._check...
// 2. A header of base or core that lists its invariants names the function that asserts them: "Invariants (thing_check)".
// 3. Each number of such a list, in any header, stands behind an assertion in that function, or in one with "check" in its name
//    that it calls: `ASSERT(a <= b); // 2`. A number that belongs to another list of invariants does not count.
//
// Prints `file:line: what: what to do instead` per finding; exit 1 if there is any.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PER_1000 = 30;
process.chdir(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
if (!existsSync('src')) {
  console.error(`check-assertions: no sources in ${process.cwd()}/src`);
  process.exit(2);
}
let bad = false;
function complain(place, what) {
  console.log(`${place}: ${what}`);
  bad = true;
}

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : /\.[ch]$/.test(entry.name) ? [join(folder, entry.name)] : []);
}
const sources = files('src').map((path) => ({ path, text: readFileSync(path, 'utf8') }));

// The functions of a file whose names tell that they check: our style has the name at the head of a line and the end at its own.
function checks(text) {
  const found = [];
  for (const m of text.matchAll(/^[^\s/#}][^\n;=]*?\b(\w*check\w*)\([^;{]*\)\s*\{\n([\s\S]*?)^\}/gm)) found.push({ name: m[1], body: m[2] });
  return found;
}
const count = (text) => (text.match(/\bASSERT\(/g) ?? []).length;

// ---- how many

const core = sources.filter((s) => s.path.startsWith(join('src', 'core')));
if (core.length !== 0) {
  const lines = core.reduce((n, s) => n + s.text.split('\n').length - 1, 0);
  const all = core.reduce((n, s) => n + count(s.text), 0);
  const checking = core.reduce((n, s) => n + checks(s.text).reduce((k, f) => k + count(f.body), 0), 0);
  if (all * 1000 < PER_1000 * lines)
    complain('src/core', `${all} assertions in ${lines} lines, ${(all * 1000 / lines).toFixed(1)} per 1,000: say what holds where state ` +
      `changes, until there are ${PER_1000}`);
  if ((all - checking) * 2 <= all)
    complain('src/core', `${checking} of ${all} assertions are in functions that check: say it on the live path, too`);
}

// ---- invariants

// The lists of a header: the line, the name of the function or '', the numbers.
function lists(text) {
  const found = [];
  let list = null;
  text.split('\n').forEach((line, i) => {
    const head = /^\/\/ Invariants?\b(?: \((\w*check\w*))?/.exec(line);
    const row = /^\/\/\s+(\d+)\. /.exec(line);
    if (head) found.push((list = { line: i + 1, name: head[1] ?? '', numbers: [] }));
    else if (row && list) list.numbers.push(row[1]);
    else if (!/^\/\/ {2,}\S/.test(line)) list = null;
  });
  return found.filter((l) => l.numbers.length !== 0);
}

const bodies = new Map();
for (const s of sources)
  for (const f of checks(s.text)) bodies.set(f.name, (bodies.get(f.name) ?? '') + f.body);
const headers = sources.filter((s) => s.path.endsWith('.h')).flatMap((s) => lists(s.text).map((l) => ({ ...l, path: s.path })));
const listed = new Set(headers.map((l) => l.name));

function marks(name, seen = new Set()) {
  if (seen.has(name)) return new Set();
  seen.add(name);
  const body = bodies.get(name) ?? '';
  const found = new Set([...body.matchAll(/\/\/ (\d+(?:, \d+)*)/g)].flatMap((m) => m[1].split(', ')));
  for (const [, called] of body.matchAll(/\b(\w*check\w*)\(/g))
    if (!listed.has(called)) for (const mark of marks(called, seen)) found.add(mark);
  return found;
}

for (const list of headers) {
  const place = `${list.path}:${list.line}`;
  if (list.name === '') {
    if (/^src\/(base|core)\//.test(list.path)) complain(place, 'invariants without a check: name it, "Invariants (thing_check)", and write it');
    continue;
  }
  if (!bodies.has(list.name)) {
    complain(place, `there is no ${list.name}(): write it, and have it called`);
    continue;
  }
  const asserted = marks(list.name);
  for (const number of list.numbers)
    if (!asserted.has(number)) complain(place, `${list.name}() does not assert invariant ${number}: assert it, with "// ${number}" behind it`);
}
process.exit(bad ? 1 : 0);
