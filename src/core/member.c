// SPDX-License-Identifier: Apache-2.0
//
// Members of a room at its home: users, however many sessions they have. Presence is exact (an entry per change) up
// to rooms.presence_exact_max members; a bigger room writes its count at most once a second, because n members
// joining would otherwise mean n * n deliveries.
#include "core/shard_state.h"

enum { COUNT_INTERVAL_MS = 1000 };

static const char *member_text(const struct member *m)
{
    return m->user_n + m->name_n <= MEMBER_TEXT_INLINE ? m->text_inline : m->text_long;
}

str member_user(const struct member *m) { return (str){member_text(m), m->user_n}; }

str member_name(const struct member *m)
{
    return m->name_n == 0 ? member_user(m) : (str){member_text(m) + m->user_n, m->name_n};
}

void member_view_make(const struct member *m, struct member_view *ret)
{
    *ret = (struct member_view){.user = member_user(m),
                                .name = member_name(m),
                                .role = (enum role)m->role,
                                .connected = m->sessions != 0,
                                .sessions = m->sessions,
                                .joined_at = m->joined_at,
                                .last_active = m->last_active};
}

static bool member_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(member_user(member_at(ctx, value)), *(const str *)key);
}

uint32_t member_find(const struct shard *sh, const struct room *r, str user)
{
    return map_find(&r->by_user, hash_str(sh, user), member_eq, sh, &user);
}

// --- entries about members

static bool append(struct shard *sh, uint32_t room, struct entry *e)
{
    if (room_append(sh, room, e) == OK)
        return true;
    metric_add(&sh->metrics->limit_memory, 1); // a message is counted where it is answered
    return false;
}

// previous_name: of somebody who has another one now, else absent.
static void presence(struct shard *sh, uint32_t room, enum entry_type type, const struct member *m,
                     str previous_name)
{
    struct room *r = room_at(sh, room);
    if (r->members <= sh->settings->presence_exact_max) {
        struct entry e = {.type = type, .previous_name = previous_name};
        member_view_make(m, &e.member);
        if (append(sh, room, &e))
            return;
    } else if (type == ENTRY_MEMBER_CHANGED) {
        return;
    }
    if (r->count_pending)
        return;
    r->count_pending = true;
    uint64_t due = r->count_ms + COUNT_INTERVAL_MS;
    room_timer(sh, room, due > sh->now_ms ? due : sh->now_ms + 1);
}

uint64_t members_count_due(struct shard *sh, uint32_t room)
{
    struct room *r = room_at(sh, room);
    if (!r->count_pending)
        return UINT64_MAX;
    if (sh->now_ms < r->count_ms + COUNT_INTERVAL_MS && r->count_ms != 0)
        return r->count_ms + COUNT_INTERVAL_MS;
    struct entry e = {.type = ENTRY_MEMBERS_COUNT, .count = r->members};
    r->count_ms = sh->now_ms;
    if (!append(sh, room, &e))
        return sh->now_ms + COUNT_INTERVAL_MS;
    r->count_pending = false;
    return UINT64_MAX;
}

// --- the away list: members without a session, longest first

static void away_push(struct shard *sh, struct room *r, uint32_t index)
{
    struct member *m = member_at(sh, index);
    m->away_ms = (uint32_t)sh->now_ms;
    m->away_prev = r->away_last;
    m->away_next = SLAB_NONE;
    if (r->away_last != SLAB_NONE)
        member_at(sh, r->away_last)->away_next = index;
    else
        r->away_first = index;
    r->away_last = index;
}

static void away_remove(struct shard *sh, struct room *r, struct member *m)
{
    if (m->away_prev != SLAB_NONE)
        member_at(sh, m->away_prev)->away_next = m->away_next;
    else
        r->away_first = m->away_next;
    if (m->away_next != SLAB_NONE)
        member_at(sh, m->away_next)->away_prev = m->away_prev;
    else
        r->away_last = m->away_prev;
}

// --- coming and going

static void member_text_free(struct shard *sh, struct member *m)
{
    if (m->user_n + m->name_n > MEMBER_TEXT_INLINE)
        mem_free(sh->mem, m->text_long, (size_t)m->user_n + m->name_n);
}

// Sets user and name, for which there is memory; what was there before is the caller's to free.
static void member_text_set(struct member *m, str user, str name, char *text)
{
    memcpy(text, user.p, user.n);
    if (name.n != 0)
        memcpy(text + user.n, name.p, name.n);
    if (text != m->text_inline)
        m->text_long = text;
    m->user_n = (uint8_t)user.n;
    m->name_n = (uint8_t)name.n;
}

