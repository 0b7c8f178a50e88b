// SPDX-License-Identifier: Apache-2.0
//
// A server with a store: what was acknowledged is there after kill -9, and after a good end; its directory is its own.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, PLENUM, run, startServer, until } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-store-'));
after(() => rmSync(folder, { recursive: true }));

const flags = (name, ...more) => ['--store.kind=sqlite', `--server.data_dir=${join(folder, name)}`, '--server.shards=2', '--rooms.durability=disk', ...more];

async function wordsOf(server, room) {
  const one = await Native.open(server);
  await one.join(room, { history: 100 });
  await until(() => one.data(room).length >= 20, 'what was said in another life');
  return one.data(room);
}

test('what was acknowledged is there after kill -9, and after a good end', async (t) => {
  const words = Array.from({ length: 20 }, (_, i) => `word ${i}`);
  const first = await startServer(t, { flags: flags('kept') });
  const ada = await Native.open(first);
  for (const room of ['tea', 'milk']) {
    await ada.join(room);
    for (const word of words) await ada.say(room, word);
  }
  first.kill('SIGKILL');
  await first.ended;

  const second = await startServer(t, { flags: flags('kept') });
  for (const room of ['tea', 'milk']) assert.deepEqual(await wordsOf(second, room), words);
  second.kill('SIGTERM');
  await second.ended;

  const third = await startServer(t, { flags: flags('kept') });
  assert.deepEqual(await wordsOf(third, 'tea'), words);
});

test('the directory is one server\'s, and its owner\'s', async (t) => {
  const server = await startServer(t, { flags: flags('own') });
  const at = join(folder, 'own');
  assert.equal(statSync(at).mode & 0o777, 0o700);
  for (const file of ['resume.key', 'plenum.db', 'plenum.lock']) assert.equal(statSync(join(at, file)).mode & 0o777, 0o600, file);
  const key = readFileSync(join(at, 'resume.key'));
  const pid = readFileSync(join(at, 'plenum.lock'), 'utf8').trim();
  const other = await run(PLENUM, ['serve', '--server.http=127.0.0.1:0', ...flags('own')]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, new RegExp(`it is in use: another server has it, process ${pid}; .*store\\.kind: none`));
  server.kill('SIGTERM');
  await server.ended;
  await startServer(t, { flags: flags('own') });
  assert.deepEqual(readFileSync(join(at, 'resume.key')), key);
});

test('a directory that cannot be made is told of', async () => {
  writeFileSync(join(folder, 'file'), '');
  const { code, stderr } = await run(PLENUM, ['serve', '--server.http=127.0.0.1:0', ...flags('file/data')]);
  assert.equal(code, 2);
  assert.match(stderr, /server\.data_dir: .*: cannot make it: Not a directory; .*store\.kind: none/);
});
