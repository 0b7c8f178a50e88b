// SPDX-License-Identifier: Apache-2.0
//
// http_get.h - small documents from elsewhere by HTTP: what the operator names, and never what a client says.
//
//     http_get_begin(url) ... http_getter_wait --> done(tag, status, body, freshness | why not)
//
// libcurl does it, for one thread, several documents at a time. It is held short: https with the certificate looked at, or plain http
// where the address says so; no redirects, as an address was named and not a place that names another; no proxies, cookies or
// passwords, whatever the environment has; no compression; bounds for head, body and time. A name that is being resolved holds up
// neither the others nor the end.
//
// Ownership: what is given is copied; what `done` is given is good during the call. Memory: bodies are booked with `mem`, what libcurl
// has beside them, some tens of kilobytes for each connection, is not.
// Limits: below; the caller bounds how many are under way. Errors: ERR_NOMEM; ERR_NOT_FOUND (there is no libcurl: io/libcurl.h).
// Thread: its owner's, but for http_getter_wake.
#ifndef PLENUM_IO_HTTP_GET_H
#define PLENUM_IO_HTTP_GET_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/http_cache.h"

enum {
    HTTP_GET_BODY_MAX = 256 * 1024, // bytes: sets of keys have a few thousand
    HTTP_GET_HEAD_MAX = 32 * 1024,  // bytes of all head fields
    HTTP_GET_CONNECT_MS = 5000,     // for name, connection and TLS
    HTTP_GET_MS = 10000,            // for all of it
    HTTP_ETAG_MAX = 128,            // bytes; a longer one is none
};

struct http_getter;

struct http_want {
    str url;
    str ca_file; // certificates of who vouches for the place, in the place of the system's; absent: those
    str etag;    // of what is there already; absent: nothing
};

struct http_got {
    uint16_t status; // 200 or 304; 0: `why` says
    str body;
    struct http_cache cache;
    str etag;        // absent: none
    const char *why; // for the log: nothing of the body
};

typedef void http_done(void *ctx, uint64_t tag, const struct http_got *got);

enum err http_getter_create(struct mem *mem, struct http_getter **ret) WARN_UNUSED;
// What is under way is given up, untold. NULL is fine.
void http_getter_destroy(struct http_getter *g);
// ERR_NOMEM.
enum err http_get_begin(struct http_getter *g, const struct http_want *want, uint64_t tag) WARN_UNUSED;
// Goes on with what is under way, up to so many milliseconds or until woken.
void http_getter_wait(struct http_getter *g, uint32_t ms, http_done *done, void *ctx);
// Ends a wait, or the next one. Any thread.
void http_getter_wake(struct http_getter *g);

#endif
