// SPDX-License-Identifier: Apache-2.0
#include "io/store_sqlite_write.h"

#include "io/store_sqlite_read.h"

#include "core/log/record.h"

// The id of a new row; its facts are put with the section.
static enum store_fault room_add(struct store_link *l, const struct store_section *p, struct sqlite_room *ret,
                                 struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_ADD);
    sqlite_bind_str(s, 1, p->name);
    sqlite3_bind_int64(s, 2, sqlite_print(p->name));
    const enum store_fault f = sqlite_run(l, s, why);
    *ret = (struct sqlite_room){.id = sqlite3_last_insert_rowid(l->sql)};
    ret->facts.first = p->first;
    ret->facts.head = p->first - 1;
    return f;
}

static enum store_fault cut(struct store_link *l, int64_t id, uint64_t before, struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_CUT);
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, (int64_t)before);
    l->took_words = true; // what goes with its room was said, too
    return sqlite_run(l, s, why);
}

static enum store_fault drop(struct store_link *l, int64_t id, struct store_why *why)
{
    enum store_fault f = cut(l, id, INT64_MAX, why);
    if (f != STORE_FINE)
        return f;
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_DROP);
    sqlite3_bind_int64(s, 1, id);
    return sqlite_run(l, s, why);
}

enum store_fault sqlite_erase_row(struct store_link *l, str room, int64_t id, sqlite3_stmt *row,
                                  struct store_why *why)
{
    const uint64_t offset = (uint64_t)sqlite3_column_int64(row, 0);
    struct buf bytes;
    buf_init(&bytes, l->db->mem, 0);
    buf_put_str(&bytes, sqlite_str(row, 1));
    enum store_fault f = buf_ok(&bytes) ? STORE_FINE : STORE_NO_MEMORY;
    if (f == STORE_FINE && store_sum(room, offset, buf_str(&bytes)) != (uint64_t)sqlite3_column_int64(row, 2))
        f = sqlite_damaged(l, room, "a record is not as it was written", why);
    if (f == STORE_FINE) {
        sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_SET);
        record_erase(bytes.p, bytes.n);
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_int64(s, 2, (int64_t)offset);
        sqlite_bind_str(s, 3, buf_str(&bytes));
        sqlite3_bind_int64(s, 4, (int64_t)store_sum(room, offset, buf_str(&bytes)));
        f = sqlite_run(l, s, why);
    }
    buf_deinit(&bytes);
    return f;
}

// The rows change under the statement that finds them: but neither their keys nor what they are found by, and none comes or goes.
static enum store_fault take_words(struct store_link *l, str room, int64_t id, uint64_t target, uint64_t by,
                                   struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_WORDS);
    enum store_fault f = STORE_FINE;
    int code = SQLITE_DONE;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, (int64_t)target);
    sqlite3_bind_int64(s, 3, (int64_t)by);
    sqlite3_bind_int64(s, 4, ENTRY_MESSAGE);
    sqlite3_bind_int64(s, 5, ENTRY_EDIT);
    l->took_words = true;
    while (f == STORE_FINE && (code = sqlite3_step(s)) == SQLITE_ROW)
        f = sqlite_erase_row(l, room, id, s, why);
    if (f == STORE_FINE)
        f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f;
}

static enum store_fault put_record(struct store_link *l, str room, int64_t id, uint64_t offset, str bytes,
                                   struct store_why *why)
{
    struct store_record r;
    uint64_t target;
    if (!store_record_make(offset, bytes, &r))
        return sqlite_damaged(l, room, "what is to be kept is no record", why);
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_ADD);
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, (int64_t)offset);
    sqlite3_bind_int64(s, 3, r.type);
    sqlite3_bind_int64(s, 4, (int64_t)r.about);
    sqlite3_bind_int64(s, 5, (int64_t)r.time_ms);
    sqlite_bind_str(s, 6, r.user);
    sqlite_bind_str(s, 7, bytes);
    sqlite3_bind_int64(s, 8, (int64_t)store_sum(room, offset, bytes));
    const enum store_fault f = sqlite_run(l, s, why);
    if (f != STORE_FINE || !store_takes_words(bytes, &target))
        return f;
    return take_words(l, room, id, target, offset, why);
}

