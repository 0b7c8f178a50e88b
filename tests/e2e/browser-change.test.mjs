// SPDX-License-Identifier: Apache-2.0
//
// What becomes of messages, on the chat page: two people edit, delete, react to and answer what is said, both see it, and so does who
// comes later.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Person, chatFixture, chooseOf, look, openMenu, row, startLine } from './browser.mjs';
import { Native, Nc, until } from './support.mjs';
import { EMOJI, emojiCalled, withEmoji } from '../../web/emoji.js';
import { parse, plainOf } from '../../web/markdown.js';
import { Changes, asTold } from '../../web/changes.js';
import { withCalls } from '../../web/words.js';

describe('what messages may have in them', () => {
  test('the Markdown that there is, and what is none', () => {
    for (const [text, tree] of [
      ['a **b** c', ['a ', { strong: ['b'] }, ' c']], ['*a* and _b_', [{ em: ['a'] }, ' and ', { em: ['b'] }]], ['~~a~~', [{ del: ['a'] }]],
      ['**a *b* c**', [{ strong: ['a ', { em: ['b'] }, ' c'] }]], ['***a***', [{ strong: [{ em: ['a'] }] }]], ['`a*b*`', [{ code: 'a*b*' }]], ['``a`b``', [{ code: 'a`b' }]],
      ['a\n```js\nlet b = "*c*";\n\n```\nd', ['a', { block: 'let b = "*c*";\n' }, 'd']], ['(*a*)', ['(', { em: ['a'] }, ')']],
      ['[a](https://b.c/d)', [{ href: 'https://b.c/d', text: 'a', title: 'https://b.c/d' }]],
      ['**see http://a.b/_c_d**', [{ strong: ['see ', { href: 'http://a.b/_c_d', text: 'http://a.b/_c_d' }] }]],
      ...['snake_case_name', '2*3*4', '* a *', '**', '****', '`', '``', '*a', 'a**b**', '**a **', '```\nnever closed', '[a](javascript:alert(1))', '[a](//b.c)',
        '[a](data:text/html,b)', '<b>a</b>', '&lt;', '![a](b)', '_a_b', 'x ` y'].map((plain) => [plain, [plain]]),
    ]) assert.deepEqual(parse(text), tree, text);
    assert.equal(plainOf('a **b _c_** `d`\n```\ne\n```\n[f](https://g.h) http://i.j'), 'a b c d e f http://i.j');
    // Whatever it is given, in little time.
    for (const hard of ['*a '.repeat(20_000), '`a '.repeat(20_000), '_'.repeat(60_000), '['.repeat(60_000), '**_'.repeat(20_000), '`'.repeat(60_000), '[a](https://'.repeat(5_000)]) {
      const start = performance.now();
      parse(hard);
      assert.ok(performance.now() - start < 4_000, hard.slice(0, 12));
    }
  });

  test('emoji by name', () => {
    assert.ok(EMOJI.length >= 150 && EMOJI.every(({ name, emoji }) => /^[a-z0-9_+-]+$/.test(name) && /\p{Emoji}/u.test(emoji)), 'pairs of names and emoji');
    assert.equal(new Set(EMOJI.map(({ name }) => name)).size, EMOJI.length);
    assert.equal(withEmoji('well :tada: done :+1:, `:tada:` and :nonsense: at 10:30:45 a:b:c'), 'well 🎉 done 👍, `:tada:` and :nonsense: at 10:30:45 a:b:c');
    assert.equal(withEmoji('```\n:tada:\n```\n:TADA:'), '```\n:tada:\n```\n🎉');
    assert.deepEqual(emojiCalled('ta', 2).map(({ name }) => name), ['tada', 'star_struck']);
  });

  test('who is called, the longest name first', () => {
    assert.deepEqual(withCalls('hi @Ada Lovelace and @ada, @Bob', ['Ada Lovelace', 'Bob'], 'Ada'),
      ['hi ', { call: '@Ada Lovelace', me: true }, ' and ', { call: '@ada', me: true }, ', ', { call: '@Bob', me: false }]);
    assert.deepEqual(withCalls('a@b @Bobby @.*', ['Bob', ' '], 'Ada'), ['a@b @Bobby @.*']);
  });

  test('changes in any order: an older edit, a count of before, a message that comes later', () => {
    const changes = new Changes();
    const record = (type, offset, more) => ({ type: `message:${type}`, target: 5, offset, time: offset, from: { user: `u${offset}`, name: 'U' }, ...more });
    const message = (more) => ({ kind: 'message', offset: 5, ...asTold({ data: 'now', ...more }) });
    // It came as it is now; what came of it before is told behind it all the same.
    const item = message({ version: 9, edited: 9, reactions: { x: 2 } });
    changes.arrived(item);
    changes.take(item, record('edited', 7, { data: 'old' }), true);
    assert.equal(item.data, 'now');
    changes.take(item, record('edited', 11, { data: 'new' }), true);
    assert.deepEqual([item.data, item.version, item.edited], ['new', 11, 11]);
    // Of a page of history, which has them as they were.
    item.asOf = 12;
    changes.take(item, record('reactions', 10, { key: 'x', on: true, count: 1 }), false);
    assert.deepEqual(changes.reactionsTo(item, 'u10'), [{ key: 'x', count: 2, mine: true, names: [] }]);
    changes.take(item, record('reactions', 13, { key: 'x', on: true, count: 3 }), true);
    assert.deepEqual(changes.reactionsTo(item, 'u10'), [{ key: 'x', count: 3, mine: true, names: ['U'] }]);
    changes.take(item, record('deleted', 14, { reason: 'spam' }), true);
    changes.take(item, record('edited', 15, { data: 'again' }), true);
    assert.deepEqual([item.data, item.deleted, item.reason, changes.reactionsTo(item, 'u10')], [undefined, true, 'spam', []]);
    // It comes behind what became of it.
    changes.clear();
    changes.take(undefined, record('edited', 8, { data: 'changed' }), true);
    changes.take(undefined, record('reactions', 9, { key: 'x', on: true, count: 1 }), true);
    const late = message({});
    changes.arrived(late);
    assert.deepEqual([late.data, changes.reactionsTo(late, 'u9')[0].mine], ['changed', true]);
    changes.arrived({ ...message({ reply_to: 5 }), offset: 20 });
    assert.equal(changes.repliesTo(late), 1);
  });
});

