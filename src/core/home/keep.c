// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a batch for each room (a commit for each, where a disk has some hundred a second), a queue of batches (what waits behind a
// slow one can as well be one), and to hold records in blocks of their own until they are kept (the log has them).
#include "core/common/working.h"
#include "core/home/home.h"
#include "core/home/image.h"
#include "core/log/record.h"

enum { MEMORY_AGAIN_MS = 100 };

enum err keep_init(struct home *h)
{
    struct keep *k = &h->keep;
    *k = (struct keep){.due_ms = UINT64_MAX};
    buf_init(&k->batch, h->cx->mem, 0);
    return h->cx->settings->store ? index_list_init(&k->rooms, h->cx->mem, h->cx->settings->rooms_max) : OK;
}

void keep_deinit(struct home *h)
{
    struct keep *k = &h->keep;
    mail_discard(h->cx->mem, k->again != NULL ? &k->again->mail : NULL);
    buf_deinit(&k->batch);
    index_list_deinit(&k->rooms, h->cx->mem);
}

enum err keep_room(struct home *h, struct room *r)
{
    if (!h->cx->settings->store)
        return OK;
    r->keeping = mem_zalloc(h->cx->mem, sizeof *r->keeping);
    return r->keeping != NULL ? OK : ERR_NOMEM;
}

void keep_room_free(struct home *h, struct room *r)
{
    struct keeping *k = r->keeping;
    if (k == NULL)
        return;
    mem_free(h->cx->mem, k->lineage, sizeof *k->lineage);
    mem_free(h->cx->mem, k, sizeof *k);
    r->keeping = NULL;
}

// --- what a room knows of it

uint64_t room_droppable(const struct room *r)
{
    const uint64_t seen = room_newest(r);
    const struct keeping *k = r->keeping;
    return k == NULL || k->durability == DURABILITY_MEMORY || k->kept > seen ? seen : k->kept;
}

const char *room_life(const struct room *r)
{
    return r->keeping != NULL && r->keeping->lineage != NULL ? r->keeping->lineage->life : r->epoch;
}

bool room_covers(const struct room *r, str epoch, uint64_t offset)
{
    const struct lineage *l = r->keeping != NULL ? r->keeping->lineage : NULL;
    if (str_eq(epoch, str_make(r->epoch, EPOCH_LEN)))
        return offset <= r->live.offset;
    for (uint32_t i = 0; l != NULL && i < l->n; i++)
        if (str_eq(epoch, str_make(l->older[i].epoch, EPOCH_LEN)))
            return offset <= l->older[i].last;
    return false;
}

// --- the list

static void queue(struct home *h, uint32_t room, uint64_t due_ms)
{
    struct keeping *k = room_at(h, room)->keeping;
    ASSERT(h->cx->settings->store && !k->opening);
    if (due_ms < h->keep.due_ms)
        h->keep.due_ms = due_ms;
    if (k->queued)
        return;
    k->queued = true;
    index_list_push(&h->keep.rooms, room);
}

// Its rule may say something else than before.
static void look(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    struct keeping *k = r->keeping;
    const uint8_t before = k->durability;
    k->durability = (uint8_t)room_settings(h, r)->room_durability;
    if (k->durability == before)
        return;
    if (before == DURABILITY_DISK) {
        log_reader_remove(&r->log, &k->reader);
        room_mark_dirty(h, room);
    }
    if (k->durability == DURABILITY_DISK)
        log_reader_add(&r->log, &k->reader);
    if (k->durability != DURABILITY_MEMORY && r->log.head > k->posted)
        queue(h, room, h->cx->now_ms);
}

bool keep_ready(struct home *h, uint32_t room, uint64_t *ret_until_ms)
{
    const struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL)
        return true;
    look(h, room);
    if (k->durability != DURABILITY_DISK || !h->keep.away)
        return true;
    *ret_until_ms = h->cx->steady_ms + (h->keep.retry_ms != 0 ? h->keep.retry_ms : 1);
    return false;
}

void keep_said(struct home *h, uint32_t room, size_t bytes)
{
    const struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL)
        return;
    look(h, room);
    if (k->durability == DURABILITY_MEMORY)
        return;
    h->keep.waiting += bytes;
    queue(h, room, h->cx->now_ms + (k->durability == DURABILITY_DISK ? 0 : KEEP_ASYNC_MS));
}

