// SPDX-License-Identifier: Apache-2.0
//
// Asks that wait for frames of what was said before (log/replay.h): who joins, who asks for a page of history. They are made a
// slice a turn, so that a hundred rooms that are asked for a megabyte each at once delay nobody by more than a slice. What has
// been made is in the room's replay and serves all who ask for the same; the ask itself is kept here as it came, and asked
// anew each turn: its room may have grown, been trimmed, or be gone, and its asker with it.
//
//      turn:  slice ---- a share ----> [ask] there is all: answered
//                   ---- a share ----> [ask] not yet: behind the others --> [ask] [ask] [ask]
//                   (used up)                                               the next turn, at once
//
// Each gets a quarter of a slice at a time, in turn, so a short page does not wait for a long one. A log might grow as fast as
// frames are made: the share of one that has waited doubles every DOUBLE_TURNS turns, so that it ends.
//
// Limits: asks are bounded by the credits of those who ask (mail/mailroom.h). A turn makes a slice, and the last share.
#include "core/home/home.h"

enum {
    SLICE_BYTES = 256 * 1024, // about a millisecond
    SHARES = 4,               // of a slice
    ASK_COST = 1024,          // of a slice, for an ask whatever there is already: making its answer,
    ROW_COST = 8,             // and finding its page, which is looked through
    DOUBLE_TURNS = 32,
    DOUBLINGS_MAX = 16,
};

static struct ask *ask_of(struct mail *m) { return (struct ask *)(void *)m; }

static uint64_t slice_of(const struct home *h)
{
    uint32_t bytes = h->cx->settings->slice_bytes;
    return bytes != 0 ? bytes : SLICE_BYTES;
}

static uint64_t share_of(const struct home *h, uint32_t waited)
{
    uint64_t share = slice_of(h) / SHARES;
    uint32_t doublings = waited / DOUBLE_TURNS < DOUBLINGS_MAX ? waited / DOUBLE_TURNS : DOUBLINGS_MAX;
    return (share != 0 ? share : 1) << doublings;
}

uint64_t home_share(const struct home *h) { return h->slice_left != 0 ? share_of(h, 0) : 0; }

enum err home_replay(struct home *h, uint32_t room, const struct replay_want *want)
{
    struct room *r = room_at(h, room);
    if (want->from > want->to)
        return OK;
    if (h->allowance == 0 || home_pending(r))
        return ERR_MORE;
    uint64_t left = h->allowance;
    const struct frame_tools tools = home_frame_tools(h);
    enum err e = replay_make(&r->replay, &r->log, want, room_name(r), h->cx->now_ms, &tools, &left);
    uint64_t made = h->allowance - left;
    uint64_t cost = made + ASK_COST + (want->to + 1 - want->from) * ROW_COST;
    metric_add(&h->cx->metrics->replay_bytes, made);
    h->slice_left -= cost < h->slice_left ? cost : h->slice_left;
    room_timer(h, room, h->cx->now_ms + REPLAY_IDLE_MS);
    return e;
}

void home_wait(struct home *h, struct ask **taken, uint32_t room)
{
    struct mail *m = &(*taken)->mail;
    ASSERT(m->next == NULL && room_at(h, room)->waits < UINT16_MAX);
    (*taken)->room = (struct ref){room, slab_gen(&h->rooms, room)};
    room_at(h, room)->waits++;
    *taken = NULL;
    h->waits_idle = (h->waits_idle || h->waits_n == 0) && home_pending(room_at(h, room));
    metric_add(&h->cx->metrics->asks_waited, 1);
    if (h->waits_last != NULL)
        h->waits_last->next = m;
    else
        h->waits_first = m;
    h->waits_last = m;
    h->waits_n++;
}

static struct ask *wait_pop(struct home *h)
{
    struct mail *m = h->waits_first;
    h->waits_first = m->next;
    if (m->next == NULL)
        h->waits_last = NULL;
    m->next = NULL;
    h->waits_n--;
    struct ask *a = ask_of(m);
    struct room *r = slab_get(&h->rooms, a->room.index, a->room.gen);
    ASSERT(r != NULL && r->waits != 0);
    r->waits--;
    room_timer(h, a->room.index, h->cx->now_ms); // it may be nobody's, if this comes to nothing
    if (a->type == ASK_JOIN)                     // it names the room: should it be gone, the one of that name
        a->room = REF_NONE;
    return a;
}

// Those who wait come first; what is left of the slice is for those who ask in this turn.
void home_begin(struct home *h)
{
    h->slice_left = slice_of(h);
    h->waits_idle = true;
    for (uint32_t n = h->waits_n; n != 0 && h->slice_left != 0; n--) {
        struct ask *a = wait_pop(h);
        if (a->waited < UINT16_MAX)
            a->waited++;
        h->allowance = share_of(h, a->waited);
        home_ask_again(h, &a);
        mail_discard(h->cx->mem, a != NULL ? &a->mail : NULL);
    }
    h->waits_idle = h->waits_idle && h->slice_left == slice_of(h);
    loading_turn(h);
}

void home_wait_drop(struct home *h)
{
    while (h->waits_first != NULL)
        mail_discard(h->cx->mem, &wait_pop(h)->mail);
}

void home_wait_check(const struct home *h)
{
    uint32_t n = 0;
    for (struct mail *m = h->waits_first; m != NULL; m = m->next) {
        const struct ask *a = ask_of(m);
        ASSERT(m->next != NULL || m == h->waits_last);
        ASSERT(a->type == ASK_JOIN || a->type == ASK_HISTORY);
        ASSERT(a->credit.lasting && slab_get(&h->rooms, a->room.index, a->room.gen) != NULL);
        n++;
    }
    ASSERT(n == h->waits_n && n <= h->cx->shard_count * mail_lasting_max(h->mail));
}
