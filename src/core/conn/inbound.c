// SPDX-License-Identifier: Apache-2.0
#include "core/conn/inbound.h"

#include "core/common/working.h"
#include "core/log/deflating.h"
#include "wire/utf8.h"

struct inbound {
    struct bucket bucket;
    uint16_t window_n;
    uint16_t window_max; // 0: each message begins anew
    uint8_t window[];
};
_Static_assert(1 << DEFLATE_BITS_MAX <= UINT16_MAX, "a window's length fits");

static const struct rate inflate_rate = {INFLATE_UNITS_PER_S, INFLATE_UNITS_BURST};

enum err inbound_init(struct conns *cs)
{
    const struct settings *s = cs->cx->settings;
    buf_init(&cs->inflated, cs->cx->mem, 0);
    cs->owing_due_ms = UINT64_MAX;
    if (s->deflate == NULL)
        return OK;
    cs->inbound = mem_zalloc(cs->cx->mem, s->connections_max * sizeof(struct inbound *));
    return cs->inbound != NULL ? index_list_init(&cs->owing, cs->cx->mem, s->connections_max) : ERR_NOMEM;
}

void inbound_deinit(struct conns *cs)
{
    buf_deinit(&cs->inflated);
    index_list_deinit(&cs->owing, cs->cx->mem);
    mem_free(cs->cx->mem, cs->inbound, cs->cx->settings->connections_max * sizeof(struct inbound *));
    cs->inbound = NULL;
}

static size_t row_bytes(uint32_t window_max) { return sizeof(struct inbound) + window_max; }

static bool row_make(struct conns *cs, uint32_t index, uint32_t window_max)
{
    ASSERT(cs->inbound[index] == NULL);
    struct inbound *row = mem_alloc(cs->cx->settings->deflate, row_bytes(window_max));
    if (row == NULL)
        return false;
    *row = (struct inbound){.bucket = bucket_make(&inflate_rate, cs->cx->now_ms),
                            .window_max = (uint16_t)window_max};
    metric_add(&cs->cx->metrics->deflate_contexts, window_max != 0);
    cs->inbound[index] = row;
    return true;
}

void inbound_end(struct conns *cs, uint32_t index)
{
    if (cs->inbound == NULL || cs->inbound[index] == NULL)
        return;
    struct inbound *row = cs->inbound[index];
    metric_sub(&cs->cx->metrics->deflate_contexts, row->window_max != 0);
    mem_free(cs->cx->settings->deflate, row, row_bytes(row->window_max));
    cs->inbound[index] = NULL;
}

// The answer to an offer, with its row made; false where there is no memory for it.
static bool answer_make(struct conns *cs, uint32_t index, const struct ws_deflate_offer *offer,
                        struct ws_deflate_answer *ret)
{
    if (deflating_inflater(cs->cx->deflating) == NULL)
        return false; // its messages could not be read
    if (!offer->client_context_dropped) {
        if (offer->client_bits_named && ret->client_bits > INBOUND_WINDOW_BITS)
            ret->client_bits = INBOUND_WINDOW_BITS;
        ret->client_context = row_make(cs, index, 1u << ret->client_bits);
        if (ret->client_context)
            return true;
        metric_add(&cs->cx->metrics->deflate_contexts_denied, 1);
    }
    return row_make(cs, index, 0);
}

const struct encoding *inbound_agree(struct conns *cs, uint32_t index, const struct http_request *rq,
                                     const struct encoding *plain, struct buf *value)
{
    struct ws_deflate_iter it = {0};
    struct ws_deflate_offer offer;
    buf_reset(value, WORKING_BYTES_MAX);
    if (cs->inbound == NULL || http_field_count(rq, STR("sec-websocket-extensions")) == 0)
        return plain;
    while (ws_deflate_next(rq, &it, &offer)) {
        const struct encoding *e = encoding_deflated(cs->cx->settings->ways, plain, offer.server_bits);
        if (e == NULL)
            continue;
        struct ws_deflate_answer answer = {.server_bits = e->deflate, .client_bits = offer.client_bits};
        if (!answer_make(cs, index, &offer, &answer))
            break;
        ws_deflate_put(value, &offer, &answer);
        metric_add(&cs->cx->metrics->deflate_accepted, 1);
        return e;
    }
    metric_add(&cs->cx->metrics->deflate_declined, 1);
    return plain;
}

static size_t bytes_allowed(const struct conn *c, size_t compressed)
{
    const size_t most = c->ws.message_bytes_max;
    const size_t by_ratio =
        compressed * INFLATE_RATIO > INFLATE_FREE_BYTES ? compressed * INFLATE_RATIO : INFLATE_FREE_BYTES;
    return by_ratio < most ? by_ratio : most;
}

