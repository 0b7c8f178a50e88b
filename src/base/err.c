// SPDX-License-Identifier: Apache-2.0
//
// Names of errors. A switch without `default`, so that the compiler tells when the enum grows and this does not.
#include "base/err.h"

const char *err_name(enum err e)
{
    // clang-format off
    switch (e) {
    case OK: return "ok";
    case ERR_MORE: return "more";
    case ERR_NOMEM: return "no-memory";
    case ERR_LIMIT: return "limit";
    case ERR_SYNTAX: return "syntax";
    case ERR_TOO_LARGE: return "too-large";
    case ERR_UTF8: return "not-utf8";
    case ERR_NOT_FOUND: return "not-found";
    case ERR_EXISTS: return "exists";
    case ERR_DENIED: return "denied";
    case ERR_FULL: return "full";
    case ERR_UNSUPPORTED: return "unsupported";
    }
    // clang-format on
    return "unknown";
}
