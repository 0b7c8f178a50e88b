// SPDX-License-Identifier: Apache-2.0
//
// The protobuf encoding held to two others that nobody here wrote for it: protobuf-c, which reads and writes plenum.proto as its own
// compiler has understood it, and the JSON encoding, which says the same of each event. By dice: an event is encoded in both, ours is
// unpacked by protobuf-c, and both are made into lines `path = value`, which must be the same. A command is written by protobuf-c and
// as JSON, and both decoders must come to the same.
#include "base/codec.h"
#include "base/prng.h"
#include "dialect/native_keys.h"
#include "dialect/protobuf_fields.h"
#include "plenum.pb-c.h"
#include "unit/dialect_support.h"

// --- lines

enum { LINES_MAX = 4096, PATH_MAX_BYTES = 512 };
struct lines {
    char *v[LINES_MAX];
    size_t n;
};

static void line_add(struct lines *l, const char *path, str value)
{
    if (value.n == 0 || str_eq(value, STR("0")) || str_eq(value, STR("false")) || str_eq(value, STR("{}")) ||
        str_eq(value, STR("\"\"")))
        return; // absent in one of them
    if (str_eq(value, STR("true")))
        value = STR("1");
    const size_t n = strlen(path) + 3 + value.n;
    char *line = malloc(n + 1);
    assert_non_null(line);
    memcpy(line, path, strlen(path));
    memcpy(line + strlen(path), " = ", 3);
    memcpy(line + strlen(path) + 3, value.p, value.n);
    line[n] = '\0';
    assert_true(l->n < LINES_MAX);
    l->v[l->n++] = line;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    l->n = 0;
}

static void assert_lines(struct lines *got, struct lines *want)
{
    qsort(got->v, got->n, sizeof got->v[0], compare);
    qsort(want->v, want->n, sizeof want->v[0], compare);
    for (size_t i = 0; i < got->n && i < want->n; i++)
        assert_string_equal(got->v[i], want->v[i]);
    if (got->n != want->n)
        fail_msg("one has \"%s\" more", got->n > want->n ? got->v[want->n] : want->v[got->n]);
    lines_free(got);
    lines_free(want);
}

// What is JSON in JSON: it stands as it is.
static bool is_raw(const char *name)
{
    static const char *const raw[] = {"data", "info", "value", "state", "versions"};
    for (size_t i = 0; i < ARRAY_LEN(raw); i++)
        if (strcmp(name, raw[i]) == 0)
            return true;
    return false;
}

// --- JSON to lines

static void json_lines(struct lines *l, const char *path, const char *name, str raw)
{
    char under[PATH_MAX_BYTES], text[8192];
    str decoded;
    struct json_member m;
    if (is_raw(name)) {
        line_add(l, path, raw);
        return;
    }
    switch (json_kind_of(raw)) {
    case JSON_OBJECT:
        for (str rest = raw; json_member_next(&rest, &m);) {
            str key;
            char key_text[300];
            assert_int_equal(
                json_string_decode(str_make(m.key.p - 1, m.key.n + 2), key_text, sizeof key_text, &key), OK);
            if (path[0] == '\0' && (str_eq(key, STR("type")) || str_eq(key, STR("id"))))
                continue;
            snprintf(under, sizeof under, "%s.%.*s", path, STR_ARG(key));
            char only[300];
            snprintf(only, sizeof only, "%.*s", STR_ARG(key));
            json_lines(l, under, only, m.value);
        }
        return;
    case JSON_ARRAY: {
        str one;
        int i = 0;
        for (str rest = raw; json_array_next(&rest, &one); i++) {
            snprintf(under, sizeof under, "%s[%d]", path, i);
            json_lines(l, under, "", one);
        }
        return;
    }
    case JSON_STRING:
        assert_int_equal(json_string_decode(raw, text, sizeof text, &decoded), OK);
        line_add(l, path, decoded);
        return;
    default:
        line_add(l, path, raw);
    }
}

// --- what protobuf-c has read, to lines

static const void *member_at(const ProtobufCMessage *m, unsigned offset) { return (const char *)m + offset; }

