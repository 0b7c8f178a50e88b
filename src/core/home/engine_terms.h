// SPDX-License-Identifier: Apache-2.0
//
// engine_terms.h - what there is in a room, as its engine says (HERE), and what follows where that is less than this home knows of:
// records are given back, passed over, or belong to an epoch that is over. Between the two files that talk to an engine.
//
// Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_ENGINE_TERMS_H
#define PLENUM_CORE_HOME_ENGINE_TERMS_H

#include "core/home/course.h"

// --- authority_engine.c
// *due, one of the course's, is in so many ms.
void engine_soon(struct home *h, uint32_t room, uint64_t *due, uint64_t ms);
struct engine_mail engine_word_to(const struct home *h, uint32_t room, enum engine_word word);
void engine_say(struct home *h, const struct engine_mail *m);
void engine_fetch(struct home *h, uint32_t room);
// There are records up to there; where they are not here by then they are fetched.
void engine_known(struct home *h, uint32_t room, uint64_t offset, uint64_t patience_ms);
void engine_let_in(struct home *h, uint32_t room);

// --- engine_terms.c
void engine_on_here(struct home *h, uint32_t room, const struct engine_mail *m);
// Gives back, or says that there is nothing to give back, if that is to be said; again later, until the engine has it.
void engine_give(struct home *h, uint32_t room);
// The engine tells of a room that is not here any more.
void engine_not_here(struct home *h, const struct engine_mail *m);

#endif
