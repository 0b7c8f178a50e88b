// SPDX-License-Identifier: Apache-2.0
//
// Read by hand: what a machine's inet_pton takes is not ours to say, and nothing in wire calls the system.
#include "wire/ip.h"

#include "base/assert.h"

enum { GROUPS = 8, V4_BITS = 96 };

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool ip_is_v4(const struct ip *ip) { return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0; }

bool ip_is_loopback(const struct ip *ip)
{
    static const struct ip one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return ip_is_v4(ip) ? ip->bytes[12] == 127 : memcmp(ip, &one, sizeof one) == 0;
}

// ---- text to address

// Four numbers; zeroes in front, which some read as octal, are in none (str_to_u64).
static bool parse_v4(str s, uint8_t ret[4])
{
    uint32_t parts = 0;
    for (str rest = s; rest.p != NULL; parts++) {
        str part = str_split(rest, '.', &rest);
        uint64_t v;
        if (parts == 4 || !str_to_u64(part, 255, &v))
            return false;
        ret[parts] = (uint8_t)v;
    }
    return parts == 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_group(str s, uint8_t ret[2])
{
    uint32_t v = 0;
    if (s.n == 0 || s.n > 4)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            return false;
        v = v * 16 + (uint32_t)digit;
    }
    ret[0] = (uint8_t)(v >> 8);
    ret[1] = (uint8_t)v;
    return true;
}

// Groups between colons, none where s is empty; the last two may be written as IPv4. Returns how many bytes they are, or -1.
static int parse_groups(str s, uint8_t ret[16])
{
    int n = 0;
    for (str rest = s; s.n != 0 && rest.p != NULL;) {
        str part = str_split(rest, ':', &rest);
        if (rest.p == NULL && n <= 12 && parse_v4(part, ret + n))
            return n + 4;
        if (n == 2 * GROUPS || !parse_group(part, ret + n))
            return -1;
        n += 2;
    }
    return n;
}

// The double colon stands for one group of zeroes or more, once.
static bool parse_v6(str s, struct ip *ret)
{
    uint8_t front[16], back[16];
    size_t gap = 0;
    while (gap + 1 < s.n && (s.p[gap] != ':' || s.p[gap + 1] != ':'))
        gap++;
    if (gap + 1 >= s.n)
        return parse_groups(s, ret->bytes) == 2 * GROUPS;
    str after = str_skip(s, gap + 2);
    int n = parse_groups(str_take(s, gap), front), m = parse_groups(after, back);
    // In front of the gap no IPv4, whose last byte is the address's.
    if (n < 0 || m < 0 || n + m > 2 * GROUPS - 2 || str_find_char(str_take(s, gap), '.', 0) != gap)
        return false;
    *ret = (struct ip){{0}};
    memcpy(ret->bytes, front, (size_t)n);
    memcpy(ret->bytes + 16 - m, back, (size_t)m);
    return true;
}

enum err ip_parse(str s, struct ip *ret)
{
    struct ip ip = {{0}};
    if (s.n == 0 || s.n >= IP_TEXT_MAX)
        return ERR_SYNTAX;
    memcpy(ip.bytes, v4_prefix, sizeof v4_prefix);
    bool good = str_find_char(s, ':', 0) == s.n ? parse_v4(s, ip.bytes + 12) : parse_v6(s, &ip);
    if (!good)
        return ERR_SYNTAX;
    *ret = ip;
    return OK;
}

enum err ip_port_parse(str s, struct ip_port *ret)
{
    struct ip_port at = {.port = 0};
    uint64_t port = 0;
    size_t colon = str_find_char(s, ':', 0);
    str host = s, rest = STR_NONE;
    if (s.n != 0 && s.p[0] == '[') {
        size_t end = str_find_char(s, ']', 0);
        host = str_skip(str_take(s, end), 1);
        rest = str_skip(s, end + 1);
        if (end == s.n || (rest.n != 0 && rest.p[0] != ':') || str_find_char(host, ':', 0) == host.n)
            return ERR_SYNTAX;
    } else if (colon < s.n && str_find_char(s, ':', colon + 1) == s.n) {
        host = str_take(s, colon);
        rest = str_skip(s, colon);
    }
    if (rest.n != 0 && !str_to_u64(str_skip(rest, 1), UINT16_MAX, &port))
        return ERR_SYNTAX;
    if (ip_parse(host, &at.ip) != OK)
        return ERR_SYNTAX;
    at.port = (uint16_t)port;
    *ret = at;
    return OK;
}

// ---- networks

