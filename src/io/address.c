// SPDX-License-Identifier: Apache-2.0
//
// Parsing is strict and by hand around inet_pton: getaddrinfo would accept "8000" as a host, octal numbers and names.
// The colon that splits host and port is the last one, and a host with colons must stand in brackets (RFC 3986
// section 3.2.2), so that "::1:8000" is an error and not a guess.
#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

static enum err parse_v4(str host, uint16_t port, struct address *ret)
{
    char text[INET_ADDRSTRLEN];
    if (host.n >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';

    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (memchr(host.p, '\0', host.n) || inet_pton(AF_INET, text, &v4.sin_addr) != 1)
        return ERR_SYNTAX;
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->storage, &v4, sizeof v4);
    ret->len = sizeof v4;
    return OK;
}

static enum err parse_v6(str host, uint16_t port, struct address *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (host.n >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';

    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (memchr(host.p, '\0', host.n) || inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return ERR_SYNTAX;
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->storage, &v6, sizeof v6);
    ret->len = sizeof v6;
    return OK;
}

// What stands in the file system: no name that is nowhere else (abstract), and none that depends on a current folder.
static enum err parse_unix(str path, struct address *ret)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    _Static_assert(sizeof un.sun_path == UNIX_PATH_MAX_BYTES + 1, "a NUL fits behind it");
    if (path.n < 2 || path.p[0] != '/' || path.n > UNIX_PATH_MAX_BYTES ||
        memchr(path.p, '\0', path.n) != NULL || path.p[path.n - 1] == '/')
        return ERR_SYNTAX;
    memcpy(un.sun_path, path.p, path.n);
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->storage, &un, sizeof un);
    ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    return OK;
}

enum err address_parse(str s, struct address *ret)
{
    if (str_starts(s, STR("unix:")))
        return parse_unix(str_skip(s, 5), ret);
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return ERR_SYNTAX;
    str host = str_take(s, colon - 1);
    uint64_t port;
    if (!str_to_u64(str_skip(s, colon), UINT16_MAX, &port))
        return ERR_SYNTAX;

    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return parse_v6(str_make(host.p + 1, host.n - 2), (uint16_t)port, ret);
    if (host.n == 0 || str_eq(host, STR("*")))
        return parse_v4(STR("0.0.0.0"), (uint16_t)port, ret);
    if (str_eq_nocase(host, STR("localhost")))
        return parse_v4(STR("127.0.0.1"), (uint16_t)port, ret);
    return parse_v4(host, (uint16_t)port, ret);
}

static const struct sockaddr_in6 *as_v6(const struct address *a)
{
    return (const struct sockaddr_in6 *)(const void *)&a->storage;
}

static const struct sockaddr_in *as_v4(const struct address *a)
{
    return (const struct sockaddr_in *)(const void *)&a->storage;
}

void address_format(const struct address *a, char ret[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->storage.ss_family == AF_INET) {
        inet_ntop(AF_INET, &as_v4(a)->sin_addr, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_MAX, "%s:%u", host, address_port(a));
    } else if (a->storage.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&as_v6(a)->sin6_addr)) {
        inet_ntop(AF_INET, as_v6(a)->sin6_addr.s6_addr + 12, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_MAX, "%s:%u", host, address_port(a));
    } else if (a->storage.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &as_v6(a)->sin6_addr, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_MAX, "[%s]:%u", host, address_port(a));
    } else if (a->storage.ss_family == AF_UNIX) {
        snprintf(ret, ADDRESS_TEXT_MAX, "unix:%d:%d", (int)a->uid, (int)a->pid);
    } else {
        snprintf(ret, ADDRESS_TEXT_MAX, "?");
    }
}

bool address_is_unix(const struct address *a) { return a->storage.ss_family == AF_UNIX; }

void address_format_bound(const struct address *a, char ret[ADDRESS_BOUND_MAX])
{
    _Static_assert((int)ADDRESS_BOUND_MAX >= (int)ADDRESS_TEXT_MAX, "either fits");
    if (address_is_unix(a))
        snprintf(ret, ADDRESS_BOUND_MAX, "unix:%s",
                 ((const struct sockaddr_un *)(const void *)&a->storage)->sun_path);
    else
        address_format(a, ret);
}

void address_of_unix_peer(int fd, struct address *ret)
{
    struct ucred who;
    socklen_t n = sizeof who;
    *ret = (struct address){.len = sizeof(sa_family_t), .uid = UINT32_MAX, .pid = UINT32_MAX};
    ret->storage.ss_family = AF_UNIX;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return;
    ret->uid = who.uid;
    ret->pid = (uint32_t)who.pid;
}

bool address_ip(const struct address *a, struct ip *ret)
{
    *ret = (struct ip){{0}};
    if (a->storage.ss_family == AF_INET) {
        ret->bytes[10] = ret->bytes[11] = 0xff; // RFC 4291 section 2.5.5.2
        memcpy(ret->bytes + 12, &as_v4(a)->sin_addr, 4);
    } else if (a->storage.ss_family == AF_INET6) {
        memcpy(ret->bytes, &as_v6(a)->sin6_addr, 16);
    } else {
        return false;
    }
    return true;
}

// As it would have come through an IPv6 socket.
void address_from_ip(const struct ip_port *at, struct address *ret)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    memcpy(&v6.sin6_addr, at->ip.bytes, 16);
    *ret = (struct address){.len = sizeof v6};
    memcpy(&ret->storage, &v6, sizeof v6);
}

bool address_is_loopback(const struct address *a)
{
    struct ip ip;
    return address_ip(a, &ip) && ip_is_loopback(&ip);
}

uint16_t address_port(const struct address *a)
{
    if (a->storage.ss_family == AF_INET)
        return ntohs(as_v4(a)->sin_port);
    if (a->storage.ss_family == AF_INET6)
        return ntohs(as_v6(a)->sin6_port);
    return 0;
}

void address_port_set(struct address *a, uint16_t port)
{
    if (a->storage.ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)&a->storage)->sin_port = htons(port);
    else if (a->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&a->storage)->sin6_port = htons(port);
}

struct address_key address_key(const struct address *a)
{
    struct address_key key = {{0}};
    struct ip ip;
    if (address_ip(a, &ip)) {
        ip = ip_counted(&ip);
        memcpy(key.bytes, ip.bytes, sizeof key.bytes);
    } else if (address_is_unix(a)) {
        // What no IP address counts as: of IPv6 the second half is empty, and of IPv4 these bytes.
        key.bytes[8] = 'u';
        memcpy(key.bytes + 12, &a->uid, sizeof a->uid);
    }
    return key;
}
