// SPDX-License-Identifier: Apache-2.0
//
// Who may do what in a room: the table, grants, ranks; and each command by each role through a shard, as the table says.
#include "core/home/rights.h"
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static bool in(uint32_t set, enum right right) { return (set & RIGHT_BIT(right)) != 0; }

static void a_higher_role_may_all_that_a_lower_one_may(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_true(in(rights_of((enum role)role), RIGHT_NONE));
        if (role != 0) {
            uint32_t less = rights_of((enum role)(role - 1)), more = rights_of((enum role)role);
            assert_true((less & more) == less);
            assert_true(less != more);
            assert_true(rights_rank((enum role)(role - 1)) < rights_rank((enum role)role));
        }
    }
    static const struct {
        enum right right;
        enum role least;
    } some[] = {{RIGHT_JOIN, ROLE_GUEST},     {RIGHT_READ, ROLE_GUEST}, {RIGHT_PUBLISH, ROLE_MEMBER},
                {RIGHT_SIGNAL, ROLE_MEMBER},  {RIGHT_KICK, ROLE_HOST},  {RIGHT_BAN, ROLE_HOST},
                {RIGHT_READONLY, ROLE_HOST},  {RIGHT_ROLE, ROLE_HOST},  {RIGHT_CLOSE, ROLE_OWNER},
                {RIGHT_DELETE_ANY, ROLE_HOST}};
    for (size_t i = 0; i < ARRAY_LEN(some); i++)
        for (int role = 0; role < ROLE_COUNT; role++)
            assert_int_equal(in(rights_of((enum role)role), some[i].right), role >= (int)some[i].least);
    assert_int_equal(rights_of(ROLE_OWNER), (RIGHT_BIT(RIGHT_COUNT) - 1));
}

static void without_a_grant_the_role_counts(void **state)
{
    (void)state;
    for (int rule = 0; rule < ROLE_COUNT; rule++)
        for (int given = 0; given <= ROLE_NOT_GIVEN; given++) {
            struct rights r = rights_make((enum role)rule, (enum role)given, 0);
            enum role role = (enum role)(given == ROLE_NOT_GIVEN ? rule : given);
            assert_int_equal(r.set, rights_of(role));
            assert_int_equal(r.role, role);
            assert_int_equal(r.rank, rights_rank(role));
        }
}

// Exactly what it says, in open rooms too, and what a role that was given adds.
static void a_grant_takes_the_place_of_the_rule(void **state)
{
    (void)state;
    const uint32_t grant = GRANT_THERE | RIGHT_BIT(RIGHT_JOIN) | RIGHT_BIT(RIGHT_READ);
    struct rights r = rights_make(ROLE_OWNER, ROLE_NOT_GIVEN, grant);
    assert_int_equal(r.set, grant);
    assert_false(rights_allow(&r, RIGHT_PUBLISH));
    r = rights_make(ROLE_OWNER, ROLE_NOT_GIVEN, GRANT_THERE); // nothing at all
    assert_false(rights_allow(&r, RIGHT_JOIN));
    assert_true(rights_allow(&r, RIGHT_NONE));
    r = rights_make(ROLE_GUEST, ROLE_HOST, grant);
    assert_int_equal(r.set, grant | rights_of(ROLE_HOST));
    assert_int_equal(r.rank, rights_rank(ROLE_HOST));
}

static void a_grant_has_a_rank(void **state)
{
    (void)state;
    struct rights moderator = rights_make(ROLE_GUEST, ROLE_NOT_GIVEN, GRANT_THERE | RIGHT_BIT(RIGHT_KICK));
    assert_true(moderator.rank > rights_rank(ROLE_MEMBER) && moderator.rank < rights_rank(ROLE_HOST));
    assert_int_equal(moderator.role, ROLE_GUEST);
    struct rights host = rights_make(ROLE_MEMBER, ROLE_NOT_GIVEN, rights_of(ROLE_HOST));
    assert_int_equal(host.rank, rights_rank(ROLE_HOST));
    assert_int_equal(host.role, ROLE_HOST); // so others see it
    struct rights all = rights_make(ROLE_GUEST, ROLE_NOT_GIVEN, GRANT_ALL);
    assert_true(all.rank > rights_rank(ROLE_OWNER));
    struct rights writer = rights_make(ROLE_MEMBER, ROLE_NOT_GIVEN, GRANT_THERE | RIGHT_BIT(RIGHT_PUBLISH));
    assert_int_equal(writer.rank, rights_rank(ROLE_MEMBER));
}

