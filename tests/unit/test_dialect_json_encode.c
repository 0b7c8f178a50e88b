// SPDX-License-Identifier: Apache-2.0
//
// Native JSON: events and entries to messages. Whatever is put in must come out of a JSON reader again, with the
// protocol's keys in the protocol's order, and `data` and `id` byte for byte.
#include "unit/dialect_support.h"

static const struct entry message_entry = {
    .type = ENTRY_MESSAGE,
    .offset = 42,
    .time_ms = UINT64_C(1795161600420),
    .room = {"lobby", 5},
    .user = {"guest-7f3a", 10},
    .session = {"sss", 3},
    .name = {"Ada", 3},
    .data = {"{\"text\":\"hello\"}", 16},
};

static const struct member_view ada = {
    .user = {"u1", 2},
    .name = {"Ada", 3},
    .role = ROLE_HOST,
    .connected = true,
    .sessions = 2,
    .joined_at = UINT64_C(1795161600000),
    .last_active = UINT64_C(1795161600420),
};

static const struct member_view bob = {.user = {"u2", 2}, .name = {"b\"ob", 4}, .role = ROLE_GUEST};

static const char ada_json[] = "{\"user\":\"u1\",\"name\":\"Ada\",\"role\":\"host\",\"connected\":true,"
                               "\"joined_at\":1795161600000,\"last_active\":1795161600420,\"sessions\":2}";
static const char bob_json[] = "{\"user\":\"u2\",\"name\":\"b\\\"ob\",\"role\":\"guest\",\"connected\":false,"
                               "\"joined_at\":0,\"last_active\":0,\"sessions\":0}";

static void check_event(const struct event *ev, const char *expected)
{
    struct output o;
    output_init(&o);
    str got = encode_event(&o, ENCODING_JSON, ev);
    assert_str_eq(got, str_from_cstr(expected));
    assert_int_equal(json_validate(got, NULL), OK);
    output_deinit(&o);
}

static void test_message(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    assert_str(
        encode_entry(&o, ENCODING_JSON, &message_entry),
        "{\"type\":\"message\",\"room\":\"lobby\",\"offset\":42,\"time\":1795161600420,"
        "\"from\":{\"user\":\"guest-7f3a\",\"session\":\"sss\",\"name\":\"Ada\"},\"data\":{\"text\":\"hello\"}}");
    output_deinit(&o);
}

static void test_member_entries(void **state)
{
    (void)state;
    static const struct {
        enum entry_type type;
        const char *name;
    } cases[] = {
        {ENTRY_MEMBER_JOINED, "member:joined"},
        {ENTRY_MEMBER_LEFT, "member:left"},
        {ENTRY_MEMBER_CHANGED, "member:changed"},
    };
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct entry e = {.type = cases[i].type, .offset = 7, .time_ms = 9, .room = STR("r"), .member = ada};
        str got = encode_entry(&o, ENCODING_JSON, &e);
        assert_json_keys(got, "type,room,after,time,member");
        assert_json_string(got, "type", str_from_cstr(cases[i].name));
        assert_json_string(got, "room", STR("r"));
        assert_json_u64(got, "after", 7);
        assert_json_u64(got, "time", 9);
        assert_str_eq(json_get(got, "member"), str_from_cstr(ada_json));
    }
    struct entry renamed = {
        .type = ENTRY_MEMBER_CHANGED, .room = STR("r"), .member = ada, .previous_name = STR("a\"b")};
    str got = encode_entry(&o, ENCODING_JSON, &renamed);
    assert_json_keys(got, "type,room,after,time,member,previous_name");
    assert_json_string(got, "previous_name", STR("a\"b"));
    struct entry count = {
        .type = ENTRY_MEMBERS_COUNT, .offset = 8, .time_ms = 9, .room = STR("r"), .count = 250};
    assert_str(encode_entry(&o, ENCODING_JSON, &count),
               "{\"type\":\"members:count\",\"room\":\"r\",\"after\":8,\"count\":250}");
    struct entry cut = {.type = ENTRY_GAP, .offset = 8, .time_ms = 9, .room = STR("r"), .cut_to = 12};
    assert_str(encode_entry(&o, ENCODING_JSON, &cut),
               "{\"type\":\"gap\",\"room\":\"r\",\"from\":9,\"to\":12,\"reason\":\"trimmed\"}");
    cut.type = ENTRY_EPOCH;
    cut.epoch = STR("k3F");
    assert_str(encode_entry(&o, ENCODING_JSON, &cut),
               "{\"type\":\"epoch\",\"room\":\"r\",\"after\":8,\"time\":9,\"epoch\":\"k3F\",\"offset\":12}");
    output_deinit(&o);
}

