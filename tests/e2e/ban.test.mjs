// SPDX-License-Identifier: Apache-2.0
//
// E9: a ban reaches every connection of who is banned, on every shard, within a second, also one that is on its way in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Native, RELEASE, SECRET, mint, startServer, until } from './support.mjs';

const token = (sub) => mint({ sub });

test('E9: a ban reaches all, on both shards, and what is on its way in', async (t) => {
  const server = await startServer(t, { bin: RELEASE, env: { PLENUM_AUTH_SECRET: SECRET },
    flags: ['--server.shards=2', '--rooms.host=first', '--logging.level=debug'] });
  const open = (sub, hello = {}) => Native.open(server, { token: token(sub), ...hello });
  const host = await open('host');
  await host.join('r');
  for (let i = 0; i < 500; i++) host.send({ type: 'message', room: 'r', data: 'x'.repeat(500) });
  const ada = [];
  await until(async () => {
    ada.push(await open('ada'));
    await ada.at(-1).join('r');
    const shards = new Set(server.lines.filter((line) => / event=session_started .* user=ada /.test(line)).map((line) => / shard=(\d)/.exec(line)[1]));
    return ada.length >= 8 && shards.size === 2;
  }, 'connections on both shards');

  // Others of hers come in and go out, with all that was said, all the time; and one that has lost its connection comes back.
  const lost = ada.pop();
  const restless = await Promise.all([open('ada'), open('ada')]);
  const outcomes = [];
  let over = false;
  const rounds = restless.map(async (one) => {
    while (!over) {
      const said = performance.now();
      const came = await one.join('r', { history: 500 }).then(() => true, (error) => error.code);
      outcomes.push({ said, came });
      if (came === true) await one.leave('r').catch(() => {});
    }
  });
  await until(() => outcomes.filter((o) => o.came === true).length > 5, 'some comings and goings');
  lost.cut();
  const returning = open('ada', { resume: lost.welcome.resume }).then((one) =>
    one.join('r', { since: { epoch: lost.of('joined')[0].epoch, offset: 1 } }).then(() => one, () => one));

  const began = performance.now();
  await host.ask({ type: 'ban', room: 'r', user: 'ada' });
  const acked = performance.now();
  await until(() => ada.every((one) => one.of('left').some((m) => m.reason === 'banned')), 'the ban, everywhere');
  assert.ok(performance.now() - began < 1000, `it took ${performance.now() - began} ms`);
  const back = await returning;
  await until(() => outcomes.some((o) => o.came === 'banned'), 'a refusal');
  over = true;
  await Promise.all(rounds);

  for (let i = 0; i < 20; i++) await host.say('r', `behind the ban ${i}`);
  for (const one of [...ada, ...restless, back]) {
    await one.ask({ type: 'ping' });   // all that was on its way to it has come
    assert.ok(!one.data('r').some((data) => String(data).startsWith('behind the ban')));
    await assert.rejects(one.join('r'), { code: 'banned' });
    await assert.rejects(one.say('r', 1), { code: 'not_member' });
    await assert.rejects(one.ask({ type: 'history', room: 'r' }), { code: 'not_member' });
  }
  assert.ok(!outcomes.some((o) => o.came === true && o.said > acked), 'somebody came in behind the ban');
});
