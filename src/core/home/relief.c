// SPDX-License-Identifier: Apache-2.0
//
// Memory is short: old history goes, before anything is refused that somebody wants to say now. The room goes first in which
// nothing was said for the longest time, its oldest records first, and with it what was made of them for those who ask.
//
// Rooms with a log are in a list, the one that was last spoken in at its end: what is to go is found without looking. Each shard
// looks after its own rooms; that is fair as rooms are spread by a hash.
//
// Each tenant has a list of its own (common/tenant.h): what goes for want of *its* memory is its own. Where the server's is short the
// coldest room of all goes, whosever it is, which is the coldest of the lists' first ones.
#include "core/home/home.h"

enum {
    TURN_BYTES = 1 << 20,               // in one turn, ahead of need
    NEED_BYTES = 2 * SEGMENT_BYTES_MAX, // at least, when something was refused
};

static struct history *history_of(struct home *h, const struct room *r) { return &h->histories[r->tenant]; }

static void unlink_room(struct home *h, struct room *r)
{
    struct history *list = history_of(h, r);
    if (r->colder != SLAB_NONE)
        room_at(h, r->colder)->warmer = r->warmer;
    else
        list->coldest = r->warmer;
    if (r->warmer != SLAB_NONE)
        room_at(h, r->warmer)->colder = r->colder;
    else
        list->warmest = r->colder;
    r->has_history = false;
}

void relief_spoken(struct home *h, uint32_t index)
{
    ASSERT(room_at(h, index)->log.tail <= room_at(h, index)->log.head);
    struct room *r = room_at(h, index);
    struct history *list = history_of(h, r);
    if (list->warmest == index && r->has_history)
        return;
    if (r->has_history)
        unlink_room(h, r);
    r->colder = list->warmest;
    r->warmer = SLAB_NONE;
    if (list->warmest != SLAB_NONE)
        room_at(h, list->warmest)->warmer = index;
    else
        list->coldest = index;
    list->warmest = index;
    r->has_history = true;
}

void relief_forget(struct home *h, struct room *r)
{
    if (r->has_history)
        unlink_room(h, r);
}

// Of the coldest room of a list; how many bytes that was.
static size_t shed(struct home *h, const struct history *list)
{
    struct room *r = room_at(h, list->coldest);
    uint64_t tail = r->log.tail;
    ASSERT(r->has_history);
    ASSERT(tail <= r->log.head);
    size_t before = r->log.bytes, freed = replay_bytes(r->replay) + log_shed(&r->log, room_droppable(r));
    replay_drop(&r->replay, r->log.mem);
    room_log_moved(h, before, r->log.bytes);
    metric_add(&h->cx->metrics->log_relieved, r->log.tail - tail);
    if (r->tenant != TENANT_NONE)
        metric_add(&h->cx->metrics->tenants[r->tenant - 1].log_relieved, r->log.tail - tail);
    if (r->log.tail > r->log.head)
        unlink_room(h, r);
    return freed;
}

// When something was said last in the coldest room of a list that has one.
static uint64_t coldest_ms(const struct home *h, const struct history *list)
{
    return log_newest_ms(&room_at(h, list->coldest)->log);
}

// NULL: there is no history any more.
static const struct history *coldest_list(const struct home *h)
{
    const struct history *found = NULL;
    for (size_t i = 0; i <= h->cx->settings->tenants_n; i++) {
        const struct history *list = &h->histories[i];
        if (list->coldest != SLAB_NONE && (found == NULL || coldest_ms(h, list) < coldest_ms(h, found)))
            found = list;
    }
    return found;
}

// own: of that list; NULL: of all.
static size_t shed_bytes(struct home *h, const struct history *own, size_t bytes)
{
    size_t freed = 0;
    while (freed < bytes) {
        const struct history *list = own != NULL ? own : coldest_list(h);
        size_t more = list != NULL && list->coldest != SLAB_NONE ? shed(h, list) : 0;
        if (more == 0)
            break; // there is none, or it is not committed
        freed += more;
    }
    return freed;
}

// Asked where something was refused: the largest message with its frames may be more than what is left below the point from which
// on history goes ahead of need.
bool relief_tenant_is_short(const struct home *h, uint8_t tenant)
{
    if (tenant == TENANT_NONE)
        return false;
    const struct mem *m = &tenant_budget(h->cx, tenant)->mem;
    size_t max = atomic_load_explicit(&m->bytes_max, memory_order_relaxed), used = mem_used(m);
    size_t wanted = 4 * (size_t)h->cx->settings->message_bytes + NEED_BYTES;
    return mem_short(m) != 0 || (max != 0 && (used >= max || max - used < wanted));
}

bool relief_for(struct home *h, const struct room *r, size_t bytes)
{
    const struct history *own = relief_tenant_is_short(h, r->tenant) ? &h->histories[r->tenant] : NULL;
    return shed_bytes(h, own, bytes + NEED_BYTES) != 0;
}

static size_t a_turns(size_t bytes) { return bytes < TURN_BYTES ? bytes : TURN_BYTES; }

// own: whose memory that is; NULL: the server's.
static void relieve(struct home *h, const struct mem *mem, const struct history *own)
{
    size_t bytes = mem_short(mem);
    if (bytes != 0)
        shed_bytes(h, own, a_turns(bytes));
}

void relief_turn(struct home *h)
{
    relieve(h, h->cx->mem, NULL);
    for (size_t i = 1; i <= h->cx->settings->tenants_n; i++)
        if (h->histories[i].coldest != SLAB_NONE)
            relieve(h, &h->cx->settings->budgets[i - 1].mem, &h->histories[i]);
}

static uint32_t list_check(const struct home *h, uint8_t tenant)
{
    uint32_t n = 0, before = SLAB_NONE;
    for (uint32_t i = h->histories[tenant].coldest; i != SLAB_NONE; i = room_at(h, i)->warmer) {
        const struct room *r = room_at(h, i);
        ASSERT(r->has_history);
        ASSERT(r->tenant == tenant);
        ASSERT(r->log.tail <= r->log.head);
        ASSERT(r->colder == before);
        before = i;
        n++;
    }
    ASSERT(before == h->histories[tenant].warmest);
    return n;
}

void relief_check(const struct home *h)
{
    uint32_t n = 0;
    for (uint32_t tenant = 0; tenant <= TENANTS_MAX; tenant++)
        n += list_check(h, (uint8_t)tenant);
    for (uint32_t i = 0; i < h->rooms.high; i++)
        if (slab_used(&h->rooms, i) && room_at(h, i)->log.tail <= room_at(h, i)->log.head &&
            (room_at(h, i)->keeping == NULL || !room_at(h, i)->keeping->opening)) // then when it is complete
            n--;
    ASSERT(n == 0); // all that have one
}
