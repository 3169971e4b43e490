/* Second-stage address translation. gstage.h says what each function does. */
#include "gstage.h"

#include "csr.h"
#include "machine.h"

#define VALID UINT64_C(0x01)
#define LEAF UINT64_C(0x0e) /* R, W or X */
#define FLAGS UINT64_C(0xff)
#define SMALL UINT64_C(0x1000)
#define ADDRESS(entry) ((((entry) >> 10) & HGATP_PPN_MASK) << 12)
#define ENTRY(address) (((address) >> 12) << 10)

void gstage_clear(struct gstage *table)
{
    for (uint32_t index = 0u; index < 2048u; index++) {
        table->root[index] = 0u;
    }
    table->used = 0u;
}

/* The table that an entry leads to, which is made if there is none. NULL if there is no room. */
static uint64_t *descend(struct gstage *table, uint64_t *entry)
{
    uint64_t *page = (uint64_t *)ADDRESS(*entry);

    if ((*entry & VALID) == 0u) {
        if (table->used == GSTAGE_PAGES) {
            return (uint64_t *)0;
        }
        page = table->pages[table->used++];
        for (uint32_t index = 0u; index < 512u; index++) {
            page[index] = 0u;
        }
        *entry = ENTRY((uint64_t)page) | VALID;
    }
    return page;
}

bool gstage_map(struct gstage *table, uint64_t guest, uint64_t address, uint64_t bytes, uint64_t flags)
{
    uint64_t *entries = descend(table, &table->root[(guest >> 30) & 2047u]);

    if ((entries != 0) && (bytes < MEGAPAGE)) {
        entries = descend(table, &entries[(guest >> 21) & 511u]);
    }
    if (entries != 0) {
        entries[(guest >> ((bytes < MEGAPAGE) ? 12 : 21)) & 511u] = ENTRY(address & ~(bytes - 1u)) | (flags & FLAGS);
    }
    return entries != 0;
}

uint64_t gstage_find(const struct gstage *table, uint64_t guest)
{
    const uint64_t high = table->root[(guest >> 30) & 2047u];
    const uint64_t *pages = (const uint64_t *)ADDRESS(high);
    const uint64_t entry = ((high & VALID) != 0u) ? pages[(guest >> 21) & 511u] : 0u;

    return ((guest >> 41) == 0u) && ((entry & VALID) != 0u) ? ADDRESS(entry) + (guest & (MEGAPAGE - 1u)) : 0u;
}

/* Reads an entry of a table in the memory of a child. Returns 0, an entry that is not valid, if there is no memory. */
static uint64_t entry_of(const struct gstage *child, uint64_t address)
{
    const uint64_t place = (address >= MEMORY_BASE) ? gstage_find(child, address) : 0u;

    return (place != 0u) ? *(const volatile uint64_t *)place : 0u;
}

bool gstage_walk(const struct gstage *child, uint64_t hgatp, uint64_t guest, struct page *page)
{
    uint64_t table = (hgatp & HGATP_PPN_MASK) << 12;

    if ((hgatp >> 60) == 0u) {
        page->address = guest;
        page->bytes = MEGAPAGE;
        page->flags = FLAGS;
        return true;
    }
    for (uint32_t shift = 30u; shift >= 12u; shift -= 9u) {
        const uint64_t index = (guest >> shift) & ((shift == 30u) ? 2047u : 511u);
        const uint64_t entry = entry_of(child, table + 8u * index);

        if (((entry & VALID) == 0u) || ((guest >> 41) != 0u)) {
            return false;
        }
        if ((entry & LEAF) != 0u) {
            page->bytes = UINT64_C(1) << shift;
            page->address = ADDRESS(entry) | (guest & (page->bytes - 1u));
            page->flags = entry & FLAGS;
            return true;
        }
        table = ADDRESS(entry);
    }
    return false;
}

bool gstage_walk_virtual(const struct gstage *child, uint64_t hgatp, uint64_t satp, uint64_t virtual_address,
                         uint64_t *guest)
{
    uint64_t table = (satp & HGATP_PPN_MASK) << 12;

    if ((satp >> 60) == 0u) {
        *guest = virtual_address;
        return true;
    }
    for (uint32_t shift = 30u; shift >= 12u; shift -= 9u) {
        struct page page;
        uint64_t entry = 0u;

        if (gstage_walk(child, hgatp, table + 8u * ((virtual_address >> shift) & 511u), &page)) {
            entry = entry_of(child, page.address);
        }
        if ((entry & VALID) == 0u) {
            return false;
        }
        if ((entry & LEAF) != 0u) {
            const uint64_t mask = (UINT64_C(1) << shift) - 1u;

            *guest = (ADDRESS(entry) & ~mask) | (virtual_address & mask);
            return true;
        }
        table = ADDRESS(entry);
    }
    return false;
}

uint64_t gstage_hgatp(const struct gstage *table)
{
    return HGATP_SV39X4 | ((uint64_t)table->root >> 12);
}

struct shadow *shadow_of(struct shadows *shadows, uint64_t hgatp)
{
    struct shadow *shadow = (struct shadow *)0;

    for (uint32_t index = 0u; index < GSTAGE_SHADOWS; index++) {
        if (shadows->each[index].hgatp == hgatp) {
            return &shadows->each[index];
        }
    }
    shadow = &shadows->each[shadows->next];
    shadows->next = (shadows->next + 1u) % GSTAGE_SHADOWS;
    shadow->hgatp = hgatp;
    gstage_clear(&shadow->table);
    /* The hart may hold entries of this VMID that are from an older table. */
    __asm__ volatile("hfence.gvma" : : : "memory");
    return shadow;
}

bool shadow_fill(struct shadows *shadows, const struct gstage *child, uint64_t hgatp, uint64_t guest)
{
    struct shadow *shadow = shadow_of(shadows, hgatp);
    struct page page;
    uint64_t address = 0u;
    uint64_t bytes = 0u;

    if (!gstage_walk(child, hgatp, guest, &page)) {
        return false;
    }
    address = gstage_find(child, page.address);
    if (address == 0u) {
        return false;
    }
    bytes = (page.bytes < MEGAPAGE) ? SMALL : MEGAPAGE;
    if (!gstage_map(&shadow->table, guest, address, bytes, page.flags)) {
        gstage_clear(&shadow->table);
        (void)gstage_map(&shadow->table, guest, address, bytes, page.flags);
    }
    __asm__ volatile("hfence.gvma" : : : "memory");
    return true;
}

void shadow_flush(struct shadows *shadows)
{
    for (uint32_t index = 0u; index < GSTAGE_SHADOWS; index++) {
        shadows->each[index].hgatp = 0u;
        gstage_clear(&shadows->each[index].table);
    }
    __asm__ volatile("hfence.gvma" : : : "memory");
}
