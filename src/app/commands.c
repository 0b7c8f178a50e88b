// SPDX-License-Identifier: Apache-2.0
//
// A command line is: the command, then options in any order. Settings (--section.name) are picked out and handed to
// the configuration as they are, which knows their names, types and ranges.
#include "app/commands.h"

#include "app/api_key.h"
#include "app/audit_command.h"
#include "app/cert_command.h"
#include "app/certificates.h"
#include "app/config.h"
#include "app/config_override.h"
#include "app/config_print.h"
#include "app/doctor_command.h"
#include "app/keys.h"
#include "app/keys_command.h"
#include "app/rights_print.h"
#include "app/serve.h"
#include "app/store_command.h"
#include "app/token_command.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"

#include "base/near.h"

#include <stdlib.h>

struct line {
    const struct subcommand *command;
    char **environment;
    bool help, markdown, effective;
    const char *config;   // -c FILE
    const char *room;     // --room NAME
    const char *argument; // of commands that take one
    char **settings;      // room for two of each argument
    int settings_n;
};

enum accepts { TAKES_SETTINGS = 1, TAKES_FILE = 2, TAKES_FORMS = 4, TAKES_ALL = 8, TAKES_NAME = 16 };

struct subcommand {
    const char *name;
    enum exit_code (*run)(const struct line *line);
    unsigned accepts;
    const char *usage;
    const char *summary;
    const char *help;
};

static enum exit_code run_serve(const struct line *line);
static enum exit_code run_check(const struct line *line);
static enum exit_code run_config(const struct line *line);
static enum exit_code run_doctor(const struct line *line);
static enum exit_code run_token(const struct line *line);
static enum exit_code run_keys(const struct line *line);
static enum exit_code run_cert(const struct line *line);
static enum exit_code run_rights(const struct line *line);
static enum exit_code run_api_key(const struct line *line);
static enum exit_code run_audit(const struct line *line);
static enum exit_code run_store(const struct line *line);
static enum exit_code run_version(const struct line *line);

