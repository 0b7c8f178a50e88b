// SPDX-License-Identifier: Apache-2.0
//
// The chat page for everybody: axe-core looks at every state of it, in light and dark, at a desk and on a phone; and a
// session is spent without touching a mouse.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Person, look, startBrowser, startLine } from './browser.mjs';
import { Native, startServer, until } from './support.mjs';

describe('the chat page for everybody', () => {
  let browser;
  let server;
  const ends = [];
  const whole = { after: (end) => ends.unshift(end) };
  before(async () => {
    browser = await startBrowser(whole);
    server = await startServer(whole);
  });
  after(async () => { for (const end of ends) await end(); });

  test('axe finds nothing in any state', async (t) => {
    const line = await startLine(t, server);
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('lounge');
    const person = new Person();
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce' });
    t.after(() => person.context.close());
    person.page = await person.context.newPage();
    person.page.setDefaultTimeout(20_000);
    await person.page.goto(`${line.url}/#room=blank`);
    await person.sees('[data-testid=name-dialog][open]');
    assert.match(await person.id('name-dialog').textContent(), /invited to #blank/);
    await look(person, 'the first dialog');
    await person.id('name-input').fill('Ada');
    await person.id('name-submit').click();
    await person.sees('[data-testid=invitation]');
    await look(person, 'an empty room');
    await person.join('lounge');
    await robot.say('lounge', { text: 'hello @Ada, see https://example.org' });
    await robot.say('lounge', { text: 'waves', action: true });
    await robot.say('lounge', { some: ['data', 1] });
    await robot.say('lounge', { text: `${'long\n'.repeat(60)}` });
    await person.say('hello');
    await person.say('/help');
    await person.say('/nonsense');
    await person.sees('[data-testid=help]');
    await look(person, 'a conversation');
    await person.id('composer').fill('');
    for (let i = 0; i < 9; i++) await person.join(`room number ${i}`);
    await robot.say('lounge', 'psst, @Ada');
    await person.sees('[data-testid=room-list-item][data-room=lounge] [data-testid=unread]');
    await look(person, 'unread, and more tabs than fit');
    await person.go('lounge');
    await person.page.keyboard.press('Control+k');
    await person.sees('[data-testid=switcher-option]');
    await look(person, 'the switcher');
    await person.page.keyboard.press('Escape');
    await person.id('profile-open').click();
    await look(person, 'the profile');
    await person.page.keyboard.press('Escape');
    await person.find('[data-testid=member]:not([data-me])').click();
    await robot.close();
    await person.say('are you there?');
    await person.sees('[data-testid=message-failed]');
    await look(person, 'a direct message that failed');
    await person.go('lounge');
    line.cut();
    await person.sees('[data-testid=banner]:not([hidden])');
    await person.say('into the dark');
    await look(person, 'disconnected');
    line.mend();
    // The page may come back by itself before the click; then the button is gone, and that is as good.
    person.id('reconnect-now').click().catch(() => {});
    await person.connected();
    await person.page.setViewportSize({ width: 360, height: 740 });
    await look(person, 'on a phone');
    await person.id('open-sidebar').click();
    await look(person, 'on a phone, the rooms');
    await person.page.keyboard.press('Escape');
    await person.id('toggle-people').click();
    await look(person, 'on a phone, the people');
    await person.page.keyboard.press('Escape');
    // By their ids: an active tab that is counted may be gone when it is to be closed, as the page draws when it comes to it.
    for (const tab of await person.find('.tab').evaluateAll((tabs) => tabs.map((it) => it.dataset.id))) {
      const it = person.find(`.tab[data-id=${JSON.stringify(tab)}]`);
      await it.locator('[data-testid=tab-close]').evaluate((button) => button.click());   // some are beyond the edge
      await it.waitFor({ state: 'detached' });
    }
    await person.sees('[data-testid=blank]:not([hidden])');
    await look(person, 'no conversation');
  });

  test('everything can be done by keyboard', async (t) => {
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('garden');
    const ada = new Person();
    ada.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce' });
    t.after(() => ada.context.close());
    ada.page = await ada.context.newPage();
    ada.page.setDefaultTimeout(20_000);
    const { keyboard } = ada.page;
    const at = () => ada.page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.id);
    let last;
    const focused = (testid) => until(async () => (last = await at()) === testid, () => `the focus on ${testid}; it is on ${last}`);
    /** Presses Tab (or another key) until the focus is where `selector` is. */
    const reach = async (selector, key = 'Tab') => {
      for (let i = 0; i < 80; i++) {
        if (await ada.page.evaluate((s) => document.activeElement.matches(s), selector)) return;
        await keyboard.press(key);
      }
      assert.fail(`${key} does not reach ${selector}`);
    };

    await ada.page.goto(`${server.url}/#room=garden`);
    await focused('name-input');
    await keyboard.type('Ada');
    await keyboard.press('Enter');
    await ada.connected();
    await focused('composer');
    await keyboard.type('good morning');
    await keyboard.press('Enter');
    await robot.hears((m) => m.data?.text === 'good morning', 'the words');

    // A room of one's own, by its field; back by the tabs' arrow keys; out of it with Delete.
    await reach('[data-testid=join-room-input]', 'Shift+Tab');
    await keyboard.type('shed');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=room-tab].active[data-room=shed]');
    await reach('.tab-select', 'Shift+Tab');
    await keyboard.press('ArrowLeft');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');
    await keyboard.press('ArrowRight');
    await ada.sees('[data-testid=room-tab].active[data-room=shed]');
    await reach('.tab-select', 'Shift+Tab');
    await keyboard.press('Delete');
    await until(async () => (await ada.find('[data-testid=room-tab][data-room=shed]').count()) === 0, 'the shed to be left');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');

    // The invitation of an empty room, and its link.
    await keyboard.press('Control+k');
    await keyboard.type('empty lot');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=invitation]');
    await reach('[data-testid=copy-invite]');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=toast]');
    await reach('[data-testid=room-list-item][data-room=garden]', 'Shift+Tab');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');

    // Hiding the people and showing them; a direct message to one of them; what failed is sent again or given up.
    await reach('[data-testid=toggle-people]', 'Shift+Tab');
    await keyboard.press('Enter');
    await until(async () => !(await ada.id('members').isVisible()), 'the people to be hidden');
    await keyboard.press('Enter');
    await reach('[data-testid=member]:not([data-me])');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=room-tab].active[data-kind=direct]');
    await focused('composer');
    await robot.close();
    await keyboard.type('are you there?');
    await keyboard.press('Enter');
    await ada.sees('[data-testid=message-failed]');
    await reach('[data-testid=message-failed] button:last-child', 'Shift+Tab');
    await keyboard.press('Enter');
    await until(async () => (await ada.id('message-failed').count()) === 0, 'the message to be discarded');

    // Reading back by keyboard, and a long message unfolded.
    await keyboard.press('Alt+ArrowUp');
    await keyboard.press('Alt+ArrowUp');
    await ada.sees('[data-testid=room-tab].active[data-room=garden]');
    await focused('composer');
    await keyboard.insertText('long\n'.repeat(80));
    await keyboard.press('Enter');
    await ada.sees('.unfold');
    await reach('.unfold', 'Shift+Tab');
    await keyboard.press('Enter');
    await until(async () => (await ada.find('.unfold').count()) === 0, 'it to unfold');
    await reach('#stream', 'Shift+Tab');
    await keyboard.press('Home');
    await until(() => ada.id('stream').evaluate((box) => box.scrollTop === 0), 'the top');
    await ada.sees('[data-testid=new-messages]:not([hidden])');
    await reach('[data-testid=new-messages]');
    await keyboard.press('Enter');
    await until(() => ada.id('stream').evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2), 'the end');

    // The name and the looks; the focus comes back to where it was.
    await reach('[data-testid=profile-open]', 'Shift+Tab');
    await keyboard.press('Enter');
    await reach('#theme-choice input');
    await keyboard.press('ArrowRight');
    await until(() => ada.page.evaluate(() => document.documentElement.dataset.theme === 'light'), 'light');
    await keyboard.press('ArrowRight');
    await until(() => ada.page.evaluate(() => document.documentElement.dataset.theme === 'dark'), 'dark');
    await keyboard.press('Escape');
    await focused('profile-open');

    // On a narrow page: the drawers, and the way back out of them.
    await ada.page.setViewportSize({ width: 360, height: 740 });
    await reach('[data-testid=open-sidebar]');
    await keyboard.press('Enter');
    await focused('switcher-open');
    await reach('[data-testid=theme-toggle]');   // and nothing behind the drawer on the way
    await keyboard.press('Escape');
    await focused('open-sidebar');
    await reach('[data-testid=toggle-people]');
    await keyboard.press('Enter');
    await focused('close-people');

    // The page grows while the drawer is open, as a tablet's does that is turned: it stays while it is one.
    const turned = ada.page.evaluate(() => new Promise((done) => matchMedia('(max-width: 760px)').addEventListener('change', done)).then(() => 0));
    await ada.page.setViewportSize({ width: 900, height: 740 });
    await turned;
    assert.equal(await ada.find('#app').evaluate((app) => app.classList.contains('people-open')), true);
    await focused('close-people');
    await keyboard.press('Enter');
    await focused('toggle-people');
  });
});
