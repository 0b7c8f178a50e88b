// SPDX-License-Identifier: Apache-2.0
#include "app/crash.h"

#include "app/log_sink.h"
#include "base/assert.h"
#include "base/where.h"
#include "dialect/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { SETTLE_MS = 100 }; // for what was logged before, which may be why

// " shard=0 turn=8812 phase=read connection=17 command=history", or nothing for a thread that is no shard's.
static void put_where(char *text, size_t cap)
{
    struct where_spot at;
    if (where_here == NULL || !where_look(where_here, &at))
        return;
    int n = snprintf(text, cap, " shard=%u turn=%" PRIu64 " phase=%s", at.shard, at.turn,
                     where_phase_name(at.phase));
    if (at.subject != WHERE_NOBODY && where_subject(at.phase) != NULL)
        n += snprintf(text + n, cap - (size_t)n, " %s=%u", where_subject(at.phase), at.subject);
    if (at.command != CMD_NONE)
        snprintf(text + n, cap - (size_t)n, " command=%s", command_name((enum command_type)at.command));
}

static void on_assert(const char *file, int line, const char *expr)
{
    char thread[16] = "?";
    prctl(PR_GET_NAME, thread);
    char at[160] = "";
    put_where(at, sizeof at);
    char text[768];
    int n = snprintf(text, sizeof text,
                     "level=error event=assertion_failed at=%s:%d thread=\"%.15s\"%s version=%s expr=%s\n",
                     file, line, thread, at, PLENUM_VERSION, expr);
    log_sink_settle(SETTLE_MS);
    log_sink_last_words(str_make(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

void crash_hook_install(void) { assert_hook_set(on_assert); }
