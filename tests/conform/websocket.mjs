// SPDX-License-Identifier: Apache-2.0
//
// websocket.mjs - frames as bytes, a WebSocket client that does what it is told (also wrong things), and a client of
// the native protocol on top of it. The reader is strict: a server frame that RFC 6455 forbids is an error.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

const KEY = 'cGxlbnVtLWNvbmZvcm0hIQ=='; // any 16 octets
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function acceptOf(key) {
  return createHash('sha1').update(key + GUID).digest('base64');
}

// ---- frames -------------------------------------------------------------------------------------------------------

// options: fin, rsv (0-7), mask (false, or 4 bytes), length (announced instead of the real one, BigInt),
// lengthBytes (0, 2, 8: the form of the length, instead of the shortest)
export function frame(opcode, payload = '', options = {}) {
  const body = Buffer.from(payload);
  const { fin = true, rsv = 0, mask = [0x12, 0x34, 0xab, 0xcd] } = options;
  const length = BigInt(options.length ?? body.length);
  const form = options.lengthBytes ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + form);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (form === 0 ? Number(length) : form === 2 ? 126 : 127);
  if (form === 2) head.writeUInt16BE(Number(length), 2);
  if (form === 8) head.writeBigUInt64BE(length, 2);
  if (!mask) return Buffer.concat([head, body]);
  const masked = Buffer.alloc(body.length);
  for (let i = 0; i < body.length; i++) masked[i] = body[i] ^ mask[i & 3];
  return Buffer.concat([head, Buffer.from(mask), masked]);
}

export function closePayload(code, reason = '') {
  const text = Buffer.from(reason);
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code);
  text.copy(payload, 2);
  return payload;
}

// The frame at the front of bytes, with its size, or null when it is not whole yet. rsv: the reserved bits that it may have set.
export function parseFrame(bytes, rsv = 0) {
  if (bytes.length < 2) return null;
  const opcode = bytes[0] & 15;
  assert.equal(bytes[0] & 0x70 & ~(opcode < CLOSE ? rsv << 4 : 0), 0, 'reserved bits in a frame of the server');
  assert.ok([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode), `opcode ${opcode} from the server`);
  assert.equal(bytes[1] & 0x80, 0, 'a masked frame from the server');
  let at = 2;
  let n = bytes[1] & 127;
  if (opcode >= CLOSE) assert.ok(bytes[0] & 0x80 && n < 126, 'a bad control frame from the server');
  if (n === 126) {
    if (bytes.length < 4) return null;
    n = bytes.readUInt16BE(2);
    at = 4;
    assert.ok(n >= 126, 'a length that is not minimal from the server');
  } else if (n === 127) {
    if (bytes.length < 10) return null;
    n = Number(bytes.readBigUInt64BE(2));
    at = 10;
    assert.ok(n >= 65536, 'a length that is not minimal from the server');
  }
  if (bytes.length < at + n) return null;
  return { fin: (bytes[0] & 0x80) !== 0, rsv: (bytes[0] >> 4) & 7, opcode, payload: bytes.subarray(at, at + n), size: at + n };
}

// ---- a connection -------------------------------------------------------------------------------------------------

// A request line and fields for an upgrade. fields: name -> value, an array for several, null to leave it out.
export function upgradeRequest(path = '/ws', fields = {}, line = `GET ${path} HTTP/1.1`) {
  const all = {
    Host: 'plenum.test', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13', ...fields,
  };
  let text = `${line}\r\n`;
  for (const [name, value] of Object.entries(all)) {
    for (const one of value === null ? [] : [value].flat()) text += `${name}: ${one}\r\n`;
  }
  return `${text}\r\n`;
}

export class Ws {
  static async open(server, path = '/ws', fields = {}) {
    const ws = new Ws(await server.connect());
    ws.tcp.write(upgradeRequest(path, fields));
    await ws.upgraded();
    return ws;
  }

  constructor(tcp) {
    this.tcp = tcp;
  }

  async upgraded(key = KEY) {
    const answer = await this.tcp.response();
    assert.equal(answer.status, 101, answer.head + answer.body);
    assert.equal(answer.headers['sec-websocket-accept'], acceptOf(key));
    assert.equal(answer.headers.upgrade?.toLowerCase(), 'websocket');
    assert.equal(answer.headers.connection?.toLowerCase(), 'upgrade');
    assert.equal(answer.headers['sec-websocket-extensions'], undefined);
    return answer;
  }

  send(opcode, payload, options) {
    this.tcp.write(frame(opcode, payload, options));
    return this;
  }

  text(payload) {
    return this.send(TEXT, payload);
  }

