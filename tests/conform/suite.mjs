// SPDX-License-Identifier: Apache-2.0
//
// suite.mjs - what the programs that play the table have in common.
//
//   suite            plain TCP: as written, octet by octet, at once
//   suite-tls        TLS, octet by octet: records of one octet
//   suite-octets     a server that reads an octet at a time (--debug-read-limit 1), at once: plain TCP, and over TLS what is about frames
import { execFileSync } from 'node:child_process';
import { createSecureContext } from 'node:tls';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { MESSAGE_MAX } from './cases/parts.mjs';
import { groups } from './cases/index.mjs';
import { hold } from './play.mjs';
import { PLENUM } from './support.mjs';

// Nobody is cut off for being slow: that is not what is tried here.
export const SUITE_FLAGS = [`--limits.message_bytes=${MESSAGE_MAX}`, '--limits.reply_bytes=8388608', '--limits.close_ms=20000', '--limits.handshake_ms=30000'];
const WIDTH = 16; // cases at a time

// A listener that speaks TLS, beside the plain ones: the flag for it, and where it is once the server runs.
export function secureListener() {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-suite-'));
  after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tls');
  execFileSync(PLENUM, ['cert', '--out', path]);
  return {
    flag: `--server.listen=[{address: "127.0.0.1:0", kind: http, tls: [{cert: ${path}.pem, key: ${path}.key}]}]`,
    at: (server) => ({ port: Number(/^ready.* https=\S+:(\d+)/m.exec(server.stdout)[1]), secure: createSecureContext({ ca: readFileSync(`${path}.pem`) }) }),
  };
}

// Each case of the table is a test: played in all those ways, which must come to the same.
export function playAll(server, at, ways, { what = '', only = Object.keys(groups) } = {}) {
  for (const name of only) {
    const cases = groups[name];
    describe(`${name}${what}`, { concurrency: WIDTH }, () => {
      for (const item of cases.filter(({ secure = true }) => secure || !at.secure)) {
        it(item.name, async () => {
          let like = null;
          for (const way of ways) like = await hold(item, way, at, like);
          server.check();
        });
      }
    });
  }
}