static const struct subcommand commands[] = {
    {"serve", run_serve, TAKES_SETTINGS,
     "plenum serve [-c FILE] [--section.name=VALUE ...] [--echo] [--dev-tls] [--debug-read-limit N]",
     "runs the server",
     "Listens on server.http, server.text and server.admin, prints where, and runs until SIGTERM or SIGINT, then leaves in good\n"
     "order. SIGHUP reads the configuration again, SIGUSR1 logs how the server is.\n"
     "\n"
     "  -c, --config FILE      YAML file with settings; without it the defaults hold\n"
     "  --section.name=VALUE   one setting; stronger than the file and than PLENUM_SECTION_NAME. Sizes and times take\n"
     "                         units: 64k, 1MiB, 512MB, 90s, 15m, 1h\n"
     "  --echo                 short for --server.echo=true\n"
     "  --dev-tls              short for --server.dev_tls=true\n"
     "  --debug-read-limit N   short for --server.debug_read_limit=N\n"
     "\n"
     "The last line on stdout is `ready http=HOST:PORT text=HOST:PORT admin=HOST:PORT shards=N pid=PID`. Log lines go to stderr.\n"},
    {"check-config", run_check, TAKES_FILE, "plenum check-config FILE",
     "lists everything that is wrong with a file",
     "Prints one line per mistake, `file:line: key: got ..., expected ...`, and exits with 2; with 0 if all is well.\n"},
    {"config", run_config, TAKES_SETTINGS | TAKES_FORMS,
     "plenum config [--markdown | --effective | --room NAME] [-c FILE] [--section.name=VALUE ...]",
     "prints all settings with their defaults as YAML",
     "  --markdown    the same as a page of documentation (docs/CONFIG.md)\n"
     "  --effective   with the values in force, from FILE, PLENUM_* variables and flags; secrets are left out\n"
     "  --room NAME   which rule a room of that name gets, why, and every value that holds in it\n"},
    {"doctor", run_doctor, TAKES_SETTINGS, DOCTOR_USAGE,
     "says what this machine allows, and what the limits cost", doctor_help},
    {"rights", run_rights, 0, "plenum rights", "prints what each role may do in a room", ""},
    {"token", run_token, TAKES_ALL, TOKEN_USAGE, "makes and inspects tokens", token_help},
    {"keys", run_keys, TAKES_ALL, KEYS_USAGE, "makes keys that tokens are signed with", keys_help},
    {"cert", run_cert, TAKES_ALL, CERT_USAGE, "makes a certificate for development", cert_help},
    {"apikey", run_api_key, TAKES_NAME, "plenum apikey [NAME]", "makes a key of the HTTP API",
     "Prints a new key, and the row of `api.keys` with its hash, which is all that the server needs to know of it.\n"},
    {"audit", run_audit, TAKES_ALL, AUDIT_USAGE, "checks and shows what was written to audit.file",
     audit_help},
    {"store", run_store, TAKES_ALL, STORE_USAGE, "looks at a store, checks it, moves it and takes care of it",
     store_help},
    {"version", run_version, 0, "plenum version", "prints the version", ""},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

// ---- help

static void print_overview(FILE *out)
{
    fputs("plenum: a multi-room WebSocket messaging server\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  plenum %-13s %s\n", commands[i].name, commands[i].summary);
    fputs(
        "\n`plenum COMMAND --help` says more. Exit codes: 0 done, 1 could not start, not whole (audit verify, store verify) or not well (doctor), 2 wrong command line or\n"
        "configuration, 130 cut off by a second signal.\n",
        out);
}

static void print_help(const struct subcommand *c)
{
    printf("%s\n\n%s", c->usage, c->help);
    if (strcmp(c->name, "serve") == 0) {
        printf("\nSettings:\n");
        config_print_flags(stdout);
    }
}

// ---- command line

// What may have been meant, as it would be written: --port=8080 becomes --server.http=127.0.0.1:8080. before: what of the
// command line was left out.
static struct config_text suggestion(const char *before, str argument)
{
    struct config_text t = {""};
    str value;
    while (argument.n > 0 && argument.p[0] == '-')
        argument = str_skip(argument, 1);
    const struct config_key *meant = config_key_guess(str_split(argument, '=', &value));
    uint64_t port;
    if (meant == NULL) {
        snprintf(t.z, sizeof t.z, " (`plenum serve --help` lists all settings)");
    } else if (meant->kind == CONFIG_ADDRESS && value.p != NULL && str_to_u64(value, UINT16_MAX, &port)) {
        str host = str_split(str_from_cstr(meant->preset), ':', &value);
        snprintf(t.z, sizeof t.z, " (did you mean %s--%s=%.*s:%u?)", before, meant->path, STR_ARG(host),
                 (unsigned)port);
    } else {
        snprintf(t.z, sizeof t.z, " (did you mean %s--%s?)", before, meant->path);
    }
    return t;
}

static enum exit_code complain(const struct subcommand *c, const char *argument)
{
    bool setting = (c->accepts & TAKES_SETTINGS) && argument[0] == '-';
    fprintf(stderr, "plenum %s: got %s, expected %s%s\n", c->name, complaint_quote(str_from_cstr(argument)).z,
            c->usage, setting ? suggestion("", str_from_cstr(argument)).z : "");
    return EXIT_USAGE;
}

// Takes "--name TEXT" or "--name=TEXT" at argv[0]; the number of arguments used, 0 if it is neither, -1 if the text is
// missing.
static int take_text(char **argv, int n, const char *name, const char **ret_text)
{
    size_t name_n = strlen(name);
    if (strncmp(argv[0], name, name_n) == 0 && argv[0][name_n] == '=') {
        *ret_text = argv[0] + name_n + 1;
        return 1;
    }
    if (strcmp(argv[0], name) != 0)
        return 0;
    if (n < 2)
        return -1;
    *ret_text = argv[1];
    return 2;
}

// "-c FILE" or "--config FILE", likewise.
static int take_config(char **argv, int n, const char **ret_file)
{
    int used = take_text(argv, n, "-c", ret_file);
    return used != 0 ? used : take_text(argv, n, "--config", ret_file);
}

// What is short for a setting, likewise.
static int take_short(struct line *line, char **argv, int n)
{
    static char echo[] = "--server.echo=true", dev_tls[] = "--server.dev_tls=true",
                read_limit[] = "--server.debug_read_limit";
    const char *value;
    if (strcmp(argv[0], "--echo") == 0 || strcmp(argv[0], "--dev-tls") == 0) {
        line->settings[line->settings_n++] = argv[0][2] == 'e' ? echo : dev_tls;
        return 1;
    }
    int used = take_text(argv, n, "--debug-read-limit", &value);
    if (used > 0) {
        line->settings[line->settings_n++] = read_limit;
        line->settings[line->settings_n++] = used == 1 ? strchr(argv[0], '=') + 1 : argv[1];
    }
    return used;
}

// One option or argument at argv[0]; the number of arguments used, or 0 if the command does not take it.
static int take_one(struct line *line, char **argv, int n)
{
    unsigned accepts = line->command->accepts;
    int used;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        line->help = true;
        return 1;
    }
    if (accepts & TAKES_ALL) { // it has options of its own
        line->settings[line->settings_n++] = argv[0];
        return 1;
    }
    if ((accepts & TAKES_FORMS) && strcmp(argv[0], "--markdown") == 0) {
        line->markdown = true;
        return 1;
    }
    if ((accepts & TAKES_FORMS) && strcmp(argv[0], "--effective") == 0) {
        line->effective = true;
        return 1;
    }
    if ((accepts & TAKES_FORMS) && (used = take_text(argv, n, "--room", &line->room)) != 0)
        return used;
    if ((accepts & (TAKES_FILE | TAKES_NAME)) && argv[0][0] != '-' && line->argument == NULL) {
        line->argument = argv[0];
        return 1;
    }
    if (!(accepts & TAKES_SETTINGS))
        return 0;
    if ((used = take_short(line, argv, n)) != 0)
        return used;
    int span = config_flag_span(argv, n);
    for (int i = 0; i < span; i++)
        line->settings[line->settings_n++] = argv[i];
    return span > 0 ? span : take_config(argv, n, &line->config);
}

