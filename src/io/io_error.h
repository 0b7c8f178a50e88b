// SPDX-License-Identifier: Apache-2.0
//
// io_error.h - why the server could not start, as one sentence for the operator.
#ifndef PLENUM_IO_IO_ERROR_H
#define PLENUM_IO_IO_ERROR_H

struct io_error {
    char text[256]; // no newline at the end; "" = no error
};

// Formats the sentence; cut off where it is too long.
void io_error_set(struct io_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
