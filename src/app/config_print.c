// SPDX-License-Identifier: Apache-2.0
#include "app/config_print.h"

#include "app/escape.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COLUMNS = 110 };

// Text in lines of at most `width` columns, each behind `indent`.
static void print_wrapped(FILE *out, const char *indent, size_t width, const char *text)
{
    size_t column = 0;
    for (str rest = str_from_cstr(text); rest.p != NULL;) {
        str word = str_split(rest, ' ', &rest);
        if (column > 0 && column + 1 + word.n > width) {
            fputc('\n', out);
            column = 0;
        }
        fputs(column == 0 ? indent : " ", out);
        fprintf(out, "%.*s", STR_ARG(word));
        column += (column == 0 ? strlen(indent) : 1) + word.n;
    }
    fputc('\n', out);
}

static bool is_first_of_section(size_t i)
{
    return i == 0 || strcmp(config_keys[i].section, config_keys[i - 1].section) != 0;
}

static const struct config_section *section_of(const struct config_key *key)
{
    const struct config_section *section = config_sections;
    while (strcmp(section->name, key->section) != 0)
        section++;
    return section;
}

// ---- YAML

// "1 MiB" for sizes that a reader would have to divide; empty otherwise.
static struct config_text size_remark(const void *field, const struct config_key *key)
{
    struct config_text t = {""};
    if (key->kind != CONFIG_BYTES)
        return t;
    uint32_t v = *(const uint32_t *)field;
    if (v >= 1u << 20 && v % (1u << 20) == 0)
        snprintf(t.z, sizeof t.z, "  # %" PRIu32 " MiB", v >> 20);
    else if (v >= 1u << 10 && v % (1u << 10) == 0)
        snprintf(t.z, sizeof t.z, "  # %" PRIu32 " KiB", v >> 10);
    return t;
}

static void print_item(str item, const char *indent, FILE *out)
{
    struct config_text escaped;
    text_escape(item, escaped.z, sizeof escaped.z);
    fprintf(out, "%s  - \"%s\"\n", indent, escaped.z);
}

// A line for each, as there may be many.
static void print_items(const void *field, const struct config_key *key, const char *indent, FILE *out)
{
    const struct config_list *list = field;
    const struct config_texts *texts = field;
    bool compact = key->kind == CONFIG_TEXTS || key->kind == CONFIG_PATTERNS;
    for (uint32_t i = 0; i < (compact ? texts->n : list->n); i++)
        print_item(compact ? config_texts_item(texts, i) : str_from_cstr(list->items[i]), indent, out);
}

static bool has_no_items(const void *field) { return *(const uint32_t *)field == 0; } // of any list

static void print_rows(const void *list, const struct config_table *table, const char *indent, FILE *out);

// "name: value", with its line end, at a place that is behind `indent`.
static void print_value(const void *field, const char *name, const struct config_key *key, const char *indent,
                        FILE *out)
{
    if (key->kind == CONFIG_SECRET) {
        bool set = *(const char *)field != '\0';
        fprintf(out, "%s: \"\"%s\n", name, set ? "  # set, not shown" : "");
    } else if (key->kind == CONFIG_ROWS) {
        fprintf(out, "%s:%s\n", name, has_no_items(field) ? " []" : "");
        print_rows(field, key->table, indent, out);
    } else if (config_is_list(key) && key->kind != CONFIG_WORDS) {
        fprintf(out, "%s:%s\n", name, has_no_items(field) ? " []" : "");
        print_items(field, key, indent, out);
    } else {
        fprintf(out, "%s: %s%s\n", name, config_field_text(field, key).z, size_remark(field, key).z);
    }
}

static void print_rows(const void *list, const struct config_table *table, const char *indent, FILE *out)
{
    char deeper[32];
    snprintf(deeper, sizeof deeper, "%s    ", indent);
    for (uint32_t i = 0; i < config_rows_n(list); i++) {
        const char *row = config_row_in(list, table, i);
        const struct config_row *at = (const void *)row;
        bool first = true;
        for (uint32_t c = 0; c < table->columns_n; c++) {
            const struct config_column *column = &table->columns[c];
            if (at->lines[c] == 0)
                continue;
            fprintf(out, "%s  %s ", indent, first ? "-" : " ");
            print_value(row + column->offset, column->name, column->key, deeper, out);
            first = false;
        }
        if (first)
            fprintf(out, "%s  - {}\n", indent);
    }
}

// What a row may hold, a line for each column.
static void print_columns(const struct config_key *key, FILE *out)
{
    for (uint32_t i = 0; i < key->table->columns_n; i++) {
        const struct config_column *column = &key->table->columns[i];
        struct config_text line;
        if (column->like)
            snprintf(line.z, sizeof line.z, "%s: in place of %s.", column->name, column->key->path);
        else
            snprintf(line.z, sizeof line.z, "%s: %.400s Takes %.400s.", column->name, column->key->help,
                     config_expected(column->key).z);
        print_wrapped(out, "  #   ", COLUMNS, line.z);
        if (column->key->kind == CONFIG_ROWS)
            print_columns(column->key, out);
    }
}

