// SPDX-License-Identifier: Apache-2.0
//
// healthy.mjs - somebody whom others' floods must not touch, as a thread of its own (support.mjs, Healthy): what the test's own loop is
// busy with, sending a flood, is not in its times.
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, prelude, ask } = workerData;
const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
const times = [];
let going = true, seen = '', wanted = null, wake = null;

socket.on('data', (chunk) => {
  seen = seen.slice(-200) + chunk.toString('latin1'); // there may be much that is not what it waits for
  if (wanted !== null && seen.includes(wanted)) wake();
});
socket.on('close', () => { if (going) throw new Error(`the healthy one was cut off: ${seen.slice(-300)}`); });
parentPort.on('message', () => { going = false; });

/** Sends, and waits for what is to come. */
async function exchange([bytes, marker]) {
  await new Promise((done) => {
    [seen, wanted, wake] = ['', marker, done];
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

for (const step of prelude) await exchange(step);
parentPort.postMessage('ready');
while (going) {
  const start = performance.now();
  await exchange(ask);
  times.push(performance.now() - start);
  await new Promise((next) => setImmediate(next)); // for the message that ends it
}
socket.destroy();
parentPort.postMessage(times);
parentPort.close();
