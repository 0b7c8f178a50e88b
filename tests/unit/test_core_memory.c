// SPDX-License-Identifier: Apache-2.0
//
// Allocation torture (abuse D5): a life of connections on two shards, again and again, with the n-th request for
// memory refused, for every n: that one alone, that one and those right behind it, that one and all later ones. Then
// there must be no crash, no leak, every structure in order, and nobody left in a room who is gone.
//
// Requests that must not fail (mem_alloc_essential) are told from others by the budget: it stops the others only.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t last_refused;

enum failing { FAIL_NONE, FAIL_BURST, FAIL_ONE, FAIL_FROM };

static void tell(struct client *c, const char *text)
{
    if (c->closed || c->refused || (!c->upgraded && !c->line))
        return;
    post(c, "%s", text);
    net_settle(c->net);
    net_check(c->net);
}

static void tell_in_pieces(struct client *c, const char *text)
{
    size_t half = strlen(text) / 2;
    if (c->closed || c->refused || !c->upgraded)
        return;
    post_frame(c, WS_TEXT, false, str_make(text, half));
    net_settle(c->net);
    post_frame(c, WS_PING, true, STR("are you there"));
    post_frame(c, WS_CONTINUATION, true, str_from_cstr(text + half));
    net_settle(c->net);
    net_check(c->net);
}

static void room_command(struct client *c, const char *type, const char *room, const char *more)
{
    char text[800];
    snprintf(text, sizeof text, "{\"type\":\"%s\",\"id\":1,\"room\":\"%s\"%s}", type, room, more);
    tell(c, text);
}

// What it was told last that has this key; false where it was told nothing of the kind.
static bool told(struct client *c, const char *key, char *ret, size_t cap)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    for (size_t i = c->message_n; i-- > 0;) {
        str s = str_make(c->rx.p + c->messages[i].from, c->messages[i].n);
        if (!contains(s, quoted))
            continue;
        string_of(s, key, ret, cap);
        return true;
    }
    return false;
}

static void live(struct net *n)
{
    char r0[32], r1[32], text[RESUME_TOKEN_MAX + 200], resume[RESUME_TOKEN_MAX + 1], epoch[32];
    snprintf(r0, sizeof r0, "%s", net_room(n, 0, 0));
    snprintf(r1, sizeof r1, "%s", net_room(n, 1, 0));
    struct client *a = net_ws(n, 0, "/ws"), *b = net_ws(n, 1, "/ws"), *t = net_accept(n, 1, TRANSPORT_LINE);
    assert_true(a->upgraded || a->closed || a->refused); // nobody is left without an answer
    assert_true(b->upgraded || b->closed || b->refused);
    tell(a, "{\"type\":\"hello\",\"name\":\"Anna\"}");
    tell_in_pieces(b, "{\"type\":\"hello\",\"id\":9}");
    room_command(a, "join", r0, "");
    room_command(a, "join", r1, ",\"members\":true");
    room_command(b, "join", r0, ",\"history\":5,\"members\":true");
    room_command(b, "join", r1, "");
    tell(a, "{\"type\":\"rename\",\"id\":4,\"name\":\"Anna, by a name that no member holds in place\"}");
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text, ",\"key\":\"k%d\",\"data\":\"%0300d\"", i / 2, i);
        room_command(i & 1 ? a : b, "message", i & 2 ? r0 : r1, text);
    }
    tell(t, "good day to you");
    tell(t, "/nick Tom");
    snprintf(text, sizeof text, "/join %s", r0);
    tell(t, text);
    tell(t, "/who");
    tell(t, "/msg Anna psst");
    room_command(a, "members", r0, "");
    room_command(b, "history", r0, ",\"limit\":3");
    tell(b, "{\"type\":\"rooms\",\"id\":2}");
    bool known = told(b, "resume", resume, sizeof resume), joined = told(b, "epoch", epoch, sizeof epoch);
    snprintf(text, sizeof text, "{\"type\":\"switch\",\"id\":3,\"from\":\"%s\",\"to\":\"elsewhere\"}", r1);
    tell(a, text);
    cut(b);
    room_command(a, "message", r0, ",\"data\":1");
    struct client *b2 = net_ws(n, 0, "/ws");
    snprintf(text, sizeof text, "{\"type\":\"hello\",\"resume\":\"%s\"}", known ? resume : "");
    tell(b2, text);
    snprintf(text, sizeof text, ",\"since\":{\"epoch\":\"%s\",\"offset\":3}", joined ? epoch : "none");
    room_command(b2, "join", r0, text);
    room_command(a, "leave", r0, "");
    a->stalled = true;
    room_command(b2, "message", "elsewhere", ",\"data\":2");
    room_command(a, "message", r0, ",\"data\":3");
    net_wait(n, 200);
    a->stalled = false;
    tell(t, "/quit");
    net_check(n);
}

