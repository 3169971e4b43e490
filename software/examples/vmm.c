/* A VMM at any level: it gives sources to its children, shares them, and looks after what happens to them. */
#include "nested.h"

/* Boots a virtual VMM: it asks the VMM above for a source by enabling it, as a guest would. */
enum hic_status vmm_boot(struct vmm *vmm, uintptr_t base, uint32_t source)
{
    enum hic_status status = hic_init(&vmm->hic, base);

    vmm->wake = 0u;
    vmm->violations = 0u;
    vmm->stuck = 0u;
    if (status == HIC_OK) {
        status = hic_set_threshold(&vmm->hic, 0u, 0u);
    }
    if (status == HIC_OK) {
        status = hic_set_priority(&vmm->hic, source, 1u);
    }
    if (status == HIC_OK) {
        status = hic_enable(&vmm->hic, 0u, source);
    }
    return status;
}

/* Makes a child that is a plain guest, and lets it see a source. Nothing reaches it until it enables the source. */
enum hic_status vmm_make_guest(struct vmm *vmm, uint32_t context, uint32_t source)
{
    const struct hic_tree place = {context, 0u, false, 0u};
    enum hic_status status = hic_set_tree(&vmm->hic, context, &place);

    if (status == HIC_OK) {
        status = hic_allow(&vmm->hic, context, source);
    }
    return status;
}

/* Gives a source to the child that asks first; when a second one asks, the VMM shares it between them. */
static enum hic_status grant(const struct hic *hic, uint32_t child, uint32_t source)
{
    struct hic_route route = {0u, 0u, false};
    enum hic_status status = hic_get_route(hic, source, &route);

    if (status != HIC_OK) {
        /* the VMM above has not given the source to this VMM */
    } else if (route.owner == hic->self) {
        status = hic_route(hic, source, child, route.home);
    } else if ((route.owner != child) && !route.shared) {
        status = hic_share(hic, source, route.owner, route.home);
        if (status == HIC_OK) {
            status = hic_set_priority(hic, source, 1u);
        }
        if (status == HIC_OK) {
            status = hic_enable(hic, (hic->self == 0u) ? route.home : 0u, source);
        }
    } else {
        /* it reaches the child already */
    }
    return status;
}

/* Grants all that a child asks for. The flag is clear by now: what it asks for from here on is an event again. */
static enum hic_status grant_requests(const struct hic *hic, uint32_t child)
{
    enum hic_status status = HIC_OK;

    for (uint32_t word = 0u; (word <= (hic->sources / 32u)) && (status == HIC_OK); word++) {
        uint32_t bits = 0u;

        status = hic_take_requests(hic, child, word, &bits);
        for (uint32_t bit = 0u; (bit < 32u) && (status == HIC_OK); bit++) {
            if (((bits >> bit) & 1u) != 0u) {
                status = grant(hic, child, (32u * word) + bit);
            }
        }
    }
    return status;
}

/* Deals with all events about the VMM's children. */
enum hic_status vmm_on_events(struct vmm *vmm)
{
    struct hic_event event = {HIC_CAUSE_NONE, 0u, 0u, 0u, false};
    enum hic_status status = hic_take_event(&vmm->hic, &event);

    while ((status == HIC_OK) && (event.cause != HIC_CAUSE_NONE)) {
        switch (event.cause) {
        case HIC_CAUSE_REQUEST:
            status = grant_requests(&vmm->hic, event.context);
            break;
        case HIC_CAUSE_DOORBELL:
            vmm->wake = event.context; /* something waits for a child that does not run: schedule it */
            break;
        case HIC_CAUSE_VIOLATION:
            vmm->violations++; /* event.offset and event.is_write say what the child tried */
            break;
        case HIC_CAUSE_STUCK:
            vmm->stuck++; /* a child has not completed in time: the others get the next event */
            status = hic_force_complete(&vmm->hic, event.source);
            break;
        default:
            status = HIC_ERROR_VERSION;
            break;
        }
        if (status == HIC_OK) {
            status = hic_take_event(&vmm->hic, &event);
        }
    }
    return status;
}

/* Handles interrupts of the VMM: each is of a source that its children share. */
enum hic_status vmm_on_interrupt(struct vmm *vmm, uint32_t unit)
{
    uint32_t source = 0u;
    uint32_t count = 0u;
    enum hic_status status = hic_claim(&vmm->hic, unit, &source);

    while ((status == HIC_OK) && (source != 0u)) {
        status = hic_inject_all(&vmm->hic, source, &count);
        status = (status == HIC_OK) ? hic_complete(&vmm->hic, unit, source) : status;
        status = (status == HIC_OK) ? hic_claim(&vmm->hic, unit, &source) : status;
    }
    return status;
}
