/* Instructions that trap, decoded and carried out. */
#ifndef INSN_H
#define INSN_H

#include "vcpu.h"

/* Fetches the instruction at which the guest has trapped. */
uint32_t insn_fetch(uint64_t pc);

/* A load or a store of 32 bits. Returns false if the instruction is neither. */
struct access {
    bool write;
    uint32_t rd;
    uint32_t value; /* to be stored */
    bool is_signed; /* how a loaded word is extended */
};
bool insn_access(const struct vcpu *vcpu, uint32_t instruction, struct access *access);

/* Carries out an instruction of the hypervisor extension for a child that is a VMM. */
void insn_virtual(struct vcpu *vcpu, uint32_t instruction);

/* hcsr.c: an access to a register of the hypervisor extension. Returns false if there is no such register. */
bool hcsr_read(const struct vcpu *vcpu, uint32_t csr, uint64_t *value);
bool hcsr_write(struct vcpu *vcpu, uint32_t csr, uint64_t value);

#endif
