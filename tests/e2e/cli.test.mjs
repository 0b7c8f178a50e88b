// SPDX-License-Identifier: Apache-2.0
//
// The command line as an operator meets it: commands, configuration and its mistakes, logs, metrics, reload.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Native, Nc, PLENUM, Server, openMany, root, run, startServer, until, within } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plenum-cli-'));
after(() => rmSync(folder, { recursive: true }));
function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
const plenum = (...args) => run(PLENUM, args);
const FREE = ['--server.http=127.0.0.1:0', '--server.text=127.0.0.1:0', '--server.admin='];

test('version, help, and a word that is no command', async () => {
  const version = await plenum('version');
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^plenum \d+\.\d+\.\d+\n$/);
  assert.equal((await plenum('--version')).stdout, version.stdout);

  for (const args of [['--help'], ['-h'], ['help']]) {
    const help = await plenum(...args);
    assert.equal(help.code, 0);
    for (const command of ['serve', 'check-config', 'config', 'version']) assert.match(help.stdout, new RegExp(`plenum ${command}\\b`));
  }
  for (const command of ['serve', 'check-config', 'config', 'version']) {
    const help = await plenum(command, '--help');
    assert.equal(help.code, 0, command);
    assert.match(help.stdout, new RegExp(`^plenum ${command}`));
    assert.equal(help.stderr, '');
  }
  const none = await plenum();
  assert.equal(none.code, 2);
  const wrong = await plenum('sevre');
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /^plenum: got "sevre", expected a command: .*did you mean serve\?/);
  for (const args of [['serve', 'extra'], ['serve', '--no-such'], ['version', '--x'], ['check-config'], ['serve', '-c'],
    ['config', '--server.shards=2'], ['check-config', '--x']]) {
    const result = await plenum(...args);
    assert.equal(result.code, 2, args.join(' '));
    assert.match(result.stderr, /^plenum [a-z-]+: .*got .*expected /, args.join(' '));
  }
});

test('plenum config prints a file that is valid and changes nothing', async () => {
  const defaults = await plenum('config');
  assert.equal(defaults.code, 0);
  const path = file('defaults.yaml', defaults.stdout);
  const checked = await plenum('check-config', path);
  assert.deepEqual([checked.code, checked.stdout, checked.stderr], [0, `${path}: no mistakes\n`, '']);
  const effective = await plenum('config', '--effective', '-c', path);
  assert.equal(effective.stdout, defaults.stdout);
  const markdown = await plenum('config', '--markdown');
  assert.equal(markdown.stdout, readFileSync(join(root, 'docs/CONFIG.md'), 'utf8'), 'docs/CONFIG.md is what the program prints');
});

test('every mistake in a file is one line: file, line, key, got, expected', async () => {
  const path = file('bad.yaml', `server:
  http: nonsense
  shards: 99
limits:
  conections: 3
  message_bytes: "12"
  message_bytes: 200
loging:
  level: info
heartbeat:
  adaptive: maybe
  interval_s: -1
rooms:
  slow_policy: [gap]
origin:
  allowed: [https://ok.example, "not an origin"]
server:
  text: ""
`);
  const expected = [
    [2, 'server.http', '"nonsense"'], [3, 'server.shards', '"99"'], [5, 'limits.conections', 'an unknown key'],
    [6, 'limits.message_bytes', 'the quoted text "12"'], [7, 'limits.message_bytes', 'the key a second time'],
    [8, 'loging', 'an unknown section'], [11, 'heartbeat.adaptive', '"maybe"'], [12, 'heartbeat.interval_s', '"-1"'],
    [14, 'rooms.slow_policy', 'a list'], [16, 'origin.allowed, item 2', '"not an origin"'], [17, 'server', 'the section a second time'],
  ];
  for (const args of [['check-config', path], ['serve', '-c', path], ['config', '--effective', '-c', path]]) {
    const result = await plenum(...args);
    assert.deepEqual([result.code, result.stdout], [2, ''], args[0]);
    const lines = result.stderr.trimEnd().split('\n');
    assert.equal(lines.length, expected.length, result.stderr);
    for (const [i, [line, key, got]] of expected.entries()) {
      assert.ok(lines[i].startsWith(`${path}:${line}: ${key}: got ${got}, expected `), lines[i]);
    }
  }
  const broken = await plenum('check-config', file('broken.yaml', 'server:\n\thttp: x\n'));
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /broken\.yaml:2: syntax: got .*expected spaces, not a tab/);
  const missing = await plenum('check-config', join(folder, 'nowhere.yaml'));
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /nowhere\.yaml: got "No such file or directory", expected a readable YAML file/);
  for (const text of ['', '# nothing\n', 'server:\n']) assert.equal((await plenum('check-config', file('empty.yaml', text))).code, 0);
});

