// SPDX-License-Identifier: Apache-2.0
//
// What makes a key one of ours, whatever form it came in: it fits its algorithm, it is long enough, and it has the half that
// is wanted. Keys under which others sign are refused next door (jwk_weak.c).
#include "wire/jwk_private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

const struct jwk_curve jwk_curves[JWK_CURVES] = {
    {"P-256", "prime256v1", JWA_ES256, 32},
    {"P-384", "secp384r1", JWA_ES384, 48},
    {"P-521", "secp521r1", JWA_ES512, 66},
};

// ---- refusals

enum err jwk_refuse(struct jwk_problem *problem, enum err e, const char *got, str got_word,
                    const char *expected, str expected_word)
{
    sentence_set(&problem->got, got, &got_word, got_word.p != NULL ? 1 : 0);
    sentence_set(&problem->expected, expected, &expected_word, expected_word.p != NULL ? 1 : 0);
    return e;
}

enum err jwk_no_memory(struct jwk_problem *problem)
{
    ERR_clear_error();
    return jwk_refuse(problem, ERR_NOMEM, "no memory for a key", STR_NONE, "some kilobytes", STR_NONE);
}

// ---- the name

static enum err kid_take(const struct jwk_found *found, const struct jwk_wish *wish, struct jwk *k,
                         struct jwk_problem *problem)
{
    str kid = wish->kid.p != NULL ? wish->kid : found->kid;
    if (kid.n > JWK_KID_MAX)
        return jwk_refuse(problem, ERR_LIMIT, "a kid of more than 128 bytes", STR_NONE, "a shorter one",
                          STR_NONE);
    if (kid.n > 0)
        memcpy(k->kid, kid.p, kid.n);
    k->kid_n = (uint8_t)kid.n;
    return OK;
}

// ---- the algorithm

static bool kind_takes(enum jwa_kind kind, enum jwa alg)
{
    enum jwa_kind wanted = jwa_row(alg)->kind;
    return wanted == kind || (wanted == JWA_RSA_PSS && kind == JWA_RSA); // a plain RSA key is good for both
}

// natural: what a key of its kind is for that says nothing; of curves the only one. what: the kind, for the sentence.
static enum err alg_take(enum jwa natural, const char *what, const struct jwk_found *found,
                         const struct jwk_wish *wish, struct jwk *k, struct jwk_problem *problem)
{
    if (found->has_alg && wish->has_alg && found->alg != wish->alg)
        return jwk_refuse(problem, ERR_DENIED, "a key for %", jwa_name(found->alg), "one for %",
                          jwa_name(wish->alg));
    k->alg = found->has_alg ? found->alg : wish->has_alg ? wish->alg : natural;
    enum jwa_kind kind = jwa_row(natural)->kind;
    bool fits = kind == JWA_EC ? k->alg == natural : kind_takes(kind, k->alg);
    if (!fits)
        return jwk_refuse(problem, ERR_DENIED, "%", str_from_cstr(what), "a key for %", jwa_name(k->alg));
    return OK;
}

// ---- secrets

enum err jwk_adopt_secret(str secret, const struct jwk_found *found, const struct jwk_wish *wish,
                          struct jwk *ret, struct jwk_problem *problem)
{
    struct sentence_digits room;
    struct jwk k = {.signs = true};
    enum err e = alg_take(JWA_HS256, "a secret", found, wish, &k, problem);
    if (e != OK)
        return e;
    size_t least = jwa_row(k.alg)->hash_bytes;
    if (secret.n < least) { // RFC 7518 section 3.2
        struct sentence_digits least_room;
        sentence_set(&problem->got, "a secret of % bytes", (const str[]){sentence_number(secret.n, &room)},
                     1);
        sentence_set(&problem->expected, "one of % bytes or more for %",
                     (const str[]){sentence_number(least, &least_room), jwa_name(k.alg)}, 2);
        return ERR_LIMIT;
    }
    if (secret.n > JWK_SECRET_MAX)
        return jwk_refuse(problem, ERR_LIMIT, "a secret of % bytes", sentence_number(secret.n, &room),
                          "one of 512 bytes or less", STR_NONE);
    e = kid_take(found, wish, &k, problem);
    if (e != OK)
        return e;
    memcpy(k.secret, secret.p, secret.n);
    k.secret_n = (uint16_t)secret.n;
    *ret = k;
    OPENSSL_cleanse(k.secret, sizeof k.secret);
    return OK;
}

enum err jwk_from_secret(str secret, const struct jwk_wish *wish, struct jwk *ret,
                         struct jwk_problem *problem)
{
    return jwk_adopt_secret(secret, &(struct jwk_found){.has_private = true}, wish, ret, problem);
}

// ---- pairs

static enum err kind_refuse(struct jwk_problem *problem)
{
    return jwk_refuse(problem, ERR_UNSUPPORTED, "a key of another kind", STR_NONE,
                      "RSA, P-256, P-384, P-521 or Ed25519", STR_NONE);
}

