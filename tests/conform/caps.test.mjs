// SPDX-License-Identifier: Apache-2.0
//
// What the claim `caps` says of the server: exactly its words, for who is connected; and a claim that is silent about it makes the
// rooms that it lets into, and no more.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Native, startServer } from '../e2e/support.mjs';

const SECRET = 'a secret of this test, long enough for HS256';
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function mint(claims) {
  const input = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ exp: Math.floor(Date.now() / 1000) + 300, ...claims })}`;
  return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
}

test('caps.server: create, direct and rooms, each by its name', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'], env: { PLENUM_AUTH_SECRET: SECRET } });
  const guest = await Native.open(server);
  await guest.join('there');
  const all = { '**': ['join', 'publish'] };
  let i = 0;
  for (const [caps, words] of [
    [undefined, ['create', 'direct', 'rooms']],
    [{}, []],
    [{ rooms: all }, ['create']],
    [{ rooms: all, server: [] }, []],
    [{ rooms: all, server: ['create'] }, ['create']],
    [{ rooms: all, server: ['direct', 'publish', 'ban'] }, ['direct']],
    [{ rooms: all, server: ['rooms'] }, ['rooms']],
    [{ rooms: all, server: ['rooms', 'direct', 'create'] }, ['create', 'direct', 'rooms']],
  ]) {
    const who = await Native.open(server, { token: mint({ sub: `u${++i}`, caps }) });
    if (caps === undefined || caps.rooms) await who.join('there');
    const tried = {
      create: () => who.join(`new ${i}`),
      direct: () => who.ask({ type: 'direct', to: guest.user, data: i }),
      rooms: () => who.ask({ type: 'rooms', prefix: 'new' }),
    };
    for (const [word, ask] of Object.entries(tried)) {
      const error = await ask().then(() => null, (e) => e);
      if (words.includes(word)) assert.equal(error, null, `${JSON.stringify(caps)} gives ${word}`);
      else assert.equal(error?.code, 'forbidden', `${JSON.stringify(caps)} does not give ${word}`);
      if (error) assert.match(error.reply.message, caps.rooms ? new RegExp(`\`${word}\` in \`caps\\.server\``) : /`(join|direct|rooms)`/);
    }
    const { rooms } = await guest.ask({ type: 'rooms', prefix: `new ${i}` });
    assert.equal(rooms.length, words.includes('create') ? 1 : 0);
    who.cut();
  }
  assert.deepEqual(guest.of('direct').map((m) => m.data), [1, 6, 8]);
});
