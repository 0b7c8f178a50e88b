// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a part of the budget that only some may use. It says what may be booked, not that malloc has it, and who
// may draw on it for a 503 could use it up with requests for one.
#include "core/conn/reserve.h"

static struct out_node *node_at(const struct reserve *r, uint32_t i)
{
    ASSERT(i <= RESERVE_WORDS);
    return (struct out_node *)(void *)(r->nodes + i * sizeof(struct out_node));
}

enum err reserve_init(struct reserve *r, struct mem *m)
{
    *r = (struct reserve){0};
    for (uint32_t i = 0; i < RESERVE_GUESTS; i++)
        r->guests[i] = REF_NONE;
    buf_init(&r->page, m, RESERVE_PAGE_BYTES);
    r->nodes = mem_zalloc(m, (1 + RESERVE_WORDS) * sizeof(struct out_node));
    if (r->nodes == NULL || buf_reserve(&r->page, RESERVE_PAGE_BYTES) == NULL)
        return ERR_NOMEM;
    r->page_free = node_at(r, 0);
    r->page_free->home = &r->page_free;
    for (uint32_t i = 1; i <= RESERVE_WORDS; i++) {
        struct out_node *n = node_at(r, i);
        n->home = &r->words_free;
        n->next = r->words_free;
        r->words_free = n;
    }
    return OK;
}

void reserve_deinit(struct reserve *r, struct mem *m)
{
    buf_deinit(&r->page);
    mem_free(m, r->nodes, (1 + RESERVE_WORDS) * sizeof(struct out_node));
    *r = (struct reserve){0};
}

bool reserve_say(struct reserve *r, struct outq *q, str words)
{
    ASSERT(words.n != 0);
    if (r->words_free == NULL)
        return false;
    outq_put_lent(q, words, &r->words_free);
    return true;
}

void reserve_guest(struct reserve *r, struct ref guest, struct ref *ret_away, struct ref *ret_cut)
{
    ASSERT(r->guest_at < RESERVE_GUESTS);
    *ret_cut = r->guests[r->guest_at];
    *ret_away = r->guests[(r->guest_at + RESERVE_GUESTS / 2) % RESERVE_GUESTS];
    r->guests[r->guest_at] = guest;
    r->guest_at = (r->guest_at + 1) % RESERVE_GUESTS;
}

struct buf *reserve_page(struct reserve *r)
{
    if (r->page_free == NULL)
        return NULL;
    buf_reset(&r->page, RESERVE_PAGE_BYTES);
    return &r->page;
}

void reserve_page_put(struct reserve *r, struct outq *q)
{
    ASSERT(buf_ok(&r->page));
    ASSERT(r->page.n != 0);
    ASSERT(r->page_free != NULL);
    outq_put_lent(q, buf_str(&r->page), &r->page_free);
}
