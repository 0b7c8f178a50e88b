// SPDX-License-Identifier: Apache-2.0
//
// Invitations to a room (core/home/invitations.h): by records, against a slow model of docs/protocol/record.md, where dice make,
// take back and use them; and through shards: who comes in by one, who does not, and that a use and the role that it gives are never
// one without the other.
#include "unit/core_support.h"

#include "core/home/home.h"
#include "core/log/record.h"

#include <stdio.h>

// --- by records

enum { USERS = 5, IDS = 6, SECRETS = 2, MAX = 3, NONE = -1 };

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *shared;
    struct invitations *invitations;
    struct buf scratch, result;
    struct siphash_key hash_key;
};

static void fixture_init(struct fixture *f, uint64_t key)
{
    *f = (struct fixture){.hash_key = {key, ~key}};
    test_mem_init(&f->t, &f->mem);
    log_init(&f->log, &f->mem);
    once_init(&f->said, &f->mem);
    once_group_init(&f->keys);
    buf_init(&f->scratch, &f->mem, 0);
    buf_init(&f->result, &f->mem, 0);
}

static void fixture_deinit(struct fixture *f)
{
    log_deinit(&f->log);
    once_deinit(&f->said);
    standing_free(&f->standing, &f->mem);
    state_free(&f->shared, &f->mem);
    invitations_free(&f->invitations, &f->mem);
    buf_deinit(&f->scratch);
    buf_deinit(&f->result);
    test_mem_check(&f->t);
}

static enum err apply(struct fixture *f, struct entry *e, struct verdict *ret)
{
    const struct made m = {&f->log,      &f->said, &f->keys,   STR("an epoch 11"), &f->hash_key,
                           &f->standing, &f->mem,  &f->shared, &f->invitations,    &f->result};
    e->room = STR("r");
    const struct live_tools tools = {.scratch = &f->scratch};
    enum err applied = apply_record(&m, f->log.head + 1, e, NULL, &tools, ret);
    invitations_check(f->invitations);
    standing_check(f->standing, &f->hash_key);
    return applied;
}

struct known {
    int id, secret, by;
    uint32_t uses, used;
    uint64_t until_ms;
    int role;
};
struct model {
    struct known v[IDS];
    int n;
    int role[USERS], by[USERS]; // NONE: none was given; the invitation that they came in by last
    uint64_t banned_ms[USERS], closed_ms;
};

static void model_clear(struct model *m)
{
    m->n = 0;
    for (int i = 0; i < USERS; i++) {
        m->role[i] = m->by[i] = NONE;
        m->banned_ms[i] = 0;
    }
}

static int model_find(const struct model *m, int id)
{
    for (int i = 0; i < m->n; i++)
        if (m->v[i].id == id)
            return i;
    return NONE;
}

static void model_remove(struct model *m, int at)
{
    for (m->n--; at < m->n; at++)
        m->v[at] = m->v[at + 1];
}

static bool model_open(const struct known *k, uint64_t at_ms)
{
    return k->used < k->uses && k->until_ms > at_ms;
}

static int role_by(const struct model *m, int user)
{
    return m->role[user] != NONE ? m->role[user] : ROLE_MEMBER;
}

static enum denial model_invite(struct model *m, const struct known *k, uint64_t at_ms)
{
    int open = 0;
    for (int i = 0; i < m->n; i++)
        open += model_open(&m->v[i], at_ms);
    if (role_by(m, k->by) < ROLE_HOST)
        return DENIED_RIGHT;
    if (k->role >= role_by(m, k->by))
        return DENIED_INVITE_RANK;
    if (model_find(m, k->id) != NONE)
        return DENIED_INVITE_TWICE;
    if (open >= MAX)
        return DENIED_INVITATIONS;
    for (int i = 0; i < m->n && m->n >= MAX;)
        if (model_open(&m->v[i], at_ms))
            i++;
        else
            model_remove(m, i);
    m->v[m->n++] = *k;
    return DENIED_NOT;
}

static enum denial model_admit(struct model *m, int user, int id, int secret, uint64_t at_ms)
{
    const int at = model_find(m, id);
    if (m->by[user] == id)
        return DENIED_ADMITTED;
    if (at == NONE || m->v[at].secret != secret)
        return DENIED_UNINVITED;
    struct known *k = &m->v[at];
    if (m->role[user] != NONE && m->role[user] >= k->role)
        return DENIED_ADMITTED;
    if (k->used == k->uses)
        return DENIED_INVITE_USED;
    if (k->until_ms <= at_ms)
        return DENIED_INVITE_OVER;
    k->used++;
    m->role[user] = k->role;
    m->by[user] = id;
    return DENIED_NOT;
}

static void model_remove_of(struct model *m, int user)
{
    for (int i = m->n; i-- > 0;)
        if (m->v[i].by == user)
            model_remove(m, i);
}

