// SPDX-License-Identifier: Apache-2.0
//
// fan.h - the part of a shard that writes: which of its connections are behind, what each is to be sent, who is slow.
//
//      mail from homes --> fan_advance       an outlet has new entries
//      replies ----------> fan_put_*         a connection's own queue
//                          fan_flush         end of turn: marks who is behind
//      the driver -------> fan_pull_dirty, fan_plan, fan_settle      one write per connection and turn
//
// It calls nobody of those who decide about connections: who is to end is noted (fan_end), who may go on after having
// waited is in a list (fan_wake), and the shard has them carried out.
//
// Ownership: the shard's; readers are parts of the connections' blocks. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_FAN_H
#define PLENUM_CORE_FAN_FAN_H

#include "base/map.h"
#include "core/common/list.h"
#include "core/common/working.h"
#include "core/fan/conflate.h"
#include "core/fan/holes.h"
#include "core/fan/outlet.h"
#include "core/fan/reader.h"
#include "core/fan/skips.h"
#include "core/mail/post.h"

// One span handed out by fan_plan, to be settled by fan_settle.
struct plan_item {
    struct cursor *cursor;
    struct segment *seg;
    uint64_t from, to, next_after; // places; the cursor's next once all is written
    uint32_t bytes;
};

struct write_plan {
    uint32_t conn; // UINT32_MAX: none is open
    uint32_t done; // as news: all of these rooms is in the plan,
    uint32_t held; // and none of these may be yet
    uint32_t own_bytes;
    size_t n;
    struct plan_item items[SPANS_MAX];
};

struct fan {
    struct context *cx;
    struct mailroom *mail;

    struct slab outlets;
    struct map outlets_by_name;
    struct index_list outlets_dirty, outlets_settling;
    struct holes holes;    // what readers lost and have yet to be told
    struct slab conflated; // of rooms with readers who are behind, what they may leave out
    uint32_t looks_left;   // in this turn, for that
    uint64_t written;      // in this turn: bytes, and FLUSH_WRITE_COST for each write
    uint32_t kib_ns;       // what 1,024 of them take, about
    uint64_t lag_look_ms;  // when lag_entries_max is made anew; UINT64_MAX while it is 0

    uint64_t *dirty; // a bit per connection
    uint32_t dirty_from, dirty_n;
    uint32_t *news; // per connection, a bit per membership with something to write (news_bit)
    struct write_plan plan;
    void **states; // per connection, its language's (speech.h); NULL where no language here has any

    struct index_list ends;  // connections with reader.end, for whoever carries it out
    struct index_list wakes; // connections with reader.wake_queued

    struct buf encode; // working memory of one call
};

// A reader of many rooms pays for those that have something for it. The last bit is of all memberships from NEWS_LAST on.
enum { NEWS_LAST = 31 };
static inline uint32_t news_bit(uint32_t seat) { return 1u << (seat < NEWS_LAST ? seat : NEWS_LAST); }

enum err fan_init(struct fan *f, struct context *cx, struct mailroom *mail) WARN_UNUSED;
void fan_deinit(struct fan *f); // a zeroed one is fine
void fan_tidy(struct fan *f);
void fan_check(const struct fan *f);
// When fan_flush or fan_trim must run at the latest; UINT64_MAX = never.
uint64_t fan_due_ms(const struct fan *f);
uint64_t fan_flush_due_ns(
    const struct fan *f); // the same of fan_flush alone, where the driver's clock is that fine

// So many entries have been written to it, or are its own now.
static inline void fan_delivered(const struct fan *f, const struct reader *r, uint64_t n)
{
    struct tenant_metrics *tenant = who_metrics(f->cx, &r->who);
    metric_add(&f->cx->metrics->deliveries, n);
    if (tenant != NULL)
        metric_add(&tenant->deliveries, n);
}

static inline struct reader *reader_at(const struct fan *f, uint32_t conn)
{
    return slab_at(f->cx->conns, conn);
}
static inline struct outlet *outlet_at(const struct fan *f, uint32_t index)
{
    return slab_at(&f->outlets, index);
}

