// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite against a server whose every read gives one octet, whatever was sent and however it came.
import { cases as http } from './cases/http.mjs';
import { cases as text } from './cases/utf8.mjs';
import { groups } from './cases/index.mjs';
import { SUITE_FLAGS, playAll, secureListener } from './suite.mjs';
import { sharedServer } from './support.mjs';

const listener = secureListener();
const server = await sharedServer({ flags: [...SUITE_FLAGS, listener.flag, '--debug-read-limit', '1'] });
playAll(server, { port: server.http }, ['at once'], { what: ', an octet at a time' });
const only = Object.keys(groups).filter((name) => groups[name] !== http && groups[name] !== text);
playAll(server, listener.at(server), ['at once'], { what: ', an octet at a time, over TLS', only });
