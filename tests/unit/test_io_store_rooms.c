// SPDX-License-Identifier: Apache-2.0
//
// Rooms that outlive their process: a home and its store (core/mail/store.h), with the test between them and a store in memory. A
// process that dies is a net that is destroyed; one that leaves is drained before.
#include "unit/core_support.h"
#include "unit/shelf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct stored {
    uint32_t shards;
    struct shelf shelf;
    struct store_db *db;
    struct store_link *link;
    struct net *n;
    bool away, holds;        // it takes nothing at the moment; it does not answer KEEP
    struct store_mail *held; // the KEEP that it has not answered
    uint32_t keeps, loads, sections;
    enum room_durability durability;
};

static void begin(struct stored *s)
{
    const struct store_config c = {.kind = "shelf", .notice_ctx = &s->shelf};
    struct store_why why = {.text = ""};
    static struct mem none;
    assert_int_equal(shelf_driver.open(&none, &c, &s->db, &why), STORE_FINE);
    assert_int_equal(shelf_driver.link(s->db, true, &s->link, &why), STORE_FINE);
    s->n = net_new(s->shards);
    s->n->settings.store = true;
    s->n->settings.steady_from_ms = s->shelf.steady_ms;
    s->n->settings.room.room_durability = s->durability;
    net_start(s->n);
}

static void tell(struct stored *s, struct store_mail *m)
{
    struct net *n = s->n;
    shard_turn_begin(n->sh[0], n->now_ms, n->wall_ms, 0);
    shard_on_mail(n->sh[0], &m->mail);
    shard_turn_end(n->sh[0]);
}

static void put_all(struct stored *s, const struct store_mail *m)
{
    struct store_why why = {.text = ""};
    struct store_section section;
    str left = m->records;
    assert_int_equal(shelf_driver.begin(s->link, &why), STORE_FINE);
    for (uint32_t i = 0; i < m->sections; i++, s->sections++) {
        assert_true(store_take_section(&left, &section));
        assert_true(section.from == 0 || section.image.n != 0 || section.over);
        assert_int_equal(shelf_driver.put(s->link, &section, &why), STORE_FINE);
    }
    assert_int_equal(left.n, 0);
    assert_int_equal(shelf_driver.commit(s->link, &why), STORE_FINE);
}

static void answer_keep(struct stored *s, struct store_mail *m)
{
    if (!s->away)
        put_all(s, m);
    s->keeps++;
    tell(s, store_mail_turn(m, s->away ? STORE_AWAY : STORE_KEPT, s->away ? 50 : 0));
}

static void answer_read(struct stored *s, struct store_mail *m)
{
    struct store_mail to = {.word = STORE_RECORDS, .seq = m->seq, .name = m->name, .first = m->first};
    struct store_why why = {.text = ""};
    struct mem *mem = &s->n->mem;
    struct buf image, records;
    buf_init(&image, mem, 0);
    buf_init(&records, mem, 0);
    enum store_fault f = STORE_BUSY;
    if (m->word == STORE_LOAD && !s->away) {
        s->loads++;
        f = shelf_driver.load(s->link, m->name, false, m->most, m->bytes, &to.facts, &image, &records,
                              &to.first, &to.last, &why);
        to.word = STORE_ROOM;
    } else if (!s->away) {
        f = shelf_driver.fetch(s->link, m->name, m->first, m->last, STORE_PIECE_BYTES, m->about, &records,
                               &to.last, &why);
    }
    to.image = buf_str(&image);
    to.records = buf_str(&records);
    struct store_mail *back = f == STORE_FINE      ? store_mail_make(mem, &to)
                              : f == STORE_NOTHING ? store_mail_turn(m, STORE_NONE, 0)
                              : f == STORE_BUSY    ? store_mail_turn(m, STORE_AWAY, 70)
                                                   : store_mail_turn(m, STORE_BROKEN, 0);
    if (back == NULL || !buf_ok(&image) || !buf_ok(&records)) {
        if (back != NULL && back != m)
            mail_discard(mem, &back->mail);
        back = store_mail_turn(m, STORE_AWAY, 70);
    }
    buf_deinit(&image);
    buf_deinit(&records);
    if (back != m)
        mail_discard(mem, &m->mail);
    tell(s, back);
}

