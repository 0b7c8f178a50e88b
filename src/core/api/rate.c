// SPDX-License-Identifier: Apache-2.0
//
// What a key of the API may ask for in a second, over all connections and shards: one token a command, of the bucket at the home of the
// key's print, by leases (edge/lease.h). A request waits for a lease as it waits for a credit.
#include "core/api/api_private.h"

#include "core/edge/lease.h"

static uint64_t print_of(const struct conns *cs, const struct api_key *key)
{
    return print_as(siphash(&cs->cx->settings->hash_key, key->sha256, sizeof key->sha256), PRINT_API_KEY);
}

enum api_paid api_pay(struct conns *cs, uint32_t conn, const struct http_call *call, bool *paid,
                      struct problem *ret_problem)
{
    struct api_key by_token; // which has none
    const struct api_key *key = api_key_of(cs, call, &by_token);
    if (*paid || key == NULL || key->rate.per_s == 0)
        return API_PAID;
    *ret_problem =
        (struct problem){.code = PROBLEM_RATE_LIMITED,
                         .text = "More is asked for with this key than `rate` in its row of `api.keys` "
                                 "allows; wait a moment."};
    switch (lease_take(cs->edge, conn, print_of(cs, key), &key->rate, 1, &ret_problem->retry_ms)) {
    case LEASE_TAKEN:
        *paid = true;
        return API_PAID;
    case LEASE_ASKED:
        return API_PAYS_LATER;
    case LEASE_REFUSED:
        metric_add(&cs->cx->metrics->limit_api_key, 1);
        return API_PAYS_NOT;
    case LEASE_NOMEM:
        break;
    }
    *ret_problem = (struct problem){.code = PROBLEM_UNAVAILABLE,
                                    .text = "The server is out of memory; try again later.",
                                    .retry_ms = 1000};
    return API_PAYS_NOT;
}
