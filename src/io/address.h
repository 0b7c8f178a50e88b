// SPDX-License-Identifier: Apache-2.0
//
// address.h - socket addresses as operators write them, as logs show them, and as limits count them.
//
//      "127.0.0.1:8000"  "[::1]:8000"  "localhost:8000"  "*:8000"  ":8000"        port 0: the kernel picks one
//      "unix:/run/plenum.sock"                                                    a file: a Unix socket, by its absolute path
//
// Idea: no name is resolved. A server that listens on what a name server says today is a surprise, and the check of
// a config must not wait for a network. `localhost` is 127.0.0.1; `*` and the empty host are every IPv4 address;
// "[::]:8000" is every address of both families.
//
// Counting (limits.per_address): an IPv6 peer owns at least a /64, so its first 64 bits count as the address; an
// IPv4 peer counts as itself, also where it came through an IPv6 socket (::ffff:a.b.c.d). Who comes by a Unix socket has no address: he is
// the user whom his process runs as, which the kernel says (SO_PEERCRED), and counts as that; in the log it is `unix:UID:PID`.
#ifndef PLENUM_IO_ADDRESS_H
#define PLENUM_IO_ADDRESS_H

#include "base/err.h"
#include "base/str.h"
#include "wire/ip.h"
#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 56 }; // "[" 45 bytes of IPv6 "]:65535" NUL

struct address {
    struct sockaddr_storage storage;
    socklen_t len;
    uint32_t uid, pid; // of a peer at a Unix socket; (uint32_t)-1: the kernel would not say
};

enum {
    UNIX_PATH_MAX_BYTES = 107, // of the path, unix(7)
    ADDRESS_BOUND_MAX =
        (int)sizeof "unix:" + UNIX_PATH_MAX_BYTES // of an address that is listened on, with a NUL
};

// What one peer counts as.
struct address_key {
    uint8_t bytes[16];
};

// ERR_SYNTAX where s is none of the forms above.
enum err address_parse(str s, struct address *ret) WARN_UNUSED;
// As text, with the port; IPv4 inside IPv6 is shown as IPv4. Unknown families become "?".
void address_format(const struct address *a, char ret[ADDRESS_TEXT_MAX]);
// The same of one that is listened on: a Unix socket is its path.
void address_format_bound(const struct address *a, char ret[ADDRESS_BOUND_MAX]);
bool address_is_unix(const struct address *a);
// Of an accepted connection at a Unix socket: who is at its other end.
void address_of_unix_peer(int fd, struct address *ret);
// False: it is none of IP.
bool address_ip(const struct address *a, struct ip *ret);
void address_from_ip(const struct ip_port *at, struct address *ret);
// True for 127.0.0.0/8 and ::1: nobody but this machine gets there.
bool address_is_loopback(const struct address *a);
uint16_t address_port(const struct address *a);
void address_port_set(struct address *a, uint16_t port);
struct address_key address_key(const struct address *a);

#endif
