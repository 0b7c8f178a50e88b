// SPDX-License-Identifier: Apache-2.0
//
// Text lines: events and entries as a person in front of a terminal sees them.
#include "dialect/text_private.h"
#include "unit/dialect_support.h"
#include "wire/utf8.h"

static const uint64_t noon_ms = UINT64_C(1795176000999); // 2026-11-20 12:00:00.999 UTC

static void check_event(const struct event *ev, const char *expected)
{
    struct output o;
    output_init(&o);
    assert_str_eq(encode_event(&o, ENCODING_TEXT_LINE, ev), str_from_cstr(expected));
    output_deinit(&o);
}

static void check_entry(const struct entry *e, const char *expected)
{
    struct output o;
    output_init(&o);
    assert_str_eq(encode_entry(&o, ENCODING_TEXT_LINE, e), str_from_cstr(expected));
    output_deinit(&o);
}

static struct entry message(str name, str data)
{
    return (struct entry){.type = ENTRY_MESSAGE,
                          .offset = 42,
                          .time_ms = noon_ms,
                          .room = STR("lobby"),
                          .user = STR("u1"),
                          .name = name,
                          .data = data};
}

static void test_data_forms(void **state)
{
    (void)state;
    static const struct {
        const char *data, *shown;
    } cases[] = {
        {"\"hi\"", "hi"},
        {"\"\"", ""},
        {"\"caf\\u00e9 \\ud83e\\udd8a \\/ \\\" \\\\\"", "caf\xc3\xa9 \xf0\x9f\xa6\x8a / \" \\"},
        {"{\"text\":\"hello\"}", "hello"},
        {"{\"x\":[1],\"te\\u0078t\":\"a\\nb\"}", "a\\nb"},
        {"{\"text\":7}", "{\"text\":7}"},
        {"{\"a\":{\"text\":\"deep\"}}", "{\"a\":{\"text\":\"deep\"}}"},
        {"{\"text\":\"a\",\"text\":\"b\"}", "{\"text\":\"a\",\"text\":\"b\"}"},
        {"{}", "{}"},
        {"[\"text\"]", "[\"text\"]"},
        {"12.50", "12.50"},
        {"null", "null"},
        {"{\n\t\"a\": 1\r\n}", "{\\n\t\"a\": 1\\r\\n}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "[12:00:00] Ada: %s", cases[i].shown);
        struct entry e = message(STR("Ada"), str_from_cstr(cases[i].data));
        check_entry(&e, expected);
    }
    struct entry empty = message(STR("Ada"), STR_NONE);
    check_entry(&empty, "[12:00:00] Ada: ");
}

// What somebody does stands behind the clock as well, so that nobody can speak as the server does.
static void test_actions(void **state)
{
    (void)state;
    static const struct {
        const char *data, *line;
    } cases[] = {
        {"{\"text\":\"waves\",\"action\":true}", "[12:00:00] * Ada waves"},
        {"{ \"action\" : true, \"text\" : \"a\\nb\" }", "[12:00:00] * Ada a\\nb"},
        {"{\"text\":\"waves\",\"action\":false}", "[12:00:00] Ada: waves"},
        {"{\"text\":\"waves\",\"action\":\"true\"}", "[12:00:00] Ada: waves"},
        {"{\"text\":7,\"action\":true}", "[12:00:00] Ada: {\"text\":7,\"action\":true}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct entry e = message(STR("Ada"), str_from_cstr(cases[i].data));
        check_entry(&e, cases[i].line);
    }
}

static void test_clock(void **state)
{
    (void)state;
    static const struct {
        uint64_t time_ms;
        int32_t offset_s;
        const char *clock;
    } cases[] = {
        {0, 0, "[00:00:00]"},
        {0, -1, "[23:59:59]"},
        {0, 86399, "[23:59:59]"},
        {0, 14 * 3600, "[14:00:00]"},
        {0, -12 * 3600, "[12:00:00]"},
        {86399999, 0, "[23:59:59]"},
        {86399999, 1, "[00:00:00]"},
        {UINT64_MAX, 0, "[14:25:51]"},
        {1795176000999, 5 * 3600 + 1800, "[17:30:00]"},
    };
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct entry e = message(STR("a"), STR("1"));
        e.time_ms = cases[i].time_ms;
        buf_reset(&o.buf, 0);
        ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_entry(&o.buf, &e, cases[i].offset_s);
        assert_str_eq(str_take(buf_str(&o.buf), 10), str_from_cstr(cases[i].clock));
    }
    output_deinit(&o);
}

static void test_member_entries(void **state)
{
    (void)state;
    struct member_view ada = {.user = STR("guest-1"), .name = STR("Ada"), .connected = true};
    struct entry e = {.type = ENTRY_MEMBER_JOINED, .member = ada};
    check_entry(&e, "* Ada joined");
    e.type = ENTRY_MEMBER_LEFT;
    check_entry(&e, "* Ada left");
    e.type = ENTRY_MEMBER_CHANGED;
    check_entry(&e, "* Ada is back");
    e.member.connected = false;
    check_entry(&e, "* Ada is away");
    e.previous_name = STR("Countess \x1b[2J");
    check_entry(&e, "* Countess \\x1b[2J is now Ada");
    e = (struct entry){.type = ENTRY_MEMBERS_COUNT, .count = 250};
    check_entry(&e, "* 250 members here");
    e.count = 1;
    check_entry(&e, "* 1 member here");
    e = (struct entry){.type = ENTRY_GAP, .offset = 8, .cut_to = 9};
    check_entry(&e, "* 1 message missed (no longer kept)");
    e = (struct entry){.type = ENTRY_EPOCH, .offset = 8, .cut_to = 2, .epoch = STR("k3F")};
    check_entry(&e, "* this room goes on anew: some of what was said last may be lost");
    e = (struct entry){.type = ENTRY_MEMBER_JOINED, .member = {.user = STR("guest-1")}};
    check_entry(&e, "* guest-1 joined");
}

// Nothing that a terminal obeys may come through, and nothing else may be touched.
static void test_escapes(void **state)
{
    (void)state;
    static const struct {
        str raw;
        const char *shown;
    } cases[] = {
        {STR("plain \xf0\x9f\xa6\x8a \xe2\x82\xac \xc3\xa9 \xc2\xa0"),
         "plain \xf0\x9f\xa6\x8a \xe2\x82\xac \xc3\xa9 \xc2\xa0"},
        {STR("\x1b[2J"), "\\x1b[2J"},
        {STR("\n\r\t"), "\\n\\r\t"},
        {STR("\0\x01\x1f\x7f"), "\\x00\\x01\\x1f\\x7f"},
        {STR("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\\x80\\x9b\\x9f\xc2\xa0"},
        {STR("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf"),
         "\xe2\x80\xa7\\u2028\\u2029\\u202a\\u202e\xe2\x80\xaf"},
        {STR("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaf\xe2\x81\xb0"),
         "\xe2\x81\xa5\\u2066\\u2069\\u206f\xe2\x81\xb0"},
        {STR("\xd8\x9b\xd8\x9c\xd8\x9d"), "\xd8\x9b\\u061c\xd8\x9d"},
        {STR("\xe2\x80\x8a\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90"),
         "\xe2\x80\x8a\\u200b\\u200e\\u200f\xe2\x80\x90"},
        {STR("\xe1\xa0\x8e\xe2\x81\xa0\xef\xbb\xbf\xef\xbf\xb9\xef\xbf\xbd"),
         "\\u180e\\u2060\\ufeff\\ufff9\xef\xbf\xbd"},
        {STR("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8c"),
         "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8c"},
        {STR("a\x1b"), "a\\x1b"},
        {STR("\x1b\x61"), "\\x1b\x61"},
        {STR("\\x1b"), "\\x1b"},
        {STR("x\xe2\x80\xaey\xc2\x9bz\nw"), "x\\u202ey\\x9bz\\nw"},
    };
    struct output o, json;
    output_init(&o);
    output_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        // As a message's text, from a JSON string.
        buf_reset(&json.buf, 0);
        json_put_string(&json.buf, cases[i].raw);
        struct entry e = message(STR("n"), buf_str(&json.buf));
        str got = encode_entry(&o, ENCODING_TEXT_LINE, &e);
        assert_str_eq(str_skip(got, 14), str_from_cstr(cases[i].shown));
        // As a name.
        struct event ev = {.type = EV_RENAMED, .name = cases[i].raw};
        got = encode_event(&o, ENCODING_TEXT_LINE, &ev);
        assert_str_eq(str_skip(got, 14), str_from_cstr(cases[i].shown));
    }
    output_deinit(&o);
    output_deinit(&json);
}

static size_t utf8_put(uint32_t c, char ret[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        ret[i] = (char)(0x80 | (c & 0x3f));
    ret[0] = (char)(lead[n] | c);
    return n;
}

// Every character there is: what steers a display is escaped, and nothing else.
static void test_escapes_of_all_characters(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    uint32_t escaped = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char raw[6] = "a";
        size_t n = utf8_put(c, raw + 1);
        if (c >= 0xd800 && c < 0xe000)
            continue;
        raw[1 + n] = 'b';
        buf_reset(&o.buf, 0);
        buf_put(&o.buf, raw, n + 2);
        text_escape_tail(&o.buf, 0);
        bool same = str_eq(buf_str(&o.buf), str_make(raw, n + 2));
        if (same == (utf8_steers(c) && c != '\t'))
            fail_msg("U+%04x", c);
        escaped += !same;
    }
    assert_int_equal(escaped, 95); // as many as docs/protocol/text.md lists
    output_deinit(&o);
}

// Long runs of what needs escapes, and memory that ends anywhere in between.
static void test_escapes_out_of_room(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    char raw[600];
    for (size_t i = 0; i + 3 <= sizeof raw; i += 3)
        memcpy(raw + i, i % 2 ? "\xe2\x80\xae" : "\x7f\xc2\x90", 3);
    struct event ev = {.type = EV_RENAMED, .name = {raw, sizeof raw}};
    size_t full = encode_event(&o, ENCODING_TEXT_LINE, &ev).n;
    for (size_t limit = 1; limit <= full; limit++) {
        struct buf b;
        buf_init(&b, &o.mem, limit);
        ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_event(&b, &ev, 0);
        assert_int_equal(buf_ok(&b), limit == full);
        buf_deinit(&b);
    }
    output_deinit(&o);
}

static void test_welcome_joined_left(void **state)
{
    (void)state;
    struct event ev = {
        .type = EV_WELCOME, .user = STR("guest-1"), .name = STR("127.0.0.1:51234"), .version = "0.1.0"};
    check_event(&ev, "* welcome to plenum 0.1.0, you are 127.0.0.1:51234; /help lists the commands");
    ev = (struct event){.type = EV_JOINED, .room = STR("lobby"), .members_count = 3};
    check_event(&ev, "* joined lobby, 3 members");
    ev = (struct event){.type = EV_JOINED, .room = STR("a\x1b\xe2\x80\xae"), .members_count = 1};
    check_event(&ev, "* joined a\\x1b\\u202e, 1 member");
    ev = (struct event){.type = EV_LEFT, .room = STR("lobby")};
    check_event(&ev, "* left lobby");
    ev.reason = "room_closed";
    check_event(&ev, "* left lobby (room closed)");
    ev = (struct event){.type = EV_RENAMED, .user = STR("guest-1"), .name = STR("Ada")};
    check_event(&ev, "* you are now Ada");
}

static void test_decrees(void **state)
{
    (void)state;
    static const struct {
        enum entry_type type;
        uint64_t span_ms;
        const char *line;
    } cases[] = {
        {ENTRY_ROLE, 0, "* Bob was made host by Ada"},
        {ENTRY_KICK, 0, "* Bob was removed by Ada (a\\nb)"},
        {ENTRY_BAN, 0, "* Bob was banned by Ada (a\\nb)"},
        {ENTRY_BAN, 600000, "* Bob was banned by Ada for 10 minutes (a\\nb)"},
        {ENTRY_MUTE, 86400000, "* Bob was muted by Ada for 1 day (a\\nb)"},
        {ENTRY_MUTE, 90000, "* Bob was muted by Ada for 90 seconds (a\\nb)"},
        {ENTRY_UNBAN, 0, "* Bob may come in again, unbanned by Ada (a\\nb)"},
        {ENTRY_UNMUTE, 0, "* Bob may speak again, unmuted by Ada (a\\nb)"},
        {ENTRY_SLOW, 30000, "* Ada set the slow mode: one message in 30 seconds"},
        {ENTRY_SLOW, 0, "* Ada ended the slow mode"},
        {ENTRY_READONLY, 0, "* Ada made the room read-only"},
    };
    struct entry e;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        e = message(STR("Ada"), STR("a\nb"));
        e.type = cases[i].type;
        e.decree = (struct decree){.target = STR("u2"),
                                   .target_name = STR("Bob"),
                                   .role = ROLE_HOST,
                                   .on = true,
                                   .span_ms = cases[i].span_ms};
        check_entry(&e, cases[i].line);
    }
    e.decree.on = false;
    check_entry(&e, "* Ada lets everybody speak again");
    e.type = ENTRY_ROLE; // by the server, of somebody who is not there
    e.user = e.name = e.data = e.decree.target_name = STR_NONE;
    check_entry(&e, "* u2 was made host");
    e.type = ENTRY_READONLY;
    check_entry(&e, "* the server lets everybody speak again");
    struct event ev = {.type = EV_LEFT, .room = STR("lobby"), .reason = "kicked"};
    check_event(&ev, "* left lobby (kicked)");
    ev.by_user = STR("u1");
    ev.by_name = STR("A\x1b");
    ev.note = STR("go\naway");
    check_event(&ev, "* left lobby (kicked by A\\x1b): go\\naway");
}

