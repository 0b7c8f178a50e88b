// SPDX-License-Identifier: Apache-2.0
//
// volume.mjs - plays what is large, or many, or compressed (cases/volume.mjs): each message goes out, comes back as one frame with the
// same octets, and then the next one; at the end both sides close in good order. Pings are answered, as libraries do.
//
//   node's zlib is the compressor, with a context that is kept or not, as was agreed; and what the server compressed is inflated by it.
import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import zlib from 'node:zlib';
import { dataOf } from './cases/volume.mjs';
import { secureListener } from './suite.mjs';
import { sharedServer } from './support.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, acceptOf, closePayload, frame, parseFrame, upgradeRequest } from './websocket.mjs';

const RSV1 = 4;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const KEY = 'cGxlbnVtLWNvbmZvcm0hIQ==';
const WRITE = 64 * 1024;

// ---- a connection -------------------------------------------------------------------------------------------------

class Line {
  chunks = []; // what has come and was not taken
  size = 0;
  end = null;
  wake = () => {};

  static async open(at) {
    const line = new Line();
    const options = { port: at.port, host: '127.0.0.1' };
    line.socket = at.secure ? tls.connect({ ...options, secureContext: at.secure, servername: 'localhost' }) : net.connect(options);
    line.socket.setNoDelay(true);
    line.socket.on('data', (chunk) => {
      line.chunks.push(chunk);
      line.size += chunk.length;
      line.wake();
    });
    const over = (how) => () => {
      line.end ??= how;
      line.wake();
    };
    for (const how of ['end', 'close']) line.socket.on(how, over(how));
    line.socket.on('error', (error) => over(error.code ?? error.message)());
    let open = false;
    line.socket.once(at.secure ? 'secureConnect' : 'connect', () => {
      open = true;
      line.wake();
    });
    await line.until('a connection', () => open);
    return line;
  }

  async until(what, probe) {
    while (!probe()) {
      assert.equal(this.end, null, `the connection ended before: ${what}`);
      await new Promise((next) => (this.wake = next));
    }
  }

  // Once so many octets are there, all that are.
  async bytes(n) {
    await this.until(`${n} octets`, () => this.size >= n);
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  take(n) {
    this.chunks = [this.chunks[0].subarray(n)];
    this.size -= n;
  }

  write(bytes) {
    return new Promise((next) => this.socket.write(bytes, next));
  }
}

class Peer {
  static async open(at, offer) {
    const peer = new Peer();
    peer.line = await Line.open(at);
    await peer.line.write(upgradeRequest('/conformance/echo', { Host: `127.0.0.1:${at.port}`, ...(offer && { 'Sec-WebSocket-Extensions': offer }) }));
    let head = Buffer.alloc(0);
    while (!head.includes('\r\n\r\n')) head = await peer.line.bytes(head.length + 1);
    const end = head.indexOf('\r\n\r\n') + 4;
    const text = head.subarray(0, end).toString('latin1');
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.equal(/^sec-websocket-accept: (\S+)/im.exec(text)[1], acceptOf(KEY));
    peer.agreed = /^sec-websocket-extensions: (.*)\r$/im.exec(text)?.[1] ?? '';
    peer.line.take(end);
    return peer;
  }

  // The next frame that is no ping.
  async frame() {
    for (let need = 2; ;) {
      const bytes = await this.line.bytes(need);
      const found = parseFrame(bytes, this.agreed ? RSV1 : 0);
      if (found === null) {
        need = Math.max(bytes.length + 1, wholeSize(bytes));
        continue;
      }
      this.line.take(found.size);
      need = 2;
      if (found.opcode === PING) await this.line.write(frame(PONG, found.payload));
      else return found;
    }
  }

  async close() {
    await this.line.write(frame(CLOSE, closePayload(1000)));
    const got = await this.frame();
    assert.equal(got.opcode, CLOSE);
    assert.equal(got.payload.readUInt16BE(), 1000);
    while (this.line.end === null) await new Promise((next) => (this.line.wake = next));
    assert.equal(this.line.end, 'end');
    assert.equal(this.line.size, 0, 'octets behind the close frame');
  }
}

// Of the frame that begins there, as far as its header tells.
function wholeSize(bytes) {
  const short = bytes.length < 2 ? 0 : bytes[1] & 127;
  if (short === 126 && bytes.length >= 4) return 4 + bytes.readUInt16BE(2);
  if (short === 127 && bytes.length >= 10) return 10 + Number(bytes.readBigUInt64BE(2));
  return 2 + short;
}

// ---- compression --------------------------------------------------------------------------------------------------

// What was agreed is one of the offers, and each of its parameters one that the offer allows (RFC 7692 section 7.1).
function holdAgreement(agreed, offer) {
  const params = (text) => Object.fromEntries(text.split(';').slice(1).map((one) => one.trim().split('=')).map(([name, value]) => [name, value ?? true]));
  const got = params(agreed);
  assert.match(agreed, /^permessage-deflate(;|$)/);
  assert.ok(offer.split(',').map((one) => params(one)).some((asked) => Object.entries(got).every(([name, value]) => {
    if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') return value === true;
    const bits = Number(value), most = asked[name] === true ? 15 : Number(asked[name] ?? 0);
    return bits >= 8 && (bits <= most || (name === 'server_max_window_bits' && asked[name] === undefined));
  }) && (!asked.server_no_context_takeover || got.server_no_context_takeover)
    && (!asked.server_max_window_bits || got.server_max_window_bits)), `${agreed}, though ${offer} was offered`);
  return got;
}

class Deflate {
  constructor(agreed, offer) {
    const got = holdAgreement(agreed, offer);
    this.keeps = !got.client_no_context_takeover;
    this.bits = Number(got.client_max_window_bits ?? 15);
    this.serverBits = Number(got.server_max_window_bits ?? 15);
    assert.equal(got.server_no_context_takeover, true); // it never refers back (docs/protocol/native.md)
  }

