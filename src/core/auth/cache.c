// SPDX-License-Identifier: Apache-2.0
//
// Two lists through one pool: the good and the bad, each with bounds of its own, so that neither can push the other out. One
// map finds both. A heap knows who expires next; whoever looks something up clears what has expired first, so nothing stays
// for want of attention but in a cache that nobody asks.
//
//     map: digest -> index     pool: [entry][entry][entry]     lists by index: newest .. oldest     heap: the good, by expiry
//
// Keyed by a digest of the whole token, signature included: a token with another signature is another token. The digest is
// libcrypto's and cannot be collided; the map's hash of it is keyed, as for places in a table 32 bits of it are enough to
// collide on, which anyone can search for.
#include "core/auth/cache.h"

#include "base/heap.h"
#include "base/map.h"
#include "base/slab.h"
#include "wire/digest.h"

enum kind { GOOD, BAD, KINDS };
enum { BAD_SHARE = 8, ENTRIES_MIN = BAD_SHARE };

struct cached {
    uint8_t digest[SHA256_BYTES];
    enum kind kind;
    uint32_t newer, older; // of its kind; SLAB_NONE at the ends
    union {
        struct verified *verified;
        struct token_refusal *refusal;
    };
};

struct list {
    uint32_t newest, oldest;
    uint32_t n, n_max;
    size_t bytes, bytes_max;
};

struct token_cache {
    struct mem *mem;
    struct siphash_key key;
    uint64_t generation; // of the keyring whose verdicts these are
    struct slab pool;
    struct map map;
    struct heap expiry; // of the good, by index
    struct list lists[KINDS];
    uint64_t hits, misses;
};

static struct cached *entry_at(const struct token_cache *c, uint32_t index)
{
    return slab_at(&c->pool, index);
}

static size_t entry_bytes(const struct cached *e)
{
    return e->kind == GOOD ? e->verified->bytes : sizeof *e->refusal;
}

// ---- lists

static void list_push(struct token_cache *c, uint32_t index)
{
    struct cached *e = entry_at(c, index);
    struct list *l = &c->lists[e->kind];
    e->newer = SLAB_NONE;
    e->older = l->newest;
    if (l->newest != SLAB_NONE)
        entry_at(c, l->newest)->newer = index;
    else
        l->oldest = index;
    l->newest = index;
    l->n++;
    l->bytes += entry_bytes(e);
}

static void list_take(struct token_cache *c, uint32_t index)
{
    struct cached *e = entry_at(c, index);
    struct list *l = &c->lists[e->kind];
    ASSERT(l->n > 0);
    ASSERT(l->bytes >= entry_bytes(e));
    *(e->newer != SLAB_NONE ? &entry_at(c, e->newer)->older : &l->newest) = e->older;
    *(e->older != SLAB_NONE ? &entry_at(c, e->older)->newer : &l->oldest) = e->newer;
    l->n--;
    l->bytes -= entry_bytes(e);
}

// ---- entries

static uint64_t hash_of(const struct token_cache *c, const uint8_t digest[SHA256_BYTES])
{
    return siphash(&c->key, digest, SHA256_BYTES);
}

static bool entry_is(const void *ctx, uint32_t index, const void *digest)
{
    const struct token_cache *c = ctx;
    return memcmp(entry_at(c, index)->digest, digest, SHA256_BYTES) == 0;
}

static uint32_t entry_find(const struct token_cache *c, const uint8_t digest[SHA256_BYTES])
{
    return map_find(&c->map, hash_of(c, digest), entry_is, c, digest);
}

static void content_free(struct token_cache *c, struct cached *e)
{
    if (e->kind == GOOD)
        verified_free(e->verified, c->mem);
    else
        mem_free(c->mem, e->refusal, sizeof *e->refusal);
}

