// SPDX-License-Identifier: Apache-2.0
//
// lines.mjs: terminals, over TCP and over /echo. A line has no key: who is cut off does not know whether it was said, so each is heard at most
// once, in order, without a hole in the offsets, and at least where its speaker has seen it come back.
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { WebSocket, until, within } from '../e2e/support.mjs';
import { client } from './native.mjs';
import { again } from './sweep.mjs';

const gone = (what, seen) => new Error(`cut off before ${what}: ${seen.slice(-200)}`);

/** Somebody at a terminal, by whatever carries lines. */
export class Terminal {
  text = '';
  closed = false;

  static tcp(port, { header = '', connect = createConnection, ...options } = {}) {
    const one = new Terminal(), socket = connect({ port, host: '127.0.0.1', ...options });
    socket.on('data', (data) => { one.text += data; });
    socket.on('error', () => {});
    socket.on('close', () => { one.closed = true; });
    if (header !== '') socket.write(header);
    one.write = (line) => socket.write(`${line}\n`);
    one.end = () => socket.destroy();
    return one;
  }

  static echo(url) {
    const one = new Terminal(), socket = new WebSocket(url, { perMessageDeflate: false });
    const opened = new Promise((done) => socket.once('open', done));
    socket.on('message', (data) => { one.text += `${data}\n`; });
    socket.on('error', () => {});
    socket.on('close', () => { one.closed = true; });
    one.write = (line) => opened.then(() => { if (socket.readyState === WebSocket.OPEN) socket.send(line); });
    one.end = () => socket.terminate();
    return one;
  }

  /** What it reads from here on has this, or it is cut off, or told that not now. */
  async sees(pattern, said) {
    const from = this.text.length;
    if (said !== undefined) this.write(said);
    const now = () => this.text.slice(said === undefined ? 0 : from);
    await until(() => pattern.test(now()) || this.closed || /^\* (?!.* is now).*(try again|memory|not be done|missed)/m.test(now()), () => `${pattern}; the terminal shows ${this.text.slice(-500)}`);
    if (!pattern.test(now())) throw gone(pattern, this.text);
  }
}

const COMMANDS = [
  ['/nick Grace', /you are now Grace/], ['/who', /\* in engine/], ['/rooms', /\* \S+ \(\d+\)/], ['/history 5', /./], ['/me waves', /waves/],
  ['/edit another', /changed a message/], ['/react +1', /reacted/], ['/topic new things', /set topic/], ['/state', /topic/], ['/invite 2 1h', /whoever types/],
  ['/invites', /invitations to/], ['/lock', /locked/], ['/lock off', /./], ['/slow 1s', /slow mode/], ['/slow off', /./], ['/delete why', /took back/], ['/help', /\/join/],
  ['/nonsense', /nonsense/], ['/leave', /left engine/],
];

async function sitting(world, i, terminal) {
  try {
    await terminal.sees(/you are/);
    await terminal.sees(/joined hall/, '/join hall');
    await terminal.sees(new RegExp(`line ${i}\\.`), `line ${i}. ${'y'.repeat(i % 50)}`);
    world.sure.add(i);
    await terminal.sees(/joined engine/, '/join engine room');
    await terminal.sees(/is anybody here/, 'is anybody here');
    for (const [line, pattern] of COMMANDS) await terminal.sees(pattern, line);
    terminal.write('/quit');
    await until(() => terminal.closed, 'the end of a terminal');
  } finally {
    terminal.end();
  }
}

/** make(world, i) -> a terminal. */
export const lines = (name, make, { flags, how } = {}) => ({
  name,
  flags: async (world) => ['--rooms.host=first', ...await flags?.(world) ?? []],
  async setup(world) {
    world.how = await how?.(world) ?? {};
    world.sure = new Set();
    world.heard = [];
    world.all = new Set();
    world.listener = client(world, 'json');
    world.listener.on('message', (m) => { if (m.room === 'hall') world.heard.push(m); });
    world.losses = 0;
    world.listener.on('gap', () => { world.losses++; });
    world.listener.on('reset', () => { world.losses++; });
    await world.listener.connect();
    await world.listener.join('hall');
    world.keeper = client(world, 'json'); // of the room, while the other is cut off
    await world.keeper.connect();
    await world.keeper.join('hall');
  },
  async step(world, i) {
    await again('a terminal', async () => sitting(world, i, await make(world, i)), 8);
  },
  async settle(world) {
    await until(() => [...world.sure].every((i) => world.heard.some((m) => new RegExp(`^line ${i}\\.`).test(m.data))) || world.losses > 0, 'what was seen to be said');
    const offsets = world.heard.map((m) => m.offset);
    if (world.losses === 0) assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b));
    assert.equal(new Set(offsets).size, offsets.length);
    world.heard = [];
    world.losses = 0;
    world.sure.clear();
    await within(world.listener.ping().catch(() => {}), 'a pong');
  },
  async end(world) { for (const one of [world.listener, world.keeper]) one.close(); },
  abandon(world) { for (const one of [world.listener, world.keeper]) one?.close(); },
});
