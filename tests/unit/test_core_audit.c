// SPDX-License-Identifier: Apache-2.0
//
// The chain of the audit: what is written is found whole, and whatever else is done to it is found out: every byte that is changed,
// every line that is taken away, put in, moved or written anew.
#include "base/prng.h"
#include "core/audit/check.h"
#include "unit/support.h"

#include <stdio.h>

enum { LINES_MAX = 64 };

static const struct audit_key no_key = {.n = 0};

static struct audit_key a_key(void)
{
    static const char text[] = "a key of an operator";
    struct audit_key key = {.n = sizeof text - 1};
    memcpy(key.bytes, text, key.n);
    return key;
}

// A file in memory, with where its lines are.
struct fixture {
    struct test_mem t;
    struct mem mem;
    struct buf line, file;
    struct audit_chain chain;
    struct prng dice;
    size_t at[LINES_MAX + 1]; // where they begin
    uint32_t n;
};

static void append(struct fixture *f, enum err made)
{
    assert_int_equal(made, OK);
    assert_true(f->n < LINES_MAX);
    buf_put_str(&f->file, buf_str(&f->line));
    audit_chain_advance(&f->chain);
    f->at[++f->n] = f->file.n;
}

static void head(struct fixture *f) { append(f, audit_chain_put_head(&f->chain, &f->line, 1795161600000)); }

static void fixture_init(struct fixture *f, const struct audit_key *key)
{
    static const uint8_t random[16] = {1, 2, 3};
    test_mem_init(&f->t, &f->mem);
    buf_init(&f->line, &f->mem, 0);
    buf_init(&f->file, &f->mem, 0);
    prng_init(&f->dice, 7);
    f->n = 0;
    f->at[0] = 0;
    audit_chain_init(&f->chain, key, random);
    head(f);
}

static void fixture_deinit(struct fixture *f)
{
    buf_deinit(&f->line);
    buf_deinit(&f->file);
    test_mem_check(&f->t);
}

static void event(struct fixture *f)
{
    const struct audit_event e = {.type = (enum audit_type)prng_below(&f->dice, AUDIT_TYPE_COUNT),
                                  .room = prng_below(&f->dice, 2) != 0 ? STR("caf\xc3\xa9 \"4\"") : STR_NONE,
                                  .user = STR("ann"),
                                  .session = STR("6DcOfBDdX3Erbu44qTdZ7Q"),
                                  .target = prng_below(&f->dice, 2) != 0 ? STR("bob") : STR_NONE,
                                  .reason = STR("\",\"hash\":\"\n{}"),
                                  .offset = prng_below(&f->dice, 3)};
    append(f,
           audit_chain_put(&f->chain, &f->line, 1795161600000 + f->n, (uint32_t)prng_below(&f->dice, 2), &e));
}

static void events(struct fixture *f, uint32_t n)
{
    while (n-- > 0)
        event(f);
}

// ---- checking

static enum audit_fault check_file(struct audit_check *c, str file)
{
    enum audit_fault fault = AUDIT_GOOD;
    audit_check_file(c);
    for (;;) {
        size_t end = str_find_char(file, '\n', 0);
        if (end == file.n)
            return audit_check_rest(c, file);
        if ((fault = audit_check_line(c, str_take(file, end))) != AUDIT_GOOD)
            return fault;
        file = str_skip(file, end + 1);
    }
}

static enum audit_fault check_expecting(str file, const struct audit_key *key, uint64_t seq, const char *hash)
{
    struct audit_check c;
    audit_check_init(&c, key);
    if (hash != NULL)
        audit_check_expect(&c, seq, hash);
    enum audit_fault fault = check_file(&c, file);
    return fault == AUDIT_GOOD ? audit_check_end(&c) : fault;
}

static enum audit_fault check(str file, const struct audit_key *key)
{
    return check_expecting(file, key, 0, NULL);
}

static str line_at(const struct fixture *f, uint32_t i) // with its LF
{
    return str_make(f->file.p + f->at[i], f->at[i + 1] - f->at[i]);
}

// Lines in an order of the test's, as a file.
static str put_together(struct buf *out, const struct fixture *f, const uint32_t *order, uint32_t n)
{
    buf_reset(out, SIZE_MAX);
    for (uint32_t i = 0; i < n; i++)
        buf_put_str(out, line_at(f, order[i]));
    return buf_str(out);
}

// ---- what is written

