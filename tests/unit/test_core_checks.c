// SPDX-License-Identifier: Apache-2.0
//
// What the checks of a shard are for: each breach of an invariant of a connection, as fan-out, the edge and the connection
// itself see it, is found; and nothing is where nothing is broken. The simulator and the other tests live by these checks.
#include "unit/core_support.h"

// Somebody in two rooms, with a reply that its socket has not taken.
struct scene {
    struct net *n;
    struct client *c, *other;
    struct conn *conn;
    struct asker *asker;
    struct reader *reader;
};

static struct scene scene_make(void)
{
    struct scene s = {.n = net_new(1)};
    net_start(s.n);
    s.c = net_json(s.n, 0);
    s.other = net_json(s.n, 0);
    say(s.other, "{\"type\":\"join\",\"room\":\"a\"}");
    say(s.c, "{\"type\":\"join\",\"room\":\"a\"}");
    say(s.c, "{\"type\":\"join\",\"room\":\"b\"}");
    s.c->stalled = true;
    say(s.c, "{\"type\":\"ping\",\"id\":1}");
    s.conn = client_conn(s.c);
    s.asker = client_asker(s.c);
    s.reader = client_reader(s.c);
    assert_int_equal(s.reader->member_n, 2);
    assert_non_null(s.reader->out.head);
    return s;
}

static void check(void *shard) { shard_check(shard); }

static bool found(const struct scene *s) { return asserts(check, s->n->sh[0]); }

// Breaks something, says whether it was found, and repairs it.
#define BREACH(s, field, value)                             \
    do {                                                    \
        __typeof__(field) before_ = (field);                \
        (field) = (value);                                  \
        if (!found(s))                                      \
            fail_msg("not found: %s = %s", #field, #value); \
        (field) = before_;                                  \
        assert_false(found(s));                             \
    } while (0)
#define BREACH_BIT(s, field)                              \
    do {                                                  \
        (field) = !(field);                               \
        if (!found(s))                                    \
            fail_msg("not found: %s is another", #field); \
        (field) = !(field);                               \
        assert_false(found(s));                           \
    } while (0)

static void of_a_reader(void **state)
{
    (void)state;
    struct scene s = scene_make();
    struct reader *r = s.reader;
    struct membership *first = reader_memberships(r);
    assert_false(found(&s));
    first->slot ^= 1; // somebody else's cursor
    assert_true(found(&s));
    first->slot ^= 1;
    BREACH(&s, first->outlet, first[1].outlet);
    BREACH(&s, r->member_n, 1); // a cursor of nobody
    BREACH(&s, r->encoding, ENCODING_TEXT_WS);
    BREACH_BIT(&s, r->closed); // with memberships
    BREACH_BIT(&s, r->gone);
    BREACH(&s, r->out.bytes, r->out.bytes + 1);
    BREACH(&s, r->out.referred, 1);
    BREACH(&s, r->out.tail, NULL);
    net_free(s.n);
}

static void of_an_asker(void **state)
{
    (void)state;
    struct scene s = scene_make();
    struct asker *a = s.asker;
    struct switching sw = {0};
    BREACH_BIT(&s, a->exclusive); // with nothing asked
    BREACH(&s, a->pending, 1025);
    BREACH(&s, a->switching, &sw);
    BREACH(&s, a->reader.who.session.user_n, 0); // in rooms, and registered
    a->pending = 1;
    a->pending_shard = PORTS_MAX; // to a port that there is not
    assert_true(found(&s));
    a->pending_shard = 0;
    a->pending = 0;
    net_free(s.n);
}

static void of_a_connection(void **state)
{
    (void)state;
    struct scene s = scene_make();
    struct conn *c = s.conn;
    struct input in = {0};
    BREACH(&s, c->ending, ENDING_FLUSH); // and not closed to edge and fan
    BREACH(&s, c->ending, ENDING_GONE);
    BREACH(&s, c->in, &in); // with nothing in it
    in.msg_ready = true;    // a message that nobody waits for
    BREACH(&s, c->in, &in);
    uint8_t byte = 0;
    in = (struct input){.raw = &byte, .raw_n = 2, .raw_cap = 1};
    BREACH(&s, c->in, &in);
    BREACH_BIT(&s, c->guest); // beyond its HTTP request
    BREACH_BIT(&s, c->calls);
    in = (struct input){
        .raw = &byte, .raw_n = 1, .raw_cap = 1, .msg_at = 1}; // of a message that does not wait
    BREACH(&s, c->in, &in);
    net_free(s.n);
}

static void of_tracks(void **state)
{
    (void)state;
    struct scene s = scene_make();
    struct outlet *o = outlet_at(&s.n->sh[0]->fan, reader_memberships(s.reader)[0].outlet);
    struct room *r = net_room_at(s.n, "a");
    struct track *there = tracks_all(&o->tracks), *here = tracks_all(&r->live.tracks);
    struct feed *f = &r->feeds[0];
    BREACH(&s, there->readers, 1);
    BREACH(&s, there->key, ENCODING_TEXT_WS);
    BREACH(&s, here->readers, 3);
    BREACH(&s, here->readers, 0);
    BREACH(&s, here->key, ENCODING_TEXT_LINE);
    BREACH(&s, o->tracks.n, 0); // two who read it
    BREACH(&s, f->sessions, 1);
    BREACH(&s, f->encoding, ENCODING_TEXT_WS);
    net_free(s.n);
}

static void of_what_is_to_be_carried(void **state)
{
    (void)state;
    struct scene s = scene_make();
    struct shard *sh = s.n->sh[0];
    struct evict_mail none = {.conn = {0, REF_NONE}}; // to nobody
    post_copy(&sh->mail, 0, MAIL_EVICT, &none, sizeof none);
    assert_true(found(&s));
    say(s.other, "{\"type\":\"ping\"}"); // whatever is called next carries it
    assert_false(found(&s));
    fan_end(&sh->fan, s.c->conn, END_SLOW);
    assert_true(found(&s));
    say(s.other, "{\"type\":\"ping\"}");
    assert_false(found(&s));
    s.c->stalled = false;
    net_settle(s.n);
    assert_int_equal(s.c->close_code, WS_CLOSE_TRY_LATER);
    net_free(s.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_reader),
        cmocka_unit_test(of_an_asker),
        cmocka_unit_test(of_a_connection),
        cmocka_unit_test(of_tracks),
        cmocka_unit_test(of_what_is_to_be_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
