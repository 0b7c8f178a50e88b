// SPDX-License-Identifier: Apache-2.0
//
// What becomes of messages (core/log/words.h): rules one by one, and by dice against a model that keeps everything; what was taken back
// is nowhere in the log.
#include "base/prng.h"
#include "core/home/apply.h"
#include "core/log/record.h"
#include "core/mail/post.h"
#include "unit/support.h"

#include <stdio.h>

enum { TEXT = 24, MOST = 400, PEOPLE = 4, KINDS = 3 };

// What is known of a message by whoever has heard everything.
struct said {
    bool message, deleted;
    char text[TEXT]; // what it says now
    uint64_t version, about;
    uint8_t reacted[PEOPLE][KINDS];
    uint32_t replies;
};

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *state;
    struct invitations *invitations;
    struct buf scratch, result;
    struct prng dice;
    struct made made;
    struct siphash_key key;
    struct said all[MOST + 1];
};

static void fixture_init(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    prng_init(&f->dice, seed);
    log_init(&f->log, &f->mem);
    once_init(&f->said, &f->mem);
    once_group_init(&f->keys);
    buf_init(&f->scratch, &f->mem, 0);
    buf_init(&f->result, &f->mem, 0);
    f->made = (struct made){&f->log,         &f->said,     &f->keys, STR("0123456789abcdef0123"),
                            &f->key,         &f->standing, &f->mem,  &f->state,
                            &f->invitations, &f->result};
    f->made.epoch.n = EPOCH_LEN;
}

static void fixture_deinit(struct fixture *f)
{
    log_deinit(&f->log);
    once_deinit(&f->said);
    standing_free(&f->standing, &f->mem);
    state_free(&f->state, &f->mem);
    invitations_free(&f->invitations, &f->mem);
    buf_deinit(&f->scratch);
    buf_deinit(&f->result);
    test_mem_check(&f->t);
}

static const char *const people[PEOPLE] = {"ada", "bob", "eve", "zoe"};
static const char *const reactions[KINDS] = {"+", "-", "\xf0\x9f\x8e\x89"};

static struct entry by(int who, enum entry_type type)
{
    return (struct entry){.type = type,
                          .user = str_from_cstr(people[who]),
                          .session = STR("s"),
                          .name = str_from_cstr(people[who]),
                          .room = STR("r"),
                          .rule_role = ROLE_MEMBER,
                          .time_ms = 1000,
                          .steady_ms = 1000};
}

static struct verdict apply(struct fixture *f, struct entry *e)
{
    struct verdict v;
    e->time_ms = e->steady_ms = 1000 + f->log.head;
    assert_int_equal(
        apply_record(&f->made, f->log.head + 1, e, NULL, &(struct live_tools){.scratch = &f->scratch}, &v),
        OK);
    log_check(&f->log);
    return v;
}

static uint64_t say(struct fixture *f, int who, const char *text)
{
    struct entry e = by(who, ENTRY_MESSAGE);
    e.data = str_from_cstr(text);
    assert_false(apply(f, &e).refused);
    return e.offset;
}

static struct verdict change(struct fixture *f, int who, enum entry_type type, uint64_t about,
                             const char *text)
{
    struct entry e = by(who, type), message;
    e.about = about;
    e.data = str_from_cstr(text);
    if (type == ENTRY_REACT) {
        e.change = (struct change){.reaction = e.data, .on = true};
        e.data = STR_NONE;
    } else if (about >= f->log.tail) {
        log_entry(&f->log, about, STR("r"), &message);
        e.change.author = message.user;
    }
    return apply(f, &e);
}

static struct entry now(const struct fixture *f, uint64_t offset, struct word_space *space)
{
    struct entry e;
    log_entry(&f->log, offset, STR("r"), &e);
    words_show(&f->log, &e, space);
    return e;
}

static bool anywhere(const struct fixture *f, const char *text)
{
    const size_t n = strlen(text);
    for (uint32_t i = 0; i < f->log.records.n; i++) {
        const struct segment *s = f->log.records.segs[i];
        for (size_t k = 0; k + n <= s->used; k++)
            if (memcmp(s->data + k, text, n) == 0)
                return true;
    }
    return false;
}

