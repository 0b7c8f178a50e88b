// SPDX-License-Identifier: Apache-2.0
//
// The shared state of a room: what comes of proposals, one by one and at random against a list, applied once and applied again
// from what is in the log, whole and trimmed; limits, faults, want of memory.
#include "base/prng.h"
#include "core/home/state.h"
#include "unit/json_tree.h"
#include "unit/support.h"
#include "wire/json_merge.h"

static struct test_mem memory;
static struct mem mem;
static struct buf data, result, shown;
static struct state *state;
static struct state_verdict verdict;
static struct state_limits limits;

static int begin(void **unused)
{
    (void)unused;
    test_mem_init(&memory, &mem);
    buf_init(&data, &mem, 0);
    buf_init(&result, &mem, 0);
    buf_init(&shown, &mem, 0);
    state = NULL;
    limits = (struct state_limits){16, 400, 100};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    state_free(&state, &mem);
    buf_deinit(&data);
    buf_deinit(&result);
    buf_deinit(&shown);
    test_mem_check(&memory);
    return 0;
}

// As apply.c does it: what the record comes to, and then its effect.
static enum state_fault apply_data(struct state **s, str what, uint64_t version)
{
    buf_reset(&result, SIZE_MAX);
    assert_int_equal(state_resolve(*s, what, version, &result, &verdict), OK);
    const str r = version != 0 ? what : buf_str(&result);
    if (verdict.fault != STATE_FINE)
        return verdict.fault;
    assert_int_equal(json_validate(r, NULL), OK);
    assert_int_equal(state_secure(s, &mem, r), OK);
    state_apply(*s, &mem, r, verdict.version);
    state_check(*s);
    return STATE_FINE;
}

static enum state_fault apply(struct state_wish wish)
{
    buf_reset(&data, SIZE_MAX);
    state_propose(&wish, &limits, &data);
    assert_int_equal(json_validate(buf_str(&data), NULL), OK);
    return apply_data(&state, buf_str(&data), 0);
}

#define SET(json) ((struct state_wish){.set = STR(json)})
#define MERGE(json) ((struct state_wish){.merge = STR(json)})
#define UNSET(json) ((struct state_wish){.unset = STR(json)})

static void assert_state(const char *want, const char *versions)
{
    buf_reset(&shown, SIZE_MAX);
    state_put(&shown, state);
    assert_str_eq(buf_str(&shown), str_from_cstr(want));
    assert_true(shown.n <= state_json_bytes(state));
    buf_reset(&shown, SIZE_MAX);
    state_put_versions(&shown, state);
    assert_str_eq(buf_str(&shown), str_from_cstr(versions));
}

static void test_set_unset_merge(void **unused)
{
    (void)unused;
    assert_state("{}", "{}");
    assert_int_equal(apply(SET("{\"topic\":\"hi\", \"n\": 1.50 }")), STATE_FINE);
    assert_str_eq(buf_str(&result), STR("{\"set\":{\"topic\":\"hi\",\"n\":1.50}}"));
    assert_state("{\"n\":1.50,\"topic\":\"hi\"}", "{\"n\":1,\"topic\":1}");
    assert_int_equal(apply(MERGE("{\"by\":{\"name\":\"Ada\",\"gone\":null},\"n\":null}")), STATE_FINE);
    assert_str_eq(buf_str(&result), STR("{\"set\":{\"by\":{\"name\":\"Ada\"}},\"unset\":[\"n\"]}"));
    assert_int_equal(apply(MERGE("{\"by\":{\"id\":7}}")), STATE_FINE);
    assert_state("{\"by\":{\"name\":\"Ada\",\"id\":7},\"topic\":\"hi\"}", "{\"by\":3,\"topic\":1}");
    assert_int_equal(apply((struct state_wish){.set = STR("{\"a\":null}"),
                                               .unset = STR("[\"topic\",\"nobody\"]"),
                                               .merge = STR("{\"by\":{\"id\":null}}")}),
                     STATE_FINE);
    assert_state("{\"a\":null,\"by\":{\"name\":\"Ada\"}}", "{\"a\":4,\"by\":4}");
    assert_int_equal(state->version, 4);
}

