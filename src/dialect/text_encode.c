// SPDX-License-Identifier: Apache-2.0
//
// text_encode.c - events and entries as lines for a terminal (docs/protocol/text.md).
//
// The reader is a terminal, so what others wrote must not move its cursor, clear its screen or turn its text
// around. Every string of a peer is put into the buffer as it is and then made safe in place (text_escape_tail):
// control characters become visible escapes. Most strings need none, so the common cost is one scan. Escaping
// while copying was rejected: a message's text may come out of a JSON decoder, which also writes into the buffer,
// and there would be two ways to do one thing.
//
// Exactly one line per entry: a line break inside a text is escaped like any other control character.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "dialect/text_commands.h"
#include "dialect/text_private.h"

// A list of members is broken into lines of about this many bytes: a usual terminal's width, and names are mostly
// ASCII, so bytes stand for columns.
enum { LINE_WIDTH = 78 };

static void put_text(struct buf *out, str s)
{
    size_t from = out->n;
    buf_put_str(out, s);
    text_escape_tail(out, from);
}

static void put_cstr(struct buf *out, const char *z) { buf_put_str(out, str_from_cstr(z)); }

// "3 members", "1 member"
static void put_count(struct buf *out, uint64_t n, str noun)
{
    buf_put_u64(out, n);
    buf_put_char(out, ' ');
    buf_put_str(out, noun);
    if (n != 1)
        buf_put_char(out, 's');
}

static void put_two_digits(char *p, int64_t v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
}

// "[15:04:05] "
static void put_clock(struct buf *out, uint64_t time_ms, int32_t utc_offset_s)
{
    enum { DAY_S = 86400 };
    int64_t s = ((int64_t)(time_ms / 1000 % DAY_S) + utc_offset_s) % DAY_S;
    if (s < 0)
        s += DAY_S;
    char text[11] = "[00:00:00] ";
    put_two_digits(text + 1, s / 3600);
    put_two_digits(text + 4, s / 60 % 60);
    put_two_digits(text + 7, s % 60);
    buf_put(out, text, sizeof text);
}

// People are shown by name; a member without one (never the case for our own sessions) by user id.
static str shown_name(str name, str user) { return name.n > 0 ? name : user; }

static void put_message(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    struct text_said said = text_read_data(e->data);
    put_clock(out, e->time_ms, utc_offset_s);
    // Behind the clock: a line that begins with "* " is the server's, whoever is called what.
    if (said.action)
        BUF_PUT_LIT(out, "* ");
    put_text(out, shown_name(e->name, e->user));
    if (said.action)
        buf_put_char(out, ' ');
    else
        BUF_PUT_LIT(out, ": ");
    text_put_said(out, &said);
}

static void put_member_note(struct buf *out, const struct member_view *m, str what)
{
    BUF_PUT_LIT(out, "* ");
    put_text(out, shown_name(m->name, m->user));
    buf_put_str(out, what);
}

static void put_member_changed(struct buf *out, const struct entry *e)
{
    const struct member_view *m = &e->member;
    if (e->previous_name.n > 0) {
        BUF_PUT_LIT(out, "* ");
        put_text(out, e->previous_name);
        BUF_PUT_LIT(out, " is now ");
        put_text(out, shown_name(m->name, m->user));
    } else if (m->connected) {
        put_member_note(out, m, STR(" is back"));
    } else {
        put_member_note(out, m, STR(" is away"));
    }
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
    put_count(out, ms / units[i].ms, units[i].noun);
}

static void put_target(struct buf *out, const struct entry *e)
{
    BUF_PUT_LIT(out, "* ");
    put_text(out, shown_name(e->decree.target_name, e->decree.target));
}

static void put_by(struct buf *out, const struct entry *e)
{
    if (e->user.n == 0)
        return;
    BUF_PUT_LIT(out, " by ");
    put_text(out, shown_name(e->name, e->user));
}

static void put_why(struct buf *out, str why)
{
    if (why.n == 0)
        return;
    BUF_PUT_LIT(out, " (");
    put_text(out, why);
    buf_put_char(out, ')');
}

// "* bob was muted by alice for 10 minutes (flooding)"
static void put_person_decree(struct buf *out, const struct entry *e, str was)
{
    put_target(out, e);
    buf_put_str(out, was);
    put_by(out, e);
    if (e->decree.span_ms != 0) {
        BUF_PUT_LIT(out, " for ");
        put_span(out, e->decree.span_ms);
    }
    put_why(out, e->data);
}

static void put_role(struct buf *out, const struct entry *e)
{
    put_target(out, e);
    BUF_PUT_LIT(out, " was made ");
    put_cstr(out, role_name(e->decree.role));
    put_by(out, e);
}

static void put_room_decree(struct buf *out, const struct entry *e)
{
    BUF_PUT_LIT(out, "* ");
    put_text(out, e->user.n == 0 ? STR("the server") : shown_name(e->name, e->user));
    if (e->type == ENTRY_CLOSE) {
        BUF_PUT_LIT(out, " closed the room");
        put_why(out, e->data);
    } else if (e->type == ENTRY_READONLY) {
        buf_put_str(out, e->decree.on ? STR(" made the room read-only") : STR(" lets everybody speak again"));
    } else if (e->decree.span_ms == 0) {
        BUF_PUT_LIT(out, " ended the slow mode");
    } else {
        BUF_PUT_LIT(out, " set the slow mode: one message in ");
        put_span(out, e->decree.span_ms);
    }
}

