//! What a spec may ask of a system.

use super::limits::Limits;
use super::{Engine, Io, MultiKey, Wakeup};
use crate::traffic::ProcessorKind;

/// See [`SystemKind`](super::SystemKind), whose methods say what each field means.
pub(super) struct Traits {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) paper: &'static str,
    pub(super) fidelity: &'static str,
    pub(super) ios: &'static [Io],
    pub(super) io_reason: &'static str,
    pub(super) engines: &'static [Engine],
    pub(super) engine_reason: &'static str,
    pub(super) wakeups: &'static [Wakeup],
    pub(super) default_wakeup: Option<Wakeup>,
    pub(super) service_refusal: Option<&'static str>,
    pub(super) drain_refusal: Option<&'static str>,
    pub(super) encryption_refusal: Option<&'static str>,
    pub(super) queue_per_owner: bool,
    pub(super) fixed_owners: Option<u16>,
    pub(super) limits: Option<&'static Limits>,
    pub(super) is_virtual: bool,
    pub(super) clusters: bool,
    pub(super) dispatcher: bool,
    pub(super) large_owners: bool,
    pub(super) hashes_flows: bool,
    pub(super) caches: bool,
    pub(super) kernel_table: bool,
    pub(super) moves_slots: bool,
    pub(super) multi_key: &'static [MultiKey],
    pub(super) spreads_hot_keys: bool,
    pub(super) needs_programs: bool,
    pub(super) needs_xdp: bool,
    pub(super) xdp_options: bool,
    pub(super) forwards: bool,
    pub(super) processors: &'static [ProcessorKind],
    pub(super) divides_frames: bool,
    pub(super) batches: bool,
    pub(super) peers: bool,
    pub(super) filters: bool,
    pub(super) qdisc_bypass: bool,
    pub(super) isolates: bool,
    pub(super) asks_kernel: bool,
}

impl Traits {
    /// What most servers of this project are: threads that serve both kinds of packet I/O, hand
    /// nothing to each other, and sleep until packets come or poll. Name and texts are empty.
    pub(super) const SERVER: Self = Self {
        name: "",
        summary: "",
        paper: "",
        fidelity: "",
        ios: &[Io::Udp, Io::AfXdp],
        io_reason: "it runs on both",
        engines: &[Engine::Slab, Engine::Log],
        engine_reason: "it runs on both",
        wakeups: &[Wakeup::Spin],
        default_wakeup: None,
        service_refusal: None,
        drain_refusal: None,
        encryption_refusal: None,
        queue_per_owner: false,
        fixed_owners: None,
        limits: None,
        is_virtual: false,
        clusters: false,
        dispatcher: false,
        large_owners: false,
        hashes_flows: false,
        caches: false,
        kernel_table: false,
        moves_slots: false,
        multi_key: &[],
        spreads_hot_keys: false,
        needs_programs: false,
        needs_xdp: false,
        xdp_options: false,
        forwards: false,
        processors: &[],
        divides_frames: false,
        batches: false,
        peers: false,
        filters: false,
        qdisc_bypass: false,
        isolates: false,
        asks_kernel: false,
    };

    /// What the packet systems are: threads that forward frames by packet sockets, with any processor. Sender and
    /// receiver of their trials are XDP programs. Name and texts are empty.
    pub(super) const FORWARDER: Self = Self {
        ios: &[Io::PacketSocket],
        io_reason: "its way of receiving and sending is what it is",
        engines: &[],
        engine_reason: "it forwards frames and keeps nothing",
        wakeups: &[],
        service_refusal: Some("it serves no requests"),
        drain_refusal: Some("forwards frames and serves no requests"),
        encryption_refusal: Some("it serves no requests"),
        needs_xdp: true,
        forwards: true,
        processors: &ProcessorKind::ALL,
        ..Self::SERVER
    };

    /// Ways of waking of a system whose threads hand requests to each other.
    pub(super) const EVERY_WAKEUP: &'static [Wakeup] =
        &[Wakeup::Eventfd, Wakeup::Spin, Wakeup::Batched];
}
