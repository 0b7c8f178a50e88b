// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to stop reading every socket of a shard while one room is crowded (a huge room would starve the others, for
// whose sake the budget of writes is there), and to bound what one turn may append to a room (readers wait for several
// turns, the more of them there are the more turns: no fixed number is right).
#include "core/pace.h"

#include "core/shard_state.h"

bool pace_waits(struct conn *c, const struct outlet *o)
{
    if (!o->hold && (c->skips == NULL || c->skips->n < SKIPS_WAIT))
        return false;
    c->paced = true;
    return true;
}

// --- home to publishers

void pace_on_order(struct shard *sh, const struct pace_mail *m)
{
    struct outlet *o = slab_get(&sh->outlets, m->outlet.index, m->outlet.gen);
    if (o == NULL)
        return;
    o->hold = m->on;
    for (uint32_t i = 0; i < o->n && !m->on; i++)
        if (conn_at(sh, o->cursors[i].conn)->paced)
            conn_queue_unpark(sh, o->cursors[i].conn);
}

static void order_send(struct shard *sh, const struct room *r, uint32_t shard)
{
    const struct feed *f = &r->feeds[shard];
    if (f->sessions == 0)
        return;
    struct pace_mail order = {.outlet = f->outlet, .on = r->crowded != 0};
    if (shard == sh->index) {
        pace_on_order(sh, &order);
        return;
    }
    struct pace_mail *mail = pack_plain(sh->mem, MAIL_HOLD, sizeof *mail);
    mail->outlet = order.outlet;
    mail->on = order.on;
    shard_post(sh, shard, &mail->mail);
}

static void crowded_set(struct shard *sh, struct room *r, uint32_t shard, bool on)
{
    struct feed *f = &r->feeds[shard];
    if (f->crowded == on)
        return;
    uint32_t before = r->crowded;
    f->crowded = on;
    r->crowded = on ? before + 1 : before - 1;
    if ((before == 0) == (r->crowded == 0))
        return;
    for (uint32_t i = 0; i < sh->shard_count; i++)
        order_send(sh, r, i);
}

void pace_detach(struct shard *sh, struct room *r, uint32_t shard) { crowded_set(sh, r, shard, false); }

// --- readers to home

void pace_on_report(struct shard *sh, const struct pace_mail *m)
{
    struct room *r = slab_get(&sh->rooms, m->room.index, m->room.gen);
    if (r == NULL)
        return;
    const struct feed *f = &r->feeds[m->shard];
    if (f->sessions != 0 && f->outlet.index == m->outlet.index && f->outlet.gen == m->outlet.gen)
        crowded_set(sh, r, m->shard, m->on);
}

void pace_report(struct shard *sh, uint32_t outlet, bool crowded)
{
    struct outlet *o = outlet_at(sh, outlet);
    o->crowded = crowded;
    struct pace_mail report = {.outlet = {outlet, slab_gen(&sh->outlets, outlet)},
                               .room = o->room,
                               .shard = sh->index,
                               .on = crowded};
    uint32_t dest = home_of(sh, o->hash);
    if (dest == sh->index) {
        pace_on_report(sh, &report);
        return;
    }
    struct pace_mail *mail = pack_plain(sh->mem, MAIL_CROWDED, sizeof *mail);
    struct mail head = mail->mail;
    *mail = report;
    mail->mail = head;
    shard_post(sh, dest, &mail->mail);
}
