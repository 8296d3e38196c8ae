//! Compiles the eBPF programs with the toolchain that this machine has.
