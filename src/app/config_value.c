// SPDX-License-Identifier: Apache-2.0
//
// One value at a time: text to field, field to text, and the sentence that says what a key expects. The three belong
// together: what config_value_text writes, config_value_set must read back to the same.
#include "app/config.h"

#include "app/escape.h"
#include "app/quantity.h"
#include "base/assert.h"
#include "dialect/dialect.h"
#include "io/address.h"
#include "wire/host_name.h"
#include "wire/origin.h"

#include <inttypes.h>

// ---- fields

static void *field_of(struct config *c, const struct config_key *key) { return (char *)c + key->offset; }

static const void *field_in(const struct config *c, const struct config_key *key)
{
    return (const char *)c + key->offset;
}

// Capacity of a text field without its NUL; 0 for the other kinds.
static size_t text_max(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_ADDRESS:
        return CONFIG_ADDRESS_MAX;
    case CONFIG_ROOM:
        return ROOM_NAME_MAX;
    case CONFIG_SECRET:
        return CONFIG_SECRET_MAX;
    case CONFIG_UINT:
    case CONFIG_BYTES:
    case CONFIG_BOOL:
    case CONFIG_CHOICE:
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
        return 0;
    }
    UNREACHABLE();
}

bool config_is_list(const struct config_key *key)
{
    return key->kind == CONFIG_ORIGINS || key->kind == CONFIG_NAMES;
}

// ---- text to field

