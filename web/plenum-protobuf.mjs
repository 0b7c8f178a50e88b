// SPDX-License-Identifier: Apache-2.0
//
// plenum-protobuf.mjs - the native protocol in Protocol Buffers (docs/protocol/plenum.proto) for plenum.js, which loads it where it is
// asked to speak that. To its user a message is the object that it is in JSON; data that are bytes are a Uint8Array, with their
// `content_type` beside it.
//
// What is told in rooms says rooms and people by numbers. Who was not told a number (it came too late, or was too slow for a while)
// asks the server, and what comes behind in that room waits for the answer: nothing is ever shown under a wrong name.

/** Commands by their number. */
const COMMANDS = {
  message: 2, signal: 3, direct: 4, read: 5, ping: 6, whois: 7, hello: 8, join: 9, leave: 10, switch: 11, edit: 12,
  delete: 13, react: 14, state: 15, history: 16, members: 17, rooms: 18, rename: 19, refresh: 20, role: 21, kick: 22,
  ban: 23, unban: 24, mute: 25, unmute: 26, slow: 27, readonly: 28, create: 29, close: 30, lock: 31, invite: 32,
  uninvite: 33, invites: 34,
};

/** Keys of commands: number and kind. `if_version` is below, as it is two things. */
const KEYS = {
  room: [1, 'text'], from: [8, 'text'], to: [9, 'text'], data: [2, 'data'], content_type: [3, 'text'],
  key: [4, 'text'], conflate: [5, 'text'], echo: [6, 'bool'], name: [10, 'text'], resume: [11, 'text'],
  token: [12, 'text'], since: [13, 'since'], before: [14, 'uint'], history: [15, 'uint'], members: [16, 'bool'],
  limit: [17, 'uint'], after: [18, 'text'], prefix: [19, 'text'], user: [20, 'text'], role: [21, 'text'],
  reason: [22, 'text'], seconds: [23, 'uint'], on: [24, 'bool'], uses: [25, 'uint'], ttl_s: [26, 'uint'],
  expires: [27, 'uint'], rule: [28, 'text'], invitation: [29, 'text'], offset: [30, 'uint'], reply_to: [7, 'uint'],
  set: [32, 'json'], unset: [33, 'json'], merge: [34, 'json'], speaker: [37, 'uint'], rooms: [36, 'joins'],
};

/** Events by their number; the type in JSON. */
const EVENTS = {
  2: 'message', 3: 'signal', 4: 'ack', 5: 'void', 6: 'member:joined', 7: 'member:left', 8: 'member:changed',
  9: 'members:count', 10: 'read', 11: 'state:updated', 12: 'message:edited', 13: 'message:deleted',
  14: 'message:reactions', 16: 'welcome', 17: 'joined', 18: 'left', 19: 'direct', 20: 'gap', 21: 'members',
  22: 'history', 23: 'rooms', 24: 'pong', 25: 'drain', 26: 'error', 27: 'renamed', 28: 'state', 29: 'created',
  30: 'invited', 31: 'invites', 32: 'token_expiring', 33: 'speaker', 34: 'epoch', 35: 'room:changed',
  36: 'room:closed', 37: 'room:created', 38: 'member:role', 39: 'member:kicked', 40: 'member:banned',
  41: 'member:unbanned', 42: 'member:muted', 43: 'member:unmuted', 44: 'member:admitted', 45: 'invitation:made',
  46: 'invitation:ended',
};
const ROWS = 15;

