// SPDX-License-Identifier: Apache-2.0
//
// The portable form of records (docs/protocol/record.md): what goes in comes out, the bytes are those of the document, and
// what is no record is refused by its name.
#include "base/limits.h"
#include "base/prng.h"
#include "core/log/record.h"
#include "unit/support.h"

static char text[600];

static str some(struct prng *dice, size_t max)
{
    return str_make(text + prng_below(dice, 100), prng_below(dice, 3) == 0 ? 0 : prng_below(dice, max + 1));
}

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct buf b;
    struct prng dice;
};

static void fixture_init(struct fixture *f)
{
    test_mem_init(&f->t, &f->mem);
    buf_init(&f->b, &f->mem, 0);
    prng_init(&f->dice, 11);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)prng_next(&f->dice); // NULs and all
}

static void fixture_deinit(struct fixture *f)
{
    buf_deinit(&f->b);
    test_mem_check(&f->t);
}

static str encoded(struct fixture *f, const struct entry *e)
{
    buf_reset(&f->b, SIZE_MAX);
    record_encode(&f->b, e);
    assert_true(buf_ok(&f->b));
    return buf_str(&f->b);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int round = 0; round < 2000; round++) {
        struct entry e = {.type = ENTRY_MESSAGE,
                          .time_ms = prng_next(&f.dice),
                          .steady_ms = prng_next(&f.dice),
                          .user = some(&f.dice, USER_ID_MAX),
                          .session = some(&f.dice, SESSION_ID_LEN),
                          .name = some(&f.dice, USER_NAME_MAX),
                          .data = some(&f.dice, 400),
                          .key = some(&f.dice, MESSAGE_KEY_MAX)};
        if (e.key.n != 0) {
            e.key_window_ms = (uint32_t)prng_next(&f.dice);
            e.key_count = (uint32_t)prng_next(&f.dice);
        }
        if (round % 10 == 0)
            e = (struct entry){.type = ENTRY_VOID, .time_ms = e.time_ms, .steady_ms = e.steady_ms};
        str bytes = encoded(&f, &e);
        struct entry back;
        memset(&back, 0xee, sizeof back);
        assert_int_equal(record_decode(bytes, &back), RECORD_OK);
        assert_int_equal(record_type(bytes), e.type);
        assert_int_equal(record_steady(bytes), e.steady_ms);
        assert_int_equal(back.type, e.type);
        assert_int_equal(back.time_ms, e.time_ms);
        assert_int_equal(back.steady_ms, e.steady_ms);
        assert_str_eq(back.key, e.key);
        assert_int_equal(back.key_window_ms, e.key_window_ms);
        assert_int_equal(back.key_count, e.key_count);
        assert_str_eq(back.user, e.user);
        assert_str_eq(back.session, e.session);
        assert_str_eq(back.name, e.name);
        assert_str_eq(back.data, e.data);
        str last = e.key.n != 0 ? back.key : back.data;
        assert_true(last.n == 0 || last.p + last.n == bytes.p + bytes.n); // borrows, to the last byte
    }
    fixture_deinit(&f);
}

// The examples of the document: another program, on a machine of another byte order, must come to the same.
static void the_bytes_are_those_of_the_document(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {
        1,    1,    2,    3,    3,    2,    0,    0,    // version, type, lengths, nothing
        4,    0,    0,    0,                            // bytes of data
        0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // time
        0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // steady time
        'u',  '1',  's',  'e',  's',  'A',  'd',  'a',  '"', 'h',
        'i',  '"',  0xe0, 0x93, 0x04, 0,    0xe8, 0x03, 0,   0, // the key's window and count
        'k',  '7'};
    static const uint8_t nothing[] = {1,    2,    0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00,
                                      0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00};
    struct fixture f;
    fixture_init(&f);
    struct entry e = {.type = ENTRY_MESSAGE,
                      .time_ms = 1795161650176,
                      .steady_ms = 1795161650152,
                      .user = STR("u1"),
                      .session = STR("ses"),
                      .name = STR("Ada"),
                      .data = STR("\"hi\""),
                      .key = STR("k7"),
                      .key_window_ms = 300000,
                      .key_count = 1000};
    str bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof wanted);
    assert_memory_equal(bytes.p, wanted, sizeof wanted);
    e = (struct entry){.type = ENTRY_VOID, .time_ms = e.time_ms, .steady_ms = e.steady_ms};
    bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof nothing);
    assert_memory_equal(bytes.p, nothing, sizeof nothing);
    fixture_deinit(&f);
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct entry e = {.type = ENTRY_MESSAGE, .user = STR("u"), .name = STR("n"), .data = STR("123")}, back;
    fixture_init(&f);
    str good = encoded(&f, &e);
    char bytes[64];
    for (size_t n = 0; n < good.n; n++)
        assert_int_equal(record_decode(str_take(good, n), &back), RECORD_BROKEN); // cut anywhere
    memcpy(bytes, good.p, good.n);
    assert_int_equal(record_decode(str_make(bytes, good.n + 1), &back), RECORD_BROKEN);
    static const struct {
        size_t at;
        uint8_t value;
        enum record_verdict verdict;
    } cases[] = {
        {0, 0, RECORD_BROKEN},  {0, 2, RECORD_NEWER},    {0, 255, RECORD_NEWER},  {1, 0, RECORD_TYPE},
        {1, 2, RECORD_BROKEN},  {1, 3, RECORD_TYPE},     {1, 128, RECORD_TYPE},   {2, 2, RECORD_BROKEN},
        {2, 65, RECORD_BROKEN}, {3, 23, RECORD_BROKEN},  {4, 65, RECORD_BROKEN},  {5, 1, RECORD_BROKEN},
        {6, 1, RECORD_BROKEN},  {7, 255, RECORD_BROKEN}, {8, 255, RECORD_BROKEN}, {11, 255, RECORD_BROKEN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(bytes, good.p, good.n);
        bytes[cases[i].at] = (char)cases[i].value;
        assert_int_equal(record_decode(str_make(bytes, good.n), &back), cases[i].verdict);
    }
    assert_string_equal(record_verdict_text(RECORD_NEWER), "is of a newer version than this program knows");
    for (int v = RECORD_OK; v <= RECORD_BROKEN; v++)
        assert_true(strlen(record_verdict_text((enum record_verdict)v)) > 5);
    fixture_deinit(&f);
}

static void encode_passing(void *arg) { record_encode(arg, &(struct entry){.type = ENTRY_MEMBER_JOINED}); }

static void who_comes_and_goes_is_no_record(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    assert_true(asserts(encode_passing, &f.b));
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(the_bytes_are_those_of_the_document),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(who_comes_and_goes_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
