// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a pointer in every connection. Eight bytes for each of tens of thousands, of which most speak a language that
// remembers nothing.
#include "core/fan/speech.h"

enum err speech_init(struct fan *f)
{
    const struct ways *w = f->cx->settings->ways;
    bool any = false;
    for (uint32_t i = 0; i < w->encodings_n; i++)
        any |= w->encodings[i]->language->state_bytes != 0;
    if (!any)
        return OK;
    f->states = mem_zalloc(f->cx->mem, f->cx->settings->connections_max * sizeof *f->states);
    return f->states != NULL ? OK : ERR_NOMEM;
}

void speech_deinit(struct fan *f)
{
    mem_free(f->cx->mem, f->states, f->cx->settings->connections_max * sizeof *f->states);
    f->states = NULL;
}

enum err speech_begin(struct fan *f, uint32_t conn, uint8_t encoding)
{
    size_t bytes = encoding_of(f->cx, encoding)->language->state_bytes;
    if (bytes != 0) {
        ASSERT(f->states != NULL && f->states[conn] == NULL);
        f->states[conn] = mem_zalloc(f->cx->mem, bytes);
        if (f->states[conn] == NULL)
            return ERR_NOMEM;
    }
    reader_at(f, conn)->encoding = encoding;
    return OK;
}

void speech_end(struct fan *f, uint32_t conn)
{
    void *state = speech_state(f, conn);
    if (state == NULL)
        return;
    mem_free(f->cx->mem, state, speech_language(f, conn)->state_bytes);
    f->states[conn] = NULL;
}

void speech_check(const struct fan *f, uint32_t conn)
{
    const struct language *l = speech_language(f, conn);
    const void *state = speech_state(f, conn);
    ASSERT(state == NULL || l->state_bytes != 0);
    if (state != NULL && l->state_check != NULL)
        l->state_check(state);
}
