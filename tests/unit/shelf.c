// SPDX-License-Identifier: Apache-2.0
#include "unit/shelf.h"

#include "core/log/record.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

void shelf_set(struct shelf_bytes *b, str bytes)
{
    char *p = bytes.n != 0 ? malloc(bytes.n) : NULL;
    assert_true(bytes.n == 0 || p != NULL);
    if (p != NULL)
        memcpy(p, bytes.p, bytes.n);
    free(b->p);
    *b = (struct shelf_bytes){p, bytes.n};
}

struct shelf_room *shelf_room(struct shelf *s, str name)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (str_eq(str_make(s->rooms[i]->name, s->rooms[i]->name_n), name))
            return s->rooms[i];
    return NULL;
}

static void free_room(struct shelf_room *r)
{
    shelf_set(&r->image, STR_NONE);
    for (size_t k = 0; k <= SHELF_RECORDS; k++)
        shelf_set(&r->records[k], STR_NONE);
    free(r);
}

void shelf_empty(struct shelf *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free_room(s->rooms[i]);
    for (size_t i = 0; i < SHELF_AUDIT; i++)
        shelf_set(&s->audit[i], STR_NONE);
    shelf_set(&s->hash_key, STR_NONE);
    *s = (struct shelf){.n = 0};
}

static struct shelf *copy(const struct shelf *s)
{
    struct shelf *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->n = s->n;
    c->steady_ms = s->steady_ms;
    shelf_set(&c->hash_key, shelf_str(&s->hash_key));
    for (size_t i = 0; i < SHELF_AUDIT; i++)
        shelf_set(&c->audit[i], shelf_str(&s->audit[i]));
    for (uint32_t i = 0; i < s->n; i++) {
        struct shelf_room *r = calloc(1, sizeof *r);
        assert_non_null(r);
        *r = *s->rooms[i];
        r->image.p = NULL;
        shelf_set(&r->image, shelf_str(&s->rooms[i]->image));
        for (size_t k = 0; k <= SHELF_RECORDS; k++) {
            r->records[k].p = NULL;
            shelf_set(&r->records[k], shelf_str(&s->rooms[i]->records[k]));
        }
        c->rooms[i] = r;
    }
    return c;
}

// ---- the driver

static enum store_fault shelf_open(struct mem *mem, const struct store_config *c, struct store_db **ret,
                                   struct store_why *why)
{
    struct shelf *s = c->notice_ctx;
    (void)mem;
    if (s->opens != STORE_FINE) {
        store_say(why, "is in use by another server, srv-2");
        return s->opens;
    }
    assert_false(s->open);
    s->open = true;
    s->read_only = c->read_only;
    s->run += !c->read_only;
    *ret = (struct store_db *)s;
    return STORE_FINE;
}

static void shelf_close(struct store_db *db, bool well)
{
    struct shelf *s = (struct shelf *)db;
    if (s == NULL)
        return;
    assert_null(s->before); // no transaction is left behind
    s->open = false;
    if (s->read_only)
        return;
    s->ended_well = well;
    s->bad_run = well ? s->bad_run : s->run;
    for (uint32_t i = 0; i < s->n; i++)
        s->rooms[i]->facts.clean = s->rooms[i]->run > s->bad_run;
}

static enum store_fault shelf_link(struct store_db *db, bool writes, struct store_link **ret,
                                   struct store_why *why)
{
    (void)why;
    assert_true(writes != ((struct shelf *)db)->read_only);
    *ret = (struct store_link *)db;
    return STORE_FINE;
}
static void shelf_unlink(struct store_link *l) { (void)l; }

static enum store_fault shelf_meta_get(struct store_link *l, const char *key, struct buf *ret,
                                       struct store_why *why)
{
    const struct shelf *s = (const struct shelf *)l;
    (void)why;
    if (strcmp(key, "steady_ms") == 0 && s->steady_ms != 0) {
        buf_put_u64(ret, s->steady_ms);
        return STORE_FINE;
    }
    if (strcmp(key, "hash_key") != 0 || s->hash_key.n == 0)
        return STORE_NOTHING;
    buf_put_str(ret, shelf_str(&s->hash_key));
    return STORE_FINE;
}

static enum store_fault shelf_meta_put(struct store_link *l, const char *key, str value,
                                       struct store_why *why)
{
    (void)why;
    assert_string_equal(key, "hash_key");
    assert_false(((struct shelf *)l)->read_only);
    shelf_set(&((struct shelf *)l)->hash_key, value);
    return STORE_FINE;
}

static enum store_fault shelf_begin(struct store_link *l, struct store_why *why)
{
    struct shelf *s = (struct shelf *)l;
    (void)why;
    assert_null(s->before);
    assert_false(s->read_only);
    s->before = copy(s);
    return STORE_FINE;
}

