// SPDX-License-Identifier: Apache-2.0
//
// One value at a time: text to field. What config_value_text writes (config_text.c) is read back to the same.
#include "app/config.h"

#include "app/quantity.h"
#include "base/assert.h"
#include "core/common/pattern.h"
#include "core/common/tenant.h"
#include "dialect/dialect.h"
#include "io/address.h"
#include "wire/host_name.h"
#include "wire/http.h"
#include "wire/ip.h"
#include "wire/origin.h"
#include "wire/utf8.h"

// ---- fields

static void *field_of(struct config *c, const struct config_key *key) { return (char *)c + key->offset; }

static const void *field_in(const struct config *c, const struct config_key *key)
{
    return (const char *)c + key->offset;
}

// Capacity of a text field without its NUL; 0 for the other kinds.
size_t config_text_max(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_ADDRESS:
        return CONFIG_ADDRESS_MAX;
    case CONFIG_ROOM:
        return ROOM_NAME_MAX;
    case CONFIG_SECRET:
        return CONFIG_SECRET_MAX;
    case CONFIG_TEXT:
    case CONFIG_URL:
        return CONFIG_TEXT_MAX;
    case CONFIG_COOKIE:
        return CONFIG_COOKIE_MAX;
    case CONFIG_PATTERN:
        return ROOM_NAME_MAX;
    case CONFIG_TENANT:
        return CONFIG_PREFIX_MAX;
    case CONFIG_SHA256:
        return CONFIG_SHA256_MAX;
    case CONFIG_CAPS:
        return CONFIG_CAPS_MAX;
    case CONFIG_UINT:
    case CONFIG_BYTES:
    case CONFIG_BOOL:
    case CONFIG_CHOICE:
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
    case CONFIG_WORDS:
    case CONFIG_ROWS:
        return 0;
    }
    UNREACHABLE();
}

bool config_is_list(const struct config_key *key)
{
    return key->kind == CONFIG_ORIGINS || key->kind == CONFIG_NAMES || key->kind == CONFIG_NETS ||
           key->kind == CONFIG_TEXTS || key->kind == CONFIG_PATTERNS || key->kind == CONFIG_WORDS;
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

// One line of text without control characters, as a name is, of any length.
static bool line_good(str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    return utf8_valid(text);
}

// A name and a password in front of the host (RFC 3986 section 3.2.1): a secret where it would be printed, and what looks like the
// host is none.
static bool url_has_user(str text)
{
    for (size_t i = str_find_char(text, ':', 0) + 3; i < text.n; i++) {
        if (text.p[i] == '@')
            return true;
        if (strchr("/?#", text.p[i]) != NULL)
            break;
    }
    return false;
}

// Keys that come in the clear are anybody's on the way, but not on this machine.
static bool url_good(str text)
{
    static const char *const begins[] = {"https://",          "http://127.0.0.1:", "http://127.0.0.1/",
                                         "http://localhost:", "http://localhost/", "http://[::1]:",
                                         "http://[::1]/"};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        str begin = str_from_cstr(begins[i]);
        if (str_starts(text, begin) && text.n > begin.n)
            return line_good(text) && str_find_char(text, ' ', 0) == text.n && !url_has_user(text);
    }
    return false;
}

static bool hex_good(str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (strchr("0123456789abcdefABCDEF", text.p[i]) == NULL)
            return false;
    return true;
}

static bool text_good(const struct config_key *key, str text)
{
    if (memchr(text.p != NULL ? text.p : "", '\0', text.n) != NULL || text.n > config_text_max(key->kind))
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
        return text.n >= key->min && text.n <= key->max;
    case CONFIG_TEXT:
        return text.n >= key->min && text.n <= key->max && line_good(text);
    case CONFIG_COOKIE: // RFC 6265 section 4.1.1
        return http_is_token(text);
    case CONFIG_URL:
        return url_good(text);
    case CONFIG_PATTERN:
        return pattern_problem(text) == NULL;
    case CONFIG_TENANT:
        return tenant_prefix_valid(text);
    case CONFIG_SHA256:
        return text.n == CONFIG_SHA256_MAX && hex_good(text);
    case CONFIG_CAPS: // what is in it: config_load_check, which can say what is wrong
        return line_good(text);
    case CONFIG_UINT: // no texts
    case CONFIG_BYTES:
    case CONFIG_BOOL:
    case CONFIG_CHOICE:
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
    case CONFIG_WORDS:
    case CONFIG_ROWS:
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
    memset(ret + text.n, 0, config_text_max(key->kind) + 1 - text.n);
    return true;
}

// ---- lists

void config_field_clear(void *field, const struct config_key *key)
{
    ASSERT(config_is_list(key) || key->kind == CONFIG_ROWS);
    memset(field, 0, config_field_size(key));
}

// A network, or the word for everybody who comes by a Unix socket.
static bool net_good(str item)
{
    struct ip_net net;
    return str_eq(item, STR(CONFIG_NET_UNIX)) || ip_net_parse(item, &net) == OK;
}

static bool list_item_good(enum config_kind kind, str item)
{
    if (kind == CONFIG_NETS)
        return net_good(item);
    return kind == CONFIG_NAMES ? host_name_pattern_valid(item) : origin_pattern_valid(item);
}

static bool list_add(struct config_list *list, const struct config_key *key, str item)
{
    bool good = list_item_good(key->kind, item);
    if (list->n == key->max || item.n > CONFIG_LIST_ITEM_MAX || !good)
        return false;
    memcpy(list->items[list->n++], item.p, item.n); // the rest is zero since config_field_clear
    return true;
}

