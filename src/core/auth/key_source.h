// SPDX-License-Identifier: Apache-2.0
//
// key_source.h - when the keys behind a URL are fetched, how long they count, and what somebody is told who needs one that is
// not among them. Arithmetic: who fetches is io/key_fetcher.h.
//
//                    fresh for F (what the answer says, within bounds)              stale for S at most
//     good answer |------------------------------------------------------------|=========================|  forgotten
//                                             ^ fetched again, 70 to 80 % on     ^ while fetches fail, these keys count
//
//     a fetch fails   again after 1 s, 2 s, 4 s, ... 30 s, half of it by chance
//     a key is wanted that is not there   fetched at once, *early*, but so only once in KEY_EARLY_MS, whoever wants what
//
// Bounds are for both sides. An issuer's answer says how long it is fresh; less than KEY_FRESH_MIN_MS would have every node
// ask it all the time, more than `fresh_max` (auth.jwks_fresh_s) would leave a key that was taken out in force. Keys outlive
// their freshness while the issuer does not answer, since its outage is no reason to turn its users away; but not longer than
// `stale_max` (auth.jwks_stale_s), or whoever can keep us from asking keeps a stolen key alive. Forged tokens cost the issuer
// one request in KEY_EARLY_MS, however many they are, and do not delay the others; nor do they while fetches fail.
//
// Invariants (key_source_check)
//   1. keys that are known have come with an answer, and are fresh until a time not before it.
//   2. a fetch that failed and was not followed by a good one has its delay: due_ms is there, and `failures` is counted.
//   3. no fetch is due before the last early one was.
//
// Time: monotonic milliseconds, an argument. Thread: the owner's; pure.
// Source: RFC 9111 section 4.2; RFC 5861 section 4 (stale-if-error); RFC 7517.
#ifndef PLENUM_CORE_AUTH_KEY_SOURCE_H
#define PLENUM_CORE_AUTH_KEY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    KEY_FRESH_MS = 10 * 60 * 1000, // where the answer does not say
    KEY_FRESH_MIN_MS = 60 * 1000,  // or fresh_max, where that is less
    KEY_RETRY_MIN_MS = 1000,       // after a fetch that failed
    KEY_RETRY_MAX_MS = 30 * 1000,  //
    KEY_EARLY_MS = 30 * 1000,      // from one early fetch to the next
};

// What the operator says (auth.jwks_fresh_s, auth.jwks_stale_s).
struct key_bounds {
    uint32_t fresh_max_ms, stale_max_ms;
};

struct key_source {
    uint64_t due_ms; // of the next fetch
    bool under_way;
    bool known;                     // there are keys that it has given; they may be none
    uint64_t good_ms;               // when it gave them
    uint64_t fresh_until_ms;        // from then on they are stale
    uint32_t failures;              // in a row
    bool early;                     // there was an early one,
    uint64_t early_ms;              // last at
    uint64_t good_stamp, bad_stamp; // of the last answers of both kinds; 0: none yet
};

// What is to be done about a key that is not there.
enum key_wish {
    KEY_LOOKED, // it has been looked for since, and there is none
    KEY_WAIT,   // a fetch is under way, or due now
    KEY_LATER,  // none is due yet
};

void key_source_init(struct key_source *s, uint64_t now_ms); // due at once
void key_source_begin(struct key_source *s);
// The keys have come, or have been said to be the same. fresh_s: as http_cache_fresh_s; luck: any number, by chance. Stamps rise with
// every answer, of whichever source.
void key_source_good(struct key_source *s, const struct key_bounds *b, uint64_t now_ms, uint64_t fresh_s,
                     uint64_t luck, uint64_t stamp);
void key_source_bad(struct key_source *s, uint64_t now_ms, uint64_t luck, uint64_t stamp);
// As soon as may be: the operator has asked.
void key_source_hurry(struct key_source *s, uint64_t now_ms);
// True, once: its keys are too old, and count no longer.
bool key_source_expire(struct key_source *s, const struct key_bounds *b, uint64_t now_ms);
// When there is something to do: a fetch, or that keys count no longer. Not while one is under way.
uint64_t key_source_next_ms(const struct key_source *s, const struct key_bounds *b);
// since: the newest stamp when the key was first wanted. KEY_LATER: *ret_retry_ms is written, at least 1.
enum key_wish key_source_wish(struct key_source *s, uint64_t now_ms, uint64_t since, uint32_t *ret_retry_ms);
void key_source_check(const struct key_source *s);

#endif
