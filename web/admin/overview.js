// SPDX-License-Identifier: Apache-2.0
//
// overview.js: /health, live (pulse.js). Rates are differences of counters between two looks, by the server's own clock. Elements are made once and
// their texts change, so that nothing moves when a number does.
import { h, setText } from '/dom.js';
import { Table, bytes, count, dateOf, lasting, plural, rate, section, shortDateOf } from './parts.js';

/** A number with its name, and a bar where it has a bound. */
class Tile {
  constructor(title, testid) {
    this.value = h('span.tile-value', { data: { testid } }, '–');
    this.more = h('span.tile-more', {}, '\u00a0');
    this.bar = h('meter', { min: 0, max: 100, low: 60, high: 80, optimum: 0, value: 0, 'aria-label': `${title}, per cent of its bound`, hidden: true });
    this.element = h('li.tile', {}, h('span.tile-title', {}, title), this.value, this.more, this.bar);
  }

  show(value, more = '\u00a0', share) {
    setText(this.value, value);
    setText(this.more, more);
    this.bar.hidden = share === undefined;
    if (share !== undefined) this.bar.value = share;
  }
}

const LIMIT_NAMES = { connections: 'Connections', rooms: 'Rooms per shard', memory: 'Memory', open_files: 'Open files', revocations: 'Revocations' };
const shareOf = ({ used, max }) => (max ? Math.round((used / max) * 100) : undefined);
const amount = (limit, n) => (limit === 'memory' ? bytes(n) : count(n));

const SHARDS = [
  { title: 'Shard', cell: (s) => String(s.shard) },
  { title: 'Connections', kind: 'number', cell: (s) => count(s.connections) },
  { title: 'Rooms', kind: 'number', cell: (s) => count(s.rooms) },
  { title: 'Members', kind: 'number', cell: (s) => count(s.members) },
  { title: 'Busy', kind: 'number', cell: (s) => `${s.busy_percent} %` },
  { title: 'Mail', kind: 'number wide', cell: (s) => count(s.mail) },
  { title: 'Logs', kind: 'number wide', cell: (s) => bytes(s.log_bytes) },
  { title: 'Last turn', kind: 'number wide', cell: (s) => s.turn },
];

const LIMITS = [
  { title: 'Limit', cell: (l) => LIMIT_NAMES[l.limit] ?? l.limit },
  { title: 'Used', kind: 'number', cell: (l) => l.used },
  { title: 'Bound', kind: 'number', cell: (l) => l.max },
  { title: 'Share', kind: 'number', cell: (l) => h('span', { class: l.near ? 'near' : '' }, l.share) },
];

const KEYS = [
  { title: 'Issuer', cell: (k) => k.issuer },
  { title: 'Keys', kind: 'number', cell: (k) => (k.known ? count(k.keys) : 'none yet') },
  { title: 'Age', kind: 'number', cell: (k) => k.age },
  { title: 'Last fetch', kind: 'number wide', cell: (k) => k.fetched },
  { title: 'Failure', cell: (k) => (k.failure ? h('span.near', {}, k.failure) : 'none') },
];

/** Since its last turn, or for how long it has been in one: coarse, so that an idle row stays as it is. */
function turnOf({ turn_ms, last_turn_ms, doing }) {
  if (turn_ms >= 100) return `in one for ${turn_ms} ms (${doing})`;
  return last_turn_ms < 10_000 ? 'just now' : `${lasting(last_turn_ms / 1000)} ago`;
}

