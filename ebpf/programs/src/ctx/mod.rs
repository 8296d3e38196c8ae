//! The only unsafe code of the programs: reading and writing packets, counting, and the symbols
//! that the loader finds by name.
//!
//! The verifier tracks a packet pointer by identity. It accepts a load through a register only if
//! that same register was compared against the packet's end. The optimiser, left alone, computes
//! the address once for the comparison and again for the load; so the address is computed in
//! assembly, which it cannot repeat. An empty assembly block would do as well, but it breaks the
//! line information of BTF (two lines at one instruction).

mod burn;
mod counts;
mod fib;
mod frame;
mod requests;
mod sockets;
mod values;

pub use burn::*;
pub use counts::*;
pub use fib::*;
pub use frame::*;
pub use requests::*;
pub use sockets::*;
pub use values::*;

/// Declares a read-only setting that the loader fills in. It is a constant to the verifier, which
/// prunes whatever the value excludes.
#[macro_export]
macro_rules! setting {
    ($name:ident: $type:ty = $default:expr) => {
        #[expect(unsafe_code, reason = "the loader finds the symbol by its name")]
        #[unsafe(no_mangle)]
        static $name: aya_ebpf::Global<$type> = aya_ebpf::Global::new($default);
    };
}

/// Declares the program's licence to the kernel: the Rust sources are MIT or Apache-2.0, and the
/// program may be used under the GPL, as some helpers demand.
#[macro_export]
macro_rules! license {
    () => {
        #[expect(unsafe_code, reason = "the kernel finds the licence by its section")]
        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
    };
}
