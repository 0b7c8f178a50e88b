// SPDX-License-Identifier: Apache-2.0
//
// Bytes from elsewhere that are said to be a record: refused, or an entry that is the same bytes again (as the present version
// writes what the first one did), and whose parts lie within them.
#include "core/log/record.h"
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool within(str part, const uint8_t *data, size_t n)
{
    const uint8_t *p = (const uint8_t *)part.p;
    return part.n == 0 || (p >= data && part.n <= n && p + part.n <= data + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct entry e;
    struct mem mem;
    struct buf again;
    str bytes = str_make((const char *)data, n);
    enum record_verdict v = record_decode(bytes, &e);
    MUST(record_verdict_text(v)[0] != '\0');
    if (v != RECORD_OK) {
        MUST(v != RECORD_NEWER || data[0] > RECORD_VERSION);
        return 0;
    }
    MUST(within(e.user, data, n) && within(e.session, data, n) && within(e.name, data, n) &&
         within(e.data, data, n) && within(e.key, data, n) && within(e.info, data, n) &&
         within(e.decree.target, data, n) && within(e.decree.target_name, data, n) &&
         within(e.conflate, data, n) && within(e.change.author, data, n) &&
         within(e.change.reaction, data, n) && within(e.invitation.id, data, n) &&
         within(e.invitation.hash, data, n));
    MUST(entry_invitation(e.type) == (e.invitation.id.n != 0));
    MUST(entry_about(e.type) ? e.about != 0 : e.about == 0 || e.type == ENTRY_MESSAGE);
    MUST(e.erased == 0 || e.data.n == 0);
    MUST((e.type == ENTRY_SLOW || e.type == ENTRY_READONLY || e.type == ENTRY_CLOSE || e.type == ENTRY_LOCK ||
          e.type == ENTRY_INVITE || e.type == ENTRY_UNINVITE || !entry_decree(e.type)) ==
             (e.decree.target.n == 0) ||
         e.type == ENTRY_CREATE);
    MUST(e.type != ENTRY_CREATE || (e.data.n <= RULE_NAME_MAX && e.decree.span_ms == 0 &&
                                    (e.decree.target.n != 0 || e.decree.role == ROLE_GUEST)));
    MUST(record_type(bytes) == e.type && record_steady(bytes) == e.steady_ms);
    fuzz_mem_init(&mem);
    buf_init(&again, &mem, 0);
    record_encode(&again, &e);
    MUST(buf_ok(&again) && again.n == n);
    MUST(e.info.n == 0 || data[0] > 2);
    again.p[0] = (char)data[0];
    if (data[0] == 1) {
        MUST(e.rule_role == (e.type == ENTRY_MESSAGE ? ROLE_MEMBER : ROLE_GUEST) && e.grant == 0);
        again.p[6] = 0;
    }
    MUST(str_eq(buf_str(&again), bytes));
    buf_deinit(&again);
    return 0;
}
