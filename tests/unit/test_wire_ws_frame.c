// SPDX-License-Identifier: Apache-2.0
//
// The frame decoder: every stream below is fed whole, byte by byte, at every split and at every pair of splits, and must
// leave the same trace of messages, control frames and the final failure (abuse cases B1-B13).
#include "unit/support.h"
#include "unit/wire_support.h"

enum { CAP = 1000, STREAM_MAX = 4096 };

// ---- building streams

struct stream {
    uint8_t p[STREAM_MAX];
    size_t n;
};

static void put(struct stream *s, const void *p, size_t n)
{
    assert_true(n <= STREAM_MAX - s->n);
    if (n > 0)
        memcpy(s->p + s->n, p, n);
    s->n += n;
}

static void put_byte(struct stream *s, unsigned c) { put(s, &(uint8_t){(uint8_t)c}, 1); }

// A masked frame with any first byte, whose length bytes are as few as can be.
static void frame(struct stream *s, unsigned first, const void *payload, size_t n)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t header[WS_HEADER_MAX];
    size_t header_n = ws_header_encode(header, 0, false, n);
    header[0] = (uint8_t)first;
    header[1] |= 0x80;
    put(s, header, header_n);
    put(s, mask, 4);
    for (size_t i = 0; i < n; i++)
        put_byte(s, ((const uint8_t *)payload)[i] ^ mask[i & 3]);
}

#define FRAME(s, first, literal) frame((s), (first), (literal), sizeof(literal) - 1)
#define RAW(s, literal) put((s), (literal), sizeof(literal) - 1)

// ---- running them

static void run(struct ws_run *r, const struct stream *s, size_t cut1, size_t cut2, bool client)
{
    ws_run_init(r, CAP, client);
    ws_run_feed(r, s->p, cut1);
    ws_run_feed(r, s->p + cut1, cut2 - cut1);
    ws_run_feed(r, s->p + cut2, s->n - cut2);
}

static void check_trace(struct ws_run *r, const struct trace *want, size_t cut1, size_t cut2)
{
    if (!trace_equal(&r->trace, want))
        fail_msg("another trace when cut at %zu and %zu", cut1, cut2);
    ws_run_deinit(r);
}

static void check_all_cuts(const struct stream *s, const struct trace *want, bool client)
{
    struct ws_run r;
    size_t step = s->n > 150 ? s->n / 100 : 1; // pairs of splits of long streams: a sample
    for (size_t cut1 = 0; cut1 <= s->n; cut1++) {
        run(&r, s, cut1, s->n, client);
        check_trace(&r, want, cut1, s->n);
        for (size_t cut2 = cut1; cut2 <= s->n && s->n < 600; cut2 += step) {
            run(&r, s, cut1, cut2, client);
            check_trace(&r, want, cut1, cut2);
        }
    }
    ws_run_init(&r, CAP, client);
    for (size_t i = 0; i < s->n; i++)
        ws_run_feed(&r, s->p + i, 1);
    check_trace(&r, want, 1, 1);
}

static void want_fail(struct trace *t, unsigned code) { trace_item(t, 0x10000 + code, NULL, 0); }

#define WANT(t, opcode, literal) trace_item((t), (opcode), (literal), sizeof(literal) - 1)

static void check(const struct stream *s, struct trace *want)
{
    check_all_cuts(s, want, false);
    trace_deinit(want);
}

static void check_fails(const struct stream *s, unsigned code)
{
    struct trace want = {0};
    want_fail(&want, code);
    check(s, &want);
}

// ---- good streams

// RFC 6455 section 5.7.
static void test_rfc_examples_client_to_server(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    RAW(&s, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    RAW(&s, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    WANT(&want, WS_TEXT, "Hello");
    WANT(&want, WS_PONG, "Hello");
    check(&s, &want);
}

static void test_rfc_examples_server_to_client(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    RAW(&s, "\x81\x05Hello");
    RAW(&s, "\x01\x03Hel\x80\x02lo");
    RAW(&s, "\x89\x05Hello");
    RAW(&s, "\x82\x7e\x01\x00");
    uint8_t zeros[256] = {0};
    put(&s, zeros, sizeof zeros);
    WANT(&want, WS_TEXT, "Hello");
    WANT(&want, WS_TEXT, "Hello");
    WANT(&want, WS_PING, "Hello");
    trace_item(&want, WS_BINARY, zeros, sizeof zeros);
    check_all_cuts(&s, &want, true);
    trace_deinit(&want);
}

static void test_whole_message_is_one_chunk(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 127, 999, CAP};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct stream s = {0};
        char payload[CAP];
        memset(payload, 'x', sizeof payload);
        frame(&s, 0x81, payload, sizes[i]);
        struct ws_decoder d;
        struct ws_event e;
        size_t used;
        ws_decoder_init(&d, CAP);
        assert_int_equal(ws_decoder_next(&d, s.p, s.n, &used, &e), WS_CHUNK);
        assert_int_equal(used, s.n);
        assert_int_equal(e.opcode, WS_TEXT);
        assert_true(e.first && e.last);
        assert_str_eq(e.payload, str_make(payload, sizes[i]));
        assert_ptr_equal(e.payload.p, s.p + s.n - sizes[i]); // where it arrived: no copy
        assert_true(ws_decoder_idle(&d));
    }
}

