// SPDX-License-Identifier: Apache-2.0
//
// What the audit is told, and when: each join and leave of a member once, by whichever of the user's sessions and for what reason;
// decrees when people are told of them; nothing where nobody wants it. And that the page names every event.
#include "core/common/audit.h"
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

// "joined lobby guest-1 S member\n" and so on: room, user, target, how.
static char told[1 << 14];
static size_t told_n;

static void on_audit(void *ctx, uint64_t wall_ms, const struct audit_event *e)
{
    const struct net *n = ctx;
    assert_int_equal(wall_ms, n->wall_ms);
    const str parts[] = {e->room, e->user, e->target, e->how};
    told_n += (size_t)snprintf(told + told_n, sizeof told - told_n, "%s", audit_name(e->type));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        told_n += (size_t)snprintf(told + told_n, sizeof told - told_n, " %.*s",
                                   parts[i].n != 0 ? (int)parts[i].n : 1, parts[i].n != 0 ? parts[i].p : "-");
    told_n += (size_t)snprintf(told + told_n, sizeof told - told_n, "\n");
    assert_true(told_n < sizeof told);
    assert_true(e->type != AUDIT_SESSION || (e->address.n != 0 && e->session.n == SESSION_ID_LEN));
}

static struct net *audited_net(uint32_t shards, uint32_t kinds)
{
    struct net *n = net_new(shards);
    n->settings.audit = kinds;
    n->host.audit = on_audit;
    told_n = 0;
    net_start(n);
    return n;
}

// What was told since the last time, with users' ids in it.
#define expect_told(n, ...)                             \
    do {                                                \
        char wanted_[2048];                             \
        snprintf(wanted_, sizeof wanted_, __VA_ARGS__); \
        told[told_n] = '\0';                            \
        assert_string_equal(told, wanted_);             \
        told_n = 0;                                     \
        net_check(n);                                   \
    } while (0)

static void join(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":\"j\",\"room\":\"%s\"}", room);
}

static struct client *same_user(struct client *c, uint32_t shard)
{
    struct client *again = net_ws(c->net, shard, "/ws");
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", c->resume);
    expect(again, "\"type\":\"welcome\"");
    return again;
}

enum { MEMBERS = 1u << AUDIT_OF_MEMBERS };

static void who_comes_and_goes_is_told_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards += 2) {
        struct net *n = audited_net(shards, MEMBERS);
        const char *room = net_room(n, shards - 1, 0);
        struct client *a = net_json(n, 0);
        expect_told(n, "%s", "");
        join(a, room);
        expect_told(n, "joined %s %s - member\n", room, a->user);
        join(a, room); // it is there
        expect_told(n, "%s", "");
        say(a, "{\"type\":\"leave\",\"id\":\"l\",\"room\":\"%s\"}", room);
        expect_told(n, "left %s %s - left\n", room, a->user);
        join(a, room);
        told_n = 0;
        cut(a);
        net_settle(n);
        expect_told(n, "parted %s %s - disconnected\n", room, a->user);
        struct client *b = same_user(a, shards - 1);
        join(b, room);
        expect_told(n, "entered %s %s - -\n", room, a->user);
        cut(b);
        net_settle(n);
        told_n = 0;
        net_wait(n, n->settings.member_grace_ms + 1);
        expect_told(n, "left %s %s - disconnected\n", room, a->user);
        net_wait(n, n->settings.room_grace_ms + 1);
        net_free(n);
    }
}

static void who_has_no_grace_leaves_at_once(void **state)
{
    (void)state;
    struct net *n = audited_net(1, MEMBERS);
    struct client *line = net_line(n, 0);
    struct client *other = net_json(n, 0);
    join(other, "lobby");
    told[told_n] = '\0';
    assert_true(str_starts(str_make(told, told_n), STR("joined lobby guest-")));
    told_n = 0;
    cut(line);
    net_settle(n);
    told[told_n] = '\0';
    assert_true(str_starts(str_make(told, told_n), STR("left lobby guest-")));
    assert_non_null(strstr(told, " - disconnected\n"));
    net_free(n);
}

