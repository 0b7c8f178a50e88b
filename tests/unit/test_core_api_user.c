// SPDX-License-Identifier: Apache-2.0
//
// What a backend does in a user's name (`user`, `name`): it is that user's as if he had done it himself, on his other devices too; it
// takes the same right of the key as without; and a command that is never a user's says so instead of passing over the key.
#include "unit/token_support.h"

#include "core/api/api.h"
#include "core/auth/caps.h"
#include "dialect/api.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY "X-API-Key: secret\r\n"

static struct api_key the_key;

static struct net *net_api(uint32_t shards, uint64_t rights)
{
    struct net *n = net_new(shards);
    the_key = (struct api_key){.name = STR("shop"), .rights = rights};
    assert_int_equal(digest_sha256("secret", 6, the_key.sha256), OK);
    net_serve_api(n);
    n->settings.api_keys = &the_key;
    n->settings.api_keys_n = 1;
    n->settings.requests = (struct rate){0, 1000};
    return n;
}

static struct net *net_open(uint32_t shards)
{
    struct net *n = net_api(shards, UINT64_MAX);
    net_start(n);
    return n;
}

static void done(struct net *n, const char *command, const char *body, const char *part)
{
    api_answers(api_call(n, 0, command, KEY, body), "HTTP/1.1 200 ", part);
    net_check(n);
}

static char *with(const char *format, const char *user)
{
    static char text[4][1024];
    static uint32_t at;
    char *to = text[at++ % 4];
    snprintf(to, sizeof text[0], format, user);
    return to;
}

static struct client *in_room(struct net *n, uint32_t shard)
{
    struct client *c = net_json(n, shard);
    say(c, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(c);
    return c;
}

// --- reactions

static void each_user_reacts_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_open(shards);
        struct client *ada = in_room(n, shards - 1);
#define REACT "{\"room\":\"r\",\"offset\":1,\"key\":\"+\""
        say(ada, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
        forget(ada);
        done(n, "react", REACT ",\"user\":\"eve\",\"name\":\"Eve\"}", "\"offset\":2");
        str told = expect(ada, "\"type\":\"message:reactions\"");
        assert_true(contains(told, "\"from\":{\"user\":\"eve\",\"session\":\"api\",\"name\":\"Eve\"}"));
        assert_true(contains(told, "\"count\":1"));
        done(n, "react", REACT ",\"user\":\"bob\"}", "\"offset\":3");
        assert_true(contains(expect(ada, "\"user\":\"bob\""), "\"count\":2"));
        done(n, "react", REACT ",\"user\":\"eve\"}", "\"offset\":2,\"epoch\":"); // again
        done(n, "react", REACT ",\"user\":\"eve\",\"on\":true}", "\"duplicate\":true");
        done(n, "react", REACT "}", "\"offset\":4"); // the backend's own is one more
        assert_true(contains(expect(ada, "\"user\":\"server:shop\""), "\"count\":3"));
        // Who is here takes back what a backend has said in his name, and the other way round.
        done(n, "react", with(REACT ",\"user\":\"%s\"}", ada->user), "\"offset\":5");
        assert_true(contains(expect(ada, "\"message:reactions\""), "\"count\":4"));
        say(ada, "{\"type\":\"react\",\"id\":2,\"room\":\"r\",\"offset\":1,\"key\":\"+\"}");
        expect(ada, "\"duplicate\":true");
        say(ada, "{\"type\":\"react\",\"id\":3,\"room\":\"r\",\"offset\":1,\"key\":\"+\",\"on\":false}");
        expect(ada, "\"type\":\"ack\",\"id\":3,\"room\":\"r\",\"offset\":6");
        assert_true(contains(expect(ada, "\"message:reactions\""), "\"count\":3"));
        say(ada, "{\"type\":\"react\",\"id\":4,\"room\":\"r\",\"offset\":1,\"key\":\"+\"}");
        forget(ada);
        done(n, "react", with(REACT ",\"on\":false,\"user\":\"%s\"}", ada->user), "\"offset\":8");
        assert_true(contains(expect(ada, "\"on\":false"), "\"count\":3"));
        done(n, "react", REACT ",\"on\":false,\"user\":\"ada\"}", "\"duplicate\":true"); // who never gave one
        done(n, "history", "{\"room\":\"r\",\"limit\":1000}", "\"reactions\":{\"+\":3}");
#undef REACT
        net_free(n);
    }
}

