// SPDX-License-Identifier: Apache-2.0
//
// What is proposed, and what it comes to against the state as it is. Nothing is changed here.
//
// Rejected: to keep what a record proposed in the log (whoever reads the log would need the state as it was to know what came of it).
#include "core/home/state.h"

#include "base/assert.h"
#include "wire/json_merge.h"

// --- what is said of it

// The parts of a proposal or a result, raw; what is not there is absent.
struct change_parts {
    str set, unset, merge, if_version, limits;
};

// False where it is no such thing.
static bool parts_read(str data, struct change_parts *ret)
{
    struct json_member m[8];
    size_t n;
    *ret = (struct change_parts){.set = STR_NONE};
    if (json_object_scan(data, m, sizeof m / sizeof m[0], &n, NULL) != OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        const bool object = m[i].kind == JSON_OBJECT;
        if (json_key_is(&m[i], STR("set")) && object)
            ret->set = m[i].value;
        else if (json_key_is(&m[i], STR("merge")) && object)
            ret->merge = m[i].value;
        else if (json_key_is(&m[i], STR("unset")) && m[i].kind == JSON_ARRAY)
            ret->unset = m[i].value;
        else if (json_key_is(&m[i], STR("if_version")) && (object || m[i].kind == JSON_NUMBER))
            ret->if_version = m[i].value;
        else if (json_key_is(&m[i], STR("limits")) && object)
            ret->limits = m[i].value;
        else
            return false;
    }
    return true;
}

// What is to be done, key by key: those that are set, then those that are merged, then those that go.
struct changes {
    struct json_member v[STATE_CHANGES_MAX];
    size_t set_n, merge_end, n;
};

static enum state_fault change_push(struct changes *c, const struct json_member *m)
{
    char scratch[STATE_KEY_MAX], other[STATE_KEY_MAX];
    str key = state_key_of(m, scratch);
    if (key.n == 0)
        return STATE_NAME;
    if (c->n == STATE_CHANGES_MAX)
        return STATE_MANY;
    for (size_t i = 0; i < c->n; i++)
        if (!c->v[i].key_escaped ? str_eq(c->v[i].key, key) : str_eq(state_key_of(&c->v[i], other), key))
            return STATE_TWICE;
    c->v[c->n++] = *m;
    return STATE_FINE;
}

static enum state_fault changes_push(struct changes *c, str object)
{
    enum state_fault fault = STATE_FINE;
    struct json_member m;
    while (fault == STATE_FINE && json_member_next(&object, &m))
        fault = change_push(c, &m);
    return fault;
}

static enum state_fault unsets_push(struct changes *c, str array)
{
    enum state_fault fault = STATE_FINE;
    str item;
    while (fault == STATE_FINE && json_array_next(&array, &item)) {
        if (json_kind_of(item) != JSON_STRING)
            return STATE_MALFORMED;
        const str inner = str_make(item.p + 1, item.n - 2);
        const struct json_member m = {
            .key = inner, .kind = JSON_NULL, .key_escaped = str_find_char(inner, '\\', 0) != inner.n};
        fault = change_push(c, &m);
    }
    return fault;
}

static enum state_fault changes_read(const struct change_parts *p, struct changes *ret)
{
    ret->n = 0;
    enum state_fault fault = changes_push(ret, p->set);
    ret->set_n = ret->n;
    if (fault == STATE_FINE)
        fault = changes_push(ret, p->merge);
    ret->merge_end = ret->n;
    return fault == STATE_FINE ? unsets_push(ret, p->unset) : fault;
}

// --- what comes of it

static bool refuse(struct state_verdict *v, enum state_fault fault, uint64_t version, uint64_t limit)
{
    *v = (struct state_verdict){.fault = fault, .version = version, .limit = limit};
    return false;
}

