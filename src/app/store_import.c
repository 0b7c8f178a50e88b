// SPDX-License-Identifier: Apache-2.0
//
// The file is read twice. First to the end, with nothing done: each line, each record, the counts and the sum have to be right, so
// that a file that is cut, changed or of a newer version changes nothing. Then again, into the store: a room is put whole or not at
// all, several small ones by one commit. Where that breaks off, the rooms so far are there, and the same import with --merge goes on.
//
// What the store has of a room stays as it is; what the file has behind that is put behind it, if it is the same room: the same
// epoch, or one that has come after it (store.h, struct lineage).
#include "app/complaints.h"
#include "app/store_lines.h"
#include "app/store_tool.h"
#include "core/home/image.h"
#include "wire/digest.h"

#include <errno.h>
#include <inttypes.h>

struct import {
    struct store_tool *t;
    struct store_lines lines;
    bool writes, merge;
    bool begun;                                              // a transaction
    size_t uncommitted;                                      // bytes in it
    uint64_t rooms, file_records, audit;                     // so far, of the file
    uint64_t put_rooms, put_records, had_rooms, other_rooms; // of the second reading
    uint64_t steady_ms;
    bool unclean;

    struct store_room facts; // of the room at hand; an empty name: there is none
    struct buf name, image;
    uint64_t next;      // offset of its next record in the file
    bool skips;         // the store has it, or has another one of that name
    uint64_t from;      // records before that one are there already
    struct buf records; // that wait: n (4) | bytes, each
    uint64_t records_first;
};

static bool complain(struct import *m, const char *what)
{
    fprintf(m->t->err, "plenum store: line %" PRIu64 " of the file: %s\n", m->lines.at, what);
    return false;
}

static bool complain_fault(struct import *m, enum store_fault fault)
{
    if (fault != STORE_FINE)
        store_tool_tell(m->t, m->name.n != 0 ? complaint_bare(buf_str(&m->name)).z : "import", fault);
    return fault == STORE_FINE;
}

// ---- into the store

static bool begin(struct import *m)
{
    if (m->begun)
        return true;
    m->uncommitted = 0;
    m->begun = true;
    return complain_fault(m, m->t->driver->begin(m->t->link, &m->t->why));
}

// false: what was put since the last one is undone.
static bool commit(struct import *m)
{
    if (!m->begun)
        return true;
    m->begun = false;
    return complain_fault(m, m->t->driver->commit(m->t->link, &m->t->why));
}

// What waits, and the image where it is as of `head`.
static bool put_section(struct import *m, uint64_t head, bool ends)
{
    const struct store_room *r = &m->facts;
    const uint64_t count = m->records.n != 0 ? head + 1 - m->records_first : 0;
    const struct store_section s = {
        .durability = r->durability,
        .ended = ends,
        .first = count != 0 ? m->records_first : head + 1,
        .count = (uint32_t)count,
        .head = head,
        .from = r->first > 1 ? r->first : 0,
        .steady_ms = m->steady_ms,
        .name = buf_str(&m->name),
        .image = r->image_at == head && head != 0 ? buf_str(&m->image) : STR_NONE,
        .records = buf_str(&m->records),
        .lineage = r->lineage,
    };
    struct store_section section = s;
    memcpy(section.epoch, r->epoch, EPOCH_LEN);
    if (!begin(m) || !complain_fault(m, m->t->driver->put(m->t->link, &section, &m->t->why)))
        return false;
    m->uncommitted += m->records.n + section.image.n;
    m->put_records += count;
    buf_cut(&m->records, 0);
    return true;
}

// Whose it is, of those that the store has: how much of it is there.
static bool is_newer(const struct store_room *there, const struct store_room *file, uint64_t *ret_from)
{
    *ret_from = there->head + 1;
    if (memcmp(there->epoch, file->epoch, EPOCH_LEN) == 0)
        return true;
    for (uint32_t i = 0; i < file->lineage.n; i++)
        if (memcmp(there->epoch, file->lineage.older[i].epoch, EPOCH_LEN) == 0)
            return there->head <= file->lineage.older[i].last;
    return false;
}

static bool is_older(const struct store_room *there, const struct store_room *file)
{
    for (uint32_t i = 0; i < there->lineage.n; i++)
        if (memcmp(file->epoch, there->lineage.older[i].epoch, EPOCH_LEN) == 0)
            return file->head <= there->lineage.older[i].last;
    return false;
}

