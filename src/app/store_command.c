// SPDX-License-Identifier: Apache-2.0
//
// Jobs that only look open a store beside a server that uses it. Those that change something do not: the rooms that a server has in
// memory are the server's, so its store is taken (STORE_TAKEN).
#include "app/store_command.h"

#include "app/complaints.h"
#include "app/config_override.h"
#include "io/mem_malloc.h"
#include "io/store_drivers.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char store_help[] =
    "info      what it is, how much is in it, and since when\n"
    "verify    checks the database, and each room by its records; a line for each that is damaged, exit 1 then\n"
    "export    writes all of it into FILE, or to stdout, in a format that other versions and other kinds of stores read\n"
    "import    reads such a file into an empty store; with --merge into one that has rooms, and adds what is not there\n"
    "compact   gives back the space of what is no more there\n"
    "backup    copies it into FILE, as it is at one moment\n"
    "forget    --erase: takes away what that user has said; --pseudonym: lets nobody be seen to have said it. Leaves a line in\n"
    "          audit.file\n"
    "\n"
    "  --kind KIND     sqlite or postgres; sqlite\n"
    "  --path FILE     of sqlite\n"
    "  --url URL       of postgres\n"
    "  -c, --config FILE, --section.name=VALUE   settings, as of `plenum serve`: where the audit is\n"
    "\n"
    "info, verify, export and backup work while a server uses it; the others are refused then. Exit codes: 0 done, 1 damaged or\n"
    "broken off, 2 nothing was done.\n";

static const char *const jobs[] = {
    [STORE_INFO] = "info",     [STORE_VERIFY] = "verify",   [STORE_EXPORT] = "export",
    [STORE_IMPORT] = "import", [STORE_COMPACT] = "compact", [STORE_BACKUP] = "backup",
    [STORE_FORGET] = "forget"};
enum { JOBS = sizeof jobs / sizeof jobs[0] };

static enum exit_code tell_errno(const struct store_tool *t, const char *path, enum exit_code code)
{
    char reason[128];
    fprintf(t->err, "plenum store: %s: %s\n", complaint_bare(str_from_cstr(path)).z,
            strerror_r(errno, reason, sizeof reason));
    return code;
}

// ---- files

// Under another name first, so that a file of that name is whole or as it was.
static enum exit_code export_file(struct store_tool *t, const char *path)
{
    char part[4096];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return errno = ENAMETOOLONG, tell_errno(t, path, EXIT_USAGE);
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (to == NULL)
        return tell_errno(t, part, EXIT_USAGE);
    enum exit_code code = store_export(t, to);
    const bool kept = code == EXIT_DONE && fsync(fd) == 0;
    const bool closed = fclose(to) == 0;
    if (code == EXIT_DONE && (!kept || !closed || rename(part, path) != 0))
        code = tell_errno(t, path, EXIT_FAILED);
    if (code != EXIT_DONE)
        unlink(part);
    return code;
}

static enum exit_code import_file(struct store_tool *t, const char *path, bool merge)
{
    FILE *from = fopen(path, "re");
    if (from == NULL)
        return tell_errno(t, path, EXIT_USAGE);
    const enum exit_code code = store_import(t, from, merge);
    fclose(from);
    return code;
}

// ---- jobs

static enum exit_code do_job(struct store_tool *t, const struct store_wish *w)
{
    switch (w->job) {
    case STORE_INFO:
        return store_info_show(t);
    case STORE_VERIFY:
        return store_verify(t);
    case STORE_EXPORT:
        return w->argument != NULL ? export_file(t, w->argument) : store_export(t, t->out);
    case STORE_IMPORT:
        return import_file(t, w->argument, w->merge);
    case STORE_COMPACT:
        return store_compact(t);
    case STORE_BACKUP:
        return store_backup(t, w->argument);
    case STORE_FORGET:
        break;
    }
    return store_forget_user(t, str_from_cstr(w->argument), w->erase ? FORGET_ERASE : FORGET_PSEUDONYM,
                             w->audit, w->audit_key);
}

enum exit_code store_do(struct store_tool *t, const struct store_driver *d, struct store_config *c,
                        const struct store_wish *w)
{
    c->read_only =
        w->job == STORE_INFO || w->job == STORE_VERIFY || w->job == STORE_EXPORT || w->job == STORE_BACKUP;
    // An import that cannot be begun makes no store.
    if (w->job == STORE_IMPORT && access(w->argument, R_OK) != 0)
        return tell_errno(t, w->argument, EXIT_USAGE);
    if (!store_tool_open(t, d, c))
        return EXIT_USAGE;
    enum exit_code code = do_job(t, w);
    store_tool_close(t);
    if (fflush(t->out) != 0 && code == EXIT_DONE)
        code = tell_errno(t, "stdout", EXIT_FAILED);
    return code;
}

// ---- arguments

struct store_line_args {
    struct store_wish wish;
    struct store_config store;
    const char *config;
    char **settings; // pointers into the arguments
    int settings_n;
};

