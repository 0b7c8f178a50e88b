// SPDX-License-Identifier: Apache-2.0
//
// keep.h - what is said in rooms goes to the store (mail/store.h), and how far it has got.
//
//      offsets   1 ........ kept ........ posted ........ head
//                in the store | in the batch | gathers, until the batch before it is kept
//                             | under way    |
//
// A room's durability (common/rule.h) says what waits for that: of `disk` people are told what is kept (a reader of the log, log/log.h);
// of `async` nobody waits, and a batch is sent after KEEP_ASYNC_MS. All rooms of a shard share its batches, so that the slower the
// store is, the more it is given at once.
//
// What is not kept yet is not trimmed from a log (room_droppable): while a store is away, what is said gathers in memory, up to the
// budget; then it is refused. A room that nobody is in is there until all of it is kept.
//
// An image (image.h) goes along where a room has got KEEP_IMAGE_RECORDS records since the last one, where read positions have moved, which no record
// says, and with a room's last section. So a room is loaded from one image and some records, be it as old as it may.
//
// Invariants (keep_check)
//   1. kept <= posted <= head of each room, and nothing behind kept is trimmed; the reader of a `disk` room has what people see
//   2. a room is in the list exactly while it has something to be sent
//   3. no more than one batch is under way
//
// Ownership: the room's. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_KEEP_H
#define PLENUM_CORE_HOME_KEEP_H

#include "core/common/list.h"
#include "core/log/log.h"
#include "core/mail/store.h"

enum {
    KEEP_ASYNC_MS =
        100, // what is said in an `async` room is sent after so long; "within a second" is promised
    KEEP_ASYNC_BYTES = 1 << 20, // or when there is so much of it
    KEEP_IMAGE_RECORDS = 1000,  // an image goes along after so many,
    KEEP_IMAGE_MS =
        1000, // and, of what no record says, after so long and a millisecond for each KEEP_IMAGE_BYTES of the last one
    KEEP_IMAGE_BYTES = 1000,
};

struct home;
struct room;

// Of a room, where there is a store.
struct keeping {
    struct log_reader reader; // of a `disk` room
    uint8_t durability;       // by which it is kept at the moment
    bool queued;              // in the list
    bool opening;             // it is being loaded (loading.h)
    bool moved;               // what no record says has changed since the last image
    bool ending;              // nobody is in it: its last section is to be sent,
    bool ended;               // was sent,
    bool gone;                // and is kept: it may go
    bool stored;              // there is something of it in the store, or under way there
    uint64_t posted, kept;
    uint64_t from;     // what is before that was closed with the room: said with the next section; 0: nothing
    uint64_t forgot;   // the last one of those
    uint64_t image_at; // the last image that was sent
    uint64_t image_ms; // the next one, where it is for what no record says, not before
    struct lineage *lineage; // NULL: it has had one epoch
};

struct keep {
    struct index_list rooms;
    struct store_mail *again; // a batch that was not kept, to be said again
    uint64_t again_ms;
    uint64_t due_ms; // of the list; UINT64_MAX: nothing in it
    size_t waiting;  // bytes of the list's rooms, about
    uint64_t seq;
    bool under_way;
    bool away; // the last one was not kept
    bool all;  // the server goes: what no record says is to be kept at once
    uint32_t retry_ms;
    struct buf batch; // working memory
};

enum err keep_init(struct home *h) WARN_UNUSED;
void keep_deinit(struct home *h);
// A room has been made; is gone. ERR_NOMEM.
enum err keep_room(struct home *h, struct room *r) WARN_UNUSED;
void keep_room_free(struct home *h, struct room *r);
// Before something is said: what its rule says holds from here on. False: it has to be kept first, and the store cannot be reached; until
// when it is not worth trying again (steady).
bool keep_ready(struct home *h, uint32_t room, uint64_t *ret_until_ms);
// Something has been appended to its log; something has changed that no record says.
void keep_said(struct home *h, uint32_t room, size_t bytes);
void keep_moved(struct home *h, uint32_t room);
// Its timer: an image that is due for that; when the next one is, UINT64_MAX = none.
uint64_t keep_room_due(struct home *h, uint32_t room);
// What was said before that offset was closed with the room, and need not be kept any more.
void keep_forget(struct home *h, uint32_t room, uint64_t from);
// Nobody is in it: true where nothing of it has to be kept any more. False: it will be, and then its timer fires.
bool keep_lets_go(struct home *h, uint32_t room);
// It is on its way out of here: whoever wants something of it waits until it is loaded anew.
bool keep_goes(struct home *h, uint32_t room);
// The server leaves, and no connection is left here; others' may be in rooms of here still, and say something. Rooms do not end by that: their
// store is told that its run has ended well. All is kept, for the time being.
void keep_all(struct home *h);
bool keep_done(const struct home *h);
void keep_turn(struct home *h);
uint64_t keep_due_ms(const struct home *h);
void keep_on_answer(struct home *h, struct store_mail *m); // KEPT, AWAY; it is taken
void keep_check(const struct home *h);

// Up to which offset records may be dropped from its log: those that people have seen, and that are kept where they have to be.
uint64_t room_droppable(const struct room *r);
// The epoch in which its keys are said (home/apply.h).
const char *room_life(const struct room *r);
// Who has seen that epoch up to an offset has seen all of the room up to there.
bool room_covers(const struct room *r, str epoch, uint64_t offset);

#endif
