// SPDX-License-Identifier: Apache-2.0
//
// Rejected: savepoints around each batch, so that one that is refused leaves the others in place (it is rare, and costs every batch a
// statement), and a thread that waits for more before it commits (what comes during an fsync is what waits for the next).
#include "io/stores.h"

#include "base/assert.h"
#include "base/limits.h"
#include "io/clock.h"
#include "io/helper.h"

#include <stdatomic.h>
#include <stdio.h>

enum { CREDITS_WRITE = 2, CREDITS_READ = 64, HELD_MAX = SHARDS_MAX * CREDITS_WRITE };

struct side {
    struct stores *all;
    struct helper *helper;
    struct store_link *link;
    struct mem mem; // its thread's share
    struct breaker breaker;
    enum breaker_state told; // of the breaker, by a notice
};

struct held {
    struct store_mail *mail;
    uint32_t lane;
};

struct stores {
    struct mem *mem;
    uint32_t shard_count;
    struct stores_config config;
    struct side sides[STORES_SIDES];
    // of the one that writes
    struct held held[HELD_MAX];
    uint32_t held_n;
    bool open; // a transaction is
    size_t bytes;
    uint64_t begun_ms;
    uint64_t steady_ms, steady_kept; // newest that was put, and committed
    _Atomic uint64_t commits, batches;
};

static uint64_t now_ms(void) { return clock_monotonic_ns() / 1000000; }

static void say(const struct stores *s, const char *what, str room, const struct store_why *why)
{
    char text[1024];
    if (s->config.notice == NULL)
        return;
    snprintf(text, sizeof text, "store: %s%s%.*s: %s", what, room.n != 0 ? " " : "", STR_ARG(room),
             why->text);
    s->config.notice(s->config.ctx, text);
}

// --- what is behind it

static void tell_breaker(struct side *d, const struct store_why *why)
{
    const bool away = d->breaker.state != BREAKER_CLOSED;
    if (away == (d->told != BREAKER_CLOSED))
        return;
    d->told = away ? BREAKER_OPEN : BREAKER_CLOSED;
    const char *which = d == &d->all->sides[STORES_WRITES] ? "writing" : "reading";
    const struct store_why fine = {.text = "it is there again"};
    say(d->all, which, STR_NONE, away ? why : &fine);
}

static void judge(struct side *d, enum store_fault f, const struct store_why *why)
{
    if (f == STORE_FINE || f == STORE_NOTHING)
        breaker_fine(&d->breaker);
    else if (f == STORE_BUSY || f == STORE_DENIED)
        breaker_failed(&d->breaker, now_ms());
    else
        breaker_left(&d->breaker, now_ms());
    tell_breaker(d, why);
}

// --- writing

static void answer_held(struct stores *s, enum store_word word, uint32_t retry_ms)
{
    for (uint32_t i = 0; i < s->held_n; i++) {
        struct store_mail *m = store_mail_turn(s->held[i].mail, word, retry_ms);
        helper_answer(s->sides[STORES_WRITES].helper, s->held[i].lane, &m->mail);
    }
    s->held_n = 0;
    s->bytes = 0;
    s->open = false;
}

// What failed is undone, and everything that shared it is away.
static void undo(struct stores *s, enum store_fault f, const struct store_why *why)
{
    struct side *d = &s->sides[STORES_WRITES];
    s->config.driver->rollback(d->link);
    s->steady_ms = s->steady_kept;
    judge(d, f, why);
    const bool failed = f == STORE_BUSY || f == STORE_DENIED;
    answer_held(s, STORE_AWAY, failed ? breaker_retry_ms(&d->breaker, now_ms()) : 1);
}

static enum store_fault put_steady(struct stores *s, struct store_why *why)
{
    char text[24];
    if (s->steady_ms <= s->steady_kept)
        return STORE_FINE;
    const int n = snprintf(text, sizeof text, "%llu", (unsigned long long)s->steady_ms);
    return s->config.driver->meta_put(s->sides[STORES_WRITES].link, "steady_ms", str_make(text, (size_t)n),
                                      why);
}

static void commit(struct stores *s)
{
    struct side *d = &s->sides[STORES_WRITES];
    struct store_why why = {.text = ""};
    if (!s->open)
        return;
    enum store_fault f = put_steady(s, &why);
    if (f == STORE_FINE)
        f = s->config.driver->commit(d->link, &why);
    if (f != STORE_FINE) {
        undo(s, f, &why);
        return;
    }
    judge(d, f, &why);
    s->steady_kept = s->steady_ms;
    atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->batches, s->held_n, memory_order_relaxed);
    answer_held(s, STORE_KEPT, 0);
}