static void a_line_is_what_the_page_says(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, &no_key);
    const struct audit_event kick = {.type = AUDIT_KICK,
                                     .room = STR("lobby"),
                                     .epoch = STR("QD2JIrmSl_s"),
                                     .user = STR("ann"),
                                     .name = STR("Ann"),
                                     .session = STR("6DcOfBDdX3Erbu44qTdZ7Q"),
                                     .target = STR("bob"),
                                     .reason = STR("spam"),
                                     .offset = 7};
    append(&f, audit_chain_put(&f.chain, &f.line, 1795161600123, 1, &kick));
    static const char begins[] =
        "{\"seq\":2,\"time\":\"2026-11-20T08:00:00.123Z\",\"event\":\"kick\",\"shard\":1,\"room\":\"lobby\","
        "\"epoch\":\"QD2JIrmSl_s\",\"user\":\"ann\",\"name\":\"Ann\",\"session\":\"6DcOfBDdX3Erbu44qTdZ7Q\","
        "\"target\":\"bob\",\"reason\":\"spam\",\"offset\":7,\"prev\":\"";
    assert_true(str_starts(line_at(&f, 1), STR(begins)));
    struct audit_line head, l;
    assert_true(audit_line_parse(str_take(line_at(&f, 0), line_at(&f, 0).n - 1), &head));
    assert_true(audit_line_parse(str_take(line_at(&f, 1), line_at(&f, 1).n - 1), &l));
    assert_str_eq(l.prev, head.hash);
    // sha256 of everything in front of `,"hash":`
    uint8_t digest[SHA256_BYTES];
    char hex[AUDIT_HASH_HEX + 1];
    size_t n = line_at(&f, 1).n - (sizeof ",\"hash\":\"" - 1) - AUDIT_HASH_HEX - 3;
    assert_int_equal(digest_sha256(line_at(&f, 1).p, n, digest), OK);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_str_eq(l.hash, str_from_cstr(hex));
    fixture_deinit(&f);
}

static void nothing_makes_a_line_too_long_or_two(void **state)
{
    (void)state;
    struct fixture f;
    char worst[2 * AUDIT_TEXT_MAX];
    memset(worst, 1, sizeof worst);
    fixture_init(&f, &no_key);
    struct audit_event e = {.type = AUDIT_KICK, .offset = UINT64_MAX, .of = UINT64_MAX};
#define X(field) e.field = str_make(worst, sizeof worst);
    AUDIT_STRS(X)
#undef X
    append(&f, audit_chain_put(&f.chain, &f.line, UINT64_MAX, 63, &e));
    assert_true(line_at(&f, 1).n <= AUDIT_LINE_MAX);
    e = (struct audit_event){.type = AUDIT_KICK, .reason = STR("\xff\xfe no UTF-8")};
    append(&f, audit_chain_put(&f.chain, &f.line, 0, 0, &e));
    assert_int_equal(check(buf_str(&f.file), &no_key), AUDIT_GOOD);
    fixture_deinit(&f);
}

static void what_is_written_is_whole(void **state)
{
    (void)state;
    static const char started[] = "\"server\":\"0.1.0\",\"events\":[\"sessions\",\"rooms\"],\"prev\"";
    const struct audit_key keys[] = {no_key, a_key()};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        struct fixture f;
        fixture_init(&f, &keys[k]);
        append(&f, audit_chain_put_started(&f.chain, &f.line, 1, STR("0.1.0"), 0));
        append(&f, audit_chain_put_started(&f.chain, &f.line, 1, STR("0.1.0"), 5));
        assert_non_null(memmem(f.line.p, f.line.n, started, sizeof started - 1));
        events(&f, 20);
        append(&f, audit_chain_put_missing(&f.chain, &f.line, 1, 12, "queue full"));
        events(&f, 3);
        append(&f, audit_chain_put_note(&f.chain, &f.line, 1, "stopped"));
        struct audit_check c;
        audit_check_init(&c, &keys[k]);
        audit_check_expect(&c, f.chain.seq, f.chain.hash);
        assert_int_equal(check_file(&c, buf_str(&f.file)), AUDIT_GOOD);
        assert_int_equal(audit_check_end(&c), AUDIT_GOOD);
        assert_int_equal(c.lines, f.n);
        assert_int_equal(c.seq, f.chain.seq);
        assert_int_equal(c.missing, 12);
        assert_true(c.stopped && !c.rotated && c.torn == 0);
        fixture_deinit(&f);
    }
}

// ---- damage

