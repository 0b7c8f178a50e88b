// SPDX-License-Identifier: Apache-2.0
//
// What README.md shows, done as it says: the lines are read from it, so it cannot show what does not work. Typed text
// is typed, key by key, at a person's pace where the server's patience is at stake; `nc` and `curl` are Debian's, and
// npm's ws stands for wscat, which is ws with a prompt.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { startBrowser } from './browser.mjs';
import { Native, Nc, WebSocket, root, run, startServer, until, within } from './support.mjs';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The fenced blocks that match, as lists of lines. */
function blocks(pattern) {
  const found = [...readme.matchAll(/^```\w*\n(.*?)^```$/gms)].map((m) => m[1]).filter((text) => pattern.test(text));
  assert.ok(found.length > 0, `README.md has no block like ${pattern}`);
  return found.map((text) => text.trimEnd().split('\n'));
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Presses one key after the other; `key_ms` lies between two of them. */
function typed(text, key_ms, press) {
  return new Promise((done) => {
    let n = 0;
    const timer = setInterval(() => {
      press(text[n++]);
      if (n === text.length) { clearInterval(timer); done(); }
    }, key_ms);
  });
}

// ---- nc -----------------------------------------------------------------------------------------------------------

/** Types what the README's nc session types, and waits for each answer that it shows. */
async function ncTour(t) {
  const server = await startServer(t);
  const [lines] = blocks(/^\$ nc /);
  assert.equal(lines.shift(), '$ nc 127.0.0.1 9000');
  const windows = [await Native.open(server, { name: 'Ada' }), await Native.open(server, { name: 'Bob' })];
  for (const window of windows) await window.join('lobby');

  const nc = new Nc(t, server);
  let at = 0;   // how many lines of nc's are accounted for
  for (const line of lines) {
    if (!/^[*[]/.test(line)) {
      await typed(`${line}\n`, 60, (key) => nc.child.stdin.write(key));
      continue;
    }
    if (line.includes('hello from the browser')) await windows[0].say('lobby', { text: 'hello from the browser' });
    const wanted = new RegExp(`^${literal(line).replace(/\d\d:\d\d:\d\d/, String.raw`\d\d:\d\d:\d\d`)
      .replace(/127\\\.0\\\.0\\\.1:\d+/, String.raw`127\.0\.0\.1:\d+`)}$`);
    await until(() => nc.seen.length > at, () => `${line}; nc shows\n${nc.stdout}`);
    assert.match(nc.seen[at++], wanted);
  }
  assert.ok(at >= 6);
}

// ---- wscat --------------------------------------------------------------------------------------------------------

/** What README shows as `…` or as an offset stands for something, the same thing wherever it is shown. */
class Shown {
  #real = new Map();

  /** A typed line with the real things in it. */
  fill(line) {
    return line.replace(/"[^"]*…"|"offset":\d+/g, (shown) => this.#real.get(shown) ?? assert.fail(`what is ${shown}?`));
  }

  /** Holds an answer against the line that shows it, and learns what it stands for. */
  check(line, answer) {
    const learnt = [];
    const pattern = line.replace(/"[^"…]*…"|"offset":\d+|"resume":"[^"]*"|:\d+|…|[.*+?^${}()|[\]\\]/g, (shown) => {
      if (shown === '…') return '.*';
      if (/^:\d+$/.test(shown)) return String.raw`:\d+`;
      if (!/…|offset/.test(shown)) return `\\${shown}`;
      const key = shown.replace(/^"resume":/, '');
      const known = this.#real.get(key);
      if (known !== undefined && !shown.startsWith('"resume"')) return literal(known);   // a new resume is a new one
      learnt.push(key);
      if (shown.startsWith('"resume"')) return '"resume":("[^"]*")';
      return shown.startsWith('"offset"') ? String.raw`("offset":\d+)` : '("[^"]*")';
    });
    const found = new RegExp(`^${pattern}$`).exec(answer);
    assert.ok(found, `README shows\n${line}\nbut it is\n${answer}`);
    learnt.forEach((key, i) => this.#real.set(key, found[i + 1]));
  }
}

/** One WebSocket, as wscat has it: lines out, lines in. */
async function openLines(server) {
  const socket = new WebSocket(server.ws, { perMessageDeflate: false });
  const seen = [];
  const state = { closed: null };
  socket.on('message', (data) => seen.push(String(data)));
  socket.on('close', (code, reason) => { state.closed = `${code} ${reason}`; });
  await within(new Promise((done, fail) => socket.once('open', done).once('error', fail)), 'the WebSocket to open');
  return { socket, seen, state };
}

async function wscatTour(t) {
  const server = await startServer(t);
  assert.match(readme, /npx wscat -c ws:\/\/127\.0\.0\.1:8000\/ws/);
  const window = await Native.open(server, { name: 'Ada' });
  await window.join('lobby');
  await window.say('lobby', { text: 'hello from the browser' });
  await window.say('lobby', 'good morning');

  const shown = new Shown();
  let key_ms = 270;   // two hundred keys a minute, and JSON is slow to type: the first line takes 13 s
  const connections = blocks(/^> \{/);
  assert.equal(connections.length, 2, 'one connection, and one that comes back');
  for (const lines of connections) {
    const { socket, seen, state } = await openLines(server);
    let at = 0;
    for (const line of lines) {
      if (line.startsWith('> ')) {
        const text = shown.fill(line.slice(2));
        let entered = '';
        await typed(text, key_ms, (key) => { entered += key; });
        assert.equal(state.closed, null, 'closed while its user was still typing');
        socket.send(entered);
        key_ms = 1;
        continue;
      }
      assert.equal(line.slice(0, 2), '< ');
      await until(() => seen.length > at || state.closed, () => `${line}; so far\n${seen.join('\n')}`);
      assert.equal(state.closed, null);
      // A message that README leaves out may lie between: one line for history that it shows, one that it does not.
      while (!line.includes('"type":"message"') && /^\{"type":"(message|member:)/.test(seen[at])) at++;
      await until(() => seen.length > at, () => `${line}; so far\n${seen.join('\n')}`);
      shown.check(line.slice(2), seen[at++]);
    }
    socket.terminate();   // "cut the connection"
  }
}

test('two minutes, typed at a person\'s pace', { concurrency: true }, async (t) => {
  await Promise.all([t.test('nc', ncTour), t.test('wscat', wscatTour)]);
});

// ---- the page -----------------------------------------------------------------------------------------------------

/** Says something in the example page and waits until it is shown. */
async function talk(page, text) {
  await until(async () => (await page.title()) === 'open', async () => `the page to be connected; it is ${await page.title()}`);
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
  await until(async () => (await page.textContent('#log')).includes(`: ${text}\n`), async () => `${text} in ${await page.textContent('#log')}`);
}

async function watched(browser, url) {
  const page = await browser.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error') page.faults.push(message.text()); });
  await page.goto(url);
  return page;
}

/** A folder, served as `python3 -m http.server` would. */
async function serveFolder(t, folder) {
  const types = { '.html': 'text/html', '.js': 'text/javascript' };
  const server = createServer((request, response) => {
    try {
      response.setHeader('content-type', types[extname(request.url)] ?? 'text/plain');
      response.end(readFileSync(join(folder, request.url)));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, 'localhost');
  t.after(() => { server.closeAllConnections(); server.close(); });
  await until(() => server.listening, 'the other server');
  return `http://localhost:${server.address().port}`;
}

test('a line of curl reaches everyone in the room', async (t) => {
  const server = await startServer(t);
  const ada = await Native.open(server, { name: 'Ada' });
  const { epoch } = await ada.join('lobby');
  const [[command, shown]] = blocks(/^\$ curl --json /);
  const got = await run('sh', ['-c', command.slice(2).replace('curl', 'curl -s').replace('127.0.0.1:8000', server.http)]);
  assert.equal(got.code, 0, got.stderr);
  const answer = JSON.parse(got.stdout);
  assert.deepEqual(Object.keys(answer), Object.keys(JSON.parse(shown)));
  assert.deepEqual(answer, { room: 'lobby', offset: 1, epoch });
  await until(() => ada.data('lobby').length === 1, 'the words of the backend');
  assert.deepEqual(ada.data('lobby'), [{ text: 'hello from the backend' }]);
});

test('eight lines of JavaScript, and the page that curl brings', async (t) => {
  const [lines] = blocks(/plenum\.js';/);
  assert.equal(lines.length, 8);
  const example = readFileSync(join(root, 'web/example.js'), 'utf8');
  assert.equal(example, `// SPDX-License-Identifier: Apache-2.0\n${lines.join('\n')}\n`, 'README.md and web/example.js');

  const folder = mkdtempSync(join(tmpdir(), 'plenum-example-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const origin = await serveFolder(t, folder);
  const [commands] = blocks(/^curl /);
  assert.equal(commands[2], 'make run ARGS=--origin.allowed=http://localhost:8080');
  const server = await startServer(t, { flags: [`--origin.allowed=${origin}`] });
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  nc.type('/nick Grace');
  await nc.sees('* you are now Grace');
  const browser = await startBrowser(t);

  const own = await watched(browser, `${server.url}/example.html`);
  await talk(own, 'from the page');
  await nc.sees(/: from the page$/);
  nc.type('from nc');
  await until(async () => (await own.textContent('#log')).includes('Grace: from nc\n'), 'the words from nc');

  const got = await run('sh', ['-c', `cd '${folder}' && ${commands[0].replace('127.0.0.1:8000', server.http)}`]);
  assert.equal(got.code, 0, got.stderr);
  const mine = join(folder, 'example.js');
  writeFileSync(mine, readFileSync(mine, 'utf8').replace('${location.host}', server.http));
  const taken = await watched(browser, `${origin}/example.html`);
  await talk(taken, 'from elsewhere');
  await nc.sees(/: from elsewhere$/);
  for (const page of [own, taken]) assert.deepEqual(page.faults, []);
});

test('what docs/THREATS.md says is tried is tried there', () => {
  const rows = [...readFileSync(join(root, 'docs/THREATS.md'), 'utf8').matchAll(/^\| ([A-F]\d+) \| .* \| \[.*\]\(\.\.\/(.*)\) \|$/gm)];
  assert.ok(rows.length > 50);
  for (const [, letter, file] of rows)
    assert.match(readFileSync(join(root, file), 'utf8'), new RegExp(`\\b${letter}\\b`), `${letter} in ${file}`);
});
