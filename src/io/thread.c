// SPDX-License-Identifier: Apache-2.0
//
// One attribute; shards keep the system's stack, as what a message makes them call is deeper.
#include "io/thread.h"

bool thread_start(pthread_t *ret, size_t stack, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    bool started = pthread_attr_setstacksize(&attr, stack) == 0 && pthread_create(ret, &attr, run, arg) == 0;
    pthread_attr_destroy(&attr);
    return started;
}
