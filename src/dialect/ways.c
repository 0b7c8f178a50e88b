// SPDX-License-Identifier: Apache-2.0
//
// ways.c - what this server speaks, and where.
//
// The set is closed and known when the process starts: plain tables, no registration while it runs. An encoding's id is its place
// in the table, and is all that a connection, a cursor or a mail keeps of it.
#include "dialect/ways.h"

#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "wire/deflate.h"

static const struct encoding json = {ENCODING_JSON,         "json",          &native_language,
                                     &native_json_payloads, FRAMING_WS_TEXT, 0};
static const struct encoding text_ws = {ENCODING_TEXT_WS, "text_ws",       &text_language,
                                        &text_payloads,   FRAMING_WS_TEXT, 0};
static const struct encoding text_line = {ENCODING_TEXT_LINE, "text",       &text_language,
                                          &text_payloads,     FRAMING_LINE, 0};
static const struct encoding protobuf = {ENCODING_PROTOBUF,  "protobuf",        &protobuf_language,
                                         &protobuf_payloads, FRAMING_WS_BINARY, 0};
static const struct encoding bytes = {ENCODING_BYTES,         "json_bytes",    &native_language,
                                      &native_bytes_payloads, FRAMING_WS_TEXT, 0};
// No context is taken over, so a frame is readable by all who allow its window: two windows serve every client there can be.
enum { WINDOW = 15, WINDOW_SMALL = 9 };
static const struct encoding json_deflate = {ENCODING_JSON_DEFLATE, "json_deflate",  &native_language,
                                             &native_json_payloads, FRAMING_WS_TEXT, WINDOW};
static const struct encoding json_deflate_small = {
    ENCODING_JSON_DEFLATE_SMALL, "json_deflate_small", &native_language,
    &native_json_payloads,       FRAMING_WS_TEXT,      WINDOW_SMALL};
static const struct encoding text_deflate = {ENCODING_TEXT_DEFLATE, "text_deflate",  &text_language,
                                             &text_payloads,        FRAMING_WS_TEXT, WINDOW};
static const struct encoding text_deflate_small = {ENCODING_TEXT_DEFLATE_SMALL,
                                                   "text_deflate_small",
                                                   &text_language,
                                                   &text_payloads,
                                                   FRAMING_WS_TEXT,
                                                   WINDOW_SMALL};
static const struct encoding protobuf_deflate = {ENCODING_PROTOBUF_DEFLATE, "protobuf_deflate",
                                                 &protobuf_language,        &protobuf_payloads,
                                                 FRAMING_WS_BINARY,         WINDOW};
static const struct encoding protobuf_deflate_small = {ENCODING_PROTOBUF_DEFLATE_SMALL,
                                                       "protobuf_deflate_small",
                                                       &protobuf_language,
                                                       &protobuf_payloads,
                                                       FRAMING_WS_BINARY,
                                                       WINDOW_SMALL};

static const struct encoding bytes_deflate = {ENCODING_BYTES_DEFLATE, "json_bytes_deflate", &native_language,
                                              &native_bytes_payloads, FRAMING_WS_TEXT,      WINDOW};
static const struct encoding bytes_deflate_small = {ENCODING_BYTES_DEFLATE_SMALL,
                                                    "json_bytes_deflate_small",
                                                    &native_language,
                                                    &native_bytes_payloads,
                                                    FRAMING_WS_TEXT,
                                                    WINDOW_SMALL};

static const struct encoding *const encodings[ENCODINGS_SERVED] = {
    [ENCODING_JSON] = &json,
    [ENCODING_TEXT_WS] = &text_ws,
    [ENCODING_TEXT_LINE] = &text_line,
    [ENCODING_JSON_DEFLATE] = &json_deflate,
    [ENCODING_JSON_DEFLATE_SMALL] = &json_deflate_small,
    [ENCODING_TEXT_DEFLATE] = &text_deflate,
    [ENCODING_TEXT_DEFLATE_SMALL] = &text_deflate_small,
    [ENCODING_PROTOBUF] = &protobuf,
    [ENCODING_PROTOBUF_DEFLATE] = &protobuf_deflate,
    [ENCODING_PROTOBUF_DEFLATE_SMALL] = &protobuf_deflate_small,
    [ENCODING_BYTES] = &bytes,
    [ENCODING_BYTES_DEFLATE] = &bytes_deflate,
    [ENCODING_BYTES_DEFLATE_SMALL] = &bytes_deflate_small,
};

