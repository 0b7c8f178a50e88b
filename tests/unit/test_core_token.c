// SPDX-License-Identifier: Apache-2.0
//
// Who says hello with a token waits for a helper's verdict (core/mail/token.h), with the test as the helper; then it is who the token
// says, or is told why not. And what a token granted comes back by a resume token, and ends when the token does.
#include "unit/token_support.h"

#include "core/auth/caps.h"
#include "core/auth/verifier.h"
#include "core/edge/resume.h"
#include "core/mail/token.h"
#include "wire/jws.h"

#include <stdio.h>
#include <string.h>

static void a_token_says_who_it_is(void **state)
{
    (void)state;
    struct net *n = token_net_running(2, 3);
    struct client *c = net_ws(n, 1, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":7,\"token\":\"a.b.c\",\"name\":\"mallory\"}");
    expect_nothing(c);
    struct token_mail *job = asked(n, 1);
    assert_non_null(job);
    assert_str_eq(job->token, STR("a.b.c"));
    assert_int_equal(job->wall_ms, n->wall_ms);
    assert_int_equal(METRIC(n, tokens_asked), 1);
    say(c, "{\"type\":\"join\",\"id\":8,\"room\":\"here\"}"); // waits, and is carried out as who it is then
    net_wait(n, 5000);
    expect_nothing(c);
    const struct verdict_mail v = good(n, "ada");
    tell(n, 1, job, &v);
    str welcome = hear(c);
    assert_true(contains(welcome, "\"type\":\"welcome\",\"id\":7"));
    assert_true(contains(welcome, "\"user\":\"ada\""));
    assert_true(contains(welcome, "\"name\":\"Ada L.\""));
    expect(c, "\"type\":\"joined\",\"id\":8");
    const struct grant *g = session_grant(&client_reader(c)->who.session);
    assert_non_null(g);
    assert_str_eq(g->info, STR("{\"team\":\"blue\"}"));
    assert_str_eq(g->issuer, STR("main"));
    assert_str_eq(g->token_id, STR("j-1"));
    assert_null(g->caps.p);
    assert_int_equal(g->expires_ms, v.expires_ms);
    net_free(n);
}

static void without_a_name_in_the_token_the_hello_says_one(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    for (int named = 0; named < 2; named++) {
        struct client *c = net_ws(n, 0, "/ws");
        say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"%s}", named ? ",\"name\":\"Zoe\"" : "");
        struct verdict_mail v = good(n, "zoe-7");
        v.called = STR_NONE;
        tell(n, 0, asked(n, 0), &v);
        expect(c, named ? "\"name\":\"Zoe\"" : "\"name\":\"zoe-7\"");
    }
    net_free(n);
}

static void a_refused_token_makes_nobody_a_guest(void **state)
{
    (void)state;
    static const struct {
        enum token_verdict verdict;
        const char *error;
    } rows[] = {{TOKEN_BAD, "\"code\":\"unauthorized\",\"message\":\"It is forged.\""},
                {TOKEN_EXPIRED, "\"code\":\"token_expired\",\"message\":\"It is forged.\""}};
    struct net *n = token_net_running(1, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = net_ws(n, 0, "/ws");
        say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"x\"}");
        say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}");
        const struct verdict_mail v = {.verdict = rows[i].verdict, .why = STR("It is forged.")};
        tell(n, 0, asked(n, 0), &v);
        expect(c, rows[i].error);
        expect(c, "\"type\":\"error\",\"id\":2,\"code\":\"unauthorized\"");
        expect_nothing(c);
        assert_null(net_room_at(n, "here"));
        say(c, "{\"type\":\"hello\",\"id\":3,\"token\":\"y\"}"); // it may try again
        say(c, "{\"type\":\"ping\",\"id\":4}");                  // by whoever it turns out to be, so not yet
        expect_nothing(c);
        const struct verdict_mail fine = good(n, "ada");
        tell(n, 0, asked(n, 0), &fine);
        expect(c, "\"type\":\"welcome\",\"id\":3");
        expect(c, "\"type\":\"pong\",\"id\":4");
    }
    assert_int_equal(METRIC(n, tokens_refused), ARRAY_LEN(rows));
    assert_int_equal(n->notices[NOTICE_TOKEN_REFUSED], ARRAY_LEN(rows));
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"x\"}");
    const struct verdict_mail v = {.verdict = TOKEN_BAD, .why = STR("No.")};
    tell(n, 0, asked(n, 0), &v);
    expect(c, "unauthorized");
    say(c, "{\"type\":\"hello\",\"id\":2}"); // or be a guest, if it says so
    expect(c, "\"user\":\"guest-");
    net_free(n);
}

// Each forgery costs a helper a signature, so who tries and tries is slowed down.
static void forgeries_are_not_the_price_of_a_ping(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.commands_per_s = 10;
    n->settings.commands_burst = 50;
    net_start(n);
    struct client *c = net_ws(n, 0, "/ws");
    const struct verdict_mail v = {.verdict = TOKEN_BAD, .why = STR("No.")};
    for (int i = 0; i < 3; i++) {
        say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"x\"}");
        tell(n, 0, asked(n, 0), &v);
        expect(c, "\"code\":\"unauthorized\"");
    }
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"x\"}");
    expect(c, "\"code\":\"rate_limited\"");
    assert_null(asked(n, 0));
    net_free(n);
}

static void a_helper_without_memory_loses_nobody(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":\"later\",\"token\":\"a.b.c\",\"name\":\"Zoe\"}");
    const struct verdict_mail v = {.verdict = TOKEN_BUSY};
    tell(n, 0, asked(n, 0), &v);
    say(c, "{\"type\":\"ping\",\"id\":\"behind\"}");
    expect(c, "\"type\":\"error\",\"id\":\"later\",\"code\":\"unavailable\"");
    expect(c, "\"type\":\"error\",\"id\":\"behind\",\"code\":\"unavailable\""); // and not: a guest's pong
    say(c, "{\"type\":\"hello\",\"id\":2,\"token\":\"a.b.c\"}");
    const struct verdict_mail fine = good(n, "ada");
    tell(n, 0, asked(n, 0), &fine);
    expect(c, "\"type\":\"welcome\",\"id\":2");
    net_free(n);
}

