// SPDX-License-Identifier: Apache-2.0
//
// Rejected: verdicts in the records (a record is the same bytes wherever it is read, and who places it, an engine, knows no
// rooms), and verdicts by whoever proposes (two nodes can propose the same at once, and neither has seen the other's).
#include "core/home/apply.h"

#include "base/limits.h"
#include "core/log/record.h"
#include "core/mail/post.h"

// Whose keys they are: a user's in this life of the room.
static u128 owner_print(const struct made *m, str user)
{
    char material[EPOCH_LEN + USER_ID_MAX];
    ASSERT(m->epoch.n == EPOCH_LEN && user.n <= USER_ID_MAX);
    memcpy(material, m->epoch.p, EPOCH_LEN);
    if (user.n != 0)
        memcpy(material + EPOCH_LEN, user.p, user.n);
    return siphash128(m->hash_key, material, EPOCH_LEN + user.n);
}

static u128 key_print(const struct made *m, str key) { return siphash128(m->hash_key, key.p, key.n); }

static struct once_limits rule_of(const struct entry *e)
{
    return (struct once_limits){e->key_window_ms, e->key_count};
}

uint64_t apply_said_ms(const struct made *m, const struct entry *e)
{
    uint64_t newest = m->keys->newest_ms;
    return newest > ONCE_LATE_MS && e->steady_ms < newest - ONCE_LATE_MS ? newest - ONCE_LATE_MS
                                                                         : e->steady_ms;
}

struct verdict gate_once(const struct made *m, const struct entry *e, const struct rights *who)
{
    (void)who;
    struct verdict v = {.refused = false};
    const struct once_limits rule = rule_of(e);
    if (e->key.n != 0)
        v.refused = once_find(m->said, owner_print(m, e->user), key_print(m, e->key), &rule,
                              apply_said_ms(m, e), &v.offset);
    v.why = v.refused ? DENIED_REPEATED : DENIED_NOT;
    return v;
}

// --- who may

