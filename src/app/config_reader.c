// SPDX-License-Identifier: Apache-2.0
#include "app/config_reader.h"

struct config_text reader_where(const struct config_reader *r, uint32_t line, const char *path)
{
    struct config_text t;
    if (r->alone == NULL) {
        snprintf(t.z, sizeof t.z, "%s:%" PRIu32 ": %s", r->load->file, line, path);
        return t;
    }
    t = config_place_text(r->load, r->alone);
    size_t whole = strlen(r->alone->path), n = strlen(t.z);
    if (strncmp(path, r->alone->path, whole) == 0)
        snprintf(t.z + n, sizeof t.z - n, "%s", path + whole);
    return t;
}

// ---- syntax errors

static str line_at(const struct config_reader *r, uint32_t line)
{
    str rest = r->text;
    str found = str_split(rest, '\n', &rest);
    for (; line > 1 && rest.p != NULL; line--)
        found = str_split(rest, '\n', &rest);
    return found;
}

void reader_complain_memory(struct config_load *l, const char *name)
{
    complaint_add(&l->complaints, "%s: got no memory to read it, expected some hundred kilobytes", name);
}

static void complain_syntax(struct config_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    // libyaml gives no reason where a copy of a tag or an anchor found no memory. The file may be well.
    if (p->error == YAML_MEMORY_ERROR || p->error == YAML_NO_ERROR) {
        reader_complain_memory(r->load, r->alone != NULL ? r->alone->path : r->load->file);
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
    COMPLAIN(r, line, "syntax", "got text that is not YAML (%s), expected %s",
             p->problem != NULL ? p->problem : "unreadable",
             r->alone != NULL ? config_expected(r->alone).z
             : tab            ? "spaces, not a tab, before the key"
                              : "`key: value`");
}

bool reader_next(struct config_reader *r)
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

const char *reader_node_name(const struct config_reader *r)
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

void reader_skip(struct config_reader *r)
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
    } while (depth > 0 && reader_next(r));
}

bool reader_is_nothing(const struct config_reader *r)
{
    return is_plain(r) && (scalar(r).n == 0 || str_eq(scalar(r), STR("~")) || str_eq(scalar(r), STR("null")));
}

bool reader_key(struct config_reader *r, char *ret, size_t cap)
{
    if (is_scalar(r) && scalar(r).n < cap) {
        memcpy(ret, scalar(r).p, scalar(r).n + 1); // libyaml ends scalars with a NUL
        return true;
    }
    COMPLAIN(r, event_line(r), "syntax", "got %s as a key, expected a word",
             is_scalar(r) ? "a very long text" : reader_node_name(r));
    reader_skip(r);
    return false;
}
