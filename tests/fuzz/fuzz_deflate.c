// SPDX-License-Identifier: Apache-2.0
//
// C3: compressed messages: arbitrary octets inflate to something within the cap or fail, alike behind whatever context and whatever was inflated
// before; and what is deflated inflates to what it was.
//
// Input: a byte whose lower half is the window, less 9, and whose upper half the cap, in steps of 64; a length, so many octets of
// context; the rest is the message.
#include "fuzz/fuzz_input.h"
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"
#include "wire/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void inflates(struct inflater *in, struct buf *out, str context, str message, size_t cap)
{
    buf_reset(out, 1 << 16);
    const enum err first = inflater_message(in, context, message, cap, out);
    MUST(first == OK || first == ERR_SYNTAX || first == ERR_TOO_LARGE);
    MUST(out->n <= cap + 1 && (first == ERR_TOO_LARGE) == (out->n == cap + 1));
    uint8_t *said = exact_copy(out->p, out->n);
    const size_t said_n = out->n;
    inflater_wipe(in);
    buf_reset(out, 1 << 16);
    MUST(inflater_message(in, context, message, cap, out) == first);
    MUST(out->n == said_n && (said_n == 0 || memcmp(out->p, said, said_n) == 0));
    free(said);
}

static void comes_back(struct inflater *in, struct mem *m, uint8_t window, struct buf *out, str message)
{
    struct deflater *d = deflater_create(m, window);
    struct buf made;
    MUST(d != NULL);
    buf_init(&made, m, 0);
    const size_t made_n = deflater_message(d, &made, message);
    MUST(made_n == 0 || made_n < message.n);
    buf_reset(out, 1 << 16);
    if (made_n != 0)
        MUST(inflater_message(in, STR_NONE, buf_str(&made), message.n, out) == OK &&
             str_eq(buf_str(out), message));
    buf_deinit(&made);
    deflater_destroy(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input input = {data, n};
    const uint8_t how = input_byte(&input);
    const str context = input_bytes(&input, input_byte(&input));
    uint8_t *block = exact_copy(input.p, input.left);
    const str message = str_make((const char *)block, input.left);
    struct mem m;
    struct buf out;
    fuzz_mem_init(&m);
    buf_init(&out, &m, 0);
    struct inflater *in = inflater_create(&m);
    MUST(in != NULL);
    inflates(in, &out, context, message, (size_t)(how >> 4) * 64);
    comes_back(in, &m, (uint8_t)(DEFLATE_WINDOW_MIN + (how & 15) % 7), &out, message);
    inflater_destroy(in);
    buf_deinit(&out);
    free(block);
    return 0;
}
