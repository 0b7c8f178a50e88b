// SPDX-License-Identifier: Apache-2.0
//
// What becomes of fetches, word by word and without a network: who shares a URL, what is kept over a reload, what is told, what a
// set leaves out, what is made up for when there was no memory.
#include "unit/jose.h"
#include "unit/support.h"

#include "io/key_store.h"
#include "io/verifiers.h"

static struct test_mem memory;
static struct mem m;
static struct key_store ks;
static uint32_t told[IO_NOTICE_COUNT];
static uint64_t told_value;
static char told_name[64], told_text[700];
static struct key_set set;

static void on_notice(void *ctx, const struct io_notice *n)
{
    (void)ctx;
    told[n->type]++;
    told_value = n->value;
    snprintf(told_name, sizeof told_name, "%.*s", STR_ARG(n->name));
    snprintf(told_text, sizeof told_text, "%.*s", STR_ARG(n->text));
}

static const struct key_bounds bounds = {.fresh_max_ms = 3600 * 1000, .stale_max_ms = 1000};

// Issuers of these URLs; NULL: none.
static struct keyring *ring(uint64_t generation, const char *a, const char *b, const char *c)
{
    const char *urls[] = {a, b, c};
    struct keyring_issuer issuers[3] = {{.name = STR("one")}, {.name = STR("two")}, {.name = STR("three")}};
    struct keyring *made;
    for (size_t i = 0; i < 3; i++)
        if (urls[i] != NULL) {
            issuers[i].url = str_from_cstr(urls[i]);
            issuers[i].waits = true;
        }
    assert_int_equal(keyring_create(&m, issuers, 3, generation << 32, &made), OK);
    return made;
}

static void fit(struct keyring *keys, uint64_t now_ms)
{
    key_store_fit(&ks, keys, &bounds, now_ms);
    key_store_check(&ks);
    keyring_unref(keys);
}

static struct key_origin *origin(uint32_t issuer) { return &ks.origins[ks.origin_of[issuer]]; }

static uint64_t begin(uint32_t issuer)
{
    static uint64_t numbers;
    key_source_begin(&origin(issuer)->when);
    origin(issuer)->fetch = ++numbers;
    key_store_check(&ks);
    return numbers;
}

static void good(uint32_t issuer, uint16_t status, const char *body, uint64_t now_ms)
{
    const struct http_got got = {
        .status = status, .body = str_from_cstr(body), .etag = status == 200 ? STR("\"e\"") : STR_NONE};
    assert_null(status == 200 ? key_set_read(got.body, &set) : NULL);
    key_store_good(&ks, origin(issuer), &got, &set, now_ms, 0);
    key_set_clear(&set);
    key_store_check(&ks);
}

