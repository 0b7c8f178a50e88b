// SPDX-License-Identifier: Apache-2.0
//
// See inflate.h. A room's readers get the same compressed bytes one after the other, and zlib would cost this tool more
// than all else it does with a message. So what was inflated last is remembered by its compressed bytes, all of which are
// compared: a server that sends other bytes to each reader has each of them inflated.

#include "inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { REMEMBERED = 64, OUT_MIN = 4096 };

struct known {
    char *in, *out;
    uint32_t in_n, in_size, out_n, out_size;
};

struct inflater {
    z_stream stream;
    struct known known[REMEMBERED];
};

void inflate_init(struct worker *w)
{
    w->inflater = bench_alloc(1, sizeof *w->inflater);
    if (inflateInit2(&w->inflater->stream, -15) != Z_OK) { // raw, section 7.2.1; no server's window is larger
        fprintf(stderr, "plenum-bench: zlib has no memory\n");
        exit(1);
    }
}

void inflate_deinit(struct worker *w)
{
    if (!w->inflater)
        return;
    inflateEnd(&w->inflater->stream);
    for (uint32_t i = 0; i < REMEMBERED; i++) {
        free(w->inflater->known[i].in);
        free(w->inflater->known[i].out);
    }
    free(w->inflater);
}

static struct known *place(struct inflater *inflater, const char *p, uint32_t n)
{
    uint64_t hash = n;
    for (uint32_t i = 0; i < n; i += 8) {
        uint64_t v = 0;
        memcpy(&v, p + i, n - i < 8 ? n - i : 8);
        hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return &inflater->known[hash >> 58];
}

static void ensure(char **at, uint32_t *size, uint32_t wanted)
{
    if (*size >= wanted)
        return;
    *at = bench_realloc(*at, wanted);
    *size = wanted;
}

// Into k->out, which grows as needed: section 7.2.2, with the four octets that the sender has left out.
static bool inflate_all(z_stream *z, struct known *k, uint32_t most)
{
    inflateReset(z);
    z->next_in = (Bytef *)k->in;
    z->avail_in = k->in_n;
    k->out_n = 0;
    for (;;) {
        if (k->out_n == k->out_size)
            ensure(&k->out, &k->out_size, k->out_size ? k->out_size * 2 : OUT_MIN);
        z->next_out = (Bytef *)k->out + k->out_n;
        z->avail_out = k->out_size - k->out_n;
        const int result = inflate(z, Z_SYNC_FLUSH);
        k->out_n = k->out_size - z->avail_out;
        if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
            return false;
        if (z->avail_out > 0)
            return z->avail_in == 0;
        if (k->out_n > most)
            return false;
    }
}

const char *inflate_message(struct worker *w, const char *p, uint32_t n, uint32_t *ret_len)
{
    static const char tail[4] = {0, 0, (char)0xff, (char)0xff};
    struct known *k = place(w->inflater, p, n);
    if (k->in_n != n + sizeof tail || memcmp(k->in, p, n) != 0) {
        ensure(&k->in, &k->in_size, n + (uint32_t)sizeof tail);
        memcpy(k->in, p, n);
        memcpy(k->in + n, tail, sizeof tail);
        k->in_n = n + (uint32_t)sizeof tail;
        if (!inflate_all(&w->inflater->stream, k, (uint32_t)w->buffer_size)) {
            k->in_n = 0;
            return NULL;
        }
    }
    *ret_len = k->out_n;
    return k->out;
}
