// SPDX-License-Identifier: Apache-2.0
//
// A sorted array: rooms with more than a handful of rows are rare, and what is asked with every message is one binary search.
// Rows that are over (and no role's) go when there is no place for another, by the time of the record that wants it; so
// whoever applies the same records gives up the same rows.
//
// Rejected: to keep who has spoken in the rows (a room of thousands in slow mode would fill them in one interval, and bans would
// find no place).
#include "core/home/standing.h"

#include "base/assert.h"

enum { ROWS_CAP_MIN = 4, SPEAKERS_CAP_MIN = 16 };

static uint64_t print_of(const struct siphash_key *key, str user) { return siphash(key, user.p, user.n); }

static str row_user(const struct standing_row *r) { return str_make(r->user, r->user_n); }

// Where the user's row is, or would be.
static uint32_t row_place(const struct standing *s, uint64_t print, str user, bool *ret_found)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->rows[mid].print < print)
            low = mid + 1;
        else
            high = mid;
    }
    while (low < s->n && s->rows[low].print == print && str_cmp(row_user(&s->rows[low]), user) < 0)
        low++;
    *ret_found = low < s->n && s->rows[low].print == print && str_eq(row_user(&s->rows[low]), user);
    return low;
}

static const struct standing_row *row_find(const struct standing *s, const struct siphash_key *key, str user)
{
    bool found = false;
    uint32_t at = s != NULL && s->n != 0 ? row_place(s, print_of(key, user), user, &found) : 0;
    return found ? &s->rows[at] : NULL;
}

enum role standing_role(const struct standing *s, const struct siphash_key *key, str user)
{
    const struct standing_row *r = row_find(s, key, user);
    return r != NULL ? (enum role)r->role : ROLE_NOT_GIVEN;
}

bool standing_admitted(const struct standing *s, const struct siphash_key *key, str user, str invitation)
{
    const struct standing_row *r = row_find(s, key, user);
    return r != NULL && str_eq(str_make(r->invited, sizeof r->invited), invitation);
}

uint64_t standing_banned_ms(const struct standing *s, const struct siphash_key *key, str user, uint64_t at_ms)
{
    const struct standing_row *r = row_find(s, key, user);
    return r != NULL && r->banned_ms > at_ms ? r->banned_ms : 0;
}

uint64_t standing_muted_ms(const struct standing *s, const struct siphash_key *key, str user, uint64_t at_ms)
{
    const struct standing_row *r = row_find(s, key, user);
    return r != NULL && r->muted_ms > at_ms ? r->muted_ms : 0;
}

uint64_t standing_slow_ms(const struct standing *s, const struct siphash_key *key, str user, uint64_t at_ms)
{
    uint64_t print = standing_slow(s) != 0 ? print_of(key, user) : 0;
    for (uint32_t i = standing_slow(s) != 0 ? s->speakers_n : 0; i-- > 0;)
        if (s->speakers[i].print == print)
            return s->speakers[i].said_ms + s->slow_ms > at_ms ? s->speakers[i].said_ms + s->slow_ms : 0;
    return 0;
}

bool standing_roles(const struct standing *s)
{
    for (uint32_t i = 0; s != NULL && i < s->n; i++)
        if (s->rows[i].role != ROLE_NOT_GIVEN)
            return true;
    return false;
}

// --- limits

static bool row_says(const struct standing_row *r, uint64_t at_ms)
{
    return r->role != ROLE_NOT_GIVEN || r->banned_ms > at_ms || r->muted_ms > at_ms;
}

static bool wants_row(const struct entry *e)
{
    return e->type == ENTRY_ROLE || e->type == ENTRY_ADMIT || e->type == ENTRY_BAN || e->type == ENTRY_MUTE ||
           (e->type == ENTRY_CREATE && e->decree.target.n != 0);
}

bool standing_full(const struct standing *s, const struct siphash_key *key, const struct entry *e,
                   uint64_t at_ms)
{
    if (s == NULL || !wants_row(e) || s->n < STANDING_MAX || row_find(s, key, e->decree.target) != NULL)
        return false;
    ASSERT(s->rows != NULL);
    for (uint32_t i = 0; i < s->n; i++)
        if (!row_says(&s->rows[i], at_ms))
            return false;
    return true;
}

// --- memory

static struct standing *made(struct standing **s, struct mem *m)
{
    if (*s == NULL)
        *s = mem_zalloc(m, sizeof **s);
    return *s;
}

static bool rows_secure(struct standing *s, struct mem *m)
{
    if (s->n < s->cap || s->n == STANDING_MAX)
        return true;
    uint32_t cap = s->cap == 0 ? ROWS_CAP_MIN : 2 * s->cap;
    cap = cap < STANDING_MAX ? cap : STANDING_MAX;
    struct standing_row *rows = mem_realloc(m, s->rows, s->cap * sizeof *rows, cap * sizeof *rows);
    if (rows == NULL)
        return false;
    s->rows = rows;
    s->cap = cap;
    return true;
}

