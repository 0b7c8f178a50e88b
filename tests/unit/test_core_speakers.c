// SPDX-License-Identifier: Apache-2.0
//
// Numbers of those who speak: each is somebody's once, and found again as long as it is kept.
#include "base/limits.h"
#include "core/log/speakers.h"
#include "unit/support.h"
#include "unit/test_mem.h"
#include <stdio.h>

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct siphash_key prints;
    struct speakers *s;
};

static void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    f->s = speakers_create(&f->mem, 7);
    assert_non_null(f->s);
}

static void fixture_deinit(struct fixture *f)
{
    speakers_check(f->s);
    speakers_free(f->s, &f->mem);
    test_mem_check(&f->t);
}

static struct handles name(struct fixture *f, const char *user, const char *as)
{
    const struct entry e = {.type = ENTRY_MESSAGE,
                            .user = str_from_cstr(user),
                            .session = STR("s"),
                            .name = str_from_cstr(as),
                            .info = STR("{}")};
    struct handles h;
    speakers_name(f->s, &f->mem, &f->prints, &e, &h);
    assert_int_equal(h.room, 7);
    return h;
}

static struct handles say(struct fixture *f, const char *user, const char *as)
{
    const struct handles h = name(f, user, as);
    if (h.speaker != 0)
        speakers_told(f->s, h.speaker);
    return h;
}

static void who_speaks_has_a_number_of_their_own(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct handles ada = say(&f, "u1", "Ada"), bob = say(&f, "u2", "Bob");
    assert_true(ada.speaker != 0 && bob.speaker != 0 && ada.speaker != bob.speaker);
    assert_false(ada.told);
    const struct handles again = say(&f, "u1", "Ada"), renamed = say(&f, "u1", "Eve");
    assert_true(again.speaker == ada.speaker && again.told);
    assert_true(renamed.speaker != ada.speaker && !renamed.told);
    struct speaker_view v;
    assert_true(speakers_find(f.s, ada.speaker, &v));
    assert_str_eq(v.user, STR("u1"));
    assert_str_eq(v.session, STR("s"));
    assert_str_eq(v.name, STR("Ada"));
    assert_str_eq(v.info, STR("{}"));
    assert_false(speakers_find(f.s, 99, &v));
    const struct entry nobody = {.type = ENTRY_SLOW};
    struct handles h;
    speakers_name(f.s, &f.mem, &f.prints, &nobody, &h); // the server's own
    assert_true(h.room == 7 && h.speaker == 0);
    fixture_deinit(&f);
}

// What no frame has told is told by nobody else either.
static void who_was_not_told_of_is_told_the_next_time(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct handles first = name(&f, "u1", "Ada"); // there was no memory for its frame
    struct speaker_view v[SPEAKERS_TOLD];
    assert_false(speakers_find(f.s, first.speaker, v));
    assert_int_equal(speakers_newest(f.s, v), 0);
    assert_false(say(&f, "u1", "Ada").told);
    assert_true(say(&f, "u1", "Ada").told);
    assert_int_equal(speakers_newest(f.s, v), 1);
    fixture_deinit(&f);
}

static void the_oldest_are_forgotten_and_no_number_is_given_twice(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    char user[16];
    const uint64_t kept = say(&f, "kept", "Kim").speaker;
    uint64_t last = kept;
    for (int i = 0; i < 3 * SPEAKERS_MAX; i++) {
        snprintf(user, sizeof user, "u%d", i);
        const struct handles h = say(&f, user, "N");
        assert_true(h.speaker > last);
        last = h.speaker;
        if (i % 100 == 0)
            assert_int_equal(say(&f, "kept", "Kim").speaker, kept); // who speaks is not forgotten
        speakers_check(f.s);
    }
    struct speaker_view v[SPEAKERS_TOLD];
    assert_int_equal(f.s->n, SPEAKERS_MAX);
    assert_false(speakers_find(f.s, kept + 1, v));
    assert_true(say(&f, "u0", "N").speaker > last); // somebody who was forgotten is somebody new
    assert_int_equal(speakers_newest(f.s, v), SPEAKERS_TOLD);
    assert_str_eq(v[SPEAKERS_TOLD - 1].user, STR("u0"));
    for (int i = 1; i < SPEAKERS_TOLD - 1; i++)
        assert_true(v[i].number > v[i - 1].number);
    fixture_deinit(&f);
}

// Long names: as many of the newest as fit.
static void what_who_comes_is_told_has_a_bound(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    static char info[USER_INFO_MAX];
    memset(info, 'i', sizeof info);
    for (int i = 0; i < 20; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        const struct entry e = {
            .type = ENTRY_MESSAGE, .user = str_from_cstr(user), .info = str_make(info, sizeof info)};
        struct handles h;
        speakers_name(f.s, &f.mem, &f.prints, &e, &h);
        speakers_told(f.s, h.speaker);
    }
    struct speaker_view v[SPEAKERS_TOLD];
    const size_t n = speakers_newest(f.s, v);
    assert_true(n >= 2 && n * USER_INFO_MAX <= SPEAKERS_TOLD_BYTES);
    assert_str_eq(v[n - 1].user, STR("u19"));
    fixture_deinit(&f);
}

static void without_memory_names_are_in_full(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int i = 0; i < 2 * SPEAKERS_MAX; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        for (uint64_t k = 1;; k++) {
            test_mem_restart(&f.t);
            f.t.fail_at = k;
            const struct handles h = name(&f, user, "N");
            const bool failed = atomic_load(&f.t.failed) != 0;
            f.t.fail_at = 0;
            speakers_check(f.s);
            assert_int_equal(h.speaker == 0, failed);
            if (!failed)
                break;
        }
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_speaks_has_a_number_of_their_own),
        cmocka_unit_test(who_was_not_told_of_is_told_the_next_time),
        cmocka_unit_test(the_oldest_are_forgotten_and_no_number_is_given_twice),
        cmocka_unit_test(what_who_comes_is_told_has_a_bound),
        cmocka_unit_test(without_memory_names_are_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
