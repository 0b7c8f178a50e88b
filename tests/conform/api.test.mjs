// SPDX-License-Identifier: Apache-2.0
//
// F5, and the HTTP API against the real binary: what it says of itself (OpenAPI) is what it does, who may come in, and that people in rooms
// hear a backend.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { PLENUM, sharedServer, withServer } from './support.mjs';
import { Native } from './websocket.mjs';

const server = await sharedServer({ flags: ['--limits.requests_per_s=0'] });
const SECRET = 'a-secret-of-some-length';

async function call(where, command, body, fields = {}, method = 'POST') {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${where.http ?? where}/api/v1/${command}`,
    { method, body: text, headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...fields } });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(answer) };
}

// ---- a reader of the part of JSON Schema that the description uses

function resolve(root, schema) {
  while (schema.$ref) {
    assert.match(schema.$ref, /^#\//);
    schema = schema.$ref.slice(2).split('/').reduce((at, name) => at?.[name], root);
    assert.ok(schema, 'a reference leads nowhere');
  }
  return schema;
}

const KNOWN = new Set(['type', 'required', 'properties', 'items', 'enum', 'oneOf', 'minimum', 'maximum', 'minLength', 'maxLength',
  'minItems', 'maxItems', 'description', '$ref']);

const isOf = {
  object: (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
  array: Array.isArray,
  string: (v) => typeof v === 'string',
  integer: Number.isInteger,
  boolean: (v) => typeof v === 'boolean',
};

/** What is wrong with a value, '' for nothing. */
function wrong(root, given, value, at = '$') {
  const schema = resolve(root, given);
  for (const word of Object.keys(schema)) assert.ok(KNOWN.has(word), `a word of JSON Schema that this test does not read: ${word}`);
  if (schema.oneOf) {
    const fits = schema.oneOf.filter((one) => wrong(root, one, value, at) === '').length;
    return fits === 1 ? '' : `${at} fits ${fits} of oneOf`;
  }
  if (schema.enum && !schema.enum.includes(value)) return `${at} is ${value}`;
  if (schema.type && !isOf[schema.type](value)) return `${at} is no ${schema.type}`;
  if (schema.minimum !== undefined && value < schema.minimum) return `${at} is less`;
  if (schema.type === 'object') {
    for (const name of schema.required ?? []) if (!(name in value)) return `${at} has no ${name}`;
    for (const [name, inner] of Object.entries(schema.properties ?? {})) {
      const found = name in value ? wrong(root, inner, value[name], `${at}.${name}`) : '';
      if (found) return found;
    }
  }
  if (schema.type === 'array' && schema.items) {
    for (const [i, inner] of value.entries()) {
      const found = wrong(root, schema.items, inner, `${at}[${i}]`);
      if (found) return found;
    }
  }
  return '';
}

const description = (await call(server, 'openapi.json', undefined, {}, 'GET')).body;
const bodyOf = (command) => description.paths[`/${command}`].post.requestBody.content['application/json'].schema;

/** A call whose answer must be as the description says. */
async function described(command, body, status = 200) {
  const answer = await call(server, command, body);
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  const { responses } = description.paths[`/${command}`].post;
  const response = resolve(description, status === 200 ? responses[200] : responses.default);
  assert.equal(wrong(description, response.content['application/json'].schema, answer.body), '', JSON.stringify(answer.body));
  return answer.body;
}

// ---- the description

test('the description is OpenAPI 3.1 whose references lead somewhere', () => {
  assert.equal(description.openapi, '3.1.0');
  assert.ok(description.info.title && description.info.version);
  const walk = (value) => {
    if (typeof value !== 'object' || value === null) return;
    if (typeof value.$ref === 'string') resolve(description, value);
    Object.values(value).forEach(walk);
  };
  walk(description);
  for (const [path, { post }] of Object.entries(description.paths)) {
    assert.match(path, /^\/[a-z]+$/);
    assert.equal(post.operationId, path.slice(1));
    assert.ok(post.summary && post.responses[200] && post.responses.default);
  }
});

test('every key of every command is bounded as described', async () => {
  const good = { room: 'r', offset: 1, to: 'u', data: 1, rooms: ['r'], commands: [{ type: 'info' }], user: 'u', name: 'n', key: 'k' };
  for (const path of Object.keys(description.paths)) {
    const command = path.slice(1), schema = bodyOf(command);
    const whole = Object.fromEntries((schema.required ?? []).map((name) => [name, good[name]]));
    if (command === 'disconnect' || command === 'revoke') whole.user = 'u';
    for (const name of schema.required ?? []) {
      const { [name]: _, ...rest } = whole;
      const answer = await call(server, command, rest);
      assert.equal(answer.status, 400, `${command} without ${name}`);
      assert.ok(answer.body.error.message.includes(`\`${name}\``), answer.body.error.message);
    }
    for (const [name, key] of Object.entries(schema.properties)) {
      const beyond = [];
      if (key.type === 'string') beyond.push('x'.repeat(key.maxLength + 1), 7, null);
      if (key.type === 'integer') beyond.push(key.minimum - 1, key.maximum + 1, 'x');
      if (key.type === 'boolean') beyond.push(1, 'true');
      if (key.type === 'array' && key.minItems > 0) beyond.push([]);
      if (key.type === 'array') beyond.push(Array(key.maxItems + 1).fill(key.items.type === 'string' ? 'r' : {}), 'x', [1]);
      for (const value of beyond) {
        const answer = await call(server, command, { ...whole, [name]: value });
        const many = name === 'commands' && value.length > key.maxItems; // which is api.batch_max
        assert.equal(answer.status, many ? 413 : 400, `${command} ${name}=${JSON.stringify(value).slice(0, 40)}: ${JSON.stringify(answer.body)}`);
        assert.match(answer.body.error.code, many ? /^too_large$/ : /^bad_(command|room)$/);
      }
    }
  }
});