static bool speakers_secure(struct standing *s, struct mem *m)
{
    if (s->speakers_n < s->speakers_cap || s->speakers_n == STANDING_SPEAKERS_MAX)
        return true;
    uint32_t cap = s->speakers_cap == 0 ? SPEAKERS_CAP_MIN : 2 * s->speakers_cap;
    struct standing_speaker *v = mem_realloc(m, s->speakers, s->speakers_cap * sizeof *v, cap * sizeof *v);
    if (v == NULL)
        return false;
    s->speakers = v;
    s->speakers_cap = cap;
    return true;
}

static void speakers_drop(struct standing *s, struct mem *m)
{
    mem_free(m, s->speakers, s->speakers_cap * sizeof *s->speakers);
    s->speakers = NULL;
    s->speakers_n = s->speakers_cap = 0;
}

void standing_free(struct standing **s, struct mem *m)
{
    if (*s == NULL)
        return;
    mem_free(m, (*s)->rows, (*s)->cap * sizeof *(*s)->rows);
    speakers_drop(*s, m);
    mem_free(m, *s, sizeof **s);
    *s = NULL;
}

static bool says_nothing(const struct standing *s)
{
    return s->n == 0 && s->slow_ms == 0 && !s->readonly && !s->locked && s->rule_n == 0 && s->closed_ms == 0;
}

void standing_fit(struct standing **s, struct mem *m)
{
    if (*s != NULL && says_nothing(*s))
        standing_free(s, m);
}

enum err standing_secure(struct standing **s, struct mem *m, const struct siphash_key *key,
                         const struct entry *e)
{
    bool fine = true;
    if (wants_row(e) || e->type == ENTRY_CLOSE || (e->type == ENTRY_CREATE && e->data.n != 0) ||
        (e->type == ENTRY_SLOW && e->decree.span_ms != 0) ||
        ((e->type == ENTRY_READONLY || e->type == ENTRY_LOCK) && e->decree.on))
        fine = made(s, m) != NULL;
    if (fine && wants_row(e) && row_find(*s, key, e->decree.target) == NULL)
        fine = rows_secure(*s, m);
    if (fine && e->type == ENTRY_MESSAGE && standing_slow(*s) != 0)
        fine = speakers_secure(*s, m);
    if (fine)
        return OK;
    standing_fit(s, m);
    return ERR_NOMEM;
}

// --- effect

static void row_remove(struct standing *s, uint32_t at)
{
    memmove(s->rows + at, s->rows + at + 1, (s->n - at - 1) * sizeof *s->rows);
    s->n--;
}

static void rows_over(struct standing *s, uint64_t at_ms)
{
    for (uint32_t i = s->n; i-- > 0;)
        if (!row_says(&s->rows[i], at_ms))
            row_remove(s, i);
}

// There is a place for it (standing_secure, standing_full).
static struct standing_row *row_get(struct standing *s, const struct siphash_key *key, str user,
                                    uint64_t at_ms)
{
    bool found;
    uint64_t print = print_of(key, user);
    uint32_t at = row_place(s, print, user, &found);
    if (found)
        return &s->rows[at];
    if (s->n == STANDING_MAX) {
        rows_over(s, at_ms);
        at = row_place(s, print, user, &found);
    }
    ASSERT(s->n < s->cap);
    ASSERT(user.n != 0);
    memmove(s->rows + at + 1, s->rows + at, (s->n - at) * sizeof *s->rows);
    s->n++;
    struct standing_row *r = &s->rows[at];
    ASSERT(user.n <= sizeof r->user);
    *r = (struct standing_row){.print = print, .user_n = (uint8_t)user.n, .role = ROLE_NOT_GIVEN};
    memcpy(r->user, user.p, user.n);
    return r;
}

static void admit(struct standing_row *r, const struct entry *e)
{
    r->role = (uint8_t)e->decree.role;
    ASSERT(e->invitation.id.n == sizeof r->invited);
    memcpy(r->invited, e->invitation.id.p, sizeof r->invited);
}

static void row_end(struct standing *s, const struct siphash_key *key, const struct entry *e)
{
    bool found;
    uint32_t at = row_place(s, print_of(key, e->decree.target), e->decree.target, &found);
    if (!found)
        return;
    struct standing_row *r = &s->rows[at];
    if (e->type == ENTRY_UNBAN)
        r->banned_ms = 0;
    else
        r->muted_ms = 0;
    if (!row_says(r, 0))
        row_remove(s, at);
}

static void spoken(struct standing *s, const struct siphash_key *key, const struct entry *e, uint64_t at_ms)
{
    uint64_t print = print_of(key, e->user);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->speakers_n; i++)
        if (s->speakers[i].print != print && s->speakers[i].said_ms + s->slow_ms > at_ms)
            s->speakers[kept++] = s->speakers[i];
    s->speakers_n = kept;
    if (kept == STANDING_SPEAKERS_MAX) {
        memmove(s->speakers, s->speakers + 1, (kept - 1) * sizeof *s->speakers);
        s->speakers_n--;
    }
    ASSERT(s->speakers_n < s->speakers_cap);
    s->speakers[s->speakers_n++] = (struct standing_speaker){print, at_ms};
}

