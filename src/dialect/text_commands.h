// SPDX-License-Identifier: Apache-2.0
//
// text_commands.h - what people type behind a slash. One row each: the word, the command it becomes (command.h), what
// follows it, what it does. From here come the decoder's table, what a slip is compared with, /help and the fuzzers'
// dictionary; a test holds docs/protocol/text.md to it.
#ifndef PLENUM_DIALECT_TEXT_COMMANDS_H
#define PLENUM_DIALECT_TEXT_COMMANDS_H

// clang-format off
#define TEXT_COMMANDS(X) \
    X(join,    SWITCH,  "ROOM [TOKEN]", "leave this room for another; TOKEN: of an invitation") \
    X(create,  CREATE,  "ROOM [RULE]", "make a room, by RULE (\"ROOM\" where the name has spaces)") \
    X(leave,   LEAVE,   "[ROOM]",    "leave this room") \
    X(nick,    RENAME,  "NAME",      "be called NAME") \
    X(me,      MESSAGE, "TEXT",      "say what you do: /me waves") \
    X(who,     MEMBERS, "",          "who is in this room") \
    X(rooms,   ROOMS,   "[PREFIX]",  "which rooms there are") \
    X(msg,     DIRECT,  "USER TEXT", "tell one person only (\"USER\" where the name has spaces)") \
    X(history, HISTORY, "[N]",       "the last N messages, 20 by default") \
    X(edit,    EDIT,    "TEXT",      "let the last thing you said be TEXT") \
    X(delete,  DELETE,  "[WHY]",     "take back the last thing you said") \
    X(react,   REACT,   "EMOJI",     "react to the last thing that was said") \
    X(role,    ROLE,    "USER ROLE", "give USER a role: guest, member, host or owner") \
    X(kick,    KICK,    "USER [WHY]", "take USER out of this room") \
    X(ban,     BAN,     "USER [TIME] [WHY]", "and keep USER out, for ever or for 30s, 10m, 2h, 7d") \
    X(unban,   UNBAN,   "USER",      "let USER in again") \
    X(mute,    MUTE,    "USER [TIME] [WHY]", "let USER listen only") \
    X(unmute,  UNMUTE,  "USER",      "let USER speak again") \
    X(slow,    SLOW,    "TIME",      "one message of each in TIME: 30s, 5m; off ends it") \
    X(readonly, READONLY, "[off]",   "only those speak who may set this; off ends it") \
    X(lock,    LOCK,    "[off]",     "nobody new comes in; off ends it") \
    X(invite,  INVITE,  "[N] [TIME] [ROLE]", "a TOKEN by which N may come in, within 2h or 7d, as ROLE") \
    X(uninvite, UNINVITE, "ID",      "take an invitation back") \
    X(invites, INVITES, "",          "which invitations to this room there are") \
    X(state,   STATE, "[KEY [VALUE]]", "what all here share, a key of it, or set it; VALUE - unsets it") \
    X(topic,   STATE, "[TEXT]",     "what this room is about: the key topic of the state") \
    X(close,   CLOSE,   "[WHY]",     "end this room: everybody is out") \
    X(help,    HELP,    "",          "this list") \
    X(quit,    QUIT,    "",          "go")
// clang-format on

#endif
