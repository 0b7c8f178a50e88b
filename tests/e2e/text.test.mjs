// SPDX-License-Identifier: Apache-2.0
//
// Two terminals with Debian's nc, a bare WebSocket on /echo and a native client on /ws, in the same rooms.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EchoSocket, Native, Nc, startServer, until, within } from './support.mjs';

const TIME = String.raw`\[\d\d:\d\d:\d\d\]`;
const said = (name, text) => new RegExp(`^${TIME} ${name}: ${text}$`);

for (const shards of [1, 2, 7]) {
  test(`${shards} shards: nc, nc, /echo and /ws talk to each other`, async (t) => {
    const server = await startServer(t, { flags: [`--server.shards=${shards}`, '--rooms.member_grace_s=0'] });
    const native = await Native.open(server, { name: 'Native' });
    await native.join('lobby');

    const ada = new Nc(t, server);
    const welcome = await ada.sees(/^\* welcome to plenum /);
    assert.match(welcome, /^\* welcome to plenum \S+, you are 127\.0\.0\.1:\d+; \/help lists the commands$/);
    await ada.sees('* joined lobby, 2 members');
    ada.type('/nick Ada');
    await ada.sees('* you are now Ada');
    const bob = new Nc(t, server);
    await bob.sees('* joined lobby, 3 members');
    bob.type('/nick Bob');
    await bob.sees('* you are now Bob');
    const echo = await EchoSocket.open(server);
    await echo.sees('* joined lobby, 4 members');
    echo.type('/nick Echo');
    await echo.sees('* you are now Echo');

    ada.type('from nc');
    bob.type('from the other nc');
    echo.type('from /echo');
    await native.say('lobby', { text: 'from /ws' });
    await native.say('lobby', 'a bare string');
    await native.say('lobby', { temperature: 21.50 });
    for (const [name, text] of [['Ada', 'from nc'], ['Bob', 'from the other nc'], ['Echo', 'from /echo'],
      ['Native', 'from /ws'], ['Native', 'a bare string'], ['Native', String.raw`\{"temperature":21\.5\}`]]) {
      for (const reader of [ada, bob, echo]) await reader.sees(said(name, text));
    }
    await until(() => native.messages('lobby').length === 3, 'the three texts at the native client');
    assert.deepEqual(native.messages('lobby').map((m) => [m.from.name, m.data]).sort(),
      [['Ada', 'from nc'], ['Bob', 'from the other nc'], ['Echo', 'from /echo']]);
    // All three saw the messages in one order.
    const order = (reader) => reader.seen.filter((line) => line.startsWith('[')).map((line) => line.slice(11));
    assert.deepEqual(order(ada), order(bob));
    assert.deepEqual(order(ada), order(echo));

    // Presence and names cross the dialects.
    await ada.sees(/^\* 127\.0\.0\.1:\d+ is now Bob$|^\* .* is now Bob$/);
    await native.hears((m) => m.type === 'member:changed' && m.member.name === 'Echo', 'Echo\'s name');
    ada.type('/who');
    assert.deepEqual((await ada.sees(/^\* in lobby: /)).slice('* in lobby: '.length).split(', ').sort(),
      ['Ada', 'Bob', 'Echo', 'Native']);
    const page = await native.ask({ type: 'members', room: 'lobby' });
    assert.deepEqual(page.members.map((m) => m.name).sort(), ['Ada', 'Bob', 'Echo', 'Native']);

    // Direct, both ways.
    ada.type('/msg Native psst');
    await ada.sees('* delivered to 1 session');
    const direct = await native.hears('direct');
    assert.deepEqual([direct.from.name, direct.data], ['Ada', 'psst']);
    assert.equal((await native.ask({ type: 'direct', to: direct.from.user, data: 'back' })).delivered, 1);
    await ada.sees('* direct from Native: back');
    ada.type('/msg Nobody hello');
    await ada.sees('* Nobody is not online');
    assert.ok(!bob.seen.some((line) => line.includes('psst') || line.includes('direct')), 'it was for one');

    // Rooms: what is said in one stays there.
    bob.type('/join side room');
    await bob.sees('* joined side room, 1 member');
    await ada.sees('* Bob left');
    bob.type('only here');
    await bob.sees(said('Bob', 'only here'));
    ada.type('/rooms');
    await ada.sees('* lobby (3)');
    await ada.sees('* side room (1)');
    bob.type('/join lobby');
    await bob.sees('* joined lobby, 4 members');
    assert.ok(![...ada.seen, ...echo.seen].some((line) => line.includes('only here')));

    // Lines that look like the server's, and characters that would draw on a terminal.
    bob.type('//slash');
    await ada.sees(said('Bob', '/slash'));
    await native.say('lobby', 'a\n* Ada left\n[00:00:00] Ada: forged\u001b[2J\u202e');
    await ada.sees(said('Native', String.raw`a\\n\* Ada left\\n\[00:00:00\] Ada: forged\\x1b\[2J\\u202e`));
    ada.type('');
    ada.type('/nonsense');
    await ada.sees(/^\* error unknown_type: /);
    ada.type('/state');
    await ada.sees('* state of lobby, version 0');
    ada.type('/history 2');
    await until(() => ada.seen.filter((line) => line.includes('forged')).length === 2, 'the history');
    ada.type('/help');
    await ada.sees(/\/msg/);

    ada.type('/quit');
    await ada.sees('* bye');
    assert.equal((await ada.leaves(server)).code, 0, 'the server closed');
    await echo.sees('* Ada left');
    echo.type('/quit');
    await echo.sees('* bye');
    assert.equal(await within(echo.ended, '/echo to close'), 1000);
    await native.hears((m) => m.type === 'member:left' && m.member.name === 'Echo', 'Echo left');
  });
}

test('a newcomer at the terminal sees the last ten messages, also in lines of CR LF', async (t) => {
  const server = await startServer(t);
  const native = await Native.open(server, { name: 'Native' });
  await native.join('news');
  for (let i = 0; i < 15; i++) await native.say('news', `headline ${i}`);
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  nc.type('/join news\r');
  await nc.sees('* joined news, 2 members');
  await nc.sees(/headline 14$/);
  const headlines = nc.seen.filter((line) => line.includes('headline')).map((line) => Number(line.split(' ').at(-1)));
  assert.deepEqual(headlines, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  nc.type('carriage return\r');
  await native.hears((m) => m.data === 'carriage return', 'the line without its CR');
});

test('a line that is too long or not UTF-8 is refused, and the connection lives on', async (t) => {
  const server = await startServer(t, { flags: ['--limits.message_bytes=1024'] });
  const native = await Native.open(server, { name: 'Native' });
  await native.join('lobby');
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  nc.type('x'.repeat(100_000));
  await nc.sees(/^\* error too_large: /);
  nc.child.stdin.write(Buffer.from([0x68, 0xff, 0xfe, 0x0a]));
  await until(() => nc.seen.filter((line) => line.startsWith('* error')).length === 2, 'the second error');
  nc.type('grüße 😀');
  await native.hears('message');
  assert.deepEqual(native.data('lobby'), ['grüße 😀']);
});

test('a terminal that drains is told when to come back', async (t) => {
  const server = await startServer(t, { flags: ['--drain.spread_ms=3000'] });
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  server.kill('SIGTERM');
  await nc.sees(/^\* server restarts, reconnect in \d+ s$/);
  assert.equal((await nc.leaves(server)).code, 0);
  assert.deepEqual(await within(server.ended, 'the server to end'), { code: 0, signal: null });
});
