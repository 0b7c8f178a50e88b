// SPDX-License-Identifier: Apache-2.0
//
// text.c - the language of people at terminals (docs/protocol/text.md): a line in, lines out, in the order in which things were
// asked for. Whoever connects is somebody and somewhere; nobody has a token to come back with.
#include "dialect/dialect_private.h"

// Where a close frame says it, nothing need be said in front of it.
static void encode_close(struct buf *out, struct closing *c, void *state)
{
    enum { NORMAL = 1000 }; // RFC 6455 section 7.4.1: one said /quit, and was answered
    (void)state;
    if (c->close_frame || c->code == NORMAL)
        return;
    buf_put_str(out, str_from_cstr(text_language.parting));
    buf_put_str(out, str_from_cstr(c->reason));
}

const struct language text_language = {
    .name = "text",
    .serial = true,
    .greets = true,
    .reports = true,
    .parting = "* closing: ",
    .last_words = {"* closing: out of memory\n", 25},
    .encode_close = encode_close,
};

const struct payloads text_payloads = {
    .name = "lines",
    .lines = true,
    .scratch_factor = 6, // a line becomes a JSON string: at worst six bytes for one
    .decode = text_decode,
    .encode_event = text_encode_event,
    .encode_entry = text_encode_entry,
};
