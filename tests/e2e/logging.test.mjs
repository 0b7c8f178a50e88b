// SPDX-License-Identifier: Apache-2.0
//
// Whoever reads the log may be slow, or stopped: the server is not. A pipe whose reader got SIGSTOP; a terminal, which
// takes a part of a line and then stops its writer, between the server and util-linux's `script`.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Native, PLENUM, Program, Server, run, until, within } from './support.mjs';

const FLAGS = ['serve', '--server.http=127.0.0.1:0', '--server.text=127.0.0.1:0', '--server.admin=', '--server.shards=2', '--logging.level=debug',
  '--limits.commands_per_s=0', '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0',
  '--limits.address_rooms_created_per_s=0', '--drain.interval_ms=1', '--drain.deadline_s=5'];

/** A folder that goes with the test. */
function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'plenum-log-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const quote = (words) => words.map((word) => `'${word}'`).join(' ');

/** False for what has ended, also before somebody has asked how. */
function isRunning(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The names of its threads; of one that ends meanwhile none. */
function threads(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    try {
      return readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim();
    } catch {
      return [];
    }
  });
}

/** A server whose stdout is a file and whose stderr is what the shell makes it; it ends with the test. */
async function serve(t, { shell, argv }) {
  const path = join(folder(t), 'stdout');
  const program = new Server(shell, argv(path));
  t.after(() => program.kill('SIGKILL'));
  await until(() => {
    try { program.stdout = readFileSync(path, 'utf8'); } catch { return program.result; }
    return /^ready .*\n/m.test(program.stdout) || program.result;
  }, 'the ready line');
  await program.ready();
  program.serverPid = Number(/ pid=(\d+)$/m.exec(program.stdout)[1]);
  t.after(() => { if (isRunning(program.serverPid)) process.kill(program.serverPid, 'SIGKILL'); });
  return program;
}

/** Median and worst time from a word to its arrival, in ms, over `count` words one by one. */
async function latencies(speaker, hearer, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const data = `word ${times.length} ${performance.now()}`;
    const said = performance.now();
    speaker.send({ type: 'message', room: 'talk', data });
    const heard = await hearer.hears((m) => m.type === 'message' && m.data === data, 'the word', 5_000);
    times.push(heard.at - said);
    hearer.heard.length = 0;
  }
  times.sort((a, b) => a - b);
  return { median: times[count >> 1], most: times[count - 1] };
}

/** Connections that come, join rooms of their own and go, until `enough`: each is half a dozen lines at debug level. */
async function churn(server, enough) {
  for (let i = 0; !enough(); i++) {
    const client = await Native.open(server, { name: `visitor ${i}` });
    await client.join(`room ${i % 50}`);
    await client.ask({ type: 'leave', room: 'not there' }).catch(() => {});
    await client.close();
  }
}

const lost = (server) => server.metric('plenum_log_lines_lost_total');

/** The same talk with nothing in the way of the log and with its reader stopped, until lines are lost. */
async function talkWhileStopped(server, stop) {
  const [ada, bob] = [await Native.open(server, { name: 'Ada' }), await Native.open(server, { name: 'Bob' })];
  await ada.join('talk');
  await bob.join('talk');
  const before = await latencies(ada, bob, 100);
  stop();
  let full = false;
  const visitors = churn(server, () => full);
  await until(async () => await lost(server) > 0, 'a lost line', 60_000);
  const during = await latencies(ada, bob, 100);
  full = true;
  await visitors;
  const after = await latencies(ada, bob, 100);
  // The visitors are on the same cores, so `during` is no measure of much; a stalled shard would not answer at all.
  assert.ok(during.most < 2_000, `a word took ${during.most} ms while nobody read the log`);
  assert.ok(after.median < 5 * before.median + 5, `${after.median} ms, and ${before.median} ms before`);
  return [ada, bob];
}

/** How many lines a log says that it lost. */
const told = (log) => [...log.matchAll(/event=log_lost lines=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);

test('a pipe whose reader is stopped stalls nobody, and what was lost is told', async (t) => {
  const fifo = join(folder(t), 'log');
  assert.equal((await run('mkfifo', [fifo])).code, 0);
  const reader = new Program('cat', [fifo]);
  t.after(() => reader.kill('SIGKILL'));
  const server = await serve(t, {
    shell: 'sh', argv: (out) => ['-c', `exec ${quote([PLENUM, ...FLAGS])} >'${out}' 2>'${fifo}'`],
  });
  const people = await talkWhileStopped(server, () => reader.kill('SIGSTOP'));
  reader.kill('SIGCONT');
  await until(async () => told(reader.stdout) === await lost(server), () => `all lost lines to be told; ${told(reader.stdout)} are`);
  for (const client of people) await client.close();
  server.kill('SIGTERM');
  assert.deepEqual(await within(server.ended, 'the server to stop'), { code: 0, signal: null });
  await within(reader.ended, 'the reader to end');
  assert.match(reader.stdout, /event=stopped connections="all closed"\n/);
  for (const line of reader.stdout.split('\n').slice(0, -1)) assert.match(line, /^time=\S+ level=\w+ event=\w+/);
});

test('a terminal that is stopped stalls nobody, and does not hold up the end', async (t) => {
  const server = await serve(t, {
    shell: 'script',
    argv: (out) => ['-qfec', `exec ${quote([PLENUM, ...FLAGS])} >'${out}'`, '/dev/null'],
  });
  const people = await talkWhileStopped(server, () => server.kill('SIGSTOP'));
  for (const client of people) await client.close();
  process.kill(server.serverPid, 'SIGTERM');   // nobody reads its last lines
  await until(() => threads(server.serverPid).every((name) => !/^(shard|watchdog)/.test(name)), 'the server itself to be gone');
  process.kill(server.serverPid, 'SIGTERM');   // who is impatient finds it waiting for the log
  await until(() => !isRunning(server.serverPid), 'the server to be gone', 15_000);
  server.kill('SIGCONT');
  assert.deepEqual(await within(server.ended, '`script` to end'), { code: 0, signal: null });
});

test('the last lines are in the file when the process has ended', async (t) => {
  const log = join(folder(t), 'log');
  const fd = openSync(log, 'a');
  writeSync(fd, 'was there before\n');
  closeSync(fd);
  const server = await serve(t, {
    shell: 'sh', argv: (out) => ['-c', `exec ${quote([PLENUM, ...FLAGS])} >'${out}' 2>>'${log}'`],
  });
  const ada = await Native.open(server, { name: 'Ada' });
  await ada.join('talk');
  server.kill('SIGHUP');
  await until(() => readFileSync(log, 'utf8').includes('event=reloaded'), 'the reload');
  server.kill('SIGTERM');
  assert.equal((await within(server.ended, 'the server to stop')).code, 0);
  const text = readFileSync(log, 'utf8');
  assert.match(text, /^was there before\n/);
  assert.match(text, /event=draining signal=SIGTERM .*\n(.*\n)*.*event=stopped connections="all closed"\n/);
  assert.equal(told(text), 0);
});
