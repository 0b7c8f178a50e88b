// SPDX-License-Identifier: Apache-2.0
//
// gate.h - what a connection may order, and how fast.
//
// Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_GATE_H
#define PLENUM_CORE_EDGE_GATE_H

#include "core/common/gates.h"
#include "core/edge/asker.h"

struct command;
struct edge;

// What a command passes before it is carried out (common/gates.h); the connection keeps which it has passed.
enum command_gate {
#define X(at, name, ...) GATE_AT_##name,
    GATES_COMMAND(X)
#undef X
        GATES_PASSED
};
#define X(at, name, ...)                                                                                 \
    enum gate_did gate_##name(struct edge *e, struct asker *c, uint32_t conn, const struct command *cmd) \
        WARN_UNUSED;
GATES_COMMAND(X)
GATES_TURN(X)
#undef X

// Of a new connection, and of one that has stopped to speak HTTP: full buckets.
void gate_open(const struct edge *e, struct asker *c);
// While it speaks HTTP (limits.requests_per_s): false where that was one request too many.
void gate_open_http(const struct edge *e, struct asker *c);
bool gate_request(const struct edge *e, struct asker *c) WARN_UNUSED;
// A command has been answered with so many bytes: what it returned beyond a usual reply is charged, too, a command for each
// COST_BYTES, so that a megabyte of history is not the price of a ping. Who has not so many tokens owes them.
void gate_charge(struct edge *e, struct asker *c, size_t bytes);
// What it asked for has cost as much as so many commands more; to its user and its address, too (gates_shared.c).
void gate_owe(struct edge *e, struct asker *c, uint32_t commands);
void gate_owe_shared(struct edge *e, const struct asker *c, uint32_t commands);
// An error now would overtake no reply that is due. False: it is asked again when one has come.
bool gate_may_refuse(const struct edge *e, struct asker *c) WARN_UNUSED;
// It was refused by a rate that is not its own, and so not by its own fault; who is refused again and again goes on regardless, and
// is to end.
void gate_pushed(struct edge *e, uint32_t conn);
// The rate of new rooms of a connection (limits.connection_rooms_created_per_s): whether a join makes one is known at
// the room's home, so the ask says how long it may make none, and the answer whether it did.
uint32_t gate_rooms_wait_ms(const struct edge *e, struct asker *c);
void gate_room_created(const struct edge *e, struct asker *c);
// A room was not made, and the connection has been told to wait. Who asks again before that, and again, is to end.
void gate_room_refused(struct edge *e, uint32_t conn, uint32_t retry_ms);
// The noise gate (NOISE_PER_S, NOISE_BURST): counts something that says nothing. False: that was one too many, and it is
// to end.
bool gate_noise(struct edge *e, uint32_t conn);

#endif