// All that the home says to its store is answered, until it says no more.
static void settle(struct stored *s)
{
    for (bool any = true; any;) {
        struct mail *m;
        any = false;
        net_settle(s->n);
        while ((m = shard_pull_mail(s->n->sh[0], s->n->shards + 1)) != NULL) {
            assert_null(s->held); // one at a time
            if (s->holds)
                s->held = (struct store_mail *)(void *)m;
            else
                answer_keep(s, (struct store_mail *)(void *)m);
            any = true;
        }
        while ((m = shard_pull_mail(s->n->sh[0], s->n->shards + 2)) != NULL) {
            answer_read(s, (struct store_mail *)(void *)m);
            any = true;
        }
    }
    shard_check(s->n->sh[0]);
}

static void release(struct stored *s)
{
    struct store_mail *m = s->held;
    assert_non_null(m);
    s->holds = false;
    s->held = NULL;
    answer_keep(s, m);
    settle(s);
}

static void wait(struct stored *s, uint64_t ms)
{
    for (uint64_t done = 0; done < ms; done += 10) {
        net_wait(s->n, 10);
        settle(s);
    }
}

// Without a word: what was on its way is gone.
static void dies(struct stored *s)
{
    if (s->held != NULL)
        mail_discard(&s->n->mem, &s->held->mail);
    s->held = NULL;
    s->holds = false;
    net_free(s->n);
    shelf_driver.close(s->db, false);
    begin(s);
}

static void leaves(struct stored *s)
{
    shard_turn_begin(s->n->sh[0], s->n->now_ms, s->n->wall_ms, 0);
    shard_drain(s->n->sh[0]);
    shard_turn_end(s->n->sh[0]);
    for (uint32_t i = 0; i < 1000 && !shard_kept(s->n->sh[0]); i++)
        wait(s, 100);
    assert_true(shard_drained(s->n->sh[0]) && shard_kept(s->n->sh[0]));
    net_free(s->n);
    shelf_driver.close(s->db, true);
    begin(s);
}

static int setup_as(void **state, enum room_durability durability, uint32_t shards)
{
    struct stored *s = calloc(1, sizeof *s);
    s->shards = shards;
    s->durability = durability;
    begin(s);
    *state = s;
    return 0;
}
static int setup(void **state) { return setup_as(state, DURABILITY_ASYNC, 1); }
static int setup_disk(void **state) { return setup_as(state, DURABILITY_DISK, 1); }
static int setup_two(void **state) { return setup_as(state, DURABILITY_ASYNC, 2); }

static int teardown(void **state)
{
    struct stored *s = *state;
    if (s->held != NULL)
        mail_discard(&s->n->mem, &s->held->mail);
    net_free(s->n);
    shelf_driver.close(s->db, true);
    shelf_empty(&s->shelf);
    free(s);
    return 0;
}

__attribute__((format(printf, 3, 4))) static void says(struct stored *s, struct client *c, const char *format,
                                                       ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    post(c, "%s", text);
    settle(s);
}

static struct client *comes(struct stored *s, const char *more, str *ret_joined)
{
    struct client *c = net_json(s->n, 0);
    says(s, c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"%s}", more);
    *ret_joined = hear(c);
    return c;
}

static void epoch_of(str joined, char epoch[16]) { string_of(joined, "epoch", epoch, 16); }

static void what_was_said_is_there_again(void **state)
{
    struct stored *s = *state;
    char epoch[16], again[16];
    str joined;
    struct client *c = comes(s, "", &joined);
    assert_int_equal(METRIC(s->n, rooms_created), 1);
    epoch_of(joined, epoch);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"one\"}");
    says(s, c, "{\"type\":\"state\",\"id\":3,\"room\":\"r\",\"set\":{\"topic\":\"tea\"}}");
    says(s, c, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":\"two\"}");
    wait(s, 200);
    assert_int_equal(s->shelf.rooms[0]->facts.head, 3);
    leaves(s);
    c = comes(s, ",\"history\":10", &joined);
    epoch_of(joined, again);
    assert_string_equal(epoch, again);
    assert_int_equal(METRIC(s->n, rooms_created), 0);
    assert_true(contains(joined, "\"topic\":\"tea\""));
    assert_int_equal(number_of(joined, "offset"), 3);
    expect(c, "\"data\":\"one\"");
    expect(c, "tea");
    expect(c, "\"data\":\"two\"");
    says(s, c, "{\"type\":\"message\",\"id\":5,\"room\":\"r\",\"data\":\"three\"}");
    expect(c, "\"offset\":4");
}

