// SPDX-License-Identifier: Apache-2.0
//
// The helpers of unit tests. Corrupted memory aborts instead of failing the test: it may be found by any thread, and
// nothing after it means anything.
#include "unit/support.h"

#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>

enum { GUARD_BYTES = 16, FRESH = 0xa5, FREED = 0x5a, GUARD = 0xc7 };

// 32 bytes, so that what follows is aligned as malloc's blocks are.
struct header {
    uint64_t magic;
    size_t n;
    unsigned char guard[GUARD_BYTES];
};

static const uint64_t magic_live = 0x6c6976652d626c6b;
static const uint64_t magic_dead = 0x646561642d626c6b;

static void corrupt(const char *what, const void *p, size_t n)
{
    fprintf(stderr, "test_mem: %s: block %p of %zu bytes\n", what, p, n);
    abort();
}

static bool guard_intact(const unsigned char *guard)
{
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (guard[i] != GUARD)
            return false;
    }
    return true;
}

static struct header *header_of(void *p, size_t n)
{
    struct header *h = (struct header *)p - 1;
    if (h->magic != magic_live)
        corrupt("freed twice, or never allocated", p, n);
    if (h->n != n)
        corrupt("given back with a wrong size", p, n);
    if (!guard_intact(h->guard))
        corrupt("written before its start", p, n);
    if (!guard_intact((unsigned char *)p + n))
        corrupt("written past its end", p, n);
    return h;
}

static bool must_fail(struct test_mem *t)
{
    uint64_t call = atomic_fetch_add(&t->calls, 1) + 1;
    bool fail = call == t->fail_at || (t->fail_from != 0 && call >= t->fail_from);
    if (fail)
        atomic_fetch_add(&t->failed, 1);
    return fail;
}

static void *block_make(struct test_mem *t, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    struct header *h = malloc(sizeof *h + n + GUARD_BYTES);
    if (!h)
        return NULL;
    h->magic = magic_live;
    h->n = n;
    memset(h->guard, GUARD, GUARD_BYTES);
    unsigned char *p = (unsigned char *)(h + 1);
    memset(p, FRESH, n);
    memset(p + n, GUARD, GUARD_BYTES);
    atomic_fetch_add(&t->blocks, 1);
    atomic_fetch_add(&t->bytes, n);
    return p;
}

static bool wiped(const unsigned char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static void source_free(void *ctx, void *p, size_t n)
{
    struct test_mem *t = ctx;
    if (!p)
        return;
    struct header *h = header_of(p, n);
    if (n < MEM_PAGES_OF_ITS_OWN && !wiped(p, n))
        corrupt("given back with what stood in it", p, n);
    memset(p, FREED, n);
    h->magic = magic_dead;
    atomic_fetch_sub(&t->blocks, 1);
    atomic_fetch_sub(&t->bytes, n);
    free(h);
}

static void *source_alloc(void *ctx, size_t n)
{
    struct test_mem *t = ctx;
    if (n == 0)
        corrupt("a block of no bytes was asked for", NULL, 0);
    return must_fail(t) ? NULL : block_make(t, n);
}

static void *source_realloc(void *ctx, void *p, size_t n_old, size_t n)
{
    struct test_mem *t = ctx;
    if (p)
        header_of(p, n_old);
    if (must_fail(t))
        return NULL;
    void *q = block_make(t, n);
    if (!q)
        return NULL;
    if (n < MEM_PAGES_OF_ITS_OWN || n_old < MEM_PAGES_OF_ITS_OWN)
        corrupt("a small block was to be resized", p, n);
    memcpy(q, p, n_old < n ? n_old : n);
    source_free(t, p, n_old);
    return q;
}

void test_mem_init(struct test_mem *t, struct mem *ret)
{
    memset(t, 0, sizeof *t);
    mem_init(ret, (struct mem_backend){source_alloc, source_realloc, source_free, t}, 0);
}

void test_mem_restart(struct test_mem *t)
{
    t->fail_at = 0;
    t->fail_from = 0;
    atomic_store(&t->calls, 0);
    atomic_store(&t->failed, 0);
}

void test_mem_check(const struct test_mem *t)
{
    size_t blocks = atomic_load(&t->blocks), bytes = atomic_load(&t->bytes);
    if (blocks != 0)
        fail_msg("%zu blocks of %zu bytes in all were not given back", blocks, bytes);
}

static jmp_buf assert_escape;

static void assert_caught(const char *file, int line, const char *expr)
{
    (void)file;
    (void)line;
    (void)expr;
    longjmp(assert_escape, 1);
}

bool asserts(void (*fn)(void *arg), void *arg)
{
    if (setjmp(assert_escape) != 0)
        return true; // assert_fail took the hook off
    assert_hook_set(assert_caught);
    fn(arg);
    assert_hook_set(NULL);
    return false;
}

void assert_str_eq_at(str actual, str wanted, const char *file, int line)
{
    if (str_eq(actual, wanted))
        return;
    print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual), STR_ARG(wanted));
    _fail(file, line);
}

char *source_text(const char *path)
{
    static const char here[] = "tests/unit/support.c";
    char full[4096];
    int n = snprintf(full, sizeof full, "%.*s%s", (int)(sizeof __FILE__ - sizeof here), __FILE__, path);
    assert_in_range(n, 1, sizeof full - 1);
    FILE *in = fopen(full, "r");
    assert_non_null(in);
    enum { MOST = 1 << 20 };
    char *text = malloc(MOST);
    assert_non_null(text);
    size_t got = fread(text, 1, MOST - 1, in);
    assert_int_equal(fgetc(in), EOF);
    text[got] = '\0';
    fclose(in);
    return text;
}