static void what_is_decided_is_told_with_what_it_does(void **state)
{
    (void)state;
    struct net *n =
        audited_net(2, MEMBERS | 1u << AUDIT_OF_DECREES | 1u << AUDIT_OF_REFUSALS | 1u << AUDIT_OF_ROOMS);
    const char *room = net_room(n, 1, 0);
    struct client *host = net_json(n, 0), *bob = net_json(n, 1);
    join(host, room);
    join(bob, room);
    expect_told(n, "created %s %s - -\njoined %s %s - member\njoined %s %s - member\n", room, host->user,
                room, host->user, room, bob->user);
    say(bob, "{\"type\":\"kick\",\"id\":\"k\",\"room\":\"%s\",\"user\":\"%s\"}", room, host->user);
    expect_told(n, "refused %s %s %s forbidden\n", room, bob->user, host->user);
    net_give(host, room, host->user, "host");
    expect_told(n, "role %s %s %s host\n", room, host->user, host->user);
    say(host, "{\"type\":\"readonly\",\"id\":\"r\",\"room\":\"%s\",\"on\":true}", room);
    expect_told(n, "readonly %s %s - on\n", room, host->user);
    say(host, "{\"type\":\"ban\",\"id\":\"b\",\"room\":\"%s\",\"user\":\"%s\"}", room, bob->user);
    expect_told(n, "ban %s %s %s -\nleft %s %s - banned\n", room, host->user, bob->user, room, bob->user);
    join(bob, room);
    expect_told(n, "refused %s %s - banned\n", room, bob->user);
    say(host, "{\"type\":\"message\",\"id\":\"m\",\"room\":\"%s\",\"data\":1}",
        room); // what is said is not told
    expect_told(n, "%s", "");
    net_give(host, room, host->user, "owner");
    told_n = 0;
    say(host, "{\"type\":\"close\",\"id\":\"c\",\"room\":\"%s\"}", room);
    net_wait(n, 10);
    expect_told(n, "close %s %s - -\nleft %s %s - room_closed\n", room, host->user, room, host->user);
    net_wait(n, n->settings.room_grace_ms + 10);
    expect_told(n, "removed %s - - -\n", room);
    net_free(n);
}

static void nothing_is_told_that_nobody_wants(void **state)
{
    (void)state;
    for (uint32_t kinds = 0; kinds <= 1u << AUDIT_OF_STATE; kinds += 1u << AUDIT_OF_STATE) {
        struct net *n = audited_net(1, kinds);
        struct client *a = net_json(n, 0);
        join(a, "lobby");
        say(a, "{\"type\":\"kick\",\"id\":\"k\",\"room\":\"lobby\",\"user\":\"%s\"}", a->user);
        cut(a);
        net_wait(n, n->settings.member_grace_ms + 1);
        assert_int_equal(told_n, 0);
        net_free(n);
    }
}

static void sessions_begin_and_end(void **state)
{
    (void)state;
    struct net *n = audited_net(2, 1u << AUDIT_OF_SESSIONS);
    struct client *a = net_json(n, 1);
    expect_told(n, "session - %s - new\n", a->user);
    say(a, "{\"type\":\"rename\",\"id\":\"r\",\"name\":\"Ada\"}");
    expect_told(n, "renamed - %s - -\n", a->user);
    struct client *b = same_user(a, 0); // the older one goes
    net_settle(n);
    told[told_n] = '\0';
    char both[256];
    snprintf(both, sizeof both, "session - %s - resumed\n", a->user);
    assert_non_null(strstr(told, both));
    snprintf(both, sizeof both, "session_ended - %s - -\n", a->user);
    assert_non_null(strstr(told, both));
    told_n = 0;
    cut(b);
    net_settle(n);
    expect_told(n, "session_ended - %s - -\n", a->user);
    struct client *nobody = net_ws(n, 0, "/ws"); // has said nothing
    cut(nobody);
    net_settle(n);
    expect_told(n, "%s", "");
    net_free(n);
}

static void the_page_names_every_event(void **state)
{
    (void)state;
    char *page = source_text("docs/AUDIT.md"), word[64];
    for (uint32_t i = 0; i < AUDIT_TYPE_COUNT; i++) {
        snprintf(word, sizeof word, "`%s`", audit_name((enum audit_type)i));
        if (strstr(page, word) == NULL)
            fail_msg("docs/AUDIT.md does not name %s", word);
    }
    for (uint32_t i = 0; i < AUDIT_KIND_COUNT; i++) {
        snprintf(word, sizeof word, "| `%s` | `", audit_kind_name((enum audit_kind)i));
        if (strstr(page, word) == NULL)
            fail_msg("docs/AUDIT.md has no row for %s", word);
    }
    free(page);
    for (uint32_t i = 0; i < AUDIT_TYPE_COUNT; i++)
        if (audit_kind_of((enum audit_type)i) == AUDIT_OF_DECREES)
            assert_true(audit_by_right((enum audit_type)i));
    assert_false(audit_by_right(AUDIT_JOINED) || audit_by_right(AUDIT_REFUSED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_and_goes_is_told_once),
        cmocka_unit_test(who_has_no_grace_leaves_at_once),
        cmocka_unit_test(what_is_decided_is_told_with_what_it_does),
        cmocka_unit_test(nothing_is_told_that_nobody_wants),
        cmocka_unit_test(sessions_begin_and_end),
        cmocka_unit_test(the_page_names_every_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
