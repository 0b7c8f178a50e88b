// SPDX-License-Identifier: Apache-2.0
//
// The cache of verdicts: what it answers is what would have been found out, at half the price; who is pushed out by whom; what
// expires; another keyring; every allocation failing. And a long run against no cache at all.
#include "unit/support.h"

#include "base/prng.h"
#include "core/auth/cache.h"
#include "unit/jose.h"

#define NOW_MS UINT64_C(1795161600000)
#define LEEWAY_MS 10000

static const struct siphash_key key = {1, 2};
static struct test_mem memory;
static struct mem m;
static struct keyring *ring, *other_ring;
static struct jwk signer, forger;

static struct keyring *ring_of(const struct jwk *k, uint64_t generation)
{
    struct keyring *made;
    const struct keyring_issuer issuer = {
        .name = STR("main"), .any_audience = true, .leeway_ms = LEEWAY_MS, .keys = k, .keys_n = 1};
    assert_int_equal(keyring_create(&m, &issuer, 1, generation, &made), OK);
    return made;
}

static int setup(void **state)
{
    (void)state;
    test_mem_init(&memory, &m);
    signer = jose_secret(SECRET_64, JWA_HS256, "a");
    forger = jose_secret("another secret, 32 bytes at least", JWA_HS256, "a");
    ring = ring_of(&signer, 1);
    other_ring = ring_of(&forger, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jwk_deinit(&signer);
    jwk_deinit(&forger);
    keyring_unref(ring);
    keyring_unref(other_ring);
    test_mem_check(&memory);
    return 0;
}

// A token of user number n that runs out so many seconds from NOW_MS.
static char *token_of(const struct jwk *k, int n, int seconds)
{
    char payload[128];
    snprintf(payload, sizeof payload, "{\"sub\":\"user %d\",\"exp\":%llu}", n,
             (unsigned long long)(NOW_MS / 1000) + (unsigned long long)seconds);
    return jose_token(k, "{\"alg\":\"HS256\"}", payload);
}

static struct token_cache *cache_of(uint32_t entries_max, size_t bytes_max)
{
    struct token_cache *c;
    assert_int_equal(token_cache_create(&m, &key, entries_max, bytes_max, &c), OK);
    return c;
}

// -1: refused; else the number of the user. In *ret_refusal the rule.
static int ask_at(struct token_cache *c, const struct keyring *k, const char *token, uint64_t wall_ms,
                  struct token_refusal *refusal)
{
    struct verified *v;
    enum err e = token_cache_verify(c, k, str_from_cstr(token), wall_ms, &m, &v, refusal);
    token_cache_check(c);
    if (e != OK)
        return -1;
    uint64_t user;
    assert_true(str_to_u64(str_skip(v->user, 5), 1000, &user));
    verified_free(v, &m);
    return (int)user;
}

static int ask(struct token_cache *c, const char *token)
{
    struct token_refusal refusal;
    return ask_at(c, ring, token, NOW_MS, &refusal);
}

static void test_hits(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    char *token = token_of(&signer, 7, 60);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(c, token), 7);
    struct token_cache_counts n = token_cache_counts(c);
    assert_true(n.hits == 2 && n.misses == 1 && n.good == 1 && n.bad == 0 && n.bytes > 0);
    // One with another signature is another token.
    size_t end = strlen(token);
    token[end - 2] = token[end - 2] == 'A' ? 'B' : 'A';
    assert_int_equal(ask(c, token), -1);
    n = token_cache_counts(c);
    assert_true(n.hits == 2 && n.good == 1 && n.bad <= 1);
    free(token);
    token_cache_destroy(c);
    token_cache_destroy(NULL);
}

static void test_bad(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    struct token_refusal first, second;
    char *forged = token_of(&forger, 7, 60), *late = token_of(&signer, 7, -60);
    assert_int_equal(ask_at(c, ring, forged, NOW_MS, &first), -1);
    assert_int_equal(ask_at(c, ring, forged, NOW_MS + 1, &second), -1);
    assert_int_equal(first.rule, REFUSED_SIGNATURE);
    assert_int_equal(second.rule, REFUSED_SIGNATURE);
    assert_string_equal(first.sentence.z, second.sentence.z);
    assert_int_equal(first.issuer, second.issuer);
    // Refusals that cost nothing, or that may be none in a minute, are not kept.
    assert_int_equal(ask(c, late), -1);
    assert_int_equal(ask(c, late), -1);
    assert_int_equal(ask(c, "not a token"), -1);
    assert_int_equal(ask(c, ""), -1);
    struct token_cache_counts n = token_cache_counts(c);
    assert_true(n.hits == 1 && n.misses == 1 && n.good == 0 && n.bad == 1);
    free(forged);
    free(late);
    token_cache_destroy(c);
}

