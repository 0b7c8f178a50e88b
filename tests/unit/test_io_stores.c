// SPDX-License-Identifier: Apache-2.0
//
// The two helpers of a store, with real threads, over a driver in memory whose faults are set: who is answered what, in which order, and
// after which commit.
#include "io/stores.h"
#include "unit/support.h"

#include <semaphore.h>
#include <stdlib.h>

enum { SHARDS = 3, PUTS_MAX = 64 };

// One link of it writes and one reads: what a test sets, it sets while both sleep.
struct desk {
    uint64_t put[PUTS_MAX]; // heads of sections, in order; those that are committed first
    uint32_t put_n, committed_n, commits, rollbacks, reads;
    uint64_t steady_ms, steady_put;
    enum store_fault begins, commit, read;
    const char *refuses; // a room that is not put
    enum store_fault refusal;
    uint32_t notices;
};

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct desk desk;
    struct stores *stores;
    sem_t answered;
};

static enum store_fault tell(enum store_fault f, struct store_why *why)
{
    if (f != STORE_FINE)
        store_say(why, "the disk says %s", store_fault_name(f));
    return f;
}

static struct desk *desk(struct store_link *l) { return (struct desk *)l; }

static enum store_fault desk_link(struct store_db *db, bool writes, struct store_link **ret,
                                  struct store_why *why)
{
    (void)writes, (void)why;
    *ret = (struct store_link *)db;
    return STORE_FINE;
}

static void desk_unlink(struct store_link *l) { (void)l; }

static enum store_fault desk_begin(struct store_link *l, struct store_why *why)
{
    return tell(desk(l)->begins, why);
}

static enum store_fault desk_put(struct store_link *l, const struct store_section *s, struct store_why *why)
{
    struct desk *d = desk(l);
    if (d->refuses != NULL && str_eq(s->name, str_from_cstr(d->refuses)))
        return tell(d->refusal, why);
    assert_true(d->put_n < PUTS_MAX);
    d->put[d->put_n++] = s->head;
    return STORE_FINE;
}

static enum store_fault desk_meta_put(struct store_link *l, const char *key, str value, struct store_why *why)
{
    (void)why;
    assert_string_equal(key, "steady_ms");
    desk(l)->steady_put = strtoull(value.p, NULL, 10);
    return STORE_FINE;
}

static enum store_fault desk_commit(struct store_link *l, struct store_why *why)
{
    struct desk *d = desk(l);
    if (d->commit != STORE_FINE)
        return tell(d->commit, why);
    d->commits++;
    d->committed_n = d->put_n;
    d->steady_ms = d->steady_put;
    return STORE_FINE;
}

static void desk_rollback(struct store_link *l)
{
    desk(l)->rollbacks++;
    desk(l)->put_n = desk(l)->committed_n;
    desk(l)->steady_put = desk(l)->steady_ms;
}

static enum store_fault desk_load(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                                  struct store_room *ret, struct buf *image, struct buf *records,
                                  uint64_t *ret_from, uint64_t *ret_last, struct store_why *why)
{
    (void)bytes;
    desk(l)->reads++;
    assert_false(peek);
    if (desk(l)->read != STORE_FINE)
        return tell(desk(l)->read, why);
    *ret = (struct store_room){.first = 1, .head = 9, .image_at = 8, .clean = true};
    buf_put_str(image, STR("image"));
    store_put_record(records, 8, room);
    store_put_record(records, 9, room);
    *ret_from = 10 - most;
    *ret_last = 9;
    return STORE_FINE;
}

static enum store_fault desk_fetch(struct store_link *l, str room, uint64_t first, uint64_t last,
                                   uint32_t piece, bool about, struct buf *records, uint64_t *ret_last,
                                   struct store_why *why)
{
    (void)about;
    assert_int_equal(piece, STORE_PIECE_BYTES);
    if (desk(l)->read != STORE_FINE)
        return tell(desk(l)->read, why);
    store_put_record(records, first, room);
    *ret_last = first < last ? first : last;
    return STORE_FINE;
}

static enum store_fault desk_search(struct store_link *l, str room, str text, uint64_t before, uint32_t most,
                                    struct buf *records, bool *ret_more, struct store_why *why)
{
    (void)room, (void)most, (void)why, (void)l;
    store_put_record(records, before - 1, text);
    *ret_more = true;
    return STORE_FINE;
}

static const struct store_driver desk_driver = {.name = "desk",
                                                .link = desk_link,
                                                .unlink = desk_unlink,
                                                .meta_put = desk_meta_put,
                                                .begin = desk_begin,
                                                .put = desk_put,
                                                .commit = desk_commit,
                                                .rollback = desk_rollback,
                                                .load = desk_load,
                                                .fetch = desk_fetch,
                                                .search = desk_search};

// --- the shards' side

static void on_answered(void *ctx, uint32_t shard)
{
    (void)shard;
    sem_post(&((struct fixture *)ctx)->answered);
}

static void on_notice(void *ctx, const char *text)
{
    assert_non_null(strstr(text, "store: "));
    ((struct fixture *)ctx)->desk.notices++;
}

