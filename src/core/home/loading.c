// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to make the room first and fill it then (it would be charged for, and take a right, before it is known whether it is new), and
// to know all names of the store from the start (a million rooms would be 100 MB, and a start that takes as long).
#include "core/common/who.h"
#include "core/home/course.h"
#include "core/home/home.h"
#include "core/home/image.h"
#include "core/log/record.h"

static struct loading *load_at(const struct home *h, uint32_t index) { return slab_at(&h->loads.all, index); }
static str load_name(const struct loading *e) { return str_make(e->name, e->name_n); }

static bool load_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(load_name(load_at(ctx, value)), *(const str *)key);
}

static uint32_t load_find(const struct home *h, str name, uint64_t hash)
{
    return map_find(&h->loads.by_name, hash, load_eq, h, &name);
}

void loads_init(struct home *h)
{
    h->loads = (struct loads){.gone = 1, .applying = SLAB_NONE};
    slab_init(&h->loads.all, h->cx->mem, sizeof(struct loading), LOADS_MAX);
    map_init(&h->loads.by_name, h->cx->mem);
}

static void piece_drop(struct home *h, struct loading *e)
{
    mail_discard(h->cx->mem, e->piece != NULL ? &e->piece->mail : NULL);
    e->piece = NULL;
    e->left = STR_NONE;
}

void loads_deinit(struct home *h)
{
    struct ask *a;
    for (uint32_t i = 0; i < h->loads.all.high; i++) {
        if (!slab_used(&h->loads.all, i))
            continue;
        while ((a = course_pop(&load_at(h, i)->asks)) != NULL)
            mail_discard(h->cx->mem, &a->mail);
        piece_drop(h, load_at(h, i));
    }
    slab_deinit(&h->loads.all);
    map_deinit(&h->loads.by_name);
}

// --- those that are applied

static void applying_add(struct home *h, uint32_t index)
{
    struct loading *e = load_at(h, index);
    e->state = LOADING_APPLYING;
    e->newer = h->loads.applying;
    e->older = SLAB_NONE;
    if (e->newer != SLAB_NONE)
        load_at(h, e->newer)->older = index;
    h->loads.applying = index;
}

static void applying_remove(struct home *h, uint32_t index)
{
    struct loading *e = load_at(h, index);
    if (e->state != LOADING_APPLYING)
        return;
    e->state = LOADING_ASKED;
    if (e->newer != SLAB_NONE)
        load_at(h, e->newer)->older = e->older;
    if (e->older != SLAB_NONE)
        load_at(h, e->older)->newer = e->newer;
    else
        h->loads.applying = e->newer;
}

// --- the end of one

// Its asks, which are the caller's from here on.
static struct course_list entry_end(struct home *h, uint32_t index)
{
    struct loading *e = load_at(h, index);
    const struct course_list asks = e->asks;
    bool there = map_remove(&h->loads.by_name, e->hash, index);
    ASSERT(there);
    applying_remove(h, index);
    piece_drop(h, e);
    slab_free(&h->loads.all, index);
    return asks;
}

static void refuse_ask(struct home *h, struct ask *a, const struct problem *why)
{
    struct problem p = *why;
    p.word_kind = WORD_QUOTED;
    p.word = a->cmd.room;
    if (a->charged)
        home_refund(h, a);
    home_answer_problem(h, a, a->type == ASK_JOIN ? EFFECT_REFUSED : EFFECT_NONE, &p);
}

// What there is of the room so far goes.
static void refuse_all(struct home *h, uint32_t index, const struct problem *why)
{
    const uint32_t room = load_at(h, index)->room;
    struct course_list asks = entry_end(h, index);
    struct ask *a;
    if (room != MAP_NONE)
        room_remove(h, room);
    while ((a = course_pop(&asks)) != NULL) {
        refuse_ask(h, a, why);
        mail_discard(h->cx->mem, &a->mail);
    }
}

static void refuse_memory(struct home *h, uint32_t index)
{
    metric_add(&h->cx->metrics->limit_memory, 1);
    refuse_all(
        h, index,
        &(struct problem){.code = PROBLEM_UNAVAILABLE,
                          .text = "There is no memory to bring the room {} at the moment; try again later."});
}

static void refuse_broken(struct home *h, uint32_t index, const char *what)
{
    notice_put(h->cx, NOTICE_ROOM_DAMAGED, UINT32_MAX, 0, what, load_name(load_at(h, index)));
    metric_add(&h->cx->metrics->loads_damaged, 1);
    refuse_all(
        h, index,
        &(struct problem){.code = PROBLEM_UNAVAILABLE,
                          .text = "What is kept of the room {} is damaged; the operator has to look at it."});
}

static void refuse_away(struct home *h, uint32_t index, uint32_t retry_ms)
{
    metric_add(&h->cx->metrics->loads_away, 1);
    refuse_all(h, index,
               &(struct problem){
                   .code = PROBLEM_UNAVAILABLE,
                   .text = "The room {} cannot be brought from the store at the moment; try again later.",
                   .retry_ms = retry_ms});
}

