// SPDX-License-Identifier: Apache-2.0
//
// api_private.h - what the files of this folder share and nobody else includes.
#ifndef PLENUM_CORE_API_API_PRIVATE_H
#define PLENUM_CORE_API_API_PRIVATE_H

#include "core/api/api.h"
#include "core/conn/conn.h"
#include "dialect/api.h"

// --- door.c
// What a request is refused with.
struct api_verdict {
    uint16_t status; // 0: it is not
    struct problem problem;
    str challenge, allow; // of its answer's head
    uint8_t by;           // the key, counted from 1; 0: nobody's
    const char *reason;   // for the log
};
void api_judge(const struct conns *cs, uint32_t conn, const struct http_request *rq, struct api_verdict *ret);
// Whether what was found at the head still holds, as keys may have changed since; call->by is of the settings of now, then.
bool api_still_in(const struct conns *cs, uint32_t conn, struct http_call *call);
// NULL: there are no keys, and all is allowed.
const struct api_key *api_key_at(const struct conns *cs, uint8_t by);
// False, and *ret says why: the key is not for it. Of `broadcast` each room is asked for by itself.
bool api_key_allows(const struct api_key *key, const struct command *cmd, struct problem *ret);

// --- call.c
enum { API_ASK_TEXT = USER_ID_MAX + 16 };
// What a command asks, and whom. text: room for what the ask borrows. False: *ret_problem says why not.
bool api_ask_make(const struct conns *cs, uint32_t conn, const struct http_call *call,
                  const struct command *cmd, uint32_t number, char text[API_ASK_TEXT], struct ask *ret,
                  uint32_t *ret_dest, struct problem *ret_problem);

// --- many.c
enum http_did api_many(struct conns *cs, uint32_t conn, struct http_call *call, const struct command *cmd);
enum http_did api_many_go_on(struct conns *cs, uint32_t conn, struct http_call *call);
enum http_did api_many_answered(struct conns *cs, uint32_t conn, struct http_call *call,
                                const struct answer *a);
void api_many_drop(struct conns *cs, struct http_call *call);

// --- reply.c
void api_reply_refused(struct conns *cs, uint32_t conn, struct http_call *call);
void api_reply_problem(struct conns *cs, uint32_t conn, struct http_call *call, const struct problem *p);
void api_reply_answer(struct conns *cs, uint32_t conn, struct http_call *call, const struct answer *a);
void api_reply_body(struct conns *cs, uint32_t conn, struct http_call *call, struct http_response *rs,
                    str body);
void api_put_error(struct buf *out, uint16_t status, str sentence);

#endif
