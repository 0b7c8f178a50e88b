// SPDX-License-Identifier: Apache-2.0
//
// Every line that ends in `// wrong` must be refused by a strict compile, and no other.
import { Plenum, PlenumRoom, type RoomEvents } from './plenum.mjs';

const plenum = new Plenum('ws://127.0.0.1:8000/ws', { name: 'Ada' });
const room = plenum.room('lobby');

new Plenum(); // wrong
new Plenum('ws://a/ws', { nmae: 'Ada' }); // wrong
new Plenum('ws://a/ws', { window: '16' }); // wrong
new Plenum('ws://a/ws', { WebSocket: class {} }); // wrong
new PlenumRoom(); // wrong
plenum.on('mesage', () => {}); // wrong
plenum.on('message'); // wrong
plenum.on('message', (m) => m.data.text); // wrong
plenum.on('session', (s) => s.secret); // wrong
room.on('session', () => {}); // wrong
room.publish(undefined); // wrong
room.publish('hello', { keys: 'x' }); // wrong
room.join({ history: '50' }); // wrong
const offset: number = room.cursor; // wrong
room.cursor = 7; // wrong
plenum.connect({ timeout: 7 }); // wrong
plenum.rename(); // wrong
plenum.token = 7; // wrong
plenum.refresh(); // wrong
plenum.restart({ token: 7 }); // wrong
room.kick('u2', { seconds: 60 }); // wrong
room.edit('7', 'x'); // wrong
room.edit(7, 'x', { if_version: 7 }); // wrong
room.react(7); // wrong
room.send('x', { reply_to: 7 }); // wrong
room.on('message:reactions', (m) => m.data); // wrong
plenum.request({ room: 'lobby' }); // wrong
const text: string = (await plenum.connect()).heartbeat_s; // wrong
const kind: keyof RoomEvents = 'session'; // wrong

room.publish(null);
plenum.on('message', (m) => `${m.from.name} ${m.offset} ${m.room} ${String(m.data)}`);
console.log(offset, text, kind);
