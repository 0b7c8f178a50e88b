// SPDX-License-Identifier: Apache-2.0
//
// What to write on a connection: its own queue first, then the entries of each of its rooms from its cursor to the
// head, as runs of segment bytes. One call plans, the next settles what the socket took.
//
// A cursor moves by whole entries only. Where the socket took half of one, the other half goes to the front of the
// connection's own queue (with a reference on the segment) and the cursor stands behind it: so a gap, a leave or a
// trimmed segment can never cut a frame in two.
//
// What a connection alone is to be sent may be a megabyte of history, and a thousand others may be due one, too. So a round of
// all that are dirty writes OWN_ROUND_BYTES of such, in equal shares: whoever has a pong to get waits for one round.
#include "core/fan/fan.h"

enum { OWN_ROUND_BYTES = 4 << 20, OWN_BYTES_MIN = 16 * 1024 };

void fan_mark_dirty(struct fan *f, uint32_t index)
{
    ASSERT(index < f->cx->conns->high);
    uint64_t bit = 1ull << (index & 63);
    uint64_t *word = &f->dirty[index >> 6];
    if (*word & bit)
        return;
    *word |= bit;
    f->dirty_n++;
}

static void clear_dirty(struct fan *f, uint32_t index)
{
    ASSERT(f->dirty_n != 0);
    f->dirty[index >> 6] &= ~(1ull << (index & 63));
    f->dirty_n--;
}

bool fan_is_dirty(const struct fan *f, uint32_t index) { return f->dirty[index >> 6] >> (index & 63) & 1; }

void fan_clear_dirty(struct fan *f, uint32_t index)
{
    if (fan_is_dirty(f, index))
        clear_dirty(f, index);
}

// In rotation: who is dirty again at once, as there is more than one write holds, comes behind all others.
bool fan_pull_dirty(struct fan *f, uint32_t *ret_conn)
{
    uint32_t end = (f->cx->conns->high + 63) / 64 * 64;
    while (f->dirty_n != 0) {
        if (f->dirty_from >= end)
            f->dirty_from = 0;
        uint64_t word = f->dirty[f->dirty_from >> 6] >> (f->dirty_from & 63);
        if (word == 0) {
            f->dirty_from = (f->dirty_from | 63) + 1;
            continue;
        }
        uint32_t index = f->dirty_from + (uint32_t)__builtin_ctzll(word);
        f->dirty_from = index + 1;
        clear_dirty(f, index);
        if (!slab_used(f->cx->conns, index))
            continue;
        const struct reader *c = reader_at(f, index);
        if (c->blocked || c->gone)
            continue;
        *ret_conn = index;
        return true;
    }
    return false;
}

// The next membership with news from seat *at on, or NULL.
static struct membership *next_news(const struct fan *f, uint32_t index, uint32_t *at)
{
    struct reader *c = reader_at(f, index);
    uint32_t news = f->news[index];
    while (*at < c->member_n && (news & news_bit(*at)) == 0)
        ++*at;
    return *at < c->member_n ? &reader_memberships(c)[(*at)++] : NULL;
}

static void tell_gaps(struct fan *f, uint32_t index)
{
    struct reader *c = reader_at(f, index);
    const struct membership *m;
    for (uint32_t at = 0; reader_open(c) && (m = next_news(f, index, &at)) != NULL;) {
        struct outlet *o = outlet_at(f, m->outlet);
        struct cursor *cur = &o->cursors[m->slot];
        if (!m->held && cur->hole)
            hole_tell(f, m->outlet, cur);
        if (!m->held && (c->slow || o->coalesces))
            conflate_tell(f, index, m);
    }
}

// Entries from..to of one outlet as spans; false when there is no more room for spans.
static bool plan_run(struct fan *f, struct outlet *o, struct cursor *cur, uint64_t from, uint64_t to,
                     uint64_t next_after, struct span spans[SPANS_MAX], size_t *n)
{
    const struct chain *chain = tracks_chain(&o->tracks, cur->encoding);
    for (uint32_t i = chain_find(chain, from); from <= to; i++) {
        if (*n == SPANS_MAX || f->plan.n == SPANS_MAX)
            return false;
        ASSERT(i < chain->n);
        const struct segment *s = chain->segs[i];
        uint64_t last =
            i + 1 < chain->n && chain->segs[i + 1]->first <= to ? chain->segs[i + 1]->first - 1 : to;
        uint32_t start = segment_start(s, from);
        uint32_t bytes = segment_end(s, last) - start;
        if (bytes != 0) // else the language has no words for any of them
            spans[(*n)++] = (struct span){s->data + start, bytes};
        f->plan.items[f->plan.n++] = (struct plan_item){.cursor = cur,
                                                        .seg = chain->segs[i],
                                                        .from = from,
                                                        .to = last,
                                                        .next_after = last == to ? next_after : last + 1,
                                                        .bytes = bytes};
        from = last + 1;
    }
    return true;
}

