// SPDX-License-Identifier: Apache-2.0
//
// How each kind of mail is copied (pack.h), and what it holds that is given up with it.
#include "core/mail/post.h"

#include "core/common/invitation.h"
#include "core/mail/pack.h"
#include "core/mail/token.h"
#include <openssl/crypto.h>

// How many strings a mail has: its own, and the command's.
enum {
#define X(field) +1
    ASK_STRS_N = 0 ASK_OWN_STRS(X) COMMAND_STRS(X),
    DIRECT_STRS_N = 0 DIRECT_STRS(X),
    EXPEL_STRS_N = 0 EXPEL_STRS(X),
#undef X
    LASTING_ROOM = 512,
};

_Static_assert(sizeof(struct answer) <= MEM_ESSENTIAL_MAX, "a bare answer fits into a cell of the reserve");
_Static_assert(sizeof(struct depart_mail) + USER_ID_MAX + DEPART_ROOMS_MAX * sizeof(struct ref) <=
                   MEM_ESSENTIAL_MAX,
               "so does a departure");

_Static_assert(sizeof(struct settle_mail) <= MEM_ESSENTIAL_MAX,
               "so does what a request came to, without its body");
_Static_assert(sizeof(struct expel_mail) + USER_ID_MAX + USER_NAME_MAX + REASON_MAX <= MEM_ESSENTIAL_MAX,
               "so does who is to go");

static void ask_strs(struct ask *a, str *ret[ASK_STRS_N])
{
    str *all[] = {
#define X(field) &a->field,
        ASK_OWN_STRS(X)
#undef X
#define X(field) &a->cmd.field,
            COMMAND_STRS(X)
#undef X
    };
    memcpy(ret, all, sizeof all);
}

static void direct_strs(struct direct_mail *d, str *ret[DIRECT_STRS_N])
{
    str *all[] = {
#define X(field) &d->field,
        DIRECT_STRS(X)
#undef X
    };
    memcpy(ret, all, sizeof all);
}

static void expel_strs(struct expel_mail *m, str *ret[EXPEL_STRS_N])
{
    str *all[] = {
#define X(field) &m->field,
        EXPEL_STRS(X)
#undef X
    };
    memcpy(ret, all, sizeof all);
}

void *post_plain(struct mailroom *mr, enum mail_kind kind, size_t bytes)
{
    ASSERT(bytes >= sizeof(struct mail));
    struct mail *mail = mem_alloc_essential(mr->cx->mem, bytes);
    memset(mail, 0, bytes);
    mail->bytes = (uint32_t)bytes;
    mail->kind = (uint16_t)kind;
    return mail;
}

void post_copy(struct mailroom *mr, uint32_t dest, enum mail_kind kind, const void *mail, size_t bytes)
{
    struct mail *to = post_plain(mr, kind, bytes);
    const struct mail head = *to;
    memcpy(to, mail, bytes);
    *to = head;
    mail_post(mr, dest, to);
}

// One that is answered with what it brings about has room for that: a `joined`, a history's list of segments.
struct ask *post_ask_make(struct mailroom *mr, const struct ask *a)
{
    ASSERT(a->encoding < ENCODINGS_MAX);
    ASSERT(a->conn.shard < mr->cx->shard_count);
    struct ask view = *a;
    view.cmd.resume =
        STR_NONE; // secrets do not travel, but for those that the home looks at, which are wiped when it has
    if (!invitation_claimed(view.cmd.token))
        view.cmd.token = STR_NONE;
    str *strs[ASK_STRS_N];
    ask_strs(&view, strs);
    struct ask *to = mail_pack(mr->cx->mem, MAIL_ASK, &view, sizeof view, strs, ASK_STRS_N,
                               a->open ? LASTING_ROOM : 0, false);
    if (to == NULL)
        return NULL;
    char *tail = to->tail;
    ask_strs(to, strs);
    mail_pack_strs(strs, ASK_STRS_N, &tail);
    ASSERT(tail <= (char *)to + to->mail.bytes);
    return to;
}

void post_ask_made(struct mailroom *mr, uint32_t dest, struct ask *a)
{
    if (a->credit.port == 0)
        a->credit = mail_credit_take(mr, dest, a->lasting);
    mail_post(mr, dest, &a->mail);
}

bool post_ask(struct mailroom *mr, uint32_t dest, const struct ask *a)
{
    struct ask *made = post_ask_make(mr, a);
    if (made != NULL)
        post_ask_made(mr, dest, made);
    return made != NULL;
}