/** Fields of events by their number: name and kind. */
const FIELDS = {
  1: ['room', 'text'], 2: ['room_handle', 'uint'], 3: ['offset', 'uint'], 4: ['time', 'uint'],
  5: ['speaker', 'uint'], 6: ['from', 'object'], 7: ['data', 'data'], 8: ['content_type', 'text'],
  9: ['reply_to', 'uint'], 10: ['target', 'uint'], 11: ['key', 'text'], 12: ['version', 'uint'],
  13: ['after', 'uint'], 14: ['member', 'object'], 15: ['count', 'uint'], 16: ['user', 'text'],
  17: ['session', 'text'], 18: ['name', 'text'], 19: ['info', 'json'], 20: ['role', 'text'],
  21: ['connected', 'bool'], 22: ['joined_at', 'uint'], 23: ['last_active', 'uint'], 24: ['sessions', 'uint'],
  25: ['previous_name', 'text'], 26: ['deleted', 'bool'], 27: ['edited', 'uint'], 28: ['replies', 'uint'],
  29: ['reactions', 'counts'], 30: ['on', 'bool'], 31: ['value', 'json'], 32: ['reason', 'text'],
  33: ['until', 'uint'], 34: ['slow_s', 'uint'], 35: ['readonly', 'bool'], 36: ['locked', 'bool'],
  37: ['invitation', 'text'], 38: ['uses', 'uint'], 39: ['rule', 'text'], 40: ['epoch', 'text'],
  41: ['resume', 'text'], 42: ['heartbeat_s', 'uint'], 43: ['limits', 'object'], 44: ['message_bytes', 'uint'],
  45: ['rooms', 'uint'], 46: ['messages_per_s', 'uint'], 47: ['server', 'text'], 48: ['version', 'text'],
  49: ['state', 'json'], 50: ['state_version', 'uint'], 51: ['versions', 'json'], 52: ['members_count', 'uint'],
  53: ['members', 'list'], 54: ['muted', 'bool'], 55: ['muted_until', 'uint'], 56: ['read', 'uint'],
  57: ['unread', 'uint'], 58: ['recovered', 'bool'], 59: ['left', 'text'], 60: ['by', 'object'],
  61: ['note', 'text'], 62: ['delivered', 'uint'], 63: ['duplicate', 'bool'], 64: ['expires_in', 'uint'],
  65: ['from', 'uint'], 66: ['to', 'uint'], 67: ['passing', 'uint'], 68: ['next', 'text'], 69: ['rooms', 'list'],
  70: ['reconnect_ms', 'uint'], 71: ['code', 'text'], 72: ['message', 'text'], 73: ['retry_ms', 'uint'],
  74: ['token', 'text'], 75: ['expires', 'uint'], 76: ['invitations', 'list'], 77: ['left', 'uint'],
  78: ['by', 'text'], 79: ['speakers', 'list'],
};

/** What is absent where it is false, zero or empty, and is always there in JSON. */
const ALWAYS = {
  message: { }, 'member:joined': { after: 0 }, 'member:left': { after: 0 }, 'member:changed': { after: 0 },
  'members:count': { after: 0, count: 0 }, signal: { after: 0 }, read: { after: 0 }, epoch: { after: 0, offset: 0 },
  joined: { offset: 0, state: {}, state_version: 0, members_count: 0 }, members: { members: [] }, rooms: { rooms: [] },
  history: { history: [] }, invites: { invitations: [] }, state: { version: 0 }, 'message:reactions': { on: false, count: 0 },
  pong: { time: 0 }, drain: { reconnect_ms: 0 },
};
const MEMBER = { user: '', name: '', connected: false, joined_at: 0, last_active: 0, sessions: 0 };
const PERSON = { user: '', session: '', name: '' };

const WHOIS_FROM = 2 ** 40;      // ids of our own questions, which nobody else has
const SPEAKERS_MAX = 1024;       // of a room; those who spoke longest ago are forgotten, and asked for again
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

class Writer {
  #bytes = new Uint8Array(256);
  #n = 0;

  #room(n) {
    if (this.#n + n <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#n + n));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  varint(v) {
    this.#room(10);
    for (; v >= 128; v = Math.floor(v / 128)) this.#bytes[this.#n++] = (v % 128) + 128;
    this.#bytes[this.#n++] = v;
  }

  uint(number, v) { this.varint(number * 8); this.varint(v); }

  bytes(number, bytes) {
    this.varint(number * 8 + 2);
    this.varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#n);
    this.#n += bytes.length;
  }

