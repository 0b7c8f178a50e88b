// SPDX-License-Identifier: Apache-2.0
#include "io/tls_stats.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

const char *tls_failure_name(enum tls_failure why)
{
    static const char *const names[] = {
#define X(upper, lower) #lower,
        TLS_FAILURES(X)
#undef X
    };
    return names[why];
}

enum tls_failure tls_failure_of_queue(void)
{
    const unsigned long error = ERR_peek_error();
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return TLS_FAILED_MALFORMED;
    switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_INAPPROPRIATE_FALLBACK:
        return TLS_FAILED_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return TLS_FAILED_NO_SHARED;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return TLS_FAILED_ALPN;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return TLS_FAILED_CERTIFICATE;
    default: // an alert of the peer's is its number behind this one
        return ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET ? TLS_FAILED_ALERT : TLS_FAILED_MALFORMED;
    }
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void tls_stats_failed(struct tls_stats *s, enum tls_failure why) { count(&s->failed[why], 1); }

void tls_stats_done(struct tls_stats *s, bool resumed, bool with_certificate, uint64_t us)
{
    count(resumed ? &s->resumed : &s->full, 1);
    if (with_certificate)
        count(&s->with_certificate, 1);
    count(&s->times.buckets[time_bucket(us)], 1);
    count(&s->times.us_sum, us);
}
