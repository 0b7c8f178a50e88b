// SPDX-License-Identifier: Apache-2.0
//
// utf8_x86.c - UTF-8 by three tables of 16, for all bytes of a register at once.
//
// Whatever is malformed shows in two neighbours, but for a continuation that is missing in the third or fourth place. What may be
// wrong with a pair is known by three halves of bytes: both halves of the first byte and the upper one of the second. Each is looked up
// in a table whose bits are kinds of faults; a pair has a fault where all three say so. TWO is the exception: two continuations are
// right where the byte two or three in front begins a character that long, and wrong anywhere else, so there one is held
// against the other. (J. Keiser, D. Lemire: Validating UTF-8 in less than one instruction per byte, Software 51, 2021; the
// tables are made of the ranges of RFC 3629 here.)
//
// A block with a fault is left to the automaton of utf8.c, which says where it is and what state that leaves. So is a character that
// a block ends in: both are told by how far this has come.
#include "wire/utf8_x86.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <stdbool.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2")))

// What may be wrong with a pair.
enum {
    SHORT = 1 << 0,          // a first byte, and no continuation
    LONG = 1 << 1,           // an ASCII byte, and a continuation
    OVER_3 = 1 << 2,         // E0, and lower than A0
    LARGE = 1 << 3,          // F4 or higher, and 90 or higher
    SURROGATE = 1 << 4,      // ED, and A0 or higher
    OVER_2 = 1 << 5,         // C0 or C1
    OVER_4 = 1 << 6,         // F0, and lower than 90
    LARGE_5 = 1 << 6,        // F5 or higher, and lower than 90: no pair can be both
    TWO = 1 << 7,            // two continuations
    ANY = SHORT | LONG | TWO // whatever the lower half of the first byte
};

// By the upper half of the first byte, by its lower half, by the upper half of the second.
#define FIRST_UPPER                                                                             \
    LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, (char)TWO, (char)TWO, (char)TWO, (char)TWO, \
        SHORT | OVER_2, SHORT, SHORT | OVER_3 | SURROGATE, SHORT | LARGE | LARGE_5 | OVER_4
#define ANY_FIVE (char)(ANY | LARGE | LARGE_5)
#define FIRST_LOWER                                                                                          \
    (char)(ANY | OVER_2 | OVER_3 | OVER_4), (char)(ANY | OVER_2), (char)ANY, (char)ANY, (char)(ANY | LARGE), \
        ANY_FIVE, ANY_FIVE, ANY_FIVE, ANY_FIVE, ANY_FIVE, ANY_FIVE, ANY_FIVE, ANY_FIVE,                      \
        (char)(ANY | LARGE | LARGE_5 | SURROGATE), ANY_FIVE, ANY_FIVE
#define CONTINUES (LONG | OVER_2 | TWO)
#define SECOND_UPPER                                                                                       \
    SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, (char)(CONTINUES | OVER_3 | LARGE_5 | OVER_4), \
        (char)(CONTINUES | OVER_3 | LARGE), (char)(CONTINUES | SURROGATE | LARGE),                         \
        (char)(CONTINUES | SURROGATE | LARGE), SHORT, SHORT, SHORT, SHORT

// What lies before `at` is well-formed but for a last character that may be cut: to where that begins.
static size_t whole(const uint8_t *p, size_t at)
{
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        const uint8_t c = p[at - back];
        if (c >= 0xc0) // it is at - back + 1 bytes in, and has 2, 3 or 4
            return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? at - back : at;
    }
    return at;
}

// A byte that is not 0 in each place with a fault; `before` are the 16 bytes in front.
static inline SSSE3 __m128i faults_ssse3(__m128i v, __m128i before)
{
    const __m128i half = _mm_set1_epi8(0x0f), first = _mm_alignr_epi8(v, before, 15);
    const __m128i by_upper =
        _mm_shuffle_epi8(_mm_setr_epi8(FIRST_UPPER), _mm_and_si128(_mm_srli_epi16(first, 4), half));
    const __m128i by_lower = _mm_shuffle_epi8(_mm_setr_epi8(FIRST_LOWER), _mm_and_si128(first, half));
    const __m128i by_second =
        _mm_shuffle_epi8(_mm_setr_epi8(SECOND_UPPER), _mm_and_si128(_mm_srli_epi16(v, 4), half));
    const __m128i pairs = _mm_and_si128(_mm_and_si128(by_upper, by_lower), by_second);
    const __m128i third = _mm_subs_epu8(_mm_alignr_epi8(v, before, 14), _mm_set1_epi8(0xe0 - 0x80));
    const __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(v, before, 13), _mm_set1_epi8(0xf0 - 0x80));
    const __m128i inside = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)0x80));
    return _mm_xor_si128(inside, pairs);
}

SSSE3 size_t utf8_pass_ssse3(const uint8_t *p, size_t n)
{
    __m128i before = _mm_setzero_si128();
    size_t i = 0;
    bool ascii = true; // all of the block before
    for (; n - i >= 32; i += 32) {
        const __m128i a = _mm_loadu_si128((const void *)(p + i));
        const __m128i b = _mm_loadu_si128((const void *)(p + i + 16));
        if (_mm_movemask_epi8(_mm_or_si128(a, b)) == 0 && (ascii || whole(p, i) == i)) {
            ascii = true;
            before = b;
            continue;
        }
        const __m128i faults = _mm_or_si128(faults_ssse3(a, before), faults_ssse3(b, a));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(faults, _mm_setzero_si128())) != 0xffff)
            break;
        ascii = false;
        before = b;
    }
    return whole(p, i);
}

static inline AVX2 __m256i faults_avx2(__m256i v, __m256i before)
{
    const __m256i half = _mm256_set1_epi8(0x0f), middle = _mm256_permute2x128_si256(before, v, 0x21);
    const __m256i first = _mm256_alignr_epi8(v, middle, 15);
    const __m256i by_upper = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_setr_epi8(FIRST_UPPER)),
                                                 _mm256_and_si256(_mm256_srli_epi16(first, 4), half));
    const __m256i by_lower = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_setr_epi8(FIRST_LOWER)),
                                                 _mm256_and_si256(first, half));
    const __m256i by_second = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_setr_epi8(SECOND_UPPER)),
                                                  _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
    const __m256i pairs = _mm256_and_si256(_mm256_and_si256(by_upper, by_lower), by_second);
    const __m256i third = _mm256_subs_epu8(_mm256_alignr_epi8(v, middle, 14), _mm256_set1_epi8(0xe0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(_mm256_alignr_epi8(v, middle, 13), _mm256_set1_epi8(0xf0 - 0x80));
    const __m256i inside = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(inside, pairs);
}

AVX2 size_t utf8_pass_avx2(const uint8_t *p, size_t n)
{
    __m256i before = _mm256_setzero_si256();
    size_t i = 0;
    bool ascii = true; // all of the block before
    for (; n - i >= 64; i += 64) {
        const __m256i a = _mm256_loadu_si256((const void *)(p + i));
        const __m256i b = _mm256_loadu_si256((const void *)(p + i + 32));
        if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) == 0 && (ascii || whole(p, i) == i)) {
            ascii = true;
            before = b;
            continue;
        }
        const __m256i faults = _mm256_or_si256(faults_avx2(a, before), faults_avx2(b, a));
        if (!_mm256_testz_si256(faults, faults))
            break;
        ascii = false;
        before = b;
    }
    return whole(p, i);
}
#endif
