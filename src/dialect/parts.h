// SPDX-License-Identifier: Apache-2.0
//
// parts.h - what one entry is told as: nearly always one thing, of a change of the state one for each key.
//
//      ENTRY_STATE   {"set":{"topic":"hi","n":1},"unset":["x"]}   -->   topic, n, x: each an event, all of one offset
//
// Encoders are given parts only. A change that changes nothing is told as a void one, so that each offset is told.
// Ownership: parts borrow from the entry. Thread: any; values only.
#ifndef PLENUM_DIALECT_PARTS_H
#define PLENUM_DIALECT_PARTS_H

#include "dialect/entry.h"

struct parts {
    struct entry part;
    str set, unset; // what is left, raw
    bool told;      // there has been one
};

// What a result (core/home/state.h) sets, an object, and unsets, an array; raw, absent where there is none.
void parts_of_state(str data, str *ret_set, str *ret_unset);
void parts_begin(struct parts *p, const struct entry *e);
// The next one, in p->part; false behind the last one. The first call gives one.
bool parts_next(struct parts *p);

#endif
