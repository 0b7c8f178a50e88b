// SPDX-License-Identifier: Apache-2.0
//
// Meters are looked through once in METERS_LOOK_MS; there are as many as were charged lately.
#include "core/home/meter.h"

struct meter *meter_get(struct prints *t, uint64_t print, const struct rate *rate, uint64_t now_ms)
{
    struct meter *m = prints_find(t, print);
    if (m == NULL) {
        m = prints_make(t, print, now_ms);
        if (m == NULL)
            return NULL;
        m->bucket = bucket_make(rate, now_ms);
    }
    m->rate = *rate;
    bucket_fill(&m->bucket, rate, now_ms);
    return m;
}

static bool over(void *now_ms, void *row)
{
    struct meter *m = row;
    return m->rooms == 0 && bucket_fill(&m->bucket, &m->rate, *(const uint64_t *)now_ms);
}

void meters_expire(struct prints *t, uint64_t now_ms) { prints_look(t, now_ms, over, &now_ms); }
