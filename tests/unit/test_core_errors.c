// SPDX-License-Identifier: Apache-2.0
//
// Each command gets each of the errors that its row names (dialect/command.h, and by that docs/protocol/native.md), here from a shard;
// that it gets no others is what core_support.c looks for in all programs.
#include "unit/token_support.h"

#include "core/auth/caps.h"
#include "core/log/words.h"

#include <stdio.h>

static uint32_t seen[CMD_COUNT];

#define BIT(code) (UINT32_C(1) << PROBLEM_##code)

// Commands of the native protocol, and the `state` that reads.
static bool spoken(enum command_type type)
{
    static const bool them[CMD_COUNT] = {
#define INNER(upper)
#define COMPACT(upper)
#define HTTP(upper)
#define NATIVE(upper) [CMD_##upper] = true,
#define X(upper, lower, where, ...) where(upper)
        COMMANDS(X)
#undef X
#undef NATIVE
#undef HTTP
#undef COMPACT
#undef INNER
    };
    return them[type] || type == CMD_STATE_READ;
}

static bool named(enum command_type type, uint32_t bit)
{
    return spoken(type) && (command_row(type)->errors & bit) != 0;
}

// What it says beside its room and user.
static const char *const rest[CMD_COUNT] = {
    [CMD_MESSAGE] = ",\"data\":1",
    [CMD_SIGNAL] = ",\"data\":1",
    [CMD_DIRECT] = ",\"to\":\"x\",\"data\":1",
    [CMD_ROLE] = ",\"role\":\"guest\"",
    [CMD_SLOW] = ",\"seconds\":30",
    [CMD_READONLY] = ",\"on\":true",
    [CMD_LOCK] = ",\"on\":true",
    [CMD_STATE] = ",\"set\":{\"k\":1}",
    [CMD_INVITE] = ",\"role\":\"guest\"",
    [CMD_UNINVITE] = ",\"invitation\":\"AAAAAAAA\"",
    [CMD_EDIT] = ",\"offset\":1,\"data\":1",
    [CMD_DELETE] = ",\"offset\":1",
    [CMD_READ] = ",\"offset\":1",
    [CMD_REACT] = ",\"offset\":1,\"key\":\"+\"",
    [CMD_REFRESH] = ",\"token\":\"t\"",
};

static void post_with(struct client *c, enum command_type type, const char *room, const char *more)
{
    if (type == CMD_SWITCH)
        post(c, "{\"type\":\"switch\",\"id\":77,\"from\":\"from\",\"to\":\"%s\"%s}", room, more);
    else
        post(c, "{\"type\":\"%s\",\"id\":77,\"room\":\"%s\"%s%s}",
             command_name(type == CMD_STATE_READ ? CMD_STATE : type), room,
             contains(str_from_cstr(more), "\"user\"") ? "" : ",\"user\":\"nobody\"", more);
}

static void say_with(struct client *c, enum command_type type, const char *room, const char *more)
{
    post_with(c, type, room, more);
    net_settle(c->net);
}

static void utter(struct client *c, enum command_type type, const char *room)
{
    say_with(c, type, room, rest[type] != NULL ? rest[type] : "");
}

static void hears(struct client *c, enum command_type type, enum problem_code code)
{
    char wanted[64];
    str m = hear(c);
    while (m.n != 0 && !contains(m, "\"id\":77"))
        m = hear(c);
    snprintf(wanted, sizeof wanted, "\"code\":\"%s\"", problem_name(code));
    if (!contains(m, "\"type\":\"error\"") || !contains(m, wanted))
        fail_msg("`%s` is to get `%s`, and heard %.*s", command_name(type), problem_name(code), STR_ARG(m));
    seen[type] |= UINT32_C(1) << code;
}

static void enters(struct client *c, const char *room)
{
    forget(c);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    expect(c, "\"joined\"");
}

// The owner of the room here, who has said something there, and is in the room from.
static struct client *owner(struct net *n)
{
    struct client *c = net_json(n, 0);
    enters(c, "here");
    say(c, "{\"type\":\"message\",\"room\":\"here\",\"data\":1}");
    net_give(c, "here", c->user, "owner");
    enters(c, "from");
    forget(c);
    return c;
}

