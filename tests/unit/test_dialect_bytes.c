// SPDX-License-Identifier: Apache-2.0
//
// JSON with bytes in binary messages: what is told so and what is not, and that it is what JSON says, but for the data.
#include "unit/dialect_support.h"

#define DATUM "\0\011image/png\x89PNG\r\n\0\xff"
#define BYTES "\x89PNG\r\n\0\xff"

static const struct entry message_entry = {
    .type = ENTRY_MESSAGE,
    .offset = 42,
    .time_ms = UINT64_C(1795161600420),
    .room = {"lobby", 5},
    .user = {"u", 1},
    .session = {"s", 1},
    .name = {"Ada", 3},
    .data = {DATUM, sizeof DATUM - 1},
};

// The object of a binary message, whose bytes are the ones above.
static str object_of(str payload)
{
    assert_true(payload.n > 4);
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        n = n << 8 | (uint8_t)payload.p[i];
    assert_int_equal(payload.n, 4 + n + sizeof BYTES - 1);
    assert_str_eq(str_skip(payload, 4 + n), STR(BYTES));
    str object = str_take(str_skip(payload, 4), n);
    assert_int_equal(json_validate(object, NULL), OK);
    return object;
}

static void is_binary(str payload, bool want)
{
    const struct encoding *en = ways_served.encodings[ENCODING_BYTES];
    assert_int_equal(payload_is_binary(en, payload), want);
    assert_false(payload_is_binary(ways_served.encodings[ENCODING_JSON], payload));
    assert_true(payload_is_binary(ways_served.encodings[ENCODING_PROTOBUF], payload));
}

static void bytes_stand_behind_the_object(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    str got = encode_entry(&o, ENCODING_BYTES, &message_entry);
    is_binary(got, true);
    assert_str(object_of(got),
               "{\"type\":\"message\",\"room\":\"lobby\",\"offset\":42,\"time\":1795161600420,"
               "\"from\":{\"user\":\"u\",\"session\":\"s\",\"name\":\"Ada\"},"
               "\"content_type\":\"image/png\"}");
    struct entry e = message_entry;
    e.type = ENTRY_EDIT;
    e.about = 41;
    got = encode_entry(&o, ENCODING_BYTES, &e);
    is_binary(got, true);
    object_of(got);
    e.type = ENTRY_SIGNAL;
    got = encode_entry(&o, ENCODING_BYTES, &e);
    is_binary(got, true);
    object_of(got);
    const struct event direct = {.type = EV_DIRECT, .direct = message_entry};
    got = encode_event(&o, ENCODING_BYTES, &direct);
    is_binary(got, true);
    object_of(got);
    output_deinit(&o);
}

// What has none, or has none any more, is what JSON says; so is a row of a page, whatever it has.
static void all_else_is_json(void **state)
{
    (void)state;
    struct output o, json;
    struct entry cases[4];
    output_init(&o);
    output_init(&json);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cases[i] = message_entry;
    cases[0].data = STR("{\"text\":\"hello\"}");
    cases[1].erased = 8;
    cases[2].type = ENTRY_EDIT;
    cases[2].erased = 8;
    cases[3].type = ENTRY_DELETE;
    cases[3].data = STR("a reason");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str got = encode_entry(&o, ENCODING_BYTES, &cases[i]);
        is_binary(got, false);
        assert_str_eq(got, encode_entry(&json, ENCODING_JSON, &cases[i]));
    }
    const struct event direct = {.type = EV_DIRECT, .direct = cases[0]};
    assert_str_eq(encode_event(&o, ENCODING_BYTES, &direct), encode_event(&json, ENCODING_JSON, &direct));
    buf_reset(&o.buf, 0);
    ways_served.encodings[ENCODING_BYTES]->payloads->encode_row(&o.buf, &message_entry, 0);
    assert_str_eq(str_take(buf_str(&o.buf), 1), STR(","));
    assert_str_eq(str_skip(buf_str(&o.buf), 1), encode_entry(&json, ENCODING_JSON, &message_entry));
    output_deinit(&o);
    output_deinit(&json);
}

static void ends_with_its_room(void **state)
{
    (void)state;
    struct output o;
    output_init(&o);
    const size_t full = encode_entry(&o, ENCODING_BYTES, &message_entry).n;
    for (size_t limit = 1; limit <= full; limit++) {
        struct buf b;
        buf_init(&b, &o.mem, limit);
        ways_served.encodings[ENCODING_BYTES]->payloads->encode_entry(&b, &message_entry, 0);
        assert_int_equal(buf_ok(&b), limit == full);
        buf_deinit(&b);
    }
    output_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stand_behind_the_object),
        cmocka_unit_test(all_else_is_json),
        cmocka_unit_test(ends_with_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
