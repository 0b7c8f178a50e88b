// SPDX-License-Identifier: Apache-2.0
//
// What a room has besides its messages, on the chat page: topic and pinned messages, who is typing, what is read and unread and by whom,
// and that it can be locked. Two people at once, and a program that sends what no page would (F7).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { Person, chatFixture, chooseOf, clockOfTheTest, decreed, look, row, says } from './browser.mjs';
import { Native, Nc, SECRET, mint, root, until } from './support.mjs';
import { isOfInvitation, refusedJoin } from '../../web/allowed.js';
import { Conversation } from '../../web/conversation.js';
import { Reading } from '../../web/reading.js';
import { PINS_MAX, pinsOf, topicOf } from '../../web/shared.js';

const EVIL = '<img src=x onerror="window.pwned=1">';

describe('what the page makes of what a room shares', () => {
  test('a topic is a text, what is pinned a list of offsets; anything else is none', () => {
    assert.equal(topicOf(' Tea\n at\u202e  four '), 'Tea at\\u202e four');
    for (const none of [undefined, null, 7, true, {}, ['a'], '', ' \u200b ']) assert.equal(topicOf(none), '', JSON.stringify(none));
    assert.ok(topicOf('x'.repeat(100_000)).length <= 1_000);
    assert.deepEqual(pinsOf([3, 1, 3, -1, 0, 1.5, '2', null, {}, [4], 2 ** 60, 9]), [3, 1, 9]);
    for (const none of [undefined, null, 3, '3', { 0: 3, length: 1 }, true]) assert.deepEqual(pinsOf(none), [], JSON.stringify(none));
    const many = Array.from({ length: 4_000 }, (_, i) => i + 1);
    assert.deepEqual(pinsOf(many), many.slice(-PINS_MAX));
  });

  test('what a refusal says to do', () => {
    for (const code of ['invitation_invalid', 'invitation_expired', 'invitation_used']) {
      const said = refusedJoin({ code, message: 'for the developer' });
      assert.match(said.message, /^This invitation .*\. .*ask .*for another one\.$/i);
      assert.ok(isOfInvitation(said));
    }
    assert.equal(refusedJoin({ code: 'forbidden', message: 'The room `x` is locked: nobody new comes in at the moment.' }).code, 'locked');
    const other = { code: 'forbidden', message: 'It takes the right `join`.' };
    assert.equal(refusedJoin(other), other);
    assert.ok(!isOfInvitation(other));
  });

  test('what is unread: counted by the server up to where we come, by us from there on', () => {
    const told = [];
    const it = new Conversation('room', 'lobby');
    const chat = { active: null, focused: true, online: true, me: { user: 'ada' }, view: { changed() {} }, client: { room: () => ({ read: async (offset) => told.push(offset) }) } };
    const reading = new Reading(chat);
    const comes = (offset, user = 'bob', mention = false) => { const item = { kind: 'message', offset, from: { user }, mention }; it.insert(item); return reading.arrived(it, item); };
    it.status = 'joined';
    assert.equal(reading.joined(it, { offset: 90, read: 10, unread: 80 }, { same: false, first: true }), true);
    assert.deepEqual([it.unread, it.fresh], [80, { after: 10, count: 80 }]);
    assert.equal(comes(91), true);
    assert.deepEqual([it.unread, it.fresh.count], [81, 81]);
    // The newest that is in view is read; what is below it is not.
    for (let offset = 92; offset <= 95; offset++) comes(offset, 'bob', offset === 95);
    chat.active = it;
    it.scroll.pinned = false;
    reading.shown(it, 93, false);
    assert.deepEqual([it.unread, it.mentioned, told], [2, true, [93]]);
    reading.shown(it, 92, false);
    assert.equal(it.readTo, 93, 'forward only');
    // Read elsewhere; said elsewhere.
    reading.told(it, { from: { user: 'ada', name: 'Ada' }, offset: 94 });
    assert.equal(it.unread, 1);
    comes(96, 'ada');
    assert.deepEqual([it.unread, it.mentioned], [0, false]);
    // Somebody looks at the end: nothing is unread.
    it.scroll.pinned = true;
    assert.equal(comes(97), false);
    assert.equal(it.unread, 0);
    // Others, and nonsense.
    for (const odd of [{ from: { user: 'eve', name: 7 }, offset: 'x' }, { offset: 3 }, { from: {}, offset: 3 }, { from: { user: 'eve' }, offset: -1 }]) reading.told(it, odd);
    assert.equal(it.readers.size, 0);
    it.setMembers([{ user: 'bob', name: 'Bob' }, { user: 'eve', name: 'Eve' }], 2);
    reading.told(it, { from: { user: 'eve', name: 'Eve' }, offset: 96 });
    reading.told(it, { from: { user: 'eve', name: 'Eve' }, offset: 95 });
    reading.told(it, { from: { user: 'bob', name: 'Bob' }, offset: 97 });   // his own: no news
    assert.deepEqual([...reading.readersOf(it)].map(([offset, all]) => [offset, all.map((r) => r.name)]), [[96, ['Eve']]]);
    // What the server does not know of yet is not unread again when we come back.
    it.readTo = 97;
    assert.equal(reading.joined(it, { offset: 97, read: 93, unread: 4 }, { same: true, first: false }), false);
    assert.equal(it.unread, 0);
    // And another log begins anew.
    assert.equal(reading.joined(it, { offset: 3, read: 1, unread: 2 }, { same: false, first: false }), true);
    assert.equal(it.readTo, 1);
  });
});

