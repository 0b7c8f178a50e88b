// SPDX-License-Identifier: Apache-2.0
//
// protobuf_decode.c - messages of plenum.proto to commands.
//
// A message is an id and one command, whose fields are the keys of the command's row (command.h), each read as its own row says. So
// what is refused, and in which words, is as in JSON. A field that is not known is passed over, whatever it has in it: a later
// version may have it. One that is known and of another type than it has is refused, and so is what cannot be told apart into
// fields. A field that comes twice counts as it stands last, as everywhere in Protocol Buffers; a command does not.
//
// Strings are slices of the message. The id stays as it came, a varint.
#include "base/assert.h"
#include "base/codec.h"
#include "dialect/datum.h"
#include "dialect/native_keys.h"
#include "dialect/protobuf_private.h"
#include "wire/json.h"
#include "wire/utf8.h"

enum {
    FIELDS_MAX =
        64, // of a message, so that what nobody knows has a bound; a hello may have rooms beside them
    SINCE_EPOCH_MAX = 64,
};

struct field_reader {
    struct scratch *scratch;
    struct problem *problem;
    const uint8_t *begin;  // of the message, so that a place in it can be told
    str type;              // of `data`, where it was there
    uint32_t seen;         // of the row's keys, a bit each
    size_t join_at, joins; // where the first room of a hello is, and how many there are
};

// Without a number in protobuf_fields.h a row of command.h is an unknown word here.
enum {
#define X(key, number) NUMBER_##key = number,
    PROTOBUF_KEYS(X)
#undef X
#define X(lower, number) COMMAND_##lower = number,
        PROTOBUF_COMMANDS(X)
#undef X
};

static const uint8_t key_numbers[KEY_COUNT] = {
#define X(key, ...) [KEY_##key] = NUMBER_##key,
    COMMAND_KEYS(X)
#undef X
};

static const uint8_t command_numbers[CMD_COUNT] = {
#define INNER(lower) 0
#define HTTP(lower) 0
#define NATIVE(lower) COMMAND_##lower
#define COMPACT(lower) COMMAND_##lower
#define X(upper, lower, where, ...) [CMD_##upper] = where(lower),
    COMMANDS(X)
#undef X
#undef COMPACT
#undef NATIVE
#undef HTTP
#undef INNER
};

// CMD_NONE: no command has that number.
static enum command_type command_of(uint32_t number)
{
    enum command_type type = CMD_NONE + 1;
    while (type < CMD_COUNT && (command_numbers[type] == 0 || command_numbers[type] != number))
        type++;
    return type < CMD_COUNT ? type : CMD_NONE;
}

static enum err broken(const struct field_reader *r, const char *p, const char *why)
{
    enum err e = problem_set_word(r->problem, PROBLEM_BAD_COMMAND,
                                  "This is no message of plenum.proto that can be read: {}.", WORD_PLAIN,
                                  str_from_cstr(why));
    r->problem->has_position = true;
    r->problem->position = (size_t)((const uint8_t *)p - r->begin);
    return e;
}

static const char *type_words(uint8_t type)
{
    return type == PROTOBUF_VARINT  ? "a varint"
           : type == PROTOBUF_BYTES ? "a string, bytes or a message"
                                    : "a number of fixed size";
}

// What was expected of a key, and what was got.
static enum err bad_field(const struct field_reader *r, enum problem_code code, const struct key *k,
                          const struct protobuf_field *f)
{
    enum word_kind kind = WORD_PLAIN;
    str word = str_from_cstr(type_words(f->type));
    struct scratch *s = r->scratch;
    if (f->type == PROTOBUF_VARINT && k->kind != KIND_ROOM && s->cap - s->n >= 20) {
        word = str_make(s->p + s->n, u64_encode(f->value, s->p + s->n));
        kind = WORD_QUOTED;
    } else if (f->type == PROTOBUF_BYTES &&
               (k->kind == KIND_ROOM || k->kind == KIND_NAME || k->kind == KIND_STRING)) {
        kind = utf8_valid(f->raw) ? WORD_QUOTED : WORD_PLAIN;
        word = kind == WORD_QUOTED ? f->raw : STR("bytes that are no UTF-8");
    }
    return problem_set_word(r->problem, code, k->expected, kind, word);
}

