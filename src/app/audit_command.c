// SPDX-License-Identifier: Apache-2.0
//
// Files are read in pieces, however long they are. What is shown was written by peers, and goes through the same escapes as a line
// of the log before it gets to a terminal.
#include "app/audit_command.h"

#include "app/complaints.h"
#include "app/escape.h"
#include "core/audit/check.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char audit_help[] =
    "verify says whether the files, oldest first, are one chain without a line missing, changed, put in or moved. Prints a line\n"
    "with what it has found, and exits with 0; or with 1, and where and what is wrong.\n"
    "\n"
    "  --key-file FILE    a file with audit.key in its first line; or PLENUM_AUDIT_KEY has it\n"
    "  --expect SEQ:HASH  this line must be there, as the server's log has said it (event=audit_anchor): so it shows, too,\n"
    "                     where the newest lines were cut off\n"
    "\n"
    "show prints lines, of all files, that fit everything that is asked for. It does not check them.\n"
    "\n"
    "  --room NAME, --user ID   in that room; by or about that user\n"
    "  --event NAME             of that kind: kick, joined, ...\n"
    "  --since TIME             at that time or later: 2026-11-29, 2026-11-29T17:00\n"
    "\n"
    "  plenum audit verify audit.log.2 audit.log.1 audit.log\n";

struct wanted {
    char **files; // pointers into the arguments
    int files_n;
    const char *key_file, *expect, *room, *user, *event, *since;
};

// ---- files, line by line

struct line_reader {
    FILE *file;
    char *line;
    size_t cap;
    bool whole; // it ended with LF
};

static bool reader_open(struct line_reader *r, const char *path)
{
    char reason[128];
    *r = (struct line_reader){.file = fopen(path, "re")};
    if (r->file == NULL)
        fprintf(stderr, "plenum audit: %s: %s\n", complaint_bare(str_from_cstr(path)).z,
                strerror_r(errno, reason, sizeof reason));
    return r->file != NULL;
}

static void reader_close(struct line_reader *r)
{
    free(r->line);
    fclose(r->file);
}

// False at the end; what is behind the last LF comes as a line that is not whole. What is longer than a line may be is cut: it is
// none, and its bytes do not matter.
static bool reader_next(struct line_reader *r, str *ret)
{
    size_t n = 0;
    int c = 0;
    if (r->line == NULL && (r->line = malloc(AUDIT_LINE_MAX + 1)) == NULL)
        return false;
    while ((c = getc_unlocked(r->file)) != EOF && c != '\n')
        if (n <= AUDIT_LINE_MAX)
            r->line[n++] = (char)c;
    r->whole = c == '\n';
    *ret = str_make(r->line, n);
    return r->whole || n != 0;
}

// ---- verify

// The key of the file or of the environment; false with a complaint.
static bool key_read(const struct wanted *w, char **environment, struct audit_key *ret)
{
    static const char variable[] = "PLENUM_AUDIT_KEY=";
    struct line_reader r;
    str key = STR_NONE;
    *ret = (struct audit_key){.n = 0};
    for (char **e = environment; e != NULL && *e != NULL; e++)
        if (strncmp(*e, variable, sizeof variable - 1) == 0)
            key = str_from_cstr(*e + sizeof variable - 1);
    if (w->key_file != NULL && !reader_open(&r, w->key_file))
        return false;
    if (w->key_file != NULL && !reader_next(&r, &key))
        key = STR_NONE;
    bool fits = key.n <= AUDIT_KEY_MAX && (w->key_file == NULL || key.n != 0);
    if (fits && key.n != 0)
        memcpy(ret->bytes, key.p, ret->n = key.n);
    if (w->key_file != NULL)
        reader_close(&r);
    if (!fits)
        fprintf(stderr, "plenum audit: --key-file: expected a file with a key of up to %d octets\n",
                AUDIT_KEY_MAX);
    return fits;
}

static bool expect_read(const char *text, struct audit_check *c)
{
    str hash;
    uint64_t seq;
    str number = str_split(str_from_cstr(text), ':', &hash);
    bool good = str_to_u64(number, UINT64_MAX - 1, &seq) && hash.n == AUDIT_HASH_HEX &&
                strspn(hash.p, "0123456789abcdef") == AUDIT_HASH_HEX;
    if (good)
        audit_check_expect(c, seq, hash.p);
    else
        fprintf(stderr, "plenum audit: --expect: got %s, expected SEQ:HASH as of a line event=audit_anchor\n",
                complaint_quote(str_from_cstr(text)).z);
    return good;
}

