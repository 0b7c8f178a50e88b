// SPDX-License-Identifier: Apache-2.0
//
// gates.h - the gates: what whatever comes in passes before it has an effect, in this order.
//
//      a socket --> CONNECT --> REQUEST --> UPGRADE --> a WebSocket --> COMMAND --> TURN --> its room's home: JOIN or ROOM --> RECORD --> TOLD
//                              |                        a text line --'
//                              '--> DOOR --> a command of the HTTP API --> its home
//
// A gate is one question and one function, `gate_NAME`, in the file of its row: it lets pass, or it has refused, which it has
// answered. Each step of the way in is made of its rows and of nothing else (a macro of the step's name, where the step is), so
// the order below is the order in which they are asked, a row without its function does not compile, and a gate without a row is
// not asked. To add one: its row here, its function in a file.
//
// A row says: which step, its name; what kind of gate it is; where it is decided; what who is refused is told; what counts it,
// beside the counters that all refusals have (plenum_errors_total by code, plenum_http_errors_total); what it asks.
// docs/ARCHITECTURE.md prints the rows, and test_core_gates compares, and looks for the functions.
//
// What is no gate: limits that a decoder has while it reads (the size of a head, a frame, a message, a body; gate_noise for what
// says nothing), since those come before there is anything to ask about; and memory, which everybody asks for where he needs it.
#ifndef PLENUM_CORE_COMMON_GATES_H
#define PLENUM_CORE_COMMON_GATES_H

// clang-format off
#define GATES_CONNECT(X) \
    X(CONNECT, slot,      LIMIT,      "io/acceptor_admit.c", "HTTP 503, a line", "limit_connections", \
      "is there a place for one more (limits.connections)") \
    X(CONNECT, pace,      RATE,       "io/acceptor_admit.c", "HTTP 429, a line", "limit_address_connects", \
      "do they come from there more often than they may (limits.address_connects_per_s)") \
    X(CONNECT, address,   LIMIT,      "io/acceptor_admit.c", "HTTP 429, a line", "limit_address", \
      "and for one more from there (limits.connections_per_address)")
#define GATES_REQUEST(X) \
    X(REQUEST, host,      ORIGIN,     "core/conn/gates_http.c", "HTTP 421", "host_refused", \
      "is it meant for a name of ours (server.names)") \
    X(REQUEST, door,      PERMISSION, "core/conn/gates_http.c", "as the route says", "", \
      "what the route itself wants to see first: of the API DOOR, below") \
    X(REQUEST, requests,  RATE,       "core/conn/gates_http.c", "HTTP 429", "limit_requests", \
      "not too many on one connection (limits.requests_per_s)")
#define GATES_DOOR(X) \
    X(DOOR, key,        TOKEN,      "core/api/door.c", "HTTP 401, 403", "", \
      "is it a key of ours (api.keys); where there are none: does it come from this machine, and from no page or proxy") \
    X(DOOR, page,       ORIGIN,     "core/api/door.c", "HTTP 403", "", \
      "may pages of that origin use the API (origin.allowed); no page can forge a key, but one could be typed into it") \
    X(DOOR, known,      LIMIT,      "core/api/door.c", "HTTP 404", "", \
      "is there such a command; else which is nearest") \
    X(DOOR, method,     LIMIT,      "core/api/door.c", "HTTP 405", "", \
      "is it POST; GET, where something is only read") \
    X(DOOR, key_right,  PERMISSION, "core/api/door.c", "HTTP 403", "", \
      "has the key the right to it; of its rooms it is asked when the body is there") \
    X(DOOR, body,       LIMIT,      "core/api/door.c", "HTTP 413, 415", "", \
      "is the body JSON, and not larger than it may be, as it announces itself (api.body_bytes)")
