// SPDX-License-Identifier: Apache-2.0
//
// standing.h - how people stand in a room, by its records: roles that were given, bans, mutes, slow mode, whether it is read-only,
// locked or closed, by which rule it was made. What closes it ends all else.
//
//      rows      [user role banned_until muted_until] ...   by fingerprint, those that say something
//      speakers  [user said] [user said] ...                while slow mode is on: who has spoken lately, in order of the records
//
// All of it is made by apply.c of decrees, in their order, and is kept when their records have gone from the log. Times are steady
// times of records; what is over is over by the time of the record at hand, or of whoever asks.
//
// Most rooms have none of it, and no struct standing.
//
// Invariants (standing_check)
//   1. rows rise by fingerprint; of one user there is one. Each has a role, a ban or a mute
//   2. there are speakers only while slow mode is on
//   3. it exists only while it says something
//   4. what has been closed was so by a record
//
// Ownership: the room's. Memory: from the shard's, within the budget. Limits: STANDING_MAX rows, then decrees about others are
// refused (what is over goes first); STANDING_SPEAKERS_MAX speakers, then the oldest is forgotten. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_STANDING_H
#define PLENUM_CORE_HOME_STANDING_H

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/str.h"
#include "core/home/rights.h"
#include "dialect/entry.h"

#define STANDING_FOR_EVER UINT64_MAX

struct standing_row {
    uint64_t print;
    uint64_t banned_ms, muted_ms; // until then, this moment not included; 0 = not
    uint8_t user_n;
    uint8_t role; // ROLE_NOT_GIVEN
    char user[USER_ID_MAX];
    char invited
        [INVITATION_ID_LEN]; // the invitation that they came in by last; its first byte is 0 where by none
};

struct standing_speaker {
    uint64_t print;
    uint64_t said_ms;
};

struct standing {
    struct standing_row *rows;
    uint32_t n, cap;
    uint32_t speakers_n, speakers_cap;
    struct standing_speaker *speakers; // the oldest record's first
    uint32_t slow_ms;                  // 0 = off
    bool readonly, locked;
    uint8_t rule_n; // 0: it is by the rule of its name
    char rule[RULE_NAME_MAX];
    uint64_t closed_ms; // nothing is said until then; 0 = it has never been closed
    uint64_t closed_at; // the offset of the record that did it last
};

// What it says of a user. s may be NULL in all of these.
enum role standing_role(const struct standing *s, const struct siphash_key *key,
                        str user); // or ROLE_NOT_GIVEN
// They have come in by that invitation.
bool standing_admitted(const struct standing *s, const struct siphash_key *key, str user, str invitation);
uint64_t standing_banned_ms(const struct standing *s, const struct siphash_key *key, str user,
                            uint64_t at_ms);
uint64_t standing_muted_ms(const struct standing *s, const struct siphash_key *key, str user, uint64_t at_ms);
// When slow mode lets the user speak again; 0: now.
uint64_t standing_slow_ms(const struct standing *s, const struct siphash_key *key, str user, uint64_t at_ms);
static inline bool standing_readonly(const struct standing *s) { return s != NULL && s->readonly; }
static inline bool standing_locked(const struct standing *s) { return s != NULL && s->locked; }
static inline uint32_t standing_slow(const struct standing *s) { return s != NULL ? s->slow_ms : 0; }
static inline str standing_rule(const struct standing *s)
{
    return s != NULL ? str_make(s->rule, s->rule_n) : STR_NONE;
}
// Until when it is closed, STANDING_FOR_EVER too; 0: it is not.
static inline uint64_t standing_closed_ms(const struct standing *s, uint64_t at_ms)
{
    return s != NULL && s->closed_ms > at_ms ? s->closed_ms : 0;
}
// True if somebody has been given a role.
bool standing_roles(const struct standing *s);
// True if there is no place for one more: the decree must be refused.
bool standing_full(const struct standing *s, const struct siphash_key *key, const struct entry *e,
                   uint64_t at_ms);

// Makes room: standing_apply of this entry finds memory. ERR_NOMEM: nothing has changed that anybody could tell.
enum err standing_secure(struct standing **s, struct mem *m, const struct siphash_key *key,
                         const struct entry *e) WARN_UNUSED;
// A decree takes effect, or somebody has spoken. until_ms: when its ban or mute ends.
void standing_apply(struct standing **s, struct mem *m, const struct siphash_key *key, const struct entry *e,
                    uint64_t at_ms);
// What was secured came to nothing: it is there only where it says something.
void standing_fit(struct standing **s, struct mem *m);
// Of an image (image.h): a row, the oldest speaker's first. The row's print is set here. ERR_NOMEM; ERR_LIMIT: there is one of that user,
// or as many as there may be.
enum err standing_take_row(struct standing *s, struct mem *m, const struct siphash_key *key,
                           const struct standing_row *row) WARN_UNUSED;
enum err standing_take_speaker(struct standing *s, struct mem *m,
                               const struct standing_speaker *speaker) WARN_UNUSED;
void standing_free(struct standing **s, struct mem *m);
void standing_check(const struct standing *s, const struct siphash_key *key);

// When something ends that was decreed at that time.
static inline uint64_t standing_until(uint64_t at_ms, uint64_t span_ms)
{
    return span_ms == 0 || span_ms > STANDING_FOR_EVER - 1 - at_ms ? STANDING_FOR_EVER : at_ms + span_ms;
}

#endif
