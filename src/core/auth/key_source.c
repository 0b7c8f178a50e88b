// SPDX-License-Identifier: Apache-2.0
#include "core/auth/key_source.h"

#include "base/assert.h"
#include "wire/http_cache.h"

// Where nothing is due.
#define NEVER UINT64_MAX

void key_source_init(struct key_source *s, uint64_t now_ms) { *s = (struct key_source){.due_ms = now_ms}; }

void key_source_begin(struct key_source *s)
{
    ASSERT(!s->under_way);
    s->under_way = true;
}

static uint32_t fresh_ms(const struct key_bounds *b, uint64_t fresh_s)
{
    uint64_t ms = fresh_s == HTTP_CACHE_UNSAID        ? KEY_FRESH_MS
                  : fresh_s >= b->fresh_max_ms / 1000 ? b->fresh_max_ms
                                                      : fresh_s * 1000;
    ms = ms < KEY_FRESH_MIN_MS ? KEY_FRESH_MIN_MS : ms;
    return ms < b->fresh_max_ms ? (uint32_t)ms : b->fresh_max_ms;
}

void key_source_good(struct key_source *s, const struct key_bounds *b, uint64_t now_ms, uint64_t fresh_s,
                     uint64_t luck, uint64_t stamp)
{
    ASSERT(s->under_way);
    ASSERT(stamp > s->good_stamp && stamp > s->bad_stamp);
    uint32_t fresh = fresh_ms(b, fresh_s);
    s->under_way = false;
    s->known = true;
    s->failures = 0;
    s->good_ms = now_ms;
    s->good_stamp = stamp;
    s->fresh_until_ms = now_ms + fresh;
    // Not all nodes at once, and with time for some more tries before the keys are stale.
    s->due_ms = now_ms + (uint64_t)fresh / 10 * 8 - luck % (fresh / 10 + 1);
    ASSERT(s->due_ms <= s->fresh_until_ms);
}

void key_source_bad(struct key_source *s, uint64_t now_ms, uint64_t luck, uint64_t stamp)
{
    enum { DOUBLINGS = 5 }; // 1 s becomes 32
    ASSERT(s->under_way);
    ASSERT(stamp > s->good_stamp && stamp > s->bad_stamp);
    uint32_t wait = (uint32_t)KEY_RETRY_MIN_MS << (s->failures < DOUBLINGS ? s->failures : DOUBLINGS);
    wait = wait < KEY_RETRY_MAX_MS ? wait : KEY_RETRY_MAX_MS;
    s->under_way = false;
    s->failures += s->failures < UINT32_MAX;
    s->bad_stamp = stamp;
    s->due_ms = now_ms + wait / 2 + luck % (wait / 2 + 1);
}

void key_source_hurry(struct key_source *s, uint64_t now_ms)
{
    if (s->due_ms > now_ms)
        s->due_ms = now_ms;
}

static uint64_t ends_ms(const struct key_source *s, const struct key_bounds *b)
{
    return s->known ? s->fresh_until_ms + b->stale_max_ms : NEVER;
}

bool key_source_expire(struct key_source *s, const struct key_bounds *b, uint64_t now_ms)
{
    if (now_ms < ends_ms(s, b))
        return false;
    s->known = false;
    return true;
}

uint64_t key_source_next_ms(const struct key_source *s, const struct key_bounds *b)
{
    uint64_t due_ms = s->under_way ? NEVER : s->due_ms, end_ms = ends_ms(s, b);
    return due_ms < end_ms ? due_ms : end_ms;
}

static enum key_wish later(uint64_t at_ms, uint64_t now_ms, uint32_t *ret_retry_ms)
{
    ASSERT(at_ms > now_ms);
    *ret_retry_ms = at_ms - now_ms < UINT32_MAX ? (uint32_t)(at_ms - now_ms) : UINT32_MAX;
    return KEY_LATER;
}

enum key_wish key_source_wish(struct key_source *s, uint64_t now_ms, uint64_t since, uint32_t *ret_retry_ms)
{
    if (s->good_stamp > since)
        return KEY_LOOKED;
    if (s->under_way || s->due_ms <= now_ms)
        return s->bad_stamp > since ? later(now_ms + KEY_RETRY_MIN_MS, now_ms, ret_retry_ms) : KEY_WAIT;
    if (s->failures > 0)
        return later(s->due_ms, now_ms, ret_retry_ms);
    if (s->early && now_ms - s->early_ms < KEY_EARLY_MS)
        return later(s->early_ms + KEY_EARLY_MS, now_ms, ret_retry_ms);
    s->early = true;
    s->early_ms = now_ms;
    s->due_ms = now_ms;
    return KEY_WAIT;
}

void key_source_check(const struct key_source *s)
{
    ASSERT(!s->known || s->good_stamp != 0);                      // 1
    ASSERT(!s->known || s->fresh_until_ms >= s->good_ms);         // 1
    ASSERT((s->failures != 0) == (s->bad_stamp > s->good_stamp)); // 2
    ASSERT(!s->early || s->due_ms >= s->early_ms);                // 3
}
