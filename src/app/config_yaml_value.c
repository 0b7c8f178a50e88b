// SPDX-License-Identifier: Apache-2.0
//
// Values of settings and of rows: single ones, lists, and lists of mappings, which are read by the functions that read them all.
#include "app/config_reader.h"

#include "base/assert.h"

#include "app/escape.h"

static bool wants_plain(const struct config_key *key)
{
    return key->kind == CONFIG_UINT || key->kind == CONFIG_BYTES || key->kind == CONFIG_BOOL;
}

static void complain_value(struct config_reader *r, uint32_t line, const struct target *t, const char *got)
{
    COMPLAIN(r, line, t->path, "got %s, expected %s", got, config_expected(t->key).z);
}

static void complain_item(struct config_reader *r, const struct target *t, uint32_t number, const char *got)
{
    char path[ROW_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s, item %" PRIu32, t->path, number);
    COMPLAIN(r, event_line(r), path, "got %s, expected %s", got, config_expected(t->key).z);
}

static void read_list(struct config_reader *r, const struct target *t)
{
    config_field_clear(t->field, t->key);
    for (uint32_t number = 1; reader_next(r) && r->event.type != YAML_SEQUENCE_END_EVENT; number++) {
        if (!is_scalar(r)) {
            complain_item(r, t, number, reader_node_name(r));
            reader_skip(r);
        } else if (!config_field_add(t->field, t->key, scalar(r))) {
            complain_item(r, t, number, complaint_quote(scalar(r)).z);
        }
    }
}

static void read_scalar(struct config_reader *r, const struct target *t, uint32_t key_line)
{
    str value = scalar(r);
    const struct config_key *key = t->key;
    if (r->event.data.scalar.tag != NULL) {
        complain_value(r, event_line(r), t,
                       complaint_quote(str_from_cstr((char *)r->event.data.scalar.tag)).z);
    } else if (reader_is_nothing(r)) {
        complain_value(r, key_line, t, "nothing");
    } else if (wants_plain(key) && !is_plain(r)) {
        struct config_text got;
        snprintf(got.z, sizeof got.z, "the quoted text %s", complaint_quote(value).z);
        complain_value(r, event_line(r), t, got.z);
    } else if (key->kind == CONFIG_ROWS) {
        complain_value(r, event_line(r), t, complaint_quote(value).z);
    } else if (config_is_list(key)) { // a single one, without brackets
        config_field_clear(t->field, key);
        if (!config_field_add(t->field, key, value))
            complain_value(r, event_line(r), t, complaint_quote(value).z);
    } else if (!config_field_set(t->field, key, value)) {
        complain_value(r, event_line(r), t,
                       key->kind == CONFIG_SECRET ? "a value that does not fit" : complaint_quote(value).z);
    }
}

// ---- rights, which may be written as YAML: they are kept as JSON

enum { CAPS_DEPTH_MAX = 3 };

struct caps_text {
    char z[CONFIG_CAPS_MAX + 1];
    size_t n; // above CONFIG_CAPS_MAX: it was too long
};

static void caps_put(struct caps_text *c, const char *text)
{
    const size_t n = strlen(text);
    if (c->n + n <= CONFIG_CAPS_MAX)
        memcpy(c->z + c->n, text, n + 1);
    c->n += n;
}

static void caps_put_word(struct caps_text *c, str word)
{
    char escaped[CONFIG_CAPS_MAX + 1];
    if (word.n > CONFIG_CAPS_MAX) { // which makes it too long as a whole
        c->n += word.n;
        return;
    }
    text_escape(word, escaped, sizeof escaped);
    caps_put(c, "\"");
    caps_put(c, escaped);
    caps_put(c, "\"");
}

// The node that the held event begins, read to its end; false where it cannot be JSON of that kind.
static bool caps_node(struct config_reader *r, struct caps_text *c, int depth)
{
    const bool keys = r->event.type == YAML_MAPPING_START_EVENT;
    if (is_scalar(r)) {
        caps_put_word(c, scalar(r));
        return true;
    }
    if ((!keys && r->event.type != YAML_SEQUENCE_START_EVENT) || depth == CAPS_DEPTH_MAX) {
        reader_skip(r);
        return false;
    }
    const yaml_event_type_t end = keys ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    bool good = true;
    caps_put(c, keys ? "{" : "[");
    for (bool first = true; reader_next(r) && r->event.type != end; first = false) {
        if (!first)
            caps_put(c, ",");
        if (keys) {
            good = caps_node(r, c, CAPS_DEPTH_MAX) && good; // a key is a word
            caps_put(c, ":");
            if (!reader_next(r))
                return false;
        }
        good = caps_node(r, c, depth + 1) && good;
    }
    caps_put(c, keys ? "}" : "]");
    return good && !r->failed;
}

static void read_caps(struct config_reader *r, const struct target *t)
{
    struct caps_text c = {.n = 0};
    const uint32_t line = event_line(r);
    const bool good = caps_node(r, &c, 0);
    if (r->failed)
        return;
    if (!good || c.n > CONFIG_CAPS_MAX)
        complain_value(r, line, t, good ? "a longer one" : "a mapping with something else in it");
    else if (!config_field_set(t->field, t->key, str_make(c.z, c.n)))
        complain_value(r, line, t, complaint_quote(str_make(c.z, c.n)).z);
}

static void read_rows(struct config_reader *r, const struct target *t);
static void read_only_row(struct config_reader *r, const struct target *t);

void reader_value(struct config_reader *r, const struct target *t, uint32_t key_line)
{
    if (is_scalar(r)) {
        read_scalar(r, t, key_line);
    } else if (r->event.type == YAML_MAPPING_START_EVENT && t->key->kind == CONFIG_CAPS) {
        read_caps(r, t);
    } else if (r->event.type == YAML_SEQUENCE_START_EVENT && config_is_list(t->key)) {
        read_list(r, t);
    } else if (r->event.type == YAML_SEQUENCE_START_EVENT && t->key->kind == CONFIG_ROWS) {
        read_rows(r, t);
    } else if (r->event.type == YAML_MAPPING_START_EVENT && t->key->kind == CONFIG_ROWS) {
        read_only_row(r, t);
    } else {
        complain_value(r, event_line(r), t, reader_node_name(r));
        reader_skip(r);
    }
}

// ---- rows

static void complain_column(struct config_reader *r, uint32_t line, const char *row_path,
                            const struct config_table *table, const char *name)
{
    const struct config_column *meant = config_column_guess(table, str_from_cstr(name));
    char path[ROW_PATH_MAX + COMPLAINT_QUOTE_MAX];
    snprintf(path, sizeof path, "%s.%s", row_path, complaint_bare(str_from_cstr(name)).z);
    COMPLAIN(r, line, path, "got an unknown key, expected %s%s%s%s", config_column_names(table).z,
             meant != NULL ? " (did you mean " : "", meant != NULL ? meant->name : "",
             meant != NULL ? "?)" : "");
}

static void read_column(struct config_reader *r, const struct config_table *table, char *row,
                        const char *row_path, const char *name, uint32_t line)
{
    const struct config_column *column = config_column_find(table, str_from_cstr(name));
    if (column == NULL) {
        complain_column(r, line, row_path, table, name);
        reader_skip(r);
        return;
    }
    char path[ROW_PATH_MAX];
    snprintf(path, sizeof path, "%.90s.%.60s", row_path, column->name);
    uint32_t *first = &((struct config_row *)(void *)row)->lines[column - table->columns];
    if (*first != 0)
        COMPLAIN(r, line, path, "got the key a second time, expected it once (first at line %" PRIu32 ")",
                 *first);
    else
        *first = line;
    const struct target t = {column->key, row + column->offset, path};
    reader_value(r, &t, line);
}

static void read_row(struct config_reader *r, const struct config_table *table, char *row,
                     const char *row_path)
{
    struct config_row *at = (void *)row;
    at->line = event_line(r);
    while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char name[KEY_TEXT_MAX];
        uint32_t line = event_line(r);
        bool good = reader_key(r, name, sizeof name);
        if (!reader_next(r))
            return;
        if (good)
            read_column(r, table, row, row_path, name, line);
        else
            reader_skip(r);
    }
    for (uint32_t i = 0; i < table->columns_n && !r->failed; i++)
        if (table->columns[i].needed && at->lines[i] == 0)
            COMPLAIN(r, at->line, row_path, "got no `%s`, expected %s", table->columns[i].name,
                     config_expected(table->columns[i].key).z);
}

