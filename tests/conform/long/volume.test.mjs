// SPDX-License-Identifier: Apache-2.0
//
// What is large, or many, or compressed, all of it: every case of cases/volume.mjs in full, over TCP and TLS. Where a read gives an octet, what
// is compressed is as many messages as fit into OCTETS, or MESSAGES of them.
//
//     make conform                      MESSAGES=20 make conform: of a thousand messages so many
import { describe, it } from 'node:test';
import { cases } from '../cases/volume.mjs';
import { places, playVolume } from '../volume.mjs';

const MESSAGES = Number(process.env.MESSAGES ?? 1000);
const OCTETS = 256 * 1024;

function partOf(item, octets) {
  if (!octets || item.of === undefined) return { count: MESSAGES };
  return { count: Math.min(MESSAGES, Math.max(2, Math.floor(OCTETS / item.bytes))) };
}

for (const { name, server, at, octets } of await places()) {
  describe(name, { concurrency: octets ? 1 : 2 }, () => {
    for (const item of cases) {
      it(item.name, async (t) => {
        const { ms, sent, heard, compressed } = await playVolume(item, at, partOf(item, octets));
        t.diagnostic(`${(ms / 1000).toFixed(2)} s, ${sent} octets out, ${heard} back${item.offer ? `, ${compressed} compressed` : ''}`);
        server.check();
      });
    }
  });
}
