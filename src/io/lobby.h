// SPDX-License-Identifier: Apache-2.0
//
// lobby.h - connections that a proxy has yet to introduce: accepted, with a slot, and unknown to core until their PROXY header is there
// (wire/proxy_header.h).
//
//      accept --> lobby_add --> [ header, in pieces ] --> lobby_pull: introduced, with what was said of it
//                                     |
//                                     '--> refused: no header, too late, or gone without a word
//
// Bytes are looked at before they are taken, so what is behind the header, TLS or HTTP, is still in the socket when it is introduced. A header
// that is there at once, which is how proxies send it, costs no event.
//
// Limits: LOBBY_MAX per shard, for header_ms each; one more pushes out the one that has waited longest. LOBBY_READS_PER_TURN.
// Ownership: the sockets, until they are pulled. Thread: the shard's.
#ifndef PLENUM_IO_LOBBY_H
#define PLENUM_IO_LOBBY_H

#include "base/slab.h"
#include "io/address.h"
#include "wire/proxy_header.h"

enum { LOBBY_MAX = 1024, LOBBY_READS_PER_TURN = 16 };

struct lobby {
    int epoll_fd;
    struct slab guests;
    uint32_t ready_n; // that have something to say
    uint32_t next;    // whose turn it is
    uint64_t due_ms;  // no time of anybody's is over before; UINT64_MAX: nobody is here
};

// One who leaves the lobby. Its socket belongs to whoever pulls it.
struct introduced {
    int fd;
    uint8_t listener;    // the acceptor's index
    bool gone;           // its peer went without a header
    const char *refused; // NULL: there was one; else why not
    enum proxy_speaks_for speaks_for;
    struct ip_port client; // PROXY_FOR_CLIENT
    struct address proxy;
};

void lobby_init(struct lobby *l, int epoll_fd, struct mem *mem);
// Takes the socket over. ERR_NOMEM: it does not.
enum err lobby_add(struct lobby *l, int fd, uint8_t listener, const struct address *proxy,
                   uint64_t due_ms) WARN_UNUSED;
void lobby_on_event(struct lobby *l, uint32_t index);
// To be called until it is false, once a turn. budget: reads that are left of this turn.
bool lobby_pull(struct lobby *l, uint64_t now_ms, uint32_t *budget, struct introduced *ret);
// 0 where somebody is left for the next turn.
uint64_t lobby_next_due_ms(const struct lobby *l);
// Anybody, as he is; false: it is empty.
bool lobby_evict(struct lobby *l, struct introduced *ret);
void lobby_deinit(struct lobby *l); // when it is empty

#endif