// Its rooms are nobody else's: who was to be somebody is not a guest in them.
static void the_rooms_of_a_refused_hello_are_not_joined(void **state)
{
    (void)state;
    static const char hello[] =
        "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\",\"rooms\":[{\"id\":2,\"room\":\"r\"},{\"id\":3,\"room\":\"s\"}]}";
    const struct verdict_mail verdicts[] = {{.verdict = TOKEN_BUSY},
                                            {.verdict = TOKEN_BAD, .why = STR("No.")}};
    static const char *const code[] = {"unavailable", "unauthorized"};
    struct net *n = token_net_running(1, 1);
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        struct client *c = net_ws(n, 0, "/ws");
        say(c, hello);
        tell(n, 0, asked(n, 0), &verdicts[i]);
        for (int id = 1; id <= 3; id++) {
            char wanted[64];
            snprintf(wanted, sizeof wanted, "\"type\":\"error\",\"id\":%d,\"code\":\"%s\"", id, code[i]);
            expect(c, wanted);
        }
        expect_nothing(c);
        assert_true(i != 0 || net_room_at(n, "r") == NULL);
        const struct verdict_mail fine = good(n, "ada");
        say(c, hello);
        tell(n, 0, asked(n, 0), &fine);
        expect(c, "\"type\":\"welcome\",\"id\":1");
        expect(c, "\"type\":\"joined\",\"id\":2");
        expect(c, "\"type\":\"joined\",\"id\":3");
        cut(c);
    }
    net_free(n);
}

// Its key is not there yet: it may be good, so it is told when to come again; but nobody is a guest by it, and trying costs the same.
static void a_token_whose_key_is_to_come_is_put_off(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    const struct verdict_mail later = {.verdict = TOKEN_LATER, .retry_ms = 1234, .why = STR("Not yet.")};
    const struct verdict_mail fine = good(n, "ada");
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}");
    tell(n, 0, asked(n, 0), &later);
    expect(c, "\"id\":1,\"code\":\"unavailable\",\"message\":\"Not yet.\",\"retry_ms\":1234");
    expect(c, "\"id\":2,\"code\":\"unauthorized\"");
    assert_int_equal(METRIC(n, tokens_put_off), 1);
    assert_int_equal(METRIC(n, tokens_refused), 0);
    assert_int_equal(METRIC(n, limit_memory), 0);
    say(c, "{\"type\":\"hello\",\"id\":3,\"token\":\"a.b.c\"}");
    tell(n, 0, asked(n, 0), &fine);
    expect(c, "\"type\":\"welcome\",\"id\":3");

    c = net_ws_with(n, 0, "/ws",
                    "Authorization: Bearer a.b.c\r\n"); // one that came with the request is not forgotten
    say(c, "{\"type\":\"hello\",\"id\":1}");
    tell(n, 0, asked(n, 0), &later);
    expect(c, "\"code\":\"unavailable\"");
    say(c, "{\"type\":\"hello\",\"id\":2}");
    struct token_mail *again = asked(n, 0);
    assert_str_eq(again->token, STR("a.b.c"));
    tell(n, 0, again, &fine);
    expect(c, "\"type\":\"welcome\",\"id\":2");
    net_free(n);
}

static void who_has_gone_is_not_answered(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    struct token_mail *job = asked(n, 0);
    cut(c);
    net_settle(n);
    const struct verdict_mail v = good(n, "ada");
    tell(n, 0, job, &v);
    assert_int_equal(METRIC(n, sessions), 0);
    assert_int_equal(n->sh[0]->mail.under_way, 0); // its credit is back
    net_free(n);
}

static void without_keys_no_token_is_good(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    expect(c, "\"code\":\"unauthorized\",\"message\":\"This server has no keys");
    net_free(n);
}

static void where_there_are_no_guests_a_token_is_needed(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.no_guests = true;
    net_start(n);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"ping\",\"id\":1}");
    expect(c, "\"id\":1,\"code\":\"unauthorized\",\"message\":\"This server takes no guests");
    say(c, "{\"type\":\"hello\",\"id\":2}");
    expect(c, "\"id\":2,\"code\":\"unauthorized\"");
    say(c, "{\"type\":\"hello\",\"id\":3,\"resume\":\"AAAA\"}");
    expect(c, "\"id\":3,\"code\":\"unauthorized\"");
    say(c, "{\"type\":\"hello\",\"id\":4,\"token\":\"a.b.c\"}");
    const struct verdict_mail v = good(n, "ada");
    tell(n, 0, asked(n, 0), &v);
    char resume[RESUME_TOKEN_MAX + 1];
    string_of(hear(c), "resume", resume, sizeof resume);
    cut(c);
    c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":5,\"resume\":\"%s\"}", resume); // who was here by a token comes back
    expect(c, "\"user\":\"ada\"");
    struct client *line = net_accept(n, 0, TRANSPORT_LINE);
    net_wait(n, 2000);
    assert_true(line->closed || line->shut);
    net_free(n);
}

// A verdict for which its user's home has no credit left is kept, and nothing is lost.
static void a_verdict_waits_for_a_credit(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    n->settings.mail_credits = 2;
    net_start(n);
    struct client *c[6];
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
        c[i] = net_ws(n, 0, "/ws");
    n->hold[0][1] = n->hold[1][0] = true;
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++) {
        say(c[i], "{\"type\":\"hello\",\"id\":1,\"token\":\"t%u\"}", i);
        struct token_mail *job = asked(n, 0);
        assert_non_null(job);
        char user[16];
        uint32_t k = i * 100; // of those at home on the other shard
        do
            snprintf(user, sizeof user, "u%u", k++);
        while (print_str(&n->sh[0]->cx, str_from_cstr(user)).lo % 2 != 1);
        const struct verdict_mail v = good(n, user);
        tell(n, 0, job, &v);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
        expect_nothing(c[i]);
    assert_true(METRIC(n, mail_full) >= ARRAY_LEN(c) - 2);
    net_check(n);
    cut(c[3]); // its verdict goes with it
    net_settle(n);
    n->hold[0][1] = n->hold[1][0] = false;
    net_settle(n);
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
        if (i != 3)
            expect(c[i], "\"type\":\"welcome\"");
    net_free(n);
}

