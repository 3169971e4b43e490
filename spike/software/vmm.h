/* A VMM at any level, with one child on each of its harts. */
#ifndef VMM_H
#define VMM_H

#include "../../software/hic.h"
#include "../../software/plic.h"
#include "machine.h"
#include "vcpu.h"

#define HARTS_MAX 4u

struct vmm {
    uint32_t level;
    struct hic hic;              /* its controller */
    struct plic plic[HARTS_MAX]; /* or, of harts whose children get an emulated PLIC, its PLIC */
    struct vcpu child[HARTS_MAX];
    volatile uint32_t ready;     /* L0: hart 0 has set the controller up */
    volatile uint32_t lock;      /* L0: events are dealt with on one hart at a time */
};

extern struct vmm vmm;

/* setup.c: makes the child of a hart. L0 calls it on hart 0 for all harts first, then on each. */
void vmm_set_up_controller(void);
void vmm_set_up_child(uint32_t hart);

/* trap.c: handles the trap that the child has just taken. */
void vmm_trap(struct vcpu *vcpu);

/* routes.c: tells the controller which context runs; handles interrupts and notices. */
void vmm_switch(const struct vcpu *vcpu, uint32_t context);
void vmm_external(struct vcpu *vcpu);
void vmm_notice(struct vcpu *vcpu);

/* emulated.c: the same for a child with an emulated PLIC; an access of the child to it. */
void vmm_external_emulated(struct vcpu *vcpu);
void vmm_access_emulated(struct vcpu *vcpu, uint32_t offset);

/* Checks a result of the driver. */
void vmm_must(uint32_t status, const char *text);

#endif