static enum exit_code complain(const char *got)
{
    fprintf(stderr, "plenum store: got %s, expected %s\n", complaint_quote(str_from_cstr(got)).z,
            STORE_USAGE);
    return EXIT_USAGE;
}

// "--name VALUE" or "--name=VALUE" at argv[0]: how many arguments that is; 0: it is no option of ours.
static int take_option(struct store_line_args *a, char **argv, int n)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--kind", &a->store.kind},
                   {"--path", &a->store.path},
                   {"--url", &a->store.url},
                   {"--config", &a->config},
                   {"-c", &a->config}};
    const struct {
        const char *name;
        bool *value;
    } flags[] = {
        {"--merge", &a->wish.merge}, {"--erase", &a->wish.erase}, {"--pseudonym", &a->wish.pseudonym}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(argv[0], flags[i].name) == 0)
            return *flags[i].value = true, 1;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const size_t name_n = strlen(options[i].name);
        if (strncmp(argv[0], options[i].name, name_n) != 0)
            continue;
        if (argv[0][name_n] == '=')
            return *options[i].value = argv[0] + name_n + 1, 1;
        if (argv[0][name_n] == '\0' && n > 1)
            return *options[i].value = argv[1], 2;
    }
    return 0;
}

static bool take_all(struct store_line_args *a, int argc, char **argv, const char **ret_bad)
{
    for (int i = 1, used; i < argc; i += used) {
        *ret_bad = argv[i];
        used = take_option(a, argv + i, argc - i);
        if (used == 0 && argv[i][0] != '-' && a->wish.argument == NULL) {
            a->wish.argument = argv[i];
            used = 1;
        } else if (used == 0) {
            used = config_flag_span(argv + i, argc - i);
            for (int k = 0; k < used; k++)
                a->settings[a->settings_n++] = argv[i + k];
        }
        if (used == 0)
            return false;
    }
    return true;
}

// What is missing, or does not belong together; NULL: nothing.
static const char *wrong_with(const struct store_wish *w)
{
    const bool names = w->job == STORE_IMPORT || w->job == STORE_BACKUP || w->job == STORE_FORGET;
    if (names && (w->argument == NULL || w->argument[0] == '\0'))
        return w->job == STORE_FORGET ? "no user" : "no file";
    if (!names && w->job != STORE_EXPORT && w->argument != NULL)
        return w->argument;
    if (w->merge && w->job != STORE_IMPORT)
        return "--merge";
    if (w->job == STORE_FORGET ? w->erase == w->pseudonym : w->erase || w->pseudonym)
        return w->job == STORE_FORGET ? "not one of --erase and --pseudonym" : "--erase or --pseudonym";
    if (w->job == STORE_FORGET && strlen(w->argument) > USER_ID_MAX)
        return "a user with too long a name";
    return NULL;
}

static enum exit_code run(struct store_line_args *a, struct config_load *l, char **environment)
{
    const struct config_sources sources = {
        .file = a->config, .environment = environment, .flags = a->settings, .flags_n = a->settings_n};
    const bool good = config_load(l, &sources);
    complaints_print(&l->complaints, stderr);
    if (!good)
        return EXIT_USAGE;
    const struct store_driver *d = store_driver_find(a->store.kind);
    if (d == NULL)
        fprintf(stderr, "plenum store: --kind: got %s, which this program has no driver for\n",
                complaint_quote(str_from_cstr(a->store.kind)).z);
    if (d == NULL)
        return EXIT_USAGE;
    if (digest_self_test() != OK) {
        fputs("plenum store: libcrypto does not work: it found no memory, or its library is broken\n",
              stderr);
        return EXIT_USAGE;
    }
    struct mem mem;
    mem_init(&mem, mem_malloc_backend(), 0);
    struct store_tool t = {.mem = &mem, .out = stdout, .err = stderr};
    a->wish.audit = l->values.audit_file[0] != '\0' ? l->values.audit_file : NULL;
    a->wish.audit_key = str_from_cstr(l->values.audit_key);
    return store_do(&t, d, &a->store, &a->wish);
}

enum exit_code store_command(int argc, char **argv, char **environment)
{
    struct store_line_args a = {.store = {.kind = "sqlite", .server = "plenum store", .busy_ms = 5000}};
    const char *bad = argc > 0 ? argv[0] : "";
    size_t job = 0;
    a.settings = argv; // each is behind where it is put
    while (argc > 0 && job < JOBS && strcmp(argv[0], jobs[job]) != 0)
        job++;
    if (argc == 0 || job == JOBS || !take_all(&a, argc, argv, &bad))
        return complain(bad);
    a.wish.job = (enum store_job)job;
    if ((bad = wrong_with(&a.wish)) != NULL)
        return complain(bad);
    struct config_load *l = malloc(sizeof *l);
    if (l == NULL) {
        fputs("plenum: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    const enum exit_code code = run(&a, l, environment);
    free(l);
    return code;
}
