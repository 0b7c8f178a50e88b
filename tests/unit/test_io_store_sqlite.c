// SPDX-License-Identifier: Apache-2.0
//
// The store in SQLite, on files of its own: what was put is there, byte by byte, over reopening; what was taken away is in no file any
// more; what is not as it was written is never served.
#include "unit/support.h"

#include "core/log/record.h"
#include "io/store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_driver *const d = &store_sqlite;
static struct test_mem memory;
static struct mem m;
static char dir[64], path[96];
static struct store_config config;
static struct store_db *db;
static struct store_link *link_;
static struct store_why why;
static struct buf section, image, records;
static struct store_room room;
static uint64_t from, last;

static void fine(enum store_fault f)
{
    if (f != STORE_FINE)
        print_message("%s: %s\n", store_fault_name(f), why.text);
    assert_int_equal(f, STORE_FINE);
}

static void open_store(void)
{
    fine(d->open(&m, &config, &db, &why));
    fine(d->link(db, true, &link_, &why));
}

static void close_store(bool well)
{
    d->unlink(link_);
    d->close(db, well);
    link_ = NULL;
    db = NULL;
}

static int setup(void **state)
{
    (void)state;
    test_mem_init(&memory, &m);
    snprintf(dir, sizeof dir, "/tmp/plenum-sqlite-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store", dir);
    config = (struct store_config){.kind = "sqlite", .path = path, .server = "srv-1", .busy_ms = 100};
    why.text[0] = 0;
    buf_init(&section, &m, 0);
    buf_init(&image, &m, 0);
    buf_init(&records, &m, 0);
    open_store();
    return 0;
}

static int teardown(void **state)
{
    static const char *const tails[] = {"", "-lock", "-wal", "-shm", "-copy"};
    char name[128];
    (void)state;
    close_store(true);
    buf_deinit(&section);
    buf_deinit(&image);
    buf_deinit(&records);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(dir), 0);
    test_mem_check(&memory);
    return 0;
}

static void put_entry(struct buf *out, enum entry_type type, uint64_t about, const char *words)
{
    const struct entry e = {.type = type,
                            .user = STR("ann"),
                            .name = STR("Ann"),
                            .about = about,
                            .time_ms = 1700000000000,
                            .data = str_from_cstr(words)};
    struct buf bytes;
    buf_init(&bytes, &m, 0);
    record_encode(&bytes, &e);
    store_put_section_record(out, buf_str(&bytes));
    buf_deinit(&bytes);
}

static struct store_section section_of(str name, uint64_t first, uint32_t count)
{
    struct store_section s = {.name = name,
                              .first = first,
                              .count = count,
                              .head = first + count - 1,
                              .records = buf_str(&section)};
    memset(s.epoch, 'e', EPOCH_LEN);
    memset(s.lineage.life, 'e', EPOCH_LEN);
    return s;
}

// Messages from first on, with an image of the last one.
static void put(str name, uint64_t first, uint32_t count)
{
    char words[64];
    buf_cut(&section, 0);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(words, sizeof words, "\"words %llu\"", (unsigned long long)first + i);
        put_entry(&section, ENTRY_MESSAGE, 0, words);
    }
    struct store_section s = section_of(name, first, count);
    s.image = STR("the image");
    fine(d->put(link_, &s, &why));
}

static void put_now(str name, uint64_t first, uint32_t count)
{
    fine(d->begin(link_, &why));
    put(name, first, count);
    fine(d->commit(link_, &why));
}

static enum store_fault load(str name)
{
    buf_cut(&image, 0);
    buf_cut(&records, 0);
    return d->load(link_, name, false, 1000, 1 << 20, &room, &image, &records, &from, &last, &why);
}

static void expect(str name, uint64_t first, uint64_t head)
{
    fine(load(name));
    str rest = buf_str(&records), bytes;
    uint64_t offset;
    char words[64];
    assert_int_equal(from, first);
    assert_int_equal(last, head);
    assert_int_equal(room.head, head);
    for (uint64_t o = first; o <= head; o++) {
        struct entry e;
        assert_true(store_take_record(&rest, &offset, &bytes));
        assert_int_equal(offset, o);
        assert_int_equal(record_decode(bytes, &e), RECORD_OK);
        snprintf(words, sizeof words, "\"words %llu\"", (unsigned long long)o);
        assert_true(str_eq(e.data, str_from_cstr(words)));
    }
    assert_int_equal(rest.n, 0);
    assert_true(str_eq(buf_str(&image), STR("the image")));
}

