// SPDX-License-Identifier: Apache-2.0
//
// Protocol Buffers to commands: what is refused, and in which words; rooms of a hello; what is passed over. What is taken is held to
// protobuf-c (test_dialect_protobuf_oracle.c); here the octets are written by hand.
#include "dialect/datum.h"
#include "unit/dialect_support.h"

struct said {
    char p[4096];
    size_t n;
};

static void put_varint(struct said *s, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        s->p[s->n++] = (char)(v | 0x80);
    s->p[s->n++] = (char)v;
}

static void put_number(struct said *s, uint32_t field, uint64_t v)
{
    put_varint(s, (uint64_t)field << 3);
    put_varint(s, v);
}

static void put_bytes(struct said *s, uint32_t field, str bytes)
{
    put_varint(s, (uint64_t)field << 3 | 2);
    put_varint(s, bytes.n);
    assert_true(s->n + bytes.n <= sizeof s->p);
    if (bytes.n != 0)
        memcpy(s->p + s->n, bytes.p, bytes.n);
    s->n += bytes.n;
}

static struct said command(uint32_t number, str body)
{
    struct said s = {.n = 0};
    put_number(&s, 1, 7); // its id
    put_bytes(&s, number, body);
    return s;
}

static struct decoded decode_said(const struct said *s)
{
    return decode(ENCODING_PROTOBUF, str_make(s->p, s->n));
}

static void refused(str message, enum problem_code code, const char *part)
{
    char room[PROBLEM_SENTENCE_MAX];
    struct decoded d = decode(ENCODING_PROTOBUF, message);
    if (d.err != ERR_SYNTAX)
        fail_msg("it was taken; expected ...%s...", part);
    const str sentence = problem_sentence(&d.problem, room);
    if (d.problem.code != code || memmem(sentence.p, sentence.n, part, strlen(part)) == NULL)
        fail_msg("%s: %.*s; expected %s: ...%s...", problem_name(d.problem.code), STR_ARG(sentence),
                 problem_name(code), part);
    decoded_free(&d);
}

static void refused_command(uint32_t number, str body, enum problem_code code, const char *part)
{
    const struct said s = command(number, body);
    struct decoded d = decode_said(&s);
    assert_str_eq(d.command.id, STR("\x07")); // it comes back with the error
    decoded_free(&d);
    refused(str_make(s.p, s.n), code, part);
}

enum {
    MESSAGE = 2,
    DIRECT = 4,
    READ = 5,
    PING = 6,
    HELLO = 8,
    JOIN = 9,
    STATE = 15,
    HISTORY = 16,
    RENAME = 19,
    READONLY = 28
};

static void what_is_no_message(void **state)
{
    (void)state;
    refused(STR(""), PROBLEM_UNKNOWN_TYPE, "no command that is known");
    refused(STR("\x08\x01"), PROBLEM_UNKNOWN_TYPE, "no command that is known");
    refused(STR("\xd2\x0f\x01x"), PROBLEM_UNKNOWN_TYPE, "no command that is known"); // field 250
    refused(STR("\x0a\x01x"), PROBLEM_BAD_COMMAND, "`id` must be an integer");
    refused(STR("\x32\x00\x32\x00"), PROBLEM_BAD_COMMAND, "a second command");
    refused(STR("\x30\x01"), PROBLEM_BAD_COMMAND, "no message of its own");
    refused(STR("\x32\x05x"), PROBLEM_BAD_COMMAND, "no message of plenum.proto");
    refused(STR("\x4a\x02\x0a\x05"), PROBLEM_BAD_COMMAND, "no message of plenum.proto");
    struct said many = {.n = 0};
    for (int i = 0; i < 65; i++)
        put_number(&many, 100, 1);
    refused(str_make(many.p, many.n), PROBLEM_BAD_COMMAND, "there are too many fields");
    many.n = 0;
    for (int i = 0; i < 65; i++)
        put_number(&many, 100, 1);
    refused_command(PING, str_make(many.p, many.n), PROBLEM_BAD_COMMAND, "too many fields that nobody knows");
}

static void what_is_not_known_is_passed_over(void **state)
{
    (void)state;
    struct said body = {.n = 0};
    for (int i = 0; i < 62; i++)
        put_number(&body, 100, 1);
    put_bytes(&body, 1, STR("lobby"));
    const struct said s = command(JOIN, str_make(body.p, body.n));
    struct decoded d = decode_said(&s);
    assert_int_equal(d.err, OK);
    assert_int_equal(d.command.type, CMD_JOIN);
    assert_str(d.command.room, "lobby");
    decoded_free(&d);
}