static void image_now(struct home *h, uint32_t room)
{
    struct keeping *k = room_at(h, room)->keeping;
    if (!k->moved || k->opening || k->durability == DURABILITY_MEMORY)
        return;
    k->image_ms = h->cx->now_ms;
    queue(h, room, h->cx->now_ms);
}

void keep_moved(struct home *h, uint32_t room)
{
    struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL || k->moved)
        return;
    k->moved = true;
    if (k->image_ms < h->cx->now_ms + KEEP_IMAGE_MS)
        k->image_ms = h->cx->now_ms + KEEP_IMAGE_MS;
    if (h->keep.all)
        image_now(h, room);
    else
        room_timer(h, room, k->image_ms);
}

uint64_t keep_room_due(struct home *h, uint32_t room)
{
    const struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL || !k->moved || k->durability == DURABILITY_MEMORY)
        return UINT64_MAX;
    if (k->image_ms > h->cx->now_ms)
        return k->image_ms;
    queue(h, room, h->cx->now_ms);
    return UINT64_MAX;
}

void keep_forget(struct home *h, uint32_t room, uint64_t from)
{
    struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL || k->durability == DURABILITY_MEMORY || k->forgot >= from)
        return;
    k->from = k->forgot = from;
    if (from > k->posted + 1)
        k->posted = k->kept = from - 1;
    queue(h, room, h->cx->now_ms);
}

// --- going

// There is nothing of it that the store should have, or has.
static bool unkept(const struct room *r)
{
    return r->keeping == NULL || r->keeping->durability == DURABILITY_MEMORY ||
           (!r->keeping->stored && r->log.head == 0);
}

bool keep_lets_go(struct home *h, uint32_t room)
{
    const struct room *r = room_at(h, room);
    if (unkept(r) || r->keeping->gone)
        return true;
    if (!r->keeping->ending) {
        r->keeping->ending = true;
        queue(h, room, h->cx->now_ms);
    }
    return false;
}

bool keep_goes(struct home *h, uint32_t room)
{
    struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL || !k->ending)
        return false;
    if (!k->ended && !room_is_over(h, room))
        k->ending = false;
    return k->ending;
}

void keep_all(struct home *h)
{
    if (h->keep.all || !h->cx->settings->store)
        return;
    h->keep.all = true;
    for (uint32_t i = 0; i < h->rooms.high; i++)
        if (slab_used(&h->rooms, i))
            image_now(h, i);
}

bool keep_done(const struct home *h)
{
    const struct keep *k = &h->keep;
    return !h->cx->settings->store || (k->all && k->rooms.n == 0 && !k->under_way && k->again == NULL);
}

// --- a batch

static bool image_is_due(const struct home *h, const struct room *r)
{
    const struct keeping *k = r->keeping;
    if (k->moved && k->image_ms <= h->cx->now_ms)
        return true;
    return k->ending ? k->moved || k->image_at != r->log.head
                     : r->log.head - k->image_at >= KEEP_IMAGE_RECORDS;
}

// The last record from `first` on that goes into this batch.
static uint64_t last_that_fits(const struct log *l, uint64_t first, size_t space)
{
    uint64_t at = first;
    size_t bytes = 0;
    for (; at <= l->head; at++) {
        bytes += sizeof(uint32_t) + log_record(l, at).n;
        if (bytes > space && at != first)
            break;
    }
    return at - 1;
}

static void put_records(struct buf *out, const struct log *l, struct store_section *s)
{
    const size_t before = out->n;
    ASSERT(s->first >= l->tail && s->head <= l->head && s->first <= s->head + 1);
    for (uint64_t at = s->first; at <= s->head; at++) {
        const str record = log_record(l, at);
        store_put_section_record(out, record);
        s->steady_ms = record_steady(record);
    }
    s->count = (uint32_t)(s->head + 1 - s->first);
    s->records = str_make("", out->n - before);
}

static void put_image(struct home *h, struct room *r, struct buf *out, struct store_section *s)
{
    const size_t before = out->n;
    const struct made made = room_made(h, r);
    ASSERT(s->head == r->log.head); // of which it is
    image_put(out, &made, r->reads);
    s->image = str_make("", out->n - before);
}

