// SPDX-License-Identifier: Apache-2.0
//
// speech.h - what a connection's language remembers of it: its state (dialect/dialect.h), beside the connection, so that those
// whose language remembers nothing pay nothing.
//
// Limits: LANGUAGE_STATE_MAX; booked like all memory, and a connection for whose state there is none is refused.
// Ownership: the connection's, from speech_begin to speech_end. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_SPEECH_H
#define PLENUM_CORE_FAN_SPEECH_H

#include "core/fan/fan.h"

// The table, where a language here has state.
enum err speech_init(struct fan *f) WARN_UNUSED;
void speech_deinit(struct fan *f);
// The connection speaks that from here on. ERR_NOMEM: it does not.
enum err speech_begin(struct fan *f, uint32_t conn, uint8_t encoding) WARN_UNUSED;
void speech_end(struct fan *f, uint32_t conn); // it is gone; where it spoke nothing, nothing is done
void speech_check(const struct fan *f, uint32_t conn);

static inline const struct encoding *speech_encoding(const struct fan *f, uint32_t conn)
{
    return encoding_of(f->cx, reader_at(f, conn)->encoding);
}
static inline const struct language *speech_language(const struct fan *f, uint32_t conn)
{
    return speech_encoding(f, conn)->language;
}
// NULL where there is none.
static inline void *speech_state(const struct fan *f, uint32_t conn)
{
    return f->states == NULL ? NULL : f->states[conn];
}

#endif
