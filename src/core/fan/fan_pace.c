// SPDX-License-Identifier: Apache-2.0
//
// The readers' and the publishers' shards in pacing (pace.h); the home's part is home/home_pace.c.
//
// Rejected: to stop reading every socket of a shard while one room is crowded (a huge room would starve the others, for
// whose sake the budget of writes is there), and to bound what one turn may append to a room (readers wait for several
// turns, the more of them there are the more turns: no fixed number is right).
#include "core/fan/pace.h"

#include "core/fan/fan.h"

bool pace_waits(struct reader *r, const struct outlet *o)
{
    if (!o->hold && (r->skips == NULL || r->skips->n < SKIPS_WAIT))
        return false;
    r->paced = true;
    return true;
}

void fan_on_hold(struct fan *f, const struct pace_mail *m)
{
    struct outlet *o = slab_get(&f->outlets, m->outlet.index, m->outlet.gen);
    if (o == NULL)
        return;
    o->hold = m->on;
    for (uint32_t i = 0; i < o->n && !m->on; i++)
        if (reader_at(f, o->cursors[i].conn)->paced)
            fan_wake(f, o->cursors[i].conn);
}

void pace_report(struct fan *f, uint32_t outlet, bool crowded)
{
    struct outlet *o = outlet_at(f, outlet);
    ASSERT(o->crowded != crowded);
    o->crowded = crowded;
    struct pace_mail report = {.outlet = {outlet, slab_gen(&f->outlets, outlet)},
                               .room = o->room,
                               .shard = f->cx->index,
                               .on = crowded};
    post_copy(f->mail, home_of(f->cx, o->hash), MAIL_CROWDED, &report, sizeof report);
}
