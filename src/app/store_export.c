// SPDX-License-Identifier: Apache-2.0
//
// A file that outlives versions and drivers: JSON, line by line, with the bytes that have formats of their own (record.md,
// image.proto) in base64. Its last line has the sum of all before it, so that a file that was cut, or changed, is seen to be.
//
// Rooms are read one after the other while a server may be writing: each is as it was at one moment, its newest records are those
// of the facts that were read first. What comes later is not in it.
#include "app/complaints.h"
#include "app/store_tool.h"
#include "base/codec.h"
#include "core/common/rule.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <inttypes.h>

struct export
{
    struct store_tool *t;
    FILE *to;
    struct digest_run *sum;
    struct buf line, image;
    uint64_t audit; // its lines
    bool failed;    // the file takes nothing, or memory is out
};

static const char *const durabilities[] = {
    [DURABILITY_MEMORY] = "memory", [DURABILITY_ASYNC] = "async", [DURABILITY_DISK] = "disk"};

static void put_name(struct buf *b, const char *name)
{
    buf_put_char(b, b->n == 0 ? '{' : ',');
    buf_put_char(b, '"');
    buf_put_str(b, str_from_cstr(name));
    BUF_PUT_LIT(b, "\":");
}

static void put_number(struct buf *b, const char *name, uint64_t v)
{
    put_name(b, name);
    buf_put_u64(b, v);
}

static void put_text(struct buf *b, const char *name, str text)
{
    put_name(b, name);
    json_put_string(b, text);
}

static void put_bytes(struct buf *b, const char *name, str bytes)
{
    put_name(b, name);
    buf_put_char(b, '"');
    char *at = buf_reserve(b, 4 * ((bytes.n + 2) / 3));
    if (at != NULL)
        buf_commit(b, base64_encode(bytes.p, bytes.n, at));
    buf_put_char(b, '"');
}

static bool end_line(struct export *x, bool counts)
{
    BUF_PUT_LIT(&x->line, "}\n");
    x->failed = x->failed || !buf_ok(&x->line) ||
                (counts && digest_run_add(x->sum, x->line.p, x->line.n) != OK) ||
                fwrite(x->line.p, 1, x->line.n, x->to) != x->line.n;
    buf_cut(&x->line, 0);
    return !x->failed;
}

static enum store_fault put_meta(struct export *x, const char *key, bool number)
{
    struct buf value;
    uint64_t v = 0;
    buf_init(&value, x->t->mem, STORE_META_MAX);
    enum store_fault fault = x->t->driver->meta_get(x->t->link, key, &value, &x->t->why);
    if (fault == STORE_FINE && number && str_to_u64(buf_str(&value), UINT64_MAX, &v))
        put_number(&x->line, key, v);
    else if (fault == STORE_FINE && !number)
        put_bytes(&x->line, key, buf_str(&value));
    buf_deinit(&value);
    return fault == STORE_NOTHING ? STORE_FINE : fault;
}

static enum store_fault put_header(struct export *x)
{
    put_number(&x->line, "plenum_store", STORE_EXPORT_VERSION);
    put_text(&x->line, "by", STR("plenum " PLENUM_VERSION));
    put_text(&x->line, "kind", str_from_cstr(x->t->driver->name));
    enum store_fault fault = put_meta(x, "hash_key", false);
    if (fault == STORE_FINE)
        fault = put_meta(x, "steady_ms", true);
    end_line(x, true);
    return fault;
}

static void put_older(struct buf *b, const struct lineage *l)
{
    put_name(b, "older");
    buf_put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        buf_put_str(b, i == 0 ? STR("[") : STR(",["));
        json_put_string(b, str_make(l->older[i].epoch, EPOCH_LEN));
        buf_put_char(b, ',');
        buf_put_u64(b, l->older[i].last);
        buf_put_char(b, ']');
    }
    buf_put_char(b, ']');
}