static const char *const users[USERS] = {"u0", "u1", "u2", "u3", "u4"};
static const char *const ids[IDS] = {"id-00000", "id_00001", "id000002", "id000003", "id000004", "id000005"};

static str hash_of(int secret)
{
    static char hashes[SECRETS][INVITATION_HASH];
    memset(hashes[secret], 'a' + secret, INVITATION_HASH);
    return str_make(hashes[secret], INVITATION_HASH);
}

// What the next record says, and what is to become of it.
static struct entry next_record(struct prng *dice, struct model *m, uint64_t at_ms, enum denial *ret_why)
{
    const int user = (int)prng_below(dice, USERS), id = (int)prng_below(dice, IDS),
              secret = (int)prng_below(dice, 10) == 0, role = (int)prng_below(dice, ROLE_COUNT);
    const uint64_t span = 1 + prng_below(dice, 400);
    struct entry e = {.rule_role = ROLE_MEMBER,
                      .time_ms = at_ms + 7,
                      .steady_ms = at_ms,
                      .user = str_from_cstr(users[user]),
                      .invitation = {.id = str_from_cstr(ids[id]), .hash = hash_of(secret)}};
    const uint64_t what = prng_below(dice, 100);
    const bool closed = m->closed_ms > at_ms, banned = m->banned_ms[user] > at_ms;
    *ret_why = closed ? DENIED_CLOSED : banned ? DENIED_BANNED : DENIED_NOT;
    if (what < 35) {
        const struct known k = {id, secret, user, 1 + (uint32_t)prng_below(dice, 3), 0, at_ms + span, role};
        e.type = ENTRY_INVITE;
        e.decree.role = (enum role)role;
        e.decree.span_ms = span;
        e.invitation.uses = k.uses;
        e.invitation.max = MAX;
        if (*ret_why == DENIED_NOT)
            *ret_why = model_invite(m, &k, at_ms);
    } else if (what < 80) {
        e.type = ENTRY_ADMIT;
        e.decree.target = e.user;
        if (*ret_why == DENIED_NOT)
            *ret_why = model_admit(m, user, id, secret, at_ms);
    } else if (what < 84) {
        e.type = ENTRY_UNINVITE;
        e.invitation.hash = STR_NONE;
        if (*ret_why == DENIED_NOT)
            *ret_why = role_by(m, user) < ROLE_HOST ? DENIED_RIGHT
                       : model_find(m, id) == NONE  ? DENIED_NO_INVITATION
                                                    : DENIED_NOT;
        if (*ret_why == DENIED_NOT)
            model_remove(m, model_find(m, id));
    } else {
        // By the server, about the user.
        e = (struct entry){
            .steady_ms = at_ms, .time_ms = at_ms, .grant = GRANT_ALL, .decree = {.target = e.user}};
        *ret_why = closed ? DENIED_CLOSED : DENIED_NOT;
        e.type = what < 95 ? ENTRY_ROLE : what < 98 ? ENTRY_BAN : what < 99 ? ENTRY_UNBAN : ENTRY_CLOSE;
        e.decree.role = e.type == ENTRY_ROLE ? (enum role)role : ROLE_GUEST;
        e.decree.span_ms = e.type == ENTRY_BAN || e.type == ENTRY_CLOSE ? span : 0;
        if (e.type == ENTRY_CLOSE)
            e.decree.target = STR_NONE;
        if (closed)
            return e;
        if (e.type == ENTRY_ROLE)
            m->role[user] = role;
        if (e.type == ENTRY_BAN || (e.type == ENTRY_ROLE && role < ROLE_HOST))
            model_remove_of(m, user);
        if (e.type == ENTRY_BAN || e.type == ENTRY_UNBAN)
            m->banned_ms[user] = e.type == ENTRY_BAN ? at_ms + span : 0;
        if (e.type == ENTRY_CLOSE) {
            model_clear(m);
            m->closed_ms = at_ms + span;
        }
    }
    return e;
}

static void same_as_model(const struct fixture *f, const struct model *m)
{
    const struct invitations *t = f->invitations;
    assert_int_equal(t != NULL ? t->n : 0, m->n);
    for (int i = 0; i < m->n; i++) {
        const struct invited *row = &t->rows[i];
        const struct known *k = &m->v[i];
        assert_str_eq(invited_id(row), str_from_cstr(ids[k->id]));
        assert_str_eq(invited_by(row), str_from_cstr(users[k->by]));
        assert_int_equal(row->uses, k->uses);
        assert_int_equal(row->used, k->used);
        assert_int_equal(row->role, k->role);
        assert_int_equal(row->until_ms, k->until_ms);
        assert_int_equal(row->expires_ms, k->until_ms + 7);
    }
    for (int i = 0; i < USERS; i++)
        assert_int_equal(standing_role(f->standing, &f->hash_key, str_from_cstr(users[i])),
                         m->role[i] != NONE ? m->role[i] : (int)ROLE_NOT_GIVEN);
}

