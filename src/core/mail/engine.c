// SPDX-License-Identifier: Apache-2.0
#include "core/mail/engine.h"

#include "base/buf.h"

void engine_put_record(struct buf *out, str record)
{
    uint32_t n = (uint32_t)record.n;
    buf_put(out, &n, sizeof n);
    buf_put_str(out, record);
}

void engine_put_run(struct buf *out, const struct engine_run *run)
{
    buf_put(out, &run->proposer, sizeof run->proposer);
    buf_put(out, &run->seq, sizeof run->seq);
    buf_put(out, &run->index, sizeof run->index);
    buf_put(out, &run->count, sizeof run->count);
}

static bool take(str *from, void *ret, size_t n)
{
    if (from->n < n)
        return false;
    memcpy(ret, from->p, n);
    *from = str_make(from->p + n, from->n - n);
    return true;
}

bool engine_take_record(str *from, str *ret)
{
    uint32_t n;
    if (!take(from, &n, sizeof n) || from->n < n)
        return false;
    *ret = str_make(from->p, n);
    *from = str_make(from->p + n, from->n - n);
    return true;
}

bool engine_take_run(str *from, struct engine_run *ret)
{
    return take(from, &ret->proposer, sizeof ret->proposer) && take(from, &ret->seq, sizeof ret->seq) &&
           take(from, &ret->index, sizeof ret->index) && take(from, &ret->count, sizeof ret->count);
}

struct engine_mail *engine_mail_make(struct mem *mem, const struct engine_mail *m)
{
    size_t bytes = sizeof *m + m->name.n + m->records.n;
    struct engine_mail *to = bytes <= UINT32_MAX ? mem_alloc(mem, bytes) : NULL;
    if (to == NULL)
        return NULL;
    memcpy(to, m, sizeof *m);
    to->mail = (struct mail){.bytes = (uint32_t)bytes, .kind = MAIL_ENGINE};
    if (m->name.n != 0)
        memcpy(to->tail, m->name.p, m->name.n);
    to->name = str_make(to->tail, m->name.n);
    if (m->records.n != 0)
        memcpy(to->tail + m->name.n, m->records.p, m->records.n);
    to->records = str_make(to->tail + m->name.n, m->records.n);
    return to;
}

bool post_engine(struct mailroom *mr, uint32_t dest, const struct engine_mail *m)
{
    struct engine_mail *to = engine_mail_make(mr->cx->mem, m);
    if (to != NULL)
        mail_post(mr, dest, &to->mail);
    return to != NULL;
}
