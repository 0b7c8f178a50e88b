// SPDX-License-Identifier: Apache-2.0
//
// A request is said again while its key is known for certain. What is on its way may be late, though, so that nothing happens
// twice is asked for while the window lasts that begins with the first request: the server's begins later, with its answer. Where
// rooms are on many nodes a key is not known to the others, and there is none of this.
#include "sim/retries.h"

#include "sim/heard.h"
#include <stdio.h>
#include <stdlib.h>

enum { MARGIN_MS = 10000 };

static struct once_known *known(struct world *w, uint32_t number)
{
    struct once_known *k = &w->once.v[number % ONCE_KNOWN];
    return number != 0 && k->number == number ? k : NULL;
}

static void put_close(struct world *w, const struct once_known *k, uint32_t i, struct buf *body)
{
    char text[96];
    snprintf(text, sizeof text, ",\"reason\":\"once-%u.%u\"}", k->number, i);
    buf_put_str(body, k->batch ? STR("{\"type\":\"close\",\"room\":") : STR("{\"room\":"));
    json_put_string(body, str_from_cstr(w->room_names[(k->room + i) % ROOMS_MAX]));
    buf_put_str(body, str_from_cstr(text));
}

static struct once_known *earlier(struct world *w, const struct client *c)
{
    struct once_known *k =
        w->once.n != 0 ? known(w, w->once.n - (uint32_t)roll(w, w->once.n < 8 ? w->once.n : 8)) : NULL;
    const uint64_t window_ms = w->settings.idempotency_ms;
    const uint64_t margin_ms = window_ms / 2 < MARGIN_MS ? window_ms / 2 : MARGIN_MS;
    bool fresh = k != NULL && w->now_ms < k->said_ms + window_ms - margin_ms;
    return fresh && k->server == c->server ? k : NULL;
}

uint32_t retries_put(struct world *w, struct client *c, struct buf *body, char ret_key[64],
                     const char **ret_command)
{
    struct once_known *k = chance(w, 3) ? NULL : earlier(w, c);
    if (k == NULL) {
        uint32_t number = ++w->once.n;
        k = &w->once.v[number % ONCE_KNOWN];
        *k = (struct once_known){.number = number,
                                 .said_ms = w->now_ms,
                                 .server = c->server,
                                 .batch = chance(w, 2),
                                 .parallel = chance(w, 2),
                                 .room = (uint32_t)roll(w, ROOMS_MAX)};
        w->counts.closes_asked++;
    } else {
        w->counts.once_again++;
    }
    if (k->batch)
        BUF_PUT_LIT(body, "{\"commands\":[");
    for (uint32_t i = 0; i < (k->batch ? ONCE_CLOSES : 1); i++) {
        if (i != 0)
            buf_put_char(body, ',');
        put_close(w, k, i, body);
    }
    if (k->batch)
        buf_put_str(body, k->parallel ? STR("],\"parallel\":true}") : STR("]}"));
    snprintf(ret_key, 64, "Idempotency-Key: once-%u\r\n", k->number);
    *ret_command = k->batch ? "batch" : "close";
    return k->number;
}

static bool is_kept(const struct world *w, const struct once_known *k)
{
    return w->now_ms < k->said_ms + w->settings.idempotency_ms;
}

void retries_heard(struct world *w, struct client *c, uint32_t number, str head, str body)
{
    struct once_known *k = known(w, number);
    bool replayed = memmem(head.p, head.n, "\r\nIdempotency-Replayed: true\r\n", 30) != NULL;
    bool good = str_starts(head, STR("HTTP/1.1 200 "));
    uint64_t hash = truth_hash(body);
    if (k == NULL || (!good && !replayed))
        return;
    w->counts.once_replayed += replayed;
    if (!k->batch && !replayed && ++k->anew > 1 && is_kept(w, k))
        trace_fail(w, c, "ONCE: request %u was carried out, and is again", number);
    if (replayed || !k->batch) {
        if (k->answer != 0 && k->answer != hash && is_kept(w, k))
            trace_fail(w, c, "ONCE: request %u is answered again, and otherwise", number);
        k->answer = hash;
    }
}

void retries_see(struct world *w, const struct entry *e)
{
    uint64_t number, i;
    str rest, reason = e->data; // of a close
    if (e->type != ENTRY_CLOSE || w->plan.engine || !str_starts(reason, STR("once-")))
        return;
    str first = str_split(str_skip(reason, 5), '.', &rest);
    bool read = str_to_u64(first, UINT32_MAX, &number) && str_to_u64(rest, ONCE_CLOSES - 1, &i);
    struct once_known *k = read ? known(w, (uint32_t)number) : NULL;
    if (k != NULL && ++k->closed[i] > 1 && is_kept(w, k))
        trace_fail(w, NULL, "ONCE: request %u has closed a room twice", k->number);
}
