// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: any bytes as a YAML file, as one flag and as one variable. Complaints are one clean line each, however
// dirty the input; a file without mistakes reads the same again after it was printed.
#include "app/config_override.h"
#include "app/config_print.h"
#include "app/config_yaml.h"
#include "base/assert.h"
#include "wire/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_load first, second;

static void check_complaints(const struct config_load *l)
{
    ASSERT(l->complaints.count <= COMPLAINTS_MAX);
    for (size_t i = 0; i < l->complaints.count; i++) {
        str text = str_from_cstr(l->complaints.items[i].text);
        for (size_t j = 0; j < text.n; j++)
            ASSERT((unsigned char)text.p[j] >= 0x20 && text.p[j] != 0x7f);
        // A line that is as long as there is room for may have been cut inside a character.
        ASSERT(text.n == COMPLAINT_TEXT_MAX - 1 || utf8_valid(text));
    }
}

static char *printed(const struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    ASSERT(out != NULL);
    config_print_yaml(c, out);
    fclose(out);
    return text;
}

// Secrets are not printed, so those of rows, too, are compared by what is printed of them: that there is one, or not.
static void check_round_trip(void)
{
    char *text = printed(&first.values);
    config_load_init(&second);
    config_yaml_text(&second, "printed", str_from_cstr(text));
    ASSERT(second.complaints.errors == 0);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        ASSERT(config_keys[i].kind == CONFIG_SECRET || config_keys[i].kind == CONFIG_ROWS ||
               config_value_equal(&first.values, &second.values, &config_keys[i]));
    char *again = printed(&second.values);
    for (const char *p = text, *q = again; *p != '\0' || *q != '\0'; p++, q++) {
        static const char note[] = "  # set, not shown";
        if (strncmp(p, note, sizeof note - 1) == 0 && *q == '\n')
            p += sizeof note - 1;
        ASSERT(*p == *q);
    }
    free(text);
    free(again);
}

// "prefix" and the input as a NUL-terminated string; the caller frees it.
static char *argument(const char *prefix, const uint8_t *data, size_t size)
{
    size_t n = strlen(prefix);
    char *text = malloc(n + size + 1);
    ASSERT(text != NULL);
    memcpy(text, prefix, n);
    memcpy(text + n, data, size);
    text[n + size] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    config_load_init(&first);
    config_yaml_text(&first, "input", str_make((const char *)data, size));
    if (first.complaints.errors == 0)
        config_load_check(&first);
    check_complaints(&first);
    if (first.complaints.errors == 0)
        check_round_trip();

    char *flag = argument("--", data, size), *variable = argument("PLENUM_", data, size);
    char *environment[] = {variable, NULL};
    config_load_init(&first);
    config_flags(&first, &flag, 1);
    config_environment(&first, environment);
    check_complaints(&first);
    free(flag);
    free(variable);
    return 0;
}