static void test_what_changes_nothing_is_left_out(void **unused)
{
    (void)unused;
    apply(SET("{\"a\":[1],\"b\":{\"x\":1}}"));
    apply((struct state_wish){.set = STR("{\"a\":[1],\"c\":2}"),
                              .unset = STR("[\"d\"]"),
                              .merge = STR("{\"b\":{\"x\":1},\"e\":null}")});
    assert_str_eq(buf_str(&result), STR("{\"set\":{\"c\":2}}"));
    apply(UNSET("[\"d\"]"));
    assert_str_eq(buf_str(&result), STR("{}"));
    assert_int_equal(state->version, 3); // a record all the same
    assert_state("{\"a\":[1],\"b\":{\"x\":1},\"c\":2}", "{\"a\":1,\"b\":1,\"c\":2}");
    apply(UNSET("[\"a\",\"b\",\"c\"]"));
    assert_state("{}", "{}");
    assert_int_equal(state->version, 4); // it never falls
}

static void test_keys_are_kept_as_they_are_read(void **unused)
{
    (void)unused;
    apply(SET("{\"\\u0061\":1,\"\\n\":2,\"\\ud83d\\ude00\":3}"));
    assert_str_eq(buf_str(&result), STR("{\"set\":{\"a\":1,\"\\n\":2,\"\xf0\x9f\x98\x80\":3}}"));
    apply(SET("{\"a\":4}"));
    apply(UNSET("[\"\\u000a\"]"));
    assert_state("{\"a\":4,\"\xf0\x9f\x98\x80\":3}", "{\"a\":2,\"\xf0\x9f\x98\x80\":1}");
}

static void test_versions_are_compared(void **unused)
{
    (void)unused;
    apply(SET("{\"a\":1}"));
    apply(SET("{\"b\":1}"));
    assert_int_equal(apply((struct state_wish){.set = STR("{\"a\":2}"), .if_version = STR("1")}),
                     STATE_MOVED);
    assert_int_equal(verdict.version, 2);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"a\":2}"), .if_version = STR("{\"a\":2}")}),
                     STATE_KEY_MOVED);
    assert_int_equal(verdict.version, 1);
    assert_int_equal(
        apply((struct state_wish){.set = STR("{\"c\":2}"), .if_version = STR("{\"a\":1,\"b\":0}")}),
        STATE_KEY_MOVED);
    assert_int_equal(verdict.version, 2);
    assert_state("{\"a\":1,\"b\":1}", "{\"a\":1,\"b\":2}");
    assert_int_equal(
        apply((struct state_wish){.set = STR("{\"c\":2}"), .if_version = STR("{\"a\":1,\"b\":2,\"c\":0}")}),
        STATE_FINE);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"c\":3}"), .if_version = STR("3")}), STATE_FINE);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"c\":3}"), .if_version = STR("-1")}),
                     STATE_MALFORMED);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"c\":3}"), .if_version = STR("{\"c\":true}")}),
                     STATE_MALFORMED);
}

