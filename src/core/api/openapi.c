// SPDX-License-Identifier: Apache-2.0
//
// The description of the API, OpenAPI 3.1 (which is JSON Schema 2020-12), written from the rows that decode its commands: a command
// or a key that is added is described by its row. What is answered follows from the reply in the row.
//
// Lengths are of octets here and of characters there: a text that is too long for the schema is so for the server, too.
#include "core/api/api.h"

#include "dialect/api.h"
#include "wire/json.h"

enum kind {
    KIND_ROOM,
    KIND_NAME,
    KIND_STRING,
    KIND_DATA,
    KIND_CONTENT,
    KIND_BOOL,
    KIND_COUNT,
    KIND_OFFSET,
    KIND_SINCE,
    KIND_ROOMS,
    KIND_OBJECTS,
    KIND_OBJECT,
    KIND_STRINGS,
    KIND_VERSION
};

static const struct key {
    const char *name;
    enum kind kind;
    uint64_t least, most;
    const char *words;
} keys[KEY_COUNT] = {
#define X(key, name, kind, field, flag, least, most, words) \
    [KEY_##key] = {name, KIND_##kind, least, most, words},
    COMMAND_KEYS(X)
#undef X
};

enum { KEYS_PER_COMMAND_MAX = 9 };
struct key_use {
    uint8_t key; // KEY_NONE: the last one
    bool must;
};

static const struct row {
    const char *help;
    struct key_use keys[KEYS_PER_COMMAND_MAX];
} rows[CMD_COUNT] = {
#define MUST(key) {KEY_##key, true},
#define MAY(key) {KEY_##key, false},
#define API MAY
#define API_MUST MUST
#define X(upper, lower, where, keys, decided, right, cost, tokens, reply, help) \
    [CMD_##upper] = {help, {keys}},
    COMMANDS(X)
#undef X
#undef API_MUST
#undef API
#undef MAY
#undef MUST
};

static void put_text(struct buf *out, const char *text) { json_put_string(out, str_from_cstr(text)); }

static void put_range(struct buf *out, const char *least, uint64_t from, const char *most, uint64_t to)
{
    BUF_PUT_LIT(out, ",\"");
    buf_put_str(out, str_from_cstr(least));
    BUF_PUT_LIT(out, "\":");
    buf_put_u64(out, from);
    BUF_PUT_LIT(out, ",\"");
    buf_put_str(out, str_from_cstr(most));
    BUF_PUT_LIT(out, "\":");
    buf_put_u64(out, to);
}

// The commands that a batch may have, as an enum.
static void put_types(struct buf *out)
{
    bool first = true;
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++) {
        if (!api_serves((enum command_type)type) || type == CMD_BATCH || type == CMD_BROADCAST)
            continue;
        if (!first)
            buf_put_char(out, ',');
        first = false;
        put_text(out, command_name((enum command_type)type));
    }
}

static void put_key(struct buf *out, const struct key *k, uint32_t batch_max)
{
    put_text(out, k->name);
    BUF_PUT_LIT(out, ":{\"description\":");
    put_text(out, k->words);
    switch (k->kind) {
    case KIND_ROOM:
    case KIND_NAME:
    case KIND_CONTENT:
    case KIND_STRING:
        BUF_PUT_LIT(out, ",\"type\":\"string\"");
        put_range(out, "minLength", k->least, "maxLength", k->most);
        break;
    case KIND_BOOL:
        BUF_PUT_LIT(out, ",\"type\":\"boolean\"");
        break;
    case KIND_COUNT:
    case KIND_OFFSET:
        BUF_PUT_LIT(out, ",\"type\":\"integer\"");
        put_range(out, "minimum", k->least, "maximum", k->most);
        break;
    case KIND_SINCE:
        BUF_PUT_LIT(out,
                    ",\"type\":\"object\",\"required\":[\"epoch\",\"offset\"],\"properties\":{\"epoch\":{"
                    "\"type\":\"string\"},\"offset\":{\"type\":\"integer\",\"minimum\":0}}");
        break;
    case KIND_ROOMS:
        BUF_PUT_LIT(out, ",\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":");
        buf_put_u64(out, ROOM_NAME_MAX);
        buf_put_char(out, '}');
        put_range(out, "minItems", k->least, "maxItems", k->most);
        break;
    case KIND_OBJECT:
        BUF_PUT_LIT(out, ",\"type\":\"object\"");
        break;
    case KIND_STRINGS:
        BUF_PUT_LIT(out, ",\"type\":\"array\",\"items\":{\"type\":\"string\"}");
        put_range(out, "minItems", k->least, "maxItems", k->most);
        break;
    case KIND_VERSION:
        BUF_PUT_LIT(out, ",\"type\":[\"integer\",\"object\"]");
        break;
    case KIND_OBJECTS:
        BUF_PUT_LIT(out, ",\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\"],"
                         "\"properties\":{\"type\":{\"enum\":[");
        put_types(out);
        BUF_PUT_LIT(out, "]}}}");
        put_range(out, "minItems", k->least, "maxItems", batch_max);
        break;
    case KIND_DATA:
        break;
    }
    buf_put_char(out, '}');
}

static void put_body(struct buf *out, const struct row *row, uint32_t batch_max)
{
    bool must = false;
    BUF_PUT_LIT(out, "{\"type\":\"object\",\"properties\":{");
    for (const struct key_use *u = row->keys; u->key != KEY_NONE; u++) {
        if (u != row->keys)
            buf_put_char(out, ',');
        put_key(out, &keys[u->key], batch_max);
    }
    buf_put_char(out, '}');
    for (const struct key_use *u = row->keys; u->key != KEY_NONE; u++) {
        if (!u->must)
            continue;
        buf_put_str(out, must ? STR(",") : STR(",\"required\":["));
        must = true;
        put_text(out, keys[u->key].name);
    }
    buf_put_str(out, must ? STR("]}") : STR("}"));
}

// What is answered: the schema below `components` by that name.
static const char *answer_of(enum command_type type)
{
    if (type == CMD_PUBLISH)
        return "published";
    if (type == CMD_BROADCAST || type == CMD_BATCH || type == CMD_INFO || type == CMD_CONNECTIONS)
        return command_name(type);
    if (type == CMD_STATE) // of what it reads, or of what it changes
        return "state";
    if (type == CMD_DIRECT || type == CMD_DISCONNECT)
        return "delivered";
    switch ((enum event_type)command_row(type)->reply) {
    case EV_CREATED:
        return "created";
    case EV_INVITED:
        return "invited";
    case EV_MEMBERS:
    case EV_HISTORY:
    case EV_ROOMS:
    case EV_INVITES:
        return command_name(type);
    default:
        return "ack";
    }
}

static void put_command(struct buf *out, enum command_type type, uint32_t batch_max)
{
    const struct row *row = &rows[type];
    bool must = false;
    for (const struct key_use *u = row->keys; u->key != KEY_NONE; u++)
        must |= u->must;
    BUF_PUT_LIT(out, "\"/");
    buf_put_str(out, str_from_cstr(command_name(type)));
    BUF_PUT_LIT(out, "\":{\"post\":{\"operationId\":");
    put_text(out, command_name(type));
    BUF_PUT_LIT(out, ",\"summary\":");
    put_text(out, row->help);
    if (type != CMD_BATCH) {
        BUF_PUT_LIT(out, ",\"description\":\"Right of the key: `");
        buf_put_str(out, str_from_cstr(command_name(type)));
        BUF_PUT_LIT(out, "`.\"");
    }
    BUF_PUT_LIT(
        out,
        ",\"parameters\":[{\"$ref\":\"#/components/parameters/requestId\"},{\"$ref\":\"#/components/parameters/traceparent\"}");
    if (api_once(type) == API_IN_LOG)
        BUF_PUT_LIT(out, ",{\"$ref\":\"#/components/parameters/messageKey\"}");
    else if (api_once(type) == API_RECEIPT)
        BUF_PUT_LIT(out, ",{\"$ref\":\"#/components/parameters/idempotencyKey\"}");
    BUF_PUT_LIT(out, "],\"requestBody\":{\"required\":");
    buf_put_str(out, must ? STR("true") : STR("false"));
    BUF_PUT_LIT(out, ",\"content\":{\"application/json\":{\"schema\":");
    put_body(out, row, batch_max);
    BUF_PUT_LIT(out, "}");
    if (api_takes_bytes(type))
        BUF_PUT_LIT(
            out, ",\"application/octet-stream\":{\"schema\":{\"description\":\"The length of a JSON object "
                 "in four bytes, the highest first; the object, the same without `data`, with "
                 "`content_type`; the bytes that `data` are.\"}}");
    BUF_PUT_LIT(out,
                "}},\"responses\":{\"200\":{\"description\":\"Done.\",\"content\":{\"application/json\":{"
                "\"schema\":{\"$ref\":\"#/components/schemas/");
    buf_put_str(out, str_from_cstr(answer_of(type)));
    BUF_PUT_LIT(out, "\"}}}},\"default\":{\"$ref\":\"#/components/responses/error\"}}}}");
}

static void put_codes(struct buf *out)
{
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_COUNT; code++) {
        if (code != PROBLEM_NONE + 1)
            buf_put_char(out, ',');
        put_text(out, problem_name((enum problem_code)code));
    }
}

static void put_roles(struct buf *out)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (role != 0)
            buf_put_char(out, ',');
        put_text(out, role_name((enum role)role));
    }
}

