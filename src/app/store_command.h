// SPDX-License-Identifier: Apache-2.0
//
// store_command.h - `plenum store`: what is in a store, whether it is whole, and how it gets elsewhere (docs/STORE.md).
#ifndef PLENUM_APP_STORE_COMMAND_H
#define PLENUM_APP_STORE_COMMAND_H

#include "app/config.h"
#include "app/exit_code.h"
#include "app/store_tool.h"

#define STORE_USAGE                                                                                 \
    "plenum store info | verify | export [FILE] | import FILE [--merge] | compact | backup FILE | " \
    "forget USER --erase|--pseudonym [--kind KIND] [--path FILE] [--url URL] [-c FILE] [--section.name=VALUE ...]"
extern const char store_help[];

// The arguments behind "store"; environment as environ.
enum exit_code store_command(int argc, char **argv, char **environment);

enum store_job {
    STORE_INFO,
    STORE_VERIFY,
    STORE_EXPORT,
    STORE_IMPORT,
    STORE_COMPACT,
    STORE_BACKUP,
    STORE_FORGET
};

struct store_wish {
    enum store_job job;
    const char *argument; // FILE, USER; NULL: none
    bool merge, erase, pseudonym;
    const char *audit; // NULL: none
    str audit_key;
};
// The job, with a store of that driver: opens and closes it. t has mem, out and err.
enum exit_code store_do(struct store_tool *t, const struct store_driver *d, struct store_config *c,
                        const struct store_wish *w);

#endif
