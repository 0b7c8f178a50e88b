// SPDX-License-Identifier: Apache-2.0
//
// run.mjs: `make faults`. All sweeps, with each build, one after the other; what was found is told at the end, and the ledger's totals.
//
//   node tests/faults/run.mjs [--only NAME] [--builds dev,release] [--max STEPS] [--seconds N] [--match REGEX] [--every N] [--totals]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../e2e/support.mjs';
import { SCENARIOS } from './scenarios.mjs';

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, builds: { type: 'string', default: 'dev,release' }, max: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: 'Infinity' }, totals: { type: 'boolean', default: false }, match: { type: 'string', default: '' },
    every: { type: 'string', default: '1' } },
});
let findings = 0;
const all = { faults: 0, sites: 0 };
for (const build of options.builds.split(',')) {
  for (const { name, run } of SCENARIOS.filter((one) => one.name.includes(options.only))) {
    const bin = process.env.PLENUM_BIN ?? join(root, 'build', build, 'plenum');
    const result = await run({ bin, max: Number(options.max), seconds: Number(options.seconds), match: options.match, every: Number(options.every), tell: (text) => console.log(text) });
    const { faults } = result;
    console.log(`${build.padEnd(8)}${name.padEnd(12)} ${result.totals.sites} sites, ${faults} faults of ${result.totals.ways}, in ${result.steps} steps, ` +
      `${result.seconds.toFixed(0)} s${result.over ? '' : ' (not all)'}: ${result.findings.length} found`);
    if (options.totals) for (const [what, n] of [...result.totals.struck].sort()) console.log(`    ${what}: ${n}`);
    for (const finding of result.findings) console.log(`---- ${build} ${name}\n${finding.faults.join('\n')}\n${finding.error.stack}`);
    findings += result.findings.length;
    all.faults += faults;
    all.sites += result.totals.sites;
  }
}
console.log(`${all.sites} sites, ${all.faults} faults, ${findings} found`);
process.exit(findings === 0 ? 0 : 1);
