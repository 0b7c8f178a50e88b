// SPDX-License-Identifier: Apache-2.0
//
// native_json_decode.c - JSON objects to commands (docs/protocol/native.md).
//
// One scan proves the whole message and lists its top-level members (wire/json.h). Then each command takes the
// members it knows by name, in the order of the protocol's table, and leaves the others alone: a key of a later
// version, or of another command, is no error. A member of the wrong kind is one, and its sentence names the key
// and what was expected, because the reader of that sentence is a developer in the middle of a first attempt.
// `null` is a wrong kind like any other: "absent" has one spelling.
//
// Decoded strings are slices of the message, or lie in scratch where they had escapes. `data` and `id` stay raw.
#include "dialect/dialect_private.h"
#include "dialect/guess.h"
#include "wire/json.h"

enum {
    TOKEN_MAX = 16 * 1024, // bytes of a JWT: what is larger is refused before any cryptography looks at it
    EPOCH_MAX = 64,        // bytes; ours are shorter, anything else cannot match
    CURSOR_MAX = 2 * ROOM_NAME_MAX, // bytes of `after`; ours are at most a room's name
};

// Offsets travel as JSON numbers, which many readers keep in a double.
#define OFFSET_MAX ((UINT64_C(1) << 53) - 1)

struct reader {
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    struct scratch *scratch;
    struct problem *problem;
};

// What was expected of a key, "; got {}." at its end; m: what was got, NULL where the key is not there.
static enum err bad_value(const struct reader *r, enum problem_code code, const struct json_member *m,
                          const char *expected)
{
    return problem_set_word(r->problem, code, expected, WORD_JSON, m != NULL ? m->value : STR_NONE);
}

static const struct json_member *find(const struct reader *r, str name)
{
    return json_member_find(r->members, r->n, name);
}

// The characters of a string of at most n_max bytes; any error means that it is longer.
static enum err unescape(struct reader *r, str raw, size_t n_max, str *ret)
{
    struct scratch *s = r->scratch;
    size_t left = s->cap - s->n;
    str text;
    enum err e = json_string_decode(raw, s->p + s->n, n_max < left ? n_max : left, &text);
    if (e != OK)
        return e;
    if (text.p == s->p + s->n)
        s->n += text.n;
    *ret = text;
    return OK;
}

// An optional string of n_min to n_max bytes. *ret stays as it is where the key is absent.
static enum err take_string(struct reader *r, str key, size_t n_min, size_t n_max, const char *expected,
                            str *ret)
{
    const struct json_member *m = find(r, key);
    if (m == NULL)
        return OK;
    str text;
    if (m->kind != JSON_STRING || unescape(r, m->value, n_max, &text) != OK || text.n < n_min)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, expected);
    *ret = text;
    return OK;
}

static enum err take_bool(struct reader *r, str key, const char *expected, bool *ret)
{
    const struct json_member *m = find(r, key);
    if (m == NULL)
        return OK;
    return json_bool_decode(m->value, ret) ? OK : bad_value(r, PROBLEM_BAD_COMMAND, m, expected);
}

// An optional integer from min to max; *ret_has (may be NULL) tells whether it was there.
static enum err take_u64(struct reader *r, str key, uint64_t min, uint64_t max, const char *expected,
                         uint64_t *ret, bool *ret_has)
{
    const struct json_member *m = find(r, key);
    if (m == NULL)
        return OK;
    uint64_t v;
    if (!json_u64_decode(m->value, max, &v) || v < min)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, expected);
    *ret = v;
    if (ret_has)
        *ret_has = true;
    return OK;
}

// A room's name, which must be there.
static enum err take_room(struct reader *r, str key, const char *expected, str *ret)
{
    const struct json_member *m = find(r, key);
    if (m == NULL || m->kind != JSON_STRING)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, expected);
    str name;
    if (unescape(r, m->value, ROOM_NAME_MAX, &name) != OK || !room_name_valid(name))
        return bad_value(r, PROBLEM_BAD_ROOM, m, expected);
    *ret = name;
    return OK;
}

// How one sentence serves for all that can be wrong with a room's name.
#define ROOM_EXPECTED(key) \
    "`" key                \
    "` must be the name of a room, 1 to 128 bytes without control characters or spaces around it; got {}."

static enum err take_room_key(struct reader *r, struct command *ret)
{
    return take_room(r, STR("room"), ROOM_EXPECTED("room"), &ret->room);
}