static void fields_of_a_wrong_kind(void **state)
{
    (void)state;
    static const struct {
        uint32_t number;
        str body;
        enum problem_code code;
        const char *part;
    } rows[] = {
        {JOIN, STR("\x08\x05"), PROBLEM_BAD_COMMAND, "a varint"}, // a number for a room
        {JOIN, STR("\x0d\x01\x02\x03\x04"), PROBLEM_BAD_COMMAND, "a number of fixed size"},
        {JOIN, STR("\x0a\x00"), PROBLEM_BAD_ROOM, "1 to 128 bytes"},
        {JOIN, STR("\x0a\x01\x01"), PROBLEM_BAD_ROOM, "1 to 128 bytes"},
        {JOIN, STR("\x0a\x01\xff"), PROBLEM_BAD_ROOM, "no UTF-8"},
        {JOIN, STR("\x0a\x01r\x78\xe9\x07"), PROBLEM_BAD_COMMAND, "1001"}, // history
        {JOIN, STR("\x0a\x01r\x7a\x01x"), PROBLEM_BAD_COMMAND, "a string, bytes or a message"},
        {JOIN, STR("\x0a\x01r\x80\x01\x02"), PROBLEM_BAD_COMMAND, "`true` or `false`"},
        {JOIN, STR("\x0a\x01r\x82\x01\x01x"), PROBLEM_BAD_COMMAND, "`true` or `false`"},
        {JOIN, STR(""), PROBLEM_BAD_COMMAND, "nothing"},
        {RENAME, STR("\x52\x02 x"), PROBLEM_BAD_COMMAND, "without control characters"},
        {RENAME, STR("\x50\x01"), PROBLEM_BAD_COMMAND, "without control characters"},
        {READ, STR("\x0a\x01r\xf0\x01\x00"), PROBLEM_BAD_COMMAND, "above 0"},
        {READ, STR("\x0a\x01r\xf2\x01\x01x"), PROBLEM_BAD_COMMAND, "above 0"},
        {READONLY, STR("\x0a\x01r"), PROBLEM_BAD_COMMAND, "`true` or `false`"},
        {HELLO, STR("\x5a\x00"), PROBLEM_BAD_COMMAND, "1 to 8000 bytes"},
        {HELLO, STR("\x5a\x01\xff"), PROBLEM_BAD_COMMAND, "no UTF-8"},
        {HELLO, STR("\xa0\x02\x01"), PROBLEM_BAD_COMMAND, "each with the keys of a `join`"},
        {MESSAGE, STR("\x0a\x01r\x10\x01"), PROBLEM_BAD_COMMAND, "any JSON value"},
        {MESSAGE, STR("\x0a\x01r\x12\x01{"), PROBLEM_BAD_JSON, "cannot be read"},
        {MESSAGE, STR("\x0a\x01r\x12\x01x\x1a\x01x"), PROBLEM_BAD_COMMAND, "a media type"},
        {MESSAGE, STR("\x0a\x01r\x12\x01x\x18\x01"), PROBLEM_BAD_COMMAND, "a media type"},
        {MESSAGE,
         STR("\x0a\x01r\x12\x01x\x1a\x10"
             "application/json"),
         PROBLEM_BAD_JSON, "cannot be read"},
        {DIRECT, STR("\x4a\x01u"), PROBLEM_BAD_COMMAND, "any JSON value"},
        {STATE, STR("\x0a\x01r\x82\x02\x02[]"), PROBLEM_BAD_COMMAND, "an object, each key"},
        {STATE, STR("\x0a\x01r\x80\x02\x01"), PROBLEM_BAD_COMMAND, "an object, each key"},
        {STATE, STR("\x0a\x01r\x82\x02\x01{"), PROBLEM_BAD_JSON, "cannot be read"},
        {STATE, STR("\x0a\x01r\x8a\x02\x02{}"), PROBLEM_BAD_COMMAND, "an array"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        refused_command(rows[i].number, rows[i].body, rows[i].code, rows[i].part);
}

static void since(void **state)
{
    (void)state;
    static const struct {
        str since;
        const char *part; // NULL: it is taken
    } rows[] = {
        {STR("\x6a\x05\x0a\x01x\x10\x09"), NULL},
        {STR("\x6a\x07\x0a\x01x\x10\x09\x20\x01"), NULL}, // with a field that nobody knows
        {STR("\x6a\x03\x0a\x01x"), NULL},                 // 0 is what is not said
        {STR("\x68\x01"), "an object with `epoch` and `offset`"},
        {STR("\x6a\x02\x08\x01"), "an object with `epoch` and `offset`"},
        {STR("\x6a\x03\x12\x01x"), "an object with `epoch` and `offset`"},
        {STR("\x6a\x02\x0a\x05"), "no message of plenum.proto"},
        {STR("\x6a\x00"), "both as received"},
        {STR("\x6a\x03\x0a\x01\xff"), "both as received"},
        {STR("\x6a\x0d\x0a\x01x\x10\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "both as received"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct said body = {.n = 0};
        put_bytes(&body, 1, STR("r"));
        memcpy(body.p + body.n, rows[i].since.p, rows[i].since.n);
        const str whole = str_make(body.p, body.n + rows[i].since.n);
        if (rows[i].part != NULL) {
            refused_command(HISTORY, whole, PROBLEM_BAD_COMMAND, rows[i].part);
            continue;
        }
        const struct said s = command(HISTORY, whole);
        struct decoded d = decode_said(&s);
        assert_int_equal(d.err, OK);
        assert_true(d.command.has_since);
        assert_str(d.command.since_epoch, "x");
        assert_int_equal(d.command.since_offset, i < 2 ? 9 : 0);
        decoded_free(&d);
    }
    struct said in = {.n = 0}, body = {.n = 0};
    char epoch[65];
    memset(epoch, 'e', sizeof epoch);
    put_bytes(&in, 1, str_make(epoch, sizeof epoch));
    put_bytes(&body, 1, STR("r"));
    put_bytes(&body, 13, str_make(in.p, in.n));
    refused_command(HISTORY, str_make(body.p, body.n), PROBLEM_BAD_COMMAND, "both as received");
}

// Bytes of a kind are kept with it, also none of them.
static void bytes_with_a_type(void **state)
{
    (void)state;
    static const str bodies[] = {STR("\x0a\x01r\x12\x02\x00\xff\x1a\x03x/y"), STR("\x0a\x01r\x1a\x03x/y")};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct said s = command(MESSAGE, bodies[i]);
        struct decoded d = decode_said(&s);
        assert_int_equal(d.err, OK);
        assert_true(data_is_datum(d.command.data));
        assert_str(datum_type(d.command.data), "x/y");
        assert_str_eq(datum_bytes(d.command.data), i == 0 ? STR("\x00\xff") : STR_NONE);
        decoded_free(&d);
    }
    const struct said s = command(MESSAGE, STR("\x0a\x01r\x12\x04 [1]\x1a\x10"
                                               "application/json"));
    struct decoded d = decode_said(&s);
    assert_int_equal(d.err, OK);
    assert_str(d.command.data, "[1]");
    decoded_free(&d);
}

// A hello, then its rooms, one by one, each a message of plenum.proto with a join.
static void rooms_of_a_hello(void **state)
{
    (void)state;
    struct said body = {.n = 0}, s;
    put_bytes(&body, 36,
              STR("\x08\x01\x4a\x03\x0a\x01"
                  "a")); // a join, id 1
    put_bytes(&body, 10, STR("Ada"));
    put_bytes(&body, 36, STR("\x32\x00")); // a ping
    put_bytes(&body, 36, STR("\x4a\x00")); // a join of nowhere
    put_bytes(&body, 36,
              STR("\x4a\x03\x0a\x01"
                  "b"));
    s = command(HELLO, str_make(body.p, body.n));
    char room[1000];
    struct scratch scratch = {.p = room, .cap = sizeof room};
    struct reading r = {.message = str_make(s.p, s.n), .scratch = &scratch, .binary = true};
    struct command c;
    struct problem p;
    const struct payloads *proto = ways_served.encodings[ENCODING_PROTOBUF]->payloads;
    assert_int_equal(proto->decode(&r, &c, &p), OK);
    assert_int_equal(c.type, CMD_HELLO);
    assert_str(c.name, "Ada");
    assert_true(r.at < s.n);
    assert_int_equal(proto->decode(&r, &c, &p), OK);
    assert_true(c.type == CMD_JOIN && c.with_hello);
    assert_str(c.room, "a");
    assert_str_eq(c.id, STR("\x01"));
    assert_int_equal(proto->decode(&r, &c, &p), ERR_SYNTAX);
    assert_non_null(strstr(p.text, "The rooms of a `hello` are joins."));
    assert_int_equal(proto->decode(&r, &c, &p), ERR_SYNTAX);
    assert_true(r.at < s.n);
    assert_int_equal(proto->decode(&r, &c, &p), OK);
    assert_str(c.room, "b");
    assert_int_equal(r.at, s.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_message),     cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(fields_of_a_wrong_kind), cmocka_unit_test(since),
        cmocka_unit_test(bytes_with_a_type),      cmocka_unit_test(rooms_of_a_hello),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
