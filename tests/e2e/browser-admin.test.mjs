// SPDX-License-Identifier: Apache-2.0
//
// The admin page: who comes in by which key and what they are offered, what is seen of rooms and connections, and that what is done there
// is done. It is on server.admin only.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Person, SCREENSHOTS, look, startBrowser } from './browser.mjs';
import { Native, SECRET, startServer, until } from './support.mjs';

const ALL = 'a key that may all of it';
const FEW = 'a key that may look at rooms';
const NARROW = 'a key for the rooms of a team';
const EVIL = '<img src=x onerror="alert(1)">';
const hash = (key) => createHash('sha256').update(key).digest('hex');
const ROWS = [['root', ALL, '[all]', ''], ['looker', FEW, '[rooms, members]', ''], ['team', NARROW, '[all]', ', rooms: ["team-*"]']];
const CONFIG = `api:\n  keys:\n${ROWS.map(([name, key, rights, rooms]) => `    - {name: ${name}, secret_sha256: ${hash(key)}, rights: ${rights}${rooms}}\n`).join('')}`;

describe('the admin page', () => {
  const ends = [];
  const whole = { after: (end) => ends.unshift(end) };
  let browser;
  let server;
  let url;

  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    const folder = mkdtempSync(join(tmpdir(), 'plenum-admin-'));
    whole.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'plenum.yaml'), CONFIG);
    browser = await startBrowser(whole);
    server = await startServer(whole, { flags: ['-c', join(folder, 'plenum.yaml'), '--server.admin=127.0.0.1:0', '--server.shards=2', `--auth.secret=${SECRET}`, '--rooms.grace_s=60'] });
    url = `http://${/ admin=(127\.0\.0\.1:\d+)/.exec(server.stdout)[1]}`;
  });
  after(async () => { for (const end of ends) await end(); });

  const visit = async (t, at = '', options = {}) => {
    const admin = await Person.visit(browser, url, { at: `admin/${at}`, reducedMotion: 'reduce', ...options });
    t.after(() => admin.context.close());
    return admin;
  };
  const signIn = async (admin, key) => {
    await admin.id('key').fill(key);
    await admin.id('sign-in').click();
  };
  const enter = async (t, key = ALL, at = '', options = {}) => {
    const admin = await visit(t, at, options);
    await signIn(admin, key);
    await admin.sees('#nav');
    return admin;
  };
  const says = async (admin, testid, pattern) => {
    let last;
    await until(async () => pattern.test(last = (await admin.id(testid).allTextContents()).join(' | ')), () => `${testid}: ${pattern}; it says "${last}"`);
  };
  const row = (admin, table, text) => admin.id(table).locator('tbody tr').filter({ hasText: text });
  const people = async (t, ...names) => {
    const all = await Promise.all(names.map((name) => Native.open(server, { name })));
    t.after(() => all.forEach((p) => p.cut()));
    return all;
  };

  test('it is on server.admin only, under a policy that lets nothing in but its own', async () => {
    for (const path of ['/admin/', '/admin/admin.js', '/admin', '/health', '/admin/whoami']) {
      assert.equal((await fetch(`${server.url}${path}`, { redirect: 'manual' })).status, 404, path);
    }
    const home = await fetch(`${url}/`, { redirect: 'manual' });
    assert.deepEqual([home.status, home.headers.get('location')], [308, '/admin/']);
    const page = await fetch(`${url}/admin/`);
    assert.equal(page.status, 200);
    const policy = page.headers.get('content-security-policy');
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"]) assert.ok(policy.includes(part), part);
    assert.ok(!policy.includes('unsafe'), policy);
    assert.ok(!/<script(?![^>]*src=)|\son\w+=|style=/.test(await page.text()), 'nothing inline');
    for (const path of ['/app.js', '/app.css', '/plenum.js', '/ws']) assert.equal((await fetch(`${url}${path}`)).status, 404, path);
    assert.match(server.stdout, new RegExp(`admin page {3}${url}/admin/\n`));
  });

  test('a wrong key is told so, a right one comes in, and is in the tab’s storage only', async (t) => {
    const admin = await visit(t);
    await admin.sees('[data-testid=sign-in]');
    assert.equal(await admin.id('sign-in-error').textContent(), '', 'nobody has done anything wrong yet');
    await look(admin, 'sign in');
    await signIn(admin, 'no key at all');
    await says(admin, 'sign-in-error', /^This key is none of the server's\.$/);
    assert.ok(!await admin.find('#nav').isVisible());
    await signIn(admin, ALL);
    await says(admin, 'who', /^key root$/);
    await says(admin, 'status', /^ready$/);
    const kept = await admin.page.evaluate(() => [JSON.stringify({ ...sessionStorage }), JSON.stringify({ ...localStorage }), document.cookie, location.href]);
    assert.ok(kept[0].includes(ALL));
    for (const place of kept.slice(1)) assert.ok(!place.includes(ALL), place);
    await admin.page.reload();
    await says(admin, 'who', /^key root$/);
    await admin.id('sign-out').click();
    await admin.sees('[data-testid=sign-in]');
    assert.equal(await admin.page.evaluate(() => sessionStorage.length), 0);
    await admin.check();
  });

  test('the overview is live, and nothing moves when a number changes', async (t) => {
    const admin = await enter(t);
    await says(admin, 'connections', /^\d+$/);
    await says(admin, 'messages', /^0$/);
    await admin.page.evaluate(() => {
      window.shifts = [];
      new PerformanceObserver((list) => list.getEntries().forEach((e) => window.shifts.push(`${e.value}: ${e.sources.map(({ node }) => `${node?.nodeName} ${node?.textContent?.slice(0, 60)}`)}`))).observe({ type: 'layout-shift' });
    });
    const [ada, bob] = await people(t, 'Ada', 'Bob');
    await ada.join('square');
    await bob.join('square');
    for (let i = 0; i < 25; i++) await ada.say('square', { text: `word ${i}` });
    await says(admin, 'messages', /^[1-9][\d.,]*$/);
    await says(admin, 'rooms', /^[1-9]\d*$/);
    await says(admin, 'uptime', /^\d+ (s|min)$/);
    assert.equal(await admin.id('shards').locator('tbody tr').count(), 2);
    await says(admin, 'facts', /Audit.*off/s);
    await says(admin, 'messages', /^0$/);   // nobody says anything any more
    assert.deepEqual(await admin.page.evaluate(() => window.shifts), []);
    await look(admin, 'overview');
    await admin.check();
  });

  test('rooms by pattern; a room’s members, words and state; who is kicked is out, and gone from the page', async (t) => {
    const [ada, bob] = await people(t, 'Ada', EVIL);
    await ada.join('hall/west');
    await bob.join('hall/west');
    await ada.join('hallway');
    await ada.say('hall/west', { text: 'see <b>you</b>' });
    const admin = await enter(t, ALL, '#rooms');
    for (const [pattern, found] of [['hall/*', ['hall/west']], ['hall**', ['hall/west', 'hallway']], ['hall*', ['hallway']], ['nowhere', []], ['hallw', ['hallway']]]) {
      await admin.id('rooms-pattern').fill(pattern);
      await admin.id('rooms-find').click();
      let last;
      await until(async () => JSON.stringify(last = (await admin.id('room-link').allTextContents()).sort()) === JSON.stringify(found), () => `${pattern}: ${found}; the page has ${last}`);
    }
    await look(admin, 'rooms');
    await admin.id('room-link').first().click();
    assert.equal(await admin.find('h1').textContent(), 'hallway');
    await admin.page.goto(`${url}/admin/#rooms/${encodeURIComponent('hall/west')}`);
    await until(async () => await row(admin, 'members-table', EVIL).count() === 1, 'the name, as text');
    assert.equal(await admin.find('img[src=x]').count(), 0, 'a name is no markup');
    await says(admin, 'said', /see <b>you<\/b>/);
    await says(admin, 'room-state', /^Nothing is in it\.$/);
    await look(admin, 'a room');

    await row(admin, 'members-table', EVIL).getByTestId('act-kick').click();
    await says(admin, 'ask', /^Kick “<img src=x onerror="alert\(1\)">” from “hall\/west”\?/);
    await look(admin, 'asked whether a kick is meant');
    await admin.id('ask-cancel').click();
    assert.equal(await row(admin, 'members-table', EVIL).count(), 1, 'nothing has happened');
    await row(admin, 'members-table', EVIL).getByTestId('act-kick').click();
    await admin.id('ask-reason').fill('enough');
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /is out of “hall\/west”\.$/);
    const left = await bob.hears((m) => m.type === 'left', 'being out');
    assert.deepEqual([left.room, left.reason], ['hall/west', 'kicked']);
    await until(async () => await row(admin, 'members-table', EVIL).count() === 0, 'the row to be gone');
    assert.equal(await row(admin, 'members-table', 'Ada').count(), 1);

    await row(admin, 'members-table', 'Ada').getByTestId('act-role').click();
    await admin.id('ask-role').selectOption('host');
    await admin.id('ask-submit').click();
    await until(async () => /host/.test(await row(admin, 'members-table', 'Ada').textContent()), 'Ada to be host');
    await row(admin, 'members-table', 'Ada').getByTestId('act-mute').click();
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /is muted in “hall\/west” for 1 hour\.$/);
    await assert.rejects(ada.say('hall/west', { text: 'hm' }), { code: 'muted' });
    await row(admin, 'members-table', 'Ada').getByTestId('act-unmute').click();
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /may speak in “hall\/west” again\.$/);
    await ada.say('hall/west', { text: 'hm' });
    await admin.id('act-close').click();
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /^The room “hall\/west” is closed\.$/);
    await ada.hears((m) => m.type === 'left' && m.room === 'hall/west', 'the end of the room');
    await admin.check();
  });

  test('a long list has pages, there and back', async (t) => {
    const all = Array.from({ length: 60 }, (_, i) => `shelf/${String(i).padStart(2, '0')}`);
    for (const room of all) await fetch(`${url}/api/v1/publish`, { method: 'POST', headers: { authorization: `Bearer ${ALL}`, 'content-type': 'application/json' }, body: JSON.stringify({ room, data: 1 }) });
    const admin = await enter(t, ALL, '#rooms');
    await admin.id('rooms-pattern').fill('shelf/');
    await admin.id('rooms-find').click();
    const shown = () => admin.id('room-link').allTextContents();
    const counts = async (n) => { let last; await until(async () => (last = await shown()).length === n && last.every((room) => room.startsWith('shelf/')), () => `${n} rooms; the page has ${last.length}`); return last; };
    const first = await counts(50);
    assert.ok(await admin.id('page-back').isDisabled());
    await admin.id('page-next').click();
    const second = await counts(10);
    assert.deepEqual([...first, ...second].sort(), all, 'each once');
    assert.ok(await admin.id('page-next').isDisabled());
    await look(admin, 'the last page');
    await admin.id('page-back').click();
    assert.deepEqual(await counts(50), first);
    await admin.check();
  });

  test('a connection is found by its user, looked at, and closed', async (t) => {
    const [ada, bob] = await people(t, 'Ada', 'Bob');
    await ada.join('yard');
    const admin = await enter(t, ALL, '#connections');
    await admin.id('find-user').fill(ada.user);
    await admin.id('find').click();
    await until(async () => await admin.id('connections-table').locator('tbody tr').count() === 1, 'one row');
    assert.match(await admin.id('connections-table').textContent(), /Ada/);
    await look(admin, 'connections');
    await admin.id('inspect').click();
    await says(admin, 'show', /Dialectnative.*Rooms \(1\).*yard/s);
    await look(admin, 'a connection');
    await admin.id('show-close').click();
    await admin.id('act-disconnect').click();
    await says(admin, 'ask', /^Disconnect “Ada”, connection [\d.]+\?/);
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /^“Ada” is disconnected \(1 connection\)\.$/);
    assert.equal((await ada.ended).code ?? ada.closed?.code ?? ada.closed, 4002);
    await until(async () => await admin.id('connections-table').locator('tbody tr').count() === 0, 'nobody left');
    await admin.id('find-user').fill('');
    await admin.id('find-room').fill('no room');
    await admin.id('find').click();
    await says(admin, 'connections-error', /^$/);
    assert.equal(bob.closed, null, 'nobody else');
    await admin.check();
  });

  test('a user is banned, let in again, and their tokens are revoked; what is refused is said where it was asked', async (t) => {
    const [ada] = await people(t, 'Ada');
    await ada.join('den');
    const admin = await enter(t, ALL, '#users');
    await admin.id('user-id').fill(ada.user);
    await admin.id('user-find').click();
    await says(admin, 'user', /1 connection/);
    await look(admin, 'a user');
    await admin.id('act-ban').click();
    await admin.id('ask-room').fill('no such/ /room\u0007');
    await admin.id('ask-submit').click();
    await says(admin, 'ask-error', /./);
    await look(admin, 'a refusal');
    await admin.id('ask-room').fill('den');
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /is banned from “den” for 1 hour\.$/);
    await assert.rejects(ada.join('den'), { code: 'banned' });
    await admin.id('act-unban').click();
    await admin.id('ask-room').fill('den');
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /may come into “den” again\.$/);
    await ada.join('den');
    await admin.id('act-revoke').click();
    await admin.page.keyboard.press('Escape');
    await until(async () => await admin.id('ask').count() === 0, 'Esc closes it');
    assert.equal(await admin.page.evaluate(() => document.activeElement.dataset.testid), 'act-revoke', 'the focus is where it was');
    await admin.id('act-revoke').click();
    await admin.id('ask-submit').click();
    await says(admin, 'outcome', /^Tokens of “.*” are revoked for 1 day\.$/);
    await until(() => ada.closed, 'the session to end');
    await admin.check();
  });

  test('a key with few rights is offered what it may; a key for some rooms looks at those', async (t) => {
    const [ada] = await people(t, 'Ada');
    await ada.join('team-red');
    const admin = await enter(t, FEW);
    assert.deepEqual(await admin.find('#nav a').allTextContents(), ['Rooms']);
    await admin.id('rooms-pattern').fill('team-*');
    await admin.id('rooms-find').click();
    await admin.id('room-link').filter({ hasText: 'team-red' }).click();
    await until(async () => await row(admin, 'members-table', 'Ada').count() === 1, 'Ada');
    assert.equal(await admin.find('[data-testid^=act-]').count(), 0);
    await says(admin, 'not-with-this-key', /Not with this key: role, mute, unmute, kick, ban and close\./);
    await admin.page.goto(`${url}/admin/#connections`);
    await says(admin, 'not-with-this-key', /Not with this key: connections\./);
    await look(admin, 'few rights');
    await admin.check();

    const narrow = await enter(t, NARROW);
    assert.deepEqual(await narrow.find('#nav a').allTextContents(), ['Rooms', 'Users']);
    await narrow.id('rooms-pattern').fill('team-red');
    await narrow.page.keyboard.press('Enter');
    await until(async () => await row(narrow, 'members-table', 'Ada').count() === 1, 'Ada');
    await narrow.page.goto(`${url}/admin/#rooms/lobby`);
    await says(narrow, 'room-error', /This key is not for the room/);
    await narrow.check();
  });

  test('on a phone there is nothing to scroll sideways for', async (t) => {
    const [ada] = await people(t, 'Ada');
    await ada.join('patio');
    await ada.say('patio', { text: 'a '.repeat(200) + 'w'.repeat(300) });
    const admin = await enter(t, ALL, '', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    await says(admin, 'connections', /^\d+$/);
    for (const at of ['#overview', '#rooms', '#rooms/patio', '#connections', '#users']) {
      await admin.page.goto(`${url}/admin/${at}`);
      await admin.page.waitForSelector('h1');
      if (at === '#rooms/patio') await says(admin, 'said', /wwww/);
      const [wide, has] = await admin.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= has, `${at}: ${wide} > ${has}`);
      await look(admin, `${at} on a phone`);
    }
    await admin.check();
  });
});

