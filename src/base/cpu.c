// SPDX-License-Identifier: Apache-2.0
//
// cpu.c - asked once, remembered in a byte. The compiler's own function asks for what the operating system saves of the registers,
// too, which the bit of the processor alone does not say.
#include "base/cpu.h"

#include "base/assert.h"
#include <stdatomic.h>

// The level, and one more; 0: nobody has asked. Every thread would find the same, so it does not matter whose store is the last.
static _Atomic unsigned char known;

static enum cpu_level look(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        return CPU_AVX2;
    if (__builtin_cpu_supports("ssse3"))
        return CPU_SSSE3;
#endif
    return CPU_PLAIN;
}

enum cpu_level cpu_level(void)
{
    const unsigned char is = atomic_load_explicit(&known, memory_order_relaxed);
    if (is != 0)
        return (enum cpu_level)(is - 1);
    cpu_level_limit(CPU_LEVELS - 1);
    return cpu_level();
}

const char *cpu_level_name(enum cpu_level level)
{
    static const char *const names[CPU_LEVELS] = {"plain", "ssse3", "avx2"};
    ASSERT(level < CPU_LEVELS);
    return names[level];
}

void cpu_level_limit(enum cpu_level most)
{
    ASSERT(most < CPU_LEVELS);
    const enum cpu_level is = look();
    atomic_store_explicit(&known, (unsigned char)((is < most ? is : most) + 1), memory_order_relaxed);
}
