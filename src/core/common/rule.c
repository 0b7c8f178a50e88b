// SPDX-License-Identifier: Apache-2.0
#include "core/common/rule.h"

#include "base/assert.h"
#include "base/siphash.h"

uint8_t rule_find(const struct room_rule *rules, size_t n, str room)
{
    ASSERT(n <= RULES_MAX);
    for (size_t i = 0; i < n; i++)
        if (rules[i].match.n != 0 && pattern_match(rules[i].match, room))
            return (uint8_t)i;
    return RULE_NONE;
}

uint8_t rule_named(const struct room_rule *rules, size_t n, str name)
{
    ASSERT(n <= RULES_MAX);
    for (size_t i = 0; i < n; i++)
        if (name.n != 0 && str_eq(rules[i].name, name))
            return (uint8_t)i;
    return RULE_NONE;
}

uint8_t rule_given(const struct room_rule *rules, size_t n, uint32_t id)
{
    ASSERT(n <= RULES_MAX);
    for (size_t i = 0; i < n && id != 0; i++)
        if (rule_id(rules[i].name) == id)
            return (uint8_t)i;
    return RULE_NONE;
}

// Nothing depends on it that others could choose: names are the operator's, so no key is needed.
uint32_t rule_id(str name)
{
    static const struct siphash_key none;
    const uint32_t id = name.n != 0 ? (uint32_t)siphash(&none, name.p, name.n) : 0;
    return id != 0 || name.n == 0 ? id : 1;
}
