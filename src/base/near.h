// SPDX-License-Identifier: Apache-2.0
//
// near.h - did someone who wrote this mean that? For the suggestions of error messages.
#ifndef PLENUM_BASE_NEAR_H
#define PLENUM_BASE_NEAR_H

#include "base/str.h"

enum { NEAR_TEXT_MAX = 64 }; // bytes; longer texts are near nothing

// Insertions, deletions, replacements and swaps of neighbours that turn a into b; SIZE_MAX where one is too long.
size_t edit_distance(str a, str b);

// True if a text of that length may be a slip of one at that distance: two slips are forgiven in any word, one in three
// letters in a long one, but never all of it.
bool edit_is_near(size_t distance, size_t length);

#endif
