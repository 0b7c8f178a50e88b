// SPDX-License-Identifier: Apache-2.0
//
// What is measured (issue 2, line 21; targets: docs/PERFORMANCE.md). A scenario has contenders that run one after the
// other in each round, a list of figures for the table, and targets that are judged on the medians.
//
// Peers send plain payloads; to compare like with like they get payloads of the size that Plenum's dialect puts on the
// wire per delivery. Plenum runs first in a round and its own figure of that round is used.

const peers = ['bun', 'gorilla', 'ws'];

// A server's frame header is 2 bytes below 126 bytes of payload, 4 above (RFC 6455, section 5.2).
const sizeOnWire = (bytes) => String(Math.max(9, Math.round(bytes) - (bytes < 128 ? 2 : 4)));

const load = ['deliveries_per_s', 'server_us', 'client_us', 'per_write', 'per_read', 'wire', 'p50', 'p99'];

const plenum = (label, dialect, args, shards = 1, how = {}) => ({ label, server: 'plenum', shards, dialect, args, ...how });

const same = (label, server, args, assumed, like) => ({
  label,
  server,
  args: (earlier) => [...args, '--size', sizeOnWire(earlier[like]?.bytes_per_delivery ?? assumed)],
});

const atMost = (what, limit, value) => ({ what, limit, value, better: 'low' });
const atLeast = (what, limit, value) => ({ what, limit, value, better: 'high' });

function allToAll(name, title, { rows, args, others, assumed, targets }) {
  const first = rows[0].label;
  return {
    name,
    title,
    figures: load,
    contenders: [...rows, ...others.map((server) => same(server, server, args, assumed, first))],
    targets,
  };
}

function fanout(name, title, inflight, floor, targets) {
  const args = ['--clients', '1000', '--closed', 'all', '--inflight', inflight];
  return {
    name,
    title,
    figures: load,
    contenders: [
      plenum('plenum json', 'json', [...args, '--echo']),
      ...[floor, ...peers].map((server) => same(server, server, args, 200, 'plenum json')),
    ],
    targets,
  };
}

// What a room in which nothing happens still holds two seconds after the last join is what it holds for good; and within ten seconds the
// server has given back what was of use only while they came.
const idle = (quick) => {
  const people = quick ? 3000 : 15000;
  const args = (size) => ['--idle', '--rooms', String(people / size), '--members', String(size)];
  const limits = { 'rooms of 1,000': 480, 'rooms of 100': 480, 'rooms of 2': 800 };
  const sizes = { 'rooms of 1,000': 1000, 'rooms of 100': 100, 'rooms of 2': 2 };
  return {
    name: 'idle',
    title: `${people.toLocaleString('en')} idle connections; the peers' in rooms of 1,000`,
    figures: ['memory', 'anonymous', 'connect_s', 'server_cores'],
    seconds: 14,
    contenders: [
      ...Object.entries(sizes).map(([label, size]) => plenum(label, 'json', args(size))),
      ...peers.map((server) => ({ label: server, server, args: args(1000) })),
    ],
    targets: Object.entries(limits).map(([label, limit]) =>
      atMost(`bytes of server memory per idle connection, ${label}`, limit, (m) => m[label]?.memory),
    ),
  };
};