static void test_fragments_with_control_frames_between(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    FRAME(&s, 0x01, "one ");
    FRAME(&s, 0x89, "ping");
    FRAME(&s, 0x00, "two ");
    FRAME(&s, 0x8a, "");
    FRAME(&s, 0x89, "");
    FRAME(&s, 0x80, "three");
    FRAME(&s, 0x82, "\x00\xff");
    FRAME(&s, 0x88,
          "\x03\xe8"
          "bye");
    WANT(&want, WS_PING, "ping");
    WANT(&want, WS_PONG, "");
    WANT(&want, WS_PING, "");
    WANT(&want, WS_TEXT, "one two three");
    WANT(&want, WS_BINARY, "\x00\xff");
    WANT(&want, WS_CLOSE,
         "\x03\xe8"
         "bye");
    check(&s, &want);
}

static void test_empty_fragments(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    FRAME(&s, 0x01, "");
    FRAME(&s, 0x00, "");
    FRAME(&s, 0x00, "a");
    FRAME(&s, 0x00, "");
    FRAME(&s, 0x80, "");
    FRAME(&s, 0x02, "");
    FRAME(&s, 0x80, "");
    FRAME(&s, 0x81, "");
    for (int i = 0; i < 3; i++)
        WANT(&want, TRACE_EMPTY, "");
    WANT(&want, WS_TEXT, "a");
    WANT(&want, TRACE_EMPTY, "");
    WANT(&want, WS_BINARY, "");
    WANT(&want, WS_TEXT, "");
    check(&s, &want);
}

static void test_characters_across_fragments(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    FRAME(&s, 0x01, "\xf0\x9f");
    FRAME(&s, 0x89, "\xff\xfe"); // a ping's payload is no text
    FRAME(&s, 0x00, "\x91");
    FRAME(&s, 0x80, "\x8b!");
    FRAME(&s, 0x81, "\xce\xba");
    WANT(&want, WS_PING, "\xff\xfe");
    WANT(&want, WS_TEXT, "\xf0\x9f\x91\x8b!");
    WANT(&want, WS_TEXT, "\xce\xba");
    check(&s, &want);
}

static void test_binary_is_not_text(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    FRAME(&s, 0x02, "\xff");
    FRAME(&s, 0x80, "\xc0\x80");
    WANT(&want, WS_BINARY, "\xff\xc0\x80");
    check(&s, &want);
}

static void test_longest_control_frame(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    char payload[CONTROL_PAYLOAD_MAX];
    memset(payload, 'p', sizeof payload);
    frame(&s, 0x89, payload, sizeof payload);
    trace_item(&want, WS_PING, payload, sizeof payload);
    check(&s, &want);
}

// ---- hostile streams

static void test_unmasked(void **state)
{
    (void)state;
    struct stream s = {0};
    RAW(&s, "\x81\x05Hello");
    check_fails(&s, 1002);
    struct stream empty = {0};
    RAW(&empty, "\x81\x00");
    check_fails(&empty, 1002);
    struct stream masked = {0};
    struct trace want = {0};
    RAW(&masked, "\x81\x80\x01\x02\x03\x04");
    want_fail(&want, 1002);
    check_all_cuts(&masked, &want, true);
    trace_deinit(&want);
}

