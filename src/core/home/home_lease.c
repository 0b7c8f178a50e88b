// SPDX-License-Identifier: Apache-2.0
//
// The bucket of somebody whose connections are spread over shards, at the home of their print: it is handed out to the shards that
// ask (core/edge/lease.h), never more of it at once than a part of what is there, so that one shard does not hold what another
// wants; and at least a token.
#include "core/home/home.h"

enum { LEASE_PART = 2, NOMEM_RETRY_MS = 1000 };

// What is handed out of what is there, in thousandths: whole tokens, since a part of one serves nobody.
static int32_t part_of(const struct home *h, int32_t there, int32_t wanted)
{
    int32_t part = there / (int32_t)(LEASE_PART * h->cx->shard_count);
    part = part > BUCKET_TOKEN ? part - part % BUCKET_TOKEN : BUCKET_TOKEN;
    return part < wanted ? part : wanted;
}

void home_on_lease(struct home *h, const struct lease_mail *in)
{
    struct meter *m = meter_get(&h->meters, in->print, &in->rate, h->cx->now_ms);
    struct lease_mail out = {.print = in->print, .retry_ms = NOMEM_RETRY_MS};
    ASSERT(in->shard < h->cx->shard_count);
    ASSERT(in->tokens >= 0);
    if (m != NULL) {
        bucket_give_back(&m->bucket, &in->rate, in->unused);
        bucket_lend(&m->bucket, in->owed);
        out.retry_ms = bucket_wait_ms(&m->bucket, &in->rate);
    } else {
        metric_add(&h->cx->metrics->limit_memory, 1);
        out.memory = true;
    }
    if (out.retry_ms == 0) {
        out.tokens = part_of(h, m->bucket.tokens, in->tokens);
        bucket_lend(&m->bucket, out.tokens);
    }
    if (in->tokens != 0)
        post_copy(h->mail, in->shard, MAIL_LEASED, &out, sizeof out);
}
