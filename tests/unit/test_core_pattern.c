// SPDX-License-Identifier: Apache-2.0
//
// Patterns of room names: what they match, which one is the most specific, and that none takes its time.
#include "base/prng.h"
#include "core/common/pattern.h"
#include "unit/pattern_slow.h"
#include "unit/support.h"

static bool match(const char *pattern, const char *name)
{
    assert_null(pattern_problem(str_from_cstr(pattern)));
    return pattern_match(str_from_cstr(pattern), str_from_cstr(name));
}

static void what_matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"lobby", "lobby", true},
        {"lobby", "Lobby", false},
        {"lobby", "lobby2", false},
        {"lobby", "lobb", false},
        {"lobby", "", false},
        {"*", "lobby", true},
        {"*", "a/b", false},
        {"*", "a:b", false},
        {"*", "", true},
        {"**", "a/b:c", true},
        {"team-*", "team-", true},
        {"team-*", "team-red", true},
        {"team-*", "team-red/plans", false},
        {"team-*", "team-red:plans", false},
        {"team-*", "steam-red", false},
        {"team-*/plans", "team-red/plans", true},
        {"team-*/plans", "team-red:plans", false},
        {"team-*/plans", "team-red/blue/plans", false},
        {"acme:*", "acme:hall", true},
        {"acme:*", "acme:hall:north", false},
        {"acme:*", "acme", false},
        {"acme:**", "acme:hall:north", true},
        {"acme:**", "acme:", true},
        {"acme:**", "acme", false},
        {"**/plans", "a:b/plans", true},
        {"**/plans", "/plans", true},
        {"**/plans", "plans", false},
        {"**/plans", "a/plans/b", false},
        {"*a*", "bab", true},
        {"*a*", "b/a", false},
        {"**a*b", "a/a-xb", true},
        {"**a*b", "a/a/xb", false},
        {"**a*b", "ab/c", false},
        {"*/b*c", "x/ya/bc", false}, // going back to one star is not enough
        {"**b*d", "b/bcd", true},
        {"a*b*c", "abbc", true},
        {"a**b**c", "a/b/c:b:c", true},
        {"a*", "a*", true}, // a star in a name is an octet as any other
        {"a*b", "a**b", true},
        {"*\xc3\xa9", "caf\xc3\xa9", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (match(cases[i].pattern, cases[i].name) != cases[i].matches)
            fail_msg("%s %s", cases[i].pattern, cases[i].name);
}

static void what_is_no_pattern(void **state)
{
    (void)state;
    char long_one[PATTERN_MAX + 2];
    memset(long_one, 'a', sizeof long_one);
    assert_null(pattern_problem(str_make(long_one, PATTERN_MAX)));
    assert_non_null(pattern_problem(str_make(long_one, PATTERN_MAX + 1)));
    static const char *const bad[] = {"", "a\n", " a", "a ", "\xff", "***", "a***b", "****"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (pattern_problem(str_from_cstr(bad[i])) == NULL)
            fail_msg("%s", bad[i]);
    assert_non_null(strstr(pattern_problem(STR("a***b")), "stars in a row"));
    static const char *const good[] = {"*", "**", "*a*", "**a**", "a*:**/b", "a b"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(pattern_problem(str_from_cstr(good[i])));
}

// From the most specific one on.
static void which_is_the_most_specific(void **state)
{
    (void)state;
    static const char *const order[] = {
        "team-red-1", // ten octets that are no stars
        "team-red*",  // eight, and a `*`
        "team*-red",  // which comes earlier
        "team-*red*", // and two of them
        "team-re**d", // and a `**`
        "team-*",     // five
        "*-maet",     // the star comes first
        "*team-",     // which is so here, too: the order of octets
        "acme:**",    // five, and a `**`
        "a*",         "*", "**",
    };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t j = 0; j < ARRAY_LEN(order); j++) {
            int c = pattern_cmp(str_from_cstr(order[i]), str_from_cstr(order[j]));
            if ((c > 0) - (c < 0) != (i > j) - (i < j))
                fail_msg("%s %s: %d", order[i], order[j], c);
        }
}

// Short ones of few octets, so that they often match.
static str random_text(struct prng *dice, char *at, size_t max, const char *octets)
{
    size_t n = (size_t)prng_below(dice, max + 1), kinds = strlen(octets);
    for (size_t i = 0; i < n; i++)
        at[i] = octets[prng_below(dice, kinds)];
    return str_make(at, n);
}

static void as_it_is_defined(void **state)
{
    (void)state;
    struct prng dice;
    prng_init(&dice, 7);
    uint32_t matched = 0, tried = 0;
    for (int i = 0; i < 60000; i++) {
        char a[8], b[10];
        str pattern = random_text(&dice, a, sizeof a, "ab:***"),
            name = random_text(&dice, b, sizeof b, "ab/:");
        if (pattern_problem(pattern) != NULL)
            continue;
        bool matches = pattern_match(pattern, name);
        if (matches != slow_match(pattern, name))
            fail_msg("%.*s %.*s", STR_ARG(pattern), STR_ARG(name));
        tried++;
        matched += matches;
    }
    assert_true(tried > 10000 && matched > 3000);
}

// The order is one: of three, no circle; and what is before in one direction is behind in the other.
static void the_order_is_one(void **state)
{
    (void)state;
    struct prng dice;
    prng_init(&dice, 8);
    for (int i = 0; i < 20000; i++) {
        char text[3][8];
        str p[3];
        for (int k = 0; k < 3; k++)
            p[k] = random_text(&dice, text[k], sizeof text[k], "ab*");
        assert_true((pattern_cmp(p[0], p[1]) < 0) == (pattern_cmp(p[1], p[0]) > 0));
        assert_true((pattern_cmp(p[0], p[1]) == 0) == str_eq(p[0], p[1]));
        if (pattern_cmp(p[0], p[1]) <= 0 && pattern_cmp(p[1], p[2]) <= 0)
            assert_true(pattern_cmp(p[0], p[2]) <= 0);
    }
}

// Patterns that cost others the cube of their length, or two to the power of their stars, and a name that never fits.
static void none_takes_its_time(void **state)
{
    (void)state;
    char pattern[PATTERN_MAX], name[SLOW_NAME_MAX];
    memset(name, 'a', sizeof name);
    for (size_t i = 0; i < PATTERN_MAX; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[PATTERN_MAX - 1] = 'b';
    for (int i = 0; i < 200; i++)
        assert_false(pattern_match(str_make(pattern, PATTERN_MAX), str_make(name, sizeof name)));
    name[sizeof name - 1] = 'b';
    assert_true(pattern_match(str_make(pattern, PATTERN_MAX), str_make(name, sizeof name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matches),
        cmocka_unit_test(what_is_no_pattern),
        cmocka_unit_test(which_is_the_most_specific),
        cmocka_unit_test(as_it_is_defined),
        cmocka_unit_test(the_order_is_one),
        cmocka_unit_test(none_takes_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