  async out(bytes) {
    const options = { windowBits: this.bits, finishFlush: zlib.constants.Z_SYNC_FLUSH };
    if (!this.keeps) return zlib.deflateRawSync(bytes, options).subarray(0, -4);
    if (!this.stream) {
      this.parts = [];
      this.stream = zlib.createDeflateRaw({ windowBits: this.bits });
      this.stream.on('data', (part) => this.parts.push(part));
    }
    this.stream.write(bytes);
    await new Promise((done) => this.stream.flush(zlib.constants.Z_SYNC_FLUSH, done));
    const all = Buffer.concat(this.parts);
    this.parts = [];
    assert.ok(all.subarray(-4).equals(TAIL));
    return all.subarray(0, -4);
  }

  in(payload) {
    return zlib.inflateRawSync(Buffer.concat([payload, TAIL]), { windowBits: this.serverBits, finishFlush: zlib.constants.Z_SYNC_FLUSH });
  }
}

// ---- a case -------------------------------------------------------------------------------------------------------

const PATTERN = { [TEXT]: Buffer.from('BAsd7&jh23'), [BINARY]: Buffer.from('00fe23faf0', 'hex') };

// The k-th message. Those that are cut from data go through it, and round again.
function messageOf(item, bytes, k) {
  if (item.of === undefined) return Buffer.alloc(bytes, PATTERN[item.opcode]);
  const data = dataOf(item.of), from = (k * bytes) % data.length;
  const cut = data.slice(from, from + bytes);
  const rest = bytes - cut.length;
  if (typeof data === 'string') return Buffer.from(cut + data.slice(0, rest));
  return Buffer.concat([cut, data.subarray(0, rest)]);
}

function framesOf(opcode, payload, fragment, rsv) {
  if (!fragment || payload.length <= fragment) return [frame(opcode, payload, { rsv })];
  const frames = [];
  for (let at = 0; at < payload.length; at += fragment) {
    const fin = at + fragment >= payload.length;
    frames.push(frame(at === 0 ? opcode : CONTINUATION, payload.subarray(at, at + fragment), { fin, rsv: at === 0 ? rsv : 0 }));
  }
  return frames;
}

async function send(line, frames, chop = WRITE) {
  const bytes = Buffer.concat(frames);
  for (let at = 0; at < bytes.length; at += chop) {
    await line.write(bytes.subarray(at, at + chop));
    assert.equal(line.end, null, `the connection ended after ${at} of ${bytes.length} octets`);
  }
}

async function rounds(peer, item, { bytes, count }) {
  const deflate = item.offer ? new Deflate(peer.agreed, item.offer) : null;
  const told = { sent: 0, heard: 0, compressed: 0 };
  for (let k = 0; k < count; k++) {
    const message = messageOf(item, bytes, k);
    const payload = deflate ? await deflate.out(message) : message;
    const [, got] = await Promise.all([send(peer.line, framesOf(item.opcode, payload, item.fragment, deflate ? RSV1 : 0), item.chop), peer.frame()]);
    assert.ok(got.fin && got.opcode === item.opcode, `${got.opcode} came back: ${got.payload.subarray(0, 100)}`);
    const back = got.rsv === 0 ? got.payload : deflate.in(got.payload);
    assert.ok(back.equals(message), `message ${k}: ${message.length} octets went out, ${back.length} others came back`);
    told.sent += payload.length;
    told.heard += got.payload.length;
    told.compressed += got.rsv !== 0;
  }
  return told;
}

/**
 * A case against the server at `at` ({port, secure}). part: how much of it: {shrink: messages of so many times fewer octets; count: at most so
 * many messages}. Resolves with {ms, sent, heard, compressed}.
 */
export async function playVolume(item, at, { shrink = 1, count = Infinity } = {}) {
  const start = performance.now();
  const peer = await Peer.open(at, item.offer);
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not there within ${item.limit_s} s`)), item.limit_s * 1000);
  });
  try {
    const size = { bytes: item.of ? item.bytes : Math.ceil(item.bytes / shrink), count: Math.min(item.count, count) };
    const told = await Promise.race([rounds(peer, item, size), late]);
    await Promise.race([peer.close(), late]);
    return { ...told, ms: performance.now() - start };
  } finally {
    clearTimeout(timer);
    peer.line.socket.destroy();
  }
}

// ---- servers and ways ---------------------------------------------------------------------------------------------

/** What docs/CONFORMANCE.md says for suites of others. */
export const VOLUME_FLAGS = [
  '--limits.message_bytes=16MiB', '--limits.reply_bytes=64MiB', '--limits.commands_per_s=0', '--websocket.deflate=true',
  '--websocket.deflate_min_bytes=0',
];

/** Over TCP and over TLS, against a server that reads what there is and one whose every read gives an octet: [what, where, whether that is slow]. */
export async function places() {
  const result = [];
  for (const [what, flags] of [['', []], [', an octet at a time', ['--debug-read-limit', '1']]]) {
    const listener = secureListener();
    const server = await sharedServer({ flags: [...VOLUME_FLAGS, ...flags, listener.flag] });
    for (const [name, at] of [['TCP', { port: server.http }], ['TLS', listener.at(server)]]) result.push({ name: name + what, server, at, octets: flags.length > 0 });
  }
  return result;
}
