// SPDX-License-Identifier: Apache-2.0
//
// Most rooms have none of it, and no struct words. Who reacted with what is not kept beside the records: it is read in them, as
// messages have few reactions, and it would be all of it twice.
//
// Rejected: to change records in place to their new form (longer words do not fit), and to take what a message became along with each
// record (an edit would copy what a thousand have reacted).
#include "core/log/words.h"

#include "core/log/log.h"
#include "core/log/record.h"

enum { NOBODY = UINT32_MAX, WORDS_CAP_MIN = 4, LIST_CAP_MIN = 2 };

// Offsets are the log's own, and nobody else's to choose: any spreading of them will do.
static uint64_t spread(uint64_t target) { return target * UINT64_C(0x9e3779b97f4a7c15); }

static bool is_about(const void *ctx, uint32_t value, const void *key)
{
    const struct words *ws = ctx;
    return ws->all[value].target == *(const uint64_t *)key;
}

static uint32_t find(const struct words *ws, uint64_t target)
{
    return ws != NULL ? map_find(&ws->by_target, spread(target), is_about, ws, &target) : MAP_NONE;
}

const struct word *words_find(const struct log *l, uint64_t target)
{
    uint32_t at = find(l->words, target);
    return at != MAP_NONE ? &l->words->all[at] : NULL;
}

// --- order

static void unlink_word(struct words *ws, uint32_t at)
{
    struct word *w = &ws->all[at];
    *(w->older != NOBODY ? &ws->all[w->older].newer : &ws->oldest) = w->newer;
    *(w->newer != NOBODY ? &ws->all[w->newer].older : &ws->newest) = w->older;
}

static void link_newest(struct words *ws, uint32_t at)
{
    struct word *w = &ws->all[at];
    w->older = ws->newest;
    w->newer = NOBODY;
    *(w->older != NOBODY ? &ws->all[w->older].newer : &ws->oldest) = at;
    ws->newest = at;
}

// --- room for one more

static enum err list_secure(struct mem *m, uint64_t **list, uint32_t n, uint32_t *cap)
{
    if (n < *cap)
        return OK;
    const uint32_t more = *cap == 0 ? LIST_CAP_MIN : *cap * 2;
    uint64_t *grown = mem_realloc(m, *list, *cap * sizeof **list, more * sizeof **list);
    if (grown == NULL)
        return ERR_NOMEM;
    *list = grown;
    *cap = more;
    return OK;
}

static enum err word_secure(struct words *ws, struct mem *m)
{
    if (map_secure(&ws->by_target) != OK)
        return ERR_NOMEM;
    if (ws->free != NOBODY || ws->n < ws->cap)
        return OK;
    const uint32_t more = ws->cap == 0 ? WORDS_CAP_MIN : ws->cap * 2;
    struct word *grown = mem_realloc(m, ws->all, ws->cap * sizeof *grown, more * sizeof *grown);
    if (grown == NULL)
        return ERR_NOMEM;
    ws->all = grown;
    ws->cap = more;
    return OK;
}

// It changes what a message is, here.
static bool concerns(const struct log *l, const struct entry *e)
{
    if (e->type == ENTRY_MESSAGE && e->about != 0)
        return e->about >= l->tail && e->about <= l->head &&
               record_type(log_record(l, e->about)) == ENTRY_MESSAGE;
    return entry_about(e->type);
}

static void word_free(struct words *ws, struct mem *m, uint32_t at)
{
    struct word *w = &ws->all[at];
    bool there = map_remove(&ws->by_target, spread(w->target), at);
    ASSERT(there);
    unlink_word(ws, at);
    mem_free(m, w->marks, w->marks_cap * sizeof *w->marks);
    mem_free(m, w->answers, w->answers_cap * sizeof *w->answers);
    mem_free(m, w->edits, w->edits_cap * sizeof *w->edits);
    *w = (struct word){.newer = ws->free};
    ws->free = at;
}

// A word that nothing is known of yet: `last` is 0 until something is.
static uint32_t word_make(struct words *ws, struct mem *m, uint64_t target)
{
    if (word_secure(ws, m) != OK)
        return MAP_NONE;
    const uint32_t at = ws->free != NOBODY ? ws->free : ws->n++;
    if (at == ws->free)
        ws->free = ws->all[at].newer;
    ws->all[at] = (struct word){.target = target};
    enum err in = map_insert(&ws->by_target, spread(target), at);
    ASSERT(in == OK);
    link_newest(ws, at);
    return at;
}

