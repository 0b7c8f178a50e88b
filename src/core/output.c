// SPDX-License-Identifier: Apache-2.0
//
// What to write on a connection: its own queue first, then the entries of each of its rooms from its cursor to the
// head, as runs of segment bytes. One call plans, the next settles what the socket took.
//
// A cursor moves by whole entries only. Where the socket took half of one, the other half goes to the front of the
// connection's own queue (with a reference on the segment) and the cursor stands behind it: so a gap, a leave or a
// trimmed segment can never cut a frame in two.
#include "core/shard_state.h"

void conn_mark_dirty(struct shard *sh, uint32_t index)
{
    uint64_t bit = 1ull << (index & 63);
    uint64_t *word = &sh->dirty[index >> 6];
    if (*word & bit)
        return;
    *word |= bit;
    sh->dirty_n++;
}

bool conn_is_dirty(const struct shard *sh, uint32_t index)
{
    return sh->dirty[index >> 6] >> (index & 63) & 1;
}

void conn_clear_dirty(struct shard *sh, uint32_t index)
{
    uint64_t bit = 1ull << (index & 63);
    if (sh->dirty[index >> 6] & bit) {
        sh->dirty[index >> 6] &= ~bit;
        sh->dirty_n--;
    }
}

bool shard_pull_dirty(struct shard *sh, uint32_t *ret_conn)
{
    uint32_t words = (sh->conns.high + 63) / 64;
    while (sh->dirty_n != 0) {
        if (sh->dirty_from >= words)
            sh->dirty_from = 0;
        uint64_t word = sh->dirty[sh->dirty_from];
        if (word == 0) {
            sh->dirty_from++;
            continue;
        }
        uint32_t index = sh->dirty_from * 64 + (uint32_t)__builtin_ctzll(word);
        conn_clear_dirty(sh, index);
        if (!slab_used(&sh->conns, index))
            continue;
        const struct conn *c = conn_at(sh, index);
        if (c->blocked || c->ending == ENDING_GONE)
            continue;
        *ret_conn = index;
        return true;
    }
    sh->dirty_from = 0;
    return false;
}

// The first skip of this outlet at or after `next`, dropping those before it.
static struct skip *skip_at(struct conn *c, uint32_t outlet, uint64_t next)
{
    if (c->skips == NULL)
        return NULL;
    struct skip *found = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->skips->n; i++) {
        struct skip s = c->skips->v[i];
        if (s.outlet == outlet && s.to < next)
            continue;
        c->skips->v[n] = s;
        if (found == NULL && s.outlet == outlet)
            found = &c->skips->v[n];
        n++;
    }
    c->skips->n = n;
    return found;
}

// Those the cursor is past, of any room: nobody may ask for that room's again.
static void skips_tidy(struct shard *sh, struct conn *c)
{
    if (c->skips == NULL)
        return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->skips->n; i++) {
        struct skip s = c->skips->v[i];
        const struct membership *m = conn_find_membership(c, s.outlet);
        if (m != NULL && outlet_at(sh, s.outlet)->cursors[m->slot].next <= s.to)
            c->skips->v[n++] = s;
    }
    c->skips->n = n;
    if (n != 0)
        return;
    mem_free(sh->mem, c->skips, sizeof *c->skips + c->skips->cap * sizeof(struct skip));
    c->skips = NULL;
}

// Announces entries that are gone, and moves the cursor behind the hole.
static void announce_gap(struct shard *sh, uint32_t index, struct outlet *o, struct cursor *cur,
                         uint64_t first)
{
    struct event ev = {
        .type = EV_GAP, .room = outlet_name(o), .gap_from = cur->next, .gap_to = first - 1, .reason = "slow"};
    metric_add(&sh->metrics->gaps, 1);
    metric_add(&sh->metrics->gap_entries, first - cur->next);
    shard_notice(sh, NOTICE_SLOW_READER, index, 0, "gap", outlet_name(o));
    cur->next = first;
    conn_put_event(sh, index, &ev);
}

static void announce_gaps(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    for (uint32_t i = 0; i < c->member_n; i++) {
        struct membership *m = &conn_memberships(c)[i];
        struct outlet *o = outlet_at(sh, m->outlet);
        struct cursor *cur = &o->cursors[m->slot];
        if (m->held || cur->next > o->head)
            continue;
        const struct chain *chain = &o->chains[c->dialect];
        uint64_t first = chain->n != 0 ? chain->segs[0]->first : o->head + 1;
        if (cur->next < first)
            announce_gap(sh, index, o, cur, first);
        if (c->ending != ENDING_OPEN)
            return;
    }
}

// Entries from..to of one outlet as spans; false when there is no more room for spans.
static bool plan_run(struct shard *sh, struct outlet *o, struct cursor *cur, uint64_t from, uint64_t to,
                     uint64_t next_after, struct span spans[SPANS_MAX], size_t *n)
{
    const struct chain *chain = &o->chains[cur->dialect];
    for (uint32_t i = chain_find(chain, from); from <= to; i++) {
        if (*n == SPANS_MAX || sh->plan_n == SPANS_MAX)
            return false;
        const struct segment *s = chain->segs[i];
        uint64_t last =
            i + 1 < chain->n && chain->segs[i + 1]->first <= to ? chain->segs[i + 1]->first - 1 : to;
        uint32_t start = segment_start(s, from);
        uint32_t bytes = segment_end(s, last) - start;
        spans[(*n)++] = (struct span){s->data + start, bytes};
        sh->plan[sh->plan_n++] = (struct plan_item){.cursor = cur,
                                                    .seg = chain->segs[i],
                                                    .from = from,
                                                    .to = last,
                                                    .next_after = last == to ? next_after : last + 1,
                                                    .bytes = bytes};
        from = last + 1;
    }
    return true;
}

