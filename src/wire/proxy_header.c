// SPDX-License-Identifier: Apache-2.0
//
// Octet by octet up to where a decision is due, as a header is short and there is one in the life of a connection. Version 1 is a line
// whose words are taken apart when it is whole: until then each octet is held against what may stand there.
#include "wire/proxy_header.h"

#include "base/assert.h"

enum {
    V2_FIXED = 16, // signature, version and command, family, length
    V2_SIGNATURE = 12,
    V1_WORDS_MAX = 5, // TCP4, two addresses, two ports
};

static const char v1_begin[] = "PROXY ";
static const uint8_t v2_signature[V2_SIGNATURE] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                                   '\n', 'Q',  'U',  'I',  'T', '\n'};

static const char NO_HEADER[] = "it does not begin with a PROXY header";

_Static_assert((int)PROXY_V1_BYTES_MAX >= V2_FIXED + (int)PROXY_ADDRESSES_BYTES, "both fit");

void proxy_decoder_init(struct proxy_decoder *d) { *d = (struct proxy_decoder){.version = 0}; }

static enum err fail(struct proxy_decoder *d, enum err e, const char *reason)
{
    d->reason = reason;
    return e;
}

// ---- version 1

// The word behind "PROXY ", as far as it has come, and whatever is behind it.
static bool v1_family_may_be(str so_far)
{
    static const str families[] = {STR("TCP4 "), STR("TCP6 "), STR("UNKNOWN")};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t n = so_far.n < families[i].n ? so_far.n : families[i].n;
        if (memcmp(so_far.p, families[i].p, n) == 0)
            return true;
    }
    return false;
}

// Whether the last octet may stand behind those before it.
static bool v1_octet_fits(const struct proxy_decoder *d)
{
    const size_t begin = sizeof v1_begin - 1;
    const char octet = (char)d->head[d->n - 1];
    if (d->n <= begin)
        return octet == v1_begin[d->n - 1];
    if (d->head[d->n - 2] == '\r')
        return octet == '\n';
    str line = str_make((const char *)d->head + begin, d->n - begin);
    if (!v1_family_may_be(line))
        return false;
    if (octet == '\r' || line.n < sizeof "TCP4 ")
        return true;
    if (line.p[0] == 'U') // what else is there means nothing
        return octet >= ' ' && octet < 0x7f && (line.n != sizeof "UNKNOWN" || octet == ' ');
    const str letters = STR(" .:0123456789abcdefABCDEF");
    return str_find_char(letters, octet, 0) < letters.n;
}

static bool v1_port(str s, uint16_t *ret)
{
    uint64_t v;
    if (!str_to_u64(s, UINT16_MAX, &v))
        return false;
    *ret = (uint16_t)v;
    return true;
}

// "TCP4 192.0.2.7 198.51.100.1 51234 443"
static bool v1_client(str line, struct ip_port *ret)
{
    str words[V1_WORDS_MAX];
    struct ip_port client, ours;
    size_t n = 0;
    for (str rest = line; rest.p != NULL; n++) {
        if (n == V1_WORDS_MAX)
            return false;
        words[n] = str_split(rest, ' ', &rest);
    }
    if (n != V1_WORDS_MAX || ip_parse(words[1], &client.ip) != OK || ip_parse(words[2], &ours.ip) != OK ||
        !v1_port(words[3], &client.port) || !v1_port(words[4], &ours.port))
        return false;
    bool v6 = words[0].p[3] == '6';
    for (size_t i = 1; i <= 2; i++)
        if ((str_find_char(words[i], ':', 0) < words[i].n) != v6)
            return false;
    *ret = client;
    return true;
}

static enum err v1_take(struct proxy_decoder *d, uint8_t octet)
{
    if (d->n == PROXY_V1_BYTES_MAX)
        return fail(d, ERR_SYNTAX, "its PROXY header has no end within 107 bytes");
    d->head[d->n++] = octet;
    if (!v1_octet_fits(d))
        return fail(d, ERR_SYNTAX, d->n < sizeof v1_begin ? NO_HEADER : "its PROXY header is malformed");
    if (octet != '\n')
        return ERR_MORE;
    const size_t begin = sizeof v1_begin - 1;
    str line = str_make((const char *)d->head + begin, d->n - begin - 2);
    d->speaks_for = PROXY_FOR_CLIENT;
    if (line.p[0] == 'U')
        d->speaks_for = PROXY_FOR_UNKNOWN;
    else if (!v1_client(line, &d->client))
        return fail(d, ERR_SYNTAX, "its PROXY header has no two addresses and ports");
    return OK;
}

