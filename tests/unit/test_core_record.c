// SPDX-License-Identifier: Apache-2.0
//
// The portable form of records (docs/protocol/record.md): what goes in comes out, the bytes are those of the document, and
// what is no record is refused by its name.
#include "base/limits.h"
#include "base/prng.h"
#include "core/common/invitation.h"
#include "core/log/record.h"
#include "unit/support.h"

static char text[1400];

static str some(struct prng *dice, size_t max)
{
    return str_make(text + prng_below(dice, 100), prng_below(dice, 3) == 0 ? 0 : prng_below(dice, max + 1));
}

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct buf b;
    struct prng dice;
};

static void fixture_init(struct fixture *f)
{
    test_mem_init(&f->t, &f->mem);
    buf_init(&f->b, &f->mem, 0);
    prng_init(&f->dice, 11);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)prng_next(&f->dice); // NULs and all
}

static void fixture_deinit(struct fixture *f)
{
    buf_deinit(&f->b);
    test_mem_check(&f->t);
}

static str encoded(struct fixture *f, const struct entry *e)
{
    buf_reset(&f->b, SIZE_MAX);
    record_encode(&f->b, e);
    assert_true(buf_ok(&f->b));
    return buf_str(&f->b);
}

static void make_decree(struct fixture *f, struct entry *e)
{
    e->type = (enum entry_type)(ENTRY_ROLE + prng_below(&f->dice, ENTRY_READONLY - ENTRY_ROLE + 1));
    e->key = STR_NONE;
    e->key_window_ms = e->key_count = 0;
    if (e->type < ENTRY_SLOW) {
        e->decree.target = str_make(text, 1 + prng_below(&f->dice, USER_ID_MAX));
        e->decree.target_name = some(&f->dice, USER_NAME_MAX);
    }
    e->decree.span_ms = prng_next(&f->dice);
    if (e->type == ENTRY_ROLE) {
        e->decree.role = (enum role)prng_below(&f->dice, ROLE_COUNT);
        e->decree.first = prng_below(&f->dice, 2) == 0;
    }
    e->decree.on = e->type == ENTRY_READONLY && prng_below(&f->dice, 2) == 0;
}

// The id of some invitation; and what is said of it.
static void make_invitation(struct fixture *f, struct entry *e)
{
    static const char *const ids[] = {"AbCd1234", "--------", "_9_9_9_9"};
    static char hash[INVITATION_HASH];
    e->type = (enum entry_type)(ENTRY_INVITE + prng_below(&f->dice, 3));
    e->key = STR_NONE;
    e->key_window_ms = e->key_count = 0;
    e->invitation.id = str_from_cstr(ids[prng_below(&f->dice, ARRAY_LEN(ids))]);
    for (size_t i = 0; i < sizeof hash; i++)
        hash[i] = (char)prng_next(&f->dice);
    if (e->type != ENTRY_UNINVITE) {
        e->invitation.hash = str_make(hash, sizeof hash);
        e->decree.role = (enum role)prng_below(&f->dice, ROLE_COUNT);
    }
    if (e->type == ENTRY_ADMIT) {
        e->decree.target = str_make(text, 1 + prng_below(&f->dice, USER_ID_MAX));
        e->decree.target_name = some(&f->dice, USER_NAME_MAX);
    }
    if (e->type != ENTRY_INVITE)
        return;
    e->invitation.uses = 1 + (uint32_t)prng_below(&f->dice, INVITATION_USES_MAX);
    e->invitation.max = 1 + (uint32_t)prng_below(&f->dice, INVITATIONS_CEILING);
    e->decree.span_ms = 1 + prng_next(&f->dice) / 2;
}

static void make_change(struct fixture *f, struct entry *e)
{
    e->type = (enum entry_type)(ENTRY_STATE + prng_below(&f->dice, ENTRY_REACT - ENTRY_STATE + 1));
    e->key = STR_NONE;
    e->key_window_ms = e->key_count = 0;
    e->about = entry_about(e->type) ? 1 + prng_next(&f->dice) / 2 : 0;
    if (e->type == ENTRY_STATE || e->type == ENTRY_EDIT)
        e->change.version = prng_next(&f->dice);
    if (e->type == ENTRY_EDIT || e->type == ENTRY_DELETE)
        e->change.author = some(&f->dice, USER_ID_MAX);
    if (e->type != ENTRY_REACT)
        return;
    e->change.reaction = str_make(text, 1 + prng_below(&f->dice, REACTION_MAX));
    e->change.on = prng_below(&f->dice, 2) == 0;
}

