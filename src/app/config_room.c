// SPDX-License-Identifier: Apache-2.0
//
// `plenum config --room NAME`: the room's rule and the way to it, then all that a rule can say, with the place that says it.
//
//     room "team-red"
//     c.yaml:3: rooms.rules[0]: match "news" does not match
//     c.yaml:4: rooms.rules[1]: match "team-*" matches: this is its rule
//     c.yaml:9: auth.guest_caps: a guest may join, read, list
//
//     access                token                c.yaml:4: rooms.rules[1].access
//     members_max           100000 users         rooms.members_max (default)
#include "app/config_print.h"

#include "core/auth/caps.h"
#include "core/common/pattern.h"
#include "core/home/rights.h"
#include "dialect/dialect.h"

#include <inttypes.h>

// The rules up to the first that matches; the number of it, or of all where none does.
static uint32_t print_way(const struct config_load *l, str room, FILE *out)
{
    const struct config_key *key = &config_keys[CONFIG_ID_rooms_rules];
    const struct config_rule_list *rules = &l->values.rooms_rules;
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct config_rule *rule = &rules->rows[i];
        if (rule->match[0] == '\0') {
            fprintf(out, "%s: has no match: `create` gives it by its name %s\n",
                    config_row_place(l, key, i, NULL, rule->at.line).z,
                    complaint_quote(str_from_cstr(rule->name)).z);
            continue;
        }
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

// Whose room it is; of nobody's its number is that of all tenants.
static uint32_t print_tenant(const struct config_load *l, str room, FILE *out)
{
    const struct config_key *key = &config_keys[CONFIG_ID_tenants_];
    const struct config_tenant_list *tenants = &l->values.tenants_;
    for (uint32_t i = 0; i < tenants->n; i++) {
        const struct config_tenant *t = &tenants->rows[i];
        if (!str_starts(room, str_from_cstr(t->prefix)))
            continue;
        fprintf(out, "%s: of the tenant %.*s\n", config_row_place(l, key, i, NULL, t->at.line).z,
                STR_ARG(config_tenant_name(t)));
        return i;
    }
    if (tenants->n != 0)
        fputs("It is no tenant's.\n", out);
    return tenants->n;
}

// The column of a tenant's row that is about its rooms, as the one of a rule is; NULL where there is none, or it says nothing.
static const struct config_column *tenant_says(const struct config_tenant *t, const char *name)
{
    const struct config_table *table = &config_tables[CONFIG_TABLE_TENANTS];
    const struct config_column *column = config_column_find(table, str_from_cstr(name));
    return column != NULL && column->like && t->at.lines[column - table->columns] != 0 ? column : NULL;
}

static void print_setting(const struct config_column *column, const void *field, const char *said, FILE *out)
{
    struct config_text value = config_field_text(field, column->key);
    size_t n = strlen(value.z);
    if (column->key->unit[0] != '\0')
        snprintf(value.z + n, sizeof value.z - n, " %s", column->key->unit);
    fprintf(out, "%-21s %-20s %s\n", column->name, value.z, said);
}

// What guests may there, where that is said for them: names of rights.
static void print_guests(const struct config_load *l, str room, FILE *out)
{
    const struct config_key *key = &config_keys[CONFIG_ID_auth_guest_caps];
    const str caps = str_from_cstr(l->values.auth_guest_caps);
    char block[CAPS_BYTES_MAX];
    struct sentence why;
    size_t n;
    bool any = false;
    if (caps.n == 0 || caps_make(caps, block, &n, &why) != OK) // which the load has complained of
        return;
    const uint32_t rights = caps_room(str_make(block, n), room);
    fprintf(out, "%s: a guest may ", config_place_text(l, key).z);
    for (int right = RIGHT_NONE + 1; right < RIGHT_COUNT; right++)
        if (rights & UINT32_C(1) << right) {
            fprintf(out, "%s%s", any ? ", " : "", right_name((enum right)right));
            any = true;
        }
    fputs(any ? "\n" : "nothing\n", out);
}

bool config_print_room(const struct config_load *l, str room, FILE *out)
{
    if (!room_name_valid(room))
        return false;
    fprintf(out, "room %s\n", complaint_quote(room).z);
    const struct config_key *rules_key = &config_keys[CONFIG_ID_rooms_rules];
    const struct config_table *table = &config_tables[CONFIG_TABLE_RULES];
    uint32_t whose = print_tenant(l, room, out), found = print_way(l, room, out);
    print_guests(l, room, out);
    struct config_rule rule = {.at = {0}};
    if (found < l->values.rooms_rules.n)
        rule = l->values.rooms_rules.rows[found];
    config_row_fill(&l->values, table, &rule);
    const struct config_tenant *tenant = NULL; // says what no rule does
    if (found == l->values.rooms_rules.n && whose < l->values.tenants_.n)
        tenant = &l->values.tenants_.rows[whose];
    fputc('\n', out);
    for (uint32_t i = 0; i < table->columns_n; i++) {
        const struct config_column *column = &table->columns[i];
        if (!column->like)
            continue;
        uint32_t line = rule.at.lines[i];
        const struct config_column *own = tenant != NULL ? tenant_says(tenant, column->name) : NULL;
        if (own != NULL)
            print_setting(
                column, (const char *)tenant + own->offset,
                config_row_place(l, &config_keys[CONFIG_ID_tenants_], whose, own->name, tenant->at.line).z,
                out);
        else
            print_setting(column, (const char *)&rule + column->offset,
                          line != 0 ? config_row_place(l, rules_key, found, column->name, line).z
                                    : config_place_text(l, column->key).z,
                          out);
    }
    return true;
}
