// SPDX-License-Identifier: Apache-2.0
//
// What people type into the chat page, and what others see of it: commands, names, mentions, addresses, and characters
// that are not what they seem.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Person, startBrowser } from './browser.mjs';
import { Native, Nc, startServer, until } from './support.mjs';
import { isBlank, mentions, nameShown, textShown, typed, withAddresses } from '../../web/words.js';

describe('words', () => {
  test('mentions are words of their own, in any script', () => {
    const rings = ['@Ada', 'hi @ada!', '(@ADA)', "@Ada's", '@Ada, @Bob', '你好@Ada', '@Ada你好', '@Ada\n'];
    const silent = ['@Adamant', '@Adá', '@Ada\u0301', 'mail@ada', '@Ada_2', '@Ada2', '@Ada-Marie', 'Ada', '@ Ada', '@Адa'];
    for (const text of rings) assert.ok(mentions(text, 'Ada'), text);
    for (const text of silent) assert.ok(!mentions(text, 'Ada'), text);
    assert.ok(mentions('hallo @jörg!', 'J\u00f6rg') && mentions('hallo @Jo\u0308rg', 'Jörg'));
    assert.ok(mentions('你好 @李明!', '李明') && !mentions('@李明', '李'));
    assert.ok(!mentions('@Jörgen', 'Jörg') && !mentions('@Владимира', 'Владимир'));
    assert.ok(mentions('@c++ rules', 'C++') && mentions('@Ada Lovelace, look', 'Ada Lovelace'));
    assert.ok(!mentions('@', '') && !mentions('@ x', ' '));
  });

  test('names show what is invisible in them, and keep what a script needs', () => {
    for (const [name, shown] of [['Ada\u200b', 'Ada\\u200b'], ['\u202egnp.exe', '\\u202egnp.exe'], ['a\u2066b\u2069', 'a\\u2066b\\u2069'],
      ['A\u0007da', 'A\\x07da'], ['\u3164', '\\u3164'], ['\u00a0', '\\xa0'], ['\u2800\u2800', '\\u2800\\u2800'], ['A\u200dda', 'A\\u200dda'],
      ['\u{e0041}x', '\\u{e0041}x'], ['', '(no name)']]) assert.equal(nameShown(name), shown);
    for (const name of ['Ada Lovelace', 'نمی‌خواهم', '👩‍💻', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'é', '李', '<b>']) assert.equal(nameShown(name), name);
  });

  test('texts lose blank lines and what turns them around', () => {
    for (const [text, shown] of [['\n\n a\r\nb\n \n\n\nc \n\n', ' a\nb\n\nc '], ['', ''], [' \n\u200b\n\u3164', ''], ['a\u2028b', 'a\nb'],
      ['\u202egnp.exe', '\\u202egnp.exe'], ['a\u2067b', 'a\u2067b'], ['\u001b[2J', '\\x1b[2J'], ['tab\tbed', 'tab\tbed']]) assert.equal(textShown(text), shown);
    assert.equal(typed('\n \n  code\n\n'), '  code');
    for (const text of ['', ' \n\t', '\u200b', '\u3164\u2800', '\ufeff']) assert.ok(isBlank(text) && typed(text) === '');
  });

  test('addresses of the web and of mail', () => {
    const links = (text) => withAddresses(text).filter((part) => typeof part !== 'string').map((part) => part.href);
    assert.deepEqual(links('see www.example.org/a_(b), ada@example.co.uk. And http://x.y/z?'),
      ['https://www.example.org/a_(b)', 'mailto:ada@example.co.uk', 'http://x.y/z']);
    for (const text of ['www.', 'www.x', 'awww.example.org', 'a@b', '@ada', 'javascript:alert(1)', 'mailto:', 'ftp://x.y']) assert.deepEqual(links(text), [], text);
    const text = 'a www.b.c d e@f.gh i';
    assert.equal(withAddresses(text).map((part) => part.text ?? part).join(''), text);
  });
});