// What was acknowledged and not kept is a tail; who has seen it is told, and who has not has missed nothing.
static void a_death_takes_a_tail_and_tells(void **state)
{
    struct stored *s = *state;
    char epoch[16], next[16];
    str joined;
    struct client *c = comes(s, "", &joined);
    epoch_of(joined, epoch);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"kept\"}");
    wait(s, 200);
    s->holds = true;
    says(s, c, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":\"lost\"}");
    forget(c);
    dies(s);
    char since[128];
    snprintf(since, sizeof since, ",\"since\":{\"epoch\":\"%s\",\"offset\":1}", epoch);
    (void)comes(s, since, &joined);
    epoch_of(joined, next);
    assert_string_not_equal(epoch, next);
    assert_true(contains(joined, "\"recovered\":true"));
    assert_int_equal(number_of(joined, "offset"), 1);
    snprintf(since, sizeof since, ",\"since\":{\"epoch\":\"%s\",\"offset\":2}", epoch);
    c = comes(s, since, &joined);
    assert_true(contains(joined, "\"recovered\":false"));
    says(s, c, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":\"other\"}");
    expect(c, "\"offset\":2");
}

// Told is kept; and the epoch goes on.
static void what_was_told_of_disk_was_kept(void **state)
{
    struct stored *s = *state;
    char epoch[16], again[16];
    str joined;
    struct client *c = comes(s, "", &joined);
    epoch_of(joined, epoch);
    s->holds = true;
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"one\",\"echo\":true}");
    expect_nothing(c);
    says(s, c, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":\"two\"}");
    release(s);
    expect(c, "\"offset\":1");
    expect(c, "\"data\":\"one\"");
    expect(c, "\"offset\":2");
    assert_int_equal(s->keeps, 2); // the second has gathered behind the first
    dies(s);
    (void)comes(s, "", &joined);
    epoch_of(joined, again);
    assert_string_equal(epoch, again);
    assert_int_equal(number_of(joined, "offset"), 2);
}

static void while_it_is_away(void **state)
{
    struct stored *s = *state;
    str joined;
    struct client *c = comes(s, "", &joined), *other = net_json(s->n, 0);
    s->away = true;
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"one\"}");
    expect_nothing(c); // it is not known yet
    says(s, c, "{\"type\":\"message\",\"id\":3,\"room\":\"r\",\"data\":\"two\"}");
    says(s, other, "{\"type\":\"join\",\"id\":1,\"room\":\"elsewhere\"}");
    str refused = hear(other);
    assert_true(contains(refused, "\"code\":\"unavailable\""));
    assert_int_equal(number_of(refused, "retry_ms"), 70);
    s->away = false;
    wait(s, 200);
    expect(c, "\"offset\":1");
    refused = hear(c);
    assert_true(contains(refused, "\"code\":\"unavailable\""));
    assert_true(number_of(refused, "retry_ms") <= 50);
    says(s, c, "{\"type\":\"message\",\"id\":4,\"room\":\"r\",\"data\":\"two\"}");
    expect(c, "\"offset\":2");
}

// An `async` room goes on.
static void while_it_is_away_nobody_waits(void **state)
{
    struct stored *s = *state;
    str joined;
    struct client *c = comes(s, "", &joined);
    s->away = true;
    for (int i = 1; i <= 50; i++) {
        says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":%d}", i);
        assert_int_equal(number_of(hear(c), "offset"), i);
        wait(s, 20);
    }
    assert_int_equal(s->shelf.n, 0);
    s->away = false;
    wait(s, 400);
    assert_int_equal(s->shelf.rooms[0]->facts.head, 50);
}

// More than an answer has, more than a log keeps, and images between.
static void a_long_one_comes_in_pieces(void **state)
{
    struct stored *s = *state;
    str joined;
    struct client *c = comes(s, "", &joined);
    for (int i = 1; i <= 2300; i++) {
        post(c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":%d}", i);
        if (i % 100 == 0)
            wait(s, 200);
    }
    wait(s, 2000);
    forget(c);
    assert_int_equal(s->shelf.rooms[0]->facts.head, 2300);
    assert_true(s->shelf.rooms[0]->facts.image_at >= 1000);
    dies(s);
    c = comes(s, ",\"history\":3", &joined);
    assert_int_equal(number_of(joined, "offset"), 2300);
    expect(c, "\"data\":2298");
    expect(c, "\"data\":2299");
    expect(c, "\"data\":2300");
    assert_int_equal(s->loads, 2); // at first there was none
}