// Jobs have credits of their own: those who find none wait, and no more are under way than there are.
static void a_slow_helper_is_not_buried(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.mail_credits = 2;
    net_start(n);
    struct client *c[5];
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = net_ws(n, 0, "/ws");
        say(c[i], "{\"type\":\"hello\",\"id\":1,\"token\":\"t%u\"}", i);
    }
    assert_int_equal(shard_mail_waiting(n->sh[0], 2), 2);
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++) {
        struct token_mail *job = asked(n, 0);
        assert_non_null(job);
        const struct verdict_mail v = good(n, "ada");
        tell(n, 0, job, &v);
        net_settle(n);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
        expect(c[i], "\"type\":\"welcome\"");
    net_free(n);
}

// What a token allows goes along with what is asked, for the room that it is asked of.
static void a_token_with_rights_goes_where_they_are(void **state)
{
    (void)state;
    static const struct room_rule rules[] = {{.match = STR("invited*"),
                                              .room = {.room_members_max = 9,
                                                       .log_entries = 9,
                                                       .log_bytes = 9999,
                                                       .log_age_ms = 9999,
                                                       .room_access = ACCESS_INVITE}},
                                             {.match = STR("known*"),
                                              .room = {.room_members_max = 9,
                                                       .log_entries = 9,
                                                       .log_bytes = 9999,
                                                       .log_age_ms = 9999,
                                                       .room_access = ACCESS_TOKEN}}};
    static char block[CAPS_BYTES_MAX];
    struct sentence why;
    size_t block_n;
    assert_int_equal(caps_make(STR("{\"rooms\":{\"invited-1\":[\"join\"],\"invited-*\":[\"publish\"]}}"),
                               block, &block_n, &why),
                     OK);
    struct net *n = token_net(1, 1);
    n->settings.rules = rules;
    n->settings.rules_n = 2;
    net_start(n);
    struct client *c = net_ws(n, 0, "/ws"), *bare = net_ws(n, 0, "/ws"), *guest = net_json(n, 0);
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    struct verdict_mail v = good(n, "ada");
    const struct verdict_mail without = good(n, "bob"); // a word of rights
    v.caps = str_make(block, block_n);
    tell(n, 0, asked(n, 0), &v);
    expect(c, "\"type\":\"welcome\"");
    say(bare, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.d\"}");
    tell(n, 0, asked(n, 0), &without);
    expect(bare, "\"type\":\"welcome\"");
    static const struct {
        const char *room;
        bool comes, bare_comes, guest_comes;
    } rows[] = {{"invited-1", true, false, false},
                {"invited-2", false, false, false},
                {"invited", false, false, false},
                {"known", false, true, false}, // a token allows exactly what it says
                {"open", false, true, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", rows[i].room);
        expect(c, rows[i].comes ? "\"type\":\"joined\"" : "\"code\":\"forbidden\"");
        say(bare, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", rows[i].room);
        expect(bare, rows[i].bare_comes ? "\"type\":\"joined\"" : "\"code\":\"forbidden\"");
        say(guest, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", rows[i].room);
        expect(guest, rows[i].guest_comes ? "\"type\":\"joined\"" : "\"code\":\"forbidden\"");
    }
    struct edge *e = &n->sh[0]->edge;
    const struct command cmd = {.type = CMD_JOIN, .room = STR("invited-1")};
    assert_false(edge_ask_make(e, c->conn, ASK_JOIN, &cmd).guest);
    assert_true(edge_ask_make(e, guest->conn, ASK_JOIN, &cmd).guest);
    assert_int_equal(edge_grant(e, c->conn, MAP_NONE, STR("invited-1")), caps_room(v.caps, STR("invited-1")));
    assert_int_equal(edge_grant(e, c->conn, MAP_NONE, STR("elsewhere")), 1u << RIGHT_NONE);
    assert_int_equal(edge_grant(e, guest->conn, MAP_NONE, STR("invited-1")),
                     0); // it has none that could allow nothing
    net_free(n);
}

static struct token_mail *signed_job(struct mem *m, const struct jwk *key, const char *caps)
{
    char claims[512];
    int claims_n = snprintf(claims, sizeof claims, "{\"sub\":\"ada\",\"exp\":2000%s%s}",
                            caps[0] != '\0' ? ",\"caps\":" : "", caps);
    struct buf token;
    buf_init(&token, m, 0);
    assert_int_equal(jws_sign(key, str_make(claims, (size_t)claims_n), &token), OK);
    struct token_mail *job = mem_zalloc(m, sizeof *job + token.n);
    assert_non_null(job);
    job->mail = (struct mail){.kind = MAIL_TOKEN, .bytes = (uint32_t)(sizeof *job + token.n)};
    job->wall_ms = 1000000;
    memcpy(job->tail, token.p, token.n);
    job->token = str_make(job->tail, token.n);
    buf_deinit(&token);
    return job;
}

// The helper reads the claim: a block comes of it, or the token is refused, in words, however good its signature.
static void the_helper_reads_what_a_token_allows(void **state)
{
    (void)state;
    static const struct {
        const char *caps;
        enum token_verdict verdict;
        const char *why;
    } rows[] = {{"", TOKEN_GOOD, ""},
                {"{}", TOKEN_GOOD, ""},
                {"{\"rooms\":{\"a\":[\"join\"]}}", TOKEN_GOOD, ""},
                {"{\"rooms\":{\"a\":[\"fly\"]}}", TOKEN_BAD, "There is no right `fly` in a room;"},
                {"{\"room\":{\"a\":[\"join\"]}}", TOKEN_BAD, "`caps` has a key `room`;"}};
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    struct jwk key = {0};
    struct jwk_problem problem;
    const struct jwk_wish wish = {.use = JWK_TO_SIGN, .has_alg = true, .alg = JWA_HS256};
    assert_int_equal(
        jwk_from_secret(STR("a secret of the test, which is 32 bytes or more"), &wish, &key, &problem), OK);
    const struct keyring_issuer issuer = {
        .name = STR("main"), .any_audience = true, .leeway_ms = 7000, .keys = &key, .keys_n = 1};
    struct keyring *ring;
    assert_int_equal(keyring_create(&mem, &issuer, 1, 1, &ring), OK);
    struct verifier v;
    const struct siphash_key hash_key = {1, 2};
    verifier_init(&v, &mem, &hash_key);
    verifier_keys_set(&v, ring);
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) { // a second time it is remembered
        const size_t row = i % ARRAY_LEN(rows);
        struct mail *m = verifier_work(&v, &signed_job(&mem, &key, rows[row].caps)->mail);
        const struct verdict_mail *said = (struct verdict_mail *)(void *)m;
        assert_int_equal(said->verdict, rows[row].verdict);
        assert_int_equal(said->leeway_ms, rows[row].verdict == TOKEN_GOOD ? 7000 : 0);
        assert_true(str_starts(said->why, str_from_cstr(rows[row].why)));
        assert_int_equal(said->caps.p != NULL && said->caps.n != 0,
                         rows[row].verdict == TOKEN_GOOD && rows[row].caps[0] != '\0');
        if (rows[row].verdict == TOKEN_GOOD && rows[row].caps[0] != '\0') {
            caps_check(said->caps);
            assert_int_equal((caps_room(said->caps, STR("a")) & 1u << RIGHT_JOIN) != 0, row == 2);
        }
        mail_discard(&mem, m);
    }
    verifier_deinit(&v);
    jwk_deinit(&key);
    test_mem_check(&t);
}

static void resume_brings_back_what_was_granted_until_it_ends(void **state)
{
    (void)state;
    struct net *n = token_net_running(2, 1);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    struct verdict_mail v = good(n, "ada");
    v.caps = STR("the caps, as bytes");
    tell(n, 0, asked(n, 0), &v);
    char resume[RESUME_TOKEN_MAX + 1], session[SESSION_ID_LEN + 1], now[SESSION_ID_LEN + 1];
    str welcome = hear(c);
    string_of(welcome, "resume", resume, sizeof resume);
    string_of(welcome, "session", session, sizeof session);
    cut(c);
    net_wait(n, 59000);
    c = net_ws(n, 1, "/ws"); // on another shard
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", resume);
    string_of(expect(c, "\"user\":\"ada\""), "session", now, sizeof now);
    assert_string_equal(now, session);
    const struct grant *g = session_grant(&client_reader(c)->who.session);
    assert_non_null(g);
    assert_str_eq(g->caps, STR("the caps, as bytes"));
    assert_str_eq(g->info, v.info);
    assert_int_equal(g->expires_ms, v.expires_ms);
    say(c, "{\"type\":\"rename\",\"id\":2,\"name\":\"Countess\"}"); // it keeps it by another name
    expect(c, "\"type\":\"renamed\"");
    assert_str_eq(session_grant(&client_reader(c)->who.session)->token_id, STR("j-1"));
    cut(c);
    net_wait(n, 1000);
    c = net_ws(n, 1, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", resume);
    expect(c, "\"code\":\"token_expired\"");
    say(c, "{\"type\":\"hello\",\"id\":2,\"resume\":\"%s\",\"token\":\"new\"}",
        resume); // a new one makes it good again
    const struct verdict_mail again = good(n, "ada");
    tell(n, 1, asked(n, 1), &again);
    string_of(expect(c, "\"user\":\"ada\""), "session", now, sizeof now);
    assert_string_equal(now, session);
    net_free(n);
}

static void a_resume_token_of_somebody_else_is_none(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *guest = net_json(n, 0), *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\",\"token\":\"a.b.c\"}", guest->resume);
    const struct verdict_mail v = good(n, "ada");
    tell(n, 0, asked(n, 0), &v);
    char session[SESSION_ID_LEN + 1];
    string_of(expect(c, "\"user\":\"ada\""), "session", session, sizeof session);
    assert_string_not_equal(session, guest->session);
    expect_nothing(guest); // it goes on
    assert_int_equal(guest->closes, 0);
    assert_int_equal(METRIC(n, resume_refused), 1);
    assert_int_equal(n->notices[NOTICE_RESUME_REFUSED], 1);
    net_free(n);
}

static void a_job_and_its_verdict_are_what_they_were(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":\"an id\",\"token\":\"a.b.c\",\"name\":\"Zoe\",\"resume\":\"AAAA\"}");
    struct token_mail *job = asked(n, 0);
    struct verdict_mail *v = verdict_busy(job);
    assert_int_equal(v->verdict, TOKEN_BUSY);
    assert_str_eq(v->id, STR("\"an id\""));
    assert_str_eq(v->name, STR("Zoe"));
    assert_str_eq(v->resume, STR("AAAA"));
    assert_int_equal(v->user.n, 0);
    shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
    shard_on_mail(n->sh[0], &v->mail);
    shard_turn_end(n->sh[0]);
    net_settle(n);
    expect(c, "\"id\":\"an id\",\"code\":\"unavailable\"");
    net_free(n);
}

// --- a token that comes with the request

static void a_request_may_bring_the_token(void **state)
{
    (void)state;
    static const struct {
        const char *target, *fields, *token;
    } rows[] = {
        {"/ws", "Authorization: Bearer a.b.c\r\n", "a.b.c"},
        {"/ws", "Authorization: bearer  a.b.c \r\n", "a.b.c"},
        {"/ws", "Authorization: Basic a.b.c\r\n", NULL},
        {"/ws", "Sec-WebSocket-Protocol: plenum.v1.json, plenum.token.a.b.c\r\n", "a.b.c"},
        {"/ws", "Sec-WebSocket-Protocol: plenum.token.a.b.c\r\n", "a.b.c"},
        {"/ws", "Cookie: x=y; session=a.b.c; z=1\r\n", "a.b.c"},
        {"/ws", "Cookie: session=\"a.b.c\"\r\n", "a.b.c"},
        {"/ws", "Cookie: xsession=a.b.c; session_=a.b.c\r\n", NULL},
        {"/ws?x=1&token=a.b.c", "", "a.b.c"},
        {"/ws?token=q.q.q", "Cookie: session=c.c.c\r\nAuthorization: Bearer a.b.c\r\n", "a.b.c"},
        {"/ws?token=q.q.q", "Cookie: session=c.c.c\r\n", "c.c.c"},
        {"/ws", "", NULL},
    };
    struct net *n = token_net(1, 1);
    n->settings.query_token = true;
    n->settings.token_cookie = STR("session");
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int said = 0; said < 2; said++) {
            struct client *c = net_ws_with(n, 0, rows[i].target, rows[i].fields);
            say(c, said ? "{\"type\":\"hello\",\"id\":1}" : "{\"type\":\"ping\",\"id\":1}");
            if (rows[i].token == NULL) {
                expect(c, "\"user\":\"guest-");
            } else {
                struct token_mail *job = asked(n, 0);
                assert_non_null(job);
                assert_str_eq(job->token, str_from_cstr(rows[i].token));
                const struct verdict_mail v = good(n, "ada");
                tell(n, 0, job, &v);
                expect(c, "\"user\":\"ada\"");
                assert_null(client_asker(c)->waiting); // the token is not kept
            }
            if (!said)
                expect(c, "\"type\":\"pong\",\"id\":1");
            expect_nothing(c);
            cut(c);
        }
    net_free(n);
}

