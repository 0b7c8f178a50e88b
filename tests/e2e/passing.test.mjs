// SPDX-License-Identifier: Apache-2.0
//
// Coming and going, and signals: told to those who are there, in one place between what is said, and in nobody's history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, openMany, startServer, until } from './support.mjs';

for (const shards of [1, 2]) {
  const options = (...flags) => ({ flags: [`--server.shards=${shards}`, ...flags] });

  test(`${shards} shards: 600 guests who come and go push nothing out of history`, async (t) => {
    const server = await startServer(t, options('--rooms.member_grace_s=0', '--log.entries=100'));
    const ada = await Native.open(server, { name: 'Ada' });
    await ada.join('lobby');
    for (let i = 1; i <= 5; i++) await ada.say('lobby', i);
    for (let round = 0; round < 6; round++) {
      const guests = await openMany(server, 100);
      await Promise.all(guests.map((c) => c.join('lobby')));
      guests.forEach((c) => c.cut());
    }
    await until(() => ada.passing('lobby').filter((m) => m.type === 'member:left').length === 600, 'all to be gone', 20_000);
    assert.equal(ada.passing('lobby').filter((m) => m.type === 'member:joined').length, 600);
    assert.ok(ada.passing('lobby').every((m) => m.after === 5 && m.offset === undefined));
    const late = await Native.open(server);
    const joined = await late.join('lobby', { history: 5 });
    assert.equal(joined.offset, 5);
    await until(() => late.data('lobby').length === 5, 'the five messages');
    assert.deepEqual(late.data('lobby'), [1, 2, 3, 4, 5]);
  });

  test(`${shards} shards: 200 who lose their connections together, three times, come back to everything`, async (t) => {
    const server = await startServer(t, options('--log.entries=50'));
    const ada = await Native.open(server, { name: 'Ada' });
    let { epoch, offset } = await ada.join('lobby');
    let crowd = await openMany(server, 200);
    await Promise.all(crowd.map((c) => c.join('lobby')));
    for (let round = 0; round < 3; round++) {
      const tokens = crowd.map((c) => c.welcome.resume);
      crowd.forEach((c) => c.cut());
      for (let i = 0; i < 5; i++) await ada.say('lobby', [round, i]);
      crowd = await openMany(server, 200, (i) => ({ resume: tokens[i] }));
      const replies = await Promise.all(crowd.map((c) => c.join('lobby', { since: { epoch, offset } })));
      assert.ok(replies.every((m) => m.recovered === true), 'all of them');
      offset += 5;
      await until(() => crowd.every((c) => c.entries('lobby').at(-1)?.offset === offset), 'what was said meanwhile');
      for (const c of crowd) assert.deepEqual(c.data('lobby'), [0, 1, 2, 3, 4].map((i) => [round, i]));
    }
  });

  test(`${shards} shards: signals`, async (t) => {
    const server = await startServer(t, options('--limits.signals_per_s=5', '--limits.signals_burst=5'));
    const [ada, bob, cleo] = await openMany(server, 3, (i) => ({ name: ['Ada', 'Bob', 'Cleo'][i] }));
    for (const c of [ada, bob]) await c.join('lobby');
    await ada.say('lobby', 'hello');
    ada.send({ type: 'signal', room: 'lobby', data: { typing: true } });
    const heard = await bob.hears('signal');
    assert.deepEqual([heard.room, heard.after, heard.from.name, heard.data, heard.offset], ['lobby', 1, 'Ada', { typing: true }, undefined]);
    await ada.say('lobby', 'there');
    await bob.hears((m) => m.data === 'there');
    assert.deepEqual(ada.of('signal'), [], 'it does not come back');
    await assert.rejects(cleo.ask({ type: 'signal', room: 'lobby', data: 1 }), { code: 'not_member' });
    await cleo.join('lobby', { history: 10 });
    await until(() => cleo.data('lobby').length === 2, 'the history');
    assert.deepEqual(cleo.of('signal'), []);
    for (let i = 0; i < 20; i++) ada.send({ type: 'signal', room: 'lobby', data: i });
    const error = await ada.hears('error');
    assert.equal(error.code, 'rate_limited');
    assert.ok(error.retry_ms > 0 && error.retry_ms <= 200);
    assert.equal((await ada.ask({ type: 'ping' })).type, 'pong', 'it lives on, and commands have a rate of their own');
  });
}
