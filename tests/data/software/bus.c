/* The test's bus. */
#include "mmio.h"

bool (*bus_read)(uintptr_t address, uint32_t *value);
bool (*bus_write)(uintptr_t address, uint32_t value);
