// SPDX-License-Identifier: Apache-2.0
#include "core/post.h"
#include "unit/support.h"

#include <stdlib.h>

// A string that is gone after the mail was packed: whoever still points to it is found out by AddressSanitizer.
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
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    char *k[16];
    struct ask a = {.type = ASK_PUBLISH, .conn = {2, {7, 9}}, .dialect = 1, .room_hash = 99, .has_key = true};
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
    struct ask *m = pack_ask(&mem, &a);
    assert_non_null(m);
    for (size_t i = 0; i < 16; i++)
        free(k[i]);
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
    mail_discard(&mem, &m->mail);
    test_mem_check(&t);
}

static void absent_strings_stay_absent(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct ask a = {.type = ASK_ROOMS, .user = STR("u")};
    a.cmd.data = STR("");
    struct ask *m = pack_ask(&mem, &a);
    assert_null(m->cmd.room.p);
    assert_non_null(m->cmd.data.p);
    assert_int_equal(m->cmd.data.n, 0);
    mail_discard(&mem, &m->mail);

    t.fail_from = 1;
    assert_null(pack_ask(&mem, &a));
    struct direct_mail d = {.data = STR("1")};
    assert_null(pack_direct(&mem, &d));
    test_mem_restart(&t);
    // Those whose loss would leave two shards of different opinion pass the budget.
    mem.bytes_max = 1;
    assert_null(pack_ask(&mem, &a));
    assert_null(pack_direct(&mem, &d));
    a.type = ASK_LEAVE;
    a.dropped = true;
    m = pack_ask(&mem, &a);
    assert_non_null(m);
    mail_discard(&mem, &m->mail);
    struct answer *ans = pack_answer(&mem, &(struct answer){.effect = EFFECT_NONE, .payload = STR("reply")});
    assert_non_null(ans);
    mail_discard(&mem, &ans->mail);
    struct evict_mail *e = pack_plain(&mem, MAIL_EVICT, sizeof *e);
    assert_non_null(e);
    mail_discard(&mem, &e->mail);
    test_mem_check(&t);
}

static void directs_carry_their_strings(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    char *k[4];
    struct direct_mail d = {.time_ms = 3,
                            .user = borrowed(&k[0], "user"),
                            .session = borrowed(&k[1], "session"),
                            .name = borrowed(&k[2], "name"),
                            .data = borrowed(&k[3], "[1,2]")};
    struct direct_mail *m = pack_direct(&mem, &d);
    for (size_t i = 0; i < 4; i++)
        free(k[i]);
    assert_int_equal(m->time_ms, 3);
    assert_str(m->user, "user");
    assert_str(m->session, "session");
    assert_str(m->name, "name");
    assert_str(m->data, "[1,2]");
    assert_true(inside(&m->mail, m->data) && inside(&m->mail, m->user));
    mail_discard(&mem, &m->mail);
    test_mem_check(&t);
}

static void discarding_drops_segments(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct segment *segs[3];
    for (size_t i = 0; i < 3; i++)
        segs[i] = segment_create(&mem, 1 + i, 64);
    char *k;
    struct answer a = {
        .effect = EFFECT_JOINED, .segs = segs, .seg_count = 3, .payload = borrowed(&k, "joined")};
    struct answer *m = pack_answer(&mem, &a);
    free(k);
    assert_str(m->payload, "joined");
    assert_true(inside(&m->mail, m->payload));
    assert_true((char *)m->segs > (char *)m && (char *)(m->segs + 3) <= m->payload.p);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(m->segs[i], segs[i]);
        assert_int_equal(atomic_load(&segs[i]->refs), 1); // they move with the pointers
    }
    mail_discard(&mem, &m->mail);
    test_mem_check(&t);

    struct advance *adv = pack_plain(&mem, MAIL_ADVANCE, sizeof *adv + 2 * sizeof adv->segs[0]);
    adv->seg_count = 2;
    for (size_t i = 0; i < 2; i++)
        adv->segs[i] = (struct advance_seg){.track = 0, .seg = segment_create(&mem, 1 + i, 64)};
    mail_discard(&mem, &adv->mail);
    mail_discard(&mem, NULL);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_carry_their_strings),
        cmocka_unit_test(absent_strings_stay_absent),
        cmocka_unit_test(directs_carry_their_strings),
        cmocka_unit_test(discarding_drops_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
