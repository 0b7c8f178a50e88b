// SPDX-License-Identifier: Apache-2.0
//
// A list, looked through from its beginning: it is short by its limit, and there is none while nothing waits.
// Rejected: a list per room. It would save looking at WAITING_COMMANDS_MAX keys, and cost a table per connection that waits.
#include "core/edge/waiting.h"

#include "base/assert.h"
#include "core/mail/pack.h"

#include <openssl/crypto.h>
#include <string.h>

static bool made(struct waiting **w, struct mem *m)
{
    if (*w == NULL)
        *w = mem_zalloc(m, sizeof **w);
    return *w != NULL;
}

static void fit(struct waiting **w, struct mem *m)
{
    if (*w == NULL || (*w)->open_n != 0 || (*w)->n != 0 || (*w)->verdict != NULL || (*w)->token != NULL ||
        (*w)->certificate != NULL)
        return;
    mem_free(m, *w, sizeof **w);
    *w = NULL;
}

// --- asks under way

static uint32_t open_outlet(uint32_t open) { return open & ~OPEN_MAKES; }

bool waiting_is_open(const struct waiting *w, uint32_t outlet)
{
    for (uint32_t i = 0; w != NULL && i < w->open_n; i++)
        if (open_outlet(w->open[i]) == open_outlet(outlet))
            return true;
    return false;
}

bool waiting_open(struct waiting **w, struct mem *m, uint32_t outlet)
{
    ASSERT(!waiting_is_open(*w, outlet));
    if (!made(w, m) || (*w)->open_n == WAITING_OPEN_MAX)
        return false;
    (*w)->open[(*w)->open_n++] = outlet;
    return true;
}

void waiting_close(struct waiting **w, struct mem *m, uint32_t outlet)
{
    struct waiting *all = *w;
    for (uint32_t i = 0; all != NULL && i < all->open_n; i++)
        if (open_outlet(all->open[i]) == outlet)
            all->open[i--] = all->open[--all->open_n];
    fit(w, m);
}

// --- commands

static bool same(uint64_t a, uint64_t b) { return a != 0 && a == b; }

static bool about_same(const struct about *a, const struct about *b)
{
    return same(a->keys[0], b->keys[0]) || same(a->keys[0], b->keys[1]) || same(a->keys[1], b->keys[0]) ||
           same(a->keys[1], b->keys[1]);
}

bool waiting_blocks(const struct waiting *w, const struct kept *before, const struct about *about)
{
    for (const struct kept *k = w != NULL ? w->first : NULL; k != NULL && k != before; k = k->next)
        if (about_same(&k->about, about))
            return true;
    return false;
}

bool waiting_keep(struct waiting **w, struct mem *m, const struct command *cmd, const struct about *about)
{
    size_t bytes = sizeof(struct kept);
#define X(field) bytes += cmd->field.n;
    COMMAND_STRS(X)
#undef X
    uint32_t n = *w != NULL ? (*w)->n : 0, held = *w != NULL ? (*w)->bytes : 0;
    if (n == WAITING_COMMANDS_MAX || bytes > WAITING_BYTES_MAX - held)
        return false;
    struct kept *k = mem_alloc(m, bytes);
    if (k == NULL || !made(w, m)) {
        mem_free(m, k, bytes);
        return false;
    }
    *k = (struct kept){.bytes = (uint32_t)bytes, .number = ++(*w)->numbers, .about = *about, .cmd = *cmd};
    str *const strs[] = {
#define X(field) &k->cmd.field,
        COMMAND_STRS(X)
#undef X
    };
    char *tail = k->tail;
    mail_pack_strs(strs, sizeof strs / sizeof strs[0], &tail);
    if ((*w)->last != NULL)
        (*w)->last->next = k;
    else
        (*w)->first = k;
    (*w)->last = k;
    (*w)->n++;
    (*w)->bytes += k->bytes;
    return true;
}

struct kept *waiting_find(const struct waiting *w, uint32_t number)
{
    struct kept *k = w != NULL ? w->first : NULL;
    while (k != NULL && k->number != number)
        k = k->next;
    return k;
}

void waiting_take(struct waiting **w, struct mem *m, struct kept *k)
{
    struct kept *before = NULL;
    for (struct kept *i = (*w)->first; i != k; i = i->next) {
        ASSERT(i->next != NULL);
        before = i;
    }
    if (before != NULL)
        before->next = k->next;
    else
        (*w)->first = k->next;
    if (k->next == NULL)
        (*w)->last = before;
    (*w)->n--;
    (*w)->bytes -= k->bytes;
    mail_discard(m, k->verdict);
    if (k->cmd.token.n != 0)
        OPENSSL_cleanse(k->tail + (k->cmd.token.p - k->tail), k->cmd.token.n);
    mem_free(m, k, k->bytes);
    fit(w, m);
}

