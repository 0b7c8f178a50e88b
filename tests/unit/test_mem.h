// SPDX-License-Identifier: Apache-2.0
//
// test_mem.h - the memory source of unit tests: counts, poisons, guards, and fails on demand.
//
// Fresh bytes are filled with 0xa5 and freed ones with 0x5a; a reallocation always moves the block, so a pointer
// kept over one is found. Each block carries its size and a guard on both sides: a free with another size than
// the block was asked with, a double free, a write past the end, or a block that is given back and not wiped ends the program with a
// message.
//
//     struct test_mem t;
//     struct mem mem;
//     test_mem_init(&t, &mem);
//     t.fail_at = 3;          // the third request from now fails; see also fail_from
//     ...
//     test_mem_check(&t);     // fails the test if a block is still out
//
// Thread: the counters are atomic, so blocks may be asked for and freed by any thread; fail_at is for one.
#ifndef PLENUM_UNIT_TEST_MEM_H
#define PLENUM_UNIT_TEST_MEM_H

#include "base/mem.h"

struct test_mem {
    uint64_t fail_at;        // number, from 1, of the request that fails; 0 = none
    uint64_t fail_from;      // this request and all later ones fail; 0 = none
    _Atomic uint64_t calls;  // requests so far: alloc and realloc, failed ones too
    _Atomic uint64_t failed; // those that were made to fail
    _Atomic size_t blocks;   // outstanding
    _Atomic size_t bytes;    // outstanding
};

// *ret gets no budget; set ret->bytes_max for one.
void test_mem_init(struct test_mem *t, struct mem *ret);
// Starts counting anew: the next request is number 1. Failures are off.
void test_mem_restart(struct test_mem *t);
// Fails the current cmocka test if a block is outstanding.
void test_mem_check(const struct test_mem *t);

#endif
