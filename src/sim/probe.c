// SPDX-License-Identifier: Apache-2.0
//
// With rebuild.c the only file of the simulator that looks inside of core: what a shard still holds when everyone has gone, what it
// keeps by design (pools and working memory), the logs of its rooms, so that the checkers know what was written
// even if nobody got it, and what it waits for of its engine.
#include "core/home/course.h"
#include "core/shard/shard_parts.h"
#include "sim/world.h"

#include <stdio.h>

void probe_shard(const struct shard *sh, struct probe *ret)
{
    *ret = (struct probe){
        .connections = sh->conns.pool.count,
        .rooms = sh->home.rooms.count,
        .members = sh->home.members.count,
        .outlets = sh->fan.outlets.count,
        .registrations = sh->home.registry.slab.count,
        .meters = sh->home.meters.slab.count,
    };
    for (uint32_t i = 0; i < sh->cx.shard_count; i++)
        ret->mails += mail_waiting(&sh->mail, i);
    const struct heap *timers = &sh->home.room_timers, *ends = &sh->edge.expiries,
                      *revoked = &sh->edge.revoked.ends, *passes = &sh->edge.passes.ends;
    ret->retained = slab_bytes(&sh->conns.pool) + slab_bytes(&sh->home.rooms) +
                    slab_bytes(&sh->home.members) + slab_bytes(&sh->fan.outlets) +
                    slab_bytes(&sh->home.registry.slab) + slab_bytes(&sh->home.meters.slab) +
                    slab_bytes(&sh->edge.leases.rows.slab) + slab_bytes(&sh->home.said.owners) +
                    slab_bytes(&sh->edge.revoked.slab) + slab_bytes(&sh->conns.claims) +
                    slab_bytes(&sh->home.receipts.rows) + slab_bytes(&sh->home.receipts.holders.slab) +
                    sh->edge.revoked.by_print.slot_count * sizeof(struct map_slot) +
                    revoked->cap * sizeof *revoked->items + revoked->place_cap * sizeof *revoked->places +
                    slab_bytes(&sh->fan.holes.rows) + slab_bytes(&sh->fan.conflated) +
                    slab_bytes(&sh->edge.passes.pool) + passes->cap * sizeof *passes->items +
                    passes->place_cap * sizeof *passes->places + ends->cap * sizeof *ends->items +
                    ends->place_cap * sizeof *ends->places + timers->cap * sizeof *timers->items +
                    timers->place_cap * sizeof *timers->places + sh->home.scratch.cap + sh->home.reply.cap +
                    sh->fan.encode.cap + sh->conns.head.cap + sh->conns.body.cap + sh->conns.unescape.cap +
                    sh->conns.inflated.cap + sh->home.rooms_sorted_cap * sizeof *sh->home.rooms_sorted;
}

void probe_tenant(const struct shard *sh, uint8_t tenant, uint64_t *connections, uint64_t *rooms)
{
    for (uint32_t i = 0; i < sh->conns.pool.high; i++) {
        const struct asker *c = slab_used(&sh->conns.pool, i) ? asker_at(&sh->edge, i) : NULL;
        *connections += c != NULL && c->registered && c->reader.who.tenant == tenant;
    }
    for (uint32_t i = 0; i < sh->home.rooms.high; i++)
        *rooms += slab_used(&sh->home.rooms, i) && room_at(&sh->home, i)->tenant == tenant;
}

// --- credits

static uint64_t credits_in(const struct mail *list)
{
    uint64_t n = 0;
    for (const struct mail *m = list; m != NULL; m = m->next) {
        const void *p = m;
        if (m->kind == MAIL_ASK)
            n += ((const struct ask *)p)->credit.port != 0;
        else if (m->kind == MAIL_ANSWER)
            n += ((const struct answer *)p)->credit.port != 0;
        else if (m->kind == MAIL_TOKEN)
            n += ((const struct token_mail *)p)->credit.port != 0;
        else if (m->kind == MAIL_VERDICT)
            n += ((const struct verdict_mail *)p)->credit.port != 0;
    }
    return n;
}

static uint64_t credits_of_room(const struct room *r)
{
    uint64_t n = credits_in(r->signals);
    if (r->course != NULL)
        n += credits_in(r->course->asks.first) + credits_in(r->course->joins.first);
    return n;
}

static uint64_t credits_of_shard(const struct shard *sh)
{
    uint64_t n = 0;
    mailroom_check(&sh->mail);
    for (uint32_t i = 0; i < mail_ports(&sh->mail); i++)
        n += credits_in(sh->mail.boxes[i].head);
    n += credits_in(sh->home.waits_first);
    for (uint32_t i = 0; i < sh->home.rooms.high; i++)
        if (slab_used(&sh->home.rooms, i))
            n += credits_of_room(room_at(&sh->home, i));
    for (uint32_t i = 0; i < sh->conns.pool.high; i++) {
        const struct switching *sw =
            slab_used(&sh->conns.pool, i) ? conn_at(&sh->conns, i)->asker.switching : NULL;
        n += sw != NULL && sw->credit.port != 0;
    }
    return n;
}

