// SPDX-License-Identifier: Apache-2.0
//
// lies.h - a checker that cannot fail proves nothing. Each mutation (sim/sim.h) is a lie that the simulator tells about the
// server, once in a run; nine of ten runs in which it was told to somebody who could know must fail.
//
// Output: a line for each kind on stdout, and why on stderr where one is not found.
#ifndef PLENUM_TESTS_SIM_LIES_H
#define PLENUM_TESTS_SIM_LIES_H

#include <stdbool.h>
#include <stdint.h>

// The number of kinds, which are 1 to that.
uint64_t lies_kinds(void);
// True where enough runs in which it was told have failed, and none in which it was not.
bool lies_found(uint64_t kind);

#endif