static enum err take_text(const struct field_reader *r, const struct key *k, const struct protobuf_field *f,
                          str *ret)
{
    bool fine = f->type == PROTOBUF_BYTES && f->raw.n >= k->least && f->raw.n <= k->most;
    if (k->kind == KIND_ROOM)
        fine = fine && room_name_valid(f->raw);
    else if (k->kind == KIND_NAME)
        fine = fine && user_name_valid(f->raw);
    else
        fine = fine && utf8_valid(f->raw);
    if (!fine)
        return bad_field(
            r, k->kind == KIND_ROOM && f->type == PROTOBUF_BYTES ? PROBLEM_BAD_ROOM : PROBLEM_BAD_COMMAND, k,
            f);
    *ret = f->raw;
    return OK;
}

static enum err take_number(const struct field_reader *r, const struct key *k, const struct protobuf_field *f,
                            uint64_t least, uint64_t most)
{
    if (f->type != PROTOBUF_VARINT || f->value < least || f->value > most)
        return bad_field(r, PROBLEM_BAD_COMMAND, k, f);
    return OK;
}

static enum err take_since(const struct field_reader *r, const struct key *k, const struct protobuf_field *f,
                           struct command *ret)
{
    struct protobuf_field in;
    const char *why;
    size_t at = 0, n = 0;
    enum protobuf_got got;
    if (f->type != PROTOBUF_BYTES)
        return bad_field(r, PROBLEM_BAD_COMMAND, k, f);
    ret->since_epoch = STR_NONE;
    ret->since_offset = 0;
    while ((got = protobuf_next(f->raw, &at, &in, &why)) == PROTOBUF_FIELD && n++ < FIELDS_MAX) {
        if (in.number == PROTOBUF_EPOCH && in.type == PROTOBUF_BYTES)
            ret->since_epoch = in.raw;
        else if (in.number == PROTOBUF_OFFSET && in.type == PROTOBUF_VARINT)
            ret->since_offset = in.value;
        else if (in.number == PROTOBUF_EPOCH || in.number == PROTOBUF_OFFSET)
            return bad_field(r, PROBLEM_BAD_COMMAND, k, &in);
    }
    if (got == PROTOBUF_BROKEN)
        return broken(r, f->raw.p + at, why);
    if (ret->since_epoch.n == 0 || ret->since_epoch.n > SINCE_EPOCH_MAX || !utf8_valid(ret->since_epoch) ||
        ret->since_offset > OFFSET_MAX)
        return problem_set(r->problem, PROBLEM_BAD_COMMAND,
                           "`since` must have an `epoch` and an `offset`, both as received in the room.");
    return OK;
}

// What is JSON there is JSON here.
static enum err take_json(const struct field_reader *r, const struct key *k, const struct protobuf_field *f,
                          str *ret)
{
    struct json_problem why;
    str raw;
    if (f->type != PROTOBUF_BYTES)
        return bad_field(r, PROBLEM_BAD_COMMAND, k, f);
    if (json_value_scan(f->raw, &raw, &why) != OK) {
        enum err e =
            problem_set_word(r->problem, PROBLEM_BAD_JSON, "A field that is JSON cannot be read: {}.",
                             WORD_PLAIN, str_from_cstr(why.message));
        r->problem->has_position = true;
        r->problem->position = why.offset;
        return e;
    }
    return k->kind == KIND_DATA ? (*ret = raw, OK) : native_json_take_raw(r->problem, k, raw, ret);
}

