// SPDX-License-Identifier: Apache-2.0
//
// What follows a decree that has taken effect (common/gates.h, TOLD): the log is told who has decided what about whom, and it is
// counted. It is the record that is told of, not the command: a decree that was refused has none, and with an engine each server
// that has the room tells of it.
//
// A log that nobody can change belongs into a file of its own; what goes to the log of the server here is as good as that is kept.
#include "core/home/home.h"

static const char *decree_name(enum entry_type type)
{
    switch (type) {
#define X(upper, lower, event) \
    case ENTRY_##upper:        \
        return #lower;
        DECREES(X)
#undef X
    default:
        UNREACHABLE();
    }
}

void gate_audit(struct home *h, uint32_t room, const struct entry *e)
{
    const struct notice n = {.type = NOTICE_DECREED,
                             .connection = UINT32_MAX,
                             .text = decree_name(e->type),
                             .user = e->user,
                             .session = e->session,
                             .room = room_name(room_at(h, room)),
                             .subject = e->decree.target};
    h->cx->host->notice(h->cx->host->ctx, &n);
}

void gate_decreed(struct home *h, uint32_t room, const struct entry *e)
{
    (void)room;
    (void)e;
    metric_add(&h->cx->metrics->decrees, 1);
}
