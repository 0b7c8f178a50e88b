// SPDX-License-Identifier: Apache-2.0
//
// Members of a room at its home: users, however many sessions they have. What others are told of them: presence.c.
#include "core/home/home.h"

#include "core/common/who.h"

static bool member_eq(const void *ctx, uint32_t value, const void *key)
{
    return str_eq(member_user(member_at(ctx, value)), *(const str *)key);
}

uint32_t member_find(const struct home *h, const struct room *r, str user)
{
    if (r->by_user != NULL)
        return map_find(r->by_user, hash_str(h->cx, user), member_eq, h, &user);
    uint32_t m = r->first;
    while (m != SLAB_NONE && !str_eq(member_user(member_at(h, m)), user))
        m = member_at(h, m)->next;
    return m;
}

// --- the table of those who are many

void members_table_drop(struct room *r)
{
    if (r->by_user == NULL)
        return;
    map_deinit(r->by_user);
    mem_free(r->log.mem, r->by_user, sizeof *r->by_user);
    r->by_user = NULL;
}

static enum err by_user_insert(const struct home *h, struct room *r, uint32_t index)
{
    return map_insert(r->by_user, hash_str(h->cx, member_user(member_at(h, index))), index);
}

// One more who is not in the list yet. ERR_NOMEM: nothing has changed.
static enum err by_user_put(const struct home *h, struct room *r, uint32_t index)
{
    if (r->by_user != NULL)
        return by_user_insert(h, r, index);
    if (r->members < MEMBERS_WALKED)
        return OK;
    r->by_user = mem_alloc(r->log.mem, sizeof *r->by_user);
    if (r->by_user == NULL)
        return ERR_NOMEM;
    map_init(r->by_user, r->log.mem);
    enum err e = by_user_insert(h, r, index);
    for (uint32_t m = r->first; m != SLAB_NONE && e == OK; m = member_at(h, m)->next)
        e = by_user_insert(h, r, m);
    ASSERT(e != OK || r->by_user->count == r->members + 1);
    if (e != OK)
        members_table_drop(r);
    return e;
}

// One less, who is in the list no more.
static void by_user_drop(const struct home *h, struct room *r, uint32_t index)
{
    if (r->by_user == NULL)
        return;
    if (r->by_user->count - 1 <= MEMBERS_WALKED / 2)
        members_table_drop(r);
    else
        map_remove(r->by_user, hash_str(h->cx, member_user(member_at(h, index))), index);
}

void members_check(const struct home *h, const struct room *r)
{
    ASSERT(r->by_user != NULL ? r->by_user->count == r->members : r->members <= MEMBERS_WALKED);
    if (r->by_user != NULL)
        map_check(r->by_user);
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next)
        ASSERT(member_find(h, r, member_user(member_at(h, m))) == m);
}

// --- its sessions

const struct session_key *member_sessions(const struct member *m)
{
    return m->sessions_cap == 0 ? &m->session : m->session_list;
}

static void sessions_free(struct mem *mem, struct member *m)
{
    if (m->sessions_cap != 0)
        mem_free(mem, m->session_list, m->sessions_cap * sizeof *m->session_list);
    m->sessions = m->sessions_cap = 0;
}

bool member_is(const struct member *m, struct conn_ref session)
{
    const struct session_key *all = member_sessions(m);
    uint32_t i = 0;
    while (i < m->sessions && !session_key_is(all[i], session))
        i++;
    return i < m->sessions;
}

// False when memory is out; never for the first one.
static bool session_add(struct mem *mem, struct member *m, struct session_key session)
{
    ASSERT(m->sessions < MEMBER_SESSIONS_MAX);
    ASSERT(m->sessions_cap == 0 || m->sessions <= m->sessions_cap);
    if (m->sessions == 0) {
        m->session = session;
        m->sessions = 1;
        return true;
    }
    uint32_t cap = m->sessions_cap == 0 ? 1 : m->sessions_cap;
    if (m->sessions == cap) {
        struct session_key *list =
            mem_realloc(mem, m->sessions_cap == 0 ? NULL : m->session_list, m->sessions_cap * sizeof *list,
                        2 * (size_t)cap * sizeof *list);
        if (list == NULL)
            return false;
        if (m->sessions_cap == 0)
            list[0] = m->session; // both share their place
        m->session_list = list;
        m->sessions_cap = (uint16_t)(2 * cap);
    }
    ASSERT(m->sessions < m->sessions_cap);
    m->session_list[m->sessions++] = session;
    return true;
}

