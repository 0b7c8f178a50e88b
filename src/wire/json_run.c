// SPDX-License-Identifier: Apache-2.0
//
// json_run.c - plain characters 8 at a time, see json_run.h. Kept out of line: inlined, its constants take the
// registers that the 16-byte loop lives on.
#include "wire/json_run.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

static inline bool is_plain(uint8_t c) { return c >= 0x20 && c != '"' && c != '\\'; }

// Not 0 if one of the 8 bytes is not plain. The top bit of each byte says so exactly up to the first such byte;
// behind it a borrow may set more (Mycroft's test), which is why only "is there one" is read from it.
static inline uint64_t stops(uint64_t w)
{
    uint64_t quote = w ^ (ONES * '"');
    uint64_t backslash = w ^ (ONES * '\\');
    uint64_t zeros = ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash);
    uint64_t controls = (w - ONES * 0x20) & ~w;
    return (zeros | controls) & HIGHS;
}

const uint8_t *json_skip_plain_words(const uint8_t *p, const uint8_t *end, uint64_t *high)
{
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        if (stops(w) != 0)
            break;
        *high |= w & HIGHS;
        p += 8;
    }
    for (; p < end && is_plain(*p); p++)
        *high |= *p & 0x80;
    return p;
}
