// SPDX-License-Identifier: Apache-2.0
//
// reads.h - how far people have read a room: a position each, and how many messages there are behind it.
//
// It is kept by the room for those who go, too, and in no record: who has read what is of use as long as the room is there.
// A position goes forward only. What is behind it is counted once, when it is set, in the log; from there on it follows from how many
// messages there have been since.
//
// Invariants (reads_check)
//   1. each row is found by its user; rows are in order of when they were set last
//   2. no row has more messages up to it than there are
//
// Ownership: the room's. Memory: the room's share, within the budget. Limits: READS_MAX rows, then the one that was set longest ago goes.
// Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_READS_H
#define PLENUM_CORE_HOME_READS_H

#include "base/map.h"
#include "base/siphash.h"
#include "core/log/log.h"

struct read_row {
    u128 user;       // a fingerprint
    uint64_t offset; // it has read all up to there
    uint64_t count;  // messages up to there
    uint32_t older, newer;
};

struct reads {
    struct map by_user;
    struct read_row *rows;
    uint32_t n, cap;
    uint32_t oldest, newest;
    uint64_t messages; // so many there are, counted from anywhere
};

// ERR_NOMEM. False in *ret_moved: it has read as far already. offset: of a record that people have been told of.
enum err reads_set(struct reads **r, const struct log *l, u128 user, uint64_t offset,
                   bool *ret_moved) WARN_UNUSED;
// Of an image (image.h), who has set theirs longest ago first; `messages` is that of all. ERR_NOMEM; ERR_LIMIT: there is one of that
// user, or as many as there may be.
enum err reads_take(struct reads **r, struct mem *m, const struct read_row *row,
                    uint64_t messages) WARN_UNUSED;
// A message was appended.
static inline void reads_message(struct reads *r)
{
    if (r != NULL)
        r->messages++;
}
// False: nothing is known of that user. r may be NULL. `told`: the newest record that people have been told of; what is behind it, as it
// waits for its commit, is not unread yet: it will be heard.
bool reads_find(const struct reads *r, const struct log *l, u128 user, uint64_t told, uint64_t *ret_offset,
                uint64_t *ret_unread);
void reads_free(struct reads **r, struct mem *m);
void reads_check(const struct reads *r);

#endif
