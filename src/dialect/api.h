// SPDX-License-Identifier: Apache-2.0
//
// api.h - the commands of the HTTP API: the rows of command.h as requests of a backend.
//
//      POST /api/v1/publish   {"room":"lobby","data":"hi"}       the path names the command, the body has its keys
//      POST /api/v1/batch     {"commands":[{"type":"publish",...}, ...]}     there the key `type` does
//
// A command that is NATIVE is one of the API by its row, unless its own connection decides (EDGE), or it is what one does as oneself
// (API_NOT): a backend is nobody, and is in no room. Rows that are HTTP are of the API alone. Bodies are read by the decoder of the native protocol, by the same rows
// of COMMAND_KEYS: there is one reader for the same words.
//
// An answer is the reply of the native protocol without its `type` and `id`; or {"error":{"code","message","retry_ms"?}}, with
// the status that the code's row says (problem.h).
//
// Ownership: constant. Thread: any.
#ifndef PLENUM_DIALECT_API_H
#define PLENUM_DIALECT_API_H

#include "dialect/dialect.h"

#define API_PATH "/api/v1/"

// NATIVE commands that a backend does not have: of a connection or a session (what is said is `publish` there).
#define API_NOT(X) X(JOIN) X(LEAVE) X(SWITCH) X(MESSAGE) X(RENAME)

// What a second request with the same idempotency key does.
enum api_once {
    API_READS,  // nothing changes: the key is not looked at
    API_IN_LOG, // what is said has the key in its record, and the room (of a direct: the user's home) knows it
    API_RECEIPT, // it is answered as the first one was (core/home/receipts.h)
};
enum api_once api_once(enum command_type type);
// The same of one: a `state` may read.
static inline enum api_once api_once_of(const struct command *cmd)
{
    return cmd->type == CMD_STATE && !command_changes(cmd) ? API_READS : api_once(cmd->type);
}

// CMD_NONE where the API has none of that name.
enum command_type api_find(str name);
// The name that may have been meant; NULL = no idea.
const char *api_guess(str name);
bool api_serves(enum command_type type);
// Its data may be bytes, and so its body (api_decode).
bool api_takes_bytes(enum command_type type);
// What a key may is a set of commands: a bit each. `batch` needs none, but what is in it does.
_Static_assert(CMD_COUNT <= 64, "a bit for each command");
static inline uint64_t api_right(enum command_type type)
{
    return type == CMD_BATCH ? 0 : UINT64_C(1) << type;
}

// A body as the command of that type; CMD_NONE: as one of a batch, whose `type` says which. An empty body is one without keys.
// scratch has room for the body. OK, or ERR_SYNTAX with *ret_problem filled.
enum err api_decode(enum command_type type, str body, struct scratch *scratch, struct command *ret,
                    struct problem *ret_problem) WARN_UNUSED;
// A body whose `data` are bytes, in the form of a binary message (docs/protocol/native.md); of a command that takes them. Likewise.
enum err api_decode_bytes(enum command_type type, str body, struct scratch *scratch, struct command *ret,
                          struct problem *ret_problem) WARN_UNUSED;

// An answer that was encoded in JSON, taken apart.
struct api_reply {
    uint16_t status; // 200, or the error's
    bool error;
    uint32_t id; // a number
    str rest;    // behind type and id, up to its end: `"room":"lobby",...}`
};
// What our own encoder has written; ids are numbers.
struct api_reply api_reply_of(str payload);
// As a body: `{"room":...}` or `{"error":{...}}`.
void api_put_reply(struct buf *out, const struct api_reply *r);
// The same for a problem that was found here.
void api_put_problem(struct buf *out, const struct problem *p);

#endif
