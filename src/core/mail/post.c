// SPDX-License-Identifier: Apache-2.0
//
// A mail is copied as the struct it was on the sender's stack, with its strings moved behind it and pointed to
// anew. Rejected: a byte encoding per kind (nothing leaves the process, so nothing needs to be portable).
#include "core/mail/post.h"

static void str_move(str *s, char **to)
{
    if (s->n != 0)
        memcpy(*to, s->p, s->n);
    if (s->p != NULL)
        s->p = *to;
    *to += s->n;
}

// How many strings a mail has: its own, and the command's.
enum {
#define X(field) +1
    ASK_STRS_N = 0 ASK_OWN_STRS(X) COMMAND_STRS(X),
    DIRECT_STRS_N = 0 DIRECT_STRS(X)
#undef X
};

// A rename brings the most of those that must not fail.
_Static_assert(sizeof(struct ask) + USER_ID_MAX + SESSION_ID_LEN + 2UL * USER_NAME_MAX + COMMAND_ID_MAX +
                       ROOM_NAME_MAX <=
                   MEM_ESSENTIAL_MAX,
               "an essential ask fits into a cell of the reserve");
_Static_assert(sizeof(struct answer) <= MEM_ESSENTIAL_MAX, "so does a bare answer");

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

static void *pack_with_strs(struct mem *m, enum mail_kind kind, const void *from, size_t head, str *strs[],
                            size_t n, size_t extra, bool essential)
{
    ASSERT(head >= sizeof(struct mail));
    size_t bytes = head + extra;
    for (size_t i = 0; i < n; i++)
        bytes += strs[i]->n;
    if (bytes > UINT32_MAX)
        return NULL;
    struct mail *to = essential ? mem_alloc_essential(m, bytes) : mem_alloc(m, bytes);
    if (to == NULL)
        return NULL;
    memcpy(to, from, head);
    *to = (struct mail){.bytes = (uint32_t)bytes, .kind = (uint16_t)kind};
    return to;
}

bool post_ask(struct mailroom *mr, uint32_t dest, const struct ask *a)
{
    ASSERT(a->encoding < ENCODINGS_MAX);
    ASSERT(a->conn.shard < mr->cx->shard_count);
    struct ask view = *a;
    view.cmd.token = view.cmd.resume = STR_NONE; // secrets do not travel
    str *strs[ASK_STRS_N];
    ask_strs(&view, strs);
    struct ask *to = pack_with_strs(mr->cx->mem, MAIL_ASK, &view, sizeof view, strs, ASK_STRS_N, 0,
                                    a->dropped || a->essential);
    if (to == NULL)
        return false;
    char *tail = to->tail;
    ask_strs(to, strs);
    for (size_t i = 0; i < ASK_STRS_N; i++)
        str_move(strs[i], &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    mail_post(mr, dest, &to->mail);
    return true;
}

static struct answer *pack_answer(struct mem *m, const struct answer *a)
{
    ASSERT(a->seg_count == 0 || a->segs != NULL);
    struct answer view = *a;
    str *strs[] = {&view.payload};
    size_t segs = a->seg_count * sizeof *a->segs;
    // A long payload can be done without; that there is an answer cannot.
    bool essential = sizeof view + segs + view.payload.n <= MEM_ESSENTIAL_MAX;
    struct answer *to = pack_with_strs(m, MAIL_ANSWER, &view, sizeof view, strs, 1, segs, essential);
    if (to == NULL)
        return NULL;
    to->segs = (struct segment **)(void *)to->tail;
    if (segs != 0)
        memcpy(to->segs, a->segs, segs);
    char *tail = to->tail + segs;
    str_move(&to->payload, &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    return to;
}

void post_answer(struct mailroom *mr, const struct answer *a)
{
    struct answer *mail = pack_answer(mr->cx->mem, a);
    if (mail == NULL) {
        metric_add(&mr->cx->metrics->limit_memory, 1);
        for (uint32_t i = 0; i < a->seg_count; i++)
            segment_unref(mr->cx->mem, a->segs[i]);
        struct answer bare = *a;
        bare.reply_lost = true;
        bare.payload = STR_NONE;
        bare.seg_count = 0;
        mail = pack_answer(mr->cx->mem, &bare);
        ASSERT(mail != NULL); // a bare one is essential
    }
    mail_post(mr, a->conn.shard, &mail->mail);
}

bool post_direct(struct mailroom *mr, uint32_t dest, const struct direct_mail *d)
{
    struct direct_mail view = *d;
    str *strs[DIRECT_STRS_N];
    direct_strs(&view, strs);
    struct direct_mail *to =
        pack_with_strs(mr->cx->mem, MAIL_DIRECT, &view, sizeof view, strs, DIRECT_STRS_N, 0, false);
    if (to == NULL)
        return false;
    char *tail = to->tail;
    direct_strs(to, strs);
    for (size_t i = 0; i < DIRECT_STRS_N; i++)
        str_move(strs[i], &tail);
    ASSERT(tail == (char *)to + to->mail.bytes);
    mail_post(mr, dest, &to->mail);
    return true;
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
    }
    mem_free(mem, m, m->bytes);
}
