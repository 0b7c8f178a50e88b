// SPDX-License-Identifier: Apache-2.0
//
// `plenum store` over a driver that is as plain as can be (unit/shelf.h): whatever is damaged is found and named, what is exported comes
// in again as it was, a file that is not whole changes nothing, and nothing but its job is done.
#include "unit/room_parts.h"
#include "unit/shelf.h"
#include "unit/support.h"

#include "app/store_command.h"
#include "core/audit/check.h"
#include "core/log/record.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ODD "o'd\"d %s \xf0\x9f\x8e\xb2"

static struct test_mem test_memory;
static struct mem mem;
static const struct siphash_key key = {7, 8};
static struct shelf shelf, other;
static char out[1 << 16], err[1 << 16];
static char folder[64];

static char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

// ---- rooms

struct teller {
    struct shelf *s;
    str name;
    struct room_parts room;
    struct buf scratch;
};

static void teller_init(struct teller *t, struct shelf *s, str name)
{
    t->s = s;
    t->name = name;
    room_parts_init(&t->room, &mem, STR("an epoch 11"), &key);
    buf_init(&t->scratch, &mem, 0);
}

static void put(struct teller *t, uint64_t count, bool image, uint64_t from, bool ended)
{
    struct store_link *l = (struct store_link *)t->s;
    struct buf records, as_of;
    struct store_why why = {""};
    const uint64_t head = t->room.log.head;
    buf_init(&records, &mem, 0);
    buf_init(&as_of, &mem, 0);
    if (count != 0) {
        const str record = log_record(&t->room.log, head);
        const uint32_t n = (uint32_t)record.n;
        buf_put(&records, &n, sizeof n);
        buf_put_str(&records, record);
    }
    if (image)
        image_put(&as_of, &t->room.made, NULL);
    struct store_section s = {.epoch = "an epoch 1",
                              .durability = DURABILITY_ASYNC,
                              .ended = ended,
                              .first = count != 0 ? head : head + 1,
                              .count = (uint32_t)count,
                              .head = head,
                              .from = from,
                              .name = t->name,
                              .steady_ms = 5000,
                              .image = buf_str(&as_of),
                              .records = buf_str(&records)};
    memcpy(s.epoch, "an epoch 11", EPOCH_LEN);
    memcpy(s.lineage.life, "an epoch 11", EPOCH_LEN);
    assert_int_equal(shelf_driver.begin(l, &why), STORE_FINE);
    assert_int_equal(shelf_driver.put(l, &s, &why), STORE_FINE);
    assert_int_equal(shelf_driver.commit(l, &why), STORE_FINE);
    buf_deinit(&records);
    buf_deinit(&as_of);
}

static void say(struct teller *t, struct entry e)
{
    struct verdict v;
    const struct live_tools tools = {.scratch = &t->scratch};
    e.room = t->name;
    e.session = STR("s");
    e.name = STR("Somebody");
    e.grant = t->room.log.head == 0 ? GRANT_ALL : 0; // the first one is the server's own, as a backend's
    e.rule_role = ROLE_MEMBER;
    e.time_ms = e.steady_ms = 1000 + t->room.log.head;
    const bool muted = str_eq(e.user, STR("eve"));
    assert_int_equal(apply_record(&t->room.made, t->room.log.head + 1, &e, NULL, &tools, &v), OK);
    assert_int_equal(v.refused, muted);
    put(t, 1, false, 0, false);
}

static void message(struct teller *t, const char *user, const char *data)
{
    say(t, (struct entry){.type = ENTRY_MESSAGE, .user = str_from_cstr(user), .data = str_from_cstr(data)});
}

static void decree(struct teller *t, enum entry_type type, const char *target, enum role role)
{
    say(t, (struct entry){
               .type = type, .user = STR("ada"), .decree = {.target = str_from_cstr(target), .role = role}});
}

static void teller_deinit(struct teller *t)
{
    put(t, 0, false, 0, true); // the room ends
    room_parts_deinit(&t->room, &mem);
    buf_deinit(&t->scratch);
}

