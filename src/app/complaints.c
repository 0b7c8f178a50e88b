// SPDX-License-Identifier: Apache-2.0
#include "app/complaints.h"

#include "app/escape.h"

#include <stdarg.h>

void complaints_init(struct complaints *p)
{
    p->errors = 0;
    p->warnings = 0;
    p->count = 0;
}

static void add(struct complaints *p, bool warning, const char *format, va_list arguments)
{
    if (warning)
        p->warnings++;
    else
        p->errors++;
    if (p->count == COMPLAINTS_MAX)
        return;
    struct complaint *item = &p->items[p->count++];
    item->warning = warning;
    vsnprintf(item->text, sizeof item->text, format, arguments);
}

void complaint_add(struct complaints *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(p, false, format, arguments);
    va_end(arguments);
}

void complaint_warn(struct complaints *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(p, true, format, arguments);
    va_end(arguments);
}

void complaints_print(const struct complaints *p, FILE *out)
{
    for (size_t i = 0; i < p->count; i++)
        fprintf(out, "%s%s\n", p->items[i].warning ? "warning: " : "", p->items[i].text);
    size_t all = p->errors + p->warnings;
    if (all > p->count)
        fprintf(out, "... and %zu more\n", all - p->count);
}

struct complaint_quote complaint_quote(str value)
{
    struct complaint_quote quote;
    if (value.n == 0) {
        snprintf(quote.z, sizeof quote.z, "nothing");
        return quote;
    }
    char escaped[COMPLAINT_QUOTE_MAX - 2];
    text_escape(value, escaped, sizeof escaped);
    snprintf(quote.z, sizeof quote.z, "\"%s\"", escaped);
    return quote;
}

struct complaint_quote complaint_bare(str name)
{
    struct complaint_quote bare;
    text_escape(name, bare.z, sizeof bare.z);
    return bare;
}