static void test_welcome(void **state)
{
    (void)state;
    struct event ev = {.type = EV_WELCOME,
                       .id = STR("1"),
                       .session = STR("s"),
                       .user = STR("u"),
                       .name = STR("n"),
                       .resume = STR("secret"),
                       .heartbeat_s = 30,
                       .limit_message_bytes = 65536,
                       .limit_rooms = 32,
                       .limit_messages_per_s = 50,
                       .version = "0.1.0"};
    check_event(
        &ev,
        "{\"type\":\"welcome\",\"id\":1,\"session\":\"s\",\"user\":\"u\",\"name\":\"n\",\"resume\":\"secret\","
        "\"heartbeat_s\":30,\"limits\":{\"message_bytes\":65536,\"rooms\":32,\"messages_per_s\":50},"
        "\"server\":\"plenum\",\"version\":\"0.1.0\"}");
}

static void test_renamed(void **state)
{
    (void)state;
    struct event ev = {.type = EV_RENAMED, .id = STR("\"r\""), .name = STR("A\"da"), .resume = STR("secret")};
    check_event(&ev, "{\"type\":\"renamed\",\"id\":\"r\",\"name\":\"A\\\"da\",\"resume\":\"secret\"}");
}

static void test_joined(void **state)
{
    (void)state;
    struct event ev = {
        .type = EV_JOINED, .room = STR("r"), .epoch = STR("k3F"), .offset = 42, .members_count = 3};
    check_event(
        &ev,
        "{\"type\":\"joined\",\"room\":\"r\",\"epoch\":\"k3F\",\"offset\":42,\"role\":\"guest\",\"state\":{},"
        "\"state_version\":0,\"members_count\":3}");

    struct member_view members[] = {ada, bob};
    ev.id = STR("\"q\"");
    ev.role = ROLE_MEMBER;
    ev.with_members = true;
    ev.members = members;
    ev.list_n = 2;
    ev.has_recovered = true;
    ev.has_left = true;
    ev.left = STR("old");
    struct output o;
    output_init(&o);
    str got = encode_event(&o, ENCODING_JSON, &ev);
    assert_json_keys(
        got, "type,id,room,epoch,offset,role,state,state_version,members_count,members,recovered,left");
    assert_str(json_get(got, "id"), "\"q\"");
    assert_json_string(got, "role", STR("member"));
    assert_str(json_get(got, "recovered"), "false");
    assert_json_string(got, "left", STR("old"));
    char expected[512];
    snprintf(expected, sizeof expected, "[%s,%s]", ada_json, bob_json);
    assert_str_eq(json_get(got, "members"), str_from_cstr(expected));

    ev.recovered = true;
    ev.list_n = 0;
    got = encode_event(&o, ENCODING_JSON, &ev);
    assert_str(json_get(got, "recovered"), "true");
    assert_str(json_get(got, "members"), "[]");
    output_deinit(&o);
}