static struct net *begin(void) { return token_net_running(1, 1); }

// --- what is about the room

static void whose_room_is_no_name(void **state)
{
    (void)state;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!named((enum command_type)type, BIT(BAD_ROOM)))
            continue;
        struct net *n = begin();
        struct client *c = owner(n);
        utter(c, (enum command_type)type, " x");
        hears(c, (enum command_type)type, PROBLEM_BAD_ROOM);
        net_free(n);
    }
}

static void who_is_not_there(void **state)
{
    (void)state;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!named((enum command_type)type, BIT(NOT_MEMBER)))
            continue;
        struct net *n = begin();
        struct client *c = net_json(n, 0);
        utter(c, (enum command_type)type, "elsewhere");
        hears(c, (enum command_type)type, PROBLEM_NOT_MEMBER);
        net_free(n);
    }
}

static struct verdict_mail allowed(const struct net *n, const char *caps)
{
    static char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    struct verdict_mail v = good(n, "ada");
    assert_int_equal(caps_make(str_from_cstr(caps), block, &block_n, &why), OK);
    v.caps = str_make(block, block_n);
    return v;
}

// By a token that gives nothing any more, wherever one is.
static void whose_token_does_not_give_it(void **state)
{
    (void)state;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!named((enum command_type)type, BIT(FORBIDDEN)))
            continue;
        struct net *n = begin();
        struct client *c = net_ws(n, 0, "/ws");
        struct verdict_mail v =
            allowed(n, "{\"rooms\":{\"**\":[\"host\"]},\"server\":[\"create\",\"direct\",\"rooms\"]}");
        say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a\"}");
        tell(n, 0, asked(n, 0), &v);
        expect(c, "welcome");
        enters(c, "here");
        say(c, "{\"type\":\"message\",\"room\":\"here\",\"data\":1}");
        enters(c, "from");
        say(c, "{\"type\":\"refresh\",\"id\":2,\"token\":\"b\"}");
        v = allowed(n, "{\"rooms\":{},\"server\":[]}");
        tell(n, 0, asked(n, 0), &v);
        forget(c);
        bool enters = type == CMD_JOIN || type == CMD_SWITCH || type == CMD_CREATE;
        utter(c, (enum command_type)type, enters ? "elsewhere" : "here");
        hears(c, (enum command_type)type, PROBLEM_FORBIDDEN);
        net_free(n);
    }
}

// Before it is out.
static void whose_room_is_closed(void **state)
{
    (void)state;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!named((enum command_type)type, BIT(ROOM_CLOSED)))
            continue;
        struct net *n = begin();
        struct client *c = owner(n), *d = net_json(n, 0);
        enters(d, "from");
        if (type != CMD_JOIN && type != CMD_SWITCH && type != CMD_CREATE)
            enters(d, "here");
        net_give(c, "here", d->user, "owner");
        forget(d);
        post(c, "{\"type\":\"close\",\"room\":\"here\"}");
        post_with(d, (enum command_type)type, "here", rest[type] != NULL ? rest[type] : "");
        net_settle(n);
        hears(d, (enum command_type)type, PROBLEM_ROOM_CLOSED);
        net_free(n);
    }
}

// --- what is about who asks

static void who_is_muted(void **state)
{
    (void)state;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!named((enum command_type)type, BIT(MUTED)))
            continue;
        struct net *n = begin();
        struct client *d = net_json(n, 0);
        enters(d, "here");
        say(d, "{\"type\":\"message\",\"room\":\"here\",\"data\":1}"); // which is the first
        struct client *c = owner(n);
        say(c, "{\"type\":\"mute\",\"room\":\"here\",\"user\":\"%s\"}", d->user);
        forget(d);
        utter(d, (enum command_type)type, "here");
        hears(d, (enum command_type)type, PROBLEM_MUTED);
        net_free(n);
    }
}