static enum store_fault put_batch(struct stores *s, const struct store_mail *m, str *ret_room,
                                  struct store_why *why)
{
    struct store_section section;
    str left = m->records;
    *ret_room = STR_NONE;
    for (uint32_t i = 0; i < m->sections; i++) {
        const bool whole = store_take_section(&left, &section);
        ASSERT(whole);
        *ret_room = section.name;
        const enum store_fault f = s->config.driver->put(s->sides[STORES_WRITES].link, &section, why);
        if (f != STORE_FINE)
            return f;
        if (section.steady_ms > s->steady_ms)
            s->steady_ms = section.steady_ms;
    }
    return STORE_FINE;
}

// A transaction is open, or why it cannot be.
static enum store_fault begin(struct stores *s, struct store_why *why)
{
    struct side *d = &s->sides[STORES_WRITES];
    if (s->open)
        return STORE_FINE;
    const enum store_fault f = s->config.driver->begin(d->link, why);
    if (f != STORE_FINE) {
        judge(d, f, why);
        return f;
    }
    s->open = true;
    s->begun_ms = now_ms();
    return STORE_FINE;
}

static struct mail *away(struct store_mail *m, uint32_t retry_ms)
{
    return &store_mail_turn(m, STORE_AWAY, retry_ms)->mail;
}

static struct mail *keep(void *ctx, uint32_t lane, struct mail *job)
{
    struct side *d = ctx;
    struct stores *s = d->all;
    struct store_mail *m = (struct store_mail *)job;
    struct store_why why = {.text = ""};
    str room;
    ASSERT(m->word == STORE_KEEP && s->held_n < HELD_MAX);
    if (!s->open && !breaker_ask(&d->breaker, now_ms()))
        return away(m, breaker_retry_ms(&d->breaker, now_ms()));
    if (begin(s, &why) != STORE_FINE)
        return away(m, breaker_retry_ms(&d->breaker, now_ms()));
    const enum store_fault f = put_batch(s, m, &room, &why);
    if (f != STORE_FINE) {
        const bool failed = f == STORE_BUSY || f == STORE_DENIED;
        undo(s, f, &why);
        if (failed)
            return away(m, breaker_retry_ms(&d->breaker, now_ms()));
        say(s, "what was said cannot be kept, of room", room, &why);
        return away(m, STORES_REFUSED_MS);
    }
    s->held[s->held_n++] = (struct held){m, lane};
    s->bytes += m->records.n;
    if (s->bytes >= STORES_GROUP_BYTES || s->held_n >= s->shard_count ||
        now_ms() - s->begun_ms >= STORES_GROUP_MS)
        commit(s);
    return NULL;
}

static void no_job_left(void *ctx) { commit(((struct side *)ctx)->all); }

// --- reading

static enum store_fault look_up(struct side *d, const struct store_mail *q, struct store_mail *a,
                                struct buf *image, struct buf *records, struct store_why *why)
{
    const struct store_driver *driver = d->all->config.driver;
    if (q->word == STORE_LOAD) {
        a->word = STORE_ROOM;
        return driver->load(d->link, q->name, false, q->most, q->bytes, &a->facts, image, records, &a->first,
                            &a->last, why);
    }
    a->word = STORE_RECORDS;
    if (q->word == STORE_FETCH)
        return driver->fetch(d->link, q->name, q->first, q->last, STORE_PIECE_BYTES, q->about, records,
                             &a->last, why);
    ASSERT(q->word == STORE_SEARCH);
    return driver->search(d->link, q->name, q->text, q->first, q->most, records, &a->more, why);
}

// The word for what went wrong.
static void answer_fault(struct side *d, const struct store_mail *q, enum store_fault f, struct store_mail *a)
{
    if (f == STORE_NOTHING && q->word == STORE_LOAD) {
        a->word = STORE_NONE;
    } else if (f == STORE_NOTHING) {
        a->last = q->first - 1;
    } else if (f == STORE_DAMAGED || f == STORE_NEWER || f == STORE_FOREIGN) {
        a->word = STORE_BROKEN;
    } else {
        a->word = STORE_AWAY;
        a->retry_ms = f == STORE_BUSY || f == STORE_DENIED ? breaker_retry_ms(&d->breaker, now_ms())
                                                           : STORES_REFUSED_MS;
    }
}

static void put_why(struct store_mail *a, const struct store_why *why)
{
    a->text = str_from_cstr(why->text);
    if (a->text.n > STORE_WHY_MAX)
        a->text.n = STORE_WHY_MAX;
}

// The question is given up for its answer; where there is no memory for that, it becomes one that says so.
static struct mail *answer_make(struct side *d, struct store_mail *q, const struct store_mail *a)
{
    struct store_mail *made = store_mail_make(&d->mem, a);
    if (made == NULL)
        return away(q, STORES_REFUSED_MS);
    mail_discard(&d->mem, &q->mail);
    return &made->mail;
}