static enum exit_code run_line(struct line *line, int argc, char **argv)
{
    for (int i = 0, used; i < argc; i += used) {
        used = take_one(line, argv + i, argc - i);
        if (used < 0) {
            fprintf(stderr, "plenum %s: %s: got no value, expected %s\n", line->command->name, argv[i],
                    strcmp(argv[i], "--room") == 0               ? "the name of a room"
                    : strcmp(argv[i], "--debug-read-limit") == 0 ? "a number of bytes"
                                                                 : "a file");
            return EXIT_USAGE;
        }
        if (used == 0)
            return complain(line->command, argv[i]);
    }
    if (line->help) {
        print_help(line->command);
        return EXIT_DONE;
    }
    return line->command->run(line);
}

static enum exit_code out_of_memory(void)
{
    fputs("plenum: out of memory\n", stderr);
    return EXIT_FAILED;
}

static enum exit_code unknown_command(const char *word)
{
    struct config_text hint = {""};
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < COMMANDS; i++) {
        const size_t distance = edit_distance(str_from_cstr(word), str_from_cstr(commands[i].name));
        if (distance >= best || !config_text_near(str_from_cstr(word), str_from_cstr(commands[i].name)))
            continue;
        best = distance;
        snprintf(hint.z, sizeof hint.z, " (did you mean %s?)", commands[i].name);
    }
    if (word[0] == '-') // a setting, and the command forgotten
        hint = suggestion("plenum serve ", str_from_cstr(word));
    fprintf(stderr, "plenum: got %s, expected a command: ", complaint_quote(str_from_cstr(word)).z);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < COMMANDS ? ", " : " or ", commands[i].name);
    fprintf(stderr, "%s\n", hint.z);
    return EXIT_USAGE;
}

enum exit_code commands_run(int argc, char **argv, char **environment)
{
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0)
        word = "version";
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, word) != 0)
            continue;
        struct line line = {.command = &commands[i], .environment = environment};
        line.settings = calloc(2 * (size_t)argc, sizeof *line.settings);
        if (line.settings == NULL)
            return out_of_memory();
        enum exit_code code = run_line(&line, argc - 2, argv + 2);
        free(line.settings);
        return code;
    }
    return unknown_command(word);
}

// ---- the commands

static struct config_sources sources_of(const struct line *line)
{
    return (struct config_sources){.file = line->config,
                                   .environment = line->environment,
                                   .flags = line->settings,
                                   .flags_n = line->settings_n};
}

static enum exit_code run_serve(const struct line *line)
{
    struct config_sources sources = sources_of(line);
    return serve_run(&sources);
}