static void print_yaml_key(const struct config *c, const struct config_key *key, FILE *out)
{
    bool whole = key->name[0] == '\0'; // of its section
    print_wrapped(out, "  # ", COLUMNS, key->help);
    struct config_text facts;
    snprintf(facts.z, sizeof facts.z, "Takes %.300s. %s. %.80s", config_expected(key).z,
             key->live ? "Reloadable" : "Needs a restart", config_key_env(key).z);
    print_wrapped(out, "  # ", COLUMNS, facts.z);
    if (key->kind == CONFIG_ROWS)
        print_columns(key, out);
    fputs(whole ? "" : "  ", out);
    print_value((const char *)c + key->offset, whole ? key->section : key->name, key, whole ? "" : "  ", out);
}

void config_print_yaml(const struct config *c, FILE *out)
{
    fputs(
        "# Settings of plenum. What is left out keeps its default. A PLENUM_* variable overrides this file, a\n"
        "# --section.name flag overrides both. `plenum check-config FILE` tells what is wrong with a file.\n"
        "# Sizes and times take units: 64k, 1MiB, 512MB, 90s, 15m, 1h. A bare number is in the unit that is named.\n",
        out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        fputc('\n', out);
        if (is_first_of_section(i)) {
            print_wrapped(out, "# ", COLUMNS, section_of(key)->help);
            if (key->name[0] != '\0')
                fprintf(out, "%s:\n", key->section);
        }
        print_yaml_key(c, key, out);
    }
}

// ---- --help

void config_print_flags(FILE *out)
{
    struct config_load *defaults = malloc(sizeof *defaults);
    if (defaults == NULL)
        return;
    config_load_init(defaults);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (is_first_of_section(i))
            fprintf(out, "\n%s: %s\n", key->section, section_of(key)->help);
        fprintf(out, "  --%s (default %s%s%s)\n", key->path, config_value_text(&defaults->values, key).z,
                key->unit[0] ? " " : "", key->unit);
        print_wrapped(out, "      ", COLUMNS, key->help);
    }
    free(defaults);
}

// ---- markdown

// '|' would end a table's cell.
static void put_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static const char markdown_head[] =
    "# Configuration\n"
    "\n"
    "<!-- Made by `plenum config --markdown > docs/CONFIG.md` from the table in src/app/config_schema.h. A test fails\n"
    "     when it is out of date. -->\n"
    "\n"
    "Every setting has a default; `plenum serve` needs no file. Where a setting is given more than once, the later\n"
    "of these wins:\n"
    "\n"
    "1. the default,\n"
    "2. the YAML file of `plenum serve -c FILE`,\n"
    "3. the environment variable: `PLENUM_` and the path in capitals with `_` between, as in\n"
    "   `PLENUM_SERVER_SHARDS=4`,\n"
    "4. the flag: `--server.shards=4` or `--server.shards 4`. Lists are comma-separated in variables and flags; a list\n"
    "   of mappings is YAML there, too: `--rooms.rules='[{match: news, presence: none}]'`. It is replaced as a whole.\n"
    "\n"
    "| command | what it does |\n"
    "|---|---|\n"
    "| `plenum config` | prints all settings with their defaults as a commented YAML file to start from |\n"
    "| `plenum config --effective [-c FILE]` | the same with the values in force here |\n"
    "| `plenum config --room NAME [-c FILE]` | which rule of `rooms.rules` a room of that name gets, whose tenant's it is, why, and what holds in it "
    "|\n"
    "| `plenum check-config FILE` | lists everything that is wrong with a file, or says that nothing is |\n"
    "| `plenum doctor [-c FILE]` | what the machine allows of it, and what the limits cost when they are reached |\n"
    "\n"
    "A bare number is in the unit that the table names. Sizes and times may be written with another one, everywhere:\n"
    "`64k`, `1MiB`, `512MB`, `2GiB`, `250ms`, `90s`, `15m`, `1h`, `7d`. k, KB and KiB are all 1,024, and what is not\n"
    "a whole number of the setting's own unit is refused.\n"
    "\n"
    "A mistake is reported as `file:line: key: got ..., expected ...` (in a list of mappings with its row, counted from 0:\n"
    "`plenum.yaml:9: rooms.rules[2].access: got ...`; `PLENUM_SERVER_SHARDS: got ...` for a variable,\n"
    "`--server.shards: got ...` for a flag), all of them at once, and nothing is started. A `PLENUM_*` variable that\n"
    "looks like a setting and is none is a warning.\n"
    "\n"
    "`SIGHUP` reads the file again. Settings marked *live* are applied to the running server and logged as old and new\n"
    "value; for the others the log says that they need a restart. A file with a mistake changes nothing.\n"
    "\n"
    "| signal | what it does |\n"
    "|---|---|\n"
    "| SIGTERM, SIGINT | leaves in good order, see `drain`. Another one goes one step further: it ends the wait of "
    "`drain.readiness_s`, then it cuts everyone off and exits with 130 |\n"
    "| SIGHUP | reads the configuration again |\n"
    "| SIGUSR1 | writes a line `event=status` to the log: connections, rooms, memory, open files |\n"
    "| SIGQUIT | ends the process with a core dump, for a server that hangs |\n"
    "| SIGUSR2, SIGPIPE, SIGALRM and the like | nothing |\n"
    "\n"
    "| exit code | meaning |\n"
    "|---|---|\n"
    "| 0 | done; also after a drain, within `drain.deadline_s`; the log tells if someone had to be cut off |\n"
    "| 1 | the server could not start: a port is taken, or there is no memory; of `audit verify`: the chain is not whole |\n"
    "| 2 | wrong command line or configuration; nothing was started |\n"
    "| 130 | another SIGTERM or SIGINT ended a drain at once |\n";

