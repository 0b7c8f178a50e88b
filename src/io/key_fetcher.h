// SPDX-License-Identifier: Apache-2.0
//
// key_fetcher.h - the keys of issuers that publish theirs: fetched, kept, fetched again before they are stale, and handed to those
// that check tokens, with nobody noticing.
//
//      configuration --> key_fetcher_keys_set --> [source: URL, its keys, when next] <--> the issuer (io/http_get.h)
//                                                       |
//                     keyring with the keys of all <----'---> verifiers_keys_set, as by a reload
//                                                       ^
//      a token whose key is not there -- wish ----------'     verifiers_look, when it has been asked for
//
// A *source* is a URL and who vouches for it, both the operator's; issuers that have the same share it. Nothing of a token chooses
// where is asked, only, within bounds, when (core/auth/key_source.h). A fetch is never waited for by a shard or by a
// helper that checks tokens: tokens wait, and those who look at them go on.
//
// What is believed: status 200 with a JWK set. Keys in it that are for something else or of a kind that is not used here are passed over, as
// in a file; behind the first TOKEN_KEYS_FETCHED_MAX that can be used they are left out, and that is told. A set without any key
// means that there is none; one in which no key can be used is a mistake, and the keys that were there stay.
//
// The thread is there when there is something to fetch. Its own memory, and that of rings that are made here, is within `mem`'s
// budget but for what libcurl has.
//
// Ownership: the keyring is counted. Limits: KEY_FETCHES_MAX at a time; TOKEN_ISSUERS_MAX sources. Errors: ERR_NOMEM, ERR_LIMIT, ERR_NOT_FOUND.
// Thread: wish by any; status by any; the rest by the thread that made it.
#ifndef PLENUM_IO_KEY_FETCHER_H
#define PLENUM_IO_KEY_FETCHER_H

#include "base/err.h"
#include "base/mem.h"
#include "core/auth/verifier.h"
#include "io/hooks.h"
#include "io/key_status.h"

enum { KEY_FETCHES_MAX = 8 }; // under way at a time

struct key_fetcher;
struct verifiers;

enum err key_fetcher_create(struct mem *mem, const struct server_hooks *hooks,
                            struct key_fetcher **ret) WARN_UNUSED;
// What those that check tokens wish for; before they are there.
struct key_wishes key_fetcher_wishes(struct key_fetcher *f);
// From here on keys go to them.
void key_fetcher_verifiers_set(struct key_fetcher *f, struct verifiers *verifiers);
// From here on fetches are made, where there is something to fetch. ERR_NOT_FOUND: there is no libcurl, which is loaded for it. ERR_NOMEM,
// ERR_LIMIT (no thread).
enum err key_fetcher_start(struct key_fetcher *f) WARN_UNUSED;
// These are the keys, with what has been fetched for the same URLs; all of it is fetched anew, as whoever reloads may know of new
// ones. `keys` may be NULL. They are the keys also where there is no thread to fetch others, which is told.
void key_fetcher_keys_set(struct key_fetcher *f, struct keyring *keys, const struct key_bounds *bounds);
// The next issuer with a URL, from that place in the keyring on; its place + 1, or 0 where there is none.
uint32_t key_fetcher_status(struct key_fetcher *f, uint32_t from, struct key_fetch_status *ret);
// Ends at once, whatever is under way. What wishes is put off.
void key_fetcher_stop(struct key_fetcher *f);
// After a stop, and when the verifiers are gone. NULL is fine.
void key_fetcher_destroy(struct key_fetcher *f);

#endif
