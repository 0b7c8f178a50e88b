// SPDX-License-Identifier: Apache-2.0
//
// malloc, realloc and free in the shape of a mem_backend. Sizes that the caller hands back are not needed here; the
// budget in mem.c uses them. glibc aligns to 16 bytes, as mem.h asks.
#include "io/mem_malloc.h"

#include <malloc.h>
#include <stdlib.h>

enum { FALL_BYTES_MIN = 1 << 20, TAIL_BYTES_MIN = FALL_BYTES_MIN / 16, TAIL_LOOKS = 8, TAIL_ALL = 4 };

_Static_assert(_Alignof(max_align_t) >= 16, "mem.h promises blocks aligned to 16 bytes");

static void *malloc_alloc(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static void *malloc_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    (void)ctx;
    (void)n_old;
    return realloc(p, n);
}

static void malloc_free(void *ctx, void *p, size_t n)
{
    (void)ctx;
    (void)n;
    free(p);
}

// glibc raises that bound by itself, up to 32 MiB, as soon as such a block is freed; then large replies that come and go
// leave holes between each other, and twice of what is booked is resident (measured: 1,500 clients that ask for a
// megabyte, 256 MiB booked, 416 resident; with it 256). Setting it is what stops that.
struct mem_backend mem_malloc_backend(void)
{
    mallopt(M_MMAP_THRESHOLD, MEM_PAGES_OF_ITS_OWN);
    return (struct mem_backend){.alloc = malloc_alloc, .realloc = malloc_realloc, .free = malloc_free};
}

void mem_malloc_end_trim(void)
{
    // From 64 KiB on free() looks at the end of the arena. The compiler must not see that nobody wants the block.
    void *volatile p = malloc((size_t)MEM_PAGES_OF_ITS_OWN / 4 * 3);
    free(p);
}

bool mem_watch_look(struct mem_watch *w, struct mem *source)
{
    size_t peak = mem_peak_take(source), booked = mem_used(source);
    if (peak > w->peak)
        w->peak = peak;
    size_t fall = w->peak > booked ? w->peak - booked : 0;
    bool fell = fall >= FALL_BYTES_MIN && fall >= w->peak / 8;
    if (fell) {
        w->tail_looks = TAIL_LOOKS;
    } else {
        if (w->tail_looks == 0)
            return false;
        bool any = --w->tail_looks % TAIL_ALL == 0;
        if (fall < (any ? 1 : TAIL_BYTES_MIN))
            return false;
    }
    w->peak = booked;
    malloc_trim(0);
    return true;
}
