// SPDX-License-Identifier: Apache-2.0
//
// text_decree.c - what is decided in a room, and what changes what was said in it, as lines for a terminal. One each.
#include "dialect/dialect_private.h"
#include "dialect/text_private.h"

void text_put(struct buf *out, str s)
{
    size_t from = out->n;
    buf_put_str(out, s);
    text_escape_tail(out, from);
}

void text_put_count(struct buf *out, uint64_t n, str noun)
{
    buf_put_u64(out, n);
    buf_put_char(out, ' ');
    buf_put_str(out, noun);
    if (n != 1)
        buf_put_char(out, 's');
}

// People are shown by name; a member without one (never the case for our own sessions) by user id.
str text_name(str name, str user) { return name.n > 0 ? name : user; }

void text_put_deed(struct buf *out, const struct entry *e, str what)
{
    BUF_PUT_LIT(out, "* ");
    text_put(out, e->user.n == 0 ? STR("the server") : text_name(e->name, e->user));
    buf_put_str(out, what);
}

// " for 10 min", " for 2 days": what is shorter than two of a unit is told in the next smaller one.
static void put_span(struct buf *out, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        str noun;
    } units[] = {
        {86400000, STR("day")}, {3600000, STR("hour")}, {60000, STR("minute")}, {1000, STR("second")}};
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof units[0] && (ms < units[i].ms || ms % units[i].ms != 0))
        i++;
    text_put_count(out, ms / units[i].ms, units[i].noun);
}

static void put_target(struct buf *out, const struct entry *e)
{
    BUF_PUT_LIT(out, "* ");
    text_put(out, text_name(e->decree.target_name, e->decree.target));
}

static void put_by(struct buf *out, const struct entry *e)
{
    if (e->user.n == 0)
        return;
    BUF_PUT_LIT(out, " by ");
    text_put(out, text_name(e->name, e->user));
}

static void put_why(struct buf *out, str why)
{
    if (why.n == 0)
        return;
    BUF_PUT_LIT(out, " (");
    text_put(out, why);
    buf_put_char(out, ')');
}

// "* bob was muted by alice for 10 minutes (flooding)", "* the user id u7 was banned by alice": nobody knows what they are called.
static void put_person_decree(struct buf *out, const struct entry *e, str was)
{
    if (e->decree.target_name.n == 0) {
        BUF_PUT_LIT(out, "* the user id ");
        text_put(out, e->decree.target);
    } else {
        put_target(out, e);
    }
    buf_put_str(out, was);
    put_by(out, e);
    if (e->decree.span_ms != 0) {
        BUF_PUT_LIT(out, " for ");
        put_span(out, e->decree.span_ms);
    }
    put_why(out, e->data);
}

// " 5 times as member"
static void put_terms(struct buf *out, uint32_t uses, enum role role)
{
    buf_put_char(out, ' ');
    text_put_count(out, uses, STR("time"));
    BUF_PUT_LIT(out, " as ");
    buf_put_str(out, str_from_cstr(role_name(role)));
}

// "* alice made the invitation AbCd1234: 5 times as member, for 2 days"
static void put_invitation(struct buf *out, const struct entry *e)
{
    const bool made = e->type == ENTRY_INVITE;
    if (e->type == ENTRY_ADMIT) {
        put_target(out, e);
        BUF_PUT_LIT(out, " was let in by the invitation ");
    } else {
        text_put_deed(out, e, made ? STR(" made the invitation ") : STR(" took back the invitation "));
    }
    text_put(out, e->invitation.id);
    if (e->type == ENTRY_ADMIT) {
        BUF_PUT_LIT(out, " as ");
        buf_put_str(out, str_from_cstr(role_name(e->decree.role)));
    }
    if (!made)
        return;
    buf_put_char(out, ':');
    put_terms(out, e->invitation.uses, e->decree.role);
    BUF_PUT_LIT(out, ", for ");
    put_span(out, e->decree.span_ms);
}

// "* whoever says this comes in, 5 times as member, for 2 days:" and, in a line of its own, what is to be typed.
void text_put_invited(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* whoever types this comes in,");
    put_terms(out, ev->uses, ev->role);
    BUF_PUT_LIT(out, ", for ");
    put_span(out, ev->span_ms);
    BUF_PUT_LIT(out, ":\n*   /join ");
    text_put(out, ev->room);
    buf_put_char(out, ' ');
    text_put(out, ev->token);
}

