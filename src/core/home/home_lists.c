// SPDX-License-Identifier: Apache-2.0
//
// Asks that are answered with a list: members, history, rooms. Pages are bounded by rows and by bytes, and made
// from what is there at that moment; a cursor for the next page is a position in an order that only grows.
//
// `rooms` concerns all shards: the ask walks from shard 0 to the last one, each merging its first rows into what
// came so far, so that no shard ever holds more than one page.
#include "core/home/home.h"

#include "base/codec.h"

static uint32_t page_limit(const struct command *cmd)
{
    if (cmd->limit == 0)
        return LIST_LIMIT_DEFAULT;
    return cmd->limit < LIST_LIMIT_MAX ? cmd->limit : LIST_LIMIT_MAX;
}

// --- members

void home_members(struct home *h, const struct ask *a, uint32_t room)
{
    ASSERT(command_row(a->cmd.type)->cost == COST_LIST);
    const struct room *r = room_at(h, room);
    uint32_t limit = page_limit(&a->cmd);
    uint64_t after = 0;
    if (a->cmd.after.n != 0 && !str_to_u64(a->cmd.after, UINT32_MAX, &after)) {
        struct problem p = {.code = PROBLEM_BAD_COMMAND,
                            .text = "`after` must be the `next` of an earlier reply; got {}.",
                            .word_kind = WORD_QUOTED,
                            .word = a->cmd.after};
        home_answer_problem(h, a, EFFECT_NONE, &p);
        return;
    }
    size_t max = r->members < limit ? r->members : limit;
    struct member_view *views = mem_alloc(h->cx->mem, (max + 1) * sizeof *views);
    if (views == NULL) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    struct event ev = {.type = EV_MEMBERS, .id = a->cmd.id, .room = room_name(r), .members = views};
    char next[20];
    uint32_t last = 0;
    size_t bytes = 0;
    for (uint32_t m = r->first; m != SLAB_NONE; m = member_at(h, m)->next) {
        const struct member *member = member_at(h, m);
        if (member->seq <= after)
            continue;
        if (ev.list_n == max || bytes > h->cx->settings->reply_bytes) {
            ev.next = str_make(next, u64_encode(last, next));
            break;
        }
        member_view_make(member, &views[ev.list_n]);
        bytes += member_view_bytes(&views[ev.list_n++]);
        last = member->seq;
    }
    ASSERT(ev.list_n <= max);
    struct answer ans = {.effect = EFFECT_NONE};
    home_answer_event(h, a, &ans, &ev);
    mem_free(h->cx->mem, views, (max + 1) * sizeof *views);
}

// --- history

// The offsets of the page: from..to, at most `limit`; none where to < from.
struct range {
    uint64_t from, to;
};

static struct range history_forward(uint64_t newest, uint64_t since, uint32_t limit)
{
    uint64_t from = since + 1;
    return (struct range){from, from + limit - 1 < newest ? from + limit - 1 : newest};
}

static struct range history_backward(const struct log *l, uint64_t newest, const struct command *cmd,
                                     uint32_t limit)
{
    uint64_t to = cmd->has_before && cmd->before_offset <= newest ? cmd->before_offset - 1 : newest;
    uint64_t from = to >= limit ? to - limit + 1 : 1;
    return (struct range){from < l->tail ? l->tail : from, to};
}

// As for a join: all that came after `since` is there, or nothing of it is given out (never a partial recovery).
static bool history_reaches(const struct room *r, const struct command *cmd)
{
    return str_eq(cmd->since_epoch, str_make(r->epoch, EPOCH_LEN)) && cmd->since_offset <= room_newest(r) &&
           cmd->since_offset + 1 >= r->log.tail;
}

// As much of a page as may be sent at once, one record at least: with `since` it fills from its old end, otherwise from its
// new one. About: a row is a record and some words around it.
static struct range history_cut(const struct log *l, struct range page, bool forward, uint32_t bytes_max)
{
    ASSERT(page.from >= l->tail || page.from > page.to);
    ASSERT(page.to <= l->head || page.from > page.to);
    enum { WORDS = 200 };
    size_t bytes = 0;
    for (uint64_t n = 0; page.from + n <= page.to; n++) {
        bytes += WORDS + log_record(l, forward ? page.from + n : page.to - n).n;
        if (n != 0 && bytes > bytes_max)
            return forward ? (struct range){page.from, page.from + n - 1}
                           : (struct range){page.to - n + 1, page.to};
    }
    return page;
}