test('answers are as described', async () => {
  await described('publish', { room: 'described', data: { text: 'hi' }, user: 'ada', name: 'Ada', key: 'one' });
  assert.equal((await described('publish', { room: 'described', data: 2, user: 'ada', key: 'one' })).duplicate, true);
  await described('broadcast', { rooms: ['described', 'other'], data: 'all' });
  await described('history', { room: 'described' });
  await described('members', { room: 'described' });
  await described('members', { room: 'nowhere' }, 404);
  await described('create', { room: 'made' });
  assert.equal((await described('create', { room: 'made' })).duplicate, true);
  await described('create', { room: 'unmade', rule: 'none' }, 404);
  await described('close', { room: 'made', reason: 'over' });
  await described('close', { room: 'nowhere' }, 404);
  assert.equal((await described('publish', { room: 'made', data: 1 }, 409)).error.code, 'room_closed');
  await described('signal', { room: 'described', data: 'typing' });
  await described('signal', { room: 'nowhere', data: 'typing' }, 404);
  await described('read', { room: 'described', offset: 1, user: 'ada' });
  await described('read', { room: 'described', offset: 1 }, 400);
  await described('rooms', { prefix: 'desc' });
  await described('direct', { to: 'nobody', data: 1 });
  await described('info', {});
  await described('connections', {});
  await described('disconnect', { user: 'nobody' });
  await described('revoke', { user: 'nobody', issued_before: 1795161600, seconds: 5, reason: 'a test' });
  await described('revoke', { user: 'nobody', token_id: 'x' }, 400);
  await described('batch', { commands: [{ type: 'info' }, { type: 'members', room: 'nowhere' }], parallel: true });
  await described('publish', '{"room"', 400);
});

// ---- what it does

test('people in a room hear a backend, are listed, and sent away', async () => {
  const person = await Native.open(server);
  await person.join('people');
  const { body } = await call(server, 'publish', { room: 'people', data: { n: 1 } });
  const heard = await person.nextOf('message');
  assert.equal(heard.offset, body.offset);
  assert.deepEqual(heard.from, { user: 'server', session: 'api', name: 'server' });
  const members = (await call(server, 'members', { room: 'people' })).body.members;
  assert.equal(members.length, 1);
  const { connections } = (await call(server, 'connections', { user: members[0].user })).body;
  assert.equal(connections.length, 1);
  assert.deepEqual(connections[0].rooms, ['people']);
  assert.equal(members[0].user, person.welcome.user);
  assert.deepEqual((await call(server, 'disconnect', { user: members[0].user })).body, { delivered: 1 });
  await person.expectClose(4002);
});

