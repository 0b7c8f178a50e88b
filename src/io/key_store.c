// SPDX-License-Identifier: Apache-2.0
#include "io/key_store.h"

#include "base/assert.h"
#include "io/clock.h"
#include "io/verifiers.h"

#include <stdio.h>

enum { KIDS_TEXT_MAX = 600 }; // bytes of a log line

// ---- telling

static str issuer_name(const struct key_store *ks, const struct key_origin *o)
{
    for (uint32_t i = 0; i < ks->base->issuers_n; i++)
        if (ks->base->issuers[i].url.n > 0 && &ks->origins[ks->origin_of[i]] == o)
            return ks->base->issuers[i].name;
    return STR_NONE;
}

static void tell(const struct key_store *ks, const struct key_origin *o, enum io_notice_type type,
                 uint64_t value, str text)
{
    const struct io_notice n = {.type = type,
                                .shard = IO_NO_SHARD,
                                .value = value,
                                .peer = "",
                                .name = issuer_name(ks, o),
                                .text = text};
    if (ks->hooks.io_notice)
        ks->hooks.io_notice(ks->hooks.ctx, &n);
}

static void tell_keys(const struct key_store *ks, enum io_notice_type type, const struct key_origin *o)
{
    char names[KIDS_TEXT_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < o->keys_n; i++) {
        str kid = jwk_kid(&o->keys[i]);
        if (n + kid.n + 8 > sizeof names) {
            n += (size_t)snprintf(names + n, sizeof names - n, ", ...");
            break;
        }
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", i > 0 ? ", " : "", STR_ARG(kid));
    }
    tell(ks, o, type, o->keys_n, str_make(names, n));
}

// ---- a set

const char *key_set_read(str body, struct key_set *ret)
{
    const struct jwk_wish wish = {.use = JWK_TO_VERIFY};
    struct jwk_problem problem;
    struct jwk_set set;
    struct jwk more;
    ret->n = ret->left_out = 0;
    enum err e = jwk_set_begin(body, &set, &problem);
    if (e != OK)
        return "the answer is no JWK set";
    while (ret->n < TOKEN_KEYS_FETCHED_MAX &&
           (e = jwk_set_next(&set, &wish, &ret->keys[ret->n], &problem)) == OK)
        ret->n++;
    while (e == OK && (e = jwk_set_next(&set, &wish, &more, &problem)) == OK) {
        jwk_deinit(&more);
        ret->left_out++;
    }
    if (e == ERR_NOMEM)
        return "no memory for its keys";
    return ret->n == 0 && set.passed > 0 ? "none of its keys can be used here" : NULL;
}

void key_set_clear(struct key_set *set)
{
    for (uint32_t i = 0; i < set->n; i++)
        jwk_deinit(&set->keys[i]);
    set->n = 0;
}

static bool keys_same(const struct key_origin *o, const struct key_set *set)
{
    bool same = o->keys_n == set->n;
    for (uint32_t i = 0; i < set->n && same; i++)
        same = jwk_eq(&o->keys[i], &set->keys[i]);
    return same;
}

static void keys_drop(struct key_store *ks, struct key_origin *o)
{
    for (uint32_t i = 0; i < o->keys_n; i++)
        jwk_deinit(&o->keys[i]);
    mem_free(&ks->mem, o->keys, o->keys_n * sizeof *o->keys);
    o->keys = NULL;
    o->keys_n = 0;
}

static bool keys_take(struct key_store *ks, struct key_origin *o, const struct key_set *set)
{
    struct jwk *copy = set->n > 0 ? mem_alloc(&ks->mem, set->n * sizeof *copy) : NULL;
    if (copy == NULL && set->n > 0)
        return false;
    for (uint32_t i = 0; i < set->n; i++)
        jwk_copy(&copy[i], &set->keys[i]);
    keys_drop(ks, o);
    o->keys = copy;
    o->keys_n = set->n;
    return true;
}

// ---- keyrings

static struct keyring_fetched fetched_of(const struct key_origin *o)
{
    if (o->when.known)
        return (struct keyring_fetched){.state = KEYS_FETCHED, .keys = o->keys, .keys_n = o->keys_n};
    return (struct keyring_fetched){.state = o->outdated ? KEYS_OUTDATED : KEYS_AS_THEY_ARE};
}

void key_store_publish(struct key_store *ks)
{
    struct keyring_fetched fetched[TOKEN_ISSUERS_MAX] = {{0}};
    struct keyring *made;
    for (uint32_t i = 0; i < ks->base->issuers_n; i++)
        if (ks->base->issuers[i].url.n > 0)
            fetched[i] = fetched_of(&ks->origins[ks->origin_of[i]]);
    ks->unmade = keyring_with_keys(ks->base, fetched, ks->base->generation + ++ks->made, &made) != OK;
    if (ks->unmade)
        return;
    ks->current = made->generation;
    verifiers_keys_set(ks->verifiers, made);
    keyring_unref(made);
}

// ---- what is configured

