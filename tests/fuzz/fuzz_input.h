// SPDX-License-Identifier: Apache-2.0
//
// fuzz_input.h - the bytes that a stateful target is driven by, taken from the front: an act, its arguments, and so on. Behind the last
// one there are zeroes.
#ifndef PLENUM_TESTS_FUZZ_FUZZ_INPUT_H
#define PLENUM_TESTS_FUZZ_FUZZ_INPUT_H

#include "base/str.h"

struct fuzz_input {
    const uint8_t *p;
    size_t left;
};

static inline uint8_t input_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->p++;
}

// As many as there are, up to n.
static inline str input_bytes(struct fuzz_input *in, size_t n)
{
    if (n > in->left)
        n = in->left;
    str s = {(const char *)in->p, n};
    in->p += n;
    in->left -= n;
    return s;
}

#endif
