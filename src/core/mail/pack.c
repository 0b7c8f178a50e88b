// SPDX-License-Identifier: Apache-2.0
#include "core/mail/pack.h"

#include "base/assert.h"

#include <string.h>

void *mail_pack(struct mem *m, uint16_t kind, const void *from, size_t head, str *const strs[], size_t n,
                size_t extra, bool essential)
{
    ASSERT(head >= sizeof(struct mail));
    size_t bytes = head + extra;
    for (size_t i = 0; i < n; i++)
        bytes += strs[i]->n;
    if (bytes > UINT32_MAX)
        return NULL;
    struct mail *to = essential ? mem_alloc_essential(m, bytes) : mem_alloc(m, bytes);
    if (to == NULL)
        return NULL;
    memcpy(to, from, head);
    *to = (struct mail){.bytes = (uint32_t)bytes, .kind = kind};
    return to;
}

void mail_pack_strs(str *const strs[], size_t n, char **tail)
{
    for (size_t i = 0; i < n; i++) {
        str *s = strs[i];
        if (s->n != 0)
            memcpy(*tail, s->p, s->n);
        if (s->p != NULL)
            s->p = *tail;
        *tail += s->n;
    }
}