static void test_acks_and_directs(void **state)
{
    (void)state;
    struct event ev = {
        .type = EV_ACK, .room = STR("lobby"), .has_offset = true, .offset = 3, .epoch = STR("e")};
    check_event(&ev, "");
    ev = (struct event){.type = EV_ACK, .has_delivered = true, .delivered = 2};
    check_event(&ev, "* delivered to 2 sessions");
    ev.delivered = 1;
    check_event(&ev, "* delivered to 1 session");
    ev.delivered = 0;
    check_event(&ev, "* that user is not online");
    ev.user = STR("bob");
    check_event(&ev, "* bob is not online");
    ev = (struct event){.type = EV_DIRECT, .direct = message(STR("Ada"), STR("\"a\\u001b\""))};
    check_event(&ev, "* direct from Ada: a\\x1b");
}

static void test_notices(void **state)
{
    (void)state;
    struct event ev = {.type = EV_GAP, .room = STR("r"), .gap_from = 5, .gap_to = 16, .reason = "slow"};
    check_event(&ev, "* 12 messages missed (you were reading too slowly)");
    ev.gap_to = 5;
    check_event(&ev, "* 1 message missed (you were reading too slowly)");
    ev.reason = "trimmed";
    check_event(&ev, "* 1 message missed (no longer kept)");
    ev.reason = "slow";
    ev.gap_passing = 3;
    check_event(&ev, "* 1 message and 3 notices missed (you were reading too slowly)");
    ev.gap_to = 4;
    check_event(&ev, "* 3 notices missed (you were reading too slowly)");
    ev = (struct event){.type = EV_PONG, .time_ms = 1};
    check_event(&ev, "");
    ev = (struct event){.type = EV_DRAIN, .reconnect_ms = 1001};
    check_event(&ev, "* server restarts, reconnect in 2 s");
    ev = (struct event){.type = EV_BYE};
    check_event(&ev, "* bye");
    ev = (struct event){.type = EV_ERROR, .problem = {.code = PROBLEM_BAD_ROOM, .text = "name a room"}};
    check_event(&ev, "* error bad_room: name a room");
    ev.problem = (struct problem){.code = PROBLEM_RATE_LIMITED, .text = "Slow down.", .retry_ms = 250};
    check_event(&ev, "* error rate_limited: Slow down. Try again in 250 ms.");
}