// A client that does not wait: all of it is said by whoever the token says.
static void what_comes_behind_waits_for_the_verdict(void **state)
{
    (void)state;
    struct net *n = token_net_running(2, 2);
    for (int said = 0; said < 2; said++) {
        struct client *c = net_ws_with(n, 0, "/ws", "Authorization: Bearer a.b.c\r\n");
        if (said)
            post(c, "{\"type\":\"hello\",\"id\":1}");
        for (int id = 2; id < 6; id++)
            post(c, "{\"type\":\"ping\",\"id\":%d}", id);
        net_settle(n);
        struct token_mail *job = asked(n, 0);
        assert_non_null(job);
        assert_null(asked(n, 0));
        expect_nothing(c);
        const struct verdict_mail v = good(n, "ada");
        tell(n, 0, job, &v);
        expect(c, "\"user\":\"ada\"");
        for (int id = 2; id < 6; id++)
            expect(c, "\"type\":\"pong\"");
        cut(c);
    }
    net_free(n);
}

static void a_target_holds_no_token_unless_it_may(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws_with(n, 0, "/ws?token=a.b.c", "Cookie: session=a.b.c\r\n");
    say(c, "{\"type\":\"hello\",\"id\":1}");
    expect(c, "\"user\":\"guest-");
    net_free(n);
}

