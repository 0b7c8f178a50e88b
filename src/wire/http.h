// SPDX-License-Identifier: Apache-2.0
//
// http.h - HTTP/1.1 for one's own port: a strict reader of request heads, a writer of response heads.
//
// The connection collects bytes until http_head_scan has found the end of the head, hands the head to
// http_request_parse once, and then decides: upgrade (wire/ws_handshake.h), page, or error.
//
//     "GET /ws HTTP/1.1\r\n" "Host: a\r\n" ... "\r\n" | body or first frames
//      request line           fields            end   ^ head length
//
// Strict means: where two servers could read the same bytes differently, the request is refused (request smuggling,
// RFC 9112 section 11.2). Line ends are CR LF only; no folding; no space before a colon; one Host; at most one
// Content-Length, decimal digits, and never beside Transfer-Encoding; origin-form targets only, with a path that
// means the same before and after percent-decoding. One empty line before the request line is skipped (RFC 9112
// section 2.2).
//
// Ownership: a parsed request borrows from the head; both live as long as the caller's bytes stay in place.
// Limits: HTTP_HEAD_MAX (431), HTTP_TARGET_MAX (414), HTTP_FIELDS_MAX (431). Work is linear in the bytes.
// Errors carry a status for the response and a static sentence for its body; after any of them the connection
// must be closed, because where the next request begins is not known.
#ifndef PLENUM_WIRE_HTTP_H
#define PLENUM_WIRE_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

// ---- finding the end of the head

struct http_scanner {
    uint32_t seen;       // bytes already looked at
    uint32_t line_start; // where the line at hand begins
    uint16_t lines;      // complete lines so far, the skipped empty one not counted
    uint16_t status;     // after an error: the response's status
    const char *reason;  // after an error: a static sentence
};

// A zeroed scanner is ready too.
void http_scanner_init(struct http_scanner *s);

// Looks for the end of the head in so_far: all bytes since the request's first one, those of earlier calls included.
// OK: *ret_head_n is the head's length with its empty line. ERR_MORE: call again with more bytes.
// Errors, with s->status and s->reason: ERR_SYNTAX (400: a line end other than CR LF, or not HTTP at all),
// ERR_TOO_LARGE (414, 431).
enum err http_head_scan(struct http_scanner *s, str so_far, size_t *ret_head_n) WARN_UNUSED;

// ---- the request

struct http_field {
    str name;  // a token, as sent
    str value; // trimmed
};

struct http_request {
    str method;
    str target;            // path and query as sent
    str path;              // up to "?", still percent-encoded, http_path_normal holds
    str query;             // after "?"; absent (p == NULL) without one
    str host;              // the Host field; absent only in HTTP/1.0
    uint8_t version_minor; // 0 or 1
    bool keep_alive;       // the client would go on; false for HTTP/1.0
    bool has_content_length;
    bool chunked;            // Transfer-Encoding: chunked; see wire/http_body.h
    uint64_t content_length; // 0 without the field; not yet held against HTTP_BODY_MAX
    uint16_t status;         // after an error: the response's status
    const char *reason;      // after an error: a static sentence
    uint16_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

// Parses a whole head, empty line included. OK, or an error with ret->status and ret->reason (the rest of ret is
// then undefined): ERR_SYNTAX (400), ERR_TOO_LARGE (414, 431), ERR_UNSUPPORTED (501 transfer coding, 505 version).
enum err http_request_parse(str head, struct http_request *ret) WARN_UNUSED;

// The first field of that name (any case). False, and *ret left alone, where there is none.
bool http_field_find(const struct http_request *r, str name, str *ret_value);
size_t http_field_count(const struct http_request *r, str name);
// True if one of the fields of that name, read as a comma-separated list, has the token (any case).
bool http_field_has_token(const struct http_request *r, str name, str token);

// Takes the next element off a comma-separated list, trimmed, empty ones skipped. False at the end.
bool http_list_next(str *list, str *ret);
// A token of RFC 9110 section 5.6.2, at least one byte.
bool http_is_token(str s);

// Splits "host[:port]": a registered name of letters, digits, '-', '_' and '.', or an address in brackets. The port is
// 0 where it is missing; a port of 0, an empty one or one above 65535 is malformed. False if malformed.
bool http_host_split(str host, str *ret_name, uint16_t *ret_port);

// True if the path begins with "/" and cannot be read in two ways: percent-encodings are well-formed and decode to
// UTF-8 without control characters, slashes, backslashes or dots, and no segment is "." or "..".
bool http_path_normal(str path);

// ---- the response

struct http_response {
    uint16_t status;
    bool keep_alive;        // false adds "Connection: close"
    bool page_policy;       // a Content-Security-Policy for pages of our own, no inline script or style
    bool vary_origin;       // "Vary: Origin": whether allow_origin is there depends on who asks
    bool replayed;          // "Idempotency-Replayed: true": it was answered so before
    bool websocket_version; // "Sec-WebSocket-Version: 13" and "Upgrade: websocket" (with 426)
    bool head_only; // it answers HEAD: the fields of a body that is not there (RFC 9110 section 9.3.2)
    uint64_t content_length; // not written for 1xx, 204 and 304
    uint64_t wall_s;         // seconds since 1970 UTC, for Date; 0 leaves the field out
    uint32_t retry_after_s;  // 0 leaves the field out
    uint32_t
        hsts_s; // likewise Strict-Transport-Security (RFC 6797); never where TLS is not spoken (section 7.2)
    str content_type; // these are left out where empty
    str location;
    str etag; // with its quotes
    str cache_control;
    str allow;
    str challenge;    // WWW-Authenticate
    str request_id;   // X-Request-Id,
    str traceparent;  // and traceparent, as they came
    str allow_origin; // "Access-Control-Allow-Origin": the page that may read this answer from elsewhere
};

// Appends status line, fields and the empty line; the caller appends the body. Always written:
// X-Content-Type-Options: nosniff and Referrer-Policy: no-referrer.
void http_put_head(struct buf *b, const struct http_response *r);

// Appends a whole error response, the sentence as text/plain body. 405 brings "Allow: GET, HEAD", 426 the version
// fields, 503 and 429 "Retry-After: 1".
void http_put_error(struct buf *b, uint16_t status, str message, bool close, uint64_t wall_s);
// The same in two steps, for those who have a field to add in between, or answer HEAD.
struct http_response http_response_error(uint16_t status, str message, bool close, uint64_t wall_s);
void http_put_error_response(struct buf *b, const struct http_response *r, str message);

// "OK", "Not Found"; "Unknown" for a status we never send.
const char *http_status_text(uint16_t status);

// If-None-Match against our entity tag (with quotes): "*" or a list, compared weakly (RFC 9110 section 13.1.2).
bool http_etag_matches(str if_none_match, str etag);

enum { HTTP_DATE_LEN = 29 };
// IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). wall_s up to the end of year 9999.
void http_date_encode(uint64_t wall_s, char ret[HTTP_DATE_LEN]);

#endif
