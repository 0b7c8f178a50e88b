// SPDX-License-Identifier: Apache-2.0
//
// A room is what its records make it (core/home/apply.h): every room is made anew from its records, from the first one on, by
// the function that applied them, and must come out the same: its log, record by record, void ones included, and who has said
// which keys, how people stand, and what they share. Where an engine orders them the records are those that it has placed, so all servers are held to one room.
//
// Like probe.c it looks inside of core.
#include "core/home/course.h"
#include "core/home/image.h"
#include "core/log/record.h"
#include "core/shard/shard_parts.h"
#include "sim/world.h"

void rebuild_note(struct world *w, struct records *r, const struct entry *e)
{
    if (w->plan.engine || e->offset != r->bytes_n + 1u)
        return;
    struct buf bytes;
    buf_init(&bytes, &w->scratch_mem, 0);
    record_encode(&bytes, e);
    ARENA_GROW(&w->arena, r->bytes, r->bytes_n, r->bytes_cap);
    r->bytes[r->bytes_n++] = buf_str(&bytes); // the arena's
}

struct rebuilt {
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *state;
    struct invitations *invitations;
    struct buf scratch, result;
};

static str record_at(struct world *w, const struct room *r, const struct records *records, uint64_t offset)
{
    if (w->plan.engine)
        return engine_record(engine_room(w, room_name(r)), r->course->term, offset);
    if (offset > records->bytes_n) // not committed: nobody has been told of it
        return log_record(&r->log, offset);
    return records->bytes[offset - 1];
}

// Of nothing yet.
static struct made rebuilt_init(struct world *w, const struct room *r, struct rebuilt *b)
{
    *b = (struct rebuilt){.standing = NULL};
    log_init(&b->log, &w->scratch_mem);
    once_init(&b->said, &w->scratch_mem);
    once_group_init(&b->keys);
    buf_init(&b->scratch, &w->scratch_mem, 0);
    buf_init(&b->result, &w->scratch_mem, 0);
    return (struct made){&b->log,
                         &b->said,
                         &b->keys,
                         str_make(r->epoch, EPOCH_LEN),
                         &w->settings.hash_key,
                         &b->standing,
                         &w->scratch_mem,
                         &b->state,
                         &b->invitations,
                         &b->result};
}

static void rebuilt_deinit(struct world *w, struct rebuilt *b)
{
    log_deinit(&b->log);
    once_deinit(&b->said);
    standing_free(&b->standing, &w->scratch_mem);
    state_free(&b->state, &w->scratch_mem);
    invitations_free(&b->invitations, &w->scratch_mem);
    buf_deinit(&b->scratch);
    buf_deinit(&b->result);
}

static void rebuild(struct world *w, const struct room *r, const struct records *records, struct rebuilt *ret)
{
    const struct made made = rebuilt_init(w, r, ret);
    const struct live_tools tools = {.scratch = &ret->scratch};
    uint64_t from = w->plan.engine ? engine_begins(engine_room(w, room_name(r)), r->course->term) : 1;
    if (from != 1)
        log_begin(&ret->log, from);
    for (uint64_t o = from; o <= r->log.head; o++) {
        struct entry e;
        struct verdict v;
        enum record_verdict read = record_decode(record_at(w, r, records, o), &e);
        ASSERT(read == RECORD_OK);
        enum err applied = apply_record(&made, o, &e, NULL, &tools, &v);
        ASSERT(applied == OK);
    }
}

// What an engine was given back another home may have erased before, by what this one has yet to apply (seed 71058).
static bool same_record(struct world *w, str live, str anew)
{
    return str_eq(live, anew) || (w->plan.engine && engine_is_erased(w, live, anew));
}

static void same_log(struct world *w, const struct room *r, const struct rebuilt *b)
{
    if (b->log.head != r->log.head)
        trace_fail(w, NULL, "APPLY: made anew %.*s ends at %llu, not at %llu", STR_ARG(room_name(r)),
                   (unsigned long long)b->log.head, (unsigned long long)r->log.head);
    for (uint64_t o = r->log.tail; o <= r->log.head; o++)
        if (!same_record(w, log_record(&r->log, o), log_record(&b->log, o)))
            trace_fail(w, NULL, "APPLY: made anew offset %llu of %.*s is another record",
                       (unsigned long long)o, STR_ARG(room_name(r)));
}