enum err words_secure(struct log *l, const struct entry *e)
{
    if (!concerns(l, e))
        return OK;
    if (l->words == NULL) {
        if ((l->words = mem_zalloc(l->mem, sizeof *l->words)) == NULL)
            return ERR_NOMEM;
        l->words->free = l->words->oldest = l->words->newest = NOBODY;
        map_init(&l->words->by_target, l->mem);
    }
    uint32_t at = find(l->words, e->about);
    if (at == MAP_NONE)
        at = word_make(l->words, l->mem, e->about);
    struct word *w = at != MAP_NONE ? &l->words->all[at] : NULL;
    enum err secured = w != NULL ? OK : ERR_NOMEM;
    if (w != NULL && e->type == ENTRY_MESSAGE)
        secured = list_secure(l->mem, &w->answers, w->answers_n, &w->answers_cap);
    else if (w != NULL && e->type == ENTRY_REACT)
        secured = list_secure(l->mem, &w->marks, w->marks_n, &w->marks_cap);
    else if (w != NULL && e->type == ENTRY_EDIT)
        secured = list_secure(l->mem, &w->edits, w->edits_n, &w->edits_cap);
    if (secured != OK)
        words_fit(l);
    return secured;
}

void words_free(struct log *l)
{
    struct words *ws = l->words;
    if (ws == NULL)
        return;
    while (ws->oldest != NOBODY)
        word_free(ws, l->mem, ws->oldest);
    map_deinit(&ws->by_target);
    mem_free(l->mem, ws->all, ws->cap * sizeof *ws->all);
    mem_free(l->mem, ws, sizeof *ws);
    l->words = NULL;
}

void words_fit(struct log *l)
{
    struct words *ws = l->words;
    if (ws == NULL)
        return;
    ASSERT(ws->all != NULL || ws->newest == NOBODY);
    if (ws->newest != NOBODY && ws->all[ws->newest].last == 0)
        word_free(ws, l->mem, ws->newest);
    if (ws->oldest == NOBODY)
        words_free(l);
}

void words_trim(struct log *l)
{
    struct words *ws = l->words;
    if (ws == NULL)
        return;
    while (ws->oldest != NOBODY && ws->all[ws->oldest].last < l->tail &&
           ws->all[ws->oldest].last + WORD_JUDGED <= l->head)
        word_free(ws, l->mem, ws->oldest);
    if (ws->oldest == NOBODY)
        words_free(l);
}

// --- changes

// A record of somebody's reaction.
static bool mark_is(const struct log *l, uint64_t at, str user, str reaction)
{
    struct entry e;
    log_entry(l, at, STR_NONE, &e);
    ASSERT(e.type == ENTRY_REACT);
    return str_eq(e.change.reaction, reaction) && str_eq(e.user, user);
}

static uint32_t mark_find(const struct log *l, const struct word *w, str user, str reaction)
{
    uint32_t i = 0;
    while (i < w->marks_n && !mark_is(l, w->marks[i], user, reaction))
        i++;
    return i;
}

static void react(struct log *l, struct word *w, const struct entry *e)
{
    if (w->target < l->tail)
        return;
    const uint32_t i = mark_find(l, w, e->user, e->change.reaction);
    if (i < w->marks_n) // it is the newest that holds
        memmove(w->marks + i, w->marks + i + 1, (--w->marks_n - i) * sizeof *w->marks);
    if (e->change.on)
        w->marks[w->marks_n++] = e->offset;
    ASSERT(w->marks_n <= w->marks_cap);
}

static void apply(struct log *l, const struct entry *e)
{
    const uint32_t at = find(l->words, e->about);
    ASSERT(at != MAP_NONE);
    struct word *w = &l->words->all[at];
    ASSERT(e->offset == l->head && e->offset > w->last);
    w->last = e->offset;
    unlink_word(l->words, at);
    link_newest(l->words, at);
    if (e->type == ENTRY_MESSAGE) {
        ASSERT(w->answers_n < w->answers_cap);
        w->answers[w->answers_n++] = e->offset;
    } else if (e->type == ENTRY_REACT) {
        react(l, w, e);
    } else {
        log_erase(l, w->version != 0 ? w->version : w->target);
        if (e->type == ENTRY_EDIT) {
            ASSERT(w->edits_n < w->edits_cap);
            w->edits[w->edits_n++] = w->version = e->offset; // be it taken back: verdicts go by it
        }
        if (e->type == ENTRY_DELETE && w->deleted == 0)
            w->deleted = e->offset;
        if (e->type == ENTRY_EDIT && w->deleted != 0)
            log_erase(l, e->offset);
    }
}

void words_apply(struct log *l, const struct entry *e)
{
    if (concerns(l, e))
        apply(l, e);
    words_trim(l);
}

// --- what is known

uint64_t words_mark(const struct log *l, const struct word *w, str user, str reaction)
{
    if (w == NULL || w->target < l->tail)
        return 0;
    const uint32_t i = mark_find(l, w, user, reaction);
    return i < w->marks_n ? w->marks[i] : 0;
}

