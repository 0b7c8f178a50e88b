// SPDX-License-Identifier: Apache-2.0
//
// See drive.h.

#include "drive.h"

#include "codec.h"
#include "conn.h"
#include "frame.h"
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIVE_UP_NS 5000000000u
#define BURST_MAX 256               // messages sent before the sockets are looked at again
#define RING_SLOTS_TOTAL (1u << 21) // over all publishers; 32 MiB
#define RING_SLOTS_MIN 256u
#define RING_SLOTS_MAX 65536u

static void prepare_frame(struct world *world, struct publisher *p, char *scratch)
{
    const struct options *o = &world->options;
    uint32_t payload_at, id_at;
    uint32_t len = world->codec->message(p, scratch, &payload_at, &id_at);
    uint8_t head[FRAME_HEAD_MAX];
    p->frame_head = o->websocket ? frame_head_encode(head, world->opcode, len) : 0;
    p->frame_len = p->frame_head + len + !o->websocket;
    p->frame = bench_alloc(1, p->frame_len);
    memcpy(p->frame, head, p->frame_head);
    memcpy(p->frame + p->frame_head, scratch, len);
    if (!o->websocket)
        p->frame[len] = '\n';
    p->payload_at = p->frame_head + payload_at;
    p->id_at = id_at ? p->frame_head + id_at : 0;
}

void drive_init(struct world *world)
{
    if (world->publisher_count == 0)
        return;
    uint32_t slots = RING_SLOTS_MAX;
    while (slots > RING_SLOTS_MIN && (uint64_t)slots * world->publisher_count > RING_SLOTS_TOTAL)
        slots /= 2;
    while (slots < 2 * world->options.inflight)
        slots *= 2;
    world->ring_mask = slots - 1;
    char *scratch = bench_alloc(1, 4096 + world->options.size);
    for (uint32_t i = 0; i < world->publisher_count; i++) {
        struct publisher *p = &world->publishers[i];
        p->ring = bench_alloc(slots, sizeof *p->ring);
        prepare_frame(world, p, scratch);
    }
    free(scratch);
}

void drive_deinit(struct world *world)
{
    for (uint32_t i = 0; i < world->publisher_count; i++) {
        free(world->publishers[i].ring);
        free(world->publishers[i].frame);
    }
}

static void write_id(char *at, uint32_t id)
{
    for (int i = 9; i >= 0; i--, id /= 10)
        at[i] = (char)('0' + id % 10);
}

// Queues the publisher's next message. `time_ns` is what its latency counts from.
static void publish(struct worker *w, struct publisher *p, uint64_t time_ns)
{
    struct world *world = w->world;
    struct bench_conn *c = p->conn;
    if (c->state != CONN_READY || conn_is_congested(c)) {
        w->unsent++;
        return;
    }
    uint32_t seq = ++p->seq;
    struct slot *slot = &p->ring[seq & world->ring_mask];
    slot->time_ns = time_ns;
    slot->missing =
        __atomic_load_n(&world->rooms[p->room].readers, __ATOMIC_RELAXED) - (world->expects_own ? 0 : 1);
    __atomic_store_n(&slot->seq, seq, __ATOMIC_RELEASE);

    char *at = conn_reserve(c, p->frame_len);
    memcpy(at, p->frame, p->frame_len);
    payload_encode(at + p->payload_at, p->id, seq);
    if (p->id_at)
        (world->codec->write_id ? world->codec->write_id : write_id)(at + p->id_at, CODEC_ID_BASE + seq);
    if (p->frame_head) {
        uint32_t mask = (uint32_t)(worker_random(w) >> 32);
        memcpy(at + p->frame_head - 4, &mask, 4);
        frame_mask(at + p->frame_head, p->frame_len - p->frame_head, mask);
    }
    w->counts.published++;
}

static bool is_closed(const struct worker *w)
{
    enum drive d = w->world->options.drive;
    return d == DRIVE_CLOSED_OWN || d == DRIVE_CLOSED_ALL;
}

