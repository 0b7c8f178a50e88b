// SPDX-License-Identifier: Apache-2.0
//
// native_json_decode.c - JSON objects to commands (docs/protocol/native.md).
//
// One scan proves the whole message and lists its top-level members (wire/json.h). Then the keys that the command's row
// names are read, in their order there, each as its own row says (dialect/command.h); others are left alone: a key of a
// later version, or of another command, is no error. A member of the wrong kind is one, and its sentence names the key
// and what was expected, because the reader of that sentence is a developer in the middle of a first attempt.
// `null` is a wrong kind like any other: "absent" has one spelling.
//
// Decoded strings are slices of the message, or lie in scratch where they had escapes. `data` and `id` stay raw.
#include "base/assert.h"
#include "base/codec.h"
#include "dialect/api.h"
#include "dialect/datum.h"
#include "dialect/dialect_private.h"
#include "dialect/guess.h"
#include "dialect/native_keys.h"
#include "wire/json.h"
#include "wire/utf8.h"

enum { EPOCH_MAX = 64 };  // bytes; ours are shorter, anything else cannot match
enum { BINARY_HEAD = 4 }; // bytes of a length

struct command_reader {
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    struct scratch *scratch;
    struct problem *problem;
    bool http;   // a request of the HTTP API
    bool binary; // a binary message: `data` is what stands behind the object,
    str tail;    // this
};

// What was expected of a key, "; got {}." at its end; m: what was got, NULL where the key is not there.
static enum err bad_value(const struct command_reader *r, enum problem_code code, const struct json_member *m,
                          const char *expected)
{
    return problem_set_word(r->problem, code, expected, WORD_JSON, m != NULL ? m->value : STR_NONE);
}

static const struct json_member *find(const struct command_reader *r, str name)
{
    return json_member_find(r->members, r->n, name);
}

// The characters of a string of at most n_max bytes; any error means that it is longer.
static enum err unescape(struct command_reader *r, str raw, size_t n_max, str *ret)
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

static enum err take_string(struct command_reader *r, const struct key *k, const struct json_member *m,
                            str *ret)
{
    str text;
    if (m->kind != JSON_STRING || unescape(r, m->value, k->most, &text) != OK || text.n < k->least)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    if (k->kind == KIND_NAME && !user_name_valid(text))
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    *ret = text;
    return OK;
}

static enum err take_room(struct command_reader *r, const struct key *k, const struct json_member *m,
                          str *ret)
{
    str name;
    if (m->kind != JSON_STRING)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    if (unescape(r, m->value, k->most, &name) != OK || !room_name_valid(name))
        return bad_value(r, PROBLEM_BAD_ROOM, m, k->expected);
    *ret = name;
    return OK;
}

static enum err take_u64(struct command_reader *r, const struct key *k, const struct json_member *m,
                         uint64_t *ret)
{
    uint64_t v;
    if (!json_u64_decode(m->value, k->most, &v) || v < k->least)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    *ret = v;
    return OK;
}

// since: {"epoch": ..., "offset": ...}, an object of its own with the rules of the outer one.
static enum err take_since(struct command_reader *r, const struct key *k, const struct json_member *m,
                           struct command *ret)
{
    if (m->kind != JSON_OBJECT)
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
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
    return OK;
}

// An array whose elements are names of rooms, objects, or strings; they are read one by one by who carries them out.
static enum err take_list(struct problem *p, const struct key *k, str raw, str *ret)
{
    if (json_kind_of(raw) != JSON_ARRAY)
        return problem_set_word(p, PROBLEM_BAD_COMMAND, k->expected, WORD_JSON, raw);
    str rest = raw, one, name;
    char room[ROOM_NAME_MAX];
    uint64_t n = 0;
    for (; json_array_next(&rest, &one) && n <= k->most; n++) {
        bool fits = json_kind_of(one) == (k->kind == KIND_STRINGS ? JSON_STRING : JSON_OBJECT);
        bool named = k->kind == KIND_ROOMS && json_string_decode(one, room, sizeof room, &name) == OK &&
                     room_name_valid(name);
        if (k->kind == KIND_ROOMS ? !named : !fits)
            return problem_set_word(p, k->kind == KIND_ROOMS ? PROBLEM_BAD_ROOM : PROBLEM_BAD_COMMAND,
                                    k->expected, WORD_JSON, one);
    }
    if (n < k->least || n > k->most)
        return problem_set_word(p, PROBLEM_BAD_COMMAND, k->expected, WORD_JSON, raw);
    *ret = raw;
    return OK;
}