test('a backend signals in its own name and for users, and moves what somebody has read', async () => {
  await withServer({ flags: ['--limits.requests_per_s=0', '--rooms.receipts=true'] }, async (own) => {
    const ada = await Native.open(own, { name: 'Ada' }), ben = await Native.open(own);
    await ada.join('desk');
    await ben.join('desk');
    const { offset } = (await call(own, 'publish', { room: 'desk', data: 'hi' })).body;
    assert.deepEqual((await call(own, 'signal', { room: 'desk', data: { typing: true }, user: 'bot', name: 'Bot' })).body, { room: 'desk' });
    const signal = await ben.nextOf('signal');
    assert.deepEqual([signal.from, signal.data], [{ user: 'bot', session: 'api', name: 'Bot' }, { typing: true }]);
    // Of one request each user's last one is told.
    const commands = [['bot', 1], ['cat', 2], ['bot', 3]].map(([user, data]) => ({ type: 'signal', room: 'desk', data, user }));
    const { replies } = (await call(own, 'batch', { commands })).body;
    assert.equal(replies.length, 3);
    for (const reply of replies) assert.equal(reply.room, 'desk', JSON.stringify(replies));
    assert.equal((await call(own, 'signal', { room: 'desk', data: 'x'.repeat(5000) })).status, 413);
    // What Ada has read elsewhere is told like what she reads here, with her name.
    const read = (await call(own, 'read', { room: 'desk', offset, user: ada.welcome.user })).body;
    assert.equal(read.offset, offset);
    const receipt = await ben.nextOf('read');
    assert.deepEqual([receipt.from.user, receipt.from.name, receipt.offset], [ada.welcome.user, 'Ada', offset]);
    assert.equal((await call(own, 'read', { room: 'desk', offset, user: ada.welcome.user })).body.duplicate, true);
    assert.equal((await call(own, 'read', { room: 'desk', offset: 99, user: ada.welcome.user })).status, 404);
    // Neither is a way for a client to speak for others.
    ada.say({ type: 'signal', room: 'desk', data: 'mine', user: 'bot', name: 'Bot' });
    let mine;
    do mine = await ben.nextOf('signal'); while (mine.data !== 'mine');
    assert.equal(mine.from.user, ada.welcome.user);
  });
});

test('what a backend does for users is theirs, and where it cannot be it is refused', async () => {
  const ada = await Native.open(server, { name: 'Ada' }), mine = { user: ada.welcome.user };
  await ada.join('theirs');
  const { offset } = (await call(server, 'publish', { room: 'theirs', data: 1, user: 'eve' })).body;
  const react = async (more, duplicate) => {
    const body = await described('react', { room: 'theirs', offset, key: '+', ...more });
    assert.equal(body.duplicate, duplicate, JSON.stringify(more));
  };
  const count = async () => (await call(server, 'history', { room: 'theirs' })).body.history.find((m) => m.offset === offset).reactions?.['+'];
  // Two users' are two, the backend's own is one more, and each counts once.
  await react({ user: 'eve', name: 'Eve' });
  await react({ user: 'bob' });
  await react({ user: 'eve' }, true);
  await react({});
  assert.equal(await count(), 3);
  // One's own is the same, whether it is said here or on a WebSocket.
  await react(mine);
  assert.equal((await ada.call({ type: 'react', room: 'theirs', offset, key: '+' })).duplicate, true);
  await ada.call({ type: 'react', room: 'theirs', offset, key: '+', on: false });
  await react({ ...mine, on: false }, true);
  await ada.call({ type: 'react', room: 'theirs', offset, key: '+' });
  await react({ ...mine, on: false });
  await react({ user: 'eve', on: false });
  assert.equal(await count(), 2);
  const nextOf = async (type, user) => {
    let found;
    do found = await ada.nextOf(type); while (found.from.user !== user);
    return found;
  };
  await described('edit', { room: 'theirs', offset, data: 2, user: 'eve', name: 'Eve' });
  assert.deepEqual((await nextOf('message:edited', 'eve')).from, { user: 'eve', session: 'api', name: 'Eve' });
  await described('state', { room: 'theirs', set: { topic: 'x' }, user: 'eve' });
  await nextOf('state:updated', 'eve');
  await described('direct', { to: mine.user, data: 'psst', user: 'bob', name: 'Bob' });
  assert.deepEqual((await ada.nextOf('direct')).from, { user: 'bob', session: 'api', name: 'Bob' });
  await described('delete', { room: 'theirs', offset, user: 'eve' });
  await nextOf('message:deleted', 'eve');
  await described('publish', { room: 'theirs', data: 3 });
  await described('read', { room: 'theirs', offset, user: 'eve', name: 'Eve' });
  const unread = async (more) => (await described('rooms', { prefix: 'theirs', ...more })).rooms[0].unread;
  assert.deepEqual([await unread({ user: 'eve' }), await unread({ user: 'bob' }), await unread({})], [1, undefined, undefined]);
  // Every other command says so.
  for (const path of Object.keys(description.paths)) {
    const command = path.slice(1), { properties = {} } = bodyOf(command);
    for (const key of ['user', 'name'].filter((name) => !(name in properties))) {
      const { error } = await described(command, { room: 'theirs', [key]: 'eve' }, 400);
      assert.deepEqual([error.code, error.message], ['bad_command', `\`${key}\` says in whose name; this command is never a user's.`]);
    }
  }
  await described('state', { room: 'theirs', user: 'eve' }, 400); // reading it is the same for all
});

