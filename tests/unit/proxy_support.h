// SPDX-License-Identifier: Apache-2.0
//
// proxy_support.h - PROXY headers as they are on the wire, and a decoder run over pieces of them.
#ifndef PLENUM_UNIT_PROXY_SUPPORT_H
#define PLENUM_UNIT_PROXY_SUPPORT_H

#include "unit/wire_support.h"
#include "wire/proxy_header.h"

#define PROXY_V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

// What a run came to.
struct proxy_run {
    struct proxy_decoder decoder;
    enum err result;
    size_t used; // octets of the header
};

static inline void proxy_run_init(struct proxy_run *r)
{
    *r = (struct proxy_run){.result = ERR_MORE};
    proxy_decoder_init(&r->decoder);
}

// Feeds a piece, in a block of its own, where there is still something to decide.
static inline void proxy_run_feed(struct proxy_run *r, const void *bytes, size_t n)
{
    if (r->result != ERR_MORE)
        return;
    uint8_t *block = exact_copy(bytes, n);
    size_t used = SIZE_MAX;
    r->result = proxy_decoder_next(&r->decoder, str_make((const char *)block, n), &used);
    if (r->result == OK || r->result == ERR_MORE) {
        MUST(used <= n);
        MUST(r->result == OK || used == n);
        MUST(r->decoder.reason == NULL);
        r->used += used;
    } else {
        MUST(r->decoder.reason != NULL && r->decoder.reason[0] != '\0');
    }
    free(block);
}

static inline bool proxy_run_equal(const struct proxy_run *a, const struct proxy_run *b)
{
    if (a->result != b->result || a->decoder.reason != b->decoder.reason)
        return false;
    return a->result != OK ||
           (a->used == b->used && a->decoder.speaks_for == b->decoder.speaks_for &&
            memcmp(&a->decoder.client.ip, &b->decoder.client.ip, sizeof a->decoder.client.ip) == 0 &&
            a->decoder.client.port == b->decoder.client.port);
}

#endif
