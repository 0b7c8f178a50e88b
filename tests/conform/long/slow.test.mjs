// SPDX-License-Identifier: Apache-2.0
//
// Messages that take their time (docs/protocol/native.md, "Heartbeat"), in real time: who sends 300 bytes a second is heard to the end, at any
// heartbeat, and who sends one is cut off. Which rates are which, and that it is so at any time: tests/unit/test_core_heartbeat.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withServer } from '../support.mjs';
import { CLOSE, PING, TEXT, Ws, frame } from '../websocket.mjs';

const SECONDS = 100; // more than three of the times over which a rate is taken (base/limits.h, MESSAGE_LOOK_MS)

// One message in one frame, so many octets of it each second. Pings cannot be answered within a frame: what comes counts as an answer. Resolves with what came back, and after how many seconds.
async function trickle(server, perSecond, seconds) {
  const ws = await Ws.open(server, '/conformance/echo');
  const bytes = frame(TEXT, 'x'.repeat(perSecond * seconds));
  const start = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    ws.tcp.write(bytes.subarray(sent, sent + perSecond));
    sent += perSecond;
    if (sent >= bytes.length) clearInterval(timer);
  }, 1000);
  try {
    for (;;) {
      const got = await ws.frame((seconds + 60) * 1000);
      if (got.opcode !== PING) return { ws, got, seconds: (performance.now() - start) / 1000 };
    }
  } finally {
    clearInterval(timer);
  }
}

describe('a message that takes its time', { concurrency: 4 }, () => {
  for (const interval of [1, 10, 30]) {
    const flags = [`--heartbeat.interval_s=${interval}`, `--heartbeat.min_s=${Math.min(interval, 10)}`, '--limits.message_bytes=1MiB'];
    it(`is heard to the end at 300 bytes a second, and cut off at one; heartbeats every ${interval} s`, async () => {
      await withServer({ flags }, async (server) => {
        const [slow, hostile] = await Promise.all([trickle(server, 300, SECONDS), trickle(server, 1, 4 * SECONDS)]);
        assert.equal(slow.got.opcode, TEXT);
        assert.equal(slow.got.payload.length, 300 * SECONDS);
        assert.equal(hostile.got.opcode, CLOSE);
        assert.equal(hostile.got.payload.readUInt16BE(), 1008);
        assert.ok(hostile.seconds >= 30 && hostile.seconds <= interval + 2 * 30 + 5, `${hostile.seconds} s`);
        await slow.ws.close();
      });
    });
  }
});