static void what_the_hello_says_comes_before_what_the_request_brought(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws_with(n, 0, "/ws", "Authorization: Bearer a.b.c\r\n");
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"x.y.z\"}");
    struct token_mail *job = asked(n, 0);
    assert_str_eq(job->token, STR("x.y.z"));
    const struct verdict_mail v = good(n, "ada");
    tell(n, 0, job, &v);
    expect(c, "\"user\":\"ada\"");
    net_free(n);
}

static void a_request_with_a_bad_token_makes_nobody_a_guest(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = net_ws_with(n, 0, "/ws", "Authorization: Bearer a.b.c\r\n");
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"here\"}");
    const struct verdict_mail v = {.verdict = TOKEN_BAD, .why = STR("It is forged.")};
    tell(n, 0, asked(n, 0), &v);
    expect(c, "\"code\":\"unauthorized\",\"message\":\"It is forged.\"");
    expect(c, "\"id\":1,\"code\":\"unauthorized\"");
    expect_nothing(c);
    struct client *line =
        net_ws_with(n, 0, "/echo", "Authorization: Bearer a.b.c\r\n"); // lines know no hello
    tell(n, 0, asked(n, 0), &v);
    net_wait(n, 3000);
    assert_int_equal(line->close_code, WS_CLOSE_POLICY);
    net_free(n);
}

static void lines_over_websocket_are_said_by_who_the_token_says(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.no_guests = true;
    net_start(n);
    struct client *line = net_ws_with(n, 0, "/echo", "Authorization: Bearer a.b.c\r\n");
    post(line, "hello all");
    net_settle(n);
    const struct verdict_mail v = good(n, "ada");
    tell(n, 0, asked(n, 0), &v);
    bool heard = false;
    for (str s; (s = hear(line)).p != NULL;)
        heard = heard || contains(s, "Ada L.: hello all");
    assert_true(heard);
    net_free(n);
}

// --- the end of a token

static struct client *somebody(struct net *n, const char *caps, uint64_t ms)
{
    struct client *c = net_ws(n, 0, "/ws");
    char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    struct verdict_mail v = good(n, "ada");
    v.expires_ms = n->wall_ms + ms;
    if (caps != NULL) {
        assert_int_equal(caps_make(str_from_cstr(caps), block, &block_n, &why), OK);
        v.caps = str_make(block, block_n);
    }
    say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
    tell(n, 0, asked(n, 0), &v);
    expect(c, "\"type\":\"welcome\"");
    return c;
}

static void who_does_not_refresh_is_closed_after_a_grace(void **state)
{
    (void)state;
    struct net *n = token_net(1, 1);
    n->settings.expiry_grace_ms = 10000;
    net_start(n);
    struct client *c = somebody(n, NULL, 100000);
    net_wait(n, 74900); // a quarter of it is left
    expect_nothing(c);
    net_wait(n, 200);
    expect(c, "{\"type\":\"token_expiring\",\"expires_in\":25}");
    net_wait(n, 34000);
    expect_nothing(c);
    assert_int_equal(c->closes, 0);
    net_wait(n, 2000);
    assert_int_equal(c->close_code, WS_CLOSE_POLICY);
    assert_int_equal(METRIC(n, tokens_expired), 1);
    net_free(n);
}

