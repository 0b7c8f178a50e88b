// SPDX-License-Identifier: Apache-2.0
//
// token.h - the words between an edge and a helper that checks tokens (core/auth/verifier.h). To core a helper is a port behind
// the shards; signatures cost tens of microseconds each, which no turn has.
//
//      edge                                       helper
//        TOKEN   token, the hello it came with ----->  whose keys, what time, which claims
//        <----- VERDICT  the same hello, and who that is, or why not
//
// A job brings with it what its edge has to know when the verdict comes, so nothing is kept there; the connection may be gone by
// then. Of several helpers an edge always asks the same one for the same token, which remembers it.
//
// The token itself is in TOKEN only. It is wiped where the job ends (mail_discard).
//
// Ownership: as all mail (post.h). Credits: a job takes one of its port, and the verdict brings it back. Thread: any; values only.
#ifndef PLENUM_CORE_MAIL_TOKEN_H
#define PLENUM_CORE_MAIL_TOKEN_H

#include "core/common/ref.h"
#include "core/common/who.h"
#include "core/mail/mailroom.h"

// What is decided about a token.
// clang-format off
#define TOKEN_VERDICTS(X) \
    X(GOOD, good) \
    X(BAD, bad)           /* it is none, or of nobody who is known here */ \
    X(EXPIRED, expired)   /* it was good */ \
    X(BUSY, busy)         /* not looked at, for want of memory */ \
    X(LATER, later)       /* its key is not there, and its issuer can be asked for it later only */
// Strings of a hello that go along, and what a good token says.
#define TOKEN_HELLO(X) X(id) X(name) X(resume)
#define TOKEN_FACTS(X) \
    X(user) X(called)     /* who it is, and the name that is in the token; none: empty; the user of a room's, too */ \
    X(info)               /* JSON that others may see */ \
    X(caps)               /* the claim, as it is checked (core/auth/caps.h); absent: the token does not speak of rights */ \
    X(issuer) X(token_id)
// clang-format on

enum token_verdict {
#define X(upper, lower) TOKEN_##upper,
    TOKEN_VERDICTS(X)
#undef X
        TOKEN_VERDICT_COUNT
};

enum { TOKEN_WHY_MAX = 200 }; // bytes of a refusal's sentence

struct token_mail {
    struct mail mail;
    struct conn_ref conn;
    struct credit credit;
    uint64_t wall_ms;    // by which it is judged
    bool refresh;        // of a session that is there; else of a hello,
    uint32_t kept;       // or, not 0, of a room: the number of the command that brings it (edge/waiting.h)
    uint64_t keys_stamp; // the helper's, which may have it wait for keys (core/auth/verifier.h); 0 at first
    str token;
#define X(field) str field;
    TOKEN_HELLO(X)
#undef X
    char tail[];
};

struct verdict_mail {
    struct mail mail;
    struct conn_ref conn;
    struct credit credit;
    enum token_verdict verdict;
    bool refresh;
    uint32_t kept;
    uint32_t retry_ms;              // LATER: when
    uint64_t issued_ms, expires_ms; // wall
    uint32_t leeway_ms;             // of its issuer
    str why; // BAD, EXPIRED, LATER: a sentence for who made the token; nothing of the token is in it
#define X(field) str field;
    TOKEN_HELLO(X)
    TOKEN_FACTS(X)
#undef X
    char tail[];
};

// What a good token grants; borrows from the verdict.
static inline struct grant verdict_grant(const struct verdict_mail *v)
{
    return (struct grant){.issued_ms = v->issued_ms,
                          .expires_ms = v->expires_ms,
                          .leeway_ms = v->leeway_ms,
#define X(field) .field = v->field,
                          GRANT_STRS(X)
#undef X
    };
}
const char *token_verdict_name(enum token_verdict v);
// The port of the helper that is asked for this token.
static inline uint32_t port_verifier(const struct context *cx, str token)
{
    return cx->shard_count + 1 +
           (uint32_t)(siphash(&cx->settings->hash_key, token.p, token.n) % cx->settings->verifiers);
}

// Copies a job and what it borrows to its helper, with a credit, of which there must be one. False when memory is out.
bool post_token(struct mailroom *mr, const struct token_mail *t) WARN_UNUSED;
// A verdict, for who has no mailroom: the answer of a helper to the edge that the job is from. The job's strings and its credit go
// along; v borrows. NULL when memory is out.
struct verdict_mail *verdict_make(struct mem *mem, const struct token_mail *job,
                                  const struct verdict_mail *v) WARN_UNUSED;
// Its token is no more.
void token_wipe(struct token_mail *t);
// The job's own block becomes a verdict without facts: for want of memory, so that it never fails.
struct verdict_mail *verdict_busy(struct token_mail *job);

#endif
