// SPDX-License-Identifier: Apache-2.0
//
// slices: how long a turn is by a large message that is deflated: a slice of it, by the thread's own time.
//
//     build/release/bench/slices [MEBIBYTES]
//
// For each window: the mean slice and the longest one, and what a turn would take that deflated the whole message.
#include "core/log/deflating.h"
#include "io/mem_malloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// Log lines: numbers and words, as most that is large and compressible.
static void fill(struct buf *b, size_t n)
{
    uint64_t x = 1;
    while (b->n < n) {
        static const char *const words[] = {"GET /index.html",  "POST /api/v1/items", "200 OK",
                                            "304 Not Modified", "connection reset",   "user signed in"};
        x = x * 6364136223846793005u + 1442695040888963407u;
        char line[96];
        const int len =
            snprintf(line, sizeof line, "{\"time\":%llu,\"what\":\"%s\",\"ms\":%llu},",
                     1795161600000ull + b->n, words[(x >> 33) % 6], (unsigned long long)(x >> 50));
        buf_put(b, line, (size_t)len);
    }
    buf_cut(b, n);
}

static void run(struct mem *mem, str text, uint8_t window)
{
    struct buf out;
    struct deflater *d = deflater_create(mem, window);
    buf_init(&out, mem, 0);
    if (d == NULL || !deflater_begin(d, &out, text.n))
        exit(1);
    double all = 0, longest = 0;
    uint32_t slices = 0;
    for (size_t at = 0; at < text.n; slices++) {
        const str slice = str_take(str_skip(text, at), DEFLATE_SLICE_BYTES);
        at += slice.n;
        const double began = now_ms();
        if (!deflater_piece(d, &out, slice, at == text.n))
            exit(1);
        const double took = now_ms() - began;
        all += took;
        longest = took > longest ? took : longest;
    }
    printf("window %2u: %u slices, %.2f ms each, the longest %.2f; all %.1f ms; %zu bytes become %zu\n",
           window, slices, all / slices, longest, all, text.n, out.n);
    buf_deinit(&out);
    deflater_destroy(d);
}

int main(int argc, char **argv)
{
    struct mem mem;
    struct buf text;
    uint64_t mebibytes = 1;
    if (argc > 1 && (!str_to_u64(str_from_cstr(argv[1]), 64, &mebibytes) || mebibytes == 0))
        return 2;
    mem_init(&mem, mem_malloc_backend(), 0);
    buf_init(&text, &mem, 0);
    fill(&text, (size_t)mebibytes << 20);
    run(&mem, buf_str(&text), 15);
    run(&mem, buf_str(&text), 9);
    buf_deinit(&text);
    return 0;
}