// What a message alone may have; and what it said is gone from one in eight, from edits, too.
static void make_more(struct fixture *f, struct entry *e)
{
    if (e->type == ENTRY_MESSAGE) {
        e->about = prng_below(&f->dice, 2) == 0 ? 0 : 1 + prng_next(&f->dice) / 2;
        e->conflate = some(&f->dice, CONFLATE_KEY_MAX);
    }
    if ((e->type == ENTRY_MESSAGE || e->type == ENTRY_EDIT) && prng_below(&f->dice, 8) == 0) {
        e->data = STR_NONE;
        e->erased = (uint32_t)(1 + prng_below(&f->dice, 200));
    }
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int round = 0; round < 2000; round++) {
        struct entry e = {.type = ENTRY_MESSAGE,
                          .time_ms = prng_next(&f.dice),
                          .steady_ms = prng_next(&f.dice),
                          .user = some(&f.dice, USER_ID_MAX),
                          .session = some(&f.dice, SESSION_ID_LEN),
                          .name = some(&f.dice, USER_NAME_MAX),
                          .data = some(&f.dice, 400),
                          .key = some(&f.dice, MESSAGE_KEY_MAX)};
        if (e.key.n != 0) {
            e.key_window_ms = (uint32_t)prng_next(&f.dice);
            e.key_count = (uint32_t)prng_next(&f.dice);
        }
        e.info = some(&f.dice, USER_INFO_MAX);
        e.rule_role = (enum role)prng_below(&f.dice, ROLE_COUNT);
        e.grant = prng_below(&f.dice, 2) == 0 ? 0 : (uint32_t)prng_next(&f.dice);
        if (round % 10 == 0)
            e = (struct entry){.type = ENTRY_VOID, .time_ms = e.time_ms, .steady_ms = e.steady_ms};
        else if (round % 10 < 4)
            make_decree(&f, &e);
        else if (round % 10 < 7)
            make_change(&f, &e);
        else if (round % 10 == 7)
            make_invitation(&f, &e);
        make_more(&f, &e);
        str bytes = encoded(&f, &e);
        struct entry back;
        memset(&back, 0xee, sizeof back);
        assert_int_equal(record_decode(bytes, &back), RECORD_OK);
        assert_int_equal(record_type(bytes), e.type);
        assert_int_equal(record_steady(bytes), e.steady_ms);
        assert_int_equal(back.type, e.type);
        assert_int_equal(back.time_ms, e.time_ms);
        assert_int_equal(back.steady_ms, e.steady_ms);
        assert_str_eq(back.key, e.key);
        assert_int_equal(back.key_window_ms, e.key_window_ms);
        assert_int_equal(back.key_count, e.key_count);
        assert_str_eq(back.user, e.user);
        assert_str_eq(back.session, e.session);
        assert_str_eq(back.name, e.name);
        assert_str_eq(back.data, e.data);
        assert_str_eq(back.info, e.info);
        assert_int_equal(back.rule_role, e.rule_role);
        assert_int_equal(back.grant, e.grant);
        assert_str_eq(back.decree.target, e.decree.target);
        assert_str_eq(back.decree.target_name, e.decree.target_name);
        assert_true(back.decree.span_ms == e.decree.span_ms && back.decree.role == e.decree.role &&
                    back.decree.on == e.decree.on && back.decree.first == e.decree.first);
        assert_str_eq(back.invitation.id, e.invitation.id);
        assert_str_eq(back.invitation.hash, e.invitation.hash);
        assert_true(back.invitation.uses == e.invitation.uses && back.invitation.max == e.invitation.max);
        assert_true(back.about == e.about && back.erased == e.erased);
        assert_str_eq(back.conflate, e.conflate);
        assert_str_eq(back.change.author, e.change.author);
        assert_str_eq(back.change.reaction, e.change.reaction);
        assert_true(back.change.version == e.change.version && back.change.on == e.change.on);
        str last = e.key.n != 0 ? back.key : back.data;
        if (e.type == ENTRY_MESSAGE && e.grant == 0 && e.info.n == 0 && e.about == 0 && e.conflate.n == 0)
            assert_true(last.n == 0 || last.p + last.n == bytes.p + bytes.n); // borrows, to the last byte
    }
    fixture_deinit(&f);
}

