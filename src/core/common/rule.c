// SPDX-License-Identifier: Apache-2.0
#include "core/common/rule.h"

#include "base/assert.h"

uint8_t rule_find(const struct room_rule *rules, size_t n, str room)
{
    ASSERT(n <= RULES_MAX);
    for (size_t i = 0; i < n; i++)
        if (pattern_match(rules[i].match, room))
            return (uint8_t)i;
    return RULE_NONE;
}
