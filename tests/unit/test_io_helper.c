// SPDX-License-Identifier: Apache-2.0
//
// Helpers with real threads: jobs and answers, credits, order, the end. What ThreadSanitizer reports here is a missing
// release or acquire; what hangs is a wake-up that was lost.
#include "base/prng.h"
#include "io/helper.h"
#include "io/waker.h"
#include "unit/support.h"

#include <pthread.h>
#include <sched.h>

struct job {
    struct mail mail;
    uint64_t number; // of its lane, from 0
    uint64_t result;
};

// ---- jobs with answers

enum { LANES = 3, JOBS = 20000, CREDITS = 8 };

struct office;
struct clerk {
    struct office *office;
    uint32_t lane;
    struct waker waker;
    uint64_t pushed, answered;
    struct prng dice;
};
struct office {
    struct mem mem;
    struct helper *helper;
    struct clerk clerks[LANES];
    uint64_t begun[LANES]; // the helper's
    uint32_t idle;
    _Atomic uint32_t wrong;
};

static struct mail *square(void *ctx, uint32_t lane, struct mail *mail)
{
    struct office *o = ctx;
    struct job *job = (struct job *)mail;
    if (job->mail.from != lane || job->number != o->begun[lane]++)
        atomic_fetch_add(&o->wrong, 1);
    job->result = job->number * job->number;
    return mail;
}

static void wake_clerk(void *ctx, uint32_t lane)
{
    struct office *o = ctx;
    waker_wake(&o->clerks[lane].waker);
}

static void count_idle(void *ctx) { ((struct office *)ctx)->idle++; }

static const struct helper_kind squares = {.name = "squares",
                                           .credits = CREDITS,
                                           .work = square,
                                           .answers = true,
                                           .answered = wake_clerk,
                                           .idle = count_idle};

static bool take_answers(struct clerk *c)
{
    bool any = false;
    for (struct mail *m; (m = helper_pull(c->office->helper, c->lane)) != NULL; any = true) {
        struct job *job = (struct job *)m;
        if (job->number != c->answered++ || job->result != job->number * job->number)
            atomic_fetch_add(&c->office->wrong, 1);
        mem_free(&c->office->mem, job, sizeof *job);
    }
    return any;
}

static void *clerk_run(void *arg)
{
    struct clerk *c = arg;
    struct helper *h = c->office->helper;
    while (c->answered < JOBS) {
        uint64_t some = 1 + prng_below(&c->dice, 2 * CREDITS);
        for (; some > 0 && c->pushed < JOBS && helper_room(h, c->lane) > 0; some--) {
            struct job *job = mem_zalloc(&c->office->mem, sizeof *job);
            job->mail.from = (uint16_t)c->lane;
            job->number = c->pushed++;
            helper_push(h, c->lane, &job->mail);
        }
        if (take_answers(c) || some > 0)
            continue;
        waker_sleep(&c->waker);
        if (!take_answers(c))
            waker_wait(&c->waker);
        waker_awake(&c->waker);
    }
    return NULL;
}

static void every_job_is_answered_once_and_in_order(void **state)
{
    (void)state;
    struct test_mem t;
    static struct office o;
    memset(&o, 0, sizeof o);
    test_mem_init(&t, &o.mem);
    assert_int_equal(helper_create(&squares, &o, LANES, &o.mem, &o.helper), OK);
    assert_int_equal(helper_start(o.helper), OK);
    pthread_t threads[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
        struct clerk *c = &o.clerks[i];
        c->office = &o;
        c->lane = i;
        prng_init(&c->dice, i);
        assert_int_equal(waker_init(&c->waker), OK);
        assert_int_equal(helper_room(o.helper, i), CREDITS);
    }
    for (uint32_t i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, clerk_run, &o.clerks[i]), 0);
    for (uint32_t i = 0; i < LANES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(helper_stop(o.helper, 20000));
    assert_int_equal(o.wrong, 0);
    for (uint32_t i = 0; i < LANES; i++) {
        assert_int_equal(o.clerks[i].answered, JOBS);
        assert_int_equal(o.begun[i], JOBS);
        assert_int_equal(helper_room(o.helper, i), CREDITS);
        waker_deinit(&o.clerks[i].waker);
    }
    assert_true(o.idle > 0);
    helper_destroy(o.helper);
    test_mem_check(&t);
}

