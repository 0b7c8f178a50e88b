// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 in pieces is SHA-256 of the whole, wherever it is cut.
#include "unit/support.h"

#include "wire/digest.h"

static void in_pieces(void **state)
{
    char text[200];
    uint8_t whole[SHA256_BYTES], pieces[SHA256_BYTES];
    (void)state;
    memset(text, 'p', sizeof text);
    assert_int_equal(digest_sha256(text, sizeof text, whole), OK);
    for (size_t at = 0; at <= sizeof text; at++) {
        struct digest_run *r;
        assert_int_equal(digest_run_begin(&r), OK);
        assert_int_equal(digest_run_add(r, text, at), OK);
        assert_int_equal(digest_run_add(r, text + at, sizeof text - at), OK);
        assert_int_equal(digest_run_end(r, pieces), OK);
        digest_run_free(r);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
    digest_run_free(NULL);
}

// FIPS 180-4's example.
static void of_nothing_and_of_abc(void **state)
{
    static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    static const uint8_t nothing[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14};
    uint8_t sum[SHA256_BYTES];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct digest_run *r;
        assert_int_equal(digest_run_begin(&r), OK);
        if (i == 1)
            assert_int_equal(digest_run_add(r, "abc", 3), OK);
        assert_int_equal(digest_run_end(r, sum), OK);
        digest_run_free(r);
        assert_memory_equal(sum, i == 1 ? abc : nothing, sizeof abc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_pieces), cmocka_unit_test(of_nothing_and_of_abc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
