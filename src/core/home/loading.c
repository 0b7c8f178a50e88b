// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to make the room first and fill it then (it would be charged for, and take a right, before it is known whether it is new), and
// to know all names of the store from the start (a million rooms would be 100 MB, and a start that takes as long).
#include "core/common/who.h"
#include "core/home/course.h"
#include "core/home/home.h"

struct loading *loading_at(const struct home *h, uint32_t index) { return slab_at(&h->loads.all, index); }

static bool load_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(loading_name(loading_at(ctx, value)), *(const str *)key);
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

void loading_piece_drop(struct home *h, struct loading *e)
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
        while ((a = course_pop(&loading_at(h, i)->asks)) != NULL)
            mail_discard(h->cx->mem, &a->mail);
        loading_piece_drop(h, loading_at(h, i));
    }
    slab_deinit(&h->loads.all);
    map_deinit(&h->loads.by_name);
}

// --- those that are applied

void loading_applying(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    e->state = LOADING_APPLYING;
    e->newer = h->loads.applying;
    e->older = SLAB_NONE;
    if (e->newer != SLAB_NONE)
        loading_at(h, e->newer)->older = index;
    h->loads.applying = index;
}

static void applying_remove(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    if (e->state != LOADING_APPLYING)
        return;
    e->state = LOADING_ASKED;
    if (e->newer != SLAB_NONE)
        loading_at(h, e->newer)->older = e->older;
    if (e->older != SLAB_NONE)
        loading_at(h, e->older)->newer = e->newer;
    else
        h->loads.applying = e->newer;
}

// --- the end of one

// Its asks, which are the caller's from here on.
static struct course_list entry_end(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    const struct course_list asks = e->asks;
    ASSERT(asks.n != 0 && asks.first != NULL); // somebody has wanted it
    bool there = map_remove(&h->loads.by_name, e->hash, index);
    ASSERT(there);
    applying_remove(h, index);
    loading_piece_drop(h, e);
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
    const uint32_t room = loading_at(h, index)->room;
    struct course_list asks = entry_end(h, index);
    struct ask *a;
    if (room != MAP_NONE)
        room_remove(h, room);
    while ((a = course_pop(&asks)) != NULL) {
        refuse_ask(h, a, why);
        mail_discard(h->cx->mem, &a->mail);
    }
}

void loading_refuse_memory(struct home *h, uint32_t index)
{
    metric_add(&h->cx->metrics->limit_memory, 1);
    refuse_all(
        h, index,
        &(struct problem){.code = PROBLEM_UNAVAILABLE,
                          .text = "There is no memory to bring the room {} at the moment; try again later."});
}

