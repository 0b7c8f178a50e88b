// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_command.h"

#include "app/doctor.h"

const char doctor_help[] =
    "Looks at what this machine, or the container around it, allows, and holds it against the configuration: open files, the\n"
    "accept queue, ports, connection tracking, memory, random numbers, clocks, cores. Then what the configured limits cost\n"
    "when they are reached. It starts nothing and changes nothing. Run it as the user that the server will run as, and where it will run.\n"
    "\n"
    "  -c, --config FILE      YAML file with settings; without it the defaults hold\n"
    "  --section.name=VALUE   one setting, as for `plenum serve`\n"
    "\n"
    "Lines begin with `well`, `note` (it may hurt some day) or `bad` (what is configured cannot be had). Exits with 1 where one is bad.\n";

// Prints; true where one is bad.
static bool tell(const struct findings *f, FILE *out)
{
    static const char *const words[] = {"well", "note", "bad"};
    bool bad = false;
    for (uint32_t i = 0; i < f->n; i++) {
        fprintf(out, "  %-5s %-14s %s\n", words[f->v[i].kind], f->v[i].about, f->v[i].text);
        bad = bad || f->v[i].kind == FINDING_BAD;
    }
    return bad;
}

enum exit_code doctor_command(const struct config *c, FILE *out)
{
    struct wiring_start start = {0};
    struct machine machine;
    struct findings found;
    if (wiring_start_init(&start, c) != OK)
        return EXIT_FAILED;
    machine_look(&machine, "");
    fputs("What this machine allows:\n", out);
    doctor_examine(&found, &machine, c, &start);
    bool bad = tell(&found, out);
    fputs("What the limits cost when they are reached:\n", out);
    doctor_costs(&found, &machine, c, &start);
    bad = tell(&found, out) || bad;
    return bad ? EXIT_FAILED : EXIT_DONE;
}
