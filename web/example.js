// SPDX-License-Identifier: Apache-2.0
import { Plenum } from './plenum.js';
const plenum = new Plenum(`ws://${location.host}/ws`);
const lobby = plenum.room('lobby');
lobby.on('message', (m) => log.append(`${m.from.name}: ${m.data.text ?? m.data}\n`));
say.onsubmit = (e) => { e.preventDefault(); lobby.publish({ text: text.value }, { echo: true }); say.reset(); };
plenum.on('state', (s) => { document.title = s.reason ?? s.state; });
await plenum.connect();
await lobby.join({ history: 20 });