// Whoever applies the same records, of another process, has the same invitations.
static void same_again(const struct fixture *live, uint64_t seed)
{
    struct fixture again;
    fixture_init(&again, seed + 1000);
    for (uint64_t o = 1; o <= live->log.head; o++) {
        struct entry e;
        struct verdict v;
        assert_int_equal(record_decode(log_record(&live->log, o), &e), RECORD_OK);
        assert_int_equal(apply(&again, &e, &v), OK);
        assert_str_eq(log_record(&again.log, o), log_record(&live->log, o));
    }
    const struct invitations *a = live->invitations, *b = again.invitations;
    assert_int_equal(a != NULL ? a->n : 0, b != NULL ? b->n : 0);
    for (uint32_t i = 0; a != NULL && i < a->n; i++)
        assert_memory_equal(&a->rows[i], &b->rows[i], sizeof a->rows[i]);
    fixture_deinit(&again);
}

static void records_against_the_model(void **state)
{
    (void)state;
    uint64_t seen[DENIED_MOVED] = {0};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture f;
        struct model m = {.closed_ms = 0};
        struct prng dice;
        uint64_t at_ms = 100000;
        prng_init(&dice, seed);
        fixture_init(&f, seed);
        model_clear(&m);
        for (int i = 0; i < 500; i++) {
            enum denial why;
            struct verdict v;
            at_ms += prng_below(&dice, 30);
            struct entry e = next_record(&dice, &m, at_ms, &why);
            assert_int_equal(apply(&f, &e, &v), OK);
            if (v.refused != (why != DENIED_NOT) || (v.refused && v.why != why))
                fail_msg("seed %d, record %d: verdict %d, expected %d", (int)seed, i, (int)v.why, (int)why);
            assert_int_equal(e.type == ENTRY_VOID, v.refused);
            seen[why]++;
            same_as_model(&f, &m);
        }
        same_again(&f, seed);
        fixture_deinit(&f);
    }
    for (int why = DENIED_INVITE_RANK; why <= DENIED_INVITE_USED; why++) // the dice reach each of them
        assert_true(seen[why] > 10);
    assert_true(seen[DENIED_NOT] > 1000);
}

// Where memory ends in the middle nothing has changed.
static void a_use_without_memory_is_none(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 20; k++) {
        struct fixture f;
        struct verdict v;
        fixture_init(&f, 3);
        struct entry make = {.type = ENTRY_INVITE,
                             .grant = GRANT_ALL,
                             .user = STR("server"),
                             .steady_ms = 1000,
                             .decree = {.role = ROLE_HOST, .span_ms = 1000},
                             .invitation = {STR("id-00000"), hash_of(0), 1, MAX}};
        struct entry use = {.type = ENTRY_ADMIT,
                            .user = STR("u0"),
                            .steady_ms = 1001,
                            .decree = {.target = STR("u0")},
                            .invitation = {.id = STR("id-00000"), .hash = hash_of(0)}};
        assert_int_equal(apply(&f, &make, &v), OK);
        test_mem_restart(&f.t);
        f.t.fail_at = k + 1;
        enum err applied = apply(&f, &use, &v);
        f.t.fail_at = 0;
        const enum role role = standing_role(f.standing, &f.hash_key, STR("u0"));
        assert_int_equal(f.invitations->rows[0].used, applied == OK);
        assert_int_equal(role, applied == OK ? ROLE_HOST : ROLE_NOT_GIVEN);
        if (applied == OK) {
            fixture_deinit(&f);
            assert_true(k > 0);
            return;
        }
        assert_int_equal(applied, ERR_NOMEM);
        assert_int_equal(apply(&f, &use, &v), OK); // and it may be used then
        assert_false(v.refused);
        assert_int_equal(f.invitations->rows[0].used, 1);
        fixture_deinit(&f);
    }
    fail_msg("it never finds enough");
}

// --- tokens