// All of a room up to a place; false when there is no more room for spans.
static bool plan_until(struct fan *f, struct reader *c, const struct membership *m, uint64_t until,
                       struct span spans[SPANS_MAX], size_t *n)
{
    struct outlet *o = outlet_at(f, m->outlet);
    struct cursor *cur = &o->cursors[m->slot];
    uint64_t from = cur->next;
    ASSERT(m->slot < o->n);
    ASSERT(reader_at(f, cur->conn) == c);
    while (from <= until) {
        const struct skip *s = skips_at(c, m->outlet, cur->next);
        while (s != NULL && (s->outlet != m->outlet || s->to < from)) // runs planned already in this call
            s = s + 1 < c->skips->v + c->skips->n ? s + 1 : NULL;
        if (s == NULL || s->from > until)
            return plan_run(f, o, cur, from, until, until + 1, spans, n);
        uint64_t after = s->to + 1;
        ASSERT(s->from <= s->to);
        ASSERT(after > from);
        if (s->from > from && !plan_run(f, o, cur, from, s->from - 1, after, spans, n))
            return false;
        if (from == cur->next && s->from <= from)
            cur->next = after; // nothing to write before it
        from = after;
    }
    return true;
}

// False when there is no more room for spans. *ret_all: that is all there is of the room. Of a reader who is not told all the rest
// is to be told as a gap first (conflate.h).
static bool plan_membership(struct fan *f, struct reader *c, const struct membership *m,
                            struct span spans[SPANS_MAX], size_t *n, bool *ret_all)
{
    const struct outlet *o = outlet_at(f, m->outlet);
    const uint64_t until = c->slow || o->coalesces ? conflate_until(f, o, &o->cursors[m->slot]) : o->head;
    *ret_all = until == o->head;
    return plan_until(f, c, m, until, spans, n);
}

// Of the connection's own queue as much as it may have while others wait to be written to; true if that is all of it.
static bool plan_own(struct fan *f, const struct reader *c, struct span spans[SPANS_MAX], size_t *n)
{
    uint32_t share = OWN_ROUND_BYTES / (f->dirty_n + 1);
    if (share < OWN_BYTES_MIN)
        share = OWN_BYTES_MIN;
    const struct out_node *node = c->out.head;
    for (; node != NULL && *n < SPANS_MAX; node = node->next) {
        uint32_t bytes = node->left < share ? node->left : share;
        spans[(*n)++] = (struct span){node->p, bytes};
        f->plan.own_bytes += bytes;
        share -= bytes;
        if (share == 0)
            return bytes == node->left && node->next == NULL;
    }
    return node == NULL;
}

size_t fan_plan(struct fan *f, uint32_t index, struct span spans[SPANS_MAX])
{
    ASSERT(f->plan.conn == UINT32_MAX);
    struct reader *c = reader_at(f, index);
    tell_gaps(f, index);
    size_t n = 0;
    f->plan.conn = index;
    f->plan.n = 0;
    f->plan.own_bytes = 0;
    f->plan.done = f->plan.held = 0;
    if (c->gone)
        return 0;
    bool all = plan_own(f, c, spans, &n);
    ASSERT(f->plan.own_bytes <= c->out.bytes);
    if (!all || !reader_open(c))
        return n;
    const struct membership *m;
    uint32_t more = 0;
    for (uint32_t at = 0; (m = next_news(f, index, &at)) != NULL;) {
        bool whole = false;
        if (m->held)
            f->plan.held |= news_bit(at - 1);
        else if (!plan_membership(f, c, m, spans, &n, &whole))
            break;
        else
            *(whole ? &f->plan.done : &more) |= news_bit(at - 1);
    }
    if (m != NULL) // there was no more room for spans
        more |= news_bit((uint32_t)(m - reader_memberships(c)));
    f->plan.done &= ~more; // nor are those done that share a bit with one that is not
    ASSERT(n <= SPANS_MAX);
    ASSERT((f->plan.done & ~f->news[index]) == 0);
    return n;
}

