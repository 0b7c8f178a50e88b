// SPDX-License-Identifier: Apache-2.0
//
// What compact clients say: from commands in JSON to plenum.proto.
#include "sim/compact.h"

#include "dialect/protobuf_fields.h"
#include "sim/world.h"
#include "wire/json.h"
#include "wire/protobuf.h"
#include <stdlib.h>

// A command that nobody knows.
enum { NO_COMMAND = 999 };

static uint32_t command_number(str name)
{
#define X(command, number)           \
    if (str_eq(name, STR(#command))) \
        return number;
    PROTOBUF_COMMANDS(X)
#undef X
    return NO_COMMAND; // which nobody knows, as there nobody knows the name
}

// By the name in JSON, which differs from the key's in some.
static uint32_t key_number(str command, str name)
{
    if (str_eq(name, STR("if_version")))
        return str_eq(command, STR("edit")) ? 31 : 35;
    if (str_eq(name, STR("to")))
        return 9;
    if (str_eq(name, STR("rooms")))
        return 36;
#define X(key, number)           \
    if (str_eq(name, STR(#key))) \
        return number;
    PROTOBUF_KEYS(X)
#undef X
    return 0;
}

// These are JSON there, too.
static bool stays_json(str command, str name)
{
    return str_eq(name, STR("data")) || str_eq(name, STR("set")) || str_eq(name, STR("unset")) ||
           str_eq(name, STR("merge")) || (str_eq(name, STR("if_version")) && !str_eq(command, STR("edit")));
}

static void encode_keys(str json, str command, struct buf *out);

static void encode_since(struct buf *out, uint32_t number, str raw)
{
    struct json_member m;
    const size_t at = protobuf_open(out, number);
    while (json_member_next(&raw, &m)) {
        char room[256];
        str text;
        uint64_t v;
        if (json_key_is(&m, STR("epoch")) && json_string_decode(m.value, room, sizeof room, &text) == OK)
            protobuf_put_bytes(out, PROTOBUF_EPOCH, text);
        else if (json_key_is(&m, STR("offset")) && json_u64_decode(m.value, UINT64_MAX, &v))
            protobuf_put_uint(out, PROTOBUF_OFFSET, v);
    }
    protobuf_close(out, at);
}

// The rooms of a hello.
static void encode_joins(struct buf *out, uint32_t number, str raw)
{
    str one;
    while (json_array_next(&raw, &one)) {
        const size_t at = protobuf_open(out, number);
        encode_keys(one, STR("join"), out);
        protobuf_close(out, at);
    }
}

static void encode_value(struct buf *out, uint32_t number, str raw)
{
    uint64_t v;
    bool on;
    str text;
    char *room;
    switch (json_kind_of(raw)) {
    case JSON_STRING:
        room = malloc(raw.n + 1);
        ASSERT(room != NULL);
        if (json_string_decode(raw, room, raw.n, &text) == OK)
            protobuf_put_bytes(out, number, text);
        free(room);
        return;
    case JSON_NUMBER:
        if (json_u64_decode(raw, UINT64_MAX, &v))
            protobuf_put_uint(out, number, v);
        return;
    case JSON_BOOL:
        if (json_bool_decode(raw, &on))
            protobuf_put_uint(out, number, on);
        return;
    case JSON_OBJECT:
        encode_since(out, number, raw);
        return;
    case JSON_ARRAY:
        encode_joins(out, number, raw);
        return;
    case JSON_NULL:
        return;
    }
}

// A command's message under its number, behind its id; keys that it does not have are left out.
static void encode_keys(str json, str command, struct buf *out)
{
    struct json_member m;
    for (str rest = json; json_member_next(&rest, &m);)
        if (json_key_is(&m, STR("id"))) // which may be a text there
            protobuf_put_uint(out, PROTOBUF_ID,
                              str_eq(m.value, STR("\"signal\"")) ? COMPACT_ID_SIGNALS : asks_id(m.value));
    const size_t at = protobuf_open(out, command_number(command));
    for (str rest = json; json_member_next(&rest, &m);) {
        const uint32_t number = key_number(command, m.key);
        if (number == 0 || json_key_is(&m, STR("type")) || json_key_is(&m, STR("id")))
            continue;
        if (stays_json(command, m.key))
            protobuf_put_bytes(out, number, m.value);
        else
            encode_value(out, number, m.value);
    }
    protobuf_close(out, at);
}

void compact_encode(str json, struct buf *out)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    if (json_object_scan(json, members, JSON_KEYS_MAX, &n, NULL) != OK) {
        buf_put_char(out, (char)0x80); // half a number
        return;
    }
    const struct json_member *type = json_member_find(members, n, STR("type"));
    const bool named = type != NULL && type->kind == JSON_STRING;
    encode_keys(json, named ? str_make(type->value.p + 1, type->value.n - 2) : STR_NONE, out);
}

void compact_whois(uint64_t id, str room, uint64_t speaker, struct buf *out)
{
    protobuf_put_uint(out, PROTOBUF_ID, id);
    const size_t at = protobuf_open(out, command_number(STR("whois")));
    protobuf_put_bytes(out, key_number(STR("whois"), STR("room")), room);
    protobuf_put_uint(out, key_number(STR("whois"), STR("speaker")), speaker);
    protobuf_close(out, at);
}
