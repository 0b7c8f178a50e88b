// SPDX-License-Identifier: Apache-2.0
//
// Peer: Bun's `server.publish` (its fork of uWebSockets). Clients of one path hear each other. Prints its port.

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  fetch(request, self) {
    const topic = new URL(request.url).pathname;
    if (self.upgrade(request, { data: { topic } })) return undefined;
    return new Response('WebSocket only', { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    backpressureLimit: 64 << 20,
    open(socket) {
      socket.subscribe(socket.data.topic);
    },
    message(socket, text) {
      server.publish(socket.data.topic, text);
    },
  },
});
console.log(server.port);
