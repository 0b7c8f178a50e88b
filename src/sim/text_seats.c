// SPDX-License-Identifier: Apache-2.0
//
// One terminal in one room. Its lines carry no offsets, but each entry is one line, in its place: first the records that are
// replayed, up to where the home let it in, then every entry. So each line must be exactly the next one.
#include "sim/world.h"

enum { HISTORY_ON_JOIN = 10 }; // docs/protocol/text.md

void text_seat_joined(struct world *w, struct client *c, int room)
{
    struct text_seat *t = &c->terminal;
    struct start at = ledger_start(w, c, room);
    struct numbering *n = truth_numbering(w, room, at.epoch);
    *t = (struct text_seat){.room = room,
                            .epoch = at.epoch,
                            .head = at.head,
                            .next = truth_messages_back(w, n, at.head, at.tail, HISTORY_ON_JOIN),
                            .passed = at.passed};
    w->counts.joins++;
}

void text_seat_left(struct world *w, struct client *c)
{
    (void)w;
    c->terminal.room = NONE;
}

// No line is made of it: it is passed over, but counts in a gap.
static bool silent(const struct fact *f)
{
    return f->kind == FACT_SIGNAL || f->kind == FACT_VOID || f->kind == FACT_READ;
}

static void step(struct text_seat *t, uint64_t offset);

// The entry that comes next; its offset, 0 for a passing one. NULL: there is none yet.
static const struct fact *entry_at(struct world *w, const struct text_seat *t, uint64_t *ret_offset)
{
    struct numbering *n = truth_numbering(w, t->room, t->epoch);
    bool passes = t->next > t->head && t->passed < n->passed_n && n->passed[t->passed].after < t->next;
    *ret_offset = passes ? 0 : t->next;
    if (passes)
        return &n->passed[t->passed];
    return t->next <= n->head ? truth_fact(w, n, t->next) : NULL;
}

// An edit may be shown as nothing, as it is told of what has become of the message since; and a message that was deleted where it is not
// kept when that is told.
static bool may_be_silent(struct world *w, const struct text_seat *t, const struct fact *f, uint64_t offset)
{
    return silent(f) ||
           (f->kind == FACT_DECREE && offset != 0 && changes_silent(w, t->room, t->epoch, offset)) ||
           (f->kind == FACT_MESSAGE && changes_deleted(w, t->room, t->epoch, offset));
}

// What a line says: a change of a message, by its words; a message, SOME of which the line does not say. All 0: something else.
enum { SOME = UINT32_MAX };
struct line {
    uint64_t change;
    uint32_t message;
};

static bool line_is(const struct line *line, const struct fact *f)
{
    return (line->change != 0 && f->line == line->change) ||
           (f->kind == FACT_MESSAGE && line->message != 0 &&
            (line->message == SOME || line->message == f->message));
}

// The one that the next line must be.
static const struct fact *next_entry(struct world *w, struct text_seat *t, bool gap, struct line line,
                                     uint64_t *ret_offset)
{
    const struct fact *f = entry_at(w, t, ret_offset);
    for (; !gap && f != NULL && may_be_silent(w, t, f, *ret_offset) && !line_is(&line, f);
         f = entry_at(w, t, ret_offset))
        step(t, *ret_offset);
    return f;
}

static void step(struct text_seat *t, uint64_t offset)
{
    if (offset == 0)
        t->passed++;
    else
        t->next++;
}

static uint64_t words_of(const struct text_seat *t, const struct fact *f)
{
    return f->kind == FACT_STATE ? f->shown[t->part] : f->name_hash;
}

void text_seat_entry(struct world *w, struct client *c, uint8_t kind, uint32_t message, uint64_t name_hash)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    w->counts.text_lines++;
    if (t->room == NONE)
        trace_fail(w, c, "ISOLATION: a room's line came to a terminal that is in no room");
    const char *room = w->room_names[t->room];
    if (message != 0) {
        const struct message *m = truth_message(w, message);
        if (m == NULL || m->room != t->room)
            trace_fail(w, c, "ISOLATION: m%ux came to a terminal that is in %s", message, room);
        if (m->attempts == m->denied)
            trace_fail(w, c, "ISOLATION: m%ux was refused, and a terminal shows it", message);
    }
    t->lines++;
    if (t->loose)
        return;
    const struct fact *f = next_entry(w, t, false, (struct line){.message = message}, &offset);
    if (f == NULL)
        trace_fail(w, c, "ORDER: a terminal shows more lines of %s than there are entries", room);
    if (f->kind != kind || f->message != message || (words_of(t, f) != name_hash && kind != FACT_DECREE))
        trace_fail(
            w, c,
            "ORDER: a terminal shows a line of kind %u, m%ux; next in %s was kind %u, m%ux, offset %llu",
            kind, message, room, f->kind, f->message, (unsigned long long)offset);
    if (kind == FACT_STATE && ++t->part < f->parts)
        return; // there is more of it
    t->part = 0;
    if (kind == FACT_MESSAGE)
        changes_check_said(w, c, t->room, t->epoch, offset, t->head);
    step(t, offset);
}

// A line about a message, or one with other words than it was said with: the entry that it must be. NULL: nobody can tell.
static const struct fact *about_a_message(struct world *w, struct client *c, struct line line,
                                          uint64_t *ret_offset)
{
    struct text_seat *t = &c->terminal;
    w->counts.text_lines++;
    if (t->room == NONE)
        trace_fail(w, c, "ISOLATION: a room's line came to a terminal that is in no room");
    t->lines++;
    if (t->loose)
        return NULL;
    const struct fact *f = next_entry(w, t, false, line, ret_offset);
    if (f == NULL || *ret_offset == 0)
        trace_fail(w, c, "ORDER: a terminal shows a line about a message of %s, and no record is next",
                   w->room_names[t->room]);
    return f;
}

