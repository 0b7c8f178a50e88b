// SPDX-License-Identifier: Apache-2.0
//
// guest_name.c - 64 words times 64 words times 1,000 numbers: 22 bits of luck, on which nothing depends. Words are short
// and friendly, whichever two meet.
#include "core/edge/guest_name.h"

#include "base/assert.h"

static const char adjectives[64][8] = {
    "able",   "airy",    "amber",  "apt",   "azure",  "bold",  "brave",  "breezy", "brisk",   "calm",
    "candid", "cheery",  "chief",  "clear", "clever", "cosy",  "crisp",  "dapper", "deft",    "eager",
    "early",  "eastern", "fabled", "fancy", "fleet",  "fond",  "frank",  "fresh",  "gentle",  "glad",
    "golden", "grand",   "happy",  "hardy", "honest", "jade",  "jolly",  "keen",   "kind",    "lively",
    "lucky",  "mellow",  "merry",  "mild",  "modest", "neat",  "nimble", "noble",  "patient", "plain",
    "proud",  "quick",   "quiet",  "ready", "rosy",   "sandy", "silver", "smart",  "snowy",   "solid",
    "steady", "sunny",   "swift",  "tidy",
};

static const char animals[64][8] = {
    "adder",  "alpaca", "badger", "beaver",  "bison",  "bream",   "camel",  "canary", "cod",   "condor",
    "cougar", "coyote", "crane",  "cricket", "dingo",  "dolphin", "dove",   "eagle",  "egret", "eider",
    "falcon", "ferret", "finch",  "fox",     "gecko",  "gibbon",  "goose",  "grouse", "hare",  "hawk",
    "heron",  "horse",  "ibex",   "iguana",  "jackal", "jay",     "koala",  "lark",   "lemur", "linnet",
    "lynx",   "marten", "mole",   "moose",   "newt",   "ocelot",  "otter",  "owl",    "panda", "parrot",
    "perch",  "puffin", "quail",  "rabbit",  "raven",  "robin",   "salmon", "seal",   "stork", "swan",
    "tapir",  "tern",   "walrus", "wren",
};

static size_t put_word(char *to, const char *word)
{
    size_t n = strlen(word);
    memcpy(to, word, n);
    to[n] = '-';
    return n + 1;
}

str guest_name_make(const uint8_t luck[GUEST_NAME_LUCK], char ret[GUEST_NAME_MAX])
{
    size_t n = put_word(ret, adjectives[luck[0] & 63]);
    n += put_word(ret + n, animals[luck[1] & 63]);
    unsigned number = (luck[2] | (unsigned)luck[3] << 8) % 1000;
    ret[n++] = (char)('0' + number / 100);
    ret[n++] = (char)('0' + number / 10 % 10);
    ret[n++] = (char)('0' + number % 10);
    ASSERT(n <= GUEST_NAME_MAX);
    return str_make(ret, n);
}
