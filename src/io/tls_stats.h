// SPDX-License-Identifier: Apache-2.0
//
// tls_stats.h - what is counted of TLS: handshakes, and why they come to nothing.
//
//     first octet --> handshake --+--> full, or resumed by a ticket: how long it took, with the client's part and the way between
//                                 '--> failed, and why: who asks has its peers' words only in what they were told (an alert)
//
// One of these is shared by all listeners and shards: a handshake is far rarer than what shards count for themselves, and far dearer than an
// atomic addition.
//
// Ownership: who makes the listeners. Thread: any.
#ifndef PLENUM_IO_TLS_STATS_H
#define PLENUM_IO_TLS_STATS_H

#include "core/common/metrics.h"

// Why a handshake failed, as a label.
// clang-format off
#define TLS_FAILURES(X) \
    X(VERSION,     version)      /* TLS 1.1 or older: protocol_version */ \
    X(NO_SHARED,   no_shared)    /* no cipher, group or signature that both have: handshake_failure */ \
    X(ALPN,        alpn)         /* only protocols that are not spoken here: no_application_protocol */ \
    X(CERTIFICATE, certificate)  /* the client's: none, nobody vouches for it, over, or no user is in it */ \
    X(ALERT,       alert)        /* the client said no: it does not trust our certificate, most often */ \
    X(PLAIN,       plain)        /* it does not speak TLS, and is told so */ \
    X(GONE,        gone)         /* it went, or its time was over */ \
    X(MALFORMED,   malformed)    /* whatever else is no TLS */
// clang-format on

enum tls_failure {
#define X(upper, lower) TLS_FAILED_##upper,
    TLS_FAILURES(X)
#undef X
        TLS_FAILURE_COUNT
};

struct tls_stats {
    _Atomic uint64_t full, resumed, with_certificate, failed[TLS_FAILURE_COUNT];
    struct time_histogram times; // of those that came about
};

const char *tls_failure_name(enum tls_failure why);
// From OpenSSL's queue of errors, which is that of a failed handshake.
enum tls_failure tls_failure_of_queue(void);
void tls_stats_failed(struct tls_stats *s, enum tls_failure why);
void tls_stats_done(struct tls_stats *s, bool resumed, bool with_certificate, uint64_t us);

#endif