describe('what becomes of messages on the chat page', () => {
  const chat = chatFixture(['--server.shards=2', '--rooms.host=first']);
  const { enter, two } = chat;
  let browser;
  let server;
  before(() => { ({ browser, server } = chat); });

  const items = async (person, text) => {
    await openMenu(person, text);
    const labels = await person.id('menu-item').allTextContents();
    await person.page.keyboard.press('Escape');
    return labels;
  };
  /** What is under a message: [reaction, count, whether it is one's own]. */
  const reactions = (person, text) => row(person, text).getByTestId('reaction')
    .evaluateAll((all) => all.map((b) => [b.dataset.key, b.querySelector('.reaction-count').textContent, b.getAttribute('aria-pressed') === 'true']));
  const reacted = async (person, text, expected) => {
    let last;
    await until(async () => JSON.stringify(last = await reactions(person, text)) === JSON.stringify(expected), () => `${JSON.stringify(expected)}; it has ${JSON.stringify(last)}`);
  };

  test('an edit: by the menu, by the arrow key, and what cannot be changed any more', async (t) => {
    const [ada, bob] = await two(t, 'edits');
    await ada.say('helo *world*');
    await bob.reads('helo world');
    await chooseOf(ada, 'helo', 'Edit');
    assert.match(await ada.id('composer-about').textContent(), /Changing your message: helo world$/);
    assert.equal(await ada.id('composer').inputValue(), 'helo *world*');
    await ada.say('hello **world** :tada:');
    for (const person of [ada, bob]) {
      await person.shows(['hello world 🎉']);
      await person.sees('[data-testid=edited]');
      assert.equal(await person.find('.msg-text strong').textContent(), 'world');
    }
    assert.equal(await ada.id('composer-about').isVisible(), false);
    assert.deepEqual(await items(bob, 'hello'), ['Reply', 'Pin', 'Copy the text'], 'it is not his');
    assert.deepEqual(await items(ada, 'hello'), ['Reply', 'Edit', 'Pin', 'Copy the text', 'Delete…']);

    // The arrow key takes one's own last message; Esc leaves it as it is, and a draft stays what it was.
    await bob.say('something of mine');
    await ada.reads('something of mine');
    await ada.id('composer').press('ArrowUp');
    assert.equal(await ada.id('composer').inputValue(), 'hello **world** 🎉');
    await ada.id('composer').fill('never said');
    await ada.id('composer').press('Escape');
    assert.equal(await ada.id('composer').inputValue(), '');
    assert.equal(await ada.id('composer-about').isVisible(), false);
    await ada.id('composer').fill('a draft');
    await chooseOf(ada, 'hello', 'Edit');
    await ada.id('composer').press('Escape');
    assert.equal(await ada.id('composer').inputValue(), 'a draft');
    await ada.id('composer').fill('');

    // A host may change what others have said; who was changing it meanwhile is told, and keeps his words.
    await bob.id('composer').press('ArrowUp');
    await chooseOf(ada, 'something', 'Edit');
    await ada.say('something of his');
    await bob.reads('something of his');
    await bob.id('composer').fill('something of mine, still');
    await bob.id('composer').press('Enter');
    await until(async () => /changed meanwhile/.test(await bob.page.textContent('#composer-hint')), 'Bob to be told');
    assert.equal(await bob.id('composer').inputValue(), 'something of mine, still');
    assert.ok((await ada.texts()).includes('something of his'));
    await bob.id('composer').press('Enter');
    await ada.reads('something of mine, still');
    await ada.check();
    await bob.check();
  });

  test('a deletion: asked before, gone everywhere, and told with the reason', async (t) => {
    const [ada, bob] = await two(t, 'deletions');
    await bob.say('BUY SEEDS');
    await bob.say('in answer to nothing');
    await ada.reads('in answer to nothing');
    await chooseOf(bob, 'in answer', 'Delete');
    await bob.page.keyboard.press('Escape');
    assert.equal(await bob.id('message-deleted').count(), 0, 'he has not said so');
    await chooseOf(bob, 'in answer', 'Delete');
    await bob.id('decree-submit').click();
    let last;
    for (const person of [ada, bob]) {
      await until(async () => (last = (await person.id('message-deleted').allTextContents()).join()) === 'This message was deleted', () => `it to be gone; there is "${last}"`);
      await person.shows(['BUY SEEDS']);
    }
    await chooseOf(ada, 'BUY', 'Delete');
    await ada.id('decree-reason').fill('spam');
    await ada.id('decree-submit').click();
    await until(async () => (await bob.id('message-deleted').allTextContents()).includes('This message was deleted by Ada: spam'), 'Bob to be told why');
    assert.ok(!(await bob.page.content()).includes('BUY SEEDS'), 'it is nowhere in the page');
    const late = await enter(t, 'Cleo', 'deletions');
    await until(async () => (await late.id('message-deleted').allTextContents()).join(' | ') === 'This message was deleted by Ada: spam | This message was deleted', 'Cleo to see that there was something');
    assert.deepEqual(await late.texts(), []);
    assert.equal(await late.id('msg-more').count(), 0, 'nothing can be done about it');
  });

  test('reactions: given and taken back by a click, counted for all, known as one\'s own after a reload', async (t) => {
    const [ada, bob] = await two(t, 'reactions');
    await ada.say('tea?');
    await bob.reads('tea?');
    await row(bob, 'tea?').hover();
    await row(bob, 'tea?').getByTestId('msg-react').click();
    await bob.find('[data-testid=menu-cell][data-key="👍"]').click();
    await reacted(bob, 'tea?', [['👍', '1', true]]);
    await reacted(ada, 'tea?', [['👍', '1', false]]);
    assert.match(await row(ada, 'tea?').getByTestId('reaction').getAttribute('title'), /^Bob: /);
    await row(ada, 'tea?').getByTestId('reaction').click();
    await reacted(bob, 'tea?', [['👍', '2', true]]);
    await row(bob, 'tea?').getByTestId('reaction').click();
    await reacted(ada, 'tea?', [['👍', '1', true]]);
    await reacted(bob, 'tea?', [['👍', '1', false]]);

    // Any other: by its name, or a word.
    const another = async (person, typed) => {
      await row(person, 'tea?').hover();
      await row(person, 'tea?').getByTestId('msg-react').click();
      await person.id('menu-cell').last().click();
      await person.id('react-input').fill(typed);
      await person.id('react-input').press('Enter');
    };
    await another(bob, ':coffee:');
    await reacted(ada, 'tea?', [['👍', '1', true], ['☕', '1', false]]);
    await another(bob, '<b>yes</b>');
    await reacted(ada, 'tea?', [['👍', '1', true], ['☕', '1', false], ['<b>yes</b>', '1', false]]);
    await bob.page.reload();
    await bob.connected();
    await bob.reads('tea?');
    await reacted(bob, 'tea?', [['👍', '1', false], ['☕', '1', true], ['<b>yes</b>', '1', true]]);
    await row(bob, 'tea?').getByTestId('reaction').nth(1).click();
    await reacted(ada, 'tea?', [['👍', '1', true], ['<b>yes</b>', '1', false]]);
    await ada.check();
    await bob.check();
  });

  test('answers: with what they answer, which a click goes to; and all of them in a list', async (t) => {
    const [ada, bob] = await two(t, 'answers');
    const robot = await Native.open(server, { name: 'Robot' });
    await robot.join('answers');
    await ada.say('who is for tea?');
    await bob.reads('who is for tea?');
    await row(bob, 'for tea').hover();
    await row(bob, 'for tea').getByTestId('msg-reply').click();
    assert.match(await bob.id('composer-about').textContent(), /Answering Ada: who is for tea\?/);
    await bob.say('me');
    await ada.reads('me');
    for (const person of [ada, bob]) assert.equal(await row(person, /^me$/).getByTestId('quote').textContent(), 'In answer to Adawho is for tea?');
    assert.equal(await bob.id('composer-about').isVisible(), false, 'the next one answers nothing');
    for (let i = 0; i < 280; i++) await robot.say('answers', `chatter ${i}`);
    await bob.reads('chatter 279');
    await row(bob, 'chatter 279').hover();

    // Who comes now has the newest fifty only; what is answered is read back.
    const { offset } = (await robot.ask({ type: 'history', room: 'answers', limit: 1000 })).history.find((m) => m.data?.text === 'who is for tea?');
    await robot.say('answers', 'me, too', { reply_to: offset });
    const cleo = await enter(t, 'Cleo', 'answers');
    await cleo.reads('me, too');
    assert.match(await row(cleo, 'me, too').getByTestId('quote').textContent(), /an earlier message/);
    await row(cleo, 'me, too').getByTestId('quote').click();
    await cleo.sees('.msg.found');
    assert.equal(await cleo.find('.msg.found [data-testid=message-text]').textContent(), 'who is for tea?');
    assert.ok(await cleo.find('.msg.found').evaluate((node) => { const { top, bottom } = node.getBoundingClientRect(); return top > 0 && bottom < innerHeight; }));
    await until(async () => /Robot|Ada/.test(await row(cleo, 'me, too').getByTestId('quote').textContent()), 'the quote to be known now');
    assert.equal(await row(cleo, 'for tea').getByTestId('replies').textContent(), '2 replies');
    await row(cleo, 'for tea').getByTestId('replies').click();
    await until(async () => (await cleo.id('search-result').locator('.search-text').allTextContents()).join() === 'me, too,me', 'both replies');
    await cleo.id('search-result').last().click();
    await until(async () => await cleo.find('.msg.found [data-testid=message-text]').textContent() === 'me', 'the reply');

    // What is answered is deleted: the quote forgets its words.
    await chooseOf(ada, 'for tea', 'Delete');
    await ada.id('decree-submit').click();
    await until(async () => /deleted/.test(await row(bob, /^me$/).getByTestId('quote').textContent()), 'the quote to say so');
    for (const person of [ada, bob, cleo]) await person.check();
  });

  test('the words of others that changed while the line was cut', async (t) => {
    const line = await startLine(t, server);
    const bob = await enter(t, 'Bob', 'cut', {});
    const ada = await enter(t, 'Ada', 'cut', { url: line.url });
    await bob.say('first');
    await bob.say('second');
    await ada.shows(['first', 'second']);
    line.cut();
    await ada.sees('[data-testid=banner]:not([hidden])');
    await chooseOf(bob, 'first', 'Edit');
    await bob.say('first, changed');
    await bob.reads('first, changed');
    await chooseOf(bob, 'second', 'Delete');
    await bob.id('decree-submit').click();
    await bob.sees('[data-testid=message-deleted]');
    await row(bob, 'changed').hover();
    await row(bob, 'changed').getByTestId('msg-react').click();
    await bob.find('[data-testid=menu-cell][data-key="🎉"]').click();
    await bob.say('third');
    line.mend();
    // The page may come back by itself before the click; then the button is gone, and that is as good.
    ada.id('reconnect-now').click().catch(() => {});
    await ada.connected();
    await ada.shows(['first, changed', 'third']);
    await reacted(ada, 'first, changed', [['🎉', '1', false]]);
    await ada.sees('[data-testid=message-deleted]');
    assert.equal(await ada.id('gap').count(), 0);
    await ada.check();
  });

  test('completion: people behind @, emoji behind a colon; who is called sees it', async (t) => {
    const [ada, bob] = await two(t, 'completion');
    const nc = new Nc(t, server);
    await nc.sees(/^\* joined lobby/);
    nc.type('/nick Barbara Liskov');
    nc.type('/join completion');
    await until(async () => (await ada.members()).length === 3, 'all three');
    const options = () => ada.id('completion-option').allTextContents();
    await ada.id('composer').pressSequentially('hello @b');
    assert.deepEqual((await ada.find('[data-testid=completion-option] .option-name').allTextContents()).sort(), ['Barbara Liskov', 'Bob']);
    await ada.id('composer').press('Escape');
    assert.deepEqual(await options(), []);
    await ada.id('composer').pressSequentially('ar');
    await ada.id('composer').press('Tab');
    assert.equal(await ada.id('composer').inputValue(), 'hello @Barbara Liskov ');
    await ada.id('composer').pressSequentially('and @bob');
    await ada.id('composer').press('Enter');   // a whole name: nothing is left to complete
    await bob.reads('hello @Barbara Liskov and @bob');
    await bob.sees('.msg.mention .call.self');
    assert.deepEqual(await bob.id('call').allTextContents(), ['@Barbara Liskov', '@bob']);
    await ada.id('composer').pressSequentially('well :tad');
    await ada.id('composer').press('Enter');
    await ada.id('composer').pressSequentially('done :rock');
    await ada.id('completion-option').first().click();
    assert.equal(await ada.id('composer').inputValue(), 'well 🎉 done 🚀 ');
    await ada.id('composer').press('Enter');
    await nc.sees(/ Ada: well 🎉 done 🚀$/);
    await ada.check();
  });

  test('Markdown is set, and never markup', async (t) => {
    const [ada, bob] = await two(t, 'markdown');
    await ada.say('**bold** *it* `co*d*e` [here](https://example.org/a_b) <img src=x onerror=alert(1)> [no](javascript:alert(1))');
    await bob.reads('bold it co*d*e here <img src=x onerror=alert(1)> [no](javascript:alert(1))');
    const html = await bob.find('[data-testid=message-text]').last().innerHTML();
    assert.match(html, /^<strong>bold<\/strong> <em>it<\/em> <code>co\*d\*e<\/code> <a href="https:\/\/example\.org\/a_b" title="https:\/\/example\.org\/a_b" target="_blank" rel="noopener noreferrer nofollow">here<\/a> &lt;img/);
    await ada.say('see\n```\nif (a < b)\n  return **c;\n```');
    await until(async () => await bob.find('.msg-code code').count() === 1, 'the block');
    assert.equal(await bob.find('.msg-code code').textContent(), 'if (a < b)\n  return **c;');
    await ada.check();
    await bob.check();
  });

  test('by keyboard, and on a phone; axe finds nothing', async (t) => {
    const [ada, bob] = await two(t, 'keys');
    await bob.say('a **first** message for @Ada');
    await bob.say('and `code`\n```\nmore\n```');
    await ada.reads('a first message for @Ada');
    await until(async () => await ada.id('message').count() === 2, 'both');
    await ada.find('#stream').focus();
    await ada.page.keyboard.press('Tab');   // a code block scrolls, and so is a stop
    for (let i = 0; i < 4 && !await ada.page.evaluate(() => document.activeElement.matches('.msg-more')); i++) await ada.page.keyboard.press('Tab');
    await ada.page.keyboard.press('ArrowUp');
    await ada.page.keyboard.press('Enter');
    await look(ada, 'the menu of a message');
    await ada.page.keyboard.press('Enter');   // the first reaction
    await reacted(bob, 'first', [['👍', '1', false]]);
    await until(() => ada.page.evaluate(() => document.activeElement.matches('.msg-more')), 'the focus to be back');
    await ada.page.keyboard.press('Enter');
    await ada.page.keyboard.press('ArrowDown');
    await ada.page.keyboard.press('Enter');   // Reply
    await until(() => ada.page.evaluate(() => document.activeElement.id === 'composer-input'), 'the message box');
    await look(ada, 'about to answer');
    await ada.page.keyboard.type('an answer, :ta');
    await ada.sees('[data-testid=completion-option]');
    await look(ada, 'completion');
    await ada.page.keyboard.press('Enter');
    await ada.page.keyboard.press('Enter');
    await bob.reads('an answer, 🎉');
    await row(ada, 'an answer').getByTestId('msg-more').waitFor({ state: 'attached' });   // it has its place
    await ada.page.keyboard.press('ArrowUp');
    await look(ada, 'changing a message');
    await ada.page.keyboard.type('!');
    await ada.page.keyboard.press('Enter');
    await bob.reads('an answer, 🎉!');
    await row(ada, 'first').getByTestId('msg-more').focus();
    await ada.page.keyboard.press('ArrowLeft');
    await ada.page.keyboard.press('ArrowLeft');
    await ada.page.keyboard.press('Enter');
    await ada.page.keyboard.press('ArrowLeft');
    await ada.page.keyboard.press('End');
    await ada.page.keyboard.press('Enter');
    await ada.sees('[data-testid=react-dialog][open]');
    await look(ada, 'any reaction');
    await ada.page.keyboard.press('Escape');
    await chooseOf(bob, /^an/, 'Copy').catch(() => {});
    await look(ada, 'reactions, a quote, replies, an edit');

    const phone = await Person.enter(browser, server.url, 'Cleo', { room: 'keys', viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true, reducedMotion: 'reduce' });
    t.after(() => phone.context.close());
    await phone.reads('an answer, 🎉!');
    await row(phone, 'answer').getByTestId('msg-more').tap();
    await phone.find('[data-testid=menu-cell][data-key="🎉"]').tap();
    await reacted(ada, 'answer', [['🎉', '1', false]]);
    await row(phone, 'answer').getByTestId('msg-more').tap();
    await phone.id('menu-item').filter({ hasText: 'Reply' }).tap();
    await look(phone, 'a phone');
    await phone.say('from the train');
    await ada.reads('from the train');
    assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the phone');
    for (const person of [ada, bob, phone]) await person.check();
  });
});
