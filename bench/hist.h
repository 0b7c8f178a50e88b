// SPDX-License-Identifier: Apache-2.0
//
// A histogram of durations with a fixed relative error, in the manner of HdrHistogram.
//
// A value is filed by its power of two and by the 7 bits below its leading bit: 128 buckets per octave, so
// every percentile is exact to 0.8 % from 128 ns up to 2^40 ns (18 minutes), and to 1 ns below. Recording is a
// count-leading-zeros and one increment, merging is addition, and nothing is ever sampled or thrown away.

#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 7
#define HIST_SUB (1u << HIST_SUB_BITS)
#define HIST_VALUE_BITS 40
#define HIST_BUCKETS ((HIST_VALUE_BITS - HIST_SUB_BITS + 1) * HIST_SUB)

struct hist {
    uint64_t count;
    uint64_t max;
    uint64_t sum;
    uint64_t bucket[HIST_BUCKETS];
};

static inline uint32_t hist_bucket(uint64_t v)
{
    if (v < HIST_SUB)
        return (uint32_t)v;
    if (v >> HIST_VALUE_BITS)
        return HIST_BUCKETS - 1;
    uint32_t shift = (uint32_t)(63 - __builtin_clzll(v)) - HIST_SUB_BITS;
    return (shift + 1) * HIST_SUB + ((uint32_t)(v >> shift) & (HIST_SUB - 1));
}

static inline void hist_record(struct hist *h, uint64_t v)
{
    h->count++;
    h->sum += v;
    if (v > h->max)
        h->max = v;
    h->bucket[hist_bucket(v)]++;
}

// Adds `from` to `h`.
void hist_merge(struct hist *h, const struct hist *from);

// Sets `ret` to what `now` has more than `before`: the values recorded in between. `max` is then only known to
// bucket precision.
void hist_diff(const struct hist *now, const struct hist *before, struct hist *ret);

// The smallest value that at least `percent` of the recorded values do not exceed (to bucket precision, never
// above the true maximum). 0 for an empty histogram.
uint64_t hist_percentile(const struct hist *h, double percent);

#endif