#define TEXT "{\"type\":\"string\"}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define TRUTH "{\"type\":\"boolean\"}"
#define LIST_OF(items) "{\"type\":\"array\",\"items\":" items "}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define OBJECT(required, properties) \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"

// What native.md says of the replies, without `type` and `id`.
// clang-format off
#define KEY(name, schema) "\"" name "\":" schema
static const char schemas[] =
    KEY("ack", "{\"type\":\"object\"}") ","
    KEY("state", "{\"type\":\"object\",\"required\":[\"room\",\"version\"]}") ","
    KEY("published", OBJECT("\"room\",\"offset\",\"epoch\"",
        KEY("room", TEXT) "," KEY("offset", COUNT) "," KEY("epoch", TEXT) "," KEY("duplicate", TRUTH))) ","
    KEY("created", OBJECT("\"room\",\"offset\",\"epoch\"",
        KEY("room", TEXT) "," KEY("offset", COUNT) "," KEY("epoch", TEXT) "," KEY("rule", TEXT) "," KEY("duplicate", TRUTH))) ","
    KEY("delivered", OBJECT("\"delivered\"", KEY("delivered", COUNT) "," KEY("duplicate", TRUTH))) ","
    KEY("broadcast", OBJECT("\"results\"",
        KEY("results", LIST_OF("{\"oneOf\":[" REF("published") "," REF("failed") "]}")))) ","
    KEY("batch", OBJECT("\"replies\"", KEY("replies", LIST_OF("{\"type\":\"object\"}")))) ","
    KEY("rooms", OBJECT("\"rooms\"",
        KEY("rooms", LIST_OF(OBJECT("\"room\",\"members_count\"", KEY("room", TEXT) "," KEY("members_count", COUNT)))) ","
        KEY("next", TEXT))) ","
    KEY("from", OBJECT("\"user\",\"session\",\"name\"",
        KEY("user", TEXT) "," KEY("session", TEXT) "," KEY("name", TEXT))) ","
    KEY("message", OBJECT("\"type\",\"room\",\"offset\",\"time\"",
        KEY("type", TEXT) "," KEY("room", TEXT) "," KEY("offset", COUNT) "," KEY("time", COUNT) ","
        KEY("from", REF("from")) "," KEY("data", "{}"))) ","
    KEY("history", OBJECT("\"room\",\"epoch\",\"history\"",
        KEY("room", TEXT) "," KEY("epoch", TEXT) "," KEY("recovered", TRUTH) "," KEY("history", LIST_OF(REF("message"))))) ","
    KEY("members", OBJECT("\"room\",\"members\"",
        KEY("room", TEXT) "," KEY("members", LIST_OF(REF("member"))) "," KEY("next", TEXT))) ","
    KEY("info", OBJECT("\"version\",\"status\",\"shards\",\"connections\",\"sessions\",\"rooms\",\"members\"",
        KEY("version", TEXT) "," KEY("status", "{\"enum\":[\"ready\",\"draining\"]}") "," KEY("shards", COUNT) ","
        KEY("connections", COUNT) "," KEY("sessions", COUNT) "," KEY("rooms", COUNT) "," KEY("members", COUNT) ","
        KEY("memberships", COUNT) "," KEY("time", COUNT))) ","
    KEY("connections", OBJECT("\"connections\"",
        KEY("connections", LIST_OF(OBJECT(
            "\"connection\",\"address\",\"dialect\",\"age_s\",\"rooms\",\"rooms_count\"",
            KEY("connection", TEXT) "," KEY("address", TEXT) "," KEY("dialect", TEXT) "," KEY("age_s", COUNT) ","
            KEY("user", TEXT) "," KEY("name", TEXT) "," KEY("session", TEXT) ","
            KEY("rooms", LIST_OF(TEXT)) "," KEY("rooms_count", COUNT)))) ","
        KEY("next", TEXT))) ","
    KEY("failed", OBJECT("\"error\"", KEY("error", REF("error"))));