static void what_is_a_token(void **state)
{
    (void)state;
    struct net *n = net_running(1);
    char one[INVITATION_TOKEN_LEN], two[INVITATION_TOKEN_LEN], changed[INVITATION_TOKEN_LEN];
    uint8_t a[INVITATION_HASH], b[INVITATION_HASH];
    const str first = invitation_make(&n->sh[0]->cx, one), second = invitation_make(&n->sh[0]->cx, two);
    assert_false(str_eq(first, second));
    assert_int_equal(first.n, INVITATION_TOKEN_LEN);
    assert_true(invitation_claimed(first) && invitation_id(first).n == INVITATION_ID_LEN);
    assert_false(str_eq(invitation_id(first), invitation_id(second)));
    assert_int_equal(invitation_hash(first, a), OK);
    memcpy(changed, one, sizeof one);
    changed[sizeof one - 2] = changed[sizeof one - 2] == 'A' ? 'B' : 'A';
    assert_int_equal(invitation_hash(str_make(changed, sizeof changed), b), OK);
    assert_false(invitation_hash_eq(a, b));
    assert_true(invitation_hash_eq(a, a));
    // Not a byte more or less, and no other alphabet; what only begins so is one that is broken.
    static const char *const bad[] = {"", "inv_", "inv_0123456789", "eyJhbGciOiJub25lIn0.e30.", "INV_"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(invitation_hash(str_from_cstr(bad[i]), b), ERR_SYNTAX);
    changed[5] = '.';
    assert_int_equal(invitation_hash(str_make(changed, sizeof changed), b), ERR_SYNTAX);
    assert_true(invitation_claimed(str_make(changed, sizeof changed)));
    assert_false(invitation_claimed(STR("eyJhbGciOiJub25lIn0.e30.")));
    net_free(n);
}

// --- through shards

static struct net *invite_net(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_serve_api(n);
    n->settings.room_host = HOST_FIRST;
    return n;
}

static struct client *host_of(struct net *n, const char *room)
{
    struct client *c = net_json(n, 0);
    say(c, "{\"type\":\"join\",\"room\":\"%s\"}", room);
    forget(c);
    return c;
}

// The token of a new invitation of c's.
static void invite(struct client *c, const char *room, const char *terms, char token[64], char id[16])
{
    say(c, "{\"type\":\"invite\",\"id\":7,\"room\":\"%s\"%s}", room, terms);
    str m = hear(c);
    while (!contains(m, "\"id\":7") && m.p != NULL)
        m = hear(c);
    if (!contains(m, "{\"type\":\"invited\",\"id\":7,"))
        fail_msg("%.*s", STR_ARG(m));
    string_of(m, "token", token, 64);
    if (id != NULL)
        string_of(m, "invitation", id, 16);
    forget(c);
}

static void bring(struct client *c, const char *room, const char *token)
{
    say(c, "{\"type\":\"join\",\"id\":8,\"room\":\"%s\",\"token\":\"%s\"}", room, token);
}

static void refused(struct client *c, const char *room, const char *token, const char *code)
{
    char part[64];
    snprintf(part, sizeof part, "\"id\":8,\"code\":\"%s\"", code);
    forget(c);
    bring(c, room, token);
    expect(c, part);
}

static uint32_t used_of(struct net *n, const char *room)
{
    const struct invitations *t = net_room_at(n, room)->invitations;
    uint32_t used = 0;
    for (uint32_t i = 0; t != NULL && i < t->n; i++)
        used += t->rows[i].used;
    return used;
}

static void who_brings_it_comes_in(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t home = 0; home < shards; home++) {
            struct net *n = invite_net(shards);
            net_start(n);
            const char *room = net_room(n, home, 0);
            char token[64], id[16], wrong[64];
            struct client *host = host_of(n, room), *eve = net_json(n, shards - 1),
                          *bob = net_json(n, shards / 2);
            say(host, "{\"type\":\"lock\",\"id\":1,\"room\":\"%s\",\"on\":true}", room);
            invite(host, room, "", token, id);
            forget(eve);
            say(eve, "{\"type\":\"join\",\"id\":2,\"room\":\"%s\"}", room);
            expect(eve, "\"id\":2,\"code\":\"forbidden\"");
            memcpy(wrong, token, sizeof wrong);
            wrong[30] = wrong[30] == 'x' ? 'y' : 'x';
            refused(eve, room, wrong, "invitation_invalid");
            refused(eve, room, "inv_", "invitation_invalid");
            assert_int_equal(used_of(n, room), 0);
            bring(eve, room, token);
            str joined = expect(eve, "{\"type\":\"joined\",\"id\":8,");
            assert_true(contains(joined, "\"role\":\"member\"") && contains(joined, "\"locked\":true"));
            str told = expect(host, "{\"type\":\"member:admitted\"");
            assert_true(contains(told, eve->user) && contains(told, id) &&
                        contains(told, "\"role\":\"member\""));
            assert_false(contains(told, token + 12)); // never its secret
            expect(host, "\"type\":\"member:joined\"");
            assert_int_equal(used_of(n, room), 1);
            refused(bob, room, token, "invitation_used");
            // Again, and by another session: nothing is used up, and what it was good for holds without it.
            say(eve, "{\"type\":\"leave\",\"room\":\"%s\"}", room);
            forget(eve);
            bring(eve, room, token);
            expect(eve, "\"type\":\"joined\",\"id\":8");
            say(eve, "{\"type\":\"leave\",\"room\":\"%s\"}", room);
            say(eve, "{\"type\":\"join\",\"id\":9,\"room\":\"%s\"}", room);
            forget(eve);
            assert_int_equal(used_of(n, room), 1);
            assert_int_equal(METRIC(n, decrees), 4); // first host, lock, invite, admit
            net_free(n);
        }
}