static void an_edit_is_what_it_says(void **state)
{
    (void)state;
    static struct fixture f;
    struct word_space space;
    fixture_init(&f, 1);
    const uint64_t at = say(&f, 0, "\"first words\"");
    assert_false(change(&f, 0, ENTRY_EDIT, at, "\"second\"").refused);
    struct entry e = now(&f, at, &space);
    assert_str_eq(e.data, STR("\"second\""));
    assert_int_equal(e.fate->version, at + 1);
    assert_int_equal(e.fate->edited_ms, 1001);
    assert_false(anywhere(&f, "first words"));
    assert_false(change(&f, 0, ENTRY_EDIT, at, "\"third and longer than all before\"").refused);
    assert_false(anywhere(&f, "second"));
    e = now(&f, at, &space);
    assert_str_eq(e.data, STR("\"third and longer than all before\""));
    e = now(&f, at + 1, &space); // the edit between says nothing any more
    assert_true(e.type == ENTRY_EDIT && e.erased == 8 && e.data.n == 0);
    fixture_deinit(&f);
}

static void of_another_version_it_is_refused(void **state)
{
    (void)state;
    static struct fixture f;
    fixture_init(&f, 1);
    const uint64_t at = say(&f, 0, "1");
    struct entry e = by(0, ENTRY_EDIT);
    e.about = at;
    e.data = STR("2");
    e.change = (struct change){.author = STR("ada"), .version = at + 1};
    assert_int_equal(apply(&f, &e).why, DENIED_CHANGED);
    e = by(0, ENTRY_EDIT);
    e.about = e.change.version = at; // its own words still
    e.data = STR("2");
    e.change.author = STR("ada");
    assert_false(apply(&f, &e).refused);
    const uint64_t version = e.offset;
    e = by(0, ENTRY_EDIT);
    e.about = e.change.version = at;
    e.data = STR("3");
    e.change.author = STR("ada");
    assert_int_equal(apply(&f, &e).why, DENIED_CHANGED);
    e = by(0, ENTRY_EDIT);
    e.about = at;
    e.change = (struct change){.author = STR("ada"), .version = version};
    e.data = STR("4");
    assert_false(apply(&f, &e).refused);
    fixture_deinit(&f);
}

// A node that begins where the engine has let older records go comes to the same verdicts as one that has seen them all.
static void who_begins_late_comes_to_the_same(void **state)
{
    (void)state;
    static struct fixture all, late;
    static const enum entry_type before[] = {ENTRY_EDIT, ENTRY_DELETE};
    for (int i = 0; i < 2; i++) {
        fixture_init(&all, 1);
        fixture_init(&late, 1);
        const uint64_t at = say(&all, 0, "1");
        assert_false(change(&all, 0, before[i], at, "2").refused);
        log_begin(&late.log, all.log.head + 1);
        for (int k = 0; k < WORD_JUDGED; k++) {
            say(&all, 1, "3");
            say(&late, 1, "3");
        }
        for (int k = 0; k < 4;
             k++) { // a reaction, and edits of the words it had, of those it has, of whatever it has
            struct entry e = by(k == 0 ? 2 : 0, k == 0 ? ENTRY_REACT : ENTRY_EDIT);
            e.about = at;
            if (k == 0)
                e.change = (struct change){.reaction = STR("+"), .on = true};
            else
                e.change = (struct change){.author = STR("ada"), .version = k < 3 ? at + (uint64_t)k - 1 : 0};
            e.data = k == 0 ? STR_NONE : STR("4");
            struct entry same = e;
            assert_int_equal(apply(&all, &e).why, apply(&late, &same).why);
        }
        struct entry moved = by(0, ENTRY_EDIT);
        moved.about = moved.change.version = at;
        moved.change.author = STR("ada");
        moved.data = STR("5");
        struct entry same = moved;
        assert_int_equal(apply(&all, &moved).why, DENIED_CHANGED);
        assert_int_equal(apply(&late, &same).why, DENIED_CHANGED);
        fixture_deinit(&all);
        fixture_deinit(&late);
    }
}