// Loads and complains on stderr. NULL, with the exit code, if that failed; the caller frees what it gets.
static struct config_load *load_or_complain(const struct config_sources *sources, enum exit_code *ret_code)
{
    struct config_load *l = malloc(sizeof *l);
    if (l == NULL) {
        *ret_code = out_of_memory();
        return NULL;
    }
    bool good = config_load(l, sources);
    complaints_print(&l->complaints, stderr);
    if (good)
        return l;
    *ret_code = EXIT_USAGE;
    free(l);
    return NULL;
}

// The files that it names, too.
static enum exit_code check_files(struct config_load *l)
{
    struct mem mem;
    mem_init(&mem, mem_malloc_backend(), 0);
    if (digest_self_test() != OK) {
        fputs("plenum: libcrypto does not work: it found no memory, or its library is broken\n", stderr);
        return EXIT_FAILED;
    }
    complaints_init(&l->complaints); // the others have been told
    struct certificates certificates;
    struct keyring *keys = keys_load(l, &mem, 1);
    const bool good = certificates_load(l, &certificates) && keys != NULL;
    complaints_print(&l->complaints, stderr);
    certificates_free(&certificates);
    keyring_unref(keys);
    return good ? EXIT_DONE : EXIT_USAGE;
}

static enum exit_code run_check(const struct line *line)
{
    if (line->argument == NULL) {
        fprintf(stderr, "plenum check-config: got no file, expected %s\n", line->command->usage);
        return EXIT_USAGE;
    }
    // The file alone: variables of this shell say nothing about the machine it is for.
    const struct config_sources sources = {.file = line->argument};
    enum exit_code code;
    struct config_load *l = load_or_complain(&sources, &code);
    if (l == NULL)
        return code;
    code = check_files(l);
    if (code == EXIT_DONE)
        printf("%s: no mistakes\n", line->argument);
    free(l);
    return code;
}

static enum exit_code no_room(const char *name)
{
    fprintf(
        stderr,
        "plenum config: --room: got %s, expected a room name of 1 to %d octets without control characters\n",
        complaint_quote(str_from_cstr(name)).z, ROOM_NAME_MAX);
    return EXIT_USAGE;
}

static enum exit_code run_config(const struct line *line)
{
    if (line->markdown) {
        config_print_markdown(stdout);
        return EXIT_DONE;
    }
    bool in_force = line->effective || line->room != NULL;
    if (!in_force && (line->config != NULL || line->settings_n > 0)) {
        fprintf(stderr, "plenum config: got settings without --effective or --room, expected %s\n",
                line->command->usage);
        return EXIT_USAGE;
    }
    struct config_sources sources = {.file = NULL};
    if (in_force)
        sources = sources_of(line);
    enum exit_code code;
    struct config_load *l = load_or_complain(&sources, &code);
    if (l == NULL)
        return code;
    code = EXIT_DONE;
    if (line->room == NULL)
        config_print_yaml(&l->values, stdout);
    else if (!config_print_room(l, str_from_cstr(line->room), stdout))
        code = no_room(line->room);
    free(l);
    return code;
}

static enum exit_code run_doctor(const struct line *line)
{
    const struct config_sources sources = sources_of(line);
    enum exit_code code;
    struct config_load *l = load_or_complain(&sources, &code);
    if (l == NULL)
        return code;
    code = doctor_command(&l->values, stdout);
    free(l);
    return code;
}

static enum exit_code run_rights(const struct line *line)
{
    (void)line;
    rights_print(stdout);
    return EXIT_DONE;
}
static enum exit_code run_api_key(const struct line *line) { return api_key_make(line->argument); }

static enum exit_code run_token(const struct line *line)
{
    return token_command(line->settings_n, line->settings, line->environment);
}

static enum exit_code run_keys(const struct line *line)
{
    return keys_command(line->settings_n, line->settings);
}

static enum exit_code run_cert(const struct line *line)
{
    return cert_command(line->settings_n, line->settings);
}

static enum exit_code run_audit(const struct line *line)
{
    return audit_command(line->settings_n, line->settings, line->environment);
}

static enum exit_code run_store(const struct line *line)
{
    return store_command(line->settings_n, line->settings, line->environment);
}

static enum exit_code run_version(const struct line *line)
{
    (void)line;
    printf("plenum %s\n", PLENUM_VERSION);
    return EXIT_DONE;
}
