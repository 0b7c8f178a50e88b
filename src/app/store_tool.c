// SPDX-License-Identifier: Apache-2.0
#include "app/store_tool.h"

#include "app/complaints.h"

#include <inttypes.h>
#include <unistd.h>

void store_tool_tell(struct store_tool *t, const char *doing, enum store_fault fault)
{
    if (t->why.text[0] != '\0')
        fprintf(t->err, "plenum store: %s: %s\n", doing, t->why.text);
    else
        fprintf(t->err, "plenum store: %s: the store says `%s`\n", doing, store_fault_name(fault));
    t->why.text[0] = '\0';
}

bool store_tool_open(struct store_tool *t, const struct store_driver *d, const struct store_config *c)
{
    t->driver = d;
    t->well = true;
    t->shows = isatty(fileno(t->err)) == 1;
    enum store_fault fault = d->open(t->mem, c, &t->db, &t->why);
    if (fault != STORE_FINE)
        t->db = NULL;
    else
        fault = d->link(t->db, !c->read_only, &t->link, &t->why);
    if (fault == STORE_FINE)
        return true;
    store_tool_tell(t, "cannot open it", fault);
    t->link = NULL;
    store_tool_close(t);
    return false;
}

void store_tool_close(struct store_tool *t)
{
    t->driver->unlink(t->link);
    t->driver->close(t->db, t->well);
    t->link = NULL;
    t->db = NULL;
}

void store_tool_progress(const struct store_tool *t, bool ends)
{
    enum { EVERY = 4096 };
    if (!t->shows || (!ends && t->records % EVERY != 0))
        return;
    fprintf(t->err, "\r%" PRIu64 " rooms, %" PRIu64 " records%s", t->rooms, t->records, ends ? "\n" : "");
    fflush(t->err);
}

static enum exit_code each_of(const struct buf *names, store_room_fn *fn, void *ctx, char last[ROOM_NAME_MAX],
                              size_t *ret_n)
{
    enum exit_code code = EXIT_DONE;
    str rest = buf_str(names);
    while (code == EXIT_DONE && rest.n > 0) {
        const str name = str_take(str_skip(rest, 1), (uint8_t)rest.p[0]);
        ASSERT(name.n == (uint8_t)rest.p[0] && name.n <= ROOM_NAME_MAX);
        code = fn(ctx, name);
        memcpy(last, name.p, *ret_n = name.n);
        rest = str_skip(rest, 1 + name.n);
    }
    return code;
}

enum exit_code store_each_room(struct store_tool *t, store_room_fn *fn, void *ctx)
{
    struct buf names;
    char last[ROOM_NAME_MAX];
    size_t last_n = 0;
    enum exit_code code = EXIT_DONE;
    buf_init(&names, t->mem, 0);
    do {
        buf_cut(&names, 0);
        enum store_fault fault =
            t->driver->rooms(t->link, str_make(last, last_n), STORE_TOOL_NAMES, &names, &t->why);
        if (fault == STORE_FINE && !buf_ok(&names))
            fault = STORE_NO_MEMORY;
        if (fault == STORE_FINE) {
            code = each_of(&names, fn, ctx, last, &last_n);
        } else if (fault != STORE_NOTHING) {
            store_tool_tell(t, "cannot list its rooms", fault);
            code = EXIT_FAILED;
        }
    } while (code == EXIT_DONE && names.n > 0);
    buf_deinit(&names);
    return code;
}

// A piece of them: from *next on.
static enum store_fault take_piece(struct store_tool *t, str piece, uint64_t *next, uint64_t last,
                                   store_record_fn *fn, void *ctx, bool *ret_on)
{
    uint64_t offset;
    str record;
    while (*ret_on && piece.n > 0) {
        if (!store_take_record(&piece, &offset, &record) || offset != *next || offset > last) {
            store_say(&t->why, "the record %" PRIu64 " is missing", *next);
            return STORE_DAMAGED;
        }
        (*next)++;
        t->records++;
        store_tool_progress(t, false);
        *ret_on = fn(ctx, offset, record);
    }
    return STORE_FINE;
}

enum store_fault store_each_record(struct store_tool *t, str room, uint64_t first, uint64_t last,
                                   store_record_fn *fn, void *ctx)
{
    struct buf piece;
    enum store_fault fault = STORE_FINE;
    bool on = true;
    buf_init(&piece, t->mem, 0);
    while (fault == STORE_FINE && on && first <= last) {
        const uint64_t before = first;
        uint64_t there;
        buf_cut(&piece, 0);
        fault =
            t->driver->fetch(t->link, room, first, last, STORE_TOOL_PIECE, false, &piece, &there, &t->why);
        if (fault == STORE_FINE && !buf_ok(&piece))
            fault = STORE_NO_MEMORY;
        if (fault == STORE_FINE)
            fault = take_piece(t, buf_str(&piece), &first, last, fn, ctx, &on);
        if (fault == STORE_FINE && on && first == before) {
            store_say(&t->why, "the record %" PRIu64 " is missing", first);
            fault = STORE_DAMAGED;
        }
    }
    buf_deinit(&piece);
    return fault;
}

enum store_fault store_peek(struct store_tool *t, str room, struct store_room *ret, struct buf *image)
{
    struct buf records;
    uint64_t from, last;
    buf_init(&records, t->mem, 0);
    buf_cut(image, 0);
    enum store_fault fault =
        t->driver->load(t->link, room, true, 0, 0, ret, image, &records, &from, &last, &t->why);
    if (fault == STORE_FINE && (!buf_ok(image) || !buf_ok(&records)))
        fault = STORE_NO_MEMORY;
    buf_deinit(&records);
    return fault;
}

enum store_fault store_hash_key(struct store_tool *t, struct siphash_key *ret)
{
    struct buf value;
    *ret = (struct siphash_key){0, 0};
    buf_init(&value, t->mem, STORE_META_MAX);
    enum store_fault fault = t->driver->meta_get(t->link, "hash_key", &value, &t->why);
    if (fault == STORE_FINE && value.n == sizeof *ret)
        memcpy(ret, value.p, sizeof *ret);
    else if (fault == STORE_FINE)
        fault = STORE_DAMAGED;
    buf_deinit(&value);
    return fault == STORE_NOTHING ? STORE_FINE : fault;
}