static struct key_origin *origin_find(struct key_store *ks, const struct keyring_issuer *issuer)
{
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++) {
        struct key_origin *o = &ks->origins[i];
        if (o->used && str_eq(o->url, issuer->url) && str_eq(o->ca_file, issuer->ca_file))
            return o;
    }
    return NULL;
}

static struct key_origin *origin_add(struct key_store *ks, uint64_t now_ms)
{
    struct key_origin *o = ks->origins;
    while (o->used) // there are as many as there may be issuers
        o++;
    ASSERT(o < ks->origins + TOKEN_ISSUERS_MAX);
    *o = (struct key_origin){.used = true};
    key_source_init(&o->when, now_ms);
    return o;
}

// So that there is room for the new ones.
static void origins_drop(struct key_store *ks, const struct keyring *keys)
{
    bool wanted[TOKEN_ISSUERS_MAX] = {false};
    for (uint32_t i = 0; keys != NULL && i < keys->issuers_n; i++) {
        const struct key_origin *o = keys->issuers[i].url.n > 0 ? origin_find(ks, &keys->issuers[i]) : NULL;
        if (o != NULL)
            wanted[o - ks->origins] = true;
    }
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++) {
        if (!ks->origins[i].used || wanted[i])
            continue;
        keys_drop(ks, &ks->origins[i]);
        ks->origins[i] = (struct key_origin){0};
    }
}

void key_store_fit(struct key_store *ks, struct keyring *keys, const struct key_bounds *bounds,
                   uint64_t now_ms)
{
    struct keyring *before = ks->base;
    uint32_t n = 0;
    origins_drop(ks, keys);
    for (uint32_t i = 0; keys != NULL && i < keys->issuers_n; i++) {
        const struct keyring_issuer *issuer = &keys->issuers[i];
        if (issuer->url.n == 0)
            continue;
        struct key_origin *o = origin_find(ks, issuer);
        o = o != NULL ? o : origin_add(ks, now_ms);
        o->url = issuer->url; // the old keyring's are about to go
        o->ca_file = issuer->ca_file;
        key_source_hurry(&o->when, now_ms);
        ks->origin_of[i] = (uint32_t)(o - ks->origins);
        n++;
    }
    ks->base = keys != NULL ? keyring_ref(keys) : NULL;
    ks->bounds = *bounds;
    ks->made = 0;
    ks->current = keys != NULL ? keys->generation : 0;
    ks->unmade = false;
    verifiers_keys_set(ks->verifiers, keys); // whatever comes, not the old ones
    if (n > 0)
        key_store_publish(ks);
    keyring_unref(before);
}

// ---- what comes

struct key_origin *key_store_origin(struct key_store *ks, uint64_t fetch)
{
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++)
        if (ks->origins[i].used && ks->origins[i].fetch == fetch)
            return &ks->origins[i];
    return NULL;
}

// libcurl's sentences may have what a server has said: here they are a text that may stand in JSON, whatever is in them.
static void failure_take(struct key_origin *o, const char *why)
{
    size_t n = 0;
    for (; why[n] != '\0' && n < KEY_FAILURE_MAX; n++)
        o->failure[n] = why[n] >= ' ' && why[n] <= '~' ? why[n] : '?';
    o->failure[n] = '\0';
}

void key_store_bad(struct key_store *ks, struct key_origin *o, const char *why, uint64_t now_ms,
                   uint64_t luck)
{
    o->fetch = 0;
    key_source_bad(&o->when, now_ms, luck, ++ks->stamp);
    o->results[KEY_FETCH_FAILED]++;
    o->ended_ms = now_ms;
    failure_take(o, why);
    tell(ks, o, IO_NOTICE_KEYS_FAILED, o->when.due_ms - now_ms, str_from_cstr(why));
}

static void etag_take(struct key_origin *o, const struct http_got *got)
{
    if (got->status == 304 && got->etag.n == 0) // it need not say it again
        return;
    o->etag_n = got->etag.n;
    if (got->etag.n > 0)
        memcpy(o->etag, got->etag.p, got->etag.n);
}

void key_store_good(struct key_store *ks, struct key_origin *o, const struct http_got *got,
                    const struct key_set *set, uint64_t now_ms, uint64_t luck)
{
    bool was_known = o->when.known, had_failed = o->when.failures > 0;
    if (got->status == 304 && !was_known) {
        key_store_bad(ks, o, "status 304, and nothing is known of its keys", now_ms, luck);
        return;
    }
    bool same = got->status == 304 || (was_known && keys_same(o, set));
    if (!same && !keys_take(ks, o, set)) {
        key_store_bad(ks, o, "no memory for its keys", now_ms, luck);
        return;
    }
    struct clock clock = {0};
    clock_read(&clock);
    o->fetch = 0;
    key_source_good(&o->when, &ks->bounds, now_ms, http_cache_fresh_s(&got->cache, clock.wall_ms / 1000),
                    luck, ++ks->stamp);
    o->outdated = false;
    o->results[same ? KEY_FETCH_SAME : KEY_FETCH_CHANGED]++;
    o->ended_ms = now_ms;
    o->failure[0] = '\0';
    etag_take(o, got);
    if (!same)
        key_store_publish(ks);
    if (!same || had_failed)
        tell_keys(ks, same ? IO_NOTICE_KEYS_BACK : IO_NOTICE_KEYS_CHANGED, o);
    if (got->status == 200 && set->left_out > 0)
        tell(ks, o, IO_NOTICE_KEYS_LEFT_OUT, set->left_out,
             STR("of a set the first 48 keys that can be used are taken"));
}

