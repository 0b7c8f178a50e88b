// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: anything as one binary message of a protobuf client. It becomes commands within the limits, or errors that can be sent,
// and every step moves on; what is said comes out of each language's encoder whole.
#include "dialect_fuzz.h"
#include "wire/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What the encoder has written can be told apart into fields, all of it.
static void check_fields(str message, int depth)
{
    struct protobuf_field f;
    const char *why;
    enum protobuf_got got;
    size_t at = 0;
    while ((got = protobuf_next(message, &at, &f, &why)) == PROTOBUF_FIELD)
        if (depth == 0 && f.type == PROTOBUF_BYTES)
            check_fields(f.raw, depth + 1);
    ASSERT(got == PROTOBUF_END && at == message.n);
}

static void check_encoded(struct buf *out, const struct command *c)
{
    const struct payloads *proto = ways_served.encodings[ENCODING_PROTOBUF]->payloads;
    const struct entry e = {.type = ENTRY_MESSAGE, .room = STR("r"), .user = STR("u"), .data = c->data};
    const struct event ev = {.type = EV_ACK, .id = c->id, .room = c->room};
    buf_reset(out, 0);
    proto->encode_entry(out, &e, 0);
    ASSERT(buf_ok(out));
    check_fields(buf_str(out), 0);
    buf_reset(out, 0);
    proto->encode_event(out, &ev, 0);
    ASSERT(buf_ok(out));
    check_fields(buf_str(out), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem mem;
    fuzz_mem_init(&mem);
    struct buf out;
    buf_init(&out, &mem, 0);
    struct scratch scratch = {.p = malloc(size + 1), .cap = size};
    if (scratch.p == NULL)
        return 0;
    struct reading r = {.message = {(const char *)data, size}, .scratch = &scratch, .binary = true};
    do {
        struct command command;
        struct problem problem;
        const size_t before = r.at;
        enum err e = ways_served.encodings[ENCODING_PROTOBUF]->payloads->decode(&r, &command, &problem);
        ASSERT((r.at > before || size == 0) && r.at <= size && scratch.n <= scratch.cap && !r.pong);
        ASSERT(command.id.n <= PROTOBUF_VARINT_MAX);
        if (e == OK) {
            ASSERT(command.type != CMD_NONE && (before == 0 || command.type == CMD_JOIN));
            check_command(&command);
            if (command.data.p != NULL)
                check_data(&out, command.data);
            check_encoded(&out, &command);
        } else {
            command.id = STR_NONE; // which is no JSON
            check_problem(&out, &command, &problem);
        }
    } while (r.at < size);
    free(scratch.p);
    buf_deinit(&out);
    return 0;
}
