// SPDX-License-Identifier: Apache-2.0
//
// remake.h - a room made anew from what a store has of it, away from any home: to say whether its image, and its records, are what
// they should be (`plenum store verify`).
//
//      records 1 .............. image_at ............ head       all of them: the image is compared with what they have made by then
//                first ........ image_at ............ head       not from 1 on: the image is where it begins
//
// A record that is applied comes out as it went in, void or not, as what becomes of it is decided by those before it (apply.h). So
// where one does not, it, or something before it, is not what was said.
//
// Compared is what records alone make: how people stand, what they share, invitations. Not who has read how far, which is in no
// record, nor keys, of which a home gives up those that are over when it likes.
//
// Ownership: all of it its own; the hash key is borrowed. Memory: the newest REMAKE_RECORDS of the records, and what is made of all. Thread: one.
#ifndef PLENUM_CORE_HOME_REMAKE_H
#define PLENUM_CORE_HOME_REMAKE_H

#include "core/home/image.h"
#include "core/mail/post.h"

enum { REMAKE_RECORDS = 1024 };

enum remake_fault {
    REMAKE_FINE,
    REMAKE_RECORD, // it cannot be read; what it is: record.h
    REMAKE_OTHER,  // by what was said before it, another one would have to be there
    REMAKE_MEMORY,
};

struct remake {
    struct mem *mem;
    char epoch[EPOCH_LEN];
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *state;
    struct invitations *invitations;
    struct reads *reads;
    struct buf scratch, result;
    struct made made;
};

// Of nothing yet; it may not move. epoch: EPOCH_LEN bytes.
void remake_init(struct remake *r, struct mem *m, str epoch, const struct siphash_key *hash_key);
void remake_deinit(struct remake *r);
// Begins with an image of offset `at`, instead of with the record 1.
enum image_verdict remake_image(struct remake *r, str image, uint64_t at) WARN_UNUSED;
// The next record: r->log.head + 1.
enum remake_fault remake_record(struct remake *r, str bytes) WARN_UNUSED;
// Both have come to the same. False, too, when memory is out: *ret_nomem.
bool remake_same(struct remake *a, struct remake *b, bool *ret_nomem) WARN_UNUSED;

#endif
