// SPDX-License-Identifier: Apache-2.0
//
// The fields of an upgrade: whatever a request says beside what it has to, the verdict is that of the RFC read slowly (below), does
// not depend on the order of the fields, and the answer is one response with nothing of the request in it but what was selected.
//
// Input: which of the fields that belong there are left out (1 Host, 2 Upgrade, 4 Connection, 8 the version, 16 the key; 32: it is a
// HEAD; 64: it is HTTP/1.0), then the lines of the head behind them.
#include "core/conn/conn_http.h"
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"
#include "wire/origin.h"
#include "wire/ws_deflate.h"
#include "wire/ws_handshake.h"

#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const needed[] = {"Host: chat.example.org\r\n", "Upgrade: websocket\r\n",
                                     "Connection: Upgrade\r\n", "Sec-WebSocket-Version: 13\r\n",
                                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"};

static void needed_put(struct buf *b, uint8_t left_out)
{
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if ((left_out & 1u << i) == 0)
            buf_put_str(b, str_from_cstr(needed[i]));
}

// The head with those fields in front of the others, or behind them.
static void head_make(struct buf *b, uint8_t left_out, str lines, bool behind)
{
    buf_reset(b, 0);
    buf_put_str(b, (left_out & 32) != 0 ? STR("HEAD") : STR("GET"));
    BUF_PUT_LIT(b, " /ws?token=q HTTP/1.");
    buf_put_str(b, (left_out & 64) != 0 ? STR("0\r\n") : STR("1\r\n"));
    if (!behind)
        needed_put(b, left_out);
    while (lines.n != 0) {
        buf_put_str(b, str_split(lines, '\n', &lines));
        BUF_PUT_LIT(b, "\r\n");
    }
    if (behind)
        needed_put(b, left_out);
    BUF_PUT_LIT(b, "\r\n");
    MUST(buf_ok(b));
}

// --- RFC 6455 section 4.2.1 read slowly

static size_t fields_of(const struct http_request *r, const char *name, str *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < r->field_count; i++)
        if (r->fields[i].name.n == strlen(name) &&
            strncasecmp(r->fields[i].name.p, name, strlen(name)) == 0 && n++ == 0)
            *ret = r->fields[i].value;
    return n;
}

// One of the elements between commas is that word.
static bool element_is(const struct http_request *r, const char *name, const char *word)
{
    for (size_t i = 0; i < r->field_count; i++) {
        const str v = r->fields[i].value;
        if (r->fields[i].name.n != strlen(name) || strncasecmp(r->fields[i].name.p, name, strlen(name)) != 0)
            continue;
        for (size_t at = 0; at <= v.n;) {
            size_t end = at;
            while (end < v.n && v.p[end] != ',')
                end++;
            size_t from = at, to = end;
            while (from < to && (v.p[from] == ' ' || v.p[from] == '\t'))
                from++;
            while (to > from && (v.p[to - 1] == ' ' || v.p[to - 1] == '\t'))
                to--;
            if (to - from == strlen(word) && strncasecmp(v.p + from, word, strlen(word)) == 0)
                return true;
            at = end + 1;
        }
    }
    return false;
}

// 22 letters of base64, of which the last has four bits that count, and two signs of equality.
static bool nonce_slow(str key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (key.p[i] == 0 || strchr(letters, key.p[i]) == NULL)
            return false;
    return (strchr(letters, key.p[21]) - letters) % 16 == 0;
}

static bool protocols_slow(const struct http_request *r)
{
    static const char separators[] = "()<>@,;:\\\"/[]?={} \t"; // RFC 2616 section 2.2, as RFC 6455 has it
    struct ws_protocol_iter it = {0};
    str name;
    while (ws_protocol_next(r, &it, &name)) {
        MUST(name.n != 0);
        for (size_t i = 0; i < name.n; i++)
            if (name.p[i] <= 0x20 || name.p[i] == 0x7f || strchr(separators, name.p[i]) != NULL)
                return false;
    }
    return true;
}

