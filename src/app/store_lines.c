// SPDX-License-Identifier: Apache-2.0
#include "app/store_lines.h"

#include "app/store_tool.h"
#include "base/codec.h"
#include "core/common/rule.h"
#include "wire/json.h"

void store_lines_init(struct store_lines *l, struct mem *m, FILE *file)
{
    *l = (struct store_lines){.file = file};
    buf_init(&l->line, m, STORE_LINE_MAX);
}

void store_lines_deinit(struct store_lines *l)
{
    digest_run_free(l->run);
    l->run = NULL;
    buf_deinit(&l->line);
}

bool store_lines_again(struct store_lines *l)
{
    digest_run_free(l->run);
    l->run = NULL;
    l->at = 0;
    l->wrong = "the file cannot be read twice";
    return fseeko(l->file, 0, SEEK_SET) == 0;
}

bool store_lines_over(struct store_lines *l) { return getc_unlocked(l->file) == EOF; }

bool store_lines_sum(const struct store_lines *l, const uint8_t sum[SHA256_BYTES])
{
    return memcmp(l->sum, sum, SHA256_BYTES) == 0;
}

static bool refuse(struct store_lines *l, const char *why)
{
    if (l->wrong == NULL)
        l->wrong = why;
    return false;
}

static bool read_line(struct store_lines *l)
{
    int c;
    l->at++;
    l->wrong = NULL;
    buf_cut(&l->line, 0);
    while ((c = getc_unlocked(l->file)) != EOF && c != '\n' && buf_ok(&l->line))
        buf_put_char(&l->line, (char)c);
    if (!buf_ok(&l->line))
        return refuse(l, "it is longer than a line may be, or memory is out");
    if (ferror(l->file))
        return refuse(l, "the file cannot be read");
    return c == '\n' || refuse(l, "the file was cut: it ends before its last line");
}

// ---- members

struct members {
    struct store_lines *l;
    struct json_member m[JSON_KEYS_MAX];
    size_t n;
};

static const struct json_member *find(const struct members *ms, const char *name)
{
    return json_member_find(ms->m, ms->n, str_from_cstr(name));
}

static bool take_number(const struct members *ms, const char *name, uint64_t *ret)
{
    const struct json_member *m = find(ms, name);
    return (m != NULL && m->kind == JSON_NUMBER && json_u64_decode(m->value, UINT64_MAX, ret)) ||
           refuse(ms->l, "a number is missing, or is none");
}

// Decoded where it stands in the line.
static bool take_bytes(const struct members *ms, const char *name, str *ret)
{
    const struct json_member *m = find(ms, name);
    if (m == NULL || m->kind != JSON_STRING)
        return refuse(ms->l, "bytes are missing");
    char *at = ms->l->line.p + (m->value.p - ms->l->line.p) + 1;
    size_t n;
    if (!base64_decode(str_make(at, m->value.n - 2), at, &n))
        return refuse(ms->l, "bytes are not in base64");
    *ret = str_make(at, n);
    return true;
}

static bool take_text(const struct members *ms, const char *name, char *scratch, size_t cap, str *ret)
{
    const struct json_member *m = find(ms, name);
    return (m != NULL && m->kind == JSON_STRING && json_string_decode(m->value, scratch, cap, ret) == OK) ||
           refuse(ms->l, "a text is missing, or too long");
}

static bool take_epoch_raw(struct store_lines *l, str raw, char ret[EPOCH_LEN])
{
    char scratch[2 * EPOCH_LEN];
    str text;
    if (json_kind_of(raw) != JSON_STRING || json_string_decode(raw, scratch, sizeof scratch, &text) != OK ||
        text.n != EPOCH_LEN)
        return refuse(l, "an epoch is none");
    memcpy(ret, text.p, EPOCH_LEN);
    return true;
}

static bool take_epoch(const struct members *ms, const char *name, char ret[EPOCH_LEN])
{
    const struct json_member *m = find(ms, name);
    return m != NULL ? take_epoch_raw(ms->l, m->value, ret) : refuse(ms->l, "an epoch is missing");
}

static bool take_older(const struct members *ms, struct lineage *ret)
{
    const struct json_member *m = find(ms, "older");
    if (m == NULL || m->kind != JSON_ARRAY)
        return refuse(ms->l, "`older` is missing");
    str rest = m->value, pair, value;
    while (json_array_next(&rest, &pair)) {
        struct lineage_epoch *e = &ret->older[ret->n];
        if (ret->n == LINEAGE_MAX || json_kind_of(pair) != JSON_ARRAY || !json_array_next(&pair, &value) ||
            !take_epoch_raw(ms->l, value, e->epoch) || !json_array_next(&pair, &value) ||
            !json_u64_decode(value, UINT64_MAX, &e->last))
            return refuse(ms->l, "`older` is no list of epochs");
        ret->n++;
    }
    return true;
}