// `absent`: the store has none of that name.
static void go_on(struct home *h, struct course_list asks, bool absent)
{
    struct ask *a;
    while ((a = course_pop(&asks)) != NULL) {
        a->absent = absent ? h->loads.gone : 0;
        home_carry_out(h, &a);
        mail_discard(h->cx->mem, a != NULL ? &a->mail : NULL);
    }
}

// --- questions

static void load_ask(struct home *h, uint32_t index)
{
    struct loading *e = load_at(h, index);
    const struct room_settings *s = room_settings_by_name(h->cx, load_name(e));
    const struct store_mail m = {.word = STORE_LOAD,
                                 .shard = h->cx->index,
                                 .seq = e->seq = ++h->loads.seq,
                                 .most = s->log_entries,
                                 .bytes = s->log_bytes,
                                 .name = load_name(e)};
    e->state = LOADING_ASKED;
    if (!post_store(h->mail, port_store_reads(h->cx), &m))
        refuse_memory(h, index);
}

static void more_ask(struct home *h, uint32_t index)
{
    struct loading *e = load_at(h, index);
    const struct store_mail m = {.word = STORE_FETCH,
                                 .shard = h->cx->index,
                                 .seq = e->seq = ++h->loads.seq,
                                 .room = {e->room, slab_gen(&h->rooms, e->room)},
                                 .first = e->next,
                                 .last = e->head,
                                 .name = load_name(e)};
    applying_remove(h, index);
    if (!post_store(h->mail, port_store_reads(h->cx), &m))
        refuse_memory(h, index);
}

// MAP_NONE: there is no memory for it.
static uint32_t entry_make(struct home *h, str name, uint64_t hash)
{
    const uint32_t index = slab_alloc(&h->loads.all);
    if (index == SLAB_NONE)
        return MAP_NONE;
    struct loading *e = load_at(h, index);
    *e = (struct loading){.hash = hash, .name_n = (uint8_t)name.n, .room = MAP_NONE};
    memcpy(e->name, name.p, name.n);
    if (map_insert(&h->loads.by_name, hash, index) != OK) {
        slab_free(&h->loads.all, index);
        return MAP_NONE;
    }
    return index;
}

// Whoever asks that is in no room: all others ask about rooms that are here.
static bool brings(const struct ask *a)
{
    switch (a->type) {
    case ASK_JOIN:
        return true;
    case ASK_PUBLISH:
    case ASK_CREATE:
    case ASK_SIGNAL:
    case ASK_READ:
    case ASK_STATE:
    case ASK_INVITES:
    case ASK_WHOIS:
    case ASK_MEMBERS:
    case ASK_HISTORY:
        return a->backend;
    default:
        return false;
    }
}

// It is here, and stays.
static bool is_here(struct home *h, uint32_t room)
{
    const struct keeping *k = room_at(h, room)->keeping;
    if (k == NULL)
        return true;
    if (k->opening)
        return false;
    if (room_is_over(h, room))
        return keep_lets_go(h, room);
    return !keep_goes(h, room);
}

bool loading_holds(struct home *h, struct ask **taken)
{
    struct ask *a = *taken;
    if (!h->cx->settings->store || !brings(a))
        return false;
    const uint32_t room = room_find(h, a->cmd.room, a->room_hash);
    if (room != MAP_NONE ? is_here(h, room) : a->absent == h->loads.gone)
        return false;
    uint32_t index = load_find(h, a->cmd.room, a->room_hash);
    const bool known = index != MAP_NONE;
    if (!known && (index = entry_make(h, a->cmd.room, a->room_hash)) == MAP_NONE) {
        if (a->charged)
            home_refund(h, a);
        home_answer_no_memory(h, a, a->type == ASK_JOIN ? EFFECT_REFUSED : EFFECT_NONE);
        return true;
    }
    a->room = REF_NONE;
    course_push(&load_at(h, index)->asks, a);
    *taken = NULL;
    if (!known && room == MAP_NONE)
        load_ask(h, index);
    return true;
}

void loading_room_gone(struct home *h, str name, uint64_t hash)
{
    const uint32_t index = load_find(h, name, hash);
    if (index != MAP_NONE && load_at(h, index)->state == LOADING_GOING)
        load_ask(h, index);
}

