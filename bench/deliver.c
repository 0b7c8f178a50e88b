// SPDX-License-Identifier: Apache-2.0
//
// The end of a message's way: it is checked, its latency is recorded, and its publisher may go on. This runs for
// every delivery, so it touches little: the reader's own sequence, one slot of the publisher's table, one bucket.

#include "check.h"
#include "codec.h"
#include "drive.h"
#include "payload.h"

#include <string.h>

const char payload_digits[65] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_abcdefghijklmnopqrstuvwxyz";

#define V4(a, b, c, d) a, b, c, d
#define NO4 V4(-1, -1, -1, -1)
#define NO16 NO4, NO4, NO4, NO4

const int8_t payload_values[256] = {
    NO16,
    NO16, // 0x00
    NO4,
    NO4,
    NO4,
    V4(-1, 36, -1, -1), // 0x20, '-'
    V4(0, 1, 2, 3),
    V4(4, 5, 6, 7),
    V4(8, 9, -1, -1),
    NO4, // 0x30
    V4(-1, 10, 11, 12),
    V4(13, 14, 15, 16),
    V4(17, 18, 19, 20),
    V4(21, 22, 23, 24), // 0x40
    V4(25, 26, 27, 28),
    V4(29, 30, 31, 32),
    V4(33, 34, 35, -1),
    V4(-1, -1, -1, 37), // 0x50, '_'
    V4(-1, 38, 39, 40),
    V4(41, 42, 43, 44),
    V4(45, 46, 47, 48),
    V4(49, 50, 51, 52), // 0x60
    V4(53, 54, 55, 56),
    V4(57, 58, 59, 60),
    V4(61, 62, 63, -1),
    NO4, // 0x70
    NO16,
    NO16,
    NO16,
    NO16,
    NO16,
    NO16,
    NO16,
    NO16,
};

// Words in an order that does not come again soon, as what people say does not; the same in every run.
static void fill_words(char *at, uint32_t n)
{
    static const char *const words[] = {"build",  "deploy", "look",   "tests", "again", "room",
                                        "people", "when",   "failed", "since", "the",   "is",
                                        "to",     "and",    "that",   "it",    "maybe", "tomorrow",
                                        "thanks", "why",    "shall",  "we",    "not",   "good"};
    uint32_t next = 1, i = 0;
    while (i < n) {
        next = next * 1103515245u + 12345u;
        for (const char *word = words[(next >> 16) % (sizeof words / sizeof *words)]; *word && i < n; word++)
            at[i++] = *word;
        if (i < n)
            at[i++] = ' ';
    }
}

void codec_fill(const struct options *o, char *at, uint32_t n)
{
    if (o->words)
        fill_words(at, n);
    else
        memset(at, 'x', n);
}

const char *codec_find_mark(const char *p, uint32_t len, uint32_t hint)
{
    uint32_t publisher, seq;
    if (hint >= PAYLOAD_MARK_LEN && hint <= len && p[len - hint] == PAYLOAD_MARK)
        return p + len - hint;
    const char *end = p + len;
    while (end - p >= PAYLOAD_MARK_LEN) {
        const char *at = memchr(p, PAYLOAD_MARK, (size_t)(end - p));
        if (!at || end - at < PAYLOAD_MARK_LEN)
            return NULL;
        if (payload_decode(at, &publisher, &seq))
            return at;
        p = at + 1;
    }
    return NULL;
}

// Whether this reader's latency says something about the server: not while it stalls on purpose, and not while it
// catches up after a cut (that has a figure of its own).
static inline bool is_timely(const struct bench_conn *c)
{
    return !c->to_stall && (!c->worker->storm_cut || c->publishes || c->back_counted);
}

void codec_deliver(struct bench_conn *c, struct seat *seat, uint64_t offset, uint32_t publisher, uint32_t seq)
{
    struct worker *w = c->worker;
    struct world *world = w->world;
    w->counts.deliveries++;
    if (publisher >= world->publisher_count) {
        w->checks.foreign++;
        return;
    }
    struct publisher *p = &world->publishers[publisher];
    if (p->room != seat->room) {
        w->checks.stray++;
        return;
    }
    if (c->seqs)
        check_seq(c, (uint32_t)(seat - c->seats) * world->seq_stride + p->index_in_room, seq);
    struct room_hint *hint = &w->hints[seat->room];
    if (offset > hint->head)
        hint->head = offset;

    struct slot *slot = &p->ring[seq & world->ring_mask];
    if (__atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE) != seq) {
        w->beyond_table++;
        return;
    }
    uint64_t sent = slot->time_ns;
    if (sent >= w->window_from_ns && sent < w->window_to_ns && sent >= c->started_ns && is_timely(c))
        hist_record(&w->latency, w->now > sent ? w->now - sent : 0);

    if (world->options.drive == DRIVE_CLOSED_ALL) {
        if (__atomic_sub_fetch(&slot->missing, 1, __ATOMIC_ACQ_REL) == 0)
            drive_on_all(w, p, seq);
    } else if (world->options.drive == DRIVE_CLOSED_OWN && p->conn == c && world->expects_own) {
        drive_on_own(w, p, seq);
    }
}