static bool field_there(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)member_at(m, f->quantifier_offset) == f->id;
    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(void *const *)member_at(m, f->offset) != NULL;
    return *(const protobuf_c_boolean *)member_at(m, f->quantifier_offset);
}

static void message_lines(struct lines *l, const char *path, const ProtobufCMessage *m);

// As JSON has it.
static str quoted(char *ret, const ProtobufCBinaryData *b)
{
    const size_t n = base64_encode(b->data, b->len, ret + 1);
    ret[0] = ret[n + 1] = '"';
    return str_make(ret, n + 2);
}

static void value_lines(struct lines *l, const char *path, const ProtobufCMessage *m,
                        const ProtobufCFieldDescriptor *f, const void *value)
{
    char text[24];
    uint64_t number = 0;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        line_add(l, path, str_from_cstr(*(char *const *)value));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        message_lines(l, path, *(const ProtobufCMessage *const *)value);
        return;
    case PROTOBUF_C_TYPE_BYTES: { // base64, where the message has a content type
        const ProtobufCBinaryData *b = value;
        const ProtobufCFieldDescriptor *type =
            protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "content_type");
        str bytes = str_make((const char *)b->data, b->len);
        char *encoded = malloc(b->len * 2 + 8);
        assert_non_null(encoded);
        if (type != NULL && field_there(m, type))
            bytes = quoted(encoded, b);
        line_add(l, path, bytes);
        free(encoded);
        return;
    }
    case PROTOBUF_C_TYPE_UINT64:
        number = *(const uint64_t *)value;
        break;
    case PROTOBUF_C_TYPE_UINT32:
        number = *(const uint32_t *)value;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        number = *(const protobuf_c_boolean *)value != 0;
        break;
    default:
        fail_msg("%s is of a type that nothing else is of", f->name);
    }
    line_add(l, path, str_make(text, u64_encode(number, text)));
}

// A map is messages of a key and a value.
static void map_lines(struct lines *l, const char *path, const ProtobufCMessage *const *rows, size_t n)
{
    char under[PATH_MAX_BYTES], number[24];
    for (size_t i = 0; i < n; i++) {
        const Plenum__V1__Message__ReactionsEntry *row = (const void *)rows[i];
        const int n_path = snprintf(under, sizeof under, "%s.%s", path, row->key);
        assert_true(n_path > 0 && (size_t)n_path < sizeof under);
        line_add(l, under, str_make(number, u64_encode(row->value, number)));
    }
}

static void message_lines(struct lines *l, const char *path, const ProtobufCMessage *m)
{
    char under[PATH_MAX_BYTES], one[PATH_MAX_BYTES + 32];
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const int n_path = snprintf(under, sizeof under, "%s.%s", path, f->name);
        assert_true(n_path > 0 && (size_t)n_path < sizeof under);
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            if (field_there(m, f))
                value_lines(l, under, m, f, member_at(m, f->offset));
            continue;
        }
        const size_t n = *(const size_t *)member_at(m, f->quantifier_offset);
        void *const *rows = *(void *const *const *)member_at(m, f->offset);
        if (strcmp(f->name, "reactions") == 0) {
            map_lines(l, under, (const ProtobufCMessage *const *)rows, n);
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            snprintf(one, sizeof one, "%s[%d]", under, (int)k);
            message_lines(l, one, rows[k]);
        }
    }
    assert_int_equal(m->n_unknown_fields, 0);
}

// --- dice

struct fixture {
    struct prng dice;
    struct output json, proto;
    char pool[256 * 1024]; // what random entries borrow from
    size_t used;
    bool fault; // one is to be made in the command at hand
};

static void fixture_begin(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    prng_init(&f->dice, seed);
    output_init(&f->json);
    output_init(&f->proto);
}

static uint32_t below(struct fixture *f, uint32_t n) { return (uint32_t)prng_below(&f->dice, n); }
static bool toss(struct fixture *f) { return below(f, 2) == 0; }

static uint64_t some_number(struct fixture *f)
{
    return prng_next(&f->dice) >> (11 + below(f, 53)); // of any length, within a double
}

