// SPDX-License-Identifier: Apache-2.0
//
// The table: every group of cases, in the order in which a connection meets what they are about. What is about compression
// (RFC 7692) is a group of its own.
import * as http from './http.mjs';
import * as handshake from './handshake.mjs';
import * as frames from './frames.mjs';
import * as utf8 from './utf8.mjs';
import * as closing from './closing.mjs';
import * as fuzzing from './fuzzing.mjs';

export const groups = {
  'HTTP (RFC 9112)': http.cases,
  'the opening handshake (RFC 6455 section 4)': handshake.cases,
  'frames and fragments (section 5)': frames.cases,
  'text (section 8.1)': utf8.cases,
  'closing (section 7)': closing.cases,
  'as the Autobahn suite has it': fuzzing.cases,
};

// The numbers of the Autobahn suite, by section: how many each has. 9 is about size and time, 12 and 13 are compression.
const AUTOBAHN = {
  1.1: 8, 1.2: 8, 2: 11, 3: 7, 4.1: 5, 4.2: 5, 5: 20, 6.1: 3, 6.2: 4, 6.3: 2, 6.4: 4, 6.5: 5, 6.6: 11, 6.7: 4, 6.8: 2, 6.9: 4, '6.10': 3,
  6.11: 5, 6.12: 8, 6.13: 5, 6.14: 10, 6.15: 1, 6.16: 3, 6.17: 5, 6.18: 5, 6.19: 5, '6.20': 7, 6.21: 8, 6.22: 34, 6.23: 7, 7.1: 6, 7.3: 6,
  7.5: 1, 7.7: 13, 7.9: 9, 7.13: 2, 10.1: 1,
};

export function autobahn() {
  return Object.entries(AUTOBAHN).flatMap(([section, n]) => Array.from({ length: n }, (_, i) => `${section}.${i + 1}`));
}
