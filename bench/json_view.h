// SPDX-License-Identifier: Apache-2.0
//
// Looks up a key at the top level of a JSON object, without copying. Only for reading what a server sends to a test
// tool: it skips values correctly but does not validate them.

#ifndef BENCH_JSON_VIEW_H
#define BENCH_JSON_VIEW_H

#include <stdbool.h>
#include <stdint.h>

struct json_view {
    const char *at; // NULL: no such key
    uint32_t len;   // strings: without the quotes, escapes as they are
};

struct json_view json_view_find(const char *object, uint32_t len, const char *key);

// A non-negative integer; 0 when there is none.
uint64_t json_view_number(struct json_view v);

bool json_view_is(struct json_view v, const char *text);

#endif
