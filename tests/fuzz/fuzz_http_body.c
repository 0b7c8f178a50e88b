// SPDX-License-Identifier: Apache-2.0
//
// Request bodies in chunks: the pieces, and where they end, must not depend on the cuts; nothing goes beyond the limits; and what
// is passed over ends where what is read does.
//
// Input: two bytes (the limit, and the size of the cuts), then the bytes behind a head.
#include "unit/wire_support.h"
#include "wire/http_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    enum err e;
    size_t used, body_n;
    uint8_t *body;
};

static struct outcome read_in(const uint8_t *p, size_t n, size_t cut, uint32_t max, bool skip)
{
    struct outcome o = {.e = ERR_MORE, .body = malloc(n + 1)};
    struct http_body b;
    MUST(o.body != NULL);
    http_body_init_chunked(&b, max);
    while (o.e == ERR_MORE && o.used < n) {
        size_t part = n - o.used < cut ? n - o.used : cut, used;
        uint8_t *block = exact_copy(p + o.used, part);
        str in = {(const char *)block, part}, piece = STR_NONE;
        o.e = skip ? http_body_skip(&b, in, &used) : http_body_next(&b, in, &used, &piece);
        MUST(used <= part && used > 0);
        MUST(piece.n == 0 || (piece.p >= in.p && piece.p + piece.n <= in.p + used));
        if (piece.n != 0)
            memcpy(o.body + o.body_n, piece.p, piece.n);
        o.body_n += piece.n;
        o.used += used;
        free(block);
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3)
        return 0;
    uint32_t max = data[0] < 200 ? data[0] : HTTP_BODY_MAX;
    size_t cut = data[1] + (size_t)1;
    const uint8_t *p = data + 2;
    n -= 2;
    struct outcome whole = read_in(p, n, n, max, false), bytes = read_in(p, n, 1, max, false),
                   cuts = read_in(p, n, cut, max, false), skipped = read_in(p, n, cut, max, true);
    MUST(whole.e == OK || whole.e == ERR_MORE || whole.e == ERR_SYNTAX || whole.e == ERR_TOO_LARGE);
    MUST(whole.e == bytes.e && whole.e == cuts.e && whole.e == skipped.e);
    MUST(whole.used == bytes.used && whole.used == cuts.used && whole.used == skipped.used);
    MUST(whole.body_n == bytes.body_n && whole.body_n == cuts.body_n && whole.body_n <= max);
    MUST(memcmp(whole.body, bytes.body, whole.body_n) == 0 &&
         memcmp(whole.body, cuts.body, whole.body_n) == 0);
    MUST(whole.used <= whole.body_n + HTTP_CHUNKS_MAX + 1);
    free(whole.body);
    free(bytes.body);
    free(cuts.body);
    free(skipped.body);
    return 0;
}
