/* Register access of a RISC-V hart on which devices and memory are not ordered: -DMMIO_HEADER='"mmio_riscv.h"'. */
#ifndef MMIO_RISCV_H
#define MMIO_RISCV_H

/* The value read may guard memory: no later access comes before the read. */
static inline bool mmio_read(uintptr_t address, uint32_t *value)
{
    *value = *(const volatile uint32_t *)address;
    __asm__ volatile("fence i, iorw" ::: "memory");
    return true;
}

/* The register may hand memory over: no earlier access comes after the write. */
static inline bool mmio_write(uintptr_t address, uint32_t value)
{
    __asm__ volatile("fence iorw, o" ::: "memory");
    *(volatile uint32_t *)address = value;
    return true;
}

#endif
