// SPDX-License-Identifier: Apache-2.0
#include "unit/office.h"

// The only mail there is for a shard.
static void *only_mail(struct office *o, uint32_t dest)
{
    struct mail *m = mail_pull(&o->mail, dest);
    assert_non_null(m);
    assert_null(m->next);
    assert_null(mail_pull(&o->mail, dest));
    assert_int_equal(m->from, OFFICE_HERE);
    return m;
}

static bool none_waits(const struct office *o)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        if (mail_waiting(&o->mail, i) != 0 || o->mail.boxes[i].head != NULL)
            return false;
    return true;
}

// A string that is gone after the mail was posted: whoever still points to it is found out by AddressSanitizer.
static str borrowed(char **keep, const char *text)
{
    size_t n = strlen(text);
    *keep = malloc(n);
    memcpy(*keep, text, n);
    return str_make(*keep, n);
}

static bool inside(const struct mail *m, str s)
{
    return s.n == 0 || (s.p > (const char *)m && s.p + s.n <= (const char *)m + m->bytes);
}

static void asks_carry_their_strings(void **state)
{
    (void)state;
    struct office *o = office_open();
    char *k[16];
    struct ask a = {.type = ASK_PUBLISH, .conn = {2, {7, 9}}, .encoding = 1, .room_hash = 99};
    struct command *c = &a.cmd;
    c->type = CMD_MESSAGE;
    str *all[] = {&a.user, &a.session, &a.name, &a.rows,  &c->id,    &c->room,        &c->from,
                  &c->to,  &c->data,   &c->key, &c->name, &c->after, &c->since_epoch, &c->prefix};
    static const char *const texts[] = {"user", "session",   "name", "rows",    "17",    "room",  "from",
                                        "to",   "{\"a\":1}", "key",  "newname", "after", "epoch", "prefix"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = borrowed(&k[i], texts[i]);
    c->token = borrowed(&k[14], "secret token");
    c->resume = borrowed(&k[15], "secret resume");
    c->since_offset = 5;
    assert_true(post_ask(&o->mail, 2, &a));
    for (size_t i = 0; i < 16; i++)
        free(k[i]);
    struct ask *m = only_mail(o, 2);
    assert_int_equal(m->mail.kind, MAIL_ASK);
    assert_int_equal(m->conn.ref.gen, 9);
    assert_int_equal(m->room_hash, 99);
    assert_int_equal(m->cmd.since_offset, 5);
    struct command *mc = &m->cmd;
    str *moved[] = {&m->user, &m->session, &m->name, &m->rows,  &mc->id,    &mc->room,        &mc->from,
                    &mc->to,  &mc->data,   &mc->key, &mc->name, &mc->after, &mc->since_epoch, &mc->prefix};
    for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
        assert_true(inside(&m->mail, *moved[i]));
        assert_str_eq(*moved[i], str_from_cstr(texts[i]));
    }
    assert_int_equal(mc->token.n + mc->resume.n, 0); // secrets do not travel
    mail_discard(&o->mem, &m->mail);
    office_close(o);
}

static void absent_strings_stay_absent(void **state)
{
    (void)state;
    struct office *o = office_open();
    struct ask a = {.type = ASK_ROOMS, .user = STR("u")};
    a.cmd.data = STR("");
    assert_true(post_ask(&o->mail, 0, &a));
    struct ask *m = only_mail(o, 0);
    assert_null(m->cmd.room.p);
    assert_non_null(m->cmd.data.p);
    assert_int_equal(m->cmd.data.n, 0);
    mail_discard(&o->mem, &m->mail);

    o->t.fail_from = 1;
    assert_false(post_ask(&o->mail, 0, &a));
    struct direct_mail d = {.data = STR("1")};
    assert_false(post_direct(&o->mail, 0, &d));
    assert_true(none_waits(o));
    test_mem_restart(&o->t);
    // Those whose loss would leave two shards of different opinion pass the budget.
    o->mem.bytes_max = 1;
    assert_false(post_ask(&o->mail, 0, &a));
    assert_false(post_direct(&o->mail, 0, &d));
    assert_true(none_waits(o));
    struct ref rooms[2] = {{3, 4}, {5, 6}};
    struct depart_mail gone = {.keep_member = true, .user = STR("u"), .room_n = 2, .rooms = rooms};
    post_depart(&o->mail, 0, &gone);
    struct depart_mail *dep = only_mail(o, 0);
    assert_int_equal(dep->mail.kind, MAIL_DEPART);
    assert_true(dep->keep_member && dep->rooms != rooms);
    assert_str(dep->user, "u");
    assert_int_equal(dep->rooms[1].gen, 6);
    mail_discard(&o->mem, &dep->mail);
    // An answer that fits into what was booked for its ask.
    struct answer short_one = {
        .effect = EFFECT_NONE, .payload = STR("reply"), .provided = sizeof short_one + 5};
    assert_true(post_answer(&o->mail, &short_one, false));
    struct answer *ans = only_mail(o, 0);
    assert_str(ans->payload, "reply");
    assert_false(ans->reply_lost);
    mail_discard(&o->mem, &ans->mail);
    short_one.provided--;
    assert_false(post_answer(&o->mail, &short_one, false));
    assert_true(none_waits(o));
    assert_false(post_answer(&o->mail, &short_one, true));
    ans = only_mail(o, 0);
    assert_true(ans->reply_lost);
    mail_discard(&o->mem, &ans->mail);
    struct evict_mail *e = post_plain(&o->mail, MAIL_EVICT, sizeof *e);
    assert_non_null(e);
    assert_true(none_waits(o)); // it is to be filled in first
    assert_int_equal(e->mail.kind, MAIL_EVICT);
    assert_int_equal(e->mail.bytes, sizeof *e);
    mail_discard(&o->mem, &e->mail);
    post_copy(&o->mail, 2, MAIL_EVICT, &(struct evict_mail){.conn = {2, {3, 4}}}, sizeof *e);
    e = only_mail(o, 2);
    assert_int_equal(e->mail.kind, MAIL_EVICT);
    assert_int_equal(e->mail.bytes, sizeof *e);
    assert_int_equal(e->conn.ref.gen, 4);
    mail_discard(&o->mem, &e->mail);
    office_close(o);
}

