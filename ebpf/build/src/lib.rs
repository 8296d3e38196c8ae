//! Compiles the eBPF programs with the toolchain that this machine has.
//!
//! Called by the loader's build script (so that an ordinary `cargo build` is enough) and by
//! xtask. The programs are a workspace of their own, built for another target by a cargo that
//! this crate starts with a cleared environment and a target folder of its own: sharing the outer
//! one would deadlock on cargo's lock.
//!
//! **Caching.** Cargo runs the loader's build script once per profile and per set of flags (check,
//! clippy, test, release ...). The objects are the same each time, so they are kept under
//! `<target>/ebpf/objects/<hash of all inputs>` and only copied. A file lock covers looking up and
//! compiling, so two cargos at once compile once; a set of objects appears by renaming a folder,
//! so an interrupted build leaves nothing half-made. The hash covers every source file, the lock
//! file, the flags, and the identity of compiler and linker: nothing stale can be found under it.

mod cache;
mod compile;
mod inputs;
mod toolchain;

pub use compile::{Built, Error, compile};
pub use inputs::Layout;
pub use toolchain::{Missing, Toolchain, find};