// The socket took n bytes of an item: whole entries count, the rest of a split one goes to the front of the queue.
static enum err settle_part(struct fan *f, struct reader *c, const struct plan_item *it, size_t n,
                            uint64_t *delivered)
{
    uint32_t pos = segment_start(it->seg, it->from) + (uint32_t)n;
    uint64_t low = it->from, high = it->to; // find the entry that holds byte pos
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (segment_end(it->seg, mid) <= pos)
            low = mid + 1;
        else
            high = mid;
    }
    ASSERT(low <= it->to);
    ASSERT(segment_start(it->seg, low) <= pos);
    ASSERT(pos < segment_end(it->seg, low));
    *delivered += low - it->from;
    it->cursor->next = low;
    if (pos == segment_start(it->seg, low))
        return OK;
    str rest = {(const char *)it->seg->data + pos, segment_end(it->seg, low) - pos};
    if (outq_push_front(&c->out, f->cx->mem, it->seg, rest) != OK)
        return ERR_NOMEM;
    it->cursor->next = low == it->to ? it->next_after : low + 1;
    return OK;
}

// True if that was all of it.
static bool settle_plan(struct fan *f, uint32_t index, size_t n)
{
    struct reader *c = reader_at(f, index);
    size_t own = n < f->plan.own_bytes ? n : f->plan.own_bytes;
    outq_advance(&c->out, f->cx->mem, own);
    n -= own;
    uint64_t delivered = 0;
    size_t i = 0;
    for (; i < f->plan.n && own == f->plan.own_bytes; i++) {
        const struct plan_item *it = &f->plan.items[i];
        if (n < it->bytes) {
            if (n != 0 && settle_part(f, c, it, n, &delivered) != OK)
                fan_end(f, index, END_CUT);
            break;
        }
        n -= it->bytes;
        ASSERT(it->cursor->next <= it->from);
        ASSERT(it->to < it->next_after);
        it->cursor->next = it->next_after;
        delivered += it->to - it->from + 1;
    }
    ASSERT(i < f->plan.n || n == 0); // no more was taken than was handed out
    if (delivered != 0)
        fan_delivered(f, c, delivered);
    return i == f->plan.n && own == f->plan.own_bytes;
}

void fan_settle(struct fan *f, uint32_t index, size_t n, bool blocked)
{
    ASSERT(f->plan.conn == index);
    struct reader *c = reader_at(f, index);
    f->plan.conn = UINT32_MAX;
    if (n != 0) {
        metric_add(&f->cx->metrics->writes, 1);
        metric_add(&f->cx->metrics->bytes_out, n);
        if (c->who.tenant != TENANT_NONE)
            metric_add(&who_metrics(f->cx, &c->who)->bytes_out, n);
        f->written += FLUSH_WRITE_COST + n;
    }
    if (settle_plan(f, index, n)) // of the rooms that were in it as a whole there is nothing more
        f->news[index] &= ~(f->plan.done & ~f->plan.held);
    if (c->gone)
        return;
    skips_tidy(f, c);
    if (blocked) {
        c->blocked = c->slow = true;
        metric_add(&f->cx->metrics->writes_blocked, 1);
        metric_add(&f->cx->metrics->blocked, 1);
    } else if (c->out.head != NULL || (reader_open(c) && (f->news[index] & ~f->plan.held) != 0)) {
        fan_mark_dirty(f, index);
    } else if (c->slow) { // written only where it changes: this is all readers' way
        c->slow = false;
    }
}

void fan_on_writable(struct fan *f, uint32_t index)
{
    struct reader *c = reader_at(f, index);
    if (!c->blocked)
        return;
    c->blocked = false;
    metric_sub(&f->cx->metrics->blocked, 1);
    fan_mark_dirty(f, index);
    for (uint32_t i = 0; i < c->member_n; i++) // what was kept for it may go when it has caught up
        outlet_mark_settling(f, reader_memberships(c)[i].outlet);
}

void fan_gone(struct fan *f, uint32_t index)
{
    struct reader *c = reader_at(f, index);
    ASSERT(c->closed);
    c->gone = true;
    if (!c->blocked)
        return;
    c->blocked = false;
    metric_sub(&f->cx->metrics->blocked, 1);
}