// Something of everything, an image in the middle.
static void talk(struct shelf *s, str name)
{
    struct teller t;
    teller_init(&t, s, name);
    decree(&t, ENTRY_CREATE, "ada", ROLE_OWNER);
    decree(&t, ENTRY_ROLE, "bob", ROLE_HOST);
    message(&t, "bob", "\"first\"");
    say(&t, (struct entry){.type = ENTRY_EDIT,
                           .user = STR("bob"),
                           .about = 3,
                           .data = STR("\"second\""),
                           .change.author = STR("bob")});
    say(&t, (struct entry){
                .type = ENTRY_MUTE, .user = STR("ada"), .decree = {.target = STR("eve"), .span_ms = 60000}});
    message(&t, "eve", "\"refused, so void\"");
    say(&t, (struct entry){
                .type = ENTRY_STATE, .user = STR("ada"), .data = STR("{\"set\":{\"topic\":\"tea\"}}")});
    // A key that is over, and that its home has given up by the time of the image.
    say(&t, (struct entry){.type = ENTRY_MESSAGE,
                           .user = STR("ada"),
                           .data = STR("\"once\""),
                           .key = STR("k"),
                           .key_window_ms = 1,
                           .key_count = 10});
    once_expire(&t.room.said, 200000, false);
    put(&t, 0, true, 0, false);
    say(&t,
        (struct entry){.type = ENTRY_DELETE, .user = STR("bob"), .about = 3, .change.author = STR("bob")});
    for (int i = 0; i < 20; i++)
        message(&t, i % 2 == 0 ? "ada" : "bob", "\"and more\"");
    teller_deinit(&t);
}

// One whose oldest records are gone.
static void talk_short(struct shelf *s, str name)
{
    struct teller t;
    teller_init(&t, s, name);
    decree(&t, ENTRY_CREATE, "ada", ROLE_OWNER);
    for (int i = 0; i < 4; i++)
        message(&t, "ada", "\"gone\"");
    say(&t, (struct entry){
                .type = ENTRY_MUTE, .user = STR("ada"), .decree = {.target = STR("eve"), .span_ms = 60000}});
    put(&t, 0, true, 5, false);
    message(&t, "ada", "\"there\"");
    message(&t, "eve", "\"void\"");
    teller_deinit(&t);
}

static void fill(struct shelf *s)
{
    shelf_set(&s->hash_key, str_make((const char *)&key, sizeof key));
    talk(s, STR("lobby"));
    talk(s, STR(ODD));
    talk_short(s, STR("short"));
    shelf_set(&s->audit[0], STR("{\"seq\":1}\n"));
    shelf_set(&s->audit[1], STR("{\"seq\":2}\n"));
    shelf_set(&s->audit[2], STR("{\"seq\":3}\n"));
    for (uint32_t i = 0; i < s->n; i++)
        s->rooms[i]->facts.clean = true;
}

// ---- runs

static enum exit_code run_as(struct shelf *s, const struct store_wish *w)
{
    FILE *to = fmemopen(out, sizeof out, "w"), *complaints = fmemopen(err, sizeof err, "w");
    assert_true(to != NULL && complaints != NULL);
    struct store_tool t = {.mem = &mem, .out = to, .err = complaints};
    struct store_config c = {.notice_ctx = s};
    const enum exit_code code = store_do(&t, &shelf_driver, &c, w);
    assert_false(s->open);
    fclose(to);
    fclose(complaints);
    return code;
}

static enum exit_code run(struct shelf *s, enum store_job job, const char *argument)
{
    const struct store_wish w = {.job = job, .argument = argument};
    return run_as(s, &w);
}

static size_t exported(struct shelf *s, char *ret, size_t cap)
{
    assert_int_equal(run(s, STORE_EXPORT, in_folder("export")), EXIT_DONE);
    FILE *f = fopen(in_folder("export"), "re");
    assert_non_null(f);
    const size_t n = fread(ret, 1, cap, f);
    assert_true(n < cap);
    fclose(f);
    return n;
}