static enum exit_code tell_fault(const struct audit_check *c, const char *path, enum audit_fault fault)
{
    printf("%s:%" PRIu64 ": %s", complaint_bare(str_from_cstr(path)).z, c->at, audit_fault_text(fault));
    if (fault == AUDIT_FAULT_JUMP)
        printf(" (line %" PRIu64 " comes where line %" PRIu64 " would)", c->got, c->wanted);
    if (fault == AUDIT_FAULT_GONE)
        printf(" (line %" PRIu64 ", and the newest is %" PRIu64 ")", c->expected_seq, c->seq);
    printf("\n");
    return fault == AUDIT_FAULT_KEYED || fault == AUDIT_FAULT_NOMEM ? EXIT_USAGE : EXIT_FAILED;
}

static enum exit_code verify_file(struct audit_check *c, const char *path)
{
    struct line_reader r;
    str line;
    enum audit_fault fault = AUDIT_GOOD;
    if (!reader_open(&r, path))
        return EXIT_USAGE;
    audit_check_file(c);
    str rest = STR_NONE;
    while (fault == AUDIT_GOOD && rest.n == 0 && reader_next(&r, &line)) {
        if (r.whole)
            fault = audit_check_line(c, line);
        else
            rest = line;
    }
    if (fault == AUDIT_GOOD)
        fault = audit_check_rest(c, rest);
    bool read = !ferror(r.file);
    reader_close(&r);
    if (!read)
        fprintf(stderr, "plenum audit: %s: it cannot be read\n", complaint_bare(str_from_cstr(path)).z);
    if (!read)
        return EXIT_USAGE;
    return fault == AUDIT_GOOD ? EXIT_DONE : tell_fault(c, path, fault);
}

static void tell_good(const struct audit_check *c)
{
    printf("whole: %" PRIu64 " lines, %" PRIu64 " to %" PRIu64 ", of the chain %.*s%s", c->lines,
           c->first_seq, c->seq, AUDIT_ID_LEN, c->id, c->key.n != 0 ? ", by its key" : ", which has no key");
    if (c->missing != 0)
        printf("; %" PRIu64 " events are missing, as it says itself", c->missing);
    if (c->torn != 0)
        printf("; %" PRIu64 " torn lines, as it says itself", c->torn);
    printf("; %s\nnewest: %" PRIu64 ":%.*s\n",
           c->stopped   ? "its end is that the server has stopped"
           : c->rotated ? "its end is that another file goes on"
                        : "its end is open: the server runs, has died, or lines behind it were cut off",
           c->seq, AUDIT_HASH_HEX, c->hash);
}

static enum exit_code verify(const struct wanted *w, char **environment)
{
    struct audit_check c;
    struct audit_key key;
    if (digest_self_test() != OK) {
        fputs("plenum audit: libcrypto does not work: it found no memory, or its library is broken\n",
              stderr);
        return EXIT_USAGE;
    }
    if (!key_read(w, environment, &key))
        return EXIT_USAGE;
    audit_check_init(&c, &key);
    if (w->expect != NULL && !expect_read(w->expect, &c))
        return EXIT_USAGE;
    enum exit_code code = EXIT_DONE;
    for (int i = 0; i < w->files_n && code == EXIT_DONE; i++)
        code = verify_file(&c, w->files[i]);
    if (code != EXIT_DONE)
        return code;
    enum audit_fault fault = audit_check_end(&c);
    if (fault != AUDIT_GOOD)
        return tell_fault(&c, w->files[w->files_n - 1], fault);
    tell_good(&c);
    return EXIT_DONE;
}

// ---- show

static bool says(const struct json_member *members, size_t n, const char *name, const char *text)
{
    char value[4 * AUDIT_TEXT_MAX];
    str said;
    const struct json_member *m = json_member_find(members, n, str_from_cstr(name));
    return m != NULL && m->kind == JSON_STRING &&
           json_string_decode(m->value, value, sizeof value, &said) == OK &&
           str_eq(said, str_from_cstr(text));
}

