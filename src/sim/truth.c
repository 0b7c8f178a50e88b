// SPDX-License-Identifier: Apache-2.0
//
// What is true about a room: which entry has which offset, and what passed in which order. What the home did says what it is
// (ledger.c), the first client to see it adds its bytes, and all others must agree. A message's offset is also told by its
// ack, and must be the same one.
#include "sim/world.h"

#include "wire/json.h"

uint64_t truth_hash(str s)
{
    uint64_t h = 0xcbf29ce484222325u ^ s.n;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    return h == 0 ? 1 : h;
}

uint64_t truth_renamed(str previous, str name) { return truth_hash(previous) * 31 + truth_hash(name); }

int truth_room_find(const struct world *w, str name)
{
    for (int i = 0; i < ROOMS_MAX; i++)
        if (str_eq(name, str_from_cstr(w->room_names[i])))
            return i;
    return NONE;
}

static struct records *records_of(struct world *w, const struct room_truth *r, str epoch)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (str_eq(epoch, str_from_cstr(r->v[i].epoch)))
            return r->v[i].records;
    w->counts.epochs++;
    return arena_alloc(&w->arena, sizeof(struct records));
}

void truth_ends(struct world *w, int room, str epoch)
{
    for (uint32_t i = 0; i < w->truth[room].n; i++)
        if (str_eq(epoch, str_from_cstr(w->truth[room].v[i].epoch)))
            w->truth[room].v[i].records->ended = true;
}

void truth_begins(struct world *w, uint32_t server, int room, str epoch)
{
    struct room_truth *r = &w->truth[room];
    ASSERT(epoch.n > 0 && epoch.n < EPOCH_MAX);
    struct records *records = records_of(w, r, epoch);
    ARENA_GROW(&w->arena, r->v, r->n, r->cap);
    struct numbering *n = &r->v[r->n++];
    *n = (struct numbering){.server = server, .records = records, .follower = NONE, .begun_ms = w->now_ms};
    memcpy(n->epoch, epoch.p, epoch.n);
}

int truth_epoch(struct world *w, uint32_t server, int room, str epoch)
{
    struct room_truth *r = &w->truth[room];
    for (uint32_t i = r->n; i-- > 0;)
        if (r->v[i].server == server && str_eq(epoch, str_from_cstr(r->v[i].epoch)))
            return (int)i;
    truth_begins(w, server, room, epoch);
    return (int)r->n - 1;
}

bool truth_same_records(struct world *w, int room, int a, int b)
{
    return a != NONE && b != NONE &&
           truth_numbering(w, room, a)->records == truth_numbering(w, room, b)->records;
}

bool truth_follows(struct world *w, int room, int epoch, int before)
{
    while (before != NONE && before != epoch)
        before = truth_numbering(w, room, before)->follower;
    return before == epoch;
}

struct numbering *truth_numbering(struct world *w, int room, int epoch)
{
    ASSERT(epoch >= 0 && (uint32_t)epoch < w->truth[room].n);
    return &w->truth[room].v[epoch];
}

struct fact *truth_fact(struct world *w, struct numbering *n, uint64_t offset)
{
    struct records *r = n->records;
    ASSERT(offset < 1u << 22);
    while (r->n <= offset) {
        ARENA_GROW(&w->arena, r->facts, r->n, r->cap);
        r->facts[r->n++] = (struct fact){0};
    }
    return &r->facts[offset];
}

uint64_t truth_messages_back(struct world *w, struct numbering *numbering, uint64_t head, uint64_t tail,
                             uint32_t n)
{
    uint64_t from = head + 1;
    for (uint64_t o = head; o >= tail && o > 0 && n > 0; o--) {
        uint8_t kind = truth_fact(w, numbering, o)->kind;
        if (kind == FACT_VOID || kind == FACT_DECREE || kind == FACT_STATE)
            continue;
        from = o;
        n--;
    }
    return from;
}

void truth_reach(struct numbering *n, uint64_t offset)
{
    if (offset > n->head)
        n->head = offset;
}

struct message *truth_message(struct world *w, uint32_t serial)
{
    return serial == 0 || serial >= w->messages_n ? NULL : &w->messages[serial];
}

