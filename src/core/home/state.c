// SPDX-License-Identifier: Apache-2.0
//
// A sorted array of blocks, a key and its value each: a change is a binary search and one block, whatever else there is, and what is
// sent to whoever comes in has one order.
//
// Rejected: the state as one JSON text (each change would write all of it anew).
#include "core/home/state.h"

#include "base/assert.h"
#include "dialect/parts.h"

enum { ROWS_CAP_MIN = 4 };

// Where the key's row is, or would be.
static uint32_t row_place(const struct state *s, str key, bool *ret_found)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (str_cmp(state_row_key(s->rows[mid]), key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < s->n && str_eq(state_row_key(s->rows[low]), key);
    return low;
}

const struct state_row *state_find(const struct state *s, str key)
{
    bool found = false;
    uint32_t at = s != NULL ? row_place(s, key, &found) : 0;
    return found ? s->rows[at] : NULL;
}

str state_key_read(str raw, char scratch[STATE_KEY_MAX])
{
    str key;
    if (json_string_decode(raw, scratch, STATE_KEY_MAX, &key) != OK || key.n == 0)
        return STR_NONE;
    return key;
}

// --- memory

static size_t row_bytes(size_t key_n, size_t value_n) { return sizeof(struct state_row) + key_n + value_n; }

static void row_free(struct mem *m, struct state_row *r) { mem_free(m, r, row_bytes(r->key_n, r->value_n)); }

static struct state_row *row_make(struct mem *m, str key, str value)
{
    struct state_row *r = mem_alloc(m, row_bytes(key.n, value.n));
    if (r == NULL)
        return NULL;
    *r = (struct state_row){.key_n = (uint32_t)key.n, .value_n = (uint32_t)value.n};
    memcpy(r->bytes, key.p, key.n);
    memcpy(r->bytes + key.n, value.p, value.n);
    return r;
}

static bool rows_secure(struct state *s, struct mem *m, uint32_t more)
{
    uint32_t cap = s->cap == 0 ? ROWS_CAP_MIN : s->cap;
    while (cap < s->n + more)
        cap *= 2;
    if (cap == s->cap || more == 0)
        return true;
    struct state_row **rows = mem_realloc(m, s->rows, s->cap * sizeof *rows, cap * sizeof *rows);
    if (rows == NULL)
        return false;
    s->rows = rows;
    s->cap = cap;
    return true;
}

static void rows_drop(struct state *s, struct mem *m)
{
    for (uint32_t i = 0; i < s->n; i++)
        row_free(m, s->rows[i]);
    mem_free(m, s->rows, s->cap * sizeof *s->rows);
    s->rows = NULL;
    s->n = s->cap = 0;
    s->bytes = 0;
}

void state_free(struct state **s, struct mem *m)
{
    if (*s == NULL)
        return;
    ASSERT((*s)->pending == NULL);
    rows_drop(*s, m);
    mem_free(m, *s, sizeof **s);
    *s = NULL;
}

void state_fit(struct state **s, struct mem *m)
{
    if (*s == NULL)
        return;
    for (struct state_row *r = (*s)->pending, *next; r != NULL; r = next) {
        next = r->next;
        row_free(m, r);
    }
    (*s)->pending = NULL;
    if ((*s)->n == 0)
        rows_drop(*s, m);
    if ((*s)->version == 0)
        state_free(s, m);
}

void state_clear(struct state *s, struct mem *m)
{
    if (s != NULL)
        rows_drop(s, m);
}

// The rows that it sets, in its order.
static bool pending_make(struct state *s, struct mem *m, str set, uint32_t *ret_n)
{
    struct state_row **end = &s->pending;
    struct json_member member;
    char scratch[STATE_KEY_MAX];
    for (*ret_n = 0; json_member_next(&set, &member); ++*ret_n) {
        const str key = state_key_of(&member, scratch);
        ASSERT(key.n != 0); // it has been read by state_resolve
        if ((*end = row_make(m, key, member.value)) == NULL)
            return false;
        end = &(*end)->next;
    }
    return true;
}

enum err state_secure(struct state **s, struct mem *m, str result)
{
    str set, unset;
    uint32_t n;
    parts_of_state(result, &set, &unset);
    ASSERT(*s == NULL || (*s)->pending == NULL);
    if (*s == NULL && (*s = mem_zalloc(m, sizeof **s)) == NULL)
        return ERR_NOMEM;
    if (pending_make(*s, m, set, &n) && rows_secure(*s, m, n))
        return OK;
    state_fit(s, m);
    return ERR_NOMEM;
}

// --- effect

static void row_put(struct state *s, struct mem *m, struct state_row *r)
{
    bool found;
    const uint32_t at = row_place(s, state_row_key(r), &found);
    r->next = NULL;
    s->bytes += r->key_n + r->value_n;
    if (found) {
        s->bytes -= s->rows[at]->key_n + s->rows[at]->value_n;
        row_free(m, s->rows[at]);
        s->rows[at] = r;
        return;
    }
    ASSERT(s->n < s->cap);
    memmove(s->rows + at + 1, s->rows + at, (s->n - at) * sizeof *s->rows);
    s->rows[at] = r;
    s->n++;
}

enum err state_take_row(struct state *s, struct mem *m, str key, str value, uint64_t version)
{
    struct state_row *r;
    ASSERT(version != 0 && key.n != 0); // 3
    ASSERT(s->pending == NULL);         // 4
    if (state_find(s, key) != NULL)
        return ERR_LIMIT;
    if (!rows_secure(s, m, 1) || (r = row_make(m, key, value)) == NULL)
        return ERR_NOMEM;
    r->version = version;
    row_put(s, m, r);
    return OK;
}

static void row_remove(struct state *s, struct mem *m, str key)
{
    bool found;
    const uint32_t at = row_place(s, key, &found);
    if (!found)
        return;
    s->bytes -= s->rows[at]->key_n + s->rows[at]->value_n;
    row_free(m, s->rows[at]);
    memmove(s->rows + at, s->rows + at + 1, (s->n - at - 1) * sizeof *s->rows);
    s->n--;
}

void state_apply(struct state *s, struct mem *m, str result, uint64_t version)
{
    char scratch[STATE_KEY_MAX];
    str set, unset, item;
    parts_of_state(result, &set, &unset);
    ASSERT(version > s->version);
    s->version = version;
    for (struct state_row *r = s->pending, *next; r != NULL; r = next) {
        next = r->next;
        r->version = version;
        row_put(s, m, r);
    }
    s->pending = NULL;
    while (json_array_next(&unset, &item))
        row_remove(s, m, state_key_read(item, scratch));
    if (s->n == 0)
        rows_drop(s, m);
}

// --- showing

void state_put(struct buf *out, const struct state *s)
{
    buf_put_char(out, '{');
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        if (i != 0)
            buf_put_char(out, ',');
        json_put_string(out, state_row_key(s->rows[i]));
        buf_put_char(out, ':');
        buf_put_str(out, state_row_value(s->rows[i]));
    }
    buf_put_char(out, '}');
}