static bool put_facts(struct export *x, str name, const struct store_room *r)
{
    struct buf *b = &x->line;
    put_text(b, "room", name);
    put_text(b, "durability", str_from_cstr(durabilities[r->durability]));
    put_name(b, "clean");
    buf_put_str(b, r->clean ? STR("true") : STR("false"));
    put_text(b, "epoch", str_make(r->epoch, EPOCH_LEN));
    put_text(b, "life", str_make(r->lineage.life, EPOCH_LEN));
    put_older(b, &r->lineage);
    put_number(b, "first", r->first);
    put_number(b, "head", r->head);
    put_number(b, "image_at", r->image_at);
    put_bytes(b, "image", buf_str(&x->image));
    return end_line(x, true);
}

static bool put_record(void *ctx, uint64_t offset, str record)
{
    struct export *x = ctx;
    put_number(&x->line, "offset", offset);
    put_bytes(&x->line, "record", record);
    return end_line(x, true);
}

static enum exit_code put_room(void *ctx, str name)
{
    struct export *x = ctx;
    struct store_room facts;
    enum store_fault fault = store_peek(x->t, name, &facts, &x->image);
    if (fault == STORE_NOTHING) // it has gone since it was listed
        return EXIT_DONE;
    x->t->rooms++;
    if (fault == STORE_FINE && put_facts(x, name, &facts))
        fault = store_each_record(x->t, name, facts.first, facts.head, put_record, x);
    if (fault == STORE_FINE)
        return x->failed ? EXIT_FAILED : EXIT_DONE;
    store_tool_tell(x->t, complaint_bare(name).z, fault);
    return EXIT_FAILED;
}

static enum store_fault put_audit(struct export *x)
{
    struct buf lines;
    enum store_fault fault;
    buf_init(&lines, x->t->mem, 0);
    do {
        str line, rest;
        buf_cut(&lines, 0);
        fault = x->t->driver->audit_get(x->t->link, x->audit + 1, STORE_TOOL_NAMES, &lines, &x->t->why);
        rest = buf_str(&lines);
        while (fault == STORE_FINE && !x->failed && store_take_section_record(&rest, &line)) {
            put_number(&x->line, "audit", ++x->audit);
            put_bytes(&x->line, "line", line);
            end_line(x, true);
        }
    } while (fault == STORE_FINE && !x->failed && lines.n > 0);
    buf_deinit(&lines);
    return fault == STORE_NOTHING ? STORE_FINE : fault;
}

static void put_end(struct export *x)
{
    uint8_t sum[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    x->failed = x->failed || digest_run_end(x->sum, sum) != OK;
    for (size_t i = 0; !x->failed && i < sizeof sum; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    put_number(&x->line, "rooms", x->t->rooms);
    put_number(&x->line, "records", x->t->records);
    put_number(&x->line, "audit_lines", x->audit);
    put_text(&x->line, "sha256", x->failed ? STR_NONE : str_make(hex, 2 * SHA256_BYTES));
    end_line(x, false);
    x->failed = x->failed || fflush(x->to) != 0;
}

enum exit_code store_export(struct store_tool *t, FILE *to)
{
    struct export x = {.t = t, .to = to};
    enum exit_code code = EXIT_DONE;
    buf_init(&x.line, t->mem, 0);
    buf_init(&x.image, t->mem, 0);
    x.failed = digest_run_begin(&x.sum) != OK;
    enum store_fault fault = x.failed ? STORE_NO_MEMORY : put_header(&x);
    if (fault == STORE_FINE)
        code = store_each_room(t, put_room, &x);
    if (fault == STORE_FINE && code == EXIT_DONE)
        fault = put_audit(&x);
    if (fault == STORE_FINE && code == EXIT_DONE)
        put_end(&x);
    if (fault != STORE_FINE)
        store_tool_tell(t, "cannot export it", fault);
    else if (x.failed)
        fprintf(t->err, "plenum store: cannot export it: the file takes nothing, or memory is out\n");
    store_tool_progress(t, true);
    digest_run_free(x.sum);
    buf_deinit(&x.line);
    buf_deinit(&x.image);
    return fault != STORE_FINE || x.failed ? EXIT_FAILED : code;
}