// One use, two who bring it in one turn, whichever shards they are on: one of them is in.
static void two_bring_the_last_one_at_once(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++)
        for (uint32_t home = 0; home < shards; home++) {
            struct net *n = invite_net(shards);
            net_start(n);
            const char *room = net_room(n, home, 0);
            char token[64];
            struct client *host = host_of(n, room);
            invite(host, room, ",\"uses\":2", token, NULL);
            struct client *c[4];
            for (uint32_t i = 0; i < 4; i++) {
                c[i] = net_json(n, i % shards);
                forget(c[i]);
                post(c[i], "{\"type\":\"join\",\"id\":8,\"room\":\"%s\",\"token\":\"%s\"}", room, token);
            }
            net_settle(n);
            int in = 0, out = 0;
            for (uint32_t i = 0; i < 4; i++) {
                str m = hear(c[i]);
                in += contains(m, "\"type\":\"joined\",\"id\":8");
                out += contains(m, "\"id\":8,\"code\":\"invitation_used\"");
            }
            assert_int_equal(in, 2);
            assert_int_equal(out, 2);
            assert_int_equal(used_of(n, room), 2);
            assert_int_equal(net_room_at(n, room)->members, 3);
            net_free(n);
        }
}

static void a_date_is_a_date(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char token[64], late[64], part[96];
    net_start(n);
    struct client *host = host_of(n, "r"), *a = net_json(n, 0), *b = net_json(n, 0);
    invite(host, "r", ",\"uses\":5,\"ttl_s\":60", token, NULL);
    snprintf(part, sizeof part, ",\"expires\":%llu", (unsigned long long)(n->wall_ms + 90000));
    invite(host, "r", part, late, NULL);
    net_wait(n, 59900);
    forget(a);
    bring(a, "r", token);
    expect(a, "\"type\":\"joined\"");
    net_wait(n, 200);
    refused(b, "r", token, "invitation_expired");
    net_wait(n, 30000);
    refused(b, "r", late, "invitation_expired");
    // Who has come in by it is not affected.
    say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
    forget(a);
    bring(a, "r", token);
    expect(a, "\"type\":\"joined\"");
    assert_int_equal(used_of(n, "r"), 1);
    forget(host);
    say(host, "{\"type\":\"invite\",\"id\":1,\"room\":\"r\",\"expires\":%llu}",
        (unsigned long long)n->wall_ms);
    expect(host, "\"id\":1,\"code\":\"bad_command\"");
    say(host, "{\"type\":\"invite\",\"id\":2,\"room\":\"r\",\"ttl_s\":86401}");
    expect(host, "\"id\":2,\"code\":\"limit_reached\"");
    say(host, "{\"type\":\"invite\",\"id\":3,\"room\":\"r\",\"ttl_s\":10,\"expires\":99999999999999}");
    expect(host, "\"id\":3,\"code\":\"bad_command\"");
    net_free(n);
}

static void as_many_as_may_be(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char tokens[4][64], id[16];
    n->settings.invitations = 3;
    net_start(n);
    struct client *host = host_of(n, "r"), *a = net_json(n, 0), *b = net_json(n, 0);
    for (int i = 0; i < 3; i++)
        invite(host, "r", i == 0 ? ",\"ttl_s\":30" : "", tokens[i], id);
    say(host, "{\"type\":\"invite\",\"id\":1,\"room\":\"r\"}");
    expect(host, "\"id\":1,\"code\":\"limit_reached\"");
    assert_int_equal(METRIC(n, limit_invitations), 1);
    // Used up, it makes place.
    bring(a, "r", tokens[1]);
    expect(host, "member:admitted");
    invite(host, "r", "", tokens[3], NULL);
    refused(b, "r", tokens[1], "invitation_invalid"); // gone for the new one
    // So does one that is over, and one that is taken back.
    net_wait(n, 31000);
    invite(host, "r", "", tokens[1], NULL);
    refused(b, "r", tokens[0], "invitation_invalid");
    say(host, "{\"type\":\"uninvite\",\"id\":2,\"room\":\"r\",\"invitation\":\"%s\"}", id);
    expect(host, "\"type\":\"ack\",\"id\":2");
    str told = expect(host, "{\"type\":\"invitation:ended\"");
    assert_true(contains(told, id));
    refused(b, "r", tokens[2], "invitation_invalid");
    say(host, "{\"type\":\"uninvite\",\"id\":3,\"room\":\"r\",\"invitation\":\"%s\"}", id);
    expect(host, "\"id\":3,\"code\":\"not_found\"");
    say(host, "{\"type\":\"invites\",\"id\":4,\"room\":\"r\"}");
    str list =
        expect(host, "{\"type\":\"invites\",\"id\":4,\"room\":\"r\",\"invitations\":[{\"invitation\":\"");
    assert_true(contains(list, "\"role\":\"member\",\"uses\":1,\"left\":1,\"expires\":"));
    assert_true(contains(list, host->user));
    size_t rows = 0;
    for (size_t i = 0; i + 6 < list.n; i++)
        rows += memcmp(list.p + i, "\"left\"", 6) == 0;
    assert_int_equal(rows, 2);
    net_free(n);
}

