// SPDX-License-Identifier: Apache-2.0
//
// A row per speaker, in the order in which they spoke: found from the end, where those who speak now are. Rejected: a table by hash;
// 256 prints are two kilobytes, and one message is looked up once for all its readers.
#include "core/log/speakers.h"

#include "base/assert.h"
#include "base/limits.h"

enum { ROWS_FIRST = 4 };

static size_t who_bytes(const struct speaker_row *p)
{
    return (size_t)p->user_n + p->session_n + p->name_n + p->info_n;
}

static struct speaker_view view_of(const struct speaker_row *p)
{
    const char *at = p->who;
    struct speaker_view v = {.number = p->number};
    v.user = str_make(at, p->user_n);
    v.session = str_make(at += p->user_n, p->session_n);
    v.name = str_make(at += p->session_n, p->name_n);
    v.info = str_make(at + p->name_n, p->info_n);
    return v;
}

struct speakers *speakers_create(struct mem *m, uint64_t room)
{
    ASSERT(room != 0);
    struct speakers *s = mem_zalloc(m, sizeof *s);
    if (s != NULL) {
        s->room = room;
        s->next = 1;
    }
    return s;
}

void speakers_free(struct speakers *s, struct mem *m)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        mem_free(m, s->v[i].who, who_bytes(&s->v[i]));
    mem_free(m, s->v, s->cap * sizeof *s->v);
    mem_free(m, s, sizeof *s);
}

static uint64_t print_who(const struct siphash_key *prints, const struct entry *e)
{
    const uint64_t parts[4] = {siphash(prints, e->user.p, e->user.n),
                               siphash(prints, e->session.p, e->session.n),
                               siphash(prints, e->name.p, e->name.n), siphash(prints, e->info.p, e->info.n)};
    return siphash(prints, parts, sizeof parts);
}

static bool is(const struct speaker_row *p, uint64_t print, const struct entry *e)
{
    if (p->print != print)
        return false;
    const struct speaker_view v = view_of(p);
    return str_eq(v.user, e->user) && str_eq(v.session, e->session) && str_eq(v.name, e->name) &&
           str_eq(v.info, e->info);
}

// The row is at the end from here on.
static struct speaker_row *newest(struct speakers *s, uint32_t at)
{
    ASSERT(at < s->n);
    const struct speaker_row row = s->v[at];
    memmove(&s->v[at], &s->v[at + 1], (s->n - at - 1) * sizeof row);
    s->v[s->n - 1] = row;
    return &s->v[s->n - 1];
}

static bool place_reserve(struct speakers *s, struct mem *m)
{
    if (s->n < s->cap)
        return true;
    ASSERT(s->n < SPEAKERS_MAX);
    const uint32_t cap = s->cap == 0 ? ROWS_FIRST : s->cap * 2;
    struct speaker_row *v = mem_realloc(m, s->v, s->cap * sizeof *v, cap * sizeof *v);
    if (v == NULL)
        return false;
    s->v = v;
    s->cap = cap;
    return true;
}

static void forget_oldest(struct speakers *s, struct mem *m)
{
    ASSERT(s->n != 0);
    mem_free(m, s->v[0].who, who_bytes(&s->v[0]));
    s->n--;
    memmove(&s->v[0], &s->v[1], s->n * sizeof s->v[0]);
}

static char *put(char *at, str s)
{
    if (s.n != 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

// NULL when memory is out.
static struct speaker_row *add(struct speakers *s, struct mem *m, uint64_t print, const struct entry *e)
{
    ASSERT(e->user.n <= UINT8_MAX && e->session.n <= UINT8_MAX);
    ASSERT(e->name.n <= UINT8_MAX && e->info.n <= UINT16_MAX);
    char *who = mem_alloc(m, e->user.n + e->session.n + e->name.n + e->info.n);
    if (who == NULL)
        return NULL;
    if (s->n == SPEAKERS_MAX)
        forget_oldest(s, m);
    if (!place_reserve(s, m)) {
        mem_free(m, who, e->user.n + e->session.n + e->name.n + e->info.n);
        return NULL;
    }
    put(put(put(put(who, e->user), e->session), e->name), e->info);
    struct speaker_row *p = &s->v[s->n++];
    *p = (struct speaker_row){.number = s->next++,
                              .print = print,
                              .who = who,
                              .user_n = (uint8_t)e->user.n,
                              .session_n = (uint8_t)e->session.n,
                              .name_n = (uint8_t)e->name.n,
                              .info_n = (uint16_t)e->info.n};
    return p;
}

void speakers_name(struct speakers *s, struct mem *m, const struct siphash_key *prints, const struct entry *e,
                   struct handles *ret)
{
    *ret = (struct handles){.room = s->room};
    if (e->user.n == 0)
        return;
    const uint64_t print = print_who(prints, e);
    uint32_t at = s->n;
    while (at != 0 && !is(&s->v[at - 1], print, e))
        at--;
    const struct speaker_row *p = at != 0 ? newest(s, at - 1) : add(s, m, print, e);
    if (p == NULL)
        return;
    ret->speaker = p->number;
    ret->told = p->told;
}

static struct speaker_row *find(const struct speakers *s, uint64_t number)
{
    for (uint32_t i = s->n; i-- > 0;)
        if (s->v[i].number == number)
            return &s->v[i];
    return NULL;
}

void speakers_told(struct speakers *s, uint64_t number)
{
    struct speaker_row *p = find(s, number);
    ASSERT(p != NULL);
    p->told = true;
}

bool speakers_find(const struct speakers *s, uint64_t number, struct speaker_view *ret)
{
    const struct speaker_row *p = find(s, number);
    if (p == NULL || !p->told)
        return false;
    *ret = view_of(p);
    return true;
}

size_t speakers_newest(const struct speakers *s, struct speaker_view ret[SPEAKERS_TOLD])
{
    size_t bytes = 0, n = 0;
    uint32_t at = s->n;
    for (; at != 0 && n < SPEAKERS_TOLD; at--) {
        if (!s->v[at - 1].told)
            continue;
        bytes += who_bytes(&s->v[at - 1]);
        if (bytes > SPEAKERS_TOLD_BYTES)
            break;
        n++;
    }
    n = 0;
    for (; at < s->n; at++)
        if (s->v[at].told)
            ret[n++] = view_of(&s->v[at]);
    ASSERT(n <= SPEAKERS_TOLD);
    return n;
}

void speakers_check(const struct speakers *s)
{
    ASSERT(s->room != 0 && s->next != 0);
    ASSERT(s->n <= s->cap && s->cap <= SPEAKERS_MAX);
    for (uint32_t i = 0; i < s->n; i++) {
        ASSERT(s->v[i].number != 0 && s->v[i].number < s->next);
        ASSERT(s->v[i].user_n != 0);
        for (uint32_t k = 0; k < i; k++)
            ASSERT(s->v[i].number != s->v[k].number);
    }
}
