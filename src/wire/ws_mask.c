// SPDX-License-Identifier: Apache-2.0
//
// ws_mask.c - XOR with a repeating 4-byte key, the one loop that touches every byte a client sends.
//
// Written with the compiler's vector type, 32 bytes a step, which becomes the widest registers of the target without
// a line of its assembly; loads and stores go through memcpy, so alignment does not matter and need not be sought.
#include "wire/ws_frame.h"

typedef uint64_t lanes __attribute__((vector_size(16)));

// Turns the key by n bytes in memory order: the byte at place n mod 4 becomes the first.
static uint32_t key_turn(uint32_t key, size_t n)
{
    uint8_t from[4], to[4];
    memcpy(from, &key, 4);
    for (unsigned i = 0; i < 4; i++)
        to[i] = from[(i + n) & 3];
    memcpy(&key, to, 4);
    return key;
}

uint32_t ws_unmask(uint8_t *p, size_t n, uint32_t key)
{
    uint64_t key2 = (uint64_t)key << 32 | key;
    lanes key4 = {key2, key2};
    size_t i = 0;
    for (; n - i >= 32; i += 32) {
        lanes a, b;
        memcpy(&a, p + i, 16);
        memcpy(&b, p + i + 16, 16);
        a ^= key4;
        b ^= key4;
        memcpy(p + i, &a, 16);
        memcpy(p + i + 16, &b, 16);
    }
    for (; n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        w ^= key2;
        memcpy(p + i, &w, 8);
    }
    if (i == n)
        return key; // a multiple of 8 octets turns it not at all
    uint8_t k[4];
    memcpy(k, &key, 4);
    for (size_t j = 0; i < n; i++, j++) // i was a multiple of 8, so the key begins anew
        p[i] ^= k[j & 3];
    return key_turn(key, n);
}
