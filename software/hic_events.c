/* Driver of the hybrid interrupt controller: trap lines, events and counters. hic.h says what each function does. */
#include "hic_access.h"

static bool is_about_a_child(uint32_t cause)
{
    return (cause == HIC_CAUSE_DOORBELL) || (cause == HIC_CAUSE_REQUEST) || (cause == HIC_CAUSE_VIOLATION);
}

enum hic_status hic_read_trap(const struct hic *hic, uint32_t hart, struct hic_trap *trap)
{
    struct hic_trap found = {0u, 0u, 0u, 0u, 0u, 0u};
    enum hic_status status = hic_first(hic_check(trap), hic_first(hic_check_host(hic), hic_check_hart(hic, hart)));

    if (status == HIC_OK) {
        status = hic_read(hic, 0u, HIC_TRAP(hart), &found.word);
    }
    if (status == HIC_OK) {
        found.cause = HIC_GET(TRAP_CAUSE, found.word);
        found.source = HIC_GET(TRAP_SOURCE, found.word);
        found.target = HIC_GET(TRAP_TARGET, found.word);
        found.context = HIC_GET(TRAP_CONTEXT, found.word);
        found.vmm = found.context;
        if (is_about_a_child(found.cause)) {
            struct hic_tree tree = {0u, 0u, false, 0u};

            status = hic_get_tree(hic, found.context, &tree);
            found.vmm = tree.parent;
        }
    }
    if (status == HIC_OK) {
        *trap = found;
    }
    return status;
}

enum hic_status hic_dismiss(const struct hic *hic, uint32_t hart, const struct hic_trap *trap)
{
    enum hic_status status = hic_first(hic_check(trap), hic_first(hic_check_host(hic), hic_check_hart(hic, hart)));

    if ((status == HIC_OK) && !is_about_a_child(trap->cause) && (trap->cause != HIC_CAUSE_STUCK)) {
        status = HIC_ERROR_VALUE;
    }
    if (status == HIC_OK) {
        status = hic_write(hic, 0u, HIC_TRAP(hart), trap->word);
    }
    return status;
}

/* The flag in EVENTS of a cause that EVENT showed. */
static uint32_t flag_of(uint32_t cause)
{
    uint32_t flag = 0u;

    switch (cause) {
    case HIC_CAUSE_DOORBELL:
        flag = HIC_EVENTS_DOORBELL_MASK;
        break;
    case HIC_CAUSE_REQUEST:
        flag = HIC_EVENTS_REQUEST_MASK;
        break;
    case HIC_CAUSE_VIOLATION:
        flag = HIC_EVENTS_VIOLATION_MASK;
        break;
    case HIC_CAUSE_STUCK:
        flag = HIC_EVENTS_STUCK_MASK;
        break;
    default:
        /* no event */
        break;
    }
    return flag;
}

/* Reads what comes with VIOLATION and STUCK: before the flag is cleared, since the next one may change it then. */
static enum hic_status read_details(const struct hic *hic, struct hic_event *event)
{
    uint32_t word = 0u;
    enum hic_status status = HIC_OK;

    if (event->cause == HIC_CAUSE_VIOLATION) {
        status = hic_read(hic, hic->self, HIC_VIOLATION_ADDRESS(event->context), &word);
        event->offset = HIC_GET(VIOLATION_ADDRESS_OFFSET, word);
        event->is_write = HIC_GET(VIOLATION_ADDRESS_WRITE, word) != 0u;
    } else if (event->cause == HIC_CAUSE_STUCK) {
        status = hic_read(hic, hic->self, HIC_STUCK_SOURCE(event->context), &word);
        event->source = HIC_GET(STUCK_SOURCE_SOURCE, word);
    } else {
        /* the others have no details */
    }
    return status;
}

enum hic_status hic_take_event(const struct hic *hic, struct hic_event *event)
{
    struct hic_event found = {0u, 0u, 0u, 0u, false};
    uint32_t word = 0u;
    enum hic_status status = hic_first(hic_check(event), hic_check(hic));

    if (status == HIC_OK) {
        status = hic_read(hic, hic->self, HIC_EVENT_OFFSET, &word);
        found.cause = HIC_GET(EVENT_CAUSE, word);
        found.context = HIC_GET(EVENT_CONTEXT, word);
    }
    if (status == HIC_OK) {
        status = read_details(hic, &found);
    }
    if ((status == HIC_OK) && (found.cause != HIC_CAUSE_NONE)) {
        status = hic_write(hic, hic->self, HIC_EVENTS(found.context), flag_of(found.cause));
    }
    if (status == HIC_OK) {
        *event = found;
    }
    return status;
}

enum hic_status hic_take_requests(const struct hic *hic, uint32_t context, uint32_t word, uint32_t *bits)
{
    uint32_t found = 0u;
    enum hic_status status =
        hic_first(hic_check(bits), hic_first(hic_check_below(hic, context), hic_check_word(hic, word)));

    if (status == HIC_OK) {
        status = hic_read(hic, hic->self, HIC_REQUESTS(context, word), &found);
    }
    if ((status == HIC_OK) && (found != 0u)) {
        status = hic_write(hic, hic->self, HIC_REQUESTS(context, word), found);
    }
    if (status == HIC_OK) {
        *bits = found;
    }
    return status;
}

enum hic_status hic_get_count(const struct hic *hic, uint32_t context, uint32_t counter, uint32_t *count)
{
    enum hic_status status =
        hic_first(hic_check(count),
                  hic_first(hic_check_within(hic, context), hic_check_value(counter, HIC_COUNT_DOORBELLS)));

    if (status == HIC_OK) {
        status = hic_read(hic, hic->self, HIC_COUNT(context, counter), count);
    }
    return status;
}