static void who_may_and_as_what(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char token[64], own[64];
    net_start(n);
    struct client *host = host_of(n, "r"), *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, 0);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    forget(a);
    say(a, "{\"type\":\"invite\",\"id\":1,\"room\":\"r\"}");
    expect(a, "\"id\":1,\"code\":\"forbidden\"");
    say(a, "{\"type\":\"invites\",\"id\":2,\"room\":\"r\"}");
    expect(a, "\"id\":2,\"code\":\"forbidden\"");
    forget(host);
    say(host, "{\"type\":\"invite\",\"id\":3,\"room\":\"r\",\"role\":\"host\"}");
    expect(host, "\"id\":3,\"code\":\"forbidden\""); // not below
    say(host, "{\"type\":\"invite\",\"id\":4,\"room\":\"r\",\"role\":\"king\"}");
    expect(host, "\"id\":4,\"code\":\"bad_command\"");
    say(host, "{\"type\":\"invite\",\"id\":5,\"room\":\"r\",\"uses\":10001}");
    expect(host, "\"id\":5,\"code\":\"bad_command\"");
    net_give(host, "r", host->user, "owner");
    invite(host, "r", ",\"uses\":9,\"role\":\"host\"", token, NULL);
    // Somebody who is there as a member is raised by a second session, and told so, as everybody is.
    forget(a);
    struct client *again = net_ws(n, 0, "/ws");
    say(again, "{\"type\":\"hello\",\"resume\":\"%s\"}", a->resume);
    forget(again);
    forget(host); // the older connection has gone
    bring(again, "r", token);
    expect(again, "\"role\":\"host\"");
    expect(host, "member:admitted");
    assert_int_equal(used_of(n, "r"), 1);
    // Who was made less by somebody is not made more again by the same one.
    bring(b, "r", token);
    forget(b);
    net_give(host, "r", b->user, "guest");
    say(b, "{\"type\":\"leave\",\"room\":\"r\"}");
    forget(b);
    bring(b, "r", token);
    str joined = expect(b, "\"type\":\"joined\"");
    assert_true(contains(joined, "\"role\":\"guest\""));
    assert_int_equal(used_of(n, "r"), 2);
    // What somebody has made ends with their right to it, and with a ban.
    net_give(host, "r", a->user, "host");
    invite(again, "r", "", own, NULL);
    net_give(host, "r", a->user, "member");
    refused(c, "r", own, "invitation_invalid");
    // Who is banned stays so, whatever they bring.
    say(host, "{\"type\":\"ban\",\"id\":6,\"room\":\"r\",\"user\":\"%s\"}", c->user);
    refused(c, "r", token, "banned");
    assert_int_equal(used_of(n, "r"), 2);
    net_free(n);
}

static void a_full_room_uses_nothing_up(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char token[64];
    n->settings.room_members_max = 2;
    net_start(n);
    struct client *host = host_of(n, "r"), *a = net_json(n, 0), *b = net_json(n, 0);
    invite(host, "r", "", token, NULL);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    refused(b, "r", token, "room_full");
    assert_int_equal(used_of(n, "r"), 0);
    say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
    bring(b, "r", token);
    expect(b, "\"type\":\"joined\"");
    assert_int_equal(used_of(n, "r"), 1);
    net_free(n);
}

// Rooms for those who are named: a guest is, by what it brings; and from then on by its role. A room that is not there is not made by it.
static void rooms_that_are_not_open(void **state)
{
    (void)state;
    static const enum room_access kinds[] = {ACCESS_TOKEN, ACCESS_INVITE};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct net *n = invite_net(1);
        struct room_rule rule = {.match = STR("closed*"), .room = n->settings.room};
        char token[64];
        rule.room.room_access = kinds[i];
        n->settings.rules = &rule;
        n->settings.rules_n = 1;
        net_start(n);
        struct client *a = net_json(n, 0);
        forget(a);
        say(a, "{\"type\":\"join\",\"id\":2,\"room\":\"closed\"}");
        expect(a, "\"id\":2,\"code\":\"forbidden\"");
        refused(a, "closed", "inv_0123456789abcdef0123456789abcdef", "invitation_invalid");
        assert_null(net_room_at(n, "closed"));
        struct client *call = net_accept(n, 0, TRANSPORT_HTTP);
        static const char create[] =
            "POST /api/v1/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 17\r\n\r\n{\"room\":\"closed\"}";
        static const char invited[] =
            "POST /api/v1/invite HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 32\r\n\r\n{\"room\":\"closed\",\"role\":\"owner\"}";
        post_bytes(call, create, sizeof create - 1);
        net_settle(n);
        post_bytes(call, invited, sizeof invited - 1);
        net_settle(n);
        const str got = str_make(call->rx.p, call->rx.n);
        assert_true(contains(got, "\"role\":\"owner\",\"uses\":1,"));
        string_of(got, "token", token, sizeof token);
        bring(a, "closed", token);
        expect(a, "\"role\":\"owner\"");
        say(a, "{\"type\":\"leave\",\"room\":\"closed\"}");
        forget(a);
        say(a, "{\"type\":\"join\",\"id\":3,\"room\":\"closed\"}");
        expect(a, "\"type\":\"joined\",\"id\":3");
        hang_up(call);
        net_free(n);
    }
}

