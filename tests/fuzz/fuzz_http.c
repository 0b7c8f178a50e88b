// SPDX-License-Identifier: Apache-2.0
//
// Request heads: the scanner's verdict must not depend on the cuts, and a request that is taken must keep what the
// parser promises. Handshake, origin check, lists and entity tags run on whatever fields come out.
//
// Input: two bytes that place the cuts, then the bytes of a connection.
#include "unit/wire_support.h"
#include "wire/host_name.h"
#include "wire/origin.h"
#include "wire/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct verdict {
    enum err e;
    size_t head_n;
    unsigned status;
};

static struct verdict scan(const uint8_t *p, const size_t *ends, size_t count)
{
    struct http_scanner s;
    struct verdict v = {ERR_MORE, 0, 0};
    http_scanner_init(&s);
    for (size_t i = 0; i < count && v.e == ERR_MORE; i++) {
        uint8_t *block = exact_copy(p, ends[i]);
        v.e = http_head_scan(&s, (str){(const char *)block, ends[i]}, &v.head_n);
        free(block);
    }
    v.status = s.status;
    return v;
}

static struct verdict scan_by_byte(const uint8_t *p, size_t n)
{
    struct http_scanner s;
    struct verdict v = {ERR_MORE, 0, 0};
    http_scanner_init(&s);
    for (size_t i = 1; i <= n && v.e == ERR_MORE; i++)
        v.e = http_head_scan(&s, (str){(const char *)p, i}, &v.head_n);
    v.status = s.status;
    return v;
}

static bool same(struct verdict a, struct verdict b)
{
    return a.e == b.e && a.status == b.status && (a.e != OK || a.head_n == b.head_n);
}

static bool inside(str part, const uint8_t *p, size_t n)
{
    const uint8_t *from = (const uint8_t *)part.p;
    return part.n == 0 || (from >= p && from + part.n <= p + n);
}

static bool is_clean(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((uint8_t)s.p[i] < 0x20 && s.p[i] != '\t')
            return false;
    }
    return true;
}

static void check_request(const struct http_request *r, const uint8_t *p, size_t n)
{
    MUST(http_is_token(r->method) && inside(r->method, p, n));
    MUST(http_path_normal(r->path) && inside(r->path, p, n));
    MUST(r->field_count <= HTTP_FIELDS_MAX);
    MUST(r->version_minor == 0 || http_field_count(r, STR("host")) == 1);
    MUST(!(r->chunked && r->has_content_length));
    MUST(http_field_count(r, STR("content-length")) == r->has_content_length);
    MUST(http_field_count(r, STR("transfer-encoding")) == r->chunked);
    for (size_t i = 0; i < r->field_count; i++) {
        MUST(http_is_token(r->fields[i].name) && inside(r->fields[i].name, p, n));
        MUST(is_clean(r->fields[i].value) && inside(r->fields[i].value, p, n));
        (void)http_etag_matches(r->fields[i].value, STR("\"tag\""));
        (void)origin_pattern_valid(r->fields[i].value);
    }
}

static void check_handshake(const struct http_request *r)
{
    static const str patterns[] = {STR("https://*.example.org"), STR("http://localhost:3000")};
    struct ws_handshake h;
    unsigned status = ws_handshake_check(r, &h);
    MUST(status == 101 || status == 400 || status == 405 || status == 426);
    if (status != 101)
        return;
    MUST(h.key.n == 24 && r->version_minor == 1 && r->content_length == 0 && !r->chunked);
    struct ws_protocol_iter it = {0};
    str name;
    while (ws_protocol_next(r, &it, &name))
        MUST(http_is_token(name) && ws_protocol_offered(r, name));
    char accept[WS_ACCEPT_LEN];
    MUST(ws_accept_key(h.key, accept) == OK);
    (void)host_is_ours(h.host, patterns, 2, true);
    (void)origin_allowed(h.origin, h.has_origin, STR("http"), h.host, patterns, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_request request;
    if (n < 2)
        return 0;
    const uint8_t *p = data + 2;
    n -= 2;
    size_t cut1 = n * data[0] / 255;
    size_t cut2 = cut1 + (n - cut1) * data[1] / 255;

    struct verdict whole = scan(p, &n, 1);
    MUST(same(whole, scan(p, (size_t[]){cut1, cut2, n}, 3)));
    MUST(n == 0 || same(whole, scan_by_byte(p, n)));
    MUST(whole.e == OK || whole.e == ERR_MORE || whole.status == 400 || whole.status == 414 ||
         whole.status == 431);

    size_t head_n = whole.e == OK ? whole.head_n : n;
    uint8_t *head = exact_copy(p, head_n);
    enum err e = http_request_parse((str){(const char *)head, head_n}, &request);
    if (e == OK) {
        MUST(whole.e == OK); // the parser takes nothing that the scanner would not
        check_request(&request, head, head_n);
        check_handshake(&request);
    } else {
        MUST(e < 0 && request.status >= 400 && request.reason != NULL);
    }
    free(head);
    return 0;
}
