// SPDX-License-Identifier: Apache-2.0
//
// Somebody whose TLS has shown a certificate is that user: in hello, without one, in lines; and a line is nobody before its handshake is
// over.
#include "unit/core_support.h"

#include <string.h>

static struct certificate ada(const struct net *n)
{
    return (struct certificate){.user = STR("ada"),
                                .id = STR("x509:ada"),
                                .issued_ms = n->wall_ms - 1000,
                                .expires_ms = n->wall_ms + 3600 * 1000};
}

static struct net *secure_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->secure = true;
    net_start(n);
    return n;
}

static struct client *shown(struct net *n, const struct certificate *who)
{
    struct client *c = net_ws(n, 0, "/ws");
    net_secured(c, who);
    return c;
}

static void it_says_who_it_is(void **state)
{
    (void)state;
    struct net *n = secure_net(2);
    const struct certificate who = ada(n);
    struct client *said = shown(n, &who), *implied = shown(n, &who), *named = shown(n, &who),
                  *nobody = shown(n, NULL);
    say(said, "{\"type\":\"hello\",\"id\":1}");
    expect(said, "\"user\":\"ada\",\"name\":\"ada\"");
    say(named, "{\"type\":\"hello\",\"id\":1,\"name\":\"Ada L.\"}");
    expect(named, "\"user\":\"ada\",\"name\":\"Ada L.\"");
    say(implied, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", net_room(n, 1, 0));
    expect(implied, "\"user\":\"ada\",\"name\":\"ada\"");
    expect(implied, "\"type\":\"joined\"");
    say(nobody, "{\"type\":\"hello\",\"id\":1}");
    expect(nobody, "\"user\":\"guest-");
    assert_int_equal(METRIC(n, certificate_sessions), 3);
    assert_null(waiting_certificate(client_asker(said)->waiting)); // it has had its say
    net_free(n);
}

// What it ends, and what does not make a guest of it.
static void it_ends_like_a_token(void **state)
{
    (void)state;
    struct net *n = secure_net(1);
    struct certificate who = ada(n);
    who.expires_ms = n->wall_ms + 5000;
    struct client *c = shown(n, &who);
    say(c, "{\"type\":\"hello\",\"id\":1}");
    expect(c, "\"type\":\"welcome\"");
    struct client *late = shown(n, &who);
    net_wait(n, 5000 + (uint64_t)n->settings.expiry_grace_ms + 2000);
    assert_true(c->closed && c->close_code == 1008);
    say(late, "{\"type\":\"hello\",\"id\":1}");
    expect(late, "\"code\":\"token_expired\"");
    net_free(n);
}

static void lines_are_nobody_while_hands_are_shaken(void **state)
{
    (void)state;
    struct net *n = secure_net(1);
    const struct certificate who = ada(n);
    struct client *by_certificate = net_accept(n, 0, TRANSPORT_LINE),
                  *guest = net_accept(n, 0, TRANSPORT_LINE), *stalled = net_accept(n, 0, TRANSPORT_LINE);
    net_wait(n, (uint64_t)LINE_LISTEN_MS * 5);
    assert_int_equal(by_certificate->rx.n + guest->rx.n + stalled->rx.n, 0);
    assert_int_equal(METRIC(n, sessions), 0);
    net_secured(by_certificate, &who);
    net_secured(guest, NULL);
    net_check(n);
    net_wait(n, LINE_LISTEN_MS + DEADLINE_TICK_MS);
    assert_true(str_eq(session_user(&client_reader(by_certificate)->who.session), STR("ada")));
    assert_true(str_eq(session_name(&client_reader(by_certificate)->who.session), STR("ada")));
    assert_true(str_starts(session_user(&client_reader(guest)->who.session), STR("guest-")));
    assert_false(stalled->closed);
    net_wait(n, n->settings.handshake_ms + n->settings.close_ms + 2 * DEADLINE_TICK_MS);
    assert_true(stalled->closed && !by_certificate->closed && !guest->closed);
    assert_int_equal(stalled->rx.n, 0);
    net_free(n);
}

static struct net *begin(void) { return secure_net(1); }

static void act(struct net *n)
{
    const struct certificate who = ada(n);
    struct client *c = n->client_n == 0 ? net_ws(n, 0, "/ws") : n->clients[n->client_n - 1];
    if (c->refused || c->closed || !c->upgraded)
        c = net_ws(n, 0, "/ws");
    if (c->refused || c->closed || !c->upgraded)
        return;
    if (waiting_certificate(client_asker(c)->waiting) == NULL &&
        !session_there(&client_reader(c)->who.session))
        net_secured(c, &who);
    if (!c->closed && !session_there(&client_reader(c)->who.session))
        say(c, "{\"type\":\"hello\",\"id\":1}");
}

// Where there is no memory to remember who it is the connection ends: nobody is a guest by mistake.
static bool done(struct net *n)
{
    bool there = false;
    for (uint32_t i = 0; i < n->client_n; i++) {
        const struct client *c = n->clients[i];
        if (c->refused || c->closed || !session_there(&client_reader(c)->who.session))
            continue;
        assert_true(str_eq(session_user(&client_reader(c)->who.session), STR("ada")));
        there = true;
    }
    return there;
}

static void without_memory(void **state)
{
    (void)state;
    net_fail_anywhere(begin, act, done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_who_it_is),
        cmocka_unit_test(it_ends_like_a_token),
        cmocka_unit_test(lines_are_nobody_while_hands_are_shaken),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