static void test_faults(void **unused)
{
    (void)unused;
    static const struct {
        struct state_wish wish;
        enum state_fault fault;
    } bad[] = {
        {{.set = STR("{\"\":1}")}, STATE_NAME},
        {{.set = STR("{\"a\":1,\"\\u0061\":2}")}, STATE_TWICE},
        {{.set = STR("{\"a\":1}"), .merge = STR("{\"a\":2}")}, STATE_TWICE},
        {{.merge = STR("{\"a\":2}"), .unset = STR("[\"\\u0061\"]")}, STATE_TWICE},
        {{.unset = STR("[\"a\",\"a\"]")}, STATE_TWICE},
        {{.unset = STR("[1]")}, STATE_MALFORMED},
        {{.merge = STR("{\"a\":{\"b\":1,\"b\":2}}")}, STATE_TWICE},
        {{.if_version = STR("{\"\":0}"), .set = STR("{\"a\":1}")}, STATE_NAME},
        {{.set = STR("[]")}, STATE_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(apply(bad[i].wish), bad[i].fault);
        assert_null(state);
    }
    assert_int_equal(apply_data(&state, STR("{\"set\":{\"a\":1}"), 0), STATE_MALFORMED);
    assert_int_equal(apply_data(&state, STR("{\"what\":{\"a\":1}}"), 0), STATE_MALFORMED);
    assert_int_equal(apply_data(&state, STR("{\"merge\":{\"a\":1}}"), 5), STATE_MALFORMED);
    assert_int_equal(apply_data(&state, STR("no"), 5), STATE_MALFORMED);
    assert_null(state);
    char key[STATE_KEY_MAX + 2] = "";
    memset(key, 'k', sizeof key);
    for (size_t n = STATE_KEY_MAX; n <= STATE_KEY_MAX + 1; n++) {
        buf_reset(&shown, SIZE_MAX);
        BUF_PUT_LIT(&shown, "{\"");
        buf_put(&shown, key, n);
        BUF_PUT_LIT(&shown, "\":1}");
        assert_int_equal(apply((struct state_wish){.set = buf_str(&shown)}),
                         n == STATE_KEY_MAX ? STATE_FINE : STATE_NAME);
    }
}

static void put_keys(struct buf *b, size_t n)
{
    buf_reset(b, SIZE_MAX);
    buf_put_char(b, '{');
    for (size_t i = 0; i < n; i++) {
        buf_put_str(b, i == 0 ? STR("\"k") : STR(",\"k"));
        buf_put_u64(b, i);
        BUF_PUT_LIT(b, "\":1");
    }
    buf_put_char(b, '}');
}

static void test_limits(void **unused)
{
    (void)unused;
    put_keys(&shown, 17);
    assert_int_equal(apply((struct state_wish){.set = buf_str(&shown)}), STATE_KEYS);
    assert_int_equal(verdict.limit, 16);
    assert_null(state);
    put_keys(&shown, 16);
    assert_int_equal(apply((struct state_wish){.set = buf_str(&shown)}), STATE_FINE);
    assert_int_equal(apply(SET("{\"one\":1}")), STATE_KEYS);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"one\":1}"), .unset = STR("[\"k3\"]")}),
                     STATE_FINE);
    limits.keys = 4; // lowered: it may shrink, and change, and not grow
    assert_int_equal(apply(SET("{\"two\":1}")), STATE_KEYS);
    assert_int_equal(apply((struct state_wish){.set = STR("{\"two\":1}"), .unset = STR("[\"k4\"]")}),
                     STATE_FINE);
    assert_int_equal(apply(UNSET("[\"k5\"]")), STATE_FINE);
    limits = (struct state_limits){16, 60, 20};
    assert_int_equal(apply(SET("{\"k1\":\"0123456789012345678\"}")), STATE_VALUE); // 21 bytes
    assert_int_equal(verdict.limit, 20);
    assert_int_equal(apply(SET("{\"k1\":\"012345678901234567\"}")), STATE_BYTES);
    assert_int_equal(verdict.limit, 60);
    assert_int_equal(apply(SET("{\"k1\":\"01\"}")), STATE_FINE);
    limits.value = 2;
    assert_int_equal(apply(MERGE("{\"k2\":{}}")), STATE_FINE);
    assert_int_equal(apply(MERGE("{\"k2\":{\"a\":1}}")), STATE_VALUE); // of what it comes to
    limits = (struct state_limits){STATE_KEYS_CEILING, STATE_BYTES_CEILING, STATE_BYTES_CEILING};
    put_keys(&shown, STATE_CHANGES_MAX + 1);
    assert_int_equal(apply((struct state_wish){.set = buf_str(&shown)}), STATE_MANY);
    put_keys(&shown, STATE_CHANGES_MAX);
    assert_int_equal(apply((struct state_wish){.set = buf_str(&shown)}), STATE_FINE);
}

static void test_a_result_is_taken_as_it_is(void **unused)
{
    (void)unused;
    assert_int_equal(apply_data(&state, STR("{\"set\":{\"a\":1},\"unset\":[\"b\"]}"), 7), STATE_FINE);
    assert_int_equal(verdict.version, 7);
    assert_int_equal(apply_data(&state, STR("{\"set\":{\"b\":1}}"), 3), STATE_FINE); // it never falls
    assert_state("{\"a\":1,\"b\":1}", "{\"a\":7,\"b\":8}");
    state_clear(state, &mem);
    state_check(state);
    assert_state("{}", "{}");
    assert_int_equal(apply(SET("{\"a\":2}")), STATE_FINE);
    assert_state("{\"a\":2}", "{\"a\":9}");
}

// Whatever request fails, nothing has changed, and it works the next time.
static void test_no_memory(void **unused)
{
    (void)unused;
    apply(SET("{\"a\":1,\"z\":1}"));
    const str what = STR("{\"set\":{\"a\":2,\"b\":3,\"c\":4,\"d\":5},\"unset\":[\"z\"]}");
    for (uint64_t at = 1;; at++) {
        memory.fail_at = memory.calls + at;
        enum err e = state_secure(&state, &mem, what);
        memory.fail_at = 0;
        if (e == OK) {
            assert_true(at > 4);
            break;
        }
        assert_int_equal(e, ERR_NOMEM);
        state_check(state);
        assert_state("{\"a\":1,\"z\":1}", "{\"a\":1,\"z\":1}");
    }
    state_fit(&state, &mem); // its record has found no place
    state_check(state);
    assert_state("{\"a\":1,\"z\":1}", "{\"a\":1,\"z\":1}");
    struct state *none = NULL;
    assert_int_equal(state_secure(&none, &mem, what), OK);
    state_fit(&none, &mem);
    assert_null(none);
}