static bool session_remove(struct mem *mem, struct member *m, struct conn_ref session)
{
    struct session_key *all = m->sessions_cap == 0 ? &m->session : m->session_list;
    uint32_t i = 0;
    while (i < m->sessions && !session_key_is(all[i], session))
        i++;
    if (i == m->sessions)
        return false;
    all[i] = all[--m->sessions];
    if (m->sessions <= 1 && m->sessions_cap != 0) {
        struct session_key last = all[0];
        uint16_t n = m->sessions;
        sessions_free(mem, m);
        m->session = last;
        m->sessions = n;
    }
    ASSERT(m->sessions_cap == 0 || m->sessions > 1);
    return true;
}

// --- coming and going

// Members are of the home's pool; in a tenant's room they count as its own.
static bool charge(const struct room *r)
{
    return !mem_is_part(r->log.mem) || mem_part_charge(r->log.mem, sizeof(struct member));
}

static void discharge(const struct room *r)
{
    if (mem_is_part(r->log.mem))
        mem_part_discharge(r->log.mem, sizeof(struct member));
}

static enum err member_create(struct home *h, uint32_t room, const struct ask *a, uint32_t *ret)
{
    struct room *r = room_at(h, room);
    if (!charge(r))
        return ERR_NOMEM;
    uint32_t index = slab_alloc(&h->members);
    if (index == SLAB_NONE) {
        discharge(r);
        return ERR_NOMEM;
    }
    struct member *m = member_at(h, index);
    *m = (struct member){.joined_at = h->cx->wall_ms,
                         .last_active = h->cx->wall_ms,
                         .prev = r->last,
                         .next = SLAB_NONE,
                         .seq = ++r->member_seq,
                         .role = (uint8_t)home_rights(h, r, a).role};
    enum err e = member_text_init(m, r->log.mem, a->user, a->name, a->info);
    if (e == OK && (e = by_user_put(h, r, index)) != OK)
        member_text_deinit(m, r->log.mem);
    if (e != OK) {
        slab_free(&h->members, index);
        discharge(r);
        return e;
    }
    if (r->last != SLAB_NONE)
        member_at(h, r->last)->next = index;
    else
        r->first = index;
    r->last = index;
    if (r->members++ == 0)
        r->count_ms = 0; // it was empty_ms
    metric_add(&h->cx->metrics->members, 1);
    *ret = index;
    return OK;
}

static void member_destroy(struct home *h, struct room *r, uint32_t index)
{
    struct member *m = member_at(h, index);
    if (m->prev != SLAB_NONE)
        member_at(h, m->prev)->next = m->next;
    else
        r->first = m->next;
    if (m->next != SLAB_NONE)
        member_at(h, m->next)->prev = m->prev;
    else
        r->last = m->prev;
    ASSERT(r->members != 0);
    by_user_drop(h, r, index);
    sessions_free(r->log.mem, m);
    member_text_deinit(m, r->log.mem);
    slab_free(&h->members, index);
    discharge(r);
    r->members--;
    r->emptying = r->emptying && r->members != 0;
    metric_sub(&h->cx->metrics->members, 1);
}

// Removes a member for good, with its last entry.
static void member_leave(struct home *h, uint32_t room, uint32_t index, const char *how, str session)
{
    struct room *r = room_at(h, room);
    audit_member(h, room, member_at(h, index), AUDIT_LEFT, how, session);
    presence_tell(h, room, ENTRY_MEMBER_LEFT, member_at(h, index), STR_NONE);
    member_destroy(h, r, index);
    if (r->members != 0)
        return;
    r->empty_ms = h->cx->now_ms;
    room_timer(h, room, h->cx->now_ms + room_grace_ms(h, r));
}

void member_show(struct home *h, uint32_t room, uint32_t index, str name, str info, uint32_t since_ms)
{
    struct member *m = member_at(h, index);
    char before[USER_NAME_MAX];
    str was = member_name(m);
    ASSERT(m->sessions != 0);
    if ((int32_t)(since_ms - m->named_ms) < 0)
        return;
    m->named_ms = since_ms;
    bool named = !str_eq(was, name), informed = !str_eq(member_info(m), info);
    if (!named && !informed)
        return;
    memcpy(before, was.p, was.n);
    if (!member_text_change(m, room_at(h, room)->log.mem, name, info)) {
        metric_add(&h->cx->metrics->limit_memory, 1);
        notice_put(h->cx, NOTICE_MEMORY, UINT32_MAX, 0, "what is shown of a member",
                   room_name(room_at(h, room)));
        informed = false;
    }
    if (named || informed)
        presence_tell(h, room, ENTRY_MEMBER_CHANGED, m, named ? str_make(before, was.n) : STR_NONE);
}

