// SPDX-License-Identifier: Apache-2.0
//
// A backend: HTTP clients that publish by the API, one message or a batch of them in a request. What they say is a message like
// any other, so whoever is in the room must hear it, in its place, once by its key, and from whom it was said in the name of. And it
// has tokens revoked (revoke.c).
//
// Answers come in the order of requests, so what a request said is kept by its number.
#include "sim/heard.h"
#include "sim/retries.h"
#include "sim/revoke.h"

#include <stdio.h>

static struct said *said_at(struct client *c, uint32_t number) { return &c->said[number % SAID_REQUESTS]; }

static void put_message(struct world *w, struct client *c, struct buf *out, struct message *m)
{
    char text[USER_ID_MAX + 32];
    m->attempts++;
    m->link = c->link->serial;
    BUF_PUT_LIT(out, "\"room\":");
    json_put_string(out, str_from_cstr(w->room_names[m->room]));
    BUF_PUT_LIT(out, ", \"data\" : ");
    truth_data(m, out);
    if (m->keyed) {
        snprintf(text, sizeof text, ",\"key\":\"k%u\"", m->serial);
        buf_put_str(out, str_from_cstr(text));
    }
    if (m->conflate != 0) {
        snprintf(text, sizeof text, ",\"conflate\":\"%c\"", m->conflate);
        buf_put_str(out, str_from_cstr(text));
    }
    if (strcmp(m->user, "server") != 0) {
        snprintf(text, sizeof text, ",\"user\":\"%s\"", m->user);
        buf_put_str(out, str_from_cstr(text));
    }
}

// Those who have keys have them for themselves.
static struct message *message_make(struct world *w, struct client *c)
{
    struct message *m = truth_message_new(w, c, (int)roll(w, ROOMS_MAX));
    m->style = (uint8_t)roll(w, 16);
    m->pad = (uint32_t)roll(w, chance(w, 8) ? w->plan.data_max + 1 : 20);
    m->keyed = chance(w, 2);
    m->echo = m->has_id = true;
    snprintf(m->session, sizeof m->session, "api");
    if (m->keyed)
        snprintf(m->user, sizeof m->user, "h%u", c->index);
    else
        snprintf(m->user, sizeof m->user, "server");
    m->name_hash = truth_hash(str_from_cstr(m->user));
    return m;
}

static struct message *message_next(struct world *w, struct client *c)
{
    struct message *last = truth_message(w, c->said_last);
    if (last != NULL && last->keyed && last->attempts < 3 && chance(w, 4))
        return last; // its answer may have been lost
    struct message *m = message_make(w, c);
    c->said_last = m->serial;
    return m;
}

// key: a field of its head, or nothing.
static void request_send(struct world *w, struct client *c, const char *command, const char *key,
                         const struct buf *body)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "POST /api/v1/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "%sContent-Length: %zu\r\n\r\n",
                     command, key, body->n);
    trace_bytes(w, c, '>', buf_str(body));
    buf_put(&c->out, head, (size_t)n);
    buf_put_str(&c->out, buf_str(body));
    c->http_sent++;
}

static void say_once(struct world *w, struct client *c)
{
    struct said *said = said_at(c, c->http_sent);
    const char *command;
    char key[64];
    struct buf body;
    buf_init(&body, &w->scratch_mem, 0);
    *said = (struct said){.once = retries_put(w, c, &body, key, &command)};
    request_send(w, c, command, key, &body);
    buf_deinit(&body);
}

void backend_say(struct world *w, struct client *c)
{
    struct said *said = said_at(c, c->http_sent);
    bool batch = chance(w, 3);
    struct buf body;
    *said = (struct said){0};
    buf_init(&body, &w->scratch_mem, 0);
    if (!w->plan.engine && chance(w, 4)) {
        for (uint64_t n = 1 + roll(w, 4); n != 0 && c->http_sent - c->http_seen < SAID_REQUESTS; n--)
            say_once(w, c);
        return;
    }
    if (chance(w, 8)) {
        bool closes = chance(w, 2);
        int room = (int)roll(w, ROOMS_MAX);
        BUF_PUT_LIT(&body, "{\"room\":");
        json_put_string(&body, str_from_cstr(w->room_names[room]));
        if (!closes)
            creates_put_rule(w, &body, room);
        buf_put_str(&body, closes && chance(w, 2) ? STR(",\"reason\":\"over\"}") : STR("}"));
        w->counts.closes_asked += closes;
        request_send(w, c, closes ? "close" : "create", "", &body);
        buf_deinit(&body);
        return;
    }
    if (chance(w, 6)) {
        *said = (struct said){.revoked = revoke_put(w, c, &body)};
        request_send(w, c, "revoke", "", &body);
        buf_deinit(&body);
        return;
    }
    *said = (struct said){.batch = batch};
    if (batch)
        BUF_PUT_LIT(&body, "{\"commands\":[");
    for (uint32_t i = 0; i < (batch ? 1 + roll(w, SAID_BATCH_MAX) : 1); i++) {
        struct message *m = message_next(w, c);
        buf_put_str(&body, i == 0 ? STR("{") : STR(",{"));
        if (batch)
            BUF_PUT_LIT(&body, "\"type\":\"publish\",");
        put_message(w, c, &body, m);
        buf_put_char(&body, '}');
        said->messages[said->n++] = m->serial;
    }
    if (batch)
        buf_put_str(&body, chance(w, 2) ? STR("],\"parallel\":true}") : STR("]}"));
    request_send(w, c, batch ? "batch" : "publish", "", &body);
    buf_deinit(&body);
}

// One message's answer, as an object.
static void answered(struct world *w, struct client *c, struct message *m, str text)
{
    struct heard h;
    char scratch[EPOCH_MAX];
    heard_scan(w, c, text, &h);
    if (heard_raw(&h, "error").p != NULL)
        return; // whether it was said is not known, or it was not
    int room = heard_room(w, c, &h);
    if (room != m->room)
        trace_fail(w, c, "ORDER: m%ux is acked in another room", m->serial);
    int epoch = truth_epoch(w, c->server, room, heard_string(w, c, &h, "epoch", scratch, sizeof scratch));
    bool duplicate = heard_true(&h, "duplicate");
    w->counts.acked++;
    w->counts.by_backend++;
    w->counts.duplicates += duplicate;
    if (duplicate && (!m->keyed || m->attempts == 1))
        trace_fail(w, c, "ONCE: m%ux was said once and is called a duplicate", m->serial);
    truth_appended(w, c, m, epoch, heard_offset(w, c, &h, "offset"));
}

void backend_heard(struct world *w, struct client *c, uint32_t number, str head, str body)
{
    const struct said *said = said_at(c, number);
    if (said->revoked != 0 && str_starts(head, STR("HTTP/1.1 200 ")))
        revoke_done(w, said->revoked);
    if (said->once != 0)
        retries_heard(w, c, said->once, head, body);
    if (said->n == 0 || !str_starts(head, STR("HTTP/1.1 200 ")))
        return;
    if (!said->batch) {
        answered(w, c, truth_message(w, said->messages[0]), body);
        return;
    }
    struct heard h;
    heard_scan(w, c, body, &h);
    str list = heard_raw(&h, "replies"), one;
    uint32_t n = 0;
    for (; heard_next(&list, &one); n++)
        if (n < said->n)
            answered(w, c, truth_message(w, said->messages[n]), one);
    if (n != said->n)
        trace_fail(w, c, "PROTOCOL: a batch of %u commands got %u replies", said->n, n);
}