static enum err take_data(struct reader *r, struct command *ret)
{
    const struct json_member *m = find(r, STR("data"));
    if (m == NULL)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, "`data` must be there, any JSON value; got {}.");
    ret->data = m->value;
    return OK;
}

static enum err take_key(struct reader *r, struct command *ret)
{
    return take_string(r, STR("key"), 1, MESSAGE_KEY_MAX, "`key` must be a string of 1 to 64 bytes; got {}.",
                       &ret->key);
}

static enum err take_token(struct reader *r, struct command *ret)
{
    return take_string(r, STR("token"), 1, TOKEN_MAX,
                       "`token` must be a string of 1 to 16384 bytes, a JWT; got {}.", &ret->token);
}

static enum err take_limit(struct reader *r, struct command *ret)
{
    uint64_t limit = 0;
    enum err e = take_u64(r, STR("limit"), 1, LIST_LIMIT_MAX,
                          "`limit` must be an integer from 1 to 1000; got {}.", &limit, NULL);
    ret->limit = (uint32_t)limit;
    return e;
}

static enum err take_after(struct reader *r, struct command *ret)
{
    return take_string(r, STR("after"), 1, CURSOR_MAX,
                       "`after` must be a string, the `next` of the reply before; got {}.", &ret->after);
}

// since: {"epoch": ..., "offset": ...}, an object of its own with the rules of the outer one.
static enum err take_since(struct reader *r, struct command *ret)
{
    const struct json_member *m = find(r, STR("since"));
    if (m == NULL)
        return OK;
    if (m->kind != JSON_OBJECT)
        return bad_value(
            r, PROBLEM_BAD_COMMAND, m,
            "`since` must be an object with `epoch` and `offset`, both as received in the room; got {}.");
    struct json_member inner[JSON_KEYS_MAX];
    size_t n;
    struct json_problem why;
    if (json_object_scan(m->value, inner, JSON_KEYS_MAX, &n, &why) != OK)
        return problem_set_word(r->problem, PROBLEM_BAD_JSON, "`since` is no object that can be read: {}.",
                                WORD_PLAIN, str_from_cstr(why.message));
    const struct json_member *epoch = json_member_find(inner, n, STR("epoch"));
    const struct json_member *offset = json_member_find(inner, n, STR("offset"));
    if (epoch == NULL || epoch->kind != JSON_STRING ||
        unescape(r, epoch->value, EPOCH_MAX, &ret->since_epoch) != OK)
        return bad_value(r, PROBLEM_BAD_COMMAND, epoch,
                         "`epoch` in `since` must be a string, as received in the room; got {}.");
    if (offset == NULL || !json_u64_decode(offset->value, OFFSET_MAX, &ret->since_offset))
        return bad_value(r, PROBLEM_BAD_COMMAND, offset,
                         "`offset` in `since` must be an integer, as received in the room; got {}.");
    ret->has_since = true;
    return OK;
}

// What join and switch have in common.
static enum err take_join_options(struct reader *r, struct command *ret)
{
    enum err e = take_token(r, ret);
    if (e == OK)
        e = take_since(r, ret);
    uint64_t history = 0;
    if (e == OK)
        e = take_u64(r, STR("history"), 0, LIST_LIMIT_MAX,
                     "`history` must be an integer from 0 to 1000, so many messages back; got {}.", &history,
                     &ret->has_history);
    ret->history = (uint32_t)history;
    if (e == OK)
        e = take_bool(r, STR("members"), "`members` must be `true` or `false`; got {}.", &ret->want_members);
    return e;
}

static const char name_expected[] =
    "`name` must be a string of 1 to 64 bytes without control characters or spaces around it; got {}.";

static enum err take_name(struct reader *r, struct command *ret)
{
    enum err e = take_string(r, STR("name"), 1, USER_NAME_MAX, name_expected, &ret->name);
    if (e == OK && ret->name.p != NULL && !user_name_valid(ret->name))
        e = bad_value(r, PROBLEM_BAD_COMMAND, find(r, STR("name")), name_expected);
    return e;
}

static enum err decode_hello(struct reader *r, struct command *ret)
{
    enum err e = take_token(r, ret);
    if (e == OK)
        e = take_name(r, ret);
    if (e == OK)
        e = take_string(
            r, STR("resume"), 1, RESUME_TOKEN_MAX,
            "`resume` must be a string of 1 to 400 bytes, the `resume` of an earlier `welcome`; got {}.",
            &ret->resume);
    return e;
}