// The examples of the document: another program, on a machine of another byte order, must come to the same.
static void the_bytes_are_those_of_the_document(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {
        5,    1,    2,    3,    3,    2,    1,    0,    // version, type, lengths, a member, no grant
        4,    0,    0,    0,                            // bytes of data
        0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // time
        0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // steady time
        'u',  '1',  's',  'e',  's',  'A',  'd',  'a',  '"', 'h',
        'i',  '"',  0xe0, 0x93, 0x04, 0,    0xe8, 0x03, 0,   0, // the key's window and count
        'k',  '7'};
    static const uint8_t nothing[] = {5,    2,    0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00,
                                      0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00};
    static const uint8_t muted[] = {
        5,    7,    2,    3,    3,    0,    1,    1,    // a mute, with a grant
        4,    0,    0,    0,                            // bytes of the reason
        0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // time
        0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // steady time
        'u',  '1',  's',  'e',  's',  'A',  'd',  'a',  's', 'p', 'a', 'm', 0x01, 0x10, 0, 0, // the grant
        2,    3,    0,    0,    0xc0, 0x27, 0x09, 0,    0,   0,   0,   0, // target, name, nothing, 600,000 ms
        'u',  '2',  'B',  'o',  'b'};
    static const uint8_t shown[] = {5,    1,    2,    3,    3,    0,    1,    2,    // a message, with info
                                    4,    0,    0,    0,                            // bytes of data
                                    0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // time
                                    0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00, // steady time
                                    'u',  '1',  's',  'e',  's',  'A',  'd',  'a',  '"', 'h', 'i',
                                    '"',  7,    0,    '{',  '"',  'a',  '"',  ':',  '1', '}'};
    static const uint8_t invited[] = {
        5,    17,   2,    3,    3,    0,    1,    0,                      // an invitation
        0,    0,    0,    0,                                              // no data
        0x0,  0xf4, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00,                   // time
        0xe8, 0xf3, 0xf8, 0xf7, 0xa1, 0x01, 0x00, 0x00,                   // steady time
        'u',  '1',  's',  'e',  's',  'A',  'd',  'a',  0,   0,   1,   0, // nobody, a member
        0xc0, 0x27, 0x09, 0,    0,    0,    0,    0,                      // 600,000 ms
        'A',  'b',  'C',  'd',  '1',  '2',  '3',  '4',  3,   0,   100, 0, // its id, three times, one of a hundred
        'h',  'h',  'h',  'h',  'h',  'h',  'h',  'h',  'h', 'h', 'h', 'h', 'h', 'h', 'h', 'h',
        'h',  'h',  'h',  'h',  'h',  'h',  'h',  'h',  'h', 'h', 'h', 'h', 'h', 'h', 'h', 'h'};
    struct fixture f;
    fixture_init(&f);
    struct entry e = {.type = ENTRY_MESSAGE,
                      .time_ms = 1795161650176,
                      .steady_ms = 1795161650152,
                      .user = STR("u1"),
                      .session = STR("ses"),
                      .name = STR("Ada"),
                      .data = STR("\"hi\""),
                      .key = STR("k7"),
                      .key_window_ms = 300000,
                      .key_count = 1000,
                      .rule_role = ROLE_MEMBER};
    str bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof wanted);
    assert_memory_equal(bytes.p, wanted, sizeof wanted);
    e.key = STR_NONE;
    e.info = STR("{\"a\":1}");
    bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof shown);
    assert_memory_equal(bytes.p, shown, sizeof shown);
    e.type = ENTRY_MUTE;
    e.info = STR_NONE;
    e.data = STR("spam");
    e.grant = 0x1001;
    e.decree = (struct decree){.target = STR("u2"), .target_name = STR("Bob"), .span_ms = 600000};
    bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof muted);
    assert_memory_equal(bytes.p, muted, sizeof muted);
    e.type = ENTRY_INVITE;
    e.data = STR_NONE;
    e.grant = 0;
    e.decree = (struct decree){.role = ROLE_MEMBER, .span_ms = 600000};
    e.invitation =
        (struct invitation){STR("AbCd1234"), STR("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"), .uses = 3, .max = 100};
    bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof invited);
    assert_memory_equal(bytes.p, invited, sizeof invited);
    e = (struct entry){.type = ENTRY_VOID, .time_ms = e.time_ms, .steady_ms = e.steady_ms};
    bytes = encoded(&f, &e);
    assert_int_equal(bytes.n, sizeof nothing);
    assert_memory_equal(bytes.p, nothing, sizeof nothing);
    fixture_deinit(&f);
}

