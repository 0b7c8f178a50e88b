// SPDX-License-Identifier: Apache-2.0
//
// The load tool, run for what it measures.
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';

/** What plenum-bench prints as JSON, of a server on that port. onProgress gets what it says meanwhile. */
export function bench(port, args, onProgress, priority = 0) {
  const tool = spawn('build/release/plenum-bench', ['--url', `ws://127.0.0.1:${port}/ws`, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  setPriority(tool.pid, priority);
  let stdout = '';
  let stderr = '';
  tool.stdout.on('data', (piece) => { stdout += piece; });
  tool.stderr.on('data', (piece) => { stderr += piece; onProgress?.(String(piece)); });
  return new Promise((done, fail) => tool.once('close', () => {
    if (stdout) done(JSON.parse(stdout));
    else fail(new Error(stderr));
  }));
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