static void entry_drop(struct token_cache *c, uint32_t index)
{
    struct cached *e = entry_at(c, index);
    bool was_there = map_remove(&c->map, hash_of(c, e->digest), index);
    ASSERT(was_there);
    list_take(c, index);
    heap_remove(&c->expiry, index);
    content_free(c, e);
    slab_free(&c->pool, index);
}

// What makes room for one more of so many bytes; false where it never would fit.
static bool make_room(struct token_cache *c, enum kind kind, size_t bytes)
{
    struct list *l = &c->lists[kind];
    if (bytes > l->bytes_max)
        return false;
    while (l->n >= l->n_max || l->bytes + bytes > l->bytes_max)
        entry_drop(c, l->oldest);
    return true;
}

static uint64_t due_of(const struct verified *v) { return v->expires_ms + v->leeway_ms; }

// Takes the content over, also where it is not kept.
static void entry_add(struct token_cache *c, const struct cached *made)
{
    uint32_t index = make_room(c, made->kind, entry_bytes(made)) ? slab_alloc(&c->pool) : SLAB_NONE;
    struct cached content = *made;
    if (index == SLAB_NONE) {
        content_free(c, &content);
        return;
    }
    *entry_at(c, index) = *made;
    bool timed = made->kind == BAD || heap_set(&c->expiry, index, due_of(made->verified)) == OK;
    if (timed && map_insert(&c->map, hash_of(c, made->digest), index) == OK) {
        list_push(c, index);
        return;
    }
    heap_remove(&c->expiry, index);
    content_free(c, &content);
    slab_free(&c->pool, index);
}

static void keep_good(struct token_cache *c, const uint8_t digest[SHA256_BYTES], const struct verified *v)
{
    struct cached made = {.kind = GOOD, .verified = verified_copy(v, c->mem)};
    memcpy(made.digest, digest, SHA256_BYTES);
    if (made.verified != NULL)
        entry_add(c, &made);
}

static void keep_bad(struct token_cache *c, const uint8_t digest[SHA256_BYTES], const struct token_refusal *r)
{
    struct cached made = {.kind = BAD, .refusal = mem_alloc(c->mem, sizeof *r)};
    memcpy(made.digest, digest, SHA256_BYTES);
    if (made.refusal == NULL)
        return;
    *made.refusal = *r;
    entry_add(c, &made);
}

// ---- asking

static void forget(struct token_cache *c)
{
    for (int kind = 0; kind < KINDS; kind++)
        while (c->lists[kind].oldest != SLAB_NONE)
            entry_drop(c, c->lists[kind].oldest);
    heap_fit(&c->expiry);
}

static void refresh(struct token_cache *c, const struct keyring *k, uint64_t wall_ms)
{
    uint32_t index;
    if (c->generation != k->generation)
        forget(c);
    c->generation = k->generation;
    while (heap_pop_due(&c->expiry, wall_ms, &index))
        entry_drop(c, index);
}

static enum err answer(struct token_cache *c, uint32_t index, uint64_t wall_ms, struct mem *m,
                       struct verified **ret, struct token_refusal *ret_refusal)
{
    struct cached *e = entry_at(c, index);
    c->hits++;
    list_take(c, index);
    list_push(c, index);
    if (e->kind == BAD) {
        *ret_refusal = *e->refusal;
        return ERR_DENIED;
    }
    enum err early = verified_in_time(e->verified, wall_ms, ret_refusal); // the clock was set back
    if (early != OK)
        return early;
    *ret = verified_copy(e->verified, m);
    if (*ret != NULL)
        return OK;
    ret_refusal->rule = REFUSED_UNAVAILABLE;
    sentence_set(&ret_refusal->sentence, "There is no memory to look at the token; try again.", NULL, 0);
    return ERR_NOMEM;
}