struct damage {
    size_t at;
    uint8_t value;
    enum record_verdict verdict;
};

static void all_are_refused(str good, const struct damage *changes, size_t n)
{
    struct entry back;
    char bytes[96];
    for (size_t k = 0; k < good.n; k++)
        assert_int_equal(record_decode(str_take(good, k), &back), RECORD_BROKEN); // cut anywhere
    memcpy(bytes, good.p, good.n);
    assert_int_equal(record_decode(str_make(bytes, good.n + 1), &back), RECORD_BROKEN);
    for (size_t i = 0; i < n; i++) {
        memcpy(bytes, good.p, good.n);
        bytes[changes[i].at] = (char)changes[i].value;
        assert_int_equal(record_decode(str_make(bytes, good.n), &back), changes[i].verdict);
    }
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct entry e = {.type = ENTRY_MESSAGE, .user = STR("u"), .name = STR("n"), .data = STR("123")};
    static const struct damage message[] = {
        {0, 0, RECORD_BROKEN},
        {0, RECORD_VERSION + 1, RECORD_NEWER},
        {0, 255, RECORD_NEWER},
        {1, 0, RECORD_TYPE},
        {1, 2, RECORD_BROKEN},
        {1, 3, RECORD_BROKEN},
        {1, ENTRY_CREATE + 1, RECORD_TYPE},
        {1, ENTRY_CREATE, RECORD_BROKEN},
        {1, ENTRY_INVITE, RECORD_BROKEN},
        {1, ENTRY_STATE, RECORD_BROKEN},
        {1, ENTRY_EDIT, RECORD_BROKEN},
        {7, 4, RECORD_BROKEN},
        {7, 8, RECORD_BROKEN},
        {7, 16, RECORD_BROKEN},
        {7, 32, RECORD_BROKEN},
        {1, 128, RECORD_TYPE},
        {2, 2, RECORD_BROKEN},
        {2, 65, RECORD_BROKEN},
        {3, 23, RECORD_BROKEN},
        {4, 65, RECORD_BROKEN},
        {5, 1, RECORD_BROKEN},
        {6, 4, RECORD_BROKEN},
        {7, 1, RECORD_BROKEN},
        {7, 2, RECORD_BROKEN},
        {7, 255, RECORD_BROKEN},
        {8, 255, RECORD_BROKEN},
        {11, 255, RECORD_BROKEN},
    };
    enum { PART = RECORD_HEAD + 5 }; // of the decree
    static const struct damage role[] = {
        {0, 1, RECORD_TYPE}, // the first version had none
        {5, 1, RECORD_BROKEN},
        {PART + 0, 0, RECORD_BROKEN},
        {PART + 0, 65, RECORD_BROKEN},
        {PART + 1, 65, RECORD_BROKEN},
        {PART + 2, ROLE_COUNT, RECORD_BROKEN},
        {PART + 3, 2, RECORD_BROKEN},
        {1, ENTRY_KICK, RECORD_BROKEN}, // it has no role
        {1, ENTRY_SLOW, RECORD_BROKEN}, // it is about nobody
        {1, ENTRY_READONLY, RECORD_BROKEN},
    };
    static const struct damage readonly[] = {{PART + 2, 2, RECORD_BROKEN},
                                             {PART + 0, 1, RECORD_BROKEN},
                                             {1, ENTRY_SLOW, RECORD_BROKEN},
                                             {1, ENTRY_KICK, RECORD_BROKEN}};
    fixture_init(&f);
    all_are_refused(encoded(&f, &e), message, ARRAY_LEN(message));
    e.type = ENTRY_ROLE;
    e.decree = (struct decree){.target = STR("t"), .role = ROLE_HOST};
    all_are_refused(encoded(&f, &e), role, ARRAY_LEN(role));
    e.type = ENTRY_READONLY;
    e.decree = (struct decree){.on = true};
    all_are_refused(encoded(&f, &e), readonly, ARRAY_LEN(readonly));
    static const struct damage slow[] = {{1, ENTRY_KICK, RECORD_BROKEN}},
                               kick[] = {{1, ENTRY_SLOW, RECORD_BROKEN}};
    e.type = ENTRY_SLOW;
    e.decree = (struct decree){.span_ms = 5};
    all_are_refused(encoded(&f, &e), slow, ARRAY_LEN(slow)); // about nobody
    e.type = ENTRY_KICK;
    e.decree = (struct decree){.target = STR("t")};
    all_are_refused(encoded(&f, &e), kick, ARRAY_LEN(kick)); // of the room
    assert_string_equal(record_verdict_text(RECORD_NEWER), "is of a newer version than this program knows");
    for (int v = RECORD_OK; v <= RECORD_BROKEN; v++)
        assert_true(strlen(record_verdict_text((enum record_verdict)v)) > 5);
    fixture_deinit(&f);
}

