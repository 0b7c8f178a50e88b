// SPDX-License-Identifier: Apache-2.0
//
// Runs the matrix: in every round each scenario, in every scenario each contender, one after the other, so that a
// disturbance of the machine hits all of them alike. Figures are medians over the rounds.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { available, isAvailable, loadTool, measure, measureHandshakes, out, root, useBuild } from './servers.mjs';
import { scenarios } from './scenarios.mjs';
import { judge, medians, table, verdict } from './table.mjs';

const help = `Usage: bench/run [--quick] [--rounds N] [--duration S] [--only NAME,...] [--plenum-only] [--build DIR]
                 [--markdown] [--from FILE]

Measures Plenum and, beside it in the same run, the floor (a bare C loop of send()), Bun's server.publish,
gorilla/websocket and npm ws. Prints a table per scenario with the targets, and writes build/bench/results.json.

  --quick         one short round, fewer idle connections: to see that all works, not to quote
  --rounds N      interleaved rounds; figures are their medians (default 5)
  --duration S    seconds measured per contender and round (default 4)
  --only NAMES    of text, json, protobuf, deep, fanout1, fanout16, own16, tls, tls-talk, deflate, handshakes, small-rooms, idle,
                  shards, stall, storm
  --plenum-only   without the peers
  --build DIR     take the binaries from there, as they are (default: \`make build\` and build/release)
  --markdown      tables in Markdown, as in docs/PERFORMANCE.md
  --from FILE     measure nothing, print the tables of an earlier results.json
`;

const say = (text) => process.stderr.write(`${text}\n`);

function complain(text) {
  say(`bench/run: ${text} (see bench/run --help)`);
  process.exit(2);
}

function readOptions(argv) {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        ...{ quick: flag, help: flag, markdown: flag, 'plenum-only': flag },
        ...{ rounds: text, duration: text, only: text, build: text, from: text },
      },
    }));
  } catch (error) {
    complain(error.message.split('\n')[0]);
  }
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  const duration = Number(values.duration ?? (values.quick ? 1.5 : 4));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    complain(`--rounds: got '${values.rounds}', expected a whole number from 1 to 100`);
  if (!(duration >= 0.1 && duration <= 600))
    complain(`--duration: got '${values.duration}', expected seconds from 0.1 to 600`);
  const all = scenarios(values.quick);
  const names = all.map((scenario) => scenario.name);
  const wanted = values.only?.split(',') ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) complain(`--only: got '${unknown}', expected some of ${names.join(', ')}`);
  const { build, from, markdown, 'plenum-only': plenumOnly } = values;
  if (from !== undefined && !existsSync(from)) complain(`--from: there is no ${from}`);
  return { rounds, duration, build, from, markdown, plenumOnly, chosen: all.filter((s) => wanted.includes(s.name)) };
}

function prepare(folder) {
  if (folder !== undefined) {
    useBuild(folder);
    if (!existsSync(loadTool())) complain(`--build: there is no ${loadTool()}`);
    return;
  }
  const build = spawnSync('make', ['build'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (build.status !== 0 || !existsSync(loadTool())) {
    say('bench/run: `make build` failed');
    process.exit(1);
  }
  const deps = path.join(root, 'scripts/install-deps');
  if (existsSync(deps) && spawnSync(deps, ['bench'], { cwd: root, stdio: ['ignore', 2, 2] }).status !== 0)
    say('bench/run: not all that the peers need could be installed; going on with what is there');
}

function machine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim(),
    cores: cpus.length,
    kernel: os.release(),
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    load_before: os.loadavg()[0],
  };
}

async function runContender(scenario, contender, options, earlier) {
  const own = typeof contender.args === 'function' ? contender.args(earlier) : contender.args;
  const seconds = String(scenario.seconds ?? options.duration);
  const result = scenario.handshakes
    ? await measureHandshakes(contender, seconds)
    : await measure(contender, [...own, '--duration', seconds]);
  const cost = scenario.handshakes
    ? `${((result.server_cpu_s / result.done) * 1e6).toFixed(1)} us/handshake`
    : result.server?.us_per_delivery
      ? `${result.server.us_per_delivery.toFixed(4)} us/delivery`
      : `${Math.round(result.server?.bytes_per_connection ?? 0)} bytes/connection`;
  say(`  ${contender.label.padEnd(16)} ${cost}${result.trouble ? `  !! ${result.trouble}` : ''}`);
  return result;
}

// Fills results[scenario][label] with one more result each.
async function runRound(options, found, results) {
  for (const scenario of options.chosen) {
    say(`${scenario.name}: ${scenario.title}`);
    const earlier = {};
    for (const contender of scenario.contenders) {
      if (!isAvailable(found, contender.server) || (options.plenumOnly && contender.server !== 'plenum')) continue;
      try {
        const result = await runContender(scenario, contender, options, earlier);
        earlier[contender.label] = result;
        ((results[scenario.name] ??= {})[contender.label] ??= []).push(result);
      } catch (error) {
        say(`  ${contender.label.padEnd(16)} !! ${error.message}`);
      }
    }
  }
}

function print(chosen, written, markdown) {
  const { machine: host, versions, rounds } = written;
  console.log(`\n${host.cores} x ${host.cpu}, Linux ${host.kernel}`);
  console.log(`medians of ${rounds} interleaved rounds (lowest-highest), ${written.when}`);
  console.log(Object.entries(versions).map(([name, version]) => `${name}: ${version}`).join('; '));
  for (const scenario of chosen) {
    const mine = written.results[scenario.name];
    if (!mine) continue;
    const rows = medians(scenario.figures, mine);
    console.log(`\n${markdown ? '### ' : ''}${scenario.name}: ${scenario.title}\n`);
    console.log(table(scenario.figures, mine, markdown));
    if (markdown) console.log();
    for (const target of scenario.targets) console.log(verdict(judge(target, rows), markdown));
    for (const [label, runs] of Object.entries(mine))
      for (const run of runs) if (run.trouble) console.log(`${markdown ? '- ' : '  '}!! ${label}: ${run.trouble}`);
  }
}

export async function main(argv) {
  const options = readOptions(argv);
  if (options.from !== undefined) {
    print(options.chosen, JSON.parse(readFileSync(options.from, 'utf8')), options.markdown);
    return;
  }
  prepare(options.build);
  const versions = available(say);
  const file = path.join(out, 'results.json');
  const written = { when: new Date().toISOString(), machine: machine(), versions, rounds: options.rounds, results: {} };
  for (let round = 1; round <= options.rounds; round++) {
    say(`-- round ${round} of ${options.rounds}`);
    await runRound(options, versions, written.results);
    writeFileSync(file, `${JSON.stringify(written, null, 1)}\n`); // and so what there is, should it be ended early
  }
  print(options.chosen, written, options.markdown);
  console.log(`\nAll results: ${path.relative(root, file)}`);
}
