// SPDX-License-Identifier: Apache-2.0
//
// The way into a room, and from one into another: whether it may be gone from here, what is noted until the home has
// answered, and the switch, in which two homes have a part (asker.h).
#include "core/edge/edge.h"

uint32_t edge_joining(struct asker *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; c->waiting != NULL && i < c->waiting->open_n; i++)
        n += (c->waiting->open[i] & OPEN_MAKES) == 0 &&
             reader_find_membership(&c->reader, c->waiting->open[i]) == NULL;
    return n;
}

static bool join_refused(struct edge *e, uint32_t index, const struct command *cmd, bool switching)
{
    struct asker *c = asker_at(e, index);
    if (e->cx->draining) {
        edge_problem(e, index, cmd, PROBLEM_DRAINING, "The server is restarting; connect again in a moment.");
        return true;
    }
    if (edge_member_of(e, c, cmd->room) != NULL) {
        edge_problem(e, index, cmd, PROBLEM_ALREADY_MEMBER, "You are in the room {} already.");
        return true;
    }
    uint32_t rooms = c->reader.member_n + edge_joining(c);
    if (!switching && rooms >= e->cx->settings->rooms_per_connection) {
        metric_add(&e->cx->metrics->limit_rooms, 1);
        edge_problem(e, index, cmd, PROBLEM_LIMIT_REACHED,
                     "You are in as many rooms as you may be; leave one first, or switch.");
        return true;
    }
    return false;
}

// The outlet of the room to join, noted as one that one is on the way into; SLAB_NONE (and answered) without memory.
static uint32_t join_begin(struct edge *e, uint32_t index, const struct command *cmd, uint64_t hash,
                           const struct membership *from, struct pass *pass)
{
    const uint32_t makes = cmd->type == CMD_CREATE ? OPEN_MAKES : 0;
    struct asker *c = asker_at(e, index);
    struct mem *mem = e->cx->mem;
    uint32_t outlet = outlet_open(e->fan, cmd->room, hash);
    struct switching *sw = NULL;
    if (outlet != SLAB_NONE && from != NULL)
        sw = mem_zalloc(mem, sizeof *sw);
    bool passes = outlet != SLAB_NONE;
    if (pass != NULL && passes) {
        pass->outlet = outlet;
        passes = edge_pass_put(e, pass) == OK;
    }
    if (!passes || (from != NULL && sw == NULL) || !waiting_open(&c->waiting, mem, outlet | makes)) {
        if (sw != NULL)
            mem_free(mem, sw, sizeof *sw);
        if (outlet != SLAB_NONE) {
            pass_drop(&e->passes, index, outlet);
            outlet_close_if_unused(e->fan, outlet);
        }
        edge_no_memory(e, index, cmd);
        return SLAB_NONE;
    }
    if (sw != NULL) {
        sw->from = (struct ref){from->outlet, slab_gen(&e->fan->outlets, from->outlet)};
        sw->to = outlet;
        sw->credit = mail_credit_take(e->mail, home_of(e->cx, outlet_at(e->fan, from->outlet)->hash), false);
        c->switching = sw;
    }
    outlet_at(e->fan, outlet)->pending++;
    return outlet;
}

// Joins cmd->room; from: the membership to give up once that worked, NULL for a plain join.
bool edge_join(struct edge *e, uint32_t index, const struct command *cmd, const struct membership *from)
{
    struct asker *c = asker_at(e, index);
    uint64_t hash = hash_str(e->cx, cmd->room);
    uint32_t dest = home_of(e->cx, hash), outlet = outlet_find(e->fan, cmd->room, hash);
    if (!edge_may_ask(e, index, dest, true) || (edge_serial(e, c) && c->pending != 0) ||
        (outlet != MAP_NONE && edge_room_busy(c, outlet)) ||
        (c->waiting != NULL && c->waiting->open_n == WAITING_OPEN_MAX))
        return false;
    if (c->refreshing && c->waiting != NULL && c->waiting->verdict != NULL)
        return false; // what it shows is about to be told to the rooms that it is in
    if (edge_owes(c) || (c->pending != 0 && !c->fenced && edge_member_of(e, c, cmd->room) != NULL))
        return false; // an error now might overtake a reply about the room
    if (join_refused(e, index, cmd, from != NULL))
        return true;
    struct pass pass;
    // What an invitation is good for its room's home knows; lines bring no other token.
    bool by_token = cmd->token.n != 0 && !invitation_claimed(cmd->token) && !edge_serial(e, c);
    enum err passed = by_token ? edge_pass_of(e, index, cmd, &pass) : OK;
    if (passed != OK)
        return passed != ERR_FULL;
    outlet = join_begin(e, index, cmd, hash, from, by_token ? &pass : NULL);
    if (outlet == SLAB_NONE)
        return true;
    struct ask a = edge_ask_make(e, index, ASK_JOIN, cmd);
    a.cmd.from = from != NULL ? outlet_name(outlet_at(e->fan, from->outlet)) : STR_NONE;
    a.outlet = (struct ref){outlet, slab_gen(&e->fan->outlets, outlet)};
    a.open = a.lasting = true;
    a.room_hash = hash;
    a.grant = edge_grant(e, index, outlet, cmd->room);
    a.guest = a.guest && !by_token;
    a.no_create = by_token ? pass.no_create : !edge_serves(e, index, SERVER_CREATE);
    a.rooms_wait_ms = gate_rooms_wait_ms(e, c);
    edge_ask_send(e, index, dest, &a, true);
    if (from != NULL && !waiting_is_open(c->waiting, outlet)) // it could not be sent
        switching_end(e, c);
    return true;
}

