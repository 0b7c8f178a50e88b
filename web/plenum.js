// SPDX-License-Identifier: Apache-2.0
//
// plenum.js: the client side of Plenum's native protocol in one dependency-free ES module, for browsers,
// Node.js >= 22, or any place that brings a WebSocket constructor. The manual is docs/CLIENT.md; the wire
// contract is docs/protocol/native.md; the types are in plenum.d.ts. A server delivers all of it: /plenum.js and
// /plenum.mjs are the same module under the names that pages and Node.js like.
//
//   const plenum = new Plenum('ws://localhost:8000/ws', { name: 'Ada' });
//   await plenum.connect();
//   const lobby = plenum.room('lobby');
//   lobby.on('message', (m) => console.log(m.offset, m.from.name, m.data));
//   await lobby.join({ history: 50 });
//   await lobby.publish({ text: 'hello' });          // resolves when the server has acknowledged it
//
// The connection is a state machine, and `state` names where it is:
//
//            connect()              welcome
//   idle ----------------> connecting ------> open
//                            ^    |             |
//          timer, online,    |    | failed      | lost, drained, silent
//          reconnectNow()    |    v             v
//                            +-- waiting <------+          any --close(), replaced, refused for good--> closed
//
// Until the first welcome a failed attempt is asked why (a browser's WebSocket does not tell), and there are only so
// many of them; a client that has been welcome comes back for as long as it takes.
//
// What it promises, and by what means:
//   1. What was said in a room reaches listeners in the log's order, each offset at most once per epoch; what passed (who
//      came, who went, signals) where it happened between. The room's
//      `cursor` is the end of the prefix that has been seen without a hole; offsets that arrived beyond it
//      (own acknowledged messages, mostly: the server does not echo them) wait in `ahead`.
//   2. Nothing is lost silently. After a reconnect a room is joined again with `since: cursor`, by the hello itself
//      where the session goes on; what cannot be had again is announced as a `gap`, and `reset` says that history has
//      to be read anew.
//   3. publish() and direct() carry an idempotency key and stay in an outbox until the server answered. After a
//      reconnect the unanswered ones are sent again in order; the key keeps them from being delivered twice.
//   4. A dead connection is noticed: silence longer than 1.5 heartbeats, or an overdue reply, is answered by one
//      `ping`, and an unanswered ping by a reconnect. There is no polling: one lazy timer serves all of it.
//   5. Every queue is bounded (see DEFAULTS); at a bound the operation is refused with `queue_full`.
//   6. Whatever is thrown or rejected here is a PlenumError with a `code`. A misspelt option or event name is one.
//
// One file on purpose, although it is longer than our usual module: people copy it into their projects.

/** Tunables, all in one place; any of them may be overridden in the constructor's options. */
const DEFAULTS = {
  encoding: 'json',         // 'json.bytes': bytes come as they are; 'protobuf': all in fewer bytes (plenum-protobuf.mjs, loaded then)
  protocol: '',             // the subprotocol; as the encoding has it
  backoff_base_ms: 1000,    // first retry within 0..1 s, doubling from there
  backoff_cap_ms: 30_000,   // never wait longer than this (except when the server's drain says so)
  stable_ms: 5_000,         // a connection must last this long before it resets the backoff
  connect_timeout_ms: 10_000, // from opening the socket to `welcome`, in each attempt
  max_attempts: 6,          // attempts that may fail before the first welcome; with the waits above ~15 s
  reply_timeout_ms: 8_000,  // a reply this late makes us ask whether anyone is there
  pong_timeout_ms: 5_000,   // and this is how long we wait for that answer
  outbox_max: 256,          // publishes and directs not yet acknowledged, in all rooms together
  requests_max: 256,        // other commands awaiting their reply
  window: 16,               // unacknowledged publishes on the wire at once; 1 = strictly one at a time
  ahead_max: 4096,          // offsets remembered beyond a room's cursor
  retries_max: 5,           // how often one command is repeated after `rate_limited` and its kin
};

/** Error codes after which trying the same command again can succeed. */
const TRANSIENT = new Set(['rate_limited', 'unavailable', 'draining', 'internal']);

/** Replies and notices that carry an offset without being an entry of the log. */
const NOT_ENTRIES = new Set(['ack', 'joined', 'gap', 'read', 'error']);

/** The close code that says: this session was taken up by another connection. */
const CLOSE_REPLACED = 4001;

/** And the one that says: the backend does not want this connection. */
const CLOSE_DISCONNECTED = 4002;

/** What the server gives as the reason of a close, with 1008, when the session's token is good no more. */
const TOKEN_OVER = { token_expired: 'The token of this session has ended.', token_revoked: 'This session has been revoked.' };

/** The most rooms that one hello may bring. */
const HELLO_ROOMS_MAX = 255;

/** The least time between two attempts to get the next token. */
const RENEW_MS = 1_000;

/** How long to look into why a connection could not be made. */
const EXPLAIN_MS = 3_000;

/** What listeners may be added for. On a room: */
const DECREES = ['member:role', 'member:kicked', 'member:banned', 'member:unbanned', 'member:muted', 'member:unmuted',
  'room:created', 'room:changed', 'room:closed', 'invitation:made', 'invitation:ended', 'member:admitted'];
/** What a `room:changed` may have, and `joined` of a room in which it is so: these keys of a room. */
const SETTINGS = ['slow_s', 'readonly', 'locked'];
const CHANGES = ['message:edited', 'message:deleted', 'message:reactions'];
const ROOM_EVENTS = ['joined', 'left', 'message', ...CHANGES, ...DECREES, 'member:joined', 'member:left', 'member:changed', 'members:count',
  'signal', 'read', 'state:updated', 'shared', 'gap', 'reset', '*'];
/** And on the client: */
const CLIENT_EVENTS = ['state', 'session', 'renamed', 'replaced', 'disconnected', 'direct', 'drain', 'token_expiring', 'token_refreshed', 'error',
  ...ROOM_EVENTS];

/** Options by name, and what they may be: names of types as `typeof` gives them. */
const JOIN_OPTIONS = { history: 'number', members: 'boolean', token: 'string function', since: 'object' };
const SEND_OPTIONS = { key: 'string', conflate: 'string', echo: 'boolean', replyTo: 'number', contentType: 'string' };
const DIRECT_OPTIONS = { key: 'string', contentType: 'string' };
const SIGNAL_OPTIONS = { contentType: 'string' };
const EDIT_OPTIONS = { ifVersion: 'number', contentType: 'string' };
const DELETE_OPTIONS = { reason: 'string' };
const DECREE_OPTIONS = { seconds: 'number', reason: 'string' };
const CREATE_OPTIONS = { rule: 'string' };
const INVITE_OPTIONS = { uses: 'number', ttl_s: 'number', expires: 'number', role: 'string' };
const KICK_OPTIONS = { reason: 'string' };
const STATE_OPTIONS = { unset: 'object', merge: 'object', if_version: 'number object' };
const PAGE_OPTIONS = { limit: 'number', after: 'string' };
const HISTORY_OPTIONS = { before: 'number', since: 'object', limit: 'number' };
const CLIENT_OPTIONS = {
  ...Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, typeof value])),
  name: 'string', tenant: 'string', token: 'string function', resume: 'string', WebSocket: 'function', random: 'function',
};

const ENCODINGS = { json: 'plenum.v1.json', 'json.bytes': 'plenum.v1.json.bytes', protobuf: 'plenum.v1.protobuf' };

/** What data are that are bytes of which nobody said more. */
const ANY_BYTES = 'application/octet-stream';

const now = () => performance.now();

/** Whatever this module throws or rejects with. `code` is one of the protocol's, or one of ours, which
 *  docs/CLIENT.md lists. */
export class PlenumError extends Error {
  constructor(code, message, reply) {
    super(message);
    this.name = 'PlenumError';
    this.code = code;
    this.retry_ms = reply?.retry_ms;
    this.reply = reply;
  }
}

/** The error in an object of options, or null. undefined and null are as good as leaving an option out. */
function optionsError(where, options, known) {
  const wrong = (what) => new PlenumError('bad_argument', `${where}: ${what}`);
  if (options === null || typeof options !== 'object') return wrong(`the options are ${typeOf(options)}, expected an object`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) return wrong(`there is no option ${name}; there are ${Object.keys(known).join(', ')}`);
    if (value === undefined || value === null || known[name].split(' ').includes(typeof value)) continue;
    return wrong(`${name} is ${typeOf(value)}, expected ${known[name].replace(' ', ' or ')}`);
  }
  return null;
}

/** The options that say something, by the names that they have on the wire. */
function givenOf(options, names = {}) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [names[name] ?? name, value]));
}