uint32_t words_count(const struct log *l, const struct word *w, str reaction)
{
    uint32_t count = 0;
    for (uint32_t i = 0; w != NULL && w->target >= l->tail && i < w->marks_n; i++) {
        struct entry e;
        log_entry(l, w->marks[i], STR_NONE, &e);
        count += str_eq(e.change.reaction, reaction);
    }
    return count;
}

uint32_t words_count_behind(const struct log *l, const struct entry *e)
{
    const struct word *w = words_find(l, e->about);
    const bool had = words_mark(l, w, e->user, e->change.reaction) != 0;
    return words_count(l, w, e->change.reaction) + (e->change.on && !had) - (!e->change.on && had);
}

// Kinds in order of the first that holds; `to` has place for REACTION_KINDS_MAX, those beyond are not told.
static uint32_t kinds(const struct log *l, const struct word *w, struct reactions *to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; w != NULL && w->target >= l->tail && i < w->marks_n; i++) {
        struct entry e;
        uint32_t k = 0;
        log_entry(l, w->marks[i], STR_NONE, &e);
        while (k < n && !str_eq(to[k].reaction, e.change.reaction))
            k++;
        if (k == REACTION_KINDS_MAX)
            continue;
        if (k == n)
            to[n++] = (struct reactions){.reaction = e.change.reaction};
        to[k].count++;
    }
    return n;
}

uint32_t words_kinds(const struct log *l, const struct word *w)
{
    struct reactions all[REACTION_KINDS_MAX];
    return kinds(l, w, all);
}

static void show_words(const struct log *l, const struct word *w, struct entry *e, struct fate *f)
{
    struct entry edit;
    if (w->version == 0 || w->deleted != 0)
        return;
    log_entry(l, w->version, e->room, &edit);
    e->data = edit.data;
    e->erased = edit.erased;
    if (edit.erased != 0)
        return;
    f->version = w->version;
    f->edited_ms = edit.time_ms;
}

void words_show(const struct log *l, struct entry *e, struct word_space *space)
{
    if (e->type == ENTRY_REACT) {
        e->change.count = words_count(l, words_find(l, e->about), e->change.reaction);
        return;
    }
    const struct word *w = e->type == ENTRY_MESSAGE ? words_find(l, e->offset) : NULL;
    if (e->type != ENTRY_MESSAGE || (w == NULL && e->erased == 0))
        return;
    space->fate = (struct fate){.reactions = space->reactions};
    if (w != NULL) {
        space->fate.replies = w->answers_n;
        space->fate.reactions_n = kinds(l, w, space->reactions);
        show_words(l, w, e, &space->fate);
    }
    // What took its words away, or those of its last edit, may have been lost with the end of an epoch: they are gone all the same.
    space->fate.deleted = e->erased != 0 || (w != NULL && w->deleted != 0);
    e->fate = &space->fate;
}

// --- checks

static void list_check(const struct log *l, const struct word *w, const uint64_t *list, uint32_t n,
                       enum entry_type type)
{
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(list[i] > (i == 0 ? w->target : list[i - 1]) && list[i] <= w->last);
        ASSERT(list[i] < l->tail || record_type(log_record(l, list[i])) == type);
    }
}

static void word_check(const struct log *l, const struct word *w)
{
    ASSERT(w->target < w->last && w->last <= l->head);             // 1
    ASSERT(w->last >= l->tail || w->last + WORD_JUDGED > l->head); // 1
    ASSERT(w->version == 0 || (w->version > w->target && w->version <= w->last));
    ASSERT(w->version == 0 || w->version < l->tail ||
           record_type(log_record(l, w->version)) == ENTRY_EDIT); // 3
    ASSERT(w->deleted == 0 || (w->deleted > w->target && w->deleted <= w->last));
    ASSERT(w->marks_n <= w->marks_cap && w->answers_n <= w->answers_cap);
    list_check(l, w, w->answers, w->answers_n, ENTRY_MESSAGE);
    list_check(l, w, w->edits, w->edits_n, ENTRY_EDIT);
    ASSERT(w->edits_n <= w->edits_cap);
    ASSERT(w->version == (w->edits_n != 0 ? w->edits[w->edits_n - 1] : 0)); // 3
    if (w->target >= l->tail)
        list_check(l, w, w->marks, w->marks_n, ENTRY_REACT);
}

void words_check(const struct log *l)
{
    const struct words *ws = l->words;
    if (ws == NULL)
        return;
    uint32_t n = 0;
    uint64_t last = 0;
    for (uint32_t at = ws->oldest; at != NOBODY; at = ws->all[at].newer, n++) {
        const struct word *w = &ws->all[at];
        ASSERT(find(ws, w->target) == at); // 1
        ASSERT(w->last > last);            // 2
        ASSERT((w->newer == NOBODY) == (ws->newest == at));
        word_check(l, w);
        last = w->last;
    }
    ASSERT(n != 0 && n == ws->by_target.count); // 4
    map_check(&ws->by_target);
}