void home_history(struct home *h, struct ask **taken, uint32_t room)
{
    const struct ask *a = *taken;
    ASSERT(command_row(a->cmd.type)->cost == COST_LIST);
    const struct room *r = room_at(h, room);
    const struct encoding *en = encoding_of(h->cx, a->encoding);
    if (en->payloads->row_separator.n !=
        0) // rows have no frames: they are the same for all encodings of the payloads
        en = encoding_plain(h->cx->settings->ways, en);
    ASSERT(!a->cmd.has_before || a->cmd.before_offset != 0); // held to by the decoder
    bool forward = a->cmd.has_since, reaches = forward && history_reaches(r, &a->cmd);
    struct range page = {1, 0};
    if (!forward)
        page = history_backward(&r->log, room_newest(r), &a->cmd, page_limit(&a->cmd));
    else if (reaches)
        page = history_forward(room_newest(r), a->cmd.since_offset, page_limit(&a->cmd));
    page = history_cut(&r->log, page, forward, h->cx->settings->reply_bytes);
    const struct replay_want want = {en, en->payloads->pages ? REPLAY_ROWS : REPLAY_FRAMES, page.from,
                                     page.to};
    struct answer ans = {.effect = EFFECT_HISTORY, .replay_from = page.from, .offset = page.to};
    enum err made = home_replay(h, room, &want);
    if (made == ERR_MORE) {
        home_wait(h, taken, room);
        return;
    }
    if (made != OK) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    ans.segs = replay_take(r->replay, &want, h->cx->mem, &ans.seg_count);
    if (ans.segs == NULL && page.from <= page.to) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    struct event ev = {.type = EV_HISTORY,
                       .id = a->cmd.id,
                       .room = room_name(r),
                       .epoch = str_make(r->epoch, EPOCH_LEN),
                       .has_recovered = forward,
                       .recovered = reaches,
                       .list_n = page.from <= page.to ? page.to - page.from + 1 : 0};
    struct segment **segs = ans.segs;
    uint32_t segs_n = ans.seg_count;
    home_answer_event(h, a, &ans, &ev);
    mem_free(h->cx->mem, segs, segs_n * sizeof(struct segment *));
}

// --- rooms

// Rows between shards: | n | name (n bytes) | members (4 bytes) | has unread (1) | unread (4) | ...
enum { ROW_TAIL = 4 + 1 + 4 };

static void row_put(struct buf *b, const struct room_row *row)
{
    const str name = row->name;
    ASSERT(name.n != 0);
    ASSERT(name.n <= ROOM_NAME_MAX);
    buf_put_char(b, (char)name.n);
    buf_put_str(b, name);
    buf_put(b, &row->members_count, 4);
    buf_put_char(b, row->has_unread);
    buf_put(b, &row->unread, 4);
}

// Takes the first row off; one without a name, as no room has, where there is none.
static struct room_row row_take(str *rows)
{
    if (rows->n == 0)
        return (struct room_row){0};
    size_t n = (uint8_t)rows->p[0];
    struct room_row row = {.name = str_make(rows->p + 1, n)};
    ASSERT(n != 0);
    ASSERT(rows->n >= 1 + n + ROW_TAIL);
    memcpy(&row.members_count, rows->p + 1 + n, 4);
    row.has_unread = rows->p[1 + n + 4] != 0;
    memcpy(&row.unread, rows->p + 1 + n + 5, 4);
    *rows = str_skip(*rows, 1 + n + ROW_TAIL);
    return row;
}

static struct room_row row_of(const struct home *h, const struct room *r, const struct ask *a)
{
    const struct read_view read =
        a->backend && a->cmd.by.n == 0 ? (struct read_view){.known = false} : home_read_view(h, r, a->user);
    return (struct room_row){.name = room_name(r),
                             .members_count = r->members,
                             .has_unread = read.known,
                             .unread = read.unread < UINT32_MAX ? (uint32_t)read.unread : UINT32_MAX};
}

// This shard's rooms in order: the first after `after` that has the prefix.
struct own_rows {
    uint32_t at;
};