static void put_gap(struct buf *out, const struct event *ev);

static void put_gap_entry(struct buf *out, const struct entry *e)
{
    const struct event ev = {
        .type = EV_GAP, .gap_from = e->offset + 1, .gap_to = e->cut_to, .reason = "trimmed"};
    put_gap(out, &ev);
}

void text_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    switch (e->type) {
    case ENTRY_MESSAGE:
        put_message(out, e, utc_offset_s);
        return;
    case ENTRY_ROLE:
        put_role(out, e);
        return;
    case ENTRY_KICK:
        put_person_decree(out, e, STR(" was removed"));
        return;
    case ENTRY_BAN:
        put_person_decree(out, e, STR(" was banned"));
        return;
    case ENTRY_UNBAN:
        put_person_decree(out, e, STR(" may come in again, unbanned"));
        return;
    case ENTRY_MUTE:
        put_person_decree(out, e, STR(" was muted"));
        return;
    case ENTRY_UNMUTE:
        put_person_decree(out, e, STR(" may speak again, unmuted"));
        return;
    case ENTRY_SLOW:
    case ENTRY_READONLY:
    case ENTRY_CLOSE:
        put_room_decree(out, e);
        return;
    case ENTRY_MEMBER_JOINED:
        put_member_note(out, &e->member, STR(" joined"));
        return;
    case ENTRY_MEMBER_LEFT:
        put_member_note(out, &e->member, STR(" left"));
        return;
    case ENTRY_MEMBER_CHANGED:
        put_member_changed(out, e);
        return;
    case ENTRY_MEMBERS_COUNT:
        BUF_PUT_LIT(out, "* ");
        put_count(out, e->count, STR("member"));
        BUF_PUT_LIT(out, " here");
        return;
    case ENTRY_GAP:
        put_gap_entry(out, e);
        return;
    case ENTRY_EPOCH:
        BUF_PUT_LIT(out, "* this room goes on anew: some of what was said last may be lost");
        return;
    case ENTRY_VOID:   // a terminal knows no offsets
    case ENTRY_SIGNAL: // and what others are about to say is nothing for it; nothing is sent
        return;
    }
    UNREACHABLE();
}

static void put_welcome(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* welcome to plenum ");
    put_cstr(out, ev->version ? ev->version : "");
    BUF_PUT_LIT(out, ", you are ");
    put_text(out, shown_name(ev->name, ev->user));
    BUF_PUT_LIT(out, "; /help lists the commands");
}

static void put_joined(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* joined ");
    put_text(out, ev->room);
    BUF_PUT_LIT(out, ", ");
    put_count(out, ev->members_count, STR("member"));
}

static void put_left(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* left ");
    put_text(out, ev->room);
    if (ev->reason) {
        BUF_PUT_LIT(out, " (");
        for (const char *p = ev->reason; *p != '\0'; p++)
            buf_put_char(out, *p == '_' ? ' ' : *p);
        if (ev->by_user.n > 0) {
            BUF_PUT_LIT(out, " by ");
            put_text(out, shown_name(ev->by_name, ev->by_user));
        }
        buf_put_char(out, ')');
    }
    if (ev->note.n > 0) {
        BUF_PUT_LIT(out, ": ");
        put_text(out, ev->note);
    }
}

// The ack of a message says nothing: its author sees the message itself.
static void put_ack(struct buf *out, const struct event *ev)
{
    if (!ev->has_delivered)
        return;
    if (ev->delivered > 0) {
        BUF_PUT_LIT(out, "* delivered to ");
        put_count(out, ev->delivered, STR("session"));
        return;
    }
    str who = shown_name(ev->name, ev->user);
    BUF_PUT_LIT(out, "* ");
    put_text(out, who.n > 0 ? who : STR("that user"));
    BUF_PUT_LIT(out, " is not online");
}

static void put_direct(struct buf *out, const struct event *ev)
{
    struct text_said said = text_read_data(ev->direct.data);
    BUF_PUT_LIT(out, "* direct from ");
    put_text(out, shown_name(ev->direct.name, ev->direct.user));
    BUF_PUT_LIT(out, ": ");
    text_put_said(out, &said);
}

// "12 messages", "3 notices", "12 messages and 3 notices"
static void put_gap(struct buf *out, const struct event *ev)
{
    uint64_t messages = ev->gap_to + 1 - ev->gap_from;
    ASSERT(ev->gap_to + 1 >= ev->gap_from);
    BUF_PUT_LIT(out, "* ");
    if (messages != 0)
        put_count(out, messages, STR("message"));
    if (messages != 0 && ev->gap_passing != 0)
        BUF_PUT_LIT(out, " and ");
    if (ev->gap_passing != 0)
        put_count(out, ev->gap_passing, STR("notice"));
    if (ev->reason && str_eq(str_from_cstr(ev->reason), STR("trimmed")))
        BUF_PUT_LIT(out, " missed (no longer kept)");
    else
        BUF_PUT_LIT(out, " missed (you were reading too slowly)");
}