enum err token_cache_verify(struct token_cache *c, const struct keyring *k, str token, uint64_t wall_ms,
                            struct mem *m, struct verified **ret, struct token_refusal *ret_refusal)
{
    uint8_t digest[SHA256_BYTES];
    refresh(c, k, wall_ms);
    if (token.n == 0 || token.n > TOKEN_MAX || digest_sha256(token.p, token.n, digest) != OK)
        return token_verify(k, token, wall_ms, m, ret, ret_refusal);
    uint32_t index = entry_find(c, digest);
    if (index != MAP_NONE)
        return answer(c, index, wall_ms, m, ret, ret_refusal);
    enum err e = token_verify(k, token, wall_ms, m, ret, ret_refusal);
    if (e == OK) {
        c->misses++;
        keep_good(c, digest, *ret);
    } else if (e == ERR_DENIED && ret_refusal->rule == REFUSED_SIGNATURE) {
        c->misses++;
        keep_bad(c, digest, ret_refusal);
    }
    return e;
}

// ---- life

static struct list list_make(uint32_t n_max, size_t bytes_max)
{
    return (struct list){.newest = SLAB_NONE, .oldest = SLAB_NONE, .n_max = n_max, .bytes_max = bytes_max};
}

enum err token_cache_create(struct mem *m, const struct siphash_key *key, uint32_t entries_max,
                            size_t bytes_max, struct token_cache **ret)
{
    ASSERT(entries_max >= ENTRIES_MIN);
    struct token_cache *c = mem_zalloc(m, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->mem = m;
    c->key = *key;
    c->lists[GOOD] = list_make(entries_max, bytes_max);
    c->lists[BAD] = list_make(entries_max / BAD_SHARE, bytes_max / BAD_SHARE);
    slab_init(&c->pool, m, sizeof(struct cached), entries_max + entries_max / BAD_SHARE);
    map_init(&c->map, m);
    heap_init(&c->expiry, m);
    *ret = c;
    return OK;
}

void token_cache_destroy(struct token_cache *c)
{
    if (c == NULL)
        return;
    forget(c);
    map_deinit(&c->map);
    heap_deinit(&c->expiry);
    slab_deinit(&c->pool);
    mem_free(c->mem, c, sizeof *c);
}

struct token_cache_counts token_cache_counts(const struct token_cache *c)
{
    return (struct token_cache_counts){.hits = c->hits,
                                       .misses = c->misses,
                                       .good = c->lists[GOOD].n,
                                       .bad = c->lists[BAD].n,
                                       .bytes = c->lists[GOOD].bytes + c->lists[BAD].bytes};
}

static void list_check(const struct token_cache *c, enum kind kind)
{
    const struct list *l = &c->lists[kind];
    uint32_t n = 0, newer = SLAB_NONE;
    size_t bytes = 0;
    for (uint32_t i = l->newest; i != SLAB_NONE; i = entry_at(c, i)->older, n++) {
        const struct cached *e = entry_at(c, i);
        ASSERT(e->kind == kind);                                               // 1
        ASSERT(e->newer == newer);                                             // 1
        ASSERT(entry_find(c, e->digest) == i);                                 // 1
        ASSERT((heap_due(&c->expiry, i) == HEAP_NONE) == (kind == BAD));       // 3
        ASSERT(kind == BAD || heap_due(&c->expiry, i) == due_of(e->verified)); // 3
        bytes += entry_bytes(e);
        newer = i;
    }
    ASSERT(l->oldest == newer);                           // 1
    ASSERT(l->n == n && l->bytes == bytes);               // 1
    ASSERT(l->n <= l->n_max && l->bytes <= l->bytes_max); // 2
}

void token_cache_check(const struct token_cache *c)
{
    list_check(c, GOOD);
    list_check(c, BAD);
    ASSERT(c->map.count == c->lists[GOOD].n + c->lists[BAD].n); // 1
    ASSERT(c->pool.count == c->map.count);                      // 1
    ASSERT(c->expiry.count == c->lists[GOOD].n);                // 3
    map_check(&c->map);
    slab_check(&c->pool);
    heap_check(&c->expiry);
}