test('sizes and times take units in files, variables and flags; what is meant by a wrong flag is guessed', async (t) => {
  const path = file('units.yaml', 'limits:\n  message_bytes: 64k\n  reply_bytes: 1 MiB\nlog:\n  age_s: 1h\n  bytes: 2MB\n');
  const shown = await run(PLENUM, ['config', '--effective', '-c', path, '--server.memory_mb=1GiB', '--limits.close_ms', '2s'],
    { env: { PLENUM_HEARTBEAT_INTERVAL_S: '90s', PLENUM_ORIGIN_ALLOWED: 'https://a.example, null' } });
  assert.equal(shown.stderr, '');
  for (const line of ['message_bytes: 65536', 'reply_bytes: 1048576', 'age_s: 3600', 'bytes: 2097152', 'memory_mb: 1024', 'close_ms: 2000', 'interval_s: 90']) {
    assert.match(shown.stdout, new RegExp(`^ {2}${line}\\b`, 'm'));
  }
  for (const [args, wanted] of [
    [['--log.age_s=1500ms'], /^--log\.age_s: got "1500ms", expected a whole number of s from 1 to 2592000, or with a unit like 90s, 15m or 1h\n$/],
    [['--origin.allowed=https://a.example,nonsense,null'], /^--origin\.allowed, item 2: got "nonsense", expected up to 64 origins/],
    [['--port=8080'], /got "--port=8080", expected .*\(did you mean --server\.http=127\.0\.0\.1:8080\?\)\n$/],
    [['--port', '8080'], /got "--port", expected .*\(did you mean --server\.http\?\)\n$/],
    [['--memory=1GiB'], /\(did you mean --server\.memory_mb\?\)\n$/],
    [['--log-level=debug'], /\(did you mean --logging\.level\?\)\n$/],
    [['--message_byte=3'], /\(did you mean --limits\.message_bytes\?\)\n$/],
    [['--bogus'], /\(`plenum serve --help` lists all settings\)\n$/],
    [['extra'], /got "extra", expected plenum serve \[-c FILE\] .*\[--echo\] \[--dev-tls\] \[--debug-read-limit N\]\n$/],
  ]) {
    const result = await plenum('serve', ...FREE, ...args);
    assert.equal(result.code, 2, args[0]);
    assert.match(result.stderr, wanted);
  }
  const top = await plenum('check-config', file('top.yaml', 'port: 8000\n'));
  assert.match(top.stderr, /top\.yaml:1: port: got an unknown key, .*\(did you mean server\.http\?\)/);

  // More memory than there is, and reachable by others: said at the start, and only then.
  const open = await startServer(t, { flags: ['--server.memory_mb=4TiB'], http: '0.0.0.0:0' });
  assert.match(open.stderr, /level=warn event=memory_beyond_machine memory_mb=4194304 machine_mb=\d+ /);
  assert.match(open.stdout, /who may talk nobody: there is no auth\.secret and no auth\.issuers/); // more of it: token.test.mjs
  const own = await startServer(t, { flags: ['--server.memory_mb=64MB'] });
  assert.doesNotMatch(own.stdout + own.stderr, /memory_beyond_machine|who may talk/);
});