static void who_is_banned_and_who_is_there(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_JOIN, CMD_SWITCH};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct net *n = begin();
        struct client *c = owner(n), *d = net_json(n, 0);
        enters(d, "from");
        say(c, "{\"type\":\"ban\",\"room\":\"here\",\"user\":\"%s\"}", d->user);
        utter(d, types[i], "here");
        hears(d, types[i], PROBLEM_BANNED);
        utter(c, types[i], "here");
        hears(c, types[i], PROBLEM_ALREADY_MEMBER);
        net_free(n);
    }
}

static void who_says_too_much(void **state)
{
    (void)state;
    static const struct {
        enum command_type type;
        const char *room;
    } rows[] = {{CMD_MESSAGE, "here"}, {CMD_SIGNAL, "here"}, {CMD_STATE, "here"},
                {CMD_JOIN, "new"},     {CMD_SWITCH, "new"},  {CMD_CREATE, "new"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net *n = token_net(1, 1);
        n->settings.signals = (struct rate){1, 1};
        n->settings.member_messages = (struct rate){1, 1};
        n->settings.rooms_connection = (struct rate){1, 1};
        net_start(n);
        struct client *c = net_json(n, 0), *other = net_json(n, 0);
        enters(other, "from");
        enters(c, "from");
        enters(c, "here");
        if (rows[i].type == CMD_STATE)
            say(c, "{\"type\":\"message\",\"room\":\"here\",\"data\":1}");
        else
            utter(c, rows[i].type, "here");
        forget(c);
        utter(c, rows[i].type, rows[i].room);
        hears(c, rows[i].type, PROBLEM_RATE_LIMITED);
        net_free(n);
    }
}

// --- tokens

static void whose_token_is_refused(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_HELLO, CMD_JOIN, CMD_SWITCH, CMD_REFRESH};
    static const enum problem_code codes[] = {PROBLEM_UNAUTHORIZED, PROBLEM_TOKEN_EXPIRED,
                                              PROBLEM_TOKEN_REVOKED, PROBLEM_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            if (!named(types[i], UINT32_C(1) << codes[k]))
                continue;
            struct net *n = begin();
            struct client *c = net_ws(n, 0, "/ws");
            struct verdict_mail v = good(n, "ada");
            if (types[i] != CMD_HELLO) {
                say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a\"}");
                tell(n, 0, asked(n, 0), &v);
                expect(c, "welcome");
                enters(c, "from");
            }
            const u128 id = print_str(&n->sh[0]->cx, STR("j-2"));
            assert_int_equal(
                revocations_add(&n->sh[0]->edge.revoked, REVOKED_TOKEN, id, n->wall_ms + 1, UINT64_MAX), OK);
            struct verdict_mail said[] = {{.verdict = TOKEN_BAD, .why = STR("No.")},
                                          {.verdict = TOKEN_EXPIRED, .why = STR("Over.")},
                                          v,
                                          {.verdict = TOKEN_LATER, .retry_ms = 7, .why = STR("Later.")}};
            said[2].token_id = STR("j-2");
            if (types[i] == CMD_REFRESH)
                say(c, "{\"type\":\"refresh\",\"id\":77,\"token\":\"b\"}");
            else
                say_with(c, types[i], "new", ",\"token\":\"b\"");
            tell(n, 0, asked(n, 0), &said[k]);
            hears(c, types[i], codes[k]);
            net_free(n);
        }
}

static void whose_invitation_is_refused(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_JOIN, CMD_SWITCH};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct net *n = begin();
        struct client *c = owner(n), *d = net_json(n, 0), *other = net_json(n, 0);
        char token[64], more[96];
        enters(d, "from");
        say_with(d, types[i], "here", ",\"token\":\"inv_AAAAAAAAbbbbbbbbbbbbbbbbbbbbbb\"");
        hears(d, types[i], PROBLEM_INVITATION_INVALID);
        forget(c);
        say_with(c, CMD_INVITE, "here", ",\"ttl_s\":10");
        string_of(expect(c, "\"invited\""), "token", token, sizeof token);
        snprintf(more, sizeof more, ",\"token\":\"%s\"", token);
        say_with(other, CMD_JOIN, "here", more);
        expect(other, "\"joined\"");
        forget(d);
        say_with(d, types[i], "here", more);
        hears(d, types[i], PROBLEM_INVITATION_USED);
        forget(c);
        say_with(c, CMD_INVITE, "here", ",\"ttl_s\":10");
        string_of(expect(c, "\"invited\""), "token", token, sizeof token);
        snprintf(more, sizeof more, ",\"token\":\"%s\"", token);
        net_wait(n, 10001);
        forget(d);
        say_with(d, types[i], "here", more);
        hears(d, types[i], PROBLEM_INVITATION_EXPIRED);
        net_free(n);
    }
}

