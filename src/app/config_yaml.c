// SPDX-License-Identifier: Apache-2.0
//
// One event is held at a time (reader.event). Functions that read a node are called with its first event held and
// return with its last one held; `failed` ends every loop, because libyaml gives nothing more after a syntax error.
#include "app/config_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
    struct config_load *load;
    str text;
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    bool failed;
    uint32_t section_lines[CONFIG_SECTION_COUNT]; // where each section began, 0 = not yet
};

static uint32_t event_line(const struct reader *r) { return (uint32_t)r->event.start_mark.line + 1; }

#define COMPLAIN(r, line, format, ...) \
    complaint_add(&(r)->load->complaints, "%s:%" PRIu32 ": " format, (r)->load->file, (line), __VA_ARGS__)

// ---- syntax errors

static str line_at(const struct reader *r, uint32_t line)
{
    str rest = r->text;
    str found = str_split(rest, '\n', &rest);
    for (; line > 1 && rest.p != NULL; line--)
        found = str_split(rest, '\n', &rest);
    return found;
}

static void complain_memory(struct config_load *l, const char *name)
{
    complaint_add(&l->complaints, "%s: got no memory to read it, expected some hundred kilobytes", name);
}

static void complain_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    // libyaml gives no reason where a copy of a tag or an anchor found no memory. The file may be well.
    if (p->error == YAML_MEMORY_ERROR || p->error == YAML_NO_ERROR) {
        complain_memory(r->load, r->load->file);
        return;
    }
    uint32_t line = (uint32_t)p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) { // bytes that are not text: libyaml knows only the offset
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->text.n; i++)
            line += r->text.p[i] == '\n';
    }
    str bad = line_at(r, line);
    size_t indent = 0;
    while (indent < bad.n && (bad.p[indent] == ' ' || bad.p[indent] == '\t'))
        indent++;
    bool tab = memchr(bad.p != NULL ? bad.p : "", '\t', indent) != NULL;
    COMPLAIN(r, line, "syntax: got text that is not YAML (%s), expected %s",
             p->problem != NULL ? p->problem : "unreadable",
             tab ? "spaces, not a tab, before the key" : "`key: value`");
}

static bool next_event(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
    if (r->failed)
        return false;
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        complain_syntax(r);
        r->failed = true;
        return false;
    }
    r->has_event = true;
    return true;
}

// ---- nodes

// What the held event begins, for "got ...".
static const char *node_name(const struct reader *r)
{
    switch (r->event.type) {
    case YAML_MAPPING_START_EVENT:
        return "a mapping of keys";
    case YAML_SEQUENCE_START_EVENT:
        return "a list";
    case YAML_ALIAS_EVENT:
        return "an alias (*name)";
    default:
        return "a value";
    }
}

static void skip_node(struct reader *r)
{
    size_t depth = 0;
    do {
        switch (r->event.type) {
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
            depth++;
            break;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
            depth--;
            break;
        default:
            break;
        }
    } while (depth > 0 && next_event(r));
}

static bool is_scalar(const struct reader *r) { return r->event.type == YAML_SCALAR_EVENT; }