static bool is_shown(const struct wanted *w, const struct json_member *members, size_t n)
{
    if (w->room != NULL && !says(members, n, "room", w->room))
        return false;
    if (w->event != NULL && !says(members, n, "event", w->event))
        return false;
    if (w->user != NULL && !says(members, n, "user", w->user) && !says(members, n, "target", w->user))
        return false;
    const struct json_member *time = json_member_find(members, n, STR("time"));
    return w->since == NULL ||
           (time != NULL && time->kind == JSON_STRING &&
            str_cmp(str_take(str_skip(time->value, 1), time->value.n - 2), str_from_cstr(w->since)) >= 0);
}

// "2026-11-29T17:02:11.123Z kick room=lobby user=ann target=bob": without what is there for machines only.
static void show_line(const struct json_member *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char value[4 * AUDIT_TEXT_MAX], escaped[4 * AUDIT_TEXT_MAX];
        const struct json_member *m = &members[i];
        str said = m->value;
        if (json_key_is(m, STR("prev")) || json_key_is(m, STR("hash")) || json_key_is(m, STR("epoch")))
            continue;
        if (m->kind == JSON_STRING && json_string_decode(m->value, value, sizeof value, &said) != OK)
            continue;
        text_escape(said, escaped, sizeof escaped);
        bool bare = json_key_is(m, STR("time")) || json_key_is(m, STR("event"));
        bool quoted = m->kind == JSON_STRING && !bare && strchr(escaped, ' ') != NULL;
        printf("%s%.*s%s%s%s%s", i == 0 ? "" : " ", bare ? 0 : (int)m->key.n, m->key.p, bare ? "" : "=",
               quoted ? "\"" : "", escaped, quoted ? "\"" : "");
    }
    printf("\n");
}

static enum exit_code show(const struct wanted *w)
{
    for (int i = 0; i < w->files_n; i++) {
        struct line_reader r;
        str line;
        if (!reader_open(&r, w->files[i]))
            return EXIT_USAGE;
        while (reader_next(&r, &line)) {
            struct json_member members[JSON_KEYS_MAX];
            size_t n;
            if (json_object_scan(line, members, JSON_KEYS_MAX, &n, NULL) != OK)
                printf("(a line that is none; `plenum audit verify` says more)\n");
            else if (is_shown(w, members, n))
                show_line(members, n);
        }
        reader_close(&r);
    }
    return EXIT_DONE;
}

// ---- arguments

static enum exit_code complain(const char *got)
{
    fprintf(stderr, "plenum audit: got %s, expected %s\n", complaint_quote(str_from_cstr(got)).z,
            AUDIT_USAGE);
    return EXIT_USAGE;
}

// "--name VALUE" or "--name=VALUE" at argv[0]: how many arguments that is, 0 = it is no option of ours.
static int take_option(struct wanted *w, char **argv, int n)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--key-file", &w->key_file}, {"--expect", &w->expect}, {"--room", &w->room},
                   {"--user", &w->user},         {"--event", &w->event},   {"--since", &w->since}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t name_n = strlen(options[i].name);
        if (strncmp(argv[0], options[i].name, name_n) != 0)
            continue;
        if (argv[0][name_n] == '=') {
            *options[i].value = argv[0] + name_n + 1;
            return 1;
        }
        if (argv[0][name_n] == '\0' && n > 1) {
            *options[i].value = argv[1];
            return 2;
        }
    }
    return 0;
}

enum exit_code audit_command(int argc, char **argv, char **environment)
{
    struct wanted w = {.files_n = 0};
    bool verifies = argc > 0 && strcmp(argv[0], "verify") == 0;
    if (!verifies && (argc == 0 || strcmp(argv[0], "show") != 0))
        return complain(argc > 0 ? argv[0] : "");
    w.files = argv + 1; // files move to the front of the arguments
    for (int i = 1, used; i < argc; i += used) {
        used = argv[i][0] == '-' ? take_option(&w, argv + i, argc - i) : 1;
        if (used == 0)
            return complain(argv[i]);
        if (argv[i][0] != '-')
            w.files[w.files_n++] = argv[i];
    }
    bool filters = w.room != NULL || w.user != NULL || w.event != NULL || w.since != NULL;
    bool checks = w.key_file != NULL || w.expect != NULL;
    if (w.files_n == 0 || (verifies ? filters : checks))
        return complain(w.files_n == 0 ? "no file" : "an option of the other");
    return verifies ? verify(&w, environment) : show(&w);
}