static void add_credits(void *ctx, const struct mail *m)
{
    uint64_t *n = ctx;
    *n += credits_in(m);
}

void probe_credits(const struct world *w, uint64_t *ret_counted, uint64_t *ret_found)
{
    *ret_counted = *ret_found = 0;
    hands_each(w, add_credits, ret_found);
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        *ret_counted += w->nodes[i].shard->mail.under_way;
        *ret_found += credits_of_shard(w->nodes[i].shard);
        for (uint32_t k = 0; k < w->nodes_n; k++)
            for (uint32_t l = 0; l < w->boxes[i][k].n; l++)
                *ret_found += credits_in(w->boxes[i][k].v[l].mail);
    }
}

uint32_t probe_gen(const struct shard *sh, uint32_t conn) { return slab_gen(&sh->conns.pool, conn); }

static const struct room *room_here(const struct shard *sh, str name)
{
    uint32_t index = room_find(&sh->home, name, hash_str(&sh->cx, name));
    return index == MAP_NONE ? NULL : room_at(&sh->home, index);
}

bool probe_members(const struct shard *sh, str room, uint64_t *ret_members, uint64_t *ret_sessions)
{
    uint32_t at = room_find(&sh->home, room, hash_str(&sh->cx, room));
    if (at == MAP_NONE)
        return false;
    const struct room *r = room_at(&sh->home, at);
    *ret_members = r->members;
    *ret_sessions = 0;
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(&sh->home, m)->next)
        *ret_sessions += member_at(&sh->home, m)->sessions;
    return true;
}

bool probe_emptying(const struct shard *sh, str room)
{
    const struct room *r = room_here(sh, room);
    return r != NULL && r->emptying;
}

bool probe_log(const struct shard *sh, str room, struct probed_log *ret)
{
    const struct room *r = room_here(sh, room);
    if (r == NULL)
        return false;
    *ret = (struct probed_log){.tail = r->log.tail,
                               .head = r->live.offset,
                               .appended = r->log.head,
                               .opening = r->course != NULL && !r->course->alone &&
                                          (!r->course->watched || r->log.head < r->live.offset)};
    memcpy(ret->epoch, r->epoch, EPOCH_LEN);
    return true;
}

void probe_entry(const struct shard *sh, str room, uint64_t offset, struct entry *ret)
{
    log_entry(&room_here(sh, room)->log, offset, room, ret);
}

bool probe_room_head(const struct world *w, uint32_t server, const char *room, char ret_epoch[EPOCH_MAX],
                     uint64_t *ret_head)
{
    struct probed_log log;
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].server != server || !probe_log(w->nodes[i].shard, str_from_cstr(room), &log))
            continue;
        memcpy(ret_epoch, log.epoch, EPOCH_MAX);
        *ret_head = log.head;
        return true;
    }
    return false;
}

uint64_t probe_proposer(const struct shard *sh) { return sh->home.proposer; }

// Something is asked of the engine, or has to be: a room with somebody in it is not where the engine is.
bool probe_course_busy(const struct world *w)
{
    for (uint32_t i = 0; i < w->nodes_n; i++)
        for (int k = 0; k < ROOMS_MAX; k++) {
            str name = str_from_cstr(w->room_names[k]);
            const struct room *r = room_here(w->nodes[i].shard, name);
            const struct engine_room *of = engine_room(w, name);
            if (r == NULL || r->course == NULL)
                continue;
            if (r->course->asks.n + r->course->joins.n != 0 ||
                (r->sessions != 0 && of != NULL &&
                 (r->live.offset != engine_head(of) || !engine_is_in(of, r->epoch))))
                return true;
        }
    return false;
}

uint64_t probe_steady_ms(const struct shard *sh) { return sh->cx.steady_ms; }

bool probe_somebody(const struct shard *sh, str user, uint32_t token, uint64_t before_ms)
{
    char id[16];
    snprintf(id, sizeof id, "t%u", token);
    for (uint32_t i = 0; i < sh->conns.pool.high; i++) {
        if (!slab_used(&sh->conns.pool, i) || !conn_live(conn_at(&sh->conns, i)))
            continue;
        const struct session *s = &conn_at(&sh->conns, i)->asker.reader.who.session;
        const struct grant *g = session_there(s) ? session_grant(s) : NULL;
        bool its = session_there(s) && (user.n == 0 ? g != NULL : str_eq(session_user(s), user));
        if (its && (g == NULL || token == 0 || str_eq(g->token_id, str_from_cstr(id))) &&
            (g == NULL || token != 0 || g->issued_ms < before_ms))
            return true;
    }
    return false;
}

uint32_t probe_sessions_most(const struct shard *sh)
{
    const struct registry *r = &sh->home.registry;
    uint32_t most = 0;
    for (uint32_t i = 0; i < r->slab.high; i++) {
        uint32_t n = 0;
        for (uint32_t at = slab_used(&r->slab, i) ? i : SLAB_NONE; at != SLAB_NONE; n++)
            at = registry_at(r, at)->next;
        most = n > most ? n : most;
    }
    return most;
}
