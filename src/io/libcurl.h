// SPDX-License-Identifier: Apache-2.0
//
// libcurl.h - libcurl, loaded when something is to be fetched and not before.
//
// Debian's libcurl brings 29 libraries into the process (LDAP, Kerberos, SSH, ...): 4.4 MiB resident in the place of 7.0 and 15 ms of
// each start, for what most servers never do. So the program is not linked with it: it is there without it, and says so
// where it is wanted and missing. Its header is needed to build.
//
// Thread: libcurl_load by one at a time; what it gives may be called as libcurl says, by any.
#ifndef PLENUM_IO_LIBCURL_H
#define PLENUM_IO_LIBCURL_H

#include "base/err.h"

#define CURL_DISABLE_TYPECHECK // it is for calls by name
#include <curl/curl.h>

#define LIBCURL_NAME "libcurl.so.4" // its interface has been this one since 2006

// clang-format off
#define LIBCURL_FUNCTIONS(X) \
    X(easy_init) X(easy_cleanup) X(easy_setopt) X(easy_getinfo) X(easy_strerror) \
    X(multi_init) X(multi_cleanup) X(multi_add_handle) X(multi_remove_handle) X(multi_perform) X(multi_poll) \
    X(multi_wakeup) X(multi_info_read) X(slist_append) X(slist_free_all) X(global_init)
// clang-format on

struct libcurl {
#define X(name) __typeof__(&curl_##name) name;
    LIBCURL_FUNCTIONS(X)
#undef X
};

// Fills in *ret, and has it set itself up; it stays in the process. ERR_NOT_FOUND: there is no library of that name, or it is too
// old. ERR_NOMEM.
enum err libcurl_load(const char *name, struct libcurl *ret) WARN_UNUSED;

#endif
