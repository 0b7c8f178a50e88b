// SPDX-License-Identifier: Apache-2.0
//
// Signals: passing words of members, such as that somebody is typing or where a cursor is. Only the last one counts, so a
// connection has one at most in a room that is not yet on its way: a newer one takes its place. They get their places when
// the turn ends, behind what others said in it; before that where the same connection says something, as that somebody is
// typing is not to be told behind what was typed.
//
// The one that it takes the place of is found by looking: there are no more than connections in the room, and each signal
// is written to all of those.
//
// There is no ack; the ask is answered all the same, when it has its place (which its sender is not to get) or has been
// overtaken.
//
// A backend has its answer in words, and one signal of each user in whose name it speaks.
#include "core/home/home.h"

static struct ask *ask_of(struct mail *m) { return (struct ask *)(void *)m; }

// Only a backend waits for words.
static void over(struct home *h, struct ask *a, struct answer *ans)
{
    const struct event ev = {.type = EV_ACK, .id = a->cmd.id, .room = a->cmd.room};
    home_answer_event(h, a, ans, a->backend ? &ev : NULL);
    mail_discard(h->cx->mem, &a->mail);
}

static void come_to_nothing(struct home *h, struct ask *a)
{
    over(h, a, &(struct answer){.effect = EFFECT_NONE});
}

// Of one connection, and where that speaks for many, of one user.
static bool takes_the_place(const struct ask *newer, const struct ask *older)
{
    return conn_ref_eq(newer->conn, older->conn) && (!newer->backend || str_eq(newer->user, older->user));
}

void home_signal(struct home *h, struct ask **taken, uint32_t room)
{
    struct ask *a = *taken;
    struct mail **at = &room_at(h, room)->signals;
    ASSERT(a->type == ASK_SIGNAL);
    ASSERT(a->cmd.data.n <= SIGNAL_DATA_MAX);
    *taken = NULL;
    while (*at != NULL) {
        struct mail *m = *at;
        if (takes_the_place(a, ask_of(m))) {
            *at = m->next;
            come_to_nothing(h, ask_of(m));
        } else {
            at = &m->next;
        }
    }
    a->mail.next = NULL;
    *at = &a->mail;
    room_mark_dirty(h, room);
}

// One that finds no memory is lost, as the next one will say more.
static void signal_place(struct home *h, uint32_t room, struct ask *a)
{
    struct entry e = {.type = ENTRY_SIGNAL,
                      .user = a->user,
                      .session = a->session,
                      .name = a->name,
                      .info = a->info,
                      .data = a->cmd.data};
    bool here = a->backend || member_find(h, room_at(h, room), a->user) != MAP_NONE;
    if (!here || room_place(h, room, &e) != OK) {
        come_to_nothing(h, a);
        return;
    }
    struct answer ans = {.effect = a->backend ? EFFECT_NONE : EFFECT_PUBLISHED,
                         .skip = true,
                         .outlet = a->outlet,
                         .place = room_at(h, room)->live.place};
    over(h, a, &ans);
}

void home_signal_before(struct home *h, uint32_t room, const struct ask *said)
{
    for (struct mail **at = &room_at(h, room)->signals; *at != NULL; at = &(*at)->next) {
        struct mail *m = *at;
        if (!takes_the_place(said, ask_of(m)))
            continue;
        *at = m->next;
        signal_place(h, room, ask_of(m));
        return;
    }
}

void home_signals_place(struct home *h, uint32_t room)
{
    struct mail *m;
    while ((m = room_at(h, room)->signals) != NULL) {
        room_at(h, room)->signals = m->next;
        signal_place(h, room, ask_of(m));
    }
}

void home_signals_drop(struct home *h, struct room *r)
{
    struct mail *m;
    while ((m = r->signals) != NULL) {
        r->signals = m->next;
        come_to_nothing(h, ask_of(m));
    }
}
