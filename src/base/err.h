// SPDX-License-Identifier: Apache-2.0
//
// err.h - the one set of results that fallible functions return.
//
// Zero is success, a positive value is progress ("not finished, and that is fine"), a negative value is an
// error. Errors are values: they go up to the caller who can act on them and are logged once, at the top.
#ifndef PLENUM_BASE_ERR_H
#define PLENUM_BASE_ERR_H

enum err {
    OK = 0,
    ERR_MORE = 1,         // progress: all input was taken, more is needed
    ERR_NOMEM = -1,       // a pool, the budget or the memory source is exhausted
    ERR_LIMIT = -2,       // a limit of the limits table would be passed
    ERR_SYNTAX = -3,      // the peer's bytes break the grammar
    ERR_TOO_LARGE = -4,   // the peer's unit is larger than allowed
    ERR_UTF8 = -5,        // text that is not UTF-8
    ERR_NOT_FOUND = -6,   // the thing named does not exist
    ERR_EXISTS = -7,      // the thing named exists already
    ERR_DENIED = -8,      // the asker may not
    ERR_FULL = -9,        // a bounded queue is full; try again later
    ERR_UNSUPPORTED = -10 // valid, but not something this server does
};

#define WARN_UNUSED __attribute__((warn_unused_result))

#endif
