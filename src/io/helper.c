// SPDX-License-Identifier: Apache-2.0
//
// The helper's thread looks at all lanes, does the first job, and looks again. What it has pulled from a lane and not
// begun yet is in `next`: that is what `before` compares.
//
// Rejected: one queue of all lanes (its producers would wait for each other), a pool of threads behind one queue (jobs
// of a connection would overtake each other; who wants more hands makes a second helper), a job that runs on the shard
// where the helper is busy (the shard would block, which is what helpers are there against).
#include "io/helper.h"

#include "base/assert.h"
#include "base/ring.h"
#include "io/thread.h"
#include "io/waker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { YIELDS_NICE = 5 }; // a third of a shard's weight (sched(7))

struct lane {
    struct ring jobs, answers;
    uint32_t under_way; // the lane's thread's: jobs pushed whose answers have not been pulled
    struct mail *next;  // the helper's: pulled and not begun
};

struct helper {
    const struct helper_kind *kind;
    void *ctx;
    struct mem *mem;
    struct waker waker;
    _Atomic bool stopping, called;
    uint32_t turn; // the lane that is looked at first
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t changed;
    bool ended;
    uint32_t lanes_n;
    struct lane lanes[];
};

static size_t helper_bytes(uint32_t lanes) { return sizeof(struct helper) + lanes * sizeof(struct lane); }

static enum err rings_init(struct helper *h)
{
    for (uint32_t i = 0; i < h->lanes_n; i++) {
        struct lane *lane = &h->lanes[i];
        if (ring_init(&lane->jobs, h->mem, h->kind->credits) != OK)
            return ERR_NOMEM;
        if (h->kind->answers && ring_init(&lane->answers, h->mem, h->kind->credits) != OK)
            return ERR_NOMEM;
    }
    return OK;
}

enum err helper_create(const struct helper_kind *kind, void *ctx, uint32_t lanes, struct mem *mem,
                       struct helper **ret)
{
    ASSERT(lanes > 0 && kind->work != NULL && kind->answers == (kind->answered != NULL));
    struct helper *h = mem_zalloc(mem, helper_bytes(lanes));
    if (h == NULL)
        return ERR_NOMEM;
    h->kind = kind;
    h->ctx = ctx;
    h->mem = mem;
    h->lanes_n = lanes;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err e = waker_init(&h->waker);
    if (e == OK)
        e = rings_init(h);
    if (e != OK) {
        helper_destroy(h);
        return e;
    }
    *ret = h;
    return OK;
}

void helper_destroy(struct helper *h)
{
    if (h == NULL)
        return;
    ASSERT(!h->started);
    for (uint32_t i = 0; i < h->lanes_n; i++) {
        struct lane *lane = &h->lanes[i];
        ASSERT(lane->next == NULL && lane->under_way == 0);
        ASSERT(lane->jobs.slots == NULL || ring_empty(&lane->jobs));
        ring_deinit(&lane->jobs);
        ring_deinit(&lane->answers);
    }
    waker_deinit(&h->waker);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    mem_free(h->mem, h, helper_bytes(h->lanes_n));
}

// ---- a lane's side

uint32_t helper_room(struct helper *h, uint32_t lane)
{
    ASSERT(lane < h->lanes_n);
    struct lane *l = &h->lanes[lane];
    return h->kind->answers ? h->kind->credits - l->under_way : ring_room(&l->jobs);
}

uint32_t helper_waiting(const struct helper *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->lanes_n; i++)
        n += ring_count(&h->lanes[i].jobs);
    return n;
}

void helper_push(struct helper *h, uint32_t lane, struct mail *job)
{
    ASSERT(helper_room(h, lane) > 0);
    struct lane *l = &h->lanes[lane];
    bool taken = ring_push(&l->jobs, job);
    ASSERT(taken); // each job in the ring holds a credit
    l->under_way += h->kind->answers;
    waker_wake(&h->waker);
}

struct mail *helper_pull(struct helper *h, uint32_t lane)
{
    ASSERT(lane < h->lanes_n && h->kind->answers);
    struct lane *l = &h->lanes[lane];
    struct mail *answer = ring_pull(&l->answers);
    if (answer != NULL) {
        ASSERT(l->under_way > 0);
        l->under_way--;
    }
    return answer;
}

// ---- the helper's side