static void rights_of_beyond(void *arg)
{
    (void)arg;
    (void)rights_of(ROLE_COUNT);
}

static void make_beyond(void *arg)
{
    (void)arg;
    (void)rights_make(ROLE_MEMBER, (enum role)(ROLE_NOT_GIVEN + 1), 0);
}

static void missing_beyond(void *arg)
{
    (void)arg;
    (void)right_missing(RIGHT_COUNT, LACK_ROLE);
}

static void beyond(void **state)
{
    (void)state;
    assert_true(asserts(rights_of_beyond, NULL));
    assert_true(asserts(make_beyond, NULL));
    assert_true(asserts(missing_beyond, NULL));
    for (int right = 1; right < RIGHT_COUNT; right++)
        for (int by = LACK_ROLE; by <= LACK_GUEST; by++) {
            char wanted[40];
            snprintf(wanted, sizeof wanted, "`%s`", right_name((enum right)right));
            assert_non_null(strstr(right_missing((enum right)right, (enum lack)by), wanted));
            assert_non_null(strstr(right_missing((enum right)right, (enum lack)by), "{}"));
            assert_true(strlen(right_words((enum right)right)) > 5);
        }
}

// The protocol's page has the table, these rows and no others.
static void the_page_has_the_table(void **state)
{
    (void)state;
    static const char head[] =
        "| right | what for | guest | member | host | owner |\n|---|---|---|---|---|---|\n";
    char *page = source_text("docs/protocol/native.md"), row[256];
    const char *at = strstr(page, head);
    assert_non_null(at);
    at += sizeof head - 1;
    for (int i = 1; i < RIGHT_COUNT; i++) {
        enum right right = (enum right)i;
        int n = snprintf(row, sizeof row, "| `%s` | %s |", right_name(right), right_words(right));
        for (int role = 0; role < ROLE_COUNT; role++)
            n += snprintf(row + n, sizeof row - (size_t)n,
                          in(rights_of((enum role)role), right) ? " yes |" : " |");
        n += snprintf(row + n, sizeof row - (size_t)n, "\n");
        if (strncmp(at, row, (size_t)n) != 0)
            print_error("want \"%s\"\ngot  \"%.*s\"\n", row, n, at);
        assert_int_equal(strncmp(at, row, (size_t)n), 0);
        at += n;
    }
    assert_int_not_equal(*at, '|');
    free(page);
}

// --- each command by each role, through a shard

static const char *const said[CMD_COUNT] = {
    [CMD_MESSAGE] = "\"type\":\"message\",\"data\":1",
    [CMD_SIGNAL] = "\"type\":\"signal\",\"data\":1",
    [CMD_MEMBERS] = "\"type\":\"members\"",
    [CMD_HISTORY] = "\"type\":\"history\"",
    [CMD_ROLE] = "\"type\":\"role\",\"user\":\"%s\",\"role\":\"guest\"",
    [CMD_KICK] = "\"type\":\"kick\",\"user\":\"%s\"",
    [CMD_BAN] = "\"type\":\"ban\",\"user\":\"%s\"",
    [CMD_UNBAN] = "\"type\":\"unban\",\"user\":\"%s\"",
    [CMD_MUTE] = "\"type\":\"mute\",\"user\":\"%s\"",
    [CMD_UNMUTE] = "\"type\":\"unmute\",\"user\":\"%s\"",
    [CMD_SLOW] = "\"type\":\"slow\",\"seconds\":30",
    [CMD_READONLY] = "\"type\":\"readonly\",\"on\":true",
    [CMD_STATE] = "\"type\":\"state\",\"set\":{\"k\":1}",
    [CMD_STATE_READ] = "\"type\":\"state\"",
    [CMD_CLOSE] = "\"type\":\"close\"",
    [CMD_LOCK] = "\"type\":\"lock\",\"on\":true",
    [CMD_INVITE] = "\"type\":\"invite\",\"role\":\"guest\"",
    [CMD_UNINVITE] = "\"type\":\"uninvite\",\"invitation\":\"AAAAAAAA\"",
    [CMD_INVITES] = "\"type\":\"invites\"",
    // Of a message of one's own, which is all that the right of its row is for.
    [CMD_EDIT] = "\"type\":\"edit\",\"offset\":1,\"data\":1",
    [CMD_DELETE] = "\"type\":\"delete\",\"offset\":1",
    [CMD_READ] = "\"type\":\"read\",\"offset\":1",
    [CMD_REACT] = "\"type\":\"react\",\"offset\":1,\"key\":\"+\"",
};

