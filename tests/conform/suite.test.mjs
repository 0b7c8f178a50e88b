// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite: every case of the table, as written, octet by octet, and at once, over plain TCP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autobahn, groups } from './cases/index.mjs';
import { WAYS, bytesOf } from './play.mjs';
import { SUITE_FLAGS, playAll } from './suite.mjs';
import { sharedServer } from './support.mjs';

const server = await sharedServer({ flags: SUITE_FLAGS });
playAll(server, { port: server.http }, Object.keys(WAYS));

// Two cases that send the same are one case that counts twice.
test('every case has a name of its own, and sends what no other one sends', () => {
  const names = new Set(), streams = new Map();
  for (const [group, item] of Object.entries(groups).flatMap(([name, cases]) => cases.map((one) => [name, one]))) {
    const name = `${group}: ${item.name}`;
    assert.ok(!names.has(name), name);
    names.add(name);
    const stream = item.send.map((one) => (one.wait === undefined ? bytesOf(one).toString('latin1') : '')).join('');
    assert.ok(!streams.has(stream), `${name}, and ${streams.get(stream)}`);
    streams.set(stream, name);
  }
  assert.ok(names.size >= 600, `${names.size} cases`);
});

test('no number of the Autobahn suite is left out, outside of compression and of what is large', () => {
  const tried = Object.values(groups).flat().flatMap((item) => item.like ?? []);
  assert.deepEqual(tried.sort(), autobahn().sort());
});
