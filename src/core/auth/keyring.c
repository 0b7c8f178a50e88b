// SPDX-License-Identifier: Apache-2.0
//
// One block: the ring, its issuers, all keys, all audiences, all texts, one behind the other. It is measured first and filled
// then; the same walk does both, so that they cannot disagree.
//
//     [keyring][issuer][issuer][key][key][key][str][str] texts
#include "core/auth/keyring.h"

#include "base/assert.h"

struct sizes {
    size_t keys, audiences, text;
};

static struct sizes measure(const struct keyring_issuer *issuers, uint32_t n)
{
    struct sizes s = {0};
    for (uint32_t i = 0; i < n; i++) {
        const struct keyring_issuer *from = &issuers[i];
        ASSERT(from->fetched_n <= TOKEN_KEYS_FETCHED_MAX);
        ASSERT(keyring_keys_n(from) <= TOKEN_KEYS_MAX);
        ASSERT(from->audiences_n <= TOKEN_AUDIENCES_MAX);
        s.keys += keyring_keys_n(from);
        s.audiences += from->audiences_n;
        s.text += from->name.n + from->issuer.n + from->user_claim.n + from->url.n + from->ca_file.n;
        for (uint32_t a = 0; a < from->audiences_n; a++)
            s.text += from->audiences[a].n;
    }
    return s;
}

struct filler {
    struct jwk *keys;
    str *audiences;
    char *text;
};

// An absent string stays absent.
static str text_put(struct filler *f, str s)
{
    if (s.p == NULL)
        return STR_NONE;
    str put = {f->text, s.n};
    if (s.n > 0)
        memcpy(f->text, s.p, s.n);
    f->text += s.n;
    return put;
}

static void issuer_put(struct filler *f, const struct keyring_issuer *from, struct keyring_issuer *to)
{
    *to = *from;
    to->name = text_put(f, from->name);
    to->issuer = text_put(f, from->issuer);
    to->url = text_put(f, from->url);
    to->ca_file = text_put(f, from->ca_file);
    to->user_claim = from->user_claim.n > 0 ? text_put(f, from->user_claim) : STR("sub");
    to->audiences = f->audiences;
    for (uint32_t a = 0; a < from->audiences_n; a++)
        *f->audiences++ = text_put(f, from->audiences[a]);
    to->keys = f->keys;
    for (uint32_t k = 0; k < from->keys_n; k++)
        jwk_copy(f->keys++, &from->keys[k]);
    to->fetched = f->keys;
    for (uint32_t k = 0; k < from->fetched_n; k++)
        jwk_copy(f->keys++, &from->fetched[k]);
}

enum err keyring_create(struct mem *m, const struct keyring_issuer *issuers, uint32_t issuers_n,
                        uint64_t generation, struct keyring **ret)
{
    ASSERT(issuers_n <= TOKEN_ISSUERS_MAX);
    struct sizes s = measure(issuers, issuers_n);
    size_t bytes = sizeof(struct keyring) + issuers_n * sizeof(struct keyring_issuer) +
                   s.keys * sizeof(struct jwk) + s.audiences * sizeof(str) + s.text;
    struct keyring *k = mem_zalloc(m, bytes);
    if (k == NULL)
        return ERR_NOMEM;
    struct keyring_issuer *to = (struct keyring_issuer *)(k + 1);
    struct filler f = {.keys = (struct jwk *)(to + issuers_n)};
    f.audiences = (str *)(f.keys + s.keys);
    f.text = (char *)(f.audiences + s.audiences);
    k->mem = m;
    k->refs = 1;
    k->issuers_n = issuers_n;
    k->generation = generation;
    k->bytes = bytes;
    k->issuers = to;
    for (uint32_t i = 0; i < issuers_n; i++)
        issuer_put(&f, &issuers[i], &to[i]);
    ASSERT(f.text == (char *)k + bytes);
    *ret = k;
    return OK;
}

enum err keyring_with_keys(const struct keyring *k, const struct keyring_fetched *fetched,
                           uint64_t generation, struct keyring **ret)
{
    struct keyring_issuer issuers[TOKEN_ISSUERS_MAX];
    ASSERT(generation != k->generation);
    memcpy(issuers, k->issuers, k->issuers_n * sizeof issuers[0]);
    for (uint32_t i = 0; i < k->issuers_n; i++) {
        if (fetched[i].state == KEYS_AS_THEY_ARE)
            continue;
        ASSERT(issuers[i].url.n > 0);
        issuers[i].fetched = fetched[i].keys;
        issuers[i].fetched_n = fetched[i].state == KEYS_FETCHED ? fetched[i].keys_n : 0;
        issuers[i].waits = fetched[i].state == KEYS_OUTDATED;
    }
    return keyring_create(k->mem, issuers, k->issuers_n, generation, ret);
}

struct keyring *keyring_ref(struct keyring *k)
{
    uint32_t before = atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    ASSERT(before >= 1);
    return k;
}

void keyring_unref(struct keyring *k)
{
    if (k == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel);
    ASSERT(before >= 1);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < k->issuers_n; i++)
        for (uint32_t n = 0; n < keyring_keys_n(&k->issuers[i]); n++)
            jwk_deinit((struct jwk *)&k->issuers[i].keys[n]); // ours: nobody else sees it any more
    mem_free(k->mem, k, k->bytes);
}

static void issuer_check(const struct keyring *k, uint32_t place)
{
    const struct keyring_issuer *issuer = &k->issuers[place];
    ASSERT(issuer->name.n > 0);                         // 2
    ASSERT(issuer->user_claim.n > 0);                   // 2
    ASSERT(keyring_keys_n(issuer) <= TOKEN_KEYS_MAX);   // 2
    ASSERT(issuer->audiences_n <= TOKEN_AUDIENCES_MAX); // 2
    for (uint32_t i = 0; i < place; i++)
        ASSERT(!str_eq(k->issuers[i].name, issuer->name));                   // 1
    ASSERT(issuer->fetched_n <= TOKEN_KEYS_FETCHED_MAX);                     // 4
    ASSERT(issuer->fetched == issuer->keys + issuer->keys_n);                // 4
    ASSERT(issuer->url.n > 0 || (!issuer->waits && issuer->fetched_n == 0)); // 5
    for (uint32_t i = 0; i < keyring_keys_n(issuer); i++)
        jwk_check(&issuer->keys[i]); // 3
}

void keyring_check(const struct keyring *k)
{
    ASSERT(k->refs >= 1);                      // 1
    ASSERT(k->issuers_n <= TOKEN_ISSUERS_MAX); // 1
    for (uint32_t i = 0; i < k->issuers_n; i++)
        issuer_check(k, i);
}
