/* The child's guest: entries and exits that the hart would make if the child had the hypervisor extension. */
#ifndef NESTED_H
#define NESTED_H

#include "vcpu.h"

/* Emulates SRET of a child that is a VMM: it enters its guest, or returns within itself. */
void nested_sret(struct vcpu *vcpu);

/* Takes the child out of its guest, with this cause. `value` is stval, `address` htval. */
void nested_exit(struct vcpu *vcpu, uint64_t cause, uint64_t value, uint64_t address);

/* Takes the child out of its guest if it has an interrupt pending that it takes. */
void nested_check(struct vcpu *vcpu);

#endif
