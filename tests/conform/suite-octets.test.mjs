// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite against a server whose every read gives one octet, whatever was sent and however it came.
import { SUITE_FLAGS, playAll, secureListener } from './suite.mjs';
import { sharedServer } from './support.mjs';

const listener = secureListener();
const server = await sharedServer({ flags: [...SUITE_FLAGS, listener.flag, '--debug-read-limit', '1'] });
playAll(server, { port: server.http }, ['at once'], ', an octet at a time');
playAll(server, listener.at(server), ['at once'], ', an octet at a time, over TLS');