// --- at random, against a list

enum { KEYS = 8, RECORDS = 3000 };

struct model {
    char *value[KEYS]; // NULL: not there
    uint64_t version[KEYS], room;
};

static const char *const names[KEYS] = {"a", "b", "cc", "", "e\\n", "f", "\\u0067", "h"};

static void put_random(struct buf *b, struct prng *r, unsigned depth, bool nulls)
{
    static const char *const scalars[] = {"1", "\"s\"", "[ 1 ]", "true", "null"};
    if (depth > 2 || prng_below(r, 2) == 0) {
        buf_put_str(b, str_from_cstr(scalars[prng_below(r, nulls ? 5 : 4)]));
        return;
    }
    buf_put_char(b, '{');
    bool first = true;
    for (int k = 0; k < 3; k++) {
        if (prng_below(r, 2) == 0)
            continue;
        buf_put_str(b, first ? STR("\"") : STR(",\""));
        first = false;
        buf_put_char(b, (char)('x' + k));
        BUF_PUT_LIT(b, "\":");
        put_random(b, r, depth + 1, nulls);
    }
    buf_put_char(b, '}');
}

static void model_put(struct model *m, int k, str value)
{
    char *was = m->value[k];
    if (was != NULL && value.p != NULL && str_eq(str_from_cstr(was), value))
        return;
    if (was == NULL && value.p == NULL)
        return;
    m->value[k] = NULL;
    m->version[k] = m->room;
    if (value.p != NULL) {
        m->value[k] = tree_copy(value.p, value.n);
        m->value[k][value.n] = '\0';
    }
    free(was);
}

// What it says of each key, in a proposal's words and in the model's.
struct say {
    struct buf set, merge, unset;
};

static void say_key(struct say *say, struct prng *r, struct model *m, int k)
{
    struct buf value, merged;
    buf_init(&value, &mem, 0);
    buf_init(&merged, &mem, 0);
    uint64_t how = prng_below(r, 4);
    struct buf *b = how == 0 ? &say->unset : how == 1 ? &say->merge : &say->set;
    if (b->n > 1)
        buf_put_char(b, ',');
    buf_put_char(b, '"');
    buf_put_str(b, str_from_cstr(names[k]));
    buf_put_char(b, '"');
    if (how != 0) {
        put_random(&value, r, 0, true);
        buf_put_char(b, ':');
        buf_put_str(b, buf_str(&value));
    }
    if (how == 0 || (how == 1 && str_eq(buf_str(&value), STR("null")))) {
        model_put(m, k, STR_NONE);
    } else if (how == 1) {
        const str was = m->value[k] != NULL ? str_from_cstr(m->value[k]) : STR_NONE;
        assert_int_equal(json_merge(was, buf_str(&value), &merged), OK);
        model_put(m, k, buf_str(&merged));
    } else {
        model_put(m, k, buf_str(&value));
    }
    buf_deinit(&value);
    buf_deinit(&merged);
}

static void assert_model(const struct model *m, const struct state *s)
{
    assert_int_equal(state_version(s), m->room);
    uint32_t n = 0;
    for (int k = 0; k < KEYS; k++) {
        char raw[16], scratch[16];
        str key;
        const int len = snprintf(raw, sizeof raw, "\"%s\"", names[k]);
        assert_int_equal(json_string_decode(str_make(raw, (size_t)len), scratch, sizeof scratch, &key), OK);
        const struct state_row *row = state_find(s, key);
        assert_int_equal(row != NULL, m->value[k] != NULL);
        if (row == NULL)
            continue;
        assert_str_eq(state_row_value(row), str_from_cstr(m->value[k]));
        assert_int_equal(row->version, m->version[k]);
        n++;
    }
    assert_int_equal(s != NULL ? s->n : 0, n);
}

static void assert_same_states(const struct state *a, const struct state *b)
{
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_str_eq(state_row_key(a->rows[i]), state_row_key(b->rows[i]));
        assert_str_eq(state_row_value(a->rows[i]), state_row_value(b->rows[i]));
        assert_int_equal(a->rows[i]->version, b->rows[i]->version);
    }
}

