// SPDX-License-Identifier: Apache-2.0
//
// Bytes from elsewhere that are said to be a room's image: refused, with nothing made of them, or a room whose parts pass all their
// checks, and whose own image comes to the same.
#include "core/home/image.h"
#include "core/mail/post.h"
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct room_parts {
    struct log log;
    struct once said;
    struct once_group keys;
    struct standing *standing;
    struct state *state;
    struct invitations *invitations;
    struct reads *reads;
    struct made made;
};

static const struct siphash_key key = {1, 2};

static void parts_init(struct room_parts *p, struct mem *m, str epoch)
{
    *p = (struct room_parts){.standing = NULL};
    log_init(&p->log, m);
    once_init(&p->said, m);
    once_group_init(&p->keys);
    p->made = (struct made){&p->log,      &p->said, &p->keys,  epoch,           &key,
                            &p->standing, m,        &p->state, &p->invitations, NULL};
}

static void parts_check(const struct room_parts *p)
{
    standing_check(p->standing, &key);
    state_check(p->state);
    invitations_check(p->invitations);
    once_check(&p->said);
    reads_check(p->reads);
}

static void parts_deinit(struct room_parts *p, struct mem *m)
{
    log_deinit(&p->log);
    once_deinit(&p->said);
    standing_free(&p->standing, m);
    state_free(&p->state, m);
    invitations_free(&p->invitations, m);
    reads_free(&p->reads, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mem mem;
    struct room_parts first, second;
    struct buf image;
    str epoch;
    uint64_t offset;
    const str bytes = str_make((const char *)data, n);
    fuzz_mem_init(&mem);
    const bool looks = image_look(bytes, &epoch, &offset) == IMAGE_OK;
    parts_init(&first, &mem, looks ? epoch : STR("an epoch 11"));
    const enum image_verdict v = image_take(bytes, &first.made, &first.reads);
    parts_check(&first);
    MUST(v != IMAGE_OK || looks);
    MUST(v == IMAGE_OK || (first.standing == NULL && first.state == NULL && first.invitations == NULL &&
                           first.reads == NULL && first.keys.first == SLAB_NONE));
    if (v == IMAGE_OK) {
        log_begin(&first.log, offset + 1);
        buf_init(&image, &mem, 0);
        image_put(&image, &first.made, first.reads);
        parts_init(&second, &mem, epoch);
        MUST(image_take(buf_str(&image), &second.made, &second.reads) == IMAGE_OK);
        parts_check(&second);
        MUST((first.standing == NULL) == (second.standing == NULL));
        MUST(state_version(first.state) == state_version(second.state));
        MUST(first.keys.newest_ms == second.keys.newest_ms);
        parts_deinit(&second, &mem);
        buf_deinit(&image);
    }
    parts_deinit(&first, &mem);
    return 0;
}
