// SPDX-License-Identifier: Apache-2.0
//
// json_tree.h - a slow oracle for merge patches, shared by tests and fuzzers: validated JSON as a tree, and the few lines in which
// RFC 7396 says what a patch does to one. A breach aborts.
#ifndef PLENUM_UNIT_JSON_TREE_H
#define PLENUM_UNIT_JSON_TREE_H

#include "unit/wire_support.h"
#include "wire/json.h"

struct tree {
    enum json_kind kind;
    char *text; // of a scalar as it stands
    size_t text_n;
    struct tree_member *members; // of an object, or the items of an array, without keys
    size_t n;
};

struct tree_member {
    char *key; // decoded
    size_t key_n;
    struct tree value;
};

static inline void tree_free(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->members[i].key);
        tree_free(&t->members[i].value);
    }
    free(t->members);
    free(t->text);
    *t = (struct tree){.kind = JSON_NULL};
}

static inline struct tree tree_parse(str raw);

static inline struct tree_member *tree_find(struct tree *t, const char *key, size_t n)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->members[i].key_n == n && (n == 0 || memcmp(t->members[i].key, key, n) == 0))
            return &t->members[i];
    return NULL;
}

static inline void tree_drop(struct tree *t, const char *key, size_t n)
{
    struct tree_member *m = tree_find(t, key, n);
    if (m == NULL)
        return;
    free(m->key);
    tree_free(&m->value);
    *m = t->members[--t->n];
}

static inline struct tree_member *tree_push(struct tree *t, char *key, size_t key_n)
{
    t->members = realloc(t->members, (t->n + 1) * sizeof *t->members);
    MUST(t->members != NULL);
    t->members[t->n] = (struct tree_member){.key = key, .key_n = key_n, .value = {.kind = JSON_NULL}};
    return &t->members[t->n++];
}

// p: NULL for as many bytes to be written.
static inline char *tree_copy(const char *p, size_t n)
{
    char *copy = malloc(n + 1);
    MUST(copy != NULL);
    if (p != NULL && n != 0)
        memcpy(copy, p, n);
    return copy;
}

static inline struct tree tree_parse(str raw)
{
    struct tree t = {.kind = json_kind_of(raw)};
    struct json_member m;
    str item;
    if (t.kind == JSON_OBJECT) {
        for (str rest = raw; json_member_next(&rest, &m);) {
            char *key = tree_copy(NULL, m.key.n);
            str decoded;
            MUST(json_string_decode(str_make(m.key.p - 1, m.key.n + 2), key, m.key.n, &decoded) == OK);
            if (decoded.n != 0)
                memmove(key, decoded.p, decoded.n);
            tree_drop(&t, key, decoded.n); // the last one counts
            tree_push(&t, key, decoded.n)->value = tree_parse(m.value);
        }
    } else if (t.kind == JSON_ARRAY) {
        for (str rest = raw; json_array_next(&rest, &item);)
            tree_push(&t, NULL, 0)->value = tree_parse(item);
    } else {
        t.text = tree_copy(raw.p, raw.n);
        t.text_n = raw.n;
    }
    return t;
}

static inline struct tree tree_clone(const struct tree *t)
{
    struct tree c = {.kind = t->kind, .text_n = t->text_n};
    if (t->text != NULL)
        c.text = tree_copy(t->text, t->text_n);
    for (size_t i = 0; i < t->n; i++) {
        char *key = t->members[i].key != NULL ? tree_copy(t->members[i].key, t->members[i].key_n) : NULL;
        struct tree value = tree_clone(&t->members[i].value);
        tree_push(&c, key, t->members[i].key_n)->value = value;
    }
    return c;
}

// MergePatch(Target, Patch) of RFC 7396, section 2.
static inline void tree_merge(struct tree *target, const struct tree *patch)
{
    if (patch->kind != JSON_OBJECT) {
        tree_free(target);
        *target = tree_clone(patch);
        return;
    }
    if (target->kind != JSON_OBJECT) {
        tree_free(target);
        target->kind = JSON_OBJECT;
    }
    for (size_t i = 0; i < patch->n; i++) {
        const struct tree_member *p = &patch->members[i];
        if (p->value.kind == JSON_NULL) {
            tree_drop(target, p->key, p->key_n);
            continue;
        }
        struct tree_member *at = tree_find(target, p->key, p->key_n);
        if (at == NULL)
            at = tree_push(target, tree_copy(p->key, p->key_n), p->key_n);
        tree_merge(&at->value, &p->value);
    }
}

static inline bool tree_eq(struct tree *a, struct tree *b)
{
    if (a->kind != b->kind || a->n != b->n || a->text_n != b->text_n)
        return false;
    if (a->text_n != 0 && memcmp(a->text, b->text, a->text_n) != 0)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        struct tree_member *other =
            a->kind == JSON_OBJECT ? tree_find(b, a->members[i].key, a->members[i].key_n) : &b->members[i];
        if (other == NULL || !tree_eq(&a->members[i].value, &other->value))
            return false;
    }
    return true;
}

// True if a key stands twice in one object of a patch, at any depth that a merge looks at.
static inline bool patch_repeats(str raw)
{
    struct json_member m, other;
    if (json_kind_of(raw) != JSON_OBJECT)
        return false;
    for (str rest = raw; json_member_next(&rest, &m);) {
        char key[64 * 1024];
        str name;
        MUST(m.key.n < sizeof key);
        MUST(json_string_decode(str_make(m.key.p - 1, m.key.n + 2), key, sizeof key, &name) == OK);
        for (str behind = rest; json_member_next(&behind, &other);)
            if (json_key_is(&other, name))
                return true;
        if (patch_repeats(m.value))
            return true;
    }
    return false;
}

#endif
