/*
 * Register access of the drivers in this folder: two functions that an integrator may replace.
 *
 * These suit a bus that is mapped as device memory, of the processor's byte order, on which accesses stay in program
 * order, and whose errors reach a handler of the system. For another one define MMIO_HEADER as the name of a header
 * with both functions, as in -DMMIO_HEADER='"my_mmio.h"': with barriers, a byte swap, a host bridge, or a test's bus.
 * Where software can catch a bus error, the functions return false for it, and the drivers return an error.
 */
#ifndef MMIO_H
#define MMIO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef MMIO_HEADER
#include MMIO_HEADER
#else

/* Reads the 32-bit register at an address. Returns false if the bus reported an error. */
static inline bool mmio_read(uintptr_t address, uint32_t *value)
{
    *value = *(const volatile uint32_t *)address;
    return true;
}

/* Writes the 32-bit register at an address. Returns false if the bus reported an error. */
static inline bool mmio_write(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
    return true;
}

#endif
#endif
