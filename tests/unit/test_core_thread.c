// SPDX-License-Identifier: Apache-2.0
//
// Threads: pages of what answers a message, from either end, behind what a reader has and in front of it; beside others' answers, and
// wherever memory ends.
#include "unit/core_support.h"

#include <stdio.h>

enum { ANSWERS = 9, FIRST = 1, OTHER = 2 };

// Two messages, each answered by turns: FIRST at 3, 5, 7, ..., OTHER at 4, 6, 8, ...
static struct net *answered(void)
{
    struct net *n = net_running(1);
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"what is it?\"}");
    say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"and this?\"}");
    for (int i = 0; i < ANSWERS; i++)
        for (int about = FIRST; about <= OTHER; about++)
            say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":\"answer %d\",\"reply_to\":%d}", i, about);
    forget(c);
    return n;
}

// The offsets of the rows of a page, as they stand there.
static void offsets_of(str page, char *ret, size_t cap)
{
    size_t n = 0;
    ret[0] = '\0';
    const str rows = str_skip(page, str_find_char(page, '[', 0));
    for (size_t at = 0; at + 9 < rows.n; at++)
        if (memcmp(rows.p + at, "\"offset\":", 9) == 0)
            n += (size_t)snprintf(ret + n, cap - n, "%u ", (unsigned)number_of(str_skip(rows, at), "offset"));
}

static void page(struct net *n, const char *what, const char *expected)
{
    char got[200];
    struct client *c = n->clients[0];
    say(c, "{\"type\":\"history\",\"id\":5,\"room\":\"r\"%s}", what);
    offsets_of(expect(c, "\"type\":\"history\""), got, sizeof got);
    assert_string_equal(got, expected);
    expect_nothing(c);
}

static void pages(void **state)
{
    (void)state;
    struct net *n = answered();
    page(n, ",\"reply_to\":1", "3 5 7 9 11 13 15 17 19 ");
    page(n, ",\"reply_to\":2", "4 6 8 10 12 14 16 18 20 ");
    page(n, ",\"reply_to\":1,\"limit\":3", "15 17 19 ");
    page(n, ",\"reply_to\":1,\"limit\":1000", "3 5 7 9 11 13 15 17 19 ");
    page(n, ",\"reply_to\":1,\"limit\":3,\"before\":15", "9 11 13 ");
    page(n, ",\"reply_to\":1,\"before\":16,\"limit\":1", "15 ");
    page(n, ",\"reply_to\":1,\"before\":3", "");
    page(n, ",\"reply_to\":1,\"before\":1000", "3 5 7 9 11 13 15 17 19 ");
    page(n, ",\"reply_to\":3", ""); // nobody answers that
    page(n, ",\"reply_to\":999", "");
    net_free(n);
}

static void behind_what_a_reader_has(void **state)
{
    (void)state;
    struct net *n = answered();
    char epoch[40], what[200];
    say(n->clients[0], "{\"type\":\"history\",\"id\":1,\"room\":\"r\",\"limit\":1}");
    string_of(expect(n->clients[0], "\"type\":\"history\""), "epoch", epoch, sizeof epoch);
    static const struct {
        int since;
        const char *more, *expected;
    } rows[] = {{0, ",\"limit\":2", "3 5 "},
                {3, ",\"limit\":2", "5 7 "},
                {16, "", "17 19 "},
                {19, "", ""},
                {4, ",\"limit\":1", "5 "}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(what, sizeof what, ",\"reply_to\":1,\"since\":{\"epoch\":\"%s\",\"offset\":%d}%s", epoch,
                 rows[i].since, rows[i].more);
        page(n, what, rows[i].expected);
    }
    net_free(n);
}

static void ask(struct net *n)
{
    say(n->clients[0], "{\"type\":\"history\",\"id\":5,\"room\":\"r\",\"reply_to\":2}");
}

static bool is_told(struct net *n)
{
    char got[200];
    struct client *c = n->clients[0];
    for (str heard = hear(c); heard.n != 0; heard = hear(c))
        if (contains(heard, "\"type\":\"history\"")) {
            offsets_of(heard, got, sizeof got);
            assert_string_equal(got, "4 6 8 10 12 14 16 18 20 "); // all of them, or an error
            return true;
        }
    return false;
}

static void wherever_memory_ends(void **state)
{
    (void)state;
    net_fail_anywhere(answered, ask, is_told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(behind_what_a_reader_has),
        cmocka_unit_test(wherever_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