static void test_decrees(void **state)
{
    (void)state;
#define BY \
    "\"room\":\"r\",\"offset\":7,\"time\":9000,\"from\":{\"user\":\"u1\",\"session\":\"s\",\"name\":\"A\\\"da\"}"
#define WHOM BY ",\"user\":\"u2\",\"name\":\"B\\\"ob\""
    static const struct {
        enum entry_type type;
        uint64_t span_ms;
        const char *json;
    } cases[] = {
        {ENTRY_ROLE, 0, "{\"type\":\"member:role\"," WHOM ",\"role\":\"host\"}"},
        {ENTRY_KICK, 0, "{\"type\":\"member:kicked\"," WHOM ",\"reason\":\"s\\\"pam\"}"},
        {ENTRY_BAN, 0, "{\"type\":\"member:banned\"," WHOM ",\"reason\":\"s\\\"pam\"}"},
        {ENTRY_BAN, 1500, "{\"type\":\"member:banned\"," WHOM ",\"until\":10500,\"reason\":\"s\\\"pam\"}"},
        {ENTRY_UNBAN, 0, "{\"type\":\"member:unbanned\"," WHOM "}"},
        {ENTRY_MUTE, 500, "{\"type\":\"member:muted\"," WHOM ",\"until\":9500,\"reason\":\"s\\\"pam\"}"},
        {ENTRY_UNMUTE, 0, "{\"type\":\"member:unmuted\"," WHOM "}"},
        {ENTRY_SLOW, 30000, "{\"type\":\"room:changed\"," BY ",\"slow_s\":30}"},
        {ENTRY_SLOW, 0, "{\"type\":\"room:changed\"," BY ",\"slow_s\":0}"},
        {ENTRY_READONLY, 0, "{\"type\":\"room:changed\"," BY ",\"readonly\":true}"},
        {ENTRY_LOCK, 0, "{\"type\":\"room:changed\"," BY ",\"locked\":true}"},
    };
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct entry e = {.type = cases[i].type,
                          .offset = 7,
                          .time_ms = 9000,
                          .room = STR("r"),
                          .user = STR("u1"),
                          .session = STR("s"),
                          .name = STR("A\"da"),
                          .decree = {.role = ROLE_HOST, .on = true, .span_ms = cases[i].span_ms}};
        if (e.type < ENTRY_SLOW) {
            e.decree.target = STR("u2");
            e.decree.target_name = STR("B\"ob");
        }
        if (e.type == ENTRY_KICK || e.type == ENTRY_BAN || e.type == ENTRY_MUTE)
            e.data = STR("s\"pam");
        assert_str_eq(encode_entry(&o, ENCODING_JSON, &e), str_from_cstr(cases[i].json));
    }
    struct entry first = {
        .type = ENTRY_ROLE, .offset = 1, .time_ms = 2, .room = STR("r"), .decree = {.target = STR("u2")}};
    assert_str(
        encode_entry(&o, ENCODING_JSON, &first),
        "{\"type\":\"member:role\",\"room\":\"r\",\"offset\":1,\"time\":2,\"user\":\"u2\",\"role\":\"guest\"}");
    output_deinit(&o);
    struct event left = {.type = EV_LEFT,
                         .room = STR("r"),
                         .reason = "banned",
                         .by_user = STR("u1"),
                         .by_name = STR("A\"da"),
                         .note = STR("s\"pam")};
    check_event(
        &left,
        "{\"type\":\"left\",\"room\":\"r\",\"reason\":\"banned\",\"by\":{\"user\":\"u1\",\"name\":\"A\\\"da\"},"
        "\"note\":\"s\\\"pam\"}");
    struct event joined = {.type = EV_JOINED,
                           .room = STR("r"),
                           .epoch = STR("e"),
                           .readonly = true,
                           .slow_ms = 5000,
                           .muted_until = 1795165200500};
    check_event(
        &joined,
        "{\"type\":\"joined\",\"room\":\"r\",\"epoch\":\"e\",\"offset\":0,\"role\":\"guest\",\"state\":{},"
        "\"state_version\":0,\"members_count\":0,\"readonly\":true,\"slow_s\":5,\"muted\":true,\"muted_until\":1795165200500}");
    joined = (struct event){
        .type = EV_JOINED, .room = STR("r"), .epoch = STR("e"), .muted_until = UINT64_MAX}; // without an end
    check_event(
        &joined,
        "{\"type\":\"joined\",\"room\":\"r\",\"epoch\":\"e\",\"offset\":0,\"role\":\"guest\",\"state\":{},"
        "\"state_version\":0,\"members_count\":0,\"muted\":true}");
}

