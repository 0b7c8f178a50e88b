// SPDX-License-Identifier: Apache-2.0
//
// protobuf_entry.c - what happens in a room as messages of plenum.proto.
//
// Each entry is written straight into the frame, field by field, with no tree and no copy between. A
// live one says its room and its speaker by their numbers, and who that is where nobody was told before (core/log/speakers.h); one
// of the past has no numbers and says all in full.
#include "base/assert.h"
#include "dialect/datum.h"
#include "dialect/protobuf_private.h"
#include "wire/json.h"

void pb_put_data(struct buf *out, str data)
{
    if (!data_is_datum(data)) {
        pb_str(out, F_data, data);
        return;
    }
    pb_str(out, F_data, datum_bytes(data));
    pb_str(out, F_content_type, datum_type(data));
}

void pb_put_person(struct buf *out, enum protobuf_member field, str user, str session, str name, str info)
{
    const size_t at = protobuf_open(out, field);
    pb_str(out, F_user, user);
    pb_str(out, F_session, session);
    pb_str(out, F_name, name);
    pb_str(out, F_info, info);
    protobuf_close(out, at);
}

void pb_put_member(struct buf *out, enum protobuf_member field, const struct member_view *m)
{
    const size_t at = protobuf_open(out, field);
    pb_str(out, F_user, m->user);
    pb_str(out, F_name, m->name);
    pb_str(out, F_info, m->info);
    pb_cstr(out, F_role, role_name(m->role));
    pb_uint(out, F_connected, m->connected);
    pb_uint(out, F_joined_at, m->joined_at);
    pb_uint(out, F_last_active, m->last_active);
    pb_uint(out, F_sessions, m->sessions);
    protobuf_close(out, at);
}

static void put_room(struct buf *out, const struct entry *e)
{
    if (e->handles.room != 0)
        pb_uint(out, F_room_handle, e->handles.room);
    else
        pb_str(out, F_room, e->room);
}

// Who says it; the server's own words have nobody.
static void put_from(struct buf *out, const struct entry *e)
{
    ASSERT(e->handles.speaker == 0 || e->handles.room != 0);
    if (e->user.n == 0)
        return;
    pb_uint(out, F_speaker, e->handles.speaker);
    if (e->handles.speaker == 0 || !e->handles.told)
        pb_put_person(out, F_from, e->user, e->session, e->name, e->info);
}

static void put_record_head(struct buf *out, const struct entry *e)
{
    put_room(out, e);
    pb_uint(out, F_offset, e->offset);
    pb_uint(out, F_time, e->time_ms);
}

static void put_reactions(struct buf *out, const struct fate *f)
{
    for (uint32_t i = 0; i < f->reactions_n; i++) {
        const size_t at = protobuf_open(out, F_reactions);
        protobuf_put_bytes(out, PROTOBUF_MAP_KEY, f->reactions[i].reaction);
        protobuf_put_uint(out, PROTOBUF_MAP_VALUE, f->reactions[i].count);
        protobuf_close(out, at);
    }
}

static void put_message(struct buf *out, const struct entry *e)
{
    const struct fate *f = e->fate;
    const size_t at = protobuf_open(out, PB_message);
    put_record_head(out, e);
    put_from(out, e);
    if (e->erased == 0)
        pb_put_data(out, e->data);
    pb_uint(out, F_reply_to, e->about);
    if (f != NULL) {
        pb_uint(out, F_version, f->version);
        pb_uint(out, F_deleted, f->deleted);
        pb_uint(out, F_edited, f->version != 0 ? f->edited_ms : 0);
        pb_uint(out, F_replies, f->replies);
        put_reactions(out, f);
    }
    protobuf_close(out, at);
}

static void put_void(struct buf *out, const struct entry *e)
{
    const size_t at = protobuf_open(out, PB_void);
    put_record_head(out, e);
    protobuf_close(out, at);
}

// --- what changes a room or a message

// A key of the state: what it has now, nothing where it is gone. Raw it may have escapes.
static void put_shared(struct buf *out, const struct change *c)
{
    char room[STATE_KEY_RAW_MAX];
    str key;
    if (json_string_decode(c->key, room, sizeof room, &key) != OK)
        UNREACHABLE(); // of the state: looked at when it was set
    pb_str(out, F_key, key);
    pb_uint(out, F_version, c->version);
    pb_str(out, F_value, c->value);
}

static void put_reaction(struct buf *out, const struct change *c)
{
    pb_str(out, F_key, c->reaction);
    pb_uint(out, F_count, c->count);
    pb_uint(out, F_on, c->on);
}

static void put_change(struct buf *out, enum protobuf_event type, const struct entry *e)
{
    const size_t at = protobuf_open(out, type);
    put_record_head(out, e);
    put_from(out, e);
    if (e->type == ENTRY_EDIT)
        pb_put_data(out, e->data);
    pb_uint(out, F_target, e->about);
    if (e->type == ENTRY_STATE)
        put_shared(out, &e->change);
    else if (e->type == ENTRY_REACT)
        put_reaction(out, &e->change);
    else if (e->type == ENTRY_DELETE)
        pb_str(out, F_reason, e->data);
    protobuf_close(out, at);
}

