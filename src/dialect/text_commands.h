// SPDX-License-Identifier: Apache-2.0
//
// text_commands.h - what people type behind a slash. One row each: the word, what follows it, what it does. From here
// come the decoder's table, what a slip is compared with, and /help; a test holds docs/protocol/text.md to it.
#ifndef PLENUM_DIALECT_TEXT_COMMANDS_H
#define PLENUM_DIALECT_TEXT_COMMANDS_H

// clang-format off
#define TEXT_COMMANDS(X) \
    X(join,    "ROOM",      "leave this room for another") \
    X(leave,   "[ROOM]",    "leave this room") \
    X(nick,    "NAME",      "be called NAME") \
    X(me,      "TEXT",      "say what you do: /me waves") \
    X(who,     "",          "who is in this room") \
    X(rooms,   "[PREFIX]",  "which rooms there are") \
    X(msg,     "USER TEXT", "tell one person only (\"USER\" where the name has spaces)") \
    X(history, "[N]",       "the last N messages, 20 by default") \
    X(help,    "",          "this list") \
    X(quit,    "",          "go")
// clang-format on

#endif