static enum err decode_rename(struct reader *r, struct command *ret)
{
    return find(r, STR("name")) ? take_name(r, ret) : bad_value(r, PROBLEM_BAD_COMMAND, NULL, name_expected);
}

static enum err decode_join(struct reader *r, struct command *ret)
{
    enum err e = take_room_key(r, ret);
    return e == OK ? take_join_options(r, ret) : e;
}

static enum err decode_leave(struct reader *r, struct command *ret) { return take_room_key(r, ret); }

static enum err decode_switch(struct reader *r, struct command *ret)
{
    enum err e = take_room(r, STR("from"), ROOM_EXPECTED("from"), &ret->from);
    if (e == OK)
        e = take_room(r, STR("to"), ROOM_EXPECTED("to"), &ret->room);
    return e == OK ? take_join_options(r, ret) : e;
}

static enum err decode_message(struct reader *r, struct command *ret)
{
    enum err e = take_room_key(r, ret);
    if (e == OK)
        e = take_data(r, ret);
    if (e == OK)
        e = take_key(r, ret);
    if (e == OK)
        e = take_bool(r, STR("echo"), "`echo` must be `true` or `false`; got {}.", &ret->echo);
    return e;
}

static enum err decode_signal(struct reader *r, struct command *ret)
{
    enum err e = take_room_key(r, ret);
    if (e == OK)
        e = take_data(r, ret);
    if (e == OK && ret->data.n > SIGNAL_DATA_MAX)
        e = problem_set(r->problem, PROBLEM_TOO_LARGE,
                        "The `data` of a signal may have 4096 bytes; say the rest in a `message`.");
    return e;
}

static enum err decode_direct(struct reader *r, struct command *ret)
{
    static const char expected[] = "`to` must be a string of 1 to 64 bytes, a user id; got {}.";
    enum err e = find(r, STR("to")) ? OK : bad_value(r, PROBLEM_BAD_COMMAND, NULL, expected);
    if (e == OK)
        e = take_string(r, STR("to"), 1, USER_ID_MAX, expected, &ret->to);
    if (e == OK)
        e = take_data(r, ret);
    return e == OK ? take_key(r, ret) : e;
}

static enum err decode_members(struct reader *r, struct command *ret)
{
    enum err e = take_room_key(r, ret);
    if (e == OK)
        e = take_limit(r, ret);
    return e == OK ? take_after(r, ret) : e;
}

static enum err decode_history(struct reader *r, struct command *ret)
{
    enum err e = take_room_key(r, ret);
    if (e == OK)
        e = take_since(r, ret);
    if (e == OK)
        e = take_u64(r, STR("before"), 1, OFFSET_MAX,
                     "`before` must be an integer above 0, an offset of the room; got {}.",
                     &ret->before_offset, &ret->has_before);
    if (e == OK && ret->has_since && ret->has_before)
        e = problem_set(r->problem, PROBLEM_BAD_COMMAND,
                        "`since` and `before` are the two directions of reading; give one of them.");
    return e == OK ? take_limit(r, ret) : e;
}

static enum err decode_rooms(struct reader *r, struct command *ret)
{
    enum err e = take_string(r, STR("prefix"), 0, ROOM_NAME_MAX,
                             "`prefix` must be a string of at most 128 bytes; got {}.", &ret->prefix);
    if (e == OK)
        e = take_limit(r, ret);
    return e == OK ? take_after(r, ret) : e;
}

static enum err decode_ping(struct reader *r, struct command *ret)
{
    (void)r;
    (void)ret;
    return OK;
}

static const struct {
    str name;
    enum command_type type;
    enum err (*decode)(struct reader *r, struct command *ret);
} types[] = {
#define INNER(upper, lower)
#define NATIVE(upper, lower) {STR(#lower), CMD_##upper, decode_##lower},
#define X(upper, lower, native) native(upper, lower)
    COMMAND_TYPES(X)
#undef X
#undef NATIVE
#undef INNER
    // commands of the protocol that this version does not serve
    {STR("state"), CMD_NONE, NULL},
    {STR("role"), CMD_NONE, NULL},
    {STR("kick"), CMD_NONE, NULL},
    {STR("ban"), CMD_NONE, NULL},
    {STR("unban"), CMD_NONE, NULL},
    {STR("mute"), CMD_NONE, NULL},
    {STR("unmute"), CMD_NONE, NULL},
    {STR("refresh"), CMD_NONE, NULL},
};

