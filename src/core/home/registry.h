// SPDX-License-Identifier: Apache-2.0
//
// registry.h - which connections belong to a user: kept by the shard that hash(user) names.
//
// One small record per live session, chained by user. A user's id is stored as its 128-bit keyed fingerprint:
// equality is all that is asked for, and 16 bytes are less than most ids.
#ifndef PLENUM_CORE_REGISTRY_H
#define PLENUM_CORE_REGISTRY_H

#include "base/map.h"
#include "base/slab.h"
#include "core/mail/post.h"

struct shard;

struct registration {
    u128 user_print;
    uint64_t session_print; // among the sessions of one user 64 bits are plenty
    struct conn_key conn;
    uint32_t next;     // of the same user, or SLAB_NONE
    uint32_t since_ms; // low bits of when this connection was accepted
};

struct registry {
    struct slab slab;
    struct map by_user;
};

void registry_init(struct registry *r, struct mem *m, uint32_t count_max);
void registry_deinit(struct registry *r);
// ERR_NOMEM: the user is not reachable by directs. ERR_LIMIT: it has `max` sessions, and this would be one more; 0: there may be
// any number. *ret_evict: the older of two connections of the same session, which may be the one in m if its mail was overtaken.
enum err registry_add(struct registry *r, const struct register_mail *m, uint32_t max, bool *ret_has_evict,
                      struct conn_ref *ret_evict) WARN_UNUSED;
void registry_remove(struct registry *r, const struct register_mail *m);
// The first registration of a user, SLAB_NONE without one; follow `next`.
uint32_t registry_find(const struct registry *r, u128 user_print);
struct registration *registry_at(const struct registry *r, uint32_t index);
void registry_check(const struct registry *r);

#endif