  async frame(limit) {
    const found = await this.tcp.wait('a frame', () => parseFrame(this.tcp.bytes()), limit);
    this.tcp.take(found.size);
    return found;
  }

  async expect(opcode, payload) {
    const got = await this.frame();
    assert.equal(got.opcode, opcode, `expected opcode ${opcode}, got ${got.opcode}: ${got.payload.subarray(0, 200)}`);
    const want = Buffer.from(payload);
    const shown = (bytes) => `${bytes.length} bytes ${bytes.subarray(0, 80)}`; // not 64 KiB of them
    assert.ok(got.payload.equals(want), `expected ${shown(want)}, got ${shown(got.payload)}`);
    return got;
  }

  // The next frame is a close frame with this code (null: an empty one); then the server ends TCP within `limit` ms,
  // whether we answer (`answer`) or not, and says nothing else.
  async expectClose(code, { answer = true, limit = 3000 } = {}) {
    const got = await this.frame();
    assert.equal(got.opcode, CLOSE,
      `expected a close frame, got opcode ${got.opcode}: ${got.payload.subarray(0, 200)}`);
    assert.equal(got.payload.length >= 2 ? got.payload.readUInt16BE() : null, code, String(got.payload.subarray(2)));
    assert.ok(got.payload.length < 3 || !String(got.payload.subarray(2)).includes('\ufffd'),
      'a reason that is not UTF-8');
    if (answer) this.send(CLOSE, got.payload);
    const rest = await this.tcp.readEnd(limit, { reset: true });
    assert.equal(rest.length, 0, 'bytes behind the close frame');
    this.tcp.destroy();
    return got.payload.subarray(2).toString();
  }

  // Proof that the connection works and that nothing else was queued before.
  async alive() {
    const mark = `alive ${Math.random()}`;
    this.send(PING, mark);
    await this.expect(PONG, mark);
  }

  async close() {
    this.send(CLOSE, closePayload(1000));
    await this.expectClose(1000, { answer: false });
  }
}

// ---- the native protocol ------------------------------------------------------------------------------------------

export class Native extends Ws {
  // Connected and welcomed, as `hello` says.
  static async open(server, hello = {}) {
    const client = new Native((await Ws.open(server, '/ws')).tcp);
    client.nextId = 1;
    client.welcome = await client.call({ type: 'hello', ...hello });
    assert.equal(client.welcome.type, 'welcome');
    return client;
  }

  static bare(ws) {
    const client = new Native(ws.tcp);
    client.nextId = 1;
    return client;
  }

  // In good order; what others do in the meantime may still arrive.
  async close() {
    this.send(CLOSE, closePayload(1000));
    await this.tcp.wait('a close frame', () => {
      let found;
      while ((found = parseFrame(this.tcp.bytes())) !== null && found.opcode !== CLOSE) this.tcp.take(found.size);
      return found !== null;
    });
    await this.expectClose(1000, { answer: false });
  }

  say(command) {
    return this.text(JSON.stringify(command));
  }

  // The next message, parsed; pings are answered on the way.
  async next(limit) {
    for (;;) {
      const got = await this.frame(limit);
      if (got.opcode === PING) {
        this.send(PONG, got.payload);
        continue;
      }
      assert.equal(got.opcode, TEXT, `a message, not opcode ${got.opcode}: ${got.payload.subarray(0, 120)}`);
      const raw = got.payload.toString();
      const message = JSON.parse(raw);
      Object.defineProperty(message, 'raw', { value: raw });
      return message;
    }
  }

  // Others may come before it, but no error: that would be waited past, for nothing.
  async nextOf(type, limit) {
    for (;;) {
      const message = await this.next(limit);
      if (message.type === type) return message;
      assert.notEqual(message.type, 'error', `waiting for ${type}: ${message.raw}`);
    }
  }

  // Sends a command and returns its reply; what comes before it goes to `this.before`.
  async call(command) {
    const id = this.nextId++;
    this.say({ ...command, id });
    return this.replyTo(id);
  }

  async replyTo(id) {
    this.before = [];
    for (;;) {
      const message = await this.next();
      if (message.id === id) return message;
      this.before.push(message);
    }
  }

  async refused(command, code) {
    const reply = await this.call(command);
    assert.equal(reply.type, 'error', `${JSON.stringify(command)} -> ${reply.raw}`);
    assert.equal(reply.code, code, `${JSON.stringify(command)} -> ${reply.raw}`);
    assert.ok(reply.message.length > 0);
    return reply;
  }

  async join(room, options = {}) {
    const reply = await this.call({ type: 'join', room, ...options });
    assert.equal(reply.type, 'joined', reply.raw);
    return reply;
  }
}
