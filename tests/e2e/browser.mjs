// SPDX-License-Identifier: Apache-2.0
//
// browser.mjs: the chat page in Debian's Chromium, driven by playwright-core. A `Person` is a page in a browser
// context of its own, with what a tester has to watch on every page: no script error, no breach of the content
// security policy, nothing fetched from elsewhere.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { root, startServer, until } from './support.mjs';

export const SCREENSHOTS = join(root, 'build/screenshots');
const DESKTOP = { width: 1280, height: 800 };

/** Starts Chromium; `env` is added to its environment. */
export async function startBrowser(t, env = {}) {
  const home = mkdtempSync(join(tmpdir(), 'plenum-chromium-'));
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    env: { ...process.env, HOME: home, ...env },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--hide-scrollbars'],
  });
  t.after(async () => {
    await browser.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });
  return browser;
}

const TICK_MS = 16, JUMP_MS = 10_000; // more than it takes a busy machine to say so

/** From here on the page's clock goes with the test: no faster than time, and by TICK_MS at most for each word with the page. So what is over there
 *  in seconds is not over before a test on a busy machine has come to look. The page's clock was installed before it was loaded. */
export async function clockOfTheTest(t, page) {
  let over = false;
  t.after(() => { over = true; });
  await page.clock.pauseAt(await page.evaluate(() => Date.now()) + JUMP_MS);
  const run = async () => {
    for (let last = performance.now(); !over;) {
      await new Promise((next) => setTimeout(next, TICK_MS));
      const now = performance.now();
      await page.clock.runFor(Math.round(Math.min(TICK_MS, now - last)));
      last = now;
    }
  };
  run().catch((error) => { if (!over && !page.isClosed()) throw error; });
}

/** A text as CSS writes it; for quotes and backslashes, the same as JSON. */
const quoted = (text) => JSON.stringify(text);

export class Person {
  faults = [];

  /** Opens the page, gives the name, and waits until it is connected. */
  static async enter(browser, url, name, { room, ...options } = {}) {
    const person = await Person.visit(browser, url, { at: room ? `#room=${encodeURIComponent(room)}` : '', ...options });
    await person.id('name-input').fill(name);
    await person.id('name-submit').click();
    await person.connected();
    if (room) await person.sees(`[data-testid=room-tab].active[data-room=${quoted(room)}]`);
    return person;
  }

  /** Opens the page, in a context of its own, and no more. `prepare(page)` runs before anything is loaded. */
  static async visit(browser, url, { at = '', viewport = DESKTOP, prepare, ...options } = {}) {
    return Person.open(await browser.newContext({ viewport, locale: 'en-GB', ...options }), url, { at, prepare });
  }

  /** A page more in a context that there is: another tab of the same browser. */
  static async open(context, url, { at = '', prepare } = {}) {
    const person = new Person();
    person.context = context;
    person.page = await context.newPage();
    person.page.setDefaultTimeout(20_000);
    person.page.on('pageerror', (error) => person.faults.push(`script error: ${error.message}`));
    person.page.on('dialog', (dialog) => { person.faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    person.page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) person.faults.push(message.text());
    });
    person.page.on('request', (request) => {
      if (!request.url().startsWith(url)) person.faults.push(`fetched ${request.url()}`);
    });
    await person.page.addInitScript(() => {
      window.violations = [];
      addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
    });
    await prepare?.(person.page);
    await person.page.goto(`${url}/${at}`);
    return person;
  }

  id(testid) { return this.page.getByTestId(testid); }
  find(selector) { return this.page.locator(selector); }
  sees(selector) { return this.page.waitForSelector(selector); }
  /** Attached, not visible: on a phone the state is in the drawer. */
  async connected() { await this.page.waitForSelector('[data-testid=conn-state][data-state=open]', { state: 'attached' }); }

  async say(text) {
    await this.id('composer').fill(text);
    await this.id('composer').press('Enter');
  }

  async join(room) {
    await this.id('join-room-input').fill(room);
    await this.id('join-room').click();
    await this.sees(`[data-testid=room-tab].active[data-room=${quoted(room)}]`);
  }

  async go(room) { await this.find(`[data-testid=room-list-item][data-room=${quoted(room)}]`).click(); }

  /** The texts in the stream, top to bottom. */
  texts() { return this.id('message-text').allTextContents(); }

  async reads(text) {
    let last;
    await until(async () => (last = await this.texts()).includes(text), () => `"${text}"; the page shows ${JSON.stringify(last)}`);
  }

  /** Waits until the stream shows exactly these texts. */
  async shows(expected) {
    let last;
    await until(async () => {
      last = await this.texts();
      return JSON.stringify(last) === JSON.stringify(expected);
    }, () => `${JSON.stringify(expected)}; the page shows ${JSON.stringify(last)}`);
  }

  members(presence = 'online') {
    return this.find(`[data-testid=member][data-presence=${presence}] .person-name`).allTextContents();
  }

  async check() {
    const violations = await this.page.evaluate(() => window.violations);
    // The chat fills its window; the admin's page is as long as its lists.
    const slack = await this.page.evaluate(() => document.scrollingElement.scrollHeight - innerHeight);
    if (slack > 0 && !new URL(this.page.url()).pathname.startsWith('/admin')) this.faults.push(`the page as a whole can be scrolled by ${slack} px`);
    assert.deepEqual([...this.faults, ...violations], []);
  }

  /** Nothing slides or fades any more; what turns for ever does not count. */
  settle() {
    return this.page.waitForFunction(() => document.getAnimations()
      .every((a) => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity));
  }

  async shot(name) {
    await this.settle();
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, in the page as it is. */
async function inspect(person, state) {
  await person.settle();
  if (!await person.page.evaluate(() => 'axe' in window)) await person.page.evaluate(axe);
  const { violations, passes } = await person.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'], preload: false }));
  assert.ok(passes.length > 10, 'axe has looked');
  const told = violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes.map((n) => `${n.html.slice(0, 200)}\n    ${n.any.concat(n.all, n.none).map((c) => c.message).join('; ')}`).join('\n  ')}`);
  assert.equal(told.join('\n'), '', state);
}

/** axe-core looks at the page as it is, in light and dark; nothing may be found. */
export async function look(person, state) {
  for (const colorScheme of ['light', 'dark']) {
    await person.page.emulateMedia({ colorScheme });
    await inspect(person, `${state}, ${colorScheme}`);
  }
}

/** Holds back what the server says to a page: everything after the first frame that `after` likes, until release().
 *  To be called before the page loads. `began` resolves when the first such frame has gone through. */
export async function holdFrames(page, after) {
  let held = null;
  let send;
  let begin;
  const began = new Promise((done) => { begin = done; });
  await page.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    send = (frame) => near.send(frame);
    near.onMessage((frame) => far.send(frame));
    far.onMessage((frame) => {
      if (held) return held.push(frame);
      send(frame);
      if (begin && after(JSON.parse(frame))) { held = []; begin(); begin = null; }
    });
  });
  return { began, release() { const frames = held; held = null; frames.forEach(send); } };
}

/** Between a page and the server: `out(command, answer)` sees each command of the page first, and keeps it from the server where it returns
 *  true; `answer(message)` says to the page what the server has not. To be called before the page loads. */
export async function between(page, out) {
  await page.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    near.onMessage((frame) => { if (!out(JSON.parse(frame), (message) => near.send(JSON.stringify(message)))) far.send(frame); });
  });
}

/** A TCP line between a page and a server that can be cut and mended. */
export async function startLine(t, server) {
  const [, host, port] = /^(.*):(\d+)$/.exec(server.http);
  const pairs = new Set();
  let up = true;
  const line = createServer((near) => {
    near.on('error', () => {});
    if (!up) return near.destroy();
    const far = createConnection({ host, port: Number(port) }).on('error', () => {});
    const pair = [near, far];
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const end of pair) end.on('close', () => { pairs.delete(pair); near.destroy(); far.destroy(); });
  });
  await new Promise((done) => line.listen(0, '127.0.0.1', done));
  const cut = () => { up = false; for (const [near, far] of pairs) { near.destroy(); far.destroy(); } };
  t.after(() => { cut(); line.close(); });
  return { url: `http://127.0.0.1:${line.address().port}`, cut, mend: () => { up = true; } };
}

