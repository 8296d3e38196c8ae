//! `programmable_rss`: XDP hashes the flow.

use super::Io;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "programmable_rss",
    summary: "XDP hashes the flow (toeplitz or mix) and redirects to any owner; any core serves any key",
    paper: "ENCP'19 section 5 and its reference 32",
    fidelity: "the hash runs on the host's CPU (native XDP) in place of a programmable NIC, behind the \
               queue that RSS chose; the table's 1024 slots in place of the NIC's 128 entries",
    ios: &[Io::AfXdp],
    io_reason: "its XDP program redirects requests into AF_XDP sockets; over kernel sockets the spread \
                by flow is rss_shared",
    hashes_flows: true,
    needs_xdp: true,
    encryption_refusal: Some(
        "it steers by flow, as rss_shared does, and a token changes nothing in that",
    ),
    ..Traits::SERVER
};
