// SPDX-License-Identifier: Apache-2.0
//
// A room whose offsets do not go on where they were (log/place.h): an engine does not keep what this home has not got, or goes
// on in another epoch.
//
//      people have heard    1 .. 38 39 40 |GAP to 57|  58 ..            the log begins anew at 58
//      people have heard    1 .. 38 39 40 |EPOCH, 38|  39 ..            it begins anew at first, 1 say; 1..38 are fetched
//
// People are told first: where there is no memory for that nothing has changed, and the engine is asked again. What they are not to
// hear live, records that were there before the new epoch began, is applied like any other: as the stream is at an offset
// that the log has yet to come to, none of it is shown.
#include "core/home/home.h"

#include "core/log/place.h"

static void log_anew(struct home *h, struct room *r, uint64_t first)
{
    size_t before = r->log.bytes;
    relief_forget(h, r);
    replay_drop(&r->replay, r->log.mem);
    log_restart(&r->log, first);
    r->said = r->said || first != 1;
    room_log_moved(h, before, r->log.bytes);
}

static enum err cut(struct home *h, uint32_t index, struct entry *e)
{
    struct room *r = room_at(h, index);
    e->room = room_name(r);
    e->time_ms = h->cx->wall_ms;
    const struct live_tools tools = room_tools(h, r);
    return place_cut(&r->live, &tools, e);
}

enum err room_skip(struct home *h, uint32_t index, uint64_t first)
{
    struct room *r = room_at(h, index);
    struct entry e = {.type = ENTRY_GAP, .cut_to = first - 1};
    ASSERT(first > r->log.head + 1);
    if (first - 1 <= r->live.offset) {
        log_anew(h, r, first);
        return OK;
    }
    if (cut(h, index, &e) != OK)
        return ERR_NOMEM;
    log_anew(h, r, first);
    room_heard(h, index, &e);
    return OK;
}

enum err room_renew(struct home *h, uint32_t index, const char epoch[EPOCH_LEN], uint64_t first,
                    uint64_t last)
{
    struct room *r = room_at(h, index);
    struct entry e = {.type = ENTRY_EPOCH, .cut_to = last, .epoch = str_make(epoch, EPOCH_LEN)};
    ASSERT(first >= 1 && first <= last + 1);
    if (cut(h, index, &e) != OK)
        return ERR_NOMEM;
    // What decrees of the old epoch said of people is over.
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next)
        if (standing_role(r->standing, &h->cx->settings->hash_key, member_user(member_at(h, m))) ==
            (enum role)member_at(h, m)->role)
            member_at(h, m)->role = (uint8_t)room_settings(h, r)->newcomer_role;
    standing_free(&r->standing, r->log.mem);
    room_look_ruled(r);
    reads_free(&r->reads, r->log.mem);
    state_free(&r->state, r->log.mem);
    invitations_free(&r->invitations, r->log.mem);
    log_anew(h, r, first);
    once_group_drop(&h->said, &r->keys);
    once_group_init(&r->keys);
    memcpy(r->epoch, epoch, EPOCH_LEN);
    room_heard(h, index, &e);
    return OK;
}

void room_renewed(struct home *h, uint32_t index)
{
    const struct room *r = room_at(h, index);
    const struct entry ban = {.type = ENTRY_BAN};
    for (uint32_t m = r->first, next; m != SLAB_NONE; m = next) {
        next = member_at(h, m)->next;
        if (standing_banned_ms(r->standing, &h->cx->settings->hash_key, member_user(member_at(h, m)),
                               h->cx->steady_ms) != 0)
            member_expel(h, index, m, &ban);
    }
    if (standing_closed_ms(r->standing, h->cx->steady_ms) != 0)
        room_closed(h, index);
}