// Behind all rooms of that tenant: so many of them that somebody else asks past are one step.
static uint32_t behind_tenant(const struct home *h, uint8_t tenant)
{
    char end[TENANT_PREFIX_MAX];
    str prefix = tenant_at(h->cx, tenant)->prefix;
    memcpy(end, prefix.p, prefix.n);
    end[prefix.n - 1]++; // the colon
    return rooms_sorted_place(h, str_make(end, prefix.n));
}

static struct room_row own_take(const struct home *h, struct own_rows *own, const struct ask *a)
{
    const struct command *cmd = &a->cmd;
    while (own->at < h->rooms_by_name.count) {
        struct room *r = room_at(h, h->rooms_sorted[own->at++]);
        str name = room_name(r);
        if (!a->backend && r->tenant != a->tenant) {
            if (a->tenant != TENANT_NONE)
                break; // its own are one behind the other, and this is where it began to look
            own->at = behind_tenant(h, r->tenant);
            continue;
        }
        if (cmd->after.n != 0 && str_cmp(name, cmd->after) <= 0)
            continue;
        if (!str_starts(name, cmd->prefix) && str_cmp(name, cmd->prefix) > 0)
            break;                                                      // behind all names with the prefix
        const bool opening = r->keeping != NULL && r->keeping->opening; // it is not whole yet
        bool shown = !opening && !room_settings(h, r)->room_unlisted && room_closed_ms(h, r) == 0;
        if (str_starts(name, cmd->prefix) && shown)
            return row_of(h, r, a);
    }
    return (struct room_row){0};
}

static void rows_merge(struct home *h, const struct ask *a, uint32_t max, struct buf *out)
{
    str from = str_cmp(a->cmd.after, a->cmd.prefix) > 0 ? a->cmd.after : a->cmd.prefix;
    str whose = a->tenant != TENANT_NONE ? tenant_at(h->cx, a->tenant)->prefix : STR_NONE;
    if (str_cmp(whose, from) > 0)
        from = whose;
    struct own_rows own = {rooms_sorted_place(h, from)};
    str rest = a->rows;
    struct room_row mine = own_take(h, &own, a), theirs = row_take(&rest);
    for (uint32_t n = 0; n < max && (mine.name.n != 0 || theirs.name.n != 0); n++) {
        if (mine.name.n != 0 && (theirs.name.n == 0 || str_cmp(mine.name, theirs.name) < 0)) {
            row_put(out, &mine);
            mine = own_take(h, &own, a);
        } else {
            row_put(out, &theirs);
            theirs = row_take(&rest);
        }
    }
}

static void rooms_answer(struct home *h, const struct ask *a, str rows, uint32_t limit)
{
    struct room_row *list = mem_alloc(h->cx->mem, (limit + 1u) * sizeof *list);
    if (list == NULL) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    struct event ev = {.type = EV_ROOMS, .id = a->cmd.id, .rooms = list};
    while (ev.list_n <= limit && rows.n != 0)
        list[ev.list_n++] = row_take(&rows);
    if (ev.list_n > limit) {
        ev.list_n = limit;
        ev.next = list[limit - 1].name;
    }
    ASSERT(ev.list_n <= limit);
    struct answer ans = {.effect = EFFECT_NONE};
    home_answer_event(h, a, &ans, &ev);
    mem_free(h->cx->mem, list, (limit + 1u) * sizeof *list);
}

void home_rooms(struct home *h, const struct ask *a)
{
    ASSERT(command_row(a->cmd.type)->cost == COST_LIST);
    uint32_t limit = page_limit(&a->cmd);
    struct buf rows;
    buf_init(&rows, h->cx->mem, 0);
    rows_merge(h, a, limit + 1, &rows);
    if (!buf_ok(&rows)) {
        home_answer_no_memory(h, a, EFFECT_NONE);
    } else if (h->cx->index + 1 < h->cx->shard_count) {
        struct ask on = *a;
        on.rows = buf_str(&rows);
        if (!post_ask(h->mail, h->cx->index + 1, &on))
            home_answer_no_memory(h, a, EFFECT_NONE);
    } else {
        rooms_answer(h, a, buf_str(&rows), limit);
    }
    buf_deinit(&rows);
}
