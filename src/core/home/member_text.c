// SPDX-License-Identifier: Apache-2.0
//
// What a member is called, and what its token says of it to others. Most are guests, whose texts fit into the member; nothing of
// what follows costs them anything.
//
//      in place    [user|name]                            where both fit
//      long        [user|name]                            in a block
//      with info   [pointer|user|name]   -> [n|info]      in two: a name that changes moves the first one only, which is
//                                                         small enough to be had when memory is out
#include "core/home/home.h"

struct info {
    uint32_t n;
    char text[];
};

static bool text_is_long(const struct member *m)
{
    return m->has_info || m->user_n + m->name_n > MEMBER_TEXT_INLINE;
}

static size_t text_head(bool has_info) { return has_info ? sizeof(struct info *) : 0; }

static const char *member_text(const struct member *m)
{
    return text_is_long(m) ? m->text_long + text_head(m->has_info) : m->text_inline;
}

str member_user(const struct member *m) { return (str){member_text(m), m->user_n}; }

str member_name(const struct member *m)
{
    return m->name_n == 0 ? member_user(m) : (str){member_text(m) + m->user_n, m->name_n};
}

static struct info *info_of(const struct member *m)
{
    struct info *info = NULL;
    if (m->has_info)
        memcpy(&info, m->text_long, sizeof info);
    return info;
}

str member_info(const struct member *m)
{
    const struct info *info = info_of(m);
    return info != NULL ? str_make(info->text, info->n) : STR_NONE;
}

// NULL where there is none, or no memory for it.
static struct info *info_make(struct mem *mem, str info)
{
    ASSERT(info.n <= USER_INFO_MAX);
    struct info *made = info.n != 0 ? mem_alloc(mem, sizeof *made + info.n) : NULL;
    if (made == NULL)
        return NULL;
    made->n = (uint32_t)info.n;
    memcpy(made->text, info.p, info.n);
    return made;
}

static void info_free(struct mem *mem, struct info *info)
{
    mem_free(mem, info, info != NULL ? sizeof *info + info->n : 0);
}

static void text_free(struct mem *mem, const struct member *m)
{
    if (text_is_long(m))
        mem_free(mem, m->text_long, text_head(m->has_info) + m->user_n + m->name_n);
}

// The strings may be the member's own; its old info is the caller's to free. False: there is no memory, and all is as it was;
// must: there is.
static bool text_set(struct member *m, struct mem *mem, str user, str name, struct info *info, bool must)
{
    ASSERT(user.n <= USER_ID_MAX);
    ASSERT(name.n <= USER_NAME_MAX);
    if (str_eq(user, name))
        name = STR_NONE;
    struct member next = *m;
    next.user_n = (uint8_t)user.n;
    next.name_n = name.n & 0x7f;
    next.has_info = info != NULL;
    size_t head = text_head(next.has_info), bytes = head + user.n + name.n;
    char in_place[MEMBER_TEXT_INLINE], *text = in_place;
    if (text_is_long(&next)) {
        next.text_long = must ? mem_alloc_essential(mem, bytes) : mem_alloc(mem, bytes);
        if (next.text_long == NULL)
            return false;
        text = next.text_long + head;
    }
    if (info != NULL)
        memcpy(next.text_long, &info, sizeof info);
    memcpy(text, user.p, user.n);
    if (name.n != 0)
        memcpy(text + user.n, name.p, name.n);
    if (text == in_place)
        memcpy(next.text_inline, in_place, user.n + name.n);
    text_free(mem, m);
    *m = next;
    return true;
}
_Static_assert(sizeof(struct info *) + USER_ID_MAX + USER_NAME_MAX <= MEM_ESSENTIAL_MAX,
               "a member's text is there when it must be");

enum err member_text_init(struct member *m, struct mem *mem, str user, str name, str info)
{
    ASSERT(m->user_n == 0);
    ASSERT(user.n != 0);
    struct info *made = info_make(mem, info);
    if ((info.n != 0 && made == NULL) || !text_set(m, mem, user, name, made, false)) {
        info_free(mem, made);
        return ERR_NOMEM;
    }
    return OK;
}

bool member_text_change(struct member *m, struct mem *mem, str name, str info)
{
    struct info *was = info_of(m), *next = was;
    bool other = !str_eq(member_info(m), info);
    if (other)
        next = info_make(mem, info);
    bool found = !other || info.n == 0 || next != NULL;
    if (!found)
        next = was;
    bool set = text_set(m, mem, member_user(m), name, next, true);
    ASSERT(set);
    if (next != was)
        info_free(mem, was);
    return found;
}

void member_text_deinit(struct member *m, struct mem *mem)
{
    info_free(mem, info_of(m));
    text_free(mem, m);
}