static void setup(struct fixture *f)
{
    struct store_why why = {.text = ""};
    memset(f, 0, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    sem_init(&f->answered, 0, 0);
    const struct stores_config c = {.driver = &desk_driver,
                                    .db = (struct store_db *)&f->desk,
                                    .breaker = {.failures = 2, .open_ms = 3600000, .open_max_ms = 3600000},
                                    .seed = 1,
                                    .notice = on_notice,
                                    .answered = on_answered,
                                    .ctx = f};
    assert_int_equal(stores_create(&f->mem, SHARDS, &c, &f->stores, &why), OK);
}

static void teardown(struct fixture *f)
{
    stores_destroy(f->stores);
    sem_destroy(&f->answered);
    test_mem_check(&f->t);
}

static void push(struct fixture *f, enum stores_side side, uint32_t shard, const struct store_mail *m)
{
    struct store_mail *made = store_mail_make(&f->mem, m);
    assert_non_null(made);
    assert_true(stores_room(f->stores, side, shard) > 0);
    stores_push(f->stores, side, shard, &made->mail);
}

static void push_keep(struct fixture *f, uint32_t shard, const char *room, uint64_t head)
{
    struct buf batch;
    buf_init(&batch, &f->mem, 0);
    const struct store_section s = {
        .name = str_from_cstr(room), .first = head + 1, .head = head, .steady_ms = head};
    store_put_section(&batch, &s);
    const struct store_mail m = {
        .word = STORE_KEEP, .shard = shard, .seq = head, .sections = 1, .records = buf_str(&batch)};
    push(f, STORES_WRITES, shard, &m);
    buf_deinit(&batch);
}

// The answer for that shard, when it comes.
static struct store_mail *pull(struct fixture *f, enum stores_side side, uint32_t shard)
{
    for (;;) {
        struct store_mail *m = (struct store_mail *)stores_pull(f->stores, side, shard);
        if (m != NULL)
            return m;
        sem_wait(&f->answered);
    }
}

static uint32_t expect_keep(struct fixture *f, uint32_t shard, enum store_word word, uint64_t seq)
{
    struct store_mail *m = pull(f, STORES_WRITES, shard);
    const uint32_t retry_ms = m->retry_ms;
    assert_string_equal(store_word_name(m->word), store_word_name(word));
    assert_int_equal(m->seq, seq);
    assert_int_equal(m->sections, 1);
    mail_discard(&f->mem, &m->mail);
    return retry_ms;
}

// --- writing

static void what_waits_is_one_commit(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t commits, batches;
    setup(&f);
    for (uint32_t i = 0; i < SHARDS; i++)
        push_keep(&f, i, "a", 10 + i);
    assert_int_equal(stores_start(f.stores), OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        expect_keep(&f, i, STORE_KEPT, 10 + i);
    stores_counts(f.stores, &commits, &batches);
    assert_int_equal(commits, 1);
    assert_int_equal(batches, SHARDS);
    assert_int_equal(f.desk.commits, 1);
    assert_int_equal(f.desk.committed_n, SHARDS);
    assert_int_equal(f.desk.steady_ms, 12);
    push_keep(&f, 0, "a", 13); // alone, and so without others to wait for
    expect_keep(&f, 0, STORE_KEPT, 13);
    assert_int_equal(f.desk.commits, 2);
    assert_int_equal(f.desk.put[3], 13);
    teardown(&f);
}

static void a_commit_that_fails_leaves_all_away(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.desk.commit = STORE_BUSY;
    for (uint32_t i = 0; i < SHARDS; i++)
        push_keep(&f, i, "a", 1 + i);
    assert_int_equal(stores_start(f.stores), OK);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_true(expect_keep(&f, i, STORE_AWAY, 1 + i) > 0);
    assert_int_equal(f.desk.rollbacks, 1);
    assert_int_equal(f.desk.committed_n, 0);
    assert_int_equal(f.desk.steady_ms, 0);
    f.desk.commit = STORE_FINE;
    push_keep(&f, 1, "a", 2);
    expect_keep(&f, 1, STORE_KEPT, 2);
    assert_int_equal(f.desk.committed_n, 1);
    assert_int_equal(f.desk.steady_ms, 2);
    teardown(&f);
}

static void what_fails_again_is_left_alone(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.desk.begins = STORE_BUSY;
    assert_int_equal(stores_start(f.stores), OK);
    for (uint32_t i = 0; i < 2; i++) {
        push_keep(&f, 0, "a", 1);
        expect_keep(&f, 0, STORE_AWAY, 1);
    }
    f.desk.begins = STORE_FINE; // but nobody looks before the breaker's time
    push_keep(&f, 0, "a", 1);
    assert_true(expect_keep(&f, 0, STORE_AWAY, 1) > 1000);
    assert_int_equal(f.desk.put_n, 0);
    assert_int_equal(f.desk.notices, 1);
    teardown(&f);
}

// It does not keep those from the disk for ever that shared its transaction: they come again sooner.
static void a_batch_that_is_refused_comes_later_than_the_others(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.desk.refuses = "odd";
    f.desk.refusal = STORE_DAMAGED;
    push_keep(&f, 0, "a", 1);
    push_keep(&f, 1, "odd", 2);
    assert_int_equal(stores_start(f.stores), OK);
    assert_int_equal(expect_keep(&f, 1, STORE_AWAY, 2), STORES_REFUSED_MS);
    assert_int_equal(f.desk.notices, 1);
    struct store_mail *m =
        pull(&f, STORES_WRITES, 0); // before or after the one that is refused, as lanes take turns
    assert_true(m->word == STORE_KEPT || m->retry_ms < STORES_REFUSED_MS);
    mail_discard(&f.mem, &m->mail);
    for (uint32_t i = 0; i < 4; i++) { // no failure of the disk: no breaker opens
        push_keep(&f, 1, "odd", 2);
        assert_int_equal(expect_keep(&f, 1, STORE_AWAY, 2), STORES_REFUSED_MS);
    }
    push_keep(&f, 0, "a", 3);
    expect_keep(&f, 0, STORE_KEPT, 3);
    teardown(&f);
}

static void what_is_pushed_before_the_end_is_committed(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    assert_int_equal(stores_start(f.stores), OK);
    push_keep(&f, 2, "a", 7);
    teardown(&f);
    assert_int_equal(f.desk.committed_n, 1);
}

// --- reading

static struct store_mail *ask(struct fixture *f, const struct store_mail *m)
{
    push(f, STORES_READS, 1, m);
    return pull(f, STORES_READS, 1);
}

static void questions_are_answered_with_what_was_asked(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    assert_int_equal(stores_start(f.stores), OK);
    struct store_mail q = {.word = STORE_LOAD, .shard = 1, .seq = 5, .most = 2, .name = STR("lobby")};
    struct store_mail *m = ask(&f, &q);
    assert_int_equal(m->word, STORE_ROOM);
    assert_int_equal(m->seq, 5);
    assert_true(str_eq(m->name, q.name));
    assert_true(str_eq(m->image, STR("image")));
    assert_int_equal(m->first, 8);
    assert_int_equal(m->facts.head, 9);
    assert_true(m->facts.clean);
    assert_true(m->records.n > 0);
    mail_discard(&f.mem, &m->mail);

    q = (struct store_mail){.word = STORE_FETCH,
                            .shard = 1,
                            .seq = 6,
                            .room = {3, 4},
                            .first = 2,
                            .last = 7,
                            .name = STR("lobby")};
    m = ask(&f, &q);
    assert_int_equal(m->word, STORE_RECORDS);
    assert_int_equal(m->seq, 6);
    assert_int_equal(m->room.index, 3);
    assert_int_equal(m->first, 2);
    assert_int_equal(m->last, 2);
    mail_discard(&f.mem, &m->mail);

    q.word = STORE_SEARCH;
    q.text = STR("words");
    m = ask(&f, &q);
    assert_int_equal(m->word, STORE_RECORDS);
    assert_true(m->more);
    mail_discard(&f.mem, &m->mail);
    teardown(&f);
}

static void expect_load(struct fixture *f, enum store_fault fault, enum store_word word)
{
    const struct store_mail q = {.word = STORE_LOAD, .shard = 1, .seq = 1, .most = 2, .name = STR("lobby")};
    f->desk.read = fault;
    struct store_mail *m = ask(f, &q);
    assert_string_equal(store_word_name(m->word), store_word_name(word));
    assert_true(str_eq(m->name, q.name));
    assert_int_equal(m->text.n != 0, word != STORE_NONE);
    assert_int_equal(m->retry_ms != 0, word == STORE_AWAY);
    mail_discard(&f->mem, &m->mail);
}

static void faults_have_their_words(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    assert_int_equal(stores_start(f.stores), OK);
    expect_load(&f, STORE_NOTHING, STORE_NONE);
    expect_load(&f, STORE_DAMAGED, STORE_BROKEN);
    expect_load(&f, STORE_TAKEN, STORE_AWAY);
    expect_load(&f, STORE_NO_MEMORY, STORE_AWAY);
    expect_load(&f, STORE_BUSY, STORE_AWAY);
    expect_load(&f, STORE_DENIED, STORE_AWAY);
    const uint32_t reads = f.desk.reads; // it is open now
    const struct store_mail q = {.word = STORE_LOAD, .shard = 1, .name = STR("lobby")};
    struct store_mail *m = ask(&f, &q);
    assert_int_equal(m->word, STORE_AWAY);
    assert_true(m->retry_ms > 1000);
    mail_discard(&f.mem, &m->mail);
    assert_int_equal(f.desk.reads, reads);
    f.desk.read = STORE_NOTHING;
    push_keep(&f, 0, "a", 1); // the other one's is closed
    expect_keep(&f, 0, STORE_KEPT, 1);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_one_commit),
        cmocka_unit_test(a_commit_that_fails_leaves_all_away),
        cmocka_unit_test(what_fails_again_is_left_alone),
        cmocka_unit_test(a_batch_that_is_refused_comes_later_than_the_others),
        cmocka_unit_test(what_is_pushed_before_the_end_is_committed),
        cmocka_unit_test(questions_are_answered_with_what_was_asked),
        cmocka_unit_test(faults_have_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
