// SPDX-License-Identifier: Apache-2.0
//
// Sec-WebSocket-Extensions: whatever stands there, each offer that is handed out is one that may be accepted, its answer is read as the same
// offer, and there are no more of them than elements.
//
// Input: values of fields, a line each.
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"
#include "wire/ws_deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// What is answered is an offer, too, by its grammar: of no more than was offered.
static void answered(const struct ws_deflate_offer *o)
{
    struct mem m;
    struct buf b;
    struct ws_deflate_offer again;
    struct ws_deflate_iter it = {0};
    const struct ws_deflate_answer a = {o->server_bits, o->client_bits, !o->client_context_dropped};
    fuzz_mem_init(&m);
    buf_init(&b, &m, 0);
    ws_deflate_put(&b, o, &a);
    struct http_request r = {.field_count = 1};
    r.fields[0].name = STR("Sec-WebSocket-Extensions");
    r.fields[0].value = buf_str(&b);
    MUST(ws_deflate_next(&r, &it, &again));
    MUST(again.server_bits == o->server_bits && again.client_bits == o->client_bits);
    MUST(again.client_context_dropped == o->client_context_dropped);
    MUST(!ws_deflate_next(&r, &it, &again));
    buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_request r;
    char *text = (char *)exact_copy(data, n);
    struct ws_deflate_iter it = {0};
    struct ws_deflate_offer o;
    size_t elements = 0, offers = 0;
    r.field_count = 0;
    for (str rest = str_make(text, n); rest.p != NULL && r.field_count < HTTP_FIELDS_MAX;) {
        r.fields[r.field_count].name = STR("sec-websocket-extensions");
        r.fields[r.field_count++].value = str_split(rest, '\n', &rest);
        elements++;
    }
    for (size_t i = 0; i < n; i++)
        elements += text[i] == ',';
    while (ws_deflate_next(&r, &it, &o)) {
        MUST(o.server_bits >= DEFLATE_BITS_MIN && o.server_bits <= DEFLATE_BITS_MAX);
        MUST(o.client_bits >= DEFLATE_BITS_MIN && o.client_bits <= DEFLATE_BITS_MAX);
        MUST(o.server_bits_named || o.server_bits == DEFLATE_BITS_MAX);
        MUST(o.client_bits_named || o.client_bits == DEFLATE_BITS_MAX);
        MUST(++offers <= elements);
        answered(&o);
    }
    free(text);
    return 0;
}
