// SPDX-License-Identifier: Apache-2.0
#include "sim/desk.h"

#include "core/conn/conn.h"

static enum http_did rooms_call(struct conns *cs, uint32_t conn, struct http_call *call)
{
    str prefix = http_call_body(call);
    if (prefix.n > ROOM_NAME_MAX) {
        http_reply(cs, conn, 400, STR("text/plain"), STR("No room has so long a name.\n"));
        return HTTP_ANSWERED;
    }
    struct ask a = http_ask_make(cs, conn, ASK_ROOMS, ENCODING_JSON);
    a.cmd = (struct command){.type = CMD_ROOMS, .id = STR("0"), .prefix = prefix};
    return http_ask(cs, conn, 0, &a);
}

static enum http_did rooms_answered(struct conns *cs, uint32_t conn, struct http_call *call,
                                    const struct answer *a)
{
    (void)call;
    http_reply(cs, conn, str_starts(a->payload, STR("{\"type\":\"rooms\"")) ? 200 : 503,
               STR("application/json"), a->payload);
    return HTTP_ANSWERED;
}

const struct http_route desk_routes[DESK_ROUTES] = {{.path = "/desk/rooms",
                                                     .methods = METHOD_POST,
                                                     .body_max = DESK_BODY_MAX,
                                                     .media = "text/plain",
                                                     .call = rooms_call,
                                                     .answered = rooms_answered}};