static enum err member_create(struct shard *sh, uint32_t room, str user, str name, uint32_t *ret)
{
    struct room *r = room_at(sh, room);
    uint32_t index = slab_alloc(&sh->members);
    if (index == SLAB_NONE)
        return ERR_NOMEM;
    if (str_eq(user, name))
        name = STR_NONE;
    struct member *m = member_at(sh, index);
    *m = (struct member){.joined_at = sh->wall_ms,
                         .last_active = sh->wall_ms,
                         .prev = r->last,
                         .next = SLAB_NONE,
                         .seq = ++r->member_seq,
                         .role = ROLE_GUEST};
    char *text = m->text_inline;
    if (user.n + name.n > MEMBER_TEXT_INLINE)
        text = mem_alloc(sh->mem, user.n + name.n);
    enum err e = text == NULL ? ERR_NOMEM : OK;
    if (e == OK)
        member_text_set(m, user, name, text);
    if (e == OK && (e = map_insert(&r->by_user, hash_str(sh, user), index)) != OK)
        member_text_free(sh, m);
    if (e != OK) {
        slab_free(&sh->members, index);
        return e;
    }
    if (r->last != SLAB_NONE)
        member_at(sh, r->last)->next = index;
    else
        r->first = index;
    r->last = index;
    r->members++;
    r->empty_ms = UINT64_MAX;
    metric_add(&sh->metrics->members, 1);
    *ret = index;
    return OK;
}

static void member_destroy(struct shard *sh, struct room *r, uint32_t index)
{
    struct member *m = member_at(sh, index);
    if (m->prev != SLAB_NONE)
        member_at(sh, m->prev)->next = m->next;
    else
        r->first = m->next;
    if (m->next != SLAB_NONE)
        member_at(sh, m->next)->prev = m->prev;
    else
        r->last = m->prev;
    map_remove(&r->by_user, hash_str(sh, member_user(m)), index);
    member_text_free(sh, m);
    slab_free(&sh->members, index);
    r->members--;
    metric_sub(&sh->metrics->members, 1);
}

// Removes a member for good, with its last entry.
static void member_leave(struct shard *sh, uint32_t room, uint32_t index)
{
    struct room *r = room_at(sh, room);
    presence(sh, room, ENTRY_MEMBER_LEFT, member_at(sh, index), STR_NONE);
    member_destroy(sh, r, index);
    if (r->members != 0)
        return;
    r->empty_ms = sh->now_ms;
    room_timer(sh, room, sh->now_ms + room_grace_ms(sh, r));
}

// A name is a few bytes, and members of one user in several rooms must not end up with different ones because memory
// ended between them: so much may go beyond the budget.
void member_rename(struct shard *sh, uint32_t room, uint32_t index, str name, uint32_t since_ms)
{
    struct member *m = member_at(sh, index), old = *m;
    str user = member_user(&old); // the copy's: setting the text writes over the member's own
    ASSERT(m->sessions != 0);
    if ((int32_t)(since_ms - m->named_ms) < 0)
        return;
    m->named_ms = since_ms;
    if (str_eq(member_name(&old), name))
        return;
    if (str_eq(user, name))
        name = STR_NONE;
    char *text = m->text_inline;
    if (user.n + name.n > MEMBER_TEXT_INLINE)
        text = mem_alloc_essential(sh->mem, user.n + name.n);
    member_text_set(m, user, name, text);
    presence(sh, room, ENTRY_MEMBER_CHANGED, m, member_name(&old));
    member_text_free(sh, &old);
}

enum err member_arrive(struct shard *sh, uint32_t room, str user, str name, uint32_t since_ms,
                       uint32_t *ret_member)
{
    struct room *r = room_at(sh, room);
    uint32_t index = member_find(sh, r, user);
    if (index != MAP_NONE) {
        struct member *m = member_at(sh, index);
        if (m->sessions == UINT16_MAX)
            return ERR_LIMIT;
        if (m->sessions++ == 0) {
            away_remove(sh, r, m);
            m->named_ms = since_ms;
            presence(sh, room, ENTRY_MEMBER_CHANGED, m, STR_NONE);
        }
        member_rename(sh, room, index, name, since_ms); // it may have another one since it was here
        *ret_member = index;
        return OK;
    }
    if (r->members >= sh->settings->room_members_max)
        return ERR_LIMIT;
    if (member_create(sh, room, user, name, &index) != OK)
        return ERR_NOMEM;
    member_at(sh, index)->sessions = 1;
    member_at(sh, index)->named_ms = since_ms;
    presence(sh, room, ENTRY_MEMBER_JOINED, member_at(sh, index), STR_NONE);
    *ret_member = index;
    return OK;
}

void member_depart(struct shard *sh, uint32_t room, uint32_t index, bool keep)
{
    struct room *r = room_at(sh, room);
    struct member *m = member_at(sh, index);
    ASSERT(m->sessions != 0);
    if (--m->sessions != 0)
        return;
    if (!keep || sh->settings->member_grace_ms == 0) {
        member_leave(sh, room, index);
        return;
    }
    away_push(sh, r, index);
    presence(sh, room, ENTRY_MEMBER_CHANGED, m, STR_NONE);
    room_timer(sh, room, sh->now_ms + sh->settings->member_grace_ms);
}

uint64_t members_expire(struct shard *sh, uint32_t room)
{
    struct room *r = room_at(sh, room);
    uint32_t grace = sh->settings->member_grace_ms;
    while (r->away_first != SLAB_NONE) {
        uint32_t index = r->away_first;
        struct member *m = member_at(sh, index);
        uint32_t away = (uint32_t)sh->now_ms - m->away_ms;
        if (away < grace)
            return sh->now_ms + (grace - away);
        away_remove(sh, r, m);
        member_leave(sh, room, index);
    }
    return UINT64_MAX;
}

void members_free(struct shard *sh, struct room *r)
{
    while (r->first != SLAB_NONE)
        member_destroy(sh, r, r->first);
}
