// SPDX-License-Identifier: Apache-2.0
//
// protobuf_encode.c - replies and notices as messages of plenum.proto. What is told in a room is in protobuf_entry.c.
#include "base/assert.h"
#include "dialect/protobuf_private.h"

static void put_people(struct buf *out, const struct event *ev)
{
    for (size_t i = 0; i < ev->list_n; i++)
        pb_put_member(out, F_members, &ev->members[i]);
}

static void put_speaker_view(struct buf *out, const struct speaker_view *v)
{
    pb_uint(out, F_speaker, v->number);
    pb_put_person(out, F_from, v->user, v->session, v->name, v->info);
}

static void put_welcome(struct buf *out, const struct event *ev)
{
    pb_str(out, F_user, ev->user);
    pb_str(out, F_session, ev->session);
    pb_str(out, F_name, ev->name);
    pb_str(out, F_resume, ev->resume);
    pb_uint(out, F_heartbeat_s, ev->heartbeat_s);
    const size_t at = protobuf_open(out, F_limits);
    pb_uint(out, F_message_bytes, ev->limit_message_bytes);
    pb_uint(out, F_limit_rooms, ev->limit_rooms);
    pb_uint(out, F_messages_per_s, ev->limit_messages_per_s);
    protobuf_close(out, at);
    pb_str(out, F_server, STR("plenum"));
    pb_cstr(out, F_server_version, ev->version);
}

static void put_speakers(struct buf *out, const struct event *ev)
{
    for (size_t i = 0; i < ev->speakers_n; i++) {
        const size_t at = protobuf_open(out, F_speakers);
        put_speaker_view(out, &ev->speakers[i]);
        protobuf_close(out, at);
    }
}

static void put_joined(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_uint(out, F_room_handle, ev->room_handle);
    pb_uint(out, F_offset, ev->offset);
    pb_cstr(out, F_role, role_name(ev->role));
    pb_uint(out, F_slow_s, ev->slow_ms / 1000);
    pb_uint(out, F_readonly, ev->readonly);
    pb_uint(out, F_locked, ev->locked);
    pb_str(out, F_epoch, ev->epoch);
    pb_str(out, F_state, ev->state);
    pb_uint(out, F_state_version, ev->state_version);
    pb_uint(out, F_members_count, ev->members_count);
    if (ev->with_members)
        put_people(out, ev);
    pb_uint(out, F_muted, ev->muted_until != 0);
    pb_uint(out, F_muted_until, ev->muted_until != UINT64_MAX ? ev->muted_until : 0);
    pb_maybe(out, F_read, ev->has_read, ev->read);
    pb_maybe(out, F_unread, ev->has_read, ev->unread);
    pb_maybe(out, F_recovered, ev->has_recovered, ev->recovered);
    pb_str(out, F_left_room, ev->has_left ? ev->left : STR_NONE);
    put_speakers(out, ev);
}

static void put_left(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_cstr(out, F_reason, ev->reason);
    if (ev->by_user.n > 0)
        pb_put_person(out, F_by, ev->by_user, STR_NONE, ev->by_name, STR_NONE);
    pb_str(out, F_note, ev->note);
}

static void put_ack(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_maybe(out, F_offset, ev->has_offset, ev->offset);
    pb_maybe(out, F_version, ev->has_version, ev->state_version);
    pb_str(out, F_epoch, ev->has_offset ? ev->epoch : STR_NONE);
    pb_str(out, F_resume, ev->resume);
    pb_maybe(out, F_delivered, ev->has_delivered, ev->delivered);
    pb_uint(out, F_duplicate, ev->duplicate);
    pb_maybe(out, F_expires_in, ev->has_expires, ev->expires_in_s);
}

static void put_direct(struct buf *out, const struct event *ev)
{
    const struct entry *e = &ev->direct;
    pb_uint(out, F_time, e->time_ms);
    pb_put_person(out, F_from, e->user, e->session, e->name, e->info);
    pb_put_data(out, e->data);
}

static void put_gap_fields(struct buf *out, const struct event *ev, uint64_t room_handle)
{
    if (room_handle != 0)
        pb_uint(out, F_room_handle, room_handle);
    else
        pb_str(out, F_room, ev->room);
    pb_str(out, F_reason, ev->reason != NULL ? str_from_cstr(ev->reason) : STR("slow"));
    if (ev->gap_from <= ev->gap_to) {
        pb_uint(out, F_gap_from, ev->gap_from);
        pb_uint(out, F_gap_to, ev->gap_to);
    }
    pb_uint(out, F_passing, ev->gap_passing);
}

void pb_put_gap(struct buf *out, const struct event *ev, uint64_t room_handle)
{
    const size_t at = protobuf_open(out, PB_gap);
    put_gap_fields(out, ev, room_handle);
    protobuf_close(out, at);
}

static void put_gap(struct buf *out, const struct event *ev) { put_gap_fields(out, ev, 0); }

static void put_members(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    put_people(out, ev);
    pb_str(out, F_next, ev->next);
}