static void round_trips(void **state)
{
    (void)state;
    assert_int_equal(load(STR("lobby")), STORE_NOTHING);
    put_now(STR("lobby"), 1, 5);
    put_now(STR("lobby"), 6, 3);
    expect(STR("lobby"), 1, 8);
    assert_false(room.clean);    // it is open
    put_now(STR("lobby"), 6, 3); // the same again
    expect(STR("lobby"), 1, 8);
    buf_cut(&records, 0);
    fine(d->fetch(link_, STR("lobby"), 3, 6, 1 << 20, false, &records, &last, &why));
    assert_int_equal(last, 6);
    buf_cut(&records, 0);
    fine(d->fetch(link_, STR("lobby"), 3, 6, 1, false, &records, &last, &why));
    assert_int_equal(last, 3);                                // a single one
    struct store_section s = section_of(STR("lobby"), 20, 0); // a hole
    s.head = 19;
    s.records = STR_NONE;
    fine(d->begin(link_, &why));
    assert_int_equal(d->put(link_, &s, &why), STORE_DAMAGED);
    why.text[0] = 0;
    s.over = true;
    fine(d->begin(link_, &why));
    fine(d->put(link_, &s, &why));
    fine(d->commit(link_, &why));
    assert_int_equal(load(STR("lobby")), STORE_NOTHING);
    fine(d->check(link_, &why));
}

static void what_is_before_goes(void **state)
{
    (void)state;
    put_now(STR("lobby"), 1, 5);
    struct store_section s = section_of(STR("lobby"), 6, 0);
    s.records = STR_NONE;
    s.from = 4;
    fine(d->begin(link_, &why));
    fine(d->put(link_, &s, &why));
    fine(d->commit(link_, &why));
    expect(STR("lobby"), 4, 5);
    assert_int_equal(room.first, 4);
}

static void rollback_undoes_all(void **state)
{
    (void)state;
    put_now(STR("lobby"), 1, 2);
    fine(d->begin(link_, &why));
    put(STR("lobby"), 3, 2);
    put(STR("other"), 1, 2);
    fine(d->meta_put(link_, "steady_ms", STR("12"), &why));
    d->rollback(link_);
    expect(STR("lobby"), 1, 2);
    assert_int_equal(load(STR("other")), STORE_NOTHING);
    assert_int_equal(d->meta_get(link_, "steady_ms", &records, &why), STORE_NOTHING);
}

static void names_of_every_kind(void **state)
{
    static char longest[129];
    memset(longest, 'n', 128);
    const char *names[] = {"o'hara", "100%", "\"; DROP TABLE room; --", "\xf0\x9f\x98\x80", longest};
    (void)state;
    for (size_t i = 0; i < 5; i++)
        put_now(str_from_cstr(names[i]), 1, (uint32_t)i + 1);
    for (size_t i = 0; i < 5; i++)
        expect(str_from_cstr(names[i]), 1, i + 1);
    buf_cut(&records, 0);
    fine(d->rooms(link_, STR("100%"), 2, &records, &why));
    assert_int_equal(records.n, 1 + 128 + 1 + 6);
    struct store_info info;
    fine(d->info(link_, &info, &why));
    assert_int_equal(info.rooms, 5);
    assert_int_equal(info.records, 15);
}

static void clean_and_unclean(void **state)
{
    (void)state;
    put_now(STR("lobby"), 1, 2);
    close_store(true);
    open_store();
    expect(STR("lobby"), 1, 2);
    assert_true(room.clean);
    close_store(false);
    open_store();
    expect(STR("lobby"), 1, 2);
    assert_false(room.clean);
    put_now(STR("lobby"), 3, 1);
    close_store(true);
    open_store();
    expect(STR("lobby"), 1, 3);
    assert_true(room.clean); // the bad run was before what was written last
}

