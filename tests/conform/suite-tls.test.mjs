// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite over TLS: every octet in a record of its own. Who sends them must come to the words of the table, which
// are those of plain TCP.
import { SUITE_FLAGS, playAll, secureListener } from './suite.mjs';
import { sharedServer } from './support.mjs';

const listener = secureListener();
const server = await sharedServer({ flags: [...SUITE_FLAGS, listener.flag] });
playAll(server, listener.at(server), ['octet by octet'], { what: ', over TLS' });