test('flags override the environment, which overrides the file, which overrides the default', async (t) => {
  const path = file('order.yaml', 'limits:\n  message_bytes: 1000\n  commands_burst: 11\nrooms:\n  per_connection_max: 3\nheartbeat:\n  interval_s: 17\n');
  const server = await startServer(t, {
    env: { PLENUM_LIMITS_MESSAGE_BYTES: '2000', PLENUM_ROOMS_PER_CONNECTION_MAX: '4' },
    flags: ['-c', path, '--limits.message_bytes=3000'],
  });
  const { welcome } = await Native.open(server);
  assert.equal(welcome.limits.message_bytes, 3000, 'the flag');
  assert.equal(welcome.limits.rooms, 4, 'the environment');
  assert.equal(welcome.heartbeat_s, 17, 'the file');
  const shown = await run(PLENUM, ['config', '--effective', '-c', path, '--limits.message_bytes', '3000'],
    { env: { PLENUM_LIMITS_MESSAGE_BYTES: '2000', PLENUM_SESSIONS_SECRET: 'do not tell anybody' } });
  assert.match(shown.stdout, /^ {2}message_bytes: 3000\b/m);
  assert.match(shown.stdout, /^ {2}commands_burst: 11\b/m);
  assert.match(shown.stdout, /^ {2}grace_s: 30\b/m);
  assert.doesNotMatch(shown.stdout + shown.stderr, /do not tell/);

  const variable = await run(PLENUM, ['serve', ...FREE], { env: { PLENUM_SERVER_SHARDS: 'many' } });
  assert.equal(variable.code, 2);
  assert.match(variable.stderr, /^PLENUM_SERVER_SHARDS: .*got "many", expected a whole number/);
  const flag = await plenum('serve', ...FREE, '--limits.mesage_bytes=1');
  assert.equal(flag.code, 2);
  assert.match(flag.stderr, /mesage_bytes.*did you mean --?limits\.message_bytes\?/);
});

test('a port that is taken is a clear sentence and exit code 1', async (t) => {
  const server = await startServer(t);
  for (const [key, address] of [['http', server.http], ['text', server.text]]) {
    const result = await plenum('serve', ...FREE, `--server.${key}=${address}`);
    assert.equal(result.code, 1);
    assert.equal(result.stdout, '');
    assert.ok(result.stderr.includes(address), result.stderr);
    assert.match(result.stderr, /^plenum: .*(in use|taken).*; stop that, or choose another port with --server\.http=/i);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, 'one line');
  }
  assert.equal((await server.get('/healthz')).status, 200, 'the first one serves on');
});

test('the text port can be off, and the banner says what is in force', async (t) => {
  const server = new Server(PLENUM, ['serve', '--server.http=127.0.0.1:0', '--server.text=', '--server.admin=', '--server.shards=3']);
  t.after(() => server.stop());
  await server.ready();
  const last = server.stdout.trimEnd().split('\n').at(-1);
  assert.match(last, new RegExp(`^ready http=${server.http} text=\\S* ?shards=3 pid=${server.pid}$`));
  for (const word of ['chat page', 'WebSocket', 'connections', 'open files', 'memory', 'shards']) assert.ok(server.stdout.includes(word), word);
  assert.equal((await server.get('/')).status, 200);
});