describe('words in the chat page', () => {
  let browser;
  let server;
  const ends = [];
  const whole = { after: (end) => ends.unshift(end) };
  before(async () => {
    browser = await startBrowser(whole);
    server = await startServer(whole);
  });
  after(async () => { for (const end of ends) await end(); });
  const enter = async (t, name, options) => {
    const person = await Person.enter(browser, server.url, name, options);
    t.after(() => person.context.close());
    return person;
  };
  const notice = (person, pattern) => until(async () => (await person.id('notice').allTextContents()).some((text) => pattern.test(text)), `the notice ${pattern}`);
  const hint = (person, pattern) => until(async () => pattern.test(await person.page.textContent('#composer-hint')), `the hint ${pattern}`);

  test('commands do what they do in nc, and nothing else is sent', async (t) => {
    const nc = new Nc(t, server);
    await nc.sees(/^\* joined lobby/);
    nc.type('/nick Terry Pratchett');
    nc.type('/join pub');
    await nc.sees(/^\* joined pub/);
    const ada = await enter(t, 'Ada', { room: 'pub' });
    await until(async () => (await ada.members()).length === 2, 'both in the pub');
    await ada.say('/me waves at *you*');
    await nc.sees(/^\[..:..:..\] \* Ada waves at \*you\*$/);
    await ada.reads('* Ada waves at *you*');
    nc.type('/me waves back');
    await ada.reads('* Terry Pratchett waves back');

    await ada.say('//etc is full');
    await nc.sees(/ Ada: \/etc is full$/);
    await ada.say('/help');
    await until(async () => /\/msg USER TEXT/.test(await ada.id('help').textContent()), 'the help');
    await ada.say('/WHO');
    await notice(ada, /^In #pub: .*Terry Pratchett/);
    await ada.say('/rooms pu');
    await notice(ada, /^Rooms: #pub \(2\)$/);

    // A line that means nothing stays in the box and says so.
    for (const [line, pattern] of [['/frobnicate now', /no command \/frobnicate/], ['/', /no command/], ['/me', /Usage: \/me/], ['/constructor', /no command/],
      ['/join', /Usage: \/join/], ['/msg Terry', /Usage: \/msg/], ['/leave nowhere', /not in nowhere/], ['/msg Nobody hello', /Nobody is not online/]]) {
      await ada.say(line);
      await hint(ada, pattern);
      assert.equal(await ada.id('composer').inputValue(), line);
    }
    await ada.say('/msg "terry pratchett" between us');
    await nc.sees(/^\* direct from Ada: between us$/);
    await ada.sees('[data-testid=room-tab].active[data-kind=direct]');
    await ada.sees('[data-testid=delivered]');

    await ada.say('/join snug corner');
    await ada.sees('[data-testid=room-tab].active[data-room="snug corner"]');
    await ada.say('/leave');
    await until(async () => (await ada.find('[data-testid=room-tab][data-room="snug corner"]').count()) === 0, 'the corner to be left');
    await ada.go('pub');
    await ada.say('/leave pub');
    await nc.sees('* Ada left');
    assert.deepEqual(nc.seen.filter((line) => / Ada: /.test(line) && !/direct/.test(line)).map((line) => line.replace(/^.* Ada: /, '')), ['/etc is full']);
    await ada.say('/quit');
    await ada.sees('[data-testid=conn-state][data-state=closed]');
    await ada.check();
  });

  test('who changes the name stays the same person', async (t) => {
    const nc = new Nc(t, server);
    await nc.sees(/^\* joined lobby/);
    nc.type('/join names');
    await nc.sees(/^\* joined names/);
    const ada = await enter(t, 'Ada', { room: 'names' });
    const bob = await enter(t, 'Bob', { room: 'names' });
    const user = await ada.find('[data-testid=member][data-me]').getAttribute('data-user');
    await ada.say('as Ada');
    await bob.reads('as Ada');
    await bob.find(`[data-testid=member][data-user=${user}]`).click();
    await bob.go('names');
    await ada.say('/nick Countess');
    await nc.sees('* Ada is now Countess');
    await until(async () => /Ada is now Countess/.test((await bob.id('presence-notice').allTextContents()).join()), 'Bob to be told');
    await until(async () => (await bob.members()).includes('Countess'), 'the new name in the list');
    await until(async () => (await bob.id('direct-list-item').textContent()).includes('Countess'), 'the new name of the direct messages');
    await notice(ada, /^You are now Countess\.$/);
    assert.equal(await ada.id('my-name').textContent(), 'Countess');
    // By the dialog.
    await ada.id('profile-open').click();
    await ada.id('profile-name').fill('Lady Lovelace');
    await ada.id('profile-save').click();
    await nc.sees('* Countess is now Lady Lovelace');
    assert.equal(await ada.find('[data-testid=member][data-me]').getAttribute('data-user'), user, 'the same user');
    await ada.say('still me');
    await nc.sees(/ Lady Lovelace: still me$/);
    // The name and the person outlive a reload.
    await ada.page.reload();
    await ada.connected();
    await ada.reads('still me');
    await until(async () => (await ada.members()).includes('Lady Lovelace'), 'the name after a reload');
    assert.equal(await ada.find('[data-testid=member][data-me]').getAttribute('data-user'), user);
    assert.ok(!nc.seen.some((line) => /Ada left|Countess left|Lovelace left/.test(line)), 'nobody left');
    for (const person of [ada, bob]) await person.check();
  });

  test('mentions, odd characters, blank lines and addresses', async (t) => {
    const evil = await Native.open(server, { name: 'Bob\u202eadA' });
    await evil.join('odd');
    await evil.join('odd\u202eroom');
    const ada = await enter(t, 'Ada', { room: 'odd' });
    await ada.join('elsewhere');
    const badge = ada.find('[data-testid=room-list-item][data-room=odd] [data-testid=unread]');
    await evil.say('odd', '@Adamant is hard');
    await until(async () => (await badge.count()) === 1, 'one unread');
    assert.ok(!await badge.evaluate((node) => node.classList.contains('loud')), '@Adamant does not ring for Ada');
    await evil.say('odd', 'but @ada, look');
    await until(async () => badge.evaluate((node) => node.classList.contains('loud')), '@ada to ring');
    for (const text of ['\u202egnp.exe', '', '\n\n\n', 'up\n\n\n\n\ndown', 'www.example.org and ada@example.org']) await evil.say('odd', text);
    await ada.go('odd');
    await ada.shows(['@Adamant is hard', 'but @ada, look', '\\u202egnp.exe', '(an empty message)', '(an empty message)', 'up\n\ndown',
      'www.example.org and ada@example.org']);
    assert.deepEqual(await ada.find('.msg.mention [data-testid=message-text]').allTextContents(), ['but @ada, look']);
    assert.deepEqual(await ada.page.evaluate(() => [...document.querySelectorAll('.msg-text a')].map((a) => a.href)),
      ['https://www.example.org/', 'mailto:ada@example.org']);
    assert.ok((await ada.members()).includes('Bob\\u202eadA'));
    await ada.id('rooms-refresh').click();
    await ada.find('[data-testid=room-list-item]').getByText('odd\\u202eroom').click();
    await until(async () => (await ada.page.title()) === '#odd\\u202eroom · Plenum', 'the title');
    assert.ok(!await ada.page.evaluate(() => document.body.innerText.includes('\u202e')), 'no override is left on the page');
    // Nothing to say is not said.
    for (const text of ['', '   ', '\n\n', '\u200b', '\u3164\n']) await ada.say(text);
    await ada.say('\n\nafter blank lines\n\n');
    await evil.hears((m) => m.room === 'odd\u202eroom' && m.type === 'message', 'the words');
    assert.deepEqual(evil.data('odd\u202eroom'), [{ text: 'after blank lines' }]);
    await ada.check();
  });
});
