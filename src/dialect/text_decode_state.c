// SPDX-License-Identifier: Apache-2.0
//
// text_decode_state.c - lines about what a room's people share: /state, /topic.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "dialect/text_private.h"
#include "wire/json.h"

// {"key":value}, where the value is JSON, or else a text. What stands around key and value, and their quotes, is less than what a
// line's "/state " may take in scratch.
static str state_object(struct scratch *scratch, str key, str value, bool json)
{
    char *start = scratch->p + scratch->n;
    scratch->p[scratch->n++] = '{';
    text_quote(scratch, key);
    scratch->p[scratch->n++] = ':';
    if (json) {
        ASSERT(scratch->cap - scratch->n > value.n);
        memcpy(scratch->p + scratch->n, value.p, value.n);
        scratch->n += value.n;
    } else {
        text_quote(scratch, value);
    }
    scratch->p[scratch->n++] = '}';
    ASSERT(scratch->n <= scratch->cap);
    return str_make(start, scratch->n - (size_t)(start - scratch->p));
}

static str state_keys(struct scratch *scratch, str key)
{
    char *start = scratch->p + scratch->n;
    scratch->p[scratch->n++] = '[';
    text_quote(scratch, key);
    scratch->p[scratch->n++] = ']';
    return str_make(start, scratch->n - (size_t)(start - scratch->p));
}

// A key without a value is read, `-` for one takes it away.
static void take_state(str key, str value, bool json, struct scratch *scratch, struct command *ret)
{
    ret->type = CMD_STATE;
    if (str_eq(value, STR("-"))) {
        ret->unset = state_keys(scratch, key);
    } else if (value.n != 0) {
        ret->set = state_object(scratch, key, value, json && json_validate(value, NULL) == OK);
    } else {
        ret->type = CMD_STATE_READ;
        ret->key = key;
    }
}

enum err text_decode_state(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    const bool quoted = args.n != 0 && args.p[0] == '"';
    const str word = str_skip(args, quoted ? 1 : 0);
    const size_t end = quoted ? str_find_char(word, '"', 0) : text_word_end(word);
    const str key = str_take(word, end);
    if (args.n != 0 && (key.n == 0 || key.n > STATE_KEY_MAX || (quoted && end == word.n)))
        return text_bad_usage(
            p,
            "`/state KEY VALUE` takes a key of 1 to 128 bytes, as in `\"KEY\"` where it has spaces, "
            "and JSON, or a text; got {}.",
            args);
    take_state(key, str_trim(str_skip(word, end + 1)), true, scratch, ret);
    return OK;
}

enum err text_decode_topic(str args, struct scratch *scratch, struct command *ret, struct problem *p)
{
    (void)p;
    take_state(STR("topic"), args, false, scratch, ret);
    return OK;
}