static int setup(void **state)
{
    (void)state;
    static const struct siphash_key hash = {1, 2};
    static const struct key_wishes none = {NULL, NULL};
    const struct server_hooks hooks = {.io_notice = on_notice};
    test_mem_init(&memory, &m);
    memset(&ks, 0, sizeof ks);
    memset(told, 0, sizeof told);
    key_store_init(&ks, &m, &hooks);
    assert_int_equal(verifiers_create(&m, 1, 0, &hash, &none, NULL, NULL, &ks.verifiers), OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    verifiers_destroy(ks.verifiers);
    key_store_deinit(&ks);
    test_mem_check(&memory);
    return 0;
}

#define A "{\"keys\":[{\"kid\":\"a\"," A3_PUBLIC "}]}"
#define B "{\"keys\":[{\"kid\":\"b\"," ED_PUBLIC "},{\"kid\":\"a\"," A3_PUBLIC "}]}"

static void test_what_comes(void **state)
{
    (void)state;
    fit(ring(1, "https://x/", NULL, "https://x/"), 1000);
    assert_int_equal(ks.origin_of[0], ks.origin_of[2]);
    uint64_t first = ks.current;
    struct key_fetch_status s;
    assert_int_equal(key_store_status(&ks, 0, 1000, &s), 1);
    assert_false(s.asked); // no fetch has ended
    begin(0);
    good(0, 304, "", 1000); // of what?
    assert_int_equal(told[IO_NOTICE_KEYS_FAILED], 1);
    assert_false(origin(0)->when.known);
    begin(0);
    good(0, 200, A, 2000);
    assert_int_equal(told[IO_NOTICE_KEYS_CHANGED], 1);
    assert_string_equal(told_name, "one");
    assert_string_equal(told_text, "a");
    assert_true(ks.current > first);
    first = ks.current;
    begin(2);
    good(2, 200, A, 3000); // the same: nobody has to look at tokens anew
    begin(0);
    good(0, 304, "", 4000);
    assert_int_equal(ks.current, first);
    assert_str_eq(str_make(origin(0)->etag, origin(0)->etag_n), STR("\"e\""));
    assert_int_equal(told[IO_NOTICE_KEYS_CHANGED], 1);
    begin(0);
    key_store_bad(&ks, origin(0), "status 500", 5000, 0);
    assert_string_equal(told_text, "status 500");
    assert_int_equal(told_value, 500);
    assert_int_equal(origin(0)->keys_n, 1); // they count on
    assert_int_equal(key_store_status(&ks, 0, 5600, &s), 1);
    assert_string_equal(s.failure, "status 500");
    assert_int_equal(s.failures, 1);
    assert_int_equal(s.asked_ms, 600);
    assert_int_equal(s.age_ms, 1600); // of the keys: another clock
    begin(0);
    key_store_bad(&ks, origin(0), "M\xc3\xbcll\n\x7f", 5000, 0);
    assert_int_equal(key_store_status(&ks, 0, 5000, &s), 1);
    assert_string_equal(s.failure, "M??ll??");
    assert_int_equal(s.failures, 2);
    begin(0);
    char endless[1000];
    memset(endless, 'x', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    key_store_bad(&ks, origin(0), endless, 5000, 0);
    assert_int_equal(key_store_status(&ks, 0, 5000, &s), 1);
    assert_int_equal(strlen(s.failure), KEY_FAILURE_MAX);
    begin(0);
    good(0, 304, "", 6000);
    assert_int_equal(told[IO_NOTICE_KEYS_BACK], 1);
    begin(0);
    good(0, 200, B, 7000);
    assert_string_equal(told_text, "b, a");
    assert_true(ks.current > first);
    begin(0);
    good(0, 200, "{\"keys\":[]}", 8000); // it has none
    assert_int_equal(origin(0)->keys_n, 0);
    assert_true(origin(0)->when.known);
    static const uint64_t results[] = {3, 3, 4};
    assert_int_equal(key_store_status(&ks, 0, 9000, &s), 1);
    assert_string_equal(s.issuer, "one");
    assert_memory_equal(s.results, results, sizeof results);
    assert_int_equal(s.age_ms, 1000);
    assert_true(s.asked);
    assert_int_equal(s.asked_ms, 1000);
    assert_int_equal(s.failures, 0);
    assert_string_equal(s.failure, "");
    assert_int_equal(key_store_status(&ks, 1, 9000, &s), 3); // `two` has no URL
    assert_string_equal(s.issuer, "three");
    assert_int_equal(key_store_status(&ks, 3, 9000, &s), 0);
}

static void test_what_a_reload_keeps(void **state)
{
    (void)state;
    fit(ring(1, "https://x/", "https://y/", NULL), 1000);
    begin(0);
    good(0, 200, A, 2000);
    uint64_t late = begin(1);
    fit(ring(2, NULL, "https://x/", "https://z/"), 3000);
    assert_null(key_store_origin(&ks, late)); // what comes of it is nobody's
    assert_int_equal(origin(1)->keys_n, 1);
    assert_int_equal(origin(1)->when.due_ms, 3000); // and is fetched anew
    assert_false(origin(2)->when.known);
    assert_true(ks.current > UINT64_C(2) << 32);
    fit(ring(3, NULL, NULL, NULL), 4000);
    assert_int_equal(ks.current, UINT64_C(3) << 32);
    key_store_fit(&ks, NULL, &bounds, 5000);
    key_store_check(&ks);
    struct key_fetch_status s;
    assert_int_equal(key_store_status(&ks, 0, 9000, &s), 0);
}

static void test_the_end_of_keys(void **state)
{
    (void)state;
    fit(ring(1, "https://x/", NULL, NULL), 1000);
    begin(0);
    good(0, 200, A, 2000);
    uint64_t end_ms = origin(0)->when.fresh_until_ms + bounds.stale_max_ms;
    assert_false(key_store_expire(&ks, origin(0), end_ms - 1));
    assert_true(key_store_expire(&ks, origin(0), end_ms));
    assert_int_equal(told[IO_NOTICE_KEYS_OUTDATED], 1);
    assert_int_equal(told_value, (end_ms - 2000) / 1000);
    key_store_publish(&ks);
    key_store_check(&ks);
    assert_false(key_store_expire(&ks, origin(0), end_ms + 1));
}

static void test_more_than_are_taken(void **state)
{
    (void)state;
    enum { KEYS = 64 };
    static char body[KEYS * 400];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"keys\":[");
    for (int i = 0; i < KEYS; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "%s{\"kid\":\"a rather long name of key %d\"," ED_PUBLIC "}", i > 0 ? "," : "",
                              i);
    snprintf(body + n, sizeof body - n, "]}");
    fit(ring(1, "https://x/", NULL, NULL), 1000);
    begin(0);
    good(0, 200, body, 2000);
    assert_int_equal(origin(0)->keys_n, TOKEN_KEYS_FETCHED_MAX);
    assert_int_equal(told[IO_NOTICE_KEYS_CHANGED], 1);
    assert_int_equal(told[IO_NOTICE_KEYS_LEFT_OUT], 1);
    assert_int_equal(told_value, KEYS - TOKEN_KEYS_FETCHED_MAX);
}

static void test_what_is_no_set(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"", "the answer is no JWK set"},
        {"[]", "the answer is no JWK set"},
        {"{}", "the answer is no JWK set"},
        {"{\"keys\":{}}", "the answer is no JWK set"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "none of its keys can be used here"},
        {"{\"keys\":[" A3_PRIVATE "]}", "none of its keys can be used here"},
        {"{\"keys\":[7]}", "none of its keys can be used here"},
        {"{\"keys\":[]}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = key_set_read(str_from_cstr(rows[i].body), &set);
        if (rows[i].why == NULL)
            assert_null(why);
        else
            assert_string_equal(why, rows[i].why);
        key_set_clear(&set);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fit(ring(1, "https://x/", NULL, NULL), 1000);
    begin(0);
    assert_null(key_set_read(STR(A), &set));
    const struct http_got got = {.status = 200};
    memory.fail_from = memory.calls + 1;
    key_store_good(&ks, origin(0), &got, &set, 2000,
                   0); // there is none for the keys: as if they had not come
    assert_int_equal(told[IO_NOTICE_KEYS_FAILED], 1);
    assert_false(origin(0)->when.known);
    memory.fail_from = 0;
    begin(0);
    memory.fail_from = memory.calls + 2; // none for the keyring: it is made up for
    key_store_good(&ks, origin(0), &got, &set, 3000, 0);
    memory.fail_from = 0;
    key_set_clear(&set);
    assert_true(ks.unmade);
    uint64_t before = ks.current;
    key_store_publish(&ks);
    assert_false(ks.unmade);
    assert_true(ks.current > before);
    key_store_check(&ks);
}

static void test_wishes(void **state)
{
    (void)state;
    uint32_t retry_ms = 0;
    fit(ring(1, "https://x/", "https://y/", NULL), 1000);
    const uint64_t since = ks.stamp;
    assert_int_equal(key_store_wish(&ks, ks.base, 3, since, 1000, &retry_ms), KEY_WAIT); // both are due
    struct keyring *now = keyring_ref(ks.base);
    ks.current++; // another is on its way to who asks
    assert_int_equal(key_store_wish(&ks, now, 3, since, 1000, &retry_ms), KEY_WAIT);
    ks.current = now->generation;
    begin(0);
    key_store_bad(&ks, origin(0), "no", 1000, 0);
    assert_int_equal(key_store_wish(&ks, now, 1, since, 1000, &retry_ms), KEY_LATER);
    assert_int_equal(retry_ms, 500);
    assert_int_equal(key_store_wish(&ks, now, 3, since, 1000, &retry_ms),
                     KEY_WAIT); // the other one may have it
    begin(1);
    good(1, 200, A, 1100);
    ks.current = now->generation; // as if who asks had taken it
    assert_int_equal(key_store_wish(&ks, now, 2, since, 1100, &retry_ms), KEY_LOOKED);
    assert_int_equal(key_store_wish(&ks, now, 3, since, 1100, &retry_ms),
                     KEY_LATER); // the other one is still to be asked
    keyring_unref(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_reload_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wishes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
