// SPDX-License-Identifier: Apache-2.0
//
// thread.h - threads that need little: what waits, writes and looks beside the shards.
//
// The system's default stack (8 MiB, ulimit -s) is address space that a bounded process may not have, and that such a
// thread never touches. Thread: any.
#ifndef PLENUM_IO_THREAD_H
#define PLENUM_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>

enum { THREAD_SMALL_STACK = 256 * 1024 }; // bytes; the sanitizers' frames fit in as well

// Starts it with a stack of that many bytes, which glibc takes a little of for itself. False: there is no thread.
bool thread_start(pthread_t *ret, size_t stack, void *(*run)(void *), void *arg);

#endif
