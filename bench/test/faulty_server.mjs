// SPDX-License-Identifier: Apache-2.0
//
// A small server that speaks enough of the native and the text dialect for the load tool, and makes one kind of mistake
// on request: every 100th delivery is dropped, doubled, swapped with the next, or announced as a gap;
// or every message is refused.

import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer } from 'node:net';
import { WebSocketServer } from 'ws';
import { decodeCommand, encodeEvent } from './native_protobuf.mjs';

const EVERY = 100;
const KEPT = 20_000;

class Room {
  constructor(name) {
    this.name = name;
    this.head = 0;
    this.log = [];
    this.members = new Set();
  }
}

export class FaultyServer {
  constructor(fault = 'none') {
    this.fault = fault;
    this.rooms = new Map();
    this.delivered = 0;
    this.faults = 0;
    this.sessions = 0;
  }

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, new Room(name));
    return this.rooms.get(name);
  }

  // `stream` is what the swapped messages have in common: only within a room, or of one author, is order promised.
  deliver(member, stream, text, gap) {
    const held = (member.held ??= new Map());
    const faulty = ++this.delivered % EVERY === 0 && !held.has(stream) && this.fault !== 'none';
    if (faulty && this.fault === 'swap') {
      held.set(stream, text);
      setTimeout(() => this.release(member, stream), 100);
      return;
    }
    if (faulty) this.faults++;
    if (faulty && this.fault === 'drop') return;
    if (faulty && this.fault === 'gap') return member.say(gap);
    member.say(text);
    if (faulty && this.fault === 'double') member.say(text);
    if (this.release(member, stream)) this.faults++;
  }

  // Without a next message (the run is over) the held one goes out in its place, and nothing was swapped.
  release(member, stream) {
    const text = member.held.get(stream);
    if (text === undefined) return false;
    member.held.delete(stream);
    member.say(text);
    return true;
  }

  // ---- native

  entry(room, type, rest, skip) {
    const offset = ++room.head;
    const text = `{"type":"${type}","room":"${room.name}","offset":${offset},"time":1,${rest}}`;
    room.log.push([offset, text]);
    if (room.log.length > KEPT) room.log.shift();
    const gap = `{"type":"gap","room":"${room.name}","from":${offset},"to":${offset},"reason":"slow"}`;
    for (const member of room.members) if (member !== skip) this.deliver(member, room.name, text, gap);
    return offset;
  }

  onNative(member, command) {
    const room = this.room(command.room ?? '');
    if (!member.welcomed) {
      member.welcomed = true;
      member.say(`{"type":"welcome","session":"s","user":"u","resume":"r${++this.sessions}"}`);
    }
    if (command.type === 'join') {
      const offset = this.entry(room, 'member:joined', '"member":{}');
      const recovered = command.since ? ',"recovered":true' : '';
      member.say(`{"type":"joined","id":1,"room":"${room.name}","epoch":"e","offset":${offset}${recovered}}`);
      for (const [number, text] of room.log) if (command.since && number > command.since.offset) member.say(text);
      room.members.add(member);
    } else if (command.type === 'leave') {
      room.members.delete(member);
      member.say(`{"type":"left","room":"${room.name}"}`);
      this.entry(room, 'member:left', '"member":{}');
    } else if (command.type === 'message' && this.fault === 'refuse') {
      member.say('{"type":"error","id":1,"code":"rate_limited","message":"too many","retry_ms":100}');
    } else if (command.type === 'message') {
      const data = `"from":{"user":"u"},"data":${JSON.stringify(command.data)}`;
      const offset = this.entry(room, 'message', data, command.echo ? undefined : member);
      if (command.id) member.say(`{"type":"ack","id":${command.id},"room":"${room.name}","offset":${offset}}`);
    }
  }

  // How a number is found for a room: as it comes.
  handle(name) {
    this.handles ??= new Map();
    if (!this.handles.has(name)) this.handles.set(name, this.handles.size + 1);
    return this.handles.get(name);
  }

  // tls: { cert, key }; protobuf, deflate: whether.
  async listenNative({ tls, deflate, protobuf } = {}) {
    const http = tls ? createHttps(tls) : createHttp();
    const server = new WebSocketServer({ server: http,
      perMessageDeflate: deflate ? { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } : false });
    server.on('connection', (socket) => {
      const encoded = (text) => encodeEvent(JSON.parse(text), (name) => this.handle(name));
      const member = { say: (text) => socket.send(protobuf ? encoded(text) : text) };
      socket.on('message', (said) => this.onNative(member, protobuf ? decodeCommand(said) : JSON.parse(said)));
      socket.on('close', () => this.rooms.forEach((room) => room.members.delete(member)));
      socket.on('error', () => {});
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    this.close = () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
      http.close();
    };
    return `${tls ? 'wss' : 'ws'}://127.0.0.1:${http.address().port}/ws`;
  }

  // ---- text

  onLine(member, line) {
    if (line.startsWith('/leave')) {
      member.room.members.delete(member);
      member.say(`* left ${member.room.name}`);
    } else if (line.startsWith('/join ')) {
      member.room = this.room(line.slice(6));
      member.say(`* joined ${member.room.name}, 1 member`);
      member.room.members.add(member);
    } else {
      for (const other of member.room.members)
        this.deliver(other, member, `[15:04:05] a: ${line}`, '* 1 messages missed (you were reading too slowly)');
    }
  }

  async listenText() {
    const sockets = new Set();
    const server = createServer((socket) => {
      const member = { say: (text) => socket.write(`${text}\n`) };
      let rest = '';
      sockets.add(socket);
      socket.on('data', (piece) => {
        const lines = (rest + piece).split('\n');
        rest = lines.pop();
        for (const line of lines) this.onLine(member, line);
      });
      socket.on('close', () => this.rooms.forEach((room) => room.members.delete(member)));
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.close = () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return `tcp://127.0.0.1:${server.address().port}`;
  }
}