static struct answer *pack_answer(struct mem *m, const struct answer *a, bool bare)
{
    ASSERT(a->seg_count == 0 || a->segs != NULL);
    struct answer view = *a;
    str *strs[] = {&view.payload};
    size_t segs = a->seg_count * sizeof *a->segs;
    bool essential = bare || sizeof view + segs + view.payload.n <= a->provided;
    struct answer *to = mail_pack(m, MAIL_ANSWER, &view, sizeof view, strs, 1, segs, essential);
    if (to == NULL)
        return NULL;
    to->segs = (struct segment **)(void *)to->tail;
    if (segs != 0)
        memcpy(to->segs, a->segs, segs);
    char *tail = to->tail + segs;
    mail_pack_strs((str *[]){&to->payload}, 1, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    return to;
}

bool post_answer(struct mailroom *mr, const struct answer *a, bool or_bare)
{
    struct answer *mail = pack_answer(mr->cx->mem, a, false);
    bool whole = mail != NULL;
    if (!whole && !or_bare)
        return false;
    if (!whole) {
        metric_add(&mr->cx->metrics->limit_memory, 1);
        for (uint32_t i = 0; i < a->seg_count; i++)
            segment_unref(mr->cx->mem, a->segs[i]);
        struct answer bare = *a;
        bare.reply_lost = true;
        bare.payload = STR_NONE;
        bare.seg_count = 0;
        mail = pack_answer(mr->cx->mem, &bare, true);
    }
    mail_post(mr, a->conn.shard, &mail->mail);
    return whole;
}

void post_depart(struct mailroom *mr, uint32_t dest, const struct depart_mail *d)
{
    struct depart_mail view = *d;
    str *strs[] = {&view.user};
    size_t rooms = d->room_n * sizeof *d->rooms;
    ASSERT(d->room_n != 0 && d->room_n <= DEPART_ROOMS_MAX);
    struct depart_mail *to = mail_pack(mr->cx->mem, MAIL_DEPART, &view, sizeof view, strs, 1, rooms, true);
    to->rooms = (struct ref *)(void *)to->tail;
    memcpy(to->rooms, d->rooms, rooms);
    char *tail = to->tail + rooms;
    mail_pack_strs((str *[]){&to->user}, 1, &tail);
    mail_post(mr, dest, &to->mail);
}

void post_expel(struct mailroom *mr, uint32_t dest, const struct expel_mail *m)
{
    struct expel_mail view = *m;
    str *strs[EXPEL_STRS_N];
    expel_strs(&view, strs);
    struct expel_mail *to =
        mail_pack(mr->cx->mem, MAIL_EXPEL, &view, sizeof view, strs, EXPEL_STRS_N, 0, true);
    char *tail = to->tail;
    expel_strs(to, strs);
    mail_pack_strs(strs, EXPEL_STRS_N, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    mail_post(mr, dest, &to->mail);
}

bool post_direct(struct mailroom *mr, uint32_t dest, const struct direct_mail *d)
{
    struct direct_mail view = *d;
    str *strs[DIRECT_STRS_N];
    direct_strs(&view, strs);
    struct direct_mail *to =
        mail_pack(mr->cx->mem, MAIL_DIRECT, &view, sizeof view, strs, DIRECT_STRS_N, 0, false);
    if (to == NULL)
        return false;
    char *tail = to->tail;
    direct_strs(to, strs);
    mail_pack_strs(strs, DIRECT_STRS_N, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    mail_post(mr, dest, &to->mail);
    return true;
}

void post_settle(struct mailroom *mr, uint32_t dest, const struct settle_mail *s)
{
    struct settle_mail view = *s;
    str *strs[] = {&view.body};
    ASSERT(s->how != SETTLED_DONE || s->status != 0);
    struct settle_mail *to = NULL;
    if (s->body.n <= RECEIPT_BODY_MAX)
        to = mail_pack(mr->cx->mem, MAIL_SETTLE, &view, sizeof view, strs, 1, 0, s->body.n == 0);
    if (to == NULL) {
        view = (struct settle_mail){.receipt = s->receipt, .how = SETTLED_LOST};
        to = mail_pack(mr->cx->mem, MAIL_SETTLE, &view, sizeof view, strs, 1, 0, true);
    }
    char *tail = to->tail;
    mail_pack_strs((str *[]){&to->body}, 1, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    mail_post(mr, dest, &to->mail);
}

static void invitation_wipe(struct ask *a)
{
    if (a->cmd.token.n != 0)
        OPENSSL_cleanse(a->tail + (a->cmd.token.p - a->tail), a->cmd.token.n);
}

void mail_discard(struct mem *mem, struct mail *m)
{
    if (m == NULL)
        return;
    ASSERT(m->bytes >= sizeof *m);
    if (m->kind == MAIL_ANSWER) {
        struct answer *a = (struct answer *)(void *)m;
        for (uint32_t i = 0; i < a->seg_count; i++)
            segment_unref(mem, a->segs[i]);
    } else if (m->kind == MAIL_ADVANCE) {
        struct advance *a = (struct advance *)(void *)m;
        for (uint32_t i = 0; i < a->seg_count; i++)
            segment_unref(mem, a->segs[i].seg);
    } else if (m->kind == MAIL_ERASE) {
        struct erase_mail *e = (struct erase_mail *)(void *)m;
        for (uint32_t i = 0; i < e->seg_count; i++)
            segment_unref(mem, e->segs[i].seg);
    }
    if (m->kind == MAIL_TOKEN)
        token_wipe((struct token_mail *)(void *)m);
    else if (m->kind == MAIL_SETTLE) // an answer may have a secret in it
        OPENSSL_cleanse(((struct settle_mail *)(void *)m)->tail, m->bytes - sizeof(struct settle_mail));
    else if (m->kind == MAIL_ASK)
        invitation_wipe((struct ask *)(void *)m);
    mem_free(mem, m, m->bytes);
}