enum { TYPE_NAME_MAX = 32 }; // bytes; longer ones are unknown without a look

// True if the raw number is an integer of 64 bits with sign.
static bool id_is_integer(str raw)
{
    bool negative = raw.p[0] == '-';
    uint64_t ignored;
    return str_to_u64(str_skip(raw, negative ? 1 : 0), (uint64_t)INT64_MAX + (negative ? 1 : 0), &ignored);
}

// Kept raw, so that it goes back as the very bytes that came. Counted as written, between the quotes.
static enum err take_id(struct reader *r, struct command *ret)
{
    const struct json_member *m = find(r, STR("id"));
    if (m == NULL)
        return OK;
    bool fits = m->kind == JSON_NUMBER ? id_is_integer(m->value)
                                       : m->kind == JSON_STRING && m->value.n <= COMMAND_ID_MAX + 2;
    if (!fits)
        return bad_value(r, PROBLEM_BAD_COMMAND, m,
                         "`id` must be an integer of 64 bits or a string of at most 64 bytes; got {}.");
    ret->id = m->value;
    return OK;
}

static enum err unknown_type(struct reader *r, const struct json_member *m, str name)
{
    static const struct guess_alias aliases[] = {
        {"publish", "message"}, {"send", "message"}, {"say", "message"},       {"chat", "message"},
        {"subscribe", "join"},  {"enter", "join"},   {"unsubscribe", "leave"}, {"part", "leave"},
        {"connect", "hello"},   {"login", "hello"},  {"auth", "hello"},        {"dm", "direct"},
        {"private", "direct"},  {"who", "members"},  {"users", "members"},     {"presence", "members"},
        {"list", "rooms"},      {"nick", "rename"},  {"name", "rename"},       {"channels", "rooms"},
        {"typing", "signal"},   {"event", "signal"},
    };
    const char *names[sizeof types / sizeof types[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].decode != NULL)
            names[n++] = types[i].name.p;
    enum err e = bad_value(r, PROBLEM_UNKNOWN_TYPE, m, "`type` must be the name of a command; got {}.");
    r->problem->did_you_mean = guess_word(name, names, n, aliases, sizeof aliases / sizeof aliases[0]);
    return e;
}

static enum err take_typed(struct reader *r, struct command *ret)
{
    const struct json_member *m = find(r, STR("type"));
    if (m == NULL || m->kind != JSON_STRING)
        return bad_value(r, PROBLEM_BAD_COMMAND, m,
                         "`type` must be a string, the name of a command; got {}.");
    str name;
    if (unescape(r, m->value, TYPE_NAME_MAX, &name) != OK)
        name = STR_NONE;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!str_eq(name, types[i].name))
            continue;
        if (types[i].decode == NULL)
            return problem_set_word(r->problem, PROBLEM_UNAVAILABLE, "This server does not serve {} yet.",
                                    WORD_QUOTED, name);
        ret->type = types[i].type;
        return types[i].decode(r, ret);
    }
    return unknown_type(r, m, name);
}

static enum err bad_json(struct problem *p, const struct json_problem *why)
{
    enum err e = problem_set_word(p, PROBLEM_BAD_JSON, "This is no JSON object that can be read: {}.",
                                  WORD_PLAIN, str_from_cstr(why->message));
    p->has_position = true;
    p->position = why->offset;
    return e;
}

enum err native_json_decode(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    str message = reading_whole(reading);
    struct scratch *scratch = reading->scratch;
    *ret = (struct command){.type = CMD_NONE};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    scratch->n = 0;

    struct reader r; // not cleared: 32 members are more than a kilobyte, and only the first n are looked at
    r.scratch = scratch;
    r.problem = ret_problem;
    struct json_problem why;
    if (json_object_scan(message, r.members, JSON_KEYS_MAX, &r.n, &why) != OK)
        return bad_json(ret_problem, &why);

    enum err e = take_id(&r, ret);
    if (e == OK)
        e = take_typed(&r, ret);
    if (e != OK)
        *ret = (struct command){.type = CMD_NONE, .id = ret->id};
    return e;
}
