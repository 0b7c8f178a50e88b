// SPDX-License-Identifier: Apache-2.0
//
// text_decode.c - lines typed by people to commands (docs/protocol/text.md).
//
// A line without a slash is a message; its bytes become a JSON string, because `data` is JSON in every language and
// readers of the others must get it whole. A line with a slash is a command word and the rest. Words are matched
// without regard to case: people come from chat programs where that is so. An argument list that is wrong gets the
// command's usage as its answer, never a guess.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "dialect/guess.h"
#include "dialect/text_commands.h"
#include "dialect/text_private.h"

enum {
    HISTORY_ON_JOIN = 10, // messages shown to someone who comes in: about half a terminal
    HISTORY_DEFAULT = 20, // /history without a number: about a terminal
};

enum err text_bad_usage(struct problem *p, const char *usage, str args)
{
    return problem_set_word(p, PROBLEM_BAD_COMMAND, usage, WORD_QUOTED, args);
}

// Bytes of one character in a JSON string (RFC 8259 section 7).
static size_t put_json_char(char *p, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        p[0] = '\\';
        p[1] = (char)c;
        return 2;
    }
    if (c >= 0x20) {
        p[0] = (char)c;
        return 1;
    }
    memcpy(p, "\\u00", 4);
    p[4] = hex[c >> 4];
    p[5] = hex[c & 15];
    return 6;
}

// A line of n bytes needs 6 * n + 2 at most, which the caller of decode provides: so much is between us and core, and no peer can
// change it.
str text_quote(struct scratch *scratch, str text)
{
    ASSERT(scratch->cap - scratch->n >= 6 * text.n + 2);
    char *start = scratch->p + scratch->n;
    char *p = start;
    *p++ = '"';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\t') { // frequent in pasted text, and one of the short escapes
            *p++ = '\\';
            *p++ = 't';
        } else {
            p += put_json_char(p, (unsigned char)text.p[i]);
        }
    }
    *p++ = '"';
    size_t n = (size_t)(p - start);
    scratch->n += n;
    return (str){start, n};
}

size_t text_word_end(str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != ' ' && s.p[i] != '\t')
        i++;
    return i;
}

static void set_message(str text, struct scratch *scratch, struct command *ret)
{
    ret->type = CMD_MESSAGE;
    ret->data = text_quote(scratch, text);
    ret->echo = true; // who types sees the line come back with its time, in its place among the others
}

static enum err decode_join(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    ret->token = text_take_invitation(&args);
    if (args.n == 0)
        return text_bad_usage(p, "`/join ROOM` takes the name of a room; got {}.", args);
    if (!room_name_valid(args))
        return problem_set_word(p, PROBLEM_BAD_ROOM,
                                "The name of a room is 1 to 128 bytes without control characters; got {}.",
                                WORD_QUOTED, args);
    ret->room = args;
    ret->has_history = true;
    ret->history = HISTORY_ON_JOIN;
    return OK;
}

static enum err decode_leave(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (args.n > 0 && !room_name_valid(args))
        return text_bad_usage(
            p, "`/leave` takes nothing, or the name of a room of at most 128 bytes; got {}.", args);
    ret->room = args.n > 0 ? args : STR_NONE;
    return OK;
}

static enum err decode_nick(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (!user_name_valid(args))
        return text_bad_usage(p, "`/nick NAME` takes 1 to 64 bytes without control characters; got {}.",
                              args);
    ret->name = args;
    return OK;
}

static enum err decode_who(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    (void)ret;
    if (args.n > 0)
        return text_bad_usage(p, "`/who` takes nothing; got {}.", args);
    return OK;
}

static enum err decode_rooms(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (args.n > ROOM_NAME_MAX)
        return text_bad_usage(
            p, "`/rooms` takes nothing, or the beginning of names of at most 128 bytes; got {}.", args);
    ret->prefix = args.n > 0 ? args : STR_NONE;
    return OK;
}

// USER is the first word, or stands in quotes where the name has spaces: /msg "Ada Lovelace" hello. False: there is none, or no name of anybody.
static bool take_user(str args, str *ret_user, str *ret_rest)
{
    if (args.n == 0)
        return false;
    bool quoted = args.p[0] == '"';
    str user = str_skip(args, quoted ? 1 : 0);
    size_t end = quoted ? str_find_char(user, '"', 0) : text_word_end(user);
    *ret_rest = str_trim(str_skip(user, end + 1));
    *ret_user = str_take(user, end);
    return ret_user->n <= USER_ID_MAX && user_name_valid(*ret_user);
}

static enum err decode_msg(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    static const char usage[] =
        "`/msg USER TEXT` takes a user, as in `\"USER\"` where the name has spaces, and a text; got {}.";
    str user, text;
    if (!take_user(args, &user, &text) || text.n == 0)
        return text_bad_usage(p, usage, args);
    ret->to = user;
    ret->to_by_name = true;
    ret->data = text_quote(scratch, text);
    return OK;
}

