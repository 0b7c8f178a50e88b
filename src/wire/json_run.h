// SPDX-License-Identifier: Apache-2.0
//
// json_run.h - how far a run of plain characters goes: the inner loop of JSON strings, both ways.
//
// Plain is what needs no look: no quote, no backslash, no control character. Nearly all bytes of a message are skipped
// here, 16 at a time where the target has SSE2 (every x86-64), else 8 at a time in a general register; of a long run 64 at a time
// where the processor has AVX2 (base/cpu.h). In passing it is
// noted whether anything was not ASCII: only then has the reader to prove that the string is UTF-8.
//
// Internal to json_*.c.
#ifndef PLENUM_WIRE_JSON_RUN_H
#define PLENUM_WIRE_JSON_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// The same as json_skip_plain, without SSE2; for the last bytes of a text and for other targets.
const uint8_t *json_skip_plain_words(const uint8_t *p, const uint8_t *end, uint64_t *high);

// The run goes on behind its first bytes: passes over more of it, to where it ends or not. Nothing where there is nothing faster.
const uint8_t *json_skip_plain_wide(const uint8_t *p, const uint8_t *end, uint64_t *high);
enum {
    JSON_RUN_LONG = 128, // so many bytes of a run in front of it, and behind it, pay for asking
};

// The first byte from p on that is not plain, or end. *high becomes not 0 if a byte before it is not ASCII (and
// sometimes when one shortly behind it is not).
static inline const uint8_t *json_skip_plain(const uint8_t *p, const uint8_t *end, uint64_t *high)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1f);
    const uint8_t *const from = p;
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const void *)p);
        __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v); // v <= 0x1f, unsigned
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(stops, controls));
        *high |= (unsigned)_mm_movemask_epi8(v);
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
        if (p - from == JSON_RUN_LONG && end - p >= JSON_RUN_LONG)
            p = json_skip_plain_wide(p, end, high);
    }
#endif
    return json_skip_plain_words(p, end, high);
}

#endif
