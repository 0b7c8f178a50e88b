// SPDX-License-Identifier: Apache-2.0
#include "core/common/asset.h"

#include "base/assert.h"
#include <string.h>

void assets_check(const struct asset *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t tag_n = strlen(all[i].etag);
        ASSERT(all[i].path[0] == '/');                                  // 1
        ASSERT(i == 0 || strcmp(all[i - 1].path, all[i].path) < 0);     // 1
        ASSERT(tag_n > 2);                                              // 2
        ASSERT(all[i].etag[0] == '"' && all[i].etag[tag_n - 1] == '"'); // 2
        ASSERT(all[i].body[all[i].body_len] == '\0');                   // 3
    }
}