// --- the rest

static void records_say_in_whose_name(void **state)
{
    (void)state;
    static const struct {
        const char *command, *body, *event;
    } rows[] = {
        {"publish", "\"data\":1", "\"type\":\"message\""},
        {"edit", "\"offset\":1,\"data\":2", "\"type\":\"message:edited\""},
        {"react", "\"offset\":1,\"key\":\"+\"", "\"type\":\"message:reactions\""},
        {"state", "\"set\":{\"topic\":1}", "\"type\":\"state:updated\""},
        {"signal", "\"data\":1", "\"type\":\"signal\""},
        {"read", "\"offset\":1", "\"type\":\"read\""},
        {"delete", "\"offset\":1,\"reason\":\"x\"", "\"type\":\"message:deleted\""},
    };
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_api(shards, UINT64_MAX);
        n->settings.room.receipts = true;
        net_start(n);
        struct client *ada = in_room(n, shards - 1);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            char body[256];
            snprintf(body, sizeof body, "{\"room\":\"r\",%s,\"user\":\"eve\",\"name\":\"Eve\"}",
                     rows[i].body);
            done(n, rows[i].command, body, "\"room\":\"r\"");
            str told = expect(ada, rows[i].event);
            assert_true(contains(told, "\"from\":{\"user\":\"eve\",\"session\":\"api\",\"name\":\"Eve\"}"));
            expect_nothing(ada);
        }
        done(n, "direct", with("{\"to\":\"%s\",\"data\":1,\"key\":\"k\",\"user\":\"eve\"}", ada->user),
             "{\"delivered\":1}");
        expect(ada, "\"type\":\"direct\",\"from\":{\"user\":\"eve\",\"session\":\"api\",\"name\":\"eve\"}");
        done(n, "direct", with("{\"to\":\"%s\",\"data\":1,\"key\":\"k\",\"user\":\"bob\"}", ada->user),
             "{\"delivered\":1}"); // his key is another one
        net_free(n);
    }
}

static void rooms_say_what_a_user_has_not_read(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_open(shards);
        char body[256], part[256];
        const char *one = net_room(n, 0, 0), *two = net_room(n, shards - 1, 1);
        for (int i = 0; i < 3; i++) {
            snprintf(body, sizeof body, "{\"rooms\":[\"%s\",\"%s\"],\"data\":1}", one, two);
            done(n, "broadcast", body, "\"results\"");
        }
        for (int i = 0; i < 2; i++) {
            snprintf(body, sizeof body, "{\"room\":\"%s\",\"offset\":%d,\"user\":\"eve\"}",
                     i == 0 ? one : two, 1 + i);
            done(n, "read", body, "\"offset\":");
            snprintf(part, sizeof part, "\"room\":\"%s\",\"members_count\":0,\"unread\":%d}",
                     i == 0 ? one : two, 2 - i);
            done(n, "rooms", "{\"user\":\"eve\"}", part);
        }
        struct client *own = api_call(n, 0, "rooms", KEY, "{}"),
                      *bob = api_call(n, 0, "rooms", KEY, "{\"user\":\"bob\"}");
        api_answers(own, "HTTP/1.1 200 ", one);
        assert_false(contains(str_make(own->rx.p, own->rx.n), "unread"));
        assert_false(contains(str_make(bob->rx.p, bob->rx.n), "unread"));
        net_free(n);
    }
}

// --- what is never a user's

