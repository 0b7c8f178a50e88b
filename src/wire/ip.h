// SPDX-License-Identifier: Apache-2.0
//
// ip.h - IP addresses and networks, as proxies and operators write them.
//
//      "192.0.2.7"  "2001:db8::7"  "::ffff:192.0.2.7"          addresses (RFC 4291 section 2.2)
//      "10.0.0.0/8"  "2001:db8::/32"  "192.0.2.7"              networks (RFC 4632): one address is a network of one
//
// Idea: there is one form, 16 bytes. IPv4 is in it as RFC 4291 section 2.5.5.2 maps it, so whoever says ::ffff:192.0.2.7 and who
// says 192.0.2.7 mean the same address, and it is in the same networks. An IPv6 network never holds an IPv4 address, be it ::/0.
//
// Strict: no octal numbers, no zone, no other forms of IPv4; a network has no bit set behind its prefix, as 10.0.0.1/8 is a slip.
// Thread: any; there is no state.
#ifndef PLENUM_WIRE_IP_H
#define PLENUM_WIRE_IP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/siphash.h"

enum {
    IP_TEXT_MAX = 46,      // of an address, with a NUL behind it
    IP_PORT_TEXT_MAX = 56, // "[" address "]:65535"
};

struct ip {
    uint8_t bytes[16]; // network order
};

struct ip_port {
    struct ip ip;
    uint16_t port; // 0: nobody said
};

struct ip_net {
    struct ip ip;
    uint8_t bits; // of 128: an IPv4 network has 96 more than it is written with
};

// 127.0.0.0/8 and ::1: nobody but this machine gets there.
bool ip_is_loopback(const struct ip *ip);
// ERR_SYNTAX.
enum err ip_parse(str s, struct ip *ret) WARN_UNUSED;
// "192.0.2.7:80", "[2001:db8::7]:80", without a port as well ("2001:db8::7" with brackets or without): the port is then 0.
// ERR_SYNTAX.
enum err ip_port_parse(str s, struct ip_port *ret) WARN_UNUSED;
// ERR_SYNTAX.
enum err ip_net_parse(str s, struct ip_net *ret) WARN_UNUSED;
bool ip_is_in(const struct ip *ip, const struct ip_net *nets, size_t n);

// As RFC 5952 writes it, IPv4 with dots, IPv6 in brackets; always with a port, and a NUL behind it. Returns the length without that.
size_t ip_port_format(const struct ip_port *at, char ret[IP_PORT_TEXT_MAX]);

// What one peer counts as where addresses are limited: an IPv6 peer owns at least a /64, so that much of it; IPv4 is itself.
struct ip ip_counted(const struct ip *ip);
// 16 bytes of that kind as a number that means nothing to anybody without the key; never 0.
uint32_t ip_print(const struct siphash_key *key, const uint8_t counted[16]);

#endif
