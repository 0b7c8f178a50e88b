#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// picture-admin: makes the pictures of docs/ADMIN.md, as picture.mjs does those of the chat page. Not a test.
//
//     make build && node tests/e2e/picture-admin.mjs [FOLDER]
import { join, resolve } from 'node:path';
import { Person, startBrowser } from './browser.mjs';
import { Native, RELEASE, root, startServer, until } from './support.mjs';

const ends = [];
const t = { after: (end) => ends.unshift(end) };
const folder = resolve(process.argv[2] ?? join(root, 'docs'));
const KEY = 'the key of these pictures';

async function take(person, name) {
  await person.settle();
  await person.page.screenshot({ path: join(folder, `${name}.png`) });
}

/** A server with some rooms, in which somebody says something all the time. */
async function morning() {
  const server = await startServer(t, { bin: RELEASE, env: { PLENUM_API_KEY: KEY }, flags: ['--server.admin=127.0.0.1:0', '--server.shards=4', '--rooms.host=first'] });
  const names = ['Grace', 'Radia', 'Katherine', 'Alan', 'Barbara', 'Edsger', 'Ada', 'Margaret', 'Frances', 'Dennis', 'Ken', 'Lynn'];
  const all = await Promise.all(names.map((name) => Native.open(server, { name })));
  const rooms = ['launch', 'lobby', 'design', 'ops/alerts', 'ops/oncall', 'support', 'team-red', 'team-blue', 'game/1', 'game/2'];
  for (const [i, room] of rooms.entries()) for (const [k, who] of all.entries()) if ((i + k) % 3 !== 1 || room === 'launch') await who.join(room);
  await all[0].ask({ type: 'state', room: 'launch', set: { topic: 'Ship it by noon', checklist: { dns: true, database: true, coffee: false } } });
  const said = [[0, 'Good morning, everyone! Today is the day.'], [1, 'Both regions are up, and the fans are still asleep.'],
    [3, 'And the coffee is hot. Back in a minute.'], [2, 'The runbook is open at page one.'], [4, 'Ready when you are.']];
  for (const [who, text] of said) await all[who].say('launch', { text });
  const talk = setInterval(() => all.forEach((who, i) => who.socket.readyState === 1 && who.send({ type: 'message', room: rooms[i % 2 ? 8 : 9], data: { turn: i } })), 400);
  t.after(() => { clearInterval(talk); all.forEach((who) => who.cut()); });
  return { server, url: `http://${/ admin=(127\.0\.0\.1:\d+)/.exec(server.stdout)[1]}` };
}

async function enter(browser, url, at, options) {
  const admin = await Person.visit(browser, url, { at: `admin/${at}`, ...options });
  await admin.id('key').fill(KEY);
  await admin.id('sign-in').click();
  await admin.sees('#nav');
  return admin;
}

try {
  const { url } = await morning();
  const browser = await startBrowser(t);
  const live = async (admin) => until(async () => /^[1-9]/.test(await admin.id('messages').textContent()), 'numbers');

  const light = await enter(browser, url, '', { viewport: { width: 1180, height: 760 }, colorScheme: 'light' });
  await live(light);
  await new Promise((done) => setTimeout(done, 6500));   // until the shards' share of time is there
  await take(light, 'admin');

  const dark = await enter(browser, url, '#rooms/launch', { viewport: { width: 1090, height: 760 }, colorScheme: 'dark' });
  await until(async () => /Good morning/.test(await dark.id('said').textContent()), 'the words');
  await dark.find('tr').filter({ hasText: 'Dennis' }).getByTestId('act-ban').click();
  await take(dark, 'admin-ban-dark');

  const phone = await enter(browser, url, '', { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'light' });
  await live(phone);
  await take(phone, 'admin-phone');
} finally {
  for (const end of ends) await end();
}