// --- what there is no more of, and what there is none of

static void where_there_is_no_place(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_JOIN, CMD_SWITCH, CMD_CREATE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct net *n = token_net(1, 1);
        n->settings.rooms_max = 2;
        n->settings.room_members_max = 2;
        net_start(n);
        struct client *c = owner(n), *d = net_json(n, 0), *e = net_json(n, 0);
        enters(d, "here");
        enters(e, "from");
        utter(e, types[i], "here");
        hears(e, types[i], types[i] == CMD_CREATE ? PROBLEM_CONFLICT : PROBLEM_ROOM_FULL);
        utter(c, types[i], "new");
        hears(c, types[i], PROBLEM_LIMIT_REACHED);
        net_free(n);
    }
    struct net *n = token_net(1, 1);
    n->settings.sessions_per_user = 1;
    net_start(n);
    struct verdict_mail v = good(n, "ada");
    for (int i = 0; i < 2; i++) {
        struct client *c = net_ws(n, 0, "/ws");
        say(c, "{\"type\":\"hello\",\"id\":77,\"token\":\"a\"}");
        tell(n, 0, asked(n, 0), &v);
        if (i == 0)
            expect(c, "welcome");
        else
            hears(c, CMD_HELLO, PROBLEM_LIMIT_REACHED);
    }
    net_free(n);
}

static void where_as_much_is_kept_as_may_be(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.state_keys = 1;
    n->settings.invitations = 1;
    net_start(n);
    struct client *c = owner(n);
    say(c, "{\"type\":\"state\",\"room\":\"here\",\"set\":{\"a\":1}}");
    utter(c, CMD_STATE, "here");
    hears(c, CMD_STATE, PROBLEM_LIMIT_REACHED);
    say(c, "{\"type\":\"invite\",\"room\":\"here\"}");
    utter(c, CMD_INVITE, "here");
    hears(c, CMD_INVITE, PROBLEM_LIMIT_REACHED);
    for (int i = 0; i < REACTION_KINDS_MAX; i++)
        say(c, "{\"type\":\"react\",\"room\":\"here\",\"offset\":1,\"key\":\"k%d\"}", i);
    utter(c, CMD_REACT, "here");
    hears(c, CMD_REACT, PROBLEM_LIMIT_REACHED);
    for (int i = 0; i < STANDING_MAX; i++)
        say(c, "{\"type\":\"ban\",\"room\":\"here\",\"user\":\"u%d\"}", i);
    static const enum command_type types[] = {CMD_ROLE, CMD_BAN, CMD_MUTE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        utter(c, types[i], "here");
        hears(c, types[i], PROBLEM_LIMIT_REACHED);
    }
    net_free(n);
}

