// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "core/fan/outq.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

static size_t flat(const struct outq *q, char *ret)
{
    size_t n = 0, referred = 0;
    uint32_t nodes = 0;
    for (const struct out_node *node = q->head; node != NULL; node = node->next) {
        assert_true(node->left > 0);
        referred += node->seg != NULL ? node->left : 0;
        memcpy(ret + n, node->p, node->left);
        n += node->left;
        nodes++;
        assert_true((node->next == NULL) == (node == q->tail));
    }
    assert_int_equal(n, q->bytes);
    assert_int_equal(referred, q->referred);
    assert_true((q->head == NULL) == (q->tail == NULL));
    return n;
}

static void small_replies_share_nodes(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct outq q = {0};
    assert_int_equal(outq_put(&q, &mem, STR_NONE, STR_NONE, STR_NONE), OK);
    assert_int_equal(outq_put_static(&q, &mem, STR_NONE), OK);
    assert_null(q.head);
    char want[100 * 40], got[100 * 40];
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        char text[40];
        int size = snprintf(text, sizeof text, "reply %d and more of it", i);
        assert_int_equal(
            outq_put(&q, &mem, str_make(text, 5), str_make(text + 5, (size_t)size - 6), STR("\n")), OK);
        memcpy(want + n, text, (size_t)size - 1);
        n += (size_t)size - 1;
        want[n++] = '\n';
    }
    assert_int_equal(flat(&q, got), n);
    assert_memory_equal(got, want, n);
    assert_int_equal(atomic_load(&t.blocks), 2); // a small one, then a large one
    outq_advance(&q, &mem, n);
    assert_null(q.head);
    test_mem_check(&t); // nothing is held by a queue that is empty
}

// Of many pages of history, each between a few words of its own, only the words take memory: one command must not cost
// kilobytes.
static void words_between_references_are_small(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct outq q = {0};
    struct segment *seg = segment_create(&mem, 1, 1000);
    segment_append(seg, STR_NONE, STR("a row"), STR_NONE, false);
    size_t before = mem_used(&mem);
    enum { PAGES = 100 };
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(outq_put(&q, &mem, STR("{\"type\":\"history\",\"history\":["), STR_NONE, STR_NONE),
                         OK);
        assert_int_equal(outq_put_segment(&q, &mem, seg, segment_entry(seg, 1)), OK);
        assert_int_equal(outq_put_segment(&q, &mem, seg, STR_NONE), OK); // entries without words
        assert_int_equal(outq_put(&q, &mem, STR("]}"), STR_NONE, STR_NONE), OK);
    }
    outq_check(&q);
    assert_true(mem_used(&mem) - before < PAGES * (size_t)1024);
    outq_deinit(&q, &mem);
    segment_unref(&mem, seg);
    test_mem_check(&t);
}

static void any_part_may_be_taken(void **state)
{
    (void)state;
    static const char page[] = "a page that is not copied";
    for (size_t part = 1; part < 700; part += part < 40 ? 1 : 37) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct outq q = {0};
        struct segment *s = segment_create(&mem, 1, 128);
        segment_append(s, STR_NONE, STR("an entry of a room"), STR_NONE, false);
        char want[2048], got[2048];
        char text[600];
        memset(text, 't', sizeof text);
        assert_int_equal(outq_put(&q, &mem, STR("one"), STR_NONE, STR("two")), OK);
        assert_int_equal(outq_put_static(&q, &mem, STR(page)), OK);
        assert_int_equal(outq_put(&q, &mem, STR("three"), str_make(text, sizeof text), STR_NONE), OK);
        assert_int_equal(outq_push_front(&q, &mem, s, str_skip(segment_entry(s, 1), 4)), OK);
        assert_int_equal(outq_put_segment(&q, &mem, s, segment_entry(s, 1)), OK);
        assert_int_equal(outq_put(&q, &mem, STR("four"), STR_NONE, STR_NONE), OK);
        assert_int_equal(atomic_load(&s->refs), 3);
        size_t n = flat(&q, want), at = 0;
        assert_memory_equal(want, "ntry of a roomonetwoa page", 26);
        while (at < n) {
            size_t take = part < n - at ? part : n - at;
            outq_advance(&q, &mem, take);
            at += take;
            assert_int_equal(flat(&q, got), n - at);
            assert_memory_equal(got, want + at, n - at);
            assert_int_equal(atomic_load(&s->refs), 1 + (at < 14) + (at < n - 4));
            if (at == 14 + 6) // the tail may be written to while its front is gone
                assert_int_equal(q.bytes, n - at);
        }
        assert_null(q.head);
        segment_unref(&mem, s);
        test_mem_check(&t);
    }
}

static void puts_and_advances_in_any_order(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    char *want = malloc(1 << 20), *got = malloc(1 << 20), piece[3000];
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct outq q = {0};
        size_t n = 0, at = 0;
        for (int i = 0; i < 200; i++) {
            size_t size = prng_below(&dice, 1 + prng_below(&dice, sizeof piece));
            memset(piece, (int)('a' + i % 26), size);
            if (prng_below(&dice, 3) != 0) {
                assert_int_equal(outq_put(&q, &mem, STR_NONE, str_make(piece, size), STR_NONE), OK);
                memcpy(want + n, piece, size);
                n += size;
            } else {
                size_t take = prng_below(&dice, n - at + 1);
                outq_advance(&q, &mem, take);
                at += take;
            }
            assert_int_equal(flat(&q, got), n - at);
            assert_memory_equal(got, want + at, n - at);
        }
        outq_deinit(&q, &mem);
        test_mem_check(&t);
    }
    free(want);
    free(got);
}

static void without_memory_nothing_is_added(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct outq q = {0};
    struct segment *s = segment_create(&mem, 1, 64);
    segment_append(s, STR_NONE, STR("entry"), STR_NONE, false);
    assert_int_equal(outq_put(&q, &mem, STR("first"), STR_NONE, STR_NONE), OK);
    test_mem_restart(&t);
    t.fail_from = 1;
    char text[OUT_NODE_BYTES], got[2000];
    memset(text, 'x', sizeof text);
    assert_int_equal(outq_put(&q, &mem, str_make(text, sizeof text), STR_NONE, STR_NONE), ERR_NOMEM);
    assert_int_equal(outq_put_static(&q, &mem, STR("static")), ERR_NOMEM);
    assert_int_equal(outq_push_front(&q, &mem, s, str_skip(segment_entry(s, 1), 2)), ERR_NOMEM);
    assert_int_equal(outq_put_segment(&q, &mem, s, segment_entry(s, 1)), ERR_NOMEM);
    assert_int_equal(flat(&q, got), 5);
    assert_int_equal(atomic_load(&s->refs), 1);
    segment_unref(&mem, s);
    outq_deinit(&q, &mem);
    test_mem_check(&t);
}

static void deinit_drops_references(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct outq q = {0};
    struct segment *s = segment_create(&mem, 1, 64);
    segment_append(s, STR_NONE, STR("entry"), STR_NONE, false);
    assert_int_equal(outq_push_front(&q, &mem, s, segment_entry(s, 1)), OK);
    segment_unref(&mem, s);
    char got[16];
    assert_int_equal(flat(&q, got), 5); // the queue's reference keeps the bytes
    assert_memory_equal(got, "entry", 5);
    outq_deinit(&q, &mem);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_replies_share_nodes),
        cmocka_unit_test(words_between_references_are_small),
        cmocka_unit_test(any_part_may_be_taken),
        cmocka_unit_test(puts_and_advances_in_any_order),
        cmocka_unit_test(without_memory_nothing_is_added),
        cmocka_unit_test(deinit_drops_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
