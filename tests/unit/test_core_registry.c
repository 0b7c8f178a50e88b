// SPDX-License-Identifier: Apache-2.0
//
// The registry against an oracle: a flat list of sessions.
#include "base/prng.h"
#include "core/home/registry.h"
#include "unit/support.h"

enum { LIVE_MAX = 120, USERS = 12 };

static struct register_mail mail_of(uint32_t user, uint64_t session, uint32_t conn, uint32_t gen,
                                    bool resumed)
{
    return (struct register_mail){.conn = {conn % 3, {conn, gen}},
                                  .user_print = {.lo = user % 3, .hi = user},
                                  .session_print = session,
                                  .resumed = resumed};
}

struct live {
    uint32_t user;
    struct register_mail mail;
    bool there;
};

static uint32_t count(const struct registry *r, u128 print)
{
    uint32_t n = 0;
    for (uint32_t i = registry_find(r, print); i != SLAB_NONE; i = registry_at(r, i)->next)
        n++;
    return n;
}

static bool has(const struct registry *r, const struct register_mail *m)
{
    for (uint32_t i = registry_find(r, m->user_print); i != SLAB_NONE; i = registry_at(r, i)->next)
        if (registry_at(r, i)->conn.index == m->conn.ref.index &&
            registry_at(r, i)->conn.gen == m->conn.ref.gen)
            return true;
    return false;
}

static void check(const struct registry *r, const struct live *live, size_t n)
{
    uint32_t total = 0;
    map_check(&r->by_user);
    slab_check(&r->slab);
    for (uint32_t user = 0; user < USERS; user++) {
        uint32_t wanted = 0;
        for (size_t i = 0; i < n; i++)
            wanted += live[i].there && live[i].user == user;
        assert_int_equal(count(r, (u128){.lo = user % 3, .hi = user}), wanted);
        total += wanted;
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(has(r, &live[i].mail), live[i].there);
    assert_int_equal(r->slab.count, total);
}

static void against_an_oracle(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct prng dice;
        prng_init(&dice, seed);
        struct registry r;
        registry_init(&r, &mem, LIVE_MAX);
        static struct live live[LIVE_MAX];
        size_t n = 0;
        uint64_t sessions = 0;
        while (n < LIVE_MAX) {
            bool evict;
            struct conn_ref old;
            size_t at = n == 0 ? 0 : prng_below(&dice, n);
            uint64_t what = prng_below(&dice, 10);
            if (what < 4 || n == 0) {
                uint32_t user = (uint32_t)prng_below(&dice, USERS);
                live[n] = (struct live){user, mail_of(user, sessions++, (uint32_t)n, 1, false), true};
                assert_int_equal(registry_add(&r, &live[n].mail, 0, &evict, &old), OK);
                assert_false(evict);
                n++;
            } else if (what < 8) {
                registry_remove(&r, &live[at].mail); // one that is gone already changes nothing
                live[at].there = false;
            } else {                           // the session comes back on another connection
                for (size_t i = 0; i < n; i++) // by whichever connection has it now, if one has
                    if (live[i].there && live[i].mail.session_print == live[at].mail.session_print)
                        at = i;
                live[n] = live[at];
                live[n].mail.conn = mail_of(0, 0, (uint32_t)n, 1, false).conn;
                live[n].mail.resumed = true;
                live[n].there = true;
                assert_int_equal(registry_add(&r, &live[n].mail, 0, &evict, &old), OK);
                assert_int_equal(evict, live[at].there);
                if (evict) {
                    assert_int_equal(old.ref.index, live[at].mail.conn.ref.index);
                    assert_int_equal(old.shard, live[at].mail.conn.shard);
                }
                live[at].there = false;
                n++;
            }
            check(&r, live, n);
        }
        registry_deinit(&r);
        test_mem_check(&t);
    }
}

// The mail of the connection before last arrives last: it is the one that goes.
static void a_mail_that_was_overtaken_evicts_itself(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct registry r;
    registry_init(&r, &mem, 10);
    bool evict;
    struct conn_ref old;
    struct register_mail late = mail_of(1, 5, 1, 1, true), newer = mail_of(1, 5, 2, 2, true);
    late.since_ms = UINT32_MAX - 5; // the low bits may have wrapped between the two
    newer.since_ms = 20;
    assert_int_equal(registry_add(&r, &newer, 0, &evict, &old), OK);
    assert_false(evict);
    assert_int_equal(registry_add(&r, &late, 0, &evict, &old), OK);
    assert_true(evict);
    assert_int_equal(old.ref.index, 1);
    assert_int_equal(count(&r, late.user_print), 1);
    assert_int_equal(registry_at(&r, registry_find(&r, late.user_print))->conn.index, 2);
    registry_deinit(&r);
    test_mem_check(&t);
}

static void a_session_id_alone_evicts_nobody(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct registry r;
    registry_init(&r, &mem, 10);
    bool evict;
    struct conn_ref old;
    struct register_mail a = mail_of(1, 5, 1, 1, false), other = mail_of(2, 5, 2, 1, true),
                         fresh = mail_of(1, 5, 3, 1, false);
    assert_int_equal(registry_add(&r, &a, 0, &evict, &old), OK);
    assert_int_equal(registry_add(&r, &other, 0, &evict, &old), OK);
    assert_false(evict); // another user's
    assert_int_equal(registry_add(&r, &fresh, 0, &evict, &old), OK);
    assert_false(evict); // not resumed
    assert_int_equal(count(&r, a.user_print), 2);
    registry_deinit(&r);
    test_mem_check(&t);
}

static void limits_and_memory(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct registry r;
    registry_init(&r, &mem, 40);
    bool evict;
    struct conn_ref old;
    for (uint32_t i = 0; i < 40; i++)
        for (uint64_t k = 1;; k++) {
            struct register_mail m = mail_of(i % 5, i, i, 1, false);
            test_mem_restart(&t);
            t.fail_at = k;
            enum err e = registry_add(&r, &m, 0, &evict, &old);
            t.fail_at = 0;
            map_check(&r.by_user);
            slab_check(&r.slab);
            assert_int_equal(r.slab.count, i + (e == OK));
            if (e == OK)
                break;
        }
    struct register_mail m = mail_of(1, 99, 99, 1, false);
    assert_int_equal(registry_add(&r, &m, 0, &evict, &old), ERR_NOMEM);
    registry_remove(&r, &m);
    assert_int_equal(r.slab.count, 40);
    registry_deinit(&r);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_an_oracle),
        cmocka_unit_test(a_mail_that_was_overtaken_evicts_itself),
        cmocka_unit_test(a_session_id_alone_evicts_nobody),
        cmocka_unit_test(limits_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
