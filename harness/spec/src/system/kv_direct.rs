//! `kv_direct`: the whole store is an XDP program.

use super::Io;
use super::limits::Limits;
use super::traits::Traits;
use crate::units::Bytes;

/// An item has 288 bytes, its entry in the kernel's hash table some 80.
const LIMITS: Limits = Limits {
    key: Bytes(64),
    value: Bytes(192),
    reason: "a reply is written over its request, and a frame of veth has room for 216 more bytes",
    per_key: Bytes(368),
};

pub(super) const TRAITS: Traits = Traits {
    name: "kv_direct",
    summary: "the whole store in an XDP program: gets and sets are answered inside NAPI",
    paper: "Li et al., KV-Direct, SOSP'17",
    fidelity: "XDP in the driver stands in for the paper's FPGA on the NIC: it costs CPU time, that of \
               the NAPI threads; get and set of one key in ASCII, up to 64 and 192 B; no vector \
               operations, no expiry",
    ios: &[Io::AfXdp],
    io_reason: "it is an XDP program and nothing else",
    wakeups: &[],
    service_refusal: Some("an XDP program cannot burn time"),
    drain_refusal: Some("serves inside NAPI, where nothing can be held"),
    fixed_owners: Some(0),
    limits: Some(&LIMITS),
    needs_xdp: true,
    encryption_refusal: Some("its XDP program would have to decrypt, and hold the keys"),
    ..Traits::SERVER
};