#define GATES_UPGRADE(X) \
    X(UPGRADE, handshake, LIMIT,      "core/conn/gates_upgrade.c", "HTTP 400, 405, 426", "", \
      "is it RFC 6455's handshake") \
    X(UPGRADE, reserve,   LIMIT,      "core/conn/gates_upgrade.c", "HTTP 503", "limit_memory", \
      "is there memory for one that stays") \
    X(UPGRADE, drain,     LIMIT,      "core/conn/gates_upgrade.c", "HTTP 503", "", \
      "does the server stay") \
    X(UPGRADE, client,    LIMIT,      "core/conn/gates_upgrade.c", "HTTP 429", "limit_address", \
      "of whom a trusted proxy speaks for: is there a place for one more connection from there (limits.connections_per_address)") \
    X(UPGRADE, origin,    ORIGIN,     "core/conn/gates_upgrade.c", "HTTP 403", "origin_refused", \
      "may pages of that origin connect (origin.allowed)") \
    X(UPGRADE, tenant,    PERMISSION, "core/conn/gates_upgrade.c", "HTTP 403", "", \
      "is there a tenant as the subprotocol names one (core/common/tenant.h)") \
    X(UPGRADE, token,     TOKEN,      "core/conn/gates_upgrade.c", "HTTP 503", "limit_memory", \
      "what token came with the request; it is looked at with the hello")
#define GATES_COMMAND(X) \
    X(COMMAND, commands,  RATE,       "core/edge/gate.c", "`rate_limited`, 1008", "limit_rate", \
      "what the connection has left of its rate (limits.commands_per_s, signals_per_s), by what the command costs") \
    X(COMMAND, address_rate, RATE,    "core/edge/gates_shared.c", "`rate_limited`, 1008", "limit_address_rate", \
      "what all connections from its address have left together, over all shards (limits.address_commands_per_s)") \
    X(COMMAND, session,   TOKEN,      "core/edge/edge.c", "`unauthorized`", "", \
      "who is it: a hello first, with a token where there are no guests (auth.guests)") \
    X(COMMAND, user_rate, RATE,       "core/edge/gates_shared.c", "`rate_limited`, 1008", "limit_user_rate", \
      "what its user has left, likewise (limits.user_commands_per_s)") \
    X(COMMAND, tenant_rate, RATE,     "core/edge/edge_tenant.c", "`rate_limited`", "", \
      "of what says something: what all users of its tenant have left together, by what it costs (tenants[].messages_per_s)") \
    X(COMMAND, counted,   METRIC,     "core/edge/gate.c", "", "commands", \
      "nothing: it counts what has passed, by command")
#define GATES_TURN(X) \
    X(TURN, served,    PERMISSION, "core/edge/gates_turn.c", "`forbidden`", "", \
      "does its token let it do what is of no room (`caps.server`), when its turn has come")
#define GATES_JOIN(X) \
    X(JOIN, access,    PERMISSION, "core/home/home_join.c", "`forbidden`, `not_found`", "", \
      "is the room, or the one that there would be, for who comes (rooms.access); of a `create`: is there the rule that it names, and is that for who asks (core/home/home_made.c)") \
    X(JOIN, creation,  RATE,       "core/home/home_join.c", "`rate_limited`, `limit_reached`, `conflict`", "limit_rooms limit_rooms_rate limit_rooms_address", \
      "may there be one more, and do connection, user and address pay for it (core/home/home_create.c); of a `create`: is there none yet") \
    X(JOIN, invited,   PERMISSION, "core/home/home_invite.c", "`invitation_invalid`, `invitation_expired`, `invitation_used`", "", \
      "of who brings an invitation: does it hold (the use itself is a record: it is asked again when that has its place)") \
    X(JOIN, entry,     PERMISSION, "core/home/home_join.c", "`banned`, `forbidden`", "", \
      "is the user banned; has it the right `join` there; is the room locked") \
    X(JOIN, unclosed,  PERMISSION, "core/home/room_close.c", "`room_closed`", "", \
      "has the room not been closed a moment ago")
