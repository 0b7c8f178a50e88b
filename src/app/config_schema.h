// SPDX-License-Identifier: Apache-2.0
//
// config_schema.h - every setting of the server, a line each. All else is made from this table.
//
//                          CONFIG_KEYS (here)
//         +--------------+--------+---------+------------------+------------------+
//     struct config   YAML keys  PLENUM_*  --section.name   `plenum config`   docs/CONFIG.md
//     (app/config.h)             variables     flags        --help            error messages
//
// To add a setting: add its line here, use its field (app/wiring.c carries it to core and io), run
// `plenum config --markdown > docs/CONFIG.md`. Nothing else knows the list.
//
// Columns of X:
//   section, name   the path is "section.name", the field of struct config is section_name. No name: the section is one list of
//                   mappings, and nothing else
//   kind            one of enum config_kind without its prefix; decides the field's type and how text is read. A list of mappings
//                   is of the kind of its table (app/config_tables.h)
//   reload          LIVE: a SIGHUP applies it; START: read once, a change needs a restart
//   min, max        range of a number; octets of a text; most items, or rows, of a list
//   detail          number: what 0 means, where 0 is allowed beside the range ("" = it is not)
//                   choice: the words, separated by '|'; their place is the field's value. Words: likewise, a bit each
//                   rows: one, as an example
//                   text, address: what the empty text means, where it is allowed ("" = it is not)
//   default         as one would write it
//   unit            of a bare number; times and big sizes carry theirs in the name as well (_ms, _s, _mb). Sizes and times
//                   may be written with another one (app/quantity.h)
//   help            whole sentences: what it does, what it bounds or costs, when to change it
#ifndef PLENUM_APP_CONFIG_SCHEMA_H
#define PLENUM_APP_CONFIG_SCHEMA_H

#include "app/config_tables.h"
#include "base/limits.h"
#include "core/common/audit_kinds.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CONFIG_ADDRESS_MAX = 112, // octets of "unix:" and a path
    CONFIG_SECRET_MAX = 256,  // octets
    CONFIG_LIST_MAX = 64,     // items of a list
    CONFIG_LIST_ITEM_MAX = 255,
    CONFIG_TEXT_MAX = 255,             // octets of a text in a row
    CONFIG_COOKIE_MAX = 64,            // octets of a cookie's name
    CONFIG_PREFIX_MAX = 33,            // octets of a tenant's prefix
    CONFIG_SHA256_MAX = 64,            // octets, in hex
    CONFIG_CAPS_MAX = 900,             // octets, as JSON
    CONFIG_TEXTS_BYTES = 1020,         // all items of a list in a row together, with an octet behind each
    CONFIG_DAYS_30_S = 30 * 24 * 3600, // the longest time in seconds: fits core's 32-bit milliseconds
};

// In a list of networks: everybody who comes by a Unix socket.
#define CONFIG_NET_UNIX "unix:"

enum config_kind {
    CONFIG_UINT,
    CONFIG_BYTES, // a number that is shown with KiB, MiB, GiB beside it
    CONFIG_BOOL,
    CONFIG_CHOICE,
    CONFIG_ADDRESS, // HOST:PORT, unix:/PATH
    CONFIG_ROOM,    // a room's name
    CONFIG_SECRET,  // a text that is never shown
    CONFIG_ORIGINS, // list of patterns, see wire/origin.h
    CONFIG_NAMES,   // list of host names, see wire/host_name.h
    CONFIG_NETS,    // list of networks, see wire/ip.h, and CONFIG_NET_UNIX
    CONFIG_TEXT,
    CONFIG_COOKIE,   // a name of a cookie
    CONFIG_URL,      // https://, or http:// of this machine
    CONFIG_PATTERN,  // of rooms' names, see core/common/pattern.h
    CONFIG_TENANT,   // a tenant's prefix, see core/common/tenant.h
    CONFIG_SHA256,   // in hex
    CONFIG_CAPS,     // rights as in the claim `caps` of a token (core/auth/caps.h): JSON, or the same as YAML
    CONFIG_TEXTS,    // list of texts
    CONFIG_PATTERNS, // list of patterns of rooms' names
    CONFIG_WORDS,    // list of words that there are
    CONFIG_ROWS,     // list of mappings; which ones, its table says
#define X(kind, ...) CONFIG_##kind = CONFIG_ROWS,
    CONFIG_TABLES(X)
#undef X
};

// Words of audit.events: `all`, which comes first, and the kinds of core/common/audit.h.
#define CONFIG_AUDIT_WORD(upper, lower) "|" #lower
#define CONFIG_AUDIT_EVENTS "all" AUDIT_KINDS(CONFIG_AUDIT_WORD)