// The right that a record needs.
static enum right right_needed(const struct entry *e)
{
    switch (e->type) {
    case ENTRY_MESSAGE:
    case ENTRY_REACT:
        return RIGHT_PUBLISH;
    case ENTRY_EDIT:
        return apply_own(e) ? RIGHT_EDIT_OWN : RIGHT_EDIT_ANY;
    case ENTRY_DELETE:
        return apply_own(e) ? RIGHT_DELETE_OWN : RIGHT_DELETE_ANY;
    case ENTRY_STATE:
        return RIGHT_STATE;
    case ENTRY_ADMIT: // whoever brings the invitation
        return RIGHT_NONE;
    case ENTRY_CREATE:
        return (enum right)command_row(CMD_CREATE)->right;
#define X(upper, lower, event) \
    case ENTRY_##upper:        \
        return (enum right)command_row(CMD_##upper)->right;
        DECREES(X)
#undef X
    default:
        return RIGHT_NONE;
    }
}

static struct verdict refuse(enum denial why, uint64_t until_ms)
{
    return (struct verdict){.refused = why != DENIED_NOT, .why = why, .until_ms = until_ms};
}

struct verdict gate_closed(const struct made *m, const struct entry *e, const struct rights *who)
{
    (void)who;
    const uint64_t closed = standing_closed_ms(*m->standing, apply_said_ms(m, e));
    return closed != 0 ? refuse(DENIED_CLOSED, closed) : refuse(DENIED_NOT, 0);
}

struct verdict gate_banned(const struct made *m, const struct entry *e, const struct rights *who)
{
    (void)who;
    const uint64_t banned = standing_banned_ms(*m->standing, m->hash_key, e->user, apply_said_ms(m, e));
    return banned != 0 && e->grant != GRANT_ALL ? refuse(DENIED_BANNED, banned) : refuse(DENIED_NOT, 0);
}

struct verdict gate_allowed(const struct made *m, const struct entry *e, const struct rights *who)
{
    (void)m;
    const enum right needed = right_needed(e);
    struct verdict v = refuse(rights_allow(who, needed) ? DENIED_NOT : DENIED_RIGHT, 0);
    v.right = v.refused ? needed : RIGHT_NONE;
    return v;
}

struct verdict gate_speech(const struct made *m, const struct entry *e, const struct rights *who)
{
    const struct standing *s = *m->standing;
    const uint64_t at_ms = apply_said_ms(m, e);
    uint64_t until;
    if (s == NULL || e->grant == GRANT_ALL || entry_decree(e->type) || e->type == ENTRY_DELETE)
        return refuse(DENIED_NOT, 0);
    if (s->readonly && !rights_allow(who, RIGHT_READONLY))
        return refuse(DENIED_READONLY, 0);
    if ((until = standing_muted_ms(s, m->hash_key, e->user, at_ms)) != 0)
        return refuse(DENIED_MUTED, until);
    if (e->type == ENTRY_MESSAGE && !rights_allow(who, RIGHT_SLOW) &&
        (until = standing_slow_ms(s, m->hash_key, e->user, at_ms)) != 0)
        return refuse(DENIED_SLOW, until);
    return refuse(DENIED_NOT, 0);
}

// Who is decided about has to be below, but who gives up some of the role they have.
static bool reaches(const struct made *m, const struct entry *e, const struct rights *who)
{
    const struct decree *d = &e->decree;
    const struct rights target =
        rights_make(e->rule_role, standing_role(*m->standing, m->hash_key, d->target), 0);
    bool own = e->user.n != 0 && str_eq(e->user, d->target);
    if (e->type == ENTRY_ROLE && rights_rank(d->role) >= who->rank)
        return false;
    return own ? e->type == ENTRY_ROLE : target.rank < who->rank;
}

// Of what makes a room: something stands in it, since it was closed last.
static bool begun(const struct made *m)
{
    return m->log->head != (*m->standing != NULL ? (*m->standing)->closed_at : 0);
}

struct verdict gate_decree(const struct made *m, const struct entry *e, const struct rights *who)
{
    if (!entry_decree(e->type))
        return refuse(DENIED_NOT, 0);
    if (e->type == ENTRY_CREATE)
        return refuse(begun(m) ? DENIED_THERE : DENIED_NOT, 0);
    if (e->decree.first && standing_roles(*m->standing))
        return refuse(DENIED_FIRST, 0);
    if (e->decree.target.n != 0 && e->type != ENTRY_ADMIT && !reaches(m, e, who))
        return refuse(DENIED_RANK, 0);
    if (standing_full(*m->standing, m->hash_key, e, apply_said_ms(m, e)))
        return refuse(DENIED_FULL, 0);
    return refuse(DENIED_NOT, 0);
}

// What it comes to lies in m->result then.
struct verdict gate_state(const struct made *m, const struct entry *e, const struct rights *who)
{
    struct state_verdict s;
    (void)who;
    if (e->type != ENTRY_STATE)
        return refuse(DENIED_NOT, 0);
    buf_reset(m->result, SEGMENT_BYTES_MAX);
    if (state_resolve(*m->state, e->data, e->change.version, m->result, &s) != OK)
        return refuse(DENIED_MEMORY, 0);
    struct verdict v =
        refuse(s.fault == STATE_FINE ? DENIED_NOT : (enum denial)(DENIED_MOVED + (s.fault - STATE_MOVED)), 0);
    v.number = s.limit != 0 ? s.limit : s.version;
    return v;
}

// --- applying

// Of a proposal what it comes to; what has come to something already is taken as it is.
static void settle(const struct made *m, struct entry *e, const struct verdict *v)
{
    if (e->type == ENTRY_ADMIT)
        e->decree.role = (enum role)invitations_find(*m->invitations, e->invitation.id)->role;
    if (e->type != ENTRY_STATE)
        return;
    if (e->change.version == 0)
        e->data = buf_str(m->result);
    e->change.version = v->number;
}

// So that nothing of it can fail once the record has its place.
static enum err secure(const struct made *m, const struct entry *e, u128 owner)
{
    if (e->key.n != 0 && once_secure(m->said, m->keys, owner, apply_said_ms(m, e)) != OK)
        return ERR_NOMEM;
    if (words_secure(m->log, e) != OK || standing_secure(m->standing, m->mem, m->hash_key, e) != OK)
        return ERR_NOMEM;
    if (invitations_secure(m->invitations, m->mem, e) != OK)
        return ERR_NOMEM;
    return e->type == ENTRY_STATE ? state_secure(m->state, m->mem, e->data) : OK;
}

// It has found no place.
static void unsecure(const struct made *m)
{
    standing_fit(m->standing, m->mem);
    words_fit(m->log);
    state_fit(m->state, m->mem);
    invitations_fit(m->invitations, m->mem);
}

static void share(const struct made *m, const struct entry *e)
{
    if (e->type == ENTRY_STATE)
        state_apply(*m->state, m->mem, e->data, e->change.version);
    else if (e->type == ENTRY_CLOSE)
        state_clear(*m->state, m->mem);
    if (*m->state != NULL && (e->type == ENTRY_STATE || e->type == ENTRY_CLOSE))
        (*m->state)->at = e->offset;
}

enum err apply_record(const struct made *m, uint64_t offset, struct entry *e, struct live *live,
                      const struct live_tools *tools, struct verdict *ret)
{
    const struct once_limits rule = rule_of(e);
    ASSERT(offset == m->log->head + 1 && !entry_passing(e->type));
    *ret = apply_judge(m, e);
    if (ret->why == DENIED_MEMORY)
        return ERR_NOMEM;
    const struct entry said = *e;
    e->offset = offset;
    if (ret->refused)
        *e = (struct entry){.type = ENTRY_VOID,
                            .offset = offset,
                            .room = e->room,
                            .time_ms = e->time_ms,
                            .steady_ms = e->steady_ms};
    else
        ret->offset = offset;
    if (e->type == ENTRY_REACT)
        e->change.count = words_count_behind(m->log, e);
    if (e->type == ENTRY_INVITE)
        ret->number = invitation_expires_ms(e);
    settle(m, e, ret);
    const bool keyed = e->key.n != 0;
    const u128 owner = keyed ? owner_print(m, e->user) : (u128){0};
    if (secure(m, e, owner) != OK || place_entry(m->log, live, tools, e) != OK) {
        unsecure(m);
        *e = said; // to be judged anew, be it refused: a void one would say nothing that could be
        return ERR_NOMEM;
    }
    words_apply(m->log, e);
    if (keyed) {
        enum err kept =
            once_put(m->said, m->keys, owner, key_print(m, e->key), offset, &rule, apply_said_ms(m, e));
        ASSERT(kept == OK);
    }
    standing_apply(m->standing, m->mem, m->hash_key, e, apply_said_ms(m, e));
    invitations_apply(m->invitations, m->mem, e, apply_said_ms(m, e));
    share(m, e);
    if (e->steady_ms > m->keys->newest_ms)
        m->keys->newest_ms = e->steady_ms;
    return OK;
}

enum err apply_kept(const struct made *m, uint64_t offset, struct entry *e, const struct live_tools *tools)
{
    ASSERT(offset == m->log->head + 1 && !entry_passing(e->type));
    e->offset = offset;
    if (words_secure(m->log, e) != OK || place_entry(m->log, NULL, tools, e) != OK) {
        words_fit(m->log);
        return ERR_NOMEM;
    }
    words_apply(m->log, e);
    return OK;
}

struct verdict apply_recall(const struct made *m, uint64_t offset, const struct entry *e)
{
    str record = log_record(m->log, offset);
    struct entry as_judged = *e;
    as_judged.steady_ms = record_steady(record);
    if (record_type(record) != ENTRY_VOID)
        return (struct verdict){.offset = offset};
    struct verdict v = gate_once(m, &as_judged, NULL);
    // Else it was pushed out meanwhile, and cannot be told any more.
    return v.refused ? v : (struct verdict){.refused = true, .offset = offset, .why = DENIED_REPEATED};
}
