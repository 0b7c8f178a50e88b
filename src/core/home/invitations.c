// SPDX-License-Identifier: Apache-2.0
//
// A short array in the order of the records: a room has a handful, and they are looked at by who makes one and by who comes by one.
//
// Rejected: to have a ban of who has made one leave it (who is sent away for good would come back by another name), and rows that
// are gone when they are over (who is late would be told that there has never been one).
#include "core/home/invitations.h"

#include "base/assert.h"
#include "core/home/rights.h"
#include "core/home/standing.h"

enum { ROWS_CAP_MIN = 2 };

const struct invited *invitations_find(const struct invitations *t, str id)
{
    for (uint32_t i = 0; t != NULL && i < t->n; i++)
        if (str_eq(invited_id(&t->rows[i]), id))
            return &t->rows[i];
    return NULL;
}

bool invitations_full(const struct invitations *t, uint32_t max, uint64_t at_ms)
{
    uint32_t open = 0;
    for (uint32_t i = 0; t != NULL && i < t->n; i++)
        open += invited_open(&t->rows[i], at_ms);
    return open >= max;
}

// --- memory

static enum err place_secure(struct invitations **t, struct mem *m)
{
    if (*t == NULL)
        *t = mem_zalloc(m, sizeof **t);
    if (*t == NULL)
        return ERR_NOMEM;
    if ((*t)->n < (*t)->cap)
        return OK;
    const uint32_t cap = (*t)->cap == 0 ? ROWS_CAP_MIN : 2 * (*t)->cap;
    struct invited *rows = mem_realloc(m, (*t)->rows, (*t)->cap * sizeof *rows, cap * sizeof *rows);
    if (rows == NULL) {
        invitations_fit(t, m);
        return ERR_NOMEM;
    }
    (*t)->rows = rows;
    (*t)->cap = cap;
    return OK;
}

enum err invitations_secure(struct invitations **t, struct mem *m, const struct entry *e)
{
    return e->type == ENTRY_INVITE ? place_secure(t, m) : OK;
}

enum err invitations_take(struct invitations **t, struct mem *m, const struct invited *row)
{
    ASSERT(row->uses != 0 && row->used <= row->uses); // 2
    ASSERT(invitation_id_valid(invited_id(row)));     // 1
    if (invitations_find(*t, invited_id(row)) != NULL || (*t != NULL && (*t)->n == INVITATIONS_CEILING))
        return ERR_LIMIT;
    if (place_secure(t, m) != OK)
        return ERR_NOMEM;
    (*t)->rows[(*t)->n++] = *row;
    return OK;
}

void invitations_free(struct invitations **t, struct mem *m)
{
    if (*t == NULL)
        return;
    mem_free(m, (*t)->rows, (*t)->cap * sizeof *(*t)->rows);
    mem_free(m, *t, sizeof **t);
    *t = NULL;
}

void invitations_fit(struct invitations **t, struct mem *m)
{
    if (*t != NULL && (*t)->n == 0)
        invitations_free(t, m);
}

// --- effect

static void row_remove(struct invitations *t, uint32_t at)
{
    memmove(t->rows + at, t->rows + at + 1, (t->n - at - 1) * sizeof *t->rows);
    t->n--;
}

// Those that are over, while there are as many as there may be.
static void make_place(struct invitations *t, uint32_t max, uint64_t at_ms)
{
    for (uint32_t i = 0; i < t->n && t->n >= max;)
        if (invited_open(&t->rows[i], at_ms))
            i++;
        else
            row_remove(t, i);
}

static void add(struct invitations *t, const struct entry *e, uint64_t at_ms)
{
    const struct decree *d = &e->decree;
    make_place(t, e->invitation.max, at_ms);
    ASSERT(t->n < t->cap);
    ASSERT(e->invitation.id.n == INVITATION_ID_LEN && e->invitation.hash.n == INVITATION_HASH);
    ASSERT(e->user.n <= USER_ID_MAX);
    struct invited *i = &t->rows[t->n++];
    *i = (struct invited){.until_ms = standing_until(at_ms, d->span_ms),
                          .expires_ms = invitation_expires_ms(e),
                          .uses = e->invitation.uses,
                          .role = (uint8_t)d->role,
                          .by_n = (uint8_t)e->user.n};
    memcpy(i->id, e->invitation.id.p, sizeof i->id);
    memcpy(i->hash, e->invitation.hash.p, sizeof i->hash);
    if (e->user.n != 0)
        memcpy(i->by, e->user.p, e->user.n);
}

// Those that somebody has made who may not any more.
static void remove_of(struct invitations *t, str user)
{
    for (uint32_t i = t->n; i-- > 0;)
        if (str_eq(invited_by(&t->rows[i]), user))
            row_remove(t, i);
}

static void row_of(struct invitations *t, const struct entry *e)
{
    const struct invited *found = invitations_find(t, e->invitation.id);
    ASSERT(found != NULL); // it was judged
    struct invited *i = &t->rows[found - t->rows];
    if (e->type == ENTRY_UNINVITE)
        row_remove(t, (uint32_t)(i - t->rows));
    else
        i->used++;
    ASSERT(e->type == ENTRY_UNINVITE || i->used <= i->uses);
}

void invitations_apply(struct invitations **t, struct mem *m, const struct entry *e, uint64_t at_ms)
{
    const bool invites = (rights_of(e->decree.role) & RIGHT_BIT(RIGHT_INVITE)) != 0;
    if (*t == NULL)
        return;
    if (e->type == ENTRY_INVITE)
        add(*t, e, at_ms);
    else if (entry_invitation(e->type))
        row_of(*t, e);
    else if (e->type == ENTRY_BAN || (e->type == ENTRY_ROLE && !invites))
        remove_of(*t, e->decree.target);
    else if (e->type == ENTRY_CLOSE)
        (*t)->n = 0;
    invitations_fit(t, m);
}

void invitations_check(const struct invitations *t)
{
    if (t == NULL)
        return;
    ASSERT(t->n != 0); // 3
    ASSERT(t->n <= t->cap);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct invited *row = &t->rows[i];
        ASSERT(invitation_id_valid(invited_id(row)));
        ASSERT(invitations_find(t, invited_id(row)) == row); // 1
        ASSERT(row->uses != 0 && row->used <= row->uses);    // 2
        ASSERT(row->role < ROLE_COUNT && row->by_n <= USER_ID_MAX);
    }
}