// clang-format off
#define CONFIG_SECTIONS(X) \
    X(server, "Where the server listens and how much of the machine it may use.") \
    X(limits, "What one peer, or all of them, may ask for. /metrics counts what is refused, by limit, and what is closed, by reason; who is only made to wait (reply_bytes, turn_bytes) is not counted.") \
    X(websocket, "Compression of WebSocket messages (permessage-deflate): what it costs and what it is worth, docs/PERFORMANCE.md says.") \
    X(rooms, "Rooms and their members.") \
    X(text, "Terminals: the line protocol over TCP and on /echo.") \
    X(log, "The log that every room keeps of what was said: history and resuming live on it. Who comes and goes is not in it. Whatever limit is reached first trims the tail.") \
    X(heartbeat, "Pings that find peers who are gone without a goodbye.") \
    X(drain, "Leaving in good order after SIGTERM or SIGINT.") \
    X(origin, "Which web pages may connect.") \
    X(api, "The HTTP API: what a backend says and governs (docs/API.md). Without a key it answers on listeners that only this machine can reach.") \
    X(sessions, "Resuming a session after a reconnect.") \
    X(auth, "Who somebody is: tokens, and who signs them.") \
    X(tenants, "Customers of one server who do not feel each other (docs/TENANTS.md).") \
    X(audit, "Who did what, when and from where, in a file of its own, as a chain of hashes in which a missing or changed line shows (docs/AUDIT.md): `plenum audit verify FILE`.") \
    X(store, "What outlives the process: rooms, with what was said in them. Without a store everything is in memory, and gone with the process.") \
    X(logging, "What the process tells on stderr. Whoever reads it may be slow: 256 lines of each thread wait, further ones are lost, and told as `event=log_lost lines=N`.")