str config_texts_item(const struct config_texts *list, uint32_t i)
{
    ASSERT(i < list->n);
    const char *at = list->text;
    for (; i > 0; i--)
        at += strlen(at) + 1;
    return str_from_cstr(at);
}

static size_t texts_used(const struct config_texts *list)
{
    if (list->n == 0)
        return 0;
    str last = config_texts_item(list, list->n - 1);
    return (size_t)(last.p - list->text) + last.n + 1;
}

static bool texts_add(struct config_texts *list, const struct config_key *key, str item)
{
    size_t used = texts_used(list);
    bool good = key->kind == CONFIG_PATTERNS ? pattern_problem(item) == NULL
                                             : item.n > 0 && item.n <= CONFIG_TEXT_MAX && line_good(item);
    if (list->n == key->max || !good || used + item.n + 1 > sizeof list->text)
        return false;
    memcpy(list->text + used, item.p, item.n);
    list->n++;
    return true;
}

static bool words_add(uint32_t *words, const struct config_key *key, str item)
{
    uint32_t place;
    if (!choice_set(key, item, &place))
        return false;
    *words |= UINT32_C(1) << place;
    return true;
}

bool config_field_add(void *field, const struct config_key *key, str item)
{
    switch (key->kind) {
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
        return list_add(field, key, item);
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
        return texts_add(field, key, item);
    case CONFIG_WORDS:
        return words_add(field, key, item);
    case CONFIG_UINT: // no lists of single values
    case CONFIG_BYTES:
    case CONFIG_BOOL:
    case CONFIG_CHOICE:
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_SECRET:
    case CONFIG_TEXT:
    case CONFIG_COOKIE:
    case CONFIG_URL:
    case CONFIG_PATTERN:
    case CONFIG_TENANT:
    case CONFIG_SHA256:
    case CONFIG_CAPS:
    case CONFIG_ROWS:
        break;
    }
    UNREACHABLE();
}

// All items or, with the first that is not good in ret_bad, some of them.
static bool items_add(void *field, const struct config_key *key, str text, struct config_item *ret_bad)
{
    config_field_clear(field, key);
    uint32_t number = 0;
    for (str rest = text; rest.p != NULL && text.n > 0;) {
        str item = str_trim(str_split(rest, ',', &rest));
        number++;
        if (config_field_add(field, key, item))
            continue;
        *ret_bad = (struct config_item){.number = number, .text = item};
        return false;
    }
    return true;
}

bool config_list_set(struct config *c, const struct config_key *key, str text, struct config_item *ret_bad)
{
    struct config_list before;
    ASSERT(config_field_size(key) <= sizeof before);
    memcpy(&before, field_of(c, key), config_field_size(key));
    bool good = items_add(field_of(c, key), key, text, ret_bad);
    if (!good)
        memcpy(field_of(c, key), &before, config_field_size(key));
    return good;
}

bool config_field_set(void *field, const struct config_key *key, str text)
{
    struct config_item bad;
    switch (key->kind) {
    case CONFIG_UINT:
    case CONFIG_BYTES:
        return number_set(key, text, field);
    case CONFIG_CHOICE:
        return choice_set(key, text, field);
    case CONFIG_BOOL:
        return bool_set(text, field);
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_SECRET:
    case CONFIG_TEXT:
    case CONFIG_COOKIE:
    case CONFIG_URL:
    case CONFIG_PATTERN:
    case CONFIG_TENANT:
    case CONFIG_SHA256:
    case CONFIG_CAPS:
        return text_set(key, text, field);
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
    case CONFIG_WORDS:
        return items_add(field, key, text, &bad);
    case CONFIG_ROWS: // none; rows are YAML (app/config_yaml.h)
        config_field_clear(field, key);
        return text.n == 0;
    }
    UNREACHABLE();
}

bool config_value_set(struct config *c, const struct config_key *key, str text)
{
    struct config_item bad;
    if (config_is_list(key))
        return config_list_set(c, key, text, &bad);
    return config_field_set(field_of(c, key), key, text);
}

// ---- whole fields

size_t config_field_size(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_BOOL:
        return sizeof(bool);
    case CONFIG_UINT:
    case CONFIG_BYTES:
    case CONFIG_CHOICE:
    case CONFIG_WORDS:
        return sizeof(uint32_t);
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
        return sizeof(struct config_list);
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
        return sizeof(struct config_texts);
    case CONFIG_ROWS:
        return key->table->list_size;
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_SECRET:
    case CONFIG_TEXT:
    case CONFIG_COOKIE:
    case CONFIG_URL:
    case CONFIG_PATTERN:
    case CONFIG_TENANT:
    case CONFIG_SHA256:
    case CONFIG_CAPS:
        return config_text_max(key->kind) + 1;
    }
    UNREACHABLE();
}

bool config_field_equal(const void *a, const void *b, const struct config_key *key)
{
    if (key->kind == CONFIG_ROWS)
        return config_rows_equal(a, b, key->table);
    return memcmp(a, b, config_field_size(key)) == 0;
}

void config_value_copy(struct config *to, const struct config *from, const struct config_key *key)
{
    memcpy(field_of(to, key), field_in(from, key), config_field_size(key));
}

bool config_value_equal(const struct config *a, const struct config *b, const struct config_key *key)
{
    return config_field_equal(field_in(a, key), field_in(b, key), key);
}
