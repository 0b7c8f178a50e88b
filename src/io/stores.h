// SPDX-License-Identifier: Apache-2.0
//
// stores.h - what carries the words of core/mail/store.h to a driver (io/store_driver.h): two helpers, one that writes and one that
// reads, so that a load never waits for an fsync.
//
//      KEEP of shard 0 --.      begin, put, put      no job is left, or
//      KEEP of shard 1 ---+--> (the mail is held) ---- STORES_GROUP_BYTES, STORES_GROUP_MS, all shards' -----> commit: KEPT, KEPT
//      KEEP of shard 2 --'
//      LOAD, FETCH, SEARCH --> one at a time: NONE, ROOM, RECORDS, AWAY, BROKEN
//
// *Group commit*: whatever came while a commit waited for the disk goes into the next one, so a disk that is slow takes more with
// each fsync. A fault undoes the transaction, and all that is held is AWAY: core says it again. A batch that is refused for its own sake
// (STORE_DAMAGED, STORE_TAKEN: what the store has of one of its rooms is not as it was, or another server's) is never skipped, as its shard
// would then be told of words that nobody has: it stays away, for STORES_REFUSED_MS each time, while those that shared its
// transaction come again at once and are kept without it. It is noticed, with the room's name.
//
// Each of the two has a breaker (io/breaker.h): what is BUSY or DENIED counts as failed. While it is open everything is AWAY at once.
//
// Invariants: a mail that was pushed is answered once, and KEPT only after the commit that has it was STORE_FINE; the batch of a shard
// that was pushed earlier is put earlier.
//
// Ownership: a pushed mail is theirs, a pulled one the puller's. The db is the caller's, and outlives them. Errors: ERR_NOMEM, ERR_LIMIT
// (no eventfd, no thread; no link: the sentence is in `why`). Thread: room, push and pull of one shard by its thread; the rest by the maker's.
#ifndef PLENUM_IO_STORES_H
#define PLENUM_IO_STORES_H

#include "base/err.h"
#include "base/mem.h"
#include "io/breaker.h"
#include "io/store_driver.h"

enum {
    STORES_GROUP_BYTES = 8 << 20, // of records and images, in one transaction
    STORES_GROUP_MS = 20,         // so long one may gather
    STORES_REFUSED_MS = 1000,
};

enum stores_side { STORES_WRITES, STORES_READS, STORES_SIDES }; // in the order of their ports

struct stores;

struct stores_config {
    const struct store_driver *driver;
    struct store_db *db;
    struct breaker_limits breaker;
    uint64_t seed;                               // of the breakers' dice
    void (*notice)(void *ctx, const char *text); // a line for the log. By the helpers' threads. May be NULL.
    void (*answered)(void *ctx, uint32_t shard); // an answer waits for that shard. By the helpers' threads.
    void *ctx;
};

enum err stores_create(struct mem *mem, uint32_t shard_count, const struct stores_config *config,
                       struct stores **ret, struct store_why *why) WARN_UNUSED;
enum err stores_start(struct stores *s) WARN_UNUSED;
// After the shards' threads have ended. What was pushed is tried, and its answers are dropped. NULL is fine.
void stores_destroy(struct stores *s);

uint32_t stores_room(struct stores *s, enum stores_side side, uint32_t shard);
void stores_push(struct stores *s, enum stores_side side, uint32_t shard, struct mail *m);
struct mail *stores_pull(struct stores *s, enum stores_side side, uint32_t shard);
// Transactions that were committed, and batches in them. Any thread.
void stores_counts(const struct stores *s, uint64_t *ret_commits, uint64_t *ret_batches);

#endif
