// SPDX-License-Identifier: Apache-2.0
//
// Merge patches: the cases of RFC 7396, appendix A, our own of order, bytes and limits, and random ones against a tree.
#include "base/prng.h"
#include "unit/json_tree.h"
#include "unit/support.h"
#include "wire/json_merge.h"

static struct test_mem memory;
static struct mem mem;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    test_mem_init(&memory, &mem);
    buf_init(&out, &mem, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_deinit(&out);
    test_mem_check(&memory);
    return 0;
}

static enum err merge(str target, str patch)
{
    buf_reset(&out, SIZE_MAX);
    assert_int_equal(json_validate(patch, NULL), OK);
    return json_merge(target, patch, &out);
}

static void check(const char *target, const char *patch, const char *result)
{
    assert_int_equal(merge(str_from_cstr(target), str_from_cstr(patch)), OK);
    assert_str_eq(buf_str(&out), str_from_cstr(result));
}

static void test_the_cases_of_the_rfc(void **state)
{
    (void)state;
    check("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    check("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    check("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    check("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    check("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    check("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    check("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
    check("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    check("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    check("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    check("{\"a\":\"foo\"}", "null", "null");
    check("{\"a\":\"foo\"}", "\"bar\"", "\"bar\"");
    check("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    check("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    check("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

static void test_bytes_and_order_stay(void **state)
{
    (void)state;
    check("", "{\"a\":1}", "{\"a\":1}");
    check("", "7", "7");
    check("{ \"z\" : 1.50 , \"a\" : { \"k\" : [ 1 ] } }", "{\"n\": 2}",
          "{\"z\":1.50,\"a\":{ \"k\" : [ 1 ] },\"n\":2}");
    check("{\"z\":1,\"a\":2,\"m\":3}", "{\"m\":30,\"b\":4,\"z\":10}", "{\"z\":10,\"a\":2,\"m\":30,\"b\":4}");
    check("{\"n\":123456789012345678901234567890}", "{\"f\":1e400}",
          "{\"n\":123456789012345678901234567890,\"f\":1e400}");
    check("{\"a\":[null,{\"b\":null}]}", "{\"c\":[null]}", "{\"a\":[null,{\"b\":null}],\"c\":[null]}");
}

static void test_keys_are_what_they_say(void **state)
{
    (void)state;
    check("{\"a\":1,\"b\":2}", "{\"\\u0061\":3}", "{\"a\":3,\"b\":2}");
    check("{\"\\u0061\":1}", "{\"a\":null}", "{}");
    check("{\"\\u0061\":1}", "{\"a\":2}", "{\"\\u0061\":2}");
    check("{\"\":1}", "{\"\":2}", "{\"\":2}");
}

static void test_a_key_that_stands_twice(void **state)
{
    (void)state;
    check("{\"a\":{\"x\":1},\"b\":0,\"a\":{\"y\":2}}", "{\"a\":{\"z\":3}}",
          "{\"a\":{\"y\":2,\"z\":3},\"b\":0}");
    check("{\"a\":1,\"a\":2}", "{\"a\":null}", "{}");
    assert_int_equal(merge(STR("{}"), STR("{\"a\":1,\"b\":2,\"\\u0061\":3}")), ERR_EXISTS);
    assert_int_equal(merge(STR("{}"), STR("{\"x\":{\"a\":1,\"a\":1}}")), ERR_EXISTS);
    check("{}", "{\"x\":[{\"a\":1,\"a\":1}]}", "{\"x\":[{\"a\":1,\"a\":1}]}"); // no patch, but a value
}

// A patch of so many members, each an object of `inner` ones.
static str wide_patch(struct buf *b, size_t n, size_t inner)
{
    buf_reset(b, SIZE_MAX);
    buf_put_char(b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            buf_put_char(b, ',');
        BUF_PUT_LIT(b, "\"k");
        buf_put_u64(b, i);
        BUF_PUT_LIT(b, "\":{");
        for (size_t k = 0; k < inner; k++) {
            if (k != 0)
                buf_put_char(b, ',');
            BUF_PUT_LIT(b, "\"i");
            buf_put_u64(b, k);
            BUF_PUT_LIT(b, "\":1");
        }
        buf_put_char(b, '}');
    }
    buf_put_char(b, '}');
    return buf_str(b);
}

static void test_limits(void **state)
{
    (void)state;
    struct buf patch;
    buf_init(&patch, &mem, 0);
    str text = wide_patch(&patch, JSON_MERGE_MEMBERS_MAX, 0);
    assert_int_equal(merge(STR("{}"), text), OK);
    assert_str_eq(buf_str(&out), text);
    assert_int_equal(merge(STR("{}"), wide_patch(&patch, JSON_MERGE_MEMBERS_MAX + 1, 0)), ERR_LIMIT);
    assert_int_equal(merge(STR("{}"), wide_patch(&patch, 200, 56)), OK); // counted with those around it
    assert_int_equal(merge(STR("{}"), wide_patch(&patch, 200, 57)), ERR_LIMIT);
    buf_reset(&patch, SIZE_MAX);
    for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
        BUF_PUT_LIT(&patch, "{\"a\":");
    BUF_PUT_LIT(&patch, "{}");
    for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
        BUF_PUT_LIT(&patch, "}");
    assert_int_equal(merge(buf_str(&patch), buf_str(&patch)), OK);
    assert_str_eq(buf_str(&out), buf_str(&patch));
    buf_deinit(&patch);
}

static void test_no_memory(void **state)
{
    (void)state;
    buf_deinit(&out);
    buf_init(&out, &mem, 0);
    memory.fail_from = memory.calls + 1;
    assert_int_equal(json_merge(STR("{\"a\":1}"), STR("{\"b\":2}"), &out), ERR_NOMEM);
    memory.fail_from = 0;
    buf_reset(&out, 0);
}

// --- at random

static void put_value(struct buf *b, struct prng *r, unsigned depth, bool repeats);

static void put_object(struct buf *b, struct prng *r, unsigned depth, bool repeats)
{
    static const char *const keys[] = {"a", "b", "c", "\\u0061", "\\u0062", ""};
    unsigned taken = 0;
    bool first = true;
    buf_put_char(b, '{');
    for (uint64_t n = prng_below(r, 5); n-- > 0;) {
        uint64_t k = prng_below(r, ARRAY_LEN(keys));
        const unsigned bit = 1u << (k == 3 ? 0 : k == 4 ? 1 : k);
        if ((taken & bit) != 0 && !repeats)
            continue;
        taken |= bit;
        if (!first)
            buf_put_char(b, ',');
        first = false;
        buf_put_char(b, '"');
        buf_put_str(b, str_from_cstr(keys[k]));
        buf_put_str(b, prng_below(r, 4) == 0 ? STR("\" : ") : STR("\":"));
        put_value(b, r, depth + 1, repeats);
    }
    buf_put_char(b, '}');
}

static void put_value(struct buf *b, struct prng *r, unsigned depth, bool repeats)
{
    static const char *const scalars[] = {"null", "1", "\"s\"", "true", "[]", "null", "-0.0", "[null,{}]"};
    if (depth < 5 && prng_below(r, 3) != 0)
        put_object(b, r, depth, repeats);
    else
        buf_put_str(b, str_from_cstr(scalars[prng_below(r, ARRAY_LEN(scalars))]));
}

static void check_against_tree(str target, str patch)
{
    assert_int_equal(merge(target, patch), OK);
    struct tree want = tree_parse(target), by = tree_parse(patch);
    tree_merge(&want, &by);
    assert_int_equal(json_validate(buf_str(&out), NULL), OK);
    struct tree got = tree_parse(buf_str(&out));
    assert_true(tree_eq(&want, &got));
    tree_free(&want);
    tree_free(&by);
    tree_free(&got);
}

static void test_random_patches(void **state)
{
    (void)state;
    struct prng r;
    struct buf target, patch, once;
    prng_init(&r, 7396);
    buf_init(&target, &mem, 0);
    buf_init(&patch, &mem, 0);
    buf_init(&once, &mem, 0);
    put_value(&target, &r, 0, true);
    for (int i = 0; i < 20000; i++) {
        if (i % 10 == 0) { // else what came of the patches before
            buf_reset(&target, SIZE_MAX);
            put_value(&target, &r, 0, true);
        }
        buf_reset(&patch, SIZE_MAX);
        put_value(&patch, &r, 0, false);
        check_against_tree(buf_str(&target), buf_str(&patch));
        buf_reset(&once, SIZE_MAX);
        buf_put_str(&once, buf_str(&out));
        assert_int_equal(merge(buf_str(&once), buf_str(&patch)), OK); // once more changes nothing
        assert_str_eq(buf_str(&out), buf_str(&once));
        buf_reset(&target, SIZE_MAX);
        buf_put_str(&target, buf_str(&once));
    }
    buf_deinit(&target);
    buf_deinit(&patch);
    buf_deinit(&once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_cases_of_the_rfc, begin, end),
        cmocka_unit_test_setup_teardown(test_bytes_and_order_stay, begin, end),
        cmocka_unit_test_setup_teardown(test_keys_are_what_they_say, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_that_stands_twice, begin, end),
        cmocka_unit_test_setup_teardown(test_limits, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_random_patches, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
