/* Driver of a RISC-V PLIC 1.0.0. plic.h says what each function does. */
#include "plic.h"

#include <stdbool.h>
#include <stddef.h>

#include "mmio.h"

/* The memory map of the specification (section 3). */
#define PRIORITY(source) (4u * (source))
#define ENABLE(context, word) (0x2000u + 0x80u * (context) + 4u * (word))
#define THRESHOLD(context) (0x200000u + 0x1000u * (context))
#define CLAIM(context) (THRESHOLD(context) + 4u)
#define SOURCES_MAX 1023u
#define CONTEXT_MAX 15871u

static enum plic_status check(const struct plic *plic, uint32_t source)
{
    enum plic_status status = PLIC_OK;

    if (plic == NULL) {
        status = PLIC_ERROR_NULL;
    } else if ((source == 0u) || (source > plic->sources)) {
        status = PLIC_ERROR_SOURCE;
    } else {
        /* the source exists */
    }
    return status;
}

static enum plic_status get(const struct plic *plic, uint32_t offset, uint32_t *value)
{
    return mmio_read(plic->base + offset, value) ? PLIC_OK : PLIC_ERROR_BUS;
}

static enum plic_status put(const struct plic *plic, uint32_t offset, uint32_t value)
{
    return mmio_write(plic->base + offset, value) ? PLIC_OK : PLIC_ERROR_BUS;
}

static enum plic_status change_enable(const struct plic *plic, uint32_t source, bool enabled)
{
    enum plic_status status = check(plic, source);

    if (status == PLIC_OK) {
        const uint32_t offset = ENABLE(plic->context, source / 32u);
        const uint32_t bit = UINT32_C(1) << (source % 32u);
        uint32_t word = 0u;

        status = get(plic, offset, &word);
        if (status == PLIC_OK) {
            status = put(plic, offset, enabled ? (word | bit) : (word & ~bit));
        }
    }
    return status;
}

enum plic_status plic_init(struct plic *plic, uintptr_t base, uint32_t sources, uint32_t context)
{
    enum plic_status status = PLIC_OK;

    if (plic == NULL) {
        status = PLIC_ERROR_NULL;
    } else if ((sources == 0u) || (sources > SOURCES_MAX)) {
        status = PLIC_ERROR_SOURCE;
    } else if (context > CONTEXT_MAX) {
        status = PLIC_ERROR_CONTEXT;
    } else {
        plic->base = base;
        plic->sources = sources;
        plic->context = context;
        for (uint32_t source = 1u; (source <= sources) && (status == PLIC_OK); source++) {
            status = put(plic, PRIORITY(source), 0u);
        }
        for (uint32_t word = 0u; (word <= (sources / 32u)) && (status == PLIC_OK); word++) {
            status = put(plic, ENABLE(context, word), 0u);
        }
        if (status == PLIC_OK) {
            status = put(plic, THRESHOLD(context), 0u);
        }
    }
    return status;
}

enum plic_status plic_set_priority(const struct plic *plic, uint32_t source, uint32_t priority)
{
    const enum plic_status status = check(plic, source);

    return (status == PLIC_OK) ? put(plic, PRIORITY(source), priority) : status;
}

enum plic_status plic_enable(const struct plic *plic, uint32_t source)
{
    return change_enable(plic, source, true);
}

enum plic_status plic_disable(const struct plic *plic, uint32_t source)
{
    return change_enable(plic, source, false);
}

enum plic_status plic_set_threshold(const struct plic *plic, uint32_t threshold)
{
    return (plic == NULL) ? PLIC_ERROR_NULL : put(plic, THRESHOLD(plic->context), threshold);
}

enum plic_status plic_claim(const struct plic *plic, uint32_t *source)
{
    return ((plic == NULL) || (source == NULL)) ? PLIC_ERROR_NULL : get(plic, CLAIM(plic->context), source);
}

enum plic_status plic_complete(const struct plic *plic, uint32_t source)
{
    const enum plic_status status = check(plic, source);

    return (status == PLIC_OK) ? put(plic, CLAIM(plic->context), source) : status;
}
