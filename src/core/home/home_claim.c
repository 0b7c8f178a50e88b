// SPDX-License-Identifier: Apache-2.0
//
// Claims of requests with an idempotency key (core/mail/receipt.h): asked here, at the home of the key, before they are carried out.
#include "core/home/home.h"

enum { EXPIRED_MAX = 1024 }; // of a turn

// Keys are spread over the shards by a secret hash, so each has its part of what one may have.
static struct receipts_limits limits_of(const struct home *h)
{
    const struct settings *s = h->cx->settings;
    const uint32_t shards = h->cx->shard_count;
    return (struct receipts_limits){.window_ms = s->idempotency_ms,
                                    .keys = (s->api_idempotency_keys + shards - 1) / shards,
                                    .bytes = s->api_idempotency_bytes / RECEIPTS_HOLDERS / shards};
}

static void tell(struct home *h, const struct ask *a, enum claimed claimed, uint32_t index)
{
    struct answer ans = {.effect = EFFECT_CLAIMED,
                         .conn = a->conn,
                         .encoding = a->encoding,
                         .credit = a->credit,
                         .claim = a->claim,
                         .provided = a->mail.bytes,
                         .claimed = (uint8_t)claimed,
                         .receipt = REF_NONE};
    bool granted = claimed == CLAIMED_GRANTED;
    if (granted)
        ans.receipt = (struct ref){index, slab_gen(&h->receipts.rows, index)};
    if (granted || claimed == CLAIMED_DONE) {
        const struct receipt *r = receipt_at(&h->receipts, index);
        ans.payload = r->kept != NULL ? r->kept->body : STR_NONE;
        ans.status = r->kept != NULL ? r->kept->status : 0;
    }
    if (post_answer(h->mail, &ans, false))
        return;
    if (granted)
        receipts_take_back(&h->receipts, index, h->cx->now_ms);
    tell(h, a, CLAIMED_NOMEM, SLAB_NONE);
}

void home_claim(struct home *h, const struct ask *a)
{
    const struct receipts_limits l = limits_of(h);
    const struct receipt_claim c = {
        .print = a->user_print, .fingerprint = a->fingerprint, .holder = a->session_print};
    uint32_t index = SLAB_NONE;
    ASSERT(home_of(h->cx, a->user_print.lo) == h->cx->index);
    enum claimed claimed = receipts_claim(&h->receipts, &c, &l, h->cx->now_ms, &index);
    metric_add(&h->cx->metrics->replayed, claimed == CLAIMED_DONE);
    metric_add(&h->cx->metrics->limit_receipts, claimed == CLAIMED_FULL);
    metric_add(&h->cx->metrics->limit_memory, claimed == CLAIMED_NOMEM);
    tell(h, a, claimed, index);
}

void home_on_settle(struct home *h, struct settle_mail *s)
{
    const struct receipts_limits l = limits_of(h);
    receipts_settle(&h->receipts, s, &l, h->cx->now_ms);
    metric_set(&h->cx->metrics->receipts, h->receipts.rows.count);
}

void home_receipts_turn(struct home *h)
{
    const uint32_t window_ms = h->cx->settings->idempotency_ms;
    if (h->cx->now_ms < receipts_due_ms(&h->receipts, window_ms))
        return;
    (void)receipts_expire(&h->receipts, window_ms, h->cx->now_ms, EXPIRED_MAX);
    metric_set(&h->cx->metrics->receipts, h->receipts.rows.count);
}

uint64_t home_receipts_due_ms(const struct home *h)
{
    return receipts_due_ms(&h->receipts, h->cx->settings->idempotency_ms);
}