// Letters with what is awkward in either encoding.
static str some_text(struct fixture *f, size_t most)
{
    static const char *const letters[] = {"a",  "B", "7",  " ",        "\"",
                                          "\\", "/", "\t", "\xc3\xa9", "\xf0\x9f\x91\x8d"};
    char *p = f->pool + f->used;
    size_t n = 0, want = below(f, (uint32_t)most) + 1;
    while (n + 4 < want || n == 0) {
        const char *letter = letters[below(f, ARRAY_LEN(letters))];
        if (n == 0 && letter[0] == ' ')
            continue;
        memcpy(p + n, letter, strlen(letter));
        n += strlen(letter);
    }
    p[n] = '\0';
    f->used += n + 1;
    assert_true(f->used <= sizeof f->pool);
    return str_make(p, n);
}

static str maybe_text(struct fixture *f, size_t most) { return toss(f) ? some_text(f, most) : STR_NONE; }

static str some_json(struct fixture *f)
{
    static const char *const values[] = {
        "1", "\"x\"", "{\"a\":[1,2,{\"b\":null}]}", "[]", "true", "\"\\u0000\\\"\"", "-1.5e3"};
    return str_from_cstr(values[below(f, ARRAY_LEN(values))]);
}

static str some_data(struct fixture *f)
{
    if (toss(f))
        return some_json(f);
    char *p = f->pool + f->used;
    const size_t n = below(f, 8) == 0 ? 0 : below(f, 400);
    memcpy(p, "\0\3a/b", 5);
    for (size_t i = 0; i < n; i++)
        p[5 + i] = (char)(uint8_t)prng_next(&f->dice);
    f->used += 5 + n;
    assert_true(f->used <= sizeof f->pool);
    return str_make(p, 5 + n);
}

static struct member_view some_member(struct fixture *f)
{
    return (struct member_view){.user = some_text(f, 40),
                                .name = some_text(f, 60),
                                .info = toss(f) ? some_json(f) : STR_NONE,
                                .role = (enum role)below(f, ROLE_COUNT),
                                .connected = toss(f),
                                .sessions = below(f, 3),
                                .joined_at = some_number(f),
                                .last_active = some_number(f)};
}

static struct entry some_entry(struct fixture *f, enum entry_type type)
{
    static struct reactions reactions[3];
    static struct fate fate;
    struct entry e = {
        .type = type, .offset = some_number(f), .time_ms = some_number(f), .room = some_text(f, 120)};
    if (toss(f) || type < ENTRY_VOID || entry_about(type) || type >= ENTRY_PASSING) {
        e.user = some_text(f, 60);
        e.session = some_text(f, 22);
        e.name = some_text(f, 60);
        e.info = toss(f) ? some_json(f) : STR_NONE;
    }
    const bool said = type == ENTRY_MESSAGE || type == ENTRY_EDIT || type == ENTRY_SIGNAL;
    e.data = said ? some_data(f) : type == ENTRY_CREATE ? maybe_text(f, 32) : maybe_text(f, 250);
    if ((type == ENTRY_MESSAGE || type == ENTRY_EDIT) && below(f, 4) == 0) {
        e.data = STR_NONE;
        e.erased = 5;
    }
    const bool role_only = type == ENTRY_ROLE || type == ENTRY_READONLY || type == ENTRY_LOCK ||
                           type == ENTRY_ADMIT || type == ENTRY_UNINVITE || type == ENTRY_CREATE;
    e.decree = (struct decree){.target = maybe_text(f, 60),
                               .target_name = maybe_text(f, 60),
                               .span_ms = role_only            ? 0
                                          : type == ENTRY_SLOW ? 1000 * some_number(f)
                                                               : 1 + some_number(f),
                               .role = (enum role)below(f, ROLE_COUNT),
                               .on = toss(f)};
    e.invitation = (struct invitation){.id = some_text(f, 8), .uses = below(f, 100)};
    e.about =
        entry_about(type) || type == ENTRY_READ || (type == ENTRY_MESSAGE && toss(f)) ? some_number(f) : 0;
    e.change = (struct change){.version = some_number(f),
                               .count = (uint32_t)some_number(f) & 0xffff,
                               .reaction = some_text(f, 60),
                               .key = STR("\"a\\u0041\\\"k\""),
                               .value = toss(f) ? some_json(f) : STR_NONE,
                               .on = toss(f)};
    e.member = some_member(f);
    e.previous_name = maybe_text(f, 60);
    e.count = some_number(f);
    e.cut_to = e.offset + below(f, 100);
    e.epoch = some_text(f, 20);
    if (type == ENTRY_MESSAGE && toss(f)) {
        fate = (struct fate){.deleted = toss(f), .replies = below(f, 3), .reactions = reactions};
        fate.version = toss(f) ? some_number(f) : 0;
        fate.edited_ms = some_number(f);
        fate.reactions_n = below(f, 4);
        for (uint32_t i = 0; i < fate.reactions_n; i++) {
            static const char *const keys[] = {"+1", "\xf0\x9f\x91\x8d", "a \"word\""};
            reactions[i] = (struct reactions){str_from_cstr(keys[i]), 1 + below(f, 300)};
        }
        e.fate = &fate;
    }
    return e;
}