// --- what is noted for others
// The first reason counts. Nothing more is said to it from here on.
void fan_end(struct fan *f, uint32_t conn, enum end why);
// Memory is out for something it is to be told: what.
void fan_starve(struct fan *f, uint32_t conn, const char *what);
// Whatever it waited for may be there.
void fan_wake(struct fan *f, uint32_t conn);

// --- to one connection (put.c). Nothing is put where it is closed or to end; where memory is out, it is to end.
void fan_put(struct fan *f, uint32_t conn, str bytes);
// In which what is queued for a connection is counted: its tenant's, where it has one.
struct mem *fan_queue_mem(const struct fan *f, const struct reader *r);
void fan_put_both(struct fan *f, uint32_t conn, str a, str b);                      // or neither
void fan_put_segment(struct fan *f, uint32_t conn, struct segment *seg, str bytes); // entries of a room
void fan_put_buf(struct fan *f, uint32_t conn,
                 const struct buf *b);                           // what a buf that failed holds is never sent
void fan_put_payload(struct fan *f, uint32_t conn, str payload); // framed as its encoding is
void fan_put_event(struct fan *f, uint32_t conn, const struct event *ev);
void fan_put_problem(struct fan *f, uint32_t conn, str id,
                     const struct problem *p); // counted, told to the log
// Entries of a room will not come: the offsets from..to (from > to: none), and so many passing ones.
void fan_put_gap(struct fan *f, uint32_t conn, str room, uint64_t from, uint64_t to, uint64_t passing,
                 const char *reason);
// What was said in a room before it came: records from..to, of segments that begin with the one that holds `from`.
void fan_put_replay(struct fan *f, uint32_t conn, struct segment *const *segs, uint32_t n, uint64_t from,
                    uint64_t to);
// A page of history as one text, appended: what stands around the rows is in the answer's payload.
void fan_page_text(const struct fan *f, const struct answer *a, struct buf *out);
// A page of history (EFFECT_HISTORY); returns how many bytes it has.
size_t fan_put_history(struct fan *f, uint32_t conn, const struct answer *a);
// The ack of a publish into a busy room goes out with the room's next flush, a few milliseconds later (busy.h): in one write with
// what the others said.
void fan_put_ack(struct fan *f, uint32_t conn, const struct outlet *o, str payload);
void fan_mark_dirty(struct fan *f, uint32_t conn);
// The same, with something to be written of a room.
static inline void fan_mark_news(struct fan *f, uint32_t conn, uint32_t seat)
{
    f->news[conn] |= news_bit(seat);
    fan_mark_dirty(f, conn);
}
bool fan_is_dirty(const struct fan *f, uint32_t conn);
void fan_clear_dirty(struct fan *f, uint32_t conn);

// --- the driver's side (plan.c)
bool fan_pull_dirty(struct fan *f, uint32_t *ret_conn);
size_t fan_plan(struct fan *f, uint32_t conn, struct span spans[SPANS_MAX]);
// n bytes of the plan were taken. `blocked`: the socket took less than all.
void fan_settle(struct fan *f, uint32_t conn, size_t n, bool blocked);
void fan_on_writable(struct fan *f, uint32_t conn);
// Nothing is written to it any more, whatever is in its queue.
void fan_gone(struct fan *f, uint32_t conn);

// --- rooms (outlet.c)
void fan_advance(struct fan *f, struct advance *a);        // takes the references of its segments
void fan_erase(struct fan *f, const struct erase_mail *m); // (erase.c)
void fan_on_hold(struct fan *f, const struct pace_mail *m);
void fan_flush(struct fan *f);
// When a turn begins: trims the outlets that are settling.
void fan_trim(struct fan *f);
// The turn's writes are made; they took from began_ns on.
void fan_on_written(struct fan *f, uint64_t began_ns, uint64_t now_ns);

#endif
