// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: any UTF-8 as one message of a native JSON client, or behind a byte that is in no UTF-8 anything as a binary one. It becomes a command within the limits, or an
// error that can be sent; `data` comes out of an entry as it went in.
#include "dialect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str message = {(const char *)data, size};
    const bool binary = size != 0 && data[0] == 0xff;
    if (binary)
        message = str_skip(message, 1);
    else if (!utf8_valid(message))
        return 0; // the frame layer has closed the connection by then

    struct mem mem;
    fuzz_mem_init(&mem);
    struct buf out;
    buf_init(&out, &mem, 0);
    struct scratch scratch = {.p = malloc(size > 0 ? size : 1), .cap = size};
    if (scratch.p == NULL)
        return 0;

    struct command command;
    struct problem problem;
    struct reading reading = {.message = message, .scratch = &scratch, .binary = binary};
    enum err e = ways_served.encodings[ENCODING_JSON]->payloads->decode(&reading, &command, &problem);
    ASSERT(!reading.pong && reading.at <= message.n);
    ASSERT(scratch.n <= scratch.cap);
    if (e == OK) {
        ASSERT(command.type != CMD_NONE);
        check_command(&command);
        if (command.data.p != NULL) {
            check_data(&out, command.data);
        }
    } else {
        check_problem(&out, &command, &problem);
    }

    free(scratch.p);
    buf_deinit(&out);
    return 0;
}