static enum store_fault shelf_commit(struct store_link *l, struct store_why *why)
{
    struct shelf *s = (struct shelf *)l;
    (void)why;
    assert_non_null(s->before);
    shelf_empty(s->before);
    free(s->before);
    s->before = NULL;
    return STORE_FINE;
}

static void shelf_rollback(struct store_link *l)
{
    struct shelf *s = (struct shelf *)l, was = *s;
    if (s->before == NULL)
        return;
    struct shelf *before = s->before;
    shelf_empty(s);
    *s = *before;
    free(before);
    s->open = was.open;
    s->read_only = was.read_only;
    s->puts_left = was.puts_left;
    s->run = was.run;
    s->bad_run = was.bad_run;
}

static struct shelf_room *make_room(struct shelf *s, str name)
{
    uint32_t at = 0;
    assert_true(s->n < SHELF_ROOMS);
    while (at < s->n && str_cmp(str_make(s->rooms[at]->name, s->rooms[at]->name_n), name) < 0)
        at++;
    memmove(s->rooms + at + 1, s->rooms + at, (s->n - at) * sizeof s->rooms[0]);
    s->n++;
    struct shelf_room *r = calloc(1, sizeof *r);
    assert_non_null(r);
    memcpy(r->name, name.p, r->name_n = name.n);
    r->facts.first = 1;
    return s->rooms[at] = r;
}

static void drop_room(struct shelf *s, struct shelf_room *r)
{
    uint32_t at = 0;
    while (s->rooms[at] != r)
        at++;
    free_room(r);
    memmove(s->rooms + at, s->rooms + at + 1, (s->n - at - 1) * sizeof s->rooms[0]);
    s->n--;
}

static void put_record(struct shelf_room *r, uint64_t offset, str record)
{
    uint64_t target;
    assert_true(offset <= SHELF_RECORDS);
    if (offset <= r->facts.head)
        return; // the same one again
    shelf_set(&r->records[offset], record);
    if (!store_takes_words(record, &target))
        return;
    for (uint64_t o = target; o < offset; o++) {
        struct store_record old;
        if (r->records[o].n != 0 && store_record_make(o, shelf_str(&r->records[o]), &old) &&
            (o == target || (old.type == ENTRY_EDIT && old.about == target)))
            record_erase(r->records[o].p, r->records[o].n);
    }
}

static enum store_fault shelf_put(struct store_link *l, const struct store_section *p, struct store_why *why)
{
    struct shelf *s = (struct shelf *)l;
    struct shelf_room *r = shelf_room(s, p->name);
    str rest = p->records, record;
    assert_non_null(s->before);
    if (s->puts_left == 1) {
        store_say(why, "the disk is full");
        shelf_rollback(l);
        return STORE_BUSY;
    }
    s->puts_left -= s->puts_left > 1;
    if (p->over) {
        if (r != NULL)
            drop_room(s, r);
        return STORE_FINE;
    }
    if (r == NULL) {
        r = make_room(s, p->name);
        r->facts.first = p->first;
        r->facts.head = p->first - 1;
    }
    assert_true(p->count == 0 || p->first <= r->facts.head + 1 || p->from != 0); // no hole
    for (uint32_t i = 0; i < p->count; i++) {
        assert_true(store_take_section_record(&rest, &record));
        put_record(r, p->first + i, record);
    }
    assert_int_equal(rest.n, 0);
    r->facts.head = p->head > r->facts.head ? p->head : r->facts.head;
    if (p->from > r->facts.first)
        r->facts.first = p->from;
    memcpy(r->facts.epoch, p->epoch, EPOCH_LEN);
    r->facts.lineage = p->lineage;
    r->facts.durability = p->durability;
    r->facts.clean = false;
    r->ended = p->ended;
    r->run = s->run;
    if (p->image.n != 0) {
        shelf_set(&r->image, p->image);
        r->facts.image_at = p->head;
    }
    s->steady_ms = p->steady_ms > s->steady_ms ? p->steady_ms : s->steady_ms;
    return STORE_FINE;
}

static enum store_fault shelf_fetch(struct store_link *l, str room, uint64_t first, uint64_t last,
                                    uint32_t piece, bool about, struct buf *records, uint64_t *ret_last,
                                    struct store_why *why)
{
    const struct shelf_room *r = shelf_room((struct shelf *)l, room);
    (void)piece, (void)about;
    assert_non_null(r);
    for (uint64_t o = first; o <= last && o < first + 7; o++) { // in small pieces
        if (r->records[o].n == 0) {
            store_say(why, "the record %llu is not as it was written", (unsigned long long)o);
            return STORE_DAMAGED;
        }
        store_put_record(records, o, shelf_str(&r->records[o]));
        *ret_last = o;
    }
    return STORE_FINE;
}

static uint64_t load_from(const struct store_room *r, uint32_t most)
{
    const uint64_t newest = most > 256 ? most : 256; // WORD_JUDGED
    uint64_t from = r->head + 1 > newest ? r->head + 1 - newest : 1;
    from = from > r->image_at + 1 ? r->image_at + 1 : from;
    return from > r->first ? from : r->first;
}

