// SPDX-License-Identifier: Apache-2.0
//
// json_key.h - comparing keys by what they say rather than how they are written. Internal to json_*.c.
#ifndef PLENUM_WIRE_JSON_KEY_H
#define PLENUM_WIRE_JSON_KEY_H

#include "base/str.h"

// The value of a hex digit, or -1.
static inline int json_hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Of two strings between their quotes, both validated; `escaped` says that there is an escape in one.
bool json_keys_equal(str a, bool a_escaped, str b, bool b_escaped);

#endif
