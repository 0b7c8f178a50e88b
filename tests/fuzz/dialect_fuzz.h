// SPDX-License-Identifier: Apache-2.0
//
// dialect_fuzz.h - what both fuzz targets of the dialects check, whatever the bytes were.
//
// A violated check is an ASSERT: it traps, and the fuzzer keeps the input.
#ifndef PLENUM_TESTS_FUZZ_DIALECT_FUZZ_H
#define PLENUM_TESTS_FUZZ_DIALECT_FUZZ_H

#include "base/assert.h"
#include "dialect/datum.h"
#include "dialect/ways.h"
#include "fuzz/fuzz_mem.h"
#include "wire/json.h"
#include "wire/utf8.h"
#include <stdlib.h>

// A message that is one command.
static inline enum err decode_one(int id, str message, struct scratch *scratch, struct command *ret,
                                  struct problem *ret_problem)
{
    struct reading r = {.message = message, .scratch = scratch};
    enum err e = ways_served.encodings[id]->payloads->decode(&r, ret, ret_problem);
    ASSERT(r.at == message.n && !r.pong);
    return e;
}

// Nothing in a line that a terminal would obey: written apart from the code that escapes, from the list in
// docs/protocol/text.md.
static inline void check_line_safe(str line)
{
    ASSERT(utf8_valid(line));
    for (size_t i = 0; i < line.n;) {
        const uint8_t *p = (const uint8_t *)line.p + i;
        size_t n = utf8_char_length(p, line.n - i);
        uint32_t cp = n == 1 ? p[0] : 0;
        if (n == 2)
            cp = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
        if (n == 3)
            cp = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
        ASSERT(cp == '\t' || n == 4 || cp >= 0x20);
        ASSERT(cp < 0x7f || cp > 0x9f);
        ASSERT(cp < 0x202a || cp > 0x202e);
        ASSERT(cp < 0x2066 || cp > 0x2069);
        i += n;
    }
}

// What a member of the room would get for this data, in all languages.
static inline void check_data(struct buf *out, str data)
{
    ASSERT(data_is_datum(data) ? datum_valid(data) : json_validate(data, NULL) == OK);
    struct entry e = {
        .type = ENTRY_MESSAGE, .room = STR("r"), .user = STR("u"), .name = STR("n"), .data = data};
    buf_reset(out, 0);
    ways_served.encodings[ENCODING_JSON]->payloads->encode_entry(out, &e, 0);
    ASSERT(buf_ok(out));
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    ASSERT(json_object_scan(buf_str(out), members, JSON_KEYS_MAX, &n, NULL) == OK);
    const struct json_member *type = json_member_find(members, n, STR("content_type"));
    ASSERT((type != NULL) == data_is_datum(data));
    ASSERT(type != NULL || str_eq(json_member_find(members, n, STR("data"))->value, data));

    buf_reset(out, 0);
    ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_entry(out, &e, 0);
    ASSERT(buf_ok(out));
    check_line_safe(buf_str(out));
}

// The answer to a command that was refused.
static inline void check_problem(struct buf *out, const struct command *command,
                                 const struct problem *problem)
{
    ASSERT(problem->code > PROBLEM_NONE && problem->code < PROBLEM_COUNT);
    ASSERT(problem->text != NULL && command->type == CMD_NONE);
    struct event ev = {.type = EV_ERROR, .id = command->id, .problem = *problem};
    buf_reset(out, 0);
    ways_served.encodings[ENCODING_JSON]->payloads->encode_event(out, &ev, 0);
    ASSERT(buf_ok(out));
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    ASSERT(json_object_scan(buf_str(out), members, JSON_KEYS_MAX, &n, NULL) == OK);
    const struct json_member *id = json_member_find(members, n, STR("id"));
    ASSERT((id != NULL) == (command->id.n > 0));
    ASSERT(id == NULL || str_eq(id->value, command->id));

    buf_reset(out, 0);
    ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_event(out, &ev, 0);
    ASSERT(buf_ok(out));
    check_line_safe(buf_str(out));
}

// The keys that a command's row names, a bit each, and those of them that must be there.
static inline uint64_t row_keys(enum command_type type)
{
#define MAY(key) | UINT64_C(1) << KEY_##key
#define MUST MAY
#define API MAY
#define API_MUST MAY
    switch (type) {
#define X(upper, lower, where, keys, ...) \
    case CMD_##upper:                     \
        return 0 keys;
        COMMANDS(X)
    case CMD_COUNT:
        break;
    }
    UNREACHABLE();
#undef API_MUST
#undef API
#undef MAY
#undef MUST
}

static inline uint64_t row_must(enum command_type type)
{
#define MAY(key)
#define API MAY
#define API_MUST MAY
#define MUST(key) | UINT64_C(1) << KEY_##key
    switch (type) {
        COMMANDS(X)
#undef X
    case CMD_COUNT:
        break;
    }
    UNREACHABLE();
#undef API_MUST
#undef API
#undef MAY
#undef MUST
}

// Every string of a command is within the limits that core relies on.
static inline void check_command(const struct command *c)
{
    ASSERT(c->type < CMD_COUNT);
    ASSERT(c->id.n <= COMMAND_ID_MAX + 2);
    ASSERT(c->room.p == NULL || room_name_valid(c->room));
    ASSERT(c->from.p == NULL || room_name_valid(c->from));
    ASSERT(c->name.p == NULL || user_name_valid(c->name));
    ASSERT(c->to.n <= USER_ID_MAX && c->resume.n <= RESUME_TOKEN_MAX);
    ASSERT(c->key.n <= (size_t)(c->type == CMD_STATE_READ ? STATE_KEY_MAX : MESSAGE_KEY_MAX));
    ASSERT(c->prefix.n <= ROOM_NAME_MAX && c->limit <= LIST_LIMIT_MAX && c->history <= LIST_LIMIT_MAX);
    ASSERT(c->data.p == NULL || (row_keys(c->type) & UINT64_C(1) << KEY_data) != 0);
    ASSERT(c->data.p != NULL || (row_must(c->type) & UINT64_C(1) << KEY_data) == 0);
    ASSERT(!c->has_before || (row_keys(c->type) & UINT64_C(1) << KEY_before) != 0);
    ASSERT(!c->has_since || (row_keys(c->type) & UINT64_C(1) << KEY_since) != 0);
}

#endif
