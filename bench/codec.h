// SPDX-License-Identifier: Apache-2.0
//
// A dialect as the load tool sees it: what to say after connecting, how a published message looks, and what an
// incoming message means.

#ifndef BENCH_CODEC_H
#define BENCH_CODEC_H

#include "world.h"

struct codec {
    // The connection is open (WebSocket: upgraded). Says hello and joins; sets the state when that is all.
    void (*on_open)(struct bench_conn *c);

    // One whole message: the text of a WebSocket message, or a line without its end. `p` is valid during the
    // call only.
    void (*on_message)(struct bench_conn *c, const char *p, uint32_t len);

    // Writes the text of a published message to `out` (at least 4096 + options.size bytes) and where in it payload
    // and id stand (*ret_id_at = 0: no id). Returns the length.
    uint32_t (*message)(struct publisher *p, char *out, uint32_t *ret_payload_at, uint32_t *ret_id_at);

    // Writes an id where one stands. NULL: as ten decimal digits.
    void (*write_id)(char *at, uint32_t id);

    // --churn: leave and join. NULL: the dialect has none.
    void (*leave)(struct bench_conn *c, struct seat *seat);
    void (*join)(struct bench_conn *c, struct seat *seat);
};

extern const struct codec codec_json, codec_protobuf, codec_text, codec_raw;

// Ids are written with ten digits (as a varint: five bytes), so that a message has the same length every time.
#define CODEC_ID_BASE 1000000000u

// The mark of the payload in a message; NULL when there is none. Looks first where it stood last time: `hint` is
// its distance from the end.
const char *codec_find_mark(const char *p, uint32_t len, uint32_t hint);

// Fills `n` bytes of payload: with one letter, or with words (--words), which a real deflate makes of what people say. The
// mark is written over its beginning later.
void codec_fill(const struct options *o, char *at, uint32_t n);

// A published message arrived at `seat`. `offset` is the entry's (json), or 0.
void codec_deliver(struct bench_conn *c, struct seat *seat, uint64_t offset, uint32_t publisher,
                   uint32_t seq);

#endif