static void what_is_deleted_is_nowhere(void **state)
{
    (void)state;
    static struct fixture f;
    struct word_space space;
    fixture_init(&f, 1);
    const uint64_t at = say(&f, 0, "\"a secret\"");
    assert_false(change(&f, 0, ENTRY_EDIT, at, "\"another secret\"").refused);
    assert_false(change(&f, 1, ENTRY_REACT, at, "+").refused);
    assert_false(change(&f, 0, ENTRY_DELETE, at, "a slip").refused);
    assert_false(anywhere(&f, "secret"));
    struct entry e = now(&f, at, &space);
    assert_true(e.fate->deleted && e.data.n == 0 && e.erased != 0);
    assert_str_eq(e.user, STR("ada"));
    for (int type = ENTRY_EDIT; type <= ENTRY_REACT; type++) // nothing can be done about it any more
        assert_int_equal(change(&f, 0, (enum entry_type)type, at, "\"again\"").why, DENIED_DELETED);
    assert_false(anywhere(&f, "again"));
    fixture_deinit(&f);
}

static void others_words_are_those_of_who_is_below(void **state)
{
    (void)state;
    static struct fixture f;
    fixture_init(&f, 1);
    const uint64_t ada = say(&f, 0, "1"), bob = say(&f, 1, "2");
    struct verdict v = change(&f, 1, ENTRY_DELETE, ada, "");
    assert_true(v.why == DENIED_RIGHT && v.right == RIGHT_DELETE_ANY);
    v = change(&f, 1, ENTRY_EDIT, ada, "3");
    assert_true(v.why == DENIED_RIGHT && v.right == RIGHT_EDIT_ANY);
    for (int i = 0; i < 2; i++) { // bob and eve are hosts
        struct entry role = by(0, ENTRY_ROLE);
        role.grant = GRANT_ALL;
        role.decree = (struct decree){.target = str_from_cstr(people[1 + i]), .role = ROLE_HOST};
        assert_false(apply(&f, &role).refused);
    }
    assert_int_equal(change(&f, 2, ENTRY_DELETE, bob, "").why, DENIED_RANK);
    assert_false(change(&f, 2, ENTRY_DELETE, ada, "").refused);
    struct entry e = by(0, ENTRY_DELETE); // the server's own are for who speaks for it
    const uint64_t at = say(&f, 0, "5");
    e.about = at;
    assert_true(apply(&f, &e).refused);
    e = by(0, ENTRY_DELETE);
    e.about = at;
    e.grant = GRANT_ALL;
    assert_false(apply(&f, &e).refused);
    fixture_deinit(&f);
}

static void a_reaction_is_given_once(void **state)
{
    (void)state;
    static struct fixture f;
    struct word_space space;
    fixture_init(&f, 1);
    const uint64_t at = say(&f, 0, "1");
    assert_false(change(&f, 0, ENTRY_REACT, at, "+").refused);
    struct entry e = by(1, ENTRY_REACT);
    e.about = at;
    e.change = (struct change){.reaction = STR("+"), .on = true};
    const uint64_t second = f.log.head + 1;
    assert_false(apply(&f, &e).refused);
    assert_int_equal(e.change.count, 2); // as it is told
    assert_int_equal(words_mark(&f.log, words_find(&f.log, at), STR("bob"), STR("+")), second);
    assert_false(change(&f, 1, ENTRY_REACT, at, "+").refused); // another node has not seen the first one
    struct entry m = now(&f, at, &space);
    assert_int_equal(m.fate->reactions_n, 1);
    assert_int_equal(m.fate->reactions[0].count, 2);
    e = by(0, ENTRY_REACT);
    e.about = at;
    e.change = (struct change){.reaction = STR("-"), .on = false};
    assert_false(apply(&f, &e).refused); // there is none to take back
    m = now(&f, at, &space);
    assert_true(m.fate->reactions_n == 1 && m.fate->reactions[0].count == 2);
    fixture_deinit(&f);
}

