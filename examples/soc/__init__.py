"""A system on a chip: a RISC-V CPU with machine and supervisor mode, the controller, RAM, a timer and devices."""
