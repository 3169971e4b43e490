/* The virtual CPU of a VMM's child. */
#include "vcpu.h"

#include "csr.h"
#include "machine.h"
#include "nested.h"
#include "report.h"
#include "vmm.h"

/* No value of these registers: so that the first one is written. */
#define UNKNOWN (~UINT64_C(0))

/* D, A, U, X, W, R and V: the G-stage treats every access as one of user mode. */
#define PAGE_FLAGS UINT64_C(0xdf)

static void map(struct vcpu *vcpu, uint64_t guest, uint64_t address, uint64_t bytes)
{
    for (uint64_t offset = 0u; offset < bytes; offset += MEGAPAGE) {
        if (!gstage_map(&vcpu->memory, guest + offset, address + offset, MEGAPAGE, PAGE_FLAGS)) {
            give_up("no room to map a guest's memory at", guest + offset);
        }
    }
}

void vcpu_init(struct vcpu *vcpu, uint64_t memory, uint64_t bytes)
{
    gstage_clear(&vcpu->memory);
    map(vcpu, MEMORY_BASE, memory, bytes);
    map(vcpu, CONTROL_BASE, CONTROL_BASE, MEGAPAGE);
    if (vcpu->policy != POLICY_TRAPPED) {
        const uint64_t windows = vcpu->last - vcpu->context + 1u;

        map(vcpu, CONTROLLER_BASE, CONTROLLER_BASE + vcpu->relative * HIC_WINDOW_BYTES, windows * HIC_WINDOW_BYTES);
    }
    vcpu->pc = MEMORY_BASE;
    vcpu->x[10] = 0u; /* a0: the hart; a child has one */
    vcpu->x[11] = vcpu->level;
    vcpu->nested = false;
    vcpu->hgatp = vcpu->hedeleg = vcpu->hideleg = vcpu->hstatus = vcpu->running = UNKNOWN;
    shadow_flush(&vcpu->shadows);
    csr_write(hvip, 0u);
    csr_write(hcounteren, 7u);
    csr_set(sstatus, SSTATUS_SPP);
    vcpu_load(vcpu);
}

void vcpu_load(struct vcpu *vcpu)
{
    const struct hypervisor *h = &vcpu->h;
    const uint64_t vmid = (h->hgatp >> HGATP_VMID_SHIFT) & HGATP_VMID_MASK;
    const uint64_t context = vcpu->relative + (vcpu->nested ? vmid : 0u);
    const struct gstage *table = vcpu->nested ? &shadow_of(&vcpu->shadows, h->hgatp)->table : &vcpu->memory;
    const uint64_t hgatp = gstage_hgatp(table) | (context << HGATP_VMID_SHIFT);
    const uint64_t hedeleg = vcpu->nested ? (HEDELEG_ALL & h->hedeleg) : HEDELEG_ALL;
    const uint64_t hideleg = vcpu->nested ? (HVIP_ALL & h->hideleg) : HVIP_ALL;
    const uint64_t traps = vcpu->nested ? (h->hstatus & (HSTATUS_VTSR | HSTATUS_VTW | HSTATUS_VTVM))
                                        : (vcpu->is_vmm ? HSTATUS_VTSR : 0u);

    if (hgatp != vcpu->hgatp) {
        csr_write(hgatp, hgatp);
        vcpu->hgatp = hgatp;
    }
    if (hedeleg != vcpu->hedeleg) {
        csr_write(hedeleg, hedeleg);
        vcpu->hedeleg = hedeleg;
    }
    if (hideleg != vcpu->hideleg) {
        csr_write(hideleg, hideleg);
        vcpu->hideleg = hideleg;
    }
    if (traps != vcpu->hstatus) {
        csr_write(hstatus, traps | HSTATUS_SPV | HSTATUS_SPVP);
        vcpu->hstatus = traps;
    }
    if (context != vcpu->running) {
        vmm_switch(vcpu, (uint32_t)context);
        vcpu->running = context;
    }
}

_Noreturn void vcpu_run(struct vcpu *vcpu)
{
    for (;;) {
        world_enter(vcpu);
        vmm_trap(vcpu);
    }
}

void vcpu_pend(struct vcpu *vcpu, uint64_t bits)
{
    if (vcpu->nested) {
        vcpu->other.hvip |= bits;
        nested_check(vcpu);
    } else {
        csr_set(hvip, bits);
    }
}

void vcpu_unpend(struct vcpu *vcpu, uint64_t bits)
{
    if (vcpu->nested) {
        vcpu->other.hvip &= ~bits;
    } else {
        csr_clear(hvip, bits);
    }
}

void vcpu_raise(struct vcpu *vcpu, uint64_t cause, uint64_t value)
{
    const bool supervisor = (csr_read(sstatus) & SSTATUS_SPP) != 0u;
    const uint64_t status = csr_read(vsstatus);

    if (vcpu->nested) {
        nested_exit(vcpu, cause, value, 0u);
        return;
    }
    csr_write(vsepc, vcpu->pc);
    csr_write(vscause, cause);
    csr_write(vstval, value);
    csr_write(vsstatus, (status & ~(SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP)) |
                            (((status & SSTATUS_SIE) != 0u) ? SSTATUS_SPIE : 0u) | (supervisor ? SSTATUS_SPP : 0u));
    vcpu->h.hstatus &= ~HSTATUS_SPV;
    vcpu->pc = csr_read(vstvec) & ~UINT64_C(3);
    csr_set(sstatus, SSTATUS_SPP);
}

void vcpu_skip(struct vcpu *vcpu, uint32_t instruction)
{
    vcpu->pc += ((instruction & 3u) == 3u) ? 4u : 2u;
}
