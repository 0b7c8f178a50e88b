// SPDX-License-Identifier: Apache-2.0
//
// store.h - the words between a room's home and a store, which has rooms when the process has not. To core a store is two ports
// behind the shards, one for what is written and one for what is read; who carries it there (io/stores.h, the simulator's disk of
// dice) knows no more than this page.
//
//      home                                            store
//        LOAD name ------------------------------------>  what there is of that room
//        <-------------------------------- NONE            nothing; or
//        <-------------------------------- ROOM            its facts, its image (home/image.h), and as many of its newest records as fit
//        FETCH name, first..last ----------------------->
//        <-------------------------------- RECORDS         from `first` on, as many as fit, and what is about them
//        SEARCH name, text, before --------------------->
//        <-------------------------------- RECORDS         messages with those words, newest first
//        KEEP batch of sections ------------------------>  of several rooms
//        <-------------------------------- KEPT            all of it lies where a crash does not reach it; or
//        <-------------------------------- AWAY retry_ms   (of any of these) not now: it is slow, locked, full, gone
//        <-------------------------------- BROKEN          (of LOAD, FETCH, SEARCH) what it has of that room is damaged: it is not served
//
// An answer to KEEP is the very mail that asked, so a batch that has to be kept again is not made again, nor counted twice.
// A shard has one KEEP under way: while it is, what comes next gathers, so the slower a disk is the more goes into one write.
//
// A *section* of a batch is what is new of one room:
//
//      | head | name | lineage | image | records: n (4) | bytes, `count` times, from `first` on |
//
// Sections of a room come in order, and a store takes a batch whole or not at all. What has an offset is never written over: the same record again, which a
// batch that was kept and not answered brings, is left as it is. A record that takes words away takes them from what the store
// has, too (store_takes_words).
//
// What a store owes a home:
//   1. KEPT: no crash of process or machine loses it, and what is loaded afterwards has it
//   2. what is loaded are all records from ROOM's `first` to its `head`, without a hole, as they were kept; else BROKEN
//   3. ROOM's `clean` is true only where nothing can have been said in the room, by any server, that was not kept
//   4. while a room is one home's, no other server's LOAD of it is answered but by AWAY or BROKEN, nor its KEEP taken
//
// Ownership: as all mail (post.h). Limits: STORE_BATCH_BYTES, beyond which a batch takes one more section at most;
// STORE_PIECE_BYTES of records in an answer, unless a single one is larger. Thread: any; values only.
#ifndef PLENUM_CORE_MAIL_STORE_H
#define PLENUM_CORE_MAIL_STORE_H

#include "base/buf.h"
#include "core/mail/post.h"

enum {
    STORE_BATCH_BYTES = 4 << 20,
    STORE_PIECE_BYTES = 256 << 10,
    STORE_WHY_MAX = 200, // bytes of why not, a sentence's end: "is in use by another server, srv-2"
    LINEAGE_MAX = 8,
};

// clang-format off
#define STORE_WORDS(X) \
    X(LOAD, load) X(FETCH, fetch) X(SEARCH, search) X(KEEP, keep) \
    X(NONE, none) X(ROOM, room) X(RECORDS, records) X(KEPT, kept) X(AWAY, away) X(BROKEN, broken)
// clang-format on
enum store_word {
#define X(upper, lower) STORE_##upper,
    STORE_WORDS(X)
#undef X
};

// The epochs that a room had: when a process ends without a word, what people have seen last may not be what was kept, so what
// is said next is of a new epoch. Who has been told of an older one up to its `last` has missed nothing by that.
struct lineage {
    char life[EPOCH_LEN]; // the first one: keys that were said belong to it (home/apply.c)
    uint8_t n;
    struct lineage_epoch {
        char epoch[EPOCH_LEN];
        uint64_t last;    // offset up to which its records are those of the room
    } older[LINEAGE_MAX]; // newest first
};

