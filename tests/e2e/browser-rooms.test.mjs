// SPDX-License-Identifier: Apache-2.0
//
// What the chat page shows of a room and when: an empty room, restarts, what is unread.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Person, SCREENSHOTS, decreed, startBrowser } from './browser.mjs';
import { Native, startServer, until, within } from './support.mjs';

describe('rooms in the chat page', () => {
  let browser;
  let server;
  const ends = [];
  const whole = { after: (end) => ends.unshift(end) };
  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await startBrowser(whole);
    server = await startServer(whole);
  });
  after(async () => { for (const end of ends) await end(); });
  const enter = async (t, name, options, url = server.url) => {
    const person = await Person.enter(browser, url, name, options);
    t.after(() => person.context.close());
    return person;
  };

  test('an empty room says what to do, and its link brings others in', async (t) => {
    const ada = await enter(t, 'Ada', { room: 'fresh & empty', permissions: ['clipboard-read', 'clipboard-write'] });
    await ada.sees('[data-testid=invitation]');
    assert.equal(await ada.id('loading').count(), 0, 'nothing turns for ever');
    const link = await ada.id('room-link').inputValue();
    await ada.id('copy-invite').click();
    await until(async () => (await ada.page.evaluate(() => navigator.clipboard.readText())) === link, 'the link to be copied');
    const bob = await enter(t, 'Bob');
    await bob.page.goto(link);
    await bob.sees('[data-testid=room-tab].active[data-room="fresh & empty"]');
    // Another empty room has an invitation of its own.
    await ada.join('also empty');
    await until(async () => /also%20empty/.test(await ada.id('room-link').inputValue()), 'the other link');
    await ada.go('fresh & empty');
    await bob.say('I found it');
    await ada.reads('I found it');
    assert.equal(await ada.id('invitation').count(), 0);
    await ada.say('hello');
    await bob.reads('hello');
    for (const person of [ada, bob]) await person.check();
  });

  test('a room made by a rule of the server: its maker is host, and who comes reads that it was made', async (t) => {
    const made = await startServer(t, { flags: ['--rooms.rules=[{name: quiz, host: first, members_max: 2}]'] });
    const ada = await enter(t, 'Ada', { room: 'lobby' }, made.url);
    await ada.say('/create "friday quiz" quiz');
    await ada.sees('[data-testid=room-tab].active[data-room="friday quiz"]');
    await decreed(ada, 'You made this room, by the rule quiz');
    await ada.sees('[data-testid=member][data-me] .tag.role.host');
    const bob = await enter(t, 'Bob', { room: 'friday quiz' }, made.url);
    await decreed(bob, 'Ada made this room, by the rule quiz');
    await ada.say('/create "friday quiz"');
    await ada.sees('text=There is a room `friday quiz` already');
    await ada.say('/create another riddle');
    await ada.sees('text=There is no rule `riddle` on this server');
    await ada.check();
  });

  test('a room with a very long name breaks no layout', async (t) => {
    const long = `${'engineering-observability-and-incident-response-'.repeat(2)}`.slice(0, 90);
    const other = await Native.open(server, { name: 'W'.repeat(64) });
    await other.join(long);
    await other.say(long, 'w'.repeat(64));
    const ada = await enter(t, 'Ada', { room: long, viewport: { width: 1280, height: 800 } });
    await ada.reads('w'.repeat(64));
    await ada.join(`${long}, which is empty`);
    await ada.sees('[data-testid=invitation]');
    // Nothing that is shown sticks out of the column it belongs to, and no column out of the window.
    const sticking = () => ada.page.evaluate(() => {
      const found = [];
      for (const column of document.querySelectorAll('.sidebar, .main, .people, dialog[open]')) {
        const box = column.getBoundingClientRect();
        if (column.inert || getComputedStyle(column).visibility === 'hidden' || box.width === 0) continue;
        if (box.left < -0.5 || box.right > innerWidth + 0.5) found.push(`${column.className} is out of the window`);
        for (const e of column.querySelectorAll('*')) {
          if (e.closest('.tabs, .visually-hidden') || !e.checkVisibility()) continue;
          const { left, right } = e.getBoundingClientRect();
          const inside = e.closest('.list-name, .room-title, .person-name, .msg-author, .option-name, .me-name, .me-user, input, textarea');
          if (!inside && (left < box.left - 0.5 || right > box.right + 0.5)) found.push(`${e.className || e.tagName} sticks out of ${column.className}`);
        }
        if (column.scrollWidth > column.clientWidth) found.push(`${column.className} is wider inside`);
      }
      return found;
    });
    for (const width of [1280, 1000, 360]) {
      await ada.page.setViewportSize({ width, height: 740 });
      for (const room of [long, `${long}, which is empty`]) {
        await ada.find(`[data-testid=room-tab][data-room="${room}"] .tab-select`).click();
        await ada.sees(`[data-testid=room-tab].active[data-room="${room}"]`);
        await ada.settle();
        assert.deepEqual(await sticking(), [], `${width} px, ${room}`);
      }
      await ada.page.keyboard.press('Control+k');
      await ada.sees('[data-testid=switcher-option]');
      await ada.settle();
      assert.deepEqual(await sticking(), [], `${width} px, the switcher`);
      await ada.page.keyboard.press('Escape');
    }
    await ada.id('open-sidebar').click();
    await ada.settle();
    assert.deepEqual(await sticking(), [], 'the drawer');
    await ada.shot('phone-long-name');
    await ada.check();
  });

  test('unread counts survive a reload, and go on', async (t) => {
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('news');
    await robot.say('news', 'old news');
    const ada = await enter(t, 'Ada', { room: 'news' });
    await ada.reads('old news');
    await ada.join('desk');
    const unread = async (n, mentioned = false) => {
      const badge = ada.find('[data-testid=room-list-item][data-room=news] [data-testid=unread]');
      let last;
      await until(async () => (last = (await badge.allTextContents()).join()).startsWith(`${n} `), () => `${n} unread; the page shows "${last}"`);
      assert.equal(await badge.evaluate((node) => node.classList.contains('loud')), mentioned);
    };
    for (const word of ['one', 'two', 'three']) await robot.say('news', word);
    await unread(3);
    await ada.page.reload();
    await ada.connected();
    await unread(3);
    assert.match(await ada.page.title(), /^\(3\) #desk/);
    await robot.say('news', 'four, @ada');
    await unread(4, true);
    // What is said while the page is away counts too, once.
    await ada.page.goto('about:blank');
    await robot.say('news', 'five');
    await ada.page.goBack();
    await ada.connected();
    await unread(5, true);
    await ada.go('news');
    await ada.reads('five');
    const line = await ada.page.evaluate(() => document.querySelector('[data-testid=unread-line]').nextElementSibling
      .querySelector('[data-testid=message-text]').textContent);
    assert.equal(line, 'one', 'the line stands above what has not been read');
    assert.equal(await ada.id('unread').count(), 0);
    await ada.page.reload();
    await ada.connected();
    await ada.reads('five');
    assert.equal(await ada.id('unread').count(), 0);
    assert.match(await ada.page.title(), /^#news/);
    await ada.check();
  });

  test('what is on screen survives a restart; presence is unknown in between', async (t) => {
    const first = await startServer(t);
    const robot = await Native.open(first, { name: 'Robot' });
    await robot.join('lobby');
    const ada = await enter(t, 'Ada', { room: 'lobby' }, first.url);
    for (let i = 0; i < 3; i++) await robot.say('lobby', `word ${i}`);
    await ada.say('mine');
    await ada.shows(['word 0', 'word 1', 'word 2', 'mine']);
    await ada.sees('[data-testid=message][data-state=sent]');
    const colours = () => ada.page.evaluate(() => [...document.querySelectorAll('.people .presence')].map((dot) => getComputedStyle(dot).backgroundColor));
    const [green] = await colours();
    const { http } = first;
    first.kill('SIGKILL');
    await within(first.ended, 'the death');
    await ada.sees('[data-testid=conn-state]:not([data-state=open])');
    await until(async () => (await ada.members('unknown')).join() === 'Ada,Robot', 'nobody to be shown as online');
    assert.ok(!(await colours()).includes(green), 'no green dot without a connection');
    await ada.shows(['word 0', 'word 1', 'word 2', 'mine']);

    const second = await startServer(t, { http });
    const again = await Native.open(second, { name: 'Robot' });
    await again.join('lobby');
    await again.say('lobby', 'first of the new');
    await ada.connected();
    await ada.sees('[data-testid=restart-line]');
    await ada.say('mine again');
    const all = ['word 0', 'word 1', 'word 2', 'mine', 'first of the new', 'mine again'];
    await ada.shows(all);
    const order = await ada.page.evaluate(() => [...document.querySelectorAll('[data-testid=message-text], [data-testid=restart-line]')]
      .map((node) => (node.dataset.testid === 'restart-line' ? '---' : node.textContent)));
    assert.deepEqual(order, [...all.slice(0, 4), '---', ...all.slice(4)]);
    assert.match(await ada.id('restart-line').textContent(), /only on this screen/);
    await until(async () => (await ada.members()).join() === 'Ada,Robot', 'both online again');
    await ada.check();
  });

  test('tabs that do not fit are counted, and can be reached', async (t) => {
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('tab 0');
    const ada = await enter(t, 'Ada', { room: 'tab 0', reducedMotion: 'reduce' });
    for (let i = 1; i < 12; i++) await ada.join(`tab ${i}`);
    const hidden = async (side) => (await ada.id(`tabs-${side}`).isVisible() ? Number(await ada.page.textContent(`#tabs-${side}-count`)) : 0);
    const visible = () => ada.page.evaluate(() => {
      const box = document.getElementById('tabs').getBoundingClientRect();
      return [...document.querySelectorAll('.tab')].filter((tab) => {
        const { left, right } = tab.getBoundingClientRect();
        return (left + right) / 2 >= box.left && (left + right) / 2 <= box.right;
      }).length;
    });
    assert.ok(await hidden('left') > 0 && await hidden('right') === 0, 'at the end of the row');
    assert.equal(await hidden('left') + await visible(), 12);
    await robot.say('tab 0', 'psst');
    await ada.sees('[data-testid=tabs-left].fresh');
    while (await hidden('left') > 0) {
      const before = await hidden('left');
      await ada.id('tabs-left').click();
      await until(async () => await hidden('left') < before, 'the row to move');
    }
    assert.ok(await hidden('right') > 0);
    await ada.find('[data-testid=room-tab][data-room="tab 0"] .tab-select').click();
    await ada.reads('psst');
    await ada.shot('desk-tabs');
    await ada.page.setViewportSize({ width: 2600, height: 700 });
    await until(async () => await hidden('left') + await hidden('right') === 0, 'all tabs to fit');
    await ada.check();
  });
});
