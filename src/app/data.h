// SPDX-License-Identifier: Apache-2.0
//
// data.h - the data directory (server.data_dir): what outlives the process, for its owner only, and one server's at a time.
//
//      plenum.lock   held by a record lock while the process lives; the pid of who has it, for people
//      resume.key    the secret of resume tokens, where sessions.secret gives none, made once
//      plenum.db     the store (store.kind)
//
// There is none where store.kind is none: then nothing is written anywhere.
//
// Ownership: the db is the data's; the server that uses it ends before. Errors: a sentence on stderr; what was begun is taken back.
// Thread: main.
#ifndef PLENUM_APP_DATA_H
#define PLENUM_APP_DATA_H

#include "app/wiring.h"

enum { DATA_PATH_MAX = CONFIG_TEXT_MAX + 32 };

struct data {
    struct mem mem; // of the store
    int lock;       // a file; -1: none
    const struct store_driver *driver;
    struct store_db *db;
    char dir[CONFIG_TEXT_MAX + 1], path[DATA_PATH_MAX], server[128];
};

// Puts into start what the store says: itself, the hash key, the steady clock; and the resume key.
bool data_open(struct data *d, const struct config *c, struct wiring_start *start) WARN_UNUSED;
// well: all that was to be kept is. After a data_open that was false, or another one of this, too.
void data_close(struct data *d, bool well);

#endif
