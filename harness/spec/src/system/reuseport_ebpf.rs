//! `reuseport_ebpf`: a program of the sockets' group chooses by key.

use super::traits::Traits;
use super::{Io, MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "reuseport_ebpf",
    summary: "an SK_REUSEPORT program reads the key and chooses the owner's kernel socket",
    paper: "the kernel's own hook for what ENCP'19 does in XDP (SO_REUSEPORT with eBPF, Linux 4.19)",
    fidelity: "real on every kind of device: no XDP, no bypass, the same key hash and table; the stack \
               runs on the CPU that the packet came to, and what then changes CPUs is counted",
    ios: &[Io::Udp],
    io_reason: "it chooses among kernel sockets, which AF_XDP bypasses",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    kernel_table: true,
    moves_slots: true,
    multi_key: MultiKey::BY_FIRST_KEY,
    needs_programs: true,
    encryption_refusal: Some("its program reads the key where the kernel looks for the socket"),
    ..Traits::SERVER
};