static void every_byte_that_is_changed_is_found(void **state)
{
    (void)state;
    const struct audit_key keys[] = {no_key, a_key()};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        struct fixture f;
        fixture_init(&f, &keys[k]);
        events(&f, 4);
        append(&f, audit_chain_put_missing(&f.chain, &f.line, 1, 12, "queue full"));
        static const char flips[] = {1, 0x20, (char)0x80};
        for (size_t i = 0; i < f.file.n; i++)
            for (size_t b = 0; b < sizeof flips; b++) {
                f.file.p[i] = (char)(f.file.p[i] ^ flips[b]);
                if (check(buf_str(&f.file), &keys[k]) == AUDIT_GOOD)
                    fail_msg("byte %zu, changed by %02x, is not found", i, (uint8_t)flips[b]);
                f.file.p[i] = (char)(f.file.p[i] ^ flips[b]);
            }
        for (size_t i = 0; i < f.file.n; i++) { // and become a line end, which parts a line
            char was = f.file.p[i];
            f.file.p[i] = '\n';
            assert_true(was == '\n' || check(buf_str(&f.file), &keys[k]) != AUDIT_GOOD);
            f.file.p[i] = was;
        }
        assert_int_equal(check(buf_str(&f.file), &keys[k]), AUDIT_GOOD);
        fixture_deinit(&f);
    }
}

// Lines are counted from 1, and so are their numbers.
static void assert_jump(str file, uint64_t at, uint64_t got, uint64_t wanted)
{
    struct audit_check c;
    audit_check_init(&c, &no_key);
    assert_int_equal(check_file(&c, file), AUDIT_FAULT_JUMP);
    assert_int_equal(c.at, at);
    assert_int_equal(c.got, got);
    assert_int_equal(c.wanted, wanted);
}

static void every_line_that_is_gone_or_moved_is_found(void **state)
{
    (void)state;
    struct fixture f;
    struct buf out;
    uint32_t order[LINES_MAX + 1];
    fixture_init(&f, &no_key);
    events(&f, 12);
    buf_init(&out, &f.mem, 0);
    for (uint32_t gone = 0; gone < f.n; gone++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < f.n; i++)
            if (i != gone)
                order[n++] = i;
        str file = put_together(&out, &f, order, n);
        enum audit_fault fault = check(file, &no_key);
        if (gone == 0)
            assert_int_equal(fault, AUDIT_FAULT_NO_HEAD);
        else if (gone + 1 < f.n)
            assert_jump(file, gone + 1, gone + 2, gone + 1);
        else // nobody can tell, but who has its hash
            assert_int_equal(check_expecting(file, &no_key, f.chain.seq, f.chain.hash), AUDIT_FAULT_GONE);
    }
    for (uint32_t a = 0; a < f.n; a++)
        for (uint32_t b = a + 1; b < f.n; b++) {
            for (uint32_t i = 0; i < f.n; i++)
                order[i] = i == a ? b : i == b ? a : i;
            assert_int_not_equal(check(put_together(&out, &f, order, f.n), &no_key), AUDIT_GOOD);
        }
    for (uint32_t twice = 0; twice < f.n; twice++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < f.n; i++) {
            order[n++] = i;
            if (i == twice)
                order[n++] = i;
        }
        assert_int_not_equal(check(put_together(&out, &f, order, n), &no_key), AUDIT_GOOD);
    }
    buf_deinit(&out);
    fixture_deinit(&f);
}

// The line as somebody else would like it, with a hash that fits.
static void forge(struct fixture *f, uint32_t line, const struct audit_key *key, struct buf *out)
{
    buf_reset(out, SIZE_MAX);
    buf_put(out, f->file.p, f->at[line]);
    str was = line_at(f, line);
    struct audit_line l;
    assert_true(audit_line_parse(str_take(was, was.n - 1), &l));
    size_t from = out->n;
    buf_put_str(out, l.hashed);
    char *user = memmem(out->p + from, out->n - from, "\"ann\"", 5);
    assert_non_null(user);
    memcpy(user, "\"eve\"", 5);
    char hash[AUDIT_HASH_HEX];
    assert_int_equal(audit_hash(key, str_make(out->p + from, out->n - from), hash), OK);
    BUF_PUT_LIT(out, ",\"hash\":\"");
    buf_put(out, hash, sizeof hash);
    BUF_PUT_LIT(out, "\"}\n");
    buf_put(out, f->file.p + f->at[line + 1], f->file.n - f->at[line + 1]);
}