void text_put_invitations(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* invitations to ");
    text_put(out, ev->room);
    buf_put_str(out, ev->list_n != 0 ? STR(":") : STR(": none"));
    for (size_t i = 0; i < ev->list_n; i++) {
        const struct invitation_row *row = &ev->invitations[i];
        BUF_PUT_LIT(out, "\n*   ");
        text_put(out, row->id);
        buf_put_char(out, ':');
        put_terms(out, row->left, row->role);
        BUF_PUT_LIT(out, ", by ");
        text_put(out, row->by);
    }
}

static void put_role(struct buf *out, const struct entry *e)
{
    put_target(out, e);
    BUF_PUT_LIT(out, " was made ");
    buf_put_str(out, str_from_cstr(role_name(e->decree.role)));
    put_by(out, e);
}

// "* alice made this room, by the rule quiz"
static void put_made(struct buf *out, const struct entry *e)
{
    text_put_deed(out, e, STR(" made this room"));
    if (e->data.n == 0)
        return;
    BUF_PUT_LIT(out, ", by the rule ");
    text_put(out, e->data);
}

// "* made the room quiz night: /join quiz night"
void text_put_created(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* made the room ");
    text_put(out, ev->room);
    BUF_PUT_LIT(out, ": /join ");
    text_put(out, ev->room);
}

static void put_room_decree(struct buf *out, const struct entry *e)
{
    text_put_deed(out, e, STR_NONE);
    if (e->type == ENTRY_CLOSE) {
        BUF_PUT_LIT(out, " closed the room");
        put_why(out, e->data);
    } else if (e->type == ENTRY_LOCK) {
        buf_put_str(out, e->decree.on ? STR(" locked the room: nobody new comes in")
                                      : STR(" opened the room again"));
    } else if (e->type == ENTRY_READONLY) {
        buf_put_str(out, e->decree.on ? STR(" made the room read-only") : STR(" lets everybody speak again"));
    } else if (e->decree.span_ms == 0) {
        BUF_PUT_LIT(out, " ended the slow mode");
    } else {
        BUF_PUT_LIT(out, " set the slow mode: one message in ");
        put_span(out, e->decree.span_ms);
    }
}

void text_put_shared(struct buf *out, str key, str value)
{
    const struct text_said name = {.value = key};
    text_put_said(out, &name);
    if (value.n == 0)
        return;
    const struct text_said said = {.value = value};
    BUF_PUT_LIT(out, ": ");
    text_put_said(out, &said);
}

void text_put_change(struct buf *out, const struct entry *e)
{
    if (e->type == ENTRY_STATE) {
        text_put_deed(out, e, e->change.value.n != 0 ? STR(" set ") : STR(" unset "));
        text_put_shared(out, e->change.key, e->change.value);
    } else if (e->type == ENTRY_EDIT) {
        struct text_said said = text_read_data(e->data);
        text_put_deed(out, e, STR(" changed a message to: "));
        text_put_said(out, &said);
    } else if (e->type == ENTRY_DELETE) {
        text_put_deed(out, e, STR(" took back a message"));
        put_why(out, e->data);
    } else if (e->change.on) {
        text_put_deed(out, e, STR(" reacted with "));
        text_put(out, e->change.reaction);
    } else {
        text_put_deed(out, e, STR(" took back the reaction "));
        text_put(out, e->change.reaction);
    }
}

void text_put_decree(struct buf *out, const struct entry *e)
{
    static const struct {
        enum entry_type type;
        const char *was;
    } people[] = {{ENTRY_KICK, " was removed"},
                  {ENTRY_BAN, " was banned"},
                  {ENTRY_UNBAN, " may come in again, unbanned"},
                  {ENTRY_MUTE, " was muted"},
                  {ENTRY_UNMUTE, " may speak again, unmuted"}};
    if (e->type == ENTRY_ROLE) {
        put_role(out, e);
        return;
    }
    if (e->type == ENTRY_CREATE) {
        put_made(out, e);
        return;
    }
    if (entry_invitation(e->type)) {
        put_invitation(out, e);
        return;
    }
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++)
        if (people[i].type == e->type) {
            put_person_decree(out, e, str_from_cstr(people[i].was));
            return;
        }
    put_room_decree(out, e);
}