// A list of mappings: a table of what a row may hold. live: what the outermost list is.
static void put_table(FILE *out, const char *path, const struct config_key *key, bool live)
{
    fprintf(out, "\n### %s\n\n%s %s, at most %" PRIu32 " rows. One of them: `%s`\n\n", path, key->help,
            live ? "Live" : "Needs a restart", key->max, key->detail);
    fputs("| key | without it | what it does |\n|---|---|---|\n", out);
    for (uint32_t i = 0; i < key->table->columns_n; i++) {
        const struct config_column *column = &key->table->columns[i];
        const struct config_key *own = column->key;
        fprintf(out, "| `%s` | ", column->name);
        if (column->like)
            fprintf(out, "`%s` | In place of that, for this row", own->path);
        else if (column->needed)
            fprintf(out, "needed | %s Takes ", own->help);
        else
            fprintf(out, "%s%s%s | %s Takes ", own->preset[0] != '\0' ? "`" : "",
                    own->preset[0] != '\0' ? own->preset : "none", own->preset[0] != '\0' ? "`" : "",
                    own->help);
        if (!column->like)
            put_cell(out, config_expected(own).z);
        fputs(". |\n", out);
    }
    for (uint32_t i = 0; i < key->table->columns_n; i++) {
        const struct config_column *column = &key->table->columns[i];
        char inner[96];
        snprintf(inner, sizeof inner, "%s[].%s", path, column->name);
        if (column->key->kind == CONFIG_ROWS)
            put_table(out, inner, column->key, live);
    }
}

// One section: single settings in a table, and a table of its own for each list of mappings.
static void put_section(FILE *out, const struct config *defaults, size_t first)
{
    const struct config_section *section = section_of(&config_keys[first]);
    fprintf(out, "\n## %s\n\n%s\n\n| setting | default | | what it does |\n|---|---|---|---|\n",
            section->name, section->help);
    for (size_t i = first; i < CONFIG_KEY_COUNT && (i == first || !is_first_of_section(i)); i++) {
        const struct config_key *key = &config_keys[i];
        fprintf(out, "| `%s` | ", key->path);
        if (key->kind == CONFIG_ROWS) {
            fprintf(out, "none | %s | ", key->live ? "live" : "restart");
            put_cell(out, key->help);
            fputs(" See below. |\n", out);
            continue;
        }
        if (key->kind == CONFIG_SECRET || (config_is_list(key) && key->preset[0] == '\0'))
            fputs("none", out);
        else
            fprintf(out, "`%s`%s%s", config_value_text(defaults, key).z, key->unit[0] ? " " : "", key->unit);
        fprintf(out, " | %s | ", key->live ? "live" : "restart");
        put_cell(out, key->help);
        fputs(" Takes ", out);
        put_cell(out, config_expected(key).z);
        fputs(". |\n", out);
    }
    for (size_t i = first; i < CONFIG_KEY_COUNT && (i == first || !is_first_of_section(i)); i++)
        if (config_keys[i].kind == CONFIG_ROWS)
            put_table(out, config_keys[i].path, &config_keys[i], config_keys[i].live);
}

void config_print_markdown(FILE *out)
{
    struct config_load *defaults = malloc(sizeof *defaults);
    if (defaults == NULL)
        return;
    config_load_init(defaults);
    fputs(markdown_head, out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (is_first_of_section(i))
            put_section(out, &defaults->values, i);
    free(defaults);
}
