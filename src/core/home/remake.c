// SPDX-License-Identifier: Apache-2.0
//
// Two rooms are the same where their images are, byte by byte, which have everything in an order of its own; so what an image gets
// one day is compared from that day on.
#include "core/home/remake.h"

#include "core/log/record.h"

void remake_init(struct remake *r, struct mem *m, str epoch, const struct siphash_key *hash_key)
{
    ASSERT(epoch.n == EPOCH_LEN);
    *r = (struct remake){.mem = m};
    memcpy(r->epoch, epoch.p, EPOCH_LEN);
    log_init(&r->log, m);
    once_init(&r->said, m);
    once_group_init(&r->keys);
    buf_init(&r->scratch, m, 0);
    buf_init(&r->result, m, 0);
    r->made = (struct made){.log = &r->log,
                            .said = &r->said,
                            .keys = &r->keys,
                            .epoch = str_make(r->epoch, EPOCH_LEN),
                            .hash_key = hash_key,
                            .standing = &r->standing,
                            .mem = m,
                            .state = &r->state,
                            .invitations = &r->invitations,
                            .result = &r->result};
}

void remake_deinit(struct remake *r)
{
    log_deinit(&r->log);
    once_deinit(&r->said);
    standing_free(&r->standing, r->mem);
    state_free(&r->state, r->mem);
    invitations_free(&r->invitations, r->mem);
    reads_free(&r->reads, r->mem);
    buf_deinit(&r->scratch);
    buf_deinit(&r->result);
}

enum image_verdict remake_image(struct remake *r, str image, uint64_t at)
{
    ASSERT(r->log.head == 0 && at != 0);
    enum image_verdict v = image_take(image, &r->made, &r->reads);
    if (v == IMAGE_OK)
        log_begin(&r->log, at + 1);
    ASSERT(r->log.head == (v == IMAGE_OK ? at : 0));
    return v;
}

// What nobody will ask for again.
static void let_go(struct remake *r)
{
    const struct log_limits limits = {.records = REMAKE_RECORDS, .bytes = UINT32_MAX, .age_ms = UINT32_MAX};
    const uint64_t newest = log_newest_ms(&r->log);
    if (r->log.head % REMAKE_RECORDS == 0)
        once_expire(&r->said, newest, true);
    log_trim(&r->log, &limits, r->log.head, newest);
    ASSERT(r->log.head + 1 - r->log.tail <= REMAKE_RECORDS);
}

enum remake_fault remake_record(struct remake *r, str bytes)
{
    struct entry e;
    struct verdict v;
    const struct live_tools tools = {.scratch = &r->scratch};
    const uint64_t offset = r->log.head + 1;
    if (record_decode(bytes, &e) != RECORD_OK)
        return REMAKE_RECORD;
    if (apply_record(&r->made, offset, &e, NULL, &tools, &v) != OK)
        return REMAKE_MEMORY;
    ASSERT(r->log.head == offset);
    const bool same = str_eq(log_record(&r->log, offset), bytes);
    let_go(r);
    return same ? REMAKE_FINE : REMAKE_OTHER;
}

// The image of what records alone have made.
static void put_made(struct remake *r, struct buf *out)
{
    struct once_group none;
    struct made made = r->made;
    once_group_init(&none);
    none.newest_ms = r->keys.newest_ms;
    made.keys = &none;
    buf_init(out, r->mem, 0);
    image_put(out, &made, NULL);
}

bool remake_same(struct remake *a, struct remake *b, bool *ret_nomem)
{
    struct buf x, y;
    ASSERT(a->log.head == b->log.head); // as of one record
    ASSERT(a->made.hash_key == b->made.hash_key);
    put_made(a, &x);
    put_made(b, &y);
    *ret_nomem = !buf_ok(&x) || !buf_ok(&y);
    const bool same = !*ret_nomem && str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}
