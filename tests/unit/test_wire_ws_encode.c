// SPDX-License-Identifier: Apache-2.0
//
// Frame headers, close frames both ways, and a client's frames read back by the decoder.
#include "unit/support.h"
#include "unit/wire_support.h"

static void check_header(uint64_t n, const void *want, size_t want_n)
{
    uint8_t header[WS_HEADER_MAX];
    assert_int_equal(ws_header_encode(header, WS_BINARY, true, n), want_n);
    assert_memory_equal(header, want, want_n);
}

static void test_header_lengths(void **state)
{
    (void)state;
    check_header(0, "\x82\x00", 2);
    check_header(125, "\x82\x7d", 2);
    check_header(126, "\x82\x7e\x00\x7e", 4);
    check_header(65535, "\x82\x7e\xff\xff", 4);
    check_header(65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    check_header(0x0102030405060708, "\x82\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10);
    uint8_t header[WS_HEADER_MAX];
    ws_header_encode(header, WS_TEXT, false, 1);
    assert_int_equal(header[0], 0x01);
}

static void encode_long_ping(void *arg) { ws_header_encode(arg, WS_PING, true, 126); }

static void test_no_long_control_frames(void **state)
{
    (void)state;
    uint8_t header[WS_HEADER_MAX];
    assert_true(asserts(encode_long_ping, header));
}

static void test_close_encode(void **state)
{
    (void)state;
    uint8_t f[WS_CONTROL_FRAME_MAX];
    assert_int_equal(ws_close_encode(f, 1000, STR_NONE), 4);
    assert_memory_equal(f, "\x88\x02\x03\xe8", 4);
    assert_int_equal(ws_close_encode(f, 1012, STR("later")), 9);
    assert_memory_equal(f, "\x88\x07\x03\xf4later", 9);
    assert_int_equal(ws_close_encode(f, WS_CLOSE_NO_CODE, STR("ignored")), 2);
    assert_memory_equal(f, "\x88\x00", 2);
}

static void test_close_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char reason[200];
    for (size_t i = 0; i < sizeof reason; i += 2)
        memcpy(reason + i, "\xc3\xa4", 2);
    uint8_t f[WS_CONTROL_FRAME_MAX];
    size_t n = ws_close_encode(f, 1008, (str){reason, sizeof reason});
    assert_int_equal(n, 2 + 2 + 122);
    assert_int_equal(f[1], 124);
    assert_true(utf8_valid((str){(char *)f + 4, n - 4}));
}

// RFC 6455 section 7.4 with the codes registered since; every code there is.
static void test_close_codes(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool good = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                    (code >= 3000 && code < 5000);
        char payload[2] = {(char)(code >> 8), (char)code};
        uint16_t got = 0;
        str reason = STR("untouched");
        enum err e = ws_close_decode((str){payload, 2}, &got, &reason);
        assert_int_equal(e, good ? OK : ERR_SYNTAX);
        assert_int_equal(got, good ? code : 0);
        assert_int_equal(reason.n, good ? 0 : 9);
    }
}

static void test_close_payloads(void **state)
{
    (void)state;
    uint16_t code = 0;
    str reason = STR("x");
    assert_int_equal(ws_close_decode(STR_NONE, &code, &reason), OK);
    assert_int_equal(code, WS_CLOSE_NO_CODE);
    assert_int_equal(reason.n, 0);
    assert_int_equal(ws_close_decode(STR("\x03"), &code, &reason), ERR_SYNTAX);
    assert_int_equal(ws_close_decode(STR("\x03\xe8good\xe2\x82\xac"), &code, &reason), OK);
    assert_int_equal(code, 1000);
    assert_str(reason, "good\xe2\x82\xac");
    assert_int_equal(ws_close_decode(STR("\x03\xe8"
                                         "cut\xe2\x82"),
                                     &code, &reason),
                     ERR_UTF8);
    assert_int_equal(ws_close_decode(STR("\x03\xe8\xed\xa0\x80"), &code, &reason), ERR_UTF8);
}

static void test_client_frames_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 3, 125, 126, 1000, 65535, 65536};
    struct test_mem t;
    struct mem mem;
    struct buf b;
    test_mem_init(&t, &mem);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *payload = malloc(sizes[i] + 1);
        assert_non_null(payload);
        memset(payload, 'y', sizes[i]);
        buf_init(&b, &mem, 0);
        ws_client_frame_encode(&b, WS_TEXT, true, 0x89abcdef, (str){payload, sizes[i]});
        assert_true(buf_ok(&b));
        struct ws_decoder d;
        struct ws_event e;
        size_t used;
        ws_decoder_init(&d, 100000);
        assert_int_equal(ws_decoder_next(&d, (uint8_t *)b.p, b.n, &used, &e), WS_CHUNK);
        assert_true(e.first && e.last);
        assert_str_eq(e.payload, str_make(payload, sizes[i]));
        assert_int_equal(used, b.n);
        buf_deinit(&b);
        free(payload);
    }
    test_mem_restart(&t);
    t.fail_from = 1;
    buf_init(&b, &mem, 0);
    ws_client_frame_encode(&b, WS_TEXT, true, 1, STR("no memory for this"));
    assert_false(buf_ok(&b));
    buf_deinit(&b);
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_lengths),
        cmocka_unit_test(test_no_long_control_frames),
        cmocka_unit_test(test_close_encode),
        cmocka_unit_test(test_close_reason_is_cut_between_characters),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_close_payloads),
        cmocka_unit_test(test_client_frames_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