static void no_user_is_passed_over(void **state)
{
    (void)state;
    static const enum command_type in_a_name[] = {CMD_PUBLISH, CMD_BROADCAST, CMD_DIRECT,
                                                  CMD_SIGNAL,  CMD_STATE,     CMD_EDIT,
                                                  CMD_DELETE,  CMD_REACT,     CMD_READ};
    static const enum command_type about_one[] = {CMD_ROLE,   CMD_KICK,   CMD_BAN,         CMD_UNBAN,
                                                  CMD_MUTE,   CMD_UNMUTE, CMD_CONNECTIONS, CMD_DISCONNECT,
                                                  CMD_REVOKE, CMD_ROOMS};
    uint64_t user = 0, name = 0;
    for (size_t i = 0; i < ARRAY_LEN(in_a_name); i++)
        user |= UINT64_C(1) << in_a_name[i];
    name = user;
    for (size_t i = 0; i < ARRAY_LEN(about_one); i++)
        user |= UINT64_C(1) << about_one[i];
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++) {
        if (!api_serves((enum command_type)type))
            continue;
        static const char *const bodies[] = {"{\"user\":\"u\"}", "{\"name\":\"n\"}"};
        for (int i = 0; i < 2; i++) {
            char room[64];
            struct scratch scratch = {.p = room, .cap = sizeof room};
            struct command cmd;
            struct problem p;
            enum err e = api_decode((enum command_type)type, str_from_cstr(bodies[i]), &scratch, &cmd, &p);
            bool told = e != OK && contains(str_from_cstr(p.text), "in whose name");
            assert_int_equal(!told, (i == 0 ? user : name) >> type & 1);
            if (told)
                assert_str_eq(p.word, i == 0 ? STR("user") : STR("name"));
        }
    }
    struct net *n = net_open(1);
    struct client *ada = in_room(n, 0);
    api_answers(api_call(n, 0, "slow", KEY, "{\"room\":\"r\",\"seconds\":1,\"user\":\"eve\"}"),
                "HTTP/1.1 400 ", "\"code\":\"bad_command\",\"message\":\"`user` says in whose name");
    api_answers(api_call(n, 0, "state", KEY, "{\"room\":\"r\",\"user\":\"eve\"}"), "HTTP/1.1 400 ",
                "`user` and `name` say who changes the state");
    done(n, "batch", "{\"commands\":[{\"type\":\"lock\",\"room\":\"r\",\"on\":true,\"user\":\"eve\"}]}",
         "[{\"error\":{\"code\":\"bad_command\"");
    expect_nothing(ada);
    // People have nobody's name but theirs: there it is a key like any other that a command does not know.
    say(ada, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    expect(ada, "\"type\":\"ack\"");
    say(ada, "{\"type\":\"react\",\"id\":2,\"room\":\"r\",\"offset\":1,\"key\":\"+\",\"user\":\"eve\"}");
    expect(ada, "\"type\":\"ack\"");
    assert_true(contains(expect(ada, "\"message:reactions\""), with("\"user\":\"%s\"", ada->user)));
    net_free(n);
}

// --- rights

static void a_name_gives_no_right(void **state)
{
    (void)state;
    static const struct {
        const char *command, *body;
    } rows[] = {
        {"edit", "{\"room\":\"r\",\"offset\":1,\"data\":2,\"user\":\"eve\"}"},
        {"delete", "{\"room\":\"r\",\"offset\":1,\"user\":\"eve\"}"},
        {"react", "{\"room\":\"r\",\"offset\":1,\"key\":\"+\",\"user\":\"eve\"}"},
        {"state", "{\"room\":\"r\",\"set\":{\"a\":1},\"user\":\"eve\"}"},
        {"signal", "{\"room\":\"r\",\"data\":1,\"user\":\"eve\"}"},
        {"read", "{\"room\":\"r\",\"offset\":1,\"user\":\"eve\"}"},
        {"direct", "{\"to\":\"ada\",\"data\":1,\"user\":\"eve\"}"},
        {"rooms", "{\"user\":\"eve\"}"},
        {"kick", "{\"room\":\"r\",\"user\":\"eve\"}"},
    };
    struct net *n = net_api(2, api_right(CMD_PUBLISH));
    net_start(n);
    done(n, "publish", "{\"room\":\"r\",\"data\":1,\"user\":\"eve\"}", "\"offset\":1");
    struct client *ada = in_room(n, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char batch[256], part[64];
        snprintf(part, sizeof part, "has not the right `%s`", rows[i].command);
        api_answers(api_call(n, 0, rows[i].command, KEY, rows[i].body), "HTTP/1.1 403 ", part);
        snprintf(batch, sizeof batch, "{\"commands\":[{\"type\":\"%s\",%s]}", rows[i].command,
                 rows[i].body + 1);
        done(n, "batch", batch, part);
    }
    expect_nothing(ada);
    net_free(n);
}

#define TOKEN "Authorization: Bearer a.b.c\r\n"