static struct store_section section_of(const struct home *h, uint32_t index)
{
    const struct room *r = room_at(h, index);
    const struct keeping *k = r->keeping;
    struct store_section s = {.room = {index, slab_gen(&h->rooms, index)},
                              .durability = k->durability,
                              .first = k->posted + 1,
                              .from = k->from,
                              .name = room_name(r)};
    memcpy(s.epoch, r->epoch, EPOCH_LEN);
    memcpy(s.lineage.life, r->epoch, EPOCH_LEN);
    if (k->lineage != NULL)
        s.lineage = *k->lineage;
    if (s.first < r->log.tail) // of `memory` until now: what is before that is nowhere
        s.first = s.from = r->log.tail;
    return s;
}

// An image is of the newest record, so it goes with a section that reaches it. Where there is nothing before a section's first record, there
// has to be one: such a section is whole, however large.
static void put_section(struct home *h, uint32_t index)
{
    struct buf *out = &h->keep.batch;
    struct room *r = room_at(h, index);
    struct store_section s = section_of(h, index);
    const size_t space = out->n < STORE_BATCH_BYTES ? STORE_BATCH_BYTES - out->n : 0;
    const size_t at = store_open_section(out);
    s.head = s.from != 0 ? r->log.head : last_that_fits(&r->log, s.first, space);
    s.ended = r->keeping->ending && s.head == r->log.head;
    s.over = s.ended && room_is_over(h, index);
    buf_put_str(out, s.name);
    if (s.head == r->log.head && !s.over && (s.from != 0 || image_is_due(h, r)))
        put_image(h, r, out, &s);
    put_records(out, &r->log, &s);
    store_close_section(out, at, &s);
}

// all: and what no record says.
static bool has_more(const struct room *r, bool all)
{
    const struct keeping *k = r->keeping;
    return k->posted < r->log.head || (k->ending && !k->ended) || k->from != 0 || (all && k->moved);
}

// It is on its way.
static void section_posted(struct home *h, const struct store_section *s)
{
    struct room *r = room_at(h, s->room.index);
    struct keeping *k = r->keeping;
    ASSERT(s->head >= k->posted && s->head <= r->log.head);
    ASSERT(s->count == 0 || s->from != 0 || s->first == k->posted + 1);
    ASSERT(!k->ended && !k->opening);
    ASSERT(!s->ended || (k->ending && s->head == r->log.head));
    k->posted = s->head;
    k->from = 0;
    k->stored = !s->over;
    k->ended = s->ended;
    if (s->image.n == 0)
        return;
    k->image_at = s->head;
    k->image_ms = h->cx->now_ms + KEEP_IMAGE_MS + s->image.n / KEEP_IMAGE_BYTES;
    k->moved = false;
}

// Those that have more to be sent stay in the list.
static void sweep(struct home *h)
{
    struct index_list *l = &h->keep.rooms;
    uint32_t left = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        struct keeping *k = room_at(h, l->v[i])->keeping;
        k->queued = has_more(room_at(h, l->v[i]), h->keep.all);
        if (k->queued)
            l->v[left++] = l->v[i];
    }
    l->n = left;
    h->keep.due_ms = left != 0 ? h->cx->now_ms : UINT64_MAX;
    if (left == 0)
        h->keep.waiting = 0;
}

static struct store_mail *batch_make(struct home *h, uint32_t *ret_sections)
{
    struct keep *k = &h->keep;
    uint32_t n = 0;
    buf_reset(&k->batch, STORE_BATCH_BYTES);
    for (; n < k->rooms.n && k->batch.n < STORE_BATCH_BYTES; n++)
        put_section(h, k->rooms.v[n]);
    *ret_sections = n;
    if (!buf_ok(&k->batch))
        return NULL;
    const struct store_mail m = {.word = STORE_KEEP,
                                 .shard = h->cx->index,
                                 .seq = ++k->seq,
                                 .sections = n,
                                 .records = buf_str(&k->batch)};
    return store_mail_make(h->cx->mem, &m);
}

