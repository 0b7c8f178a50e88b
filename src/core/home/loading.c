// SPDX-License-Identifier: Apache-2.0
#include "core/home/home.h"

void home_on_store(struct home *h, struct store_mail *m) { mail_discard(h->cx->mem, &m->mail); }
