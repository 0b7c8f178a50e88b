// SPDX-License-Identifier: Apache-2.0
//
// The matrix of rings, and a waker for each shard.
//
// Rejected: one multi-producer queue per shard (senders would contend on one line).
#include "io/mailbox.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/ring.h"
#include "io/waker.h"

enum { RINGS_BYTES_MAX = 16 << 20 };

struct mailbox {
    struct mem *mem;
    uint32_t shard_count;
    struct waker wakers[SHARDS_MAX];
    struct ring rings[]; // [from * shard_count + to]; those of a shard to itself stay empty and unallocated
};

static size_t mailbox_bytes(uint32_t shard_count)
{
    return sizeof(struct mailbox) + (size_t)shard_count * shard_count * sizeof(struct ring);
}

static uint32_t mailbox_capacity(uint32_t shard_count)
{
    uint32_t capacity = MAILBOX_CAPACITY;
    while ((size_t)shard_count * shard_count * capacity * sizeof(void *) > RINGS_BYTES_MAX)
        capacity /= 2;
    return capacity;
}

static struct ring *ring_of(struct mailbox *mb, uint32_t from, uint32_t to)
{
    ASSERT(from < mb->shard_count && to < mb->shard_count && from != to);
    return &mb->rings[from * mb->shard_count + to];
}

static enum err mailbox_open(struct mailbox *mb)
{
    for (uint32_t i = 0; i < mb->shard_count; i++) {
        enum err e = waker_init(&mb->wakers[i]);
        if (e != OK)
            return e;
    }
    uint32_t capacity = mailbox_capacity(mb->shard_count);
    for (uint32_t from = 0; from < mb->shard_count; from++)
        for (uint32_t to = 0; to < mb->shard_count; to++)
            if (from != to && ring_init(ring_of(mb, from, to), mb->mem, capacity) != OK)
                return ERR_NOMEM;
    return OK;
}

enum err mailbox_create(struct mem *mem, uint32_t shard_count, struct mailbox **ret)
{
    ASSERT(shard_count >= 1 && shard_count <= SHARDS_MAX);
    struct mailbox *mb = mem_zalloc(mem, mailbox_bytes(shard_count));
    if (!mb)
        return ERR_NOMEM;
    mb->mem = mem;
    mb->shard_count = shard_count;
    for (uint32_t i = 0; i < shard_count; i++)
        mb->wakers[i].fd = -1;
    enum err e = mailbox_open(mb);
    if (e != OK) {
        mailbox_destroy(mb);
        return e;
    }
    *ret = mb;
    return OK;
}

void mailbox_destroy(struct mailbox *mb)
{
    if (!mb)
        return;
    for (uint32_t i = 0; i < mb->shard_count * mb->shard_count; i++)
        if (mb->rings[i].slots) {
            ASSERT(ring_empty(&mb->rings[i]));
            ring_deinit(&mb->rings[i]);
        }
    for (uint32_t i = 0; i < mb->shard_count; i++)
        waker_deinit(&mb->wakers[i]);
    mem_free(mb->mem, mb, mailbox_bytes(mb->shard_count));
}

uint32_t mailbox_room(struct mailbox *mb, uint32_t from, uint32_t to)
{
    return ring_room(ring_of(mb, from, to));
}

bool mailbox_push(struct mailbox *mb, uint32_t from, uint32_t to, struct mail *m)
{
    return ring_push(ring_of(mb, from, to), m);
}

struct mail *mailbox_pull(struct mailbox *mb, uint32_t from, uint32_t to)
{
    return ring_pull(ring_of(mb, from, to));
}

bool mailbox_empty(struct mailbox *mb, uint32_t to)
{
    for (uint32_t from = 0; from < mb->shard_count; from++)
        if (from != to && !ring_empty(ring_of(mb, from, to)))
            return false;
    return true;
}

uint32_t mailbox_waiting(struct mailbox *mb, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t from = 0; from < mb->shard_count; from++)
        if (from != to)
            n += ring_count(ring_of(mb, from, to));
    return n;
}

bool mailbox_wake(struct mailbox *mb, uint32_t to) { return waker_wake(&mb->wakers[to]); }

void mailbox_sleep(struct mailbox *mb, uint32_t to) { waker_sleep(&mb->wakers[to]); }

void mailbox_awake(struct mailbox *mb, uint32_t to) { waker_awake(&mb->wakers[to]); }

int mailbox_fd(const struct mailbox *mb, uint32_t to) { return mb->wakers[to].fd; }
