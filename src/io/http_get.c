// SPDX-License-Identifier: Apache-2.0
//
// One multi handle, an easy one for each document, made anew for it: what one was set to cannot be left over for another, and
// documents are minutes apart, so there is no connection worth keeping.
#include "io/http_get.h"

#include "base/assert.h"
#include "base/buf.h"
#include "io/libcurl.h"

#include <stdio.h>
#include <time.h>

struct get {
    struct get *next;
    struct http_getter *all;
    uint64_t tag;
    CURL *easy;
    struct curl_slist *fields;
    struct buf body;
    size_t head_bytes;
    bool too_large;
    struct http_cache cache;
    size_t etag_n;
    char etag[HTTP_ETAG_MAX];
    char why[CURL_ERROR_SIZE];
};

struct http_getter {
    struct mem *mem;
    struct libcurl curl;
    CURLM *multi;
    struct get *first;
};

// ---- what comes

static size_t on_body(char *p, size_t size, size_t n, void *get)
{
    struct get *g = get;
    ASSERT(size == 1);
    if (g->body.n + n > HTTP_GET_BODY_MAX) {
        g->too_large = true;
        return 0;
    }
    buf_put(&g->body, p, n);
    return buf_ok(&g->body) ? n : 0;
}

// Visible characters only (RFC 9110 section 8.8.3): it is sent back as it is.
static void etag_take(struct get *g, str value)
{
    g->etag_n = 0;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= 0x20 || value.p[i] == 0x7f)
            return;
    if (value.n <= HTTP_ETAG_MAX)
        memcpy(g->etag, value.p, g->etag_n = value.n);
}

static size_t on_head(char *p, size_t size, size_t n, void *get)
{
    struct get *g = get;
    str value, line = str_make(p, n);
    ASSERT(size == 1);
    if ((g->head_bytes += n) > HTTP_GET_HEAD_MAX) {
        g->too_large = true;
        return 0;
    }
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (str_starts(line, STR("HTTP/"))) { // what an interim answer (1xx) has said is not about this one
        g->cache = (struct http_cache){0};
        g->etag_n = 0;
    }
    str name = str_split(line, ':', &value);
    if (value.p == NULL)
        return n;
    http_cache_field(&g->cache, name, value);
    if (str_eq_nocase(name, STR("etag")))
        etag_take(g, str_trim(value));
    return n;
}

// ---- what is asked

static bool set_text(struct get *g, CURLoption option, str text)
{
    char z[1024];
    if (text.n >= sizeof z)
        return false;
    snprintf(z, sizeof z, "%.*s", STR_ARG(text));
    return g->all->curl.easy_setopt(g->easy, option, z) == CURLE_OK; // copies
}

static bool field_add(struct get *g, const char *text)
{
    struct curl_slist *longer = g->all->curl.slist_append(g->fields, text);
    if (longer != NULL)
        g->fields = longer;
    return longer != NULL;
}

static bool fields_set(struct get *g, str etag)
{
    char line[HTTP_ETAG_MAX + 32];
    bool set = field_add(g, "Accept: application/json, application/jwk-set+json");
    if (etag.n > 0) {
        snprintf(line, sizeof line, "If-None-Match: %.*s", STR_ARG(etag));
        set = set && field_add(g, line);
    }
    return set && g->all->curl.easy_setopt(g->easy, CURLOPT_HTTPHEADER, g->fields) == CURLE_OK;
}

static bool is_https(str url) { return str_starts(url, STR("https://")); }

static bool options_set(struct get *g, const struct http_want *want)
{
    // clang-format off
    const struct { CURLoption option; long value; } numbers[] = {
        {CURLOPT_NOSIGNAL, 1}, // signals are the main thread's
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_CONNECTTIMEOUT_MS, HTTP_GET_CONNECT_MS},
        {CURLOPT_TIMEOUT_MS, HTTP_GET_MS},
        {CURLOPT_MAXFILESIZE, HTTP_GET_BODY_MAX},
        {CURLOPT_QUICK_EXIT, 1}, // what resolves a name is left to itself, not waited for
    };
    const struct { CURLoption option; const char *value; } texts[] = {
        {CURLOPT_PROTOCOLS_STR, is_https(want->url) ? "https" : "http"},
        {CURLOPT_PROXY, ""}, // whatever the environment says
        {CURLOPT_USERAGENT, "plenum/" PLENUM_VERSION},
    };
    // clang-format on
    CURL *easy = g->easy;
    const struct libcurl *curl = &g->all->curl;
    bool set = set_text(g, CURLOPT_URL, want->url) && fields_set(g, want->etag);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        set = set && curl->easy_setopt(easy, numbers[i].option, numbers[i].value) == CURLE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        set = set && curl->easy_setopt(easy, texts[i].option, texts[i].value) == CURLE_OK;
    if (want->ca_file.n > 0) // and nobody else: the system's folder is off
        set = set && set_text(g, CURLOPT_CAINFO, want->ca_file) &&
              curl->easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return set && curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, g->why) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_PRIVATE, g) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_WRITEDATA, g) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
           curl->easy_setopt(easy, CURLOPT_HEADERDATA, g) == CURLE_OK;
}

