// SPDX-License-Identifier: Apache-2.0
#include "base/codec.h"
#include "base/prng.h"
#include "unit/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

// Both codecs, on blocks that are exactly as large as the header promises, so that one byte more is found.
static bool decodes(bool url, str s, str want)
{
    size_t room = url ? s.n * 3 / 4 : s.n / 4 * 3;
    unsigned char *out = malloc(room ? room : 1);
    char *in = malloc(s.n ? s.n : 1);
    if (s.n)
        memcpy(in, s.p, s.n);
    size_t n = 4711;
    bool ok = url ? base64url_decode(str_make(in, s.n), out, &n) : base64_decode(str_make(in, s.n), out, &n);
    if (!ok)
        assert_int_equal(n, 4711);
    else
        assert_str_eq(str_make((char *)out, n), want);
    free(in);
    free(out);
    return ok;
}

static void base64_rfc4648_vectors(void **state)
{
    (void)state;
    static const struct {
        str plain, std, url;
    } cases[] = {
        // Section 10.
        {STR(""), STR(""), STR("")},
        {STR("f"), STR("Zg=="), STR("Zg")},
        {STR("fo"), STR("Zm8="), STR("Zm8")},
        {STR("foo"), STR("Zm9v"), STR("Zm9v")},
        {STR("foob"), STR("Zm9vYg=="), STR("Zm9vYg")},
        {STR("fooba"), STR("Zm9vYmE="), STR("Zm9vYmE")},
        {STR("foobar"), STR("Zm9vYmFy"), STR("Zm9vYmFy")},
        // Where the alphabets differ.
        {STR("\xfb\xff\xbf"), STR("+/+/"), STR("-_-_")},
        {STR("\xff\xfe"), STR("//4="), STR("__4")},
        // RFC 6455 section 1.3: the SHA-1 of the sample handshake.
        {STR("\xb3\x7a\x4f\x2c\xc0\x62\x4f\x16\x90\xf6\x46\x06\xcf\x38\x59\x45\xb2\xbe\xc4\xea"),
         STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), STR("s3pPLMBiTxaQ9kYGzzhZRbK-xOo")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        size_t n = base64_encode(cases[i].plain.p, cases[i].plain.n, out);
        assert_str_eq(str_make(out, n), cases[i].std);
        n = base64url_encode(cases[i].plain.p, cases[i].plain.n, out);
        assert_str_eq(str_make(out, n), cases[i].url);
        assert_true(decodes(false, cases[i].std, cases[i].plain));
        assert_true(decodes(true, cases[i].url, cases[i].plain));
    }
}

static void base64_round_trips(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 1);
    for (size_t n = 0; n < 200; n++) {
        char plain[200];
        for (size_t i = 0; i < n; i++)
            plain[i] = (char)prng_next(&g);
        char *std = malloc(4 * ((n + 2) / 3) + 1), *url = malloc((4 * n + 2) / 3 + 1);
        size_t std_n = base64_encode(plain, n, std), url_n = base64url_encode(plain, n, url);
        assert_int_equal(std_n, 4 * ((n + 2) / 3));
        assert_int_equal(url_n, (4 * n + 2) / 3);
        assert_true(decodes(false, str_make(std, std_n), str_make(plain, n)));
        assert_true(decodes(true, str_make(url, url_n), str_make(plain, n)));
        free(std);
        free(url);
    }
}

static void base64_refuses(void **state)
{
    (void)state;
    static const str std[] = {
        STR("Z"),        STR("Zg"),     STR("Zg="),   STR("Zm8"),     STR("Zm9vYg"),   STR("Zg==="),
        STR("Z==="),     STR("===="),   STR("="),     STR("=="),      STR("Zg=v"),     STR("Zg==Zg=="),
        STR("Zm8=Zm8="), STR("Zm9v\n"), STR("Zm9 "),  STR(" Zm9"),    STR("Zm\n9"),    STR("Zm-_"),
        STR("Zh=="),     STR("Zm9="),   STR("Zm\0v"), STR("Zm\xffv"), STR("Zm9v===="), STR("Zm9vZ==="),
    };
    for (size_t i = 0; i < ARRAY_LEN(std); i++)
        assert_false(decodes(false, std[i], STR_NONE));
    static const str url[] = {
        STR("Z"),   STR("Zg=="),   STR("Zm8="), STR("Zm9vY"), STR("Zm+/"),  STR("Zh"),
        STR("Zm9"), STR("Zm9v\n"), STR("Zg "),  STR("Zm\0v"), STR("Zm9v="),
    };
    for (size_t i = 0; i < ARRAY_LEN(url); i++)
        assert_false(decodes(true, url[i], STR_NONE));
}

// Strict means: what decodes is exactly what encoding gives back. All one- and two-character endings, all bytes.
static void base64_has_one_spelling(void **state)
{
    (void)state;
    unsigned good_std = 0, good_url = 0;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char s[4] = {(char)a, (char)b, '=', '='}, again[8];
            unsigned char out[3];
            size_t n;
            if (base64_decode(str_make(s, 4), out, &n)) {
                good_std++;
                assert_str_eq(str_make(again, base64_encode(out, n, again)), str_make(s, 4));
            }
            if (base64url_decode(str_make(s, 2), out, &n)) {
                good_url++;
                assert_str_eq(str_make(again, base64url_encode(out, n, again)), str_make(s, 2));
            }
            char three[4] = {'Q', (char)a, (char)b, '='};
            if (base64_decode(str_make(three, 4), out, &n)) {
                good_std++;
                assert_str_eq(str_make(again, base64_encode(out, n, again)), str_make(three, 4));
            }
            if (base64url_decode(str_make(three, 3), out, &n)) {
                good_url++;
                assert_str_eq(str_make(again, base64url_encode(out, n, again)), str_make(three, 3));
            }
        }
    }
    // 256 values of one byte; after Q the second character is free, the third has 16 values; and for base64
    // "Qx==" (four values of x) is met a second time as a three-character ending.
    assert_int_equal(good_std, 256 + 64 * 16 + 4);
    assert_int_equal(good_url, 256 + 64 * 16);
}

static void u64_matches_printf(uint64_t v)
{
    char want[24], *got = malloc(20);
    int n = snprintf(want, sizeof want, "%" PRIu64, v);
    size_t got_n = u64_encode(v, got);
    assert_str_eq(str_make(got, got_n), str_make(want, (size_t)n));
    uint64_t back = ~v;
    assert_true(str_to_u64(str_make(got, got_n), UINT64_MAX, &back));
    assert_true(back == v);
    free(got);
}

static void u64_encodes(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 20000; v++)
        u64_matches_printf(v);
    uint64_t p = 1;
    for (int i = 0; i < 20; i++, p *= 10) {
        u64_matches_printf(p - 1);
        u64_matches_printf(p);
        u64_matches_printf(p + 1);
    }
    for (int i = 0; i < 64; i++) {
        u64_matches_printf((UINT64_C(1) << i) - 1);
        u64_matches_printf(UINT64_C(1) << i);
    }
    u64_matches_printf(UINT64_MAX);
    struct prng g;
    prng_init(&g, 2);
    for (int i = 0; i < 20000; i++)
        u64_matches_printf(prng_next(&g) >> prng_below(&g, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_rfc4648_vectors),
        cmocka_unit_test(base64_round_trips),
        cmocka_unit_test(base64_refuses),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(u64_encodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