// Two shards and the load tool share two cores here, so deliveries per second cannot double. What two shards could do
// on cores of their own follows from the CPU time per delivery: twice as much CPU, at that price each. In a closed loop
// the messages under way divide between the shards, so that each writes half as many at a time, and dearer ones: with
// twice as many under way both sides write equally many, as they would under an equal load per shard.
const shards = () => {
  const people = ['--rooms', '16', '--members', '50', '--publishers', 'all', '--echo'];
  const talk = [...people, '--inflight', '16'];
  const fan = ['--clients', '1000', '--closed', 'all', '--echo'];
  const capacity = (one, two) =>
    atLeast(
      `capacity of two shards against one, ${two}: 2 x CPU per delivery of one / that of two`,
      1.9,
      (m) => (2 * m[one]?.server_us) / m[two]?.server_us,
    );
  const speed = (m) => m['talk, 2 shards, 32']?.deliveries_per_s / m['talk, 1 shard']?.deliveries_per_s;
  return {
    name: 'shards',
    title: 'one shard against two, JSON: everyone talks in 16 rooms of 50, 16 or 32 in flight; 1 to 1,000 readers',
    figures: load,
    contenders: [
      plenum('talk, 1 shard', 'json', talk, 1),
      plenum('talk, 2 shards', 'json', talk, 2),
      plenum('talk, 2 shards, 32', 'json', [...people, '--inflight', '32'], 2),
      plenum('fan-out, 1 shard', 'json', fan, 1),
      plenum('fan-out, 2 shards', 'json', fan, 2),
    ],
    targets: [
      capacity('talk, 1 shard', 'talk, 2 shards, 32'),
      capacity('fan-out, 1 shard', 'fan-out, 2 shards'),
      atLeast('deliveries per second of two shards against one, talk, the load tool on the same cores', 1.9, speed),
    ],
  };
};

// 250 messages of 2,000 bytes a second: a stalled reader has filled its kernel buffers and left the room's log behind
// (1 MiB) within the warm-up, while the others keep server and tool below half of a core each.
const stall = () => {
  const args = ['--clients', '400', '--rate', '250', '--size', '2000', '--warmup', '4'];
  return {
    name: 'stall',
    title: '1 publisher, 400 readers, 250 messages/s of 2,000 bytes, 1 % of the readers stalled against none',
    figures: ['deliveries_per_s', 'server_us', 'p50', 'p99', 'p99_9', 'announced'],
    contenders: [
      plenum('none stalled', 'json', args),
      plenum('1 % stalled', 'json', [...args, '--stall', '1']),
    ],
    targets: [
      atMost('p99 of the others against none stalled', 1.1, (m) => m['1 % stalled']?.p99 / m['none stalled']?.p99),
    ],
  };
};

const storm = (quick) => {
  const clients = quick ? 3000 : 19000;
  const sizes = [1000, 100];
  const label = (size) => `rooms of ${size.toLocaleString('en')}`;
  return {
    name: 'storm',
    title: `${clients.toLocaleString('en')} clients cut and resuming at once, a message a second in each room`,
    figures: ['back_s', 'lost', 'duplicated', 'server_cores'],
    contenders: sizes.map((size) => {
      const rooms = String(clients / size);
      return plenum(label(size), 'json', [
        ...['--clients', String(clients), '--rooms', rooms, '--rate', rooms, '--reconnect-storm'],
        ...['--threads', '2', '--connecting', '4000'], // all at once, and not as one loop gets round to them
      ]);
    }),
    targets: sizes.map(label).flatMap((row) => [
      atMost(`seconds until all are back, ${row}`, 1, (m) => m[row]?.back_s),
      atMost(`lost or duplicated, ${row}`, 0, (m) => m[row] && m[row].lost + m[row].duplicated),
    ]),
  };
};

// Everybody who speaks TLS has the same certificate (ECDSA on P-256) and takes what it and OpenSSL 3, or BoringSSL, agree on.
const tls = (targets) => {
  const args = ['--clients', '1000', '--closed', 'all', '--inflight', '1'];
  return {
    name: 'tls',
    title: '1 publisher, 1,000 readers over TLS, one message at a time',
    figures: load,
    contenders: [
      plenum('plenum json', 'json', [...args, '--echo'], 1, { tls: true }),
      ...['floor each', 'bun', 'ws'].map((server) => ({ ...same(server, server, args, 200, 'plenum json'), tls: true })),
    ],
    targets,
  };
};

const tlsTalk = (targets) => {
  const args = ['--clients', '200', '--publishers', 'all'];
  return {
    name: 'tls-talk',
    title: 'everyone talks to everyone over TLS, 200 in a room, 20-byte messages, JSON',
    figures: load,
    contenders: [
      plenum('plenum json', 'json', [...args, '--echo'], 1, { tls: true }),
      ...['floor batch', 'bun', 'ws'].map((server) => ({ ...same(server, server, args, 200, 'plenum json'), tls: true })),
    ],
    targets,
  };
};