static void test_oldest_goes(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    char *tokens[9];
    for (int i = 0; i < 9; i++)
        tokens[i] = token_of(&signer, i, 60);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask(c, tokens[i]), i);
    assert_int_equal(ask(c, tokens[0]), 0); // a hit: now the newest
    assert_int_equal(ask(c, tokens[8]), 8); // pushes out 1
    assert_int_equal(token_cache_counts(c).good, 8);
    uint64_t hits = token_cache_counts(c).hits;
    assert_int_equal(ask(c, tokens[0]), 0);
    assert_int_equal(token_cache_counts(c).hits, hits + 1);
    assert_int_equal(ask(c, tokens[1]), 1);
    assert_int_equal(token_cache_counts(c).hits, hits + 1);
    for (int i = 0; i < 9; i++)
        free(tokens[i]);
    token_cache_destroy(c);
}

static void test_forgeries_push_out_forgeries(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(16, 1 << 16);
    char *good = token_of(&signer, 1, 60);
    assert_int_equal(ask(c, good), 1);
    for (int i = 0; i < 500; i++) {
        char *forged = token_of(&forger, i, 60);
        assert_int_equal(ask(c, forged), -1);
        free(forged);
    }
    struct token_cache_counts n = token_cache_counts(c);
    assert_true(n.good == 1 && n.bad == 2); // an eighth
    assert_int_equal(ask(c, good), 1);
    assert_int_equal(token_cache_counts(c).hits, 1);
    free(good);
    token_cache_destroy(c);
}

static void test_bytes(void **state)
{
    (void)state;
    struct verified *v;
    struct token_refusal refusal;
    char *first = token_of(&signer, 1, 60), *second = token_of(&signer, 2, 60),
         *third = token_of(&signer, 3, 60);
    assert_int_equal(token_verify(ring, str_from_cstr(first), NOW_MS, &m, &v, &refusal), OK);
    size_t bytes = v->bytes;
    verified_free(v, &m);
    struct token_cache *c = cache_of(8, 2 * bytes), *tiny = cache_of(8, bytes - 1);
    assert_int_equal(ask(c, first), 1);
    assert_int_equal(ask(c, second), 2);
    assert_int_equal(ask(c, third), 3);
    assert_int_equal(token_cache_counts(c).good, 2);
    assert_true(token_cache_counts(c).bytes == 2 * bytes);
    assert_int_equal(ask(tiny, first), 1); // fits nowhere, and is right all the same
    assert_int_equal(token_cache_counts(tiny).good, 0);
    free(first);
    free(second);
    free(third);
    token_cache_destroy(c);
    token_cache_destroy(tiny);
}

static void test_expiry(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    struct token_refusal refusal;
    char *soon = token_of(&signer, 1, 5), *later = token_of(&signer, 2, 500);
    assert_int_equal(ask(c, soon), 1);
    assert_int_equal(ask(c, later), 2);
    uint64_t end = NOW_MS + 5000 + LEEWAY_MS;
    assert_int_equal(ask_at(c, ring, soon, end - 1, &refusal), 1);
    assert_int_equal(token_cache_counts(c).good, 2);
    assert_int_equal(ask_at(c, ring, later, end, &refusal), 2); // whoever asks: what is over is gone
    assert_int_equal(token_cache_counts(c).good, 1);
    assert_int_equal(ask_at(c, ring, soon, end, &refusal), -1);
    assert_int_equal(refusal.rule, REFUSED_EXPIRED);
    assert_int_equal(token_cache_counts(c).good, 1);
    free(soon);
    free(later);
    token_cache_destroy(c);
}

// The clock is set back: a token that was good is not good yet.
static void test_clock_set_back(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    struct token_refusal refusal;
    char *token = jose_token(&signer, "{\"alg\":\"HS256\"}",
                             "{\"sub\":\"user 1\",\"nbf\":1795161600,\"exp\":1795161700}");
    assert_int_equal(ask(c, token), 1);
    assert_int_equal(ask_at(c, ring, token, NOW_MS - LEEWAY_MS, &refusal), 1);
    assert_int_equal(ask_at(c, ring, token, NOW_MS - LEEWAY_MS - 1, &refusal), -1);
    assert_int_equal(refusal.rule, REFUSED_NOT_YET);
    assert_int_equal(ask(c, token), 1);
    free(token);
    token_cache_destroy(c);
}

