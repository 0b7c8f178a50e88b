// SPDX-License-Identifier: Apache-2.0
//
// acceptor.h - how new connections reach one shard, and what happens when there is no room for them.
//
//        +------------- nobody is left in the queues -------------+
//        v                                                        |
//      OPEN -- somebody and no slot --> WAITING: comes in when a slot is free, is refused (503) after the wait
//        |
//        +-- EMFILE, ENFILE: one refused with the spare file --> PAUSED -- 10 ms ... 1 s --> OPEN
//
//      any -- shutdown: who is in the queues is refused (503) --> CLOSED
//
// OPEN is the only state in which the listeners are armed in epoll. They are level-triggered, so arming one is all
// it takes to hear of connections that came meanwhile; and a disarmed one cannot spin the loop.
//
// WAITING is the rule of limits.connections: the connection beyond the limit stays in the kernel's accept queue for
// connection_wait_ms (see wait_line.h for how that is known), first come, first served.
//
// PAUSED doubles its length with each failure in a row. The spare file is closed to have one for accept(2), so that
// at least one peer hears why; the others stay in the queue.
//
// Where a connection comes from: its socket's other end; or, on a listener for proxies, what the proxy's PROXY header says, which is waited for
// in the lobby (lobby.h), in whatever state, with a slot. Who is no proxy that is believed is refused there at once. A proxy itself
// counts for no address, as it is everybody's.
//
// Called by loop.c. Whoever came in is handed back as an arrival, to be given to core; and shards that wait for a slot
// are handed back to be woken.
//
// At a Unix socket nobody waits for a slot, since the kernel does not tell how many do: who comes is refused (503), within a step of the wait.
//
// Limits: ACCEPTS_PER_TURN, over all listeners, each of which is the first in its turn. Counters: limit_connections,
// limit_address, limit_address_connects, limit_files; io: accept_waits, accept_pauses, proxy_refused.
// Ownership: the listening sockets, and those of refused connections. Thread: the shard's.
#ifndef PLENUM_IO_ACCEPTOR_H
#define PLENUM_IO_ACCEPTOR_H

#include "io/acceptor_admit.h"

// Before anything else; listeners are added then.
void acceptor_init(struct acceptor *a, const struct acceptor_needs *needs);
// Takes the socket over, which is of that row. ERR_LIMIT when epoll refuses it.
enum err acceptor_add(struct acceptor *a, int fd, uint8_t row,
                      const struct listener_row *listener) WARN_UNUSED;
void acceptor_on_listener(struct acceptor *a, uint32_t index);
void acceptor_on_refusal(struct acceptor *a, uint32_t slot);
void acceptor_on_lobby(struct acceptor *a, uint32_t index);
// Once a turn, after the events: accepts, and whatever is due.
void acceptor_turn(struct acceptor *a, uint64_t now_ms, uint32_t connection_wait_ms);
// Who came in, one by one until NULL, in the same turn; good until the next one.
const struct arrival *acceptor_pull(struct acceptor *a);
// Shards to be woken, one bit each, since the last call.
uint64_t acceptor_pull_woken(struct acceptor *a);
uint64_t acceptor_next_due_ms(const struct acceptor *a);
// A connection of this shard was closed: its file may end a pause.
void acceptor_on_closed(struct acceptor *a, uint64_t now_ms);
// Shutting down: refuses who is in the queue, then closes the listeners.
void acceptor_shutdown(struct acceptor *a, uint64_t now_ms);
// Closes everything at once.
void acceptor_deinit(struct acceptor *a);

#endif
