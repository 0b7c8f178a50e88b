// SPDX-License-Identifier: Apache-2.0
//
// docs/SECURITY.md says which test holds which line of the catalogue. Here the page is held to it: every line has its row, or is named among
// those that have none; each test that a row names is there and names the line; each line that a test of this folder names has a row that
// says so.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const docs = resolve(here, '../../docs');
const page = readFileSync(join(docs, 'SECURITY.md'), 'utf8');
const LINES = { A: 15, B: 16, C: 7, D: 13 };

/** A row's letter, what holds, and its tests as paths. */
const rows = [...page.matchAll(/^\| ([A-D]\d+) \| (.+?) \| (.+?) \| (.+) \|$/gm)].map(([, line, done, holds, tests]) =>
  ({ line, done, holds, tests: [...tests.matchAll(/\]\(\.\.\/(tests\/[^)]+)\)/g)].map(([, path]) => path) }));

/** The lines that a test's names say it is about: of a program in C, all that it names. */
function named(path) {
  const text = readFileSync(resolve(docs, '..', path), 'utf8');
  const places = path.endsWith('.c') ? [text] : [...text.matchAll(/\btest\((['`])(.*?):/g)].map(([, , name]) => name);
  return new Set(places.flatMap((place) => [...place.matchAll(/\b([A-D]\d+)\b/g)].map(([, line]) => line)));
}

test('every line of groups A to D has one row, or is among those that no test holds', () => {
  const without = page.split('## What no test here holds')[1] ?? '';
  for (const [group, count] of Object.entries(LINES)) {
    for (let n = 1; n <= count; n++) {
      const line = `${group}${n}`;
      const found = rows.filter((row) => row.line === line).length;
      assert.equal(found, new RegExp(`\\b${line} \\(`).test(without) ? 0 : 1, line);
    }
  }
  assert.equal(rows.length, new Set(rows.map((row) => row.line)).size);
});

test('what a row names is there, and names the line', () => {
  assert.ok(rows.length > 35);
  for (const { line, tests } of rows) {
    assert.ok(tests.length > 0, `${line} has no test`);
    for (const path of tests) assert.ok(named(path).has(line), `${line} in the names of the tests of ${path}`);
  }
});

test('what a test of this folder names is in the row', () => {
  for (const file of readdirSync(here).filter((name) => name.endsWith('.test.mjs') && name !== 'table.test.mjs')) {
    const path = `tests/abuse/${file}`;
    assert.ok(named(path).size > 0, `${path} names no line`);
    for (const line of named(path)) {
      const row = rows.find((one) => one.line === line);
      assert.ok(row?.tests.includes(path), `${path} holds ${line}, and SECURITY.md does not say so`);
    }
  }
});