// Who comes later finds it as if nobody had decided anything yet.
static void close(struct standing *s, struct mem *m, const struct entry *e, uint64_t at_ms)
{
    ASSERT(s != NULL);
    mem_free(m, s->rows, s->cap * sizeof *s->rows);
    speakers_drop(s, m);
    *s = (struct standing){.closed_ms = standing_until(at_ms, e->decree.span_ms), .closed_at = e->offset};
}

static void begin(struct standing *s, const struct siphash_key *key, const struct entry *e, uint64_t at_ms)
{
    if (e->decree.target.n != 0)
        row_get(s, key, e->decree.target, at_ms)->role = (uint8_t)e->decree.role;
    if (e->data.n == 0)
        return;
    ASSERT(s != NULL && e->data.n <= sizeof s->rule);
    memcpy(s->rule, e->data.p, e->data.n);
    s->rule_n = (uint8_t)e->data.n;
}

void standing_apply(struct standing **s, struct mem *m, const struct siphash_key *key, const struct entry *e,
                    uint64_t at_ms)
{
    const struct decree *d = &e->decree;
    ASSERT(*s != NULL || !wants_row(e));
    switch (e->type) {
    case ENTRY_ROLE:
        row_get(*s, key, d->target, at_ms)->role = (uint8_t)d->role;
        break;
    case ENTRY_ADMIT:
        admit(row_get(*s, key, d->target, at_ms), e);
        break;
    case ENTRY_BAN:
        row_get(*s, key, d->target, at_ms)->banned_ms = standing_until(at_ms, d->span_ms);
        break;
    case ENTRY_MUTE:
        row_get(*s, key, d->target, at_ms)->muted_ms = standing_until(at_ms, d->span_ms);
        break;
    case ENTRY_UNBAN:
    case ENTRY_UNMUTE:
        if (*s != NULL)
            row_end(*s, key, e);
        break;
    case ENTRY_SLOW:
        if (*s != NULL) {
            (*s)->slow_ms = d->span_ms < UINT32_MAX ? (uint32_t)d->span_ms : UINT32_MAX;
            speakers_drop(*s, m);
        }
        break;
    case ENTRY_READONLY:
        if (*s != NULL)
            (*s)->readonly = d->on;
        break;
    case ENTRY_LOCK:
        if (*s != NULL)
            (*s)->locked = d->on;
        break;
    case ENTRY_CLOSE:
        close(*s, m, e, at_ms);
        break;
    case ENTRY_CREATE:
        begin(*s, key, e, at_ms);
        break;
    case ENTRY_MESSAGE:
        if (standing_slow(*s) != 0)
            spoken(*s, key, e, at_ms);
        break;
    default: // nothing of it is made by those
        break;
    }
    standing_fit(s, m);
}

// --- of an image

enum err standing_take_row(struct standing *s, struct mem *m, const struct siphash_key *key,
                           const struct standing_row *row)
{
    bool found;
    const uint64_t print = print_of(key, row_user(row));
    ASSERT(row->user_n != 0 && row->user_n <= USER_ID_MAX);
    ASSERT(row_says(row, 0)); // 1
    const uint32_t at = row_place(s, print, row_user(row), &found);
    if (found || s->n == STANDING_MAX)
        return ERR_LIMIT;
    if (!rows_secure(s, m))
        return ERR_NOMEM;
    memmove(s->rows + at + 1, s->rows + at, (s->n - at) * sizeof *s->rows);
    s->rows[at] = *row;
    s->rows[at].print = print;
    s->n++;
    return OK;
}

enum err standing_take_speaker(struct standing *s, struct mem *m, const struct standing_speaker *speaker)
{
    if (s->speakers_n == STANDING_SPEAKERS_MAX)
        return ERR_LIMIT;
    if (!speakers_secure(s, m))
        return ERR_NOMEM;
    s->speakers[s->speakers_n++] = *speaker;
    return OK;
}

void standing_check(const struct standing *s, const struct siphash_key *key)
{
    if (s == NULL)
        return;
    ASSERT(!says_nothing(s)); // 3
    ASSERT(s->n <= s->cap && s->cap <= STANDING_MAX);
    ASSERT(s->speakers_n <= s->speakers_cap && s->speakers_cap <= STANDING_SPEAKERS_MAX);
    ASSERT(s->slow_ms != 0 || s->speakers_cap == 0);    // 2
    ASSERT((s->closed_ms == 0) == (s->closed_at == 0)); // 4
    for (uint32_t i = 0; i < s->n; i++) {
        const struct standing_row *r = &s->rows[i];
        ASSERT(r->user_n != 0 && r->user_n <= USER_ID_MAX);
        ASSERT(r->role <= ROLE_NOT_GIVEN);
        ASSERT(row_says(r, 0)); // 1
        ASSERT(r->print == print_of(key, row_user(r)));
        ASSERT(
            i == 0 || s->rows[i - 1].print < r->print ||
            (s->rows[i - 1].print == r->print && str_cmp(row_user(&s->rows[i - 1]), row_user(r)) < 0)); // 1
    }
}
