// SPDX-License-Identifier: Apache-2.0
//
// See hist.h. A percentile reports its bucket's upper edge: an error makes the figure worse, never better.

#include "hist.h"

#include <math.h>
#include <string.h>

static uint64_t hist_upper_edge(uint32_t bucket)
{
    if (bucket < HIST_SUB)
        return bucket;
    uint32_t shift = bucket / HIST_SUB - 1;
    uint64_t low = (uint64_t)(HIST_SUB + bucket % HIST_SUB) << shift;
    return low + ((uint64_t)1 << shift) - 1;
}

void hist_merge(struct hist *h, const struct hist *from)
{
    h->count += from->count;
    h->sum += from->sum;
    if (from->max > h->max)
        h->max = from->max;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        h->bucket[i] += from->bucket[i];
}

void hist_diff(const struct hist *now, const struct hist *before, struct hist *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->count = now->count - before->count;
    ret->sum = now->sum - before->sum;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        ret->bucket[i] = now->bucket[i] - before->bucket[i];
        if (ret->bucket[i])
            ret->max = hist_upper_edge(i);
    }
    if (ret->max > now->max)
        ret->max = now->max;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil(percent / 100.0 * (double)h->count);
    if (rank < 1)
        rank = 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank) {
            uint64_t edge = hist_upper_edge(i);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}
