// SPDX-License-Identifier: Apache-2.0
//
// What a bench that drives one server by hand needs: the server in a process of its own on free ports, and clients that
// speak WebSocket in bytes.

import { spawn } from 'node:child_process';
import net from 'node:net';

// Starts `program` and resolves with its process and the ports of its listeners.
export async function start(program, flags) {
  const child = spawn(program, ['serve', '--server.http=127.0.0.1:0', '--server.text=127.0.0.1:0', '--server.admin=',
    '--logging.level=error', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of child.stdout) {
    said += chunk;
    const ready = /^ready http=\S+:(\d+)(?: text=\S+:(\d+))?/m.exec(said);
    if (ready && said.includes('\n', ready.index)) return { child, port: Number(ready[1]), text: Number(ready[2]), ready: said.slice(ready.index) };
  }
  throw new Error(`${program} ended`);
}

export const kill = ({ child }) => new Promise((done) => child.once('exit', done).kill('SIGKILL'));

// A text frame of up to 65,535 octets under the mask 0 (RFC 6455, sections 5.2 and 5.3).
export function frame(value) {
  const payload = Buffer.from(JSON.stringify(value));
  const length = payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]);
}

// Resolves when `wanted` has come; what came before is dropped.
export function heard(socket, wanted) {
  return new Promise((done, fail) => {
    let text = '';
    const gone = () => fail(new Error(`closed before ${wanted}`));
    const listen = (chunk) => {
      text += chunk.toString('latin1');
      if (!text.includes(wanted)) return;
      socket.off('data', listen).off('error', fail).off('close', gone);
      done();
    };
    socket.on('data', listen).once('error', fail).once('close', gone);
  });
}

// protocols: subprotocols to offer.
export async function upgraded(port, protocols = []) {
  const offer = protocols.length > 0 ? `Sec-WebSocket-Protocol: ${protocols.join(', ')}\r\n` : '';
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.write(`GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\n${offer}Sec-WebSocket-Key: cGxlbnVtLWNvbmZvcm0hIQ==\r\n\r\n`);
  await heard(socket, '\r\n\r\n');
  return socket;
}

// Says `value` and resolves when `wanted` has come.
export function ask(socket, value, wanted) {
  const answer = heard(socket, wanted);
  socket.write(frame(value));
  return answer;
}
