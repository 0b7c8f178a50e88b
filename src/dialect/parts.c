// SPDX-License-Identifier: Apache-2.0
#include "dialect/parts.h"

#include "wire/json.h"

void parts_of_state(str data, str *ret_set, str *ret_unset)
{
    struct json_member m;
    *ret_set = *ret_unset = STR_NONE;
    while (json_member_next(&data, &m)) {
        if (json_key_is(&m, STR("set")))
            *ret_set = m.value;
        else if (json_key_is(&m, STR("unset")))
            *ret_unset = m.value;
    }
}

void parts_begin(struct parts *p, const struct entry *e)
{
    *p = (struct parts){.part = *e};
    if (e->type == ENTRY_STATE)
        parts_of_state(e->data, &p->set, &p->unset);
}

static bool state_next(struct parts *p)
{
    struct json_member m;
    struct change *c = &p->part.change;
    if (json_member_next(&p->set, &m)) {
        c->key = str_make(m.key.p - 1, m.key.n + 2); // with its quotes
        c->value = m.value;
        return true;
    }
    c->value = STR_NONE;
    return json_array_next(&p->unset, &c->key);
}

bool parts_next(struct parts *p)
{
    const bool first = !p->told;
    p->told = true;
    if (p->part.type != ENTRY_STATE)
        return first;
    if (state_next(p))
        return true;
    p->part.type = ENTRY_VOID;
    return first;
}
