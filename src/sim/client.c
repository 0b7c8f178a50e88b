// SPDX-License-Identifier: Apache-2.0
//
// A client's life: it connects, reads as fast as its temper lets it, acts, loses the connection in one of many ways,
// and comes back with what it remembers.
#include "sim/world.h"

#include <stdio.h>

void client_init(struct world *w, struct client *c, uint32_t index)
{
    static const enum temper tempers[] = {TEMPER_HEALTHY,  TEMPER_HEALTHY,  TEMPER_HEALTHY,  TEMPER_HEALTHY,
                                          TEMPER_ORDINARY, TEMPER_ORDINARY, TEMPER_ORDINARY, TEMPER_ORDINARY,
                                          TEMPER_SLOW,     TEMPER_STALLING, TEMPER_STALLING, TEMPER_FLOODING,
                                          TEMPER_HOSTILE,  TEMPER_SILENT};
    static const enum speech speeches[] = {SPEAKS_JSON, SPEAKS_JSON,    SPEAKS_JSON,      SPEAKS_JSON,
                                           SPEAKS_JSON, SPEAKS_TEXT_WS, SPEAKS_TEXT_LINE, SPEAKS_TEXT_LINE};
    c->index = index;
    c->temper = index == 0 ? TEMPER_HEALTHY : tempers[roll(w, sizeof tempers / sizeof *tempers)];
    c->speech = index == 0 ? SPEAKS_JSON : speeches[roll(w, sizeof speeches / sizeof *speeches)];
    if (index > 3 && chance(w, 16))
        c->speech = chance(w, 2) ? SPEAKS_ECHO : SPEAKS_HTTP;
    if (c->speech >= SPEAKS_ECHO && c->temper >= TEMPER_FLOODING)
        c->temper = TEMPER_ORDINARY;
    if (c->temper == TEMPER_HOSTILE && c->speech == SPEAKS_TEXT_WS)
        c->speech = SPEAKS_JSON;
    c->parcels = c->speech == SPEAKS_JSON && c->temper != TEMPER_HOSTILE && chance(w, 4);
    c->compact = c->speech == SPEAKS_JSON && c->temper != TEMPER_HOSTILE && !c->parcels && chance(w, 3);
    if (c->temper == TEMPER_SLOW)
        c->read_per_s = 50 + (uint32_t)roll(w, 2000);
    c->known = w->plan.verifiers != 0 && c->speech == SPEAKS_JSON && chance(w, 2);
    c->text_joining = c->text_refused = NONE;
    c->terminal.room = NONE;
    buf_init(&c->in, &w->scratch_mem, 0);
    buf_init(&c->control, &w->scratch_mem, 0);
    buf_init(&c->out, &w->scratch_mem, 0);
    buf_init(&c->batch, &w->scratch_mem, 0);
    compact_init(&c->compact_talk, &w->scratch_mem);
    c->next_connect_ms = w->now_ms + roll(w, 1000);
    snprintf(c->name, sizeof c->name, "n%u", index);
}

bool client_may_be_twice(const struct client *c) { return c->resumed || (c->known && c->connects > 1); }

bool client_may_be_many(const struct world *w, const struct client *c)
{
    const uint32_t most = w->settings.sessions_per_user;
    return most != 0 && c->known && c->connects > most;
}

bool client_watched(const struct client *c)
{
    return c->temper != TEMPER_HOSTILE && c->temper != TEMPER_FLOODING;
}

// How late anything may be for a connection that is well: the sum of what the plan allows to go wrong elsewhere.
uint64_t client_patience_ms(const struct world *w)
{
    const struct plan *p = &w->plan;
    uint64_t ms = 4000 + 4u * p->stall_ms + 20u * p->mail_delay_ms;
    if (p->mailbox_paced)
        ms += 200000;
    if (p->engine) // what it loses is asked for again, which may be lost, too
        ms += 60000 + 20u * p->engine_delay_ms;
    if (p->large_max != 0) // on a line that takes a few octets at a time
        ms += 60000;
    ms += 40u * p->verify_ms + 4u * p->key_ms;
    return ms + UINT64_C(8) * p->slow_ms; // a join may go by way of several shards
}

