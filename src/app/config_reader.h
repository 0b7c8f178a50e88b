// SPDX-License-Identifier: Apache-2.0
//
// config_reader.h - YAML event by event, for config_yaml*.c: what is held, what it is, and where to complain of it.
//
// One event is held at a time (reader.event). Functions that read a node are called with its first event held and
// return with its last one held; `failed` ends every loop, because libyaml gives nothing more after a syntax error.
#ifndef PLENUM_APP_CONFIG_READER_H
#define PLENUM_APP_CONFIG_READER_H

#include "app/config.h"

#include <inttypes.h>
#include <yaml.h>

enum { KEY_TEXT_MAX = 64, ROW_PATH_MAX = 160 };

struct config_reader {
    struct config_load *load;
    str text;
    yaml_parser_t parser;
    yaml_event_t event;
    const struct config_key
        *alone; // of a variable or a flag: the list that is all of its text; NULL in a file
    bool has_event;
    bool failed;
    uint32_t section_lines[CONFIG_SECTION_COUNT]; // where each section began, 0 = not yet
};

// Where it is, for people. In a variable or a flag its path is all there is to say.
struct config_text reader_where(const struct config_reader *r, uint32_t line, const char *path);

#define COMPLAIN(r, line, path, format, ...) \
    complaint_add(&(r)->load->complaints, "%s: " format, reader_where((r), (line), (path)).z, __VA_ARGS__)

static inline uint32_t event_line(const struct config_reader *r)
{
    return (uint32_t)r->event.start_mark.line + 1;
}

// The next event, held; false where there is none, with the complaint made.
bool reader_next(struct config_reader *r);
// What the held event begins, for "got ...".
const char *reader_node_name(const struct config_reader *r);
void reader_skip(struct config_reader *r); // the node that it begins

static inline bool is_scalar(const struct config_reader *r) { return r->event.type == YAML_SCALAR_EVENT; }

static inline str scalar(const struct config_reader *r)
{
    return str_make((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
}

static inline bool is_plain(const struct config_reader *r)
{
    return is_scalar(r) && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

// `key:` with nothing behind it, or one of YAML's words for nothing.
bool reader_is_nothing(const struct config_reader *r);
// A key must be a plain word; false where it is not, with the complaint made and the pair still to be skipped.
bool reader_key(struct config_reader *r, char *ret, size_t cap);
void reader_complain_memory(struct config_load *l, const char *name);

// What is being read (config_yaml_value.c): what may stand there, where it goes, and what it is called in a complaint.
struct target {
    const struct config_key *key;
    void *field;
    const char *path;
};
// The held event begins the value; key_line is that of its key.
void reader_value(struct config_reader *r, const struct target *t, uint32_t key_line);

#endif
