/* How software gives up: a text on the machine's console and a code, which end the run. */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

_Noreturn void give_up(const char *text, uint64_t value);

#endif