static enum exit_code imported(struct shelf *s, const char *bytes, size_t n, bool merge)
{
    FILE *f = fopen(in_folder("import"), "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    const struct store_wish w = {.job = STORE_IMPORT, .argument = in_folder("import"), .merge = merge};
    return run_as(s, &w);
}

static int setup(void **state)
{
    (void)state;
    test_mem_init(&test_memory, &mem);
    snprintf(folder, sizeof folder, "/tmp/plenum-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    fill(&shelf);
    return digest_self_test() != OK;
}

static int teardown(void **state)
{
    static const char *const names[] = {"export", "import", "backup", "audit"};
    (void)state;
    shelf_empty(&shelf);
    shelf_empty(&other);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(in_folder(names[i]));
    test_mem_check(&test_memory);
    return rmdir(folder); // not empty: a file was left
}

// ---- verify

static void whole_is_whole(void **state)
{
    (void)state;
    assert_int_equal(run(&shelf, STORE_VERIFY, NULL), EXIT_DONE);
    assert_string_equal(out, "whole: 3 rooms, 62 records\n");
    assert_string_equal(err, "");
}

static void assert_damaged(const char *what)
{
    assert_int_equal(run(&shelf, STORE_VERIFY, NULL), EXIT_FAILED);
    if (strstr(out, what) == NULL)
        print_message("%s%s", out, err);
    assert_non_null(strstr(out, what));
    assert_non_null(strstr(out, "damaged: 1 of 3 rooms\n"));
}

static void a_record_that_is_another(void **state)
{
    (void)state;
    struct shelf_room *r = shelf_room(&shelf, STR("lobby"));
    struct entry e;
    struct buf bytes;
    buf_init(&bytes, &mem, 0);
    // Bob was made a member, not a host: each record can be read, and the image does not fit
    assert_int_equal(record_decode(shelf_str(&r->records[2]), &e), RECORD_OK);
    e.decree.role = ROLE_MEMBER;
    record_encode(&bytes, &e);
    shelf_set(&r->records[2], buf_str(&bytes));
    assert_damaged("lobby: its image is not what its records make (record 8)");
    // Eve is muted, and her message, which was void, is one now
    buf_cut(&bytes, 0);
    assert_int_equal(record_decode(shelf_str(&r->records[10]), &e), RECORD_OK);
    e.user = STR("eve");
    record_encode(&bytes, &e);
    shelf_set(&r->records[6], buf_str(&bytes));
    assert_damaged("lobby: it is not what would have come of it after those before it (record 6)");
    buf_deinit(&bytes);
}

static void a_record_that_is_none(void **state)
{
    (void)state;
    shelf_set(&shelf_room(&shelf, STR("short"))->records[7], STR("\x09 no record"));
    assert_damaged("short: is of a newer version than this program knows (record 7)");
    shelf_set(&shelf_room(&shelf, STR("short"))->records[7], STR_NONE);
    assert_damaged("short: the record 7 is not as it was written");
}

static void an_image_that_is_another(void **state)
{
    (void)state;
    struct shelf_room *r = shelf_room(&shelf, STR("lobby")), *of = shelf_room(&shelf, STR("short"));
    char keep[4096];
    const size_t n = r->image.n;
    assert_true(n < sizeof keep);
    memcpy(keep, r->image.p, n);
    shelf_set(&r->image, shelf_str(&of->image));
    assert_damaged("lobby: its image is as of another record than its row says (record 6)");
    shelf_set(&r->image, STR("no image"));
    assert_damaged("lobby: its image is none");
    shelf_set(&r->image, str_make(keep, n));
    memcpy(r->facts.epoch, "another one", EPOCH_LEN);
    memcpy(r->facts.lineage.life, "another one", EPOCH_LEN);
    assert_damaged("lobby: its image is of an epoch that it never had");
    r->facts.lineage.n = 1; // as it had it before
    memcpy(r->facts.lineage.older[0].epoch, "an epoch 11", EPOCH_LEN);
    assert_int_equal(run(&shelf, STORE_VERIFY, NULL), EXIT_DONE);
    r->facts.image_at = 0;
    assert_damaged("lobby: it has an image of no record");
    of->facts.image_at = 3;
    r->facts.image_at = 8;
    assert_damaged("short: there are records missing between its image and its first one");
}

static void pages(void **state)
{
    (void)state;
    shelf.checks = STORE_DAMAGED;
    assert_int_equal(run(&shelf, STORE_VERIFY, NULL), EXIT_FAILED);
    assert_non_null(
        strstr(out, "the database: page 7 is not as it was written; put back a backup\nwhole: 3 rooms"));
}

// ---- export, import

static char file[1 << 16], again[1 << 16];

static void out_and_in_again(void **state)
{
    (void)state;
    const size_t n = exported(&shelf, file, sizeof file);
    struct stat s;
    assert_int_equal(stat(in_folder("export"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(imported(&other, file, n, false), EXIT_DONE);
    assert_string_equal(out, "imported: 62 records in 3 rooms\n");
    assert_string_equal(err, "");
    assert_true(other.ended_well);
    assert_int_equal(run(&other, STORE_VERIFY, NULL), EXIT_DONE);
    assert_int_equal(exported(&other, again, sizeof again), n);
    assert_memory_equal(file, again, n);
    assert_int_equal(run(&shelf, STORE_EXPORT, NULL), EXIT_DONE); // to stdout
    assert_memory_equal(file, out, n);
}

// While a server has a room, what it says last may not be in the file.
static void of_a_store_in_use(void **state)
{
    (void)state;
    shelf_room(&shelf, STR("lobby"))->facts.clean = false;
    const size_t n = exported(&shelf, file, sizeof file);
    assert_int_equal(imported(&other, file, n, false), EXIT_DONE);
    assert_non_null(strstr(out, "; its rooms begin new epochs"));
    assert_false(other.ended_well);
    assert_false(shelf_room(&other, STR("lobby"))->facts.clean);
    assert_int_equal(imported(&other, file, n, true), EXIT_DONE); // it says no more than before
    assert_false(shelf_room(&other, STR("short"))->facts.clean);
    // The server has stopped, and nothing more was said.
    shelf_room(&shelf, STR("lobby"))->facts.clean = true;
    const size_t later = exported(&shelf, file, sizeof file);
    assert_int_equal(imported(&other, file, later, true), EXIT_DONE);
    assert_string_equal(out, "imported: 0 records in 0 rooms; 3 rooms were there\n");
    for (uint32_t i = 0; i < other.n; i++)
        assert_true(other.rooms[i]->facts.clean);
}

static void cut_or_changed(void **state)
{
    (void)state;
    const size_t n = exported(&shelf, file, sizeof file);
    for (size_t cut = 0; cut < n; cut += 1 + cut % 37) {
        assert_int_equal(imported(&other, file, cut, false), EXIT_USAGE);
        assert_int_equal(other.n, 0);
        assert_non_null(strstr(err, "plenum store: line "));
    }
    for (size_t at = 0; at < n; at += 1 + at % 41) {
        file[at] ^= 1;
        assert_int_equal(imported(&other, file, n, false), EXIT_USAGE);
        assert_int_equal(other.n, 0);
        assert_int_equal(other.hash_key.n, 0);
        file[at] ^= 1;
    }
    file[n] = '\n';
    assert_int_equal(imported(&other, file, n + 1, false), EXIT_USAGE);
    assert_non_null(strstr(err, "something comes behind the last line"));
    assert_int_equal(imported(&other, file, n, false), EXIT_DONE);
}

static void assert_refused(const char *text, const char *why)
{
    assert_int_equal(imported(&other, text, strlen(text), false), EXIT_USAGE);
    if (strstr(err, why) == NULL)
        print_message("%s", err);
    assert_non_null(strstr(err, why));
    assert_int_equal(other.n, 0);
}

static void no_export(void **state)
{
    (void)state;
    assert_refused("", "line 1 of the file: the file was cut");
    assert_refused("{\"a\":1}\n", "it is no export of a store");
    assert_refused("hello\n", "it is no line of an export");
    assert_refused("{\"plenum_store\":2}\n", "the export is of a newer version than this program knows");
    assert_refused("{\"plenum_store\":1}\n{\"plenum_store\":1}\n", "it is of no kind that there is");
    assert_refused("{\"plenum_store\":1}\n{\"offset\":1,\"record\":\"\"}\n",
                   "a record comes where another one, or none, would");
    assert_int_equal(run(&other, STORE_IMPORT, "/nowhere/export"), EXIT_USAGE);
    assert_string_equal(err, "plenum store: /nowhere/export: No such file or directory\n");
}

// Nothing under its name, nor under the one before that, unless it is whole.
static void an_export_that_breaks_off(void **state)
{
    (void)state;
    const struct store_wish w = {.job = STORE_EXPORT, .argument = in_folder("export")};
    shelf_set(&shelf_room(&shelf, STR("short"))->records[7], STR_NONE);
    assert_int_equal(run_as(&shelf, &w), EXIT_FAILED);
    assert_string_equal(err, "plenum store: short: the record 7 is not as it was written\n");
    assert_int_equal(access(in_folder("export"), F_OK), -1);
    assert_int_equal(access(in_folder("export.part"), F_OK), -1);
    assert_int_equal(run(&shelf, STORE_EXPORT, "/nowhere/export"), EXIT_USAGE);
    assert_string_equal(err, "plenum store: /nowhere/export.part: No such file or directory\n");
}

static void a_full_disk(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "we"), *complaints = fmemopen(err, sizeof err, "w");
    assert_true(full != NULL && complaints != NULL);
    struct store_tool t = {.mem = &mem, .out = stdout, .err = complaints};
    const struct store_config c = {.notice_ctx = &shelf, .read_only = true};
    assert_true(store_tool_open(&t, &shelf_driver, &c));
    assert_int_equal(store_export(&t, full), EXIT_FAILED);
    store_tool_close(&t);
    fclose(full);
    fclose(complaints);
    assert_string_equal(err, "plenum store: cannot export it: the file takes nothing, or memory is out\n");
}

static void into_one_that_has_rooms(void **state)
{
    (void)state;
    const size_t n = exported(&shelf, file, sizeof file);
    talk(&other, STR("elsewhere"));
    assert_int_equal(imported(&other, file, n, false), EXIT_USAGE);
    assert_non_null(strstr(err, "the store has 1 rooms, and an import wants an empty one"));
    assert_int_equal(other.n, 1);
    assert_int_equal(imported(&other, file, n, true), EXIT_DONE);
    assert_string_equal(out, "imported: 62 records in 3 rooms\n");
    assert_int_equal(imported(&other, file, n, true), EXIT_DONE); // once more
    assert_string_equal(out, "imported: 0 records in 0 rooms; 3 rooms were there\n");
    assert_int_equal(other.n, 4);
    assert_int_equal(run(&other, STORE_VERIFY, NULL), EXIT_DONE);
}

// What was said since the first export comes by the second.
static void gone_on_with(void **state)
{
    (void)state;
    struct shelf_room *r = shelf_room(&shelf, STR("lobby"));
    r->facts.head = 20;
    size_t n = exported(&shelf, file, sizeof file);
    assert_int_equal(imported(&other, file, n, false), EXIT_DONE);
    assert_string_equal(out, "imported: 53 records in 3 rooms\n");
    r->facts.head = 29;
    r->facts.lineage.n = 1; // the server was started again in between
    memcpy(r->facts.lineage.older[0].epoch, "an epoch 11", EPOCH_LEN);
    r->facts.lineage.older[0].last = 20;
    memcpy(r->facts.epoch, "a newer one", EPOCH_LEN);
    n = exported(&shelf, file, sizeof file);
    assert_int_equal(imported(&other, file, n, true), EXIT_DONE);
    assert_string_equal(out, "imported: 9 records in 1 rooms; 2 rooms were there\n");
    assert_int_equal(exported(&other, again, sizeof again), n);
    assert_memory_equal(file, again, n);
}

static void another_room_of_that_name(void **state)
{
    (void)state;
    struct shelf_room *r = shelf_room(&shelf, STR("lobby"));
    const size_t n = exported(&shelf, file, sizeof file);
    assert_int_equal(imported(&other, file, n, false), EXIT_DONE);
    memcpy(r->facts.epoch, "a stranger!", EPOCH_LEN);
    r->facts.head = 10;
    const size_t others = exported(&shelf, again, sizeof again);
    assert_int_equal(imported(&other, again, others, true), EXIT_FAILED);
    assert_non_null(strstr(err, "lobby: the store has another room of that name; it was left alone"));
    assert_int_equal(shelf_room(&other, STR("lobby"))->facts.head, 29);
    // One that the store has gone beyond, under a newer epoch, is no other.
    struct store_room *there = &shelf_room(&other, STR("lobby"))->facts;
    there->lineage.n = 1;
    memcpy(there->lineage.older[0].epoch, "a stranger!", EPOCH_LEN);
    there->lineage.older[0].last = 10;
    assert_int_equal(imported(&other, again, others, true), EXIT_DONE);
    assert_string_equal(out, "imported: 0 records in 0 rooms; 3 rooms were there\n");
    there->lineage.older[0].last = 9;
    assert_int_equal(imported(&other, again, others, true), EXIT_FAILED);
}

// The store is full at any of its sections: nothing of what was not kept is there, and the same import goes on.
static void full_in_the_middle(void **state)
{
    (void)state;
    const size_t n = exported(&shelf, file, sizeof file);
    uint32_t puts = 1;
    for (;; puts++) {
        other.puts_left = puts;
        const enum exit_code code = imported(&other, file, n, true);
        other.puts_left = 0;
        if (code == EXIT_DONE)
            break;
        assert_int_equal(code, EXIT_FAILED);
        assert_non_null(strstr(err, "the disk is full"));
        assert_false(other.ended_well);
        assert_int_equal(other.n, 0); // they are small: one commit
        assert_int_equal(imported(&other, file, n, true), EXIT_DONE);
        assert_int_equal(exported(&other, again, sizeof again), n);
        shelf_empty(&other);
    }
    assert_true(puts > 5);
}

// ---- care

static void info_and_compact(void **state)
{
    (void)state;
    assert_int_equal(run(&shelf, STORE_INFO, NULL), EXIT_DONE);
    assert_string_equal(out, "kind=shelf\nversion=Shelf 1\nschema=1\nrooms=3\nrecords=62\nbytes=4096\n"
                             "newest=2023-11-14T22:13:20Z\n");
    assert_int_equal(run(&shelf, STORE_COMPACT, NULL), EXIT_DONE);
    assert_string_equal(out, "compacted: 3096 bytes, were 4096\n");
}

static void backup(void **state)
{
    (void)state;
    assert_int_equal(run(&shelf, STORE_BACKUP, in_folder("backup")), EXIT_DONE);
    assert_non_null(strstr(out, "/backup, 6 bytes\n"));
    assert_int_equal(run(&shelf, STORE_BACKUP, in_folder("backup")), EXIT_USAGE);
    assert_non_null(strstr(err, "a backup is written over nothing"));
}

static void one_in_use(void **state)
{
    (void)state;
    shelf.opens = STORE_TAKEN;
    assert_int_equal(run(&shelf, STORE_COMPACT, NULL), EXIT_USAGE);
    assert_string_equal(err, "plenum store: cannot open it: is in use by another server, srv-2\n");
    assert_int_equal(shelf.compacted, 0);
    shelf.opens = STORE_FINE;
}

static void forget_leaves_a_line(void **state)
{
    (void)state;
    struct store_wish w = {.job = STORE_FORGET, .argument = "bob", .erase = true};
    char path[128];
    snprintf(path, sizeof path, "%s/audit", folder);
    w.audit = path;
    assert_int_equal(run_as(&shelf, &w), EXIT_DONE);
    assert_string_equal(out, "forgotten: bob, 12 records have no words of theirs any more\n");
    assert_int_equal(shelf.how, FORGET_ERASE);
    w = (struct store_wish){.job = STORE_FORGET, .argument = "ann", .pseudonym = true, .audit = path};
    assert_int_equal(run_as(&shelf, &w), EXIT_DONE);
    assert_int_equal(shelf.how, FORGET_PSEUDONYM);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    const size_t n = fread(again, 1, sizeof again - 1, f);
    fclose(f);
    again[n] = '\0';
    assert_non_null(strstr(again, "\"event\":\"forget\",\"target\":\"bob\",\"how\":\"erase\""));
    assert_non_null(strstr(again, "\"event\":\"forget\",\"target\":\"ann\",\"how\":\"pseudonym\""));
    // Where the line cannot be written nothing is done.
    shelf.forgot = NULL;
    w.audit = "/nowhere/audit";
    assert_int_equal(run_as(&shelf, &w), EXIT_USAGE);
    assert_null(shelf.forgot);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(whole_is_whole),
                                       T(a_record_that_is_another),
                                       T(a_record_that_is_none),
                                       T(pages),
                                       T(an_image_that_is_another),
                                       T(out_and_in_again),
                                       T(of_a_store_in_use),
                                       T(cut_or_changed),
                                       T(no_export),
                                       T(gone_on_with),
                                       T(another_room_of_that_name),
                                       T(into_one_that_has_rooms),
                                       T(full_in_the_middle),
                                       T(info_and_compact),
                                       T(backup),
                                       T(forget_leaves_a_line),
                                       T(one_in_use),
                                       T(an_export_that_breaks_off),
                                       T(a_full_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