static const struct once_owner *owner_of(const struct once *o, const struct once_group *g, u128 print)
{
    for (uint32_t i = g->first; i != SLAB_NONE; i = ((struct once_owner *)slab_at(&o->owners, i))->next) {
        const struct once_owner *owner = slab_at(&o->owners, i);
        if (owner->print.lo == print.lo && owner->print.hi == print.hi)
            return owner;
    }
    return NULL;
}

static const struct idempotency_item *item_at(const struct idempotency *w, uint32_t i)
{
    return &w->ring[(w->from + i) & (w->cap - 1)];
}

// Keys that are over may have been given up, from the oldest on; the others are there, in the same order.
static bool same_window(const struct once_owner *anew, const struct once_owner *live, uint64_t steady_ms)
{
    uint32_t live_n = live != NULL ? live->window.n : 0, anew_n = anew != NULL ? anew->window.n : 0;
    if (live_n > anew_n)
        return false;
    for (uint32_t i = 0; i < anew_n; i++) {
        const struct idempotency_item *a = item_at(&anew->window, i);
        if (i < anew_n - live_n) {
            if (steady_ms <= a->time_ms + anew->window_ms)
                return false;
            continue;
        }
        const struct idempotency_item *l = item_at(&live->window, i - (anew_n - live_n));
        if (a->print.lo != l->print.lo || a->print.hi != l->print.hi || a->value != l->value ||
            a->time_ms != l->time_ms)
            return false;
    }
    return true;
}

static void same_keys(struct world *w, const struct home *h, const struct room *r, const struct rebuilt *b)
{
    bool same = true;
    for (uint32_t i = b->keys.first; i != SLAB_NONE;) {
        const struct once_owner *anew = slab_at(&b->said.owners, i);
        same &= same_window(anew, owner_of(&h->said, &r->keys, anew->print), h->cx->steady_ms);
        i = anew->next;
    }
    for (uint32_t i = r->keys.first; i != SLAB_NONE;) {
        const struct once_owner *live = slab_at(&h->said.owners, i);
        same &= live->window.n == 0 || owner_of(&b->said, &b->keys, live->print) != NULL;
        i = live->next;
    }
    if (!same)
        trace_fail(w, NULL, "APPLY: made anew %.*s remembers other keys", STR_ARG(room_name(r)));
}

static bool same_standing(const struct standing *a, const struct standing *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->n == b->n && a->slow_ms == b->slow_ms && a->readonly == b->readonly &&
                a->locked == b->locked && str_eq(standing_rule(a), standing_rule(b)) &&
                a->closed_ms == b->closed_ms && a->closed_at == b->closed_at &&
                a->speakers_n == b->speakers_n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = a->rows[i].banned_ms == b->rows[i].banned_ms && a->rows[i].muted_ms == b->rows[i].muted_ms &&
               a->rows[i].role == b->rows[i].role &&
               memcmp(a->rows[i].invited, b->rows[i].invited, sizeof a->rows[i].invited) == 0 &&
               str_eq(str_make(a->rows[i].user, a->rows[i].user_n),
                      str_make(b->rows[i].user, b->rows[i].user_n));
    for (uint32_t i = 0; same && i < a->speakers_n; i++)
        same =
            a->speakers[i].print == b->speakers[i].print && a->speakers[i].said_ms == b->speakers[i].said_ms;
    return same;
}

static bool same_invitations(const struct invitations *a, const struct invitations *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++) {
        const struct invited *x = &a->rows[i], *y = &b->rows[i];
        same = str_eq(invited_id(x), invited_id(y)) && invitation_hash_eq(x->hash, y->hash) &&
               x->until_ms == y->until_ms && x->expires_ms == y->expires_ms && x->uses == y->uses &&
               x->used == y->used && x->role == y->role && str_eq(invited_by(x), invited_by(y));
    }
    return same;
}

static bool same_state(const struct state *a, const struct state *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->n == b->n && a->version == b->version;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = a->rows[i]->version == b->rows[i]->version &&
               str_eq(state_row_key(a->rows[i]), state_row_key(b->rows[i])) &&
               str_eq(state_row_value(a->rows[i]), state_row_value(b->rows[i]));
    return same;
}