// The part that says of an invitation.
static void what_is_no_invitation_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    enum { ROLE_AT = RECORD_HEAD + 3, PART = RECORD_HEAD + 1 + RECORD_DECREE_HEAD };
    const str hash = STR("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh");
    struct entry e = {.type = ENTRY_INVITE,
                      .user = STR("u"),
                      .decree = {.role = ROLE_HOST, .span_ms = 7},
                      .invitation = {STR("AbCd1234"), hash, .uses = 3, .max = 100}};
    static const struct damage made[] = {
        {0, 3, RECORD_TYPE},
        {1, ENTRY_UNINVITE, RECORD_BROKEN},
        {1, ENTRY_ADMIT, RECORD_BROKEN},
        {ROLE_AT, ROLE_COUNT, RECORD_BROKEN},
        {ROLE_AT + 1, 1, RECORD_BROKEN}, // not the first one of anything
        {ROLE_AT + 2, 0, RECORD_BROKEN}, // without an end
        {PART, '.', RECORD_BROKEN},
        {PART + 7, 0, RECORD_BROKEN},
        {PART + 8, 0, RECORD_BROKEN},
        {PART + 9, 255, RECORD_BROKEN},
        {PART + 10, 0, RECORD_BROKEN},
        {PART + 11, 255, RECORD_BROKEN},
    };
    all_are_refused(encoded(&f, &e), made, ARRAY_LEN(made));
    e.type = ENTRY_UNINVITE;
    e.decree = (struct decree){.role = ROLE_GUEST};
    e.invitation = (struct invitation){.id = STR("AbCd1234")};
    static const struct damage ended[] = {{1, ENTRY_INVITE, RECORD_BROKEN},
                                          {PART + 8, 1, RECORD_BROKEN},
                                          {PART + 10, 1, RECORD_BROKEN},
                                          {PART + 12, 1, RECORD_BROKEN},
                                          {PART + 43, 1, RECORD_BROKEN}};
    all_are_refused(encoded(&f, &e), ended, ARRAY_LEN(ended));
    e.type = ENTRY_ADMIT;
    e.decree = (struct decree){.role = ROLE_HOST, .target = STR("u")};
    e.invitation = (struct invitation){.id = STR("AbCd1234"), .hash = hash};
    static const struct damage used[] = {
        {1, ENTRY_INVITE, RECORD_BROKEN}, {PART + 1 + 8, 1, RECORD_BROKEN}, {ROLE_AT + 2, 1, RECORD_BROKEN}};
    all_are_refused(encoded(&f, &e), used, ARRAY_LEN(used));
    fixture_deinit(&f);
}

