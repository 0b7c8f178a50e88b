// SPDX-License-Identifier: Apache-2.0
#include "io/store_sqlite_read.h"

#include "core/log/words.h"

#include <stdio.h>

static enum store_fault room_of(struct store_link *l, str name, sqlite3_stmt *s, struct sqlite_room *ret,
                                struct buf *image, struct store_why *why)
{
    const str facts = sqlite_str(s, 1), picture = sqlite_str(s, 3);
    ret->id = sqlite3_column_int64(s, 0);
    ret->run = sqlite3_column_int64(s, 5);
    ret->ended = sqlite3_column_int(s, 6) != 0;
    if (store_sum(name, sqlite_facts_number(ret->run, ret->ended), facts) !=
            (uint64_t)sqlite3_column_int64(s, 2) ||
        !store_facts_take(facts, &ret->facts))
        return sqlite_damaged(l, name, "what is known of it is not as it was written", why);
    if (image == NULL)
        return STORE_FINE;
    if (ret->facts.image_at != 0 && store_sum(name, sqlite_image_number(ret->facts.image_at), picture) !=
                                        (uint64_t)sqlite3_column_int64(s, 4))
        return sqlite_damaged(l, name, "its image is not as it was written", why);
    if (ret->facts.image_at != 0)
        buf_put_str(image, picture);
    return buf_ok(image) ? STORE_FINE : STORE_NO_MEMORY;
}

// By its name it is not there. Were it for a page that is damaged, whoever asks would begin it anew.
static enum store_fault absent(struct store_link *l, str name, struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_PRINTED);
    sqlite3_bind_int64(s, 1, sqlite_print(name));
    const int code = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    const bool there = code == SQLITE_ROW && sqlite3_column_int(s, 0) != 0;
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    if (f != STORE_FINE)
        return f;
    return there ? sqlite_damaged(l, name, "one index has it, and another has not", why) : STORE_NOTHING;
}

enum store_fault sqlite_room_get(struct store_link *l, str name, struct sqlite_room *ret, struct buf *image,
                                 struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_GET);
    sqlite_bind_str(s, 1, name);
    const int code = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    enum store_fault f = sqlite_fault(l, code, why);
    if (f == STORE_FINE)
        f = code != SQLITE_ROW ? absent(l, name, why) : room_of(l, name, s, ret, image, why);
    sqlite_done(s);
    return f;
}

// No run since the one that wrote it has ended badly; of this run's own, only what was ended.
static enum store_fault is_clean(struct store_link *l, const struct sqlite_room *r, bool *ret,
                                 struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_RUN_BAD);
    sqlite3_bind_int64(s, 1, r->run);
    sqlite3_bind_int64(s, 2, l->db->run);
    const int code = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    *ret = code == SQLITE_ROW && sqlite3_column_int(s, 0) == 0 && (r->run != l->db->run || r->ended);
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f;
}

// Rows of offset, bytes, sum. next, to: the offset that has to come, and the last one, 0: any. piece: bytes, 0: no limit. *last: of the newest one put.
static enum store_fault put_rows(struct store_link *l, str room, sqlite3_stmt *s, uint64_t next, uint64_t to,
                                 size_t piece, struct buf *records, uint64_t *last, struct store_why *why)
{
    const size_t before = records->n;
    int code = SQLITE_ERROR;
    enum store_fault f = STORE_FINE;
    while (f == STORE_FINE && s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const uint64_t offset = (uint64_t)sqlite3_column_int64(s, 0);
        const str bytes = sqlite_str(s, 1);
        if (piece != 0 && records->n > before && records->n - before + bytes.n > piece)
            break;
        if (next != 0 && offset != next)
            f = sqlite_damaged(l, room, "a record is missing", why);
        else if (store_sum(room, offset, bytes) != (uint64_t)sqlite3_column_int64(s, 2))
            f = sqlite_damaged(l, room, "a record is not as it was written", why);
        else
            store_put_record(records, offset, bytes);
        *last = offset;
        next += next != 0;
    }
    if (f == STORE_FINE)
        f = sqlite_fault(l, code, why);
    if (f == STORE_FINE && code == SQLITE_DONE && *last < to)
        f = sqlite_damaged(l, room, "a record is missing", why);
    if (f == STORE_FINE && !buf_ok(records))
        f = STORE_NO_MEMORY;
    sqlite_done(s);
    return f;
}

static enum store_fault put_range(struct store_link *l, str room, int64_t id, uint64_t first, uint64_t last,
                                  uint32_t piece, struct buf *records, uint64_t *ret_last,
                                  struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_RANGE);
    *ret_last = first - 1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, (int64_t)first);
    sqlite3_bind_int64(s, 3, (int64_t)last);
    return put_rows(l, room, s, first, first <= last ? last : 0, piece, records, ret_last, why);
}

// Where the newest `bytes` of records begin.
static enum store_fault newest(struct store_link *l, const struct sqlite_room *r, uint32_t bytes,
                               uint64_t *ret, struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_SIZES);
    uint64_t sum = 0;
    int code = SQLITE_ERROR;
    *ret = r->facts.head + 1;
    sqlite3_bind_int64(s, 1, r->id);
    while (s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        if ((sum += (uint64_t)sqlite3_column_int64(s, 1)) > bytes)
            break;
        *ret = (uint64_t)sqlite3_column_int64(s, 0);
    }
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f;
}

// At most so many of the newest, and bytes; but what the image does not tell, and those that words are judged by, in any case.
static uint64_t load_from(const struct store_room *r, uint32_t most, uint64_t newest_from)
{
    uint64_t from = r->head + 1 > most ? r->head + 1 - most : 1;
    from = from > newest_from ? from : newest_from;
    const uint64_t needed = r->image_at + 1 > WORD_JUDGED ? r->image_at + 1 - WORD_JUDGED : 1;
    from = from < needed ? from : needed;
    return from > r->first ? from : r->first;
}