static void what_is_not_there_not_so_any_more_or_too_long(void **state)
{
    (void)state;
    static char value[5100];
    const struct {
        enum command_type type;
        const char *more;
        enum problem_code code;
    } rows[] = {
        {CMD_MESSAGE, ",\"data\":1,\"reply_to\":99", PROBLEM_NOT_FOUND},
        {CMD_EDIT, ",\"data\":1,\"offset\":99", PROBLEM_NOT_FOUND},
        {CMD_DELETE, ",\"offset\":99", PROBLEM_NOT_FOUND},
        {CMD_REACT, ",\"key\":\"+\",\"offset\":99", PROBLEM_NOT_FOUND},
        {CMD_READ, ",\"offset\":99", PROBLEM_NOT_FOUND},
        {CMD_UNINVITE, ",\"invitation\":\"AAAAAAAA\"", PROBLEM_NOT_FOUND},
        {CMD_EDIT, ",\"data\":1,\"offset\":1,\"if_version\":9", PROBLEM_CONFLICT},
        {CMD_STATE, ",\"set\":{\"k\":1},\"if_version\":9", PROBLEM_CONFLICT},
        {CMD_STATE, ",\"set\":{\"k\":1},\"unset\":[\"k\"]", PROBLEM_BAD_COMMAND},
        {CMD_INVITE, ",\"expires\":1", PROBLEM_BAD_COMMAND},
        {CMD_CREATE, ",\"rule\":\"nobody's\"", PROBLEM_NOT_FOUND},
        {CMD_SIGNAL, value, PROBLEM_TOO_LARGE},
        {CMD_STATE, value, PROBLEM_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net *n = begin();
        struct client *c = owner(n);
        snprintf(value, sizeof value, "%s%*s\"%s",
                 rows[i].type == CMD_SIGNAL ? ",\"data\":\"" : ",\"set\":{\"k\":\"", 5000, "",
                 rows[i].type == CMD_SIGNAL ? "" : "}");
        say_with(c, rows[i].type, rows[i].type == CMD_CREATE ? "new" : "here", rows[i].more);
        hears(c, rows[i].type, rows[i].code);
        net_free(n);
    }
    struct net *n = begin();
    struct client *c = owner(n);
    for (int i = 0; i < 2; i++) { // an id that is drawn twice
        prng_init(&n->dice, 7);
        utter(c, CMD_INVITE, "here");
        if (i == 0)
            expect(c, "\"invited\"");
    }
    hears(c, CMD_INVITE, PROBLEM_CONFLICT);
    say(c, "{\"type\":\"refresh\",\"id\":77,\"token\":\"t\"}"); // a guest's
    hears(c, CMD_REFRESH, PROBLEM_BAD_COMMAND);
    net_free(n);
}

static void who_comes_while_the_server_leaves(void **state)
{
    (void)state;
    static const enum command_type types[] = {CMD_HELLO, CMD_JOIN, CMD_SWITCH, CMD_CREATE};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct net *n = begin();
        struct client *c = types[i] == CMD_HELLO ? net_ws(n, 0, "/ws") : owner(n);
        shard_drain(n->sh[0]);
        utter(c, types[i], "new");
        hears(c, types[i], PROBLEM_DRAINING);
        net_free(n);
    }
}

// Who is banned is not in the room, unless it is on other nodes, too: then the ban may have been placed in front of what they say
// (test_core_engine.c).
static void each_code_of_each_row_was_there(void **state)
{
    (void)state;
    uint32_t commands = 0, codes = 0;
    for (int type = 0; type < CMD_COUNT; type++) {
        if (!spoken((enum command_type)type))
            continue;
        const bool enters = type == CMD_JOIN || type == CMD_SWITCH;
        const uint32_t wanted = command_row((enum command_type)type)->errors & ~(enters ? 0 : BIT(BANNED));
        for (int i = 0; i < PROBLEM_COUNT; i++)
            if ((wanted ^ seen[type]) & UINT32_C(1) << i)
                print_error("`%s`: `%s` is %s\n", command_name((enum command_type)type),
                            problem_name((enum problem_code)i),
                            wanted & UINT32_C(1) << i ? "never seen" : "not of its row");
        assert_int_equal(seen[type], wanted);
        commands++;
        codes += (uint32_t)__builtin_popcount(wanted);
    }
    assert_true(commands > 30 && codes > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_room_is_no_name),
        cmocka_unit_test(who_is_not_there),
        cmocka_unit_test(whose_token_does_not_give_it),
        cmocka_unit_test(whose_room_is_closed),
        cmocka_unit_test(who_is_muted),
        cmocka_unit_test(who_is_banned_and_who_is_there),
        cmocka_unit_test(who_says_too_much),
        cmocka_unit_test(whose_token_is_refused),
        cmocka_unit_test(whose_invitation_is_refused),
        cmocka_unit_test(where_there_is_no_place),
        cmocka_unit_test(where_as_much_is_kept_as_may_be),
        cmocka_unit_test(what_is_not_there_not_so_any_more_or_too_long),
        cmocka_unit_test(who_comes_while_the_server_leaves),
        cmocka_unit_test(each_code_of_each_row_was_there), // the last
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