// It goes when nobody is in it any more, all of it kept, and comes back.
static void an_empty_one_goes_and_comes_back(void **state)
{
    struct stored *s = *state;
    str joined;
    s->n->settings.room_grace_ms = 1000;
    struct client *c = comes(s, "", &joined);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"one\"}");
    says(s, c, "{\"type\":\"leave\",\"id\":3,\"room\":\"r\"}");
    s->holds = true;
    wait(s, 3000);
    assert_non_null(net_room_at(s->n, "r"));
    struct client *back = net_json(s->n, 0);
    says(s, back, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}"); // while its last section is under way
    if (s->held != NULL)
        release(s);
    joined = hear(back);
    assert_int_equal(number_of(joined, "offset"), 1);
    assert_int_equal(METRIC(s->n, rooms_created), 1);
    says(s, back, "{\"type\":\"leave\",\"id\":3,\"room\":\"r\"}");
    wait(s, 5000);
    assert_null(net_room_at(s->n, "r"));
    assert_true(s->shelf.rooms[0]->ended);
    (void)comes(s, ",\"history\":1", &joined);
    assert_int_equal(number_of(joined, "offset"), 1);
}

// Closed, and over: nothing of it is kept.
static void a_closed_one_is_gone(void **state)
{
    struct stored *s = *state;
    str joined;
    s->n->settings.room_grace_ms = 1000;
    struct client *c = comes(s, "", &joined);
    forget(c);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"one\"}");
    wait(s, 300);
    net_ask(c, &(struct command){.type = CMD_CLOSE, .room = STR("r")}, GRANT_ALL);
    settle(s);
    wait(s, 300);
    assert_int_equal(s->shelf.rooms[0]->facts.first, 2);
    wait(s, 6000);
    assert_null(net_room_at(s->n, "r"));
    assert_int_equal(s->shelf.n, 0);
    (void)comes(s, "", &joined);
    assert_int_equal(METRIC(s->n, rooms_created), 2);
}

// What records have made of it, and who has read how far, which is in none.
static void what_was_decided_holds_again(void **state)
{
    struct stored *s = *state;
    str joined;
    struct client *c = comes(s, "", &joined);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":\"helo\",\"key\":\"k\"}");
    says(s, c, "{\"type\":\"edit\",\"id\":3,\"room\":\"r\",\"offset\":1,\"data\":\"hello\"}");
    says(s, c, "{\"type\":\"react\",\"id\":4,\"room\":\"r\",\"offset\":1,\"key\":\"+\"}");
    net_give(c, "r", c->user, "host");
    net_ask(c, &(struct command){.type = CMD_BAN, .room = STR("r"), .to = STR("mallory"), .seconds = 600},
            GRANT_ALL);
    says(s, c, "{\"type\":\"message\",\"id\":5,\"room\":\"r\",\"data\":\"next\"}");
    says(s, c, "{\"type\":\"message\",\"id\":6,\"room\":\"r\",\"data\":\"last\"}");
    wait(s, 1500);
    says(s, c, "{\"type\":\"read\",\"id\":7,\"room\":\"r\",\"offset\":6}");
    wait(s, 3000);
    const uint64_t head = s->shelf.rooms[0]->facts.head;
    assert_int_equal(s->shelf.rooms[0]->facts.image_at, head); // for the position alone
    for (int life = 0; life < 3; life++) {
        char since[128], epoch[16];
        struct room *r = net_room_at(s->n, "r");
        memcpy(epoch, r->epoch, EPOCH_LEN);
        epoch[EPOCH_LEN] = 0;
        struct client was = *c;
        dies(s);
        snprintf(since, sizeof since, ",\"history\":100,\"since\":{\"epoch\":\"%s\",\"offset\":0}", epoch);
        c = comes(s, since, &joined);
        assert_true(contains(joined, "\"recovered\":true"));
        assert_int_equal(number_of(joined, "offset"), head);
        str first = hear(c);
        assert_true(contains(first, "\"data\":\"hello\"") && contains(first, "\"+\""));
        r = net_room_at(s->n, "r");
        const struct siphash_key *key = &s->n->settings.hash_key;
        assert_int_equal(standing_role(r->standing, key, str_from_cstr(was.user)), ROLE_HOST);
        assert_int_not_equal(standing_banned_ms(r->standing, key, STR("mallory"), s->n->sh[0]->cx.steady_ms),
                             0);
        assert_int_equal(r->reads->n, 1);
        assert_int_equal(r->keeping->lineage->n, life + 1);
        wait(s, 2000); // the new epoch is kept, too
    }
}