#define CONFIG_KEYS(X) \
    X(server, http, ADDRESS, START, 0, 0, "", "127.0.0.1:8000", "", \
      "Address of HTTP and WebSocket, or a Unix socket, unix:/PATH. Port 0 takes a free one. Use 0.0.0.0:8000 or [::]:8000 to be reachable from other machines.") \
    X(server, text, ADDRESS, START, 0, 0, "off", "127.0.0.1:9000", "", \
      "Address of the line protocol for nc and telnet.") \
    X(server, admin, ADDRESS, START, 0, 0, "off", "127.0.0.1:8001", "", \
      "Address for whoever runs the server: the admin page and health, which are there only, the metrics and the HTTP API, which are on server.http as well, and nothing else.") \
    X(server, admin_only, BOOL, LIVE, 0, 0, "", "false", "", \
      "Metrics and HTTP API are served on server.admin only, and not on server.http.") \
    X(server, tls, TLS, START, 0, CONFIG_TLS_MAX, "{cert: a.pem, key: a.key}", "", "", \
      "What server.http and server.text prove to be: with it they speak TLS (https, wss, and text lines through it). The first one answers whoever names nobody, or somebody else; otherwise the first whose certificate has the name (SNI). The files are read again when they change, and on SIGHUP; connections that are there stay.") \
    X(server, dev_tls, BOOL, START, 0, 0, "", "false", "", \
      "For development: sets server.tls to plenum-dev.pem and plenum-dev.key in the folder of the configuration, or the current one, which are made where they are not there. --dev-tls is short for it.") \
    X(server, hsts_days, UINT, LIVE, 1, 730, "nothing is said of it", "0", "days", \
      "For how many days browsers that have been here by TLS are to come by nothing else (Strict-Transport-Security, RFC 6797). It is about the host name, whatever the port, and cannot be taken back before that time.") \
    X(server, listen, LISTEN, START, 0, CONFIG_LISTEN_MAX, "{address: \"0.0.0.0:8443\", kind: http, tls: {cert: a.pem, key: a.key}}", "", "", \
      "Further addresses, each with what is spoken there, and TLS of its own or none.") \
    X(server, trusted_proxies, NETS, LIVE, 0, CONFIG_LIST_MAX, "", "", "", \
      "Networks of proxies that are believed when they say for whom they speak (docs/PROXIES.md): by a PROXY header on listeners with proxy_protocol, by server.forwarded_by in requests. What they say is the address that limits, logs and the audit use. unix: stands for everybody who comes by a Unix socket. Nobody who comes from such an address is taken for this machine, and auth.guests: loopback lets nobody in while there is one.") \
    X(server, forwarded_by, CHOICE, LIVE, 0, 0, "x-forwarded-for|forwarded|none", "x-forwarded-for", "", \
      "The field in which trusted proxies say for whom a request is: X-Forwarded-For with X-Forwarded-Proto, or Forwarded (RFC 7239). One of them, and the one that the proxies set: the other they pass on as a client wrote it. none: they use proxy_protocol only.") \
    X(server, names, NAMES, LIVE, 0, CONFIG_LIST_MAX, "", "", "", \
      "Names under which this server is reached: chat.example.com, *.example.com, or * for any. A request for another host is answered with 421, so that a page cannot reach the server by a name of its own that it lets point here (DNS rebinding). IP addresses and localhost always are the server's. While the list is empty, a server whose listeners are all on loopback answers to those only, and any other to every name.") \
    X(server, data_dir, TEXT, START, 1, CONFIG_TEXT_MAX, "", "./plenum-data", "", \
      "The directory of what is kept, where store.kind is not none: the database, and the secret of resume tokens. It is made where it is not there, for its owner only, and is one server's at a time.") \
    X(server, shards, UINT, START, 1, SHARDS_MAX, "one per core", "0", "threads", \
      "Threads that serve connections.") \
    X(server, memory_mb, UINT, START, 16, 1 << 22, "half of the machine's or container's memory", "0", "MiB", \
      "Budget for everything that connections, rooms and logs hold. Above seven eighths of it old history goes, of the rooms that were quiet the longest first. Beyond it single operations are refused; the process does not grow.") \
    X(server, backlog, UINT, START, 16, 65535, "", "4096", "connections", \
      "Connections that the kernel may keep waiting for accept on each listening socket; it caps this at net.core.somaxconn.") \
    X(server, spin_us, UINT, LIVE, 1, 1000, "never", "20", "us", \
      "How long a thread that just had work with another one looks for more before it sleeps: waking it up costs more than that.") \
    X(server, echo, BOOL, START, 0, 0, "", "false", "", \
      "Offers /conformance/echo, a WebSocket endpoint that sends back what it gets, for conformance suites. --echo is short for it.") \
    X(server, debug_read_limit, UINT, LIVE, 1, 16 << 20, "as many as there are", "0", "bytes", \
      "For conformance suites: no read from a connection, plain or TLS, gives more bytes than this. What comes out must be the same as without it, and is with 1, which makes every read a byte and the server slow. --debug-read-limit N is short for it.") \
    X(limits, connections, UINT, START, 1, 10000000, "as many as the open file limit allows", "0", "connections", \
      "Connections at a time, over all shards. A new one beyond it waits for limits.connection_wait_ms and then gets 503.") \
    X(limits, connections_per_address, UINT, LIVE, 1, 10000000, "no limit", "0", "connections", \
      "Connections at a time from one IP address. Off by default, because everyone behind one NAT or proxy has the same address.") \
    X(limits, address_connects_per_s, UINT, LIVE, 1, 1000000, "no limit", "0", "connections/s", \
      "New connections per second from one IP address (IPv6: of one /64), over all shards. One beyond it gets 429, before anything of it is read. Off by default, because everyone behind one NAT or proxy has the same address, and comes back at once after a restart.") \
    X(limits, address_connects_burst, UINT, LIVE, 1, 1000000, "", "200", "connections", \
      "Connections that may come from an address at once after it was quiet.") \
    X(limits, connection_wait_ms, UINT, LIVE, 0, 60000, "", "1000", "ms", \
      "How long a connection beyond limits.connections may wait for a place.") \
    X(limits, message_bytes, BYTES, LIVE, 128, MESSAGE_BYTES_CEILING, "", "65536", "bytes", \
      "Largest message of a client. A larger one closes its connection with 1009.") \
    X(limits, commands_per_s, UINT, LIVE, 1, 1000000, "no limit", "100", "commands/s", \
      "Commands per second and connection. Beyond it a command gets `rate_limited`; who goes on is closed with 1008. A list costs one more for every 16 KiB that it returns. Pings, empty fragments and empty lines have a fixed limit of their own (100 a second, 1,000 at once), which 0 does not lift.") \
    X(limits, commands_burst, UINT, LIVE, 1, 1000000, "", "200", "commands", \
      "Commands that a connection may send at once after it was quiet.") \
    X(limits, signals_per_s, UINT, LIVE, 1, 1000000, "no limit", "20", "signals/s", \
      "Signals (typing, cursors) per second and connection. They do not count as commands. Beyond it one gets `rate_limited`; who goes on is closed with 1008.") \
    X(limits, signals_burst, UINT, LIVE, 1, 1000000, "", "40", "signals", \
      "Signals that a connection may send at once after it was quiet.") \
    X(limits, sessions_per_user, UINT, LIVE, 1, 1000000, "no limit", "0", "connections", \
      "Connections of one user at a time, over all shards. A `hello` beyond it gets `limit_reached`; who takes up a session again takes its place. Those that are there stay when it is lowered. Off by default, because a backend may speak as one user by many.") \
    X(limits, user_commands_per_s, UINT, LIVE, 1, 1000000, "no limit", "0", "commands/s", \
      "Commands and signals per second of one user, over all its connections and all shards, beside what each connection may. Beyond it one gets `rate_limited`; who goes on is closed with 1008. Off by default, because a user may be many devices, and each of them has limits.commands_per_s.") \
    X(limits, user_commands_burst, UINT, LIVE, 1, 1000000, "", "400", "commands", \
      "Commands that a user may send at once after it was quiet. Half of them are certain on one shard: shards hold some for each other, for a second.") \
    X(limits, address_commands_per_s, UINT, LIVE, 1, 1000000, "no limit", "0", "commands/s", \
      "The same of one IP address (IPv6: of one /64), over all its users. Off by default, because everyone behind one NAT or proxy has the same address.") \
    X(limits, address_commands_burst, UINT, LIVE, 1, 1000000, "", "4000", "commands", \
      "Commands that may come from an address at once after it was quiet.") \
    X(limits, requests_per_s, UINT, LIVE, 1, 1000000, "no limit", "100", "requests/s", \
      "HTTP requests per second and connection. One beyond it gets 429, and its connection is closed.") \
    X(limits, requests_burst, UINT, LIVE, 1, 1000000, "", "200", "requests", \
      "HTTP requests that a connection may make at once after it was quiet.") \
    X(limits, reply_bytes, BYTES, LIVE, 4096, 1 << 30, "", "1048576", "bytes", \
      "Replies and direct messages that may wait for a reader who is slow to take them. Then nothing more is read from it.") \
    X(limits, turn_bytes, BYTES, LIVE, 4096, 16 << 20, "", "65536", "bytes", \
      "Bytes read from one connection before the others have their turn.") \
    X(limits, rooms, UINT, START, 1, 1 << 24, "", "100000", "rooms", \
      "Rooms per shard at a time. Each shard is home to its share of all rooms.") \
    X(limits, connection_rooms_created_per_s, UINT, LIVE, 1, 1000000, "no limit", "2", "rooms/s", \
      "New rooms per second of one connection, so that one that runs wild leaves some to its user's others. Beyond it a join that would make one gets `rate_limited`; who goes on is closed with 1008.") \
    X(limits, connection_rooms_created_burst, UINT, LIVE, 1, 1000000, "", "50", "rooms", \
      "New rooms that a connection may make at once after it made none.") \
    X(limits, rooms_created_per_s, UINT, LIVE, 1, 1000000, "no limit", "5", "rooms/s", \
      "New rooms per second of one user, over all its connections. Beyond it a join that would make one gets `rate_limited`; who goes on is closed with 1008. Counted over all shards.") \
    X(limits, rooms_created_burst, UINT, LIVE, 1, 1000000, "", "100", "rooms", \
      "New rooms that a user may make at once after it made none.") \
    X(limits, address_rooms_created_per_s, UINT, LIVE, 1, 1000000, "no limit", "50", "rooms/s", \
      "New rooms per second of one IP address (IPv6: of one /64), over all its users and all shards. Raise it where everybody comes through one proxy.") \
    X(limits, address_rooms_created_burst, UINT, LIVE, 1, 1000000, "", "1000", "rooms", \
      "New rooms that an address may make at once after it made none.") \
    X(limits, address_rooms_percent, UINT, LIVE, 1, 100, "", "25", "%", \
      "Share of all shards' limits.rooms that rooms made from one address may take up at a time, but never less than 32 rooms. One more gets `limit_reached`. 100 where everybody comes through one proxy.") \
    X(limits, handshake_ms, UINT, LIVE, 100, 600000, "", "10000", "ms", \
      "From accept to a complete HTTP request; also how long an idle keep-alive connection stays.") \
    X(limits, hello_ms, UINT, LIVE, 100, 600000, "", "60000", "ms", \
      "From the WebSocket upgrade to the first command. Long enough for a person to type it by hand.") \
    X(limits, close_ms, UINT, LIVE, 50, 60000, "", "1000", "ms", \
      "From our close frame to the end of the TCP connection, should the peer not close it.") \
    X(websocket, deflate, BOOL, START, 0, 0, "", "false", "", \
      "Compresses messages for clients that offer it. A room's message is compressed once for all its readers; what is said to one client alone (replies, tokens, pages of history) never is. It makes of 1,000 bytes of JSON about 350, and takes 20 microseconds for each message; turn it on where traffic costs more than processors do.") \
    X(websocket, deflate_min_bytes, BYTES, LIVE, 0, MESSAGE_BYTES_CEILING, "", "256", "bytes", \
      "Shorter messages are sent as they are: they would hardly get shorter.") \
    X(websocket, deflate_memory_mb, UINT, START, 1, 1 << 20, "", "64", "MiB", \
      "What compression may hold, of server.memory_mb: about 250 KiB for each thread, and for each client whose messages may refer to those before up to 4 KiB (32 KiB if it does not let us choose). Beyond it clients are told not to refer back, which costs 16 bytes each.") \
    X(rooms, per_connection_max, UINT, LIVE, 1, 4096, "", "32", "rooms", \
      "Rooms that one connection may be in. With 1 there is strict isolation: clients `switch`.") \
    X(rooms, members_max, UINT, LIVE, 1, 1 << 24, "", "100000", "users", \
      "Members of one room. One more gets `room_full`.") \
    X(rooms, grace_s, UINT, LIVE, 0, CONFIG_DAYS_30_S, "", "30", "s", \
      "How long an empty room keeps its log before it is gone. One in which nothing was ever said goes with its last member.") \
    X(rooms, member_grace_s, UINT, LIVE, 0, CONFIG_DAYS_30_S, "", "30", "s", \
      "How long a member without a connection stays, shown as not connected.") \
    X(rooms, presence_exact_max, UINT, LIVE, 0, 1 << 24, "", "200", "users", \
      "Up to so many members every join and leave is told; above it the room sends counts, once a second at most.") \
    X(rooms, idempotency_s, UINT, LIVE, 0, CONFIG_DAYS_30_S, "", "300", "s", \
      "How long the `key` of a message is remembered, so that sending it again delivers nothing twice.") \
    X(rooms, idempotency_keys, UINT, LIVE, 0, 1 << 20, "", "1024", "keys", \
      "Keys remembered of one user, per room and for directs; its oldest go first.") \
    X(rooms, messages_per_s, UINT, LIVE, 1, 1000000, "no limit", "0", "messages/s", \
      "Messages per second in one room, by all its members together. An edit, a deletion, a reaction and a change of the state count as a message, and each counts as one more for every 16 KiB of it. One beyond it gets `rate_limited`; who goes on is closed with 1008. What a backend says is not counted.") \
    X(rooms, messages_burst, UINT, LIVE, 1, 1000000, "", "200", "messages", \
      "Messages that may be said in a room at once after it was quiet. One that counts as more than are left is let in, and what it lacked is waited for by the next.") \
    X(rooms, member_messages_per_s, UINT, LIVE, 1, 1000000, "no limit", "0", "messages/s", \
      "Messages per second of one user in one room, over all its connections, counted as by rooms.messages_per_s. One beyond it gets `rate_limited`; who goes on is closed with 1008.") \
    X(rooms, member_messages_burst, UINT, LIVE, 1, 1000000, "", "20", "messages", \
      "Messages that a user may say in a room at once after being quiet there.") \
    X(rooms, receipts, BOOL, LIVE, 0, 0, "", "false", "", \
      "Others in a room are told how far one has read it (`read`), where it has no more members than rooms.presence_exact_max.") \
    X(rooms, edit_window_s, UINT, LIVE, 1, 2592000, "for ever", "0", "s", \
      "So long one may change what one has said. Who may change what others have said (`edit_any`) may always.") \
    X(rooms, delete_window_s, UINT, LIVE, 1, 2592000, "for ever", "0", "s", \
      "So long one may take back what one has said. Who may take away what others have said (`delete_any`) may always.") \
    X(rooms, flush_interval_ms, UINT, LIVE, 0, 10, "", "0", "ms", \
      "Wait so long to put more entries into one write. 0 writes at the end of every turn; more costs latency and saves CPU in busy rooms.") \
    X(rooms, slow_policy, CHOICE, LIVE, 0, 0, "gap|disconnect|conflate", "gap", "", \
      "What happens to a reader who falls behind by more than rooms.lag_bytes: it is told the gap and goes on at the oldest entry kept, or it is closed with 1013. With conflate it is told the newest only of the messages with one conflation key, as soon as its socket is full, and the gap beyond that.") \
    X(rooms, lag_bytes, BYTES, LIVE, 4096, 1 << 30, "", "1048576", "bytes", \
      "How far a connected reader may be behind.") \
    X(rooms, text_room, ROOM, LIVE, 1, ROOM_NAME_MAX, "", "lobby", "", \
      "The room a client of the line protocol is in on connecting.") \
    X(rooms, access, CHOICE, LIVE, 0, 0, "open|token|invite", "open", "", \
      "Who may come in: everybody, those with a token, or those only who are let in by name, by their token or in the room.") \
    X(rooms, listed, BOOL, LIVE, 0, 0, "", "true", "", \
      "Whether `rooms` tells of it. A room that is not listed is found by those who know its name.") \
    X(rooms, role, CHOICE, LIVE, 0, 0, "guest|member", "member", "", \
      "The role of who comes in anew.") \
    X(rooms, host, CHOICE, LIVE, 0, 0, "none|first|token", "none", "", \
      "Who becomes host of a room: nobody, the first one who comes in, or who has that right by a token.") \
    X(rooms, presence, CHOICE, LIVE, 0, 0, "exact|count|none", "exact", "", \
      "What members are told of those who come and go: who, up to rooms.presence_exact_max members; how many there are, once a second at most; or nothing.") \
    X(rooms, presence_damping_ms, UINT, LIVE, 0, 600000, "", "2000", "ms", \
      "How long a member whose last connection dropped is told of as connected. Who is back before that is told of not at all, so a reconnect is no news, and who comes and goes all the time is told of once per that time at most. 0 tells at once.") \
    X(rooms, echo, BOOL, LIVE, 0, 0, "", "false", "", \
      "Whether who says something hears it like everybody else, also where the message does not ask for that.") \
    X(rooms, state_keys_max, UINT, LIVE, 0, STATE_KEYS_CEILING, "", "256", "keys", \
      "Keys of a room's state. With 0 it has none. A state that is over it when this is lowered may shrink, and not grow.") \
    X(rooms, state_bytes_max, BYTES, LIVE, 0, STATE_BYTES_CEILING, "", "65536", "bytes", \
      "Keys and values of a room's state together: whoever comes in is sent all of it.") \
    X(rooms, state_value_max, BYTES, LIVE, 1, STATE_BYTES_CEILING, "", "16384", "bytes", \
      "The largest value of a room's state.") \
    X(rooms, state_interval_ms, UINT, LIVE, 0, 60000, "", "0", "ms", \
      "How often changes of a room's state are told: the first one at once, and those within that time behind it together, of each key the newest only. A message takes what waits along, as it comes behind it. 0 tells each change at once.") \
    X(rooms, invitations_max, UINT, LIVE, 1, INVITATIONS_CEILING, "", "100", "invitations", \
      "Invitations to one room that are open: made, not used up, not over and not taken back. One more gets `limit_reached`.") \
    X(rooms, invitation_max_s, UINT, LIVE, 60, CONFIG_DAYS_30_S, "", "604800", "s", \
      "How long an invitation lasts at most. One that does not say so lasts a day, or so long where that is less.") \
    X(rooms, durability, CHOICE, LIVE, 0, 0, "memory|async|disk", "memory", "", \
      "What is left of a room when the server ends: with memory nothing. With async it is written soon after it was told, with disk before that; both take a store, and are refused at start where store.kind is none.") \
    X(rooms, rules, RULES, LIVE, 0, CONFIG_RULES_MAX, "{match: \"team-*\", access: token}", "", "", \
      "Rooms for which something else holds. The first rule that matches a room's name is its rule; what it does not say is as for all. `plenum config --room NAME` tells which rule a room gets, and why.") \
    X(text, show_address, BOOL, LIVE, 0, 0, "", "false", "", \
      "Calls a terminal user without a name by IP address and port, for everyone in the room to read and for its history to keep. Without it that is so for users of this machine only, and others are called something like amber-otter-417.") \
    X(log, entries, UINT, LIVE, 1, 1 << 20, "", "1000", "entries", \
      "Messages kept per room.") \
    X(log, bytes, BYTES, LIVE, 4096, 1 << 30, "", "1048576", "bytes", \
      "Bytes kept per room. Frames made of them for readers are not counted.") \
    X(log, age_s, UINT, LIVE, 1, CONFIG_DAYS_30_S, "", "3600", "s", \
      "How long a message is kept, whatever the wall clock is set to meanwhile.") \
    X(heartbeat, interval_s, UINT, LIVE, 1, 3600, "", "30", "s", \
      "Time between pings to a connection. Keep it below the idle timeout of proxies on the way, often 60.") \
    X(heartbeat, min_s, UINT, LIVE, 1, 3600, "", "10", "s", \
      "Shortest interval of the adaptive heartbeat, used after a late pong.") \
    X(heartbeat, max_s, UINT, LIVE, 1, 3600, "", "120", "s", \
      "Longest interval of the adaptive heartbeat, used on a connection that is busy both ways.") \
    X(heartbeat, timeout_s, UINT, LIVE, 1, 7200, "twice the interval", "0", "s", \
      "A peer that sends neither pong nor data for so long after a ping is gone.") \
    X(heartbeat, adaptive, BOOL, LIVE, 0, 0, "", "true", "", \
      "Lets the interval move between heartbeat.min_s and heartbeat.max_s. false keeps it fixed.") \
    X(drain, readiness_s, UINT, LIVE, 0, 3600, "", "0", "s", \
      "How long after the signal /readyz says 503 before anything closes. Until then new connections are taken and everyone is served, so that load balancers and Kubernetes have time to send people elsewhere. A second signal ends the wait.") \
    X(drain, batch, UINT, LIVE, 1, 1000000, "", "200", "connections", \
      "Connections closed at a time, over all shards.") \
    X(drain, interval_ms, UINT, LIVE, 1, 60000, "", "100", "ms", \
      "Time between batches.") \
    X(drain, deadline_s, UINT, LIVE, 1, 3600, "", "30", "s", \
      "So long after it began to close connections, which is after drain.readiness_s, the process ends, whoever is still connected.") \
    X(drain, spread_ms, UINT, LIVE, 0, 600000, "", "5000", "ms", \
      "Clients are told to come back after a delay of their own, spread over so long, so that they do not come all at once.") \
    X(origin, allowed, ORIGINS, LIVE, 0, CONFIG_LIST_MAX, "", "", "", \
      "Pages from elsewhere that may connect: https://app.example.com, https://*.example.com, `null`, or `*`. Pages of this server and programs that send no Origin always may. Behind a proxy that ends TLS the pages of this server are https://, and are named here.") \
    X(sessions, resume_s, UINT, LIVE, 1, CONFIG_DAYS_30_S, "", "3600", "s", \
      "How long after it was issued a resume token is good. A wall clock that is set makes no difference to tokens of this process; one of before a restart, or of another node, goes by the wall clock.") \
    X(sessions, secret, SECRET, START, 16, CONFIG_SECRET_MAX, "a random one at every start", "", "", \
      "Signs resume tokens. Set the same one to let sessions survive a restart or move between nodes. Better in PLENUM_SESSIONS_SECRET than in a file.") \
    X(auth, secret, SECRET, LIVE, 32, CONFIG_SECRET_MAX, "no such tokens", "", "", \
      "Tokens signed with it by HS256 are taken, whatever their `iss` and `aud` say: the two-minute start. Better in PLENUM_AUTH_SECRET than in a file; and as whoever can check such a token can make one, auth.issuers with a public key is better still.") \
    X(auth, guests, CHOICE, LIVE, 0, 0, "loopback|true|false", "loopback", "", \
      "Whether people without a token are let in. loopback: where all listeners are on loopback, as on the machine of who tries it out.") \
    X(auth, guest_caps, CAPS, LIVE, 0, CONFIG_CAPS_MAX, "what the rooms' rules give newcomers", "", "", \
      "What guests may, in the words of the claim `caps` of a token (docs/RULES.md): in these rooms exactly that, elsewhere nothing; and of the server what `server` says. Rooms whose `access` is not open stay closed for them all the same.") \
    X(auth, leeway_s, UINT, LIVE, 0, 600, "", "10", "s", \
      "By so much the clocks of this server and of who signs may differ: `exp`, `nbf` and `iat` are held against it.") \
    X(auth, expiry_grace_s, UINT, LIVE, 0, 3600, "", "10", "s", \
      "How long a session goes on when its token has run out, for the client to bring a new one (`refresh`); the leeway that the token was taken with, where that is longer. Then it is closed with 1008.") \
    X(auth, query_token, BOOL, LIVE, 0, 0, "", "false", "", \
      "Takes a token from the address, too: /ws?token=... Addresses are kept in logs of proxies and in histories of browsers; so only for clients that can send it in no other way.") \
    X(auth, cookie, COOKIE, LIVE, 1, CONFIG_COOKIE_MAX, "none", "", "", \
      "Name of a cookie that has the token. Browsers send it from every page, so origin.allowed matters then.") \
    X(auth, jwks_fresh_s, UINT, LIVE, 10, 7 * 86400, "", "86400", "s", \
      "Keys of jwks_url are fetched again after so long at the latest, whatever their Cache-Control says. Less, and a key that an issuer has taken out is refused sooner; more requests for the issuer are the price. Where it says nothing, they are fetched every ten minutes; more often than once a minute only if this is less.") \
    X(auth, jwks_stale_s, UINT, LIVE, 0, CONFIG_DAYS_30_S, "", "86400", "s", \
      "How long keys of jwks_url count beyond their time while the issuer cannot be reached. Then its tokens get `unavailable`, until it answers again.") \
    X(auth, issuers, ISSUERS, LIVE, 0, CONFIG_ISSUERS_MAX, "{name: main, jwks_file: keys.json}", "", "", \
      "Who signs tokens, and with which keys. A token is checked by the issuer that its `iss` names.") \
    X(api, key, SECRET, LIVE, 16, CONFIG_SECRET_MAX, "none", "", "", \
      "The key of the HTTP API that may do everything, in clear. Better in PLENUM_API_KEY than in a file.") \
    X(api, body_bytes, BYTES, LIVE, 1024, MESSAGE_BYTES_CEILING, "", "1048576", "bytes", \
      "Largest body of a request of the HTTP API. A larger one gets 413 before it is read.") \
    X(api, batch_max, UINT, LIVE, 1, API_BATCH_MAX, "", "100", "commands", \
      "Commands of one `batch`. One with more gets 413 and none of them is carried out: one request makes no more work than so many.") \
    X(api, idempotency_keys, UINT, LIVE, 1, 1 << 24, "", "10000", "keys", \
      "Requests with an `Idempotency-Key` of one key of the API, or one user of a token, that are remembered for rooms.idempotency_s; eight times as many of all. Beyond that a command that changes something is refused with 429 where it brings one.") \
    X(api, idempotency_mb, UINT, LIVE, 1, 1 << 16, "", "32", "MiB", \
      "Answers to such requests that are kept to be given again, of all together; an eighth of it of one key. It counts in server.memory_mb. Where it is not enough the oldest answers go, but not the memory that there was one.") \
    X(api, keys, API_KEYS, LIVE, 0, CONFIG_API_KEYS_MAX, "{name: shop, secret_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, rights: [publish]}", "", "", \
      "Who may use the API, and for what.") \
    X(tenants, , TENANTS, LIVE, 0, CONFIG_TENANTS_MAX, "{prefix: \"acme:\", issuer: main, connections: 1000, rooms: 100, memory_mb: 64}", "", "", \
      "Names of rooms and users that begin with a tenant's prefix are that tenant's. What they may use up is live; which tenants there are, and who is theirs, needs a restart.") \
    X(audit, file, TEXT, START, 1, CONFIG_TEXT_MAX, "no audit", "", "", \
      "The file that lines are appended to; one that is made is readable for its owner only. SIGHUP opens it anew, for logrotate: `create` and a signal, never `copytruncate`.") \
    X(audit, events, WORDS, START, 0, 32, CONFIG_AUDIT_EVENTS, "all", "", \
      "What is written down. `members` is the most where many come and go; what is not written down cannot be found out later.") \
    X(audit, key, SECRET, START, 16, CONFIG_SECRET_MAX, "a chain without a key", "", "", \
      "Makes the chain one of HMACs, so that who can write the file and does not know the key cannot forge it. Better in PLENUM_AUDIT_KEY than in a file.") \
    X(audit, sync, CHOICE, START, 0, 0, "none|interval|each", "interval", "", \
      "When lines are brought to the disk (fdatasync): when the system likes, once a second, or each one before the next is written. It is about machines that die; when the process does, what was written stays.") \
    X(store, kind, CHOICE, START, 0, 0, "none|sqlite", "none", "", \
      "Where rooms are kept: in an SQLite database, plenum.db in server.data_dir, or nowhere.") \
    X(store, busy_ms, UINT, START, 1, 60000, "", "2000", "ms", \
      "So long a statement waits where another process has the database locked, before it is tried again later.") \
    X(logging, level, CHOICE, LIVE, 0, 0, "debug|info|warn|error", "info", "", \
      "The least level that is written.") \
    X(logging, format, CHOICE, LIVE, 0, 0, "logfmt|json", "logfmt", "", \
      "key=value pairs, or one JSON object per line.") \
    X(logging, slow_turn_ms, UINT, LIVE, 1, 60000, "never", "100", "ms", \
      "A turn of an event loop that takes longer is logged: everyone on that shard waits for it. While it lasts, with where it stands, and again each time its time has doubled; and once more when it has ended.")