// Its rows come behind it, as fields of the message that it is in (protobuf_encode_row).
static void put_history(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_str(out, F_epoch, ev->epoch);
    pb_maybe(out, F_recovered, ev->has_recovered, ev->recovered);
}

static void put_rooms(struct buf *out, const struct event *ev)
{
    for (size_t i = 0; i < ev->list_n; i++) {
        const size_t at = protobuf_open(out, F_rooms);
        pb_str(out, F_room, ev->rooms[i].name);
        pb_uint(out, F_members_count, ev->rooms[i].members_count);
        pb_maybe(out, F_unread, ev->rooms[i].has_unread, ev->rooms[i].unread);
        protobuf_close(out, at);
    }
    pb_str(out, F_next, ev->next);
}

static void put_pong(struct buf *out, const struct event *ev) { pb_uint(out, F_time, ev->time_ms); }

static void put_drain(struct buf *out, const struct event *ev)
{
    pb_uint(out, F_reconnect_ms, ev->reconnect_ms);
}

static void put_error(struct buf *out, const struct event *ev)
{
    char sentence[PROBLEM_SENTENCE_MAX];
    pb_maybe(out, F_version, ev->problem.has_version, ev->problem.version);
    pb_cstr(out, F_code, problem_name(ev->problem.code));
    pb_str(out, F_sentence, problem_sentence(&ev->problem, sentence));
    pb_uint(out, F_retry_ms, ev->problem.retry_ms);
}

static void put_renamed(struct buf *out, const struct event *ev)
{
    pb_str(out, F_name, ev->name);
    pb_str(out, F_resume, ev->resume);
}

static void put_state(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_uint(out, F_version, ev->state_version);
    pb_str(out, F_state, ev->state);
    pb_str(out, F_versions, ev->versions);
}

static void put_created(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_uint(out, F_offset, ev->offset);
    pb_cstr(out, F_role, ev->has_role ? role_name(ev->role) : NULL);
    pb_str(out, F_rule, ev->rule);
    pb_str(out, F_epoch, ev->epoch);
    pb_uint(out, F_duplicate, ev->duplicate);
}

static void put_invited(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_uint(out, F_offset, ev->offset);
    pb_cstr(out, F_role, role_name(ev->role));
    pb_str(out, F_invitation, ev->invitation);
    pb_uint(out, F_uses, ev->uses);
    pb_str(out, F_epoch, ev->epoch);
    pb_str(out, F_token, ev->token);
    pb_uint(out, F_expires, ev->expires);
}

static void put_invites(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    for (size_t i = 0; i < ev->list_n; i++) {
        const struct invitation_row *row = &ev->invitations[i];
        const size_t at = protobuf_open(out, F_invitations);
        pb_cstr(out, F_role, role_name(row->role));
        pb_str(out, F_invitation, row->id);
        pb_uint(out, F_uses, row->uses);
        pb_uint(out, F_expires, row->expires);
        pb_uint(out, F_left, row->left);
        pb_str(out, F_by_user, row->by);
        protobuf_close(out, at);
    }
}

static void put_token_expiring(struct buf *out, const struct event *ev)
{
    pb_str(out, F_room, ev->room);
    pb_maybe(out, F_expires_in, true, ev->expires_in_s);
}

static void put_speaker(struct buf *out, const struct event *ev)
{
    ASSERT(ev->speakers_n == 1);
    pb_str(out, F_room, ev->room);
    pb_uint(out, F_room_handle, ev->room_handle);
    put_speaker_view(out, ev->speakers);
}

// Each event by its put_NAME and under its number; what is INNER answers commands that this language does not have.
static void protobuf_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    (void)utc_offset_s;
    size_t at;
    if (ev->id.n != 0) { // the varint that came
        protobuf_put_varint(out, (uint64_t)PROTOBUF_ID << 3 | PROTOBUF_VARINT);
        buf_put_str(out, ev->id);
    }
    switch (ev->type) {
#define NATIVE(lower)                    \
    at = protobuf_open(out, PB_##lower); \
    put_##lower(out, ev);                \
    protobuf_close(out, at);
#define COMPACT NATIVE
#define INNER(lower)
#define X(upper, lower, where) \
    case EV_##upper:           \
        where(lower) return;
        EVENTS(X)
#undef X
#undef INNER
#undef COMPACT
#undef NATIVE
    case EV_NONE:
        break;
    }
    UNREACHABLE();
}

const struct language protobuf_language = {
    .name = "protobuf",
    .returns = true,
    .silent = "no command within limits.hello_ms; begin with a Hello or any other command",
};

const struct payloads protobuf_payloads = {
    .name = "protobuf",
    .pages = true,
    .handles = true,
    .scratch_factor = 1, // a datum is put together of what the message has
    .decode = protobuf_decode,
    .encode_event = protobuf_encode_event,
    .encode_entry = protobuf_encode_entry,
    .encode_row = protobuf_encode_row,
};
