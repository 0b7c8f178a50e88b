// SPDX-License-Identifier: Apache-2.0
//
// dialect_support.h - what the tests of the dialects share: decoding on blocks of exactly the promised size, so
// that ASan sees a read or a write one byte past it, and reading JSON output back with the project's own reader.
#ifndef PLENUM_TESTS_UNIT_DIALECT_SUPPORT_H
#define PLENUM_TESTS_UNIT_DIALECT_SUPPORT_H

#include "dialect/ways.h"
#include "unit/support.h"
#include "wire/json.h"
#include <stdio.h>
#include <stdlib.h>

// One decoded message together with the memory its strings borrow from.
struct decoded {
    char *message;
    struct scratch scratch;
    struct command command;
    struct problem problem;
    enum err err;
};

// A message that is one command.
static inline enum err decode_one(int id, str message, struct scratch *scratch, struct command *ret,
                                  struct problem *ret_problem)
{
    struct reading r = {.message = message, .scratch = scratch};
    enum err e = ways_served.encodings[id]->payloads->decode(&r, ret, ret_problem);
    assert_int_equal(r.at, message.n);
    assert_false(r.pong);
    return e;
}

static inline struct decoded decode(int id, str message)
{
    struct decoded d = {0};
    d.message = malloc(message.n > 0 ? message.n : 1);
    assert_non_null(d.message);
    if (message.n > 0)
        memcpy(d.message, message.p, message.n);
    d.scratch.cap = id == ENCODING_JSON ? message.n : 6 * message.n + 64;
    d.scratch.p = malloc(d.scratch.cap > 0 ? d.scratch.cap : 1);
    assert_non_null(d.scratch.p);
    d.err = decode_one(id, (str){d.message, message.n}, &d.scratch, &d.command, &d.problem);
    assert_true(d.err == OK || d.err == ERR_SYNTAX);
    assert_true(d.scratch.n <= d.scratch.cap);
    assert_true((d.err == OK) == (d.problem.code == PROBLEM_NONE));
    if (d.err != OK) {
        assert_non_null(d.problem.text);
        assert_int_equal(d.command.type, CMD_NONE);
    }
    return d;
}

static inline void decoded_free(struct decoded *d)
{
    free(d->message);
    free(d->scratch.p);
}

// The raw value of a member of an object that must be valid and have it.
static inline str json_get(str object, const char *key)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    struct json_problem why = {0};
    if (json_object_scan(object, members, JSON_KEYS_MAX, &n, &why) != OK)
        fail_msg("%s in %.*s", why.message, STR_ARG(object));
    const struct json_member *m = json_member_find(members, n, str_from_cstr(key));
    if (m == NULL)
        fail_msg("no %s in %.*s", key, STR_ARG(object));
    return m->value;
}

// The characters of a string member.
static inline void assert_json_string(str object, const char *key, str expected)
{
    char scratch[4096];
    str text;
    assert_int_equal(json_string_decode(json_get(object, key), scratch, sizeof scratch, &text), OK);
    assert_str_eq(text, expected);
}

static inline void assert_json_u64(str object, const char *key, uint64_t expected)
{
    uint64_t v = 0;
    assert_true(json_u64_decode(json_get(object, key), UINT64_MAX, &v));
    assert_int_equal(v, expected);
}

// The object's keys in their order, as "a,b,c".
static inline void assert_json_keys(str object, const char *expected)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    struct json_problem why = {0};
    if (json_object_scan(object, members, JSON_KEYS_MAX, &n, &why) != OK)
        fail_msg("%s in %.*s", why.message, STR_ARG(object));
    char keys[1024];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            keys[used++] = ',';
        memcpy(keys + used, members[i].key.p, members[i].key.n);
        used += members[i].key.n;
    }
    assert_str_eq(((str){keys, used}), str_from_cstr(expected));
}

// Where encoders write in a test, on memory that is poisoned and guarded.
struct output {
    struct test_mem test_mem;
    struct mem mem;
    struct buf buf;
};

static inline void output_init(struct output *o)
{
    test_mem_init(&o->test_mem, &o->mem);
    buf_init(&o->buf, &o->mem, 0);
}

static inline void output_deinit(struct output *o)
{
    buf_deinit(&o->buf);
    test_mem_check(&o->test_mem);
}

// Good until the next one.
static inline str encode_event(struct output *o, int id, const struct event *ev)
{
    buf_reset(&o->buf, 0);
    ways_served.encodings[id]->payloads->encode_event(&o->buf, ev, 0);
    assert_true(buf_ok(&o->buf));
    return buf_str(&o->buf);
}

static inline str encode_entry(struct output *o, int id, const struct entry *e)
{
    buf_reset(&o->buf, 0);
    ways_served.encodings[id]->payloads->encode_entry(&o->buf, e, 0);
    assert_true(buf_ok(&o->buf));
    return buf_str(&o->buf);
}

#endif
