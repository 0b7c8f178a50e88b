// SPDX-License-Identifier: Apache-2.0
//
// dictionary.c - the words of our languages for the fuzzers, made of the rows that the decoders are made of.
//
//     plenum-dictionary api|json|text
//
// Prints a dictionary as libFuzzer (and AFL) reads it: a quoted token a line, `\\` before quotes. Run by the build.
#include "dialect/command.h"
#include "dialect/text_commands.h"
#include <stdio.h>
#include <string.h>

static void token(const char *before, const char *text, const char *behind)
{
    printf("\"%s%s%s\"\n", before, text, behind);
}

static void json(void)
{
#define INNER(lower)
#define NATIVE(lower) token("{\\\"type\\\":\\\"", #lower, "\\\",");
#define COMPACT(lower)
#define HTTP(lower)
#define X(upper, lower, where, ...) where(lower)
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
#define X(key, name, ...) token("\\\"", name, "\\\":");
    COMMAND_KEYS(X)
#undef X
    token("\\\"", "id", "\\\":");
    token("\\\"", "epoch", "\\\":");
    token("\\\"", "offset", "\\\":");
}

static void api(void)
{
#define INNER(lower)
#define NATIVE(lower) token("{\\\"type\\\":\\\"", #lower, "\\\",");
#define COMPACT(lower)
#define HTTP(lower) token("{\\\"type\\\":\\\"", #lower, "\\\",");
#define X(upper, lower, where, ...) where(lower)
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
#define X(key, name, ...) token("\\\"", name, "\\\":");
    COMMAND_KEYS(X)
#undef X
}

static void text(void)
{
#define X(word, ...) token("/", #word, " ");
    TEXT_COMMANDS(X)
#undef X
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "json") == 0)
        json();
    else if (argc == 2 && strcmp(argv[1], "api") == 0)
        api();
    else if (argc == 2 && strcmp(argv[1], "text") == 0)
        text();
    else
        return 2;
    return fflush(stdout) == 0 ? 0 : 1;
}