test('no module of the page is so long that nobody finds his way in it', () => {
  const modules = readdirSync(join(root, 'web')).filter((name) => name.endsWith('.js') && name !== 'plenum.js');   // that one is copied as it is
  const lines = modules.map((name) => [name, readFileSync(join(root, 'web', name), 'utf8').split('\n').length - 1]);
  assert.ok(lines.length > 20);
  assert.deepEqual(lines.filter(([, n]) => n > 400), []);
});

describe('a room on the chat page', () => {
  const chat = chatFixture(['--server.shards=2', '--rooms.host=first', '--rooms.receipts=true', `--auth.secret=${SECRET}`]);
  const { enter, signedIn, two } = chat;
  let browser;
  let server;
  before(() => { ({ browser, server } = chat); });

  /** The frames of a type that a page sends. */
  const sentBy = (frames) => (page) => page.on('websocket', (ws) => ws.on('framesent', (frame) => frames.push(JSON.parse(frame.payload))));
  const nothingRan = async (person) => {
    assert.equal(await person.page.evaluate(() => window.pwned), undefined, 'a script ran');
    assert.equal(await person.find('main img').count(), 0);
    await person.check();
  };

  test('the topic: set in place, told live and to who comes later, changed by two at once, and whatever it may be', async (t) => {
    const [ada, bob] = await two(t, 'topics');
    await ada.id('topic-edit').click();
    await ada.id('topic-input').fill('Tea at four');
    await look(ada, 'a topic is written');
    await ada.id('topic-input').press('Enter');
    for (const person of [ada, bob]) await says(person, 'topic', /^Tea at four$/);
    await decreed(bob, 'Ada set the topic: Tea at four');
    await decreed(ada, 'You set the topic: Tea at four');
    const nc = new Nc(t, server);
    await nc.sees(/^\* joined lobby/);
    nc.type('/join topics');
    await nc.sees(/topic: Tea at four/);

    // Both at once: who comes second is told, and may insist.
    for (const person of [ada, bob]) await person.id('topic-edit').click();
    await bob.id('topic-input').fill('Cake at four');
    await bob.id('topic-save').click();
    await says(bob, 'topic', /^Cake at four$/);
    await ada.id('topic-input').fill('Tea at five');
    await ada.id('topic-input').press('Enter');
    await says(ada, 'topic-error', /^It has been changed meanwhile: Cake at four\./);
    assert.equal(await ada.id('topic-input').inputValue(), 'Tea at five');
    await ada.id('topic-input').press('Enter');
    await says(bob, 'topic', /^Tea at five$/);
    await ada.id('topic-edit').click();
    await ada.id('topic-input').press('Escape');
    await says(ada, 'topic', /^Tea at five$/);
    await bob.say('/topic -');
    await decreed(ada, 'Bob removed the topic');
    await until(async () => !await ada.id('topic').isVisible(), 'no topic');

    // Of somebody who is no page.
    const robot = await Native.open(server, { name: EVIL });
    await robot.join('topics');
    for (const topic of [7, null, { text: 'x' }, ['x'], '']) {
      await robot.ask({ type: 'state', room: 'topics', set: { topic, other: EVIL, ['__proto__']: 'x', constructor: EVIL } });
      await robot.say('topics', `after ${JSON.stringify(topic)}`);
      await ada.reads(`after ${JSON.stringify(topic)}`);
      assert.equal(await ada.id('topic').isVisible(), false);
    }
    await robot.ask({ type: 'state', room: 'topics', set: { topic: `${EVIL}\n\u202e${'long '.repeat(2_000)}` } });
    await says(ada, 'topic', /^<img src=x onerror="window.pwned=1"> \\u202elong long/);
    assert.ok(await ada.page.evaluate(() => document.getElementById('room-head').offsetHeight < 60), 'one line');
    await ada.id('topic').click();
    assert.ok(await ada.page.evaluate(() => document.getElementById('room-head').offsetHeight < innerHeight / 2 && document.getElementById('topic-text').offsetHeight > 60), 'and more when asked for');
    const late = await enter(t, 'Cleo', 'topics');
    await says(late, 'topic', /^<img src/);
    for (const person of [ada, bob, late]) await nothingRan(person);
  });

  test('pinned messages: by two at once, as they are now, a jump to them however far back, and unpinned', async (t) => {
    const [ada, bob] = await two(t, 'pins');
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('pins');
    const { offset: gone } = await robot.say('pins', { text: 'soon gone' });
    for (const text of ['the plan', 'the map', 'a slip']) await ada.say(text);
    await bob.reads('a slip');
    await row(ada, 'a slip').getByTestId('msg-more').waitFor({ state: 'attached' });
    await chooseOf(ada, 'the plan', 'Pin');
    await says(bob, 'pin-newest', /the plan/);
    await decreed(bob, 'Ada pinned a message');
    await bob.sees('[data-testid=pin-mark]');
    // At once: neither is lost.
    await Promise.all([chooseOf(ada, 'the map', 'Pin'), chooseOf(bob, 'a slip', 'Pin')]);
    for (const person of [ada, bob]) await says(person, 'pins-all', /^All 3$/);
    await robot.ask({ type: 'state', room: 'pins', merge: { pinned: [...(await robot.ask({ type: 'state', room: 'pins' })).state.pinned, gone, 999_999] } });
    await says(ada, 'pins-all', /^All 5$/);
    await says(ada, 'pin-newest', /soon gone/);   // the newest of those that are kept

    // As they are now, also where the page has never shown them.
    for (let i = 0; i < 120; i++) await robot.say('pins', `chatter ${i}`);
    const cleo = await enter(t, 'Cleo', 'pins');
    await cleo.reads('chatter 119');
    await cleo.id('pins-all').click();
    const listed = async (expected) => {
      let last;
      await until(async () => expected(last = await cleo.id('pin').locator('.search-text').allTextContents()), () => `${expected}; it has ${JSON.stringify(last)}`);
    };
    const lost = 'A message that is not kept any more';
    await listed((all) => all.length === 5 && all[0] === lost && all[1] === 'soon gone' && all[4] === 'the plan');
    await look(cleo, 'the pinned messages');
    await cleo.shot('pins');
    await robot.ask({ type: 'delete', room: 'pins', offset: gone });
    await listed((all) => all[1] === 'This message was deleted');
    await chooseOf(ada, 'the plan', 'Edit');
    await ada.say('the new plan');
    await listed((all) => all[4] === 'the new plan');
    await cleo.id('pin').last().click();
    await cleo.sees('.msg.found');
    assert.equal(await cleo.find('.msg.found [data-testid=message-text]').textContent(), 'the new plan');
    await cleo.id('pins-all').click();
    for (let left = 4; left >= 1; left--) {
      await cleo.id('unpin').first().click();
      await until(async () => await cleo.id('unpin').count() === left, `${left} left`);
    }
    await listed((all) => all.join() === 'the new plan');
    await cleo.page.keyboard.press('Escape');
    await says(ada, 'pins-all', /^Show$/);
    await chooseOf(cleo, 'the new plan', 'Unpin');
    await until(async () => !await bob.id('pins').isVisible(), 'nothing pinned');
    assert.equal(await bob.id('pin-mark').count(), 0);

    // Of somebody who is no page.
    for (const pinned of [7, EVIL, { 1: 2 }, [null, -1, 'x', [[]], 1e300], Array.from({ length: 2_000 }, () => EVIL.slice(0, 3))]) {
      await robot.ask({ type: 'state', room: 'pins', set: { pinned } });
      await robot.say('pins', `after ${JSON.stringify(pinned).slice(0, 9)}`);
      await ada.reads(`after ${JSON.stringify(pinned).slice(0, 9)}`);
      assert.equal(await ada.id('pins').isVisible(), false);
    }
    await robot.say('pins', { text: EVIL });
    await ada.reads(EVIL);
    await chooseOf(ada, EVIL, 'Pin');
    await says(bob, 'pin-newest', /<img src=x/);
    for (const person of [ada, bob, cleo]) await nothingRan(person);
  });

  test('who is typing: told seldom, shown to the others, gone when it is said, given up, forgotten, or its writer has left', async (t) => {
    const frames = [];
    const watched = async (page) => { await page.clock.install(); await sentBy(frames)(page); };
    const ada = await enter(t, 'Ada', 'typing', { prepare: watched });
    const bob = await enter(t, 'Bob', 'typing', { prepare: (page) => page.clock.install() });
    await until(async () => (await ada.members()).includes('Bob'), 'Bob at Ada');
    for (const { page } of [ada, bob]) await clockOfTheTest(t, page);
    const signals = () => frames.filter((m) => m.type === 'signal').map((m) => m.data.typing);
    const typing = (person, expected) => says(person, 'typing', new RegExp(`^${expected}$`));
    await ada.id('composer').pressSequentially('/me types a command');
    assert.deepEqual(signals(), [], 'a command is nobody\'s business');
    await ada.id('composer').fill('');
    await ada.id('composer').pressSequentially('hello, everybody here');
    await typing(bob, 'Ada is typing');
    assert.deepEqual(signals(), [true], 'once for all these keys');
    await until(async () => await bob.page.textContent('#announcer') === 'Ada is typing', 'it to be said once');
    assert.equal(await bob.page.getAttribute('#typing', 'aria-live'), 'off');
    await look(bob, 'somebody is typing');
    const cleo = await Native.open(server, { name: EVIL });
    await cleo.join('typing');
    cleo.send({ type: 'signal', room: 'typing', data: { typing: true } });
    await typing(bob, 'Ada and <img src=x onerror="window.pwned=1"> are typing');
    await ada.id('composer').press('Enter');
    await bob.reads('hello, everybody here');
    await typing(bob, '<img src=x onerror="window.pwned=1"> is typing');
    await cleo.ask({ type: 'leave', room: 'typing' });
    await typing(bob, '');
    // Given up.
    await ada.id('composer').pressSequentially('well');
    await typing(bob, 'Ada is typing');
    await ada.id('composer').fill('');
    await typing(bob, '');
    assert.deepEqual(signals(), [true, true, false]);
    // Said as soon as typed: of the signal and the message either may come first.
    for (let i = 0; i < 5; i++) {
      await ada.id('composer').evaluate((box, text) => { box.value = text; box.dispatchEvent(new Event('input', { bubbles: true })); box.form.requestSubmit(); }, `quick ${i}`);
      await bob.reads(`quick ${i}`);
    }
    assert.deepEqual(signals().slice(3), Array.from({ length: 10 }, (_, i) => i % 2 === 0));
    await typing(bob, '');
    // Absurd ones, and more people than a line holds.
    await cleo.join('typing');
    for (const data of [null, 7, 'typing', [], {}, { typing: 'yes' }, { typing: { typing: true } }, { typing: [true], text: EVIL.repeat(50) }]) {
      cleo.send({ type: 'signal', room: 'typing', data });
      await cleo.say('typing', `after ${JSON.stringify(data).slice(0, 30)}`);
      await bob.reads(`after ${JSON.stringify(data).slice(0, 30)}`);
      await typing(bob, '');
    }
    const crowd = await Promise.all([1, 2, 3, 4].map((n) => Native.open(server, { name: `P${n}` })));
    for (const who of crowd) { await who.join('typing'); who.send({ type: 'signal', room: 'typing', data: { typing: true } }); }
    await typing(bob, 'Several people are typing');
    // One that is not repeated is forgotten.
    await bob.page.clock.fastForward(7_000);
    await typing(bob, '');
    // Who does not want to tell does not.
    await ada.id('profile-open').click();
    await ada.id('typing-choice').uncheck();
    await ada.page.keyboard.press('Escape');
    await ada.say('said without a word before');
    await bob.reads('said without a word before');
    assert.equal(signals().length, 13);
    for (const person of [ada, bob]) await nothingRan(person);
  });

  test('what is unread: from the server, corrected by another window; the line, the way to it, and the way back', async (t) => {
    const frames = [];
    const token = mint({ sub: 'ada', name: 'Ada' });
    const open = (at, options) => signedIn(t, token, at, options);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('log');
    const { offset: first } = await robot.say('log', 'what she has read');
    const ada = await open('log', { prepare: sentBy(frames), viewport: { width: 1100, height: 500 } });
    await ada.reads('what she has read');
    await robot.hears((m) => m.type === 'read' && m.from.name === 'Ada' && m.offset === first, 'that she has read it');
    await ada.join('desk');
    for (let i = 0; i < 70; i++) await robot.say('log', `news ${i}`);
    const badge = (person) => person.find('[data-testid=room-list-item][data-room=log] [data-testid=unread]');
    const unread = async (person, n) => {
      let last;
      await until(async () => parseInt(last = (await badge(person).allTextContents()).join() || '0', 10) === n, () => `${n} unread; the page has "${last}"`);
    };
    await unread(ada, 70);
    // Another window of hers, which has been told by the server only.
    const other = await open('desk');
    await other.page.evaluate(() => { document.hasFocus = () => false; dispatchEvent(new Event('blur')); });
    await unread(other, 70);   // in the list, though it is not open
    await other.join('log');
    await other.go('desk');

    // Fifty are replayed, and seventy new: the line is further up.
    await ada.page.reload();
    await ada.connected();
    await unread(ada, 70);
    await ada.go('log');
    await ada.reads('news 69');
    await unread(ada, 0);
    await robot.hears((m) => m.type === 'read' && m.offset === first + 70, 'that all is read');
    await until(async () => /70 new messages/.test(await ada.id('unread-jump').textContent()), 'the way to the line');
    await look(ada, 'new messages above');
    await ada.shot('unread-jump');
    await ada.id('unread-jump').click();
    await ada.sees('.msg.found');
    assert.equal(await ada.find('.msg.found [data-testid=message-text]').textContent(), 'news 0');
    assert.equal(await ada.find('[data-testid=unread-line] + li [data-testid=message-text]').textContent(), 'news 0');
    assert.equal(await ada.id('unread-jump').isVisible(), false);
    await until(async () => (await other.find('[data-testid=room-tab][data-room=log] [data-testid=unread]').count()) === 0, 'the other window to know');

    // Up there what comes is not read; the way back says how much it is.
    const { offset } = await robot.say('log', 'something below');
    await robot.say('log', 'and more, @Ada');
    await until(async () => /\b2 new messages/.test(await ada.id('new-messages').textContent()), 'two below');
    await unread(ada, 2);
    assert.ok(!robot.of('read').some((m) => m.from.name === 'Ada' && m.offset >= offset), 'not read yet');
    await ada.id('new-messages').click();
    await unread(ada, 0);
    await robot.hears((m) => m.type === 'read' && m.offset === offset + 1, 'that it is read now');
    const reads = frames.filter((m) => m.type === 'read');
    assert.ok(reads.every((m, i) => i === 0 || m.room !== reads[i - 1].room || m.offset > reads[i - 1].offset), 'forward only');
    // Of many in a second one is told.
    const before = reads.length;
    for (let i = 0; i < 40; i++) await robot.say('log', `quick ${i}`);
    await robot.hears((m) => m.type === 'read' && m.offset === offset + 41, 'the last');
    assert.ok(frames.filter((m) => m.type === 'read').length - before <= 4, 'not each');
    for (const person of [ada, other]) await person.check();
  });

  test('a mention of somebody who is elsewhere: one notification, counted in list, tab and title; it is read, and who said it sees that', async (t) => {
    const ada = await enter(t, 'Ada', 'tea');
    const bob = await enter(t, 'Bob', 'tea', { permissions: ['notifications'], prepare: (page) => page.addInitScript(() => {
      // What the browser would show is kept beside it: the desktop of a headless one cannot be looked at.
      window.notes = [];
      const Real = window.Notification;
      window.Notification = class extends Real {
        constructor(title, options) { super(title, options); window.notes.push(this); }
        close() { super.close(); this.gone = true; }
      };
    }) });
    const notes = () => bob.page.evaluate(() => window.notes.map(({ title, body }) => [title, body]));
    const away = () => bob.page.evaluate(() => { document.hasFocus = () => false; dispatchEvent(new Event('blur')); });
    const back = () => bob.page.evaluate(() => { delete document.hasFocus; dispatchEvent(new Event('focus')); });
    const unread = async (n, loud, title) => {
      const badges = bob.find('[data-room=tea] [data-testid=unread]');   // of the list of rooms, and of the tab
      let last;
      await until(async () => JSON.stringify(last = [...await badges.evaluateAll((all) => all.map((badge) => [parseInt(badge.textContent, 10), badge.classList.contains('loud')])), await bob.page.title()])
        === JSON.stringify([...n ? [[n, loud], [n, loud]] : [], title]), () => `${n} unread, ${title}; the page has ${JSON.stringify(last)}`);
    };
    await until(async () => (await ada.members()).includes('Bob'), 'Bob at Ada');
    await ada.say('anybody here?');
    await bob.reads('anybody here?');
    await bob.join('desk');

    // He looks at another room: it is counted, and he sees it is for him; nothing is shown on a desktop that he looks at.
    await ada.say('water is on');
    await unread(1, false, '(1) #desk · Plenum');
    await ada.id('composer').pressSequentially('@bo');
    await ada.sees('[data-testid=completion-option]');
    await ada.id('composer').press('Enter');
    assert.equal(await ada.id('composer').inputValue(), '@Bob ');
    await ada.id('composer').pressSequentially('the kettle is on');
    await ada.id('composer').press('Enter');
    await unread(2, true, '(2) #desk · Plenum');
    await look(bob, 'somebody is called in another room');
    await bob.shot('desk-unread');
    assert.equal(await bob.id('notify-ask').isVisible(), false);

    // Nobody looks at his page: it asks once, and tells from then on.
    await away();
    await ada.say('so what, everybody');
    await unread(3, true, '(3) #desk · Plenum');
    assert.equal(await bob.id('notify-ask').isVisible(), false, 'for nobody in particular');
    await ada.say('psst, @Bob');
    await bob.sees('[data-testid=notify-ask]:not([hidden])');
    await look(bob, 'asked whether to notify');
    await back();
    await bob.id('notify-yes').click();
    await until(async () => !(await bob.id('notify-ask').isVisible()), 'the answer to be taken');
    assert.deepEqual(await notes(), []);
    await away();
    await ada.say('@Bob: it **boils**');
    await ada.say('and nothing for anybody');
    await ada.say('@Bobby is somebody else');
    await unread(7, true, '(7) #desk · Plenum');
    assert.deepEqual(await notes(), [['Ada in #tea', '@Bob: it boils']]);
    assert.equal(await ada.id('seen').count(), 1);
    assert.equal(await row(ada, 'anybody here?').getByTestId('seen').count(), 1, 'that is how far he has read');

    // He follows it.
    await back();
    await bob.page.evaluate(() => window.notes[0].onclick());
    await bob.sees('[data-testid=room-tab].active[data-room=tea]');
    await bob.reads('@Bobby is somebody else');
    await unread(0, false, '#tea · Plenum');
    assert.equal(await bob.find('[data-testid=unread-line] + li [data-testid=message-text]').textContent(), 'water is on');
    await row(ada, '@Bobby').getByTestId('seen').waitFor({ state: 'attached' });
    assert.equal(await bob.page.evaluate(() => window.notes[0].gone), true, 'and it is off the desktop');
    assert.equal(await ada.id('seen').count(), 1);
    await says(ada, 'seen', /^Seen by Bob/);

    // Directly; and not any more.
    await away();
    await ada.find('[data-testid=member]').filter({ hasText: 'Bob' }).click();
    await ada.say('between us');
    await ada.sees('[data-testid=delivered]');
    await until(async () => (await notes()).length === 2, 'the second');
    assert.deepEqual((await notes())[1], ['Ada', 'between us']);
    await until(async () => await bob.page.title() === '(1) #tea · Plenum', 'it to be counted');
    await back();
    await bob.find('[data-testid=room-tab][data-kind=direct] .tab-select').click();
    await until(() => bob.page.evaluate(() => window.notes[1].gone), 'what is read to be off the desktop');
    await bob.go('tea');
    await bob.id('profile-open').click();
    assert.equal(await bob.id('notify-choice').isChecked(), true);
    await bob.id('notify-choice').uncheck();
    await bob.page.keyboard.press('Escape');
    await away();
    await ada.say('once more');
    await until(async () => await bob.page.title() === '(1) #tea · Plenum', 'that, too');
    assert.equal((await notes()).length, 2);
    for (const person of [ada, bob]) await person.check();
  });

  test('who has seen it', async (t) => {
    const [ada, bob] = await two(t, 'seen');
    await ada.say('who has read this?');
    await bob.reads('who has read this?');
    await says(ada, 'seen', /^Seen by Bob/);
    assert.equal(await row(ada, 'who has').getByTestId('seen').count(), 1);
    await bob.page.evaluate(() => { document.hasFocus = () => false; dispatchEvent(new Event('blur')); });
    await ada.say('and this?');
    await bob.reads('and this?');
    const robot = await Native.open(server, { name: EVIL });
    await robot.join('seen');
    await robot.ask({ type: 'read', room: 'seen', offset: Number(await row(ada, 'who has').getAttribute('data-offset')) });
    await says(ada, 'seen', /^Seen by Bob, <img src=x/);
    assert.equal(await row(ada, 'and this').getByTestId('seen').count(), 0, 'he does not look');
    await look(ada, 'seen by two');
    await bob.page.evaluate(() => { delete document.hasFocus; dispatchEvent(new Event('focus')); });
    await row(ada, 'and this').getByTestId('seen').waitFor({ state: 'attached' });
    await robot.ask({ type: 'leave', room: 'seen' });
    await until(async () => await ada.id('seen').count() === 1, 'who is gone not to be there');
    for (const person of [ada, bob]) await nothingRan(person);
  });

  test('a locked room: who is in it stays, who comes is told, and can come when it is open again', async (t) => {
    const [ada, bob] = await two(t, 'vault');
    await ada.id('room-menu').click();
    await ada.id('menu-item').filter({ hasText: 'Locked' }).click();
    await decreed(bob, 'Ada locked the room: nobody new comes in');
    await says(bob, 'room-facts', /^Locked$/);
    const cleo = await Person.enter(browser, server.url, 'Cleo', { room: 'vault', reducedMotion: 'reduce' });
    t.after(() => cleo.context.close());
    await says(cleo, 'join-error', /^This room is locked: nobody new comes in at the moment\. Who keeps order there may open it, or invite you\.$/);
    await look(cleo, 'a locked room');
    await cleo.shot('locked');
    await bob.say('just us');
    await ada.reads('just us');
    await bob.page.reload();
    await bob.connected();
    await says(bob, 'room-facts', /^Locked$/);
    await ada.say('/lock off');
    await decreed(bob, 'Ada unlocked the room');
    await until(async () => (await bob.id('room-facts').textContent()) === '', 'nothing special any more');
    await cleo.id('blank').getByRole('button', { name: 'Try again' }).click();
    await until(async () => (await ada.members()).includes('Cleo'), 'Cleo to be in');
    for (const person of [ada, bob, cleo]) await person.check();
  });

  test('an invitation: a link that lets in once, is out of the address at once, can be taken back; and what each refusal says to do', async (t) => {
    const [ada, bob] = await two(t, 'den', { permissions: ['clipboard-read', 'clipboard-write'] });
    assert.equal(await bob.id('invite-people').isVisible(), false, 'who may not is offered nothing');
    await ada.say('/lock');
    await ada.id('invite-people').click();
    await look(ada, 'an invitation is made');
    await ada.id('invite-submit').click();
    await says(ada, 'invite-note', /^1 person may come in by it until /);
    await ada.id('invite-copy').click();
    await says(ada, 'invite-copied', /^Copied\.$/);
    const link = await ada.page.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /#room=den&invite=inv_[\w-]+$/);
    assert.equal(await ada.id('invite-link').inputValue(), link);
    await says(ada, 'invite-row', /^1 of 1 left, as member, until .*, by you$/);
    await look(ada, 'the link');
    await ada.shot('invite');
    await ada.id('invite-done').click();
    await decreed(bob, 'Ada made an invitation for 1 person');

    const visit = async (name, at) => {
      const requests = [];
      const person = await Person.enter(browser, server.url, name, { reducedMotion: 'reduce', at, prepare: (page) => page.on('request', (r) => requests.push(r.url())) });
      t.after(() => person.context.close());
      assert.ok(!requests.join().includes('inv_'), 'no server has read it');
      return person;
    };
    const hash = new URL(link).hash;
    const cleo = await visit('Cleo', hash);
    await until(async () => (await ada.members()).includes('Cleo'), 'Cleo to be in');
    assert.equal(await cleo.page.evaluate(() => location.hash), '#room=den');
    await decreed(bob, 'Cleo came in by an invitation');
    await decreed(cleo, 'You came in by an invitation');
    await cleo.page.reload();
    await cleo.connected();
    await cleo.say('I am still here');
    await bob.reads('I am still here');

    const eve = await visit('Eve', hash);
    await says(eve, 'join-error', /^This invitation has been used as often as it may be\. Ask whoever gave it to you for another one\./);
    await eve.shot('invitation-used');
    // Another link, in the page that is open; and one that is no invitation at all.
    const refused = async (invite, pattern) => {
      await eve.page.evaluate((to) => { location.hash = to; }, `#room=den&invite=${invite}`);
      await says(eve, 'join-error', pattern);
      assert.equal(await eve.page.evaluate(() => location.hash), '#room=den');
    };
    await refused('inv_nonsense', /^This invitation is not one to this room, or was taken back\./);
    await refused('javascript:alert(1)', /^This invitation is not one/);
    await bob.say('/invite');
    await until(async () => await bob.page.textContent('#composer-hint') === 'You may not invite people into this room.', 'Bob to be told');
    await ada.id('room-menu').click();
    await ada.id('menu-item').filter({ hasText: 'Invite people' }).click();
    await ada.page.keyboard.press('Escape');
    await ada.say('/invite');
    await ada.find('#invite-dialog label').filter({ hasText: '25' }).click();
    await ada.id('invite-submit').click();
    await says(ada, 'invite-note', /^25 people may/);
    const back = new URL(await ada.id('invite-link').inputValue()).hash;
    await ada.id('uninvite').first().click();
    await until(async () => (await ada.id('uninvite').count()) === 0, 'it to be taken back');
    await decreed(bob, 'Ada took an invitation back');
    await ada.page.keyboard.press('Escape');
    await refused(/invite=(.*)/.exec(back)[1], /^This invitation is not one to this room, or was taken back\./);
    for (const person of [ada, bob, cleo, eve]) await person.check();
  });

  test('on a phone: topic, pins, typing, seen; nothing is wider than it', async (t) => {
    const [ada, bob] = await two(t, 'pocket');
    await ada.say('/topic Where the ferry goes, and when it comes back, if it does; bring lanterns and a coat');
    await ada.say('The ferry leaves at **six** from the second pier');
    await bob.reads('The ferry leaves at six from the second pier');
    await row(ada, 'ferry leaves').getByTestId('msg-more').waitFor({ state: 'attached' });
    await chooseOf(ada, 'ferry leaves', 'Pin');
    const phone = await enter(t, 'Cleo', 'pocket', { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await says(phone, 'pin-newest', /The ferry leaves/);
    await phone.say('I am on my way');
    await bob.id('composer').pressSequentially('so are we');
    await says(phone, 'typing', /^Bob is typing$/);
    await phone.id('seen').first().waitFor({ state: 'attached' });
    await look(phone, 'a room on a phone');
    const wide = () => phone.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(await wide() <= 0);
    await phone.page.emulateMedia({ colorScheme: 'light' });
    await phone.shot('phone-room');
    await phone.id('topic-edit').tap();
    await phone.id('topic-input').fill('Lanterns');
    assert.ok(await wide() <= 0);
    await phone.shot('phone-topic');
    await phone.id('topic-save').tap();
    await says(ada, 'topic', /^Lanterns$/);
    await phone.id('pin-newest').tap();
    await phone.sees('.msg.found');
    await ada.page.emulateMedia({ colorScheme: 'light' });
    await ada.shot('desk-room');
    await ada.page.emulateMedia({ colorScheme: 'dark' });
    await ada.shot('desk-room-dark');
    for (const person of [ada, bob, phone]) await person.check();
  });
});