// Its issuer's clock may be behind: what the helper has taken is not refused for a grace that is shorter, and it goes on for as long.
static void a_token_within_its_leeway_is_taken_whatever_the_grace(void **state)
{
    (void)state;
    static const uint32_t graces[] = {0, 2000};
    for (size_t i = 0; i < ARRAY_LEN(graces); i++) {
        struct net *n = token_net(2, 1);
        n->settings.expiry_grace_ms = graces[i];
        net_start(n);
        struct client *c = net_ws(n, 0, "/ws");
        say(c, "{\"type\":\"hello\",\"id\":1,\"token\":\"a.b.c\"}");
        struct verdict_mail v = good(n, "ada");
        v.leeway_ms = 10000;
        v.expires_ms = n->wall_ms - 5000;
        char resume[RESUME_TOKEN_MAX + 1];
        tell(n, 0, asked(n, 0), &v);
        string_of(expect(c, "\"type\":\"welcome\""), "resume", resume, sizeof resume);
        net_wait(n, 2000);
        cut(c);
        c = net_ws(n, 1, "/ws"); // the resume token holds it
        say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", resume);
        expect(c, "\"user\":\"ada\"");
        say(c, "{\"type\":\"refresh\",\"id\":2,\"token\":\"a.b.d\"}"); // and one of a refresh
        tell(n, 1, asked(n, 1), &v);
        expect(c, "\"type\":\"ack\",\"id\":2,\"expires_in\":0");
        net_wait(n, 2900);
        expect_nothing(c);
        assert_int_equal(c->closes, 0);
        net_wait(n, 200);
        assert_int_equal(c->close_code, WS_CLOSE_POLICY);
        assert_int_equal(METRIC(n, tokens_expired), 1);
        c = net_ws(n, 0, "/ws");
        say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", resume);
        expect(c, "\"code\":\"token_expired\"");
        net_free(n);
    }
}

static void a_long_token_is_told_of_a_minute_ahead(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = somebody(n, NULL, 3600000);
    c->no_pong = false;
    net_wait(n, 3539000);
    expect_nothing(c);
    net_wait(n, 1500);
    expect(c, "\"token_expiring\",\"expires_in\":60");
    net_free(n);
}

static void a_new_token_extends_it(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = somebody(n, NULL, 100000);
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"here\"}");
    expect(c, "joined");
    say(c, "{\"type\":\"refresh\",\"id\":3,\"token\":\"next\"}");
    say(c, "{\"type\":\"message\",\"id\":4,\"room\":\"here\",\"data\":1}"); // which waits for nothing
    expect(c, "\"type\":\"ack\",\"id\":4");
    struct token_mail *job = asked(n, 0);
    assert_str_eq(job->token, STR("next"));
    assert_true(job->refresh);
    struct verdict_mail v = good(n, "ada");
    v.expires_ms = n->wall_ms + 500000;
    tell(n, 0, job, &v);
    char resume[RESUME_TOKEN_MAX + 1];
    string_of(expect(c, "\"type\":\"ack\",\"id\":3,\"expires_in\":500"), "resume", resume, sizeof resume);
    net_wait(n, 400000);
    expect_nothing(c);
    net_wait(n, 41000);
    expect(c, "token_expiring");
    cut(c);
    c = net_ws(n, 0, "/ws");
    say(c, "{\"type\":\"hello\",\"id\":5,\"resume\":\"%s\"}", resume); // the new end is in it
    expect(c, "\"user\":\"ada\"");
    net_free(n);
}

static void what_does_not_refresh_changes_nothing(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c = somebody(n, NULL, 100000), *guest = net_json(n, 0);
    say(guest, "{\"type\":\"refresh\",\"id\":1,\"token\":\"x\"}");
    expect(guest, "\"code\":\"bad_command\",\"message\":\"This session has no token");
    struct verdict_mail rows[] = {{.verdict = TOKEN_BAD, .why = STR("No.")},
                                  {.verdict = TOKEN_EXPIRED, .why = STR("Over.")},
                                  good(n, "eve"),
                                  {.verdict = TOKEN_BUSY},
                                  {.verdict = TOKEN_LATER, .retry_ms = 700, .why = STR("Not yet.")}};
    static const char *const errors[] = {
        "\"code\":\"unauthorized\",\"message\":\"No.\"", "\"code\":\"token_expired\"", "another user",
        "\"code\":\"unavailable\"", "\"code\":\"unavailable\",\"message\":\"Not yet.\",\"retry_ms\":700"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        say(c, "{\"type\":\"refresh\",\"id\":7,\"token\":\"x\"}");
        tell(n, 0, asked(n, 0), &rows[i]);
        expect(c, errors[i]);
        say(c, "{\"type\":\"ping\",\"id\":8}"); // it is who it was
        expect(c, "pong");
    }
    net_wait(n, 76000);
    expect(c, "token_expiring");
    net_free(n);
}

static void caps_say_what_may_be_done_in_a_room(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *c =
        somebody(n, "{\"rooms\":{\"news\":[\"join\"],\"team-*\":[\"join\",\"publish\"]}}", 100000);
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"news\"}");
    expect(c, "joined");
    say(c, "{\"type\":\"message\",\"id\":3,\"room\":\"news\",\"data\":1}");
    expect(c, "\"id\":3,\"code\":\"forbidden\"");
    say(c, "{\"type\":\"join\",\"id\":4,\"room\":\"team-red\"}");
    expect(c, "joined");
    say(c, "{\"type\":\"message\",\"id\":5,\"room\":\"team-red\",\"data\":1}");
    expect(c, "\"type\":\"ack\",\"id\":5");
    say(c, "{\"type\":\"join\",\"id\":6,\"room\":\"lobby\"}"); // open to guests, but not to this token
    expect(c, "\"id\":6,\"code\":\"forbidden\"");
    say(c, "{\"type\":\"refresh\",\"id\":7,\"token\":\"less\"}"); // it says less from now on
    struct verdict_mail v = good(n, "ada");
    char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    assert_int_equal(caps_make(STR("{\"rooms\":{\"**\":[\"join\"]}}"), block, &block_n, &why), OK);
    v.caps = str_make(block, block_n);
    tell(n, 0, asked(n, 0), &v);
    expect(c, "\"id\":7,\"expires_in\"");
    say(c, "{\"type\":\"message\",\"id\":8,\"room\":\"team-red\",\"data\":1}");
    expect(c, "\"id\":8,\"code\":\"forbidden\"");
    net_free(n);
}

// What a claim says of the server is exact; one that is silent about it makes the rooms that it lets into, and no more. Who has no
// claim may do what everybody may.
static void guest_may(struct net *n, const char *caps)
{
    static char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    assert_int_equal(caps_make(str_from_cstr(caps), block, &block_n, &why), OK);
    n->settings.guest_caps = str_make(block, block_n);
}

