// SPDX-License-Identifier: Apache-2.0
//
// What the chat page shows of a room and when: history and its beginning, an empty room, restarts, what is unread.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Person, SCREENSHOTS, holdFrames, startBrowser } from './browser.mjs';
import { Native, startServer, until, within } from './support.mjs';

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => `word ${from + i}`);

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

  test('a frame drawn between joined and its replay does not end the history', async (t) => {
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('slow start');
    for (let i = 0; i < 120; i++) await robot.say('slow start', `word ${i}`);
    let hold;
    const prepare = async (page) => { hold = await holdFrames(page, (m) => m.type === 'joined'); };
    const ada = await enter(t, 'Ada', { room: 'slow start', prepare });
    await within(hold.began, 'joined');
    // Drawn as joined, with nothing to show yet.
    await until(async () => (await ada.id('members-count').textContent()) === '2', 'the room to be drawn');
    await ada.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    hold.release();
    await ada.reads('word 119');
    await until(async () => {
      await ada.id('stream').evaluate((box) => { box.scrollTop = 0; });
      return (await ada.texts()).includes('word 0');
    }, 'the beginning');
    assert.deepEqual(await ada.texts(), numbers(0, 120), 'all, once, in order');
    await ada.check();
  });
});
