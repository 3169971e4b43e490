/* Second-stage (G-stage) address translation: Sv39x4 (privileged architecture, chapter "Hypervisor"). */
#ifndef GSTAGE_H
#define GSTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define GSTAGE_PAGES 6u /* tables below the root: what a shadow may use until it begins anew */
#define GSTAGE_SHADOWS 4u

/* A table: from addresses of a guest to addresses of the VMM. */
struct gstage {
    uint64_t root[2048] __attribute__((aligned(16384)));
    uint64_t pages[GSTAGE_PAGES][512] __attribute__((aligned(4096)));
    uint32_t used;
};

/* Tables for the guests of a child: from addresses of the child's guest to addresses of the VMM. */
struct shadow {
    struct gstage table;
    uint64_t hgatp; /* of the child; 0: none */
};
struct shadows {
    struct shadow each[GSTAGE_SHADOWS];
    uint32_t next; /* the one that is given up next */
};

/* A page of a guest, as a walk found it. */
struct page {
    uint64_t address; /* what the address of the walk becomes */
    uint64_t bytes;   /* the size of the page */
    uint64_t flags;   /* of the entry */
};

/* Empties a table. */
void gstage_clear(struct gstage *table);

/* Maps a page of 4 KiB or 2 MiB. Returns false if there is no room for the tables that it takes. */
bool gstage_map(struct gstage *table, uint64_t guest, uint64_t address, uint64_t bytes, uint64_t flags);

/* Looks an address up. Returns 0 if it is not mapped. */
uint64_t gstage_find(const struct gstage *table, uint64_t guest);

/* Walks the table that a child has for its guest. Returns false if the address is not mapped there. */
bool gstage_walk(const struct gstage *child, uint64_t hgatp, uint64_t guest, struct page *page);

/* Walks the table that a guest of a child has for itself (Sv39, or none). Returns false if it is not mapped. */
bool gstage_walk_virtual(const struct gstage *child, uint64_t hgatp, uint64_t satp, uint64_t virtual_address,
                         uint64_t *guest);

/* The value of hgatp for a table, with VMID 0. */
uint64_t gstage_hgatp(const struct gstage *table);

/* The shadow for a value of the child's hgatp: an empty one if there was none. */
struct shadow *shadow_of(struct shadows *shadows, uint64_t hgatp);

/* Fills in the page that a guest of a child has met. Returns false if the child has not mapped it. */
bool shadow_fill(struct shadows *shadows, const struct gstage *child, uint64_t hgatp, uint64_t guest);

/* Gives all shadows up: the child has changed its tables. */
void shadow_flush(struct shadows *shadows);

#endif
