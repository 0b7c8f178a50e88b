// SPDX-License-Identifier: Apache-2.0
#include "io/store_driver.h"

#include "core/log/record.h"
#include "dialect/datum.h"

#include <stdarg.h>
#include <stdio.h>

const char *store_fault_name(enum store_fault f)
{
    static const char *const names[] = {
        [STORE_FINE] = "fine",       [STORE_NOTHING] = "nothing", [STORE_BUSY] = "busy",
        [STORE_DAMAGED] = "damaged", [STORE_NEWER] = "newer",     [STORE_FOREIGN] = "foreign",
        [STORE_DENIED] = "denied",   [STORE_TAKEN] = "taken",     [STORE_NO_MEMORY] = "no_memory",
    };
    ASSERT(f < sizeof names / sizeof names[0]);
    return names[f];
}

void store_say(struct store_why *why, const char *format, ...)
{
    va_list args;
    if (why == NULL || why->text[0] != 0)
        return;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
}

// No secret: who can write to the database can write a sum. It is against what nobody has meant.
uint64_t store_sum(str room, uint64_t number, str bytes)
{
    const struct siphash_key key = {number, siphash(&(struct siphash_key){room.n, 0}, room.p, room.n)};
    return siphash(&key, bytes.p, bytes.n);
}

bool store_record_make(uint64_t offset, str bytes, struct store_record *ret)
{
    struct entry e;
    if (record_decode(bytes, &e) != RECORD_OK)
        return false;
    const bool says = (e.type == ENTRY_MESSAGE || e.type == ENTRY_EDIT) && e.erased == 0;
    *ret = (struct store_record){.offset = offset,
                                 .type = (uint8_t)e.type,
                                 .about = e.about,
                                 .steady_ms = e.steady_ms,
                                 .time_ms = e.time_ms,
                                 .user = e.user,
                                 .words = says && !data_is_datum(e.data) ? e.data : STR_NONE,
                                 .bytes = bytes};
    return true;
}

// --- facts

enum { FACTS_VERSION = 1 };

static void put_epoch(struct buf *out, const char epoch[EPOCH_LEN]) { buf_put(out, epoch, EPOCH_LEN); }

static void put_number(struct buf *out, uint64_t v)
{
    for (size_t i = 0; i < sizeof v; i++)
        buf_put_char(out, (char)(uint8_t)(v >> (8 * i)));
}

// | version | durability | n | epoch | life | first (8) | head (8) | image_at (8) | epoch, last (8), n times |, little-endian.
void store_facts_put(struct buf *out, const struct store_room *r)
{
    ASSERT(r->lineage.n <= LINEAGE_MAX);
    buf_put_char(out, FACTS_VERSION);
    buf_put_char(out, (char)r->durability);
    buf_put_char(out, (char)r->lineage.n);
    put_epoch(out, r->epoch);
    put_epoch(out, r->lineage.life);
    put_number(out, r->first);
    put_number(out, r->head);
    put_number(out, r->image_at);
    for (uint32_t i = 0; i < r->lineage.n; i++) {
        put_epoch(out, r->lineage.older[i].epoch);
        put_number(out, r->lineage.older[i].last);
    }
}

static bool take(str *from, void *ret, size_t n)
{
    if (from->n < n)
        return false;
    memcpy(ret, from->p, n);
    *from = str_make(from->p + n, from->n - n);
    return true;
}

static bool take_number(str *from, uint64_t *ret)
{
    uint8_t bytes[8];
    if (!take(from, bytes, sizeof bytes))
        return false;
    *ret = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *ret |= (uint64_t)bytes[i] << (8 * i);
    return true;
}

bool store_facts_take(str bytes, struct store_room *ret)
{
    uint8_t head[3];
    *ret = (struct store_room){.clean = false};
    if (!take(&bytes, head, sizeof head) || head[0] != FACTS_VERSION || head[1] > DURABILITY_DISK ||
        head[2] > LINEAGE_MAX || !take(&bytes, ret->epoch, EPOCH_LEN) ||
        !take(&bytes, ret->lineage.life, EPOCH_LEN) || !take_number(&bytes, &ret->first) ||
        !take_number(&bytes, &ret->head) || !take_number(&bytes, &ret->image_at))
        return false;
    ret->durability = head[1];
    ret->lineage.n = head[2];
    for (uint32_t i = 0; i < head[2]; i++)
        if (!take(&bytes, ret->lineage.older[i].epoch, EPOCH_LEN) ||
            !take_number(&bytes, &ret->lineage.older[i].last))
            return false;
    return bytes.n == 0 && ret->first >= 1 && ret->first <= ret->head + 1 && ret->image_at <= ret->head;
}