void loading_refuse_broken(struct home *h, uint32_t index, const char *what)
{
    notice_put(h->cx, NOTICE_ROOM_DAMAGED, UINT32_MAX, 0, what, loading_name(loading_at(h, index)));
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

void loading_refuse_full(struct home *h, uint32_t index)
{
    metric_add(&h->cx->metrics->limit_rooms, 1);
    refuse_all(h, index,
               &(struct problem){.code = PROBLEM_LIMIT_REACHED,
                                 .text = "There are as many rooms as there may be, and {} is none of them.",
                                 .retry_ms = 1000});
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

void loading_done(struct home *h, uint32_t index) { go_on(h, entry_end(h, index), false); }

// --- questions

static void load_ask(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    ASSERT(e->room == MAP_NONE && e->piece == NULL);
    ASSERT(room_find(h, loading_name(e), e->hash) == MAP_NONE);
    const struct room_settings *s = room_settings_by_name(h->cx, loading_name(e));
    const struct store_mail m = {.word = STORE_LOAD,
                                 .shard = h->cx->index,
                                 .seq = e->seq = ++h->loads.seq,
                                 .most = s->log_entries,
                                 .bytes = s->log_bytes,
                                 .name = loading_name(e)};
    e->state = LOADING_ASKED;
    if (!post_store(h->mail, port_store_reads(h->cx), &m))
        loading_refuse_memory(h, index);
}

void loading_more(struct home *h, uint32_t index)
{
    struct loading *e = loading_at(h, index);
    const struct store_mail m = {.word = STORE_FETCH,
                                 .shard = h->cx->index,
                                 .seq = e->seq = ++h->loads.seq,
                                 .room = {e->room, slab_gen(&h->rooms, e->room)},
                                 .first = e->next,
                                 .last = e->head,
                                 .name = loading_name(e)};
    applying_remove(h, index);
    if (!post_store(h->mail, port_store_reads(h->cx), &m))
        loading_refuse_memory(h, index);
}

// MAP_NONE: there is no memory for it.
static uint32_t entry_make(struct home *h, str name, uint64_t hash)
{
    ASSERT(name.n != 0 && name.n <= ROOM_NAME_MAX && load_find(h, name, hash) == MAP_NONE);
    const uint32_t index = slab_alloc(&h->loads.all);
    if (index == SLAB_NONE)
        return MAP_NONE;
    struct loading *e = loading_at(h, index);
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
    uint32_t index = load_find(h, a->cmd.room, a->room_hash);
    const bool known = index != MAP_NONE;
    // Who was told that there is none waits for whoever asks anew: a room that it made meanwhile could be there twice.
    if (room != MAP_NONE ? is_here(h, room) : a->absent == h->loads.gone && !known)
        return false;
    if (!known && (index = entry_make(h, a->cmd.room, a->room_hash)) == MAP_NONE) {
        if (a->charged)
            home_refund(h, a);
        home_answer_no_memory(h, a, a->type == ASK_JOIN ? EFFECT_REFUSED : EFFECT_NONE);
        return true;
    }
    a->room = REF_NONE;
    course_push(&loading_at(h, index)->asks, a);
    *taken = NULL;
    if (!known && room == MAP_NONE)
        load_ask(h, index);
    return true;
}

void loading_room_gone(struct home *h, str name, uint64_t hash)
{
    const uint32_t index = load_find(h, name, hash);
    if (index != MAP_NONE && loading_at(h, index)->state == LOADING_GOING)
        load_ask(h, index);
}

// --- the turn, and answers

void loading_turn(struct home *h)
{
    for (uint32_t left = LOADING_RECORDS; left != 0 && h->loads.applying != SLAB_NONE;) {
        const uint32_t n = loading_apply_some(h, h->loads.applying, left, LOADING_BYTES);
        left -= n < left ? n : left;
    }
}

bool loading_due(const struct home *h) { return h->loads.applying != SLAB_NONE; }

static void on_answer(struct home *h, struct store_mail *m)
{
    const uint32_t index = load_find(h, m->name, hash_str(h->cx, m->name));
    struct loading *e = index != MAP_NONE ? loading_at(h, index) : NULL;
    if (e == NULL || e->state != LOADING_ASKED || e->seq != m->seq) {
        mail_discard(h->cx->mem, &m->mail);
        return;
    }
    if (m->word == STORE_ROOM) {
        loading_room_comes(h, index, m);
        return;
    }
    if (m->word == STORE_RECORDS) {
        loading_records_come(h, index, m);
        return;
    }
    if (m->word == STORE_NONE && e->room == MAP_NONE)
        go_on(h, entry_end(h, index), true);
    else if (m->word == STORE_AWAY)
        refuse_away(h, index, m->retry_ms);
    else
        loading_refuse_broken(h, index, "what the store has of it is not as it was written");
    mail_discard(h->cx->mem, &m->mail);
}

void home_on_store(struct home *h, struct store_mail *m)
{
    if (m->sections != 0)
        keep_on_answer(h, m);
    else
        on_answer(h, m);
}

void loading_check(const struct home *h)
{
    uint32_t applying = 0;
    for (uint32_t i = 0; i < h->loads.all.high; i++) {
        if (!slab_used(&h->loads.all, i))
            continue;
        const struct loading *e = loading_at(h, i);
        const uint32_t room = room_find(h, loading_name(e), e->hash);
        ASSERT(load_find(h, loading_name(e), e->hash) == i && e->asks.n != 0);
        ASSERT(e->state == LOADING_GOING ? room != MAP_NONE : room == e->room);
        ASSERT(e->room == MAP_NONE || room_at(h, e->room)->keeping->opening);
        ASSERT(e->state != LOADING_APPLYING || (e->room != MAP_NONE && e->piece != NULL));
        applying += e->state == LOADING_APPLYING;
    }
    for (uint32_t i = h->loads.applying; i != SLAB_NONE; i = loading_at(h, i)->newer)
        applying--;
    ASSERT(applying == 0);
    slab_check(&h->loads.all);
    map_check(&h->loads.by_name);
}
