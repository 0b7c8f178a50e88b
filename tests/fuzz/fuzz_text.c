// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: any UTF-8 as one line of a text client. A line that is a message comes out of its JSON as it was
// typed, and so does what stands behind /me; whatever is shown to the others is safe on a terminal.
#include "dialect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The typed text of a line that is a message.
static str typed(str line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return str_starts(line, STR("//")) ? str_skip(line, 1) : line;
}

static void check_name_shown(struct buf *out, str name)
{
    struct event ev = {.type = EV_RENAMED, .name = name};
    buf_reset(out, 0);
    ways_served.encodings[ENCODING_TEXT_LINE]->payloads->encode_event(out, &ev, 0);
    ASSERT(buf_ok(out));
    check_line_safe(buf_str(out));
}

static void check_message(struct buf *out, str line, str data)
{
    check_data(out, data);
    char *room = malloc(data.n);
    if (room == NULL)
        return;
    str text, wanted = typed(line);
    if (json_kind_of(data) == JSON_OBJECT) { // {"text":...,"action":true}
        struct json_member members[JSON_KEYS_MAX];
        size_t n;
        ASSERT(json_object_scan(data, members, JSON_KEYS_MAX, &n, NULL) == OK && n == 2);
        ASSERT(str_eq(json_member_find(members, n, STR("action"))->value, STR("true")));
        ASSERT(str_eq_nocase(str_take(wanted, 3), STR("/me")));
        wanted = str_trim(str_skip(wanted, 3));
        data = json_member_find(members, n, STR("text"))->value;
    }
    ASSERT(json_string_decode(data, room, data.n, &text) == OK);
    ASSERT(str_eq(text, wanted));
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str line = {(const char *)data, size};
    if (!utf8_valid(line))
        return 0;

    struct mem mem;
    fuzz_mem_init(&mem);
    struct buf out;
    buf_init(&out, &mem, 0);
    struct scratch scratch = {.p = malloc(6 * size + 64), .cap = 6 * size + 64};
    if (scratch.p == NULL)
        return 0;

    struct command command;
    struct problem problem;
    enum err e = decode_one(ENCODING_TEXT_LINE, line, &scratch, &command, &problem);
    ASSERT(scratch.n <= scratch.cap);
    if (e == OK) {
        check_command(&command);
        if (command.type == CMD_MESSAGE)
            check_message(&out, line, command.data);
        else if (command.type == CMD_DIRECT)
            check_data(&out, command.data);
    } else {
        check_problem(&out, &command, &problem);
    }
    check_name_shown(&out, line);

    free(scratch.p);
    buf_deinit(&out);
    return 0;
}
