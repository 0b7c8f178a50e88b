// SPDX-License-Identifier: Apache-2.0
//
// config_yaml.h - settings from a YAML file.
//
// The shape is fixed: a mapping of sections, each a mapping of keys, each with one value (or a list of them).
//
//     server:
//       http: "127.0.0.1:8000"
//       shards: 4
//     origin:
//       allowed: [https://app.example.com]
//
// The reader walks libyaml's events, so every complaint has the line; a document tree would lose it for keys. It goes
// on after a mistake of meaning and stops only where the file is not YAML any more. What YAML can do and a
// configuration does not need is refused: tags, aliases, several documents, quoted numbers, yes/no/on/off.
//
// Limits: CONFIG_FILE_MAX bytes; nesting by libyaml (1,000 levels), skipped without recursion.
// Source: YAML 1.1 as libyaml reads it.
#ifndef PLENUM_APP_CONFIG_YAML_H
#define PLENUM_APP_CONFIG_YAML_H

#include "app/config.h"

enum { CONFIG_FILE_MAX = 1 << 20 };

// Reads the file over what l holds; problems go to l->complaints. `path` borrows for the life of l.
void config_yaml_file(struct config_load *l, const char *path);
// The same for bytes in memory; `name` stands in messages.
void config_yaml_text(struct config_load *l, const char *name, str text);

#endif