// "* in lobby: alice, bob (away)," and further lines "*   carol, ..." where one is not enough.
static void put_members(struct buf *out, const struct event *ev)
{
    size_t line_at = out->n;
    BUF_PUT_LIT(out, "* in ");
    put_text(out, ev->room);
    buf_put_char(out, ':');
    if (ev->list_n == 0)
        BUF_PUT_LIT(out, " nobody");
    for (size_t i = 0; i < ev->list_n; i++) {
        const struct member_view *m = &ev->members[i];
        str name = shown_name(m->name, m->user);
        if (i > 0 && out->n - line_at + name.n > LINE_WIDTH) {
            buf_put_char(out, '\n');
            line_at = out->n;
            BUF_PUT_LIT(out, "*  ");
        }
        buf_put_char(out, ' ');
        put_text(out, name);
        if (!m->connected)
            BUF_PUT_LIT(out, " (away)");
        if (i + 1 < ev->list_n)
            buf_put_char(out, ',');
    }
    if (ev->next.n > 0)
        BUF_PUT_LIT(out, "\n* and more");
}

static void put_rooms(struct buf *out, const struct event *ev)
{
    if (ev->list_n == 0)
        BUF_PUT_LIT(out, "* no rooms");
    for (size_t i = 0; i < ev->list_n; i++) {
        if (i > 0)
            buf_put_char(out, '\n');
        BUF_PUT_LIT(out, "* ");
        put_text(out, ev->rooms[i].name);
        BUF_PUT_LIT(out, " (");
        buf_put_u64(out, ev->rooms[i].members_count);
        buf_put_char(out, ')');
    }
    if (ev->next.n > 0)
        BUF_PUT_LIT(out, "\n* and more; /rooms PREFIX lists those that begin with PREFIX");
}

static void put_drain(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* server restarts, reconnect in ");
    buf_put_u64(out, ((uint64_t)ev->reconnect_ms + 999) / 1000);
    BUF_PUT_LIT(out, " s");
}

static void put_error(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* error ");
    put_cstr(out, problem_name(ev->problem.code));
    BUF_PUT_LIT(out, ": ");
    char sentence[PROBLEM_SENTENCE_MAX];
    put_text(out, problem_sentence(&ev->problem, sentence));
    if (ev->problem.retry_ms > 0) {
        BUF_PUT_LIT(out, " Try again in ");
        buf_put_u64(out, ev->problem.retry_ms);
        BUF_PUT_LIT(out, " ms.");
    }
}

static void put_help_row(struct buf *out, str usage, str does)
{
    enum { COLUMN = 22 };
    BUF_PUT_LIT(out, "* /");
    buf_put_str(out, usage);
    for (size_t n = usage.n; n < COLUMN; n++)
        buf_put_char(out, ' ');
    BUF_PUT_LIT(out, " ");
    buf_put_str(out, does);
    BUF_PUT_LIT(out, "\n");
}

static void put_help(struct buf *out)
{
    BUF_PUT_LIT(out, "* a line without a slash goes to everyone in the room; commands are:\n");
#define X(word, upper, args, does) put_help_row(out, str_trim(STR(#word " " args)), STR(does));
    TEXT_COMMANDS(X)
#undef X
    BUF_PUT_LIT(out, "* a line that begins with // is sent with one slash");
}

void text_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    (void)utc_offset_s; // events have no times
    switch (ev->type) {
    case EV_WELCOME:
        put_welcome(out, ev);
        return;
    case EV_JOINED:
        put_joined(out, ev);
        return;
    case EV_LEFT:
        put_left(out, ev);
        return;
    case EV_ACK:
        put_ack(out, ev);
        return;
    case EV_DIRECT:
        put_direct(out, ev);
        return;
    case EV_GAP:
        put_gap(out, ev);
        return;
    case EV_MEMBERS:
        put_members(out, ev);
        return;
    case EV_HISTORY:
        if (ev->list_n == 0) // else the rows are lines like those that came live
            BUF_PUT_LIT(out, "* no history");
        return;
    case EV_ROOMS:
        put_rooms(out, ev);
        return;
    case EV_PONG: // there is no command that asks for it
        return;
    case EV_DRAIN:
        put_drain(out, ev);
        return;
    case EV_ERROR:
        put_error(out, ev);
        return;
    case EV_RENAMED:
        BUF_PUT_LIT(out, "* you are now ");
        put_text(out, shown_name(ev->name, ev->user));
        return;
    case EV_TOKEN_EXPIRING:
        BUF_PUT_LIT(out, "* your token ends in ");
        buf_put_u64(out, ev->expires_in_s);
        BUF_PUT_LIT(out, " s");
        return;
    case EV_HELP:
        put_help(out);
        return;
    case EV_BYE:
        BUF_PUT_LIT(out, "* bye");
        return;
    case EV_NONE:
        break;
    }
    UNREACHABLE();
}