enum err native_json_take_raw(struct problem *p, const struct key *k, str raw, str *ret)
{
    const enum json_kind kind = json_kind_of(raw);
    bool fine = kind == JSON_OBJECT;
    uint64_t version;
    if (k->kind == KIND_ROOMS || k->kind == KIND_OBJECTS || k->kind == KIND_STRINGS)
        return take_list(p, k, raw, ret);
    if (k->kind == KIND_VERSION && kind == JSON_NUMBER)
        fine = json_u64_decode(raw, OFFSET_MAX, &version);
    if (!fine)
        return problem_set_word(p, PROBLEM_BAD_COMMAND, k->expected, WORD_JSON, raw);
    *ret = raw;
    return OK;
}

static enum err bad_json(struct problem *p, const struct json_problem *why)
{
    enum err e = problem_set_word(p, PROBLEM_BAD_JSON, "This is no JSON object that can be read: {}.",
                                  WORD_PLAIN, str_from_cstr(why->message));
    p->has_position = true;
    p->position = why->offset;
    return e;
}

// What `data` is, which has been read: base64 in a string; or of a binary message what stands behind the object.
static enum err take_content(struct command_reader *r, const struct key *k, const struct json_member *m,
                             str *data)
{
    struct scratch *s = r->scratch;
    str type, text = STR_NONE;
    size_t n = 0;
    char kept[CONTENT_TYPE_MAX]; // the data come to where it may lie
    if (m->kind != JSON_STRING || json_string_decode(m->value, kept, sizeof kept, &type) != OK ||
        !content_type_valid(type))
        return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    str bytes = r->tail;
    if (!r->binary) {
        char *room = s->p + s->n; // decoding never makes it longer, and reads what it writes over before
        if (json_kind_of(*data) != JSON_STRING ||
            json_string_decode(*data, room, s->cap - s->n, &text) != OK || !base64_decode(text, room, &n))
            return problem_set(r->problem, PROBLEM_BAD_COMMAND,
                               "`data` that has a `content_type` must be a string of base64.");
        bytes = str_make(room, n);
    }
    if (!content_type_json(type)) {
        *data = datum_make(s, type, bytes);
        return OK;
    }
    struct json_problem why; // bytes that say that they are JSON
    s->n += n;
    return json_value_scan(bytes, data, &why) == OK ? OK : bad_json(r->problem, &why);
}

static enum err take_value(struct command_reader *r, const struct key *k, const struct json_member *m,
                           struct command *ret)
{
    void *field = key_field(k, ret);
    uint64_t n = 0;
    enum err e;
    switch (k->kind) {
    case KIND_ROOM:
        return take_room(r, k, m, field);
    case KIND_NAME:
    case KIND_STRING:
        return take_string(r, k, m, field);
    case KIND_DATA:
        *(str *)field = m->value;
        return OK;
    case KIND_CONTENT:
        return take_content(r, k, m, field);
    case KIND_BOOL:
        return json_bool_decode(m->value, field) ? OK : bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
    case KIND_COUNT:
        e = take_u64(r, k, m, &n);
        *(uint32_t *)field = (uint32_t)n;
        return e;
    case KIND_OFFSET:
        return take_u64(r, k, m, field);
    case KIND_SINCE:
        return take_since(r, k, m, ret);
    case KIND_ROOMS:
    case KIND_OBJECTS:
    case KIND_STRINGS:
    case KIND_OBJECT:
    case KIND_VERSION:
        return native_json_take_raw(r->problem, k, m->value, field);
    }
    UNREACHABLE();
}

// Of a request: a backend that names a user counts on it that what it asks for is that user's.
static enum err check_behalf(struct command_reader *r, const struct native_type *t)
{
    static const str behalf[] = {STR("user"), STR("name")};
    for (size_t i = 0; i < sizeof behalf / sizeof behalf[0]; i++)
        if (find(r, behalf[i]) != NULL && !native_takes(t, behalf[i]))
            return problem_set_word(r->problem, PROBLEM_BAD_COMMAND,
                                    "{} says in whose name; this command is never a user's.", WORD_QUOTED,
                                    behalf[i]);
    return OK;
}

// What its row names and nothing else: a key of a later version, or of another command, is left alone.
static enum err take_keys(struct command_reader *r, const struct native_type *t, struct command *ret)
{
    enum err e = r->http ? check_behalf(r, t) : OK;
    for (const struct key_use *u = t->keys; e == OK && u->key != KEY_NONE; u++) {
        const struct key *k = &native_keys[u->key];
        if (u->http && !r->http)
            continue;
        const struct json_member *m = find(r, k->name);
        if (r->binary && k->kind == KIND_DATA) {
            ret->data = r->tail;
            continue;
        }
        if (m == NULL && (u->must || (r->binary && k->kind == KIND_CONTENT)))
            return bad_value(r, PROBLEM_BAD_COMMAND, m, k->expected);
        if (m == NULL)
            continue;
        e = take_value(r, k, m, ret);
        if (e == OK)
            key_seen(k, ret);
    }
    return e == OK ? native_json_check(ret, r->problem) : e;
}