// What memory does not allow has not been: nothing is half done.
static void without_memory_nothing_has_changed(void **state)
{
    (void)state;
    static struct fixture f;
    for (uint64_t fails = 1; fails < 12; fails++) {
        fixture_init(&f, 1);
        const uint64_t at = say(&f, 0, "\"words\"");
        struct entry e = by(1, ENTRY_REACT);
        struct verdict v;
        e.about = at;
        e.change = (struct change){.reaction = STR("+"), .on = true};
        f.t.fail_at = fails;
        enum err applied =
            apply_record(&f.made, at + 1, &e, NULL, &(struct live_tools){.scratch = &f.scratch}, &v);
        f.t.fail_at = 0;
        log_check(&f.log);
        assert_true(applied == OK || (f.log.head == at && f.log.words == NULL));
        fixture_deinit(&f);
    }
}

// --- by dice

static void note_change(struct said *m, const struct entry *e)
{
    if (e->type == ENTRY_DELETE) {
        m->deleted = true;
    } else if (e->type == ENTRY_EDIT) {
        memcpy(m->text, e->data.p, e->data.n);
        m->text[e->data.n] = '\0';
        m->version = e->offset;
    } else {
        for (int p = 0; p < PEOPLE; p++)
            for (int k = 0; k < KINDS; k++)
                if (str_eq(e->user, str_from_cstr(people[p])) &&
                    str_eq(e->change.reaction, str_from_cstr(reactions[k])))
                    m->reacted[p][k] = e->change.on;
    }
}

static void step(struct fixture *f, char text[TEXT])
{
    const uint64_t head = f->log.head, dice = prng_below(&f->dice, 10);
    const uint64_t about = head == 0 ? 0 : f->log.tail + prng_below(&f->dice, head + 1 - f->log.tail);
    struct entry e = by((int)prng_below(&f->dice, PEOPLE), ENTRY_MESSAGE);
    e.grant = GRANT_ALL;
    snprintf(text, TEXT, "\"w%llu-%u\"", (unsigned long long)(head + 1),
             (unsigned)prng_below(&f->dice, 100000));
    e.data = str_from_cstr(text);
    if (about != 0 && f->all[about].message && dice > 3) {
        e.type = dice < 6 ? ENTRY_EDIT : dice == 6 ? ENTRY_DELETE : ENTRY_REACT;
        e.about = about;
        e.change.on = prng_below(&f->dice, 3) != 0;
        if (e.type == ENTRY_REACT)
            e.change.reaction = str_from_cstr(reactions[prng_below(&f->dice, KINDS)]);
        else
            e.change.on = false;
        if (e.type != ENTRY_EDIT)
            e.data = STR_NONE;
    } else if (about != 0 && dice == 0) {
        e.about = about;
    }
    const struct entry proposed = e;
    const bool deleted = e.about != 0 && f->all[e.about].deleted;
    const struct verdict v = apply(f, &e);
    if (entry_about(proposed.type) && !v.refused)
        note_change(&f->all[proposed.about], &e);
    if (entry_about(proposed.type) && deleted)
        assert_true(v.why == DENIED_DELETED);
    if (proposed.type != ENTRY_MESSAGE)
        return;
    struct said *m = &f->all[f->log.head];
    *m = (struct said){.message = true, .about = proposed.about};
    memcpy(m->text, text, TEXT);
    if (proposed.about != 0 && f->all[proposed.about].message)
        f->all[proposed.about].replies++;
}

static void compare(const struct fixture *f, uint64_t offset)
{
    const struct said *m = &f->all[offset];
    struct word_space space;
    const struct entry e = now(f, offset, &space);
    if (!m->message)
        return;
    const struct fate nothing = {.deleted = false}, *fate = e.fate != NULL ? e.fate : &nothing;
    assert_int_equal(fate->deleted, m->deleted);
    assert_int_equal(fate->replies, m->replies);
    assert_int_equal(e.about, m->about);
    if (!m->deleted) {
        assert_str_eq(e.data, str_from_cstr(m->text));
        assert_int_equal(fate->version, m->version);
    } else {
        assert_int_equal(e.data.n, 0);
    }
    for (int k = 0; k < KINDS; k++) {
        uint32_t wanted = 0, told = 0;
        for (int p = 0; p < PEOPLE; p++)
            wanted += m->reacted[p][k];
        for (uint32_t i = 0; i < fate->reactions_n; i++)
            if (str_eq(fate->reactions[i].reaction, str_from_cstr(reactions[k])))
                told = fate->reactions[i].count;
        assert_int_equal(told, wanted);
    }
}

