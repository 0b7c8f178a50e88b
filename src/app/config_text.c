// SPDX-License-Identifier: Apache-2.0
//
// One value for people: the sentence that says what a key expects, and field to text.
#include "app/config.h"

#include "app/escape.h"
#include "app/quantity.h"
#include "core/common/pattern.h"
#include "core/common/tenant.h"

#include <inttypes.h>

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

// Of a list: at most so many of what.
static void expected_list(const struct config_key *key, struct config_text *t)
{
    char words[320];
    switch (key->kind) {
    case CONFIG_ORIGINS:
        snprintf(t->z, sizeof t->z,
                 "up to %" PRIu32
                 " origins like https://app.example.com or https://*.example.com, null, or *",
                 key->max);
        break;
    case CONFIG_NETS:
        snprintf(t->z, sizeof t->z,
                 "up to %" PRIu32
                 " networks like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7, with no bits behind the prefix, "
                 "or " CONFIG_NET_UNIX,
                 key->max);
        break;
    case CONFIG_NAMES:
        snprintf(t->z, sizeof t->z,
                 "up to %" PRIu32
                 " host names like chat.example.com or *.example.com, without scheme and port, or *",
                 key->max);
        break;
    case CONFIG_TEXTS:
        snprintf(t->z, sizeof t->z, "up to %" PRIu32 " texts of 1 to %d octets, %d together", key->max,
                 CONFIG_TEXT_MAX, CONFIG_TEXTS_BYTES);
        break;
    case CONFIG_PATTERNS:
        snprintf(t->z, sizeof t->z,
                 "up to %" PRIu32 " room names like lobby, or patterns like team-* or acme:**", key->max);
        break;
    case CONFIG_ROWS:
        snprintf(t->z, sizeof t->z, "a list of up to %" PRIu32 " rows like %s", key->max, key->detail);
        break;
    case CONFIG_WORDS:
        choice_words(key, words, sizeof words);
        snprintf(t->z, sizeof t->z, "a list of %s", words);
        break;
    default:
        UNREACHABLE();
    }
}

// Of what somebody writes: how it looks.
static void expected_text(const struct config_key *key, const char *zero, struct config_text *t)
{
    switch (key->kind) {
    case CONFIG_ADDRESS:
        snprintf(
            t->z, sizeof t->z,
            "an address and port like 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000, or a Unix socket like unix:/run/plenum.sock%s",
            zero);
        break;
    case CONFIG_ROOM:
        snprintf(t->z, sizeof t->z, "a room name of 1 to %d octets without control characters",
                 ROOM_NAME_MAX);
        break;
    case CONFIG_SECRET:
        snprintf(t->z, sizeof t->z, "%" PRIu32 " to %" PRIu32 " octets%s", key->min, key->max, zero);
        break;
    case CONFIG_TEXT:
        snprintf(t->z, sizeof t->z,
                 "a text of %" PRIu32 " to %" PRIu32 " octets without control characters%s", key->min,
                 key->max, zero);
        break;
    case CONFIG_COOKIE:
        snprintf(t->z, sizeof t->z, "a name of 1 to %d letters, digits and marks like - and _%s",
                 CONFIG_COOKIE_MAX, zero);
        break;
    case CONFIG_URL:
        snprintf(t->z, sizeof t->z,
                 "an address that begins with https:// (on this machine: http://127.0.0.1:)%s", zero);
        break;
    case CONFIG_PATTERN:
        snprintf(t->z, sizeof t->z,
                 "a room name like lobby, or a pattern like team-* or acme:**, of up to %d octets",
                 PATTERN_MAX);
        break;
    case CONFIG_TENANT:
        snprintf(t->z, sizeof t->z,
                 "a word of up to %d letters, digits and - _ . and a colon, like acme:", TENANT_NAME_MAX);
        break;
    case CONFIG_SHA256:
        snprintf(t->z, sizeof t->z, "%d hex digits%s", CONFIG_SHA256_MAX, zero);
        break;
    case CONFIG_CAPS:
        snprintf(t->z, sizeof t->z,
                 "rights like {rooms: {lobby: [join, publish]}, server: [rooms]}, up to %d octets as JSON%s",
                 CONFIG_CAPS_MAX, zero);
        break;
    default:
        UNREACHABLE();
    }
}

