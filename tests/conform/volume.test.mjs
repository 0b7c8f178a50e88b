// SPDX-License-Identifier: Apache-2.0
//
// What is large, or many, or compressed, in short: every case of cases/volume.mjs with messages that are smaller, or fewer. `make conform`
// plays all of it (tests/conform/long).
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { NUMBERS, cases } from './cases/volume.mjs';
import { places, playVolume } from './volume.mjs';

// What is compressed is as large as that at most.
const PARTS = {
  TCP: { part: { shrink: 16, count: 2 }, most: Infinity },
  TLS: { part: { shrink: 32, count: 2 }, most: 16384 },
  'TCP, an octet at a time': { part: { shrink: 512, count: 2 }, most: 1024 },
  'TLS, an octet at a time': { part: { shrink: 512, count: 2 }, most: 1024 },
};

for (const { name, server, at } of await places()) {
  const { part, most } = PARTS[name];
  describe(name, { concurrency: 4 }, () => {
    for (const item of cases.filter(({ of, bytes }) => of === undefined || bytes <= most)) {
      it(item.name, async () => {
        await playVolume(item, at, part);
        server.check();
      });
    }
  });
}

test('no number of the Autobahn suite is left out of what is large, and of compression', () => {
  assert.deepEqual(cases.flatMap(({ like }) => like ?? []).sort(), [...NUMBERS].sort());
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
});
