// SPDX-License-Identifier: Apache-2.0
//
// image.h - what a room's records have made of it up to one of them, as bytes that may leave the process: whoever has an image and
// the records behind its offset needs none before (core/home/apply.h). For stores and for the next version of this program.
//
//      records  1 ............ offset | offset + 1 ... head          image, then apply_record from offset + 1 on
//               \_____ image ______/
//
// A message of Protocol Buffers, docs/protocol/image.proto. Fingerprints in it (whose keys, who has spoken, who has read) are by
// the hash key that made them: where that is another one they are left out when it is read, so that a key may count as new, and
// nobody is held up or unread by somebody else's.
//
// What is not in it is the log, and what is made of its newest records: what became of messages (core/log/words.h).
//
// Reading trusts nothing: an image is taken whole or refused whole, and what was taken passes all checks of what it was made into.
// A field that is not known is skipped.
//
// Ownership: the parts are the room's. Memory: what is taken from the room's, within the budget. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_IMAGE_H
#define PLENUM_CORE_HOME_IMAGE_H

#include "core/home/apply.h"
#include "core/home/reads.h"

enum { IMAGE_VERSION = 1 };

enum image_verdict {
    IMAGE_OK,
    IMAGE_NEWER,  // of a version that this program does not know
    IMAGE_BROKEN, // cut, too much of something, or two things that cannot be together
    IMAGE_MEMORY, // nobody knows: there was none
};

// Of the room as it is, at its head. reads may be NULL. To a buf, whose owner looks whether it was large enough.
void image_put(struct buf *out, const struct made *m, const struct reads *reads);
// Which records it is made of, for who has to find those behind. epoch borrows from the bytes.
enum image_verdict image_look(str bytes, str *ret_epoch, uint64_t *ret_offset) WARN_UNUSED;
// Into a room of which nothing is made yet (m->log is not touched, m->epoch is the image's). Unless IMAGE_OK nothing has changed.
enum image_verdict image_take(str bytes, const struct made *m, struct reads **reads) WARN_UNUSED;

#endif
