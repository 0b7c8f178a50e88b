// SPDX-License-Identifier: Apache-2.0
//
// native.mjs: rooms, people and what they say, by the client module over WebSocket, in JSON and in Protobuf: two who listen all the time and
// have to hear each message once, in order, whatever fails; and in each step somebody who comes, does all that there is, and goes.
import assert from 'node:assert/strict';
import { Plenum } from '../../web/plenum.mjs';
import { WebSocket, until, within } from '../e2e/support.mjs';

const HALL = 'hall';
const NOT_NOW = new Set(['unavailable', 'internal', 'disconnected', 'not_member', 'rate_limited']);

/** A client of the module that tries quickly. `how` is for the socket. */
export function client(world, encoding, options = {}, how = {}) {
  class Socket extends WebSocket {
    constructor(url, protocols) { super(url, protocols, { perMessageDeflate: false, ...world.how, ...how }); }
  }
  const { url = world.server.ws, ...rest } = options;
  return new Plenum(url, { WebSocket: Socket, encoding, backoff_base_ms: 2, backoff_cap_ms: 40, stable_ms: 50, max_attempts: 40, retries_max: 10, ...rest });
}

/** A command that has an answer in the end. What says no may say so after having been carried out, before the answer was lost. */
export async function asks(what, fn, fine = []) {
  let last = null;
  return until(async () => {
    try {
      return await within(fn(), what);
    } catch (error) {
      if (fine.includes(error.code)) return error;
      if (!NOT_NOW.has(error.code)) throw Object.assign(error, { message: `${what}: ${error.code} ${error.message}` });
      last = error;
      return null;
    }
  }, () => `${what}: ${last}`);
}

/** Who listens all the time. */
export class Witness {
  heard = [];
  losses = [];

  static async open(world, encoding, options, how) {
    const one = new Witness();
    one.client = client(world, encoding, options, how);
    one.client.on('message', (m) => { if (m.room === HALL) one.heard.push(m); });
    for (const type of ['gap', 'reset']) one.client.on(type, (m) => { if (m.to !== undefined || type === 'reset') one.losses.push(m); });
    await one.client.connect();
    await one.client.join(HALL);
    return one;
  }

  /** Everything up to n was heard, once and in order. Or it was announced that it will not. */
  async has(n, from) {
    try {
      await until(() => this.heard.at(-1)?.data.n === n || this.losses.length > 0 || this.heard.length > n - from + 1, `message ${n}`);
    } catch (error) {
      throw new Error(`${error.message}; heard ${this.heard.slice(-3).map((m) => JSON.stringify(m.data))}, ${this.client.state}, ${JSON.stringify(this.losses)}`);
    }
    const said = this.heard.map((m) => m.data.n), due = Array.from({ length: n - from + 1 }, (_, i) => from + i);
    if (this.losses.length === 0) assert.deepEqual(said, due, 'each once, in order');
    else assert.deepEqual(said, due.filter((k) => said.includes(k)), 'what was not announced as lost, once, in order'); // old history goes first where memory ends
    this.losses = [];
    this.heard = [];
  }
}

/** All that people do in a room of their own. */
export async function life(world, i, first, second) {
  // Whoever came first is its host; who was cut off right then may be the second.
  const room = `r${i}`, [one, two] = first.room(room).role === 'host' ? [first, second] : [second, first], mine = one.room(room), theirs = two.room(room);
  const said = await asks('a message', () => mine.publish({ text: 'a' }));
  await asks('a long one', () => mine.publish({ text: 'long '.repeat(3000) }));
  await asks('a reply', () => theirs.publish({ text: 'b' }, { replyTo: said.offset, conflate: 'c', echo: true }), ['not_found']);
  await asks('bytes', () => theirs.publish(new Uint8Array(300).fill(7), { contentType: 'a/b' }));
  await asks('an edit', () => mine.edit(said.offset, { text: 'c' }), ['not_found']);
  await asks('a reaction', () => theirs.react(said.offset, '+1'), ['not_found']);
  await asks('reading', () => theirs.read(said.offset), ['not_found']);
  await asks('a thread', () => theirs.thread(said.offset), ['not_found']);
  await asks('the state', () => mine.setState({ topic: `t${i}`, n: i }));
  await asks('its state', () => mine.readState());
  mine.signal({ typing: true });
  await asks('members', () => mine.members());
  await asks('history', () => theirs.history({ limit: 50 }));
  await asks('rooms', () => one.rooms({ prefix: 'r' }));
  await asks('a deletion', () => mine.delete(said.offset), ['not_found', 'forbidden']); // one's own, if it was
  await asks('a direct', () => one.direct(two.session.user, { n: i }));
  await hosting(world, i, one, two);
}

/** What takes a role. A room whose first record found no memory has nobody in one (home_make_host), and its people are told so. */
async function hosting(world, i, one, two) {
  const room = `r${i}`, mine = one.room(room);
  if (mine.role !== 'host') {
    await asks('a way out', () => two.leave(room));
    return;
  }
  const { token } = await asks('an invitation', () => mine.invite({ uses: 2 }));
  assert.match(token, /^inv_/);
  await asks('invitations', () => mine.invites());
  await asks('a lock', () => mine.setLocked(true));
  await asks('a mute', () => mine.mute(two.session.user, { seconds: 60, reason: 'x' }));
  await asks('an unmute', () => mine.unmute(two.session.user));
  await asks('slow', () => mine.setSlow(1));
  await asks('not slow', () => mine.setSlow(0));
  await asks('a role', () => mine.setRole(two.session.user, 'guest'));
  await asks('another', () => mine.setRole(two.session.user, 'member'));
  await asks('a name', () => one.rename(`name ${i}`));
  await asks('a switch', () => two.switch(room, `s${i}`, { history: 5 }), ['already_member']);
  await asks('a kick', () => mine.ban(two.session.user), ['not_member']);
}

export const native = (name, encodings, { flags, how, hello, url, own, came } = {}) => ({
  name,
  flags: async (world) => ['--rooms.host=first', ...await flags?.(world) ?? []],
  async setup(world) {
    world.how = await how?.(world) ?? {};
    world.hello = async (who) => ({ ...await hello?.(world, who), ...(url ? { url: url(world) } : {}) });
    world.from = 1;
    world.witnesses = [];
    for (const [k, encoding] of encodings.entries()) world.witnesses.push(await Witness.open(world, encoding, await world.hello(`witness${k}`)));
  },
  async step(world, i) {
    const open = async (k) => client(world, encodings[k % encodings.length], await world.hello(`actor${k}`), own?.(world, `actor${k}`));
    const [one, two] = [await open(i), await open(i + 1)];
    world.open = [one, two];
    for (const [k, who] of [one, two].entries()) {
      await asks(`coming in (${k})`, () => who.connect({ timeout_ms: 15_000 }));
      came?.(`actor${i + k}`, who.session);
      await asks('the hall', () => who.join(HALL, { history: 3, members: true }));
      await asks('a room', () => who.join(`r${i}`, { history: 3 }));
    }
    await asks('a message to all', () => one.publish(HALL, { n: i, text: 'x'.repeat(200) }));
    await life(world, i, one, two);
    for (const who of [one, two]) await who.close();
    world.open = [];
  },
  async settle(world) {
    for (const who of world.open.splice(0)) who.close();
    for (const witness of world.witnesses) await witness.has(world.steps, world.from);
    world.from = world.steps + 1;
  },
  async end(world) { for (const witness of world.witnesses) witness.client.close(); },
  abandon(world) { for (const one of [...world.witnesses.map((w) => w.client), ...world.open ?? []]) one.close(); },
});