// What was found out with other keys counts no more, neither way.
static void test_other_keys(void **state)
{
    (void)state;
    struct token_cache *c = cache_of(8, 1 << 16);
    struct token_refusal refusal;
    char *token = token_of(&signer, 1, 60), *forged = token_of(&forger, 2, 60);
    assert_int_equal(ask(c, token), 1);
    assert_int_equal(ask(c, forged), -1);
    assert_int_equal(ask_at(c, other_ring, token, NOW_MS, &refusal), -1);
    assert_int_equal(ask_at(c, other_ring, forged, NOW_MS, &refusal), 2);
    assert_int_equal(ask(c, token), 1);
    assert_int_equal(ask(c, forged), -1);
    assert_int_equal(token_cache_counts(c).hits, 0);
    free(token);
    free(forged);
    token_cache_destroy(c);
}

// ---- every allocation fails in turn: the verdict is right or there is none, and nothing leaks

static void test_starved(void **state)
{
    (void)state;
    char *token = token_of(&signer, 1, 60), *forged = token_of(&forger, 2, 60);
    for (uint64_t at = 1, more = 1; more; at++) {
        struct token_cache *c;
        struct token_refusal refusal;
        test_mem_restart(&memory);
        memory.fail_at = at;
        enum err made = token_cache_create(&m, &key, 8, 1 << 16, &c);
        if (made == OK) {
            for (int i = 0; i < 2; i++) {
                int user = ask_at(c, ring, token, NOW_MS, &refusal);
                assert_true(user == 1 || (user == -1 && refusal.rule == REFUSED_UNAVAILABLE));
                assert_int_equal(ask_at(c, ring, forged, NOW_MS, &refusal), -1);
                assert_int_equal(refusal.rule, REFUSED_SIGNATURE);
            }
            token_cache_destroy(c);
        }
        more = memory.failed;
        memory.fail_at = 0;
    }
    free(token);
    free(forged);
}

// ---- against no cache at all

static void test_long_run(void **state)
{
    (void)state;
    enum { TOKENS = 60, STEPS = 4000 };
    char *tokens[TOKENS];
    struct prng r;
    prng_init(&r, 7519);
    for (int i = 0; i < TOKENS; i++)
        tokens[i] = token_of(prng_below(&r, 4) == 0 ? &forger : &signer, i, (int)prng_below(&r, 200));
    struct token_cache *c = cache_of(24, 24 * 400);
    uint64_t now = NOW_MS;
    const struct keyring *k = ring;
    for (int i = 0; i < STEPS; i++) {
        uint64_t dice = prng_below(&r, 1000);
        if (dice < 5)
            k = k == ring ? other_ring : ring;
        if (dice < 100)
            now += prng_below(&r, 1000);
        const char *token = tokens[prng_below(&r, TOKENS)];
        struct verified *v, *plain;
        struct token_refusal refusal, plain_refusal;
        enum err e = token_cache_verify(c, k, str_from_cstr(token), now, &m, &v, &refusal);
        enum err wanted = token_verify(k, str_from_cstr(token), now, &m, &plain, &plain_refusal);
        token_cache_check(c);
        if (e != OK && wanted != OK) { // of a forgery that has run out, too, either may be said
            assert_true(refusal.rule == plain_refusal.rule || refusal.rule == REFUSED_SIGNATURE);
            continue;
        }
        assert_int_equal(e, wanted);
        assert_str_eq(v->user, plain->user);
        assert_true(v->expires_ms == plain->expires_ms);
        verified_free(v, &m);
        verified_free(plain, &m);
    }
    assert_true(token_cache_counts(c).hits > STEPS / 10);
    token_cache_destroy(c);
    for (int i = 0; i < TOKENS; i++)
        free(tokens[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hits),           cmocka_unit_test(test_bad),
        cmocka_unit_test(test_oldest_goes),    cmocka_unit_test(test_forgeries_push_out_forgeries),
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_clock_set_back), cmocka_unit_test(test_other_keys),
        cmocka_unit_test(test_starved),        cmocka_unit_test(test_long_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