static enum store_fault load(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                             struct store_room *ret, struct buf *image, struct buf *records,
                             uint64_t *ret_from, uint64_t *ret_last, struct store_why *why)
{
    struct sqlite_room r;
    uint64_t newest_from;
    enum store_fault f = sqlite_room_get(l, room, &r, image, why);
    if (f != STORE_FINE || (f = is_clean(l, &r, &r.facts.clean, why)) != STORE_FINE)
        return f;
    *ret = r.facts;
    *ret_from = r.facts.head + 1;
    *ret_last = r.facts.head;
    if (peek || (f = newest(l, &r, bytes, &newest_from, why)) != STORE_FINE)
        return f;
    *ret_from = load_from(&r.facts, most, newest_from);
    return put_range(l, room, r.id, *ret_from, r.facts.head, STORE_PIECE_BYTES, records, ret_last, why);
}

// What is read is of one moment, unless the link is writing: then it is of that.
static enum store_fault read_begin(struct store_link *l, bool *ret_own, struct store_why *why)
{
    *ret_own = sqlite3_get_autocommit(l->sql) != 0;
    return *ret_own ? sqlite_run(l, sqlite_take(l, SQL_READ), why) : STORE_FINE;
}

static void read_end(struct store_link *l, bool own)
{
    if (own)
        (void)sqlite_run(l, sqlite_take(l, SQL_ROLLBACK), NULL);
}

enum store_fault sqlite_load(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                             struct store_room *ret, struct buf *image, struct buf *records,
                             uint64_t *ret_from, uint64_t *ret_last, struct store_why *why)
{
    bool own;
    enum store_fault f = read_begin(l, &own, why);
    if (f != STORE_FINE)
        return f;
    f = load(l, room, peek, most, bytes, ret, image, records, ret_from, ret_last, why);
    read_end(l, own);
    return f;
}

static enum store_fault fetch(struct store_link *l, str room, uint64_t first, uint64_t last, uint32_t piece,
                              bool about, struct buf *records, uint64_t *ret_last, struct store_why *why)
{
    struct sqlite_room r;
    uint64_t newest_about = 0;
    enum store_fault f = sqlite_room_get(l, room, &r, NULL, why);
    if (f != STORE_FINE)
        return f;
    first = first > r.facts.first ? first : r.facts.first;
    last = last < r.facts.head ? last : r.facts.head;
    f = put_range(l, room, r.id, first, last, piece, records, ret_last, why);
    if (f != STORE_FINE || !about || *ret_last < first)
        return f;
    sqlite3_stmt *s = sqlite_take(l, SQL_RECORD_ABOUT);
    sqlite3_bind_int64(s, 1, r.id);
    sqlite3_bind_int64(s, 2, (int64_t)first);
    sqlite3_bind_int64(s, 3, (int64_t)*ret_last);
    return put_rows(l, room, s, 0, 0, 0, records, &newest_about, why);
}

enum store_fault sqlite_fetch(struct store_link *l, str room, uint64_t first, uint64_t last, uint32_t piece,
                              bool about, struct buf *records, uint64_t *ret_last, struct store_why *why)
{
    bool own;
    enum store_fault f = read_begin(l, &own, why);
    if (f != STORE_FINE)
        return f;
    f = fetch(l, room, first, last, piece, about, records, ret_last, why);
    read_end(l, own);
    return f;
}

enum store_fault sqlite_rooms(struct store_link *l, str after, uint32_t most, struct buf *names,
                              struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_ROOM_NAMES);
    int code = SQLITE_ERROR;
    sqlite_bind_str(s, 1, after);
    sqlite3_bind_int64(s, 2, most);
    while (s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const str name = sqlite_str(s, 0);
        buf_put_char(names, (char)name.n);
        buf_put_str(names, name);
    }
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f == STORE_FINE && !buf_ok(names) ? STORE_NO_MEMORY : f;
}

static enum store_fault file_bytes(struct store_link *l, uint64_t *ret, struct store_why *why)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(
        l->sql, "SELECT page_count*page_size FROM pragma_page_count, pragma_page_size", -1, &s, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        *ret = (uint64_t)sqlite3_column_int64(s, 0);
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite3_finalize(s);
    return f;
}

enum store_fault sqlite_info(struct store_link *l, struct store_info *ret, struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_INFO);
    const int code = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    *ret = (struct store_info){.schema = STORE_SCHEMA};
    if (code == SQLITE_ROW) {
        ret->rooms = (uint64_t)sqlite3_column_int64(s, 0);
        ret->records = (uint64_t)sqlite3_column_int64(s, 1);
        ret->oldest_ms = (uint64_t)sqlite3_column_int64(s, 2);
        ret->newest_ms = (uint64_t)sqlite3_column_int64(s, 3);
    }
    snprintf(ret->version, sizeof ret->version, "SQLite %s", sqlite3_libversion());
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f == STORE_FINE ? file_bytes(l, &ret->bytes, why) : f;
}

enum store_fault sqlite_check(struct store_link *l, struct store_why *why)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(l->sql, "PRAGMA integrity_check(1)", -1, &s, NULL);
    enum store_fault f = STORE_FINE;
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW && !str_eq(sqlite_str(s, 0), STR("ok"))) {
        store_say(why, "%s: %s", l->db->path, (const char *)sqlite3_column_text(s, 0));
        f = STORE_DAMAGED;
    }
    if (f == STORE_FINE)
        f = sqlite_fault(l, code, why);
    sqlite3_finalize(s);
    return f;
}
