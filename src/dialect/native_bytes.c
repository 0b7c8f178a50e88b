// SPDX-License-Identifier: Apache-2.0
//
// native_bytes.c - the native language in JSON, but for data that are bytes: these are told in a binary message, in the form in which any
// JSON client may send them (docs/protocol/native.md, "Bytes").
//
//      | 4 bytes: length of the object, the highest first | object, without `data` | the bytes
//
// An object is shorter than 16 MiB, so such a payload begins with a zero byte, as no JSON does (payload_is_binary). A page of history is one
// JSON text: the bytes in its rows are base64.
#include "base/assert.h"
#include "dialect/datum.h"
#include "dialect/dialect_private.h"

enum { HEAD = 4, OBJECT_MAX = 0xffffff };

// Its data are bytes, and are told.
static bool has_bytes(const struct entry *e)
{
    const bool says = e->type == ENTRY_MESSAGE || e->type == ENTRY_EDIT || e->type == ENTRY_SIGNAL;
    return says && e->erased == 0 && data_is_datum(e->data);
}

static size_t begin(struct buf *out)
{
    BUF_PUT_LIT(out, "\0\0\0\0");
    return out->n;
}

// What was put from `at` on is the object.
static void end(struct buf *out, size_t at, str data)
{
    if (!buf_ok(out))
        return;
    const size_t n = out->n - at;
    ASSERT(at >= HEAD && n <= OBJECT_MAX);
    out->p[at - 3] = (char)(n >> 16);
    out->p[at - 2] = (char)(n >> 8);
    out->p[at - 1] = (char)n;
    buf_put_str(out, datum_bytes(data));
}

void native_bytes_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    if (!has_bytes(e)) {
        native_json_encode_entry(out, e, utc_offset_s);
        return;
    }
    struct entry apart = *e;
    apart.apart = true;
    const size_t at = begin(out);
    native_json_encode_entry(out, &apart, utc_offset_s);
    end(out, at, e->data);
}

void native_bytes_encode_row(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    buf_put_str(out, native_bytes_payloads.row_separator);
    native_json_encode_entry(out, e, utc_offset_s);
}

void native_bytes_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    if (ev->type != EV_DIRECT || !data_is_datum(ev->direct.data)) {
        native_json_encode_event(out, ev, utc_offset_s);
        return;
    }
    struct event apart = *ev;
    apart.direct.apart = true;
    const size_t at = begin(out);
    native_json_encode_event(out, &apart, utc_offset_s);
    end(out, at, ev->direct.data);
}