// Exactly what the server says of guests, by a resume token too; who has a token is not held to it.
static void guests_have_rights_of_their_own(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = token_net(shards, 1);
        guest_may(
            n,
            "{\"rooms\":{\"lobby\":[\"join\",\"publish\"],\"hall-*\":[\"join\"]},\"server\":[\"create\"]}");
        net_start(n);
        struct client *c = net_json(n, 0), *known;
        for (int i = 0; i < 2; i++) { // as who has come, and as who has come back
            say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"lobby\"}");
            expect(c, "\"joined\"");
            say(c, "{\"type\":\"message\",\"id\":2,\"room\":\"lobby\",\"data\":1}");
            expect(c, "\"ack\"");
            say(c, "{\"type\":\"state\",\"id\":3,\"room\":\"lobby\",\"set\":{\"a\":1}}");
            expect(
                c,
                "\"forbidden\",\"message\":\"This needs the right `state` in the room, which guests here do not have;");
            say(c, "{\"type\":\"join\",\"id\":4,\"room\":\"hall-1\"}");
            expect(c, "\"joined\"");
            say(c, "{\"type\":\"message\",\"id\":5,\"room\":\"hall-1\",\"data\":1}");
            expect(c, "the right `publish` in the room, which guests here do not have");
            say(c, "{\"type\":\"join\",\"id\":6,\"room\":\"elsewhere\"}");
            expect(
                c,
                "\"forbidden\",\"message\":\"It takes the right `join` to come into the room `elsewhere`, and guests here");
            say(c, "{\"type\":\"direct\",\"id\":7,\"to\":\"ada\",\"data\":1}");
            expect(
                c,
                "\"forbidden\",\"message\":\"It takes the right `direct` to say something to one user, which guests");
            say(c, "{\"type\":\"rooms\",\"id\":8}");
            expect(
                c,
                "\"forbidden\",\"message\":\"It takes the right `rooms` to see which rooms there are, which guests");
            cut(c);
            char resume[RESUME_TOKEN_MAX + 1];
            memcpy(resume, c->resume, sizeof resume);
            c = net_ws(n, shards - 1, "/ws");
            say(c, "{\"type\":\"hello\",\"resume\":\"%s\"}", resume);
            string_of(expect(c, "welcome"), "resume", c->resume, sizeof c->resume);
        }
        known = somebody(n, NULL, 60000);
        say(known, "{\"type\":\"join\",\"id\":1,\"room\":\"elsewhere\"}");
        expect(known, "\"joined\"");
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"elsewhere\"}");
        expect(c, "\"forbidden\"");
        net_free(n);
    }
}

// They name nobody: what is kept for others stays so, whatever the pattern. A token of the room is another matter.
static void what_guests_may_opens_no_room_that_is_kept_for_others(void **state)
{
    (void)state;
    static const struct room_settings open = {.room_members_max = 9,
                                              .log_entries = 9,
                                              .log_bytes = 9999,
                                              .log_age_ms = 9999,
                                              .state_keys = 9,
                                              .state_bytes = 99,
                                              .state_value = 9,
                                              .newcomer_role = ROLE_MEMBER};
    static struct room_rule rules[] = {{.match = STR("invited")}, {.match = STR("known")}};
    rules[0].room = rules[1].room = open;
    rules[0].room.room_access = ACCESS_INVITE;
    rules[1].room.room_access = ACCESS_TOKEN;
    struct net *n = token_net(1, 1);
    n->settings.rules = rules;
    n->settings.rules_n = ARRAY_LEN(rules);
    guest_may(n, "{\"rooms\":{\"**\":[\"join\",\"publish\"]}}");
    net_start(n);
    struct client *c = net_json(n, 0), *host = net_json(n, 0);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%.*s\"}", STR_ARG(rules[i].match));
        expect(c, "\"forbidden\"");
    }
    say(host, "{\"type\":\"join\",\"id\":1,\"room\":\"locked\"}"); // which makes it, as without `server`
    expect(host, "\"joined\"");
    net_give(host, "locked", host->user, "host");
    say(host, "{\"type\":\"lock\",\"room\":\"locked\",\"on\":true}");
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"locked\"}");
    expect(c, "\"forbidden\",\"message\":\"The room `locked` is locked");
    say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"invited\",\"token\":\"t\"}");
    char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    struct verdict_mail v = good(n, "");
    v.user = v.called = STR_NONE;
    assert_int_equal(caps_make(STR("{\"rooms\":{\"invited\":[\"join\",\"state\"]}}"), block, &block_n, &why),
                     OK);
    v.caps = str_make(block, block_n);
    tell(n, 0, asked(n, 0), &v);
    expect(c, "\"joined\"");
    say(c,
        "{\"type\":\"state\",\"id\":3,\"room\":\"invited\",\"set\":{\"a\":1}}"); // what the token gives there
    expect(c, "\"ack\"");
    expect(c, "state:updated");
    say(c, "{\"type\":\"message\",\"id\":4,\"room\":\"invited\",\"data\":1}");
    expect(c, "which your token does not give");
    net_free(n);
}

