// SPDX-License-Identifier: Apache-2.0
//
// What was said before, on the chat page, and the search for it: older messages come by themselves to whoever sees the first ones that are here, whatever fails
// in between, and a button is what is left where nothing helps.
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { between, chatFixture, chooseOf, holdFrames, look, row, startLine } from './browser.mjs';
import { Native, until, within } from './support.mjs';
import { Archive } from '../../web/archive.js';
import { Conversation } from '../../web/conversation.js';
import { patiently } from '../../web/patience.js';

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => `word ${from + i}`);
const refusal = (code, retry_ms) => Object.assign(new Error(code), { code, retry_ms });

describe('asking again', () => {
  test('what passes is asked again, no sooner than told, so often and no more; what does not pass is told at once', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const settle = () => new Promise((done) => { setImmediate(done); });
      /** Asks what is refused `refusals` times; how often it was asked after so many ms. */
      const asked = (error, refusals = Infinity, wants) => {
        const it = { times: 0, end: null };
        const ask = async () => { if (it.times++ < refusals) throw error; return 'page'; };
        patiently(ask, wants).then((value) => { it.end = value; }, (e) => { it.end = e; });
        return it;
      };
      const told = asked(refusal('rate_limited', 3_000), 1);
      await settle();
      mock.timers.tick(2_999);
      await settle();
      assert.deepEqual([told.times, told.end], [1, null]);
      mock.timers.tick(1_502);   // and half of it by chance
      await settle();
      assert.deepEqual([told.times, told.end], [2, 'page']);

      for (const code of ['unavailable', 'internal', 'draining', 'queue_full']) {
        const never = asked(refusal(code));
        for (let ms = 0; ms < 60_000; ms += 100) { mock.timers.tick(100); await settle(); }
        assert.deepEqual([never.times, never.end?.code], [6, code]);
      }
      for (const code of ['forbidden', 'not_member', 'disconnected', 'closed', 'timeout', 'bad_room']) {
        const once = asked(refusal(code));
        await settle();
        assert.deepEqual([once.times, once.end?.code], [1, code]);
      }
      let wanted = true;
      const left = asked(refusal('unavailable'), Infinity, () => wanted);
      await settle();
      wanted = false;
      mock.timers.tick(1_000);
      await settle();
      assert.deepEqual([left.times, left.end?.code], [1, 'unavailable']);
    } finally {
      mock.timers.reset();
    }
  });

  test('an answer that comes too late leaves no hole, and an earlier one is not taken for a later one', async () => {
    const asks = [];
    const toasts = [];
    const client = { history: (room, options) => new Promise((done, fail) => { asks.push({ ...options, done, fail }); }) };
    const chat = { client, online: true, view: { changed() {}, toast: (text) => toasts.push(text) } };
    const taken = [];
    chat.incoming = { take: (it, m, live, fresh) => {
      it.lowest = Math.min(it.lowest ?? m.offset, m.offset);
      taken.push([m.offset, fresh]);
      it.insert({ kind: 'message', offset: m.offset, time: 0, from: { user: 'bob' } });
    } };
    const archive = new Archive(chat);
    const page = (from, to, epoch = 'e') => ({ epoch, history: Array.from({ length: to - from }, (_, i) => ({ type: 'message', offset: from + i })) });
    const room = () => {
      asks.length = taken.length = toasts.length = 0;
      const it = new Conversation('room', 'lobby');
      Object.assign(it, { status: 'joined', epoch: 'e', head: 300 });
      return it;
    };
    // Joined anew while it was under way: what is here now begins elsewhere.
    let it = room();
    archive.loadEarlier(it);
    it.startOver('e', true);
    asks[0].done(page(201, 301));
    await it.load;
    assert.deepEqual([taken, it.loading, it.complete, it.lowest], [[], false, false, null]);
    // Another ask of the same: the first answer is not it, whichever comes first.
    it = room();
    archive.loadEarlier(it);
    const first = it.load;
    archive.loadBefore(it, 301, true);
    asks[0].done(page(299, 301));
    await first;
    assert.deepEqual([taken, it.loading], [[], true]);
    asks[1].done(page(300, 301));
    await it.load;
    assert.deepEqual([taken, it.loading], [[[300, true]], false]);
    // What it would lead up to was let go meanwhile.
    it = room();
    Object.assign(it, { lowest: 1, complete: false });
    for (let offset = 50; offset < 3_050; offset++) it.insert({ kind: 'message', offset, time: 0, from: { user: 'bob' } });
    archive.loadBefore(it, 50);
    it.insert({ kind: 'message', offset: 3_050, time: 0, from: { user: 'bob' } });
    assert.equal(it.firstOffset, 1_050);
    asks[0].done(page(1, 50));
    await it.load;
    assert.deepEqual([taken, it.firstOffset, it.lowest, it.complete], [[], 1_050, 1_050, false]);
    // Lost with the connection, or refused to somebody who is not in it any more: nobody is bothered.
    for (const [code, status] of [['disconnected', 'joined'], ['timeout', 'joined'], ['not_member', 'removed']]) {
      it = room();
      archive.loadEarlier(it);
      it.status = status;
      asks[0].fail(refusal(code));
      await it.load;
      assert.deepEqual([it.stuck, it.loading, it.complete, toasts], [false, false, false, []], code);
    }
    it = room();
    archive.loadEarlier(it);
    asks[0].fail(refusal('forbidden'));
    await it.load;
    assert.deepEqual([it.stuck, it.loading, toasts], [true, false, ['forbidden.']]);
    archive.loadEarlier(it);
    assert.equal(asks.length, 1, 'not by itself');
    assert.equal(await (() => { const found = archive.reach(it, 7); asks[1].done(page(7, 301)); return found; })(), 'here', 'who wants one message asks again');
    assert.equal(await archive.reach(it, 7), 'here');
    it.complete = true;
    assert.equal(await archive.reach(it, 3), 'gone');
    it.complete = false;
    chat.online = false;
    assert.equal(await archive.reach(it, 3), 'unknown');
  });
});

