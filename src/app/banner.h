// SPDX-License-Identifier: Apache-2.0
//
// banner.h - what `plenum serve` says on stdout once it takes connections.
//
// For people: where to go and which limits are in force. Then one line for programs, always the last one and always
// in this form, with the real ports where port 0 was asked for, and nothing behind '=' for what is off:
//
//     ready http=127.0.0.1:8000 text=127.0.0.1:9000 shards=2 pid=4711
#ifndef PLENUM_APP_BANNER_H
#define PLENUM_APP_BANNER_H

#include "io/server.h"

#include <stdio.h>

// connections_wanted: limits.connections as configured, 0 = as many as there are files for.
void banner_print(const struct server_info *info, const struct settings *core, uint32_t connections_wanted,
                  FILE *out);

#endif
