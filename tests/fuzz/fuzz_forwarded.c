// SPDX-License-Identifier: Apache-2.0
//
// What proxies say of a request: whatever a client sends, what a proxy puts behind it is read as if it stood alone; and who is found is
// one of those who are named.
//
// Input: whether the client's text and the proxy's are one field or two, then the client's text.
#include "unit/wire_support.h"
#include "wire/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct ip_net believed[] = {{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10}}, 104}};

static struct forwarded find(enum forwarded_field field, str first, str second)
{
    const str name = field == FORWARDED_X_FOR ? STR("X-Forwarded-For") : STR("Forwarded");
    struct http_request rq = {.field_count = 0};
    if (first.p != NULL)
        rq.fields[rq.field_count++] = (struct http_field){name, first};
    if (second.p != NULL)
        rq.fields[rq.field_count++] = (struct http_field){name, second};
    return forwarded_find(&rq, field, believed, 1);
}

static bool same(const struct forwarded *a, const struct forwarded *b)
{
    return a->named == b->named && a->scheme == b->scheme &&
           memcmp(&a->client.ip, &b->client.ip, sizeof a->client.ip) == 0 && a->client.port == b->client.port;
}

// The client's text and what a proxy puts behind it.
static void behind(enum forwarded_field field, str text, const char *proxy, bool one_field)
{
    const struct forwarded want = find(field, str_from_cstr(proxy), STR_NONE);
    MUST(want.named && !ip_is_in(&want.client.ip, believed, 1));
    if (!one_field) {
        const struct forwarded two = find(field, text, str_from_cstr(proxy));
        MUST(same(&two, &want));
        return;
    }
    size_t n = text.n + 2 + strlen(proxy);
    char *both = malloc(n);
    MUST(both != NULL);
    memcpy(both, text.p, text.n);
    memcpy(both + text.n, ", ", 2);
    memcpy(both + text.n + 2, proxy, strlen(proxy));
    const struct forwarded one = find(field, str_make(both, n), STR_NONE);
    MUST(same(&one, &want));
    free(both);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    uint8_t *copy = exact_copy(data + 1, n - 1);
    const str text = {(const char *)copy, n - 1};
    (void)find(FORWARDED_X_FOR, text, STR_NONE);
    (void)find(FORWARDED_RFC_7239, text, STR_NONE);
    behind(FORWARDED_X_FOR, text, "203.0.113.9", data[0] & 1);
    behind(FORWARDED_X_FOR, text, "203.0.113.9:80, 10.0.0.1", data[0] & 1);
    behind(FORWARDED_RFC_7239, text, "for=203.0.113.9;proto=https", data[0] & 1);
    behind(FORWARDED_RFC_7239, text, "for=\"[2001:db8::9]:4711\", for=10.0.0.1", data[0] & 1);
    free(copy);
    return 0;
}
