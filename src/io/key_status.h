// SPDX-License-Identifier: Apache-2.0
//
// key_status.h - what is to be told of the keys of an issuer that are fetched (io/key_fetcher.h).
#ifndef PLENUM_IO_KEY_STATUS_H
#define PLENUM_IO_KEY_STATUS_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

enum { KEY_FAILURE_MAX = 160 }; // bytes of a sentence, ASCII; what is longer is cut

// How a fetch ended.
// clang-format off
#define KEY_FETCH_RESULTS(X) \
    X(CHANGED, changed) \
    X(SAME,    same)   /* 304, or the keys that were there */ \
    X(FAILED,  failed)
// clang-format on
enum key_fetch_result {
#define X(upper, lower) KEY_FETCH_##upper,
    KEY_FETCH_RESULTS(X)
#undef X
        KEY_FETCH_RESULT_COUNT
};

struct key_fetch_status {
    char issuer[ISSUER_NAME_MAX + 1];
    uint64_t results[KEY_FETCH_RESULT_COUNT]; // since its URL was configured
    bool known;                               // its keys have been fetched, and count
    uint32_t keys;
    uint64_t age_ms;                   // since it was heard that they are its keys
    bool asked;                        // a fetch has ended since its URL was configured,
    uint64_t asked_ms;                 // so long ago
    uint32_t failures;                 // that have failed, since the last one that has not
    char failure[KEY_FAILURE_MAX + 1]; // why the last one has; "" where it has not
};

#endif
