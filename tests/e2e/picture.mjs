#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// picture: makes docs/chat.png, the picture of the README, from the real page and the real server. Not a test. The
// fonts are those of this machine; with FONTCONFIG_FILE another set can be chosen for one run.
//
//     make build && node tests/e2e/picture.mjs [FILE]
import { join } from 'node:path';
import { Person, startBrowser } from './browser.mjs';
import { Native, Nc, RELEASE, root, startServer, until } from './support.mjs';

const ends = [];
const t = { after: (end) => ends.unshift(end) };

async function main() {
  const server = await startServer(t, { bin: RELEASE });
  const browser = await startBrowser(t);
  const names = ['Grace', 'Radia', 'Katherine', 'Alan', 'Barbara', 'Edsger', 'build-bot'];
  const all = await Promise.all(names.map((name) => Native.open(server, { name })));
  const [grace, radia, katherine, alan, barbara, edsger, bot] = all;
  const say = (who, room, text) => who.say(room, typeof text === 'string' ? { text } : text);

  for (const who of [grace, radia, katherine, alan, bot]) await who.join('launch');
  for (const who of [grace, barbara, edsger]) await who.join('design');
  for (const who of [...all]) await who.join('lobby');
  for (const who of [bot, alan]) await who.join('ops.alerts');
  for (const who of [edsger, katherine]) await who.join('support');
  const ada = await Person.enter(browser, server.url, 'Ada', { room: 'launch', colorScheme: 'light' });
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
  await ada.page.screenshot({ path: process.argv[2] ?? join(root, 'docs/chat.png') });
}

try {
  await main();
} finally {
  for (const end of ends) await end();
}
