// SPDX-License-Identifier: Apache-2.0
//
// store_lines.h - an export of a store (docs/STORE.md), read line by line. Nothing in it is trusted: each line is an object of one
// of five kinds, with all that its kind has, in the range that it may have. A member that is not known is skipped.
//
// Ownership: the file is the caller's. A line's strings are good until the next one is asked for. Limits: STORE_LINE_MAX bytes a line.
#ifndef PLENUM_APP_STORE_LINES_H
#define PLENUM_APP_STORE_LINES_H

#include "io/store_driver.h"
#include "wire/digest.h"

#include <stdio.h>

enum store_line_kind {
    STORE_LINE_HEAD,
    STORE_LINE_ROOM,
    STORE_LINE_RECORD,
    STORE_LINE_AUDIT,
    STORE_LINE_END
};

struct store_line {
    // ROOM
    str name;
    struct store_room facts;
    str bytes;       // its image; RECORD, AUDIT
    uint64_t number; // RECORD, AUDIT
    // END
    uint64_t rooms, records, audit_lines;
    uint8_t sum[SHA256_BYTES];
};

struct store_lines {
    FILE *file;
    uint64_t at;       // number of the line that was read last
    const char *wrong; // what was wrong with it
    struct digest_run *run;
    uint8_t sum[SHA256_BYTES]; // of all before the last line
    struct buf line;
    char name[ROOM_NAME_MAX];
    char hash_key[STORE_META_MAX]; // of the first line
    size_t hash_key_n;
    uint64_t steady_ms;
};

void store_lines_init(struct store_lines *l, struct mem *m, FILE *file);
void store_lines_deinit(struct store_lines *l);
// False: l->wrong says why.
bool store_lines_next(struct store_lines *l, enum store_line_kind *ret_kind,
                      struct store_line *ret) WARN_UNUSED;
// From the first line on. False: the file cannot be read twice.
bool store_lines_again(struct store_lines *l) WARN_UNUSED;
// Behind an END: the sum is that of what was read.
bool store_lines_sum(const struct store_lines *l, const uint8_t sum[SHA256_BYTES]) WARN_UNUSED;
// Nothing comes behind the line that was read last.
bool store_lines_over(struct store_lines *l) WARN_UNUSED;

#endif