static void by_dice_they_are_what_they_were_made(void **state)
{
    (void)state;
    static struct fixture f;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        fixture_init(&f, seed);
        const struct log_limits limits = {20 + (uint32_t)prng_below(&f.dice, 200), UINT32_MAX, UINT32_MAX};
        for (int i = 0; i < MOST; i++) {
            char text[TEXT], was[TEXT];
            const struct said *m = &f.all[1 + prng_below(&f.dice, f.log.head + 1)];
            memcpy(was, m->text, TEXT);
            const uint64_t version = m->version;
            const bool deleted = m->deleted;
            step(&f, text);
            if (m->message && was[0] != '\0' && (m->version != version || m->deleted != deleted))
                assert_false(anywhere(&f, was));
            log_trim(&f.log, &limits, f.log.head, 1000 + f.log.head);
            log_check(&f.log);
            if (i % 20 == 0)
                for (uint64_t o = f.log.tail; o <= f.log.head; o++)
                    compare(&f, o);
        }
        while (log_shed(&f.log, f.log.head) != 0)
            log_check(&f.log);
        for (int i = 0; i < WORD_JUDGED; i++) { // what became of those that are gone is remembered so long
            say(&f, 0, "1");
            log_trim(&f.log, &limits, f.log.head, 1000 + f.log.head);
        }
        assert_null(f.log.words);
        fixture_deinit(&f);
    }
}

// Applied again, as it lies in the log: what is erased stays so, and all is as it was.
static void the_log_makes_it_anew(void **state)
{
    (void)state;
    static struct fixture f, again;
    fixture_init(&f, 7);
    fixture_init(&again, 7);
    for (int i = 0; i < 200; i++) {
        char text[TEXT];
        step(&f, text);
    }
    for (uint64_t o = 1; o <= f.log.head; o++) {
        struct entry e;
        struct verdict v;
        log_entry(&f.log, o, STR("r"), &e);
        assert_int_equal(
            apply_record(&again.made, o, &e, NULL, &(struct live_tools){.scratch = &again.scratch}, &v), OK);
    }
    memcpy(again.all, f.all, sizeof f.all);
    for (uint64_t o = 1; o <= f.log.head; o++) {
        assert_str_eq(log_record(&again.log, o), log_record(&f.log, o));
        compare(&again, o);
    }
    fixture_deinit(&f);
    fixture_deinit(&again);
}

// The records of another node, of which the newest were lost with it: what they took away is not there again.
static void what_took_words_away_may_be_lost(void **state)
{
    (void)state;
    static struct fixture f;
    struct word_space space;
    fixture_init(&f, 1);
    const uint64_t at = say(&f, 0, "\"a secret\"");
    log_erase(&f.log, at);
    assert_true(now(&f, at, &space).fate->deleted);
    assert_false(change(&f, 1, ENTRY_REACT, at, "+").refused);
    const struct entry e = now(&f, at, &space);
    assert_true(e.fate->deleted && e.fate->reactions_n == 1);

    // Of one that was edited it is the words of the edit that are gone.
    const uint64_t other = say(&f, 0, "\"helo\"");
    assert_false(change(&f, 0, ENTRY_EDIT, other, "\"another secret\"").refused);
    assert_false(now(&f, other, &space).fate->deleted);
    log_erase(&f.log, f.log.head);
    const struct entry edited = now(&f, other, &space);
    assert_true(edited.fate->deleted && edited.data.n == 0);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_what_it_says),
        cmocka_unit_test(of_another_version_it_is_refused),
        cmocka_unit_test(who_begins_late_comes_to_the_same),
        cmocka_unit_test(what_is_deleted_is_nowhere),
        cmocka_unit_test(others_words_are_those_of_who_is_below),
        cmocka_unit_test(a_reaction_is_given_once),
        cmocka_unit_test(without_memory_nothing_has_changed),
        cmocka_unit_test(by_dice_they_are_what_they_were_made),
        cmocka_unit_test(the_log_makes_it_anew),
        cmocka_unit_test(what_took_words_away_may_be_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
