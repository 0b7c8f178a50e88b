// SPDX-License-Identifier: Apache-2.0
//
// patience.js: asks again what the server could not answer for a reason that passes: too much was asked for, it is short of memory, it
// leaves. Nobody is to press a button for that. A lost connection is none of these: who asked then finds out by `joined`. No DOM here.

const TRIES = 6;             // with the waits between them about half a minute
const FIRST_MS = 500;        // doubled each time
const SHARE = 0.5;           // of a wait, by chance: whom one shortage has turned away do not come back as one
const PASSING = new Set(['rate_limited', 'unavailable', 'draining', 'internal', 'queue_full']);

export const passes = (error) => PASSING.has(error.code) || error.retry_ms > 0;

/** The connection went, or is not there yet: nothing is wrong with what was asked. */
export const isLost = (error) => error.code === 'disconnected' || error.code === 'timeout' || error.code === 'closed';

/** What `ask()` resolves with. Rejects with what will not pass, with the last error, or once nobody `wants` an answer any more. */
export async function patiently(ask, wants = () => true) {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!passes(error) || tries >= TRIES || !wants()) throw error;
      await pause(error.retry_ms, tries);
      if (!wants()) throw error;
    }
  }
}

/** No shorter than the server said. */
function pause(retryMs = 0, tries = 1) {
  const wait = Math.max(retryMs, FIRST_MS * 2 ** (tries - 1)) * (1 + SHARE * Math.random());
  return new Promise((done) => { setTimeout(done, wait); });
}