static bool look_at_room(struct import *m)
{
    struct store_room there;
    struct buf image;
    const struct store_room *file = &m->facts;
    buf_init(&image, m->t->mem, 0);
    enum store_fault fault = store_peek(m->t, buf_str(&m->name), &there, &image);
    buf_deinit(&image);
    m->from = file->first;
    if (fault == STORE_NOTHING) {
        m->t->why.text[0] = '\0';
        return true;
    }
    if (fault != STORE_FINE)
        return complain_fault(m, fault);
    uint64_t from;
    const bool newer = is_newer(&there, file, &from);
    m->skips = !newer || there.head >= file->head;
    m->from = from > file->first ? from : file->first;
    // All of it is there, and now it is known to be all.
    if (m->skips && newer && there.head == file->head && file->clean && !there.clean &&
        !put_section(m, file->head, true))
        return false;
    if (m->skips && (newer || is_older(&there, file))) {
        m->had_rooms++;
    } else if (m->skips) {
        m->other_rooms++;
        fprintf(m->t->err, "plenum store: %s: the store has another room of that name; it was left alone\n",
                complaint_bare(buf_str(&m->name)).z);
    }
    return true;
}

static bool begin_room(struct import *m)
{
    m->skips = false;
    m->unclean = m->unclean || !m->facts.clean;
    if (!m->writes)
        return true;
    if (!look_at_room(m))
        return false;
    if (m->skips)
        return true;
    m->put_rooms++;
    m->records_first = m->from;
    const uint64_t image_at = m->facts.image_at;
    return image_at == 0 || image_at + 1 != m->from || put_section(m, image_at, false);
}

static bool add_record(struct import *m, uint64_t offset, str record)
{
    if (!m->writes || m->skips || offset < m->from)
        return true;
    const uint32_t n = (uint32_t)record.n;
    if (m->records.n == 0)
        m->records_first = offset;
    buf_put(&m->records, &n, sizeof n);
    buf_put_str(&m->records, record);
    if (!buf_ok(&m->records))
        return complain_fault(m, STORE_NO_MEMORY);
    return (offset != m->facts.image_at && m->records.n < STORE_BATCH_BYTES) || put_section(m, offset, false);
}

// The room has all its records.
static bool end_room(struct import *m)
{
    if (m->name.n == 0)
        return true;
    if (m->next != m->facts.head + 1)
        return complain(m, "a room has fewer records than it says");
    bool good = !m->writes || m->skips || put_section(m, m->facts.head, true);
    buf_cut(&m->name, 0);
    return good && (m->uncommitted < STORE_BATCH_BYTES || commit(m));
}

// ---- line by line

static bool take_room(struct import *m, const struct store_line *line)
{
    if (!end_room(m))
        return false;
    uint64_t at = 0;
    str epoch;
    m->facts = line->facts;
    buf_cut(&m->image, 0);
    buf_put_str(&m->name, line->name);
    buf_put_str(&m->image, line->bytes);
    if (!buf_ok(&m->name) || !buf_ok(&m->image))
        return complain_fault(m, STORE_NO_MEMORY);
    const bool empty = line->bytes.n == 0;
    if (empty ? line->facts.image_at != 0
              : image_look(buf_str(&m->image), &epoch, &at) != IMAGE_OK || at != line->facts.image_at)
        return complain(m, "a room's image is none, is of a newer version, or is as of another record");
    m->next = line->facts.first;
    m->rooms++;
    return begin_room(m);
}

static bool take_record(struct import *m, const struct store_line *line)
{
    struct store_record r;
    if (m->name.n == 0 || line->number != m->next || m->next > m->facts.head)
        return complain(m, "a record comes where another one, or none, would");
    if (!store_record_make(line->number, line->bytes, &r))
        return complain(m, "a record is none, or of a newer version");
    if (r.steady_ms > m->steady_ms)
        m->steady_ms = r.steady_ms;
    m->next++;
    m->file_records++;
    return add_record(m, line->number, line->bytes);
}

static bool take_audit(struct import *m, const struct store_line *line)
{
    if (!end_room(m))
        return false;
    if (line->number != ++m->audit)
        return complain(m, "a line of the audit comes where another one would");
    if (!m->writes)
        return true;
    enum store_fault fault = STORE_FINE;
    if (!begin(m))
        return false;
    fault = m->t->driver->audit_put(m->t->link, line->number, line->bytes, &m->t->why);
    m->uncommitted += line->bytes.n;
    return complain_fault(m, fault) && (m->uncommitted < STORE_BATCH_BYTES || commit(m));
}

static bool take_end(struct import *m, const struct store_line *line)
{
    if (!end_room(m))
        return false;
    if (line->rooms != m->rooms || line->records != m->file_records || line->audit_lines != m->audit)
        return complain(m, "it counts other rooms, records or lines of the audit than there are");
    return store_lines_sum(&m->lines, line->sum) ||
           complain(m, "the sum is another: the file is not as it was written");
}

