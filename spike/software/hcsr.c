/* The registers of the hypervisor extension that a child sees: kept in memory while the child itself runs. */
#include "csr.h"
#include "insn.h"
#include "machine.h"

#define HSTATUS_MASK (HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_GVA | HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR)
#define HSTATUS_VSXL_64 (UINT64_C(2) << 32)
#define ALL (~UINT64_C(0))

/* A register that is kept as it is: where, and which bits can be written. NULL if the number is of no such one. */
static uint64_t *plain(struct vcpu *vcpu, uint32_t csr, uint64_t *mask)
{
    struct supervisor *vs = &vcpu->other; /* of the child's guest, which does not run now */
    struct hypervisor *h = &vcpu->h;

    *mask = ALL;
    switch (csr) {
    case CSR_VSSTATUS: *mask = SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | UINT64_C(0xc0000); return &vs->status;
    case CSR_VSTVEC: return &vs->tvec;
    case CSR_VSSCRATCH: return &vs->scratch;
    case CSR_VSEPC: *mask = ~UINT64_C(1); return &vs->epc;
    case CSR_VSCAUSE: return &vs->cause;
    case CSR_VSTVAL: return &vs->tval;
    case CSR_VSATP: return &vs->atp;
    case CSR_HVIP: *mask = HVIP_ALL; return &vs->hvip;
    case CSR_HSTATUS: *mask = HSTATUS_MASK; return &h->hstatus;
    case CSR_HEDELEG: *mask = HEDELEG_ALL; return &h->hedeleg;
    case CSR_HIDELEG: *mask = HVIP_ALL; return &h->hideleg;
    case CSR_HTIMEDELTA: return &h->htimedelta;
    case CSR_HCOUNTEREN: *mask = UINT64_C(7); return &h->hcounteren;
    case CSR_HGEIE: *mask = 0u; return &h->hgeie; /* GEILEN is 0 */
    case CSR_HENVCFG: *mask = 0u; return &h->henvcfg;
    case CSR_HTVAL: return &h->htval;
    case CSR_HTINST: return &h->htinst;
    case CSR_HGATP:
        *mask = HGATP_SV39X4 | (HGATP_VMID_MASK << HGATP_VMID_SHIFT) | HGATP_PPN_MASK;
        return &h->hgatp;
    default: return (uint64_t *)0;
    }
}

bool hcsr_read(const struct vcpu *vcpu, uint32_t csr, uint64_t *value)
{
    uint64_t mask = 0u;
    const uint64_t *kept = plain((struct vcpu *)vcpu, csr, &mask);

    if (csr == CSR_HSTATUS) {
        *value = *kept | HSTATUS_VSXL_64;
    } else if (kept != 0) {
        *value = *kept;
    } else if (csr == CSR_VSIE) {
        *value = vcpu->other.ie;
    } else if (csr == CSR_HIE) {
        *value = vcpu->other.ie << 1;
    } else if (csr == CSR_VSIP) {
        *value = (vcpu->other.hvip & vcpu->h.hideleg) >> 1;
    } else if (csr == CSR_HIP) {
        *value = vcpu->other.hvip;
    } else if (csr == CSR_HGEIP) {
        *value = 0u;
    } else {
        return false;
    }
    return true;
}

bool hcsr_write(struct vcpu *vcpu, uint32_t csr, uint64_t value)
{
    uint64_t mask = 0u;
    uint64_t *kept = plain(vcpu, csr, &mask);

    if (kept != 0) {
        *kept = (*kept & ~mask) | (value & mask);
    } else if (csr == CSR_VSIE) {
        vcpu->other.ie = value & (HVIP_ALL >> 1);
    } else if (csr == CSR_HIE) {
        vcpu->other.ie = (value & HVIP_ALL) >> 1;
    } else if ((csr == CSR_VSIP) || (csr == CSR_HIP)) {
        const uint64_t bit = HVIP_VSSIP; /* the only one that can be written there */
        const uint64_t wanted = (csr == CSR_VSIP) ? (value << 1) : value;

        vcpu->other.hvip = (vcpu->other.hvip & ~bit) | (wanted & bit);
    } else {
        return false;
    }
    return true;
}