static struct mail *read_one(void *ctx, uint32_t lane, struct mail *job)
{
    struct side *d = ctx;
    struct store_mail *q = (struct store_mail *)job;
    struct store_mail a = *q;
    struct store_why why = {.text = ""};
    struct buf image, records;
    (void)lane;
    if (!breaker_ask(&d->breaker, now_ms()))
        return away(q, breaker_retry_ms(&d->breaker, now_ms()));
    buf_init(&image, &d->mem, 0);
    buf_init(&records, &d->mem, 0);
    a.text = STR_NONE;
    enum store_fault f = look_up(d, q, &a, &image, &records, &why);
    if (f == STORE_FINE && (!buf_ok(&image) || !buf_ok(&records)))
        f = STORE_NO_MEMORY;
    judge(d, f, &why);
    if (f == STORE_FINE) {
        a.image = buf_str(&image);
        a.records = buf_str(&records);
    } else {
        answer_fault(d, q, f, &a);
        if (a.word == STORE_BROKEN || a.word == STORE_AWAY)
            put_why(&a, &why);
        if (a.word == STORE_BROKEN)
            say(d->all, "what there is cannot be served, of room", q->name, &why);
    }
    struct mail *ret = answer_make(d, q, &a);
    buf_deinit(&image);
    buf_deinit(&records);
    return ret;
}

// --- both

static void on_answered(void *ctx, uint32_t lane)
{
    const struct stores *s = ((struct side *)ctx)->all;
    s->config.answered(s->config.ctx, lane);
}

static const struct helper_kind kinds[] = {[STORES_WRITES] = {.name = "store-writes",
                                                              .credits = CREDITS_WRITE,
                                                              .work = keep,
                                                              .answers = true,
                                                              .answered = on_answered,
                                                              .idle = no_job_left},
                                           [STORES_READS] = {.name = "store-reads",
                                                             .credits = CREDITS_READ,
                                                             .work = read_one,
                                                             .answers = true,
                                                             .answered = on_answered}};

static enum err side_init(struct stores *s, enum stores_side which, struct store_why *why)
{
    struct side *d = &s->sides[which];
    d->all = s;
    mem_share_init(&d->mem, s->mem);
    breaker_init(&d->breaker, &s->config.breaker, s->config.seed + which);
    if (s->config.driver->link(s->config.db, which == STORES_WRITES, &d->link, why) != STORE_FINE)
        return ERR_LIMIT;
    return helper_create(&kinds[which], d, s->shard_count, s->mem, &d->helper);
}

enum err stores_create(struct mem *mem, uint32_t shard_count, const struct stores_config *config,
                       struct stores **ret, struct store_why *why)
{
    ASSERT(shard_count >= 1 && shard_count <= SHARDS_MAX);
    struct stores *s = mem_zalloc(mem, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->mem = mem;
    s->shard_count = shard_count;
    s->config = *config;
    enum err e = side_init(s, STORES_WRITES, why);
    if (e == OK)
        e = side_init(s, STORES_READS, why);
    if (e != OK) {
        stores_destroy(s);
        return e;
    }
    *ret = s;
    return OK;
}

enum err stores_start(struct stores *s)
{
    enum err e = helper_start(s->sides[STORES_WRITES].helper);
    return e == OK ? helper_start(s->sides[STORES_READS].helper) : e;
}

static void side_end(struct side *d)
{
    struct stores *s = d->all;
    if (d->helper != NULL) {
        bool stopped = helper_stop(d->helper, UINT32_MAX / 2);
        ASSERT(stopped); // a driver's calls are bounded by busy_ms
        if (d == &s->sides[STORES_WRITES])
            commit(s);
        for (uint32_t i = 0; i < s->shard_count; i++)
            for (struct mail *m; (m = helper_pull(d->helper, i)) != NULL;)
                mail_discard(&d->mem, m);
    }
    helper_destroy(d->helper);
    s->config.driver->unlink(d->link);
    mem_share_settle(&d->mem);
}

void stores_destroy(struct stores *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < STORES_SIDES; i++)
        if (s->sides[i].all != NULL)
            side_end(&s->sides[i]);
    mem_free(s->mem, s, sizeof *s);
}

uint32_t stores_room(struct stores *s, enum stores_side side, uint32_t shard)
{
    return helper_room(s->sides[side].helper, shard);
}

void stores_push(struct stores *s, enum stores_side side, uint32_t shard, struct mail *m)
{
    helper_push(s->sides[side].helper, shard, m);
}

struct mail *stores_pull(struct stores *s, enum stores_side side, uint32_t shard)
{
    return helper_pull(s->sides[side].helper, shard);
}

void stores_counts(const struct stores *s, uint64_t *ret_commits, uint64_t *ret_batches)
{
    *ret_commits = atomic_load_explicit(&s->commits, memory_order_relaxed);
    *ret_batches = atomic_load_explicit(&s->batches, memory_order_relaxed);
}
