// SPDX-License-Identifier: Apache-2.0
//
// The client module as strangers get it: fetched from the server into a fresh Node.js project, compiled against its
// types, and imported by a page from elsewhere.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { startBrowser } from './browser.mjs';
import { Native, Program, WebSocket, root, startServer, until, within } from './support.mjs';

const samples = join(root, 'tests/e2e/typescript');
const COMPILE = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,dom'];

/** An empty project with ws in it, as `npm init -y && npm install ws` leaves it. */
function freshProject(t) {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-project-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{ "name": "robot", "version": "1.0.0", "main": "index.js" }\n');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(root, 'node_modules/ws'), join(folder, 'node_modules/ws'));
  return folder;
}

async function download(server, folder, ...names) {
  for (const name of names) {
    const response = await server.get(`/${name}`);
    assert.equal(response.status, 200, name);
    writeFileSync(join(folder, name), await response.text());
  }
}

/** Runs node in a folder, to its end. A compiler on a busy machine takes its time. */
async function runNode(t, folder, args) {
  const program = new Program('env', ['-C', folder, process.execPath, ...args]);
  t.after(() => program.kill('SIGKILL'));
  const result = await within(program.ended, `node ${args.join(' ')}`, 180_000);
  return { ...result, stdout: program.stdout, stderr: program.stderr };
}

const compile = (t, folder, ...args) => runNode(t, folder, [join(root, 'node_modules/typescript/bin/tsc'), ...COMPILE, ...args]);

test('/plenum.mjs by the lines of docs/CLIENT.md, in a fresh Node.js project', async (t) => {
  const server = await startServer(t);
  const folder = freshProject(t);
  await download(server, folder, 'plenum.mjs');
  const robot = readFileSync(join(root, 'docs/CLIENT.md'), 'utf8').match(/```js\n(\/\/ robot\.mjs\..*?)```/s)[1];
  assert.match(robot, /127\.0\.0\.1:8000/);
  writeFileSync(join(folder, 'robot.mjs'), robot.replace('127.0.0.1:8000', server.http));
  const program = new Program('env', ['-C', folder, process.execPath, 'robot.mjs']);
  t.after(() => program.kill('SIGKILL'));

  const ada = await Native.open(server, { name: 'Ada' });
  await ada.join('ops');
  await until(() => ada.of('member:joined').some((m) => m.member.name === 'robot') || program.result,
    () => `the robot; it says ${program.stderr}`);
  await ada.say('ops', { text: 'ping' });
  const pongs = () => ada.of('message').filter((m) => m.from.name === 'robot' && m.data.text === 'pong').length;
  await until(() => pongs() === 1, () => `pong; the robot says ${program.stderr}`);
  await ada.say('ops', 'ping');   // as a terminal does
  await until(() => pongs() === 2, () => `a second pong; the robot says ${program.stderr}`);
});

test('a strict TypeScript program compiles against the types that are served, and does what they say', async (t) => {
  const server = await startServer(t);
  const folder = freshProject(t);
  await download(server, folder, 'plenum.mjs', 'plenum.d.mts', 'plenum.d.ts');
  writeFileSync(join(folder, 'robot.mts'), readFileSync(join(samples, 'robot.mts')));
  const compiled = await compile(t, folder, 'robot.mts');
  assert.equal(compiled.code, 0, compiled.stdout + compiled.stderr);
  const ran = await runNode(t, folder, ['robot.mjs', server.ws]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout.trim().split('\n').at(-1)), {
    back: { text: 'hello' }, code: 'not_member', states: ['connecting', 'open'], rtt: true, room: 'lobby',
    entry: 'message', reply: ['so be it', true], members: 'Ada', same: null, delivered: 1, cursor: true,
  });
});

test('every line of a wrong TypeScript program is refused', async (t) => {
  const folder = freshProject(t);
  for (const name of ['plenum.d.mts', 'plenum.d.ts']) writeFileSync(join(folder, name), readFileSync(join(root, 'web/plenum.d.ts')));
  const source = readFileSync(join(samples, 'wrong.mts'), 'utf8');
  writeFileSync(join(folder, 'wrong.mts'), source);
  const compiled = await compile(t, folder, '--noEmit', 'wrong.mts');
  assert.notEqual(compiled.code, 0);
  const refused = [...compiled.stdout.matchAll(/wrong\.mts\((\d+),\d+\): error TS/g)].map((m) => Number(m[1]));
  const wrong = source.split('\n').flatMap((line, i) => (line.endsWith('// wrong') ? [i + 1] : []));
  assert.ok(wrong.length >= 20);
  assert.deepEqual([...new Set(refused)], wrong, compiled.stdout);
});

