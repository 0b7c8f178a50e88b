// SPDX-License-Identifier: Apache-2.0
//
// Keeping order on the chat page: who may sees menus and has commands, everybody sees what was decided, and who it was decided
// about is told what it means for them.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Person, chatFixture, decreed, decrees, look, says } from './browser.mjs';
import { Native, PLENUM, SECRET, mint, root, run, startServer, until } from './support.mjs';

test('the page offers what the server allows: its table of rights is the one that `plenum rights` prints', async () => {
  const { ROLES, LEAST_ROLE, rightsIn } = await import(`${root}/web/rights.js`);
  const { stdout } = await run(PLENUM, ['rights']);
  const rows = stdout.trim().split('\n').map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  assert.deepEqual(rows[0].slice(2), ROLES);
  const printed = rows.slice(2).map(([right, , ...may]) => [right.replaceAll('`', ''), may.map((cell) => cell === 'yes')]);
  assert.deepEqual(Object.keys(LEAST_ROLE).sort(), printed.map(([right]) => right).sort());
  for (const [right, may] of printed) {
    assert.deepEqual(ROLES.map((role) => rightsIn('lobby', role).may(right)), may, right);
  }
  // A token with caps gives what the most specific pattern says.
  const caps = { rooms: { 'team-*': ['host'], '**': ['join'], 'team-red': [], 'team-b*': ['join', 'moderate'], 'acme:*': ['publish'] } };
  const rights = (room, role = 'member', given = false) => rightsIn(room, role, caps, given);
  const rows2 = [['team-x', 'ban', true], ['team-red', 'read', false], ['team-blue', 'mute', true], ['team-blue', 'ban', false], ['team-a/b', 'ban', false],
    ['team-a/b', 'read', true], ['lobby', 'publish', false], ['acme:hall', 'publish', true], ['acme:hall:north', 'publish', false]];
  for (const [room, right, may] of rows2) assert.equal(rights(room).may(right), may, `${right} in ${room}`);
  assert.ok(rights('lobby', 'member', true).may('publish'), 'a role that was given counts, too');
  assert.deepEqual([rights('team-blue').rank, rights('lobby').rank, rightsIn('lobby', 'host').rank], [3, 2, 4]);
});