enum { TYPE_NAME_MAX = 32 }; // bytes; longer ones are unknown without a look

// True if the raw number is an integer of 64 bits with sign.
static bool id_is_integer(str raw)
{
    bool negative = raw.p[0] == '-';
    uint64_t ignored;
    return str_to_u64(str_skip(raw, negative ? 1 : 0), (uint64_t)INT64_MAX + (negative ? 1 : 0), &ignored);
}

// Kept raw, so that it goes back as the very bytes that came. Counted as written, between the quotes.
static enum err take_id(struct command_reader *r, struct command *ret)
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

static enum err unknown_type(struct command_reader *r, const struct json_member *m, str name)
{
    static const struct {
        const char *word;
        enum command_type meant;
    } elsewhere[] = {
        {"publish", CMD_MESSAGE},   {"send", CMD_MESSAGE},   {"say", CMD_MESSAGE},
        {"chat", CMD_MESSAGE},      {"subscribe", CMD_JOIN}, {"enter", CMD_JOIN},
        {"unsubscribe", CMD_LEAVE}, {"part", CMD_LEAVE},     {"connect", CMD_HELLO},
        {"login", CMD_HELLO},       {"auth", CMD_HELLO},     {"dm", CMD_DIRECT},
        {"private", CMD_DIRECT},    {"who", CMD_MEMBERS},    {"users", CMD_MEMBERS},
        {"presence", CMD_MEMBERS},  {"list", CMD_ROOMS},     {"nick", CMD_RENAME},
        {"name", CMD_RENAME},       {"channels", CMD_ROOMS}, {"typing", CMD_SIGNAL},
        {"event", CMD_SIGNAL},      {"remove", CMD_KICK},    {"block", CMD_BAN},
        {"silence", CMD_MUTE},      {"promote", CMD_ROLE},   {"op", CMD_ROLE},
    };
    enum { ALIASES = sizeof elsewhere / sizeof elsewhere[0] };
    struct guess_alias aliases[ALIASES];
    for (size_t i = 0; i < ALIASES; i++)
        aliases[i] = (struct guess_alias){elsewhere[i].word, command_name(elsewhere[i].meant)};
    const char *names[CMD_COUNT];
    size_t n = 0;
    for (enum command_type i = 0; i < CMD_COUNT; i++)
        if (native_type(i)->native)
            names[n++] = native_type(i)->name.p;
    enum err e = bad_value(r, PROBLEM_UNKNOWN_TYPE, m, "`type` must be the name of a command; got {}.");
    r->problem->did_you_mean = guess_word(name, names, n, aliases, ALIASES);
    return e;
}

static enum err take_typed(struct command_reader *r, struct command *ret)
{
    const struct json_member *m = find(r, STR("type"));
    if (m == NULL || m->kind != JSON_STRING)
        return bad_value(r, PROBLEM_BAD_COMMAND, m,
                         "`type` must be a string, the name of a command; got {}.");
    str name;
    if (unescape(r, m->value, TYPE_NAME_MAX, &name) != OK)
        name = STR_NONE;
    for (enum command_type i = 0; i < CMD_COUNT; i++) {
        if (!native_type(i)->native || !str_eq(name, native_type(i)->name))
            continue;
        ret->type = i;
        return take_keys(r, native_type(i), ret);
    }
    return unknown_type(r, m, name);
}

// One object: its members, and its id, which an error carries, too.
static enum err open_object(struct command_reader *r, str text, struct scratch *scratch, struct command *ret,
                            struct problem *ret_problem)
{
    *ret = (struct command){.type = CMD_NONE};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    scratch_empty(scratch);
    r->scratch =
        scratch; // its members are not cleared: 32 are more than a kilobyte, and only the first n are looked at
    r->problem = ret_problem;
    r->http = false;
    r->binary = false;
    struct json_problem why;
    if (json_object_scan(text, r->members, JSON_KEYS_MAX, &r->n, &why) != OK)
        return bad_json(ret_problem, &why);
    return take_id(r, ret);
}

static enum err close_object(enum err e, struct command *ret)
{
    if (e != OK)
        *ret = (struct command){.type = CMD_NONE, .id = ret->id};
    return e;
}

// The rooms of a hello are joins behind it, one by one. rest: the array, or what is left of it. Where it stands in the message, so
// that the next one is found there; the message's end, where there is none.
static size_t place_of_next(const struct reading *reading, str rest)
{
    str ahead = rest, one;
    return json_array_next(&ahead, &one) ? (size_t)(rest.p - reading->message.p) : reading->message.n;
}