export class Overview {
  #pulse;
  #unlisten = null;
  #tiles = {
    connections: new Tile('Connections', 'connections'), rooms: new Tile('Rooms', 'rooms'), messages: new Tile('Messages / s', 'messages'),
    deliveries: new Tile('Deliveries / s', 'deliveries'), memory: new Tile('Memory', 'memory'), uptime: new Tile('Up for', 'uptime'),
  };
  #warnings = h('ul.warnings', { data: { testid: 'warnings' } });
  #shards = new Table('Shards', SHARDS, { testid: 'shards', even: true });
  #limits = new Table('Limits', LIMITS, { testid: 'limits', even: true });
  #keys = new Table('Keys of issuers', KEYS, { empty: 'No issuer’s keys are fetched (auth.issuers[].jwks_url).', testid: 'keys' });
  #facts = h('dl.facts', { data: { testid: 'facts' } });
  #error = h('p.error', { role: 'alert' });
  #before = null;

  constructor(pulse) {
    this.#pulse = pulse;
    this.element = h('div.view', {}, h('h1', {}, 'Overview'), this.#error,
      h('ul.tiles', {}, ...Object.values(this.#tiles).map((tile) => tile.element)), this.#warnings,
      section('Shards', this.#shards.element), h('div.columns', {}, section('Limits', this.#limits.element), section('Server', this.#facts, this.#keys.element)));
  }

  start() {
    this.#unlisten = this.#pulse.listen((health, refused) => {
      setText(this.#error, refused?.message ?? '');
      if (health) this.#show(health);
    });
  }

  stop() { this.#unlisten?.(); }

  #show(health) {
    const { totals, memory, limits } = health;
    const bound = Object.fromEntries(limits.map((l) => [l.limit, l]));
    const perSecond = (key) => {
      const ms = health.time - (this.#before?.time ?? health.time);
      return ms > 0 ? rate(Math.max(0, totals[key] - this.#before.totals[key]) / (ms / 1000)) : '–';
    };
    this.#tiles.connections.show(count(totals.connections), `of ${count(bound.connections.max)}`, shareOf(bound.connections));
    this.#tiles.rooms.show(count(totals.rooms), plural(totals.members, 'member'));
    this.#tiles.messages.show(perSecond('entries'), `${count(totals.entries)} in all`);
    this.#tiles.deliveries.show(perSecond('deliveries'), `${count(totals.deliveries)} in all`);
    this.#tiles.memory.show(bytes(memory.used_bytes), memory.budget_bytes ? `of ${bytes(memory.budget_bytes)}` : 'no budget', shareOf(bound.memory));
    this.#tiles.uptime.show(lasting(health.uptime_s), `since ${shortDateOf(health.started)}`);
    this.#showRows(health);
    this.#before = health;
  }

  #showRows({ status, since, shards, limits, keys, warnings, verifiers, audit, log, refused, version, build }) {
    this.#shards.show(shards.map(({ turns, turn_ms, last_turn_ms, doing, sessions, memberships, ...s }) => ({ ...s, turn: turnOf({ turn_ms, last_turn_ms, doing }) })), (s) => s.shard);
    this.#limits.show(limits.map((l) => ({ limit: l.limit, near: l.near, used: amount(l.limit, l.used), max: l.max ? amount(l.limit, l.max) : 'none', share: l.max ? `${shareOf(l)} %` : '–' })), (l) => l.limit);
    this.#keys.show(keys.map((k) => ({ ...k, age_ms: 0, last_fetch_ms: 0, age: k.known ? lasting(k.age_ms / 1000) : '–', fetched: k.last_fetch_ms === undefined ? 'never' : `${lasting(k.last_fetch_ms / 1000)} ago` })), (k) => k.issuer);
    const sig = JSON.stringify(warnings);
    if (this.#warnings.dataset.sig !== sig) {
      this.#warnings.dataset.sig = sig;
      this.#warnings.replaceChildren(...warnings.map((w) => h('li', { data: { warning: w.warning } }, w.message)));
    }
    const waiting = verifiers.reduce((sum, v) => sum + v.waiting, 0);
    const hits = Object.entries(refused).map(([limit, n]) => `${limit} ${count(n)}`).join(', ');
    this.#fact('Status', `${status}, since ${dateOf(since)}`);
    this.#fact('Token checkers', `${plural(verifiers.length, 'thread')}, ${plural(waiting, 'token')} waiting`);
    this.#fact('Audit', audit.on ? `on: line ${count(audit.seq)}, ${count(audit.waiting)} waiting, ${count(audit.missing)} lost` : 'off (audit.file)');
    this.#fact('Log', log.lost ? `${plural(log.lost, 'line')} lost` : 'no line lost');
    this.#fact('Refused at limits', hits || 'nothing');
    this.#fact('Version', `${version}, ${build}`);
  }

  #fact(name, text) {
    let dd = this.#facts.querySelector(`dd[data-fact="${name}"]`);
    if (!dd) {
      dd = h('dd', { data: { fact: name } });
      this.#facts.append(h('div', {}, h('dt', {}, name), dd));
    }
    setText(dd, text);
  }
}
