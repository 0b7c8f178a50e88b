// SPDX-License-Identifier: Apache-2.0
//
// Candidates are gone through twice: for one that has a key which fits, and, where there is none, for the sentence. A token
// without `kid` may fit several keys of one issuer (an old one and a new one); all of them are tried, up to TOKEN_TRIES_MAX,
// as each costs a signature.
//
// Rejected: to try the keys of several issuers. Who an issuer is decides what a user's name means.
#include "core/auth/choose.h"

enum err refuse(struct token_refusal *r, enum refusal_rule rule, const char *text, const str *words,
                size_t words_n)
{
    r->rule = rule;
    sentence_set(&r->sentence, text, words, words_n);
    return ERR_DENIED;
}

enum err refuse_word(struct token_refusal *r, enum refusal_rule rule, const char *text, str word)
{
    return refuse(r, rule, text, &word, 1);
}

// ---- keys of one issuer

// Those for the token's algorithm whose kid is `kid` (absent: whose kid does not matter; empty: that have none).
static uint32_t keys_find(const struct keyring_issuer *issuer, str kid, enum jwa alg,
                          const struct jwk *ret[TOKEN_TRIES_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < keyring_keys_n(issuer) && n < TOKEN_TRIES_MAX; i++) {
        const struct jwk *key = &issuer->keys[i];
        if (key->alg == alg && (kid.p == NULL || str_eq(jwk_kid(key), kid)))
            ret[n++] = key;
    }
    return n;
}

static const struct jwk *key_of_name(const struct keyring_issuer *issuer, str kid)
{
    for (uint32_t i = 0; i < keyring_keys_n(issuer); i++)
        if (str_eq(jwk_kid(&issuer->keys[i]), kid))
            return &issuer->keys[i];
    return NULL;
}

static bool issuer_try(const struct keyring *k, uint32_t place, const struct jws *t, struct choice *ret)
{
    const struct keyring_issuer *issuer = &k->issuers[place];
    ret->issuer = place;
    ret->keys_n = keys_find(issuer, t->kid, t->alg, ret->keys);
    bool named = t->kid.p != NULL && key_of_name(issuer, t->kid) != NULL;
    if (ret->keys_n == 0 && t->kid.p != NULL && !named)
        ret->keys_n = keys_find(issuer, STR(""), t->alg, ret->keys);
    return ret->keys_n > 0;
}

// ---- issuers

static bool is_named(const struct keyring *k, str iss)
{
    for (uint32_t i = 0; i < k->issuers_n && iss.p != NULL; i++)
        if (k->issuers[i].issuer.p != NULL && str_eq(k->issuers[i].issuer, iss))
            return true;
    return false;
}

static bool is_candidate(const struct keyring_issuer *issuer, str iss, bool named)
{
    return named ? issuer->issuer.p != NULL && str_eq(issuer->issuer, iss) : issuer->issuer.p == NULL;
}

// It may have got a key by now that is not known here. A key that is known by the token's name, for another algorithm, is no
// reason to ask: that token is wrong.
static bool may_have(const struct keyring_issuer *issuer, const struct jws *t)
{
    return issuer->url.n > 0 && (t->kid.p == NULL || key_of_name(issuer, t->kid) == NULL);
}

// ---- why not

static enum err refuse_issuer(const struct keyring *k, str iss, struct token_refusal *r)
{
    if (k->issuers_n == 0)
        return refuse_word(r, REFUSED_ISSUER, "This server takes no tokens: % is set.",
                           STR("neither `auth.secret` nor `auth.issuers`"));
    if (iss.p == NULL)
        return refuse_word(r, REFUSED_ISSUER, "The token has no {}, and every issuer here has one.",
                           STR("iss"));
    return refuse(r, REFUSED_ISSUER, "{} is {}, which no issuer here is.", (const str[]){STR("iss"), iss}, 2);
}

// Of the first candidate, none of whose keys fits.
static enum err refuse_key(const struct keyring_issuer *issuer, const struct jws *t, struct token_refusal *r)
{
    str alg = jwa_name(t->alg);
    const struct jwk *key = t->kid.p != NULL ? key_of_name(issuer, t->kid) : NULL;
    if (issuer->waits && key == NULL)
        return refuse_word(r, REFUSED_KEY, "The keys of the issuer {} have not been fetched yet.",
                           issuer->name);
    if (keyring_keys_n(issuer) == 0)
        return refuse_word(r, REFUSED_KEY, "The issuer {} has no keys.", issuer->name);
    if (key != NULL)
        return refuse(r, REFUSED_KEY_ALGORITHM, "The token is signed with %; the key {} takes % only.",
                      (const str[]){alg, t->kid, jwa_name(key->alg)}, 3);
    if (t->kid.p != NULL && key_of_name(issuer, STR("")) == NULL)
        return refuse(r, REFUSED_KEY, "There is no key {} at the issuer {}.",
                      (const str[]){t->kid, issuer->name}, 2);
    if (keyring_keys_n(issuer) == 1)
        return refuse(r, REFUSED_KEY_ALGORITHM,
                      "The token is signed with %; the key of the issuer {} takes % only.",
                      (const str[]){alg, issuer->name, jwa_name(issuer->keys[0].alg)}, 3);
    return refuse(r, REFUSED_KEY_ALGORITHM, "The token is signed with %, for which the issuer {} has no key.",
                  (const str[]){alg, issuer->name}, 2);
}

enum err choose_keys(const struct keyring *k, str iss, const struct jws *t, struct choice *ret,
                     struct token_refusal *ret_refusal)
{
    bool named = is_named(k, iss);
    uint32_t first = ISSUER_NONE, missing = 0;
    for (uint32_t i = 0; i < k->issuers_n; i++) {
        if (!is_candidate(&k->issuers[i], iss, named))
            continue;
        if (issuer_try(k, i, t, ret)) {
            ret_refusal->issuer = i;
            return OK;
        }
        if (may_have(&k->issuers[i], t))
            missing |= UINT32_C(1) << i;
        if (first == ISSUER_NONE)
            first = i;
    }
    ret_refusal->issuer = first;
    ret_refusal->missing = missing;
    return first != ISSUER_NONE ? refuse_key(&k->issuers[first], t, ret_refusal)
                                : refuse_issuer(k, iss, ret_refusal);
}