static void read_rows(struct config_reader *r, const struct target *t)
{
    const struct config_table *table = t->key->table;
    config_field_clear(t->field, t->key);
    for (uint32_t number = 0; reader_next(r) && r->event.type != YAML_SEQUENCE_END_EVENT; number++) {
        char path[ROW_PATH_MAX];
        snprintf(path, sizeof path, "%s[%" PRIu32 "]", t->path, number);
        const struct target row = {t->key, NULL, path};
        if (r->event.type != YAML_MAPPING_START_EVENT) {
            complain_value(r, event_line(r), &row,
                           is_scalar(r) ? complaint_quote(scalar(r)).z : reader_node_name(r));
            reader_skip(r);
            continue;
        }
        char *at = config_row_add(t->field, table);
        if (at != NULL) {
            read_row(r, table, at, path);
        } else {
            complain_value(r, event_line(r), &row, "one row too many");
            reader_skip(r);
        }
    }
}

// A list of one may be written without its dash.
static void read_only_row(struct config_reader *r, const struct target *t)
{
    char path[ROW_PATH_MAX];
    config_field_clear(t->field, t->key);
    snprintf(path, sizeof path, "%s[0]", t->path);
    char *at = config_row_add(t->field, t->key->table);
    ASSERT(at != NULL); // every table takes a row
    read_row(r, t->key->table, at, path);
}
