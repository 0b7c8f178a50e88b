// SPDX-License-Identifier: Apache-2.0
//
// The length of a message stands in front of it and is known when it is written. One byte is left for it, and what is longer than
// that is moved, which is a memmove of what has just been written. Rejected: to measure first (each writer twice), and five bytes
// for any length (frames are shared by all readers, so a byte less is one less for each of them).
#include "wire/protobuf.h"

static size_t varint_encode(uint64_t v, char ret[PROTOBUF_VARINT_MAX])
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        ret[n++] = (char)(uint8_t)(v | 0x80);
    ret[n++] = (char)(uint8_t)v;
    ASSERT(n <= PROTOBUF_VARINT_MAX);
    return n;
}

void protobuf_put_varint(struct buf *out, uint64_t v)
{
    char bytes[PROTOBUF_VARINT_MAX];
    buf_put(out, bytes, varint_encode(v, bytes));
}

static void put_tag(struct buf *out, uint32_t number, enum protobuf_type type)
{
    ASSERT(number != 0 && number <= PROTOBUF_NUMBER_MAX);
    protobuf_put_varint(out, (uint64_t)number << 3 | type);
}

void protobuf_put_uint(struct buf *out, uint32_t number, uint64_t v)
{
    put_tag(out, number, PROTOBUF_VARINT);
    protobuf_put_varint(out, v);
}

void protobuf_put_bytes(struct buf *out, uint32_t number, str bytes)
{
    put_tag(out, number, PROTOBUF_BYTES);
    protobuf_put_varint(out, bytes.n);
    buf_put_str(out, bytes);
}

size_t protobuf_open(struct buf *out, uint32_t number)
{
    put_tag(out, number, PROTOBUF_BYTES);
    buf_put_char(out, 0);
    return out->n;
}

void protobuf_close(struct buf *out, size_t at)
{
    char bytes[PROTOBUF_VARINT_MAX];
    if (!buf_ok(out))
        return;
    ASSERT(at != 0 && at <= out->n);
    const size_t n = out->n - at, length_n = varint_encode(n, bytes);
    if (length_n > 1) {
        if (buf_reserve(out, length_n - 1) == NULL)
            return;
        memmove(out->p + at + length_n - 1, out->p + at, n);
        buf_commit(out, length_n - 1);
    }
    memcpy(out->p + at - 1, bytes, length_n);
}

// --- reading

static bool get_varint(str message, size_t *at, uint64_t *ret, const char **ret_why)
{
    uint64_t v = 0;
    for (size_t i = 0; i < PROTOBUF_VARINT_MAX; i++) {
        if (*at == message.n) {
            *ret_why = "a varint is cut";
            return false;
        }
        const uint8_t byte = (uint8_t)message.p[*at];
        if (i == PROTOBUF_VARINT_MAX - 1 && byte > 1)
            break;
        ++*at;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (byte == 0 && i != 0) {
            *ret_why = "a varint has more bytes than it needs";
            return false;
        }
        *ret = v;
        return true;
    }
    *ret_why = "a varint has more than 64 bits";
    return false;
}

static bool get_bytes(str message, size_t *at, uint64_t n, str *ret, const char **ret_why)
{
    if (n > message.n - *at) {
        *ret_why = "a field is longer than what it is in";
        return false;
    }
    *ret = str_make(message.p + *at, (size_t)n);
    *at += (size_t)n;
    return true;
}

static bool get_fixed(str message, size_t *at, size_t n, struct protobuf_field *ret, const char **ret_why)
{
    if (!get_bytes(message, at, n, &ret->raw, ret_why))
        return false;
    ret->value = 0;
    for (size_t i = n; i-- > 0;)
        ret->value = ret->value << 8 | (uint8_t)ret->raw.p[i];
    return true;
}

static bool get_value(str message, size_t *at, struct protobuf_field *ret, const char **ret_why)
{
    const size_t from = *at;
    uint64_t n;
    switch (ret->type) {
    case PROTOBUF_VARINT:
        if (!get_varint(message, at, &ret->value, ret_why))
            return false;
        ret->raw = str_make(message.p + from, *at - from);
        return true;
    case PROTOBUF_FIXED64:
        return get_fixed(message, at, 8, ret, ret_why);
    case PROTOBUF_FIXED32:
        return get_fixed(message, at, 4, ret, ret_why);
    case PROTOBUF_BYTES:
        return get_varint(message, at, &n, ret_why) && get_bytes(message, at, n, &ret->raw, ret_why);
    default:
        *ret_why = "a field is of a wire type that is not read";
        return false;
    }
}

enum protobuf_got protobuf_next(str message, size_t *at, struct protobuf_field *ret, const char **ret_why)
{
    uint64_t tag;
    ASSERT(*at <= message.n);
    if (*at == message.n)
        return PROTOBUF_END;
    if (!get_varint(message, at, &tag, ret_why))
        return PROTOBUF_BROKEN;
    if (tag >> 3 == 0 || tag >> 3 > PROTOBUF_NUMBER_MAX) {
        *ret_why = "a field has no number that there may be";
        return PROTOBUF_BROKEN;
    }
    *ret = (struct protobuf_field){.number = (uint32_t)(tag >> 3), .type = (uint8_t)(tag & 7)};
    return get_value(message, at, ret, ret_why) ? PROTOBUF_FIELD : PROTOBUF_BROKEN;
}
