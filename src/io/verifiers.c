// SPDX-License-Identifier: Apache-2.0
#include "io/verifiers.h"

#include "base/assert.h"
#include "base/limits.h"
#include "io/helper.h"

#include <stdatomic.h>

struct hand {
    struct verifiers *all;
    struct helper *helper;
    struct mem mem; // its thread's share
    struct verifier verifier;
    _Atomic(struct keyring *) next; // keys that it has not taken yet, and is to;
    _Atomic bool none;              // or that there are none
};

struct verifiers {
    struct mem *mem;
    uint32_t shard_count, n;
    void (*answered)(void *ctx, uint32_t shard);
    void *ctx;
    struct hand hands[VERIFIERS_MAX];
};

static void take_keys(struct hand *h)
{
    if (atomic_load_explicit(&h->none, memory_order_relaxed) && atomic_exchange(&h->none, false))
        verifier_keys_set(&h->verifier, NULL);
    if (atomic_load_explicit(&h->next, memory_order_relaxed) == NULL)
        return;
    struct keyring *keys = atomic_exchange(&h->next, NULL);
    if (keys != NULL)
        verifier_keys_set(&h->verifier, keys);
}

static struct mail *work(void *ctx, uint32_t lane, struct mail *job)
{
    struct hand *h = ctx;
    (void)lane;
    take_keys(h);
    return verifier_work(&h->verifier, job);
}

static void on_called(void *ctx)
{
    struct hand *h = ctx;
    take_keys(h);
    verifier_look_again(&h->verifier);
    for (struct mail *m; (m = verifier_pull(&h->verifier)) != NULL;)
        helper_answer(h->helper, ((const struct verdict_mail *)(const void *)m)->conn.shard, m);
}

static void on_answered(void *ctx, uint32_t lane)
{
    const struct hand *h = ctx;
    h->all->answered(h->all->ctx, lane);
}

static const struct helper_kind kind = {.name = "verifier",
                                        .yields = true,
                                        .credits = VERIFIER_JOBS,
                                        .work = work,
                                        .answers = true,
                                        .answered = on_answered,
                                        .called = on_called};

enum err verifiers_create(struct mem *mem, uint32_t shard_count, uint32_t n,
                          const struct siphash_key *hash_key, const struct key_wishes *wishes,
                          void (*answered)(void *ctx, uint32_t shard), void *ctx, struct verifiers **ret)
{
    ASSERT(n <= VERIFIERS_MAX);
    struct verifiers *vs = mem_zalloc(mem, sizeof *vs);
    if (vs == NULL)
        return ERR_NOMEM;
    vs->mem = mem;
    vs->shard_count = shard_count;
    vs->answered = answered;
    vs->ctx = ctx;
    enum err e = OK;
    for (; vs->n < n && e == OK; vs->n += e == OK) {
        struct hand *h = &vs->hands[vs->n];
        h->all = vs;
        mem_share_init(&h->mem, mem);
        verifier_init(&h->verifier, &h->mem, hash_key);
        h->verifier.wishes = *wishes;
        e = helper_create(&kind, h, shard_count, mem, &h->helper);
    }
    if (e != OK) {
        verifiers_destroy(vs);
        return e;
    }
    *ret = vs;
    return OK;
}

enum err verifiers_start(struct verifiers *vs)
{
    enum err e = OK;
    for (uint32_t i = 0; i < vs->n && e == OK; i++)
        e = helper_start(vs->hands[i].helper);
    return e;
}

void verifiers_keys_set(struct verifiers *vs, struct keyring *keys)
{
    for (uint32_t i = 0; i < vs->n; i++) {
        struct hand *h = &vs->hands[i];
        if (keys != NULL)
            (void)keyring_ref(keys);
        atomic_store(&h->none, keys == NULL);
        keyring_unref(atomic_exchange(&h->next, keys));
    }
}

void verifiers_look(struct verifiers *vs)
{
    for (uint32_t i = 0; i < vs->n; i++)
        helper_call(vs->hands[i].helper);
}

static void hand_end(struct hand *h, uint32_t shard_count)
{
    bool stopped = helper_stop(h->helper, UINT32_MAX / 2);
    ASSERT(stopped); // its work is arithmetic
    for (struct mail *m; (m = verifier_give_up(&h->verifier)) != NULL;)
        helper_answer(h->helper, ((const struct token_mail *)(const void *)m)->conn.shard, m);
    for (uint32_t shard = 0; shard < shard_count; shard++)
        for (struct mail *m; (m = helper_pull(h->helper, shard)) != NULL;)
            mail_discard(&h->mem, m);
    helper_destroy(h->helper);
    keyring_unref(atomic_exchange(&h->next, NULL));
    verifier_deinit(&h->verifier);
    mem_share_settle(&h->mem);
}

void verifiers_destroy(struct verifiers *vs)
{
    if (vs == NULL)
        return;
    for (uint32_t i = 0; i < vs->n; i++)
        hand_end(&vs->hands[i], vs->shard_count);
    mem_free(vs->mem, vs, sizeof *vs);
}

uint32_t verifiers_waiting(const struct verifiers *vs, uint32_t which)
{
    return helper_waiting(vs->hands[which].helper);
}

uint32_t verifiers_room(struct verifiers *vs, uint32_t which, uint32_t shard)
{
    return helper_room(vs->hands[which].helper, shard);
}

void verifiers_push(struct verifiers *vs, uint32_t which, uint32_t shard, struct mail *job)
{
    helper_push(vs->hands[which].helper, shard, job);
}

struct mail *verifiers_pull(struct verifiers *vs, uint32_t which, uint32_t shard)
{
    return helper_pull(vs->hands[which].helper, shard);
}