// 300 bytes of words, in the JSON that Plenum puts around them: the peers are given the same text. The floor compresses nothing, it sends
// as many bytes as Plenum does then.
const LIKE_PLENUM = '{"type":"message","room":"{room}","offset":{id},"time":1796071191061,"from":{"user":"guest-7QkXw2mB4tRz",' +
  '"session":"PuNV0Xk3Fv0cPp2aEhVn4A","name":"guest-7QkX"},"data":"{payload}"}';

const deflate = (targets) => {
  const args = ['--clients', '1000', '--closed', 'all', '--inflight', '1', '--size', '300', '--words'];
  const like = [...args, '--message', LIKE_PLENUM];
  return {
    name: 'deflate',
    title: '1 publisher, 1,000 readers, 300 bytes of words, one message at a time, permessage-deflate',
    figures: ['deliveries_per_s', 'server_us', 'client_us', 'wire', 'inflated', 'p50', 'p99'],
    contenders: [
      plenum('plenum, plain', 'json', [...args, '--echo']),
      plenum('plenum', 'json', [...args, '--echo'], 1, { deflate: true }),
      same('floor each', 'floor each', args, 300, 'plenum'),
      { label: 'bun, plain', server: 'bun', args: like },
      ...['bun', 'ws'].map((server) => ({ label: server, server, args: like, deflate: true })),
    ],
    targets,
  };
};

const protobuf = (targets) => {
  const args = ['--clients', '200', '--publishers', 'all'];
  return {
    name: 'protobuf',
    title: 'everyone talks to everyone, 200 in a room, 20-byte messages: Protobuf, and the same text in JSON',
    figures: load,
    contenders: [
      plenum('plenum protobuf', 'protobuf', [...args, '--echo']),
      plenum('plenum json', 'json', [...args, '--echo']),
      same('floor, as short', 'floor batch', args, 50, 'plenum protobuf'),
      ...['floor batch', 'bun', 'ws'].map((server) => same(server, server, args, 200, 'plenum json')),
    ],
    targets,
  };
};

const handshakes = (targets) => ({
  name: 'handshakes',
  title: 'clients that connect, are upgraded to WebSocket, and go, 64 at a time; TLS 1.3, X25519, ECDSA on P-256, no resumption',
  handshakes: true,
  figures: ['handshakes_per_s', 'handshake_us', 'per_core', 'handshake_client_us'],
  contenders: [false, true].flatMap((secure) =>
    ['plenum', 'floor each', 'bun', 'ws'].map((server) => ({ label: `${server}, ${secure ? 'TLS' : 'TCP'}`, server, tls: secure, args: [] })),
  ),
  targets,
});

// A process may have 20,000 files here, so 10,000 clients are in five rooms each. The peers are told which by their own means: topics of
// Bun's, sets of ws. The name of the room before each of their messages is a part of its size.
const smallRooms = (quick, targets) => {
  const rooms = quick ? '1000' : '10000';
  const args = ['--clients', rooms, '--rooms', rooms, '--members', '5', '--inflight', '1'];
  const others = (label, server) => {
    const { args: sized } = same(label, server, args, 200, 'plenum json');
    const withRoom = (earlier) => sized(earlier).map((word, i, all) => (all[i - 1] === '--size' ? String(Number(word) - 11) : word));
    return { label, server, several: true, args: (earlier) => [...withRoom(earlier), '--message', '{room} {payload}'] };
  };
  return {
    name: 'small-rooms',
    title: `${Number(rooms).toLocaleString('en')} rooms of 5, one message at a time in each, 20-byte messages; each client is in five of them`,
    figures: ['published_per_s', 'publish_us', 'client_us', 'per_write', 'per_read', 'wire', 'p50', 'p99'],
    contenders: [
      plenum('plenum json', 'json', [...args, '--echo']),
      plenum('plenum protobuf', 'protobuf', [...args, '--echo']),
      others('floor each', 'floor each'),
      others('floor batch', 'floor batch'),
      others('bun', 'bun'),
      others('ws', 'ws'),
    ],
    targets,
  };
};

