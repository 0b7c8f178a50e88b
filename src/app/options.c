// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include "app/complaints.h"
#include "base/near.h"

static const struct option *option_find(const struct option *options, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_from_cstr(options[i].name)))
            return &options[i];
    return NULL;
}

static void complain_unknown(const struct option *options, size_t n, str name, const char *command,
                             const char *usage)
{
    const char *meant = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n && name.n > 0 && name.p[0] == '-'; i++) {
        size_t distance = edit_distance(name, str_from_cstr(options[i].name));
        if (distance < best && edit_is_near(distance, name.n)) {
            meant = options[i].name;
            best = distance;
        }
    }
    fprintf(stderr, "plenum %s: got %s, expected %s%s%s%s\n", command, complaint_quote(name).z, usage,
            meant != NULL ? " (did you mean " : "", meant != NULL ? meant : "", meant != NULL ? "?)" : "");
}

// One argument and what belongs to it; how many were used, 0 with the complaint made.
static int take_one(const struct option *o, str value, char **argv, int argc, const char *command)
{
    if (o->value == NULL) {
        *o->said = true;
        return 1;
    }
    if (value.p != NULL) {
        *o->value = value.p; // an argument's end is its value's
        return 1;
    }
    if (argc < 2) {
        fprintf(stderr, "plenum %s: %s: got no value, expected one\n", command, argv[0]);
        return 0;
    }
    *o->value = argv[1];
    return 2;
}

bool options_take(const struct option *options, size_t n, char **argv, int argc, const char *command,
                  const char *usage, const char **argument)
{
    for (int i = 0, used; i < argc; i += used) {
        str value, whole = str_from_cstr(argv[i]);
        str name = str_split(whole, '=', &value);
        const struct option *o = option_find(options, n, name);
        if (o != NULL && (o->value != NULL || value.p == NULL)) {
            used = take_one(o, value, argv + i, argc - i, command);
            if (used == 0)
                return false;
            continue;
        }
        bool free_place = argument != NULL && *argument == NULL && (argv[i][0] != '-' || argv[i][1] == '\0');
        if (!free_place) {
            complain_unknown(options, n, argv[i][0] == '-' ? name : whole, command, usage);
            return false;
        }
        *argument = argv[i];
        used = 1;
    }
    return true;
}
