// SPDX-License-Identifier: Apache-2.0
#include "core/log/deflating.h"

void deflating_init(struct deflating *d, const struct context *cx)
{
    *d = (struct deflating){.cx = cx, .turn_left = DEFLATE_TURN_BYTES};
}

void deflating_deinit(struct deflating *d)
{
    for (size_t i = 0; i < sizeof d->deflaters / sizeof d->deflaters[0]; i++)
        deflater_destroy(d->deflaters[i]);
    inflater_destroy(d->inflater);
    *d = (struct deflating){0};
}

void deflating_tidy(struct deflating *d)
{
    for (size_t i = 0; i < sizeof d->deflaters / sizeof d->deflaters[0]; i++)
        deflater_wipe(d->deflaters[i]);
    inflater_wipe(d->inflater);
    d->turn_left = DEFLATE_TURN_BYTES;
}

static struct deflater *deflater_of(struct deflating *d, uint8_t window)
{
    ASSERT(window >= DEFLATE_WINDOW_MIN && window <= DEFLATE_WINDOW_MAX);
    ASSERT(d->cx->settings->deflate != NULL);
    struct deflater **at = &d->deflaters[window - DEFLATE_WINDOW_MIN];
    if (*at == NULL)
        *at = deflater_create(d->cx->settings->deflate, window);
    return *at;
}

size_t deflating_payload(struct deflating *d, uint8_t window, struct buf *b, size_t at, size_t n)
{
    struct metrics *m = d->cx->metrics;
    ASSERT(at <= b->n && n <= b->n - at);
    if (n < d->cx->settings->deflate_min_bytes)
        return 0;
    const size_t cost = n + DEFLATE_COST_BYTES;
    struct deflater *deflater = cost <= d->turn_left ? deflater_of(d, window) : NULL;
    if (deflater == NULL) {
        metric_add(&m->deflate_put_off, 1);
        return 0;
    }
    d->turn_left -= (uint32_t)cost;
    const size_t made = deflater_message(deflater, b, str_make(b->p + at, n));
    ASSERT(made < n);
    metric_add(&m->deflated, 1);
    metric_add(&m->deflated_bytes_in, n);
    metric_add(&m->deflated_bytes_out, made != 0 ? made : n);
    return made;
}

struct inflater *deflating_inflater(struct deflating *d)
{
    ASSERT(d->cx->settings->deflate != NULL);
    if (d->inflater == NULL)
        d->inflater = inflater_create(d->cx->settings->deflate);
    return d->inflater;
}

void deflating_check(const struct deflating *d)
{
    ASSERT(d->turn_left <= DEFLATE_TURN_BYTES);
    ASSERT(d->inflater == NULL || d->cx->settings->deflate != NULL);
    for (size_t i = 0; i < sizeof d->deflaters / sizeof d->deflaters[0]; i++)
        ASSERT(d->deflaters[i] == NULL || d->cx->settings->deflate != NULL);
}
