// SPDX-License-Identifier: Apache-2.0
//
// Outboxes: each shard's mail in the order in which it was posted, one's own like any other's, and who waits for a full one
// is told when there is room.
#include "unit/office.h"

enum { HERE = OFFICE_HERE, SHARDS = OFFICE_SHARDS };

static void post_numbered(struct office *o, uint32_t dest, uint32_t number)
{
    struct evict_mail m = {.conn = {dest, {number, 0}}};
    post_copy(&o->mail, dest, MAIL_EVICT, &m, sizeof m);
}

static void pull_numbered(struct office *o, uint32_t dest, uint32_t number)
{
    struct mail *m = mail_pull(&o->mail, dest);
    assert_non_null(m);
    assert_null(m->next);
    assert_int_equal(m->from, HERE);
    const struct evict_mail *e = (const void *)m;
    assert_int_equal(e->conn.shard, dest);
    assert_int_equal(e->conn.ref.index, number);
    mail_discard(&o->mem, m);
}

static void mail_keeps_its_order(void **state)
{
    (void)state;
    struct office *o = office_open();
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_null(mail_pull(&o->mail, i));
    uint32_t posted[SHARDS] = {0}, pulled[SHARDS] = {0};
    for (uint32_t step = 0; step < 2000; step++) { // rises, falls to nothing, rises again
        uint32_t dest = step * 7 % SHARDS;
        bool fill = step / 100 % 2 == 0;
        if (fill)
            post_numbered(o, dest, posted[dest]++);
        else if (pulled[dest] != posted[dest])
            pull_numbered(o, dest, pulled[dest]++);
        for (uint32_t i = 0; i < SHARDS; i++)
            assert_int_equal(mail_waiting(&o->mail, i), posted[i] - pulled[i]);
        assert_int_equal(mail_is_here(&o->mail), posted[HERE] != pulled[HERE]);
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_true(posted[i] > 100);
        while (pulled[i] != posted[i])
            pull_numbered(o, i, pulled[i]++);
        assert_null(mail_pull(&o->mail, i));
    }
    assert_int_equal(metric_get(&o->metrics.mail_sent), posted[0] + posted[2]); // to others
    office_close(o);
}

// What is posted while mail is carried out comes behind what was there.
static void own_mail_comes_after_what_was_posted_before(void **state)
{
    (void)state;
    struct office *o = office_open();
    post_numbered(o, HERE, 0);
    post_numbered(o, HERE, 1);
    pull_numbered(o, HERE, 0);
    assert_true(mail_is_here(&o->mail));
    post_numbered(o, HERE, 2);
    post_numbered(o, 0, 0);
    pull_numbered(o, HERE, 1);
    pull_numbered(o, HERE, 2);
    assert_false(mail_is_here(&o->mail));
    assert_int_equal(mail_waiting(&o->mail, 0), 1);
    office_close(o);
}

static void a_full_box_says_when_there_is_room(void **state)
{
    (void)state;
    struct office *o = office_open();
    for (uint32_t i = 0; i <= MAIL_BACKLOG_PAUSE; i++) {
        assert_true(mail_takes(&o->mail, 0));
        post_numbered(o, 0, i);
        post_numbered(o, HERE, i);
    }
    assert_false(mail_takes(&o->mail, 0));
    assert_true(mail_takes(&o->mail, 2));
    assert_true(mail_takes(&o->mail, HERE)); // nobody waits for what is carried out at once
    assert_false(o->mail.eased);
    post_numbered(o, 0, MAIL_BACKLOG_PAUSE + 1);
    pull_numbered(o, 0, 0);
    assert_false(o->mail.eased || mail_takes(&o->mail, 0)); // one less, but too many yet
    pull_numbered(o, 0, 1);
    assert_true(o->mail.eased && mail_takes(&o->mail, 0));
    o->mail.eased = false; // whoever lets them go on
    pull_numbered(o, 0, 2);
    assert_false(o->mail.eased);
    office_close(o);
}

// What runs beside the shards is posted to as they are.
static void ports_lie_behind_the_shards(void **state)
{
    (void)state;
    struct office *o = office_open();
    uint32_t first = SHARDS, last = SHARDS + PORTS_MAX - SHARDS_MAX - 1;
    for (uint32_t i = 0; i < 3; i++) {
        post_numbered(o, last, i);
        post_numbered(o, first, i + 10);
    }
    assert_int_equal(mail_waiting(&o->mail, first), 3);
    assert_false(mail_is_here(&o->mail));
    for (uint32_t i = 0; i < 3; i++) {
        pull_numbered(o, first, i + 10);
        pull_numbered(o, last, i);
    }
    assert_null(mail_pull(&o->mail, last));
    assert_int_equal(metric_get(&o->metrics.mail_sent), 6);
    office_close(o);
}

static void mail_never_carried_is_given_back(void **state)
{
    (void)state;
    struct office *o = office_open();
    for (uint32_t dest = 0; dest < mail_ports(&o->mail); dest++) {
        struct advance *a = post_plain(&o->mail, MAIL_ADVANCE, sizeof *a + sizeof a->segs[0]);
        a->seg_count = 1;
        a->segs[0] = (struct advance_seg){.seg = segment_create(&o->mem, 1, 64)};
        assert_non_null(a->segs[0].seg);
        mail_post(&o->mail, dest, &a->mail);
        struct segment *seg = segment_create(&o->mem, 1, 64);
        assert_non_null(seg);
        post_answer(&o->mail, &(struct answer){.conn = {dest, {0, 0}}, .segs = &seg, .seg_count = 1});
    }
    office_close(o);
}

struct lost {
    struct office *o;
    struct evict_mail *m;
};

static void post_nowhere(void *arg)
{
    struct lost *lost = arg;
    mail_post(&lost->o->mail, mail_ports(&lost->o->mail), &lost->m->mail);
}

static void there_is_no_such_port(void **state)
{
    (void)state;
    struct office *o = office_open();
    struct lost lost = {o, post_plain(&o->mail, MAIL_EVICT, sizeof *lost.m)};
    assert_true(asserts(post_nowhere, &lost));
    mail_discard(&o->mem, &lost.m->mail);
    office_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_keeps_its_order),
        cmocka_unit_test(own_mail_comes_after_what_was_posted_before),
        cmocka_unit_test(a_full_box_says_when_there_is_room),
        cmocka_unit_test(ports_lie_behind_the_shards),
        cmocka_unit_test(mail_never_carried_is_given_back),
        cmocka_unit_test(there_is_no_such_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
