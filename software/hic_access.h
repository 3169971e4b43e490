/* Shared by the files of the driver, and for no user of it: register access of an instance, and checks of arguments. */
#ifndef HIC_ACCESS_H
#define HIC_ACCESS_H

#include <stddef.h>

#include "hic.h"
#include "mmio.h"

/* A field's value in a register's value, and the reverse. `name` is as in HIC_<name>_SHIFT. */
#define HIC_GET(name, word) (((word) & HIC_##name##_MASK) >> HIC_##name##_SHIFT)
#define HIC_PUT(name, value) (((value) << HIC_##name##_SHIFT) & HIC_##name##_MASK)

/* The bit of a source within its word. */
static inline uint32_t hic_bit(uint32_t source)
{
    return UINT32_C(1) << (source % 32u);
}

/* The number of words that have a bit for each source. */
static inline uint32_t hic_words(const struct hic *hic)
{
    return (hic->sources / 32u) + 1u;
}

/* The PLIC context that a unit of a window is (docs/architecture.md, section 5, "Context map"). */
static inline uint32_t hic_plic_context(uint32_t unit, bool by_mode)
{
    return by_mode ? ((2u * unit) + 1u) : unit;
}

/* The first of two results that is an error, or HIC_OK. */
static inline enum hic_status hic_first(enum hic_status one, enum hic_status other)
{
    return (one != HIC_OK) ? one : other;
}

/* Reads a register in the window of a context of the subtree. */
static inline enum hic_status hic_read(const struct hic *hic, uint32_t context, uint32_t offset, uint32_t *value)
{
    const uintptr_t window = hic->base + ((uintptr_t)(context - hic->self) * HIC_WINDOW_BYTES);

    return mmio_read(window + offset, value) ? HIC_OK : HIC_ERROR_REFUSED;
}

/* Writes a register in the window of a context of the subtree. */
static inline enum hic_status hic_write(const struct hic *hic, uint32_t context, uint32_t offset, uint32_t value)
{
    const uintptr_t window = hic->base + ((uintptr_t)(context - hic->self) * HIC_WINDOW_BYTES);

    return mmio_write(window + offset, value) ? HIC_OK : HIC_ERROR_REFUSED;
}

/* Checks a pointer. */
static inline enum hic_status hic_check(const void *pointer)
{
    return (pointer != NULL) ? HIC_OK : HIC_ERROR_NULL;
}

/* Checks that the instance is the host's. */
static inline enum hic_status hic_check_host(const struct hic *hic)
{
    return (hic == NULL) ? HIC_ERROR_NULL : ((hic->self == 0u) ? HIC_OK : HIC_ERROR_HOST_ONLY);
}

/* Checks that a source exists. */
static inline enum hic_status hic_check_source(const struct hic *hic, uint32_t source)
{
    return (hic == NULL) ? HIC_ERROR_NULL
                         : (((source != 0u) && (source <= hic->sources)) ? HIC_OK : HIC_ERROR_SOURCE);
}

/* Checks that there is such a word of bits. */
static inline enum hic_status hic_check_word(const struct hic *hic, uint32_t word)
{
    return (hic == NULL) ? HIC_ERROR_NULL : ((word < hic_words(hic)) ? HIC_OK : HIC_ERROR_VALUE);
}

/* Checks that a context is in the VMM's subtree, the VMM included. */
static inline enum hic_status hic_check_within(const struct hic *hic, uint32_t context)
{
    return (hic == NULL) ? HIC_ERROR_NULL
                         : (((context >= hic->self) && (context <= hic->last)) ? HIC_OK : HIC_ERROR_CONTEXT);
}

/* Checks that a context is a descendant of the VMM. */
static inline enum hic_status hic_check_below(const struct hic *hic, uint32_t context)
{
    return (hic == NULL) ? HIC_ERROR_NULL
                         : (((context > hic->self) && (context <= hic->last)) ? HIC_OK : HIC_ERROR_CONTEXT);
}

/* Checks that there is such a hart. */
static inline enum hic_status hic_check_hart(const struct hic *hic, uint32_t hart)
{
    return (hic == NULL) ? HIC_ERROR_NULL : ((hart < hic->harts) ? HIC_OK : HIC_ERROR_HART);
}

/* Checks that the VMM's own window has such a unit: one for each hart in the host's, else a single one. */
static inline enum hic_status hic_check_unit(const struct hic *hic, uint32_t unit)
{
    return (hic == NULL) ? HIC_ERROR_NULL
                         : ((unit < ((hic->self == 0u) ? hic->harts : 1u)) ? HIC_OK : HIC_ERROR_HART);
}

/* Checks that a value does not exceed a limit. */
static inline enum hic_status hic_check_value(uint32_t value, uint32_t limit)
{
    return (value <= limit) ? HIC_OK : HIC_ERROR_VALUE;
}

#endif
