// SPDX-License-Identifier: Apache-2.0
//
// The only file of the simulator that looks inside of core: what a shard still holds when everyone has gone, what it
// keeps by design (pools and working memory), and the logs of its rooms, so that the checkers know what was written
// even if nobody got it.
#include "core/shard_state.h"
#include "sim/world.h"

void probe_shard(const struct shard *sh, struct probe *ret)
{
    *ret = (struct probe){
        .connections = sh->conns.count,
        .rooms = sh->rooms.count,
        .members = sh->members.count,
        .outlets = sh->outlets.count,
        .registrations = sh->registry.slab.count,
        .creators = sh->creators.slab.count,
    };
    for (uint32_t i = 0; i < sh->shard_count; i++)
        ret->mails += sh->outboxes[i].n;
    ret->retained = slab_bytes(&sh->conns) + slab_bytes(&sh->rooms) + slab_bytes(&sh->members) +
                    slab_bytes(&sh->outlets) + slab_bytes(&sh->registry.slab) +
                    slab_bytes(&sh->creators.slab) + sh->room_timers.cap * sizeof *sh->room_timers.items +
                    sh->room_timers.place_cap * sizeof *sh->room_timers.places + sh->encode.cap +
                    sh->reply.cap + sh->http.cap + sh->unescape.cap +
                    sh->rooms_sorted_cap * sizeof *sh->rooms_sorted;
}

static const struct room *room_here(const struct shard *sh, str name)
{
    uint32_t index = room_find(sh, name, hash_str(sh, name));
    return index == MAP_NONE ? NULL : room_at(sh, index);
}

bool probe_log(const struct shard *sh, str room, struct probed_log *ret)
{
    const struct room *r = room_here(sh, room);
    if (r == NULL)
        return false;
    *ret = (struct probed_log){.tail = r->log.tail, .head = r->log.head};
    memcpy(ret->epoch, r->epoch, EPOCH_LEN);
    return true;
}

void probe_entry(const struct shard *sh, str room, uint64_t offset, struct entry *ret)
{
    log_entry(&room_here(sh, room)->log, offset, room, ret);
}

bool probe_room_head(const struct world *w, const char *room, char ret_epoch[EPOCH_MAX], uint64_t *ret_head)
{
    struct probed_log log;
    for (uint32_t i = 0; i < w->plan.nodes; i++) {
        if (!probe_log(w->nodes[i].shard, str_from_cstr(room), &log))
            continue;
        memcpy(ret_epoch, log.epoch, EPOCH_MAX);
        *ret_head = log.head;
        return true;
    }
    return false;
}
