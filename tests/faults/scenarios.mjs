// SPDX-License-Identifier: Apache-2.0
//
// scenarios.mjs: what is swept.
import { api } from './api.mjs';
import { audited, deflate, proxied, tls, tlsFlags, tlsTerminal, tokensFetched, tokensOfFiles, unix } from './configured.mjs';
import { Terminal, lines } from './lines.mjs';
import { native } from './native.mjs';
import { commands, leaving, starting } from './processes.mjs';
import { sweep } from './sweep.mjs';

const serving = (scenario) => ({ name: scenario.name, run: (options) => sweep(scenario, options) });

export const SCENARIOS = [
  ...[native('native', ['json', 'protobuf']), lines('text', (world) => Terminal.tcp(world.server.textPort)),
    lines('echo', (world) => Terminal.echo(`ws://${world.server.http}/echo`)), api, tls, lines('tls-text', tlsTerminal, { flags: tlsFlags }), deflate, proxied, unix,
    tokensOfFiles, tokensFetched, audited].map(serving),
  commands, starting, leaving,
];
