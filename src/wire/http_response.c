// SPDX-License-Identifier: Apache-2.0
//
// http_response.c - response heads, error responses, entity tags, dates.
//
// What the caller puts into a response is the program's own text; that no line break gets into a field is asserted, so
// that a future field made from a peer's words cannot split a response unnoticed.
#include "base/assert.h"
#include "base/civil.h"
#include "wire/http.h"

// Pages and their scripts, styles and images come from this server alone; nothing inline, no frame around us. The
// page's WebSocket may go elsewhere, because operators put the page and the socket on different hosts.
#define PAGE_POLICY                                                                            \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "       \
    "connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; form-action 'none'; " \
    "frame-ancestors 'none'\r\n"

const char *http_status_text(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } texts[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "Unknown";
}

// ---- dates

void http_date_encode(uint64_t wall_s, char ret[HTTP_DATE_LEN])
{
    static const char week_days[] = "ThuFriSatSunMonTueWed"; // 1 January 1970 was a Thursday
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (wall_s > YEAR_9999_END_S)
        wall_s = YEAR_9999_END_S;
    uint64_t days = wall_s / 86400;
    unsigned second = (unsigned)(wall_s % 86400);
    struct civil c = civil_from_days(days);

    memcpy(ret, "Day, 00 Mon 0000 00:00:00 GMT", HTTP_DATE_LEN);
    memcpy(ret, week_days + 3 * (days % 7), 3);
    digits_put(ret + 5, 2, c.day);
    memcpy(ret + 8, months + 3 * (size_t)c.month, 3);
    digits_put(ret + 12, 4, c.year);
    digits_put(ret + 17, 2, second / 3600);
    digits_put(ret + 20, 2, second / 60 % 60);
    digits_put(ret + 23, 2, second % 60);
}

// ---- heads

static void put_field(struct buf *b, str name, str value)
{
    ASSERT(str_find_char(value, '\r', 0) == value.n && str_find_char(value, '\n', 0) == value.n);
    if (value.n == 0)
        return;
    buf_put_str(b, name);
    BUF_PUT_LIT(b, ": ");
    buf_put_str(b, value);
    BUF_PUT_LIT(b, "\r\n");
}

static void put_number_field(struct buf *b, str name, uint64_t value)
{
    buf_put_str(b, name);
    BUF_PUT_LIT(b, ": ");
    buf_put_u64(b, value);
    BUF_PUT_LIT(b, "\r\n");
}

static void put_connection(struct buf *b, const struct http_response *r)
{
    // Upgrade is a field of this hop and must be named in Connection (RFC 9110 section 7.8).
    if (r->websocket_version) {
        put_field(b, STR("Connection"), r->keep_alive ? STR("Upgrade") : STR("close, Upgrade"));
        BUF_PUT_LIT(b, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    } else if (!r->keep_alive) {
        BUF_PUT_LIT(b, "Connection: close\r\n");
    }
}

void http_put_head(struct buf *b, const struct http_response *r)
{
    BUF_PUT_LIT(b, "HTTP/1.1 ");
    buf_put_u64(b, r->status);
    buf_put_char(b, ' ');
    buf_put_str(b, str_from_cstr(http_status_text(r->status)));
    BUF_PUT_LIT(b, "\r\n");
    if (r->wall_s > 0) {
        char date[HTTP_DATE_LEN];
        http_date_encode(r->wall_s, date);
        put_field(b, STR("Date"), (str){date, sizeof date});
    }
    put_connection(b, r);
    put_field(b, STR("Content-Type"), r->content_type);
    if (r->status >= 200 && r->status != 204 && r->status != 304) // RFC 9110 section 8.6
        put_number_field(b, STR("Content-Length"), r->content_length);
    put_field(b, STR("Location"), r->location);
    put_field(b, STR("ETag"), r->etag);
    put_field(b, STR("Cache-Control"), r->cache_control);
    put_field(b, STR("Allow"), r->allow);
    put_field(b, STR("WWW-Authenticate"), r->challenge);
    put_field(b, STR("X-Request-Id"), r->request_id);
    put_field(b, STR("traceparent"), r->traceparent);
    if (r->replayed)
        BUF_PUT_LIT(b, "Idempotency-Replayed: true\r\n");
    put_field(b, STR("Access-Control-Allow-Origin"), r->allow_origin);
    if (r->hsts_s != 0) {
        BUF_PUT_LIT(b, "Strict-Transport-Security: max-age=");
        buf_put_u64(b, r->hsts_s);
        BUF_PUT_LIT(b, "\r\n");
    }
    if (r->vary_origin) // also where it is not allowed: a cache must not give one page the answer for another
        BUF_PUT_LIT(b, "Vary: Origin\r\n");
    if (r->retry_after_s > 0)
        put_number_field(b, STR("Retry-After"), r->retry_after_s);
    BUF_PUT_LIT(b, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
    if (r->page_policy)
        BUF_PUT_LIT(b, PAGE_POLICY);
    BUF_PUT_LIT(b, "\r\n");
}

struct http_response http_response_error(uint16_t status, str message, bool close, uint64_t wall_s)
{
    return (struct http_response){
        .status = status,
        .keep_alive = !close,
        .websocket_version = status == 426,
        .content_length = message.n + 1,
        .wall_s = wall_s,
        .retry_after_s = status == 429 || status == 503 ? 1 : 0,
        .content_type = STR("text/plain; charset=utf-8"),
        .cache_control = STR("no-store"),
        .allow = status == 405 ? STR("GET, HEAD") : STR_NONE,
    };
}

void http_put_error_response(struct buf *b, const struct http_response *r, str message)
{
    http_put_head(b, r);
    if (r->head_only)
        return;
    buf_put_str(b, message);
    buf_put_char(b, '\n');
}

void http_put_error(struct buf *b, uint16_t status, str message, bool close, uint64_t wall_s)
{
    struct http_response r = http_response_error(status, message, close, wall_s);
    http_put_error_response(b, &r, message);
}

// ---- entity tags

bool http_etag_matches(str if_none_match, str etag)
{
    if (str_eq(str_trim(if_none_match), STR("*")))
        return true;
    str element;
    // Our tags have no comma in them, so splitting at commas finds them; a foreign tag with one matches nothing.
    while (http_list_next(&if_none_match, &element)) {
        if (str_starts(element, STR("W/")))
            element = str_skip(element, 2);
        if (str_eq(element, etag))
            return true;
    }
    return false;
}