// Of a log that begins with the record behind `from`: what was changed since is the same, and nothing else is there.
static void assert_state_of_tail(const struct state *whole, const struct state *tail, uint64_t from)
{
    uint32_t newer = 0;
    for (uint32_t i = 0; i < whole->n; i++) {
        const struct state_row *r = state_find(tail, state_row_key(whole->rows[i]));
        assert_int_equal(r != NULL, whole->rows[i]->version > from);
        if (r == NULL)
            continue;
        newer++;
        assert_str_eq(state_row_value(r), state_row_value(whole->rows[i]));
        assert_int_equal(r->version, whole->rows[i]->version);
    }
    assert_int_equal(tail->n, newer);
    assert_int_equal(tail->version, whole->version);
}

static void test_state_is_all_its_updates(void **unused)
{
    (void)unused;
    struct prng r;
    struct model m = {.room = 0};
    struct say say;
    struct state *again = NULL, *tail = NULL;
    uint64_t from = 0;
    prng_init(&r, 8);
    limits = (struct state_limits){KEYS, 4000, 1000};
    buf_init(&say.set, &mem, 0);
    buf_init(&say.merge, &mem, 0);
    buf_init(&say.unset, &mem, 0);
    for (int i = 0; i < RECORDS; i++) {
        buf_reset(&say.set, SIZE_MAX);
        buf_reset(&say.merge, SIZE_MAX);
        buf_reset(&say.unset, SIZE_MAX);
        buf_put_char(&say.set, '{');
        buf_put_char(&say.merge, '{');
        buf_put_char(&say.unset, '[');
        m.room++;
        for (int k = 0; k < KEYS; k++)
            if (names[k][0] != '\0' && prng_below(&r, 3) == 0)
                say_key(&say, &r, &m, k);
        buf_put_char(&say.set, '}');
        buf_put_char(&say.merge, '}');
        buf_put_char(&say.unset, ']');
        const uint64_t version = m.room;
        assert_int_equal(apply((struct state_wish){.set = buf_str(&say.set),
                                                   .unset = buf_str(&say.unset),
                                                   .merge = buf_str(&say.merge)}),
                         STATE_FINE);
        assert_model(&m, state);
        buf_reset(&shown, SIZE_MAX);
        buf_put_str(&shown, buf_str(&result)); // as the log has it
        assert_int_equal(apply_data(&again, buf_str(&shown), version), STATE_FINE);
        assert_same_states(state, again);
        if (i % 50 == 0) {
            state_free(&tail, &mem);
            from = version;
        } else {
            assert_int_equal(apply_data(&tail, buf_str(&shown), version), STATE_FINE);
            assert_state_of_tail(state, tail, from);
        }
    }
    for (int k = 0; k < KEYS; k++)
        free(m.value[k]);
    state_free(&again, &mem);
    state_free(&tail, &mem);
    buf_deinit(&say.set);
    buf_deinit(&say.merge);
    buf_deinit(&say.unset);
}

static void check(void *s) { state_check(s); }

static void test_its_invariants_are_asserted(void **unused)
{
    (void)unused;
    apply(SET("{\"a\":1,\"b\":2}"));
    struct state_row *first = state->rows[0];
    state->rows[0] = state->rows[1];
    state->rows[1] = first;
    assert_true(asserts(check, state)); // 1
    state->rows[1] = state->rows[0];
    state->rows[0] = first;
    state->bytes++;
    assert_true(asserts(check, state)); // 2
    state->bytes--;
    first->version = 2;
    assert_true(asserts(check, state)); // 3
    first->version = 1;
    state->pending = first;
    assert_true(asserts(check, state)); // 4
    state->pending = NULL;
    state_check(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_set_unset_merge, begin, end),
        cmocka_unit_test_setup_teardown(test_what_changes_nothing_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(test_keys_are_kept_as_they_are_read, begin, end),
        cmocka_unit_test_setup_teardown(test_versions_are_compared, begin, end),
        cmocka_unit_test_setup_teardown(test_faults, begin, end),
        cmocka_unit_test_setup_teardown(test_limits, begin, end),
        cmocka_unit_test_setup_teardown(test_a_result_is_taken_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_state_is_all_its_updates, begin, end),
        cmocka_unit_test_setup_teardown(test_its_invariants_are_asserted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