struct message *truth_message_new(struct world *w, struct client *c, int room)
{
    if (w->messages_n == 0) { // serials begin at 1
        ARENA_GROW(&w->arena, w->messages, w->messages_n, w->messages_cap);
        w->messages_n = 1;
    }
    ARENA_GROW(&w->arena, w->messages, w->messages_n, w->messages_cap);
    struct message *m = &w->messages[w->messages_n];
    *m = (struct message){
        .serial = w->messages_n++, .room = room, .client = c->index, .epoch = NONE, .said_ms = w->now_ms};
    if (w->plan.conflates && room != NONE &&
        truth_hash(str_make((char *)&m->serial, sizeof m->serial)) % 4 != 0)
        m->conflate = (char)('a' + m->serial % 5);
    w->counts.published++;
    return m;
}

static char conflation_key(struct world *w, struct numbering *n, uint64_t offset)
{
    const struct fact *f = truth_fact(w, n, offset);
    return f->kind == FACT_MESSAGE || f->kind == FACT_STATE ? f->conflate : '\0';
}

bool truth_has_newer(struct world *w, struct numbering *n, uint64_t offset)
{
    const char key = conflation_key(w, n, offset);
    uint64_t newer = offset + 1;
    while (newer <= n->told && conflation_key(w, n, newer) != key)
        newer++;
    return key != '\0' && newer <= n->told;
}

// --- data: made from the serial, so that it need not be kept

static void put_pad(struct buf *out, const struct message *m)
{
    static const char pad[] = "the quick brown fox jumps over the lazy dog ";
    for (uint32_t i = 0; i < m->pad; i++)
        buf_put_char(out, pad[(i + m->serial) % (sizeof pad - 1)]);
}

// Spaces, escapes and order of keys must come out as they went in.
void truth_data(const struct message *m, struct buf *out)
{
    static const struct {
        const char *before, *after;
    } styles[] = {
        {"\"m", "\""},
        {"{\"text\":\"m", "\"}"},
        {" [1 , -0.0e+10,\t\"m", "\" , null, {\"a\":{\"a\":1}, \"b\" : []} ] "},
        {"\"\\u00fc\xc3\xbc\\n\\\"\\\\ m", "\\ud83d\\ude00\xf0\x9f\x98\x80\""},
        {"{\"b\":1,\"a\":{\"text\":\"m", "\"},\"z\":\"\\u0000\\u007f\\u202e\"}"},
    };
    uint8_t style = m->text ? 0 : m->style % (sizeof styles / sizeof *styles);
    buf_put_str(out, str_from_cstr(styles[style].before));
    buf_put_u64(out, m->serial);
    buf_put_char(out, 'x');
    put_pad(out, m);
    buf_put_str(out, str_from_cstr(styles[style].after));
}

// The serial in "m<digits>x"; 0 where there is none.
uint32_t truth_serial(str data)
{
    for (size_t i = 0; i + 2 < data.n; i++) {
        if (data.p[i] != 'm')
            continue;
        uint32_t v = 0;
        size_t k = i + 1;
        while (k < data.n && data.p[k] >= '0' && data.p[k] <= '9' && v < 100000000)
            v = v * 10 + (uint32_t)(data.p[k++] - '0');
        if (k > i + 1 && k < data.n && data.p[k] == 'x')
            return v;
    }
    return 0;
}

// --- observations

// Once: a message has one place in a room. A key may let it in again only when its window is over, or in a room that
// began anew. It was appended after it was said, so within a window of that there can be no second time.
// An epoch that was ended has lost what was in it, or not: it may be said in the next.
static bool window_over(struct world *w, const struct message *m, int epoch)
{
    if (!truth_same_records(w, m->room, epoch, m->epoch) &&
        (truth_numbering(w, m->room, m->epoch)->records->ended ||
         truth_numbering(w, m->room, epoch)->records->ended))
        return true;
    if (!m->keyed)
        return false;
    if (!truth_same_records(w, m->room, epoch, m->epoch) ||
        w->now_ms - m->said_ms >= w->settings.idempotency_ms)
        return true;
    uint32_t behind = 0; // keys of its sender, nobody else's, that may have come in behind it
    for (uint32_t serial = 1; serial < w->messages_n; serial++) {
        const struct message *other = &w->messages[serial];
        behind += other->client == m->client && other->room == m->room && other->keyed &&
                  (serial > m->serial || other->attempts > 1);
    }
    return behind >= w->settings.idempotency_keys;
}

// What an engine lost with an epoch is not in the room as it goes on: whoever waits for an answer still has it judged anew, by the
// records that there are then, and may be told that it cannot be said any more, while others have seen it in the epoch that is over.
static bool lost_with(struct world *w, int room, int epoch)
{
    return truth_numbering(w, room, epoch)->records->ended;
}

