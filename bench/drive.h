// SPDX-License-Identifier: Apache-2.0
//
// Decides when the next message is published.
//
// Open loop: message k of the run is due at start + k / rate, and belongs to publisher k mod P. It is sent at the
// first chance at or after that time, and its latency counts from that time: when the server, the network or this
// tool stalls, the messages that should have gone out in the meantime count their waiting too. (Measuring from the
// actual sending would leave exactly the bad moments out: coordinated omission.)
//
// Closed loop: each publisher keeps K messages under way. Which event frees a place is `own` (acknowledged, or come
// back to its publisher) or `all` (every reader of the room has it). Latency counts from the sending. A message that
// does not come back for 5 s is given up and counted, so that a loss does not silence its publisher.

#ifndef BENCH_DRIVE_H
#define BENCH_DRIVE_H

#include "world.h"

// Prepares the publishers' frames and tables. After world_init.
void drive_init(struct world *world);
void drive_deinit(struct world *world);

// Publishing begins (the phase has become PHASE_WARMUP).
void drive_start(struct worker *w);

// Publishes what is due at w->now. Called once per turn.
void drive_run(struct worker *w);

// When drive_run wants to be called again; UINT64_MAX: not before something arrives.
uint64_t drive_due_ns(const struct worker *w);

// Message `seq` came back to its publisher or was acknowledged.
void drive_on_own(struct worker *w, struct publisher *p, uint32_t seq);

// The last reader has message `seq`. `w` is the worker of that reader.
void drive_on_all(struct worker *w, struct publisher *p, uint32_t seq);

#endif
