// SPDX-License-Identifier: Apache-2.0
#include "app/crash.h"

#include "base/assert.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static void on_assert(const char *file, int line, const char *expr)
{
    char thread[16] = "?";
    prctl(PR_GET_NAME, thread);
    char text[512];
    int n = snprintf(text, sizeof text,
                     "level=error event=assertion_failed at=%s:%d thread=\"%.15s\" version=%s expr=%s\n",
                     file, line, thread, PLENUM_VERSION, expr);
    size_t length = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    // There is nobody left to tell if this fails.
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written;
}

void crash_hook_install(void) { assert_hook_set(on_assert); }