// ---- one browser and one server for many tests ------------------------------------------------------------------

/** For all tests of the `describe` that calls it: a browser, a server, and people, who leave with the test they came in.
 *  `browser`, `server` and `whole`, which others can be started with that last as long, are there when the tests run. */
export function chatFixture(flags) {
  const ends = [];
  const chat = { whole: { after: (end) => ends.unshift(end) } };
  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    chat.browser = await startBrowser(chat.whole);
    chat.server = await startServer(chat.whole, { flags });
  });
  after(async () => { for (const end of ends) await end(); });

  const staying = (t, person) => {
    t.after(() => person.context.close());
    return person;
  };
  chat.visit = async (t, { url = chat.server.url, ...options } = {}) =>
    staying(t, await Person.visit(chat.browser, url, { reducedMotion: 'reduce', ...options }));
  /** By a name. Who is in a room sees himself in it; on a phone that is in the drawer. */
  chat.enter = async (t, name, room, { url = chat.server.url, ...options } = {}) => {
    const person = staying(t, await Person.enter(chat.browser, url, name, { room, reducedMotion: 'reduce', ...options }));
    await person.page.waitForSelector('[data-testid=member][data-me]', { state: options.isMobile ? 'attached' : 'visible' });
    return person;
  };
  /** By a token. */
  chat.signedIn = async (t, token, room, options) => {
    const person = await chat.visit(t, { at: `#token=${token}&room=${room}`, ...options });
    await person.connected();
    await person.sees('[data-testid=member][data-me]');
    return person;
  };
  /** Ada, who is the first and so, where the server makes the first one that, the host; and Bob. */
  chat.two = async (t, room, options) => {
    const ada = await chat.enter(t, 'Ada', room, options);
    const bob = await chat.enter(t, 'Bob', room);
    await until(async () => (await ada.members()).includes('Bob'), 'Bob at Ada');
    return [ada, bob];
  };
  return chat;
}

/** Waits until what is called `testid` says what `pattern` likes. */
export async function says(person, testid, pattern) {
  let last;
  await until(async () => pattern.test(last = (await person.id(testid).allTextContents()).join(' | ')), () => `${testid}: ${pattern}; it says "${last}"`);
}

/** What was decided, in the stream. */
export const decrees = (person) => person.find('.decree-text').allTextContents();

export async function decreed(person, text) {
  let last;
  await until(async () => (last = await decrees(person)).includes(text), () => `"${text}"; the page has ${JSON.stringify(last)}`);
}

/** The message with that text, and what its menu has. */
export const row = (person, text) => person.id('message').filter({ has: person.page.getByTestId('message-text').filter({ hasText: text }) }).last();

export async function openMenu(person, text) {
  await row(person, text).hover();
  await row(person, text).getByTestId('msg-more').click();
}

export async function chooseOf(person, text, label) {
  await openMenu(person, text);
  await person.id('menu-item').filter({ hasText: label }).click();
}
