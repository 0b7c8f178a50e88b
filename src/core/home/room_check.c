// SPDX-License-Identifier: Apache-2.0
//
// What must hold of a room, whatever has happened: for tests, and for the simulator after each of its steps.
#include "core/home/home.h"

#include "core/home/course.h"

// Its sessions are connections of shards that there are, each once.
static void member_check(const struct home *h, const struct member *m)
{
    const struct session_key *all = member_sessions(m);
    ASSERT(m->sessions <= MEMBER_SESSIONS_MAX);
    ASSERT(m->sessions_cap == 0 || m->sessions > 1);
    ASSERT(m->sessions_cap == 0 ? m->sessions <= 1 : m->sessions <= m->sessions_cap);
    ASSERT(m->user_n != 0);
    ASSERT(m->user_n <= USER_ID_MAX);
    ASSERT(m->name_n <= USER_NAME_MAX);
    ASSERT(m->role < ROLE_COUNT);
    for (uint32_t i = 0; i < m->sessions; i++) {
        ASSERT(all[i].shard < h->cx->shard_count);
        ASSERT(all[i].encoding < h->cx->settings->ways->encodings_n);
        for (uint32_t k = 0; k < i; k++)
            ASSERT(!session_key_is(all[i], (struct conn_ref){all[k].shard, {all[k].index, all[k].gen}}));
    }
}

// In order of joining, each found by its user's id; how many sessions they have.
static uint32_t list_check(const struct home *h, const struct room *r)
{
    uint32_t members = 0, sessions = 0, prev = SLAB_NONE;
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next) {
        members++;
        sessions += member_at(h, m)->sessions;
        member_check(h, member_at(h, m));
        ASSERT(member_at(h, m)->prev == prev);
        ASSERT(prev == SLAB_NONE || member_at(h, prev)->seq < member_at(h, m)->seq);
        ASSERT(member_find(h, r, member_user(member_at(h, m))) == m); // 1
        prev = m;
    }
    ASSERT(prev == r->last);
    ASSERT(members == r->members); // 1
    ASSERT(members != 0 || r->empty_ms <= h->cx->now_ms);
    return sessions;
}

static void away_check(const struct home *h, const struct room *r)
{
    uint32_t away = 0, without = 0, untold = 0, prev = SLAB_NONE, untold_first = SLAB_NONE;
    for (uint32_t m = r->away_first; m != SLAB_NONE; m = member_at(h, m)->away_next) {
        away++;
        ASSERT(member_at(h, m)->sessions == 0); // 2
        ASSERT(member_at(h, m)->away_prev == prev);
        ASSERT(prev == SLAB_NONE ||
               (int32_t)(member_at(h, m)->away_ms - member_at(h, prev)->away_ms) >= 0); // 2
        if (member_at(h, m)->untold && untold_first == SLAB_NONE)
            untold_first = m;
        ASSERT(member_at(h, m)->untold == (untold_first != SLAB_NONE)); // 2
        untold += member_at(h, m)->untold;
        prev = m;
    }
    ASSERT(prev == r->away_last);
    ASSERT(untold_first == r->untold_first); // 2
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next) {
        without += member_at(h, m)->sessions == 0;
        untold -= member_at(h, m)->untold;
    }
    ASSERT(away == without); // 2
    ASSERT(untold == 0);     // 2: nobody who is here
}

static void feeds_check(const struct home *h, const struct room *r)
{
    uint32_t sessions = 0, crowded = 0, heard = 0;
    for (uint32_t s = 0; s < h->cx->shard_count; s++) {
        const struct feed *f = &r->feeds[s];
        uint32_t sum = 0;
        for (uint8_t e = 0; e < h->cx->settings->ways->encodings_n; e++)
            sum += feed_readers(f, e);
        ASSERT(sum == f->sessions);      // 3
        ASSERT(sum != 0 || !f->crowded); // 5
        ASSERT(sum != 0 || f->counts == NULL);
        ASSERT(sum == 0 || f->told <= r->live.place);
        crowded += f->crowded;
        sessions += sum;
    }
    for (uint32_t t = 0; t < r->live.tracks.n; t++) {
        const struct track *track = &tracks_const(&r->live.tracks)[t];
        uint32_t readers = 0;
        for (uint32_t s = 0; s < h->cx->shard_count; s++)
            readers += feed_readers(&r->feeds[s], track->key);
        ASSERT(readers == track->readers); // 4
        ASSERT(readers != 0);
        heard += readers;
    }
    ASSERT(heard == r->sessions);
    ASSERT(sessions == r->sessions);
    ASSERT(crowded == r->crowded); // 5
}

// Where it is closed, and people have been told so, nobody is in it who is not about to be sent away.
static void closed_check(const struct home *h, const struct room *r)
{
    uint64_t at = r->standing != NULL ? r->standing->closed_at : 0;
    bool told = at != 0 && at <= r->live.offset && at <= r->log.committed &&
                (r->course == NULL || (at > r->course->unheard && r->course->here));
    ASSERT(r->ruled.given == rule_id(standing_rule(r->standing)));                // 7
    ASSERT(!r->emptying || r->members != 0);                                      // 6
    ASSERT(!told || room_closed_ms(h, r) == 0 || r->members == 0 || r->emptying); // 6
}

void room_check(const struct home *h, uint32_t index)
{
    const struct room *r = room_at(h, index);
    uint32_t sessions = list_check(h, r);
    members_check(h, r); // 1
    ASSERT(sessions == r->sessions);
    ASSERT(room_find(h, room_name(r), r->hash) == index);
    ASSERT(r->said || r->log.head == 0);
    away_check(h, r);
    feeds_check(h, r);
    log_check(&r->log);
    live_check(&r->live);
    ASSERT(!r->owes || r->live.offset < r->log.committed); // 8
    replay_check(r->replay, &r->log);
    course_check(r);
    closed_check(h, r);
    reads_check(r->reads);
    standing_check(r->standing, &h->cx->settings->hash_key);
    reads_check(r->reads);
    state_check(r->state);
    invitations_check(r->invitations);
}
