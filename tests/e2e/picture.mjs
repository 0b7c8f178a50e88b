#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// picture: makes the pictures of README.md and docs/PAGE.md, from the real page and the real server. Not a test. The
// fonts are those of this machine; with FONTCONFIG_FILE another set can be chosen for one run.
//
//     make build && node tests/e2e/picture.mjs [FOLDER]
import { createHmac } from 'node:crypto';
import { join, resolve } from 'node:path';
import { Person, startBrowser } from './browser.mjs';
import { Native, Nc, RELEASE, root, startServer, until } from './support.mjs';

const ends = [];
const t = { after: (end) => ends.unshift(end) };

const SECRET = 'what signs the tokens of these pictures';
const folder = resolve(process.argv[2] ?? join(root, 'docs'));

function mint(name, rooms, seconds = 3600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: `${name.toLowerCase()}@example.com`, name, exp: Math.floor(Date.now() / 1000) + seconds, ...(rooms ? { caps: { rooms } } : {}) };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

async function main() {
  const server = await startServer(t, { bin: RELEASE, flags: [`--auth.secret=${SECRET}`, '--rooms.receipts=true'] });
  const browser = await startBrowser(t);
  await conversation(server, browser);
  await talking(server, browser);
  await theRoom(server, browser);
  await keepingOrder(server, browser);
  await signingIn(server, browser);
}

/** chat.png: a morning in a few rooms. */
async function conversation(server, browser) {
  const names = ['Grace', 'Radia', 'Katherine', 'Alan', 'Barbara', 'Edsger', 'build-bot'];
  const hosts = { Grace: { '**': ['host'] } };
  const all = await Promise.all(names.map((name) => Native.open(server, { token: mint(name, hosts[name]) })));
  const [grace, radia, katherine, alan, barbara, edsger, bot] = all;
  const say = (who, room, text) => who.say(room, typeof text === 'string' ? { text } : text);

  for (const who of [grace, radia, katherine, alan, bot]) await who.join('launch');
  for (const who of [grace, barbara, edsger]) await who.join('design');
  for (const who of [...all]) await who.join('lobby');
  for (const who of [bot, alan]) await who.join('ops.alerts');
  for (const who of [edsger, katherine]) await who.join('support');
  const ada = await Person.visit(browser, server.url, { at: `#token=${mint('Ada')}&room=launch`, colorScheme: 'light' });
  await ada.connected();
  for (const room of ['lobby', 'design', 'ops.alerts']) await ada.join(room);
  await ada.go('launch');

  await say(grace, 'launch', 'Good morning, everyone! 🚀 Today is the day.');
  await say(radia, 'launch', 'Both regions are up, and the fans are still asleep.');
  await say(radia, 'launch', 'Dashboards are green, the runbook is open.');
  await say(alan, 'launch', 'And the coffee is hot. Back in a minute.');
  await say(bot, 'launch', { build: 412, status: 'passed', branch: 'main' });
  const nc = new Nc(t, server);
  await nc.sees(/^\* joined lobby/);
  nc.type('/nick Margaret');
  nc.type('/join launch');
  await nc.sees(/^\* joined launch/);
  nc.type('hello from a terminal: nc localhost 9000 works on the train, too');
  await ada.reads('hello from a terminal: nc localhost 9000 works on the train, too');
  await ada.say('Margaret, you never fail to make an entrance 😄');
  await ada.say('I pulled the cable for ten seconds: everything came back, nothing twice.');
  await say(katherine, 'launch', '@Ada the numbers agree with the model. Go for launch from my side.');
  await say(grace, 'launch', 'Then let us flip the switch at ten ✨');
  await say(grace, 'launch', 'Hands off the keyboards until then.');

  for (const text of ['New icons are in the shared folder', 'The darker green, please', '@Ada which one do you like?']) {
    await say(barbara, 'design', text);
  }
  await say(bot, 'ops.alerts', 'disk 71 % on db-2');
  await say(edsger, 'lobby', 'Is there tea?');
  await say(alan, 'lobby', 'Always.');
  const { user } = (await grace.ask({ type: 'members', room: 'launch' })).members.find((m) => m.name === 'Ada');
  await radia.ask({ type: 'direct', to: user, data: { text: 'Lunch after?' } });
  alan.cut();   // away for a while
  await until(async () => (await ada.members('away')).includes('Alan'), 'Alan to be away');
  await ada.sees('[data-testid=direct-list-item] [data-testid=unread]');
  await until(async () => (await ada.texts()).length === 11, 'all words');
  await ada.id('rooms-refresh').click();
  await ada.sees('[data-testid=room-list-item][data-room=support]');
  await ada.page.mouse.move(1150, 650);
  await ada.id('composer').focus();
  await ada.id('composer').pressSequentially('Ready when you are');
  await ada.settle();
  await ada.check();
  await take(ada, 'chat');
  await ada.context.close();
}

