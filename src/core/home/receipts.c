// SPDX-License-Identifier: Apache-2.0
//
// Nothing that is settled asks for memory: the mail is the body, the lists are links in the rows, and a holder was made with its first
// claim.
#include "core/home/receipts.h"

enum { HOLDERS_LOOK_MS = 10000, ROWS_MAX = 1 << 26 };

void receipts_init(struct receipts *t, struct mem *m)
{
    *t = (struct receipts){.mem = m, .settled = {SLAB_NONE, SLAB_NONE}};
    slab_init(&t->rows, m, sizeof(struct receipt), ROWS_MAX);
    map_init(&t->by_print, m);
    prints_init(&t->holders, m, sizeof(struct holder), HOLDERS_LOOK_MS);
}

static void body_free(struct receipts *t, struct receipt *r)
{
    if (r->kept != NULL)
        mail_discard(t->mem, &r->kept->mail);
    r->kept = NULL;
}

void receipts_deinit(struct receipts *t)
{
    for (uint32_t i = 0; i < t->rows.high; i++)
        if (slab_used(&t->rows, i))
            body_free(t, receipt_at(t, i));
    slab_deinit(&t->rows);
    map_deinit(&t->by_print);
    prints_deinit(&t->holders);
}

// --- lists, by age

static void append(struct receipts *t, struct receipt_list *l, uint32_t index, size_t links)
{
#define LINKS(i) ((struct receipt_links *)(void *)((char *)receipt_at(t, (i)) + links))
    *LINKS(index) = (struct receipt_links){.older = l->newest, .newer = SLAB_NONE};
    if (l->newest != SLAB_NONE)
        LINKS(l->newest)->newer = index;
    else
        l->oldest = index;
    l->newest = index;
}

static void take_out(struct receipts *t, struct receipt_list *l, uint32_t index, size_t links)
{
    const struct receipt_links at = *LINKS(index);
    if (at.older != SLAB_NONE)
        LINKS(at.older)->newer = at.newer;
    else
        l->oldest = at.newer;
    if (at.newer != SLAB_NONE)
        LINKS(at.newer)->older = at.older;
    else
        l->newest = at.older;
#undef LINKS
}

enum { BY_AGE = offsetof(struct receipt, by_age), OF_HOLDER = offsetof(struct receipt, of_holder) };

static struct holder *holder_of(const struct receipts *t, const struct receipt *r)
{
    struct holder *h = prints_find(&t->holders, r->holder);
    ASSERT(h != NULL && h->n != 0);
    return h;
}

// Its body goes out of the books; it is still there.
static void body_out(struct receipts *t, uint32_t index)
{
    struct receipt *r = receipt_at(t, index);
    struct holder *h = holder_of(t, r);
    if (r->kept == NULL)
        return;
    take_out(t, &h->bodies, index, OF_HOLDER);
    ASSERT(h->bytes >= r->kept->mail.bytes && t->bytes >= r->kept->mail.bytes);
    h->bytes -= r->kept->mail.bytes;
    t->bytes -= r->kept->mail.bytes;
}

static void settled_in(struct receipts *t, uint32_t index, enum receipt_state state, uint64_t now_ms)
{
    struct receipt *r = receipt_at(t, index);
    struct holder *h = holder_of(t, r);
    ASSERT(r->state == RECEIPT_PENDING && state != RECEIPT_PENDING);
    r->state = (uint8_t)state;
    r->settled_ms = now_ms;
    append(t, &t->settled, index, BY_AGE);
    if (r->kept == NULL)
        return;
    append(t, &h->bodies, index, OF_HOLDER);
    h->bytes += r->kept->mail.bytes;
    t->bytes += r->kept->mail.bytes;
}

static void settled_out(struct receipts *t, uint32_t index)
{
    ASSERT(receipt_at(t, index)->state != RECEIPT_PENDING);
    take_out(t, &t->settled, index, BY_AGE);
    body_out(t, index);
}

