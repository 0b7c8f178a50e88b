// SPDX-License-Identifier: Apache-2.0
//
// json_run.c - plain characters 8 at a time, see json_run.h. Kept out of line: inlined, its constants take the
// registers that the 16-byte loop lives on.
#include "wire/json_run.h"

#include "base/cpu.h"
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

#ifdef __x86_64__
static __attribute__((target("avx2"))) const uint8_t *skip_avx2(const uint8_t *p, const uint8_t *end,
                                                                uint64_t *high)
{
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i last_control = _mm256_set1_epi8(0x1f);
    __m256i all = _mm256_setzero_si256();
    for (; end - p >= 64; p += 64) {
        const __m256i a = _mm256_loadu_si256((const void *)p);
        const __m256i b = _mm256_loadu_si256((const void *)(p + 32));
        const __m256i quotes = _mm256_or_si256(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote));
        const __m256i slashes =
            _mm256_or_si256(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash));
        const __m256i low = _mm256_min_epu8(a, b); // a control character is in either where it is in this
        const __m256i controls = _mm256_cmpeq_epi8(_mm256_min_epu8(low, last_control), low);
        const __m256i stops = _mm256_or_si256(_mm256_or_si256(quotes, slashes), controls);
        if (!_mm256_testz_si256(stops, stops))
            break;
        all = _mm256_or_si256(all, _mm256_or_si256(a, b));
    }
    *high |= (unsigned)_mm256_movemask_epi8(all);
    return p;
}
#endif

const uint8_t *json_skip_plain_wide(const uint8_t *p, const uint8_t *end, uint64_t *high)
{
#ifdef __x86_64__
    if (cpu_level() == CPU_AVX2)
        return skip_avx2(p, end, high);
#endif
    (void)end, (void)high;
    return p;
}
