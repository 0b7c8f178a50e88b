// SPDX-License-Identifier: Apache-2.0
//
// codec_x86.c - base64 with shuffles, 12 bytes or 24 to 16 characters or 32.
//
// Encoding: a shuffle brings the three bytes of each group into a register of 32 bits, in an order in which two multiplications
// move all four sextets to the bytes where they belong; a second shuffle is a table of what to add to each sextet's range.
// (W. Mula, D. Lemire: Faster Base64 Encoding and Decoding using AVX2 Instructions, ACM TWEB 12, 2018.)
//
// Decoding: each of the five ranges of the alphabet is looked for by itself, with one subtraction and one comparison; a byte
// that is in none of them ends the run. Two multiplications with addition put sextets together. Their table by nibbles takes
// fewer instructions and knows one alphabet: where it begins to matter, the bytes have to come out of a socket.
#include "base/codec_x86.h"

#ifdef __x86_64__
#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2")))

// What is added to a sextet: of 0-25, 26-51, each digit, and the last two. Which of them: 13, 0, 1 to 10, 11 and 12.
static SSSE3 __m128i shifts_of(char c62, char c63)
{
    const char digit = '0' - 52;
    return _mm_setr_epi8('a' - 26, digit, digit, digit, digit, digit, digit, digit, digit, digit, digit,
                         (char)(c62 - 62), (char)(c63 - 63), 'A', 0, 0);
}

SSSE3 size_t base64_encode_ssse3(char c62, char c63, const unsigned char *p, size_t n, char *ret)
{
    const __m128i shifts = shifts_of(c62, c63);
    const __m128i order = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    size_t i = 0;
    for (; n - i >= 16; i += 12, ret += 16) { // of 16 that are read 12 are used
        __m128i v = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(p + i)), order);
        const __m128i odd =
            _mm_mulhi_epu16(_mm_and_si128(v, _mm_set1_epi32(0x0fc0fc00)), _mm_set1_epi32(0x04000040));
        const __m128i even =
            _mm_mullo_epi16(_mm_and_si128(v, _mm_set1_epi32(0x003f03f0)), _mm_set1_epi32(0x01000010));
        v = _mm_or_si128(odd, even);
        const __m128i upper = _mm_cmpgt_epi8(_mm_set1_epi8(26), v);
        const __m128i range =
            _mm_or_si128(_mm_subs_epu8(v, _mm_set1_epi8(51)), _mm_and_si128(upper, _mm_set1_epi8(13)));
        v = _mm_add_epi8(v, _mm_shuffle_epi8(shifts, range));
        _mm_storeu_si128((void *)ret, v);
    }
    return i;
}

AVX2 size_t base64_encode_avx2(char c62, char c63, const unsigned char *p, size_t n, char *ret)
{
    const __m256i shifts = _mm256_broadcastsi128_si256(shifts_of(c62, c63));
    const __m256i order =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    size_t i = 0;
    for (; n - i >= 28; i += 24, ret += 32) { // 12 bytes into each half, and 4 that are not used
        const __m128i low = _mm_loadu_si128((const void *)(p + i));
        const __m128i high = _mm_loadu_si128((const void *)(p + i + 12));
        __m256i v = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), order);
        const __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00)),
                                               _mm256_set1_epi32(0x04000040));
        const __m256i even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0)),
                                                _mm256_set1_epi32(0x01000010));
        v = _mm256_or_si256(odd, even);
        const __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), v);
        const __m256i range = _mm256_or_si256(_mm256_subs_epu8(v, _mm256_set1_epi8(51)),
                                              _mm256_and_si256(upper, _mm256_set1_epi8(13)));
        v = _mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, range));
        _mm256_storeu_si256((void *)ret, v);
    }
    return i;
}

// Characters from `first` on, n of them, are values from `value` on: adds those that are, and marks where.
static inline SSSE3 void take_range_ssse3(__m128i v, char first, char n, char value, __m128i *found,
                                          __m128i *sum)
{
    const __m128i at = _mm_sub_epi8(v, _mm_set1_epi8(first));
    const __m128i is = _mm_cmpeq_epi8(_mm_min_epu8(at, _mm_set1_epi8((char)(n - 1))), at);
    *found = _mm_or_si128(*found, is);
    *sum = _mm_or_si128(*sum, _mm_and_si128(is, _mm_add_epi8(at, _mm_set1_epi8(value))));
}

SSSE3 size_t base64_decode_ssse3(char c62, char c63, const char *p, size_t n, unsigned char *ret)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    size_t i = 0;
    for (; n - i >= 24; i += 16, ret += 12) { // 16 are written, so 18 have to fit
        const __m128i v = _mm_loadu_si128((const void *)(p + i));
        __m128i found = _mm_setzero_si128(), sum = _mm_setzero_si128();
        take_range_ssse3(v, 'A', 26, 0, &found, &sum);
        take_range_ssse3(v, 'a', 26, 26, &found, &sum);
        take_range_ssse3(v, '0', 10, 52, &found, &sum);
        take_range_ssse3(v, c62, 1, 62, &found, &sum);
        take_range_ssse3(v, c63, 1, 63, &found, &sum);
        if (_mm_movemask_epi8(found) != 0xffff)
            break;
        const __m128i pairs = _mm_maddubs_epi16(sum, _mm_set1_epi32(0x01400140));
        const __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
        _mm_storeu_si128((void *)ret, _mm_shuffle_epi8(groups, order));
    }
    return i;
}

static inline AVX2 void take_range_avx2(__m256i v, char first, char n, char value, __m256i *found,
                                        __m256i *sum)
{
    const __m256i at = _mm256_sub_epi8(v, _mm256_set1_epi8(first));
    const __m256i is = _mm256_cmpeq_epi8(_mm256_min_epu8(at, _mm256_set1_epi8((char)(n - 1))), at);
    *found = _mm256_or_si256(*found, is);
    *sum = _mm256_or_si256(*sum, _mm256_and_si256(is, _mm256_add_epi8(at, _mm256_set1_epi8(value))));
}

AVX2 size_t base64_decode_avx2(char c62, char c63, const char *p, size_t n, unsigned char *ret)
{
    const __m256i order =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    size_t i = 0;
    for (; n - i >= 40; i += 32, ret += 24) { // 28 are written, so 30 have to fit
        const __m256i v = _mm256_loadu_si256((const void *)(p + i));
        __m256i found = _mm256_setzero_si256(), sum = _mm256_setzero_si256();
        take_range_avx2(v, 'A', 26, 0, &found, &sum);
        take_range_avx2(v, 'a', 26, 26, &found, &sum);
        take_range_avx2(v, '0', 10, 52, &found, &sum);
        take_range_avx2(v, c62, 1, 62, &found, &sum);
        take_range_avx2(v, c63, 1, 63, &found, &sum);
        if ((unsigned)_mm256_movemask_epi8(found) != 0xffffffffu)
            break;
        const __m256i pairs = _mm256_maddubs_epi16(sum, _mm256_set1_epi32(0x01400140));
        const __m256i groups =
            _mm256_shuffle_epi8(_mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000)), order);
        _mm_storeu_si128((void *)ret, _mm256_castsi256_si128(groups));
        _mm_storeu_si128((void *)(ret + 12), _mm256_extracti128_si256(groups, 1));
    }
    return i;
}
#endif