static bool in_its_place(const struct state *s, str if_version, struct state_verdict *v)
{
    uint64_t wanted;
    struct json_member m;
    char scratch[STATE_KEY_MAX];
    if (if_version.n == 0)
        return true;
    if (json_kind_of(if_version) == JSON_NUMBER) {
        if (!json_u64_decode(if_version, UINT64_MAX, &wanted))
            return refuse(v, STATE_MALFORMED, 0, 0);
        return wanted == state_version(s) ? true : refuse(v, STATE_MOVED, state_version(s), 0);
    }
    for (size_t n = 0; json_member_next(&if_version, &m); n++) {
        const str key = state_key_of(&m, scratch);
        const struct state_row *r = state_find(s, key);
        const uint64_t is = r != NULL ? r->version : 0;
        if (n == STATE_CHANGES_MAX)
            return refuse(v, STATE_MANY, 0, 0);
        if (key.n == 0)
            return refuse(v, STATE_NAME, 0, 0);
        if (!json_u64_decode(m.value, UINT64_MAX, &wanted))
            return refuse(v, STATE_MALFORMED, 0, 0);
        if (wanted != is)
            return refuse(v, STATE_KEY_MOVED, is, 0);
    }
    return true;
}

static struct state_limits limits_read(str raw)
{
    struct state_limits l = {STATE_KEYS_CEILING, STATE_BYTES_CEILING, STATE_BYTES_CEILING};
    struct json_member m;
    uint64_t v;
    while (json_member_next(&raw, &m)) {
        if (!json_u64_decode(m.value, STATE_BYTES_CEILING, &v))
            continue;
        if (json_key_is(&m, STR("keys")))
            l.keys = (uint32_t)v;
        else if (json_key_is(&m, STR("bytes")))
            l.bytes = (uint32_t)v;
        else if (json_key_is(&m, STR("value")))
            l.value = (uint32_t)v;
    }
    return l;
}

// A result as it is written, and what the state would come to by it.
struct making {
    const struct state *s;
    struct state_limits limits;
    struct buf *out;
    uint64_t n, bytes;
    size_t sets, unsets;
};

// What a key is to have, behind what out holds: the merge patch is worked out there.
static enum err put_wanted(struct making *k, const struct json_member *m, bool merge,
                           const struct state_row *r)
{
    if (!merge) {
        buf_put_str(k->out, m->value);
        return buf_ok(k->out) ? OK : ERR_NOMEM;
    }
    return json_merge(r != NULL ? state_row_value(r) : STR_NONE, m->value, k->out);
}

static bool make_set(struct making *k, const struct json_member *m, bool merge, enum err *ret_err,
                     struct state_verdict *v)
{
    char scratch[STATE_KEY_MAX];
    const str key = state_key_of(m, scratch);
    const struct state_row *r = state_find(k->s, key);
    const size_t before = k->out->n;
    buf_put_str(k->out, k->sets == 0 ? STR("\"set\":{") : STR(","));
    json_put_string(k->out, key);
    buf_put_char(k->out, ':');
    const size_t from = k->out->n;
    enum err e = put_wanted(k, m, merge, r);
    if (e == ERR_LIMIT || e == ERR_EXISTS)
        return refuse(v, e == ERR_LIMIT ? STATE_MANY : STATE_TWICE, 0, 0);
    if (e != OK) {
        *ret_err = e;
        return false;
    }
    const str value = str_make(k->out->p + from, k->out->n - from);
    if (r != NULL && str_eq(value, state_row_value(r))) {
        buf_cut(k->out, before);
        return true;
    }
    if (value.n > k->limits.value)
        return refuse(v, STATE_VALUE, 0, k->limits.value);
    k->sets++;
    k->n += r == NULL;
    k->bytes += value.n + (r == NULL ? key.n : 0);
    k->bytes -= r != NULL ? r->value_n : 0;
    return true;
}

