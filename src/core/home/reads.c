// SPDX-License-Identifier: Apache-2.0
#include "core/home/reads.h"

#include "base/limits.h"
#include "core/log/record.h"

enum { NOBODY = UINT32_MAX, ROWS_CAP_MIN = 4 };

static bool is_of(const void *ctx, uint32_t value, const void *key)
{
    const struct reads *r = ctx;
    const u128 *user = key;
    return r->rows[value].user.lo == user->lo && r->rows[value].user.hi == user->hi;
}

static uint32_t find(const struct reads *r, u128 user)
{
    return r != NULL ? map_find(&r->by_user, user.lo, is_of, r, &user) : MAP_NONE;
}

static void unlink_row(struct reads *r, uint32_t at)
{
    const struct read_row *row = &r->rows[at];
    *(row->older != NOBODY ? &r->rows[row->older].newer : &r->oldest) = row->newer;
    *(row->newer != NOBODY ? &r->rows[row->newer].older : &r->newest) = row->older;
}

static void link_newest(struct reads *r, uint32_t at)
{
    r->rows[at].older = r->newest;
    r->rows[at].newer = NOBODY;
    *(r->newest != NOBODY ? &r->rows[r->newest].newer : &r->oldest) = at;
    r->newest = at;
}

static enum err make(struct reads **r, struct mem *m, uint64_t messages)
{
    if (*r != NULL)
        return OK;
    if ((*r = mem_zalloc(m, sizeof **r)) == NULL)
        return ERR_NOMEM;
    (*r)->oldest = (*r)->newest = NOBODY;
    (*r)->messages = messages;
    map_init(&(*r)->by_user, m);
    return OK;
}

// A row for somebody of whom nothing is known: a new one, or that of who has been away longest. MAP_NONE when memory is out.
static uint32_t row_for(struct reads *r, struct mem *m, u128 user)
{
    uint32_t at = r->n;
    if (r->n == READS_MAX) {
        at = r->oldest;
        bool there = map_remove(&r->by_user, r->rows[at].user.lo, at);
        ASSERT(there);
        unlink_row(r, at);
    } else if (r->n == r->cap) {
        const uint32_t cap = r->cap == 0 ? ROWS_CAP_MIN : r->cap * 2 < READS_MAX ? r->cap * 2 : READS_MAX;
        struct read_row *rows = mem_realloc(m, r->rows, r->cap * sizeof *rows, cap * sizeof *rows);
        if (rows == NULL)
            return MAP_NONE;
        r->rows = rows;
        r->cap = cap;
    }
    r->rows[at] = (struct read_row){.user = user};
    if (map_insert(&r->by_user, user.lo, at) != OK) {
        ASSERT(at == r->n); // else one has just been taken out
        return MAP_NONE;
    }
    r->n += at == r->n;
    link_newest(r, at);
    return at;
}

// Messages behind an offset, of those that are kept.
static uint64_t messages_behind(const struct log *l, uint64_t offset)
{
    uint64_t n = 0;
    for (uint64_t o = l->head; o > offset && o >= l->tail; o--)
        n += record_type(log_record(l, o)) == ENTRY_MESSAGE;
    return n;
}

enum err reads_set(struct reads **r, const struct log *l, u128 user, uint64_t offset, bool *ret_moved)
{
    uint32_t at = find(*r, user);
    *ret_moved = at == MAP_NONE || (*r)->rows[at].offset < offset;
    if (!*ret_moved)
        return OK;
    if (make(r, l->mem, l->head) != OK) // at least as many as there were
        return ERR_NOMEM;
    if (at == MAP_NONE && (at = row_for(*r, l->mem, user)) == MAP_NONE) {
        if ((*r)->n == 0)
            reads_free(r, l->mem);
        return ERR_NOMEM;
    }
    struct read_row *row = &(*r)->rows[at];
    row->offset = offset;
    row->count = (*r)->messages - messages_behind(l, offset);
    unlink_row(*r, at);
    link_newest(*r, at);
    return OK;
}

enum err reads_take(struct reads **r, struct mem *m, const struct read_row *row, uint64_t messages)
{
    ASSERT(row->count <= messages); // 2
    ASSERT(*r == NULL || (*r)->messages == messages);
    if (find(*r, row->user) != MAP_NONE || (*r != NULL && (*r)->n == READS_MAX))
        return ERR_LIMIT;
    if (make(r, m, messages) != OK)
        return ERR_NOMEM;
    const uint32_t at = row_for(*r, m, row->user);
    if (at == MAP_NONE) {
        if ((*r)->n == 0)
            reads_free(r, m);
        return ERR_NOMEM;
    }
    (*r)->rows[at].offset = row->offset;
    (*r)->rows[at].count = row->count;
    return OK;
}

bool reads_find(const struct reads *r, const struct log *l, u128 user, uint64_t told, uint64_t *ret_offset,
                uint64_t *ret_unread)
{
    const uint32_t at = find(r, user);
    if (at == MAP_NONE)
        return false;
    *ret_offset = r->rows[at].offset;
    ASSERT(r->rows[at].offset <= told);
    *ret_unread = r->messages - r->rows[at].count - messages_behind(l, told);
    return true;
}

void reads_free(struct reads **r, struct mem *m)
{
    if (*r == NULL)
        return;
    map_deinit(&(*r)->by_user);
    mem_free(m, (*r)->rows, (*r)->cap * sizeof *(*r)->rows);
    mem_free(m, *r, sizeof **r);
    *r = NULL;
}

void reads_check(const struct reads *r)
{
    if (r == NULL)
        return;
    uint32_t n = 0;
    for (uint32_t at = r->oldest; at != NOBODY; at = r->rows[at].newer, n++) {
        ASSERT(find(r, r->rows[at].user) == at); // 1
        ASSERT(r->rows[at].newer == NOBODY ? r->newest == at : r->rows[r->rows[at].newer].older == at);
        ASSERT(r->rows[at].count <= r->messages); // 2
    }
    ASSERT(n == r->n && n == r->by_user.count && n <= READS_MAX && n != 0);
    map_check(&r->by_user);
}
