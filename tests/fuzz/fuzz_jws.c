// SPDX-License-Identifier: Apache-2.0
//
// Tokens from strangers, and tokens that are signed but say anything: refused with a sentence, or a verdict that keeps what
// core/auth/verify.h promises; the cache says the same.
//
// Input: 't' and a token; or 'h' and a header, 'p' and a payload, which are put into a token that is signed as it should be.
#include "core/auth/cache.h"
#include "dialect/dialect.h"
#include "fuzz/fuzz_mem.h"
#include "unit/jose.h"
#include "unit/wire_support.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PART_MAX = 20000, CACHE_ENTRIES = 64, CACHE_BYTES = 64 * 1024 };
#define NOW_MS UINT64_C(1795161600000)

static struct {
    struct mem mem;
    struct jwk secret;
    struct keyring *keys;
    struct token_cache *cache;
} fuzz;

// An issuer that is named and asks for an audience, and one that takes all that is signed with the secret.
static void begin(void)
{
    static const str audiences[] = {{"plenum", 6}};
    static const struct siphash_key key = {1, 2};
    fuzz_mem_init(&fuzz.mem);
    fuzz.secret = jose_secret(SECRET_64, JWA_HS256, NULL);
    struct jwk pair = jose_key(A3_KEY, JWK_TO_VERIFY, JWA_ES256, "b");
    const struct keyring_issuer issuers[] = {
        {.name = STR("main"),
         .issuer = STR("me"),
         .audiences = audiences,
         .audiences_n = 1,
         .keys = &pair,
         .keys_n = 1},
        {.name = STR("secret"), .any_audience = true, .leeway_ms = 10000, .keys = &fuzz.secret, .keys_n = 1},
        {.name = STR("named"),
         .issuer = STR("you"),
         .audiences = audiences,
         .audiences_n = 1,
         .user_claim = STR("uid"),
         .keys = &fuzz.secret,
         .keys_n = 1},
    };
    MUST(keyring_create(&fuzz.mem, issuers, 3, 1, &fuzz.keys) == OK);
    MUST(token_cache_create(&fuzz.mem, &key, CACHE_ENTRIES, CACHE_BYTES, &fuzz.cache) == OK);
    jwk_deinit(&pair);
}

static void check_verdict(const struct verified *v)
{
    struct token_refusal refusal;
    bool nobody = v->user.p == NULL || str_starts(v->user, STR("guest-"));
    MUST(v->user.p == NULL || user_name_valid(v->user));
    MUST((verified_is_somebody(v, &refusal) == OK) == !nobody);
    MUST(v->name.n == 0 || user_name_valid(v->name));
    MUST(v->info.n <= USER_INFO_MAX && (v->info.n == 0 || json_validate(v->info, NULL) == OK));
    MUST(v->caps.p == NULL || (json_kind_of(v->caps) == JSON_OBJECT && json_validate(v->caps, NULL) == OK));
    MUST(v->jti.n <= TOKEN_ID_MAX);
    MUST(v->issuer < fuzz.keys->issuers_n && str_eq(v->issuer_name, fuzz.keys->issuers[v->issuer].name));
    MUST(v->expires_ms + v->leeway_ms > NOW_MS);
    MUST(v->issued_ms <= NOW_MS + v->leeway_ms && v->not_before_ms <= NOW_MS + v->leeway_ms);
}

static void check_refusal(const struct token_refusal *r)
{
    MUST(r->rule < REFUSED_COUNT && r->rule != REFUSED_UNAVAILABLE);
    MUST(r->issuer == ISSUER_NONE || r->issuer < fuzz.keys->issuers_n);
    MUST(r->sentence.n > 0 && r->sentence.n < SENTENCE_MAX && r->sentence.z[r->sentence.n - 1] == '.');
}

static bool judge(str token)
{
    struct verified *v = NULL, *again = NULL;
    struct token_refusal refusal, refusal_again;
    enum err e = token_verify(fuzz.keys, token, NOW_MS, &fuzz.mem, &v, &refusal);
    MUST(e == OK || e == ERR_DENIED);
    for (int i = 0; i < 2; i++) { // found out, and remembered
        enum err cached =
            token_cache_verify(fuzz.cache, fuzz.keys, token, NOW_MS, &fuzz.mem, &again, &refusal_again);
        MUST(cached == e);
        if (e == OK) {
            MUST(str_eq(again->user, v->user) && str_eq(again->caps, v->caps) &&
                 again->expires_ms == v->expires_ms);
            verified_free(again, &fuzz.mem);
        } else {
            MUST(refusal_again.rule == refusal.rule &&
                 strcmp(refusal_again.sentence.z, refusal.sentence.z) == 0);
        }
    }
    if (e == OK)
        check_verdict(v);
    else
        check_refusal(&refusal);
    verified_free(e == OK ? v : NULL, &fuzz.mem);
    token_cache_check(fuzz.cache);
    return e == OK;
}

// A text that ends with a NUL.
static char *text_of(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);
    MUST(text != NULL);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (fuzz.keys == NULL)
        begin();
    if (n == 0 || n > PART_MAX)
        return 0;
    if (data[0] == 't') {
        uint8_t *copy = exact_copy(data + 1, n - 1);
        judge(str_make((const char *)copy, n - 1));
        free(copy);
        return 0;
    }
    char *text = text_of(data + 1, n - 1);
    char *token = data[0] == 'h' ? jose_token(&fuzz.secret, text, "{\"sub\":\"ada\",\"exp\":1795161700}")
                                 : jose_token(&fuzz.secret, "{\"alg\":\"HS256\"}", text);
    judge(str_from_cstr(token));
    // Without its signature it is refused, whatever it says.
    *strrchr(token, '.') = '\0';
    size_t length = strlen(token);
    token[length] = '.';
    token[length + 1] = '\0';
    MUST(!judge(str_from_cstr(token)));
    free(token);
    free(text);
    return 0;
}
