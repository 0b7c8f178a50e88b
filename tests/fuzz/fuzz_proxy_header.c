// SPDX-License-Identifier: Apache-2.0
//
// PROXY headers: whole, by octet, and cut where the input says; and what was read must be what a slow reader finds.
//
// Input: two bytes that place the cuts, then what comes.
#include "unit/proxy_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// Whether the client of a line of version 1 is what sscanf finds there.
static bool client_is_there(const struct proxy_run *r, const uint8_t *p)
{
    char line[PROXY_V1_BYTES_MAX + 1] = "", family[8], client[64], text[IP_PORT_TEXT_MAX];
    unsigned port;
    struct ip ip;
    memcpy(line, p, r->used);
    MUST(sscanf(line, "PROXY %7s %63s %*s %u", family, client, &port) == 3);
    MUST(ip_parse(str_from_cstr(client), &ip) == OK);
    MUST(ip_port_format(&r->decoder.client, text) > 0);
    return port == r->decoder.client.port && memcmp(&ip, &r->decoder.client.ip, sizeof ip) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    const uint8_t *p = data + 2;
    n -= 2;
    size_t cut1 = n * data[0] / 255, cut2 = cut1 + (n - cut1) * data[1] / 255;
    struct proxy_run whole, cut, bytewise;
    proxy_run_init(&whole);
    proxy_run_init(&cut);
    proxy_run_init(&bytewise);
    proxy_run_feed(&whole, p, n);
    proxy_run_feed(&cut, p, cut1);
    proxy_run_feed(&cut, p + cut1, cut2 - cut1);
    proxy_run_feed(&cut, p + cut2, n - cut2);
    for (size_t i = 0; i < n; i++)
        proxy_run_feed(&bytewise, p + i, 1);
    MUST(proxy_run_equal(&whole, &cut));
    MUST(proxy_run_equal(&whole, &bytewise));
    if (whole.result == ERR_MORE)
        MUST(n < 16 + PROXY_V2_BYTES_MAX);
    if (whole.result == OK && whole.decoder.version == 1 && whole.decoder.speaks_for == PROXY_FOR_CLIENT)
        MUST(client_is_there(&whole, p));
    return 0;
}