void state_put_versions(struct buf *out, const struct state *s)
{
    buf_put_char(out, '{');
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        if (i != 0)
            buf_put_char(out, ',');
        json_put_string(out, state_row_key(s->rows[i]));
        buf_put_char(out, ':');
        buf_put_u64(out, s->rows[i]->version);
    }
    buf_put_char(out, '}');
}

size_t state_json_bytes(const struct state *s)
{
    enum { AROUND = 4 }; // quotes, colon, comma
    return s != NULL ? s->bytes + (uint64_t)s->n * AROUND + 2 : 2;
}

void state_check(const struct state *s)
{
    if (s == NULL)
        return;
    uint64_t bytes = 0;
    ASSERT(s->n <= s->cap);
    ASSERT((s->cap == 0) == (s->rows == NULL));
    ASSERT(s->pending == NULL); // 4
    ASSERT(s->version != 0);    // 3
    for (uint32_t i = 0; i < s->n; i++) {
        const struct state_row *r = s->rows[i];
        ASSERT(r->key_n != 0 && r->key_n <= STATE_KEY_MAX);
        ASSERT(r->value_n != 0);
        ASSERT(r->version != 0 && r->version <= s->version);                            // 3
        ASSERT(i == 0 || str_cmp(state_row_key(s->rows[i - 1]), state_row_key(r)) < 0); // 1
        bytes += r->key_n + r->value_n;
    }
    ASSERT(bytes == s->bytes); // 2
}
