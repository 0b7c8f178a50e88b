// SPDX-License-Identifier: Apache-2.0
//
// Figures: how they are read from a result of plenum-bench, their medians, and how they are printed.

const thousands = (value) => Math.round(value).toLocaleString('en');
const fixed = (digits) => (value) => value.toFixed(digits);

// name -> heading, how to read it from a result, how to print it.
export const figures = {
  deliveries_per_s: { head: 'deliveries/s', read: (r) => r.deliveries_per_s, print: thousands },
  server_us: { head: 'server us/delivery', read: (r) => r.server?.us_per_delivery, print: fixed(4) },
  client_us: { head: 'tool us/delivery', read: (r) => r.client_us_per_delivery, print: fixed(4) },
  per_write: { head: 'per write', read: (r) => r.messages_per_write, print: fixed(1) },
  per_read: { head: 'per read', read: (r) => r.deliveries_per_read, print: fixed(1) },
  wire: { head: 'bytes', read: (r) => r.bytes_per_delivery, print: fixed(1) },
  p50: { head: 'p50 ms', read: (r) => r.latency_ms.p50, print: fixed(2) },
  p99: { head: 'p99 ms', read: (r) => r.latency_ms.p99, print: fixed(2) },
  p99_9: { head: 'p99.9 ms', read: (r) => r.latency_ms.p99_9, print: fixed(2) },
  memory: { head: 'bytes/connection', read: (r) => r.server?.bytes_per_connection, print: thousands },
  anonymous: { head: 'of them anonymous', read: (r) => r.server?.anon_bytes_per_connection, print: thousands },
  connect_s: { head: 'connecting s', read: (r) => r.connect_s, print: fixed(2) },
  server_cores: { head: 'server cores', read: (r) => r.server?.cores, print: fixed(3) },
  announced: { head: 'announced as gap', read: (r) => r.checked.announced, print: thousands },
  back_s: { head: 'back s', read: (r) => (r.back_ms.count < r.cut ? Infinity : r.back_ms.max / 1e3), print: fixed(2) },
  lost: { head: 'lost', read: (r) => r.checked.lost, print: thousands },
  published_per_s: { head: 'publishes/s', read: (r) => r.published_per_s, print: thousands },
  publish_us: { head: 'server us/publish', read: (r) => r.server && (r.server.us_per_delivery * r.deliveries) / r.published, print: fixed(2) },
  inflated: { head: 'came compressed', read: (r) => r.inflated / r.checked.deliveries, print: (share) => `${(share * 100).toFixed(0)} %` },
  handshakes_per_s: { head: 'handshakes/s', read: (r) => r.done / r.seconds, print: thousands },
  handshake_us: { head: 'server us/handshake', read: (r) => (r.server_cpu_s * 1e6) / r.done, print: fixed(1) },
  per_core: { head: 'of one core, /s', read: (r) => r.done / r.server_cpu_s, print: thousands },
  handshake_client_us: { head: 'tool us/handshake', read: (r) => (r.cpu_s * 1e6) / r.done, print: fixed(1) },
  duplicated: { head: 'duplicated', read: (r) => r.checked.duplicated, print: thousands },
};

export function median(values) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// { label: { figure: median over the label's results } }
export function medians(names, results) {
  const rows = {};
  for (const [label, runs] of Object.entries(results)) {
    rows[label] = {};
    for (const name of names) rows[label][name] = median(runs.map((run) => figures[name].read(run)));
  }
  return rows;
}

function spread(name, runs) {
  const values = runs.map((run) => figures[name].read(run)).filter((value) => value !== undefined);
  if (values.length < 2) return '';
  const { print } = figures[name];
  return ` (${print(Math.min(...values))}-${print(Math.max(...values))})`;
}

// The table of one scenario: the first figure that says what it costs comes with its spread over the rounds.
export function table(names, results, markdown) {
  const rows = medians(names, results);
  const key = ['publish_us', 'handshake_us', 'server_us', 'memory', 'back_s'].find((name) => names.includes(name));
  const cell = (label, name) => {
    const value = rows[label][name];
    if (value === undefined) return '-';
    return figures[name].print(value) + (name === key ? spread(name, results[label]) : '');
  };
  const lines = [['', ...names.map((name) => figures[name].head)]];
  for (const label of Object.keys(rows)) lines.push([label, ...names.map((name) => cell(label, name))]);
  if (markdown) {
    lines.splice(1, 0, ['---', ...names.map(() => '---:')]);
    return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) => line.map((text, i) => (i ? text.padStart(widths[i]) : text.padEnd(widths[i]))).join('  ').trimEnd())
    .join('\n');
}

// Judges a target: { what, limit, value, met }.
export function judge(target, rows) {
  const value = target.value(rows);
  if (value === undefined || Number.isNaN(value)) return { what: target.what, limit: target.limit, met: null };
  const met = target.better === 'low' ? value <= target.limit : value >= target.limit;
  return { what: target.what, limit: target.limit, value, better: target.better, met };
}

export function verdict(judged, markdown) {
  const line = plainVerdict(judged);
  return markdown ? `- ${line.trim().replace(/ +/g, ' ')}` : line;
}

function plainVerdict(judged) {
  const sign = judged.better === 'high' ? '>=' : '<=';
  if (judged.met === null) return `  ?      ${judged.what}: not measured`;
  const off = judged.limit ? ` (by ${Math.abs((judged.value / judged.limit - 1) * 100).toFixed(0)} %)` : '';
  const target = `target ${sign} ${judged.limit}${judged.met ? '' : off}`;
  return `  ${judged.met ? 'met   ' : 'MISSED'} ${judged.what}: ${judged.value.toFixed(3)}, ${target}`;
}
