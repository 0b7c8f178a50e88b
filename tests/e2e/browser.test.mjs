// SPDX-License-Identifier: Apache-2.0
//
// The chat page as people use it: Chromium, a terminal with nc, and a program on npm's ws, in the same rooms.
// Leaves pictures in build/screenshots/ for a person to look at.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Person, SCREENSHOTS, startBrowser, startLine } from './browser.mjs';
import { Native, Nc, startServer, until, within } from './support.mjs';

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => `word ${from + i}`);

describe('the chat page', () => {
  let browser;
  const ends = [];
  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await startBrowser({ after: (end) => ends.push(end) });
  });
  after(async () => { for (const end of ends) await end(); });
  const enter = async (t, url, name, options) => {
    const person = await Person.enter(browser, url, name, options);
    t.after(() => person.context.close());
    return person;
  };

  test('two pages and a terminal talk in one room', async (t) => {
    const server = await startServer(t, { flags: ['--server.shards=2', '--rooms.member_grace_s=1', '--rooms.presence_damping_ms=0'] });
    const nc = new Nc(t, server);
    await nc.sees(/^\* joined lobby/);
    nc.type('/nick Terry');
    nc.type('hello from before');
    await nc.sees(/hello from before$/);

    const ada = await enter(t, server.url, 'Ada', { room: 'lobby' });
    await ada.reads('hello from before');   // history on join
    const bob = await enter(t, server.url, 'Bob', { room: 'lobby' });
    await bob.reads('hello from before');
    await ada.say('hi, this is Ada');
    await bob.say('and this is Bob');
    nc.type('greetings from nc');
    const all = ['hello from before', 'hi, this is Ada', 'and this is Bob', 'greetings from nc'];
    for (const person of [ada, bob]) for (const text of all) await person.reads(text);
    assert.deepEqual((await ada.texts()).slice().sort(), all.slice().sort(), 'each once');
    assert.deepEqual(await bob.texts(), await ada.texts(), 'one order');
    await nc.sees(/^\[..:..:..\] Ada: hi, this is Ada$/);
    await nc.sees(/^\[..:..:..\] Bob: and this is Bob$/);
    assert.equal(await ada.find('[data-testid=message][data-own=true]').count(), 1);
    assert.equal(await ada.find('[data-testid=message][data-state=pending]').count(), 0);
    assert.match(await ada.page.title(), /^#lobby · Plenum$/);

    // Presence.
    await until(async () => (await ada.members()).join() === 'Ada,Bob,Terry', 'three members');
    assert.equal(await ada.id('members-count').textContent(), '3');
    await bob.context.close();
    await until(async () => (await ada.members('away')).join() === 'Bob', 'Bob to be away');
    await until(async () => (await ada.members()).join() === 'Ada,Terry' && (await ada.members('away')).length === 0, 'Bob to be gone');
    nc.type('/quit');
    await until(async () => (await ada.members()).join() === 'Ada', 'Terry to be gone');
    await until(async () => /Terry/.test(await ada.id('presence-notice').last().textContent()), 'a notice of it');
    await ada.check();
  });

  test('direct messages, tabs and unread counts', async (t) => {
    const server = await startServer(t, { flags: ['--server.shards=2'] });
    const ada = await enter(t, server.url, 'Ada', { room: 'lobby' });
    const bob = await enter(t, server.url, 'Bob', { room: 'lobby' });
    await until(async () => (await ada.members()).includes('Bob'), 'Bob in the list');
    await ada.find('[data-testid=member]:not([data-me])').click();
    await ada.say('just for you');
    await ada.sees('[data-testid=delivered]');
    await bob.sees('[data-testid=direct-list-item] [data-testid=unread]');
    assert.match(await bob.page.title(), /^\(1\) /);
    assert.ok(!(await bob.texts()).includes('just for you'), 'not in the room');
    await bob.id('direct-list-item').click();
    await bob.reads('just for you');
    assert.equal(await bob.id('unread').count(), 0);
    await bob.say('got it');
    await ada.reads('got it');

    // Unread counts while another room is open.
    await bob.join('tea');
    await ada.find('[data-testid=room-tab][data-room=lobby] .tab-select').click();
    for (const word of ['one', 'two', 'three']) await ada.say(word);
    const count = bob.find('[data-testid=room-list-item][data-room=lobby] [data-testid=unread]');
    await until(async () => (await count.count()) && /^3/.test(await count.textContent()), 'three unread');
    await until(async () => /^\(3\) #tea/.test(await bob.page.title()), 'the count in the title');
    assert.ok(!(await bob.texts()).includes('one'), 'the lobby stays in the lobby');
    await bob.go('lobby');
    await bob.reads('three');
    await bob.sees('[data-testid=unread-line]');
    await until(async () => (await count.count()) === 0, 'no more unread');

    // Leaving a room by closing its tab.
    await bob.find('[data-testid=room-tab][data-room=tea] [data-testid=tab-close]').click();
    await until(async () => (await bob.find('[data-testid=room-tab][data-room=tea]').count()) === 0, 'the tab to go');
    const watcher = await Native.open(server);
    await until(async () => {
      const { rooms } = await watcher.ask({ type: 'rooms', prefix: 'tea' });
      return rooms.length === 0 || rooms[0].members_count === 0;
    }, 'nobody at tea');
    for (const person of [ada, bob]) await person.check();
  });

  test('F7: what people write is text: no script runs, no policy is broken', async (t) => {
    const server = await startServer(t);
    const evil = [
      '<img src=x onerror="window.pwned=1">', '<script>window.pwned=1</script>', '"><svg onload=window.pwned=1>',
      "';window.pwned=1;//", '<a href="javascript:window.pwned=1">x</a>', '{{constructor.constructor("window.pwned=1")()}}',
      '<iframe srcdoc="<script>parent.pwned=1</script>">', '<style>*{display:none}</style>', '&lt;b&gt;&amp;', '\u202egnp.exe',
      'javascript:window.pwned=1', '<math><mtext><script>window.pwned=1</script>', '<form action=//evil><button>',
    ];
    const room = '<img src=x onerror="window.pwned=1">';
    const mallory = await Native.open(server, { name: '<img src=x onerror=window.pwned=1>' });
    await mallory.join(room);
    await mallory.join('lobby');
    for (const text of evil) {
      await mallory.say(room, { text });
      await mallory.say('lobby', text);
    }
    await mallory.say('lobby', { html: '<b>not text</b>', __proto__: 1, data: ['<script>window.pwned=1</script>'] });
    const ada = await enter(t, server.url, '"><script>window.pwned=1</script>', { room: 'lobby' });
    const shown = evil.map((text) => text.replace('\u202e', '\\u202e'));   // what turns the text around is named instead
    for (const text of shown) await ada.reads(text);
    await ada.go(room);
    for (const text of shown) await ada.reads(text);
    assert.equal(await ada.id('room-title').textContent(), room);
    assert.ok((await ada.members()).includes('<img src=x onerror=window.pwned=1>'));
    await mallory.ask({ type: 'direct', to: await ada.find('[data-testid=member][data-me]').getAttribute('data-user'), data: evil[0] });
    await ada.id('direct-list-item').click();
    await ada.reads(evil[0]);
    await ada.say(evil[1]);
    await mallory.hears('direct');
    // The switcher, the tooltips and the document hold them too.
    await ada.page.keyboard.press('Control+k');
    await ada.id('switcher-input').fill('<img');
    await ada.sees('[data-testid=switcher-option]');
    assert.equal(await ada.page.evaluate(() => window.pwned), undefined, 'a script ran');
    const alien = await ada.page.evaluate(() => [...document.querySelectorAll('main img:not([src^="/"]), main script, iframe, form[action], '
      + '[onerror], [onload], a[href^="javascript:" i], main style, .sidebar img:not([src^="/"])')].map((e) => e.outerHTML));
    assert.deepEqual(alien, []);
    await ada.check();

    // The policy itself.
    const policy = (await server.get('/')).headers.get('content-security-policy');
    assert.match(policy, /script-src 'self'|default-src 'self'|default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
  });

  test('a killed and restarted server: the page comes back by itself into a new epoch', async (t) => {
    const first = await startServer(t);
    const ada = await enter(t, first.url, 'Ada', { room: 'lobby' });
    await ada.say('before the crash');
    await ada.sees('[data-testid=message][data-state=sent]');
    const { http } = first;
    first.kill('SIGKILL');
    await within(first.ended, 'the death');
    await ada.sees('[data-testid=conn-state]:not([data-state=open])');
    await ada.say('said into the dark');
    await ada.sees('[data-testid=message][data-state=pending]');

    const second = await startServer(t, { http });
    const reader = await Native.open(second);
    await reader.join('lobby', { history: 10 });   // the page may be back before us
    await ada.connected();
    await reader.hears((m) => m.type === 'message' && m.data.text === 'said into the dark', 'what was said in the dark');
    await ada.reads('said into the dark');
    await until(async () => (await ada.find('[data-testid=message][data-state=pending]').count()) === 0, 'nothing pending');
    await reader.say('lobby', { text: 'welcome back' });
    await ada.reads('welcome back');
    assert.equal((await ada.texts()).filter((text) => text === 'said into the dark').length, 1);
    assert.equal(reader.messages('lobby').filter((m) => m.data.text === 'said into the dark').length, 1);
    await until(async () => (await ada.members()).includes('Ada'), 'Ada in the new room');
    await ada.check();
  });

  test('SIGTERM: the page is told, waits its time, and reconnects', async (t) => {
    const env = { PLENUM_SESSIONS_SECRET: 'the same secret before and after' };
    const first = await startServer(t, { env, flags: ['--drain.spread_ms=600'] });
    const ada = await enter(t, first.url, 'Ada', { room: 'lobby' });
    const user = await ada.find('[data-testid=member][data-me]').getAttribute('data-user');
    const { http } = first;
    first.kill('SIGTERM');
    await until(async () => /restarting/.test((await ada.id('toast').allTextContents()).join()), 'the notice');
    assert.deepEqual(await within(first.ended, 'the server to leave'), { code: 0, signal: null });
    await startServer(t, { env, http });
    await ada.connected();
    await ada.say('still me');
    await ada.sees('[data-testid=message][data-state=sent]');
    assert.equal(await ada.find('[data-testid=member][data-me]').getAttribute('data-user'), user, 'the same session');
    await ada.check();
  });

  test('offline and online: nothing is lost, nothing comes twice', async (t) => {
    const server = await startServer(t, { flags: ['--server.shards=2'] });
    const line = await startLine(t, server);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('lobby');
    const ada = await enter(t, line.url, 'Ada', { room: 'lobby' });
    let said = 0;
    for (let round = 0; round < 3; round++) {
      for (; said < (round + 1) * 20 - 12; said++) await robot.say('lobby', `word ${said}`);
      await ada.reads(`word ${said - 1}`);
      line.cut();
      await ada.context.setOffline(true);
      await ada.sees('[data-testid=conn-state]:not([data-state=open])');
      for (; said < (round + 1) * 20; said++) await robot.say('lobby', `word ${said}`);
      await ada.say(`from the tunnel ${round}`);
      await ada.sees('[data-testid=message][data-state=pending]');
      line.mend();
      await ada.context.setOffline(false);   // the page need not wait for its timer
      await ada.connected();
      await ada.reads(`word ${said - 1}`);
      await robot.hears((m) => m.data?.text === `from the tunnel ${round}`, 'what was said in the tunnel');
      await until(async () => (await ada.find('[data-testid=message][data-state=pending]').count()) === 0, 'nothing pending');
    }
    const texts = await ada.texts();
    assert.deepEqual(texts.filter((text) => text.startsWith('word')), numbers(0, said), 'all, once, in order');
    assert.deepEqual(texts.filter((text) => text.startsWith('from')), [0, 1, 2].map((n) => `from the tunnel ${n}`));
    assert.deepEqual(robot.messages('lobby').map((m) => m.data.text), [0, 1, 2].map((n) => `from the tunnel ${n}`));
    assert.equal(await ada.id('gap').count(), 0);
    // A reload keeps the session, the room and what was said.
    const user = await ada.find('[data-testid=member][data-me]').getAttribute('data-user');
    await ada.page.reload();
    await ada.connected();
    await ada.reads(`word ${said - 1}`);
    assert.equal(await ada.find('[data-testid=member][data-me]').getAttribute('data-user'), user);
    await ada.check();
  });

  test('long history is read backwards by scrolling up', async (t) => {
    const server = await startServer(t);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('lobby');
    for (let i = 0; i < 300; i++) await robot.say('lobby', `word ${i}`);
    const ada = await enter(t, server.url, 'Ada', { room: 'lobby' });
    await ada.reads('word 299');
    assert.ok(!(await ada.texts()).includes('word 0'));
    // What one is reading stays in view when older messages appear above it.
    const [first] = await ada.texts();
    // Looked at and scrolled in one go: the page may still be settling at the end of what it has just shown.
    await until(() => ada.id('stream').evaluate((box, before) => {
      const older = box.querySelector('[data-testid=message-text]').textContent !== before;
      if (!older) box.scrollTop = 0;
      return older;
    }, first), 'older messages');
    assert.ok(await ada.id('message-text').getByText(first, { exact: true }).evaluate((node) => {
      const box = document.getElementById('stream').getBoundingClientRect();
      const { top, bottom } = node.getBoundingClientRect();
      return top >= box.top - 1 && bottom <= box.bottom;
    }), `${first} has moved out of sight`);
    await until(async () => {
      await ada.id('stream').evaluate((box) => { box.scrollTop = 0; });
      return (await ada.texts()).includes('word 0');
    }, 'the beginning');
    assert.deepEqual(await ada.texts(), numbers(0, 300), 'all, once, in order');
    await robot.say('lobby', 'news');
    await ada.sees('[data-testid=new-messages]:not([hidden])');
    await ada.id('new-messages').click();
    await ada.reads('news');
    await ada.check();
  });

  test('everything works from the keyboard', async (t) => {
    const server = await startServer(t);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('garden');
    const ada = await enter(t, server.url, 'Ada', { room: 'lobby' });
    const { keyboard } = ada.page;
    await until(() => ada.page.evaluate(() => document.activeElement.id === 'composer-input'), 'the focus in the message box');
    await keyboard.type('typed at once');
    await keyboard.press('Shift+Enter');
    await keyboard.type('a second line');
    await keyboard.press('Enter');
    await ada.reads('typed at once\na second line');

    await keyboard.press('Control+k');
    await keyboard.type('gard');
    await ada.sees('[data-testid=switcher-option][data-name=garden][aria-selected=true]');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');
    await keyboard.type('hello, garden');
    await keyboard.press('Enter');
    await robot.hears((m) => m.data?.text === 'hello, garden', 'it');

    await keyboard.press('Control+k');
    await keyboard.type('brand new');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=room-tab].active[data-room="brand new"]');
    await keyboard.press('Alt+ArrowUp');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');
    await keyboard.press('Alt+ArrowUp');
    await ada.sees('[data-testid=room-tab].active[data-room=lobby]');
    await robot.say('garden', 'psst');
    await ada.sees('[data-testid=room-tab][data-room=garden] [data-testid=unread]');
    await keyboard.press('Alt+Shift+ArrowDown');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');

    await keyboard.press('Control+k');
    await ada.sees('[data-testid=switcher][open]');
    await keyboard.press('Escape');
    await until(async () => !(await ada.id('switcher').isVisible()), 'the switcher to close');
    // Every control can be reached with Tab, shows where it is, and has a name.
    const names = [];
    for (let i = 0; i < 40; i++) {
      await keyboard.press('Tab');
      const at = await ada.page.evaluate(() => {
        const e = document.activeElement;
        const label = e.getAttribute('aria-label') || e.textContent.trim() || e.getAttribute('title') || e.placeholder || '';
        const style = getComputedStyle(e);
        const shown = style.outlineStyle !== 'none' || style.boxShadow !== 'none' || e.matches('input, textarea, body');
        return { tag: e.tagName, id: e.id, testid: e.dataset.testid, label, shown };
      });
      if (at.tag === 'BODY') continue;
      assert.notEqual(at.label, '', `no name: ${JSON.stringify(at)}`);
      assert.ok(at.shown, `focus cannot be seen on ${JSON.stringify(at)}`);
      names.push(at.testid ?? at.id);
    }
    for (const id of ['composer', 'join-room-input', 'switcher-open', 'profile-open', 'theme-toggle', 'room-list-item']) {
      assert.ok(names.includes(id), `Tab does not reach ${id}: ${names}`);
    }
    await ada.check();
  });

  test('on a phone, light and dark', async (t) => {
    const server = await startServer(t);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('lobby');
    for (const text of ['Good morning', 'A rather long line of words that has to be broken because a phone is narrow, and then some more',
      `https://example.org/${'very/'.repeat(30)}long`, 'x'.repeat(300)]) await robot.say('lobby', { text });
    const ada = await enter(t, server.url, 'Ada', {
      room: 'lobby', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: 'light', deviceScaleFactor: 2 });
    await ada.reads('Good morning');
    await ada.say('Written with a thumb');
    await ada.reads('Written with a thumb');
    const wide = () => ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(await wide() <= 0, 'nothing is wider than the screen');
    await ada.shot('phone-light');
    await ada.id('open-sidebar').tap();
    await until(() => ada.page.evaluate(() => !document.getElementById('sidebar').inert), 'the drawer');
    await until(() => ada.page.evaluate(() => document.getElementById('sidebar').getBoundingClientRect().left >= 0), 'the drawer in place');
    await ada.shot('phone-rooms');
    await ada.id('join-room-input').fill('pocket');
    await ada.id('join-room').tap();
    await ada.sees('[data-testid=room-tab].active[data-room=pocket]');
    assert.ok(await ada.page.evaluate(() => document.getElementById('sidebar').inert), 'the drawer closes');
    await ada.say('and in another room');
    await ada.sees('[data-testid=message][data-state=sent]');
    await ada.id('toggle-people').tap();
    await until(() => ada.page.evaluate(() => !document.getElementById('people').inert), 'the people');
    await ada.page.getByRole('complementary', { name: 'People in this room' }).getByRole('button', { name: 'Close' }).tap();
    assert.ok(await wide() <= 0);
    await ada.page.emulateMedia({ colorScheme: 'dark' });
    await ada.shot('phone-dark');
    await ada.check();
  });

  test('at a desk, light and dark', async (t) => {
    const server = await startServer(t);
    const people = await Promise.all(['Grace', 'Linus', 'Radia'].map((name) => Native.open(server, { name })));
    for (const person of people) for (const room of ['lobby', 'design', 'release']) await person.join(room);
    await people[0].say('lobby', { text: 'Morning! The build is green again.' });
    await people[1].say('lobby', { text: 'Nice. What was it?' });
    await people[0].say('lobby', { text: 'A test that measured the machine, not the code.\nIt waits for conditions now.' });
    await people[2].say('lobby', { status: 'deployed', version: '0.1.0', hosts: 3 });
    const ada = await enter(t, server.url, 'Ada', { room: 'lobby', colorScheme: 'light' });
    await ada.join('design');
    await ada.go('lobby');
    await ada.say('Thank you, Grace!');
    await people[2].say('design', { text: '@Ada have a look at the new icons' });
    await ada.sees('[data-testid=room-list-item][data-room=design] [data-testid=unread]');
    const contrast = () => ada.page.evaluate(() => [...document.querySelectorAll('.msg-text, .list-name, .person-name, .room-title, time')]
      .filter((e) => e.getClientRects().length).map((e) => {
        const parse = (text) => text.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        let behind = e;
        while (behind && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) < 1) behind = behind.parentElement;
        if (!/^rgb/.test(getComputedStyle(e).color)) return { ratio: 21 };
        const [a, b] = [light(parse(getComputedStyle(e).color)), light(parse(getComputedStyle(behind ?? document.body).backgroundColor))];
        return { ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), what: e.className, text: e.textContent };
      }).filter((found) => found.ratio < 4.5));
    assert.deepEqual(await contrast(), [], 'readable in light');
    await ada.shot('desk-light');
    await ada.id('theme-toggle').click();
    await until(() => ada.page.evaluate(() => document.documentElement.dataset.theme === 'dark'), 'dark');
    await ada.settle();
    assert.deepEqual(await contrast(), [], 'readable in dark');
    await ada.shot('desk-dark');
    await ada.page.reload();
    await ada.connected();
    assert.equal(await ada.page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'remembered');
    await ada.id('profile-open').click();
    await ada.shot('desk-profile');
    await ada.check();
  });
});