static void a_forged_hash_is_found_by_the_next_line(void **state)
{
    (void)state;
    struct fixture f;
    struct buf out;
    fixture_init(&f, &no_key);
    events(&f, 6);
    buf_init(&out, &f.mem, 0);
    for (uint32_t line = 1; line < f.n; line++) {
        struct audit_check c;
        forge(&f, line, &no_key, &out);
        audit_check_init(&c, &no_key);
        enum audit_fault fault = check_file(&c, buf_str(&out));
        if (line + 1 < f.n) {
            assert_int_equal(fault, AUDIT_FAULT_UNLINKED);
            assert_int_equal(c.at, line + 2); // counted from 1, and it is the one behind
        } else {                              // the newest one vouches for itself only
            assert_int_equal(fault, AUDIT_GOOD);
            assert_int_equal(check_expecting(buf_str(&out), &no_key, f.chain.seq, f.chain.hash),
                             AUDIT_FAULT_DIFFERS);
        }
    }
    buf_deinit(&out);
    fixture_deinit(&f);
}

static void who_has_no_key_forges_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct buf out;
    const struct audit_key key = a_key();
    struct audit_key other = key;
    other.bytes[0] ^= 1;
    fixture_init(&f, &key);
    events(&f, 6);
    buf_init(&out, &f.mem, 0);
    for (uint32_t line = 1; line < f.n; line++) {
        forge(&f, line, &no_key, &out);
        assert_int_equal(check(buf_str(&out), &key), AUDIT_FAULT_CHANGED);
    }
    assert_int_equal(check(buf_str(&f.file), &no_key), AUDIT_FAULT_KEYED);
    assert_int_equal(check(buf_str(&f.file), &other), AUDIT_FAULT_CHANGED);
    buf_deinit(&out);
    fixture_deinit(&f);
    // All of it made anew, without one.
    struct fixture g;
    fixture_init(&g, &no_key);
    events(&g, 6);
    assert_int_equal(check(buf_str(&g.file), &key), AUDIT_FAULT_UNKEYED);
    fixture_deinit(&g);
}

// ---- what a crash leaves

static void a_torn_line_is_told_of_and_can_be_explained(void **state)
{
    (void)state;
    const struct audit_key keys[] = {no_key, a_key()};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        struct fixture f;
        fixture_init(&f, &keys[k]);
        events(&f, 3);
        const size_t whole = f.file.n;
        event(&f);
        for (size_t cut = 1; whole + cut + 1 < f.at[f.n]; cut += 7) {
            struct fixture g;
            fixture_init(&g, &keys[k]);
            events(&g, 3);
            str torn = str_make(f.file.p + whole, cut);
            buf_put_str(&g.file, torn);
            assert_int_equal(check(buf_str(&g.file), &keys[k]), AUDIT_FAULT_TORN);
            buf_put_char(&g.file, '\n');
            g.at[g.n] = g.file.n;
            assert_int_not_equal(check(buf_str(&g.file), &keys[k]), AUDIT_GOOD);
            append(&g, audit_chain_put_torn(&g.chain, &g.line, 5, torn));
            events(&g, 2);
            struct audit_check c;
            audit_check_init(&c, &keys[k]);
            assert_int_equal(check_file(&c, buf_str(&g.file)), AUDIT_GOOD);
            assert_int_equal(c.torn, 1);
            for (size_t i = whole; i <= whole + cut; i++) { // nor can what is torn be changed
                g.file.p[i] ^= 1;
                assert_int_not_equal(check(buf_str(&g.file), &keys[k]), AUDIT_GOOD);
                g.file.p[i] ^= 1;
            }
            fixture_deinit(&g);
        }
        fixture_deinit(&f);
    }
}

static void nothing_is_explained_that_was_not_torn(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, &no_key);
    events(&f, 3);
    append(&f, audit_chain_put_torn(&f.chain, &f.line, 5, STR("half a li")));
    assert_int_equal(check(buf_str(&f.file), &no_key), AUDIT_FAULT_JUMP); // it is not there
    fixture_deinit(&f);
}

static void a_chain_goes_on_behind_its_last_line(void **state)
{
    (void)state;
    struct fixture f;
    const struct audit_key key = a_key();
    fixture_init(&f, &key);
    events(&f, 5);
    str id = str_make(f.chain.id, AUDIT_ID_LEN);
    str last = line_at(&f, f.n - 1);
    last = str_take(last, last.n - 1);
    struct audit_chain again;
    assert_int_equal(audit_chain_resume(&again, &no_key, id, last), ERR_SYNTAX);
    assert_int_equal(audit_chain_resume(&again, &key, id, str_take(last, last.n - 1)), ERR_SYNTAX);
    assert_int_equal(audit_chain_resume(&again, &key, str_take(id, 3), last), ERR_SYNTAX);
    assert_int_equal(audit_chain_resume(&again, &key, id, last), OK);
    f.chain = again;
    events(&f, 5);
    assert_int_equal(check(buf_str(&f.file), &key), AUDIT_GOOD);
    fixture_deinit(&f);
}