void client_connect(struct world *w, struct client *c)
{
    if (w->plan.servers > 1 && (c->connects == 0 || chance(w, 3)))
        c->server = (uint32_t)roll(w, w->plan.servers);
    struct sim_link *l = link_open(w, c, c->speech == SPEAKS_TEXT_LINE ? TRANSPORT_LINE : TRANSPORT_HTTP);
    c->link = l;
    c->connects++;
    c->opened_ms = w->now_ms;
    c->welcomed = c->resumed = c->implicit_hello = c->drain_seen = c->close_sent = c->quit_sent =
        c->expects_close = false;
    c->refused = false;
    c->muzzled = 0;
    c->presented = TOKEN_IS_NONE;
    c->close_code = 0;
    c->ping_sent = c->ping_seen = c->echo_sent = c->echo_seen = c->http_sent = c->http_seen = 0;
    c->in_control = false;
    c->text_joining = c->text_refused = NONE;
    c->brought = (struct asked){.room = NONE};
    c->invited_ms = 0;
    buf_reset(&c->in, 0);
    buf_reset(&c->control, 0);
    buf_reset(&c->out, 0);
    buf_reset(&c->batch, 0);
    compact_reset(&c->compact_talk);
    c->parcel_sent = 0;
    c->parcel_seen = 0;
    c->goodbye = false;
    trace_note(w, c, "connects to shard %u", l->node);
    c->next_act_ms = w->now_ms + roll(w, 200);
    if (c->speech == SPEAKS_TEXT_LINE || c->speech == SPEAKS_HTTP) {
        c->state = CLIENT_OPEN;
        c->text_joining = c->speech == SPEAKS_TEXT_LINE ? 0 : NONE; // terminals start in the lobby
        return;
    }
    c->state = CLIENT_UPGRADING;
    if (c->temper != TEMPER_SILENT || chance(w, 2))
        say_upgrade(w, c);
    if (c->temper == TEMPER_HEALTHY && chance(w, 8)) // frames right behind the request
        act_on_open(w, c);
}

// Keyed messages that were not acked are said again on the next connection.
static void remember_retries(struct world *w, struct client *c)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        const struct message *m = truth_message(w, a->message);
        if (a->kind != SAID_MESSAGE || m == NULL || !m->keyed || m->settled || m->session[0] == '\0')
            continue;
        ARENA_GROW(&w->arena, c->retry, c->retry_n, c->retry_cap);
        c->retry[c->retry_n++] = a->message;
    }
}

void client_leave(struct world *w, struct client *c, const char *how)
{
    trace_note(w, c, "%s", how);
    mutate_left(w, c);
    for (int room = 0; room < ROOMS_MAX; room++) {
        struct seat *s = &c->seats[room];
        if (!s->on)
            continue;
        uint64_t seen = s->gap_due ? s->gap_from - 1 : s->next - 1;
        c->memory[room] = (struct memory_of_room){true, s->epoch, seen};
        seat_left(w, c, room);
    }
    text_seat_left(w, c);
    remember_retries(w, c);
    asks_forget(w, c);
    if (c->link != NULL && c->link->client == c)
        link_abandon(w, c->link);
    c->link = NULL;
    c->state = CLIENT_OFF;
    c->next_connect_ms = w->now_ms + roll(w, chance(w, 3) ? 10000 : 500);
}

void client_fin(struct world *w, struct client *c)
{
    client_flush(w, c);
    c->link->fin = true;
    (void)w;
}

void client_flush(struct world *w, struct client *c)
{
    if (c->link == NULL || c->link->fin || c->link->vanished) {
        buf_reset(&c->out, 0);
        buf_reset(&c->batch, 0);
        return;
    }
    say_batch(w, c);
    pipe_put(w, &c->link->up, c->out.p, c->out.n);
    buf_reset(&c->out, 4096);
}

static uint64_t act_pause(struct world *w, const struct client *c)
{
    if (c->temper == TEMPER_FLOODING)
        return roll(w, 40);
    if (c->speech == SPEAKS_HTTP)
        return roll(w, 2000);
    return roll(w, c->temper == TEMPER_HEALTHY || c->temper == TEMPER_ORDINARY ? 300 : 800);
}

void client_step(struct world *w, struct client *c)
{
    if (c->state == CLIENT_OFF) {
        if (!c->stopping && w->now_ms >= c->next_connect_ms)
            client_connect(w, c);
        if (c->state == CLIENT_OFF)
            return;
    }
    client_receive(w, c);
    if (c->link == NULL)
        return;
    if (c->compact_talk.lost) {
        link_reset(w, c->link);
        client_leave(w, c, "resets");
        return;
    }
    bool lied_to =
        w->options->mutation == MUTATE_LATE && w->mutation.victim == c; // it waits, and does not go
    if (!c->stopping && w->now_ms >= c->next_act_ms && c->temper != TEMPER_SILENT && !lied_to &&
        !compact_waits(&c->compact_talk)) { // who has yet to be told something does not know what to say
        c->next_act_ms = w->now_ms + act_pause(w, c);
        if (c->temper == TEMPER_HOSTILE)
            hostile_act(w, c);
        else if (c->state == CLIENT_OPEN)
            act(w, c);
    }
    if (c->link != NULL)
        client_flush(w, c);
}