static enum store_fault put_records(struct store_link *l, const struct store_section *p,
                                    const struct sqlite_room *r, struct store_why *why)
{
    str rest = p->records, record;
    for (uint32_t i = 0; i < p->count; i++) {
        enum store_fault f;
        if (!store_take_section_record(&rest, &record))
            return sqlite_damaged(l, p->name, "what is to be kept is cut", why);
        if (p->first + i <= r->facts.head)
            continue; // the same one again
        if ((f = put_record(l, p->name, r->id, p->first + i, record, why)) != STORE_FINE)
            return f;
    }
    return STORE_FINE;
}

static enum store_fault put_image(struct store_link *l, const struct store_section *p, int64_t id,
                                  struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_IMAGE);
    sqlite3_bind_int64(s, 1, id);
    sqlite_bind_str(s, 2, p->image);
    sqlite3_bind_int64(s, 3, (int64_t)store_sum(p->name, sqlite_image_number(p->head), p->image));
    return sqlite_run(l, s, why);
}

static enum store_fault put_facts(struct store_link *l, const struct store_section *p, struct sqlite_room *r,
                                  struct store_why *why)
{
    struct buf facts;
    memcpy(r->facts.epoch, p->epoch, EPOCH_LEN);
    r->facts.durability = p->durability;
    r->facts.lineage = p->lineage;
    r->facts.head = p->head > r->facts.head ? p->head : r->facts.head;
    if (p->from > r->facts.first)
        r->facts.first = p->from;
    if (p->image.n != 0)
        r->facts.image_at = p->head;
    buf_init(&facts, l->db->mem, 0);
    store_facts_put(&facts, &r->facts);
    enum store_fault f = buf_ok(&facts) ? STORE_FINE : STORE_NO_MEMORY;
    if (f == STORE_FINE) {
        sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_FACTS);
        sqlite3_bind_int64(s, 1, r->id);
        sqlite_bind_str(s, 2, buf_str(&facts));
        const uint64_t number = sqlite_facts_number(l->db->run, p->ended);
        sqlite3_bind_int64(s, 3, (int64_t)store_sum(p->name, number, buf_str(&facts)));
        sqlite3_bind_int64(s, 4, l->db->run);
        sqlite3_bind_int(s, 5, p->ended);
        f = sqlite_run(l, s, why);
    }
    buf_deinit(&facts);
    return f;
}

static enum store_fault put_section(struct store_link *l, const struct store_section *p,
                                    struct store_why *why)
{
    struct sqlite_room r;
    enum store_fault f = sqlite_room_get(l, p->name, &r, NULL, why);
    if (p->over)
        return f == STORE_NOTHING ? STORE_FINE : f != STORE_FINE ? f : drop(l, r.id, why);
    if (f == STORE_NOTHING)
        f = room_add(l, p, &r, why);
    if (f != STORE_FINE)
        return f;
    if (p->first > r.facts.head + 1 && p->from != p->first)
        return sqlite_damaged(l, p->name, "records are missing before those that are to be kept", why);
    if (p->count != 0 && p->first <= r.facts.head && memcmp(p->epoch, r.facts.epoch, EPOCH_LEN) != 0)
        return sqlite_damaged(l, p->name, "it has other records at those offsets, of another epoch", why);
    if ((f = put_records(l, p, &r, why)) == STORE_FINE && p->image.n != 0)
        f = put_image(l, p, r.id, why);
    if (f == STORE_FINE && p->from > r.facts.first)
        f = cut(l, r.id, p->from, why);
    return f == STORE_FINE ? put_facts(l, p, &r, why) : f;
}

enum store_fault sqlite_put(struct store_link *l, const struct store_section *s, struct store_why *why)
{
    const enum store_fault f = put_section(l, s, why);
    if (f != STORE_FINE && !sqlite3_get_autocommit(l->sql))
        (void)sqlite_run(l, sqlite_take(l, SQL_ROLLBACK), NULL);
    return f;
}
