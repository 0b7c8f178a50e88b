// SPDX-License-Identifier: Apache-2.0
//
// http_cache.h - for how long an answer that we fetched may be used before it has to be asked for again.
//
//     Cache-Control: public, max-age=3600   Age: 600          3,000 s
//     Expires: Sun, 06 Nov 1994 08:49:37 GMT  Date: ...       the one minus the other
//     Cache-Control: no-cache                                 0 s: never without asking
//
// For a cache of one user, so `s-maxage` and `private` are not looked at. Where a field cannot be read, the answer is stale
// already, as RFC 9111 section 4.2.1 would have it; what fields do not say is left to the caller.
//
// Thread: pure functions. Source: RFC 9111 sections 4.2 and 5, RFC 9110 section 5.6.7.
#ifndef PLENUM_WIRE_HTTP_CACHE_H
#define PLENUM_WIRE_HTTP_CACHE_H

#include "base/str.h"

// A zeroed one knows nothing.
struct http_cache {
    bool stale; // `no-store`, `no-cache`
    bool has_max_age, has_age, has_expires, has_date;
    uint64_t max_age_s, age_s;
    uint64_t expires_s, date_s; // since 1970
};

#define HTTP_CACHE_UNSAID UINT64_MAX

// A field of the answer's head; any other than those above makes no difference.
void http_cache_field(struct http_cache *c, str name, str value);
// Seconds for which it is fresh from its arrival on, or HTTP_CACHE_UNSAID. wall_s: when it arrived, for want of a `Date`.
uint64_t http_cache_fresh_s(const struct http_cache *c, uint64_t wall_s);
// IMF-fixdate, as http_date_encode writes it. False: it is none.
bool http_date_decode(str text, uint64_t *ret_s);

#endif
