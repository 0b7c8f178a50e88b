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
// docs/CONFIG.md.
void config_print_markdown(FILE *out);

#endif
