// SPDX-License-Identifier: Apache-2.0
//
// api_private.h - what the files of this folder share and nobody else includes.
#ifndef PLENUM_CORE_API_API_PRIVATE_H
#define PLENUM_CORE_API_API_PRIVATE_H

#include "core/api/api.h"
#include "core/common/invitation.h"
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
// Bodies whose `data` are bytes. Pages send them across origins only after asking first, as JSON.
#define API_BYTES "application/octet-stream"
bool api_body_is_bytes(const struct http_call *call);
bool api_still_in(const struct conns *cs, uint32_t conn, struct http_call *call);
// NULL: there are no keys, and all is allowed. room: for one that is made of a token.
const struct api_key *api_key_of(const struct conns *cs, const struct http_call *call, struct api_key *room);
// Of rooms it says nothing.
bool api_key_may(const struct api_key *key, enum command_type type);
// Of what is read by GET beside the commands: the command whose right it takes. CMD_NONE: there is no such path.
#define API_HEALTH_PATH "/health"
#define API_WHOAMI_PATH "/admin/whoami"
enum command_type api_inside(str path);
// `Authorization: Bearer KEY` or `X-API-Key: KEY`, one of them; absent: there is none.
str api_presented(const struct http_request *rq);
// False, and *ret says why: the key is not for it. Of `broadcast` each room is asked for by itself.
bool api_key_allows(const struct api_key *key, const struct command *cmd, struct problem *ret);

// --- token.c
// It may be a JWT, and there is who can tell.
bool api_token_may_be(const struct settings *s, str secret);
// HTTP_ASKED, HTTP_LATER: its verdict is not there yet. HTTP_ANSWERED: it is, and *ret_good; or it was answered.
enum http_did api_token_look(struct conns *cs, uint32_t conn, struct http_call *call, bool *ret_good);
// A good one as a key.
struct api_key api_token_key(const struct http_call *call);
bool api_token_allows(const struct api_key *key, const struct command *cmd, struct problem *ret);
// What it allows in the room does not reach to what others have said there.
bool api_token_own_words(const struct api_key *key, const struct command *cmd);

// --- rate.c
enum api_paid { API_PAID, API_PAYS_LATER, API_PAYS_NOT };
// One command more by its key, unless *paid. API_PAYS_LATER: what it may has to be asked for, the call is called again;
// API_PAYS_NOT: *ret_problem says why.
enum api_paid api_pay(struct conns *cs, uint32_t conn, const struct http_call *call, bool *paid,
                      struct problem *ret_problem);

// --- call.c
enum { API_ASK_SPOKEN = USER_ID_MAX + 16, API_ASK_TEXT = API_ASK_SPOKEN + INVITATION_TOKEN_LEN };
// What a command asks, and whom. text: room for what the ask borrows. False: *ret_problem says why not.
bool api_ask_make(const struct conns *cs, uint32_t conn, const struct http_call *call,
                  const struct command *cmd, uint32_t number, char text[API_ASK_TEXT], struct ask *ret,
                  uint32_t *ret_dest, struct problem *ret_problem);
// As http_ask; what changes something is told to the audit.
enum http_did api_ask(struct conns *cs, uint32_t conn, const struct http_call *call, uint32_t dest,
                      const struct ask *a) WARN_UNUSED;
// Whoever has come to the door was refused, by what rule (static): the log and the audit are told.
void api_told_refused(const struct conns *cs, uint32_t conn, uint16_t status, const char *rule);

// --- inside.c
enum http_did api_call_inside(struct conns *cs, uint32_t conn, struct http_call *call);

// --- many.c
enum http_did api_many(struct conns *cs, uint32_t conn, struct http_call *call, const struct command *cmd);
enum http_did api_many_go_on(struct conns *cs, uint32_t conn, struct http_call *call);
enum http_did api_many_answered(struct conns *cs, uint32_t conn, struct http_call *call,
                                const struct answer *a);
void api_many_drop(struct conns *cs, void **own);
// An answer that has come when its connection had gone; and what all of it came to.
void api_many_keep(void *own, const struct answer *a);
void api_many_settle(void *own, struct buf *text, struct settle_mail *ret);

// --- once.c
// What its idempotency key is for: of a message it goes along; *ret_claims: it is asked for at its home before anything is done. False:
// it is none, and *p says why.
bool api_once_take(const struct http_call *call, struct command *cmd, bool *ret_claims, struct problem *p);
enum http_did api_once_claim(struct conns *cs, uint32_t conn, struct http_call *call, enum command_type type);
// True: it is not to be carried out, and has been answered.
bool api_once_replied(struct conns *cs, uint32_t conn, struct http_call *call);
// An answer of that status stands; else whoever asks again is to have another one.
bool api_decided(uint16_t status);
void api_once_settle(struct conns *cs, void *own, const struct answer *a, struct buf *text,
                     struct settle_mail *ret);

// --- reply.c
void api_reply_refused(struct conns *cs, uint32_t conn, struct http_call *call);
void api_reply_problem(struct conns *cs, uint32_t conn, struct http_call *call, const struct problem *p);
void api_reply_answer(struct conns *cs, uint32_t conn, struct http_call *call, const struct answer *a);
void api_reply_body(struct conns *cs, uint32_t conn, struct http_call *call, struct http_response *rs,
                    str body);
void api_put_error(struct buf *out, uint16_t status, str sentence);

#endif