// ---- credits

static void nobody(void *ctx, uint32_t lane)
{
    (void)ctx;
    (void)lane;
}

struct push {
    struct helper *helper;
    struct mail *job;
};

static void push_one(void *arg)
{
    struct push *p = arg;
    helper_push(p->helper, 0, p->job);
}

// They are out until the answer has been pulled, wherever the job is; so there is a place for every answer.
static void credits_come_back_with_the_answer(void **state)
{
    (void)state;
    struct test_mem t;
    static struct office o;
    memset(&o, 0, sizeof o);
    test_mem_init(&t, &o.mem);
    const struct helper_kind row = {
        .name = "squares", .credits = 2, .work = square, .answers = true, .answered = nobody};
    assert_int_equal(helper_create(&row, &o, 1, &o.mem, &o.helper), OK);
    struct job jobs[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct push push = {o.helper, &jobs[2].mail};
    assert_int_equal(helper_room(o.helper, 0), 2);
    helper_push(o.helper, 0, &jobs[0].mail);
    assert_int_equal(helper_room(o.helper, 0), 1);
    helper_push(o.helper, 0, &jobs[1].mail);
    assert_int_equal(helper_room(o.helper, 0), 0);
    assert_int_equal(helper_waiting(o.helper), 2);
    assert_true(asserts(push_one, &push));
    assert_null(helper_pull(o.helper, 0));
    assert_int_equal(helper_start(o.helper), OK);
    assert_true(helper_stop(o.helper, 20000));     // what was pushed before is done
    assert_int_equal(helper_waiting(o.helper), 0); // answers do not count
    assert_int_equal(helper_room(o.helper, 0), 0);
    assert_ptr_equal(helper_pull(o.helper, 0), &jobs[0]);
    assert_int_equal(helper_room(o.helper, 0), 1);
    assert_ptr_equal(helper_pull(o.helper, 0), &jobs[1]);
    assert_null(helper_pull(o.helper, 0));
    assert_int_equal(helper_room(o.helper, 0), 2);
    helper_destroy(o.helper);
    test_mem_check(&t);
}

// ---- jobs that are kept

enum { KEEPERS = 2, KEPT = 3000, CALLERS_WAIT = 64 };

static struct {
    struct mem mem;
    struct helper *helper;
    struct mail *first; // the helper's: what it keeps
    uint32_t kept;
    _Atomic uint32_t allowed; // jobs up to this number may be answered
    _Atomic uint32_t answered, calls;
} shelf;

static struct mail *keep(void *ctx, uint32_t lane, struct mail *mail)
{
    (void)ctx;
    mail->from = (uint16_t)lane;
    if (((struct job *)mail)->number % 2 == 0)
        return mail; // others overtake what waits
    mail->next = shelf.first;
    shelf.first = mail;
    shelf.kept++;
    return NULL;
}

static void give_out(void *ctx)
{
    (void)ctx;
    struct mail *rest = shelf.first;
    atomic_fetch_add(&shelf.calls, 1);
    shelf.first = NULL;
    for (struct mail *m, *next; (m = rest) != NULL; rest = next) {
        next = m->next;
        if (((struct job *)m)->number > atomic_load(&shelf.allowed)) {
            m->next = shelf.first;
            shelf.first = m;
            continue;
        }
        shelf.kept--;
        helper_answer(shelf.helper, m->from, m);
    }
}

static void count_answer(void *ctx, uint32_t lane)
{
    (void)ctx;
    (void)lane;
    atomic_fetch_add(&shelf.answered, 1);
}

static void *caller_run(void *arg)
{
    (void)arg;
    while (atomic_load(&shelf.answered) <
           KEPT) { // a job may be kept after it was allowed: it is called for again
        atomic_fetch_add(&shelf.allowed, 1);
        helper_call(shelf.helper); // an own thread, which owns no lane
        sched_yield();
    }
    return NULL;
}

// A job that is kept holds its credit until it is answered; no call is lost, or the last jobs would never be.
static void what_is_kept_is_answered_when_it_is_called_for(void **state)
{
    (void)state;
    struct test_mem t;
    static struct job jobs[KEPT];
    memset(&shelf, 0, sizeof shelf);
    test_mem_init(&t, &shelf.mem);
    const struct helper_kind row = {.name = "shelf",
                                    .credits = CALLERS_WAIT,
                                    .work = keep,
                                    .answers = true,
                                    .answered = count_answer,
                                    .called = give_out};
    assert_int_equal(helper_create(&row, NULL, KEEPERS, &shelf.mem, &shelf.helper), OK);
    assert_int_equal(helper_start(shelf.helper), OK);
    pthread_t caller;
    assert_int_equal(pthread_create(&caller, NULL, caller_run, NULL), 0);
    uint32_t pulled = 0;
    for (uint32_t n = 0; n < KEPT || pulled < KEPT;) {
        for (uint32_t lane = 0; lane < KEEPERS; lane++)
            while (helper_pull(shelf.helper, lane) != NULL)
                pulled++;
        if (n < KEPT && helper_room(shelf.helper, n % KEEPERS) > 0) {
            jobs[n].number = n;
            helper_push(shelf.helper, n % KEEPERS, &jobs[n].mail);
            n++;
        } else {
            sched_yield();
        }
    }
    assert_int_equal(pthread_join(caller, NULL), 0);
    assert_true(helper_stop(shelf.helper, 20000));
    assert_int_equal(shelf.answered, KEPT);
    assert_int_equal(shelf.kept, 0);
    assert_true(shelf.calls > 0);
    helper_destroy(shelf.helper);
    test_mem_check(&t);
}

// Who stops it answers what it still keeps.
static void what_is_kept_at_the_end_is_given_back(void **state)
{
    (void)state;
    struct test_mem t;
    memset(&shelf, 0, sizeof shelf);
    test_mem_init(&t, &shelf.mem);
    const struct helper_kind row = {.name = "shelf",
                                    .credits = 2,
                                    .work = keep,
                                    .answers = true,
                                    .answered = count_answer,
                                    .called = give_out};
    assert_int_equal(helper_create(&row, NULL, 1, &shelf.mem, &shelf.helper), OK);
    struct job job = {.number = 1};
    helper_push(shelf.helper, 0, &job.mail);
    assert_int_equal(helper_start(shelf.helper), OK);
    assert_true(helper_stop(shelf.helper, 20000));
    assert_ptr_equal(shelf.first, &job.mail);
    assert_null(helper_pull(shelf.helper, 0));
    assert_int_equal(helper_room(shelf.helper, 0), 1);
    helper_answer(shelf.helper, 0, &job.mail);
    assert_ptr_equal(helper_pull(shelf.helper, 0), &job.mail);
    assert_int_equal(helper_room(shelf.helper, 0), 2);
    helper_destroy(shelf.helper);
    test_mem_check(&t);
}

// ---- one order over all lanes

enum { RUNNERS = 4, LAPS = 20000, LOOKS = 200000 };

static struct {
    struct helper *helper;
    struct job jobs[LOOKS];
    _Atomic uint32_t baton; // the number of the next job; whose turn it is
    _Atomic uint32_t done;
    _Atomic uint32_t wrong;
} race;

static struct mail *finish(void *ctx, uint32_t lane, struct mail *mail)
{
    (void)ctx;
    (void)lane;
    if (((struct job *)mail)->number != atomic_fetch_add(&race.done, 1))
        atomic_fetch_add(&race.wrong, 1);
    return NULL;
}

static bool earlier(const struct mail *a, const struct mail *b)
{
    return ((const struct job *)a)->number < ((const struct job *)b)->number;
}

static void *runner_run(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (uint32_t lap; (lap = atomic_load(&race.baton)) < LAPS;) {
        if (lap % RUNNERS != me || helper_room(race.helper, me) == 0) {
            sched_yield();
            continue;
        }
        race.jobs[lap].number = lap;
        helper_push(race.helper, me, &race.jobs[lap].mail);
        atomic_store(&race.baton, lap + 1);
    }
    return NULL;
}

// Each job is pushed by a thread that knows that the one before it was pushed by another: they must not be swapped.
static void what_was_pushed_first_is_done_first(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    memset(&race, 0, sizeof race);
    const struct helper_kind row = {.name = "race", .credits = 16, .work = finish, .before = earlier};
    assert_int_equal(helper_create(&row, NULL, RUNNERS, &mem, &race.helper), OK);
    assert_int_equal(helper_start(race.helper), OK);
    pthread_t threads[RUNNERS];
    for (uintptr_t i = 0; i < RUNNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, runner_run, (void *)i), 0);
    for (uint32_t i = 0; i < RUNNERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(helper_stop(race.helper, 20000));
    assert_int_equal(race.done, LAPS);
    assert_int_equal(race.wrong, 0);
    helper_destroy(race.helper);
    test_mem_check(&t);
}

// One thread that pushes to many lanes, most of them empty: while the helper looks from lane to lane, a job comes to one
// behind it and then one to a lane that it has not come to. A helper that looks once before it chooses begins the second
// one first: seen in four runs of six on two cores with much else to do.
enum { MANY_LANES = 64, UNDER_WAY = 3 };

static void a_look_sees_no_later_job_only(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    memset(&race, 0, sizeof race);
    const struct helper_kind row = {.name = "race", .credits = 16, .work = finish, .before = earlier};
    assert_int_equal(helper_create(&row, NULL, MANY_LANES, &mem, &race.helper), OK);
    assert_int_equal(helper_start(race.helper), OK);
    struct prng dice;
    prng_init(&dice, 1);
    for (uint32_t n = 0; n < LOOKS; n++) {
        for (uint32_t tries = 1; n - atomic_load(&race.done) >= UNDER_WAY; tries++)
            if (tries % 4096 == 0)
                sched_yield();
        race.jobs[n].number = n;
        helper_push(race.helper, (uint32_t)prng_below(&dice, MANY_LANES), &race.jobs[n].mail);
    }
    assert_true(helper_stop(race.helper, 20000));
    assert_int_equal(race.done, LOOKS);
    assert_int_equal(race.wrong, 0);
    helper_destroy(race.helper);
    test_mem_check(&t);
}

// ---- a job that hangs

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool begun, free;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct mail *pass_gate(void *ctx, uint32_t lane, struct mail *mail)
{
    (void)lane;
    (void)mail;
    pthread_mutex_lock(&gate.lock);
    gate.begun = true;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.free)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    ++*(uint32_t *)ctx;
    return NULL;
}

