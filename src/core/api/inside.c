// SPDX-License-Identifier: Apache-2.0
//
// What is read by GET on the listener of whoever runs the server: how the server is (`/health`), and what the key of the request may
// (`/admin/whoami`), by which the admin page knows what to offer. Who may ask is known as for a command (door.c).
//
// Health is no ask to all shards, as `info` is: it is wanted most when one of them hangs, and an ask would wait for that one. What
// it says of a shard is what the shard leaves where any thread may read it.
#include "core/api/api_private.h"

#include "wire/json.h"

static void put_health(struct conns *cs, struct buf *out)
{
    ASSERT(cs->cx->host->health_page != NULL);
    const struct health_asked asked = {
        .settings = cs->cx->settings, .wall_ms = cs->cx->wall_ms, .unready = cs->cx->unready};
    cs->cx->host->health_page(cs->cx->host->ctx, &asked, out);
}

static void put_list(struct buf *out, str *before, str text)
{
    buf_put_str(out, *before);
    json_put_string(out, text);
    *before = STR(",");
}

static void put_rights(struct buf *out, const struct api_key *key)
{
    str before = STR(",\"rights\":[");
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++)
        if (api_serves((enum command_type)type) && api_key_may(key, (enum command_type)type))
            put_list(out, &before, str_from_cstr(command_name((enum command_type)type)));
    buf_put_char(out, ']');
}

// by: "nobody": there are no keys, and whoever is on this machine may all. What a token allows in rooms its `caps` say, which
// are not taken apart here.
static void put_whoami(const struct api_key *key, struct buf *out)
{
    str by = key == NULL           ? STR("nobody")
             : key->caps.p != NULL ? STR("token")
                                   : STR("key"),
        before = STR(",\"rooms\":[");
    BUF_PUT_LIT(out, "{\"by\":");
    json_put_string(out, by);
    if (key != NULL) {
        BUF_PUT_LIT(out, ",\"name\":");
        json_put_string(out, key->name);
    }
    put_rights(out, key);
    for (size_t i = 0; key != NULL && i < key->rooms_n; i++)
        put_list(out, &before, key->rooms[i]);
    buf_put_str(out, key != NULL && key->rooms_n != 0 ? STR("]}") : STR("}"));
}

static enum http_did problem(struct conns *cs, uint32_t conn, struct http_call *call, const struct problem *p)
{
    metric_add(&cs->cx->metrics->errors[p->code], 1);
    api_reply_problem(cs, conn, call, p);
    return HTTP_ANSWERED;
}

static enum http_did answer(struct conns *cs, uint32_t conn, struct http_call *call,
                            const struct api_key *key)
{
    struct http_response rs = {.status = 200};
    ASSERT(conn_at(cs, conn)->admin); // whatever its key may: it is told nowhere else
    ASSERT(str_eq(call->path, STR(API_HEALTH_PATH)) || str_eq(call->path, STR(API_WHOAMI_PATH)));
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    if (str_eq(call->path, STR(API_HEALTH_PATH)))
        put_health(cs, &cs->head);
    else
        put_whoami(key, &cs->head);
    if (buf_ok(&cs->head))
        api_reply_body(cs, conn, call, &rs, buf_str(&cs->head));
    else
        http_no_memory(cs, conn);
    return HTTP_ANSWERED;
}

enum http_did api_call_inside(struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct api_key by_token;
    struct problem p;
    bool known;
    if (call->refused == 0 && !api_still_in(cs, conn, call))
        call->refused = 403; // its key is gone, or has less
    if (call->refused != 0) {
        api_reply_refused(cs, conn, call);
        return HTTP_ANSWERED;
    }
    enum http_did looked = api_token_look(cs, conn, call, &known);
    if (looked != HTTP_ANSWERED || !known)
        return looked;
    const struct command cmd = {.type = api_inside(call->path)};
    const struct api_key *key = api_key_of(cs, call, &by_token);
    ASSERT(cmd.type != CMD_NONE); // that is how the route was found
    if (!api_key_allows(key, &cmd, &p))
        return problem(cs, conn, call, &p);
    enum api_paid pays = api_pay(cs, conn, call, &call->paid, &p);
    if (pays == API_PAYS_LATER)
        return HTTP_LATER;
    return pays == API_PAYS_NOT ? problem(cs, conn, call, &p) : answer(cs, conn, call, key);
}
