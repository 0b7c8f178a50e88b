// SPDX-License-Identifier: Apache-2.0
//
// protobuf_private.h - what the files of the protobuf encoding share: fields of events, put where they say something.
#ifndef PLENUM_DIALECT_PROTOBUF_PRIVATE_H
#define PLENUM_DIALECT_PROTOBUF_PRIVATE_H

#include "dialect/dialect_private.h"
#include "dialect/protobuf_fields.h"
#include "wire/protobuf.h"

// Zero, false and nothing are what a field is that is not there.
static inline void pb_uint(struct buf *out, enum protobuf_member field, uint64_t v)
{
    if (v != 0)
        protobuf_put_uint(out, field, v);
}
static inline void pb_str(struct buf *out, enum protobuf_member field, str s)
{
    if (s.n != 0)
        protobuf_put_bytes(out, field, s);
}
static inline void pb_cstr(struct buf *out, enum protobuf_member field, const char *z)
{
    if (z != NULL)
        pb_str(out, field, str_from_cstr(z));
}
// Where it says something that it is there at all (`optional` in plenum.proto).
static inline void pb_maybe(struct buf *out, enum protobuf_member field, bool there, uint64_t v)
{
    if (there)
        protobuf_put_uint(out, field, v);
}

void pb_put_data(struct buf *out, str data);
void pb_put_member(struct buf *out, enum protobuf_member field, const struct member_view *m);
void pb_put_person(struct buf *out, enum protobuf_member field, str user, str session, str name, str info);
void pb_put_gap(struct buf *out, const struct event *ev, uint64_t room_handle);

#endif
