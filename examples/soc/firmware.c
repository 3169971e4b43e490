/* Firmware of the example: machine mode is the hypervisor, supervisor mode the guest.
 *
 * Source 1 is the guest's: its interrupt gets into supervisor mode directly. Source 2 is the hypervisor's: a trap. The
 * guest computes meanwhile, so that an interrupt meets it in any phase. PLIC is defined for the plain PLIC.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CONTROLLER 0xF0000000u
#define DEVICES 0xE0000000u
#define COUNTER REGISTER(DEVICES + 0)
#define COMPARE REGISTER(DEVICES + 4)
#define LOWER REGISTER(DEVICES + 8)
#define WORD REGISTER(DEVICES + 12)
#define PRIORITY(window, source) REGISTER((window) + 4 * (source))
#define ENABLE(window, context) REGISTER((window) + 0x2000 + 0x80 * (context))
#define THRESHOLD(window, context) REGISTER((window) + 0x200000 + 0x1000 * (context))
#define CLAIM(window, context) REGISTER((window) + 0x200004 + 0x1000 * (context))

#ifdef PLIC
#define HOST CLAIM(CONTROLLER, 0)
#define GUEST CLAIM(CONTROLLER, 1)
#else
#define WINDOW_BYTES 0x400000u
#define HOST CLAIM(CONTROLLER, 0)
#define GUEST CLAIM(CONTROLLER + WINDOW_BYTES, 0)
#endif

enum { GUEST_SOURCE = 1, HOST_SOURCE = 2, FAULT = 0xDEAD0000, READY = 1, TICK_CYCLES = 997 };

#define CSR_WRITE(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"r"(value))
#define CSR_SET(csr, value) __asm__ volatile("csrs " #csr ", %0" ::"r"(value))
#define CSR_READ(csr, value) __asm__ volatile("csrr %0, " #csr : "=r"(value))

/* The stack and the first instruction, at the reset vector. */
__asm__(".section .start, \"ax\"\n.global _start\n_start: la sp, stack_top\n j boot\n .text\n");

static void fail(uint32_t what) {
    WORD = FAULT | what;
    for (;;) {
    }
}

/* Claims what the pin asked for; a claim of nothing would be an interrupt that the pin had asked for twice. */
static inline void serve(volatile uint32_t *claim, uint32_t source) {
    uint32_t taken = *claim;
    if (taken != source)
        fail(source << 8 | taken);
    LOWER = source;
    (void)COUNTER; /* the wire is low before the completion samples it */
    *claim = source;
}

__attribute__((interrupt("supervisor"), aligned(4))) void guest_handler(void) {
    serve(&GUEST, GUEST_SOURCE);
}

__attribute__((interrupt("machine"), aligned(4))) void host_handler(void) {
    uint32_t cause;
    CSR_READ(mcause, cause);
    if (cause == 0x80000007u)
        COMPARE = COUNTER + TICK_CYCLES;
    else if (cause == 0x8000000Bu)
        serve(&HOST, HOST_SOURCE);
    else
        fail(cause);
}

/* Loads, stores, multiplications and divisions, for ever. */
static void guest(void) {
    static volatile uint32_t table[64];
    uint32_t value = 1;
    WORD = READY;
    for (;;)
        for (uint32_t i = 0; i < 64; i++) {
            value = value * 1664525u + 1013904223u;
            table[value >> 26] = value / (i + 3) + table[i];
        }
}

static void set_up_controller(void) {
#ifdef PLIC
    PRIORITY(CONTROLLER, GUEST_SOURCE) = 1;
    PRIORITY(CONTROLLER, HOST_SOURCE) = 1;
    ENABLE(CONTROLLER, 0) = 1u << HOST_SOURCE;
    ENABLE(CONTROLLER, 1) = 1u << GUEST_SOURCE;
    THRESHOLD(CONTROLLER, 0) = 0;
    THRESHOLD(CONTROLLER, 1) = 0;
#else
    const uint32_t host = CONTROLLER, guest_window = CONTROLLER + WINDOW_BYTES;
    REGISTER(host + HIC_TRIGGER + 4 * GUEST_SOURCE) = 1;
    REGISTER(host + HIC_TRIGGER + 4 * HOST_SOURCE) = 1;
    REGISTER(host + HIC_ALLOW + HIC_ALLOW_STRIDE) = 1u << GUEST_SOURCE;
    PRIORITY(host, HOST_SOURCE) = 1;
    ENABLE(host, 0) = 1u << HOST_SOURCE;
    REGISTER(host + HIC_ROUTE + 4 * GUEST_SOURCE) = 1; /* owner: context 1 */
    PRIORITY(guest_window, GUEST_SOURCE) = 1;
    ENABLE(guest_window, 0) = 1u << GUEST_SOURCE;
    REGISTER(host + HIC_RUNNING) = 1; /* context 1 runs on hart 0 */
    (void)REGISTER(host + HIC_RUNNING); /* the write is served: from here on pins are the guest's */
#endif
}

void boot(void) {
    CSR_WRITE(mtvec, host_handler);
    CSR_WRITE(stvec, guest_handler);
    CSR_WRITE(mideleg, 1u << 9);
    CSR_WRITE(0xBC0, 1u); /* VexRiscv's masks: pin 0 is machine mode's, */
    CSR_WRITE(0x9C0, 2u); /* pin 1 supervisor mode's */
    set_up_controller();
    COMPARE = COUNTER + TICK_CYCLES;
    CSR_WRITE(mie, 1u << 11 | 1u << 7 | 1u << 9);
    CSR_SET(sstatus, 1u << 1);
    uint32_t status = 1u << 11 | 1u << 7 | 1u << 1; /* to supervisor mode; interrupts on in both */
    CSR_WRITE(mstatus, status);
    CSR_WRITE(mepc, guest);
    __asm__ volatile("mret");
}
