// SPDX-License-Identifier: Apache-2.0
//
// Small replies are packed into shared nodes, so that a client that pipelines a hundred commands gets its hundred
// acks in one write of a few spans. Rejected: a growing contiguous buffer per connection (a realloc and a memmove
// for every slow reader, the kind of buffer other servers are criticised for).
#include "core/fan/outq.h"

static struct out_node *node_create(struct mem *m, uint32_t cap)
{
    struct mem *part = mem_is_part(m) ? m : NULL;
    struct out_node *n = mem_alloc(part != NULL ? part->whole : m, sizeof *n + cap);
    if (n == NULL)
        return NULL;
    if (part != NULL && !mem_part_charge(part, sizeof *n + cap))
        part = NULL;
    *n = (struct out_node){.cap = cap, .part = part};
    n->p = n->data;
    return n;
}

static void node_free(struct mem *m, struct out_node *n)
{
    if (n->home != NULL) {
        n->next = *n->home;
        *n->home = n;
        return;
    }
    if (n->part != NULL)
        mem_part_discharge(n->part, sizeof *n + n->cap);
    segment_unref(m, n->seg);
    mem_free(m, n, sizeof *n + n->cap);
}

static void outq_link(struct outq *q, struct out_node *n)
{
    ASSERT(n->next == NULL);
    ASSERT((q->head == NULL) == (q->tail == NULL));
    if (q->tail != NULL)
        q->tail->next = n;
    else
        q->head = n;
    q->tail = n;
}

void outq_deinit(struct outq *q, struct mem *m)
{
    while (q->head != NULL) {
        struct out_node *n = q->head;
        q->head = n->next;
        node_free(m, n);
    }
    *q = (struct outq){0};
}

void outq_check(const struct outq *q)
{
    uint64_t bytes = 0, referred = 0;
    const struct out_node *last = NULL;
    for (const struct out_node *n = q->head; n != NULL; n = n->next) {
        ASSERT(n->left != 0);
        ASSERT(n->p != NULL);
        ASSERT(n->cap == 0 || n->p >= n->data);
        ASSERT(n->cap == 0 || (size_t)(n->p - n->data) + n->left <= n->cap);
        bytes += n->left;
        referred += n->seg != NULL ? n->left : 0;
        last = n;
    }
    ASSERT(bytes == q->bytes);
    ASSERT(referred == q->referred);
    ASSERT(last == q->tail);
}

static void node_put(struct out_node *n, str s)
{
    if (s.n == 0)
        return;
    ASSERT((size_t)(n->p - n->data) + n->left + s.n <= n->cap);
    memcpy(n->data + (n->p - n->data) + n->left, s.p, s.n);
    n->left += (uint32_t)s.n;
}

// The tail node if it owns its bytes and has room for n more.
static struct out_node *outq_tail_with_room(struct outq *q, size_t n)
{
    struct out_node *t = q->tail;
    if (t == NULL || t->cap == 0)
        return NULL;
    size_t used = (size_t)(t->p - t->data) + t->left;
    return t->cap - used >= n ? t : NULL;
}

// A large one behind one that is full; between references there are only a few words.
static size_t outq_next_cap(const struct outq *q)
{
    return q->tail == NULL || q->tail->cap == 0 ? OUT_NODE_BYTES : OUT_NODE_BYTES_MAX;
}

enum err outq_put(struct outq *q, struct mem *m, str a, str b, str c)
{
    size_t n = a.n + b.n + c.n;
    if (n == 0)
        return OK;
    if (n > UINT32_MAX / 2 || q->bytes > UINT32_MAX / 2)
        return ERR_NOMEM;
    struct out_node *node = outq_tail_with_room(q, n);
    if (node == NULL) {
        size_t cap = outq_next_cap(q);
        node = node_create(m, (uint32_t)(n > cap ? n : cap));
        if (node == NULL)
            return ERR_NOMEM;
        outq_link(q, node);
    }
    node_put(node, a);
    node_put(node, b);
    node_put(node, c);
    q->bytes += (uint32_t)n;
    return OK;
}