static enum err decode_room(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    struct command_reader r;
    str rest = str_skip(reading->message, reading->at), one = STR_NONE;
    bool there = json_array_next(&rest, &one);
    ASSERT(there && json_kind_of(one) == JSON_OBJECT);
    reading->at = place_of_next(reading, rest);
    enum err e = open_object(&r, one, reading->scratch, ret, ret_problem);
    if (e == OK) {
        ret->type = CMD_JOIN;
        ret->with_hello = true;
        e = take_keys(&r, native_type(CMD_JOIN), ret);
    }
    return close_object(e, ret);
}

// A binary message: the length of an object, four bytes, the highest first; the object, a command without its `data`; the data.
static enum err split_binary(str message, str *ret_object, str *ret_tail, struct problem *ret_problem)
{
    size_t n = 0;
    for (size_t i = 0; i < BINARY_HEAD && i < message.n; i++)
        n = n << 8 | (uint8_t)message.p[i];
    if (message.n < BINARY_HEAD || n > message.n - BINARY_HEAD)
        return problem_set(
            ret_problem, PROBLEM_BAD_COMMAND,
            "A binary message begins with the length of a JSON object in four bytes, and the object.");
    *ret_object = str_make(message.p + BINARY_HEAD, n);
    if (!utf8_valid(*ret_object)) // of a binary message nobody has looked yet
        return problem_set(ret_problem, PROBLEM_BAD_JSON, "The object of a binary message must be UTF-8.");
    *ret_tail = str_skip(message, BINARY_HEAD + n);
    return OK;
}

static enum err decode_binary(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    struct command_reader r;
    str object, tail;
    *ret = (struct command){.type = CMD_NONE};
    if (split_binary(reading_whole(reading), &object, &tail, ret_problem) != OK)
        return ERR_SYNTAX;
    enum err e = open_object(&r, object, reading->scratch, ret, ret_problem);
    r.binary = true;
    r.tail = tail;
    if (e == OK)
        e = take_typed(&r, ret);
    if (e == OK && ret->data.n == 0)
        e = problem_set(ret_problem, PROBLEM_BAD_COMMAND,
                        "A binary message is a command that takes `content_type`: its bytes are `data`.");
    return close_object(e, ret);
}

enum err native_json_decode(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    if (reading->binary)
        return decode_binary(reading, ret, ret_problem);
    if (reading->at != 0)
        return decode_room(reading, ret, ret_problem);
    struct command_reader r;
    enum err e = open_object(&r, reading_whole(reading), reading->scratch, ret, ret_problem);
    if (e == OK)
        e = take_typed(&r, ret);
    if (e == OK && ret->type == CMD_HELLO && ret->list.n != 0)
        reading->at = place_of_next(reading, ret->list);
    return close_object(e, ret);
}

// --- requests of the HTTP API

// The keys of a request's object.
static enum err open_request(struct command_reader *r, enum command_type type, str object,
                             struct scratch *scratch, struct command *ret, struct problem *ret_problem)
{
    *ret = (struct command){.type = type};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    scratch_empty(scratch);
    r->scratch = scratch;
    r->problem = ret_problem;
    r->http = true;
    r->binary = false;
    r->n = 0;
    struct json_problem why;
    if (object.n != 0 && json_object_scan(object, r->members, JSON_KEYS_MAX, &r->n, &why) != OK)
        return bad_json(ret_problem, &why);
    return OK;
}

enum err api_decode_bytes(enum command_type type, str body, struct scratch *scratch, struct command *ret,
                          struct problem *ret_problem)
{
    struct command_reader r;
    str object, tail;
    ASSERT(api_takes_bytes(type));
    *ret = (struct command){.type = type};
    if (split_binary(body, &object, &tail, ret_problem) != OK ||
        open_request(&r, type, object, scratch, ret, ret_problem) != OK)
        return ERR_SYNTAX;
    r.binary = true;
    r.tail = tail;
    return take_keys(&r, native_type(type), ret);
}

enum err api_decode(enum command_type type, str body, struct scratch *scratch, struct command *ret,
                    struct problem *ret_problem)
{
    struct command_reader r;
    if (open_request(&r, type, body, scratch, ret, ret_problem) != OK)
        return ERR_SYNTAX;
    if (type == CMD_NONE) {
        const struct json_member *m = find(&r, STR("type"));
        str name = STR_NONE;
        if (m == NULL || m->kind != JSON_STRING || unescape(&r, m->value, TYPE_NAME_MAX, &name) != OK)
            name = STR_NONE;
        ret->type = api_find(name);
        if (ret->type == CMD_NONE || ret->type == CMD_BATCH) {
            enum err e = bad_value(&r, PROBLEM_UNKNOWN_TYPE, m,
                                   "`type` must be the name of a command of the HTTP API; got {}.");
            ret_problem->did_you_mean = api_guess(name);
            return e;
        }
    }
    ASSERT(native_type(ret->type)->http);
    return take_keys(&r, native_type(ret->type), ret);
}