static void test_left_and_ack(void **state)
{
    (void)state;
    struct event left = {.type = EV_LEFT, .id = STR("3"), .room = STR("r")};
    check_event(&left, "{\"type\":\"left\",\"id\":3,\"room\":\"r\"}");
    left = (struct event){.type = EV_LEFT, .room = STR("r"), .reason = "kicked"};
    check_event(&left, "{\"type\":\"left\",\"room\":\"r\",\"reason\":\"kicked\"}");

    struct event ack = {.type = EV_ACK,
                        .id = STR("2"),
                        .room = STR("r"),
                        .has_offset = true,
                        .offset = UINT64_C(9007199254740991),
                        .epoch = STR("k3F")};
    check_event(&ack,
                "{\"type\":\"ack\",\"id\":2,\"room\":\"r\",\"offset\":9007199254740991,\"epoch\":\"k3F\"}");
    ack.duplicate = true;
    check_event(&ack,
                "{\"type\":\"ack\",\"id\":2,\"room\":\"r\",\"offset\":9007199254740991,\"epoch\":\"k3F\","
                "\"duplicate\":true}");
    ack = (struct event){.type = EV_ACK, .id = STR("2"), .has_delivered = true, .delivered = 0};
    check_event(&ack, "{\"type\":\"ack\",\"id\":2,\"delivered\":0}");
}

static void test_direct_and_gap(void **state)
{
    (void)state;
    struct event direct = {.type = EV_DIRECT, .direct = message_entry};
    check_event(
        &direct,
        "{\"type\":\"direct\",\"from\":{\"user\":\"guest-7f3a\",\"session\":\"sss\",\"name\":\"Ada\"},"
        "\"time\":1795161600420,\"data\":{\"text\":\"hello\"}}");
    struct event gap = {.type = EV_GAP, .room = STR("r"), .gap_from = 5, .gap_to = 16, .reason = "trimmed"};
    check_event(&gap, "{\"type\":\"gap\",\"room\":\"r\",\"from\":5,\"to\":16,\"reason\":\"trimmed\"}");
    gap.gap_passing = 3;
    check_event(
        &gap, "{\"type\":\"gap\",\"room\":\"r\",\"from\":5,\"to\":16,\"passing\":3,\"reason\":\"trimmed\"}");
    gap.gap_to = 4; // nothing that was said
    check_event(&gap, "{\"type\":\"gap\",\"room\":\"r\",\"passing\":3,\"reason\":\"trimmed\"}");
}

static void test_lists(void **state)
{
    (void)state;
    char expected[1024];
    struct member_view members[] = {ada, bob};
    struct event ev = {.type = EV_MEMBERS,
                       .id = STR("4"),
                       .room = STR("r"),
                       .members = members,
                       .list_n = 2,
                       .next = STR("u\"2")};
    snprintf(expected, sizeof expected,
             "{\"type\":\"members\",\"id\":4,\"room\":\"r\",\"members\":[%s,%s],\"next\":\"u\\\"2\"}",
             ada_json, bob_json);
    check_event(&ev, expected);

    struct room_row rooms[] = {{STR("lobby"), 3, true, 2}, {STR("a\\b"), 0, false, 0}};
    ev = (struct event){.type = EV_ROOMS, .id = STR("5"), .rooms = rooms, .list_n = 2};
    check_event(
        &ev, "{\"type\":\"rooms\",\"id\":5,\"rooms\":[{\"room\":\"lobby\",\"members_count\":3,\"unread\":2},"
             "{\"room\":\"a\\\\b\",\"members_count\":0}]}");
    ev.list_n = 0;
    check_event(&ev, "{\"type\":\"rooms\",\"id\":5,\"rooms\":[]}");
}