test('a batch has at most as many commands as api.batch_max says, 100 by default', async () => {
  const batch = (n) => ({ commands: Array.from({ length: n }, (_, i) => ({ type: 'publish', room: 'batched', data: i })) });
  const full = await call(server, 'batch', batch(100));
  assert.equal(full.body.replies.length, 100);
  const over = await call(server, 'batch', batch(101));
  assert.deepEqual([over.status, over.body.error.code], [413, 'too_large']);
  assert.match(over.body.error.message, /^A batch may have 100 commands \(`api\.batch_max`\)/);
  const { history } = (await call(server, 'history', { room: 'batched' })).body;
  assert.equal(history.at(-1).offset, 100); // none of it
  const items = async (from) => (await call(from, 'openapi.json', undefined, {}, 'GET')).body
    .paths['/batch'].post.requestBody.content['application/json'].schema.properties.commands.maxItems;
  assert.equal(await items(server), 100);
  await withServer({ flags: ['--api.batch_max=3'] }, async (own) => {
    assert.equal(await items(own), 3);
    assert.equal((await call(own, 'batch', batch(3))).status, 200);
    assert.equal((await call(own, 'batch', batch(4))).status, 413);
  });
});

test('pipelined requests are answered in order on one connection', async () => {
  const tcp = await server.connect();
  const body = JSON.stringify({ room: 'pipe', data: 1 });
  const one = `POST /api/v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  tcp.write(one.repeat(50));
  for (let offset = 1; offset <= 50; offset++) {
    const answer = await tcp.response();
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body).offset, offset);
  }
  tcp.destroy();
});

test('a key of the environment: nothing without it, everything with it', async () => {
  await withServer({ flags: [`--api.key=${SECRET}`] }, async (own) => {
    const without = await call(own, 'info', {});
    assert.equal(without.status, 401);
    assert.match(without.headers.get('www-authenticate'), /^Bearer /);
    assert.equal(without.body.error.code, 'unauthorized');
    assert.equal((await call(own, 'info', {}, { 'x-api-key': `${SECRET}x` })).status, 401);
    assert.equal((await call(own, 'info', {}, { 'x-api-key': SECRET })).status, 200);
    assert.equal((await call(own, 'info', {}, { authorization: `Bearer ${SECRET}` })).status, 200);
    assert.ok(!own.stderr.includes(SECRET) && !own.stdout.includes(SECRET));
  });
});

test('keys of the file have rights and rooms, and change by a reload; `plenum apikey` makes them', async () => {
  const made = spawnSync(PLENUM, ['apikey', 'shop'], { encoding: 'utf8' });
  const [key] = made.stdout.split('\n');
  const hash = createHash('sha256').update(key).digest('hex');
  assert.ok(made.stdout.includes(`- {name: shop, secret_sha256: ${hash}, rights: [all]}`), made.stdout);
  const config = (rights) => `api:\n  keys:\n    - {name: shop, secret_sha256: ${hash}, rights: [${rights}], rooms: ["shop-*"]}\n`;
  await withServer({ config: config('publish') }, async (own) => {
    const fields = { 'x-api-key': key };
    assert.equal((await call(own, 'publish', { room: 'shop-1', data: 1 }, fields)).status, 200);
    const room = await call(own, 'publish', { room: 'lobby', data: 1 }, fields);
    assert.equal(room.status, 403);
    assert.match(room.body.error.message, /lobby/);
    const right = await call(own, 'history', { room: 'shop-1' }, fields);
    assert.equal(right.status, 403);
    assert.match(right.body.error.message, /`history`/);
    own.configure(config('publish, history'));
    await own.until('the new right', async () => (await call(own, 'history', { room: 'shop-1' }, fields)).status === 200);
    const { body } = await call(own, 'history', { room: 'shop-1' }, fields);
    assert.equal(body.history[0].from.user, 'server:shop');
  });
});

test('a key has its rate: beyond it 429, with how long to wait; other keys do not feel it', async () => {
  const config = 'api:\n  keys:\n    - {name: slow, secret: slow-secret, rate: 5, burst: 10}\n    - {name: free, secret: free-secret}\n';
  await withServer({ config }, async (own) => {
    const answers = [];
    for (let i = 0; i < 40; i++) answers.push(await call(own, 'info', {}, { 'x-api-key': 'slow-secret' }));
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(answers.filter(({ status }) => status === 200).length, 40 - refused.length);
    assert.ok(refused.length >= 20, `${refused.length} of 40 were refused`);
    for (const { headers, body } of refused) {
      assert.equal(body.error.code, 'rate_limited');
      assert.ok(body.error.retry_ms > 0 && Number(headers.get('retry-after')) === Math.ceil(body.error.retry_ms / 1000));
    }
    assert.equal((await call(own, 'info', {}, { 'x-api-key': 'free-secret' })).status, 200);
    await own.until('its rate again', async () => (await call(own, 'info', {}, { 'x-api-key': 'slow-secret' })).status === 200);
  });
});

test('a token of an issuer is a key: its rights, its rooms, and no more', async () => {
  const secret = 'a secret of this test, long enough for HS256';
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const mint = (claims, by = secret) => {
    const input = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'shop', exp: Math.floor(Date.now() / 1000) + 60, ...claims })}`;
    return { authorization: `Bearer ${input}.${createHmac('sha256', by).update(input).digest('base64url')}` };
  };
  const caps = { server: ['publish', 'history', 'revoke'], rooms: { 'shop-*': ['join', 'publish'] } };
  await withServer({ flags: [`--auth.secret=${secret}`, '--api.key=another-long-secret'] }, async (own) => {
    const good = mint({ caps, jti: 'one' });
    assert.equal((await call(own, 'publish', { room: 'shop-1', data: 'hi' }, good)).status, 200);
    const { body } = await call(own, 'history', { room: 'shop-1' }, good);
    assert.equal(body.history[0].from.user, 'server:shop');
    assert.equal((await call(own, 'publish', { room: 'lobby', data: 'hi' }, good)).status, 403);
    assert.match((await call(own, 'info', {}, good)).body.error.message, /`info`/);
    assert.equal((await call(own, 'publish', { room: 'shop-1', data: 1 }, mint({ caps }, 'x'.repeat(40)))).status, 401);
    assert.equal((await call(own, 'publish', { room: 'shop-1', data: 1 }, mint({ caps, exp: 1 }))).body.error.code, 'token_expired');
    assert.equal((await call(own, 'publish', { room: 'shop-1', data: 1 }, mint({}))).status, 403);
    assert.equal((await call(own, 'info', {}, { 'x-api-key': 'another-long-secret' })).status, 200);
    assert.equal((await call(own, 'revoke', { token_id: 'one' }, good)).status, 200);
    assert.equal((await call(own, 'history', { room: 'shop-1' }, good)).body.error.code, 'token_revoked');
    assert.ok(!own.stderr.includes(good.authorization.slice(7)));
  });
});