static void test_lists(void **state)
{
    (void)state;
    struct member_view members[] = {
        {.user = STR("u1"), .name = STR("alice"), .connected = true},
        {.user = STR("u2"), .name = STR("bob")},
        {.user = STR("u3"), .connected = true},
    };
    struct event ev = {.type = EV_MEMBERS, .room = STR("lobby"), .members = members, .list_n = 3};
    check_event(&ev, "* in lobby: alice, bob (away), u3");
    ev.list_n = 0;
    check_event(&ev, "* in lobby: nobody");
    ev.list_n = 1;
    ev.next = STR("u1");
    check_event(&ev, "* in lobby: alice\n* and more");

    struct room_row rooms[] = {{.name = STR("lobby"), .members_count = 3}, {.name = STR("t\xc2\x85")}};
    ev = (struct event){.type = EV_ROOMS, .rooms = rooms, .list_n = 2};
    check_event(&ev, "* lobby (3)\n* t\\x85 (0)");
    ev.list_n = 0;
    check_event(&ev, "* no rooms");

    ev = (struct event){.type = EV_HISTORY, .room = STR("lobby"), .list_n = 2};
    check_event(&ev, ""); // its rows are lines like those that came live
    ev.list_n = 0;
    check_event(&ev, "* no history");
}

// Every line of a reply is marked as the server's, is of a readable length, and there is no empty one.
static void check_lines(str text, size_t n_max)
{
    while (text.n > 0) {
        str rest;
        str l = str_split(text, '\n', &rest);
        assert_true(str_starts(l, STR("* ")));
        assert_true(l.n > 2 && l.n <= n_max);
        text = rest;
    }
}