// PENDING, or out of the lists.
static void forget(struct receipts *t, uint32_t index)
{
    struct receipt *r = receipt_at(t, index);
    struct holder *h = holder_of(t, r);
    body_free(t, r);
    h->n--;
    bool found = map_remove(&t->by_print, r->print.lo, index);
    ASSERT(found);
    slab_free(&t->rows, index);
}

// --- claims

static bool receipt_eq(const void *ctx, uint32_t value, const void *key)
{
    const struct receipt *r = receipt_at(ctx, value);
    const u128 *print = key;
    return r->print.lo == print->lo && r->print.hi == print->hi;
}

static enum claimed claim_new(struct receipts *t, const struct receipt_claim *c,
                              const struct receipts_limits *l, uint64_t now_ms, uint32_t *ret_index)
{
    struct holder *h = prints_find(&t->holders, c->holder);
    if (h != NULL && h->n >= l->keys)
        return CLAIMED_FULL;
    if (t->rows.count >= (uint64_t)RECEIPTS_HOLDERS * l->keys)
        return CLAIMED_FULL;
    if (h == NULL && (h = prints_make(&t->holders, c->holder, now_ms)) == NULL)
        return CLAIMED_NOMEM;
    if (h->n == 0)
        h->bodies = (struct receipt_list){SLAB_NONE, SLAB_NONE};
    uint32_t index = slab_alloc(&t->rows);
    if (index == SLAB_NONE)
        return CLAIMED_NOMEM;
    if (map_insert(&t->by_print, c->print.lo, index) != OK) {
        slab_free(&t->rows, index);
        return CLAIMED_NOMEM;
    }
    *receipt_at(t, index) = (struct receipt){
        .print = c->print, .fingerprint = c->fingerprint, .holder = c->holder, .state = RECEIPT_PENDING};
    h->n++;
    *ret_index = index;
    return CLAIMED_GRANTED;
}

enum claimed receipts_claim(struct receipts *t, const struct receipt_claim *c,
                            const struct receipts_limits *l, uint64_t now_ms, uint32_t *ret_index)
{
    uint32_t index = map_find(&t->by_print, c->print.lo, receipt_eq, t, &c->print);
    struct receipt *r = index != MAP_NONE ? receipt_at(t, index) : NULL;
    if (r != NULL && r->state != RECEIPT_PENDING && now_ms > r->settled_ms + l->window_ms) {
        settled_out(t, index);
        forget(t, index);
        r = NULL;
    }
    if (r == NULL)
        return claim_new(t, c, l, now_ms, ret_index);
    if (r->fingerprint != c->fingerprint)
        return CLAIMED_OTHER;
    *ret_index = index;
    switch ((enum receipt_state)r->state) {
    case RECEIPT_PENDING:
        return CLAIMED_BUSY;
    case RECEIPT_DONE:
        return CLAIMED_DONE;
    case RECEIPT_LOST:
        return CLAIMED_LOST;
    case RECEIPT_PART:
        settled_out(t, index);
        r->state = RECEIPT_PENDING;
        return CLAIMED_GRANTED;
    }
    UNREACHABLE();
}

// --- what came of it

// The bodies of its holder's oldest go until there is room; and where all holders have as much as all may have, this one.
static void fit(struct receipts *t, uint32_t index, const struct receipts_limits *l)
{
    struct holder *h = holder_of(t, receipt_at(t, index));
    while (h->bytes > l->bytes || (t->bytes > RECEIPTS_HOLDERS * l->bytes && h->bytes != 0)) {
        uint32_t oldest = h->bytes > l->bytes ? h->bodies.oldest : index;
        struct receipt *r = receipt_at(t, oldest);
        if (r->kept == NULL)
            return;
        body_out(t, oldest);
        body_free(t, r);
        r->state = RECEIPT_LOST;
    }
}

void receipts_take_back(struct receipts *t, uint32_t index, uint64_t now_ms)
{
    ASSERT(receipt_at(t, index)->state == RECEIPT_PENDING);
    if (receipt_at(t, index)->kept != NULL)
        settled_in(t, index, RECEIPT_PART, now_ms);
    else
        forget(t, index);
}