test('SIGHUP: reloadable settings change, others are named, a broken file changes nothing', async (t) => {
  const path = file('reload.yaml', 'limits:\n  message_bytes: 1000\nserver:\n  shards: 2\n');
  const server = await startServer(t, { flags: ['-c', path] });
  const before = await Native.open(server);
  assert.equal(before.welcome.limits.message_bytes, 1000);

  file('reload.yaml', 'limits:\n  message_bytes: 2000\nserver:\n  shards: 4\n');
  server.kill('SIGHUP');
  await until(() => /event=reloaded/.test(server.stderr), 'the reload');
  assert.match(server.stderr, /level=info event=setting_changed key=limits\.message_bytes old="?1000.* new="?2000/);
  assert.match(server.stderr, /level=warn event=setting_needs_restart key=server\.shards old="?2.* new="?4/);
  assert.match(server.stderr, /event=reloaded changed=1 need_restart=1/);
  assert.equal((await Native.open(server)).welcome.limits.message_bytes, 2000);
  await before.join('still here');
  assert.equal(await server.metric('plenum_shards'), 2);

  file('reload.yaml', 'limits:\n  message_bytes: lots\n');
  server.kill('SIGHUP');
  await until(() => /event=reload_rejected/.test(server.stderr), 'the refusal');
  assert.match(server.stderr, /event=setting_rejected problem=".*reload\.yaml:2: limits\.message_bytes: got \\"lots\\", expected /);
  assert.equal((await Native.open(server)).welcome.limits.message_bytes, 2000);
  await before.say('still here', 1);

  file('reload.yaml', 'limits:\n  message_bytes: 3000\nlogging:\n  format: json\nserver:\n  shards: 2\n');
  server.kill('SIGHUP');
  await until(async () => (await Native.open(server)).welcome.limits.message_bytes === 3000, 'the third value');
  await until(() => server.lines.some((line) => line.startsWith('{')), 'the log in its new form');
});

test('SIGUSR1 logs how the server is, whatever the level; signals without a meaning do nothing', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--logging.level=error'] });
  const clients = await openMany(server, 3);
  await clients[0].join('status room');
  // Each is sent at once and more than once: none may end the process, also not while it is busy with another.
  for (const signal of ['SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGXFSZ', 'SIGUSR1']) {
    server.kill(signal);
    server.kill(signal);
  }
  await until(() => /event=status/.test(server.stderr), 'the status line');
  const line = server.lines.find((each) => /event=status/.test(each));
  assert.match(line, /level=info event=status connections=3 sessions=3 rooms=1 members=1 entries=\d+ deliveries=\d+ /);
  assert.match(line, / memory_used_mb=\d+ memory_budget_mb=[1-9]\d* resident_mb=[1-9]\d* open_files=[1-9]\d*$/);
  await clients[0].say('status room', 'still here');
  server.kill('SIGUSR1');
  const entries = () => server.lines.filter((each) => /event=status/.test(each)).map((each) => Number(/ entries=(\d+)/.exec(each)[1]));
  await until(() => entries().at(-1) > entries()[0], 'a later one that counts what was said');
});

test('a reload tells that the level changed, whichever way', async (t) => {
  const path = file('level.yaml', 'logging:\n  level: info\n');
  const server = await startServer(t, { flags: ['-c', path] });
  let was = 'info';
  for (const [i, level] of ['error', 'warn', 'debug', 'error', 'info'].entries()) {
    file('level.yaml', `logging:\n  level: ${level}\n`);
    server.kill('SIGHUP');
    await until(() => server.lines.filter((line) => /event=reloaded changed=1/.test(line)).length === i + 1, `the change to ${level}`);
    const told = server.lines.filter((line) => /event=setting_changed/.test(line));
    assert.equal(told.length, i + 1);
    assert.match(told.at(-1), new RegExp(`key=logging\\.level old=${was} new=${level}$`));
    was = level;
  }
});

test('the log names what was refused, and at debug who joins, leaves and errs, in which session', async (t) => {
  const server = await startServer(t, { flags: ['--server.shards=2', '--logging.level=debug', '--rooms.per_connection_max=2',
    '--limits.rooms_created_per_s=1', '--limits.rooms_created_burst=2'] });
  const event = (name, ...parts) => until(() => server.lines.find((line) => line.includes(` event=${name} `)
    && parts.every((part) => line.includes(part))), () => `${name} with ${parts}:\n${server.stderr}`);
  await assert.rejects(Native.open(server, {}, { origin: 'https://evil.example' }));
  assert.match(await event('upgrade_refused', 'origin='), / origin=https:\/\/evil\.example code=403 reason="[^"]*"$/);
  await assert.rejects(Native.open(server, {}, { origin: 'https://x" level=error \\' }));
  await event('upgrade_refused', String.raw`origin="https://x\" level=error \\"`);

  const ada = await Native.open(server);
  const who = [`session=${ada.welcome.session}`, `user=${ada.welcome.user}`];
  await ada.join('one');
  await ada.join('two');
  await event('joined', 'room=one', ...who);
  await event('joined', 'room=two', ...who);
  await assert.rejects(ada.join('three'), { code: 'limit_reached' });
  await event('command_error', 'reason=limit_reached', ...who);
  await assert.rejects(ada.say('three', 1), { code: 'not_member' });
  await event('command_error', 'reason=not_member', ...who);
  await ada.leave('one');
  await event('left', 'room=one', 'reason=left', ...who);
  ada.cut();
  await event('left', 'room=two', 'reason="connection closed"', ...who);

  // What a home refuses while it looks whether it makes a room.
  const bob = await Native.open(server);
  for (const room of ['4', '5', '6', '7', '8', '9']) await bob.join(room).then(() => bob.leave(room), () => {});
  await event('command_error', 'reason=rate_limited', 'room=', `session=${bob.welcome.session}`);
});