describe('older messages on the chat page', () => {
  const chat = chatFixture([]);
  const words = async (room, count) => {
    const robot = await Native.open(chat.server, { name: 'Robot' });
    await robot.join(room);
    for (let i = 0; i < count; i++) await robot.say(room, `word ${i}`);
    return robot;
  };
  const toTop = (person) => person.id('stream').evaluate((box) => { box.scrollTop = 0; });
  /** What the page shows of itself, for a failure. */
  const state = (person) => person.page.evaluate(() => JSON.stringify({ top: document.getElementById('stream').scrollTop,
    first: document.getElementById('rows').firstElementChild?.outerHTML.slice(0, 200), second: document.querySelector('[data-testid=message-text]')?.textContent,
    toasts: document.getElementById('toasts')?.textContent, conn: document.querySelector('[data-testid=conn-state]')?.dataset.state }));
  /** Reads back to the beginning. */
  const readsBack = async (person, count) => {
    let told = '';
    await until(async () => {
      await toTop(person);
      told = await state(person);
      return (await person.texts()).includes('word 0');
    }, () => `the beginning; the page: ${told}; ${person.faults}`);
    assert.deepEqual(await person.texts(), numbers(0, count), 'all, once, in order');
    await person.check();
  };
  test('a frame drawn between joined and its replay does not end the history', async (t) => {
    await words('slow start', 120);
    let hold;
    const prepare = async (page) => { hold = await holdFrames(page, (m) => m.type === 'joined'); };
    const ada = await chat.enter(t, 'Ada', 'slow start', { prepare });
    await within(hold.began, 'joined');
    // Drawn as joined, with nothing to show yet.
    await until(async () => (await ada.id('members-count').textContent()) === '2', 'the room to be drawn');
    await ada.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    hold.release();
    await ada.reads('word 119');
    await readsBack(ada, 120);
  });

  test('a page of them that has nothing to show is not the end, and one that is refused for a while is asked for again', async (t) => {
    const robot = await words('refused', 130);
    // More reactions than a page of history holds: it has no row.
    for (let i = 0; i < 210; i++) await robot.ask({ type: 'react', room: 'refused', offset: 130, key: `k${i % 3}`, on: i % 6 < 3 });
    for (let i = 130; i < 190; i++) await robot.say('refused', `word ${i}`);
    const asked = [];
    const prepare = (page) => between(page, (m, answer) => {
      if (m.type !== 'history' || asked.push(m) > 3) return false;
      const code = ['rate_limited', 'unavailable', 'internal'][asked.length - 1];
      answer({ type: 'error', id: m.id, code, message: 'Not now.', ...(code === 'rate_limited' ? { retry_ms: 200 } : {}) });
      return true;
    });
    const ada = await chat.enter(t, 'Ada', 'refused', { prepare, viewport: { width: 1280, height: 500 } });
    await ada.reads('word 189');
    await readsBack(ada, 190);
    assert.ok(asked.length >= 6, `${asked.length} asks`);
    assert.deepEqual(await ada.find('.toast').allTextContents(), [], 'nobody is bothered');
  });

  test('a line that is cut while they are under way: they come when it is back, and nobody has to scroll', async (t) => {
    await words('tunnel', 300);
    const line = await startLine(t, chat.server);
    let armed = false;
    const prepare = (page) => between(page, (m) => {
      if (m.type !== 'history' || !armed) return false;
      armed = false;
      line.cut();
      return true;
    });
    const ada = await chat.enter(t, 'Ada', 'tunnel', { url: line.url, prepare });
    await ada.reads('word 299');
    armed = true;
    await toTop(ada);
    await ada.sees('[data-testid=conn-state]:not([data-state=open])');
    const [first] = await ada.texts();
    line.mend();
    await ada.connected();
    let told = '';
    await until(async () => { told = await state(ada); return (await ada.texts())[0] !== first; }, () => `older ones; the page: ${told}`);
    assert.deepEqual(await ada.find('.toast').allTextContents(), [], 'nobody is bothered');
    await readsBack(ada, 300);
  });

  test('what will not be had is told, with a button, which brings it', async (t) => {
    await words('denied', 120);
    let denied = true;
    const prepare = (page) => between(page, (m, answer) => {
      if (m.type !== 'history' || !denied) return false;
      answer({ type: 'error', id: m.id, code: 'forbidden', message: 'It takes the right `read`.' });
      return true;
    });
    const ada = await chat.enter(t, 'Ada', 'denied', { prepare });
    await ada.reads('word 119');
    await toTop(ada);
    await ada.sees('[data-testid=retry-earlier]');
    assert.deepEqual(await ada.find('.toast').allTextContents(), ['It takes the right `read`.']);
    await look(ada, 'older messages that cannot be had');
    denied = false;
    await ada.id('retry-earlier').click();
    await readsBack(ada, 120);
  });

  test('search: what the one has said the other finds, by the words that it has now, in the page and behind it in what the server keeps', async (t) => {
    const ada = await chat.enter(t, 'Ada', 'search');
    for (const text of ['the **needle** is here', 'a pin, to be a needle', 'a needle, for a moment', `${'so '.repeat(200)}much thread`]) await ada.say(text);
    await row(ada, 'for a moment').getByTestId('msg-more').waitFor({ state: 'attached' });
    await chooseOf(ada, 'a pin', 'Edit');
    await ada.say('a Nadel in the hay');
    await chooseOf(ada, 'for a moment', 'Delete');
    await ada.id('decree-submit').click();
    await ada.sees('[data-testid=message-deleted]');
    await ada.reads('a Nadel in the hay');
    const robot = await Native.open(chat.server, { name: 'Robot' });
    await robot.join('search');
    for (let i = 0; i < 240; i++) await robot.say('search', { text: `hay ${i}` });
    const bob = await chat.enter(t, 'Bob', 'search');
    await bob.reads('hay 239');
    await ada.say('another Needle');
    await bob.reads('another Needle');
    assert.ok(!(await bob.texts()).includes('the needle is here'), 'that is behind what he has');
    const finds = async (words, expected, note) => {
      await bob.id('search-input').fill(words);
      let last;
      await until(async () => JSON.stringify(last = [await bob.id('search-result').locator('.search-text').allTextContents(), await bob.id('search-note').textContent()])
        === JSON.stringify([expected, note]), () => `${words}: ${JSON.stringify(expected)}; it has ${JSON.stringify(last)}`);
    };
    await bob.page.keyboard.press('Control+Shift+F');
    await finds('needle', ['another Needle', 'the needle is here'], '2 messages.');
    assert.deepEqual(await bob.find('.search-text mark').allTextContents(), ['Needle', 'needle']);
    await look(bob, 'the search');
    await bob.shot('search');
    await finds('nadel HAY', ['a Nadel in the hay'], '1 message.');   // by its new words
    for (const gone of ['pin', 'for a moment']) await finds(gone, [], 'Nothing found in what is kept.');   // its old ones; deleted
    await finds('thread', ['… so so so so so so so so much thread'], '1 message.');   // what was found is shown
    await finds('ada needle', ['another Needle', 'the needle is here'], '2 messages.');   // who said it counts
    await bob.id('search-input').press('ArrowDown');
    await bob.page.keyboard.press('ArrowDown');
    await bob.page.keyboard.press('Enter');
    await until(async () => await bob.find('.msg.found [data-testid=message-text]').textContent() === 'the needle is here', 'the needle');
    // Likewise of what is in his page by now, as she changes it before his eyes.
    await chooseOf(ada, 'another Needle', 'Edit');
    await ada.say('another pin');
    await bob.reads('another pin');
    await chooseOf(ada, 'a Nadel', 'Delete');
    await ada.id('decree-submit').click();
    await until(async () => await bob.id('message-deleted').count() === 2, 'both deletions');
    await bob.say('/find needle');
    await finds('needle', ['the needle is here'], '1 message.');
    await finds('pin', ['another pin'], '1 message.');
    await finds('nadel', [], 'Nothing found in what is kept.');
    for (const person of [ada, bob]) await person.check();
  });
});