test('a key that the server takes no longer is told so, and forgotten', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plenum-admin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'plenum.yaml');
  writeFileSync(file, CONFIG);
  const server = await startServer(t, { flags: ['-c', file, '--server.admin=127.0.0.1:0'] });
  const admin = await Person.visit(await startBrowser(t), `http://${/ admin=(127\.0\.0\.1:\d+)/.exec(server.stdout)[1]}`, { at: 'admin/' });
  await admin.id('key').fill(FEW);
  await admin.id('sign-in').click();
  await admin.sees('#nav');
  await admin.id('sign-out').click();
  await admin.id('key').fill(ALL);
  await admin.id('sign-in').click();
  await admin.sees('[data-testid=status][data-state=ready]');
  writeFileSync(file, CONFIG.replace(hash(ALL), hash('another')));
  server.kill('SIGHUP');
  await admin.sees('[data-testid=sign-in-error]:not(:empty)');
  assert.equal(await admin.id('sign-in-error').textContent(), "This key is none of the server's.");
  assert.equal(await admin.page.evaluate(() => sessionStorage.length), 0);
  await admin.check();
});

test('without a key, on this machine: nobody is asked for one, and the page says so', async (t) => {
  const browser = await startBrowser(t);
  const server = await startServer(t, { flags: ['--server.admin=127.0.0.1:0'] });
  const url = `http://${/ admin=(127\.0\.0\.1:\d+)/.exec(server.stdout)[1]}`;
  const admin = await Person.visit(browser, url, { at: 'admin/' });
  t.after(() => admin.context.close());
  await admin.sees('[data-warning=api_without_key]');
  assert.equal(await admin.id('who').textContent(), 'no key on this machine');
  await admin.check();
});