static str scalar(const struct reader *r)
{
    return str_make((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
}

static bool is_plain(const struct reader *r)
{
    return is_scalar(r) && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

// `key:` with nothing behind it, or one of YAML's words for nothing.
static bool is_nothing(const struct reader *r)
{
    return is_plain(r) && (scalar(r).n == 0 || str_eq(scalar(r), STR("~")) || str_eq(scalar(r), STR("null")));
}

// ---- values

static bool wants_plain(const struct config_key *key)
{
    return key->kind == CONFIG_UINT || key->kind == CONFIG_BYTES || key->kind == CONFIG_BOOL;
}

static void complain_value(struct reader *r, uint32_t line, const struct config_key *key, const char *got)
{
    COMPLAIN(r, line, "%s: got %s, expected %s", key->path, got, config_expected(key).z);
}

static void complain_item(struct reader *r, const struct config_key *key, uint32_t number, const char *got)
{
    COMPLAIN(r, event_line(r), "%s, item %" PRIu32 ": got %s, expected %s", key->path, number, got,
             config_expected(key).z);
}

static void read_list(struct reader *r, const struct config_key *key)
{
    config_list_clear(&r->load->values, key);
    for (uint32_t number = 1; next_event(r) && r->event.type != YAML_SEQUENCE_END_EVENT; number++) {
        if (!is_scalar(r)) {
            complain_item(r, key, number, node_name(r));
            skip_node(r);
        } else if (!config_list_add(&r->load->values, key, scalar(r))) {
            complain_item(r, key, number, complaint_quote(scalar(r)).z);
        }
    }
}

static void read_scalar(struct reader *r, const struct config_key *key, uint32_t key_line)
{
    str value = scalar(r);
    if (r->event.data.scalar.tag != NULL) {
        complain_value(r, event_line(r), key,
                       complaint_quote(str_from_cstr((char *)r->event.data.scalar.tag)).z);
    } else if (is_nothing(r)) {
        complain_value(r, key_line, key, "nothing");
    } else if (wants_plain(key) && !is_plain(r)) {
        struct config_text got;
        snprintf(got.z, sizeof got.z, "the quoted text %s", complaint_quote(value).z);
        complain_value(r, event_line(r), key, got.z);
    } else if (config_is_list(key)) { // a single one, without brackets
        config_list_clear(&r->load->values, key);
        if (!config_list_add(&r->load->values, key, value))
            complain_value(r, event_line(r), key, complaint_quote(value).z);
    } else if (!config_value_set(&r->load->values, key, value)) {
        complain_value(r, event_line(r), key,
                       key->kind == CONFIG_SECRET ? "a value that does not fit" : complaint_quote(value).z);
    }
}

static void read_value(struct reader *r, const struct config_key *key, uint32_t key_line)
{
    struct config_place *place = &r->load->places[key - config_keys];
    bool again = place->source == CONFIG_FROM_FILE;
    if (again)
        COMPLAIN(r, key_line, "%s: got the key a second time, expected it once (first at line %" PRIu32 ")",
                 key->path, place->line);
    else
        *place = (struct config_place){.source = CONFIG_FROM_FILE, .line = key_line};
    if (is_scalar(r)) {
        read_scalar(r, key, key_line);
    } else if (r->event.type == YAML_SEQUENCE_START_EVENT && config_is_list(key)) {
        read_list(r, key);
    } else {
        complain_value(r, event_line(r), key, node_name(r));
        skip_node(r);
    }
}

// ---- keys

static void complain_unknown(struct reader *r, uint32_t line, str path)
{
    const struct config_key *meant = config_key_guess(path);
    COMPLAIN(r, line, "%s: got an unknown key, expected one of `plenum config`%s%s%s", complaint_bare(path).z,
             meant != NULL ? " (did you mean " : "", meant != NULL ? meant->path : "",
             meant != NULL ? "?)" : "");
}

// A key must be a plain word; false where it is not, with the complaint made and the pair still to be skipped.
static bool read_key(struct reader *r, char *ret, size_t cap)
{
    if (is_scalar(r) && scalar(r).n < cap) {
        memcpy(ret, scalar(r).p, scalar(r).n + 1); // libyaml ends scalars with a NUL
        return true;
    }
    COMPLAIN(r, event_line(r), "syntax: got %s as a key, expected a word",
             is_scalar(r) ? "a very long text" : node_name(r));
    skip_node(r);
    return false;
}

enum { KEY_TEXT_MAX = 64 };

static void read_section(struct reader *r, const struct config_section *section)
{
    while (next_event(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char name[KEY_TEXT_MAX];
        uint32_t line = event_line(r);
        bool good = read_key(r, name, sizeof name);
        if (!next_event(r))
            return;
        const struct config_key *key =
            good ? config_key_find(str_from_cstr(section->name), str_from_cstr(name)) : NULL;
        if (key != NULL) {
            read_value(r, key, line);
            continue;
        }
        if (good) {
            char path[2 * KEY_TEXT_MAX];
            snprintf(path, sizeof path, "%s.%s", section->name, name);
            complain_unknown(r, line, str_from_cstr(path));
        }
        skip_node(r);
    }
}

// A top-level word that is no section: a section with a slip, a key without its section, or a dotted path.
static void complain_section(struct reader *r, uint32_t line, const char *name)
{
    str path = str_from_cstr(name);
    const struct config_key *key = config_key_guess(path);
    bool dotted = str_find_char(path, '.', 0) < path.n;
    if (key != NULL && dotted) {
        COMPLAIN(r, line, "%s: got a dotted key, expected `%s` indented below `%s:`", complaint_bare(path).z,
                 key->name, key->section);
        return;
    }
    for (uint32_t i = 0; i < CONFIG_SECTION_COUNT; i++) {
        if (config_text_near(path, str_from_cstr(config_sections[i].name))) {
            COMPLAIN(r, line,
                     "%s: got an unknown section, expected one of `plenum config` (did you mean %s?)",
                     complaint_bare(path).z, config_sections[i].name);
            return;
        }
    }
    complain_unknown(r, line, path);
}

static const struct config_section *section_find(const char *name)
{
    for (uint32_t i = 0; i < CONFIG_SECTION_COUNT; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return &config_sections[i];
    return NULL;
}

static void read_section_value(struct reader *r, const struct config_section *section, uint32_t line)
{
    uint32_t *first = &r->section_lines[section - config_sections];
    if (*first != 0)
        COMPLAIN(r, line, "%s: got the section a second time, expected it once (first at line %" PRIu32 ")",
                 section->name, *first);
    else
        *first = line;
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        read_section(r, section);
    } else if (!is_nothing(r)) { // all keys of a section may be commented out
        COMPLAIN(r, event_line(r), "%s: got %s, expected keys indented below it", section->name,
                 is_scalar(r) ? complaint_quote(scalar(r)).z : node_name(r));
        skip_node(r);
    }
}

static void read_root(struct reader *r)
{
    if (r->event.type != YAML_MAPPING_START_EVENT) {
        if (!is_nothing(r))
            COMPLAIN(r, event_line(r), "syntax: got %s, expected sections like `server:`",
                     is_scalar(r) ? complaint_quote(scalar(r)).z : node_name(r));
        skip_node(r);
        return;
    }
    while (next_event(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char name[KEY_TEXT_MAX];
        uint32_t line = event_line(r);
        bool good = read_key(r, name, sizeof name);
        if (!next_event(r))
            return;
        const struct config_section *section = good ? section_find(name) : NULL;
        if (section != NULL) {
            read_section_value(r, section, line);
            continue;
        }
        if (good)
            complain_section(r, line, name);
        skip_node(r);
    }
}

static void read_stream(struct reader *r)
{
    bool seen = false;
    while (next_event(r) && r->event.type != YAML_STREAM_END_EVENT) {
        if (r->event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        uint32_t line = event_line(r);
        if (!next_event(r))
            return;
        if (!seen) {
            read_root(r);
        } else {
            COMPLAIN(r, line, "syntax: got %s, expected a single one", "a second document");
            skip_node(r);
        }
        seen = true;
    }
}

void config_yaml_text(struct config_load *l, const char *name, str text)
{
    l->file = name;
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL || !yaml_parser_initialize(&r->parser)) {
        free(r);
        complain_memory(l, name);
        return;
    }
    r->load = l;
    r->text = text;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p != NULL ? text.p : ""), text.n);
    read_stream(r);
    if (r->has_event)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    free(r);
}

// ---- files

// Reads all of an open file, up to cap bytes. Returns -1 with errno, else the length; cap + 1 for a longer file.
static ssize_t read_all(int fd, char *p, size_t cap)
{
    size_t n = 0;
    while (n <= cap) {
        ssize_t got = read(fd, p + n, cap + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static void complain_file(struct config_load *l, int error)
{
    char name[128];
    complaint_add(&l->complaints, "%s: got \"%s\", expected a readable YAML file", l->file,
                  strerror_r(error, name, sizeof name));
}

void config_yaml_file(struct config_load *l, const char *path)
{
    l->file = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        complain_file(l, errno);
        return;
    }
    char *text = malloc(CONFIG_FILE_MAX + 1);
    ssize_t n = text != NULL ? read_all(fd, text, CONFIG_FILE_MAX) : -1;
    if (n < 0)
        complain_file(l, errno);
    else if (n > CONFIG_FILE_MAX)
        complaint_add(&l->complaints, "%s: got more than %d bytes, expected a configuration", path,
                      CONFIG_FILE_MAX);
    else
        config_yaml_text(l, path, str_make(text, (size_t)n));
    free(text);
    close(fd);
}