/** A logfmt line as an object; fails on anything that is not logfmt. */
function parseLogfmt(line) {
  const fields = {};
  let rest = line;
  while (rest !== '') {
    const match = /^([a-z][a-z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=\\]*))(?: |$)/.exec(rest);
    assert.ok(match, `not logfmt at ${JSON.stringify(rest)} in ${line}`);
    fields[match[1]] = match[2] ?? match[3];
    rest = rest.slice(match[0].length);
  }
  return fields;
}

for (const [format, parse] of [['logfmt', parseLogfmt], ['json', JSON.parse]]) {
  test(`${format} logs: each line parses, and none has a secret or a control character`, async (t) => {
    const secret = 'a secret that is long enough';
    const server = await startServer(t, {
      env: { PLENUM_SESSIONS_SECRET: secret },
      flags: [`--logging.format=${format}`, '--logging.level=debug', '--limits.commands_per_s=5', '--limits.commands_burst=20'],
    });
    const evil = 'x\ny="z" \u001b[31m\u0000 \\ \u2028 "level=error';
    const clients = await openMany(server, 5, (i) => ({ name: `name "${i}" = \\` }));
    const secrets = [secret, ...clients.map((c) => c.welcome.resume)];
    for (const c of clients) await c.join('room "with" = signs \\');
    await assert.rejects(clients[0].join(evil), { code: 'bad_room' });
    clients[0].cut();
    const again = await Native.open(server, { resume: clients[0].welcome.resume });
    secrets.push(again.welcome.resume);
    await fetch(`${server.url}/no%0Asuch`, { headers: { connection: 'close', cookie: 'token=cookie-secret' } });
    clients[1].socket._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await within(clients[1].ended, 'the close after a broken frame');
    for (let i = 0; i < 200; i++) clients[2].send({ type: 'ping', token: 'jwt-secret' });
    await within(clients[2].ended, 'the close of the one who goes on');
    assert.equal(clients[2].closed.code, 1008);
    await assert.rejects(Native.open(server, {}, { origin: 'https://evil.example\u00ff' }));
    const nc = new Nc(t, server);
    nc.type(`/nick ${evil}`);
    await nc.sees(/^\* joined/);
    await server.stop();

    const events = new Set();
    for (const line of server.lines) {
      const fields = parse(line);
      assert.match(fields.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, line);
      assert.ok(['debug', 'info', 'warn', 'error'].includes(fields.level), line);
      assert.match(fields.event, /^[a-z_]+$/, line);
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/, 'a control character');
      events.add(fields.event);
    }
    for (const event of ['started', 'connection_opened', 'session_started', 'connection_closed', 'protocol_error',
      'rate_limited', 'upgrade_refused', 'room_created', 'joined', 'left', 'command_error', 'draining', 'stopped']) assert.ok(events.has(event), `no ${event}`);
    for (const word of [...secrets, 'cookie-secret', 'jwt-secret']) assert.ok(!server.stderr.includes(word), 'a secret in the log');
  });
}