static void batch_send(struct home *h)
{
    struct keep *k = &h->keep;
    uint32_t n;
    struct store_mail *m = batch_make(h, &n);
    struct store_section s;
    if (m == NULL) {
        metric_add(&h->cx->metrics->limit_memory, 1);
        k->due_ms = h->cx->now_ms + MEMORY_AGAIN_MS;
        k->waiting = 0;
    } else {
        str left = m->records;
        while (n-- != 0 && store_take_section(&left, &s)) {
            section_posted(h, &s);
            metric_add(&h->cx->metrics->kept_records, s.count);
        }
        ASSERT(left.n == 0);
        metric_add(&h->cx->metrics->kept_batches, 1);
        metric_add(&h->cx->metrics->kept_bytes, m->records.n);
        mail_post(h->mail, port_store_writes(h->cx), &m->mail);
        k->under_way = true;
        sweep(h);
    }
    working_fit(&k->batch);
}

void keep_turn(struct home *h)
{
    struct keep *k = &h->keep;
    if (k->under_way)
        return;
    ASSERT(k->rooms.n == 0 || h->cx->settings->store);
    if (k->again != NULL) {
        ASSERT(k->away && k->again->sections != 0);
        if (h->cx->now_ms < k->again_ms)
            return;
        k->again->word = STORE_KEEP;
        mail_post(h->mail, port_store_writes(h->cx), &k->again->mail);
        k->again = NULL;
        k->under_way = true;
    } else if (k->rooms.n != 0 && (h->cx->now_ms >= k->due_ms || k->waiting >= KEEP_ASYNC_BYTES)) {
        batch_send(h);
    }
}

uint64_t keep_due_ms(const struct home *h)
{
    const struct keep *k = &h->keep;
    if (k->under_way)
        return UINT64_MAX;
    return k->again != NULL ? k->again_ms : k->due_ms;
}

// --- answers

static void section_kept(struct home *h, const struct store_section *s)
{
    struct room *r = slab_get(&h->rooms, s->room.index, s->room.gen);
    if (r == NULL)
        return;
    struct keeping *k = r->keeping;
    ASSERT(k->kept <= k->posted && s->head <= k->posted);
    if (s->head > k->kept)
        k->kept = s->head;
    if (k->durability == DURABILITY_DISK && s->head > k->reader.have)
        home_committed(h, s->room.index, &k->reader, s->head);
    if (s->ended) {
        ASSERT(k->ended);
        k->gone = true;
        h->loads.gone++;
        room_timer(h, s->room.index, h->cx->now_ms);
    }
    if (r->standing != NULL && r->log.tail < r->standing->closed_at)
        room_forget(h, s->room.index, r->standing->closed_at);
    if (!r->dirty) // else at the turn's end
        room_trim(h, r);
}

void keep_on_answer(struct home *h, struct store_mail *m)
{
    struct keep *k = &h->keep;
    struct store_section s;
    ASSERT(k->under_way && k->again == NULL && m->seq == k->seq);
    k->under_way = false;
    k->away = m->word != STORE_KEPT;
    if (k->away) {
        k->again = m;
        k->retry_ms = m->retry_ms;
        k->again_ms = h->cx->now_ms + (m->retry_ms != 0 ? m->retry_ms : 1);
        metric_add(&h->cx->metrics->kept_again, 1);
        return;
    }
    str left = m->records;
    while (store_take_section(&left, &s))
        section_kept(h, &s);
    ASSERT(left.n == 0);
    mail_discard(h->cx->mem, &m->mail);
}

void keep_check(const struct home *h)
{
    const struct keep *k = &h->keep;
    uint32_t queued = 0;
    ASSERT(!k->under_way || k->again == NULL); // 3
    ASSERT(k->rooms.n == 0 || k->due_ms != UINT64_MAX);
    buf_check(&k->batch);
    for (uint32_t i = 0; i < h->rooms.high && h->cx->settings->store; i++) {
        const struct room *r = slab_used(&h->rooms, i) ? room_at(h, i) : NULL;
        const struct keeping *at = r != NULL ? r->keeping : NULL;
        if (at == NULL)
            continue;
        queued += at->queued;
        ASSERT(!at->ended || at->ending);
        ASSERT(!at->gone || at->ended);
        if (at->durability == DURABILITY_MEMORY)
            continue;
        ASSERT(at->kept <= at->posted && at->posted <= r->log.head);           // 1
        ASSERT(r->log.tail <= at->kept + 1 || at->opening || at->posted == 0); // 1
        ASSERT(at->queued || !has_more(r, false) || at->opening);              // 2
        ASSERT((at->durability == DURABILITY_DISK) == (r->log.readers != NULL) || at->opening);
    }
    ASSERT(queued == k->rooms.n); // 2
}
