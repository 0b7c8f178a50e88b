// SPDX-License-Identifier: Apache-2.0
//
// config_override.h - settings from PLENUM_* variables and from --section.name flags.
//
// Variables: a wrong value is an error. A name that we do not know is a warning only, and only where it begins like
// one of our sections (PLENUM_SERVER_...): Kubernetes sets PLENUM_SERVICE_HOST and the like for a service of our
// name, and such a gift must not stop the server.
//
// Flags: the last one wins, as everywhere on command lines. A switch (true or false) may stand without a value.
//
//     --server.shards=4   --server.shards 4   --server.echo   --server.echo=false
//
// Lists are comma-separated; a list of mappings is written as in the file, best in flow style (app/config_yaml.h).
#ifndef PLENUM_APP_CONFIG_OVERRIDE_H
#define PLENUM_APP_CONFIG_OVERRIDE_H

#include "app/config.h"

// environment ends with NULL.
void config_environment(struct config_load *l, char *const *environment);
void config_flags(struct config_load *l, char *const *flags, int n);

// How many of the arguments at flags[0] belong to one setting: 0 (not a setting: does not begin like "--a.b"), 1 or
// 2. Unknown keys count too, so that config_flags can complain about them.
int config_flag_span(char *const *flags, int n);

#endif