// What a store knows of a room beside its records.
struct store_room {
    char epoch[EPOCH_LEN];
    uint8_t durability; // enum room_durability, by which it was kept last
    bool clean;
    uint64_t first, head; // records that there are; head + 1, head: none
    uint64_t image_at;    // the image is of the room at that offset; 0: there is none
    struct lineage lineage;
};

struct store_mail {
    struct mail mail;
    enum store_word word;
    uint32_t shard;  // the home's
    uint64_t seq;    // of the question, from its home
    struct ref room; // at its home, of FETCH and SEARCH
    uint64_t first,
        last;       // FETCH; RECORDS: what it has of the range, all of it up to `last`; last < first: nothing
    uint32_t most;  // LOAD: so many of the newest records, at least; SEARCH: messages
    uint32_t bytes; // LOAD: and so many bytes of them, at most
    uint32_t sections;       // KEEP
    bool about;              // FETCH: with what is about the records of the range, and comes behind it
    bool more;               // RECORDS of a SEARCH: there are older ones
    uint32_t retry_ms;       // AWAY
    struct store_room facts; // ROOM
    str name;                // of the room
    str text;                // SEARCH; AWAY, BROKEN: why
    str image;               // ROOM
    str records;             // ROOM, RECORDS: offset (8) | n (4) | bytes, each; KEEP: the sections
    char tail[];
};

// The head of a section, numbers as the machine has them.
struct store_section {
    struct ref room; // at its home
    char epoch[EPOCH_LEN];
    uint8_t durability;
    bool ended;     // the room goes from its home: nothing more is said until it is loaded again
    bool over;      // and is no more: nothing of it is to be kept
    uint64_t first; // of its records
    uint32_t count;
    uint64_t head;            // first + count - 1; where there are none, its newest offset
    uint64_t from;            // what is before that was closed with the room and is to go; 0: nothing
    uint64_t steady_ms;       // of its newest record; 0: none
    str name, image, records; // image: as of head; empty: none. records: n (4) | bytes, each
    struct lineage lineage;
};

static inline uint32_t port_store_writes(const struct context *cx)
{
    return cx->shard_count + 1 + cx->settings->verifiers;
}
static inline uint32_t port_store_reads(const struct context *cx) { return port_store_writes(cx) + 1; }

void store_put_section(struct buf *out, const struct store_section *s);
// The same in steps: name, image and records are put behind its head by the caller, in this order, and s has how long they are.
size_t store_open_section(struct buf *out);
void store_close_section(struct buf *out, size_t opened, const struct store_section *s);
void store_put_section_record(struct buf *out, str record);
// Takes the next one off; false where it is cut. Strings borrow.
bool store_take_section(str *from, struct store_section *ret) WARN_UNUSED;
void store_put_record(struct buf *out, uint64_t offset, str record);
bool store_take_record(str *from, uint64_t *offset, str *ret) WARN_UNUSED;
// The next record of a section.
bool store_take_section_record(str *from, str *ret) WARN_UNUSED;

// The record takes words away: those of the message at *target, and of all edits of it that are older than the record itself.
bool store_takes_words(str record, uint64_t *target) WARN_UNUSED;

const char *store_word_name(enum store_word w);

// Copies a question and what it borrows to its port. Who asks bounds how many there are: no more than asks wait for them, and one KEEP.
// False when memory is out.
bool post_store(struct mailroom *mr, uint32_t dest, const struct store_mail *m) WARN_UNUSED;
// The same block, for who has no mailroom: an answer to the home that m is from, or a KEEP, which is posted when its time comes. NULL
// when memory is out.
struct store_mail *store_mail_make(struct mem *mem, const struct store_mail *m) WARN_UNUSED;
// The question becomes its answer, in its own block, so that it never fails: KEPT, AWAY, BROKEN. It goes back without why.
struct store_mail *store_mail_turn(struct store_mail *question, enum store_word word, uint32_t retry_ms);

#endif
