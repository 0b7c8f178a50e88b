// SPDX-License-Identifier: Apache-2.0
//
// trace.h - what happened: a ring of the last events, a hash over all of them, and the report of a failed check.
//
// An event belongs to a client and its connection, or to the world. Its text is cut to a few dozen bytes in the ring,
// but all of it goes into the hash.
#ifndef PLENUM_SIM_TRACE_H
#define PLENUM_SIM_TRACE_H

#include "base/str.h"

enum { TRACE_EVENTS = 4096, TRACE_TEXT_MAX = 200, TRACE_SHOWN = 40 };

#define TRACE_WORLD UINT32_MAX

struct trace_event {
    uint64_t step, now_ms;
    uint32_t client, link; // TRACE_WORLD: none
    char mark;             // '>' said, '<' heard, '*' happened
    uint8_t text_n;
    char text[TRACE_TEXT_MAX];
};

struct trace {
    struct trace_event *ring;
    uint64_t n;
    uint64_t hash;
    char *report;
};

struct world;
struct client;

// Bytes said ('>') or heard ('<') by a client.
void trace_bytes(struct world *w, const struct client *c, char mark, str bytes);
// Something else; c may be NULL.
void trace_note(struct world *w, const struct client *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// A contract is broken: writes the report and leaves the run.
_Noreturn void trace_fail(struct world *w, const struct client *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// An assertion of core failed: prints the report of the world that is running.
void trace_on_assert(const char *file, int line, const char *expr);
void trace_on_death(void);           // the same for a sanitizer's finding
void trace_running(struct world *w); // NULL: none

#endif