// As a join: for its room's home it is one that does not come in (home/home_made.c).
bool edge_create(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    ASSERT(cmd->type == CMD_CREATE && cmd->room.n != 0);
    const uint64_t hash = hash_str(e->cx, cmd->room);
    uint32_t dest = home_of(e->cx, hash), outlet = outlet_find(e->fan, cmd->room, hash);
    const bool there = edge_member_of(e, c, cmd->room) != NULL;
    if (!edge_may_ask(e, index, dest, true) || (edge_serial(e, c) && c->pending != 0) ||
        (outlet != MAP_NONE && edge_room_busy(c, outlet)) || edge_owes(c) ||
        (c->waiting != NULL && c->waiting->open_n == WAITING_OPEN_MAX) ||
        (c->pending != 0 && !c->fenced && there)) // an error now might overtake a reply about the room
        return false;
    if (there || e->cx->draining) {
        edge_problem(e, index, cmd, there ? PROBLEM_CONFLICT : PROBLEM_DRAINING,
                     there ? "There is a room {} already: you are in it."
                           : "The server is restarting; connect again in a moment.");
        return true;
    }
    outlet = join_begin(e, index, cmd, hash, NULL, NULL);
    if (outlet == SLAB_NONE)
        return true;
    struct ask a = edge_ask_make(e, index, ASK_JOIN, cmd);
    a.outlet = (struct ref){outlet, slab_gen(&e->fan->outlets, outlet)};
    a.open = a.lasting = true;
    a.room_hash = hash;
    a.grant = edge_grant(e, index, outlet, cmd->room);
    a.no_create = !edge_serves(e, index, SERVER_CREATE);
    a.rooms_wait_ms = gate_rooms_wait_ms(e, c);
    edge_ask_send(e, index, dest, &a, true);
    return true;
}

// A switch needs a credit of the home of each of its rooms, for the leave that follows the join.
static bool may_switch(struct edge *e, uint32_t index, uint64_t from_hash, uint64_t to_hash)
{
    uint32_t from = home_of(e->cx, from_hash), to = home_of(e->cx, to_hash);
    if (!edge_may_ask(e, index, from, false))
        return false;
    if (from != to || e->mail->boxes[from].asks + 2 <= e->mail->credits)
        return true;
    edge_await_credit(e, index, from);
    return false;
}

bool edge_switch(struct edge *e, uint32_t index, const struct command *cmd)
{
    struct asker *c = asker_at(e, index);
    uint32_t outlet = edge_outlet_named(e, c, cmd->from);
    const uint32_t to = outlet_find(e->fan, cmd->room, hash_str(e->cx, cmd->room));
    if (c->switching != NULL || (outlet != MAP_NONE && edge_room_busy(c, outlet)) ||
        (to != MAP_NONE &&
         edge_room_busy(c, to))) // an error about either would overtake what is due of the other
        return false;
    struct membership *from = outlet == MAP_NONE ? NULL : reader_find_membership(&c->reader, outlet);
    bool due =
        c->pending != 0 && !c->fenced; // its reply is about two rooms, and comes behind what is due of both
    if (edge_owes(c) ||
        (due && (from != NULL || edge_serial(e, c) || edge_member_of(e, c, cmd->room) != NULL)))
        return false;
    if (from != NULL && !may_switch(e, index, outlet_at(e->fan, outlet)->hash, hash_str(e->cx, cmd->room)))
        return false;
    if (from == NULL && cmd->from.n != 0) {
        struct command about = {.id = cmd->id, .room = cmd->from};
        edge_problem(e, index, &about, PROBLEM_NOT_MEMBER,
                     "You are not in the room {}; switch from one that you are in.");
        return true;
    }
    return edge_join(e, index, cmd, from);
}

void switching_end(struct edge *e, struct asker *c)
{
    if (c->switching == NULL)
        return;
    if (c->switching->parted) {
        ASSERT(outlet_at(e->fan, c->switching->to)->pending != 0);
        outlet_at(e->fan, c->switching->to)->pending--;
        outlet_close_if_unused(e->fan, c->switching->to);
    }
    outq_deinit(&c->switching->rest, e->cx->mem);
    mail_discard(e->cx->mem, c->switching->joined);
    mail_discard(e->cx->mem, c->switching->expel);
    mail_credit_back(e->mail, c->switching->credit);
    mem_free(e->cx->mem, c->switching, sizeof *c->switching);
    c->switching = NULL;
}
