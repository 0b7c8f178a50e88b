// SPDX-License-Identifier: Apache-2.0
//
// Messages there and back, RFC 7692's own examples, and what a peer can send that is none.
#include "base/prng.h"
#include "unit/support.h"
#include "wire/deflate.h"

#include <stdlib.h>

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct inflater *in;
    struct buf out, made;
};

static void begin(struct fixture *f)
{
    test_mem_init(&f->t, &f->mem);
    buf_init(&f->out, &f->mem, 0);
    buf_init(&f->made, &f->mem, 0);
    f->in = inflater_create(&f->mem);
    assert_non_null(f->in);
}

static void end(struct fixture *f)
{
    inflater_destroy(f->in);
    buf_deinit(&f->out);
    buf_deinit(&f->made);
    test_mem_check(&f->t);
}

// In a block of its own, so that a read behind its end is seen.
static enum err inflate_after(struct fixture *f, str context, const void *p, size_t n, size_t bytes_max)
{
    char *block = malloc(n + 1);
    memcpy(block + 1, p, n);
    buf_reset(&f->out, 1 << 20);
    const enum err e = inflater_message(f->in, context, str_make(block + 1, n), bytes_max, &f->out);
    free(block);
    return e;
}

#define INFLATES(f, bytes, wanted)                                                            \
    do {                                                                                      \
        assert_int_equal(inflate_after((f), STR_NONE, (bytes), sizeof(bytes) - 1, 1000), OK); \
        assert_str(buf_str(&(f)->out), wanted);                                               \
    } while (0)
#define BREAKS(f, bytes) \
    assert_int_equal(inflate_after((f), STR_NONE, (bytes), sizeof(bytes) - 1, 1000), ERR_SYNTAX)

// --- RFC 7692 section 7.2.3

