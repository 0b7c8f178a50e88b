// SPDX-License-Identifier: Apache-2.0
//
// Three looks: the database's own at its pages and indexes; the driver's at each row (sums, holes: store_driver.h); and core's at what
// the rows mean (home/remake.h): where a store has all records of a room, the image that it has must be what they make.
#include "app/complaints.h"
#include "app/store_tool.h"
#include "core/home/remake.h"
#include "core/log/record.h"

#include <inttypes.h>

struct verify {
    struct store_tool *t;
    struct siphash_key hash_key;
    struct buf image;
    uint64_t damaged, audit;

    // The room at hand
    str name;
    struct store_room facts;
    struct remake *anew; // of its records
    bool told;           // what is wrong with it: one line a room
    bool stop;           // memory is out
};

static bool damaged(struct verify *v, const char *what, uint64_t number)
{
    if (!v->told) {
        v->damaged++;
        fprintf(v->t->out, "%s: ", complaint_bare(v->name).z);
        fprintf(v->t->out, number != 0 ? "%s (record %" PRIu64 ")" : "%s", what, number);
        fputs(
            "; the room is not to be trusted: put back a backup, or see \"A damaged room\" in docs/STORE.md\n",
            v->t->out);
    }
    v->told = true;
    return false;
}

static bool damaged_fault(struct verify *v, enum store_fault fault)
{
    if (fault == STORE_FINE)
        return true;
    if (fault == STORE_DAMAGED) {
        damaged(v, v->t->why.text[0] != '\0' ? v->t->why.text : "what the store has is damaged", 0);
    } else {
        store_tool_tell(v->t, complaint_bare(v->name).z, fault);
        v->stop = true;
    }
    v->t->why.text[0] = '\0';
    return false;
}

static bool out_of_memory(struct verify *v)
{
    store_tool_tell(v->t, complaint_bare(v->name).z, STORE_NO_MEMORY);
    v->stop = true;
    return false;
}

// ---- a room

static bool same_epoch(const struct store_room *r, str epoch)
{
    bool same = memcmp(r->epoch, epoch.p, EPOCH_LEN) == 0 || memcmp(r->lineage.life, epoch.p, EPOCH_LEN) == 0;
    for (uint32_t i = 0; i < r->lineage.n; i++)
        same = same || memcmp(r->lineage.older[i].epoch, epoch.p, EPOCH_LEN) == 0;
    return same;
}

// Whether what it says of itself fits what the row says of it. ret_epoch: by which the room is made anew.
static bool look_at_image(struct verify *v, str *ret_epoch)
{
    uint64_t at;
    const struct store_room *r = &v->facts;
    *ret_epoch = str_make(r->lineage.life, EPOCH_LEN);
    if (r->first > 1 && r->image_at + 1 < r->first)
        return damaged(v, "there are records missing between its image and its first one", r->first);
    if (r->image_at == 0)
        return v->image.n == 0 || damaged(v, "it has an image of no record", 0);
    const enum image_verdict verdict = image_look(buf_str(&v->image), ret_epoch, &at);
    if (verdict == IMAGE_NEWER)
        return damaged(v, "its image is of a newer version than this program knows", r->image_at);
    if (verdict != IMAGE_OK)
        return damaged(v, "its image is none", r->image_at);
    if (at != r->image_at)
        return damaged(v, "its image is as of another record than its row says", at);
    return same_epoch(r, *ret_epoch) || damaged(v, "its image is of an epoch that it never had", at);
}

// The image that the store has against what the records up to there have made.
static bool compare_image(struct verify *v)
{
    struct remake stored;
    bool nomem = false;
    remake_init(&stored, v->t->mem, v->anew->made.epoch, &v->hash_key);
    const enum image_verdict verdict = remake_image(&stored, buf_str(&v->image), v->facts.image_at);
    const bool same = verdict == IMAGE_OK && remake_same(&stored, v->anew, &nomem);
    remake_deinit(&stored);
    if (verdict == IMAGE_MEMORY || nomem)
        return out_of_memory(v);
    if (verdict != IMAGE_OK)
        return damaged(v, "its image has something in it that cannot be", v->facts.image_at);
    return same || damaged(v, "its image is not what its records make", v->facts.image_at);
}

static bool check_record(void *ctx, uint64_t offset, str record)
{
    struct verify *v = ctx;
    struct entry e;
    if (offset != v->anew->log.head + 1) { // before the image with which it begins
        const enum record_verdict read = record_decode(record, &e);
        return read == RECORD_OK || damaged(v, record_verdict_text(read), offset);
    }
    switch (remake_record(v->anew, record)) {
    case REMAKE_FINE:
        return v->facts.first != 1 || offset != v->facts.image_at || compare_image(v);
    case REMAKE_RECORD:
        return damaged(v, record_verdict_text(record_decode(record, &e)), offset);
    case REMAKE_OTHER:
        return damaged(v, "it is not what would have come of it after those before it", offset);
    case REMAKE_MEMORY:
        break;
    }
    return out_of_memory(v);
}

static bool check_records(struct verify *v)
{
    const struct store_room *r = &v->facts;
    if (r->first > 1) {
        const enum image_verdict verdict = remake_image(v->anew, buf_str(&v->image), r->image_at);
        if (verdict == IMAGE_MEMORY)
            return out_of_memory(v);
        if (verdict != IMAGE_OK)
            return damaged(v, "its image has something in it that cannot be", r->image_at);
    }
    return damaged_fault(v, store_each_record(v->t, v->name, r->first, r->head, check_record, v));
}

static enum exit_code check_room(void *ctx, str name)
{
    struct verify *v = ctx;
    struct remake anew;
    str epoch;
    v->name = name;
    v->told = false;
    const enum store_fault fault = store_peek(v->t, name, &v->facts, &v->image);
    if (fault == STORE_NOTHING) // it has gone since it was listed
        return EXIT_DONE;
    v->t->rooms++;
    if (damaged_fault(v, fault) && look_at_image(v, &epoch)) {
        remake_init(&anew, v->t->mem, epoch, &v->hash_key);
        v->anew = &anew;
        check_records(v);
        remake_deinit(&anew);
    }
    return v->stop ? EXIT_FAILED : EXIT_DONE;
}

// ---- all of it

static void tell(const struct verify *v)
{
    if (v->damaged != 0)
        fprintf(v->t->out, "damaged: %" PRIu64 " of %" PRIu64 " rooms\n", v->damaged, v->t->rooms);
    else
        fprintf(v->t->out, "whole: %" PRIu64 " rooms, %" PRIu64 " records\n", v->t->rooms, v->t->records);
}

enum exit_code store_verify(struct store_tool *t)
{
    struct verify v = {.t = t};
    bool own = true;
    enum store_fault fault = t->driver->check(t->link, &t->why);
    if (fault == STORE_DAMAGED) {
        fprintf(t->out, "the database: %s; put back a backup\n",
                t->why.text[0] != '\0' ? t->why.text : "its pages or indexes are damaged");
        t->why.text[0] = '\0';
        own = false;
        fault = STORE_FINE;
    }
    if (fault == STORE_FINE)
        fault = store_hash_key(t, &v.hash_key);
    if (fault != STORE_FINE) {
        store_tool_tell(t, "cannot verify it", fault);
        return EXIT_FAILED;
    }
    buf_init(&v.image, t->mem, 0);
    const enum exit_code code = store_each_room(t, check_room, &v);
    store_tool_progress(t, true);
    buf_deinit(&v.image);
    if (code == EXIT_DONE)
        tell(&v);
    return code == EXIT_DONE && own && v.damaged == 0 ? EXIT_DONE : EXIT_FAILED;
}
