// SPDX-License-Identifier: Apache-2.0
//
// resume.h - the identity of a session as a token that the client keeps; see resume.c for its form.
//
// Thread: any; values only.
#ifndef PLENUM_CORE_EDGE_RESUME_H
#define PLENUM_CORE_EDGE_RESUME_H

#include "core/common/who.h"

struct identity {
    char session[SESSION_ID_LEN];
    uint8_t tenant; // whose (common/tenant.h); a token does not say, but by the user
    str user, name; // borrow from the buffer given
    bool granted;   // the session was made with a token:
    struct grant grant;
};
// ERR_NOMEM where libcrypto found no memory (wire/digest.h).
enum err resume_token_make(const struct context *cx, const struct session *s, char ret[RESUME_TOKEN_MAX],
                           size_t *ret_n) WARN_UNUSED;
// ERR_SYNTAX: not a token of ours; ERR_DENIED: too old; ERR_NOMEM: it could not be looked at.
enum err resume_token_open(const struct context *cx, str token, uint8_t buffer[RESUME_TOKEN_MAX],
                           struct identity *ret) WARN_UNUSED;

#endif
