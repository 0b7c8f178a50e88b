// SPDX-License-Identifier: Apache-2.0
//
// What was taken back stands nowhere any more: after a `delete` the words of the message, and of all its edits, are looked for in
// the memory of the process, used or freed. The release binary runs here: a sanitizer keeps freed memory for its own ends.
//
// What is in people's hands (a socket, a queue of somebody who does not read) is not the server's to take back: all here read.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EchoSocket, Native, Nc, RELEASE, openMany, run, startServer, until, within } from './support.mjs';

const FLAGS = ['--server.shards=2', '--rooms.edit_window_s=600', '--rooms.delete_window_s=600'];
const ROOMS = 6;              // with homes on both shards, all but surely
const FORGOTTEN_MS = 1000;
const CHUNK = 1 << 20;

const word = () => randomBytes(20).toString('hex');

/** Where each of `words` stands in what the process may write to: `[word, region, address, bytes around it]`. */
function find(pid, words) {
  const found = [];
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from, to, writable, name] = /^([0-9a-f]+)-([0-9a-f]+) r(.)\S+ \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (writable !== 'w') continue;
    const end = Number.parseInt(to, 16);
    for (let at = Number.parseInt(from, 16); at < end; at += CHUNK) {
      const part = Buffer.alloc(Math.min(CHUNK + 64, end - at));   // a word may lie across two
      try {
        readSync(mem, part, 0, part.length, at);
      } catch {
        continue;   // unmapped meanwhile
      }
      for (const each of words) {
        for (let k = part.indexOf(each); k >= 0 && k < CHUNK; k = part.indexOf(each, k + 1)) {
          const around = part.subarray(Math.max(0, k - 100), k + 60).toString('latin1').replace(/[^\x20-\x7e]/g, '.');
          found.push([each, name || 'anonymous', `${(at + k).toString(16)} in ${from}-${to}`, around]);
        }
      }
    }
  }
  closeSync(mem);
  return found;
}

const stands = (server, words) => new Set(find(server.pid, words).map(([each]) => each));

