// SPDX-License-Identifier: Apache-2.0
#include "core/common/tenant.h"

_Static_assert(sizeof(struct bucket) == sizeof(uint64_t), "a bucket is moved as one word");

bool tenant_name_valid(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.';
        if (!word)
            return false;
    }
    return name.n >= 1 && name.n <= TENANT_NAME_MAX;
}

bool tenant_prefix_valid(str prefix)
{
    return prefix.n >= 2 && prefix.p[prefix.n - 1] == ':' &&
           tenant_name_valid(str_take(prefix, prefix.n - 1));
}

uint8_t tenant_of(const struct tenant *tenants, size_t n, str name)
{
    ASSERT(n <= TENANTS_MAX);
    for (size_t i = 0; i < n; i++)
        if (str_starts(name, tenants[i].prefix))
            return (uint8_t)(i + 1);
    return TENANT_NONE;
}

uint8_t tenant_find(const struct tenant *tenants, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, tenants[i].name))
            return (uint8_t)(i + 1);
    return TENANT_NONE;
}

uint8_t tenant_of_issuer(const struct tenant *tenants, size_t n, str issuer)
{
    for (size_t i = 0; i < n; i++)
        if (issuer.n != 0 && str_eq(issuer, tenants[i].issuer))
            return (uint8_t)(i + 1);
    return TENANT_NONE;
}

// --- budgets

static uint64_t bucket_word(struct bucket b)
{
    uint64_t word;
    memcpy(&word, &b, sizeof word);
    return word;
}

static struct bucket bucket_of_word(uint64_t word)
{
    struct bucket b;
    memcpy(&b, &word, sizeof b);
    return b;
}

void tenant_budgets_init(struct tenant_budget *budgets, const struct tenant *tenants, size_t n,
                         struct mem *source)
{
    ASSERT(n <= TENANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct tenant_budget *b = &budgets[i];
        mem_part_init(&b->mem, source, tenants[i].memory_max);
        atomic_init(&b->connections, 0);
        atomic_init(&b->rooms, 0);
        atomic_init(&b->messages, bucket_word(bucket_make(&tenants[i].messages, 0)));
    }
}

void tenant_budgets_set(struct tenant_budget *budgets, const struct tenant *tenants, size_t n)
{
    for (size_t i = 0; i < n; i++)
        budgets[i].mem.bytes_max = tenants[i].memory_max;
}

bool tenant_take(_Atomic uint32_t *used, uint32_t max)
{
    uint32_t n = atomic_load_explicit(used, memory_order_relaxed);
    do {
        if (max != 0 && n >= max)
            return false;
    } while (
        !atomic_compare_exchange_weak_explicit(used, &n, n + 1, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void tenant_give_back(_Atomic uint32_t *used)
{
    uint32_t before = atomic_fetch_sub_explicit(used, 1, memory_order_relaxed);
    ASSERT(before != 0);
}

// Shards' nows are a moment apart: who is behind finds the bucket as it was left.
uint32_t tenant_say(struct tenant_budget *b, const struct rate *rate, uint32_t tokens, uint64_t now_ms)
{
    ASSERT(tokens != 0);
    if (rate->per_s == 0)
        return 0;
    uint64_t word = atomic_load_explicit(&b->messages, memory_order_relaxed), next;
    uint32_t wait_ms;
    do {
        struct bucket bucket = bucket_of_word(word);
        bool later = (int32_t)((uint32_t)now_ms - bucket.at_ms) > 0;
        bucket_fill(&bucket, rate, later ? now_ms : bucket.at_ms);
        wait_ms = bucket_wait_ms(&bucket, rate);
        if (wait_ms != 0)
            return wait_ms;
        bucket_owe(&bucket, rate, tokens);
        next = bucket_word(bucket);
    } while (!atomic_compare_exchange_weak_explicit(&b->messages, &word, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return 0;
}
