#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// crash: a server under load is killed at random moments and started again on what it has kept, round by round; whether all is there
// that was told says ledger.mjs.
//
//     node tests/crash/crash.mjs [--rounds N] [--seed N] [--memory] [-- SETTING ...]
//
//   rooms     two `disk`, two `async`, by rules of their names; --memory: none of them, for a server without a store: it must fail then
//   clients   three in each room; each says words of its own, all of them at once; the room's host changes its state, gives roles, bans
//   kill -9   20 to 250 ms after the load has begun, by the seed
//   then      a client joins each room with what it was told last, reads all of its history, and the ledger judges
//
// What is behind -- goes to the server as it is. Prints the seed first, a line for each thing that must not be, and `N rounds passed`;
// exit 1 where there was any. The server: PLENUM_RELEASE_BIN.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Native, RELEASE, SECRET, Server, mint, within } from '../e2e/support.mjs';
import { Ledger } from './ledger.mjs';

const ROOMS = ['disk-a', 'disk-b', 'async-a', 'async-b'];
const PEOPLE = ['host', 'ann', 'bob'];
const PAGE = 100;   // of history

/** Numbers from 0 to 1, always the same ones for a seed (mulberry32). */
function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function start(world) {
  const server = new Server(RELEASE, ['serve', '-c', world.config, '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=',
    '--server.shards=2', '--limits.commands_per_s=0', '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0',
    '--limits.address_rooms_created_per_s=0', '--rooms.host=first', ...world.settings], { env: { PLENUM_AUTH_SECRET: SECRET } });
  world.server = server;
  return server.ready();
}

const open = (world, user) => Native.open(world.server, { token: mint({ sub: user }) });

/** All that a room has, oldest first. */
async function readHistory(client, room) {
  const entries = [];
  for (let before; ;) {
    const { history } = await client.ask({ type: 'history', room, limit: PAGE, ...(before ? { before } : {}) });
    if (history.length === 0) return entries;
    entries.unshift(...history);
    before = history[0].offset;
    if (before === 1) return entries;
  }
}

async function find(world, room, ledger) {
  const host = await open(world, 'host');
  const newest = ledger.newest;
  const joined = await host.join(room, newest > 0 ? { since: { epoch: ledger.epoch, offset: newest } } : {});
  const found = { epoch: joined.epoch, head: joined.offset, recovered: joined.recovered === true, state: joined.state ?? {},
    roles: { host: joined.role }, bans: {}, entries: await readHistory(host, room) };
  for (const user of [...PEOPLE.slice(1), ...world.banned.get(room)]) {
    const client = await open(world, user);
    const came = await client.join(room).catch((error) => ({ refused: error.code }));
    if (came.refused !== undefined && came.refused !== 'banned') throw new Error(`${user} cannot join ${room}: ${came.refused}`);
    found.bans[user] = came.refused === 'banned';
    if (came.refused === undefined) found.roles[user] = came.role;
    client.cut();
  }
  host.cut();
  return found;
}

async function judgeAll(world) {
  for (const [room, ledger] of world.ledgers) {
    for (const sentence of ledger.judge(await find(world, room, ledger)))
      world.wrong.push(`seed ${world.seed}, round ${world.round}, ${room}: ${sentence}`);
  }
}

// ---- load

/** An answer that does not come any more, as the server is gone, is none. */
const noted = (promise, note) => promise.then(note, () => {});

function talk(world, room, user, client, epoch) {
  const ledger = world.ledgers.get(room);
  return Array.from({ length: 8 }, async () => {
    while (!world.over) {
      const data = `${user} ${world.round} ${world.said++}`;
      await noted(client.say(room, data, { key: data }), (ack) => { ledger.ack(epoch, ack.offset, data); world.acks++; });
    }
  });
}

async function preside(world, room, client, epoch) {
  const ledger = world.ledgers.get(room);
  for (let turn = 0; !world.over; turn++) {
    const n = world.said++, role = world.next() < 0.5 ? 'host' : 'member', stranger = `eve${n}`;
    await noted(client.ask({ type: 'state', room, set: { [`key${n % 5}`]: n } }), (ack) => {
      ledger.ack(epoch, ack.offset, undefined);
      ledger.state(ack.offset, `key${n % 5}`, n);
    });
    if (world.over) return;   // nobody is there to answer
    await noted(client.ask({ type: 'role', room, user: 'bob', role }), (ack) => { if (ack.offset) ledger.role(ack.offset, 'bob', role); });
    if (turn === 3 && !world.over && world.banned.get(room).length < 10) {
      await noted(client.ask({ type: 'ban', room, user: stranger }), (ack) => {
        if (ack.offset) ledger.ban(ack.offset, stranger);
        world.banned.get(room).push(stranger);
      });
    }
  }
}

async function load(world) {
  const running = [];
  world.over = false;
  for (const room of ROOMS) {
    for (const user of PEOPLE) {
      const client = await open(world, user);
      const { epoch } = await client.join(room);
      running.push(...talk(world, room, user, client, epoch));
      if (user === 'host') running.push(preside(world, room, client, epoch));
    }
  }
  await new Promise((done) => setTimeout(done, 20 + 230 * world.next()));   // the moment of the crash, not a wait for anything
  world.over = true;
  if (world.looks) {
    await within(Promise.all(running), 'the last answers');
    await judgeAll(world);
  }
  world.server.kill('SIGKILL');
  await within(world.server.ended, 'the server to be gone');
  await within(Promise.all(running), 'the clients to notice');
}

// ---- rounds

/** What was wrong, and how much was told. looks: the ledgers judge once more before each kill, when all answers are there. */
export async function crash({ rounds, seed, memory = false, looks = false, settings = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-crash-'));
  const world = { seed, settings: memory ? settings : [`--server.data_dir=${join(folder, 'data')}`, ...settings],
    config: join(folder, 'plenum.yaml'), next: random(seed), said: 0, acks: 0, round: 0, looks, wrong: [],
    ledgers: new Map(ROOMS.map((room) => [room, new Ledger(room.split('-')[0])])), banned: new Map(ROOMS.map((room) => [room, []])) };
  const rules = ['disk', 'async'].map((d) => `    - { match: "${d}-*", durability: ${d} }\n`);
  writeFileSync(world.config, memory ? '{}\n' : `rooms:\n  rules:\n${rules.join('')}`);
  try {
    for (world.round = 1; world.round <= rounds; world.round++) {
      await start(world);
      await judgeAll(world);
      await load(world);
    }
    await start(world);
    await judgeAll(world);
    await world.server.stop();
  } finally {
    if (!world.server?.result) world.server?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  return { wrong: world.wrong, acks: world.acks };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: {
    rounds: { type: 'string', default: '20' }, seed: { type: 'string' }, memory: { type: 'boolean' } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32)), rounds = Number(values.rounds);
  console.log(`seed ${seed}`);
  const { wrong, acks } = await crash({ rounds, seed, memory: values.memory, settings: positionals });
  for (const sentence of wrong) console.log(sentence);
  console.log(wrong.length === 0 ? `${rounds} rounds passed, ${acks} acknowledgements` : `${wrong.length} things that must not be, in ${rounds} rounds`);
  process.exit(wrong.length === 0 ? 0 : 1);
}