// --- a room comes

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
    struct loading *e = load_at(h, index);
    const uint32_t room = e->room;
    struct room *r = room_at(h, room);
    struct keeping *k = r->keeping;
    ASSERT(r->log.head == e->head && r->live.offset == e->head);
    k->kept = k->posted = e->head;
    k->image_at = e->facts.image_at;
    k->stored = true;
    r->said = true;
    if (may_have_lost(e, room_settings(h, r)->room_durability) && begin_epoch(h, r) != OK) {
        refuse_memory(h, index);
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
    go_on(h, entry_end(h, index), false);
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

static void refuse_full(struct home *h, uint32_t index)
{
    metric_add(&h->cx->metrics->limit_rooms, 1);
    refuse_all(h, index,
               &(struct problem){.code = PROBLEM_LIMIT_REACHED,
                                 .text = "There are as many rooms as there may be, and {} is none of them.",
                                 .retry_ms = 1000});
}

// ROOM: it is made, as its image says; records follow.
static void room_comes(struct home *h, uint32_t index, struct store_mail *m)
{
    struct loading *e = load_at(h, index);
    uint32_t room;
    e->piece = m;
    e->left = m->records;
    const enum err made = room_create(h, load_name(e), e->hash, &room);
    if (made == ERR_NOMEM) {
        refuse_memory(h, index);
        return;
    }
    if (made != OK) {
        refuse_full(h, index);
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
        refuse_memory(h, index);
    } else if (v != IMAGE_OK) {
        refuse_broken(h, index,
                      v == IMAGE_NEWER ? "its image is of a newer version of this program"
                                       : "its image does not fit its records");
    } else {
        log_begin(&r->log, m->first);
        r->live.offset = m->first - 1;
        r->keeping->kept = r->keeping->posted = m->first - 1;
        room_look_ruled(r);
        applying_add(h, index);
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
static uint32_t apply_some(struct home *h, uint32_t index, uint32_t records, size_t bytes)
{
    struct loading *e = load_at(h, index);
    struct room *r = room_at(h, e->room);
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
        refuse_broken(h, index, "a record is missing, or is none");
    else if (a == APPLIED_MEMORY)
        refuse_memory(h, index);
    else if (e->next > e->head)
        complete(h, index);
    else if (e->left.n == 0)
        more_ask(h, index);
    return n + 1;
}

void loading_turn(struct home *h)
{
    for (uint32_t left = LOADING_RECORDS; left != 0 && h->loads.applying != SLAB_NONE;) {
        const uint32_t n = apply_some(h, h->loads.applying, left, LOADING_BYTES);
        left -= n < left ? n : left;
    }
}

bool loading_due(const struct home *h) { return h->loads.applying != SLAB_NONE; }

// RECORDS: more of a room that is on its way.
static void records_come(struct home *h, uint32_t index, struct store_mail *m)
{
    struct loading *e = load_at(h, index);
    if (e->room == MAP_NONE || m->first != e->next || m->last < m->first) {
        mail_discard(h->cx->mem, &m->mail);
        refuse_broken(h, index, "records are missing");
        return;
    }
    piece_drop(h, e);
    e->piece = m;
    e->left = m->records;
    applying_add(h, index);
}

void loading_on_answer(struct home *h, struct store_mail *m)
{
    const uint32_t index = load_find(h, m->name, hash_str(h->cx, m->name));
    struct loading *e = index != MAP_NONE ? load_at(h, index) : NULL;
    if (e == NULL || e->state != LOADING_ASKED || e->seq != m->seq) {
        mail_discard(h->cx->mem, &m->mail);
        return;
    }
    if (m->word == STORE_ROOM) {
        room_comes(h, index, m);
        return;
    }
    if (m->word == STORE_RECORDS) {
        records_come(h, index, m);
        return;
    }
    if (m->word == STORE_NONE && e->room == MAP_NONE)
        go_on(h, entry_end(h, index), true);
    else if (m->word == STORE_AWAY)
        refuse_away(h, index, m->retry_ms);
    else
        refuse_broken(h, index, "what the store has of it is not as it was written");
    mail_discard(h->cx->mem, &m->mail);
}

void home_on_store(struct home *h, struct store_mail *m)
{
    if (m->sections != 0)
        keep_on_answer(h, m);
    else
        loading_on_answer(h, m);
}

void loading_check(const struct home *h)
{
    uint32_t applying = 0;
    for (uint32_t i = 0; i < h->loads.all.high; i++) {
        if (!slab_used(&h->loads.all, i))
            continue;
        const struct loading *e = load_at(h, i);
        const uint32_t room = room_find(h, load_name(e), e->hash);
        ASSERT(load_find(h, load_name(e), e->hash) == i && e->asks.n != 0);
        ASSERT(e->state == LOADING_GOING ? room != MAP_NONE : room == e->room);
        ASSERT(e->room == MAP_NONE || room_at(h, e->room)->keeping->opening);
        ASSERT(e->state != LOADING_APPLYING || (e->room != MAP_NONE && e->piece != NULL));
        applying += e->state == LOADING_APPLYING;
    }
    for (uint32_t i = h->loads.applying; i != SLAB_NONE; i = load_at(h, i)->newer)
        applying--;
    ASSERT(applying == 0);
    slab_check(&h->loads.all);
    map_check(&h->loads.by_name);
}
