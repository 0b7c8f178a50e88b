// SPDX-License-Identifier: Apache-2.0
//
// Sections and their keys, as config_reader.h holds the events.
#include "app/config_yaml.h"

#include "app/config_reader.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

// ---- keys

static void complain_unknown(struct config_reader *r, uint32_t line, str path)
{
    const struct config_key *meant = config_key_guess(path);
    COMPLAIN(r, line, complaint_bare(path).z, "got an unknown key, expected one of `plenum config`%s%s%s",
             meant != NULL ? " (did you mean " : "", meant != NULL ? meant->path : "",
             meant != NULL ? "?)" : "");
}

static void read_value(struct config_reader *r, const struct config_key *key, uint32_t key_line)
{
    struct config_place *place = &r->load->places[key - config_keys];
    bool again = place->source == CONFIG_FROM_FILE;
    if (again)
        COMPLAIN(r, key_line, key->path,
                 "got the key a second time, expected it once (first at line %" PRIu32 ")", place->line);
    else
        *place = (struct config_place){.source = CONFIG_FROM_FILE, .line = key_line};
    const struct target t = {key, (char *)&r->load->values + key->offset, key->path};
    reader_value(r, &t, key_line);
}

static void read_section(struct config_reader *r, const struct config_section *section)
{
    while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char name[KEY_TEXT_MAX];
        uint32_t line = event_line(r);
        bool good = reader_key(r, name, sizeof name);
        if (!reader_next(r))
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
        reader_skip(r);
    }
}

// A top-level word that is no section: a section with a slip, a key without its section, or a dotted path.
static void complain_section(struct config_reader *r, uint32_t line, const char *name)
{
    str path = str_from_cstr(name);
    const struct config_key *key = config_key_guess(path);
    bool dotted = str_find_char(path, '.', 0) < path.n;
    if (key != NULL && dotted) {
        COMPLAIN(r, line, complaint_bare(path).z, "got a dotted key, expected `%s` indented below `%s:`",
                 key->name, key->section);
        return;
    }
    for (uint32_t i = 0; i < CONFIG_SECTION_COUNT; i++) {
        if (config_text_near(path, str_from_cstr(config_sections[i].name))) {
            COMPLAIN(r, line, complaint_bare(path).z,
                     "got an unknown section, expected one of `plenum config` (did you mean %s?)",
                     config_sections[i].name);
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

static void read_section_value(struct config_reader *r, const struct config_section *section, uint32_t line)
{
    uint32_t *first = &r->section_lines[section - config_sections];
    if (*first != 0)
        COMPLAIN(r, line, section->name,
                 "got the section a second time, expected it once (first at line %" PRIu32 ")", *first);
    else
        *first = line;
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        read_section(r, section);
    } else if (!reader_is_nothing(r)) { // all keys of a section may be commented out
        COMPLAIN(r, event_line(r), section->name, "got %s, expected keys indented below it",
                 is_scalar(r) ? complaint_quote(scalar(r)).z : reader_node_name(r));
        reader_skip(r);
    }
}

static void read_root(struct config_reader *r)
{
    if (r->event.type != YAML_MAPPING_START_EVENT) {
        if (!reader_is_nothing(r))
            COMPLAIN(r, event_line(r), "syntax", "got %s, expected sections like `server:`",
                     is_scalar(r) ? complaint_quote(scalar(r)).z : reader_node_name(r));
        reader_skip(r);
        return;
    }
    while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char name[KEY_TEXT_MAX];
        uint32_t line = event_line(r);
        bool good = reader_key(r, name, sizeof name);
        if (!reader_next(r))
            return;
        const struct config_key *whole = good ? config_key_find(str_from_cstr(name), STR("")) : NULL;
        if (whole != NULL) {
            read_value(r, whole, line);
            continue;
        }
        const struct config_section *section = good ? section_find(name) : NULL;
        if (section != NULL) {
            read_section_value(r, section, line);
            continue;
        }
        if (good)
            complain_section(r, line, name);
        reader_skip(r);
    }
}

static void read_alone(struct config_reader *r)
{
    const struct config_key *key = r->alone;
    const struct target t = {key, (char *)&r->load->values + key->offset, key->path};
    reader_value(r, &t, event_line(r));
}

static void read_stream(struct config_reader *r)
{
    bool seen = false;
    while (reader_next(r) && r->event.type != YAML_STREAM_END_EVENT) {
        if (r->event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        uint32_t line = event_line(r);
        if (!reader_next(r))
            return;
        if (seen) {
            COMPLAIN(r, line, "syntax", "got %s, expected a single one", "a second document");
            reader_skip(r);
        } else if (r->alone != NULL) {
            read_alone(r);
        } else {
            read_root(r);
        }
        seen = true;
    }
}

static void read_text(struct config_load *l, const char *name, const struct config_key *alone, str text)
{
    struct config_reader *r = calloc(1, sizeof *r);
    if (r == NULL || !yaml_parser_initialize(&r->parser)) {
        free(r);
        reader_complain_memory(l, name);
        return;
    }
    r->load = l;
    r->text = text;
    r->alone = alone;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p != NULL ? text.p : ""), text.n);
    read_stream(r);
    if (r->has_event)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    free(r);
}

void config_yaml_text(struct config_load *l, const char *name, str text)
{
    l->file = name;
    read_text(l, name, NULL, text);
}

void config_yaml_rows(struct config_load *l, const struct config_key *key, str text)
{
    ASSERT(key->kind == CONFIG_ROWS);
    config_field_clear((char *)&l->values + key->offset, key);
    read_text(l, key->path, key, text);
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
