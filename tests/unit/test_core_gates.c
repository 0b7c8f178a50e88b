// SPDX-License-Identifier: Apache-2.0
//
// The table of gates: the page prints it in its order, the files have the functions, and what counts a refusal is a counter. That
// the gates are asked in that order needs no test, as the steps are made of the rows; what each decides has tests of its own.
#include "core/common/gates.h"
#include "core/common/metrics.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    const char *step, *name, *kind, *file, *answer, *counted, *asks;
};
static const struct row rows[] = {
#define X(step, name, kind, file, answer, counted, asks) {#step, #name, #kind, file, answer, counted, asks},
    GATES(X)
#undef X
};

static bool is_counter(const char *name, size_t n)
{
    static const char *const fields[] = {
#define X(field, ...) #field,
        METRICS(X)
#undef X
            "commands"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strlen(fields[i]) == n && memcmp(fields[i], name, n) == 0)
            return true;
    return false;
}

static void the_page_prints_the_rows_in_their_order(void **state)
{
    (void)state;
    char *page = source_text("docs/ARCHITECTURE.md"), line[1024];
    const char *at = page;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        snprintf(line, sizeof line, "| %s | `%s` | %s | [%s](../src/%s) | %s | %s |\n", r->step, r->name,
                 r->kind, strrchr(r->file, '/') + 1, r->file, r->asks,
                 r->answer[0] != '\0' ? r->answer : "-");
        const char *found = strstr(at, line);
        if (found == NULL)
            print_error("docs/ARCHITECTURE.md has not, or has not in this order: %s", line);
        assert_non_null(found);
        at = found + strlen(line);
    }
    assert_memory_not_equal(at, "| ", 2); // and no others
    free(page);
}

static void each_is_a_function_in_its_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128], begin[128];
        snprintf(path, sizeof path, "src/%s", rows[i].file);
        snprintf(begin, sizeof begin, " gate_%s(", rows[i].name);
        char *text = source_text(path);
        assert_non_null(strstr(text, begin));
        free(text);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[k].name, rows[i].name);
    }
}

static void what_counts_is_a_counter(void **state)
{
    (void)state;
    size_t counted = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (const char *p = rows[i].counted; *p != '\0';) {
            size_t n = strcspn(p, " ");
            assert_true(is_counter(p, n));
            counted++;
            p += n + (p[n] == ' ');
        }
    assert_true(counted >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_prints_the_rows_in_their_order),
        cmocka_unit_test(each_is_a_function_in_its_file),
        cmocka_unit_test(what_counts_is_a_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