static enum store_fault shelf_load(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                                   struct store_room *ret, struct buf *image, struct buf *records,
                                   uint64_t *ret_from, uint64_t *ret_last, struct store_why *why)
{
    const struct shelf_room *r = shelf_room((struct shelf *)l, room);
    (void)bytes;
    if (r == NULL)
        return STORE_NOTHING;
    *ret = r->facts;
    buf_put_str(image, shelf_str(&r->image));
    *ret_from = peek ? r->facts.head + 1 : load_from(&r->facts, most);
    *ret_last = r->facts.head;
    if (*ret_from > r->facts.head)
        return STORE_FINE;
    return shelf_fetch(l, room, *ret_from, r->facts.head, 0, false, records, ret_last, why);
}

static enum store_fault shelf_rooms(struct store_link *l, str after, uint32_t most, struct buf *names,
                                    struct store_why *why)
{
    const struct shelf *s = (const struct shelf *)l;
    (void)why, (void)most;
    for (uint32_t i = 0, n = 0; i < s->n && n < 2; i++) { // in small pieces
        const str name = str_make(s->rooms[i]->name, s->rooms[i]->name_n);
        if (str_cmp(name, after) <= 0)
            continue;
        buf_put_char(names, (char)name.n);
        buf_put_str(names, name);
        n++;
    }
    return STORE_FINE;
}

static enum store_fault shelf_info(struct store_link *l, struct store_info *ret, struct store_why *why)
{
    const struct shelf *s = (const struct shelf *)l;
    (void)why;
    *ret = (struct store_info){.schema = 1, .rooms = s->n, .version = "Shelf 1", .newest_ms = 1700000000000u};
    for (uint32_t i = 0; i < s->n; i++)
        ret->records += s->rooms[i]->facts.head + 1 - s->rooms[i]->facts.first;
    ret->bytes = 4096 - s->compacted;
    return STORE_FINE;
}

static enum store_fault shelf_compact(struct store_link *l, struct store_why *why)
{
    (void)why;
    ((struct shelf *)l)->compacted += 1000;
    return STORE_FINE;
}

static enum store_fault shelf_forget(struct store_link *l, str user, enum store_forget how,
                                     uint64_t *ret_records, struct store_why *why)
{
    (void)why;
    ((struct shelf *)l)->forgot = user.p;
    ((struct shelf *)l)->how = how;
    *ret_records = 12;
    return STORE_FINE;
}

static enum store_fault shelf_backup(struct store_link *l, const char *path, struct store_why *why)
{
    FILE *f = fopen(path, "we");
    (void)l, (void)why;
    assert_non_null(f);
    fputs("a copy", f);
    return fclose(f) == 0 ? STORE_FINE : STORE_BUSY;
}

static enum store_fault shelf_check(struct store_link *l, struct store_why *why)
{
    if (((struct shelf *)l)->checks != STORE_FINE)
        store_say(why, "page 7 is not as it was written");
    return ((struct shelf *)l)->checks;
}

static enum store_fault shelf_audit_put(struct store_link *l, uint64_t seq, str line, struct store_why *why)
{
    (void)why;
    assert_true(seq >= 1 && seq <= SHELF_AUDIT);
    assert_non_null(((struct shelf *)l)->before);
    shelf_set(&((struct shelf *)l)->audit[seq - 1], line);
    return STORE_FINE;
}

static enum store_fault shelf_audit_get(struct store_link *l, uint64_t from, uint32_t most, struct buf *lines,
                                        struct store_why *why)
{
    const struct shelf *s = (const struct shelf *)l;
    (void)why, (void)most;
    for (uint64_t i = from; i < from + 2 && i <= SHELF_AUDIT && s->audit[i - 1].n != 0; i++) {
        const uint32_t n = (uint32_t)s->audit[i - 1].n;
        buf_put(lines, &n, sizeof n);
        buf_put_str(lines, shelf_str(&s->audit[i - 1]));
    }
    return STORE_FINE;
}

const struct store_driver shelf_driver = {
    .name = "shelf",
    .open = shelf_open,
    .close = shelf_close,
    .link = shelf_link,
    .unlink = shelf_unlink,
    .meta_get = shelf_meta_get,
    .meta_put = shelf_meta_put,
    .begin = shelf_begin,
    .put = shelf_put,
    .commit = shelf_commit,
    .rollback = shelf_rollback,
    .load = shelf_load,
    .fetch = shelf_fetch,
    .rooms = shelf_rooms,
    .info = shelf_info,
    .compact = shelf_compact,
    .forget = shelf_forget,
    .backup = shelf_backup,
    .check = shelf_check,
    .audit_put = shelf_audit_put,
    .audit_get = shelf_audit_get,
};