void text_seat_change(struct world *w, struct client *c, str line)
{
    uint64_t offset;
    const struct fact *f = about_a_message(w, c, (struct line){.change = truth_hash(line)}, &offset);
    if (f == NULL)
        return;
    if (f->kind != FACT_DECREE || (f->line != 0 && f->line != truth_hash(line)))
        trace_fail(w, c, "WORDS: a terminal shows offset %llu of %s as: %.*s", (unsigned long long)offset,
                   w->room_names[c->terminal.room], STR_ARG(str_take(line, 200)));
    w->counts.text_changes++;
    step(&c->terminal, offset);
}

void text_seat_anew(struct world *w, struct client *c, str words, bool bare)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    const struct fact *f = about_a_message(w, c, (struct line){.message = SOME}, &offset);
    if (f == NULL)
        return;
    if (f->kind != FACT_MESSAGE)
        trace_fail(w, c, "ORDER: a terminal shows a message, and offset %llu of %s is none",
                   (unsigned long long)offset, w->room_names[t->room]);
    if (bare)
        changes_check_gone_ahead(w, c, t->room, t->epoch, offset, t->head);
    else
        changes_check_anew(w, c, t->room, t->epoch, offset, t->head, words);
    step(t, offset);
}

void text_seat_missed(struct world *w, struct client *c, uint64_t n)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    w->counts.gaps++;
    if (t->room == NONE)
        trace_fail(w, c, "ISOLATION: a gap on a terminal that is in no room");
    bool held = t->lines == 0; // while the room before was being left
    if (!held && c->temper == TEMPER_HEALTHY && w->plan.refuse_one_in == 0)
        trace_fail(w, c, "SLOW: a gap on a terminal that reads everything at once");
    if (t->part != 0)
        trace_fail(w, c, "STATE: a gap on a terminal in the middle of a change");
    const struct fact *edge = entry_at(w, t, &offset);
    if (edge != NULL && may_be_silent(w, t, edge, offset))
        t->loose = true; // whether what it does not show, at the edge, is in the gap is not told
    for (; n > 0 && !t->loose; n--) {
        if (next_entry(w, t, true, (struct line){0}, &offset) == NULL)
            trace_fail(w, c, "LOSS: a terminal is said to have missed more of %s than there is",
                       w->room_names[t->room]);
        step(t, offset);
    }
}

// What may be left out next: a message that is shown as nothing (may_be_silent) may be left out as well.
static const struct fact *left_out_entry(struct world *w, struct text_seat *t, uint64_t *ret_offset)
{
    const struct line message = {.message = SOME};
    const struct fact *f = next_entry(w, t, false, message, ret_offset);
    while (f != NULL && may_be_silent(w, t, f, *ret_offset) &&
           !truth_has_newer(w, truth_numbering(w, t->room, t->epoch), *ret_offset)) {
        step(t, *ret_offset);
        f = next_entry(w, t, false, message, ret_offset);
    }
    return f;
}

void text_seat_left_out(struct world *w, struct client *c, uint64_t n)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    w->counts.conflated += n;
    if (t->room == NONE || n == 0)
        trace_fail(w, c, "ISOLATION: conflation on a terminal that is in no room, or of nothing");
    if (world_room(w, t->room)->state_interval_ms == 0 &&
        (world_room(w, t->room)->slow_policy != SLOW_CONFLATE || c->temper == TEMPER_HEALTHY))
        trace_fail(w, c, "SLOW: conflation in %s, or for a terminal, where there is none",
                   w->room_names[t->room]);
    for (; n > 0 && !t->loose; n--) {
        const struct fact *f = left_out_entry(w, t, &offset);
        if (f == NULL || offset == 0 || !truth_has_newer(w, truth_numbering(w, t->room, t->epoch), offset))
            trace_fail(w, c, "LOSS: offset %llu of %s is left out for a terminal, and there is no newer one",
                       (unsigned long long)offset, w->room_names[t->room]);
        step(t, offset);
    }
}

void text_seat_cut(struct world *w, struct client *c, uint8_t kind, uint64_t n)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    if (t->room == NONE)
        trace_fail(w, c, "ISOLATION: a terminal that is in no room is told how one goes on");
    const struct fact *f = t->loose ? NULL : next_entry(w, t, false, (struct line){0}, &offset);
    if (!t->loose && (f == NULL || f->kind != kind || (kind == FACT_GAP && f->cut_to - f->after != n)))
        trace_fail(w, c, "ORDER: a terminal in %s is told of a cut that is not there",
                   w->room_names[t->room]);
    if (f != NULL)
        t->next = f->cut_to + 1;
    if (f != NULL && kind == FACT_GAP)
        t->passed++;
    if (kind != FACT_EPOCH)
        return;
    t->epoch = truth_numbering(w, t->room, t->epoch)->follower;
    t->passed = 0;
    t->head = t->next - 1;
}

void text_seat_complete(struct world *w, struct client *c)
{
    struct text_seat *t = &c->terminal;
    uint64_t offset;
    if (t->room != NONE && !t->loose && next_entry(w, t, false, (struct line){0}, &offset) != NULL)
        trace_fail(w, c, "LOSS: a terminal has shown %s up to offset %llu, and there is more",
                   w->room_names[t->room], (unsigned long long)t->next - 1);
}