  text(number, text) { this.bytes(number, encoder.encode(text)); }
  done() { return this.#bytes.subarray(0, this.#n); }
}

function putKey(w, key, value, type) {
  let [number, kind] = KEYS[key] ?? [0];
  if (key === 'if_version') [number, kind] = type === 'edit' ? [31, 'uint'] : [35, 'json'];
  if (number === 0) return;   // of a later version; the server would pass it over
  if (kind === 'text') w.text(number, String(value));
  else if (kind === 'uint') w.uint(number, value);
  else if (kind === 'bool') w.uint(number, value ? 1 : 0);
  else if (kind === 'json') w.text(number, JSON.stringify(value));
  else if (kind === 'data') w.bytes(number, value instanceof Uint8Array ? value : encoder.encode(JSON.stringify(value)));
  else if (kind === 'joins') for (const join of value) w.bytes(number, encode({ ...join, type: 'join' }));
  else if (kind === 'since') {
    const since = new Writer();
    since.text(1, value.epoch);
    since.uint(2, value.offset);
    w.bytes(number, since.done());
  }
}

/** A command, as it is in JSON, as a ClientMessage. */
export function encode({ type, id, ...keys }) {
  const body = new Writer();
  for (const [key, value] of Object.entries(keys)) if (value !== undefined) putKey(body, key, value, type);
  const w = new Writer();
  if (id !== undefined) w.uint(1, id);
  if (COMMANDS[type] === undefined) throw new TypeError(`there is no command ${type} in plenum.proto`);
  w.bytes(COMMANDS[type], body.done());
  return w.done();
}

/** Calls `take(number, value)` for each field of a message: a number, or the bytes. */
function read(bytes, take) {
  let at = 0;
  const varint = () => {
    let v = 0;
    for (let i = 0, unit = 1; i < 10; i++, unit *= 128) {
      if (at >= bytes.length) throw new RangeError('a message is cut');
      const byte = bytes[at++];
      v += (byte & 127) * unit;
      if (byte < 128) return v;
    }
    throw new RangeError('a varint has no end');
  };
  const slice = (n) => {
    if (n > bytes.length - at) throw new RangeError('a field is cut');
    at += n;
    return bytes.subarray(at - n, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === 0) take(number, varint());
    else if (type === 2) take(number, slice(varint()));
    else if (type === 1 || type === 5) slice(type === 1 ? 8 : 4);   // none that is known is of these
    else throw new RangeError('a field is of a type that is not read');
  }
}

function counts(into, bytes) {
  let key = '';
  let value = 0;
  read(bytes, (number, v) => { if (number === 1) key = decoder.decode(v); else if (number === 2) value = v; });
  return { ...into, [key]: value };
}

function object(bytes) {
  const ret = {};
  let data;
  read(bytes, (number, v) => {
    const [name, kind] = FIELDS[number] ?? [];
    if (name === undefined || (typeof v === 'number') !== (kind === 'uint' || kind === 'bool')) return;
    if (kind === 'text') ret[name] = decoder.decode(v);
    else if (kind === 'uint') ret[name] = v;
    else if (kind === 'bool') ret[name] = v !== 0;
    else if (kind === 'json') ret[name] = JSON.parse(decoder.decode(v));
    else if (kind === 'object') ret[name] = { ...(name === 'member' ? MEMBER : name === 'from' ? PERSON : {}), ...object(v) };
    else if (kind === 'list') (ret[name] ??= []).push({ ...(name === 'members' ? MEMBER : {}), ...object(v) });
    else if (kind === 'counts') ret[name] = counts(ret[name], v);
    else data = v;
  });
  // Data without a type are JSON, which has at least a byte; with one they are bytes, perhaps none.
  if (ret.content_type !== undefined) ret.data = data === undefined ? new Uint8Array() : data.slice();
  else if (data !== undefined) ret.data = JSON.parse(decoder.decode(data));
  return ret;
}

/** A ServerMessage as it is in JSON, but for its numbers of a room and a speaker. */
export function decode(bytes) {
  let ret = null;
  let id;
  const rows = [];
  read(bytes, (number, v) => {
    if (number === 1) id = v;
    else if (number === ROWS) rows.push(decode(v));
    else if (EVENTS[number] !== undefined) ret = { type: EVENTS[number], ...ALWAYS[EVENTS[number]], ...object(v) };
  });
  if (ret === null) throw new RangeError('nothing in it is known');
  if (id !== undefined) ret.id = id;
  if (ret.type === 'history') ret.history = rows;
  return ret;
}

/** What of a connection has to be remembered: whose numbers are which. */
export class Speech {
  #rooms = new Map();    // number -> {name, speakers, held, asked}
  #asked = new Map();    // id -> {room, speaker}
  #send; #nextId = WHOIS_FROM;

