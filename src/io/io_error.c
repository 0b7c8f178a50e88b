// SPDX-License-Identifier: Apache-2.0
//
// One buffer, filled once, at the place that knows most.
#include "io/io_error.h"

#include <stdarg.h>
#include <stdio.h>

void io_error_set(struct io_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
}
