// SPDX-License-Identifier: Apache-2.0
#include "app/cert_command.h"

#include "app/complaints.h"
#include "app/options.h"
#include "app/self_signed.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>

const char cert_help[] =
    "Makes a certificate that vouches for itself, and its key: what a server needs to speak TLS on a developer's machine.\n"
    "Clients have to be told to trust it; for people outside use one that an authority has signed.\n"
    "\n"
    "  --out NAME       writes NAME.pem and NAME.key (for its owner only), which must not be there yet\n"
    "  --names LIST     host names and IP addresses, with commas between them; without it " SELF_SIGNED_NAMES
    "\n"
    "  --days N         how long it is good, 1 to 398; without it 90\n"
    "\n"
    "  plenum cert --out dev\n"
    "  plenum serve --server.tls='{cert: dev.pem, key: dev.key}'\n"
    "  curl --cacert dev.pem https://localhost:8000/healthz\n";

static enum exit_code complain(const char *option, const char *why)
{
    fprintf(stderr, "plenum cert: %s: %s\n", option, why);
    return EXIT_USAGE;
}

enum exit_code cert_command(int argc, char **argv)
{
    const char *out = NULL, *names = SELF_SIGNED_NAMES, *days_text = "90";
    const struct option options[] = {
        {"--out", &out, NULL}, {"--names", &names, NULL}, {"--days", &days_text, NULL}};
    if (!options_take(options, sizeof options / sizeof options[0], argv, argc, "cert", CERT_USAGE, NULL))
        return EXIT_USAGE;
    char cert[PATH_MAX], key[PATH_MAX], why[1024];
    uint64_t days;
    if (!str_to_u64(str_from_cstr(days_text), SELF_SIGNED_DAYS_MAX, &days) || days == 0) {
        snprintf(why, sizeof why, "got %s, expected 1 to %d", complaint_quote(str_from_cstr(days_text)).z,
                 SELF_SIGNED_DAYS_MAX);
        return complain("--days", why);
    }
    if (out == NULL || out[0] == '\0' || (size_t)snprintf(cert, sizeof cert, "%s.pem", out) >= sizeof cert ||
        (size_t)snprintf(key, sizeof key, "%s.key", out) >= sizeof key)
        return complain("--out",
                        "got no name, expected what the files NAME.pem and NAME.key are to be called");
    if (!self_signed_make(names, (uint32_t)days, cert, key, why, sizeof why)) {
        fprintf(stderr, "plenum cert: %s\n", why);
        return EXIT_USAGE;
    }
    printf("%s and %s are good for %s, for %llu days\n", cert, key, names, (unsigned long long)days);
    return EXIT_DONE;
}
