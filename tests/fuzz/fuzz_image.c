// SPDX-License-Identifier: Apache-2.0
//
// Bytes from elsewhere that are said to be a room's image: refused, with nothing made of them, or a room whose parts pass all their
// checks, and whose own image comes to the same.
#include "core/home/image.h"
#include "core/mail/post.h"
#include "fuzz/fuzz_mem.h"
#include "unit/room_parts.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct siphash_key key = {1, 2};

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
    room_parts_init(&first, &mem, looks ? epoch : STR("an epoch 11"), &key);
    const enum image_verdict v = image_take(bytes, &first.made, &first.reads);
    room_parts_check(&first);
    MUST(v != IMAGE_OK || looks);
    MUST(v == IMAGE_OK || room_parts_empty(&first));
    if (v == IMAGE_OK) {
        log_begin(&first.log, offset + 1);
        buf_init(&image, &mem, 0);
        image_put(&image, &first.made, first.reads);
        room_parts_init(&second, &mem, epoch, &key);
        MUST(image_take(buf_str(&image), &second.made, &second.reads) == IMAGE_OK);
        room_parts_check(&second);
        MUST((first.standing == NULL) == (second.standing == NULL));
        MUST(state_version(first.state) == state_version(second.state));
        MUST(first.keys.newest_ms == second.keys.newest_ms);
        room_parts_deinit(&second, &mem);
        buf_deinit(&image);
    }
    room_parts_deinit(&first, &mem);
    return 0;
}