static void test_long_lists_are_wrapped(void **state)
{
    (void)state;
    static struct member_view members[200];
    static char names[200][8];
    for (size_t i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "m%zu", i);
        members[i] = (struct member_view){.name = str_from_cstr(names[i]), .connected = i % 3 != 0};
    }
    struct event ev = {.type = EV_MEMBERS, .room = STR("lobby"), .members = members, .list_n = 200};
    struct output o;
    output_init(&o);
    str got = encode_event(&o, ENCODING_TEXT_LINE, &ev);
    check_lines(got, 96);
    size_t commas = 0;
    for (size_t i = 0; i < got.n; i++)
        commas += got.p[i] == ',';
    assert_int_equal(commas, 199);

    ev = (struct event){.type = EV_HELP};
    got = encode_event(&o, ENCODING_TEXT_LINE, &ev);
    check_lines(got, 96);
    static const char *const words[] = {"/join", "/leave", "/nick",    "/who",  "/rooms",
                                        "/msg",  "/me",    "/history", "/help", "/quit"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_non_null(memmem(got.p, got.n, words[i], strlen(words[i])));
    output_deinit(&o);
}

// What someone types is what the others see.
static void test_line_to_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"hello", "\"\\/\\u0041",    "tab\there", "{\"text\":\"x\"}",
                                        "null",  "\xf0\x9f\xa6\x8a"};
    struct output o;
    output_init(&o);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct decoded d = decode(ENCODING_TEXT_WS, str_from_cstr(lines[i]));
        struct entry e = message(STR("n"), d.command.data);
        assert_str_eq(str_skip(encode_entry(&o, ENCODING_TEXT_WS, &e), 14), str_from_cstr(lines[i]));
        decoded_free(&d);
    }
    output_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_forms),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_member_entries),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escapes_of_all_characters),
        cmocka_unit_test(test_escapes_out_of_room),
        cmocka_unit_test(test_welcome_joined_left),
        cmocka_unit_test(test_decrees),
        cmocka_unit_test(test_acks_and_directs),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_long_lists_are_wrapped),
        cmocka_unit_test(test_line_to_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