bool waiting_put_verdict(struct waiting **w, struct mem *m, struct mail *verdict)
{
    ASSERT(verdict != NULL);
    if (!made(w, m))
        return false;
    ASSERT((*w)->verdict == NULL);
    (*w)->verdict = verdict;
    return true;
}

struct mail *waiting_take_verdict(struct waiting **w, struct mem *m)
{
    struct mail *verdict = *w != NULL ? (*w)->verdict : NULL;
    if (verdict != NULL)
        (*w)->verdict = NULL;
    fit(w, m);
    return verdict;
}

bool waiting_put_token(struct waiting **w, struct mem *m, str token)
{
    char *copy = mem_alloc(m, token.n);
    if (copy == NULL || !made(w, m)) {
        mem_free(m, copy, token.n);
        return false;
    }
    ASSERT((*w)->token == NULL);
    memcpy(copy, token.p, token.n);
    (*w)->token = copy;
    (*w)->token_n = (uint32_t)token.n;
    return true;
}

void waiting_drop_token(struct waiting **w, struct mem *m)
{
    if (*w == NULL || (*w)->token == NULL)
        return;
    OPENSSL_cleanse((*w)->token, (*w)->token_n);
    mem_free(m, (*w)->token, (*w)->token_n);
    (*w)->token = NULL;
    fit(w, m);
}

static size_t certificate_bytes(const struct certificate *c) { return sizeof *c + c->user.n + c->id.n; }

bool waiting_put_certificate(struct waiting **w, struct mem *m, const struct certificate *c)
{
    ASSERT(c->user.n != 0 && c->user.n <= USER_ID_MAX);
    ASSERT(c->id.n != 0 && c->id.n <= CERTIFICATE_ID_MAX);
    struct certificate *copy = mem_alloc(m, certificate_bytes(c));
    if (copy == NULL || !made(w, m)) {
        mem_free(m, copy, certificate_bytes(c));
        return false;
    }
    ASSERT((*w)->certificate == NULL);
    char *tail = (char *)(copy + 1);
    memcpy(tail, c->user.p, c->user.n);
    memcpy(tail + c->user.n, c->id.p, c->id.n);
    *copy = *c;
    copy->user = str_make(tail, c->user.n);
    copy->id = str_make(tail + c->user.n, c->id.n);
    (*w)->certificate = copy;
    return true;
}

void waiting_drop_certificate(struct waiting **w, struct mem *m)
{
    if (*w == NULL || (*w)->certificate == NULL)
        return;
    mem_free(m, (*w)->certificate, certificate_bytes((*w)->certificate));
    (*w)->certificate = NULL;
    fit(w, m);
}

void waiting_drop(struct waiting **w, struct mem *m)
{
    waiting_drop_token(w, m);
    waiting_drop_certificate(w, m);
    mail_discard(m, waiting_take_verdict(w, m));
    if (*w == NULL)
        return;
    (*w)->open_n = 0;
    if ((*w)->n == 0)
        fit(w, m);
    while (*w != NULL)
        waiting_take(w, m, (*w)->first);
}

void waiting_check(const struct waiting *w)
{
    uint32_t n = 0, bytes = 0;
    if (w == NULL)
        return;
    ASSERT(w->open_n <= WAITING_OPEN_MAX);
    ASSERT(w->open_n != 0 || w->n != 0 || w->verdict != NULL || w->token != NULL ||
           w->certificate != NULL); // 3
    for (uint32_t i = 0; i < w->open_n; i++)
        for (uint32_t k = 0; k < i; k++)
            ASSERT(open_outlet(w->open[i]) != open_outlet(w->open[k])); // 1
    for (const struct kept *k = w->first; k != NULL; k = k->next) {
        ASSERT(k->next != NULL || k == w->last);
        ASSERT(k->next == NULL || k->next->number > k->number);   // 4
        ASSERT(k->number <= w->numbers);                          // 4
        ASSERT((k->verdict != NULL) == (k->shown == SHOWN_SEEN)); // 4
        n++;
        bytes += k->bytes;
    }
    ASSERT(n == w->n);                  // 2
    ASSERT(n <= WAITING_COMMANDS_MAX);  // 2
    ASSERT(bytes == w->bytes);          // 2
    ASSERT(bytes <= WAITING_BYTES_MAX); // 2
}
