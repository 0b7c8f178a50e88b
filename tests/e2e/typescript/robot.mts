// SPDX-License-Identifier: Apache-2.0
//
// A program against the types of the client module: it must compile under --strict, and then do what it says.
// Arguments: the server's /ws.
import { Plenum, PlenumError, type Ack, type ClientState, type RoomMessage } from './plenum.mjs';
import type { Plenum as FromPage } from './plenum.js';

// @ts-ignore npm's ws brings no types of its own
import WebSocket from 'ws';

declare const process: { argv: string[] };   // as above: no types of Node's

interface Said { text: string; n?: number }

function isSaid(data: unknown): data is Said {
  return typeof data === 'object' && data !== null && typeof (data as Said).text === 'string';
}

const url = process.argv[2] ?? '';
const plenum = new Plenum(new URL(url), { name: 'Ada', WebSocket, max_attempts: 3, token: async () => '' });
const states: ClientState[] = [];
const off: () => void = plenum.on('state', ({ state, retry_at, error }) => {
  states.push(state);
  if (retry_at !== undefined && error) console.log(new Date(retry_at), error.code satisfies string);
});
plenum.on('*', (event, kind) => { event satisfies unknown; kind satisfies string; });
plenum.once('session', (s) => console.log(`I am ${s.name}, limits ${s.limits.message_bytes}, resumed ${s.resumed}`));

const lobby = plenum.room('lobby');
const heard = new Promise<Said>((done) => {
  lobby.on('message', (m: RoomMessage) => { if (isSaid(m.data)) done(m.data); });
});
lobby.on('member:banned', (d) => console.log(d.name ?? d.user, d.until ?? 'for ever', d.reason ?? ''));
lobby.on('room:changed', ({ slow_s, readonly, locked }) => console.log(slow_s satisfies number | undefined, readonly, locked));
plenum.on('token_expiring', ({ expires_in }) => console.log(expires_in satisfies number));
plenum.on('token_refreshed', async ({ expires_in }) => { console.log(expires_in); plenum.token = async () => ''; });
lobby.on('member:changed', (m) => console.log(m.member.name, m.previous_name ?? ''));
lobby.on('gap', ({ from, to, passing, reason }) => {
  if (from !== undefined && to !== undefined) console.log(to - from + 1, passing ?? 0, reason satisfies 'slow' | 'trimmed' | 'conflated' | 'missing');
});
lobby.on('message:edited', ({ target, data }) => console.log(target satisfies number, data));
lobby.on('message:deleted', ({ target, reason }) => console.log(target, reason ?? ''));
lobby.on('message:reactions', ({ key, on, count }) => console.log(key, on satisfies boolean, count satisfies number));
lobby.on('read', ({ from, offset }) => console.log(from.name, offset satisfies number));
lobby.on('room:created', ({ user, role, rule }) => console.log(user, role, rule satisfies string | undefined));
lobby.on('signal', ({ after, from, data }) => console.log(after, from.name, data));

void (async () => { const { offset, role } = await plenum.room('den').create({ rule: 'quiz' }); console.log(offset satisfies number, role); });
const welcome = await plenum.connect({ timeout_ms: 20_000 });
const joined = await lobby.join({ history: 10, members: true });
const said: Said = { text: 'hello' };
const ack: Ack = await lobby.publish(said, { echo: true, key: 'k1' });
const back = await heard;
const { rtt_ms } = await plenum.ping();
const page = await lobby.history({ before: ack.offset + 1, limit: 5 });
const entry = page.history.at(-1);
const answer = await lobby.send('as you say', { replyTo: ack.offset });
await lobby.edit(answer.offset, 'so be it', { ifVersion: answer.offset });
await lobby.react(ack.offset, 'yes');
await lobby.read(ack.offset);
const [reply] = (await lobby.thread(ack.offset, { limit: 1 })).history;
await lobby.delete(answer.offset, { reason: 'enough' });
const { members } = await plenum.members('lobby', { limit: 1 });
const direct = await plenum.direct(welcome.user, null);
let code = '';
try {
  await plenum.publish('elsewhere', [1, 'two', { three: null }]);
} catch (e) {
  if (e instanceof PlenumError) code = e.code;
}
const same: FromPage | null = null;
console.log(JSON.stringify({
  back, code, states, rtt: rtt_ms >= 0, room: joined.room, entry: entry?.type, reply: reply?.type === 'message' && [reply.data, reply.reply_to === ack.offset], members: members[0]?.name, same,
  delivered: direct.delivered, cursor: (lobby.cursor ?? 0) >= ack.offset,
}));
off();
await lobby.leave();
plenum.close();