// ---- version 2

enum {
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_UNSPEC = 0,
    V2_INET = 1,
    V2_INET6 = 2,
    V2_UNIX = 3,
    V2_STREAM = 1,
    V2_DGRAM = 2
};

// Octets of both sides' addresses, by family.
static const uint16_t v2_addresses[] = {[V2_UNSPEC] = 0, [V2_INET] = 12, [V2_INET6] = 36, [V2_UNIX] = 216};

// Of the fixed part, which is whole with the octet that was just put there.
static enum err v2_fixed(struct proxy_decoder *d)
{
    const uint8_t octet = d->head[d->n - 1];
    const uint8_t family = d->head[13] >> 4, protocol = d->head[13] & 15;
    if (d->n <= V2_SIGNATURE)
        return octet == v2_signature[d->n - 1] ? ERR_MORE : fail(d, ERR_SYNTAX, NO_HEADER);
    if (d->n == 13 && octet != V2_LOCAL && octet != V2_PROXY)
        return fail(d, ERR_SYNTAX, "its PROXY header is of an unknown version or command");
    if (d->n == 14 && d->head[12] == V2_PROXY && (family > V2_UNIX || protocol > V2_DGRAM))
        return fail(d, ERR_SYNTAX, "its PROXY header is of an unknown family or protocol");
    if (d->n < V2_FIXED)
        return ERR_MORE;
    const uint32_t length = (uint32_t)d->head[14] << 8 | d->head[15];
    if (length > PROXY_V2_BYTES_MAX)
        return fail(d, ERR_TOO_LARGE, "its PROXY header is longer than 4,096 bytes");
    if (d->head[12] == V2_PROXY && length < v2_addresses[family])
        return fail(d, ERR_SYNTAX, "its PROXY header is too short for its addresses");
    d->total = (uint16_t)(V2_FIXED + length);
    return d->n < d->total ? ERR_MORE : OK;
}

// Both sides' addresses, then both ports.
static void v2_client(struct proxy_decoder *d, size_t address_n)
{
    const uint8_t *at = d->head + V2_FIXED, *port = at + 2 * address_n;
    d->client = (struct ip_port){.port = (uint16_t)(port[0] << 8 | port[1])};
    if (address_n == 4)
        d->client.ip.bytes[10] = d->client.ip.bytes[11] = 0xff;
    memcpy(d->client.ip.bytes + 16 - address_n, at, address_n);
}

static void v2_end(struct proxy_decoder *d)
{
    const uint8_t family = d->head[13] >> 4, protocol = d->head[13] & 15;
    if (d->head[12] == V2_LOCAL) {
        d->speaks_for = PROXY_FOR_ITSELF;
        return;
    }
    d->speaks_for = PROXY_FOR_UNKNOWN;
    if (protocol != V2_STREAM || (family != V2_INET && family != V2_INET6))
        return;
    d->speaks_for = PROXY_FOR_CLIENT;
    v2_client(d, family == V2_INET ? 4 : 16);
}

// As much as it needs at once; how much that was.
static enum err v2_take(struct proxy_decoder *d, str in, size_t *ret_used)
{
    const size_t kept = V2_FIXED + PROXY_ADDRESSES_BYTES;
    if (d->n < V2_FIXED) {
        d->head[d->n++] = (uint8_t)in.p[0];
        *ret_used = 1;
        enum err e = v2_fixed(d);
        if (e == OK)
            v2_end(d);
        return e;
    }
    ASSERT(d->n < d->total);
    size_t n = in.n < (size_t)(d->total - d->n) ? in.n : (size_t)(d->total - d->n);
    if (d->n < kept)
        memcpy(d->head + d->n, in.p, n < kept - d->n ? n : kept - d->n);
    d->n = (uint16_t)(d->n + n);
    *ret_used = n;
    if (d->n < d->total)
        return ERR_MORE;
    v2_end(d);
    return OK;
}

// ---- both

enum err proxy_decoder_next(struct proxy_decoder *d, str in, size_t *ret_used)
{
    ASSERT(d->reason == NULL);
    enum err e = ERR_MORE;
    size_t used = 0;
    while (used < in.n && e == ERR_MORE) {
        size_t n = 1;
        if (d->version == 0)
            d->version = in.p[used] == v1_begin[0] ? 1 : 2;
        e = d->version == 1 ? v1_take(d, (uint8_t)in.p[used]) : v2_take(d, str_skip(in, used), &n);
        used += n;
    }
    if (e == OK || e == ERR_MORE)
        *ret_used = used;
    return e;
}