static void order(struct client *c, const char *about, const char *format)
{
    char text[256];
    snprintf(text, sizeof text, format, about);
    say(c, "{\"id\":7,\"room\":\"r\",%s}", text);
}

// A member with that role, who has said something before, and somebody below.
static struct client *person(struct net *n, enum role role)
{
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":1}");
    net_give(c, "r", c->user, role_name(role));
    return c;
}

static void each_command_takes_its_right(void **state)
{
    (void)state;
    uint32_t allowed = 0, denied = 0;
    for (int type = 0; type < CMD_COUNT; type++) {
        const struct command_row *row = command_row((enum command_type)type);
        bool asks = row->decided == DECIDED_ROOM && row->right != RIGHT_NONE && row->right != RIGHT_JOIN;
        assert_int_equal(asks, said[type] != NULL);
        for (int role = 0; asks && role < ROLE_COUNT; role++) {
            struct net *n = net_new(1);
            net_start(n);
            struct client *c = person(n, (enum role)role), *below = person(n, ROLE_GUEST);
            uint64_t entries = METRIC(n, entries), passing = METRIC(n, passing);
            forget(c);
            forget(below);
            order(c, below->user, said[type]);
            if (in(rights_of((enum role)role), (enum right)row->right)) {
                allowed++;
                if (type == CMD_UNINVITE) // there is none of that id
                    expect(c, "\"id\":7,\"code\":\"not_found\"");
                else if (row->reply == EV_NONE)
                    assert_int_equal(METRIC(n, passing), passing + 1);
                else
                    for (str m = hear(c); !contains(m, "\"id\":7"); m = hear(c))
                        assert_false(contains(m, "\"error\"") || m.p == NULL);
                assert_int_equal(METRIC(n, entries) > entries,
                                 (row->reply == EV_ACK || row->reply == EV_INVITED) && type != CMD_UNINVITE &&
                                     type != CMD_READ); // that is kept, and no record
            } else {
                char wanted[80];
                denied++;
                str m = expect(c, "\"id\":7,\"code\":\"forbidden\"");
                snprintf(wanted, sizeof wanted, "the right `%s` in the room, which a `%s` does",
                         right_name((enum right)row->right), role_name((enum role)role));
                assert_true(contains(m, wanted));
                expect_nothing(c);
                expect_nothing(below); // and nothing has happened
                assert_int_equal(METRIC(n, entries), entries);
                assert_int_equal(METRIC(n, passing), passing);
            }
            net_free(n);
        }
    }
    assert_int_equal(denied, 3 + 3 + 12 * 2 + 3);
    assert_int_equal(allowed + denied, 23 * ROLE_COUNT);
}

// Whom a command of each role reaches: those below alone.
static void decrees_reach_those_below(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_ROLE, CMD_KICK, CMD_BAN, CMD_UNBAN, CMD_MUTE, CMD_UNMUTE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (int role = ROLE_HOST; role < ROLE_COUNT; role++)
            for (int target = 0; target < ROLE_COUNT; target++) {
                struct net *n = net_new(1);
                net_start(n);
                struct client *c = person(n, (enum role)role), *other = person(n, (enum role)target);
                forget(c);
                forget(other);
                order(c, other->user, said[types[i]]);
                if (target < role) {
                    for (str m = hear(c); !contains(m, "\"id\":7"); m = hear(c))
                        assert_non_null(m.p);
                } else {
                    expect(c, "\"id\":7,\"code\":\"forbidden\"");
                    expect_nothing(c);
                    expect_nothing(other);
                }
                net_free(n);
            }
}