static const struct way rows[] = {
    {TRANSPORT_HTTP, "/ws", "plenum.v1.json", ENCODING_JSON, false},
    {TRANSPORT_HTTP, "/ws", "plenum.v1.json.bytes", ENCODING_BYTES, false},
    {TRANSPORT_HTTP, "/ws", "plenum.v1.protobuf", ENCODING_PROTOBUF, false},
    {TRANSPORT_HTTP, "/echo", NULL, ENCODING_TEXT_WS, false},
    {TRANSPORT_HTTP, "/conformance/echo", NULL, 0, true},
    {TRANSPORT_LINE, NULL, NULL, ENCODING_TEXT_LINE, false},
};

const struct ways ways_served = {rows, sizeof rows / sizeof rows[0], encodings, ENCODINGS_SERVED};

static bool leads(const struct way *way, enum transport transport, str path)
{
    if (way->transport != transport)
        return false;
    return way->path == NULL ? path.n == 0 : str_eq(path, str_from_cstr(way->path));
}

const struct way *way_find(const struct ways *w, enum transport transport, str path)
{
    for (size_t i = 0; i < w->n; i++)
        if (leads(&w->v[i], transport, path))
            return &w->v[i];
    return NULL;
}

const struct way *way_next(const struct ways *w, const struct way *way)
{
    str path = way->path != NULL ? str_from_cstr(way->path) : STR_NONE;
    for (const struct way *next = way + 1; next < w->v + w->n; next++)
        if (leads(next, way->transport, path))
            return next;
    return NULL;
}

static bool says_the_same(const struct encoding *a, const struct encoding *b)
{
    return a->language == b->language && a->payloads == b->payloads && a->framing == b->framing;
}

const struct encoding *encoding_deflated(const struct ways *w, const struct encoding *plain, uint8_t bits_max)
{
    const struct encoding *best = NULL;
    for (uint32_t i = 0; i < w->encodings_n; i++) {
        const struct encoding *e = w->encodings[i];
        if (e->deflate != 0 && e->deflate <= bits_max && says_the_same(e, plain) &&
            (best == NULL || e->deflate > best->deflate))
            best = e;
    }
    return best;
}

const struct encoding *encoding_plain(const struct ways *w, const struct encoding *e)
{
    uint32_t i = 0;
    while (i < w->encodings_n && (w->encodings[i]->deflate != 0 || !says_the_same(w->encodings[i], e)))
        i++;
    ASSERT(i < w->encodings_n);
    return w->encodings[i];
}

static void encoding_check(const struct encoding *e, size_t place)
{
    ASSERT(e != NULL && e->id == place && e->name != NULL && e->language != NULL && e->payloads != NULL);
    ASSERT(e->language->state_bytes <= LANGUAGE_STATE_MAX);
    ASSERT(e->language->reply_head == NULL || e->language->state_bytes != 0);
    ASSERT(e->payloads->scratch_factor != 0);
    ASSERT(e->payloads->pages ? !e->payloads->lines : e->payloads->row_separator.n == 0);
    ASSERT(e->payloads->encode_row == NULL || e->payloads->pages);
    ASSERT(!e->payloads->bytes || (e->framing == FRAMING_WS_TEXT && e->payloads->both));
    ASSERT(e->language->greets || e->language->silent != NULL);
    ASSERT(e->deflate == 0 || (e->framing != FRAMING_LINE && e->deflate >= DEFLATE_WINDOW_MIN &&
                               e->deflate <= DEFLATE_WINDOW_MAX));
}

void ways_check(const struct ways *w)
{
    ASSERT(w->encodings_n != 0 && w->encodings_n <= ENCODINGS_MAX);
    for (size_t i = 0; i < w->encodings_n; i++)
        encoding_check(w->encodings[i], i);
    for (size_t i = 0; i < w->n; i++) {
        const struct way *way = &w->v[i];
        ASSERT(way->encoding < w->encodings_n && (way->transport == TRANSPORT_HTTP) == (way->path != NULL));
        ASSERT(w->encodings[way->encoding]->deflate == 0);
        bool lines = w->encodings[way->encoding]->framing == FRAMING_LINE;
        ASSERT(way->mirror || lines == (way->transport == TRANSPORT_LINE));
        ASSERT(!lines || w->encodings[way->encoding]->language->parting != NULL);
    }
}
