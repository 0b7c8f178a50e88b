// SPDX-License-Identifier: Apache-2.0
//
// office.h - a mailroom of one shard of three, with the memory its mail is made of, and no shard around it.
#ifndef PLENUM_UNIT_OFFICE_H
#define PLENUM_UNIT_OFFICE_H

#include "core/mail/post.h"
#include "unit/support.h"

#include <stdlib.h>

enum { OFFICE_HERE = 1, OFFICE_SHARDS = 3 };

struct office {
    struct test_mem t;
    struct mem mem;
    struct settings settings;
    struct metrics metrics;
    struct context cx;
    struct mailroom mail;
};

static inline struct office *office_open(void)
{
    struct office *o = calloc(1, sizeof *o);
    assert_non_null(o);
    test_mem_init(&o->t, &o->mem);
    o->cx = (struct context){.index = OFFICE_HERE,
                             .shard_count = OFFICE_SHARDS,
                             .settings = &o->settings,
                             .mem = &o->mem,
                             .metrics = &o->metrics,
                             .now_ms = 1};
    mailroom_init(&o->mail, &o->cx);
    return o;
}

// With the mail that was never pulled; fails the test where memory is left.
static inline void office_close(struct office *o)
{
    mailroom_deinit(&o->mail);
    test_mem_check(&o->t);
    assert_int_equal(mem_used(&o->mem), 0);
    free(o);
}

#endif