#define GATES_ROOM(X) \
    X(ROOM, there,     PERMISSION, "core/home/gates_room.c", "`not_member`, `not_found`", "", \
      "is who asks in the room") \
    X(ROOM, ended,     PERMISSION, "core/home/room_close.c", "`room_closed`", "", \
      "has it not been closed a moment ago") \
    X(ROOM, right,     PERMISSION, "core/home/gates_room.c", "`forbidden`", "", \
      "has it the right of the command's row (core/home/rights.h)") \
    X(ROOM, target,    PERMISSION, "core/home/gates_room.c", "`not_member`, `forbidden`, `bad_command`", "", \
      "of a decree: is whom it is about there, and below") \
    X(ROOM, about,     PERMISSION, "core/home/home_words.c", "`not_found`, `forbidden`, `limit_reached`", "", \
      "of what is about a message: is it kept, is it still time (rooms.edit_window_s, delete_window_s), may it have one more reaction") \
    X(ROOM, inviting,  PERMISSION, "core/home/home_invite.c", "`limit_reached`, `bad_command`", "", \
      "of an invitation: does it end, and not later than it may (rooms.invitation_max_s)") \
    X(ROOM, hushed,    PERMISSION, "core/home/gates_room.c", "`muted`, `forbidden`", "", \
      "of a signal: may it speak at all (what is said is asked so by its record, below)") \
    X(ROOM, member_rate, RATE,      "core/home/gates_rate.c", "`rate_limited`, 1008", "limit_member_rate", \
      "of a message, what is about one, or a change of the state: what its user has left in that room, by what it costs (rooms.member_messages_per_s, or the room's rule)") \
    X(ROOM, room_rate, RATE,       "core/home/gates_rate.c", "`rate_limited`, 1008", "limit_room_rate", \
      "of each of these: what all who are there have left together (rooms.messages_per_s, or the room's rule)")
#define GATES_RECORD(X) \
    X(RECORD, once,      LIMIT,      "core/home/apply.c", "`ack` of the first", "entries_duplicate", \
      "was it said before, by its key") \
    X(RECORD, closed,    PERMISSION, "core/home/apply.c", "`room_closed`", "", \
      "is the room closed by the records before it, for whoever says it") \
    X(RECORD, banned,    PERMISSION, "core/home/apply.c", "`banned`", "", \
      "is who says it banned by the records before it") \
    X(RECORD, allowed,   PERMISSION, "core/home/apply.c", "`forbidden`", "", \
      "has it the right by those and by what it came with") \
    X(RECORD, speech,    PERMISSION, "core/home/apply.c", "`muted`, `rate_limited`, `forbidden`", "", \
      "of a message: mutes, slow mode, read-only; of a change of the state the first and the last") \
    X(RECORD, decree,    PERMISSION, "core/home/apply.c", "`forbidden`, `limit_reached`, `conflict`", "", \
      "of a decree: is whom it is about below, and is there place to keep it; of what makes a room: is it the first in it") \
    X(RECORD, word,      PERMISSION, "core/home/judge_words.c", "`not_found`, `conflict`, `forbidden`", "", \
      "of what is about a message: is it not deleted, of the version that was meant, and of who is below") \
    X(RECORD, invitation, PERMISSION, "core/home/judge_invitations.c", "`invitation_invalid`, `invitation_expired`, `invitation_used`, `limit_reached`, `forbidden`, `not_found`", "limit_invitations", \
      "of who comes by an invitation: is there one with that secret, does it hold still, and is there a use left; of one that is made: is its role below its maker's, and is there place (rooms.invitations_max); of one that is taken back: is it there") \
    X(RECORD, state,     LIMIT,      "core/home/apply.c", "`conflict`, `bad_command`, `limit_reached`, `too_large`", "limit_state", \
      "of a change of the state: is it of the version that is named, are its keys and patches in order, and what comes of it within rooms.state_*")
#define GATES_TOLD(X) \
    X(TOLD, audit,     AUDIT,      "core/home/audit.c", "", "", \
      "nothing: it tells the audit (audit.file) who has decided or changed what, about whom and where") \
    X(TOLD, decreed,   METRIC,     "core/home/audit.c", "", "decrees", \
      "nothing: it counts decrees that have taken effect, and tells the log")
#define GATES(X) \
    GATES_CONNECT(X) GATES_REQUEST(X) GATES_DOOR(X) GATES_UPGRADE(X) GATES_COMMAND(X) GATES_TURN(X) GATES_JOIN(X) GATES_ROOM(X) GATES_RECORD(X) GATES_TOLD(X)
// clang-format on

// What a step's function says.
enum gate_did {
    GATE_PASSED,
    GATE_REFUSED, // and answered
    GATE_LATER,   // nothing was done: it is asked again, from this gate on
};

#endif
