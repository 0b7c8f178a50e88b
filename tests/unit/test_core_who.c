// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end: addresses come back as they were given, however they are kept, and so do users and names.
#include "core/common/who.h"
#include "unit/support.h"

#include <stdio.h>

static void addresses_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_long;
    } cases[] = {{"", false},
                 {"1", false},
                 {"0.0.0.0:0", false},
                 {"127.0.0.1:51234", false},
                 {"255.255.255.255:65535", false},
                 {"...........:::::::::::9", false}, // 23: the most that fits
                 {"...........:::::::::::99", true},
                 {"[::1]:51234", true},
                 {"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", true},
                 {"unix", true},
                 {"127.0.0.1/80", true}}; // '/' is between '.' and '0'
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer peer = {0}, room;
        snprintf(peer.text, sizeof peer.text, "%s", cases[i].text);
        struct who w = {0};
        if (cases[i].is_long) {
            test_mem_restart(&t);
            t.fail_at = 1;
            assert_int_equal(who_init(&w, &mem, &peer), ERR_NOMEM);
            assert_str_eq(who_peer(&w, &room), STR_NONE); // nothing rather than half of it
            who_deinit(&w, &mem);
        }
        assert_int_equal(who_init(&w, &mem, &peer), OK);
        assert_int_equal(w.peer_form, cases[i].is_long ? PEER_LONG : PEER_PACKED);
        memset(&peer, 'x', sizeof peer); // it was copied
        memset(&room, 'y', sizeof room);
        assert_str_eq(who_peer(&w, &room), str_from_cstr(cases[i].text));
        who_deinit(&w, &mem);
        assert_str_eq(who_peer(&w, &room), STR_NONE);
        test_mem_check(&t);
    }
}

// A proxy's address and that of whom it speaks for, and what is left of them when it speaks for one for good.
static void a_proxy_speaks_for_others(void **state)
{
    (void)state;
    static const char *const said[] = {NULL, "203.0.113.9:0",
                                       "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535"};
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        for (uint64_t fail_at = 1; fail_at <= 3; fail_at++) {
            struct peer peer = {.text = "10.0.0.1:80", .print = 7, .proxy = true, .secure = true}, room;
            struct who w = {0};
            test_mem_restart(&t);
            t.fail_at = fail_at;
            if (who_init(&w, &mem, &peer) != OK) {
                assert_int_equal(fail_at, 1);
                assert_null(who_proxy(&w));
                assert_str_eq(who_peer(&w, &room), STR_NONE);
                who_deinit(&w, &mem);
                continue;
            }
            memset(&peer, 'x', sizeof peer); // it was copied
            assert_int_equal(who_proxy(&w)->print, 7);
            assert_true(who_proxy(&w)->secure);
            who_said(&w, "192.0.2.1:1");
            assert_str_eq(who_peer(&w, &room), STR("192.0.2.1:1"));
            who_said(&w, said[i]);
            str want = said[i] != NULL ? str_from_cstr(said[i]) : STR("10.0.0.1:80");
            assert_str_eq(who_peer(&w, &room), want);
            who_settle(&w, &mem);
            assert_str_eq(who_peer(&w, &room), want); // with memory or without
            assert_int_equal(who_proxy(&w) != NULL, i == 2 && fail_at == 2);
            who_settle(&w, &mem);
            assert_null(who_proxy(&w));
            assert_str_eq(who_peer(&w, &room), want);
            who_deinit(&w, &mem);
            test_mem_check(&t);
        }
}

static void session_is(const struct session *s, const char *id, str user, str name)
{
    assert_true(session_there(s));
    assert_memory_equal(s->id, id, SESSION_ID_LEN);
    assert_str_eq(session_user(s), user);
    assert_str_eq(session_name(s), name);
}

static void sessions_come_back(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const char *id = "0123456789abcdefghijkl";
    char user[USER_ID_MAX], name[USER_NAME_MAX];
    memset(user, 'u', sizeof user);
    memset(name, 'n', sizeof name);
    for (size_t user_n = 1; user_n <= USER_ID_MAX; user_n += 13)
        for (size_t name_n = 1; name_n <= USER_NAME_MAX; name_n += 9) {
            struct session s = {0};
            assert_int_equal(session_init(&s, &mem, id, str_make(user, user_n), str_make(name, name_n), NULL),
                             OK);
            size_t text_n = user_n + name_n;
            assert_int_equal(mem_used(&mem), text_n <= SESSION_TEXT_INLINE ? 0 : text_n);
            session_is(&s, id, str_make(user, user_n), str_make(name, name_n));
            session_deinit(&s, &mem);
            assert_false(session_there(&s));
            assert_int_equal(mem_used(&mem), 0);
        }
    struct who w = {0};
    memset(user, 'a', sizeof user);
    assert_int_equal(session_init(&w.session, &mem, id, str_make(user, 40), str_make(user, 40), NULL),
                     OK); // kept once
    assert_int_equal(mem_used(&mem), 0);
    session_is(&w.session, id, str_make(user, 40), str_make(user, 40));
    who_deinit(&w, &mem); // with its session
    assert_false(session_there(&w.session));
    test_mem_check(&t);
}

// From any length to any other, with memory and without: then it is called what it was.
static void sessions_are_renamed(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    const char *id = "0123456789abcdefghijkl";
    char user[20], name[USER_NAME_MAX];
    memset(user, 'u', sizeof user);
    memset(name, 'n', sizeof name);
    for (size_t from = 1; from <= USER_NAME_MAX; from += 3)
        for (size_t to = 1; to <= USER_NAME_MAX; to += 3) {
            struct session s = {0}, renamed;
            str before = str_make(name, from), after = str_make(name, to);
            assert_int_equal(session_init(&s, &mem, id, str_make(user, sizeof user), before, NULL), OK);
            if (sizeof user + to > SESSION_TEXT_INLINE) {
                test_mem_restart(&t);
                t.fail_at = 1;
                assert_int_equal(session_renamed(&s, &mem, after, &renamed), ERR_NOMEM);
                session_is(&s, id, str_make(user, sizeof user), before);
            }
            assert_int_equal(session_renamed(&s, &mem, after, &renamed), OK);
            session_deinit(&s, &mem);
            s = renamed;
            session_is(&s, id, str_make(user, sizeof user), after);
            session_deinit(&s, &mem);
            assert_int_equal(mem_used(&mem), 0);
        }
    test_mem_check(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_back),
        cmocka_unit_test(a_proxy_speaks_for_others),
        cmocka_unit_test(sessions_come_back),
        cmocka_unit_test(sessions_are_renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
