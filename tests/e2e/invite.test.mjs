// SPDX-License-Identifier: Apache-2.0
//
// An invitation from one program to another, by the JavaScript module: who came in by it is in again after a loss, by the same token, and
// uses nothing up; what the host has taken back lets in nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket, root, startServer, until } from './support.mjs';

const { Plenum } = await import(`${root}/web/plenum.js`);

test('plenum.js: let in once, and in again', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--rooms.host=first'] });
  const sockets = [];
  class Cut extends WebSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  }
  const [ada, bob, eve] = ['Ada', 'Bob', 'Eve'].map((name) => new Plenum(`ws://${server.http}/ws`, { name, WebSocket: name === 'Bob' ? Cut : WebSocket }));
  t.after(() => [ada, bob, eve].forEach((client) => client.close()));
  const [hers, his, its] = [ada, bob, eve].map((client) => client.room('den'));
  const admitted = [];
  hers.on('member:admitted', (m) => admitted.push(m));
  await Promise.all([ada, bob, eve].map((client) => client.connect()));
  await hers.join();
  await hers.setLocked(true);
  await assert.rejects(his.join(), { code: 'forbidden' });
  await assert.rejects(hers.invite({ ttl_s: 'soon' }), { code: 'bad_argument' });
  const made = await hers.invite({ uses: 1, ttl_s: 600 });
  assert.deepEqual((await hers.invites()).invitations.map(({ invitation, left }) => [invitation, left]), [[made.invitation, 1]]);
  await his.join({ token: made.token });
  assert.equal(his.role, 'member');
  await until(() => admitted.length === 1, 'its host is told');
  assert.deepEqual([admitted[0].user, admitted[0].invitation], [bob.session.user, made.invitation]);
  await assert.rejects(its.join({ token: made.token }), { code: 'invitation_used' });
  // The connection is lost, and comes back as the session that it was, in the room that it was in.
  const { user } = bob.session;
  sockets.at(-1).terminate();
  await until(() => sockets.length === 2 && bob.state === 'open' && his.state === 'in', 'he is in again');
  assert.equal(bob.session.user, user);
  assert.equal(his.role, 'member');
  assert.equal(admitted.length, 1);
  const second = await hers.invite();
  await hers.uninvite(second.invitation);
  await assert.rejects(its.join({ token: second.token }), { code: 'invitation_invalid' });
  await assert.rejects(hers.uninvite(second.invitation), { code: 'not_found' });
});