bool truth_holds(struct world *w, const struct message *m)
{
    return m->epoch != NONE && !lost_with(w, m->room, m->epoch);
}

void truth_appended(struct world *w, struct client *c, struct message *m, int epoch, uint64_t offset)
{
    if (m->attempts == m->denied && !lost_with(w, m->room, epoch))
        trace_fail(w, c, "ISOLATION: message m%ux was refused, but it is an entry at offset %llu of %s",
                   m->serial, (unsigned long long)offset, w->room_names[m->room]);
    struct fact *f = truth_fact(w, truth_numbering(w, m->room, epoch), offset);
    if (f->message == m->serial)
        return;
    if (m->epoch != NONE && !window_over(w, m, epoch))
        trace_fail(w, c, "ONCE: message m%ux has the offsets %llu and %llu in %s", m->serial,
                   (unsigned long long)m->offset, (unsigned long long)offset, w->room_names[m->room]);
    if (f->message != 0 && f->message != m->serial)
        trace_fail(w, c, "ORDER: offset %llu of %s is m%ux, and was m%ux", (unsigned long long)offset,
                   w->room_names[m->room], m->serial, f->message);
    if (f->message == 0 && f->kind != FACT_UNKNOWN && f->kind != FACT_MESSAGE)
        trace_fail(w, c, "ORDER: offset %llu of %s is m%ux, and was no message", (unsigned long long)offset,
                   w->room_names[m->room], m->serial);
    truth_reach(truth_numbering(w, m->room, epoch), offset);
    f->message = m->serial;
    f->kind = FACT_MESSAGE;
    if (f->first_ms == 0)
        f->first_ms = w->now_ms;
    m->epoch = epoch;
    m->offset = offset;
}

void truth_observe(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                   const struct fact *seen)
{
    struct fact *f = truth_fact(w, truth_numbering(w, room, epoch), offset);
    truth_reach(truth_numbering(w, room, epoch), offset);
    if (f->first_ms == 0)
        f->first_ms = w->now_ms;
    if (f->hash != 0 && seen->hash != 0 && f->hash != seen->hash)
        trace_fail(w, c, "ORDER: offset %llu of %s has another content than somebody else saw",
                   (unsigned long long)offset, w->room_names[room]);
    if (f->kind != FACT_UNKNOWN && (f->kind != seen->kind || f->name_hash != seen->name_hash))
        trace_fail(w, c, "ORDER: offset %llu of %s is another kind of entry, or of another member",
                   (unsigned long long)offset, w->room_names[room]);
    if (seen->message != 0) {
        struct message *m = truth_message(w, seen->message);
        if (m->room != room)
            trace_fail(w, c, "ISOLATION: m%ux was said in another room than %s", m->serial,
                       w->room_names[room]);
        truth_appended(w, c, m, epoch, offset);
        f = truth_fact(w, truth_numbering(w, room, epoch), offset);
    } else if (f->message != 0) {
        trace_fail(w, c, "ORDER: offset %llu of %s is no message, and was m%ux", (unsigned long long)offset,
                   w->room_names[room], f->message);
    }
    if (seen->hash != 0)
        f->hash = seen->hash;
    f->kind = seen->kind;
    f->name_hash = seen->name_hash;
}

bool truth_same_passing(const struct fact *a, const struct fact *b)
{
    return a->kind == b->kind && a->name_hash == b->name_hash && a->after == b->after &&
           a->message == b->message && a->cut_to == b->cut_to;
}

void truth_observe_passing(struct world *w, struct client *c, int room, int epoch, uint32_t at,
                           const struct fact *seen)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    if (at >= n->passed_n)
        trace_fail(w, c, "ORDER: something passed in %s that its home knows nothing of", w->room_names[room]);
    struct fact *f = &n->passed[at];
    if (!truth_same_passing(f, seen))
        trace_fail(w, c,
                   "ORDER: the %u. that passed in %s is of kind %u behind offset %llu, not %u behind %llu",
                   at + 1, w->room_names[room], f->kind, (unsigned long long)f->after, seen->kind,
                   (unsigned long long)seen->after);
    if (f->hash != 0 && f->hash != seen->hash)
        trace_fail(w, c, "ORDER: the %u. that passed in %s has another content than somebody else saw",
                   at + 1, w->room_names[room]);
    f->hash = seen->hash;
}
