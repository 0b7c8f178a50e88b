// SPDX-License-Identifier: Apache-2.0
//
// ledger.mjs: the test's side of the ledger (sites.h, which has its layout): arming, what was struck since, and what it is called.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';

/** In the order of enum call. */
const CALLS = ['malloc', 'calloc', 'realloc', 'aligned_alloc', 'mmap', 'mremap', 'pthread_create', 'socket', 'bind', 'listen', 'connect', 'accept4',
  'setsockopt', 'epoll_create1', 'epoll_ctl', 'epoll_wait', 'poll', 'eventfd', 'signalfd', 'send', 'recv', 'open', 'read', 'write', 'write (pipe)',
  'fsync', 'ftruncate', 'flock', 'fstat', 'unlink', 'getrandom', 'rlimit'];
/** By call, what it may say: as faults.c has them. */
const WAYS = {
  pthread_create: ['EAGAIN'], socket: ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'], bind: ['EADDRINUSE', 'EACCES', 'ENOMEM'], listen: ['EADDRINUSE'],
  connect: ['ECONNREFUSED', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL'],
  accept4: ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EINTR', 'EAGAIN', 'ECONNABORTED', 'EPROTO'],
  epoll_create1: ['EMFILE', 'ENFILE', 'ENOMEM'], epoll_ctl: ['ENOMEM', 'ENOSPC'], epoll_wait: ['EINTR', 'ENOSYS'], poll: ['EINTR', 'ENOMEM'],
  eventfd: ['EMFILE', 'ENFILE', 'ENOMEM'], signalfd: ['EMFILE', 'ENFILE', 'ENOMEM'],
  send: ['one octet', 'all but one octet', 'reset', 'EAGAIN', 'EINTR', 'EPIPE', 'ECONNRESET', 'ENOBUFS', 'ENOMEM', 'ETIMEDOUT'],
  recv: ['reset', 'end', 'EAGAIN', 'EINTR', 'ECONNRESET', 'ENOMEM', 'ETIMEDOUT'],
  open: ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EINTR'], read: ['one octet', 'EINTR', 'EIO'],
  write: ['one octet', 'all but one octet', 'ENOSPC', 'EIO', 'EDQUOT', 'EINTR'], 'write (pipe)': ['one octet', 'all but one octet', 'EINTR', 'EIO', 'ENOMEM'],
  fsync: ['EIO', 'ENOSPC'], ftruncate: ['EIO', 'EINTR'], flock: ['EWOULDBLOCK', 'ENOLCK', 'EINTR'], fstat: ['EIO', 'ENOMEM'], unlink: ['EIO', 'EACCES'],
  getrandom: ['EINTR'], rlimit: ['EPERM'],
};
const wayName = (call, way) => WAYS[call]?.[way] ?? 'ENOMEM';

const MODULES = 4096, JOURNAL = 12288, SITES = 1060864, SITES_MAX = 65536, SITE = 128, JOURNAL_MAX = 65536;
const [ARMED, RECORDING, KNOWN, JOURNAL_N, SITES_N, LOST] = [0, 4, 8, 12, 16, 20];

export class Ledger {
  #fd;
  #seen = 0;
  #names = new Map();   // module and offset -> what addr2line says

  constructor(path) {
    this.path = path;
    this.#fd = openSync(path, 'w+');
    ftruncateSync(this.#fd, SITES + SITES_MAX * SITE);
  }

  close() { closeSync(this.#fd); }

  #read(at, n) {
    const bytes = Buffer.alloc(n);
    readSync(this.#fd, bytes, 0, n, at);
    return bytes;
  }
  #get(at) { return this.#read(at, 4).readInt32LE(); }
  #set(at, value) {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    writeSync(this.#fd, bytes, 0, 4, at);
  }

  arm(faults = 1) { this.#set(ARMED, faults); }
  disarm() { this.#set(ARMED, 0); }
  record(on) { this.#set(RECORDING, on ? 1 : 0); }
  get sites() { return this.#get(SITES_N); }
  get struck() { return this.#get(JOURNAL_N); }

  /** What was made to fail since the last time that this was asked. */
  news() {
    const until = this.struck, found = [];
    for (; this.#seen < until; this.#seen++) {
      const entry = this.#read(JOURNAL + (this.#seen % JOURNAL_MAX) * 16, 16);
      found.push({ site: entry.readUInt32LE(0), way: entry.readUInt32LE(4) });
    }
    return found;
  }

  /** Only these are to fail from here on, each once. */
  only(faults) {
    this.#set(KNOWN, 1);
    for (const index of this.#used()) this.#done(index, 0xffffffff);
    for (const { site, way } of faults) this.#done(site, this.#site(site).done & ~(1 << way));
  }

  #done(index, mask) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(mask >>> 0);
    writeSync(this.#fd, bytes, 0, 4, SITES + index * SITE + 16);
  }

  #site(index) {
    const bytes = this.#read(SITES + index * SITE, SITE);
    const frames = Array.from({ length: bytes.readUInt32LE(24) }, (_, i) =>
      ({ module: bytes.readUInt32LE(32 + i * 8), offset: bytes.readUInt32LE(36 + i * 8) }));
    return { call: CALLS[bytes.readUInt32LE(8)], ways: bytes.readUInt32LE(12), done: bytes.readUInt32LE(16), hits: bytes.readUInt32LE(20), frames };
  }

  *#used() {
    const all = this.#read(SITES, SITES_MAX * SITE);
    for (let i = 0; i < SITES_MAX; i++) if (all.readBigUInt64LE(i * SITE) !== 0n) yield i;
  }

  /** By call and way: how often it failed. And what no step has made fail: sites that were seen, and ways of theirs. */
  totals() {
    const struck = new Map(), left = [];
    let sites = 0, ways = 0;
    for (const index of this.#used()) {
      const site = this.#site(index);
      sites++;
      ways += site.ways;
      for (let way = 0; way < site.ways; way++) {
        const name = `${site.call} ${wayName(site.call, way)}`;
        if (site.done & (1 << way)) struck.set(name, (struck.get(name) ?? 0) + 1);
        else left.push({ site: index, way });
      }
    }
    return { sites, ways, struck, left, lost: this.#get(LOST) };
  }

  #modules() {
    const found = new Map(), all = this.#read(MODULES, 64 * 128);
    for (let i = 0; i < 64; i++) {
      const hash = all.readUInt32LE(i * 128);
      if (hash !== 0) found.set(hash, all.subarray(i * 128 + 4, i * 128 + 128).toString().replace(/\0.*/s, ''));
    }
    return found;
  }

  #name(path, offset) {
    const key = `${path}+${offset}`;
    if (!this.#names.has(key)) {
      let name = `${basename(path)}+0x${offset.toString(16)}`;
      try { // a return address: the call is in front of it
        const lines = execFileSync('addr2line', ['-Cfsi', '-e', path, (offset - 1).toString(16)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n');
        if (lines[0] !== '??') name = lines.filter((_, i) => i % 2 === 0).map((fn, i) => `${fn} ${lines[2 * i + 1].replace(/ .*/, '')}`).join(' < ');
      } catch {
        // without binutils its number has to do
      }
      this.#names.set(key, name);
    }
    return this.#names.get(key);
  }

  /** In words, with the stack. */
  describe({ site: index, way }) {
    const site = this.#site(index), modules = this.#modules();
    const frames = site.frames.map(({ module, offset }) => `      ${modules.has(module) ? this.#name(modules.get(module), offset) : `?+0x${offset.toString(16)}`}`);
    return `${site.call} ${wayName(site.call, way)} (site ${index}, way ${way})\n${frames.join('\n')}`;
  }

  brief({ site: index, way }) {
    const site = this.#site(index), modules = this.#modules();
    const frames = site.frames.map(({ module, offset }) => (modules.has(module) ? this.#name(modules.get(module), offset) : '?')).filter((name) => /\.c:/.test(name));
    return `${site.call} ${wayName(site.call, way)} in ${frames.slice(0, 4).join(' < ')}`;
  }
}
