// SPDX-License-Identifier: Apache-2.0
//
// How far people have read a room (core/home/reads.h): what is unread follows from it, by dice against counting; bounds; memory.
#include "base/prng.h"
#include "core/home/reads.h"
#include "core/log/record.h"
#include "unit/support.h"

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct reads *reads;
    struct buf scratch;
    struct prng dice;
};

static void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    log_init(&f->log, &f->mem);
    buf_init(&f->scratch, &f->mem, 0);
    prng_init(&f->dice, 5);
}

static void fixture_deinit(struct fixture *f)
{
    reads_free(&f->reads, &f->mem);
    log_deinit(&f->log);
    buf_deinit(&f->scratch);
    test_mem_check(&f->t);
}

static void append(struct fixture *f, enum entry_type type)
{
    const struct entry e = {.type = type, .data = type == ENTRY_MESSAGE ? STR("1") : STR_NONE};
    buf_reset(&f->scratch, 4096);
    record_encode(&f->scratch, &e);
    struct segment *s = log_secure(&f->log, f->scratch.n);
    assert_non_null(s);
    log_append_at(&f->log, f->log.head + 1, s, buf_str(&f->scratch));
    if (type == ENTRY_MESSAGE)
        reads_message(f->reads);
}

static bool set(struct fixture *f, uint64_t user, uint64_t offset)
{
    bool moved;
    assert_int_equal(reads_set(&f->reads, &f->log, (u128){user, user}, offset, &moved), OK);
    reads_check(f->reads);
    return moved;
}

static uint64_t unread(const struct fixture *f, uint64_t user)
{
    uint64_t offset, n;
    assert_true(reads_find(f->reads, &f->log, (u128){user, user}, f->log.head, &offset, &n));
    return n;
}

static void it_goes_forward_only(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t offset, n;
    fixture_init(&f);
    assert_false(reads_find(f.reads, &f.log, (u128){1, 1}, f.log.head, &offset, &n));
    for (int i = 0; i < 5; i++)
        append(&f, ENTRY_MESSAGE);
    assert_true(set(&f, 1, 3));
    assert_int_equal(unread(&f, 1), 2);
    assert_false(set(&f, 1, 3));
    assert_false(set(&f, 1, 2));
    assert_int_equal(unread(&f, 1), 2);
    assert_true(set(&f, 1, 5));
    assert_int_equal(unread(&f, 1), 0);
    append(&f, ENTRY_VOID);
    assert_int_equal(unread(&f, 1), 0);
    append(&f, ENTRY_MESSAGE);
    assert_int_equal(unread(&f, 1), 1);
    fixture_deinit(&f);
}

// What people have yet to be told of, they will hear, and is not unread.
static void what_waits_is_not_unread(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t offset, n;
    fixture_init(&f);
    for (int i = 0; i < 5; i++)
        append(&f, ENTRY_MESSAGE);
    assert_true(set(&f, 1, 2)); // of 1 to 3 they have been told
    append(&f, ENTRY_MESSAGE);
    assert_true(reads_find(f.reads, &f.log, (u128){1, 1}, 3, &offset, &n));
    assert_int_equal(n, 1);
    assert_true(reads_find(f.reads, &f.log, (u128){1, 1}, 5, &offset, &n));
    assert_int_equal(n, 3);
    fixture_deinit(&f);
}

static void by_dice_it_is_what_one_counts(void **state)
{
    (void)state;
    struct fixture f;
    bool message[600] = {false};
    uint64_t at[8] = {0};
    fixture_init(&f);
    for (uint64_t step = 0; step < 599; step++) {
        const uint64_t user = prng_below(&f.dice, 8);
        message[f.log.head + 1] = prng_below(&f.dice, 3) != 0;
        append(&f, message[f.log.head + 1] ? ENTRY_MESSAGE : ENTRY_VOID);
        const uint64_t offset = 1 + prng_below(&f.dice, f.log.head);
        assert_int_equal(set(&f, user, offset), offset > at[user]);
        at[user] = offset > at[user] ? offset : at[user];
        for (uint64_t u = 0; u < 8; u++) {
            uint64_t n = 0;
            for (uint64_t o = at[u] + 1; o <= f.log.head; o++)
                n += message[o];
            if (at[u] != 0)
                assert_int_equal(unread(&f, u), n);
        }
    }
    fixture_deinit(&f);
}

// Who said so longest ago is forgotten.
static void of_so_many_it_is_known(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t offset, n;
    bool moved;
    fixture_init(&f);
    append(&f, ENTRY_MESSAGE);
    append(&f, ENTRY_MESSAGE);
    for (uint64_t user = 0; user < READS_MAX; user++)
        assert_int_equal(reads_set(&f.reads, &f.log, (u128){user << 32, user}, 1, &moved), OK);
    assert_true(reads_find(f.reads, &f.log, (u128){0, 0}, f.log.head, &offset, &n));
    assert_int_equal(reads_set(&f.reads, &f.log, (u128){0, 0}, 2, &moved),
                     OK); // the first one is the newest now
    assert_int_equal(reads_set(&f.reads, &f.log, (u128){UINT64_MAX, 7}, 1, &moved), OK);
    assert_true(reads_find(f.reads, &f.log, (u128){0, 0}, f.log.head, &offset, &n));
    assert_false(reads_find(f.reads, &f.log, (u128){UINT64_C(1) << 32, 1}, f.log.head, &offset, &n));
    assert_int_equal(f.reads->n, READS_MAX);
    reads_check(f.reads);
    fixture_deinit(&f);
}

static void without_memory_nothing_is_known(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 8; k++) {
        struct fixture f;
        bool moved;
        fixture_init(&f);
        append(&f, ENTRY_MESSAGE);
        f.t.fail_at = k;
        enum err e = reads_set(&f.reads, &f.log, (u128){1, 1}, 1, &moved);
        f.t.fail_at = 0;
        assert_true(e == OK || f.reads == NULL);
        reads_check(f.reads);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_forward_only),
        cmocka_unit_test(what_waits_is_not_unread),
        cmocka_unit_test(by_dice_it_is_what_one_counts),
        cmocka_unit_test(of_so_many_it_is_known),
        cmocka_unit_test(without_memory_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
