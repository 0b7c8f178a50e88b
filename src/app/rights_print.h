// SPDX-License-Identifier: Apache-2.0
//
// rights_print.h - the table of rights and roles, for people: `plenum rights`.
#ifndef PLENUM_APP_RIGHTS_PRINT_H
#define PLENUM_APP_RIGHTS_PRINT_H

#include <stdio.h>

// As docs/protocol/native.md has it (which a test holds to core/home/rights.h), a table in Markdown.
void rights_print(FILE *out);

#endif