struct config_text config_expected(const struct config_key *key)
{
    struct config_text t;
    char zero[128] = "", units[48] = "";
    if (quantity_examples(key->unit)[0] != '\0')
        snprintf(units, sizeof units, ", or with a unit like %s", quantity_examples(key->unit));
    if (key->detail[0] != '\0' && key->kind != CONFIG_ROWS)
        snprintf(zero, sizeof zero, ", or %s for %s", config_text_max(key->kind) > 0 ? "\"\"" : "0",
                 key->detail);
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
    case CONFIG_ROOM:
    case CONFIG_SECRET:
    case CONFIG_TEXT:
    case CONFIG_COOKIE:
    case CONFIG_URL:
    case CONFIG_PATTERN:
    case CONFIG_TENANT:
    case CONFIG_SHA256:
    case CONFIG_CAPS:
        expected_text(key, zero, &t);
        break;
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
    case CONFIG_ROWS:
    case CONFIG_WORDS:
        expected_list(key, &t);
        break;
    }
    return t;
}

// ---- fields to text

// A list that is put together, item by item, and cut where it becomes long.
struct listing {
    struct config_text *t;
    size_t used;
    uint32_t n;
    bool cut;
};

static void listing_put(struct listing *l, str item, bool quoted)
{
    char escaped[sizeof l->t->z];
    text_escape(item, escaped, sizeof escaped);
    size_t n = strlen(escaped);
    if (l->cut || l->used + n + 16 > sizeof l->t->z) {
        l->cut = true;
        return;
    }
    const char *quote = quoted ? "\"" : "";
    l->used += (size_t)snprintf(l->t->z + l->used, sizeof l->t->z - l->used, "%s%s%s%s",
                                l->n++ > 0 ? ", " : "", quote, escaped, quote);
}

static str word_at(const char *words, uint32_t place)
{
    str rest = str_from_cstr(words);
    str word = str_split(rest, '|', &rest);
    for (; place > 0; place--)
        word = str_split(rest, '|', &rest);
    return word;
}

static struct config_text list_text(const void *field, const struct config_key *key)
{
    struct config_text t = {"["};
    struct listing l = {.t = &t, .used = 1};
    const struct config_list *list = field;
    const struct config_texts *texts = field;
    if (key->kind == CONFIG_WORDS) {
        for (uint32_t words = *(const uint32_t *)field; words != 0; words &= words - 1)
            listing_put(&l, word_at(key->detail, (uint32_t)__builtin_ctz(words)), false);
    } else if (key->kind == CONFIG_TEXTS || key->kind == CONFIG_PATTERNS) {
        for (uint32_t i = 0; i < texts->n; i++)
            listing_put(&l, config_texts_item(texts, i), true);
    } else {
        for (uint32_t i = 0; i < list->n; i++)
            listing_put(&l, str_from_cstr(list->items[i]), true);
    }
    snprintf(t.z + l.used, sizeof t.z - l.used, "%s]", l.cut ? ", ..." : "");
    return t;
}

struct config_text config_field_text(const void *field, const struct config_key *key)
{
    struct config_text t;
    switch (key->kind) {
    case CONFIG_UINT:
    case CONFIG_BYTES:
        snprintf(t.z, sizeof t.z, "%" PRIu32, *(const uint32_t *)field);
        break;
    case CONFIG_BOOL:
        snprintf(t.z, sizeof t.z, "%s", *(const bool *)field ? "true" : "false");
        break;
    case CONFIG_CHOICE:
        snprintf(t.z, sizeof t.z, "%.*s", STR_ARG(word_at(key->detail, *(const uint32_t *)field)));
        break;
    case CONFIG_ADDRESS:
    case CONFIG_ROOM:
    case CONFIG_TEXT:
    case CONFIG_COOKIE:
    case CONFIG_URL:
    case CONFIG_PATTERN:
    case CONFIG_TENANT:
    case CONFIG_SHA256: {
        // A YAML double-quoted scalar knows JSON's escapes (YAML 1.2 section 5.7).
        char escaped[sizeof t.z - 2];
        text_escape(str_from_cstr(field), escaped, sizeof escaped);
        snprintf(t.z, sizeof t.z, "\"%s\"", escaped);
        break;
    }
    case CONFIG_CAPS: // JSON, which is YAML as it stands
        snprintf(t.z, sizeof t.z, "%s", *(const char *)field != '\0' ? (const char *)field : "\"\"");
        break;
    case CONFIG_SECRET:
        snprintf(t.z, sizeof t.z, "%s", *(const char *)field != '\0' ? "(set)" : "\"\"");
        break;
    case CONFIG_ORIGINS:
    case CONFIG_NAMES:
    case CONFIG_NETS:
    case CONFIG_TEXTS:
    case CONFIG_PATTERNS:
    case CONFIG_WORDS:
        return list_text(field, key);
    case CONFIG_ROWS:
        return config_rows_text(field, key->table);
    }
    return t;
}

struct config_text config_value_text(const struct config *c, const struct config_key *key)
{
    return config_field_text((const char *)c + key->offset, key);
}