static void another_has_it(void **state)
{
    struct store_config other = config;
    struct store_db *second = NULL;
    struct stat st;
    (void)state;
    assert_int_equal(d->open(&m, &other, &second, &why), STORE_TAKEN);
    assert_non_null(strstr(why.text, "srv-1"));
    why.text[0] = 0;
    other.read_only = true;
    fine(d->open(&m, &other, &second, &why));
    d->close(second, true);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void sql(const char *text)
{
    sqlite3 *s;
    assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
    assert_int_equal(sqlite3_exec(s, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(s);
}

static void expect_open(const char *text, enum store_fault expected)
{
    close_store(true);
    sql(text);
    assert_int_equal(d->open(&m, &config, &db, &why), expected);
    assert_true(why.text[0] != 0);
    why.text[0] = 0;
}

static void newer_and_foreign(void **state)
{
    (void)state;
    expect_open("PRAGMA user_version=2", STORE_NEWER);
    sql("PRAGMA user_version=1");
    open_store();
    expect_open("PRAGMA application_id=7", STORE_FOREIGN);
    FILE *f = fopen(path, "w"); // and no database at all
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("not a database\n", f);
    fclose(f);
    char beside[128];
    snprintf(beside, sizeof beside, "%s-lock", path);
    unlink(beside);
    assert_int_equal(d->open(&m, &config, &db, &why), STORE_FOREIGN);
    assert_int_not_equal(access(beside, F_OK), 0); // nothing was made
    why.text[0] = 0;
    f = fopen(path, "w"); // half of one
    fputs("SQLite format 3", f);
    fclose(f);
    assert_int_equal(d->open(&m, &config, &db, &why), STORE_FOREIGN);
    assert_non_null(strstr(why.text, "half of one"));
}

static char *slurp(size_t *n)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = malloc(*n);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

static bool in_file(const char *words)
{
    size_t n;
    char *p = slurp(&n);
    const bool there = memmem(p, n, words, strlen(words)) != NULL;
    free(p);
    return there;
}

static void words_taken_away_are_gone(void **state)
{
    (void)state;
    buf_cut(&section, 0);
    put_entry(&section, ENTRY_MESSAGE, 0, "\"a dark secret\"");
    put_entry(&section, ENTRY_EDIT, 1, "\"a grey secret\"");
    struct store_section s = section_of(STR("lobby"), 1, 2);
    fine(d->begin(link_, &why));
    fine(d->put(link_, &s, &why));
    fine(d->commit(link_, &why));
    assert_false(in_file("dark secret")); // by the edit
    assert_true(in_file("grey secret"));
    buf_cut(&section, 0);
    put_entry(&section, ENTRY_DELETE, 1, "");
    s = section_of(STR("lobby"), 3, 1);
    fine(d->begin(link_, &why));
    fine(d->put(link_, &s, &why));
    fine(d->commit(link_, &why));
    assert_false(in_file("grey secret")); // while it is open
    char wal[128];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_size, 0);
    fine(load(STR("lobby"))); // sums fit what is there now
    assert_int_equal(last, 3);
}

static void flipped_bits(void **state)
{
    size_t n;
    uint32_t damaged = 0;
    (void)state;
    put_now(STR("lobby"), 1, 5);
    close_store(true);
    char *p = slurp(&n);
    char *at = memmem(p, n, "words 3", 7);
    assert_non_null(at);
    for (int i = 0; i < 7; i++) { // each byte of what was said
        FILE *f = fopen(path, "r+");
        assert_non_null(f);
        fseek(f, at - p + i, SEEK_SET);
        fputc(at[i] ^ 1, f);
        if (i > 0) {
            fseek(f, at - p + i - 1, SEEK_SET);
            fputc(at[i - 1], f);
        }
        fclose(f);
        open_store();
        damaged += load(STR("lobby")) == STORE_DAMAGED;
        assert_non_null(strstr(why.text, "lobby"));
        why.text[0] = 0;
        close_store(true);
    }
    free(p);
    assert_int_equal(damaged, 7);
    open_store();
}

// Wherever one bit of the file is another one: a room is there as it was, or it is said that it is not; it is never another, nor taken for
// one that was never there.
static void a_bit_anywhere(void **state)
{
    enum { ROOMS = 40, STEP = 61 };
    char names[ROOMS][16];
    uint32_t whole = 0, refused = 0;
    size_t n;
    (void)state;
    for (int i = 0; i < ROOMS; i++) {
        snprintf(names[i], sizeof names[i], "room-%d", i * 7919);
        put_now(str_from_cstr(names[i]), 1, 5);
    }
    close_store(true);
    char *p = slurp(&n);
    for (size_t at = 100; at < n; at += STEP) {
        FILE *f = fopen(path, "r+");
        assert_non_null(f);
        fseek(f, (long)at, SEEK_SET);
        fputc(p[at] ^ (1 << at % 8), f);
        fclose(f);
        struct store_config c = config;
        c.read_only = true;
        if (d->open(&m, &c, &db, &why) == STORE_FINE && d->link(db, false, &link_, &why) == STORE_FINE) {
            for (int i = 0; i < ROOMS; i++) {
                const enum store_fault got = load(str_from_cstr(names[i]));
                assert_int_not_equal(got, STORE_NOTHING);
                assert_true(got != STORE_FINE || last == 5);
                whole += got == STORE_FINE;
                refused += got == STORE_DAMAGED;
                why.text[0] = 0;
            }
            close_store(false);
        } else {
            refused++;
        }
        why.text[0] = 0;
        f = fopen(path, "r+");
        fseek(f, (long)at, SEEK_SET);
        fputc(p[at], f);
        fclose(f);
    }
    free(p);
    assert_true(whole > 10000 && refused > 100);
    open_store();
}

static void another_epoch_is_refused(void **state)
{
    (void)state;
    put_now(STR("lobby"), 1, 5);
    struct store_section s = section_of(STR("lobby"), 5, 1);
    buf_cut(&section, 0);
    put_entry(&section, ENTRY_MESSAGE, 0, "\"other\"");
    s.records = buf_str(&section);
    memset(s.epoch, 'x', EPOCH_LEN);
    fine(d->begin(link_, &why));
    assert_int_equal(d->put(link_, &s, &why), STORE_DAMAGED);
    assert_non_null(strstr(why.text, "another epoch"));
    why.text[0] = 0;
    fine(load(STR("lobby")));
    assert_int_equal(last, 5);
}

static void a_table_that_is_gone(void **state)
{
    (void)state;
    close_store(true);
    sql("DROP TABLE record; DROP TABLE room");
    open_store();
    assert_int_not_equal(load(STR("lobby")), STORE_FINE);
    assert_non_null(strstr(why.text, "no such table"));
    why.text[0] = 0;
}

static void a_backup_is_a_store(void **state)
{
    char copy[128];
    (void)state;
    put_now(STR("lobby"), 1, 5);
    snprintf(copy, sizeof copy, "%s-copy", path);
    fine(d->backup(link_, copy, &why));
    fine(d->compact(link_, &why));
    close_store(true);
    assert_int_equal(rename(copy, path), 0);
    open_store();
    expect(STR("lobby"), 1, 5);
}

static void a_user_is_forgotten(void **state)
{
    uint64_t n = 0;
    (void)state;
    put_now(STR("lobby"), 1, 3);
    put_now(STR("other"), 1, 2);
    fine(d->forget(link_, STR("bob"), FORGET_ERASE, &n, &why));
    assert_int_equal(n, 0);
    assert_int_equal(d->forget(link_, STR("ann"), FORGET_PSEUDONYM, &n, &why), STORE_BUSY);
    assert_non_null(strstr(why.text, "not in this version"));
    why.text[0] = 0;
    expect(STR("lobby"), 1, 3);
    fine(d->forget(link_, STR("ann"), FORGET_ERASE, &n, &why));
    assert_int_equal(n, 5);
    assert_false(in_file("words "));
    fine(load(STR("lobby")));
    assert_int_equal(last, 3);
}

static void the_audit_stays(void **state)
{
    str rest, line;
    sqlite3 *s;
    (void)state;
    fine(d->begin(link_, &why));
    fine(d->audit_put(link_, 1, STR("one"), &why));
    fine(d->audit_put(link_, 2, STR("two"), &why));
    fine(d->commit(link_, &why));
    fine(d->audit_get(link_, 2, 10, &records, &why));
    rest = buf_str(&records);
    assert_true(store_take_section_record(&rest, &line));
    assert_true(str_eq(line, STR("two")));
    assert_int_equal(rest.n, 0);
    assert_int_equal(sqlite3_open(path, &s), SQLITE_OK);
    assert_int_equal(sqlite3_exec(s, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_exec(s, "UPDATE audit SET line=x'00'", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    sqlite3_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_before_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(rollback_undoes_all, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(clean_and_unclean, setup, teardown),
        cmocka_unit_test_setup_teardown(another_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(newer_and_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(words_taken_away_are_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(flipped_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bit_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(another_epoch_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_that_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_backup_is_a_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(the_audit_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
