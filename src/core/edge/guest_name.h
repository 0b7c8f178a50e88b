// SPDX-License-Identifier: Apache-2.0
//
// guest_name.h - what to call somebody who has not said: "amber-otter-417".
//
// Readable, sayable, and about nobody: neither an address nor an id that people would have to compare letter by letter.
// Two guests may get the same name, as two people may; who is who is told by the user id.
#ifndef PLENUM_CORE_GUEST_NAME_H
#define PLENUM_CORE_GUEST_NAME_H

#include "base/str.h"

enum { GUEST_NAME_LUCK = 4, GUEST_NAME_MAX = 24 };

// Makes a name of random bytes. The result is in ret.
str guest_name_make(const uint8_t luck[GUEST_NAME_LUCK], char ret[GUEST_NAME_MAX]);

#endif