// What of a decree is its own type's, as in JSON (native_json_decree.c).
static void put_decree_rest(struct buf *out, const struct entry *e)
{
    const struct decree *d = &e->decree;
    const bool setting = e->type == ENTRY_SLOW || e->type == ENTRY_READONLY || e->type == ENTRY_LOCK;
    const bool ends = e->type == ENTRY_INVITE || (!entry_invitation(e->type) && e->type != ENTRY_CREATE);
    const bool gives = e->type == ENTRY_ROLE || e->type == ENTRY_INVITE || e->type == ENTRY_ADMIT ||
                       (e->type == ENTRY_CREATE && d->target.n != 0);
    if (gives)
        pb_cstr(out, F_role, role_name(d->role));
    if (e->type != ENTRY_CREATE)
        pb_str(out, F_reason, e->data);
    if (d->span_ms != 0 && ends && !setting)
        pb_uint(out, F_until, e->time_ms + d->span_ms);
    pb_maybe(out, F_slow_s, e->type == ENTRY_SLOW, d->span_ms / 1000);
    pb_maybe(out, F_readonly, e->type == ENTRY_READONLY, d->on);
    pb_maybe(out, F_locked, e->type == ENTRY_LOCK, d->on);
    if (entry_invitation(e->type))
        pb_str(out, F_invitation, e->invitation.id);
    if (e->type == ENTRY_INVITE)
        pb_uint(out, F_uses, e->invitation.uses);
    if (e->type == ENTRY_CREATE)
        pb_str(out, F_rule, e->data);
}

static void put_decree(struct buf *out, enum protobuf_event type, const struct entry *e)
{
    const size_t at = protobuf_open(out, type);
    put_record_head(out, e);
    put_from(out, e);
    pb_str(out, F_user, e->decree.target);
    pb_str(out, F_name, e->decree.target_name);
    put_decree_rest(out, e);
    protobuf_close(out, at);
}

// --- what passes

static void put_member_entry(struct buf *out, enum protobuf_event type, const struct entry *e)
{
    const size_t at = protobuf_open(out, type);
    put_room(out, e);
    pb_uint(out, F_time, e->time_ms);
    pb_uint(out, F_after, e->offset);
    pb_put_member(out, F_member, &e->member);
    pb_str(out, F_previous_name, e->previous_name);
    protobuf_close(out, at);
}

static void put_count(struct buf *out, const struct entry *e)
{
    const size_t at = protobuf_open(out, PB_members_count);
    put_room(out, e);
    pb_uint(out, F_after, e->offset);
    pb_uint(out, F_count, e->count);
    protobuf_close(out, at);
}

static void put_signal(struct buf *out, const struct entry *e)
{
    const size_t at = protobuf_open(out, PB_signal);
    put_room(out, e);
    put_from(out, e);
    pb_put_data(out, e->data);
    pb_uint(out, F_after, e->offset);
    protobuf_close(out, at);
}

static void put_read(struct buf *out, const struct entry *e)
{
    const size_t at = protobuf_open(out, PB_read);
    put_room(out, e);
    pb_uint(out, F_offset, e->about);
    put_from(out, e);
    pb_uint(out, F_after, e->offset);
    protobuf_close(out, at);
}

static void put_epoch(struct buf *out, const struct entry *e)
{
    const size_t at = protobuf_open(out, PB_epoch);
    put_room(out, e);
    pb_uint(out, F_offset, e->cut_to);
    pb_uint(out, F_time, e->time_ms);
    pb_uint(out, F_after, e->offset);
    pb_str(out, F_epoch, e->epoch);
    protobuf_close(out, at);
}

static void put_gap(struct buf *out, const struct entry *e)
{
    const struct event ev = {
        .type = EV_GAP, .room = e->room, .gap_from = e->offset + 1, .gap_to = e->cut_to, .reason = "trimmed"};
    pb_put_gap(out, &ev, e->handles.room);
}

// --- by type

// No default: what is added to the entries does not compile without its own.
void protobuf_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    (void)utc_offset_s; // times are UTC here
    switch (e->type) {
#define CASE(upper, put) \
    case ENTRY_##upper:  \
        put(out, e);     \
        return;
#define CASE_AS(upper, put, event) \
    case ENTRY_##upper:            \
        put(out, PB_##event, e);   \
        return;
        CASE(MESSAGE, put_message)
        CASE(VOID, put_void)
        CASE_AS(ROLE, put_decree, member_role)
        CASE_AS(KICK, put_decree, member_kicked)
        CASE_AS(BAN, put_decree, member_banned)
        CASE_AS(UNBAN, put_decree, member_unbanned)
        CASE_AS(MUTE, put_decree, member_muted)
        CASE_AS(UNMUTE, put_decree, member_unmuted)
        CASE_AS(SLOW, put_decree, room_changed)
        CASE_AS(READONLY, put_decree, room_changed)
        CASE_AS(LOCK, put_decree, room_changed)
        CASE_AS(CLOSE, put_decree, room_closed)
        CASE_AS(INVITE, put_decree, invitation_made)
        CASE_AS(UNINVITE, put_decree, invitation_ended)
        CASE_AS(ADMIT, put_decree, member_admitted)
        CASE_AS(CREATE, put_decree, room_created)
        CASE_AS(STATE, put_change, state_updated)
        CASE_AS(DELETE, put_change, message_deleted)
        CASE_AS(REACT, put_change, message_reactions)
        CASE_AS(MEMBER_JOINED, put_member_entry, member_joined)
        CASE_AS(MEMBER_LEFT, put_member_entry, member_left)
        CASE_AS(MEMBER_CHANGED, put_member_entry, member_changed)
        CASE(MEMBERS_COUNT, put_count)
        CASE(SIGNAL, put_signal)
        CASE(READ, put_read)
        CASE(GAP, put_gap)
        CASE(EPOCH, put_epoch)
#undef CASE_AS
#undef CASE
    case ENTRY_EDIT: // of one that another has come after, what the message said meanwhile is not kept
        if (e->erased != 0)
            put_void(out, e);
        else
            put_change(out, PB_message_edited, e);
        return;
    }
    UNREACHABLE();
}

void protobuf_encode_row(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    const size_t at = protobuf_open(out, PB_rows);
    protobuf_encode_entry(out, e, utc_offset_s);
    protobuf_close(out, at);
}