static void get_free(struct get *g)
{
    if (g->easy != NULL) {
        g->all->curl.multi_remove_handle(g->all->multi, g->easy); // one that is in none is fine
        g->all->curl.easy_cleanup(g->easy);
    }
    g->all->curl.slist_free_all(g->fields);
    buf_deinit(&g->body);
    mem_free(g->all->mem, g, sizeof *g);
}

enum err http_get_begin(struct http_getter *all, const struct http_want *want, uint64_t tag)
{
    struct get *g = mem_zalloc(all->mem, sizeof *g);
    if (g == NULL)
        return ERR_NOMEM;
    g->all = all;
    g->tag = tag;
    buf_init(&g->body, all->mem, HTTP_GET_BODY_MAX);
    g->easy = all->curl.easy_init();
    if (g->easy == NULL || !options_set(g, want) ||
        all->curl.multi_add_handle(all->multi, g->easy) != CURLM_OK) {
        get_free(g);
        return ERR_NOMEM;
    }
    g->next = all->first;
    all->first = g;
    return OK;
}

// ---- how it ends

static void unlink_get(struct http_getter *all, struct get *g)
{
    struct get **at = &all->first;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
}

// The status, or 0 with the reason in g->why.
static uint16_t outcome(struct get *g, CURLcode code)
{
    long status = 0;
    g->all->curl.easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status);
    if (g->too_large || code == CURLE_FILESIZE_EXCEEDED)
        snprintf(g->why, sizeof g->why,
                 "the answer is too large: its head may have 32 KiB, its body 256 KiB");
    else if (!buf_ok(&g->body))
        snprintf(g->why, sizeof g->why, "no memory for the answer");
    else if (code != CURLE_OK && g->why[0] == '\0')
        snprintf(g->why, sizeof g->why, "%s", g->all->curl.easy_strerror(code));
    else if (code == CURLE_OK && status >= 300 && status < 400 && status != 304)
        snprintf(g->why, sizeof g->why, "status %ld: redirects are not followed", status);
    else if (code == CURLE_OK && status != 200 && status != 304)
        snprintf(g->why, sizeof g->why, "status %ld", status);
    else if (code == CURLE_OK)
        return (uint16_t)status;
    return 0;
}

static void end(struct http_getter *all, struct get *g, CURLcode code, http_done *done, void *ctx)
{
    struct http_got got = {.status = outcome(g, code), .why = g->why};
    if (got.status != 0) {
        got.body = buf_str(&g->body);
        got.cache = g->cache;
        got.etag = g->etag_n > 0 ? str_make(g->etag, g->etag_n) : STR_NONE;
    }
    unlink_get(all, g);
    done(ctx, g->tag, &got);
    get_free(g);
}

// True: something has ended.
static bool go_on(struct http_getter *all, http_done *done, void *ctx)
{
    int left;
    bool any = false;
    all->curl.multi_perform(all->multi, &left);
    for (const CURLMsg *m; (m = all->curl.multi_info_read(all->multi, &left)) != NULL;) {
        char *g = NULL;
        if (m->msg == CURLMSG_DONE &&
            all->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &g) == CURLE_OK)
            end(all, (struct get *)(void *)g, m->data.result, done, ctx);
        any = true;
    }
    return any;
}

void http_getter_wait(struct http_getter *all, uint32_t ms, http_done *done, void *ctx)
{
    if (go_on(all, done, ctx))
        return;
    all->curl.multi_poll(all->multi, NULL, 0, (int)(ms < INT32_MAX ? ms : INT32_MAX), NULL);
    (void)go_on(all, done, ctx);
}

void http_getter_wake(struct http_getter *all) { all->curl.multi_wakeup(all->multi); }

// ---- life

enum err http_getter_create(struct mem *mem, struct http_getter **ret)
{
    struct http_getter *all = mem_zalloc(mem, sizeof *all);
    if (all == NULL)
        return ERR_NOMEM;
    enum err e = libcurl_load(LIBCURL_NAME, &all->curl);
    all->mem = mem;
    all->multi = e == OK ? all->curl.multi_init() : NULL;
    if (all->multi != NULL) {
        *ret = all;
        return OK;
    }
    mem_free(mem, all, sizeof *all);
    return e == OK ? ERR_NOMEM : e;
}

void http_getter_destroy(struct http_getter *all)
{
    if (all == NULL)
        return;
    for (struct get *g; (g = all->first) != NULL; get_free(g))
        all->first = g->next;
    all->curl.multi_cleanup(all->multi);
    mem_free(all->mem, all, sizeof *all);
}