// clang-format on

static const char parameters[] =
    "\"requestId\":{\"name\":\"X-Request-Id\",\"in\":\"header\",\"description\":\"Given back.\",\"schema\":{\"type\":\"string\",\"maxLength\":128}},"
    "\"traceparent\":{\"name\":\"traceparent\",\"in\":\"header\",\"description\":\"Given back.\",\"schema\":" TEXT
    "},"
    "\"messageKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"description\":\"The same as the key `key`.\",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}},"
    "\"idempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"description\":\"Carried out once by this; sent again with the same body it is answered as the first time, with `Idempotency-Replayed: true`.\",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}}";

static void put_components(struct buf *out)
{
    BUF_PUT_LIT(out,
                "\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
                "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\"}},\"parameters\":{");
    buf_put_str(out, str_from_cstr(parameters));
    BUF_PUT_LIT(
        out, "},\"responses\":{\"error\":{\"description\":\"Not done; the status is the code's.\","
             "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/failed\"}}}}},"
             "\"schemas\":{");
    buf_put_str(out, str_from_cstr(schemas));
    BUF_PUT_LIT(out,
                ",\"member\":{\"type\":\"object\",\"required\":[\"user\",\"name\",\"role\"],\"properties\":{"
                "\"user\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"role\":{\"enum\":[");
    put_roles(out);
    BUF_PUT_LIT(out, "]},\"connected\":{\"type\":\"boolean\"},\"joined_at\":{\"type\":\"integer\"},"
                     "\"last_active\":{\"type\":\"integer\"},\"sessions\":{\"type\":\"integer\"}}}");
    BUF_PUT_LIT(
        out,
        ",\"invited\":{\"type\":\"object\",\"required\":[\"room\",\"invitation\",\"token\",\"role\","
        "\"uses\",\"expires\"]},\"invites\":{\"type\":\"object\",\"required\":[\"room\",\"invitations\"]}");
    BUF_PUT_LIT(out, ",\"error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{"
                     "\"code\":{\"enum\":[");
    put_codes(out);
    BUF_PUT_LIT(out,
                "]},\"message\":{\"type\":\"string\"},\"retry_ms\":{\"type\":\"integer\",\"minimum\":1}}}}}");
}

void api_openapi_put(struct buf *out, const char *version, uint32_t batch_max)
{
    bool first = true;
    BUF_PUT_LIT(out,
                "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Plenum HTTP API\",\"description\":\"Commands "
                "of a backend: what the native protocol says of them holds here.\",\"version\":");
    put_text(out, version);
    BUF_PUT_LIT(
        out,
        "},\"servers\":[{\"url\":\"/api/v1\"}],\"security\":[{\"bearer\":[]},{\"key\":[]},{}],\"paths\":{");
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++) {
        if (!api_serves((enum command_type)type))
            continue;
        if (!first)
            buf_put_char(out, ',');
        first = false;
        put_command(out, (enum command_type)type, batch_max);
    }
    BUF_PUT_LIT(out, "},");
    put_components(out);
    buf_put_char(out, '}');
}
