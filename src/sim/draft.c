// SPDX-License-Identifier: Apache-2.0
#include "sim/draft.h"

#include "wire/json.h"

struct draft draft_make(struct world *w, const char *type, const struct asked *a)
{
    struct draft d;
    buf_init(&d.b, &w->scratch_mem, 0);
    BUF_PUT_LIT(&d.b, "{\"type\":\"");
    buf_put_str(&d.b, str_from_cstr(type));
    buf_put_char(&d.b, '"');
    if (a != NULL && a->id != 0) {
        BUF_PUT_LIT(&d.b, ",\"id\":");
        if (a->id % 3 == 0)
            BUF_PUT_LIT(&d.b, "\"c");
        buf_put_u64(&d.b, a->id);
        if (a->id % 3 == 0)
            buf_put_char(&d.b, '"');
    }
    return d;
}

void draft_key(struct draft *d, const char *key)
{
    BUF_PUT_LIT(&d->b, ", \"");
    buf_put_str(&d->b, str_from_cstr(key));
    BUF_PUT_LIT(&d->b, "\" : ");
}

void draft_string(struct draft *d, const char *key, const char *value)
{
    draft_key(d, key);
    json_put_string(&d->b, str_from_cstr(value));
}

void draft_number(struct draft *d, const char *key, uint64_t value)
{
    draft_key(d, key);
    buf_put_u64(&d->b, value);
}

void draft_send(struct world *w, struct client *c, struct draft *d)
{
    buf_put_char(&d->b, '}');
    ASSERT(buf_ok(&d->b));
    say_frame(w, c, WS_TEXT, buf_str(&d->b));
    buf_deinit(&d->b);
}

void draft_since(struct world *w, struct draft *d, const struct asked *a)
{
    draft_key(d, "since");
    BUF_PUT_LIT(&d->b, "{\"epoch\":");
    json_put_string(&d->b, str_from_cstr(truth_numbering(w, a->room, a->since_epoch)->epoch));
    draft_number(d, "offset", a->since);
    buf_put_char(&d->b, '}');
}
