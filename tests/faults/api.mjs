// SPDX-License-Identifier: Apache-2.0
//
// api.mjs: HTTP: the API with keys that make a request safe to repeat, bodies whole, in chunks and in pieces, pages, probes and metrics, and
// what only an admin's listener has.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { until, within } from '../e2e/support.mjs';
import { Witness, asks } from './native.mjs';
import { again } from './sweep.mjs';

export const KEY = 'an api key of this test';

const ONCE = new Agent({ keepAlive: false });

/** One request: {status, headers, body}. body: a text, or a list of texts that go as chunks. */
export function ask(port, path, { body, headers = {}, agent = ONCE, method = body === undefined ? 'GET' : 'POST' } = {}) {
  const got = new Promise((done, fail) => {
    const sent = request({ port, host: '127.0.0.1', path, method, agent, headers: { authorization: `Bearer ${KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }), ...(typeof body === 'string' && { 'content-length': Buffer.byteLength(body) }), ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data) => { text += data; });
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, body: text }));
      response.on('error', fail);
      response.on('aborted', () => fail(new Error('cut off')));
    });
    sent.on('error', fail);
    for (const piece of body === undefined ? [] : [body].flat()) sent.write(piece);
    sent.end();
  });
  return within(got, `${method} ${path}`);
}

const NOT_NOW = new Set([500, 503, 429]);

/** Asked until it is answered. */
export const answered = (port, path, options = {}) => again(path, async () => {
  const got = await ask(port, path, options);
  if (NOT_NOW.has(got.status) || (got.status === 409 && /in_progress/.test(got.body))) throw new Error(`${got.status} ${got.body}`);
  const fine = options.fine ?? [200];
  assert.ok(fine.includes(got.status), `${path}: ${got.status} ${got.body}`);
  return got;
}, 10);

async function step(world, i) {
  const agent = world.agent = new Agent({ keepAlive: true, maxSockets: 1 }), port = world.port('http'), admin = world.port('admin');
  const command = (name, body, key, more = {}) => answered(port, `/api/v1/${name}`, { agent, ...more,
    body: JSON.stringify(body), headers: { ...(key && { 'idempotency-key': `"${key}-${i}"` }), ...more.headers } });
  const room = `a${i}`;
  const people = [world.witness.client, world.other.client]; // two, as a room is gone with the last one who is cut off
  for (const one of people) for (const name of [room, `b${i}`]) await asks('a room', () => one.join(name));
  await command('publish', { room: 'hall', data: { n: i, text: 'x'.repeat(100) } }, 'hall', { fine: [200, 410] });
  await answered(port, '/api/v1/publish', { agent, headers: { 'idempotency-key': `"chunks-${i}"` }, fine: [200, 410],
    body: [`{"room":"${room}",`, `"data":"${'y'.repeat(3000)}"`, ',"user":"ada"', '}'] });
  const { body } = await command('publish', { room, data: 1, user: 'ada', name: 'Ada', key: 'k' });
  const { offset } = JSON.parse(body);
  await command('broadcast', { rooms: [room, `b${i}`], data: { all: i } }, 'all', { fine: [200, 410] });
  await command('batch', { commands: [{ type: 'publish', room, data: 2 }, { type: 'history', room }, { type: 'nonsense' }] }, 'batch', { fine: [200, 410] });
  await command('edit', { room, offset, data: 'z', user: 'ada' }, undefined, { fine: [200, 403, 404] });
  await command('state', { room, set: { topic: 'x' } });
  await command('history', { room, limit: 5 });
  await command('members', { room });
  await command('rooms', { prefix: 'a' });
  await command('connections', {});
  await command('info', {});
  await command('direct', { to: 'nobody', data: 1 });
  await command('revoke', { user: 'nobody', seconds: 1 });
  await command('disconnect', { user: 'nobody' });
  await command('publish', { room }, undefined, { fine: [400] });
  await command('close', { room }, undefined, { fine: [200, 404, 409] }); // twice is once
  for (const path of ['/', '/plenum.js', '/api/', '/api/v1/openapi.json', '/healthz', '/readyz', '/metrics']) await answered(port, path, { agent });
  await answered(port, '/nowhere', { agent, fine: [404] });
  await answered(port, '/plenum.js', { agent, headers: { 'accept-encoding': 'gzip', 'if-none-match': '"x"' } });
  for (const path of ['/admin/', '/health', '/metrics']) await answered(admin, path, { agent });
  agent.destroy();
}

export const api = {
  name: 'api',
  flags: async () => [`--api.key=${KEY}`, '--auth.guests=true', '--server.admin=127.0.0.1:0'],
  async setup(world) {
    world.how = {};
    world.from = 1;
    [world.witness, world.other] = [await Witness.open(world, 'json'), await Witness.open(world, 'protobuf')]; // one of whom keeps the room
  },
  async step(world, i) {
    try {
      await step(world, i);
      // Who was cut off meanwhile has come back into them, be it that they were made anew by that.
      for (const one of [world.witness.client, world.other.client])
        for (const name of [`a${i}`, `b${i}`]) await asks('a way out', () => one.leave(name), ['not_member']);
    } finally {
      world.agent.destroy();
    }
  },
  settle: async (world) => {
    for (const one of [world.witness, world.other]) await one.has(world.steps, world.from);
    world.from = world.steps + 1;
    await until(async () => (await world.server.metrics()).get('plenum_rooms') === 1, 'the rooms to be gone');
  },
  async end(world) { for (const one of [world.witness, world.other]) one.client.close(); },
  abandon(world) { for (const one of [world.witness, world.other]) one?.client.close(); },
};
