// SPDX-License-Identifier: Apache-2.0
#include "core/mail/store.h"

#include "core/log/record.h"
#include "core/mail/pack.h"

const char *store_word_name(enum store_word w)
{
    static const char *const names[] = {
#define X(upper, lower) [STORE_##upper] = #lower,
        STORE_WORDS(X)
#undef X
    };
    ASSERT(w < sizeof names / sizeof names[0]);
    return names[w];
}

// --- sections

// What stands in front of a section: the struct as it is, its strings as how long they are.
void store_put_section(struct buf *out, const struct store_section *s)
{
    ASSERT(s->first + s->count == s->head + 1 || s->count == 0);
    buf_put(out, s, sizeof *s);
    buf_put_str(out, s->name);
    buf_put_str(out, s->image);
    buf_put_str(out, s->records);
}

size_t store_open_section(struct buf *out)
{
    static const struct store_section none;
    const size_t at = out->n;
    buf_put(out, &none, sizeof none);
    return at;
}

void store_close_section(struct buf *out, size_t opened, const struct store_section *s)
{
    if (!buf_ok(out))
        return;
    ASSERT(out->n == opened + sizeof *s + s->name.n + s->image.n + s->records.n);
    memcpy(out->p + opened, s, sizeof *s);
}

void store_put_section_record(struct buf *out, str record)
{
    const uint32_t n = (uint32_t)record.n;
    buf_put(out, &n, sizeof n);
    buf_put_str(out, record);
}

static bool take(str *from, void *ret, size_t n)
{
    if (from->n < n)
        return false;
    memcpy(ret, from->p, n);
    *from = str_make(from->p + n, from->n - n);
    return true;
}

static bool take_str(str *from, size_t n, str *ret)
{
    if (from->n < n)
        return false;
    *ret = str_make(from->p, n);
    *from = str_make(from->p + n, from->n - n);
    return true;
}

bool store_take_section(str *from, struct store_section *ret)
{
    return take(from, ret, sizeof *ret) && take_str(from, ret->name.n, &ret->name) &&
           take_str(from, ret->image.n, &ret->image) && take_str(from, ret->records.n, &ret->records);
}

bool store_take_section_record(str *from, str *ret)
{
    uint32_t n;
    return take(from, &n, sizeof n) && take_str(from, n, ret);
}

void store_put_record(struct buf *out, uint64_t offset, str record)
{
    uint32_t n = (uint32_t)record.n;
    buf_put(out, &offset, sizeof offset);
    buf_put(out, &n, sizeof n);
    buf_put_str(out, record);
}

bool store_take_record(str *from, uint64_t *offset, str *ret)
{
    return take(from, offset, sizeof *offset) && store_take_section_record(from, ret);
}

bool store_takes_words(str record, uint64_t *target)
{
    struct entry e;
    if (record_decode(record, &e) != RECORD_OK || (e.type != ENTRY_EDIT && e.type != ENTRY_DELETE))
        return false;
    *target = e.about;
    return true;
}

// --- mail

static struct store_mail *make(struct mem *mem, const struct store_mail *m)
{
    struct store_mail *to;
    str *const from[] = {(str *)&m->name, (str *)&m->text, (str *)&m->image, (str *)&m->records};
    const size_t n = sizeof from / sizeof from[0];
    if ((to = mail_pack(mem, MAIL_STORE, m, sizeof *m, from, n, 0, false)) == NULL)
        return NULL;
    str *const strs[] = {&to->name, &to->text, &to->image, &to->records};
    char *tail = to->tail;
    mail_pack_strs(strs, n, &tail);
    return to;
}

struct store_mail *store_mail_make(struct mem *mem, const struct store_mail *m) { return make(mem, m); }

bool post_store(struct mailroom *mr, uint32_t dest, const struct store_mail *m)
{
    struct store_mail *to = make(mr->cx->mem, m);
    if (to != NULL)
        mail_post(mr, dest, &to->mail);
    return to != NULL;
}

struct store_mail *store_mail_turn(struct store_mail *question, enum store_word word, uint32_t retry_ms)
{
    ASSERT(word == STORE_KEPT || word == STORE_AWAY || word == STORE_BROKEN || word == STORE_NONE);
    question->word = word;
    question->retry_ms = retry_ms;
    return question;
}