void receipts_settle(struct receipts *t, struct settle_mail *s, const struct receipts_limits *l,
                     uint64_t now_ms)
{
    static const uint8_t states[] = {
        [SETTLED_DONE] = RECEIPT_DONE, [SETTLED_PART] = RECEIPT_PART, [SETTLED_LOST] = RECEIPT_LOST};
    uint32_t index = s->receipt.index;
    struct receipt *r = slab_get(&t->rows, index, s->receipt.gen);
    ASSERT(r != NULL && r->state == RECEIPT_PENDING); // settled once, and not forgotten before
    if (s->how == SETTLED_VOID) {
        mail_discard(t->mem, &s->mail);
        receipts_take_back(t, index, now_ms);
        return;
    }
    const enum receipt_state state = (enum receipt_state)states[s->how];
    body_free(t, r);
    r->kept = s;
    if (state == RECEIPT_LOST)
        body_free(t, r);
    settled_in(t, index, state, now_ms);
    fit(t, index, l);
}

// --- time

static bool unused(void *ctx, void *row)
{
    (void)ctx;
    return ((const struct holder *)row)->n == 0;
}

bool receipts_expire(struct receipts *t, uint32_t window_ms, uint64_t now_ms, uint32_t count_max)
{
    uint32_t index;
    if (now_ms >= t->holders.look_ms)
        prints_look(&t->holders, now_ms, unused, NULL);
    while ((index = t->settled.oldest) != SLAB_NONE &&
           now_ms > receipt_at(t, index)->settled_ms + window_ms) {
        if (count_max-- == 0)
            return true;
        settled_out(t, index);
        forget(t, index);
    }
    return false;
}

uint64_t receipts_due_ms(const struct receipts *t, uint32_t window_ms)
{
    uint64_t due = t->holders.look_ms;
    if (t->settled.oldest != SLAB_NONE && receipt_at(t, t->settled.oldest)->settled_ms + window_ms + 1 < due)
        due = receipt_at(t, t->settled.oldest)->settled_ms + window_ms + 1;
    return due;
}

// --- what must hold

void receipts_check(const struct receipts *t)
{
    uint32_t settled = 0, listed = 0, counted = 0;
    uint64_t bytes = 0, held = 0;
    for (uint32_t i = 0; i < t->rows.high; i++) {
        if (!slab_used(&t->rows, i))
            continue;
        const struct receipt *r = receipt_at(t, i);
        ASSERT(map_find(&t->by_print, r->print.lo, receipt_eq, t, &r->print) == i); // 1
        ASSERT(holder_of(t, r)->n != 0);                                            // 1
        ASSERT(r->state != RECEIPT_LOST || r->kept == NULL);
        ASSERT(r->kept != NULL || r->state == RECEIPT_LOST || r->state == RECEIPT_PENDING);
        settled += r->state != RECEIPT_PENDING;
        bytes += r->state != RECEIPT_PENDING && r->kept != NULL ? r->kept->mail.bytes : 0;
    }
    for (uint32_t i = t->settled.oldest; i != SLAB_NONE; i = receipt_at(t, i)->by_age.newer)
        listed++;
    ASSERT(listed == settled); // 2
    for (uint32_t i = 0; i < t->holders.slab.high; i++) {
        if (!slab_used(&t->holders.slab, i))
            continue;
        const struct holder *h = slab_at(&t->holders.slab, i);
        uint64_t own = 0;
        for (uint32_t k = h->n != 0 ? h->bodies.oldest : SLAB_NONE; k != SLAB_NONE;
             k = receipt_at(t, k)->of_holder.newer)
            own += receipt_at(t, k)->kept->mail.bytes;
        ASSERT(own == h->bytes); // 3
        counted += h->n;
        held += h->bytes;
    }
    ASSERT(counted == t->rows.count && t->by_print.count == t->rows.count); // 1
    ASSERT(held == t->bytes && bytes == t->bytes);                          // 3, 4
    slab_check(&t->rows);
    map_check(&t->by_print);
    prints_check(&t->holders);
}
