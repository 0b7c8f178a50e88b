// SPDX-License-Identifier: Apache-2.0
//
// The client's half of RFC 6455 framing: masked frames out, unmasked frames in. Written apart from the server's
// code on purpose: a load tool that shared it would share its mistakes.

#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdint.h>
#include <string.h>

enum {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

#define FRAME_HEAD_MAX 14 // 2 + 8 length + 4 mask (section 5.2)

// Writes the header of a final, masked frame (the mask itself left zero, its last four bytes). Returns its length.
static inline uint32_t frame_head_encode(uint8_t *at, uint8_t opcode, uint64_t len)
{
    uint32_t n = 2;
    at[0] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        at[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        at[1] = 0x80 | 126;
        at[2] = (uint8_t)(len >> 8);
        at[3] = (uint8_t)len;
        n = 4;
    } else {
        at[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            at[2 + i] = (uint8_t)(len >> (56 - 8 * i));
        n = 10;
    }
    memset(at + n, 0, 4);
    return n + 4;
}

// XORs `len` bytes with the mask (section 5.3), eight at a time.
static inline void frame_mask(char *at, uint64_t len, uint32_t mask)
{
    uint64_t wide = (uint64_t)mask << 32 | mask;
    uint64_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, at + i, 8);
        v ^= wide;
        memcpy(at + i, &v, 8);
    }
    for (; i < len; i++)
        at[i] = (char)(at[i] ^ (char)(mask >> (8 * (i & 3))));
}

// Reads the header at `at`. Returns its length, or 0 when there is not enough of it. A masked frame from a server is
// an error: *ret_len is then UINT64_MAX (section 5.1).
static inline uint32_t frame_head_decode(const uint8_t *at, uint32_t have, uint64_t *ret_len)
{
    if (have < 2)
        return 0;
    uint32_t head = 2;
    uint64_t len = at[1] & 0x7f;
    if (len == 126) {
        if (have < 4)
            return 0;
        len = (uint64_t)at[2] << 8 | at[3];
        head = 4;
    } else if (len == 127) {
        if (have < 10)
            return 0;
        len = 0;
        for (int i = 0; i < 8; i++)
            len = len << 8 | at[2 + i];
        head = 10;
    }
    *ret_len = at[1] & 0x80 ? UINT64_MAX : len;
    return head;
}

#endif