static struct out_node *node_refer(struct mem *m, struct segment *seg, str bytes)
{
    struct out_node *n = node_create(m, 0);
    if (n == NULL)
        return NULL;
    n->p = (const uint8_t *)bytes.p;
    n->left = (uint32_t)bytes.n;
    n->seg = seg;
    return n;
}

enum err outq_put_static(struct outq *q, struct mem *m, str bytes)
{
    if (bytes.n == 0)
        return OK;
    struct out_node *n = node_refer(m, NULL, bytes);
    if (n == NULL)
        return ERR_NOMEM;
    outq_link(q, n);
    q->bytes += n->left;
    return OK;
}

void outq_put_lent(struct outq *q, str bytes, struct out_node **home)
{
    struct out_node *n = *home;
    ASSERT(n != NULL);
    ASSERT(n->home == home);
    ASSERT(bytes.n != 0);
    *home = n->next;
    n->next = NULL;
    n->p = (const uint8_t *)bytes.p;
    n->left = (uint32_t)bytes.n;
    outq_link(q, n);
    q->bytes += n->left;
}

enum err outq_put_segment(struct outq *q, struct mem *m, struct segment *seg, str bytes)
{
    if (bytes.n == 0) // entries that a language has no words for
        return OK;
    ASSERT((const uint8_t *)bytes.p >= seg->data);
    ASSERT((const uint8_t *)bytes.p + bytes.n <= seg->data + seg->cap);
    if (bytes.n > UINT32_MAX / 2 || q->bytes > UINT32_MAX / 2)
        return ERR_NOMEM;
    struct out_node *n = node_refer(m, seg, bytes);
    if (n == NULL)
        return ERR_NOMEM;
    segment_ref(seg);
    outq_link(q, n);
    q->bytes += n->left;
    q->referred += n->left;
    return OK;
}

enum err outq_push_front(struct outq *q, struct mem *m, struct segment *seg, str bytes)
{
    ASSERT(bytes.n != 0);
    ASSERT((const uint8_t *)bytes.p + bytes.n <= seg->data + seg->cap);
    struct out_node *n = node_refer(m, seg, bytes);
    if (n == NULL)
        return ERR_NOMEM;
    segment_ref(seg);
    n->next = q->head;
    q->head = n;
    if (q->tail == NULL)
        q->tail = n;
    q->bytes += n->left;
    q->referred += n->left;
    return OK;
}

enum err outq_own_rest(struct outq *q, struct mem *m, const struct segment *seg)
{
    struct out_node *h = q->head;
    if (h == NULL || h->seg != seg)
        return OK;
    struct out_node *own = node_create(m, h->left);
    if (own == NULL)
        return ERR_NOMEM;
    node_put(own, str_make((const char *)h->p, h->left));
    own->next = h->next;
    q->head = own;
    if (q->tail == h)
        q->tail = own;
    q->referred -= h->left;
    node_free(m, h);
    return OK;
}

void outq_append(struct outq *q, struct outq *more)
{
    if (more->head == NULL)
        return;
    if (q->head == NULL)
        q->head = more->head;
    else
        q->tail->next = more->head;
    q->tail = more->tail;
    q->bytes += more->bytes;
    q->referred += more->referred;
    *more = (struct outq){0};
}

void outq_advance(struct outq *q, struct mem *m, size_t n)
{
    ASSERT(n <= q->bytes);
    q->bytes -= (uint32_t)n;
    while (n > 0) {
        struct out_node *h = q->head;
        uint32_t take = n < h->left ? (uint32_t)n : h->left;
        q->referred -= h->seg != NULL ? take : 0;
        if (take < h->left) {
            h->p += take;
            h->left -= take;
            return;
        }
        n -= take;
        q->head = h->next;
        node_free(m, h);
    }
    if (q->head == NULL)
        q->tail = NULL;
    ASSERT((q->head == NULL) == (q->bytes == 0));
    ASSERT(q->referred <= q->bytes);
}
