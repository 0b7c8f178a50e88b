// SPDX-License-Identifier: Apache-2.0
//
// The audit of a running server: who did what from where is in the file, the chain is whole whatever happens to process and disk
// (kill -9, logrotate, no space left), and `plenum audit verify` finds what somebody does to the file.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Native, Nc, PLENUM, Server, run, startServer, until, within } from './support.mjs';

const KEY = 'a key that nobody else knows';

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'plenum-audit-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const serve = (t, file, options = {}) => startServer(t, { ...options,
  flags: [`--audit.file=${file}`, '--server.shards=2', '--rooms.host=first', ...(options.flags ?? [])] });

/** The lines of a file as objects, but for what was torn. */
const lines = (file) => readFileSync(file, 'utf8').split('\n').slice(0, -1).flatMap((line) => {
  try { return [JSON.parse(line)]; } catch { return []; }
});
const verify = (...args) => run(PLENUM, ['audit', 'verify', ...args]);
const newest = (output) => /^newest: (\d+:[0-9a-f]{64})$/m.exec(output)[1];

async function whole(...args) {
  const result = await verify(...args);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result.stdout;
}

/** What is in a line beside its place in the chain and the time. */
function essence({ seq, time, prev, hash, epoch, shard, ...rest }) {
  assert.ok(Number.isInteger(seq) && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time) && prev.length === 64 && hash.length === 64);
  assert.ok(epoch === undefined || epoch.length === 11);
  assert.ok(shard === undefined || shard < 2);
  return rest;
}