export function scenarios(quick) {
  const talk = ['--clients', '200', '--publishers', 'all'];
  const deep = [...talk, '--inflight', '8'];
  const own = ['--clients', '1001', '--inflight', '16'];
  const against = (label, limit) =>
    atMost(`server CPU per delivery against Bun, ${label}`, limit, (m) => m[label]?.server_us / m.bun?.server_us);
  return [
    allToAll('text', 'everyone talks to everyone, 200 in a room, 20-byte messages, text', {
      rows: [plenum('plenum text', 'text', talk), plenum('plenum text-ws', 'text-ws', talk)],
      args: talk,
      others: ['floor batch', ...peers],
      assumed: 48,
      targets: [against('plenum text', 0.22), against('plenum text-ws', 0.22)], // the peers speak WebSocket
    }),
    allToAll('json', 'everyone talks to everyone, 200 in a room, 20-byte messages, JSON', {
      rows: [plenum('plenum json', 'json', [...talk, '--echo'])],
      args: talk,
      others: ['floor batch', ...peers],
      assumed: 200,
      targets: [against('plenum json', 0.4)],
    }),
    protobuf([
      atMost('server CPU per delivery against Bun, which has the same text in JSON', 0.25, (m) => m['plenum protobuf']?.server_us / m.bun?.server_us),
      atMost('bytes on the wire for a text of 20 bytes', 60, (m) => m['plenum protobuf']?.wire),
    ]),
    allToAll('deep', 'the same in text with 8 messages of everyone under way', {
      rows: [plenum('plenum text', 'text', deep)],
      args: deep,
      others: ['floor batch', 'bun'],
      assumed: 48,
      targets: [],
    }),
    fanout('fanout1', '1 publisher, 1,000 readers, one message at a time', '1', 'floor each', [
      atMost(
        'server CPU per delivery against the floor (a bare send() loop)',
        1.05,
        (m) => m['plenum json']?.server_us / m['floor each']?.server_us,
      ),
    ]),
    fanout('fanout16', '1 publisher, 1,000 readers, 16 messages in flight', '16', 'floor batch', [
      against('plenum json', 0.75),
      atMost(
        'server CPU per delivery against the floor (one send() of 16 messages)',
        1.05,
        (m) => m['plenum json']?.server_us / m['floor batch']?.server_us,
      ),
    ]),
    allToAll('own16', '1 publisher, 1,000 readers, 16 in flight, one more for each that it hears itself or is acknowledged', {
      rows: [plenum('plenum json', 'json', [...own, '--echo']), plenum('plenum acks', 'json', own)],
      args: own,
      others: ['floor batch', 'bun'],
      assumed: 200,
      targets: [
        against('plenum json', 0.75),
        against('plenum acks', 0.75),
        atMost('median latency against Bun', 1, (m) => m['plenum json']?.p50 / m.bun?.p50),
      ],
    }),
    tls([
      atMost('server CPU per delivery against the floor (a bare SSL_write() loop)', 1.05, (m) => m['plenum json']?.server_us / m['floor each']?.server_us),
      against('plenum json', 1),
    ]),
    tlsTalk([
      atMost('server CPU per delivery against the floor (one SSL_write() per reader and turn)', 1.05, (m) => m['plenum json']?.server_us / m['floor batch']?.server_us),
      against('plenum json', 1),
    ]),
    deflate([
      atMost('server CPU per delivery, compressed against plain', 1.05, (m) => m.plenum?.server_us / m['plenum, plain']?.server_us),
      against('plenum', 0.75),
    ]),
    handshakes([
      atMost('server CPU per TLS handshake against the floor', 1.2, (m) => m['plenum, TLS']?.handshake_us / m['floor each, TLS']?.handshake_us),
    ]),
    smallRooms(quick, [
      atMost('server CPU per publish against Bun', 1, (m) => m['plenum json']?.publish_us / m.bun?.publish_us),
    ]),
    idle(quick),
    shards(),
    stall(),
    storm(quick),
  ];
}