static Plenum__V1__ServerMessage *unpack(str bytes)
{
    Plenum__V1__ServerMessage *m =
        plenum__v1__server_message__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
    if (m == NULL)
        fail_msg("protobuf-c cannot read %d bytes", (int)bytes.n);
    return m;
}

// The event that is set, and its name.
static const ProtobufCMessage *event_of(const Plenum__V1__ServerMessage *m, const char **ret_name)
{
    const ProtobufCMessageDescriptor *d = &plenum__v1__server_message__descriptor;
    for (unsigned i = 0; i < d->n_fields; i++)
        if ((d->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && field_there(&m->base, &d->fields[i])) {
            *ret_name = d->fields[i].name;
            return *(const ProtobufCMessage *const *)member_at(&m->base, d->fields[i].offset);
        }
    fail_msg("there is no event");
    return NULL;
}

static void says_the_same(str json, str proto)
{
    struct lines got = {.n = 0}, want = {.n = 0};
    Plenum__V1__ServerMessage *m = unpack(proto);
    const char *name;
    message_lines(&got, "", event_of(m, &name));
    json_lines(&want, "", "", json);
    char type[64];
    size_t n = 0;
    for (str t = json_get(json, "type"); n + 2 < t.n; n++)
        type[n] = t.p[n + 1] == ':' ? '_' : t.p[n + 1];
    type[n] = '\0';
    assert_string_equal(name, type);
    assert_lines(&got, &want);
    plenum__v1__server_message__free_unpacked(m, NULL);
}

static const enum entry_type entry_types[] = {ENTRY_MESSAGE,
                                              ENTRY_VOID,
#define X(upper, ...) ENTRY_##upper,
                                              DECREES(X) CHANGES(X)
#undef X
                                                  ENTRY_ADMIT,
                                              ENTRY_CREATE,
                                              ENTRY_MEMBER_JOINED,
                                              ENTRY_MEMBER_LEFT,
                                              ENTRY_MEMBER_CHANGED,
                                              ENTRY_MEMBERS_COUNT,
                                              ENTRY_SIGNAL,
                                              ENTRY_GAP,
                                              ENTRY_EPOCH,
                                              ENTRY_READ};

static void entries_are_what_json_says(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    fixture_begin(f, 1);
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < ARRAY_LEN(entry_types); i++) {
            f->used = 0;
            const struct entry e = some_entry(f, entry_types[i]);
            says_the_same(encode_entry(&f->json, ENCODING_JSON, &e),
                          encode_entry(&f->proto, ENCODING_PROTOBUF, &e));
        }
    output_deinit(&f->json);
    output_deinit(&f->proto);
    free(f);
}