// From the first line to the last.
static bool read_file(struct import *m)
{
    struct store_line line;
    enum store_line_kind kind;
    bool good = true;
    m->rooms = m->file_records = m->audit = 0;
    if (!store_lines_next(&m->lines, &kind, &line) || kind != STORE_LINE_HEAD)
        return complain(m, m->lines.wrong != NULL ? m->lines.wrong : "it is no export of a store");
    m->steady_ms = m->lines.steady_ms;
    while (good && kind != STORE_LINE_END) {
        if (!store_lines_next(&m->lines, &kind, &line))
            return complain(m, m->lines.wrong);
        good = kind == STORE_LINE_ROOM     ? take_room(m, &line)
               : kind == STORE_LINE_RECORD ? take_record(m, &line)
               : kind == STORE_LINE_AUDIT  ? take_audit(m, &line)
               : kind == STORE_LINE_END    ? take_end(m, &line)
                                           : complain(m, "a second first line");
        m->t->rooms = m->rooms;
        m->t->records = m->file_records;
        store_tool_progress(m->t, false);
    }
    return good && (store_lines_over(&m->lines) || complain(m, "something comes behind the last line"));
}

// What is of the whole store: the key of an empty one is that of the file, as the fingerprints in its images are by it.
static bool put_meta(struct import *m)
{
    struct buf had;
    buf_init(&had, m->t->mem, STORE_META_MAX);
    enum store_fault fault = m->t->driver->meta_get(m->t->link, "hash_key", &had, &m->t->why);
    buf_deinit(&had);
    if (fault != STORE_NOTHING && fault != STORE_FINE)
        return complain_fault(m, fault);
    m->t->why.text[0] = '\0';
    if (m->lines.hash_key_n != 0 && !(m->merge && fault == STORE_FINE))
        fault = m->t->driver->meta_put(m->t->link, "hash_key",
                                       str_make(m->lines.hash_key, m->lines.hash_key_n), &m->t->why);
    return fault == STORE_NOTHING || complain_fault(m, fault);
}

static bool is_welcome(struct import *m)
{
    struct store_info info;
    enum store_fault fault = m->t->driver->info(m->t->link, &info, &m->t->why);
    if (fault != STORE_FINE)
        return complain_fault(m, fault);
    if (info.rooms != 0 && !m->merge)
        fprintf(m->t->err,
                "plenum store: the store has %" PRIu64
                " rooms, and an import wants an empty one; with --merge it "
                "adds what is not there\n",
                info.rooms);
    return info.rooms == 0 || m->merge;
}

static bool write_all(struct import *m)
{
    m->writes = true;
    bool good = store_lines_again(&m->lines) && put_meta(m) && read_file(m) && commit(m);
    if (m->begun)
        m->t->driver->rollback(m->t->link);
    // Where a room of the file was not closed in good order, what was said in it last is not known to be in the file: each
    // room gets a new epoch when it is loaded next (store.h, clean).
    m->t->well = good && !m->unclean;
    return good;
}

static void tell(const struct import *m)
{
    fprintf(m->t->out, "imported: %" PRIu64 " records in %" PRIu64 " rooms", m->put_records, m->put_rooms);
    if (m->had_rooms != 0)
        fprintf(m->t->out, "; %" PRIu64 " rooms were there", m->had_rooms);
    if (m->other_rooms != 0)
        fprintf(m->t->out, "; %" PRIu64 " were left out, as the store has others of that name",
                m->other_rooms);
    fputs(m->unclean ? "; its rooms begin new epochs, as the file was written while a server had them\n"
                     : "\n",
          m->t->out);
}

enum exit_code store_import(struct store_tool *t, FILE *from, bool merge)
{
    struct import m = {.t = t, .merge = merge};
    enum exit_code code = EXIT_USAGE;
    buf_init(&m.name, t->mem, 0);
    buf_init(&m.image, t->mem, 0);
    buf_init(&m.records, t->mem, 0);
    store_lines_init(&m.lines, t->mem, from);
    if (is_welcome(&m) && read_file(&m))
        code = write_all(&m) ? EXIT_DONE : EXIT_FAILED;
    store_tool_progress(t, true);
    if (code == EXIT_DONE)
        tell(&m);
    if (code == EXIT_DONE && m.other_rooms != 0)
        code = EXIT_FAILED;
    store_lines_deinit(&m.lines);
    buf_deinit(&m.name);
    buf_deinit(&m.image);
    buf_deinit(&m.records);
    return code;
}
