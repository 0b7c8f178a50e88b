// SPDX-License-Identifier: Apache-2.0
#include "io/store_drivers.h"

#include "io/store_sqlite.h"

#include <string.h>

static const struct store_driver *const drivers[] = {
    &store_sqlite,
};

const struct store_driver *store_driver_find(const char *kind)
{
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strcmp(drivers[i]->name, kind) == 0)
            return drivers[i];
    return NULL;
}