static void examples_of_the_rfc(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    INFLATES(&f, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");                         // 7.2.3.1
    INFLATES(&f, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello");         // 7.2.3.3
    INFLATES(&f, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello");                     // 7.2.3.4
    INFLATES(&f, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"); // 7.2.3.5
    assert_int_equal(inflate_after(&f, STR_NONE, "\x00", 1, 0), OK);               // 7.2.3.6
    assert_int_equal(f.out.n, 0);
    assert_int_equal(inflate_after(&f, STR("Hello"), "\xf2\x00\x11\x00\x00", 5, 1000), OK); // 7.2.3.2
    assert_str(buf_str(&f.out), "Hello");
    BREAKS(&f, "\xf2\x00\x11\x00\x00"); // the same where nothing was said before
    end(&f);
}

// --- there and back

static void fill(struct prng *dice, char *p, size_t n, uint32_t letters)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + prng_below(dice, letters));
}

static void there_and_back(struct fixture *f, struct deflater *d, str payload)
{
    buf_reset(&f->made, 1 << 20);
    BUF_PUT_LIT(&f->made, "front");
    const size_t n = deflater_message(d, &f->made, payload);
    assert_int_equal(f->made.n, 5 + n);
    assert_memory_equal(f->made.p, "front", 5);
    if (n == 0)
        return;
    assert_true(n < payload.n);
    assert_int_equal(inflate_after(f, STR_NONE, f->made.p + 5, n, payload.n), OK);
    assert_str_eq(buf_str(&f->out), payload);
    if (payload.n > 1)
        assert_int_equal(inflate_after(f, STR_NONE, f->made.p + 5, n, payload.n - 1), ERR_TOO_LARGE);
    assert_true(f->out.n <= payload.n);
}

static void what_is_deflated_comes_back(void **state)
{
    (void)state;
    struct fixture f;
    struct prng dice;
    enum { MOST = 200000 };
    char *p = malloc(MOST);
    begin(&f);
    prng_init(&dice, 7);
    for (uint8_t bits = DEFLATE_WINDOW_MIN; bits <= DEFLATE_WINDOW_MAX; bits = (uint8_t)(bits + 3)) {
        struct deflater *d = deflater_create(&f.mem, bits);
        assert_non_null(d);
        for (size_t n = 0; n <= MOST; n = n * 5 / 3 + 1) {
            fill(&dice, p, n, 3);
            there_and_back(&f, d, str_make(p, n));
            deflater_wipe(d);
            inflater_wipe(f.in);
        }
        fill(&dice, p, 5000, 2);
        there_and_back(&f, d, str_make(p, 5000));
        assert_true(f.made.n < 1500);
        deflater_destroy(d);
    }
    free(p);
    end(&f);
}

static void what_does_not_get_shorter_is_not_deflated(void **state)
{
    (void)state;
    struct fixture f;
    struct prng dice;
    char p[4000];
    begin(&f);
    prng_init(&dice, 9);
    for (size_t i = 0; i < sizeof p; i++)
        p[i] = (char)prng_below(&dice, 256);
    struct deflater *d = deflater_create(&f.mem, 15);
    for (size_t n = 0; n <= sizeof p; n += 97) {
        buf_reset(&f.made, 1 << 20);
        assert_int_equal(deflater_message(d, &f.made, str_make(p, n)), 0);
        assert_int_equal(f.made.n, 0);
        assert_true(buf_ok(&f.made));
    }
    assert_int_equal(deflater_message(d, &f.made, STR("abc")), 0);
    there_and_back(&f, d, STR("and what does is, right behind one that did not: did not, did not, did not"));
    assert_true(f.made.n > 5);
    deflater_destroy(d);
    end(&f);
}

// Its payload may lie in the buffer that it is put into, which may move.
static void a_payload_in_the_buffer_itself(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct deflater *d = deflater_create(&f.mem, 9);
    buf_reset(&f.made, 0);
    for (int i = 0; i < 100; i++)
        BUF_PUT_LIT(&f.made, "twice ");
    const size_t n = deflater_message(d, &f.made, buf_str(&f.made));
    assert_true(n != 0 && f.made.n == 600 + n);
    assert_int_equal(inflate_after(&f, STR_NONE, f.made.p + 600, n, 600), OK);
    assert_str_eq(buf_str(&f.out), str_make(f.made.p, 600));
    deflater_destroy(d);
    end(&f);
}

// --- what is none

static void each_beginning_of_a_message_breaks(void **state)
{
    (void)state;
    static const char whole[] = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
    struct fixture f;
    begin(&f);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        // Where a flush ends, a message might: the four octets behind it are a stored block's, and it is empty then
        const enum err e = inflate_after(&f, STR_NONE, whole, n, 1000);
        assert_int_equal(e, n == 4 || n == 8 ? e : ERR_SYNTAX);
        assert_int_equal(inflate_after(&f, STR_NONE, whole, sizeof whole - 1, 1000),
                         OK); // nothing is left of it
    }
    end(&f);
}

static void what_is_broken_is_told(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    BREAKS(&f, "");                                         // not even an empty block
    BREAKS(&f, "\xff\xff\xff");                             // there is no block of type 3
    BREAKS(&f, "\x00\x05\x00\x00\x00Hello\x00");            // LEN and NLEN differ
    BREAKS(&f, "\xf2\x48\xcd\xc9\xc9\x07\x00\xff\xff\xff"); // and something behind it
    BREAKS(&f, "\x00\x05\x00\xfa\xffHel");                  // a stored block that is cut
    BREAKS(&f, "\x05\xe0\x81\x08\x00\x00\x00\x00\x00\x00"); // codes that do not fit
    INFLATES(&f, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
    end(&f);
}

// A block that says it is the last one is followed by others: some, for each of them costs a beginning.
static void last_blocks_are_counted(void **state)
{
    (void)state;
    struct fixture f;
    char many[100];
    begin(&f);
    for (size_t i = 0; i + 2 <= sizeof many; i += 2) { // an empty block of fixed codes, which is the last
        many[i] = 0x03;
        many[i + 1] = 0x00;
    }
    many[32] = 0;
    assert_int_equal(inflate_after(&f, STR_NONE, many, 33, 1000), OK); // 16 of them
    assert_int_equal(f.out.n, 0);
    many[32] = 0x03;
    many[34] = 0;
    assert_int_equal(inflate_after(&f, STR_NONE, many, 35, 1000), ERR_SYNTAX);
    // What was said before one may be referred to behind it.
    static const char back[] = "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00";
    assert_int_equal(inflate_after(&f, STR_NONE, back, sizeof back - 1, 1000), OK);
    assert_str(buf_str(&f.out), "HelloHello");
    end(&f);
}

static void a_bomb_stops_at_the_cap(void **state)
{
    (void)state;
    struct fixture f;
    enum { BIG = 4 << 20, CAP = 65536 };
    char *zeros = calloc(1, BIG);
    begin(&f);
    struct deflater *d = deflater_create(&f.mem, 15);
    const size_t n = deflater_message(d, &f.made, str_make(zeros, BIG));
    assert_true(n != 0 && n < BIG / 500);
    const size_t before = f.t.bytes;
    assert_int_equal(inflate_after(&f, STR_NONE, f.made.p, n, CAP), ERR_TOO_LARGE);
    assert_int_equal(f.out.n, CAP + 1);
    assert_true(f.t.bytes - before <= 4 * CAP); // the buffer, and zlib's window
    assert_int_equal(inflate_after(&f, STR_NONE, f.made.p, n, BIG), OK);
    assert_int_equal(f.out.n, BIG);
    deflater_destroy(d);
    free(zeros);
    end(&f);
}

// Arbitrary octets: an answer, within the cap, and the next message is read.
static void noise_does_no_harm(void **state)
{
    (void)state;
    struct fixture f;
    struct prng dice;
    char p[200];
    begin(&f);
    prng_init(&dice, 3);
    for (int round = 0; round < 20000; round++) {
        const size_t n = prng_below(&dice, sizeof p);
        for (size_t i = 0; i < n; i++)
            p[i] = (char)prng_below(&dice, 256);
        const enum err e = inflate_after(&f, STR("what was said before"), p, n, 500);
        assert_true(e == OK || e == ERR_SYNTAX || e == ERR_TOO_LARGE);
        assert_true(f.out.n <= 501);
    }
    INFLATES(&f, "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello");
    end(&f);
}

// --- memory

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    static const str words = STR("what is said again is said again, and again, and again, and again");
    for (uint64_t at = 1; at < 20; at++) {
        struct test_mem t;
        struct mem mem;
        struct buf out, made;
        test_mem_init(&t, &mem);
        buf_init(&out, &mem, 0);
        buf_init(&made, &mem, 0);
        t.fail_at = at;
        struct deflater *d = deflater_create(&mem, 15);
        struct inflater *in = d != NULL ? inflater_create(&mem) : NULL;
        if (in != NULL && deflater_message(d, &made, words) != 0) {
            const enum err e = inflater_message(in, words, buf_str(&made), 1000, &out);
            assert_true(e == OK || (e == ERR_NOMEM && t.failed != 0));
        } else {
            assert_int_not_equal(t.failed, 0);
        }
        deflater_destroy(d);
        inflater_destroy(in);
        buf_deinit(&out);
        buf_deinit(&made);
        test_mem_check(&t);
        if (t.failed == 0) {
            assert_true(at > 8); // both, their tables, and two buffers
            return;
        }
    }
    fail_msg("it never came to an end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(what_is_deflated_comes_back),
        cmocka_unit_test(what_does_not_get_shorter_is_not_deflated),
        cmocka_unit_test(a_payload_in_the_buffer_itself),
        cmocka_unit_test(each_beginning_of_a_message_breaks),
        cmocka_unit_test(what_is_broken_is_told),
        cmocka_unit_test(last_blocks_are_counted),
        cmocka_unit_test(a_bomb_stops_at_the_cap),
        cmocka_unit_test(noise_does_no_harm),
        cmocka_unit_test(every_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