// Pulls what is first in each lane. A job that is found says that whatever preceded it can be seen by now, also in a
// lane that was empty a moment ago: only a look that finds nothing new has seen all that must come before.
static void look(struct helper *h)
{
    bool found;
    do {
        found = false;
        for (uint32_t i = 0; i < h->lanes_n; i++) {
            struct lane *l = &h->lanes[i];
            if (l->next == NULL && (l->next = ring_pull(&l->jobs)) != NULL)
                found = true;
        }
    } while (found && h->kind->before != NULL);
}

// The lane whose job is to be done now; lanes_n: there is none.
static uint32_t choose(struct helper *h)
{
    look(h);
    uint32_t best = h->lanes_n;
    for (uint32_t i = 0; i < h->lanes_n; i++) {
        uint32_t at = (h->turn + i) % h->lanes_n;
        const struct mail *job = h->lanes[at].next;
        if (job == NULL)
            continue;
        if (best == h->lanes_n || (h->kind->before != NULL && h->kind->before(job, h->lanes[best].next)))
            best = at;
    }
    return best;
}

void helper_call(struct helper *h)
{
    atomic_store_explicit(&h->called, true, memory_order_release);
    waker_wake(&h->waker);
}

void helper_answer(struct helper *h, uint32_t lane, struct mail *answer)
{
    ASSERT(lane < h->lanes_n && h->kind->answers);
    bool taken = ring_push(&h->lanes[lane].answers, answer);
    ASSERT(taken); // its credit is still out
    h->kind->answered(h->ctx, lane);
}

static void hear_calls(struct helper *h)
{
    if (h->kind->called != NULL && atomic_load_explicit(&h->called, memory_order_relaxed) &&
        atomic_exchange(&h->called, false))
        h->kind->called(h->ctx);
}

static void do_jobs(struct helper *h)
{
    hear_calls(h);
    for (uint32_t lane; (lane = choose(h)) != h->lanes_n; hear_calls(h)) {
        struct lane *l = &h->lanes[lane];
        struct mail *job = l->next;
        l->next = NULL;
        h->turn = (lane + 1) % h->lanes_n;
        struct mail *answer = h->kind->work(h->ctx, lane, job);
        ASSERT(answer == NULL || h->kind->answers);
        if (answer != NULL)
            helper_answer(h, lane, answer);
    }
}

static bool anything_there(struct helper *h)
{
    if (atomic_load_explicit(&h->called, memory_order_acquire) && h->kind->called != NULL)
        return true;
    for (uint32_t i = 0; i < h->lanes_n; i++)
        if (!ring_empty(&h->lanes[i].jobs))
            return true;
    return false;
}

static void *helper_run(void *helper)
{
    struct helper *h = helper;
    pthread_setname_np(pthread_self(), h->kind->name);
    if (h->kind->yields)
        (void)setpriority(PRIO_PROCESS, 0, YIELDS_NICE); // on Linux, of this thread alone
    for (bool last = false; !last;) {
        // What was pushed before the stop is seen after it.
        last = atomic_load_explicit(&h->stopping, memory_order_acquire);
        do_jobs(h);
        if (h->kind->idle != NULL)
            h->kind->idle(h->ctx);
        if (last)
            break;
        waker_sleep(&h->waker);
        if (!anything_there(h) && !atomic_load_explicit(&h->stopping, memory_order_acquire))
            waker_wait(&h->waker);
        waker_awake(&h->waker);
    }
    pthread_mutex_lock(&h->lock);
    h->ended = true;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum err helper_start(struct helper *h)
{
    ASSERT(!h->started);
    // Threads inherit the mask: signals are the main thread's business.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    h->started = thread_start(&h->thread, THREAD_SMALL_STACK, helper_run, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return h->started ? OK : ERR_LIMIT;
}

bool helper_stop(struct helper *h, uint32_t patience_ms)
{
    if (!h->started)
        return true;
    atomic_store_explicit(&h->stopping, true, memory_order_release);
    waker_wake(&h->waker);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)patience_ms * 1000000u;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    pthread_mutex_lock(&h->lock);
    int late = 0;
    while (!h->ended && late == 0)
        late = pthread_cond_timedwait(&h->changed, &h->lock, &until);
    bool ended = h->ended;
    pthread_mutex_unlock(&h->lock);
    if (!ended)
        return false;
    pthread_join(h->thread, NULL);
    h->started = false;
    return true;
}