bool key_store_expire(struct key_store *ks, struct key_origin *o, uint64_t now_ms)
{
    if (!key_source_expire(&o->when, &ks->bounds, now_ms))
        return false;
    o->outdated = true;
    keys_drop(ks, o);
    tell(ks, o, IO_NOTICE_KEYS_OUTDATED, (now_ms - o->when.good_ms) / 1000,
         STR("they could not be fetched again"));
    return true;
}

// ---- what is asked

// The strongest of them counts: what is under way for one issuer may bring the key.
static enum key_wish stronger(enum key_wish a, enum key_wish b)
{
    if (a == KEY_WAIT || b == KEY_WAIT)
        return KEY_WAIT;
    return a == KEY_LATER || b == KEY_LATER ? KEY_LATER : KEY_LOOKED;
}

enum key_wish key_store_wish(struct key_store *ks, const struct keyring *k, uint32_t issuers, uint64_t since,
                             uint64_t now_ms, uint32_t *ret_retry_ms)
{
    enum key_wish all = KEY_LOOKED;
    uint32_t soonest_ms = UINT32_MAX;
    if (k->generation != ks->current)
        return KEY_WAIT; // others are on their way, and it will be looked at by them
    for (uint32_t i = 0; i < k->issuers_n; i++) {
        uint32_t retry_ms = UINT32_MAX;
        if ((issuers >> i & 1) == 0)
            continue;
        ASSERT(k->issuers[i].url.n > 0);
        all = stronger(all, key_source_wish(&ks->origins[ks->origin_of[i]].when, now_ms, since, &retry_ms));
        soonest_ms = retry_ms < soonest_ms ? retry_ms : soonest_ms;
    }
    *ret_retry_ms = soonest_ms;
    return all;
}

uint32_t key_store_status(const struct key_store *ks, uint32_t from, uint64_t now_ms,
                          struct key_fetch_status *ret)
{
    uint32_t at = from;
    while (ks->base != NULL && at < ks->base->issuers_n && ks->base->issuers[at].url.n == 0)
        at++;
    if (ks->base == NULL || at >= ks->base->issuers_n)
        return 0;
    const struct key_origin *o = &ks->origins[ks->origin_of[at]];
    str name = str_take(ks->base->issuers[at].name, ISSUER_NAME_MAX);
    snprintf(ret->issuer, sizeof ret->issuer, "%.*s", STR_ARG(name));
    memcpy(ret->results, o->results, sizeof ret->results);
    ret->known = o->when.known;
    ret->keys = o->keys_n;
    ret->age_ms = now_ms - o->when.good_ms;
    ret->asked = false;
    for (size_t i = 0; i < KEY_FETCH_RESULT_COUNT; i++)
        ret->asked |= o->results[i] != 0;
    ret->asked_ms = now_ms - o->ended_ms;
    ret->failures = o->when.failures;
    memcpy(ret->failure, o->failure, sizeof ret->failure);
    return at + 1;
}

// ---- life

void key_store_init(struct key_store *ks, struct mem *mem, const struct server_hooks *hooks)
{
    mem_share_init(&ks->mem, mem);
    ks->hooks = *hooks;
    ks->stamp = 1; // so that 0 is before all answers
}

void key_store_deinit(struct key_store *ks)
{
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++)
        keys_drop(ks, &ks->origins[i]);
    keyring_unref(ks->base);
    mem_share_settle(&ks->mem);
}

void key_store_check(const struct key_store *ks)
{
    bool named[TOKEN_ISSUERS_MAX] = {false};
    for (uint32_t i = 0; ks->base != NULL && i < ks->base->issuers_n; i++) {
        const struct keyring_issuer *issuer = &ks->base->issuers[i];
        const struct key_origin *o = &ks->origins[ks->origin_of[i]];
        if (issuer->url.n == 0)
            continue;
        ASSERT(o->used && str_eq(o->url, issuer->url) && str_eq(o->ca_file, issuer->ca_file)); // 1
        named[ks->origin_of[i]] = true;
    }
    for (uint32_t i = 0; i < TOKEN_ISSUERS_MAX; i++) {
        const struct key_origin *o = &ks->origins[i];
        ASSERT(o->used == named[i]);                 // 1
        ASSERT(o->keys_n <= TOKEN_KEYS_FETCHED_MAX); // 2
        ASSERT(o->keys_n == 0 || o->when.known);     // 2
        ASSERT(o->fetch == 0 || o->when.under_way);  // 3
        key_source_check(&o->when);
    }
}
