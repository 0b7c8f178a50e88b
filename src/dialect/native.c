// SPDX-License-Identifier: Apache-2.0
//
// native.c - the native language (docs/protocol/native.md): replies carry the id of the command that they answer, sessions come
// back with a token, the transport's own pings and close frames are enough.
#include "dialect/dialect_private.h"

const struct language native_language = {
    .name = "native",
    .returns = true,
    // For whoever types by hand, and for the developer who reads it in a log: what to do next time.
    .silent = "no command within limits.hello_ms; begin with {\"type\":\"hello\"} or any other command",
};

const struct payloads native_json_payloads = {
    .name = "json",
    .pages = true,
    .row_separator = {",", 1},
    .rows_end = 2, // "]}"
    .both = true,
    .scratch_factor = 1, // strings only shrink
    .decode = native_json_decode,
    .encode_event = native_json_encode_event,
    .encode_entry = native_json_encode_entry,
};

const struct payloads native_bytes_payloads = {
    .name = "json_bytes",
    .pages = true,
    .row_separator = {",", 1},
    .rows_end = 2,
    .both = true,
    .bytes = true,
    .scratch_factor = 1,
    .decode = native_json_decode,
    .encode_event = native_bytes_encode_event,
    .encode_entry = native_bytes_encode_entry,
    .encode_row = native_bytes_encode_row,
};