static struct event some_event(struct fixture *f, enum event_type type)
{
    static struct member_view members[3];
    static struct room_row rooms[3];
    static struct invitation_row invitations[3];
    for (int i = 0; i < 3; i++) {
        members[i] = some_member(f);
        rooms[i] = (struct room_row){some_text(f, 100), below(f, 99), toss(f), below(f, 9)};
        invitations[i] =
            (struct invitation_row){some_text(f, 8), ROLE_MEMBER, 3, 2, some_number(f), some_text(f, 20)};
    }
    struct event ev = {.type = type,
                       .room = some_text(f, 120),
                       .session = some_text(f, 20),
                       .user = some_text(f, 20),
                       .name = some_text(f, 20),
                       .resume = some_text(f, 300),
                       .heartbeat_s = below(f, 100),
                       .limit_message_bytes = some_number(f),
                       .limit_rooms = below(f, 100),
                       .limit_messages_per_s = below(f, 100),
                       .version = "1.2.3",
                       .role = (enum role)below(f, ROLE_COUNT),
                       .members_count = some_number(f),
                       .with_members = toss(f),
                       .has_recovered = toss(f),
                       .recovered = toss(f),
                       .readonly = toss(f),
                       .locked = toss(f),
                       .has_read = toss(f),
                       .read = some_number(f),
                       .unread = some_number(f),
                       .slow_ms = 1000 * (uint64_t)below(f, 3),
                       .muted_until = toss(f)   ? 0
                                      : toss(f) ? UINT64_MAX
                                                : some_number(f),
                       .state = toss(f) ? STR("{\"a\":{\"b\":1}}") : STR("{}"),
                       .versions = STR("{\"a\":3}"),
                       .state_version = some_number(f),
                       .has_version = toss(f),
                       .rule = maybe_text(f, 30),
                       .has_role = toss(f),
                       .invitation = some_text(f, 8),
                       .token = some_text(f, 200),
                       .uses = 1 + below(f, 9),
                       .expires = some_number(f),
                       .invitations = invitations,
                       .reason = toss(f) ? "slow" : "trimmed",
                       .by_user = maybe_text(f, 20),
                       .by_name = some_text(f, 20),
                       .note = maybe_text(f, 250),
                       .has_offset = toss(f),
                       .duplicate = toss(f),
                       .has_delivered = toss(f),
                       .offset = some_number(f),
                       .epoch = some_text(f, 20),
                       .delivered = below(f, 3),
                       .has_expires = toss(f),
                       .expires_in_s = below(f, 100),
                       .gap_from = 1 + some_number(f),
                       .gap_passing = below(f, 3),
                       .list_n = below(f, 4),
                       .next = maybe_text(f, 30),
                       .time_ms = some_number(f),
                       .reconnect_ms = below(f, 1000)};
    ev.members = members;
    ev.rooms = rooms;
    ev.gap_to = ev.gap_from + below(f, 20) - 1;
    ev.has_left = toss(f);
    ev.left = maybe_text(f, 100);
    ev.direct = some_entry(f, ENTRY_SIGNAL);
    ev.problem = (struct problem){.code = PROBLEM_CONFLICT,
                                  .text = "It is {} there.",
                                  .word_kind = WORD_QUOTED,
                                  .word = some_text(f, 30),
                                  .retry_ms = below(f, 3),
                                  .has_version = toss(f),
                                  .version = some_number(f)};
    return ev;
}

static void events_are_what_json_says(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    fixture_begin(f, 2);
    static const enum event_type types[] = {
#define NATIVE(upper) EV_##upper,
#define COMPACT(upper)
#define INNER(upper)
#define X(upper, lower, where) where(upper)
        EVENTS(X)
#undef X
#undef INNER
#undef COMPACT
#undef NATIVE
    };
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            f->used = 0;
            const struct event ev = some_event(f, types[i]);
            says_the_same(encode_event(&f->json, ENCODING_JSON, &ev),
                          encode_event(&f->proto, ENCODING_PROTOBUF, &ev));
        }
    output_deinit(&f->json);
    output_deinit(&f->proto);
    free(f);
}