// The parts that say what is changed, each byte of which means something.
static void what_is_no_change_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    enum { ABOUT = RECORD_HEAD + 4, PART = ABOUT + RECORD_ABOUT };
    struct entry e = {.type = ENTRY_EDIT,
                      .user = STR("u"),
                      .data = STR("123"),
                      .about = 7,
                      .change = {.version = 9, .author = STR("u")}};
    static const struct damage edit[] = {
        {0, 3, RECORD_TYPE},
        {1, ENTRY_DELETE, RECORD_BROKEN},
        {1, ENTRY_REACT, RECORD_BROKEN},
        {1, ENTRY_STATE, RECORD_BROKEN},
        {5, 1, RECORD_BROKEN},
        {7, 0, RECORD_BROKEN},
        {7, 16 + 4, RECORD_BROKEN}, // it is not erased
        {ABOUT, 0, RECORD_BROKEN},
        {PART + 8, 2, RECORD_BROKEN},
        {PART + 8, 65, RECORD_BROKEN},
        {PART + 9, 1, RECORD_BROKEN},
        {PART + 10, 1, RECORD_BROKEN},
        {PART + 11, 1, RECORD_BROKEN},
    };
    all_are_refused(encoded(&f, &e), edit, ARRAY_LEN(edit));
    e.type = ENTRY_REACT;
    e.change = (struct change){.reaction = STR("+"), .on = true};
    static const struct damage react[] = {
        {1, ENTRY_EDIT, RECORD_BROKEN}, {PART + 0, 1, RECORD_BROKEN},  {PART + 8, 1, RECORD_BROKEN},
        {PART + 9, 0, RECORD_BROKEN},   {PART + 10, 2, RECORD_BROKEN}, {PART + 11, 1, RECORD_BROKEN},
    };
    all_are_refused(encoded(&f, &e), react, ARRAY_LEN(react));
    fixture_deinit(&f);
}

// Where it lies: what was said is not there any more, and all else is as it was.
static void what_is_erased_is_gone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct entry e = {.type = ENTRY_MESSAGE,
                      .user = STR("u"),
                      .name = STR("n"),
                      .data = STR("\"secret\""),
                      .key = STR("k"),
                      .about = 3,
                      .conflate = STR("c")},
                 back;
    str bytes = encoded(&f, &e);
    char copy[128];
    memcpy(copy, bytes.p, bytes.n);
    record_erase(copy, bytes.n);
    for (size_t i = 0; i + 6 <= bytes.n; i++)
        assert_true(memcmp(copy + i, "secret", 6) != 0);
    assert_int_equal(record_decode(str_make(copy, bytes.n), &back), RECORD_OK);
    assert_int_equal(back.erased, 8);
    assert_int_equal(back.data.n, 0);
    assert_str_eq(back.key, e.key);
    assert_str_eq(back.conflate, e.conflate);
    assert_int_equal(back.about, 3);
    copy[RECORD_HEAD + 2] = 1; // something is left
    assert_int_equal(record_decode(str_make(copy, bytes.n), &back), RECORD_BROKEN);
    fixture_deinit(&f);
}

// What the first version wrote is read for ever: messages by who may speak, and void ones.
static void the_first_version_is_read(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct entry e = {.type = ENTRY_MESSAGE,
                      .user = STR("u"),
                      .data = STR("123"),
                      .time_ms = 5,
                      .steady_ms = 6},
                 back;
    for (int i = 0; i < 2; i++) {
        char bytes[64];
        str now = encoded(&f, &e);
        memcpy(bytes, now.p, now.n);
        bytes[0] = 1;
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_OK);
        assert_int_equal(back.type, e.type);
        assert_int_equal(back.rule_role, e.type == ENTRY_MESSAGE ? ROLE_MEMBER : ROLE_GUEST);
        assert_int_equal(back.grant, 0);
        assert_true(back.time_ms == 5 && back.steady_ms == 6);
        assert_str_eq(back.data, e.data);
        bytes[6] = 1;
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_BROKEN);
        bytes[6] = 0;
        bytes[7] = 1;
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_BROKEN);
        e = (struct entry){.type = ENTRY_VOID, .time_ms = 5, .steady_ms = 6};
    }
    fixture_deinit(&f);
}