// It is one room's, a switch may bring it, and so may the rooms of a hello; with the room's end it ends.
static void it_is_good_for_one_room(void **state)
{
    (void)state;
    struct net *n = invite_net(2);
    char token[64];
    net_start(n);
    const char *room = net_room(n, 0, 0), *other = net_room(n, 1, 0);
    struct client *host = host_of(n, room), *a = net_json(n, 1), *b = net_ws(n, 0, "/ws");
    say(host, "{\"type\":\"join\",\"room\":\"%s\"}", other);
    invite(host, room, ",\"uses\":3", token, NULL);
    refused(a, other, token, "invitation_invalid");
    say(a, "{\"type\":\"join\",\"room\":\"%s\"}", other);
    forget(a);
    say(a, "{\"type\":\"switch\",\"id\":1,\"from\":\"%s\",\"to\":\"%s\",\"token\":\"%s\"}", other, room,
        token);
    str joined = expect(a, "\"type\":\"joined\",\"id\":1");
    assert_true(contains(joined, "\"left\":"));
    say(b, "{\"type\":\"hello\",\"rooms\":[{\"id\":5,\"room\":\"%s\",\"token\":\"%s\"}]}", room, token);
    expect(b, "\"type\":\"welcome\"");
    expect(b, "\"type\":\"joined\",\"id\":5");
    assert_int_equal(used_of(n, room), 2);
    net_give(host, room, host->user, "owner");
    say(host, "{\"type\":\"close\",\"room\":\"%s\"}", room);
    net_wait(n, 100);
    assert_null(net_room_at(n, room)->invitations);
    struct client *c = net_json(n, 0);
    refused(c, room, token, "room_closed");
    net_free(n);
}

// Whichever allocation fails: who is told to be in is, and it is used; who is not may come again, and uses it once.
static void memory_ends_in_the_middle(void **state)
{
    (void)state;
    bool came = false;
    for (uint64_t k = 1; k < 200 && !came; k++) {
        struct net *n = invite_net(1);
        char token[64];
        net_start(n);
        struct client *host = host_of(n, "r"), *a = net_json(n, 0);
        invite(host, "r", "", token, NULL);
        forget(a);
        net_fail_burst(n, k);
        bring(a, "r", token);
        came = n->burst_at != 0;
        net_fail_end(n);
        net_settle(n);
        net_check(n);
        const struct room *r = net_room_at(n, "r");
        const enum role given = standing_role(r->standing, &n->settings.hash_key, str_from_cstr(a->user));
        assert_int_equal(used_of(n, "r"), given == ROLE_MEMBER);
        assert_true(!came || given == ROLE_MEMBER);
        if (!a->closed) {
            forget(a);
            say(a, "{\"type\":\"leave\",\"room\":\"r\"}");
            forget(a);
            bring(a, "r", token);
            expect(a, "\"type\":\"joined\"");
            assert_int_equal(used_of(n, "r"), 1);
        }
        net_free(n);
    }
    assert_true(came);
}

// A reader of the log that must have the record first (log/log.h): until then nobody is told of anything, and the last use is taken.
static void a_use_waits_for_its_commit(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char token[64];
    net_start(n);
    struct client *host = host_of(n, "r"), *a = net_json(n, 0), *b = net_json(n, 0), *c = net_json(n, 0);
    invite(host, "r", "", token, NULL);
    struct home *h = &n->sh[0]->home;
    const uint32_t room = room_find(h, STR("r"), hash_str(h->cx, STR("r")));
    struct room *r = room_at(h, room);
    struct log_reader reader;
    log_reader_add(&r->log, &reader);
    forget(a);
    forget(b);
    bring(a, "r", token);
    expect_nothing(a);
    bring(b, "r", token);
    expect(b, "\"id\":8,\"code\":\"invitation_used\"");
    expect_nothing(host);
    assert_int_equal(r->members, 1);
    bring(c, "r", token);
    hang_up(a); // who brought it goes meanwhile: it was used, and the role is there for when he comes back
    home_committed(h, room, &reader, r->log.head);
    net_wait(n, 10);
    expect(host, "member:admitted");
    assert_int_equal(used_of(n, "r"), 1);
    assert_int_equal(standing_role(r->standing, &n->settings.hash_key, str_from_cstr(a->user)), ROLE_MEMBER);
    log_reader_remove(&r->log, &reader);
    net_free(n);
}

