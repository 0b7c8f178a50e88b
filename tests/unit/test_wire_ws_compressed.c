// SPDX-License-Identifier: Apache-2.0
//
// Frames of compressed messages (RFC 7692 section 6): where RSV1 may be set, and what is left to whoever inflates.
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/deflate.h"

enum { CAP = 100 };

struct stream {
    struct test_mem t;
    struct mem mem;
    struct buf b;
};

static void begin(struct stream *s)
{
    test_mem_init(&s->t, &s->mem);
    buf_init(&s->b, &s->mem, 0);
}

static void end(struct stream *s)
{
    buf_deinit(&s->b);
    test_mem_check(&s->t);
}

static void put(struct stream *s, uint8_t opcode, bool fin, const char *payload)
{
    ws_client_frame_encode(&s->b, opcode, fin, 0x01020304, str_from_cstr(payload));
    assert_true(buf_ok(&s->b));
}

// What is made of it, cut after the first `at` bytes.
static struct trace run(const struct stream *s, size_t at, bool deflate)
{
    struct ws_run r;
    ws_run_init(&r, CAP, false);
    if (deflate)
        ws_decoder_deflate(&r.decoder);
    ws_run_feed(&r, s->b.p, at);
    ws_decoder_check(&r.decoder);
    ws_run_feed(&r, s->b.p + at, s->b.n - at);
    ws_decoder_check(&r.decoder);
    struct trace t = r.trace;
    r.trace = (struct trace){0};
    ws_run_deinit(&r);
    return t;
}

// The same at each split.
static struct trace run_all(const struct stream *s)
{
    struct trace whole = run(s, s->b.n, true);
    for (size_t at = 0; at < s->b.n; at++) {
        struct trace cut = run(s, at, true);
        assert_true(trace_equal(&whole, &cut));
        trace_deinit(&cut);
    }
    return whole;
}

static void is(struct trace *got, struct trace *wanted)
{
    assert_true(trace_equal(got, wanted));
    trace_deinit(got);
    trace_deinit(wanted);
}

// C4: compressed, in fragments, with control frames between them, and plain ones before and behind.
static void messages_of_all_kinds(void **state)
{
    (void)state;
    struct stream s;
    begin(&s);
    put(&s, WS_TEXT, true, "plain");
    put(&s, WS_TEXT | WS_COMPRESSED, false, "\xff\xfe");
    put(&s, WS_PING, true, "p");
    put(&s, WS_CONTINUATION, false, "");
    put(&s, WS_CONTINUATION, true, "\xfd");
    put(&s, WS_BINARY | WS_COMPRESSED, true, "");
    put(&s, WS_TEXT, false, "a");
    put(&s, WS_CONTINUATION, true, "b");
    struct trace wanted = {0}, got = run_all(&s);
    trace_item(&wanted, WS_TEXT, "plain", 5);
    trace_item(&wanted, WS_PING, "p", 1);
    trace_item(&wanted, TRACE_EMPTY, NULL, 0);
    trace_item(&wanted, WS_TEXT + TRACE_COMPRESSED, "\xff\xfe\xfd", 3);
    trace_item(&wanted, WS_BINARY + TRACE_COMPRESSED, NULL, 0);
    trace_item(&wanted, WS_TEXT, "ab", 2);
    is(&got, &wanted);
    end(&s);
}

static void where_the_bit_may_be_set(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        const uint8_t opcode = first & 15;
        const bool data = opcode == WS_TEXT || opcode == WS_BINARY, fin = first & 0x80;
        const bool control = opcode == WS_CLOSE || opcode == WS_PING || opcode == WS_PONG;
        for (int deflate = 0; deflate < 2; deflate++) {
            uint8_t bytes[] = {(uint8_t)first, 0x80, 0, 0, 0, 0};
            struct ws_run r;
            ws_run_init(&r, CAP, false);
            if (deflate)
                ws_decoder_deflate(&r.decoder);
            ws_run_feed(&r, bytes, sizeof bytes);
            const bool rsv_good = (first & 0x70) == 0 || (deflate && data && (first & 0x70) == 0x40);
            assert_int_equal(r.failed, !rsv_good || !(data || (control && fin)));
            ws_run_deinit(&r);
        }
    }
}

static void not_on_a_continuation(void **state)
{
    (void)state;
    struct stream s;
    begin(&s);
    put(&s, WS_TEXT | WS_COMPRESSED, false, "a");
    put(&s, WS_CONTINUATION | WS_COMPRESSED, true, "b");
    struct trace wanted = {0}, got = run_all(&s);
    trace_item(&wanted, 0x10000u + WS_CLOSE_PROTOCOL, NULL, 0);
    is(&got, &wanted);
    end(&s);
}

// What cannot get smaller gets larger, by a little: that much more may a compressed message have.
static void the_cap_of_what_is_compressed(void **state)
{
    (void)state;
    char most[200];
    memset(most, 'x', sizeof most);
    const uint32_t bound = deflate_bound(CAP);
    for (uint32_t n = CAP; n <= bound + 1; n++)
        for (int compressed = 0; compressed < 2; compressed++) {
            struct stream s;
            begin(&s);
            most[n] = '\0';
            put(&s, (uint8_t)(WS_BINARY | (compressed ? WS_COMPRESSED : 0)), true, most);
            struct trace got = run(&s, s.b.n, true), failed = {0};
            trace_item(&failed, 0x10000u + WS_CLOSE_TOO_BIG, NULL, 0);
            assert_int_equal(trace_equal(&got, &failed), n > (compressed ? bound : CAP));
            trace_deinit(&got);
            trace_deinit(&failed);
            most[n] = 'x';
            end(&s);
        }
}

static void what_the_inflater_finds(void **state)
{
    (void)state;
    static const struct {
        enum err why;
        uint16_t code;
    } rows[] = {
        {ERR_SYNTAX, WS_CLOSE_BAD_DATA}, {ERR_UTF8, WS_CLOSE_BAD_DATA}, {ERR_TOO_LARGE, WS_CLOSE_TOO_BIG}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ws_decoder d;
        struct ws_event e;
        size_t used;
        uint8_t ping[] = {0x89, 0x80, 0, 0, 0, 0};
        ws_decoder_init(&d, CAP);
        ws_decoder_deflate(&d);
        ws_decoder_fail(&d, rows[i].why);
        ws_decoder_check(&d);
        assert_int_equal(ws_decoder_next(&d, NULL, 0, &used, &e), WS_FAIL);
        assert_int_equal(e.close_code, rows[i].code);
        assert_int_equal(ws_decoder_next(&d, ping, sizeof ping, &used, &e), WS_FAIL); // and it stays so
        assert_int_equal(e.close_code, rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_kinds),   cmocka_unit_test(where_the_bit_may_be_set),
        cmocka_unit_test(not_on_a_continuation),   cmocka_unit_test(the_cap_of_what_is_compressed),
        cmocka_unit_test(what_the_inflater_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
