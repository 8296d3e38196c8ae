//! `kernel_ipsec`: the kernel's own IPsec.

use super::Io;
use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "kernel_ipsec",
    summary: "the kernel's IPsec (XFRM): ESP in tunnel mode, in its NAPI threads",
    paper: "RouteBricks' in-kernel IPsec in Marian, Lee, Weatherspoon, ANCS'12, section 4.3",
    fidelity: "not RouteBricks: the kernel's own states and policies, AES-128-CBC, keys as the user-space gateways have \
               them; refused where the kernel was built without ESP",
    ios: &[Io::Kernel],
    io_reason: "frames stay in the kernel's network stack",
    fixed_owners: Some(0),
    processors: &[ProcessorKind::Ipsec],
    ..Traits::FORWARDER
};
