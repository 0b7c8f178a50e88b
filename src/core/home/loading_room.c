// SPDX-License-Identifier: Apache-2.0
//
// A room that comes from the store: made as its image says, with the records behind it, some in each turn; and the epoch in which it goes on.
#include "core/common/who.h"
#include "core/home/home.h"
#include "core/home/image.h"
#include "core/log/record.h"

// It goes on in another epoch: what people may have seen of this one behind its newest record was not kept.
static enum err begin_epoch(struct home *h, struct room *r)
{
    struct keeping *k = r->keeping;
    if (k->lineage == NULL) {
        k->lineage = mem_zalloc(h->cx->mem, sizeof *k->lineage);
        if (k->lineage == NULL)
            return ERR_NOMEM;
        memcpy(k->lineage->life, r->epoch, EPOCH_LEN);
    }
    struct lineage *l = k->lineage;
    ASSERT(l->n <= LINEAGE_MAX && r->members == 0);
    if (l->n < LINEAGE_MAX)
        l->n++;
    memmove(&l->older[1], &l->older[0], (l->n - 1u) * sizeof l->older[0]);
    memcpy(l->older[0].epoch, r->epoch, EPOCH_LEN);
    l->older[0].last = r->log.head;
    room_epoch_make(h, r);
    k->moved = true; // the store is told with the next image at the latest
    metric_add(&h->cx->metrics->epochs_ended, 1);
    return OK;
}

static bool may_have_lost(const struct loading *e, enum room_durability now)
{
    return e->facts.durability == DURABILITY_DISK ? now != DURABILITY_DISK : !e->facts.clean;
}

// All of it is here: whoever waited for it goes on.
static void complete(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    const uint32_t room = e->room;
    struct room *r = room_at(h, room);
    struct keeping *k = r->keeping;
    ASSERT(r->log.head == e->head && r->live.offset == e->head);
    k->kept = k->posted = e->head;
    k->image_at = e->facts.image_at;
    k->stored = true;
    r->said = true;
    if (may_have_lost(e, room_settings(h, r)->room_durability) && begin_epoch(h, r) != OK) {
        loading_refuse_memory(h, index);
        return;
    }
    k->opening = false;
    r->empty_ms = h->cx->now_ms;
    if (r->log.tail <= r->log.head)
        relief_spoken(h, room);
    uint64_t until_ms;
    (void)keep_ready(h, room, &until_ms); // by its rule, from here on
    if (k->moved)
        k->image_ms = h->cx->now_ms + KEEP_IMAGE_MS;
    room_timer(h, room, h->cx->now_ms + 1);
    metric_add(&h->cx->metrics->rooms_loaded, 1);
    home_witness(h, r, NULL, NULL);
    loading_done(h, index);
}

static enum image_verdict take_image(struct home *h, struct room *r, const struct store_mail *m)
{
    const struct made made = room_made(h, r);
    str epoch;
    uint64_t at;
    if (m->facts.image_at == 0 && m->image.n == 0)
        return m->first == 1 ? IMAGE_OK : IMAGE_BROKEN;
    const enum image_verdict v = image_look(m->image, &epoch, &at);
    if (v != IMAGE_OK)
        return v;
    if (at != m->facts.image_at || !str_eq(epoch, made.epoch) || m->first > at + 1)
        return IMAGE_BROKEN;
    return image_take(m->image, &made, &r->reads);
}

static enum err take_facts(struct home *h, struct room *r, const struct store_room *facts)
{
    memcpy(r->epoch, facts->epoch, EPOCH_LEN);
    if (facts->lineage.n == 0 && memcmp(facts->lineage.life, facts->epoch, EPOCH_LEN) == 0)
        return OK;
    r->keeping->lineage = mem_alloc(h->cx->mem, sizeof *r->keeping->lineage);
    if (r->keeping->lineage == NULL)
        return ERR_NOMEM;
    *r->keeping->lineage = facts->lineage;
    return OK;
}

