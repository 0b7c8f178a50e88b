// SPDX-License-Identifier: Apache-2.0
//
// The wire format of Protocol Buffers: what is written is read, and what is no message is refused where that is noticed.
#include "unit/support.h"
#include "unit/test_mem.h"
#include "wire/protobuf.h"
#include <stdlib.h>

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem m;
    struct buf b;
    test_mem_init(&t, &m);
    buf_init(&b, &m, 0);
    static char long_text[20000];
    memset(long_text, 'x', sizeof long_text);
    for (int shift = 0; shift < 64; shift++)
        for (int less = 0; less < 2; less++) {
            const uint64_t v = (UINT64_C(1) << shift) - (uint64_t)less;
            const uint32_t number = 1 + (uint32_t)(v % PROTOBUF_NUMBER_MAX);
            for (size_t n = 0; n < sizeof long_text; n = n * 2 + 1) {
                buf_reset(&b, 0);
                protobuf_put_uint(&b, number, v);
                const size_t at = protobuf_open(&b, number);
                protobuf_put_bytes(&b, number, str_make(long_text, n));
                protobuf_close(&b, at);
                struct protobuf_field f, in;
                const char *why;
                size_t from = 0, inner = 0;
                assert_int_equal(protobuf_next(buf_str(&b), &from, &f, &why), PROTOBUF_FIELD);
                assert_true(f.number == number && f.type == PROTOBUF_VARINT && f.value == v);
                assert_int_equal(protobuf_next(buf_str(&b), &from, &f, &why), PROTOBUF_FIELD);
                assert_true(f.number == number && f.type == PROTOBUF_BYTES);
                assert_int_equal(protobuf_next(f.raw, &inner, &in, &why), PROTOBUF_FIELD);
                assert_true(in.raw.n == n && memcmp(in.raw.p, long_text, n) == 0);
                assert_int_equal(protobuf_next(f.raw, &inner, &in, &why), PROTOBUF_END);
                assert_int_equal(protobuf_next(buf_str(&b), &from, &f, &why), PROTOBUF_END);
            }
        }
    buf_deinit(&b);
    test_mem_check(&t);
}

static void assert_broken(const char *bytes, size_t n, size_t where, const char *words)
{
    struct protobuf_field f;
    const char *why = "";
    enum protobuf_got got;
    size_t at = 0;
    char *copy = malloc(n + 1); // of exactly that size
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    while ((got = protobuf_next(str_make(copy, n), &at, &f, &why)) == PROTOBUF_FIELD)
        ;
    assert_int_equal(got, PROTOBUF_BROKEN);
    assert_string_equal(why, words);
    assert_int_equal(at, where);
    free(copy);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
#define BROKEN(bytes, where, words) assert_broken(bytes, sizeof bytes - 1, where, words)
    BROKEN("\x80", 1, "a varint is cut");
    BROKEN("\x08", 1, "a varint is cut");
    BROKEN("\x08\xff\xff", 3, "a varint is cut");
    BROKEN("\x08\x80\x00", 3, "a varint has more bytes than it needs");
    BROKEN("\x88\x00\x01", 2, "a varint has more bytes than it needs");
    BROKEN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, "a varint has more than 64 bits");
    BROKEN("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, "a varint has more than 64 bits");
    BROKEN("\x0a\x02x", 2, "a field is longer than what it is in");
    BROKEN("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "a field is longer than what it is in");
    BROKEN("\x09\x01\x02\x03", 1, "a field is longer than what it is in");
    BROKEN("\x0d\x01\x02\x03", 1, "a field is longer than what it is in");
    BROKEN("\x0b", 1, "a field is of a wire type that is not read");
    BROKEN("\x0c", 1, "a field is of a wire type that is not read");
    BROKEN("\x0e", 1, "a field is of a wire type that is not read");
    BROKEN("\x0f", 1, "a field is of a wire type that is not read");
    BROKEN("\x02\x00", 1, "a field has no number that there may be");
    BROKEN("\x80\x80\x80\x80\x10\x00", 5, "a field has no number that there may be");
#undef BROKEN
}

static void the_largest_is_read(void **state)
{
    (void)state;
    struct protobuf_field f;
    const char *why;
    size_t at = 0;
    str message = STR(
        "\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x09\x01\0\0\0\0\0\0\x80\x0d\x02\0\0\x80");
    assert_int_equal(protobuf_next(message, &at, &f, &why), PROTOBUF_FIELD);
    assert_true(f.number == PROTOBUF_NUMBER_MAX && f.value == UINT64_MAX && f.raw.n == 10);
    assert_int_equal(protobuf_next(message, &at, &f, &why), PROTOBUF_FIELD);
    assert_true(f.type == PROTOBUF_FIXED64 && f.value == (UINT64_C(1) << 63) + 1);
    assert_int_equal(protobuf_next(message, &at, &f, &why), PROTOBUF_FIELD);
    assert_true(f.type == PROTOBUF_FIXED32 && f.value == (UINT64_C(1) << 31) + 2);
    assert_int_equal(protobuf_next(message, &at, &f, &why), PROTOBUF_END);
}

// A buf that is full says so; nothing is written beyond it.
static void without_memory_nothing_is_written(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem m;
    test_mem_init(&t, &m);
    static char text[300];
    for (size_t limit = 1; limit < 400; limit++) {
        struct buf b;
        buf_init(&b, &m, limit);
        const size_t at = protobuf_open(&b, 300);
        protobuf_put_bytes(&b, 5, str_make(text, sizeof text));
        protobuf_close(&b, at);
        assert_int_equal(buf_ok(&b), limit >= 2 + 2 + 1 + 2 + sizeof text);
        buf_deinit(&b);
    }
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(the_largest_is_read),
        cmocka_unit_test(without_memory_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