// Who makes one is told what its record says, whatever a record behind it has come to that nobody has been told of yet (seed 42449).
static void what_was_made_is_told_as_it_was_made(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct net *n = invite_net(1);
        net_start(n);
        struct client *host = host_of(n, "r");
        net_give(host, "r", host->user, "owner");
        forget(host);
        struct home *h = &n->sh[0]->home;
        const uint32_t room = room_find(h, STR("r"), hash_str(h->cx, STR("r")));
        struct room *r = room_at(h, room);
        struct log_reader reader;
        log_reader_add(&r->log, &reader);
        const uint64_t made_ms = h->cx->wall_ms;
        say(host, "{\"type\":\"invite\",\"id\":7,\"room\":\"r\",\"ttl_s\":60}");
        net_settle(n);
        const uint64_t made = r->log.head;
        if (closes)
            say(host, "{\"type\":\"close\",\"id\":9,\"room\":\"r\"}");
        else
            say(host, "{\"type\":\"uninvite\",\"id\":9,\"room\":\"r\",\"invitation\":\"%.*s\"}",
                STR_ARG(invited_id(&r->invitations->rows[0])));
        net_settle(n);
        assert_true(r->invitations == NULL || r->invitations->n == 0);
        home_committed(h, room, &reader, made);
        net_settle(n);
        const uint64_t expires = number_of(expect(host, "\"type\":\"invited\",\"id\":7"), "expires");
        assert_in_range(expires, made_ms + 60000, h->cx->wall_ms + 60000);
        assert_int_equal(number_of(expect(host, "\"type\":\"invitation:made\""), "until"), expires);
        home_committed(h, room, &reader, r->log.head);
        net_settle(n);
        expect(host, "\"type\":\"ack\",\"id\":9");
        log_reader_remove(&r->log, &reader);
        net_free(n);
    }
}

static void at_a_terminal(void **state)
{
    (void)state;
    struct net *n = invite_net(1);
    char token[64];
    n->settings.text_room = STR("r");
    net_start(n);
    struct client *host = net_line(n, 0), *bob = net_line(n, 0);
    say(host, "/join the den");
    forget(host);
    say(host, "/invite 2 3h guest");
    expect(host, "* whoever types this comes in, 2 times as guest, for 3 hours:");
    str line = expect(host, "*   /join the den inv_");
    memcpy(token, line.p + line.n - INVITATION_TOKEN_LEN, INVITATION_TOKEN_LEN);
    token[INVITATION_TOKEN_LEN] = '\0';
    expect(host, " made the invitation ");
    say(host, "/lock");
    forget(host);
    forget(bob);
    say(bob, "/join the den");
    expect(bob, "* error forbidden");
    say(bob, "/join the den %s", token);
    expect(bob, "* joined the den");
    expect(host, " was let in by the invitation ");
    forget(host);
    say(host, "/invites");
    expect(host, "* invitations to the den:");
    line = expect(host, ": 1 time as guest, by ");
    char id[INVITATION_ID_LEN + 1] = {0};
    memcpy(id, line.p + 4, INVITATION_ID_LEN);
    say(host, "/uninvite %s", id);
    expect(host, " took back the invitation ");
    say(host, "/invites");
    expect(host, "* invitations to the den: none");
    static const char *const wrong[] = {"/invite 0", "/invite 3 4", "/invite guest host", "/uninvite x",
                                        "/invites all"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        say(host, "%s", wrong[i]);
        expect(host, "* error bad_command");
    }
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_against_the_model),
        cmocka_unit_test(a_use_without_memory_is_none),
        cmocka_unit_test(what_is_a_token),
        cmocka_unit_test(who_brings_it_comes_in),
        cmocka_unit_test(two_bring_the_last_one_at_once),
        cmocka_unit_test(a_date_is_a_date),
        cmocka_unit_test(as_many_as_may_be),
        cmocka_unit_test(who_may_and_as_what),
        cmocka_unit_test(a_full_room_uses_nothing_up),
        cmocka_unit_test(rooms_that_are_not_open),
        cmocka_unit_test(it_is_good_for_one_room),
        cmocka_unit_test(memory_ends_in_the_middle),
        cmocka_unit_test(a_use_waits_for_its_commit),
        cmocka_unit_test(what_was_made_is_told_as_it_was_made),
        cmocka_unit_test(at_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