// The second one knew no info, and wrote the rest as it is written now.
static void the_second_version_is_read(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct entry e = {.type = ENTRY_BAN, .user = STR("u"), .grant = 7, .decree = {.target = STR("t")}}, back;
    char bytes[64];
    str now = encoded(&f, &e);
    memcpy(bytes, now.p, now.n);
    bytes[0] = 2;
    assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_OK);
    assert_int_equal(back.grant, 7);
    assert_str_eq(back.decree.target, STR("t"));
    assert_int_equal(back.info.n, 0);
    e.info = STR("1");
    now = encoded(&f, &e);
    memcpy(bytes, now.p, now.n);
    bytes[0] = 2;
    assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_BROKEN);
    fixture_deinit(&f);
}

// The fourth one knew no data that are bytes, and no program that wrote it could make any.
static void a_datum_is_of_the_fifth_version(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    static const char wanted[] = "\0\3a/b\xff";
    struct entry e = {.type = ENTRY_MESSAGE,
                      .user = STR("u1"),
                      .session = STR("ses"),
                      .name = STR("Ada"),
                      .rule_role = ROLE_MEMBER,
                      .data = str_make(wanted, sizeof wanted)}, // with the zero behind it: ff 00
        back;
    char bytes[64];
    for (int edit = 0; edit < 2; edit++) {
        str now = encoded(&f, &e);
        memcpy(bytes, now.p, now.n);
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_OK);
        assert_str_eq(back.data, e.data);
        bytes[0] = 4;
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_BROKEN);
        bytes[0] = RECORD_VERSION;
        for (char n = 0; n < 8; n++) { // another length of the content type
            bytes[RECORD_HEAD + 8 + 1] = n;
            assert_int_equal(record_decode(str_make(bytes, now.n), &back) == RECORD_OK, n == 3);
        }
        bytes[RECORD_HEAD + 8 + 1] = 3;
        bytes[RECORD_HEAD + 8 + 3] = ' '; // no slash
        assert_int_equal(record_decode(str_make(bytes, now.n), &back), RECORD_BROKEN);
        e.type = ENTRY_EDIT;
        e.about = 1;
    }
    // Of a reason nobody says that it begins with nothing: it is no data.
    e = (struct entry){.type = ENTRY_KICK, .data = STR("x"), .decree = {.target = STR("t")}};
    memcpy(bytes, encoded(&f, &e).p, encoded(&f, &e).n);
    bytes[0] = 4;
    assert_int_equal(record_decode(str_make(bytes, encoded(&f, &e).n), &back), RECORD_OK);
    fixture_deinit(&f);
}

// Info has its length in two bytes, from 1 to USER_INFO_MAX.
static void info_of_no_length_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    enum { INFO_AT = RECORD_HEAD + 4, INFO_N = 3 };
    struct entry e = {.type = ENTRY_MESSAGE, .user = STR("u"), .data = STR("123"), .info = STR("\"i\"")};
    static const struct damage message[] = {{INFO_AT, 0, RECORD_BROKEN}, {INFO_AT, 2, RECORD_BROKEN},
                                            {INFO_AT, 4, RECORD_BROKEN}, {INFO_AT + 1, 4, RECORD_BROKEN},
                                            {7, 0, RECORD_BROKEN},       {7, 3, RECORD_BROKEN},
                                            {7, 6, RECORD_BROKEN}};
    all_are_refused(encoded(&f, &e), message, ARRAY_LEN(message));
    char bytes[RECORD_HEAD + 4 + RECORD_INFO_HEAD];
    memcpy(bytes, encoded(&f, &e).p, sizeof bytes);
    bytes[INFO_AT] = 0;
    struct entry back;
    assert_int_equal(record_decode(str_make(bytes, sizeof bytes), &back),
                     RECORD_BROKEN); // it would be written as none
    fixture_deinit(&f);
}

static void encode_passing(void *arg) { record_encode(arg, &(struct entry){.type = ENTRY_MEMBER_JOINED}); }

static void who_comes_and_goes_is_no_record(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    assert_true(asserts(encode_passing, &f.b));
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(the_bytes_are_those_of_the_document),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(what_is_no_invitation_is_refused),
        cmocka_unit_test(what_is_no_change_is_refused),
        cmocka_unit_test(what_is_erased_is_gone),
        cmocka_unit_test(a_datum_is_of_the_fifth_version),
        cmocka_unit_test(the_first_version_is_read),
        cmocka_unit_test(the_second_version_is_read),
        cmocka_unit_test(info_of_no_length_is_refused),
        cmocka_unit_test(who_comes_and_goes_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
