// SPDX-License-Identifier: Apache-2.0
//
// speakers.h - the short names of a room's live frames, of the encodings that have them (dialect/dialect.h): a number for the room,
// and one for each who spoke lately, so that a message to ten thousand people does not say ten thousand times who said it.
//
//      frame of a message     speaker 7: user u1, session s, "Ada"    the first one of a speaker says who that is
//                             speaker 7                               the others do not
//      joined                 room 12; 5: ..., 7: Ada                 who comes is told the newest
//      whois 3                3: ...                                  who has missed it asks
//
// Frames are shared by all readers of an encoding, so numbers mean the same to all of them; what differs is what they were told.
// A reader may have missed the frame that told: by a gap, by a newer one with its conflation key, by a message that was taken back.
// That never makes it see a wrong name, as *a number is given once*: the counter goes up while the room has such readers, and
// who speaks under another name, or after they were forgotten, gets another number. Readers forget a room's numbers when they
// are out of it. Who does not know a number asks for it; where it is forgotten here, too, the record of that offset has the name.
//
// The number of a room is given when the first of its readers with handles comes, and differs from those of all rooms of the process,
// on whatever shard.
//
// Invariants (speakers_check): n <= cap <= SPEAKERS_MAX; numbers differ, and are below `next`; who spoke last is at the end.
// Limits: SPEAKERS_MAX people; where there is no memory for one more, frames say the name in full.
// Ownership: the room's, with its memory. Thread: the home shard's.
#ifndef PLENUM_CORE_LOG_SPEAKERS_H
#define PLENUM_CORE_LOG_SPEAKERS_H

#include "base/err.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "dialect/entry.h"

enum {
    SPEAKERS_TOLD = 32,             // so many are told who comes,
    SPEAKERS_TOLD_BYTES = 4 * 1024, // with so many bytes of names
};

struct speaker_row {
    uint64_t number;
    uint64_t print;
    char *who; // user, session, name, info, one behind the other
    uint16_t info_n;
    uint8_t user_n, session_n, name_n;
    bool told;
};

struct speakers {
    uint64_t room;    // its number, not 0
    uint64_t next;    // the next speaker's
    uint32_t readers; // of encodings with handles
    uint32_t n, cap;
    struct speaker_row *v;
};

// NULL when memory is out.
struct speakers *speakers_create(struct mem *m, uint64_t room);
void speakers_free(struct speakers *s, struct mem *m); // NULL is good
// What the entry's frames are to say: the room's number, and that of who says it, if anybody does.
void speakers_name(struct speakers *s, struct mem *m, const struct siphash_key *prints, const struct entry *e,
                   struct handles *ret);
// The frames are made, and tell it.
void speakers_told(struct speakers *s, uint64_t number);
// False: nobody has that number, or nobody was told it.
bool speakers_find(const struct speakers *s, uint64_t number, struct speaker_view *ret);
// Those who spoke last and have been told, at most SPEAKERS_TOLD, who spoke last at the end. Returns how many.
size_t speakers_newest(const struct speakers *s, struct speaker_view ret[SPEAKERS_TOLD]);
void speakers_check(const struct speakers *s);

#endif
