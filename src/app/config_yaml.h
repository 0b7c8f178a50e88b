// SPDX-License-Identifier: Apache-2.0
//
// config_yaml.h - settings from a YAML file.
//
// The shape is fixed: a mapping of sections, each a mapping of keys, each with one value, a list of them, or a list of
// mappings (app/config_tables.h), whose values are such values again.
//
//     server:
//       http: "127.0.0.1:8000"
//       shards: 4
//     origin:
//       allowed: [https://app.example.com]
//     rooms:
//       rules:
//         - {match: "team-*", access: token}
//
// A mistake in a mapping is told with its path, "c.yaml:8: rooms.rules[0].access: got ...". Variables and flags hold the list
// alone, as here behind `rules:`, or in flow style: --rooms.rules='[{match: news, presence: none}]'.
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
// A list of mappings that a variable or a flag holds; its place says which (l->places).
void config_yaml_rows(struct config_load *l, const struct config_key *key, str text);

#endif