static enum err take_field(struct field_reader *r, const struct key *k, const struct protobuf_field *f,
                           struct command *ret)
{
    void *field = key_field(k, ret);
    enum err e = OK;
    switch (k->kind) {
    case KIND_ROOM:
    case KIND_NAME:
    case KIND_STRING:
        return take_text(r, k, f, field);
    case KIND_DATA: // what it is, is known when all fields are
        if (f->type != PROTOBUF_BYTES)
            return bad_field(r, PROBLEM_BAD_COMMAND, k, f);
        *(str *)field = f->raw;
        return OK;
    case KIND_CONTENT:
        r->type = f->raw;
        return f->type == PROTOBUF_BYTES && content_type_valid(f->raw)
                   ? OK
                   : problem_set(r->problem, PROBLEM_BAD_COMMAND,
                                 "`content_type` must be a media type of 1 to 127 bytes, as `image/png`.");
    case KIND_BOOL:
        e = take_number(r, k, f, 0, 1);
        *(bool *)field = e == OK && f->value != 0;
        return e;
    case KIND_COUNT:
        e = take_number(r, k, f, k->least, k->most);
        *(uint32_t *)field = e == OK ? (uint32_t)f->value : 0;
        return e;
    case KIND_OFFSET:
        e = take_number(r, k, f, k->least, k->most);
        *(uint64_t *)field = f->value;
        return e;
    case KIND_SINCE:
        return take_since(r, k, f, ret);
    case KIND_OBJECTS:
        r->joins++;
        return f->type == PROTOBUF_BYTES && r->joins <= k->most ? OK
                                                                : bad_field(r, PROBLEM_BAD_COMMAND, k, f);
    case KIND_OBJECT:
    case KIND_STRINGS:
    case KIND_VERSION:
        return take_json(r, k, f, field);
    case KIND_ROOMS: // of the HTTP API
        break;
    }
    UNREACHABLE();
}

// The place of a key in the row, or -1.
static int key_in_row(const struct native_type *t, uint32_t number)
{
    for (int i = 0; t->keys[i].key != KEY_NONE; i++)
        if (!t->keys[i].http && key_numbers[t->keys[i].key] == number)
            return i;
    return -1;
}

// What has to be there and is not; what the data are.
static enum err take_rest(struct field_reader *r, const struct native_type *t, struct command *ret)
{
    const struct key *k;
    for (uint32_t i = 0; t->keys[i].key != KEY_NONE; i++) {
        k = &native_keys[t->keys[i].key];
        const bool empty = k->kind == KIND_DATA && r->type.n != 0; // bytes, none of them
        if (t->keys[i].must && !t->keys[i].http && !empty && !(r->seen & 1u << i))
            return problem_set_word(r->problem, PROBLEM_BAD_COMMAND, k->expected, WORD_NOTHING, STR_NONE);
    }
    if (r->type.n != 0 && !content_type_json(r->type))
        ret->data = datum_make(r->scratch, r->type, ret->data);
    else if (native_takes(t, STR("data")))
        return take_json(r, &native_keys[KEY_data],
                         &(struct protobuf_field){.type = PROTOBUF_BYTES, .raw = ret->data}, &ret->data);
    return OK;
}

static enum err take_command(struct field_reader *r, enum command_type type, str body, struct command *ret)
{
    const struct native_type *t = native_type(type);
    struct protobuf_field f;
    const char *why;
    size_t at = 0, unknown = 0;
    for (;;) {
        const size_t begin = at;
        const enum protobuf_got got = protobuf_next(body, &at, &f, &why);
        if (got == PROTOBUF_BROKEN)
            return broken(r, body.p + at, why);
        if (got == PROTOBUF_END)
            break;
        const int place = key_in_row(t, f.number);
        if (place < 0 && ++unknown > FIELDS_MAX)
            return broken(r, body.p + begin, "there are too many fields that nobody knows");
        if (place < 0)
            continue;
        const struct key *k = &native_keys[t->keys[place].key];
        if (k->kind == KIND_OBJECTS && r->joins == 0)
            r->join_at = (size_t)((const uint8_t *)body.p + begin - r->begin);
        enum err e = take_field(r, k, &f, ret);
        if (e != OK)
            return e;
        r->seen |= 1u << place;
        key_seen(k, ret);
    }
    ret->type = type;
    enum err e = take_rest(r, t, ret);
    return e == OK ? native_json_check(ret, r->problem) : e;
}

