// SPDX-License-Identifier: Apache-2.0
//
// Peer: npm `ws` as its documentation shows a broadcast. Clients of one path hear each other. Prints its port.

import { WebSocketServer } from 'ws';

const rooms = new Map();
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  backlog: 4096,
  perMessageDeflate: false,
});

server.on('connection', (socket, request) => {
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room);
  room.add(socket);
  socket.on('message', (data) => {
    for (const peer of room) peer.send(data, { binary: false });
  });
  socket.on('close', () => room.delete(socket));
  socket.on('error', () => {});
});
server.on('listening', () => console.log(server.address().port));
