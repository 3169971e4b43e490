/* The end of a run, and the two functions that a compiler may call by itself. */
#include "report.h"

#include <stddef.h>

#include "machine.h"

static void print(const char *text)
{
    while (*text != '\0') {
        control_write(CONTROL_PUTCHAR, (uint32_t)*text++);
    }
}

_Noreturn void give_up(const char *text, uint64_t value)
{
    print(text);
    print(" 0x");
    for (uint32_t shift = 64u; shift != 0u; shift -= 4u) {
        control_write(CONTROL_PUTCHAR, (uint32_t)"0123456789abcdef"[(value >> (shift - 4u)) & 15u]);
    }
    print("\n");
    control_write(CONTROL_EXIT, 1u);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void *memset(void *target, int value, size_t bytes)
{
    volatile uint8_t *to = target;

    while (bytes-- != 0u) {
        *to++ = (uint8_t)value;
    }
    return target;
}

void *memcpy(void *target, const void *source, size_t bytes)
{
    volatile uint8_t *to = target;
    const uint8_t *from = source;

    while (bytes-- != 0u) {
        *to++ = *from++;
    }
    return target;
}
