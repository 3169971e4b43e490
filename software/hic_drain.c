/* Driver of the hybrid interrupt controller: the recipe of docs/architecture.md, section 5, "The next tenant". */
#include "hic_access.h"

#define ALL_SOURCES 0xffffffffu
#define ALL_EVENTS                                                                                                    \
    (HIC_EVENTS_DOORBELL_MASK | HIC_EVENTS_REQUEST_MASK | HIC_EVENTS_VIOLATION_MASK | HIC_EVENTS_STUCK_MASK)

/* A context that is being drained. `unit` is the PLIC context of its window. */
struct drained {
    const struct hic *hic;
    uint32_t context;
    uint32_t unit;
};

/* Writes a register of the drained context's own window, unless there was an error before. */
static enum hic_status put(enum hic_status status, const struct drained *drained, uint32_t offset, uint32_t value)
{
    return (status == HIC_OK) ? hic_write(drained->hic, drained->context, offset, value) : status;
}

/* Checks that the context is one that can be drained, and finds the PLIC context of its window. */
static enum hic_status find(struct drained *drained, uint32_t hart)
{
    const struct hic *hic = drained->hic;
    struct hic_tree tree = {0u, 0u, false, 0u};
    enum hic_status status = hic_get_tree(hic, drained->context, &tree);

    if ((status == HIC_OK) && ((tree.parent != 0u) || (tree.last != drained->context))) {
        status = HIC_ERROR_CONTEXT;
    }
    for (uint32_t other = 0u; (other < hic->harts) && (status == HIC_OK); other++) {
        uint32_t running = 0u;

        if (other != hart) {
            status = hic_get_running(hic, other, &running);
        }
        if ((status == HIC_OK) && (running == drained->context)) {
            status = HIC_ERROR_BUSY;
        }
    }
    drained->unit = hic_plic_context(0u, tree.by_mode);
    return status;
}

/* Writes what each word of ALLOW of the context is to be, whatever happened before. */
static enum hic_status allow(const struct drained *drained, uint32_t bits)
{
    enum hic_status status = HIC_OK;

    for (uint32_t word = 0u; word < hic_words(drained->hic); word++) {
        status = hic_first(status, hic_set_allowed(drained->hic, drained->context, word, bits));
    }
    return status;
}

/* Enables what waits, of the lowest priority. */
static enum hic_status enable_waiting(const struct drained *drained)
{
    const struct hic *hic = drained->hic;
    enum hic_status status = HIC_OK;

    for (uint32_t word = 0u; (word < hic_words(hic)) && (status == HIC_OK); word++) {
        uint32_t waiting = 0u;

        status = hic_read(hic, drained->context, HIC_PENDING(word), &waiting);
        for (uint32_t bit = 0u; bit < 32u; bit++) {
            if (((waiting >> bit) & 1u) != 0u) {
                status = put(status, drained, HIC_PRIORITY((32u * word) + bit), 1u);
            }
        }
        status = put(status, drained, HIC_ENABLE(drained->unit, word), waiting);
    }
    return status;
}

/*
 * Claims until nothing comes. While the best of several injections is searched, and the search may wait for one of each
 * other hart, a claim takes nothing: so many reads, of 4 cycles at least, outlast that (section 9).
 */
static enum hic_status claim_waiting(const struct drained *drained)
{
    const struct hic *hic = drained->hic;
    const uint32_t enough = 1u + ((hic->harts * (12u + hic_words(hic) + hic->sources)) / 4u);
    uint32_t left = 2u * hic->sources; /* an event and an injection of each */
    uint32_t empty = 0u;
    enum hic_status status = HIC_OK;

    while ((empty < enough) && (status == HIC_OK)) {
        uint32_t source = 0u;

        status = hic_read(hic, drained->context, HIC_CLAIM(drained->unit), &source);
        if (status != HIC_OK) {
            /* the controller has refused the claim */
        } else if (source == 0u) {
            empty++;
        } else if (left == 0u) {
            status = HIC_ERROR_BUSY;
        } else {
            left--;
            empty = 0u;
        }
    }
    return status;
}

/* Completes all that the context may hold, and returns what a guest can write to its value at reset. */
static enum hic_status clear(const struct drained *drained)
{
    const uint32_t sources = drained->hic->sources;
    enum hic_status status = HIC_OK;

    for (uint32_t source = 1u; source <= sources; source++) {
        status = put(status, drained, HIC_CLAIM(drained->unit), source);
    }
    for (uint32_t word = 0u; word < hic_words(drained->hic); word++) {
        status = put(status, drained, HIC_ENABLE(drained->unit, word), 0u);
    }
    for (uint32_t source = 1u; source <= sources; source++) {
        status = put(status, drained, HIC_PRIORITY(source), 0u);
    }
    status = put(status, drained, HIC_THRESHOLD(drained->unit), 0u);
    return put(status, drained, HIC_VECTOR_BASE_OFFSET, 0u);
}

enum hic_status hic_drain(const struct hic *hic, uint32_t context, uint32_t hart)
{
    struct drained drained = {hic, context, 0u};
    enum hic_status status =
        hic_first(hic_check_host(hic), hic_first(hic_check_hart(hic, hart), hic_check_below(hic, context)));

    if (status == HIC_OK) {
        status = find(&drained, hart);
    }
    if (status == HIC_OK) {
        status = hic_run(hic, hart, context);
    }
    if (status == HIC_OK) {
        status = put(status, &drained, HIC_THRESHOLD(drained.unit), hic->priority_max); /* keeps its line low */
        status = hic_first(status, allow(&drained, ALL_SOURCES));
        if (status == HIC_OK) {
            status = enable_waiting(&drained);
        }
        if (status == HIC_OK) {
            status = claim_waiting(&drained);
        }
        /* From here on whatever happened: the context is left powerless. */
        status = hic_first(status, clear(&drained));
        status = hic_first(status, allow(&drained, 0u));
        status = hic_first(status, hic_run(hic, hart, 0u));
        status = hic_first(status, hic_write(hic, 0u, HIC_EVENTS(context), ALL_EVENTS));
    }
    return status;
}
