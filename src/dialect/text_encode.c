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
// Exactly one line per entry, or part of one (parts.h): a line break inside a text is escaped like any other control character.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "dialect/text_commands.h"
#include "dialect/text_private.h"
#include "wire/json.h"

// A list of members is broken into lines of about this many bytes: a usual terminal's width, and names are mostly
// ASCII, so bytes stand for columns.
enum { LINE_WIDTH = 78 };

static void put_cstr(struct buf *out, const char *z) { buf_put_str(out, str_from_cstr(z)); }

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

static void put_message(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    if (e->erased != 0 && e->taken_back) // which is all that there is to be told
        return;
    if (e->erased != 0) { // not deleted: what has become of it comes behind it
        const bool deleted = e->fate != NULL && e->fate->deleted;
        text_put_deed(out, e,
                      deleted ? STR(" took back what was said here") : STR(" changed what was said here"));
        return;
    }
    struct text_said said = text_read_data(e->data);
    put_clock(out, e->time_ms, utc_offset_s);
    // Behind the clock: a line that begins with "* " is the server's, whoever is called what.
    if (said.action)
        BUF_PUT_LIT(out, "* ");
    text_put(out, text_name(e->name, e->user));
    if (said.action)
        buf_put_char(out, ' ');
    else
        BUF_PUT_LIT(out, ": ");
    text_put_said(out, &said);
}

static void put_member_note(struct buf *out, const struct member_view *m, str what)
{
    BUF_PUT_LIT(out, "* ");
    text_put(out, text_name(m->name, m->user));
    buf_put_str(out, what);
}

