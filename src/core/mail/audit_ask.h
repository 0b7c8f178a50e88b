// SPDX-License-Identifier: Apache-2.0
//
// audit_ask.h - what somebody has asked for, told to the audit (common/audit.h).
//
// Thread: the shard's.
#ifndef PLENUM_CORE_MAIL_AUDIT_ASK_H
#define PLENUM_CORE_MAIL_AUDIT_ASK_H

#include "core/common/audit.h"
#include "core/mail/post.h"

// Who has asked, about what room and whom, by which command. how may be "", address empty.
void audit_put_ask(const struct context *cx, const struct ask *a, enum audit_type type, const char *how,
                   str address);

#endif