// A shard whose own connections are gone has rooms still in which others' say something, and read.
static void others_go_on_while_it_leaves(void **state)
{
    struct stored *s = *state;
    const char *room = net_room(s->n, 0, 0);
    struct client *c = net_json(s->n, 1);
    says(s, c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":1}", room);
    shard_turn_begin(s->n->sh[0], s->n->now_ms, s->n->wall_ms, 0);
    shard_drain(s->n->sh[0]);
    shard_turn_end(s->n->sh[0]);
    wait(s, 500);
    assert_true(shard_drained(s->n->sh[0]) && shard_kept(s->n->sh[0]));
    says(s, c, "{\"type\":\"message\",\"id\":3,\"room\":\"%s\",\"data\":2}", room);
    wait(s, 300);
    says(s, c, "{\"type\":\"read\",\"id\":4,\"room\":\"%s\",\"offset\":2}", room);
    wait(s, 10);
    assert_true(shard_kept(s->n->sh[0]));
    assert_int_equal(s->shelf.rooms[0]->facts.head, 2);
    assert_int_equal(s->shelf.rooms[0]->facts.image_at, 2); // for how far it has read
    assert_false(s->shelf.rooms[0]->ended);
}

// Not as it was written: it is not served, and no other one is made in its place.
static void a_damaged_one_is_refused(void **state)
{
    struct stored *s = *state;
    str joined;
    struct client *c = comes(s, "", &joined);
    for (int i = 0; i < 20; i++)
        says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":%d}", i);
    wait(s, 300);
    dies(s);
    shelf_set(&s->shelf.rooms[0]->records[12], STR_NONE);
    c = comes(s, "", &joined);
    assert_true(contains(joined, "\"code\":\"unavailable\"") && contains(joined, "damaged"));
    assert_null(net_room_at(s->n, "r"));
    shelf_set(&s->shelf.rooms[0]->records[12], STR("no record"));
    says(s, c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
    assert_true(contains(hear(c), "damaged"));
    assert_int_equal(s->n->notices[NOTICE_ROOM_DAMAGED], 2);
}

// Wherever memory ends while a room comes: who wants it is told so, and it comes afterwards, whole.
static void memory_ends_while_it_comes(void **state)
{
    struct stored *s = *state;
    str joined;
    uint32_t refused = 0, came = 0;
    struct client *c = comes(s, "", &joined);
    for (int i = 0; i < 20; i++)
        says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":%d}", i);
    wait(s, 300);
    for (uint64_t k = 0; came < 3 && k < 1000; k++) {
        dies(s);
        c = net_json(s->n, 0);
        net_fail_from(s->n, k);
        says(s, c, "{\"type\":\"join\",\"id\":1,\"room\":\"r\"}");
        net_fail_end(s->n);
        settle(s);
        joined = hear(c);
        const bool here = number_of(joined, "offset") == 20;
        came += here;
        refused += !here; // told, or cut off where there is no memory to tell it
        assert_true(here || joined.n == 0 || contains(joined, "\"code\":\"unavailable\""));
        (void)comes(s, "", &joined);
        assert_int_equal(number_of(joined, "offset"), 20);
        assert_int_equal(s->shelf.rooms[0]->facts.head, 20);
    }
    assert_true(came == 3 && refused > 5);
}

// And while it is kept: what was told is kept in the end, and nothing else.
static void memory_ends_while_it_is_kept(void **state)
{
    struct stored *s = *state;
    str joined;
    uint64_t told = 0;
    struct client *c = comes(s, "", &joined);
    for (uint64_t k = 0; k < 60; k++) {
        net_fail_from(s->n, k);
        says(s, c, "{\"type\":\"message\",\"id\":2,\"room\":\"r\",\"data\":%d}", (int)k);
        net_fail_end(s->n);
        wait(s, 300);
        for (str m; (m = hear(c)).n != 0;)
            if (contains(m, "\"type\":\"ack\""))
                told = number_of(m, "offset");
        const uint64_t kept = s->shelf.n != 0 ? s->shelf.rooms[0]->facts.head : 0;
        assert_true(kept == told ||
                    (kept == told + 1 && c->closed)); // cut off, where there was none to tell it
        told = kept;
        if (c->closed)
            c = comes(s, "", &joined);
    }
    assert_true(told > 10 && told < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_said_is_there_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_death_takes_a_tail_and_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_of_disk_was_kept, setup_disk, teardown),
        cmocka_unit_test_setup_teardown(while_it_is_away, setup_disk, teardown),
        cmocka_unit_test_setup_teardown(while_it_is_away_nobody_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_one_comes_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_one_goes_and_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_one_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_decided_holds_again, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_ends_while_it_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_ends_while_it_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(others_go_on_while_it_leaves, setup_two, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
