//! Where the gateway's frames ended.

use pktio::frame::Port;

use crate::ipsec::{NotReceived, NotSent};
use crate::router::{NoWay, Report, RouterCounters};

/// What a gateway did. Counts are frames.
///
/// `received` and [`fragments`](Self::fragments) together are the sum of [`ledger`](Self::ledger).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayCounters {
    /// Frames that came.
    pub received: u64,
    /// Frames that left in the tunnel.
    pub tunnelled: u64,
    /// Frames that were to leave in the tunnel and did not, by [`NotSent::index`].
    pub not_sent: [u64; NotSent::NAMES.len()],
    /// The same where there was no way to the other gateway, by [`NoWay`].
    pub no_way: [u64; NoWay::ALL.len()],
    /// Frames from the other gateway's link that were not opened, by [`NotReceived::index`].
    pub not_received: [u64; NotReceived::NAMES.len()],
    /// ICMP errors of routers on the path between the gateways, which told what it takes.
    pub path_mtu: u64,
    /// Errors for senders on the far side that could not be sent through the tunnel. The frames that they are about stand in
    /// the ledger as reported.
    pub errors_lost: u64,
    /// The link to the other gateway.
    between: Port,
    router: RouterCounters,
}

impl GatewayCounters {
    pub(super) fn new(between: Port, router: RouterCounters) -> Self {
        Self {
            received: 0,
            tunnelled: 0,
            not_sent: Default::default(),
            no_way: Default::default(),
            not_received: Default::default(),
            path_mtu: 0,
            errors_lost: 0,
            between,
            router,
        }
    }

    pub(super) fn with_router(&self, router: &RouterCounters) -> Self {
        Self {
            router: router.clone(),
            ..self.clone()
        }
    }

    /// Frames of the traffic that were given to the transmit path, by the tunnel or past it.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.tunnelled
            + self
                .past_the_tunnel()
                .map(|(_, frames)| frames)
                .sum::<u64>()
    }

    /// Fragments in place of frames that came. Each of them ends in the ledger like a frame that came.
    #[must_use]
    pub const fn fragments(&self) -> u64 {
        self.router.fragments
    }

    /// ICMP errors that were given to the transmit path.
    #[must_use]
    pub fn errors(&self) -> u64 {
        let reported: u64 = Report::ALL.map(|to| self.router.reported(to)).iter().sum();
        reported - self.errors_lost
    }

    fn past_the_tunnel(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let forwarded = (0..).map(Port).zip(self.router.forwarded());
        forwarded
            .filter(|(port, _)| *port != self.between)
            .map(|(port, frames)| (format!("forwarded_{}", port.0), *frames))
    }

    /// Every line of the ledger with its name in results.
    pub fn ledger(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        [("tunnelled".to_owned(), self.tunnelled)]
            .into_iter()
            .chain(self.past_the_tunnel())
            .chain(self.losses())
    }

    /// The lines of frames that came and did not leave: in their place an error, fragments or nothing did.
    pub fn losses(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let router = self.router.ledger();
        let router = router.filter(|(name, _)| !name.starts_with("forwarded_"));
        let own = [("path_mtu", self.path_mtu)].into_iter();
        let not_sent = NotSent::NAMES.into_iter().zip(self.not_sent);
        let no_way = NoWay::ALL.map(NoWay::name).into_iter().zip(self.no_way);
        let not_received = NotReceived::NAMES.into_iter().zip(self.not_received);
        router
            .chain(named("gateway", own))
            .chain(named("seal", not_sent))
            .chain(named("tunnel", no_way))
            .chain(named("open", not_received))
    }
}

fn named(
    of: &'static str,
    lines: impl Iterator<Item = (&'static str, u64)>,
) -> impl Iterator<Item = (String, u64)> {
    lines.map(move |(name, frames)| (format!("{of}_{name}"), frames))
}
