// SPDX-License-Identifier: Apache-2.0
//
// verifiers.h - the helpers that check tokens: threads behind the ports of core/mail/token.h, each with a memory of its own.
//
//      loop of shard 0 --- verifiers_push ---> [lane 0] helper 0: core/auth/verifier.h
//                      <-- verifiers_pull ----
//      loop of shard 1 --- ...                 [lane 1]
//
// New keys are taken by each helper before its next job: what was pushed after verifiers_keys_set is judged by them. Tokens whose keys
// are being fetched wait at their helper (core/auth/verifier.h), within its credits.
//
// Ownership: keys are shared and counted (core/auth/keyring.h). Thread: room, push and pull of one shard by its thread; the rest by
// the thread that made them. Errors: ERR_NOMEM, ERR_LIMIT (no eventfd, no thread).
#ifndef PLENUM_IO_VERIFIERS_H
#define PLENUM_IO_VERIFIERS_H

#include "base/err.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "core/auth/verifier.h"
#include "core/mail/mail.h"

enum { VERIFIER_JOBS = 1024 }; // of each shard, under way at each helper

struct verifiers;

// wishes: who has keys fetched; what its wish promises as KEY_WAIT it keeps by verifiers_look. `answered` is called by the helpers' threads: a verdict waits for that shard.
enum err verifiers_create(struct mem *mem, uint32_t shard_count, uint32_t n,
                          const struct siphash_key *hash_key, const struct key_wishes *wishes,
                          void (*answered)(void *ctx, uint32_t shard), void *ctx,
                          struct verifiers **ret) WARN_UNUSED;
enum err verifiers_start(struct verifiers *vs) WARN_UNUSED;
// From here on those are the keys; NULL: none. One thread at a time.
void verifiers_keys_set(struct verifiers *vs, struct keyring *keys);
// Tokens that wait for keys are looked at again, soon. Any thread.
void verifiers_look(struct verifiers *vs);
// After the shards' threads have ended. What was on its way is given up. NULL is fine.
void verifiers_destroy(struct verifiers *vs);

// Tokens that wait for that helper. By any thread; of a moment ago.
uint32_t verifiers_waiting(const struct verifiers *vs, uint32_t which);
uint32_t verifiers_room(struct verifiers *vs, uint32_t which, uint32_t shard);
void verifiers_push(struct verifiers *vs, uint32_t which, uint32_t shard, struct mail *job);
struct mail *verifiers_pull(struct verifiers *vs, uint32_t which, uint32_t shard);

#endif
