// SPDX-License-Identifier: Apache-2.0
//
// image_fields.h - the numbers of docs/protocol/image.proto, for who writes and who reads. test_core_image compares the two.
#ifndef PLENUM_CORE_HOME_IMAGE_FIELDS_H
#define PLENUM_CORE_HOME_IMAGE_FIELDS_H

// name, message, field, number
#define IMAGE_FIELDS(X)                           \
    X(IMAGE_VERSION_IS, Image, version, 1)        \
    X(IMAGE_EPOCH, Image, epoch, 2)               \
    X(IMAGE_OFFSET, Image, offset, 3)             \
    X(IMAGE_NEWEST, Image, newest_ms, 4)          \
    X(IMAGE_PRINTS, Image, prints, 5)             \
    X(IMAGE_STANDING, Image, standing, 6)         \
    X(IMAGE_STATE, Image, state, 7)               \
    X(IMAGE_INVITATIONS, Image, invitations, 8)   \
    X(IMAGE_OWNERS, Image, owners, 9)             \
    X(IMAGE_READERS, Image, readers, 10)          \
    X(IMAGE_MESSAGES, Image, messages, 11)        \
    X(STANDING_SLOW, Standing, slow_ms, 1)        \
    X(STANDING_READONLY, Standing, readonly, 2)   \
    X(STANDING_LOCKED, Standing, locked, 3)       \
    X(STANDING_RULE, Standing, rule, 4)           \
    X(STANDING_CLOSED, Standing, closed_ms, 5)    \
    X(STANDING_CLOSED_AT, Standing, closed_at, 6) \
    X(STANDING_ROWS, Standing, rows, 7)           \
    X(STANDING_SPEAKERS, Standing, speakers, 8)   \
    X(ROW_USER, Row, user, 1)                     \
    X(ROW_ROLE, Row, role, 2)                     \
    X(ROW_BANNED, Row, banned_ms, 3)              \
    X(ROW_MUTED, Row, muted_ms, 4)                \
    X(ROW_INVITED, Row, invited, 5)               \
    X(SPEAKER_PRINT, Speaker, print, 1)           \
    X(SPEAKER_SAID, Speaker, said_ms, 2)          \
    X(STATE_VERSION, State, version, 1)           \
    X(STATE_AT, State, at, 2)                     \
    X(STATE_ROWS, State, rows, 3)                 \
    X(STATE_ROW_KEY, Row, key, 1)                 \
    X(STATE_ROW_VALUE, Row, value, 2)             \
    X(STATE_ROW_VERSION, Row, version, 3)         \
    X(INVITED_ID, Invitation, id, 1)              \
    X(INVITED_HASH, Invitation, hash, 2)          \
    X(INVITED_UNTIL, Invitation, until_ms, 3)     \
    X(INVITED_EXPIRES, Invitation, expires_ms, 4) \
    X(INVITED_USES, Invitation, uses, 5)          \
    X(INVITED_USED, Invitation, used, 6)          \
    X(INVITED_ROLE, Invitation, role, 7)          \
    X(INVITED_BY, Invitation, by, 8)              \
    X(OWNER_PRINT, Owner, print, 1)               \
    X(OWNER_WINDOW, Owner, window_ms, 2)          \
    X(OWNER_KEYS, Owner, keys, 3)                 \
    X(KEY_PRINT, Key, print, 1)                   \
    X(KEY_OFFSET, Key, offset, 2)                 \
    X(KEY_TIME, Key, time_ms, 3)                  \
    X(READER_PRINT, Reader, print, 1)             \
    X(READER_OFFSET, Reader, offset, 2)           \
    X(READER_COUNT, Reader, count, 3)

enum image_field {
#define X(name, message, field, number) FIELD_##name = (number),
    IMAGE_FIELDS(X)
#undef X
};

// What stands in the place of fingerprints' key.
#define IMAGE_PRINTS_OF "plenum image"

#endif
