// SPDX-License-Identifier: Apache-2.0
//
// room_parts.h - what is made of a room's records (core/home/apply.h), without the room: for tests and fuzzers of images.
#ifndef PLENUM_TESTS_UNIT_ROOM_PARTS_H
#define PLENUM_TESTS_UNIT_ROOM_PARTS_H

#include "core/home/image.h"

struct room_parts {
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *state;
    struct invitations *invitations;
    struct reads *reads;
    struct buf result;
    struct made made;
};

// Of nothing yet. The epoch and the key are borrowed.
static inline void room_parts_init(struct room_parts *p, struct mem *m, str epoch,
                                   const struct siphash_key *key)
{
    *p = (struct room_parts){.standing = NULL};
    log_init(&p->log, m);
    once_init(&p->said, m);
    once_group_init(&p->keys);
    buf_init(&p->result, m, 0);
    p->made = (struct made){&p->log,      &p->said, &p->keys,  epoch,           key,
                            &p->standing, m,        &p->state, &p->invitations, &p->result};
}

static inline void room_parts_check(const struct room_parts *p)
{
    standing_check(p->standing, p->made.hash_key);
    state_check(p->state);
    invitations_check(p->invitations);
    once_check(&p->said);
    reads_check(p->reads);
}

static inline bool room_parts_empty(const struct room_parts *p)
{
    return p->standing == NULL && p->state == NULL && p->invitations == NULL && p->reads == NULL &&
           p->keys.first == SLAB_NONE && p->keys.newest_ms == 0;
}

static inline void room_parts_deinit(struct room_parts *p, struct mem *m)
{
    log_deinit(&p->log);
    once_deinit(&p->said);
    standing_free(&p->standing, m);
    state_free(&p->state, m);
    invitations_free(&p->invitations, m);
    reads_free(&p->reads, m);
    buf_deinit(&p->result);
}

#endif