static struct ip masked(const struct ip *ip, uint32_t bits)
{
    struct ip ret = {{0}};
    memcpy(ret.bytes, ip->bytes, bits / 8);
    if (bits % 8 != 0)
        ret.bytes[bits / 8] = (uint8_t)(ip->bytes[bits / 8] & (0xff00u >> bits % 8));
    return ret;
}

static bool net_is_v4(const struct ip_net *net) { return net->bits >= V4_BITS && ip_is_v4(&net->ip); }

enum err ip_net_parse(str s, struct ip_net *ret)
{
    str bits_text;
    struct ip_net net = {.bits = 128};
    str host = str_split(s, '/', &bits_text);
    if (ip_parse(host, &net.ip) != OK)
        return ERR_SYNTAX;
    bool dotted = str_find_char(host, ':', 0) == host.n;
    uint64_t bits = 0;
    if (bits_text.p != NULL) {
        if (!str_to_u64(bits_text, dotted ? 32 : 128, &bits))
            return ERR_SYNTAX;
        net.bits = (uint8_t)(dotted ? bits + V4_BITS : bits);
    }
    struct ip whole = masked(&net.ip, net.bits);
    if (memcmp(&whole, &net.ip, sizeof whole) != 0)
        return ERR_SYNTAX;
    *ret = net;
    return OK;
}

bool ip_is_in(const struct ip *ip, const struct ip_net *nets, size_t n)
{
    bool v4 = ip_is_v4(ip);
    for (size_t i = 0; i < n; i++) {
        struct ip part = masked(ip, nets[i].bits);
        if (net_is_v4(&nets[i]) == v4 && memcmp(&part, &nets[i].ip, sizeof part) == 0)
            return true;
    }
    return false;
}

// ---- address to text

static size_t put_number(char *ret, uint32_t v, uint32_t base)
{
    char digits[10];
    size_t n = 0, at = 0;
    do
        digits[n++] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    while (n > 0)
        ret[at++] = digits[--n];
    return at;
}

static uint32_t group_at(const struct ip *ip, uint32_t i)
{
    return (uint32_t)ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1];
}

// The longest run of two or more groups of zeroes, the first of them (RFC 5952 section 4.2).
static void find_gap(const struct ip *ip, uint32_t *ret_from, uint32_t *ret_n)
{
    *ret_from = GROUPS;
    *ret_n = 1;
    for (uint32_t i = 0; i < GROUPS; i++) {
        uint32_t n = 0;
        while (i + n < GROUPS && group_at(ip, i + n) == 0)
            n++;
        if (n > *ret_n) {
            *ret_from = i;
            *ret_n = n;
        }
    }
}

static size_t format_v6(const struct ip *ip, char *ret)
{
    uint32_t gap, gap_n;
    size_t at = 0;
    find_gap(ip, &gap, &gap_n);
    for (uint32_t i = 0; i < GROUPS;) {
        if (i == gap) {
            ret[at++] = ':';
            ret[at++] = ':';
            i += gap_n;
            continue;
        }
        if (i != 0 && ret[at - 1] != ':')
            ret[at++] = ':';
        at += put_number(ret + at, group_at(ip, i++), 16);
    }
    return at;
}

// As RFC 5952 writes it, IPv4 with dots; the length.
static size_t format(const struct ip *ip, char ret[IP_TEXT_MAX])
{
    size_t at = 0;
    if (ip_is_v4(ip))
        for (uint32_t i = 12; i < 16; i++) {
            if (i != 12)
                ret[at++] = '.';
            at += put_number(ret + at, ip->bytes[i], 10);
        }
    else
        at = format_v6(ip, ret);
    ASSERT(at < IP_TEXT_MAX);
    ret[at] = '\0';
    return at;
}

size_t ip_port_format(const struct ip_port *at, char ret[IP_PORT_TEXT_MAX])
{
    char host[IP_TEXT_MAX];
    bool v4 = ip_is_v4(&at->ip);
    size_t n = format(&at->ip, host), used = 0;
    if (!v4)
        ret[used++] = '[';
    memcpy(ret + used, host, n);
    used += n;
    if (!v4)
        ret[used++] = ']';
    ret[used++] = ':';
    used += put_number(ret + used, at->port, 10);
    ASSERT(used < IP_PORT_TEXT_MAX);
    ret[used] = '\0';
    return used;
}

// ---- counting

struct ip ip_counted(const struct ip *ip) { return ip_is_v4(ip) ? *ip : masked(ip, 64); }

uint32_t ip_print(const struct siphash_key *key, const uint8_t counted[16])
{
    uint32_t print = (uint32_t)(siphash(key, counted, 16) >> 16);
    return print != 0 ? print : 1;
}