// clang-format on

enum config_id {
#define X(section, name, ...) CONFIG_ID_##section##_##name,
    CONFIG_KEYS(X)
#undef X
        CONFIG_KEY_COUNT
};

struct config_column;

// What a list of mappings is made of.
struct config_table {
    const struct config_column *columns;
    uint32_t columns_n;
    uint32_t max; // rows
    uint32_t row_size;
    uint32_t rows_offset; // of the first one in the list
    uint32_t list_size;
};

struct config_key {
    const char *section;
    const char *name;
    const char *path; // "section.name", also the flag behind "--"
    enum config_kind kind;
    const struct config_table *table; // of a list of mappings; NULL for all else
    bool live;
    uint32_t min, max;
    const char *detail;
    const char *preset; // the default, as text
    const char *unit;
    const char *help;
    uint32_t offset; // of the field in struct config
};

struct config_column {
    const char *name;
    const struct config_key
        *key; // what may stand there: its own, or the setting that holds where a row says nothing
    bool needed;
    bool like;       // it is a setting's
    uint32_t offset; // of the field in the row
};

enum {
#define X(name, help) +1
    CONFIG_SECTION_COUNT = 0 CONFIG_SECTIONS(X)
#undef X
};

struct config_section {
    const char *name;
    const char *help;
};

enum config_table_id {
#define X(kind, ...) CONFIG_TABLE_##kind,
    CONFIG_TABLES(X)
#undef X
        CONFIG_TABLE_COUNT
};

extern const struct config_table config_tables[CONFIG_TABLE_COUNT];
extern const struct config_key config_keys[CONFIG_KEY_COUNT];
extern const struct config_section config_sections[CONFIG_SECTION_COUNT];

#endif
