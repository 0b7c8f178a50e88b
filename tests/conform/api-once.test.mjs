// SPDX-License-Identifier: Apache-2.0
//
// `Idempotency-Key` on any command of the HTTP API that changes something, against the real binary with two shards: connections come
// and go, so requests with the same key arrive at either.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { sharedServer, withServer } from './support.mjs';

const FLAGS = ['--server.shards=2', '--limits.requests_per_s=0', '--limits.connections_per_address=0'];
const server = await sharedServer({ flags: FLAGS });

/** One request by a connection of its own. */
async function call(where, command, body, fields = {}) {
  const response = await fetch(`http://127.0.0.1:${where.http ?? where}/api/v1/${command}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', connection: 'close', ...fields },
  });
  const text = await response.text();
  return { status: response.status, replayed: response.headers.get('idempotency-replayed'), text, body: JSON.parse(text) };
}

const keyed = (key) => ({ 'idempotency-key': key });
const open = async (where, room) => (await call(where, 'invites', { room })).body.invitations.length;

test('a request that is sent again is answered as the first time, whatever connection it comes by', async () => {
  await call(server, 'create', { room: 'again' });
  const first = await call(server, 'invite', { room: 'again' }, keyed('7f1c'));
  assert.equal(first.status, 200);
  assert.equal(first.replayed, null);
  for (let i = 0; i < 20; i++) {
    const next = await call(server, 'invite', { room: 'again' }, keyed('7f1c'));
    assert.deepEqual([next.status, next.replayed, next.text], [200, 'true', first.text]);
  }
  assert.equal(await open(server, 'again'), 1);
});

test('many at once carry it out once; the others are told that it is under way, or what came of it', async () => {
  await call(server, 'create', { room: 'rush' });
  for (let round = 0; round < 10; round++) {
    const all = await Promise.all(Array.from({ length: 20 }, () => call(server, 'invite', { room: 'rush' }, keyed(`rush-${round}`))));
    const good = all.filter((one) => one.status === 200);
    assert.equal(good.filter((one) => one.replayed === null).length, 1);
    assert.equal(new Set(good.map((one) => one.text)).size, 1);
    for (const one of all.filter((each) => each.status !== 200)) {
      assert.deepEqual([one.status, one.body.error.code], [409, 'in_progress']);
      assert.ok(one.body.error.retry_ms > 0);
    }
    assert.equal(await open(server, 'rush'), round + 1);
  }
});

test('a connection that is reset at any time leaves nothing that is done twice', async () => {
  await call(server, 'create', { room: 'lost' });
  const body = JSON.stringify({ room: 'lost' });
  for (let i = 0; i < 40; i++) {
    await new Promise((done) => {
      const socket = net.connect(server.http, '127.0.0.1', () => {
        socket.write(`POST /api/v1/invite HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: lost-${i}\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`);
        setTimeout(() => { socket.resetAndDestroy(); done(); }, i % 4 === 0 ? 0 : i % 4);
      });
      socket.on('error', () => {});
    });
    let answer;
    do answer = await call(server, 'invite', body, keyed(`lost-${i}`)); while (answer.status === 409);
    assert.equal(answer.status, 200);
  }
  assert.equal(await open(server, 'lost'), 40);
});

test('a batch is answered again as a whole, and its messages are said once', async () => {
  const batch = { commands: [{ type: 'publish', room: 'batch', data: 1 }, { type: 'invite', room: 'batch' }, { type: 'publish', room: 'batch', data: 2 }] };
  const first = await call(server, 'batch', batch, keyed('b'));
  assert.equal(first.status, 200);
  const next = await call(server, 'batch', batch, keyed('b'));
  assert.deepEqual([next.replayed, next.text], ['true', first.text]);
  const { history } = (await call(server, 'history', { room: 'batch' })).body;
  assert.deepEqual(history.filter((one) => one.type === 'message').map((one) => one.data), [1, 2]);
});

test('another request with the key is refused; so are keys that are none', async () => {
  await call(server, 'create', { room: 'mine' }, keyed('used'));
  const other = await call(server, 'create', { room: 'other' }, keyed('used'));
  assert.deepEqual([other.status, other.body.error.code], [422, 'key_reused']);
  for (const key of ['', 'x'.repeat(65)]) {
    const bad = await call(server, 'create', { room: 'mine' }, keyed(key));
    assert.deepEqual([bad.status, bad.body.error.code], [400, 'bad_command']);
  }
});

test('the description says which commands take one: all but those that only read', async () => {
  const { paths } = await (await fetch(`http://127.0.0.1:${server.http}/api/v1/openapi.json`)).json();
  const without = Object.entries(paths)
    .filter(([, { post }]) => !post.parameters.some(({ $ref }) => /Key$/.test($ref)))
    .map(([path]) => path.slice(1));
  assert.deepEqual(without.sort(), ['connections', 'history', 'info', 'invites', 'members', 'rooms']);
});

test('who has too many is refused, in bounds; what there is stays', async () => {
  await withServer({ flags: [...FLAGS, '--api.idempotency_keys=64', '--api.idempotency_mb=1'] }, async (small) => {
    await call(small, 'create', { room: 'r' });
    const first = await call(small, 'invite', { room: 'r' }, keyed('first'));
    let good = 0;
    for (let i = 0; i < 300; i++) {
      const { status, body } = await call(small, 'react', { room: 'r', offset: 9, key: '+' }, keyed(`k${i}`));
      if (status === 404) good++;
      else assert.deepEqual([status, body.error.code], [429, 'limit_reached']);
    }
    assert.ok(good > 32 && good < 64, `${good} of 300`);
    const again = await call(small, 'invite', { room: 'r' }, keyed('first'));
    assert.deepEqual([again.replayed, again.text], ['true', first.text]);
  });
});