static bool number_set(const struct config_key *key, str text, uint32_t *ret)
{
    uint64_t v;
    if (!quantity_parse(text, key->unit, &v))
        return false;
    bool zero_is_special = key->detail[0] != '\0';
    if ((v < key->min || v > key->max) && !(v == 0 && zero_is_special))
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool choice_set(const struct config_key *key, str text, uint32_t *ret)
{
    uint32_t place = 0;
    for (str rest = str_from_cstr(key->detail); rest.p != NULL; place++) {
        if (str_eq(str_split(rest, '|', &rest), text)) {
            *ret = place;
            return true;
        }
    }
    return false;
}

static bool bool_set(str text, bool *ret)
{
    bool yes = str_eq(text, STR("true"));
    if (!yes && !str_eq(text, STR("false")))
        return false;
    *ret = yes;
    return true;
}

static bool text_good(const struct config_key *key, str text)
{
    if (memchr(text.p != NULL ? text.p : "", '\0', text.n) != NULL || text.n > text_max(key->kind))
        return false;
    if (text.n == 0)
        return key->detail[0] != '\0';
    struct address address;
    switch (key->kind) {
    case CONFIG_ADDRESS:
        return address_parse(text, &address) == OK;
    case CONFIG_ROOM:
        return room_name_valid(text);
    case CONFIG_SECRET:
        return text.n >= key->min;
    case CONFIG_UINT: // no texts
    case CONFIG_BYTES:
    case CONFIG_BOOL:
    case CONFIG_CHOICE:
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
        break;
    }
    UNREACHABLE();
}

static bool text_set(const struct config_key *key, str text, char *ret)
{
    if (!text_good(key, text))
        return false;
    if (text.n > 0)
        memcpy(ret, text.p, text.n);
    // To the end, so that equal values are equal bytes and an old secret does not stay behind a shorter one.
    memset(ret + text.n, 0, text_max(key->kind) + 1 - text.n);
    return true;
}

void config_list_clear(struct config *c, const struct config_key *key)
{
    memset(field_of(c, key), 0, sizeof(struct config_list));
}

bool config_list_add(struct config *c, const struct config_key *key, str item)
{
    struct config_list *list = field_of(c, key);
    bool good = key->kind == CONFIG_NAMES ? host_name_pattern_valid(item) : origin_pattern_valid(item);
    if (list->n == key->max || item.n > CONFIG_LIST_ITEM_MAX || !good)
        return false;
    memcpy(list->items[list->n++], item.p, item.n); // the rest is zero since config_list_clear
    return true;
}

bool config_list_set(struct config *c, const struct config_key *key, str text, struct config_item *ret_bad)
{
    struct config_list before = *(struct config_list *)field_of(c, key);
    config_list_clear(c, key);
    uint32_t number = 0;
    if (text.n > 0)
        for (str rest = text; rest.p != NULL;) {
            str item = str_trim(str_split(rest, ',', &rest));
            number++;
            if (config_list_add(c, key, item))
                continue;
            *(struct config_list *)field_of(c, key) = before;
            *ret_bad = (struct config_item){.number = number, .text = item};
            return false;
        }
    return true;
}

bool config_value_set(struct config *c, const struct config_key *key, str text)
{
    struct config_item bad;
    switch (key->kind) {
    case CONFIG_UINT:
    case CONFIG_BYTES:
        return number_set(key, text, field_of(c, key));
    case CONFIG_CHOICE:
        return choice_set(key, text, field_of(c, key));
    case CONFIG_BOOL:
        return bool_set(text, field_of(c, key));
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_SECRET:
        return text_set(key, text, field_of(c, key));
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
        return config_list_set(c, key, text, &bad);
    }
    UNREACHABLE();
}

// ---- what is expected

// 65536 as " (64 KiB)" where that is shorter to read; nothing otherwise.
static struct config_text size_note(uint32_t v)
{
    static const char *const names[] = {"KiB", "MiB", "GiB"};
    struct config_text note = {""};
    for (unsigned i = 3; i-- > 0;) {
        uint32_t unit = 1u << (10 * (i + 1));
        if (v >= unit && v % unit == 0) {
            snprintf(note.z, sizeof note.z, " (%" PRIu32 " %s)", v / unit, names[i]);
            break;
        }
    }
    return note;
}

static void choice_words(const struct config_key *key, char *ret, size_t cap)
{
    size_t used = 0;
    ret[0] = '\0';
    for (str rest = str_from_cstr(key->detail); rest.p != NULL && used < cap;) {
        str word = str_split(rest, '|', &rest);
        const char *before = used == 0 ? "" : rest.p != NULL ? ", " : " or ";
        used += (size_t)snprintf(ret + used, cap - used, "%s%.*s", before, STR_ARG(word));
    }
}

struct config_text config_expected(const struct config_key *key)
{
    struct config_text t;
    char zero[128] = "", units[48] = "";
    if (quantity_examples(key->unit)[0] != '\0')
        snprintf(units, sizeof units, ", or with a unit like %s", quantity_examples(key->unit));
    if (key->detail[0] != '\0')
        snprintf(zero, sizeof zero, ", or %s for %s", text_max(key->kind) > 0 ? "\"\"" : "0", key->detail);
    switch (key->kind) {
    case CONFIG_UINT:
        snprintf(t.z, sizeof t.z, "a whole number of %s from %" PRIu32 " to %" PRIu32 "%s%s", key->unit,
                 key->min, key->max, units, zero);
        break;
    case CONFIG_BYTES:
        snprintf(t.z, sizeof t.z, "bytes from %" PRIu32 " to %" PRIu32 "%.32s%s%s", key->min, key->max,
                 size_note(key->max).z, units, zero);
        break;
    case CONFIG_BOOL:
        snprintf(t.z, sizeof t.z, "true or false");
        break;
    case CONFIG_CHOICE: {
        char words[160];
        choice_words(key, words, sizeof words);
        snprintf(t.z, sizeof t.z, "%s", words);
        break;
    }
    case CONFIG_ADDRESS:
        snprintf(t.z, sizeof t.z, "an address and port like 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000%s",
                 zero);
        break;
    case CONFIG_ROOM:
        snprintf(t.z, sizeof t.z, "a room name of 1 to %d octets without control characters", ROOM_NAME_MAX);
        break;
    case CONFIG_SECRET:
        snprintf(t.z, sizeof t.z, "%" PRIu32 " to %" PRIu32 " octets%s", key->min, key->max, zero);
        break;
    case CONFIG_ORIGINS:
        snprintf(t.z, sizeof t.z,
                 "up to %" PRIu32
                 " origins like https://app.example.com or https://*.example.com, null, or *",
                 key->max);
        break;
    case CONFIG_NAMES:
        snprintf(t.z, sizeof t.z,
                 "up to %" PRIu32
                 " host names like chat.example.com or *.example.com, without scheme and port, or *",
                 key->max);
        break;
    }
    return t;
}

// ---- fields to text

static void list_text(const struct config_list *list, struct config_text *t)
{
    size_t used = (size_t)snprintf(t->z, sizeof t->z, "[");
    for (uint32_t i = 0; i < list->n; i++) {
        const char *item = list->items[i];
        if (used + strlen(item) + 16 > sizeof t->z) {
            used += (size_t)snprintf(t->z + used, sizeof t->z - used, ", ...");
            break;
        }
        used += (size_t)snprintf(t->z + used, sizeof t->z - used, "%s\"%s\"", i > 0 ? ", " : "", item);
    }
    snprintf(t->z + used, sizeof t->z - used, "]");
}

struct config_text config_value_text(const struct config *c, const struct config_key *key)
{
    struct config_text t;
    const void *field = field_in(c, key);
    switch (key->kind) {
    case CONFIG_UINT:
    case CONFIG_BYTES:
        snprintf(t.z, sizeof t.z, "%" PRIu32, *(const uint32_t *)field);
        break;
    case CONFIG_BOOL:
        snprintf(t.z, sizeof t.z, "%s", *(const bool *)field ? "true" : "false");
        break;
    case CONFIG_CHOICE: {
        str rest = str_from_cstr(key->detail);
        str word = str_split(rest, '|', &rest);
        for (uint32_t place = *(const uint32_t *)field; place > 0; place--)
            word = str_split(rest, '|', &rest);
        snprintf(t.z, sizeof t.z, "%.*s", STR_ARG(word));
        break;
    }
    case CONFIG_ADDRESS:
    case CONFIG_ROOM: {
        // A YAML double-quoted scalar knows JSON's escapes (YAML 1.2 section 5.7).
        char escaped[sizeof t.z - 2];
        text_escape(str_from_cstr(field), escaped, sizeof escaped);
        snprintf(t.z, sizeof t.z, "\"%s\"", escaped);
        break;
    }
    case CONFIG_SECRET:
        snprintf(t.z, sizeof t.z, "%s", *(const char *)field != '\0' ? "(set)" : "\"\"");
        break;
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
        list_text(field, &t);
        break;
    }
    return t;
}

static size_t field_size(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_BOOL:
        return sizeof(bool);
    case CONFIG_UINT:
    case CONFIG_BYTES:
    case CONFIG_CHOICE:
        return sizeof(uint32_t);
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
        return sizeof(struct config_list);
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_SECRET:
        return text_max(key->kind) + 1;
    }
    UNREACHABLE();
}

// ---- whole fields

void config_value_copy(struct config *to, const struct config *from, const struct config_key *key)
{
    memcpy(field_of(to, key), field_in(from, key), field_size(key));
}

bool config_value_equal(const struct config *a, const struct config *b, const struct config_key *key)
{
    return memcmp(field_in(a, key), field_in(b, key), field_size(key)) == 0;
}
