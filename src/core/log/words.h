// SPDX-License-Identifier: Apache-2.0
//
// words.h - what became of messages since they were said: an index over a log's records, by the message.
//
//      records   [17 message "helo"] ... [21 react 17 "+"] ... [25 edit 17 "hello"] ...
//      word 17   version 25, marks [21], answers [], last 25
//
// Whoever reads a message of the past gets it as it is now: with the words of its last edit, without any where it was deleted, with
// its reactions. All of it follows from records that the log holds: one about a message is newer than the message, so as long as
// the message is kept, they are, too.
//
// Of what a message has said the log holds one form, the present one: when it is changed or taken back the bytes of the form before are
// erased where they lie (record_erase).
//
// Where the message is not kept any more, its word remembers what answers it. It stays while the last record about it is kept, and
// WORD_JUDGED records longer in any case: so long whoever applies records knows what the last ones have done, however much of the log
// each of them keeps, and comes to the same verdicts (home/judge_words.c).
//
// Invariants (words_check)
//   1. each word is found by its target, and is about one that is older than `last`, which is kept or one of the WORD_JUDGED newest
//   2. words are in order of `last`, each record being the last of one at most
//   3. `version` is 0 or the last edit's, marks are those of reactions that hold, answers of messages; all are newer than the target and
//      not newer than `last`; marks, answers and edits rise
//   4. it exists only while there is a word
//
// Ownership: the log's. Memory: the log's share, within the budget. Limits: a word per record at most; REACTIONS_MAX marks are held to by
// who proposes them (home/gates_room.c). Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_WORDS_H
#define PLENUM_CORE_LOG_WORDS_H

#include "base/limits.h"
#include "base/map.h"
#include "dialect/entry.h"

struct log;

enum { WORD_JUDGED = 256 };

struct word {
    uint64_t target;
    uint64_t last;     // the newest record that is about it, or answers it
    uint64_t version;  // the edit that it has its words from; 0 = they are its own
    uint64_t deleted;  // the deletion; 0 = it is not
    uint64_t *marks;   // offsets of reactions that hold, rising
    uint64_t *answers; // of messages that answer it, rising; some may be kept no more
    uint64_t *edits;   // of all its edits, rising; some may be kept no more
    uint32_t marks_n, marks_cap, answers_n, answers_cap, edits_n, edits_cap;
    uint32_t older, newer; // in order of `last`; of a free one the next free
};

struct words {
    struct map by_target;
    struct word *all;
    uint32_t n, cap; // of `all`, free ones among them
    uint32_t free;   // first free one
    uint32_t oldest, newest;
};

// Makes room: words_apply of this entry finds memory. ERR_NOMEM: nothing has changed that anybody could tell.
enum err words_secure(struct log *l, const struct entry *e) WARN_UNUSED;
// The entry has just been appended.
void words_apply(struct log *l, const struct entry *e);
// What was secured came to nothing.
void words_fit(struct log *l);
// The log was trimmed, or has grown.
void words_trim(struct log *l);
void words_free(struct log *l);

// NULL: nothing became of the message.
const struct word *words_find(const struct log *l, uint64_t target);
// The reaction of somebody to a message; 0: there is none. w may be NULL.
uint64_t words_mark(const struct log *l, const struct word *w, str user, str reaction);
// How many have it; and the same behind `e`, which gives one or takes it back.
uint32_t words_count(const struct log *l, const struct word *w, str reaction);
uint32_t words_count_behind(const struct log *l, const struct entry *e);
// How many kinds of reactions it has.
uint32_t words_kinds(const struct log *l, const struct word *w);

// Makes of an entry of the past what it is now. `space` is what it borrows then.
struct word_space {
    struct fate fate;
    struct reactions reactions[REACTION_KINDS_MAX];
};
void words_show(const struct log *l, struct entry *e, struct word_space *space);
void words_check(const struct log *l);

#endif
