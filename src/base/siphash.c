// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4.
//
// Keys here are short (room names, user ids): what costs is set-up, tail and finalization, not the word loop. So
// the tail is read with two overlapping loads instead of a byte-wise switch, and rounds are inlined. Rejected:
// SipHash-1-3 (faster, with less margin than the authors recommend; a name's hash is computed once per command) and
// unkeyed hashes (a peer that knows the function fills one bucket).
#include "base/siphash.h"

#include <string.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static inline uint64_t load32(const unsigned char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap32(x);
#endif
    return x;
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip *s)
{
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

// The last 1 to 7 bytes as a little-endian number.
static inline uint64_t load_tail(const unsigned char *p, size_t left)
{
    if (left >= 4) // the two loads overlap; where they do, they agree
        return load32(p) | load32(p + left - 4) << 8 * (left - 4);
    // First, middle and last byte; for one and two bytes some of them coincide.
    return p[0] | (uint64_t)p[left / 2] << 8 * (left / 2) | (uint64_t)p[left - 1] << 8 * (left - 1);
}

// Everything but the finalization: the state after all words and the word of length and tail.
static inline struct sip sip_absorb(const struct siphash_key *k, const void *data, size_t n,
                                    uint64_t v1_tweak)
{
    // "somepseudorandomlygeneratedbytes", the initial state of the paper.
    struct sip s = {k->k0 ^ 0x736f6d6570736575u, k->k1 ^ 0x646f72616e646f6du ^ v1_tweak,
                    k->k0 ^ 0x6c7967656e657261u, k->k1 ^ 0x7465646279746573u};
    const unsigned char *p = data;
    size_t whole = n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        sip_word(&s, load64(p + i));
    uint64_t tail = n & 7 ? load_tail(p + whole, n & 7) : 0;
    sip_word(&s, (uint64_t)n << 56 | tail);
    return s;
}

uint64_t siphash(const struct siphash_key *k, const void *p, size_t n)
{
    struct sip s = sip_absorb(k, p, n, 0);
    s.v2 ^= 0xff;
    return sip_finish(&s);
}

u128 siphash128(const struct siphash_key *k, const void *p, size_t n)
{
    u128 h;
    struct sip s = sip_absorb(k, p, n, 0xee);
    s.v2 ^= 0xee;
    h.lo = sip_finish(&s);
    s.v1 ^= 0xdd;
    h.hi = sip_finish(&s);
    return h;
}
