// SPDX-License-Identifier: Apache-2.0
//
// base64, base64url and decimal.
//
// Base64 is met at handshakes and in tokens, a few dozen bytes, and where bytes are data in JSON, up to a message. So it is plain: three
// bytes in, four characters out, and the decoder finds a character's value by range, without a table; and the middle of what is long
// is left to vector instructions where there are any (codec_x86.h). Decoding is strict because keys and
// tokens are compared as text: two spellings of one value would be two keys.
// Decimal is hot (offsets and times in every entry): two digits per division by 100, which the compiler turns into
// a multiplication.
#include "base/codec.h"

#include "base/codec_x86.h"
#include "base/cpu.h"

// The two alphabets differ in the last two characters only.
struct alphabet {
    char chars[65];
    char c62, c63;
};

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const struct alphabet standard = {LETTERS_DIGITS "+/", '+', '/'};
static const struct alphabet url = {LETTERS_DIGITS "-_", '-', '_'};

// How many bytes of the front, a multiple of 3, are written already.
static size_t encode_wide(const struct alphabet *a, const unsigned char *p, size_t n, char *ret)
{
#ifdef __x86_64__
    switch (cpu_level()) {
    case CPU_AVX2:
        return base64_encode_avx2(a->c62, a->c63, p, n, ret);
    case CPU_SSSE3:
        return base64_encode_ssse3(a->c62, a->c63, p, n, ret);
    case CPU_PLAIN:
    case CPU_LEVELS:
        break;
    }
#else
    (void)a, (void)p, (void)n, (void)ret;
#endif
    return 0;
}

// Writes full groups and the rest without padding.
static size_t encode(const struct alphabet *a, const unsigned char *p, size_t n, char *ret)
{
    size_t i = n >= BASE64_WIDE_MIN ? encode_wide(a, p, n, ret) : 0;
    char *out = ret + i / 3 * 4;
    for (; n - i >= 3; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        *out++ = a->chars[v >> 18];
        *out++ = a->chars[v >> 12 & 63];
        *out++ = a->chars[v >> 6 & 63];
        *out++ = a->chars[v & 63];
    }
    if (i < n) {
        bool two = n - i == 2;
        uint32_t v = (uint32_t)p[i] << 16 | (two ? (uint32_t)p[i + 1] << 8 : 0);
        *out++ = a->chars[v >> 18];
        *out++ = a->chars[v >> 12 & 63];
        if (two)
            *out++ = a->chars[v >> 6 & 63];
    }
    return (size_t)(out - ret);
}

size_t base64_encode(const void *p, size_t n, char *ret)
{
    size_t len = encode(&standard, p, n, ret);
    while (len % 4 != 0)
        ret[len++] = '=';
    return len;
}

size_t base64url_encode(const void *p, size_t n, char *ret) { return encode(&url, p, n, ret); }

// The six bits of c, or 64 for a character outside the alphabet; bit 6 marks a bad group after OR-ing.
static inline uint32_t sextet(const struct alphabet *a, char c)
{
    unsigned char u = (unsigned char)c;
    if ((unsigned char)(u - 'A') < 26)
        return (uint32_t)(u - 'A');
    if ((unsigned char)(u - 'a') < 26)
        return (uint32_t)(u - 'a' + 26);
    if ((unsigned char)(u - '0') < 10)
        return (uint32_t)(u - '0' + 52);
    return c == a->c62 ? 62 : c == a->c63 ? 63 : 64;
}

// How many characters of the front, a multiple of 4, are decoded already.
static size_t decode_wide(const struct alphabet *a, const char *p, size_t n, unsigned char *ret)
{
#ifdef __x86_64__
    switch (cpu_level()) {
    case CPU_AVX2:
        return base64_decode_avx2(a->c62, a->c63, p, n, ret);
    case CPU_SSSE3:
        return base64_decode_ssse3(a->c62, a->c63, p, n, ret);
    case CPU_PLAIN:
    case CPU_LEVELS:
        break;
    }
#else
    (void)a, (void)p, (void)n, (void)ret;
#endif
    return 0;
}

// Decodes n characters, padding already taken off.
static bool decode(const struct alphabet *a, const char *p, size_t n, unsigned char *ret, size_t *ret_n)
{
    size_t i = n >= BASE64_WIDE_MIN ? decode_wide(a, p, n, ret) : 0;
    unsigned char *out = ret + i / 4 * 3;
    for (; n - i >= 4; i += 4) {
        uint32_t s0 = sextet(a, p[i]), s1 = sextet(a, p[i + 1]), s2 = sextet(a, p[i + 2]),
                 s3 = sextet(a, p[i + 3]);
        if ((s0 | s1 | s2 | s3) & 64)
            return false;
        uint32_t v = s0 << 18 | s1 << 12 | s2 << 6 | s3;
        *out++ = (unsigned char)(v >> 16);
        *out++ = (unsigned char)(v >> 8);
        *out++ = (unsigned char)v;
    }
    size_t left = n - i;
    if (left == 1)
        return false; // six bits make no byte
    if (left > 1) {
        uint32_t s0 = sextet(a, p[i]), s1 = sextet(a, p[i + 1]), s2 = left == 3 ? sextet(a, p[i + 2]) : 0;
        uint32_t v = s0 << 18 | s1 << 12 | s2 << 6;
        // RFC 4648 section 3.5: the bits beyond the last whole byte must be zero.
        if (((s0 | s1 | s2) & 64) || (v & (left == 3 ? 0xffu : 0xffffu)))
            return false;
        *out++ = (unsigned char)(v >> 16);
        if (left == 3)
            *out++ = (unsigned char)(v >> 8);
    }
    *ret_n = (size_t)(out - ret);
    return true;
}

bool base64_decode(str s, void *ret, size_t *ret_n)
{
    if (s.n % 4 != 0)
        return false;
    size_t n = s.n;
    // More than two are left to decode(), for which '=' is not of the alphabet.
    for (int pad = 0; pad < 2 && n > 0 && s.p[n - 1] == '='; pad++)
        n--;
    return decode(&standard, s.p, n, ret, ret_n);
}

bool base64url_decode(str s, void *ret, size_t *ret_n) { return decode(&url, s.p, s.n, ret, ret_n); }

static size_t u64_digits(uint64_t v)
{
    // clang-format off
    static const uint64_t pow10[20] = {
        0, // so that 0 has one digit
        10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u, 10000000000u,
        100000000000u, 1000000000000u, 10000000000000u, 100000000000000u, 1000000000000000u,
        10000000000000000u, 100000000000000000u, 1000000000000000000u, 10000000000000000000u,
    };
    // clang-format on
    // bits * log10(2), rounded down, is the number of digits or one less; 1233 / 4096 is log10(2) closely enough
    // for 64 bits.
    unsigned bits = 64u - (unsigned)__builtin_clzll(v | 1);
    unsigned t = bits * 1233u >> 12;
    return t + (v >= pow10[t]);
}

size_t u64_encode(uint64_t v, char ret[20])
{
    static const char pairs[201] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    size_t n = u64_digits(v);
    size_t at = n;
    while (v >= 100) {
        at -= 2;
        memcpy(ret + at, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(ret, pairs + v * 2, 2);
    else
        ret[0] = (char)('0' + v);
    return n;
}