/** page-talk.png, page-talk-dark.png, page-talk-phone.png: what becomes of messages. */
async function talking(server, browser) {
  const room = 'harbour';
  const open = async (name, rooms) => { const who = await Native.open(server, { token: mint(name, rooms) }); await who.join(room); return who; };
  const [grace, radia, alan] = [await open('Grace', { '**': ['host'] }), await open('Radia'), await open('Alan')];
  const visit = async (options) => {
    const ada = await Person.visit(browser, server.url, { at: `#token=${mint('Ada')}&room=${room}`, ...options });
    await ada.connected();
    await ada.sees(`[data-testid=room-tab].active[data-room=${room}]`);
    return ada;
  };
  const say = async (who, text, options) => (await who.say(room, { text }, options)).offset;
  const react = (who, offset, ...keys) => Promise.all(keys.map((key) => who.ask({ type: 'react', room, offset, key })));
  const desk = await visit({ viewport: { width: 1090, height: 700 }, colorScheme: 'light' });
  const plan = await say(grace, 'The ferry is **late** again, so we meet at *six*. Map: https://example.org/harbour');
  await react(radia, plan, '👍', '⛴️');
  await react(alan, plan, '👍');
  const typo = await say(radia, 'I bring teh lanterns');
  await say(alan, 'Which pier?', { reply_to: plan });
  await grace.ask({ type: 'edit', room, offset: typo, data: { text: 'I bring the lanterns, and this for the signal:\n```\nwhile (fog)\n  horn(2);\n```' } });
  await say(radia, '@Ada can you bring the key? `locker 7`', { reply_to: typo });
  const spam = await say(alan, 'BUY LANTERNS AT MY PLACE');
  await grace.ask({ type: 'delete', room, offset: spam, reason: 'not here, Alan' });
  await desk.say('@Radia of course :key:');
  const own = (await desk.find('[data-testid=message][data-own=true][data-state=sent]').getAttribute('data-offset'));
  await react(radia, Number(own), '🎉');
  await desk.sees('[data-testid=message][data-own=true] [data-testid=reaction]');
  const first = desk.id('message').first();
  await first.getByTestId('reaction').first().click();
  await first.hover();
  await first.getByTestId('msg-more').click();
  await take(desk, 'page-talk');
  await desk.check();

  const dark = await visit({ viewport: { width: 1090, height: 640 }, colorScheme: 'dark' });
  await dark.reads('@Radia of course 🔑');
  await dark.id('message').nth(2).hover();
  await dark.id('message').nth(2).getByTestId('msg-reply').click();
  await dark.id('composer').pressSequentially('The long one, with the bell :bel');
  await dark.sees('[data-testid=completion-option]');
  await take(dark, 'page-talk-dark');
  await dark.context.close();
  const phone = await visit({ viewport: { width: 390, height: 760 }, colorScheme: 'light', hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await phone.reads('@Radia of course 🔑');
  await phone.id('message').last().getByTestId('msg-more').tap();
  await take(phone, 'page-talk-phone');
  await phone.context.close();
  await desk.context.close();
}

/** page-room.png, page-room-dark.png, page-room-phone.png: what a room has besides its messages. */
async function theRoom(server, browser) {
  const room = 'expedition';
  const open = async (name, rooms) => { const who = await Native.open(server, { token: mint(name, rooms) }); await who.join(room); return who; };
  const [grace, radia, alan] = [await open('Grace', { '**': ['host'] }), await open('Radia'), await open('Alan')];
  const say = async (who, text) => (await who.say(room, { text })).offset;
  const visit = async (options) => {
    const ada = await Person.visit(browser, server.url, { at: `#token=${mint('Ada')}&room=${room}`, ...options });
    await ada.connected();
    await ada.sees(`[data-testid=room-tab].active[data-room=${room}]`);
    return ada;
  };
  const list = await say(grace, 'What everybody brings: rope, lamps, **two** maps, and a kettle');
  const ferry = await say(radia, 'The ferry leaves at 6:40 from the second pier, whatever the weather does');
  await grace.ask({ type: 'state', room, set: { topic: 'North coast, three days: who brings what, and when we meet', pinned: [list, ferry] } });
  await say(alan, 'I have the kettle. It whistles.');
  const desk = await visit({ viewport: { width: 1090, height: 700 }, colorScheme: 'light' });
  await desk.say('Then I bring the tea');
  await desk.sees('[data-testid=message][data-own=true][data-state=sent]');
  const own = Number(await desk.find('[data-testid=message][data-own=true]').getAttribute('data-offset'));
  await desk.page.evaluate(() => { document.hasFocus = () => false; dispatchEvent(new Event('blur')); });
  await desk.join('desk');
  await say(radia, 'Splendid. And who has the second map?');
  const last = await say(alan, 'Katherine, she drew it');
  await desk.page.evaluate(() => { delete document.hasFocus; dispatchEvent(new Event('focus')); });
  await desk.go(room);
  await desk.reads('Katherine, she drew it');
  for (const [who, offset] of [[grace, own], [alan, own], [radia, last]]) await who.ask({ type: 'read', room, offset });
  const typing = (who) => who.send({ type: 'signal', room, data: { typing: true } });
  await desk.id('seen').nth(1).waitFor({ state: 'attached' });
  await quiet(desk);
  typing(grace);
  await desk.find('#typing').filter({ hasText: 'Grace is typing' }).waitFor();
  typing(radia);
  await desk.find('#typing').filter({ hasText: 'Grace and Radia are typing' }).waitFor();
  await desk.page.mouse.move(1000, 560);
  await take(desk, 'page-room');
  await desk.check();

  const dark = await visit({ viewport: { width: 1090, height: 560 }, colorScheme: 'dark' });
  await dark.id('pins-all').click();
  await dark.id('pin').nth(1).waitFor();
  await dark.find('#pins-list .search-text').filter({ hasText: 'What everybody brings' }).waitFor();
  await take(dark, 'page-room-dark');
  await dark.context.close();
  const phone = await visit({ viewport: { width: 390, height: 760 }, colorScheme: 'light', hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await phone.reads('Katherine, she drew it');
  await grace.ask({ type: 'read', room, offset: last });
  await phone.id('seen').first().waitFor({ state: 'attached' });
  await quiet(phone);
  typing(grace);
  await phone.find('#typing').filter({ hasText: 'Grace is typing' }).waitFor();
  await take(phone, 'page-room-phone');
  await phone.context.close();
  await desk.context.close();
}

const quiet = (person) => until(async () => (await person.id('toast').count()) === 0, 'the toasts to go');

const take = async (person, name, options = {}) => {
  await quiet(person);
  await person.settle();
  await person.page.screenshot({ path: join(folder, `${name}.png`), ...options });
};

/** page-order.png: who may, with a menu; page-muted.png: who it was decided about; page-invite.png: who is to come. */
async function keepingOrder(server, browser) {
  const look = { viewport: { width: 1090, height: 560 }, colorScheme: 'light' };
  const enter = async (name, rooms) => {
    const person = await Person.visit(browser, server.url, { at: `#token=${mint(name, rooms)}&room=garden`, ...look });
    await person.connected();
    return person;
  };
  const ada = await enter('Ada', { '**': ['host'] });
  const bob = await enter('Bob');
  const grace = await Native.open(server, { token: mint('Grace', { '**': ['join', 'publish', 'moderate'] }) });
  await grace.join('garden');
  await ada.say('The tomatoes want water, and the gate is open again.');
  await ada.sees('[data-testid=message][data-state=sent]');
  await bob.say('BUY CHEAP SEEDS AT MY PLACE');
  await bob.say('BUY CHEAP SEEDS AT MY PLACE!!!');
  await ada.reads('BUY CHEAP SEEDS AT MY PLACE!!!');
  await grace.say('garden', { text: 'Once was enough, thank you.' });
  await ada.say('/slow 30s');
  await ada.say('/mute Bob 10m advertising');
  await bob.find('.decree-text').filter({ hasText: 'Ada muted you' }).waitFor();
  await ada.find('.person-row').filter({ hasText: 'Bob' }).hover();
  await ada.find('.person-row').filter({ hasText: 'Bob' }).getByTestId('member-menu').click();
  await take(ada, 'page-order');
  await take(bob, 'page-muted');
  await ada.page.keyboard.press('Escape');
  await ada.id('invite-people').click();
  await ada.id('invite-submit').click();
  await ada.id('invite-row').waitFor();
  await ada.id('invite-copy').focus();
  await take(ada, 'page-invite');
  await bob.context.close();
  await ada.context.close();
}

/** page-sign-in.png: a token that was refused. */
async function signingIn(server, browser) {
  const person = await Person.visit(browser, server.url, { viewport: { width: 560, height: 640 }, colorScheme: 'light' });
  await person.id('use-token').click();
  await person.id('token-input').fill(mint('Ada', null, -312));
  await person.id('token-submit').click();
  await person.sees('[data-testid=token-error]:not([hidden])');
  await take(person, 'page-sign-in');
  await person.context.close();
}

try {
  await main();
} finally {
  for (const end of ends) await end();
}
