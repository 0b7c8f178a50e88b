// SPDX-License-Identifier: Apache-2.0
//
// Made of the table that homes ask (core/home/rights.h), so it cannot say anything else than what holds.
#include "app/rights_print.h"

#include "core/home/rights.h"
#include "dialect/dialect.h"

void rights_print(FILE *out)
{
    fputs("| right | what for |", out);
    for (int role = 0; role < ROLE_COUNT; role++)
        fprintf(out, " %s |", role_name((enum role)role));
    fputs("\n|---|---|", out);
    for (int role = 0; role < ROLE_COUNT; role++)
        fputs("---|", out);
    fputc('\n', out);
    for (int right = RIGHT_NONE + 1; right < RIGHT_COUNT; right++) {
        fprintf(out, "| `%s` | %s |", right_name((enum right)right), right_words((enum right)right));
        for (int role = 0; role < ROLE_COUNT; role++)
            fputs((rights_of((enum role)role) & RIGHT_BIT(right)) != 0 ? " yes |" : " |", out);
        fputc('\n', out);
    }
}