/** Names of the members that plenum.d.ts declares for a class or interface, inherited ones too. */
function declared() {
  const file = join(root, 'web/plenum.d.ts');
  const program = ts.createProgram([file], { strict: true, types: [] });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
  const names = (name) => checker.getDeclaredTypeOfSymbol(exported.find((s) => s.name === name)).getProperties().map((s) => s.name);
  return { names, values: exported.filter((s) => s.flags & ts.SymbolFlags.Value).map((s) => s.name) };
}

test('the types have what the module has, and nothing else', async () => {
  const { names, values } = declared();
  const source = readFileSync(join(root, 'web/plenum.js'));
  const module = await import(`data:text/javascript;base64,${source.toString('base64')}`);
  assert.deepEqual(values.sort(), Object.keys(module).sort());

  const { Plenum } = module;
  const client = new Plenum('ws://nowhere/ws', { WebSocket });
  const methods = (o) => [...methodsOf(Object.getPrototypeOf(o)), ...methodsOf(Object.getPrototypeOf(Object.getPrototypeOf(o)))];
  const methodsOf = (prototype) => Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  // `emit` is for the module itself, as is what plenum.js marks as internal.
  const visible = (o) => [...Object.keys(o), ...methods(o)].filter((name) => name !== 'emit').sort();
  assert.deepEqual(names('Plenum').sort(), visible(client));
  const internal = ['resumePoint', 'forget', 'note', 'advance', 'skipTo', 'beyondHole', 'head', 'ahead', 'latest', 'wanted',
    'options', 'tries', 'turn', 'early', 'goOn', 'takeState', 'share', 'shared_base', 'shared_told'];
  assert.deepEqual(names('PlenumRoom').sort(), visible(client.room('a')).filter((name) => !internal.includes(name)));

  const told = (fn) => { try { fn(); } catch (e) { return /there are (.*)$/.exec(e.message)[1].split(', ').sort(); } };
  assert.deepEqual(names('ClientEvents').sort(), told(() => client.on('?', () => {})));
  assert.deepEqual(names('RoomEvents').sort(), told(() => client.room('a').on('?', () => {})));
  assert.deepEqual(names('PlenumOptions').sort(), told(() => new Plenum('ws://nowhere/ws', { '?': 1 })));
});

/** An empty page, served from elsewhere. */
async function elsewhere(t) {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>elsewhere</title>');
  }).listen(0, '127.0.0.1');
  t.after(() => { server.closeAllConnections(); server.close(); });
  await until(() => server.listening, 'the other server');
  return `http://127.0.0.1:${server.address().port}`;
}

test('a page from elsewhere: the module for an allowed origin; the reason where it may not connect', async (t) => {
  const browser = await startBrowser(t);
  const origin = await elsewhere(t);
  const open = await startServer(t, { flags: [`--origin.allowed=${origin}`] });
  const shut = await startServer(t);
  const page = await browser.newPage();
  await page.goto(origin);

  const failed = await page.evaluate((url) => import(url).then(() => 'imported', (e) => e.name), `${shut.url}/plenum.js`);
  assert.equal(failed, 'TypeError', 'the module of a server that does not allow this origin');

  /** Imports the module of one server and connects to a WebSocket of another. */
  const attempt = (url) => page.evaluate(async ([from, to]) => {
    const { Plenum, PlenumError } = await import(`${from}/plenum.mjs`);
    const client = new Plenum(to, { name: 'Ada', backoff_base_ms: 1, max_attempts: 2 });
    const waits = [];
    client.on('state', (s) => { if (s.state === 'waiting') waits.push(`${s.code} ${s.error.code}`); });
    try {
      return (await client.connect()).name;
    } catch (e) {
      return [e instanceof PlenumError, e.code, waits, e.message];
    } finally {
      client.close();
    }
  }, [open.url, url]);

  assert.equal(await attempt(open.ws), 'Ada');
  for (const [url, code, pattern] of [
    [`${open.ws}x`, 'wrong_path', /HTTP 404: There is nothing here/],
    [shut.ws, 'origin_refused', new RegExp(`not to pages from ${origin}`)],
    ['ws://127.0.0.1:1/ws', 'unreachable', /cannot be reached/],
  ]) {
    const [ours, told, waits, message] = await attempt(url);
    assert.deepEqual([ours, told, waits], [true, code, [`1006 ${code}`]], url);
    assert.match(message, pattern);
  }
  assert.deepEqual((await attempt('gopher://127.0.0.1/')).slice(0, 2), [true, 'bad_url']);
});