static bool plan_membership(struct shard *sh, struct conn *c, struct membership *m,
                            struct span spans[SPANS_MAX], size_t *n)
{
    struct outlet *o = outlet_at(sh, m->outlet);
    struct cursor *cur = &o->cursors[m->slot];
    uint64_t from = cur->next;
    while (from <= o->head) {
        const struct skip *s = skip_at(c, m->outlet, cur->next);
        while (s != NULL && (s->outlet != m->outlet || s->to < from)) // runs planned already in this call
            s = s + 1 < c->skips->v + c->skips->n ? s + 1 : NULL;
        if (s == NULL || s->from > o->head)
            return plan_run(sh, o, cur, from, o->head, o->head + 1, spans, n);
        uint64_t after = s->to + 1;
        if (s->from > from && !plan_run(sh, o, cur, from, s->from - 1, after, spans, n))
            return false;
        if (from == cur->next && s->from <= from)
            cur->next = after; // nothing to write before it
        from = after;
    }
    return true;
}

size_t shard_output(struct shard *sh, uint32_t index, struct span spans[SPANS_MAX])
{
    ASSERT(sh->plan_conn == UINT32_MAX);
    struct conn *c = conn_at(sh, index);
    if (c->ending == ENDING_OPEN && c->member_n != 0)
        announce_gaps(sh, index);
    size_t n = 0;
    sh->plan_conn = index;
    sh->plan_n = 0;
    sh->plan_own_bytes = 0;
    if (c->ending == ENDING_GONE)
        return 0;
    const struct out_node *node = c->out.head;
    for (; node != NULL && n < SPANS_MAX; node = node->next) {
        spans[n++] = (struct span){node->p, node->left};
        sh->plan_own_bytes += node->left;
    }
    if (node != NULL || c->ending != ENDING_OPEN)
        return n;
    for (uint32_t i = 0; i < c->member_n; i++) {
        struct membership *m = &conn_memberships(c)[i];
        if (!m->held && !plan_membership(sh, c, m, spans, &n))
            break;
    }
    return n;
}

// The socket took n bytes of an item: whole entries count, the rest of a split one goes to the front of the queue.
static enum err settle_part(struct shard *sh, struct conn *c, const struct plan_item *it, size_t n,
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
    *delivered += low - it->from;
    it->cursor->next = low;
    if (pos == segment_start(it->seg, low))
        return OK;
    str rest = {(const char *)it->seg->data + pos, segment_end(it->seg, low) - pos};
    if (outq_push_front(&c->out, sh->mem, it->seg, rest) != OK)
        return ERR_NOMEM;
    it->cursor->next = low == it->to ? it->next_after : low + 1;
    return OK;
}

static bool conn_has_output(struct shard *sh, struct conn *c)
{
    if (c->out.head != NULL)
        return true;
    if (c->ending != ENDING_OPEN)
        return false;
    for (uint32_t i = 0; i < c->member_n; i++) {
        const struct membership *m = &conn_memberships(c)[i];
        const struct outlet *o = outlet_at(sh, m->outlet);
        if (!m->held && o->cursors[m->slot].next <= o->head)
            return true;
    }
    return false;
}

static void settle_plan(struct shard *sh, uint32_t index, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t own = n < sh->plan_own_bytes ? n : sh->plan_own_bytes;
    outq_advance(&c->out, sh->mem, own);
    n -= own;
    uint64_t delivered = 0;
    for (size_t i = 0; i < sh->plan_n && n > 0; i++) {
        const struct plan_item *it = &sh->plan[i];
        if (n < it->bytes) {
            if (settle_part(sh, c, it, n, &delivered) != OK)
                conn_abort(sh, index, CLOSE_MEMORY);
            break;
        }
        n -= it->bytes;
        it->cursor->next = it->next_after;
        delivered += it->to - it->from + 1;
    }
    if (delivered != 0)
        metric_add(&sh->metrics->deliveries, delivered);
}

void shard_output_done(struct shard *sh, uint32_t index, size_t n, bool blocked)
{
    ASSERT(sh->plan_conn == index);
    struct conn *c = conn_at(sh, index);
    sh->plan_conn = UINT32_MAX;
    if (c->ending == ENDING_GONE)
        return;
    if (n != 0) {
        metric_add(&sh->metrics->writes, 1);
        metric_add(&sh->metrics->bytes_out, n);
        settle_plan(sh, index, n);
        if (c->phase == PHASE_LINE)
            c->ping_waiting = false; // it reads
    }
    if (c->ending == ENDING_GONE)
        return;
    skips_tidy(sh, c);
    if (blocked) {
        c->blocked = true;
        metric_add(&sh->metrics->writes_blocked, 1);
        metric_add(&sh->metrics->blocked, 1);
    } else if (conn_has_output(sh, c)) {
        conn_mark_dirty(sh, index);
    }
    if (c->ending != ENDING_OPEN)
        conn_end_step(sh, index);
    else if ((c->parked == WAIT_OUTPUT || c->parked == WAIT_READERS) &&
             c->out.bytes <= conn_out_bound(sh, c) / 2)
        conn_queue_unpark(sh, index);
}

void shard_on_writable(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (!c->blocked)
        return;
    c->blocked = false;
    metric_sub(&sh->metrics->blocked, 1);
    conn_mark_dirty(sh, index);
    for (uint32_t i = 0; i < c->member_n; i++) // what was kept for it may go when it has caught up
        outlet_mark_settling(sh, conn_memberships(c)[i].outlet);
}