// ROOM: it is made, as its image says; records follow.
void loading_room_comes(struct home *h, uint32_t index, struct store_mail *m)
{
    struct loading *e = loading_at(h, index);
    uint32_t room;
    e->piece = m;
    e->left = m->records;
    const enum err made = room_create(h, loading_name(e), e->hash, &room);
    if (made == ERR_NOMEM) {
        loading_refuse_memory(h, index);
        return;
    }
    if (made != OK) {
        loading_refuse_full(h, index);
        return;
    }
    struct room *r = room_at(h, room);
    e->room = room;
    r->keeping->opening = true;
    e->facts = m->facts;
    e->next = m->first;
    e->head = m->facts.head;
    const enum err told = take_facts(h, r, &m->facts);
    const enum image_verdict v = told == OK ? take_image(h, r, m) : IMAGE_MEMORY;
    if (v == IMAGE_MEMORY) {
        loading_refuse_memory(h, index);
    } else if (v != IMAGE_OK) {
        loading_refuse_broken(h, index,
                              v == IMAGE_NEWER ? "its image is of a newer version of this program"
                                               : "its image does not fit its records");
    } else {
        r->said = true;
        log_begin(&r->log, m->first);
        r->live.offset = m->first - 1;
        r->keeping->kept = r->keeping->posted = m->first - 1;
        room_look_ruled(r);
        loading_applying(h, index);
    }
}

// What is in the image already comes into the log only.
static enum err apply(struct home *h, struct room *r, const struct loading *e, struct entry *entry)
{
    const struct made made = room_made(h, r);
    const struct live_tools tools = room_tools(h, r);
    struct verdict v;
    entry->room = room_name(r);
    if (e->next <= e->facts.image_at)
        return apply_kept(&made, e->next, entry, &tools);
    enum err applied = apply_record(&made, e->next, entry, NULL, &tools, &v);
    if (applied == OK && entry->type == ENTRY_MESSAGE)
        reads_message(r->reads);
    return applied;
}

enum applied { APPLIED, APPLIED_BROKEN, APPLIED_MEMORY };

static enum applied apply_next(struct home *h, struct loading *e, size_t *ret_bytes)
{
    struct room *r = room_at(h, e->room);
    struct entry entry;
    uint64_t offset;
    str record;
    ASSERT(r->keeping->opening && r->members == 0 && r->log.readers == NULL);
    ASSERT(e->next == r->log.head + 1 && e->next <= e->head);
    if (!store_take_record(&e->left, &offset, &record) || offset != e->next ||
        record_decode(record, &entry) != RECORD_OK)
        return APPLIED_BROKEN;
    entry.offset = offset;
    *ret_bytes = record.n;
    enum err applied = apply(h, r, e, &entry);
    if (applied != OK && relief_for(h, r, 4 * record.n))
        applied = apply(h, r, e, &entry);
    if (applied != OK)
        return APPLIED_MEMORY;
    r->live.offset = r->keeping->kept = r->keeping->posted = r->log.head;
    e->next++;
    return APPLIED;
}

// Some records of one; how many.
uint32_t loading_apply_some(struct home *h, uint32_t index, uint32_t records, size_t bytes)
{
    struct loading *e = loading_at(h, index);
    struct room *r = room_at(h, e->room);
    ASSERT(e->state == LOADING_APPLYING && e->piece != NULL);
    const size_t before = r->log.bytes;
    enum applied a = APPLIED;
    uint32_t n = 0;
    for (size_t more = 0, done = 0; e->left.n != 0 && n < records && done < bytes && a == APPLIED; n++) {
        a = apply_next(h, e, &more);
        done += more;
    }
    room_log_moved(h, before, r->log.bytes);
    room_look_ruled(r);
    if (a == APPLIED)
        room_trim(h, r);
    if (a == APPLIED_BROKEN)
        loading_refuse_broken(h, index, "a record is missing, or is none");
    else if (a == APPLIED_MEMORY)
        loading_refuse_memory(h, index);
    else if (e->next > e->head)
        complete(h, index);
    else if (e->left.n == 0)
        loading_more(h, index);
    return n + 1;
}

// RECORDS: more of a room that is on its way.
void loading_records_come(struct home *h, uint32_t index, struct store_mail *m)
{
    struct loading *e = loading_at(h, index);
    if (e->room == MAP_NONE || m->first != e->next || m->last < m->first) {
        mail_discard(h->cx->mem, &m->mail);
        loading_refuse_broken(h, index, "records are missing");
        return;
    }
    loading_piece_drop(h, e);
    e->piece = m;
    e->left = m->records;
    loading_applying(h, index);
}