// What JSON does not have: numbers, and who that is where it was not told.
static void handles_are_numbers(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    fixture_begin(f, 3);
    struct entry e = some_entry(f, ENTRY_MESSAGE);
    e.handles = (struct handles){.room = 300, .speaker = 70000, .told = false};
    for (int told = 0; told < 2; told++) {
        e.handles.told = told;
        Plenum__V1__ServerMessage *m = unpack(encode_entry(&f->proto, ENCODING_PROTOBUF, &e));
        assert_int_equal(m->event_case, PLENUM__V1__SERVER_MESSAGE__EVENT_MESSAGE);
        assert_null(m->message->room);
        assert_true(m->message->room_handle == 300 && m->message->speaker == 70000);
        assert_int_equal(m->message->from == NULL, told);
        if (!told)
            assert_str_eq(str_from_cstr(m->message->from->user), e.user);
        plenum__v1__server_message__free_unpacked(m, NULL);
    }
    const struct speaker_view who[] = {{1, STR("u1"), STR("s1"), STR("Ada"), STR("{}")},
                                       {2, STR("u2"), STR("s2"), STR("Bob"), STR_NONE}};
    const struct event joined = {.type = EV_JOINED,
                                 .room = STR("r"),
                                 .epoch = STR("e"),
                                 .room_handle = 300,
                                 .speakers = who,
                                 .speakers_n = 2};
    Plenum__V1__ServerMessage *m = unpack(encode_event(&f->proto, ENCODING_PROTOBUF, &joined));
    assert_true(m->joined->room_handle == 300 && m->joined->n_speakers == 2);
    assert_true(m->joined->speakers[1]->speaker == 2 && m->joined->speakers[0]->speaker == 1);
    assert_string_equal(m->joined->speakers[1]->from->name, "Bob");
    plenum__v1__server_message__free_unpacked(m, NULL);
    const struct event speaker = {.type = EV_SPEAKER,
                                  .id = STR("\x85\x02"),
                                  .room = STR("r"),
                                  .room_handle = 300,
                                  .speakers = who,
                                  .speakers_n = 1};
    m = unpack(encode_event(&f->proto, ENCODING_PROTOBUF, &speaker));
    assert_true(m->has_id && m->id == 261 && m->speaker->speaker == 1 && m->speaker->room_handle == 300);
    assert_string_equal(m->speaker->from->session, "s1");
    plenum__v1__server_message__free_unpacked(m, NULL);
    output_deinit(&f->json);
    output_deinit(&f->proto);
    free(f);
}

// --- commands

static ProtobufCMessage *make(const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m = malloc(d->sizeof_message);
    assert_non_null(m);
    d->message_init(m);
    return m;
}

static void set(ProtobufCMessage *m, const char *name, const void *value)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
    if (f == NULL)
        fail_msg("%s has no %s", m->descriptor->name, name);
    char *at = (char *)m + f->offset;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        *(const void **)at = value;
        return;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = *(const ProtobufCBinaryData *)value;
        break;
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = *(const uint64_t *)value;
        break;
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = (uint32_t) * (const uint64_t *)value;
        break;
    default:
        assert_int_equal(f->type, PROTOBUF_C_TYPE_BOOL);
        *(protobuf_c_boolean *)at = *(const uint64_t *)value != 0;
    }
    *(protobuf_c_boolean *)((char *)m + f->quantifier_offset) = 1;
}

// One fault in a command, at most, as both name the first they find, in orders of their own.
static bool fault(struct fixture *f)
{
    const bool now = f->fault && below(f, 3) == 0;
    f->fault = f->fault && !now;
    return now;
}

static str some_name(struct fixture *f, size_t most)
{
    str text = some_text(f, most);
    for (char *p = f->pool + (text.p - f->pool); *p != '\0'; p++)
        if (*p == ' ' || *p == '\t')
            *p = 'x';
    return text;
}