// What stands around the rows of `history`: they go in front of the end, with a comma between them.
static void test_history_is_room_for_rows(void **state)
{
    (void)state;
    const struct payloads *d = ways_served.encodings[ENCODING_JSON]->payloads;
    assert_str_eq(d->row_separator, STR(","));
    struct output out;
    output_init(&out);
    struct event ev = {
        .type = EV_HISTORY, .id = STR("6"), .room = STR("lobby"), .epoch = STR("e1"), .list_n = 3};
    check_event(&ev, "{\"type\":\"history\",\"id\":6,\"room\":\"lobby\",\"epoch\":\"e1\",\"history\":[]}");
    ev.has_recovered = true;
    check_event(
        &ev,
        "{\"type\":\"history\",\"id\":6,\"room\":\"lobby\",\"epoch\":\"e1\",\"recovered\":false,\"history\":[]}");
    ev.recovered = true;
    check_event(
        &ev,
        "{\"type\":\"history\",\"id\":6,\"room\":\"lobby\",\"epoch\":\"e1\",\"recovered\":true,\"history\":[]}");
    str text = encode_event(&out, ENCODING_JSON, &ev);
    assert_str_eq(str_skip(text, text.n - d->rows_end), STR("]}"));
    assert_int_equal(text.p[text.n - d->rows_end - 1], '[');
    output_deinit(&out);
}

static void test_small_events(void **state)
{
    (void)state;
    struct event ev = {.type = EV_PONG, .time_ms = 17};
    check_event(&ev, "{\"type\":\"pong\",\"time\":17}");
    ev.id = STR("\"a\\u0062\"");
    check_event(&ev, "{\"type\":\"pong\",\"id\":\"a\\u0062\",\"time\":17}");
    ev = (struct event){.type = EV_DRAIN, .reconnect_ms = 1234};
    check_event(&ev, "{\"type\":\"drain\",\"reconnect_ms\":1234}");
}

static void test_errors(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_COUNT; code++) {
        struct event ev = {.type = EV_ERROR,
                           .problem = {.code = (enum problem_code)code, .text = "say \"please\""}};
        str got = encode_event(&o, ENCODING_JSON, &ev);
        assert_json_keys(got, "type,code,message");
        assert_json_string(got, "code", str_from_cstr(problem_name((enum problem_code)code)));
        assert_json_string(got, "message", STR("say \"please\""));
    }
    struct event ev = {.type = EV_ERROR,
                       .id = STR("7"),
                       .problem = {.code = PROBLEM_RATE_LIMITED, .text = "slow down", .retry_ms = 250}};
    assert_str(
        encode_event(&o, ENCODING_JSON, &ev),
        "{\"type\":\"error\",\"id\":7,\"code\":\"rate_limited\",\"message\":\"slow down\",\"retry_ms\":250}");
    output_deinit(&o);
}

// The line language has these; nothing must be sent for them here.
static void test_events_of_other_languages(void **state)
{
    (void)state;
    static const enum event_type types[] = {EV_HELP, EV_BYE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct output o;
        output_init(&o);
        struct event ev = {.type = types[i], .name = STR("n")};
        assert_int_equal(encode_event(&o, ENCODING_JSON, &ev).n, 0);
        output_deinit(&o);
    }
}

// Data in, through a command and an entry, and out again: not one byte may change, not even the ones that a JSON
// printer would write differently.
static void test_data_byte_for_byte(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "null",
        "true",
        "0",
        "-0",
        "-0.0e-00",
        "1e1000000000",
        "9007199254740993",
        "123456789012345678901234567890",
        "0.1000",
        "1E+2",
        "\"\"",
        "\"\\u0041\\/\\u002f\"",
        "\"\\ud83e\\udd8a\"",
        "\"\\u0000\\u001f\\u007f\"",
        "\"\xf0\x9f\xa6\x8a\xe2\x80\xae\xe2\x80\xa8\"",
        "\"</script>\"",
        "[]",
        "[ ]",
        "{}",
        "{\n}",
        "[1 ,\t2 ]",
        "{\"a\":1,\"a\":2}",
        "{\"b\":1,\"a\":{\"\":[[[[]]]]}}",
        "{\"type\":\"error\",\"offset\":1}",
        "\"\\\"},\\\"offset\\\":0\"",
        "{ \"text\" : \"x\" }",
    };
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        static const char *const shapes[] = {"{\"type\":\"message\",\"room\":\"r\",\"data\":%s}",
                                             "{\"data\" : %s ,\"room\":\"r\",\"type\":\"message\"}"};
        for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
            char message[512];
            snprintf(message, sizeof message, shapes[s], odd[i]);
            struct decoded d = decode(ENCODING_JSON, str_from_cstr(message));
            assert_int_equal(d.err, OK);
            assert_str_eq(d.command.data, str_from_cstr(odd[i]));

            struct entry e = message_entry;
            e.data = d.command.data;
            str got = encode_entry(&o, ENCODING_JSON, &e);
            assert_json_keys(got, "type,room,offset,time,from,data");
            assert_str_eq(json_get(got, "data"), str_from_cstr(odd[i]));
            struct event direct = {.type = EV_DIRECT, .direct = e};
            assert_str_eq(json_get(encode_event(&o, ENCODING_JSON, &direct), "data"), str_from_cstr(odd[i]));
            decoded_free(&d);
        }
    }
    output_deinit(&o);
}

