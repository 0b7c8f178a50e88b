// SPDX-License-Identifier: Apache-2.0
//
// What others are shown of a session, and how its homes are told when that changes: another name (a rename), other info (a refresh
// with a token that says something else). It is in all rooms at once, or in none.
#include "core/edge/edge.h"

#include "core/common/audit.h"
#include "core/edge/resume.h"

static void put_renamed(struct edge *e, uint32_t index, str id)
{
    const struct session *s = &asker_at(e, index)->reader.who.session;
    char token[RESUME_TOKEN_MAX];
    size_t token_n;
    if (resume_token_make(e->cx, s, token, &token_n) != OK) { // what has been done cannot be told
        fan_end(e->fan, index, END_CUT);
        return;
    }
    struct event ev = {
        .type = EV_RENAMED, .id = id, .name = session_name(s), .resume = str_make(token, token_n)};
    fan_put_event(e->fan, index, &ev);
}

void edge_put_refreshed(struct edge *e, uint32_t index, str id)
{
    const struct session *s = &asker_at(e, index)->reader.who.session;
    char token[RESUME_TOKEN_MAX];
    size_t token_n;
    if (resume_token_make(e->cx, s, token, &token_n) != OK) { // what has been done cannot be told
        fan_end(e->fan, index, END_CUT);
        return;
    }
    struct event ev = {.type = EV_ACK,
                       .id = id,
                       .has_expires = true,
                       .expires_in_s = edge_expires_in_s(e, session_grant(s)->expires_ms),
                       .resume = str_make(token, token_n)};
    fan_put_event(e->fan, index, &ev);
}

// The homes of its rooms, as bits.
static uint64_t homes_of(const struct edge *e, struct asker *c)
{
    uint64_t homes = 0;
    for (uint32_t i = 0; i < c->reader.member_n; i++)
        homes |=
            UINT64_C(1) << home_of(e->cx, outlet_at(e->fan, reader_memberships(&c->reader)[i].outlet)->hash);
    return homes;
}
_Static_assert(SHARDS_MAX <= 64, "a bit for each");

static bool homes_may_be_asked(struct edge *e, uint32_t index, uint64_t homes)
{
    for (; homes != 0; homes &= homes - 1)
        if (!edge_may_ask(e, index, (uint32_t)__builtin_ctzll(homes), false))
            return false;
    return true;
}

// The asker's rooms with that home, as they stand in a mail. False where memory is out.
static bool rooms_of_home(struct edge *e, struct asker *c, uint32_t home, struct buf *ret)
{
    for (uint32_t i = 0; i < c->reader.member_n; i++) {
        const struct outlet *o = outlet_at(e->fan, reader_memberships(&c->reader)[i].outlet);
        if (home_of(e->cx, o->hash) == home)
            buf_put(ret, &o->room, sizeof o->room);
    }
    return buf_ok(ret);
}

// One ask for each home, all or none: half of them would leave two names for one person. False where memory is out.
static bool ask_homes(struct edge *e, uint32_t index, const struct command *cmd, const str *info,
                      uint64_t homes)
{
    struct asker *c = asker_at(e, index);
    ASSERT(c->reader.member_n != 0);
    struct mail *made[SHARDS_MAX];
    uint32_t dests[SHARDS_MAX], n = 0;
    bool whole = true;
    for (; homes != 0 && whole; homes &= homes - 1) {
        struct ask a = edge_ask_make(e, index, ASK_RENAME, cmd);
        struct buf rooms;
        struct ask *ask = NULL;
        if (info != NULL)
            a.info = *info;
        buf_init(&rooms, e->cx->mem, 0);
        dests[n] = (uint32_t)__builtin_ctzll(homes);
        if (rooms_of_home(e, c, dests[n], &rooms)) {
            a.rows = buf_str(&rooms);
            ask = post_ask_make(e->mail, &a);
        }
        buf_deinit(&rooms);
        whole = ask != NULL;
        if (whole)
            made[n++] = &ask->mail;
    }
    for (uint32_t i = 0; i < n; i++)
        if (whole)
            post_ask_made(e->mail, dests[i], (struct ask *)(void *)made[i]);
        else
            mail_discard(e->cx->mem, made[i]);
    c->pending = (uint16_t)(c->pending + (whole ? n : 0));
    asker_pending_at(c, dests[0]);
    return whole;
}

static void audit_renamed(const struct edge *e, const struct session *s, str before)
{
    const struct audit_event renamed = {.type = AUDIT_RENAMED,
                                        .user = session_user(s),
                                        .name = session_name(s),
                                        .session = str_make(s->id, SESSION_ID_LEN),
                                        .detail = before};
    audit_put(e->cx, &renamed);
}

// The session's name changes now, its members' in every room they are in, and the reply comes when all rooms know.
bool edge_rename(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    uint64_t homes = homes_of(e, c);
    if (c->pending != 0 || !homes_may_be_asked(e, index, homes))
        return false;
    struct session *now = &c->reader.who.session, renamed;
    if (session_renamed(now, e->cx->mem, cmd->name, &renamed) != OK) {
        edge_no_memory(e, index, cmd);
        return true;
    }
    if (homes != 0 && !ask_homes(e, index, cmd, NULL, homes)) {
        session_deinit(&renamed, e->cx->mem);
        edge_no_memory(e, index, cmd);
        return true;
    }
    c->exclusive = homes != 0;
    audit_renamed(e, &renamed, session_name(now));
    session_deinit(now, e->cx->mem);
    *now = renamed;
    if (homes == 0)
        put_renamed(e, index, cmd->id);
    return true;
}

void edge_on_renamed(struct edge *e, uint32_t index, str id)
{
    if (asker_at(e, index)->pending == 0)
        put_renamed(e, index, id);
}

// They are told by the same mail that all it says later goes by, so nobody sees new words with the old info.
enum err edge_show(struct edge *e, uint32_t index, const struct command *cmd, str info)
{
    struct asker *c = asker_at(e, index);
    const struct grant *g = session_grant(&c->reader.who.session);
    uint64_t homes = homes_of(e, c);
    if (g == NULL || str_eq(g->info, info))
        return OK;
    if (edge_joining(c) != 0 ||
        !homes_may_be_asked(e, index, homes)) // a join under way has the old one with it
        return ERR_FULL;
    return homes == 0 || ask_homes(e, index, cmd, &info, homes) ? OK : ERR_NOMEM;
}