// The value of a key: into the message, and behind the comma of an object.
static void some_value(struct fixture *f, const struct key *k, ProtobufCMessage *m, struct buf *json)
{
    const bool wrong = fault(f);
    uint64_t number;
    str text;
    buf_put_char(json, '"');
    buf_put_str(json, k->name);
    BUF_PUT_LIT(json, "\":");
    switch (k->kind) {
    case KIND_ROOM:
    case KIND_NAME:
    case KIND_STRING:
        text = k->kind == KIND_STRING ? some_text(f, k->most < 60 ? k->most : 60)
                                      : some_name(f, wrong ? 300 : 60);
        if (strcmp(k->name.p, "role") == 0)
            text = STR("host");
        if (k->least == INVITATION_ID_LEN)
            text = STR("AbCd1234");
        json_put_string(json, text);
        set(m, k->name.p, text.p);
        return;
    case KIND_BOOL:
        number = toss(f);
        buf_put_str(json, number ? STR("true") : STR("false"));
        set(m, k->name.p, &number);
        return;
    case KIND_COUNT:
    case KIND_OFFSET:
        number = wrong ? k->most + 1 : k->least + some_number(f) % (k->most - k->least + 1);
        buf_put_u64(json, number);
        set(m, k->name.p, &number);
        return;
    case KIND_SINCE: {
        Plenum__V1__Since *since = (Plenum__V1__Since *)make(&plenum__v1__since__descriptor);
        text = some_text(f, 60);
        number = wrong ? OFFSET_MAX + 1 : some_number(f);
        set(&since->base, "epoch", text.p);
        set(&since->base, "offset", &number);
        set(m, k->name.p, since);
        BUF_PUT_LIT(json, "{\"epoch\":");
        json_put_string(json, text);
        BUF_PUT_LIT(json, ",\"offset\":");
        buf_put_u64(json, number);
        buf_put_char(json, '}');
        return;
    }
    case KIND_OBJECT:
    case KIND_STRINGS:
    case KIND_VERSION:
        text = wrong                     ? STR("1.5")
               : k->kind == KIND_STRINGS ? STR("[\"a\",\"b\"]")
                                         : STR("{\"a\":{\"b\":[1]}}");
        buf_put_str(json, text);
        set(m, k->name.p, text.p);
        return;
    default:
        fail_msg("%s is set by itself", k->name.p);
    }
}

// Data as bytes with a content type, or JSON.
static void some_said(struct fixture *f, ProtobufCMessage *m, struct buf *json)
{
    str data = some_data(f);
    const bool datum = data.p[0] == '\0';
    str bytes = datum ? str_skip(data, 5) : data;
    ProtobufCBinaryData value = {bytes.n, (uint8_t *)bytes.p};
    set(m, "data", &value);
    BUF_PUT_LIT(json, "\"data\":");
    if (!datum) {
        buf_put_str(json, data);
        return;
    }
    set(m, "content_type", "a/b");
    char encoded[1024];
    json_put_string(json, str_make(encoded, base64_encode(bytes.p, bytes.n, encoded)));
    BUF_PUT_LIT(json, ",\"content_type\":\"a/b\"");
}

static void some_command(struct fixture *f, enum command_type type, ProtobufCMessage *m, struct buf *json)
{
    const struct native_type *t = native_type(type);
    BUF_PUT_LIT(json, "{\"type\":\"");
    buf_put_str(json, t->name);
    buf_put_char(json, '"');
    for (const struct key_use *u = t->keys; u->key != KEY_NONE; u++) {
        const struct key *k = &native_keys[u->key];
        if (u->http || k->kind == KIND_CONTENT || k->kind == KIND_OBJECTS || (!u->must && toss(f)) ||
            (u->must && fault(f)))
            continue;
        buf_put_char(json, ',');
        if (k->kind == KIND_DATA)
            some_said(f, m, json);
        else
            some_value(f, k, m, json);
    }
    buf_put_char(json, '}');
}