test('without a key it is for this machine: not behind a listener that others can reach', async () => {
  assert.match(server.stderr, /event=api_without_key/);
  await withServer({ flags: ['--server.http=0.0.0.0:0'] }, async (own) => {
    const answer = await call(own, 'info', {});
    assert.equal(answer.status, 403);
    assert.match(answer.body.error.message, /PLENUM_API_KEY/);
  });
  for (const fields of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }, { 'x-forwarded-for': '192.0.2.7' }]) {
    assert.equal((await call(server, 'info', {}, fields)).status, 403);
  }
  const rebound = await server.request('POST /api/v1/info HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  assert.equal(rebound.status, 403);
});

test('server.admin has metrics, health, the API and the admin page, and nothing else; admin_only takes them from the other', async () => {
  await withServer({ flags: ['--server.admin=127.0.0.1:0', '--server.admin_only=true'] }, async (own) => {
    const admin = Number(/ admin=127\.0\.0\.1:(\d+)/.exec(own.stdout)[1]);
    assert.equal((await call(admin, 'info', {})).status, 200);
    const status = async (port, path) => (await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' })).status;
    for (const [path, ofAdmin, ofAll] of [['/metrics', 200, 404], ['/api/', 200, 404], ['/api/v1/openapi.json', 200, 404],
      ['/healthz', 200, 200], ['/', 308, 200], ['/plenum.js', 404, 200], ['/health', 200, 404], ['/admin/whoami', 200, 404], ['/admin/', 200, 404]]) {
      assert.equal(await status(admin, path), ofAdmin, path);
      assert.equal(await status(own.http, path), ofAll, path);
    }
  });
});

test('the page to read and try it keeps to its policy', async () => {
  const page = await fetch(`http://127.0.0.1:${server.http}/api/`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  const html = await page.text();
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>|<style|\son[a-z]+=|\sstyle=|javascript:/i);
  for (const [, path] of html.matchAll(/(?:src|href)="([^":]*)"/g)) {
    const asset = await fetch(`http://127.0.0.1:${server.http}/api/${path}`);
    assert.equal(asset.status, 200, path);
    await asset.arrayBuffer();
  }
});
