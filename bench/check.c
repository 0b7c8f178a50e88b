// SPDX-License-Identifier: Apache-2.0
//
// See check.h. Holes are a plain list per connection: on a healthy server it is empty, and with publishers that get
// no echo it holds their own few entries until the acknowledgement comes.

#include "check.h"

#include <stdlib.h>
#include <string.h>

struct hole {
    struct hole *next;
    uint32_t stream;
    uint64_t from, to;
};

static void hole_insert(struct bench_conn *c, uint32_t stream, uint64_t from, uint64_t to)
{
    struct hole *h = bench_alloc(1, sizeof *h);
    *h = (struct hole){.next = c->holes, .stream = stream, .from = from, .to = to};
    c->holes = h;
    c->worker->checks.lost += to - from + 1;
}

// Takes from..to out of the stream's holes. Returns how many numbers that were.
static uint64_t hole_fill(struct bench_conn *c, uint32_t stream, uint64_t from, uint64_t to)
{
    uint64_t filled = 0;
    struct hole **link = &c->holes;
    while (*link) {
        struct hole *h = *link;
        if (h->stream != stream || h->to < from || h->from > to) {
            link = &h->next;
            continue;
        }
        uint64_t low = h->from > from ? h->from : from;
        uint64_t high = h->to < to ? h->to : to;
        filled += high - low + 1;
        if (h->to > high) { // what remains above
            struct hole *above = bench_alloc(1, sizeof *above);
            *above = (struct hole){.next = h->next, .stream = stream, .from = high + 1, .to = h->to};
            h->next = above;
        }
        if (h->from < low) { // what remains below
            h->to = low - 1;
            link = &h->next;
        } else {
            *link = h->next;
            free(h);
        }
    }
    c->worker->checks.lost -= filled;
    return filled;
}

// Own entries acknowledged earlier that the stream has now passed are no holes.
static void absorb_own(struct bench_conn *c, uint32_t stream, uint64_t last)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->own_count; i++) {
        if (c->own[i].seat == stream && c->own[i].offset <= last)
            hole_fill(c, stream, c->own[i].offset, c->own[i].offset);
        else
            c->own[kept++] = c->own[i];
    }
    c->own_count = kept;
}

uint64_t check_irregular(struct bench_conn *c, uint32_t stream, uint64_t last, uint64_t got)
{
    if (got > last) {
        hole_insert(c, stream, last + 1, got - 1);
        if (c->own_count)
            absorb_own(c, stream, got);
        return got;
    }
    if (hole_fill(c, stream, got, got))
        c->worker->checks.reordered++;
    else
        c->worker->checks.duplicated++;
    return last;
}

void check_gap(struct bench_conn *c, struct seat *seat, uint64_t from, uint64_t to)
{
    uint32_t stream = (uint32_t)(seat - c->seats);
    if (from == 0 || to < from) {
        c->worker->checks.protocol_errors++;
        world_reason(c->worker->world, "a gap that ends before it begins");
        return;
    }
    c->worker->checks.gaps++;
    c->worker->checks.announced += hole_fill(c, stream, from, to);
    if (from > seat->offset + 1)
        hole_insert(c, stream, seat->offset + 1, from - 1);
    if (to > seat->offset) {
        uint64_t first = from > seat->offset ? from : seat->offset + 1;
        c->worker->checks.announced += to - first + 1;
        seat->offset = to;
    }
}

void check_own(struct bench_conn *c, struct seat *seat, uint64_t offset)
{
    uint32_t stream = (uint32_t)(seat - c->seats);
    if (offset == seat->offset + 1) {
        seat->offset = offset;
    } else if (offset <= seat->offset) {
        hole_fill(c, stream, offset, offset);
    } else {
        if (c->own_count == c->own_size) {
            c->own_size = c->own_size ? c->own_size * 2 : 8;
            c->own = bench_realloc(c->own, c->own_size * sizeof *c->own);
        }
        c->own[c->own_count++] = (struct own_entry){.offset = offset, .seat = stream};
    }
}

void check_restart(struct bench_conn *c, uint32_t stream)
{
    hole_fill(c, stream, 0, UINT64_MAX);
    absorb_own(c, stream, UINT64_MAX);
}

// Up to the last message that anyone saw in the room, everything must have arrived or be an own entry.
static void finish_offsets(struct world *world, struct bench_conn *c, struct seat *seat)
{
    uint64_t head = 0;
    for (uint32_t w = 0; w < world->options.threads; w++)
        if (world->workers[w].hints[seat->room].head > head)
            head = world->workers[w].hints[seat->room].head;
    if (head <= seat->offset)
        return;
    hole_insert(c, (uint32_t)(seat - c->seats), seat->offset + 1, head);
    absorb_own(c, (uint32_t)(seat - c->seats), head);
}

// The last sequence numbers of every publisher of the seat's room must have arrived.
static void finish_seqs(struct world *world, struct bench_conn *c, const struct seat *seat)
{
    const struct room *room = &world->rooms[seat->room];
    const uint32_t *seqs = c->seqs + (size_t)(seat - c->seats) * world->seq_stride;
    for (uint32_t i = 0; i < room->publisher_count; i++) {
        const struct publisher *p = &world->publishers[room->publisher_first + i];
        if (seqs[i] != SEQ_UNKNOWN && seqs[i] < p->seq && p->conn->state == CONN_READY)
            c->worker->checks.lost += p->seq - seqs[i];
    }
}

void check_finish(struct world *world)
{
    for (uint32_t i = 0; i < world->options.clients; i++) {
        struct bench_conn *c = &world->conns[i];
        if (c->state != CONN_READY || c->stalled)
            continue;
        for (uint32_t s = 0; s < c->seat_count; s++) {
            if (c->seats[s].state == SEAT_IN && c->seqs)
                finish_seqs(world, c, &c->seats[s]);
            else if (c->seats[s].state == SEAT_IN)
                finish_offsets(world, c, &c->seats[s]);
        }
    }
}

void check_forget(struct bench_conn *c)
{
    while (c->holes) {
        struct hole *h = c->holes;
        c->holes = h->next;
        free(h);
    }
}
