// SPDX-License-Identifier: Apache-2.0
//
// Rejected: verdicts in the records (a record is the same bytes wherever it is read, and who places it, an engine, knows no
// rooms), and verdicts by whoever proposes (two nodes can propose the same at once, and neither has seen the other's).
#include "core/home/apply.h"

#include "base/limits.h"
#include "core/log/record.h"
#include "core/mail/post.h"

// Whose keys they are: a user's in this life of the room.
static u128 owner_print(const struct made *m, str user)
{
    char material[EPOCH_LEN + USER_ID_MAX];
    ASSERT(m->epoch.n == EPOCH_LEN && user.n <= USER_ID_MAX);
    memcpy(material, m->epoch.p, EPOCH_LEN);
    if (user.n != 0)
        memcpy(material + EPOCH_LEN, user.p, user.n);
    return siphash128(m->hash_key, material, EPOCH_LEN + user.n);
}

static u128 key_print(const struct made *m, str key) { return siphash128(m->hash_key, key.p, key.n); }

static struct once_limits rule_of(const struct entry *e)
{
    return (struct once_limits){e->key_window_ms, e->key_count};
}

// When a record counts as said.
static uint64_t said_ms(const struct made *m, const struct entry *e)
{
    uint64_t newest = m->keys->newest_ms;
    return newest > ONCE_LATE_MS && e->steady_ms < newest - ONCE_LATE_MS ? newest - ONCE_LATE_MS
                                                                         : e->steady_ms;
}

struct verdict apply_judge(const struct made *m, const struct entry *e)
{
    struct verdict v = {false, 0};
    const struct once_limits rule = rule_of(e);
    if (e->key.n != 0)
        v.refused = once_find(m->said, owner_print(m, e->user), key_print(m, e->key), &rule, said_ms(m, e),
                              &v.offset);
    return v;
}

enum err apply_record(const struct made *m, uint64_t offset, struct entry *e, struct live *live,
                      int32_t utc_offset_s, struct buf *scratch, struct verdict *ret)
{
    const struct once_limits rule = rule_of(e);
    const u128 owner = e->key.n != 0 ? owner_print(m, e->user) : (u128){0};
    ASSERT(offset == m->log->head + 1 && !entry_passing(e->type));
    *ret = apply_judge(m, e);
    e->offset = offset;
    if (ret->refused)
        *e = (struct entry){.type = ENTRY_VOID,
                            .offset = offset,
                            .room = e->room,
                            .time_ms = e->time_ms,
                            .steady_ms = e->steady_ms};
    else
        ret->offset = offset;
    bool keyed = e->key.n != 0;
    if ((keyed && once_secure(m->said, m->keys, owner, said_ms(m, e)) != OK) ||
        place_entry(m->log, live, e, utc_offset_s, scratch) != OK)
        return ERR_NOMEM;
    if (keyed) {
        enum err kept = once_put(m->said, m->keys, owner, key_print(m, e->key), offset, &rule, said_ms(m, e));
        ASSERT(kept == OK);
    }
    if (e->steady_ms > m->keys->newest_ms)
        m->keys->newest_ms = e->steady_ms;
    return OK;
}

struct verdict apply_recall(const struct made *m, uint64_t offset, const struct entry *e)
{
    str record = log_record(m->log, offset);
    struct entry as_judged = *e;
    as_judged.steady_ms = record_steady(record);
    if (record_type(record) != ENTRY_VOID)
        return (struct verdict){false, offset};
    struct verdict v = apply_judge(m, &as_judged);
    return v.refused ? v : (struct verdict){true, offset}; // pushed out meanwhile: it cannot be told any more
}