static bool take_durability(const struct members *ms, uint8_t *ret)
{
    static const char *const names[] = {"memory", "async", "disk"};
    char scratch[16];
    str text;
    if (!take_text(ms, "durability", scratch, sizeof scratch, &text))
        return false;
    for (uint8_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *ret = i;
        if (str_eq(text, str_from_cstr(names[i])))
            return true;
    }
    return refuse(ms->l, "`durability` is none");
}

// ---- lines

static bool take_room(const struct members *ms, struct store_line *ret)
{
    struct store_room *r = &ret->facts;
    const struct json_member *clean = find(ms, "clean");
    if (clean == NULL || !json_bool_decode(clean->value, &r->clean))
        return refuse(ms->l, "`clean` is missing");
    if (!take_text(ms, "room", ms->l->name, sizeof ms->l->name, &ret->name) ||
        !take_durability(ms, &r->durability) || !take_epoch(ms, "epoch", r->epoch) ||
        !take_epoch(ms, "life", r->lineage.life) || !take_older(ms, &r->lineage) ||
        !take_number(ms, "first", &r->first) || !take_number(ms, "head", &r->head) ||
        !take_number(ms, "image_at", &r->image_at) || !take_bytes(ms, "image", &ret->bytes))
        return false;
    const bool fits = ret->name.n != 0 && r->head < UINT64_MAX - 1 && r->first >= 1 &&
                      r->first <= r->head + 1 && r->image_at <= r->head &&
                      (r->first == 1 || r->image_at + 1 >= r->first);
    return fits || refuse(ms->l, "a room's numbers do not fit each other");
}

static bool take_head(const struct members *ms)
{
    uint64_t version;
    str key;
    struct store_lines *l = ms->l;
    if (!take_number(ms, "plenum_store", &version))
        return false;
    if (version != STORE_EXPORT_VERSION)
        return refuse(l, "the export is of a newer version than this program knows");
    if (find(ms, "steady_ms") != NULL && !take_number(ms, "steady_ms", &l->steady_ms))
        return false;
    if (find(ms, "hash_key") == NULL)
        return true;
    if (!take_bytes(ms, "hash_key", &key))
        return false;
    if (key.n != sizeof(struct siphash_key))
        return refuse(l, "`hash_key` is none");
    memcpy(l->hash_key, key.p, l->hash_key_n = key.n);
    return true;
}

static bool take_end(const struct members *ms, struct store_line *ret)
{
    char hex[2 * SHA256_BYTES];
    str text;
    if (!take_number(ms, "rooms", &ret->rooms) || !take_number(ms, "records", &ret->records) ||
        !take_number(ms, "audit_lines", &ret->audit_lines) ||
        !take_text(ms, "sha256", hex, sizeof hex, &text))
        return false;
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof hex; i++) {
        const char *digit = text.n == sizeof hex ? memchr(digits, text.p[i], 16) : NULL;
        if (digit == NULL)
            return refuse(ms->l, "`sha256` is none");
        ret->sum[i / 2] = (uint8_t)(ret->sum[i / 2] << 4 | (digit - digits));
    }
    return true;
}

static bool take_line(const struct members *ms, enum store_line_kind *kind, struct store_line *ret)
{
    if (ms->l->at == 1) {
        *kind = STORE_LINE_HEAD;
        return find(ms, "plenum_store") != NULL ? take_head(ms) : refuse(ms->l, "it is no export of a store");
    }
    if (find(ms, "record") != NULL) {
        *kind = STORE_LINE_RECORD;
        return take_number(ms, "offset", &ret->number) && take_bytes(ms, "record", &ret->bytes);
    }
    if (find(ms, "room") != NULL) {
        *kind = STORE_LINE_ROOM;
        return take_room(ms, ret);
    }
    if (find(ms, "line") != NULL) {
        *kind = STORE_LINE_AUDIT;
        return take_number(ms, "audit", &ret->number) && take_bytes(ms, "line", &ret->bytes);
    }
    *kind = STORE_LINE_END;
    return find(ms, "sha256") != NULL ? take_end(ms, ret) : refuse(ms->l, "it is of no kind that there is");
}

bool store_lines_next(struct store_lines *l, enum store_line_kind *ret_kind, struct store_line *ret)
{
    struct members ms = {.l = l};
    *ret = (struct store_line){.number = 0};
    if (!read_line(l))
        return false;
    if (l->run == NULL && digest_run_begin(&l->run) != OK)
        return refuse(l, "memory is out");
    if (json_object_scan(buf_str(&l->line), ms.m, JSON_KEYS_MAX, &ms.n, NULL) != OK)
        return refuse(l, "it is no line of an export");
    // Before bytes are decoded where they stand.
    const bool last = json_member_find(ms.m, ms.n, STR("sha256")) != NULL;
    const enum err summed =
        last ? digest_run_end(l->run, l->sum) : digest_run_add(l->run, l->line.p, l->line.n);
    if (summed != OK || (!last && digest_run_add(l->run, "\n", 1) != OK))
        return refuse(l, "memory is out");
    return take_line(&ms, ret_kind, ret);
}