// Of an EC key. One whose curve is given by numbers has no name, and libcrypto says so without an error; want of memory is one.
static enum err curve_find(const EVP_PKEY *pkey, enum jwa *ret, const char **ret_what,
                           struct jwk_problem *problem)
{
    char group[32] = "";
    size_t group_n = 0;
    ERR_clear_error();
    if (!EVP_PKEY_get_group_name(pkey, group, sizeof group, &group_n)) {
        const bool is_short = ERR_peek_error() != 0;
        ERR_clear_error();
        return is_short ? jwk_no_memory(problem) : kind_refuse(problem);
    }
    for (size_t i = 0; i < JWK_CURVES; i++) {
        if (strcmp(group, jwk_curves[i].name) != 0 && strcmp(group, jwk_curves[i].other_name) != 0)
            continue;
        static const char *const what[JWK_CURVES] = {"a P-256 key", "a P-384 key", "a P-521 key"};
        *ret = jwk_curves[i].alg;
        *ret_what = what[i];
        return OK;
    }
    return kind_refuse(problem);
}

// Which of ours it is, by its kind and curve. Not by EVP_PKEY_is_a, which copies the name that it looks for: without memory no key is
// of any kind, and a set of keys would be read as one without them.
static enum err kind_find(const EVP_PKEY *pkey, enum jwa *ret, const char **ret_what,
                          struct jwk_problem *problem)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        *ret = JWA_RS256;
        *ret_what = "an RSA key";
        return OK;
    case EVP_PKEY_ED25519:
        *ret = JWA_EDDSA;
        *ret_what = "an Ed25519 key";
        return OK;
    case EVP_PKEY_EC:
        return curve_find(pkey, ret, ret_what, problem);
    default:
        return kind_refuse(problem);
    }
}

static enum err half_check(const struct jwk_found *found, const struct jwk_wish *wish,
                           struct jwk_problem *problem)
{
    if (wish->use == JWK_TO_SIGN && !found->has_private)
        return jwk_refuse(problem, ERR_DENIED, "a public key", STR_NONE, "the private one, which signs",
                          STR_NONE);
    if (wish->use == JWK_TO_VERIFY && found->has_private)
        return jwk_refuse(
            problem, ERR_DENIED, "a private key", STR_NONE,
            "the public one (`openssl pkey -in FILE -pubout`): the private one stays with who signs",
            STR_NONE);
    return OK;
}

enum err jwk_adopt_pair(EVP_PKEY *pkey, const struct jwk_found *found, const struct jwk_wish *wish,
                        struct jwk *ret, struct jwk_problem *problem)
{
    enum jwa natural;
    const char *what;
    struct jwk k = {.pkey = pkey, .signs = found->has_private};
    enum err e = kind_find(pkey, &natural, &what, problem);
    if (e == OK)
        e = jwk_weak_check(pkey, jwa_row(natural)->kind, problem);
    // libcrypto works out how long signatures are when it makes a key, and makes it, too, where it had no memory for that; such a key
    // finds all of them wrong.
    if (e == OK && EVP_PKEY_get_size(pkey) <= 0)
        e = jwk_no_memory(problem);
    if (e == OK)
        e = half_check(found, wish, problem);
    if (e == OK)
        e = alg_take(natural, what, found, wish, &k, problem);
    if (e == OK)
        e = kid_take(found, wish, &k, problem);
    if (e != OK)
        EVP_PKEY_free(pkey);
    else
        *ret = k;
    return e;
}

// ---- life

enum err jwk_from_text(str text, const struct jwk_wish *wish, struct jwk *ret, struct jwk_problem *problem)
{
    size_t at = 0;
    while (at < text.n && memchr(" \t\r\n", text.p[at], 4) != NULL)
        at++;
    bool json = at < text.n && text.p[at] == '{';
    return json ? jwk_from_json(text, wish, ret, problem) : jwk_from_pem(text, wish, ret, problem);
}

void jwk_deinit(struct jwk *k)
{
    EVP_PKEY_free(k->pkey);
    OPENSSL_cleanse(k, sizeof *k);
}

void jwk_copy(struct jwk *to, const struct jwk *from)
{
    if (from->pkey != NULL) {
        int counted = EVP_PKEY_up_ref(from->pkey);
        ASSERT(counted == 1);
    }
    *to = *from;
}

bool jwk_eq(const struct jwk *a, const struct jwk *b)
{
    ASSERT(a->pkey != NULL && b->pkey != NULL);
    bool same = a->alg == b->alg && str_eq(jwk_kid(a), jwk_kid(b)) && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
    ERR_clear_error();
    return same;
}

void jwk_check(const struct jwk *k)
{
    enum jwa natural = JWA_HS256;
    const char *what;
    struct jwk_problem problem;
    bool secret = jwa_row(k->alg)->kind == JWA_HMAC;
    ASSERT((k->pkey == NULL) == secret);                                         // 1
    ASSERT(secret || k->secret_n == 0);                                          // 1
    ASSERT(!secret || (k->secret_n >= jwa_row(k->alg)->hash_bytes && k->signs)); // 2
    ASSERT(k->secret_n <= JWK_SECRET_MAX && k->kid_n <= JWK_KID_MAX);
    if (secret)
        return;
    enum err e = kind_find(k->pkey, &natural, &what, &problem);
    ASSERT(e == OK || e == ERR_NOMEM);
    ASSERT(e != OK || natural == k->alg || kind_takes(jwa_row(natural)->kind, k->alg)); // 1
    e = jwk_weak_check(k->pkey, jwa_row(k->alg)->kind, &problem);
    ASSERT(e == OK || e == ERR_NOMEM); // 3
}