static void make_unset(struct making *k, const struct json_member *m)
{
    char scratch[STATE_KEY_MAX];
    const str key = state_key_of(m, scratch);
    const struct state_row *r = state_find(k->s, key);
    if (r == NULL)
        return;
    buf_put_str(k->out,
                k->unsets == 0 ? (k->sets == 0 ? STR("\"unset\":[") : STR(",\"unset\":[")) : STR(","));
    json_put_string(k->out, key);
    k->unsets++;
    k->n--;
    k->bytes -= r->key_n + r->value_n;
}

static bool make_result(struct making *k, const struct changes *c, enum err *ret_err, struct state_verdict *v)
{
    const uint64_t n = k->n, bytes = k->bytes;
    buf_put_char(k->out, '{');
    for (size_t i = 0; i < c->merge_end; i++) {
        const bool merge = i >= c->set_n;
        if (!(merge && c->v[i].kind == JSON_NULL) && !make_set(k, &c->v[i], merge, ret_err, v))
            return false;
    }
    if (k->sets != 0)
        buf_put_char(k->out, '}');
    for (size_t i = c->set_n; i < c->n; i++)
        if (c->v[i].kind == JSON_NULL)
            make_unset(k, &c->v[i]);
    buf_put_str(k->out, k->unsets != 0 ? STR("]}") : STR("}"));
    if (k->n > k->limits.keys && k->n > n)
        return refuse(v, STATE_KEYS, 0, k->limits.keys);
    if (k->bytes > k->limits.bytes && k->bytes > bytes)
        return refuse(v, STATE_BYTES, 0, k->limits.bytes);
    return true;
}

// What was made by somebody else, and may be anything.
static void judge_result(const struct state *s, const struct change_parts *p, enum state_fault read,
                         uint64_t version, struct state_verdict *ret)
{
    const uint64_t next = state_version(s) + 1;
    if (p->merge.n != 0 || p->if_version.n != 0)
        read = STATE_MALFORMED;
    *ret = (struct state_verdict){.fault = read, .version = version > next ? version : next};
}

enum err state_resolve(const struct state *s, str data, uint64_t version, struct buf *out,
                       struct state_verdict *ret)
{
    struct change_parts p;
    struct changes c;
    enum err e = OK;
    enum state_fault read = parts_read(data, &p) ? changes_read(&p, &c) : STATE_MALFORMED;
    if (version != 0) {
        judge_result(s, &p, read, version, ret);
        return OK;
    }
    *ret = (struct state_verdict){.fault = read};
    if (read != STATE_FINE || !in_its_place(s, p.if_version, ret))
        return OK;
    struct making k = {.s = s,
                       .limits = limits_read(p.limits),
                       .out = out,
                       .n = s != NULL ? s->n : 0,
                       .bytes = s != NULL ? s->bytes : 0};
    if (make_result(&k, &c, &e, ret))
        ret->version = state_version(s) + 1;
    return buf_ok(out) ? e : ERR_NOMEM;
}

static void put_part(struct buf *out, bool *first, str name, str raw)
{
    if (raw.n == 0)
        return;
    buf_put_str(out, *first ? STR("{\"") : STR(",\""));
    buf_put_str(out, name);
    BUF_PUT_LIT(out, "\":");
    buf_put_str(out, raw);
    *first = false;
}

void state_propose(const struct state_wish *wish, const struct state_limits *limits, struct buf *out)
{
    bool first = true;
    put_part(out, &first, STR("set"), wish->set);
    put_part(out, &first, STR("unset"), wish->unset);
    put_part(out, &first, STR("merge"), wish->merge);
    put_part(out, &first, STR("if_version"), wish->if_version);
    buf_put_str(out, first ? STR("{\"limits\":{\"keys\":") : STR(",\"limits\":{\"keys\":"));
    buf_put_u64(out, limits->keys);
    BUF_PUT_LIT(out, ",\"bytes\":");
    buf_put_u64(out, limits->bytes);
    BUF_PUT_LIT(out, ",\"value\":");
    buf_put_u64(out, limits->value);
    BUF_PUT_LIT(out, "}}");
}
