// SPDX-License-Identifier: Apache-2.0
#include "core/mail/token.h"

#include "core/mail/pack.h"
#include "core/mail/post.h"

#include <openssl/crypto.h>

enum {
#define X(field) +1
    HELLO_STRS_N = 0 TOKEN_HELLO(X),
    FACT_STRS_N = 0 TOKEN_FACTS(X),
#undef X
    VERDICT_STRS_N = 1 + HELLO_STRS_N + FACT_STRS_N,
};

// A verdict that says nothing fits into what its job was: it needs no memory.
_Static_assert(sizeof(struct verdict_mail) >= sizeof(struct token_mail), "TOKEN_ROOM makes up for this");
enum { TOKEN_ROOM = sizeof(struct verdict_mail) - sizeof(struct token_mail) };

const char *token_verdict_name(enum token_verdict v)
{
    static const char *const names[] = {
#define X(upper, lower) [TOKEN_##upper] = #lower,
        TOKEN_VERDICTS(X)
#undef X
    };
    ASSERT(v < TOKEN_VERDICT_COUNT);
    return names[v];
}

static void token_strs(struct token_mail *t, str *ret[1 + HELLO_STRS_N])
{
    str *all[] = {&t->token,
#define X(field) &t->field,
                  TOKEN_HELLO(X)
#undef X
    };
    memcpy(ret, all, sizeof all);
}

static void verdict_strs(struct verdict_mail *v, str *ret[VERDICT_STRS_N])
{
    str *all[] = {&v->why,
#define X(field) &v->field,
                  TOKEN_HELLO(X) TOKEN_FACTS(X)
#undef X
    };
    memcpy(ret, all, sizeof all);
}

bool post_token(struct mailroom *mr, const struct token_mail *t)
{
    uint32_t dest = port_verifier(mr->cx, t->token);
    struct token_mail view = *t;
    str *strs[1 + HELLO_STRS_N];
    ASSERT(t->token.n != 0);
    token_strs(&view, strs);
    struct token_mail *to =
        mail_pack(mr->cx->mem, MAIL_TOKEN, &view, sizeof view, strs, 1 + HELLO_STRS_N, TOKEN_ROOM, false);
    if (to == NULL)
        return false;
    char *tail = to->tail;
    token_strs(to, strs);
    mail_pack_strs(strs, 1 + HELLO_STRS_N, &tail);
    ASSERT(tail + TOKEN_ROOM == (char *)to + to->mail.bytes);
    to->credit = mail_credit_take(mr, dest, false);
    mail_post(mr, dest, &to->mail);
    return true;
}

void token_wipe(struct token_mail *t)
{
    if (t->token.n != 0)
        OPENSSL_cleanse(t->tail + (t->token.p - t->tail), t->token.n);
}

struct verdict_mail *verdict_make(struct mem *mem, const struct token_mail *job, const struct verdict_mail *v)
{
    struct verdict_mail view = *v;
    str *strs[VERDICT_STRS_N];
    view.conn = job->conn;
    view.credit = job->credit;
    view.refresh = job->refresh;
    view.kept = job->kept;
#define X(field) view.field = job->field;
    TOKEN_HELLO(X)
#undef X
    verdict_strs(&view, strs);
    struct verdict_mail *to =
        mail_pack(mem, MAIL_VERDICT, &view, sizeof view, strs, VERDICT_STRS_N, 0, false);
    if (to == NULL)
        return NULL;
    char *tail = to->tail;
    verdict_strs(to, strs);
    mail_pack_strs(strs, VERDICT_STRS_N, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    return to;
}

struct verdict_mail *verdict_busy(struct token_mail *job)
{
    token_wipe(job);
    const struct token_mail was = *job;
    struct verdict_mail *v = (struct verdict_mail *)(void *)job;
    char *tail = v->tail;
    ASSERT(was.mail.bytes >= sizeof *v);
    size_t n = 0;
#define X(field) n += was.field.n;
    TOKEN_HELLO(X)
#undef X
    // The hello's strings lie one behind the other, behind the token, and move up.
    memmove(tail, job->tail + was.token.n, n);
    *v = (struct verdict_mail){.mail = {.bytes = was.mail.bytes, .kind = MAIL_VERDICT},
                               .conn = was.conn,
                               .credit = was.credit,
                               .refresh = was.refresh,
                               .kept = was.kept,
                               .verdict = TOKEN_BUSY};
#define X(field)                                \
    if (was.field.p != NULL) {                  \
        v->field = str_make(tail, was.field.n); \
        tail += was.field.n;                    \
    }
    TOKEN_HELLO(X)
#undef X
    return v;
}
