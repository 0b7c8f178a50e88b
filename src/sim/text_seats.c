// SPDX-License-Identifier: Apache-2.0
//
// One terminal in one room. Its lines carry no offsets, but each entry is one line, so lines count: between two
// messages there are exactly as many lines as the difference of their offsets. What a line shows must be what the
// others saw at that offset.
//
// The offset of a message may become known only after the terminal has shown it (the ack is under way, or no JSON
// client was in the room), so lines are kept and compared when the membership ends, and from time to time.
#include "sim/world.h"

void text_seat_joined(struct world *w, struct client *c, int room)
{
    struct text_seat *t = &c->terminal;
    if (t->room != NONE)
        text_seat_left(w, c);
    struct shown *v = t->v;
    uint32_t cap = t->cap;
    *t = (struct text_seat){.room = room, .v = v, .cap = cap};
    w->counts.joins++;
}

void text_seat_left(struct world *w, struct client *c)
{
    text_seat_check(w, c, false);
    c->terminal.room = NONE;
    c->terminal.n = 0;
}

void text_seat_entry(struct world *w, struct client *c, uint8_t kind, uint32_t message, uint64_t name_hash)
{
    struct text_seat *t = &c->terminal;
    w->counts.text_lines++;
    if (t->room == NONE)
        trace_fail(w, c, "ISOLATION: a room's line came to a terminal that is in no room");
    if (message != 0) {
        const struct message *m = truth_message(w, message);
        if (m == NULL || (m->room != t->room))
            trace_fail(w, c, "ISOLATION: m%ux came to a terminal that is in %s", message,
                       w->room_names[t->room]);
        if (m->attempts == m->denied)
            trace_fail(w, c, "ISOLATION: m%ux was refused, and a terminal shows it", message);
    }
    ARENA_GROW(&w->arena, t->v, t->n, t->cap);
    t->v[t->n++] = (struct shown){t->at++, message, kind, name_hash};
}

void text_seat_missed(struct world *w, struct client *c, uint64_t n)
{
    w->counts.gaps++;
    if (c->terminal.room == NONE)
        trace_fail(w, c, "ISOLATION: a gap on a terminal that is in no room");
    bool held = c->terminal.n == 0; // while the room before was being left
    if (!held && c->temper == TEMPER_HEALTHY && w->plan.refuse_one_in == 0)
        trace_fail(w, c, "SLOW: a gap on a terminal that reads everything at once");
    c->terminal.at += (uint32_t)n;
}

// The first line whose offset is known; the others follow from it.
static const struct shown *find_anchor(struct world *w, const struct text_seat *t, int *ret_epoch,
                                       uint64_t *ret_offset)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct message *m = truth_message(w, t->v[i].message);
        if (m == NULL || m->epoch == NONE || (m->keyed && m->attempts > 1)) // a key may have let it in twice
            continue;
        *ret_epoch = m->epoch;
        *ret_offset = m->offset;
        return &t->v[i];
    }
    return NULL;
}

static void check_line(struct world *w, struct client *c, const struct shown *s, int epoch, uint64_t offset)
{
    struct fact *f = truth_fact(w, truth_numbering(w, c->terminal.room, epoch), offset);
    const char *room = w->room_names[c->terminal.room];
    if (s->kind == FACT_MESSAGE) {
        truth_appended(w, c, truth_message(w, s->message), epoch, offset);
        return;
    }
    if (f->kind != FACT_UNKNOWN && f->kind != s->kind)
        trace_fail(w, c, "ORDER: a terminal shows another kind of entry at offset %llu of %s than others saw",
                   (unsigned long long)offset, room);
    if (f->kind != FACT_UNKNOWN && f->name_hash != s->name_hash)
        trace_fail(w, c, "ORDER: a terminal shows another member at offset %llu of %s than others saw",
                   (unsigned long long)offset, room);
}

// complete: the terminal has shown all there is, so nothing may be missing behind its last line.
void text_seat_check(struct world *w, struct client *c, bool complete)
{
    struct text_seat *t = &c->terminal;
    int epoch;
    uint64_t anchor_offset;
    if (t->room == NONE || t->loose)
        return;
    const struct shown *anchor = find_anchor(w, t, &epoch, &anchor_offset);
    if (anchor == NULL)
        return;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t offset = anchor_offset + t->v[i].at - anchor->at;
        if (offset == 0 || offset > 1u << 21)
            trace_fail(w, c, "ORDER: a terminal shows more lines of %s than there are entries",
                       w->room_names[t->room]);
        check_line(w, c, &t->v[i], epoch, offset);
    }
    uint64_t last = anchor_offset + t->at - 1 - anchor->at;
    char real[EPOCH_MAX];
    uint64_t head;
    if (!complete || !probe_room_head(w, w->room_names[t->room], real, &head))
        return;
    if (strcmp(real, truth_numbering(w, t->room, epoch)->epoch) == 0 && last != head)
        trace_fail(w, c, "LOSS: a terminal has shown %s up to offset %llu, and the head is %llu",
                   w->room_names[t->room], (unsigned long long)last, (unsigned long long)head);
}