test('/metrics is Prometheus text, /healthz and /readyz answer', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await openMany(server, 2);
  await ada.join('r');
  await bob.join('r');
  await ada.say('r', 'x');
  await bob.hears('message');
  const response = await server.get('/metrics');
  assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  assert.ok(text.endsWith('\n'));
  const types = new Map();
  const helps = new Set();
  const seen = new Set();
  for (const line of text.trimEnd().split('\n')) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? (-?[0-9.]+(?:e[-+]?\d+)?|\+Inf|NaN)$/.exec(line);
    assert.ok(help || type || sample, `not Prometheus text: ${line}`);
    if (help) {
      assert.ok(!helps.has(help[1]), `two HELP lines for ${help[1]}`);
      helps.add(help[1]);
    } else if (type) {
      types.set(type[1], type[2]);
    } else {
      const family = types.has(sample[1]) ? sample[1] : sample[1].replace(/_(bucket|sum|count)$/, '');
      assert.ok(types.has(family) && helps.has(family), `${sample[1]} before its TYPE and HELP`);
      assert.ok(!seen.has(sample[1] + sample[2]), `twice: ${line}`);
      seen.add(sample[1] + sample[2]);
    }
  }
  const all = await server.metrics();
  for (const [name, value] of [['plenum_sessions', 2], ['plenum_rooms', 1], ['plenum_members', 2], ['plenum_entries_total', 1],
    ['plenum_passing_total', 2]]) {
    assert.equal(all.get(name), value, name);
  }
  assert.equal(all.get('plenum_turn_seconds_bucket{le="+Inf"}'), all.get('plenum_turn_seconds_count'));
  for (const [name, value] of [['plenum_connections_closed_total{reason="slow"}', 0], ['plenum_errors_total{code="bad_room"}', 0],
    ['plenum_commands_total{type="join"}', 2], ['plenum_commands_total{type="hello"}', 2], ['plenum_commands_total{type="message"}', 1]]) {
    assert.equal(all.get(name), value, name);
  }
  assert.ok(all.get('plenum_connections_accepted_total') >= 2);
  const flushes = all.get('plenum_publish_to_write_seconds_count');
  assert.ok(flushes >= 1, 'what was said was written');
  assert.equal(all.get('plenum_publish_to_write_seconds_bucket{le="10"}'), flushes, 'and within 10 s');
  assert.ok(all.get('plenum_publish_to_write_seconds_sum') > 0);
  for (const name of ['plenum_writes_total', 'plenum_memory_used_bytes', 'plenum_deliveries_total', 'plenum_lag_entries_max']) {
    assert.ok(all.get(name) >= 0, name);
  }
  for (const [path, body] of [['/healthz', /ok|healthy|alive/], ['/readyz', /ready/]]) {
    const answer = await server.get(path);
    assert.equal(answer.status, 200, path);
    assert.match(await answer.text(), body);
  }
});

test('doctor: what the machine allows, what the limits cost, and 1 where they cannot be had', async () => {
  const well = await plenum('doctor', '--limits.connections=100', '--server.memory_mb=64', '--limits.rooms=1000');
  assert.deepEqual([well.code, well.stderr], [0, ''], well.stdout);
  const lines = well.stdout.trimEnd().split('\n');
  assert.equal(lines[0], 'What this machine allows:');
  const told = lines.filter((line) => line.startsWith('  '));
  for (const line of told) assert.match(line, /^ {2}(well|note|bad) {1,2}/);
  for (const about of ['open files', 'accept queue', 'conntrack', 'memory', 'random', 'clock', 'cores', 'connections', 'stuck readers', 'rooms'])
    assert.equal(told.filter((line) => line.slice(8).startsWith(about.padEnd(14))).length, 1, about);
  assert.match(well.stdout, /100 idle ones hold 46\.9 KiB/);

  const hard = Number((await run('sh', ['-c', 'ulimit -Hn'])).stdout);
  if (Number.isFinite(hard) && hard < 16000000) {
    const bad = await plenum('doctor', `--limits.connections=${hard}`);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, new RegExp(`^ {2}bad {3}open files .*limits.connections is ${hard}\\. Raise the hard limit to \\d+`, 'm'));
  }
  const mistake = await plenum('doctor', '--server.shards=many');
  assert.equal(mistake.code, 2);
  assert.match(mistake.stderr, /server\.shards: got "?many/);
});