static enum err member_come_back(struct home *h, uint32_t room, uint32_t index, const struct ask *a)
{
    struct room *r = room_at(h, room);
    struct member *m = member_at(h, index);
    bool was_away = m->sessions == 0, told = was_away && !m->untold;
    if (was_away)
        away_remove(h, r, index);
    if (!session_add(r->log.mem, m, session_key_of(a->conn, a->encoding)))
        return ERR_NOMEM;
    audit_member(h, room, m, AUDIT_ENTERED, "", a->session);
    if (was_away)
        m->named_ms = a->since_ms;
    if (told)
        presence_tell(h, room, ENTRY_MEMBER_CHANGED, m, STR_NONE);
    enum role role = home_rights(h, r, a).role; // it may come with more than its other sessions have
    if (role > (enum role)m->role)
        m->role = (uint8_t)role;
    member_show(h, room, index, a->name, a->info, a->since_ms); // both may be others since it was here
    return OK;
}

enum err member_fits(const struct home *h, struct room *r, str user)
{
    const uint32_t index = member_find(h, r, user);
    if (index != MAP_NONE)
        return member_at(h, index)->sessions == MEMBER_SESSIONS_MAX ? ERR_LIMIT : OK;
    return r->members >= room_settings(h, r)->room_members_max ? ERR_FULL : OK;
}

enum err member_arrive(struct home *h, uint32_t room, const struct ask *a, uint32_t *ret_member)
{
    struct room *r = room_at(h, room);
    uint32_t index = *ret_member = member_find(h, r, a->user);
    const enum err fits = member_fits(h, r, a->user);
    if (fits != OK)
        return fits;
    if (index != MAP_NONE)
        return member_come_back(h, room, index, a);
    if (member_create(h, room, a, &index) != OK)
        return ERR_NOMEM;
    struct member *m = member_at(h, index);
    bool added = session_add(r->log.mem, m, session_key_of(a->conn, a->encoding));
    ASSERT(added); // the first one needs no memory
    m->named_ms = a->since_ms;
    audit_member(h, room, m, AUDIT_JOINED, role_name((enum role)m->role), a->session);
    presence_tell(h, room, ENTRY_MEMBER_JOINED, m, STR_NONE);
    *ret_member = index;
    return OK;
}

bool member_depart(struct home *h, uint32_t room, uint32_t index, const struct departure *d)
{
    struct room *r = room_at(h, room);
    struct member *m = member_at(h, index);
    if (!session_remove(r->log.mem, m, d->conn))
        return false;
    bool goes = m->sessions == 0 && (!d->keep || h->cx->settings->member_grace_ms == 0);
    if (goes) {
        member_leave(h, room, index, d->why, d->session);
        return true;
    }
    audit_member(h, room, m, AUDIT_PARTED, d->why, d->session);
    if (m->sessions != 0)
        return true;
    away_push(h, r, index);
    room_timer(h, room, h->cx->now_ms + h->cx->settings->member_grace_ms);
    uint64_t due = members_away_due(h, room); // at once, where nobody is to wait for it
    if (due != UINT64_MAX)
        room_timer(h, room, due);
    return true;
}

static const char *expelled_name(enum expelled why)
{
    static const char *const names[] = {
#define X(upper, text) [EXPELLED_##upper] = text,
        EXPELLED(X)
#undef X
    };
    return names[why];
}

// From here on the home knows nothing of its sessions: what they still say finds that they are not in the room.
void member_expel(struct home *h, uint32_t room, uint32_t index, const struct entry *e)
{
    struct room *r = room_at(h, room);
    struct member *m = member_at(h, index);
    struct expel_mail out = {.why = e->type == ENTRY_CLOSE ? EXPELLED_ROOM_CLOSED
                                    : e->type == ENTRY_BAN ? EXPELLED_BANNED
                                                           : EXPELLED_KICKED,
                             .user = e->user,
                             .name = e->name,
                             .reason = e->data};
    if (m->sessions == 0)
        away_remove(h, r, index);
    for (uint32_t i = m->sessions; i-- > 0;) {
        const struct session_key s = member_sessions(m)[i];
        room_announce_to(h, room, s.shard); // up to here it was in the room
        out.session = s;
        out.outlet = r->feeds[s.shard].outlet;
        post_expel(h->mail, s.shard, &out);
        feed_detach(h, r, s.shard, s.encoding);
    }
    sessions_free(r->log.mem, m);
    member_leave(h, room, index, expelled_name(out.why), STR_NONE);
}

uint64_t members_expire(struct home *h, uint32_t room)
{
    struct room *r = room_at(h, room);
    uint32_t grace = h->cx->settings->member_grace_ms;
    while (r->away_first != SLAB_NONE) {
        uint32_t index = r->away_first;
        struct member *m = member_at(h, index);
        ASSERT(m->sessions == 0);
        uint32_t away = (uint32_t)h->cx->now_ms - m->away_ms;
        if (away < grace)
            return h->cx->now_ms + (grace - away);
        away_remove(h, r, index);
        member_leave(h, room, index, "disconnected", STR_NONE);
    }
    return UINT64_MAX;
}

void members_free(struct home *h, struct room *r)
{
    while (r->first != SLAB_NONE)
        member_destroy(h, r, r->first);
}
