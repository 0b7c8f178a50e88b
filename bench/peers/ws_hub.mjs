// SPDX-License-Identifier: Apache-2.0
//
// Peer: npm `ws` as its documentation shows a broadcast. Prints its port.
//
//     node ws_hub.mjs [PORT [deflate | CERT KEY]]
//
// A client's path names its rooms, with commas between them. In one room, whatever it says goes to all of that room; in
// several, a message begins with the name of its room and a blank.

import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { WebSocketServer } from 'ws';

const [port, ...how] = process.argv.slice(2);
const http = how.length === 2 ? createHttps({ cert: readFileSync(how[0]), key: readFileSync(how[1]) }) : createHttp();
const rooms = new Map();
const server = new WebSocketServer({
  server: http,
  // As good as it can be for many readers: no window is kept per connection, and small messages are compressed, too.
  perMessageDeflate: how[0] === 'deflate' ? { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } : false,
});

server.on('connection', (socket, request) => {
  const mine = new Map();
  for (const name of request.url.slice(1).split(',')) {
    const room = rooms.get(name) ?? new Set();
    rooms.set(name, room);
    room.add(socket);
    mine.set(name, room);
  }
  const only = mine.size === 1 ? mine.values().next().value : undefined;
  socket.on('message', (data) => {
    const room = only ?? mine.get(data.toString('latin1', 0, data.indexOf(32)));
    for (const peer of room ?? []) peer.send(data, { binary: false });
  });
  socket.on('close', () => {
    for (const room of mine.values()) room.delete(socket);
  });
  socket.on('error', () => {});
});
http.listen({ host: '127.0.0.1', port: Number(port ?? 0), backlog: 4096 }, () => console.log(http.address().port));