static bool may_publish(const struct worker *w)
{
    return w->phase == PHASE_WARMUP || w->phase == PHASE_MEASURE;
}

static void fill_up(struct worker *w, struct publisher *p)
{
    p->progress_ns = w->now;
    while (p->seq - p->done < w->world->options.inflight) {
        uint32_t before = p->seq;
        publish(w, p, w->now);
        if (p->seq == before)
            return;
    }
}

void drive_start(struct worker *w)
{
    const struct world *world = w->world;
    for (uint32_t i = 0; i < w->publisher_count && is_closed(w); i++) {
        struct publisher *p = &world->publishers[w->publishers[i]];
        if (world->options.drive == DRIVE_CLOSED_ALL &&
            world->rooms[p->room].readers < (world->expects_own ? 1u : 2u)) {
            fprintf(stderr, "plenum-bench: --closed all: room %s has no reader\n",
                    world->rooms[p->room].name);
            exit(1);
        }
        fill_up(w, p);
    }
}

static void complete(struct worker *w, struct publisher *p, uint32_t count)
{
    p->done += count;
    if (may_publish(w))
        fill_up(w, p);
}

void drive_on_own(struct worker *w, struct publisher *p, uint32_t seq)
{
    if (seq > p->given_up)
        complete(w, p, 1);
}

void drive_on_all(struct worker *w, struct publisher *p, uint32_t seq)
{
    struct worker *owner = p->conn->worker;
    if (seq <= __atomic_load_n(&p->given_up, __ATOMIC_RELAXED))
        return;
    if (owner == w) {
        complete(w, p, 1);
        return;
    }
    uint64_t one = 1;
    __atomic_fetch_add(&p->completed, 1, __ATOMIC_RELEASE);
    (void)!write(owner->wake_fd, &one, sizeof one);
}

static uint64_t message_due_ns(const struct worker *w)
{
    const struct world *world = w->world;
    uint64_t k = w->round * world->publisher_count + w->publishers[w->round_pos];
    return world->publish_from_ns + (uint64_t)((double)k * 1e9 / world->options.rate);
}

static void run_open(struct worker *w)
{
    for (uint32_t n = 0; n < BURST_MAX; n++) {
        uint64_t due = message_due_ns(w);
        if (due > w->now)
            return;
        publish(w, &w->world->publishers[w->publishers[w->round_pos]], due);
        if (w->phase == PHASE_MEASURE)
            hist_record(&w->lateness, w->now - due);
        if (++w->round_pos == w->publisher_count) {
            w->round_pos = 0;
            w->round++;
        }
    }
}

// Looks at every publisher, so not in every turn: only when another worker has completed something, or to give up
// what is overdue.
static void run_closed(struct worker *w)
{
    if (!w->woken && w->now < w->closed_check_ns)
        return;
    w->woken = false;
    w->closed_check_ns = w->now + GIVE_UP_NS / 50;
    for (uint32_t i = 0; i < w->publisher_count; i++) {
        struct publisher *p = &w->world->publishers[w->publishers[i]];
        uint32_t completed = __atomic_exchange_n(&p->completed, 0, __ATOMIC_ACQUIRE);
        if (completed) {
            complete(w, p, completed);
        } else if (p->conn->state == CONN_READY && w->now > p->progress_ns + GIVE_UP_NS) {
            w->timeouts += p->seq - p->done;
            __atomic_store_n(&p->given_up, p->seq, __ATOMIC_RELAXED);
            p->done = p->seq;
            fill_up(w, p);
        }
    }
}

void drive_run(struct worker *w)
{
    if (!may_publish(w) || w->publisher_count == 0)
        return;
    if (w->world->options.drive == DRIVE_OPEN)
        run_open(w);
    else if (is_closed(w))
        run_closed(w);
}

uint64_t drive_due_ns(const struct worker *w)
{
    if (w->world->options.drive != DRIVE_OPEN || !may_publish(w) || w->publisher_count == 0)
        return UINT64_MAX;
    return message_due_ns(w);
}