// What one does rather than says: {"text":"waves","action":true}, shown with the name in front by every client that
// knows the shape, and as the plain text by those that do not. Four bytes of "/me " at least are not in the text, so
// what stands around it fits into what json_quote may take for the whole line.
static enum err decode_me(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    static const char head[] = "{\"text\":";
    static const char tail[] = ",\"action\":true}";
    if (args.n == 0)
        return text_bad_usage(p, "`/me TEXT` takes what you do, as in `/me waves`; got {}.", args);
    char *start = scratch->p + scratch->n;
    ASSERT(scratch->cap - scratch->n >= sizeof head + sizeof tail);
    memcpy(start, head, sizeof head - 1);
    scratch->n += sizeof head - 1;
    text_quote(scratch, args);
    ASSERT(scratch->cap - scratch->n >= sizeof tail - 1);
    memcpy(scratch->p + scratch->n, tail, sizeof tail - 1);
    scratch->n += sizeof tail - 1;
    ret->data = (str){start, scratch->n - (size_t)(start - scratch->p)};
    ret->echo = true;
    return OK;
}

static enum err decode_history(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    uint64_t n = HISTORY_DEFAULT;
    if (args.n > 0 && (!str_to_u64(args, LIST_LIMIT_MAX, &n) || n == 0))
        return text_bad_usage(p, "`/history` takes nothing, or a number from 1 to 1000; got {}.", args);
    ret->limit = (uint32_t)n;
    return OK;
}

// --- decrees

// 30s, 10m, 2h, 7d; a bare number is seconds.
bool text_take_time(str word, uint32_t *ret_seconds)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t n, factor = 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && word.n > 1; i++)
        if (word.p[word.n - 1] == units[i].unit) {
            factor = units[i].seconds;
            word = str_take(word, word.n - 1);
            break;
        }
    if (!str_to_u64(word, SECONDS_MAX / factor, &n) || n == 0)
        return false;
    *ret_seconds = (uint32_t)(n * factor);
    return true;
}

// USER [TIME] [WHY], of which `timed` and `why` may be.
static enum err take_decree(str args, bool timed, bool why, const char *usage, struct command *ret,
                            struct problem *p)
{
    str rest;
    if (!take_user(args, &ret->to, &rest))
        return text_bad_usage(p, usage, args);
    ret->to_by_name = true;
    size_t end = text_word_end(rest);
    if (timed && text_take_time(str_take(rest, end), &ret->seconds)) {
        ret->has_seconds = true;
        rest = str_trim(str_skip(rest, end + 1));
    }
    if (rest.n > (why ? REASON_MAX : 0))
        return text_bad_usage(p, usage, args);
    ret->reason = rest;
    return OK;
}

static enum err decode_kick(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return take_decree(args, false, true, "`/kick USER` takes a user, and why, in at most 256 bytes; got {}.",
                       ret, p);
}

static enum err decode_ban(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return take_decree(
        args, true, true,
        "`/ban USER` takes a user, for how long, as in `10m`, and why, in at most 256 bytes; got {}.", ret,
        p);
}

static enum err decode_unban(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return take_decree(args, false, false, "`/unban USER` takes a user; got {}.", ret, p);
}

static enum err decode_mute(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return take_decree(
        args, true, true,
        "`/mute USER` takes a user, for how long, as in `10m`, and why, in at most 256 bytes; got {}.", ret,
        p);
}

static enum err decode_unmute(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return take_decree(args, false, false, "`/unmute USER` takes a user; got {}.", ret, p);
}

static enum err decode_role(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (!take_user(args, &ret->to, &ret->role) || role_find(ret->role) == ROLE_COUNT)
        return text_bad_usage(
            p, "`/role USER ROLE` takes a user and `guest`, `member`, `host` or `owner`; got {}.", args);
    ret->to_by_name = true;
    return OK;
}

static enum err decode_slow(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    ret->has_seconds = true;
    if (!str_eq_nocase(args, STR("off")) && !text_take_time(args, &ret->seconds))
        return text_bad_usage(p, "`/slow TIME` takes a time, as in `30s`, or `off`; got {}.", args);
    return OK;
}

static enum err decode_readonly(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    ret->on = args.n == 0 || str_eq_nocase(args, STR("on"));
    if (!ret->on && !str_eq_nocase(args, STR("off")))
        return text_bad_usage(p, "`/readonly` takes nothing, or `off`; got {}.", args);
    return OK;
}

static enum err decode_lock(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    ret->on = args.n == 0 || str_eq_nocase(args, STR("on"));
    if (!ret->on && !str_eq_nocase(args, STR("off")))
        return text_bad_usage(p, "`/lock` takes nothing, or `off`; got {}.", args);
    return OK;
}

static enum err decode_close(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (args.n > REASON_MAX)
        return text_bad_usage(p, "`/close` takes why, in at most 256 bytes; got {}.", args);
    ret->reason = args;
    return OK;
}

static enum err decode_edit(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    if (args.n == 0)
        return problem_set(p, PROBLEM_BAD_COMMAND, "`/edit TEXT` takes what you wanted to say.");
    set_message(args, scratch, ret);
    ret->type = CMD_EDIT;
    return OK;
}

static enum err decode_delete(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (args.n > REASON_MAX)
        return text_bad_usage(p, "`/delete` takes why, in at most 256 bytes; got {}.", args);
    ret->reason = args;
    return OK;
}

