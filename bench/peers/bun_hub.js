// SPDX-License-Identifier: Apache-2.0
//
// Peer: Bun's `server.publish` (its fork of uWebSockets). Prints its port.
//
//     bun bun_hub.js [PORT [deflate | CERT KEY]]
//
// A client's path names its topics, with commas between them. In one topic, whatever it says goes to all of that topic; in
// several, a message begins with the name of its topic and a blank.

const [port, ...how] = process.argv.slice(2);
const deflate = how[0] === 'deflate';
const tls = how.length === 2 ? { tls: { cert: Bun.file(how[0]), key: Bun.file(how[1]) } } : {};

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port ?? 0),
  ...tls,
  fetch(request, self) {
    const topics = new URL(request.url).pathname.slice(1).split(',');
    if (self.upgrade(request, { data: { topics } })) return undefined;
    return new Response('WebSocket only', { status: 426 });
  },
  websocket: {
    perMessageDeflate: deflate,
    idleTimeout: 0,
    backpressureLimit: 64 << 20,
    open(socket) {
      for (const topic of socket.data.topics) socket.subscribe(topic);
    },
    message(socket, text) {
      const { topics } = socket.data;
      server.publish(topics.length > 1 ? text.slice(0, text.indexOf(' ')) : topics[0], text, deflate);
    },
  },
});
console.log(server.port);