// The fields around a command: the id, and its own, of which there is one.
static enum err take_message(struct field_reader *r, str message, struct command *ret,
                             enum command_type *ret_type, str *ret_body)
{
    struct protobuf_field f;
    const char *why;
    size_t at = 0, fields = 0;
    *ret_type = CMD_NONE;
    for (;;) {
        const size_t begin = at;
        const enum protobuf_got got = protobuf_next(message, &at, &f, &why);
        if (got == PROTOBUF_END)
            break;
        if (got == PROTOBUF_BROKEN)
            return broken(r, message.p + at, why);
        if (++fields > FIELDS_MAX)
            return broken(r, message.p + begin, "there are too many fields");
        const enum command_type type = f.number == PROTOBUF_ID ? CMD_NONE : command_of(f.number);
        if (f.number == PROTOBUF_ID && f.type != PROTOBUF_VARINT)
            return problem_set(r->problem, PROBLEM_BAD_COMMAND, "`id` must be an integer of 64 bits.");
        if (f.number == PROTOBUF_ID)
            ret->id = f.raw;
        if (type == CMD_NONE)
            continue;
        if (*ret_type != CMD_NONE)
            return broken(r, message.p + begin, "there is a second command");
        if (f.type != PROTOBUF_BYTES)
            return broken(r, message.p + begin, "a command is no message of its own");
        *ret_type = type;
        *ret_body = f.raw;
    }
    if (*ret_type == CMD_NONE)
        return problem_set(r->problem, PROBLEM_UNKNOWN_TYPE,
                           "This message has no command that is known here.");
    return OK;
}

// The rooms of a hello are joins behind it, one by one. Where the next one is, from `at` on in the hello; the message's end, where
// there is none.
static size_t place_of_next(str message, str hello, size_t at)
{
    struct protobuf_field f;
    const char *why;
    size_t from = at - (size_t)(hello.p - message.p);
    for (size_t begin = from; protobuf_next(hello, &from, &f, &why) == PROTOBUF_FIELD; begin = from)
        if (f.number == key_numbers[KEY_joins])
            return (size_t)(hello.p - message.p) + begin;
    return message.n;
}

static enum err take_join(struct field_reader *r, struct reading *reading, str hello, struct command *ret)
{
    struct protobuf_field f = {.type = PROTOBUF_BYTES};
    const char *why;
    size_t at = reading->at - (size_t)(hello.p - reading->message.p);
    const enum protobuf_got got = protobuf_next(hello, &at, &f, &why);
    ASSERT(got == PROTOBUF_FIELD && f.number == key_numbers[KEY_joins] && f.type == PROTOBUF_BYTES);
    reading->at = place_of_next(reading->message, hello, (size_t)(hello.p - reading->message.p) + at);
    ret->id = STR_NONE; // the hello's; a join has its own, as any command
    ret->with_hello = true;
    enum command_type type;
    str body = f.raw;
    enum err e = take_message(r, f.raw, ret, &type, &body);
    if (e == OK && type != CMD_JOIN)
        e = problem_set(r->problem, PROBLEM_BAD_COMMAND, "The rooms of a `hello` are joins.");
    return e == OK ? take_command(r, CMD_JOIN, body, ret) : e;
}

enum err protobuf_decode(struct reading *reading, struct command *ret, struct problem *ret_problem)
{
    struct field_reader r = {
        .scratch = reading->scratch, .problem = ret_problem, .begin = (const uint8_t *)reading->message.p};
    const size_t from = reading->at;
    enum command_type type;
    str body = STR_NONE;
    *ret = (struct command){.type = CMD_NONE};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    scratch_empty(reading->scratch);
    if (from == 0)
        reading->at = reading->message.n;
    enum err e = take_message(&r, reading->message, ret, &type, &body);
    if (from != 0) {
        ASSERT(e == OK && type == CMD_HELLO);
        e = take_join(&r, reading, body, ret);
    } else if (e == OK) {
        e = take_command(&r, type, body, ret);
        if (e == OK && r.joins != 0)
            reading->at = r.join_at;
    }
    if (e != OK)
        *ret = (struct command){.type = CMD_NONE, .id = ret->id};
    return e;
}