static void put_member_changed(struct buf *out, const struct entry *e)
{
    const struct member_view *m = &e->member;
    if (e->previous_name.n > 0) {
        BUF_PUT_LIT(out, "* ");
        text_put(out, e->previous_name);
        BUF_PUT_LIT(out, " is now ");
        text_put(out, text_name(m->name, m->user));
    } else if (m->connected) {
        put_member_note(out, m, STR(" is back"));
    } else {
        put_member_note(out, m, STR(" is away"));
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
#define X(upper, ...) case ENTRY_##upper:
        DECREES(X)
#undef X
    case ENTRY_ADMIT:
    case ENTRY_CREATE:
        text_put_decree(out, e);
        return;
    case ENTRY_EDIT:
        if (e->erased == 0) // else it was changed once more, and will be told
            text_put_change(out, e);
        return;
    case ENTRY_STATE:
    case ENTRY_DELETE:
    case ENTRY_REACT:
        text_put_change(out, e);
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
        text_put_count(out, e->count, STR("member"));
        BUF_PUT_LIT(out, " here");
        return;
    case ENTRY_GAP:
        put_gap_entry(out, e);
        return;
    case ENTRY_EPOCH:
        BUF_PUT_LIT(out, "* this room goes on anew: some of what was said last may be lost");
        return;
    case ENTRY_VOID: // a terminal knows no offsets
    case ENTRY_READ:
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
    text_put(out, text_name(ev->name, ev->user));
    BUF_PUT_LIT(out, "; /help lists the commands");
}

static void put_joined(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* joined ");
    text_put(out, ev->room);
    BUF_PUT_LIT(out, ", ");
    text_put_count(out, ev->members_count, STR("member"));
    struct json_member m;
    for (str rest = ev->state; json_member_next(&rest, &m);) {
        if (!json_key_is(&m, STR("topic")))
            continue;
        BUF_PUT_LIT(out, "\n*   ");
        text_put_shared(out, STR("\"topic\""), m.value);
    }
}

static void put_left(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* left ");
    text_put(out, ev->room);
    if (ev->reason) {
        BUF_PUT_LIT(out, " (");
        for (const char *p = ev->reason; *p != '\0'; p++)
            buf_put_char(out, *p == '_' ? ' ' : *p);
        if (ev->by_user.n > 0) {
            BUF_PUT_LIT(out, " by ");
            text_put(out, text_name(ev->by_name, ev->by_user));
        }
        buf_put_char(out, ')');
    }
    if (ev->note.n > 0) {
        BUF_PUT_LIT(out, ": ");
        text_put(out, ev->note);
    }
}

// The ack of a message says nothing: its author sees the message itself.
static void put_ack(struct buf *out, const struct event *ev)
{
    if (!ev->has_delivered)
        return;
    if (ev->delivered > 0) {
        BUF_PUT_LIT(out, "* delivered to ");
        text_put_count(out, ev->delivered, STR("session"));
        return;
    }
    str who = text_name(ev->name, ev->user);
    BUF_PUT_LIT(out, "* ");
    text_put(out, who.n > 0 ? who : STR("that user"));
    BUF_PUT_LIT(out, " is not online");
}

static void put_direct(struct buf *out, const struct event *ev)
{
    struct text_said said = text_read_data(ev->direct.data);
    BUF_PUT_LIT(out, "* direct from ");
    text_put(out, text_name(ev->direct.name, ev->direct.user));
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
        text_put_count(out, messages, STR("message"));
    if (messages != 0 && ev->gap_passing != 0)
        BUF_PUT_LIT(out, " and ");
    if (ev->gap_passing != 0)
        text_put_count(out, ev->gap_passing, STR("notice"));
    if (ev->reason && str_eq(str_from_cstr(ev->reason), STR("trimmed")))
        BUF_PUT_LIT(out, " missed (no longer kept)");
    else if (ev->reason && (str_eq(str_from_cstr(ev->reason), STR("conflated")) ||
                            str_eq(str_from_cstr(ev->reason), STR("coalesced"))))
        BUF_PUT_LIT(out, " left out (newer ones follow)");
    else
        BUF_PUT_LIT(out, " missed (you were reading too slowly)");
}

// "* in lobby: alice, bob (away)," and further lines "*   carol, ..." where one is not enough.
static void put_members(struct buf *out, const struct event *ev)
{
    size_t line_at = out->n;
    BUF_PUT_LIT(out, "* in ");
    text_put(out, ev->room);
    buf_put_char(out, ':');
    if (ev->list_n == 0)
        BUF_PUT_LIT(out, " nobody");
    for (size_t i = 0; i < ev->list_n; i++) {
        const struct member_view *m = &ev->members[i];
        str name = text_name(m->name, m->user);
        if (i > 0 && out->n - line_at + name.n > LINE_WIDTH) {
            buf_put_char(out, '\n');
            line_at = out->n;
            BUF_PUT_LIT(out, "*  ");
        }
        buf_put_char(out, ' ');
        text_put(out, name);
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
        text_put(out, ev->rooms[i].name);
        BUF_PUT_LIT(out, " (");
        buf_put_u64(out, ev->rooms[i].members_count);
        buf_put_char(out, ')');
    }
    if (ev->next.n > 0)
        BUF_PUT_LIT(out, "\n* and more; /rooms PREFIX lists those that begin with PREFIX");
}

// "* state of lobby, version 3:" and a line for each key.
static void put_state(struct buf *out, const struct event *ev)
{
    struct json_member m;
    BUF_PUT_LIT(out, "* state of ");
    text_put(out, ev->room);
    BUF_PUT_LIT(out, ", version ");
    buf_put_u64(out, ev->state_version);
    str rest = ev->state;
    while (json_member_next(&rest, &m)) {
        BUF_PUT_LIT(out, "\n*   ");
        text_put_shared(out, str_make(m.key.p - 1, m.key.n + 2), m.value);
    }
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
    text_put(out, problem_sentence(&ev->problem, sentence));
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

static void put_help(struct buf *out, const struct event *ev)
{
    (void)ev;
    BUF_PUT_LIT(out, "* a line without a slash goes to everyone in the room; commands are:\n");
#define X(word, upper, args, does) put_help_row(out, str_trim(STR(#word " " args)), STR(does));
    TEXT_COMMANDS(X)
#undef X
    BUF_PUT_LIT(out, "* a line that begins with // is sent with one slash");
}

static void put_history(struct buf *out, const struct event *ev)
{
    if (ev->list_n == 0) // else the rows are lines like those that came live
        BUF_PUT_LIT(out, "* no history");
}

static void put_renamed(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* you are now ");
    text_put(out, text_name(ev->name, ev->user));
}

static void put_token_expiring(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "* your token ends in ");
    buf_put_u64(out, ev->expires_in_s);
    BUF_PUT_LIT(out, " s");
}

static void put_bye(struct buf *out, const struct event *ev)
{
    (void)ev;
    BUF_PUT_LIT(out, "* bye");
}

// There is no command that asks for it.
static void put_pong(struct buf *out, const struct event *ev)
{
    (void)out;
    (void)ev;
}

static void put_speaker(struct buf *out, const struct event *ev) // of encodings with handles only
{
    (void)out;
    (void)ev;
}

static void put_created(struct buf *out, const struct event *ev) { text_put_created(out, ev); }
static void put_invited(struct buf *out, const struct event *ev) { text_put_invited(out, ev); }
static void put_invites(struct buf *out, const struct event *ev) { text_put_invitations(out, ev); }

// Each event by its put_NAME.
void text_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    (void)utc_offset_s; // events have no times
    switch (ev->type) {
#define X(upper, lower, where) \
    case EV_##upper:           \
        put_##lower(out, ev);  \
        return;
        EVENTS(X)
#undef X
    case EV_NONE:
        break;
    }
    UNREACHABLE();
}
