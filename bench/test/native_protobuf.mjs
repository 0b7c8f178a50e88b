// SPDX-License-Identifier: Apache-2.0
//
// As much of plenum.proto as the faulty server speaks: commands to the objects that they are in JSON, events from them. Written from
// docs/protocol/protobuf.md, apart from the load tool's own reading of it.

const varint = (number) => {
  const bytes = [];
  for (let n = BigInt(number); ; n >>= 7n) {
    if (n < 0x80n) return Buffer.from([...bytes, Number(n)]);
    bytes.push(Number(n & 0x7fn) | 0x80);
  }
};
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => {
  const all = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(all.length), all]);
};

function* fields(from) {
  let at = 0;
  const take = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      value |= BigInt(from[at] & 0x7f) << shift;
      if (from[at++] < 0x80) return Number(value);
    }
  };
  while (at < from.length) {
    const tag = take(), value = take();
    if ((tag & 7) === 0) yield [tag >> 3, value];
    else yield [tag >> 3, from.subarray(at, (at += value))];
  }
}

const COMMANDS = new Map([[2, 'message'], [9, 'join'], [10, 'leave']]);

export function decodeCommand(message) {
  const command = {};
  for (const [field, value] of fields(message)) {
    if (field === 1) command.id = value;
    if (!COMMANDS.has(field)) continue;
    command.type = COMMANDS.get(field);
    for (const [key, inner] of fields(value)) {
      if (key === 1) command.room = inner.toString();
      if (key === 2 && field === 2) command.data = JSON.parse(inner);
      if (key === 6) command.echo = inner !== 0;
    }
  }
  return command;
}

const TYPES = { message: 2, ack: 4, 'member:joined': 6, 'member:left': 7, welcome: 16, joined: 17, left: 18, gap: 20, error: 26 };
const LIVE = ['message', 'member:joined', 'member:left', 'gap'];

// handle: of the room by its name.
export function encodeEvent(event, handle) {
  const live = LIVE.includes(event.type), parts = [];
  if (event.room !== undefined && !live) parts.push(bytes(1, event.room));
  if (event.room !== undefined && (live || event.type === 'joined')) parts.push(number(2, handle(event.room)));
  if (event.offset !== undefined) parts.push(number(3, event.offset));
  if (event.time !== undefined) parts.push(number(4, event.time));
  if (event.data !== undefined) parts.push(bytes(7, JSON.stringify(event.data)));
  if (event.type === 'gap') parts.push(number(65, event.from), number(66, event.to));
  if (event.type === 'error') parts.push(bytes(71, event.code), bytes(72, event.message));
  const id = event.id === undefined ? Buffer.alloc(0) : number(1, event.id);
  return Buffer.concat([id, bytes(TYPES[event.type], Buffer.concat(parts))]);
}