  /** @param {function} send  sends a command, the object */
  constructor(send) { this.#send = send; }

  /** What a binary message tells, in order: none while somebody has to be asked for, several when that is answered. */
  receive(bytes) {
    const m = decode(bytes);
    if (this.#asked.has(m.id)) return this.#answered(m);
    if (m.type === 'joined') return this.#joined(m);
    const room = m.room_handle !== undefined ? this.#rooms.get(m.room_handle) : this.#named(m);
    if (m.room_handle !== undefined && room === undefined) return [];   // of a room that we are not in any more
    if (m.type === 'left' && room !== undefined) return this.#left(room, m);
    if (room === undefined || (m.id !== undefined && m.type !== 'gap')) return [m];   // a reply waits for nobody
    const told = this.#tell(room, m);
    if (told === null || room.held.length > 0) {
      room.held.push(m);
      return [];
    }
    return [told];
  }

  #named(m) {
    if (m.room === undefined) return undefined;
    for (const room of this.#rooms.values()) if (room.name === m.room) return room;
    return undefined;
  }

  #joined({ room_handle: number, speakers = [], ...m }) {
    const old = m.left === undefined ? undefined : this.#named({ room: m.left });
    if (old !== undefined) this.#rooms.delete(old.number);
    if (number !== undefined) {
      const room = { number, name: m.room, speakers: new Map(), held: [], asked: new Set() };
      for (const { speaker, from } of speakers) room.speakers.set(speaker, from);
      this.#rooms.set(number, room);
    }
    return [m];
  }

  #left(room, m) {
    this.#rooms.delete(room.number);
    const held = room.held.map((one) => this.#tell(room, one) ?? lost(room, one));
    return [...held, m];
  }

  /** The message with its names, or null where somebody is not known and has been asked for. */
  #tell(room, m) {
    const { room_handle, speaker, ...told } = m;
    told.room = room.name;
    if (speaker === undefined) return told;
    if (m.from !== undefined) remember(room, speaker, m.from);
    told.from ??= room.speakers.get(speaker);
    if (told.from !== undefined) return told;
    if (!room.asked.has(speaker)) {
      room.asked.add(speaker);
      this.#asked.set(this.#nextId, { room, speaker });
      this.#send({ type: 'whois', id: this.#nextId++, room: room.name, speaker });
    }
    return null;
  }

  #answered(m) {
    const { room, speaker } = this.#asked.get(m.id);
    this.#asked.delete(m.id);
    if (this.#rooms.get(room.number) !== room) return [];   // left meanwhile
    const again = m.code === 'rate_limited' || m.code === 'unavailable';
    if (again) {
      setTimeout(() => this.#again(room, speaker), m.retry_ms ?? 1000);
      return [];
    }
    room.asked.delete(speaker);
    if (m.type === 'speaker') remember(room, speaker, m.from);
    const ready = [];
    while (room.held.length > 0) {
      const one = room.held[0];
      const told = one.speaker === speaker && m.type === 'error' && one.from === undefined ? lost(room, one) : this.#tell(room, one);
      if (told === null) break;
      ready.push(told);
      room.held.shift();
    }
    return ready;
  }

  #again(room, speaker) {
    if (this.#rooms.get(room.number) !== room) return;
    this.#asked.set(this.#nextId, { room, speaker });
    this.#send({ type: 'whois', id: this.#nextId++, room: room.name, speaker });
  }
}

function remember(room, speaker, from) {
  room.speakers.delete(speaker);
  room.speakers.set(speaker, from);
  if (room.speakers.size > SPEAKERS_MAX) room.speakers.delete(room.speakers.keys().next().value);
}

/** Nobody can say any more who said it: it is told as missing, and the history has it with its name. */
function lost(room, m) {
  const gap = { type: 'gap', room: room.name, reason: 'missing' };
  return m.after === undefined && m.offset !== undefined ? { ...gap, from: m.offset, to: m.offset } : { ...gap, passing: 1 };
}