// Below one's own, and to nobody else than those who are below; one's own may be given up.
static void roles_are_given_below_ones_own(void **state)
{
    (void)state;
    for (int role = ROLE_HOST; role < ROLE_COUNT; role++)
        for (int given = 0; given < ROLE_COUNT; given++)
            for (int own = 0; own < 2; own++) {
                struct net *n = net_new(1);
                char text[96];
                net_start(n);
                struct client *c = person(n, (enum role)role), *other = person(n, ROLE_GUEST);
                forget(c);
                snprintf(text, sizeof text, "\"type\":\"role\",\"user\":\"%%s\",\"role\":\"%s\"",
                         role_name((enum role)given));
                order(c, own ? c->user : other->user, text);
                str m = hear(c);
                while (!contains(m, "\"id\":7") && m.p != NULL)
                    m = hear(c);
                assert_int_equal(contains(m, "forbidden"), given >= role);
                say(c, "{\"type\":\"members\",\"id\":8,\"room\":\"r\"}");
                m = hear(c);
                while (!contains(m, "\"id\":8") && m.p != NULL)
                    m = hear(c);
                int hosts = 0, owners = 0;
                for (size_t at = 0; at + 15 < m.n; at++) {
                    hosts += memcmp(m.p + at, "\"role\":\"host\"", 13) == 0;
                    owners += memcmp(m.p + at, "\"role\":\"owner\"", 14) == 0;
                }
                bool done = given < role;
                assert_int_equal(owners, role == ROLE_OWNER && !(own && done));
                assert_int_equal(hosts, (role == ROLE_HOST && !(own && done)) + (done && given == ROLE_HOST));
                net_free(n);
            }
}

// What a token says in a room takes the place of the rule's role: here as its ask carries it.
static void a_grant_counts_at_the_home(void **state)
{
    (void)state;
    const struct command say_it = {.type = CMD_MESSAGE, .id = STR("1"), .room = STR("r"), .data = STR("1")};
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0), *b = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(c);
    net_ask(c, &say_it, GRANT_THERE | RIGHT_BIT(RIGHT_JOIN) | RIGHT_BIT(RIGHT_READ));
    expect(
        c,
        "needs the right `publish` in the room, which your token does not give; your role there is `member`.");
    net_ask(c, &say_it, GRANT_THERE | RIGHT_BIT(RIGHT_PUBLISH));
    expect(c, "\"type\":\"ack\"");
    const struct command kick = {
        .type = CMD_KICK, .id = STR("2"), .room = STR("r"), .to = str_from_cstr(b->user)};
    net_ask(c, &kick, GRANT_THERE | RIGHT_BIT(RIGHT_PUBLISH));
    expect(c, "`kick`");
    net_give(c, "r", c->user, "host"); // a role that was given adds to it
    forget(c);
    net_ask(c, &kick, GRANT_THERE | RIGHT_BIT(RIGHT_PUBLISH));
    expect(c, "\"type\":\"ack\"");
    expect(c, "member:kicked");
    net_free(n);
}

// `moderate` without `publish`: others' words are to be taken away, one's own are none.
static void who_may_say_nothing_keeps_order(void **state)
{
    (void)state;
    const uint32_t moderate =
        GRANT_THERE | RIGHT_BIT(RIGHT_JOIN) | RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_DELETE_ANY);
    struct command away = {
        .type = CMD_DELETE, .id = STR("1"), .room = STR("r"), .offset = 1, .has_offset = true};
    struct net *n = net_new(1);
    net_start(n);
    struct client *c = net_json(n, 0), *b = net_json(n, 0);
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"message\",\"room\":\"r\",\"data\":1}");
    say(c, "{\"type\":\"message\",\"room\":\"r\",\"data\":2}");
    forget(c);
    net_ask(c, &away, moderate & ~RIGHT_BIT(RIGHT_DELETE_ANY));
    expect(c, "needs the right `delete_own`");
    net_ask(c, &away, (moderate & ~RIGHT_BIT(RIGHT_DELETE_ANY)) | RIGHT_BIT(RIGHT_DELETE_OWN));
    expect(c, "needs the right `delete_any`");
    net_ask(c, &away, moderate);
    expect(c, "\"type\":\"ack\",\"id\":1,");
    expect(c, "message:deleted");
    away.offset = 2;
    net_ask(c, &away, moderate);
    expect(c, "needs the right `delete_own`");
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_say_nothing_keeps_order),
        cmocka_unit_test(a_higher_role_may_all_that_a_lower_one_may),
        cmocka_unit_test(without_a_grant_the_role_counts),
        cmocka_unit_test(a_grant_takes_the_place_of_the_rule),
        cmocka_unit_test(a_grant_has_a_rank),
        cmocka_unit_test(beyond),
        cmocka_unit_test(the_page_has_the_table),
        cmocka_unit_test(each_command_takes_its_right),
        cmocka_unit_test(decrees_reach_those_below),
        cmocka_unit_test(roles_are_given_below_ones_own),
        cmocka_unit_test(a_grant_counts_at_the_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