// Names that try to leave their string.
static void test_hostile_names(void **state)
{
    (void)state;
    static const str names[] = {
        STR("\",\"offset\":1,\"x\":\""),
        STR("\\"),
        STR("\\\""),
        STR("a\\u0022b"),
        STR("\xf0\x9f\xa6\x8a"),
        STR("\xe2\x80\xae"),
        STR("</script><b>"),
        STR("a\0b\n\x1f"),
        STR("\x7f\xc2\x9b"),
    };
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct entry e = message_entry;
        e.room = e.user = e.session = e.name = names[i];
        str got = encode_entry(&o, ENCODING_JSON, &e);
        assert_json_keys(got, "type,room,offset,time,from,data");
        assert_json_string(got, "room", names[i]);
        str from = json_get(got, "from");
        assert_json_keys(from, "user,session,name");
        assert_json_string(from, "user", names[i]);
        assert_json_string(from, "session", names[i]);
        assert_json_string(from, "name", names[i]);

        struct entry joined = {.type = ENTRY_MEMBER_JOINED, .room = names[i], .member = ada};
        joined.member.user = joined.member.name = names[i];
        got = encode_entry(&o, ENCODING_JSON, &joined);
        assert_json_string(got, "room", names[i]);
        str member = json_get(got, "member");
        assert_json_keys(member, "user,name,role,connected,joined_at,last_active,sessions");
        assert_json_string(member, "name", names[i]);

        struct room_row row = {.name = names[i], .members_count = 1};
        struct event ev = {.type = EV_ROOMS, .rooms = &row, .list_n = 1, .next = names[i]};
        got = encode_event(&o, ENCODING_JSON, &ev);
        assert_json_keys(got, "type,rooms,next");
        assert_json_string(got, "next", names[i]);
    }
    output_deinit(&o);
}

// Memory that runs out in the middle leaves a buf that says so, at whatever byte it happens.
static void test_out_of_room(void **state)
{
    (void)state;
    struct member_view members[] = {ada, bob};
    struct event ev = {
        .type = EV_JOINED, .room = STR("r"), .with_members = true, .members = members, .list_n = 2};
    struct output o;
    output_init(&o);
    size_t full = encode_event(&o, ENCODING_JSON, &ev).n;
    for (size_t limit = 1; limit <= full; limit++) {
        struct buf b;
        buf_init(&b, &o.mem, limit);
        ways_served.encodings[ENCODING_JSON]->payloads->encode_event(&b, &ev, 0);
        assert_int_equal(buf_ok(&b), limit == full);
        buf_deinit(&b);
    }
    output_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_member_entries),
        cmocka_unit_test(test_welcome),
        cmocka_unit_test(test_renamed),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_decrees),
        cmocka_unit_test(test_left_and_ack),
        cmocka_unit_test(test_direct_and_gap),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_history_is_room_for_rows),
        cmocka_unit_test(test_small_events),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_events_of_other_languages),
        cmocka_unit_test(test_data_byte_for_byte),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_out_of_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
