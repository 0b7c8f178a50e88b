// SPDX-License-Identifier: Apache-2.0
//
// The mark that every published payload begins with, so that a reader can tell who sent it and when.
//
//     ~PPPSSSSSxxxxxxxx...      P: publisher number, 18 bits   S: sequence number, 30 bits   x: padding
//
// Six bits per character, most significant first, digits that need no escaping in JSON, in a text line or in
// a URL. The time of sending is not in the payload: it stays in the publisher's own table (struct slot), which
// costs nothing on the wire and allows 9-byte payloads. The position from the end of a message is constant for
// one dialect and size, so a reader finds the mark without searching.

#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdint.h>

#define PAYLOAD_MARK '~'
#define PAYLOAD_MARK_LEN 9
#define PAYLOAD_PUBLISHERS_MAX (1u << 18)
#define PAYLOAD_SEQ_MASK ((1u << 30) - 1)

extern const char payload_digits[65];
extern const int8_t payload_values[256];

// Writes the nine characters of the mark.
static inline void payload_encode(char *at, uint32_t publisher, uint32_t seq)
{
    uint64_t v = (uint64_t)publisher << 30 | (seq & PAYLOAD_SEQ_MASK);
    at[0] = PAYLOAD_MARK;
    for (int i = 8; i > 0; i--, v >>= 6)
        at[i] = payload_digits[v & 63];
}

// Reads a mark at `at` (nine readable bytes). Returns 0 when there is none.
static inline int payload_decode(const char *at, uint32_t *ret_publisher, uint32_t *ret_seq)
{
    if (at[0] != PAYLOAD_MARK)
        return 0;
    int64_t v = 0;
    int64_t bad = 0;
    for (int i = 1; i < PAYLOAD_MARK_LEN; i++) {
        int64_t d = payload_values[(uint8_t)at[i]];
        bad |= d;
        v = v * 64 + d;
    }
    if (bad < 0)
        return 0;
    *ret_publisher = (uint32_t)(v >> 30);
    *ret_seq = (uint32_t)v & PAYLOAD_SEQ_MASK;
    return 1;
}

#endif