static void who_hangs_is_not_waited_for(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const struct helper_kind row = {.name = "gate", .credits = 4, .work = pass_gate};
    struct helper *h;
    uint32_t passed = 0;
    assert_int_equal(helper_create(&row, &passed, 1, &mem, &h), OK);
    assert_int_equal(helper_start(h), OK);
    struct mail jobs[5];
    helper_push(h, 0, &jobs[0]);
    pthread_mutex_lock(&gate.lock);
    while (!gate.begun)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    for (int i = 1; i < 5; i++)
        helper_push(h, 0, &jobs[i]);
    assert_int_equal(helper_room(h, 0), 0); // the first one's credit came back when it was taken up
    assert_false(helper_stop(h, 30));
    pthread_mutex_lock(&gate.lock);
    gate.free = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    assert_true(helper_stop(h, 20000));
    assert_int_equal(passed, 5); // each of them, though it had been told to stop
    assert_true(helper_stop(h, 0));
    helper_destroy(h);
    test_mem_check(&t);
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        struct test_mem t;
        struct mem mem;
        test_mem_init(&t, &mem);
        t.fail_at = fail_at;
        struct helper *h = NULL;
        enum err e = helper_create(&squares, NULL, 3, &mem, &h);
        assert_int_equal(e, t.failed ? ERR_NOMEM : OK);
        helper_destroy(h);
        test_mem_check(&t);
        if (e == OK)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_answered_once_and_in_order),
        cmocka_unit_test(credits_come_back_with_the_answer),
        cmocka_unit_test(what_is_kept_is_answered_when_it_is_called_for),
        cmocka_unit_test(what_is_kept_at_the_end_is_given_back),
        cmocka_unit_test(what_was_pushed_first_is_done_first),
        cmocka_unit_test(a_look_sees_no_later_job_only),
        cmocka_unit_test(who_hangs_is_not_waited_for),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
