//! The compiled eBPF programs, embedded, with typed loading and attachment.
