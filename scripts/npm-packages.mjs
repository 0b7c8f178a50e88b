#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// npm-packages: what `npm ci` would do for a lock file as plain as ours, on a machine without npm.
//
//     node scripts/npm-packages.mjs [FOLDER]
//
// Debian packs each of npm's own modules by itself: 350 packages, to fetch four archives. This takes ten (the package
// node-registry-url and what it needs) and curl. From which registry is the user's choice, as with npm: ~/.npmrc or
// npm_config_registry. An archive is used only if it has the digest that package-lock.json says.
//
// Errors: one line; exit 1, and node_modules/ is as it was. Not supported, and refused by name: packages with install
// scripts, for one system only, or from elsewhere than a registry.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULE = '/usr/share/nodejs/registry-url/index.js'; // where Debian has it; import does not look there by itself

function die(text) {
  console.error(`npm-packages: ${text}`);
  process.exit(1);
}

const folder = process.argv[2] ?? '.';
const lockFile = join(folder, 'package-lock.json');
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
if (lock.lockfileVersion !== 3) die(`${lockFile}: lockfileVersion is ${lock.lockfileVersion}, expected 3`);
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
for (const [path, p] of packages) {
  const plain = p.version && p.integrity?.startsWith('sha512-') && !p.hasInstallScript && !p.os && !p.cpu && !p.link;
  if (!plain) die(`${lockFile}: ${path} is more than an archive to unpack; install npm`);
}
const { default: registryUrl } = await import(MODULE).catch(() => die('install node-registry-url, or npm'));

const target = join(folder, 'node_modules');
const fresh = mkdtempSync(join(folder, '.node_modules-'));
process.on('exit', () => rmSync(fresh, { recursive: true, force: true }));
for (const [path, { version, integrity }] of packages) {
  const name = path.replace(/^.*node_modules\//, '');
  const url = `${registryUrl(name.startsWith('@') ? name.split('/')[0] : undefined)}${name}/-/` +
    `${name.split('/').pop()}-${version}.tgz`;
  const archive = join(fresh, 'archive.tgz');
  try {
    execFileSync('curl', ['-fsSL', '--retry', '3', '--max-time', '300', '-o', archive, url], { stdio: 'inherit' });
  } catch {
    die(`${name} ${version} could not be fetched from ${url}`);
  }
  const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (!integrity.split(' ').includes(digest)) die(`${name} ${version}: got ${digest}, expected ${integrity}`);
  const to = join(fresh, path);
  mkdirSync(to, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '--strip-components=1', '--no-same-owner', '-C', to]);
}
const installed = { ...lock, packages: Object.fromEntries(packages) };
writeFileSync(join(fresh, 'node_modules/.package-lock.json'), JSON.stringify(installed, null, 2));
if (existsSync(target)) renameSync(target, join(fresh, 'old'));
renameSync(join(fresh, 'node_modules'), target);
console.log(`npm-packages: ${packages.length} packages in ${target}/`);