// All 256 first bytes, with no message open and with one: exactly the RFC's are taken.
static void test_every_first_byte(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned open = 0; open < 2; open++) {
            unsigned opcode = first & 15;
            bool fin = first & 0x80;
            bool control = opcode >= 8 && opcode <= 10;
            bool good = !(first & 0x70) && ((control && fin) || (opcode == 0 && open) ||
                                            ((opcode == 1 || opcode == 2) && !open));
            struct stream s = {0};
            if (open)
                FRAME(&s, 0x01, "a");
            struct ws_run r;
            ws_run_init(&r, CAP, false);
            ws_run_feed(&r, s.p, s.n);
            // The verdict falls with the first byte already.
            ws_run_feed(&r, &(uint8_t){(uint8_t)first}, 1);
            assert_int_equal(r.failed, !good);
            ws_run_deinit(&r);
            if (good)
                continue;
            FRAME(&s, first, "");
            check_fails(&s, 1002);
        }
    }
}

static void test_lengths_that_lie(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n;
        unsigned code;
    } cases[] = {
        {"\x82\xfe\x00\x00", 4, 1002},                          // 0 in 16 bits
        {"\x82\xfe\x00\x7d", 4, 1002},                          // 125 in 16 bits
        {"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01", 10, 1002}, // 1 in 64 bits
        {"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10, 1002}, // 65,535 in 64 bits
        {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", 10, 1002}, // 2^63
        {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10, 1002}, // 2^64-1
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10, 1009}, // 2^63-1
        {"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x05", 10, 1009}, // 2^32+5: must not become 5
        {"\x82\xff\x00\x00\x00\x00\x80\x00\x00\x00", 10, 1009}, // 2^31
        {"\x82\xfe\x03\xe9", 4, 1009},                          // the cap and one
        {"\x89\xfe\x00\x7e", 2, 1002},                          // a ping of 126: known from two bytes
        {"\x88\xff\x00\x00\x00\x00\x00\x00\x00\x00", 2, 1002},
        {"\x8a\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 2, 1002},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stream s = {0};
        put(&s, cases[i].header, cases[i].n); // no mask, no payload: the verdict does not wait for them
        check_fails(&s, cases[i].code);
    }
}

static void test_message_cap_over_fragments(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    char half[CAP / 2];
    memset(half, 'h', sizeof half);
    frame(&s, 0x01, half, sizeof half);
    FRAME(&s, 0x89, "not counted");
    frame(&s, 0x00, half, sizeof half);
    RAW(&s, "\x80\x81"); // one more: refused before its mask and payload
    WANT(&want, WS_PING, "not counted");
    want_fail(&want, 1009);
    check(&s, &want);

    struct stream exact = {0};
    frame(&exact, 0x01, half, sizeof half);
    frame(&exact, 0x80, half, sizeof half);
    frame(&exact, 0x82, half, sizeof half); // and the next message begins at 0 again
    char whole[CAP];
    memset(whole, 'h', sizeof whole);
    trace_item(&want, WS_TEXT, whole, sizeof whole);
    trace_item(&want, WS_BINARY, half, sizeof half);
    check(&exact, &want);
}

static void test_endless_one_octet_fragments(void **state)
{
    (void)state;
    struct ws_run r;
    ws_run_init(&r, CAP, false);
    struct stream first = {0}, more = {0}, nothing = {0};
    FRAME(&first, 0x01, "a");
    FRAME(&more, 0x00, "b");
    FRAME(&nothing, 0x00, "");
    ws_run_feed(&r, first.p, first.n);
    for (unsigned i = 1; i < CAP; i++) {
        ws_run_feed(&r, more.p, more.n);
        ws_run_feed(&r, nothing.p, nothing.n);
        assert_false(r.failed);
    }
    assert_int_equal(r.chunks, CAP);
    assert_int_equal(r.trace.n,
                     (CAP - 1) * 2 * sizeof(uint32_t)); // each empty one is told, and is no part of it
    ws_run_feed(&r, more.p, more.n);
    assert_true(r.failed);
    ws_run_deinit(&r);
}

static void test_bad_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xff",
        "ok\xc0\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80",
        "cut \xe1\x80",
        "\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct stream s = {0};
        frame(&s, 0x81, texts[i], strlen(texts[i]));
        check_fails(&s, 1007);
        struct stream split = {0};
        struct trace want = {0};
        frame(&split, 0x01, texts[i], strlen(texts[i]) - 1);
        frame(&split, 0x80, texts[i] + strlen(texts[i]) - 1, 1);
        if (strlen(texts[i]) == 1)
            WANT(&want, TRACE_EMPTY, "");
        want_fail(&want, 1007);
        check(&split, &want);
    }
}

