// SPDX-License-Identifier: Apache-2.0
//
// near.c - the distance is that of optimal string alignment: three rows of the usual table, as a swap looks two back.
#include "base/near.h"

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t edit_distance(str a, str b)
{
    size_t rows[3][NEAR_TEXT_MAX + 1];
    if (a.n > NEAR_TEXT_MAX || b.n > NEAR_TEXT_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[a.n % 3][b.n];
}

bool edit_is_near(size_t distance, size_t length)
{
    size_t allowed = length / 3 > 2 ? length / 3 : 2;
    return distance <= allowed && distance < length;
}
