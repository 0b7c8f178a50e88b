// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include "wire/deflate.h"

#include <stdio.h>

// Window of all clients' streams: each agreement allows it.
enum { BITS = 9, MEM_LEVEL = 1 };

static struct prng die_of(const struct world *w, uint64_t what)
{
    struct prng die;
    prng_init(&die, w->options->seed ^ (UINT64_C(0x6465666c6174) + (what << 16)));
    return die;
}

void deflated_plan(struct world *w)
{
    static const size_t bytes[] = {40000, 300000, 16 << 20};
    static const uint32_t least[] = {0, 60, 300}, slices[] = {0, 0, 20, 100};
    struct prng die = die_of(w, 0);
    if (prng_below(&die, 2) == 0)
        return;
    w->settings.deflate = &w->deflate;
    w->settings.deflate_bytes = bytes[prng_below(&die, 3)];
    w->settings.deflate_min_bytes = least[prng_below(&die, 3)];
    w->settings.deflate_slice_bytes = slices[prng_below(&die, 4)]; // so that what is said here may be large
    mem_part_init(&w->deflate, &w->vmem.mem, w->settings.deflate_bytes);
}

void deflated_say(struct world *w, struct client *c, char *room)
{
    static const char *const offers[] = {NULL,
                                         "",
                                         "; client_max_window_bits",
                                         "; client_max_window_bits=9",
                                         "; server_max_window_bits=11; client_no_context_takeover",
                                         "; server_max_window_bits=8",
                                         "; mood=good, permessage-deflate; client_max_window_bits=10"};
    struct prng die = die_of(w, 1 + c->index + ((uint64_t)c->connects << 8));
    const char *offer = offers[prng_below(&die, sizeof offers / sizeof offers[0])];
    c->deflated.agreed = false;
    room[0] = '\0';
    if (offer != NULL)
        snprintf(room, 200, "Sec-WebSocket-Extensions: permessage-deflate%s\r\n", offer);
}

static bool has(str s, const char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, text, n) == 0)
            return true;
    return false;
}

static voidpf zalloc(voidpf arena, uInt items, uInt size) { return arena_alloc(arena, (size_t)items * size); }

static void zfree(voidpf arena, voidpf p) { arena_free(arena, p); }

void deflated_agree(struct world *w, struct client *c, str head)
{
    struct deflated *d = &c->deflated;
    d->agreed = has(head, "permessage-deflate");
    if (!d->agreed)
        return;
    if (w->settings.deflate == NULL || c->parcels)
        trace_fail(w, c, "DEFLATE: it is off, and was agreed on");
    d->context = !has(head, "client_no_context_takeover");
    if (d->z == NULL) {
        d->z = arena_alloc(&w->arena, sizeof *d->z);
        *d->z = (z_stream){.zalloc = zalloc, .zfree = zfree, .opaque = &w->arena};
        const int made = deflateInit2(d->z, 6, Z_DEFLATED, -BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY);
        ASSERT(made == Z_OK);
    }
    deflateReset(d->z);
    ws_decoder_deflate(&c->ws);
}

bool deflated_out(struct world *w, struct client *c, struct buf *room, str *payload)
{
    struct deflated *d = &c->deflated;
    if (!d->agreed || chance(w, 4))
        return false;
    if (!d->context)
        deflateReset(d->z);
    const size_t bound = payload->n + payload->n / 8 + 64;
    char *to = buf_reserve(room, bound);
    ASSERT(to != NULL);
    d->z->next_in = (Bytef *)(uintptr_t)payload->p;
    d->z->avail_in = (uInt)payload->n;
    d->z->next_out = (Bytef *)to;
    d->z->avail_out = (uInt)bound;
    const int did = deflate(d->z, Z_SYNC_FLUSH);
    ASSERT((did == Z_OK || did == Z_BUF_ERROR) && d->z->avail_out != 0);
    if (bound - d->z->avail_out < 4) // nothing was said since the last flush
        return false;
    *payload = str_make(to, bound - d->z->avail_out - 4);
    w->counts.deflated_in++;
    return true;
}

str deflated_in(struct world *w, const struct client *c, uint8_t opcode, struct buf *room, str payload)
{
    if (w->inflater == NULL)
        w->inflater = inflater_create(&w->scratch_mem);
    ASSERT(w->inflater != NULL);
    if (inflater_message(w->inflater, STR_NONE, payload, 1u << 24, room) != OK)
        trace_fail(w, c, "DEFLATE: %zu bytes cannot be inflated", payload.n);
    const str said = buf_str(room);
    if (said.n <= payload.n || said.n < w->settings.deflate_min_bytes)
        trace_fail(w, c, "DEFLATE: %zu bytes were deflated to %zu", said.n, payload.n);
    if (opcode == WS_TEXT && !utf8_valid(said))
        trace_fail(w, c, "PROTOCOL: a message that is not UTF-8 when it is inflated");
    w->counts.deflated_out++;
    return said;
}

bool told_late(const struct world *w)
{
    uint64_t slices = 0;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        slices += metric_get(&shard_metrics(w->nodes[i].shard)->deflate_slices);
    return w->plan.store || slices != 0;
}

size_t deflated_kept(struct world *w)
{
    if (w->settings.deflate == NULL)
        return 0;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        if (metric_get(&shard_metrics(w->nodes[i].shard)->deflate_contexts) != 0)
            trace_fail(w, NULL, "DEFLATE: shard %u keeps windows of nobody", i);
    return mem_used(&w->deflate);
}

void deflated_end(struct world *w)
{
    if (w->settings.deflate != NULL && mem_used(&w->deflate) != 0)
        trace_fail(w, NULL, "DEFLATE: %zu bytes are left after the shards were destroyed",
                   mem_used(&w->deflate));
}