static void run(enum failing how, uint64_t k, uint64_t *ret_calls, bool *ret_essential)
{
    struct net *n = net_new(2);
    n->settings.reply_bytes = 2048;
    net_start(n);
    test_mem_restart(&n->t);
    if (how == FAIL_BURST)
        net_fail_burst(n, k - 1);
    else if (how == FAIL_FROM)
        net_fail_from(n, k - 1);
    else if (how == FAIL_ONE)
        net_fail_one(n, k);
    live(n);
    *ret_calls = atomic_load(&n->t.calls);
    *ret_essential = n->burst_essential;
    net_fail_end(n);
    // Whoever was told so is counted.
    assert_true(METRIC(n, errors[PROBLEM_UNAVAILABLE]) <= METRIC(n, limit_memory));
    // Memory is back: who is still there must be served, and everything must end.
    struct client *late = net_json(n, 1);
    say(late, "{\"type\":\"join\",\"id\":\"late\",\"room\":\"%s\"}", net_room(n, 0, 0));
    expect(late, "\"type\":\"joined\",\"id\":\"late\"");
    for (uint32_t i = 0; i < n->client_n; i++)
        if (!n->clients[i]->refused)
            cut(n->clients[i]);
    net_check(n);
    assert_int_equal(METRIC(n, connections), 0);
    assert_int_equal(METRIC(n, sessions), 0);
    assert_int_equal(METRIC(n, memberships), 0);
    assert_int_equal(METRIC(n, outlets), 0);
    net_wait(n, n->settings.member_grace_ms + n->settings.room_grace_ms + 5000);
    net_check(n);
    assert_int_equal(METRIC(n, members), 0);
    assert_int_equal(METRIC(n, rooms), 0);
    assert_int_equal(METRIC(n, log_bytes), 0);
    net_free(n);
}

static void torture(enum failing how)
{
    uint64_t calls;
    bool essential;
    run(FAIL_NONE, 0, &calls, &essential);
    assert_true(calls > 100);
    for (uint64_t k = 1; k <= calls; k++) {
        uint64_t ignored;
        last_refused = k;
        if (how == FAIL_ONE) { // which requests must not fail is found out by a burst at the same place
            run(FAIL_BURST, k, &ignored, &essential);
            if (essential)
                continue;
        }
        run(how, k, &ignored, &essential);
    }
}

// Says where it ended: the whole of `live` where all went well.
static int say_last_refused(void **state)
{
    (void)state;
    print_message("request %llu was the last one refused\n", (unsigned long long)last_refused);
    return 0;
}

static void one_request_refused(void **state)
{
    (void)state;
    torture(FAIL_ONE);
}

static void all_requests_refused_from(void **state)
{
    (void)state;
    torture(FAIL_FROM);
}

static void shards_are_made_whole_or_not_at_all(void **state)
{
    (void)state;
    for (uint64_t k = 1;; k++) {
        struct net *n = net_new(1);
        n->t.fail_at = k;
        struct shard *sh = shard_create(0, &n->settings, &n->host, &n->mem);
        bool done = sh != NULL;
        assert_int_equal(done, atomic_load(&n->t.failed) == 0);
        shard_destroy(sh);
        test_mem_check(&n->t);
        free(n);
        if (done)
            break;
    }
}

// The answer to a join brings more segments than a cell of the reserve has room for: without memory the newcomer is let
// go, and is not left waiting for an answer that nobody sent.
static void a_long_history_without_memory(void **state)
{
    (void)state;
    struct net *n = net_new(2);
    n->settings.message_bytes = SEGMENT_BYTES_MAX;
    n->settings.log_bytes = 1 << 24;
    n->settings.lag_bytes = 1 << 24;
    net_start(n);
    const char *room = net_room(n, 1, 0);
    char *message = malloc(SEGMENT_BYTES_MAX);
    struct client *writer = net_json(n, 1);
    say(writer, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    int size =
        snprintf(message, SEGMENT_BYTES_MAX,
                 "{\"type\":\"message\",\"room\":\"%s\",\"echo\":false,\"data\":\"%040000d\"}", room, 0);
    const struct log *l = &net_room_at(n, room)->log;
    uint32_t joined = 0, let_go = 0;
    for (uint64_t k = 1; joined == 0; k++) {
        while (l->head + 1 - l->tail < 150) { // where memory was short, history went (home/relief.c)
            post_frame(writer, WS_TEXT, true, str_make(message, (size_t)size));
            net_settle(n);
        }
        assert_true(l->records.n > MEM_ESSENTIAL_MAX / sizeof(void *));
        struct client *c = net_json(n, 0);
        net_fail_from(n, k);
        post(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\",\"history\":1000}", room);
        net_settle(n);
        net_fail_end(n);
        net_settle(n);
        net_check(n);
        str reply = hear(c);
        assert_true(c->closed || contains(reply, "\"id\":1"));
        let_go += c->closed;
        joined += !c->closed && contains(reply, "\"joined\"") && c->message_n - c->message_at >= 150;
        if (!c->closed)
            cut(c);
        net_wait(n, 100);
    }
    assert_true(let_go > 0);
    free(message);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_made_whole_or_not_at_all),
        cmocka_unit_test(a_long_history_without_memory),
        cmocka_unit_test_teardown(one_request_refused, say_last_refused),
        cmocka_unit_test_teardown(all_requests_refused_from, say_last_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
