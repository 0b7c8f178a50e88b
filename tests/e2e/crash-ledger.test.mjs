// SPDX-License-Identifier: Apache-2.0
//
// The book that tests of crashes keep (tests/crash/ledger.mjs) sees each thing that must not be: a test that believes everything
// shows nothing. Nor does one that is never content: of a server that lives nothing is said, of one without a store each loss.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crash } from '../crash/crash.mjs';
import { Ledger } from '../crash/ledger.mjs';

const told = (durability) => {
  const ledger = new Ledger(durability);
  for (let offset = 1; offset <= 5; offset++) ledger.ack('e1', offset, `words ${offset}`);
  ledger.ack('e1', 6, undefined);   // a change of the state
  ledger.state(6, 'topic', 'tea');
  ledger.ack('e1', 7, undefined);
  ledger.role(7, 'bob', 'host');
  ledger.ack('e1', 8, undefined);
  ledger.ban(8, 'eve');
  return ledger;
};
const found = (changes = {}, head = 8) => ({
  epoch: 'e1', head, recovered: true, state: { topic: 'tea' }, roles: { bob: 'host' }, bans: { eve: true },
  entries: Array.from({ length: head }, (_, i) => ({ offset: i + 1, ...(i < 5 ? { data: `words ${i + 1}` } : {}) })), ...changes,
});
const without = (offset) => found().entries.filter((e) => e.offset !== offset);

test('what was told is there', () => {
  assert.deepEqual(told('disk').judge(found()), []);
  assert.deepEqual(told('async').judge(found()), []);
  assert.deepEqual(told('disk').judge(found({}, 9)), [], 'one whose answer was on the way');
});

test('a lost tail is async rooms\' alone, and has to be said', () => {
  const cut = { epoch: 'e2', recovered: false, state: {}, roles: { bob: 'member' }, bans: { eve: false } };
  assert.deepEqual(told('async').judge(found(cut, 4)), []);
  assert.match(told('disk').judge(found(cut, 4)).join(), /records up to 8 were told, and the room ends at 4/);
  assert.match(told('async').judge(found({ ...cut, epoch: 'e1' }, 4)).join(), /the epoch is the same/);
  assert.match(told('async').judge(found({ ...cut, recovered: true }, 4)).join(), /is told to have missed nothing/);
});

test('holes, other words, two at one place', () => {
  for (const durability of ['disk', 'async']) {
    assert.match(told(durability).judge(found({ entries: without(3) })).join(), /a hole: 2 is followed by 4.*record 3, which was told, is not there/);
    assert.match(told(durability).judge(found({ entries: without(8) })).join(), /the newest is 7, and the room says 8/);
    const entries = found().entries.map((e) => (e.offset === 2 ? { ...e, data: 'others' } : e));
    assert.match(told(durability).judge(found({ entries })).join(), /record 2 is "others", and was "words 2"/);
    const ledger = told(durability);
    ledger.ack('e1', 4, 'something else');
    assert.match(ledger.judge(found()).join(), /offset 4 of epoch e1 was given to two/);
  }
  const again = told('async');
  assert.deepEqual(again.judge(found({ epoch: 'e2', recovered: false, state: {} }, 4)), []);
  again.ack('e2', 5, 'said after the crash');
  const entries = [...found({}, 4).entries, { offset: 5, data: 'said after the crash' }];
  assert.deepEqual(again.judge({ ...found({}, 5), epoch: 'e2', state: {}, entries }), [], 'the same number, in a newer epoch');
});

test('state, roles and bans', () => {
  assert.match(told('disk').judge(found({ state: { topic: 'coffee' } })).join(), /state topic is "coffee", and was "tea"/);
  assert.match(told('disk').judge(found({ state: {} })).join(), /state topic is undefined/);
  assert.match(told('disk').judge(found({ roles: { bob: 'member' } })).join(), /bob is member, and was host/);
  assert.match(told('disk').judge(found({ bans: { eve: false } })).join(), /eve was banned, and comes in/);
});

test('a server that keeps nothing, killed under load: what was told in disk rooms is missed, and nothing else', async () => {
  const { wrong, acks } = await crash({ rounds: 2, seed: 7, memory: true, looks: true,
    settings: ['--log.entries=50000', '--log.bytes=67108864'] });
  assert.ok(acks > 100, `${acks} acknowledgements`);
  assert.equal(wrong.length, 4, wrong.join('\n'));
  for (const [i, sentence] of wrong.entries())
    assert.match(sentence, new RegExp(`^seed 7, round ${2 + (i >> 1)}, disk-${'ab'[i % 2]}: records up to \\d+ were told, and the room ends at 1$`));
});
