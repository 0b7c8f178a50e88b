// SPDX-License-Identifier: Apache-2.0
//
// What is large, or many, or compressed: categories 9, 12 and 13 of the Autobahn test suite under its numbers, and beside them what it
// leaves out. volume.mjs plays them.
//
//   like     the suite's number
//   opcode   TEXT or BINARY
//   bytes    of a message (of text: characters)
//   count    messages, each sent when the one before has come back
//   limit_s  within which all of it is to be there
//   fragment, chop   the most octets in a frame, or in a write
//   of       what the messages are cut from (DATA)
//   offer    compression is asked for with that: Sec-WebSocket-Extensions
import { readFileSync, readdirSync } from 'node:fs';
import { BINARY, TEXT } from '../websocket.mjs';

const KIB = 1024, MIB = 1024 * KIB;
const KINDS = [[TEXT, 'text'], [BINARY, 'binary']];
const size = (n) => (n >= MIB ? `${n / MIB} MiB` : n >= KIB ? `${n / KIB} KiB` : `${n}`);

// ---- 9: sizes, fragments, chops, round trips ----------------------------------------------------------------------

function one(number, [opcode, kind], bytes, limit_s, more = {}) {
  const how = more.fragment ? `, in fragments of ${size(more.fragment)}` : more.chop ? `, in chops of ${size(more.chop)}` : '';
  return { name: `${number}: ${size(bytes)} of ${kind}${how}`, like: number, opcode, bytes, count: 1, limit_s, ...more };
}

const LARGE = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
const CHOPS = [64, 128, 256, 512, KIB, 2 * KIB];
const TRIPS = [[0, 60], [16, 60], [64, 60], [256, 120], [KIB, 240], [4 * KIB, 480]];

function category9() {
  return KINDS.flatMap((kind, k) => [
    ...LARGE.map((bytes, i) => one(`9.${1 + k}.${i + 1}`, kind, bytes, bytes <= MIB ? 10 : 100)),
    ...FRAGMENTS.map((fragment, i) => one(`9.${3 + k}.${i + 1}`, kind, 4 * MIB, 100, { fragment })),
    ...CHOPS.map((chop, i) => one(`9.${5 + k}.${i + 1}`, kind, MIB, 1000, { chop })),
    ...TRIPS.map(([bytes, limit_s], i) => ({
      name: `9.${7 + k}.${i + 1}: ${size(bytes)} of ${kind}, a thousand times`, like: `9.${7 + k}.${i + 1}`, opcode: kind[0], bytes, count: 1000, limit_s,
    })),
  ]);
}

// ---- 12, 13: compression ------------------------------------------------------------------------------------------

// Each is the same in every run, and longer than the largest message.
const DATA = {
  json: { opcode: TEXT, make: makeJson },
  bitmap: { opcode: BINARY, make: makeBitmap },
  prose: { opcode: BINARY, make: () => Buffer.concat(files('docs', /\.md$/)) },
  page: { opcode: TEXT, make: () => Buffer.concat(files('web', /\.(html|css|js)$/)).toString() },
  picture: { opcode: BINARY, make: () => files('docs', /^page-room-phone\.png$/)[0] },
};

function files(folder, pattern) {
  const at = new URL(`../../../${folder}/`, import.meta.url);
  return readdirSync(at).filter((name) => pattern.test(name)).sort().map((name) => readFileSync(new URL(name, at)));
}

// Numbers that look random, and are the same in every run (xorshift).
function* numbers(seed) {
  for (let x = seed; ;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}

function makeJson() {
  const dice = numbers(7);
  const next = (n) => dice.next().value % n;
  const names = ['Ada', 'Grace', 'Jürgen', 'Σωκράτης', '鈴木'];
  const rows = Array.from({ length: 2500 }, (_, id) => ({
    id, name: names[next(names.length)], at: [next(360) - 180, next(180) - 90], tags: ['new', 'open', 'late'].slice(next(3)), sum: next(1e9) / 100,
  }));
  return JSON.stringify(rows);
}

// 512 * 512, grey, with some noise.
function makeBitmap() {
  const dice = numbers(11);
  return Buffer.from(Array.from({ length: 512 * 512 }, (_, i) => (128 + 90 * Math.sin(i / 9000) + (dice.next().value % 8)) & 255));
}

const made = new Map();
export function dataOf(name) {
  if (!made.has(name)) made.set(name, DATA[name].make());
  return made.get(name);
}

const MESSAGES = [
  [16, 0, 60], [64, 0, 60], [256, 0, 120], [KIB, 0, 240],
  ...[4, 8, 16, 32, 64, 128].map((n) => [n * KIB, 0, 480]),
  ...[8, 16, 32, 64, 128].map((n) => [n * KIB, 256, 480]),
  ...[1, 4, 32].map((n) => [128 * KIB, n * KIB, 480]),
];

function compressed(section, title, of, offer) {
  return MESSAGES.map(([bytes, fragment, limit_s], i) => ({
    name: `${section}.${i + 1}: ${title}, ${size(bytes)}${fragment ? ` in fragments of ${size(fragment)}` : ''}, a thousand times`,
    like: /^\d/.test(section) ? `${section}.${i + 1}` : undefined,
    opcode: DATA[of].opcode, bytes, count: 1000, limit_s, fragment: fragment || undefined, of, offer,
  }));
}

const OFFER = 'permessage-deflate; client_no_context_takeover; client_max_window_bits';
const ALONE = '; server_no_context_takeover', BITS = (n) => `; server_max_window_bits=${n}`;

function category12() {
  return Object.keys(DATA).flatMap((of, i) => compressed(`12.${i + 1}`, of, of, OFFER));
}

function category13() {
  return [
    OFFER, OFFER + ALONE, OFFER + BITS(9), OFFER + BITS(15), OFFER + ALONE + BITS(9), OFFER + ALONE + BITS(15),
    [OFFER + ALONE + BITS(9), OFFER + ALONE, OFFER].join(', '),
  ].flatMap((offer, i) => compressed(`13.${i + 1}`, offer.replaceAll('permessage-deflate; client_no_context_takeover; client_max_window_bits', 'deflate'),
    'json', offer));
}

// The suite's client never refers to what it said before; ours does, with every window, and with a server's that is as small.
function contexts() {
  const offers = [
    'permessage-deflate', 'permessage-deflate; client_max_window_bits',
    ...[9, 10, 11, 12, 13, 14, 15].map((n) => `permessage-deflate; client_max_window_bits=${n}; server_max_window_bits=${n}`),
  ];
  return offers.flatMap((offer) => compressed(`context, ${offer.slice(20) || 'as it is'}`, 'prose', 'prose', offer)
    .filter(({ bytes, fragment }) => [256, 4 * KIB, 64 * KIB].includes(bytes) && (!fragment || fragment === 256)));
}

export const cases = [category9, category12, category13, contexts].flatMap((part) => part());

const range = (section, n) => Array.from({ length: n }, (_, i) => `${section}.${i + 1}`);
/** The suite's numbers, by section: how many each has. */
export const NUMBERS = Object.entries({
  9.1: 6, 9.2: 6, 9.3: 9, 9.4: 9, 9.5: 6, 9.6: 6, 9.7: 6, 9.8: 6, 12.1: 18, 12.2: 18, 12.3: 18, 12.4: 18, 12.5: 18,
  13.1: 18, 13.2: 18, 13.3: 18, 13.4: 18, 13.5: 18, 13.6: 18, 13.7: 18,
}).flatMap(([section, n]) => range(section, n));