static enum err decode_react(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    if (args.n == 0 || args.n > REACTION_MAX)
        return text_bad_usage(p, "`/react EMOJI` takes an emoji or a word, of at most 64 bytes; got {}.",
                              args);
    ret->key = args;
    return OK;
}

static enum err decode_create(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return text_decode_create(args, ret, p);
}

static enum err decode_invite(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return text_decode_invite(args, ret, p);
}

static enum err decode_uninvite(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    return text_decode_uninvite(args, ret, p);
}

static enum err decode_invites(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)scratch;
    (void)ret;
    return args.n == 0 ? OK : text_bad_usage(p, "`/invites` takes nothing; got {}.", args);
}

static enum err decode_state(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    return text_decode_state(args, scratch, ret, p);
}

static enum err decode_topic(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    return text_decode_topic(args, scratch, ret, p);
}

static enum err decode_help(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)args; // someone who asks for help gets it
    (void)scratch;
    (void)ret;
    (void)p;
    return OK;
}

static enum err decode_quit(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)args; // other chat systems take a farewell here
    (void)scratch;
    (void)ret;
    (void)p;
    return OK;
}

enum text_word {
#define X(word, ...) TEXT_##word,
    TEXT_COMMANDS(X)
#undef X
        TEXT_NO_WORD
};

static const struct {
    const char *typed;
    str word;
    enum command_type type;
    enum err (*decode)(str args, struct scratch *scratch, struct command *ret, struct problem *p);
} words[] = {
#define X(word, upper, args, does) [TEXT_##word] = {"/" #word, STR(#word), CMD_##upper, decode_##word},
    TEXT_COMMANDS(X)
#undef X
};

static const char *guess_command(str written)
{
    static const struct {
        const char *typed;
        enum text_word meant;
    } elsewhere[] = {
        {"/j", TEXT_join},      {"/enter", TEXT_join},  {"/part", TEXT_leave},     {"/name", TEXT_nick},
        {"/rename", TEXT_nick}, {"/names", TEXT_who},   {"/users", TEXT_who},      {"/members", TEXT_who},
        {"/w", TEXT_msg},       {"/whisper", TEXT_msg}, {"/tell", TEXT_msg},       {"/dm", TEXT_msg},
        {"/query", TEXT_msg},   {"/list", TEXT_rooms},  {"/channels", TEXT_rooms}, {"/log", TEXT_history},
        {"/?", TEXT_help},      {"/h", TEXT_help},      {"/commands", TEXT_help},  {"/exit", TEXT_quit},
        {"/bye", TEXT_quit},    {"/q", TEXT_quit},      {"/action", TEXT_me},      {"/op", TEXT_role},
        {"/s", TEXT_edit},      {"/del", TEXT_delete},  {"/undo", TEXT_delete},    {"/like", TEXT_react},
        {"/remove", TEXT_kick}, {"/block", TEXT_ban},   {"/silence", TEXT_mute},   {"/ro", TEXT_readonly},
    };
    enum { ALIASES = sizeof elsewhere / sizeof elsewhere[0] };
    struct guess_alias aliases[ALIASES];
    for (size_t i = 0; i < ALIASES; i++)
        aliases[i] = (struct guess_alias){
            elsewhere[i].typed, elsewhere[i].meant == TEXT_NO_WORD ? NULL : words[elsewhere[i].meant].typed};
    const char *names[sizeof words / sizeof words[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        names[n++] = words[i].typed;
    return guess_word(written, names, n, aliases, ALIASES);
}

static enum err decode_slash(str line, struct scratch *scratch, struct command *ret, struct problem *p)
{
    str rest = str_skip(line, 1);
    size_t end = text_word_end(rest);
    str word = str_take(rest, end);
    str args = str_trim(str_skip(rest, end));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!str_eq_nocase(word, words[i].word))
            continue;
        ret->type = words[i].type;
        return words[i].decode(args, scratch, ret, p);
    }
    problem_set_word(
        p, PROBLEM_UNKNOWN_TYPE,
        "There is no command {}; `/help` lists them, and `//` in front sends a line that begins with `/`.",
        WORD_QUOTED, str_take(line, end + 1));
    p->did_you_mean = guess_command(str_take(line, end + 1));
    return ERR_SYNTAX;
}

// Over TCP the line decoder has taken the line end off already. Over WebSocket a message is a line, and several
// line-oriented clients leave the end of what was typed in it.
static str without_line_end(str line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

enum err text_decode(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    str line = reading_whole(reading);
    struct scratch *scratch = reading->scratch;
    *ret = (struct command){.type = CMD_NONE};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    scratch_empty(scratch);

    line = without_line_end(line);
    if (line.n == 0)
        return OK;
    if (line.p[0] != '/') {
        set_message(line, scratch, ret);
        return OK;
    }
    if (line.n >= 2 && line.p[1] == '/') {
        set_message(str_skip(line, 1), scratch, ret);
        return OK;
    }
    enum err e = decode_slash(line, scratch, ret, ret_problem);
    if (e != OK)
        ret->type = CMD_NONE;
    return e;
}
