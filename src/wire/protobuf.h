// SPDX-License-Identifier: Apache-2.0
//
// protobuf.h - the wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding): a message is fields one behind the
// other, each a number, a type, and a value. What the fields mean is for who reads them.
//
//      | number << 3 | type |  value          type 0: a varint, 7 bits a byte, the lowest first, 64 bits at most
//            varint            1: 8 bytes     2: a length (varint) and so many bytes     5: 4 bytes
//
// Reading trusts nothing. It is stricter than it would have to be where two spellings mean one thing: a varint has no more bytes
// than it needs, as all encoders write it. Groups (types 3 and 4) were given up long ago and are refused.
//
// Ownership: fields borrow from the message. Thread: any; values only.
#ifndef PLENUM_WIRE_PROTOBUF_H
#define PLENUM_WIRE_PROTOBUF_H

#include "base/buf.h"

enum {
    PROTOBUF_VARINT_MAX = 10,            // bytes
    PROTOBUF_NUMBER_MAX = (1 << 29) - 1, // of a field
};
enum protobuf_type { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };

struct protobuf_field {
    uint32_t number; // 1 to PROTOBUF_NUMBER_MAX
    uint8_t type;    // enum protobuf_type
    uint64_t value;  // of a varint or a fixed one
    str raw;         // its bytes as they stood: of PROTOBUF_BYTES without the length
};

enum protobuf_got { PROTOBUF_END, PROTOBUF_FIELD, PROTOBUF_BROKEN };
// The field at *at, which is moved behind it. PROTOBUF_BROKEN: there is none; *at is where that was noticed, and *ret_why says why,
// a static sentence without subject.
enum protobuf_got protobuf_next(str message, size_t *at, struct protobuf_field *ret, const char **ret_why);

// --- writing; to a buf, whose owner looks whether it was large enough

void protobuf_put_varint(struct buf *out, uint64_t v);
void protobuf_put_uint(struct buf *out, uint32_t number, uint64_t v);
void protobuf_put_bytes(struct buf *out, uint32_t number, str bytes);
// A message in a field: what is put between the two is its. Returns where it begins, for the close.
size_t protobuf_open(struct buf *out, uint32_t number);
void protobuf_close(struct buf *out, size_t at);

#endif