static unsigned status_slow(const struct http_request *r)
{
    str version, key, origin;
    if (!str_eq(r->method, STR("GET")))
        return 405;
    if (r->version_minor == 0 || r->chunked || r->content_length != 0)
        return 400;
    if (!element_is(r, "upgrade", "websocket"))
        return 426;
    if (!element_is(r, "connection", "upgrade"))
        return 400;
    if (fields_of(r, "sec-websocket-version", &version) != 1 || !str_eq(version, STR("13")))
        return 426;
    if (fields_of(r, "sec-websocket-key", &key) != 1 || !nonce_slow(key) || !protocols_slow(r))
        return 400;
    return fields_of(r, "origin", &origin) > 1 ? 400 : 101;
}

// --- what is made of it

// Lines of the answer: so many, each with its end, and an empty one.
static void one_response(str answer, size_t lines)
{
    MUST(str_starts(answer, STR("HTTP/1.1 101 ")));
    for (; lines != 0; lines--) {
        const size_t end = str_find_char(answer, '\r', 0);
        MUST(end != 0 && end + 1 < answer.n && answer.p[end + 1] == '\n');
        answer = str_skip(answer, end + 2);
    }
    MUST(str_eq(answer, STR("\r\n")));
}

static void taken(const struct http_request *r, const struct ws_handshake *h, struct mem *mem)
{
    static const str origins[] = {STR("https://*.example.org"), STR("http://localhost:3000")};
    static const struct tenant tenants[] = {{.name = STR("one")}, {.name = STR("two")}};
    const struct settings s = {.tenants = tenants,
                               .tenants_n = sizeof tenants / sizeof *tenants,
                               .token_cookie = STR("session"),
                               .query_token = true};
    struct buf answer, extensions;
    struct ws_deflate_iter offers = {0};
    struct ws_deflate_offer o;
    struct ws_protocol_iter it = {0};
    uint8_t tenant = TENANT_NONE;
    str protocol = STR_NONE;
    buf_init(&answer, mem, 0);
    buf_init(&extensions, mem, 0);
    (void)ws_protocol_next(r, &it, &protocol);
    if (ws_deflate_next(r, &offers, &o)) {
        const struct ws_deflate_answer a = {o.server_bits, o.client_bits, !o.client_context_dropped};
        ws_deflate_put(&extensions, &o, &a);
    }
    MUST(ws_handshake_put_response(&answer, h, protocol, buf_str(&extensions)) == OK);
    one_response(buf_str(&answer), 4 + (size_t)(protocol.n != 0) + (size_t)(extensions.n != 0));
    MUST(!upgrade_tenant(&s, r, &tenant) || tenant == TENANT_NONE ||
         tenant <= sizeof tenants / sizeof *tenants);
    const str token = upgrade_token(&s, r); // there is one in the query at least
    MUST(token.n != 0);
    (void)origin_allowed(h->origin, h->has_origin, STR("http"), h->host, origins,
                         sizeof origins / sizeof *origins);
    buf_deinit(&answer);
    buf_deinit(&extensions);
}

// The verdict; 0: it is no request.
static unsigned judge(str head, struct mem *mem)
{
    static struct http_request r;
    struct ws_handshake h;
    char *copy = (char *)exact_copy(head.p, head.n);
    unsigned status = 0;
    if (http_request_parse(str_make(copy, head.n), &r) == OK) {
        status = ws_handshake_check(&r, &h);
        MUST(status == status_slow(&r) && h.reason != NULL && (h.reason[0] == 0) == (status == 101));
        if (status == 101)
            taken(&r, &h, mem);
    }
    free(copy);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mem mem;
    struct buf head;
    if (n == 0)
        return 0;
    const str lines = str_make((const char *)data + 1, n - 1);
    fuzz_mem_init(&mem);
    buf_init(&head, &mem, 0);
    head_make(&head, data[0], lines, false);
    const unsigned status = judge(buf_str(&head), &mem);
    head_make(&head, data[0], lines, true);
    MUST(status == judge(buf_str(&head), &mem));
    buf_deinit(&head);
    return 0;
}