// At its home, and at the outlets that have heard all of it. Of what came behind a cut, or is not committed, those are told later.
static void check_ruled(struct world *w, const struct node *n, int room, struct room *r)
{
    const struct room_settings *want = creates_settings(w, room, standing_rule(r->standing));
    if (room_settings(&n->shard->home, r) != want)
        trace_fail(w, NULL, "CREATE: another rule holds in %s than its records say", w->room_names[room]);
    if ((r->course != NULL && r->course->unheard != 0) || room_newest(r) != r->log.head)
        return;
    for (uint32_t i = 0; i < w->nodes_n; i++) {
        struct fan *f = &w->nodes[i].shard->fan;
        const struct feed *feed = &r->feeds[w->nodes[i].index - w->nodes[i].first];
        struct outlet *o = w->nodes[i].server == n->server
                               ? slab_get(&f->outlets, feed->outlet.index, feed->outlet.gen)
                               : NULL;
        if (o != NULL && o->n != 0 && feed->sessions != 0 && feed->told == r->live.place &&
            o->head == r->live.place && room_settings_of(f->cx, &o->ruled, outlet_name(o)) != want)
            trace_fail(w, NULL, "CREATE: a shard has %s by another rule than its home", w->room_names[room]);
    }
}

static bool same_reads(const struct reads *a, const struct reads *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->n == b->n && a->messages == b->messages;
    for (uint32_t x = a->oldest, y = b->oldest, i = 0; same && i < a->n; i++) {
        const struct read_row *l = &a->rows[x], *r = &b->rows[y];
        same = l->user.lo == r->user.lo && l->user.hi == r->user.hi && l->offset == r->offset &&
               l->count == r->count;
        x = l->newer;
        y = r->newer;
    }
    return same;
}

// And what its records have made of it goes into an image and comes out of it again.
static void check_image(struct world *w, struct home *h, struct room *r)
{
    struct rebuilt b;
    struct reads *reads = NULL;
    const struct made live = room_made(h, r), made = rebuilt_init(w, r, &b);
    image_put(&b.scratch, &live, r->reads);
    ASSERT(buf_ok(&b.scratch));
    if (image_take(buf_str(&b.scratch), &made, &reads) != IMAGE_OK)
        trace_fail(w, NULL, "IMAGE: that of %.*s is refused", STR_ARG(room_name(r)));
    standing_check(b.standing, made.hash_key);
    state_check(b.state);
    invitations_check(b.invitations);
    once_check(&b.said);
    reads_check(reads);
    same_keys(w, h, r, &b);
    if (!same_standing(r->standing, b.standing) || !same_state(r->state, b.state) ||
        !same_invitations(r->invitations, b.invitations) || !same_reads(r->reads, reads) ||
        b.keys.newest_ms != r->keys.newest_ms)
        trace_fail(w, NULL, "IMAGE: out of that of %.*s comes another room", STR_ARG(room_name(r)));
    reads_free(&reads, &w->scratch_mem);
    rebuilt_deinit(w, &b);
}

static void check_room(struct world *w, const struct node *n, int room)
{
    struct home *h = &n->shard->home;
    str name = str_from_cstr(w->room_names[room]);
    struct probed_log log;
    if (!probe_log(n->shard, name, &log) || log.opening)
        return;
    struct room *r = room_at(h, room_find(h, name, hash_str(h->cx, name)));
    check_ruled(w, n, room, r);
    int epoch = truth_epoch(w, n->server, room, str_make(r->epoch, EPOCH_LEN));
    struct rebuilt b;
    rebuild(w, r, truth_numbering(w, room, epoch)->records, &b);
    same_log(w, r, &b);
    same_keys(w, h, r, &b);
    if (!same_standing(r->standing, b.standing))
        trace_fail(w, NULL, "APPLY: made anew people stand otherwise in %.*s", STR_ARG(name));
    changes_check_gone(w, n, room, epoch);
    if (!same_state(r->state, b.state))
        trace_fail(w, NULL, "APPLY: made anew people share something else in %.*s", STR_ARG(name));
    if (!same_invitations(r->invitations, b.invitations))
        trace_fail(w, NULL, "APPLY: made anew there are other invitations to %.*s", STR_ARG(name));
    w->counts.rebuilt++;
    rebuilt_deinit(w, &b);
    check_image(w, h, r);
}

void rebuild_check(struct world *w)
{
    for (uint32_t i = 0; i < w->nodes_n; i++)
        for (int room = 0; room < ROOMS_MAX; room++)
            check_room(w, &w->nodes[i], room);
}