// ---- several files

static void files_are_one_chain(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, &no_key);
    size_t ends[3];
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            head(&f);
        events(&f, 4);
        append(&f, audit_chain_put_note(&f.chain, &f.line, 1, i < 2 ? "rotated" : "stopped"));
        ends[i] = f.file.n;
    }
    const str files[] = {str_make(f.file.p, ends[0]), str_make(f.file.p + ends[0], ends[1] - ends[0]),
                         str_make(f.file.p + ends[1], ends[2] - ends[1])};
    struct audit_check c;
    audit_check_init(&c, &no_key);
    for (int i = 0; i < 3; i++)
        assert_int_equal(check_file(&c, files[i]), AUDIT_GOOD);
    assert_true(c.stopped && c.first_seq == 1 && c.lines == f.n);
    // Some of them are as good, if they are neighbours.
    audit_check_init(&c, &no_key);
    assert_int_equal(check_file(&c, files[1]), AUDIT_GOOD);
    assert_true(c.rotated && c.first_seq == 7);
    assert_int_equal(check_file(&c, files[2]), AUDIT_GOOD);
    audit_check_init(&c, &no_key);
    assert_int_equal(check_file(&c, files[0]), AUDIT_GOOD);
    assert_int_equal(check_file(&c, files[2]), AUDIT_FAULT_JUMP);
    audit_check_init(&c, &no_key);
    assert_int_equal(check_file(&c, files[1]), AUDIT_GOOD);
    assert_int_equal(check_file(&c, files[0]), AUDIT_FAULT_JUMP);
    assert_int_equal(check(STR_NONE, &no_key), AUDIT_FAULT_NO_HEAD);
    // Another chain.
    struct fixture g;
    fixture_init(&g, &no_key);
    g.chain.id[0] ^= 1;
    g.chain.seq = 0;
    memset(g.chain.hash, '0', sizeof g.chain.hash);
    buf_reset(&g.file, 0);
    g.n = 0;
    head(&g);
    audit_check_init(&c, &no_key);
    assert_int_equal(check_file(&c, files[0]), AUDIT_GOOD);
    assert_int_equal(check_file(&c, buf_str(&g.file)), AUDIT_FAULT_OTHER);
    fixture_deinit(&g);
    fixture_deinit(&f);
}

static void a_chain_begins_at_its_first_line(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, &no_key);
    f.chain.seq = 0; // number 1, and yet behind another
    buf_reset(&f.file, 0);
    f.n = 0;
    head(&f);
    assert_int_equal(check(buf_str(&f.file), &no_key), AUDIT_FAULT_BAD_START);
    fixture_deinit(&f);
}

static void each_allocation_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, &no_key);
    const struct audit_event e = {.type = AUDIT_JOINED, .user = STR("ann")};
    const struct audit_chain before = f.chain;
    buf_deinit(&f.line);
    buf_init(&f.line, &f.mem, 0);
    test_mem_restart(&f.t);
    f.t.fail_at = 1;
    assert_int_equal(audit_chain_put(&f.chain, &f.line, 1, 0, &e), ERR_NOMEM);
    assert_int_equal(f.chain.seq, before.seq);
    assert_memory_equal(f.chain.hash, before.hash, sizeof before.hash);
    f.t.fail_at = 0;
    append(&f, audit_chain_put(&f.chain, &f.line, 1, 0, &e));
    assert_int_equal(check(buf_str(&f.file), &no_key), AUDIT_GOOD);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_what_the_page_says),
        cmocka_unit_test(nothing_makes_a_line_too_long_or_two),
        cmocka_unit_test(what_is_written_is_whole),
        cmocka_unit_test(every_byte_that_is_changed_is_found),
        cmocka_unit_test(every_line_that_is_gone_or_moved_is_found),
        cmocka_unit_test(a_forged_hash_is_found_by_the_next_line),
        cmocka_unit_test(who_has_no_key_forges_nothing),
        cmocka_unit_test(a_torn_line_is_told_of_and_can_be_explained),
        cmocka_unit_test(nothing_is_explained_that_was_not_torn),
        cmocka_unit_test(a_chain_goes_on_behind_its_last_line),
        cmocka_unit_test(files_are_one_chain),
        cmocka_unit_test(a_chain_begins_at_its_first_line),
        cmocka_unit_test(each_allocation_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
