// SPDX-License-Identifier: Apache-2.0
//
// A slice of `make faults` that is short enough for each run of all tests: some of the faults, in the build with sanitizers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLENUM } from '../e2e/support.mjs';
import { native } from './native.mjs';
import { commands, starting } from './processes.mjs';
import { sweep } from './sweep.mjs';

function check(t, { steps, findings, faults, seconds }, least) {
  t.diagnostic(`${steps} steps, ${faults} faults, ${seconds.toFixed(1)} s`);
  assert.deepEqual(findings.map(({ faults: which, error }) => `${which.join('\n')}\n${error.stack}`), []);
  assert.ok(faults >= least, `${faults} faults`);
}

test('people, rooms and words: one call in ten fails once', async (t) => check(t, await sweep(native('native', ['json', 'protobuf']), { bin: PLENUM, every: 10 }), 20));
test('a start: the first calls that fail are said, or got over', async (t) => check(t, await starting.run({ bin: PLENUM, max: 12 }), 11));
test('commands say why they cannot', async (t) => check(t, await commands.run({ bin: PLENUM, max: 12 }), 11));
