// SPDX-License-Identifier: Apache-2.0
//
// cpu.h - which vector instructions this processor has, for the few loops that pay for asking.
//
// The program is built for every x86-64, and so for SSE2; what is wider is chosen while it runs, by the loops that pass over many
// bytes of one message: base64 (codec.c), UTF-8, the plain part of JSON strings (wire/utf8.c, json_run.c). Each of them has one
// implementation that runs everywhere, and what stands in *_x86.c says the same of the same bytes: tests hold every level
// to a slow reference, at every offset and length. On other processors the level is CPU_PLAIN.
//
// Figures: docs/PERFORMANCE.md, "Vector instructions" (bench/micro/bytes.c).
// Thread: any; the level never changes but in tests and benches, which lower it before they begin.
#ifndef PLENUM_BASE_CPU_H
#define PLENUM_BASE_CPU_H

enum cpu_level {
    CPU_PLAIN, // what the compiler may use anyway
    CPU_SSSE3, // 16 bytes with a shuffle by byte: every x86-64 since 2008
    CPU_AVX2,  // 32 bytes: since 2013 (Intel), 2015 (AMD)
    CPU_LEVELS
};

enum cpu_level cpu_level(void);
const char *cpu_level_name(enum cpu_level level);
// Nothing above `most` is used from now on. What it was is given back by CPU_LEVELS - 1.
void cpu_level_limit(enum cpu_level most);

#endif
