// SPDX-License-Identifier: Apache-2.0
//
// sites.h - which call of which place of the server is to fail next: the ledger of the sweep.
//
// A *site* is a call together with the DEPTH_MAX innermost return addresses of its caller: malloc in deflate_init under a hello is
// another one than under a switch. A site has *ways* to fail, which are what the call may really say there (its man page). The ledger
// is a file that the test has mapped into all servers of a sweep: sites found, ways done, and a journal of what was made to fail.
// The test arms it with a number of faults; each goes to the first call that comes by and has a way left which nobody has tried.
// So every way of every site is tried once, one at a time, and the sweep is over when an armed step meets nothing new.
//
//      0        control      what the test writes, and counters
//      4096     modules      64 of 128 bytes: what the frames' addresses are in
//      12288    journal      65536 of 16 bytes, in the order in which calls failed
//      1060864  sites        65536 of 128 bytes, hashed
//
// Any thread may strike. Nothing here allocates, and nothing is a system call but reading which modules there are.
#ifndef PLENUM_TESTS_FAULTS_SITES_H
#define PLENUM_TESTS_FAULTS_SITES_H

#include <stdbool.h>
#include <stdint.h>

// What is asked for; the names of ledger.mjs, in its order.
enum call {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_REALLOC,
    CALL_ALIGNED,
    CALL_MMAP,
    CALL_MREMAP,
    CALL_THREAD,
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_CONNECT,
    CALL_ACCEPT,
    CALL_SETSOCKOPT,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_EPOLL_WAIT,
    CALL_POLL,
    CALL_EVENTFD,
    CALL_SIGNALFD,
    CALL_SEND,
    CALL_RECV,
    CALL_FILE_OPEN,
    CALL_FILE_READ,
    CALL_FILE_WRITE,
    CALL_PIPE_WRITE,
    CALL_FSYNC,
    CALL_FTRUNCATE,
    CALL_FLOCK,
    CALL_FSTAT,
    CALL_UNLINK,
    CALL_RANDOM,
    CALL_RLIMIT,
};

// Ways that are no errno.
enum { WAY_FIRST = 1001, WAY_ALL_BUT_LAST, WAY_RESET, WAY_END };

// An errno or one of the above where this call, here and now, is to fail; 0 where it is to be carried out. errno stays.
int strike(enum call call, const int *ways, unsigned n);
// Nothing is armed or recorded, so nobody need look what a file is.
bool at_rest(void);

#define STRIKE(call, ...) \
    strike(call, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

#endif
