// SPDX-License-Identifier: Apache-2.0
//
// config_print.h - the schema table as people read it: commented YAML, help text, a page of documentation.
#ifndef PLENUM_APP_CONFIG_PRINT_H
#define PLENUM_APP_CONFIG_PRINT_H

#include "app/config.h"

// All settings as a YAML file that config_yaml reads back to the same values. A secret is left out: its line is
// written empty, with a note if it is set.
void config_print_yaml(const struct config *c, FILE *out);
// "--server.http ADDRESS" and what it does, one paragraph each.
void config_print_flags(FILE *out);
// Which rule a room of that name gets, why, and every value that holds in it, with where it comes from (app/config_room.c).
// False, and nothing is printed, where no room can be called so.
bool config_print_room(const struct config_load *l, str room, FILE *out);
// docs/CONFIG.md.
void config_print_markdown(FILE *out);

#endif
