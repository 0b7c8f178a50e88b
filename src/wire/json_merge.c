// SPDX-License-Identifier: Apache-2.0
//
// json_merge.c - walks patch and target side by side and writes the result as it goes; no tree.
//
// Each level of a patch is a run of rows on one stack, taken off when the level is done. An object of the target is walked twice: once
// to find what the keys of the patch stand for in it (the last one of a name counts), and once to write it. A level walks what
// lies in it, so the whole costs at most the depth times the length, and members of the target times members of the patch.
//
// Rejected: a table by hash (patches have a handful of members, and a hash that is not keyed can be made to collide).
#include "wire/json_merge.h"

#include "wire/json.h"
#include "wire/json_key.h"

struct row {
    struct json_member patch;
    str target; // what the key stands for in the target; n == 0: nothing
    bool done;
};

struct work {
    struct row rows[JSON_MERGE_MEMBERS_MAX];
    size_t n;
    unsigned depth;
    struct buf *out;
};

static struct row *row_find(struct work *w, size_t from, size_t to, const struct json_member *m)
{
    for (size_t i = from; i < to; i++) {
        const struct json_member *p = &w->rows[i].patch;
        if (json_keys_equal(p->key, p->key_escaped, m->key, m->key_escaped))
            return &w->rows[i];
    }
    return NULL;
}

static enum err rows_push(struct work *w, str patch)
{
    const size_t from = w->n;
    struct json_member m;
    while (json_member_next(&patch, &m)) {
        if (w->n == JSON_MERGE_MEMBERS_MAX)
            return ERR_LIMIT;
        if (row_find(w, from, w->n, &m) != NULL)
            return ERR_EXISTS;
        w->rows[w->n++] = (struct row){.patch = m};
    }
    return OK;
}

static void put_key(struct work *w, bool *first, str key)
{
    if (!*first)
        buf_put_char(w->out, ',');
    *first = false;
    buf_put_char(w->out, '"');
    buf_put_str(w->out, key);
    BUF_PUT_LIT(w->out, "\":");
}

static enum err merge_value(struct work *w, str target, const struct json_member *patch);

// What a row comes to: nothing, where the patch takes it away.
static enum err merge_row(struct work *w, struct row *r, bool *first, str key)
{
    r->done = true;
    if (r->patch.kind == JSON_NULL)
        return OK;
    put_key(w, first, key);
    return merge_value(w, r->target, &r->patch);
}

static enum err merge_target(struct work *w, size_t from, size_t to, str target, bool *first)
{
    struct json_member m;
    for (str rest = target; json_member_next(&rest, &m);) {
        struct row *r = row_find(w, from, to, &m);
        if (r != NULL)
            r->target = m.value;
    }
    for (str rest = target; json_member_next(&rest, &m);) {
        struct row *r = row_find(w, from, to, &m);
        enum err e = OK;
        if (r == NULL) {
            put_key(w, first, m.key);
            buf_put_str(w->out, m.value);
        } else if (!r->done) {
            e = merge_row(w, r, first, m.key);
        }
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err merge_object(struct work *w, str target, str patch)
{
    const size_t from = w->n;
    bool first = true;
    enum err e = rows_push(w, patch);
    const size_t to = w->n;
    buf_put_char(w->out, '{');
    if (e == OK && target.n != 0 && json_kind_of(target) == JSON_OBJECT)
        e = merge_target(w, from, to, target, &first);
    for (size_t i = from; i < to && e == OK; i++)
        if (!w->rows[i].done)
            e = merge_row(w, &w->rows[i], &first, w->rows[i].patch.key);
    buf_put_char(w->out, '}');
    w->n = from;
    return e;
}

// What is no object takes the place of whatever was there.
static enum err merge_value(struct work *w, str target, const struct json_member *patch)
{
    if (patch->kind != JSON_OBJECT) {
        buf_put_str(w->out, patch->value);
        return OK;
    }
    if (w->depth == JSON_DEPTH_MAX)
        return ERR_LIMIT;
    w->depth++;
    enum err e = merge_object(w, target, patch->value);
    w->depth--;
    return e;
}

enum err json_merge(str target, str patch, struct buf *out)
{
    ASSERT(patch.n != 0);
    const size_t before = out->n;
    struct work w; // its rows are written before they are read
    w.n = 0;
    w.depth = 0;
    w.out = out;
    const struct json_member whole = {.value = patch, .kind = (uint8_t)json_kind_of(patch)};
    enum err e = merge_value(&w, target, &whole);
    if (e != OK)
        return e;
    ASSERT(w.n == 0);
    ASSERT(!buf_ok(out) || out->n - before <= target.n + patch.n);
    return buf_ok(out) ? OK : ERR_NOMEM;
}