static void caps_say_what_may_be_done_besides(void **state)
{
    (void)state;
    static const struct {
        const char *caps;
        bool creates, directs, lists;
    } rows[] = {
        {NULL, true, true, true},
        {"{\"rooms\":{\"**\":[\"join\"]}}", true, false, false},
        {"{\"rooms\":{\"**\":[\"host\"]},\"server\":[]}", false, false, false},
        {"{\"rooms\":{\"**\":[\"join\"]},\"server\":[\"create\"]}", true, false, false},
        {"{\"rooms\":{\"**\":[\"join\"]},\"server\":[\"direct\"]}", false, true, false},
        {"{\"rooms\":{\"**\":[\"join\"]},\"server\":[\"rooms\",\"publish\"]}", false, false, true},
    };
    struct net *n = token_net_running(2, 1);
    struct client *guest = net_json(n, 0);
    say(guest, "{\"type\":\"join\",\"id\":1,\"room\":\"there\"}");
    forget(guest);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = somebody(n, rows[i].caps, 100000);
        say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"there\"}"); // it is there
        expect(c, "joined");
        expect(guest, i == 0 ? "member:joined" : "member:changed");
        say(c, "{\"type\":\"join\",\"id\":3,\"room\":\"new-%zu\"}", i);
        if (rows[i].creates)
            expect(c, "\"type\":\"joined\",\"id\":3");
        else
            assert_true(contains(expect(c, "\"id\":3,\"code\":\"forbidden\""), "`create` in `caps.server`"));
        char room[16];
        snprintf(room, sizeof room, "new-%zu", i);
        assert_int_equal(net_room_at(n, room) != NULL, rows[i].creates);
        say(c, "{\"type\":\"direct\",\"id\":4,\"to\":\"%s\",\"data\":1}", guest->user);
        if (rows[i].directs)
            expect(c, "\"id\":4,\"delivered\":1");
        else
            assert_true(contains(expect(c, "\"id\":4,\"code\":\"forbidden\""), "`direct` in `caps.server`"));
        say(c, "{\"type\":\"rooms\",\"id\":5}");
        if (rows[i].lists)
            expect(c, "\"type\":\"rooms\",\"id\":5");
        else
            assert_true(contains(expect(c, "\"id\":5,\"code\":\"forbidden\""), "`rooms` in `caps.server`"));
        if (rows[i].directs)
            expect(guest, "\"type\":\"direct\"");
        expect_nothing(guest);
        cut(c);
        net_settle(n);
        forget(guest);
    }
    net_free(n);
}

// Who may not come into a room does not make it either, and pays for nothing.
static void who_may_not_come_in_makes_no_room(void **state)
{
    (void)state;
    struct net *n = token_net(2, 1);
    n->settings.rooms_connection = n->settings.rooms_user = (struct rate){1, 1};
    net_start(n);
    struct client *c = somebody(n, "{\"rooms\":{\"mine\":[\"join\"],\"*\":[\"publish\"]}}", 100000);
    for (int i = 0; i < 3; i++) {
        say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"yours-%d\"}", i);
        assert_true(contains(expect(c, "\"id\":2,\"code\":\"forbidden\""), "right `join`"));
    }
    assert_int_equal(METRIC(n, rooms_created), 0);
    say(c, "{\"type\":\"join\",\"id\":3,\"room\":\"mine\"}");
    expect(c, "\"type\":\"joined\",\"id\":3");
    net_free(n);
}

// Lines are refused in their turn.
static void a_terminal_with_a_token_is_held_to_it(void **state)
{
    (void)state;
    struct net *n = token_net_running(1, 1);
    struct client *guest = net_json(n, 0);
    struct client *line = net_ws_with(n, 0, "/echo", "Authorization: Bearer a.b.c\r\n");
    char block[CAPS_BYTES_MAX];
    size_t block_n;
    struct sentence why;
    struct verdict_mail v = good(n, "ada");
    assert_int_equal(caps_make(STR("{\"rooms\":{\"**\":[\"join\",\"publish\"]},\"server\":[\"create\"]}"),
                               block, &block_n, &why),
                     OK);
    v.caps = str_make(block, block_n);
    post(line, "hello all");
    net_settle(n);
    tell(n, 0, asked(n, 0), &v);
    forget(line);
    post(line, "/msg %s psst", guest->user);
    post(line, "/rooms");
    post(line, "/join elsewhere");
    net_settle(n);
    static const char *const order[] = {"`direct`", "`rooms`", "joined elsewhere"};
    size_t at = 0;
    for (str s; (s = hear(line)).p != NULL;)
        if (at < ARRAY_LEN(order) && contains(s, order[at]))
            at++;
    assert_int_equal(at, ARRAY_LEN(order));
    expect_nothing(guest);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_who_it_is),
        cmocka_unit_test(without_a_name_in_the_token_the_hello_says_one),
        cmocka_unit_test(a_refused_token_makes_nobody_a_guest),
        cmocka_unit_test(forgeries_are_not_the_price_of_a_ping),
        cmocka_unit_test(a_helper_without_memory_loses_nobody),
        cmocka_unit_test(the_rooms_of_a_refused_hello_are_not_joined),
        cmocka_unit_test(a_token_whose_key_is_to_come_is_put_off),
        cmocka_unit_test(who_has_gone_is_not_answered),
        cmocka_unit_test(without_keys_no_token_is_good),
        cmocka_unit_test(where_there_are_no_guests_a_token_is_needed),
        cmocka_unit_test(a_verdict_waits_for_a_credit),
        cmocka_unit_test(a_slow_helper_is_not_buried),
        cmocka_unit_test(a_token_with_rights_goes_where_they_are),
        cmocka_unit_test(the_helper_reads_what_a_token_allows),
        cmocka_unit_test(resume_brings_back_what_was_granted_until_it_ends),
        cmocka_unit_test(a_resume_token_of_somebody_else_is_none),
        cmocka_unit_test(a_job_and_its_verdict_are_what_they_were),
        cmocka_unit_test(a_request_may_bring_the_token),
        cmocka_unit_test(what_comes_behind_waits_for_the_verdict),
        cmocka_unit_test(a_target_holds_no_token_unless_it_may),
        cmocka_unit_test(what_the_hello_says_comes_before_what_the_request_brought),
        cmocka_unit_test(a_request_with_a_bad_token_makes_nobody_a_guest),
        cmocka_unit_test(lines_over_websocket_are_said_by_who_the_token_says),
        cmocka_unit_test(who_does_not_refresh_is_closed_after_a_grace),
        cmocka_unit_test(a_token_within_its_leeway_is_taken_whatever_the_grace),
        cmocka_unit_test(a_long_token_is_told_of_a_minute_ahead),
        cmocka_unit_test(a_new_token_extends_it),
        cmocka_unit_test(what_does_not_refresh_changes_nothing),
        cmocka_unit_test(caps_say_what_may_be_done_in_a_room),
        cmocka_unit_test(guests_have_rights_of_their_own),
        cmocka_unit_test(what_guests_may_opens_no_room_that_is_kept_for_others),
        cmocka_unit_test(caps_say_what_may_be_done_besides),
        cmocka_unit_test(who_may_not_come_in_makes_no_room),
        cmocka_unit_test(a_terminal_with_a_token_is_held_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
