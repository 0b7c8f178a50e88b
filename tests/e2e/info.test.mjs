// SPDX-License-Identifier: Apache-2.0
//
// What a token says of somebody to others (`info`), against the real server: in members, in what passes, in `from`, live and in the
// history, and after a refresh and a resume; not to terminals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, Nc, SECRET, mint, startServer } from './support.mjs';

test('info is seen by others wherever they see who somebody is', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2'], env: { PLENUM_AUTH_SECRET: SECRET } });
  const guest = await Native.open(server);
  const info = { team: 'blue', bio: 'é "quoted" \\ 𝄞', list: [1, { a: null }] };
  const terminal = new Nc(t, server);
  await terminal.sees(/joined lobby/);
  await guest.join('lobby');
  const ada = await Native.open(server, { token: mint({ sub: 'ada', name: 'Ada', info }) });
  const joined = await ada.join('lobby', { members: true });
  assert.deepEqual(joined.members.map((m) => m.info), [undefined, undefined, info]);
  assert.ok(joined.members.slice(0, 2).every((m) => !('info' in m)));
  const came = await guest.hears((m) => m.type === 'member:joined' && m.member.user === 'ada');
  assert.deepEqual(Object.keys(came.member), ['user', 'name', 'role', 'connected', 'joined_at', 'last_active', 'sessions', 'info']);
  assert.deepEqual(came.member.info, info);

  await ada.say('lobby', 'hi');
  await ada.say('lobby', 'quiet', { key: 'k' });
  ada.send({ type: 'signal', room: 'lobby', data: 1 });
  ada.send({ type: 'direct', to: guest.user, data: 2 });
  for (const type of ['message', 'signal', 'direct']) {
    const { from } = await guest.hears(type);
    assert.deepEqual(Object.keys(from), ['user', 'session', 'name', 'info'], type);
    assert.deepEqual(from.info, info, type);
  }
  const { history } = await guest.ask({ type: 'history', room: 'lobby' });
  assert.deepEqual(history.map((m) => m.from.info), [info, info]);
  await guest.say('lobby', 'no info here');
  assert.ok(!('info' in (await ada.hears((m) => m.type === 'message' && m.data === 'no info here')).from));

  const refreshed = await ada.ask({ type: 'refresh', token: mint({ sub: 'ada', info: { team: 'red' } }) });
  const changed = await guest.hears((m) => m.type === 'member:changed' && m.member.user === 'ada');
  assert.deepEqual([changed.member.info, changed.previous_name, changed.member.name], [{ team: 'red' }, undefined, 'Ada']);
  ada.cut();
  await guest.hears((m) => m.type === 'member:changed' && !m.member.connected);
  const again = await Native.open(server, { resume: refreshed.resume });
  await again.join('lobby');
  const back = await guest.hears((m) => m.type === 'member:changed' && m.member.connected && m.at > changed.at);
  assert.deepEqual(back.member.info, { team: 'red' });
  await again.say('lobby', 'back');
  assert.deepEqual((await guest.hears((m) => m.data === 'back')).from.info, { team: 'red' });

  await terminal.sees(/Ada: back$/);
  assert.ok(!/team|blue|red|bio/.test(terminal.stdout), terminal.stdout);
  terminal.child.stdin.end();
});