async function api(server, command, body, key) {
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
  return fetch(`http://${server.http}/api/v1/${command}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

test('who did what, about whom and from where', async (t) => {
  const file = join(folder(t), 'audit.log');
  const server = await serve(t, file, { flags: ['--rooms.member_grace_s=0'], env: { PLENUM_API_KEY: 'an api key of this test' } });
  const ada = await Native.open(server, { name: 'Ada' });
  await ada.join('lobby');
  const bob = await Native.open(server, { name: 'Bob' });
  await bob.join('lobby');
  await bob.ask({ type: 'kick', room: 'lobby', user: ada.user }).then(assert.fail, (e) => assert.equal(e.code, 'forbidden'));
  await bob.ask({ type: 'rename', name: 'Robert' });
  await ada.ask({ type: 'mute', room: 'lobby', user: bob.user, seconds: 60, reason: 'said "no"' });
  await ada.ask({ type: 'ban', room: 'lobby', user: bob.user });
  await bob.hears('left');
  await bob.join('lobby').then(assert.fail, (e) => assert.equal(e.code, 'banned'));
  assert.equal((await api(server, 'slow', { room: 'lobby', seconds: 5 }, 'an api key of this test')).status, 200);
  assert.equal((await api(server, 'disconnect', { user: bob.user }, 'an api key of this test')).status, 200);
  assert.equal((await api(server, 'slow', { room: 'lobby', seconds: 5 }, 'no key')).status, 401);
  await within(bob.ended, 'the end');
  await Native.open(server, { name: 'Eve', resume: 'made-up' }).then((eve) => eve.close());
  const { offset } = await ada.say('lobby', { text: 'a secret slip' });
  await ada.ask({ type: 'edit', room: 'lobby', offset, data: { text: 'better' } });
  await ada.ask({ type: 'delete', room: 'lobby', offset, reason: 'a slip' });
  await ada.ask({ type: 'state', room: 'lobby', set: { topic: 'another secret', n: 1 } });
  const nc = new Nc(t, server);
  await nc.sees(/you are/);
  nc.type('/quit');
  await ada.leave('lobby');
  await ada.close();
  await until(() => lines(file).filter((l) => l.event === 'session_ended').length === 4, () => JSON.stringify(lines(file)));
  await server.stop();

  const all = lines(file).map(essence);
  const of = (event) => all.filter((l) => l.event === event);
  const [sa, sb] = of('session').filter((l) => ['Ada', 'Bob'].includes(l.name));
  assert.match(sa.address, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual([sa.detail, sa.how, of('session').at(-1).detail], ['json', 'new', 'text']);
  const who = { room: 'lobby', user: ada.user, name: 'Ada', session: sa.session };
  assert.deepEqual(of('created')[0], { event: 'created', ...who });
  assert.deepEqual(of('role')[0], { event: 'role', room: 'lobby', target: ada.user, how: 'host', offset: 1 });
  assert.deepEqual(of('joined').slice(0, 2), [{ event: 'joined', ...who, how: 'host' },
    { event: 'joined', room: 'lobby', user: bob.user, name: 'Bob', session: sb.session, how: 'member' }]);
  assert.deepEqual(of('refused').map(({ how, detail, user }) => [how, detail, user]), [['forbidden', 'kick', bob.user], ['banned', 'join', bob.user]]);
  assert.deepEqual(of('renamed'), [{ event: 'renamed', user: bob.user, name: 'Robert', session: sb.session, detail: 'Bob' }]);
  assert.deepEqual(of('mute'), [{ event: 'mute', ...who, target: bob.user, reason: 'said "no"', offset: 2, seconds: 60 }]);
  assert.deepEqual(of('ban'), [{ event: 'ban', ...who, target: bob.user, offset: 3 }]);
  assert.deepEqual(of('left').map(({ user, how }) => [user, how]).filter(([user]) => [ada.user, bob.user].includes(user)),
    [[bob.user, 'banned'], [ada.user, 'left']]);
  const server_ = { user: 'server', name: 'server', session: 'api' };
  assert.deepEqual(of('slow'), [{ event: 'slow', room: 'lobby', ...server_, offset: 4, seconds: 5 }]);
  assert.deepEqual(of('state'), [{ event: 'state', ...who, detail: '"topic","n"', offset: offset + 3, version: 1 }]);
  assert.deepEqual(of('api').map(({ detail, room, target, user }) => [detail, room, target, user]),
    [['slow', 'lobby', undefined, 'server'], ['disconnect', undefined, bob.user, 'server']]);
  assert.match(of('api')[0].address, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(of('disconnect'), [{ event: 'disconnect', ...server_, target: bob.user, detail: 'disconnect' }]);
  assert.deepEqual(of('edit'), [{ event: 'edit', ...who, target: ada.user, offset: offset + 1, of: offset }]);
  assert.deepEqual(of('delete'), [{ event: 'delete', ...who, target: ada.user, reason: 'a slip', offset: offset + 2, of: offset }]);
  assert.equal(of('api_refused').length, 1);
  assert.deepEqual(of('resume_refused').map((l) => l.how), ['none of ours']);
  assert.deepEqual(all.slice(0, 2).map((l) => l.event), ['chain', 'started']);
  assert.equal(all.at(-1).event, 'stopped');
  assert.doesNotMatch(readFileSync(file, 'utf8'), /an api key of this test|made-up|secret|better/);
  assert.equal(statSync(file).mode & 0o777, 0o600);

  const told = await whole(file);
  assert.match(told, /^whole: \d+ lines, 1 to \d+, of the chain .*; its end is that the server has stopped$/m);
  const [, seq, hash] = /event=audit_anchor seq=(\d+) hash=(\w+)[^\n]*\n$/.exec(server.stderr);
  assert.equal(newest(told), `${seq}:${hash}`);
  // Without this program.
  const line = readFileSync(file, 'utf8').split('\n')[3];
  assert.equal(createHash('sha256').update(line.slice(0, line.lastIndexOf(',"hash":'))).digest('hex'), JSON.parse(line).hash);
  const shown = await run(PLENUM, ['audit', 'show', file, '--room', 'lobby', `--user=${bob.user}`, '--event', 'mute']);
  assert.match(shown.stdout, /^seq=\d+ \S+Z mute shard=\d room=lobby user=\S+ name=Ada session=\S+ target=\S+ reason="said \\"no\\"" offset=2 seconds=60\n$/);
  assert.equal((await run(PLENUM, ['audit', 'show', file, '--since', '2999'])).stdout, '');
});

test('what somebody does to the file is found', async (t) => {
  const dir = folder(t), file = join(dir, 'audit.log'), key = join(dir, 'key');
  writeFileSync(key, `${KEY}\n`);
  const server = await serve(t, file, { env: { PLENUM_AUDIT_KEY: KEY } });
  const ada = await Native.open(server, { name: 'Ada' });
  for (const room of ['a', 'b', 'c', 'd']) await ada.join(room);
  await ada.close();
  await server.stop();
  assert.match(await whole(file, '--key-file', key), /, by its key; /);
  assert.equal((await run(PLENUM, ['audit', 'verify', file], { env: { PLENUM_AUDIT_KEY: KEY } })).code, 0);
  assert.equal((await verify(file)).code, 2);
  const good = readFileSync(file, 'utf8'), end = newest((await verify(file, '--key-file', key)).stdout);
  const all = good.split('\n').slice(0, -1);
  const damaged = async (text, code, pattern, ...args) => {
    writeFileSync(file, text);
    const { code: got, stdout } = await verify(file, '--key-file', key, ...args);
    assert.deepEqual([got, pattern.test(stdout)], [code, true], stdout);
  };
  const text = (list) => list.map((line) => `${line}\n`).join('');
  await damaged(good.replace('"room":"b"', '"room":"x"'), 1, /audit\.log:\d+: this line was changed/);
  await damaged(text(all.toSpliced(4, 1)), 1, /audit\.log:5: lines are missing .*\(line 6 comes where line 5 would\)/);
  await damaged(text([...all.slice(0, 3), all[4], all[3], ...all.slice(5)]), 1, /:4: lines are missing .*or moved/);
  await damaged(good.slice(0, -9), 1, /the last line is not finished/);
  await damaged(text(all.slice(1)), 1, /:1: the file does not begin/);
  await damaged(text(all.slice(0, -2)), 0, /^whole: /);
  await damaged(text(all.slice(0, -2)), 1, /the line that was expected is not there/, '--expect', end);
  await damaged(good, 0, /^whole: /, `--expect=${end}`);
  const forged = all[3].slice(0, all[3].lastIndexOf(',"hash":')).replace('Ada', 'Eve');
  const hash = createHash('sha256').update(forged).digest('hex');
  await damaged(text(all.toSpliced(3, 1, `${forged},"hash":"${hash}"}`)), 1, /:4: this line was changed/);
  for (const args of [['verify'], ['verify', join(dir, 'nothing')], ['verify', file, '--expect', '3'], ['show', file, '--expect', 'x'], ['look'], []]) {
    const { code, stderr } = await run(PLENUM, ['audit', ...args]);
    assert.equal(code, 2);
    assert.match(stderr, /^plenum audit: /);
  }
  // A server does not go on behind it, nor where it has another key, nor beside another server.
  writeFileSync(file, good.replace('"stopped"', '"started"'));
  const refused = async (flags, env) => run(PLENUM, ['serve', '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=', `--audit.file=${file}`, ...flags], { env });
  assert.match((await refused([], { PLENUM_AUDIT_KEY: KEY })).stderr, /its last line is none of an audit, was changed/);
  writeFileSync(file, good);
  assert.match((await refused([])).stderr, /another audit\.key/);
  const again = await serve(t, file, { env: { PLENUM_AUDIT_KEY: KEY } });
  const beside = await refused([], { PLENUM_AUDIT_KEY: KEY });
  assert.match(beside.stderr, /another process writes it/);
  assert.equal(beside.code, 1);
  await again.stop();
  await whole(file, '--key-file', key, '--expect', end);
});

/** Rooms are made and left until `enough` says so; how often. */
async function bustle(server, enough) {
  let rounds = 0;
  const people = await Promise.all(['x', 'y', 'z'].map((name) => Native.open(server, { name })));
  await Promise.all(people.map(async (person, i) => {
    for (let n = 0; !enough(); n++, rounds++) {
      await person.join(`room ${i}.${n % 7}`);
      await person.leave(`room ${i}.${n % 7}`);
    }
  })).catch((error) => { if (!enough()) throw error; });
  return rounds;
}

test('kill -9 in the middle leaves a chain that goes on', async (t) => {
  const file = join(folder(t), 'audit.log');
  for (let life = 0; life < 3; life++) {
    const server = new Server(PLENUM, ['serve', '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=', '--server.shards=2',
      '--limits.commands_per_s=0', '--limits.connection_rooms_created_per_s=0', '--limits.rooms_created_per_s=0', '--limits.address_rooms_created_per_s=0', `--audit.file=${file}`]);
    t.after(() => server.kill('SIGKILL'));
    await server.ready();
    const from = lines(file).length;
    let over = false;
    const people = bustle(server, () => over);
    await until(() => lines(file).length > from + 200, 'two hundred lines');
    over = true;
    server.kill('SIGKILL');
    await within(server.ended, 'the end');
    await people.catch(() => {});
    if (life === 1) writeFileSync(file, readFileSync(file).subarray(0, -40));   // the machine was faster than the disk
  }
  const server = await serve(t, file);
  await server.stop();
  const told = await whole(file);
  assert.match(told, /; 1 torn lines, as it says itself; its end is that the server has stopped/);
  assert.equal(lines(file).filter((l) => l.event === 'started').length, 4);
});

test('logrotate: SIGHUP goes on in another file, and nothing is lost between them', async (t) => {
  const dir = folder(t), file = join(dir, 'audit.log');
  const server = await serve(t, file);
  let over = false;
  const people = bustle(server, () => over);
  const files = [];
  for (let i = 1; i <= 3; i++) {
    const from = lines(file).length;
    await until(() => lines(file).length > from + 50, 'fifty lines');
    const old = `${file}.${i}`;
    files.push(old);
    renameSync(file, old);
    server.kill('SIGHUP');
    await until(() => { try { return lines(file).length > 0; } catch { return false; } }, 'the next file');
    assert.equal(lines(old).at(-1).event, 'rotated');
    assert.equal(lines(file)[0].prev, lines(old).at(-1).hash);
  }
  over = true;
  const rounds = await people;
  server.kill('SIGHUP');   // it is where it was: nothing happens
  await until(() => server.lines.filter((l) => l.includes('event=reloaded')).length === 4, 'the reload');
  await server.stop();
  await whole(...files, file);
  const all = [...files, file].flatMap(lines);
  assert.equal(all.filter((l) => l.event === 'joined').length, rounds);
  assert.equal(all.filter((l) => l.event === 'left').length, rounds);
  assert.equal(all.filter((l) => l.event === 'chain').length, 4);
  const { code, stdout } = await verify(files[0], files[2], file);
  assert.equal(code, 1);
  assert.match(stdout, /audit\.log\.3:1: lines are missing/);
});

test('a full disk stalls nobody, is told once, and what was lost is said when there is room', async (t) => {
  const file = join(folder(t), 'audit.log');
  const server = await serve(t, file, { flags: ['--audit.sync=each'] });
  const space = async (bytes) => assert.equal((await run('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`])).code, 0);
  await space(statSync(file).size + 3000);
  const rounds = await bustle(server, ((n) => () => n++ > 9000)(0));   // more than waits: no shard is held up by it
  assert.ok(rounds > 8000);
  assert.ok(await server.metric('plenum_audit_missing_total') > 0);
  assert.equal(await server.metric('plenum_audit_failures_total'), 1);
  assert.equal(server.lines.filter((l) => l.includes('event=audit_failed')).length, 1);
  assert.ok(statSync(file).size <= 6000);
  await whole(file);
  await space('unlimited');
  await server.settles('plenum_audit_waiting', 0, 60_000);
  assert.ok(server.lines.some((l) => l.includes('event=audit_goes_on')));
  const missing = await server.metric('plenum_audit_missing_total');
  await server.stop();
  const told = await whole(file);
  const said = lines(file).filter((l) => l.event === 'missing').reduce((sum, l) => sum + l.events, 0);
  assert.equal(said, missing);
  assert.match(told, new RegExp(`; ${missing} events are missing, as it says itself`));
  assert.equal(server.lines.filter((l) => l.includes('event=audit_failed')).length, 1);
});

test('only what is wanted is written down, and without a file nothing is', async (t) => {
  const dir = folder(t), file = join(dir, 'audit.log');
  const server = await serve(t, file, { flags: ['--audit.events=decrees,rooms'] });
  const ada = await Native.open(server, { name: 'Ada' });
  await ada.join('lobby');
  await ada.ask({ type: 'readonly', room: 'lobby', on: true });
  await server.stop();
  assert.deepEqual(lines(file).map((l) => l.event), ['chain', 'started', 'created', 'role', 'readonly', 'stopped']);
  const plain = await startServer(t);
  assert.equal((await plain.metrics()).has('plenum_audit_seq'), false);
  const file2 = join(dir, 'missing', 'audit.log');
  const { code, stderr } = await run(PLENUM, ['serve', '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=', `--audit.file=${file2}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^plenum: audit\.file .*: cannot open it: No such file or directory/m);
});
