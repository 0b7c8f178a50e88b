// SPDX-License-Identifier: Apache-2.0
#include "app/config_print.h"

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
static struct config_text size_remark(const struct config *c, const struct config_key *key)
{
    struct config_text t = {""};
    if (key->kind != CONFIG_BYTES)
        return t;
    uint32_t v = *(const uint32_t *)(const void *)((const char *)c + key->offset);
    if (v >= 1u << 20 && v % (1u << 20) == 0)
        snprintf(t.z, sizeof t.z, "  # %" PRIu32 " MiB", v >> 20);
    else if (v >= 1u << 10 && v % (1u << 10) == 0)
        snprintf(t.z, sizeof t.z, "  # %" PRIu32 " KiB", v >> 10);
    return t;
}

static void print_yaml_list(const struct config_list *list, const char *name, FILE *out)
{
    fprintf(out, "  %s:%s\n", name, list->n == 0 ? " []" : "");
    for (uint32_t i = 0; i < list->n; i++)
        fprintf(out, "    - \"%s\"\n",
                list->items[i]); // patterns hold no character that YAML would want escaped
}

static void print_yaml_key(const struct config *c, const struct config_key *key, FILE *out)
{
    print_wrapped(out, "  # ", COLUMNS, key->help);
    struct config_text facts;
    snprintf(facts.z, sizeof facts.z, "Takes %.300s. %s. %.80s", config_expected(key).z,
             key->live ? "Reloadable" : "Needs a restart", config_key_env(key).z);
    print_wrapped(out, "  # ", COLUMNS, facts.z);
    if (key->kind == CONFIG_SECRET) {
        bool set = ((const char *)c)[key->offset] != '\0';
        fprintf(out, "  %s: \"\"%s\n", key->name, set ? "  # set, not shown" : "");
        return;
    }
    if (config_is_list(key)) {
        print_yaml_list((const void *)((const char *)c + key->offset), key->name, out);
        return;
    }
    fprintf(out, "  %s: %s%s\n", key->name, config_value_text(c, key).z, size_remark(c, key).z);
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
    "4. the flag: `--server.shards=4` or `--server.shards 4`. Lists are comma-separated in variables and flags.\n"
    "\n"
    "| command | what it does |\n"
    "|---|---|\n"
    "| `plenum config` | prints all settings with their defaults as a commented YAML file to start from |\n"
    "| `plenum config --effective [-c FILE]` | the same with the values in force here |\n"
    "| `plenum check-config FILE` | lists everything that is wrong with a file, or says that nothing is |\n"
    "\n"
    "A bare number is in the unit that the table names. Sizes and times may be written with another one, everywhere:\n"
    "`64k`, `1MiB`, `512MB`, `2GiB`, `250ms`, `90s`, `15m`, `1h`, `7d`. k, KB and KiB are all 1,024, and what is not\n"
    "a whole number of the setting's own unit is refused.\n"
    "\n"
    "A mistake is reported as `file:line: key: got ..., expected ...` (`PLENUM_SERVER_SHARDS: got ...` for a variable,\n"
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
    "| 1 | the server could not start: a port is taken, or there is no memory |\n"
    "| 2 | wrong command line or configuration; nothing was started |\n"
    "| 130 | another SIGTERM or SIGINT ended a drain at once |\n";

void config_print_markdown(FILE *out)
{
    struct config_load *defaults = malloc(sizeof *defaults);
    if (defaults == NULL)
        return;
    config_load_init(defaults);
    fputs(markdown_head, out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (is_first_of_section(i))
            fprintf(out, "\n## %s\n\n%s\n\n| setting | default | | what it does |\n|---|---|---|---|\n",
                    key->section, section_of(key)->help);
        fprintf(out, "| `%s` | ", key->path);
        if (key->kind == CONFIG_SECRET || (config_is_list(key) && key->preset[0] == '\0'))
            fputs("none", out);
        else
            fprintf(out, "`%s`%s%s", config_value_text(&defaults->values, key).z, key->unit[0] ? " " : "",
                    key->unit);
        fprintf(out, " | %s | ", key->live ? "live" : "restart");
        put_cell(out, key->help);
        fputs(" Takes ", out);
        put_cell(out, config_expected(key).z);
        fputs(". |\n", out);
    }
    free(defaults);
}
