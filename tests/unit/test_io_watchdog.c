// SPDX-License-Identifier: Apache-2.0
//
// The watchdog alone, with places that the test writes as a shard would. Whole turns that hang are in test_io_server.c.
#include "io/clock.h"
#include "io/watchdog.h"
#include "unit/support.h"

#include <time.h>

enum { PATIENCE_S = 20, BARKS_MAX = 64 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t barked;
    uint32_t n;
    struct {
        struct where_spot at;
        uint64_t ms;
    } barks[BARKS_MAX];
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .barked = PTHREAD_COND_INITIALIZER};

static void bark(void *ctx, const struct where_spot *at, uint64_t ms)
{
    (void)ctx;
    pthread_mutex_lock(&heard.lock);
    assert_true(heard.n < BARKS_MAX);
    heard.barks[heard.n].at = *at;
    heard.barks[heard.n++].ms = ms;
    pthread_cond_signal(&heard.barked);
    pthread_mutex_unlock(&heard.lock);
}

static void wait_for_barks(uint32_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&heard.lock);
    int late = 0;
    while (heard.n < n && !late)
        late = pthread_cond_timedwait(&heard.barked, &heard.lock, &until);
    assert_true(heard.n >= n);
    pthread_mutex_unlock(&heard.lock);
}

// One hangs, one waits, one turns and turns: the first is told at the limit and at each doubling, the others never.
static void tells_what_hangs_and_nothing_else(void **state)
{
    (void)state;
    heard.n = 0;
    struct watchdog w;
    static struct where hangs = {.shard = 3}, waits = {.shard = 4}, turns = {.shard = 5};
    watchdog_init(&w, bark, NULL);
    watchdog_add(&w, &waits);
    watchdog_add(&w, &turns);
    watchdog_add(&w, &hangs);
    where_turn(&waits, clock_monotonic_ns());
    where_wait(&waits, clock_monotonic_ns());
    uint64_t began_ns = clock_monotonic_ns();
    where_turn(&hangs, began_ns);
    where_at(&hangs, WHERE_MAIL, 2);
    where_here = &hangs;
    where_command(7);
    where_here = NULL;
    watchdog_limit_set(&w, 16);
    assert_int_equal(watchdog_start(&w), OK);
    // Its turns begin in an hour: however long this thread is kept from the processor, none of them has lasted.
    const uint64_t hour_ns = 3600 * UINT64_C(1000000000);
    for (uint64_t end_ns = began_ns + 150 * UINT64_C(1000000); clock_monotonic_ns() < end_ns;)
        where_turn(&turns, clock_monotonic_ns() + hour_ns);
    wait_for_barks(4);
    watchdog_stop(&w);
    uint64_t least_ms = 16;
    for (uint32_t i = 0; i < heard.n; i++) {
        const struct where_spot *at = &heard.barks[i].at;
        assert_int_equal(at->shard, 3);
        assert_int_equal(at->turn, 1);
        assert_int_equal(at->since_ns, began_ns);
        assert_int_equal(at->phase, WHERE_MAIL);
        assert_int_equal(at->subject, 2);
        assert_int_equal(at->command, 7);
        assert_true(heard.barks[i].ms >= least_ms);
        while (least_ms <= heard.barks[i].ms)
            least_ms *= 2;
    }
    watchdog_deinit(&w);
}

// The next turn of the same shard starts at the limit again.
static void the_next_turn_is_another(void **state)
{
    (void)state;
    heard.n = 0;
    struct watchdog w;
    static struct where place;
    watchdog_init(&w, bark, NULL);
    watchdog_add(&w, &place);
    watchdog_limit_set(&w, 10);
    assert_int_equal(watchdog_start(&w), OK);
    for (uint32_t turn = 1; turn <= 3; turn++) {
        uint32_t before = heard.n;
        where_turn(&place, clock_monotonic_ns() - 200 * UINT64_C(1000000));
        wait_for_barks(before + 1);
        where_wait(&place, clock_monotonic_ns());
    }
    watchdog_stop(&w);
    uint64_t turn = 0;
    for (uint32_t i = 0; i < heard.n; i++) {
        assert_true(heard.barks[i].at.turn == turn || heard.barks[i].at.turn == turn + 1);
        turn = heard.barks[i].at.turn;
    }
    assert_int_equal(turn, 3);
    watchdog_deinit(&w);
}

static void never_is_never(void **state)
{
    (void)state;
    heard.n = 0;
    struct watchdog w;
    static struct where place;
    watchdog_init(&w, bark, NULL);
    watchdog_add(&w, &place);
    assert_int_equal(watchdog_start(&w), OK);
    where_turn(&place, clock_monotonic_ns() - UINT64_C(1000000000));
    assert_int_equal(heard.n, 0);
    watchdog_limit_set(&w, 1000); // wakes it from its sleep
    wait_for_barks(1);
    watchdog_stop(&w);
    watchdog_stop(&w);
    watchdog_deinit(&w);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(where_phase_name(WHERE_WAITING), "waiting");
    assert_string_equal(where_phase_name(WHERE_WRITE), "write");
    assert_string_equal(where_subject(WHERE_WRITE), "connection");
    assert_null(where_subject(WHERE_TIMERS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_hangs_and_nothing_else),
        cmocka_unit_test(the_next_turn_is_another),
        cmocka_unit_test(never_is_never),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