// What the next message may refer to.
static void window_push(struct inbound *row, str said)
{
    if (said.n >= row->window_max) {
        said = str_skip(said, said.n - row->window_max);
        row->window_n = 0;
    }
    if (said.n == 0)
        return;
    const size_t over =
        row->window_n + said.n > row->window_max ? row->window_n + said.n - row->window_max : 0;
    ASSERT(over <= row->window_n);
    memmove(row->window, row->window + over, row->window_n - over);
    row->window_n = (uint16_t)(row->window_n - over);
    memcpy(row->window + row->window_n, said.p, said.n);
    row->window_n = (uint16_t)(row->window_n + said.n);
    ASSERT(row->window_n <= row->window_max);
}

enum err inbound_inflate(struct conns *cs, uint32_t index, bool text, str *message)
{
    struct metrics *m = cs->cx->metrics;
    struct inbound *row = cs->inbound[index];
    ASSERT(row != NULL);
    bucket_fill(&row->bucket, &inflate_rate, cs->cx->now_ms);
    ASSERT(row->bucket.tokens >= 0); // else it would rest
    struct inflater *inflater = deflating_inflater(cs->cx->deflating);
    if (inflater == NULL)
        return ERR_NOMEM;
    buf_reset(&cs->inflated, WORKING_BYTES_MAX);
    const str window = str_make((const char *)row->window, row->window_n);
    enum err e = inflater_message(inflater, window, *message, bytes_allowed(conn_at(cs, index), message->n),
                                  &cs->inflated);
    const str said = buf_str(&cs->inflated);
    metric_add(&m->inflated, 1);
    metric_add(&m->inflated_bytes_in, message->n);
    metric_add(&m->inflated_bytes_out, said.n);
    bucket_owe(&row->bucket, &inflate_rate, (uint32_t)(said.n / INFLATE_UNIT) + INFLATE_MESSAGE_UNITS);
    if (e == OK && text && !utf8_valid(said))
        e = ERR_UTF8;
    if (e != OK)
        return e;
    window_push(row, said);
    *message = said;
    return OK;
}

// How long until what it owes is paid; 0: it owes nothing.
static uint32_t owes_ms(const struct conns *cs, struct inbound *row)
{
    bucket_fill(&row->bucket, &inflate_rate, cs->cx->now_ms);
    return row->bucket.tokens < 0 ? bucket_wait_ms(&row->bucket, &inflate_rate) : 0;
}

static void owing_until(struct conns *cs, uint32_t ms)
{
    if (cs->cx->now_ms + ms < cs->owing_due_ms)
        cs->owing_due_ms = cs->cx->now_ms + ms;
}

void inbound_rest(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    struct inbound *row = cs->inbound != NULL ? cs->inbound[index] : NULL;
    if (row == NULL || !conn_live(c) || c->parked)
        return;
    ASSERT(!c->owing);
    const uint32_t ms = owes_ms(cs, row);
    if (ms == 0)
        return;
    c->parked = WAIT_INFLATE;
    c->owing = true;
    metric_add(&cs->cx->metrics->limit_inflate, 1);
    index_list_push(&cs->owing, index);
    owing_until(cs, ms);
}

void inbound_wake(struct conns *cs)
{
    if (cs->cx->now_ms < cs->owing_due_ms)
        return;
    cs->owing_due_ms = UINT64_MAX;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cs->owing.n; i++) {
        const uint32_t index = cs->owing.v[i];
        struct inbound *row = cs->inbound[index];
        const uint32_t ms = row == NULL ? 0 : owes_ms(cs, row);
        if (ms != 0) {
            cs->owing.v[kept++] = index;
            owing_until(cs, ms);
        } else if (row != NULL) {
            conn_at(cs, index)->owing = false;
            if (conn_at(cs, index)->parked == WAIT_INFLATE) // else it has ended
                fan_wake(cs->fan, index);
        }
    }
    cs->owing.n = kept;
}

void inbound_check(const struct conns *cs, uint32_t index)
{
    const struct inbound *row = cs->inbound != NULL ? cs->inbound[index] : NULL;
    const struct conn *c = conn_at(cs, index);
    const bool spoken = c->phase == PHASE_WS || c->phase == PHASE_MIRROR;
    ASSERT(!spoken || (row != NULL) == (speech_encoding(cs->fan, index)->deflate != 0));
    ASSERT(row == NULL || row->window_n <= row->window_max);
    ASSERT(c->parked != WAIT_INFLATE || c->owing);
    ASSERT(row == NULL || row->bucket.tokens <= bucket_full(&inflate_rate));
}