/** Asserts that they are gone within the time. */
async function forgotten(server, words, name = (each) => each) {
  const deadline = performance.now() + FORGOTTEN_MS;
  for (;;) {
    const found = find(server.pid, words);
    if (found.length === 0) return;
    if (performance.now() > deadline) {
      const all = found.map(([each, region, at, around]) => `${name(each)}: ${region} ${at}: ${around}`);
      assert.fail(`${found.length} places after ${FORGOTTEN_MS} ms:\n${all.join('\n')}`);
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function call(server, command, body) {
  const response = await within(fetch(`${server.url}/api/v1/${command}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  }), command);
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

/** A room with readers of all kinds on both shards. */
async function furnish(t, server, room) {
  const natives = await openMany(server, 4, (i) => ({ name: `n${i}` }));
  for (const each of natives) await each.join(room, { history: 10 });
  const line = new Nc(t, server), echo = await EchoSocket.open(server);
  line.type(`/join ${room}`);
  echo.type(`/join ${room}`);
  return { room, natives, line, echo, words: [], names: new Map() };
}

async function hear(place, text) {
  place.words.push(text);
  for (const each of place.natives.slice(2)) await each.hears((m) => JSON.stringify(m).includes(text), text);
  await place.line.sees(new RegExp(text));
  await place.echo.sees(new RegExp(text));
}

/** Says something by each way there is, has it edited, read, and taken back. */
async function sayAndTakeBack(server, place, number) {
  const { room, natives: [ada, ben, cy] } = place;
  const say = async (how) => {
    const text = word();
    place.names.set(text, `${how} in ${room}`);
    return text;
  };
  const offsets = [];

  const plain = await say('plain');
  offsets.push((await ada.say(room, plain)).offset);
  await hear(place, plain);
  const edited = await say('edit');
  await ada.ask({ type: 'edit', room, offset: offsets[0], data: edited });
  await hear(place, edited);
  const again = await say('second edit');
  await ada.ask({ type: 'edit', room, offset: offsets[0], data: { text: again } });
  place.words.push(again);

  const keyed = await say('with a key');
  offsets.push((await ben.say(room, keyed, { key: word() })).offset);
  await hear(place, keyed);

  const byApi = await say('by the API');
  offsets.push((await call(server, 'publish', { room, data: byApi })).offset);
  await hear(place, byApi);

  const typed = await say('typed');
  place.line.type(`${typed} "quoted"`);
  await hear(place, typed);
  offsets.push(cy.heard.find((m) => JSON.stringify(m).includes(typed)).offset);

  const large = await say('large');
  offsets.push((await ada.say(room, `${'x'.repeat(40_000)}${large}`)).offset);
  await hear(place, large);

  const split = await say('in two frames');
  ada.socket.send(`{"type":"message","room":"${room}","data":"${split}`, { fin: false });
  ada.socket.send('"}');
  await hear(place, split);
  offsets.push(cy.heard.find((m) => JSON.stringify(m).includes(split)).offset);

  // Read anew: a page of each kind, somebody who comes, somebody who was away.
  const page = await ada.ask({ type: 'history', room, limit: 100 });
  assert.ok(JSON.stringify(page).includes(again));
  const pages = await call(server, 'history', { room, limit: 100 });
  assert.ok(JSON.stringify(pages).includes(keyed));
  const late = await Native.open(server);
  await late.join(room, { history: 50 });
  await late.hears((m) => JSON.stringify(m).includes(split), 'the past');
  await late.close();

  const kept = [again, keyed, byApi, typed, large, split];
  assert.deepEqual(stands(server, kept), new Set(kept), 'what is kept can be found so');
  for (const offset of offsets) {
    const own = cy.heard.find((m) => m.offset === offset).from.user === ada.user;
    if (own && number % 2) await ada.ask({ type: 'delete', room, offset });
    else await call(server, 'delete', { room, offset });
  }
  for (const each of place.natives.slice(2)) {
    await until(() => each.of('message:deleted').filter((m) => m.room === room).length === offsets.length, 'all deletions');
  }
}

test('the words of a deleted message stand nowhere in the memory of the process', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: FLAGS });
  const places = [];
  for (let i = 0; i < ROOMS; i++) places.push(await furnish(t, server, `room ${i}`));
  for (const [i, place] of places.entries()) {
    await sayAndTakeBack(server, place, i);
    await forgotten(server, place.words, (each) => place.names.get(each));
  }
});

// Whatever is not a message of one person in a room with people in it.
test('nor those of a batch, of a room that all have left, or of pages longer than a block of malloc', async (t) => {
  const server = await startServer(t, { bin: RELEASE, flags: FLAGS });
  const room = 'left';
  const natives = await openMany(server, 4);
  for (const each of natives) await each.join(room);
  const texts = Array.from({ length: 6 }, word), large = Array.from({ length: 6 }, word), refused = word();
  const { replies } = await call(server, 'batch', {
    commands: texts.map((text) => ({ type: 'publish', room, data: { text: `\u00fc "${text}"` }, key: text.slice(0, 8) })),
  });
  const offsets = replies.map((each) => each.offset);
  assert.ok(offsets.every((each) => each > 0), JSON.stringify(replies));
  for (const text of large) offsets.push((await natives[0].say(room, `${text}${'y'.repeat(50_000)}${text}`)).offset);
  await assert.rejects(natives[1].ask({ type: 'edit', room, offset: offsets.at(-1), data: refused }), /forbidden/);
  for (const each of natives) {
    const page = await each.ask({ type: 'history', room, limit: 100 });
    assert.ok(JSON.stringify(page).includes(large[5]));
  }
  await call(server, 'history', { room, limit: 100 });
  for (const each of natives) await each.leave(room);
  for (const each of natives.slice(2)) await each.close();

  const all = [...texts, ...large];
  assert.deepEqual(stands(server, all), new Set(all), 'what is kept can be found so');
  for (const offset of offsets) await call(server, 'delete', { room, offset });
  await forgotten(server, [...all, refused]);
});

test('nor in what TLS has had in its hands', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-forget-'));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal((await run(RELEASE, ['cert', '--out', join(folder, 'a')])).code, 0);
  const server = await startServer(t, { bin: RELEASE, flags: [...FLAGS, `--server.tls={cert: ${folder}/a.pem, key: ${folder}/a.key}`] });
  const person = async () => {
    const one = await Native.open(`wss://${server.http}/ws`, {}, { rejectUnauthorized: false });
    await one.ask({ type: 'join', room: 'r' });
    return one;
  };
  const people = [await person(), await person(), await person(), await person()];
  const words = Array.from({ length: 4 }, word);
  const offsets = [];
  for (const [i, each] of words.entries())
    offsets.push((await people[i].ask({ type: 'message', room: 'r', data: { text: `${each} `.repeat(i === 3 ? 900 : 1) } })).offset);
  for (const one of people) await until(() => one.heard.filter((m) => m.type === 'message').length === 3, 'what the others said');
  assert.equal(stands(server, words).size, 4); // they are kept: the search finds what there is
  for (const [i, offset] of offsets.entries()) await people[i].ask({ type: 'delete', room: 'r', offset });
  await forgotten(server, words);
  for (const one of people) one.socket.close();
});
