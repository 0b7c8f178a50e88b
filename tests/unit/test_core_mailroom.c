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

// Never more asks than credits; each comes back once, and those who wait are told.
static void a_port_has_so_many_credits(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        struct office *o = office_open();
        uint32_t max = lasting ? mail_lasting_max(&o->mail) : o->mail.credits;
        struct credit held[MAIL_CREDITS_MAX];
        assert_int_equal(o->mail.credits, MAIL_CREDITS_MAX);
        for (uint32_t i = 0; i < max; i++) {
            assert_true(mail_takes(&o->mail, 0, lasting));
            held[i] = mail_credit_take(&o->mail, 0, lasting);
        }
        assert_false(mail_takes(&o->mail, 0, lasting));
        assert_int_equal(mail_takes(&o->mail, 0, !lasting), lasting); // the others have their half
        assert_true(mail_takes(&o->mail, 2, lasting) && mail_takes(&o->mail, HERE, lasting));
        assert_int_equal(o->mail.under_way, max);
        mailroom_check(&o->mail);
        assert_false(o->mail.eased);
        mail_credit_back(&o->mail, held[0]);
        assert_true(o->mail.eased && mail_takes(&o->mail, 0, lasting));
        o->mail.eased = false; // whoever lets them go on
        if (!lasting)          // the last but one: a switch may need two
            mail_credit_back(&o->mail, held[--max]);
        o->mail.eased = false;
        mail_credit_back(&o->mail, (struct credit){0}); // none
        for (uint32_t i = 1; i < max; i++)
            mail_credit_back(&o->mail, held[i]);
        assert_false(o->mail.eased);
        assert_int_equal(o->mail.under_way, 0);
        mailroom_check(&o->mail);
        office_close(o);
    }
}

static void credits_are_shared_out_among_ports(void **state)
{
    (void)state;
    static const uint32_t shards[] = {1, 8, 16, 64}, want[] = {4096, 4096, 2048, 512};
    for (size_t i = 0; i < ARRAY_LEN(shards); i++) {
        struct office *o = office_open();
        struct mailroom mail;
        struct context cx = o->cx;
        cx.shard_count = shards[i];
        cx.index = 0;
        mailroom_init(&mail, &cx);
        assert_int_equal(mail.credits, want[i]);
        o->settings.mail_credits = 1;
        mailroom_init(&mail, &cx);
        assert_int_equal(mail.credits, 2);
        office_close(o);
    }
}

struct credits {
    struct office *o;
    struct credit c;
};

static void take_one_more(void *arg) { (void)mail_credit_take(&((struct office *)arg)->mail, 0, false); }
static void give_back_again(void *arg)
{
    struct credits *c = arg;
    mail_credit_back(&c->o->mail, c->c);
}

static void a_credit_is_not_taken_or_given_back_twice(void **state)
{
    (void)state;
    struct office *o = office_open();
    struct credits c = {o, mail_credit_take(&o->mail, 0, false)};
    mail_credit_back(&o->mail, c.c);
    assert_true(asserts(give_back_again, &c));
    for (uint32_t i = 0; i < o->mail.credits; i++)
        c.c = mail_credit_take(&o->mail, 0, false);
    assert_true(asserts(take_one_more, o));
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
        assert_true(post_answer(
            &o->mail, &(struct answer){.conn = {dest, {0, 0}}, .segs = &seg, .seg_count = 1}, true));
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
        cmocka_unit_test(a_port_has_so_many_credits),
        cmocka_unit_test(credits_are_shared_out_among_ports),
        cmocka_unit_test(a_credit_is_not_taken_or_given_back_twice),
        cmocka_unit_test(ports_lie_behind_the_shards),
        cmocka_unit_test(mail_never_carried_is_given_back),
        cmocka_unit_test(there_is_no_such_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
