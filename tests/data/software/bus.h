/* Register access that a test plays on its bus. */
#ifndef BUS_H
#define BUS_H

extern bool (*bus_read)(uintptr_t address, uint32_t *value);
extern bool (*bus_write)(uintptr_t address, uint32_t value);

static inline bool mmio_read(uintptr_t address, uint32_t *value)
{
    return bus_read(address, value);
}

static inline bool mmio_write(uintptr_t address, uint32_t value)
{
    return bus_write(address, value);
}

#endif