static void same_command(const struct decoded *got, const struct decoded *want, str json)
{
    if (got->err != want->err || got->problem.code != want->problem.code) {
        char a[PROBLEM_SENTENCE_MAX], b[PROBLEM_SENTENCE_MAX];
        fail_msg("%.*s\n%.*s\n%.*s", STR_ARG(json), STR_ARG(problem_sentence(&got->problem, a)),
                 STR_ARG(problem_sentence(&want->problem, b)));
    }
    const struct command *a = &got->command, *b = &want->command;
    assert_int_equal(a->type, b->type);
#define X(field)                         \
    if (!str_eq(STR(#field), STR("id"))) \
        assert_str_eq(a->field, b->field);
    COMMAND_STRS(X)
#undef X
    assert_true(a->echo == b->echo && a->has_since == b->has_since && a->since_offset == b->since_offset);
    assert_true(a->has_before == b->has_before && a->before_offset == b->before_offset);
    assert_true(a->has_history == b->has_history && a->history == b->history && a->limit == b->limit);
    assert_true(a->want_members == b->want_members && a->uses == b->uses && a->expires == b->expires);
    assert_true(a->has_seconds == b->has_seconds && a->seconds == b->seconds &&
                a->has_expires == b->has_expires);
    assert_true(a->has_on == b->has_on && a->on == b->on && a->has_version == b->has_version);
    assert_true(a->has_offset == b->has_offset && a->offset == b->offset && a->version == b->version);
}

static void free_since(ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "since");
    if (f != NULL)
        free(*(void **)((char *)m + f->offset));
    free(m);
}

static void commands_are_what_json_says(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    fixture_begin(f, 4);
    const ProtobufCMessageDescriptor *d = &plenum__v1__client_message__descriptor;
    int refused = 0, taken = 0;
    for (int round = 0; round < 20000; round++) {
        const ProtobufCFieldDescriptor *field = &d->fields[below(f, d->n_fields)];
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || strcmp(field->name, "whois") == 0)
            continue;
        f->used = 0;
        enum command_type type = CMD_NONE + 1;
        while (!str_eq(native_type(type)->name, str_from_cstr(field->name)))
            type++;
        ProtobufCMessage *m = make(field->descriptor);
        buf_reset(&f->json.buf, 0);
        f->fault = below(f, 8) == 0;
        some_command(f, type, m, &f->json.buf);
        Plenum__V1__ClientMessage whole = PLENUM__V1__CLIENT_MESSAGE__INIT;
        whole.has_id = toss(f);
        whole.id = prng_next(&f->dice) >> below(f, 64);
        whole.command_case = (Plenum__V1__ClientMessage__CommandCase)field->id;
        *(ProtobufCMessage **)((char *)&whole + field->offset) = m;
        uint8_t *bytes = malloc(plenum__v1__client_message__get_packed_size(&whole) + 1);
        const size_t n = plenum__v1__client_message__pack(&whole, bytes);
        struct decoded got = decode(ENCODING_PROTOBUF, str_make((const char *)bytes, n));
        struct decoded want = decode(ENCODING_JSON, buf_str(&f->json.buf));
        same_command(&got, &want, buf_str(&f->json.buf));
        assert_int_equal(got.command.id.n != 0, whole.has_id);
        *(got.err == OK ? &taken : &refused) += 1;
        decoded_free(&got);
        decoded_free(&want);
        free(bytes);
        free_since(m);
    }
    assert_true(taken > 10000 && refused > 300);
    output_deinit(&f->json);
    output_deinit(&f->proto);
    free(f);
}

// Every field of plenum.proto is one of protobuf_fields.h, by name and number, and the other way round.
static void the_numbers_are_those_of_the_document(void **state)
{
    (void)state;
    size_t events = 0, commands = 0;
#define X(name, number)                                                                                      \
    assert_non_null(                                                                                         \
        protobuf_c_message_descriptor_get_field_by_name(&plenum__v1__server_message__descriptor, #name));    \
    assert_int_equal(                                                                                        \
        protobuf_c_message_descriptor_get_field_by_name(&plenum__v1__server_message__descriptor, #name)->id, \
        number);                                                                                             \
    events++;
    PROTOBUF_EVENTS(X)
#undef X
#define X(name, number)                                                                                      \
    assert_int_equal(                                                                                        \
        protobuf_c_message_descriptor_get_field_by_name(&plenum__v1__client_message__descriptor, #name)->id, \
        number);                                                                                             \
    commands++;
    PROTOBUF_COMMANDS(X)
#undef X
    assert_int_equal(events + 1, plenum__v1__server_message__descriptor.n_fields); // and the id
    assert_int_equal(commands + 1, plenum__v1__client_message__descriptor.n_fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_what_json_says),
        cmocka_unit_test(events_are_what_json_says),
        cmocka_unit_test(handles_are_numbers),
        cmocka_unit_test(commands_are_what_json_says),
        cmocka_unit_test(the_numbers_are_those_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
