// SPDX-License-Identifier: Apache-2.0
//
// Commands that wait for their replies, per connection: replies come in the order of the commands, each once. What
// was said without `id` may be answered by an error only; it is passed over when a later reply comes.
#include "sim/world.h"

#include "wire/json.h"

static struct asked *ask_at(struct client *c, uint32_t i) { return &c->asks[(c->asks_from + i) % ASKS_MAX]; }

struct asked *asks_push(struct world *w, struct client *c, enum ask_kind kind, bool with_id)
{
    ASSERT(c->asks_n < ASKS_MAX);
    struct asked *a = ask_at(c, c->asks_n++);
    *a = (struct asked){.kind = kind,
                        .room = NONE,
                        .from = NONE,
                        .since_epoch = NONE,
                        .passed_epoch = NONE,
                        .at_ms = w->now_ms};
    if (with_id)
        a->id = ++c->next_id;
    return a;
}

bool asks_find(const struct client *c, uint32_t id, struct asked *ret)
{
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        if (a->id == id) {
            *ret = *a;
            return true;
        }
    }
    return false;
}

// Ids are numbers, or strings "c<number>".
uint32_t asks_id(str id)
{
    uint64_t v = 0;
    if (id.n > 3 && id.p[0] == '"' && id.p[1] == 'c')
        id = str_make(id.p + 2, id.n - 3);
    return str_to_u64(id, UINT32_MAX, &v) ? (uint32_t)v : 0;
}

struct asked asks_answered(struct world *w, struct client *c, str id, uint32_t kinds)
{
    uint32_t number = id.p == NULL ? 0 : asks_id(id);
    c->replied_ms = w->now_ms;
    while (c->asks_n > 0) {
        struct asked a = *ask_at(c, 0);
        if (a.id != 0 && a.id != number)
            trace_fail(w, c, "ORDER: a reply to command %u came, and %u is not answered yet", number, a.id);
        if (a.id == 0 && number == 0 && !(kinds >> a.kind & 1) && kinds != UINT32_MAX) {
            c->asks_from++; // said without id, and well received
            c->asks_n--;
            continue;
        }
        c->asks_from++;
        c->asks_n--;
        if (a.id == number) {
            if (!(kinds >> a.kind & 1))
                trace_fail(w, c, "ORDER: command %u got a reply of another kind", number);
            return a;
        }
    }
    trace_fail(w, c, "ORDER: a reply to command %u came, which was never given or is answered already",
               number);
}

uint32_t asks_unnamed_first(const struct client *c)
{
    uint32_t n = 0;
    while (n < c->asks_n && c->asks[(c->asks_from + n) % ASKS_MAX].id == 0)
        n++;
    return n;
}

void asks_forget(struct world *w, struct client *c)
{
    (void)w;
    c->asks_from = c->asks_n = 0;
}

void asks_check_late(struct world *w, struct client *c)
{
    uint32_t i = asks_unnamed_first(c);
    if (i == c->asks_n)
        return;
    const struct asked *a = ask_at(c, i);
    uint64_t since =
        a->at_ms > c->replied_ms ? a->at_ms : c->replied_ms; // those before it took their time too
    if (since + client_patience_ms(w) < w->now_ms)
        trace_fail(w, c, "LOSS: command %u of a healthy connection, given at %llu ms, has no reply", a->id,
                   (unsigned long long)a->at_ms);
}
