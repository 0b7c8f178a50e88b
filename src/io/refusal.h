// SPDX-License-Identifier: Apache-2.0
//
// refusal.h - saying no in words to a connection that core never sees.
//
// A refused connection gets a complete answer in the language of its listener (dialect/ways.h): an HTTP status with Retry-After
// and `Connection: close`, or a line. Closing right after that would often destroy the answer: what the client has
// sent and nobody read makes close(2) send a reset, which overtakes the data (RFC 9112 section 9.6). So only our
// side is shut down, and the socket is kept until the client closes or REFUSAL_LINGER_MS have passed, while what it
// sends is thrown away in the kernel.
//
// Limits: REFUSALS_MAX lingering sockets per shard; one more pushes out the oldest. So a flood of refused
// connections costs a fixed number of files, which rlimit.h sets aside.
// Thread: the shard's.
#ifndef PLENUM_IO_REFUSAL_H
#define PLENUM_IO_REFUSAL_H

#include "core/shard/shard.h"

enum {
    REFUSALS_MAX = 16,
    REFUSAL_LINGER_MS = 1000,
};

enum refusal_reason {
    REFUSAL_FULL,    // 503
    REFUSAL_ADDRESS, // 429
    REFUSAL_PACE,    // 429
    REFUSAL_FILES,   // 503
    REFUSAL_DRAIN,   // 503
    REFUSAL_MEMORY,  // 503
    REFUSAL_PROXY,   // 403: no proxy that is believed
    REFUSAL_HEADER,  // 400: a proxy without a header
    REFUSAL_COUNT
};

struct refusals {
    int epoll_fd;
    struct {
        int fd; // -1 = free
        uint64_t due_ms;
    } slots[REFUSALS_MAX];
};

void refusals_init(struct refusals *r, int epoll_fd);
// The language: NULL = HTTP.
// Answers and takes over the accepted socket. Its epoll events come with `tag` + the slot's number.
void refusals_add(struct refusals *r, int fd, const struct language *language, enum refusal_reason reason,
                  uint64_t now_ms, uint64_t tag);
// Answers and closes at once: where the file is needed back.
void refusal_send_and_close(int fd, const struct language *language, enum refusal_reason reason);
// Something came in, or the client has closed.
void refusals_on_event(struct refusals *r, uint32_t slot);
// Closes those that are due.
void refusals_expire(struct refusals *r, uint64_t now_ms);
uint64_t refusals_next_due_ms(const struct refusals *r);
void refusals_close_all(struct refusals *r);

#endif
