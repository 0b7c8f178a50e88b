// SPDX-License-Identifier: Apache-2.0
#include "base/prng.h"
#include "base/ring.h"
#include "unit/support.h"

#include <pthread.h>
#include <sched.h>

static void init_uneven(void *arg)
{
    struct ring r;
    enum err e = ring_init(&r, arg, 3);
    (void)e;
}

static void push_null(void *arg) { ring_push(arg, NULL); }

static void ring_basics(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct ring r;
    t.fail_at = 1;
    assert_int_equal(ring_init(&r, &mem, 4), ERR_NOMEM);
    assert_int_equal(ring_init(&r, &mem, 4), OK);
    int things[5];
    assert_true(ring_empty(&r));
    assert_null(ring_pull(&r));
    for (int i = 0; i < 4; i++)
        assert_true(ring_push(&r, &things[i])); // every slot can be used
    assert_int_equal(ring_room(&r), 0);
    assert_int_equal(ring_count(&r), 4);
    assert_false(ring_push(&r, &things[4]));
    assert_false(ring_empty(&r));
    assert_ptr_equal(ring_pull(&r), &things[0]);
    assert_int_equal(ring_room(&r), 1);
    assert_true(ring_push(&r, &things[4]));
    for (int i = 1; i < 5; i++)
        assert_ptr_equal(ring_pull(&r), &things[i]);
    assert_null(ring_pull(&r));
    assert_true(ring_empty(&r));
    assert_true(asserts(push_null, &r));
    assert_true(asserts(init_uneven, &mem));
    ring_deinit(&r);
    test_mem_check(&t);
    struct ring zero;
    memset(&zero, 0, sizeof zero);
    ring_deinit(&zero);
}

// Against two counters: pushed so far, pulled so far. The indices start shortly before they wrap at 2^32.
static void ring_against_oracle(void **state)
{
    (void)state;
    static char things[64];
    for (uint32_t capacity = 1; capacity <= 32; capacity *= 2) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        struct prng g;
        prng_init(&g, capacity);
        struct ring r;
        assert_int_equal(ring_init(&r, &mem, capacity), OK);
        uint32_t start = UINT32_MAX - 1000;
        atomic_store(&r.head, start);
        atomic_store(&r.tail, start);
        r.head_seen = start;
        r.tail_seen = start;
        uint64_t pushed = 0, pulled = 0;
        for (int i = 0; i < 20000; i++) {
            if (prng_below(&g, 100) < (i / 100 % 2 ? 40u : 60u)) {
                bool ok = ring_push(&r, &things[pushed % 64]);
                assert_int_equal(ok, pushed - pulled < capacity);
                pushed += ok;
                assert_int_equal(ring_count(&r), pushed - pulled);
            } else {
                void *p = ring_pull(&r);
                assert_ptr_equal(p, pulled < pushed ? &things[pulled % 64] : NULL);
                pulled += p != NULL;
            }
            assert_int_equal(ring_empty(&r), pushed == pulled);
            uint32_t room = ring_room(&r); // what it was when the producer last had to look, at least
            assert_true(room <= capacity - (pushed - pulled));
            assert_int_equal(room == 0, pushed - pulled == capacity);
        }
        assert_true(pushed > 2000); // it did wrap
        ring_deinit(&r);
        test_mem_check(&t);
    }
}

// A producer and a consumer: everything arrives, once, in order, and with the contents written before the push. Under
// ThreadSanitizer a missing release or acquire is a report.
enum { MAIL_COUNT = 100000 };

struct mail {
    uint64_t number;
};

struct post {
    struct ring ring;
    struct mem mem;
};

static void *produce(void *arg)
{
    struct post *post = arg;
    for (uint64_t i = 0; i < MAIL_COUNT; i++) {
        struct mail *mail = mem_alloc(&post->mem, sizeof *mail);
        if (!mail)
            break;
        mail->number = i;
        while (!ring_push(&post->ring, mail))
            sched_yield();
    }
    return NULL;
}

static void ring_across_threads(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 256; capacity *= 16) {
        struct test_mem t;
        static struct post post;
        test_mem_init(&t, &post.mem);
        assert_int_equal(ring_init(&post.ring, &post.mem, capacity), OK);
        pthread_t producer;
        assert_int_equal(pthread_create(&producer, NULL, produce, &post), 0);
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < MAIL_COUNT;) {
            struct mail *mail = ring_pull(&post.ring);
            if (!mail) {
                sched_yield();
                continue;
            }
            wrong += mail->number != i;
            mem_free(&post.mem, mail, sizeof *mail);
            i++;
        }
        assert_int_equal(pthread_join(producer, NULL), 0);
        assert_int_equal(wrong, 0);
        assert_true(ring_empty(&post.ring));
        ring_deinit(&post.ring);
        test_mem_check(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_basics),
        cmocka_unit_test(ring_against_oracle),
        cmocka_unit_test(ring_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
