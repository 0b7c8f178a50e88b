// SPDX-License-Identifier: Apache-2.0
//
// Who one is, on the chat page: signing in with a token, as a guest, or not at all; over reloads, in several tabs, by a
// link; and what happens when a token ends.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Person, chatFixture, look, says } from './browser.mjs';
import { SECRET, mint, startServer, until } from './support.mjs';

const ADA = { sub: 'ada', name: 'Ada Lovelace' };
const BOB = { sub: 'bob', name: 'Bob' };

describe('who one is on the chat page', () => {
  const flags = [`--auth.secret=${SECRET}`, '--auth.leeway_s=0', '--auth.expiry_grace_s=0'];
  const chat = chatFixture(flags);
  let browser;
  let server;
  let closed;    // takes no guests
  let patient;   // waits long for the next token
  before(async () => {
    ({ browser, server } = chat);
    closed = await startServer(chat.whole, { flags: [...flags, '--auth.guests=false'] });
    patient = await startServer(chat.whole, { flags: [...flags, '--auth.expiry_grace_s=60'] });
  });

  const visit = (t, options, url) => chat.visit(t, { url, ...options });
  const signIn = async (person, token, { stay = false } = {}) => {
    await person.id('token-input').fill(token);
    if (stay) await person.id('token-stay').check();
    await person.id('token-submit').click();
  };
  const is = async (person, identity) => {
    let last;
    await until(async () => (last = await person.id('my-identity').textContent()) === identity, () => `"${identity}"; it is "${last}"`);
  };
  /** All that the page has stored, as one text. */
  const stored = (person, storage) => person.page.evaluate((name) => JSON.stringify({ ...window[name] }), storage);

  test('a token by the dialog: refused, mended, taken; a reload keeps it, signing out leaves nothing', async (t) => {
    const ada = await visit(t, { at: '#room=study' });
    await ada.sees('[data-testid=name-dialog][open]');
    await look(ada, 'the first dialog');
    await ada.id('use-token').click();
    await look(ada, 'a token is asked for');
    await signIn(ada, 'not a token');
    await says(ada, 'token-error', /^The token is not three parts with a dot between them\.$/);
    assert.equal(await ada.id('token-input').inputValue(), 'not a token', 'what was typed is kept');
    await look(ada, 'a token that was refused');
    await ada.shot('sign-in-refused');
    await signIn(ada, mint(ADA, -312));
    await says(ada, 'token-error', /^The token has ended: `exp` was 31\d s ago\.$/);
    await signIn(ada, mint(ADA).slice(0, -3));
    await says(ada, 'token-error', /signature/);
    // As it is copied from a header, and from a terminal that breaks lines.
    await signIn(ada, `Bearer ${mint(ADA).replace(/.{70}/g, '$&\n')}`);
    await ada.connected();
    await is(ada, 'Signed in · ada');
    assert.equal(await ada.id('my-name').textContent(), 'Ada Lovelace');
    await ada.sees('[data-testid=room-tab].active[data-room=study]');
    await ada.say('it is me');
    await ada.sees('[data-testid=message][data-state=sent]');
    assert.match(await stored(ada, 'sessionStorage'), /plenum\.token/);
    assert.doesNotMatch(await stored(ada, 'localStorage'), /token/, 'in this tab only');
    // What another one sees of it, who is there from now on.
    const bob = await chat.signedIn(t, mint(BOB), 'study');
    await bob.reads('it is me');
    await bob.sees('[data-testid=member][data-user=ada][data-presence=online]');
    const passed = async () => (await bob.id('presence-notice').allTextContents()).join();

    await ada.page.reload();
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.reads('it is me');
    assert.equal(await ada.find('[data-testid=message][data-own=true]').count(), 1, 'the same session');
    await ada.id('profile-open').click();
    await says(ada, 'account', /^Signed in as ada$/);
    await says(ada, 'account-note', /^In this tab only, until .+\.$/);
    await look(ada, 'the profile of who is signed in');
    await ada.shot('profile-signed-in');

    const other = await Person.open(ada.context, server.url);
    await other.sees('[data-testid=name-dialog][open]');   // another tab is another visitor
    await other.page.close();

    await ada.page.keyboard.press('Escape');
    await ada.say('after the reload');
    await bob.reads('after the reload');
    assert.doesNotMatch(await passed(), /Ada/, 'to others she was never away');
    await ada.id('profile-open').click();
    await ada.id('sign-out').click();
    await ada.sees('[data-testid=name-dialog][open]');
    await until(async () => /Ada Lovelace left$/.test(await passed()), 'Ada to have left at once');
    assert.deepEqual(await bob.members(), ['Bob']);
    assert.equal(await stored(ada, 'sessionStorage'), '{}');
    assert.equal(await stored(ada, 'localStorage'), '{}');
    assert.doesNotMatch(ada.page.url(), /study/);
    await ada.id('name-input').fill('Somebody');
    await ada.id('name-submit').click();
    await ada.sees('[data-testid=room-tab].active[data-room=lobby]');
    assert.equal(await ada.find('[data-testid=room-tab]').count(), 1, 'nothing of Ada is open');
    await is(ada, `Guest · ${await ada.find('[data-testid=member][data-me]').getAttribute('data-user')}`);
    for (const person of [ada, bob]) await person.check();
  });

  test('staying signed in is for all tabs, and so is signing out', async (t) => {
    const one = await visit(t);
    await one.id('use-token').click();
    await signIn(one, mint(ADA), { stay: true });
    await one.connected();
    const two = await Person.open(one.context, server.url);
    await two.connected();
    await is(two, 'Signed in · ada');
    assert.doesNotMatch(await stored(two, 'sessionStorage'), /plenum\.token/);
    await two.id('profile-open').click();
    await says(two, 'account-note', /^In all tabs of this browser, until .+\.$/);
    await two.id('sign-out').click();
    for (const tab of [two, one]) await tab.sees('[data-testid=name-dialog][open]');
    assert.equal(await stored(one, 'localStorage'), '{}');
    for (const tab of [two, one]) await tab.check();
  });

  test('a new token that is brought in one tab is one for the others that share it, also where theirs has ended', async (t) => {
    const one = await visit(t);
    await one.id('use-token').click();
    await signIn(one, mint(ADA, 8), { stay: true });
    await one.connected();
    const two = await Person.open(one.context, server.url);
    await two.connected();
    for (const tab of [one, two]) await says(tab, 'token-why', /has ended/);
    await signIn(one, mint(ADA), { stay: true });
    for (const tab of [one, two]) {
      await tab.connected();
      await until(async () => !await tab.id('name-dialog').isVisible(), 'the dialog to go');
      await is(tab, 'Signed in · ada');
      await tab.check();
    }
  });

  test('a link brings a token: it is out of the address at once, and nobody is made somebody else by one', async (t) => {
    const token = mint(ADA);
    const asked = [];
    const prepare = (page) => { page.on('request', (request) => asked.push(request.url())); page.on('websocket', (ws) => asked.push(ws.url())); };
    const ada = await visit(t, { at: `#token=${token}&room=tea%20room`, prepare });
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.sees('[data-testid=room-tab].active[data-room="tea room"]');
    assert.equal(ada.page.url(), `${server.url}/#room=tea%20room`);
    assert.equal(await ada.page.evaluate(() => history.length), 2, 'the blank page and this one');
    assert.deepEqual(asked.filter((address) => address.includes(token.slice(0, 20))), []);
    await ada.say('mine');

    // Somebody else's link, in a page that is open.
    await ada.page.evaluate((it) => { location.hash = `token=${it}`; }, mint(BOB));
    await says(ada, 'token-why', /^A link wants to sign you in as Bob\. You are signed in as Ada Lovelace\.$/);
    assert.doesNotMatch(ada.page.url(), /token/);
    await look(ada, 'a link that would sign in somebody else');
    await ada.id('token-cancel').click();
    await ada.say('still mine');
    await is(ada, 'Signed in · ada');
    // Wanted, it takes the place of who was here, and of what was open.
    await ada.page.evaluate((it) => { location.hash = `token=${it}`; }, mint(BOB));
    await says(ada, 'token-why', /Bob/);
    await ada.id('token-submit').click();
    await is(ada, 'Signed in · bob');
    await ada.sees('[data-testid=room-tab].active');
    await ada.check();

    // One that is no good any more says so, and one may come in without.
    const late = await visit(t, { at: `#token=${mint(ADA, -60)}` });
    await says(late, 'token-error', /^The token has ended: `exp` was 6\d s ago\.$/);
    assert.match(await late.id('token-input').inputValue(), /^eyJ/);
    await late.id('use-name').click();
    await late.id('name-input').fill('Late');
    await late.id('name-submit').click();
    await late.connected();
    await until(async () => /^Guest · guest-/.test(await late.id('my-identity').textContent()), 'the page to say who one is');
    await late.check();
  });

  test('a guest who signs in keeps what is open; who was signed in leaves nothing to others', async (t) => {
    const person = await visit(t, { at: '#room=garden' });
    await person.id('name-input').fill('Nobody');
    await person.id('name-submit').click();
    await person.connected();
    await person.say('as a guest');
    const bob = await chat.signedIn(t, mint(BOB), 'garden');
    await bob.reads('as a guest');
    await person.sees('[data-testid=message][data-state=sent]');
    await person.id('profile-open').click();
    await says(person, 'account', /^You are here as a guest$/);
    await person.id('sign-in').click();
    await signIn(person, 'x');
    await says(person, 'token-error', /three parts/);
    await person.id('token-cancel').click();
    await person.say('still a guest');   // a token that was refused has cost nothing
    await person.sees('[data-testid=message][data-state=sent]:nth-child(n+3)');
    await person.id('profile-open').click();
    await person.id('sign-in').click();
    await signIn(person, mint(ADA));
    await is(person, 'Signed in · ada');
    await person.shows(['as a guest', 'still a guest']);
    await person.say('as Ada');
    await bob.reads('as Ada');
    assert.deepEqual(await bob.find('.msg .msg-author').allTextContents(), ['Nobody', 'Ada Lovelace']);
    await bob.find('[data-testid=member][data-user=ada]').click();
    await bob.say('for Ada alone');
    await bob.sees('[data-testid=delivered]');
    await person.sees('[data-testid=direct-list-item]');
    // A token of somebody else: their page has nothing of Ada's.
    await person.page.evaluate((it) => { location.hash = `token=${it}`; }, mint({ sub: 'eve', name: 'Eve' }));
    await says(person, 'token-why', /Eve/);
    await person.id('token-submit').click();
    await is(person, 'Signed in · eve');
    await person.sees('[data-testid=room-tab].active[data-room=garden]');   // by the address
    assert.equal(await person.id('direct-list-item').count(), 0);
    assert.doesNotMatch(await stored(person, 'sessionStorage'), /for Ada alone/);
    for (const one of [person, bob]) await one.check();
  });

  test('a cookie of the site says who one is: nobody is asked', async (t) => {
    const site = await startServer(t, { flags: [`--auth.secret=${SECRET}`, '--auth.guests=false', '--auth.cookie=session'] });
    const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB' });
    t.after(() => context.close());
    await context.addCookies([{ name: 'session', value: mint(ADA), url: site.url, httpOnly: true }]);
    const ada = await Person.open(context, site.url, { at: '#room=porch' });
    await ada.connected();
    await is(ada, 'Signed in · ada');
    assert.ok(!await ada.id('name-dialog').isVisible());
    await ada.id('profile-open').click();
    await says(ada, 'account-note', /^By a cookie of this site\.$/);
    assert.ok(!await ada.id('sign-out').isVisible(), 'that is for the site');
    await ada.page.keyboard.press('Escape');
    await ada.say('hello');
    await ada.page.reload();
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.shows(['hello']);
    await ada.check();
  });

  test('a server without guests says so, and asks for a token', async (t) => {
    const ada = await visit(t, {}, closed.url);
    await says(ada, 'token-why', /^This server takes no guests\. Sign in with a token to come in\.$/);
    assert.ok(!await ada.id('use-name').isVisible(), 'there is no other way in');
    await ada.page.keyboard.press('Escape');
    await ada.page.keyboard.press('Escape');
    await ada.sees('[data-testid=name-dialog][open]');
    await look(ada, 'no guests');
    await ada.shot('sign-in-no-guests');
    await ada.id('token-input').fill(mint(ADA));
    await ada.page.keyboard.press('Enter');
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.check();

    // Who has been a guest here before is told the same, and whoever has a token that is refused, why.
    const old = await visit(t, { prepare: (page) => page.addInitScript(() => localStorage.setItem('plenum.name', '"Old guest"')) }, closed.url);
    await says(old, 'token-why', /takes no guests/);
    await signIn(old, mint({ name: 'No sub' }));
    await says(old, 'token-error', /has no `sub`/);
    assert.equal(await old.find('[data-testid=conn-state][data-state=closed]').count(), 1);
    await signIn(old, mint(BOB));
    await old.connected();
    await is(old, 'Signed in · bob');
    await old.check();
  });

  test('a token that is about to end is told, and a new one keeps the session', async (t) => {
    const ada = await visit(t, { at: `#token=${mint(ADA, 8)}&room=clock` }, patient.url);
    await ada.connected();
    await ada.say('before');
    await says(ada, 'banner', /^\s*Your sign-in ends in \d s\.\s*Stay signed in\s*$/);
    await ada.shot('token-expiring');
    await ada.id('reconnect-now').click();
    await signIn(ada, mint(BOB, 4).slice(0, -1));
    await says(ada, 'token-error', /signature/);
    await signIn(ada, mint(ADA));
    await until(async () => !await ada.id('banner').isVisible(), 'the banner to go');
    await ada.say('after');
    await ada.shows(['before', 'after']);
    assert.match(await ada.page.evaluate(() => JSON.parse(sessionStorage['plenum.token'])), /^eyJ/);
    await ada.page.reload();
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.check();
  });

  test('who is revoked is told so, and comes back when asked to: with another token, or as somebody new', async (t) => {
    const revoke = async (user) => {
      const answer = await fetch(`${server.url}/api/v1/revoke`, { method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user, seconds: 600 }) });
      assert.equal(answer.status, 200, await answer.text());
    };
    const sockets = [];
    const prepare = (page) => page.on('websocket', (ws) => sockets.push(ws.url()));
    const dora = await visit(t, { at: `#token=${mint({ sub: 'dora', name: 'Dora', iat: Math.floor(Date.now() / 1000) - 60 })}&room=vault`, prepare });
    await dora.connected();
    await dora.say('before');
    await dora.shows(['before']);
    await revoke('dora');
    const next = (Math.floor(Date.now() / 1000) + 1) * 1000;
    await says(dora, 'token-why', /^Your sign-in has been revoked\. Paste a new token to go on where you were\.$/);
    await look(dora, 'a token that was revoked');
    const many = sockets.length;
    await dora.id('token-cancel').click();
    await says(dora, 'banner', /^\s*Your sign-in has been revoked\.\s*Sign in again\s*$/);
    await dora.shows(['before']);
    assert.ok(sockets.length <= many + 1, 'no attempts, but for the question whether there are guests');
    await dora.find('#banner-button').click();
    await until(() => Date.now() >= next, 'the second behind that of the revocation, as tokens count in seconds');
    await signIn(dora, mint({ sub: 'dora', name: 'Dora', iat: next / 1000 }));
    await dora.connected();
    await is(dora, 'Signed in · dora');
    await dora.say('after');
    await dora.shows(['before', 'after']);
    await dora.check();

    const guest = await visit(t, { at: '#room=vault', prepare });
    await guest.id('name-input').fill('Gus');
    await guest.id('name-submit').click();
    await guest.connected();
    await guest.reads('after');
    const before = await guest.id('my-identity').textContent();
    const dialled = sockets.length;
    await revoke(before.replace('Guest · ', ''));
    await says(guest, 'banner', /^\s*Your session has been revoked\. You may come back as somebody new\.\s*Connect again\s*$/);
    await look(guest, 'a guest who was revoked');
    assert.equal(sockets.length, dialled, 'no attempts');
    await guest.find('#banner-button').click();
    await guest.connected();
    await until(async () => {
      const now = await guest.id('my-identity').textContent();
      return now !== before && now.startsWith('Guest · guest-');
    }, 'another guest');
    await guest.say('somebody new');
    await dora.reads('somebody new');
    await guest.check();
  });

  test('a token that has ended is an end: no attempts, the dialog, and the session goes on with the next one', async (t) => {
    const sockets = [];
    const prepare = (page) => page.on('websocket', (ws) => sockets.push(ws.url()));
    const ada = await visit(t, { at: `#token=${mint(ADA, 8)}&room=hourglass`, prepare });
    await ada.connected();
    await ada.say('before');
    await ada.shows(['before']);
    await says(ada, 'token-why', /^Your sign-in has ended\. Paste a new token to go on where you were\.$/);
    const many = sockets.length;
    await look(ada, 'a token that has ended');
    await ada.shot('token-ended');
    await ada.id('token-cancel').click();
    await says(ada, 'banner', /^\s*Your sign-in has ended\.\s*Sign in again\s*$/);
    await ada.shows(['before']);   // it can still be read
    assert.ok(sockets.length <= many + 1, 'no attempts, but for the question whether there are guests');
    // A reload does not make a guest of who was somebody.
    await ada.page.reload();
    await says(ada, 'token-why', /^You were signed in as ada, which has ended\.$/);
    await signIn(ada, mint(ADA, 6));
    await ada.connected();
    await is(ada, 'Signed in · ada');
    await ada.shows(['before']);
    // Somebody else may go on as a guest, and finds nothing of hers.
    await says(ada, 'token-why', /^Your sign-in has ended\./);
    await ada.id('use-name').click();
    await ada.id('name-input').fill('Gustav');
    await ada.id('name-submit').click();
    await until(async () => /^Guest · guest-/.test(await ada.id('my-identity').textContent()), 'a guest');
    await ada.connected();
    assert.equal(await ada.id('my-name').textContent(), 'Gustav');
    assert.doesNotMatch(await stored(ada, 'sessionStorage'), /ada|token/);
    await ada.check();
  });
});
