// SPDX-License-Identifier: Apache-2.0
//
// `plenum config --room NAME`: the room's rule and the way to it, then all that a rule can say, with the place that says it.
//
//     room "team-red"
//     c.yaml:3: rooms.rules[0]: match "news" does not match
//     c.yaml:4: rooms.rules[1]: match "team-*" matches: this is its rule
//
//     access                token                c.yaml:4: rooms.rules[1].access
//     members_max           100000 users         rooms.members_max (default)
#include "app/config_print.h"

#include "core/common/pattern.h"
#include "dialect/dialect.h"

#include <inttypes.h>

// The rules up to the first that matches; the number of it, or of all where none does.
static uint32_t print_way(const struct config_load *l, str room, FILE *out)
{
    const struct config_key *key = &config_keys[CONFIG_ID_rooms_rules];
    const struct config_rule_list *rules = &l->values.rooms_rules;
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct config_rule *rule = &rules->rows[i];
        bool matches = pattern_match(str_from_cstr(rule->match), room);
        fprintf(out, "%s: match %s %s\n", config_row_place(l, key, i, NULL, rule->at.line).z,
                complaint_quote(str_from_cstr(rule->match)).z,
                matches ? "matches: this is its rule" : "does not match");
        if (matches)
            return i;
    }
    fputs(rules->n == 0 ? "There are no rules: what holds for all rooms holds for it.\n"
                        : "No rule matches: what holds for all rooms holds for it.\n",
          out);
    return rules->n;
}

bool config_print_room(const struct config_load *l, str room, FILE *out)
{
    if (!room_name_valid(room))
        return false;
    fprintf(out, "room %s\n", complaint_quote(room).z);
    const struct config_key *rules_key = &config_keys[CONFIG_ID_rooms_rules];
    const struct config_table *table = &config_tables[CONFIG_TABLE_RULES];
    uint32_t found = print_way(l, room, out);
    struct config_rule rule = {.at = {0}};
    if (found < l->values.rooms_rules.n)
        rule = l->values.rooms_rules.rows[found];
    config_row_fill(&l->values, table, &rule);
    fputc('\n', out);
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if (!column->like)
            continue;
        struct config_text value = config_field_text((const char *)&rule + column->offset, column->key), said;
        size_t n = strlen(value.z);
        if (column->key->unit[0] != '\0')
            snprintf(value.z + n, sizeof value.z - n, " %s", column->key->unit);
        uint32_t line = rule.at.lines[i];
        said = line != 0 ? config_row_place(l, rules_key, found, column->name, line)
                         : config_place_text(l, column->key);
        fprintf(out, "%-21s %-20s %s\n", column->name, value.z, said.z);
    }
    return true;
}