/** The same for arguments that are texts: names of rooms, ids of users. */
function textError(where, texts) {
  const wrong = Object.keys(texts).find((name) => typeof texts[name] !== 'string');
  return wrong ? new PlenumError('bad_argument', `${where}: ${wrong} is ${typeOf(texts[wrong])}, expected a string`) : null;
}

/** And for the offset of a message. */
function offsetError(where, offset) {
  if (Number.isSafeInteger(offset) && offset > 0) return null;
  return new PlenumError('bad_argument', `${where}: the offset is ${typeof offset === 'number' ? offset : typeOf(offset)}, expected that of a message`);
}

function typeOf(value) {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

/** The smallest event emitter that does the job. A listener that throws hurts nobody but itself. */
class Emitter {
  #listeners = new Map();
  #types;

  constructor(types) { this.#types = types; }

  /** Calls `fn(event)` on every `type`; '*' hears everything. Returns a function that undoes it. */
  on(type, fn) {
    this.#check('on', type, fn);
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(fn);
    return () => this.off(type, fn);
  }

  once(type, fn) {
    this.#check('once', type, fn);
    const off = this.on(type, (event) => { off(); fn(event); });
    return off;
  }

  off(type, fn) {
    this.#check('off', type, fn);
    this.#listeners.get(type)?.delete(fn);
  }

  // A misspelt event would never come, and nobody would know why.
  #check(where, type, fn) {
    if (!this.#types.includes(type)) {
      throw new PlenumError('bad_argument', `${where}: there is no event ${String(type)}; there are ${this.#types.join(', ')}`);
    }
    if (typeof fn !== 'function') throw new PlenumError('bad_argument', `${where}: the handler is ${typeOf(fn)}, expected a function`);
  }

  emit(type, event) {
    for (const key of [type, '*']) {
      for (const fn of [...(this.#listeners.get(key) ?? [])]) {
        try { fn(event, type); } catch (e) { queueMicrotask(() => { throw e; }); }
      }
    }
  }
}

/** One room as this client sees it. Get it with `plenum.room(name)`; it lives as long as the client does, so
 *  listeners may be added before the first join and stay over reconnects, leaves and joins. */
export class PlenumRoom extends Emitter {
  #client;

  constructor(client, name) {
    super(ROOM_EVENTS);
    this.#client = client;
    this.name = name;
    /** 'out' | 'joining' | 'in' */
    this.state = 'out';
    this.epoch = null;
    this.role = null;
    /** As of `joined` and of what was decided since: only hosts may speak; nobody new comes in; seconds between two messages, 0 = any. */
    this.readonly = false;
    this.locked = false;
    this.slow_s = 0;
    /** What everybody in the room shares, key by key, and its version; kept up to date while we are in. Do not write to it. */
    this.shared = Object.create(null);
    this.shared_version = 0;
    /** Internal: what it was when we were told all of it; and the offset of the change that was told last. */
    this.shared_base = 0;
    this.shared_told = 0;
    /** Everything up to here has been seen or announced as a gap; null until the first entry came. */
    this.cursor = null;
    /** Internal: head of the log when `joined` was received. */
    this.head = 0;
    this.ahead = new Set();
    /** Internal: {epoch, offset} of own acks in an epoch that we have yet to be told of. */
    this.early = [];
    /** Internal: highest offset that came as an entry on this connection. An ack may overtake entries below it. */
    this.latest = 0;
    this.wanted = false;
    this.options = {};
    this.tries = 0;
    this.turn = 0;   // number of the newest join or leave, so that an older one's reply is not taken for it
  }

  join(options) { return this.#client.join(this.name, options); }
  leave() { return this.#client.leave(this.name); }
  publish(data, options) { return this.#client.publish(this.name, data, options); }
  /** The same, by the name that it has where people talk. */
  send(data, options) { return this.publish(data, options); }
  signal(data, options) { return this.#client.signal(this.name, data, options); }
  members(options) { return this.#client.members(this.name, options); }
  history(options) { return this.#client.history(this.name, options); }
  thread(offset, options) { return this.#client.thread(this.name, offset, options); }

  /** What becomes of a message, named by its offset. Each is a record of its own: it resolves with that one's `ack`, and
   *  everybody there, you too, gets it as an event, which counts for resuming as any other. Not repeated after a reconnect.
   *  `ifVersion`: only if the message has these words still (its `version`, or its offset where it has none), else `conflict`. */
  edit(offset, data, options) {
    const wrong = dataError('edit: ', data, options);
    if (wrong) return Promise.reject(wrong);
    return this.#change('edit', offset, dataOf(data), options, EDIT_OPTIONS, { ifVersion: 'if_version', contentType: 'content_type' });
  }
  /** What it said is gone, here and there. */
  delete(offset, options) { return this.#change('delete', offset, {}, options, DELETE_OPTIONS); }
  /** `key`: an emoji or a word of up to 64 bytes; `on` false takes it back. */
  react(offset, key, on = true) {
    const wrong = textError('react', { key }) ?? (typeof on === 'boolean' ? null : new PlenumError('bad_argument', `react: on is ${typeOf(on)}, expected boolean`));
    return wrong ? Promise.reject(wrong) : this.#change('react', offset, on ? { key } : { key, on });
  }

  /** You have read all up to there, in whichever session: `joined` and rooms() count what is unread from it. Goes forward only. */
  read(offset) { return this.#change('read', offset, {}); }

  #change(type, offset, about, options = {}, known = {}, names = {}) {
    const wrong = offsetError(type, offset) ?? optionsError(type, options, known);
    if (wrong) return Promise.reject(wrong);
    return this.#client.request({ type, room: this.name, offset, ...about, ...givenOf(options, names) });
  }

  /** Decrees: what those who may decide about the room or somebody in it. Each resolves with the server's `ack`, and
   *  everybody there, you too, gets it as an event; it rejects with `forbidden` where you may not. `options` are
   *  {seconds?, reason?}: for how long (without it for ever), and why. */
  setRole(user, role) { return this.#decree('role', { user, role }); }
  kick(user, options) { return this.#decree('kick', { user }, options, KICK_OPTIONS); }
  ban(user, options) { return this.#decree('ban', { user }, options); }
  unban(user) { return this.#decree('unban', { user }); }
  mute(user, options) { return this.#decree('mute', { user }, options); }
  unmute(user) { return this.#decree('unmute', { user }); }
  setSlow(seconds) { return this.#decree('slow', { seconds }); }
  setReadonly(on) { return this.#decree('readonly', { on }); }
  setLocked(on) { return this.#decree('lock', { on }); }
  close(options) { return this.#decree('close', {}, options); }

  /** Makes the room, where there is none yet, and does not come in: {rule?} names one of the operator's rules, which it has from then on.
   *  Resolves with {offset, epoch, role?, rule?}: `role` is yours there. Rejects with `conflict` where it is there. Not repeated after a reconnect. */
  create(options) { return this.#decree('create', {}, options, CREATE_OPTIONS); }

  /** Makes an invitation: `options` are {uses?, ttl_s? or expires?: ms since 1970, role?}. Resolves with {invitation, token, role, uses,
   *  expires}; whoever joins with {token} comes in, so often and until then. The token is told this once. */
  invite(options) { return this.#decree('invite', {}, options, INVITE_OPTIONS); }
  /** Takes one back, by its `invitation`. */
  uninvite(invitation) {
    const wrong = textError('uninvite', { invitation });
    return wrong ? Promise.reject(wrong) : this.#decree('uninvite', { invitation });
  }
  /** Those that are open: {invitations: [{invitation, role, uses, left, expires, by}]}. */
  invites() { return this.#decree('invites', {}); }

  /** Changes the shared state: `set` has the keys that get a value (or null: none), `options` are {unset?: [key],
   *  merge?: a merge patch of the whole, if_version?: only if it is of this version, or {key: version}}. All of it or
   *  nothing; resolves with the `ack`, rejects with `conflict` where `if_version` says so. */
  setState(set, options = {}) {
    const wrong = optionsError('setState', options, STATE_OPTIONS);
    if (wrong) return Promise.reject(wrong);
    if (typeof set !== 'object' || Array.isArray(set)) {
      return Promise.reject(new PlenumError('bad_argument', `setState: set is ${typeOf(set)}, expected an object`));
    }
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null));
    return this.#client.request({ type: 'state', room: this.name, set: set ?? {}, ...given });
  }

  /** All of it as it is at the server: {version, state, versions}. */
  readState() { return this.#client.request({ type: 'state', room: this.name }); }

  #decree(type, about, options = {}, known = DECREE_OPTIONS) {
    const wrong = ('user' in about && textError(type, { user: about.user })) || optionsError(type, options, known);
    if (wrong) return Promise.reject(wrong);
    return this.#client.request({ type, room: this.name, ...about, ...givenOf(options) });
  }

  /** Internal: what to send along with the next join so that it continues where we are. */
  resumePoint() {
    return this.cursor === null ? null : { epoch: this.epoch, offset: this.cursor };
  }

  /** Internal: all of the shared state, as of a version. */
  takeState(state, version) {
    this.shared = Object.assign(Object.create(null), state);
    this.shared_version = this.shared_base = version;
    this.shared_told = 0;
  }

  /** Internal: a change of one key. */
  share(m) {
    if (m.version <= this.shared_base) return;   // `joined` had it
    if ('value' in m) this.shared[m.key] = m.value;
    else delete this.shared[m.key];
    this.shared_version = m.version;
  }

  /** Internal: forget the position, as after a leave. */
  forget() {
    this.state = 'out';
    this.takeState({}, 0);
    this.epoch = null;
    this.cursor = null;
    this.ahead.clear();
    this.early = [];
  }

  /** Internal: the room goes on in another epoch, behind `offset`. */
  goOn(epoch, offset) {
    this.epoch = epoch;
    this.cursor = this.head = offset;
    this.latest = 0;
    this.ahead = new Set(this.early.filter((ack) => ack.epoch === epoch && ack.offset > offset).map((ack) => ack.offset));
    this.early = [];
    this.advance();
  }

  /** Internal: takes note of an offset. False if it was seen before. */
  note(offset) {
    if (this.cursor === null) {
      if (this.ahead.has(offset)) return false;
      // Replayed entries lie up to the head and come first; live ones start right after it.
      this.cursor = Math.min(offset - 1, this.head, ...[...this.ahead].map((o) => o - 1));
    }
    if (offset <= this.cursor || this.ahead.has(offset)) return false;
    this.ahead.add(offset);
    this.advance();
    return true;
  }

  /** Internal: moves the cursor over what lies contiguously ahead of it. */
  advance() {
    while (this.cursor !== null && this.ahead.delete(this.cursor + 1)) this.cursor++;
  }

  /** Internal: moves the cursor to at least `offset`, dropping what it passes. */
  skipTo(offset) {
    this.cursor = Math.max(this.cursor ?? 0, offset);
    for (const o of this.ahead) if (o <= this.cursor) this.ahead.delete(o);
    this.advance();
  }

  /** Internal: the lowest offset beyond a hole, or null if there is no hole. */
  beyondHole() {
    if (this.cursor === null || this.ahead.size === 0) return null;
    let low = Infinity;
    for (const o of this.ahead) if (o < low) low = o;
    return low;
  }
}

/**
 * A connection to a Plenum server that keeps itself up.
 *
 * Events (all from `message` on also on the room they belong to):
 *   `state`    {state, previous, retry_at?, attempt?, code?, reason?, error?}   the machine moved
 *   `session`  the server's `welcome` plus {resumed}                    store `resume` to survive a page reload
 *   `renamed`  {name, resume}: rename() was granted; there is a new `resume` to store
 *   `replaced` {code, reason}: another connection took the session up; this client does not come back by itself
 *   `disconnected` {code, reason}: the backend has closed the connection; this client does not come back by itself either
 *   `direct`   {from, time, data}
 *   `error`    PlenumError that belongs to no promise; `drain` {reconnect_ms}
 *   `token_expiring` {expires_in}: the session's token ends in so many seconds; where `token` is a function it is asked for the
 *              next one, and the session goes on with that
 *   `message`, `state:updated`: entries of the log
 *   `message:edited`, `message:deleted`, `message:reactions`: what became of the message `target`; entries of the log as well
 *   `member:role`, `member:kicked`, `member:banned`, `member:unbanned`, `member:muted`, `member:unmuted`,
 *   `room:created`, `room:changed`, `room:closed`: what those who may have decided; entries of the log as well
 *   `member:joined`, `member:left`, `member:changed`, `members:count`, `signal`, `read`: what passed, behind the offset `after`
 *   `joined`   the server's reply, after every join and rejoin; `left` {room, reason?}
 *   `gap`      {room, from?, to?, passing?, reason}: offsets that will not come (`slow`, `trimmed`, our own `missing`, or
 *              `conflated`, `coalesced`: nothing is lost, as there are newer ones), and how much of what passed; then ask for the members anew
 *   `reset`    {room, epoch, offset, same_epoch}: the position could not be resumed, or the room goes on in another epoch
 *              while we are in it; read history again
 */
export class Plenum extends Emitter {
  #o; #WebSocket; #ws = null;
  #codec = null; #loading = false; #speech = null;   // of protobuf: the module, and what it remembers of the connection
  #rooms = new Map();
  #requests = new Map();    // id -> {resolve, reject, type}
  #outbox = [];             // publishes and directs in order, until answered
  #nextId = 1;
  #attempt = 0; #openedAt = 0; #drainMs = null;
  #timers = {};             // retry, connect, live, flush, renew: each a single timeout
  #lastHeard = 0; #lastSent = 0; #liveDue = Infinity; #pingAt = 0;   // #pingAt: 0 = none unanswered
  #helloId = null; #helloTries = 0;
  #helloRooms = new Map();  // room -> its turn: joined by the hello that is under way
  #opening = null;          // {promise, resolve, reject} of connect()
  #welcomed = false;        // since connect(); before that, attempts are counted
  #failures = 0; #failure = null;
  #dials = 0;               // number of the newest attempt, so that news of an older one is not taken for its own
  #handshake = null;        // of this attempt: {done, status?, text?, trouble?}
  #unlisten = null;

  /**
   * @param {string|URL} url  ws: or wss: address of the server's /ws endpoint
   * @param {object} [options]
   * @param {string} [options.name]   display name of a guest
   * @param {string|function} [options.token]  JWT, or a function (may be async) that gets one: for each connection, and
   *                                            when the one there is about to end
   * @param {string} [options.tenant] whose guest we are, or whose token we bring, where that does not say: a tenant's name
   * @param {string} [options.encoding] 'json'; 'json.bytes' or 'protobuf': the same API in fewer bytes
   * @param {string} [options.resume] session secret of an earlier connection, from the `session` event
   * @param {function} [options.WebSocket]  constructor to use instead of the global one
   * @param {function} [options.random]  source of jitter, 0 <= x < 1
   * @throws {PlenumError} `bad_argument` for an option that does not exist or has the wrong type
   */
  constructor(url, options = {}) {
    super(CLIENT_EVENTS);
    const wrong = optionsError('new Plenum', options, CLIENT_OPTIONS);
    if (wrong) throw wrong;
    const given = givenOf(options);
    this.#o = { ...DEFAULTS, random: Math.random, ...given };
    if (!Object.hasOwn(ENCODINGS, this.#o.encoding)) {
      throw new PlenumError('bad_argument', `new Plenum: the encoding is ${this.#o.encoding}, expected ${Object.keys(ENCODINGS).join(' or ')}`);
    }
    this.#o.protocol ||= ENCODINGS[this.#o.encoding];
    this.#WebSocket = given.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) {
      throw new PlenumError('bad_argument', 'new Plenum: there is no global WebSocket here, pass one as options.WebSocket');
    }
    this.url = String(url);
    this.name = given.name;
    /** Who we say we are with the next hello: a JWT, a function that gets one, or null for a guest. */
    this.token = given.token ?? null;
    this.resume = options.resume ?? null;
    this.state = 'idle';
    /** The last `welcome`: session, user, name, limits, heartbeat_s, server, version. */
    this.session = null;
    /** While `waiting`: when the next attempt starts, in milliseconds since 1970. */
    this.retry_at = null;
  }

  // ---- connection -------------------------------------------------------------------------------------------

  /** Starts connecting and keeps the connection up until close(). Resolves with the first `welcome`. Rejects when the
   *  server refuses for good, after `max_attempts` that failed, after `timeout_ms`, or on close(); the client is
   *  `closed` then, and connect() starts over.
   *  @param {object} [options] {timeout_ms?: for all attempts together; without it their number is the limit} */
  connect(options = {}) {
    const wrong = optionsError('connect', options, { timeout_ms: 'number' });
    if (wrong) return Promise.reject(wrong);
    if (this.state === 'open') return Promise.resolve(this.session);
    if (!this.#opening) {
      this.#opening = deferred();
      this.#opening.promise.catch(() => {});   // connect() may be called without looking at the result
    }
    const { promise } = this.#opening;         // an address that is no good ends it before we return
    if (options.timeout_ms) this.#timer('opening', () => this.#end(this.#lateError(options.timeout_ms)), options.timeout_ms);
    if (this.state === 'idle' || this.state === 'closed') {
      this.#attempt = 0;
      this.#failures = 0;
      this.#failure = null;
      this.#welcomed = false;
      this.#listenToPlatform();
      this.#dial();
    }
    return promise;
  }

  /** The code of the encoding, which most do without. */
  async #loadCodec() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      this.#codec = await import('./plenum-protobuf.mjs');
    } catch (e) {
      return this.#end(new PlenumError('no_encoding', `plenum-protobuf.mjs has to lie beside this module: ${e.message}`));
    } finally {
      this.#loading = false;
    }
    if (this.#opening) this.#dial();   // else it was closed meanwhile
  }

  #lateError(ms) {
    const because = this.#failure ? ` The last attempt: ${this.#failure.message}` : '';
    return new PlenumError('timeout', `There was no welcome within ${ms} ms.${because}`);
  }

  /** Ends the connection for good. Open promises reject with `closed`; connect() starts over. */
  close() {
    this.#end(new PlenumError('closed', 'The client was closed.'));
  }

  /** Skips the rest of the wait before the next attempt. */
  reconnectNow() {
    if (this.state === 'waiting') this.#dial();
  }

  /** Changes one's name and stays who one is: the same session and user, in the same rooms, where others learn of it
   *  by `member:changed`. Resolves with the server's `renamed`; `resume` is another one from then on. */
  async rename(name) {
    const reply = await this.request({ type: 'rename', name });
    this.name = reply.name;
    this.resume = reply.resume ?? this.resume;
    this.session = { ...this.session, name: reply.name, resume: this.resume };
    this.emit('renamed', reply);
    return reply;
  }

  /** Goes on with another token of the same user. Resolves with {expires_in, resume}; that `resume` ends with the new
   *  token. Where `token` is a text, this one takes its place. */
  async refresh(token) {
    const wrong = textError('refresh', { token });
    if (wrong) throw wrong;
    const reply = await this.request({ type: 'refresh', token });
    if (typeof this.token !== 'function') this.token = token;
    this.resume = reply.resume ?? this.resume;
    this.session = { ...this.session, resume: this.resume };
    this.#timer('renew');
    this.emit('token_refreshed', { expires_in: reply.expires_in });
    return reply;
  }

  #onExpiring(m) {
    if (m.room !== undefined) return this.#renewRoom(m.room);
    this.emit('token_expiring', m);
    if (typeof this.token === 'function') this.#renew(now() + m.expires_in * 1000);
  }

  /** Asks for the next token until there is one, or this one ends: then the server closes, and the next hello asks. */
  async #renew(end) {
    const ws = this.#ws;
    try {
      await this.refresh(await tokenOf(this.token));
    } catch (e) {
      if (ws !== this.#ws || this.state !== 'open') return;
      this.emit('error', e instanceof PlenumError ? e : noToken(e));
      const left = end - now();
      if (left > RENEW_MS) this.#timer('renew', () => this.#renew(end), Math.max(RENEW_MS, left / 3));
    }
  }

  /** Gives up the session and comes back as somebody new, under another name or with another token if one is given
   *  (null: as a guest), in the same rooms. To change the name only, rename(). */
  restart(options = {}) {
    const wrong = optionsError('restart', options, { name: 'string', token: 'string function' });
    if (wrong) throw wrong;
    this.name = options.name ?? this.name;
    if (options.token !== undefined) this.token = options.token;
    this.resume = null;
    if (this.#ws) {
      for (const room of this.#rooms.values()) {
        if (room.state === 'in') this.#send({ type: 'leave', room: room.name });
      }
    }
    if (this.state === 'idle' || this.state === 'closed') return;
    this.#dropSocket(1000);
    this.#lost();
    this.#attempt = 0;
    this.#dial();
  }

  #setState(state, detail = {}) {
    const previous = this.state;
    this.state = state;
    this.retry_at = detail.retry_at ?? null;
    this.emit('state', { state, previous, ...detail });
  }

  #timer(name, fn, ms) {
    clearTimeout(this.#timers[name]);
    if (fn) this.#timers[name] = setTimeout(fn, ms);
  }

  #dial() {
    if (this.#o.encoding === 'protobuf' && !this.#codec) return this.#loadCodec();
    this.#timer('retry');
    const dial = ++this.#dials;
    this.#setState('connecting', { attempt: this.#attempt });
    if (dial !== this.#dials || this.state !== 'connecting') return;   // a listener closed or restarted us
    let ws;
    try {
      ws = new this.#WebSocket(this.url, this.#o.tenant ? [this.#o.protocol, `plenum.tenant.${this.#o.tenant}`] : [this.#o.protocol]);
    } catch (e) {
      // The address itself is no good (scheme, mixed content): no amount of retrying will help.
      return this.#end(new PlenumError('bad_url', `${this.url}: ${e.message}`));
    }
    const handshake = { done: false };
    ws.binaryType = 'arraybuffer';
    if (this.#codec) {
      this.#speech = new this.#codec.Speech((command) => this.#send(command));
    }
    this.#ws = ws;
    this.#handshake = handshake;
    this.#helloTries = 0;
    this.#helloRooms.clear();
    this.#openedAt = 0;
    this.#pingAt = 0;
    // Each handler checks that its socket is still the current one: an abandoned socket may speak late.
    ws.onopen = () => { if (ws === this.#ws) { handshake.done = true; this.#hello(); } };
    ws.onmessage = (e) => { if (ws === this.#ws) this.#onFrame(e.data); };
    ws.onclose = (e) => { if (ws === this.#ws) this.#onClose(e.code, e.reason); };
    ws.onerror = (e) => { handshake.trouble = e?.message; };   // always followed by close
    listenForRefusal(ws, handshake);
    const late = `There was no welcome within ${this.#o.connect_timeout_ms} ms.`;
    this.#timer('connect', () => this.#giveUp('timeout', late), this.#o.connect_timeout_ms);
  }

  async #hello() {
    const ws = this.#ws;
    const hello = { type: 'hello', id: this.#nextId++ };
    this.#helloId = hello.id;
    if (this.name) hello.name = this.name;
    if (this.resume) hello.resume = this.resume;
    try {
      const token = await tokenOf(this.token);
      if (token) hello.token = token;
    } catch (e) {
      if (ws !== this.#ws) return;
      const error = noToken(e);
      this.emit('error', error);
      return this.#giveUp(error.code, error.message);
    }
    if (ws !== this.#ws) return;
    this.#addRooms(hello);
    this.#send(hello);
  }

  /** A session that goes on is in its rooms again by one message: as many of them as it may bring, and as fit into it. The
   *  others are joined behind the welcome, and so are those for which a function gets a token, as nothing is to wait for
   *  that. Who comes as somebody new learns first who that is. */
  #addRooms(hello) {
    if (!this.resume || !this.session) return;
    let left = (this.session.limits?.message_bytes ?? Infinity) - utf8Length(JSON.stringify({ ...hello, rooms: [] }));
    const joins = [];
    for (const room of this.#rooms.values()) {
      if (!room.wanted || typeof room.options.token === 'function') continue;
      const command = { room: room.name, ...joinOptions(room), id: this.#nextId };
      if (room.options.token) command.token = room.options.token;
      left -= utf8Length(JSON.stringify(command)) + 1;   // 1: a comma
      if (left < 0 || joins.length === HELLO_ROOMS_MAX) break;
      this.#helloRooms.set(room, ++room.turn);
      this.#requests.set(this.#nextId++, this.#joinHandlers(room));
      joins.push(command);
    }
    if (joins.length > 0) hello.rooms = joins;
  }

  #onHelloError(reply) {
    for (const room of this.#helloRooms.keys()) room.turn++;   // what is told of them is of no interest
    this.#helloRooms.clear();
    const ended = reply.code in TOKEN_OVER;
    if (reply.code === 'token_revoked' && !this.token) this.resume = null;   // no token could bring it back
    // The server cannot look at the token now, which may be good; or it says when to try again, as a tenant is full.
    const passing = TRANSIENT.has(reply.code) || reply.retry_ms > 0;
    const next = typeof this.token === 'function' && (ended || reply.code === 'unauthorized');
    // A session whose token has ended is ours as long as there is another token for it. Otherwise it is gone or not
    // ours, and we come as somebody new; but never as a guest in the place of who we said we were.
    if (!passing && (next || (this.resume && !ended)) && ++this.#helloTries <= 2) {
      if (!ended) this.resume = null;
      return this.#hello();
    }
    const error = new PlenumError(reply.code, reply.message, reply);
    if (!passing) return this.#end(error);
    this.emit('error', error);
    this.#drainMs ??= reply.retry_ms ?? null;
    this.#giveUp(reply.code, reply.message);
  }

  #onWelcome(m) {
    const ws = this.#ws;
    this.#timer('connect');
    this.#timer('opening');
    this.#welcomed = true;
    const resumed = this.session !== null && m.session === this.session.session;
    this.session = m;
    this.resume = m.resume ?? null;
    this.#openedAt = now();
    this.#watch();
    // Listeners learn who they are before any room speaks.
    this.emit('session', { ...m, resumed });
    if (ws !== this.#ws) return;   // a listener does not want to be this one, and has closed or restarted us
    const again = [...this.#rooms.values()].filter((room) => room.wanted);
    const joined = new Map(this.#helloRooms);
    this.#helloRooms.clear();
    this.#setState('open', { resumed });
    if (ws !== this.#ws) return;
    for (const room of joined.keys()) if (!room.wanted) this.#send({ type: 'leave', room: room.name });   // left meanwhile
    for (const room of again) if (room.wanted && room.turn !== joined.get(room)) this.#sendJoin(room);
    this.#opening?.resolve(m);
    this.#opening = null;
    this.#flush();
  }

  /** The connection is gone. `error` is our own verdict, if it was ours. */
  #onClose(code, reason, error) {
    if (code === CLOSE_REPLACED) return this.#onReplaced(code, reason);
    if (code === CLOSE_DISCONNECTED) return this.#onDisconnected(code, reason);
    const ended = code === 1008 && reason in TOKEN_OVER;
    if (reason === 'token_revoked' && !this.token) this.resume = null;   // a guest's: who connects again is somebody new
    if (ended && typeof this.token !== 'function') {
      return this.#end(new PlenumError(reason, TOKEN_OVER[reason]));
    }
    if (code === 1009) this.#dropLargest();
    this.#lost();
    const lasted = this.#openedAt && now() - this.#openedAt >= this.#o.stable_ms;
    this.#openedAt = 0;
    if (lasted) this.#attempt = 0;
    if (code === 1013 || (code === 1008 && !ended)) this.#attempt += 2;   // we were told that we are too much
    if (this.#welcomed) return this.#wait({ code, reason });
    const dial = this.#dials;
    const told = error ? Promise.resolve(error) : this.#explain(code, reason);
    told.then((why) => { if (dial === this.#dials && this.state === 'connecting') this.#onFailed(code, why); });
  }

  /** An attempt before the first welcome failed. */
  #onFailed(code, error) {
    this.#failure = error;
    if (++this.#failures >= this.#o.max_attempts) return this.#end(error);
    this.#wait({ code, reason: error.message, error });
  }

  #wait(detail) {
    const { backoff_base_ms: base, backoff_cap_ms: cap, random } = this.#o;
    // Full jitter: anywhere in [0, ceiling), so that a crowd cut off together does not come back together.
    const delay = this.#drainMs ?? random() * Math.min(cap, base * 2 ** Math.min(this.#attempt, 20));
    this.#drainMs = null;
    this.#attempt++;
    this.#timer('retry', () => this.#dial(), delay);
    this.#setState('waiting', { retry_at: Date.now() + delay, attempt: this.#attempt, ...detail });
  }

  /** Coming back would take the session from whoever has it now, who would take it back, and so on for ever. */
  #onReplaced(code, reason) {
    this.#end(new PlenumError('replaced', 'The session goes on in another connection.'));
    this.emit('replaced', { code, reason });
  }

  /** Who was sent away does not come back by itself. */
  #onDisconnected(code, reason) {
    this.#end(new PlenumError('disconnected', 'The server has closed this connection.'));
    this.emit('disconnected', { code, reason });
  }

  /** Why the connection could not be made, as far as anybody can tell. A WebSocket says 1006 and no more, on purpose,
   *  so that pages cannot scan networks; what the same address answers to a plain request says the rest. */
  async #explain(code, reason) {
    const { done, status, text, trouble } = this.#handshake;
    if (done) return new PlenumError('refused', `The server closed before its welcome (${code}${reason ? `, ${reason}` : ''}).`);
    if (status !== undefined) return refusal(this.url, status, text);
    return probe(this.url, trouble);
  }

  /** Our own verdict that the connection is no use; the socket's close event is not waited for, since a
   *  half-open connection may take minutes to produce one. */
  #giveUp(code, message) {
    this.#dropSocket(1000);
    this.#onClose(1006, message, new PlenumError(code, message));
  }

  #dropSocket(code) {
    const ws = this.#ws;
    this.#ws = null;
    if (!ws) return;
    try { ws.close(code); } catch { /* still connecting, or already gone */ }
  }

  /** The connection is gone: forget what belonged to it, keep what outlives it. */
  #lost(error = new PlenumError('disconnected', 'The connection was lost before the server answered.')) {
    this.#ws = null;
    this.#helloId = null;
    for (const name of ['connect', 'live', 'flush', 'renew']) this.#timer(name);
    this.#liveDue = Infinity;
    for (const room of this.#rooms.values()) {
      if (room.state !== 'out') room.state = 'joining';
      if (!room.wanted) room.forget();
    }
    for (const item of this.#outbox) { item.id = null; item.held = false; }
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const r of requests) r.lost(error);
  }

  #end(error) {
    if (this.state === 'closed') return;
    this.#dials++;   // what an attempt still has to tell is of no interest any more
    this.#dropSocket(1000);
    this.#timer('retry');
    this.#timer('opening');
    for (const room of this.#rooms.values()) { room.wanted = false; this.#settleJoin(room, error); }
    this.#lost(error);
    this.#unlisten?.();
    for (const item of this.#outbox.splice(0)) item.reject(error);
    this.#opening?.reject(error);
    this.#opening = null;
    this.#setState('closed', { code: error.code, reason: error.message });
  }

  /** Where there is a page: the network coming back, or the page waking up, is a reason to look at once. */
  #listenToPlatform() {
    const page = globalThis.window;
    if (this.#unlisten || !page?.addEventListener) return;
    const look = () => { if (this.state === 'waiting') this.#dial(); else this.#probe(); };
    const probe = () => this.#probe();   // "offline" may be wrong, as for a server on this machine
    const awake = () => { if (page.document.visibilityState === 'visible') look(); };
    page.addEventListener('online', look);
    page.addEventListener('offline', probe);
    page.addEventListener('pageshow', awake);
    page.document.addEventListener('visibilitychange', awake);
    this.#unlisten = () => {
      page.removeEventListener('online', look);
      page.removeEventListener('offline', probe);
      page.removeEventListener('pageshow', awake);
      page.document.removeEventListener('visibilitychange', awake);
      this.#unlisten = null;
    };
  }

  // ---- liveness ---------------------------------------------------------------------------------------------

  /** Sets the one liveness timer to the earliest moment at which silence would be suspicious. Hearing something
   *  does not touch the timer (that would cost on every frame); a timer that fires early just sets itself again. */
  #watch() {
    if (!this.#openedAt) return;
    const due = this.#silenceDue();
    if (due >= this.#liveDue) return;
    this.#liveDue = due;
    this.#timer('live', () => this.#onLiveTimer(), Math.max(0, due - now()));
  }

  #silenceDue() {
    if (this.#pingAt) return this.#pingAt + this.#o.pong_timeout_ms;
    const idle = this.#lastHeard + (this.session?.heartbeat_s || 30) * 1500;
    const owed = this.#requests.size > 0 || this.#outbox.some((item) => item.id !== null);
    return owed ? Math.min(idle, Math.max(this.#lastHeard, this.#lastSent) + this.#o.reply_timeout_ms) : idle;
  }

  #onLiveTimer() {
    this.#liveDue = Infinity;
    if (now() < this.#silenceDue() - 1) return this.#watch();
    if (this.#pingAt) return this.#giveUp('timeout', 'The server does not answer.');
    this.#probe();
  }

  #probe() {
    if (this.state !== 'open' || this.#pingAt) return;
    this.#pingAt = now();
    this.#send({ type: 'ping' });
    this.#liveDue = Infinity;
    this.#watch();
  }

  // ---- frames -----------------------------------------------------------------------------------------------

  #send(object) {
    if (!this.#ws || this.#ws.readyState !== 1) return false;
    this.#lastSent = now();
    this.#ws.send(this.#codec ? this.#codec.encode(object) : object.data instanceof Uint8Array ? binaryFrame(object) : JSON.stringify(object));
    return true;
  }

  #onFrame(frame) {
    this.#lastHeard = now();
    this.#pingAt = 0;
    let messages;
    try {
      messages = this.#codec ? this.#speech.receive(new Uint8Array(frame))
        : [typeof frame === 'string' ? withBytes(JSON.parse(frame)) : ofBinaryFrame(frame)];
    } catch {
      messages = [null];
    }
    const ws = this.#ws;
    for (const m of messages) if (ws === this.#ws) this.#onMessage(m);   // a listener may have closed or restarted us
  }

  #onMessage(m) {
    if (m === null || typeof m.type !== 'string') {
      return this.emit('error', new PlenumError('bad_frame', 'The server sent something that is not a message.'));
    }
    if (m.type === 'welcome') return this.#onWelcome(m);
    if (m.type === 'drain') { this.#drainMs = m.reconnect_ms ?? null; return this.emit('drain', m); }
    if (m.type === 'direct') return this.emit('direct', m);
    if (m.type === 'token_expiring') return this.#onExpiring(m);
    if (m.id !== undefined && this.#onReply(m)) return;
    if (m.type === 'error') return this.emit('error', new PlenumError(m.code, m.message, m));
    if (typeof m.room === 'string') this.#onRoomFrame(m);
  }

  /** True if `m` was the answer to something we asked. */
  #onReply(m) {
    if (m.id === this.#helloId) {
      if (m.type === 'error') this.#onHelloError(m);
      return true;
    }
    const request = this.#requests.get(m.id);
    if (request) {
      this.#requests.delete(m.id);
      if (m.type === 'error') request.reject(new PlenumError(m.code, m.message, m));
      else request.resolve(m);
      return true;
    }
    const index = this.#outbox.findIndex((item) => item.id === m.id);
    if (index < 0) return false;
    this.#onSettled(index, m);
    return true;
  }

  #onRoomFrame(m) {
    const room = this.#rooms.get(m.room);
    if (!room) return;
    if (m.type === 'left') return this.#onRemoved(room, m);
    if (room.state !== 'in') return;   // an echo of a membership we gave up; a new join brings its own replay
    if (m.type === 'epoch') {
      room.goOn(m.epoch, m.offset);
      room.takeState(room.shared, 0);   // versions are others now
      this.#readShared(room);
      return this.#emitRoom(room, 'reset', { type: 'reset', room: room.name, epoch: m.epoch, offset: m.offset, same_epoch: false });
    }
    if (m.type === 'gap') {
      if (m.to !== undefined) room.skipTo(m.to);
      if (m.to > room.head) this.#readShared(room);   // changes may be among what is missing
    } else if (Number.isInteger(m.offset) && !NOT_ENTRIES.has(m.type)) {
      room.latest = Math.max(room.latest, m.offset);
      // A change of the shared state is told key by key, all with one offset.
      const goes_on = m.type === 'state:updated' && m.offset === room.shared_told;
      if (!goes_on && !room.note(m.offset)) return;
    }
    if (m.type === 'state:updated') {
      room.shared_told = m.offset;
      room.share(m);
    }
    if (m.offset > room.head) this.#onDecreed(room, m);   // what is replayed `joined` has told the outcome of
    this.#emitRoom(room, m.type, m);
    this.#checkHole(room);
  }

  /** The shared state anew, where changes of it may have been missed. */
  #readShared(room) {
    const { turn } = room;
    const take = (m) => {
      if (room.turn !== turn || room.state !== 'in' || m.version < room.shared_version) return;
      room.takeState(m.state, m.version);
      this.#emitRoom(room, 'shared', { type: 'shared', room: room.name, state: room.shared, version: m.version });
    };
    this.request({ type: 'state', room: room.name }).then(take, () => {});   // without a connection `joined` will have it
  }

  #onDecreed(room, m) {
    if (['member:role', 'member:admitted', 'room:created'].includes(m.type) && m.user === this.session?.user) room.role = m.role ?? room.role;
    else if (m.type === 'room:changed') for (const key of SETTINGS) room[key] = m[key] ?? room[key];
  }

  #emitRoom(room, type, event) {
    room.emit(type, event);
    this.emit(type, event);
  }

  /** Entries come in order, rising by one. What is missing below one that came is ours as long as an own publish
   *  is unanswered (its ack fills it); any other hole would be a loss, and a loss is announced, whoever's fault it
   *  is. An ack proves nothing about what lies below it: entries of others may still be on their way. */
  #checkHole(room) {
    const low = room.beyondHole();
    if (low === null || low > room.latest) return;
    const mine = this.#outbox.filter((item) => item.room === room.name && item.id !== null).length;
    if (mine >= low - room.cursor - 1 && room.ahead.size < this.#o.ahead_max) return;
    const gap = { type: 'gap', room: room.name, from: room.cursor + 1, to: low - 1, reason: 'missing' };
    room.skipTo(low - 1);
    this.#emitRoom(room, 'gap', gap);
  }

  // ---- requests ---------------------------------------------------------------------------------------------

  /** Sends any command of the protocol and resolves with its reply: the door to what has no method here. Not
   *  repeated after a reconnect; rejects with `disconnected` when there is no connection. */
  request(command) {
    return new Promise((resolve, reject) => {
      if (typeof command?.type !== 'string') {
        return reject(new PlenumError('bad_argument', `request: the type is ${typeOf(command?.type)}, expected a string`));
      }
      if (this.state !== 'open') return reject(new PlenumError('disconnected', 'There is no connection right now.'));
      if (this.#requests.size >= this.#o.requests_max) {
        return reject(new PlenumError('queue_full', 'Too many commands are waiting for their reply.'));
      }
      this.#ask(command, { resolve, reject, lost: reject });
    });
  }

  #ask(command, handlers) {
    if (jsonOf(command) === undefined) {
      return handlers.reject(new PlenumError('bad_argument', `${command.type}: there is no JSON for what is in it`));
    }
    const id = this.#nextId++;
    this.#requests.set(id, handlers);
    try {
      this.#send({ ...command, id });
    } catch (e) {   // no command of the encoding
      this.#requests.delete(id);
      handlers.reject(new PlenumError('bad_argument', e.message));
    }
    this.#watch();
  }

  #query(type, options, known, keys) {
    const wrong = optionsError(type, options, known);
    return wrong ? Promise.reject(wrong) : this.request({ ...options, ...keys, type });
  }

  members(room, options = {}) { return this.#query('members', options, PAGE_OPTIONS, { room }); }
  history(room, options = {}) { return this.#query('history', options, HISTORY_OPTIONS, { room }); }
  /** A page of what answers a message. */
  thread(room, offset, options = {}) {
    const wrong = textError('thread', { room }) ?? offsetError('thread', offset);
    return wrong ? Promise.reject(wrong) : this.#query('history', options, HISTORY_OPTIONS, { room, reply_to: offset });
  }
  rooms(options = {}) { return this.#query('rooms', options, { prefix: 'string', ...PAGE_OPTIONS }, {}); }

  /** Resolves with the server's `pong` plus `rtt_ms`. */
  async ping() {
    const start = now();
    const pong = await this.request({ type: 'ping' });
    return { ...pong, rtt_ms: now() - start };
  }

  // ---- rooms ------------------------------------------------------------------------------------------------

  /** The handle of a room, joined or not; always the same object for the same name. */
  room(name) {
    const wrong = textError('room', { name });
    if (wrong) throw wrong;
    let room = this.#rooms.get(name);
    if (!room) this.#rooms.set(name, room = new PlenumRoom(this, name));
    return room;
  }

  /** The token that a room was joined with ends soon: where there is a function for it, it is asked for the next one. Without one
   *  the room is left, with the reason `expired`. */
  async #renewRoom(room) {
    const { token } = this.room(room).options;
    if (typeof token !== 'function') return;
    try {
      await this.request({ type: 'refresh', room, token: await tokenOf(token) });
    } catch (e) {
      this.emit('error', e instanceof PlenumError ? e : noToken(e));
    }
  }

  /** Joins a room and stays in it over reconnects. Without a connection the join waits for one.
   *  @param {object} [options] {history?: count, members?: bool, token?: string|function, since?: {epoch, offset}}
   *  @returns the server's `joined`. */
  join(name, options = {}) {
    const wrong = textError('join', { room: name }) ?? optionsError('join', options, JOIN_OPTIONS);
    if (wrong) return Promise.reject(wrong);
    const room = this.room(name);
    room.options = options;
    room.wanted = true;
    room.tries = 0;
    room.joining ??= deferred();
    const { promise } = room.joining;
    if (room.state === 'out') {
      room.state = 'joining';
      if (this.state === 'open') this.#sendJoin(room);
    } else if (room.state === 'in') {
      // Asking again for a room we are in: the server would say already_member; answer with what we know.
      this.#settleJoin(room, null, { type: 'joined', room: name, epoch: room.epoch, offset: room.head, role: room.role });
    }
    return promise;
  }

  async #sendJoin(room) {
    room.state = 'joining';
    const turn = ++room.turn;
    const command = { type: 'join', room: room.name };
    const failed = await this.#addJoinOptions(room, command);
    if (this.state !== 'open' || turn !== room.turn) return;
    if (failed) return this.#onJoinRefused(room, failed);
    this.#ask(command, this.#joinHandlers(room));
  }

  #joinHandlers(room) {
    const { turn } = room;
    return {
      resolve: (m) => { if (turn === room.turn) this.#onJoined(room, m); },
      reject: (e) => { if (turn === room.turn) this.#onJoinRefused(room, e); },
      lost: () => {},   // joined again after the reconnect
    };
  }

  /** What went wrong, as a PlenumError. */
  async #addJoinOptions(room, command) {
    const { token } = room.options;
    Object.assign(command, joinOptions(room));
    try {
      if (token) command.token = await tokenOf(token);
      return null;
    } catch (e) {
      return noToken(e);
    }
  }

  #onJoined(room, m) {
    const had = room.resumePoint() ?? room.options.since ?? null;
    const same_epoch = had?.epoch === m.epoch;
    room.state = 'in';
    room.tries = 0;
    room.role = m.role;
    room.readonly = m.readonly === true;
    room.locked = m.locked === true;
    room.slow_s = m.slow_s ?? 0;
    room.takeState(m.state ?? {}, m.state_version ?? 0);
    room.head = m.offset;
    room.latest = 0;
    if (m.recovered === false || room.epoch !== m.epoch) room.ahead.clear();
    room.early = [];
    room.epoch = m.epoch;
    if (m.recovered === false) room.cursor = m.offset;
    else if (m.recovered) room.cursor ??= had.offset;
    else if (!room.options.history) room.cursor = m.offset;
    this.#emitRoom(room, 'joined', m);
    if (m.recovered === false) {
      this.#emitRoom(room, 'reset', { type: 'reset', room: room.name, epoch: m.epoch, offset: m.offset, same_epoch });
    }
    this.#settleJoin(room, null, m);
    this.#flush();
  }

  #onJoinRefused(room, error) {
    if (error.code === 'already_member' && room.tries++ < 1) {
      this.#send({ type: 'leave', room: room.name });
      return this.#sendJoin(room);
    }
    if (TRANSIENT.has(error.code) && room.tries++ < this.#o.retries_max) {
      const ms = error.retry_ms ?? 500 * 2 ** room.tries;
      const { turn } = room;
      setTimeout(() => { if (turn === room.turn && this.state === 'open') this.#sendJoin(room); }, ms);
      return;
    }
    this.#outOf(room, error);
    const waited = room.joining !== undefined;
    this.#settleJoin(room, error);
    // A *re*join that fails has no promise to tell: to its listeners it is a removal.
    if (!waited) this.#emitRoom(room, 'left', { type: 'left', room: room.name, reason: error.code, error });
  }

  #settleJoin(room, error, reply) {
    const joining = room.joining;
    room.joining = undefined;
    if (error) joining?.reject(error);
    else joining?.resolve(reply);
  }

  #outOf(room, error) {
    room.wanted = false;
    room.turn++;
    room.forget();
    const mine = this.#outbox.filter((item) => item.room === room.name);
    this.#outbox = this.#outbox.filter((item) => item.room !== room.name);
    for (const item of mine) item.reject(error);
  }

  #onRemoved(room, m) {
    if (room.state === 'out') return;
    this.#outOf(room, new PlenumError(m.reason ?? 'not_member', 'You are no longer in this room.'));
    this.#settleJoin(room, new PlenumError(m.reason ?? 'not_member', 'You are no longer in this room.'));
    this.#emitRoom(room, 'left', m);
  }

  /** Leaves a room; what was not yet acknowledged there is rejected. Resolves also without a connection. */
  leave(name) {
    const wrong = textError('leave', { room: name });
    if (wrong) return Promise.reject(wrong);
    const room = this.room(name);
    if (room.state === 'out') return Promise.resolve({ type: 'left', room: name });
    const gone = new PlenumError('not_member', 'The room was left.');
    this.#outOf(room, gone);
    this.#settleJoin(room, gone);
    const done = { type: 'left', room: name };
    return new Promise((resolve) => {
      const finish = () => { this.#emitRoom(room, 'left', done); resolve(done); };
      if (this.state !== 'open') return finish();
      // Whatever the answer, we are not in the room afterwards.
      this.#ask({ type: 'leave', room: name }, { resolve: finish, reject: finish, lost: finish });
    });
  }

  /** Moves from one room to another, all or nothing. Takes join's options, resolves with `joined`. */
  async switch(from, to, options = {}) {
    const wrong = textError('switch', { from, to }) ?? optionsError('switch', options, JOIN_OPTIONS);
    if (wrong) throw wrong;
    const old = this.room(from);
    const room = this.room(to);
    if (this.state !== 'open' || old.state !== 'in' || room.state !== 'out') {
      const reply = await this.join(to, options);
      await this.leave(from);
      return reply;
    }
    room.options = options;
    room.wanted = true;
    room.state = 'joining';
    room.turn++;
    const command = { type: 'switch', from, to };
    const failed = await this.#addJoinOptions(room, command);
    return new Promise((resolve, reject) => {
      const left = new PlenumError('not_member', 'The room was left.');
      const handlers = {
        resolve: (m) => {
          this.#outOf(old, left);
          this.#emitRoom(old, 'left', { type: 'left', room: from });
          this.#onJoined(room, m);
          resolve(m);
        },
        reject: (e) => { room.wanted = false; room.forget(); reject(e); },
        // Not knowing which side of the switch we are on, we come back on the new one.
        lost: () => { this.#outOf(old, left); this.join(to, options).then(resolve, reject); },
      };
      if (failed) handlers.reject(failed);
      else this.#ask(command, handlers);
    });
  }

  // ---- publishing -------------------------------------------------------------------------------------------

  /** Publishes any JSON value to a room one has joined (or is joining). Resolves with the `ack`.
   *  @param {object} [options] {key?: idempotency key, default random; conflate?: conflation key;
   *                             echo?: also get one's own entry;
   *                             replyTo?: offset of the message that it answers} */
  publish(room, data, options = {}) {
    const wrong = textError('publish', { room }) ?? optionsError('publish', options, SEND_OPTIONS)
      ?? ((options.replyTo ?? null) === null ? null : offsetError('publish', options.replyTo));
    if (wrong) return Promise.reject(wrong);
    const handle = this.room(room);
    if (!handle.wanted) return Promise.reject(new PlenumError('not_member', `Join ${room} before publishing to it.`));
    return this.#enqueue({ room, data, ...options });
  }

  /** Tells those who are in the room now, and nobody later: typing, a cursor. Kept nowhere, never repeated, not
   *  acknowledged; of several in quick succession the last one counts. Returns whether it was sent: without a
   *  connection, or outside of the room, there is nobody to tell. */
  signal(room, data, options = {}) {
    const wrong = textError('signal', { room }) ?? optionsError('signal', options, SIGNAL_OPTIONS) ?? dataError('signal: ', data, options);
    if (wrong) throw wrong;
    if (this.state !== 'open' || this.room(room).state !== 'in') return false;
    this.#send({ type: 'signal', room, ...dataOf(data, options.contentType) });
    return true;
  }

  /** Sends any JSON value to all sessions of a user. The ack's `delivered` says how many there were. */
  direct(to, data, options = {}) {
    const wrong = textError('direct', { to }) ?? optionsError('direct', options, DIRECT_OPTIONS);
    if (wrong) return Promise.reject(wrong);
    return this.#enqueue({ to, data, ...options });
  }

  #enqueue({ room = null, to, data, key = randomKey(), conflate, echo, replyTo, contentType }) {
    return new Promise((resolve, reject) => {
      const wrong = dataError('', data, { contentType });
      if (wrong) return reject(wrong);
      if (this.state === 'closed') return reject(new PlenumError('closed', 'The client is closed.'));
      if (this.#outbox.length >= this.#o.outbox_max) {
        return reject(new PlenumError('queue_full', 'Too many messages are waiting to be sent.'));
      }
      const what = dataOf(data, contentType);
      const command = room === null ? { type: 'direct', to, ...what, key } : { type: 'message', room, ...what, key };
      if (conflate) command.conflate = conflate;
      if (echo) command.echo = true;
      if (replyTo) command.reply_to = replyTo;
      const item = { room, target: room === null ? `@${to}` : room, command, bytes: 0, id: null, held: false,
        tries: 0, hold_until: 0, resolve, reject };
      // 24: room for the id
      item.bytes = command.data instanceof Uint8Array ? binaryFrame(command).length + 24 : utf8Length(JSON.stringify(command)) + 24;
      this.#outbox.push(item);
      this.#flush();
    });
  }

  /** Sends what may be sent: in order per target, at most `window` unanswered, only into rooms we are in. */
  #flush() {
    if (this.state !== 'open') return;
    const limit = this.session?.limits?.message_bytes ?? Infinity;
    const time = now();
    const blocked = new Set();
    let flying = this.#outbox.reduce((n, item) => n + (item.id !== null), 0);
    let wake = Infinity;
    for (const item of [...this.#outbox]) {
      if (item.id !== null) continue;
      if (flying >= this.#o.window) break;
      if (item.hold_until > time) wake = Math.min(wake, item.hold_until);
      const room = item.room === null ? null : this.#rooms.get(item.room);
      const ready = !item.held && item.hold_until <= time && (room === null || room.state === 'in');
      if (!ready || blocked.has(item.target)) { blocked.add(item.target); continue; }
      if (item.bytes > limit) { this.#refuse(item, limit); continue; }
      const id = this.#nextId++;
      if (!this.#send({ ...item.command, id })) break;
      item.id = id;
      flying++;
    }
    if (wake < Infinity) this.#timer('flush', () => this.#flush(), wake - time);
    this.#watch();
  }

  #refuse(item, limit) {
    this.#outbox = this.#outbox.filter((other) => other !== item);
    item.reject(new PlenumError('too_large', `The message is ${item.bytes} bytes; the server takes ${limit}.`));
  }

  #onSettled(index, m) {
    const item = this.#outbox[index];
    if (m.type === 'error' && TRANSIENT.has(m.code) && item.tries++ < this.#o.retries_max) {
      item.id = null;
      // A draining server will not change its mind; the next connection goes elsewhere.
      if (m.code === 'draining') item.held = true;
      else item.hold_until = now() + (m.retry_ms ?? 250 * 2 ** item.tries);
      return this.#flush();
    }
    this.#outbox.splice(index, 1);
    const room = item.room === null ? null : this.#rooms.get(item.room);
    if (m.type === 'error') {
      item.reject(new PlenumError(m.code, m.message, m));
    } else {
      // Our own entry counts as seen: the server sends only the ack, and a later replay must not repeat it.
      if (room && Number.isInteger(m.offset) && (m.epoch === undefined || m.epoch === room.epoch) && !item.command.echo) {
        if (room.cursor === null || m.offset > room.cursor) room.ahead.add(m.offset);
        room.advance();
      } else if (room?.state === 'in' && m.epoch !== undefined && m.epoch !== room.epoch && room.early.length < this.#o.ahead_max) {
        room.early.push({ epoch: m.epoch, offset: m.offset });   // `epoch` may come behind it
      }
      item.resolve(m);
    }
    if (room && room.state === 'in') this.#checkHole(room);
    this.#flush();
  }

  /** The server closed with 1009: the largest message in flight is the likely reason, and sending it again would
   *  end the next connection as well. */
  #dropLargest() {
    const flying = this.#outbox.filter((item) => item.id !== null);
    if (flying.length === 0) return;
    const item = flying.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    this.#refuse(item, this.session?.limits?.message_bytes ?? 'less');
  }
}

function deferred() {
  const d = {};
  d.promise = new Promise((resolve, reject) => Object.assign(d, { resolve, reject }));
  return d;
}

/** undefined where there is no JSON for it: functions, symbols, circles, big integers. */
function jsonOf(data) {
  try { return JSON.stringify(data); } catch { return undefined; }
}

// ---- data that are bytes -----------------------------------------------------------------------------------------

/** As bytes, where that is what they are; else null. */
function bytesOf(data) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
}

function dataError(where, data, options) {
  const bytes = bytesOf(data);
  if (!bytes && jsonOf(data) === undefined) return new PlenumError('bad_argument', `${where}data is not a JSON value, nor bytes`);
  if (!bytes && (options?.contentType ?? null) !== null) return new PlenumError('bad_argument', `${where}contentType is for data that are bytes`);
  return null;
}

/** What a command says: JSON, or a copy of the bytes with their type. */
function dataOf(data, contentType) {
  const bytes = bytesOf(data);
  return bytes ? { data: bytes.slice(), content_type: contentType ?? ANY_BYTES } : { data };
}

/** Bytes in JSON: the length of the command without them, the command, the bytes. */
function binaryFrame({ data, ...command }) {
  const head = new TextEncoder().encode(JSON.stringify(command));
  const frame = new Uint8Array(4 + head.length + data.length);
  new DataView(frame.buffer).setUint32(0, head.length);
  frame.set(head, 4);
  frame.set(data, 4 + head.length);
  return frame;
}

/** The same from the server. */
function ofBinaryFrame(buffer) {
  const end = 4 + new DataView(buffer).getUint32(0);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, end - 4)));
  return { ...message, data: new Uint8Array(buffer, end) };
}

/** A message of JSON whose data are base64, and the rows of a history likewise, with bytes in their place. */
function withBytes(m) {
  if (typeof m?.content_type === 'string' && typeof m.data === 'string') {
    m.data = Uint8Array.from(atob(m.data), (c) => c.charCodeAt(0));
  }
  if (Array.isArray(m?.history)) m.history.forEach(withBytes);
  return m;
}

// ---- why a connection could not be made -------------------------------------------------------------------------

/** npm's ws tells what the server answered instead of 101, to those who ask before it gives up. */
function listenForRefusal(ws, handshake) {
  if (typeof ws.on !== 'function' || typeof ws.terminate !== 'function') return;
  ws.on('unexpected-response', (request, response) => {
    handshake.status = response.statusCode;
    handshake.text = '';
    response.on('data', (chunk) => { if (handshake.text.length < 200) handshake.text += chunk; });
    response.on('error', () => {});
    response.on('close', () => ws.terminate());   // and so comes its close event
  });
}

/** What the address says to a plain request. Two tries in a browser: an answer that we may not read (the origin is not
 *  allowed) looks like no answer at all, except to `no-cors`, which cannot read it either but knows that it came. */
async function probe(url, trouble) {
  const address = url.replace(/^ws/, 'http');
  const unreachable = (why) => new PlenumError('unreachable', `${url} cannot be reached${why ? ` (${why})` : ''}.`);
  if (typeof globalThis.fetch !== 'function' || !/^http/.test(address)) return unreachable(trouble);
  const ask = (mode) => fetch(address, { mode, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(EXPLAIN_MS) });
  try {
    const response = await ask('cors');
    return refusal(url, response.status, await response.text());
  } catch (e) {
    trouble ??= e.cause?.message;
  }
  try {
    await ask('no-cors');
    return new PlenumError('origin_refused', `${url} answers, but not to pages from ${globalThis.location?.origin}; see origin.allowed.`);
  } catch {
    return unreachable(trouble);
  }
}

function refusal(url, status, text) {
  const sentence = /^[^<\n]{1,200}$/m.exec(text ?? '')?.[0].trim();
  const answer = `HTTP ${status}${sentence ? `: ${sentence}` : ''}`;
  // A WebSocket endpoint asks a plain request to upgrade. So the path is right, and something between us is not.
  if (status === 426) return new PlenumError('unreachable', `${url} is there, but no WebSocket comes through; is there a proxy on the way?`);
  if (status === 404 || status < 400) return new PlenumError('wrong_path', `There is no WebSocket at ${url} (${answer}).`);
  if (status === 403) return new PlenumError('origin_refused', `${url} refused this page (${answer}).`);
  if (status === 421) return new PlenumError('host_refused', `${url} is not a name of that server (${answer}).`);
  return new PlenumError('refused', `${url} refused the connection (${answer}).`);
}

// ---- small things -----------------------------------------------------------------------------------------------

/** From where on a room is joined, and with what. */
function joinOptions(room) {
  const { history, members, since } = room.options;
  const at = room.resumePoint() ?? since;
  // Either continue or start over: `history` together with `since` would be two different wishes.
  return { ...(at ? { since: at } : history ? { history } : {}), ...(members ? { members: true } : {}) };
}

function tokenOf(token) {
  return typeof token === 'function' ? token() : token;
}

function noToken(e) {
  return new PlenumError('unauthorized', `Could not get a token: ${e?.message ?? e}`);
}

function utf8Length(text) {
  return new TextEncoder().encode(text).length;
}

/** 128 random bits. getRandomValues, unlike randomUUID, exists on plain http pages too. Node.js 18 has neither; a key
 *  must not repeat among one user's own messages of minutes, nobody need fail to guess it, so Math.random will do. */
function randomKey() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto?.getRandomValues) globalThis.crypto.getRandomValues(bytes);
  else for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(Math.random() * 256);
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
