// SPDX-License-Identifier: Apache-2.0
//
// malloc and free in the shape of a mem_backend, and for large blocks mmap, mremap and munmap: malloc would map such a block, too, or
// find a place for it among others, and not tell; so nobody could say what a free leaves behind, or a realloc. Sizes are the caller's
// to hand back. glibc aligns to 16 bytes, as mem.h asks.
#include "io/mem_malloc.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    FALL_BYTES_MIN = 1 << 20,
    TAIL_BYTES_MIN = FALL_BYTES_MIN / 16,
    TAIL_LOOKS = 8,
    TAIL_ALL = 4,
    REST_LOOKS = 2
};

_Static_assert(_Alignof(max_align_t) >= 16, "mem.h promises blocks aligned to 16 bytes");

// A sanitizer sees the ends of what its malloc gives, and looks there for what still refers to something: with one all is malloc's.
#if defined(__SANITIZE_ADDRESS__)
#define ALL_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALL_MALLOC 1
#endif
#endif
#ifndef ALL_MALLOC
#define ALL_MALLOC 0
#endif

static bool is_mapped(size_t n) { return !ALL_MALLOC && n >= MEM_PAGES_OF_ITS_OWN; }

static void *pages_map(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

static void *malloc_alloc(void *ctx, size_t n)
{
    (void)ctx;
    return is_mapped(n) ? pages_map(n) : malloc(n);
}

static void malloc_free(void *ctx, void *p, size_t n)
{
    (void)ctx;
    if (p == NULL)
        return;
    if (is_mapped(n)) {
        // The kernel joins neighbours, and may have no row for one more hole: then the place is lost, and the pages are not.
        if (munmap(p, n) != 0)
            madvise(p, n, MADV_DONTNEED);
        return;
    }
    if (n >= MEM_PAGES_OF_ITS_OWN)
        mem_wipe(p, n);
    free(p);
}

static void *malloc_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    if (is_mapped(n) && n >= n_old) {
        void *moved = mremap(p, n_old, n, MREMAP_MAYMOVE);
        return moved != MAP_FAILED ? moved : NULL;
    }
    void *q = malloc_alloc(ctx, n);
    if (q == NULL)
        return NULL;
    memcpy(q, p, n_old < n ? n_old : n);
    malloc_free(ctx, p, n_old);
    return q;
}

// What others ask malloc for (libcrypto) is mapped from there on, too. glibc raises that bound by itself, up to 32 MiB, as soon as such
// a block is freed; then large blocks that come and go leave holes between each other. Setting it is what stops that. Seen with blocks
// of ours, before they were mapped here: 1,500 clients that ask for a megabyte, 256 MiB booked, 416 resident; with it 256.
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

// By an eighth, and enough to be worth it.
static bool is_much(size_t change, size_t of) { return change >= FALL_BYTES_MIN && change >= of / 8; }

// Whether much has come to stay, and all is at rest. `peak` is what was booked at most since the last look.
static bool has_risen(struct mem_watch *w, size_t peak, size_t booked)
{
    const size_t lowest = booked < w->last ? booked : w->last, highest = peak > w->last ? peak : w->last;
    w->last = booked;
    return highest - lowest < TAIL_BYTES_MIN && booked > w->given && is_much(booked - w->given, booked);
}

static bool has_fallen(struct mem_watch *w, size_t booked)
{
    const size_t fall = w->peak > booked ? w->peak - booked : 0;
    if (is_much(fall, w->peak)) {
        w->tail_looks = TAIL_LOOKS;
        return true;
    }
    if (w->tail_looks == 0)
        return false;
    const bool any = --w->tail_looks % TAIL_ALL == 0;
    return fall >= (any ? 1 : TAIL_BYTES_MIN);
}

bool mem_watch_look(struct mem_watch *w, struct mem *source)
{
    const size_t peak = mem_peak_take(source), booked = mem_used(source);
    if (peak > w->peak)
        w->peak = peak;
    const bool risen = has_risen(w, peak, booked); // looks at every look
    if (!has_fallen(w, booked) && !risen)
        return false;
    w->peak = w->given = booked;
    malloc_trim(0);
    return true;
}
