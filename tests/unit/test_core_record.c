// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"
#include "base/prng.h"
#include "core/log/record.h"
#include "unit/support.h"

static char text[600];

static str some(struct prng *dice, size_t max)
{
    return str_make(text + prng_below(dice, 100), prng_below(dice, 3) == 0 ? 0 : prng_below(dice, max + 1));
}

static void same_member(const struct member_view *a, const struct member_view *b)
{
    assert_str_eq(a->user, b->user);
    assert_str_eq(a->name, b->name);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->connected, b->connected);
    assert_int_equal(a->sessions, b->sessions);
    assert_int_equal(a->joined_at, b->joined_at);
    assert_int_equal(a->last_active, b->last_active);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct prng dice;
    prng_init(&dice, 11);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)prng_next(&dice); // NULs and all
    struct buf b;
    buf_init(&b, &mem, 0);
    for (int round = 0; round < 2000; round++) {
        struct entry e = {.type = (enum entry_type)(ENTRY_MESSAGE + round % 5), .time_ms = prng_next(&dice)};
        if (e.type == ENTRY_MESSAGE) {
            e.user = some(&dice, USER_ID_MAX);
            e.session = some(&dice, SESSION_ID_LEN);
            e.name = some(&dice, USER_NAME_MAX);
            e.data = some(&dice, 400);
        } else if (e.type == ENTRY_MEMBERS_COUNT) {
            e.count = prng_next(&dice);
        } else {
            e.previous_name = some(&dice, USER_NAME_MAX);
            e.member = (struct member_view){.user = some(&dice, USER_ID_MAX),
                                            .name = some(&dice, USER_NAME_MAX),
                                            .role = (enum role)prng_below(&dice, ROLE_OWNER + 1),
                                            .connected = prng_below(&dice, 2),
                                            .sessions = (uint32_t)prng_next(&dice),
                                            .joined_at = prng_next(&dice),
                                            .last_active = prng_next(&dice)};
        }
        buf_reset(&b, SIZE_MAX);
        record_encode(&b, &e);
        assert_true(buf_ok(&b));
        str bytes = buf_str(&b);
        struct entry back;
        memset(&back, 0xee, sizeof back);
        record_decode(bytes, &back);
        assert_int_equal(record_type(bytes), e.type);
        assert_int_equal(record_time(bytes), e.time_ms);
        assert_int_equal(back.type, e.type);
        assert_int_equal(back.time_ms, e.time_ms);
        if (e.type == ENTRY_MESSAGE) {
            assert_str_eq(back.user, e.user);
            assert_str_eq(back.session, e.session);
            assert_str_eq(back.name, e.name);
            assert_str_eq(back.data, e.data);
            assert_true(e.data.n == 0 ||
                        back.data.p + back.data.n == bytes.p + bytes.n); // borrows, to the last byte
        } else if (e.type == ENTRY_MEMBERS_COUNT) {
            assert_int_equal(back.count, e.count);
        } else {
            assert_str_eq(back.previous_name, e.previous_name);
            same_member(&back.member, &e.member);
        }
    }
    buf_deinit(&b);
    test_mem_check(&t);
}

static void decode_short(void *arg)
{
    struct entry e;
    record_decode(*(str *)arg, &e);
}

static void a_cut_record_is_our_mistake(void **state)
{
    (void)state;
    str cut = STR("short");
    assert_true(asserts(decode_short, &cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(a_cut_record_is_our_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