// 1007 at the octet, though neither frame nor message is complete.
static void test_bad_text_fails_at_once(void **state)
{
    (void)state;
    struct stream s = {0};
    FRAME(&s, 0x01, "good \xf4\x90 and much more to come");
    struct ws_run r;
    ws_run_init(&r, CAP, false);
    size_t bad = 6 + 6; // header, then "good \xf4"
    ws_run_feed(&r, s.p, bad);
    assert_false(r.failed);
    ws_run_feed(&r, s.p + bad, 1);
    assert_true(r.failed);
    ws_run_deinit(&r);
}

static void test_text_cut_off_at_the_end_of_message(void **state)
{
    (void)state;
    struct stream s = {0};
    FRAME(&s, 0x01, "\xce");
    FRAME(&s, 0x80, "");
    check_fails(&s, 1007);
    // A binary message after an unfinished character starts clean.
    struct stream t = {0};
    FRAME(&t, 0x81, "\xce\xba");
    FRAME(&t, 0x81, "\xba");
    struct trace want = {0};
    WANT(&want, WS_TEXT, "\xce\xba");
    want_fail(&want, 1007);
    check(&t, &want);
}

static void test_good_before_bad_is_delivered(void **state)
{
    (void)state;
    struct stream s = {0};
    struct trace want = {0};
    FRAME(&s, 0x81, "first");
    FRAME(&s, 0x89, "p");
    FRAME(&s, 0x83, "bad opcode");
    FRAME(&s, 0x81, "never seen");
    WANT(&want, WS_TEXT, "first");
    WANT(&want, WS_PING, "p");
    want_fail(&want, 1002);
    check(&s, &want);
}

static void test_failure_stays(void **state)
{
    (void)state;
    struct ws_decoder d;
    struct ws_event e;
    size_t used;
    uint8_t bad = 0x83;
    struct stream good = {0};
    FRAME(&good, 0x81, "good");
    ws_decoder_init(&d, CAP);
    assert_int_equal(ws_decoder_next(&d, &bad, 1, &used, &e), WS_FAIL);
    assert_int_equal(ws_decoder_next(&d, good.p, good.n, &used, &e), WS_FAIL);
    assert_int_equal(e.close_code, 1002);
    assert_int_equal(used, 0);
}

static void test_idle(void **state)
{
    (void)state;
    struct stream s = {0};
    FRAME(&s, 0x01, "ab");
    FRAME(&s, 0x80, "c");
    struct ws_decoder d;
    ws_decoder_init(&d, CAP);
    assert_true(ws_decoder_idle(&d));
    for (size_t i = 0; i < s.n; i++) {
        struct ws_event e;
        size_t used;
        (void)ws_decoder_next(&d, s.p + i, 1, &used, &e);
        assert_int_equal(ws_decoder_idle(&d), i + 1 == s.n);
    }
}

static void test_large_message_with_64_bit_length(void **state)
{
    (void)state;
    enum { N = 70000 };
    uint8_t *p = malloc(N + 14);
    assert_non_null(p);
    memset(p, 0, N + 14);
    p[0] = 0x82;
    p[1] = 0xff;
    p[7] = N >> 16;
    p[8] = (uint8_t)(N >> 8);
    p[9] = (uint8_t)(N & 0xff);
    struct ws_decoder d;
    struct ws_event e;
    size_t used;
    ws_decoder_init(&d, MESSAGE_BYTES_CEILING);
    assert_int_equal(ws_decoder_next(&d, p, N + 14, &used, &e), WS_CHUNK);
    assert_int_equal(e.payload.n, N);
    assert_true(e.last);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_examples_client_to_server),
        cmocka_unit_test(test_rfc_examples_server_to_client),
        cmocka_unit_test(test_whole_message_is_one_chunk),
        cmocka_unit_test(test_fragments_with_control_frames_between),
        cmocka_unit_test(test_empty_fragments),
        cmocka_unit_test(test_characters_across_fragments),
        cmocka_unit_test(test_binary_is_not_text),
        cmocka_unit_test(test_longest_control_frame),
        cmocka_unit_test(test_unmasked),
        cmocka_unit_test(test_every_first_byte),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_message_cap_over_fragments),
        cmocka_unit_test(test_endless_one_octet_fragments),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_bad_text_fails_at_once),
        cmocka_unit_test(test_text_cut_off_at_the_end_of_message),
        cmocka_unit_test(test_good_before_bad_is_delivered),
        cmocka_unit_test(test_failure_stays),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_large_message_with_64_bit_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