// A token whose rooms say `publish` is good for the words of whom it speaks for, and is no moderator's.
static void a_token_changes_its_own_words(void **state)
{
    (void)state;
    static const struct {
        const char *command, *body, *status, *part;
    } rows[] = {
        {"publish", "{\"room\":\"r\",\"data\":1,\"user\":\"eve\"}", "200", "\"offset\":2"},
        {"edit", "{\"room\":\"r\",\"offset\":1,\"data\":2,\"user\":\"eve\"}", "403",
         "the right `edit_any` in the room, which your token does not give"},
        {"edit", "{\"room\":\"r\",\"offset\":2,\"data\":2}", "403", "`edit_any`"}, // of the backend
        {"edit", "{\"room\":\"r\",\"offset\":2,\"data\":2,\"user\":\"eve\"}", "200", "\"offset\":3"},
        {"delete", "{\"room\":\"r\",\"offset\":1}", "403", "`delete_any`"},
        {"delete", "{\"room\":\"r\",\"offset\":2,\"user\":\"eve\"}", "200", "\"offset\":4"},
        {"delete", "{\"room\":\"kept\",\"offset\":1,\"user\":\"eve\"}", "200",
         "\"offset\":2"}, // a moderator's
        {"edit", "{\"room\":\"r\",\"offset\":9,\"data\":2}", "404", "not_found"},
    };
    struct net *n = token_net(2, 1);
    net_serve_api(n);
    n->settings.requests = (struct rate){0, 1000};
    net_start(n);
    struct client *ada = in_room(n, 0);
    say(ada, "{\"type\":\"message\",\"id\":1,\"room\":\"r\",\"data\":1}");
    say(ada, "{\"type\":\"join\",\"room\":\"kept\"}");
    say(ada, "{\"type\":\"message\",\"id\":2,\"room\":\"kept\",\"data\":1}");
    char block[CAPS_BYTES_MAX];
    size_t size;
    struct sentence why;
    struct verdict_mail v = good(n, "shop");
    assert_int_equal(
        caps_make(STR("{\"rooms\":{\"*\":[\"join\",\"publish\"],\"kept\":[\"moderate\",\"publish\"]},"
                      "\"server\":[\"publish\",\"edit\",\"delete\"]}"),
                  block, &size, &why),
        OK);
    v.caps = str_make(block, size);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = api_call(n, 1, rows[i].command, TOKEN, rows[i].body);
        tell(n, 1, asked(n, 1), &v);
        api_answers(c, rows[i].status, rows[i].part);
        net_check(n);
    }
    net_free(n);
}

// --- the audit

static char told[4096];
static size_t told_n;

static void on_audit(void *ctx, uint64_t wall_ms, const struct audit_event *e)
{
    (void)ctx;
    (void)wall_ms;
    told_n += (size_t)snprintf(told + told_n, sizeof told - told_n, "%s %.*s %.*s %.*s\n",
                               audit_name(e->type), STR_ARG(e->user), STR_ARG(e->target), STR_ARG(e->detail));
    assert_true(told_n < sizeof told);
}

static void the_audit_names_the_key_too(void **state)
{
    (void)state;
    struct net *n = net_api(2, UINT64_MAX);
    n->settings.audit = 1u << AUDIT_OF_BACKEND | 1u << AUDIT_OF_WORDS;
    n->host.audit = on_audit;
    told_n = 0;
    net_start(n);
    done(n, "publish", "{\"room\":\"r\",\"data\":1,\"user\":\"eve\"}", "\"offset\":1");
    done(n, "edit", "{\"room\":\"r\",\"offset\":1,\"data\":2,\"user\":\"bob\"}", "\"offset\":2");
    done(n, "edit", "{\"room\":\"r\",\"offset\":1,\"data\":3}", "\"offset\":3");
    assert_string_equal(told, "api server:shop bob edit\nedit bob eve \n"
                              "api server:shop  edit\nedit server:shop eve \n");
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_user_reacts_once),
        cmocka_unit_test(records_say_in_whose_name),
        cmocka_unit_test(rooms_say_what_a_user_has_not_read),
        cmocka_unit_test(no_user_is_passed_over),
        cmocka_unit_test(a_name_gives_no_right),
        cmocka_unit_test(a_token_changes_its_own_words),
        cmocka_unit_test(the_audit_names_the_key_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