// A reply that is too long for the memory there is: its effect, and that there is an answer, are not lost; its
// segments' references are given back.
static void a_long_answer_goes_bare(void **state)
{
    (void)state;
    for (int out = 0; out < 2; out++) {
        struct office *o = office_open();
        struct segment *segs[3];
        for (size_t i = 0; i < ARRAY_LEN(segs); i++)
            segs[i] = segment_ref(segment_create(&o->mem, 1 + i, 64)); // one of the two is the answer's
        static char payload[MEM_ESSENTIAL_MAX + 1];
        memset(payload, 'p', sizeof payload);
        struct answer a = {.conn = {2, {5, 6}},
                           .effect = EFFECT_JOINED,
                           .place = 7,
                           .segs = segs,
                           .seg_count = 3,
                           .payload = str_make(payload, sizeof payload)};
        o->mem.bytes_max = out ? 1 : 0;
        if (out) { // or nothing is done, and the segments are the caller's
            assert_false(post_answer(&o->mail, &a, false));
            assert_true(none_waits(o));
        }
        assert_int_equal(post_answer(&o->mail, &a, true), !out);
        o->mem.bytes_max = 0;
        assert_true(none_waits(o) == false && mail_waiting(&o->mail, 2) == 1); // the shard of its connection
        struct answer *m = only_mail(o, 2);
        assert_int_equal(m->mail.kind, MAIL_ANSWER);
        assert_int_equal(m->effect, EFFECT_JOINED);
        assert_int_equal(m->place, 7);
        assert_int_equal(m->conn.ref.gen, 6);
        assert_int_equal(m->reply_lost, out);
        assert_int_equal(m->seg_count, out ? 0 : 3);
        assert_int_equal(m->payload.n, out ? 0 : sizeof payload);
        assert_int_equal(metric_get(&o->metrics.limit_memory), out);
        for (size_t i = 0; i < ARRAY_LEN(segs); i++)
            assert_int_equal(atomic_load(&segs[i]->refs), out ? 1 : 2);
        mail_discard(&o->mem, &m->mail);
        for (size_t i = 0; i < ARRAY_LEN(segs); i++) {
            assert_int_equal(atomic_load(&segs[i]->refs), 1);
            segment_unref(&o->mem, segs[i]);
        }
        office_close(o);
    }
}

static void directs_carry_their_strings(void **state)
{
    (void)state;
    struct office *o = office_open();
    char *k[4];
    struct direct_mail d = {.time_ms = 3,
                            .user = borrowed(&k[0], "user"),
                            .session = borrowed(&k[1], "session"),
                            .name = borrowed(&k[2], "name"),
                            .data = borrowed(&k[3], "[1,2]")};
    assert_true(post_direct(&o->mail, 1, &d)); // to this very shard
    for (size_t i = 0; i < 4; i++)
        free(k[i]);
    struct direct_mail *m = only_mail(o, 1);
    assert_int_equal(m->mail.kind, MAIL_DIRECT);
    assert_int_equal(m->time_ms, 3);
    assert_str(m->user, "user");
    assert_str(m->session, "session");
    assert_str(m->name, "name");
    assert_str(m->data, "[1,2]");
    assert_true(inside(&m->mail, m->data) && inside(&m->mail, m->user));
    mail_discard(&o->mem, &m->mail);
    office_close(o);
}

static void discarding_drops_segments(void **state)
{
    (void)state;
    struct office *o = office_open();
    struct segment *segs[3];
    for (size_t i = 0; i < 3; i++)
        segs[i] = segment_create(&o->mem, 1 + i, 64);
    char *k;
    struct answer a = {
        .effect = EFFECT_JOINED, .segs = segs, .seg_count = 3, .payload = borrowed(&k, "joined")};
    assert_true(post_answer(&o->mail, &a, true));
    free(k);
    struct answer *m = only_mail(o, 0);
    assert_str(m->payload, "joined");
    assert_true(inside(&m->mail, m->payload));
    assert_true((char *)m->segs > (char *)m && (char *)(m->segs + 3) <= m->payload.p);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(m->segs[i], segs[i]);
        assert_int_equal(atomic_load(&segs[i]->refs), 1); // they move with the pointers
    }
    mail_discard(&o->mem, &m->mail);
    test_mem_check(&o->t);

    struct advance *adv = post_plain(&o->mail, MAIL_ADVANCE, sizeof *adv + 2 * sizeof adv->segs[0]);
    adv->seg_count = 2;
    for (size_t i = 0; i < 2; i++)
        adv->segs[i] = (struct advance_seg){.track = 0, .seg = segment_create(&o->mem, 1 + i, 64)};
    mail_post(&o->mail, 2, &adv->mail);
    assert_ptr_equal(only_mail(o, 2), adv);
    mail_discard(&o->mem, &adv->mail);
    mail_discard(&o->mem, NULL);
    office_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_carry_their_strings),  cmocka_unit_test(absent_strings_stay_absent),
        cmocka_unit_test(a_long_answer_goes_bare),   cmocka_unit_test(directs_carry_their_strings),
        cmocka_unit_test(discarding_drops_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