describe('keeping order on the chat page', () => {
  const chat = chatFixture(['--server.shards=2', '--rooms.host=first', '--rooms.grace_s=10', `--auth.secret=${SECRET}`]);
  const { enter, two, signedIn } = chat;
  let browser;
  let server;
  before(() => { ({ browser, server } = chat); });

  const may = (person, testid, wanted) => until(async () => await person.id(testid).isEnabled() === wanted, `${testid} to be ${wanted ? 'enabled' : 'disabled'}`);
  const menuAt = async (person, name) => {
    const row = person.find('.person-row').filter({ hasText: name });
    await row.hover();
    await row.getByTestId('member-menu').click();
    return person.id('menu-item').allTextContents();
  };
  const choose = (person, label) => person.id('menu-item').filter({ hasText: label }).click();

  test('mute by the menu: everybody reads it, who is muted cannot write, also after a reload, and can again', async (t) => {
    const [ada, bob] = await two(t, 'hall');
    await says(ada, 'room-facts', /^You are host$/);
    assert.equal(await ada.find('[data-testid=member][data-me] [data-testid=member-role]').textContent(), 'host');
    assert.match(await bob.find('[data-testid=member]:not([data-me])').textContent(), /Ada.*host.*online/, 'in its accessible name, too');
    assert.equal(await bob.id('member-menu').count(), 0, 'who may not has no menu');
    assert.ok(!await bob.id('room-menu').isVisible());
    await bob.say('buy my things');
    await ada.reads('buy my things');

    assert.deepEqual(await menuAt(ada, 'Bob'), ['Write a direct message', 'Make guest, who may only read', 'Mute…', 'Remove from the room…', 'Ban…']);
    await look(ada, 'the menu at a person');
    await ada.shot('moderation-menu');
    await choose(ada, 'Mute');
    await says(ada, 'decree-dialog', /Mute Bob in #hall\?/);
    await look(ada, 'a mute is asked for');
    await ada.id('decree-reason').fill('spam');
    await ada.id('decree-submit').click();
    await decreed(ada, 'You muted Bob for 10 minutes: spam');
    await decreed(bob, 'Ada muted you for 10 minutes: spam');
    await may(bob, 'composer', false);
    await says(bob, 'composer-state', /^You are muted for (10 min|9 min \d+ s): spam\.$/);
    await ada.sees('[data-testid=member-muted]');
    await look(bob, 'muted');
    await bob.shot('muted');
    await bob.page.reload();
    await bob.connected();
    await may(bob, 'composer', false);
    await says(bob, 'composer-state', /^You are muted for (10 min|9 min \d+ s): spam\.$/);

    assert.ok((await menuAt(ada, 'Bob')).includes('Unmute'));
    await choose(ada, 'Unmute');
    await decreed(bob, 'Ada let you speak again');
    await may(bob, 'composer', true);
    await bob.say('sorry');
    await ada.reads('sorry');
    assert.equal(await ada.id('member-muted').count(), 0);
    for (const person of [ada, bob]) await person.check();
  });

  test('who is removed is told why and may come back; who is banned, when', async (t) => {
    const [ada, bob] = await two(t, 'salon');
    await bob.say('hello');
    await menuAt(ada, 'Bob');
    await choose(ada, 'Remove');
    await look(ada, 'a removal is asked for');
    await ada.id('decree-reason').fill('enough');
    await ada.shot('moderation-kick');
    await ada.id('decree-submit').click();
    await says(bob, 'removed', /^Ada removed you from this room: enough\. You may come in again\./);
    await bob.sees('[data-testid=room-tab].removed');
    await bob.shows(['hello']);   // it can still be read
    await look(bob, 'removed');
    await until(async () => (await ada.members()).join() === 'Ada', 'Bob to be gone');
    await bob.page.reload();
    await says(bob, 'join-error', /^Ada removed you from this room: enough\. You may come in again\.$/);
    await bob.connected();
    assert.deepEqual(await ada.members(), ['Ada'], 'a reload is no way back in');
    await bob.id('blank').getByRole('button', { name: 'Try again' }).click();
    await until(async () => (await ada.members()).includes('Bob'), 'Bob to be back');

    await menuAt(ada, 'Bob');
    await choose(ada, 'Ban');
    await ada.id('decree-reason').fill('again');
    await ada.find('#decree-time label').filter({ hasText: '1 hour' }).click();
    await ada.id('decree-submit').click();
    await decreed(ada, 'You banned Bob for 1 hour: again');
    await says(bob, 'removed', /^Ada banned you for 1 hour: again\. You may come back in (1 h|59 min)/);
    await bob.shot('banned');
    await look(bob, 'banned');
    await bob.id('rejoin').click();
    await says(bob, 'removed', /^You are banned from this room\. You may come back in (1 h|59 min)/);
    await ada.id('decree-undo').click();
    await decreed(ada, 'You let Bob come in again');
    await until(async () => (await ada.id('decree-undo').count()) === 0, 'nothing to take back');
    await bob.id('rejoin').click();
    await until(async () => (await ada.members()).includes('Bob'), 'Bob to be back');
    // One that ends by itself.
    await ada.say('/ban bob 2s');
    await says(bob, 'removed', /^Ada banned you for 2 seconds\./);
    await says(bob, 'removed', /You may come back now\./);
    await bob.id('rejoin').click();
    await until(async () => (await ada.members()).includes('Bob'), 'Bob to be back');
    for (const person of [ada, bob]) await person.check();
  });

  test('a room that is closed: by whom, why, when it may be opened anew; and nobody tries by itself', async (t) => {
    const sent = [];
    const prepare = (page) => page.on('websocket', (ws) => ws.on('framesent', (frame) => {
      const m = JSON.parse(frame.payload);
      for (const join of m.type === 'join' ? [m] : m.rooms ?? []) sent.push(join.room);
    }));
    const ada = await enter(t, 'Ada', 'attic', { prepare });
    await ada.say('hello');
    const api = async (command, body) => {
      const answer = await fetch(`${server.url}/api/v1/${command}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      assert.equal(answer.status, 200, await answer.text());
    };
    await api('close', { room: 'attic', reason: 'until next week' });
    await decreed(ada, 'server closed the room: until next week');
    await says(ada, 'removed', /^server closed this room: until next week\. In (10|\d) s it may be opened anew\./);
    await ada.sees('[data-testid=room-tab].removed');
    await ada.shows(['hello']);   // it can still be read
    await look(ada, 'a room that was closed');
    await ada.shot('closed');
    await ada.id('rejoin').click();
    await says(ada, 'removed', /^This room has been closed\. In (10|\d) s it may be opened anew\./);
    await ada.page.reload();
    await ada.connected();
    await says(ada, 'join-error', /^This room has been closed\. In (10|\d) s it may be opened anew\.$/);
    assert.deepEqual(sent, ['attic', 'attic'], 'nobody has tried, but who was told to');
    await says(ada, 'join-error', /^This room has been closed\. You may open it anew\.$/);
    await ada.id('blank').getByRole('button', { name: 'Try again' }).click();
    await until(async () => (await ada.members()).join() === 'Ada', 'Ada in the room anew');
    await ada.check();
  });

  test('read-only and slow mode by the menu of the room', async (t) => {
    const [ada, bob] = await two(t, 'square');
    await ada.id('room-menu').click();
    await look(ada, 'the menu of a room');
    await ada.shot('room-menu');
    await choose(ada, 'Read-only');
    await decreed(bob, 'Ada made the room read-only');
    await says(bob, 'room-facts', /^Read-only$/);
    await says(bob, 'composer-state', /^This room is read-only: only hosts may write\.$/);
    await may(bob, 'composer', false);
    await ada.say('an announcement');
    await bob.reads('an announcement');
    await ada.id('room-menu').click();
    assert.equal(await ada.id('menu-item').first().getAttribute('aria-checked'), 'true');
    await choose(ada, 'Read-only');
    await may(bob, 'composer', true);

    await ada.id('room-menu').click();
    await choose(ada, 'One message every 5 minutes');
    await says(bob, 'room-facts', /^Slow mode 5 min$/);
    await bob.say('one');
    await ada.reads('one');
    await bob.say('two');
    await says(bob, 'composer-state', /^Slow mode: you may write again in (5 min|4 min \d+ s)\.$/);
    assert.equal(await bob.id('composer').inputValue(), 'two', 'what was written is kept');
    await says(bob, 'composer-state', /in 4 min \d+ s\.$/);   // it has counted, and so been drawn
    assert.equal(await bob.page.textContent('#composer-hint'), 'What you wrote is kept until then.');
    assert.equal(await bob.find('#composer-hint.over').count(), 0, 'nothing is wrong with it');
    await look(bob, 'slow mode');
    await ada.say('hosts');
    await ada.say('are not held up');
    await bob.reads('are not held up');
    await ada.say('/slow off');
    await decreed(bob, 'Ada turned off slow mode');
    await until(async () => !await bob.id('composer-state').isVisible(), 'nothing in the way');
    assert.equal(await bob.page.textContent('#composer-hint'), '');
    await bob.id('composer').press('Enter');
    await ada.reads('two');
    for (const person of [ada, bob]) await person.check();
  });

  test('roles: given by the menu, shown to all, and what a guest may not is said', async (t) => {
    const [ada, bob] = await two(t, 'school');
    await menuAt(ada, 'Bob');
    await choose(ada, 'Make guest');
    await decreed(bob, 'Ada made you a guest, who may only read');
    await says(bob, 'room-facts', /^You may read$/);
    await may(bob, 'composer', false);
    await says(bob, 'composer-state', /^You may only read here\.$/);
    await ada.sees('[data-testid=member]:not([data-me]) [data-testid=member-role]');
    await menuAt(ada, 'Bob');
    await choose(ada, 'Make member');
    await may(bob, 'composer', true);
    // One may give up one's own role, and has no menus then.
    assert.deepEqual(await menuAt(ada, 'Ada'), ['Become a member again']);
    await choose(ada, 'Become a member');
    await decreed(ada, 'You made yourself a member');
    await until(async () => (await ada.id('member-menu').count()) === 0, 'no menu');
    assert.ok(!await ada.id('room-menu').isVisible());
    for (const person of [ada, bob]) await person.check();
  });

  test('where guests may only read, one can sign in to write', async (t) => {
    const { url } = await startServer(t, { flags: ['--rooms.role=guest', `--auth.secret=${SECRET}`] });
    const eve = await Person.enter(browser, url, 'Eve', { room: 'stage', reducedMotion: 'reduce' });
    t.after(() => eve.context.close());
    await says(eve, 'composer-state', /^Guests may only read here\.Sign in$/);
    await look(eve, 'a guest who may only read');
    await eve.shot('read-only-guest');
    await eve.id('sign-in-to-write').click();
    await eve.id('token-input').fill(mint({ sub: 'eve', name: 'Eve', caps: { rooms: { stage: ['join', 'publish'] } } }));
    await eve.id('token-submit').click();
    await may(eve, 'composer', true);
    await eve.say('now I can');
    await eve.sees('[data-testid=message][data-state=sent]');
    await eve.check();
  });

  test('a token says what may be done: menus for who may keep order, none for who may only read', async (t) => {
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('agora');
    const bob = await enter(t, 'Bob', 'agora');
    const mod = await signedIn(t, mint({ sub: 'mod', name: 'Mod', caps: { rooms: { '*': ['join'], 'ag*': ['join', 'publish', 'moderate'] } } }), 'agora');
    let items;
    await until(async () => {   // until it has what was said before, Bob may be muted as far as it knows
      items = await menuAt(mod, 'Bob');
      await mod.page.keyboard.press('Escape');
      return !items.includes('Unmute');
    }, () => `a menu without Unmute; it has ${items.join(', ')}`);
    assert.deepEqual(items, ['Write a direct message', 'Mute…', 'Remove from the room…']);
    assert.deepEqual(await mod.find('.person-row').filter({ hasText: 'Robot' }).getByTestId('member-menu').count(), 0, 'a host is above');
    await mod.id('room-menu').click();
    assert.ok(!(await mod.id('menu-item').allTextContents()).join().includes('Read-only'));
    await mod.page.keyboard.press('Escape');
    const reader = await signedIn(t, mint({ sub: 'reader', name: 'Reader', caps: { rooms: { '**': ['join'] } } }), 'agora');
    await says(reader, 'composer-state', /^You may only read here\.$/);
    await may(reader, 'composer', false);
    for (const person of [mod, reader, bob]) await person.check();
  });

  test('all of it by keyboard, from the list of people and from the author of a message', async (t) => {
    const [ada, bob] = await two(t, 'keys');
    const { keyboard } = ada.page;
    const at = () => ada.page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.id);
    let last;
    const focused = (testid) => until(async () => (last = await at()) === testid, () => `the focus on ${testid}; it is on ${last}`);
    const reach = async (selector, key) => {
      for (let i = 0; i < 60; i++) {
        if (await ada.page.evaluate((s) => document.activeElement.matches(s), selector)) return;
        await keyboard.press(key);
      }
      assert.fail(`${key} does not reach ${selector}`);
    };
    for (const text of ['one', 'two']) await bob.say(text);
    await ada.reads('two');
    await ada.say('an answer');
    await bob.reads('an answer');
    await bob.say('three');
    await ada.reads('three');
    await ada.id('composer').focus();
    // The newest author is a step back; the arrow keys go to those before.
    await reach('[data-testid=author]', 'Shift+Tab');
    await keyboard.press('ArrowUp');
    await focused('author');
    await keyboard.press('Enter');
    await focused('menu-item');
    await keyboard.press('Escape');
    await focused('author');
    await keyboard.press('Enter');
    await keyboard.press('End');
    await keyboard.press('ArrowUp');   // Remove from the room
    await keyboard.press('Enter');
    await focused('decree-reason');
    await keyboard.press('Escape');
    assert.ok(!await ada.id('decree-dialog').isVisible());

    await ada.id('composer').focus();
    await reach('[data-testid=member-menu][data-user]:not([data-me])', 'Tab');
    await reach('[data-testid=member-menu]', 'Tab');
    await keyboard.press('Tab');
    await reach('[data-testid=member-menu]', 'Tab');   // her own comes first
    await keyboard.press('Enter');
    await keyboard.press('b');   // to the item that begins so
    await keyboard.press('Enter');
    await says(ada, 'decree-dialog', /Ban Bob in #keys\?/);
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowRight');   // for ever
    await keyboard.press('Tab');
    await focused('decree-reason');
    await keyboard.type('no more');
    await keyboard.press('Enter');
    await says(bob, 'removed', /^Ada banned you for good: no more\. No end is set; somebody who may has to let you in\./);
    // By the menu of the room, as he is not in the list any more.
    await ada.id('room-menu').focus();
    await keyboard.press('Enter');
    await keyboard.press('End');
    await keyboard.press('Enter');
    await focused('decree-user');
    await keyboard.type('Bob');
    await keyboard.press('Enter');
    await decreed(ada, 'You let Bob come in again');
    for (const person of [ada, bob]) await person.check();
  });

  test('commands in the message box, and what the server does not allow', async (t) => {
    const [ada, bob] = await two(t, 'forum');
    let hint;
    const complains = (person, pattern) => until(async () => pattern.test(hint = await person.page.textContent('#composer-hint')),
      () => `${pattern} at the message box; it says "${hint}"`);
    await bob.say('/kick Ada');
    await complains(bob, /^This needs the right `kick` in the room, which a `member` does not have\.$/);
    assert.equal(await bob.id('composer').inputValue(), '/kick Ada');
    for (const [typed, pattern] of [['/ban', /^Usage: \/ban USER \[TIME\] \[WHY\]/], ['/role Bob king', /^Usage: \/role USER ROLE/], ['/slow fast', /^Usage: \/slow TIME/],
      ['/readonly maybe', /^Usage: \/readonly/], ['/unmute Bob now', /^Usage: \/unmute USER/], ['/kick Nobody', /nobody called `Nobody`/]]) {
      await ada.say(typed);
      await complains(ada, pattern);
    }
    await ada.say('/mute Bob 10m too loud');
    await decreed(bob, 'Ada muted you for 10 minutes: too loud');
    await ada.say('/unmute bob');
    await decreed(bob, 'Ada let you speak again');
    await ada.say('/role bob GUEST');
    await decreed(bob, 'Ada made you a guest, who may only read');
    await ada.say('/role "Bob" member');
    await decreed(bob, 'Ada made you a member');
    await ada.say('/readonly');
    await decreed(bob, 'Ada made the room read-only');
    await ada.say('/readonly off');
    await decreed(bob, 'Ada opened the room for everybody to write');
    await ada.say('/slow 90s');
    await decreed(bob, 'Ada turned on slow mode: one message every 1 minute 30 seconds');
    await ada.say('/kick Bob bye');
    await says(bob, 'removed', /^Ada removed you from this room: bye\./);
    await ada.say('/ban Bob');
    await decreed(ada, 'You banned Bob for good');
    await ada.say('/unban Bob');
    await decreed(ada, 'You let Bob come in again');
    await ada.say('/help');
    await says(ada, 'help', /\/ban USER \[TIME\] \[WHY\]/);

    // What has become wrong while one was asked is said where one was asked.
    await bob.id('rejoin').click();
    await until(async () => (await ada.members()).includes('Bob'), 'Bob to be back');
    await menuAt(ada, 'Bob');
    await choose(ada, 'Remove');
    await bob.find('[data-testid=room-tab][data-room=forum] [data-testid=tab-close]').click();
    await until(async () => (await ada.members()).join() === 'Ada', 'Bob to have left');
    await ada.id('decree-submit').click();
    await says(ada, 'decree-error', /^There is nobody called /);
    await look(ada, 'a removal that was refused');
    for (const person of [ada, bob]) await person.check();
  });

  test('names and reasons are text, in lines, menus, dialogs and at who is sent away', async (t) => {
    const evil = '<img src=x onerror="window.pwned=1">';
    const ada = await enter(t, `${evil}A`, 'text');
    const bob = await enter(t, `<b>${'B'.repeat(40)}</b>`, 'text');
    await until(async () => (await ada.members()).length === 2, 'two members');
    await menuAt(ada, 'BBB');
    await choose(ada, 'Mute');
    await says(ada, 'decree-dialog', /^\s*Mute <b>B{40}<\/b> in #text\?/);
    await ada.id('decree-reason').fill(`${evil}\u202egnp`);
    await ada.id('decree-submit').click();
    await decreed(bob, `${evil}A muted you for 10 minutes: ${evil}\\u202egnp`);
    await says(bob, 'composer-state', /^You are muted for .*: <img src=x onerror="window\.pwned=1">\\u202egnp\.$/);
    await ada.say(`/kick <b>${'B'.repeat(40)}</b> ${evil}`);
    await says(bob, 'removed', /^<img src=x onerror="window\.pwned=1">A removed you from this room: <img/);
    for (const person of [ada, bob]) {
      assert.equal(await person.page.evaluate(() => window.pwned), undefined);
      assert.equal(await person.find('main img, dialog b, main b').count(), 0);
      await person.check();
    }
  });

  test('on a phone', async (t) => {
    const [ada, bob] = await two(t, 'pocket');
    await bob.say('hello from a phone');
    await ada.reads('hello from a phone');
    await ada.page.setViewportSize({ width: 360, height: 740 });
    await ada.say('/slow 30s');
    await decreed(ada, 'You turned on slow mode: one message every 30 seconds');
    const sticking = (person) => person.page.evaluate(() => document.documentElement.scrollWidth > innerWidth
      || [...document.querySelectorAll('.menu, dialog[open], .room-head > *, .composer > *')].some((e) => {
        const { left, right, width } = e.getBoundingClientRect();
        return width > 0 && (left < -0.5 || right > innerWidth + 0.5);
      }));
    await ada.shot('phone-moderation');
    assert.ok(!await sticking(ada), 'the head');
    await ada.id('toggle-people').click();
    await ada.find('.person-row').filter({ hasText: 'Bob' }).getByTestId('member-menu').click();
    await look(ada, 'on a phone, the menu at a person');
    await ada.shot('phone-menu');
    assert.ok(!await sticking(ada), 'the menu');
    await choose(ada, 'Ban');
    await look(ada, 'on a phone, a ban is asked for');
    await ada.shot('phone-ban');
    assert.ok(!await sticking(ada), 'the dialog');
    await ada.id('decree-submit').click();
    await bob.page.setViewportSize({ width: 360, height: 740 });
    await says(bob, 'removed', /^Ada banned you for 10 minutes\./);
    await look(bob, 'on a phone, banned');
    await bob.shot('phone-banned');
    assert.ok(!await sticking(bob), 'the banned');
    for (const person of [ada, bob]) await person.check();
  });
});
